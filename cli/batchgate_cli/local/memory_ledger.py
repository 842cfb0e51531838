"""A decision ledger in this process's memory: what the one on DynamoDB does, for tests that take thousands of steps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from msgspec.structs import replace

from batchgate.aws.ledger import A_SWEEP_TAKES_AT_MOST, FAR_AHEAD
from batchgate.aws.ledger_items import count_key, record_of, review_item
from batchgate.contract import SORT_KEY
from batchgate.errors import (
    BudgetExceededError,
    CircuitBreakerError,
    GatePausedError,
    LedgerConflictError,
    UnreadableItemError,
)
from batchgate.gate.budget_use import count_changes
from batchgate.gate.ports import CircuitBreaker, Clock, Heartbeat, Notified, Pause, Review, Unreadable
from batchgate.gate.state import Outcome, RequestedAction, State
from batchgate.jobs.model import JobRef
from batchgate.policy.amounts import Amounts, BudgetAccount


def _unreadable(ref: JobRef | None) -> UnreadableItemError:
    return UnreadableItemError(f"STATE {ref}: can't be read: <b>of another version</b>")


def _key(account: str) -> str:
    """What accounts are sorted by."""
    return str(count_key((), BudgetAccount("", account, datetime.min.replace(tzinfo=UTC)))[SORT_KEY]["S"])


def _later(kept: datetime | None, instant: datetime) -> datetime:
    """What is kept of two instants; one that is far ahead was written by a wrong clock."""
    return kept if kept is not None and instant < kept <= instant + FAR_AHEAD else instant


@dataclass(slots=True)
class MemoryLedger:
    """The `PeoplesLedger` port without a table.

    Attributes:
        unreadable: The jobs whose items are not what this version writes; None for one whose key isn't either.
    """

    clock: Clock
    opened: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    states: dict[JobRef, State] = field(default_factory=dict)
    reviews: list[Review] = field(default_factory=list)
    paused: Pause | None = None
    cancellations: list[datetime] = field(default_factory=list)
    counted: dict[BudgetAccount, Amounts] = field(default_factory=dict)
    sweep: tuple[str, datetime] | None = None
    holds_notified: datetime | None = None
    cancelled_notified: datetime | None = None
    beat: Heartbeat | None = None
    event_at: datetime | None = None
    unreadable: set[JobRef | None] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def read(self, ref: JobRef) -> State | None:
        """The job's state."""
        if ref in self.unreadable:
            raise _unreadable(ref)
        with self._lock:
            return self.states.get(ref)

    def write(self, state: State, *, replacing: State | None, review: Review | None = None) -> State:
        """Write, unless another call wrote since."""
        return self._write(state, replacing, review, lambda: None)

    def used(self, accounts: Sequence[BudgetAccount]) -> Mapping[BudgetAccount, Amounts]:
        """What is reserved."""
        with self._lock:
            return {each: self.counted.get(each, Amounts()) for each in accounts}

    def claim(self, state: State, *, replacing: State | None, review: Review, breaker: CircuitBreaker | None) -> State:
        """Write a claim, unless the gate is paused or the circuit breaker holds."""

        def may_claim() -> None:
            if self.paused is not None:
                raise GatePausedError("the gate is paused")
            if state.requested_action is RequestedAction.CANCEL:
                self._count(breaker)

        return self._write(state, replacing, review, may_claim)

    def _write(self, state: State, replacing: State | None, review: Review | None, check: Callable[[], None]) -> State:
        with self._lock:
            here = self.states.get(state.ref)
            if (here.rev if here else None) != (replacing.rev if replacing else None):
                raise LedgerConflictError(f"{state.ref}: another call wrote first")
            check()
            counts = dict(self.counted)
            for change in count_changes(replacing, state):
                counts[change.account] = counts.get(change.account, Amounts()) + change.amounts
                if not change.limits.admit(counts[change.account]):
                    raise BudgetExceededError(f"{state.ref}: no room left in budget {change.account.budget}")
            self.counted = counts
            written = replace(state, rev=(here.rev if here else 0) + 1)
            self.states[state.ref] = written
            if review is not None:
                self.reviews.append(review)
            return written

    def _count(self, breaker: CircuitBreaker | None) -> None:
        now = self.clock.now()
        within = breaker.within if breaker else timedelta(days=1)  # as far as any circuit breaker looks back
        self.cancellations = [each for each in self.cancellations if each > now - within]
        if breaker is not None and len(self.cancellations) >= breaker.cancellations:
            raise CircuitBreakerError(f"{len(self.cancellations)} cancellations in {within}")
        self.cancellations.append(now)

    def counts(
        self, budget: str, period_start: datetime, *, after: str | None, at_most: int
    ) -> list[tuple[BudgetAccount, Amounts]]:
        """What is reserved of a budget's accounts, in the order of their keys."""
        with self._lock:
            found = [
                (_key(account.account), account, amounts)
                for account, amounts in self.counted.items()
                if account.budget == budget and account.period_start == period_start
            ]
        found = [each for each in found if after is None or each[0] > _key(after)]
        return [(account, amounts) for _, account, amounts in sorted(found, key=lambda each: each[0])[:at_most]]

    def opened_at(self) -> datetime:
        """Since when this ledger is kept."""
        return self.opened

    def pause(self) -> Pause | None:
        """Whether claims are refused."""
        return self.paused

    def set_pause(self, pause: Pause | None, *, replacing: Pause | None) -> None:
        """Pause or resume the gate, unless another call did either since."""
        with self._lock:
            if self.paused != replacing:
                raise LedgerConflictError("the gate was paused or resumed meanwhile")
            self.paused = pause

    def open_items(self) -> Iterator[State | Unreadable]:
        """What is not settled and announced yet, by `due_at`."""
        yield from (Unreadable(ref, _unreadable(ref)) for ref in self.unreadable)
        with self._lock:
            found = [(each.due_at, each.ref, each) for each in self.states.values() if each.due_at is not None]
            found = [each for each in found if each[1] not in self.unreadable]
        yield from (state for *_, state in sorted(found, key=lambda each: each[:2]))

    def ended(self, refs: Sequence[JobRef]) -> frozenset[JobRef]:
        """Which of these jobs are settled and announced."""
        with self._lock:
            return frozenset(ref for ref in refs if ref in self.states and self.states[ref].announced_at is not None)

    def cancelled(self, after: datetime, until: datetime) -> list[State | Unreadable]:
        """The jobs that the gate cancelled in this time."""
        with self._lock:
            found = [
                (each.decided_at, each.ref, each)
                for each in self.states.values()
                if each.outcome is Outcome.APPLIED
                and each.requested_action is RequestedAction.CANCEL
                and each.decided_at is not None
                and after < each.decided_at <= until
            ]
        return [state for *_, state in sorted(found, key=lambda each: each[:2])]

    def settled(self, since: datetime, before: datetime) -> Iterator[State | Unreadable]:
        """The jobs whose end was settled in this time, the latest first; of those of one instant in any order."""
        with self._lock:
            found = [
                (each.decided_at, each)
                for each in self.states.values()
                if each.decided_at is not None and since <= each.decided_at < before
            ]
        yield from (state for _, state in sorted(found, key=lambda each: each[0], reverse=True))

    def history(self, ref: JobRef) -> list[dict[str, Any]]:
        """Every review of a job, oldest first, as the ledger's items have them."""
        records = (record_of(review_item(review, 0)) for review in self.reviews if review.ref == ref)
        return [record for record in records if record is not None]

    def notified(self) -> Notified:
        """What the notices cover."""
        return Notified(self._read_instant(self.holds_notified), self._read_instant(self.cancelled_notified))

    def set_notified(self, cancelled_until: datetime, holds_until: datetime | None) -> None:
        """Remember it, unless more is kept."""
        if _later(self.cancelled_notified, cancelled_until) == cancelled_until:
            self.holds_notified, self.cancelled_notified = holds_until, cancelled_until

    def heartbeat(self) -> Heartbeat | None:
        """What the last sweep left."""
        return self.beat

    def set_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Keep it."""
        self.beat = heartbeat

    def last_event_at(self) -> datetime | None:
        """When an event was last received."""
        return self._read_instant(self.event_at)

    def note_event(self, instant: datetime) -> None:
        """Remember it, unless a later instant is kept."""
        self.event_at = _later(self.event_at, instant)

    def _read_instant(self, kept: datetime | None) -> datetime | None:
        return kept if kept is None or kept <= self.clock.now() + FAR_AHEAD else None

    def begin_sweep(self, owner: str, until: datetime) -> bool:
        """Take the sweep's lease."""
        with self._lock:
            now = self.clock.now()
            lives = self.sweep is not None and now < self.sweep[1] <= now + A_SWEEP_TAKES_AT_MOST
            if lives and self.sweep is not None and self.sweep[0] != owner:
                return False
            self.sweep = (owner, until)
            return True

    def end_sweep(self, owner: str) -> None:
        """Give it back."""
        with self._lock:
            if self.sweep is not None and self.sweep[0] == owner:
                self.sweep = None
