"""Manifests that S3 generates from a bucket and a filter.

Source: API reference, S3JobManifestGenerator and JobManifestGeneratorFilter. Conditions
on what a local S3 does not know are not evaluated: EligibleForReplication,
MatchAnyObjectEncryption. Every object counts as one with the ObjectReplicationStatus NONE.
"""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from s3batch_emulator.arns import bucket_of
from s3batch_emulator.manifests import ManifestError
from s3batch_emulator.objects import ListedObject, ObjectSource, ObjectUnreadableError
from s3batch_emulator.values import Structure, instant, member, number, text, texts

FORMAT = "S3InventoryReport_CSV_20211130"


@dataclass(frozen=True, slots=True)
class GeneratedManifest:
    """A generated manifest.

    Attributes:
        total_tasks: Objects that passed the filter.
        descriptor: The GeneratedManifestDescriptor; None if EnableManifestOutput is false.
    """

    total_tasks: int
    descriptor: Structure | None


def generate(
    generator: Structure, objects: ObjectSource, job_id: str, partition: str, at: datetime
) -> GeneratedManifest:
    """List a bucket, filter the objects, and store the manifest if the request asks for it.

    Args:
        generator: An S3JobManifestGenerator.
        objects: Holds the bucket, and gets the manifest.
        job_id: Becomes part of the manifest's key.
        partition: Of the ARN in the descriptor.
        at: The creation time in the manifest.

    Raises:
        ManifestError: The bucket can't be listed, nothing passes the filter, or the manifest
            can't be stored. Its codes are *inferred*.
    """
    bucket = _bucket(generator, "SourceBucket")
    wanted = member(generator, "Filter")
    try:
        keys = [
            found.key for found in objects.listing(bucket) if _passes(found, wanted if isinstance(wanted, dict) else {})
        ]
        if not keys:
            raise ManifestError("NoKeysFound", "Manifest generation found no keys matching the filter criteria")
        output = member(generator, "ManifestOutputLocation")
        if member(generator, "EnableManifestOutput") is not True or not isinstance(output, dict):
            return GeneratedManifest(len(keys), None)
        return GeneratedManifest(len(keys), _store(output, bucket, keys, objects, f"job-{job_id}", partition, at))
    except ObjectUnreadableError as error:
        raise ManifestError("ManifestGenerationFailed", str(error)) from error


def _bucket(structure: Structure, name: str) -> str:
    arn = text(structure, name) or ""
    bucket = bucket_of(arn)
    if not bucket:
        raise ManifestError("ManifestGenerationFailed", f"{name} {arn} names no bucket")
    return bucket


def _passes(found: ListedObject, wanted: Structure) -> bool:
    return all(_conditions(found, wanted))


def _conditions(found: ListedObject, wanted: Structure) -> Iterator[bool]:
    for name, matches in (
        ("MatchAnyPrefix", str.startswith),
        ("MatchAnySuffix", str.endswith),
        ("MatchAnySubstring", str.__contains__),
    ):
        allowed = texts(wanted, "KeyNameConstraint", name)
        yield not allowed or any(matches(found.key, part) for part in allowed)
    larger, smaller = number(wanted, "ObjectSizeGreaterThanBytes"), number(wanted, "ObjectSizeLessThanBytes")
    yield larger is None or found.size > larger
    yield smaller is None or found.size < smaller
    after, before = instant(wanted, "CreatedAfter"), instant(wanted, "CreatedBefore")
    yield after is None or found.modified > after
    yield before is None or found.modified < before
    classes = texts(wanted, "MatchAnyStorageClass")
    yield not classes or found.storage_class in classes
    replication = texts(wanted, "ObjectReplicationStatuses")
    yield not replication or "NONE" in replication


def _store(
    output: Structure, source: str, keys: list[str], objects: ObjectSource, folder: str, partition: str, at: datetime
) -> Structure:
    """Write the manifest as an inventory report. That layout is *inferred* from the format's name."""
    bucket = _bucket(output, "Bucket")
    prefix = "/".join(part for part in ((text(output, "ManifestPrefix") or "").strip("/"), folder) if part)
    rows = io.StringIO()
    csv.writer(rows, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(
        (source, quote(key, safe="/")) for key in keys
    )
    data = gzip.compress(rows.getvalue().encode(), mtime=0)
    data_etag = objects.store(bucket, f"{prefix}/data/manifest.csv.gz", data)
    described = {
        "sourceBucket": source,
        "destinationBucket": f"arn:{partition}:s3:::{bucket}",
        "version": "2021-11-30",
        "creationTimestamp": str(int(at.timestamp() * 1000)),
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key",
        "files": [{"key": f"{prefix}/data/manifest.csv.gz", "size": len(data), "MD5checksum": data_etag}],
    }
    etag = objects.store(bucket, f"{prefix}/manifest.json", json.dumps(described).encode())
    arn = f"arn:{partition}:s3:::{bucket}/{prefix}/manifest.json"
    return {"Format": FORMAT, "Location": {"ObjectArn": arn, "ETag": etag}}
