"""The rows of a CSV, counted block by block.

A row ends with a line feed, which a carriage return may precede, or with the data. Fields are separated by commas. A
field that begins with a quotation mark ends with one and may hold anything between them; a quotation mark of its own is
doubled (RFC 4180). Empty lines are no rows. Where readers of CSV differ (a quotation mark or a lone carriage return in
an unquoted field, a backslash before what it might escape, rows of another length, bytes that are not UTF-8), nothing
is counted; nor where a reader that ignores quotation marks would take other fields for the bucket, version or size.

A block is counted by a few calls for all its rows, which also prove that it holds nothing but rows. Where they do not,
it is read row by row, which finds the row that is malformed.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from batchgate.jobs.manifest_contents import BUCKETS_AT_MOST
from batchgate.manifest.plan import Columns

ROW_BYTES_AT_MOST: Final = 1024 * 1024
"""Longer rows are not read to their end; keys have at most 1,024 bytes before they are encoded."""

BUCKET_BYTES_AT_MOST: Final = 255
"""No bucket's name, and no ARN in its place, is longer."""

_SIZE_DIGITS_AT_MOST: Final = 15
_BUCKET_AND_KEY: Final = 2
_ALL_BUT_SEPARATORS: Final = bytes(each for each in range(256) if each not in b",\n")
_FIELD: Final = rb'(?:"[^"]*+(?:""[^"]*+)*+"|[^",\r\n]*+)'
_FIELD_WITHOUT_COMMA: Final = rb'(?:"[^",]*+(?:""[^",]*+)*+"|[^",\r\n]*+)'
_ESCAPE: Final = re.compile(rb'\\[",\r\n]')
_QUOTED_FIELD: Final = re.compile(rb'"[^"]*"')
_EMPTY_LINES: Final = re.compile(rb"(?:\r?\n)++")
_RECORD: Final = re.compile(rb"(?:%b,)*+%b" % (_FIELD, _FIELD))
_OR_THE_REST: Final = rb"|([\s\S]++)"
_BYTE_ORDER_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


class MalformedError(ValueError):
    """The rows can't be counted; the message says which one, and why."""


class RowCounter:
    """Counts rows.

    Attributes:
        rows, rows_without_version, object_bytes: As in `ManifestContents`.
        buckets: The same, as bytes.
    """

    def __init__(self, columns: Columns) -> None:
        self.rows = 0
        self.rows_without_version = 0
        self.buckets: dict[bytes, int] | None = {}
        self.object_bytes: int | None = None if columns.size is None else 0
        self._columns = columns
        self._is_sorted = True
        self._wanted = sorted(each for each in (columns.bucket, columns.version, columns.size) if each is not None)
        self._shape = b"," * (columns.number - 1) + b"\n"
        self._row = self._pattern(b"", _FIELD, _FIELD, rb"(?:\r?\n|\Z)")
        self._rows = self._pattern(b"", _FIELD_WITHOUT_COMMA, _FIELD, rb"\r?\n" + _OR_THE_REST, rb"(?:\r?\n)*+")
        self._quoted_rows = self._pattern(b'"', rb'[^"]*+', rb'[^"]*+', rb"\r?\n" + _OR_THE_REST)

    def _pattern(
        self, mark: bytes, content: bytes, later_content: bytes, line_end: bytes, before: bytes = b""
    ) -> re.Pattern[bytes]:
        """A row of fields between marks. The contents of the wanted ones are its groups, later ones come after."""
        fields = [mark + content + mark] * (self._wanted[-1] + 1)
        fields += [mark + later_content + mark] * (self._columns.number - len(fields))
        for at in self._wanted:
            fields[at] = b"%b(%b)%b" % (mark, content, mark)
        return re.compile(before + b",".join(fields) + line_end)

    def count(self, block: bytes, end: int, *, is_last: bool) -> int:
        """Count the rows that begin in `block[:end]`; the block begins with a row.

        Args:
            block: Rows, of which the last may not be complete.
            end: At most its length.
            is_last: No bytes follow.

        Returns:
            The place after the last complete row.

        Raises:
            MalformedError: They can't be counted.
        """
        lines = _lines(block, end, is_last=is_last)
        at = self._count_lines(block[:lines]) if lines else 0
        while at < end:
            if empty := _EMPTY_LINES.match(block, at, lines):
                at = empty.end()
                continue
            begin, at = at, self._count_row(block, at, is_last=is_last)
            if begin == at:
                break
        if len(block) - at > ROW_BYTES_AT_MOST:
            raise self._malformed(f"is longer than {ROW_BYTES_AT_MOST:,} bytes")
        return at

    def _count_lines(self, lines: bytes) -> int:
        """Count complete lines; returns where the rows end of which that can be said."""
        text = lines if lines.endswith(b"\n") else lines + b"\n"
        if b"\\" in text and _ESCAPE.search(text):
            return 0
        if self._count_unquoted(text) or (b"\r" in text and self._count_unquoted(text.replace(b"\r\n", b"\n"))):
            return len(lines)
        if b"\0" in text or not _is_utf8(text):
            return 0
        counted = self._count_quoted(text) if text.startswith(b'"') else 0
        if counted < len(text):
            counted += self._count_found(*_matches(self._rows, text[counted:]))
        return min(counted, len(lines))

    def _count_unquoted(self, text: bytes) -> bool:
        """Count lines without quotation marks, if their separators alone prove that each is a row."""
        if b'"' in text or b"\r" in text or b"\0" in text or not _is_utf8(text):
            return False
        columns = self._columns
        if columns.number == _BUCKET_AND_KEY:
            # Each row of a run has a comma and a line feed: it has no more if there are only as many as rows.
            rows = _number_of(b"\n", text)
            if _number_of(b",", text) == rows and self._count_run(text, rows):
                return True
        shape = text.translate(None, _ALL_BUT_SEPARATORS)
        rows = len(shape) // columns.number
        if shape != self._shape * rows:
            return False
        if columns.number == _BUCKET_AND_KEY or not self._count_run(text, rows):
            fields = text.replace(b"\n", b",").split(b",")
            fields.pop()
            self._add_rows([fields[at :: columns.number] for at in self._wanted])
        return True

    def _count_run(self, text: bytes, rows: int) -> bool:
        """Count so many rows, if each begins with the first one's bucket, and at most their versions are wanted."""
        columns = self._columns
        if columns.bucket or columns.size is not None or columns.version not in (None, columns.number - 1):
            return False
        first, last = text[: text.index(b"\n")], text[text.rfind(b"\n", 0, -1) + 1 :]
        bucket, comma, _ = first.partition(b",")
        if not comma or not self._all_begin_with(bucket + comma, _shared_beginning(first, last), text, rows):
            return False
        self._add_bucket(bucket, rows)
        self.rows_without_version += rows if columns.version is None else text.count(b",\n")
        self.rows += rows
        return True

    def _all_begin_with(self, beginning: bytes, longer: bytes, text: bytes, rows: int) -> bool:
        """Whether so many rows do. Those of a sorted listing have more in common: what is longer is found faster."""
        if self._is_sorted and len(longer) > len(beginning):
            if text.count(b"\n" + longer) == rows - 1:
                return True
            self._is_sorted = False
        return text.count(b"\n" + beginning) == rows - 1

    def _count_quoted(self, text: bytes) -> int:
        """Count the rows that the text begins with while all fields are quoted, unless any of these has a comma."""
        found, end = _matches(self._quoted_rows, text)
        if text.count(b",", 0, end) != len(found) * (self._columns.number - 1):
            return 0
        return self._count_found(found, end)

    def _count_found(self, found: list[tuple[bytes, ...]], end: int) -> int:
        if found:
            self._add_rows(list(zip(*found, strict=True)))
        return end

    def _add_rows(self, fields: Sequence[Sequence[bytes]]) -> None:
        """Add rows, whose wanted fields are given column by column."""
        columns = self._columns
        of = dict(zip(self._wanted, fields, strict=False))
        rows = len(of[columns.bucket])
        for bucket, number in Counter(of[columns.bucket]).items():
            self._add_bucket(_content(bucket), number)
        if columns.version is None:
            self.rows_without_version += rows
        else:
            self.rows_without_version += of[columns.version].count(b"") + of[columns.version].count(b'""')
        if columns.size is not None and self.object_bytes is not None:
            self.object_bytes = _plus(self.object_bytes, of[columns.size])
        self.rows += rows

    def _add_bucket(self, bucket: bytes, rows: int) -> None:
        if len(bucket) > BUCKET_BYTES_AT_MOST:
            raise MalformedError(f"a row has a bucket of more than {BUCKET_BYTES_AT_MOST} bytes")
        if self.buckets is not None:
            self.buckets[bucket] = self.buckets.get(bucket, 0) + rows
            if len(self.buckets) > BUCKETS_AT_MOST:
                self.buckets = None

    def _count_row(self, block: bytes, at: int, *, is_last: bool) -> int:
        """Count the row there; returns where it ends, or `at` if it is not complete."""
        row = self._row.match(block, at)
        if row is None:
            if why := self._what_is_wrong(block, at, is_last=is_last):
                raise self._malformed(why)
            return at
        if row.end() == len(block) and block[-1:] != b"\n" and not is_last:
            return at
        if b"\0" in row[0]:
            raise self._malformed("has a NUL byte")
        if not _is_utf8(row[0]):
            raise self._malformed("is not UTF-8")
        if _ESCAPE.search(row[0]):
            raise self._malformed("has a backslash before a comma, a quotation mark or a line break")
        if block.count(b",", at, row.end(len(self._wanted))) > self._wanted[-1]:
            raise self._malformed("has a comma within quotation marks that a reader could take for the end of a field")
        self._add_rows([[field] for field in row.groups()])
        return row.end()

    def _what_is_wrong(self, block: bytes, at: int, *, is_last: bool) -> str:
        """Why no row begins there; "" if it is only incomplete."""
        record = _RECORD.match(block, at)
        stop = at if record is None else record.end()
        rest = block[stop : stop + 2]
        if rest[:1] == b"\n" or rest == b"\r\n" or (not rest and is_last):
            number = _QUOTED_FIELD.sub(b"", block[at:stop]).count(b",") + 1
            return f"has {number} columns instead of {self._columns.number}"
        if rest[:1] == b'"' and (stop == at or block[stop - 1 : stop] == b","):
            return "has a quotation mark that is never closed" if is_last else ""
        if not rest or (rest == b"\r" and not is_last):
            return ""
        if rest[:1] == b"\r":
            return "has a carriage return without a line feed"
        return "has a quotation mark where none may be"

    def _malformed(self, why: str) -> MalformedError:
        return MalformedError(f"row {self.rows + 1:,} {why}")


def check_beginning(data: bytes) -> None:
    """Check the first bytes of a whole CSV.

    *Source*: Amazon S3 User Guide, "Troubleshooting Batch Operations": a byte order mark makes a manifest invalid.

    Raises:
        MalformedError: They are a byte order mark.
    """
    if data.startswith(_BYTE_ORDER_MARKS):
        raise MalformedError("it begins with a byte order mark")


def _lines(block: bytes, end: int, *, is_last: bool) -> int:
    """Where the lines end that begin in `block[:end]` and are complete, if no line feed is within quotation marks."""
    if after := block.find(b"\n", end - 1) + 1:
        return after
    if is_last and block[-1:] != b"\r":
        return len(block)
    return block.rfind(b"\n") + 1


def _number_of(byte: bytes, text: bytes) -> int:
    """How often a byte occurs: `bytes.count` looks at every byte, `replace` skips those between."""
    return len(text) - len(text.replace(byte, b""))


def _is_utf8(data: bytes) -> bool:
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError:
            return False
    return True


def _matches(pattern: re.Pattern[bytes], text: bytes) -> tuple[list[tuple[bytes, ...]], int]:
    """The wanted fields of the rows that the text begins with, and where these end."""
    found = pattern.findall(text)
    rest = found[-1][-1]
    if rest:
        found.pop()
    return found, len(text) - len(rest)


def _shared_beginning(first: bytes, last: bytes) -> bytes:
    pairs = enumerate(zip(first, last, strict=False))
    return first[: next((at for at, (one, other) in pairs if one != other), min(len(first), len(last)))]


def _content(field: bytes) -> bytes:
    return field[1:-1].replace(b'""', b'"') if field[:1] == b'"' else field


def _plus(total: int, sizes: Sequence[bytes]) -> int | None:
    """The sum; None if one is no whole number."""
    if b'"' in b"".join(sizes):
        sizes = [_content(size) for size in sizes]
    are_numbers = b"" not in sizes and b"".join(sizes).isdigit() and max(map(len, sizes)) <= _SIZE_DIGITS_AT_MOST
    return total + sum(map(int, sizes)) if are_numbers else None
