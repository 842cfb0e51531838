"""Lines of checks for people and for programs."""

from collections.abc import Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from batchgate.jobs.model import Json
from batchgate_cli.operating.checks import Level, Line, worst
from batchgate_cli.output import printable_line, text_console

_STYLES: Final = {Level.PASS: "green", Level.HINT: "cyan", Level.WARN: "yellow", Level.FAIL: "bold red"}
_SUMMARY: Final = {
    Level.PASS: "nothing to do",
    Level.HINT: "nothing is wrong",
    Level.WARN: "to look at",
    Level.FAIL: "to fix",
}


def lines_as_json(lines: Sequence[Line]) -> list[Json]:
    """The stable JSON form: keys may be added, none change their meaning."""
    return [line.as_json() for line in lines]


def show_lines(lines: Sequence[Line]) -> None:
    """A table: level, what was checked, what was found, and below that what to do."""
    console = text_console()
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for line in lines:
        text = Text(printable_line(line.found))
        if line.do:
            text.append(f"\n-> {printable_line(line.do)}", "dim")
        table.add_row(Text(str(line.level), _STYLES[line.level]), Text(line.check, "bold"), text)
    console.print(table)


def summary(lines: Sequence[Line]) -> str:
    """How many lines are to be looked at."""
    level = worst(lines)
    if level in (Level.PASS, Level.HINT):
        return _SUMMARY[level]
    counts = {each: sum(line.level is each for line in lines) for each in (Level.FAIL, Level.WARN)}
    return ", ".join(f"{count} {_SUMMARY[each]}" for each, count in counts.items() if count)
