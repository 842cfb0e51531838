"""Which parameters S3's request model has, and which tests each of them takes.

A path of no member, or a value that its member can't have, meets every `not`: a guardrail that has one forbids
nothing. So both are errors of the document, wherever it is read.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from batchgate.jobs.request_model import Kind, Shape, request_shape
from batchgate.policy import patterns
from batchgate.policy.as_written import show
from batchgate.policy.parameters import ELEMENT_WORDS, Check, as_pattern, text_term

Path: TypeAlias = tuple[str | int, ...]
Mistake: TypeAlias = tuple[Path, str]
"""Where below an operand, and what was expected instead."""

ClosedSet: TypeAlias = Literal["report.scope", "report.format", "manifest.format"]
"""A member of the report or the manifest that S3 chooses from a closed set."""

_RANGE: Final = ("at_least", "at_most")
_TIME: Final = ("before", "after", "within")
NUMBERS: Final = (Kind.INTEGER, Kind.LONG)
_SCALARS: Final = (Kind.BOOLEAN, Kind.STRING, *NUMBERS)
_TEXT_FORMS: Final = "one, a list of them, {glob: ...} or {list: NAME}"


class NoSuchParameterError(Exception):
    """A path that leads to no member of the model; the message suggests what was meant."""


def shape_at(check: Check, path: str) -> Shape | None:
    """What a path leads to; None below an operation that this version does not know.

    Raises:
        NoSuchParameterError: S3 has no such member.
    """
    root = _root(check)
    head = path.partition(".")[0]
    if check == "operation_parameters" and head not in root.members:
        from batchgate.policy.validation import parameter_messages as messages

        message = messages.no_operation(root, path)
        if message is None:
            return None
        raise NoSuchParameterError(message)
    return _shape_below(root, path, check)


@cache
def _root(check: Check) -> Shape:
    """The structure that a check's paths begin in."""
    if check == "operation_parameters":
        return request_shape("Operation")
    return request_shape("ManifestGenerator").members["S3JobManifestGenerator"]


def _shape_below(root: Shape, path: str, check: str = "") -> Shape:
    """Follow a path from a structure; a map takes all the rest as its one key."""
    shape, steps = root, path.split(".")
    for number, step in enumerate(steps):
        match shape.kind:
            case Kind.STRUCTURE if step in shape.members:
                shape = shape.members[step]
            case Kind.MAP if shape.element is not None:
                return shape.element
            case Kind.LIST:
                from batchgate.policy.validation import parameter_messages as messages

                raise NoSuchParameterError(messages.below_list(shape, steps, number))
            case Kind.STRUCTURE:
                from batchgate.policy.validation import parameter_messages as messages

                raise NoSuchParameterError(messages.no_member(root, shape, steps, number, check))
            case kind:
                from batchgate.policy.validation import parameter_messages as messages

                raise NoSuchParameterError(messages.below_value(kind, steps, number))
    return shape


class Use(Struct, frozen=True):
    """A named list whose values must be of a closed set, or of a kind that takes texts."""

    path: Path
    name: str
    values: tuple[str, ...]


def mistakes_in(check: Check, path: str, operand: object) -> Iterator[Mistake | Use]:
    """What is wrong with one path and its operand, whose form has been read already.

    Yields:
        Mistakes with where they are below the operand, and the named lists whose values remain to be compared.
    """
    try:
        shape = shape_at(check, path)
    except NoSuchParameterError as error:
        yield (), str(error)
        return
    if shape is not None:
        yield from _test_mistakes(shape, operand, ())


@cache
def closed_set(of: ClosedSet) -> tuple[str, ...]:
    """All values that S3 uses there; of a manifest's format also those of a generated manifest.

    Source: S3 Control API, JobReportScope, JobReportFormat, JobManifestFormat, GeneratedManifestFormat.
    """
    match of:
        case "report.scope":
            return request_shape("Report").members["ReportScope"].values
        case "report.format":
            return request_shape("Report").members["Format"].values
        case "manifest.format":
            supplied = request_shape("Manifest").members["Spec"].members["Format"].values
            return (*supplied, *request_shape("GeneratedManifestDescriptor").members["Format"].values)


def closed_set_mistakes(values: tuple[str, ...], operand: object) -> Iterator[Mistake | Use]:
    """What is wrong with a test of text that S3 chooses from a closed set."""
    yield from _test_mistakes(Shape(kind=Kind.STRING, values=values), operand, ())


def _test_mistakes(shape: Shape, operand: object, path: Path) -> Iterator[Mistake | Use]:
    if isinstance(operand, list | tuple) and shape.kind in _SCALARS:
        for index, value in enumerate(operand):
            yield from _value_mistakes(shape, value, (*path, index))
    elif not isinstance(operand, dict):
        yield from _value_mistakes(shape, operand, path)
    elif "not" in operand:
        yield from _test_mistakes(shape, operand["not"], (*path, "not"))
    elif "present" not in operand:
        for word, inner in operand.items():
            yield from _word_mistakes(shape, word, inner, (*path, word))


def _word_mistakes(shape: Shape, word: str, inner: object, path: Path) -> Iterator[Mistake | Use]:
    kind = shape.kind
    if word in ELEMENT_WORDS and kind is Kind.LIST and shape.element is not None:
        yield from _element_mistakes(shape.element, inner, path)
    elif word == "list" and kind is Kind.STRING and isinstance(inner, str):
        if shape.values:
            yield Use(path, inner, shape.values)
    elif word == "glob" and kind is Kind.STRING:
        yield from _value_mistakes(shape, {word: inner}, path)
    elif not (word in _RANGE and kind in NUMBERS) and not (word in _TIME and kind is Kind.TIMESTAMP):
        from batchgate.policy.validation import parameter_messages as messages

        yield path, messages.wrong_word(kind, word, inner)


def _element_mistakes(element: Shape, inner: object, path: Path) -> Iterator[Mistake | Use]:
    if not isinstance(inner, dict):
        if element.kind is Kind.STRUCTURE:
            yield path, f"expected a mapping of members with tests, {_members(element)}; got {show(inner)}"
        else:
            yield from _test_mistakes(element, inner, path)
    elif element.kind is not Kind.STRUCTURE:
        if text_term(inner) is None:
            yield path, f"expected patterns for the elements of a list of texts: {_TEXT_FORMS}"
        else:
            yield from _test_mistakes(element, inner, path)
    elif text_term(inner) is not None:
        what = "the name of a list" if "list" in inner else "a pattern"
        yield path, f"expected a mapping of members with tests, {_members(element)}; got {what}"
    else:
        for below, test in inner.items():
            try:
                shape = _shape_below(element, below)
            except NoSuchParameterError as error:
                yield (*path, below), str(error)
            else:
                yield from _test_mistakes(shape, test, (*path, below))


def _value_mistakes(shape: Shape, written: object, path: Path) -> Iterator[Mistake]:
    value = as_pattern(written)
    is_text = shape.kind is Kind.STRING and isinstance(value, str | patterns.Glob)
    if isinstance(value, str | patterns.Glob) and is_text:
        is_outside = not is_of_closed_set(value, shape.values)
    else:
        is_outside = bool(shape.values) and not isinstance(value, dict | list | tuple)
    if is_outside:
        from batchgate.policy.validation.parameter_messages import outside

        yield path, outside(value, shape.values)
    elif not is_text and not _is_of(shape.kind, value):
        from batchgate.policy.validation.parameter_messages import wrong_value

        yield path, wrong_value(shape, value)


def is_of_closed_set(pattern: patterns.Pattern, values: Sequence[str]) -> bool:
    """Whether a pattern matches any value of a closed set; an empty set is open."""
    return not values or any(map(patterns.matcher([patterns.without_placeholders(pattern)]), values))


def _is_of(kind: Kind, value: object) -> bool:
    if kind is Kind.BOOLEAN:
        return isinstance(value, bool)
    return kind in NUMBERS and isinstance(value, int) and not isinstance(value, bool)


def _members(element: Shape) -> str:
    return f"any of {', '.join(element.members)}"
