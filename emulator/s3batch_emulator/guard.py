"""Refuses requests of web pages at a loopback server: any page that is viewed on this machine can send them.

Two things distinguish a browser's request from an AWS client's. A page that uses DNS rebinding (its own name
resolves to 127.0.0.1) sends its own Host. Every other page sends what scripts can't omit: Origin,
Sec-Fetch-Site or a browser's User-Agent.

Standard library only, for `local.ministack_server` runs this file in ministack's own environment.
"""

import asyncio
import contextlib
import hmac
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import unquote
from xml.sax.saxutils import escape

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = Iterable[tuple[bytes, bytes]]

DNS_SUFFIXES = (
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "api.amazonwebservices.com.cn",
    "api.amazonwebservices.eu",
    "api.aws",
    "api.aws.hci.ic.gov",
    "api.aws.ic.gov",
    "api.aws.scloud",
    "api.cloud-aws.adc-e.uk",
    "c2s.ic.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
    "sc2s.sgov.gov",
)
"""Domains of AWS's partitions. Only AWS can make a name in them resolve to this machine."""

_HOST = re.compile(
    r"(?:(?:[a-z0-9_-]+\.)*localhost|(?:\d{12}\.)?127\.0\.0\.1|\[::1\]"
    r"|(?:[a-z0-9_-]+\.)?s3-control(?:-fips)?(?:\.dualstack)?"
    rf"\.(?:test|[a-z0-9-]+\.(?:{'|'.join(map(re.escape, DNS_SUFFIXES))})))"
    r"(?::\d{1,5})?",
    re.ASCII,
)
"""This machine's loopback names, S3 Control's, and `s3-control.test`: `.test` is reserved (RFC 6761)."""

_ABSOLUTE_FORM = re.compile(r"https?://(?P<authority>[^/?#]*)(?P<path>/.*)?", re.IGNORECASE)
"""The target in a request to a proxy. S3 Control clients have no other way to reach a loopback port."""

SECONDS_FOR_THE_REST = 10
"""How long a response waits for the rest of its request."""

_BROWSER_HEADERS = frozenset({"origin", "sec-fetch-site"})
"""Headers that browsers add. Node's `fetch` sends Sec-Fetch-Mode, but not Sec-Fetch-Site."""


def guarded(app: Application) -> Application:
    """An application that responds with 403 to browsers and foreign hosts, and passes other requests to `app`.

    `app` gets every target in origin form, with the authority of an absolute one as its Host. Headers of its responses
    that allow other origins to read them are removed. A response waits for the whole request, at most
    `SECONDS_FOR_THE_REST`. `app` must not receive and send at the same time.
    """

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        if scope["type"] == "http":
            receive, send = _after_the_request(receive, send)
        method = str(scope.get("method", "GET"))
        why = refusal(method, scope["headers"]) or _normalized(scope) or refusal(method, scope["headers"])
        if why is not None:
            await _refuse(why, scope, receive, send)
            return

        async def send_to_no_other_origin(message: MutableMapping[str, Any]) -> None:
            if "headers" in message:
                kept = [each for each in message["headers"] if not each[0].lower().startswith(b"access-control-")]
                message = {**message, "headers": kept}
            await send(message)

        await app(scope, receive, send_to_no_other_origin)

    return guard


def refusal(method: str, headers: Headers) -> str | None:
    """Why a request in origin form is refused; None if it is not.

    Args:
        method: As it was sent.
        headers: Names in any case, as ASGI has them.
    """
    sent = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]
    if method.upper() in {"OPTIONS", "CONNECT"}:
        return f"{method.upper()} is not served here: only browsers send it"
    for name, value in sent:
        if name in _BROWSER_HEADERS or (name == "user-agent" and value.lower().startswith("mozilla/")):
            return f"requests of web browsers are refused, and this one has {name}: {value}"
    hosts = [value for name, value in sent if name == "host"]
    if len(hosts) != 1:
        return f"expected one Host header, got {len(hosts)}"
    if not _HOST.fullmatch(hosts[0].lower()):
        return f"expected a loopback name or S3 Control's as the host, got {hosts[0]!r}"
    return None


def carries_token(headers: Headers, token: str | None) -> bool:
    """Whether a request carries `Authorization: Bearer TOKEN`; never if there is no token."""
    sent = [value for name, value in headers if name.lower() == b"authorization"]
    return bool(token) and len(sent) == 1 and hmac.compare_digest(sent[0], f"Bearer {token}".encode())


def _normalized(scope: Scope) -> str | None:
    """Convert a target to origin form, its authority to the Host header; the reason if that is impossible, or None."""
    target = bytes(scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    absolute = _ABSOLUTE_FORM.fullmatch(target)
    if absolute is None:
        return None if target.startswith("/") else f"expected a path or a URL as the target, got {target!r}"
    path = absolute["path"] or "/"
    scope["raw_path"], scope["path"] = path.encode("latin-1"), unquote(path)
    authority = (b"host", absolute["authority"].encode("latin-1"))
    scope["headers"] = [*(each for each in scope["headers"] if each[0].lower() != b"host"), authority]
    return None


def _after_the_request(receive: Receive, send: Send) -> tuple[Receive, Send]:
    """The same two, except that a response waits for the rest of the request's body, which is dropped.

    A server may close a connection on which the response came first. The client then gets an error instead of the
    response, while it still sends the body or when it sends its next request.
    """
    complete = False

    async def receive_and_note() -> MutableMapping[str, Any]:
        nonlocal complete
        message = await receive()
        complete = message["type"] != "http.request" or not message.get("more_body")
        return message

    async def send_when_complete(message: MutableMapping[str, Any]) -> None:
        nonlocal complete
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SECONDS_FOR_THE_REST):
                while not complete:
                    await receive_and_note()
        complete = True
        await send(message)

    return receive_and_note, send_when_complete


async def _refuse(why: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Respond with an error document of S3, so that an AWS client prints the reason."""
    if scope["type"] != "http":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    message = escape("".join(char if char.isprintable() else "\ufffd" for char in why[:300]))
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<ErrorResponse><Error><Code>AccessDenied</Code><Message>{message}</Message></Error>"
        "<RequestId>0</RequestId><HostId>0</HostId></ErrorResponse>"
    ).encode()
    headers = [(b"content-type", b"application/xml"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})
