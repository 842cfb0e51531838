"""The guard in front of every server: who is let in, by a table of all that a request can say of itself."""

import asyncio
import itertools
import json
import shutil
import socket
import subprocess
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.loaders import Loader

from s3batch_emulator.guard import DNS_SUFFIXES, carries_token, guarded, refusal
from s3batch_emulator.testing import EmulatedBatch

from .job_requests import ACCOUNT

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "options")

CLIENTS_HOSTS = (
    "127.0.0.1",
    "127.0.0.1:4566",
    "localhost",
    "LocalHost:8010",
    "[::1]:8010",
    f"{ACCOUNT}.localhost:8010",
    f"{ACCOUNT}.127.0.0.1:8010",
    "bucket.with.dots.localhost",
    "s3-control.us-east-1.amazonaws.com",
    f"{ACCOUNT}.s3-control.us-east-1.amazonaws.com",
    f"{ACCOUNT}.s3-control.us-east-1.amazonaws.com:80",
    f"{ACCOUNT}.S3-Control.CN-North-1.amazonaws.com.cn",
    f"{ACCOUNT}.s3-control-fips.dualstack.us-gov-west-1.amazonaws.com",
    f"{ACCOUNT}.s3-control.test",
)
FOREIGN_HOSTS = (
    "",
    "evil.example",
    "evil.example:4566",
    "127.0.0.1.",
    "localhost.",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evillocalhost",
    "user@127.0.0.1",
    "evil.example@127.0.0.1",
    "127.0.0.1@evil.example",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "0.0.0.0",  # noqa: S104 -- sent to, not listened on
    "0.0.0.0:4566",
    "[::]",
    "[::ffff:127.0.0.1]",
    "::1",
    "192.168.0.7",
    "127.0.0.1:",
    "127.0.0.1:x",
    "127.0.0.1:123456",
    "127.0.0.1:80:80",
    "127.0.0.1, evil.example",
    "evil.example/127.0.0.1",
    "127.0.0.1 ",
    "localhost\x00",
    f"{ACCOUNT}.s3-control.us-east-1.evil.example",
    f"{ACCOUNT}.s3-control.us-east-1.amazonaws.com.evil.example",
    f"{ACCOUNT}.s3-control.us-east-1.evilamazonaws.com",
    f"{ACCOUNT}.s3-control.us-east-1xamazonaws.com",
    f"{ACCOUNT}.s3-control.evil.test",
    "a.b.s3-control.us-east-1.amazonaws.com",
    "xs3-control.evil.amazonaws.com.cn.example",
    "evil.test",
    "s3.us-east-1.amazonaws.com",
    "l\u00f6calhost",
)
CLIENTS_HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"User-Agent": "Boto3/1.44.5 md/Botocore#1.44.5"},
    {"User-Agent": "aws-cli/2.9.19 Python/3.11"},
    {"User-Agent": "curl/8.5.0", "Accept": "*/*"},
    {"User-Agent": "node", "Sec-Fetch-Mode": "cors"},
)
BROWSERS_HEADERS: tuple[dict[str, str], ...] = (
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"ORIGIN": "http://127.0.0.1:4566"},
    {"origin": "http://localhost"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"},
    {"user-agent": "mozilla/5.0"},
)


def sent(host: str | None, headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI has them."""
    named = [(name.lower().encode(), value.encode("utf-8")) for name, value in headers.items()]
    return named if host is None else [(b"host", host.encode("utf-8")), *named]


def answered(
    method: str, target: str, headers: list[tuple[bytes, bytes]], kind: str = "http"
) -> tuple[Any, dict[str, Any] | None]:
    """What the guard answers, and the scope that the application got; None where it got none."""
    reached: list[dict[str, Any]] = []
    messages: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope)
        allowing = [(b"Access-Control-Allow-Origin", b"*"), (b"access-control-max-age", b"1"), (b"kept", b"1")]
        await send({"type": "http.response.start", "status": 200, "headers": allowing})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> dict[str, Any]:
        return {"type": f"{kind}.connect"}

    async def send(message: Any) -> None:
        messages.append(message)

    path, _, query = target.partition("?")
    scope = {"type": kind, "raw_path": path.encode(), "path": path, "query_string": query.encode(), "headers": headers}
    if kind == "http":
        scope["method"] = method

    async def ask() -> None:
        await guarded(app)(scope, receive, send)

    asyncio.run(ask())
    return messages[0], reached[0] if reached else None


def test_only_clients_of_this_machine_are_let_in() -> None:
    """Every method with every host and every header, as a path and as the URL that a proxy is asked for."""
    for method, host, headers in itertools.product(
        METHODS, CLIENTS_HOSTS + FOREIGN_HOSTS, CLIENTS_HEADERS + BROWSERS_HEADERS
    ):
        welcome = method.upper() not in {"OPTIONS", "CONNECT"} and host in CLIENTS_HOSTS and headers in CLIENTS_HEADERS
        why = refusal(method, sent(host, headers))
        assert (why is None) == welcome, (method, host, headers, why)


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_what_is_refused_does_not_reach_the_application(kind: str) -> None:
    """Nor does a request whose URL and Host differ in whose they are: both must be this machine's."""
    refused: list[tuple[str, str, dict[str, str]]] = [("/", host, {}) for host in FOREIGN_HOSTS]
    refused += [("/", "127.0.0.1", headers) for headers in BROWSERS_HEADERS]
    refused += [(f"http://{host}/v20180820/jobs", host, {}) for host in FOREIGN_HOSTS]
    refused += [(f"http://{host}/v20180820/jobs", "127.0.0.1", {}) for host in FOREIGN_HOSTS]
    refused += [("http://127.0.0.1/v20180820/jobs", host, {}) for host in FOREIGN_HOSTS]
    refused += [
        (target, "127.0.0.1", {}) for target in ("", "*", "evil", "127.0.0.1:80", "ftp://127.0.0.1/", "http:/x")
    ]
    for target, host, headers in refused:
        first, scope = answered("GET", target, sent(host, headers), kind)
        assert scope is None, (target, host, headers)
        assert first.get("status", first.get("code")) == (403 if kind == "http" else 1008)
    assert answered("GET", "/", sent(None, {}), kind)[1] is None
    assert answered("GET", "/", sent("127.0.0.1", {}) * 2, kind)[1] is None
    assert answered("GET", "/", sent("127.0.0.1", {}) + sent("evil.example", {}), kind)[1] is None


@pytest.mark.parametrize("host", CLIENTS_HOSTS)
@pytest.mark.parametrize("path", ["/", "/v20180820/jobs", "/a%2Fb%20c"])
def test_a_proxied_target_reaches_the_application_as_a_path(host: str, path: str) -> None:
    """With the URL's authority as its one Host, and the query as it was; the same in either form."""
    for target in (f"{path}?a=%20b", f"HTTP://{host}{path}?a=%20b"):
        first, scope = answered("GET", target, sent(host, {"Accept": "*/*"}))
        assert first["status"] == 200
        assert scope is not None
        assert (scope["raw_path"], scope["query_string"]) == (path.encode(), b"a=%20b")
        assert scope["path"] in {path, "/a/b c"}
        assert [value for name, value in scope["headers"] if name == b"host"] == [host.encode()]


def test_no_answer_is_for_another_origin() -> None:
    """Whatever headers the application sends."""
    for headers in (CLIENTS_HEADERS[0], BROWSERS_HEADERS[0]):
        first, _ = answered("GET", "/", sent("127.0.0.1", headers))
        assert not [name for name, _ in first["headers"] if name.lower().startswith(b"access-control-")]
    assert [name for name, _ in answered("GET", "/", sent("localhost", {}))[0]["headers"]] == [b"kept"]


def test_every_partition_of_aws_has_its_domain() -> None:
    """And no other domain is in the list."""
    outputs = [partition["outputs"] for partition in Loader().load_data("partitions")["partitions"]]
    assert set(DNS_SUFFIXES) == {each[name] for each in outputs for name in ("dnsSuffix", "dualStackDnsSuffix")}


@pytest.mark.parametrize("token", [None, "", "t", "a-longer-token", "n\u00f6n-ascii"])
def test_a_token_is_one_exact_header(token: str | None) -> None:
    """No prefix of it, no other scheme, none twice, and never an empty one."""
    exact = (b"Authorization", f"Bearer {token}".encode())
    assert carries_token([exact], token) == bool(token)
    for other in ([], [exact, exact], [(b"authorization", exact[1] + b" ")], [(b"authorization", exact[1][:-1])]):
        assert not carries_token(other, token)
    assert not carries_token([(b"x-authorization", exact[1])], token)


def raw(host: str, *headers: str, target: str = "/v20180820/jobs", method: str = "GET", version: str = "1.1") -> bytes:
    """A request as bytes."""
    lines = [f"{method} {target} HTTP/{version}", *([f"Host: {host}"] if host else []), *headers]
    return "\r\n".join([*lines, f"x-amz-account-id: {ACCOUNT}", "Connection: close", "", ""]).encode()


REFUSED = {
    "HTTP/1.0 without Host": raw("", version="1.0"),
    "HTTP/1.0 with a foreign Host": raw("evil.example", version="1.0"),
    "HTTP/1.1 without Host": raw(""),
    "two Hosts": raw("127.0.0.1", "Host: evil.example"),
    "two Hosts, the foreign one first": raw("evil.example", "Host: 127.0.0.1"),
    "rebound": raw("evil.example"),
    "rebound through the proxy": raw("evil.example", target="http://evil.example/v20180820/jobs"),
    "a foreign URL": raw("127.0.0.1", target="http://evil.example/v20180820/jobs"),
    "a foreign Host beside a proxied URL": raw("evil.example", target="http://127.0.0.1/v20180820/jobs"),
    "a URL with a user": raw("127.0.0.1", target="http://127.0.0.1@evil.example/v20180820/jobs"),
    "a URL that ends in its host": raw("evil.example", target="http://evil.example"),
    "an Origin": raw("127.0.0.1", "Origin: http://evil.example"),
    "an Origin of null": raw("127.0.0.1", "Origin: null"),
    "an Origin through the proxy": raw(
        "s3-control.test", "Origin: http://evil.example", target="http://s3-control.test/v20180820/jobs"
    ),
    "a preflight": raw("127.0.0.1", "Access-Control-Request-Method: POST", method="OPTIONS"),
    "a preflight of a proxied URL": raw("127.0.0.1", method="OPTIONS", target="http://127.0.0.1/v20180820/jobs"),
    "OPTIONS of the server": raw("127.0.0.1", method="OPTIONS", target="*"),
    "an image": raw("127.0.0.1", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"),
    "a link": raw("127.0.0.1", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate"),
    "an old browser": raw("127.0.0.1", "User-Agent: Mozilla/5.0 (Macintosh) Version/15.0 Safari/605.1.15"),
    "a tunnel": raw("127.0.0.1:443", method="CONNECT", target="127.0.0.1:443"),
    "a socket": raw(
        "evil.example",
        "Upgrade: websocket",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ).replace(b"Connection: close", b"Connection: Upgrade"),
}
LET_IN = {
    "as a path": raw("127.0.0.1"),
    "upper case": raw("LOCALHOST:1"),
    "HTTP/1.0 with Host": raw("127.0.0.1", version="1.0"),
    "through the proxy": raw("s3-control.test", target="http://s3-control.test/v20180820/jobs"),
}


def exchanged(url: str, *parts: bytes) -> bytes:
    """What a server answers to these bytes; before each further part it has answered another client."""
    target = urlsplit(url)
    address = (target.hostname or "", target.port or 0)
    with socket.create_connection(address, timeout=30) as connection:
        for number, part in enumerate(parts):
            if number:
                assert exchanged(url, LET_IN["as a path"])
            connection.sendall(part)
        answer = b""
        while received := connection.recv(65536):
            answer += received
    return answer


@pytest.mark.parametrize("name", REFUSED)
def test_a_server_refuses(base_url: str, batch: EmulatedBatch, name: str) -> None:
    """On the wire: 403, or 400 for what is no HTTP; no operation is reached."""
    answer = exchanged(base_url, REFUSED[name])
    assert answer.split(b" ", 2)[1] in {b"403", b"400"}, answer
    assert b"access-control" not in answer.lower()
    assert batch.emulator.calls == []


@pytest.mark.parametrize("name", LET_IN)
def test_a_server_lets_clients_in(base_url: str, name: str) -> None:
    """By the same requests without what makes them a browser's."""
    assert exchanged(base_url, LET_IN[name]).split(b" ", 2)[1] == b"200"


@pytest.mark.parametrize("headers", [["Content-Length: 2"], ["Transfer-Encoding: chunked"]], ids=str)
def test_a_refusal_waits_for_the_whole_request(base_url: str, headers: list[str]) -> None:
    """A client that is still sending would be told of a broken connection, not why it was refused."""
    body = [b"{", b"}"] if "2" in headers[0] else [b"1\r\n{\r\n", b"1\r\n}\r\n0\r\n\r\n"]
    answer = exchanged(base_url, raw("evil.example", *headers, method="POST"), *body)
    assert answer.split(b" ", 2)[1] == b"403"
    assert b"expected a loopback name" in answer


@pytest.mark.parametrize("read", [0, 1, 2])
@pytest.mark.parametrize("host", ["127.0.0.1", "evil.example"])
@pytest.mark.parametrize("last", ["http.request", "http.disconnect"])
def test_a_response_comes_after_the_request(last: str, host: str, read: int) -> None:
    """However much of the body the application reads, and also if the client leaves."""
    part = {"type": "http.request", "body": b"{", "more_body": True}
    messages: list[dict[str, Any]] = [part, part, part, {"type": last}]
    order: list[str] = []

    async def receive() -> Any:
        message = messages.pop(0)
        order.append(message["type"])
        return message

    async def send(message: Any) -> None:
        order.append(message["type"])

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        for _ in range(read):
            await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask() -> None:
        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": sent(host, {})}
        await guarded(app)(scope, receive, send)

    asyncio.run(ask())
    assert order == [*["http.request"] * 3, last, "http.response.start", "http.response.body"]


def status_of_nodes_fetch(url: str) -> str:
    """What `fetch` of Node gets; skips without Node."""
    if shutil.which("node") is None:
        pytest.skip("no Node is here")
    asks = f"fetch({json.dumps(f'{url}/v20180820/jobs')}, {{headers: {{'x-amz-account-id': '{ACCOUNT}'}}}})"
    done = subprocess.run(
        ["node", "-e", f"{asks}.then((answer) => console.log(answer.status))"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def test_nodes_own_fetch_is_let_in(base_url: str) -> None:
    """It sends Sec-Fetch-Mode by itself, as browsers do, and is none."""
    assert status_of_nodes_fetch(base_url) == "200"
