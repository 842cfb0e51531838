"""The objects of manifests on S3: their size, their parts, and the rows of each part."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from batchgate.aws.answers import only_answers
from batchgate.aws.calls import CallError, Failure, make_call
from batchgate.errors import ManifestsApiError
from batchgate.jobs.manifest_contents import Uncountable
from batchgate.manifest.count import BLOCK_BYTES, bytes_of, count
from batchgate.manifest.plan import (
    CSV_FORMAT,
    DOCUMENT_BYTES_AT_MOST,
    INVENTORY_FORMATS,
    CsvRange,
    Plan,
    Source,
    csv_columns,
    plan_csv,
    plan_inventory,
)
from batchgate.policy.facts import Gap, Result, named_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

    from batchgate.jobs.model import Job
    from batchgate.jobs.named_manifest import NamedManifest
    from batchgate.manifest.counts import PartCounts
    from batchgate.manifest.plan import Part

_SERVER_ERRORS = 500
_PRECONDITION_FAILED = 412
_TRANSIENT = frozenset({"SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "RequestLimitExceeded"})

_WORDS = {
    "403": "the gate may not read the manifest",
    "404": "the manifest is not there",
}


class StoredManifests(Struct, frozen=True):
    """The `ManifestReader` port on S3."""

    s3: S3Client

    def __post_init__(self) -> None:
        only_answers(self.s3.meta.events)

    def size(self, job: Job) -> int | Gap:
        """HeadObject of the object that the job names, by ETag and version, in a general-purpose bucket.

        For any other bucket botocore would call another host: an access point's, or the one that creates a directory
        bucket's session.

        *Source*: S3 API, HeadObject: without s3:ListBucket a missing object is 403.
        """
        named = named_manifest(job)
        return named if isinstance(named, Gap) else self._size(named)

    def _size(self, named: NamedManifest) -> int | Gap:
        try:
            head = make_call(lambda: self.s3.head_object(Bucket=named.bucket, Key=named.key, **_version(named.version)))
        except CallError as error:
            return _gap("HeadObject", error)
        if not head.get("ETag") or head.get("ContentLength", -1) < 0:
            raise ManifestsApiError("HeadObject of a manifest: an answer that is not S3's")
        if head["ETag"].strip('"') != named.etag:
            return _IS_ANOTHER
        return head["ContentLength"]

    def plan(self, named: NamedManifest) -> Plan | Uncountable | Gap:
        """HeadObject of a CSV; GetObject of an inventory's manifest.json."""
        if named.format == CSV_FORMAT:
            columns = csv_columns(named.fields)
            if isinstance(columns, Uncountable):
                return columns
            size = self._size(named)
            if isinstance(size, Gap):
                return size
            source = Source(named.bucket, columns, named.key, named.etag, named.version or None)
            return Plan(source, plan_csv(size))
        if named.format not in INVENTORY_FORMATS:
            return Uncountable("its manifest has a format that this version does not know")
        size = self._size(named)
        if isinstance(size, Gap):
            return size
        if size > DOCUMENT_BYTES_AT_MOST:
            return Uncountable(f"its manifest.json is larger than {DOCUMENT_BYTES_AT_MOST} bytes")
        document = self._open(named.bucket, named.key, named.etag, named.version)
        return document if isinstance(document, Gap) else plan_inventory(b"".join(document))

    def count(self, plan: Plan, part: Part) -> PartCounts | Gap:
        """GetObject: of a CSV the bytes of the range, on condition of its ETag; of an inventory a whole file."""
        source = plan.source
        if isinstance(part, CsvRange):
            first, end = bytes_of(part)
            is_whole = end - first == part.size
            content_range = None if is_whole else f"bytes {first}-{end - 1}/{part.size}"
            chunks = self._open(source.bucket, source.key, source.etag, source.version, content_range)
        else:
            chunks = self._open(source.bucket, part.key)
        return chunks if isinstance(chunks, Gap) else count(part, source.columns, chunks)

    def _open(
        self, bucket: str, key: str, etag: str = "", version: str | None = None, content_range: str | None = None
    ) -> Iterator[bytes] | Gap:
        """GetObject; the bytes, as they arrive. A server that ignores the condition or the range is not believed.

        Args:
            bucket: Where the object is.
            key: Of the object.
            etag: That it must have; "" for any.
            version: Of it; the current one for "" or None.
            content_range: What the response has to say of the bytes that are asked for; None for the whole object.

        Raises:
            ManifestsApiError: S3 or the network failed, now or while the bytes are read.
        """
        wanted: Any = _version(version)
        if etag:
            wanted["IfMatch"] = f'"{etag}"'
        if content_range is not None:
            wanted["Range"] = content_range.partition("/")[0].replace(" ", "=")
        try:
            response = make_call(lambda: self.s3.get_object(Bucket=bucket, Key=key, **wanted))
        except CallError as error:
            return _gap("GetObject", error)
        found = response.get("ETag", "").strip('"')
        if found and found == (etag or found) and response.get("ContentRange") == content_range:
            return _chunks(response["Body"])
        response["Body"].close()
        if etag and found and found != etag:
            return _IS_ANOTHER
        raise ManifestsApiError("GetObject of a manifest: an answer that is not S3's")


def _chunks(body: StreamingBody) -> Iterator[bytes]:
    with closing(body):
        while chunk := _read(body):
            yield chunk


def _read(body: StreamingBody) -> bytes:
    try:
        return make_call(lambda: body.read(BLOCK_BYTES))
    except CallError as error:
        raise ManifestsApiError(f"GetObject of a manifest: {error}") from error


def _version(version: str | None) -> Any:  # noqa: ANN401 - a parameter of several calls
    return {"VersionId": version} if version else {}


_IS_ANOTHER = Gap(Result.UNMEASURABLE, "the manifest is another by now")


def _gap(call: str, error: CallError) -> Gap:
    """Why nothing can be had; what may be different the next time is raised."""
    if error.failure is Failure.INVALID:
        return Gap(Result.UNMEASURABLE, "the job names a manifest that S3 can't be asked for")
    if not error.is_from_aws or error.status >= _SERVER_ERRORS or error.code in _TRANSIENT:
        raise ManifestsApiError(f"{call} of a manifest: {error}") from error
    if error.status == _PRECONDITION_FAILED:
        return _IS_ANOTHER
    status = error.status
    return Gap(Result.UNMEASURABLE, _WORDS.get(str(status), f"asking for the manifest was refused with {status}"))
