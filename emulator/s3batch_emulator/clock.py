"""Time for the emulator: real for a server, stepped by hand for tests.

A clock holds the timers too. A timer's action is told the instant that it was due at
and reckons from that, so that a late timer changes nothing but when it is noticed.
"""

import contextlib
import heapq
import itertools
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeAlias

from s3batch_emulator.errors import EmulatorError

Action: TypeAlias = Callable[[datetime], None]


class Clock(Protocol):
    """What the emulator needs to know about time."""

    def now(self) -> datetime:
        """The present, as an aware UTC instant."""
        ...

    def schedule(self, due: datetime, action: Action) -> None:
        """Have an action run at `due`, or as soon afterwards as somebody drives the clock."""
        ...

    def next_due(self) -> datetime | None:
        """When the earliest timer is due; None when there is none."""
        ...

    def run_due(self) -> None:
        """Run what is due by now, earliest first, including what that makes due."""
        ...

    def on_schedule(self, listener: Callable[[], None]) -> None:
        """Have a listener told, on any thread, whenever a timer was added."""
        ...


class _Timers:
    """Timers in the order of their due instants; those of one instant in the order of adding."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Action]] = []
        self._count = itertools.count()
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def schedule(self, due: datetime, action: Action) -> None:
        with self._lock:
            heapq.heappush(self._heap, (due, next(self._count), action))
        for listener in self._listeners:
            listener()

    def next_due(self) -> datetime | None:
        with self._lock:
            return self._heap[0][0] if self._heap else None

    def on_schedule(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def _take(self, until: datetime) -> tuple[datetime, Action] | None:
        with self._lock:
            if not self._heap or self._heap[0][0] > until:
                return None
            due, _, action = heapq.heappop(self._heap)
            return due, action


class RealClock(_Timers):
    """The machine's clock. A server's event loop drives the timers; so does every in-process call."""

    def now(self) -> datetime:
        """The machine's present."""
        return datetime.now(UTC)

    def run_due(self) -> None:
        """Run what is due by now, earliest first."""
        while taken := self._take(self.now()):
            due, action = taken
            action(due)


class SteppedClock(_Timers):
    """A clock that stands still until a test advances it."""

    def __init__(self, start: datetime) -> None:
        """Stand at `start`, which must be aware."""
        super().__init__()
        if start.tzinfo is None:
            raise EmulatorError("SteppedClock: start must be an aware datetime")
        self._now = start.astimezone(UTC)
        self._driving = threading.RLock()

    def now(self) -> datetime:
        """Where the clock stands."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move forward, stopping at every timer on the way to run it at its own instant.

        Raises:
            EmulatorError: `by` is negative.
        """
        if by < timedelta(0):
            raise EmulatorError(f"SteppedClock.advance: time can't go back by {-by}")
        with self.held():
            until = self._now + by
            while taken := self._take(until):
                due, action = taken
                self._now = max(self._now, due)
                action(due)
            self._now = max(self._now, until)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let no other thread, such as a server's, drive the clock: what it has begun is over first."""
        with self._driving:
            yield

    def run_due(self) -> None:
        """Run what is due where the clock stands."""
        self.advance(timedelta(0))
