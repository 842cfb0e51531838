"""Counting one part of a manifest from its bytes, in the memory of a few blocks."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

from batchgate.errors import ManifestsApiError
from batchgate.manifest.compressed import DamagedError, decompressed
from batchgate.manifest.counts import PartCounts
from batchgate.manifest.plan import Columns, CsvRange, InventoryFile, Part
from batchgate.manifest.rows import ROW_BYTES_AT_MOST, MalformedError, RowCounter, check_beginning

BLOCK_BYTES: Final = 256 * 1024
"""How many bytes are read and counted at once: as many as a processor keeps close at hand."""


def bytes_of(part: CsvRange) -> tuple[int, int]:
    """Which bytes of the object `count` needs of a range: the first one, and the one after the last.

    One before it, where a row may begin, and behind it the rest of its last row.
    """
    return max(part.start - 1, 0), min(part.end + ROW_BYTES_AT_MOST, part.size)


def count(part: Part, columns: Columns, chunks: Iterable[bytes], block_bytes: int = BLOCK_BYTES) -> PartCounts:
    """Count the rows of one part.

    Args:
        part: A range, whose rows are those that begin in it; or a file.
        columns: Of its rows.
        chunks: The bytes of `bytes_of` a range, or those of the file as they are stored. Not all may be asked for.
        block_bytes: How many are counted at once.

    Returns:
        The counts; or why they can't be had, in `why`.

    Raises:
        ManifestsApiError: The bytes end too early.
    """
    match part:
        case CsvRange():
            return _count_range(part, columns, _blocks(chunks, block_bytes))
        case InventoryFile():
            return _count_file(part, columns, chunks, block_bytes)


def _count_range(part: CsvRange, columns: Columns, blocks: Iterator[bytes]) -> PartCounts:
    counter = RowCounter(columns)
    at = bytes_of(part)[0]
    begins: int | None = None
    rest = b""
    try:
        for block in blocks:
            rest += block
            if begins is None:
                before = _before_first_row(part, rest)
                at += len(rest) if before is None else before
                if at >= part.end:
                    return PartCounts()
                if before is None:
                    rest = b""
                    continue
                rest = rest[before:]
                begins = at
            is_last = at + len(rest) == part.size
            counted = counter.count(rest, min(part.end - at, len(rest)), is_last=is_last)
            at += counted
            rest = rest[counted:]
            if at >= part.end:
                return _counts(counter, begins, at)
    except MalformedError as error:
        return PartCounts(begins=begins, why=str(error))
    raise ManifestsApiError(f"the manifest's bytes ended at {at + len(rest):,}, before {bytes_of(part)[1]:,}")


def _before_first_row(part: CsvRange, data: bytes) -> int | None:
    """How many bytes come before the first row that may begin behind the range's start; None where none begins."""
    if part.start == 0:
        check_beginning(data)
        return 0
    line_feed = data.find(b"\n")
    return None if line_feed < 0 else line_feed + 1


def _count_file(part: InventoryFile, columns: Columns, chunks: Iterable[bytes], block_bytes: int) -> PartCounts:
    """Count a whole file; what is wrong with it is said only of the very file that the inventory names."""
    stored = _Stored(chunks, part.size)
    try:
        counts = _count_rows(columns, _blocks(decompressed(stored, block_bytes), block_bytes))
    except MalformedError as error:
        counts = PartCounts(why=str(error))
    except DamagedError:
        counts = PartCounts(why="it is not compressed with gzip, or damaged")
    for _ in stored:
        pass
    if stored.size != part.size or stored.md5.hexdigest() != part.md5:
        return PartCounts(why="its size or MD5 is not the one that the inventory names")
    return counts


def _count_rows(columns: Columns, blocks: Iterable[bytes]) -> PartCounts:
    counter = RowCounter(columns)
    rest = b""
    is_first = True
    for block in blocks:
        rest += block
        if is_first:
            check_beginning(rest)
            is_first = False
        rest = rest[counter.count(rest, len(rest), is_last=False) :]
    counter.count(rest, len(rest), is_last=True)
    return _counts(counter)


class _Stored:
    """The bytes of an object as they come, and what they have been so far; none once there are more than there may be.

    The requester writes the inventory: an object may be of any size, whatever is said there.
    """

    def __init__(self, chunks: Iterable[bytes], at_most: int) -> None:
        self.size = 0
        self.at_most = at_most
        self.md5 = hashlib.md5(usedforsecurity=False)
        self._chunks = iter(chunks)

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.size += len(chunk)
            if self.size > self.at_most:
                return
            self.md5.update(chunk)
            yield chunk


def _blocks(chunks: Iterable[bytes], block_bytes: int) -> Iterator[bytes]:
    """The same bytes in blocks of about that many, which end with a line if they can: then none is copied again."""
    gathered: list[bytes | memoryview] = []
    size = 0
    for chunk in chunks:
        gathered.append(chunk)
        size += len(chunk)
        if size >= block_bytes:
            ends = chunk.rfind(b"\n") + 1 or len(chunk)
            gathered[-1] = memoryview(chunk)[:ends]
            yield b"".join(gathered)
            gathered, size = [chunk[ends:]], len(chunk) - ends
    if size:
        yield b"".join(gathered)


def _counts(counter: RowCounter, begins: int | None = None, ends: int | None = None) -> PartCounts:
    buckets = None if counter.buckets is None else {name.decode(): rows for name, rows in counter.buckets.items()}
    return PartCounts(counter.rows, counter.rows_without_version, buckets, counter.object_bytes, begins, ends)
