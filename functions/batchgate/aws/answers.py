"""Checks that a response is the document that AWS's model describes, before botocore parses it.

botocore parses any body with a status of success: an empty body, a proxy's page or an error becomes a document without
members, and members of another shape become values of another type, or false. So a response is accepted only if it
names its request, if it is the document of the call, and if every member that the model knows is in it once, in its
place and of its type. What the model does not know is noted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import ParseError, tostring

from botocore.parsers import ResponseParserError

from batchgate.aws.documents import JsonDocument, XmlDocument, check_blank, check_number, read_json, read_xml
from batchgate.text import shorten

if TYPE_CHECKING:
    from botocore.hooks import BaseEventHooks
    from botocore.model import OperationModel, StructureShape

UNKNOWN_MEMBERS: Final = "UnknownMembers"
"""Under this key an answer has the dotted paths, sorted, of what the model does not know of it; missing for none."""

_REQUEST_IDS: Final = ("x-amz-request-id", "x-amzn-requestid")
_NO_SUCCESS: Final = 300
_NAMESPACES: Final = {"S3 Control": "http://awss3control.amazonaws.com/doc/2018-08-20/"}
"""*Source*: botocore's model, beside CreateJob. Errors of S3's have none, so none counts as this one."""


class NotAnAnswerError(ResponseParserError):
    """A response with a status of success is not the document that it should be."""


def only_answers(events: BaseEventHooks) -> None:
    """Have a client, or all clients of a session, raise NotAnAnswerError for what is not an answer.

    *Source*: botocore, Endpoint, the event `before-parse`; what a handler raises ends the call without another try.

    Args:
        events: Of the client or session; a second time changes nothing.
    """
    events.register_first("before-parse", _check, unique_id="batchgate-only-answers")


def _check(
    operation_model: OperationModel,
    response_dict: dict[str, Any],
    customized_response_dict: dict[str, Any],
    **_: object,
) -> None:
    if response_dict["status_code"] >= _NO_SUCCESS:
        return
    try:
        unknown = _unknown_members(operation_model, response_dict)
    except (ParseError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        raise NotAnAnswerError(f"{operation_model.name}: not its answer: {shorten(str(error), 200)}") from error
    if unknown:
        customized_response_dict[UNKNOWN_MEMBERS] = sorted(unknown)


def _unknown_members(operation: OperationModel, response: dict[str, Any]) -> set[str]:
    """What the model does not know of an answer that is one.

    Raises:
        ParseError, ValueError: It is none.
    """
    shape = operation.output_shape
    _check_headers(shape, response["headers"])
    if (
        shape is None
        or "payload" in shape.serialization
        or all("location" in each.serialization for each in shape.members.values())
    ):
        return set()
    match operation.service_model.resolved_protocol:
        case "json" | "rest-json":
            JsonDocument(shape, read_json(response["body"]))
            return set()
        case "rest-xml":
            namespace = _NAMESPACES.get(operation.service_model.service_id)
            root = read_xml(response["body"], shape.serialization.get("name", shape.name), namespace)
            document = XmlDocument(shape, root)
            if document.is_cut:
                response["body"] = tostring(root)
            return document.unknown
        case "query":
            root = read_xml(response["body"], f"{operation.name}Response")
            check_blank(root, "")
            wrapper = shape.serialization.get("resultWrapper")
            wrapped = [each for each in root if each.tag.rpartition("}")[2] == wrapper]
            if len(wrapped) != 1:
                raise ValueError(f"it has no {wrapper}, or several")
            return XmlDocument(shape, wrapped[0]).unknown
        case protocol:
            raise ValueError(f"no reader for the protocol {protocol}")


def _check_headers(shape: StructureShape | None, headers: Mapping[str, str]) -> None:
    if not any(headers.get(name) for name in _REQUEST_IDS):
        raise ValueError("it does not name its request")
    for name, member in shape.members.items() if shape is not None else ():
        header = headers.get(member.serialization.get("name", name))
        if header is not None and member.serialization.get("location") == "header":
            check_number(member.type_name, header, name)
