"""Serve ministack on one loopback port until standard input ends, with room for S3 Batch Operations on the same port.

Runs in ministack's own environment, as a file: it may import nothing but the standard library and what is there.
Standard input is the life line to whoever started it: it ends when that process ends, however that one died.
Prints the port that it listens on as its one line of output.

No browser reaches it, for what a function runs is this user's: see s3batch_emulator/guard.py.

What ministack lacks, and refuses to outsiders, is asked for by PUT, in JSON, under `/_batchgate/`. That, and what
ministack itself has for its tests (reset, configuration, messages), takes the token of the environment variable
BATCHGATE_LOCAL_TOKEN, as `Authorization: Bearer TOKEN`; without the variable it is closed.

    batch    {"url": ...}                    whom the job API of S3 Control is passed on to
    roles    {"enforced": true}              whether callers may do only what IAM allows them, from now on
    events   an event as EventBridge has it  put on the default bus, whatever its source
    may      {"account_id", "region", "access_key_id", "action", "resource"}; answers {"may": true}

API Gateway's requests pass a hop that ministack lacks: who calls a route with IAM authorization must have signed the
request, and IAM must allow them the route, whether callers are otherwise restricted or not.

ministack is pinned exactly, because the last three and the hop reach into it.
"""

import asyncio
import contextlib
import hashlib
import http.client
import json
import os
import platform
import re
import runpy
import signal
import socket
import sys
import tempfile
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    from s3batch_emulator.guard import Headers, Receive, Scope, Send

SECONDS_TO_END = 5
SECONDS_FOR_BATCH = 60
JOB_API = "/v20180820/jobs"
PRIVATE = "/_batchgate/"

TOKEN_VARIABLE = "BATCHGATE_LOCAL_TOKEN"  # noqa: S105 - the name of the variable

_TAKES_TOKEN = re.compile(
    r"/+_(?!aws/|ministack/(?:health|ready)$|ministack/(?:cfn-response|cfn-signal)/).*", re.DOTALL
)
"""What only the starting process may ask for. Functions call API Gateway's paths (`/_aws/`) and CloudFormation's."""

_JOB_ID = re.compile(rb"<JobId>([^<]+)</JobId>")
_SIGNED_BY = re.compile(r"Credential=(?P<key>[^/,\s]+)/\d+/(?P<region>[^/]+)/")

_GATEWAY_SAYS = {403: b'{"message":"Forbidden"}', 404: b'{"message":"Not Found"}'}
"""API Gateway's own answers. *Source*: API Gateway Developer Guide, HTTP APIs."""

_NOT_PASSED_ON = {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"content-length"}


def main() -> None:
    """Serve until standard input ends.

    The arguments are the port (0: any free one) and the path of the emulator's `guard.py`.
    """
    try:
        listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    except OSError as error:
        why = os.strerror(error.errno or 0)
        sys.exit(f"can't listen on 127.0.0.1:{sys.argv[1]}: {why}; --port 0 takes a free one")
    with listening as listener:
        port = listener.getsockname()[1]
        os.environ["GATEWAY_PORT"] = str(port)  # ministack writes it into the URLs that it answers
        # The functions inherit these: S3 Control's host names lead back to this port.
        os.environ["HTTP_PROXY"] = os.environ["http_proxy"] = f"http://127.0.0.1:{port}"
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
        print(port, flush=True)
        try:
            asyncio.run(_serve(listener))
        finally:
            _end_group()


async def _serve(listener: socket.socket) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.graceful_timeout = 1
    config.loglevel = "WARNING"
    guard = runpy.run_path(sys.argv[2])
    token = os.environ.pop(TOKEN_VARIABLE, None)  # functions inherit the environment
    gateway = _Gateway(lambda headers: bool(guard["carries_token"](headers, token)))
    ended = asyncio.Event()
    threading.Thread(target=_watch_input, args=(asyncio.get_running_loop(), ended), daemon=True).start()
    serving = asyncio.create_task(serve(guard["guarded"](gateway), config, shutdown_trigger=ended.wait))
    ending = asyncio.create_task(ended.wait())
    await asyncio.wait({serving, ending}, return_when=asyncio.FIRST_COMPLETED)
    # hypercorn waits for its connections without a limit: its graceful timeout begins after that.
    await asyncio.wait({serving}, timeout=config.graceful_timeout)
    if serving.done():
        serving.result()
    _end_group()  # at once: functions at work, which its threads wait for, are of no use to anybody now


class _Gateway:
    """Tells what is ministack's from what is not."""

    def __init__(self, admits: "Callable[[Headers], bool]") -> None:
        from ministack import app

        _fill_gaps()
        self._admits = admits
        self._roles = app
        self._refusal = runpy.run_path(str(Path(__file__).with_name("signed_requests.py")))["refusal"]
        self._ministack = app.app
        self._batch: str | None = None
        # Of its own: while functions wait for S3 Control, ministack's threads may all wait for functions.
        self._threads = ThreadPoolExecutor(32)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            await self._ministack(scope, receive, send)
            return
        with contextlib.suppress(_ClientLeftError):  # part of a request has no effect
            await self._answer(scope, receive, send)

    async def _answer(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        path = scope["path"]
        if _TAKES_TOKEN.fullmatch(path) and not self._admits(scope["headers"]):
            await _send(send, 403, [], b"")
        elif self._batch and (path == JOB_API or path.startswith(f"{JOB_API}/")):
            await self._pass_on(self._batch, scope, receive, send)
        elif path.startswith(PRIVATE) and scope["method"] == "PUT":
            await self._answer_private(path.removeprefix(PRIVATE), receive, send)
        else:
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            if (call := self._roles._parse_execute_api_url(host, path)) is not None:  # noqa: SLF001
                body = await _body(receive)
                receive = _again(body)
                path, query = scope["raw_path"].decode("ascii"), scope["query_string"].decode("ascii")
                status = self._refusal(call, scope["method"], path, query, scope["headers"], body)
                if status is not None:
                    await _send(send, status, [(b"content-type", b"application/json")], _GATEWAY_SAYS[status])
                    return
            if self._roles.AUTH:
                # Where roles count, so do policies that refuse what does not come by TLS; on loopback nothing does.
                scope["headers"] = [*scope["headers"], (b"x-forwarded-proto", b"https")]
            await self._ministack(scope, receive, send)

    async def _pass_on(self, batch: str, scope: "Scope", receive: "Receive", send: "Send") -> None:
        body = await _body(receive)
        loop = asyncio.get_running_loop()
        status, headers, answer = await loop.run_in_executor(self._threads, _ask, batch, scope, body)
        created = _JOB_ID.search(answer) if status == HTTPStatus.OK and scope["path"] == JOB_API else None
        if created and scope["method"] == "POST":
            _record_create_job({name.decode().lower(): value.decode() for name, value in scope["headers"]}, created[1])
        await _send(send, status, headers, answer)

    async def _answer_private(self, what: str, receive: "Receive", send: "Send") -> None:
        said = json.loads(await _body(receive))
        answer: dict[str, Any] = {}
        if what == "batch":
            self._batch = said["url"]
        elif what == "roles":
            _enforce_roles(enforced=said["enforced"])
        elif what == "events":
            answer = _put_event(said)
        elif what == "may":
            answer = {"may": _may(said)}
        else:
            await _send(send, 404, [], b"")
            return
        await _send(send, 200, [(b"content-type", b"application/json")], json.dumps(answer).encode())


def _ask(batch: str, scope: "Scope", body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """What the job API answers to a request, byte for byte as the client sent it: the signature is over all of it."""
    connection = http.client.HTTPConnection(urlsplit(batch).netloc, timeout=SECONDS_FOR_BATCH)
    try:
        query = scope["query_string"].decode("ascii")
        target = scope["raw_path"].decode("ascii") + (f"?{query}" if query else "")
        connection.putrequest(scope["method"], target, skip_host=True, skip_accept_encoding=True)
        for name, value in scope["headers"]:
            if name.lower() not in _NOT_PASSED_ON:
                connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.getheaders()]
        return answer.status, [each for each in headers if each[0] not in _NOT_PASSED_ON], answer.read()
    finally:
        connection.close()


def _record_create_job(headers: dict[str, str], job_id: bytes) -> None:
    """Have LookupEvents find who created a job, at once; on AWS that takes minutes.

    What S3 writes into `responseElements` is not documented.
    """
    from ministack.core.iam_evaluator import resolve_caller_identity
    from ministack.core.responses import set_request_account_id, set_request_region
    from ministack.services import cloudtrail

    signed = _SIGNED_BY.search(headers.get("authorization", ""))
    if signed is None:
        return
    set_request_account_id(signed["key"])
    set_request_region(signed["region"])
    caller = resolve_caller_identity(signed["key"]) or {}
    cloudtrail.record_event(
        "s3", "CreateJob", "", signed["key"], [], signed["region"], "", headers.get("user-agent", ""), {}, "POST"
    )
    kept = cloudtrail._get_event_queue()[-1]  # noqa: SLF001
    record = json.loads(kept["CloudTrailEvent"])
    arn = caller.get("userArn", "")
    kind = "AssumedRole" if ":assumed-role/" in arn else "Root" if arn.endswith(":root") else "IAMUser"
    record["userIdentity"] = {
        "type": kind,
        "arn": arn,
        "accountId": caller.get("accountId"),
        "accessKeyId": signed["key"],
    }
    record["responseElements"] = {"jobId": job_id.decode()}
    kept["CloudTrailEvent"] = json.dumps(record)


def _put_event(event: dict[str, Any]) -> dict[str, Any]:
    """Put an event on the default bus of its account and Region: PutEvents, without its refusal of `aws.` sources."""
    from ministack.core.responses import set_request_account_id, set_request_region
    from ministack.services import eventbridge

    set_request_account_id(event["account"])
    set_request_region(event["region"])
    entry = {
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
        "Resources": event["resources"],
    }
    _, _, answer = eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)  # noqa: SLF001
    said: dict[str, Any] = json.loads(answer)
    return said


def _enforce_roles(*, enforced: bool) -> None:
    """As ministack's AUTH does, which it reads when it starts; functions that run already get their role's credentials.

    Turned on only after the deployment: cdk assumes roles of the bootstrap stack, which the local account lacks.
    """
    from ministack import app
    from ministack.core import lambda_runtime

    app.AUTH = enforced
    lambda_runtime.reset()


def _may(said: dict[str, str]) -> bool:
    from ministack import app
    from ministack.core.iam_evaluator import enforce
    from ministack.core.responses import set_request_account_id, set_request_region

    set_request_account_id(said["account_id"])
    set_request_region(said["region"])
    return not app.AUTH or not enforce(
        said["access_key_id"], said["action"], "s3", said["region"], resource_arn=said["resource"]
    )


def _fill_gaps() -> None:
    """Have ministack take what it refuses of the gate's stack.

    Saved queries come to nothing. IAM's condition key `events:source` gets its value. IAM's simulation finds the
    policies of a role that has a path. The URL of an API is one that takes no name server. A function that can't start
    here fails the stack and says why; ministack would take it, whatever it was built for, and fail at each invocation.
    And a function's code is unpacked once, not for each process that runs it.
    """
    from ministack.core import iam_actions, iam_evaluator, lambda_runtime
    from ministack.services.cloudformation import provisioners

    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": _UnpackedOnce})

    handlers = provisioners._RESOURCE_HANDLERS  # noqa: SLF001
    handlers.setdefault(
        "AWS::Logs::QueryDefinition",
        {
            "create": lambda logical_id, _properties, stack: (f"{stack}-{logical_id}", {}),
            "delete": lambda _physical_id, _properties: None,
        },
    )
    create_api = handlers["AWS::ApiGatewayV2::Api"]["create"]

    def create_reachable_api(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
        api_id, attributes = create_api(logical_id, properties, stack)
        port = os.environ["GATEWAY_PORT"]
        return api_id, attributes | {"ApiEndpoint": f"http://127.0.0.1:{port}/_aws/execute-api/{api_id}"}

    handlers["AWS::ApiGatewayV2::Api"]["create"] = create_reachable_api
    functions = handlers["AWS::Lambda::Function"]
    create, update = functions["create"], functions["update"]

    def create_if_it_starts(logical_id: str, properties: dict[str, Any], stack: str) -> object:
        _check_that_it_starts(properties)
        return create(logical_id, properties, stack)

    def update_if_it_starts(
        physical_id: str, old: dict[str, Any], new: dict[str, Any], *others: object, **more: object
    ) -> object:
        _check_that_it_starts(new)
        return update(physical_id, old, new, *others, **more)

    functions |= {"create": create_if_it_starts, "update": update_if_it_starts}
    context = iam_actions.request_tag_context
    iam_actions.request_tag_context = lambda service, action, body, parameters: {
        **context(service, action, body, parameters),
        **(_event_source(body) if action == "events:PutEvents" else {}),
    }
    policies = iam_evaluator._gather_role_policies  # noqa: SLF001
    iam_evaluator._gather_role_policies = lambda role, account: policies(role.rpartition("/")[2], account)  # noqa: SLF001


_PROCESSORS = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "AMD64": "x86_64"}


def _check_that_it_starts(function: dict[str, Any]) -> None:
    """Functions are processes of this machine, in this interpreter.

    Raises:
        ValueError: This one was built for another processor, system or Python.
    """
    if "ZipFile" in function.get("Code", {}):
        return  # source text, which runs anywhere
    here = _PROCESSORS.get(platform.machine(), platform.machine())
    [built_for] = function.get("Architectures", [here])
    version = "python{}.{}".format(*sys.version_info)
    runtime = function.get("Runtime", version)
    if sys.platform != "linux":
        reason = f"functions are built for Linux, and this machine runs {sys.platform}"
        instead = "run the local AWS on Linux, for example in a container"
    elif built_for != here:
        reason = f"it was built for {built_for}, and this machine is {here}"
        instead = "synthesize with AWS_ENDPOINT_URL set to the local AWS, or with the setting architecture " + here
    elif runtime != version:
        reason = f"it was built for {runtime}, and the local AWS runs on {version}"
        instead = "synthesize with AWS_ENDPOINT_URL set to the local AWS, using the Python of the local AWS"
    else:
        return
    raise ValueError(f"The function could not start in this local AWS: {reason}. Instead: {instead}")


class _UnpackedOnce(zipfile.ZipFile):
    """A function's code: whoever unpacks the same archive again gets a link to what was unpacked first.

    Unpacking the two thousand files of the gate takes longer than its start. As on Lambda, code is not written to.
    """

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:  # noqa: ANN401 - zipfile's
        hashed = hashlib.sha256(Path(str(self.filename)).read_bytes()).hexdigest()
        unpacked = Path(tempfile.gettempdir(), f"code-{hashed}")
        with _unpacking:
            if not unpacked.exists():
                partial = unpacked.with_suffix(".partial")
                super().extractall(partial, members, pwd)
                partial.rename(unpacked)
        Path(path).rmdir()
        Path(path).symlink_to(unpacked)


_unpacking = threading.Lock()


def _event_source(put_events: bytes) -> dict[str, str]:
    """The condition key `events:source`, where all entries are of one source."""
    sources = {entry.get("Source", "") for entry in json.loads(put_events).get("Entries", [])}
    return {"events:source": sources.pop()} if len(sources) == 1 else {}


class _ClientLeftError(Exception):
    """The client ended the connection before its request was complete."""


async def _body(receive: "Receive") -> bytes:
    """The whole body of a request.

    Raises:
        _ClientLeftError: It did not come.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _ClientLeftError
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


def _again(body: bytes) -> "Receive":
    """What receives a body that was received before."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> "Any":  # noqa: ANN401 - ASGI's own
        if messages:
            return messages.pop()
        await asyncio.Event().wait()  # the client says nothing more
        return None

    return receive


async def _send(send: "Send", status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


def _watch_input(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    sys.stdin.buffer.read()
    loop.call_soon_threadsafe(ended.set)
    time.sleep(SECONDS_TO_END)
    _end_group()  # the loop hangs


def _end_group() -> None:
    """End this process and the functions that it runs, provided that the group is its own."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
