"""Policy sets as clauses: small votes over the checks of both, so that what both have in common is known as such."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final, TypeAlias

from msgspec import Struct

from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.policy.checks import Check, ManualApproval
from batchgate.policy.compiled import Kind, PolicySet, Statement, Verdict
from batchgate.policy.formulas import AllOf, AnyOf, Formula, checks_in

MET: Final = 0
UNMEASURABLE: Final = 1
VIOLATED: Final = 2
"""Results of a check of a Suspended job, of which nothing is unknown any more; `all` is their greatest, `any` their
least."""

NOTHING: Final = AllOf(())

Key: TypeAlias = "int | tuple[str, frozenset[Key]]"


class Clause(Struct, frozen=True, eq=False):
    """One vote: where `match` is met, by the result of `asked`.

    Attributes:
        on_unmeasurable, on_violated: The vote then: approve, hold or cancel, as a number.
        grace: The number of the pseudo-check that is met when the grace is over, before which cancel is hold.
        key: Equal clauses of two sets have equal keys.
        checks: All that it depends on.
    """

    match: Formula
    asked: Formula
    on_unmeasurable: int
    on_violated: int
    grace: int | None
    key: object
    checks: frozenset[int]

    def votes(self, low: Sequence[int], high: Sequence[int]) -> tuple[int, int]:
        """The least and the most that it votes, given the least and the most of each check's results."""
        match_low, match_high = bounds(self.match, low, high)
        if match_low != MET:
            return 0, 0
        asked_low, asked_high = bounds(self.asked, low, high)
        least, most = self._vote(asked_low, low, high)
        for result in range(asked_low + 1, asked_high + 1):
            there_least, there_most = self._vote(result, low, high)
            least, most = min(least, there_least), max(most, there_most)
        return (least if match_high == MET else 0), most

    def _vote(self, result: int, low: Sequence[int], high: Sequence[int]) -> tuple[int, int]:
        if result == MET:
            return 0, 0
        if result == UNMEASURABLE:
            return self.on_unmeasurable, self.on_unmeasurable
        if self.grace is None or self.on_violated != Verdict.CANCEL:
            return self.on_violated, self.on_violated
        return (
            int(Verdict.CANCEL if high[self.grace] == MET else Verdict.HOLD),
            int(Verdict.CANCEL if low[self.grace] == MET else Verdict.HOLD),
        )


def bounds(formula: Formula, low: Sequence[int], high: Sequence[int]) -> tuple[int, int]:
    """The least and the most that a formula comes to."""
    if isinstance(formula, int):
        return low[formula], high[formula]
    combine, least, most = (max, MET, MET) if isinstance(formula, AllOf) else (min, VIOLATED, VIOLATED)
    for part in formula.parts:
        part_low, part_high = bounds(part, low, high)
        least, most = combine(least, part_low), combine(most, part_high)
    return least, most


class Numbers:
    """The checks of two sets, and pseudo-checks, each by one number."""

    def __init__(self) -> None:
        self.checks: dict[Check, int] = {}
        self.graces: dict[timedelta, int] = {}
        self.operations: dict[str, int] = {}
        self.count = 0
        self.is_known = self._next()
        self.is_unknown = self._next()

    def _next(self) -> int:
        self.count += 1
        return self.count - 1

    def check(self, check: Check) -> int:
        """A check's number."""
        if check not in self.checks:
            self.checks[check] = self._next()
        return self.checks[check]

    def grace(self, grace: timedelta) -> int:
        """The number of "this grace is over"."""
        if grace not in self.graces:
            self.graces[grace] = self._next()
        return self.graces[grace]

    def operation(self, name: str) -> int:
        """The number of "the operation is this one"."""
        if name not in self.operations:
            self.operations[name] = self._next()
        return self.operations[name]


def clauses_of(policies: PolicySet, numbers: Numbers, *, as_if_enforced: bool) -> list[Clause]:
    """The votes of a set on a Suspended job that nobody has approved; the greatest is the verdict."""
    if policies.shadow and not as_if_enforced:
        return [_clause(NOTHING, AnyOf(()), 0, int(Verdict.HOLD), None)]
    return list(_Clauses(policies, numbers).all())


class _Clauses:
    def __init__(self, policies: PolicySet, numbers: Numbers) -> None:
        self.policies, self.numbers = policies, numbers
        self.renumbered: dict[int, Formula] = {
            number: numbers.check(check) for number, check in enumerate(policies.checks)
        }
        for exemption in policies.exemptions:
            self.renumbered[exemption.number] = self._formula(exemption.any_of)

    def _formula(self, formula: Formula) -> Formula:
        if isinstance(formula, int):
            return self.renumbered[formula]
        return type(formula)(tuple(map(self._formula, formula.parts)))

    def all(self) -> Iterator[Clause]:
        hold = int(Verdict.HOLD)
        matches: list[Formula] = []
        naming: list[Formula] = []
        seen: set[object] = set()
        for statement in self.policies.enforced:
            match = self._formula(statement.match)
            if statement.kind is Kind.POLICY:
                matches.append(match)
                naming += self._naming(statement, match)
            for clause in (_clause(NOTHING, match, hold, 0, None), *self._of_requirements(statement, match)):
                if clause.key not in seen:
                    seen.add(clause.key)
                    yield clause
        yield _clause(NOTHING, AnyOf(tuple(matches)), 0, hold, None)
        if self.policies.unmatched is Verdict.CANCEL:
            grace = self.numbers.grace(self.policies.cancel_grace)
            unmatched = AnyOf((*matches, self.numbers.is_unknown))
            yield _clause(NOTHING, unmatched, 0, int(Verdict.CANCEL), grace)
        yield _clause(NOTHING, AnyOf((self.numbers.is_known, *naming)), hold, hold, None)

    def _naming(self, statement: Statement, match: Formula) -> Iterator[Formula]:
        names = sorted(statement.names_operations - KNOWN_OPERATIONS)
        if names:
            yield AllOf((match, AnyOf(tuple(map(self.numbers.operation, names)))))

    def _of_requirements(self, statement: Statement, match: Formula) -> Iterator[Clause]:
        for requirement in statement.requirements:
            cancels = requirement.on_violation is Verdict.CANCEL
            grace = self.numbers.grace(requirement.grace) if cancels else None
            asked = self._formula(requirement.whole)
            yield _clause(match, asked, int(Verdict.HOLD), int(requirement.on_violation), grace)


def _clause(match: Formula, asked: Formula, on_unmeasurable: int, on_violated: int, grace: int | None) -> Clause:
    key = (_key(match), _key(asked), on_unmeasurable, on_violated, grace)
    checks = frozenset((*checks_in(match), *checks_in(asked), *(() if grace is None else (grace,))))
    return Clause(match, asked, on_unmeasurable, on_violated, grace, key, checks)


def _key(formula: Formula) -> Key:
    """The same for formulas that differ in order, repetition and needless grouping only."""
    if isinstance(formula, int):
        return formula
    word = "all" if isinstance(formula, AllOf) else "any"
    parts: set[Key] = set()
    for part in map(_key, formula.parts):
        parts |= part[1] if isinstance(part, tuple) and part[0] == word else {part}
    return next(iter(parts)) if len(parts) == 1 else (word, frozenset(parts))


def approval_checks(numbers: Numbers) -> Mapping[int, ManualApproval]:
    """The checks of people's approvals: unmeasurable as long as nobody approves."""
    return {
        number: check.measure for check, number in numbers.checks.items() if isinstance(check.measure, ManualApproval)
    }
