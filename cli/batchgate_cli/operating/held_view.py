"""Held jobs for people: a block for each thing that stands in the way, a line a job."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from typing import Final, NamedTuple

from msgspec import structs

from batchgate.gate.state import Block
from batchgate.text import MARK, shorten
from batchgate_cli.operating.api_documents import OpenJob, PauseFacts
from batchgate_cli.operating.wording import MARKS, SOON_FAILED, age, counted, minute, objects, obstacle, person
from batchgate_cli.output import Styled, hanging, printable_line

ID_AT_LEAST: Final = 8
"""Characters of a job's id where not all of it fits; more where these do not name one job."""

_GAP: Final = "  "
_ACTUAL: Final = re.compile(r' is (?:"[^"]*"|[^,;()"]*), want ')
_CANCELS: Final = re.compile(r"(?:will|to) be cancelled at [^,]*, by ")
_COLUMNS: Final = ("job", "held", "fails in", "objects", "operation", "until")
_AT_RIGHT: Final = frozenset({"held", "fails in", "objects"})
_FAR_AWAY: Final = timedelta(days=36500)
_RESUMED: Final = "resumed"
_BY_PAUSE_ALONE: Final = "the gate is paused"
_PAUSE_ENDED: Final = "the pause that held it has ended; the next sweep reviews it"


class Sort(StrEnum):
    """What held jobs are sorted by."""

    HELD = "held"
    FAILS = "fails"
    OBJECTS = "objects"
    OPERATION = "operation"
    JOB = "job"


class Group(NamedTuple):
    """Jobs that the same thing stands in the way of."""

    obstacle: str
    mark: str
    jobs: list[OpenJob]


def in_order(jobs: Iterable[OpenJob], sort: Sort, now: datetime) -> list[OpenJob]:
    """Jobs in an order: what waits longest, is failed first, or is largest comes first."""
    by_age = sorted(jobs, key=lambda each: (each.held_since or now, each.job_id))
    match sort:
        case Sort.FAILS:
            return sorted(by_age, key=lambda each: each.fails_at or now + _FAR_AWAY)
        case Sort.OBJECTS:
            return sorted(by_age, key=lambda each: -(each.total_tasks or 0))
        case Sort.OPERATION:
            return sorted(by_age, key=lambda each: each.operation or "")
        case Sort.JOB:
            return sorted(by_age, key=attrgetter("job_id"))
        case _:
            return by_age


def grouped(jobs: Sequence[OpenJob]) -> list[Group]:
    """Jobs by what stands in their way, in the order of their first; without the values that differ."""
    groups: dict[tuple[str, str], list[OpenJob]] = {}
    for job in jobs:
        groups.setdefault((_ACTUAL.sub(", want ", _obstacle(job)), mark_of(job)), []).append(job)
    return [
        Group(text if len(set(map(_obstacle, members))) > 1 else _obstacle(members[0]), mark, members)
        for (text, mark), members in groups.items()
    ]


def _obstacle(job: OpenJob) -> str:
    """Without the instant of a cancellation, which stands in the job's own line; with all missing approvals."""
    text = _CANCELS.sub("", obstacle(job.reason))
    awaiting = printable_line(job.awaiting or "")
    count = awaiting.partition(",")[0]  # never cut in a reason
    before, found, _ = text.partition(f"; {count},") if awaiting else (text, "", "")
    return f"{before}; {awaiting}" if found else text


def mark_of(job: OpenJob) -> str:
    """What but the policies makes it a hold."""
    marks = ["shadow"] if job.shadow else []
    if job.block:
        marks.append(MARKS[Block(job.block)] if job.block in {*Block} else printable_line(job.block))
    return "".join(f"[{each}] " for each in marks)


def held_lines(
    jobs: Sequence[OpenJob],
    now: datetime,
    width: int | None,
    *,
    details: bool = False,
    pause: PauseFacts | None = None,
    others: int = 0,
) -> list[list[Styled]]:
    """The view.

    Args:
        jobs: In their order.
        now: What ages are counted to.
        width: Of the terminal; None where there is none: then nothing is cut or padded.
        details: Print all that is known of each.
        pause: Of the gate; None where it is not paused.
        others: Where there are no jobs, how many are held that the filters leave out.
    """
    if not jobs and others:
        is_or_are = "is" if others == 1 else "are"
        return [*_head_of(pause, width), [f"no held job matches; {others} {is_or_are} held"]]
    if pause is None:
        jobs = [_resumed(job) if _is_paused(job) else job for job in jobs]
        return _lines(jobs, now, width, details=details)
    return [*_head_of(pause, width), *_lines(jobs, now, width, details=details)]


def _head_of(pause: PauseFacts | None, width: int | None) -> list[list[Styled]]:
    if pause is None:
        return []
    facts = f"since {minute(pause.at)} UTC, by {person(pause.by)}: {pause.reason}"
    head = hanging("[paused] ", f"{facts}; `batchgate resume` ends that", width, "bold")
    return [[("[paused] ", "magenta"), *head[0][1:]], *head[1:]]


def _lines(jobs: Sequence[OpenJob], now: datetime, width: int | None, *, details: bool) -> list[list[Styled]]:
    if not jobs:
        return [["no job is held"]]
    rows = {job.job_id: _row(job, now, is_file=width is None) for job in jobs}
    lines: list[list[Styled]] = []
    columns = _widths(rows, width) if width is not None else None
    if columns is not None:
        header = [f"  {_padded(dict(zip(_COLUMNS, _COLUMNS, strict=True)), columns)}"]
        lines.append([(header[0].rstrip(), "dim")])
    for group in grouped(jobs):
        count = counted(len(group.jobs), "job")
        head = hanging(group.mark, f"{group.obstacle} ({count})", width, "bold")
        lines += [[(group.mark, "magenta"), *head[0][1:]], *head[1:]]
        for job in group.jobs:
            cells = rows[job.job_id]
            text = _padded(cells, columns) if columns is not None else _GAP.join(cells.values())
            lines.append([("  " + text).rstrip() if not _is_urgent(job, now) else (f"  {text}".rstrip(), "bold red")])
            if details:
                lines += [[f"      {line}"] for line in _details(job)]
    oldest = min((each.held_since for each in jobs if each.held_since), default=None)
    since = f", the oldest for {age(now - oldest)}" if oldest else ""
    summary = f"{len(jobs)} held{since}; `batchgate jobs show JOB` says why, `approve` and `cancel` decide"
    return [*lines, [""], *hanging("", summary, width)]


def beginnings(ids: Sequence[str], at_least: int = ID_AT_LEAST) -> dict[str, str]:
    """The shortest beginning of each id that no other id has."""
    ordered = sorted(ids)
    short: dict[str, str] = {}
    for number, each in enumerate(ordered):
        beside = [ordered[other] for other in (number - 1, number + 1) if 0 <= other < len(ordered)]
        length = max((_common(each, other) + 1 for other in beside), default=0)
        short[each] = each[: max(length, at_least)]
    return short


def _common(one: str, other: str) -> int:
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _row(job: OpenJob, now: datetime, *, is_file: bool) -> dict[str, str]:
    held = age(now - job.held_since) if job.held_since else "?"
    fails = age(job.fails_at - now) if job.fails_at else "?"
    if job.fails_at and job.fails_at - now >= timedelta(days=1):
        fails = f"{(job.fails_at - now).days} d"
    operation = printable_line(job.operation or "") or "unknown operation"
    if is_file:
        return {
            "job": job.job_id,
            "held": f"held {held}",
            "fails in": f"fails in {fails}",
            "objects": objects(job.total_tasks),
            "operation": operation,
            "until": f"until {until(job)}",
        }
    size = f"{job.total_tasks:,}" if job.total_tasks else "unknown"
    values = (job.job_id, held, fails, size, operation, _until_in_short(job, now))
    return dict(zip(_COLUMNS, values, strict=True))


def until(job: OpenJob) -> str:
    """What ends a hold, and when."""
    if job.until is not None:
        return f"{minute(job.until)} UTC"
    if job.cancels_at is not None:
        return f"{minute(job.cancels_at)} UTC, then it will be cancelled"
    if job.block == _RESUMED:
        return "the next sweep reviews it"
    return "the gate is resumed" if _is_paused(job) else "a person decides"


def _until_in_short(job: OpenJob, now: datetime) -> str:
    if job.until is not None:
        return f"in {age(job.until - now)}"
    if job.cancels_at is not None:
        return f"cancel in {age(job.cancels_at - now)}"
    if job.block == _RESUMED:
        return "next sweep"
    return "resumed" if _is_paused(job) else "a person"


def _resumed(job: OpenJob) -> OpenJob:
    """A job that a pause held which is over: the next sweep reviews it."""
    reason = _PAUSE_ENDED if obstacle(job.reason) == _BY_PAUSE_ALONE else job.reason
    return structs.replace(job, block=_RESUMED, reason=reason)


def _is_paused(job: OpenJob) -> bool:
    return job.block == Block.PAUSED


def _is_urgent(job: OpenJob, now: datetime) -> bool:
    """S3's 30 days run from the suspension, however long the gate has held the job."""
    since = job.suspended_at or job.held_since
    return since is not None and now - since >= SOON_FAILED


def _details(job: OpenJob) -> list[str]:
    """Lines with names; what is not known is left out."""
    tags = ", ".join(f"{key}={value}" for key, value in (job.tags or {}).items())
    approvals = "; ".join(f"{person(each.who)} at {minute(each.at)} UTC" for each in job.approvals)
    named = {
        "arn": job.job_arn,
        "because": obstacle(job.reason),
        "awaiting": job.awaiting or "",
        "approvals": approvals,
        "until": until(job),
        "next review": f"{minute(job.due_at)} UTC at the latest" if job.due_at else "",
        "tags": tags,
        "requester": job.requester or "",
        "governing": ", ".join(job.governing),
        "policy": job.policy_version or "",
    }
    return [f"{name:<13}{printable_line(text)}" for name, text in named.items() if text]


def _widths(rows: Mapping[str, dict[str, str]], width: int) -> dict[str, int]:
    """How wide each column is: ids are shortened first, then operations."""
    widths = {name: max(len(name), *(len(row[name]) for row in rows.values())) for name in _COLUMNS}

    def over() -> int:
        return 2 + sum(widths.values()) + len(_GAP) * (len(widths) - 1) - width

    if over() > 0:
        short = beginnings([*rows])
        for job_id, row in rows.items():
            row["job"] = short[job_id]
        widths["job"] = max(map(len, [*short.values(), "job"]))
    for name in ("operation", "until"):
        if over() > 0:
            widths[name] = max(len(name), widths[name] - over())
    return widths


def _padded(cells: Mapping[str, str], widths: Mapping[str, int]) -> str:
    texts = [
        f"{_cut(text, widths[name]):>{widths[name]}}"
        if name in _AT_RIGHT
        else f"{_cut(text, widths[name]):<{widths[name]}}"
        for name, text in cells.items()
    ]
    return _GAP.join(texts)


def _cut(text: str, room: int | None, *, sentence: bool = False) -> str:
    return text if room is None else shorten(text, max(len(MARK), room), sentence=sentence)
