"""The policies as they are evaluated: each different check, match and requirement once, joined by their numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum, StrEnum
from typing import Protocol, TypeVar

from msgspec import Struct

from batchgate.policy import checks
from batchgate.policy.budgets import Budget
from batchgate.policy.checks import ManualApproval, WithinBudget
from batchgate.policy.clock import ClockChecks
from batchgate.policy.facts import JobFacts, Result
from batchgate.policy.formulas import AllOf, AnyOf, Formula

T = TypeVar("T")


class Verdict(IntEnum):
    """The verdict on a job, ordered by caution."""

    APPROVE = 0
    HOLD = 1
    WAIT = 2
    CANCEL = 3

    def __str__(self) -> str:
        return self.name.lower()


VOTES_OF_DOUBT = (None, Verdict.HOLD, Verdict.WAIT, None)
"""The vote of a statement whose match is unknown or unmeasurable, by the result of the match."""


class Kind(StrEnum):
    """The two kinds of statement."""

    POLICY = "policy"
    GUARDRAIL = "guardrail"


class Picker(Protocol):
    """Takes items at certain places out of a list."""

    def __call__(self, items: Sequence[T], /) -> tuple[T, ...]:
        """Those items, in the places' order."""


class Lift(Struct, frozen=True):
    """What lifts a requirement: its own `unless`, or an exception.

    Attributes:
        exception: The exception's name; None for an `unless`.
        because: The exception's reason; None for an `unless`.
    """

    condition: Formula
    exception: str | None = None
    because: str | None = None


class Exemption(Struct, frozen=True, eq=False):
    """All exceptions that lift one statement, evaluated once however many requirements it has.

    Attributes:
        number: The position of its result, after the results of all checks.
        lifts: The exceptions.
        any_of: Met where one of them lifts.
    """

    number: int
    lifts: tuple[Lift, ...]
    any_of: AnyOf


class Requirement(Struct, frozen=True):
    """One requirement of a statement.

    Attributes:
        own: The condition as written.
        unless: What lifts it here; None if nothing is written.
        exemption: The exceptions that lift it; None where there are none.
        whole: `own` or any of the lifts.
        on_violation: HOLD or CANCEL: its own, else the statement's, else hold.
        grace: How long after the job was suspended a violation cancels; before, it holds.
        own_grace: Whether the grace is its own, and not the set's.
        message: The author's message, for the reason; None if there is none.
        position: Its place in the statement's `require`, counted from 0.
        approvals: The numbers of its checks of `manual_approval`.
        budgets: The budgets that it names.
    """

    own: Formula
    unless: Lift | None
    exemption: Exemption | None
    whole: Formula
    on_violation: Verdict
    grace: timedelta
    own_grace: bool
    message: str | None
    position: int
    approvals: tuple[int, ...] = ()
    budgets: tuple[Budget, ...] = ()

    @property
    def lifts(self) -> tuple[Lift, ...]:
        """What may lift it."""
        exceptions = self.exemption.lifts if self.exemption else ()
        return (self.unless, *exceptions) if self.unless else exceptions

    def vote(self, result: Result, facts: JobFacts) -> Verdict | None:
        """Its vote, given its result; None if it is met."""
        if result is not Result.VIOLATED:
            return VOTES_OF_DOUBT[result]
        return after_grace(self.on_violation, self.grace, facts)


def after_grace(verdict: Verdict, grace: timedelta, facts: JobFacts) -> Verdict:
    """The verdict of a violation; where it is cancel and the grace is not over, hold."""
    return Verdict.HOLD if verdict is Verdict.CANCEL and not facts.is_over(grace) else verdict


@dataclass(frozen=True, slots=True)
class Statement:
    """One policy or guardrail.

    Attributes:
        enforced: False in shadow: traced, and as if absent. The set's own mode is not in it.
        consent: Its vote where it governs and every requirement is met: APPROVE of a policy, None of a guardrail.
        match: Where it is met, the statement governs.
        match_number: The number of the match; statements with equal matches share it.
        pick_requirements: Picks its requirements' items from a list parallel to `PolicySet.requirements`.
        checks: Every check in match and require, except those that only lift; if all are met, it governs and is met.
        match_checks: The checks directly in match; if one is violated, it does not govern.
        names_operations: The operations that match names literally.
        depends_on_time: Whether its vote may change with time alone, apart from the end of a grace.
        cancels: Whether a violation of any of its requirements cancels.
        budgets: The budgets that its requirements name.
        match_depends_only_on_time: Whether its match consists of checks of the clock only.
        beyond_time: Its requirements, except those that only hold and consist of checks of the clock only.
    """

    name: str
    kind: Kind
    enforced: bool
    consent: Verdict | None
    match: AllOf
    match_number: int
    requirements: tuple[Requirement, ...]
    checks: frozenset[int]
    match_checks: frozenset[int]
    names_operations: frozenset[str]
    depends_on_time: bool
    cancels: bool
    match_depends_only_on_time: bool
    budgets: tuple[Budget, ...]
    beyond_time: tuple[Requirement, ...] = field(compare=False, repr=False)
    pick_requirements: Picker = field(compare=False, repr=False)


class Question(Struct, frozen=True):
    """One measure with all tests of it in the set, so that it is read once.

    Attributes:
        tests: Each check's number and test.
        subject: The measure's name in reasons and traces, in printable ASCII.
        wanted: Each check's number and what its test wants, in printable ASCII.
    """

    measure: checks.Measure
    tests: tuple[tuple[int, checks.Predicate], ...]
    subject: str
    wanted: tuple[tuple[int, str], ...]


class PolicySet(Struct, frozen=True):
    """The policies that a deployment enforces.

    Attributes:
        version: First 12 hex digits of the SHA-256 of the canonical JSON.
        shadow: The whole set evaluates and records only.
        unmatched: HOLD or CANCEL: the vote on a job that no policy matches.
        cancel_ungated: Whether a job created without confirmation may be cancelled.
        cancel_grace: How long after a job was suspended `unmatched` may cancel it at the earliest.
        cancel_held_after: How long a job is held for reasons that are known; None for ever.
        statements: Policies, then guardrails, in the document's order.
        enforced: Those that are not in shadow, by name.
        time_dependent: Of these, those whose votes may change with time alone.
        time_dependent_graces: The graces of their requirements that cancel, the shortest first.
        checks: Every different check of the set, by number.
        matches: How many different matches there are.
        requirements: Every different requirement, by number.
        exemptions: What lifts statements, in the order of their results behind those of the checks.
        questions: The checks by measure, so that each measure is read once.
        clock: The checks of the clock.
        budgets: The budgets that statements name, by name.
        budget_checks: The numbers of the checks of them.
        approvals: Whose approvals lift holds.
        asks_for_approvals: Whether the document says so, or any statement wants more than any one person's approval.
    """

    version: str
    shadow: bool
    unmatched: Verdict
    cancel_ungated: bool
    cancel_grace: timedelta
    cancel_held_after: timedelta | None
    statements: tuple[Statement, ...]
    enforced: tuple[Statement, ...]
    time_dependent: tuple[Statement, ...]
    time_dependent_graces: tuple[timedelta, ...]
    checks: tuple[checks.Check, ...]
    matches: int
    requirements: tuple[Requirement, ...]
    exemptions: tuple[Exemption, ...]
    questions: tuple[Question, ...]
    clock: ClockChecks
    budgets: tuple[Budget, ...]
    budget_checks: tuple[int, ...]
    approvals: ManualApproval
    asks_for_approvals: bool

    def asks_for(self, what: str) -> bool:
        """Whether the set looks at this, so that it is worth fetching.

        Args:
            what: A kind of check, one subject, `requester`, or `manifest.contents`: anything counted in its rows.
        """
        if what == "manifest.contents":
            return any(question.measure.of_rows for question in self.questions)
        if what == "requester":
            asked = (self.approvals, *(question.measure for question in self.questions))
            return any(isinstance(each, ManualApproval) and each.not_requester for each in asked)
        return any(
            what in (question.measure.kind, question.subject)
            or (what == "tags" and isinstance(question.measure, WithinBudget) and question.measure.budget.each == "tag")
            for question in self.questions
        )
