"""Asking a person before something is done that can't be undone."""

import sys

import typer


def confirm(question: str, *, yes: bool) -> None:
    """Go on if somebody says yes, on the terminal or by --yes.

    Raises:
        typer.Abort: Somebody said no.
        typer.BadParameter: There is nobody to ask.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            "nobody to ask, standard input is no terminal: nothing was done; with --yes it is done unasked",
            param_hint="--yes",
        )
    typer.confirm(question, abort=True, err=True)
