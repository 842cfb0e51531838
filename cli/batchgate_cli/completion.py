"""Completion of the command in shells."""

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

_COMMAND = "batchgate"
_RC_FILES = {"bash": ".bashrc", "zsh": ".zshrc"}


def script() -> str:
    """The completion script of the user's shell.

    Raises:
        click.UsageError: Click knows no completion for it.
    """
    found = get_completion_class(_shell())
    if found is None:
        raise click.UsageError(f"expected bash, zsh or fish in SHELL, got {os.environ.get('SHELL', '')!r}")
    return found(click.Group(), {}, _COMMAND, f"_{_COMMAND.upper()}_COMPLETE").source()


def install() -> Path:
    """Write the script where the user's shell finds it; the file that was written.

    Raises:
        click.UsageError: As `script`.
    """
    text, shell = script(), _shell()
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    folder = config / "fish" / "completions" if shell == "fish" else config / _COMMAND
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (f"{_COMMAND}.fish" if shell == "fish" else f"completion.{shell}")
    path.write_text(text, encoding="utf-8")
    if shell in _RC_FILES:
        rc, line = Path.home() / _RC_FILES[shell], f'. "{path}"\n'
        if not rc.exists() or line.encode() not in rc.read_bytes():  # in whatever encoding the rest is
            with rc.open("a", encoding="utf-8") as file:
                file.write(f"\n{line}")
    return path


def _shell() -> str:
    return Path(os.environ.get("SHELL", "")).name
