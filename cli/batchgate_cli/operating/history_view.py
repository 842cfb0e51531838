"""Decisions of the past for people: a block for each day, policy, verdict or person, a line a job."""

from collections.abc import Sequence
from datetime import UTC
from enum import StrEnum
from typing import Final

from batchgate_cli.operating.api_documents import PastDecision
from batchgate_cli.operating.wording import bare, counted, minute, objects, person
from batchgate_cli.output import Styled, hanging, printable_line

_STYLES: Final = {"approved": "green", "cancelled": "red"}


class GroupBy(StrEnum):
    """What decisions are grouped by."""

    DAY = "day"
    POLICY = "policy"
    VERDICT = "verdict"
    PERSON = "person"


def history_lines(decisions: Sequence[PastDecision], by: GroupBy, width: int | None) -> list[list[Styled]]:
    """The view, in the order of the decisions.

    Args:
        decisions: The latest first.
        by: A decision with several policies or people stands under each.
        width: Of the terminal; None where there is none: then a decision is one line.
    """
    if not decisions:
        return [["no job was decided in this time"]]
    groups: dict[str, list[PastDecision]] = {}
    for each in decisions:
        for name in _names(each, by):
            groups.setdefault(name, []).append(each)
    lines: list[list[Styled]] = []
    for name, members in groups.items():
        lines.append([(name, "bold"), f"  {_summary(members)}"])
        for each in members:
            lines += _lines(each, by, width)
    return [
        *lines,
        [""],
        [f"{counted(len(decisions), 'job')}: {_summary(decisions)}; `batchgate jobs show JOB` says why"],
    ]


def _names(decision: PastDecision, by: GroupBy) -> list[str]:
    match by:
        case GroupBy.POLICY:
            return [*map(printable_line, decision.governing)] or ["no policy"]
        case GroupBy.VERDICT:
            return [decision.action]
        case GroupBy.PERSON:
            return [*map(printable_line, decision.people)] or ["no person"]
        case _:
            return [f"{decision.decided_at.astimezone(UTC):%Y-%m-%d}"]


def _summary(decisions: Sequence[PastDecision]) -> str:
    counts: dict[str, int] = {}
    for each in decisions:
        counts[each.action] = counts.get(each.action, 0) + 1
    return ", ".join(f"{count:,} {action}" for action, count in counts.items())


def _lines(decision: PastDecision, by: GroupBy, width: int | None) -> list[list[Styled]]:
    """With the whole id: a decided job is found by nothing less."""
    at = minute(decision.decided_at)
    reason = bare(decision.reason)
    for each in decision.people:
        reason = reason.replace(each, person(each))
    start = f"  {at[11:] if by is GroupBy.DAY else at}  "
    line: list[Styled] = [start, (decision.action, _STYLES.get(decision.action, "")), f"  {decision.job_id}"]
    text = "  ".join([printable_line(decision.operation or "unknown operation"), objects(decision.total_tasks), reason])
    used = len(start) + len(decision.action) + 2 + len(decision.job_id)
    if width is None or used + 2 + len(text) <= width:
        return [[*line, f"  {text}"]]
    return [line, *hanging("      ", text, width)]
