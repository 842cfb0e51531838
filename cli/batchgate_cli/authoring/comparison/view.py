"""A comparison of two policy sets, for people and for programs."""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from batchgate.jobs.model import Json
from batchgate.policy.compiled import Verdict
from batchgate.policy.evaluate import Decision
from batchgate.policy.reason import status_update_reason
from batchgate_cli.authoring.comparison.changes import Detail, TextChange, as_text
from batchgate_cli.authoring.comparison.compare import Change, Comparison
from batchgate_cli.authoring.comparison.draft import Example
from batchgate_cli.authoring.comparison.search import Outcome
from batchgate_cli.output import print_line, printable_line

_DECIDED: Final = {Verdict.APPROVE: "approved", Verdict.HOLD: "held", Verdict.CANCEL: "cancelled"}


def name_of(change: Change) -> str:
    """A change in a word, as files are named: `held-to-approved`."""
    return f"{_DECIDED[change.before]}-to-{_DECIDED[change.after]}"


def show_changes(changes: Sequence[TextChange]) -> None:
    """Print what changed in the documents."""
    if not changes:
        print_line("no setting, statement, exception, budget or calendar changed")
    for change in changes:
        if change.kind == "setting":
            [detail] = change.details
            print_line((f"setting {change.name}: ", "bold"), f"{as_text(detail.old)} -> {as_text(detail.new)}")
            continue
        color = {"added": "green", "removed": "red"}.get(change.what, "yellow")
        print_line((f"{change.kind} {printable_line(change.name)}: ", "bold"), (change.what, color))
        for part, details in groupby(change.details, lambda detail: detail.part):
            note = " (decides nothing)" if part in ("description", "because") else ""
            print_line(f"  {printable_line(part)}{note}")
            for detail in details:
                _show_detail(detail)


def _show_detail(detail: Detail) -> None:
    if detail.old is not None:
        print_line(("    - ", "red"), (printable_line(as_text(detail.old)), "red"))
    if detail.new is not None:
        print_line(("    + ", "green"), (printable_line(as_text(detail.new)), "green"))


def show_comparison(comparison: Comparison) -> None:
    """Print for each change of the verdict an example, or why there is none."""
    print_line(("Suspended jobs that nobody has approved", "bold"))
    if comparison.as_if_enforced:
        print_line("  both sets are in shadow mode and hold everything: compared as if they were enforced")
    if comparison.first and comparison.last:
        print_line(f"  from {comparison.first:%Y-%m-%d %H:%M} to {comparison.last:%Y-%m-%d %H:%M} UTC")
    for title, is_permissive in (("more permissive", True), ("more cautious", False)):
        print_line()
        print_line((f"  {title}", "bold"))
        for change in comparison.changes:
            if change.is_more_permissive is is_permissive:
                _show_change(change)
    if any(change.outcome is Outcome.UNDECIDED for change in comparison.changes):
        print_line()
        print_line(("  not decided because of: ", "yellow"), printable_line("; ".join(comparison.gaps)))
    _show_with_approvals(comparison)


def _show_with_approvals(comparison: Comparison) -> None:
    if not comparison.tried_with_approvals:
        return
    print_line()
    print_line(("Suspended jobs that people have approved", "bold"))
    print_line(
        f"  what approvals lift may differ; {comparison.tried_with_approvals} generated jobs were tried: no proof"
    )
    for change in comparison.with_approvals:
        _show_change(change)
    if not comparison.with_approvals:
        print_line("  none of them is decided differently")


def _show_change(change: Change) -> None:
    color = "red" if change.is_more_permissive else "cyan"
    title = f"  {_DECIDED[change.before]}, now {_DECIDED[change.after]}: "
    if change.example is None or change.old is None or change.new is None:
        if change.outcome is Outcome.NONE:
            print_line(title, ("no job", "green"))
        else:
            print_line(title, ("not decided", "yellow"), f"; none among {change.tried} generated jobs")
        return
    print_line((title, f"bold {color}"), "for example")
    print_line(f"    old: {_reason(change.old)}")
    print_line(f"    new: {_reason(change.new)}")
    for line in example_lines(change.example):
        print_line(f"    {printable_line(line)}")


def _reason(decision: Decision) -> str:
    return status_update_reason(decision).rpartition(" [policy ")[0].removeprefix("batchgate: ")


def example_lines(example: Example) -> Iterator[str]:
    """A job with one member a line, as `policy explain` reads it, and what stands beside it."""
    job = example.job["Job"]
    described = job if isinstance(job, dict) else {}
    members = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in described.items()]
    yield '{"Job": {'
    for member in members[:-1]:
        yield f"{member},"
    yield members[-1]
    yield "}}"
    yield f"tags: {'not readable' if example.tags is None else json.dumps(example.tags)}"
    yield f"at: {example.at.isoformat()}"
    for name, value in example.facts.items():
        yield f"other facts: {name} {json.dumps(value)}"
    if example.approvals:
        yield f"approved by: {', '.join(example.approvals)}"
        yield f"created by: {example.requester or 'not known'}"


def comparison_as_json(comparison: Comparison, changes: Sequence[TextChange]) -> dict[str, Json]:
    """All of it for programs."""
    return {
        "changes": [_text_change_as_json(change) for change in changes],
        "as_if_enforced": comparison.as_if_enforced,
        "from": comparison.first.isoformat() if comparison.first else None,
        "to": comparison.last.isoformat() if comparison.last else None,
        "verdicts": [_change_as_json(change) for change in comparison.changes],
        "not_decided_because": [*comparison.gaps],
        "with_approvals": [_change_as_json(change) for change in comparison.with_approvals],
        "tried_with_approvals": comparison.tried_with_approvals,
    }


def _text_change_as_json(change: TextChange) -> Json:
    details: list[Json] = [
        {"part": detail.part, "old": _json(detail.old), "new": _json(detail.new)} for detail in change.details
    ]
    return {"kind": change.kind, "name": change.name, "change": change.what, "details": details}


def _json(value: object) -> Json:
    plain: Json = json.loads(json.dumps(value))
    return plain


def _change_as_json(change: Change) -> Json:
    example = change.example
    return {
        "old": str(change.before),
        "new": str(change.after),
        "more_permissive": change.is_more_permissive,
        "outcome": str(change.outcome),
        "tried": change.tried,
        "example": None if example is None else example_as_json(example),
        "old_reason": status_update_reason(change.old) if change.old else None,
        "new_reason": status_update_reason(change.new) if change.new else None,
    }


def example_as_json(example: Example) -> Json:
    """A job, what `get-job-tagging` prints of it (null where that can't be read), and the rest."""
    return {
        **example.job,
        "Tags": tags_as_printed(example),
        "at": example.at.isoformat(),
        "facts": dict(example.facts),
        "approvals": [*example.approvals],
        "requester": example.requester,
    }


def tags_as_printed(example: Example) -> Json:
    """As `aws s3control get-job-tagging` prints them."""
    return None if example.tags is None else [{"Key": key, "Value": value} for key, value in example.tags.items()]
