"""Counting keeps a few blocks in memory, however large the part is."""

import gzip
import hashlib
import tracemalloc
from collections.abc import Iterator

import pytest

from batchgate.manifest.count import BLOCK_BYTES, count
from batchgate.manifest.plan import Columns, CsvRange, InventoryFile, Part

pytestmark = pytest.mark.slow

MEGABYTES_AT_MOST = 4
ROWS = {
    "one bucket": b"".join(b"lake,data/%07d.parquet\n" % number for number in range(40_000)),
    "interleaved": b"".join(b"lake-%d,data/%07d.parquet\n" % (number % 7, number) for number in range(40_000)),
    "quoted": b"".join(b'"lake","data/%07d.parquet"\n' % number for number in range(40_000)),
    "mixed": b"".join(b'lake,"data/%07d.parquet"\n' % number for number in range(40_000)),
}


def peak_megabytes(part: Part, chunks: Iterator[bytes]) -> float:
    """While a part is counted."""
    tracemalloc.start()
    try:
        assert not count(part, Columns(2, 0, 1), chunks).why
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ROWS)
def test_a_csv_of_six_megabytes(kind: str) -> None:
    """As it arrives, in pieces."""
    data = ROWS[kind] * 6
    pieces = (data[at : at + BLOCK_BYTES] for at in range(0, len(data), BLOCK_BYTES))
    assert peak_megabytes(CsvRange(0, len(data), len(data)), pieces) < MEGABYTES_AT_MOST


def test_a_data_file_that_holds_a_hundred_times_its_size() -> None:
    """Its compressed bytes may come all at once."""
    data = gzip.compress(ROWS["one bucket"][:7_800] * 4_000)
    assert len(data) * 100 < 7_800 * 4_000
    part = InventoryFile("f", len(data), hashlib.md5(data).hexdigest())  # noqa: S324 - S3's
    assert peak_megabytes(part, iter([data])) < MEGABYTES_AT_MOST


def test_a_row_that_never_ends() -> None:
    """It is given up once it is longer than any row."""
    tracemalloc.start()
    pieces = (b"x" * BLOCK_BYTES for _ in range(4_000))
    counts = count(CsvRange(0, 4_000 * BLOCK_BYTES, 4_000 * BLOCK_BYTES), Columns(2, 0, 1), pieces)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    assert counts.why == "row 1 is longer than 1,048,576 bytes"
    assert peak < MEGABYTES_AT_MOST


def test_a_data_file_of_nothing_but_empty_members() -> None:
    """Each holds nothing, and nothing is kept of it."""
    pieces = [gzip.compress(b"", 1, mtime=0) * 100] * 4_000
    data = b"".join(pieces)
    part = InventoryFile("f", len(data), hashlib.md5(data).hexdigest())  # noqa: S324 - S3's
    assert peak_megabytes(part, iter(pieces)) < 1
