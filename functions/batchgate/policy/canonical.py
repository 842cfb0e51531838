"""The one form of a policy document that is deployed and whose hash is its version.

Documents that mean the same for being written in another order, with lists named or spelled out,
or with one value instead of a list of one, have the same canonical form.
"""

import json
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec

from batchgate.errors import PolicyError, Problem
from batchgate.policy import model
from batchgate.policy.parameters import ELEMENT_WORDS, text_term

DOCUMENT_BYTES_AT_MOST: Final = 1 << 20
"""Of a whole document in its canonical form."""

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"

_STATEMENTS = ("policies", "guardrails", "exceptions")
_CONDITIONS = ("any", "all", "unless")


def canonical_json(document: model.PolicyDocument) -> bytes:
    """Write a document in its canonical form: lists expanded, everything sorted, ASCII, no spaces.

    What comes out is a valid document of the same meaning, and its own canonical form.

    Raises:
        PolicyError: That would take more than `DOCUMENT_BYTES_AT_MOST`.
    """
    lists = _Lists(document)
    try:
        text = _dump(_document(document, lists))
    except _TooLargeError:
        text = ""
    if not text or len(text) > DOCUMENT_BYTES_AT_MOST:
        message = (
            f"expected a document of at most {DOCUMENT_BYTES_AT_MOST} bytes as canonical JSON, lists expanded, got "
            f"{f'{len(text)}' if text else 'more'}; this is its largest part"
        )
        raise PolicyError([Problem(_largest_part(document, lists), message)])
    return text.encode("ascii")


class _TooLargeError(Exception):
    """The expanded lists are larger than a document may be."""


class _Lists:
    """The named lists, sorted; counts their expanded size, which may be their size times the number of their uses."""

    def __init__(self, document: model.PolicyDocument) -> None:
        self.bytes_used = 0
        lists = _mapping(_mapping(_plain(document)).get("lists"))
        self._sorted = {name: _sort_inside(values) for name, values in lists.items()}
        self._bytes = {name: len(_dump(values)) for name, values in self._sorted.items()}

    def expanded(self, name: str) -> Plain:
        self.bytes_used += self._bytes[name]
        if self.bytes_used > DOCUMENT_BYTES_AT_MOST:
            raise _TooLargeError
        return self._sorted[name]


def _largest_part(document: model.PolicyDocument, lists: _Lists) -> tuple[str | int, ...]:
    """The path of the statement, exception or calendar that takes the most; of those that are too large the first."""
    sizes: dict[tuple[str | int, ...], int] = {
        ("calendars", name): len(msgspec.json.encode(calendar)) for name, calendar in document.calendars.items()
    }
    for key in _STATEMENTS:
        for index, form in enumerate(getattr(document, key) or ()):
            lists.bytes_used = 0
            try:
                sizes[key, index] = len(_dump(_statement(_plain(form), lists)))
            except _TooLargeError:
                return key, index
    return max(sizes, key=sizes.__getitem__, default=())


def _dump(value: Plain) -> str:
    return _WRITER.encode(value)


_WRITER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def _document(document: model.PolicyDocument, lists: _Lists) -> Plain:
    whole = _mapping(_plain(document))
    whole.pop("lists", None)
    for key in _STATEMENTS:
        if key in whole:
            whole[key] = _sorted_items(whole[key], lambda item: _statement(item, lists))
    if "budgets" in whole:
        whole["budgets"] = _sorted_items(whole["budgets"], _sort_inside)
    if "approvals" in whole:
        whole["approvals"] = _approvers(whole["approvals"], lists)
    for calendar in _mapping(whole.get("calendars", {})).values():
        for key, value in _mapping(calendar).items():
            if isinstance(value, list):
                _mapping(calendar)[key] = _sorted_items(value, _sort_inside)
    return whole


def _sorted_items(items: Plain, canonical: Callable[[Plain], Plain]) -> Plain:
    made = [canonical(item) for item in _items(items)]
    return sorted(made, key=_dump) if len(made) > 1 else made


def _statement(statement: Plain, lists: _Lists) -> Plain:
    """Whatever a statement is sorted by, it is the same however the document was ordered."""
    return {
        key: _sorted_items(value, lambda item: _condition(item, lists))
        if key in ("match", "require")
        else _sort_inside(value)
        for key, value in _mapping(statement).items()
    }


def _condition(condition: Plain, lists: _Lists) -> Plain:
    canonical: dict[str, Plain] = {}
    for key, operand in _mapping(condition).items():
        if key in _CONDITIONS:
            canonical[key] = _sorted_items(operand, lambda item: _condition(item, lists))
        else:
            canonical[key] = _OPERANDS[key](operand, lists)
    return canonical


def _as_written(operand: Plain, _: _Lists) -> Plain:
    return operand


def _by_name(operand: Plain, lists: _Lists) -> Plain:
    return {name: _test(test, lists) for name, test in _mapping(operand).items()}


def _approvers(operand: Plain, lists: _Lists) -> Plain:
    if not isinstance(operand, dict):
        return operand
    return {key: _test(value, lists) if key == "by" else value for key, value in operand.items()}


def _group(operand: Plain, lists: _Lists) -> Plain:
    return {
        name: _group(test, lists) if name == "not" else test if isinstance(test, bool) else _test(test, lists)
        for name, test in _mapping(operand).items()
    }


def _test(test: Plain, lists: _Lists) -> Plain:
    """A test of values: one value becomes a list of one, a named list its values."""
    if isinstance(test, dict) and "glob" not in test:
        if "list" in test:
            return lists.expanded(str(test["list"]))
        return {key: _word(key, value, lists) for key, value in test.items()}
    return _sort_inside(test if isinstance(test, list) else [test])


def _word(word: str, value: Plain, lists: _Lists) -> Plain:
    if word == "not":
        return _test(value, lists)
    if word not in ELEMENT_WORDS:
        return value
    if isinstance(value, dict) and text_term(value) is None:
        return {path: _test(test, lists) for path, test in value.items()}
    return _test(value, lists)


_Form: TypeAlias = Callable[[Plain, _Lists], Plain]

_FORMS: Mapping[object, _Form] = {
    model.Text: _test,
    model.Tags: _by_name,
    model.Parameters: _by_name,
    model.Manifest: _group,
    model.Report: _group,
    model.Buckets: _group,
    model.Approvers: _approvers,
    model.Range: _as_written,
    model.MoneyRange: _as_written,
    str: _as_written,
    model.OnViolation: _as_written,
    model.Duration: _as_written,
    model.Message: _as_written,
}
"""The canonical form by the type of an operand."""


def _form_of(key: str, annotation: object) -> _Form:
    forms = [_FORMS[part] for part in getattr(annotation, "__args__", ()) if part in _FORMS]
    if len(forms) != 1:
        message = f"{key}: expected an operand of one of the types in _FORMS, got {annotation}"
        raise TypeError(message)
    return forms[0]


_OPERANDS = {
    key: _form_of(key, annotation)
    for form in (model.Condition, model.Requirement)
    for key, annotation in form.__annotations__.items()
    if key not in _CONDITIONS
}
"""The canonical form of each key of a condition or requirement, from its type in the model."""


def _sort_inside(value: Plain) -> Plain:
    """Sort what is a set of values; anything else stays as it is."""
    if isinstance(value, list):
        if len(value) < 2:  # noqa: PLR2004 - most lists have one value
            return value
        different = {_dump(item): item for item in value}
        return [different[text] for text in sorted(different)]
    if isinstance(value, dict):
        return {key: _sort_inside(item) for key, item in value.items()}
    return value


def _plain(form: msgspec.Struct) -> Plain:
    plain: Plain = json.loads(_ENCODER.encode(form), parse_float=_number)
    return plain


_ENCODER = msgspec.json.Encoder(decimal_format="number")


def _number(text: str) -> int | float:
    """A number with decimals, which has so few digits that it is written again as it was read; 5.00 is 5."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _mapping(value: Plain) -> dict[str, Plain]:
    return value if isinstance(value, dict) else {}


def _items(value: Plain) -> list[Plain]:
    return value if isinstance(value, list) else []
