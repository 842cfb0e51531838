"""Whoever asks for what the gate can't measure is told before the first job is held for it."""

from datetime import UTC, date, datetime

import pytest

from batchgate.jobs.model import Job, Json
from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import Verdict
from batchgate.policy.evaluate import evaluate_job
from batchgate.policy.facts import gather_facts
from batchgate_cli.authoring.lint_file import located_findings
from batchgate_cli.authoring.policy_file import load_text
from tests.unit.examples import Written, lint_findings

TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SIZES: Written = {"object_bytes": {"at_most": 10**12}}
BUCKETS: Written = {"source_buckets": {"only": "lake-*"}}
MANIFEST: Written = {"manifest": {"bytes": {"at_most": 10**6}}}
ROWS: Written = {"manifest": {"rows": {"at_most": 10**6}}}
VERSIONS: Written = {"manifest": {"rows_without_version": {"at_most": 0}}}
MEASURED = (SIZES, BUCKETS, MANIFEST, ROWS, VERSIONS)
GENERATED: Written = {"manifest": {"generated": True}}


def policies(requirement: Written, *match: Written) -> Written:
    """A policy about tagging that requires this."""
    matched = [{"operation": "S3PutObjectTagging"}, *match]
    return {"version": 1, "policies": [{"name": "p", "match": matched, "require": [requirement]}]}


def found(checked: Written, manifest_buckets: list[str] | None = None) -> set[str]:
    """The lints about what is not measured."""
    lints = {finding.lint for finding in lint_findings(checked, TODAY, manifest_buckets)}
    return lints & {"setting-off"}


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
        *((each, (), None, set[str]()) for each in MEASURED),
        *((each, (), [], {"setting-off"}) for each in MEASURED),
        *((each, (), ["manifests"], set[str]()) for each in MEASURED),
        (SIZES, (GENERATED,), [], {"setting-off"}),
        (BUCKETS, (GENERATED,), [], set()),
        ({"cost": {"at_most": 5}}, (), [], set()),
        ({"manifest": {"stored": True}}, (), [], set()),
    ],
)
def test_each_check_that_can_not_be_measured_is_found(
    requirement: Written, match: tuple[Written, ...], manifest_buckets: list[str] | None, expected: set[str]
) -> None:
    """And none that can: by what is deployed, as far as it is known."""
    assert found(policies(requirement, *match), manifest_buckets) == expected


@pytest.mark.parametrize("requirement", MEASURED)
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
    assert found(checked, []) == set()
    assert live(checked, Manifest=None, ManifestGenerator=generator) is Verdict.APPROVE


def test_an_exceptions_match_is_looked_at_too() -> None:
    """What lifts only where it can be measured lifts nothing."""
    written = {
        "version": 1,
        "policies": [{"name": "p", "match": [{"operation": "S3*"}], "require": [{"priority": {"at_most": 5}}]}],
        "exceptions": [{"name": "e", "lifts": ["p"], "match": [SIZES], "expires": "2027-01-01", "because": "x"}],
    }
    assert found(written, []) == {"setting-off"}


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
