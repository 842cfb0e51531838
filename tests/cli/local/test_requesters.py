"""Who created a job, as the local CloudTrail records it and the gate's adapter finds it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from batchgate.aws.cloudtrail import CONFIG, NOT_YET, CloudTrailRequesters
from batchgate.aws.pace import Evenly
from batchgate.jobs.model import JobRef
from batchgate_cli.local.services import ACCOUNT, CONTROL_URL, REGION, LocalServices, running_services
from s3batch_emulator import RealClock, over_http
from tests.e2e.deployed_gate import client_of

ROLE = f"arn:aws:iam::{ACCOUNT}:role/pipeline"
NEW_JOB: dict[str, Any] = {
    "AccountId": ACCOUNT,
    "Operation": {"S3PutObjectTagging": {"TagSet": [{"Key": "tier", "Value": "cold"}]}},
    "Report": {"Enabled": False},
    "Manifest": {
        "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
        "Location": {"ObjectArn": "arn:aws:s3:::manifests/one.csv", "ETag": "0" * 32},
    },
    "Priority": 10,
    "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/batch-operations",
    "ConfirmationRequired": True,
}


@pytest.fixture(scope="module")
def services() -> Iterator[LocalServices]:
    """A local AWS of these tests."""
    with running_services() as started:
        yield started


def control(services: LocalServices, credentials: dict[str, str]) -> Any:
    """A client of S3 Control with these credentials."""
    keys: dict[str, Any] = {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }
    return boto3.client(
        "s3control", region_name=REGION, endpoint_url=CONTROL_URL, config=over_http(services.url), **keys
    )


def requesters(services: LocalServices) -> CloudTrailRequesters:
    """The gate's adapter on a real client of the local CloudTrail."""
    owner: dict[str, Any] = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "local"}
    client = boto3.client("cloudtrail", region_name=REGION, endpoint_url=services.url, config=CONFIG, **owner)
    return CloudTrailRequesters(client, RealClock(), Evenly(100))


def test_each_job_has_the_requester_who_called(services: LocalServices) -> None:
    """A session of a role, and the account itself: two jobs of the same second are not confused."""
    client_of(services, "iam").create_role(RoleName="pipeline", AssumeRolePolicyDocument="{}")
    session = client_of(services, "sts").assume_role(RoleArn=ROLE, RoleSessionName="ana")["Credentials"]
    by_ana = control(services, session).create_job(**NEW_JOB, ClientRequestToken="ana")["JobId"]
    by_owner = services.s3control().create_job(**NEW_JOB, ClientRequestToken="owner")["JobId"]
    look, now = requesters(services), datetime.now(UTC)
    assert look.find(JobRef("aws", REGION, ACCOUNT, by_ana), now) == f"arn:aws:sts::{ACCOUNT}:assumed-role/pipeline/ana"
    assert look.find(JobRef("aws", REGION, ACCOUNT, by_owner), now) == f"arn:aws:iam::{ACCOUNT}:root"
    assert look.find(JobRef("aws", REGION, ACCOUNT, "another-job"), now) == NOT_YET


def test_a_call_that_is_refused_creates_no_record(services: LocalServices) -> None:
    """Nor does one that reads."""
    client, trail = services.s3control(), client_of(services, "cloudtrail")
    client.create_job(**NEW_JOB, ClientRequestToken="once")
    before = len(trail.lookup_events()["Events"])
    with pytest.raises(client.exceptions.IdempotencyException):
        client.create_job(**(NEW_JOB | {"Priority": 11}), ClientRequestToken="once")
    client.list_jobs(AccountId=ACCOUNT)
    assert len(trail.lookup_events()["Events"]) == before > 0
