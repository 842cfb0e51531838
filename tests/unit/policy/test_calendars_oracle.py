"""Calendars against two other ways to work them out: dateutil's, and a walk through every minute.

Over zones that do unusual things, and around every change of their clocks from 2000 to 2037.
"""

import io
import struct
import tarfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from dateutil import tz
from dateutil.rrule import WEEKLY, rrule
from dateutil.zoneinfo import getzoneinfofile_stream
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from batchgate.policy.calendars import Calendar, DateRange, OpenRow, parse_zone
from batchgate.policy.wall_clock import PROBE_SECONDS

pytestmark = pytest.mark.slow

# What is unusual about each: it may have stopped since, and the years include it.
ZONES = [
    "Africa/Cairo",  # changes at midnight; stopped and began again
    "Africa/Casablanca",  # back for Ramadan; negative saving
    "Africa/El_Aaiun",
    "Africa/Johannesburg",
    "Africa/Juba",  # changed its zone in 2021
    "Africa/Monrovia",
    "Africa/Windhoek",  # negative saving until 2017
    "America/Adak",
    "America/Anchorage",
    "America/Argentina/San_Luis",
    "America/Asuncion",  # midnight
    "America/Caracas",  # half an hour, twice
    "America/Chicago",
    "America/Godthab",  # on the eve, by the European Union's clock
    "America/Havana",  # midnight; repeats the hour after it
    "America/Indiana/Petersburg",
    "America/Mexico_City",
    "America/New_York",
    "America/Port-au-Prince",
    "America/Santiago",  # midnight, at 24:00 on Saturdays
    "America/Sao_Paulo",  # midnight
    "America/Scoresbysund",
    "America/St_Johns",  # a minute after midnight
    "Antarctica/Casey",  # back and forth by three hours
    "Antarctica/Troll",  # two hours
    "Asia/Amman",  # midnight; Thursdays
    "Asia/Beirut",  # midnight
    "Asia/Colombo",
    "Asia/Dhaka",
    "Asia/Gaza",  # another rule each year
    "Asia/Jerusalem",
    "Asia/Karachi",
    "Asia/Kathmandu",  # a quarter of an hour
    "Asia/Pyongyang",  # half an hour, across midnight
    "Asia/Tehran",  # midnight, half hour
    "Asia/Tokyo",
    "Asia/Ulaanbaatar",
    "Atlantic/Azores",  # repeats the hour after midnight
    "Atlantic/Stanley",
    "Australia/Lord_Howe",  # half an hour
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/Dublin",  # negative saving
    "Europe/Istanbul",
    "Europe/Lisbon",
    "Europe/London",
    "Europe/Moscow",  # two changes of standard time
    "Europe/Volgograd",
    "Pacific/Apia",  # skipped a day
    "Pacific/Chatham",  # quarter of an hour
    "Pacific/Fakaofo",  # skipped a day
    "Pacific/Fiji",
    "Pacific/Norfolk",
    "Pacific/Tongatapu",
]
YEARS = range(2000, 2038)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
Interval = tuple[datetime, datetime]


def changes_of_clocks(zone: ZoneInfo) -> Iterator[datetime]:
    """The UTC instant of every change of the zone's offset in those years, found by looking, hour by hour."""

    def ahead(instant: datetime) -> timedelta | None:
        return instant.astimezone(zone).utcoffset()

    day = datetime(YEARS[0], 1, 1, 12, tzinfo=UTC)
    while day.year in YEARS:
        if ahead(day) != ahead(day + DAY):
            hour = next(h for h in range(1, 25) if ahead(day + timedelta(hours=h)) != ahead(day))
            start = day + timedelta(hours=hour - 1)
            yield next(start + m * MINUTE for m in range(1, 61) if ahead(start + m * MINUTE) != ahead(start))
        day += DAY


# dateutil: its own reader of zone files, its own arithmetic, its own repetition of dates

# dateutil's tzfile takes the local time of a change from the standard offset before it (its issue 1048). Where the
# "saving" time is the earlier one, or a zone went from one saving time to another, it so puts gaps and repeats at the
# wrong local hour. The walk below covers these zones.
MISTAKEN_BY_DATEUTIL = {
    "Africa/Casablanca",
    "Africa/El_Aaiun",
    "Africa/Windhoek",
    "America/Argentina/San_Luis",
    "Europe/Dublin",
}
ZONES_OF_DATEUTIL = [name for name in ZONES if name not in MISTAKEN_BY_DATEUTIL]


@cache
def dateutils_zone_files() -> dict[str, bytes]:
    """The zone files that dateutil carries, by name."""
    stream = getzoneinfofile_stream()
    assert stream
    with tarfile.open(fileobj=stream) as archive:
        found = {name: archive.extractfile(name) for name in ZONES}
        return {name: zone_file.read() for name, zone_file in found.items() if zone_file}


def read_by_both(name: str) -> tuple[ZoneInfo, tzinfo]:
    """The same zone file for a calendar and for dateutil, so that only what they make of it can differ."""
    content = dateutils_zone_files()[name]
    return ZoneInfo.from_file(io.BytesIO(content), key=name), tz.tzfile(io.BytesIO(content))


def resolved(label: datetime, zone: tzinfo, *, closing: bool) -> datetime:
    """The instant of a naive wall-clock time: the first of two to open, the second to close, else a gap's end."""
    while not tz.datetime_exists(label, zone):
        label += MINUTE
    return tz.enfold(label.replace(tzinfo=zone), fold=int(closing)).astimezone(tz.UTC).replace(tzinfo=UTC)


def intervals_of_dateutil(row: OpenRow, zone: tzinfo, start: datetime, end: datetime) -> list[Interval]:
    """What a row of weekdays with times comes to within [start, end)."""
    assert row.opens is not None
    assert row.closes is not None
    first_midnight = datetime.combine(start.date() - 3 * DAY, time())
    windows: list[Interval] = []
    for midnight in rrule(
        WEEKLY, byweekday=sorted(row.days), dtstart=first_midnight, until=end.replace(tzinfo=None) + 2 * DAY
    ):
        closing_day = midnight if row.opens < row.closes else midnight + DAY
        opens = resolved(midnight + row.opens * MINUTE, zone, closing=False)
        closes = resolved(closing_day + row.closes * MINUTE, zone, closing=True)
        windows.append((max(opens, start), min(closes, end)))
    joined: list[Interval] = []
    for opens, closes in sorted(windows):
        if opens >= closes:
            continue
        if joined and opens <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(closes, joined[-1][1]))
        else:
            joined.append((opens, closes))
    return joined


def timed(days: range | set[int], opens: str, closes: str) -> OpenRow:
    """A row of weekdays with times such as "22:00"."""
    hours_minutes = [[int(part) for part in text.split(":")] for text in (opens, closes)]
    opens_minutes, closes_minutes = (60 * hours + minutes for hours, minutes in hours_minutes)
    return OpenRow(frozenset(days), (), opens_minutes, closes_minutes)


# Around the hours at which zones change their clocks: within them, at both of their ends, and across.
TIMED_ROWS = [
    timed(range(7), "22:00", "06:00"),
    timed(range(7), "02:30", "02:45"),
    timed(range(7), "00:00", "24:00"),
    timed(range(7), "23:30", "00:30"),
    timed(range(7), "01:00", "02:00"),
    timed(range(7), "02:00", "03:00"),
    timed(range(7), "00:00", "01:00"),
    timed(range(7), "23:00", "24:00"),
    timed(range(7), "03:00", "02:00"),
    timed(range(7), "01:30", "00:15"),
    timed({5, 6}, "12:00", "11:59"),
    timed({0, 4, 6}, "00:30", "02:15"),
    timed({3, 4}, "23:45", "23:30"),
]


@pytest.mark.parametrize("name", ZONES_OF_DATEUTIL)
def test_dateutil_finds_the_same_windows_around_every_change_of_clocks(name: str) -> None:
    """All changes of a zone until 2036, two rows in turn for each; in 2037 dateutil's data end."""
    ours, theirs = read_by_both(name)
    for index, change in enumerate(changes_of_clocks(ours)):
        if change.year == YEARS[-1]:
            break
        start, end = change - timedelta(days=1, hours=7), change + timedelta(days=1, hours=5)
        for row in (TIMED_ROWS[(2 * index + turn) % len(TIMED_ROWS)] for turn in range(2)):
            expected = intervals_of_dateutil(row, theirs, start, end)
            assert list(Calendar(ours, (row,)).opening_intervals(start, end)) == expected, (change, row)


@pytest.mark.parametrize("name", ZONES_OF_DATEUTIL)
def test_dateutil_finds_the_same_windows_in_a_whole_year(name: str) -> None:
    """A different year and row for each zone."""
    ours, theirs = read_by_both(name)
    index = ZONES.index(name)
    start = datetime(YEARS[index % len(YEARS)], 1, 1, tzinfo=UTC)
    row = TIMED_ROWS[index % len(TIMED_ROWS)]
    expected = intervals_of_dateutil(row, theirs, start, start + 365 * DAY)
    assert expected
    assert list(Calendar(ours, (row,)).opening_intervals(start, start + 365 * DAY)) == expected


# A walk: what the wall clock shows, minute by minute, and nothing computed


class Walk:
    """Every minute from two days before an instant to two days after it, as a zone's wall clock labels it."""

    def __init__(self, zone: ZoneInfo, middle: datetime) -> None:
        self.start = middle - 2 * DAY
        self.labels = [(self.start + n * MINUTE).astimezone(zone).replace(tzinfo=None) for n in range(4 * 24 * 60)]
        self.first: dict[datetime, int] = {}
        self.last: dict[datetime, int] = {}
        for index, label in enumerate(self.labels):
            self.first.setdefault(label, index)
            self.last[label] = index
        self.lowest, self.highest = min(self.labels), max(self.labels)

    def index_of(self, label: datetime, *, closing: bool) -> int:
        """The minute of the walk at which a window with that time opens or closes."""
        if label < self.lowest:
            return 0
        while label <= self.highest:
            if label in self.first:
                return self.last[label] if closing else self.first[label]
            label += MINUTE  # in a gap: on to its end
        return len(self.labels)

    def openness(self, calendar: Calendar) -> list[bool]:
        """Whether the calendar is open at each minute, by the language's rules read literally."""
        is_open = [False] * len(self.labels)
        day = self.lowest.date() - 2 * DAY
        while day <= self.highest.date():
            for row in calendar.rows if not any(dates.contains(day) for dates in calendar.closed) else ():
                if day.weekday() not in row.days and not any(dates.contains(day) for dates in row.dates):
                    continue
                if row.opens is None or row.closes is None:
                    minutes = [index for index, label in enumerate(self.labels) if label.date() == day]
                else:
                    midnight = datetime.combine(day, time())
                    closing_midnight = midnight if row.opens < row.closes else midnight + DAY
                    opens = self.index_of(midnight + row.opens * MINUTE, closing=False)
                    closes = self.index_of(closing_midnight + row.closes * MINUTE, closing=True)
                    minutes = [*range(opens, closes)]
                for index in minutes:
                    is_open[index] = True
            day += DAY
        closed_dates = {
            label.date() for label in self.labels if any(dates.contains(label.date()) for dates in calendar.closed)
        }
        return [
            was_open and label.date() not in closed_dates for was_open, label in zip(is_open, self.labels, strict=True)
        ]

    def assert_agrees(self, calendar: Calendar) -> None:
        """All three answers of a calendar are those of the walk."""
        wanted = self.openness(calendar)
        instants = [self.start + n * MINUTE for n in range(len(wanted))]
        end = self.start + len(wanted) * MINUTE
        assert [calendar.is_open(instant) for instant in instants] == wanted
        flips = [instants[n] for n in range(1, len(wanted)) if wanted[n] != wanted[n - 1]]
        assert list(calendar.changes(self.start, end)) == flips
        edges = ([self.start] if wanted[0] else []) + flips + ([end] if wanted[-1] else [])
        intervals = tuple(zip(edges[::2], edges[1::2], strict=True))
        assert calendar.opening_intervals(self.start, end) == intervals


@cache
def changes_of_packaged_zone(name: str) -> tuple[datetime, ...]:
    """The changes of the zone's clocks in those years, from the data that the calendars use."""
    return tuple(changes_of_clocks(parse_zone(name)))


def only(day: date) -> tuple[DateRange, ...]:
    """That date."""
    return (DateRange(day, day),)


@pytest.mark.parametrize("name", ZONES)
def test_a_walk_through_every_minute_finds_the_same_openings(name: str) -> None:
    """Two changes of each zone's clocks: timed rows, whole days and closed dates, on the day and on the eve."""
    zone = parse_zone(name)
    changes = changes_of_packaged_zone(name) or (datetime(2020, 3, 1, tzinfo=UTC),)
    index = ZONES.index(name)
    for change in {changes[index % len(changes)], changes[-1 - index % 3 % len(changes)]}:
        walk = Walk(zone, change)
        day = (change - MINUTE).astimezone(zone).date()
        nights, second = TIMED_ROWS[0], TIMED_ROWS[index % len(TIMED_ROWS)]
        whole_day = OpenRow(frozenset(), only(day + DAY), None, None)
        walk.assert_agrees(Calendar(zone, (second,)))
        walk.assert_agrees(Calendar(zone, (OpenRow(frozenset({day.weekday()}), (), None, None),)))
        walk.assert_agrees(Calendar(zone, (nights, whole_day), only(day)))
        walk.assert_agrees(Calendar(zone, (second, nights), only(day + DAY)))


@st.composite
def calendars_at_a_change_of_clocks(draw: st.DrawFn) -> tuple[Calendar, datetime]:
    """A calendar whose times and dates crowd around one of its zone's changes."""
    name = draw(st.sampled_from([name for name in ZONES if changes_of_packaged_zone(name)]))
    zone, change = parse_zone(name), draw(st.sampled_from(changes_of_packaged_zone(name)))
    before, after = ((change + shift).astimezone(zone) for shift in (-MINUTE, timedelta(0)))
    critical = [60 * label.hour + label.minute for label in (before + MINUTE, after)]
    opening_times = st.one_of(
        st.builds(lambda minutes, shift: (minutes + shift) % 1440, st.sampled_from(critical), st.integers(-61, 61)),
        st.integers(0, 1439),
    )
    near_dates = st.builds(lambda shift: before.date() + shift * DAY, st.integers(-3, 3))
    rows = []
    for _ in range(draw(st.integers(1, 3))):
        days = draw(st.frozensets(st.integers(0, 6)))
        dates = () if days else only(draw(near_dates))
        if draw(st.integers(0, 3)) == 0:
            rows.append(OpenRow(days, dates, None, None))
        else:
            opens = draw(opening_times)
            closes = draw(st.one_of(opening_times, st.just(1440)))
            assume(opens != closes)
            rows.append(OpenRow(days, dates, opens, closes))
    closed = tuple(DateRange(day, day) for day in draw(st.lists(near_dates, max_size=2)))
    return Calendar(zone, tuple(rows), closed), change


@settings(max_examples=max(settings.default.max_examples // 2, 1) if settings.default else 50)
@given(calendars_at_a_change_of_clocks())
def test_a_walk_finds_the_same_openings_of_any_calendar(example: tuple[Calendar, datetime]) -> None:
    """Whatever the rows and closed dates, at any change of clocks of any of the zones."""
    calendar, change = example
    Walk(calendar.zone, change).assert_agrees(calendar)


# What the calendars take for granted about the packaged data


def listed_changes(content: bytes) -> list[tuple[int, int, int]]:
    """(instant, offset before, offset after) of each change that a zone file lists, in seconds.

    *Source*: RFC 9636, the 64-bit block of a TZif file; the rule for later years is not expanded.
    """

    def counts(at: int) -> tuple[int, ...]:
        return struct.unpack(">6l", content[at + 20 : at + 44])

    is_ut, is_standard, leaps, times, types, characters = counts(0)
    at = 44 + 5 * times + 6 * types + characters + 8 * leaps + is_standard + is_ut
    _, _, _, times, types, _ = counts(at)
    at += 44
    instants = struct.unpack(f">{times}q", content[at : at + 8 * times])
    kinds = content[at + 8 * times : at + 9 * times]
    offsets = [
        int.from_bytes(content[start : start + 4], signed=True)
        for start in range(at + 9 * times, at + 9 * times + 6 * types, 6)
    ]
    afters = [offsets[kind] for kind in kinds]
    befores = [offsets[0], *afters][: len(afters)]
    listed = zip(instants, befores, afters, strict=True)
    return [(instant, before, after) for instant, before, after in listed if before != after]


def test_every_packaged_zone_can_be_used_and_is_never_missed_changing() -> None:
    """Offsets are probed: no two changes of a zone may lie as close together as two probes."""
    root = files("tzdata")
    names = root.joinpath("zones").read_text(encoding="ascii").split()
    assert len(names) > 500
    closest = 100 * PROBE_SECONDS
    for name in names:
        assert parse_zone(name).key == name
        changes = listed_changes(root.joinpath("zoneinfo", *name.split("/")).read_bytes())
        closest = min([closest, *(later[0] - earlier[0] for earlier, later in pairwise(changes))])
    assert PROBE_SECONDS < closest < 100 * PROBE_SECONDS
