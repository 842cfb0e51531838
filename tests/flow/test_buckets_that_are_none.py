"""A job that names something else where a bucket stands is held, start to end."""

from typing import Any

import pytest

from tests.flow.stage import ACCOUNT, REGION, Stage

NOT_THAT_BUCKET = """
version: 1
cancel_grace: 0s
unmatched: cancel
policies:
  - name: anything
    match: [{operation: [S3PutObjectTagging, S3PutObjectCopy]}]
    require: []
guardrails:
  - name: not-that-report
    require: [{report: {not: {bucket: secret-bucket}}}]
    on_violation: cancel
  - name: only-this-manifest
    require: [{manifest: {bucket: manifests}}]
    on_violation: cancel
  - name: small-manifests
    require: [{manifest: {bytes: {at_most: 100}}}]
    on_violation: cancel
  - name: only-to-the-lake
    require: [{destination_buckets: {only: lake}}]
    on_violation: cancel
"""
POINT = f"arn:aws:s3:{REGION}:{ACCOUNT}:accesspoint/ap1"


def report(bucket: str) -> dict[str, Any]:
    """A job's report."""
    return {"Enabled": True, "Bucket": bucket, "Format": "Report_CSV_20180820", "ReportScope": "AllTasks"}


def behind(stage: Stage, container: str, arn: str) -> dict[str, Any]:
    """A manifest that is not in a bucket."""
    etag = stage.objects.put(container, "m.csv", b"data,key\n")
    return {
        "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
        "Location": {"ObjectArn": arn, "ETag": etag},
    }


def test_the_job_that_names_buckets_is_approved() -> None:
    """So that the others are held for what they name."""
    stage = Stage(NOT_THAT_BUCKET)
    copy = {"S3PutObjectCopy": {"TargetResource": "arn:aws:s3:::lake"}}
    assert stage.review(stage.create(Report=report("arn:aws:s3:::reports"), Operation=copy)).action == "approved"
    assert stage.review(stage.create(Report=report("arn:aws:s3:::secret-bucket"))).action == "cancelled"


@pytest.mark.parametrize(
    ("bucket", "what"),
    [
        ("arn:aws:s3:::secret-bucket/x", "a path behind a bucket"),
        (POINT, "an access point"),
        ("arn:aws:s3:::secret-bucket-a1b2-s3alias", "an access point alias"),
        ("arn:aws:s3:::Secret_Bucket", "a name that no bucket can have"),
        ("arn:aws:s3:secret-bucket", "a malformed ARN"),
    ],
)
def test_a_report_to_anything_but_a_bucket_is_held(bucket: str, what: str) -> None:
    """Neither approved past a guardrail nor cancelled for what nobody knows."""
    stage = Stage(NOT_THAT_BUCKET)
    review = stage.review(stage.create(Report=report(bucket)))
    assert review.action == "held"
    assert f"held by not-that-report: report.bucket is unmeasurable ({what}), want not secret-bucket" in review.reason


@pytest.mark.parametrize(
    ("container", "arn", "what"),
    [
        (POINT, f"{POINT}/object/m.csv", "an access point"),
        ("manifests-a1b2-s3alias", "arn:aws:s3:::manifests-a1b2-s3alias/m.csv", "an access point alias"),
    ],
)
def test_a_manifest_behind_an_access_point_is_held(container: str, arn: str, what: str) -> None:
    """Its bucket and its size alike: the gate asks S3 nothing about it."""
    stage = Stage(NOT_THAT_BUCKET)
    review = stage.review(stage.create(Manifest=behind(stage, container, arn)))
    assert review.action == "held"
    assert f"by only-this-manifest: manifest.bucket is unmeasurable ({what}), want manifests" in review.reason


def test_a_copy_to_an_access_point_is_held() -> None:
    """Which bucket that is nobody says."""
    stage = Stage(NOT_THAT_BUCKET)
    review = stage.review(stage.create(Operation={"S3PutObjectCopy": {"TargetResource": POINT}}))
    assert review.action == "held"
    assert "destination_buckets is unmeasurable (an access point), want only lake" in review.reason
