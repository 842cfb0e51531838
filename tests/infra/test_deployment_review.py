"""The review of a deployment is of the template as it is."""

import re
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from infra.gate_asset import CHECKOUT
from infra.settings import Settings
from tests.infra.conftest import EVERYTHING
from tests.infra.snapshot import synthesize

MANY_BUCKETS = Settings(
    manifest_buckets=tuple(f"{number:02}".ljust(63, "b") for number in range(25)),
    manifest_keys=tuple(f"arn:aws:kms:eu-west-1:123456789012:key/{number:036}" for number in range(30)),
)
"""So that the policies of a role are longer than IAM allows, and CDK splits them."""


@pytest.fixture(scope="module")
def resources() -> list[dict[str, Any]]:
    """Of the stack, with every optional part."""
    templates = [synthesize(each).to_json() for each in (Settings(), EVERYTHING, MANY_BUCKETS)]
    return [resource for template in templates for resource in template["Resources"].values()]


def test_every_type_of_resource_is_reviewed(resources: list[dict[str, Any]]) -> None:
    """And none that the stack does not have."""
    rows = [line for line in (CHECKOUT / "docs" / "deployment-review.md").read_text().splitlines() if line[:3] == "| `"]
    reviewed = {kind for row in rows for kind in re.findall(r"`(AWS::[A-Za-z0-9:]+)`", row.split(" | ")[0])}
    assert reviewed == {each["Type"] for each in resources}


def test_only_these_have_names_that_can_be_taken(resources: list[dict[str, Any]]) -> None:
    """Of all other resources the names come from CloudFormation or AWS; and none of these is retained."""
    free = ("AWS::AppConfig::DeploymentStrategy", "AWS::ApiGatewayV2::Stage")  # need not be unique; one in its own API
    fixed = [each for each in resources if is_named(each) and each["Type"] not in free]
    assert {each["Type"] for each in fixed} == {
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::SSM::Parameter",
    }
    assert {each.get("DeletionPolicy", "Delete") for each in fixed} == {"Delete"}


def is_named(resource: dict[str, Any]) -> bool:
    """Whether the template itself gives a resource a name that can't be changed, and not that of another resource."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource["Type"]).schema
    names = [name for name in schema.get("createOnlyProperties", []) if name.endswith("Name")]
    given = [resource.get("Properties", {}).get(name.removeprefix("/properties/")) for name in names]
    return any(isinstance(each, str) or "Fn::Join" in each for each in given if each)


def test_each_function_waits_for_every_policy_of_its_role() -> None:
    """Lambda refuses a function whose role may not write traces yet, and an event source that it may not read."""
    template = synthesize(MANY_BUCKETS).to_json()["Resources"]
    policies = {name: each for name, each in template.items() if each["Type"] in POLICIES}
    assert {each["Type"] for each in policies.values()} == POLICIES
    for function in (each for each in template.values() if each["Type"] == "AWS::Lambda::Function"):
        [role] = [name for name in template if function["Properties"]["Role"] == {"Fn::GetAtt": [name, "Arn"]}]
        its = {name for name, each in policies.items() if {"Ref": role} in each["Properties"]["Roles"]}
        assert its
        assert its <= set(function["DependsOn"])


POLICIES = {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}
