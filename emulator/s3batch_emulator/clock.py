"""The emulator's time: real for a server, stepped by hand for tests.

A clock also holds the timers. A timer's action gets the instant at which it was due and
calculates from that, so a late timer changes nothing but when its effect is visible.
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
    """What the emulator needs of a clock."""

    def now(self) -> datetime:
        """The present time, as an aware UTC datetime."""
        ...

    def schedule(self, due: datetime, action: Action) -> None:
        """Run an action at `due`, or later, when the clock is next driven."""
        ...

    def next_due(self) -> datetime | None:
        """When the earliest timer is due; None if there is none."""
        ...

    def run_due(self) -> None:
        """Run the timers that are due by now, earliest first, including those that become due by that."""
        ...

    def on_schedule(self, listener: Callable[[], None]) -> None:
        """Call a listener, on any thread, whenever a timer was added."""
        ...


class _Timers:
    """Timers by due time; those with the same due time in the order in which they were added."""

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
        """The present time of the machine."""
        return datetime.now(UTC)

    def run_due(self) -> None:
        """Run the timers that are due by now, earliest first."""
        while taken := self._take(self.now()):
            due, action = taken
            action(due)


class SteppedClock(_Timers):
    """A clock that stands still until a test advances it."""

    def __init__(self, start: datetime) -> None:
        """Start at `start`, an aware datetime."""
        super().__init__()
        if start.tzinfo is None:
            raise EmulatorError("SteppedClock: start must be an aware datetime")
        self._now = start.astimezone(UTC)
        self._driving = threading.RLock()

    def now(self) -> datetime:
        """The time to which the clock was advanced."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move forward, and run every timer on the way at its own instant.

        Raises:
            EmulatorError: `by` is negative.
        """
        if by < timedelta(0):
            raise EmulatorError(f"SteppedClock.advance: can't go back in time by {-by}")
        with self.held():
            until = self._now + by
            while taken := self._take(until):
                due, action = taken
                self._now = max(self._now, due)
                action(due)
            self._now = max(self._now, until)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep other threads, such as a server's, from driving the clock; waits for the timer that one is running."""
        with self._driving:
            yield

    def run_due(self) -> None:
        """Run the timers that are due at the present time of the clock."""
        self.advance(timedelta(0))
