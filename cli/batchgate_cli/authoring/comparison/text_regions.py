"""The texts that several patterns distinguish: one for each combination of those that match."""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final, TypeAlias

from msgspec import Struct

from batchgate.policy.patterns import CharClass, Pattern, pieces
from batchgate_cli.authoring.lint.pattern_sets import Shape, Symbol

Vector: TypeAlias = tuple[bool, ...]
"""Which of several tests a text passes."""

_STEPS_AT_MOST: Final = 60_000
_PREFERRED: Final = "aex1b20cdfghijklmnopqrstuvwyz3456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-/._: "
_PREFERRED_PLACES: Final = {character: place for place, character in enumerate(_PREFERRED)}
_SURROGATES: Final = range(0xD800, 0xE000)


class TextRegions(Struct, frozen=True):
    """One text for each combination of tests that some text passes together, and no other.

    Attributes:
        texts: The texts, by the tests that they pass.
        complete: Whether there is certainly no other combination.
        searched: The same, but for combinations whose only text that was found is none that is wanted.
    """

    texts: dict[Vector, str]
    complete: bool
    searched: bool


def anything(_: str) -> bool:
    """Accept any text."""
    return True


def text_regions(
    tests: Iterable[Iterable[Shape]],
    domains: Iterable[Shape],
    liked: Iterable[str] = (),
    accepts: Callable[[str], bool] = anything,
) -> TextRegions:
    """Find a text for each combination of tests.

    Args:
        tests: Each is passed by a text that is in any of its shapes.
        domains: Every text is in one of these.
        liked: Texts to prefer where they are in the domain, the first most.
        accepts: What texts must be beside; where it refuses the only text found, the answer is not complete.
    """
    return _text_regions(tuple(map(tuple, tests)), tuple(domains), tuple(dict.fromkeys(liked)), accepts)


@lru_cache(maxsize=512)
def _text_regions(
    tests: tuple[tuple[Shape, ...], ...],
    domains: tuple[Shape, ...],
    liked: tuple[str, ...],
    accepts: Callable[[str], bool],
) -> TextRegions:
    exact = _Exact(tests, domains)
    machine = _Machine([*exact.reduced, domains])
    found: dict[Vector, str] = {}
    for text in liked:
        vector = exact.run(text)
        if vector[-1] and vector[:-1] not in found and accepts(text):
            found[vector[:-1]] = text
    refused: set[Vector] = set()
    queue, seen, steps = deque([(machine.start, "")]), {machine.start}, 0
    while queue and len(found) < 2 ** len(tests):
        state, text = queue.popleft()
        vector = machine.passed(state)
        if vector[-1] and vector[:-1] not in found:
            if accepts(text) and exact.run(text) == vector:
                found[vector[:-1]] = text
            else:
                refused.add(vector[:-1])
        steps += len(machine.characters)
        if steps > _STEPS_AT_MOST:
            return TextRegions(found, complete=False, searched=False)
        for character, after in machine.steps(state):
            if after not in seen and machine.may_end(after):
                seen.add(after)
                queue.append((after, text + character))
    return TextRegions(found, complete=refused <= found.keys(), searched=True)


class _Exact:
    """Tests of which many shapes may be single texts: one such text stands for all that pass the same tests.

    Attributes:
        reduced: The tests with those texts only. Another of the texts passes fewer of them than it should.
    """

    def __init__(self, tests: Sequence[Sequence[Shape]], domains: Sequence[Shape]) -> None:
        self._single = [{_text(shape) for shape in shapes if _is_text(shape)} for shapes in tests]
        wild = [[shape for shape in shapes if not _is_text(shape)] for shapes in tests]
        self._wild = _Machine([*wild, domains])
        by_vector: dict[Vector, str] = {}
        for text in sorted(set[str]().union(*self._single)):
            by_vector.setdefault(self.run(text), text)
        kept = {*by_vector.values()}
        self.reduced = [
            [*some, *(shape for shape in shapes if _is_text(shape) and _text(shape) in kept)]
            for some, shapes in zip(wild, tests, strict=True)
        ]

    def run(self, text: str) -> Vector:
        """Which tests a text passes, and whether it is in the domain."""
        *passed, is_in_domain = self._wild.run(text)
        return (*(one or text in some for one, some in zip(passed, self._single, strict=True)), is_in_domain)


def _is_text(shape: Shape) -> bool:
    return all(not symbol.repeated and len(symbol.ranges) == 1 and len({*symbol.ranges[0]}) == 1 for symbol in shape)


def _text(shape: Shape) -> str:
    return "".join(chr(symbol.ranges[0][0]) for symbol in shape)


_State: TypeAlias = frozenset[int]


class _Machine:
    """All shapes at once: a state is the set of places that one may have come to in any of them."""

    def __init__(self, tests: Sequence[Sequence[Shape]]) -> None:
        self._symbols: list[Symbol | None] = []
        self._ends: list[frozenset[int]] = []
        starts: list[int] = []
        for shapes in tests:
            ends: set[int] = set()
            for shape in shapes:
                starts.append(len(self._symbols))
                self._symbols += [*shape, None]
                ends.add(len(self._symbols) - 1)
            self._ends.append(frozenset(ends))
        self._domain = range(starts[-len(tests[-1])] if tests[-1] else 0, len(self._symbols))
        self.start = frozenset(chain.from_iterable(map(self._reached, starts)))
        self.characters = _characters(symbol for symbol in self._symbols if symbol)
        self._table = [
            {
                place: tuple(self._reached(place if symbol.repeated else place + 1))
                for place, symbol in enumerate(self._symbols)
                if symbol and _has(symbol, ord(character))
            }
            for character in self.characters
        ]

    def _reached(self, place: int) -> Iterator[int]:
        """A place, and those that are reached from it without a character."""
        yield place
        while (symbol := self._symbols[place]) and symbol.repeated:
            place += 1
            yield place

    def steps(self, state: _State) -> Iterator[tuple[str, _State]]:
        for character, table in zip(self.characters, self._table, strict=True):
            yield character, frozenset(chain.from_iterable(table[place] for place in state if place in table))

    def run(self, text: str) -> Vector:
        state: Iterable[int] = self.start
        for character in text:
            code = ord(character)
            state = {
                reached
                for place in state
                if (symbol := self._symbols[place]) and _has(symbol, code)
                for reached in self._reached(place if symbol.repeated else place + 1)
            }
        return self.passed(frozenset(state))

    def passed(self, state: _State) -> Vector:
        return tuple(not ends.isdisjoint(state) for ends in self._ends)

    def may_end(self, state: _State) -> bool:
        """Whether a text that comes to this state may still be in the domain."""
        return any(place in self._domain for place in state)


def _has(symbol: Symbol, code: int) -> bool:
    return any(low <= code <= high for low, high in symbol.ranges)


def _characters(symbols: Iterable[Symbol]) -> list[str]:
    """One character for each set that the symbols distinguish, those first that read best."""
    different = {symbol.ranges for symbol in symbols}
    edges = sorted({0, *(edge for ranges in different for low, high in ranges for edge in (low, high + 1))})
    places = {bisect_right(edges, ord(character)) - 1: character for character in reversed(_PREFERRED)}
    by_kind: dict[frozenset[int], str] = {}
    for place, low in enumerate(edges):
        high = edges[place + 1] - 1 if place + 1 < len(edges) else 0x10FFFF
        character = places.get(place) or _printable(low, high)
        if character:
            kind = frozenset(number for number, ranges in enumerate(different) if any(a <= low <= b for a, b in ranges))
            if kind and _rank(character) < _rank(by_kind.get(kind, "")):
                by_kind[kind] = character
    return sorted(by_kind.values(), key=_rank)


def _rank(character: str) -> int:
    return _PREFERRED_PLACES.get(character, ord(character) + len(_PREFERRED)) if character else 1 << 30


def _printable(low: int, high: int) -> str:
    codes = [code for code in range(low, min(high, low + 200) + 1) if code not in _SURROGATES]
    return next((chr(code) for code in codes if chr(code).isprintable()), chr(codes[0]) if codes else "")


def instance(pattern: Pattern) -> str:
    """A text that a pattern without placeholders matches, as a person would write one."""
    return "".join(map(_one, pieces(pattern)))


def _one(piece: str | CharClass) -> str:
    if isinstance(piece, str):
        return {"*": "example", "?": "1"}.get(piece, piece)
    if piece.others:
        inside = [(ord(first), ord(last)) for first, last in piece.ranges]
        return next(each for each in _PREFERRED if not any(low <= ord(each) <= high for low, high in inside))
    return piece.ranges[0][0]
