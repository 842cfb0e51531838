"""Budgets: how much may be approved in a period, of which account a job takes, and how much."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol, TypeAlias

from msgspec import Struct

from batchgate.policy.amounts import Amounts, BudgetAccount, BudgetUse, Limits, Reservation
from batchgate.policy.calendars import parse_zone
from batchgate.policy.costs import Prices, cost_of
from batchgate.policy.facts import Gap, JobFacts, Result
from batchgate.policy.wall_clock import beginning_of_day

__all__ = [
    "Amounts",
    "Budget",
    "BudgetAccount",
    "BudgetUse",
    "Limits",
    "Per",
    "Reservation",
    "account_of",
    "amounts_of",
    "most_binding",
    "period",
    "reservations_of",
]


class Per(StrEnum):
    """How long a period is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Budget(Struct, frozen=True):
    """One budget.

    Attributes:
        name: Its name.
        per: How long a period is.
        zone: The IANA zone in whose calendar periods begin.
        limits: What may be approved in one period, for one account.
        each: account, region, role, operation, or tag: what it has an account for each of; "" for one for all.
        tag: The key of the tag.
        prices: By which the cost of a job is estimated; none where it is not limited.
    """

    name: str
    per: Per
    zone: str
    limits: Limits
    each: str = ""
    tag: str = ""
    prices: Prices = Prices()

    @property
    def of_rows(self) -> bool:
        """Whether an amount that it limits may be counted in the manifest's rows."""
        limits = self.limits
        return limits.object_bytes is not None or (limits.cost is not None and bool(self.prices.gibibyte))


_LAST: Final = datetime.max.replace(tzinfo=UTC, microsecond=0)


def period(budget: Budget, instant: datetime) -> tuple[datetime, datetime]:
    """The period that an instant is in: its first instant, and that of the next period, in UTC.

    A period begins when the zone's clock shows its first date, or a later one, for the first time: where midnight is
    skipped, when the clock has been moved; where it is repeated, at the first of the two. Weeks begin on Monday.

    The last period that can be written ends where time does.
    """
    zone = parse_zone(budget.zone)
    first = _first_date(instant.astimezone(zone).date() if _is_ordinary(instant) else instant.date(), budget.per)
    start = beginning_of_day(zone, first)
    while True:
        following = _next(first, budget.per)
        end = _LAST if following is None else beginning_of_day(zone, following)
        if following is None or instant < end:  # a repeat shows dates of a period that is over once more
            return start, end
        first, start = following, end


_DAYS_FROM_THE_ENDS: Final = timedelta(days=3)
"""At datetime's own ends a local time might not be representable."""


def _is_ordinary(instant: datetime) -> bool:
    earliest = datetime.min.replace(tzinfo=UTC) + _DAYS_FROM_THE_ENDS
    return earliest < instant < _LAST - _DAYS_FROM_THE_ENDS


def _first_date(day: date, per: Per) -> date:
    match per:
        case Per.DAY:
            return day
        case Per.WEEK:
            return date.fromordinal(max(day.toordinal() - day.weekday(), 1))
        case Per.MONTH:
            return day.replace(day=1)


def _next(first: date, per: Per) -> date | None:
    """The first date of the next period; None beyond the year 9999."""
    days = {Per.DAY: 1, Per.WEEK: 7 - first.weekday(), Per.MONTH: 31}[per]
    if date.max.toordinal() - first.toordinal() < days:
        return None
    return _first_date(date.fromordinal(first.toordinal() + days), per)


def account_of(budget: Budget, facts: JobFacts) -> BudgetAccount | Gap:
    """The account that a job would take from if it were approved now; a gap where the job has no value for it."""
    value = _value(budget, facts)
    if isinstance(value, Gap):
        return value
    return BudgetAccount(budget.name, value, period(budget, facts.now)[0])


def _value(budget: Budget, facts: JobFacts) -> str | Gap:
    match budget.each:
        case "":
            return ""
        case "tag":
            if isinstance(facts.tags, Gap):
                return facts.tags
            value = facts.tags.get(budget.tag)
            return Gap(Result.UNMEASURABLE, f"the job has no tag {budget.tag}") if value is None else value
        case "operation":
            return facts.operation
        case "role":
            return Gap(Result.UNMEASURABLE, "S3 reports no role of the job") if facts.role is None else facts.role
        case "region":
            return facts.ref.region
        case _:
            return facts.ref.account_id


AmountOrGap: TypeAlias = int | Gap


def amounts_of(budget: Budget, facts: JobFacts) -> Amounts | Gap:
    """What a job takes of a budget; a gap where an amount that the budget limits is not known.

    What the budget does not limit is counted as far as it is known.
    """
    found = _amounts(budget, facts)
    gaps = [each for name in budget.limits.named if isinstance(each := found[name], Gap)]
    return most_binding(gaps) if gaps else _known(found)


def _amounts(budget: Budget, facts: JobFacts) -> Mapping[str, AmountOrGap]:
    cost = cost_of(budget.prices, facts)
    return {
        "jobs": 1,
        "objects": facts.total_tasks,
        "object_bytes": facts.object_bytes,
        "cost": cost if isinstance(cost, Gap) else cost.total,
    }


def _known(found: Mapping[str, AmountOrGap]) -> Amounts:
    return Amounts(**{name: 0 if isinstance(each, Gap) else each for name, each in found.items()})


def most_binding(gaps: Iterable[Gap]) -> Gap:
    """What is not known yet before what never may be, the first of equals."""
    return max(gaps, key=lambda gap: gap.result)


class Approving(Protocol):
    """What of a decision says what its approval reserves."""

    @property
    def budgets(self) -> Sequence[Budget]:
        """Each budget that a requirement of a governing statement names, once; none in shadow."""

    @property
    def lifted(self) -> Sequence[object]:
        """The votes that people's approvals lift."""

    @property
    def facts(self) -> JobFacts:
        """The job."""


def reservations_of(decision: Approving) -> tuple[Reservation, ...]:
    """What an approval by this decision reserves: of each budget that a requirement of a governing statement names.

    What people approve is not limited, and what is not known of it counts as none.
    """
    facts = decision.facts
    return tuple(
        Reservation(account, _known(_amounts(budget, facts)), Limits() if decision.lifted else budget.limits)
        for budget, account in _accounts(decision.budgets, facts)
    )


def _accounts(budgets: Iterable[Budget], facts: JobFacts) -> Iterator[tuple[Budget, BudgetAccount]]:
    """The account of each: that of the reservation that the job has already, else that of now; none without a value."""
    for budget in budgets:
        use = facts.budgets.get(budget.name)
        account = use.account if isinstance(use, BudgetUse) and use.reserved else account_of(budget, facts)
        if isinstance(account, BudgetAccount):
            yield budget, account
