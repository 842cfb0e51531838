"""What the ARNs of a job name, and that no piece of one is taken for a bucket."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from s3batch_emulator.arns import ArnResource, bucket_of, parse_arn
from s3batch_emulator.testing import EmulatedBatch

from .conftest import NewJob
from .job_requests import ACCOUNT, manifest

POINT = "arn:aws:s3:us-east-1:123456789012:accesspoint/ap"


@pytest.mark.parametrize(
    ("arn", "parsed", "bucket"),
    [
        ("arn:aws:s3:::lake", ArnResource("lake", ""), "lake"),
        ("arn:aws:s3:::lake/", ArnResource("lake", ""), ""),
        ("arn:aws:s3:::lake/a/b:::c", ArnResource("lake", "a/b:::c"), ""),
        ("arn:aws:s3:::lake-s3alias/m.csv", ArnResource("lake-s3alias", "m.csv"), ""),
        ("arn:aws:s3:::lake--use1-az4--x-s3", ArnResource("lake--use1-az4--x-s3", "", is_directory=True), None),
        (POINT, ArnResource(POINT, ""), POINT),
        (f"{POINT}/object/y:::lake/m.csv", ArnResource(POINT, "y:::lake/m.csv"), ""),
        (POINT.replace("/", ":"), ArnResource(POINT, ""), POINT),
        ("arn:aws:s3express:us-east-1:123456789012:bucket/lake", ArnResource("lake", "", is_directory=True), "lake"),
        ("arn:aws:s3:us-east-1:123456789012:job/lake", None, ""),
        ("arn:aws:s3:us-east-1:123456789012:lake", None, ""),
        ("arn:aws:s3:us-east-1::lake", None, ""),
        ("arn:aws:s3-outposts:us-east-1:123456789012:outpost/op-1/bucket/lake", None, ""),
        ("arn:aws:s3:::", None, ""),
        ("arn:aws:s3:lake", None, ""),
        ("lake", None, ""),
        ("", None, ""),
    ],
)
def test_an_arn_is_read_from_the_left(arn: str, parsed: ArnResource | None, bucket: str | None) -> None:
    """Buckets by name, access points by their ARN, as S3's own API takes them."""
    assert parse_arn(arn) == parsed
    assert bucket is None or bucket_of(arn) == bucket


@given(st.text(st.sampled_from(":/akey.-"), max_size=40))
def test_a_key_never_changes_whose_it_is(key: str) -> None:
    """Whatever stands behind the bucket or the access point."""
    assert parse_arn(f"arn:aws:s3:::lake/{key}") == ArnResource("lake", key)
    found = parse_arn(f"{POINT}/object/{key}")
    assert found is not None
    assert (found.bucket, found.key) == (POINT, key)


@pytest.mark.parametrize(
    "target",
    ["arn:aws:s3:::lake/", "arn:aws:s3:::lake/path", f"{POINT}/object/x", "arn:aws:s3:us-east-1:123456789012:job/lake"],
)
def test_a_copy_to_what_is_no_bucket_is_refused(batch: EmulatedBatch, new_job: NewJob, target: str) -> None:
    """As the service refuses a target with a path."""
    with pytest.raises(ClientError) as refused:
        new_job(Operation={"S3PutObjectCopy": {"TargetResource": target}})
    assert refused.value.response["Error"]["Code"] == "BadRequestException"
    assert not batch.emulator.jobs()


@pytest.mark.parametrize(
    "changed",
    [
        {"Report": {"Enabled": True, "Bucket": "arn:aws:s3:::r--use1-az4--x-s3", "Format": "Report_CSV_20180820"}},
        {
            "Manifest": None,
            "ManifestGenerator": {
                "S3JobManifestGenerator": {
                    "SourceBucket": "arn:aws:s3:::r--use1-az4--x-s3",
                    "EnableManifestOutput": False,
                }
            },
        },
    ],
)
def test_directory_buckets_are_refused_where_they_are_documented_not_to_be_supported(
    new_job: NewJob, changed: dict[str, Any]
) -> None:
    """A report can't be written into one, and none is listed."""
    with pytest.raises(ClientError) as refused:
        new_job(**changed)
    assert refused.value.response["Error"]["Code"] == "BadRequestException"


@pytest.mark.parametrize(
    "target", ["arn:aws:s3:::lake", POINT, "arn:aws:s3express:us-east-1:123456789012:bucket/b--use1-az4--x-s3"]
)
def test_a_copy_to_a_bucket_of_any_kind_or_an_access_point_is_taken(new_job: NewJob, target: str) -> None:
    """Only the gate has something against it."""
    assert new_job(Operation={"S3PutObjectCopy": {"TargetResource": target}})


def test_a_manifest_behind_an_access_point_is_read_through_it(
    batch: EmulatedBatch, s3control: Any, new_job: NewJob
) -> None:
    """Not in a bucket of the name `accesspoint`, nor in the one that its key seems to name."""
    for elsewhere, key in (("accesspoint", "ap/object/y:::lake/m.csv"), ("lake", "m.csv")):
        batch.objects.put(elsewhere, key, b"b,k\n")
    etag = batch.objects.put(POINT, "y:::lake/m.csv", b"b,k\nb,l\n")
    location = {"ObjectArn": f"{POINT}/object/y:::lake/m.csv", "ETag": etag}
    job_id = new_job(Manifest={**manifest(etag), "Location": location})
    batch.advance(seconds=60)
    job = s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]
    assert (job["Status"], job["ProgressSummary"]["TotalNumberOfTasks"]) == ("Suspended", 2)
