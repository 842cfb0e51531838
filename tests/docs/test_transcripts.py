"""The runner of transcripts notices what a document gets wrong."""

import os
import re
from pathlib import Path

import pytest

from tests.docs.transcripts import commands, differences

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def document(*lines: str, fence: str = "console") -> str:
    """A document with one block."""
    return "\n".join(["# A title", "", f"```{fence}", *lines, "```", ""])


@pytest.mark.parametrize(
    "lines",
    [
        ("$ echo one; echo two", "one", "two"),
        ("$ echo one", "one", "$ echo two", "two"),
        ("$ true",),
        ("$ printf 'no line end'", "no line end"),
        ("$ echo one; echo two; echo three", "one", "...", "three"),
        ("$ echo took 17 ms", "took ... ms"),
        ("$ cat <<'END'", "> first", "> END", "first"),
        ("$ NAME=kept", "$ echo $NAME", "kept"),
        ("$ echo to stderr >&2", "to stderr"),
        ("$ sleep 600 &", "$ echo after", "after"),
        ("$ echo one; echo; echo two", "one", "", "two"),
    ],
)
def test_a_true_transcript_has_no_differences(tmp_path: Path, lines: tuple[str, ...]) -> None:
    """Output, elisions, continued commands, one shell for all, and nothing that waits for the background."""
    assert differences(document(*lines), tmp_path, ENVIRONMENT) == []


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("$ echo one", "two"), r"line 4: \$ echo one\n"),
        (("$ echo one",), r"line 4"),
        (("$ true", "$ true", "something"), r"line 5"),
        (("$ false",), r"line 4: \$ false\nended with 1, not 0"),
        (("$ echo one", "one", "$ exit 3", "$ true"), r"line 6: \$ exit 3\ndid not end"),
        (("$ echo one; echo two; echo three", "one", "...", "four"), r"line 4"),
    ],
)
def test_a_false_transcript_is_told_apart(tmp_path: Path, lines: tuple[str, ...], said: str) -> None:
    """Other output, missing output, output out of nowhere, a failure, a shell that ends early: each with its line."""
    [difference] = differences(document(*lines), tmp_path, ENVIRONMENT)
    assert re.match(said, difference), difference


def test_a_failure_that_the_fence_announces_is_expected(tmp_path: Path) -> None:
    """Only the last command may fail, and only with the status shown."""
    expected = document("$ echo a", "a", "$ (exit 2)", fence="console exits 2")
    assert differences(expected, tmp_path, ENVIRONMENT) == []
    assert differences(document("$ false", fence="console exits 2"), tmp_path, ENVIRONMENT) != []
    assert differences(document("$ false", "$ true", fence="console exits 1"), tmp_path, ENVIRONMENT) != []


def test_what_is_not_to_be_run_is_not_run(tmp_path: Path) -> None:
    """Given a reason."""
    assert differences(document("$ touch x", fence="console not run: needs an account"), tmp_path, ENVIRONMENT) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("lines", "fence"),
    [
        (("$ true",), "console not run"),
        (("$ true",), "console exit 2"),
        (("output first", "$ true"), "console"),
        ((), "console"),
    ],
)
def test_a_block_that_is_no_transcript_is_refused(lines: tuple[str, ...], fence: str) -> None:
    """Rather than passed over."""
    with pytest.raises(ValueError, match="line 4"):
        commands(document(*lines, fence=fence))
