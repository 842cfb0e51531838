"""Values in words, safe to write anywhere: on the job, into logs, events, HTML and terminals."""

import re
from collections.abc import Sequence
from datetime import datetime

from batchgate.policy.checks import Measure, Value
from batchgate.policy.facts import Gap

QUOTED_AT_MOST = 40
"""Characters of a requester's text that are shown."""

TEXT_AT_MOST = 2048
"""Characters of one text in a record, an event or a log line, unless it is shorter by its nature: the longest text that
S3 and IAM allow, an ARN. The trace is never cut below 1,024."""

NAMES_AT_MOST = 100
"""Names in one list."""

_BUCKETS_SHOWN = 3
_TOO_LARGE_TO_WRITE = 10**39
_NOT_PRINTABLE_ASCII = re.compile(r"[^ -~]+")
_ENUMERATION = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
_CLOSED_SETS = ("operation", "account", "region", "manifest.format", "report.scope", "report.format")


def printable(text: str) -> str:
    """Text of the policy's authors with everything but printable ASCII replaced."""
    return text if text.isascii() and text.isprintable() else _NOT_PRINTABLE_ASCII.sub("?", text)


def shortened(text: str, at_most: int = TEXT_AT_MOST) -> str:
    """Text that fits where it goes; what is cut is marked."""
    return text if len(text) <= at_most else f"{text[: at_most - 3]}..."


def logged(error: Exception) -> str:
    """An error in a log line: printable ASCII, cut."""
    return shortened(printable(str(error)))


def first_of(names: Sequence[str]) -> tuple[str, ...]:
    """The first names, and how many more there are; `NAMES_AT_MOST` in all."""
    if len(names) <= NAMES_AT_MOST:
        return tuple(names)
    told = NAMES_AT_MOST - 1
    return (*names[:told], f"+{len(names) - told} more")


def quoted(text: str) -> str:
    """Text from the requester: stripped to printable ASCII, cut to 40 characters, in quotes."""
    stripped = (text if text.isascii() and text.isprintable() else _NOT_PRINTABLE_ASCII.sub("", text)).replace('"', "'")
    return f'"{stripped[:QUOTED_AT_MOST]}"'


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


def _buckets(names: frozenset[str | Gap]) -> str:
    """The names, and what is none; of many the first of either."""
    if not names:
        return "none"
    said = [quoted(name) for name in sorted(name for name in names if not isinstance(name, Gap))]
    odd = sorted(f"{name.result} ({name.why})" for name in names if isinstance(name, Gap))
    first = [*said[: _BUCKETS_SHOWN - bool(odd)], *odd[:1]] if odd else said[:_BUCKETS_SHOWN]
    more = len(names) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")
