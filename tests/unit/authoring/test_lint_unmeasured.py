"""Whoever asks for what the gate can't measure is told before the first job is held for it."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from batchgate.jobs.model import Job, Json
from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import Verdict
from batchgate.policy.evaluate import evaluate_job
from batchgate.policy.facts import gather_facts
from batchgate_cli.authoring.cases import Coverage, run_file
from batchgate_cli.authoring.lint_file import located_findings
from batchgate_cli.authoring.policy_file import load_text
from tests.unit.examples import Written, lint_findings

TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SIZES: Written = {"object_bytes": {"at_most": 10**12}}
BUCKETS: Written = {"source_buckets": {"only": "lake-*"}}
MANIFEST: Written = {"manifest": {"bytes": {"at_most": 10**6}}}
GENERATED: Written = {"manifest": {"generated": True}}


def policies(requirement: Written, *match: Written) -> Written:
    """A policy about tagging that requires this."""
    matched = [{"operation": "S3PutObjectTagging"}, *match]
    return {"version": 1, "policies": [{"name": "p", "match": matched, "require": [requirement]}]}


def found(checked: Written, manifest_buckets: list[str] | None = None) -> set[str]:
    """The lints about what is not measured."""
    lints = {finding.lint for finding in lint_findings(checked, TODAY, manifest_buckets)}
    return lints & {"not-measured-yet", "setting-off"}


def live(checked: Written, **members: Json) -> Verdict:
    """What the gate says of a job of which it reads what it reads today."""
    job: dict[str, Json] = {
        "JobId": "j-12345",
        "JobArn": "arn:aws:s3:eu-central-1:111111111111:job/j-12345",
        "Status": "Suspended",
        "Operation": {"S3PutObjectTagging": {}},
        "Manifest": {"Location": {"ObjectArn": "arn:aws:s3:::lake/m.csv", "ETag": "e"}},
        **members,
    }
    described = {name: value for name, value in job.items() if value is not None}
    return evaluate_job(compile_policies(checked), gather_facts(Job.from_description(described), NOW, tags={})).verdict


@pytest.mark.parametrize(
    ("requirement", "match", "manifest_buckets", "expected"),
    [
        (SIZES, (), None, {"not-measured-yet"}),
        (SIZES, (GENERATED,), None, {"not-measured-yet"}),
        (BUCKETS, (), None, {"not-measured-yet"}),
        (BUCKETS, (GENERATED,), None, set()),
        (MANIFEST, (), None, set()),
        (MANIFEST, (), [], {"setting-off"}),
        (MANIFEST, (), ["manifests"], set()),
        ({"manifest": {"stored": True}}, (), [], set()),
    ],
)
def test_each_check_that_can_not_be_measured_is_found(
    requirement: Written, match: tuple[Written, ...], manifest_buckets: list[str] | None, expected: set[str]
) -> None:
    """And none that can: by what is deployed, as far as it is known."""
    assert found(policies(requirement, *match), manifest_buckets) == expected


@pytest.mark.parametrize("requirement", [SIZES, BUCKETS, MANIFEST])
def test_what_is_found_is_what_the_gate_holds(requirement: Written) -> None:
    """A job with a manifest of its own, and nothing else wrong with it, is held."""
    checked = policies(requirement)
    assert found(checked, []) != set()
    assert live(checked) is Verdict.HOLD


def test_the_bucket_of_a_generator_is_known() -> None:
    """So a match on generated manifests needs no finding."""
    checked = policies(BUCKETS, GENERATED)
    generator: Json = {
        "S3JobManifestGenerator": {"SourceBucket": "arn:aws:s3:::lake-raw", "EnableManifestOutput": False}
    }
    assert found(checked) == set()
    assert live(checked, Manifest=None, ManifestGenerator=generator) is Verdict.APPROVE


def test_an_exceptions_match_is_looked_at_too() -> None:
    """What lifts only where it can be measured lifts nothing."""
    written = {
        "version": 1,
        "policies": [{"name": "p", "match": [{"operation": "S3*"}], "require": [{"priority": {"at_most": 5}}]}],
        "exceptions": [{"name": "e", "lifts": ["p"], "match": [SIZES], "expires": "2027-01-01", "because": "x"}],
    }
    assert found(written) == {"not-measured-yet"}


def test_a_silence_for_a_setting_is_not_unused_where_no_deployment_is_known() -> None:
    """The same file is checked with and without one."""
    text = (
        "version: 1\npolicies:\n  - name: p\n    match: [{operation: S3*}]\n    require:\n"
        "      # batchgate: allow(setting-off) because the other deployment has it\n"
        "      - manifest: {bytes: {at_most: 5}}\n"
    )
    assert located_findings(load_text(text), TODAY) == []
    assert located_findings(load_text(text), TODAY, []) == []
    assert [each.finding.lint for each in located_findings(load_text(text), TODAY, ["m"])] == ["unused-silence"]


@pytest.mark.parametrize(
    ("facts", "requirement", "job", "warned"),
    [
        ({"object_bytes": 5}, SIZES, {}, ["object_bytes"]),
        ({"source_buckets": ["lake-raw"]}, BUCKETS, {}, ["source_buckets"]),
        ({"object_bytes": 5}, BUCKETS, {}, []),
        ({"manifest_bytes": 5}, MANIFEST, {}, []),
        (
            {"source_buckets": ["lake-raw"]},
            BUCKETS,
            {"ManifestGenerator": {"S3JobManifestGenerator": {"SourceBucket": "arn:aws:s3:::lake-raw"}}},
            [],
        ),
    ],
)
def test_a_case_that_gives_what_the_gate_does_not_read_is_warned_of(
    facts: Written, requirement: Written, job: Written, warned: list[str], tmp_path: Path
) -> None:
    """It passes, and a live job like it is held: that is told at the fact, once."""
    document = {"version": 1, "policies": [{"name": "p", "require": [requirement]}]}
    (tmp_path / "p.yaml").write_text(json.dumps(document), encoding="utf-8")
    case = {
        "name": "c",
        "job": {"operation": "S3PutObjectTagging", **job},
        "at": "2026-11-20T12:00:00Z",
        "facts": facts,
        "expect": "approve",
    }
    file = tmp_path / "cases.yaml"
    file.write_text(json.dumps({"policy": "p.yaml", "cases": [case]}), encoding="utf-8")
    [outcome] = run_file(file, Coverage())
    assert [problem.where for problem in outcome.warnings] == [f"cases[0].facts.{name}" for name in warned]
    assert all("a live job like this is held" in problem.message for problem in outcome.warnings)
