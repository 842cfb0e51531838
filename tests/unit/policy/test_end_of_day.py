"""When a date is over by the clock of a zone, and with it an exception."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgate.errors import PolicyError
from batchgate.policy.calendars import parse_zone
from batchgate.policy.checks import Through
from batchgate.policy.compile import compile_policies
from batchgate.policy.wall_clock import end_of_day
from tests.unit.examples import Written, lint_findings
from tests.verification.oracle.pools import ZONES

SECOND = timedelta(seconds=1)
near_changes = st.sampled_from([(zone, day) for zone, days in ZONES.items() for day in days]).flatmap(
    lambda pair: st.tuples(st.just(pair[0]), st.integers(-3, 3).map(lambda days: pair[1] + timedelta(days=days)))
)
any_day = st.tuples(st.sampled_from(sorted(ZONES)), st.dates(date(1900, 1, 1), date(2200, 1, 1)))


@given(near_changes | any_day)
def test_after_the_end_of_a_day_no_clock_of_the_zone_shows_it(zone_and_day: tuple[str, date]) -> None:
    """The end and all after it show a later date; the second before does not, but before a second midnight."""
    name, day = zone_and_day
    zone = parse_zone(name)
    end = end_of_day(zone, day)
    assert end is not None
    for seconds in (0, 1, 59, 1_800, 3_599, 3_600, 7_200, 86_400):
        assert (end + seconds * SECOND).astimezone(zone).date() > day
    before = (end - SECOND).astimezone(zone)
    assert before.date() <= day or before.utcoffset() != end.astimezone(zone).utcoffset()  # a midnight that comes twice


@pytest.mark.parametrize(
    ("zone", "day", "end"),
    [
        ("UTC", date(2026, 3, 31), datetime(2026, 4, 1, tzinfo=UTC)),
        ("Europe/Berlin", date(2026, 3, 31), datetime(2026, 3, 31, 22, tzinfo=UTC)),
        ("America/Los_Angeles", date(2026, 3, 31), datetime(2026, 4, 1, 7, tzinfo=UTC)),
        ("America/Havana", date(2025, 3, 8), datetime(2025, 3, 9, 5, tzinfo=UTC)),
        ("America/St_Johns", date(2010, 11, 6), datetime(2010, 11, 7, 3, 30, tzinfo=UTC)),
        ("Pacific/Apia", date(2011, 12, 30), datetime(2011, 12, 30, 10, tzinfo=UTC)),
        ("UTC", date(9999, 12, 30), datetime(9999, 12, 31, tzinfo=UTC)),
        ("UTC", date.max, None),
        ("Pacific/Apia", date.min, datetime(1, 1, 1, 11, 26, 56, tzinfo=UTC)),
    ],
)
def test_the_last_day_ends_by_the_zones_clock(zone: str, day: date, end: datetime | None) -> None:
    """A midnight that does not exist is the gap's end; of two it is the second."""
    assert Through(day, zone).end == end


def excepted(**more: object) -> Written:
    """A document with an exception."""
    exception = {
        "name": "e",
        "lifts": ["p"],
        "match": [{"region": "eu-*"}],
        "expires": "2026-03-31",
        "because": "x",
        **more,
    }
    return {
        "version": 1,
        "policies": [{"name": "p", "require": [{"priority": {"at_most": 5}}]}],
        "exceptions": [exception],
    }


def test_an_unknown_zone_is_refused_where_it_stands() -> None:
    """With the nearest name."""
    with pytest.raises(PolicyError, match=r"exceptions\[0\].timezone: .* did you mean Europe/Berlin"):
        compile_policies(excepted(timezone="Europe/Berln"))


def test_an_exception_is_expired_when_its_zone_has_left_the_day() -> None:
    """A day that is over in UTC may still run further west: lint does not call it over."""
    first_of_april = date(2026, 4, 1)
    for zone, is_over in (("UTC", True), ("Europe/Berlin", True), ("America/Los_Angeles", False)):
        found = {finding.lint for finding in lint_findings(excepted(timezone=zone), first_of_april)}
        assert ("expired-exception" in found) is is_over
