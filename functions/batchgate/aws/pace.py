"""The rate of calls to S3 Control, which publishes no limits: the sweep keeps to a rate of its own."""

import math
import time
from collections.abc import Callable
from threading import Lock
from typing import Protocol

from msgspec import Struct, field


class Pace(Protocol):
    """Asked before each call."""

    def take(self) -> None:
        """Wait until one more call may be made."""
        ...

    def owe(self) -> None:
        """Count a call that can't wait; later calls wait longer instead."""
        ...


class Unhurried:
    """No limit of the gate's own."""

    def take(self) -> None:
        """Go on."""

    def owe(self) -> None:
        """Go on."""


class Evenly(Struct):
    """One call after another, never more than so many a second, nothing saved up.

    Attributes:
        per_second: How many.
        monotonic: Seconds of a clock that only goes forward.
        sleep: Waits for seconds.
    """

    per_second: float
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _free_at: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def take(self) -> None:
        """Wait for this call's turn."""
        self.take_within(math.inf)

    def take_within(self, seconds: float) -> bool:
        """Wait for this call's turn if it comes within so many seconds; False, at once, if it does not."""
        with self._lock:
            now = self.monotonic()
            wait = max(0.0, self._free_at - now)
            if wait > seconds:
                return False
            self._free_at = now + wait + 1 / self.per_second
        if wait:
            self.sleep(wait)
        return True

    def owe(self) -> None:
        """Delay every later call."""
        with self._lock:
            self._free_at = max(self._free_at, self.monotonic()) + 1 / self.per_second
