"""Ctrl-C while the command starts: nothing is said, and the exit code is that of an interrupted command."""

import json
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from batchgate_cli.app import app
from batchgate_cli.exits import Exit
from batchgate_cli.interrupt import INTERRUPTED

INTERRUPTED_AT_IMPORT = """
import os, signal, sys

at, ignored, *arguments = sys.argv[1:]

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == at:
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.SIG_IGN if ignored == "ignored" else signal.default_int_handler)
sys.meta_path.insert(0, Interrupt())
sys.argv = ["batchgate", *arguments]
from batchgate_cli.main import main
main()
"""


def batchgate(*arguments: str, interrupted_at: str, sigint: str = "default") -> subprocess.CompletedProcess[str]:
    """Run the command in a process that gets Ctrl-C when it begins to import a module."""
    return subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT_IMPORT, interrupted_at, sigint, *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    "module",
    ["batchgate_cli.app", "click", "batchgate_cli.exits", "batchgate_cli.commands.jobs", "batchgate.gate.state"],
)
def test_ctrl_c_during_the_imports_ends_quietly(module: str) -> None:
    """Whichever module is being imported: no traceback, not a word."""
    done = batchgate("jobs", "--help", interrupted_at=module)
    assert (done.returncode, done.stdout, done.stderr) == (INTERRUPTED, "", "")


@pytest.mark.parametrize(
    ("arguments", "module"),
    [
        (("policy", "schema"), "batchgate_cli.authoring.schema"),
        (("policy", "check", "nope.yaml"), "ruamel.yaml"),
        (("policy", "test", "nope.yaml"), "batchgate_cli.authoring.cases"),
        (("jobs", "held"), "botocore.session"),
        (("demo", "--policy", "nope.yaml"), "rich.console"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_ctrl_c_during_an_import_that_one_command_needs_shows_no_traceback(
    arguments: tuple[str, ...], module: str
) -> None:
    """The command has begun, so it may say that it was interrupted."""
    done = batchgate(*arguments, interrupted_at=module)
    assert done.returncode == INTERRUPTED
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("form", [["--output", "json"], ["-o", "json"], ["-ojson"], []])
@pytest.mark.parametrize(
    ("command", "module"),
    [(["jobs", "held"], "botocore.session"), (["policy", "check", "nope.yaml"], "ruamel.yaml")],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_an_interruption_is_reported_as_every_other_error(command: list[str], module: str, form: list[str]) -> None:
    """As a JSON document where the output is JSON, and else in words."""
    done = batchgate(*command, *form, interrupted_at=module)
    assert (done.returncode, done.stdout) == (INTERRUPTED, "")
    if form:
        assert json.loads(done.stderr) == {"error": {"message": "interrupted", "exit_code": INTERRUPTED}}
    else:
        assert done.stderr == "\nbatchgate: interrupted\n"


def test_what_ignores_ctrl_c_goes_on() -> None:
    """As shells start commands in the background of a script."""
    done = batchgate("--help", interrupted_at="click", sigint="ignored")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: batchgate ")


def test_the_exit_code_is_that_of_every_interruption() -> None:
    """The entry point names the number itself, for it imports nothing to take it from."""
    assert INTERRUPTED == Exit.INTERRUPTED == 128 + signal.SIGINT


def test_ctrl_c_within_a_locks_wait_is_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    """There threading's own clean-up fails, and its error would come in the place of Ctrl-C."""

    def wait() -> dict[str, object]:
        try:
            raise KeyboardInterrupt  # noqa: TRY301
        except KeyboardInterrupt:
            raise RuntimeError("cannot release un-acquired lock")  # noqa: B904 - as threading does it

    monkeypatch.setattr("batchgate_cli.authoring.schema.policy_schema", wait)
    done = CliRunner().invoke(app, ["policy", "schema"])
    assert done.exit_code == Exit.INTERRUPTED
    assert done.stderr == "\nbatchgate: interrupted\n"


def test_any_other_error_of_the_command_is_no_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a fault, and shows where."""

    def fail() -> dict[str, object]:
        raise RuntimeError("cannot release un-acquired lock")

    monkeypatch.setattr("batchgate_cli.authoring.schema.policy_schema", fail)
    assert isinstance(CliRunner().invoke(app, ["policy", "schema"]).exception, RuntimeError)
