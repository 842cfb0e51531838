"""Conditions made ready: checks by number, joined by all and any."""

from collections.abc import Collection, Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct

from batchgate.policy.facts import Result


class AllOf(Struct, frozen=True):
    """Violated if any part is; else unknown; else unmeasurable; else met. Of nothing: met."""

    parts: tuple["Formula", ...]


class AnyOf(Struct, frozen=True):
    """Met if any part is; else unknown; else unmeasurable; else violated."""

    parts: tuple["Formula", ...]


Formula: TypeAlias = int | AllOf | AnyOf
"""A check's number, or formulas joined."""

Reach: TypeAlias = tuple[int, int]
"""When a formula is met, and when it is violated: a bit for each of several outcomes of the checks."""

_PREFERRED_BY_ANY = (Result.UNKNOWN, Result.UNMEASURABLE)


def evaluate(formula: Formula, results: Sequence[Result]) -> Result:
    """What a formula comes to, given what each check came to."""
    if isinstance(formula, int):
        return results[formula]
    return join(formula, [results[part] if type(part) is int else evaluate(part, results) for part in formula.parts])


def join(formula: AllOf | AnyOf, found: Collection[Result]) -> Result:
    """What a formula comes to, given what each of its parts came to."""
    if isinstance(formula, AllOf):
        return max(found) if found else Result.MET
    if Result.MET in found:
        return Result.MET
    return next((result for result in _PREFERRED_BY_ANY if result in found), Result.VIOLATED)


def reach(formula: Formula, reaches: Sequence[Reach], everything: int) -> Reach:
    """What a formula comes to under several outcomes at once, given what each check does.

    Where it is neither met nor violated it is unknown or unmeasurable.
    """
    if isinstance(formula, int):
        return reaches[formula]
    is_all = isinstance(formula, AllOf)
    by_all, by_any = everything, 0  # of an `all` met and violated, of an `any` violated and met
    for part in formula.parts:
        met, violated = reaches[part] if type(part) is int else reach(part, reaches, everything)
        if is_all:
            by_all &= met
            by_any |= violated
        else:
            by_all &= violated
            by_any |= met
    return (by_all, by_any) if is_all else (by_any, by_all)


def checks_in(formula: Formula) -> Iterator[int]:
    """The numbers of all checks in a formula."""
    if isinstance(formula, int):
        yield formula
    else:
        for part in formula.parts:
            yield from checks_in(part)
