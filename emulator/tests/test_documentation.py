"""README.md and docs/reference.md: their code runs, their tables are complete."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from s3batch_emulator import TRANSITIONS, Delays, Effect, Fault, Switches, Unreliability
from s3batch_emulator.control import _ROUTES, PREFIX

from .aws_commands import without_settings

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[1]
README = (PROJECT / "README.md").read_text()
REFERENCE = (PROJECT / "docs" / "reference.md").read_text()


def section_of(document: str, title: str) -> str:
    """The text of a section, its subsections included."""
    return document.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def blocks(section: str, language: str) -> list[str]:
    """The code blocks of a section in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)


def rows(document: str, section: str) -> list[list[str]]:
    """The cells of a section's table, without its head."""
    table = [line for line in section_of(document, section).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def run_on_a_clean_machine(directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a shell without credentials, configuration or a home."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=directory,
        env={**without_settings(), "HOME": str(directory), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("section", ["In pytest", "Inside moto"])
def test_the_readmes_tests_pass_with_the_output_it_shows(section: str, tmp_path: Path) -> None:
    """As they stand, with the fixtures found by the entry point alone."""
    (code,) = blocks(section_of(README, section), "python")
    (shown,) = blocks(section_of(README, "In pytest"), "text")
    (tmp_path / "test_job.py").write_text(code)
    done = run_on_a_clean_machine(tmp_path, "-m", "pytest", "-q", "-W", "error", "test_job.py")
    printed = re.sub(r" in [0-9.]+s", " in 0.34s", done.stdout)
    assert f"$ pytest -q test_job.py\n{printed}" == shown


def test_the_example_of_the_reference_runs_on_a_clean_machine(tmp_path: Path) -> None:
    """As it stands, assertions included."""
    (code,) = blocks(section_of(REFERENCE, "In Python"), "python")
    done = run_on_a_clean_machine(tmp_path, "-c", code)
    assert (done.returncode, done.stderr) == (0, "")


def test_links_between_the_documents_lead_somewhere() -> None:
    """Files exist, and so do the headings."""
    for home, text in ((PROJECT, README), (PROJECT / "docs", REFERENCE)):
        for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text):
            target = (home / path).read_text() if path else text
            headings = {
                re.sub(r"[^\w\- ]", "", line.strip("# ").lower()).replace(" ", "-") for line in target.splitlines()
            }
            assert not anchor or anchor in headings, (path, anchor)


def test_the_life_cycle_is_the_table() -> None:
    """Line for line, inferred lines marked."""
    assert rows(REFERENCE, "The life cycle") == [
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
    assert [row[0] for row in rows(README, "Switches: what AWS does not document")] == [
        f"`{switch.name}`" for switch in fields(Switches)
    ]


def test_every_effect_is_described() -> None:
    """By the word that the control API takes."""
    assert [row[0] for row in rows(REFERENCE, "Injected faults")] == [f"`{effect.value}`" for effect in Effect]


def test_every_control_request_is_described() -> None:
    """Each route once."""
    described = sorted(row[0] for row in rows(REFERENCE, "The control API"))
    assert described == sorted(f"`{method} {PREFIX}{path}`" for method, path in _ROUTES)


@pytest.mark.parametrize("described", [Fault, Unreliability], ids=lambda described: described.__name__)
def test_every_choice_is_mentioned(described: type) -> None:
    """Of faults and of bad delivery."""
    names = [choice.name for choice in fields(described) if choice.name not in {"effect", "code"}]
    assert [name for name in names if name not in REFERENCE] == []


def test_delays_name_every_status_that_ends_by_itself() -> None:
    """So that no passing status is without its duration."""
    passing = {line.before.value.lower() for line in TRANSITIONS} - {"suspended", "active", "paused"}
    assert {delay.name for delay in fields(Delays)} == passing | {"registered"}
