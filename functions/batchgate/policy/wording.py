"""Values as text that is safe everywhere: on the job, in logs, events, HTML and terminals."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from batchgate.jobs.model import Json
from batchgate.policy.checks import Measure, Value
from batchgate.policy.facts import Gap
from batchgate.text import shorten

QUOTED_AT_MOST = 40
"""Characters of a requester's text in a reason."""

TRACED_AT_MOST = 1024
"""Characters of a requester's text in a trace, in JSON and in the ledger."""

NAMES_AT_MOST = 100
"""Names in one list."""

_TEXTS_SHOWN = 3
_TOO_LARGE_TO_WRITE = 10**39
_NOT_PRINTABLE_ASCII = re.compile(r"[^ -~]+")
_ENUMERATION = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
_WORD = re.compile(r"[A-Za-z0-9_-]{1,40}")
_CLOSED_SETS = ("operation", "account", "region", "manifest.format", "report.scope", "report.format")


_UNITS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}


def printable(text: str) -> str:
    """Text of the policy's authors with everything but printable ASCII replaced."""
    return text if text.isascii() and text.isprintable() else _NOT_PRINTABLE_ASCII.sub("?", text)


def logged(error: Exception) -> str:
    """An error in a log line: printable ASCII, cut."""
    return shorten(printable(str(error)))


def first_of(names: Sequence[str]) -> tuple[str, ...]:
    """The first names, and how many more there are; `NAMES_AT_MOST` in all."""
    if len(names) <= NAMES_AT_MOST:
        return tuple(names)
    kept = NAMES_AT_MOST - 1
    return (*names[:kept], f"+{len(names) - kept} more")


def quoted(text: str, at_most: int = QUOTED_AT_MOST) -> str:
    """Text from the requester: stripped to printable ASCII, shortened, in quotes."""
    stripped = (text if text.isascii() and text.isprintable() else _NOT_PRINTABLE_ASCII.sub("", text)).replace('"', "'")
    return f'"{shorten(stripped, at_most)}"'


def instant(when: datetime) -> str:
    """An instant to the second, in UTC."""
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def length(time: timedelta) -> str:
    """A length of time in the largest unit that it is a whole number of."""
    seconds = int(time.total_seconds())
    count, unit = next((seconds // each, unit) for unit, each in _UNITS.items() if seconds % each == 0)
    return f"{count} {unit}{'' if count == 1 else 's'}"


def shown(measure: Measure, value: Value, at_most: int = TRACED_AT_MOST) -> str:
    """A measured value; text is quoted unless it is one word that S3 itself chose from a closed set.

    Args:
        measure: Where the value comes from.
        value: What was read.
        at_most: Characters of each text.
    """
    match value:
        case Gap(result=result, why=why):
            return f"{result} ({why})"
        case None | bool():
            return "absent" if value is None else str(value).lower()
        case datetime():
            return f"{value:%Y-%m-%dT%H:%MZ}"
        case str():
            bare = (measure.subject in _CLOSED_SETS and _WORD.fullmatch(value)) or (
                measure.kind in ("operation_parameters", "manifest_generator") and _ENUMERATION.fullmatch(value)
            )
            return value if bare else quoted(value, at_most)
        case int() if abs(value) >= _TOO_LARGE_TO_WRITE:
            return "a very large number"
        case int() | float():
            return str(value)
        case frozenset():
            odd = sorted(f"{name.result} ({name.why})" for name in value if isinstance(name, Gap))
            return _several(sorted(name for name in value if isinstance(name, str)), at_most, odd)
        case list():
            return _list(value, at_most)
        case _:
            return "present"


def _list(value: list[Json], at_most: int) -> str:
    """Texts as they are; of anything else, how many there are."""
    texts = [each for each in value if isinstance(each, str)]
    return (
        _several(texts, at_most)
        if texts and len(texts) == len(value)
        else f"a list of {len(value)} item{'' if len(value) == 1 else 's'}"
    )


def _several(texts: Sequence[str], at_most: int, odd: Sequence[str] = ()) -> str:
    """The texts, and what is none; of many three, or as many as fit, and how many more there are."""
    if not texts and not odd:
        return "none"
    listed: list[str] = []
    length = 0
    for text in texts:
        length += len(text)
        if len(listed) >= _TEXTS_SHOWN - bool(odd) and length > at_most:
            break
        listed.append(quoted(text, at_most))
    listed += odd[:1]
    more = len(texts) + len(odd) - len(listed)
    return ", ".join(listed) + (f" and {more} more" if more else "")
