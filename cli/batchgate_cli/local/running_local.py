"""Whether a local AWS of this user runs, and where. There is one at most: its process holds a lock on the file."""

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from batchgate.errors import GateError

END_SECONDS = 60
_LOOK_EVERY_SECONDS = 0.05


class AlreadyRunningError(GateError):
    """A local AWS of this user runs already; the message has its URL."""


class NotRunningError(GateError):
    """No local AWS of this user's runs."""


class NotAnsweringError(GateError):
    """A local AWS of this user's runs, or did a moment ago, and does not answer."""


class NotEndingError(GateError):
    """The local AWS did not end after SIGTERM."""


class Running(msgspec.Struct, frozen=True):
    """A local AWS that runs.

    Attributes:
        pid: The process to interrupt.
        url: Its endpoint; empty while it starts.
        since: ISO 8601, UTC.
        stack: The name of the stack in it; empty where none was deployed, or not yet.
        deploying: Whether the stack is being deployed.
    """

    pid: int
    since: str
    url: str = ""
    stack: str = ""
    deploying: bool = False

    @property
    def stack_in_words(self) -> str:
        """The stack's name, or why there is none."""
        if self.deploying:
            return "being deployed"
        return self.stack or ("none deployed" if self.url else "starting")


_RUNNING = msgspec.json.Decoder(Running)


def place() -> Path:
    """The file. *Source*: XDG Base Directory Specification, state."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state, "batchgate", "local.json")


@contextmanager
def only_one() -> Iterator[Callable[[Running], None]]:
    """Be this user's one local AWS for as long as the context lasts; yields the function that publishes its state.

    Raises:
        AlreadyRunningError: Another one is.
    """
    path = place()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError(f"{_in_words(running())}; `batchgate local down` ends it") from error

        def publish(what: Running) -> None:
            file.truncate(0)
            file.write(msgspec.json.encode(what))

        try:
            yield publish
        finally:
            file.truncate(0)


def running() -> Running | None:
    """The local AWS that runs; None where none does."""
    try:
        with place().open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _read(file.read())
    except FileNotFoundError:
        pass
    return None


def end() -> Running:
    """End the local AWS that runs, and wait until it has; what it was.

    Raises:
        NotRunningError: None does.
        NotEndingError: It took longer than `END_SECONDS`.
    """
    found = running()
    if found is None:
        raise NotRunningError("no local AWS runs")
    if not found.pid:
        raise NotEndingError(f"{_in_words(found)}: the same command again in a moment")
    os.kill(found.pid, signal.SIGTERM)
    ends = time.monotonic() + END_SECONDS
    while running() is not None:
        if time.monotonic() > ends:
            raise NotEndingError(f"process {found.pid} got SIGTERM and has not ended within {END_SECONDS} s")
        time.sleep(_LOOK_EVERY_SECONDS)
    return found


def _read(text: bytes) -> Running:
    try:
        return _RUNNING.decode(text)
    except msgspec.DecodeError:  # it has just begun
        return Running(pid=0, since="")


def _in_words(found: Running | None) -> str:
    if found is None or not found.pid:
        return "a local AWS is just starting"
    return f"a local AWS runs on {found.url or 'a port not taken yet'} (process {found.pid})"
