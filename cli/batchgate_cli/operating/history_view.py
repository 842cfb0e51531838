"""Decisions of the past for people: a block for each day, policy, verdict or person, a line a job."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from enum import StrEnum
from typing import Final

from batchgate.text import shorten
from batchgate_cli.operating.api_documents import PastDecision
from batchgate_cli.operating.held_view import beginnings
from batchgate_cli.operating.wording import bare, counted, minute, objects, person
from batchgate_cli.output import Styled, printable_line

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
        width: Of the terminal; None where there is none: then nothing is cut.
    """
    if not decisions:
        return [["no job was decided in this time"]]
    groups: dict[str, list[PastDecision]] = {}
    for each in decisions:
        for name in _names(each, by):
            groups.setdefault(name, []).append(each)
    short = beginnings([*{each.job_id for each in decisions}]) if width is not None else {}
    lines: list[list[Styled]] = []
    for name, members in groups.items():
        lines.append([(name, "bold"), f"  {_summary(members)}"])
        lines += [[*_line(each, by, short, width)] for each in members]
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


def _line(decision: PastDecision, by: GroupBy, short: dict[str, str], width: int | None) -> Iterator[Styled]:
    at = minute(decision.decided_at)
    reason = bare(decision.reason)
    for each in decision.people:
        reason = reason.replace(each, person(each))
    yield f"  {at[11:] if by is GroupBy.DAY else at}  "
    yield decision.action, _STYLES.get(decision.action, "")
    text = "  ".join(
        [
            "",
            short.get(decision.job_id, decision.job_id),
            printable_line(decision.operation or "unknown operation"),
            objects(decision.total_tasks),
            reason,
        ]
    )
    room = None if width is None else width - len(at[11:] if by is GroupBy.DAY else at) - 4 - len(decision.action)
    yield text if room is None else shorten(text, room, sentence=True)
