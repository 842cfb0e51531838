"""The entry point of the `batchgate` command. Imports only what every call needs."""

import sys

from batchgate_cli.interrupt import quiet_interrupt


def main() -> None:
    """Run the command line."""
    if sys.argv[1:] == ["--version"]:
        from batchgate import __version__

        print(f"batchgate {__version__}")
        return
    with quiet_interrupt():
        from batchgate_cli.app import app
    app()
