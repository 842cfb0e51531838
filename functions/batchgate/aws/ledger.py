"""The decision ledger on DynamoDB: one state a job, the history of its reviews, and an index of what is open."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from botocore.config import Config
from msgspec import Struct, field
from msgspec.structs import replace

from batchgate.aws.answers import only_answers
from batchgate.aws.calls import CallError, make_call
from batchgate.aws.ledger_items import (
    KEPT_BY_DEFAULT,
    MALFORMED,
    OPEN,
    Item,
    account_of,
    amounts_of,
    count_attributes,
    count_key,
    heartbeat_of,
    instant_as_text,
    instant_of,
    item_of,
    json_of,
    partition_of,
    pause_of,
    reading,
    record_of,
    ref_of,
    review_item,
    state_key,
    state_of,
    state_or_why_not,
)
from batchgate.contract import DAY_INDEX, OPEN_INDEX, PARTITION_KEY, SORT_KEY
from batchgate.errors import BudgetExceededError, CircuitBreakerError, GatePausedError, LedgerConflictError, LedgerError
from batchgate.gate.budget_use import CountChange, count_changes
from batchgate.gate.ports import CircuitBreaker, Clock, Heartbeat, Notified, Pause, Review, Unreadable
from batchgate.gate.state import Outcome, RequestedAction, State
from batchgate.jobs.model import JobRef
from batchgate.policy.amounts import Amounts, BudgetAccount

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONFIG = Config(
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,  # a sweep's workers write at once
    parameter_validation=False,  # of items that are made here; it takes as long as signing the request
)
"""A retried write whose first attempt took effect is recognized by its own id."""

_TRIES_FOR_THE_CIRCUIT_BREAKER = 5
_WAITS_FOR_A_CONFLICT: Final = (0.05, 0.1, 0.2, 0.4)
"""At most so many seconds, by chance less, before a transaction is tried again that conflicted with another one."""

_RANDOM: Final = secrets.SystemRandom()
_CANCELLATIONS_KEPT = 5_000
"""Times in the circuit breaker's item. Its limit is at most 1,000: people's cancellations count, none is refused."""
_KEYS_A_BATCH = 100
"""Source: DynamoDB API, BatchGetItem."""

_MICROSECOND = timedelta(microseconds=1)

EVENTS_NOTED_EVERY: Final = timedelta(minutes=1)
"""By each instance of a function. What is recorded is at most this much older than the last event."""

FAR_AHEAD: Final = timedelta(minutes=10)
"""A digest recorded further in the future was written by a wrong clock."""

A_SWEEP_TAKES_AT_MOST: Final = timedelta(hours=1)
"""No sweep's lease is longer. A longer one was written by a wrong clock, or not by a sweep."""


class DynamoLedger(Struct):
    """The `DecisionLedger` port on one table.

    Attributes:
        client: A client made with `CONFIG`.
        table: The table's name; its keys and indices are those of `batchgate.contract`.
        home: Partition, Region and account: whose gate it is.
        kept: How long settled states and reviews are kept.
        sleep: Waits for seconds.
    """

    client: DynamoDBClient
    table: str
    home: tuple[str, str, str]
    clock: Clock
    kept: timedelta = KEPT_BY_DEFAULT
    sleep: Callable[[float], None] = time.sleep
    _opened_at: datetime | None = field(default=None)
    _event_noted_at: datetime | None = field(default=None)

    def __post_init__(self) -> None:
        only_answers(self.client.meta.events)

    # --- One job ------------------------------------------------------------------------------------

    def read(self, ref: JobRef) -> State | None:
        """GetItem, strongly consistent."""
        answer = self._call(lambda: self.client.get_item(TableName=self.table, Key=state_key(ref), ConsistentRead=True))
        item = answer.get("Item")
        return state_of(item) if item else None

    def write(self, state: State, *, replacing: State | None, review: Review | None = None) -> State:
        """PutItem on condition; with a review, or what changes the counts of budgets, one transaction of all."""
        written, put = self._put_state(state, replacing)
        changes = count_changes(replacing, state)
        if review is not None or changes:
            writes = [{"Put": put}, *map(self._count_budget, changes)]
            return self._transact(
                written, writes if review is None else [*writes, self._put_review(review, written.rev)], put
            )
        try:
            self._call(lambda: self.client.put_item(**put))
        except _ConditionFailedError as failed:
            _must_be_own(failed.item, put, state.ref)
        return written

    def claim(self, state: State, *, replacing: State | None, review: Review, breaker: CircuitBreaker | None) -> State:
        """One transaction: the claim, its review, that the gate is not paused, and what is counted.

        Those are the budgets that it reserves, and by the circuit breaker a cancellation.
        """
        written, put = self._put_state(state, replacing)
        writes: list[Any] = [
            {"Put": put},
            *map(self._count_budget, count_changes(replacing, state)),
            self._put_review(review, written.rev),
            self._not_paused(),
        ]
        if state.requested_action is not RequestedAction.CANCEL:
            return self._transact(written, writes, put)
        for _ in range(_TRIES_FOR_THE_CIRCUIT_BREAKER - 1):
            try:
                return self._transact(written, [*writes, self._count(breaker)], put)
            except _CircuitBreakerMovedError:
                continue
        return self._transact(written, [*writes, self._count(breaker)], put)

    def _put_state(self, state: State, replacing: State | None) -> tuple[State, dict[str, Any]]:
        written = replace(state, rev=(replacing.rev if replacing else 0) + 1)
        put: dict[str, Any] = {
            "TableName": self.table,
            "Item": item_of(written, secrets.token_hex(8), self.kept),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if replacing is None:
            return written, put | {"ConditionExpression": "attribute_not_exists(pk)"}
        values = {":rev": {"N": str(replacing.rev)}}
        return written, put | {"ConditionExpression": "rev = :rev", "ExpressionAttributeValues": values}

    def _put_review(self, review: Review, rev: int) -> dict[str, Any]:
        return {"Put": {"TableName": self.table, "Item": review_item(review, rev, self.kept)}}

    def _not_paused(self) -> dict[str, Any]:
        return {
            "ConditionCheck": {
                "TableName": self.table,
                "Key": self._gate_key("GATE"),
                "ConditionExpression": "attribute_not_exists(paused_at)",
            }
        }

    def _count_budget(self, change: CountChange) -> dict[str, Any]:
        """Add to the count of a budget's account, on condition that it stays within the limits."""
        names = Amounts.__struct_fields__
        room = {name: getattr(change.limits, name) - getattr(change.amounts, name) for name in change.limits.named}
        if any(left < 0 for left in room.values()):
            raise BudgetExceededError(f"budget {change.account.budget} has no room for this job alone")
        others = count_attributes(change.account, self.kept)
        values = {f":{name}": {"N": str(getattr(change.amounts, name))} for name in names}
        update: dict[str, Any] = {
            "TableName": self.table,
            "Key": count_key(self.home, change.account),
            "UpdateExpression": (
                f"SET {', '.join(f'#{name} = :{name}' for name in others)} "
                f"ADD {', '.join(f'#{name} :{name}' for name in names)}"
            ),
            "ExpressionAttributeNames": {f"#{name}": name for name in (*others, *names)},
            "ExpressionAttributeValues": values
            | {f":{name}": value for name, value in others.items()}
            | {f":{name}_left": {"N": str(left)} for name, left in room.items()},
        }
        if room:
            conditions = (f"(attribute_not_exists(#{name}) OR #{name} <= :{name}_left)" for name in room)
            update["ConditionExpression"] = " AND ".join(conditions)
        return {"Update": update}

    def _count(self, breaker: CircuitBreaker | None) -> dict[str, Any]:
        """Add this cancellation to those of the last minutes; the item's own `rev` keeps two from counting as one."""
        now = self.clock.now()
        within = breaker.within if breaker else timedelta(days=1)  # the longest time of any circuit breaker
        item = self._gate_item("CIRCUIT_BREAKER") or {}
        with reading("CIRCUIT_BREAKER"):
            counted = [each["S"] for each in item["times"]["L"]] if item else []
            times = [each for each in counted if instant_of(each) > now - within]
            rev = int(item["rev"]["N"]) if item else 0
        if breaker is not None and len(times) >= breaker.cancellations:
            raise CircuitBreakerError(f"{len(times)} cancellations in {within}")
        item = {
            **self._gate_key("CIRCUIT_BREAKER"),
            "rev": {"N": str(rev + 1)},
            "times": {"L": [{"S": each} for each in [*times, instant_as_text(now)][-_CANCELLATIONS_KEPT:]]},
        }
        put: dict[str, Any] = {"TableName": self.table, "Item": item}
        if not rev:
            return {"Put": put | {"ConditionExpression": "attribute_not_exists(pk)"}}
        values = {":rev": {"N": str(rev)}}
        return {"Put": put | {"ConditionExpression": "rev = :rev", "ExpressionAttributeValues": values}}

    def _transact(
        self,
        written: State,
        writes: list[Any],
        put: Mapping[str, Any],
        waits: tuple[float, ...] = _WAITS_FOR_A_CONFLICT,
    ) -> State:
        """TransactWriteItems: the state first, then what it counts of budgets, its review, and what else is checked.

        Of two transactions that write one count at the same time, DynamoDB cancels one. It is tried again.
        """
        try:
            self._call(lambda: self.client.transact_write_items(TransactItems=writes))
        except _TransactionCancelledError as cancelled:
            if self._was_made(cancelled, written, writes, put):
                return written
            if not waits:
                raise LedgerError(f"{written.ref}: other transactions wrote at the same time each time") from cancelled
            self.sleep(_RANDOM.uniform(0, waits[0]))
            return self._transact(written, writes, put, waits[1:])
        return written

    @staticmethod
    def _was_made(
        cancelled: _TransactionCancelledError, written: State, writes: Sequence[Any], put: Mapping[str, Any]
    ) -> bool:
        """Whether a cancelled transaction had been made, and its response was lost; False if it may be tried again."""
        if len(cancelled.reasons) != len(writes):
            raise LedgerError(f"{written.ref}: the transaction was cancelled without reasons") from cancelled
        reasons = [each.get("Code") for each in cancelled.reasons]
        if reasons[0] == _FAILED:
            _must_be_own(cancelled.reasons[0].get("Item"), put, written.ref)
            return True
        failed = [write for write, code in zip(writes, reasons, strict=True) if code == _FAILED]
        if any("ConditionCheck" in write for write in failed):
            raise GatePausedError("the gate is paused") from cancelled
        if any("Put" in write for write in failed):
            raise _CircuitBreakerMovedError from cancelled
        if failed:
            budgets = ", ".join(each["Update"]["ExpressionAttributeValues"][":budget"]["S"] for each in failed)
            raise BudgetExceededError(f"{written.ref}: no room left in budget {budgets}") from cancelled
        if _CONFLICT not in reasons:
            codes = ", ".join(map(str, reasons))
            raise LedgerError(f"{written.ref}: the transaction was cancelled: {codes}") from cancelled
        return False

    # --- Budgets ------------------------------------------------------------------------------------

    def used(self, accounts: Sequence[BudgetAccount]) -> Mapping[BudgetAccount, Amounts]:
        """BatchGetItem, strongly consistent; again what DynamoDB left out."""
        found = dict.fromkeys(accounts, Amounts())
        by_key = {count_key(self.home, account)[SORT_KEY]["S"]: account for account in accounts}
        keys = [count_key(self.home, account) for account in accounts]
        for longest_wait in (*_WAITS_FOR_A_CONFLICT, None):
            if not keys:
                break
            wanted: Any = {self.table: {"Keys": keys, "ConsistentRead": True}}
            answer = self._call(lambda wanted=wanted: self.client.batch_get_item(RequestItems=wanted))  # type: ignore[misc]
            for item in answer.get("Responses", {}).get(self.table, []):
                with reading("BUDGET", item):
                    account = by_key[item[SORT_KEY]["S"]]
                found[account] = amounts_of(item)
            keys = answer.get("UnprocessedKeys", {}).get(self.table, {}).get("Keys", [])
            if keys and longest_wait is None:
                raise LedgerError(f"{len(keys)} counts of budgets could not be read: DynamoDB did not process them")
            if keys and longest_wait:
                self.sleep(_RANDOM.uniform(0, longest_wait))
        return found

    def counts(
        self, budget: str, period_start: datetime, *, after: str | None, at_most: int
    ) -> list[tuple[BudgetAccount, Amounts]]:
        """The counts' partition, by budget and period."""
        first = count_key(self.home, BudgetAccount(budget, after or "", period_start))
        prefix = first[SORT_KEY]["S"].rpartition("#")[0]
        pages = self._pages(
            ConsistentRead=True,
            Limit=at_most,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": first[PARTITION_KEY], ":prefix": {"S": f"{prefix}#"}},
            **({} if after is None else {"ExclusiveStartKey": first}),
        )
        return [(account_of(item), amounts_of(item)) for item in islice(pages, at_most)]

    # --- The gate -----------------------------------------------------------------------------------

    def opened_at(self) -> datetime:
        """When the table was made, which it is with the first deployment; asked once."""
        if self._opened_at is None:
            answer = self._call(lambda: self.client.describe_table(TableName=self.table))
            with reading("DescribeTable"):
                self._opened_at = answer["Table"]["CreationDateTime"].astimezone(UTC)
        return self._opened_at

    def pause(self) -> Pause | None:
        """The pause in the GATE item."""
        return pause_of(self._gate_item("GATE") or {})

    def set_pause(self, pause: Pause | None, *, replacing: Pause | None) -> None:
        """Put the GATE item.

        The item counts its writes, so a write whose response was lost and that botocore retries never undoes another
        write in between.
        """
        found = self._gate_item("GATE") or {}
        if pause_of(found) != replacing:
            raise LedgerConflictError("the gate was paused or resumed by another call meanwhile")
        item: dict[str, Any] = self._gate_key("GATE") | {"write_id": {"S": secrets.token_hex(8)}}
        if pause is not None:
            item |= {
                "paused_at": {"S": instant_as_text(pause.at)},
                "paused_by": {"S": pause.by},
                "paused_because": {"S": pause.reason},
            }
        self._replace("GATE", item, found)

    def _replace(self, kind: str, item: dict[str, Any], found: Item) -> None:
        """Write one of the gate's items if it is still the one that was found. The items count their writes."""
        with reading(kind):
            rev = int(found["rev"]["N"]) if "rev" in found else 0
        put: dict[str, Any] = {
            "TableName": self.table,
            "Item": item | {"rev": {"N": str(rev + 1)}},
            "ConditionExpression": "attribute_not_exists(rev)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if rev:
            put |= {"ConditionExpression": "rev = :rev", "ExpressionAttributeValues": {":rev": {"N": str(rev)}}}
        try:
            self._call(lambda: self.client.put_item(**put))
        except _ConditionFailedError as failed:
            _must_be_own(failed.item, put, kind)

    def open_items(self) -> Iterator[State | Unreadable]:
        """The sparse index, all pages, by `due_at`."""
        pages = self._pages(
            IndexName=OPEN_INDEX,
            KeyConditionExpression="#open = :open",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues={":open": {"S": OPEN}},
        )
        return map(state_or_why_not, pages)

    def ended(self, refs: Sequence[JobRef]) -> frozenset[JobRef]:
        """BatchGetItem. Unprocessed keys count as not ended: this is a hint."""
        found: set[JobRef] = set()
        for first in range(0, len(refs), _KEYS_A_BATCH):
            wanted: Any = {
                "Keys": [state_key(ref) for ref in refs[first : first + _KEYS_A_BATCH]],
                "ProjectionExpression": "pk, announced_at",
            }
            answer = self._call(lambda wanted=wanted: self.client.batch_get_item(RequestItems={self.table: wanted}))  # type: ignore[misc]
            items = answer.get("Responses", {}).get(self.table, [])
            with reading("BatchGetItem"):
                found |= {ref_of(item) for item in items if "announced_at" in item}
        return frozenset(found)

    def cancelled(self, after: datetime, until: datetime) -> list[State | Unreadable]:
        """The index of what was settled, all pages of each day."""
        found: list[State | Unreadable] = []
        if after >= until:
            return found  # which DynamoDB refuses to search
        days = (until.astimezone(UTC).date() - after.astimezone(UTC).date()).days
        for number in range(days + 1):
            values = {
                ":day": {"S": f"{after.astimezone(UTC) + timedelta(days=number):%Y-%m-%d}"},
                ":after": {"S": instant_as_text(after + _MICROSECOND)},
                ":until": {"S": instant_as_text(until)},
                ":cancel": {"S": str(RequestedAction.CANCEL)},
                ":applied": {"S": str(Outcome.APPLIED)},
            }
            pages = self._pages(
                IndexName=DAY_INDEX,
                KeyConditionExpression="#day = :day AND #at BETWEEN :after AND :until",
                FilterExpression="#requested_action = :cancel AND #outcome = :applied",
                ExpressionAttributeNames={
                    "#day": "day",
                    "#at": "decided_at",
                    "#requested_action": "requested_action",
                    "#outcome": "outcome",
                },
                ExpressionAttributeValues=values,
            )
            found += map(state_or_why_not, pages)
        return found

    def settled(self, since: datetime, before: datetime) -> Iterator[State | Unreadable]:
        """The index of what was settled, all pages of each day, backwards."""
        since, before = since.astimezone(UTC), before.astimezone(UTC)
        if since >= before:
            return
        until = before - _MICROSECOND
        for number in range((until.date() - since.date()).days + 1):
            pages = self._pages(
                IndexName=DAY_INDEX,
                ScanIndexForward=False,
                KeyConditionExpression="#day = :day AND #at BETWEEN :since AND :until",
                ExpressionAttributeNames={"#day": "day", "#at": "decided_at"},
                ExpressionAttributeValues={
                    ":day": {"S": f"{until - timedelta(days=number):%Y-%m-%d}"},
                    ":since": {"S": instant_as_text(since)},
                    ":until": {"S": instant_as_text(until)},
                },
            )
            yield from map(state_or_why_not, pages)

    def notified(self) -> Notified:
        """The instants in the DIGEST item. One that can't be read, or is too far ahead, counts as missing."""
        item = self._gate_item("DIGEST") or {}
        return Notified(self._instant(item, "notified_until"), self._instant(item, "cancelled_until"))

    def set_notified(self, cancelled_until: datetime, holds_until: datetime | None) -> None:
        """Write the DIGEST item unless it covers cancellations up to a later instant."""
        others = {} if holds_until is None else {"notified_until": holds_until}
        self._set_instants("DIGEST", "cancelled_until", {"cancelled_until": cancelled_until, **others})

    def heartbeat(self) -> Heartbeat | None:
        """The HEARTBEAT item. One that can't be read is replaced by the next sweep's."""
        return heartbeat_of(self._gate_item("HEARTBEAT") or {})

    def set_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Put the HEARTBEAT item."""
        item = {**self._gate_key("HEARTBEAT"), "heartbeat": {"S": json_of(heartbeat)}}
        self._call(lambda: self.client.put_item(TableName=self.table, Item=item))

    def last_event_at(self) -> datetime | None:
        """The instant in the EVENTS item. One that can't be read, or is too far ahead, is replaced by the next one."""
        return self._instant(self._gate_item("EVENTS") or {}, "received_at")

    def note_event(self, instant: datetime) -> None:
        """Write the EVENTS item unless it has a later instant. A write that fails is not tried again for a minute."""
        noted = self._event_noted_at
        if noted is not None and timedelta(0) <= instant - noted < EVENTS_NOTED_EVERY:
            return
        self._event_noted_at = instant
        self._set_instants("EVENTS", "received_at", {"received_at": instant})

    def begin_sweep(self, owner: str, until: datetime) -> bool:
        """Take the SWEEP item unless another sweep's lease is live; a lease longer than any sweep's is not."""
        try:
            self._call(
                lambda: self.client.put_item(
                    TableName=self.table,
                    Item={
                        **self._gate_key("SWEEP"),
                        "owner": {"S": owner},
                        "lease_until": {"S": instant_as_text(until)},
                    },
                    ConditionExpression=_NO_INSTANT_FROM_TO.format("lease_until") + " OR #owner = :owner",
                    ExpressionAttributeNames={"#owner": "owner"},
                    ExpressionAttributeValues={":owner": {"S": owner}}
                    | _from_to(self.clock.now(), self.clock.now() + A_SWEEP_TAKES_AT_MOST),
                )
            )
        except _ConditionFailedError:
            return False
        return True

    def end_sweep(self, owner: str) -> None:
        """Remove the SWEEP item, if it is still this owner's."""
        try:
            self._call(
                lambda: self.client.delete_item(
                    TableName=self.table,
                    Key=self._gate_key("SWEEP"),
                    ConditionExpression="#owner = :owner",
                    ExpressionAttributeNames={"#owner": "owner"},
                    ExpressionAttributeValues={":owner": {"S": owner}},
                )
            )
        except _ConditionFailedError:
            return

    def history(self, ref: JobRef) -> list[dict[str, Any]]:
        """Every review of a job that is kept and can be read, oldest first, as plain data."""
        pages = self._pages(
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :review)",
            ExpressionAttributeValues={":pk": {"S": partition_of(ref)}, ":review": {"S": "REVIEW#"}},
        )
        return list(filter(None, map(record_of, pages)))

    def _pages(self, **query: Any) -> Iterator[Item]:  # noqa: ANN401 - as the API has it
        """Query, all pages."""
        while True:
            page = self._call(lambda query=query: self.client.query(TableName=self.table, **query))  # type: ignore[misc]
            yield from page.get("Items", [])
            if not page.get("LastEvaluatedKey"):
                return
            query = {**query, "ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _instant(self, item: Item, name: str) -> datetime | None:
        """An instant in one of the gate's items; None where there is none, or one that no clock can have written."""
        try:
            instant = instant_of(item[name]["S"])
        except MALFORMED:
            return None
        return instant if instant <= self.clock.now() + FAR_AHEAD else None

    def _set_instants(self, kind: str, first: str, instants: Mapping[str, datetime]) -> None:
        """Replace one of the gate's items unless its `first` instant is later and not too far ahead."""
        try:
            self._call(
                lambda: self.client.put_item(
                    TableName=self.table,
                    Item=self._gate_key(kind) | {name: {"S": instant_as_text(at)} for name, at in instants.items()},
                    ConditionExpression=_NO_INSTANT_FROM_TO.format(first),
                    ExpressionAttributeValues=_from_to(instants[first], instants[first] + FAR_AHEAD),
                )
            )
        except _ConditionFailedError:
            return  # another writer had a later one, or this very write was made and its response was lost

    def _gate_item(self, kind: str) -> Item | None:
        answer = self._call(
            lambda: self.client.get_item(TableName=self.table, Key=self._gate_key(kind), ConsistentRead=True)
        )
        return answer.get("Item")

    def _gate_key(self, kind: str) -> dict[str, Any]:
        return {"pk": {"S": ":".join(self.home)}, "sk": {"S": kind}}

    def _call(self, call: Callable[[], Any]) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = make_call(call)
        except CallError as error:
            raise _error(error, self.table) from error
        return answer


_NO_INSTANT_FROM_TO: Final = "attribute_not_exists({0}) OR NOT attribute_type({0}, :text) OR {0} <= :from OR {0} > :to"


def _from_to(first: datetime, last: datetime) -> dict[str, Any]:
    return {":text": {"S": "S"}, ":from": {"S": instant_as_text(first)}, ":to": {"S": instant_as_text(last)}}


# --- What DynamoDB refuses ------------------------------------------------------------------------------

_FAILED = "ConditionalCheckFailed"
_CONFLICT = "TransactionConflict"


class _ConditionFailedError(LedgerError):
    """A condition did not hold.

    Attributes:
        item: What is there instead; None where nothing is.
    """

    def __init__(self, item: Item | None) -> None:
        super().__init__("a condition did not hold")
        self.item = item


class _TransactionCancelledError(LedgerError):
    """A transaction was cancelled.

    Attributes:
        reasons: Code, and the item where it was asked for, of each write in order.
    """

    def __init__(self, reasons: Sequence[Mapping[str, Any]]) -> None:
        super().__init__("a transaction was cancelled")
        self.reasons = reasons


class _CircuitBreakerMovedError(LedgerError):
    """Another cancellation was counted in between."""


def _error(error: CallError, table: str) -> LedgerError:
    """A failed call in the ledger's terms. *Source*: DynamoDB API, PutItem and TransactWriteItems."""
    match error.code:
        case "ConditionalCheckFailedException":
            return _ConditionFailedError(error.response.get("Item"))
        case "TransactionCanceledException":
            return _TransactionCancelledError(error.response.get("CancellationReasons") or [])
        case _:
            return LedgerError(f"{error.operation or table}: {error}")


def _must_be_own(found: Item | None, put: Mapping[str, Any], what: JobRef | str) -> None:
    """A condition that failed because this very write was already made is a success whose response was lost."""
    if not found or found.get("write_id") != put["Item"]["write_id"]:
        raise LedgerConflictError(f"{what}: another review wrote first")
