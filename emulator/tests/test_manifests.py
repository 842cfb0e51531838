"""Manifests: which are read, how tasks are counted, and how a bad one ends its job."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st

from s3batch_emulator import (
    Emulator,
    ListedObject,
    MemoryObjects,
    ObjectSource,
    ObjectUnreadableError,
    Pace,
    S3Objects,
    connect,
)
from s3batch_emulator.manifests import ManifestError, ManifestLocation, count_tasks
from s3batch_emulator.objects import OpenedObject
from s3batch_emulator.switches import ManifestKind
from s3batch_emulator.testing import EmulatedBatch

from .conftest import NewJob
from .job_requests import ACCOUNT, BUCKET, KEY, client, job_request, manifest

INVENTORY_KEY = "inventory/2026-01-01T00-00Z/manifest.json"


def count(body: bytes, fields: tuple[str, ...] = ("Bucket", "Key")) -> int:
    """The tasks of a CSV manifest."""
    objects = MemoryObjects()
    etag = objects.put("manifests", "m.csv", body)
    return count_tasks(ManifestLocation(ManifestKind.CSV, fields, "manifests", "m.csv", etag, None), objects).total


@given(
    st.lists(st.tuples(st.sampled_from(["bucket-a", "bucket-b"]), st.text(min_size=1, max_size=20))),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_every_row_is_one_task(rows: list[tuple[str, str]], line_end: str, final_newline: bool) -> None:
    """However keys are quoted or encoded, and whether or not the last line ends."""
    text = io.StringIO()
    csv.writer(text, lineterminator=line_end).writerows(
        (bucket, quote(key, safe="", errors="surrogatepass")) for bucket, key in rows if key.isprintable()
    )
    body = text.getvalue() if final_newline else text.getvalue().removesuffix(line_end)
    assert count(body.encode()) == sum(key.isprintable() for _, key in rows)


@pytest.mark.parametrize(
    ("body", "fields", "tasks"),
    [
        (b"", ("Bucket", "Key"), 0),
        (b"b,k", ("Bucket", "Key"), 1),
        (b'b,"two\nlines"\nb,k', ("Bucket", "Key"), 2),
        (b'b,"said ""so"""\n', ("Bucket", "Key"), 1),
        (b"b,a%2Fb%20c%C3%BC,v1\n", ("Bucket", "Key", "VersionId"), 1),
        (b"skip,k,b\n\n", ("Ignore", "Key", "Bucket"), 1),
    ],
)
def test_csv_manifests_are_counted_as_documented(body: bytes, fields: tuple[str, ...], tasks: int) -> None:
    """Quoted line breaks, URL-encoded keys, ignored columns, no final line break."""
    assert count(body, fields) == tasks


@pytest.mark.parametrize(
    ("body", "fields", "message"),
    [
        (b"b,k\n", ("Bucket", "VersionId"), "Required fields are missing in the schema: Key"),
        (b"b,k,v\n", ("Bucket", "Key"), "Invalid Manifest Content: row 1 has 3 columns, the schema has 2"),
        (b"b,k\nb\n", ("Bucket", "Key"), "Invalid Manifest Content: row 2 has 1 columns, the schema has 2"),
        (b",k\n", ("Bucket", "Key"), "Invalid Manifest Content: row 1 has an empty bucket or key"),
        (b'b,"open\n', ("Bucket", "Key"), "Invalid Manifest Content: unexpected end of data"),
        (b"b,\xff\n", ("Bucket", "Key"), "Invalid Manifest Content: 'utf-8' codec"),
        (b"b,%FF\n", ("Bucket", "Key"), "Invalid Manifest Content: 'utf-8' codec"),
        (b"\xef\xbb\xbfb,k\n", ("Bucket", "Key"), "Invalid Manifest Content: it begins with a byte order mark"),
        (b'\xef\xbb\xbf"b",k\n', ("Bucket", "Key"), "Invalid Manifest Content: it begins with a byte order mark"),
        (b"\xef\xbb\xbf\nb,k\n", ("Bucket", "Key"), "Invalid Manifest Content: it begins with a byte order mark"),
        ("b,k\n".encode("utf-16"), ("Bucket", "Key"), "Invalid Manifest Content: 'utf-8' codec"),
        ("b,k\n".encode("utf-16-le"), ("Bucket", "Key"), "Invalid Manifest Content: row"),
        ("b,\u00fc\n".encode("latin-1"), ("Bucket", "Key"), "Invalid Manifest Content: 'utf-8' codec"),
        (b"\n" * 9000 + b"b,\xff\n", ("Bucket", "Key"), "Invalid Manifest Content: 'utf-8' codec"),
    ],
)
def test_malformed_csv_says_where(body: bytes, fields: tuple[str, ...], message: str) -> None:
    """The code is the documented InvalidManifestContent."""
    with pytest.raises(ManifestError) as error:
        count(body, fields)
    assert error.value.code == "InvalidManifestContent"
    assert str(error.value).startswith(message)


def inventory(objects: MemoryObjects, *files: bytes, schema: str = "Bucket, Key, Size", **changes: Any) -> str:
    """Put an inventory report; the ETag of its manifest.json."""
    described = {
        "sourceBucket": "source",
        "destinationBucket": f"arn:aws:s3:::{BUCKET}",
        "version": "2016-11-30",
        "fileFormat": "CSV",
        "fileSchema": schema,
        "files": [{"key": f"data/{position}.csv.gz", "size": len(body)} for position, body in enumerate(files)],
        **changes,
    }
    for position, body in enumerate(files):
        objects.put(BUCKET, f"data/{position}.csv.gz", body)
    return objects.put(BUCKET, INVENTORY_KEY, json.dumps(described).encode())


def count_inventory(objects: MemoryObjects, etag: str) -> int:
    """The tasks of an inventory report."""
    return count_tasks(ManifestLocation(ManifestKind.INVENTORY, (), BUCKET, INVENTORY_KEY, etag, None), objects).total


def test_an_inventory_report_is_the_sum_of_its_data_files() -> None:
    """manifest.json names gzipped CSV files, and they are read."""
    objects = MemoryObjects()
    etag = inventory(objects, gzip.compress(b'"b","k1","1"\n"b","k2","2"\n'), gzip.compress(b'"b","k3","3"'))
    assert count_inventory(objects, etag) == 3


@pytest.mark.parametrize(
    ("files", "changes"),
    [
        ((b"not gzip",), {}),
        ((gzip.compress(b'"b","k","1"\n')[:-9],), {}),
        ((gzip.compress(b'"b","k"\n'),), {}),
        ((), {"fileFormat": "ORC"}),
        ((), {"files": "none"}),
        ((), {"files": [{"size": 1}]}),
        ((gzip.compress(b"b,1\n"),), {"fileSchema": "Bucket, Size"}),
    ],
)
def test_a_broken_inventory_report_is_invalid(files: tuple[bytes, ...], changes: dict[str, Any]) -> None:
    """Whatever is wrong with it."""
    objects = MemoryObjects()
    with pytest.raises(ManifestError) as error:
        count_inventory(objects, inventory(objects, *files, **changes))
    assert error.value.code == "InvalidManifestContent"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_an_inventory_report_is_utf_8_without_a_mark(encoding: str) -> None:
    """Its manifest.json, which JSON parsers read in all of these, and its data."""
    objects = MemoryObjects()
    inventory(objects)
    text = objects.open(BUCKET, INVENTORY_KEY).body.read().decode()
    etag = objects.put(BUCKET, INVENTORY_KEY, text.encode(encoding))
    with pytest.raises(ManifestError, match="Invalid Manifest Content") as error:
        count_inventory(objects, etag)
    assert error.value.code == "InvalidManifestContent"
    with pytest.raises(ManifestError, match="Invalid Manifest Content"):
        count_inventory(objects, inventory(objects, gzip.compress('"b","k","1"\n'.encode(encoding))))


def test_a_row_with_an_empty_version_fails_its_task_and_not_the_job(
    batch: EmulatedBatch, s3control: Any, new_job: NewJob
) -> None:
    """Whatever the pace, and over a pause: exactly those rows fail."""
    body = b"".join(b"b,key-%d,%s\n" % (row, b"" if row % 49 == 7 else b"v1") for row in range(490))
    asked = manifest(batch.objects.put(BUCKET, KEY, body), fields=["Bucket", "Key", "VersionId"])
    job_id = new_job("Active", Manifest=asked)
    batch.advance(seconds=1.3)
    batch.emulator.set_pace(job_id, Pace(7.0))
    batch.emulator.settle_until(job_id, "Complete")
    progress = s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]["ProgressSummary"]
    assert (progress["TotalNumberOfTasks"], progress["NumberOfTasksFailed"]) == (490, 10)


def test_a_job_of_which_most_rows_have_no_version_fails_after_1000_tasks(
    batch: EmulatedBatch, s3control: Any, new_job: NewJob
) -> None:
    """As any job does of which more than half of the tasks fail; below 1,000 tasks it completes."""
    for rows, status in ((999, "Complete"), (3000, "Failed")):
        body = b"".join(b"b,key-%d,%s\n" % (row, b"v1" if row % 3 else b"") for row in range(rows))
        body = body.replace(b",v1\n", b",\n", rows // 3)
        asked = manifest(batch.objects.put(BUCKET, KEY, body), fields=["Bucket", "Key", "VersionId"])
        job_id = new_job(status, Manifest=asked, ConfirmationRequired=False)
        assert batch.emulator.job(job_id).tally.done == min(rows, 1000)


@dataclass(frozen=True, slots=True)
class _Forbidden:
    """An S3 that denies reading and listing."""

    def open(self, bucket: str, key: str, version_id: str | None = None) -> OpenedObject:
        raise ObjectUnreadableError("AccessDenied", "An error occurred (AccessDenied) when calling GetObject")

    def listing(self, bucket: str) -> Iterator[ListedObject]:
        raise ObjectUnreadableError("AccessDenied", "An error occurred (AccessDenied) when calling ListObjectsV2")

    def store(self, bucket: str, key: str, body: bytes) -> str:
        raise ObjectUnreadableError("AccessDenied", "An error occurred (AccessDenied) when calling PutObject")


def test_failure_reasons_are_the_documented_texts(batch: EmulatedBatch) -> None:
    """To the letter, in DescribeJob."""
    empty = {
        "S3JobManifestGenerator": {
            "SourceBucket": f"arn:aws:s3:::{BUCKET}",
            "EnableManifestOutput": False,
            "Filter": {"KeyNameConstraint": {"MatchAnyPrefix": ["none"]}},
        }
    }
    batch.objects.put(BUCKET, "one", b"")
    cases: list[tuple[ObjectSource, dict[str, Any], str]] = [
        (_Forbidden(), {}, "Reading the manifest is forbidden: AccessDenied"),
        (
            batch.objects,
            {"Manifest": None, "ManifestGenerator": empty},
            "Manifest generation found no keys matching the filter criteria",
        ),
    ]
    for objects, changes, reason in cases:
        emulator = Emulator(batch.clock, objects)
        s3control = connect(client(), emulator)
        job_id = s3control.create_job(**job_request(batch.objects, **changes))["JobId"]
        emulator.settle_until(job_id, "Failed")
        job = s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]
        assert [each["FailureReason"] for each in job["FailureReasons"]] == [reason]


def test_a_missing_data_file_is_told_apart() -> None:
    """The manifest was found, the object that it names was not."""
    objects = MemoryObjects()
    etag = inventory(objects, gzip.compress(b""))
    objects.delete(BUCKET, "data/0.csv.gz")
    with pytest.raises(ManifestError, match=r"data/0\.csv\.gz does not exist"):
        count_inventory(objects, etag)


def failure(s3control: Any, batch: EmulatedBatch, new_job: NewJob, **changes: Any) -> str:
    """The FailureCode of a job that is expected to fail on its manifest."""
    job_id = new_job("Failed", **changes)
    assert [status.value for _, status in batch.emulator.job(job_id).history] == [
        "New",
        "Preparing",
        "Failing",
        "Failed",
    ]
    job = s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]
    details = [event["detail"]["serviceEventDetails"] for event in batch.events]
    assert details[-1]["failureCodes"] == [reason["FailureCode"] for reason in job["FailureReasons"]]
    return str(job["FailureReasons"][0]["FailureCode"])


def test_a_job_fails_when_its_manifest_is_another_object(batch: EmulatedBatch, s3control: Any, new_job: NewJob) -> None:
    """The ETag at creation must still be the object's when S3 reads it."""
    asked = manifest(batch.objects.put(BUCKET, KEY, b"b,k\n"))
    batch.objects.put(BUCKET, KEY, b"b,k\nb,k2\n")
    assert failure(s3control, batch, new_job, Manifest=asked) == "ManifestETagMismatch"


def test_a_named_version_is_read_though_it_is_not_the_latest(
    batch: EmulatedBatch, s3control: Any, new_job: NewJob
) -> None:
    """ObjectVersionId chooses; the ETag is that version's."""
    etag = batch.objects.put(BUCKET, KEY, b"b,k\n")
    asked = manifest(etag, version=batch.objects.latest_version(BUCKET, KEY))
    batch.objects.put(BUCKET, KEY, b"b,k\nb,k2\n")
    assert batch.emulator.job(new_job("Suspended", Manifest=asked)).total_tasks == 1


def test_an_etag_in_quotation_marks_is_the_same(batch: EmulatedBatch, new_job: NewJob) -> None:
    """HeadObject answers it so."""
    etag = batch.objects.put(BUCKET, KEY, b"b,k\n")
    assert batch.emulator.job(new_job("Suspended", Manifest=manifest(f'"{etag}"'))).total_tasks == 1


@pytest.mark.parametrize("key", ["nowhere.csv", "", "x" * 900])
def test_a_job_fails_when_its_manifest_is_missing(
    batch: EmulatedBatch, s3control: Any, new_job: NewJob, key: str
) -> None:
    """The reason stays within the model's 256 characters."""
    batch.objects.put(BUCKET, KEY, b"")
    assert failure(s3control, batch, new_job, Manifest=manifest("e", key=key)) == "ManifestNotFound"


def check_manifests_are_read_from(endpoint_url: str) -> None:
    """Counts, versions and refusals of an S3 server are those of S3."""
    s3 = boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )
    s3.create_bucket(Bucket="emulator-manifests")
    s3.put_bucket_versioning(Bucket="emulator-manifests", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="emulator-manifests", Key="m.csv", Body=b'b,"k\n1"\nb,k2')
    s3.put_object(Bucket="emulator-manifests", Key="m.csv", Body=b"b,k\n")
    objects = S3Objects.at(endpoint_url, access_key_id="test", secret_access_key="test")

    def tasks(etag: str, version: str | None) -> int:
        fields = ("Bucket", "Key")
        location = ManifestLocation(ManifestKind.CSV, fields, "emulator-manifests", "m.csv", etag, version)
        return count_tasks(location, objects).total

    etag = first["ETag"].strip('"')
    assert tasks(etag, first["VersionId"]) == 2
    with pytest.raises(ManifestError, match="ETag is"):
        tasks(etag, None)
    with pytest.raises(ObjectUnreadableError) as error:
        objects.open("emulator-manifests", "missing.csv")
    assert error.value.code == "NoSuchKey"
    stored = objects.store("emulator-manifests", "made.csv", b"x")
    assert [(found.key, found.etag) for found in objects.listing("emulator-manifests")][1] == ("made.csv", stored)
    with pytest.raises(ObjectUnreadableError) as error:
        list(objects.listing("emulator-no-such-bucket"))
    assert error.value.code == "NoSuchBucket"


def test_manifests_are_read_from_an_s3_server(moto_s3: str) -> None:
    """By a real S3 client, path-style."""
    check_manifests_are_read_from(moto_s3)
