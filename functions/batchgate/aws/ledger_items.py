"""The ledger's items: states, records of reviews, and pauses as DynamoDB has them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from batchgate.contract import EXPIRES_AT, PARTITION_KEY, SORT_KEY
from batchgate.errors import UnreadableItemError
from batchgate.gate.ports import Heartbeat, Pause, Review, Unreadable
from batchgate.gate.state import Action, State
from batchgate.jobs.model import JobRef
from batchgate.policy.amounts import Amounts, BudgetAccount, Reservation
from batchgate.policy.approvals import Approval
from batchgate.policy.wording import first_of
from batchgate.text import shorten

SCHEMA_VERSION: Final = 1
"""Of the items. Code reads older versions before anything writes newer ones."""

KEPT_BY_DEFAULT: Final = timedelta(days=400)
"""How long a settled job's state is kept after its announcement, and a review after it was made."""

OPEN: Final = "open"
"""The attribute that puts an item into the index of what is open, and its value."""

Item: TypeAlias = Mapping[str, Any]
"""Attributes as DynamoDB's API has them: {"rev": {"N": "3"}, ...}."""

MALFORMED: Final = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What reading an item raises that is not what this version writes."""

_MICROSECOND: Final = timedelta(microseconds=1)
_NOT_PROJECTED: Final = {"verdict": "", "reason": "", "decided_by": "", "policy_version": "", "due_at": None}
"""What the index of open items may leave out of a state."""

_HEARTBEATS: Final = msgspec.json.Decoder(Heartbeat)
_STATES: Final = msgspec.json.Decoder(State)
"""Made at import, though States are converted and not decoded: see `validation._document_type`."""


# --- Keys and instants --------------------------------------------------------------------------------


def state_key(ref: JobRef) -> dict[str, Any]:
    """The key of a job's state."""
    return {PARTITION_KEY: {"S": partition_of(ref)}, SORT_KEY: {"S": "STATE"}}


def partition_of(ref: JobRef) -> str:
    """The partition key of all items of a job."""
    return f"{ref.partition}:{ref.region}:{ref.account_id}:{ref.job_id}"


def ref_of(item: Item) -> JobRef:
    """The job of an item."""
    return JobRef(*item[PARTITION_KEY]["S"].split(":", 3))


def instant_as_text(instant: datetime) -> str:
    """An instant as text that sorts as the instants do."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def instant_of(text: str) -> datetime:
    """Read an instant.

    Raises:
        ValueError: It is none, or has no offset from UTC.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"expected an instant with its offset from UTC, got {shorten(text, 40)!r}")
    return instant


def expiry(instant: datetime) -> dict[str, str]:
    """An instant as the table's time-to-live attribute has it."""
    return {"N": str(int(instant.timestamp()))}


@contextmanager
def reading(what: str, item: Item | None = None) -> Iterator[None]:
    """Raise an UnreadableItemError for whatever is wrong with what is read."""
    try:
        yield
    except MALFORMED as error:
        keys = [(item or {}).get(name) for name in (PARTITION_KEY, SORT_KEY)]
        key = "".join(f" {each.get('S')}" for each in keys if isinstance(each, dict))
        raise UnreadableItemError(
            f"{what}{shorten(key, 200)}: can't be read: {type(error).__name__}: {shorten(str(error), 200)}"
        ) from error


# --- States -------------------------------------------------------------------------------------------


def item_of(state: State, write_id: str, kept: timedelta = KEPT_BY_DEFAULT) -> dict[str, Any]:
    """A state as an item.

    Args:
        state: The state. Texts that are too long are shortened.
        write_id: Recognises this very write.
        kept: For how long, once the job's end was announced.
    """
    item = {
        name: _attribute(value)
        for name in state.__struct_fields__
        if name != "ref" and (value := getattr(state, name)) is not None
    }
    item |= {**state_key(state.ref), "schema_version": {"N": str(SCHEMA_VERSION)}, "write_id": {"S": write_id}}
    if state.due_at is not None:
        item[OPEN] = {"S": OPEN}
    elif state.announced_at is not None:
        item[EXPIRES_AT] = expiry(state.announced_at + kept)
    if state.decided_at is not None:
        item["day"] = {"S": f"{state.decided_at:%Y-%m-%d}"}
    return item


def _attribute(value: object) -> dict[str, Any]:
    match value:
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case timedelta():
            return {"N": str(value // _MICROSECOND)}
        case datetime():
            return {"S": instant_as_text(value)}
        case tuple() if any(isinstance(each, Struct) for each in value):
            return {"L": [{"S": msgspec.json.encode(each).decode()} for each in value]}
        case tuple():
            return {"L": [{"S": shorten(each)} for each in first_of(value)]}
        case Mapping():
            return {"M": {name: {"S": each} for name, each in value.items()}}
        case _:
            return {"S": shorten(str(value))}


def state_of(item: Item) -> State:
    """The state in an item of this or an older version; of an index's entry what it projects.

    Raises:
        UnreadableItemError: It is none.
    """
    with reading("STATE", item):
        version = int(item["schema_version"]["N"])
        if version > SCHEMA_VERSION:
            raise ValueError(f"written by a newer version of batchgate (schema {version}, known: {SCHEMA_VERSION})")
        fields: dict[str, Any] = {"ref": ref_of(item), **_NOT_PROJECTED}
        fields |= {name: _value(item[name]) for name in State.__struct_fields__ if name in item}
        if "approvals" in item:
            fields["approvals"] = [msgspec.json.decode(each, type=Approval) for each in fields["approvals"]]
        if "reservations" in item:
            fields["reservations"] = [msgspec.json.decode(each, type=Reservation) for each in fields["reservations"]]
        if "held_for_known" in item:
            fields["held_for_known"] = int(item["held_for_known"]["N"]) * _MICROSECOND
        return msgspec.convert(fields, State)


def _value(attribute: Mapping[str, Any]) -> object:
    match dict(attribute):
        case {"N": number}:
            return int(number)
        case {"L": elements}:
            return [_value(each) for each in elements]
        case {"M": members}:
            return {name: _value(each) for name, each in members.items()}
        case {"S": value} | {"BOOL": value}:
            return value
        case _:
            raise ValueError(f"an attribute of another type: {', '.join(attribute)}")


def state_or_why_not(item: Item) -> State | Unreadable:
    """The state in an item, or what is wrong with it."""
    try:
        return state_of(item)
    except UnreadableItemError as error:
        try:
            return Unreadable(ref_of(item), error)
        except MALFORMED:
            return Unreadable(None, error)


# --- Budgets ------------------------------------------------------------------------------------------

_LONGEST_PERIOD: Final = timedelta(days=32)
"""Of a budget: a month, and the hour of a clock that is put back."""

_JOBS_LIVE_AT_MOST: Final = timedelta(days=60)
"""A job may give back what it reserved after it waited for 30 days. Longer than that, and the sweep's delays."""


def count_key(home: Sequence[str], account: BudgetAccount) -> dict[str, Any]:
    """The key of an account's count. The account's name is the requester's text, and may be longer than a key."""
    name = hashlib.sha256(account.account.encode()).hexdigest()
    return {
        PARTITION_KEY: {"S": counts_partition(home)},
        SORT_KEY: {"S": f"{account.budget}#{instant_as_text(account.period_start)}#{name}"},
    }


def counts_partition(home: Sequence[str]) -> str:
    """The partition key of all counts of budgets."""
    return f"{':'.join(home)}:BUDGETS"


def count_attributes(account: BudgetAccount, kept: timedelta = KEPT_BY_DEFAULT) -> dict[str, Any]:
    """What a count has beside its amounts."""
    return {
        "budget": {"S": account.budget},
        "account": {"S": account.account},
        "period_start": {"S": instant_as_text(account.period_start)},
        EXPIRES_AT: expiry(account.period_start + _LONGEST_PERIOD + _JOBS_LIVE_AT_MOST + kept),
    }


def amounts_of(item: Item) -> Amounts:
    """The amounts of a count.

    Raises:
        UnreadableItemError: It is none.
    """
    with reading("BUDGET", item):
        return Amounts(*(int(item[name]["N"]) for name in Amounts.__struct_fields__))


def account_of(item: Item) -> BudgetAccount:
    """The account of a count.

    Raises:
        UnreadableItemError: It is none.
    """
    with reading("BUDGET", item):
        return BudgetAccount(item["budget"]["S"], item["account"]["S"], instant_of(item["period_start"]["S"]))


# --- Reviews and pauses -------------------------------------------------------------------------------


class _Record(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A review as the history keeps it."""

    at: datetime
    action: Action
    status: str
    verdict: str
    until: datetime | None = None
    cancels_at: datetime | None = None
    reason: str
    decided_by: str
    people: list[str] = []
    lifted: list[str] = []
    awaiting: str = ""
    requester: str = ""
    policy_version: str
    claim_id: str
    attempt: int
    shadow: bool
    alarm: str
    evidence: Any = None

    @classmethod
    def of(cls, review: Review) -> _Record:
        """What of a review is worth keeping, and fits: the evidence is cut where it is made."""
        kept: dict[str, Any] = {name: getattr(review, name) for name in cls.__struct_fields__}
        for name in ("reason", "decided_by", "awaiting", "requester", "alarm"):
            kept[name] = shorten(kept[name])
        for name in ("people", "lifted"):
            kept[name] = [shorten(each) for each in first_of(kept[name])]
        return cls(**kept | {"status": str(review.status)})


def review_item(review: Review, rev: int, kept: timedelta = KEPT_BY_DEFAULT) -> dict[str, Any]:
    """A review as an item of the job's history."""
    return {
        PARTITION_KEY: {"S": partition_of(review.ref)},
        SORT_KEY: {"S": f"REVIEW#{instant_as_text(review.at)}#{rev:06}"},
        "schema_version": {"N": str(SCHEMA_VERSION)},
        "review": {"S": msgspec.json.encode(_Record.of(review)).decode()},
        EXPIRES_AT: expiry(review.at + kept),
    }


def record_of(item: Item) -> dict[str, Any] | None:
    """A review of the history as plain data; None where it can't be read."""
    try:
        return msgspec.json.decode(item["review"]["S"], type=dict[str, Any])
    except MALFORMED:
        return None


def pause_of(item: Item) -> Pause | None:
    """The pause in the GATE item. Whatever else is wrong with it, the item pauses the gate while it has `paused_at`."""
    if "paused_at" not in item:
        return None
    with reading("GATE"):
        by, because = (str(item.get(name, {}).get("S", "?")) for name in ("paused_by", "paused_because"))
        return Pause(by=by, reason=because, at=instant_of(item["paused_at"]["S"]))


def heartbeat_of(item: Item) -> Heartbeat | None:
    """What the last sweep left; None where it can't be read."""
    try:
        return _HEARTBEATS.decode(item["heartbeat"]["S"])
    except MALFORMED:
        return None


def json_of(heartbeat: Heartbeat) -> str:
    """A heartbeat as its item has it."""
    return msgspec.json.encode(heartbeat).decode()
