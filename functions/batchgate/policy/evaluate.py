"""Evaluating one job: policies and facts in, one decision out."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import MAXYEAR, datetime, timedelta
from enum import StrEnum
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from batchgate.jobs.model import KNOWN_OPERATIONS, AsksForConfirmation
from batchgate.policy.budgets import Budget
from batchgate.policy.checks import Clock, ManualApproval
from batchgate.policy.compiled import VOTES_OF_DOUBT, Kind, PolicySet, Requirement, Statement, Verdict, after_grace
from batchgate.policy.facts import Gap, JobFacts, Result
from batchgate.policy.formulas import evaluate
from batchgate.policy.outlook import NOTHING_AHEAD, Untouched, first_change, look_ahead
from batchgate.policy.trace import Rows, StatementTrace, short_of_cancelling, trace_checks, trace_statements
from batchgate.policy.wording import TRACED_AT_MOST, first_of
from batchgate.text import shorten

SUSPENDED_FOR_AT_MOST = timedelta(days=30)
"""S3 fails a job that stays Suspended longer. Source: S3 User Guide, job statuses."""

_SKEW_AT_MOST = timedelta(days=30)
"""A SuspendedDate that lies further ahead of the clock is none of S3's."""


class Rule(StrEnum):
    """A rule of the whole set that votes where no statement does."""

    UNMATCHED = "unmatched"
    UNKNOWN_OPERATION = "unknown-operation"
    UNKNOWN_MEMBER = "unknown-member"
    NOT_SUSPENDED = "not-suspended"
    SHADOW = "shadow"


class Vote(Struct, frozen=True):
    """One objection to approving a job, or to doing more than waiting.

    Attributes:
        verdict: The verdict that it demands.
        statement: Whose vote it is; None for a rule of the whole set.
        requirement: Which requirement; None where the match itself is in doubt.
        rule: Which rule of the set; None for a statement's vote.
        grace: Of a hold that would be a cancellation, for how long after SuspendedDate; else None.
    """

    verdict: Verdict
    statement: Statement | None = None
    requirement: Requirement | None = None
    rule: Rule | None = None
    grace: timedelta | None = None


class Decision(Struct, frozen=True, dict=True):
    """The decision on one job, with everything that led to it.

    Attributes:
        verdict: The most cautious of all votes.
        votes: Every objection.
        governing: The enforced statements that govern the job, by name.
        if_enforced: The verdict were the whole set not in shadow; None where it is not.
        until: Beside a hold only: the first instant before S3 fails the job at which the verdict
            would be approve, all other facts as they are; None where there is none, or a cancellation comes first.
        cancels_at: Beside a hold only, likewise: the first at which it would be cancel, where none approves before.
        searched_until: Where the search for both was cut short, as the policies are out of all proportion: the job
            must be evaluated again by then. None where they are known.
        valid_until: The first instant, a day ahead at most, at which an approval or a cancellation
            would not be the verdict any more; None where there is none.
        results: The result of each check of the set, by number.
        not_met: The numbers of those that are not met.
        lifted: The votes of hold that people's approvals lift; they are none of `votes`.
    """

    verdict: Verdict
    votes: tuple[Vote, ...]
    governing: tuple[Statement, ...]
    if_enforced: Verdict | None
    until: datetime | None
    cancels_at: datetime | None
    searched_until: datetime | None
    valid_until: datetime | None
    policies: PolicySet
    facts: JobFacts
    results: Sequence[Result]
    not_met: AbstractSet[int]
    lifted: tuple[Vote, ...] = ()

    @property
    def governing_names(self) -> tuple[str, ...]:
        """Who governs the job, for records: the first of many, and how many more."""
        return first_of([statement.name for statement in self.governing])

    @property
    def policy_version(self) -> str:
        """Which policies evaluated: 12 hex digits."""
        return self.policies.version

    @cached_property
    def budgets(self) -> tuple[Budget, ...]:
        """Each budget that a requirement of a governing statement names, once, by name; none in shadow."""
        named = {budget.name: budget for statement in self.governing for budget in statement.budgets}
        return () if self.policies.shadow else tuple(budget for _, budget in sorted(named.items()))

    @property
    def deciding(self) -> tuple[Vote, ...]:
        """The votes that ask for what the verdict is."""
        return tuple(vote for vote in self.votes if vote.verdict is self.verdict)

    @property
    def by_violation(self) -> bool:
        """Whether a requirement that is known to be violated asks for this verdict."""
        return any(
            vote.requirement is not None and evaluate(vote.requirement.whole, self.results) is Result.VIOLATED
            for vote in self.deciding
        )

    @property
    def may_expire(self) -> bool:
        """Whether all that stands in the way is known: violated requirements (a closed window is one), or no policy.

        What is unknown or unmeasurable, a mode, or a person's approval that is wanted never expires.
        """
        return all(
            evaluate(vote.requirement.whole, self.results) is Result.VIOLATED
            if vote.requirement is not None
            else vote.rule is Rule.UNMATCHED  # of an unknown operation the rule for those objects too
            for vote in self.votes
        )

    @property
    def has_all_approvals(self) -> bool:
        """Whether as many people have approved as `approvals` wants."""
        return self.policies.approvals.read(self.facts) is True

    @cached_property
    def approvers(self) -> tuple[str, ...]:
        """Beside an approval only: the ARNs of the people whose approvals it rests on, the earliest first."""
        if self.verdict is not Verdict.APPROVE or not self.facts.approvals:
            return ()
        asked = set(self._governing_approvals)
        counted = {
            who
            for each in ((self.policies.approvals, *asked) if self.has_all_approvals else asked)
            for who in each.counted(self.facts).values()
        }
        given = sorted((each.at, each.who) for each in self.facts.approvals if each.who in counted)
        return tuple(dict.fromkeys(who for _, who in given))

    @cached_property
    def awaited(self) -> tuple[ManualApproval, ...]:
        """Beside a hold only: whose approvals are still missing; none where approvals can't lift it."""
        liftable = [vote for vote in self.votes if _is_lifted_by_people(vote)]
        if self.verdict is not Verdict.HOLD or (len(liftable) < len(self.votes) and not self.policies.shadow):
            return ()
        asked = dict.fromkeys(self._governing_approvals)
        if_given = [*self.results]
        for number, check in enumerate(self.policies.checks):
            if isinstance(check.measure, ManualApproval):
                if_given[number] = Result.MET
        others = any(vote.requirement is None or evaluate(vote.requirement.whole, if_given) for vote in liftable)
        wanted = (self.policies.approvals, *asked) if others else asked
        return tuple(each for each in dict.fromkeys(wanted) if each.missing(self.facts))

    @property
    def awaiting(self) -> str:
        """The same in words: `1 of 2 approvals, 1 more needed from *:assumed-role/prod-owner/*`; "" for none."""
        return shorten("; ".join(each.missing(self.facts) for each in self.awaited), TRACED_AT_MOST, sentence=True)

    @property
    def _governing_approvals(self) -> tuple[ManualApproval, ...]:
        """The approvals that statements require that govern, or may, and nothing lifts, in one fixed order."""
        statements = (*self.governing, *_doubted((*self.votes, *self.lifted)))
        measures = {self.policies.checks[each].measure for each in _approvals_of(statements, self.results)}
        found = (each for each in measures if isinstance(each, ManualApproval))
        return tuple(sorted(found, key=lambda each: (sorted(map(str, each.by)), each.at_least, each.not_requester)))

    @cached_property
    def rows(self) -> Rows:
        """Every check with actual and wanted, by number."""
        return trace_checks(self.policies, self.results, self.facts)

    @cached_property
    def trace(self) -> tuple[StatementTrace, ...]:
        """Every statement, whether it governs, and the result of each of its requirements."""
        statements = trace_statements(self.policies, self.results, self.not_met, self.rows, self.facts)
        return short_of_cancelling(statements) if self.facts.unknown_members else statements


def who_may_approve(decision: Decision, arn: str) -> str:
    """Why a caller's approval would not count now, given the approvals that are there; "" if it would."""
    facts, policies = decision.facts, decision.policies
    asked = decision.awaited or (policies.approvals, *decision._governing_approvals)  # noqa: SLF001 - of this module
    reasons = dict.fromkeys(each.why_not(arn, facts) for each in asked)
    if "" not in reasons:
        return shorten("; ".join(reasons), TRACED_AT_MOST, sentence=True)
    new = any(not each.why_not(arn, facts) and each.person(arn) not in each.counted(facts) for each in asked)
    return "" if new else "the same person has approved this job already"


def why_not_counted(decision: Decision, arn: str) -> str:
    """Why an approval that was given of the job as it is does not count now; "" if it does."""
    facts = decision.facts
    asked = (decision.policies.approvals, *decision._governing_approvals)  # noqa: SLF001 - of this module
    if any(arn in each.counted(facts).values() for each in asked):
        return ""
    reasons = dict.fromkeys(each.why_not(arn, facts) for each in asked)
    return "; ".join(filter(None, reasons)) or "the same person has approved this job already"


class _Count(Struct, frozen=True):
    """The votes of all statements at one instant."""

    verdict: Verdict
    votes: tuple[Vote, ...]
    governing: tuple[Statement, ...]
    not_met: AbstractSet[int]


def evaluate_job(policies: PolicySet, facts: JobFacts) -> Decision:
    """Evaluate one job: total, and never approving on doubt.

    Verdicts are ordered by caution, so the order of policies cannot matter.
    """
    results = evaluate_checks(policies, facts)
    count = _count_votes(policies, results, facts)
    verdict, votes = count.verdict, count.votes
    lifted: tuple[Vote, ...] = ()
    by_people = lifts = False
    if facts.approvals:
        by_people = policies.approvals.read(facts) is True
        lifts = by_people and _are_given((*count.governing, *_doubted(votes)), results)
    if lifts:
        lifted, votes = _without_holds(votes)
        verdict = max((vote.verdict for vote in votes), default=Verdict.APPROVE)
    is_ungated = facts.asks_for_confirmation is AsksForConfirmation.NO
    before_suspended = facts.status.before_suspended and not is_ungated
    if_enforced = verdict if policies.shadow else None
    if before_suspended:
        verdict = Verdict.WAIT
        votes += (Vote(Verdict.WAIT, rule=Rule.NOT_SUSPENDED),)
    elif policies.shadow:
        verdict = Verdict.APPROVE if lifts else Verdict.HOLD
        shadow = (Vote(Verdict.HOLD, rule=Rule.SHADOW),)
        lifted, votes = (lifted + shadow, votes) if lifts else (lifted, votes + shadow)
    ahead, valid_until = NOTHING_AHEAD, None
    holds = verdict is Verdict.HOLD and (by_people or not (policies.shadow or facts.unknown_members))
    if holds or policies.clock or policies.budget_checks:
        untouched = _untouched_by_the_clock(policies, count, facts)
        if by_people:
            untouched = replace(untouched, lifts=_lifts_untouched(policies, count, results))
        if holds:
            ahead = look_ahead(policies, untouched, results, facts, _ends(facts))
        valid_until = first_change(policies, untouched, results, facts, verdict)
    return Decision(
        verdict=verdict,
        votes=votes,
        governing=count.governing,
        if_enforced=Verdict.WAIT if before_suspended and policies.shadow else if_enforced,
        until=ahead.until,
        cancels_at=ahead.cancels_at,
        searched_until=ahead.searched_until,
        valid_until=valid_until,
        policies=policies,
        facts=facts,
        results=results,
        not_met=count.not_met,
        lifted=lifted,
    )


def _is_lifted_by_people(vote: Vote) -> bool:
    """Whether enough approvals lift a vote: a hold, but none that becomes a cancellation after a grace."""
    return vote.verdict is Verdict.HOLD and vote.grace is None


def _without_holds(votes: Sequence[Vote]) -> tuple[tuple[Vote, ...], tuple[Vote, ...]]:
    """The votes that enough approvals lift, and those that stay."""
    lifted = tuple(vote for vote in votes if _is_lifted_by_people(vote))
    return lifted, tuple(vote for vote in votes if not _is_lifted_by_people(vote))


def _doubted(votes: Iterable[Vote]) -> Iterator[Statement]:
    """The statements whose match is in doubt: whether they govern, and so ask for approvals, is not known."""
    return (vote.statement for vote in votes if vote.statement is not None and vote.requirement is None)


def _approvals_of(statements: Iterable[Statement], results: Sequence[Result]) -> Iterator[int]:
    """The numbers of the checks of `manual_approval` in requirements of these statements that nothing lifts."""
    for statement in statements:
        for requirement in statement.requirements:
            if requirement.approvals and not any(
                evaluate(lift.condition, results) is Result.MET for lift in requirement.lifts
            ):
                yield from requirement.approvals


def _are_given(statements: Iterable[Statement], results: Sequence[Result]) -> bool:
    """Whether every `manual_approval` of these statements is met that nothing lifts."""
    return all(results[each] is Result.MET for each in _approvals_of(statements, results))


def evaluate_checks(policies: PolicySet, facts: JobFacts) -> list[Result]:
    """The result of every check of the set, by number, and behind them of every exemption."""
    results = [Result.MET] * len(policies.checks)
    violated = Result.VIOLATED
    for question in policies.questions:
        if isinstance(question.measure, Clock):
            continue
        value = question.measure.read(facts)
        if isinstance(value, Gap):
            for number, _ in question.tests:
                results[number] = value.result
        else:
            for number, holds in question.tests:
                held = holds(value, facts)
                if not held:
                    results[number] = Result.UNMEASURABLE if held is None else violated
    policies.clock.evaluate(facts.now, results)
    results += [evaluate(exemption.any_of, results) for exemption in policies.exemptions]
    return results


def _count_votes(policies: PolicySet, results: Sequence[Result], facts: JobFacts) -> _Count:
    """Let every enforced statement vote.

    A statement all of whose checks are met needs no walk: met conditions stay met whatever joins
    them. Neither does one of whose match a check is violated.
    """
    not_met = {number for number, result in enumerate(results) if result}
    violated = {number for number in not_met if results[number] is Result.VIOLATED}
    governing: list[Statement] = []
    votes: list[Vote] = []
    doubted = False
    for statement in policies.enforced:
        if statement.checks.isdisjoint(not_met):
            governing.append(statement)
            continue
        matched = Result.MET
        if statement.match.parts:
            if not statement.match_checks.isdisjoint(violated):
                continue
            matched = evaluate(statement.match, results)
        if matched is Result.MET:
            governing.append(statement)
            _object(statement, results, facts, votes)
        elif (doubt := VOTES_OF_DOUBT[matched]) is not None:
            doubted |= statement.kind is Kind.POLICY
            votes.append(Vote(doubt, statement))
    votes.extend(_rules_of_the_set(policies, facts, governing, doubted=doubted))
    if facts.unknown_members:  # what the job does is not known, so nothing of it is a reason to cancel it
        votes = [_without_cancelling(vote) for vote in votes]
        votes.append(Vote(Verdict.HOLD, rule=Rule.UNKNOWN_MEMBER))
    verdict = max({vote.verdict for vote in votes}, default=Verdict.APPROVE)
    return _Count(verdict, tuple(votes), tuple(governing), not_met)


def _without_cancelling(vote: Vote) -> Vote:
    """The same vote, but for a cancellation, now or after a grace, that is a hold."""
    cancels = vote.verdict is Verdict.CANCEL or vote.grace is not None
    return replace(vote, verdict=Verdict.HOLD, grace=None) if cancels else vote


def _object(statement: Statement, results: Sequence[Result], facts: JobFacts, votes: list[Vote]) -> None:
    """Add a vote for each requirement of a governing statement that is not met."""
    violated, hold = Result.VIOLATED, Verdict.HOLD
    for requirement in statement.requirements:
        whole = requirement.whole
        result = results[whole] if type(whole) is int else evaluate(whole, results)
        if not result:
            continue
        if result is violated and requirement.on_violation is hold:  # by far most of very many
            votes.append(Vote(hold, statement, requirement))
            continue
        vote = requirement.vote(result, facts)
        if vote is not None:
            waits = result is violated and vote is not requirement.on_violation
            votes.append(Vote(vote, statement, requirement, grace=requirement.grace if waits else None))


def _rules_of_the_set(
    policies: PolicySet, facts: JobFacts, governing: Sequence[Statement], *, doubted: bool
) -> Iterator[Vote]:
    """The votes against approval that come from the whole set, not from a statement."""
    known = facts.operation in KNOWN_OPERATIONS
    if not doubted and not any(statement.kind is Kind.POLICY for statement in governing):
        asked = policies.unmatched if known else Verdict.HOLD
        vote = after_grace(asked, policies.cancel_grace, facts)
        yield Vote(vote, rule=Rule.UNMATCHED, grace=policies.cancel_grace if vote is not asked else None)
    if not known and not any(
        statement.kind is Kind.POLICY and facts.operation in statement.names_operations for statement in governing
    ):
        yield Vote(Verdict.HOLD, rule=Rule.UNKNOWN_OPERATION)


def _lifts_untouched(policies: PolicySet, count: _Count, results: Sequence[Result]) -> bool:
    """Whether approvals that satisfy `approvals` lift all holds of the statements that do not depend on time."""
    votes = [vote for vote in count.votes if vote.statement is not None and not vote.statement.depends_on_time]
    governing = [statement for statement in count.governing if not statement.depends_on_time]
    is_given = _are_given([*governing, *_doubted(votes)], results)
    return (policies.shadow or all(map(_is_lifted_by_people, votes))) and is_given


def _untouched_by_the_clock(policies: PolicySet, count: _Count, facts: JobFacts) -> Untouched:
    """The part of a count that does not depend on time."""
    votes: list[Vote] = []
    if len(policies.time_dependent) < len(policies.enforced):
        votes = [vote for vote in count.votes if vote.statement is not None and not vote.statement.depends_on_time]
    governing = [each for each in count.governing if each.kind is Kind.POLICY and not each.depends_on_time]
    doubted = any(vote.statement.kind is Kind.POLICY for vote in votes if vote.statement and not vote.requirement)
    return Untouched(
        objects=bool(votes),
        grace=min(
            (
                vote.requirement.grace
                for vote in votes
                if vote.requirement is not None and (vote.verdict is Verdict.CANCEL or vote.grace is not None)
            ),
            default=None,
        ),
        governs=bool(governing),
        names=any(facts.operation in policy.names_operations for policy in governing),
        may_match=bool(governing) or doubted,
    )


def _ends(facts: JobFacts) -> datetime | None:
    """When S3 fails the job at the latest; None where that is not known."""
    if facts.suspended_since is None or max(facts.suspended_since, facts.now).year >= MAXYEAR:
        return None
    return min(facts.suspended_since, facts.now + _SKEW_AT_MOST) + SUSPENDED_FOR_AT_MOST
