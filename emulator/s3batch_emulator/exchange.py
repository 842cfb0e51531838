"""An HTTP request and its response, independent of the transport."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Ending(Enum):
    """How the transport ends an exchange."""

    WHOLE = "whole"
    RESET = "reset"
    HANG = "hang"
    HALF = "half"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it was received.

    Attributes:
        method: Upper case.
        path: Still percent-encoded, beginning with a slash.
        query: Still percent-encoded, without its question mark.
        headers: Values by lower-case names.
        body: All of it.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response to be sent.

    Attributes:
        status: The HTTP status code.
        body: The document; can be empty.
        headers: Values by names, as they are to be sent. The transport adds Content-Length.
        ending: What the transport does with the connection.
    """

    status: int
    body: bytes
    headers: Mapping[str, str]
    ending: Ending = Ending.WHOLE
