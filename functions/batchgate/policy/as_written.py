"""What stands in a document, short enough for a message about it."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from batchgate.text import shorten

NUMBER_AT_MOST: Final = 2**63 - 1
"""The largest number that a document may hold, and a message writes."""

_TEXT_AT_MOST = 56
_KEYS_AT_MOST = 120
_DIGITS_AT_MOST = 24


def show(value: object) -> str:
    """A value of a document as a message shows it."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return f"a mapping with {keys(value)}" if value else "an empty mapping"
        case list() | tuple():
            return f"a list of {len(value)}"
        case int() if abs(value) > NUMBER_AT_MOST:
            return "a very large number"
        case int() | float():
            return f"the number {_digits(value)}"
        case _:
            return json.dumps(shorten(str(value), _TEXT_AT_MOST))


def _digits(value: float) -> str:
    """A number without an exponent, as people write small ones, unless that is long."""
    text = str(value)
    plain = format(Decimal(text), "f") if "e-" in text else text
    return plain if len(plain) <= _DIGITS_AT_MOST else text


def keys(value: Mapping[str, object]) -> str:
    """The first keys of a mapping."""
    return shorten(", ".join(map(str, value)), _KEYS_AT_MOST, sentence=True) or "nothing"
