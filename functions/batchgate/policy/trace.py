"""Why a decision came out as it did, statement by statement; made only when somebody reads it."""

from collections.abc import Sequence
from dataclasses import dataclass

from batchgate.policy.checks import Not
from batchgate.policy.facts import JobFacts, Result
from batchgate.policy.formulas import AllOf, Formula, evaluate
from batchgate.policy.policy_set import Kind, Lift, PolicySet, Requirement, Statement, Verdict
from batchgate.policy.wording import printable, shown


@dataclass(frozen=True, slots=True)
class ConditionTrace:
    """One check, or several joined.

    Attributes:
        joined: "all" or "any" over `parts`; "" for a single check.
        subject: What the check looks at; "" where conditions are joined.
        kind: The check's key in the document; "" where conditions are joined.
        actual: What the job has.
        expected: What the check wants.
    """

    joined: str
    subject: str
    kind: str
    result: Result
    actual: str
    expected: str
    parts: tuple["ConditionTrace", ...] = ()


@dataclass(frozen=True, slots=True)
class LiftTrace:
    """An `unless` or an exception, and whether it lifts the requirement."""

    exception: str | None
    because: str | None
    condition: ConditionTrace


@dataclass(frozen=True, slots=True)
class RequirementTrace:
    """One requirement.

    Attributes:
        result: With all that may lift it.
        own: Without.
        vote: What it asks for; None if it is met.
    """

    result: Result
    own: ConditionTrace
    lifts: tuple[LiftTrace, ...]
    on_violation: Verdict
    vote: Verdict | None
    message: str | None
    position: int

    @property
    def actual(self) -> str:
        """What the job has."""
        return self.own.actual

    @property
    def expected(self) -> str:
        """What the requirement wants."""
        return self.own.expected


@dataclass(frozen=True, slots=True)
class StatementTrace:
    """One policy or guardrail.

    Attributes:
        governs: None where it can't be known.
        vote: What it asks for: nothing (None) where it does not govern, or where a guardrail has
            no objection. In shadow this is what it would ask for.
    """

    name: str
    kind: Kind
    enforced: bool
    governs: bool | None
    match: ConditionTrace
    requirements: tuple[RequirementTrace, ...]
    vote: Verdict | None


_VOTES = {Result.UNKNOWN: Verdict.WAIT, Result.UNMEASURABLE: Verdict.HOLD}
_GOVERNS = {Result.MET: True, Result.VIOLATED: False}


def trace_statement(
    statement: Statement, policies: PolicySet, results: Sequence[Result], facts: JobFacts
) -> StatementTrace:
    """Lay one statement open."""
    match = trace_condition(statement.match, policies, results, facts)
    requirements = tuple(
        _trace_requirement(requirement, policies, results, facts) for requirement in statement.requirements
    )
    votes = [requirement.vote for requirement in requirements if requirement.vote is not None]
    if statement.kind is Kind.POLICY:
        votes.append(Verdict.APPROVE)
    vote = max(votes, default=None) if match.result is Result.MET else _VOTES.get(match.result)
    return StatementTrace(
        name=statement.name,
        kind=statement.kind,
        enforced=statement.enforced,
        governs=_GOVERNS.get(match.result),
        match=match,
        requirements=requirements,
        vote=vote,
    )


def _trace_requirement(
    requirement: Requirement, policies: PolicySet, results: Sequence[Result], facts: JobFacts
) -> RequirementTrace:
    def lift(each: Lift) -> LiftTrace:
        return LiftTrace(each.exception, each.because, trace_condition(each.condition, policies, results, facts))

    result = evaluate(requirement.whole, results)
    return RequirementTrace(
        result=result,
        own=trace_condition(requirement.own, policies, results, facts),
        lifts=tuple(map(lift, requirement.lifts)),
        on_violation=requirement.on_violation,
        vote=requirement.on_violation if result is Result.VIOLATED else _VOTES.get(result),
        message=requirement.message,
        position=requirement.position,
    )


_CLOCK = {"window": ("closed", "open"), "expires": ("over", "running")}
"""What the clock's checks show, so that a trace is the same as long as nothing has changed."""


def trace_condition(
    formula: Formula, policies: PolicySet, results: Sequence[Result], facts: JobFacts
) -> ConditionTrace:
    """Lay one condition open, with actual and wanted of each check."""
    if isinstance(formula, int):
        check = policies.checks[formula]
        clock = _CLOCK.get(check.measure.kind)
        holds = (results[formula] is Result.MET) is not isinstance(check.test, Not)
        return ConditionTrace(
            joined="",
            subject=printable(check.measure.subject),
            kind=check.measure.kind,
            result=results[formula],
            actual=clock[holds] if clock else shown(check.measure, check.measure.read(facts)),
            expected=printable(check.test.wanted),
        )
    joined = "all" if isinstance(formula, AllOf) else "any"
    parts = tuple(trace_condition(part, policies, results, facts) for part in formula.parts)
    between = " and " if joined == "all" else " or "
    return ConditionTrace(
        joined=joined,
        subject="",
        kind="",
        result=evaluate(formula, results),
        actual="; ".join(_named(part, part.actual) for part in parts),
        expected=between.join(_named(part, part.expected) for part in parts),
        parts=parts,
    )


def _named(part: ConditionTrace, text: str) -> str:
    return f"({text})" if part.joined else f"{part.subject} {text}"
