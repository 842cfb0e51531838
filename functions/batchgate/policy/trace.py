"""Why a decision came out as it did, statement by statement; made only when it is read.

The rows are msgspec structs and not dataclasses, because one reading makes hundreds of them and a frozen dataclass
takes ten times as long to make; they refer to one another downwards only, so that the garbage collector need not know
them. Whatever statements share (checks, matches, requirements) is traced once.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from batchgate.policy.checks import ManualApproval, Not, WithinBudget, violating
from batchgate.policy.compiled import VOTES_OF_DOUBT, Kind, Lift, PolicySet, Requirement, Statement, Verdict
from batchgate.policy.facts import Gap, JobFacts, Result
from batchgate.policy.formulas import AllOf, Formula, evaluate, join
from batchgate.policy.patterns import fill_placeholders
from batchgate.policy.wording import (
    QUOTED_AT_MOST,
    bucket_names,
    buckets_shown,
    budget_use,
    budget_wanted,
    printable,
    shown,
)


class ConditionTrace(Struct, frozen=True, gc=False):
    """One check, or several joined.

    Attributes:
        subject: What the check looks at; "" where conditions are joined, as for the next three.
        kind: The check's key in the document.
        actual: What the job has.
        brief: The same, as short as a reason has it.
        expected: What the check wants, with the job's own account, Region and partition filled in.
        violating: Which of several buckets violate the check, as a reason names them; "" for any other check.
        joined: "all" or "any" over `parts`; "" for a single check.
    """

    result: Result
    subject: str = ""
    kind: str = ""
    actual: str = ""
    brief: str = ""
    expected: str = ""
    joined: str = ""
    violating: str = ""
    parts: tuple["ConditionTrace", ...] = ()

    @property
    def named_window(self) -> str:
        """The one calendar that must be closed; "" for any other check, and where several must."""
        name = self.expected.removesuffix(" closed") if self.kind == "window" else self.expected
        return "" if name == self.expected or " and " in name else name


class LiftTrace(Struct, frozen=True, gc=False):
    """An `unless` or an exception, and whether it lifts the requirement."""

    exception: str | None
    because: str | None
    condition: ConditionTrace


class RequirementTrace(Struct, frozen=True, gc=False):
    """One requirement.

    Attributes:
        result: With all that may lift it.
        own: Without.
        actual: What the job has, where conditions are joined of each in turn.
        expected: What the requirement wants.
        vote: What it asks for; None if it is met.
        grace: Whether it holds only because the grace of its cancellation is not over.
        cancels_from: When that grace ends; None where there is none, or where S3 does not report when it began.
    """

    result: Result
    own: ConditionTrace
    actual: str
    expected: str
    lifts: tuple[LiftTrace, ...]
    on_violation: Verdict
    vote: Verdict | None
    message: str | None
    position: int
    grace: bool = False
    cancels_from: datetime | None = None


class StatementTrace(Struct, frozen=True, gc=False):
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


Rows: TypeAlias = Mapping[int, ConditionTrace]
"""One for each check of a policy set, by number."""

_IN_WORDS = {
    "window": ("closed", "open"),
    "expires": ("expired", "valid"),
}
"""What checks show whose value is not in the job; no instant, so that a trace is the same until a result changes."""


def trace_checks(policies: PolicySet, results: Sequence[Result], facts: JobFacts) -> Rows:
    """Trace every check, with actual and wanted."""
    rows: dict[int, ConditionTrace] = {}
    for question in policies.questions:
        measure, subject, kind = question.measure, question.subject, question.measure.kind
        words = _IN_WORDS.get(kind)
        approval = measure if isinstance(measure, ManualApproval) else None
        budget = measure if isinstance(measure, WithinBudget) else None
        value = None if words or approval or budget else measure.read(facts)
        actual = brief = "" if words else shown(measure, value)
        if len(actual) > QUOTED_AT_MOST:
            brief = shown(measure, value, QUOTED_AT_MOST)
        for number, wanted in question.wanted:
            expected = wanted
            if approval:
                expected, actual = (printable(each) for each in (approval.wanted, approval.given(facts)))
                brief = actual
            elif budget:
                expected, actual = budget_wanted(budget, facts), budget_use(budget, facts)
                brief = budget_use(budget, facts, QUOTED_AT_MOST)
            elif words:
                denied = isinstance(policies.checks[number].test, Not)
                actual = brief = words[(results[number] is Result.MET) is not denied]
            elif "${" in wanted:
                expected = fill_placeholders(wanted, facts.ref)
            result = results[number]
            row = ConditionTrace(result, subject, kind, actual, brief, expected)
            if result is Result.VIOLATED and isinstance(value, frozenset):
                row = _with_violating(row, violating(policies.checks[number].test, value, facts), value)
            rows[number] = row
    return rows


def _with_violating(row: ConditionTrace, names: Sequence[str], value: frozenset[str | Gap]) -> ConditionTrace:
    """A row that names first which of several buckets violate the check, where it is about each of them."""
    if not names:
        return row
    rest = value.difference(names)
    return replace(
        row,
        actual=buckets_shown(names, rest),
        brief=buckets_shown(names, rest, QUOTED_AT_MOST),
        violating=f"{row.subject.removesuffix('s').replace('_', ' ')} {bucket_names(names)}",
    )


def trace_condition(formula: Formula, rows: Rows, result: Result | None = None) -> ConditionTrace:
    """Trace one condition; `result` is its result where that is known already."""
    if isinstance(formula, int):
        return rows[formula]
    parts = tuple([rows[part] if isinstance(part, int) else trace_condition(part, rows) for part in formula.parts])
    if result is None:
        result = join(formula, [part.result for part in parts])
    return ConditionTrace(result=result, joined="all" if isinstance(formula, AllOf) else "any", parts=parts)


def trace_statements(
    policies: PolicySet, results: Sequence[Result], not_met: AbstractSet[int], rows: Rows, facts: JobFacts
) -> tuple[StatementTrace, ...]:
    """Trace every statement, in the document's order.

    As in the decision, a statement all of whose checks are met needs no further look.
    """
    lifted_by = {each: tuple([_trace_lift(lift, rows) for lift in each.lifts]) for each in policies.exemptions}
    requirements = [
        _trace_requirement(each, results, rows, facts, lifted_by[each.exemption] if each.exemption else ())
        for each in policies.requirements
    ]
    matches: list[ConditionTrace | None] = [None] * policies.matches
    traces: list[StatementTrace] = []
    for statement in policies.statements:
        met = statement.checks.isdisjoint(not_met)
        match = matches[statement.match_number]
        if match is None:
            match = trace_condition(statement.match, rows, Result.MET if met else None)
            matches[statement.match_number] = match
        own = statement.pick_requirements(requirements)
        governs, vote = (True, statement.consent) if met else _position(statement, match, own)
        traces.append(
            StatementTrace(
                name=statement.name,
                kind=statement.kind,
                enforced=statement.enforced,
                governs=governs,
                match=match,
                requirements=own,
                vote=vote,
            )
        )
    return tuple(traces)


def short_of_cancelling(statements: Sequence[StatementTrace]) -> tuple[StatementTrace, ...]:
    """The same where nothing may cancel the job: what would ask for it asks to hold."""

    def held(vote: Verdict | None) -> Verdict | None:
        return Verdict.HOLD if vote is Verdict.CANCEL else vote

    return tuple(
        replace(
            each,
            vote=held(each.vote),
            requirements=tuple(
                [replace(one, vote=held(one.vote), grace=False, cancels_from=None) for one in each.requirements]
            ),
        )
        for each in statements
    )


def _position(
    statement: Statement, match: ConditionTrace, requirements: Sequence[RequirementTrace]
) -> tuple[bool | None, Verdict | None]:
    """Whether a statement governs, and what it asks for."""
    if match.result is Result.VIOLATED:
        return False, None
    if match.result is not Result.MET:
        return None, VOTES_OF_DOUBT[match.result]
    votes = [requirement.vote for requirement in requirements if requirement.vote is not None]
    return True, max(votes) if votes else statement.consent


def _trace_requirement(
    requirement: Requirement,
    results: Sequence[Result],
    rows: Rows,
    facts: JobFacts,
    exceptions: tuple[LiftTrace, ...],
) -> RequirementTrace:
    own = rows[requirement.own] if isinstance(requirement.own, int) else trace_condition(requirement.own, rows)
    lifts = (_trace_lift(requirement.unless, rows), *exceptions) if requirement.unless else exceptions
    result = evaluate(requirement.whole, results) if lifts else own.result
    vote = requirement.vote(result, facts)
    grace = result is Result.VIOLATED and vote is not requirement.on_violation
    return RequirementTrace(
        result=result,
        own=own,
        actual=_actual(own) if own.joined else own.actual,
        expected=_expected(own) if own.joined else own.expected,
        lifts=lifts,
        on_violation=requirement.on_violation,
        vote=vote,
        message=requirement.message,
        position=requirement.position,
        grace=grace,
        cancels_from=facts.ends(requirement.grace) if grace else None,
    )


def _trace_lift(lift: Lift, rows: Rows) -> LiftTrace:
    return LiftTrace(lift.exception, lift.because, trace_condition(lift.condition, rows))


def _actual(joined: ConditionTrace) -> str:
    return "; ".join(_named(part, _actual(part) if part.joined else part.actual) for part in joined.parts)


def _expected(joined: ConditionTrace) -> str:
    between = " and " if joined.joined == "all" else " or "
    return between.join(_named(part, _expected(part) if part.joined else part.expected) for part in joined.parts)


def _named(part: ConditionTrace, text: str) -> str:
    return f"({text})" if part.joined else f"{part.subject} {text}"
