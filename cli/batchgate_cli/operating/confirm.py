"""Asking a person before something is done that can't be undone."""

import sys

import click


def confirm(question: str, *, yes: bool) -> None:
    """Go on if the answer is yes, on the terminal or by --yes.

    Raises:
        click.Abort: The answer was no.
        click.BadParameter: Standard input is not a terminal.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.BadParameter(
            "stdin is not a terminal; nothing was changed. Pass --yes to skip the prompt.",
            param_hint="--yes",
        )
    click.confirm(question, abort=True, err=True)
