"""Whether a job stays within a budget, and when periods begin.

Readings chosen where the language leaves room:

* A midnight that happens twice begins a period the first time; one that does not exist means the instant its gap ends.
* Where clocks that go back show a date of the period before once more, the new period goes on.
* What is not known of a job is unknown before it is unmeasurable, as under `all`.
* A tag without a text is a value.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from fractions import Fraction

from tests.verification.oracle.checks import (
    Fact,
    Situation,
    amount,
    arn_parts,
    estimated_cost,
    fact_of,
    first_of,
    met_if,
)
from tests.verification.oracle.plain import Document, Result, listed, mapping, text
from tests.verification.oracle.windows import wall_instant, zone_named

DAY = timedelta(days=1)
LONGEST = 32
"""More days than any period has."""

LIMITED = {"jobs": "jobs", "objects": "total_tasks", "object_bytes": "object_bytes", "cost": "cost"}
"""What a budget may limit, and the fact that says how much of it a job takes."""


def budget_holds(name: str, situation: Situation) -> Result:
    """Say whether what was approved in this period and this job together stay within every limit."""
    [budget] = [each for each in map(mapping, listed(situation.budgets)) if each["name"] == name]
    facts = {limit: amount_of(limit, situation) for limit in LIMITED if limit in budget}
    takes = {limit: fact for limit, fact in facts.items() if isinstance(fact, Fraction)}
    missing = {fact for fact in (value_of(budget, situation), *facts.values()) if isinstance(fact, Result)}
    if missing:
        return first_of((Result.UNKNOWN, Result.UNMEASURABLE), missing, Result.UNMEASURABLE)
    is_current = beginning(budget, situation.now) == beginning(budget, situation.read_at)
    used = mapping(situation.used[name]) if is_current else {}
    return met_if(all(amount(used.get(limit, 0)) + taken <= amount(budget[limit]) for limit, taken in takes.items()))


def amount_of(limit: str, situation: Situation) -> Fraction | Result:
    """Give how much of what is limited the job takes."""
    if limit == "cost":
        return estimated_cost(situation)
    taken = 1 if limit == "jobs" else fact_of(LIMITED[limit], situation)
    return taken if isinstance(taken, Result) else amount(taken)


def value_of(budget: Document, situation: Situation) -> Fact:
    """Give the job's value of what there is one account for each of."""
    each = budget.get("each")
    if each is None:
        return ""
    if isinstance(each, str):
        value = arn_parts(situation.job)[2] if each == "account" else fact_of(each, situation)
    elif situation.tags == "unmeasurable":
        value = Result.UNMEASURABLE
    else:
        value = situation.tags.get(text(mapping(each)["tag"]))
    return Result.UNMEASURABLE if value is None else value


def beginning(budget: Document, instant: datetime) -> datetime:
    """Give when the period began that an instant is in."""
    around = instant.date()
    return max(begins for begins in beginnings(budget, around - LONGEST * DAY, around + 2 * DAY) if begins <= instant)


def beginnings(budget: Document, first: date, last: date) -> Iterator[datetime]:
    """Give the beginnings of all periods whose first date is one of these."""
    zone = zone_named(text(budget.get("timezone", "UTC")))
    day = first
    while day <= last:
        if begins_on(text(budget["per"]), day):
            yield wall_instant(zone, day, "00:00", closing=False)
        day += DAY


def begins_on(per: str, day: date) -> bool:
    """Say whether a period begins on this date."""
    return {"day": True, "week": day.strftime("%a") == "Mon", "month": day.day == 1}[per]


def names_budget(condition: Document) -> bool:
    """Say whether a requirement's own condition names a budget, at any depth."""
    inner = listed(condition.get("all"))
    return "budget" in condition or any(names_budget(mapping(each)) for each in inner)
