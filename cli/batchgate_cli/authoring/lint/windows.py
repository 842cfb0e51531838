"""Lint on windows with several calendars, any one of which is enough, where all of them may have been meant."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeAlias

from batchgate.policy.calendars import Calendar
from batchgate.policy.checks import InWindow
from batchgate.policy.compiled import PolicySet
from batchgate.policy.evaluate import SUSPENDED_FOR_AT_MOST
from batchgate_cli.authoring.lint.finding import Finding
from batchgate_cli.authoring.lint.located import Leaf, Located

_DAYS_AHEAD = timedelta(days=366)
_CALENDARS_AT_MOST = 10
"""More calendars than that in one window are not compared."""

_NEARLY_ALWAYS = 0.9
"""The share of the coming year for which a window is open that excludes next to nothing."""

_Intervals: TypeAlias = Sequence[tuple[datetime, datetime]]


def lint_either_window(located: Located, policies: PolicySet, today: date) -> Iterator[Finding]:
    """Windows that are open nearly always, or as long without one of their calendars."""
    latest = datetime.max.replace(tzinfo=UTC)
    start = datetime.combine(today, time(), UTC)
    if policies.clock.reach < SUSPENDED_FOR_AT_MOST or latest - start < _DAYS_AHEAD:
        return
    seen: dict[InWindow, tuple[str, str] | None] = {}
    for leaf in located.leaves:
        test = leaf.check.test
        if isinstance(test, InWindow) and 1 < len(test.names) <= _CALENDARS_AT_MOST:
            if test not in seen:
                seen[test] = _wrong(test, start)
            yield from _finding(leaf, test, seen[test])


def _finding(leaf: Leaf, test: InWindow, wrong: tuple[str, str] | None) -> Iterator[Finding]:
    if wrong:
        why, otherwise = wrong
        both = " and ".join(f"window: {name}" for name in sorted(test.names))
        instead = f"to require all of them at once, write separate items: {both if len(both) < _SHORT else 'one each'}"
        yield Finding(
            "either-window", leaf.path, f"one open calendar of the list is enough, and {why}", instead + otherwise
        )


_SHORT = 100


def _wrong(test: InWindow, start: datetime) -> tuple[str, str] | None:
    """What the calendars come to together, and what else to write; None where each lets in what no other does."""
    intervals = {
        name: _open(calendar, start) for name, calendar in zip(sorted(test.names), test.calendars, strict=True)
    }
    if not all(intervals.values()):
        return None  # one that never opens is a finding of its own
    together = _length(intervals.values())
    for name in intervals:
        others = [each for other, each in intervals.items() if other != name]
        if _length(others) == together:
            rest = " or ".join(other for other in intervals if other != name)
            return f"{name} is open only while {rest} is", f"; otherwise remove {name}"
    if together >= _DAYS_AHEAD * _NEARLY_ALWAYS:
        closed = _DAYS_AHEAD - together
        hours = closed // timedelta(hours=1)
        return f"together they are closed for only {hours} hours of the coming year", ""
    return None


def _open(calendar: Calendar, start: datetime) -> _Intervals:
    return calendar.opening_intervals(start, start + _DAYS_AHEAD)


def _length(calendars: Iterable[_Intervals]) -> timedelta:
    """How long any of several calendars is open."""
    whole, covered = timedelta(0), datetime.min.replace(tzinfo=UTC)
    for opens, closes in sorted(interval for intervals in calendars for interval in intervals):
        if closes > covered:
            whole += closes - max(opens, covered)
            covered = closes
    return whole
