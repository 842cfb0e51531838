"""The windows of a set as a week, held against the calendars themselves."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest

from batchgate.policy.compile import compile_policies
from batchgate_cli.authoring.week import CalendarWeek, weeks_of
from batchgate_cli.authoring.week_svg import weeks_as_svg
from batchgate_cli.authoring.week_view import clock_lines, open_times
from tests.verification.oracle import pools
from tests.verification.oracle.plain import Document
from tests.verification.oracle.random_documents import random_calendar

ALWAYS: Document = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}


def weeks(calendar: Document, start: date | datetime, openings: int = 0) -> list[CalendarWeek]:
    """The week of one calendar that a policy names."""
    document = {
        "version": 1,
        "calendars": {"hours": calendar},
        "policies": [{"name": "one", "match": [{"operation": "S3PutObjectCopy"}], "require": [{"window": "hours"}]}],
    }
    return weeks_of(compile_policies(document), start, openings)


@pytest.mark.parametrize("seed", range(60))
def test_the_parts_of_a_week_are_the_calendars(seed: int) -> None:
    """At random instants of weeks in which clocks change: open if and only if a part of that local date says so."""
    rng = Random(seed)
    document = random_calendar(rng)
    zone = ZoneInfo(str(document["timezone"]))
    around = rng.choice(pools.ZONES[zone.key])
    [week] = weeks(document, around)
    calendar = compile_policies(
        {"version": 1, "calendars": {"c": document}, "policies": [{"name": "p", "require": [{"window": "c"}]}]}
    ).clock.calendars["c"]
    begin = datetime.combine(week.days[0].day, datetime.min.time(), UTC) - timedelta(days=1)
    for _ in range(400):
        instant = begin + timedelta(minutes=15 * rng.randrange(9 * 96), seconds=rng.choice([0, 0, 1, -1]))
        local = instant.astimezone(zone)
        day = next((each for each in week.days if each.day == local.date()), None)
        if day is None:
            continue
        second = local.hour * 3600 + local.minute * 60 + local.second
        parts = [part for part in day.open if part.begin <= instant < part.end]
        assert bool(parts) is calendar.is_open(instant)
        assert all(part.first + (instant - part.begin) // timedelta(seconds=1) == second for part in parts)
        assert not any(first <= second < last for first, last in day.skipped)
        twice = any(first <= second < last for first, last in day.repeated)
        assert all(part.turn == (1 + local.fold if twice else 0) for part in parts)


def test_a_spring_day_lacks_an_hour_and_an_autumn_day_has_one_twice() -> None:
    """The week says so, and where the next change is."""
    zone: Document = {"timezone": "Europe/Berlin", "open": [ALWAYS]}
    [spring], [autumn] = weeks(zone, date(2026, 3, 25)), weeks(zone, date(2026, 10, 25))
    assert spring.days[6].skipped == ((2 * 3600, 3 * 3600),)
    assert autumn.days[6].repeated == ((2 * 3600, 3 * 3600),)
    assert [day.has_change for day in spring.days] == [day.has_change for day in autumn.days] == [False] * 6 + [True]
    assert spring.next_change == date(2026, 10, 25)
    assert next(iter(clock_lines(spring))) == "clocks go forward on Sun 2026-03-29: 02:00 to 03:00 does not exist"
    assert next(iter(clock_lines(autumn))) == "clocks go back on Sun 2026-10-25: 02:00 to 03:00 occurs twice"


def test_a_zone_without_changes_says_so() -> None:
    """Not nothing: whoever asks wants to know."""
    [week] = weeks({"timezone": "UTC", "open": [ALWAYS]}, date(2026, 3, 25))
    assert week.next_change is None
    assert list(clock_lines(week)) == ["clocks do not change in the year ahead"]


def test_a_date_that_a_zone_skipped_has_no_time() -> None:
    """Apia had no 2011-12-30: the whole day is skipped."""
    [week] = weeks({"timezone": "Pacific/Apia", "open": [ALWAYS]}, date(2011, 12, 30))
    assert week.days[4].skipped == ((0, 24 * 3600),)
    assert not week.days[4].open


def test_times_that_come_twice_are_told_apart() -> None:
    """A window that ends in a repeat ends at its second time."""
    row: Document = {"days": ["sun"], "from": "01:30", "to": "02:15"}
    [week] = weeks({"timezone": "Europe/Berlin", "open": [row]}, date(2026, 10, 25))
    assert open_times(week.days[6]) == "01:30-02:15 (second time)"
    [whole] = weeks({"timezone": "Europe/Berlin", "open": [ALWAYS]}, date(2026, 10, 25))
    assert open_times(whole.days[6]) == "00:00-24:00"


@pytest.mark.parametrize("seed", range(30))
def test_openings_are_the_calendars(seed: int) -> None:
    """The next ones from an instant, whole: none of them is cut where the search ended."""
    rng = Random(seed)
    document = random_calendar(rng)
    start = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=rng.randrange(5000))
    [week] = weeks(document, start, 3)
    calendar = compile_policies(
        {"version": 1, "calendars": {"c": document}, "policies": [{"name": "p", "require": [{"window": "c"}]}]}
    ).clock.calendars["c"]
    wanted = calendar.opening_intervals(start, start + timedelta(days=366 * 10))[:3]
    assert [(each.opens, each.closes) for each in week.openings] == list(wanted)


def test_a_window_that_is_open_already_says_so() -> None:
    """And one that opens at the very start does not."""
    calendar: Document = {"timezone": "UTC", "open": [{**ALWAYS, "from": "08:00", "to": "10:00"}]}
    [[inside], [at_opening]] = (
        [week.openings[0] for week in weeks(calendar, datetime(2026, 3, 2, hour, tzinfo=UTC), 1)] for hour in (9, 8)
    )
    assert inside.is_open_before
    assert not at_opening.is_open_before


def test_a_calendar_that_never_closes_opens_once() -> None:
    """The search ends."""
    [week] = weeks({"timezone": "UTC", "open": [ALWAYS]}, date(2026, 3, 25), 5)
    assert len(week.openings) == 1


def test_the_picture_is_xml_that_loads_nothing() -> None:
    """And it names each calendar and the times at which it is open in words."""
    row: Document = {"days": ["sun"], "from": "01:30", "to": "02:15"}
    picture = weeks_as_svg(weeks({"timezone": "Europe/Berlin", "open": [row]}, date(2026, 10, 25), 2))
    root = ET.fromstring(picture)  # noqa: S314 - our own
    assert "href" not in picture
    assert picture.count("http") == 1  # the name of the namespace
    described = root.find("{http://www.w3.org/2000/svg}desc")
    assert described is not None
    assert described.text is not None
    assert "hours (Europe/Berlin): Monday: closed;" in described.text
    assert "Sunday: 01:30-02:15 (second time)." in described.text
    assert "prefers-color-scheme: dark" in picture
