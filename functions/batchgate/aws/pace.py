"""How many calls a second: S3 Control publishes no rates, so whoever makes many calls keeps to one of their own."""

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
        """Count a call that can't wait; those after it wait for it."""
        ...


class Unhurried:
    """No limit but S3's own."""

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
        """Wait for this call's own moment."""
        with self._lock:
            now = self.monotonic()
            wait = max(0.0, self._free_at - now)
            self._free_at = now + wait + 1 / self.per_second
        if wait:
            self.sleep(wait)

    def owe(self) -> None:
        """Push every later call's moment back."""
        with self._lock:
            self._free_at = max(self._free_at, self.monotonic()) + 1 / self.per_second
