"""The pipelines of docs/examples/pipelines: their shell lines are run, in a repository as a team has it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from ruamel.yaml import YAML

CHECKOUT = Path(__file__).resolve().parents[2]
PIPELINES = CHECKOUT / "docs" / "examples" / "pipelines"
RECORDING = CHECKOUT / "docs" / "examples" / "replay" / "quarter.ndjson.gz"
VARIABLES = {
    "BATCHGATE": "batchgate",
    "GITHUB_BASE_REF": "main",
    "NUMBER": "7",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
    "COMMENT_TOKEN": "secret",
    "CI_API_V4_URL": "https://gitlab.example.com/api/v4",
    "CI_PROJECT_ID": "1",
    "CI_MERGE_REQUEST_IID": "7",
}
"""What the services set."""

ELSEWHERE = """#!/bin/sh
echo "$(basename "$0") $*" >> "$CALLS"
case "$*" in *comment.md*) cp comment.md "$CALLS.comment";; esac
"""
"""A program that speaks to what is not here: it writes down how it was called."""


def steps(name: str, job: str) -> list[str]:
    """The shell scripts of a job."""
    jobs: Any = YAML(typ="safe").load((PIPELINES / name).read_text())
    if name == "gitlab.yml":
        return [*jobs["default"]["before_script"], *jobs[job]["script"]]
    return [each["run"] for each in jobs["jobs"][job]["steps"] if "run" in each]


def run(script: str, directory: Path, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """As the services' runners do."""
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The programs of a runner; those that speak to other services write down that they were called."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "batchgate").symlink_to(Path(sys.executable).with_name("batchgate"))
    for name in ("curl", "gh", "pip"):
        (tools / name).write_text(ELSEWHERE)
        (tools / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GIT_"))}
    return (
        kept | VARIABLES | {"PATH": f"{tools}:{kept['PATH']}", "CALLS": str(tmp_path / "calls"), "HOME": str(tmp_path)}
    )


@pytest.fixture
def repository(tmp_path: Path, environment: dict[str, str]) -> Path:
    """A clone of a team's repository, with a change of the policies that a pull request proposes."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()
    git = "git -c user.name=team -c user.email=team@example.com -c init.defaultBranch=main"
    begin = (
        f"{git} init -q . && batchgate policy new policies/approval.yaml && sed -i '/^mode: shadow/d' policies/*.yaml"
    )
    assert run(begin, origin, environment).returncode == 0
    shutil.copy(RECORDING, origin / "recording.ndjson.gz")
    commit = f"{git} add . && {git} commit -qm begin && {git} clone -q . {clone}"
    assert run(commit, origin, environment).returncode == 0
    change = "sed -i 's/at_most: 1_000_000/at_most: 10/' policies/approval.yaml"
    assert run(change, clone, environment).returncode == 0
    return clone


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_a_review_checks_tests_and_comments_on_a_change(
    name: str, repository: Path, environment: dict[str, str]
) -> None:
    """A case that the change breaks ends it; once that expects the new limit, the comment says what changes."""
    scripts = steps(name, "review")
    codes = [run(each, repository, environment).returncode for each in scripts[:3]]
    assert codes == [0, 0, 4]
    case = repository / "policies" / "cases" / "approval.yaml"
    case.write_text(case.read_text().replace("total_tasks: 20}", "total_tasks: 5}"))
    done = [run(each, repository, environment) for each in scripts]
    assert [each.returncode for each in done] == [0] * len(scripts), [each.stderr for each in done]
    calls = Path(environment["CALLS"]).read_text().splitlines()
    assert any(call.startswith(("gh pr comment 7 ", "curl ")) for call in calls)
    comment = Path(f"{environment['CALLS']}.comment").read_text()
    assert "total_tasks" in comment
    assert "of 5000 jobs would be decided differently" in comment
    assert "<html" in (repository / "report.html").read_text()
    if name == "gitlab.yml":
        for report in ("check.xml", "cases.xml"):
            assert ET.parse(repository / report).getroot().attrib["failures"] == "0"  # noqa: S314 - ours


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_a_merge_pushes_without_asking(name: str) -> None:
    """tests/e2e/test_push.py runs the command on a deployed gate."""
    assert steps(name, "push")[-1] == "batchgate policy push policies --yes"
