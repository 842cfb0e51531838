"""Asking a person before something is done that can't be undone."""

import contextlib
import os
import select
import sys
import termios
from pathlib import Path
from typing import Final

import click

from batchgate.errors import GateError

_POLL_SECONDS: Final = 0.2
"""How long one wait for the answer lasts. If Ctrl-C is pressed just before a wait without a limit begins, Python
notices it only at the next key."""

_ANSWER_BYTES: Final = 1024


class DeclinedError(GateError):
    """The answer was no."""

    def __init__(self) -> None:
        super().__init__("nothing was changed")


def confirm(question: str, *, yes: bool, stdin_is_read: bool = False) -> None:
    """Go on if the answer is yes, on the terminal or by --yes.

    Args:
        question: Without its mark.
        yes: Do not ask.
        stdin_is_read: Standard input was a list, so the terminal itself is asked.

    Raises:
        DeclinedError: The answer was no.
        KeyboardInterrupt: It was Ctrl-C.
        click.UsageError: There is no terminal.
    """
    if yes:
        return
    if not stdin_is_read and sys.stdin.isatty():
        _ask(question, sys.stdin.fileno())
    elif not stdin_is_read or not _terminal_is_asked(question):
        raise click.UsageError("stdin is not a terminal; nothing was changed. Pass --yes to skip the prompt.")


def _terminal_is_asked(question: str) -> bool:
    """Whether the command runs on a terminal, which answers yes.

    Raises:
        DeclinedError: The answer was no.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        _ask(question, terminal)
    finally:
        os.close(terminal)
    return True


def _ask(question: str, terminal: int) -> None:
    """Ask without Python's line editing, which would ignore Ctrl-C while it starts.

    What was typed before the question is no answer to it. It is asked again until the answer is yes or no; Enter alone
    and the end of input are no.

    Raises:
        DeclinedError: The answer was no.
    """
    termios.tcflush(terminal, termios.TCIFLUSH)
    prompt = f"{question} [y/N]: "
    while True:
        _show(prompt, terminal)
        while not select.select([terminal], [], [], _POLL_SECONDS)[0]:
            pass
        given = os.read(terminal, _ANSWER_BYTES)
        answer = given.strip().lower()
        if answer in {b"y", b"yes"}:
            return
        if answer in {b"", b"n", b"no"}:
            if not given:  # the end of input leaves the prompt's line open
                _show("\n", terminal)
            raise DeclinedError
        prompt = f"expected y or n. {question} [y/N]: "


def _show(prompt: str, terminal: int) -> None:
    """Print on the terminal, also if standard error is a file; on standard error if the terminal has no name here."""
    if not sys.stderr.isatty():
        with contextlib.suppress(OSError), Path(os.ttyname(terminal)).open("w", encoding="utf-8") as screen:
            screen.write(prompt)
            return
    click.echo(prompt, nl=False, err=True)
