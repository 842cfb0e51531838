"""What the deployed functions may do to jobs, and what they may not; and that they need whatever they may."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from batchgate.contract import GATE_PARAMETER
from batchgate_cli.local.services import ACCOUNT, CONTROL_URL, REGION
from s3batch_emulator import over_http
from tests.e2e.deployed_gate import DeployedGate


@pytest.fixture(params=["JobEventFunction", "SweepFunction", "ApiFunction"])
def s3control_of_a_function(gate: DeployedGate, request: pytest.FixtureRequest) -> Any:
    """The job API, with the credentials of a deployed function's role."""
    given = gate.role_credentials[request.param]
    return boto3.client(
        "s3control",
        region_name=REGION,
        endpoint_url=CONTROL_URL,
        config=over_http(gate.services.url),
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def test_a_function_creates_and_changes_no_job(gate: DeployedGate, s3control_of_a_function: Any) -> None:
    """It may describe a job, and every operation but the three that decide takes is denied."""
    job_id = gate.create_job("S3PutObjectTagging", 4, team="lake")
    job = {"AccountId": ACCOUNT, "JobId": job_id}
    assert s3control_of_a_function.describe_job(**job)["Job"]["JobId"] == job_id
    assert s3control_of_a_function.get_job_tagging(**job)["Tags"] == [{"Key": "team", "Value": "lake"}]
    denied = {
        "create_job": gate.job_request("S3PutObjectTagging", 1),
        "update_job_priority": job | {"Priority": 99},
        "put_job_tagging": job | {"Tags": [{"Key": "team", "Value": "mine"}]},
        "delete_job_tagging": job,
    }
    for operation, parameters in denied.items():
        with pytest.raises(ClientError) as refused:
            getattr(s3control_of_a_function, operation)(**parameters)
        assert refused.value.response["Error"]["Code"] == "AccessDenied", operation


# --- Every right is needed ------------------------------------------------------------------------------

Clients = Callable[[str], Any]
KEY = {"pk": {"S": "roles"}, "sk": {"S": "TEST"}}
PUT: dict[str, Any] = {"Item": KEY}


def _calls(gate: DeployedGate, clients: Clients) -> dict[str, Callable[[], Any]]:
    """What the adapters call, by the right that it takes."""
    job = {"AccountId": ACCOUNT, "JobId": gate.create_job("S3PutObjectTagging", 4, team="lake")}
    table = {"TableName": gate.outputs["LedgerTable"]}
    application, environment, profile = gate.outputs["PolicyProfile"].split("/")
    keys = {"KeyConditionExpression": "#open = :open", "ExpressionAttributeNames": {"#open": "open"}}
    check = {"ConditionCheck": table | {"Key": KEY, "ConditionExpression": "attribute_not_exists(paused)"}}
    dynamodb, control = clients("dynamodb"), clients("s3control")
    configured = {
        "ApplicationIdentifier": application,
        "EnvironmentIdentifier": environment,
        "ConfigurationProfileIdentifier": profile,
    }
    data = clients("appconfigdata")
    token = gate.client("appconfigdata").start_configuration_session(**configured)["InitialConfigurationToken"]
    decided = {"RequestedJobStatus": "Cancelled", "StatusUpdateReason": "a test of rights"}
    entry = {"Source": "batchgate", "DetailType": "a test of rights", "Detail": "{}", "EventBusName": "default"}
    return {
        "s3:DescribeJob": lambda: control.describe_job(**job),
        "s3:GetJobTagging": lambda: control.get_job_tagging(**job),
        "s3:UpdateJobStatus": lambda: control.update_job_status(**job, **decided),
        "s3:ListJobs": lambda: control.list_jobs(AccountId=ACCOUNT),
        "dynamodb:GetItem": lambda: dynamodb.get_item(**table, Key=KEY),
        "dynamodb:PutItem": lambda: dynamodb.put_item(**table, **PUT),
        "dynamodb:UpdateItem": lambda: dynamodb.update_item(**table, Key=KEY),
        "dynamodb:ConditionCheckItem": lambda: dynamodb.transact_write_items(TransactItems=[check]),
        "dynamodb:DescribeTable": lambda: dynamodb.describe_table(**table),
        "dynamodb:BatchGetItem": lambda: dynamodb.batch_get_item(RequestItems={table["TableName"]: {"Keys": [KEY]}}),
        "dynamodb:DeleteItem": lambda: dynamodb.delete_item(**table, Key=KEY),
        "dynamodb:Query": lambda: dynamodb.query(
            **table, **keys, IndexName="open", ExpressionAttributeValues={":open": {"S": "open"}}
        ),
        "appconfig:StartConfigurationSession": lambda: clients("appconfigdata").start_configuration_session(
            **configured
        ),
        "appconfig:GetLatestConfiguration": lambda: data.get_latest_configuration(ConfigurationToken=token),
        "cloudtrail:LookupEvents": lambda: clients("cloudtrail").lookup_events(MaxResults=1),
        "events:PutEvents": lambda: _must_be_taken(clients("events").put_events(Entries=[entry])),
        "sns:GetTopicAttributes": lambda: clients("sns").get_topic_attributes(TopicArn=gate.outputs["NoticesTopic"]),
        "ssm:GetParameter": lambda: clients("ssm").get_parameter(Name=GATE_PARAMETER),
        "sns:Publish": lambda: clients("sns").publish(
            TopicArn=gate.outputs["NoticesTopic"], Message="a test of rights"
        ),
    }


def _must_be_taken(answer: dict[str, Any]) -> None:
    assert answer["FailedEntryCount"] == 0, answer


NOT_ENFORCED = {"appconfig:GetLatestConfiguration", "appconfig:StartConfigurationSession"}
"""By this local AWS; docs/not-shown.md."""

DENIED = ("AccessDenied", "AuthorizationError")
"""The second is SNS's own word."""


def is_denied(call: Callable[[], Any]) -> bool:
    """Whether a call is refused for want of a right; that the job is over by now, say, is another matter."""
    try:
        call()
    except (ClientError, AssertionError) as refused:
        return any(word in str(refused) for word in DENIED)
    return False


BY_LAMBDA = ("logs:", "sqs:", "xray:")
"""What Lambda itself does by the function's role, beside the code."""


@contextmanager
def without(gate: DeployedGate, role: str, action: str) -> Iterator[None]:
    """Take one right from a role for the block."""
    iam = gate.client("iam")
    kept = {
        name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    }
    try:
        for name, document in kept.items():
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(_less(document, action)))
        yield
    finally:
        for name, document in kept.items():
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


def _less(document: dict[str, Any], action: str) -> dict[str, Any]:
    statements = [
        each | {"Action": left}
        for each in document["Statement"]
        if (left := [name for name in _actions(each) if name != action])
    ]
    return document | {"Statement": statements}


def _actions(statement: dict[str, Any]) -> list[str]:
    said = statement["Action"]
    return [said] if isinstance(said, str) else list(said)


def test_without_any_one_of_its_permissions_a_function_is_denied_a_call_that_it_makes(gate: DeployedGate) -> None:
    """No right is there for nothing: with it the adapters' call goes through, and without it alone it does not."""
    function = gate.outputs["SweepFunction"]
    role = gate.client("lambda").get_function(FunctionName=function)["Configuration"]["Role"].rpartition("/")[2]
    iam = gate.client("iam")
    allowed = {
        action
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        for statement in iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]
        for action in _actions(statement)
        if not action.startswith(BY_LAMBDA)
    }
    given = gate.role_credentials["SweepFunction"]

    def client(service: str) -> Any:
        proxied = {"endpoint_url": CONTROL_URL, "config": over_http(gate.services.url)}
        return boto3.client(  # type: ignore[call-overload]
            service,
            region_name=REGION,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
            **(proxied if service == "s3control" else {"endpoint_url": gate.services.url}),
        )

    calls = _calls(gate, client)
    assert calls.keys() == allowed
    needed = set()
    for action, call in calls.items():
        with without(gate, role, action):
            if is_denied(call):
                needed.add(action)
    assert calls.keys() - needed == NOT_ENFORCED
    assert [action for action in needed if is_denied(calls[action])] == []
