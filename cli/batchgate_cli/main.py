"""The entry point of the `batchgate` command. Imports only what every call needs."""

import os
import sys

from batchgate_cli.interrupt import quiet_interrupt


def main() -> None:
    """Run the command line."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed, as by <&-: then it is empty, or goes nowhere
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - until the end
    if sys.argv[1:] == ["--version"]:
        from batchgate import __version__

        print(f"batchgate {__version__}")
        return
    with quiet_interrupt():
        from batchgate_cli.app import app
    app()
