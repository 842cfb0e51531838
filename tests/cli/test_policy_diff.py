"""`batchgate policy diff`, as a reviewer or a pipeline calls it."""

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from batchgate_cli.app import app

OLD = """
version: 1
policies:
  - name: small-tagging
    match: [{operation: S3PutObjectTagging}]
    require:
      - total_tasks: {at_most: 1_000}
        on_violation: cancel
      - tags: {team: "*"}
"""
HIGHER = OLD.replace("1_000", "2_000")
BOTH = HIGHER.replace('"*"', '"lake-*"')
STRICTER = OLD.replace('"*"', '"lake-*"')


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, str]:
    """Policy files by name."""
    same = f"# a comment\n{OLD}cancel_grace: 300s\n"
    files = {"old": OLD, "higher": HIGHER, "stricter": STRICTER, "both": BOTH, "same": same}
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return {name: str(tmp_path / f"{name}.yaml") for name in files}


def batchgate(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, list(arguments))


def test_a_difference_is_shown_as_text_and_by_examples(sets: dict[str, str]) -> None:
    """The more permissive first, with what both sets say of the same job."""
    lines = batchgate("policy", "diff", sets["old"], sets["higher"]).stdout.splitlines()
    assert lines[1:5] == [
        "policy small-tagging: changed",
        "  require",
        "    - total_tasks: {at_most: 1000}, on_violation: cancel",
        "    + total_tasks: {at_most: 2000}, on_violation: cancel",
    ]
    permissive, cautious = lines.index("  more permissive"), lines.index("  more cautious")
    assert permissive < lines.index("  cancelled, now approved: for example") < cautious
    assert "    old: cancelled by small-tagging: total_tasks is 1001, want at most 1000" in lines
    assert "    new: approved by small-tagging, 2 requirements met" in lines
    assert lines[cautious + 1 :] == [
        "  approved, now cancelled: no job",
        "  approved, now held: no job",
        "  held, now cancelled: no job",
    ]


def test_another_notation_changes_nothing(sets: dict[str, str]) -> None:
    """And fails no pipeline."""
    result = batchgate("policy", "diff", sets["old"], sets["same"], "--fail-on", "change")
    assert result.exit_code == 0
    assert "no setting, statement, exception, budget or calendar changed" in result.stdout
    assert result.stdout.count(": no job") == 6


def test_each_changed_part_of_a_statement_has_one_heading(sets: dict[str, str]) -> None:
    """However many of its requirements changed."""
    lines = batchgate("policy", "diff", sets["old"], sets["both"]).stdout.splitlines()
    assert lines[1:7] == [
        "policy small-tagging: changed",
        "  require",
        "    - total_tasks: {at_most: 1000}, on_violation: cancel",
        "    + total_tasks: {at_most: 2000}, on_violation: cancel",
        '    - tags: {team: "*"}',
        '    + tags: {team: "lake-*"}',
    ]


@pytest.mark.parametrize(
    ("new", "fail_on", "code"),
    [
        ("higher", "more-permissive", 8),
        ("stricter", "more-permissive", 0),
        ("stricter", "change", 8),
        ("higher", None, 0),
    ],
)
def test_a_pipeline_fails_on_what_it_asks_for(sets: dict[str, str], new: str, fail_on: str | None, code: int) -> None:
    """And on nothing else."""
    asked = ("--fail-on", fail_on) if fail_on else ()
    assert batchgate("policy", "diff", sets["old"], sets[new], *asked).exit_code == code


def test_what_could_not_be_decided_has_a_code_of_its_own(tmp_path: Path) -> None:
    """A pipeline may take it for a failure or not; it is not passed over."""
    files = []
    for name, teams in (("old", '["${account}", "1*"]'), ("new", '["${account}", "1*", lake]')):
        files.append(tmp_path / f"{name}.yaml")
        files[-1].write_text(STRICTER.replace('"lake-*"', teams))
    back = batchgate("policy", "diff", str(files[1]), str(files[0]), "--fail-on", "more-permissive")
    assert back.exit_code == 7
    assert "not decided; none among 3000 generated jobs" in back.stdout
    assert "not decided because of: patterns with ${...} that overlap with others" in back.stdout


def test_examples_are_files_that_explain_reads(sets: dict[str, str], tmp_path: Path) -> None:
    """The commands that are printed show, for the old set and the new one, the verdicts that the diff says."""
    folder = tmp_path / "examples"
    result = batchgate("policy", "diff", sets["old"], sets["higher"], "--examples", str(folder), "-o", "json")
    said = {(each["old"], each["new"]) for each in json.loads(result.stdout)["verdicts"] if each["outcome"] == "found"}
    commands = [line.removeprefix("note: batchgate ") for line in result.stderr.splitlines()]
    verdicts = [json.loads(batchgate(*shlex.split(command), "-o", "json").stdout)["verdict"] for command in commands]
    assert {*zip(verdicts[::2], verdicts[1::2], strict=True)} == said
    assert len(said) == 3  # before the grace is over the old set holds the job


def test_an_example_says_what_is_used_of_budgets_and_read_of_the_manifest(tmp_path: Path) -> None:
    """In a file of facts, also of a budget that only one of the sets has."""
    sets = []
    for jobs in (5, 4):
        policy = {"name": "p", "require": [{"budget": "b"}, {"object_bytes": {"at_most": 5 * jobs}}]}
        budgets = [{"name": "b", "per": "day", "jobs": jobs}]
        file = tmp_path / f"{jobs}.yaml"
        file.write_text(json.dumps({"version": 1, "budgets": budgets, "policies": [policy]}))
        sets.append(str(file))
    result = batchgate("policy", "diff", *sets, "--examples", str(tmp_path / "examples"), "-o", "json")
    said = {(each["old"], each["new"]) for each in json.loads(result.stdout)["verdicts"] if each["outcome"] == "found"}
    commands = [line.removeprefix("note: batchgate ") for line in result.stderr.splitlines()]
    verdicts = [json.loads(batchgate(*shlex.split(command), "-o", "json").stdout)["verdict"] for command in commands]
    assert {*zip(verdicts[::2], verdicts[1::2], strict=True)} == said == {("approve", "hold")}


def test_the_answer_as_json_has_everything(sets: dict[str, str]) -> None:
    """Versions, changes, and each direction with its example."""
    found = json.loads(batchgate("policy", "diff", sets["old"], sets["higher"], "-o", "json").stdout)
    assert found["old_version"] != found["new_version"]
    [change] = found["changes"]
    assert change["details"][0]["old"] == {"total_tasks": {"at_most": 1000}, "on_violation": "cancel"}
    first = found["verdicts"][0]
    assert (first["old"], first["new"], first["more_permissive"], first["outcome"]) == (
        "cancel",
        "approve",
        True,
        "found",
    )
    assert first["example"]["Job"]["Status"] == "Suspended"
    assert first["old_reason"].startswith("batchgate: cancelled by small-tagging: total_tasks is 1001")
    assert [each["outcome"] for each in found["verdicts"]] == ["found"] * 3 + ["none"] * 3


def test_an_invalid_set_is_reported_with_its_file(sets: dict[str, str], tmp_path: Path) -> None:
    """Exit status 3, as of every command."""
    broken = tmp_path / "broken.yaml"
    broken.write_text("version: 2\n")
    result = batchgate("policy", "diff", sets["old"], str(broken))
    assert result.exit_code == 3
    assert f"{broken}:1:1: version: " in result.stderr
