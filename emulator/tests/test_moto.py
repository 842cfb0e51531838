"""Inside moto's mock: job operations by the emulator, everything else by moto, with real boto3 clients throughout."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from moto import mock_aws
from moto.s3control import urls

from s3batch_emulator import Effect, Fault, RealClock
from s3batch_emulator.moto import MotoBatch, mock_s3batch

from .job_requests import ACCOUNT, CSV_FIELDS, code, job_request

OTHER_ACCOUNT = "210987654321"
ROWS = b"lake,one\nlake,two\nlake,three\n"
Inside = Callable[[Callable[[MotoBatch], None]], None]


def moto_client(service: str, region: str = "us-east-1", account: str | None = None) -> Any:
    """A plain boto3 client; with an account, by credentials that moto's STS issues for it."""
    made: Any = boto3.client
    if account is None:
        return made(service, region)
    issued = boto3.client("sts", region).assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/owner", RoleSessionName="owner"
    )["Credentials"]
    return made(
        service,
        region,
        aws_access_key_id=issued["AccessKeyId"],
        aws_secret_access_key=issued["SecretAccessKey"],
        aws_session_token=issued["SessionToken"],
    )


def stored(body: bytes = ROWS, bucket: str = "manifests", **owner: Any) -> dict[str, Any]:
    """A manifest in a new bucket of moto's S3, as CreateJob names it."""
    s3 = moto_client("s3", **owner)
    s3.create_bucket(Bucket=bucket)
    etag = s3.put_object(Bucket=bucket, Key="m.csv", Body=body)["ETag"]
    return {
        "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": CSV_FIELDS},
        "Location": {"ObjectArn": f"arn:aws:s3:::{bucket}/m.csv", "ETag": etag},
    }


def request(manifest: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A CreateJob input that needs no confirmation."""
    return job_request(None, Manifest=manifest, ConfirmationRequired=False, **changes)


def described(job_id: str, account: str = ACCOUNT, region: str = "us-east-1") -> dict[str, Any]:
    """What DescribeJob returns."""
    return dict(boto3.client("s3control", region).describe_job(AccountId=account, JobId=job_id)["Job"])


def by_the_context_manager(test: Callable[[MotoBatch], None]) -> None:
    """Our context manager alone."""
    with mock_s3batch() as batch:
        test(batch)


def inside_mock_aws(test: Callable[[MotoBatch], None]) -> None:
    """Inside moto's context manager."""
    with mock_aws(), mock_s3batch() as batch:
        test(batch)


def inside_the_decorator(test: Callable[[MotoBatch], None]) -> None:
    """Inside moto's decorator."""

    @mock_aws
    def decorated() -> None:
        with mock_s3batch() as batch:
            test(batch)

    decorated()


def around_the_decorator(test: Callable[[MotoBatch], None]) -> None:
    """Around moto's decorator."""
    with mock_s3batch() as batch:
        mock_aws(lambda: test(batch))()


@pytest.mark.parametrize(
    "inside", [by_the_context_manager, inside_mock_aws, inside_the_decorator, around_the_decorator]
)
def test_a_job_runs_to_its_end_over_a_manifest_in_motos_s3(inside: Inside) -> None:
    """Alone, inside and around moto's own mock; all eight operations answer."""

    def test(batch: MotoBatch) -> None:
        s3control = boto3.client("s3control", "us-east-1")
        job_id = s3control.create_job(**job_request(None, Manifest=stored()))["JobId"]
        named = {"AccountId": ACCOUNT, "JobId": job_id}
        s3control.put_job_tagging(**named, Tags=[{"Key": "team", "Value": "data"}])
        assert s3control.get_job_tagging(**named)["Tags"] == [{"Key": "team", "Value": "data"}]
        s3control.delete_job_tagging(**named)
        batch.advance(seconds=10)
        assert described(job_id)["Status"] == "Suspended"
        assert s3control.update_job_priority(**named, Priority=7)["Priority"] == 7
        s3control.update_job_status(**named, RequestedJobStatus="Ready")
        batch.advance(minutes=1)
        (listed,) = s3control.list_jobs(AccountId=ACCOUNT)["Jobs"]
        assert (listed["JobId"], listed["Status"], listed["Priority"]) == (job_id, "Complete", 7)
        assert described(job_id)["ProgressSummary"]["TotalNumberOfTasks"] == 3
        assert batch.events[-1]["detail"]["serviceEventDetails"]["status"] == "Complete"

    inside(test)


def test_a_fixture_is_all_that_a_test_needs(s3batch_moto: MotoBatch) -> None:
    """It enters moto's mock by itself."""
    job_id = boto3.client("s3control", "us-east-1").create_job(**request(stored()))["JobId"]
    s3batch_moto.advance(minutes=1)
    assert described(job_id)["Status"] == "Complete"


@mock_aws
def test_a_fixture_goes_with_the_decorator(s3batch_moto: MotoBatch) -> None:
    """What the test stores in moto's S3 is what jobs read."""
    job_id = boto3.client("s3control", "us-east-1").create_job(**request(stored()))["JobId"]
    s3batch_moto.advance(minutes=1)
    assert described(job_id)["Status"] == "Complete"


def test_a_client_that_was_created_before_the_mock_is_answered() -> None:
    """As by moto itself."""
    with mock_aws():
        early = boto3.client("s3control", "us-east-1")
    with mock_s3batch():
        assert early.list_jobs(AccountId=ACCOUNT)["Jobs"] == []


@pytest.mark.parametrize(
    ("change", "failure"),
    [
        ({"ETag": "0" * 32}, "ManifestETagMismatch"),
        ({"ObjectArn": "arn:aws:s3:::manifests/other.csv"}, "ManifestNotFound"),
        ({"ObjectArn": "arn:aws:s3:::no-such-bucket/m.csv"}, "ManifestNotFound"),
    ],
    ids=str,
)
def test_a_manifest_that_is_not_the_one_named_fails_the_job(
    s3batch_moto: MotoBatch, change: dict[str, str], failure: str
) -> None:
    """By the ETag that moto gives, and by moto's refusals."""
    named = stored()
    named["Location"].update(change)
    job_id = boto3.client("s3control", "us-east-1").create_job(**request(named))["JobId"]
    s3batch_moto.advance(minutes=1)
    job = described(job_id)
    assert (job["Status"], [each["FailureCode"] for each in job["FailureReasons"]]) == ("Failed", [failure])


def test_an_inventory_and_its_version_are_read_from_motos_s3(s3batch_moto: MotoBatch) -> None:
    """The manifest that a generator stored in moto's bucket is one."""
    s3 = boto3.client("s3", "us-east-1")
    s3.create_bucket(Bucket="lake")
    for key in ("in/a", "in/b", "out/c"):
        s3.put_object(Bucket="lake", Key=key, Body=b"x")
    s3control = boto3.client("s3control", "us-east-1")
    generator = {
        "SourceBucket": "arn:aws:s3:::lake",
        "EnableManifestOutput": True,
        "ManifestOutputLocation": {
            "Bucket": "arn:aws:s3:::lake",
            "ManifestPrefix": "made",
            "ManifestFormat": "S3InventoryReport_CSV_20211130",
        },
        "Filter": {"KeyNameConstraint": {"MatchAnyPrefix": ["in/"]}},
    }
    made = s3control.create_job(**request(ManifestGenerator={"S3JobManifestGenerator": generator}))["JobId"]
    s3batch_moto.advance(minutes=1)
    job = described(made)
    assert (job["Status"], job["ProgressSummary"]["TotalNumberOfTasks"]) == ("Complete", 2)
    location = job["GeneratedManifestDescriptor"]["Location"]
    assert (
        s3.get_object(Bucket="lake", Key=location["ObjectArn"].partition("/")[2])["ETag"].strip('"') == location["ETag"]
    )
    inventory = {"Spec": {"Format": "S3InventoryReport_CSV_20161130"}, "Location": location}
    again = s3control.create_job(**request(inventory))["JobId"]
    s3batch_moto.advance(minutes=1)
    assert described(again)["ProgressSummary"]["TotalNumberOfTasks"] == 2


def test_accounts_and_regions_are_those_of_moto(s3batch_moto: MotoBatch) -> None:
    """Each account's job reads that account's bucket; no job is seen from another account or Region."""
    mine = boto3.client("s3control", "us-east-1").create_job(**request(stored(bucket="mine")))["JobId"]
    theirs_named = stored(b"lake,one\n", "theirs", account=OTHER_ACCOUNT)
    theirs_client = moto_client("s3control", account=OTHER_ACCOUNT)
    theirs = theirs_client.create_job(**request(theirs_named, AccountId=OTHER_ACCOUNT))["JobId"]
    s3batch_moto.advance(minutes=1)
    assert described(mine)["ProgressSummary"]["TotalNumberOfTasks"] == 3
    assert described(theirs, OTHER_ACCOUNT)["ProgressSummary"]["TotalNumberOfTasks"] == 1
    for account, region in ((OTHER_ACCOUNT, "us-east-1"), (ACCOUNT, "eu-west-1")):
        with pytest.raises(ClientError) as error:
            described(mine, account, region)
        assert code(error) == ("NotFoundException", 400)


@pytest.mark.parametrize(("region", "partition"), [("eu-west-1", "aws"), ("cn-north-1", "aws-cn")])
def test_jobs_have_the_partition_of_their_region(s3batch_moto: MotoBatch, region: str, partition: str) -> None:
    """Moto's host names of China included."""
    s3 = moto_client("s3", region)
    s3.create_bucket(Bucket="manifests", CreateBucketConfiguration={"LocationConstraint": region})
    etag = s3.put_object(Bucket="manifests", Key="m.csv", Body=ROWS)["ETag"]
    named = {
        "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": CSV_FIELDS},
        "Location": {"ObjectArn": f"arn:{partition}:s3:::manifests/m.csv", "ETag": etag},
    }
    job_id = boto3.client("s3control", region).create_job(**request(named))["JobId"]
    s3batch_moto.advance(minutes=1)
    job = described(job_id, region=region)
    assert job["JobArn"] == f"arn:{partition}:s3:{region}:{ACCOUNT}:job/{job_id}"


def test_everything_else_is_motos(s3batch_moto: MotoBatch) -> None:
    """Other operations of S3 Control, and other services."""
    s3control = moto_client("s3control")
    blocked = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    s3control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration=blocked)
    found = s3control.get_public_access_block(AccountId=ACCOUNT)["PublicAccessBlockConfiguration"]
    assert found == blocked
    boto3.client("s3", "us-east-1").create_bucket(Bucket="lake")
    s3control.create_access_point(AccountId=ACCOUNT, Name="point", Bucket="lake")
    assert s3control.get_access_point(AccountId=ACCOUNT, Name="point")["Bucket"] == "lake"
    sqs = boto3.client("sqs", "us-east-1")
    sqs.create_queue(QueueName="queue")
    assert len(sqs.list_queues()["QueueUrls"]) == 1
    assert s3batch_moto.emulator.calls == []


def test_errors_are_those_of_the_emulator(s3batch_moto: MotoBatch) -> None:
    """With their codes, and what a fault breaks never arrives."""
    s3control = boto3.client("s3control", "us-east-1")
    with pytest.raises(ClientError) as error:
        s3control.update_job_status(
            AccountId=ACCOUNT, JobId="8d9a18fe-c303-4d39-8ccc-860d372da386", RequestedJobStatus="Ready"
        )
    assert code(error) == ("NotFoundException", 400)
    s3batch_moto.emulator.faults.add(Fault(Effect.RESET, times=None))
    with pytest.raises(ConnectionClosedError):
        s3control.list_jobs(AccountId=ACCOUNT)


def test_the_clock_stands_until_it_is_advanced() -> None:
    """It starts at the present time, so that it agrees with the times that moto gives to objects."""
    with mock_s3batch() as batch:
        began = batch.clock.now()
        assert timedelta(0) <= datetime.now(UTC) - began < timedelta(minutes=1)
        batch.advance(hours=1)
        assert batch.clock.now() == began + timedelta(hours=1)
    with mock_s3batch(clock=RealClock()) as real, pytest.raises(TypeError, match="SteppedClock"):
        real.advance(hours=1)


def test_mocks_nest() -> None:
    """The innermost answers; the outer one has its jobs back afterwards."""
    with mock_s3batch() as outer:
        s3control = boto3.client("s3control", "us-east-1")
        s3control.create_job(**request(stored()))
        with mock_s3batch(seed=1) as inner:
            assert s3control.list_jobs(AccountId=ACCOUNT)["Jobs"] == []
        assert len(s3control.list_jobs(AccountId=ACCOUNT)["Jobs"]) == 1
        assert (len(outer.emulator.calls), len(inner.emulator.calls)) == (2, 1)


def test_nothing_is_left_behind() -> None:
    """After the mock, also after one that ended with an error: moto's table is its own, and has no jobs."""
    before = urls.url_paths
    with pytest.raises(ZeroDivisionError), mock_s3batch():
        _ = 1 / 0
    assert urls.url_paths is before
    with mock_aws(), pytest.raises(ClientError) as error:
        boto3.client("s3control", "us-east-1").list_jobs(AccountId=ACCOUNT)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
