"""What is known of manifests, on the ledger's table: an item for each manifest's reading, and one for each part."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from batchgate.aws.answers import only_answers
from batchgate.aws.calls import CallError, make_call
from batchgate.aws.ledger_items import KEPT_BY_DEFAULT, SCHEMA_VERSION, expiry, reading
from batchgate.contract import EXPIRES_AT, MANIFESTS, PARTITION_KEY, SORT_KEY
from batchgate.errors import LedgerConflictError, LedgerError
from batchgate.gate.manifest_reading import Reading
from batchgate.gate.ports import Clock
from batchgate.manifest.counts import PartCounts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_READINGS: Final = msgspec.json.Decoder(Reading)
_COUNTS: Final = msgspec.json.Decoder(PartCounts)

_PARTS_KEPT: Final = timedelta(days=7)
"""Another attempt at the same manifest counts only the parts that are missing."""


class DynamoManifestLedger(Struct, frozen=True):
    """The `ManifestLedger` port.

    Attributes:
        client: A client made with `ledger.CONFIG`.
        table: The ledger's table.
        home: Partition, Region and account: whose gate it is.
        kept: How long what was counted is kept.
    """

    client: DynamoDBClient
    table: str
    home: tuple[str, str, str]
    clock: Clock
    kept: timedelta = KEPT_BY_DEFAULT

    def __post_init__(self) -> None:
        only_answers(self.client.meta.events)

    def reading(self, manifest_id: str) -> Reading | None:
        """GetItem, strongly consistent."""
        item = self._get(manifest_id, _READING).get("Item")
        if not item:
            return None
        with reading(_READING, item):
            return replace(_READINGS.decode(item["reading"]["S"]), rev=int(item["rev"]["N"]))

    def write_reading(self, manifest_id: str, reading: Reading, *, replacing: Reading | None) -> Reading:
        """PutItem on condition. A write that was made and whose response was lost is recognized by its own id."""
        written = replace(reading, rev=(replacing.rev if replacing else 0) + 1)
        write_id = secrets.token_hex(8)
        put: dict[str, Any] = {
            "TableName": self.table,
            "Item": {
                **self._key(manifest_id, _READING),
                "schema_version": {"N": str(SCHEMA_VERSION)},
                "rev": {"N": str(written.rev)},
                "write_id": {"S": write_id},
                "reading": {"S": msgspec.json.encode(replace(written, rev=0)).decode()},
                EXPIRES_AT: expiry(self.clock.now() + self.kept),
            },
            "ConditionExpression": f"attribute_not_exists({PARTITION_KEY})",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if replacing is not None:
            values = {":rev": {"N": str(replacing.rev)}}
            put |= {"ConditionExpression": "rev = :rev", "ExpressionAttributeValues": values}
        try:
            make_call(lambda: self.client.put_item(**put))
        except CallError as error:
            if error.code != "ConditionalCheckFailedException":
                raise _error(error, self.table) from error
            if (error.response.get("Item") or {}).get("write_id") != {"S": write_id}:
                raise LedgerConflictError(f"the reading of manifest {manifest_id}: another wrote first") from error
        return written

    def write_part(self, manifest_id: str, number: int, counts: PartCounts) -> None:
        """PutItem."""
        item = {
            **self._key(manifest_id, _part(number)),
            "schema_version": {"N": str(SCHEMA_VERSION)},
            "counts": {"S": msgspec.json.encode(counts).decode()},
            EXPIRES_AT: expiry(self.clock.now() + _PARTS_KEPT),
        }
        self._call(lambda: self.client.put_item(TableName=self.table, Item=item))

    def has_part(self, manifest_id: str, number: int) -> bool:
        """GetItem, of the key alone."""
        return "Item" in self._get(manifest_id, _part(number), ProjectionExpression=PARTITION_KEY)

    def parts(self, manifest_id: str) -> Iterator[tuple[int, PartCounts]]:
        """Query, page by page: of many parts only one page is in memory."""
        query = self._query(manifest_id)
        while True:
            page = self._call(lambda: self.client.query(**query))
            for item in page.get("Items", []):
                with reading("PART", item):
                    number = int(item[SORT_KEY]["S"].removeprefix(_PART))
                    counts = _COUNTS.decode(item["counts"]["S"])
                yield number, counts
            if not page.get("LastEvaluatedKey"):
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def parts_read(self, manifest_id: str) -> int | None:
        """Query, one page of 1 MB at most."""
        page = self._call(lambda: self.client.query(**self._query(manifest_id), Select="COUNT"))
        return None if page.get("LastEvaluatedKey") else page.get("Count", 0)

    def _query(self, manifest_id: str) -> dict[str, Any]:
        return {
            "TableName": self.table,
            "ConsistentRead": True,
            "KeyConditionExpression": f"{PARTITION_KEY} = :pk AND begins_with({SORT_KEY}, :part)",
            "ExpressionAttributeValues": {":pk": self._key(manifest_id, "")[PARTITION_KEY], ":part": {"S": _PART}},
        }

    def _get(self, manifest_id: str, kind: str, **more: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as the API has it
        key = self._key(manifest_id, kind)
        return self._call(lambda: self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True, **more))

    def _key(self, manifest_id: str, kind: str) -> dict[str, Any]:
        return {PARTITION_KEY: {"S": ":".join((*self.home, MANIFESTS, manifest_id))}, SORT_KEY: {"S": kind}}

    def _call(self, call: Callable[[], Any]) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = make_call(call)
        except CallError as error:
            raise _error(error, self.table) from error
        return answer


_READING: Final = "READING"
_PART: Final = "PART#"


def _part(number: int) -> str:
    """The sort key of a part: they sort as their numbers do."""
    return f"{_PART}{number:05}"


def _error(error: CallError, table: str) -> LedgerError:
    return LedgerError(f"{error.operation or table}: {error}")
