"""The page of all messages is current, complete, and says of each mistake where, what and what to do."""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import pytest

from batchgate.policy import calendars, patterns, validation
from batchgate.policy.validation import (
    key_messages,
    operands,
    parameters,
    reader,
    references,
    value_messages,
)
from batchgate.policy.validation import statements as of_statements
from batchgate.policy.validation import times as of_times
from batchgate_cli.authoring import case_file, case_members, cases, lint_file, policy_file, yaml_messages
from batchgate_cli.authoring.lint import (
    absent_parameters,
    approvals,
    list_elements,
    list_names,
    names,
    operations,
    requester,
    statements,
    tags,
    times,
    unmeasured,
    values,
)
from batchgate_cli.authoring.lint_file import LINTS_OF_FILES
from docs.generate.policy_message_inputs import FINDINGS
from docs.generate.policy_messages import PAGE, PARTS, messages_by_title, messages_markdown, messages_of

MODULES: tuple[ModuleType, ...] = (
    *(validation, reader, references, operands, of_statements, of_times, parameters, key_messages, value_messages),
    *(calendars, patterns, policy_file, yaml_messages, case_file, case_members, cases),
    *(lint_file, names, operations, requester, statements, times, unmeasured, values),
    *(absent_parameters, approvals, list_elements, list_names, tags),
)
"""All that makes messages for authors."""

MAKERS = {"wrong", "_wrong", "Problem", "Finding", "Mistake", "NotYaml", "here", "there", "_UnreadableError", "Failure"}
ERRORS = {"CalendarValueError", "GlobError", "_UnreadableError"}
NOT_BY_AUTHORS: Mapping[str, str] = {
    "expected policy files, got none": "the command wants a path",
    "expected a policy file, got {kind}": "a directory's entry that is no file, so it has no text",
    "str(error)": "passes on what another place says",
    "expected a text key, got {key!r}": "YAML's keys are text here; a document that is no file may have others",
    "expected dates of every year to be stored": "rows are made of what was read",
    "expected weekdays from 0": "rows are made of what was read",
    "expected minutes of a day": "rows are made of what was read",
    "together or neither, got": "rows are made of what was read",
    "to differ, got": "rows are made of what was read",
    "expected either days or dates, got {'both'": "rows are made of what was read",
    "write what a test case has below facts": "a file of --facts, tried in tests/cli/test_policy_commands.py",
    "expected YAML, got what its reader calls": "no input is known that leads here",
    "_UnreadableError(_INVALID_ESCAPE)": "the same words once more, for an error of the reader without a place",
}
"""Places that no policy file can lead to, by what they say."""


def test_the_page_is_as_its_command_writes_it() -> None:
    """`make reference` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == messages_markdown()


def places() -> Iterator[tuple[str, range, str]]:
    """Every place in the code that makes a message: file, lines, and the source."""
    for module in MODULES:
        file = str(module.__file__)
        source = Path(file).read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            called = node.exc if isinstance(node, ast.Raise) else node
            if not isinstance(called, ast.Call) or not isinstance(node, ast.Raise | ast.Call):
                continue
            name = called.func.attr if isinstance(called.func, ast.Attribute) else getattr(called.func, "id", "")
            if name in (ERRORS if isinstance(node, ast.Raise) else MAKERS):
                yield (
                    file,
                    range(node.lineno, (node.end_lineno or node.lineno) + 1),
                    ast.get_source_segment(source, node) or "",
                )


@pytest.fixture(scope="module")
def lines_run() -> set[tuple[str, int]]:
    """The lines of those modules that run while the page is made."""
    files, run = {str(module.__file__) for module in MODULES}, set[tuple[str, int]]()

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            run.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for part in PARTS:
            for given in part.inputs:
                if "[[[" not in given.shown:  # thousands of brackets take a minute to trace
                    messages_of(given, checks=part.checks)
    finally:
        sys.settrace(before)
    return run


def test_every_place_that_makes_a_message_is_on_the_page(lines_run: set[tuple[str, int]]) -> None:
    """A message that is added without an input for it fails here."""
    missing = [
        f"{Path(file).name}:{lines.start}: {source}"
        for file, lines, source in places()
        if not any((file, line) in lines_run for line in lines)
        and not any(words in " ".join(source.split()) for words in (*NOT_BY_AUTHORS, *_TRACED_APART))
    ]
    assert not missing, "\n".join(missing)


_TRACED_APART = ("brackets [ and {{, got", "nested too deeply")
"""What the inputs lead to that are left out of the trace."""


def test_every_lint_is_on_the_page() -> None:
    """By its name, at a finding."""
    text = PAGE.read_text(encoding="utf-8")
    assert [lint for lint in LINTS_OF_FILES if not re.search(rf"^\S+:\d+:\d+: {lint}: ", text, re.MULTILINE)] == []


def test_every_message_says_where_what_and_what_to_do() -> None:
    """With file, line and column; in one line that can be read; and never in a parser's or Python's words."""
    every = [(title, line) for title, lines in messages_by_title().items() for line in lines]
    for title, line in every:
        assert line.isprintable()
        assert len(line) < 900, (title, line)
        assert not re.search(r"\b(None|True|str|dict|NoneType|while (parsing|scanning)|token|scalar|<block)\b", line), (
            title,
            line,
        )
        if line.startswith(("    instead: ", "these ")) or title == "Expectations that are not met":
            continue
        assert re.match(r"[a-z.]+:\d+:\d+: |expected a directory|c: decided_by: ", line), (title, line)


def test_every_input_is_told_something() -> None:
    """Nothing stands on the page that nothing is wrong with, and no two inputs have one title."""
    titles = [given.title for part in PARTS for given in part.inputs]
    assert len(titles) == len(set(titles))
    assert {title for title, lines in messages_by_title().items() if lines} == set(titles)


def test_a_finding_is_told_below_its_name() -> None:
    """An input with findings leads to every lint that its title names: none is hidden by a problem in the input."""
    [findings] = [part.inputs for part in PARTS if part.inputs is FINDINGS]
    for given in findings:
        lines = messages_by_title()[given.title]
        for lint in given.title.split(":")[0].split(", "):
            assert any(f": {lint}: " in line for line in lines), (given.title, lint)
