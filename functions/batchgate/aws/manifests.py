"""The `ManifestsApi` port on S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from batchgate.aws.answers import only_answers
from batchgate.aws.calls import CallError, Failure, make_call
from batchgate.errors import ManifestsApiError
from batchgate.policy.facts import Gap, Result, manifest_location, manifest_place

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from batchgate.jobs.model import Job

_SERVER_ERRORS = 500
_TRANSIENT = frozenset({"SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "RequestLimitExceeded"})

_WORDS = {
    "403": "the gate may not read the manifest",
    "404": "the manifest is not there",
}


class StoredManifests(Struct, frozen=True):
    """The `ManifestsApi` port on S3."""

    s3: S3Client

    def __post_init__(self) -> None:
        only_answers(self.s3.meta.events)

    def size(self, job: Job) -> int | Gap:
        """HeadObject of the object that the job names, by ETag and version, in a general-purpose bucket.

        For any other bucket botocore would call another host: an access point's, or the one that creates a directory
        bucket's session.

        *Source*: S3 API, HeadObject: without s3:ListBucket a missing object is 403.
        """
        place = manifest_place(job)
        if isinstance(place, Gap):
            return place
        location = manifest_location(job) or {}
        etag = location.get("ETag")
        if not place.key:
            return Gap(Result.UNMEASURABLE, "an ARN without a key")
        if not isinstance(etag, str) or not etag.strip('"'):
            return Gap(Result.UNMEASURABLE, "the job names no ETag of its manifest")
        version = location.get("ObjectVersionId")
        named: Any = {"VersionId": version} if isinstance(version, str) and version else {}
        try:
            head = make_call(lambda: self.s3.head_object(Bucket=place.bucket, Key=place.key, **named))
        except CallError as error:
            return _gap(job, error)
        if not head.get("ETag") or head.get("ContentLength", -1) < 0:
            raise ManifestsApiError(f"HeadObject for {job.ref}: an answer that is not S3's")
        if head["ETag"].strip('"') != etag.strip('"'):
            return Gap(Result.UNMEASURABLE, "the manifest is another by now")
        return head["ContentLength"]


def _gap(job: Job, error: CallError) -> Gap:
    """Why the size can't be had; what may be different the next time is raised."""
    if error.failure is Failure.INVALID:
        return Gap(Result.UNMEASURABLE, "the job names a manifest that S3 can't be asked for")
    if not error.is_from_aws or error.status >= _SERVER_ERRORS or error.code in _TRANSIENT:
        raise ManifestsApiError(f"HeadObject for {job.ref}: {error}") from error
    status = error.status
    return Gap(Result.UNMEASURABLE, _WORDS.get(str(status), f"asking for the manifest was refused with {status}"))
