"""The decision ledger on DynamoDB: one item of truth a job, its history beside it, and what is open in an index."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from msgspec import Struct, field
from msgspec.structs import replace

from batchgate.errors import BrakeError, GatePausedError, LedgerConflictError, LedgerError
from batchgate.jobs.model import JobRef
from batchgate.ports import Brake, Clock, Pause, Review
from batchgate.state import Block, Direction, Outcome, Phase, State

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

OPEN_INDEX: Final = "open"
KEPT_AFTER_THE_END: Final = timedelta(days=400)
_TRIES_FOR_THE_BRAKE = 5
_KEYS_A_BATCH = 100
"""Source: DynamoDB API, BatchGetItem."""

Item = Mapping[str, Any]
"""Attributes as DynamoDB's own API has them: {"rev": {"N": "3"}, ...}."""

_UNREADABLE = (BotoCoreError, ResponseParserError, ValueError, LookupError, TypeError, AttributeError)


class DynamoLedger(Struct):
    """The `DecisionLedger` port on one table.

    Attributes:
        client: A client made with `CONFIG`.
        table: The table's name; its keys and indices are those of infra/ledger_table.py.
        home: Partition, Region and account: whose gate it is.
    """

    client: DynamoDBClient
    table: str
    home: tuple[str, str, str]
    clock: Clock
    kept: timedelta = KEPT_AFTER_THE_END
    _opened_at: datetime | None = field(default=None)

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

    def claim(self, state: State, *, replacing: State | None, review: Review, brake: Brake | None) -> State:
        """One transaction: the claim, its review, that the gate is not paused, and what it adds to the brake."""
        written, put = self._put_state(state, replacing)
        writes: list[Any] = [{"Put": put}, self._put_review(review, written.rev), self._not_paused()]
        if state.direction is not Direction.CANCEL:
            return self._transact(written, writes, put)
        for _ in range(_TRIES_FOR_THE_BRAKE - 1):
            try:
                return self._transact(written, [*writes, self._count(brake)], put)
            except _BrakeMovedError:
                continue
        return self._transact(written, [*writes, self._count(brake)], put)

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

    def _count(self, brake: Brake | None) -> dict[str, Any]:
        """Add this cancellation to those of the last minutes; the item's own `rev` keeps two from counting as one."""
        now = self.clock.now()
        within = brake.within if brake else timedelta(days=1)  # as far as any brake looks back
        answer = self._call(
            lambda: self.client.get_item(TableName=self.table, Key=self._gate_key("BRAKE"), ConsistentRead=True)
        )
        item = answer.get("Item") or {}
        times = [each["S"] for each in item.get("times", {}).get("L", []) if _instant(each["S"]) > now - within]
        if brake is not None and len(times) >= brake.cancellations:
            raise BrakeError(f"{len(times)} cancellations in {within}")
        rev = int(item["rev"]["N"]) if item else 0
        counted = {
            **self._gate_key("BRAKE"),
            "rev": {"N": str(rev + 1)},
            "times": {"L": [{"S": each} for each in [*times, _text(now)]]},
        }
        put: dict[str, Any] = {"TableName": self.table, "Item": counted}
        if not rev:
            return {"Put": put | {"ConditionExpression": "attribute_not_exists(pk)"}}
        values = {":rev": {"N": str(rev)}}
        return {"Put": put | {"ConditionExpression": "rev = :rev", "ExpressionAttributeValues": values}}

    def _transact(self, written: State, writes: list[Any], put: Mapping[str, Any]) -> State:
        """TransactWriteItems: the state first, then its review, then perhaps the pause and the brake."""
        try:
            self._call(lambda: self.client.transact_write_items(TransactItems=writes))
        except _TransactionCancelledError as cancelled:
            state, _, *others = cancelled.reasons
            if state.get("Code") == _FAILED:
                _must_be_own(state.get("Item"), put, written.ref)
                return written
            if others and others[0].get("Code") == _FAILED:
                raise GatePausedError("the gate is paused") from cancelled
            if len(others) > 1 and others[1].get("Code") == _FAILED:
                raise _BrakeMovedError from cancelled
            codes = ", ".join(str(each.get("Code")) for each in cancelled.reasons)
            raise LedgerError(f"{written.ref}: the transaction was cancelled: {codes}") from cancelled
        return written

    # --- The gate -----------------------------------------------------------------------------------

    def opened_at(self) -> datetime:
        """When the table was made, which it is with the first deployment; asked once."""
        if self._opened_at is None:
            answer = self._call(lambda: self.client.describe_table(TableName=self.table))
            self._opened_at = answer["Table"]["CreationDateTime"].astimezone(UTC)
        return self._opened_at

    def pause(self) -> Pause | None:
        """What the GATE item says."""
        item = self._call(
            lambda: self.client.get_item(TableName=self.table, Key=self._gate_key("GATE"), ConsistentRead=True)
        ).get("Item")
        if not item or "paused_at" not in item:
            return None
        return Pause(by=item["paused_by"]["S"], reason=item["paused_because"]["S"], at=_instant(item["paused_at"]["S"]))

    def set_pause(self, pause: Pause | None) -> None:
        """Pause the gate, or let it go on."""
        item: dict[str, Any] = self._gate_key("GATE")
        if pause is not None:
            item |= {
                "paused_at": {"S": _text(pause.at)},
                "paused_by": {"S": pause.by},
                "paused_because": {"S": pause.reason},
            }
        self._call(lambda: self.client.put_item(TableName=self.table, Item=item))

    def open_items(self) -> Iterator[State]:
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
            yield from (_state(item) for item in page.get("Items", []))
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
            found |= {_ref(item["pk"]["S"]) for item in items if "announced_at" in item}
        return frozenset(found)

    def told_until(self) -> datetime | None:
        """What the DIGEST item says."""
        item = self._call(
            lambda: self.client.get_item(TableName=self.table, Key=self._gate_key("DIGEST"), ConsistentRead=True)
        ).get("Item")
        return _instant(item["told_until"]["S"]) if item else None

    def tell_until(self, instant: datetime) -> None:
        """Write the DIGEST item."""
        item = {**self._gate_key("DIGEST"), "told_until": {"S": _text(instant)}}
        self._call(lambda: self.client.put_item(TableName=self.table, Item=item))

    def begin_sweep(self, owner: str, until: datetime) -> bool:
        """Take the SWEEP item if nobody has it, or whoever has it is out of time."""
        try:
            self._call(
                lambda: self.client.put_item(
                    TableName=self.table,
                    Item={**self._gate_key("SWEEP"), "owner": {"S": owner}, "lease_until": {"S": _text(until)}},
                    ConditionExpression="attribute_not_exists(pk) OR lease_until <= :now OR #owner = :owner",
                    ExpressionAttributeNames={"#owner": "owner"},
                    ExpressionAttributeValues={":now": {"S": _text(self.clock.now())}, ":owner": {"S": owner}},
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
        """Every review of a job that is kept, oldest first, as plain data."""
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
            reviews += [msgspec.json.decode(item["said"]["S"]) for item in page.get("Items", [])]
            if not page.get("LastEvaluatedKey"):
                return reviews
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _gate_key(self, kind: str) -> dict[str, Any]:
        return {"pk": {"S": ":".join(self.home)}, "sk": {"S": kind}}

    def _call(self, call: Callable[[], Any]) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = call()
        except ClientError as error:
            raise _translation(error) from error
        except _UNREADABLE as error:
            raise LedgerError(f"{self.table}: {type(error).__name__}: {error}") from error
        if "message" in answer or not answer.get("ResponseMetadata", {}).get("RequestId"):
            # botocore takes whatever comes with a 200 for an answer: a proxy's page, a body that was cut.
            raise LedgerError(f"{self.table}: an answer that is not DynamoDB's")
        return answer


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


class _BrakeMovedError(LedgerError):
    """Another cancellation was counted in between."""


def _translation(error: ClientError) -> LedgerError:
    """DynamoDB's refusal in the ledger's words; *source*: DynamoDB API, PutItem and TransactWriteItems."""
    said: Mapping[str, Any] = error.response
    code = str(said.get("Error", {}).get("Code") or "")
    if code == "ConditionalCheckFailedException":
        return _ConditionFailedError(said.get("Item"))
    if code == "TransactionCanceledException":
        return _TransactionCancelledError(said.get("CancellationReasons") or [{}, {}])
    return LedgerError(f"{error.operation_name}: {code}: {str(said.get('Error', {}).get('Message') or '')[:200]}")


def _must_be_own(found: Item | None, put: Mapping[str, Any], ref: JobRef) -> None:
    """A condition that fails because this very write is done already is a success whose answer was lost."""
    if not found or found.get("write_id") != put["Item"]["write_id"]:
        raise LedgerConflictError(f"{ref}: somebody else wrote first")


# --- States as items ------------------------------------------------------------------------------------

_OPEN = "open"
_ENUMS: Final = {"phase": Phase, "direction": Direction, "outcome": Outcome, "block": Block}
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
    }
)
_NUMBERS: Final = frozenset({"rev", "attempt", "total_tasks"})
_FLAGS: Final = frozenset({"maybe_sent", "unattributed", "shadow", "unconfirmed", "owes_chance"})
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
            item[name] = {"L": [{"S": each} for each in value]}
        elif isinstance(value, int):
            item[name] = {"N": str(value)}
        elif isinstance(value, timedelta):
            item[name] = {"N": str(value // _MICROSECOND)}
        else:
            item[name] = {"S": _text(value) if isinstance(value, datetime) else str(value)}
    if state.due_at is not None:
        item["open"] = {"S": _OPEN}
    elif state.announced_at is not None:
        item["expires_at"] = {"N": str(int((state.announced_at + kept).timestamp()))}
    if state.decided_at is not None:
        item["day"] = {"S": f"{state.decided_at:%Y-%m-%d}"}
    return item


def _state(item: Item) -> State:
    """An item of this or an older version; of the index's entries what is projected."""
    if int(item["schema_version"]["N"]) > SCHEMA_VERSION:
        raise LedgerError(f"{item['pk']['S']}: written by a newer version of batchgate")
    said: dict[str, Any] = {"ref": _ref(item["pk"]["S"]), **_NOT_PROJECTED}
    for name in State.__struct_fields__:
        attribute = item.get(name)
        if attribute is None:
            continue
        if name in _FLAGS:
            said[name] = attribute["BOOL"]
        elif name in _NUMBERS:
            said[name] = int(attribute["N"])
        elif name in _INSTANTS:
            said[name] = _instant(attribute["S"])
        elif name == "held_for_known":
            said[name] = int(attribute["N"]) * _MICROSECOND
        elif name == "governing":
            said[name] = tuple(each["S"] for each in attribute["L"])
        else:
            said[name] = _ENUMS.get(name, str)(attribute["S"])
    return State(**said)


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
        """What of a review is worth keeping."""
        return cls(**{name: getattr(review, name) for name in cls.__struct_fields__} | {"status": str(review.status)})


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
    return datetime.fromisoformat(text)
