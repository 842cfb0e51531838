"""Test cases' outcomes and coverage, for people and for programs."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from batchgate.jobs.model import Json
from batchgate.policy.reason import status_update_reason
from batchgate_cli.exits import printable_line
from batchgate_cli.explain_view import decision_as_json, decision_as_tree
from policy_cases import Outcome, Unexercised


def show_outcome(console: Console, outcome: Outcome) -> None:
    """One line for a case that holds; for one that does not, expected, actual and the trace."""
    name = printable_line(outcome.case.name)
    if not outcome.failures:
        console.print(Text.assemble(("ok    ", "green"), name, (f"  {outcome.decision.verdict}", "dim")))
        return
    console.print(Text.assemble(("FAIL  ", "bold red"), (name, "bold"), f"  ({outcome.place or outcome.file})"))
    for failure in outcome.failures:
        console.print(Text(f"      {failure.what}: expected {failure.expected}, got {failure.actual}"))
    console.print(decision_as_tree(outcome.decision, everything=False))
    console.print(Text(f"reason: {status_update_reason(outcome.decision)}"))


def show_coverage(console: Console, gaps: Sequence[Unexercised]) -> None:
    """What no case exercised."""
    if not gaps:
        console.print("coverage: every statement and every requirement was exercised both ways")
        return
    console.print(f"coverage: {len(gaps)} not exercised by any case")
    for gap in gaps:
        console.print(Text(f"  {gap.place or ''}: {printable_line(gap.where)}: never {gap.never}"))


def outcome_as_json(outcome: Outcome) -> Json:
    """One case with what was expected and the whole decision."""
    return {
        "file": str(outcome.file),
        "line": outcome.place.line if outcome.place else None,
        "name": outcome.case.name,
        "passed": not outcome.failures,
        "failures": [
            {"what": failure.what, "expected": failure.expected, "actual": failure.actual}
            for failure in outcome.failures
        ],
        "decision": decision_as_json(outcome.decision),
    }


def gap_as_json(gap: Unexercised) -> Json:
    """One thing that no case exercised."""
    place = gap.place
    return {
        "where": gap.where,
        "never": gap.never,
        "file": place.file if place else None,
        "line": place.line if place else None,
    }
