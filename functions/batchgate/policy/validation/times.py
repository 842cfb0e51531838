"""The rules of calendars, zones, dates and times."""

from collections.abc import Mapping

from batchgate.policy import calendars, moments
from batchgate.policy.as_written import keys
from batchgate.policy.validation.notes import Notes, Path


def check_calendar(notes: Notes, value: Mapping[str, object], path: Path) -> None:
    """A zone, and the dates on which it is closed."""
    check_zone(notes, value, path)
    _check_dates(notes, value.get("closed"), (*path, "closed"))


def check_open_row(notes: Notes, value: Mapping[str, object], path: Path) -> None:
    """Days or dates, and both times or none."""
    if ("days" in value) == ("dates" in value):
        notes.wrong(
            path,
            f"expected either days or dates, got {keys(value)}; write one here, and the other in a separate row",
        )
    _check_dates(notes, value.get("dates"), (*path, "dates"))
    times: dict[str, int] = {}
    for key in ("from", "to"):
        text = value.get(key)
        if isinstance(text, str):
            try:
                times[key] = calendars.parse_time(text, closing=key == "to")
            except calendars.CalendarValueError as error:
                from batchgate.policy.validation.value_messages import time_instead

                notes.wrong((*path, key), f"{error}{time_instead(text)}")
    if ("from" in value) != ("to" in value):
        notes.wrong(path, "from and to are used together or not at all; add the other one")
    if len(times) == 2 and times["from"] == times["to"]:  # noqa: PLR2004
        notes.wrong((*path, "to"), "from and to are equal; remove both for whole days")


def check_zone(notes: Notes, value: Mapping[str, object], path: Path) -> None:
    """The name of a time zone."""
    zone = value.get("timezone")
    if isinstance(zone, str):
        try:
            calendars.parse_zone(zone)
        except calendars.CalendarValueError as error:
            notes.wrong((*path, "timezone"), str(error))


def check_expiry(notes: Notes, value: Mapping[str, object], path: Path) -> None:
    """The last day of an exception."""
    expires = value.get("expires")
    if isinstance(expires, str):
        try:
            calendars.parse_date(expires)
        except calendars.CalendarValueError as error:
            from batchgate.policy.validation.value_messages import date_instead

            notes.wrong((*path, "expires"), f"{error}{date_instead(expires)}")


def check_moments(notes: Notes, value: Mapping[str, object], path: Path) -> None:
    """The instants that a time is compared with."""
    for word in ("before", "after"):
        text = value.get(word)
        if isinstance(text, str):
            try:
                moments.parse_moment(text)
            except ValueError:
                from batchgate.policy.validation.value_messages import wrong_moment

                notes.wrong((*path, word), wrong_moment(text))


def _check_dates(notes: Notes, value: object, path: Path) -> None:
    for index, text in enumerate(value if isinstance(value, list | tuple) else ()):
        if isinstance(text, str):
            try:
                calendars.parse_dates(text)
            except calendars.CalendarValueError as error:
                from batchgate.policy.validation.value_messages import dates_instead

                notes.wrong((*path, index), f"{error}{dates_instead(text)}")
