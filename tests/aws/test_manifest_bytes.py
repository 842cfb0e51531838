"""The size of the manifest: asked for where a policy looks at it, and of the very object that the job names."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from batchgate.aws.manifests import StoredManifests
from batchgate.errors import ManifestsApiError
from batchgate.jobs.model import Job
from batchgate.policy.facts import Gap, Result
from tests.flow.stage import ACCOUNT, REGION, Stage, raising

SMALL_MANIFESTS = """
version: 1
cancel_grace: 0s
policies:
  - name: small-manifests
    match: [{operation: S3PutObjectTagging}]
    require: [{manifest: {bytes: {at_most: 40}}}]
    on_violation: cancel
"""


def described(location: dict[str, Any] | None) -> Job:
    """A job with a manifest there."""
    manifest: Any = {"Spec": {"Format": "S3BatchOperations_CSV_20180820"}, "Location": location} if location else None
    return Job.from_description(
        {
            "JobArn": f"arn:aws:s3:{REGION}:{ACCOUNT}:job/00000000-0000-4000-8000-000000000001",
            "Status": "Suspended",
            "CreationTime": datetime(2026, 3, 1, tzinfo=UTC),
            "Operation": {"S3PutObjectTagging": {"TagSet": []}},
            "Manifest": manifest,
        }
    )


@pytest.fixture
def s3(local_s3: str) -> Any:
    """A real client of a real bucket's S3."""
    return boto3.client(
        "s3",
        endpoint_url=local_s3,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def bucket(s3: Any) -> str:
    """A bucket with versions."""
    name = f"manifests-{uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def test_it_is_the_size_of_the_version_that_the_job_names(s3: Any, bucket: str) -> None:
    """Whatever was written over it since; with the ETag quoted or not."""
    first = s3.put_object(Bucket=bucket, Key="a dir/m?.csv", Body=b"b,k\n")
    s3.put_object(Bucket=bucket, Key="a dir/m?.csv", Body=b"longer\n" * 9)
    arn = f"arn:aws:s3:::{bucket}/a dir/m?.csv"
    version = {"ObjectVersionId": first["VersionId"]}
    for etag in (first["ETag"], first["ETag"].strip('"')):
        assert StoredManifests(s3).size(described({"ObjectArn": arn, "ETag": etag, **version})) == 4


def test_another_object_of_the_same_name_is_not_measured(s3: Any, bucket: str) -> None:
    """The job runs on what its ETag says, or not at all."""
    first = s3.put_object(Bucket=bucket, Key="m.csv", Body=b"b,k\n")
    s3.put_object(Bucket=bucket, Key="m.csv", Body=b"b,k\nb,l\n")
    size = StoredManifests(s3).size(described({"ObjectArn": f"arn:aws:s3:::{bucket}/m.csv", "ETag": first["ETag"]}))
    assert size == Gap(Result.UNMEASURABLE, "the manifest is another by now")


@pytest.mark.parametrize(
    ("location", "why"),
    [
        (None, "no manifest is stored"),
        ({"ObjectArn": "arn:aws:s3:::no-key", "ETag": "e"}, "an ARN without a key"),
        ({"ObjectArn": "arn:aws:s3:::some-bucket/m.csv", "ETag": ""}, "the job names no ETag of its manifest"),
        ({"ObjectArn": "arn:aws:s3:::not-there-at-all/m.csv", "ETag": "e"}, "the manifest is not there"),
        ({"ObjectArn": "arn:aws:s3:::not a bucket/m.csv", "ETag": "e"}, "a name that no bucket can have"),
        ({"ObjectArn": "arn:aws:s3:::lake-s3alias/m.csv", "ETag": "e"}, "an access point alias"),
        (
            {"ObjectArn": f"arn:aws:s3:{REGION}:{ACCOUNT}:accesspoint/a/object/y:::lake/m.csv", "ETag": "e"},
            "an access point",
        ),
    ],
)
def test_what_is_not_to_be_had_says_why(s3: Any, location: dict[str, Any] | None, why: str) -> None:
    """Unmeasurable: it holds the job, and a person reads the reason."""
    assert StoredManifests(s3).size(described(location)) == Gap(Result.UNMEASURABLE, why)


@pytest.mark.parametrize(
    ("code", "status", "why"),
    [
        ("403", 403, "the gate may not read the manifest"),
        ("404", 404, "the manifest is not there"),
        ("301", 301, "asking for the manifest was refused with 301"),
        ("400", 400, "asking for the manifest was refused with 400"),
    ],
)
def test_a_refusal_is_unmeasurable(s3: Any, code: str, status: int, why: str) -> None:
    """HeadObject has no body, so its errors are known by their status alone."""
    with Stubber(s3) as stub:
        stub.add_client_error("head_object", code, http_status_code=status, response_meta={"RequestId": "1"})
        size = StoredManifests(s3).size(described({"ObjectArn": "arn:aws:s3:::manifests/m.csv", "ETag": "e"}))
    assert size == Gap(Result.UNMEASURABLE, why)


@pytest.mark.parametrize(("code", "status"), [("500", 500), ("503", 503), ("SlowDown", 503), ("SlowDown", 400)])
def test_trouble_that_passes_is_raised(s3: Any, code: str, status: int) -> None:
    """Nothing is known then, and nothing decided."""
    stub = Stubber(s3)
    stub.add_client_error("head_object", code, http_status_code=status)
    with stub, pytest.raises(ManifestsApiError, match="HeadObject"):
        StoredManifests(s3).size(described({"ObjectArn": "arn:aws:s3:::manifests/m.csv", "ETag": "e"}))


def test_a_connection_that_fails_is_raised() -> None:
    """As every trouble of the network."""
    s3 = boto3.client(
        "s3",
        endpoint_url="http://127.0.0.1:9",
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ManifestsApiError, match="HeadObject"):
        StoredManifests(s3).size(described({"ObjectArn": "arn:aws:s3:::manifests/m.csv", "ETag": "e"}))


@pytest.mark.parametrize(("rows", "action"), [(2, "approved"), (9, "cancelled")])
def test_the_gate_decides_by_it(rows: int, action: str) -> None:
    """Ten bytes a row, forty allowed."""
    stage = Stage(SMALL_MANIFESTS)
    assert stage.review(stage.create(rows)).action == action


def test_however_long_the_manifest_takes_the_last_look_is_at_the_job() -> None:
    """Facts over five seconds old are not acted on: such a job would be claimed and given back again and again."""
    stage = Stage(SMALL_MANIFESTS)
    ref = stage.create(2)
    stage.script.before("size", lambda: stage.advance(seconds=6))
    assert stage.review(ref).action == "approved"
    assert stage.state(ref).attempt == 1
    assert stage.count("DescribeJob") == 2
    quick = stage.create(2)
    assert stage.review(quick).action == "approved"
    assert stage.count("DescribeJob") == 3


def test_a_job_that_moves_meanwhile_is_not_evaluated() -> None:
    """The second look says so."""
    stage = Stage(SMALL_MANIFESTS)
    ref = stage.create(2)

    def somebody_confirms() -> None:
        stage.advance(seconds=6)
        stage.update_as_a_person(ref, "Ready")

    stage.script.before("size", somebody_confirms)
    assert stage.review(ref).action == "superseded"


def test_a_refusal_of_somebody_between_is_nobodys(s3: Any) -> None:
    """It does not name the request, as S3's own does, and says nothing of the manifest."""
    stub = Stubber(s3)
    stub.add_client_error("head_object", "403", http_status_code=403)
    with stub, pytest.raises(ManifestsApiError, match="HeadObject"):
        StoredManifests(s3).size(described({"ObjectArn": "arn:aws:s3:::manifests/m.csv", "ETag": "e"}))


def test_a_directory_bucket_is_not_asked(s3: Any) -> None:
    """Botocore would make a session for it first, for which the gate has neither data nor rights."""
    job = described({"ObjectArn": "arn:aws:s3:::foo--use1-az4--x-s3/m.csv", "ETag": "e"})
    with Stubber(s3):  # which fails whatever it is asked
        assert StoredManifests(s3).size(job) == Gap(Result.UNMEASURABLE, "a directory bucket")


def test_an_answer_without_an_etag_is_nobodys(s3: Any) -> None:
    """A proxy's 200 says nothing of the manifest."""
    stub = Stubber(s3)
    stub.add_response("head_object", {})
    with stub, pytest.raises(ManifestsApiError, match="not S3's"):
        StoredManifests(s3).size(described({"ObjectArn": "arn:aws:s3:::lake/m.csv", "ETag": "e"}))


def test_a_manifest_that_was_replaced_holds_the_job() -> None:
    """It is not what the job runs on, so nothing is known."""
    stage = Stage(SMALL_MANIFESTS)
    ref = stage.create(2)
    stage.objects.put("manifests", "2.csv", b"data,other\n")
    review = stage.review(ref)
    assert review.action == "held"
    assert "manifest.bytes is unmeasurable (the manifest is another by now)" in review.reason


def test_a_job_whose_manifest_s3_can_not_speak_of_is_left_alone() -> None:
    """Own trouble decides nothing; the message comes again."""
    stage = Stage(SMALL_MANIFESTS)
    ref = stage.create(9)
    stage.script.before("size", raising(ManifestsApiError("HeadObject: 503")))
    with pytest.raises(ManifestsApiError):
        stage.review(ref)
    assert stage.ledger.read(ref) is None
    assert stage.review(ref).action == "cancelled"


@pytest.mark.parametrize("ask", [lambda stage: None, lambda stage: stage.enforce(SMALL_MANIFESTS)])
def test_nobody_asks_for_what_no_policy_looks_at(stage: Stage, ask: Callable[[Stage], None]) -> None:
    """A call costs time and needs a permission."""
    ask(stage)
    stage.review(stage.create())
    assert ("size" in stage.script.effects) is stage.source.enforced.asks_for("manifest.bytes")  # type: ignore[union-attr]
