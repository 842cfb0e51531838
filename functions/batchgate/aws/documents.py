"""XML and JSON documents read against a model of botocore's: every member once, in its place and in its type."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

from batchgate.jobs.request_model import unknown_value
from batchgate.text import shorten

if TYPE_CHECKING:
    from botocore.model import ListShape, MapShape, Shape, StructureShape

_XML_DECLARED = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)[\"']")
_DOCTYPE = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,19}")
_DECIMAL = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,2})?")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[-+][0-9]{2}:?[0-9]{2})")
_BITS: Final = {"integer": 31, "long": 63}
_LAST_SECOND: Final = 253_402_300_799
"""Of the year 9999."""

_NOT_REQUIRED_IN: Final = "GeneratedManifestDescriptor"
"""What CreateJob requires of a manifest's location, S3 need not say of one that it made itself (*unverified*)."""

_DYNAMODB_VALUE: Final = "AttributeValue"
"""A union by its documentation, not by its model."""


def read_xml(body: bytes, root_name: str, namespace: str | None = None) -> ET.Element:
    """A document's root.

    Args:
        body: UTF-8, for botocore takes it to be.
        root_name: What the root must be called.
        namespace: Which one all elements must be of, if they are of any; None for any one.

    Raises:
        ET.ParseError, ValueError: It is not well-formed, or not that document.
    """
    body.decode()
    declared = _XML_DECLARED.match(body.removeprefix(_BYTE_ORDER_MARK))
    if declared and declared[1].lower() not in (b"utf-8", b"utf8"):
        raise ValueError("its charset is not UTF-8")
    if _DOCTYPE.search(body):
        raise ValueError("it has a document type")
    parser = ET.XMLParser(encoding="utf-8")  # noqa: S314 - no document types, and expat bounds the rest
    parser.feed(body)
    root: ET.Element = parser.close()
    of, _, name = root.tag.rpartition("}")
    if name != root_name:
        raise ValueError(f"expected {root_name}, got {shorten(name, 60)}")
    if of and namespace and of[1:] != namespace:
        raise ValueError(f"{name} is of the namespace {of[1:81]}")
    for each in root.iter():
        if each.tag.rpartition("}")[0] != of:
            raise ValueError(f"{shorten(each.tag, 80)} is of another namespace")
    return root


class XmlDocument:
    """An XML document that was read.

    Attributes:
        unknown: The dotted paths of what the model does not know, in the model's names as far as it knows them; an
            attribute with an @ before its name, a value outside its closed set behind its path: `Job.Status="New"`.
        is_cut: Whether something that botocore would not read was taken out of the document.
    """

    __slots__ = ("is_cut", "unknown")

    def __init__(self, shape: StructureShape, root: ET.Element) -> None:
        """Read it.

        Raises:
            ValueError: A member is missing that must be there, is there twice, or is of another type.
        """
        self.unknown: set[str] = set()
        self.is_cut = False
        self._structure(shape, root, "")

    def _value(self, shape: Any, element: ET.Element, path: str) -> None:  # noqa: ANN401 - a shape of its own type name
        match shape.type_name:
            case "structure":
                self._structure(shape, element, path)
            case "list":
                self._list(shape, element, path)
            case "map":
                self._map(shape, element, path)
            case _ if len(element):
                raise ValueError(f"{path} has elements inside")
            case kind:
                text = element.text or ""
                check_text(kind, text, path)
                if kind == "string" and shape.enum and text not in shape.enum:
                    self.unknown.add(unknown_value(path, text))

    def _structure(self, shape: StructureShape, element: ET.Element, path: str) -> None:
        check_blank(element, path)
        names = _names(shape)
        seen: set[str] = set()
        strangers: list[ET.Element] = []
        for child in element:
            wire = _local(child)
            name, member = names.get(wire, ("", None))
            inner = f"{path}.{name or wire}" if path else name or wire
            if member is None:
                self.unknown.add(inner)
                strangers.append(child)
                continue
            flattened = _is_flattened(member)
            if name in seen and not flattened:
                raise ValueError(f"{inner} is there twice")
            self._value(member.member if flattened else member, child, inner)
            seen.add(name)
        self.unknown |= {f"{path}.@{name}" for name in element.attrib if not name.startswith("{")}
        _check_required(shape, seen, path)
        if shape.is_tagged_union:
            self._cut(element, strangers if seen else strangers[1:])

    def _cut(self, union: ET.Element, strangers: list[ET.Element]) -> None:
        """Leave a union one member: botocore reads none with two, and one that it does not know it reads as such."""
        for child in strangers:
            union.remove(child)
            self.is_cut = True

    def _list(self, shape: ListShape, element: ET.Element, path: str) -> None:
        check_blank(element, path)
        name = shape.member.serialization.get("name", "member")
        for child in element:
            if _local(child) != name:
                raise ValueError(f"{path} has {shorten(_local(child), 60)} inside, want {name}")
            self._value(shape.member, child, path)

    def _map(self, shape: MapShape, element: ET.Element, path: str) -> None:
        check_blank(element, path)
        wanted = [shape.key.serialization.get("name", "key"), shape.value.serialization.get("name", "value")]
        keys: set[str | None] = set()
        for entry in element:
            if _local(entry) != "entry" or [_local(each) for each in entry] != wanted or len(entry[0]):
                raise ValueError(f"{path} is no map")
            check_blank(entry, path)
            if entry[0].text in keys:
                raise ValueError(f"{path} has a key twice")
            keys.add(entry[0].text)
            self._value(shape.value, entry[1], path)


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


@lru_cache(maxsize=1024)
def _names(shape: StructureShape) -> dict[str, tuple[str, Any]]:
    """A structure's members by what the wire calls them; looked up for each value of an answer."""
    return {_wire_name(name, member): (name, member) for name, member in shape.members.items()}


def _wire_name(name: str, member: Any) -> str:  # noqa: ANN401 - a shape of its own type name
    """What the wire calls a member; of a flattened list its elements stand for it."""
    element = member.member.serialization.get("name") if _is_flattened(member) else None
    return str(element or member.serialization.get("name", name))


def _is_flattened(shape: Shape) -> bool:
    return shape.type_name == "list" and bool(shape.serialization.get("flattened"))


def check_blank(element: ET.Element, path: str) -> None:
    """Refuse text between elements.

    Raises:
        ValueError: There is some.
    """
    if (element.text and element.text.strip()) or any(child.tail and child.tail.strip() for child in element):
        raise ValueError(f"{path or 'it'} has text inside")


# --- JSON ---------------------------------------------------------------------------------------------


def read_json(body: bytes) -> object:
    """A JSON document without members that are there twice, and without numbers that are none.

    Raises:
        ValueError: It is none.
    """
    return json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_refuse)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


class JsonDocument:
    """A JSON document that was read; null is no value."""

    __slots__ = ()

    def __init__(self, shape: StructureShape, document: object) -> None:
        """Read it.

        Raises:
            ValueError: A member is missing that must be there, or is of another type, or none is the model's.
        """
        if isinstance(document, dict) and document and not document.keys() & _names(shape).keys():
            raise ValueError(f"none of its members is one of {shape.name}")
        self._value(shape, document, "")

    def _value(self, shape: Any, value: object, path: str) -> None:  # noqa: ANN401 - a shape of its own type name
        match shape.type_name, value:
            case "structure", dict():
                self._structure(shape, value, path)
            case "list", list():
                for each in value:
                    self._value(shape.member, each, path)
            case "map", dict():
                for each in value.values():
                    self._value(shape.value, each, path)
            case kind, _ if not _is_scalar(kind, value, path):
                raise ValueError(f"{path or 'it'} is no {kind}")

    def _structure(self, shape: StructureShape, value: dict[str, object], path: str) -> None:
        names = _names(shape)
        known = {
            names[wire][0]: (names[wire][1], each) for wire, each in value.items() if each is not None and wire in names
        }
        if path:  # SQS leaves out what its model requires of a whole answer
            _check_required(shape, known, path)
        if (shape.is_tagged_union or shape.name == _DYNAMODB_VALUE) and len(known) != 1:
            raise ValueError(f"{path} has {len(known)} values")
        for name, (member, each) in known.items():
            self._value(member, each, f"{path}.{name}" if path else name)


def _is_scalar(kind: str, value: object, path: str) -> bool:
    match value:
        case bool():
            return kind == "boolean"
        case int() if kind in _BITS:
            check_number(kind, str(value), path)
            return True
        case int() | float():
            return kind in ("float", "double") or (kind == "timestamp" and 0 <= value <= _LAST_SECOND)
        case str() if kind == "timestamp":
            check_text(kind, value, path)
            return True
        case _:
            return isinstance(value, str) and kind in ("string", "blob", "character")


# --- Values -------------------------------------------------------------------------------------------


def _check_required(shape: StructureShape, seen: Collection[str], path: str) -> None:
    missing = next((name for name in shape.required_members if name not in seen), None)
    if missing is not None and _NOT_REQUIRED_IN not in path:
        raise ValueError(f"{path or 'it'} has no {missing}")


def check_text(kind: str, text: str, path: str) -> None:
    """Refuse a text that does not write a value of its type.

    Raises:
        ValueError: It does not.
    """
    match kind:
        case "boolean":
            fits = text in ("true", "false")
        case "float" | "double":
            fits = _DECIMAL.fullmatch(text) is not None
        case "timestamp":
            fits = _INSTANT.fullmatch(text) is not None and bool(datetime.fromisoformat(text))
        case _:
            check_number(kind, text, path)
            return
    if not fits:
        raise ValueError(f"{path} is no {kind}")


def check_number(kind: str, text: str, path: str) -> None:
    """Refuse a text that is no whole number, or one beyond its type, where the type is one of whole numbers.

    Raises:
        ValueError: It is.
    """
    bits = _BITS.get(kind)
    if bits and not (_WHOLE_NUMBER.fullmatch(text) and -(2**bits) <= int(text) < 2**bits):
        raise ValueError(f"{path} is no {kind}")
