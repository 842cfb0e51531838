"""How a manifest is read: by which columns, and in which parts."""

import json
from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from batchgate.jobs.arns import NoBucket, bucket_name
from batchgate.jobs.manifest_contents import Uncountable

RANGE_BYTES: Final = 64 * 1024 * 1024
"""How much of a CSV is one part."""

DEFLATE_AT_MOST: Final = 1032
"""How many bytes a compressed byte may hold. *Source*: zlib Technical Details, "Maximum Compression Factor"."""

DOCUMENT_BYTES_AT_MOST: Final = 16 * 1024 * 1024
"""The largest manifest.json that is read."""

COLUMNS_AT_MOST: Final = 100
"""More than any inventory has: what a requester lists takes no longer to read than a row."""

CSV_FORMAT: Final = "S3BatchOperations_CSV_20180820"
INVENTORY_FORMATS: Final = ("S3InventoryReport_CSV_20161130", "S3InventoryReport_CSV_20211130")
"""What the job names as its manifest's format. *Source*: S3 Control API, JobManifestFormat, GeneratedManifestFormat."""


class Columns(Struct, frozen=True):
    """Where in each row stands what is counted: indices from 0.

    Attributes:
        number: How many columns each row has.
        version, size: None where the rows have no such column.
    """

    number: int
    bucket: int
    key: int
    version: int | None = None
    size: int | None = None


class CsvRange(Struct, frozen=True, tag="csv"):
    """The rows of a CSV that begin in these bytes.

    Attributes:
        start: The first byte, counted from 0.
        end: The byte after the last one.
        size: Of the whole object.
    """

    start: int
    end: int
    size: int


class InventoryFile(Struct, frozen=True, tag="inventory"):
    """All rows of one compressed data file of an inventory.

    Attributes:
        key: Of the object, in the source's bucket.
        size: Of the object, in bytes.
        md5: Of its bytes as they are stored, in lower-case hexadecimal digits.
    """

    key: str
    size: int
    md5: str


Part: TypeAlias = CsvRange | InventoryFile


class Source(Struct, frozen=True):
    """What all parts have in common.

    Attributes:
        bucket: Where the parts are.
        columns: Of every row.
        key: Of the CSV; "" for an inventory, whose parts name their own.
        etag: That the CSV must have; "" for an inventory, whose files are compared with their MD5.
        version: Of the CSV, if the job names one.
    """

    bucket: str
    columns: Columns
    key: str = ""
    etag: str = ""
    version: str | None = None


class Plan(Struct, frozen=True):
    """A manifest in the parts that are read, each by itself, and then combined in their order."""

    source: Source
    parts: tuple[Part, ...]


def csv_columns(fields: Sequence[object]) -> Columns | Uncountable:
    """The columns of a CSV, from the job's `Fields`. *Source*: S3 Control API, JobManifestFieldName."""
    return _columns(fields)


def plan_csv(size: int, range_bytes: int = RANGE_BYTES) -> tuple[CsvRange, ...]:
    """The ranges of a CSV of this size."""
    return tuple(CsvRange(start, min(start + range_bytes, size), size) for start in range(0, size, range_bytes))


def plan_inventory(document: bytes) -> Plan | Uncountable:
    """The data files of an inventory.

    *Source*: Amazon S3 User Guide, "Locating your inventory list" (storage-inventory-location).

    Args:
        document: Its manifest.json.
    """
    try:
        read = _DOCUMENTS.decode(document)
        json.loads(document, object_pairs_hook=_unique)  # msgspec takes the last of several keys, others the first
    except (msgspec.DecodeError, ValueError, RecursionError):
        return Uncountable("its manifest.json is not the description of an inventory")
    if read.file_format != "CSV":
        named = (
            f"the format {read.file_format}" if read.file_format in ("ORC", "Parquet") else "a format other than CSV"
        )
        return Uncountable(f"its manifest is an inventory in {named}")
    columns = _columns([name.strip() for name in read.file_schema.split(",")])
    if isinstance(columns, Uncountable):
        return columns
    bucket = bucket_name(read.destination_bucket)
    if isinstance(bucket, NoBucket):
        return Uncountable(f"the data files of its manifest are in {bucket.what}")
    files = tuple(InventoryFile(each.key, each.size, each.md5.lower()) for each in read.files)
    return Plan(Source(bucket, columns), files)


def _unique(pairs: list[tuple[str, object]]) -> None:
    if len(pairs) != len({name for name, _ in pairs}):
        raise ValueError("a key stands twice")


class _File(Struct):
    key: str
    size: Annotated[int, Meta(ge=0)]
    md5: str = msgspec.field(name="MD5checksum")


class _Document(Struct, rename="camel"):
    file_format: str
    file_schema: str
    destination_bucket: str
    files: list[_File]


_DOCUMENTS: Final = msgspec.json.Decoder(_Document)


def _columns(names: Sequence[object]) -> Columns | Uncountable:
    if len(names) > COLUMNS_AT_MOST:
        return Uncountable(f"its manifest has more than {COLUMNS_AT_MOST} columns")
    for name in ("Bucket", "Key", "VersionId", "Size"):
        if names.count(name) > 1:
            return Uncountable(f"its manifest has several columns named {name}")
    at = {name: names.index(name) for name in ("Bucket", "Key", "VersionId", "Size") if name in names}
    for name in ("Bucket", "Key"):
        if name not in at:
            return Uncountable(f"its manifest has no column named {name}")
    return Columns(len(names), at["Bucket"], at["Key"], at.get("VersionId"), at.get("Size"))
