"""Named time windows: rows of local times in an IANA zone, turned into exact sets of instants.

Everything that a calendar answers comes from one computation, `Calendar._flips`: the instants within a stretch of UTC
at which the calendar opens or closes. So `is_open`, `changes` and `opening_intervals` can't disagree.
"""

import re
from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from io import BytesIO
from itertools import pairwise
from pkgutil import get_data
from typing import TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

from batchgate.policy.wall_clock import Stretch, first_instants, labelled, last_instants, stretches

Span: TypeAlias = tuple[int, int]
"""A half-open interval: [first, second)."""

MINUTES_A_DAY = 24 * 60

_DATE = re.compile(r"(?:([0-9]{4})-)?([0-9]{2})-([0-9]{2})")
_TIME = re.compile(r"([0-9]{2}):([0-9]{2})")
# Dates of every year are stored as dates of a leap year, so that 02-29 can be written.
_EVERY_YEAR = 2000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime.min.replace(tzinfo=UTC) - _EPOCH
_LATEST = datetime.max.replace(tzinfo=UTC) - _EPOCH
_SECOND = timedelta(seconds=1)
_DAY = 24 * 60 * 60
_EPOCH_ORDINAL = _EPOCH.toordinal()

_HOUR = 60 * 60
# The next question is mostly about a time nearby: another job soon, or whether a verdict lasts for a day.
_AHEAD, _SPARE = _DAY, 2 * _HOUR
_KEPT_AT_MOST = 128 * _DAY
_LONGEST_STEP = 32 * _DAY
# Where clocks change, the windows that touch a stretch start on local dates from three days before it to two days
# after it: an offset is less than a day, and a window ends on the next date at the latest. The margin covers them.
_DAYS_BEFORE, _DAYS_AFTER = 3, 2
_MARGIN = 6 * _DAY
_MOST_STRETCHES = 4096
_MOST_DATES_KEPT = 16


class CalendarValueError(ValueError):
    """An invalid zone, time, date or row of a calendar; the message says what was expected and what was found."""


@cache
def _zone_names() -> frozenset[str]:
    """All names in the packaged time-zone data."""
    return frozenset(_packaged("zones").decode("ascii").split())


@cache
def _packaged_zone(name: str) -> ZoneInfo:
    """The zone of this name, which must be one of `_zone_names`; always the same object."""
    # ZoneInfo(name) would read the machine's zone files first and the tzdata package last: a verdict would then depend
    # on the machine, and could differ between the policy's author, its tests and the Lambda function.
    return ZoneInfo.from_file(BytesIO(_packaged(f"zoneinfo/{name}")), key=name)


def _packaged(name: str) -> bytes:
    """A file of the tzdata package. Importing importlib.resources would take longer than loading all zones."""
    content = get_data("tzdata", name)
    if content is None:
        raise FileNotFoundError(f"tzdata/{name}")
    return content


def parse_zone(text: str) -> ZoneInfo:
    """The IANA zone of exactly this name, from the packaged data and never from the machine's.

    Raises:
        CalendarValueError: There is no such zone; the message suggests what to write.

    *Source*: the IANA time zone database, as packaged on PyPI as tzdata.
    """
    # Checking the list first also keeps names such as "../x" away from the file system.
    if text in _zone_names():
        return _packaged_zone(text)

    from batchgate.policy.suggestions import zone_meant  # not needed where policies are valid

    meant = zone_meant(text, _zone_names())
    raise CalendarValueError(f'expected an IANA time zone such as Europe/Berlin, got "{text}"{meant}')


def parse_time(text: str, *, closing: bool = False) -> int:
    """Minutes after local midnight for "HH:MM": 0..1439, or 1440 for a closing "24:00".

    Raises:
        CalendarValueError: It is no such time, or "24:00" that is not a closing time.
    """
    found = _TIME.fullmatch(text)
    if found:
        hours, minutes = int(found[1]), int(found[2])
        if (hours <= 23 and minutes <= 59) or (closing and text == "24:00"):  # noqa: PLR2004 a clock's own numbers
            return 60 * hours + minutes
    latest = '"24:00"' if closing else '"23:59"'
    raise CalendarValueError(f'expected a time "HH:MM" from "00:00" to {latest}, got "{text}"')


class DateRange(Struct, frozen=True):
    """Dates from first to last, both included: in given years, or in every year.

    Attributes:
        first: The first date; in the year 2000 if `every_year`.
        last: The last date, likewise. It is before `first` only if `every_year`: the range then spans New Year.
        every_year: Whether only month and day count. 02-29 then exists in leap years alone.
    """

    first: date
    last: date
    every_year: bool = False

    def __post_init__(self) -> None:
        """Reject a range that no policy file can contain."""
        if self.every_year and not self.first.year == self.last.year == _EVERY_YEAR:
            raise CalendarValueError(
                f"expected dates of every year to be stored in the year {_EVERY_YEAR}, got {self.first} and {self.last}"
            )
        if self.last < self.first and not self.every_year:
            raise CalendarValueError(
                f"expected the first date not to be after the last, got {self.first}..{self.last}; swap them"
            )

    def __str__(self) -> str:
        """The range in the form of a policy file."""
        first, last = ((f"{day:%m-%d}" if self.every_year else day.isoformat()) for day in (self.first, self.last))
        return first if first == last else f"{first}..{last}"

    def contains(self, day: date) -> bool:
        """Whether the range includes this date."""
        if not self.every_year:
            return self.first <= day <= self.last
        day = day.replace(year=_EVERY_YEAR)
        if self.first <= self.last:
            return self.first <= day <= self.last
        return day >= self.first or day <= self.last


def parse_dates(text: str) -> DateRange:
    """The dates of "2026-12-24", "2026-12-24..2027-01-02", "12-24" or "12-20..01-06" (without a year: every year's).

    Raises:
        CalendarValueError: The form is another one, a date does not exist, only one date has a year, or the range
            ends before it begins.
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
    """The date with these digits; without a year, the date in every year."""
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
        CalendarValueError: The form is another one, or the date does not exist.
    """
    found = _DATE.fullmatch(text)
    if not found or found[1] is None:
        raise CalendarValueError(f'expected a date in the form YYYY-MM-DD, got "{text}"')
    return _parse_date(*found.groups())


class OpenRow(Struct, frozen=True):
    """One row under `open`: on some dates, a window or the whole day.

    Attributes:
        days: Weekdays, 0 is Monday; empty if `dates` is used. A row has one of the two.
        dates: Dates; empty if `days` is used.
        opens: Minutes after local midnight, 0..1439; None (with `closes`) for the whole day.
        closes: The same, 0..1440, not included. Below `opens` it is a time of the next day; the window belongs to the
            day on which it starts.
    """

    days: frozenset[int]
    dates: tuple[DateRange, ...]
    opens: int | None
    closes: int | None

    def __post_init__(self) -> None:
        """Reject a row that no policy file can contain."""
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


class _DateSet:
    """A set of dates with a fast `contains`, whose time hardly grows with the number of ranges."""

    __slots__ = ("_any", "_ends", "_of_year", "_starts")

    def __init__(self, dates: Iterable[DateRange]) -> None:
        spans: list[Span] = []
        self._of_year = bytearray(_DATES_OF_EVERY_YEAR)
        for each in dates:
            first, last = each.first.toordinal(), each.last.toordinal() + 1
            if not each.every_year:
                spans.append((first, last))
                continue
            first, last = first - _FIRST_OF_EVERY_YEAR, last - _FIRST_OF_EVERY_YEAR
            for begin, end in ((first, last),) if first < last else ((first, _DATES_OF_EVERY_YEAR), (0, last)):
                self._of_year[begin:end] = b"\1" * (end - begin)
        joined = _joined(spans)
        self._starts, self._ends = [first for first, _ in joined], [end for _, end in joined]
        self._any = bool(joined) or any(self._of_year)

    def __bool__(self) -> bool:
        """Whether the set has any date."""
        return self._any

    @property
    def edges(self) -> list[int]:
        """The ordinals of dates at which ranges of given years begin, or have ended."""
        return [*self._starts, *self._ends]

    @property
    def edges_of_year(self) -> list[int]:
        """The same for ranges of every year, as days of a leap year counted from 0."""
        return [place for place, (before, after) in enumerate(pairwise(self._of_year), 1) if before != after]

    def contains(self, ordinal: int, of_year: int) -> bool:
        """Whether the set has the date with this ordinal, which is day `of_year` of a leap year, counted from 0."""
        if self._of_year[of_year]:
            return True
        place = bisect_right(self._starts, ordinal)
        return place > 0 and ordinal < self._ends[place - 1]


_FIRST_OF_EVERY_YEAR = date(_EVERY_YEAR, 1, 1).toordinal()
_DATES_OF_EVERY_YEAR = 366


def _joined(spans: list[Span]) -> list[Span]:
    """The same instants as the fewest spans, in order; an empty span, whose end is not after its start, has none."""
    joined: list[Span] = []
    for first, end in sorted(spans):
        if joined and first <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        elif first < end:
            joined.append((first, end))
    return joined


def _flat(spans: Iterable[Span]) -> list[int]:
    return [edge for span in spans for edge in span]


class _DayRows(Struct, frozen=True):
    """What all rows together say about one local date.

    Attributes:
        whole: Whether the whole day is open.
        windows: The windows in seconds after midnight, in order, not touching; only the last may end on the next date.
        edges: Where the date opens and closes, whole day and windows joined, in seconds after midnight.
    """

    whole: bool
    windows: list[Span]
    edges: list[int]

    @classmethod
    def of(cls, whole: bool, windows: list[Span]) -> "_DayRows":  # noqa: FBT001
        """The rows of a date with these windows, which may overlap."""
        joined = _joined(windows)
        return cls(whole, joined, _flat(_joined([*joined, (0, _DAY)]) if whole else joined))


class _DatedRows(Struct, frozen=True):
    """The rows with the same dates, joined."""

    dates: _DateSet
    whole: bool
    windows: list[Span]


class _Rows:
    """A calendar's rows and closed dates, prepared once for looking up a date."""

    __slots__ = ("_alike", "_closed", "_dated", "_fixed", "_found", "_weekly", "_yearly")

    def __init__(self, rows: Iterable[OpenRow], closed: Iterable[DateRange]) -> None:
        weekly: dict[int, list[Span | None]] = defaultdict(list)
        dated: dict[tuple[DateRange, ...], list[Span | None]] = defaultdict(list)
        for row in rows:
            window = _window(row)
            for weekday in row.days:
                weekly[weekday].append(window)
            if row.dates:
                dated[row.dates].append(window)
        self._weekly = [_DayRows.of(*_whole_and_windows(weekly[weekday])) for weekday in range(7)]
        self._dated = [_DatedRows(_DateSet(dates), *_whole_and_windows(found)) for dates, found in dated.items()]
        self._alike = [self._weekly.index(each) for each in self._weekly]
        # All dates between two neighbouring edges have the same dated rows.
        self._fixed = sorted({edge for each in self._dated for edge in each.dates.edges})
        self._yearly = sorted({edge for each in self._dated for edge in each.dates.edges_of_year})
        self._closed = _DateSet(closed)
        self._found: dict[tuple[int, int, int], _DayRows] = {}

    def on(self, ordinal: int, of_year: int, weekday: int) -> _DayRows | None:
        """The rows of a local date; None if it is closed.

        Args:
            ordinal: The date's ordinal.
            of_year: The same day of a leap year, counted from 0.
            weekday: 0 is Monday.
        """
        if self._closed and self._closed.contains(ordinal, of_year):
            return None
        if not self._dated:
            return self._weekly[weekday]
        key = bisect_right(self._fixed, ordinal), bisect_right(self._yearly, of_year), self._alike[weekday]
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _MOST_DATES_KEPT:
                self._found.clear()
            found = self._found[key] = self._joined_with_dated(ordinal, of_year, self._weekly[weekday])
        return found

    def forget(self) -> None:
        """Empty the cache."""
        self._found.clear()

    def _joined_with_dated(self, ordinal: int, of_year: int, weekly: _DayRows) -> _DayRows:
        found = [each for each in self._dated if each.dates.contains(ordinal, of_year)]
        windows = weekly.windows.copy()
        for each in found:
            windows += each.windows
        return _DayRows.of(weekly.whole or any(each.whole for each in found), windows)

    @property
    def most_windows(self) -> int:
        """At most so many windows start on one date; for estimating the cost of a calendar."""
        of_dates = sum(1 + len(each.windows) for each in self._dated)
        return max(len(each.windows) for each in self._weekly) + of_dates + 1


def _window(row: OpenRow) -> Span | None:
    """A row's window in seconds after midnight; None for whole days."""
    if row.opens is None or row.closes is None:
        return None
    return 60 * row.opens, 60 * (row.closes if row.opens < row.closes else row.closes + MINUTES_A_DAY)


def _whole_and_windows(windows: list[Span | None]) -> tuple[bool, list[Span]]:
    """Whether the whole day is among them, and the others."""
    return None in windows, _joined([each for each in windows if each is not None])


class _LocalDate(Struct, frozen=True):
    """A local date whose windows may touch a stretch of UTC.

    Attributes:
        ordinal, of_year, weekday: The arguments of `_Rows.on`.
        label: Its local midnight, as seconds since 1970 as if the zone were UTC.
        midnight: The instant of that; None if clocks change nearby, so that a local time may occur twice or never.
    """

    ordinal: int
    of_year: int
    weekday: int
    label: int
    midnight: int | None


@lru_cache(_MOST_STRETCHES)
def _dates_around(zone: ZoneInfo, begin: int, end: int) -> tuple[list[_LocalDate], list[Stretch]]:
    """The local dates whose windows may touch [begin, end), in order, and the zone's offsets around them."""
    within = stretches(zone, begin - _MARGIN, end + _MARGIN)
    offsets = [each.offset for each in within]
    least, most = min(offsets), max(offsets)
    jump = max((abs(after - before) for before, after in pairwise(offsets)), default=0)
    dates: list[_LocalDate] = []
    first_day, last_day = begin // _DAY - _DAYS_BEFORE, end // _DAY + _DAYS_AFTER
    for day in range(max(first_day, _FIRST_DAY), min(last_day, _LAST_DAY) + 1):
        label, over = day * _DAY, (day + 2) * _DAY
        if over - least <= begin or end <= label - most:
            continue
        midnight = next(
            (
                label - each.offset
                for each in within
                if each.begin + jump <= label - each.offset and over - each.offset + jump <= each.end
            ),
            None,
        )
        local = date.fromordinal(day + _EPOCH_ORDINAL)
        of_year = local.replace(year=_EVERY_YEAR).toordinal() - _FIRST_OF_EVERY_YEAR
        dates.append(_LocalDate(local.toordinal(), of_year, local.weekday(), label, midnight))
    return dates, within


class _Known(Struct, frozen=True):
    """The edges within [begin, end), as if the calendar were closed before and after: opens, closes, opens, ..."""

    begin: int
    end: int
    edges: list[int]


_NOTHING_KNOWN = _Known(0, 0, [])


@dataclass(frozen=True, slots=True)
class Calendar:
    """A set of instants: those at which at least one row is open and the local date is not closed.

    Arguments are aware instants in any zone (a naive one is a TypeError); results are UTC. Local dates outside the
    years 1 to 9999 are not open. The time that a method takes grows with the stretch of time asked about; results are
    cached.

    Attributes:
        zone: The zone of the rows' times and of all dates; from `parse_zone`.
        rows: The calendar is open where any of them is.
        closed: Local dates on which no window starts and no instant is open.
    """

    zone: ZoneInfo
    rows: tuple[OpenRow, ...]
    closed: tuple[DateRange, ...] = ()
    _rows: _Rows = field(init=False, repr=False, compare=False)
    _kept: list[_Known] = field(default_factory=lambda: [_NOTHING_KNOWN], init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Prepare the rows."""
        object.__setattr__(self, "_rows", _Rows(self.rows, self.closed))

    @property
    def windows_a_day(self) -> int:
        """At most so many windows open on one date; this is what evaluating a day costs."""
        return self._rows.most_windows

    def is_open(self, instant: datetime) -> bool:
        """Whether the calendar is open at this instant; the end of a window is not part of the window."""
        second = (instant - _EPOCH) // _SECOND
        known = self._kept[0]
        if not known.begin <= second < known.end:
            known = self._known(second, second + _AHEAD)
        return bisect_right(known.edges, second) % 2 == 1

    def flips(self, after: int, before: int) -> list[int]:
        """The edges (where it opens or closes) strictly between two instants, all in seconds since 1970."""
        edges = self._edges(after, before)
        return edges[bisect_right(edges, after) : bisect_left(edges, before)]

    def forget(self) -> None:
        """Empty the cache, for measuring."""
        self._kept[0] = _NOTHING_KNOWN
        self._rows.forget()

    def changes(self, after: datetime, before: datetime) -> tuple[datetime, ...]:
        """Every instant strictly between the two at which the calendar opens or closes, in order."""
        first, last = max(after - _EPOCH, _EARLIEST) // _SECOND, -(-min(before - _EPOCH, _LATEST) // _SECOND)
        return tuple(_EPOCH + timedelta(seconds=edge) for edge in self.flips(first, last))

    def opening_intervals(self, start: datetime, end: datetime) -> tuple[tuple[datetime, datetime], ...]:
        """The open instants within [start, end), as the fewest half-open intervals, in order."""
        earliest, latest = max(start - _EPOCH, _EARLIEST), min(end - _EPOCH, _LATEST)
        edges = self._edges(earliest // _SECOND, latest // _SECOND) if earliest < latest else []
        clipped = (
            (max(timedelta(seconds=opens), earliest), min(timedelta(seconds=closes), latest))
            for opens, closes in _intervals(edges)
        )
        return tuple((_EPOCH + opens, _EPOCH + closes) for opens, closes in clipped if opens < closes)

    def next_opening(self, after: datetime, years: int) -> datetime | None:
        """The first open instant at or after `after`; None if there is none within so many years.

        A year is counted as 366 days.
        """
        earliest = max(after - _EPOCH, _EARLIEST)
        latest = min(earliest + timedelta(days=366 * years), _LATEST)
        for step in _steps(earliest // _SECOND, latest // _SECOND + 1):
            edges = self._flips(*step)
            if edges:
                found = max(timedelta(seconds=edges[0]), earliest)
                return _EPOCH + found if found < latest else None
        return None

    def _edges(self, first: int, last: int) -> list[int]:
        """The edges from one instant to the other and a little beyond both; no interval between is cut."""
        if last - first <= _KEPT_AT_MOST // 2:
            return self._known(first, last).edges
        edges: list[int] = []
        for step in _steps(first, last + 1):
            edges = _concatenated(edges, self._flips(*step))
        return edges

    def _known(self, first: int, last: int) -> _Known:
        """The cached stretch, extended or replaced so that it holds these two instants and all between."""
        known = self._kept[0]
        if known.begin <= first and last < known.end:
            return known
        end = -(-last // _HOUR) * _HOUR + _SPARE
        if known.begin <= first <= known.end and end - known.begin <= _KEPT_AT_MOST:
            edges = _concatenated(known.edges, self._flips(known.end, end))
            known = _Known(known.begin, end, edges)
        else:
            begin = first // _HOUR * _HOUR
            known = _Known(begin, end, self._flips(begin, end))
        self._kept[0] = known
        return known

    def _flips(self, begin: int, end: int) -> list[int]:
        """The edges within [begin, end), as if the calendar were closed before and after."""
        dates, within = _dates_around(self.zone, begin, end)
        rows_on = self._rows.on
        edges: list[int] = []
        near_change: list[tuple[_LocalDate, _DayRows | None]] = []
        for each in dates:
            found = rows_on(each.ordinal, each.of_year, each.weekday)
            midnight = each.midnight
            if midnight is None:
                near_change.append((each, found))
                continue
            if near_change:
                edges = _around_change(edges, near_change, within)
                near_change = []
            if found is None:
                _shut_from(edges, midnight)
            elif found.edges:
                _open_on(edges, found.edges, midnight, begin, end)
        if near_change:
            edges = _around_change(edges, near_change, within)
        return _clipped(edges, begin, end)


def _steps(begin: int, end: int) -> Iterator[Span]:
    """The stretch between two instants, divided into steps, short ones first."""
    step = 2 * _DAY
    while begin < end:
        yield begin, begin + step
        begin, step = begin + step, min(2 * step, _LONGEST_STEP)


def _intervals(edges: list[int]) -> Iterator[Span]:
    return zip(edges[::2], edges[1::2], strict=True)


def _concatenated(edges: list[int], more: list[int]) -> list[int]:
    """The edges of two neighbouring stretches together; each was computed as if closed outside."""
    return edges[:-1] + more[1:] if edges and more and edges[-1] == more[0] else edges + more


def _clipped(edges: list[int], begin: int, end: int) -> list[int]:
    """Those edges within [begin, end), as if closed before and after."""
    if not edges or (begin <= edges[0] and edges[-1] <= end):
        return edges
    first, last = bisect_right(edges, begin), bisect_left(edges, end)
    clipped = edges[first:last]
    if first % 2:
        clipped.insert(0, begin)
    if last % 2:
        clipped.append(end)
    return clipped


def _shut_from(edges: list[int], midnight: int) -> None:
    """Close the calendar at this instant if it is open then, and drop all later edges."""
    place = bisect_left(edges, midnight)
    edges[place:] = [midnight] if place % 2 else []


def _open_on(edges: list[int], more: list[int], midnight: int, begin: int, end: int) -> None:
    """Add those edges of a date that touch [begin, end) to the edges of all dates before.

    Of the earlier intervals only the last can reach into the date: every window that ends on the next date contains
    the midnight between, so such windows are one interval.
    """
    if midnight < begin or end < midnight + 2 * _DAY:
        first = bisect_right(more, begin - midnight) // 2 * 2
        last = (bisect_left(more, end - midnight) + 1) // 2 * 2
        more = more[first:last]
    shifted = [midnight + edge for edge in more]
    if edges and shifted and shifted[0] <= edges[-1]:
        place = bisect_right(shifted, edges[-1])
        if place % 2:
            edges[-1] = shifted[place]
            place += 1
        edges += shifted[place:]
    else:
        edges += shifted


def _around_change(
    edges: list[int], dates: list[tuple[_LocalDate, _DayRows | None]], within: list[Stretch]
) -> list[int]:
    """Add dates on which a change of clocks repeats or skips local times to the edges of all dates before."""
    spans: list[Span] = [(edges[-2], edges[-1])] if edges else []
    shut: list[Span] = []
    for each, found in dates:
        if found is None:
            shut += labelled(within, each.label, each.label + _DAY)
            continue
        opening = first_instants(within, [each.label + opens for opens, _ in found.windows])
        closing = last_instants(within, [each.label + closes for _, closes in found.windows])
        spans += zip(opening, closing, strict=True)
        if found.whole:
            spans += labelled(within, each.label, each.label + _DAY)
    return edges[:-2] + _flat(_without(_joined(spans), _joined(shut)))


_FIRST_DAY = date.min.toordinal() - _EPOCH_ORDINAL
_LAST_DAY = date.max.toordinal() - _EPOCH_ORDINAL


def _without(spans: list[Span], shut: list[Span]) -> Iterator[Span]:
    """The parts of the spans outside the shut ones; both are sorted, and no two touch."""
    place = 0
    for opens, closes in spans:
        first = opens
        while place < len(shut) and shut[place][1] <= first:
            place += 1
        for off, on in shut[place:]:
            if off >= closes:
                break
            if first < off:
                yield first, off
            first = max(first, on)
        if first < closes:
            yield first, closes
