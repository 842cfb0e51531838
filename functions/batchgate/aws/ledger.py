"""The decision ledger on DynamoDB: one item of truth a job, its history beside it, and what is open in an index."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
from botocore.config import Config
from botocore.exceptions import ClientError
from msgspec import Struct, field
from msgspec.structs import replace

from batchgate.aws.answers import UNREADABLE, only_answers
from batchgate.contract import OPEN_INDEX
from batchgate.errors import CircuitBreakerError, GatePausedError, LedgerConflictError, LedgerError, UnreadableItemError
from batchgate.gate.ports import CircuitBreaker, Clock, Pause, Review, Unreadable
from batchgate.gate.state import Block, Outcome, Phase, RequestedAction, State
from batchgate.jobs.model import JobRef
from batchgate.policy.wording import first_of
from batchgate.text import shorten

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONFIG = Config(
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,  # a sweep's workers write at once
    parameter_validation=False,  # of items that are made here; it takes as long as signing the request
)
"""A repeated write that took effect at once is recognised by its own id."""

SCHEMA_VERSION: Final = 1
"""Of the items; code reads older ones before anything writes newer ones."""

KEPT_AFTER_THE_END: Final = timedelta(days=400)
_TRIES_FOR_THE_CIRCUIT_BREAKER = 5
_CANCELLATIONS_KEPT = 5_000
"""Times in the circuit breaker's item. Its limit is at most 1,000: people's cancellations count, none is refused."""
_KEYS_A_BATCH = 100
"""Source: DynamoDB API, BatchGetItem."""

Item = Mapping[str, Any]
"""Attributes as DynamoDB's own API has them: {"rev": {"N": "3"}, ...}."""

FAR_AHEAD: Final = timedelta(minutes=10)
"""So far in the future nobody was told of anything: a clock was wrong."""

A_SWEEP_TAKES_AT_MOST: Final = timedelta(hours=1)
"""No sweep's lease is longer: what says so was written by a clock that was wrong, or by nobody here."""


class DynamoLedger(Struct):
    """The `DecisionLedger` port on one table.

    Attributes:
        client: A client made with `CONFIG`.
        table: The table's name; its keys and indices are those of `batchgate.contract`.
        home: Partition, Region and account: whose gate it is.
    """

    client: DynamoDBClient
    table: str
    home: tuple[str, str, str]
    clock: Clock
    kept: timedelta = KEPT_AFTER_THE_END
    _opened_at: datetime | None = field(default=None)

    def __post_init__(self) -> None:
        only_answers(self.client.meta.events)

    # --- One job ------------------------------------------------------------------------------------

    def read(self, ref: JobRef) -> State | None:
        """GetItem, strongly consistent."""
        answer = self._call(lambda: self.client.get_item(TableName=self.table, Key=_key(ref), ConsistentRead=True))
        item = answer.get("Item")
        return _state(item) if item else None

    def write(self, state: State, *, replacing: State | None, review: Review | None = None) -> State:
        """PutItem on condition; with a review one transaction of both."""
        written, put = self._put_state(state, replacing)
        if review is not None:
            return self._transact(written, [{"Put": put}, self._put_review(review, written.rev)], put)
        try:
            self._call(lambda: self.client.put_item(**put))
        except _ConditionFailedError as failed:
            _must_be_own(failed.item, put, state.ref)
        return written

    def claim(self, state: State, *, replacing: State | None, review: Review, breaker: CircuitBreaker | None) -> State:
        """One transaction: the claim, its review, that the gate is not paused, and the circuit breaker's count."""
        written, put = self._put_state(state, replacing)
        writes: list[Any] = [{"Put": put}, self._put_review(review, written.rev), self._not_paused()]
        if state.direction is not RequestedAction.CANCEL:
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
            "Item": _item(written, secrets.token_hex(8), self.kept),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if replacing is None:
            return written, put | {"ConditionExpression": "attribute_not_exists(pk)"}
        values = {":rev": {"N": str(replacing.rev)}}
        return written, put | {"ConditionExpression": "rev = :rev", "ExpressionAttributeValues": values}

    def _put_review(self, review: Review, rev: int) -> dict[str, Any]:
        said = {name: each for name, each in msgspec.structs.asdict(_Record.of(review)).items() if each is not None}
        item = {
            "pk": {"S": _pk(review.ref)},
            "sk": {"S": f"REVIEW#{_text(review.at)}#{rev:06}"},
            "schema_version": {"N": str(SCHEMA_VERSION)},
            "said": {"S": msgspec.json.encode(said).decode()},
            "expires_at": {"N": str(int((review.at + self.kept).timestamp()))},
        }
        return {"Put": {"TableName": self.table, "Item": item}}

    def _not_paused(self) -> dict[str, Any]:
        return {
            "ConditionCheck": {
                "TableName": self.table,
                "Key": self._gate_key("GATE"),
                "ConditionExpression": "attribute_not_exists(paused_at)",
            }
        }

    def _count(self, breaker: CircuitBreaker | None) -> dict[str, Any]:
        """Add this cancellation to those of the last minutes; the item's own `rev` keeps two from counting as one."""
        now = self.clock.now()
        within = breaker.within if breaker else timedelta(days=1)  # as far as any circuit breaker looks back
        item = self._gate_item("CIRCUIT_BREAKER") or {}
        with _reading("CIRCUIT_BREAKER"):
            counted = [each["S"] for each in item["times"]["L"]] if item else []
            times = [each for each in counted if _instant(each) > now - within]
            rev = int(item["rev"]["N"]) if item else 0
        if breaker is not None and len(times) >= breaker.cancellations:
            raise CircuitBreakerError(f"{len(times)} cancellations in {within}")
        item = {
            **self._gate_key("CIRCUIT_BREAKER"),
            "rev": {"N": str(rev + 1)},
            "times": {"L": [{"S": each} for each in [*times, _text(now)][-_CANCELLATIONS_KEPT:]]},
        }
        put: dict[str, Any] = {"TableName": self.table, "Item": item}
        if not rev:
            return {"Put": put | {"ConditionExpression": "attribute_not_exists(pk)"}}
        values = {":rev": {"N": str(rev)}}
        return {"Put": put | {"ConditionExpression": "rev = :rev", "ExpressionAttributeValues": values}}

    def _transact(self, written: State, writes: list[Any], put: Mapping[str, Any]) -> State:
        """TransactWriteItems: the state first, then its review, then perhaps the pause and the circuit breaker."""
        try:
            self._call(lambda: self.client.transact_write_items(TransactItems=writes))
        except _TransactionCancelledError as cancelled:
            if len(cancelled.reasons) != len(writes):
                raise LedgerError(f"{written.ref}: the transaction was cancelled, and nobody says why") from cancelled
            state, _, *others = cancelled.reasons
            if state.get("Code") == _FAILED:
                _must_be_own(state.get("Item"), put, written.ref)
                return written
            if others and others[0].get("Code") == _FAILED:
                raise GatePausedError("the gate is paused") from cancelled
            if len(others) > 1 and others[1].get("Code") == _FAILED:
                raise _CircuitBreakerMovedError from cancelled
            codes = ", ".join(str(each.get("Code")) for each in cancelled.reasons)
            raise LedgerError(f"{written.ref}: the transaction was cancelled: {codes}") from cancelled
        return written

    # --- The gate -----------------------------------------------------------------------------------

    def opened_at(self) -> datetime:
        """When the table was made, which it is with the first deployment; asked once."""
        if self._opened_at is None:
            answer = self._call(lambda: self.client.describe_table(TableName=self.table))
            with _reading("DescribeTable"):
                self._opened_at = answer["Table"]["CreationDateTime"].astimezone(UTC)
        return self._opened_at

    def pause(self) -> Pause | None:
        """What the GATE item says."""
        return _pause(self._gate_item("GATE") or {})

    def set_pause(self, pause: Pause | None, *, replacing: Pause | None) -> None:
        """Pause the gate, or let it go on, if nobody did either since.

        The item counts its writes: a write whose answer was lost, and that botocore sends again, undoes nothing that
        somebody else did in between.

        Args:
            pause: The pause; None ends it.
            replacing: What was read, and shown to whoever asks for this; None for a gate that was not paused.

        Raises:
            LedgerConflictError: The gate is not, or no longer, as `replacing` says.
        """
        found = self._gate_item("GATE") or {}
        if _pause(found) != replacing:
            raise LedgerConflictError("somebody else paused the gate, or let it go on, in between")
        item: dict[str, Any] = self._gate_key("GATE") | {"write_id": {"S": secrets.token_hex(8)}}
        if pause is not None:
            item |= {
                "paused_at": {"S": _text(pause.at)},
                "paused_by": {"S": pause.by},
                "paused_because": {"S": pause.reason},
            }
        self._replace("GATE", item, found)

    def _replace(self, kind: str, item: dict[str, Any], found: Item) -> None:
        """Write one of the gate's items if it is still the one that was found; they count their writes."""
        with _reading(kind):
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
        start: dict[str, Any] = {}
        while True:
            page = self._call(
                lambda start=start: self.client.query(  # type: ignore[misc]
                    TableName=self.table,
                    IndexName=OPEN_INDEX,
                    KeyConditionExpression="#open = :open",
                    ExpressionAttributeNames={"#open": "open"},
                    ExpressionAttributeValues={":open": {"S": _OPEN}},
                    **start,
                )
            )
            yield from map(_state_or_why_not, page.get("Items", []))
            if not page.get("LastEvaluatedKey"):
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def ended(self, refs: Sequence[JobRef]) -> frozenset[JobRef]:
        """BatchGetItem; what DynamoDB leaves unprocessed counts as not ended, for this is a hint."""
        found: set[JobRef] = set()
        for first in range(0, len(refs), _KEYS_A_BATCH):
            wanted: Any = {
                "Keys": [_key(ref) for ref in refs[first : first + _KEYS_A_BATCH]],
                "ProjectionExpression": "pk, announced_at",
            }
            answer = self._call(lambda wanted=wanted: self.client.batch_get_item(RequestItems={self.table: wanted}))  # type: ignore[misc]
            items = answer.get("Responses", {}).get(self.table, [])
            with _reading("BatchGetItem"):
                found |= {_ref(item["pk"]["S"]) for item in items if "announced_at" in item}
        return frozenset(found)

    def told_until(self) -> datetime | None:
        """What the DIGEST item says; what can't be read is written anew with the next digest."""
        item = self._gate_item("DIGEST")
        try:
            told = _instant(item["told_until"]["S"]) if item else None
        except UNREADABLE:
            return None
        return told if told is None or told <= self.clock.now() + FAR_AHEAD else None

    def tell_until(self, instant: datetime) -> None:
        """Write the DIGEST item, unless it says later; what lies far ahead no clock has written that was right."""
        try:
            self._call(
                lambda: self.client.put_item(
                    TableName=self.table,
                    Item={**self._gate_key("DIGEST"), "told_until": {"S": _text(instant)}},
                    ConditionExpression=_NO_INSTANT_FROM_TO.format("told_until"),
                    ExpressionAttributeValues=_from_to(instant, instant + FAR_AHEAD),
                )
            )
        except _ConditionFailedError:
            return  # told later by somebody else, or this very write was done before its answer was lost

    def begin_sweep(self, owner: str, until: datetime) -> bool:
        """Take the SWEEP item if nobody has it, or whoever has it is out of time; so long a lease nobody has."""
        try:
            self._call(
                lambda: self.client.put_item(
                    TableName=self.table,
                    Item={**self._gate_key("SWEEP"), "owner": {"S": owner}, "lease_until": {"S": _text(until)}},
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
        reviews: list[dict[str, Any]] = []
        start: dict[str, Any] = {}
        while True:
            page = self._call(
                lambda start=start: self.client.query(  # type: ignore[misc]
                    TableName=self.table,
                    ConsistentRead=True,
                    KeyConditionExpression="pk = :pk AND begins_with(sk, :review)",
                    ExpressionAttributeValues={":pk": {"S": _pk(ref)}, ":review": {"S": "REVIEW#"}},
                    **start,
                )
            )
            reviews += filter(None, map(_said, page.get("Items", [])))
            if not page.get("LastEvaluatedKey"):
                return reviews
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _gate_item(self, kind: str) -> Item | None:
        answer = self._call(
            lambda: self.client.get_item(TableName=self.table, Key=self._gate_key(kind), ConsistentRead=True)
        )
        return answer.get("Item")

    def _gate_key(self, kind: str) -> dict[str, Any]:
        return {"pk": {"S": ":".join(self.home)}, "sk": {"S": kind}}

    def _call(self, call: Callable[[], Any]) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = call()
        except ClientError as error:
            raise _translation(error) from error
        except UNREADABLE as error:
            raise LedgerError(f"{self.table}: {type(error).__name__}: {error}") from error
        return answer


_NO_INSTANT_FROM_TO: Final = "attribute_not_exists({0}) OR NOT attribute_type({0}, :text) OR {0} <= :from OR {0} > :to"


def _from_to(first: datetime, last: datetime) -> dict[str, Any]:
    return {":text": {"S": "S"}, ":from": {"S": _text(first)}, ":to": {"S": _text(last)}}


# --- What DynamoDB refuses ------------------------------------------------------------------------------

_FAILED = "ConditionalCheckFailed"


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


def _translation(error: ClientError) -> LedgerError:
    """DynamoDB's refusal in the ledger's words; *source*: DynamoDB API, PutItem and TransactWriteItems."""
    said: Mapping[str, Any] = error.response
    code = str(said.get("Error", {}).get("Code") or "")
    if code == "ConditionalCheckFailedException":
        return _ConditionFailedError(said.get("Item"))
    if code == "TransactionCanceledException":
        return _TransactionCancelledError(said.get("CancellationReasons") or [])
    return LedgerError(
        f"{error.operation_name}: {code}: {shorten(str(said.get('Error', {}).get('Message') or ''), 200)}"
    )


def _must_be_own(found: Item | None, put: Mapping[str, Any], what: JobRef | str) -> None:
    """A condition that fails because this very write is done already is a success whose answer was lost."""
    if not found or found.get("write_id") != put["Item"]["write_id"]:
        raise LedgerConflictError(f"{what}: somebody else wrote first")


# --- States as items ------------------------------------------------------------------------------------

_OPEN = "open"
_ENUMS: Final = {"phase": Phase, "direction": RequestedAction, "outcome": Outcome, "block": Block}
_INSTANTS: Final = frozenset(
    {
        "due_at",
        "first_held_at",
        "lease_until",
        "decided_at",
        "announced_at",
        "until",
        "cancels_at",
        "known_at",
        "news_at",
        "created_at",
        "suspended_at",
        "missing_since",
    }
)
_NUMBERS: Final = frozenset({"rev", "attempt", "total_tasks"})
_FLAGS: Final = frozenset({"maybe_sent", "unattributed", "shadow", "ungated", "owes_chance"})
_MICROSECOND: Final = timedelta(microseconds=1)


def _item(state: State, write_id: str, kept: timedelta) -> dict[str, Any]:
    item: dict[str, Any] = {
        **_key(state.ref),
        "schema_version": {"N": str(SCHEMA_VERSION)},
        "write_id": {"S": write_id},
    }
    for name in state.__struct_fields__:
        value = getattr(state, name)
        if name == "ref" or value is None:
            continue
        if isinstance(value, bool):
            item[name] = {"BOOL": value}
        elif isinstance(value, tuple):
            item[name] = {"L": [{"S": shorten(each)} for each in first_of(value)]}
        elif isinstance(value, int):
            item[name] = {"N": str(value)}
        elif isinstance(value, timedelta):
            item[name] = {"N": str(value // _MICROSECOND)}
        else:
            item[name] = {"S": _text(value) if isinstance(value, datetime) else shorten(str(value))}
    if state.due_at is not None:
        item["open"] = {"S": _OPEN}
    elif state.announced_at is not None:
        item["expires_at"] = {"N": str(int((state.announced_at + kept).timestamp()))}
    if state.decided_at is not None:
        item["day"] = {"S": f"{state.decided_at:%Y-%m-%d}"}
    return item


def _state(item: Item) -> State:
    """An item of this or an older version; of the index's entries what is projected.

    Raises:
        UnreadableItemError: It is none.
    """
    with _reading("STATE", item):
        version = int(item["schema_version"]["N"])
        if version > SCHEMA_VERSION:
            raise ValueError(f"written by a newer version of batchgate (schema {version}, known: {SCHEMA_VERSION})")
        said: dict[str, Any] = {"ref": _ref(item["pk"]["S"]), **_NOT_PROJECTED}
        for name in State.__struct_fields__:
            attribute = item.get(name)
            if attribute is not None:
                said[name] = _member(name, attribute)
        return State(**said)


def _member(name: str, attribute: Mapping[str, Any]) -> object:
    if name in _FLAGS:
        return attribute["BOOL"]
    if name in _NUMBERS:
        return int(attribute["N"])
    if name in _INSTANTS:
        return _instant(attribute["S"])
    if name == "held_for_known":
        return int(attribute["N"]) * _MICROSECOND
    if name == "governing":
        return tuple(each["S"] for each in attribute["L"])
    return _ENUMS.get(name, str)(attribute["S"])


def _state_or_why_not(item: Item) -> State | Unreadable:
    try:
        return _state(item)
    except UnreadableItemError as error:
        try:
            return Unreadable(_ref(item["pk"]["S"]), error)
        except UNREADABLE:
            return Unreadable(None, error)


@contextmanager
def _reading(what: str, item: Item | None = None) -> Iterator[None]:
    """Have whatever is wrong with what is read be an UnreadableItemError."""
    try:
        yield
    except UNREADABLE as error:
        key = "".join(f" {each.get('S')}" for each in (item or {}).values() if isinstance(each, dict))
        raise UnreadableItemError(
            f"{what}{shorten(key, 200)}: can't be read: {type(error).__name__}: {shorten(str(error), 200)}"
        ) from error


def _pause(item: Item) -> Pause | None:
    """What the GATE item says; whatever is wrong with it, it pauses the gate while it says since when."""
    if "paused_at" not in item:
        return None
    with _reading("GATE"):
        by, because = (str(item.get(name, {}).get("S", "?")) for name in ("paused_by", "paused_because"))
        return Pause(by=by, reason=because, at=_instant(item["paused_at"]["S"]))


def _said(item: Item) -> dict[str, Any] | None:
    """A review as the history keeps it; None where it can't be read."""
    try:
        return msgspec.json.decode(item["said"]["S"], type=dict[str, Any])
    except UNREADABLE:
        return None


_NOT_PROJECTED: Final = {"verdict": "", "reason": "", "decided_by": "", "policy_version": "", "due_at": None}


class _Record(msgspec.Struct, frozen=True):
    """A review as the history keeps it."""

    at: datetime
    action: str
    status: str
    verdict: str
    until: datetime | None
    cancels_at: datetime | None
    reason: str
    decided_by: str
    policy_version: str
    claim_id: str
    attempt: int
    shadow: bool
    alarm: str
    evidence: Any

    @classmethod
    def of(cls, review: Review) -> _Record:
        """What of a review is worth keeping, and fits: the evidence is cut where it is made."""
        kept: dict[str, Any] = {name: getattr(review, name) for name in cls.__struct_fields__}
        for name in ("reason", "decided_by", "alarm"):
            kept[name] = shorten(kept[name])
        return cls(**kept | {"status": str(review.status)})


def _key(ref: JobRef) -> dict[str, Any]:
    return {"pk": {"S": _pk(ref)}, "sk": {"S": "STATE"}}


def _pk(ref: JobRef) -> str:
    return f"{ref.partition}:{ref.region}:{ref.account_id}:{ref.job_id}"


def _ref(pk: str) -> JobRef:
    return JobRef(*pk.split(":", 3))


def _text(instant: datetime) -> str:
    """An instant whose texts sort as the instants do."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"expected an instant with its offset from UTC, got {shorten(text, 40)!r}")
    return instant
