"""All that a check may look at, fixed before the first check runs."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import TypeAlias, TypeVar

from msgspec import Struct

from batchgate.errors import JobDescriptionError
from batchgate.jobs.model import Job, JobRef, JobStatus, Json


class Result(IntEnum):
    """What a check, a condition or a requirement came to, the most binding of an `all` last."""

    MET = 0
    UNMEASURABLE = 1
    """Asked for and not to be had: access denied, another ETag, no stored manifest."""
    UNKNOWN = 2
    """S3 has not said yet."""
    VIOLATED = 3

    def __str__(self) -> str:
        return self.name.lower()


class Gap(Struct, frozen=True):
    """A fact that is not there, and why.

    Attributes:
        result: UNKNOWN or UNMEASURABLE, which every check of this fact comes to.
        why: A few words for people, ours alone: nothing of the requester's.
    """

    result: Result
    why: str


T = TypeVar("T")
Fact: TypeAlias = T | Gap | None
"""A value; None where S3 answered and there is none; or a gap."""

NOT_READ = Gap(Result.UNMEASURABLE, "not read")


class JobFacts(Struct, frozen=True):
    """One job as the checks see it, at one instant.

    Attributes:
        ref: The job; account, Region and partition come from its ARN.
        status: Where the job is in its life.
        asks_for_confirmation: False only where the requester said so explicitly.
        operation: The operation's name.
        parameters: The operation's parameters, below its name.
        total_tasks: Objects in the manifest (a count, not bytes); a gap until S3 has
            prepared the job. Source: DescribeJob ProgressSummary.TotalNumberOfTasks.
        tags: The job's tags. Source: GetJobTagging.
        source_buckets: Names of all buckets that the job reads or changes.
        destination_buckets: Names of the buckets that the job copies to.
        manifest: Format, bucket, key, generated, stored; each value None where S3 says none.
        manifest_bytes: Size of the manifest object whose ETag and version the job names.
        object_bytes: Sizes of all objects of the manifest added up.
        report: The completion report's settings: enabled, scope, bucket, prefix, format; None
            where the job has no report structure.
        suspended_since: SuspendedDate, or the creation if S3 does not say; S3 fails the job
            30 days on. None where S3 says neither.
        suspended_date: SuspendedDate, from which on a grace runs; None where S3 does not say.
        manually_approved: Whether a person has decided for this job.
        now: Aware UTC instant at which the whole review is judged.
    """

    ref: JobRef
    status: JobStatus
    asks_for_confirmation: bool
    operation: str | Gap
    parameters: Mapping[str, Json]
    total_tasks: int | Gap
    tags: Mapping[str, str] | Gap
    source_buckets: frozenset[str] | Gap
    destination_buckets: frozenset[str] | Gap
    manifest: Mapping[str, Fact[str | bool]]
    manifest_bytes: int | Gap
    object_bytes: int | Gap
    role: str | None
    priority: int | None
    description: str | None
    report: Mapping[str, str | bool | None] | None
    suspended_since: datetime | None
    suspended_date: datetime | None
    manually_approved: bool
    now: datetime

    def ends(self, grace: timedelta) -> datetime | None:
        """When a grace ends; None for never, where S3 does not say since when the job is Suspended."""
        if self.suspended_date is None or _LATEST - self.suspended_date < grace:
            return None
        return self.suspended_date + grace

    def is_over(self, grace: timedelta) -> bool:
        """Whether a violation may cancel now: the grace is over, or the job has none because it waits for nobody."""
        if not self.asks_for_confirmation:
            return True
        end = self.ends(grace)
        return end is not None and end <= self.now


_LATEST = datetime.max.replace(tzinfo=UTC)


def gather_facts(
    job: Job,
    now: datetime,
    *,
    tags: Mapping[str, str] | Gap = NOT_READ,
    manifest_bytes: int | Gap = NOT_READ,
    source_buckets: frozenset[str] | Gap = NOT_READ,
    object_bytes: int | Gap = NOT_READ,
    manually_approved: bool = False,
) -> JobFacts:
    """Lay out what the checks may look at; never fails, whatever S3 said.

    Args:
        job: The answer of DescribeJob.
        now: Aware instant of the review.
        tags: The answer of GetJobTagging, or why there is none.
        manifest_bytes: Size of the manifest object whose ETag and version the job names.
        source_buckets: The buckets of the manifest's rows, or why they were not read; where a
            generator names its bucket, that is taken instead.
        object_bytes: The sizes that the manifest's rows say, added up.
        manually_approved: Whether a person has decided for this job.
    """
    return JobFacts(
        ref=job.ref,
        status=job.status,
        asks_for_confirmation=job.asks_for_confirmation,
        operation=job.operation or Gap(Result.UNMEASURABLE, "an operation that this version's AWS SDK does not know"),
        parameters=job.parameters,
        total_tasks=_total_tasks(job),
        tags=tags,
        source_buckets=_generator_bucket(job) or source_buckets,
        destination_buckets=_destination_buckets(job),
        manifest=_manifest(job),
        manifest_bytes=_manifest_bytes(job, manifest_bytes),
        object_bytes=object_bytes,
        role=job.role,
        priority=job.priority,
        description=job.description,
        report=_report(job),
        suspended_since=job.suspended_date or job.creation_time,
        suspended_date=job.suspended_date,
        manually_approved=manually_approved,
        now=now.astimezone(UTC),
    )


def _total_tasks(job: Job) -> int | Gap:
    if job.total_tasks is not None and job.total_tasks > 0:
        return job.total_tasks
    if job.status.before_suspended:
        return Gap(Result.UNKNOWN, "not yet counted")
    return Gap(Result.UNMEASURABLE, "S3 does not say")


def _generator(job: Job) -> Mapping[str, Json]:
    generator = (job.manifest_generator or {}).get("S3JobManifestGenerator")
    return generator if isinstance(generator, dict) else {}


def _generator_bucket(job: Job) -> frozenset[str] | None:
    """The one bucket that a generator lists. Source: S3JobManifestGenerator.SourceBucket (an ARN)."""
    bucket = _bucket_name(_generator(job).get("SourceBucket"))
    return frozenset({bucket}) if isinstance(bucket, str) else None


def manifest_location(job: Job) -> Mapping[str, Json] | None:
    """Where the manifest lies, as S3 says: ObjectArn, ETag, perhaps ObjectVersionId; None if nowhere.

    Source: JobManifest.Location; S3GeneratedManifestDescriptor.Location.
    """
    location = (job.manifest or job.generated_manifest or {}).get("Location")
    return location if isinstance(location, dict) and location else None


def _manifest_bytes(job: Job, measured: int | Gap) -> int | Gap:
    """Nothing stored has no size, whoever asked."""
    return _not_generated(job) or measured


def _not_generated(job: Job) -> Gap | None:
    """Why nothing can be said of a generated manifest; None where there is a manifest."""
    if manifest_location(job) is not None:
        return None
    if _generator(job).get("EnableManifestOutput") is True and job.status.before_suspended:
        return Gap(Result.UNKNOWN, "not yet generated")
    return Gap(Result.UNMEASURABLE, "no manifest is stored")


def _manifest(job: Job) -> Mapping[str, Fact[str | bool]]:
    generated = job.manifest is None and job.manifest_generator is not None
    stored = _generator(job).get("EnableManifestOutput") if generated else True
    said = {"generated": generated, "stored": stored if isinstance(stored, bool) else None}
    gap = _not_generated(job)
    if gap is not None:
        return {"format": _manifest_format(job) or gap, "bucket": gap, "key": gap, **said}
    arn = (manifest_location(job) or {}).get("ObjectArn")
    bucket, _, key = arn.split(":::", 1)[-1].partition("/") if isinstance(arn, str) else ("", "", "")
    return {"format": _manifest_format(job), "bucket": bucket or None, "key": key or None, **said}


def _manifest_format(job: Job) -> str | None:
    spec = (job.manifest or {}).get("Spec")
    form = spec.get("Format") if isinstance(spec, dict) else (job.generated_manifest or {}).get("Format")
    return form if isinstance(form, str) else None


def _destination_buckets(job: Job) -> frozenset[str] | Gap:
    """Where a copy goes; every other known operation but replication has no destination."""
    match job.operation:
        case "S3PutObjectCopy":
            bucket = _bucket_name(job.parameters.get("TargetResource"))
            if isinstance(bucket, str):
                return frozenset({bucket})
            return Gap(Result.UNMEASURABLE, "the copy target is no bucket")
        case "S3ReplicateObject":
            return Gap(Result.UNMEASURABLE, "the replication rules say it, not the job")
        case str(name) if name in _WITHOUT_DESTINATION:
            return frozenset()
        case _:
            return Gap(Result.UNMEASURABLE, "an operation that this version does not know")


_WITHOUT_DESTINATION: Sequence[str] = (
    "LambdaInvoke",
    "S3ComputeObjectChecksum",
    "S3DeleteObjectTagging",
    "S3InitiateRestoreObject",
    "S3PutObjectAcl",
    "S3PutObjectLegalHold",
    "S3PutObjectRetention",
    "S3PutObjectTagging",
    "S3UpdateObjectEncryption",
)


def _report(job: Job) -> Mapping[str, str | bool | None] | None:
    if job.report is None:
        return None
    enabled, scope = job.report.get("Enabled"), job.report.get("ReportScope")
    prefix, form = job.report.get("Prefix"), job.report.get("Format")
    return {
        "enabled": enabled if isinstance(enabled, bool) else None,
        "scope": scope if isinstance(scope, str) else None,
        "bucket": _bucket_name(job.report.get("Bucket")),
        "prefix": prefix if isinstance(prefix, str) else None,
        "format": form if isinstance(form, str) else None,
    }


def _bucket_name(text: Json) -> str | None:
    """The bucket's name out of a bucket's ARN, or a bare name; None for anything else.

    arn:aws:s3:::NAME and a directory bucket's arn:aws:s3express:REGION:ACCOUNT:bucket/NAME name
    buckets; arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME does not. Source: Service Authorization
    Reference, resource types of Amazon S3 and Amazon S3 Express.
    """
    found = _BUCKET.fullmatch(text) if isinstance(text, str) else None
    return (found["general"] or found["directory"] or found["bare"]) if found else None


_BUCKET = re.compile(
    r"arn:[^:]*:s3:::(?P<general>[^/:]+)|arn:[^:]*:s3express:[^:]*:[^:]*:/?bucket/(?P<directory>[^/:]+)|(?P<bare>[^/:]+)"
)


def facts_from_description(
    description: Mapping[str, Json], now: datetime, *, tags: Mapping[str, str] | Gap = NOT_READ
) -> JobFacts:
    """Facts from what `aws s3control describe-job` prints: {"Job": {...}} or the inner structure.

    Raises:
        JobDescriptionError: It is no job's description.
    """
    job = description.get("Job", description)
    if not isinstance(job, dict):
        message = f"Job: expected a structure, got {type(job).__name__}"
        raise JobDescriptionError(message)
    return gather_facts(Job.from_description(job), now, tags=tags)
