"""Following many jobs at once, in the order of time, so that what is approved of one counts for the next.

The gate reserves what an approval takes of a budget; a replay sums it up in the same way.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from batchgate.policy.budgets import Amounts, BudgetAccount, BudgetUse, account_of, period, reservations_of
from batchgate.policy.compiled import PolicySet
from batchgate.policy.evaluate import Decision, evaluate_job
from batchgate.policy.facts import Gap, JobFacts
from batchgate_cli.replay.course import Course, End, Fate


class Followed(Struct):
    """One job that is followed.

    Attributes:
        course: Asks for what is used of budgets at each of its reviews (`course.course_of_job`).
        left_at: When others than the policies decided it, so that policies no longer reserve anything for it; None
            where they did not.
        by_people: Whether that was people's approval, through the gate.
        facts: Those of its next review; once it has ended, of its last.
        fate: Its course, once it has ended.
        is_counted: Whether what it takes is reserved.
    """

    course: Course
    left_at: datetime | None
    by_people: bool
    facts: JobFacts
    fate: Fate | None = None
    is_counted: bool = False


class _Sums(Struct):
    """What is used of each account."""

    policies: PolicySet
    used: dict[BudgetAccount, Amounts] = field(default_factory=dict)

    def with_used(self, facts: JobFacts) -> JobFacts:
        """The facts with what is used of the job's account of each budget at their instant."""
        budgets: dict[str, BudgetUse | Gap] = {}
        for budget in self.policies.budgets:
            account = account_of(budget, facts)
            end = period(budget, facts.now)[1]
            budgets[budget.name] = (
                account if isinstance(account, Gap) else BudgetUse(account, end, self.used.get(account, Amounts()))
            )
        return replace(facts, budgets=budgets)

    def reserve(self, decision: Decision) -> None:
        for each in reservations_of(decision):
            self.used[each.account] = self.used.get(each.account, Amounts()) + each.amounts


def used_before(known: Sequence[JobFacts]) -> Mapping[BudgetAccount, Amounts]:
    """What other jobs than these had used of each account, as the first review says that recorded it.

    Of several at one instant the first is the one that saw least used.
    """
    first: dict[BudgetAccount, tuple[datetime, Amounts]] = {}
    for facts in known:
        for use in facts.budgets.values():
            if isinstance(use, BudgetUse) and not use.own:
                at = first.get(use.account)
                if at is None or (facts.now, use.used.jobs) < (at[0], at[1].jobs):
                    first[use.account] = facts.now, use.used
    return {account: used for account, (_, used) in first.items()}


def follow_together(policies: PolicySet, jobs: Sequence[Followed], before: Mapping[BudgetAccount, Amounts]) -> None:
    """Follow jobs until each has ended.

    Of reviews at the same instant those come first at which the gate saw less used, then those of jobs whose ids do.

    Args:
        policies: The policies.
        jobs: The jobs; each gets its fate.
        before: What others had used.
    """
    sums = _Sums(policies, dict(before))
    events = [_review_of(number, each) for number, each in enumerate(jobs)]
    events += [(each.left_at, True, 0, each.facts.ref.arn, number) for number, each in enumerate(jobs) if each.left_at]
    heapify(events)
    while events:
        at, leaves, _, _, number = heappop(events)
        job = jobs[number]
        if leaves:
            _leave(job, at, sums)
            continue
        try:
            job.facts = job.course.send(sums.with_used(job.facts))
            heappush(events, _review_of(number, job))
        except StopIteration as ended:
            job.fate = ended.value
            if job.fate.end.end is End.APPROVED and not job.is_counted:
                job.is_counted = True
                sums.reserve(job.fate.decision)


_Event: TypeAlias = tuple[datetime, bool, int, str, int]
"""When, whether others decide a job, and what events at one instant are sorted by; the job's number."""


def _review_of(number: int, job: Followed) -> _Event:
    seen = sum(each.used.jobs for each in job.facts.budgets.values() if isinstance(each, BudgetUse))
    return job.facts.now, False, seen, job.facts.ref.arn, number


def _leave(job: Followed, at: datetime, sums: _Sums) -> None:
    """Others decide a job that policies leave to them; what people approve counts from then on, and is not limited."""
    is_left = job.fate is None or job.fate.end.end is End.HELD
    if is_left and job.by_people and not job.is_counted:
        sums.reserve(evaluate_job(sums.policies, sums.with_used(replace(job.facts, now=at))))
    job.is_counted |= is_left
