"""The policy document as it is deployed, JSON text: what checks it before and what evaluates by it read it alike."""

import json
from typing import Any, NoReturn

from batchgate.errors import PolicyError, Problem
from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import PolicySet
from batchgate.text import shorten


def load_deployed(content: bytes) -> PolicySet:
    """Read and make ready a deployed document.

    Args:
        content: JSON in UTF-8; not necessarily in its canonical form.

    Raises:
        PolicyError: No such document, with every problem found. A key that is said twice is one: the last would win
            without a word.
    """
    try:
        data = json.loads(content.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise PolicyError([Problem((), f"expected a policy document as JSON: {shorten(str(error), 200)}")]) from error
    return compile_policies(data)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {shorten(twice, 80)!r} is said twice in one object")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
