"""The rows of a manifest, read from S3: of the very object that the job names, range by range or file by file."""

import gzip
import hashlib
import io
import json
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from batchgate.aws.manifests import StoredManifests
from batchgate.errors import ManifestsApiError
from batchgate.gate.manifest_reading import read_here
from batchgate.jobs.manifest_contents import ManifestContents, Uncountable
from batchgate.jobs.named_manifest import NamedManifest
from batchgate.manifest.counts import PartCounts, combine
from batchgate.manifest.plan import CSV_FORMAT, Columns, CsvRange, InventoryFile, Plan, Source, plan_csv
from batchgate.policy.facts import Gap, Result

INVENTORY = "S3InventoryReport_CSV_20161130"
ROWS = b"".join(b"lake,data/%05d.parquet\n" % number for number in range(3_000)) + b"other,one\n"
CONTENTS = ManifestContents(3_001, 3_001, {"lake": 3_000, "other": 1}, None)


@pytest.fixture
def s3(local_s3: str) -> Any:
    """A real client of a real S3 server."""
    return boto3.client(
        "s3",
        endpoint_url=local_s3,
        region_name="us-east-1",
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


def put_csv(s3: Any, bucket: str, body: bytes = ROWS, *, pinned: bool = False) -> NamedManifest:
    """Store a CSV; as a job names it."""
    put = s3.put_object(Bucket=bucket, Key="a dir/m?.csv", Body=body)
    version = put["VersionId"] if pinned else ""
    return NamedManifest(bucket, "a dir/m?.csv", put["ETag"].strip('"'), version, CSV_FORMAT, ("Bucket", "Key"))


def put_inventory(s3: Any, bucket: str, files: Sequence[bytes]) -> NamedManifest:
    """Store an inventory; as a job names it."""
    listed = []
    for number, rows in enumerate(files):
        data = gzip.compress(rows)
        s3.put_object(Bucket=bucket, Key=f"data/{number}.csv.gz", Body=data)
        md5 = hashlib.md5(data).hexdigest()  # noqa: S324 - S3's
        listed.append({"key": f"data/{number}.csv.gz", "size": len(data), "MD5checksum": md5})
    document = {
        "destinationBucket": f"arn:aws:s3:::{bucket}",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size",
        "files": listed,
    }
    put = s3.put_object(Bucket=bucket, Key="manifest.json", Body=json.dumps(document).encode())
    return NamedManifest(bucket, "manifest.json", put["ETag"].strip('"'), "", INVENTORY)


def planned(manifests: StoredManifests, named: NamedManifest) -> Plan:
    """The plan of a manifest that has one."""
    plan = manifests.plan(named)
    assert isinstance(plan, Plan)
    return plan


@pytest.mark.parametrize("pinned", [True, False])
def test_a_csv_is_counted(s3: Any, bucket: str, pinned: bool) -> None:
    """Of the version and with the ETag that the job names."""
    named = put_csv(s3, bucket, pinned=pinned)
    if pinned:
        put_csv(s3, bucket, b"prod,other\n")
    assert read_here(named, StoredManifests(s3)) == CONTENTS


@pytest.mark.parametrize("range_bytes", [1_000, len(ROWS) - 1, len(ROWS)])
def test_a_csv_is_counted_range_by_range(s3: Any, bucket: str, range_bytes: int) -> None:
    """Each range asks for its own bytes, and those behind it that its last row needs."""
    manifests = StoredManifests(s3)
    plan = planned(manifests, put_csv(s3, bucket))
    plan = Plan(plan.source, plan_csv(len(ROWS), range_bytes))
    counts = [manifests.count(plan, part) for part in plan.parts]
    assert combine(plan, [each for each in counts if isinstance(each, PartCounts)]) == CONTENTS


def test_an_empty_csv_has_no_parts(s3: Any, bucket: str) -> None:
    """S3 has nothing to do then, and fails the job."""
    named = put_csv(s3, bucket, b"")
    assert read_here(named, StoredManifests(s3)) == ManifestContents(0, 0, {}, None)


def test_an_inventory_is_counted_file_by_file(s3: Any, bucket: str) -> None:
    """From the bucket that its manifest.json names."""
    named = put_inventory(s3, bucket, [b'"lake","a","10"\n"lake","b","20"\n', b'"other","c","3"\n'])
    assert read_here(named, StoredManifests(s3)) == ManifestContents(3, 3, {"lake": 2, "other": 1}, 33)


def test_a_csv_that_is_replaced_while_it_is_read_is_unmeasurable(s3: Any, bucket: str) -> None:
    """What was planned is another object by now."""
    manifests = StoredManifests(s3)
    plan = planned(manifests, put_csv(s3, bucket))
    put_csv(s3, bucket, ROWS.replace(b"other", b"third"))
    assert manifests.count(plan, plan.parts[0]) == Gap(Result.UNMEASURABLE, "the manifest is another by now")


def test_a_manifest_json_that_is_replaced_is_unmeasurable(s3: Any, bucket: str) -> None:
    """The job runs on the one that it names."""
    named = put_inventory(s3, bucket, [b'"lake","a","10"\n'])
    s3.put_object(Bucket=bucket, Key="manifest.json", Body=b"{}")
    assert StoredManifests(s3).plan(named) == Gap(Result.UNMEASURABLE, "the manifest is another by now")


def test_a_data_file_that_is_replaced_is_not_counted(s3: Any, bucket: str) -> None:
    """Only its MD5 says so: the job names none of them."""
    named = put_inventory(s3, bucket, [b'"lake","a","10"\n'])
    s3.put_object(Bucket=bucket, Key="data/0.csv.gz", Body=gzip.compress(b'"prod","a","10"\n'))
    found = read_here(named, StoredManifests(s3))
    assert found == Gap(Result.UNMEASURABLE, "its manifest: its size or MD5 is not the one that the inventory names")


def test_a_data_file_that_is_gone_is_unmeasurable(s3: Any, bucket: str) -> None:
    """S3's own answer says why."""
    named = put_inventory(s3, bucket, [b'"lake","a","10"\n'])
    s3.delete_object(Bucket=bucket, Key="data/0.csv.gz")
    assert read_here(named, StoredManifests(s3)) == Gap(Result.UNMEASURABLE, "the manifest is not there")


def test_a_manifest_in_a_format_of_the_future_is_not_read(s3: Any) -> None:
    """Nothing is asked for."""
    named = NamedManifest("lake", "m", "e", "", "S3BatchOperations_CSV_20300101", ("Bucket", "Key"))
    with Stubber(s3):
        assert StoredManifests(s3).plan(named) == Uncountable(
            "its manifest has a format that this version does not know"
        )


def test_a_manifest_json_that_is_too_large_is_not_read(s3: Any) -> None:
    """It is held in memory as a whole."""
    with Stubber(s3) as stub:
        stub.add_response("head_object", {"ETag": '"e"', "ContentLength": 16 * 1024 * 1024 + 1})
        found = StoredManifests(s3).plan(NamedManifest("lake", "manifest.json", "e", "", INVENTORY))
    assert found == Uncountable("its manifest.json is larger than 16777216 bytes")


PART = CsvRange(0, 7, 2_000_000)
LAST = 7 + 1024 * 1024 - 1
PINNED = {"ETag": '"e"', "ContentRange": f"bytes 0-{LAST}/2000000"}
PLAN = Plan(Source("lake", Columns(2, 0, 1), "m.csv", "e"), (PART,))
ANY_CALL = {"Bucket": ANY, "Key": ANY, "Range": ANY, "IfMatch": ANY}


def body(data: bytes, length: int) -> StreamingBody:
    """A response's, that may end too early."""
    return StreamingBody(io.BytesIO(data), length)


def test_the_call_pins_the_object_and_the_bytes(s3: Any) -> None:
    """By ETag, on the server; and the answer is believed only where it says the same."""
    with Stubber(s3) as stub:
        stub.add_response(
            "get_object",
            {"Body": body(b"lake,a\nlake,b\n", 14), **PINNED},
            {"Bucket": "lake", "Key": "m.csv", "Range": f"bytes=0-{LAST}", "IfMatch": '"e"'},
        )
        counts = StoredManifests(s3).count(PLAN, PART)
    assert counts == PartCounts(1, 1, {"lake": 1}, None, 0, 7)


@pytest.mark.parametrize(
    "answer",
    [
        {"ContentRange": PINNED["ContentRange"]},
        {"ETag": PINNED["ETag"]},
        {**PINNED, "ContentRange": f"bytes 0-{LAST}/2000001"},
        {**PINNED, "ContentRange": f"bytes 1-{LAST + 1}/2000000"},
    ],
)
def test_an_answer_that_is_not_what_was_asked_for_is_nobodys(s3: Any, answer: dict[str, str]) -> None:
    """A server between that ignores ranges would make another count of it."""
    with Stubber(s3) as stub:
        stub.add_response("get_object", {"Body": body(b"lake,a\n", 7), **answer}, ANY_CALL)
        with pytest.raises(ManifestsApiError, match="not S3's"):
            StoredManifests(s3).count(PLAN, PART)


def test_a_server_that_ignores_the_condition_is_not_believed(s3: Any) -> None:
    """The bytes are another object's."""
    answer = {"Body": body(b"prod,a\n", 7), **PINNED, "ETag": '"f"'}
    with Stubber(s3) as stub:
        stub.add_response("get_object", answer, ANY_CALL)
        counts = StoredManifests(s3).count(PLAN, PART)
    assert counts == Gap(Result.UNMEASURABLE, "the manifest is another by now")


def test_bytes_that_end_too_early_are_no_count(s3: Any) -> None:
    """The connection broke; the rest may come another time."""
    answer = {"Body": body(b"lake,a", 7), **PINNED}
    with Stubber(s3) as stub:
        stub.add_response("get_object", answer, ANY_CALL)
        with pytest.raises(ManifestsApiError, match="GetObject"):
            StoredManifests(s3).count(PLAN, PART)


def test_a_short_data_file_is_a_broken_connection_not_another_file(s3: Any) -> None:
    """Its length is known from the answer."""
    plan = Plan(PLAN.source, (InventoryFile("f", 9, "0" * 32),))
    with Stubber(s3) as stub:
        stub.add_response("get_object", {"Body": body(b"short", 9), "ETag": '"x"'}, {"Bucket": "lake", "Key": "f"})
        with pytest.raises(ManifestsApiError, match="GetObject"):
            StoredManifests(s3).count(plan, plan.parts[0])


@pytest.mark.parametrize(
    ("code", "status", "why"),
    [
        ("AccessDenied", 403, "the gate may not read the manifest"),
        ("NoSuchKey", 404, "the manifest is not there"),
        ("PreconditionFailed", 412, "the manifest is another by now"),
        ("InvalidRange", 416, "asking for the manifest was refused with 416"),
    ],
)
def test_a_refusal_is_unmeasurable(s3: Any, code: str, status: int, why: str) -> None:
    """It would be the same the next time."""
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", code, http_status_code=status, response_meta={"RequestId": "1"})
        assert StoredManifests(s3).count(PLAN, PART) == Gap(Result.UNMEASURABLE, why)


@pytest.mark.parametrize(("code", "status"), [("InternalError", 500), ("SlowDown", 503), ("SlowDown", 400)])
def test_an_error_of_the_server_is_raised(s3: Any, code: str, status: int) -> None:
    """Nothing is known then."""
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", code, http_status_code=status, response_meta={"RequestId": "1"})
        with pytest.raises(ManifestsApiError, match="GetObject"):
            StoredManifests(s3).count(PLAN, PART)
