"""Deployed, deployed again, rolled back, destroyed, deployed anew: each in a local AWS of its own."""

import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from batchgate_cli.authoring import policy_file
from batchgate_cli.local.deployment import Deployment
from batchgate_cli.local.services import LocalServices, running_services
from infra.gate_asset import CHECKOUT
from tests.docs.transcripts import differences
from tests.e2e.conftest import POLICY, SETTINGS
from tests.e2e.deployed_gate import client_of

KEPT = {
    "AWS::AppConfig::Application",
    "AWS::AppConfig::ConfigurationProfile",
    "AWS::AppConfig::HostedConfigurationVersion",
    "AWS::DynamoDB::GlobalTable",
    "AWS::Logs::LogGroup",
}
"""The decisions, what was logged about them, and the policies that they were made by."""


def resources(services: LocalServices) -> dict[str, tuple[str, str]]:
    """Kind and physical id of all that the stack has, by logical id."""
    pages = client_of(services, "cloudformation").get_paginator("list_stack_resources").paginate(StackName="batchgate")
    found = [each for page in pages for each in page["StackResourceSummaries"]]
    return {each["LogicalResourceId"]: (each["ResourceType"], each["PhysicalResourceId"]) for each in found}


def left(services: LocalServices, of: dict[str, tuple[str, str]]) -> set[tuple[str, str]]:
    """What is still there of a stack's tables, log groups, queues, functions, topics, rules, roles, parameter."""
    names = {name for _, name in of.values()}

    def there(service: str, listing: str, field: str) -> list[Any]:
        return list(getattr(client_of(services, service), listing)().get(field, []))

    alarms = there("cloudwatch", "describe_alarms", "MetricAlarms")

    found = {
        "AWS::AppConfig::Application": [each["Id"] for each in there("appconfig", "list_applications", "Items")],
        "AWS::CloudWatch::Alarm": [each["AlarmName"] for each in alarms],
        "AWS::DynamoDB::GlobalTable": there("dynamodb", "list_tables", "TableNames"),
        "AWS::Events::Rule": [each["Name"] for each in there("events", "list_rules", "Rules")],
        "AWS::IAM::Role": [each["RoleName"] for each in there("iam", "list_roles", "Roles")],
        "AWS::Lambda::Function": [each["FunctionName"] for each in there("lambda", "list_functions", "Functions")],
        "AWS::Logs::LogGroup": [each["logGroupName"] for each in there("logs", "describe_log_groups", "logGroups")],
        "AWS::SNS::Topic": [each["TopicArn"] for each in there("sns", "list_topics", "Topics")],
        "AWS::SQS::Queue": there("sqs", "list_queues", "QueueUrls"),
        "AWS::SSM::Parameter": [each["Name"] for each in there("ssm", "describe_parameters", "Parameters")],
    }
    return {(kind, name) for kind, listed in found.items() for name in listed if name in names}


@pytest.mark.alone
def test_deployed_twice_destroyed_and_deployed_anew(assembly: Path) -> None:
    """A second deployment changes nothing; destroying leaves what says why jobs were decided; then all works again."""
    said: list[str] = []
    with running_services() as services:
        deployment = Deployment(services.url, assembly, SETTINGS, show=said.append)
        outputs = deployment.deploy_synthesized()
        first = resources(services)
        of_listed_kinds = left(services, first)
        assert {kind for kind, _ in of_listed_kinds} > KEPT - {
            "AWS::AppConfig::ConfigurationProfile",
            "AWS::AppConfig::HostedConfigurationVersion",
        }

        said.clear()
        assert deployment.deploy_synthesized() == outputs
        assert any("(no changes)" in line for line in said), said
        assert resources(services) == first

        deployment.destroy()
        kept = left(services, first)
        assert kept == {each for each in of_listed_kinds if each[0] in KEPT}
        ssm = client_of(services, "ssm")
        with pytest.raises(ssm.exceptions.ParameterNotFound):
            ssm.get_parameter(Name="/batchgate/gate")

        deployment.deploy_synthesized()
        assert {kind for kind, _ in resources(services).values()} == {kind for kind, _ in first.values()}


class Policies:
    """AppConfig's view of a deployed gate."""

    def __init__(self, services: LocalServices) -> None:
        parameter = client_of(services, "ssm").get_parameter(Name="/batchgate/gate")["Parameter"]["Value"]
        where = json.loads(parameter)["appconfig"]
        self._appconfig = client_of(services, "appconfig")
        self._data = client_of(services, "appconfigdata")
        self._environment = {"ApplicationId": where["application"], "EnvironmentId": where["environment"]}
        self._profile = where["profile"]

    def in_force(self) -> bytes:
        """The document that the functions would read now."""
        session = self._data.start_configuration_session(
            ApplicationIdentifier=self._environment["ApplicationId"],
            EnvironmentIdentifier=self._environment["EnvironmentId"],
            ConfigurationProfileIdentifier=self._profile,
        )
        token = session["InitialConfigurationToken"]
        return bytes(self._data.get_latest_configuration(ConfigurationToken=token)["Configuration"].read())

    def deployments(self) -> list[tuple[int, str]]:
        """The bake time and the state of each, from the first to the last."""
        listed = self._appconfig.list_deployments(**self._environment)["Items"]
        return [(int(each["FinalBakeTimeInMinutes"]), each["State"]) for each in listed]


PAGE = (CHECKOUT / "docs" / "operations.md").read_text()


def as_operations_says(services: LocalServices, directory: Path, aws_cli: str, settings: str) -> list[str]:
    """Roll back, see why, deploy and resume by the page's own commands; what came out otherwise than shown.

    `make deploy` is the cdk command alone, which synthesizes as well.
    """
    [functions] = re.findall(r"```console[^\n]*\n\$ GATE=[^\n]*\n\$ gate\(\) \{\n.*?```", PAGE, re.DOTALL)
    steps = PAGE.split("\n## Rolling policies back\n")[1].split("\n## Who created a job\n")[0]
    text = re.sub(r"(?m)^( *```console) not run: .*$", r"\1", f"{functions}\n\n{steps}")
    tools = directory / "bin"
    tools.mkdir()
    (tools / "aws").symlink_to(aws_cli)
    (tools / "batchgate").symlink_to(Path(sys.executable).with_name("batchgate"))
    cdk = f"node_modules/.bin/cdk deploy batchgate --ci --require-approval never -c batchgate={shlex.quote(settings)}"
    (tools / "make").write_text(f"#!/bin/sh\ncd {shlex.quote(str(CHECKOUT))} && exec {cdk} 2>&1\n")
    (tools / "make").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = kept | services.environment() | {"PATH": f"{tools}{os.pathsep}{kept['PATH']}", "AWS_PAGER": ""}
    return differences(text, directory, environment | {"AWS_CONFIG_FILE": os.devnull, "COLUMNS": "200"})


@pytest.mark.alone
def test_policies_that_were_rolled_back_are_deployed_again_from_the_same_files(tmp_path: Path, aws_cli: str) -> None:
    """By each step of the runbook. The first policies did not bake; all later ones did; then there are no changes."""
    said: list[str] = []
    changed = tmp_path / "policy.yaml"
    changed.write_text(POLICY.read_text())
    settings = {"policy_files": [str(changed)], "policy_findings": "ignore"}
    with running_services() as services:
        deployment = Deployment(services.url, tmp_path / "cdk.out", settings, show=said.append)
        deployment.deploy()
        policies, first = Policies(services), policy_file.load([changed]).canonical_json
        assert policies.in_force() == first

        changed.write_text(POLICY.read_text().replace("at_most: 3", "at_most: 9"))
        second = policy_file.load([changed]).canonical_json
        deployment.deploy()
        assert policies.in_force() == second != first

        (tmp_path / "shell").mkdir()
        assert as_operations_says(services, tmp_path / "shell", aws_cli, json.dumps(settings)) == []
        assert policies.in_force() == second
        assert policies.deployments() == [(0, "COMPLETE"), (10, "REVERTED"), (10, "COMPLETE")]
        said.clear()
        deployment.deploy()
        assert any("(no changes)" in line for line in said), said
