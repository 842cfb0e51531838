"""The ASGI application, and a server for it on the loopback interface."""

import asyncio
import contextlib
import logging
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from s3batch_emulator.control import PREFIX, answer, is_loopback
from s3batch_emulator.emulator import Emulator
from s3batch_emulator.exchange import Ending, HttpRequest, HttpResponse
from s3batch_emulator.guard import Application, Receive, Scope, Send, carries_token, guarded
from s3batch_emulator.wire import write_error

_LOG = logging.getLogger(__name__)

MAX_BODY_BYTES = 4 * 1024 * 1024
_TRANSPORT = "s3batch_emulator.transport"


def application(emulator: Emulator) -> Application:
    """The ASGI application of an emulator. It refuses browsers and foreign hosts under any server.

    The first request, or the start of the lifespan, binds the emulator's timers to the running loop.
    """
    timers = _TimerTask(emulator)

    async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(timers, receive, send)
        elif scope["type"] == "http":
            timers.start()
            await _exchange(emulator, scope, receive, send)

    return guarded(asgi)


async def _lifespan(timers: "_TimerTask", receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            timers.start()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await timers.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return


class _TimerTask:
    """Runs an emulator's timers when they are due, in a thread, because they can read manifests."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        emulator.clock.on_schedule(self._wake)

    def start(self) -> None:
        """Start on the running loop, unless it has started."""
        if self._task is None or self._task.done():
            self._loop, self._changed = asyncio.get_running_loop(), asyncio.Event()
            self._task = self._loop.create_task(self._tick(self._changed))

    async def stop(self) -> None:
        """Stop the task."""
        task, self._task, self._loop = self._task, None, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _wake(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop may have just closed
                self._loop.call_soon_threadsafe(self._changed.set)

    async def _tick(self, changed: asyncio.Event) -> None:
        clock = self._emulator.clock
        while True:
            changed.clear()
            due = clock.next_due()
            if due is not None and due <= clock.now():
                await asyncio.to_thread(_log_errors, self._emulator.settle)
                continue
            wait = None if due is None else min((due - clock.now()).total_seconds(), timedelta(hours=1).total_seconds())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), wait)


def _log_errors(act: Callable[[], None]) -> None:
    """Act, and log what an event sink raises: it must not stop the clock."""
    try:
        act()
    except Exception:  # noqa: BLE001 -- a sink can raise anything, and the jobs continue
        _LOG.exception("an event sink failed")


async def _exchange(emulator: Emulator, scope: Scope, receive: Receive, send: Send) -> None:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
        if len(body) > MAX_BODY_BYTES:
            too_large = write_error(
                "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.", "0", "0"
            )
            await _send(HttpResponse(400, too_large, {"Content-Type": "application/xml"}), scope, receive, send)
            return
    request = _request(scope, bytes(body))
    if request.path.startswith(PREFIX):
        await _send(await asyncio.to_thread(_control, emulator, scope, request), scope, receive, send)
        return
    response = emulator.respond(request)
    if emulator.has_events:
        asyncio.get_running_loop().run_in_executor(None, _log_errors, emulator.deliver)
    await _send(response, scope, receive, send)


def _control(emulator: Emulator, scope: Scope, request: HttpRequest) -> HttpResponse:
    client = scope.get("client")
    admitted = carries_token(scope["headers"], emulator.control_token)
    local = client is not None and is_loopback(client[0])
    return answer(emulator, request.method, request.path, request.body, admitted=admitted and local)


def _request(scope: Scope, body: bytes) -> HttpRequest:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    path = bytes(scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    return HttpRequest(scope["method"].upper(), path, scope["query_string"].decode("latin-1"), headers, body)


async def _send(response: HttpResponse, scope: Scope, receive: Receive, send: Send) -> None:
    if response.ending is Ending.HANG:
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    if response.ending is Ending.RESET:
        _reset(scope)
        return
    headers = {**response.headers, "Content-Length": str(len(response.body))}
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        }
    )
    if response.ending is Ending.HALF:
        await send({"type": "http.response.body", "body": response.body[: len(response.body) // 2], "more_body": True})
        _reset(scope)
        return
    await send({"type": "http.response.body", "body": response.body})


def _reset(scope: Scope) -> None:
    """Reset the connection. Under another server this raises, and that server resets it or responds with 500."""
    transport = scope.get("extensions", {}).get(_TRANSPORT)
    if transport is None:
        raise ConnectionResetError("a fault of the emulator breaks the connection")
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class _BreakableProtocol(H11Protocol):
    """Gives the application its transport, so that a fault can reset the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        served = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[_TRANSPORT] = transport
            await served(scope, receive, send)

        self.app = with_transport

    def send_400_response(self, msg: str) -> None:
        """Respond to malformed HTTP with an error document of S3."""
        body = write_error("BadRequestException", msg, "0", "0")
        headers = [(b"content-type", b"application/xml"), (b"connection", b"close")]
        for part in (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(part) or b"")
        self.transport.close()


def uvicorn_server(app: Application) -> uvicorn.Server:
    """A server that does not log, and whose application can reset connections."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=_BreakableProtocol,
            lifespan="on",
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=3600,  # a client could send its next request just when the server closes
            server_header=False,
            date_header=False,  # S3's responses have one, by the emulator's clock
        )
    )


def bound_socket(port: int = 0) -> socket.socket:
    """A listening socket on 127.0.0.1; port 0 takes any free one."""
    # With the protocol named, asyncio sets TCP_NODELAY on accepted connections.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(512)
    return listening


@contextlib.contextmanager
def running_server(app: Application, port: int = 0) -> Iterator[str]:
    """Serve an ASGI application on 127.0.0.1 in a thread; yields its base URL and ends with the block."""
    listening = bound_socket(port)
    server = uvicorn_server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        # The socket is listening, so an early client waits in its backlog.
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()
