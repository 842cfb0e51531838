"""The few API descriptions that ship give the same requests, and the same answers, as all of botocore's."""

import gzip
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import botocore
import botocore.session
import pytest
from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import Loader

from batchgate.aws import announcements, appconfig, cloudtrail, policy_versions, reading_machine
from batchgate.aws import ledger as ledgers
from batchgate.aws.s3control import CONFIG
from infra.gate_asset import FUNCTIONS
from infra.service_data import OPERATIONS, ServiceDataError, cut_service_data

ACCOUNT = "111122223333"
JOB = "00e123a4-c0d8-41f4-a0eb-b46f9ba5b07c"
KEY = {"pk": {"S": "aws:eu-central-1:111122223333:job"}, "sk": {"S": "STATE"}}
XML = '<?xml version="1.0" encoding="UTF-8"?>'
NAMESPACE = 'xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"'

CALLS: Mapping[tuple[str, str], tuple[Config, dict[str, Any], dict[str, str], str]] = {
    ("s3control", "describe_job"): (
        CONFIG,
        {"AccountId": ACCOUNT, "JobId": JOB},
        {},
        (
            f"{XML}<DescribeJobResult {NAMESPACE}><Job><JobId>{JOB}</JobId><Status>Suspended</Status>"
            "<ProgressSummary><TotalNumberOfTasks>7</TotalNumberOfTasks></ProgressSummary></Job></DescribeJobResult>"
        ),
    ),
    ("s3control", "get_job_tagging"): (
        CONFIG,
        {"AccountId": ACCOUNT, "JobId": JOB},
        {},
        (
            f"{XML}<GetJobTaggingResult {NAMESPACE}><Tags><member><Key>team</Key><Value>lake</Value></member></Tags>"
            "</GetJobTaggingResult>"
        ),
    ),
    ("s3control", "list_jobs"): (
        CONFIG,
        {"AccountId": ACCOUNT, "JobStatuses": ["Suspended"], "MaxResults": 1000, "NextToken": "next"},
        {},
        (
            f"{XML}<ListJobsResult {NAMESPACE}><Jobs><member><JobId>{JOB}</JobId><Status>Suspended</Status>"
            "<CreationTime>2026-03-27T06:03:40Z</CreationTime></member></Jobs></ListJobsResult>"
        ),
    ),
    ("s3control", "update_job_status"): (
        CONFIG,
        {"AccountId": ACCOUNT, "JobId": JOB, "RequestedJobStatus": "Ready", "StatusUpdateReason": "a b/&? [claim 1]"},
        {},
        f"{XML}<UpdateJobStatusResult {NAMESPACE}><JobId>{JOB}</JobId><Status>Ready</Status></UpdateJobStatusResult>",
    ),
    ("s3", "head_object"): (
        CONFIG,
        {"Bucket": "manifests", "Key": "a b/c.csv", "VersionId": "v1"},
        {"ETag": '"60e460c9d1046e73f7dde5043ac3ae85"', "Content-Length": "17"},
        "",
    ),
    ("s3", "get_object"): (
        CONFIG,
        {"Bucket": "manifests", "Key": "a b/c.csv", "VersionId": "v1", "Range": "bytes=7-8", "IfMatch": "e"},
        {"ETag": '"60e460c9d1046e73f7dde5043ac3ae85"', "Content-Length": "2"},
        "\n,",
    ),
    ("dynamodb", "get_item"): (
        ledgers.CONFIG,
        {"TableName": "t", "Key": KEY, "ConsistentRead": True},
        {},
        '{"Item": {"rev": {"N": "3"}, "maybe_sent": {"BOOL": true}}}',
    ),
    ("dynamodb", "put_item"): (
        ledgers.CONFIG,
        {
            "TableName": "t",
            "Item": KEY,
            "ConditionExpression": "rev = :rev",
            "ExpressionAttributeNames": {"#o": "owner"},
            "ExpressionAttributeValues": {":rev": {"N": "3"}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        },
        {},
        "{}",
    ),
    ("dynamodb", "delete_item"): (
        ledgers.CONFIG,
        {"TableName": "t", "Key": KEY, "ConditionExpression": "attribute_exists(pk)"},
        {},
        "{}",
    ),
    ("dynamodb", "batch_get_item"): (
        ledgers.CONFIG,
        {"RequestItems": {"t": {"Keys": [KEY], "ProjectionExpression": "pk, announced_at"}}},
        {},
        '{"Responses": {"t": [{"pk": {"S": "x"}}]}, "UnprocessedKeys": {}}',
    ),
    ("dynamodb", "query"): (
        ledgers.CONFIG,
        {
            "TableName": "t",
            "IndexName": "open",
            "KeyConditionExpression": "#open = :open",
            "ExpressionAttributeNames": {"#open": "open"},
            "ExpressionAttributeValues": {":open": {"S": "open"}},
        },
        {},
        '{"Items": [{"pk": {"S": "x"}}], "LastEvaluatedKey": {"pk": {"S": "x"}}}',
    ),
    ("dynamodb", "transact_write_items"): (
        ledgers.CONFIG,
        {
            "TransactItems": [
                {"Put": {"TableName": "t", "Item": KEY}},
                {"ConditionCheck": {"TableName": "t", "Key": KEY, "ConditionExpression": "attribute_exists(pk)"}},
            ],
            "ClientRequestToken": "else it would be another each time",
        },
        {},
        "{}",
    ),
    ("dynamodb", "describe_table"): (
        ledgers.CONFIG,
        {"TableName": "t"},
        {},
        '{"Table": {"CreationDateTime": 1774591420.0}}',
    ),
    ("cloudtrail", "lookup_events"): (
        cloudtrail.CONFIG,
        {
            "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "CreateJob"}],
            "StartTime": datetime(2026, 3, 27, 6, 1, tzinfo=UTC),
            "EndTime": datetime(2026, 3, 27, 6, 5, tzinfo=UTC),
            "MaxResults": 50,
            "NextToken": "next",
        },
        {},
        '{"Events": [{"EventTime": 1774591420.0, "CloudTrailEvent": "{}"}], "NextToken": "more"}',
    ),
    ("appconfig", "list_hosted_configuration_versions"): (
        policy_versions.CONFIG,
        {"ApplicationId": "app1234", "ConfigurationProfileId": "prof123", "MaxResults": 50, "NextToken": "n/+="},
        {},
        '{"Items": [{"VersionNumber": 7}], "NextToken": "m"}',
    ),
    ("appconfig", "get_hosted_configuration_version"): (
        policy_versions.CONFIG,
        {"ApplicationId": "app1234", "ConfigurationProfileId": "prof123", "VersionNumber": 7},
        {"Version-Number": "7", "Content-Type": "application/json"},
        '{"version": 1}',
    ),
    ("appconfig", "list_deployments"): (
        policy_versions.CONFIG,
        {"ApplicationId": "app1234", "EnvironmentId": "env1234"},
        {},
        '{"Items": [{"DeploymentNumber": 7, "State": "BAKING"}], "NextToken": "m"}',
    ),
    ("appconfig", "get_deployment"): (
        policy_versions.CONFIG,
        {"ApplicationId": "app1234", "EnvironmentId": "env1234", "DeploymentNumber": 7},
        {},
        '{"DeploymentNumber": 7, "Description": "x", "EventLog": [{"TriggeredBy": "USER"}]}',
    ),
    ("appconfigdata", "start_configuration_session"): (
        appconfig.CONFIG,
        {
            "ApplicationIdentifier": "app1234",
            "EnvironmentIdentifier": "enforced",
            "ConfigurationProfileIdentifier": "prof123",
            "RequiredMinimumPollIntervalInSeconds": 15,
        },
        {},
        '{"InitialConfigurationToken": "t0"}',
    ),
    ("appconfigdata", "get_latest_configuration"): (
        appconfig.CONFIG,
        {"ConfigurationToken": "t0/+="},
        {"Next-Poll-Configuration-Token": "t1", "Next-Poll-Interval-In-Seconds": "15", "Content-Type": "text/plain"},
        '{"version": 1}',
    ),
    ("events", "put_events"): (
        announcements.CONFIG,
        {"Entries": [{"Source": "batchgate", "DetailType": "d", "Detail": "{}", "EventBusName": "default"}]},
        {},
        '{"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]}',
    ),
    ("sns", "publish"): (
        announcements.CONFIG,
        {"TopicArn": f"arn:aws:sns:eu-central-1:{ACCOUNT}:t", "Subject": "s", "Message": "m"},
        {},
        (
            '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m</MessageId>'
            "</PublishResult></PublishResponse>"
        ),
    ),
    ("sns", "get_topic_attributes"): (
        announcements.CONFIG,
        {"TopicArn": f"arn:aws:sns:eu-central-1:{ACCOUNT}:t"},
        {},
        (
            '<GetTopicAttributesResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><GetTopicAttributesResult>'
            "<Attributes><entry><key>SubscriptionsConfirmed</key><value>1</value></entry></Attributes>"
            "</GetTopicAttributesResult></GetTopicAttributesResponse>"
        ),
    ),
    ("sqs", "send_message"): (
        reading_machine.CONFIG,
        {"QueueUrl": f"https://sqs.eu-central-1.amazonaws.com/{ACCOUNT}/q", "MessageBody": "{}"},
        {},
        '{"MessageId": "m", "MD5OfMessageBody": "99914b932bd37a50b983c5e7c90ae93b"}',
    ),
    ("stepfunctions", "start_execution"): (
        reading_machine.CONFIG,
        {"stateMachineArn": f"arn:aws:states:eu-central-1:{ACCOUNT}:stateMachine:m", "name": "n-1", "input": "{}"},
        {},
        '{"executionArn": "arn", "startDate": 1774591420.0}',
    ),
    ("ssm", "get_parameter"): (
        announcements.CONFIG,
        {"Name": "/batchgate/gate"},
        {},
        '{"Parameter": {"Name": "/batchgate/gate", "Type": "String", "Value": "{}", "LastModifiedDate": 1774591420.0}}',
    ),
}
"""Every call of the functions: its client's settings, arguments, and an answer (headers, body)."""

ERRORS = {
    "s3control": f"{XML}<ErrorResponse {NAMESPACE}><Error><Code>JobStatusException</Code><Message>no</Message></Error>"
    "</ErrorResponse>",
    "dynamodb": '{"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "Message": "no", '
    '"CancellationReasons": [{"Code": "ConditionalCheckFailed", "Item": {"rev": {"N": "3"}}}]}',
    "sns": "<ErrorResponse><Error><Code>NotFound</Code><Message>no</Message></Error></ErrorResponse>",
}
VARYING = {"x-amz-date", "authorization", "amz-sdk-invocation-id"}


class _Body:
    """What botocore reads an answer from."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def stream(self, **_: object) -> list[bytes]:
        return [self.content]

    def read(self, amount: int | None = None) -> bytes:
        content, self.content = self.content, b""
        return content


@cache
def session_on(data: Path) -> botocore.session.Session:
    """A session that knows the API descriptions in this directory and no others."""
    session = botocore.session.Session()
    session.register_component("data_loader", Loader([str(data)], include_default_search_paths=False))
    session.set_credentials("AKIDEXAMPLE", "secret", "token")
    return session


def speak(
    data: Path, region: str, call: tuple[str, str], status: int, headers: Mapping[str, str], body: str
) -> tuple[Any, Any]:
    """Make one call with the API descriptions in this directory; what is sent, and what comes of this answer."""
    service, operation = call
    config, arguments, *_ = CALLS[call]
    client = session_on(data).create_client(service, region_name=region, config=config)
    sent: list[Any] = []

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        said = {name: value for name, value in request.headers.items() if name.lower() not in VARYING}
        sent.append((request.method, request.url, said, request.body))
        return AWSResponse(request.url, status, {**headers}, _Body(body.encode()))  # type: ignore[arg-type]

    client.meta.events.register_first("before-send", answer)  # type: ignore[arg-type]
    try:
        came: Any = getattr(client, operation)(**arguments)
        for streamed in ("Body", "Configuration", "Content"):
            if streamed in came:
                came[streamed] = came[streamed].read()
    except ClientError as error:
        came = (type(error).__name__, error.response)
    return sent, came


@pytest.fixture(scope="module")
def full() -> Path:
    """All of botocore's data."""
    return Path(botocore.__file__).parent / "data"


@pytest.mark.parametrize("region", ["eu-central-1", "cn-north-1", "us-gov-west-1"])
@pytest.mark.parametrize("call", CALLS, ids=".".join)
def test_requests_and_answers_are_the_same(asset: Path, full: Path, call: tuple[str, str], region: str) -> None:
    """To the byte, in every partition."""
    _, _, headers, body = CALLS[call]
    shipped = speak(asset / "botocore" / "data", region, call, 200, headers, body)
    assert shipped == speak(full, region, call, 200, headers, body)
    [(_, url, *_)] = shipped[0]
    assert f".{region}." in url


@pytest.mark.parametrize("call", CALLS, ids=".".join)
def test_refusals_are_the_same(asset: Path, full: Path, call: tuple[str, str]) -> None:
    """Code, message and what else the service says."""
    body = ERRORS.get(call[0], "")
    shipped = speak(asset / "botocore" / "data", "eu-central-1", call, 400, {}, body)
    assert shipped == speak(full, "eu-central-1", call, 400, {}, body)
    assert isinstance(shipped[1], tuple)


def test_these_are_all_calls() -> None:
    """Whatever the adapters call by a client is compared above, and whose API descriptions ship is called."""
    called = set()
    for path in (FUNCTIONS / "batchgate" / "aws").glob("*.py"):
        called |= set(re.findall(r"(?:self\.(?:client|s3)|lambda: events)\.([a-z_]+)\(", path.read_text()))
    assert called == {operation for _, operation in CALLS}
    shipped = {(service, xform_name(operation)) for service, names in OPERATIONS.items() for operation in names}
    assert shipped == CALLS.keys() | {("s3", "head_bucket")}  # botocore's own, where a bucket is elsewhere
    wired = (FUNCTIONS / "batchgate" / "aws" / "wiring.py").read_text()
    assert set(re.findall(r'_client\("([a-z0-9]+)"', wired)) == OPERATIONS.keys()


def test_every_error_of_a_service_keeps_its_class(asset: Path, full: Path) -> None:
    """A service may answer any of its errors to any call, whatever the description of the operation lists."""
    for service in OPERATIONS:
        shipped, whole = (
            session_on(data).create_client(service, region_name="eu-central-1")
            for data in (asset / "botocore" / "data", full)
        )
        assert set(dir(shipped.exceptions)) == set(dir(whole.exceptions))


def test_data_of_another_layout_is_refused(tmp_path: Path) -> None:
    """A new botocore that has moved things fails the build and not a decision."""
    with pytest.raises(ServiceDataError, match="no service-2 of"):
        cut_service_data(tmp_path)
    for service, operations in OPERATIONS.items():
        directory = tmp_path / service / "2011-12-05"
        directory.mkdir(parents=True)
        known: dict[str, Any] = {name: {} for name in operations if name != "Publish"}
        model = {"metadata": {"endpointPrefix": service}, "operations": known, "shapes": {}}
        for name, content in (("service-2", model), ("endpoint-rule-set-1", {})):
            (directory / f"{name}.json.gz").write_bytes(gzip.compress(json.dumps(content).encode()))
    with pytest.raises(ServiceDataError, match="sns has no Publish"):
        cut_service_data(tmp_path)
