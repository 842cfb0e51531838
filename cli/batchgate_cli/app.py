"""The command line. The module of a command is imported when the command is called."""

import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from itertools import pairwise
from typing import Any, Final, NamedTuple, TextIO

import click

from batchgate import __version__
from batchgate_cli.exits import ALL_EXIT_CODES_HELP, Exit, error_as_json, show_error, show_interrupted
from batchgate_cli.groups import PlainGroup
from batchgate_cli.interrupt import quiet_interrupt


class _Entry(NamedTuple):
    """A command or command group: its module below `commands`, and its line in the help."""

    module: str
    help: str


COMMANDS: Final = {
    "policy": _Entry("policy", "Write, check, test and compare policies, and show how and why they decide a job."),
    "status": _Entry("status", "Show whether the deployed gate is working."),
    "jobs": _Entry("jobs", "List the jobs that the deployed gate holds, and why; approve or cancel them."),
    "budgets": _Entry("budgets", "List what is used of each budget in its period, what is reserved, and what is left."),
    "audit": _Entry("audit", "Export the record of decisions for auditors, and check an export."),
    "pause": _Entry(
        "pause",
        "Pause the deployed gate: it still evaluates jobs but holds all of them; an alarm is active until you resume.",
    ),
    "resume": _Entry(
        "pause", "Resume a paused gate: the jobs that the pause held are evaluated again by the next sweep."
    ),
    "redrive": _Entry(
        "redrive", "Show the job events that were never reviewed, and why; then move them back to the queue."
    ),
    "doctor": _Entry(
        "doctor", "Check an account before the first deployment (--preflight), and the deployed gate after it."
    ),
    "iam": _Entry(
        "iam", "Print IAM policies for the deployed gate: what people need to use it, and who else may decide jobs."
    ),
    "emulator": _Entry("emulator", "Run the S3 Batch Operations job API on this machine."),
    "local": _Entry("local", "Run the gate's own stack in a local AWS, on this machine."),
    "demo": _Entry("demo", "Decide nine jobs on this machine, without an AWS account; no traffic leaves the machine."),
}


_AS_JSON: Final = object()
"""In the context of a command whose output is JSON."""


class _LazyGroup(PlainGroup):
    """A group that knows names and one line of help of each command, and imports the one that is called."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - Typer's own
        super().__init__(**attributes)
        self.commands = {name: click.Command(name, short_help=entry.help) for name, entry in COMMANDS.items()}

    def main(self, args: Sequence[str] | None = None, *rest: Any, **how: Any) -> Any:  # noqa: ANN401 - Click's own
        """Run the command line; where its output is JSON, what Click itself reports is JSON, too."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace" if stream.errors == "strict" else None)
        words = [*(sys.argv[1:] if args is None else args)]
        if not asks_for_json(words):
            return super().main(args, *rest, **how)
        try:
            code = super().main(args, *rest, **{**how, "standalone_mode": False, "obj": _AS_JSON})
        except click.ClickException as error:
            click.echo(error_as_json(error.format_message(), error.exit_code), err=True)
            code = error.exit_code
        except click.Abort:
            click.echo(error_as_json("aborted", Exit.FAILED), err=True)
            code = Exit.FAILED
        sys.exit(int(code or 0))

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - Click's own
        """Run the command; Ctrl-C, and a reader that ends first, end it with exit codes of their own."""
        try:
            return _written(lambda: super(_LazyGroup, self).invoke(ctx))
        except BrokenPipeError as error:
            raise click.exceptions.Exit(Exit.PIPE_CLOSED) from error
        except (KeyboardInterrupt, RuntimeError) as error:
            # Within a lock's wait, Ctrl-C makes the lock's own clean-up fail: "cannot release un-acquired lock".
            if not isinstance(error, KeyboardInterrupt) and not isinstance(error.__context__, KeyboardInterrupt):
                raise
            show_interrupted(as_json=ctx.obj is _AS_JSON)
            raise click.exceptions.Exit(Exit.INTERRUPTED) from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Import the command that the arguments name."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, imported(name) if name and command else None, rest


def _written(run: Callable[[], Any]) -> Any:  # noqa: ANN401 - Click's own
    """What a command returns, after all of its output is written; what is left of that is dropped if it can't be.

    Raises:
        BrokenPipeError: Whoever read the output ended.
        click.exceptions.Exit: It could not be written, as on a full disk.
    """
    try:
        try:
            return run()
        finally:
            sys.stdout.flush()
    except OSError as error:
        _drop(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise
        show_error(f"standard output: {error.strerror}")
        raise click.exceptions.Exit(Exit.FAILED) from error


def _drop(stream: TextIO) -> None:
    """Have Python write nothing more of it as it exits, which would fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError):  # no file, as in tests
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def asks_for_json(words: Sequence[str]) -> bool:
    """Whether the arguments have `--output json`, in any of the ways to write it; known before they are parsed."""
    return any(
        word in {"--output=json", "-ojson"} or (word in {"--output", "-o"} and value == "json")
        for word, value in pairwise([*words, ""])
    )


def imported(name: str) -> click.Command:
    """A command or group with its options, by its name."""
    with quiet_interrupt():
        module = import_module(f"batchgate_cli.commands.{COMMANDS[name].module}")
    group: click.Group = module.app
    return group.commands.get(name, group)


def _show_version(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:  # noqa: ARG001 - Click's
    if wanted:
        click.echo(f"batchgate {__version__}")
        ctx.exit()


def _complete(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from batchgate_cli import completion

        if parameter.name == "show_completion":
            click.echo(completion.script())
        else:
            click.echo(f"wrote {completion.install()}; a new shell completes `batchgate`")
        ctx.exit()


def _eager(name: str, callback: Callable[[click.Context, click.Parameter, bool], None], text: str) -> click.Option:
    return click.Option([name], is_flag=True, is_eager=True, expose_value=False, callback=callback, help=text)


app = _LazyGroup(
    name="batchgate",
    params=[
        _eager("--version", _show_version, "Show the version."),
        _eager("--install-completion", _complete, "Install completion for the shell of the variable SHELL."),
        _eager("--show-completion", _complete, "Show the completion script of that shell."),
    ],
    help="The approval gate for Amazon S3 Batch Operations.\n\n"
    "Write policies in YAML, check and explain them here. Deploy them with the stack (`cdk deploy`), or with "
    "`batchgate policy push`.",
    epilog=ALL_EXIT_CODES_HELP,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
