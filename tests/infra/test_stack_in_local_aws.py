"""The template in a local CloudFormation: what it makes is there, is found, and can't be there twice."""

import json
import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import boto3
import pytest

from batchgate.aws.appconfig import AppConfigPolicy
from batchgate.contract import GATE_PARAMETER, DeployedGate, ProfileLocation
from batchgate_cli.local.ministack import running_ministack
from batchgate_cli.local.services import running_services
from batchgate_cli.operating.iam_policies import service_control_policy
from infra.settings import PROCESSOR, Architecture, Settings
from tests.aws.stubbed import SteppedClock
from tests.infra.snapshot import synthesize

PATIENCE_SECONDS = 120
SETTINGS = Settings(policy_bake_minutes=0, architecture=PROCESSOR)


class LocalAws:
    """Clients of one local AWS, and CloudFormation's slow ways."""

    def __init__(self, endpoint_url: str) -> None:
        self.endpoint_url = endpoint_url
        self.cloudformation = self.client("cloudformation")

    def client(self, service: str) -> Any:
        """A client of one of its services."""
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="123456789012",
            aws_secret_access_key="test",
        )

    def deploy(self, name: str, template: dict[str, Any]) -> str:
        """Create a stack; the status that it ends in. As cdk does, by S3: the template is too long for the call."""
        s3 = self.client("s3")
        s3.create_bucket(Bucket="templates")
        s3.put_object(Bucket="templates", Key=name, Body=json.dumps(template).encode())
        self.cloudformation.create_stack(
            StackName=name, TemplateURL=f"{self.endpoint_url}/templates/{name}", Capabilities=["CAPABILITY_IAM"]
        )
        return self.ended(name)

    def destroy(self, name: str) -> str:
        """Delete a stack; the status that it ends in."""
        stack_id = self.cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
        self.cloudformation.delete_stack(StackName=name)
        return self.ended(stack_id)

    def ended(self, name: str) -> str:
        """Wait until nothing is in progress; the status then."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            status = str(self.cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
            if not status.endswith("IN_PROGRESS"):
                return status
            time.sleep(0.1)
        pytest.fail(f"{name} is still in progress after {PATIENCE_SECONDS} s")

    def gate(self) -> dict[str, Any]:
        """What the parameter says."""
        said: dict[str, Any] = json.loads(self.client("ssm").get_parameter(Name=GATE_PARAMETER)["Parameter"]["Value"])
        return said


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    """What CDK's bootstrapping asks for aside: nothing was bootstrapped here."""
    made = dict(synthesize(SETTINGS).to_json())
    return {key: value for key, value in made.items() if key not in ("Parameters", "Rules")}


@pytest.fixture(scope="module")
def aws(template: dict[str, Any]) -> Iterator[LocalAws]:
    """A local AWS in which the gate is deployed."""
    with running_ministack() as endpoint_url:
        local = LocalAws(endpoint_url)
        assert local.deploy("batchgate", template) == "CREATE_COMPLETE"
        yield local


def test_the_parameter_names_what_is_there(aws: LocalAws) -> None:
    """Each can be asked for by what the parameter says of it."""
    said = aws.gate()
    assert said["stack"] == "batchgate"
    table = aws.client("dynamodb").describe_table(TableName=said["ledger_table"])["Table"]
    assert {index["IndexName"] for index in table["GlobalSecondaryIndexes"]} == {"open", "day"}
    for url in (said["queue_url"], said["unreviewed_url"], said["undelivered_url"]):
        aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    for name in said["functions"].values():
        aws.client("lambda").get_function(FunctionName=name)
    for arn in said["roles"].values():
        aws.client("iam").get_role(RoleName=arn.rpartition("/")[2])
    aws.client("sns").get_topic_attributes(TopicArn=said["topic_arn"])


def test_the_policies_of_the_settings_are_in_force(aws: LocalAws) -> None:
    """As the function reads them, from the place that its environment names."""
    said = aws.gate()
    function = aws.client("lambda").get_function(FunctionName=said["functions"]["sweep"])["Configuration"]
    location = ProfileLocation.parse(function["Environment"]["Variables"]["BATCHGATE_APPCONFIG"])
    warnings: list[str] = []
    source = AppConfigPolicy(aws.client("appconfigdata"), location, SteppedClock(), warnings.append)
    assert source.current().shadow
    assert warnings == []


@pytest.mark.parametrize("role", ["job_event", "sweep", "api"])
def test_the_roles_may_decide_jobs_and_not_make_or_tag_them(aws: LocalAws, role: str) -> None:
    """By IAM's simulation of the roles that were made."""
    job = "arn:aws:s3:us-east-1:123456789012:job/00e123a4-c0d8-41f4-a0eb-b46f9ba5b07c"
    asked = {
        "s3:UpdateJobStatus": (job, "allowed"),
        "s3:DescribeJob": (job, "allowed"),
        "s3:CreateJob": ("*", "implicitDeny"),
        "s3:UpdateJobPriority": (job, "implicitDeny"),
        "s3:PutJobTagging": (job, "implicitDeny"),
        "s3:PutObject": ("arn:aws:s3:::any/thing", "implicitDeny"),
        "s3:GetObject": ("arn:aws:s3:::any/thing", "implicitDeny"),
        "iam:PassRole": ("*", "implicitDeny"),
        "dynamodb:DeleteTable": ("*", "implicitDeny"),
        "appconfig:StartDeployment": ("*", "implicitDeny"),
    }
    arn = aws.gate()["roles"][role]
    decided = {
        action: aws.client("iam").simulate_principal_policy(
            PolicySourceArn=arn, ActionNames=[action], ResourceArns=[resource]
        )["EvaluationResults"][0]["EvalDecision"]
        for action, (resource, _) in asked.items()
    }
    assert decided == {action: decision for action, (_, decision) in asked.items()}


ARNS = {
    "AWS::ApiGatewayV2::Api": "apigateway:us-east-1::/apis/{}",
    "AWS::AppConfig::Application": "appconfig:us-east-1:123456789012:application/{}",
    "AWS::CloudWatch::Alarm": "cloudwatch:us-east-1:123456789012:alarm:{}",
    "AWS::DynamoDB::GlobalTable": "dynamodb:us-east-1:123456789012:table/{}",
    "AWS::Events::Rule": "events:us-east-1:123456789012:rule/{}",
    "AWS::IAM::Role": "iam::123456789012:role/batchgate/us-east-1/{}",
    "AWS::Lambda::Function": "lambda:us-east-1:123456789012:function:{}",
    "AWS::SSM::Parameter": "ssm:us-east-1:123456789012:parameter{}",
}
"""By a resource's physical id."""

NOT_COMPARED = {
    "AWS::AppConfig::DeploymentStrategy": "its id is random, and in no application",
    "AWS::CloudWatch::Dashboard": "shows, and decides nothing",
    "AWS::Lambda::EventSourceMapping": "guarded by the function that it calls",
    "AWS::Logs::LogGroup": "the local AWS names it otherwise than AWS does",
    "AWS::Logs::QueryDefinition": "shows, and decides nothing",
}


def test_the_service_control_policy_names_all_that_the_stack_makes(aws: LocalAws) -> None:
    """Under the names that CloudFormation gave; what is a part of another resource is guarded with it."""
    policy: Any = service_control_policy(DeployedGate.decode(json.dumps(aws.gate())))
    [guard] = [each for each in policy["Statement"] if each["Sid"] == "OnlyDeployersChangeGate"]
    made = [
        resource
        for page in aws.cloudformation.get_paginator("list_stack_resources").paginate(StackName="batchgate")
        for resource in page["StackResourceSummaries"]
    ]
    parts = (
        *("AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Stage"),
        *("AWS::AppConfig::ConfigurationProfile", "AWS::AppConfig::Deployment", "AWS::AppConfig::Environment"),
        *("AWS::AppConfig::HostedConfigurationVersion", "AWS::IAM::Policy", "AWS::Lambda::EventInvokeConfig"),
        *("AWS::Lambda::Permission", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"),
    )
    kinds = {each["ResourceType"] for each in made}
    assert kinds - {*parts} == {*ARNS, *NOT_COMPARED, "AWS::SNS::Topic", "AWS::SQS::Queue"}
    for each in made:
        kind, physical_id = each["ResourceType"], each["PhysicalResourceId"]
        if kind in ARNS:
            arn = "arn:aws:" + ARNS[kind].format(physical_id)
        elif kind == "AWS::SQS::Queue":
            arn = "arn:aws:sqs:us-east-1:123456789012:" + physical_id.rpartition("/")[2]
        elif kind == "AWS::SNS::Topic":
            arn = physical_id
        else:
            continue
        assert any(fnmatchcase(arn, pattern) for pattern in guard["Resource"]), arn
    for arn in aws.gate()["roles"].values():
        assert any(fnmatchcase(arn, pattern) for pattern in guard["Condition"]["ArnNotLike"]["aws:PrincipalArn"])


def test_a_second_gate_fails_and_leaves_the_first_alone(aws: LocalAws, template: dict[str, Any]) -> None:
    """Under another stack's name, in the same account and Region; nothing of it stays, neither table nor policies."""

    def there() -> list[list[str]]:
        return [
            aws.client("dynamodb").list_tables()["TableNames"],
            [each["Id"] for each in aws.client("appconfig").list_applications()["Items"]],
            [each["logGroupName"] for each in aws.client("logs").describe_log_groups()["logGroups"]],
        ]

    before = aws.gate(), there()
    assert aws.deploy("another", template) == "ROLLBACK_COMPLETE"
    assert (aws.gate(), there()) == before


def test_after_destroying_decisions_and_policies_are_still_there_and_a_new_gate_can_come(
    template: dict[str, Any],
) -> None:
    """The table, the log groups and the policies' versions stay; a new deployment stands beside them."""
    with running_ministack() as endpoint_url:
        aws = LocalAws(endpoint_url)
        assert aws.deploy("batchgate", template) == "CREATE_COMPLETE"
        first = aws.gate()
        assert aws.destroy("batchgate") == "DELETE_COMPLETE"
        with pytest.raises(aws.client("ssm").exceptions.ParameterNotFound):
            aws.gate()
        aws.client("dynamodb").describe_table(TableName=first["ledger_table"])
        kept = aws.client("appconfig").list_hosted_configuration_versions(
            ApplicationId=first["appconfig"]["application"], ConfigurationProfileId=first["appconfig"]["profile"]
        )
        assert len(kept["Items"]) == 1
        assert len(aws.client("logs").describe_log_groups()["logGroups"]) >= len(first["functions"])
        assert aws.deploy("batchgate", template) == "CREATE_COMPLETE"
        assert aws.gate()["appconfig"]["profile"] != first["appconfig"]["profile"]


def test_functions_that_could_not_start_fail_the_stack_and_say_why(template: dict[str, Any]) -> None:
    """Built for another processor or Python: ministack takes them, and each invocation would fail."""
    other = Architecture.X86_64 if PROCESSOR is Architecture.ARM64 else Architecture.ARM64
    with running_services() as services:
        aws = LocalAws(services.url)
        for name, changed, reason in (
            ("processor", {"Architectures": [other]}, f"it was built for {other}, and this machine is {PROCESSOR}"),
            ("python", {"Runtime": "python3.9"}, "it was built for python3.9, and the local AWS runs on python3."),
        ):
            made = json.loads(json.dumps(template))
            for each in made["Resources"].values():
                if each["Type"] == "AWS::Lambda::Function":
                    each["Properties"] |= {"Code": {"S3Bucket": "assets", "S3Key": "gate.zip"}, **changed}
            assert aws.deploy(name, made) in ("ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED")
            events = aws.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
            assert any(reason in each.get("ResourceStatusReason", "") for each in events), events
