"""Values in words, safe to write anywhere: on the job, into logs, events, HTML and terminals."""

import re
from datetime import UTC, datetime, timedelta

from batchgate.policy.checks import Measure, Value
from batchgate.policy.facts import Gap

QUOTED_AT_MOST = 40
"""Characters of a requester's text that are shown."""

_BUCKETS_SHOWN = 3
_TOO_LARGE_TO_WRITE = 10**39
_NOT_PRINTABLE_ASCII = re.compile(r"[^ -~]+")
_ENUMERATION = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
_CLOSED_SETS = ("operation", "account", "region", "manifest.format", "report.scope", "report.format")


_UNITS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}


def printable(text: str) -> str:
    """Text of the policy's authors with everything but printable ASCII replaced."""
    return text if text.isascii() and text.isprintable() else _NOT_PRINTABLE_ASCII.sub("?", text)


def quoted(text: str) -> str:
    """Text from the requester: stripped to printable ASCII, cut to 40 characters, in quotes."""
    stripped = (text if text.isascii() and text.isprintable() else _NOT_PRINTABLE_ASCII.sub("", text)).replace('"', "'")
    return f'"{stripped[:QUOTED_AT_MOST]}"'


def instant(when: datetime) -> str:
    """An instant to the second, in UTC."""
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def length(time: timedelta) -> str:
    """A length of time in the largest unit that it is a whole number of."""
    seconds = int(time.total_seconds())
    count, unit = next((seconds // each, unit) for unit, each in _UNITS.items() if seconds % each == 0)
    return f"{count} {unit}{'' if count == 1 else 's'}"


def shown(measure: Measure, value: Value) -> str:
    """A measured value; text is quoted unless S3 itself chose it from a closed set."""
    match value:
        case Gap(result=result, why=why):
            return f"{result} ({why})"
        case None:
            return "absent"
        case bool():
            return str(value).lower()
        case datetime():
            return f"{value:%Y-%m-%dT%H:%MZ}"
        case str():
            bare = measure.subject in _CLOSED_SETS or (
                measure.kind == "operation_parameters" and _ENUMERATION.fullmatch(value)
            )
            return printable(value)[:QUOTED_AT_MOST] if bare else quoted(value)
        case int() if abs(value) >= _TOO_LARGE_TO_WRITE:
            return "a very large number"
        case int() | float():
            return str(value)
        case frozenset():
            return _buckets(value)
        case list():
            return f"a list of {len(value)}"
        case _:
            return "a structure"


def _buckets(names: frozenset[str]) -> str:
    if not names:
        return "none"
    first = [quoted(name) for name in sorted(names)[:_BUCKETS_SHOWN]]
    more = len(names) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")
