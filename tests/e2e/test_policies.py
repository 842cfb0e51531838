"""A policy put into AppConfig decides from the next job on."""

import json
from typing import Any

from batchgate_cli.authoring import policy_file
from tests.e2e.conftest import POLICY
from tests.e2e.deployed_gate import DeployedGate, wait_for

TOO_LARGE = 5


def put_in_force(gate: DeployedGate, content: bytes) -> Any:
    """Deploy a document at once, into the stack's own environment, without a bake time; AppConfig's answer."""
    appconfig = gate.client("appconfig")
    where = json.loads(gate.client("ssm").get_parameter(Name="/batchgate/gate")["Parameter"]["Value"])["appconfig"]
    version = appconfig.create_hosted_configuration_version(
        ApplicationId=where["application"],
        ConfigurationProfileId=where["profile"],
        Content=content,
        ContentType="application/json",
    )["VersionNumber"]
    strategies = appconfig.list_deployment_strategies()["Items"]
    (strategy,) = [each for each in strategies if each["Name"] == "batchgate-first"]
    return appconfig.start_deployment(
        ApplicationId=where["application"],
        EnvironmentId=where["environment"],
        ConfigurationProfileId=where["profile"],
        ConfigurationVersion=str(version),
        DeploymentStrategyId=strategy["Id"],
    )


def test_a_changed_policy_changes_the_next_decision(gate: DeployedGate) -> None:
    """Too many objects under the deployed policies, few enough under the new ones; nothing is deployed but they."""
    before = gate.decided(gate.create_job("S3ComputeObjectChecksum", TOO_LARGE))
    assert before["reason"].startswith("batchgate: held by small-checksums")
    changed = policy_file.load_text(POLICY.read_text().replace("at_most: 3", "at_most: 9"))
    put_in_force(gate, changed.canonical_json)

    def approved() -> dict[str, Any] | None:
        """The functions ask AppConfig again every 15 s."""
        after = gate.decided(gate.create_job("S3ComputeObjectChecksum", TOO_LARGE))
        return after if after["phase"] == "settled" else None

    after = wait_for("a job is decided by the new policies", approved)
    assert after["reason"].startswith("batchgate: approved by small-checksums")
    assert after["policy_version"] == changed.policies.version != before["policy_version"]
