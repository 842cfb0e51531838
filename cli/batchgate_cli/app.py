"""The command line. The module of a command is imported when the command is called."""

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from batchgate import __version__
from batchgate_cli.exits import ALL_EXIT_CODES_HELP
from batchgate_cli.groups import PlainGroup
from batchgate_cli.interrupt import quiet_interrupt

if TYPE_CHECKING:
    from typer._click import Command, Context


class _Entry(NamedTuple):
    """A command or command group: its module below `commands`, and its line in the help."""

    module: str
    help: str


COMMANDS: Final = {
    "policy": _Entry("policy", "Check policies, and show how a job would be decided, and why."),
    "jobs": _Entry("jobs", "See what the deployed gate holds and why, and decide it."),
    "pause": _Entry(
        "pause",
        "Pause the deployed gate: it still evaluates jobs but holds all of them; an alarm is active until you resume.",
    ),
    "resume": _Entry(
        "pause", "Resume a paused gate: the jobs that the pause held are evaluated again within a minute."
    ),
    "redrive": _Entry(
        "redrive", "Show the job events that were never reviewed, and why; then move them back to the queue."
    ),
    "iam": _Entry("iam", "Print the AWS policies that restrict who else may decide jobs, for the deployed gate."),
    "emulator": _Entry("emulator", "Run the S3 Batch Operations job API on this machine."),
    "local": _Entry("local", "Run the gate's own stack in a local AWS, on this machine."),
    "demo": _Entry("demo", "Evaluate nine real jobs on this machine: no AWS account, no traffic leaves the machine."),
}


class _LazyGroup(PlainGroup):
    """A group that knows names and one line of help of each command, and imports the one that is called."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - Typer's own
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, short_help=entry.help) for name, entry in COMMANDS.items()}

    def resolve_command(self, ctx: "Context", args: list[str]) -> "tuple[str | None, Command | None, list[str]]":
        """Import the command that the arguments name."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, imported(name) if name and command else None, rest


def imported(name: str) -> "Command":
    """A command or group with its options, by its name."""
    with quiet_interrupt():
        module = import_module(f"batchgate_cli.commands.{COMMANDS[name].module}")
    found = get_command(module.app)
    return found.commands.get(name, found) if isinstance(found, TyperGroup) else found


app = typer.Typer(
    name="batchgate",
    cls=_LazyGroup,
    help="The approval gate for Amazon S3 Batch Operations.\n\n"
    "Write policies in YAML, check and explain them here, deploy them with `make deploy`.",
    epilog=ALL_EXIT_CODES_HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"batchgate {__version__}")
        raise typer.Exit


@app.callback()
def _batchgate(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=lambda value: _show_version(wanted=value), is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    pass
