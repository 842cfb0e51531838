"""The gate function's handler, with real Powertools and boto3, over HTTP to the emulator."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batchgate.aws import wiring
from batchgate.errors import JobNotFoundError, JobsApiDeniedError, PolicyUnavailableError
from batchgate.gate.state import Phase
from batchgate.jobs.model import Json
from s3batch_emulator import Effect, Fault
from tests.flow.deployed import Context, Deployed, Served, job_event, sqs_record
from tests.flow.stage import ACCOUNT, REGION, UP_TO_THREE, Stage

EVENTS = Path(__file__).parents[1] / "recorded" / "events"
UNKNOWN = "00000000-dead-beef-0000-000000000000"
HOSTILE = 'evil\r\n{"level": "INFO", "message": "job approved"}\u2028\x1b[31m\u202e\x00"\\'


@pytest.fixture
def function(served: Served, stage: Stage, tmp_path: Path) -> Iterator[Deployed]:
    """The function, approving up to three tasks and cancelling beyond, before an emulator over HTTP."""
    with served.deployed(stage, tmp_path, UP_TO_THREE) as made:
        yield made


# --- Good messages ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "action", "status"), [(2, "approved", "Ready"), (5, "cancelled", "Cancelled")])
def test_a_message_decides_its_job_and_leaves_one_line(function: Deployed, rows: int, action: str, status: str) -> None:
    """The event as the emulator emitted it, through the queue, to S3."""
    ref = function.stage.create(rows)
    assert function.receive(sqs_record(function.stage.events[-1])) == []
    assert function.stage.status(ref) == status
    [line] = function.lines
    assert (line["level"], line["message"], line["service"]) == ("INFO", f"job {action}", "batchgate")
    assert line["function_request_id"] == function.context.aws_request_id
    decision = line["decision"]
    assert (decision["job_arn"], decision["action"], decision["total_tasks"]) == (ref.arn, action, rows)
    assert decision["reason"] == function.stage.job(ref).reason
    assert decision["claim_id"] in decision["reason"]


def test_a_direct_event_decides_its_job(function: Deployed) -> None:
    """EventBridge may hand an event over without a queue."""
    ref = function.stage.create()
    assert function.invoke(function.stage.events[-1]) == {"batchItemFailures": []}
    assert function.stage.status(ref) == "Ready"


def test_members_that_nobody_knows_are_passed_over(function: Deployed) -> None:
    """S3, EventBridge, SQS and Lambda may add some."""
    ref = function.stage.create()
    event = function.stage.events[-1] | {"new": {"a": [1]}}
    event["detail"]["serviceEventDetails"]["new"] = "x"
    record = sqs_record(event) | {"new": 1}
    record["attributes"]["New"] = "1"
    assert function.receive(record) == []
    assert function.stage.status(ref) == "Ready"


@pytest.mark.parametrize("suffix", ["", ":live", ":$LATEST", ":7"])
def test_the_function_knows_its_account_by_whatever_name_it_is_invoked(function: Deployed, suffix: str) -> None:
    """An alias or a version stands at the end of its ARN."""
    function.context = Context(invoked_function_arn=Context().invoked_function_arn + suffix)
    ref = function.stage.create()
    function.receive(sqs_record(job_event(ref.job_id)))
    assert function.stage.status(ref) == "Ready"


def test_a_message_twice_in_a_batch_and_twice_delivered_decides_once(function: Deployed) -> None:
    """At-least-once delivery is the rule."""
    function.stage.create()
    event = function.stage.events[-1]
    assert function.receive(sqs_record(event), sqs_record(event, message_id="m-2")) == []
    assert function.receive(sqs_record(event, deliveries=2)) == []
    assert function.stage.count("UpdateJobStatus") == 1
    assert function.messages == ["job approved"]


def test_a_job_that_is_still_new_is_left_to_its_next_event(function: Deployed) -> None:
    """JobCreated asks nothing of S3 but to describe, and needs no second delivery."""
    ref = function.stage.create(until="New")
    assert function.receive(sqs_record(job_event(ref.job_id, status="Suspended"))) == []
    assert (function.stage.status(ref), function.stage.count("UpdateJobStatus")) == ("New", 0)


# --- Bad messages -----------------------------------------------------------------------------------

WRONG_SOURCE = {**job_event(UNKNOWN), "source": "aws.ec2"}
WRONG_NAME = {**job_event(UNKNOWN), "detail": {**job_event(UNKNOWN)["detail"], "eventName": "JobDeleted"}}
NO_ARN = {**job_event(UNKNOWN), "detail": {"eventName": "JobCreated", "serviceEventDetails": {"jobId": UNKNOWN}}}
DROPPED: dict[str, Json] = {
    "not JSON": "hello",
    "empty": "",
    "cut off": json.dumps(job_event(UNKNOWN))[:-1],
    "null": "null",
    "a number": "7",
    "a text": '"aws.s3"',
    "a list": "[]",
    "an empty object": "{}",
    "not a number": "NaN",
    "wrong source": WRONG_SOURCE,
    "wrong event": WRONG_NAME,
    "no arn": NO_ARN,
    "an arn that is none": job_event(UNKNOWN, arn="arn:aws:s3:::bucket"),
    "an arn that is no text": {
        "source": "aws.s3",
        "detail": {"eventName": "JobCreated", "serviceEventDetails": {"jobArn": [1]}},
    },
    "a hostile arn": job_event(UNKNOWN, arn=f"arn:aws:s3:{REGION}:{ACCOUNT}:job/{HOSTILE}"),
    "a hostile source": {**job_event(UNKNOWN), "source": HOSTILE},
    "an arn with a line end": job_event(UNKNOWN, arn=f"arn:aws:s3:{REGION}:{ACCOUNT}:job/{UNKNOWN}\n"),
    "an arn with foreign digits": job_event(
        UNKNOWN,
        arn=f"arn:aws:s3:{REGION}:\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff10\uff11\uff12:job/{UNKNOWN}",
    ),
    "huge": json.dumps({**WRONG_SOURCE, "x": "y" * 200_000}),
    "a huge arn": job_event(UNKNOWN, arn="arn:" + "x" * 200_000),
    "a huge number": "1" * 200_000,
    "deep": "[" * 100_000,
    "another account": job_event(UNKNOWN, arn=f"arn:aws:s3:{REGION}:999999999999:job/{UNKNOWN}"),
    "another Region": job_event(UNKNOWN, arn=f"arn:aws:s3:eu-west-1:{ACCOUNT}:job/{UNKNOWN}"),
    "another partition": job_event(UNKNOWN, arn=f"arn:aws-cn:s3:{REGION}:{ACCOUNT}:job/{UNKNOWN}"),
}


def dropped(capsys: pytest.CaptureFixture[str]) -> float:
    """How many events were counted as dropped since this was last asked."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "EventsDropped" in line]
    return float(sum(sum(line["EventsDropped"]) for line in lines))


@pytest.mark.parametrize("body", DROPPED.values(), ids=DROPPED)
def test_a_message_that_will_never_be_any_good_is_dropped_with_a_line(
    function: Deployed, body: Json, capsys: pytest.CaptureFixture[str]
) -> None:
    """S3 is not asked, no second delivery is asked for, the line is short and says why, and an alarm can count it."""
    assert function.receive(sqs_record(body, message_id="m-bad")) == []
    assert function.stage.emulator.calls == []
    [line] = function.lines
    assert line["level"] == "ERROR"
    assert line["message"] == f"event dropped: {line['dropped']}"
    assert dropped(capsys) == 1
    assert function.ledger.event_at is None
    assert len(json.dumps(line)) < 1500


@pytest.mark.parametrize("body", [DROPPED[name] for name in ("not JSON", "wrong source", "no arn", "deep")])
def test_a_dropped_message_is_named_in_its_line(function: Deployed, body: Json) -> None:
    """So that somebody can look for it."""
    function.receive(sqs_record(body, message_id="m-bad"))
    [line] = function.lines
    assert line["message_id"] == "m-bad"


@pytest.mark.parametrize("body", [WRONG_SOURCE, NO_ARN, {"source": HOSTILE}, {}])
def test_a_direct_event_that_is_none_is_dropped_with_a_line(function: Deployed, body: dict[str, Any]) -> None:
    """There is nobody who would hand it over again to any effect."""
    assert function.invoke(body) == {"batchItemFailures": []}
    [line] = function.lines
    assert line["message"] == "event dropped: not a job event"


def test_no_message_poisons_its_batch(function: Deployed) -> None:
    """Good, twice, bad of every kind, foreign, unknown: the good are decided and only the unknown comes again."""
    stage = function.stage
    small, large, new = stage.create(2), stage.create(5), stage.create(until="New")
    bad = [sqs_record(body, message_id=f"bad {name}") for name, body in DROPPED.items() if name != "deep"]
    batch = [
        sqs_record(job_event(UNKNOWN), message_id="unknown"),
        *bad[: len(bad) // 2],
        sqs_record(job_event(small.job_id), message_id="small"),
        sqs_record(job_event(small.job_id, status="New"), message_id="small again"),
        *bad[len(bad) // 2 :],
        sqs_record(job_event(new.job_id, status="Suspended"), message_id="new"),
        sqs_record(job_event(large.job_id), message_id="large"),
    ]
    assert function.receive(*batch) == ["unknown"]
    assert (stage.status(small), stage.status(large), stage.status(new)) == ("Ready", "Cancelled", "New")
    assert stage.count("UpdateJobStatus") == 2
    assert sum(message.startswith("event dropped") for message in function.messages) == len(bad)
    assert function.messages.count("job approved") == function.messages.count("job cancelled") == 1


# --- The last event ---------------------------------------------------------------------------------


@pytest.mark.parametrize("job", ["good", "unknown", "of another S3"])
def test_the_time_of_the_last_event_is_recorded_whatever_comes_of_it(function: Deployed, job: str) -> None:
    """Also where its review fails: what is asked is whether events arrive."""
    ref = function.stage.create(2)
    if job == "of another S3":
        function.stage.emulator.faults.add(Fault(Effect.ERROR, "AccessDenied", operation="DescribeJob"))
    before = wiring.SystemClock().now()
    function.receive(sqs_record(job_event(UNKNOWN if job == "unknown" else ref.job_id)))
    noted = function.ledger.last_event_at()
    assert noted is not None
    assert before <= noted <= wiring.SystemClock().now()


def test_a_request_of_the_gates_own_is_reviewed_and_is_no_event(function: Deployed) -> None:
    """It comes from what has read the job's manifest, and says nothing of whether S3's events arrive."""
    ref = function.stage.create(2)
    request: Json = {"source": "batchgate", "detail-type": "S3 Batch Job Manifest Read", "detail": {"job_arn": ref.arn}}
    assert function.receive(sqs_record(request)) == []
    assert function.stage.status(ref) == "Ready"
    assert function.ledger.last_event_at() is None


def test_a_review_stands_although_its_event_can_not_be_recorded(
    function: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is decided before, and its message does not come again."""
    ref = function.stage.create(2)
    function.ledger.notes_events = False
    assert function.receive(sqs_record(job_event(ref.job_id))) == []
    assert function.stage.status(ref) == "Ready"
    assert function.messages == ["job approved", "the time of the last event was not recorded"]
    assert '"Errors"' in capsys.readouterr().out


# --- Unknown jobs -----------------------------------------------------------------------------------


def test_an_unknown_job_comes_again_twice_and_is_then_dropped_with_a_line(
    function: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """S3 may not have registered it yet; a job that is there by then is decided."""
    good = function.stage.create(2)
    for deliveries in (1, 2):
        records = [
            sqs_record(job_event(UNKNOWN), message_id="unknown", deliveries=deliveries),
            sqs_record(job_event(good.job_id), message_id="good"),
        ]
        assert function.receive(*records) == ["unknown"]
    assert "event dropped: S3 knows no such job" not in function.messages
    assert dropped(capsys) == 0
    assert function.receive(sqs_record(job_event(UNKNOWN), message_id="unknown", deliveries=3)) == []
    line = function.lines[-1]
    assert (line["level"], line["message"]) == ("ERROR", "event dropped: S3 knows no such job")
    assert dropped(capsys) == 1
    assert UNKNOWN in line["error"]


@pytest.mark.parametrize("works", [True, False])
def test_what_sqs_stops_counting_is_counted_from_the_fourth_delivery_on(
    function: Deployed, works: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """SQS leaves what it delivered three times out of its age metric, whether the review works or not."""
    ref = function.stage.create(2)
    for deliveries in range(1, 7):
        if not works:
            function.stage.emulator.faults.add(Fault(Effect.ERROR, operation="DescribeJob", times=None))
        capsys.readouterr()
        function.receive(sqs_record(job_event(ref.job_id), deliveries=deliveries))
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert sum("EventsRetried" in line for line in lines) == (deliveries > 3)


def test_a_batch_of_which_nothing_could_be_done_is_answered_and_not_raised(function: Deployed) -> None:
    """Lambda counts what is raised as a function error; a job that is too new is none."""
    records = [sqs_record(job_event(UNKNOWN), message_id=name) for name in ("m-1", "m-2")]
    assert function.receive(*records) == ["m-1", "m-2"]


def test_a_direct_event_of_an_unknown_job_is_raised(function: Deployed) -> None:
    """Lambda's own retries hand it over again."""
    with pytest.raises(JobNotFoundError):
        function.invoke(job_event(UNKNOWN))


# --- Own trouble ------------------------------------------------------------------------------------


def test_own_trouble_hands_only_its_own_message_back_and_leaves_a_line(function: Deployed) -> None:
    """The line says which message, which job, and what was wrong; the others are done."""
    stage = function.stage
    denied, good = stage.create(2), stage.create(2)
    stage.emulator.faults.add(Fault(Effect.ERROR, "AccessDenied", operation="DescribeJob", job_id=denied.job_id))
    records = [
        sqs_record(job_event(denied.job_id), message_id="denied"),
        sqs_record(job_event(good.job_id), message_id="good"),
    ]
    assert function.receive(*records) == ["denied"]
    assert (stage.status(denied), stage.status(good)) == ("Suspended", "Ready")
    [line] = [line for line in function.lines if line["message"] != "job approved"]
    assert line["level"] in ("ERROR", "WARNING")
    assert "AccessDenied" in json.dumps(line)
    assert denied.job_id in json.dumps(line)


@pytest.mark.parametrize("operation", ["DescribeJob", "UpdateJobStatus"])
@pytest.mark.parametrize("effect", [Effect.ERROR, Effect.RESET, Effect.WRONG_XML], ids=lambda effect: effect.value)
@pytest.mark.parametrize("position", [0, 4, 9])
def test_one_bad_record_among_ten_costs_the_other_nine_nothing(
    function: Deployed, operation: str, effect: Effect, position: int
) -> None:
    """Wherever it is in the batch and however it fails: nine jobs are decided, and none of the nine comes again."""
    stage = function.stage
    refs = [stage.create(2) for _ in range(10)]
    bad = refs[position]
    stage.emulator.faults.add(Fault(effect, operation=operation, job_id=bad.job_id, times=None))
    again = function.receive(*(sqs_record(job_event(ref.job_id), message_id=ref.job_id) for ref in refs))
    assert set(again) <= {bad.job_id}
    assert all(stage.status(ref) == "Ready" for ref in refs if ref != bad)
    assert function.messages.count("job approved") >= 9


def test_an_unexpected_error_costs_only_its_own_message_and_leaves_a_line(function: Deployed) -> None:
    """A record as SQS never sends one: its neighbours are decided, and the line says what was wrong and where."""
    good = function.stage.create(2)
    odd = sqs_record(job_event(UNKNOWN), message_id="odd")
    del odd["attributes"]
    assert function.receive(odd, sqs_record(job_event(good.job_id), message_id="good")) == ["odd"]
    assert function.stage.status(good) == "Ready"
    [line] = [line for line in function.lines if line["message"] == "to be delivered again: unexpected error"]
    assert (line["level"], line["message_id"], line["error"]) == ("ERROR", "odd", "KeyError('attributes')")
    assert "_review_record" in line["at"][-1]


def test_an_unclear_update_needs_no_second_delivery(function: Deployed) -> None:
    """The claim stands to its lease; what comes within it is left, and who comes after it finds the truth."""
    ref = function.stage.create()
    function.stage.emulator.faults.add(Fault(Effect.RESET, after_change=True, operation="UpdateJobStatus"))
    assert function.receive(sqs_record(job_event(ref.job_id))) == []
    assert function.stage.status(ref) == "Ready"
    assert function.messages == ["job approved"]


def test_a_throttled_update_hands_its_message_back(function: Deployed) -> None:
    """And the second delivery decides."""
    ref, good = function.stage.create(), function.stage.create()
    function.stage.emulator.faults.add(Fault(Effect.ERROR, "SlowDown", operation="UpdateJobStatus", job_id=ref.job_id))
    record = sqs_record(job_event(ref.job_id), message_id="throttled")
    assert function.receive(record, sqs_record(job_event(good.job_id), message_id="good")) == ["throttled"]
    assert function.stage.status(ref) == "Suspended"
    assert function.receive(record) == []
    assert function.stage.status(ref) == "Ready"


def test_without_a_policy_file_nothing_is_decided(
    function: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every message comes again, and a direct event is raised."""
    monkeypatch.setenv("BATCHGATE_POLICY_FILE", str(tmp_path / "nowhere.json"))
    wiring._policies.cache_clear()
    ref = function.stage.create()
    with pytest.raises(PolicyUnavailableError):
        function.invoke(job_event(ref.job_id))
    dropped = sqs_record("hello", message_id="dropped")
    assert function.receive(sqs_record(job_event(ref.job_id)), dropped) == ["m-1"]
    assert function.stage.status(ref) == "Suspended"


def test_direct_trouble_is_raised(function: Deployed) -> None:
    """Nobody else would hear of it."""
    ref = function.stage.create()
    function.stage.emulator.faults.add(Fault(Effect.ERROR, "AccessDenied", operation="DescribeJob"))
    with pytest.raises(JobsApiDeniedError):
        function.invoke(job_event(ref.job_id))


# --- What is logged ---------------------------------------------------------------------------------


def test_nothing_of_a_requesters_text_gets_into_the_log_unescaped(served: Served, stage: Stage, tmp_path: Path) -> None:
    """Descriptions, roles and manifest keys are shown by no more than 40 printable characters, in quotes."""
    rules = """
version: 1
cancel_grace: 0s
policies:
  - name: described
    match: [{operation: S3PutObjectTagging}]
    require: [{description: "nightly *"}, {tags: {ticket: "CHG-*"}}]
    on_violation: cancel
"""
    with served.deployed(stage, tmp_path, rules) as function:
        hostile = '"]} evil\n{"level": "INFO", "message": "job approved"}' + "\u202e\u2028é" + "x" * 100
        ref = stage.create(Description=hostile, tags={"ticket": "ünïcode @ticket = +-:/"})
        assert function.receive(sqs_record(stage.events[-1])) == []
        [line] = function.lines
    assert line["message"] == "job cancelled"
    assert """description is "']} evil{'level': 'INFO',...xxxxxxxxxxxx",""" in line["decision"]["reason"]
    assert stage.job(ref).reason == line["decision"]["reason"]


# --- Recorded documents -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(EVENTS.glob("job_*.json")), ids=lambda path: path.stem)
def test_every_recorded_document_leads_to_a_look_at_its_job(
    served: Served, stage: Stage, tmp_path: Path, path: Path
) -> None:
    """In the account that its ARN names; in another it is dropped."""
    event = json.loads(path.read_text())
    arn = str(event["detail"]["serviceEventDetails"]["jobArn"])
    _, partition, _, region, account_id, _ = arn.split(":")
    with served.deployed(stage, tmp_path, UP_TO_THREE) as function:
        assert function.receive(sqs_record(event)) == []
        assert function.messages == ["event dropped: the job is not in this account and Region"]
        home = f"arn:{partition}:lambda:{region}:{account_id}:function:gate"
        function.context = replace(function.context, invoked_function_arn=home)
        with pytest.raises(JobNotFoundError):
            function.invoke(event)
    [call] = stage.emulator.calls
    assert (call.operation, call.parameters.get("JobId")) == ("DescribeJob", arn.rpartition("/")[2])


def test_an_instance_keeps_its_ledger_from_one_invocation_to_the_next(function: Deployed) -> None:
    """What one invocation settled, the next knows."""
    ref = function.stage.create()
    function.receive(sqs_record(job_event(ref.job_id)))
    state = wiring._ledger(wiring.Home("aws", REGION, ACCOUNT)).read(ref)
    assert state is not None
    assert state.phase is Phase.SETTLED
    assert state.announced_at is not None
