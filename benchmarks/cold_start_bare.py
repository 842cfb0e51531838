"""A bare boto3 function that makes the gate's calls, one after another, and decides nothing."""

import json
import os
from typing import Any

import boto3

ACCOUNT = "123456789012"
TABLE = os.environ["BATCHGATE_LEDGER_TABLE"]
APPLICATION, ENVIRONMENT, PROFILE = os.environ["BATCHGATE_APPCONFIG"].split("/")

appconfig = boto3.client("appconfigdata")
dynamodb = boto3.client("dynamodb")
events = boto3.client("events")
s3control = boto3.client("s3control")

known: dict[str, Any] = {}
"""The policies and the table, asked for once; the time of the last event, written once."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Approve the job of each record."""
    for record in event["Records"]:
        approve(json.loads(record["body"])["detail"]["serviceEventDetails"]["jobId"])
    return {"batchItemFailures": []}


def approve(job_id: str) -> None:
    """Make the calls of one decision."""
    key: Any = {"pk": {"S": job_id}, "sk": {"S": "STATE"}}
    item = {**key, "said": {"S": "s" * 1000}}
    dynamodb.get_item(TableName=TABLE, Key=key, ConsistentRead=True)
    if "policies" not in known:
        session = appconfig.start_configuration_session(
            ApplicationIdentifier=APPLICATION,
            EnvironmentIdentifier=ENVIRONMENT,
            ConfigurationProfileIdentifier=PROFILE,
            RequiredMinimumPollIntervalInSeconds=15,
        )
        latest = appconfig.get_latest_configuration(ConfigurationToken=session["InitialConfigurationToken"])
        known["policies"] = json.loads(latest["Configuration"].read())
    s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)
    s3control.get_job_tagging(AccountId=ACCOUNT, JobId=job_id)
    if "table" not in known:
        known["table"] = dynamodb.describe_table(TableName=TABLE)
    dynamodb.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": TABLE, "Item": item}},
            {"Put": {"TableName": TABLE, "Item": item}},
            {"ConditionCheck": {"TableName": TABLE, "Key": key, "ConditionExpression": "attribute_not_exists(p)"}},
        ]
    )
    s3control.update_job_status(
        AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus="Ready", StatusUpdateReason="approved"
    )
    dynamodb.put_item(TableName=TABLE, Item=item)
    events.put_events(
        Entries=[{"Source": "bare", "DetailType": "decision", "Detail": json.dumps(item), "EventBusName": "default"}]
    )
    dynamodb.put_item(TableName=TABLE, Item=item)
    if "event" not in known:
        known["event"] = dynamodb.put_item(TableName=TABLE, Item=item)
