"""Test cases' outcomes and coverage, for people and for programs."""

from collections.abc import Sequence

from batchgate.jobs.model import Json
from batchgate.policy.explanation import decision_as_json
from batchgate.policy.reason import status_update_reason
from batchgate_cli.authoring.cases import Outcome
from batchgate_cli.authoring.coverage import Part
from batchgate_cli.authoring.explain_view import show_tree
from batchgate_cli.output import print_line, printable_line


def show_outcome(outcome: Outcome) -> None:
    """One line for a case that holds; for one that does not, expected, actual and the trace."""
    name = printable_line(outcome.case.name)
    if not outcome.failures:
        print_line(("ok    ", "green"), name, (f"  {outcome.decision.verdict}", "dim"))
        _show_warnings(outcome)
        return
    print_line(("FAIL  ", "bold red"), (name, "bold"), f"  ({outcome.place or outcome.file})")
    for failure in outcome.failures:
        print_line(f"      {failure.what}: expected {failure.expected}, got {failure.actual}")
    _show_warnings(outcome)
    show_tree(outcome.decision, everything=False)
    print_line(f"reason: {status_update_reason(outcome.decision)}")


def _show_warnings(outcome: Outcome) -> None:
    for warning in outcome.warnings:
        print_line(("      warning: ", "yellow"), f"{warning.place}: {printable_line(warning.message)}")


def show_coverage(parts: Sequence[Part]) -> None:
    """A table of what no case exercised."""
    gaps = [part for part in parts if part.missing]
    if not gaps:
        print_line("coverage: every statement, requirement, exception and alternative was exercised both ways")
        return
    print_line(f"coverage: {len(gaps)} of {len(parts)} not exercised both ways by any case")
    rows = [(printable_line(gap.where), ", ".join(f"never {words}" for words in gap.never)) for gap in gaps]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for (where, never), gap in zip(rows, gaps, strict=True):
        print_line(f"  {where:{widths[0]}}  {never:{widths[1]}}  {gap.place or ''}")


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
        "warnings": [str(warning) for warning in outcome.warnings],
        "decision": decision_as_json(outcome.decision),
    }


def gaps_as_json(part: Part) -> list[Json]:
    """Each way in which no case exercised something."""
    return [{"where": part.where, "never": never, **_place_as_json(part)} for never in part.never]


def part_as_json(part: Part) -> Json:
    """One thing that cases may exercise, and how they did."""
    exercised: dict[str, Json] = {str(result): result in part.seen for result in part.wanted}
    return {"what": str(part.what), "where": part.where, **_place_as_json(part), "exercised": exercised}


def _place_as_json(part: Part) -> dict[str, Json]:
    return {"file": part.place.file if part.place else None, "line": part.place.line if part.place else None}
