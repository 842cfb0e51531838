"""Synthesizing reads the policies as the gate will: a bad one never gets as far as a template."""

import json
from pathlib import Path

import pytest
from aws_cdk import Stack
from msgspec import structs

from batchgate.errors import PolicyError
from infra.gate_stack import GateStack
from infra.packaging import policy_of
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
    plain = policy_of(written(tmp_path, GOOD))
    assert json.loads(plain)["policies"][0]["name"] == "small-jobs"
    assert policy_of(written(tmp_path, "# a comment\n\n" + GOOD)) == plain


def test_a_bad_policy_ends_the_synthesis_with_file_and_line(tmp_path: Path) -> None:
    """Before anything is built."""
    settings = written(tmp_path, BAD)
    with pytest.raises(PolicyError, match=r"approval\.yaml:5:23: policies\[0\]\.require\[0\]\.total_tasks\.at_most"):
        GateStack(an_app(), "batchgate", settings=settings)


def test_a_missing_policy_file_ends_the_synthesis(tmp_path: Path) -> None:
    """An absent file is not an empty one."""
    with pytest.raises(SettingsError, match=r"policy_files: .*absent\.yaml: No such file"):
        policy_of(Settings(policy_files=(str(tmp_path / "absent.yaml"),)))


def test_synth_warns_of_checks_that_this_deployment_can_not_measure(tmp_path: Path) -> None:
    """Every job that they govern would be held: the deployment's own settings say so before."""
    asks = (
        "version: 1\npolicies:\n  - name: p\n    match: [{operation: S3*}]\n    require:\n"
        "      - object_bytes: {at_most: 5}\n      - manifest: {bytes: {at_most: 5}}\n"
    )
    settings = written(tmp_path, asks)
    for buckets, lints in (((), ["not-measured-yet", "setting-off"]), (("manifests",), ["not-measured-yet"])):
        stack = Stack(an_app(), "Gate")
        policy_of(structs.replace(settings, manifest_buckets=buckets), stack)
        warnings = [str(entry.data) for entry in stack.node.metadata if "warning" in entry.type]
        assert len(warnings) == len(lints)
        assert all(f": {lint}: " in warning for lint, warning in zip(lints, warnings, strict=True))
