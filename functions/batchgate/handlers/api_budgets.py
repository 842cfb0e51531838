"""What the API says of budgets: how much of each account is used and reserved, and what is left."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from batchgate.gate.ports import PeoplesLedger
from batchgate.gate.state import Phase, State
from batchgate.handlers import api_views as views
from batchgate.handlers.api_requests import ListBudgets, cursor, parts_of
from batchgate.jobs.model import Json
from batchgate.policy.amounts import Amounts, BudgetAccount
from batchgate.policy.budgets import Budget, period
from batchgate.policy.compiled import PolicySet
from batchgate.policy.patterns import matcher


def list_budgets(query: ListBudgets, policies: PolicySet, ledger: PeoplesLedger, now: datetime) -> dict[str, Json]:
    """One page of the accounts of the budgets in force, in the period of an instant: by budget, then in a fixed order.

    Accounts are listed of which something is counted, and those of budgets that have one account for all.
    """
    after = parts_of(query.next, 2) if query.next else None
    matches = matcher([query.budget]) if query.budget is not None else lambda _: True
    budgets = [each for each in policies.budgets if matches(each.name) and (after is None or each.name >= after[0])]
    at = query.at or now
    reserved = _reserved(ledger)
    names: list[Json] = [each.name for each in policies.budgets]
    of_all: dict[str, Json] = {"names": names, "policy_version": policies.version}
    page: list[Json] = []
    last: tuple[str, str] | None = None
    for budget in budgets:
        start, end = period(budget, at)
        beginning = after[1] if after is not None and after[0] == budget.name else None
        for account, counted in _accounts(query, budget, start, beginning, ledger, query.limit + 1 - len(page)):
            if last is not None and len(page) == query.limit:
                return {"budgets": page, "next": cursor(*last), **of_all}
            page.append(views.budget_account(budget, account, end, counted, reserved.get(account, Amounts())))
            last = (budget.name, account.account)
    return {"budgets": page, "next": None, **of_all}


def _accounts(
    query: ListBudgets, budget: Budget, start: datetime, after: str | None, ledger: PeoplesLedger, at_most: int
) -> Iterator[tuple[BudgetAccount, Amounts]]:
    """The accounts of a budget behind the last one of the page before."""
    named = query.account if budget.each else ""
    if named is None:
        yield from ledger.counts(budget.name, start, after=after, at_most=at_most)
    elif after is None and query.account in (None, named):
        yield from ledger.used([BudgetAccount(budget.name, named, start)]).items()


def _reserved(ledger: PeoplesLedger) -> Mapping[BudgetAccount, Amounts]:
    """What is reserved by claims of which it is not known yet what came of them."""
    found: dict[BudgetAccount, Amounts] = {}
    for item in ledger.open_items():
        if isinstance(item, State) and item.phase is not Phase.SETTLED:
            for each in item.reservations:
                found[each.account] = found.get(each.account, Amounts()) + each.amounts
    return found
