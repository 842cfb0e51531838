"""How results and errors are printed. Rich is imported only by what draws tables and trees."""

import os
import sys
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import click

from batchgate_cli.groups import option

if TYPE_CHECKING:
    import rich.tree
    from rich.console import Console

_WIDTH_OF_FILES = 1000
"""Columns of output that is not a terminal's: long lines stay whole."""

_NARROWEST = 20
"""Columns that are worth wrapping into."""

Styled: TypeAlias = str | tuple[str, str]
"""Text, or text and its style: bold, dim, italic, a colour, or some of them with a space between."""


class Output(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"


OutputOption = Annotated[Output, option("--output", "-o", metavar="FORMAT", help="text for people, json for programs.")]


class ReviewOutput(StrEnum):
    """How what is wrong with policies is printed: for people, programs, or code review."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"
    GITHUB = "github"


ReviewOutputOption = Annotated[
    ReviewOutput,
    option(
        "--output",
        "-o",
        metavar="FORMAT",
        help="text for people, json for programs; for code review sarif, junit (XML) or github (annotations).",
    ),
]


class Color(StrEnum):
    """When output has colours."""

    ON = "on"
    OFF = "off"
    AUTO = "auto"


def set_color(color: Color) -> None:
    """Have all that is printed from now on, by this process, have colours or not. AUTO: on terminals."""
    wanted = {Color.ON: "FORCE_COLOR", Color.OFF: "NO_COLOR"}
    if color in wanted:
        for name in wanted.values():  # which Rich reads, too
            os.environ.pop(name, None)
        os.environ[wanted[color]] = "1"


def has_color(*, err: bool = False) -> bool:
    """Whether standard output (or error) has colours."""
    if os.environ.get("FORCE_COLOR"):
        return True
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") in ("dumb", "unknown"):
        return False
    return (sys.stderr if err else sys.stdout).isatty()


def print_line(*parts: Styled, err: bool = False) -> None:
    """Print one line, with styles where it goes to a terminal; nothing in the parts themselves moves its cursor."""
    text = printable_in("".join(map(_styled, parts)), (sys.stderr if err else sys.stdout).encoding)
    click.echo(text, err=err, color=has_color(err=err))


_IN_ASCII: Final = str.maketrans("├└│─✓✗·█▒", "|`|-+x.#+")


def printable_in(text: str, encoding: str | None) -> str:
    """Text that a stream of some encoding takes: other marks for ours, and ? for what else it does not have."""
    encoding = encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_IN_ASCII).encode(encoding, "replace").decode(encoding)
    return text


def _styled(part: Styled) -> str:
    text, style = (part, "") if isinstance(part, str) else part
    text = "\n".join(map(printable_line, text.split("\n")))
    words = {*style.split()}
    effects = {effect: True for effect in ("bold", "dim", "italic") if effect in words}
    colour = next(iter(words - effects.keys()), None)
    return click.style(text, fg=colour, **effects) if words else text


def screen_width() -> int | None:
    """Columns of standard output's terminal; None where it is none, and lines stay whole."""
    import shutil

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def hanging(start: str, text: str, width: int | None, style: str = "") -> "list[list[Styled]]":
    """Text whose further lines begin where its first does."""
    text = printable_line(text)
    room = 0 if width is None else width - len(start)
    if width is None or len(text) <= room or room < _NARROWEST:
        return [[start, (text, style)]]
    import textwrap

    first, *others = textwrap.wrap(text, room, break_on_hyphens=False)
    lines: list[list[Styled]] = [[start, (first, style)]]
    for each in others:
        lines.append([" " * len(start), (each, style)])  # noqa: PERF401 - whose type mypy does not find
    return lines


@dataclass(frozen=True, slots=True)
class Tree:
    """A line and the lines below it."""

    label: list[Styled]
    branches: "list[Tree]" = field(default_factory=list)

    def add(self, label: list[Styled]) -> "Tree":
        """A new branch."""
        branch = Tree(label)
        self.branches.append(branch)
        return branch


def print_tree(tree: Tree) -> None:
    """Print a tree with guides; on a terminal Rich draws it, so that long lines wrap inside the guides."""
    if not sys.stdout.isatty():
        _print_branches(tree)
        return
    from rich.console import Console

    Console(highlight=False).print(_drawn(tree))


def _print_branches(tree: Tree, first: str = "", others: str = "") -> None:
    print_line(first, *tree.label)
    for branch in tree.branches:
        last = branch is tree.branches[-1]
        _print_branches(branch, others + ("└── " if last else "├── "), others + ("    " if last else "│   "))


def _drawn(tree: Tree) -> "rich.tree.Tree":
    from rich.text import Text
    from rich.tree import Tree as Drawn

    label = [each if isinstance(each, tuple) else (each, "") for each in tree.label]
    encoding = sys.stdout.encoding
    texts = [(printable_in(text, encoding), style) for text, style in label]
    drawn = Drawn(Text.assemble(*texts), guide_style="dim")
    drawn.children = [_drawn(branch) for branch in tree.branches]
    return drawn


def text_console() -> "Console":
    """Standard output; wide where it is not a terminal, so that long lines stay whole."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH_OF_FILES
    return console


_FORMULAS: Final = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""How a formula begins in a spreadsheet; the last four are full-width. *Source*: OWASP, CSV injection."""

_CONTROLS: Final = ("\t", "\r", "\n", "\0")
"""What a spreadsheet may drop before a formula. *Source*: as above."""


def csv_cell(text: str) -> str:
    """Text for a cell of CSV; an apostrophe goes before what a spreadsheet would read as a formula."""
    is_formula = text.startswith(_CONTROLS) or text.lstrip().startswith(_FORMULAS)
    return f"'{text}" if is_formula else text


def printable_line(text: str) -> str:
    """Text without anything that could move a terminal's cursor or change its colours."""
    return "".join(character if character.isprintable() else "?" for character in text)
