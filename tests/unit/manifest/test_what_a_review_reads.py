"""Which manifests a review reads by itself: what is in them is counted within the time of a review."""

import gzip
import hashlib
import json
import zlib
from datetime import UTC, datetime

import pytest

from batchgate.gate.manifest_reading import AT_ONCE_AT_MOST, ManifestReadings, is_read_at_once
from batchgate.jobs.manifest_contents import ManifestContents
from batchgate.jobs.model import Job, Json
from batchgate.manifest.plan import DEFLATE_AT_MOST, RANGE_BYTES, Columns, CsvRange, InventoryFile, Part, Plan, Source
from batchgate_cli.local.memory_manifests import MemoryManifestLedger, MemoryManifestReader
from s3batch_emulator import MemoryObjects, SteppedClock
from tests.unit.examples import description

SMALL = 16_256


def file(size: int) -> InventoryFile:
    """A data file of that size."""
    return InventoryFile("data.csv.gz", size, "0" * 32)


@pytest.mark.parametrize(
    ("parts", "reads"),
    [
        ((), True),
        ((CsvRange(0, AT_ONCE_AT_MOST, AT_ONCE_AT_MOST),), True),
        ((CsvRange(0, AT_ONCE_AT_MOST + 1, AT_ONCE_AT_MOST + 1),), False),
        ((CsvRange(0, 1, 2), CsvRange(1, 2, 2)), False),
        ((file(SMALL),), True),
        ((file(SMALL + 1),), False),
        ((file(SMALL - 3), file(1), file(1), file(1)), True),
        ((file(1),) * 5, False),
    ],
)
def test_a_review_reads_what_it_counts_in_time(parts: tuple[Part, ...], reads: bool) -> None:
    """Of compressed files it counts what they may hold: each call takes time, too."""
    assert is_read_at_once(Plan(Source("lake", Columns(2, 0, 1)), parts)) is reads


@pytest.mark.parametrize("byte", [b"\n", b"a"])
def test_no_file_holds_more_than_that(byte: bytes) -> None:
    """The best that deflate can do."""
    writer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    data = writer.compress(byte * RANGE_BYTES) + writer.flush()
    assert len(data) * DEFLATE_AT_MOST >= RANGE_BYTES


def test_a_small_inventory_is_read_at_once() -> None:
    """Nothing else has to be deployed for it."""
    objects = MemoryObjects()
    files = []
    for key, rows in (("a", b'"lake","k","5"\n'), ("b", b'"other","k","6"\n')):
        data = gzip.compress(rows)
        objects.put("inventories", key, data)
        files.append({"key": key, "size": len(data), "MD5checksum": hashlib.md5(data).hexdigest()})  # noqa: S324 - S3's
    document = {"destinationBucket": "arn:aws:s3:::inventories", "fileFormat": "CSV", "files": files}
    etag = objects.put("inventories", "m.json", json.dumps({**document, "fileSchema": "Bucket, Key, Size"}).encode())
    manifest: Json = {
        "Spec": {"Format": "S3InventoryReport_CSV_20161130"},
        "Location": {"ObjectArn": "arn:aws:s3:::inventories/m.json", "ETag": etag},
    }
    job = Job.from_description(description(Manifest=manifest))
    clock = SteppedClock(datetime(2026, 3, 1, tzinfo=UTC))
    readings = ManifestReadings(MemoryManifestReader(objects), MemoryManifestLedger(), clock, bytes_at_most=1)
    assert readings.contents(job) == ManifestContents(2, 2, {"lake": 1, "other": 1}, 11)
