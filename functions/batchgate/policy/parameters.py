"""Which parameters S3's request model has, and which tests each of them takes.

A path that leads nowhere, or a value that its member can't have, meets every `not`: a guardrail that has one forbids
nothing. So both are errors of the document, wherever it is read.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final, Literal, TypeAlias

from msgspec import UNSET, Struct

from batchgate.jobs.request_model import Kind, Shape, request_shape
from batchgate.policy import model, patterns, suggestions
from batchgate.policy.as_written import show
from batchgate.text import shorten

Path: TypeAlias = tuple[str | int, ...]
Mistake: TypeAlias = tuple[Path, str]
"""Where below an operand, and what was expected instead."""

Check: TypeAlias = Literal["operation_parameters", "manifest_generator"]
CHECKS: Final[Sequence[Check]] = ("operation_parameters", "manifest_generator")
"""The checks whose operand is a mapping of dotted paths into S3's request model."""

ClosedSet: TypeAlias = Literal["report.scope", "report.format", "manifest.format"]
"""A member of the report or the manifest that S3 chooses from a closed set."""

ELEMENT_WORDS: Final = ("any", "only", "none")
"""How many of several values must pass."""

_RANGE: Final = ("at_least", "at_most")
_TIME: Final = ("before", "after", "within")
_NUMBERS: Final = (Kind.INTEGER, Kind.LONG)
_SCALARS: Final = (Kind.BOOLEAN, Kind.STRING, *_NUMBERS)
_WORDS: Final[Mapping[Kind, str]] = {
    Kind.BOOLEAN: "true or false",
    Kind.INTEGER: "a whole number",
    Kind.LONG: "a whole number",
    Kind.STRING: "text",
    Kind.TIMESTAMP: "a time: before, after or within",
    Kind.LIST: "a list: write any, only or none",
    Kind.MAP: "a map: present, or one key of it in the path",
    Kind.STRUCTURE: "a structure: present, or a member of it in the path",
}
_TEXT_FORMS: Final = "one, a list of them, {glob: ...} or {list: NAME}"
_VALUES_NAMED: Final = 12
_PATHS_NAMED: Final = 3
_STEP_COMPARED: Final = 64


class NoSuchParameterError(Exception):
    """A path that leads to no member of the model; the message says what it may have meant."""


def text_term(words: Mapping[str, object]) -> model.NamesTerm | None:
    """`{list: NAME}` or `{glob: ...}` where elements are compared; None for sub-paths: S3 calls no member so."""
    if len(words) != 1:
        return None
    ((word, text),) = words.items()
    match word, text:
        case "list", str():
            return model.NamesTerm(list=text)
        case "glob", str():
            return model.NamesTerm(glob=text)
        case _:
            return None


def as_pattern(value: object) -> object:
    """What stands in a list: a glob as the pattern that it is, anything else as it stands."""
    term = text_term(value) if isinstance(value, Mapping) else None
    return value if term is None or term.glob is UNSET else patterns.Glob(term.glob)


# --- paths ------------------------------------------------------------------------------------------------


def shape_at(check: Check, path: str) -> Shape | None:
    """What a path leads to; None below an operation that this version does not know.

    Raises:
        NoSuchParameterError: S3 has no such member.
    """
    root = _root(check)
    head = path.partition(".")[0]
    if check == "operation_parameters" and head not in root.members:
        meant = [known for known in root.members if known.casefold() == head.casefold()]
        meant = [known + path[len(head) :] for known in meant] or _ending_with(path)
        if not meant:
            return None
        message = f"expected a path that begins with an operation's name, got {shorten(path, 200)}{_meant(meant)}"
        raise NoSuchParameterError(message)
    return _shape_below(root, path, check)


@cache
def _root(check: Check) -> Shape:
    if check == "operation_parameters":
        return request_shape("Operation")
    return request_shape("ManifestGenerator").members["S3JobManifestGenerator"]


def _shape_below(root: Shape, path: str, check: str = "") -> Shape:
    """Follow a path from a structure; a map takes all the rest as its one key."""
    shape, steps = root, path.split(".")
    for number, step in enumerate(steps):
        before = ".".join(steps[:number])
        match shape.kind:
            case Kind.STRUCTURE if step in shape.members:
                shape = shape.members[step]
            case Kind.MAP if shape.element is not None:
                return shape.element
            case Kind.LIST:
                message = f"{before} is a list; {_element_instead(shape, before, '.'.join(steps[number:]))}"
                raise NoSuchParameterError(message)
            case Kind.STRUCTURE:
                name = before or (check or "an element")
                meant = _meant(_near(root, steps, number, shape), shape.members)
                message = f"{name} has no member {shorten(step, 100)}{meant}"
                raise NoSuchParameterError(message)
            case kind:
                message = f"{before} is {_WORDS[kind]}, with nothing below it; did you mean {before}?"
                raise NoSuchParameterError(message)
    return shape


def _element_instead(shape: Shape, before: str, rest: str) -> str:
    """What to write where a path goes on below a list."""
    members = shape.element.members if shape.element else {}
    if not members:
        return f"write {before}: {{any: ...}}, {{only: ...}} or {{none: ...}}"
    head = rest.partition(".")[0]
    known = head if head in members else suggestions.nearest(head, members)
    lacks = (
        "" if head in members else f"no element of it has a member {shorten(head, 100)}, and each has {_all(members)}; "
    )
    member = f"{known}{rest[len(head) :]}" if known else next(iter(members))
    return f"{lacks}write {before}: {{none: {{{member}: ...}}}} for what it must not hold, any or only for what it must"


def _all(names: Mapping[str, object]) -> str:
    return suggestions.one_of(list(names)).replace(" or ", " and ")


def below(check: Check, path: str, key: str) -> str | None:
    """What to write where a mapping stands below a path whose key is no word of a test; None if S3 has no such."""
    try:
        shape = shape_at(check, path)
    except NoSuchParameterError:
        return None
    match shape:
        case Shape(kind=Kind.STRUCTURE, members=members) if key in members or suggestions.nearest(key, members):
            name = key if key in members else suggestions.nearest(key, members)
            return f"write the whole path: {path}.{name}: ..."
        case Shape(kind=Kind.MAP):
            return f"write the whole path: {path}.{key}: ..."
        case Shape(kind=Kind.LIST):
            return _element_instead(shape, path, key)
        case _:
            return None


def _near(root: Shape, steps: Sequence[str], number: int, shape: Shape) -> list[str]:
    """Paths that may have been meant: in other letters, with a step left out, or the one that looks most alike.

    Args:
        root: What the path begins in.
        steps: The path's steps.
        number: Which of them there is not.
        shape: What lacks it.
    """
    siblings = {name.casefold(): ".".join([*steps[:number], name, *steps[number + 1 :]]) for name in shape.members}
    step = steps[number][:_STEP_COMPARED].casefold()
    if step in siblings:
        return [siblings[step]]
    every = list(_paths(root, ""))
    known = [each for each in every if each.startswith(f"{steps[0]}.")] or every
    deeper = [each for each in known if each.rpartition(".")[2] == steps[-1]]
    last_steps = {each.rpartition(".")[2]: each for each in reversed(known)}
    return (
        deeper[:_PATHS_NAMED]
        or [siblings[each] for each in filter(None, [suggestions.nearest(step, siblings)])]
        or [last_steps[each] for each in filter(None, [suggestions.nearest(steps[-1], last_steps)])]
    )


def _ending_with(path: str) -> list[str]:
    """The parameters whose path ends so: the operation's name was left out."""
    root = _root("operation_parameters")
    return [known for known in _paths(root, "") if known.endswith(f".{path}")][:_PATHS_NAMED]


def _paths(shape: Shape, path: str) -> Iterator[str]:
    """Every path below a structure, in S3's order; not into lists and maps."""
    for name, member in shape.members.items():
        inner = f"{path}.{name}" if path else name
        yield inner
        yield from _paths(member, inner)


def _meant(near: Sequence[str], known: Mapping[str, object] | None = None) -> str:
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f"; known here: {', '.join(known)}" if known else "; it has none"


# --- operands -----------------------------------------------------------------------------------------------


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
    """All that S3 says there; of a manifest's format also what it says of one that it made.

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
    elif not (word in _RANGE and kind in _NUMBERS) and not (word in _TIME and kind is Kind.TIMESTAMP):
        within = suggestions.duration_meant(inner, "d") if kind is Kind.TIMESTAMP and word == "at_most" else ""
        hint = f"; write within: {within}" if within else ""
        yield path, f"expected a test of {_WORDS[kind]}; got {word}{hint}"


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
    if shape.kind is Kind.STRING and isinstance(value, str | patterns.Glob):
        if not is_of_closed_set(value, shape.values):
            yield path, outside(value, shape.values)
    elif shape.values and not isinstance(value, dict | list | tuple):
        yield path, outside(value, shape.values)
    elif not _is_of(shape.kind, value):
        yield path, f"expected {_WORDS[shape.kind]}, got {show(value)}{_as_meant(shape, value)}"


def is_of_closed_set(pattern: patterns.Pattern, values: Sequence[str]) -> bool:
    """Whether a pattern matches any value of a closed set; an empty set is open."""
    return not values or any(map(patterns.matcher([patterns.without_placeholders(pattern)]), values))


def outside(pattern: object, values: Sequence[str]) -> str:
    """What to say of what matches no value of a closed set."""
    near = suggestions.nearest(str(pattern), values)
    named = ", ".join(values[:_VALUES_NAMED]) + (", ..." if len(values) > _VALUES_NAMED else "")
    hint = f"; did you mean {near}?" if near else ""
    if str(pattern).casefold() == "expedited":  # Source: S3 User Guide, Restore objects with Batch Operations
        hint = "; S3 Batch Operations has no expedited restores"
    return f"expected {'one of ' if len(values) > 1 else ''}{named}, got {show(pattern)}{hint}"


def _is_of(kind: Kind, value: object) -> bool:
    if kind is Kind.BOOLEAN:
        return isinstance(value, bool)
    return kind in _NUMBERS and isinstance(value, int) and not isinstance(value, bool)


def _as_meant(shape: Shape, value: object) -> str:
    """The same value as the member's type."""
    text = str(value).lower() if isinstance(value, bool) else shorten(str(value), _STEP_COMPARED)
    if shape.kind is Kind.BOOLEAN and text in ("true", "false"):
        return f"; did you mean {text}, without quotes?"
    if shape.kind in _NUMBERS and text.isdecimal():
        return f"; did you mean {text}, without quotes?"
    if shape.kind is Kind.STRING and not isinstance(value, str):
        return f'; did you mean "{text}", in quotes?'
    if shape.kind is Kind.LIST:
        members = shape.element.members if shape.element else {}
        test = f"{{{next(iter(members))}: {text}}}" if members else text
        return f"; did you mean {{any: {test}}}, {{only: {test}}} or {{none: {test}}}?"
    if shape.kind is Kind.TIMESTAMP:
        return "; did you mean {before: 2027-01-01}, {after: 2027-01-01} or {within: 365d}?"
    return ""


def _members(element: Shape) -> str:
    return f"any of {', '.join(element.members)}"
