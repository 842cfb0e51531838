"""What budgets must count, by an account of their own: who reserved what, and who gave it back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tests.verification.oracle.budgets import beginning
from tests.verification.soak import records


class Account(NamedTuple):
    """A budget's account in one period."""

    budget: str
    name: str
    start: datetime


@dataclass(slots=True)
class Kept:
    """What one job takes of one account.

    Attributes:
        limits: What it had to fit; nothing of what people approve.
    """

    account: Account
    jobs: int
    objects: int
    limits: Mapping[str, int]


FULL = {"jobs": 10**30, "objects": 10**30}
EMPTY = {"jobs": -(10**30), "objects": -(10**30)}
FAR_FROM_NOW = timedelta(seconds=90)
"""Longer than any invocation lasts."""


@dataclass(slots=True)
class Budgets:
    """Adds up what is reserved, from what S3 said and the policies ask for.

    Attributes:
        kept: What each job takes, by the budget's name.
        read: What is used, as each invocation was told for each job, the last time.
    """

    kept: dict[str, dict[str, Kept]] = field(default_factory=lambda: defaultdict(dict))
    read: dict[tuple[int, str], Mapping[Any, Any]] = field(default_factory=dict)

    def used(self, by: int, looked: records.Looked, document: Mapping[str, Any], tags: Any) -> dict[str, Any]:
        """What is used of each budget, as the independent evaluator takes it."""
        found: dict[str, Any] = {}
        for budget in document.get("budgets", ()):
            name = budget["name"]
            found[name] = self._used_of(self.kept[looked.job_id].get(name), budget, by, looked, tags)
        return found

    def _used_of(
        self, own: Kept | None, budget: Mapping[str, Any], by: int, looked: records.Looked, tags: Any
    ) -> Mapping[str, int]:
        value = value_of(budget, looked, tags)
        if own is not None and own.account.name != value:
            return FULL  # of another account: not measurable, a hold like this
        if own is not None and own.limits == limits_of(budget):
            return EMPTY
        starts = {beginning(budget, looked.at + each) for each in (timedelta(0), FAR_FROM_NOW)}
        read = self.read.get((by, looked.job_id), {})
        for account, amounts in read.items():
            if (account.budget, account.account) != (budget["name"], value):
                continue
            if own is not None and account_of(account) == own.account:  # whatever its period
                return {"jobs": amounts.jobs - own.jobs, "objects": amounts.objects - own.objects}
            if own is None and account.period_start in starts:
                return {"jobs": amounts.jobs, "objects": amounts.objects}
        return FULL

    # --- Writes -------------------------------------------------------------------------------------

    def claimed(
        self, w: records.Written, looked: records.Looked, document: Mapping[str, Any], tags: Any, *, limited: bool
    ) -> Iterator[tuple[str, str]]:
        """Whether a claim reserves what it must, once, and within the limits."""
        mine = self.kept[w.after.ref.job_id]
        checked: list[tuple[Mapping[str, Any], Kept]] = []
        asks = document.get("mode") != "shadow" and w.after.requested_action == "approve" and not by_person(w.after)
        for budget in document.get("budgets", ()) if asks else ():
            had = mine.get(budget["name"])
            value = value_of(budget, looked, tags)
            if had is None and value is None:
                continue
            if had is None:
                start = started(budget, looked, w)
                account = Account(budget["name"], str(value), start)
                total = looked.job.get("ProgressSummary", {}).get("TotalNumberOfTasks") or 0
                mine[budget["name"]] = had = Kept(account, 1, total, {})
            if limited and had.limits != limits_of(budget):
                had.limits = limits_of(budget)
                checked.append((budget, had))
        for budget, kept in checked:
            sums = self._sum(kept.account)
            for each, total in zip(("jobs", "objects"), sums, strict=True):
                if each in budget and total > budget[each]:
                    yield "budget: limit", f"{total} {each} reserved of {kept.account}, {budget[each]} are allowed"
        yield from self._as_counted(w)

    def written(self, w: records.Written, *, keeps: bool) -> Iterator[tuple[str, str]]:
        """Whether any other write keeps what it must, and gives back the rest."""
        if not keeps:
            self.kept[w.after.ref.job_id] = {}
        yield from self._as_counted(w)

    def _as_counted(self, w: records.Written) -> Iterator[tuple[str, str]]:
        mine = self.kept[w.after.ref.job_id]
        recorded = {
            each.account.budget: Kept(
                account_of(each.account),
                each.amounts.jobs,
                each.amounts.objects,
                {name: getattr(each.limits, name) for name in each.limits.named},
            )
            for each in w.after.reservations
        }
        if recorded != mine or len(w.after.reservations) != len(recorded):
            yield "budget: reserved", f"{w.after.phase} with {recorded} reserved, it must be {mine}"
            self.kept[w.after.ref.job_id] = recorded
        for account, amounts in w.counts.items():
            if (amounts.jobs, amounts.objects) != self._sum(account_of(account)):
                yield (
                    "budget: counted",
                    f"{amounts} counted of {account}, reserved are {self._sum(account_of(account))}",
                )

    def _sum(self, account: Account) -> tuple[int, int]:
        kept = [each for job in self.kept.values() for each in job.values() if each.account == account]
        return sum(each.jobs for each in kept), sum(each.objects for each in kept)

    def at_rest(self, counts: Mapping[Any, Any]) -> Iterator[str]:
        """Whether the ledger counts what is reserved, and nothing else."""
        for account, amounts in counts.items():
            if (amounts.jobs, amounts.objects) != self._sum(account_of(account)):
                yield f"{amounts} counted of {account}, reserved are {self._sum(account_of(account))}"


def limits_of(budget: Mapping[str, Any]) -> Mapping[str, int]:
    """At most how many of each."""
    return {name: budget[name] for name in ("jobs", "objects") if name in budget}


def value_of(budget: Mapping[str, Any], looked: records.Looked, tags: Any) -> str | None:
    """The account of a job; None where it has none."""
    each = budget.get("each")
    if each is None:
        return ""
    if each == "operation":
        operations = [*looked.job["Operation"]]
        return str(operations[0]) if len(operations) == 1 else None  # several: S3 is newer than the gate
    value = tags.get(each["tag"]) if isinstance(tags, Mapping) else None
    return None if value is None else str(value)


def started(budget: Mapping[str, Any], looked: records.Looked, w: records.Written) -> datetime:
    """The beginning of the period of a claim: that of the instant at which it was evaluated."""
    evidence: Any = w.review.evidence if w.review is not None else None
    return beginning(budget, datetime.fromisoformat(evidence["facts"]["now"]) if evidence else looked.at)


def account_of(account: Any) -> Account:
    """The ledger's account as one of these."""
    return Account(account.budget, account.account, account.period_start)


def by_person(item: Any) -> bool:
    """Whether a person decided alone."""
    return bool(item.decided_by.startswith("arn:"))
