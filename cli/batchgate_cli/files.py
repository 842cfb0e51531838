"""Input files, which are read here, and output files, which are checked here before any work is done.

The path - is standard input.
"""

import codecs
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, Final

import click

from batchgate.errors import GateError
from batchgate.jobs.model import Json

_TEXT: Final = "utf-8-sig"
"""UTF-8, with a byte order mark where a shell or an editor wrote one."""

_DEPTH_AT_MOST: Final = 100
"""Objects and lists inside one another: S3's answers have less than 20, and Python can't walk thousands."""

_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


STANDARD_INPUT: Final = Path("-")


class InputError(GateError):
    """An input file is missing or has other content than expected. The message begins with the file's name."""


class OutputError(GateError):
    """An output file can't be written."""


class JsonError(ValueError):
    """A text is not JSON. The message says what it is instead.

    Attributes:
        line, column: Where, counted from 1; None if it is about the whole text.
    """

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.line, self.column = line, column


def name_of(source: Path) -> str:
    """An input file as messages name it."""
    return "standard input" if source == STANDARD_INPUT else str(source)


def read_text(source: Path, expected: str) -> str:
    """Read a UTF-8 file or standard input.

    Args:
        source: The file.
        expected: What it should contain, as in "a list of jobs".

    Raises:
        InputError: It is not UTF-8.
        OSError: It can't be read.
    """
    content = _standard_input().read() if source == STANDARD_INPUT else source.read_bytes()
    try:
        return content.decode(_TEXT)
    except UnicodeDecodeError as error:
        raise InputError(f"{name_of(source)}: expected {expected}, got {_other_encoding(error, content)}") from error


def read_json(source: Path, expected: str) -> Json:
    """Read a JSON file or standard input.

    Raises:
        InputError: It is not UTF-8, or not JSON.
        OSError: It can't be read.
    """
    name, text = name_of(source), read_text(source, expected)
    try:
        return parse_json(text)
    except JsonError as error:
        if not text.strip():
            wrote = "the command before it" if source == STANDARD_INPUT else "the command that wrote it"
            raise InputError(f"{name}: expected {expected}, got nothing; did {wrote} fail?") from error
        place = f"{name}:{error.line}:{error.column}" if error.line else name
        raise InputError(f"{place}: expected {expected}, got {error}") from error


def parse_json(text: str) -> Json:
    """Parse JSON whose depth Python can walk.

    Raises:
        JsonError: It is something else.
    """
    try:
        value: Json = json.loads(text)
    except json.JSONDecodeError as error:
        raise JsonError(f"text that is not JSON ({error.msg})", error.lineno, error.colno) from error
    except ValueError as error:  # Python reads no numbers of more than 4,300 digits
        raise JsonError("JSON with a number that is too long") from error
    except RecursionError as error:
        raise JsonError(_TOO_DEEP) from error
    level: list[Json] = [value]
    for _ in range(_DEPTH_AT_MOST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return value
    raise JsonError(_TOO_DEEP)


_TOO_DEEP: Final = f"JSON that is nested more than {_DEPTH_AT_MOST} levels deep"


def _inside(value: Json) -> Iterable[Json]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


@contextmanager
def opened_text(source: Path, expected: str) -> Iterator[IO[str]]:
    """Open a UTF-8 file, or standard input, to read it line by line. A file named *.gz is decompressed.

    Raises:
        InputError: It is not UTF-8, or not compressed as its name says. Also while it is read.
        OSError: It can't be read.
    """
    import gzip
    import zlib

    name = name_of(source)
    try:
        if source == STANDARD_INPUT:
            from_stdin = io.TextIOWrapper(_standard_input(), encoding=_TEXT)
            try:
                yield from_stdin
            finally:
                from_stdin.detach()  # which leaves standard input open
        elif source.suffix == ".gz":
            with gzip.open(source, "rt", encoding=_TEXT) as lines:
                yield lines
        else:
            with source.open(encoding=_TEXT) as lines:
                yield lines
    except UnicodeDecodeError as error:
        got = _other_encoding(error, error.object)
        raise InputError(f"{name}: expected {expected}, got {got}") from error
    except gzip.BadGzipFile as error:
        got = "a file that is not compressed with gzip although its name ends in .gz"
        raise InputError(f"{name}: expected {expected}, got {got}; rename it") from error
    except (EOFError, zlib.error) as error:
        got = "a gzip file that is incomplete or damaged"
        raise InputError(f"{name}: expected {expected}, got {got}; write it again") from error


def _standard_input() -> BinaryIO:
    return sys.stdin.buffer


def _other_encoding(error: UnicodeDecodeError, content: bytes) -> str:
    if content.startswith(_UTF_16):
        return "UTF-16; save it as UTF-8, in PowerShell with `| Out-File -Encoding utf8 FILE`"
    return f"the byte 0x{error.object[error.start]:02x}, which is not UTF-8; save it as UTF-8"


# --- output ---------------------------------------------------------------------------------------------


def check_output(to: Path, option: str, inputs: Iterable[Path] = ()) -> None:
    """Reject an output file that can't be written, or that would replace an input file.

    Args:
        to: The file to write.
        option: The option that names it, such as --to.
        inputs: The files that the command reads.

    Raises:
        click.BadParameter: It is one of the inputs.
        OutputError: Its directory does not exist, it is a directory, or the permission is missing.
    """
    for each in inputs:
        if os.path.realpath(to) == os.path.realpath(each) or _is_same(to, each):
            message = f"{to} is one of the files that this command reads, and would be replaced; name another file"
            raise click.BadParameter(message, param_hint=option)
    if to.is_dir():
        raise OutputError(f"{option}: expected a file to write, got the directory {to}")
    if not to.exists():
        _check_directory(to.parent, option, to)
    elif not os.access(to, os.W_OK):
        raise OutputError(f"{option}: {to}: no permission to write it")


def check_output_directory(to: Path, option: str) -> None:
    """Reject an output directory that can't be made or written.

    Raises:
        OutputError: It is a file, or the permission is missing.
    """
    existing = next(each for each in (to, *to.parents) if os.path.lexists(each))
    _check_directory(existing, option, to)


def _check_directory(directory: Path, option: str, to: Path) -> None:
    below = f" for {to}" if to != directory else ""
    if not directory.exists():
        raise OutputError(f"{option}: expected a directory that exists{below}, got {directory}; create it first")
    if not directory.is_dir():
        raise OutputError(f"{option}: expected a directory{below}, got the file {directory}")
    if not os.access(directory, os.W_OK):
        raise OutputError(f"{option}: no permission to write in the directory {directory}{below}")


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
