"""Values in words, safe to write anywhere: on the job, into logs, events, HTML and terminals."""

import re
from collections.abc import Sequence
from datetime import datetime

from batchgate.jobs.model import Json
from batchgate.policy.checks import Measure, Value
from batchgate.policy.facts import Gap

QUOTED_AT_MOST = 40
"""Characters of a requester's text that are shown."""

_TEXTS_SHOWN = 3
_TOO_LARGE_TO_WRITE = 10**39
_NOT_PRINTABLE_ASCII = re.compile(r"[^ -~]+")
_ENUMERATION = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
_CLOSED_SETS = ("operation", "account", "region", "manifest.format", "report.scope", "report.format")


def printable(text: str) -> str:
    """Text of the policy's authors with everything but printable ASCII replaced."""
    return text if text.isascii() and text.isprintable() else _NOT_PRINTABLE_ASCII.sub("?", text)


def quoted(text: str) -> str:
    """Text from the requester: stripped to printable ASCII, cut to 40 characters, in quotes."""
    stripped = (text if text.isascii() and text.isprintable() else _NOT_PRINTABLE_ASCII.sub("", text)).replace('"', "'")
    return f'"{stripped[:QUOTED_AT_MOST]}"'


def shown(measure: Measure, value: Value) -> str:
    """A measured value; text is quoted unless S3 itself chose it from a closed set."""
    match value:
        case Gap(result=result, why=why):
            return f"{result} ({why})"
        case None | bool():
            return "absent" if value is None else str(value).lower()
        case datetime():
            return f"{value:%Y-%m-%dT%H:%MZ}"
        case str():
            bare = measure.subject in _CLOSED_SETS or (
                measure.kind in ("operation_parameters", "manifest_generator") and _ENUMERATION.fullmatch(value)
            )
            return printable(value)[:QUOTED_AT_MOST] if bare else quoted(value)
        case int() if abs(value) >= _TOO_LARGE_TO_WRITE:
            return "a very large number"
        case int() | float():
            return str(value)
        case frozenset():
            return _several(sorted(value))
        case list():
            return _list(value)
        case _:
            return "a structure"


def _list(value: list[Json]) -> str:
    """Texts by what they say; of anything else, how many there are."""
    texts = [each for each in value if isinstance(each, str)]
    return _several(texts) if texts and len(texts) == len(value) else f"a list of {len(value)}"


def _several(texts: Sequence[str]) -> str:
    if not texts:
        return "none"
    first = [quoted(text) for text in texts[:_TEXTS_SHOWN]]
    more = len(texts) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")
