r"""Enforces the limits of the service model on any shape; no limit is written by hand.

Lengths are counted in characters (code points). Patterns must match the whole value;
the model writes them for Java, so Unicode classes such as `\p{L}` are spelled out.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from s3batch_emulator.values import Structure, Value

_UNICODE_CLASS = re.compile(r"\\p\{(\w+)\}")
_ASCII_CLASSES = {"L": "A-Za-z", "N": "0-9", "Z": " "}
_LAST_CODE_POINT = 0x10FFFF
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def violations(shape: Shape, value: Value, where: str = "") -> Iterator[str]:
    """Every limit of the shape that the value violates, in document order.

    Args:
        shape: A botocore shape.
        value: The value that was sent.
        where: The path of member names to the value, for the messages.
    """
    match shape, value:
        case StructureShape(), dict():
            yield from _structure(shape, value, where)
        case ListShape(), list():
            yield from _size(shape, len(value), where, "entries")
            for position, entry in enumerate(value):
                yield from violations(shape.member, entry, f"{where}[{position}]")
        case MapShape(), dict():
            yield from _size(shape, len(value), where, "entries")
            for key, entry in value.items():
                yield from violations(shape.key, key, f"{where} key")
                yield from violations(shape.value, entry, f"{where}.{key}")
        case StringShape(), str():
            yield from _string(shape, value, where)
        case Shape(type_name="integer" | "long"), int():
            yield from _size(shape, value, where, "")
        case _:
            pass


def _structure(shape: StructureShape, value: Structure, where: str) -> Iterator[str]:
    prefix = f"{where}." if where else ""
    for name in shape.required_members:
        if name not in value:
            yield f"{prefix}{name} is required"
    if shape.is_tagged_union and len(value) != 1:
        yield f"{where} must have exactly one of {', '.join(shape.members)}"
    for name, given in value.items():
        yield from violations(shape.members[name], given, f"{prefix}{name}")


def _size(shape: Shape, size: int, where: str, unit: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    noun = f" {unit}" if unit else ""
    if least is not None and size < least:
        yield f"{where} must have at least {least}{noun}, has {size}" if unit else f"{where} must be at least {least}"
    if most is not None and size > most:
        yield f"{where} must have at most {most}{noun}, has {size}" if unit else f"{where} must be at most {most}"


def _string(shape: StringShape, value: str, where: str) -> Iterator[str]:
    yield from _size(shape, len(value), where, "characters")
    if shape.enum and value not in shape.enum:
        yield f"{where} must be one of {', '.join(shape.enum)}"
    pattern = shape.metadata.get("pattern")
    if pattern is not None and not _compiled(pattern, ascii_only=value.isascii()).fullmatch(value):
        yield f"{where} must match {pattern}"
    if _NOT_XML.search(value):
        yield f"{where} has a character that XML does not allow"


@cache
def _compiled(pattern: str, *, ascii_only: bool) -> re.Pattern[str]:
    classes = _ASCII_CLASSES.__getitem__ if ascii_only else _unicode_ranges
    return re.compile(_UNICODE_CLASS.sub(lambda found: classes(found[1]), pattern), re.ASCII)


@cache
def _unicode_ranges(general_category: str) -> str:
    """The characters of a Unicode general category, as the inside of a character class."""
    ranges: list[str] = []
    start: int | None = None
    for code_point in range(_LAST_CODE_POINT + 2):
        inside = code_point <= _LAST_CODE_POINT and unicodedata.category(chr(code_point)).startswith(general_category)
        if inside and start is None:
            start = code_point
        elif not inside and start is not None:
            ranges.append(f"\\U{start:08x}-\\U{code_point - 1:08x}")
            start = None
    return "".join(ranges)
