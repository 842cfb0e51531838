"""What is printed for programs, compared with the formatters of the unmodified AWS CLI."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchgate_cli.operating.aws_output import Printer, as_csv, as_table, as_text, found_by
from batchgate_cli.operating.options import Format

CHECKOUT = Path(__file__).resolve().parents[2]

AWS_CLI = """
import io, json, sys
from types import SimpleNamespace

import awscli.table
import jmespath
from awscli.formatter import get_formatter

for line in sys.stdin:
    said = json.loads(line)
    awscli.table.determine_terminal_width = lambda: said["width"]
    query = jmespath.compile(said["query"]) if said["query"] else None
    args = SimpleNamespace(query=query, color=said["color"])
    out = io.StringIO()
    get_formatter(said["form"], args)("held", said["value"], out)
    print(json.dumps(out.getvalue()), file=sys.__stdout__, flush=True)
"""


class AwsCli:
    """The AWS CLI's formatters, in a process of its own environment."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def __call__(self, form: str, value: Any, query: str | None = None, width: int = 80, color: str = "off") -> str:
        """What it prints."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        said = {"form": form, "value": value, "query": query, "width": width, "color": color}
        self.process.stdin.write(json.dumps(said) + "\n")
        self.process.stdin.flush()
        return str(json.loads(self.process.stdout.readline()))


@pytest.fixture(scope="module")
def aws_cli() -> Iterator[AwsCli]:
    """One for all tests: it takes a second to start."""
    python = CHECKOUT / ".venv-awscli" / "bin" / "python"
    with subprocess.Popen([python, "-c", AWS_CLI], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield AwsCli(process)
        assert process.stdin is not None
        process.stdin.close()


JOBS: Any = {
    "warning": None,
    "jobs": [
        {
            "job_id": f"0a5d2f34-6baa-4455-a3e7-{number:012}",
            "operation": "S3PutObjectTagging",
            "total_tasks": 4 + number,
            "shadow": False,
            "reason": 'batchgate: held by by-hand: tag team is "gr\u00fcn \u6771\u4eac", want lake',
            "governing": ["by-hand", "teams"],
            "tags": {"team": "lake", "ticket": "4711"} if number else None,
            "approvals": [{"who": "arn:aws:iam::111122223333:user/ana", "at": "2026-11-22T12:00:00Z"}] * number,
        }
        for number in range(3)
    ],
    "next": None,
}

names = st.text("abcXY_", min_size=1, max_size=6)
scalars = st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8", exclude_categories=["C"]))
rows = st.dictionaries(names, scalars, max_size=4)
objects = st.recursive(
    st.dictionaries(names, scalars | st.lists(scalars, max_size=3), max_size=4),
    lambda inner: st.dictionaries(names, scalars | inner | st.lists(inner, max_size=3), max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("query", [None, "jobs[].job_id", "jobs[*].[job_id, total_tasks]", "jobs[0]", "jobs[].tags"])
@pytest.mark.parametrize("form", ["json", "text", "table"])
def test_an_answer_is_printed_as_the_aws_cli_prints_it(aws_cli: AwsCli, form: str, query: str | None) -> None:
    """With the same expression, at widths that make its tables stand upright and that do not."""
    value: Any = found_by(query, JOBS) if query else JOBS
    for width in (80, 200, 400):
        expected = aws_cli(form, JOBS, query, width)
        if form == "json":
            assert json.loads(expected) == value
        else:
            assert (as_text(value) if form == "text" else as_table("held", value, width)) == expected


def test_colours_are_those_of_the_aws_cli(aws_cli: AwsCli) -> None:
    """Values and edges."""
    assert as_table("held", JOBS, 80, color=True) == aws_cli("table", JOBS, color="on")


@given(objects | st.lists(rows, min_size=1) | st.lists(scalars))
@settings(max_examples=300, deadline=None)
def test_any_text_is_the_aws_clis(aws_cli: AwsCli, value: Any) -> None:
    """Lists in objects in lists, names that only some have, texts of any width."""
    assert as_text(value) == aws_cli("text", value)


@given(objects | st.lists(rows, min_size=1) | st.lists(scalars, min_size=1), st.integers(40, 200))
@settings(max_examples=300, deadline=None)
def test_any_table_is_the_aws_clis(aws_cli: AwsCli, value: Any, width: int) -> None:
    """Whatever it has to stretch or to turn."""
    assert as_table("held", value, width) == aws_cli("table", value, width=width)


@given(st.text('ab\t\n,"|', min_size=1))
@settings(deadline=None)
def test_no_text_breaks_out_of_csv(text: str) -> None:
    """Quotes, commas and line ends stay in their field."""
    import csv
    import io

    value: Any = [{"a": text, "b": [text], "c": None, "d": 4}]
    assert [*csv.reader(io.StringIO(as_csv(value), newline=""))] == [
        ["a", "b", "c", "d"],
        [f"'{text}" if text[0] in "\t\n" else text, json.dumps([text]), "", "4"],
    ]


@pytest.mark.parametrize("before", ["", " ", "\u00a0", "\t", "\r", "\n", "\0", " \n "])
@pytest.mark.parametrize("sign", "=+-@\uff1d\uff0b\uff0d\uff20")
def test_no_cell_of_csv_is_a_formula(before: str, sign: str) -> None:
    """Wherever the text stands: a tag's name, a list of a query's, a reason. Numbers stay numbers."""
    import csv
    import io

    text = f"{before}{sign}HYPERLINK(1)"
    values: list[Any] = [[{text: text, "n": -1}], [[text, -1]], [text, text], text]
    for value in values:
        rows = [*csv.reader(io.StringIO(as_csv(value), newline=""))]
        assert {cell for row in rows for cell in row} <= {f"'{text}", "-1", "n"}


class Terminal(io.StringIO):
    """Standard output that is a terminal's."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize("expression", [None, "rows"])
def test_nothing_that_is_printed_to_a_terminal_moves_its_cursor(
    monkeypatch: pytest.MonkeyPatch, form: Format, expression: str | None
) -> None:
    """Whatever requesters write into tags, names and descriptions."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    rows: list[Any] = [{"account": "lake\x1b[2J\r\x9b31m", "\x1b]0;name\x07": 1}]
    Printer(form, expression).print("budgets", {"rows": rows}, rows)
    shown = terminal.getvalue().replace("\n", "").replace("\t", "")
    for style in ("\x1b[1m", "\x1b[34m", "\x1b[2m", "\x1b[33m", "\x1b[0m"):
        shown = shown.replace(style, "")
    assert "lake" in shown
    assert shown.isprintable(), ascii(shown)
