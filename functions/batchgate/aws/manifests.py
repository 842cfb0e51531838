"""What the stored manifest of a job says about itself, through boto3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, ParamValidationError
from msgspec import Struct

from batchgate.aws.answers import UNREADABLE, only_answers, request_is_named
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
        """HeadObject of the very object that the job names: same ETag, same version; of a general-purpose bucket only.

        For anything else botocore would go elsewhere: to an access point's host, or for a directory bucket's session.

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
        try:
            if isinstance(version, str) and version:
                head = self.s3.head_object(Bucket=place.bucket, Key=place.key, VersionId=version)
            else:
                head = self.s3.head_object(Bucket=place.bucket, Key=place.key)
        except ClientError as error:
            return _gap(job, error)
        except ParamValidationError:
            return Gap(Result.UNMEASURABLE, "the job names a manifest that S3 can't be asked for")
        except UNREADABLE as error:
            raise ManifestsApiError(f"HeadObject for {job.ref}: {type(error).__name__}: {error}") from error
        if not head.get("ETag") or head.get("ContentLength", -1) < 0:
            raise ManifestsApiError(f"HeadObject for {job.ref}: an answer that is not S3's")
        if head["ETag"].strip('"') != etag.strip('"'):
            return Gap(Result.UNMEASURABLE, "the manifest is another by now")
        return head["ContentLength"]


def _gap(job: Job, error: ClientError) -> Gap:
    """S3's refusal as a fact that is not to be had; its own trouble is raised."""
    code = str(error.response.get("Error", {}).get("Code") or "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= _SERVER_ERRORS or code in _TRANSIENT or not request_is_named(error.response):
        raise ManifestsApiError(f"HeadObject for {job.ref}: {code}") from error
    return Gap(Result.UNMEASURABLE, _WORDS.get(str(status), f"asking for the manifest was refused with {status}"))
