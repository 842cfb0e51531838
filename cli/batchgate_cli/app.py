"""The `batchgate` command with all that is below it."""

from importlib.metadata import version
from typing import Annotated

import typer
from rich.highlighter import RegexHighlighter
from rich.text import Text
from typer import rich_utils

from batchgate_cli.commands import demo, emulator, iam, jobs, local, operate, policy
from batchgate_cli.exits import ALL_EXIT_CODES_HELP


def _fold(highlighter: RegexHighlighter) -> None:
    """Let an option's name that is too long for its column go on in the next line of the help; it would be cut."""
    highlight = highlighter.highlight

    def fold(text: Text) -> None:
        highlight(text)
        text.overflow = "fold"

    highlighter.highlight = fold  # type: ignore[method-assign]


_fold(rich_utils.highlighter)
_fold(rich_utils.negative_highlighter)

app = typer.Typer(
    name="batchgate",
    help="The approval gate for Amazon S3 Batch Operations.\n\n"
    "Write policies in YAML, check and explain them here, deploy them with `make deploy`.",
    epilog=ALL_EXIT_CODES_HELP,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(policy.app, name="policy")
app.add_typer(jobs.app, name="jobs")
app.command("pause")(operate.pause)
app.command("resume")(operate.resume)
app.command("redrive")(operate.redrive)
app.add_typer(iam.app, name="guardrails")
app.add_typer(emulator.app, name="emulator")
app.add_typer(local.app, name="local")
app.command("demo")(demo.demo)


def _show_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"batchgate {version('batchgate')}")
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
