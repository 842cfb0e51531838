"""What can still be read of a YAML file where a part of it can't: one broken statement does not hide the others."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from batchgate_cli.authoring.yaml_messages import says_something

_SECTION = re.compile(r"[A-Za-z_][A-Za-z_0-9]*\s*:(?:\s|$)")
_CHILD_KEY = re.compile(r"\s+[^\s\"'#\[\]{},:-][^\s\"'#\[\]{},:]*\s*:(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Without:
    """A text in which one part is left empty.

    Attributes:
        text: With as many lines as before.
        left_empty: The lines of that part, counted from 1; the first holds an empty item or key in its place.
    """

    text: str
    left_empty: range


def without_part(text: str, line: int) -> Iterator[Without]:
    """The text without the part around one line (counted from 1): first its item of a section, then its section."""
    lines = text.splitlines()
    begin, end = _section(lines, line - 1)
    if begin < 0:
        return
    for first, last, kept in (*_item(lines, begin, end, line - 1), (begin, end, "")):
        left = [*lines[:first], kept, *[""] * (last - first - 1), *lines[last:]]
        yield Without("\n".join(left) + "\n", range(first + 1, last + 1))


def _section(lines: Sequence[str], number: int) -> tuple[int, int]:
    """The lines of the top-level key that a line stands below, from its own line on; -1 where there is none."""
    headers = [place for place, line in enumerate(lines) if _SECTION.match(line)]
    begin = max((place for place in headers if place <= number), default=-1)
    end = min((place for place in headers if place > number), default=len(lines))
    return begin, end


def _item(lines: Sequence[str], begin: int, end: int, number: int) -> Iterator[tuple[int, int, str]]:
    """The item of a section that a line stands in, and what holds its place."""
    inside = [place for place in range(begin + 1, end) if says_something(lines[place])]
    if not inside or number <= begin:
        return
    margin = _indent(lines[inside[0]])
    is_list = lines[inside[0]].lstrip().startswith("-")
    starts = [
        place
        for place in inside
        if _indent(lines[place]) == margin and (not is_list or re.match(r"\s*-(?:\s|$)", lines[place]))
    ]
    first = max((place for place in starts if place <= number), default=inside[0])
    last = min((place for place in starts if place > first), default=end)
    key = _CHILD_KEY.match(lines[first])
    yield first, last, f"{' ' * margin}-" if is_list else key[0] if key else ""


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
