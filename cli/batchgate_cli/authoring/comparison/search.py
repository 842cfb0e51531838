"""Looks for a job on which two policy sets decide differently, or shows that there is none.

A search assigns values to what the checks look at, one at a time, and gives a branch up as soon as the votes that
remain possible exclude the two verdicts. Votes that both sets have in common count for both, so that what did not
change costs nothing.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from batchgate_cli.authoring.comparison.clauses import MET, VIOLATED, Clause
from batchgate_cli.authoring.comparison.space import Option, Space, Variable

VOTES_AT_MOST: Final = 100_000
"""How many votes are worked out for one pair of verdicts before it is left undecided."""


class Outcome(StrEnum):
    """How a search ended."""

    FOUND = "found"
    NONE = "none"
    UNDECIDED = "undecided"


class Votes(Struct, frozen=True):
    """The clauses of two sets, by whose they are."""

    shared: tuple[Clause, ...]
    old: tuple[Clause, ...]
    new: tuple[Clause, ...]

    @classmethod
    def of(cls, old: Sequence[Clause], new: Sequence[Clause]) -> "Votes":
        """Divide the clauses of two sets."""
        in_old, in_new = {clause.key for clause in old}, {clause.key for clause in new}
        return cls(
            tuple(clause for clause in old if clause.key in in_new),
            tuple(clause for clause in old if clause.key not in in_new),
            tuple(clause for clause in new if clause.key not in in_old),
        )


class Budget:
    """How many more votes may be worked out."""

    def __init__(self, votes: int = VOTES_AT_MOST) -> None:
        self.left = votes

    def spend(self, votes: int) -> None:
        """Count some.

        Raises:
            SpentError: There are none left.
        """
        self.left -= votes
        if self.left < 0:
            raise SpentError


class SpentError(Exception):
    """A search tried as much as it may."""


def find(space: Space, count: int, votes: Votes, before: int, after: int, budget: Budget) -> Iterator[list[Option]]:
    """Choices of values by which the old set's verdict is one and the new set's another, each a different try.

    What is not chosen may have any value: it no longer matters.

    Raises:
        SpentError: The budget is spent before all was tried.
    """
    yield from _Search(space, count, votes, before, after, budget, exact=True).all()


def is_possible(space: Space, count: int, votes: Votes, before: int, after: int, budget: Budget) -> bool:
    """Whether there may be such choices, if what is not known completely could come to anything.

    Raises:
        SpentError: The budget is spent before all was tried.
    """
    return next(_Search(space, count, votes, before, after, budget, exact=False).all(), None) is not None


class _State(Struct):
    low: list[int]
    high: list[int]
    least: list[int]
    most: list[int]
    waiting: tuple[Variable, ...]
    chosen: tuple[Option, ...]


class _Search:
    """One pair of verdicts in one space: some clause of `higher` votes `top`, all others at most what they may.

    Not `exact`: variables whose options are not all known are not tried; what depends on them may come to anything.

    Clauses are numbered: those of `higher` first, then those of `lower`, which both sets share or only the other has.
    """

    def __init__(
        self,
        space: Space,
        count: int,
        votes: Votes,
        before: int,
        after: int,
        budget: Budget,
        *,
        exact: bool,
    ) -> None:
        higher, lower = (votes.old, votes.new) if after < before else (votes.new, votes.old)
        self.top, self.bottom, self.budget, self.exact = max(before, after), min(before, after), budget, exact
        self.clauses = [*higher, *votes.shared, *lower]
        self.of_higher = range(len(higher))
        self.of_lower = range(len(higher), len(self.clauses))
        self.by_check: list[list[int]] = [[] for _ in range(count)]
        for number, clause in enumerate(self.clauses):
            for check in clause.checks:
                self.by_check[check].append(number)
        low, high = [MET] * count, [VIOLATED] * count
        for check, result in space.fixed.items():
            low[check] = high[check] = result
        for variable in space.variables:
            self._bound(variable, low, high)
        all_votes = [clause.votes(low, high) for clause in self.clauses]
        self.start = _State(
            low, high, [least for least, _ in all_votes], [most for _, most in all_votes], space.variables, ()
        )

    def all(self) -> Iterator[list[Option]]:
        for culprit in self.of_higher:
            if self.start.most[culprit] >= self.top:
                yield from self._below(self.start, culprit)

    def _below(self, state: _State, culprit: int) -> Iterator[list[Option]]:
        if not self._is_possible(state, culprit):
            return
        open_clause = self._open(state, culprit)
        if open_clause is None:
            yield [*state.chosen]
            return
        asked = self.clauses[open_clause].checks
        touching = [each for each in state.waiting if self._is_tried(each) and not asked.isdisjoint(each.checks)]
        if not touching:
            if not self.exact:  # it depends on what is not known completely
                yield [*state.chosen]
            return
        variable = min(touching, key=lambda each: len(each.options))
        rest = tuple(each for each in state.waiting if each is not variable)
        for option in variable.options:
            yield from self._below(self._assigned(state, variable, option, rest), culprit)

    def _is_possible(self, state: _State, culprit: int) -> bool:
        if state.most[culprit] < self.top:
            return False
        if any(state.least[number] > self.bottom for number in self.of_lower):
            return False
        if any(state.least[number] > self.top for number in self.of_higher):
            return False
        return not self.bottom or any(state.most[number] >= self.bottom for number in self.of_lower)

    def _open(self, state: _State, culprit: int) -> int | None:
        """A clause whose vote still matters; None where both verdicts are certain."""
        if state.least[culprit] < self.top:
            return culprit
        for number in self.of_lower:
            if state.most[number] > self.bottom:
                return number
        for number in self.of_higher:
            if state.most[number] > self.top:
                return number
        if self.bottom and not any(state.least[number] >= self.bottom for number in self.of_lower):
            return next(number for number in self.of_lower if state.most[number] >= self.bottom)
        return None

    def _assigned(self, state: _State, variable: Variable, option: Option, rest: tuple[Variable, ...]) -> _State:
        low, high = state.low.copy(), state.high.copy()
        least, most = state.least.copy(), state.most.copy()
        for check, result in option.results.items():
            low[check] = high[check] = result
        for each in option.then:
            self._bound(each, low, high)
        affected = {number for check in variable.checks for number in self.by_check[check]}
        self.budget.spend(1 + len(affected))
        for number in affected:
            least[number], most[number] = self.clauses[number].votes(low, high)
        return _State(low, high, least, most, (*option.then, *rest), (*state.chosen, option))

    def _bound(self, variable: Variable, low: list[int], high: list[int]) -> None:
        """What each check may come to by any of the variable's options, where those say it themselves."""
        if not self._is_tried(variable):
            for check in variable.checks:
                low[check], high[check] = MET, VIOLATED
        elif not any(option.then for option in variable.options):
            for check in variable.checks:
                results = {option.results[check] for option in variable.options}
                low[check], high[check] = min(results), max(results)

    def _is_tried(self, variable: Variable) -> bool:
        return self.exact or variable.complete
