"""The ledger's table: keys and indices. Data alone, so that whoever makes one locally makes the very same."""

from typing import Any, Final, TypedDict


class IndexKeys(TypedDict):
    """One global secondary index; all keys are texts.

    Attributes:
        projected: The attributes that it carries beside the keys; None for all.
    """

    partition: str
    sort: str
    projected: tuple[str, ...] | None


PARTITION_KEY: Final = "pk"
SORT_KEY: Final = "sk"
EXPIRES_AT: Final = "expires_at"
"""Epoch seconds; never on what is still open."""

INDICES: Final[dict[str, IndexKeys]] = {
    "open": {
        "partition": "open",
        "sort": "due_at",
        "projected": (
            "schema_version",
            "rev",
            "phase",
            "verdict",
            "reason",
            "policy_version",
            "first_held_at",
            "lease_until",
            "claim_id",
            "direction",
            "maybe_sent",
            "until",
            "cancels_at",
            "block",
            "news_at",
            "shadow",
            "operation",
            "total_tasks",
            "created_at",
            "suspended_at",
        ),
    },
    "day": {"partition": "day", "sort": "decided_at", "projected": None},
}
"""`open` is sparse: what is not yet settled and announced. `day` holds what was settled, by UTC date."""


def create_table_arguments(name: str) -> dict[str, Any]:
    """The same table for DynamoDB's CreateTable, as boto3 takes it."""
    keys = {PARTITION_KEY, SORT_KEY} | {
        each for index in INDICES.values() for each in (index["partition"], index["sort"])
    }
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _key_schema(PARTITION_KEY, SORT_KEY),
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in sorted(keys)],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index_name,
                "KeySchema": _key_schema(index["partition"], index["sort"]),
                "Projection": {"ProjectionType": "ALL"}
                if index["projected"] is None
                else {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index["projected"])},
            }
            for index_name, index in INDICES.items()
        ],
    }


def _key_schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
