"""The zones that are suggested for a name that is none."""

import re
from datetime import date

import pytest

from batchgate.policy import calendars
from batchgate.policy.suggestions import CITY_OF_FIXED_ZONE
from tests.unit.examples import lint_findings

OFFSETS = [
    f"{prefix}{sign}{hours}"
    for prefix in ("", "UTC", "GMT", "utc ", "Etc/UTC")
    for sign in "+-"
    for hours in ("00", "1", "05:30", "0800", "14", "15", "99")
]
OTHERS = [*("Z", "CEST", "MEZ", "EDT", "PST", "IST", "EST5"), *map(str.lower, CITY_OF_FIXED_ZONE)]
NEAR_FIXED = ["etc/gmt+3", "Etc/GMT-1 ", "Etc/GMT_5", "Etc/GMT+15", "Etc/EST", "Etc/Gmt-14"]


def suggested(text: str) -> str:
    """The message about a name that is no zone, from where it says what to do."""
    with pytest.raises(calendars.CalendarValueError) as error:
        calendars.parse_zone(text)
    return str(error.value).partition("; ")[2]


@pytest.mark.parametrize("text", [*OFFSETS, *OTHERS, *NEAR_FIXED])
def test_no_zone_is_suggested_in_which_lint_then_finds_something(text: str) -> None:
    """A zone at a fixed offset would be accepted, and found as `fixed-zone` at once."""
    for zone in re.findall(r"(?:write|did you mean) ([A-Z][\w/+-]+)", suggested(text)):
        row = {"timezone": zone, "open": [{"days": ["mon"]}]}
        found = lint_findings({"version": 1, "calendars": {"c": row}}, date(2026, 1, 1))
        assert [each.lint for each in found] == ["unused-calendar"], (zone, found)


@pytest.mark.parametrize("text", OFFSETS)
def test_every_offset_gets_advice(text: str) -> None:
    """An offset is the usual mistake; the zone of a city is what is meant."""
    assert suggested(text).startswith("write ")
