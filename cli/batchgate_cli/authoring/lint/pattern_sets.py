"""Which texts patterns have in common, decided on the patterns alone."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from batchgate.policy import patterns
from batchgate.policy.patterns import CharClass, Glob, Pattern

_PLACEHOLDER = re.compile(r"\$\{(account|region|partition)\}")
_LAST_CHARACTER = 0x10FFFF
_STEPS_AT_MOST = 250_000
"""Comparing patterns of thousands of characters is given up; the answer is then the one that finds nothing wrong."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """One character out of a set, or any number of such.

    Attributes:
        ranges: The set as ranges of code points, both ends included; in order, with something between any two.
        repeated: Any number of them, none included.
        placeholder: The `${...}` that stands here, if one does.
    """

    ranges: tuple[tuple[int, int], ...]
    repeated: bool = False
    placeholder: str = ""

    def meets(self, other: "Symbol") -> bool:
        """Whether the two sets have a character in common."""
        return any(
            low <= high_there and low_there <= high
            for low, high in self.ranges
            for low_there, high_there in other.ranges
        )

    def covers(self, other: "Symbol") -> bool:
        """Whether the other set lies within this one."""
        return all(
            any(low <= low_there and high_there <= high for low, high in self.ranges)
            for low_there, high_there in other.ranges
        )


def _joined(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The same set of code points as the fewest ranges, in order."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)


def _complement(ranges: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """All other code points."""
    edges = [-1, *(edge for low, high in ranges for edge in (low, high)), _LAST_CHARACTER + 1]
    between = zip(edges[::2], edges[1::2], strict=True)
    return tuple((after + 1, before - 1) for after, before in between if after + 1 < before)


def _of(chars: str) -> tuple[tuple[int, int], ...]:
    return _joined((ord(char), ord(char)) for char in chars)


Shape: TypeAlias = tuple[Symbol, ...]
"""A set of texts: what a pattern matches, or all that some value can be."""

DIGIT = Symbol(_of("0123456789"))
_ANY = Symbol(((0, _LAST_CHARACTER),))
ANYTHING = Symbol(_ANY.ranges, repeated=True)
_REGION_CHARS = _of("abcdefghijklmnopqrstuvwxyz0123456789-")
_PLACEHOLDERS = {
    "account": Symbol(DIGIT.ranges, repeated=True, placeholder="account"),
    "region": Symbol(_REGION_CHARS, repeated=True, placeholder="region"),
    "partition": Symbol(_REGION_CHARS, repeated=True, placeholder="partition"),
}


def some_but(chars: str) -> Shape:
    """At least one character, none of these."""
    others = _complement(_of(chars))
    return Symbol(others), Symbol(others, repeated=True)


def some_of(chars: str) -> Shape:
    """At least one character, all of these."""
    return Symbol(_of(chars)), Symbol(_of(chars), repeated=True)


@lru_cache(maxsize=4096)
def shape(pattern: Pattern) -> Shape:
    """The texts that a pattern matches; `${...}` stands for anything of its kind."""
    return tuple(_symbols(pattern))


def _symbols(pattern: Pattern) -> Iterator[Symbol]:
    for place, text in enumerate(_PLACEHOLDER.split(str(pattern))):
        if place % 2:
            yield _PLACEHOLDERS[text]
        else:
            yield from map(_symbol, patterns.pieces(text if isinstance(pattern, str) else Glob(text)))


def _symbol(piece: patterns.Piece) -> Symbol:
    match piece:
        case CharClass(ranges, others):
            within = _joined((ord(first), ord(last)) for first, last in ranges)
            return Symbol(_complement(within) if others else within)
        case "*":
            return ANYTHING
        case "?":
            return _ANY
        case _:
            return Symbol(_of(piece))


def meet(one: Shape, other: Shape) -> bool:
    """Whether some text is in both; true where that is too much work to say."""
    if len(one) * len(other) > _STEPS_AT_MOST:
        return True
    return _both_end(one, other, _steps_together)


def within(narrow: Shape, wide: Shape) -> bool:
    """Whether every text of `narrow` is certainly in `wide`: never true where one is not."""
    if len(narrow) * len(wide) > _STEPS_AT_MOST:
        return False
    return _both_end(narrow, wide, _steps_within)


_Steps: TypeAlias = Callable[[Symbol | None, Symbol | None], Iterator[tuple[int, int]]]
"""How far one may go on in each of two shapes, given what comes next in them."""


def _both_end(left: Shape, right: Shape, steps: _Steps) -> bool:
    """Whether some walk through both shapes comes to the end of both."""
    ends, seen, ahead = (len(left), len(right)), {(0, 0)}, [(0, 0)]
    while ahead:
        here = ahead.pop()
        if here == ends:
            return True
        next_left = left[here[0]] if here[0] < ends[0] else None
        next_right = right[here[1]] if here[1] < ends[1] else None
        for by_left, by_right in steps(next_left, next_right):
            there = (here[0] + by_left, here[1] + by_right)
            if there not in seen:
                seen.add(there)
                ahead.append(there)
    return False


def _steps_together(one: Symbol | None, other: Symbol | None) -> Iterator[tuple[int, int]]:
    if one and one.repeated:
        yield 1, 0
    if other and other.repeated:
        yield 0, 1
    if one and other and one.meets(other):
        yield int(not one.repeated), int(not other.repeated)


def _steps_within(narrow: Symbol | None, wide: Symbol | None) -> Iterator[tuple[int, int]]:
    if wide is None:
        return
    if wide.placeholder:  # whatever it stands for, only the same is certainly within
        if narrow and narrow.placeholder == wide.placeholder:
            yield 1, 1
    elif wide.repeated:
        yield 0, 1
        if narrow and wide.covers(narrow):
            yield 1, 0
    elif narrow and not narrow.repeated and wide.covers(narrow):
        yield 1, 1


def any_meet(some: frozenset[Pattern], others: frozenset[Pattern]) -> bool:
    """Whether any text matches a pattern of both sets."""
    if not some.isdisjoint(others):
        return True
    # Nearly all values are plain texts, whatever their number; only what has a wildcard is compared one by one.
    plain, wild = _split(some)
    other_plain, other_wild = _split(others)
    return (
        any(map(patterns.matcher(_without_placeholders(wild)), other_plain))
        or any(map(patterns.matcher(_without_placeholders(other_wild)), plain))
        or any(meet(shape(one), shape(other)) for one in wild for other in other_wild)
        or any(meet(shape(one), shape(other)) for one in wild if patterns.has_placeholder(one) for other in other_plain)
        or any(meet(shape(one), shape(other)) for one in other_wild if patterns.has_placeholder(one) for other in plain)
    )


def all_within(some: frozenset[Pattern], others: frozenset[Pattern]) -> bool:
    """Whether every text that matches a pattern of `some` certainly matches one of `others`."""
    left = some - others
    if not left:
        return True
    plain, wild = _split(left)
    _, other_wild = _split(others)
    if not other_wild:
        return False
    return all(map(patterns.matcher(_without_placeholders(other_wild)), plain)) and all(
        any(within(shape(one), shape(other)) for other in other_wild) for one in wild
    )


def _split(some: frozenset[Pattern]) -> tuple[list[str], list[Pattern]]:
    plain = [str(pattern) for pattern in some if patterns.is_literal(pattern)]
    return plain, [pattern for pattern in some if not patterns.is_literal(pattern)]


def _without_placeholders(some: list[Pattern]) -> list[Pattern]:
    return [pattern for pattern in some if not patterns.has_placeholder(pattern)]
