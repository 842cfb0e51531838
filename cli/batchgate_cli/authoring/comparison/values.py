"""Values of a job's members that tests distinguish: one for each combination of tests that some value passes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from batchgate.jobs.model import JobRef, Json
from batchgate.jobs.request_model import Kind, Shape
from batchgate.policy import patterns
from batchgate.policy.checks import (
    Below,
    Between,
    Dated,
    Elements,
    Equals,
    Every,
    Held,
    Matches,
    Not,
    OneOf,
    Present,
    Test,
)
from batchgate.policy.facts import JobFacts
from batchgate.policy.patterns import Glob, Pattern
from batchgate_cli.authoring.comparison.text_regions import instance, text_regions
from batchgate_cli.authoring.lint.pattern_sets import ANYTHING, meet, shape
from batchgate_cli.authoring.lint.pattern_sets import Shape as Form

COMBINED_AT_MOST: Final = 400
"""Values of one structure or list; where there are more, the answer is not complete."""

_MICROSECOND: Final = timedelta(microseconds=1)
_TEXT: Final = Shape(kind=Kind.STRING)


class Ask(Struct, frozen=True):
    """A test of what a path leads to, below the value that is looked for.

    Attributes:
        number: Whose result it is.
    """

    number: int
    path: tuple[str, ...]
    test: Test


class Region(Struct, frozen=True):
    """A value, None for an absent one, and which tests it passes, by their numbers."""

    value: Json
    results: Mapping[int, Held]


class Context:
    """What the values are made for.

    Attributes:
        facts: The job's account, Region and creation, which tests may compare with.
        gaps: What could not be worked out completely, in words.
        noted: How often that was so.
    """

    def __init__(self, facts: JobFacts) -> None:
        self.facts = facts
        self.gaps: set[str] = set()
        self.noted = 0

    def note(self, gap: str) -> None:
        """Note what could not be worked out completely."""
        self.gaps.add(gap)
        self.noted += 1

    @property
    def ref(self) -> JobRef:
        """The job."""
        return self.facts.ref

    @property
    def created(self) -> datetime:
        """When the job was created; tests of a job without a creation decide nothing, so any instant does."""
        return self.facts.created or self.facts.now


def holds(test: Test, value: object, context: Context) -> Held:
    """Whether a test holds of a value."""
    return test.predicate()(value, context.facts)


def regions(form: Shape, asks: Sequence[Ask], context: Context) -> list[Region]:
    """An absent value, and values of this form."""
    absent = Region(None, {ask.number: holds(ask.test, None, context) for ask in asks})
    return different([absent, *_present(form, asks, context)])


def different(found: Iterable[Region]) -> list[Region]:
    """The first of those with the same results."""
    kept: dict[tuple[tuple[int, Held], ...], Region] = {}
    for region in found:
        kept.setdefault(tuple(sorted(region.results.items())), region)
    return list(kept.values())


def _present(form: Shape, asks: Sequence[Ask], context: Context) -> list[Region]:
    if form.kind in (Kind.STRUCTURE, Kind.MAP):
        return _structures(form, asks, context)
    tests = [ask.test for ask in asks]
    return _tested(values(form, tests, context), asks, context)


def _tested(found: Iterable[Json], asks: Sequence[Ask], context: Context) -> list[Region]:
    predicates = [(ask.number, ask.test.predicate()) for ask in asks]
    return different(
        Region(value, {number: passes(value, context.facts) for number, passes in predicates}) for value in found
    )


def values(form: Shape, tests: Sequence[Test], context: Context) -> list[Json]:
    """Values of a form that has no members, which the tests distinguish."""
    match form.kind:
        case Kind.BOOLEAN:
            return [True, False]
        case Kind.INTEGER | Kind.LONG:
            return [*numbers(tests, 0, (1 << 63) - 1)]
        case Kind.TIMESTAMP:
            return _times(tests, context)
        case Kind.LIST:
            return _lists(form.element or _TEXT, tests, context)
        case _:
            return list(form.values) or list(texts(tests, context))


def numbers(tests: Iterable[Test], lowest: int, highest: int, usual: int = 1) -> list[int]:
    """The numbers beside every end of a range, a usual one first."""
    found = {usual, lowest}
    for atom in atoms(tests):
        match atom:
            case Between(at_least=low, at_most=high):
                found |= {low - 1, low} if low is not None else set()
                found |= {high, high + 1} if high is not None else set()
            case Equals(value=int(value)) if not isinstance(value, bool):
                found |= {value - 1, value, value + 1}
            case _:
                pass
    others = sorted(number for number in found - {usual} if lowest <= number <= highest)
    return [usual, *others]


def _times(tests: Iterable[Test], context: Context) -> list[Json]:
    found = {context.created}
    dated = [atom for atom in atoms(tests) if isinstance(atom, Dated)]
    if any(atom.within is not None for atom in dated) and any(atom.before or atom.after for atom in dated):
        context.note("times that are compared both with a date and with the job's creation")
    for atom in dated:
        for edge in (atom.before, atom.after):
            found |= {edge, edge - _MICROSECOND} if edge else set()
        if atom.within is not None:
            end = context.created + atom.within
            found |= {end, end + _MICROSECOND}
    return [instant.isoformat() for instant in sorted(found)]


def texts(
    tests: Iterable[Test], context: Context, liked: Iterable[str] = (), domain: Sequence[Form] = ((ANYTHING,),)
) -> list[str]:
    """Texts that the patterns distinguish."""
    found = {atom.patterns: None for atom in atoms(tests) if isinstance(atom, Matches)}
    filled = [filled_in(each, context) for each in found]
    found_texts = text_regions(
        [[shape(pattern) for pattern in each] for each in filled],
        domain,
        (*liked, "example", *(instance(pattern) for each in filled for pattern in sorted(each, key=str)[:50])),
    )
    if not found_texts.complete:
        context.note("patterns too many or too long to compare")
    return list(found_texts.texts.values())


def filled_in(some: frozenset[Pattern], context: Context) -> frozenset[Pattern]:
    """Patterns with the job's own account, Region and partition."""
    return frozenset(_filled(pattern, context) for pattern in some)


def _filled(pattern: Pattern, context: Context) -> Pattern:
    text = patterns.fill_placeholders(str(pattern), context.ref)
    return text if isinstance(pattern, str) else Glob(text)


def note_placeholders(tests: Iterable[Test], context: Context) -> None:
    """Which account a job has matters where `${...}` may coincide with what another pattern says."""
    some = {pattern for atom in atoms(tests) if isinstance(atom, Matches) for pattern in atom.patterns}
    for one in some:
        if patterns.has_placeholder(one) and any(other != one and meet(shape(one), shape(other)) for other in some):
            context.note("patterns with ${...} that overlap with others")
            return


def atoms(tests: Iterable[Test]) -> Iterator[Test]:
    """The tests of single values that others are made of."""
    for test in tests:
        match test:
            case Not(test=inner) | Elements(test=inner) | Below(test=inner):
                yield from atoms([inner])
            case OneOf(tests=several) | Every(tests=several):
                yield from atoms(sorted(several, key=lambda each: each.wanted))
            case _:
                yield test


# --- structures and lists -----------------------------------------------------------------------------


def _structures(form: Shape, asks: Sequence[Ask], context: Context) -> list[Region]:
    below: dict[str, list[Ask]] = {}
    for ask in asks:
        if ask.path:
            name, rest = (ask.path[0], ask.path[1:]) if form.kind is Kind.STRUCTURE else (".".join(ask.path), ())
            below.setdefault(name, []).append(Ask(ask.number, rest, ask.test))
    own = [ask for ask in asks if not ask.path]
    found: list[tuple[dict[str, Json], dict[int, Held]]] = [({}, {})]
    for name, inner in below.items():
        member = form.members.get(name) if form.kind is Kind.STRUCTURE else form.element
        choices = regions(member or guessed(inner), inner, context)
        found = [
            ({**value, name: choice.value} if choice.value is not None else value, {**results, **choice.results})
            for value, results in found
            for choice in choices
        ]
        if len(found) > COMBINED_AT_MOST:
            context.note("structures with more combinations of members than are searched")
            found = found[:COMBINED_AT_MOST]
    return different(
        Region(value, {**results, **{ask.number: holds(ask.test, value, context) for ask in own}})
        for value, results in found
    )


def _lists(element: Shape, tests: Sequence[Test], context: Context) -> list[Json]:
    inner = list(dict.fromkeys(elements_in(tests)))
    asks = [
        Ask(number, tuple(path.split(".")) if path else (), test)
        for number, (path, test) in enumerate(dict.fromkeys(leaf for each in inner for leaf in _leaves(each.test)))
    ]
    found = _present(element, asks, context) if asks else []
    vectors = [(region.value, tuple(holds(each.test, region.value, context) for each in inner)) for region in found]
    return collections(vectors, context)


def elements_in(tests: Iterable[Test]) -> Iterator[Elements]:
    """The tests of several values that these are made of."""
    for test in tests:
        match test:
            case Elements():
                yield test
            case Not(test=inner):
                yield from elements_in([inner])
            case OneOf(tests=several) | Every(tests=several):
                yield from elements_in(several)
            case _:
                pass


def _leaves(test: Test) -> Iterator[tuple[str, Test]]:
    match test:
        case Every(tests=several):
            for each in sorted(several, key=lambda each: each.wanted):
                yield from _leaves(each)
        case Below(path=path, test=inner):
            yield path, inner
        case _:
            yield "", test


def collections(
    elements: Sequence[tuple[Json, tuple[Held, ...]]], context: Context, *, empty: bool = True
) -> list[Json]:
    """Lists that `any`, `only` and `none` distinguish: one for each set of results that elements may have together."""
    different_elements = {vector: value for value, vector in reversed(elements)}
    seen: dict[tuple[frozenset[Held], ...], list[Json]] = {}
    waiting: list[tuple[tuple[frozenset[Held], ...], list[Json]]] = []
    width = len(next(iter(different_elements), ()))
    start: tuple[frozenset[Held], ...] = tuple(frozenset[Held]() for _ in range(width))
    waiting.append((start, []))
    while waiting:
        results, chosen = waiting.pop(0)
        if results in seen and (chosen or not width):
            continue
        if chosen or empty:
            seen[results] = chosen
        if len(seen) > COMBINED_AT_MOST:
            context.note("lists with more combinations of elements than are searched")
            break
        for vector, value in different_elements.items():
            joined = tuple(one | {other} for one, other in zip(results, vector, strict=True))
            if joined not in seen:
                waiting.append((joined, [*chosen, value]))
    return list(seen.values())


def guessed(asks: Sequence[Ask]) -> Shape:
    """The form of a value that S3's model does not have, from what is asked of it."""
    if any(ask.path for ask in asks):
        return Shape(kind=Kind.STRUCTURE)
    for test in atoms_or_elements(ask.test for ask in asks):
        match test:
            case Between():
                return Shape(kind=Kind.LONG)
            case Equals(value=bool()):
                return Shape(kind=Kind.BOOLEAN)
            case Equals():
                return Shape(kind=Kind.LONG)
            case Dated():
                return Shape(kind=Kind.TIMESTAMP)
            case Elements(test=inner):
                is_text = isinstance(inner, Matches)
                return Shape(kind=Kind.LIST, element=_TEXT if is_text else Shape(kind=Kind.STRUCTURE))
            case Present():
                continue
            case _:
                break
    return _TEXT


def atoms_or_elements(tests: Iterable[Test]) -> Iterator[Test]:
    """The same as `atoms`, but for tests of several values, which are given whole."""
    for test in tests:
        match test:
            case Not(test=inner):
                yield from atoms_or_elements([inner])
            case OneOf(tests=several) | Every(tests=several):
                yield from atoms_or_elements(sorted(several, key=lambda each: each.wanted))
            case _:
                yield test
