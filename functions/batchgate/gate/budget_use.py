"""What the approvals of jobs use of budgets: how the ledger's counts change with a job's state, and who may ask."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from batchgate.gate.state import State
from batchgate.policy.amounts import Amounts, BudgetAccount, BudgetUse, Limits, Reservation
from batchgate.policy.budgets import Budget, account_of, amounts_of, period
from batchgate.policy.facts import Gap, JobFacts

NOTHING = Amounts()


class CountChange(Struct, frozen=True):
    """How the count of one account changes with the write of a state, in the same transaction.

    Attributes:
        account: Which.
        amounts: What is added to the count; below zero where it is given back.
        limits: What the count must stay within then; nothing of what is given back, and of what people approve.
    """

    account: BudgetAccount
    amounts: Amounts
    limits: Limits


def count_changes(before: State | None, after: State) -> tuple[CountChange, ...]:
    """How the counts change when a state replaces another: whatever it reserves is counted once."""
    had = {each.account: each for each in before.reservations} if before else {}
    has = {each.account: each for each in after.reservations}
    changes = [_change(account, had.get(account), has.get(account)) for account in {**had, **has}]
    return tuple(each for each in changes if each.amounts != NOTHING or each.limits.named)


def _change(account: BudgetAccount, before: Reservation | None, after: Reservation | None) -> CountChange:
    was, now = (each.amounts if each else NOTHING for each in (before, after))
    is_new = after is not None and before != after
    return CountChange(account, minus(now, was), after.limits if after and is_new else Limits())


def percents(
    budgets: Sequence[Budget], found: Mapping[str, BudgetUse | Gap], reserved: Sequence[Reservation] = ()
) -> Mapping[str, float]:
    """How much is used of each budget, with what is reserved now, in percent of the limit that is reached first."""
    taken = {each.account.budget: each.amounts for each in reserved}
    return {
        budget.name: _percent(budget.limits, use.used if use.own else use.used + taken.get(budget.name, NOTHING))
        for budget in budgets
        if isinstance(use := found.get(budget.name), BudgetUse)
    }


def _percent(limits: Limits, used: Amounts) -> float:
    of_each = ((getattr(used, name), getattr(limits, name)) for name in limits.named)
    return max((100.0 * amount / limit if limit else 100.0 for amount, limit in of_each), default=0.0)


def minus(amounts: Amounts, others: Amounts) -> Amounts:
    """The difference, of each amount by itself."""
    return Amounts(*(getattr(amounts, name) - getattr(others, name) for name in Amounts.__struct_fields__))


def accounts_asked(
    budgets: Sequence[Budget], facts: JobFacts, state: State | None
) -> Mapping[str, BudgetAccount | Gap]:
    """Of each budget the account whose count matters: that of the job's own reservation, else that of the job now."""
    own = _own(state)
    return {each.name: own[each.name].account if each.name in own else account_of(each, facts) for each in budgets}


def uses(
    budgets: Sequence[Budget],
    accounts: Mapping[str, BudgetAccount | Gap],
    used: Mapping[BudgetAccount, Amounts],
    facts: JobFacts,
    state: State | None,
) -> Mapping[str, BudgetUse | Gap]:
    """How much of each budget is used, as the policies ask for it.

    What this job has reserved within the same limits, for the same amounts, is its own. What it has reserved without
    limits, for people who approved it, within others, or for other amounts (a price has changed), counts as not
    reserved: the policies approve the job only if it fits now.
    """
    own = _own(state)
    found: dict[str, BudgetUse | Gap] = {}
    for budget in budgets:
        account, reservation = accounts[budget.name], own.get(budget.name)
        if isinstance(account, Gap):
            found[budget.name] = account
            continue
        count = used[account]
        amounts = amounts_of(budget, facts)
        is_own = reservation is not None and isinstance(amounts, Amounts) and reservation.fits(amounts, budget.limits)
        if reservation is not None and not is_own:
            count = minus(count, reservation.amounts)
        end = period(budget, account.period_start)[1]
        found[budget.name] = BudgetUse(account, end, count, own=is_own, reserved=reservation is not None)
    return found


def _own(state: State | None) -> Mapping[str, Reservation]:
    return {each.account.budget: each for each in state.reservations} if state else {}
