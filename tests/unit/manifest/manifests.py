"""Manifests as plain data, read part by part as the gate does."""

import gzip
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from batchgate.jobs.manifest_contents import ManifestContents, Uncountable
from batchgate.manifest.count import BLOCK_BYTES, bytes_of, count
from batchgate.manifest.counts import combine
from batchgate.manifest.plan import (
    RANGE_BYTES,
    Columns,
    InventoryFile,
    Plan,
    Source,
    csv_columns,
    plan_csv,
    plan_inventory,
)


def read_csv(
    data: bytes,
    fields: Sequence[str] = ("Bucket", "Key"),
    *,
    range_bytes: int = RANGE_BYTES,
    block_bytes: int = BLOCK_BYTES,
    chunk_bytes: int = BLOCK_BYTES,
) -> ManifestContents | Uncountable:
    """The contents of a CSV."""
    columns = csv_columns(fields)
    assert isinstance(columns, Columns)
    parts = plan_csv(len(data), range_bytes)
    counts = []
    for part in parts:
        start, end = bytes_of(part)
        asked = data[start:end]
        chunks = (asked[at : at + chunk_bytes] for at in range(0, len(asked), chunk_bytes))
        counts.append(count(part, columns, chunks, block_bytes))
    return combine(Plan(Source("manifests", columns), parts), counts)


def inventory_file(number: int, rows: bytes) -> tuple[InventoryFile, bytes]:
    """A data file of an inventory: as its manifest.json describes it, and its bytes."""
    data = gzip.compress(rows, 1, mtime=0)
    return InventoryFile(f"data/{number}.csv.gz", len(data), hashlib.md5(data).hexdigest()), data  # noqa: S324 - S3's


def manifest_json(files: Sequence[InventoryFile], schema: str = "Bucket, Key, VersionId, Size", **other: Any) -> bytes:
    """The manifest.json of an inventory."""
    listed = [{"key": each.key, "size": each.size, "MD5checksum": each.md5} for each in files]
    return json.dumps(
        {
            "sourceBucket": "lake",
            "destinationBucket": "arn:aws:s3:::inventories",
            "version": "2016-11-30",
            "creationTimestamp": "1514944800000",
            "fileFormat": "CSV",
            "fileSchema": schema,
            "files": listed,
        }
        | other
    ).encode()


def read_inventory(
    files: Sequence[bytes],
    schema: str = "Bucket, Key, VersionId, Size",
    *,
    block_bytes: int = BLOCK_BYTES,
    chunk_bytes: int = BLOCK_BYTES,
) -> ManifestContents | Uncountable:
    """The contents of an inventory of these uncompressed files."""
    described, stored = zip(*(inventory_file(at, rows) for at, rows in enumerate(files)), strict=True)
    plan = plan_inventory(manifest_json(described, schema))
    if isinstance(plan, Uncountable):
        return plan
    counts = []
    for part, data in zip(plan.parts, stored, strict=True):
        chunks = (data[at : at + chunk_bytes] for at in range(0, len(data), chunk_bytes))
        counts.append(count(part, plan.source.columns, chunks, block_bytes))
    return combine(plan, counts)
