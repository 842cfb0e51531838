"""Reads the deployed policy document, JSON text: the validator and the gate read it with the same code."""

import json
from typing import Any, Final, NoReturn

from batchgate.errors import PolicyError, Problem
from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import PolicySet
from batchgate.text import shorten

EXACT_DIGITS: Final = 15
"""A number with decimals and no more digits than these is the same number after it was read and written again.
Source: IEEE 754, double precision."""


def load_deployed(content: bytes) -> PolicySet:
    """Read, validate and compile a deployed document.

    Args:
        content: JSON in UTF-8; not necessarily in its canonical form.

    Raises:
        PolicyError: It is invalid; with every problem found. A duplicate key is a problem, because JSON parsers
            silently keep the last one.
    """
    try:
        data = json.loads(
            content.decode("utf-8"), object_pairs_hook=_object, parse_float=_exact, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise PolicyError([Problem((), f"expected a policy document as JSON: {shorten(str(error), 200)}")]) from error
    return compile_policies(data)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {shorten(twice, 80)!r} is written twice in one object")
    return found


def _exact(text: str) -> float:
    digits = text.lower().partition("e")[0].replace(".", "").strip("-0")
    if len(digits) > EXACT_DIGITS:
        raise ValueError(f"the number {shorten(text, 80)} has more than {EXACT_DIGITS} digits")
    return float(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
