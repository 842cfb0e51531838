"""Ways in which an answer can be something else than it should be: of the HTTP, of an XML document, of a JSON one."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias
from xml.etree import ElementTree as ET

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

NAMESPACE = "http://awss3control.amazonaws.com/doc/2018-08-20/"
ET.register_namespace("", NAMESPACE)

Answer: TypeAlias = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""


class Raw:
    """An answer's bytes, with the methods of urllib3's that botocore calls."""

    def __init__(self, body: bytes) -> None:
        """Keep them."""
        self.body = body

    def stream(self, **_: object) -> Iterator[bytes]:
        """All at once."""
        yield self.body

    def read(self, *_: object, **__: object) -> bytes:
        """The same; afterwards there is no more."""
        body, self.body = self.body, b""
        return body

    def close(self) -> None:
        """Nothing is open."""


def answering(client: Any, answer: Callable[[str], Answer]) -> None:
    """Have a client get an answer, by the operation's name, and never send anything."""

    def send(request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse:
        status, said, body = answer(event_name.rpartition(".")[2])
        headers = HTTPHeaders()
        for name, value in said.items():
            headers[name] = value
        return AWSResponse(request.url, status, headers, Raw(body))

    client.meta.events.unregister("before-send", unique_id="answering")
    client.meta.events.register_first("before-send", send, unique_id="answering")


# --- Whole bodies -------------------------------------------------------------------------------------

BODIES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda body: b"",
    "blanks": lambda body: b" \n",
    "a page": lambda body: b"<html><body>proxy error</body></html>",
    "an error of S3's": lambda body: (
        b"<Error><Code>InternalError</Code><Message>We encountered an error</Message></Error>"
    ),
    "an error of S3 Control's": lambda body: (
        b"<ErrorResponse><Error><Code>NoSuchJob</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    ),
    "another call's document": lambda body: f'<ListAccessPointsResult xmlns="{NAMESPACE}"/>'.encode(),
    "another root": lambda body: body.replace(b"Result", b"Outcome"),
    "another namespace": lambda body: body.replace(NAMESPACE.encode(), b"http://s3.example.com/"),
    "a beginning": lambda body: body[: len(body) // 2],
    "more after it": lambda body: body + b"<more/>",
    "a NUL": lambda body: body.replace(b">", b">\x00", 1),
    "UTF-16": lambda body: body.decode().encode("utf-16"),
    "Latin-1 by its declaration": lambda body: body.replace(b"UTF-8", b"ISO-8859-1"),
    "no UTF-8": lambda body: body.replace(b"</", b"\xff</", 1),
    "a document type": lambda body: body.replace(b"?>", b'?><!DOCTYPE x [<!ENTITY e "lol">]>', 1),
    "very deep": lambda body: b"<a>" * 100_000,
    "JSON": lambda body: b'{"Job": {}}',
    "an array": lambda body: b"[]",
    "a null": lambda body: b"null",
    "a text": lambda body: b'"Tags"',
    "a deep array": lambda body: b"[" * 100_000,
    "members of nobody": lambda body: b'{"status": "ok"}',
}
"""Instead of a document. Not every one is damage to every document: what is JSON to XML is, and the other way round."""


# --- Parts of an XML document -------------------------------------------------------------------------

XmlDamage: TypeAlias = Callable[[ET.Element, ET.Element], None]
"""Is given an element's parent, and the element."""


def _double(parent: ET.Element, element: ET.Element) -> None:
    parent.append(copy.deepcopy(element))


def _with_text(text: str) -> XmlDamage:
    def damage(parent: ET.Element, element: ET.Element) -> None:
        element.text = text

    return damage


def _put_inside(parent: ET.Element, element: ET.Element) -> None:
    ET.SubElement(element, f"{{{NAMESPACE}}}Inside").text = "x"


def _wrap(parent: ET.Element, element: ET.Element) -> None:
    inner = copy.deepcopy(element)
    for child in list(element):
        element.remove(child)
    element.text = None
    element.append(inner)


def _is_foreign(parent: ET.Element, element: ET.Element) -> None:
    element.tag = "{http://s3.example.com/}" + element.tag.rpartition("}")[2]


def _text_beside(parent: ET.Element, element: ET.Element) -> None:
    element.tail = "none"


NEVER_TRUE: dict[str, XmlDamage] = {
    "in another namespace": _is_foreign,
    "text beside it": _text_beside,
}
"""Whichever element it befalls, the document is none."""

NEVER_TRUE_OF_A_SCALAR: dict[str, XmlDamage] = {
    "elements inside": _put_inside,
    "wrapped in itself": _wrap,
}
NEVER_TRUE_OF_A_MEMBER: dict[str, XmlDamage] = {"twice": _double}

NOT_OF_ITS_TYPE: dict[str, tuple[str, ...]] = {
    "number": (
        "",
        "none",
        " 5",
        "5 ",
        "1_000",
        "1e3",
        "1e30",
        "٣",
        "0x10",
        "5.0",
        "9" * 20,
        "9" * 5000,
        "--1",
        "NaN",
        "true",
    ),
    "flag": ("", "yes", "1", "TRUE", "True", " true", "none", "٣"),
    "instant": (
        "",
        "1e30",
        "99999999999999999999",
        "-1",
        "yesterday",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "2026-01-01",
        "2026-01-01T25:00:00Z",
        "NaN",
        "inf",
        "1795889202",
    ),
}
"""What a scalar of a type can't say."""


def parsed(body: bytes) -> ET.Element:
    """A document's root."""
    return ET.fromstring(body)  # noqa: S314 - the tests' own


def places(body: bytes) -> list[tuple[int, ...]]:
    """Where there are elements below the root, each as the positions that lead there."""

    def below(element: ET.Element, path: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        for position, child in enumerate(element):
            yield (*path, position)
            yield from below(child, (*path, position))

    return list(below(parsed(body), ()))


def at(root: ET.Element, place: tuple[int, ...]) -> tuple[ET.Element, ET.Element]:
    """An element's parent, and the element."""
    parent, element = root, root
    for position in place:
        parent, element = element, element[position]
    return parent, element


def name_at(body: bytes, place: tuple[int, ...]) -> str:
    """An element's name without its namespace."""
    return at(parsed(body), place)[1].tag.rpartition("}")[2]


def is_scalar_at(body: bytes, place: tuple[int, ...]) -> bool:
    """Whether an element has none inside."""
    element = at(parsed(body), place)[1]
    return not len(element) and bool(element.text)


def with_damage(body: bytes, place: tuple[int, ...], damage: XmlDamage) -> bytes:
    """The document with one element damaged."""
    root = parsed(body)
    damage(*at(root, place))
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def renamed(name: str) -> XmlDamage:
    """Damage: the element is called something else."""

    def damage(parent: ET.Element, element: ET.Element) -> None:
        element.tag = f"{{{NAMESPACE}}}{name}"

    return damage


def gone(parent: ET.Element, element: ET.Element) -> None:
    """Damage: the element is missing."""
    parent.remove(element)


def saying(text: str) -> XmlDamage:
    """Damage: the element says something else."""
    return _with_text(text)


# --- Parts of a JSON document -------------------------------------------------------------------------

OTHER_VALUES: tuple[object, ...] = (True, False, 0, -1, 1e30, 10**30, "", "x", [], {}, [[]], {"x": {}}, [1], {"S": 1})


def json_places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where there are values below the document, each as the keys that lead there."""
    inside: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield (*path, key)
        yield from json_places(each, (*path, key))


def json_with(value: object, place: tuple[str | int, ...], put: object) -> object:
    """The document with another value at a place."""
    whole: Any = copy.deepcopy(value)
    inside = whole
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = put
    return whole


def json_without(value: object, place: tuple[str | int, ...]) -> object:
    """The document without what is at a place."""
    whole: Any = copy.deepcopy(value)
    inside = whole
    for key in place[:-1]:
        inside = inside[key]
    del inside[place[-1]]
    return whole


def json_with_a_member_twice(value: dict[str, Any], place: tuple[str | int, ...]) -> bytes:
    """The document with one member written twice, the second one null."""
    mark = "\u0001"
    inside: Any = value
    for key in place[:-1]:
        inside = inside[key]
    if isinstance(inside, list):
        return b"{"
    marked = json.dumps(json_with(value, place, mark))
    shown = json.dumps(inside[place[-1]])
    return marked.replace(json.dumps(mark), f"{shown}, {json.dumps(place[-1])}: null", 1).encode()
