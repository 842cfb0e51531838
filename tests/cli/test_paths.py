"""Paths that a person gives to a command, of what is not there, is something else, or can't be opened."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from batchgate_cli.app import COMMANDS, app, imported
from batchgate_cli.exits import Exit
from tests.cli.api_double import front, gate
from tests.cli.api_front import Front

__all__ = ["front", "gate"]

POLICY = """
version: 1
policies:
  - name: small
    match: [{operation: S3PutObjectTagging}]
    require: [{total_tasks: {at_most: 5}}]
"""
JOB = """
{"Job": {"JobId": "a1b2c3d4", "JobArn": "arn:aws:s3:eu-central-1:111122223333:job/a1b2c3d4", "Status": "Suspended",
  "Operation": {"S3PutObjectTagging": {"TagSet": []}}, "CreationTime": "2026-11-29T08:00:00+00:00", "Priority": 10}}
"""
EXPORT = "audit export --from 2026-11-01 --to 2026-11-02 --output-dir"

# Each path that a command takes, in its place: {}. {policy}, {job} and {jobs} can be read.
READ = [
    "policy check {}",
    "policy explain {} --job {job}",
    "policy explain {policy} --job {}",
    "policy explain {policy} --job {job} --tags {}",
    "policy test {}",
    "policy replay {} --jobs {jobs}",
    "policy replay {policy} --jobs {}",
    "policy replay {policy} --jobs {jobs} --against {}",
    "policy simulate {}",
    "policy compile {}",
    "policy preview {}",
    "policy push {}",
    "policy diff {} {policy}",
    "policy diff {policy} {}",
    "jobs approve --reason x --from {}",
    "jobs cancel --reason x --from {}",
    "jobs approve --reason x --cli-input-json file://{}",
    "jobs cancel --reason x --cli-input-json file://{}",
    "audit verify {}",
    "iam scp --parameter {}",
    "local up --policy {}",
    "demo --policy {}",
]
WRITTEN = [
    "policy replay {policy} --jobs {jobs} --html {}",
    "policy simulate {policy} --svg {}",
    "policy compile {policy} --to {}",
    "policy diff {policy} {policy} --examples {}",
    "policy new {}",
    f"{EXPORT} {{}}",
]
ELSEWHERE = {
    ("jobs", "record", "file"): "test_record.py: it reads a deployed gate",
    **{
        (*command, "ca_bundle"): "botocore's own"
        for command in (("pause",), ("resume",), ("budgets",), ("audit", "export"))
    },
    **{("jobs", name, "ca_bundle"): "botocore's own" for name in ("held", "show", "approve", "cancel", "history")},
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """What can be read, and what can't."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "job.json").write_text(JOB)
    (tmp_path / "jobs.ndjson").write_text(f"{json.dumps(json.loads(JOB))}\n")
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    return tmp_path


def run(command: str, directory: Path, name: str, front: Front, given: bytes | None = None) -> tuple[int, str]:
    """The exit code, and what is printed of errors."""
    paths = {"policy": "policy.yaml", "job": "job.json", "jobs": "jobs.ndjson"}
    path = name if name in ("", "-") else str(directory / name)
    known = {key: str(directory / each) for key, each in paths.items()}
    words = [word.format(path, **known) for word in command.split()]
    if words[0] == "jobs" or words[:2] == ["audit", "export"]:
        words += ["--endpoint-url", front.url]
    result = CliRunner().invoke(app, words, input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), words
    return result.exit_code, result.stderr


@pytest.mark.parametrize("command", READ)
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("missing", os.strerror(errno.ENOENT)),
        ("missing/below", os.strerror(errno.ENOENT)),
        ("file/below", os.strerror(errno.ENOTDIR)),
        ("directory", os.strerror(errno.EISDIR)),
        ("loop", os.strerror(errno.ELOOP)),
    ],
)
def test_a_path_that_cannot_be_read_is_named_with_why(
    directory: Path, front: Front, command: str, name: str, why: str
) -> None:
    """In plain words, without the number that Python puts before them, and nothing is done."""
    code, said = run(command, directory, name, front)
    assert code in (1, 2, 3)
    assert str(directory / name) in said
    assert "Errno" not in said
    if name != "directory":  # which many commands take
        assert why in said
    assert front.requests == []


CONTENTS = {
    "an empty file": b"",
    "what is not UTF-8": b"\xe8\xe9\n",
    "UTF-16": '{"Job": 1}\n'.encode("utf-16"),
    "text that is not JSON, YAML or a list": b"{{{ \x01",
    "too many levels": b"[" * 100_000,
    "levels that Python can parse": b"[" * 900 + b"]" * 900,
    "a number of too many digits": b"9" * 5_000,
    "half of a character": b'{"Job": {"JobArn": "\\ud800"}}',
    "another object": b'{"a": 1}',
}


@pytest.mark.parametrize("command", [each for each in READ if not each.startswith(("audit", "local"))])
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_a_file_of_other_content_is_named(directory: Path, front: Front, command: str, content: bytes) -> None:
    """In one message without a traceback, and nothing is done."""
    (directory / "other").write_bytes(content)
    code, said = run(command, directory, "other", front)
    assert code in (1, 2, 3)
    assert "other" in said
    assert "codec" not in said
    assert front.requests == []


OF_STREAMS = ["policy explain {policy} --job -", "policy replay {policy} --jobs -", "jobs approve --reason x --from -"]


@pytest.mark.parametrize("command", OF_STREAMS)
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_other_content_of_standard_input_is_named(directory: Path, front: Front, command: str, content: bytes) -> None:
    """As of a file."""
    code, said = run(command, directory, "-", front, content)
    assert code in (1, 2)
    assert "standard input" in said or "nothing to do" in said
    assert front.requests == []


def test_a_byte_order_mark_changes_nothing(directory: Path, front: Front) -> None:
    """Of files that Windows programs wrote."""
    for file in ("policy.yaml", "job.json", "jobs.ndjson"):
        (directory / file).write_bytes(b"\xef\xbb\xbf" + (directory / file).read_bytes())
    for command in ("policy explain {} --job {job}", "policy replay {} --jobs {jobs}"):
        assert run(command, directory, "policy.yaml", front) == (0, "")
    assert run("policy explain {policy} --job -", directory, "-", front, (directory / "job.json").read_bytes())[0] == 0


@pytest.mark.parametrize("command", [each for each in (*READ, *WRITTEN) if "file://" not in each])
def test_an_empty_path_is_wrong_usage(directory: Path, front: Front, command: str) -> None:
    """It would otherwise be the current directory: often a shell variable was not set."""
    code, said = run(command, directory, "", front)
    assert code == Exit.USAGE
    assert "expected a path, got an empty one" in said
    assert front.requests == []


@pytest.mark.parametrize(
    "command",
    [
        "policy compile {policy} --to {}",
        "policy simulate {policy} --svg {}",
        "policy replay {policy} --jobs {jobs} --html {}",
    ],
)
@pytest.mark.parametrize("name", ["policy.yaml", "directory/../policy.yaml", "link", "hard", "jobs.ndjson"])
def test_an_output_never_replaces_an_input(directory: Path, front: Front, command: str, name: str) -> None:
    """By whatever name it is given."""
    (directory / "link").symlink_to("policy.yaml")
    (directory / "hard").hardlink_to(directory / "policy.yaml")
    code, said = run(command, directory, name, front)
    is_read = name != "jobs.ndjson" or "{jobs}" in command
    assert code == (Exit.USAGE if is_read else Exit.DONE)
    assert ("is one of the files that this command reads" in said) == is_read
    assert (directory / "policy.yaml").read_text() == POLICY


@pytest.mark.parametrize(
    "command",
    [
        "policy compile bad.yaml --to {}",
        "policy simulate bad.yaml --svg {}",
        "policy replay bad.yaml --jobs {jobs} --html {}",
        "policy diff bad.yaml {policy} --examples {}",
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_any_work(
    directory: Path, front: Front, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the policy is invalid, which is not even found out."""
    monkeypatch.chdir(directory)
    (directory / "bad.yaml").write_text("version: 2\n")
    code, said = run(command, directory, "file/below", front)
    assert code == Exit.FAILED
    assert f"expected a directory for {directory / 'file' / 'below'}, got the file {directory / 'file'}" in said


@pytest.mark.parametrize("command", WRITTEN)
@pytest.mark.parametrize("name", ["file/below", "loop", "loop/below", "directory", "file"])
def test_a_path_that_cannot_be_written_is_named_with_why(
    directory: Path, front: Front, command: str, name: str
) -> None:
    """Where the command refuses it; some take a directory, and some write over a file."""
    code, said = run(command, directory, name, front)
    assert "Errno" not in said
    if name not in ("directory", "file"):
        assert code in (1, 2)
    if code:
        assert str(directory / name.partition("/")[0]) in said


def parameters() -> Iterator[tuple[str, ...]]:
    """Every parameter of a command that takes a path, by its metavar."""
    for name in COMMANDS:
        command = imported(name)
        members = command.commands.values() if isinstance(command, click.Group) else [command]
        for each in members:
            path = (name, str(each.name)) if isinstance(command, click.Group) else (name,)
            yield from (
                (*path, str(parameter.name))
                for parameter in each.params
                if isinstance(parameter.type, click.Path)
                or any(word in (parameter.metavar or "") for word in ("FILE", "DIR", "PATH"))
                or "file://" in (getattr(parameter, "help", "") or "")
            )


@pytest.mark.parametrize("parameter", [*parameters()], ids=" ".join)
def test_every_parameter_that_is_a_path_is_tried(parameter: tuple[str, ...]) -> None:
    """By its option, or as the command's argument."""
    *command, name = parameter
    start = " ".join(command)
    option = f"--{name.replace('_', '-').strip('-')}"
    tried = [each for each in (*READ, *WRITTEN) if each.startswith(f"{start} ")]
    is_option = any(f"{option} " in each for each in tried)
    assert parameter in ELSEWHERE or is_option or any(each.split("--")[0].count("{}") for each in tried)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("version", "expected"), [(1, Exit.DONE), (2, Exit.INVALID_POLICY)])
def test_a_closed_stream_changes_no_exit_code(tmp_path: Path, closed: str, version: int, expected: Exit) -> None:
    """As some schedulers start commands. What is printed is lost, and nothing can be asked."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"version: {version}\n")
    program = str(Path(sys.executable).with_name("batchgate"))
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" "$@" {closed}', program, "policy", "check", str(policy)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == expected
    assert "Traceback" not in done.stderr
