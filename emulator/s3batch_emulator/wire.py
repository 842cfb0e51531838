"""Parses requests and serializes responses: rest-xml, driven by the service model."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.utils import parse_timestamp

from s3batch_emulator.constraints import violations
from s3batch_emulator.errors import MalformedRequestError
from s3batch_emulator.model import NAMESPACE
from s3batch_emulator.values import Structure, Unmodelled, Value

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,19}")
_HAS_DOCTYPE = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


def read_request(
    operation: OperationModel, path: Mapping[str, str], query: str, headers: Mapping[str, str], body: bytes
) -> Structure:
    """The parameters of an operation, complete and within the model's limits.

    Args:
        operation: The operation that the request was routed to.
        path: Still percent-encoded parts of the path, by the model's location names.
        query: The query string without its question mark.
        headers: Header values by lower-case names.
        body: The XML document, or nothing.

    Raises:
        MalformedRequestError: Lists every limit that is violated.
    """
    shape = input_shape(operation)
    sent = {**_read_body(shape, body), **_read_locations(shape, path, query, headers)}
    broken = list(violations(shape, sent))
    if broken:
        raise MalformedRequestError("; ".join(broken))
    return sent


def input_shape(operation: OperationModel) -> StructureShape:
    """The input of an operation; every job operation has an input."""
    if operation.input_shape is None:
        raise MalformedRequestError(f"{operation.name} takes no input")
    return operation.input_shape


def _read_locations(
    shape: StructureShape, path: Mapping[str, str], query: str, headers: Mapping[str, str]
) -> Structure:
    try:
        parsed = parse_qs(query, keep_blank_values=True, errors="strict")
        sent: Structure = {}
        for name, member in shape.members.items():
            location, key = member.serialization.get("location"), member.serialization.get("name", name)
            if location == "uri" and key in path:
                sent[name] = _scalar(member, unquote(path[key], errors="strict"), name)
            elif location == "header" and key.lower() in headers:
                sent[name] = _scalar(member, headers[key.lower()], name)
            elif location == "querystring" and key in parsed:
                sent[name] = (
                    [_scalar(member.member, entry, name) for entry in parsed[key]]
                    if isinstance(member, ListShape)
                    else _scalar(member, parsed[key][0], name)
                )
    except UnicodeDecodeError as error:
        raise MalformedRequestError("the URI is not UTF-8") from error
    return sent


def _read_body(shape: StructureShape, body: bytes) -> Structure:
    takes_body = any("location" not in member.serialization for member in shape.members.values())
    if not takes_body or not body:
        return {}
    if _HAS_DOCTYPE.search(body):
        raise MalformedRequestError("the XML must not have a document type")
    try:
        root = ET.fromstring(body.decode())  # noqa: S314 -- no document types, and expat bounds the rest
    except (ET.ParseError, ValueError) as error:
        raise MalformedRequestError(f"the XML is not well-formed: {error}") from error
    if _local_name(root) != shape.serialization.get("name", shape.name):
        raise MalformedRequestError(f"the XML must be a {shape.name}, is a {_local_name(root)}")
    return _read_structure(shape, root, shape.name)


def _local_name(element: ET.Element) -> str:
    namespace, closing, name = element.tag.rpartition("}")
    if closing and namespace != f"{{{NAMESPACE}":
        raise MalformedRequestError(f"{name} is of another XML namespace")
    return name


def _read_structure(shape: StructureShape, element: ET.Element, where: str) -> Structure:
    names = {
        member.serialization.get("name", name): name
        for name, member in shape.members.items()
        if "location" not in member.serialization
    }
    sent: Structure = {}
    for child in element:
        tag = _local_name(child)
        if tag not in names:
            raise MalformedRequestError(f"{where} has no member {tag}")
        if names[tag] in sent:
            raise MalformedRequestError(f"{where} has {tag} twice")
        sent[names[tag]] = _read_xml(shape.members[names[tag]], child, f"{where}.{tag}")
    return sent


def _read_xml(shape: Shape, element: ET.Element, where: str) -> Value:
    if isinstance(shape, StructureShape):
        return _read_structure(shape, element, where)
    if isinstance(shape, ListShape):
        return [_read_xml(shape.member, child, where) for child in _children(element, [_member_name(shape)], where)]
    if isinstance(shape, MapShape):
        return {
            entry[0].text or "": _read_xml(shape.value, entry[1], where)
            for entry in _children(element, ["entry"], where)
            if list(_children(entry, ["key", "value"], where))
        }
    if len(element):
        raise MalformedRequestError(f"{where} must have no elements inside")
    return _scalar(shape, element.text or "", where)


def _children(element: ET.Element, names: list[str], where: str) -> Iterator[ET.Element]:
    """The element's children, which must have exactly these names, or all have the one name."""
    found = [_local_name(child) for child in element]
    if found != (names if len(names) > 1 else names * len(found)):
        raise MalformedRequestError(f"{where} must have {' and '.join(names)}, has {', '.join(found) or 'nothing'}")
    yield from element


def _member_name(shape: ListShape) -> str:
    return str(shape.member.serialization.get("name", "member"))


def _scalar(shape: Shape, sent: str, where: str) -> Value:
    match shape.type_name:
        case "boolean" if sent in {"true", "false"}:
            return sent == "true"
        case "integer" | "long" if _WHOLE_NUMBER.fullmatch(sent):
            return int(sent)
        case "timestamp":
            return _timestamp(sent, where)
        case "string":
            return sent
    raise MalformedRequestError(f"{where} must be a {shape.type_name}")


def _timestamp(sent: str, where: str) -> datetime:
    try:
        moment = parse_timestamp(sent)
        return datetime.fromtimestamp(moment.timestamp(), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise MalformedRequestError(f"{where} must be a timestamp") from error


def write_answer(operation: OperationModel, answer: Structure) -> bytes:
    """The XML document of an operation's response; empty if the model has no members."""
    shape = operation.output_shape
    if shape is None or not shape.members:
        return b""
    inside = "".join(_write_members(shape, answer))
    name = shape.serialization.get("name", shape.name)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{NAMESPACE}">{inside}</{name}>'.encode()


def _write_members(shape: StructureShape, given: Structure) -> Iterator[str]:
    for name, value in given.items():
        if isinstance(value, Unmodelled):
            yield f"<{name}>{_escaped(value)}</{name}>"
            continue
        member = shape.members[name]
        yield _write_xml(member, value, str(member.serialization.get("name", name)))


def _write_xml(shape: Shape, value: Value, tag: str) -> str:
    match shape, value:
        case ListShape(), list():
            inside = "".join(_write_xml(shape.member, entry, _member_name(shape)) for entry in value)
        case MapShape(), dict():
            inside = "".join(
                f"<entry><key>{_escaped(key)}</key>{_write_xml(shape.value, entry, 'value')}</entry>"
                for key, entry in value.items()
            )
        case StructureShape(), dict():
            inside = "".join(_write_members(shape, value))
        case _, datetime():
            inside = timestamp_text(value)
        case _, bool():
            inside = "true" if value else "false"
        case _:
            inside = _escaped(str(value))
    return f"<{tag}>{inside}</{tag}>"


def _escaped(plain: str) -> str:
    return escape(plain, {"\r": "&#13;"})


def timestamp_text(moment: datetime) -> str:
    """A time in S3's format: UTC, milliseconds, a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write_error(
    code: str, message: str, request_id: str, host_id: str, *, bare: bool = False, namespace: bool = False
) -> bytes:
    """The XML document of an error. Recorded ones have no namespace, unlike S3 Control's other responses.

    *Source*: aws-sdk-go-v2 #2384; for the bare form, in which the Error is the root, aws-sdk-java-v2 #1986.
    """
    error = f"<Code>{_escaped(code)}</Code><Message>{_escaped(_xml_text(message))}</Message>"
    ids = f"<RequestId>{request_id}</RequestId><HostId>{host_id}</HostId>"
    root, inside = ("Error", error) if bare else ("ErrorResponse", f"<Error>{error}</Error>")
    attribute = f' xmlns="{NAMESPACE}"' if namespace else ""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}{attribute}>{inside}{ids}</{root}>'.encode()


def _xml_text(message: str) -> str:
    """The message without characters that XML does not allow, and not longer than the model's 1,024."""
    clean = "".join(char if char in "\t\n" or char.isprintable() else "\ufffd" for char in message)
    return clean[:1024]
