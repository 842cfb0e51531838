"""Answers for programs as the AWS CLI prints them: JSON, text between tabs, tables, and what `--query` finds; CSV, too.

*Source*: the AWS CLI's output formats (User Guide, cli-usage-output-format); a test compares them with the AWS CLI's.
"""

import csv
import io
import json
import struct
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Final

import click

from batchgate.jobs.model import Json
from batchgate_cli.operating.options import ApiOptions, Format
from batchgate_cli.output import csv_cell, has_color, printable_in, printable_line, set_color

_WIDTH_OF_FILES: Final = 80
"""What the AWS CLI takes for the width of output that is not a terminal's."""

_PADDING: Final = 4
_BOLD_BLUE: Final = "\x1b[1m\x1b[34m"
_DIM_YELLOW: Final = "\x1b[2m\x1b[33m"
_RESET: Final = "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Printer:
    """Prints a command's answer as its options ask."""

    form: Format | None
    expression: str | None

    @property
    def is_for_people(self) -> bool:
        """Whether the command prints its own view."""
        return self.form is None and self.expression is None

    def print(self, title: str, answer: Mapping[str, Json], rows: Sequence[Json] | None = None) -> None:
        """Print an answer for programs.

        Args:
            title: Of a table: the command's name.
            answer: All of it.
            rows: What is one line each in CSV; the answer if not given.
        """
        value: Json = {**answer}
        if self.expression is not None:
            value = found_by(self.expression, value)
        elif self.form is Format.CSV and rows is not None:
            value = [*rows]
        if sys.stdout.isatty():
            value = _printable(value)
        match self.form:
            case Format.TEXT:
                text = as_text(value)
            case Format.TABLE:
                text = as_table(title, value, _width(), color=has_color())
            case Format.CSV:
                text = as_csv(value)
            case _:
                text = json.dumps(value, indent=2) + "\n"
        click.echo(printable_in(text, sys.stdout.encoding), nl=False, color=True)


def printer(options: ApiOptions) -> Printer:
    """How a command prints.

    Raises:
        click.BadParameter: `--query` is no JMESPath expression.
    """
    set_color(options.color)
    if options.query is not None:
        from jmespath import compile as compiled
        from jmespath.exceptions import JMESPathError

        try:
            compiled(options.query)
        except JMESPathError as error:
            raise click.BadParameter(f"expected a JMESPath expression: {error}", param_hint="--query") from error
    return Printer(options.output, options.query)


def found_by(expression: str, value: Json) -> Json:
    """What a JMESPath expression finds.

    Raises:
        click.BadParameter: It can't be applied to this value.
    """
    from jmespath import search
    from jmespath.exceptions import JMESPathError

    try:
        found: Json = search(expression, value)
    except JMESPathError as error:
        raise click.BadParameter(str(error), param_hint="--query") from error
    return found


def _printable(value: Json) -> Json:
    """A value whose texts do not move a terminal's cursor."""
    match value:
        case str():
            return printable_line(value)
        case dict():
            return {printable_line(name): _printable(each) for name, each in value.items()}
        case list():
            return [_printable(each) for each in value]
        case _:
            return value


def _is_scalar(value: Json) -> bool:
    return not isinstance(value, list | dict)


# --- Text ---------------------------------------------------------------------------------------------


def as_text(value: Json) -> str:
    """A line a list or object, its scalars between tabs in the order of their names; what is nested on lines below."""
    return "".join(f"{line}\n" for line in _text_lines(value, None, None))


def _text_lines(value: Json, name: str | None, columns: Sequence[str] | None) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _text_of_object(value, name, columns)
    elif isinstance(value, list):
        yield from _text_of_list(value, name)
    else:
        yield str(value)


def _text_of_list(values: Sequence[Json], name: str | None) -> Iterator[str]:
    objects = [each for each in values if isinstance(each, dict)]
    if objects:
        columns = sorted({key for each in objects for key, value in each.items() if _is_scalar(value)})
        for each in values:
            yield from _text_lines(each, name, columns)
        return
    scalars = [str(each) for each in values if _is_scalar(each)]
    if scalars and name is not None:
        yield from (f"{name.upper()}\t{each}" for each in scalars)
    elif scalars:
        yield "\t".join(scalars)
    for each in values:
        if not _is_scalar(each):
            yield from _text_lines(each, name, None)


def _text_of_object(value: Mapping[str, Json], name: str | None, columns: Sequence[str] | None) -> Iterator[str]:
    if columns is None:
        columns = sorted(key for key, each in value.items() if _is_scalar(each))
    if columns:
        yield "\t".join(
            [*([name.upper()] if name is not None else []), *(str(value.get(each, "")) for each in columns)]
        )
    for key in sorted(value.keys() - set(columns)):
        yield from _text_lines(value[key], key, None)


# --- Tables -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Section:
    """A part of a table: its title, the names of its columns, its rows."""

    title: str
    level: int
    header: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)

    @property
    def columns(self) -> list[int]:
        """How wide each is."""
        lines = zip_longest(*[self.header, *self.rows], fillvalue="")
        return [max(map(_columns_of, column)) for column in lines]

    @property
    def width(self) -> int:
        """Of all of it with its edges."""
        columns = sum(each + _PADDING for each in self.columns) + 2
        return 2 * self.level + max(_columns_of(self.title) + 2, columns)

    def upright(self) -> "_Section":
        """One row as two columns: names and values."""
        if len(self.rows) != 1 or not self.header:
            return self
        pairs = [list(pair) for pair in zip(self.header, self.rows[0], strict=True)]
        return _Section(self.title, self.level, [], pairs)


def as_table(title: str, value: Json, width: int, *, color: bool = False) -> str:
    """Boxes within boxes; one with a single row stands upright where the whole would be wider than the terminal."""
    sections: list[_Section] = []
    if not _add_sections(sections, title, value, 0):
        return ""
    if max(each.width for each in sections) > width:
        sections = [each.upright() for each in sections]
    widest = max(each.width for each in sections)
    lines = ["-" * widest]
    for section in sections:
        edge = _styled("|", _DIM_YELLOW, color=color) * section.level
        lines += [f"{edge}{line}{edge}" for line in _drawn(section, widest - 2 * section.level, color=color)]
    return "".join(f"{line}\n" for line in lines)


def _add_sections(sections: list[_Section], title: str | None, value: Json, level: int) -> bool:
    if not value:
        return False
    if title is not None:
        sections.append(_Section(title, level))
    if isinstance(value, dict):
        _add_object(sections, value, level)
    elif isinstance(value, list) and isinstance(value[0], dict):
        _add_objects(sections, [each for each in value if isinstance(each, dict)], level, title or "")
    elif isinstance(value, list):
        for each in value:
            if _is_scalar(each):
                sections[-1].rows.append([str(each)])
            elif isinstance(each, list) and all(map(_is_scalar, each)):
                sections[-1].rows.append([str(part) for part in each])
            else:
                _add_sections(sections, None, each, 0)
    return True


def _add_object(sections: list[_Section], value: Mapping[str, Json], level: int) -> None:
    names = sorted(key for key, each in value.items() if _is_scalar(each))
    if len(names) == 1:
        sections[-1].rows.append([names[0], str(value[names[0]])])
    elif names:
        sections[-1].header = names
        sections[-1].rows.append([str(value[each]) for each in names])
    for key in sorted(value.keys() - set(names)):
        _add_sections(sections, key, value[key], level + 1)


def _add_objects(sections: list[_Section], values: Sequence[Mapping[str, Json]], level: int, title: str) -> None:
    names = sorted({key for each in values for key, value in each.items() if _is_scalar(value)})
    nested = sorted({key for each in values for key, value in each.items() if not _is_scalar(value)})
    sections[-1].header = names
    for number, each in enumerate(values):
        if number and nested:
            sections.append(_Section(title, level, names))
        sections[-1].rows.append([str(each.get(name, "")) for name in names])
        for key in nested:
            if key in each:
                _add_sections(sections, key, each[key], level + 1)


def _drawn(section: _Section, width: int, *, color: bool) -> Iterator[str]:
    if section.title:
        yield _centred(section.title, width, "|")
        if not section.header and not section.rows:
            yield f"+{'-' * (width - 2)}+"
    columns = _scaled([each + _PADDING for each in section.columns], width)
    line = "".join(
        f"{'' if number else '+'}{'-' * (each - (1 if number else 2))}+" for number, each in enumerate(columns)
    )
    if section.header:
        yield line
        cells = zip(section.header, columns, strict=True)
        yield "".join(_centred(cell, each, "" if number else "|") for number, (cell, each) in enumerate(cells))
    if section.rows and columns:
        yield line
        for row in section.rows:
            cells = zip([*row, *[""] * (len(columns) - len(row))], columns, strict=True)
            yield "".join(
                _at_left(cell, each, "" if number else "|", color=color) for number, (cell, each) in enumerate(cells)
            )
        yield line


def _scaled(columns: list[int], width: int) -> list[int]:
    """Columns stretched or shrunk to a width; what rounding leaves goes to the first, or comes from the last."""
    if not columns:
        return columns
    factor = width / float(sum(columns))
    scaled = [round(factor * each) for each in columns]
    while off := sum(scaled) - width:
        step, order = (-1, range(len(scaled))) if off > 0 else (1, range(len(scaled) - 1, -1, -1))
        for number, _ in zip(order, range(abs(off)), strict=False):
            scaled[number] += step
    return scaled


def _centred(text: str, width: int, edge: str) -> str:
    length = _columns_of(text)
    start = f"{edge}{' ' * (width // 2 - length // 2 - 1)}{text}"
    left = len(edge) + (width // 2 - length // 2 - 1) + length
    return f"{start}{' ' * (width - 1 - left)}|"


def _at_left(text: str, width: int, edge: str, *, color: bool) -> str:
    length = _columns_of(text)
    padding = 2 if width >= length + 3 + len(edge) else 0
    rest = " " * (width - len(edge) - padding - length - 1)
    return f"{edge}{' ' * padding}{_styled(text, _BOLD_BLUE, color=color)}{rest}|"


def _styled(text: str, style: str, *, color: bool) -> str:
    return f"{style}{text}{_RESET}" if color else text


def _columns_of(text: str) -> int:
    """How wide a text is, as the AWS CLI counts: what is ambiguous is wide."""
    return sum(2 if unicodedata.east_asian_width(each) in "WFA" else 1 for each in text)


def _width() -> int:
    """Of the terminal of standard output."""
    try:
        from fcntl import ioctl
        from termios import TIOCGWINSZ

        _, columns, *_ = struct.unpack("hhhh", ioctl(sys.stdout, TIOCGWINSZ, b"\0" * 8))
    except (ImportError, OSError, ValueError, struct.error):
        return _WIDTH_OF_FILES
    return int(columns)


# --- CSV ----------------------------------------------------------------------------------------------


def as_csv(value: Json) -> str:
    """A line of names and one line an object; of lists, one line each. What is nested stands as JSON.

    No cell is a formula.
    """
    rows = value if isinstance(value, list) else [value]
    names = [*dict.fromkeys(key for each in rows if isinstance(each, dict) for key in each)]
    lines = [_line(map(csv_cell, names))] if names else []
    for row in rows:
        match row:
            case dict():
                lines.append(_line(_cell(row.get(name)) for name in names))
            case list():
                lines.append(_line(map(_cell, row)))
            case _:
                lines.append(_line([_cell(row)]))
    return "".join(lines)


def _line(cells: Iterable[str]) -> str:
    """One line. Before Python 3.13, `csv` quotes a carriage return only if the line terminator has one."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n") + "\n"


def _cell(value: Json) -> str:
    match value:
        case None:
            return ""
        case str():
            return csv_cell(value)
        case _:
            return json.dumps(value)
