"""Asking a person before something is done that can't be undone."""

import sys
from pathlib import Path

import click


def confirm(question: str, *, yes: bool, stdin_is_read: bool = False) -> None:
    """Go on if the answer is yes, on the terminal or by --yes.

    Args:
        question: Without its mark.
        yes: Do not ask.
        stdin_is_read: Standard input was a list, so the terminal itself is asked.

    Raises:
        click.Abort: The answer was no.
        KeyboardInterrupt: It was Ctrl-C.
        click.BadParameter: There is no terminal.
    """
    if yes:
        return
    if not stdin_is_read and sys.stdin.isatty():
        try:
            click.confirm(question, abort=True, err=True)
        except click.Abort as answer:
            if isinstance(answer.__context__, KeyboardInterrupt):  # which Click takes for a no
                raise KeyboardInterrupt from None
            raise
    elif not stdin_is_read or not _terminal_says_yes(question):
        raise click.BadParameter(
            "stdin is not a terminal; nothing was changed. Pass --yes to skip the prompt.",
            param_hint="--yes",
        )


def _terminal_says_yes(question: str) -> bool:
    """The answer of the terminal that the command runs on; False where there is none.

    Raises:
        click.Abort: It was no.
    """
    try:
        with Path("/dev/tty").open(encoding="utf-8") as terminal:
            click.echo(f"{question} [y/N]: ", nl=False, err=True)
            answer = terminal.readline()
    except OSError:
        return False
    if answer.strip().lower() not in {"y", "yes"}:
        raise click.Abort
    return True
