"""When a calendar is open, asked one instant at a time.

Nothing here computes intervals: an instant is looked at by its local date and by the few
windows that could hold it. `change_instants` lists every instant at which the answer could
change, which is enough to search a month exhaustively.

Readings chosen where the language leaves room:

* A row has exactly one of `days` and `dates`.
* A closing time that happens twice takes the second, "24:00" too where the next midnight happens twice.
* A range without a year whose end comes before its start runs over the new year; 02-29 names a day in
  leap years only.
* The date a window "would start on" is the label of the day it belongs to, also where the zone skipped it.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from tests.verification.oracle.plain import Document, Plain, listed, mapping, text

DAY = timedelta(days=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def is_open(calendar: Document, instant: datetime) -> bool:
    """Say whether the calendar is open at this instant."""
    zone = zone_named(text(calendar["timezone"]))
    closed = listed(calendar.get("closed"))
    local_date = instant.astimezone(zone).date()
    if any_names(closed, local_date):
        return False
    return any(row_is_open(mapping(row), closed, zone, instant) for row in listed(calendar["open"]))


def row_is_open(row: Document, closed: Sequence[Plain], zone: ZoneInfo, instant: datetime) -> bool:
    """Say whether one row of `open` holds this instant, the instant's own date not being closed."""
    local_date = instant.astimezone(zone).date()
    if "from" not in row:
        return row_names(row, local_date)
    for days_away in (-2, -1, 0, 1):
        day = local_date + days_away * DAY
        if row_names(row, day) and not any_names(closed, day):
            opens, closes = window_of(zone, day, text(row["from"]), text(row["to"]))
            if opens <= instant < closes:
                return True
    return False


def row_names(row: Document, day: date) -> bool:
    """Say whether a row is about this date, by its label."""
    if "days" in row:
        return WEEKDAYS[day.weekday()] in listed(row["days"])
    return any_names(listed(row["dates"]), day)


def any_names(dates: Sequence[Plain], day: date) -> bool:
    """Say whether any of these dates and ranges is or holds this date."""
    return any(date_names(text(item), day) for item in dates)


@lru_cache(maxsize=100_000)
def date_names(dates: str, day: date) -> bool:
    """Say whether `2026-12-24`, `12-24`, or a range of either with both ends included, holds this date."""
    first, _, last = dates.partition("..")
    last = last or first
    label = day.isoformat() if len(first) == len("2026-12-24") else day.isoformat()[len("2026-") :]
    if first <= last:
        return first <= label <= last
    return label >= first or label <= last


@lru_cache(maxsize=100_000)
def window_of(zone: ZoneInfo, day: date, opens_at: str, closes_at: str) -> tuple[datetime, datetime]:
    """Give the window that belongs to this date: from its opening up to, not including, its closing."""
    closing_day = day if opens_at < closes_at else day + DAY
    return wall_instant(zone, day, opens_at, closing=False), wall_instant(zone, closing_day, closes_at, closing=True)


def wall_instant(zone: ZoneInfo, day: date, wall_time: str, *, closing: bool) -> datetime:
    """Give the UTC instant that a wall-clock time means on a date.

    One that does not exist means the instant its gap ends; of one that happens twice an
    opening takes the first and a closing the second.
    """
    hours, minutes = (int(part) for part in wall_time.split(":"))
    wall = datetime.combine(day, datetime.min.time()) + timedelta(hours=hours, minutes=minutes)
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) != wall:
        return change_of_offset(zone, second, first)
    return second if closing else first


def change_of_offset(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Give the first whole second, after `before` and up to `after`, that has another offset than `before`."""
    offset = before.astimezone(zone).utcoffset()
    seconds = int((after - before).total_seconds())
    low, high = 0, seconds
    while high - low > 1:
        middle = (low + high) // 2
        if (before + timedelta(seconds=middle)).astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return before + timedelta(seconds=high)


def change_instants(calendar: Document, after: datetime, before: datetime) -> set[datetime]:
    """Give every instant strictly between these two at which the calendar could open or close.

    Window edges and local midnights of every date, and every change of the zone's offset:
    between two neighbours of these neither the local date nor any window changes.
    """
    zone = zone_named(text(calendar["timezone"]))
    timed_rows = [row for row in map(mapping, listed(calendar["open"])) if "from" in row]
    instants: set[datetime] = set()
    day = after.date() - 3 * DAY
    while day <= before.date() + 3 * DAY:
        instants.update(natural_changes(zone, day))
        for row in timed_rows:
            instants.update(window_of(zone, day, text(row["from"]), text(row["to"])))
        day += DAY
    return {instant for instant in instants if after < instant < before}


@lru_cache(maxsize=100_000)
def natural_changes(zone: ZoneInfo, day: date) -> tuple[datetime, ...]:
    """Give this date's local midnight, twice where it happens twice, and its UTC day's changes of offset."""
    midnights = (wall_instant(zone, day, "00:00", closing=closing) for closing in (False, True))
    return (*midnights, *offset_changes(zone, day))


def offset_changes(zone: ZoneInfo, utc_day: date) -> Iterator[datetime]:
    """Give the instants of this UTC day at which the zone's offset changes."""
    midnight = datetime.combine(utc_day, datetime.min.time(), tzinfo=UTC)
    hours = [midnight + timedelta(hours=hour) for hour in range(25)]
    for earlier, later in pairwise(hours):
        if earlier.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            yield change_of_offset(zone, earlier, later)


@lru_cache(maxsize=1_000)
def zone_named(name: str) -> ZoneInfo:
    """Give the IANA zone of this name."""
    return ZoneInfo(name)
