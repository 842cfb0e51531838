"""Reads what a Markdown document shows of a shell, and runs it.

A fenced block with the language `console` is a transcript: lines that begin with `$ ` are commands, lines that begin
with `> ` right after one continue it, all others are what the command prints. `...` stands for any text. A command
must succeed, unless it is the block's last and the fence says otherwise:

    ```console exits 2            the last command ends with status 2
    ```console not run: reason    shown only, for the reason given

All blocks of a document run in one shell, one after the other, as a reader would type them.
"""

import doctest
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt

PATIENCE_SECONDS = 300
_MARK = "-- end of command, status"
_OPTIONS = doctest.ELLIPSIS | doctest.REPORT_NDIFF


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `line` is where its content begins, counted from 1."""

    language: str
    remark: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a transcript, what it should print, and the status that it should end with."""

    line: int
    typed: str
    printed: str
    status: int


def blocks(markdown: str, language: str) -> Iterator[Block]:
    """The document's fenced blocks in that language."""
    for token in MarkdownIt().parse(markdown):
        if token.type == "fence" and token.map:
            named, _, remark = token.info.strip().partition(" ")
            if named == language:
                yield Block(named, remark.strip(), token.map[0] + 2, token.content)


def commands(markdown: str) -> list[Command]:
    """The commands of all transcripts that are to be run.

    Raises:
        ValueError: A fence's remark is none of the two that there are, or a block does not begin with a command.
    """
    return [command for block in blocks(markdown, "console") for command in _commands_of(block)]


def _commands_of(block: Block) -> Iterator[Command]:
    if re.fullmatch(r"not run: .+", block.remark):
        return
    status = re.fullmatch(r"(?:exits (\d+))?", block.remark)
    if status is None:
        message = f"line {block.line}: expected `exits STATUS` or `not run: REASON`, got {block.remark!r}"
        raise ValueError(message)
    lines = block.text.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    if not starts or starts[0] != 0:
        message = f"line {block.line}: a console block begins with a command (`$ ...`)"
        raise ValueError(message)
    for start, end in pairwise([*starts, len(lines)]):
        typed = [lines[start].removeprefix("$ ")]
        rest = lines[start + 1 : end]
        while rest and rest[0].startswith("> "):
            typed.append(rest.pop(0).removeprefix("> "))
        ends_with = int(status[1] or 0) if end == len(lines) else 0
        yield Command(block.line + start, "".join(typed), "".join(rest), ends_with)


def differences(markdown: str, directory: Path, environment: dict[str, str]) -> list[str]:
    """Run the document's transcripts in `directory`; what came out otherwise than shown, with line numbers."""
    shown = commands(markdown)
    script = "".join(f"{command.typed}\nprintf '\\n{_MARK} %s\\n' $?\n" for command in shown)
    printed = _run(script, directory, environment)
    parts = re.split(rf"\n{_MARK} (\d+)\n", printed)
    outputs, statuses = parts[0::2], parts[1::2]
    wrong = [
        difference
        for command, output, status in zip(shown, outputs, statuses, strict=False)
        if (difference := _difference(command, output, int(status)))
    ]
    if len(statuses) < len(shown):
        command = shown[len(statuses)]
        wrong.append(f"line {command.line}: $ {command.typed}did not end; it printed:\n{outputs[-1]}")
    return wrong


def _run(script: str, directory: Path, environment: dict[str, str]) -> str:
    """All that the shell and its commands print, up to when the shell ends or patience does."""
    output = directory.with_name(f"{directory.name}.output")
    # A file, because a background process that keeps a pipe open would keep us waiting.
    with (
        output.open("w") as sink,
        subprocess.Popen(
            ["bash", "-c", script],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as shell,
    ):
        try:
            with suppress(subprocess.TimeoutExpired):
                shell.wait(PATIENCE_SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)  # and what it left in the background
    return output.read_text()


def _difference(command: Command, output: str, status: int) -> str:
    checker = doctest.OutputChecker()
    # Trailing blanks can't be seen in a document, and the last line end is the marker's.
    got = "".join(f"{line.rstrip()}\n" for line in output.splitlines())
    wanted = "".join(f"{line.rstrip()}\n" for line in command.printed.splitlines())
    if status != command.status:
        return f"line {command.line}: $ {command.typed}ended with {status}, not {command.status}; it printed:\n{got}"
    if not checker.check_output(wanted, got, _OPTIONS):
        example = doctest.Example(command.typed, wanted)
        return f"line {command.line}: $ {command.typed}{checker.output_difference(example, got, _OPTIONS)}"
    return ""
