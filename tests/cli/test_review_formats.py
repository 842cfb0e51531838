"""What is wrong with policies and cases, as code review reads it: SARIF, JUnit XML, GitHub's annotations."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from batchgate.errors import Place
from batchgate_cli.authoring.review_formats import Checked, Level, Remark, annotations, junit, sarif
from batchgate_cli.exits import Exit
from tests.cli.live import batchgate

CHECKOUT = Path(__file__).resolve().parents[2]
VALID = """version: 1
policies:
  - name: small
    match: [{operation: S3PutObjectTagging}]
    require: [{total_tasks: {at_most: 10}}]
"""
INVALID = VALID.replace("at_most: 10", "at_most: ten").replace("match:", "mach:")
FOUND = VALID.replace("match: [{operation: S3PutObjectTagging}]", "match: [{tags: {team: ' lake'}}]")
CASES = """policy: ../p.yaml
cases:
  - name: "a, b: 100%"
    at: 2026-11-20T12:00:00Z
    job: {operation: S3PutObjectTagging, total_tasks: 5}
    expect: hold
  - name: large
    at: 2026-11-20T12:00:00Z
    job: {operation: S3PutObjectTagging, total_tasks: 50}
    expect: hold
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of policies."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text(VALID)
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "p.yaml").write_text(CASES)
    return tmp_path


def printed(*arguments: str, code: int) -> str:
    """What a command prints."""
    result = batchgate("policy", *arguments)
    assert result.exit_code == code, result.output
    return result.stdout


def report_of(text: str) -> ET.Element:
    """A JUnit report."""
    return ET.fromstring(text)  # noqa: S314 - which this project wrote


def results(*arguments: str, code: int) -> list[dict[str, Any]]:
    """The results of a SARIF log."""
    log = json.loads(printed(*arguments, "--output", "sarif", code=code))
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    ids = [each["id"] for each in run["tool"]["driver"]["rules"]]
    assert len(ids) == len({*ids})
    assert {each["ruleId"] for each in run["results"]} == {*ids}
    return list(run["results"])


def line_of(result: dict[str, Any]) -> tuple[str, int]:
    """Where it is."""
    place = result["locations"][0]["physicalLocation"]
    return place["artifactLocation"]["uri"], place["region"]["startLine"]


def test_problems_are_errors_at_their_lines(here: Path) -> None:
    """In each form the same as `policy check` says, with its exit code."""
    (here / "p.yaml").write_text(INVALID)
    found = results("check", "p.yaml", code=Exit.INVALID_POLICY)
    assert [(each["level"], line_of(each)) for each in found] == [("error", ("p.yaml", 4)), ("error", ("p.yaml", 5))]
    lines = printed("check", "p.yaml", "--output", "github", code=Exit.INVALID_POLICY).splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("::error file=p.yaml,line=5,col=")
    assert "title=invalid-policy::policies[0].require[0].total_tasks.at_most" in lines[1]
    report = report_of(printed("check", "p.yaml", "--output", "junit", code=Exit.INVALID_POLICY))
    [failure] = report.iter("failure")
    assert str(failure.text).count("invalid-policy") == 2


def test_findings_are_warnings_unless_they_fail_the_command(here: Path) -> None:
    """As --strict says; their names are the rules."""
    (here / "p.yaml").write_text(FOUND)
    for strict, code, level in (([], Exit.DONE, "warning"), (["--strict"], Exit.INVALID_POLICY, "error")):
        found = results("check", "p.yaml", *strict, code=code)
        assert found
        assert {each["level"] for each in found} == {level}
        report = report_of(printed("check", "p.yaml", *strict, "--output", "junit", code=code))
        assert report.attrib["failures"] == ("1" if strict else "0")
    checked = json.loads(printed("check", "p.yaml", "--output", "json", code=Exit.DONE))
    assert {each["ruleId"] for each in results("check", "p.yaml", code=Exit.DONE)} == {
        each["lint"] for each in checked["findings"]
    }


def test_what_is_right_is_an_empty_log_and_a_passed_test(here: Path) -> None:
    """So that review shows nothing, and a report has what was looked at."""
    assert results("check", "p.yaml", code=Exit.DONE) == []
    assert printed("check", "p.yaml", "--output", "github", code=Exit.DONE) == ""
    report = report_of(printed("check", str(here), "--output", "junit", code=Exit.DONE))
    assert (report.attrib["tests"], report.attrib["failures"]) == ("1", "0")


@pytest.mark.usefixtures("here")
def test_each_case_is_a_test_and_a_failed_one_an_error() -> None:
    """At its line; what no case exercised is a warning, and an error where it fails the command."""
    found = results("test", "cases", code=Exit.CASE_FAILED)
    failed = [each for each in found if each["ruleId"] == "failed-case"]
    assert [(each["level"], line_of(each)) for each in failed] == [("error", ("cases/p.yaml", 3))]
    assert "expected hold, got approve" in failed[0]["message"]["text"]
    report = report_of(printed("test", "cases", "--output", "junit", code=Exit.CASE_FAILED))
    tests = {each.attrib["name"]: each.find("failure") is not None for each in report.iter("testcase")}
    assert tests == {"a, b: 100%": True, "large": False}
    [line] = [
        each
        for each in printed("test", "cases", "--output", "github", code=Exit.CASE_FAILED).splitlines()
        if each.startswith("::error")
    ]
    assert line.startswith("::error file=cases/p.yaml,line=3,col=")
    assert line.endswith("title=failed-case::a, b: 100%25: verdict: expected hold, got approve")
    uncovered = results("test", "cases", "--require-coverage", code=Exit.CASE_FAILED)
    assert {each["level"] for each in uncovered if each["ruleId"] == "not-exercised"} <= {"error"}


def test_cases_that_can_not_be_read_are_errors(here: Path) -> None:
    """With the exit code of invalid files."""
    (here / "cases" / "p.yaml").write_text(CASES.replace("expect: hold", "expects: hold", 1))
    assert results("test", "cases", code=Exit.INVALID_POLICY)
    report = report_of(printed("test", "cases", "--output", "junit", code=Exit.INVALID_POLICY))
    assert report.attrib["failures"] == "1"


TEXT = st.text(max_size=40)


HOSTILE = "\\x9b31m\\u202e\\u200b\\e[31m"
"""What a terminal takes for colours or another direction, as YAML writes it."""


@pytest.mark.parametrize("output", ["text", "github"])
def test_no_text_of_a_file_moves_the_cursor(here: Path, output: str) -> None:
    """Keys, names and values, of files with problems and of those with findings."""
    Path("bad.yaml").write_text(
        f'version: 1\n"k{HOSTILE}": 1\nlists: {{"l{HOSTILE}": ["x{HOSTILE}"]}}\n'
        f'policies:\n  - {{name: "p{HOSTILE}", match: [{{window: "c{HOSTILE}"}}], require: []}}\n'
    )
    Path("odd.yaml").write_text(
        f'version: 1\nlists: {{"l{HOSTILE}": ["x{HOSTILE}"]}}\n'
        f'policies:\n  - {{name: "p{HOSTILE}", match: [{{role: "r{HOSTILE}"}}], require: []}}\n'
    )
    for file in ("bad.yaml", "odd.yaml"):
        done = batchgate("policy", "check", file, "--strict", "--output", output)
        assert done.exit_code in {Exit.INVALID_POLICY, Exit.CHECK_FAILED, Exit.FAILED, Exit.WARNED}, done.stderr
        said = done.stdout + done.stderr
        assert "31m" in said
        assert all(line.isprintable() for line in said.splitlines())


@given(TEXT, TEXT, TEXT)
def test_no_text_breaks_a_form(rule: str, message: str, file: str) -> None:
    """An annotation stays one line and ends where it should, XML can be read, and JSON has the text as it is."""
    remark = Remark(rule, Level.ERROR, message, Place(file, 3, 7))
    [line] = annotations([remark])
    assert "\n" not in line
    assert "\r" not in line
    properties = line.removeprefix("::error ").split("::")[0]
    assert dict(each.split("=", 1) for each in properties.split(","))["line"] == "3"
    report = report_of(junit([Checked(file, rule, (message,))]))
    assert len([*report.iter("failure")]) == 1
    assert sarif([remark])["runs"][0]["results"][0]["message"]["text"] == message  # type: ignore[index, call-overload]


def test_the_hooks_for_other_repositories_run(tmp_path: Path) -> None:
    """As pre-commit runs them in a repository that begins as `batchgate policy new` writes it."""
    hooks = YAML(typ="safe").load((CHECKOUT / ".pre-commit-hooks.yaml").read_text())
    assert [each["id"] for each in hooks] == ["batchgate-policy-check", "batchgate-policy-test"]
    (tmp_path / "policies").mkdir()
    environment = os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    subprocess.run(
        [str(shutil.which("batchgate", path=environment["PATH"])), "policy", "new", "policies/approval.yaml"],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
    )

    def codes() -> list[int]:
        return [
            subprocess.run(
                [*each["entry"].split(), *each["args"]], cwd=tmp_path, env=environment, check=False, capture_output=True
            ).returncode
            for each in hooks
        ]

    assert codes() == [Exit.DONE, Exit.DONE]
    file = tmp_path / "policies" / "approval.yaml"
    file.write_text(file.read_text().replace("at_most: 1_000_000", "at_most: 1"))
    assert codes() == [Exit.DONE, Exit.CASE_FAILED]
    file.write_text("version: 3")
    assert codes() == [Exit.INVALID_POLICY, Exit.INVALID_POLICY]
