"""`batchgate`: everything that runs on a person's machine.

Imports next to nothing, so that Ctrl-C while the rest is imported finds somebody who can answer.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""The exit code that shells give to what Ctrl-C ended."""


def main() -> None:
    """The entry point of the `batchgate` command."""
    with _quiet_interrupt():
        from batchgate_cli.app import app
    app()


@contextmanager
def _quiet_interrupt() -> Iterator[None]:
    """End at once on Ctrl-C, without a word; what ignores it, as in the background of a script, goes on doing so."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    yield
    signal.signal(signal.SIGINT, signal.default_int_handler)
