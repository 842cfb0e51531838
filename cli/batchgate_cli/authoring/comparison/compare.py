"""For each change of the verdict an example job, or the statement that there is none, or that it is not known."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from random import Random
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from batchgate.policy.checks import ManualApproval, Matches, WithinBudget
from batchgate.policy.compiled import PolicySet, Verdict
from batchgate.policy.evaluate import Decision
from batchgate_cli.authoring.comparison.clauses import MET, Numbers, approval_checks, clauses_of
from batchgate_cli.authoring.comparison.draft import Draft, Example, finished
from batchgate_cli.authoring.comparison.search import Budget, Outcome, SpentError, Votes, find, is_possible
from batchgate_cli.authoring.comparison.space import Option, Space, Universe, universe_of

MORE_PERMISSIVE: Final = (
    (Verdict.CANCEL, Verdict.APPROVE),
    (Verdict.HOLD, Verdict.APPROVE),
    (Verdict.CANCEL, Verdict.HOLD),
)
MORE_CAUTIOUS: Final = (
    (Verdict.APPROVE, Verdict.CANCEL),
    (Verdict.APPROVE, Verdict.HOLD),
    (Verdict.HOLD, Verdict.CANCEL),
)
DIRECTIONS: Final = (*MORE_PERMISSIVE, *MORE_CAUTIOUS)
"""What reviewers fear most comes first."""

JOBS_TRIED: Final = 3_000
"""How many generated jobs are tried where a search could not decide."""

HUNTED_VOTES_AT_MOST: Final = 300_000
"""Fewer jobs are tried of sets so large that this many votes are worked out before."""

APPROVED_JOBS_TRIED: Final = 300
"""How many jobs that people have approved are tried where rules about people changed."""

_TRIES: Final = 20
_TOO_MANY: Final = "more combinations of values than a search tries"


class Change(Struct, frozen=True):
    """Whether any job's verdict changes in one way.

    Attributes:
        outcome: FOUND with an example; NONE where certainly no job is decided so; else UNDECIDED.
        example: A job that the two sets decide so, as the evaluation itself says.
        old, new: Its decisions.
        tried: How many generated jobs were tried where the search did not decide.
    """

    before: Verdict
    after: Verdict
    outcome: Outcome
    example: Example | None = None
    old: Decision | None = None
    new: Decision | None = None
    tried: int = 0

    @property
    def is_more_permissive(self) -> bool:
        """Whether the new verdict is less cautious."""
        return self.after < self.before


class Comparison(Struct, frozen=True):
    """All of them.

    Attributes:
        changes: One for each of `DIRECTIONS`, of jobs that nobody has approved.
        with_approvals: Those that were found for jobs that people have approved, by trying only.
        tried_with_approvals: How many jobs were tried; 0 where no rule about people changed.
        gaps: Why a search that found nothing proves nothing, where one is not decided.
        as_if_enforced: Both sets are in shadow mode, so their verdicts are compared as if they were not.
        first, last: The instants that were considered; None where no check is of the clock.
        mistaken: Jobs that a search found and the evaluation decided differently.
    """

    changes: tuple[Change, ...]
    with_approvals: tuple[Change, ...]
    tried_with_approvals: int
    gaps: tuple[str, ...]
    as_if_enforced: bool
    first: datetime | None
    last: datetime | None
    mistaken: int = 0


def compare(old: PolicySet, new: PolicySet, start: datetime, *, steps: int | None = None) -> Comparison:
    """Compare two sets.

    Args:
        old: The set as it was.
        new: The set as it will be.
        start: Aware UTC instant from which on jobs are considered.
        steps: How much a search may try, for tests.
    """
    return _Comparer(old, new, start, steps).compared()


class _Comparer:
    def __init__(self, old: PolicySet, new: PolicySet, start: datetime, steps: int | None) -> None:
        self.old, self.new, self.steps = old, new, steps
        self.as_if_enforced = old.shadow and new.shadow
        self.numbers = Numbers()
        both = [clauses_of(each, self.numbers, as_if_enforced=self.as_if_enforced) for each in (old, new)]
        self.votes = Votes.of(*both)
        self.start = start.replace(microsecond=0)
        self.mistaken = 0
        self.spent = False

    def compared(self) -> Comparison:
        if not self.votes.old and not self.votes.new:
            changes = [Change(before, after, Outcome.NONE) for before, after in DIRECTIONS]
            universe = Universe([], set(), set(), uncertain=False, first=self.start, last=self.start, has_clock=False)
        else:
            universe = universe_of(self.numbers, self.start)
            changes = [self._searched(universe, before, after) for before, after in DIRECTIONS]
            if any(change.outcome is Outcome.UNDECIDED for change in changes):
                changes = self._hunted(universe, changes)
        with_approvals, tried = self._with_approvals(universe)
        is_undecided = any(change.outcome is Outcome.UNDECIDED for change in changes)
        reasons = universe.gaps | ({_TOO_MANY} if self.spent else set[str]())
        return Comparison(
            changes=tuple(changes),
            with_approvals=tuple(with_approvals),
            tried_with_approvals=tried,
            gaps=tuple(sorted(reasons)) if is_undecided else (),
            as_if_enforced=self.as_if_enforced,
            first=universe.first if universe.has_clock else None,
            last=universe.last if universe.has_clock else None,
            mistaken=self.mistaken,
        )

    def _searched(self, universe: Universe, before: Verdict, after: Verdict) -> Change:
        budget = self._budget()
        surely_none = not universe.uncertain
        try:
            for space in universe.spaces:
                found = find(space, self.numbers.count, self.votes, before, after, budget)
                for options in islice(found, _TRIES):
                    change = self._change(_example(space, options))
                    if change and (change.before, change.after) == (before, after):
                        return self._simplified(change)
                    self.mistaken += not _counts_budgets(self.numbers)
                    surely_none = False
                if surely_none and universe.gaps:
                    again = self._budget()
                    surely_none = not is_possible(space, self.numbers.count, self.votes, before, after, again)
        except SpentError:
            self.spent, surely_none = True, False
        return Change(before, after, Outcome.NONE if surely_none else Outcome.UNDECIDED)

    def _budget(self) -> Budget:
        return Budget() if self.steps is None else Budget(self.steps)

    def _change(self, example: Example) -> Change | None:
        """What the evaluation makes of a job; None where both verdicts are the same."""
        old, new = example.decided_by(self.old), example.decided_by(self.new)
        before, after = self._verdict(old), self._verdict(new)
        if before == after:
            return None
        return Change(before, after, Outcome.FOUND, example, old, new)

    def _verdict(self, decision: Decision) -> Verdict:
        enforced = decision.if_enforced if self.as_if_enforced else None
        return decision.verdict if enforced is None else enforced

    def _simplified(self, change: Change) -> Change:
        """The same change with a job whose creation lies shortly before its suspension, if there is such a job."""
        example = change.example
        job = example.job["Job"] if example else None
        suspended = job.get("SuspendedDate") if isinstance(job, dict) else None
        if example is None or not isinstance(job, dict) or not isinstance(suspended, str) or "CreationTime" not in job:
            return change
        created = datetime.fromisoformat(suspended) - timedelta(minutes=2)
        nicer = self._change(replace(example, job={"Job": {**job, "CreationTime": created.isoformat()}}))
        same = nicer is not None and (nicer.before, nicer.after) == (change.before, change.after)
        return nicer if nicer is not None and same else change

    # --- trying ---

    def _hunted(self, universe: Universe, changes: Sequence[Change]) -> list[Change]:
        """The same changes, where undecided with an example if one turns up among random jobs."""
        found = {(each.before, each.after): each for each in changes if each.outcome is not Outcome.UNDECIDED}
        random = Random(0)  # noqa: S311 - the same jobs each time
        clauses = len(self.votes.shared) + len(self.votes.old) + len(self.votes.new)
        tried = min(JOBS_TRIED, HUNTED_VOTES_AT_MOST // clauses)
        for _ in range(tried):
            if len(found) == len(DIRECTIONS):
                break
            space, options = _random_options(universe.spaces, random)
            before, after = self._expected(space, options)
            if before != after and (before, after) not in found:
                change = self._change(_example(space, options))
                if change:
                    found.setdefault((change.before, change.after), self._simplified(change))
        return [found.get((each.before, each.after), replace(each, tried=tried)) for each in changes]

    def _expected(self, space: Space, options: Sequence[Option]) -> tuple[Verdict, Verdict]:
        """The verdicts that choices come to, by the clauses."""
        results = [MET] * self.numbers.count
        for each in (space.fixed, *(option.results for option in options)):
            for check, result in each.items():
                results[check] = result
        shared, old, new = (
            max((clause.votes(results, results)[1] for clause in some), default=0)
            for some in (self.votes.shared, self.votes.old, self.votes.new)
        )
        return Verdict(max(shared, old)), Verdict(max(shared, new))

    def _with_approvals(self, universe: Universe) -> tuple[list[Change], int]:
        """What changes for jobs that people have approved: where rules about people differ, by trying."""
        approvals = approval_checks(self.numbers)
        changed = {check for clause in (*self.votes.old, *self.votes.new) for check in clause.checks}
        if self.old.approvals == self.new.approvals and changed.isdisjoint(approvals):
            return [], 0
        universe = universe if universe.spaces else universe_of(self.numbers, self.start)
        callers = _callers([self.old.approvals, self.new.approvals, *approvals.values()])
        found: dict[tuple[Verdict, Verdict], Change] = {}
        random = Random(0)  # noqa: S311 - the same jobs each time
        for _ in range(APPROVED_JOBS_TRIED):
            example = replace(
                _example(*_random_options(universe.spaces, random)),
                approvals=tuple(random.sample(callers, random.randint(1, min(3, len(callers))))),
                requester=random.choice([None, *callers]),
            )
            change = self._change(example)
            if change and (change.before, change.after) not in found:
                found[change.before, change.after] = self._simplified(change)
        return [found[direction] for direction in DIRECTIONS if direction in found], APPROVED_JOBS_TRIED


def _counts_budgets(numbers: Numbers) -> bool:
    """Whether what is found may not be so: what a job takes of a budget is left to the evaluation."""
    return any(isinstance(check.measure, WithinBudget) for check in numbers.checks)


def _example(space: Space, options: Sequence[Option]) -> Example:
    draft: Draft = space.start()
    for option in options:
        for put in option.put:
            put(draft)
    return finished(draft)


def _random_options(spaces: Sequence[Space], random: Random) -> tuple[Space, list[Option]]:
    space = random.choice(spaces)
    chosen: list[Option] = []
    waiting = [*space.variables]
    while waiting:
        option = random.choice(waiting.pop().options)
        chosen.append(option)
        waiting += option.then
    return space, chosen


def _callers(asked: Sequence[ManualApproval]) -> list[str]:
    """Callers that the rules about people distinguish."""
    from batchgate_cli.authoring.comparison.space import ACCOUNT
    from batchgate_cli.authoring.comparison.text_regions import text_regions
    from batchgate_cli.authoring.lint.pattern_sets import shape, some_of

    patterns = [Matches(each.by).patterns for each in asked]
    names = some_of("abcdefghijklmnopqrstuvwxyz")
    domains = [
        (*shape(f"arn:aws:sts::{ACCOUNT}:assumed-role/"), *names, *shape("/"), *names),
        (*shape(f"arn:aws:iam::{ACCOUNT}:user/"), *names),
    ]
    known = [f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}" for role in ("admin/ana", "admin/ben", "other/ana")]
    filled = [[shape(each) for each in some if "${" not in str(each)] for some in dict.fromkeys(patterns)]
    found = text_regions(filled, domains, ())
    more = [f"{text}b" for text in found.texts.values()]
    return list(dict.fromkeys([*known, *found.texts.values(), *more]))
