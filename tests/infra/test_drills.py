"""Drills: the cause of an alarm, the alarm by the real functions' own metrics, and the runbook to its end.

The functions' handlers run minute by minute on a stepped clock, with their ledger in the local AWS, against the
emulated S3. What they print is what CloudWatch gets: metrics for the alarm's own definition, lines for the commands of
docs/operations.md.
"""

import contextlib
import io
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from logging import StreamHandler
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import pytest

from batchgate.aws import wiring
from batchgate.aws.deployed import GateParameter
from batchgate.aws.notices import TopicNotices
from batchgate.contract import GATE_PARAMETER
from batchgate.errors import GateError
from batchgate.gate.people import cancel_for, show_job
from batchgate.gate.ports import CircuitBreaker, Pause
from batchgate.gate.protocol import MISSING_FOR
from batchgate.gate.state import Block
from batchgate.gate.state import State as JobState
from s3batch_emulator import Effect
from tests.docs.test_operations import sections
from tests.flow.stage import ACCOUNT, CANCEL_ALL, HOLD_ALL, UP_TO_THREE
from tests.flow.test_missing_jobs import hide, hide_from_the_listing
from tests.flow.troubled import DENIED, World
from tests.infra.cloudwatch import MINUTE, Sample, State
from tests.infra.test_alarms import STORIES, alarms

PAGE = Path(__file__).parents[2] / "docs" / "drills.md"
PERSON: Final = f"arn:aws:iam::{ACCOUNT}:user/kim"
FUNCTIONS: Final = ("job_event", "sweep")
AND_THEN: Final = 35
"""Minutes within which most alarms are over once their causes are, as docs/operations.md says."""


@dataclass
class Drill:
    """One gate, minute by minute.

    Attributes:
        lines: What each function logged since the cause began.
        minute: How many have passed.
    """

    world: World
    minute: int = 0
    lines: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    _samples: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))

    def pass_minute(self, *events: Callable[[], object], sweeps: bool = True) -> None:
        """Call the gate function for events, and the sweep once; all of it is measured in this minute."""
        with self._listening("job_event"):
            for event in events:
                event()
        if sweeps:
            with self._listening("sweep") as failed:
                self.world.sweep()
            self._measure("Errors", float(bool(failed)))
        self.world.stage.advance(minutes=1)
        self.minute += 1

    def until(self, name: str, state: State, *events: Callable[[], object], within: int, sweeps: bool = True) -> int:
        """Let minutes pass until an alarm has a state; how many it took."""
        for passed in range(1, within + 1):
            self.pass_minute(*events, sweeps=sweeps)
            if self.state(name) is state:
                return passed
        pytest.fail(f"{name} is not {state} within {within} minutes")

    def state(self, name: str) -> State:
        """The alarm's, by its own definition."""
        alarm = alarms()[name]
        return alarm.states(self._samples[alarm.metric[1]], minutes=self.minute, extra=2)[-1]

    def shown_by_the_runbook(self, name: str) -> Sequence[dict[str, Any]]:
        """The lines that the commands `log FUNCTION PATTERN` of an alarm's section would print."""
        found = []
        for function, pattern in re.findall(r"^\$ log (job_event|sweep) (.+)$", sections()[name], re.MULTILINE):
            found += [line for line in self.lines[function] if matches(pattern, line)]
        return found

    @contextlib.contextmanager
    def _listening(self, function: str) -> Iterator[list[GateError]]:
        printed, log = io.StringIO(), io.StringIO()
        failed: list[GateError] = []
        handler = cast("StreamHandler[Any]", wiring.logger.registered_handler)
        before = handler.setStream(log)
        try:
            with contextlib.redirect_stdout(printed):
                yield failed
        except GateError as error:  # Lambda counts and logs it
            failed.append(error)
            self.lines[function].append(
                {"level": "", "message": f"[ERROR] {error!r}\nTraceback (most recent call last):"}
            )
        finally:
            handler.setStream(before or handler.stream)
        self.lines[function] += [json.loads(line) for line in log.getvalue().splitlines()]
        for line in map(json.loads, printed.getvalue().splitlines()):
            for each in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
                for value in line[each["Name"]]:
                    self._measure(each["Name"], value)

    def _measure(self, name: str, value: float) -> None:
        at = self.minute * MINUTE + 30.0
        self._samples[name].append(Sample(at, value, at))


def matches(pattern: str, line: dict[str, Any]) -> bool:
    """Whether a filter pattern of CloudWatch Logs, as the runbook has it, selects a line."""
    text = json.dumps(line)
    if pattern == '"$WRONG"':
        return line["level"] in ("ERROR", "WARNING")
    if pattern == '"$CRASHED"':
        return "Traceback" in text
    if pattern == '"$THROTTLED"':
        [pattern] = re.findall(r"^\$ THROTTLED=(.+)$", sections()["throttled-by-s3"], re.MULTILINE)
    if pattern == """'{ $.level = "WARNING" && $.decision.alarm = "*" }'""":
        return line["level"] == "WARNING" and "alarm" in line.get("decision", {})
    terms = re.findall(r'"([^"]+)"|(\w+)', pattern.strip("'"))
    return any((quoted or word) in text for quoted, word in terms)


@pytest.fixture
def drill(local_s3: str, monkeypatch: pytest.MonkeyPatch) -> Drill:
    """Ten quiet minutes of a gate that holds what there is."""
    made = Drill(World(local_s3, monkeypatch))
    made.world.stage.enforce(HOLD_ALL)
    for _ in range(3):
        made.pass_minute()
    assert made.state("no-sweep") is State.OK
    made.lines.clear()
    return made


Play: TypeAlias = Callable[[Drill], int]
"""Produces the cause, sees it by the runbook's commands, does what it says; after how many minutes the alarm began."""


def no_policies(drill: Drill) -> int:
    """The version in force does not load."""
    good, drill.world.stage.source.enforced = drill.world.stage.source.enforced, None
    took = drill.until("policy-not-loadable", State.ALARM, within=5)
    assert any("policies" in line["job"] for line in drill.shown_by_the_runbook("policy-not-loadable"))
    drill.world.stage.source.enforced = good
    drill.until("policy-not-loadable", State.OK, within=20)
    return took


def cancels_too_much(drill: Drill) -> int:
    """Policies that cancel everything, with a breaker of two."""
    world = drill.world
    world.stage.breaker = CircuitBreaker(2, timedelta(minutes=10))
    world.stage.enforce(CANCEL_ALL)
    jobs = [world.job(rows) for rows in range(2, 7)]
    took = drill.until("circuit-breaker", State.ALARM, *(partial(world.deliver, ref) for ref in jobs), within=1)
    held = [item for item in world.ledger.open_items() if isinstance(item, JobState)]
    assert [item.block for item in held] == [Block.CIRCUIT_BREAKER] * 3  # what `batchgate jobs held` lists
    world.ledger.set_pause(Pause(PERSON, "cancels too much", world.stage.clock.now()), replacing=None)
    world.stage.enforce(HOLD_ALL)
    drill.pass_minute()
    world.ledger.set_pause(None, replacing=world.ledger.pause())
    drill.until("circuit-breaker", State.OK, within=AND_THEN)
    assert [world.stage.status(ref) for ref in jobs].count("Cancelled") == 2
    return took


def comes_back(drill: Drill) -> int:
    """S3 returns NoSuchJob for ten minutes, and then shows the job as Suspended."""
    world = drill.world
    ref = world.job()
    drill.pass_minute(partial(world.deliver, ref))
    world.stage.advance(days=1)
    with pytest.MonkeyPatch.context() as patch:
        hide(world.stage, ref)
        hide_from_the_listing(world.stage, patch)
        drill.pass_minute()
        world.stage.clock.advance(MISSING_FOR)
        drill.pass_minute()
    world.stage.emulator.faults.clear()
    assert drill.state("contradiction") is State.OK
    took = drill.until("contradiction", State.ALARM, within=2)
    [line, *_] = drill.shown_by_the_runbook("contradiction")
    assert line["decision"]["job_id"] == ref.job_id
    assert "S3 says Suspended" in line["decision"]["alarm"]
    drill.until("contradiction", State.OK, within=AND_THEN)
    return took


def not_json(drill: Drill) -> int:
    """Somebody else's message in the queue."""
    world = drill.world
    ref = world.job()
    took = drill.until("events-dropped", State.ALARM, partial(world.deliver, ref, body="hello"), within=1)
    [line] = drill.shown_by_the_runbook("events-dropped")
    assert line["dropped"] == "not JSON"
    drill.until("events-dropped", State.OK, within=AND_THEN)
    return took


def no_event(drill: Drill) -> int:
    """There is no trail."""
    ref = drill.world.job()
    took = drill.until("found-by-sweep", State.ALARM, within=20)
    assert drill.world.phase(ref) == "held"
    drill.until("found-by-sweep", State.OK, within=61)
    return took


def denied_publishing(drill: Drill) -> int:
    """The sweep may not publish, when there is a hold that needs a person."""
    world = drill.world
    ref = world.job()
    drill.pass_minute(partial(world.deliver, ref))
    took = drill.until("notices-failed", State.ALARM, lambda: world.aws("Publish", DENIED), within=1)
    assert any("AccessDenied" in line["error"] for line in drill.shown_by_the_runbook("notices-failed"))
    world.mended()
    drill.until("notices-failed", State.OK, within=AND_THEN)
    assert world.ledger.notified().holds_until is not None
    return took


def rolled_back(drill: Drill) -> int:
    """The policies in force are not those that the parameter names."""
    world = drill.world
    parameter = cast("GateParameter", world.gate.deployed)
    expected = world.gate.policies.current().version
    value = json.dumps({"ledger_table": "errors", "policy_version": expected})
    parameter.client.put_parameter(Name=GATE_PARAMETER, Type="String", Overwrite=True, Value=value)
    drill.until("unexpected-policy", State.OK, within=1)
    world.stage.enforce(UP_TO_THREE)
    took = drill.until("unexpected-policy", State.ALARM, within=10)
    world.stage.enforce(HOLD_ALL)
    drill.until("unexpected-policy", State.OK, within=20)
    return took


def nobody_subscribes(drill: Drill) -> int:
    """The topic of a new deployment."""
    notices = cast("TopicNotices", drill.world.gate.notices)
    drill.until("no-subscriber", State.ALARM, within=15)
    took = drill.minute
    subscribed = notices.client.subscribe(
        TopicArn=notices.topic_arn, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:somebody"
    )
    try:
        drill.until("no-subscriber", State.OK, within=2)
    finally:
        notices.client.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])
    return took


def fails_again_and_again(drill: Drill) -> int:
    """S3 fails on one job for good; its event comes every six minutes, the queue's visibility timeout."""
    world = drill.world
    ref = world.job()
    world.s3control("DescribeJob", Effect.ERROR, job_id=ref.job_id, times=None)
    took = 0
    for delivery in range(1, 5):
        drill.pass_minute(partial(world.deliver, ref, deliveries=delivery))
        took += 1
        while delivery < 4 and took % 6:
            drill.pass_minute()
            took += 1
        assert (drill.state("events-retried") is State.ALARM) is (delivery == 4)
    assert len(drill.shown_by_the_runbook("events-retried")) == 4
    world.mended()
    drill.until("events-retried", State.OK, within=AND_THEN)
    return took


def denied_the_lease(drill: Drill) -> int:
    """The sweep may not write into the table."""

    def deny() -> None:
        drill.world.aws("PutItem", DENIED)

    took = drill.until("sweep-fails", State.ALARM, deny, within=6)
    assert any("AccessDenied" in json.dumps(line) for line in drill.shown_by_the_runbook("sweep-fails"))
    drill.until("no-sweep", State.ALARM, deny, within=20)
    drill.until("sweep-fails", State.OK, within=15)
    assert drill.state("no-sweep") is State.OK
    return took


def nobody_calls(drill: Drill) -> int:
    """The rule is disabled."""
    took = drill.until("no-sweep", State.ALARM, within=20, sweeps=False)
    assert drill.lines["sweep"] == []
    drill.until("no-sweep", State.OK, within=1)
    return took


def slow_down(drill: Drill) -> int:
    """S3 Control answers SlowDown to everything."""
    world = drill.world
    jobs = [world.job(rows) for rows in range(2, 5)]
    world.stage.emulator.faults.clear()
    for operation in ("DescribeJob", "ListJobs"):
        world.s3control(operation, Effect.ERROR, "SlowDown", times=None)
    events = [partial(world.deliver, ref) for ref in jobs]
    took = drill.until("throttled-by-s3", State.ALARM, *events, within=8)
    assert drill.shown_by_the_runbook("throttled-by-s3")
    world.mended()
    drill.until("throttled-by-s3", State.OK, within=40)
    return took


def denied_describing(drill: Drill) -> int:
    """The roles lost s3:DescribeJob; one event comes a minute."""
    world = drill.world
    ref = world.job()
    world.s3control("DescribeJob", Effect.ERROR, "AccessDenied", times=None)
    took = drill.until("gate-errors", State.ALARM, partial(world.deliver, ref), within=16)
    assert any("AccessDenied" in json.dumps(line) for line in drill.shown_by_the_runbook("gate-errors"))
    world.mended()
    drill.until("gate-errors", State.OK, within=AND_THEN)
    return took


def denied_listing(drill: Drill) -> int:
    """The sweep lost s3:ListJobs."""
    world = drill.world
    world.s3control("ListJobs", Effect.ERROR, "AccessDenied", times=None)
    took = drill.until("sweep-errors", State.ALARM, within=11)
    assert any("ListJobs" in line["job"] for line in drill.shown_by_the_runbook("sweep-errors"))
    world.mended()
    drill.until("sweep-errors", State.OK, within=20)
    return took


def a_person_pauses(drill: Drill) -> int:
    """`batchgate pause`, and `batchgate resume`."""
    ledger = drill.world.ledger
    ledger.set_pause(Pause(PERSON, "incident 4711", drill.world.stage.clock.now()), replacing=None)
    took = drill.until("paused", State.ALARM, within=1)
    found = ledger.pause()
    assert found is not None
    assert (found.by, found.reason) == (PERSON, "incident 4711")  # what `batchgate pause --status` shows
    ledger.set_pause(None, replacing=found)
    drill.until("paused", State.OK, within=10)
    return took


def held_for(name: str, **age: float) -> Play:
    """A job that nobody decides."""

    def play(drill: Drill) -> int:
        world = drill.world
        ref = world.job()
        drill.pass_minute(partial(world.deliver, ref))
        world.stage.clock.advance(timedelta(**age) - timedelta(minutes=2))
        drill.pass_minute()
        assert drill.state(name) is State.OK
        took = drill.until(name, State.ALARM, within=6)
        [item] = [item for item in world.ledger.open_items() if isinstance(item, JobState)]
        assert item.ref == ref  # what `batchgate jobs held` lists
        cancel_for(ref, PERSON, "too old", show_job(ref, world.gate).digest, world.gate)
        drill.until(name, State.OK, within=10)
        return took

    return play


DRILLS: Final[dict[str, Play]] = {
    "policy-not-loadable": no_policies,
    "circuit-breaker": cancels_too_much,
    "contradiction": comes_back,
    "unexpected-policy": rolled_back,
    "no-subscriber": nobody_subscribes,
    "events-dropped": not_json,
    "found-by-sweep": no_event,
    "events-retried": fails_again_and_again,
    "sweep-fails": denied_the_lease,
    "no-sweep": nobody_calls,
    "throttled-by-s3": slow_down,
    "gate-errors": denied_describing,
    "sweep-errors": denied_listing,
    "paused": a_person_pauses,
    "notices-failed": denied_publishing,
    "held-long": held_for("held-long", hours=72),
    "held-21-days": held_for("held-21-days", days=21),
    "held-27-days": held_for("held-27-days", days=27),
}

DEPLOYED: Final = {"unreviewed-events", "undelivered-events", "events-wait"}
"""In tests/e2e/test_drills.py."""


def rows() -> dict[str, dict[str, str]]:
    """The page's table, by alarm."""
    head, _, *lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    names = [cell.strip() for cell in head.strip("|").split("|")]
    found = [dict(zip(names, map(str.strip, line.strip("|").split("|")), strict=True)) for line in lines]
    return {row["alarm"].split("`")[1]: row for row in found}


def test_the_page_has_a_row_for_every_alarm() -> None:
    """Drilled here or in the deployed gate, or in the simulation, with the time that it takes there."""
    assert rows().keys() == alarms().keys()
    for name, row in rows().items():
        how = "functions" if name in DRILLS else "deployed gate" if name in DEPLOYED else "simulation"
        assert row["where"] == how, name
        if how != "functions":
            assert row["active after"] == f"{STORIES[name].within} min", name


@pytest.mark.parametrize("name", DRILLS)
def test_the_drill_goes_as_the_page_says(name: str, drill: Drill) -> None:
    """The cause, the alarm, the line that the runbook leads to, the remedy, and the end."""
    took = DRILLS[name](drill)
    assert rows()[name]["active after"] == f"{took} min"
