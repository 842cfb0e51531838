"""docs/observed.md and docs/not-shown.md name the canary's lines as they are."""

import re
from datetime import date
from pathlib import Path
from typing import Any

from batchgate.contract import DeployedGate
from batchgate_cli.operating.canary import _in_words
from batchgate_cli.operating.canary_belongings import role_statements
from batchgate_cli.operating.canary_facts import QUESTIONS, SETTINGS, Observations, findings, report
from tests.cli.test_canary import DEFAULT, truth

DOCS = Path(__file__).resolve().parents[2] / "docs"
OBSERVED = (DOCS / "observed.md").read_text()
NOT_SHOWN = (DOCS / "not-shown.md").read_text()


def rows(section: str) -> list[list[str]]:
    """The cells of a section's table, without its head."""
    text = OBSERVED.partition(f"## {section}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_table_has_every_line_and_what_the_emulator_answers() -> None:
    """What a canary finds by default, which is tested against the emulator; its delay is the machine's."""
    answers: dict[str, Any] = truth(DEFAULT)
    shown = {name: _in_words(answers[name]) if name in answers else "not shown" for name in QUESTIONS}
    shown["suspended_event_seconds"] = "at once"
    table = rows("The answers so far")
    assert [row[:3] for row in table] == [[f"`{name}`", asked, shown[name]] for name, asked in QUESTIONS.items()]


def test_every_line_of_the_canarys_that_is_named_is_there() -> None:
    """In the list of what was not shown; and each question about S3 stands there."""
    named = {
        name
        for line in NOT_SHOWN.splitlines()
        if line.startswith("|")
        for after in line.split("Canary")[1:]
        for name in re.findall(r"`([a-z_]+)`", after)
    }
    assert named == {name for name in QUESTIONS if not name.startswith("gate_") and name != "suspended_cause_in_iam"}


def test_every_member_of_a_report_is_described() -> None:
    """In its order."""
    document = report(
        findings(Observations(with_gate=True)), on=date(2026, 3, 1), region="r", service="aws", with_gate=True
    )
    assert [row[0] for row in rows("Send a report in")] == [f"`{name}`" for name in document]


def test_the_role_of_role_arn_is_described_as_the_canary_makes_it() -> None:
    """Every action, and no other."""
    text = OBSERVED.partition("pass one by `--role-arn`")[2].partition("\n\n")[0]
    actions = {action for statement in role_statements("arn") for action in statement["Action"]}
    assert set(re.findall(r"`(s3:[A-Za-z]+)`", text)) == actions


def test_the_settings_of_a_report_are_settings_of_a_deployment() -> None:
    """By the same names."""
    assert set(SETTINGS) <= set(DeployedGate.__struct_fields__)
