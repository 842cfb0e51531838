"""Accounts, Regions and partitions; and listing the jobs of one."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from s3batch_emulator import application, connect, over_http, running_server
from s3batch_emulator.exchange import HttpRequest
from s3batch_emulator.testing import EmulatedBatch

from .conftest import NewJob
from .job_requests import ACCOUNT, client, code, job_request

OTHER_ACCOUNT = "210987654321"


def test_jobs_are_seen_only_in_their_account_and_region(batch: EmulatedBatch, new_job: NewJob) -> None:
    """Elsewhere the same id is a job that does not exist."""
    job_id = new_job()
    here, there = connect(client(), batch.emulator), connect(client("eu-central-1"), batch.emulator)
    for s3control, account in ((here, OTHER_ACCOUNT), (there, ACCOUNT)):
        with pytest.raises(ClientError) as error:
            s3control.describe_job(AccountId=account, JobId=job_id)
        assert code(error) == ("NotFoundException", 400)
        assert s3control.list_jobs(AccountId=account)["Jobs"] == []
    assert len(here.list_jobs(AccountId=ACCOUNT)["Jobs"]) == 1


@pytest.mark.parametrize(
    ("region", "partition"), [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_every_partition_has_its_own_arns(batch: EmulatedBatch, region: str, partition: str) -> None:
    """Hosts end in another domain, ARNs begin with another partition."""
    s3control = connect(client(region), batch.emulator)
    asked = job_request(batch.objects, RoleArn=f"arn:{partition}:iam::{ACCOUNT}:role/r")
    job_id = s3control.create_job(**asked)["JobId"]
    job = s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]
    assert job["JobArn"] == f"arn:{partition}:s3:{region}:{ACCOUNT}:job/{job_id}"


@pytest.mark.parametrize(
    ("host", "scope_region", "region"),
    [
        (f"{ACCOUNT}.localhost:8080", "eu-west-1", "eu-west-1"),
        (f"{ACCOUNT}.localhost", None, "us-east-1"),
        ("127.0.0.1:4566", "ap-south-1", "ap-south-1"),
        (f"{ACCOUNT}.s3-control.test", "eu-west-1", "eu-west-1"),
        (f"{ACCOUNT}.s3-control.us-west-2.amazonaws.com", "us-west-2", "us-west-2"),
        (f"{ACCOUNT}.s3-control.dualstack.us-west-2.amazonaws.com", None, "us-west-2"),
        (f"{ACCOUNT}.s3-control-fips.us-gov-west-1.amazonaws.com", None, "us-gov-west-1"),
        ("", None, "us-east-1"),
    ],
)
def test_the_region_is_the_hosts_or_else_the_signatures(
    batch: EmulatedBatch, host: str, scope_region: str | None, region: str
) -> None:
    """And the configured one for an unsigned request to a loopback host."""
    headers = {"host": host, "x-amz-account-id": ACCOUNT}
    if scope_region:
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential=AKID/20260101/{scope_region}/s3/aws4_request, SignedHeaders=host, Signature=0"
        )
    assert batch.emulator.respond(HttpRequest("GET", "/v20180820/jobs", "", headers)).status == 200
    assert batch.emulator.calls[-1].scope.region == region


def test_a_signature_for_another_region_than_the_hosts_is_refused(batch: EmulatedBatch) -> None:
    """As S3 refuses it, naming both; the job is created in neither Region."""
    with running_server(application(batch.emulator)) as url:
        s3control = boto3.client(
            "s3control",
            region_name="eu-west-1",
            endpoint_url="http://s3-control.us-east-1.amazonaws.com",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=over_http(url),
        )
        with pytest.raises(ClientError, match="the region 'eu-west-1' is wrong; expecting 'us-east-1'") as error:
            s3control.create_job(**job_request(batch.objects))
    assert code(error) == ("AuthorizationHeaderMalformed", 400)
    assert batch.emulator.jobs() == []


def test_a_host_without_a_region_leaves_it_to_the_client(batch: EmulatedBatch) -> None:
    """Through the proxy any name will do, and one endpoint serves every Region."""
    with running_server(application(batch.emulator)) as url:
        for region in ("eu-west-1", "cn-north-1"):
            s3control = boto3.client(
                "s3control",
                region_name=region,
                endpoint_url="http://s3-control.test",
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=over_http(url),
            )
            s3control.create_job(**job_request(batch.objects))
            assert len(s3control.list_jobs(AccountId=ACCOUNT)["Jobs"]) == 1
    assert [job.scope.region for job in batch.emulator.jobs()] == ["eu-west-1", "cn-north-1"]


def test_a_host_of_another_account_is_refused(batch: EmulatedBatch) -> None:
    """The header and the host must agree."""
    headers = {"host": f"{OTHER_ACCOUNT}.localhost", "x-amz-account-id": ACCOUNT}
    answer = batch.emulator.respond(HttpRequest("GET", "/v20180820/jobs", "", headers))
    assert (answer.status, b"<Code>BadRequestException</Code>" in answer.body) == (400, True)


def test_listing_goes_page_by_page_newest_first(batch: EmulatedBatch, s3control: Any, new_job: NewJob) -> None:
    """No job twice, none left out, also while new ones are created in between."""
    created = [new_job() for _ in range(25)]
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = s3control.list_jobs(AccountId=ACCOUNT, MaxResults=10, **token)
        seen += [job["JobId"] for job in page["Jobs"]]
        new_job()
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert seen == created[::-1]


def test_listing_filters_by_status(batch: EmulatedBatch, s3control: Any, new_job: NewJob) -> None:
    """Several statuses are a union; nothing but what ListJobs documents is shown."""
    waiting, ended = new_job("Suspended", Description="waits"), new_job("Complete", ConfirmationRequired=False)
    new = new_job("New")

    def listed(*statuses: str) -> set[str]:
        jobs = s3control.list_jobs(AccountId=ACCOUNT, JobStatuses=list(statuses))["Jobs"]
        return {job["JobId"] for job in jobs}

    assert listed("Suspended") == {waiting}
    assert listed("Suspended", "Complete") == {waiting, ended}
    assert listed() == {waiting, ended, new}
    (job,) = s3control.list_jobs(AccountId=ACCOUNT, JobStatuses=["Suspended"])["Jobs"]
    assert set(job) == {"JobId", "Description", "Operation", "Priority", "Status", "CreationTime", "ProgressSummary"}


@pytest.mark.parametrize("token", ["nonsense", "1:0", "", "x" * 1025])
def test_a_foreign_next_token_is_refused(unchecked: Any, token: str) -> None:
    """InvalidNextTokenException, or InvalidRequestException where the model's limits are broken."""
    with pytest.raises(ClientError) as error:
        unchecked.list_jobs(AccountId=ACCOUNT, NextToken=token)
    assert code(error) == ("InvalidNextTokenException" if 0 < len(token) <= 1024 else "InvalidRequestException", 400)


def test_a_next_token_belongs_to_its_filter(unchecked: Any, new_job: NewJob) -> None:
    """It can't be carried over to another listing."""
    for _ in range(2):
        new_job("Suspended")
    token = unchecked.list_jobs(AccountId=ACCOUNT, MaxResults=1, JobStatuses=["Suspended"])["NextToken"]
    with pytest.raises(ClientError) as error:
        unchecked.list_jobs(AccountId=ACCOUNT, JobStatuses=["New"], NextToken=token)
    assert code(error) == ("InvalidNextTokenException", 400)


@pytest.mark.parametrize(
    "asked", [{"MaxResults": 1001}, {"MaxResults": -1}, {"MaxResults": "ten"}, {"JobStatuses": ["Gone"]}]
)
def test_a_bad_listing_is_an_invalid_request(unchecked: Any, asked: dict[str, Any]) -> None:
    """ListJobs declares InvalidRequestException where the others have BadRequestException."""
    with pytest.raises(ClientError) as error:
        unchecked.list_jobs(AccountId=ACCOUNT, **asked)
    assert code(error) == ("InvalidRequestException", 400)
