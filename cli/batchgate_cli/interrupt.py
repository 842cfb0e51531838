"""Ctrl-C while modules are imported. Imports next to nothing itself, so that it is there before anything slow."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""The exit code that shells give to what Ctrl-C ended."""


@contextmanager
def quiet_interrupt() -> Iterator[None]:
    """End at once on Ctrl-C, without output; a process that ignores Ctrl-C goes on ignoring it."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    yield
    signal.signal(signal.SIGINT, signal.default_int_handler)
