"""Connects real boto3 clients to an emulator: in process, without sockets, or over HTTP."""

import io
from collections.abc import Iterator
from typing import TypeVar
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from s3batch_emulator.emulator import Emulator
from s3batch_emulator.exchange import Ending, HttpRequest, HttpResponse

ClientT = TypeVar("ClientT")

_EVENT = "before-send.s3-control"
_UNIQUE_ID = "s3batch-emulator"


def connect(client: ClientT, emulator: Emulator) -> ClientT:
    """Connect a boto3 or botocore `s3control` client to an emulator in this process.

    The client signs, serializes, retries and parses as always; only the socket is replaced.
    Due timers run before each request, and events are delivered before it returns.
    An earlier connection of the client is replaced.

    Returns:
        The same client.
    """

    def send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        return _response(request, emulator.exchange(_request(request)))

    events = client.meta.events  # type: ignore[attr-defined]
    events.unregister(_EVENT, unique_id=_UNIQUE_ID)
    events.register_first(_EVENT, send, unique_id=_UNIQUE_ID)
    return client


def over_http(base_url: str) -> Config:
    """The client configuration that reaches an emulator served at `base_url`.

    Use it with `endpoint_url="http://s3-control.REGION.amazonaws.com"`: S3 Control
    puts the account id before every host, so the emulator stands in as the proxy for it.
    """
    return Config(proxies={"http": base_url})


def point_at(client: ClientT, base_url: str) -> ClientT:
    """Connect a boto3 or botocore `s3control` client to an emulator served at `base_url`.

    Unlike `over_http`, this uses no proxy: the client keeps its own endpoint, signature and Host,
    and only the connection goes to the emulator. Connection errors are then those that a client of
    S3 itself would get.

    Returns:
        The same client.
    """

    def redirect(request: AWSPreparedRequest, **_: object) -> None:
        target = urlsplit(request.url)
        request.headers["Host"] = target.netloc
        request.url = f"{base_url}{target.path}{f'?{target.query}' if target.query else ''}"

    events = client.meta.events  # type: ignore[attr-defined]
    events.unregister(_EVENT, unique_id=_UNIQUE_ID)
    events.register_first(_EVENT, redirect, unique_id=_UNIQUE_ID)
    return client


def _request(prepared: AWSPreparedRequest) -> HttpRequest:
    target = urlsplit(prepared.url)
    body = prepared.body or b""
    headers = {str(name).lower(): _text(value) for name, value in prepared.headers.items()}
    headers.setdefault("host", target.netloc)
    return HttpRequest(prepared.method, target.path, target.query, headers, _text(body).encode())


def _text(sent: object) -> str:
    """Text of what botocore has as text or as bytes; both are UTF-8."""
    return bytes(sent).decode() if isinstance(sent, (bytes, bytearray)) else str(sent)


class _RawBody(io.BytesIO):
    """The bytes of a response, with the method of urllib3 that botocore calls."""

    def stream(self, **_: object) -> Iterator[bytes]:
        """All of it at once."""
        yield self.read()


def raise_unless_whole(response: HttpResponse, url: str) -> None:
    """Raise what botocore raises when a response does not arrive.

    Raises:
        ReadTimeoutError: A fault lets the request hang.
        ConnectionClosedError: A fault breaks the connection, before the response or in the middle of it.
    """
    if response.ending is Ending.HANG:
        raise ReadTimeoutError(endpoint_url=url, error="a fault of the emulator lets the request hang")
    if response.ending is not Ending.WHOLE:
        raise ConnectionClosedError(endpoint_url=url, error="a fault of the emulator breaks the connection")


def _response(request: AWSPreparedRequest, response: HttpResponse) -> AWSResponse:
    raise_unless_whole(response, request.url)
    headers = HTTPHeaders()
    for name, value in response.headers.items():
        headers[name] = value
    return AWSResponse(request.url, response.status, headers, _RawBody(response.body))
