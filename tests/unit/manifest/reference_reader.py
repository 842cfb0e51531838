"""A second reader of CSV manifests: slow, one character after the other, and sharing nothing with the gate's."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto


class Defect(Enum):
    """What is wrong with a CSV; its readers would differ."""

    MARK = auto()
    TEXT = auto()
    NUL = auto()
    LONE_RETURN = auto()
    OPEN_QUOTE = auto()
    STRAY_QUOTE = auto()
    ESCAPE = auto()
    COMMA = auto()


@dataclass
class Reading:
    """A CSV.

    Attributes:
        rows: The rows before the first defect, field by field.
        defects: Of the bytes as a whole, and the first in the text.
        has_quoted_line_break: Whether a line feed is part of a field.
    """

    rows: list[list[str]] = field(default_factory=list)
    defects: set[Defect] = field(default_factory=set)
    has_quoted_line_break: bool = False

    def has_early_comma(self, fields: Sequence[str]) -> bool:
        """Whether a comma is part of a field that comes before a bucket or version, or of one."""
        counts = max(fields.index(name) for name in ("Bucket", "VersionId") if name in fields)
        return any("," in each for row in self.rows for each in row[: counts + 1])

    def contents(self, fields: Sequence[str]) -> tuple[int, int, dict[str, int]]:
        """Rows, rows without a version, and rows by bucket."""
        version = fields.index("VersionId") if "VersionId" in fields else None
        without = sum(version is None or not row[version] for row in self.rows)
        return len(self.rows), without, Counter(row[fields.index("Bucket")] for row in self.rows)


def read(data: bytes, fields: Sequence[str]) -> Reading:
    """Read a CSV with these fields as RFC 4180 has it, with line feeds for line ends, too."""
    reading = Reading()
    if data[:3] == b"\xef\xbb\xbf" or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        reading.defects.add(Defect.MARK)
    if b"\0" in data:
        reading.defects.add(Defect.NUL)
    try:
        data.decode()
    except UnicodeDecodeError:
        reading.defects.add(Defect.TEXT)
    if any(b"\\" + each in data for each in (b",", b'"', b"\r", b"\n")):
        reading.defects.add(Defect.ESCAPE)
    _read_text(data.decode("utf-8", "replace"), reading)
    if reading.has_early_comma(fields):
        reading.defects.add(Defect.COMMA)
    return reading


def _read_text(text: str, reading: Reading) -> None:  # noqa: C901, PLR0912 - one step a case
    row: list[str] = []
    content = ""
    state = "begin"  # of a field; or within one that is plain or quoted, or behind a closing quotation mark
    position = 0
    while position < len(text):
        character = text[position]
        if character == "\r" and text[position + 1 : position + 2] == "\n" and state != "quoted":
            position += 1
            character = "\n"
        match state, character:
            case "quoted", '"':
                if text[position + 1 : position + 2] == '"':
                    content += '"'
                    position += 1
                else:
                    state = "closed"
            case "quoted", _:
                content += character
                reading.has_quoted_line_break |= character == "\n"
            case _, ",":
                row.append(content)
                content, state = "", "begin"
            case _, "\n":
                if row or content or state == "closed":
                    reading.rows.append([*row, content])
                row, content, state = [], "", "begin"
            case "begin", '"':
                state = "quoted"
            case _, "\r":
                reading.defects.add(Defect.LONE_RETURN)
                return
            case ("plain", '"') | ("closed", _):
                reading.defects.add(Defect.STRAY_QUOTE)
                return
            case _:
                content += character
                state = "plain"
        position += 1
    if state == "quoted":
        reading.defects.add(Defect.OPEN_QUOTE)
    elif row or content or state == "closed":
        reading.rows.append([*row, content])


def read_with_python(data: bytes) -> list[list[str]]:
    """The rows of a CSV without defects, as Python's csv module reads them."""
    return [row for row in csv.reader(io.StringIO(data.decode(), newline=""), strict=True) if row]
