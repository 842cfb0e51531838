"""`batchgate local`: one at a time, told where it is, and ended."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from batchgate_cli.commands.local import progress_of
from batchgate_cli.local.deployment import Deployment, DeploymentError
from batchgate_cli.local.running_local import Running
from tests.e2e.deployed_gate import wait_for

BATCHGATE = Path(sys.executable).with_name("batchgate")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A user of whom no local AWS runs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {"XDG_STATE_HOME": str(tmp_path), "COLUMNS": "200"}


def batchgate(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the installed command to its end."""
    return subprocess.run(
        [str(BATCHGATE), "local", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@contextmanager
def started(environment: dict[str, str], printed: Path, *before: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A local AWS without the gate that serves, and prints to a file; `before` are words before its command."""
    with (
        printed.open("wb") as output,
        subprocess.Popen(
            [*before, str(BATCHGATE), "local", "up", "--no-deploy", "--port", "0"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            wait_for("it serves", lambda: "Ctrl-C" in printed.read_text() or process.poll() is not None)
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)


@pytest.fixture
def up(environment: dict[str, str], tmp_path: Path) -> Iterator[Path]:
    """A local AWS without the gate, as its user started it; the file that it prints to."""
    printed = tmp_path / "printed"
    with started(environment, printed):
        yield printed


def test_it_is_told_where_it_runs_and_ended_by_another_command(
    environment: dict[str, str], up: Path, aws_cli: str
) -> None:
    """Status, the shell settings, and down; the shell settings lead the AWS CLI to jobs and to buckets."""
    url = re.findall(r"http://127\.0\.0\.1:\d+", up.read_text())[0]
    told = json.loads(batchgate(environment, "status", "--output", "json").stdout)
    assert (told["running"], told["url"], told["stack"], told["jobs"]) == (True, url, None, {})

    script = 'eval "$($BATCHGATE local status --exports)" && $AWS s3 mb s3://mine && $AWS s3 ls && '
    script += "$AWS s3control list-jobs --account-id 123456789012 --query Jobs"
    done = subprocess.run(
        ["sh", "-c", script],
        env=environment | {"BATCHGATE": str(BATCHGATE), "AWS": aws_cli, "AWS_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"

    ended = batchgate(environment, "down")
    assert (ended.returncode, ended.stdout) == (0, f"ended: {url}\n")
    assert batchgate(environment, "status").returncode == 1
    assert up.read_text().endswith("ended\n")


WITH_A_TERMINAL = [
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
]
"""As a shell on a terminal starts programs; what runs the tests may ignore SIGHUP, which programs would inherit."""


@pytest.mark.parametrize("before", [WITH_A_TERMINAL, ["nohup"]], ids=["plain", "nohup"])
def test_a_closed_terminal_ends_it_unless_it_runs_by_nohup(
    environment: dict[str, str], tmp_path: Path, before: list[str]
) -> None:
    """And nothing of it is left in the directory for temporary files."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    printed = tmp_path / "printed"
    with started(environment | {"TMPDIR": str(temporary)}, printed, *before) as process:
        process.send_signal(signal.SIGHUP)
        if before == ["nohup"]:
            assert batchgate(environment, "status").returncode == 0
            process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert process.returncode == 0
    assert printed.read_text().endswith("ended\n")
    assert [*temporary.iterdir()] == []


def fake_cdk(checkout: Path, script: str) -> Deployment:
    """A deployment by a command in the place of cdk."""
    command = checkout / "node_modules" / ".bin" / "cdk"
    command.parent.mkdir(parents=True)
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    return Deployment("http://127.0.0.1:9", checkout / "cdk.out", checkout=checkout)


def test_what_cdk_leaves_behind_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its temporary directories, which stay when it is interrupted."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    def interrupt(_line: str) -> None:
        assert [*temporary.rglob("jsii-kernel")]
        raise KeyboardInterrupt

    deployment = fake_cdk(tmp_path, 'mkdir "$TMPDIR/jsii-kernel"; echo started; exec sleep 60')
    with pytest.raises(KeyboardInterrupt):
        replace(deployment, show=interrupt).synthesize()
    assert [*temporary.iterdir()] == []


def test_the_local_stack_has_one_name(tmp_path: Path) -> None:
    """Also if cdk.json names it otherwise: what the command line says wins over that."""
    printed: list[str] = []
    replace(fake_cdk(tmp_path, 'echo "$@"'), settings={"trail": True}, show=printed.append).synthesize()
    assert 'batchgate={"stack_name": "batchgate", "trail": true}' in printed[0]


def test_it_is_said_how_cdk_ended(tmp_path: Path) -> None:
    """By itself or by a signal, and when it printed nothing."""
    with pytest.raises(DeploymentError, match=r"cdk synth was ended by signal 9. Its output ends:\n\(nothing\)"):
        fake_cdk(tmp_path / "killed", "kill -9 $$").synthesize()
    with pytest.raises(DeploymentError, match=r"cdk synth failed. Its output ends:\nno room"):
        fake_cdk(tmp_path / "failed", "echo no room; exit 1").synthesize()


@pytest.mark.parametrize("line", ["reading [/red]/policy.yaml", "[bold]x", ":smile: \x1b[31m"])
def test_a_line_of_cdk_is_no_markup(line: str) -> None:
    """A path may have brackets; no control character reaches the terminal."""
    with Console(file=StringIO()).status("") as waiting:
        waiting.update(progress_of(line, 80))
    assert progress_of(line, 80).plain == line.replace("\x1b", "?")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (Running(1, "now"), "starting"),
        (Running(1, "now", "http://127.0.0.1:9"), "none deployed"),
        (Running(1, "now", "http://127.0.0.1:9", deploying=True), "being deployed"),
        (Running(1, "now", "http://127.0.0.1:9", "batchgate"), "batchgate"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_status_shows_how_far_the_stack_is(state: Running, words: str) -> None:
    """A stack that is being deployed is not one that nobody asked for."""
    assert state.stack_in_words == words


def test_a_second_one_says_that_one_runs(environment: dict[str, str], up: Path) -> None:
    """And where, and how to end it; it starts nothing."""
    url = re.findall(r"http://127\.0\.0\.1:\d+", up.read_text())[0]
    second = batchgate(environment, "up", "--no-deploy", "--port", "0")
    assert second.returncode == 1
    assert url in second.stderr
    assert "batchgate local down" in second.stderr


def test_without_one_there_is_nothing_to_end(environment: dict[str, str]) -> None:
    """Status and down say so and end with 1."""
    down, status = batchgate(environment, "down"), batchgate(environment, "status")
    assert (down.returncode, down.stderr) == (1, "batchgate: no local AWS runs\n")
    assert (status.returncode, status.stdout) == (1, "no local AWS runs; `batchgate local up` starts one\n")


def test_a_wrong_policy_is_refused_before_anything_starts(environment: dict[str, str], tmp_path: Path) -> None:
    """With line and exit code 3."""
    policy = tmp_path / "mine.yaml"
    policy.write_text("version: 1\nunmatchd: cancel\n")
    refused = batchgate(environment, "up", "--policy", str(policy), "--port", "0")
    assert refused.returncode == 3
    assert "mine.yaml:2:1: unmatchd: unknown key" in refused.stderr


def test_a_checkout_without_the_cdk_command_says_what_to_do(tmp_path: Path) -> None:
    """The message names the missing command and `make setup`."""
    with pytest.raises(DeploymentError, match=r"bin/cdk is missing: .*make setup"):
        Deployment("http://127.0.0.1:9", tmp_path / "cdk.out", checkout=tmp_path).deploy()
