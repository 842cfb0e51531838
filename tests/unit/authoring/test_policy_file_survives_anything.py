"""Ten thousand files that nobody meant to write: valid, or refused with lines of the file; nothing else.

POLICY_FILES and POLICY_FILES_SEED choose how many and which.
"""

import json
import os
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest

from batchgate.errors import PolicyError, Problem
from batchgate.policy.compile import compile_policies
from batchgate_cli.authoring import policy_file
from tests.unit.everything import EVERYTHING, places, with_value, without
from tests.unit.strategies import RICH_DIALECT
from tests.verification.oracle.random_documents import random_document

pytestmark = pytest.mark.slow

FILES = int(os.environ.get("POLICY_FILES", "2000"))
SEED = int(os.environ.get("POLICY_FILES_SEED", "1"))
SHARES = 8
"""Tests that the files are spread over, so that they can run side by side."""

WRITTEN = """\
# batchgate: allow(open-policy) because the sandbox is open
version: 1
unmatched: cancel
cancel_held_after: 21d
lists:
  sandboxes: ["111111111111", '222222222222']
calendars:
  nights:
    timezone: Europe/Berlin
    open:
      - {days: [mon, tue], from: "22:00", to: "06:00"}
      - dates: [12-20..01-06]
    closed: [2026-12-24..2027-01-02]
policies: &all
  - name: lake-copies
    description: >-
      Copies out of
      the lake.
    match:
      - operation: S3PutObjectCopy
      - account: {list: sandboxes}
    require:
      - any:
          - all: [{region: eu-*}, {window: nights}]
          - tags: {urgent: "INC-*"}
      - total_tasks: {at_most: 1_000_000}
        unless: [{tags: {ticket: {not: "x ${account}"}}}]
        on_violation: cancel
        message: "too large"
exceptions:
  - {name: e, lifts: [lake-copies], match: [{role: "arn:*"}], expires: 2026-03-31, because: CHG-4411}
"""

PIECES = (
    *("\n", "\n  ", "\n    - ", " ", "\t", ": ", ":", "- ", "-", "? ", ", ", "[", "]", "{", "}", "#", " #", "'", '"'),
    *(
        "|\n",
        ">-\n",
        "&a ",
        "*a ",
        "*all ",
        "<<: ",
        "!!str ",
        "!x ",
        "!!set ",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "@",
        "`",
    ),
    *("%", "~", "null", "true", "0x1F", "1e9", ".nan", "-1", "1_000", "99999999999999999999", "22:00", "2026-02-30"),
    *("12-20..01-06", "${account}", "${x", "version: 1\n", "policies:\n", "- name: p\n", "require: []\n", "any", "all"),
    *("not", "list", "present", "window", "tags", "manual_approval: required", "operation_parameters", "ü", "😀"),
    *("\u2028", "\x85", "\x00", "\x1b", "\x7f", "\ufeff", "\ufffe", "\\uD800", "\\", "\r", "\r\n"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 10**18, 10**30, 1.5, float("nan"), float("inf")),
    *("", "x", "*", "${x}", "nights", "sandboxes", "lake-copies", "\x00", "\u2028", "ü" * 300),
    *([], {}, [[]], [{}], ["x", 5, None], {"not": {"not": {}}}, {"list": "nope"}, {"present": True}, {"": ""}),
    *({"any": []}, {"any": [{"region": "x"}]}, {"at_most": 5}),
)


def token_soup(rng: Random) -> str:
    """Write what a cat on the keyboard would, if it knew YAML."""
    return "".join(rng.choice(PIECES) for _ in range(rng.randint(0, 40)))


def spoiled_text(rng: Random) -> str:
    """Write a valid file and spoil one to four places of it."""
    text = WRITTEN
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(text))
        end = min(len(text), start + rng.choice([0, 0, 1, 1, 3, 10, 40, 200]))
        put = rng.choice(
            ["", rng.choice(PIECES), rng.choice(PIECES) * 3, text[rng.randrange(len(text)) :][: rng.randint(1, 40)]]
        )
        text = text[:start] + put + text[end:]
    return text


def spoiled_lines(rng: Random) -> str:
    """Write a valid file and take out, double, swap or indent lines of it."""
    lines = WRITTEN.splitlines(keepends=True)
    for _ in range(rng.randint(1, 3)):
        here, there = rng.randrange(len(lines)), rng.randrange(len(lines))
        match rng.randrange(4):
            case 0:
                del lines[here]
            case 1:
                lines.insert(there, lines[here])
            case 2:
                lines[here], lines[there] = lines[there], lines[here]
            case _:
                lines[here] = rng.choice(["  ", " ", "\t", "- "]) + lines[here]
    return "".join(lines)


def spoiled_data(rng: Random) -> str:
    """Write a document as data, some values of it replaced, taken out, or given a strange neighbour; as JSON."""
    document: Any = EVERYTHING if rng.random() < 0.1 else random_document(rng, RICH_DIALECT)
    for _ in range(rng.randint(1, 3)):
        path, value = rng.choice(places(document))
        match rng.randrange(3):
            case 0 if path:
                document = without(document, path)
            case 1 if isinstance(value, dict):
                document = with_value(
                    document, path, {**value, rng.choice(["not", "any", "x", ""]): rng.choice(VALUES)}
                )
            case 2 if isinstance(value, list):
                document = with_value(document, path, [*value, rng.choice(VALUES)])
            case _:
                document = with_value(document, path, rng.choice(VALUES))
    return json.dumps(document, indent=1 if rng.random() < 0.5 else None, ensure_ascii=rng.random() < 0.5)


KINDS: tuple[tuple[int, Callable[[Random], str]], ...] = (
    (40, token_soup),
    (30, spoiled_text),
    (15, spoiled_lines),
    (15, spoiled_data),
)


def files(share: int) -> list[str]:
    """Write one share of the files; the same for the same seed."""
    rng = Random(f"{SEED} {share}")
    weights = [weight for weight, _ in KINDS]
    return [rng.choices([kind for _, kind in KINDS], weights)[0](rng) for _ in range(FILES // SHARES)]


LINE = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What ends a line in YAML 1.1 readers; 1.2 knows fewer."""


def read(text: str) -> policy_file.LoadedPolicy | Sequence[Problem]:
    """Load a file, or give what is wrong with it; whatever else it raises is a defect."""
    try:
        return policy_file.load_text(text, "x.yaml")
    except PolicyError as error:
        return error.problems


@pytest.mark.parametrize("share", range(SHARES))
def test_any_file_is_valid_or_refused_with_lines_of_the_file(share: int) -> None:
    """No traceback, no problem without a place, no place outside of the file; what is valid is wholly so."""
    valid = 0
    for text in files(share):
        answer = read(text)
        if isinstance(answer, policy_file.LoadedPolicy):
            valid += 1
            again = compile_policies(json.loads(answer.canonical_json))
            assert again.version == answer.policies.version, text
            continue
        lines = len(LINE.findall(text)) + 1
        assert answer, text
        for problem in answer:
            assert problem.message, text
            assert problem.place is not None, (text, problem)
            assert problem.place.file == "x.yaml"
            assert 1 <= problem.place.line <= lines, (text, problem)
    assert valid >= FILES // SHARES // 100  # were nothing valid, the second half would prove nothing


def test_the_unspoiled_file_is_valid() -> None:
    """Spoiling starts from what is right."""
    loaded = policy_file.load_text(WRITTEN)
    assert [each.lint for each in loaded.silences] == ["open-policy"]


def test_the_same_seed_writes_the_same_files() -> None:
    """A failure can be had again."""
    assert files(0)[:50] == files(0)[:50]
    assert files(0)[:50] != files(1)[:50]
