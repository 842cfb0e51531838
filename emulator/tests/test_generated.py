"""Manifests that S3 makes itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from s3batch_emulator.manifests import ManifestLocation, count_tasks
from s3batch_emulator.preparation import bucket_and_key
from s3batch_emulator.switches import ManifestKind
from s3batch_emulator.testing import EmulatedBatch

from .conftest import NewJob
from .job_requests import ACCOUNT

OLD = datetime(2025, 1, 1, tzinfo=UTC)
OUTPUT = {
    "Bucket": "arn:aws:s3:::manifests",
    "ManifestPrefix": "made",
    "ManifestFormat": "S3InventoryReport_CSV_20211130",
}


def generator(stored: bool = False, **filters: Any) -> dict[str, Any]:
    """A ManifestGenerator over the bucket `source`."""
    made: dict[str, Any] = {"SourceBucket": "arn:aws:s3:::source", "EnableManifestOutput": stored}
    if filters:
        made["Filter"] = filters
    if stored:
        made["ManifestOutputLocation"] = OUTPUT
    return {"S3JobManifestGenerator": made}


@pytest.fixture
def source(batch: EmulatedBatch) -> EmulatedBatch:
    """Six objects of different names, sizes, ages and classes."""
    for position, key in enumerate(["logs/a.gz", "logs/b.txt", "img/a.png", "img/ü b.png", "x", "logs-old/c.gz"]):
        batch.objects.put(
            "source",
            key,
            b"." * (position * 10),
            modified=OLD + timedelta(days=position),
            storage_class="GLACIER" if position > 3 else "STANDARD",
        )
    batch.objects.put("manifests", "keep", b"")
    return batch


@pytest.mark.parametrize(
    ("filters", "tasks"),
    [
        ({}, 6),
        ({"KeyNameConstraint": {"MatchAnyPrefix": ["logs/", "img/"]}}, 4),
        ({"KeyNameConstraint": {"MatchAnySuffix": [".gz"]}}, 2),
        ({"KeyNameConstraint": {"MatchAnySubstring": ["a."]}}, 2),
        ({"KeyNameConstraint": {"MatchAnyPrefix": ["logs"], "MatchAnySuffix": [".gz"]}}, 2),
        ({"ObjectSizeGreaterThanBytes": 10}, 4),
        ({"ObjectSizeLessThanBytes": 10}, 1),
        ({"ObjectSizeGreaterThanBytes": 10, "ObjectSizeLessThanBytes": 40}, 2),
        ({"CreatedAfter": OLD + timedelta(days=2)}, 3),
        ({"CreatedBefore": OLD + timedelta(days=2)}, 2),
        ({"MatchAnyStorageClass": ["GLACIER", "DEEP_ARCHIVE"]}, 2),
        ({"ObjectReplicationStatuses": ["NONE"]}, 6),
    ],
)
def test_a_filter_chooses_objects(source: EmulatedBatch, new_job: NewJob, filters: dict[str, Any], tasks: int) -> None:
    """All parts of a filter must be met, any value of a part."""
    job_id = new_job("Suspended", Manifest=None, ManifestGenerator=generator(**filters))
    assert source.emulator.job(job_id).total_tasks == tasks


def test_a_generated_manifest_need_not_be_stored(source: EmulatedBatch, s3control: Any, new_job: NewJob) -> None:
    """Then there is no descriptor, and no manifest to read."""
    job_id = new_job("Suspended", Manifest=None, ManifestGenerator=generator())
    job = s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]
    assert "GeneratedManifestDescriptor" not in job
    assert "Manifest" not in job
    assert job["ManifestGenerator"] == generator()
    assert [found.key for found in source.objects.listing("manifests")] == ["keep"]


def test_a_stored_manifest_is_described_and_can_be_read(source: EmulatedBatch, s3control: Any, new_job: NewJob) -> None:
    """Once the generator has run, and not before."""
    job_id = new_job("New", Manifest=None, ManifestGenerator=generator(stored=True))
    assert "GeneratedManifestDescriptor" not in s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]
    source.emulator.settle_until(job_id, "Suspended")
    descriptor = s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]["GeneratedManifestDescriptor"]
    assert descriptor["Format"] == "S3InventoryReport_CSV_20211130"
    bucket, key = bucket_and_key(descriptor["Location"]["ObjectArn"])
    assert (bucket, key.startswith("made/")) == ("manifests", True)
    location = ManifestLocation(ManifestKind.INVENTORY, (), bucket, key, descriptor["Location"]["ETag"], None)
    assert count_tasks(location, source.objects).total == 6


@pytest.mark.parametrize(
    "asked",
    [
        generator(KeyNameConstraint={"MatchAnyPrefix": ["none"]}),
        {"S3JobManifestGenerator": {"SourceBucket": "arn:aws:s3:::gone", "EnableManifestOutput": False}},
        {
            "S3JobManifestGenerator": {
                **generator(stored=True)["S3JobManifestGenerator"],
                "ManifestOutputLocation": {**OUTPUT, "Bucket": "arn:aws:s3:::gone"},
            }
        },
    ],
)
def test_a_generator_that_finds_nothing_fails_its_job(source: EmulatedBatch, new_job: NewJob, asked: Any) -> None:
    """No object, no bucket, no place for the manifest."""
    job_id = new_job("Failed", Manifest=None, ManifestGenerator=asked)
    assert len(source.emulator.job(job_id).failures) == 1


def test_storing_needs_a_place_and_a_place_needs_storing(source: EmulatedBatch, new_job: NewJob) -> None:
    """The one without the other is refused."""
    for stored in (True, False):
        asked = generator(stored=True)
        asked["S3JobManifestGenerator"]["EnableManifestOutput"] = stored
        if stored:
            del asked["S3JobManifestGenerator"]["ManifestOutputLocation"]
        with pytest.raises(ClientError, match="ManifestOutputLocation goes with EnableManifestOutput"):
            new_job(Manifest=None, ManifestGenerator=asked)
