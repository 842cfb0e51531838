"""Compiled conditions: checks by number, joined by all and any."""

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

Bits: TypeAlias = int
"""For which of several outcomes of the checks something holds: a bit for each."""

_PREFERRED_BY_ANY = (Result.MET, Result.UNKNOWN, Result.UNMEASURABLE)


def evaluate(formula: Formula, results: Sequence[Result]) -> Result:
    """The result of a formula, given the result of each check."""
    if isinstance(formula, int):
        return results[formula]
    return join(formula, [results[part] if type(part) is int else evaluate(part, results) for part in formula.parts])


def join(formula: AllOf | AnyOf, found: Collection[Result]) -> Result:
    """The result of a formula, given the result of each of its parts."""
    if isinstance(formula, AllOf):
        return max(found) if found else Result.MET
    for result in _PREFERRED_BY_ANY:
        if result in found:
            return result
    return Result.VIOLATED


def bits(formula: Formula, of_checks: Sequence[Bits], everything: Bits) -> Bits:
    """For which of several outcomes at once a formula holds, given for which each check does.

    Given when each check is met, it is when the formula is met. Given when each is not violated, it is when the
    formula is not violated.
    """
    if isinstance(formula, AllOf):
        found = everything
        for part in formula.parts:
            found &= of_checks[part] if type(part) is int else bits(part, of_checks, everything)
    elif isinstance(formula, int):
        found = of_checks[formula]
    else:
        found = 0
        for part in formula.parts:
            found |= of_checks[part] if type(part) is int else bits(part, of_checks, everything)
    return found


def unknown_bits(
    formula: Formula,
    unknown: Sequence[Bits],
    met: Sequence[Bits],
    not_violated: Sequence[Bits],
    everything: Bits,
) -> Bits:
    """For which of several outcomes at once a formula is unknown, given for which each check is that, and the rest."""
    if isinstance(formula, int):
        return unknown[formula]
    found = 0
    for part in formula.parts:
        found |= unknown_bits(part, unknown, met, not_violated, everything)
    if isinstance(formula, AllOf):
        return found & bits(formula, not_violated, everything)
    return found & ~bits(formula, met, everything)


def checks_in(formula: Formula) -> Iterator[int]:
    """The numbers of all checks in a formula."""
    if isinstance(formula, int):
        yield formula
    else:
        for part in formula.parts:
            yield from checks_in(part)
