"""Options of all commands: each value works or is wrong usage, whatever a person or a script gives."""

import ast
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TextIO

import click
import pytest
from click.testing import CliRunner

import batchgate_cli
from batchgate_cli.app import COMMANDS, app, imported
from batchgate_cli.exits import Exit, reported_errors
from batchgate_cli.operating.options import URL, instant_of
from batchgate_cli.option_types import AccountId, Rate, Span, Tag, Text, Url, Whole
from s3batch_emulator.serve import DELAY_MS_AT_MOST

NUMBERS = ["0", "-1", "-5", "0.5", "1e400", "-1e400", "nan", "inf", "-inf", "", " ", "x", "80x", "0x10", "\udcff"]
HUGE = ["9" * 21, "-" + "9" * 21, "9" * 5000, "9" * 21 + "d", "9" * 5000 + "min", "999999999d", "1" + "0" * 300]


def commands(command: click.Command, *path: str) -> Iterator[tuple[str, click.Command]]:
    """All commands below one, with the words that call each."""
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    for name, each in command.commands.items():
        yield from commands(each, *path, name)


ALL = {words: each for name in COMMANDS for words, each in commands(imported(name), name)}


def options() -> Iterator[tuple[str, click.Command, click.Parameter]]:
    """The options and arguments of all commands, with their commands."""
    for words, command in ALL.items():
        for each in command.params:
            yield f"{words} {each.opts[-1]}", command, each


@pytest.mark.parametrize("value", [*NUMBERS, *HUGE], ids=lambda value: ascii(value[:24]))
def test_a_number_that_means_nothing_is_wrong_usage(value: str) -> None:
    """Of no option a traceback, nor a number that the command can't use; the message does not repeat all of it."""
    checked = 0
    for name, command, each in options():
        if not isinstance(each.type, Whole | Rate | Span | click.IntRange):
            continue
        checked += 1
        try:
            got = each.type_cast_value(click.Context(command), value)
        except click.BadParameter as error:
            got = error
        if isinstance(got, click.BadParameter):
            assert len(got.message) < 200, name
        elif isinstance(each.type, Whole | Rate):
            assert each.type.least <= got <= each.type.most, name
    assert checked > 20


def test_every_number_has_a_range() -> None:
    """Python's own have none: they take infinity, and more digits than anything that is done with them."""
    bare = (click.types.IntParamType, click.types.FloatParamType)
    without = [
        name for name, _, each in options() if isinstance(each.type, bare) and not isinstance(each.type, click.IntRange)
    ]
    assert without == []
    for name, _, each in options():
        if isinstance(each.type, click.IntRange):
            assert None not in (each.type.min, each.type.max), name


def test_every_default_is_within_its_range() -> None:
    """And reads as itself."""
    for name, command, each in options():
        if isinstance(each.type, Whole | Rate) and isinstance(each.default, int | float):
            assert each.type_cast_value(click.Context(command), each.default) == each.default, name


def test_options_of_one_meaning_accept_the_same() -> None:
    """An account, a URL and a tag are checked by every command that takes one."""
    wanted = {"--account-id": AccountId, "--endpoint-url": Url, "--s3-endpoint": Url, "--tag": Tag, "--reason": Text}
    for name, _, each in options():
        for option in {*each.opts} & {*wanted}:
            assert isinstance(each.type, wanted[option]), name


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (AccountId(), ["111122223333"], ["", "12", "x", "11112222333", "1111222233334", "\uff11" * 12]),
        (
            URL,
            ["http://127.0.0.1:9", "https://x"],
            ["", "localhost:1", "ftp://x", "http://", "http://x:99999", "http://["],
        ),
        (
            Tag(),
            ["a=", "a=b=c", "k" * 128 + "=" + "v" * 256],
            ["", "a", "=b", "k" * 129 + "=", "k=" + "v" * 257, "\udcff="],
        ),
        (Text(3, 1), ["a", "abc"], ["", "abcd", "\udcff"]),
        (Span(), ["3d", "12h", "30min", "30m", "0d"], ["", "3", "d", "-3d", "3.5d", "3651d", "\uff13d"]),
        (Whole(0, 5), ["0", "5"], ["-1", "6", "0.5"]),
        (Rate(0.01, 5), ["0.01", "5", "1e0"], ["0", "5.1", "nan"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, click.ParamType) else "",
)
def test_a_type_accepts_what_works_and_nothing_else(
    kind: "click.ParamType[object]", good: list[str], bad: list[str]
) -> None:
    """With what was expected."""
    for value in good:
        kind.convert(value, None, None)
    for value in bad:
        with pytest.raises(click.BadParameter, match="expected"):
            kind.convert(value, None, None)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(
    "text",
    ["", "x", "0001-01-01", "9999-12-31", "9000-01-02", "9999-12-31T23:59-14:00", "0001-01-01T00+14:00"],
)
def test_an_instant_that_the_api_refuses_is_wrong_usage(text: str, last: bool) -> None:
    """In the option's words; and never an error of Python's calendar."""
    with pytest.raises(click.BadParameter, match="expected a day"):
        instant_of(text, "--at", last=last)


@pytest.mark.parametrize("day", ["2026-11-29", "20261129", "2026-W48-7", "2026W487"])
def test_a_day_ends_with_it_however_it_is_written(day: str) -> None:
    """An instant is itself."""
    assert instant_of(day, "--to", last=False).isoformat() == "2026-11-29T00:00:00+00:00"
    assert instant_of(day, "--to", last=True).isoformat() == "2026-11-30T00:00:00+00:00"
    assert instant_of("2026-11-29T00:00", "--to", last=True).isoformat() == "2026-11-29T00:00:00+00:00"


def test_the_delay_is_that_of_the_emulator() -> None:
    """Which is not imported for the help."""
    [delay] = [each.type for name, _, each in options() if name == "emulator serve --delay-ms"]
    assert isinstance(delay, Whole)
    assert delay.most == DELAY_MS_AT_MOST


@pytest.mark.parametrize("region", ["no where", "", "EU-WEST-1", "eu-west", "eu-west-1\n", "-1"])
def test_a_region_that_is_none_is_not_served(region: str) -> None:
    """It would be printed as settings for a shell."""
    result = CliRunner().invoke(app, ["emulator", "serve", "--region", region])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--region: expected a Region such as eu-west-1" in result.stderr


@pytest.mark.parametrize("words", ALL)
def test_every_command_lists_its_exit_codes(words: str) -> None:
    """Of those that scripts meet: 3 only where policies are read, 5 and 6 only where something is decided or sent."""
    text = ALL[words].epilog or ""
    assert text.startswith("Exit codes: 0 ")
    for code in (Exit.FAILED, Exit.USAGE):
        assert f" {int(code)} " in text
    reads_policies = words.startswith("policy ") or words in {"demo", "local up"}
    assert reads_policies or f" {int(Exit.INVALID_POLICY)} " not in text
    sends = words in {"jobs approve", "jobs cancel", "pause", "resume", "policy push"}
    assert sends == (f" {int(Exit.REFUSED)} " in text) == (f" {int(Exit.NOT_KNOWN_YET)} " in text)


def test_every_session_is_in_the_region_that_aws_tools_read() -> None:
    """Of AWS_REGION, which boto3 does not read: sessions are made in two places only."""
    package = Path(batchgate_cli.__file__).parent
    made = {
        path.name
        for path in (*package.glob("commands/*.py"), *package.glob("operating/*.py"), *package.glob("replay/*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "Session"
    }
    assert made == {"aws_session.py", "api_client.py"}


def ended_with(words: list[str], stdout: TextIO, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of a command whose output goes there; closing it fails no more than Python's own exit may."""
    monkeypatch.setattr(sys, "stdout", stdout)
    with pytest.raises(SystemExit) as ended:
        app.main(words)
    stdout.close()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("words", [["policy", "schema"], ["policy", "prices"], ["policy", "--help"]], ids=" ".join)
def test_a_reader_that_ends_first_has_one_exit_code(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """However much was written until then: as of other tools in a pipe, 128 and the number of SIGPIPE."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w", encoding="utf-8") as pipe:
        assert ended_with(words, pipe, monkeypatch) == Exit.PIPE_CLOSED


def test_output_that_can_not_be_written_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk; not the success that a script would take it for."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        assert ended_with(["policy", "prices"], full, monkeypatch) == Exit.FAILED
    assert capsys.readouterr().err == "batchgate: standard output: No space left on device\n"


def test_a_number_that_nothing_can_hold_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """One in a file or in an answer: options have ranges."""
    with pytest.raises(click.exceptions.Exit) as ended, reported_errors():
        timedelta(days=10**10)
    assert ended.value.exit_code == Exit.FAILED
    assert capsys.readouterr().err.startswith("batchgate: a number or an instant is out of range: ")
