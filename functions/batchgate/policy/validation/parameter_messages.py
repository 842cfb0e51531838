"""What is wrong with a parameter's path or test, and what to write instead: loaded only where something is wrong."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from batchgate.jobs.request_model import Kind, Shape
from batchgate.policy import suggestions
from batchgate.policy.as_written import show
from batchgate.text import shorten

_PATHS_NAMED: Final = 3
_STEP_COMPARED: Final = 64
_VALUES_NAMED: Final = 12
_KINDS: Final[Mapping[Kind, str]] = {
    Kind.BOOLEAN: "true or false",
    Kind.INTEGER: "a whole number",
    Kind.LONG: "a whole number",
    Kind.STRING: "text",
    Kind.TIMESTAMP: "a time: before, after or within",
    Kind.LIST: "a list: write any, only or none",
    Kind.MAP: "a map: present, or one key of it in the path",
    Kind.STRUCTURE: "a structure: present, or a member of it in the path",
}


def no_operation(root: Shape, path: str) -> str | None:
    """A path that does not begin with an operation's name; None where it may be one that this version does not know."""
    head = path.partition(".")[0]
    meant = [known for known in root.members if known.casefold() == head.casefold()]
    meant = [known + path[len(head) :] for known in meant] or _ending_with(root, path)
    if not meant:
        return None
    return f"expected a path that begins with an operation's name, got {shorten(path, 200)}{_meant(meant)}"


def below_list(shape: Shape, steps: Sequence[str], number: int) -> str:
    """A path that goes on below a list."""
    before = ".".join(steps[:number])
    return f"{before} is a list; {element_instead(shape, before, '.'.join(steps[number:]))}"


def no_member(root: Shape, shape: Shape, steps: Sequence[str], number: int, check: str) -> str:
    """A step that a structure does not have."""
    name = ".".join(steps[:number]) or (check or "an element")
    meant = _meant(_near(root, steps, number, shape), shape.members)
    return f"{name} has no member {shorten(steps[number], 100)}{meant}"


def below_value(kind: Kind, steps: Sequence[str], number: int) -> str:
    """A path that goes on below a single value."""
    before = ".".join(steps[:number])
    return f"{before} is {_KINDS[kind]}, with nothing below it; did you mean {before}?"


def wrong_word(kind: Kind, word: str, inner: object) -> str:
    """A test that a kind of values does not take."""
    within = suggestions.duration_meant(inner, "d") if kind is Kind.TIMESTAMP and word == "at_most" else ""
    hint = f"; write within: {within}" if within else ""
    return f"expected a test of {_KINDS[kind]}; got {word}{hint}"


def wrong_value(shape: Shape, value: object) -> str:
    """A value of another kind."""
    return f"expected {_KINDS[shape.kind]}, got {show(value)}{_as_meant(shape, value)}"


def outside(pattern: object, values: Sequence[str]) -> str:
    """A pattern that matches no value of a closed set."""
    near = suggestions.nearest(str(pattern), values)
    named = ", ".join(values[:_VALUES_NAMED]) + (", ..." if len(values) > _VALUES_NAMED else "")
    hint = f"; did you mean {near}?" if near else ""
    if str(pattern).casefold() == "expedited":  # Source: S3 User Guide, Restore objects with Batch Operations
        hint = "; S3 Batch Operations has no expedited restores"
    return f"expected {'one of ' if len(values) > 1 else ''}{named}, got {show(pattern)}{hint}"


def element_instead(shape: Shape, before: str, rest: str) -> str:
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


def _ending_with(root: Shape, path: str) -> list[str]:
    """The parameters whose path ends so: the operation's name was left out."""
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


def _as_meant(shape: Shape, value: object) -> str:
    """The same value as the member's type."""
    text = str(value).lower() if isinstance(value, bool) else shorten(str(value), _STEP_COMPARED)
    if shape.kind is Kind.BOOLEAN and text in ("true", "false"):
        return f"; did you mean {text}, without quotes?"
    if shape.kind in (Kind.INTEGER, Kind.LONG) and text.isdecimal():
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
