"""The one form of a policy document that is deployed and whose hash is its version.

Documents that mean the same for being written in another order, with lists named or spelled out,
or with one value instead of a list of one, have the same canonical form.
"""

import json
from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from batchgate.policy import model
from batchgate.policy.parameters import CHECKS, ELEMENT_WORDS, list_named_by

Plain: TypeAlias = "bool | int | str | list[Plain] | dict[str, Plain] | None"

_TEXTS = ("operation", "role", "description", "account", "region", "window")
_MAPS_OF_TESTS = ("tags", *CHECKS)
_GROUPS = ("manifest", "report", "source_buckets", "destination_buckets")
_CONDITIONS = ("any", "all", "unless")


def canonical_json(document: model.PolicyDocument) -> bytes:
    """Write a document in its canonical form: lists expanded, everything sorted, ASCII, no spaces.

    What comes out is a valid document of the same meaning, and its own canonical form.
    """
    return _dump(_document(document)).encode("ascii")


def _dump(value: Plain) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _document(document: model.PolicyDocument) -> Plain:
    whole: dict[str, Plain] = msgspec.json.decode(msgspec.json.encode(document))
    lists = {name: list(values) for name, values in document.lists.items()}
    whole.pop("lists", None)
    for key in ("policies", "guardrails", "exceptions"):
        if key in whole:
            whole[key] = _sorted_items(whole[key], lambda item: _statement(item, lists))
    for calendar in _mapping(whole.get("calendars", {})).values():
        for key, value in _mapping(calendar).items():
            if isinstance(value, list):
                _mapping(calendar)[key] = _sorted_items(value, _sort_inside)
    return whole


def _sorted_items(items: Plain, canonical: Callable[[Plain], Plain]) -> Plain:
    return sorted((canonical(item) for item in _items(items)), key=_dump)


def _statement(statement: Plain, lists: Mapping[str, list[str]]) -> Plain:
    """Whatever a statement is sorted by, it is the same however the document was ordered."""
    return {
        key: _sorted_items(value, lambda item: _condition(item, lists))
        if key in ("match", "require")
        else _sort_inside(value)
        for key, value in _mapping(statement).items()
    }


def _condition(condition: Plain, lists: Mapping[str, list[str]]) -> Plain:
    canonical: dict[str, Plain] = {}
    for key, operand in _mapping(condition).items():
        if key in _CONDITIONS:
            canonical[key] = _sorted_items(operand, lambda item: _condition(item, lists))
        elif key in _TEXTS:
            canonical[key] = _test(operand, lists)
        elif key in _MAPS_OF_TESTS:
            canonical[key] = {name: _test(test, lists) for name, test in _mapping(operand).items()}
        elif key in _GROUPS:
            canonical[key] = _group(operand, lists)
        else:
            canonical[key] = operand
    return canonical


def _group(operand: Plain, lists: Mapping[str, list[str]]) -> Plain:
    return {
        name: _group(test, lists) if name == "not" else test if isinstance(test, bool) else _test(test, lists)
        for name, test in _mapping(operand).items()
    }


def _test(test: Plain, lists: Mapping[str, list[str]]) -> Plain:
    """A test of values: one value becomes a list of one, a named list its values."""
    if isinstance(test, dict):
        if "list" in test:
            return _sort_inside(list(lists[str(test["list"])]))
        return {key: _word(key, value, lists) for key, value in test.items()}
    return _sort_inside(test if isinstance(test, list) else [test])


def _word(word: str, value: Plain, lists: Mapping[str, list[str]]) -> Plain:
    if word == "not":
        return _test(value, lists)
    if word not in ELEMENT_WORDS:
        return value
    if isinstance(value, dict) and list_named_by(value) is None:
        return {path: _test(test, lists) for path, test in value.items()}
    return _test(value, lists)


def _sort_inside(value: Plain) -> Plain:
    """Sort what is a set of values; anything else stays as it is."""
    if isinstance(value, list):
        different = {_dump(item): item for item in value}
        return [different[text] for text in sorted(different)]
    if isinstance(value, dict):
        return {key: _sort_inside(item) for key, item in value.items()}
    return value


def _mapping(value: Plain) -> dict[str, Plain]:
    return value if isinstance(value, dict) else {}


def _items(value: Plain) -> list[Plain]:
    return value if isinstance(value, list) else []
