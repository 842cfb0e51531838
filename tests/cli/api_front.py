"""API Gateway for tests: verifies signatures by botocore, and holds what passes through it to docs/openapi.yaml."""

import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from tests.api_description import check, description, path_of

SERVICE = "execute-api"


class Request(NamedTuple):
    """One request as the function behind the gateway gets it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    caller: str


class Answer(NamedTuple):
    """One answer."""

    status: int
    body: Any
    headers: Mapping[str, str] = {}
    is_problem: bool = False


class Lost(Exception):  # noqa: N818 - nothing is wrong with it
    """The connection ends without an answer."""


Backend = Callable[[Request], Answer]


@dataclass(slots=True)
class Front:
    """The gateway.

    Attributes:
        callers: ARNs by access key.
        requests: What came, in its order; also what was refused.
        broken: What was not as openapi.yaml describes it.
        spoil: Called with each request before it is passed on: may raise `Lost`, answer itself, or wait.
        spoil_after: The same once it was executed, with the answer.
    """

    backend: Backend
    region: str
    callers: dict[str, str] = field(default_factory=dict)
    secret: str = "test"
    requests: list[Request] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    spoil: Callable[[Request], Answer | None] = lambda _request: None
    spoil_after: Callable[[Request, Answer], None] = lambda _request, _answer: None
    url: str = ""
    _lock: Lock = field(default_factory=Lock)

    def answer(self, request: Request) -> Answer:
        """What the gateway answers to a request that came in."""
        caller, refusal = self._caller(request)
        request = request._replace(caller=caller)
        with self._lock:
            self.requests.append(request)
        if refusal:
            return Answer(403, {"message": refusal})
        spoilt = self.spoil(request)
        if spoilt is not None:
            return spoilt
        answer = self.backend(request)
        problems = [*problems_of(request, answer)]
        with self._lock:
            self.broken += problems
        self.spoil_after(request, answer)
        return answer

    def _caller(self, request: Request) -> tuple[str, str]:
        """Who signed a request, and why it is refused."""
        found = re.match(
            r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+), "
            r"Signature=([0-9a-f]{64})$",
            request.headers.get("authorization", ""),
        )
        if found is None:
            return "", "Missing Authentication Token"
        key, day, region, service, names, signature = found.groups()
        date = request.headers.get("x-amz-date", "")
        if (region, service) != (self.region, SERVICE) or not date.startswith(day) or key not in self.callers:
            return "", "The security token included in the request is invalid."
        at = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs((datetime.now(UTC) - at).total_seconds()) > 300:
            return "", f"Signature expired: {date} is now earlier than ..."
        headers = {name: request.headers[name] for name in names.split(";") if name in request.headers}
        query = "&".join(f"{name}={value}" for name, values in request.query.items() for value in values)
        rebuilt = AWSRequest(
            request.method, f"http://{request.headers['host']}{request.path}?{query}", headers, request.body
        )
        rebuilt.context["timestamp"] = date
        signer = SigV4Auth(Credentials(key, self.secret), SERVICE, region)
        wanted = signer.signature(signer.string_to_sign(rebuilt, signer.canonical_request(rebuilt)), rebuilt)
        if wanted != signature or "host" not in names.split(";"):
            return "", "The request signature we calculated does not match the signature you provided."
        return self.callers[key], ""

    def sent(self, method: str) -> list[Request]:
        """The requests of one method."""
        return [each for each in self.requests if each.method == method]


@contextmanager
def serving(front: Front, tls: ssl.SSLContext | None = None) -> Iterator[Front]:
    """Serve on a port of this machine; at the end every answer must have been as described."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            parts = urlsplit(self.path)
            query: dict[str, list[str]] = {}
            for pair in filter(None, parts.query.split("&")):
                name, _, value = pair.partition("=")
                query.setdefault(name, []).append(value)  # as it was sent: it is signed so
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", "0")))
            try:
                answer = front.answer(Request(self.command, parts.path, query, headers, body, ""))
            except Lost:
                self.close_connection = True
                self.connection.close()
                return
            content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            kind = "application/problem+json" if answer.is_problem else "application/json"
            for name, value in {"Content-Type": kind, **answer.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _any  # noqa: N815 - as http.server asks for them

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_: Any) -> None:
            """A client that has gone is no error."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    front.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield front
    finally:
        server.shutdown()
        server.server_close()
    assert front.broken == []


def values_of(request: Request, name: str) -> list[str]:
    """A query parameter's values, decoded."""
    return [unquote(each) for each in request.query.get(name, [])]


# --- docs/openapi.yaml --------------------------------------------------------------------------------


def problems_of(request: Request, answer: Answer) -> Iterator[str]:
    """What of a request and its answer is not as described; the request only where it was answered well."""
    where = f"{request.method} {request.path} -> {answer.status}"
    template = path_of(request.path)
    if template is None:
        yield f"{where}: no such route"
        return
    if answer.status < 400:
        operation = description()["paths"][template][request.method.lower()]
        yield from (f"{where}: {each}" for each in _problems_of_request(template, operation, request))
    kind = "application/problem+json" if answer.is_problem else "application/json"
    content = answer.body.decode() if isinstance(answer.body, bytes) else json.dumps(answer.body)
    try:
        check(request.method, request.path, answer.status, kind, content)
    except (AssertionError, ValidationError) as error:
        yield f"{where}: {error}"


def _problems_of_request(template: str, operation: dict[str, Any], request: Request) -> Iterator[str]:
    parameters = [_resolved(each) for each in operation.get("parameters", [])]
    schemas = {each["name"]: _resolved(each["schema"]) for each in parameters if each["in"] == "query"}
    for name in request.query:
        if name not in schemas:
            yield f"unknown parameter {name}"
            continue
        values: list[Any] = values_of(request, name)
        schema = schemas[name]
        if schema.get("type") == "integer":
            values = [int(each) for each in values]
        yield from _errors(schema, values if schema.get("type") == "array" else values[0])
        if schema.get("type") != "array" and len(values) > 1:
            yield f"{name} is given twice"
    for each in parameters:
        if each["in"] == "header" and each.get("required"):
            yield from _errors(each["schema"], request.headers.get(each["name"].lower()))
        if each["in"] == "path":
            place = template.split("/").index("{" + each["name"] + "}")
            yield from _errors(each["schema"], request.path.split("/")[place])
    if "requestBody" in operation:
        schema = _resolved(operation["requestBody"])["content"]["application/json"]["schema"]
        yield from _errors(schema, json.loads(request.body))
    elif request.body:
        yield "a body"


def _resolved(described: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in described:
        value: Any = description()
        for step in described["$ref"].removeprefix("#/").split("/"):
            value = value[step]
        described = value
    return described


def _errors(schema: dict[str, Any], value: Any) -> Iterator[str]:
    whole = {**schema, "components": description()["components"]}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    yield from (f"{each.json_path}: {each.message}" for each in validator.iter_errors(value))
