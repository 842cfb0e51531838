"""Synthesizing reads the policies as the gate will: a bad one never gets as far as a template."""

import json
import re
from datetime import date
from pathlib import Path

import pytest
from aws_cdk import Stack
from msgspec import structs

from batchgate.errors import PolicyError
from infra.gate_stack import GateStack
from infra.packaging import PolicyCheckError, check_policies, load_policies
from infra.settings import Settings, SettingsError
from tests.infra.conftest import an_app

GOOD = """\
version: 1
policies:
  - name: small-jobs
    require:
      - total_tasks: {at_most: 1000}
"""
BAD = GOOD.replace("1000", '"1e6"')


def written(directory: Path, text: str) -> Settings:
    """Settings that name a policy file with this text."""
    file = directory / "approval.yaml"
    file.write_text(text)
    return Settings(policy_files=(str(file),))


def test_the_policies_are_deployed_as_canonical_json(tmp_path: Path) -> None:
    """One JSON document with what the YAML says, whatever its comments and spacing."""
    plain = load_policies(written(tmp_path, GOOD)).canonical_json
    assert json.loads(plain)["policies"][0]["name"] == "small-jobs"
    assert load_policies(written(tmp_path, "# a comment\n\n" + GOOD)).canonical_json == plain


def test_a_bad_policy_ends_the_synthesis_with_file_and_line(tmp_path: Path) -> None:
    """Before anything is built."""
    settings = written(tmp_path, BAD)
    with pytest.raises(PolicyError, match=r"approval\.yaml:5:23: policies\[0\]\.require\[0\]\.total_tasks\.at_most"):
        GateStack(an_app(), "batchgate", settings=settings)


def test_a_missing_policy_file_ends_the_synthesis(tmp_path: Path) -> None:
    """An absent file is not an empty one."""
    with pytest.raises(SettingsError, match=r"policy_files: .*absent\.yaml: No such file"):
        load_policies(Settings(policy_files=(str(tmp_path / "absent.yaml"),)))


def checked(settings: Settings) -> dict[str, list[str]]:
    """What the cdk command prints of the policies, by how it prints it."""
    stack = Stack(an_app(), "Gate")
    check_policies(stack, settings, load_policies(settings), date(2026, 11, 20))
    printed: dict[str, list[str]] = {"warning": [], "info": []}
    for entry in stack.node.metadata:
        kind = entry.type.rpartition(":")[2]
        if kind in printed:
            printed[kind].append(re.sub(r" \[ack: .*\]$", "", str(entry.data)))
    return printed


def test_synth_warns_of_checks_that_this_deployment_can_not_measure(tmp_path: Path) -> None:
    """Every job that they govern would be held: the deployment's own settings say so before."""
    asks = (
        "version: 1\npolicies:\n  - name: p\n    match: [{operation: S3*}]\n    require:\n"
        "      - object_bytes: {at_most: 5}\n      - manifest: {bucket: manifests, bytes: {at_most: 5}}\n"
    )
    settings = written(tmp_path, asks)
    for buckets, lints in (((), ["setting-off", "setting-off"]), (("manifests",), [])):
        warnings = checked(structs.replace(settings, manifest_buckets=buckets))["warning"]
        assert len(warnings) == len(lints)
        assert all(f": {lint}: " in warning for lint, warning in zip(lints, warnings, strict=True))


EXPIRED = (
    GOOD
    + """\
exceptions:
  - name: once
    lifts: [small-jobs]
    match: [{operation: S3PutObjectCopy}]
    because: a migration
    expires: 2026-01-01
"""
)


def test_findings_warn_fail_or_are_not_looked_for(tmp_path: Path) -> None:
    """As the setting says; a finding has its place, its name, and what to write instead."""
    settings = written(tmp_path, EXPIRED)
    [warning] = [each for each in checked(settings)["warning"] if "expired" in each]
    assert re.search(r"approval\.yaml:\d+:\d+: [a-z-]+: ", warning)
    with pytest.raises(PolicyCheckError, match=r"(?s)approval\.yaml:\d+:\d+: .*policy_findings to \"warn\""):
        checked(structs.replace(settings, policy_findings="fail"))
    assert checked(structs.replace(settings, policy_findings="ignore"))["warning"] == []


CASES = """\
policy: ../approval.yaml
cases:
  - name: a large job is held
    job: {operation: S3ComputeObjectChecksum, total_tasks: 1001}
    at: 2026-11-20T12:00:00Z
    expect: hold
  - name: a small one is approved
    job: {operation: S3ComputeObjectChecksum, total_tasks: 1000}
    at: 2026-11-20T12:00:00Z
    expect: approve
"""


def with_cases(directory: Path, policy: str, cases: str) -> Settings:
    """Settings that name a policy file, beside which there are cases; findings are another matter."""
    (directory / "cases").mkdir()
    (directory / "cases" / "approval.yaml").write_text(cases)
    return structs.replace(written(directory, policy), policy_findings="ignore")


def test_the_cases_of_the_policies_are_run(tmp_path: Path) -> None:
    """Those that name one of the deployed files; that they passed is printed, too."""
    settings = with_cases(tmp_path, GOOD, CASES)
    (tmp_path / "other.yaml").write_text(GOOD)
    (tmp_path / "cases" / "other.yaml").write_text(
        CASES.replace("approval", "other").replace("expect: hold", "expect: cancel")
    )
    assert checked(settings) == {"warning": [], "info": ["2 test cases of the policies were run"]}


def test_a_case_that_fails_ends_the_synthesis_or_warns(tmp_path: Path) -> None:
    """With file, line, name, what was expected and what came out; or none is run."""
    settings = with_cases(tmp_path, GOOD.replace("1000", "2000"), CASES)
    failed = r"cases/approval\.yaml:3:5: 'a large job is held': verdict: expected hold, got approve"
    with pytest.raises(PolicyCheckError, match=rf"(?s){failed}.*set policy_cases to \"warn\""):
        checked(settings)
    [warning] = checked(structs.replace(settings, policy_cases="warn"))["warning"]
    assert re.search(failed, warning)
    assert checked(structs.replace(settings, policy_cases="ignore")) == {"warning": [], "info": []}


@pytest.mark.parametrize("cases", ["cases: 3\n", CASES.replace("expect: hold", "expects: hold"), "policy: [\n"])
def test_cases_that_can_not_be_read_count_as_failed(tmp_path: Path, cases: str) -> None:
    """They might be about these policies, and nobody knows whether they would pass."""
    with pytest.raises(PolicyCheckError, match=r"cases/approval\.yaml:\d+:\d+: "):
        checked(with_cases(tmp_path, GOOD, cases))


def test_the_policies_of_this_checkout_have_no_findings_and_pass_their_cases() -> None:
    """What `make synth` prints in a fresh clone is one line about its cases."""
    printed = checked(Settings(policy_findings="fail"))
    assert printed["warning"] == []
    assert len(printed["info"]) == 1
