"""What is told of decisions: the log line, the metrics, the event."""

import io
import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import boto3
import msgspec
import pytest
from aws_lambda_powertools import Logger
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from batchgate.aws.announcements import Announcements, DecisionEvent, count_error, count_sweep
from batchgate.errors import AnnounceError, JobsApiThrottledError, NoPolicyDeployedError, PolicyUnavailableError
from batchgate.gate.ports import Review
from batchgate.gate.state import Action, Block
from batchgate.gate.sweep import SweepReport
from batchgate.jobs.model import JobRef, JobStatus
from tests.flow.stage import ACCOUNT, REGION

NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
REF = JobRef("aws", REGION, ACCOUNT, "00000000-0000-4000-8000-000000000001")
APPROVED = Review(
    REF,
    NOW,
    Action.APPROVED,
    JobStatus.SUSPENDED,
    id="00000000-0000-4000-8000-000000000001.2",
    verdict="approve",
    reason="batchgate: approved by small, 1 requirement met [policy 7c41f09be2aa claim 5f3a91c2]",
    suspended_at=NOW - timedelta(seconds=90),
    governing=("small",),
)


def a_logger(stream: io.StringIO) -> Logger:
    """As the functions have it."""
    handler = logging.StreamHandler(stream)
    return Logger(service=f"test-{uuid4().hex}", logger_handler=handler)


@pytest.fixture
def events() -> Any:
    """A client of EventBridge that a stub answers for."""
    return boto3.client("events", region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")


def metric_lines(text: str) -> list[dict[str, Any]]:
    """Lines of the embedded metric format."""
    return [line for line in map(json.loads, text.splitlines()) if "_aws" in line]


def names(line: dict[str, Any]) -> set[str]:
    """The metrics of one line."""
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "batchgate"
    assert [sorted(each) for each in directive["Dimensions"]] == [["service"]] or "budget" in line
    assert line["service"] == "batchgate"
    return {each["Name"] for each in directive["Metrics"]}


# --- The event --------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["approved", "cancelled", "held", "superseded", "ungated", "lapsed"])
def test_a_decision_is_put_on_the_bus_as_it_is_logged(
    events: Any, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One entry, with the job's ARN as its resource."""
    review, stream = replace(APPROVED, action=action), io.StringIO()
    detail = msgspec.json.encode(DecisionEvent.of(review)).decode()
    entry = {
        "Source": "batchgate",
        "DetailType": "S3 Batch Job Decision",
        "Detail": detail,
        "EventBusName": "default",
        "Resources": [REF.arn],
    }
    with Stubber(events) as stub:
        stub.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}, {"Entries": [entry]})
        assert Announcements(a_logger(stream), "default", events).announce(review)
        stub.assert_no_pending_responses()
    line = json.loads(stream.getvalue())
    assert line["message"] == f"job {action}"
    assert line["decision"] == json.loads(detail)
    assert line["decision"]["policies"] == ["small"]
    capsys.readouterr()


@pytest.mark.parametrize("action", ["waiting", "pending", "nothing"])
def test_what_is_no_decision_is_no_event(events: Any, action: str) -> None:
    """The stub would refuse a call."""
    with Stubber(events):
        assert Announcements(a_logger(io.StringIO()), "default", events).announce(replace(APPROVED, action=action))


def refuse(stub: Stubber, how: str) -> None:
    """Have the bus refuse the next event."""
    if how == "error":
        stub.add_client_error("put_events", "InternalFailure", http_status_code=500)
    else:
        stub.add_response("put_events", {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]})


@pytest.mark.parametrize("how", ["error", "entry"])
def test_an_end_that_the_bus_does_not_take_is_told_again(
    events: Any, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is logged or counted then, so that nothing counts twice."""
    stream = io.StringIO()
    stub = Stubber(events)
    refuse(stub, how)
    with stub, pytest.raises(AnnounceError, match="PutEvents"):
        Announcements(a_logger(stream), "default", events).announce(APPROVED)
    assert stream.getvalue() == ""
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("how", ["error", "entry"])
def test_a_hold_stands_although_the_bus_does_not_take_it(
    events: Any, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sweep and the digest find holds in the ledger."""
    stream = io.StringIO()
    stub = Stubber(events)
    refuse(stub, how)
    with stub:
        assert Announcements(a_logger(stream), "default", events).announce(replace(APPROVED, action=Action.HELD))
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == [
        "the event of a hold was not sent",
        "job held",
    ]
    capsys.readouterr()


hostile = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=80) | st.sampled_from(
    ['"}\n{"_aws": {}}', "<script>", "\x1b[2J", "\u202eevil", "a\r\nb", "\x00"]
)


def test_people_are_named_and_their_names_stay_in_their_fields() -> None:
    """Who decided, what they lifted, whom the job waits for, who created it: printable ASCII, as many as fit."""
    ana, strange = "arn:aws:iam::123456789012:user/ana", "arn:\x1b[2J\u202e"
    review = replace(
        APPROVED,
        people=(ana, strange),
        lifted=("by-hand", "unmatched"),
        awaiting="1 of 2 approvals",
        requester=strange,
    )
    said = msgspec.to_builtins(DecisionEvent.of(review))
    assert (said["people"][0], said["lifted"], said["awaiting"]) == (ana, ["by-hand", "unmatched"], "1 of 2 approvals")
    for text in (*said["people"], said["requester"]):
        assert text.isascii()
        assert text.isprintable()
    many = DecisionEvent.of(replace(review, people=tuple(f"arn:{number}" for number in range(150))))
    assert (len(many.people), many.people[-1]) == (100, "+51 more")


@given(reason=hostile, operation=hostile, decided_by=hostile, alarm=hostile)
def test_whatever_others_wrote_stays_in_its_field(reason: str, operation: str, decided_by: str, alarm: str) -> None:
    """One line of printable ASCII, and the event's detail the same."""
    stream = io.StringIO()
    review = replace(
        APPROVED, action=Action.WAITING, reason=reason, operation=operation, decided_by=decided_by, alarm=alarm
    )
    Announcements(a_logger(stream)).announce(replace(review, alarm=""))
    [line] = stream.getvalue().splitlines()
    assert line.isascii()
    assert line.isprintable()
    detail = msgspec.json.encode(DecisionEvent.of(review)).decode()
    assert detail.isascii()
    assert detail.isprintable()


# --- Metrics ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("review", "expected"),
    [
        (APPROVED, {"Approved", "SecondsToDecision"}),
        (replace(APPROVED, action=Action.CANCELLED), {"Cancelled", "SecondsToDecision"}),
        (replace(APPROVED, action=Action.CANCELLED, suspended_at=None), {"Cancelled"}),
        (replace(APPROVED, action=Action.HELD), {"Held"}),
        (
            replace(APPROVED, action=Action.HELD, alarm="too many", block=Block.CIRCUIT_BREAKER),
            {"Held", "CircuitBreakerHolds"},
        ),
        (replace(APPROVED, action=Action.HELD, rows_differ=True), {"Held", "ManifestRowsDiffer"}),
        (replace(APPROVED, action=Action.SUPERSEDED), {"Superseded"}),
        (replace(APPROVED, action=Action.NOTHING, alarm="settled, and S3 says Suspended"), {"Contradictions"}),
    ],
)
def test_a_decision_is_counted(review: Review, expected: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One dimension, no identifiers."""
    Announcements(a_logger(io.StringIO())).announce(review)
    [line] = metric_lines(capsys.readouterr().out)
    assert names(line) == expected
    if "SecondsToDecision" in expected:
        assert line["SecondsToDecision"] == [90.0]
    assert REF.job_id not in json.dumps(line)


@pytest.mark.parametrize(("action", "written"), [(Action.APPROVED, 2), (Action.HELD, 2), (Action.SUPERSEDED, 0)])
def test_budgets_are_measured_by_their_names_alone(
    action: Action, written: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """One metric a budget, whatever accounts there are; so their number is that of the budgets."""
    review = replace(APPROVED, action=action, budgets={"team-month": 83.5, "daily": 120.0})
    Announcements(a_logger(io.StringIO())).announce(review)
    lines = [each for each in metric_lines(capsys.readouterr().out) if "BudgetUsed" in names(each)]
    assert [(each["budget"], each["BudgetUsed"]) for each in lines] == [("team-month", [83.5]), ("daily", [120.0])][
        :written
    ]
    for line in lines:
        assert sorted(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0]) == ["budget", "service"]
        assert names(line) == {"BudgetUsed"}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (PolicyUnavailableError("x"), {"Errors", "PolicyLoadErrors"}),
        (NoPolicyDeployedError("x"), {"Errors"}),
        (JobsApiThrottledError("x"), {"Errors", "Throttled"}),
        (AnnounceError("x"), {"Errors"}),
        (KeyError("x"), {"Errors", "UnexpectedErrors"}),
    ],
)
def test_own_trouble_is_counted_by_its_kind(
    error: Exception, expected: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The alarms look at these."""
    count_error(error)
    [line] = metric_lines(capsys.readouterr().out)
    assert names(line) == expected


def test_a_sweep_sets_the_gauges(capsys: pytest.CaptureFixture[str]) -> None:
    """One that found another at it sets none, or the gauges would fall to nothing."""
    count_sweep(SweepReport(NOW, ran=False))
    assert capsys.readouterr().out == ""
    count_sweep(
        SweepReport(
            NOW,
            held=3,
            failed=1,
            left=2,
            oldest_held=NOW - timedelta(days=21),
            oldest_suspended=NOW - timedelta(days=22),
            lag=timedelta(seconds=7),
            paused=True,
        )
    )
    [line] = metric_lines(capsys.readouterr().out)
    assert {name: line[name] for name in names(line)} == {
        "Sweeps": [1.0],
        "HeldNow": [3.0],
        "SweepErrors": [1.0],
        "LeftOver": [2.0],
        "Paused": [1.0],
        "OldestHeldSeconds": [21 * 86400.0],
        "OldestSuspendedSeconds": [22 * 86400.0],
        "SweepLagSeconds": [7.0],
    }


def test_every_line_of_metrics_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep's workers write at the same time: two pieces of a line would get another's between them."""
    written: list[str] = []

    class Whole(io.StringIO):
        def write(self, text: str) -> int:
            written.append(text)
            return len(text)

    monkeypatch.setattr("sys.stdout", Whole())
    Announcements(a_logger(io.StringIO())).announce(APPROVED)
    count_error(KeyError("x"))
    count_sweep(SweepReport(NOW))
    assert [line.endswith("\n") and line.count("\n") == 1 for line in written] == [True] * 3
    assert all(json.loads(line)["_aws"] for line in written)


def test_metrics_can_be_turned_off(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As Powertools' own environment variable says; the demo shows a table in their place."""
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    Announcements(a_logger(io.StringIO())).announce(APPROVED)
    count_error(KeyError("x"))
    assert capsys.readouterr().out == ""
