"""How a verdict will change with time alone, all other facts unchanged."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import MAXYEAR, datetime, timedelta
from functools import cached_property
from typing import Final

from msgspec import Struct

from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.policy.checks import WithinBudget
from batchgate.policy.clock import Timeline
from batchgate.policy.compiled import Kind, PolicySet, Requirement, Statement, Verdict
from batchgate.policy.facts import JobFacts, Result
from batchgate.policy.formulas import Bits, bits, unknown_bits

_CHANGES_WITHIN: Final = timedelta(days=1)
"""How far ahead a verdict's end is looked for: far longer than any claim may live."""


class Ahead(Struct, frozen=True):
    """How a hold will end; None where it does not end, or not within the time that was searched.

    Attributes:
        until: The first instant at which the verdict is approve, where none is cancel before.
        cancels_at: The first at which it is cancel, where none is approve before.
        searched_until: Where the search was cut short; None where it was not, or found one of them.
    """

    until: datetime | None = None
    cancels_at: datetime | None = None
    searched_until: datetime | None = None


NOTHING_AHEAD: Final = Ahead()


class Untouched(Struct, frozen=True):
    """The result of the statements that do not depend on time.

    Attributes:
        objects: Whether any of them objects.
        grace: The shortest of their violations that cancel, now or after it; None where none does.
        governs: Whether a policy among them governs.
        names: Whether one that governs names the job's operation.
        may_match: Whether the match of a policy among them is met, or in doubt.
        lifts: Whether the approvals that are there lift all holds, as far as `approvals` and these statements go.
    """

    objects: bool
    grace: timedelta | None
    governs: bool
    names: bool
    may_match: bool
    lifts: bool = False


def look_ahead(
    policies: PolicySet, untouched: Untouched, results: Sequence[Result], facts: JobFacts, end: datetime | None
) -> Ahead:
    """Find how a hold ends, strictly before `end`.

    Args:
        policies: The policies that hold it.
        untouched: The result of the statements that do not depend on time.
        results: The result of each check.
        facts: The job.
        end: When S3 fails it; None where that is not known.
    """
    renewals = _renewals(policies, results, facts)
    graces = untouched.grace is not None or bool(policies.time_dependent_graces)
    asked = bool(policies.clock or renewals) or graces or policies.unmatched is Verdict.CANCEL
    if not asked or end is None or end <= facts.now:
        return NOTHING_AHEAD
    # A job with a violation that time does not change needs no search through the calendars of a month.
    if not untouched.lifts and not any(_Outlook(policies, untouched, facts, results, renewals, None).outcome()):
        return NOTHING_AHEAD
    others = (*_ends_of_graces(policies, untouched, facts), *renewals.values())
    timeline = policies.clock.timeline(facts.now, end, others)
    approves, cancels = _Outlook(policies, untouched, facts, results, renewals, timeline).outcome()
    until, cancels_at = timeline.first(approves), timeline.first(cancels)
    if until is not None and (cancels_at is None or until < cancels_at):
        return Ahead(until=until)
    if cancels_at is not None:
        return Ahead(cancels_at=cancels_at)
    return Ahead(searched_until=timeline.end if timeline.end < end else None)


def first_change(
    policies: PolicySet, untouched: Untouched, results: Sequence[Result], facts: JobFacts, verdict: Verdict
) -> datetime | None:
    """The first instant at which an approval or a cancellation would not be the verdict any more; else None.

    What lies further ahead than a day is None, too.
    """
    if verdict not in (Verdict.APPROVE, Verdict.CANCEL) or facts.now.year >= MAXYEAR:
        return None
    renewals = _renewals(policies, results, facts)
    if not policies.clock and not renewals:
        return None
    end = facts.now + _CHANGES_WITHIN
    others = (*_ends_of_graces(policies, untouched, facts), *renewals.values())
    timeline = policies.clock.timeline(facts.now, end, others)
    approves, cancels = _Outlook(policies, untouched, facts, results, renewals, timeline).outcome()
    stays = approves if verdict is Verdict.APPROVE else cancels
    return timeline.first(timeline.everything & ~stays) or (timeline.end if timeline.end < end else None)


def _renewals(policies: PolicySet, results: Sequence[Result], facts: JobFacts) -> Mapping[int, datetime]:
    """When each budget that is exceeded is met, by the check's number; none for a job that is too large for it."""
    measures = {each: policies.checks[each].measure for each in policies.budget_checks}
    found = {
        number: measure.room_from(facts)
        for number, measure in measures.items()
        if isinstance(measure, WithinBudget) and results[number] is Result.VIOLATED
    }
    return {number: at for number, at in found.items() if at is not None}


def _ends_of_graces(policies: PolicySet, untouched: Untouched, facts: JobFacts) -> Iterator[datetime]:
    """When a violation that is there, or may come, begins to cancel: the next, as many as a timeline has segments."""
    ascending = policies.time_dependent_graces
    running = bisect_left(ascending, x=True, key=lambda grace: not facts.is_over(grace))
    graces = [policies.cancel_grace, *ascending[running : running + policies.clock.segments + 1]]
    ends = map(facts.ends, graces if untouched.grace is None else [*graces, untouched.grace])
    return (end for end in ends if end is not None)


class _Outlook:
    """When the verdict is approve, and when it is cancel: a bit for each segment of a timeline.

    Without a timeline there is one segment, in which each check of the clock, and of a budget that will be met, is both
    met and violated, and every grace that ends is over: what is never approved or cancelled there is never approved
    or cancelled at all.
    """

    def __init__(
        self,
        policies: PolicySet,
        untouched: Untouched,
        facts: JobFacts,
        results: Sequence[Result],
        renewals: Mapping[int, datetime],
        timeline: Timeline | None,
    ) -> None:
        self.policies, self.facts, self.results, self.timeline = policies, facts, results, timeline
        self.renewals = renewals
        self.everything = timeline.everything if timeline else 1
        self.fine = 0 if untouched.objects else self.everything
        self.governs = self.everything if untouched.governs else 0
        self.names = self.everything if untouched.names else 0
        self.unmatched = 0 if untouched.may_match else self.everything
        self.cancels = 0 if untouched.grace is None else self._over(untouched.grace)
        self.lifts = untouched.lifts

    def outcome(self) -> tuple[int, int]:
        """When the job is approved, and when it is cancelled."""
        policies, facts = self.policies, self.facts
        known = facts.operation in KNOWN_OPERATIONS
        may_cancel = bool(policies.time_dependent_graces) or (known and policies.unmatched is Verdict.CANCEL)
        for statement in policies.time_dependent:
            if not self.fine and not may_cancel:
                break  # no later time changes the outcome
            if self.timeline is None and self.cancels:
                break  # without a timeline only whether it ever cancels matters
            met, violated = self.everything, 0
            if self.timeline is None and statement.match_depends_only_on_time:
                violated = self.everything
            elif statement.match.parts:
                met = bits(statement.match, self.met, self.everything)
                violated = self.everything ^ bits(statement.match, self.not_violated, self.everything)
            if statement.kind is Kind.POLICY:
                self.governs |= met
                self.unmatched &= violated
                if facts.operation in statement.names_operations:
                    self.names |= met
            # Without a timeline a check of the clock is both met and violated.
            requirements = statement.beyond_time if self.timeline is None else statement.requirements
            content = self._content(met, requirements, cancels=statement.cancels) if met and requirements else met
            self.fine &= violated | content
        if known and policies.unmatched is Verdict.CANCEL:
            self.cancels |= self.unmatched & self._over(policies.cancel_grace)
        lifted = self._lifted(known=known) if self.lifts else 0
        if policies.shadow or facts.unknown_members:
            return lifted, 0  # the policies decide nothing
        return self.fine & (self.governs if known else self.names) | lifted, self.cancels

    def _lifted(self, *, known: bool) -> Bits:
        """When people's approvals lift all holds, and nothing else stands in the way; needs a timeline."""
        lifted, everything = self.everything, self.everything
        for statement in self.policies.time_dependent:
            lifted &= ~self._stays(statement, bits(statement.match, self.met, everything))
        cancels = known and self.policies.unmatched is Verdict.CANCEL and self._cancellations_count
        return lifted & ~self.unmatched if cancels else lifted

    def _stays(self, statement: Statement, met: Bits) -> Bits:
        """When a vote of a statement stays that no approvals lift, or its own `manual_approval` is not satisfied."""
        stays, everything = 0, self.everything
        may_govern = bits(statement.match, self.not_violated, everything)
        for requirement in statement.requirements:
            whole = requirement.whole
            if any(self.results[number] is not Result.MET for number in requirement.approvals):
                stays |= may_govern & ~bits(whole, self.met, everything)
            if requirement.on_violation is Verdict.CANCEL and self._cancellations_count:
                stays |= met & ~bits(whole, self.not_violated, everything)
        if Result.UNKNOWN in self.results and not self.policies.shadow:
            for when, formula in (
                (everything, statement.match),
                *((met, each.whole) for each in statement.requirements),
            ):
                stays |= when & unknown_bits(formula, self.unknown, self.met, self.not_violated, everything)
        return stays

    @property
    def _cancellations_count(self) -> bool:
        """Whether a cancellation stands in the way of people."""
        return not self.policies.shadow and not self.facts.unknown_members

    def _content(self, when: Bits, requirements: Sequence[Requirement], *, cancels: bool) -> Bits:
        """When a statement governs and nothing objects, given when it governs; notes when a requirement cancels."""
        content, of_checks, everything = when, self.met, self.everything
        for requirement in requirements:
            whole = requirement.whole
            content &= of_checks[whole] if type(whole) is int else bits(whole, of_checks, everything)
            if not cancels:
                if not content:
                    break
            elif requirement.on_violation is Verdict.CANCEL:
                violated = when & ~(bits(whole, self.not_violated, everything) | self.cancels)
                if violated:
                    self.cancels |= violated & self._over(requirement.grace)
        return content

    def _over(self, grace: timedelta) -> int:
        """When a grace is over."""
        if self.facts.is_over(grace):
            return self.everything
        end = self.facts.ends(grace)
        return self.timeline.from_on(end) if self.timeline else int(end is not None)

    @cached_property
    def met(self) -> list[Bits]:
        """When each check is met, and behind them each exemption."""
        return self._of_checks({Result.MET}, 1)

    @cached_property
    def not_violated(self) -> list[Bits]:
        """When each is not violated; only matches and cancellations ask for it."""
        return self._of_checks({*Result} - {Result.VIOLATED}, 0)

    @cached_property
    def unknown(self) -> list[Bits]:
        """When each is unknown; none of the clock is. An exemption is so where one of its exceptions is."""
        found = [self.everything if result is Result.UNKNOWN else 0 for result in self.results]
        for exemption in self.policies.exemptions:
            found[exemption.number] = unknown_bits(
                exemption.any_of, found, self.met, self.not_violated, self.everything
            )
        return found

    def _of_checks(self, these: AbstractSet[Result], of_clock: Bits) -> list[Bits]:
        """When each check has one of these results; without a timeline, `of_clock` for those of the clock."""
        by_result = [self.everything if result in these else 0 for result in Result]
        found = [by_result[result] for result in self.results]
        numbers = self.policies.clock.numbers
        holds = self.timeline.holds if self.timeline else [of_clock] * len(numbers)
        for number, when in zip(numbers, holds, strict=True):
            found[number] = when
        for number, at in self.renewals.items():
            found[number] = self.timeline.from_on(at) if self.timeline else of_clock
        for exemption in self.policies.exemptions:
            found[exemption.number] = bits(exemption.any_of, found, self.everything)
        return found
