"""The page that adds a check to the language: its changes apply to the code, and the check then works."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchgate.policy import model
from tests.unit.examples import description

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = CHECKOUT / "docs" / "add-a-check.md"
BATCHGATE = Path(sys.executable).with_name("batchgate")
COPIED = ("functions", "cli", "tests/unit", "tests/verification/oracle")

pytestmark = pytest.mark.skipif(
    "job_id" in model.Condition.__struct_fields__, reason="somebody followed the page in this checkout"
)

STARTS_WITH = 'version: 1\npolicies: [{name: p, require: [{job_id: "00e1*"}]}]\n'
NAMED = 'version: 1\nlists: {ids: ["00e1*", "1*"]}\npolicies: [{name: p, require: [{job_id: {list: ids}}]}]\n'
WITHOUT = "version: 1\npolicies: [{name: p, require: []}]\n"
IMPOSSIBLE = "version: 1\npolicies: [{name: p, require: [{job_id: XYZ}]}]\n"


def changes() -> Iterator[tuple[str, str, str]]:
    """Each change of the page: the file that was named last, lines that are in it, and what they become."""
    file = ""
    for named, lines in re.findall(r"`([\w/]+\.py)`|^```diff\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE):
        if named:
            file = named if "/" in named else file
        else:
            marked = [(line[0], f"{line[1:]}\n") for line in lines.splitlines()]
            old, new = ("".join(line for mark, line in marked if mark != other) for other in "+-")
            yield file, old, new


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code with the page's changes."""
    copy = tmp_path_factory.mktemp("changed")
    for name in COPIED:
        shutil.copytree(CHECKOUT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file, old, new in changes():
        text = (copy / file).read_text()
        assert text.count(old) == 1, f"{file}: expected these lines once:\n{old}"
        (copy / file).write_text(text.replace(old, new))
    return copy


def batchgate(changed: Path, *arguments: str, **files: str) -> tuple[int, str]:
    """Run a command of the changed code beside these policy files: its exit code and output."""
    for name, text in files.items():
        (changed / f"{name}.yaml").write_text(text)
    ran = subprocess.run(
        [BATCHGATE, "policy", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((f"{changed}/functions", f"{changed}/cli"))},
        cwd=changed,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_every_change_of_the_page_applies(changed: Path) -> None:
    """To a line that is there exactly once; what comes of it compiles."""
    files = {file for file, _, _ in changes()}
    assert len(files) == 9
    for file in files:
        compile((changed / file).read_text(), file, "exec")
        assert "job_id" in (changed / file).read_text()


def test_the_new_check_decides_about_a_job(changed: Path) -> None:
    """By the id in the job's ARN."""
    (changed / "job.json").write_text(json.dumps({"Job": description()}, default=str))
    code, output = batchgate(changed, "explain", "starts.yaml", "--job", "job.json", starts=STARTS_WITH)
    assert code == 0, output
    assert "approve" in output
    assert "job_id" in output


def test_lint_knows_the_values_of_the_new_check(changed: Path) -> None:
    """And says what to write."""
    _, output = batchgate(changed, "check", "impossible.yaml", impossible=IMPOSSIBLE)
    assert '"XYZ" is not a job id, so it never matches' in output


def test_a_named_list_of_the_new_check_is_expanded(changed: Path) -> None:
    """What is deployed is valid, and has the same version."""
    code, compiled = batchgate(changed, "compile", "named.yaml", "--to", "out.yaml", named=NAMED)
    assert code == 0, compiled
    code, output = batchgate(changed, "check", "out.yaml")
    assert code == 0, output
    assert '{"job_id":["00e1*","1*"]}' in (changed / "out.yaml").read_text()


def test_a_difference_in_the_new_check_is_not_decided(changed: Path) -> None:
    """A search that knows none of its values proves nothing."""
    arguments = ("diff", "starts.yaml", "without.yaml", "--fail-on", "more-permissive")
    code, output = batchgate(changed, *arguments, starts=STARTS_WITH, without=WITHOUT)
    assert code == 7, output
    assert "held, now approved: not decided" in output
    assert "not decided because of: job_id, whose values are not searched" in output
