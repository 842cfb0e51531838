"""One HTTP request and its answer, whatever carried them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Ending(Enum):
    """How the carrier is to end an exchange."""

    WHOLE = "whole"
    RESET = "reset"
    HANG = "hang"
    HALF = "half"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it arrived.

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
    """An answer to be sent.

    Attributes:
        status: The HTTP status code.
        body: The document; may be empty.
        headers: By names as they are to be written; Content-Length is the carrier's affair.
        ending: What happens to the connection.
    """

    status: int
    body: bytes
    headers: Mapping[str, str]
    ending: Ending = Ending.WHOLE
