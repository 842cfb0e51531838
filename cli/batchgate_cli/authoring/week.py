"""The windows of a policy set as a calendar shows them: a week of local days, and the next openings."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from batchgate.policy.calendars import Calendar, Span
from batchgate.policy.checks import Check, InWindow, Not
from batchgate.policy.compiled import PolicySet, Statement
from batchgate.policy.formulas import checks_in
from batchgate.policy.wall_clock import Stretch, stretches

DAYS_A_WEEK: Final = 7
DAY_SECONDS: Final = 24 * 60 * 60
YEARS_AHEAD: Final = 10
"""How far ahead openings are looked for."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AROUND: Final = 3 * DAY_SECONDS
_CHANGE_AHEAD: Final = 400 * DAY_SECONDS


class OpenPart(Struct, frozen=True):
    """A part of a local day for which a calendar is open, as the wall clock shows it.

    Attributes:
        first, last: Seconds after midnight; the last is not included.
        begin, end: The same as instants.
        turn: 1 or 2 where the clock shows these times twice on that day: for the first or the second time; else 0.
    """

    first: int
    last: int
    begin: datetime
    end: datetime
    turn: int = 0


class Day(Struct, frozen=True):
    """One local date of a calendar.

    Attributes:
        open: When it is open, in order.
        skipped: Times, in seconds after midnight, that the clock does not show on this date.
        repeated: Those that it shows twice.
    """

    day: date
    open: tuple[OpenPart, ...]
    skipped: tuple[Span, ...] = ()
    repeated: tuple[Span, ...] = ()

    @property
    def has_change(self) -> bool:
        """Whether clocks change on this date."""
        return bool(self.skipped or self.repeated)


class Opening(Struct, frozen=True):
    """A stretch of time for which a calendar is open; UTC.

    Attributes:
        is_open_before: Whether it was open already when the search began: the window opened earlier.
    """

    opens: datetime
    closes: datetime
    is_open_before: bool = False


class Use(Struct, frozen=True):
    """Where a set asks for a calendar: a statement's name, its kind, and whether it must be closed there."""

    statement: str
    kind: str
    closed: bool


class CalendarWeek(Struct, frozen=True):
    """One calendar of a set.

    Attributes:
        days: Monday to Sunday.
        next_change: The local date of the first change of clocks after that week; None where there is none in a year.
        openings: The next ones, in order, within `YEARS_AHEAD`.
    """

    name: str
    zone: ZoneInfo
    days: tuple[Day, ...]
    next_change: date | None
    openings: tuple[Opening, ...]
    used_by: tuple[Use, ...]

    @property
    def has_change(self) -> bool:
        """Whether clocks change in this week."""
        return any(day.has_change for day in self.days)


def weeks_of(policies: PolicySet, start: datetime | date, openings: int) -> list[CalendarWeek]:
    """The week around a start, and the next openings from then on, of each calendar that a condition names.

    Args:
        policies: The set.
        start: An aware instant, or a date, which begins by the clock of each calendar's zone.
        openings: How many openings of each.

    Returns:
        Calendars of one zone together, in the order of their names.
    """
    found = [
        _week(name, calendar, start, openings, tuple(_uses(name, policies)))
        for name, calendar in policies.clock.calendars.items()
    ]
    return sorted(found, key=lambda week: (week.zone.key, week.name))


def _week(
    name: str, calendar: Calendar, start: datetime | date, openings: int, used_by: tuple[Use, ...]
) -> CalendarWeek:
    zone = calendar.zone
    first = start.astimezone(zone).date() if isinstance(start, datetime) else start
    monday = first - timedelta(days=first.weekday())
    days = tuple(_day(calendar, monday + timedelta(days=number)) for number in range(DAYS_A_WEEK))
    begin = start if isinstance(start, datetime) else _begin(zone, start)
    return CalendarWeek(
        name=name,
        zone=zone,
        days=days,
        next_change=_next_change(zone, monday + timedelta(days=DAYS_A_WEEK)),
        openings=tuple(_openings(calendar, begin, openings)),
        used_by=used_by,
    )


def _label(day: date) -> int:
    return (day - _EPOCH.date()).days * DAY_SECONDS


def _begin(zone: ZoneInfo, day: date) -> datetime:
    """The first instant that the zone's clock shows this date or, where it skips the date, the one after."""
    label = _label(day)
    return _instant(_parts(stretches(zone, label - _AROUND, label + _AROUND), label)[0][0])


def _instant(second: int) -> datetime:
    return _EPOCH + timedelta(seconds=second)


def _parts(within: Sequence[Stretch], label: int) -> list[tuple[int, int, int]]:
    """A date's instants, cut where the offset changes: begin, end, offset; one skipped: an empty part."""
    found = [
        (max(label - each.offset, each.begin), min(label + DAY_SECONDS - each.offset, each.end), each.offset)
        for each in within
    ]
    return [part for part in found if part[0] < part[1]] or [
        (each.begin, each.begin, each.offset) for each in within if each.begin + each.offset >= label
    ][:1]


def _day(calendar: Calendar, day: date) -> Day:
    label = _label(day)
    parts = _parts(stretches(calendar.zone, label - _AROUND, label + _AROUND), label)
    shown = [(begin + offset - label, end + offset - label) for begin, end, offset in parts if begin < end]
    repeated = [
        (max(one[0], other[0]), min(one[1], other[1]))
        for one, other in pairwise(shown)
        if max(one[0], other[0]) < min(one[1], other[1])
    ]
    edges = [0, *(edge for span in _union(shown) for edge in span), DAY_SECONDS]
    skipped = [(first, last) for first, last in zip(edges[::2], edges[1::2], strict=True) if first < last]
    open_parts: list[OpenPart] = []
    for number, (begin, end, offset) in enumerate(parts):
        for opens, closes in calendar.opening_intervals(_instant(begin), _instant(end)):
            span = (_seconds(opens) + offset - label, _seconds(closes) + offset - label)
            open_parts += _cut(span, repeated, number, opens)
    return Day(day, tuple(open_parts), tuple(skipped), tuple(repeated))


def _seconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(seconds=1)


def _union(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


def _cut(span: Span, repeated: list[Span], number: int, opens: datetime) -> Iterator[OpenPart]:
    """A part of a day, cut where it enters and leaves times that are shown twice."""
    edges = sorted({*span, *(edge for each in repeated for edge in each if span[0] < edge < span[1])})
    for first, last in pairwise(edges):
        turn = next((1 + (number > place) for place, each in enumerate(repeated) if each[0] <= first < each[1]), 0)
        begin = opens + timedelta(seconds=first - span[0])
        yield OpenPart(first, last, begin, begin + timedelta(seconds=last - first), turn)


def _next_change(zone: ZoneInfo, after: date) -> date | None:
    label = _label(after)
    changes = stretches(zone, label, label + _CHANGE_AHEAD)[1:]
    return _instant(changes[0].begin - 1).astimezone(zone).date() if changes else None


def _openings(calendar: Calendar, start: datetime, count: int) -> Iterator[Opening]:
    """The openings from an instant on; the search goes on in longer and longer steps."""
    begin, reach = start, timedelta(days=8)
    latest = min(start, datetime.max.replace(tzinfo=UTC) - timedelta(days=366 * YEARS_AHEAD))
    latest += timedelta(days=366 * YEARS_AHEAD)
    for _ in range(count):
        opens = calendar.next_opening(begin, YEARS_AHEAD)
        if opens is None or opens >= latest:
            return
        closes = opens
        while closes < latest:  # until the end of the window lies within what was looked at
            end = min(closes + reach, latest)
            [(_, closes), *_] = calendar.opening_intervals(opens, end)
            if closes < end:
                break
            reach *= 2
        yield Opening(opens, closes, is_open_before=opens == start and calendar.is_open(start - timedelta(seconds=1)))
        begin = closes


def _uses(name: str, policies: PolicySet) -> Iterator[Use]:
    """Where a set's statements and exceptions ask for a calendar, each once."""
    found: dict[Use, None] = {}
    for statement in policies.statements:
        for check in (policies.checks[number] for number in _numbers(statement) if number < len(policies.checks)):
            closed = _asks(check, name)
            if closed is not None:
                found[Use(statement.name, str(statement.kind), closed)] = None
    for exemption in policies.exemptions:
        for lift in exemption.lifts:
            for number in checks_in(lift.condition):
                closed = _asks(policies.checks[number], name)
                if closed is not None:
                    found[Use(lift.exception or "", "exception", closed)] = None
    yield from found


def _numbers(statement: Statement) -> Iterator[int]:
    yield from checks_in(statement.match)
    for requirement in statement.requirements:
        yield from checks_in(requirement.own)
        if requirement.unless:
            yield from checks_in(requirement.unless.condition)


def _asks(check: Check, calendar: str) -> bool | None:
    """Whether a check asks for the calendar to be closed; None where it does not ask for it at all."""
    test = check.test.test if isinstance(check.test, Not) else check.test
    return isinstance(check.test, Not) if isinstance(test, InWindow) and calendar in test.names else None
