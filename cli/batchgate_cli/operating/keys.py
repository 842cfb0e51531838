"""Single keys of whoever sits at the terminal, while a command waits for something else."""

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Pressed = Callable[[float], str]
"""Waits for so many seconds at most; the key that was pressed meanwhile, or ""."""


@contextmanager
def keys() -> Iterator[Pressed | None]:
    """Read keys without Enter, and without showing them; None where nobody can press any.

    That is where standard input is no terminal, or is one on which another job of the shell is in the foreground.

    Ctrl-C interrupts as always, and the terminal is as before at the end.
    """
    if not sys.stdin.isatty() or os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp():
        yield None
        return
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        yield lambda seconds: _pressed(terminal, seconds)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _pressed(terminal: int, seconds: float) -> str:
    ready, _, _ = select.select([terminal], [], [], seconds)
    if not ready:
        return ""
    got = os.read(terminal, 64).decode(errors="replace")
    if not got:  # nobody is there any more
        time.sleep(seconds)
    return got
