"""The table of errors, row by row: what the page says is what happens."""

import json
from collections import Counter
from pathlib import Path

import pytest

from batchgate.errors import GateError
from batchgate.gate.people import cancel_for, record_approval, show_job
from batchgate.gate.state import Outcome, Phase, RequestedAction
from tests.flow.errors_table import AGAIN, PERSON_ROWS, ROWS, SWEEP_ROWS, PersonRow, Row, SweepRow, document
from tests.flow.stage import HOLD_ALL, KIM, UP_TO_THREE, policies
from tests.flow.troubled import World

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
_OF_SWEEPS = frozenset({"Errors", "NoticesFailed", "PolicyLoadErrors", "SweepErrors", "Throttled"})
DECIDED: dict[str, list[set[str]]] = {
    "none": [set()],
    "both": [{"due", "new"}],
    "the due one": [{"due"}],
    "one": [{"due"}, {"new"}],
}


@pytest.fixture
def world(local_s3: str, monkeypatch: pytest.MonkeyPatch) -> World:
    """A gate without trouble."""
    return World(local_s3, monkeypatch)


def counted(capsys: pytest.CaptureFixture[str]) -> Counter[str]:
    """The metrics that were written, by the embedded metric format."""
    found: Counter[str] = Counter()
    for line in capsys.readouterr().out.splitlines():
        said = json.loads(line) if line.startswith("{") else {}
        for directive in said.get("_aws", {}).get("CloudWatchMetrics", ()):
            for metric in directive["Metrics"]:
                found[metric["Name"]] += sum(said[metric["Name"]])
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_review_in_trouble_does_what_the_table_says(
    world: World, row: Row, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message, the job, the ledger, the metrics; and when the trouble is over, one decision."""
    if row.policy:
        world.stage.enforce(row.policy)
    ref = world.job(tags=dict(row.tags))
    row.happens(world, ref)
    again = world.deliver(ref, deliveries=row.deliveries)
    assert (again, world.stage.status(ref), world.phase(ref)) == (row.message == AGAIN, row.job, row.ledger)
    assert ", ".join(sorted(counted(capsys).keys() - {"SecondsToDecision"})) == row.counted
    world.mended()
    world.pass_time()
    world.sweep()
    assert world.came_to(ref) == row.ends
    state = world.state(ref)
    assert state is not None
    if row.ends == "held":
        assert state.phase is Phase.HELD
        return
    assert (state.phase, state.announced_at is not None) == (Phase.SETTLED, True)
    assert state.outcome is (Outcome.SUPERSEDED if "person was first" in row.fails else Outcome.APPLIED)


@pytest.mark.parametrize("row", SWEEP_ROWS, ids=lambda row: row.name)
def test_a_sweep_in_trouble_does_what_the_table_says(
    world: World, row: SweepRow, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it does all the same; the next one does the rest."""
    world.stage.enforce(HOLD_ALL)
    due = world.job()
    world.deliver(due)
    world.stage.enforce(UP_TO_THREE)
    world.pass_time()
    new = world.job()
    counted(capsys)
    row.happens(world, new)
    failed = False
    try:
        world.sweep()
    except GateError:
        failed = True
    decided = {name for name, ref in (("due", due), ("new", new)) if world.came_to(ref) == "approved"}
    assert failed == row.raises
    assert decided in DECIDED[row.decided]
    metrics = counted(capsys)
    assert ", ".join(sorted(name for name in metrics if metrics[name] and name in _OF_SWEEPS)) == row.counted
    world.mended()
    world.pass_time()
    world.sweep()
    assert [world.came_to(ref) for ref in (due, new)] == ["approved", "approved"]


@pytest.mark.parametrize("row", PERSON_ROWS, ids=lambda row: row.name)
def test_a_person_s_decision_in_trouble_does_what_the_table_says(world: World, row: PersonRow) -> None:
    """What the person is told, the job, the ledger; and when the trouble is over, one decision."""
    world.stage.enforce(row.policy)
    ref = world.job(tags={"team": "lake"})
    digest = show_job(ref, world.gate).digest
    row.happens(world, ref)
    decide = record_approval if row.action is RequestedAction.APPROVE else cancel_for
    try:
        result = str(decide(ref, KIM, "looked at it", digest, world.gate).action)
    except GateError as error:
        result = type(error).__name__
    assert (result, world.stage.status(ref), world.phase(ref)) == (row.result, row.job, row.ledger)
    state = world.state(ref)
    assert [each.who for each in (state.approvals if state else ())] == ([KIM] if row.recorded else [])
    world.stage.source.enforced = world.stage.source.enforced or policies(row.policy)
    world.mended()
    world.pass_time()
    world.sweep()
    assert world.came_to(ref) == row.ends


@pytest.mark.parametrize("body", ["not JSON", "[]", '{"source": "aws.s3"}'])
def test_what_is_no_event_is_dropped(world: World, body: str) -> None:
    """It would fail as often as it came."""
    ref = world.job()
    assert world.deliver(ref, body=body) is False
    assert world.phase(ref) == "nothing"


def test_the_page_is_the_table() -> None:
    """Print it anew: `python -m tests.flow.errors_table >docs/errors.md`."""
    assert PAGE.read_text() == document()
