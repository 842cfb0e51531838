"""What the canary concludes: nothing from what it did not see, and nothing that names anybody."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from batchgate_cli.operating.canary import PREFIX
from batchgate_cli.operating.canary_facts import (
    QUESTIONS,
    Manifest,
    Observations,
    SeenEvent,
    SeenRecord,
    WatchedJob,
    findings,
    report,
    settings_of,
)

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACCOUNT = "123456789012"
SECRET = "anas-bucket"
WAITING = {"Status": "Suspended", "SuspendedDate": START, "SuspendedCause": "AwaitingConfirmation"}
NAMING = re.compile(r"\d{12}|arn:|anas-bucket|[0-9a-f]{8}-[0-9a-f]{4}")


def job(*descriptions: dict[str, Any], manifest: Manifest = Manifest.CSV, job_id: str = "job-1") -> WatchedJob:
    """A job that was seen so."""
    watched = WatchedJob(manifest, job_id, START)
    for each in descriptions:
        watched.last = each
        watched.seen.setdefault(each["Status"], each)
    return watched


def shown(seen: Observations) -> dict[str, Any]:
    """The answers by name."""
    return {each.name: each.answer for each in findings(seen) if each.answer is not None}


def test_every_question_has_one_finding() -> None:
    """Whatever was seen: an answer, or why there is none."""
    for with_gate in (True, False):
        found = findings(Observations(with_gate))
        asked = [name for name in QUESTIONS if with_gate or not name.startswith("gate_")]
        assert [each.name for each in found] == asked
        assert all(each.answer is None and each.why_not for each in found)


def test_no_event_at_all_says_nothing_of_the_one_for_suspended() -> None:
    """There may be no trail."""
    seen = Observations(with_gate=False, jobs=[job(WAITING)])
    assert "suspended_event" not in shown(seen)
    seen.events.append(SeenEvent("job-1", "Preparing", START))
    assert "suspended_event" not in shown(seen)
    seen.events.append(SeenEvent("job-1", "Active", START))
    assert shown(seen)["suspended_event"] is False
    seen.events.append(SeenEvent("job-1", "Suspended", START + timedelta(seconds=90)))
    assert (shown(seen)["suspended_event"], shown(seen)["suspended_event_seconds"]) == (True, 90)


def test_a_job_that_did_not_end_says_nothing_of_what_survives() -> None:
    """Nor does one that was never seen Suspended, or was cancelled."""
    ended, runs, cancelled = {"Status": "Complete"}, {"Status": "Active"}, {"Status": "Cancelled"}
    for descriptions in ([WAITING], [WAITING, runs], [runs, ended], [WAITING, cancelled], [WAITING, runs, cancelled]):
        assert "suspended_date_survives" not in shown(Observations(with_gate=False, jobs=[job(*descriptions)]))
    confirmed = job(WAITING, {"Status": "Active"}, ended)
    found = findings(Observations(with_gate=False, jobs=[confirmed]))
    assert settings_of(found) == {"suspended_date_survives": "false"}
    survived = job(WAITING, {"Status": "Active"}, {**ended, "SuspendedDate": START, "StatusUpdateReason": "x"})
    assert settings_of(findings(Observations(with_gate=False, jobs=[survived]))) == {"suspended_date_survives": "true"}


def test_ready_that_may_have_come_late_is_no_answer_about_preparing() -> None:
    """The job became Suspended between the look and the update."""
    late = job({"Status": "Preparing"}, {"Status": "Active", "SuspendedDate": START}, manifest=Manifest.GENERATED)
    late.ready_in_preparing = "accepted"
    assert "ready_in_preparing" not in shown(Observations(with_gate=False, jobs=[late]))


def test_a_job_that_runs_without_waiting_did_not_ask() -> None:
    """Where ConfirmationRequired was omitted, nobody confirmed, and it ran."""
    ran = job({"Status": "Preparing"}, {"Status": "Ready"}, {"Status": "Complete"}, manifest=Manifest.GENERATED)
    assert shown(Observations(with_gate=False, jobs=[ran]))["omitted_confirmation_waits"] is False
    assert "omitted_confirmation_waits" not in shown(Observations(with_gate=True, jobs=[ran]))


def test_why_a_job_failed_is_part_of_what_was_not_shown() -> None:
    """By S3's code, and not by its text, which can name a bucket."""
    failed = job({"Status": "Failed", "FailureReasons": [{"FailureCode": "NoAccess", "FailureReason": SECRET}]})
    why = {each.name: each.why_not for each in findings(Observations(with_gate=False, jobs=[failed]))}
    assert why["total_at_suspended_csv"] == "the job was not seen Suspended; it is Failed (NoAccess)"
    assert SECRET not in str(why)


RECORD = {
    "eventName": "CreateJob",
    "userIdentity": {"type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/x/ana"},
    "requestParameters": {"host": SECRET, "x-amz-account-id": ACCOUNT, f"arn:aws:s3:::{SECRET}": 1, SECRET + "/9": 2},
    "responseElements": {"jobId": "job-1"},
}


def test_the_record_is_reported_by_its_members_alone() -> None:
    """Their names and no values, and no name that is not like a member's."""
    seen = Observations(with_gate=False, jobs=[job(WAITING)], record=SeenRecord(RECORD, "job-1", 312.4))
    facts = shown(seen)
    assert facts["create_job_record"] == [
        "eventName",
        "requestParameters.host",
        "requestParameters.x-amz-account-id",
        "responseElements.jobId",
        "userIdentity.arn",
        "userIdentity.type",
    ]
    assert (facts["create_job_record_names_job"], facts["create_job_record_seconds"]) == (True, 312)


def test_guard_rails_around_the_stacks_names_do_not_meet_the_canary() -> None:
    """They deny changes of rules and queues that begin with the stack's name; S3 takes the name for a bucket."""
    assert not PREFIX.startswith("batchgate")
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{2,50}", PREFIX)


hostile = (
    st.sampled_from([ACCOUNT, f"arn:aws:s3:::{SECRET}", SECRET, "0a5d2f34-6baa-4455-a3e7-0682c2094cac"]) | st.text()
)


@given(cause=hostile, status=hostile, code=hostile, early=hostile, body=hostile, announced=hostile)
def test_a_report_names_nobody(cause: str, status: str, code: str, early: str, body: str, announced: str) -> None:
    """Whatever S3 puts where a word of its own is expected."""
    first = job({**WAITING, "SuspendedCause": cause, "StatusUpdateReason": cause}, {"Status": "Complete"})
    reasons = [{"FailureCode": code, "FailureReason": code}]
    odd = job({"Status": status, "FailureReasons": reasons}, manifest=Manifest.GENERATED, job_id=SECRET)
    odd.ready_in_preparing = early
    document = f"<ErrorResponse><Error><Code>{body}</Code></Error></ErrorResponse>".encode("utf-8", "replace")
    seen = Observations(
        with_gate=True,
        jobs=[first, odd],
        events=[SeenEvent(SECRET, announced, START)],
        untagged_answer=document,
        missing_job_error=document,
        bad_request_error=document,
        record=SeenRecord(RECORD, "job-1", 1),
    )
    text = json.dumps(report(findings(seen), on=date(2026, 3, 1), region="us-east-1", service="aws", with_gate=True))
    assert not NAMING.search(text), NAMING.search(text)
