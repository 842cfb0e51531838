"""Times of a job's parameters, and the dates, instants and durations that a policy compares them with."""

import re
from datetime import UTC, datetime, timedelta

from batchgate.text import shorten

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d))?", re.ASCII)
_DURATION = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_moment(text: str) -> datetime:
    """Read a date, which is its first instant in UTC, or an instant with its offset.

    Returns:
        An aware instant, UTC.

    Raises:
        ValueError: It is neither, or it lies outside the years 1 to 9999 in UTC.
    """
    if not _MOMENT.fullmatch(text):
        message = f"neither a date nor an instant with its offset: {shorten(text, 60)!r}"
        raise ValueError(message)
    try:
        return _in_utc(datetime.fromisoformat(text))
    except OverflowError as error:
        raise ValueError(str(error)) from error


def parse_duration(text: str) -> timedelta:
    """Read a whole number of seconds, minutes, hours or days, as `365d`.

    Raises:
        ValueError: It is none.
    """
    found = _DURATION.fullmatch(text)
    if not found:
        message = f"not a whole number of s, m, h or d: {shorten(text, 60)!r}"
        raise ValueError(message)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def instant_of(value: object) -> datetime | None:
    """The instant that a parameter's value is: an SDK's datetime or, in JSON, an ISO 8601 string; None for all else.

    A value without an offset is UTC, as S3's times are.
    """
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        return _in_utc(value) if isinstance(value, datetime) else None
    except (ValueError, OverflowError):
        return None


def _in_utc(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
