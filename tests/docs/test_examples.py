"""The example policies say what their cases show, and nothing in them is surely not meant."""

import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from click.testing import Result

from batchgate_cli.authoring import policy_file
from batchgate_cli.authoring.cases import read_cases
from batchgate_cli.authoring.lint_file import located_findings
from tests.cli.live import batchgate

CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLES = CHECKOUT / "policies" / "examples"
CASES = EXAMPLES / "cases"
SCHEMA = CHECKOUT / "docs" / "policy.schema.json"
SHOWN_IN_README = EXAMPLES / "small-jobs.yaml"
POLICIES = sorted(EXAMPLES.glob("*.yaml"))
COMMENTED = [path for path in POLICIES if path != SHOWN_IN_README]

TODAY = date(2026, 11, 20)
"""A day on which the dated exception still stands."""

CASE_FAILED = 4


def run_cases(*arguments: Path | str) -> Result:
    """`batchgate policy test` of these arguments."""
    return batchgate("policy", "test", *map(str, arguments))


@pytest.fixture
def copied_cases(tmp_path: Path) -> Path:
    """The case files, with the examples that they name, where they can be changed."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    return tmp_path / "examples" / "cases"


@pytest.mark.parametrize("example", POLICIES, ids=lambda path: path.stem)
def test_nothing_in_it_is_surely_not_meant(example: Path) -> None:
    """It is valid, and lint finds nothing but what a comment allows with a reason."""
    findings = located_findings(policy_file.load([example]), TODAY)
    assert not findings, "\n".join(map(str, findings))


@pytest.mark.parametrize("example", COMMENTED, ids=lambda path: path.stem)
def test_it_begins_with_the_schema_and_a_question(example: Path) -> None:
    """Editors find the schema in the first line; readers find the question that it answers in the second."""
    modeline, question, *_ = example.read_text(encoding="utf-8").splitlines()
    schema = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", modeline)
    assert schema is not None
    assert (example.parent / schema[1]).resolve() == SCHEMA
    assert SCHEMA.is_file()
    assert question.startswith('# "')


def test_each_has_a_case_file_of_its_name_and_no_case_file_is_left_over() -> None:
    """And each case file tries exactly the example that it is named for."""
    tried = {path.name: read_cases(path)[0].policy for path in CASES.iterdir()}
    assert tried == {path.name: f"../{path.name}" for path in POLICIES}


@pytest.mark.parametrize("cases", [CASES, CHECKOUT / "policies" / "cases"], ids=["examples", "deployed"])
def test_their_cases_pass_and_leave_nothing_untried(cases: Path) -> None:
    """Every statement governs in one case and not in another, every requirement is met in one and not in another."""
    ran = run_cases("--require-coverage", cases)
    assert ran.exit_code == 0, ran.output


@pytest.mark.parametrize(
    ("expected", "wrong"),
    [
        ("expect: cancel", "expect: hold"),
        ("decided_by: [small-tagging.total_tasks]", "decided_by: [small-tagging.tags]"),
        ("until: null", "until: 2026-11-21T00:00:00Z"),
        ("want at most 1000000", "want at most 10"),
    ],
    ids=["verdict", "decided_by", "until", "reason"],
)
def test_a_wrong_expectation_fails(copied_cases: Path, expected: str, wrong: str) -> None:
    """Whatever a case expects is looked at: a false expectation ends with the exit code for failed cases."""
    file = copied_cases / "small-jobs.yaml"
    _change(file, lambda text: text.replace(expected, wrong, 1))
    ran = run_cases(file)
    assert (ran.exit_code, "5 passed, 1 failed" in ran.stdout) == (CASE_FAILED, True), ran.output


def test_a_requirement_that_no_case_tries_fails_only_where_coverage_is_asked_for(copied_cases: Path) -> None:
    """Without the cases that violate something the rest passes, and is not enough."""
    file = copied_cases / "small-jobs.yaml"
    _change(file, lambda text: text[: text.index("  - name: one object more is held")])
    assert run_cases(file).exit_code == 0
    ran = run_cases("--require-coverage", file)
    assert ran.exit_code == CASE_FAILED
    assert re.search(r"small-tagging\.total_tasks +never violated +\S+small-jobs\.yaml:\d+", ran.stdout)


def _change(file: Path, edit: Callable[[str], str]) -> None:
    before = file.read_text(encoding="utf-8")
    after = edit(before)
    assert after != before
    file.write_text(after, encoding="utf-8")
