"""`batchgate pause` and `resume`."""

import json
import re

from batchgate_cli.exits import Exit
from tests.cli.api_double import ANA, BEN, REGION, GateDouble, batchgate, front, gate
from tests.cli.api_front import Front, Request

__all__ = ["front", "gate"]

HOSTILE = "evil\r\n\u009b31m\u202e[bold]"
SINCE = rf"since \d{{4}}-\d\d-\d\d \d\d:\d\d UTC by {re.escape(ANA)}: an incident\n"


def test_a_gate_is_paused_until_it_is_resumed(gate: GateDouble, front: Front) -> None:
    """Who, when and why are told by each command."""
    done = batchgate(front, "pause", "--reason", "an incident")
    assert re.fullmatch(rf"the gate of {REGION} is paused, {SINCE}", done.stdout)
    assert re.fullmatch(rf"the gate of {REGION} is paused, {SINCE}", batchgate(front, "pause", "--status").stdout)
    resumed = rf"resumed the gate of {REGION}; it had been paused {SINCE}"
    reviewed = r"the next sweep reviews the jobs that the pause held\n"
    assert re.fullmatch(resumed + reviewed, batchgate(front, "resume").stdout)
    assert gate.pause is None
    assert batchgate(front, "pause", "--status").stdout == f"the gate of {REGION} is not paused\n"


def test_pausing_and_resuming_twice_changes_nothing(gate: GateDouble, front: Front) -> None:
    """Who paused it first has paused it."""
    assert batchgate(front, "resume").stdout == f"the gate of {REGION} was not paused\n"
    batchgate(front, "pause", "--reason", "the first")
    first = gate.pause
    again = batchgate(front, "pause", "--reason", "the second")
    assert (again.exit_code, gate.pause) == (0, first)
    assert "was already paused" in again.stdout
    assert "the first" in again.stdout


def test_resume_ends_no_pause_but_the_one_that_it_saw(gate: GateDouble, front: Front) -> None:
    """Somebody else's incident has begun meanwhile: the gate stays paused."""
    batchgate(front, "pause", "--reason", "the first")
    another = {"by": BEN, "reason": HOSTILE, "at": "2026-11-29T08:00:00+00:00", "etag": '"0123456789abcdef"'}

    def act(request: Request) -> None:
        if request.method == "DELETE":
            gate.pause = another

    front.spoil = act
    result = batchgate(front, "resume")
    assert result.exit_code == Exit.REFUSED
    assert "paused again by another caller meanwhile" in result.stderr
    assert gate.pause == another


def test_a_pause_for_programs(gate: GateDouble, front: Front) -> None:
    """Whether, who, why and since when; what people wrote moves no cursor."""
    said = json.loads(batchgate(front, "pause", "--status", "-o", "json").stdout)
    assert said == {"paused": False, "already": False}
    batchgate(front, "pause", "--reason", HOSTILE)
    said = json.loads(batchgate(front, "pause", "--status", "-o", "json").stdout)
    assert {"paused": True, "by": ANA, "reason": HOSTILE}.items() <= said.items()
    shown = batchgate(front, "pause", "--status").stdout
    assert all(character.isprintable() for character in shown.replace("\n", ""))
    assert batchgate(front, "pause", "--status", "--query", "by", "--output", "text").stdout == f"{ANA}\n"
    assert json.loads(batchgate(front, "resume", "-o", "json").stdout)["was"]["by"] == ANA


def test_a_pause_needs_a_reason(front: Front) -> None:
    """Blanks are none."""
    assert batchgate(front, "pause").exit_code == 2
    assert batchgate(front, "pause", "--reason", " ").exit_code == 2
    for reason in ("x" * 1001, "\udcff"):
        refused = batchgate(front, "pause", "--reason", reason)
        assert (refused.exit_code, "'--reason': expected" in refused.stderr, "xx" in refused.stderr) == (2, True, False)
    assert front.requests == []
