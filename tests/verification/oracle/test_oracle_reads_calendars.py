"""The oracle's calendars, held against the sentences of the language's description one by one."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.verification.oracle import pools
from tests.verification.oracle.plain import Document
from tests.verification.oracle.windows import change_instants, is_open

EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
BERLIN = "Europe/Berlin"


def calendar(zone: str, row: Document, closed: tuple[str, ...] = ()) -> Document:
    """Make a calendar of one row; one that says no days is about every day."""
    made: Document = row if "dates" in row else {"days": EVERY_DAY, **row}
    return {"timezone": zone, "open": [made], "closed": list(closed)}


def daily(zone: str, opens: str, closes: str) -> Document:
    """Make a calendar with one window each day."""
    return calendar(zone, {"from": opens, "to": closes})


FRIDAY_NIGHT = calendar(BERLIN, {"days": ["fri"], "from": "22:00", "to": "06:00"})
NEW_YEAR = calendar(BERLIN, {"dates": ["12-20..01-06"]})
CLOSED_FRIDAY = {**FRIDAY_NIGHT, "closed": ["2026-03-20"]}
CLOSED_SATURDAY = {**FRIDAY_NIGHT, "closed": ["03-21"]}

FIRST_OF_MARCH = calendar("UTC", {"dates": ["03-01"], "from": "22:00", "to": "02:00"})
APIA_FRIDAYS = calendar("Pacific/Apia", {"days": ["fri"], "from": "22:00", "to": "06:00"})

CASES: list[tuple[str, Document, str, bool]] = [
    ("wall-clock times are in the zone", FRIDAY_NIGHT, "2026-03-20T21:00Z", True),
    ("a window has not opened an instant earlier", FRIDAY_NIGHT, "2026-03-20T20:59:59.999999Z", False),
    ("a window belongs to the day it starts on", FRIDAY_NIGHT, "2026-03-21T04:59:59.999999Z", True),
    ("windows are end-exclusive", FRIDAY_NIGHT, "2026-03-21T05:00Z", False),
    ("the day it crosses into opens nothing itself", FRIDAY_NIGHT, "2026-03-21T21:00Z", False),
    ("without times: from local midnight", calendar(BERLIN, {"days": ["sat"]}), "2026-03-20T23:00Z", True),
    ("without times: to local midnight", calendar(BERLIN, {"days": ["sat"]}), "2026-03-21T23:00Z", False),
    ("to may be 24:00", daily("UTC", "22:00", "24:00"), "2026-03-21T23:59:59.999999Z", True),
    ("24:00 is the end of the same day", daily("UTC", "22:00", "24:00"), "2026-03-21T00:00Z", False),
    ("no year: every year, the last days", NEW_YEAR, "2031-12-20T00:00+01:00", True),
    ("no year: every year, the first days", NEW_YEAR, "2032-01-06T23:59+01:00", True),
    ("a range includes both ends and no more", NEW_YEAR, "2032-01-07T00:00+01:00", False),
    ("with a year: that year", calendar("UTC", {"dates": ["2026-03-01..2026-03-02"]}), "2027-03-01T00:00Z", False),
    ("dates rows may have times", FIRST_OF_MARCH, "2026-03-02T01:00Z", True),
    ("dates rows with times: only those", FIRST_OF_MARCH, "2026-03-01T01:00Z", False),
    ("02-29 is a date in leap years", calendar("UTC", {"dates": ["02-29"]}), "2028-02-29T12:00Z", True),
    ("02-29 is no other date", calendar("UTC", {"dates": ["02-29"]}), "2027-03-01T12:00Z", False),
    ("a window that would start on a closed date does not open", CLOSED_FRIDAY, "2026-03-21T01:00Z", False),
    ("a window before a closed date stays open until its midnight", CLOSED_SATURDAY, "2026-03-20T22:59Z", True),
    ("no instant whose local date is closed is open", CLOSED_SATURDAY, "2026-03-20T23:00Z", False),
    (
        "closed takes ranges over the new year",
        calendar("UTC", {}, closed=("2026-12-24..2027-01-02",)),
        "2027-01-02T23:59Z",
        False,
    ),
    ("after a closed range", calendar("UTC", {}, closed=("2026-12-24..2027-01-02",)), "2027-01-03T00:00Z", True),
    # Berlin, 29 March 2026: 02:00 to 03:00 does not exist; the gap ends at 01:00Z.
    ("gap: an opening in it means its end", daily(BERLIN, "02:30", "04:00"), "2026-03-29T01:00Z", True),
    ("gap: not before its end", daily(BERLIN, "02:30", "04:00"), "2026-03-29T00:59:59Z", False),
    ("gap: a closing in it means its end", daily(BERLIN, "01:00", "02:30"), "2026-03-29T00:59:59Z", True),
    ("gap: closed from its end", daily(BERLIN, "01:00", "02:30"), "2026-03-29T01:00Z", False),
    ("gap: it may empty a window", daily(BERLIN, "02:00", "02:30"), "2026-03-29T01:00Z", False),
    ("gap: it does not lengthen a window", daily(BERLIN, "02:30", "03:00"), "2026-03-29T01:00Z", False),
    # Berlin, 25 October 2026: 02:00 to 03:00 happens twice, from 00:00Z and from 01:00Z.
    ("repeat: an opening takes the first", daily(BERLIN, "02:30", "04:00"), "2026-10-25T00:30Z", True),
    ("repeat: the opening does not shut at the second", daily(BERLIN, "02:30", "04:00"), "2026-10-25T01:10Z", True),
    ("repeat: a closing takes the second", daily(BERLIN, "01:00", "02:30"), "2026-10-25T01:29Z", True),
    ("repeat: closed from the second", daily(BERLIN, "01:00", "02:30"), "2026-10-25T01:30Z", False),
    ("repeat: a closing exactly on its beginning", daily(BERLIN, "01:00", "02:00"), "2026-10-25T00:59Z", True),
    ("repeat: closed from the second beginning", daily(BERLIN, "01:00", "02:00"), "2026-10-25T01:00Z", False),
    ("repeat: an opening exactly on its beginning", daily(BERLIN, "02:00", "03:00"), "2026-10-25T00:00Z", True),
    ("repeat: a closing exactly on its end", daily(BERLIN, "02:00", "03:00"), "2026-10-25T01:59Z", True),
    ("repeat: whole days have 25 hours", calendar(BERLIN, {"days": ["sun"]}), "2026-10-25T22:59Z", True),
    # Lord Howe, 5 April 2026: 01:30 to 02:00 happens twice, from 14:30Z and from 15:00Z the day before.
    ("a repeat of half an hour", daily("Australia/Lord_Howe", "01:00", "01:45"), "2026-04-04T15:14Z", True),
    ("a repeat of half an hour ends", daily("Australia/Lord_Howe", "01:00", "01:45"), "2026-04-04T15:15Z", False),
    # Havana, 2 November 2025: midnight to 01:00 happens twice, from 04:00Z and from 05:00Z.
    ("24:00 takes a repeated midnight's second", daily("America/Havana", "22:00", "24:00"), "2025-11-02T04:59Z", True),
    ("24:00 and not after it", daily("America/Havana", "22:00", "24:00"), "2025-11-02T05:00Z", False),
    # St. John's, 7 November 2010: at 00:01 (02:31Z) the clock went back to 23:01 of the day before.
    (
        "a window stays open while the clock repeats the date before",
        daily("America/St_Johns", "00:00", "06:00"),
        "2010-11-07T02:45Z",
        True,
    ),
    (
        "unless that date is closed",
        {**daily("America/St_Johns", "00:00", "06:00"), "closed": ["2010-11-06"]},
        "2010-11-07T02:45Z",
        False,
    ),
    # Cairo, 24 April 2026: midnight to 01:00 does not exist; the gap ends at 22:00Z the day before.
    ("a whole day starts where its gap ends", calendar("Africa/Cairo", {"days": ["fri"]}), "2026-04-23T22:00Z", True),
    ("a window from a midnight in the gap", daily("Africa/Cairo", "00:30", "01:30"), "2026-04-23T22:29Z", True),
    # Apia skipped 30 December 2011, a Friday: 31 December begins at 10:00Z on the 30th.
    ("a skipped date's label still starts its window", APIA_FRIDAYS, "2011-12-30T10:00Z", True),
    ("a skipped date's window closes as written", APIA_FRIDAYS, "2011-12-30T16:00Z", False),
    (
        "a skipped date that is closed starts nothing",
        {**APIA_FRIDAYS, "closed": ["2011-12-30"]},
        "2011-12-30T10:00Z",
        False,
    ),
    (
        "a skipped date has no instants of its own",
        calendar("Pacific/Apia", {"days": ["fri"]}),
        "2011-12-30T10:00Z",
        False,
    ),
]
SENTENCES = [case[0] for case in CASES]


@pytest.mark.parametrize(
    ("evaluated", "instant", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_calendar_is_open_when_its_sentence_says(evaluated: Document, instant: str, expected: bool) -> None:
    """Each row's sentence is the description's; its calendar is open at that instant or not as it says."""
    assert is_open(evaluated, datetime.fromisoformat(instant)) is expected


@pytest.mark.parametrize("evaluated", [case[1] for case in CASES], ids=SENTENCES)
def test_a_calendar_changes_only_at_the_instants_that_are_listed(evaluated: Document) -> None:
    """Between neighbouring change instants the answer stays what it was, to the quarter of an hour."""
    zone = str(evaluated["timezone"])
    for day in pools.ZONES[zone]:
        start = datetime.combine(day, datetime.min.time(), UTC) - timedelta(days=3)
        end = start + timedelta(days=6)
        listed = change_instants(evaluated, start, end)
        instant, was_open = start, is_open(evaluated, start)
        while (instant := instant + timedelta(minutes=15)) < end:
            if is_open(evaluated, instant) != was_open:
                was_open = not was_open
                assert any(instant - timedelta(minutes=15) < change <= instant for change in listed)


@pytest.mark.parametrize("zone", [zone for zone in pools.ZONES if zone not in {"UTC", "Asia/Kolkata"}])
def test_every_date_chosen_for_its_change_of_offset_has_one(zone: str) -> None:
    """The dates that random calendars and clocks cluster on lie within a day of a change of their zone's offset."""
    for day in pools.ZONES[zone]:
        assert offset_at(zone, day - timedelta(days=1)) != offset_at(zone, day + timedelta(days=2))


def offset_at(zone: str, day: date) -> timedelta | None:
    """Give the zone's offset at midnight UTC of a date."""
    return datetime.combine(day, datetime.min.time(), UTC).astimezone(ZoneInfo(zone)).utcoffset()
