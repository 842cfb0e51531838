"""Calendars by example, one for each sentence of the language's rules, and the laws that hold for all of them."""

import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgate.policy.calendars import (
    Calendar,
    CalendarValueError,
    DateRange,
    OpenRow,
    parse_date,
    parse_dates,
    parse_time,
    parse_zone,
)

WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
EVERY_DAY = " ".join(WEEKDAYS)
MICROSECOND = timedelta(microseconds=1)


def row(when: str, opens: str | None = None, closes: str | None = None) -> OpenRow:
    """A row for weekdays ("mon tue") or dates ("2026-12-24 12-26..12-31")."""
    words = when.split()
    by_day = words[0] in WEEKDAYS
    return OpenRow(
        days=frozenset(WEEKDAYS.index(word) for word in words) if by_day else frozenset(),
        dates=() if by_day else tuple(parse_dates(word) for word in words),
        opens=None if opens is None else parse_time(opens),
        closes=None if closes is None else parse_time(closes, closing=True),
    )


def calendar(zone: str, *rows: OpenRow, closed: str = "") -> Calendar:
    """A calendar of those rows; `closed` holds dates and ranges with blanks between."""
    return Calendar(parse_zone(zone), rows, tuple(parse_dates(word) for word in closed.split()))


def utc(text: str) -> datetime:
    """The instant that an ISO text without an offset names in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def openings(subject: Calendar, first: str, last: str) -> list[str]:
    """The intervals that begin on the local dates from first to last, as a wall clock in the zone shows them."""

    def shown(instant: datetime) -> str:
        return f"{instant.astimezone(subject.zone):%m-%d %H:%M %z}"

    begins, ends = date.fromisoformat(first), date.fromisoformat(last)
    about = utc(first) - timedelta(days=5), utc(last) + timedelta(days=5)
    return [
        f"{shown(opens)} .. {shown(closes)}"
        for opens, closes in subject.opening_intervals(*about)
        if begins <= opens.astimezone(subject.zone).date() <= ends
    ]


# Times and the ends of windows


def test_times_are_the_wall_clock_of_the_zone() -> None:
    """The same row opens at another instant in summer, by as much as the zone's clocks differ."""
    nine = calendar("Europe/Berlin", row(EVERY_DAY, "09:00", "17:00"))
    assert openings(nine, "2026-01-15", "2026-01-15") == ["01-15 09:00 +0100 .. 01-15 17:00 +0100"]
    assert openings(nine, "2026-07-15", "2026-07-15") == ["07-15 09:00 +0200 .. 07-15 17:00 +0200"]


def test_a_window_has_its_first_instant_and_not_its_last() -> None:
    """Windows are end-exclusive, to the microsecond."""
    nine = calendar("Asia/Kathmandu", row("thu", "09:00", "17:00"))  # UTC+05:45
    opens, closes = utc("2026-01-15T03:15"), utc("2026-01-15T11:15")
    assert not nine.is_open(opens - MICROSECOND)
    assert nine.is_open(opens)
    assert nine.is_open(closes - MICROSECOND)
    assert not nine.is_open(closes)


def test_a_window_across_midnight_belongs_to_the_day_it_starts_on() -> None:
    """Friday's night runs into Saturday; Sunday's night, which would run into Monday, is not there."""
    nights = calendar("Europe/Berlin", row("mon tue wed thu fri", "22:00", "06:00"))
    assert openings(nights, "2026-01-15", "2026-01-19") == [
        "01-15 22:00 +0100 .. 01-16 06:00 +0100",  # Thursday
        "01-16 22:00 +0100 .. 01-17 06:00 +0100",
        "01-19 22:00 +0100 .. 01-20 06:00 +0100",
    ]


@pytest.mark.parametrize("closes", ["24:00", "00:00"])
def test_a_window_may_end_with_its_day(closes: str) -> None:
    """Either "24:00" is the midnight that ends the day, or "00:00", which is before every opening, the next day's."""
    evenings = calendar("America/New_York", row("thu", "18:00", closes))
    assert openings(evenings, "2026-01-15", "2026-01-16") == ["01-15 18:00 -0500 .. 01-16 00:00 -0500"]


def test_a_row_without_times_is_every_instant_of_its_dates() -> None:
    """Adjacent days are one interval, from midnight to midnight."""
    weekends = calendar("Europe/Berlin", row("sat sun"))
    assert openings(weekends, "2026-01-15", "2026-01-20") == ["01-17 00:00 +0100 .. 01-19 00:00 +0100"]


def test_windows_that_touch_or_overlap_are_one_interval() -> None:
    """A calendar is open where any row is; nothing changes where one row takes over from another."""
    nights = calendar("Europe/Berlin", row("mon tue wed thu fri", "22:00", "06:00"), row("sat sun"))
    assert openings(nights, "2026-01-16", "2026-01-18") == ["01-16 22:00 +0100 .. 01-19 00:00 +0100"]
    assert nights.changes(utc("2026-01-16T12:00"), utc("2026-01-19T12:00")) == (
        utc("2026-01-16T21:00"),
        utc("2026-01-18T23:00"),
    )


TWO_WINDOWS = [("09:00", "10:00"), ("12:00", "13:00")]


def test_a_step_of_a_long_search_may_end_where_a_window_opens() -> None:
    """With another window before it on that date, and none on the next."""
    subject = calendar("UTC", *(row("2026-06-10", *times) for times in TWO_WINDOWS))
    windows = tuple((utc(f"2026-06-10T{opens}"), utc(f"2026-06-10T{closes}")) for opens, closes in TWO_WINDOWS)
    for days in range(1, 8):
        for hour in (9, 10, 12, 13):
            start = utc(f"2026-06-10T{hour:02}:00") - timedelta(days=days)
            assert subject.opening_intervals(start, start + timedelta(days=4_000)) == windows


def test_rows_of_dates_may_have_times() -> None:
    """Each date of the range has its own window."""
    days = calendar("UTC", row("12-30..01-01", "10:00", "12:00"))
    assert openings(days, "2026-12-25", "2027-01-10") == [
        "12-30 10:00 +0000 .. 12-30 12:00 +0000",
        "12-31 10:00 +0000 .. 12-31 12:00 +0000",
        "01-01 10:00 +0000 .. 01-01 12:00 +0000",
    ]


def test_a_calendar_without_rows_never_opens() -> None:
    """Nothing is open by default."""
    never = calendar("UTC")
    assert not never.is_open(utc("2026-01-15"))
    assert never.next_opening(utc("2026-01-15"), years=30) is None


# Where clocks change


@pytest.mark.parametrize(
    ("zone", "subject", "around", "wanted"),
    [
        # Spring: 02:00 becomes 03:00 on 2026-03-29 in Berlin.
        ("Europe/Berlin", row("sun", "02:30", "05:00"), "2026-03-29", ["03-29 03:00 +0200 .. 03-29 05:00 +0200"]),
        ("Europe/Berlin", row("sun", "02:00", "05:00"), "2026-03-29", ["03-29 03:00 +0200 .. 03-29 05:00 +0200"]),
        ("Europe/Berlin", row("sun", "01:00", "02:30"), "2026-03-29", ["03-29 01:00 +0100 .. 03-29 03:00 +0200"]),
        ("Europe/Berlin", row("sun", "01:00", "02:00"), "2026-03-29", ["03-29 01:00 +0100 .. 03-29 03:00 +0200"]),
        ("Europe/Berlin", row("sun", "02:00", "03:00"), "2026-03-29", []),
        ("Europe/Berlin", row("sun", "02:15", "02:45"), "2026-03-29", []),
        ("Europe/Berlin", row("sat", "22:00", "02:30"), "2026-03-29", ["03-28 22:00 +0100 .. 03-29 03:00 +0200"]),
        # Autumn: 03:00 becomes 02:00 on 2026-10-25.
        ("Europe/Berlin", row("sun", "02:15", "02:45"), "2026-10-25", ["10-25 02:15 +0200 .. 10-25 02:45 +0100"]),
        ("Europe/Berlin", row("sun", "01:00", "02:00"), "2026-10-25", ["10-25 01:00 +0200 .. 10-25 02:00 +0100"]),
        ("Europe/Berlin", row("sun", "02:00", "03:00"), "2026-10-25", ["10-25 02:00 +0200 .. 10-25 03:00 +0100"]),
        ("Europe/Berlin", row("sun", "01:00", "03:00"), "2026-10-25", ["10-25 01:00 +0200 .. 10-25 03:00 +0100"]),
        ("Europe/Berlin", row("sun", "03:00", "04:00"), "2026-10-25", ["10-25 03:00 +0100 .. 10-25 04:00 +0100"]),
        # In Dublin winter is the exception and summer the standard: the clock alone counts. 01:00 becomes 02:00.
        ("Europe/Dublin", row("sun", "01:30", "03:00"), "2026-03-29", ["03-29 02:00 +0100 .. 03-29 03:00 +0100"]),
        ("Europe/Dublin", row("sun", "01:30", "01:45"), "2026-10-25", ["10-25 01:30 +0100 .. 10-25 01:45 +0000"]),
        # Lord Howe moves by half an hour: 02:00 becomes 02:30, or 01:30.
        ("Australia/Lord_Howe", row("sun", "02:15", "03:00"), "2026-10-03", ["10-04 02:30 +1100 .. 10-04 03:00 +1100"]),
        ("Australia/Lord_Howe", row("sun", "01:30", "01:45"), "2026-04-04", ["04-05 01:30 +1100 .. 04-05 01:45 +1030"]),
        ("Australia/Lord_Howe", row("sun", "01:00", "01:30"), "2026-04-04", ["04-05 01:00 +1100 .. 04-05 01:30 +1030"]),
        # Troll moves by two hours: 01:00 becomes 03:00.
        ("Antarctica/Troll", row("sun", "01:30", "04:00"), "2026-03-29", ["03-29 03:00 +0200 .. 03-29 04:00 +0200"]),
        # Sao Paulo had no midnight on 2018-11-04, and two hours 23 on 2018-02-17.
        ("America/Sao_Paulo", row("sun"), "2018-11-04", ["11-04 01:00 -0200 .. 11-05 00:00 -0200"]),
        ("America/Sao_Paulo", row("sun", "00:00", "02:00"), "2018-11-04", ["11-04 01:00 -0200 .. 11-04 02:00 -0200"]),
        ("America/Sao_Paulo", row("sat", "22:00", "24:00"), "2018-11-04", ["11-03 22:00 -0300 .. 11-04 01:00 -0200"]),
        ("America/Sao_Paulo", row("sat"), "2018-02-17", ["02-17 00:00 -0200 .. 02-18 00:00 -0300"]),
        ("America/Sao_Paulo", row("sat", "23:00", "24:00"), "2018-02-18", ["02-17 23:00 -0200 .. 02-18 00:00 -0300"]),
        ("America/Sao_Paulo", row("fri", "23:45", "23:15"), "2018-02-17", ["02-16 23:45 -0200 .. 02-17 23:15 -0300"]),
        # Cairo and Beirut have no midnight in spring either.
        ("Africa/Cairo", row("fri"), "2024-04-25", ["04-26 01:00 +0300 .. 04-27 00:00 +0300"]),
        ("Asia/Beirut", row("sun", "00:30", "02:00"), "2024-03-30", ["03-31 01:00 +0300 .. 03-31 02:00 +0300"]),
        # Havana repeats the hour after midnight: a window ends with the second midnight, a whole day at the first.
        ("America/Havana", row("sat", "22:00", "24:00"), "2024-11-03", ["11-02 22:00 -0400 .. 11-03 00:00 -0500"]),
        ("America/Havana", row("sat"), "2024-11-03", ["11-02 00:00 -0400 .. 11-03 00:00 -0400"]),
        ("America/Havana", row("sun", "00:00", "01:00"), "2024-11-03", ["11-03 00:00 -0400 .. 11-03 01:00 -0500"]),
        # St. John's went from 00:01 back to 23:01: Sunday began, and Saturday came again.
        (
            "America/St_Johns",
            row("sun"),
            "2010-11-07",
            ["11-07 00:00 -0230 .. 11-06 23:01 -0330", "11-07 00:00 -0330 .. 11-08 00:00 -0330"],
        ),
        (
            "America/St_Johns",
            row("sat"),
            "2010-11-06",
            ["11-06 00:00 -0230 .. 11-07 00:00 -0230", "11-06 23:01 -0330 .. 11-07 00:00 -0330"],
        ),
        (
            "America/St_Johns",
            row("sat", "23:30", "23:45"),
            "2010-11-07",
            ["11-06 23:30 -0230 .. 11-06 23:45 -0330"],
        ),
        # Pyongyang changed its zone, not its season: 23:30 became 00:00, and before that 00:00 became 23:30.
        ("Asia/Pyongyang", row("fri", "23:45", "01:00"), "2018-05-04", ["05-05 00:00 +0900 .. 05-05 01:00 +0900"]),
        ("Asia/Pyongyang", row("fri", "23:30", "24:00"), "2018-05-04", []),
        ("Asia/Pyongyang", row("fri", "23:30", "23:45"), "2015-08-14", ["08-14 23:30 +0900 .. 08-14 23:45 +0830"]),
        ("America/Caracas", row("sun", "02:30", "03:30"), "2016-05-01", ["05-01 03:00 -0400 .. 05-01 03:30 -0400"]),
        # Morocco puts its clocks back for Ramadan: 03:00 became 02:00 on 2026-02-15.
        ("Africa/Casablanca", row("sun", "02:10", "02:20"), "2026-02-15", ["02-15 02:10 +0100 .. 02-15 02:20 +0000"]),
        # Samoa had no Friday, 2011-12-30. What is nominally on it begins or ends where it would have been.
        ("Pacific/Apia", row("fri"), "2011-12-30", []),
        ("Pacific/Apia", row("fri", "10:00", "12:00"), "2011-12-30", []),
        ("Pacific/Apia", row("fri", "22:00", "06:00"), "2011-12-30", ["12-31 00:00 +1400 .. 12-31 06:00 +1400"]),
        ("Pacific/Apia", row("2011-12-30", "22:00", "06:00"), "2011-12-30", ["12-31 00:00 +1400 .. 12-31 06:00 +1400"]),
        ("Pacific/Apia", row("thu", "22:00", "06:00"), "2011-12-30", ["12-29 22:00 -1000 .. 12-31 00:00 +1400"]),
        ("Pacific/Apia", row("thu fri sat"), "2011-12-29", ["12-29 00:00 -1000 .. 01-01 00:00 +1400"]),
    ],
)
def test_a_window_where_clocks_change(zone: str, subject: OpenRow, around: str, wanted: list[str]) -> None:
    """A time in a gap is where the gap ends; of a repeat, openings take the first time and closings the second."""
    day = date.fromisoformat(around)
    first, last = day - timedelta(days=1), day + timedelta(days=1)
    assert openings(calendar(zone, subject), first.isoformat(), last.isoformat()) == wanted


def test_an_hour_that_repeats_at_midnight_in_utc_opens_once() -> None:
    """Where the clocks went back at the very instant at which one block of the computation ends and the next begins."""
    early = calendar("Africa/Tunis", row("fri", "01:30", "03:00"))
    assert openings(early, "2005-09-30", "2005-09-30") == ["09-30 01:30 +0200 .. 09-30 03:00 +0100"]
    assert early.is_open(utc("2005-09-30T00:10"))


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", "2026-10-25T01:00"),
        ("Europe/Berlin", "2026-03-29T01:00"),
        ("America/Havana", "2024-11-03T05:00"),
        ("America/St_Johns", "2010-11-07T02:31"),
        ("Australia/Lord_Howe", "2026-04-04T15:00"),
        ("Antarctica/Troll", "2026-10-25T01:00"),
        ("Asia/Pyongyang", "2015-08-14T15:00"),
        ("Pacific/Apia", "2011-12-30T10:00"),
        ("UTC", "2026-10-25T00:00"),
    ],
)
@pytest.mark.parametrize(
    ("opens", "closes"), [("02:15", "02:45"), ("00:10", "23:50"), ("23:15", "00:45"), ("23:45", "23:15")]
)
def test_a_question_that_begins_near_a_change_of_clocks_knows_what_came_before(
    zone: str, change: str, opens: str, closes: str
) -> None:
    """A calendar that was asked nothing yet answers as one that was asked about days."""
    subject, fresh = (calendar(zone, row(EVERY_DAY, opens, closes), closed="10-23") for _ in range(2))
    middle = utc(change)
    intervals = subject.opening_intervals(middle - timedelta(days=9), middle + timedelta(days=9))
    for minutes in (*range(-26 * 60, -120, 120), *range(-120, 120, 15), *range(120, 26 * 60, 120)):
        instant = middle + timedelta(minutes=minutes)
        wanted = any(begin <= instant < end for begin, end in intervals)
        fresh.forget()
        assert fresh.is_open(instant) == wanted, instant
        fresh.forget()
        later = instant + timedelta(minutes=7)
        within = ((max(begin, instant), min(end, later)) for begin, end in intervals)
        assert fresh.opening_intervals(instant, later) == tuple(each for each in within if each[0] < each[1]), instant


def test_a_day_may_be_an_interval_and_an_afterthought() -> None:
    """Saturday's second half hour before midnight in St. John's is Saturday, though Sunday had begun."""
    saturday = calendar("America/St_Johns", row("sat"))
    assert saturday.opening_intervals(utc("2010-11-06T12:00"), utc("2010-11-08")) == (
        (utc("2010-11-06T12:00"), utc("2010-11-07T02:30")),
        (utc("2010-11-07T02:31"), utc("2010-11-07T03:30")),
    )


# Closed dates


def test_a_window_that_would_start_on_a_closed_date_does_not_open() -> None:
    """Also its part on the next date, which is not closed, is shut."""
    nights = calendar("Europe/Berlin", row(EVERY_DAY, "22:00", "06:00"), closed="2026-01-15")
    assert openings(nights, "2026-01-14", "2026-01-16") == [
        "01-14 22:00 +0100 .. 01-15 00:00 +0100",
        "01-16 22:00 +0100 .. 01-17 06:00 +0100",
    ]


def test_no_instant_of_a_closed_date_is_open() -> None:
    """A window that began the day before ends with that day, and another row does not open the date."""
    either = calendar("Europe/Berlin", row("wed", "22:00", "06:00"), row("thu fri"), closed="2026-01-15")
    assert openings(either, "2026-01-14", "2026-01-16") == [
        "01-14 22:00 +0100 .. 01-15 00:00 +0100",
        "01-16 00:00 +0100 .. 01-17 00:00 +0100",
    ]


def test_a_row_of_the_next_day_is_open_though_a_window_from_a_closed_date_is_not() -> None:
    """Only the window that would start on the closed date is missing."""
    either = calendar("UTC", row("thu", "22:00", "06:00"), row("fri", "05:00", "07:00"), closed="2026-01-15")
    assert openings(either, "2026-01-14", "2026-01-16") == ["01-16 05:00 +0000 .. 01-16 07:00 +0000"]


def test_closed_ranges_include_both_ends() -> None:
    """From the first date's first instant to the last date's last."""
    always = calendar("Europe/Berlin", row(EVERY_DAY), closed="2026-12-24..2027-01-02")
    assert always.changes(utc("2026-12-01"), utc("2027-02-01")) == (utc("2026-12-23T23:00"), utc("2027-01-02T23:00"))


def test_closed_dates_without_a_year_come_every_year() -> None:
    """Also across New Year."""
    always = calendar("UTC", row(EVERY_DAY), closed="12-31..01-01")
    for year in (2024, 2025, 2031):
        around_new_year = utc(f"{year}-12-01"), utc(f"{year + 1}-02-01")
        assert always.changes(*around_new_year) == (utc(f"{year}-12-31"), utc(f"{year + 1}-01-02"))


def test_a_range_of_every_year_may_have_all_its_days() -> None:
    """From a day to the day before it: as closed dates nothing is open, as dates of a row everything."""
    day = date(2000, 1, 1)
    while day.year == 2000:
        whole = f"{day:%m-%d}..{day - timedelta(days=1):%m-%d}"
        start, end = utc("2025-12-20"), utc("2026-01-10")
        assert calendar("UTC", row(EVERY_DAY), closed=whole).opening_intervals(start, end) == ()
        assert calendar("UTC", row(whole)).opening_intervals(start, end) == ((start, end),)
        day += timedelta(days=29)


def test_a_closed_date_that_a_zone_skipped_still_keeps_its_window_shut() -> None:
    """Samoa's 2011-12-30: the window that would start on it begins on the 31st, and does not open."""
    window = row("fri", "22:00", "06:00")
    assert openings(calendar("Pacific/Apia", window), "2011-12-30", "2011-12-31") != []
    assert openings(calendar("Pacific/Apia", window, closed="2011-12-30"), "2011-12-30", "2011-12-31") == []


def test_a_repeated_hour_of_a_closed_date_is_shut_both_times() -> None:
    """The label decides: in St. John's the minute of Sunday before Saturday came again was Sunday."""
    saturday_night = row("sat", "22:00", "24:00")
    assert openings(calendar("America/St_Johns", saturday_night), "2010-11-06", "2010-11-07") == [
        "11-06 22:00 -0230 .. 11-07 00:00 -0330",
    ]
    assert openings(calendar("America/St_Johns", saturday_night, closed="2010-11-07"), "2010-11-06", "2010-11-07") == [
        "11-06 22:00 -0230 .. 11-07 00:00 -0230",
        "11-06 23:01 -0330 .. 11-07 00:00 -0330",
    ]


@pytest.mark.parametrize(
    ("zone", "subject", "closed", "wanted"),
    [
        # The next date, on which clocks change, is open.
        (
            "Europe/Berlin",
            row(EVERY_DAY, "02:15", "02:45"),
            "2026-10-24",
            ["2026-10-23T00:15", "2026-10-23T00:45", "2026-10-25T00:15", "2026-10-25T01:45"],
        ),
        # Sunday began, Saturday came again, and then Sunday: Saturday is closed both times.
        (
            "America/St_Johns",
            row("sun", "00:00", "01:00"),
            "2010-11-06",
            ["2010-11-07T02:30", "2010-11-07T02:31", "2010-11-07T03:30", "2010-11-07T04:30"],
        ),
        # Friday's window opens where the gap ends, which is on Saturday.
        ("Asia/Pyongyang", row("fri", "23:45", "01:00"), "2018-05-05", []),
        # Thursday's window closes where Friday, which is closed, ends.
        ("Asia/Pyongyang", row("thu", "23:50", "23:40"), "2018-05-04", ["2018-05-03T15:20", "2018-05-03T15:30"]),
    ],
)
def test_closed_dates_where_clocks_change(zone: str, subject: OpenRow, closed: str, wanted: list[str]) -> None:
    """Nothing changes but at the edges of what is open."""
    day = utc(closed)
    found = calendar(zone, subject, closed=closed).changes(day - timedelta(days=1), day + timedelta(days=2))
    assert [f"{instant:%Y-%m-%dT%H:%M}" for instant in found] == wanted


# Dates, times and zones as they are written


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("2026-12-24", ["2026-12-24"], ["2026-12-23", "2026-12-25", "2027-12-24"]),
        (
            "2026-12-24..2027-01-02",
            ["2026-12-24", "2026-12-31", "2027-01-02"],
            ["2026-12-23", "2027-01-03", "2025-12-31"],
        ),
        ("12-24", ["1999-12-24", "2026-12-24"], ["2026-12-25"]),
        ("12-20..01-06", ["2026-12-20", "2026-12-31", "2026-01-01", "2026-01-06"], ["2026-12-19", "2026-01-07"]),
        ("01-06..01-20", ["2026-01-06", "2026-01-20"], ["2026-01-05", "2026-01-21", "2026-12-31"]),
        ("02-29", ["2024-02-29", "2000-02-29"], ["2025-02-28", "2025-03-01", "2024-02-28"]),
        ("02-29..03-01", ["2024-02-29", "2025-03-01"], ["2025-02-28", "2025-03-02"]),
        ("03-01..02-28", ["2025-03-01", "2025-02-28", "2024-07-01"], ["2024-02-29"]),
        ("03-02..03-01", ["2025-03-01", "2025-03-02", "2024-02-29", "2025-12-31"], []),
    ],
)
def test_a_range_of_dates_has_both_ends(text: str, inside: list[str], outside: list[str]) -> None:
    """With a year only that stretch, without one every year's; 02-29 only where it exists."""
    dates = parse_dates(text)
    assert [day for day in inside + outside if dates.contains(date.fromisoformat(day))] == inside
    assert str(dates) == text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-02-29", 'expected a day from 01 to 28, as 2026 is no leap year, got "2026-02-29"'),
        ("02-30", 'expected a day from 01 to 29, got "02-30"'),
        ("01-32", 'expected a day from 01 to 31, got "01-32"'),
        ("12-32", 'expected a day from 01 to 31, got "12-32"'),
        ("00-01", 'expected a month from 01 to 12, got "00-01"'),
        ("13-01", 'expected a month from 01 to 12, got "13-01"'),
        ("0000-01-01", 'expected a year from 0001, got "0000-01-01"'),
        ("2026-12-24..2026-12-32", 'expected a day from 01 to 31, got "2026-12-32"'),
        (
            "2026-12-24..2026-12-23",
            "expected the first date not to be after the last, got 2026-12-24..2026-12-23; swap them",
        ),
        ("2026-12-24..01-02", 'expected a year in both dates or in neither, got "2026-12-24..01-02"'),
        ("12-24..2027-01-02", 'expected a year in both dates or in neither, got "12-24..2027-01-02"'),
        *(
            (text, f'expected a date or FIRST..LAST, each YYYY-MM-DD or MM-DD, got "{text}"')
            for text in ["", "..", "12-24..", "..12-24", "12-24..12-25..12-26", "1-2", "2026-1-2", "26-01-02", "12-24 "]
        ),
        ("١٢-24", 'expected a date or FIRST..LAST, each YYYY-MM-DD or MM-DD, got "١٢-24"'),
    ],
)
def test_dates_that_cannot_be_are_refused(text: str, wanted: str) -> None:
    """The message says what was expected and what came."""
    with pytest.raises(CalendarValueError) as refused:
        parse_dates(text)
    assert str(refused.value) == wanted


def test_dates_of_every_year_are_kept_in_one_year() -> None:
    """A range made by hand can't pretend that its years count for nothing."""
    with pytest.raises(CalendarValueError, match="stored in the year 2000"):
        DateRange(date(2026, 1, 1), date(2026, 1, 2), every_year=True)


@pytest.mark.parametrize(("text", "minutes"), [("00:00", 0), ("00:01", 1), ("09:30", 570), ("23:59", 1439)])
def test_times_are_minutes_after_midnight(text: str, minutes: int) -> None:
    """The same for openings and closings."""
    assert parse_time(text) == minutes
    assert parse_time(text, closing=True) == minutes


def test_only_a_closing_may_say_24() -> None:
    """Nothing opens at the end of a day: that is the next day's 00:00."""
    assert parse_time("24:00", closing=True) == 1440
    with pytest.raises(CalendarValueError) as refused:
        parse_time("24:00")
    assert str(refused.value) == 'expected a time "HH:MM" from "00:00" to "23:59", got "24:00"'


@pytest.mark.parametrize(
    "text", ["", "9:00", "09:60", "24:01", "25:00", "09:00:00", "0900", " 09:00", "09:00\n", "٠٩:00"]
)
def test_times_that_cannot_be_are_refused(text: str) -> None:
    """Two digits, a colon, two digits, on a clock."""
    with pytest.raises(CalendarValueError) as refused:
        parse_time(text, closing=True)
    assert str(refused.value) == f'expected a time "HH:MM" from "00:00" to "24:00", got "{text}"'


MONDAYS, NEW_YEAR = frozenset({0}), (parse_dates("01-01"),)


@pytest.mark.parametrize(
    ("days", "dates", "opens", "closes", "wanted"),
    [
        (MONDAYS, (), 600, 600, 'expected "from" and "to" to differ, got "10:00" twice'),
        (MONDAYS, (), 0, 0, 'expected "from" and "to" to differ, got "00:00" twice'),
        (MONDAYS, (), 60, 60, 'expected "from" and "to" to differ, got "01:00" twice'),
        (MONDAYS, (), 1439, 1439, 'expected "from" and "to" to differ, got "23:59" twice'),
        (MONDAYS, (), 600, None, 'expected "from" and "to" together or neither, got "from" without "to"'),
        (MONDAYS, (), None, 0, 'expected "from" and "to" together or neither, got "to" without "from"'),
        (MONDAYS, (), 1440, 60, "expected minutes of a day, got 1440 and 60"),
        (MONDAYS, (), 0, 1441, "expected minutes of a day, got 0 and 1441"),
        (MONDAYS, (), -1, 60, "expected minutes of a day, got -1 and 60"),
        (MONDAYS, (), 60, -1, "expected minutes of a day, got 60 and -1"),
        (MONDAYS, NEW_YEAR, None, None, "expected either days or dates, got both"),
        (frozenset(), (), None, None, "expected either days or dates, got neither"),
        (frozenset({7}), (), None, None, "expected weekdays from 0 (Monday) to 6, got [7]"),
    ],
)
def test_rows_that_cannot_be_are_refused(
    days: frozenset[int], dates: tuple[DateRange, ...], opens: int | None, closes: int | None, wanted: str
) -> None:
    """A row has days or dates, and both times or none, which differ."""
    with pytest.raises(CalendarValueError) as refused:
        OpenRow(days, dates, opens, closes)
    assert str(refused.value) == wanted


def test_a_zone_is_always_the_same_object() -> None:
    """So that equal calendars are equal, and their answers are kept once."""
    assert parse_zone("Europe/Berlin") is parse_zone("Europe/Berlin")
    assert parse_zone("Europe/Berlin").key == "Europe/Berlin"
    assert calendar("UTC", row("mon"), closed="12-24") == calendar("UTC", row("mon"), closed="12-24")
    assert calendar("UTC", row("mon")) != calendar("Etc/UTC", row("mon"))


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("Europe/Belrin", "; did you mean Europe/Berlin?"),
        ("europe/berlin", "; did you mean Europe/Berlin?"),
        ("America/Sao Paulo", "; did you mean America/Sao_Paulo?"),
        ("", ""),
        ("../../../etc/passwd", ""),
        ("/etc/localtime", ""),
        ("Factory-2000000000000000", ""),
        # Near enough by its first 63 or its first 65 characters; nothing past the 64th is looked at.
        ("America/Argentina/Buenos_Air" + 36 * "#" + "es", ""),
    ],
)
def test_an_unknown_zone_is_refused_with_the_nearest_name(text: str, suggestion: str) -> None:
    """Names are exact, and only names: no paths."""
    with pytest.raises(CalendarValueError) as refused:
        parse_zone(text)
    assert str(refused.value) == f'expected an IANA time zone such as Europe/Berlin, got "{text}"{suggestion}'


def test_the_machines_own_zone_files_have_no_say(tmp_path: Path) -> None:
    """On a machine whose Europe/Berlin is wrong, ours is right: results never depend on where they are made."""
    wrong = tmp_path / "Europe" / "Berlin"
    wrong.parent.mkdir()
    one_type_no_change = struct.pack(">4s16x6l", b"TZif", 0, 0, 0, 0, 1, 4)
    wrong.write_bytes(one_type_no_change + struct.pack(">lbb", 0, 0, 0) + b"UTC\0")
    program = """
from datetime import datetime
from zoneinfo import ZoneInfo
from batchgate.policy.calendars import parse_zone
for load in ZoneInfo, parse_zone:
    print(datetime(2026, 7, 1, tzinfo=load("Europe/Berlin")).utcoffset())
"""
    environment = {**os.environ, "PYTHONTZPATH": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    shown = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True)
    assert shown.stdout.split() == ["0:00:00", "2:00:00"]


# Changes, intervals and the next opening


def test_changes_are_strictly_between() -> None:
    """Neither end is reported, not even where openness changes there."""
    nine = calendar("UTC", row("thu", "09:00", "17:00"))
    opens, closes = utc("2026-01-15T09:00"), utc("2026-01-15T17:00")
    assert nine.changes(opens, closes) == ()
    assert nine.changes(opens - MICROSECOND, closes) == (opens,)
    assert nine.changes(opens, closes + MICROSECOND) == (closes,)
    assert nine.changes(closes, opens) == ()


def test_intervals_are_clipped_to_what_was_asked() -> None:
    """To the microsecond, at both ends; nothing is in an empty or reversed stretch."""
    always = calendar("Europe/Berlin", row(EVERY_DAY))
    start, end = utc("2026-01-15T10:00:00.000001"), utc("2027-01-15T11:00:00.999999")
    assert always.opening_intervals(start, end) == ((start, end),)
    assert always.opening_intervals(start, start) == ()
    assert always.opening_intervals(end, start) == ()


def test_answers_are_utc_whatever_zone_is_asked_in() -> None:
    """The same instant in another zone gets the same answer."""
    nine = calendar("Europe/Berlin", row("thu", "09:00", "17:00"))
    here, there = utc("2026-01-15T08:00"), utc("2026-01-15T08:00").astimezone(timezone(timedelta(hours=-9)))
    assert nine.is_open(here)
    assert nine.is_open(there)
    assert [opens.tzinfo for opens, _ in nine.opening_intervals(there, there + timedelta(hours=1))] == [UTC]


def test_a_naive_instant_is_a_mistake() -> None:
    """It is never taken for UTC or for the machine's own time."""
    nine = calendar("Europe/Berlin", row("thu", "09:00", "17:00"))
    with pytest.raises(TypeError):
        nine.is_open(datetime(2026, 1, 15))  # noqa: DTZ001 the mistake in question


def test_the_next_opening_is_the_first_open_instant_from_there() -> None:
    """The instant itself where it is open, and the window's first where it is not."""
    nine = calendar("UTC", row("thu", "09:00", "17:00"))
    assert nine.next_opening(utc("2026-01-15T10:00"), years=1) == utc("2026-01-15T10:00")
    assert nine.next_opening(utc("2026-01-15T17:00"), years=1) == utc("2026-01-22T09:00")
    assert nine.next_opening(utc("2026-01-15T17:00"), years=0) is None


def test_an_opening_within_the_last_second_that_is_asked_for_is_found() -> None:
    """Where the steps of the search end exactly there, too: 9 years of 366 days are a whole number of steps."""
    asked = utc("2026-01-01") + 500_000 * MICROSECOND
    last = utc("2026-01-01") + timedelta(days=9 * 366)
    subject = calendar("UTC", row(f"{last:%Y-%m-%d}"))
    assert subject.next_opening(asked, years=9) == last
    assert subject.next_opening(utc("2026-01-01"), years=9) is None


def test_a_calendar_whose_dates_are_past_has_no_next_opening() -> None:
    """Nor has one whose rows are always closed, or whose date comes after the years asked about."""
    asked = utc("2026-01-15")
    assert calendar("UTC", row("2025-12-24")).next_opening(asked, years=20) is None
    assert calendar("UTC", row("12-24"), closed="12-01..12-31").next_opening(asked, years=20) is None
    assert calendar("UTC", row("02-29")).next_opening(asked, years=2) is None
    assert calendar("UTC", row("02-29")).next_opening(asked, years=3) == utc("2028-02-29")


def test_the_years_of_the_next_opening_are_366_days_each() -> None:
    """An opening exactly at their end is no longer within them."""
    once = calendar("UTC", row("2027-01-16"))
    assert once.next_opening(utc("2026-01-15"), years=1) is None
    assert once.next_opening(utc("2026-01-15T00:00:00.000001"), years=1) == utc("2027-01-16")


def test_what_is_kept_is_bounded() -> None:
    """A question about very many years does not fill the memory of the function that asks it."""
    never = calendar("UTC", row("2025-12-24"))
    assert never.next_opening(utc("2026-01-15"), years=40) is None
    assert never.changes(utc("1990-01-15"), utc("2025-01-15")) == ()
    now = utc("2026-01-15")
    for _ in range(300):
        assert not never.is_open(now)
        now += timedelta(days=1)
        [kept] = never._kept
        assert kept.end - kept.begin <= 128 * 86_400


def test_the_dates_that_are_kept_are_bounded_and_can_be_forgotten() -> None:
    """A calendar of many dates keeps at most sixteen kinds of dates, and answers the same of the others."""
    dates = " ".join(f"{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29, 9))
    of_dates, now = calendar("UTC", row(dates, "10:00", "12:00")), utc("2026-01-01T11:00")
    kept = set[int]()
    for _ in range(800):
        is_wanted = f"{now:%m-%d}" in dates.split()
        assert (of_dates.is_open(now), of_dates.is_open(now + timedelta(hours=1))) == (is_wanted, False)
        kept.add(len(of_dates._rows._found))
        now += timedelta(days=1)
    assert max(kept) == 16
    of_dates.forget()
    [kept_of_time] = of_dates._kept
    assert (of_dates._rows._found, kept_of_time.begin, kept_of_time.end) == ({}, 0, 0)


@pytest.mark.parametrize("minutes", [0, 1, 30])
def test_what_is_kept_is_not_taken_for_what_comes_after_it(minutes: int) -> None:
    """Nor for what was before: an open calendar is open at every instant that is asked about next."""
    always, begin = calendar("UTC", row(EVERY_DAY)), utc("2026-01-15") + timedelta(minutes=minutes)
    for seconds in range(-2 * 86_400, 2 * 86_400, 1800):
        always.forget()
        assert always.is_open(begin)
        assert always.is_open(begin + timedelta(seconds=seconds))


def test_what_is_kept_answers_shorter_questions_from_its_very_beginning() -> None:
    """As a calendar does that was asked nothing before."""
    asked, fresh = (calendar("Europe/Berlin", row(EVERY_DAY, "22:00", "06:00")) for _ in range(2))
    begin = utc("2026-01-15T23:00")
    for hours in (200, 150, 60, 30, 2, 90, 1, 240):
        end = begin + timedelta(hours=hours)
        fresh.forget()
        assert asked.opening_intervals(begin, end) == fresh.opening_intervals(begin, end)
        assert asked.is_open(end) == fresh.is_open(end)


@pytest.mark.parametrize("days", [2, 6, 14, 30, 62, 64, 94, 126, 128, 158])
@pytest.mark.parametrize("seconds", [-2, -1, 0, 1, 2])
def test_where_one_step_of_a_long_computation_ends_nothing_changes(days: int, seconds: int) -> None:
    """An open calendar has no changes, and one interval, whatever is asked for."""
    always, start = calendar("UTC", row(EVERY_DAY)), utc("2026-01-15T10:20:30")
    end = start + timedelta(days=days, seconds=seconds)
    assert always.changes(start, end) == ()
    assert always.opening_intervals(start, end) == ((start, end),)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/St_Johns"])
def test_what_was_computed_is_kept(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a calendar is not worked out anew for each job: a day ahead is, and a month of questions joins on."""
    asked, fresh = (calendar(zone, row("mon fri", "22:00", "06:00"), row("03-28..03-30")) for _ in range(2))
    computed: list[tuple[int, int]] = []
    flips = Calendar._flips

    def noted(self: Calendar, begin: int, end: int) -> list[int]:
        if self is asked:
            computed.append((begin, end))
        return flips(self, begin, end)

    monkeypatch.setattr(Calendar, "_flips", noted)
    begin = utc("2026-03-15T10:30")
    for hours in range(30 * 24):
        now = begin + timedelta(hours=hours)
        assert asked.is_open(now) == fresh.is_open(now)
        fresh.forget()
        assert asked.changes(now, now + timedelta(days=1)) == fresh.changes(now, now + timedelta(days=1))
    assert len(computed) <= 30 * 24 / 2
    assert all(end == begin for (_, end), (begin, _) in pairwise(computed))


def test_what_is_kept_is_no_part_of_the_value() -> None:
    """Calendars that were written alike are alike, whatever they were asked; and nobody can hand one its answers."""
    asked, fresh = (calendar("UTC", row("thu", "09:00", "17:00")) for _ in range(2))
    assert asked.is_open(utc("2026-01-15T10:00"))
    assert (asked, hash(asked), repr(asked)) == (fresh, hash(fresh), repr(fresh))
    with pytest.raises(TypeError):
        Calendar(asked.zone, asked.rows, asked.closed, asked._kept)  # type: ignore[call-arg]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Kiritimati", "Etc/GMT+12"])
@pytest.mark.parametrize("hours", [-14, 0, 14])
@pytest.mark.parametrize("utc_end", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_the_ends_of_time_are_only_dates(zone: str, hours: int, utc_end: datetime) -> None:
    """Year 1 and year 9999 get answers like any other, whatever the zone of the question."""
    instant = utc_end.replace(tzinfo=timezone(timedelta(hours=hours)))
    always = calendar(zone, row(EVERY_DAY, "00:00", "24:00"), closed="2026-01-01")
    near = utc("0001-01-05") if instant.year == 1 else utc("9999-12-27")
    assert always.is_open(near)
    assert isinstance(always.is_open(instant), bool)
    start, end = sorted([instant, near])
    assert always.opening_intervals(start, end)
    assert all(always.is_open(change) != always.is_open(change - MICROSECOND) for change in always.changes(start, end))
    assert always.next_opening(near, years=9000 if near.year == 1 else 1) == near


def test_the_last_date_is_open_to_its_end_where_it_can_be_named() -> None:
    """A local date outside the years 1 to 9999 can't be written and so is not open; all others are."""
    last = datetime.max.replace(tzinfo=UTC)
    assert calendar("UTC", row(EVERY_DAY)).is_open(last)
    assert calendar("America/New_York", row(EVERY_DAY)).is_open(last)
    assert not calendar("Europe/Berlin", row(EVERY_DAY)).is_open(last)
    assert calendar("Europe/Berlin", row(EVERY_DAY)).is_open(last - timedelta(hours=1))


# Laws

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/Havana",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Asia/Pyongyang",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Pacific/Chatham",
]
FIRST_INSTANT, LAST_INSTANT = utc("2009-01-01"), utc("2012-12-31")

times = st.integers(0, 1439)
dates_of_those_years = st.dates(FIRST_INSTANT.date(), LAST_INSTANT.date())


@st.composite
def date_ranges(draw: st.DrawFn) -> DateRange:
    """A range with or without a year, seldom long."""
    first = draw(dates_of_those_years)
    last = first + timedelta(days=draw(st.integers(0, 20)))
    if draw(st.booleans()):
        return DateRange(first, last)
    return DateRange(first.replace(year=2000), last.replace(year=2000), every_year=True)


@st.composite
def open_rows(draw: st.DrawFn) -> OpenRow:
    """Any row that can be written."""
    days = draw(st.frozensets(st.integers(0, 6)))
    dates = () if days else (draw(date_ranges()),)
    opens, closes = draw(st.one_of(st.just((None, None)), st.tuples(times, st.integers(0, 1440))))
    if opens is not None and opens == closes:
        closes += 1
    return OpenRow(days, dates, opens, closes)


calendars = st.builds(
    Calendar,
    zone=st.sampled_from(ZONES).map(parse_zone),
    rows=st.lists(open_rows(), max_size=3).map(tuple),
    closed=st.lists(date_ranges(), max_size=2).map(tuple),
)
instants = st.datetimes(FIRST_INSTANT.replace(tzinfo=None), LAST_INSTANT.replace(tzinfo=None), timezones=st.just(UTC))
spans = st.builds(
    lambda start, length: (start, start + length), instants, st.timedeltas(timedelta(0), timedelta(days=70))
)


# Around 2000, in which dates of every year are stored, and around a leap year's end.
dates_around_2000 = st.one_of(
    st.dates(date(1996, 1, 1), date(2004, 12, 31)),
    st.builds(
        date, st.sampled_from([1999, 2000, 2001, 2004]), st.sampled_from([1, 12]), st.sampled_from([1, 2, 30, 31])
    ),
    st.builds(date, st.sampled_from([1999, 2000, 2001, 2004]), st.sampled_from([2, 3]), st.sampled_from([1, 2, 28])),
)


@st.composite
def ranges_around_2000(draw: st.DrawFn) -> DateRange:
    """Any range: of given years, of every year, or of every year across New Year."""
    first, last = draw(dates_around_2000), draw(dates_around_2000)
    if draw(st.booleans()):
        return DateRange(min(first, last), max(first, last))
    return DateRange(first.replace(year=2000), last.replace(year=2000), every_year=True)


@st.composite
def rows_around_2000(draw: st.DrawFn) -> OpenRow:
    """Rows of weekdays or of up to three ranges; times on both sides of midnight, so that many windows touch."""
    days = draw(st.frozensets(st.integers(0, 6), max_size=3))
    dates = () if days else tuple(draw(st.lists(ranges_around_2000(), min_size=1, max_size=3)))
    opens, closes = draw(st.sampled_from([(None, None), *((a, b) for a in HOURS[:-1] for b in HOURS if a != b)]))
    return OpenRow(days, dates, opens, closes)


HOURS = [0, 60, 719, 720, 1380, 1439, 1440]


def has(ranges: Iterable[DateRange], day: date) -> bool:
    """Whether a date is in one of them, by month and day where they are of every year."""
    found = False
    for each in ranges:
        first, last, asked = (
            (each.first.timetuple()[1:3], each.last.timetuple()[1:3], day.timetuple()[1:3])
            if each.every_year
            else (each.first.timetuple()[:3], each.last.timetuple()[:3], day.timetuple()[:3])
        )
        found |= (first <= asked <= last) if first <= last else not (last < asked < first)
    return found


def is_open_by_the_rules(subject: Calendar, instant: datetime) -> bool:
    """The language's rules, read literally; for zones whose clocks never change."""
    label = instant.astimezone(subject.zone).replace(tzinfo=None)
    if has(subject.closed, label.date()):
        return False
    for row in subject.rows:
        for day in (label.date(), label.date() - timedelta(days=1)):
            if has(subject.closed, day) or not (day.weekday() in row.days or has(row.dates, day)):
                continue
            minutes = (label - datetime.combine(day, time())) / timedelta(minutes=1)
            if row.opens is None or row.closes is None:
                opens, closes = 0, 1440
            else:
                opens, closes = row.opens, row.closes if row.opens < row.closes else row.closes + 1440
            if opens <= minutes < closes:
                return True
    return False


@given(
    st.builds(
        Calendar,
        zone=st.sampled_from(["UTC", "Etc/GMT+12", "Etc/GMT-14", "Asia/Tokyo"]).map(parse_zone),
        rows=st.lists(rows_around_2000(), max_size=4).map(tuple),
        closed=st.lists(ranges_around_2000(), max_size=2).map(tuple),
    ),
    st.data(),
)
def test_where_clocks_never_change_a_calendar_is_its_rules(subject: Calendar, data: st.DataObject) -> None:
    """At the edges of its dates and windows, and a minute before, in any order; also what was asked before."""
    ranges = [*subject.closed, *(each for row in subject.rows for each in row.dates)]
    edges = [day for each in ranges for day in (each.first, each.last, each.last + timedelta(days=1))]
    days = st.one_of(dates_around_2000, *([st.sampled_from(edges)] if edges else []))
    labels = st.builds(
        lambda day, minutes: datetime.combine(day, time()) + timedelta(minutes=minutes),
        days,
        st.builds(lambda minutes, shift: minutes + shift, st.sampled_from(HOURS), st.sampled_from([-1, 0, 30])),
    )
    for label in data.draw(st.lists(labels, min_size=4, max_size=4)):
        instant = label.replace(tzinfo=subject.zone).astimezone(UTC)
        assert subject.is_open(instant) == is_open_by_the_rules(subject, instant), instant
        hours = [instant + timedelta(hours=hour) for hour in range(-26, 28)]
        intervals = subject.opening_intervals(hours[0], hours[-1])
        for opens, closes in intervals:
            assert is_open_by_the_rules(subject, opens)
            assert not is_open_by_the_rules(subject, opens - MICROSECOND) or opens == hours[0]
            assert is_open_by_the_rules(subject, closes - MICROSECOND)
            assert not is_open_by_the_rules(subject, closes) or closes == hours[-1]
        for hour in hours[:-1]:
            is_within = any(opens <= hour < closes for opens, closes in intervals)
            assert is_within == is_open_by_the_rules(subject, hour), hour


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ((), 1),
        ((row("mon"),), 1),
        ((row("mon", "01:00", "02:00"), row("tue", "01:00", "02:00")), 2),
        ((row("mon", "01:00", "02:00"), row("mon tue", "03:00", "04:00"), row("mon", "03:30", "05:00")), 3),
        ((row("12-24"),), 2),
        ((row("12-24", "01:00", "02:00"),), 3),
        ((row("12-24", "01:00", "02:00"), row("12-24", "03:00", "04:00")), 4),
        ((row("12-24", "01:00", "02:00"), row("12-25", "03:00", "04:00"), row("mon", "01:00", "02:00")), 6),
    ],
)
def test_what_a_day_of_a_calendar_costs_is_known(rows: tuple[OpenRow, ...], count: int) -> None:
    """One for the day, one for each window of its fullest weekday, and of all dates that have rows of their own."""
    assert calendar("UTC", *rows).windows_a_day == count


@given(calendars, spans, st.data())
def test_an_instant_is_open_exactly_where_an_interval_has_it(
    subject: Calendar, span: tuple[datetime, datetime], data: st.DataObject
) -> None:
    """`is_open` and `opening_intervals` never disagree, least of all at an interval's ends."""
    start, end = span
    intervals = subject.opening_intervals(start, end)
    edges = [edge + shift for interval in intervals for edge in interval for shift in (-MICROSECOND, timedelta(0))]
    anywhere = [start + data.draw(st.timedeltas(timedelta(0), end - start)) for _ in range(3)]
    for instant in [*anywhere, *edges]:
        if start <= instant < end:
            assert subject.is_open(instant) == any(opens <= instant < closes for opens, closes in intervals)


@given(calendars, spans)
def test_intervals_are_apart_and_within_what_was_asked(subject: Calendar, span: tuple[datetime, datetime]) -> None:
    """None is empty, none touches the next, none reaches beyond the stretch of time."""
    flat = [edge for interval in subject.opening_intervals(*span) for edge in interval]
    assert all(earlier < later for earlier, later in pairwise(flat))
    assert all(span[0] <= edge <= span[1] for edge in flat)


@given(calendars, spans)
def test_changes_are_exactly_the_flips(subject: Calendar, span: tuple[datetime, datetime]) -> None:
    """Openness differs from just before at each, and at nothing else: they are the inner ends of the intervals."""
    start, end = span
    changes = subject.changes(start, end)
    assert all(subject.is_open(change) != subject.is_open(change - MICROSECOND) for change in changes)
    ends = [edge for interval in subject.opening_intervals(start - MICROSECOND, end) for edge in interval]
    assert list(changes) == [edge for edge in ends if start < edge < end]


@given(calendars, spans, st.floats(0, 1))
def test_a_stretch_of_time_is_its_two_parts(subject: Calendar, span: tuple[datetime, datetime], share: float) -> None:
    """Where the question ends changes nothing within it."""
    start, end = span
    middle = start + (end - start) * share
    parts = [*subject.opening_intervals(start, middle), *subject.opening_intervals(middle, end)]
    joined: list[tuple[datetime, datetime]] = []
    for opens, closes in parts:
        if joined and joined[-1][1] == opens:
            joined[-1] = (joined[-1][0], closes)
        else:
            joined.append((opens, closes))
    assert tuple(joined) == subject.opening_intervals(start, end)


@given(calendars, date_ranges(), instants)
def test_closing_more_dates_only_closes(subject: Calendar, more: DateRange, instant: datetime) -> None:
    """What is open with a closed range is open without it, and its local date is outside the range."""
    narrower = Calendar(subject.zone, subject.rows, (*subject.closed, more))
    if narrower.is_open(instant):
        assert subject.is_open(instant)
        assert not more.contains(instant.astimezone(subject.zone).date())


@given(calendars, open_rows(), instants)
def test_rows_are_open_together_wherever_one_is(subject: Calendar, more: OpenRow, instant: datetime) -> None:
    """A row adds its own openness under the same closed dates and takes nothing away."""
    alone = Calendar(subject.zone, (more,), subject.closed)
    both = Calendar(subject.zone, (*subject.rows, more), subject.closed)
    assert both.is_open(instant) == (subject.is_open(instant) or alone.is_open(instant))


@given(calendars, st.permutations(range(3)), instants)
def test_the_order_of_rows_and_closed_dates_never_matters(
    subject: Calendar, order: list[int], instant: datetime
) -> None:
    """A calendar is a set of instants."""
    rows = tuple(subject.rows[index] for index in order if index < len(subject.rows))
    shuffled = Calendar(subject.zone, rows, tuple(reversed(subject.closed)))
    assert shuffled.is_open(instant) == subject.is_open(instant)


@given(st.sampled_from(ZONES), st.frozensets(st.integers(0, 6), min_size=1), instants)
def test_whole_days_go_by_the_local_date(zone: str, days: frozenset[int], instant: datetime) -> None:
    """Open is every instant whose local date is one of the row's, and no other."""
    whole_days = Calendar(parse_zone(zone), (OpenRow(days, (), None, None),))
    assert whole_days.is_open(instant) == (instant.astimezone(whole_days.zone).weekday() in days)


@given(calendars, instants)
def test_the_next_opening_starts_the_next_interval(subject: Calendar, after: datetime) -> None:
    """It is where the first interval of the same years begins, or there is none."""
    intervals = subject.opening_intervals(after, after + timedelta(days=366))
    assert subject.next_opening(after, years=1) == (intervals[0][0] if intervals else None)


@given(st.dates())
def test_a_date_reads_back_as_it_is_written(day: date) -> None:
    """All dates from the year 1 on can be said."""
    assert parse_date(day.isoformat()) == day


@pytest.mark.parametrize(
    "text", ["", "12-24", "2026-12-24..2026-12-25", "2026-12-24 ", "26-12-24", "2026-1-1", "today"]
)
def test_what_is_not_one_date_is_refused(text: str) -> None:
    """With the form that was expected."""
    with pytest.raises(CalendarValueError, match=re.escape(f'expected a date in the form YYYY-MM-DD, got "{text}"')):
        parse_date(text)


@given(date_ranges())
def test_a_range_reads_back_as_it_is_written(dates: DateRange) -> None:
    """`str` gives what a policy file says."""
    assert parse_dates(str(dates)) == dates


@given(times)
def test_a_time_reads_back_as_it_is_written(minutes: int) -> None:
    """All 1440 minutes of a day can be said."""
    assert parse_time(f"{minutes // 60:02}:{minutes % 60:02}") == minutes
