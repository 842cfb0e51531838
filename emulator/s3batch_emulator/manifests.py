"""Counts the tasks of a manifest. Like S3, it reads the whole manifest before the job runs.

Formats: User Guide, "Specifying a manifest" (specify-batchjob-manifest): UTF-8 without a byte order mark.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast
from urllib.parse import unquote_plus

from botocore.exceptions import BotoCoreError

from s3batch_emulator.arns import bucket_of
from s3batch_emulator.objects import ObjectSource, ObjectUnreadableError
from s3batch_emulator.switches import ManifestKind

_NEEDED = ("Bucket", "Key")
_MANIFEST_JSON_BYTES = 16 * 1024 * 1024
_UNREADABLE_CODES = {"NoSuchKey": "ManifestNotFound", "NoSuchBucket": "ManifestNotFound"}


class ManifestError(Exception):
    """A manifest that makes its job fail.

    Attributes:
        code: The job's FailureCode. InvalidManifestContent is documented (User Guide,
            Troubleshooting S3 Batch Operations); the others are *inferred*.
    """

    def __init__(self, code: str, message: str) -> None:
        """Take a failure code and a message for people."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class ManifestLocation:
    """Identifies the object that is the manifest.

    Attributes:
        kind: CSV or INVENTORY.
        fields: For CSV, the names of its columns.
        bucket: From ObjectArn.
        key: From ObjectArn.
        etag: The ETag that the object must have, without quotation marks.
        version_id: None for the current version.
    """

    kind: ManifestKind
    fields: tuple[str, ...]
    bucket: str
    key: str
    etag: str
    version_id: str | None


@dataclass(frozen=True, slots=True)
class TaskCount:
    """The number of tasks of a manifest.

    Attributes:
        total: All tasks.
        failing: Tasks that always fail: their rows have an empty VersionId, which S3 answers with InvalidRequest
            (User Guide, Troubleshooting: failing objects with the error 400 InvalidRequest).
    """

    total: int
    failing: int = 0


def count_tasks(location: ManifestLocation, objects: ObjectSource) -> TaskCount:
    """Read a manifest to its end and count its tasks.

    Raises:
        ManifestError: It is missing, its ETag is not the one that the job names, or it is malformed.
    """
    try:
        opened = objects.open(location.bucket, location.key, location.version_id)
        if opened.etag != location.etag:
            raise ManifestError("ManifestETagMismatch", f"ETag is {opened.etag}, the job names {location.etag}")
        if location.kind is ManifestKind.CSV:
            return _count_rows(opened.body, location.fields)
        return _count_inventory(opened.body, objects, location.bucket)
    except ObjectUnreadableError as error:
        raise _unreadable(error) from error
    except (csv.Error, UnicodeDecodeError, ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _invalid(str(error)) from error
    except (OSError, BotoCoreError) as error:
        raise ManifestError("ManifestReadError", str(error)) from error


def _unreadable(error: ObjectUnreadableError) -> ManifestError:
    if error.code == "AccessDenied":
        # The message is documented (User Guide, Troubleshooting), its code is not.
        return ManifestError("ManifestReadForbidden", "Reading the manifest is forbidden: AccessDenied")
    return ManifestError(_UNREADABLE_CODES.get(error.code, "ManifestReadError"), str(error))


def _invalid(why: str) -> ManifestError:
    return ManifestError("InvalidManifestContent", f"Invalid Manifest Content: {why}")


def _count_rows(body: BinaryIO, fields: tuple[str, ...]) -> TaskCount:
    missing = [name for name in _NEEDED if name not in fields]
    if missing:
        raise ManifestError(
            "InvalidManifestContent", f"Required fields are missing in the schema: {', '.join(missing)}"
        )
    bucket, key = fields.index("Bucket"), fields.index("Key")
    version = fields.index("VersionId") if "VersionId" in fields else None
    tasks = failing = 0
    for tasks, row in enumerate(_rows(body), start=1):
        if len(row) != len(fields):
            raise _invalid(f"row {tasks} has {len(row)} columns, the schema has {len(fields)}")
        if not row[bucket] or not unquote_plus(row[key], errors="strict"):
            raise _invalid(f"row {tasks} has an empty bucket or key")
        failing += version is not None and not row[version]
    return TaskCount(tasks, failing)


def _rows(body: BinaryIO) -> Iterator[list[str]]:
    """Rows of a CSV object: quoted fields can contain line breaks; the last line break can be missing."""
    with io.TextIOWrapper(body, encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.reader(lines, strict=True)):
            if number == 0 and row:
                _check_no_mark(row[0])
            if row:
                yield row


def _check_no_mark(beginning: str) -> None:
    if beginning.startswith("\ufeff"):
        raise _invalid("it begins with a byte order mark")


def _count_inventory(body: BinaryIO, objects: ObjectSource, manifest_bucket: str) -> TaskCount:
    text = body.read(_MANIFEST_JSON_BYTES).decode()
    _check_no_mark(text)
    described = json.loads(text)
    if not isinstance(described, dict):
        raise _invalid("manifest.json is not an object")
    if described.get("fileFormat") != "CSV":
        raise _invalid(f"fileFormat is {described.get('fileFormat')}, must be CSV")
    fields = tuple(name.strip() for name in str(described.get("fileSchema", "")).split(","))
    destination = str(described.get("destinationBucket", ""))
    bucket = bucket_of(destination) if destination else manifest_bucket
    if not bucket:
        raise _invalid("destinationBucket names no bucket")
    files = described.get("files")
    if not isinstance(files, list) or not all(isinstance(file, dict) and "key" in file for file in files):
        raise _invalid("manifest.json must list its files, each with a key")
    counts = []
    for file in files:
        data = objects.open(bucket, str(file["key"])).body
        counts.append(_count_rows(cast("BinaryIO", gzip.GzipFile(fileobj=data)), fields))
    return TaskCount(sum(count.total for count in counts), sum(count.failing for count in counts))
