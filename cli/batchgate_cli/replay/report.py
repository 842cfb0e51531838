"""A replay as one page that needs nothing else: no network, no other file."""

import hashlib
import json
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from html import escape
from importlib.resources import files
from string import Template
from typing import Any, Final

from batchgate import __version__
from batchgate.jobs.model import Json
from batchgate_cli.output import printable_line
from batchgate_cli.replay.comparison import CHANGED, Change, Ending, Replay, Row
from batchgate_cli.replay.course import End
from batchgate_cli.replay.replay_view import (
    headline,
    in_words,
    jobs,
    length,
    notes,
    totals,
    waiting_in_words,
    why_unknown,
)

_SHOWN: Final = (End.APPROVED, End.HELD, End.EXPIRED, End.CANCELLED, End.UNGATED)
_OTHER: Final = "other"
_LEGEND: Final = '<li><svg viewBox="0 0 1 1" aria-hidden="true"><rect class="{0}" width="1" height="1"/></svg>{0}</li>'

_DAYS_IN_BARS: Final = 124
"""A longer time is shown by weeks."""

_WAITS: Final = (
    ("at once", timedelta(minutes=1)),
    ("up to 1 hour", timedelta(hours=1)),
    ("up to 6 hours", timedelta(hours=6)),
    ("up to 1 day", timedelta(days=1)),
    ("up to 3 days", timedelta(days=3)),
    ("up to 7 days", timedelta(days=7)),
    ("longer", timedelta.max),
)
_NOT_KNOWN: Final = "not known, or held for people"

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 1000, 130, 38, 18, 16


def page(replay: Replay, now: datetime) -> str:
    """The page.

    Args:
        replay: The replay.
        now: When the page is written.
    """
    style, script = _part("report.css"), _part("report.js")
    bars, period = _bars(replay.rows)
    return Template(_part("report.html")).substitute(
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        title=_text(replay.source),
        headline=_text(headline(replay)),
        notes=_list(notes(replay)),
        written=f"{now:%Y-%m-%d %H:%M} UTC",
        version=_text(__version__),
        cards=_cards(replay),
        period=period,
        legend="".join(_LEGEND.format(kind) for kind in (*_SHOWN, _OTHER)),
        timeline=_timeline("Before", bars, 0) + _timeline("After", bars, 1),
        timeline_table=_timeline_table(bars, period),
        waiting=_text(waiting_in_words(replay).removeprefix("waiting: ")),
        waiting_table=_waiting_table(replay),
        statements=_statements(replay),
        rules=_list(f"the rule {rule} decided {jobs(count)}" for rule, count in sorted(replay.usage.rules.items())),
        never_used=_list([each.name for each in replay.usage.never_used], "Every statement governed a job."),
        never_decided=_list(
            [f"{statement.name}: {each.text}" for statement, each in replay.usage.never_decided],
            "Every requirement of a statement that governed jobs held or cancelled one.",
        ),
        change_options=_options(Change),
        end_options=_options(End),
        data=_data(replay),
    )


def _part(name: str) -> str:
    return files("batchgate_cli.replay").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a content security policy names what may run. Source: CSP Level 3, hash-source."""
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _text(text: str) -> str:
    return escape(printable_line(text))


def _list(lines: Iterable[str], otherwise: str = "") -> str:
    items = "".join(f"<li>{_text(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else f"<p>{_text(otherwise)}</p>" if otherwise else ""


def _options(values: Iterable[str]) -> str:
    return "".join(f'<option value="{value}">{value}</option>' for value in values)


def _table(caption: str, names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column names the row, and whose others are numbers."""
    head = "".join(
        f'<th scope="col"{_NUMBER if number else ""}>{_text(name)}</th>' for number, name in enumerate(names)
    )
    body = "".join(
        f'<tr><th scope="row">{_text(first)}</th>'
        + "".join(f"<td{_NUMBER}>{_text(each)}</td>" for each in others)
        + "</tr>"
        for first, *others in rows
    )
    return f"<table><caption>{_text(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


_NUMBER: Final = ' class="number"'


def _cards(replay: Replay) -> str:
    before, after = totals(row.before for row in replay.rows), totals(row.after for row in replay.rows)
    cards = [("jobs", len(replay.rows), "", "")]
    cards += [(str(end), after[end], f"before {before[end]:,}", str(end)) for end in End if before[end] or after[end]]
    return "".join(
        f'<li><strong class="{kind}">{count:,}</strong>{_text(name)} <span class="quiet">{note}</span></li>'
        for name, count, note, kind in cards
    )


# --- The timeline -------------------------------------------------------------------------------------


class _Bar:
    """The jobs of one day or week, by their ends before and after."""

    def __init__(self) -> None:
        self.ends: tuple[Counter[str], Counter[str]] = (Counter(), Counter())

    def count(self, row: Row) -> None:
        for counter, ending in zip(self.ends, (row.before, row.after), strict=True):
            counter[str(ending.end) if ending.end in _SHOWN else _OTHER] += 1


def _bars(rows: Sequence[Row]) -> tuple[list[tuple[date, date, _Bar]], str]:
    """The bars in the order of time, each with its first and last day; and what one stands for."""
    days = [row.since.date() for row in rows if row.since]
    if not days:
        return [], "day"
    first, last = min(days), max(days)
    by_week = (last - first).days >= _DAYS_IN_BARS
    step = timedelta(days=7 if by_week else 1)
    if by_week:
        first -= timedelta(days=first.weekday())
    found: defaultdict[int, _Bar] = defaultdict(_Bar)
    for row in rows:
        if row.since:
            found[(row.since.date() - first) // step].count(row)
    count = (last - first) // step + 1
    return [
        (first + number * step, first + (number + 1) * step - timedelta(days=1), found[number])
        for number in range(count)
    ], "week" if by_week else "day"


def _timeline(name: str, bars: Sequence[tuple[date, date, _Bar]], which: int) -> str:
    """A bar for each day, the ends above one another."""
    if not bars:
        return ""
    highest = max(max(bar.ends[side].total() for _, _, bar in bars) for side in (0, 1)) or 1
    each = (_WIDTH - _LEFT) / len(bars)
    drawn: list[str] = []
    for number, (first, last, bar) in enumerate(bars):
        bottom = float(_TOP + _HEIGHT)
        counts = bar.ends[which]
        parts: list[str] = []
        for kind in (*map(str, _SHOWN), _OTHER):
            tall = counts[kind] / highest * _HEIGHT
            if tall:
                bottom -= tall
                place = f'x="{_LEFT + number * each:.1f}" y="{bottom:.1f}"'
                size = f'width="{max(each - 1, 0.5):.1f}" height="{tall:.1f}"'
                parts.append(f'<rect class="{kind}" {place} {size}/>')
        if parts:
            said = ", ".join(f"{count} {kind}" for kind, count in counts.items())
            group = f'<g class="bar" data-from="{first}" data-to="{last}"><title>{first}: {said}</title>'
            drawn.append(f"{group}{''.join(parts)}</g>")
    marks = "".join(
        f'<text x="{_LEFT + number * each:.1f}" y="{_TOP + _HEIGHT + _BOTTOM - 4}">{first:%d %b}</text>'
        for number, (first, _, _) in enumerate(bars)
        if number % max(len(bars) // 8, 1) == 0 and number * each < _WIDTH - 3 * _LEFT
    )
    axis = f'<line class="axis" x1="{_LEFT}" y1="{_TOP + _HEIGHT}" x2="{_WIDTH}" y2="{_TOP + _HEIGHT}"/>'
    scale = f'<text x="0" y="{_TOP + 4}">{highest}</text><text x="0" y="{_TOP + _HEIGHT}">0</text>'
    box = f"0 0 {_WIDTH} {_TOP + _HEIGHT + _BOTTOM}"
    label = f"{name}: jobs by their ends; the table below has the numbers"
    svg = f'<svg viewBox="{box}" role="img" aria-label="{label}">'
    return f"<h3>{name}</h3>{svg}{axis}{scale}{''.join(drawn)}{marks}</svg>"


def _timeline_table(bars: Sequence[tuple[date, date, _Bar]], period: str) -> str:
    kinds = [*map(str, _SHOWN), _OTHER]
    names = [period, *(f"{kind} {when}" for kind in kinds for when in ("before", "after"))]
    rows = [[f"{first}", *(f"{ends[kind]}" for kind in kinds for ends in bar.ends)] for first, _, bar in bars]
    return _table("Jobs by how they ended", names, rows)


# --- The tables ---------------------------------------------------------------------------------------


def _waiting_table(replay: Replay) -> str:
    counts = (Counter[str](), Counter[str]())
    for row in replay.rows:
        for counter, ending in zip(counts, (row.before, row.after), strict=True):
            counter[_bucket(row.waited(ending))] += 1
    names = [*(name for name, _ in _WAITS), _NOT_KNOWN]
    rows = [[name, f"{counts[0][name]:,}", f"{counts[1][name]:,}"] for name in names]
    return _table("Jobs by how long they waited for their decision", ["waited", "before", "after"], rows)


def _bucket(span: timedelta | None) -> str:
    return _NOT_KNOWN if span is None else next(name for name, limit in _WAITS if span <= limit)


def _statements(replay: Replay) -> str:
    rows = [
        [
            f"{each.name}{'' if each.enforced else ' (shadow)'}",
            *(f"{count:,}" for count in (each.governed, each.approved, each.held, each.cancelled)),
        ]
        for each in replay.usage.statements.values()
    ]
    names = ["statement", "governed", "approved", "held", "cancelled"]
    return _table("Jobs that each statement governed, approved, and held or cancelled at any time", names, rows)


# --- The jobs -----------------------------------------------------------------------------------------


def _data(replay: Replay) -> str:
    """The jobs for the script, as JSON that ends no element."""
    by_time = sorted(replay.rows, key=lambda row: (row.since is not None, row.since, row.job_id))
    whole = {"changed": sorted(CHANGED), "jobs": [_job(row) for row in by_time]}
    text = json.dumps(whole, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _job(row: Row) -> dict[str, Json]:
    words = [_waited(row, ending) for ending in (row.before, row.after)]
    trace: Any = row.trace or {"steps": [], "objections": []}
    whole: dict[str, Json] = {
        "id": printable_line(row.job_id),
        "account": row.account,
        "region": row.region,
        "operation": printable_line(row.operation),
        "tasks": row.total_tasks,
        "since": f"{row.since:%Y-%m-%d %H:%M}" if row.since else None,
        "since_is_exact": row.since_is_exact,
        "change": str(row.change),
        "end_before": str(row.before.end),
        "end_after": str(row.after.end),
        "before": in_words(row.before),
        "after": in_words(row.after),
        "waiting": f"{words[0]} → {words[1]}",
        "statements": [printable_line(each) for each in row.after.statements],
        "check": printable_line(row.after.check),
        "reason_before": printable_line(row.before.reason),
        "reason_after": printable_line(row.after.reason),
        "why": printable_line(why_unknown(row)) if row.change is Change.UNKNOWN else "",
        "steps": [_step(each) for each in trace["steps"]],
        "objections": [
            [printable_line(str(each[name])) for name in ("statement", "subject", "actual", "wanted", "vote")]
            for each in trace["objections"]
        ],
    }
    return whole


def _waited(row: Row, ending: Ending) -> str:
    span = row.waited(ending)
    if span is not None:
        return "at once" if span <= _WAITS[0][1] else length(span)
    return "for people" if ending.end in (End.HELD, End.EXPIRED) else "?"


def _step(step: dict[str, Any]) -> dict[str, Json]:
    ahead = f"until {_minute(step['until'])}" if step["until"] else ""
    ahead = f"cancelled at {_minute(step['cancels_at'])}" if step["cancels_at"] else ahead
    return {
        "at": _minute(step["at"]),
        "end": step["end"],
        "reason": printable_line(step["reason"]),
        "ahead": ahead,
    }


def _minute(instant: str) -> str:
    return f"{datetime.fromisoformat(instant):%Y-%m-%d %H:%M}"
