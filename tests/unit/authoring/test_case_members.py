"""The jobs of test cases are jobs that S3 could have: each member and value is of its request model."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchgate.jobs.request_model import Kind, Shape, request_shape
from batchgate_cli.authoring.case_file import read_case_file
from batchgate_cli.authoring.case_members import case_shapes, mistakes
from batchgate_cli.authoring.cases import Coverage, load_cases
from batchgate_cli.authoring.policy_file import Plain
from tests.unit.examples import Written

POLICY = "version: 1\npolicies:\n  - name: p\n    require: []\n"


def problems(directory: Path, job: object, **more: object) -> list[str]:
    """What is wrong with a file of one case of this job."""
    (directory / "p.yaml").write_text(POLICY, encoding="utf-8")
    case = {"name": "c", "job": job, "at": "2026-11-20T12:00:00Z", "expect": "hold", **more}
    file = directory / "cases.yaml"
    file.write_text(json.dumps({"policy": "p.yaml", "cases": [case]}), encoding="utf-8")
    return [f"{problem.where}: {problem.message}" for problem in read_case_file(file).problems]


@pytest.mark.parametrize(
    ("job", "where", "says"),
    [
        (
            {"operation": {"S3InitiateRestoreObject": {"GlacierTier": "BULK"}}},
            "operation.S3InitiateRestoreObject.GlacierTier",
            "S3 has no such member; did you mean GlacierJobTier?",
        ),
        (
            {"operation": {"LambdaInvoke": {"Code": "x"}}},
            "operation.LambdaInvoke.Code",
            "S3 has no such member; it has FunctionArn, InvocationSchemaVersion, UserArguments here",
        ),
        (
            {"operation": {"S3DeleteObjectTagging": {"TagSet": []}}},
            "operation.S3DeleteObjectTagging.TagSet",
            "S3 has no such member; no member is allowed here",
        ),
        (
            {"Operation": {"S3InitiateRestoreObject": {"ExpirationInDays": "7"}}},
            "Operation.S3InitiateRestoreObject.ExpirationInDays",
            'expected a whole number, got "7"; write 7',
        ),
        (
            {"operation": {"S3PutObjectRetention": {"BypassGovernanceRetention": "true"}}},
            "operation.S3PutObjectRetention.BypassGovernanceRetention",
            'expected true or false, got "true"; write true',
        ),
        (
            {"operation": {"S3InitiateRestoreObject": {"GlacierJobTier": "Bulk"}}},
            "operation.S3InitiateRestoreObject.GlacierJobTier",
            'expected BULK or STANDARD, got "Bulk"; did you mean BULK?',
        ),
        (
            {"operation": {"S3PutObjectTagging": {"TagSet": [{"Key": "a", "Valeu": "b"}]}}},
            "operation.S3PutObjectTagging.TagSet[0].Valeu",
            "S3 has no such member; did you mean Value?",
        ),
        (
            {"operation": "S3ReplicateObject", "Report": {"Enabled": False, "Scope": "AllTasks"}},
            "Report.Scope",
            "S3 has no such member; did you mean ReportScope?",
        ),
        (
            {"operation": "S3ReplicateObject", "ProgressSummary": {"TotalNumberOfTask": 5}},
            "ProgressSummary.TotalNumberOfTask",
            "S3 has no such member; did you mean TotalNumberOfTasks?",
        ),
        (
            {"operation": "S3ReplicateObject", "Manifest": {"Spec": {"Format": "CSV"}}},
            "Manifest.Spec.Format",
            'expected S3BatchOperations_CSV_20180820 or S3InventoryReport_CSV_20161130, got "CSV"',
        ),
    ],
)
def test_what_no_job_of_s3_has_is_a_problem_of_the_case(job: Written, where: str, says: str, tmp_path: Path) -> None:
    """A case with a misspelled parameter would pass, and say nothing about any job that there can be."""
    assert problems(tmp_path, job) == [f"cases[0].job.{where}: {says}"]


def test_an_operation_that_this_version_does_not_know_may_have_any_parameter(tmp_path: Path) -> None:
    """A case may be about what becomes of it."""
    assert problems(tmp_path, {"operation": {"S3New": {"Anything": [{"at": "all"}]}}}) == []


def paths_of(shape: Shape, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Shape]]:
    """Every place of a shape, elements of lists at index 0."""
    yield path, shape
    for name, member in shape.members.items():
        yield from paths_of(member, (*path, name))
    if shape.element is not None:
        yield from paths_of(shape.element, (*path, 0 if shape.kind is Kind.LIST else "key"))


def built(path: tuple[str | int, ...], value: Plain) -> Plain:
    """A value with this one at the path."""
    for step in reversed(path):
        value = [value] if isinstance(step, int) else {step: value}
    return value


RIGHT: dict[Kind, Plain] = {
    Kind.BOOLEAN: True,
    Kind.INTEGER: 1,
    Kind.LONG: 1,
    Kind.STRING: "x",
    Kind.TIMESTAMP: "2026-01-01T00:00:00Z",
    Kind.LIST: [],
    Kind.MAP: {},
    Kind.STRUCTURE: {},
}


def test_every_member_takes_what_is_of_its_type_and_nothing_else() -> None:
    """All structures, all members, at any depth, against values of all types."""
    for structure in case_shapes().values():
        for path, shape in paths_of(structure):
            for kind, value in RIGHT.items():
                given = shape.values[0] if shape.values and kind is Kind.STRING else value
                found = list(mistakes(structure, built(path, given)))
                same = kind is shape.kind or {kind, shape.kind} <= {Kind.INTEGER, Kind.LONG}
                same = same or {kind, shape.kind} <= {Kind.MAP, Kind.STRUCTURE}
                same = same or (shape.kind is Kind.STRING and kind is Kind.TIMESTAMP and not shape.values)
                assert [mistake.path for mistake in found] == ([] if same else [path]), (path, kind)
            if shape.kind is Kind.STRUCTURE:
                [mistake] = mistakes(structure, built((*path, "NoSuch"), 1))
                assert mistake.path == (*path, "NoSuch")


def test_every_operation_is_looked_into() -> None:
    """The table knows all operations of this version."""
    assert set(request_shape("Operation").members) == set(case_shapes()["Operation"].members)


def test_what_is_wrong_with_the_cases_does_not_hide_what_is_wrong_with_the_policy(tmp_path: Path) -> None:
    """Both are told at once, each with its file."""
    (tmp_path / "p.yaml").write_text(POLICY + "mode: off\n", encoding="utf-8")
    file = tmp_path / "cases.yaml"
    file.write_text("policy: p.yaml\ncases:\n  - name: c\n    expect: holds\n", encoding="utf-8")
    with pytest.raises(Exception, match="mode: expected enforce or shadow") as refused:
        load_cases([file], Coverage())
    assert "did you mean hold?" in str(refused.value)
    assert "job is missing" in str(refused.value)


def test_a_broken_case_does_not_hide_the_others(tmp_path: Path) -> None:
    """Nor is it missed that its place is taken by nothing."""
    (tmp_path / "p.yaml").write_text(POLICY, encoding="utf-8")
    file = tmp_path / "cases.yaml"
    file.write_text(
        "policy: p.yaml\ncases:\n  - name: a\n    expect: holds\n  - name: b\n    job: {operation: [\n"
        "  - name: c\n    at: 2026-02-29\n",
        encoding="utf-8",
    )
    found = [f"{problem.where}: {problem.message}" for problem in read_case_file(file).problems]
    assert any(each.startswith(": expected") for each in found), found
    assert any(each.startswith("cases[0].expect") for each in found), found
    assert any(each.startswith("cases[2].at: ") for each in found), found
    assert not any(each.startswith("cases[1]") for each in found), found
