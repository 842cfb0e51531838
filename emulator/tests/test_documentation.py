"""docs/emulator.md tells what is there: its code runs, its tables are complete."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from s3batch_emulator import TRANSITIONS, Delays, Effect, Fault, Switches, Unreliability
from s3batch_emulator.control import _ROUTES, PREFIX

from .aws_commands import without_settings

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "emulator.md").read_text()


def rows(section: str) -> list[list[str]]:
    """The cells of a section's table, without its head."""
    text = re.split(r"^## ", DOCUMENT.partition(f"\n## {section}\n")[2], flags=re.MULTILINE)[0]
    table = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def test_the_example_runs_on_a_clean_machine(tmp_path: Path) -> None:
    """As it stands, assertions included, in a shell without credentials, configuration or a home."""
    section = DOCUMENT.partition("\n## In a test\n")[2].partition("\n## ")[0]
    (code,) = re.findall(r"^```python\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**without_settings(), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_life_cycle_is_the_table() -> None:
    """Line for line, inferred lines marked."""
    assert rows("The life cycle") == [
        [
            line.before.value,
            line.cause.value,
            line.after.value,
            f"*inferred*: {line.source}" if line.inferred else line.source,
        ]
        for line in TRANSITIONS
    ]


def test_every_switch_is_described() -> None:
    """In the order of the class."""
    assert [row[0] for row in rows("Switches")] == [f"`{switch.name}`" for switch in fields(Switches)]


def test_every_effect_is_described() -> None:
    """By the word that the control API takes."""
    assert [row[0] for row in rows("Faults on purpose")] == [f"`{effect.value}`" for effect in Effect]


def test_every_control_request_is_described() -> None:
    """Each route once."""
    described = sorted(row[0] for row in rows("The control API"))
    assert described == sorted(f"`{method} {PREFIX}{path}`" for method, path in _ROUTES)


@pytest.mark.parametrize("described", [Fault, Unreliability], ids=lambda described: described.__name__)
def test_every_choice_is_mentioned(described: type) -> None:
    """Of faults and of bad delivery."""
    names = [choice.name for choice in fields(described) if choice.name not in {"effect", "code"}]
    assert [name for name in names if name not in DOCUMENT] == []


def test_delays_name_every_status_that_ends_by_itself() -> None:
    """So that no passing status is without its duration."""
    passing = {line.before.value.lower() for line in TRANSITIONS} - {"suspended", "active", "paused"}
    assert {delay.name for delay in fields(Delays)} == passing | {"registered"}
