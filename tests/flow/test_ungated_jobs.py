"""Jobs that may not have asked for confirmation: S3 does not return that, so it is told by their course."""

from typing import Any

import pytest

from batchgate.gate.state import Outcome, RequestedAction
from batchgate.jobs.model import DateSurvives, JobRef
from s3batch_emulator import Pace, Switches
from tests.flow.stage import ACCOUNT, CANCEL_ALL, HOLD_ALL, Stage

CANCEL_UNGATED = """
version: 1
ungated_jobs: cancel
policies:
  - name: tagged
    match: [{operation: S3PutObjectTagging}]
    require: [{tags: {ticket: "CHG-*"}}, {total_tasks: {at_most: 3}}]
    on_violation: cancel
"""
REPORT_UNGATED = CANCEL_UNGATED.replace("ungated_jobs: cancel", "ungated_jobs: report")
NEVER_ENDS = Pace(tasks_per_second=0.00001)
EITHER = "ungated_or_confirmed_elsewhere"

KNOWN = ["field", "setting"]
"""How it can be known that a job did not ask: S3 says so after all, or SuspendedDate would still be there."""


def stage_that_knows(how: str, text: str) -> Stage:
    """A gate that can tell ungated jobs."""
    stage = Stage(text, switches=Switches(confirmation_shown=how == "field"))
    if how == "setting":
        stage.suspended_date_survives = DateSurvives.TRUE
    return stage


def create_ungated(stage: Stage, until: str, rows: int = 2, **changes: Any) -> JobRef:
    """A job that nobody has to confirm."""
    ref = stage.create(rows, until=until, ConfirmationRequired=False, **changes)
    stage.emulator.set_pace(ref.job_id, NEVER_ENDS)
    return ref


# --- Known not to have asked ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "status"),
    [("field", "New"), ("field", "Preparing"), *[(how, s) for how in KNOWN for s in ("Ready", "Active")]],
)
def test_an_ungated_job_that_is_known_to_violate_is_cancelled_at_once(how: str, status: str) -> None:
    """Before its size is known, where S3 says so; and while it runs."""
    stage = stage_that_knows(how, CANCEL_UNGATED)
    ref = create_ungated(stage, status)
    assert stage.review(ref).action == "cancelled"
    stage.emulator.settle_until(ref.job_id, "Cancelled")
    assert stage.job(ref).reason == stage.state(ref).reason
    assert stage.state(ref).requested_action is RequestedAction.CANCEL
    assert stage.review(ref).action == "nothing"


@pytest.mark.parametrize("how", KNOWN)
@pytest.mark.parametrize("status", ["Ready", "Active"])
def test_an_ungated_job_is_only_reported_by_default(how: str, status: str) -> None:
    """`report`: nothing is asked of S3; once it runs, that is told, once."""
    stage = stage_that_knows(how, REPORT_UNGATED)
    ref = create_ungated(stage, status)
    assert stage.review(ref).action == "ungated"
    assert (stage.count("UpdateJobStatus"), stage.status(ref)) == (0, status)
    assert stage.state(ref).outcome is Outcome.UNGATED
    assert [told.action for told in stage.told.reviews] == ["ungated"]
    assert stage.review(ref).action == "nothing"


@pytest.mark.parametrize("status", ["New", "Preparing", "Ready", "Active"])
@pytest.mark.parametrize("tags", [{"ticket": "CHG-1"}, {"ticket": "CHG-2", "team": "x"}])
def test_an_ungated_job_that_nothing_is_known_against_goes_its_way(tags: dict[str, str], status: str) -> None:
    """An unknown size cancels nothing; nothing is written before it runs, and then it is reported."""
    stage = stage_that_knows("field", CANCEL_UNGATED)
    ref = create_ungated(stage, status, tags=tags)
    review = stage.review(ref)
    assert (stage.count("UpdateJobStatus"), stage.status(ref)) == (0, status)
    if status in ("Ready", "Active"):
        assert (review.action, stage.state(ref).outcome) == ("ungated", Outcome.UNGATED)
    else:
        assert review.action == "nothing"
        assert stage.ledger.read(ref) is None


@pytest.mark.parametrize(
    "text",
    [
        f"{HOLD_ALL}\nungated_jobs: cancel\n",
        "version: 1\nungated_jobs: cancel\nunmatched: cancel\n",
        CANCEL_UNGATED.replace("version: 1", "version: 1\nmode: shadow"),
    ],
    ids=["held", "unmatched", "shadow"],
)
@pytest.mark.parametrize(("how", "status"), [("field", "New"), ("field", "Active"), ("setting", "Active")])
def test_an_ungated_job_is_cancelled_for_a_known_violation_only(text: str, how: str, status: str) -> None:
    """Not because a person would be needed, nor because no policy matches, nor in shadow mode."""
    stage = stage_that_knows(how, text)
    ref = create_ungated(stage, status)
    stage.review(ref)
    assert (stage.count("UpdateJobStatus"), stage.status(ref)) == (0, status)


@pytest.mark.parametrize("how", KNOWN)
def test_an_ungated_job_that_the_circuit_breaker_held_is_still_ungated(how: str) -> None:
    """What the ledger holds of it was no hold of a job that waits: it is cancelled once the circuit breaker lets go."""
    stage = stage_that_knows(how, CANCEL_UNGATED)
    stage.breaker = type(stage.breaker)(1, stage.breaker.within)
    stage.review(create_ungated(stage, "Active"))
    ref = create_ungated(stage, "Active")
    assert stage.review(ref).action == "held"
    assert stage.state(ref).ungated
    stage.advance(minutes=11)
    assert stage.review(ref).action == "cancelled"


# --- Not known ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", [DateSurvives.UNKNOWN, DateSurvives.FALSE])
@pytest.mark.parametrize("text", [CANCEL_UNGATED, REPORT_UNGATED, f"{CANCEL_ALL}\nungated_jobs: cancel\n"])
@pytest.mark.parametrize("status", ["Ready", "Active", "Complete"])
def test_a_job_that_runs_and_may_have_been_confirmed_elsewhere_is_reported_as_that(
    status: str, text: str, setting: DateSurvives
) -> None:
    """Never cancelled, whatever the policies say, and never called somebody else's decision."""
    stage = Stage(text)
    stage.suspended_date_survives = setting
    ref = stage.create(5, until=status, ConfirmationRequired=False)
    assert stage.review(ref).action == EITHER
    assert (stage.count("UpdateJobStatus"), stage.status(ref)) == (0, status)
    assert stage.state(ref).outcome is Outcome.UNGATED_OR_CONFIRMED_ELSEWHERE
    assert [told.action for told in stage.told.reviews] == [EITHER]
    assert stage.review(ref).action == "nothing"


@pytest.mark.parametrize("survives", [False, True])
@pytest.mark.parametrize("setting", DateSurvives)
@pytest.mark.parametrize("text", [CANCEL_UNGATED, REPORT_UNGATED])
def test_a_job_that_a_person_confirmed_is_never_cancelled_as_ungated(
    text: str, setting: DateSurvives, survives: bool
) -> None:
    """Though nothing of the gate's was written before; but where the setting says what is not so."""
    if setting is DateSurvives.TRUE and not survives:
        return
    stage = Stage(text, switches=Switches(suspension_remembered=survives))
    stage.suspended_date_survives = setting
    ref = stage.create(5)
    stage.emulator.set_pace(ref.job_id, NEVER_ENDS)
    stage.update_as_a_person(ref, "Ready")
    assert stage.review(ref).action == ("superseded" if survives else EITHER)
    assert stage.updates == []


@pytest.mark.parametrize("survives", [False, True])
@pytest.mark.parametrize("setting", DateSurvives)
def test_a_job_that_the_gate_held_is_known_to_have_asked(setting: DateSurvives, survives: bool) -> None:
    """Its ledger remembers what S3 may forget."""
    stage = Stage(f"{HOLD_ALL}\nungated_jobs: cancel\n", switches=Switches(suspension_remembered=survives))
    stage.suspended_date_survives = setting
    ref = stage.create(5)
    stage.emulator.set_pace(ref.job_id, NEVER_ENDS)
    assert stage.review(ref).action == "held"
    stage.enforce(CANCEL_UNGATED)
    stage.update_as_a_person(ref, "Ready")
    assert stage.review(ref).action == "superseded"
    assert stage.updates == []


@pytest.mark.parametrize("status", ["New", "Preparing"])
def test_what_is_not_known_yet_is_waited_for(status: str) -> None:
    """Nothing is written of a job that S3 still prepares."""
    stage = Stage(CANCEL_UNGATED)
    stage.suspended_date_survives = DateSurvives.TRUE
    ref = create_ungated(stage, status)
    assert stage.review(ref).action == "waiting"
    assert stage.ledger.read(ref) is None


@pytest.mark.parametrize("requested", [True, False])
def test_a_job_that_ended_without_having_run_is_not_reported_as_one_that_ran(requested: bool) -> None:
    """Cancelled while it was prepared, or with a manifest that S3 could not read."""
    stage = Stage(CANCEL_UNGATED)
    cancelled = stage.create(until="Preparing", ConfirmationRequired=requested)
    stage.update_as_a_person(cancelled, "Cancelled")
    location = {"ObjectArn": "arn:aws:s3:::manifests/2.csv", "ETag": "0" * 32}
    spec = {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]}
    failed = stage.create(until="Failed", ConfirmationRequired=requested, Manifest={"Spec": spec, "Location": location})
    for ref in (cancelled, failed):
        assert stage.review(ref).action == "nothing"
        assert stage.ledger.read(ref) is None


def test_a_job_that_ran_and_was_cancelled_is_reported() -> None:
    """Tasks of it have ended, so somebody confirmed it or nobody had to."""
    stage = Stage(CANCEL_UNGATED)
    ref = stage.create(5, until="Active", ConfirmationRequired=False)
    stage.emulator.set_pace(ref.job_id, Pace(tasks_per_second=1))
    stage.advance(seconds=2)
    stage.update_as_a_person(ref, "Cancelled")
    stage.emulator.settle_until(ref.job_id, "Cancelled")
    assert stage.review(ref).action == EITHER


@pytest.mark.parametrize("shown", [False, True])
def test_a_job_that_does_not_say_whether_it_asks_is_waited_for_and_then_decided(shown: bool) -> None:
    """ConfirmationRequired left out at its creation: it is approved once Suspended."""
    stage = Stage(CANCEL_UNGATED.replace("CHG-*", "*"), switches=Switches(omitted_confirmation_shown=shown))
    ref = stage.create(until="New")
    assert stage.review(ref).action == "waiting"
    stage.emulator.settle_until(ref.job_id, "Suspended")
    stage.person.put_job_tagging(AccountId=ACCOUNT, JobId=ref.job_id, Tags=[{"Key": "ticket", "Value": "x"}])
    assert stage.review(ref).action == "approved"


def test_what_is_reported_needs_no_policies() -> None:
    """Of unknown gating no policy has a say."""
    stage = Stage(CANCEL_UNGATED)
    ref = create_ungated(stage, "Active")
    stage.source.enforced = None
    assert stage.review(ref).action == EITHER
