"""Named time windows: wall-clock rows in an IANA zone, turned into exact sets of instants.

Everything that a calendar answers comes from one computation, `Calendar._block`: the instants
at which openness flips within a fixed stretch of UTC. So `is_open`, `changes` and
`opening_intervals` cannot disagree.
"""

import re
from bisect import bisect_right
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from io import BytesIO
from pkgutil import get_data
from zoneinfo import ZoneInfo

from msgspec import Struct

from batchgate.policy.wall_clock import Stretch, first_instant, labelled, last_instant, stretches

MINUTES_A_DAY = 24 * 60

_DATE = re.compile(r"(?:([0-9]{4})-)?([0-9]{2})-([0-9]{2})")
_TIME = re.compile(r"([0-9]{2}):([0-9]{2})")
# Dates that come every year are kept in a leap year, so that 02-29 can be written.
_EVERY_YEAR = 2000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime.min.replace(tzinfo=UTC) - _EPOCH
_LATEST = datetime.max.replace(tzinfo=UTC) - _EPOCH
_SECOND = timedelta(seconds=1)
_DAY = 24 * 60 * 60
_EPOCH_ORDINAL = _EPOCH.toordinal()

# A block is long enough that few are needed and short enough that the first one costs a cold start nothing.
_BLOCK = 32 * _DAY
_MOST_BLOCKS = 128
# What touches a block belongs to a local date from three days before it to two after it: an offset is below one day,
# and a window ends on the next date. The times of those dates lie well within the margin.
_DAYS_BEFORE, _DAYS_AFTER = 3, 2
_MARGIN = 6 * _DAY


class CalendarValueError(ValueError):
    """A zone, time, date or row that a calendar can't have; says what was expected and what came."""


@cache
def _zone_names() -> frozenset[str]:
    """All names in the packaged time-zone data."""
    return frozenset(_packaged("zones").decode("ascii").split())


@cache
def _packaged_zone(name: str) -> ZoneInfo:
    """The zone of that name, which must be one of `_zone_names`; always the same object."""
    # ZoneInfo(name) would ask the machine's zone files first and the tzdata package last: a verdict would then
    # depend on where it is made, and the policy's author, its tests and the Lambda function could all differ.
    return ZoneInfo.from_file(BytesIO(_packaged(f"zoneinfo/{name}")), key=name)


def _packaged(name: str) -> bytes:
    """A file of the tzdata package; importlib.resources would take longer to load than all zones."""
    content = get_data("tzdata", name)
    if content is None:
        raise FileNotFoundError(f"tzdata/{name}")
    return content


def parse_zone(text: str) -> ZoneInfo:
    """The IANA zone of exactly this name, from the packaged data and never from the machine's.

    Raises:
        CalendarValueError: No such zone; the nearest name is suggested.

    *Source*: the IANA time zone database, as packaged on PyPI as tzdata.
    """
    # Asking the list first also keeps names such as "../x" away from the file system.
    if text in _zone_names():
        return _packaged_zone(text)

    from difflib import get_close_matches

    by_folded_name = {name.casefold(): name for name in sorted(_zone_names())}
    near = get_close_matches(text[:64].casefold(), by_folded_name, n=1)
    suggestion = f"; did you mean {by_folded_name[near[0]]}?" if near else ""
    raise CalendarValueError(f'expected an IANA time zone such as Europe/Berlin, got "{text}"{suggestion}')


def parse_time(text: str, *, closing: bool = False) -> int:
    """Minutes after local midnight for "HH:MM": 0..1439, or 1440 for a closing "24:00".

    Raises:
        CalendarValueError: Not such a time; "24:00" where nothing closes.
    """
    found = _TIME.fullmatch(text)
    if found:
        hours, minutes = int(found[1]), int(found[2])
        if (hours <= 23 and minutes <= 59) or (closing and text == "24:00"):  # noqa: PLR2004 a clock's own numbers
            return 60 * hours + minutes
    latest = '"24:00"' if closing else '"23:59"'
    raise CalendarValueError(f'expected a time "HH:MM" from "00:00" to {latest}, got "{text}"')


class DateRange(Struct, frozen=True):
    """Dates from first to last, both included: of certain years, or every year's.

    Attributes:
        first: The first date; in the year 2000 where `every_year`.
        last: The last date, likewise. Before `first` only where `every_year`: then across New Year.
        every_year: Whether only month and day count. 02-29 is then a date that leap years have.
    """

    first: date
    last: date
    every_year: bool = False

    def __post_init__(self) -> None:
        """Refuse a range that could not have been written."""
        if self.every_year and not self.first.year == self.last.year == _EVERY_YEAR:
            raise CalendarValueError(
                f"expected dates of every year to be kept in {_EVERY_YEAR}, got {self.first} and {self.last}"
            )
        if self.last < self.first and not self.every_year:
            raise CalendarValueError(
                f"expected the first date not to be after the last, got {self.first}..{self.last}; turn them round"
            )

    def __str__(self) -> str:
        """The range as a policy file writes it."""
        first, last = ((f"{day:%m-%d}" if self.every_year else day.isoformat()) for day in (self.first, self.last))
        return first if first == last else f"{first}..{last}"

    def contains(self, day: date) -> bool:
        """Whether that date is one of the range's."""
        if not self.every_year:
            return self.first <= day <= self.last
        day = day.replace(year=_EVERY_YEAR)
        if self.first <= self.last:
            return self.first <= day <= self.last
        return day >= self.first or day <= self.last


def parse_dates(text: str) -> DateRange:
    """The dates of "2026-12-24", "2026-12-24..2027-01-02", "12-24" or "12-20..01-06" (without a year: every year's).

    Raises:
        CalendarValueError: Another form, a date that does not exist, a year on one side only, a range that ends
            before it begins.
    """
    ends = text.split("..")
    found = [_DATE.fullmatch(end) for end in ends]
    if len(ends) > 2 or None in found:  # noqa: PLR2004 a range has two ends
        raise CalendarValueError(f'expected a date or FIRST..LAST, each YYYY-MM-DD or MM-DD, got "{text}"')
    dates = [_parse_date(*match.groups()) for match in found if match]
    every_year = [match[1] is None for match in found if match]
    if every_year[0] != every_year[-1]:
        raise CalendarValueError(f'expected a year in both dates or in neither, got "{text}"')
    return DateRange(dates[0], dates[-1], every_year[0])


def _parse_date(year: str | None, month: str, day: str) -> date:
    """The date of those digits; no year means every year's."""
    written = f"{month}-{day}" if year is None else f"{year}-{month}-{day}"
    year_number = _EVERY_YEAR if year is None else int(year)
    try:
        return date(year_number, int(month), int(day))
    except ValueError:
        if not year_number:
            wanted = "a year from 0001"
        elif not 1 <= int(month) <= 12:  # noqa: PLR2004 a year's own number
            wanted = "a month from 01 to 12"
        else:
            last = monthrange(year_number, int(month))[1]
            leap = f", as {year} is no leap year" if (int(month), int(day)) == (2, 29) else ""
            wanted = f"a day from 01 to {last}{leap}"
        raise CalendarValueError(f'expected {wanted}, got "{written}"') from None


def parse_date(text: str) -> date:
    """The date of "2026-12-24".

    Raises:
        CalendarValueError: Another form, or a date that does not exist.
    """
    found = _DATE.fullmatch(text)
    if not found or found[1] is None:
        raise CalendarValueError(f'expected a date as YYYY-MM-DD, got "{text}"')
    return _parse_date(*found.groups())


class OpenRow(Struct, frozen=True):
    """On some dates, a window or the whole day.

    Attributes:
        days: Weekdays, 0 is Monday; empty where `dates` is used. A row has one of the two.
        dates: Dates; empty where `days` is used.
        opens: Minutes after local midnight, 0..1439; None (with `closes`) for every instant of the dates.
        closes: The same, 0..1440, not included; below `opens` it is the next day's, and the window belongs to
            the day it starts on.
    """

    days: frozenset[int]
    dates: tuple[DateRange, ...]
    opens: int | None
    closes: int | None

    def __post_init__(self) -> None:
        """Refuse a row that could not have been written."""
        if bool(self.days) == bool(self.dates):
            raise CalendarValueError(f"expected either days or dates, got {'both' if self.days else 'neither'}")
        if not self.days <= frozenset(range(7)):
            raise CalendarValueError(f"expected weekdays from 0 (Monday) to 6, got {sorted(self.days)}")
        if self.opens is None or self.closes is None:
            if self.opens is not self.closes:
                missing, given = ("from", "to") if self.opens is None else ("to", "from")
                raise CalendarValueError(
                    f'expected "from" and "to" together or neither, got "{given}" without "{missing}"'
                )
        elif not (0 <= self.opens < MINUTES_A_DAY and 0 <= self.closes <= MINUTES_A_DAY):
            raise CalendarValueError(f"expected minutes of a day, got {self.opens} and {self.closes}")
        elif self.opens == self.closes:
            clock = f"{self.opens // 60:02}:{self.opens % 60:02}"
            raise CalendarValueError(f'expected "from" and "to" to differ, got "{clock}" twice')

    def applies_to(self, day: date) -> bool:
        """Whether the row's window (or whole day) is there on that local date."""
        return day.weekday() in self.days or any(dates.contains(day) for dates in self.dates)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The instants at which at least one row is open and nothing is closed.

    Instants are aware (a naive one is a TypeError); any zone will do, answers are UTC. Where a zone's local date
    falls outside the years 1 to 9999, nothing is open. The work grows with the stretch of time asked about; what
    was computed is kept.

    Attributes:
        zone: What the rows' times and all dates are read in; from `parse_zone`.
        rows: Open where any of them is.
        closed: On these local dates no window starts, and no instant is open.
    """

    zone: ZoneInfo
    rows: tuple[OpenRow, ...]
    closed: tuple[DateRange, ...] = ()
    _blocks: dict[int, tuple[int, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def is_open(self, instant: datetime) -> bool:
        """Whether the calendar is open at that instant; a window's end is not part of it."""
        second = (instant - _EPOCH) // _SECOND
        return bisect_right(self._block(second // _BLOCK), second) % 2 == 1

    def changes(self, after: datetime, before: datetime) -> tuple[datetime, ...]:
        """Every instant strictly between the two from which openness differs from just before, in order."""
        first, last = max(after - _EPOCH, _EARLIEST) // _SECOND, -(-min(before - _EPOCH, _LATEST) // _SECOND)
        return tuple(
            _EPOCH + timedelta(seconds=edge)
            for interval in self._intervals(first, last)
            for edge in interval
            if first < edge < last
        )

    def opening_intervals(self, start: datetime, end: datetime) -> tuple[tuple[datetime, datetime], ...]:
        """The open instants within [start, end), as the fewest half-open intervals, in order."""
        earliest, latest = max(start - _EPOCH, _EARLIEST), min(end - _EPOCH, _LATEST)
        clipped = (
            (max(timedelta(seconds=opens), earliest), min(timedelta(seconds=closes), latest))
            for opens, closes in self._intervals(earliest // _SECOND, latest // _SECOND)
        )
        return tuple((_EPOCH + opens, _EPOCH + closes) for opens, closes in clipped if opens < closes)

    def next_opening(self, after: datetime, years: int) -> datetime | None:
        """The first open instant not before `after` (which may be that itself); None if there is none for `years`.

        A year is counted as 366 days.
        """
        earliest = max(after - _EPOCH, _EARLIEST)
        latest = min(earliest + timedelta(days=366 * years), _LATEST)
        for number in range(earliest // _SECOND // _BLOCK, latest // _SECOND // _BLOCK + 1):
            edges = self._block(number)
            for opens, closes in zip(edges[::2], edges[1::2], strict=True):
                if timedelta(seconds=closes) > earliest:
                    found = max(timedelta(seconds=opens), earliest)
                    return _EPOCH + found if found < latest else None
        return None

    def _intervals(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The maximal open intervals of the blocks from the one of `first` to the one of `last`, in order."""
        pending: tuple[int, int] | None = None
        for number in range(first // _BLOCK, last // _BLOCK + 1):
            edges = self._block(number)
            for opens, closes in zip(edges[::2], edges[1::2], strict=True):
                if pending and pending[1] == opens:
                    pending = pending[0], closes
                    continue
                if pending:
                    yield pending
                pending = opens, closes
        if pending:
            yield pending

    def _block(self, number: int) -> tuple[int, ...]:
        """Where openness flips in that block of UTC, in seconds since 1970: opens, closes, opens, closes, ..."""
        edges = self._blocks.get(number)
        if edges is None:
            if len(self._blocks) >= _MOST_BLOCKS:
                self._blocks.clear()
            edges = self._blocks[number] = self._flips(number * _BLOCK, (number + 1) * _BLOCK)
        return edges

    def _flips(self, begin: int, end: int) -> tuple[int, ...]:
        """Where openness flips within [begin, end), taken as shut before and after."""
        within = stretches(self.zone, begin - _MARGIN, end + _MARGIN)
        steps: dict[int, list[int]] = {}  # at a second: how many more spans are open, and how many more are closed
        first_day = max(begin // _DAY - _DAYS_BEFORE, date.min.toordinal() - _EPOCH_ORDINAL)
        last_day = min(end // _DAY + _DAYS_AFTER, date.max.toordinal() - _EPOCH_ORDINAL)
        for day in range(first_day, last_day + 1):
            for kind, span_begin, span_end in self._spans(day, within):
                clipped_begin, clipped_end = max(span_begin, begin), min(span_end, end)
                if clipped_begin < clipped_end:
                    steps.setdefault(clipped_begin, [0, 0])[kind] += 1
                    steps.setdefault(clipped_end, [0, 0])[kind] -= 1
        flips: list[int] = []
        is_open, open_spans, closed_spans = False, 0, 0
        for second in sorted(steps):
            more_open, more_closed = steps[second]
            open_spans, closed_spans = open_spans + more_open, closed_spans + more_closed
            if is_open != (open_spans > 0 and closed_spans == 0):
                is_open = not is_open
                flips.append(second)
        return tuple(flips)

    def _spans(self, day: int, within: list[Stretch]) -> Iterator[tuple[int, int, int]]:
        """What one local date (in days since 1970) contributes: (0 for open or 1 for closed, begin, end)."""
        label, midnight = date.fromordinal(day + _EPOCH_ORDINAL), day * _DAY
        if any(dates.contains(label) for dates in self.closed):
            for begin, end in labelled(within, midnight, midnight + _DAY):
                yield 1, begin, end
            return
        for row in self.rows:
            if not row.applies_to(label):
                continue
            if row.opens is None or row.closes is None:
                for begin, end in labelled(within, midnight, midnight + _DAY):
                    yield 0, begin, end
            else:
                closes = row.closes if row.opens < row.closes else row.closes + MINUTES_A_DAY
                yield 0, first_instant(within, midnight + 60 * row.opens), last_instant(within, midnight + 60 * closes)
