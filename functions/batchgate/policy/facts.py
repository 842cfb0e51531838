"""All that a check may look at, fixed before the first check runs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import TypeAlias, TypeVar

from msgspec import Struct

from batchgate.jobs.arns import NoBucket, ObjectPlace, bucket_name, object_place
from batchgate.jobs.manifest_contents import BUCKETS_AT_MOST, ManifestContents
from batchgate.jobs.model import AsksForConfirmation, Job, JobRef, JobStatus, Json
from batchgate.jobs.named_manifest import NamedManifest
from batchgate.policy.amounts import BudgetUse
from batchgate.policy.approvals import Approval


class Result(IntEnum):
    """The result of a check, a condition or a requirement, the most binding of an `all` last."""

    MET = 0
    UNMEASURABLE = 1
    """Asked for and not to be had: access denied, another ETag, no stored manifest."""
    UNKNOWN = 2
    """S3 has not reported it yet."""
    VIOLATED = 3

    def __str__(self) -> str:
        return self.name.lower()


class Gap(Struct, frozen=True):
    """A fact that is not there, and why.

    Attributes:
        result: UNKNOWN or UNMEASURABLE, the result of every check of this fact.
        why: A few words for people, ours alone: nothing of the requester's.
    """

    result: Result
    why: str


class RowsDiffer(Gap, frozen=True):
    """The manifest's rows that were counted are not as many as S3's tasks: one of the two counts is wrong."""


T = TypeVar("T")
Fact: TypeAlias = T | Gap | None
"""A value; None where S3 answered and there is none; or a gap."""

NOT_READ = Gap(Result.UNMEASURABLE, "not read")


class JobFacts(Struct, frozen=True):
    """One job as the checks see it, at one instant.

    Attributes:
        ref: The job; account, Region and partition come from its ARN.
        status: Where the job is in its life.
        asks_for_confirmation: Whether S3 stops at Suspended until the job is confirmed, as far as is known.
        operation: The operation's name.
        parameters: The operation's parameters, below its name.
        total_tasks: Objects in the manifest (a count, not bytes); a gap until S3 has
            prepared the job. Source: DescribeJob ProgressSummary.TotalNumberOfTasks.
        tags: The job's tags. Source: GetJobTagging.
        source_buckets: Names of all buckets that the job reads or changes; in a name's place a gap for
            what is no general-purpose bucket.
        destination_buckets: The same of the buckets that the job copies to.
        manifest: Format, bucket, key, version, generated, stored; each value None where S3 reports none.
        manifest_bytes: Size of the manifest object whose ETag and version the job names.
        manifest_rows: Rows counted in the manifest, as many as S3 reports tasks.
        rows_without_version: Those of them that name no version of their object.
        object_bytes: Sizes of all objects of the manifest added up.
        generator: Members of the generator that lists the objects; None for a job with a manifest of its own.
            Source: DescribeJob ManifestGenerator.S3JobManifestGenerator.
        report: The completion report's settings: enabled, scope, bucket, prefix, format,
            expected_bucket_owner; None where the job has no report structure.
        created: When the job was created; None where S3 does not report it.
        suspended_since: SuspendedDate, or the creation if S3 reports none; S3 fails the job
            30 days on. None where S3 reports neither.
        suspended_date: SuspendedDate, from which on a grace runs; None where S3 reports none, or an instant
            before the job was created.
        now: Aware UTC instant at which the whole review is evaluated.
        unknown_members: What this version does not know of the job's request; nothing decides such a job but people.
        approvals: People's approvals of the job as it is at this instant.
        requester: Who created the job: the ARN in CloudTrail's record.
        budgets: How much of the job's account of each budget is used, by the budget's name. Source: the ledger.
    """

    ref: JobRef
    status: JobStatus
    asks_for_confirmation: AsksForConfirmation
    operation: str | Gap
    parameters: Mapping[str, Json]
    total_tasks: int | Gap
    tags: Mapping[str, str] | Gap
    source_buckets: frozenset[str | Gap] | Gap
    destination_buckets: frozenset[str | Gap] | Gap
    manifest: Mapping[str, Fact[str | bool]]
    manifest_bytes: int | Gap
    manifest_rows: int | Gap
    rows_without_version: int | Gap
    object_bytes: int | Gap
    generator: Mapping[str, Json] | Gap | None
    role: str | None
    priority: int | None
    description: str | None
    report: Mapping[str, Fact[str | bool]] | None
    created: datetime | None
    suspended_since: datetime | None
    suspended_date: datetime | None
    now: datetime
    unknown_members: tuple[str, ...] = ()
    approvals: tuple[Approval, ...] = ()
    requester: str | Gap = NOT_READ
    budgets: Mapping[str, BudgetUse | Gap] = {}

    def ends(self, grace: timedelta) -> datetime | None:
        """When a grace ends; None for never, where S3 does not report since when the job is Suspended."""
        if self.suspended_date is None or _LATEST - self.suspended_date < grace:
            return None
        return self.suspended_date + grace

    def is_over(self, grace: timedelta) -> bool:
        """Whether a violation may cancel now: the grace is over, or the job has none because it waits for nobody."""
        if self.asks_for_confirmation is AsksForConfirmation.NO:
            return True
        end = self.ends(grace)
        return end is not None and end <= self.now


_LATEST = datetime.max.replace(tzinfo=UTC)


def gather_facts(  # noqa: PLR0913 - each is read elsewhere
    job: Job,
    now: datetime,
    *,
    asks: AsksForConfirmation | None = None,
    tags: Mapping[str, str] | Gap = NOT_READ,
    manifest_bytes: int | Gap = NOT_READ,
    contents: ManifestContents | Gap = NOT_READ,
    approvals: Iterable[Approval] = (),
    requester: str | Gap = NOT_READ,
    budgets: Mapping[str, BudgetUse | Gap] = {},
) -> JobFacts:
    """Gather what the checks may read; never fails, whatever S3 reported.

    Args:
        job: The answer of DescribeJob.
        now: Aware instant of the review.
        asks: Whether the job asks for confirmation, where more is known of it than the job itself shows.
        tags: The answer of GetJobTagging, or why there is none.
        manifest_bytes: Size of the manifest object whose ETag and version the job names.
        contents: What was counted in the manifest that the job names, or why nothing was.
        approvals: People's approvals of the job as it is (`approvals.fresh`).
        requester: The ARN of whoever created the job, or why it is not known.
        budgets: How much is used of the job's account of each budget, or why that is not known.
    """
    counted = _counted(job, contents)
    return JobFacts(
        ref=job.ref,
        status=job.status,
        asks_for_confirmation=asks or job.asks_for_confirmation(),
        operation=job.operation
        or Gap(Result.UNMEASURABLE, "an operation that this version's AWS SDK does not know, or several"),
        parameters=job.parameters,
        total_tasks=_total_tasks(job),
        tags=tags,
        source_buckets=_source_buckets(job, counted),
        destination_buckets=_destination_buckets(job),
        manifest=_manifest(job),
        manifest_bytes=_manifest_bytes(job, manifest_bytes),
        manifest_rows=counted if isinstance(counted, Gap) else counted.rows,
        rows_without_version=counted if isinstance(counted, Gap) else counted.rows_without_version,
        object_bytes=_object_bytes(counted),
        generator=_generator_members(job),
        role=job.role,
        priority=job.priority,
        description=job.description,
        report=_report(job),
        created=job.creation_time,
        suspended_since=_suspended_date(job) or job.creation_time,
        suspended_date=_suspended_date(job),
        now=now.astimezone(UTC),
        unknown_members=job.unknown_members,
        approvals=tuple(approvals),
        requester=requester,
        budgets=budgets,
    )


_DATES_ARE_EXACT_TO = timedelta(seconds=1)


def _suspended_date(job: Job) -> datetime | None:
    """None also for a date before the job was created, as 1970: no grace can be over because of it."""
    date, created = job.suspended_date, job.creation_time
    is_before = date is not None and created is not None and created - date >= _DATES_ARE_EXACT_TO
    return None if is_before else date


def _total_tasks(job: Job) -> int | Gap:
    if job.total_tasks is not None and job.total_tasks > 0:
        return job.total_tasks
    if job.status.before_suspended:
        return Gap(Result.UNKNOWN, "not yet counted")
    return Gap(Result.UNMEASURABLE, "S3 does not report it")


def _generator(job: Job) -> Mapping[str, Json]:
    generator = (job.manifest_generator or {}).get("S3JobManifestGenerator")
    return generator if isinstance(generator, dict) else {}


def _generator_members(job: Job) -> Mapping[str, Json] | Gap | None:
    """A job has a manifest of its own or a generator; one with neither has a generator that is not known."""
    if job.manifest is not None:
        return _both(job)
    return _generator(job) or Gap(Result.UNMEASURABLE, "neither a manifest nor a generator that this version knows")


def _both(job: Job) -> Gap | None:
    """Why nothing is known of what lists the objects of a job with a manifest of its own and a generator."""
    if job.manifest is None or job.manifest_generator is None:
        return None
    return Gap(Result.UNMEASURABLE, "both a manifest and a generator")


def _counted(job: Job, contents: ManifestContents | Gap) -> ManifestContents | Gap:
    """The contents, if S3 counted as many tasks: other rows are not what the job will do."""
    gap = _not_generated(job)
    if gap is not None or isinstance(contents, Gap):
        return gap or contents
    tasks = _total_tasks(job)
    if isinstance(tasks, Gap):
        return Gap(tasks.result, f"total_tasks: {tasks.why}")
    if contents.rows != tasks:
        return RowsDiffer(Result.UNMEASURABLE, f"its rows are {contents.rows}, S3 counts {tasks} tasks")
    return contents


def _source_buckets(job: Job, counted: ManifestContents | Gap) -> frozenset[str | Gap] | Gap:
    """The one bucket that a generator lists, else those of the manifest's rows.

    Source: S3JobManifestGenerator.SourceBucket (an ARN).
    """
    if gap := _both(job):
        return gap
    if (bucket := _generator(job).get("SourceBucket")) is not None:
        return frozenset({_bucket(bucket)})
    if isinstance(counted, Gap):
        return counted
    if counted.buckets is None:
        return Gap(Result.UNMEASURABLE, f"more than {BUCKETS_AT_MOST} different buckets")
    return frozenset(map(_bucket, counted.buckets))


def _object_bytes(counted: ManifestContents | Gap) -> int | Gap:
    if isinstance(counted, Gap):
        return counted
    if counted.object_bytes is None:
        return Gap(Result.UNMEASURABLE, "not every row of the manifest gives its object's size")
    return counted.object_bytes


def manifest_location(job: Job) -> Mapping[str, Json] | None:
    """Where the manifest is stored, as S3 reports it: ObjectArn, ETag, perhaps ObjectVersionId; None if nowhere.

    Source: JobManifest.Location; S3GeneratedManifestDescriptor.Location.
    """
    location = (job.manifest or job.generated_manifest or {}).get("Location")
    return location if isinstance(location, dict) and location else None


def _manifest_bytes(job: Job, measured: int | Gap) -> int | Gap:
    """Nothing stored has no size, whoever asked."""
    return _not_generated(job) or measured


def _not_generated(job: Job) -> Gap | None:
    """Why nothing is known of a manifest; None where there is one."""
    if gap := _both(job):
        return gap
    if manifest_location(job) is not None:
        return None
    if _generator(job).get("EnableManifestOutput") is True and job.status.before_suspended:
        return Gap(Result.UNKNOWN, "not yet generated")
    return Gap(Result.UNMEASURABLE, "no manifest is stored")


def manifest_place(job: Job) -> ObjectPlace | Gap:
    """The general-purpose bucket and the key of the manifest, or why they are not known."""
    location = manifest_location(job)
    if location is None:
        return Gap(Result.UNMEASURABLE, "no manifest is stored")
    place = object_place(location.get("ObjectArn"))
    return _none_of_ours(place) if isinstance(place, NoBucket) else place


def named_manifest(job: Job) -> NamedManifest | Gap:
    """The stored manifest that a job names, or why it names none that can be read."""
    if gap := _not_generated(job):
        return gap
    place, location = manifest_place(job), manifest_location(job) or {}
    if isinstance(place, Gap):
        return place
    if not place.key:
        return Gap(Result.UNMEASURABLE, "an ARN without a key")
    etag, version = (location.get(name) for name in ("ETag", "ObjectVersionId"))
    if not isinstance(etag, str) or not etag.strip('"'):
        return Gap(Result.UNMEASURABLE, "the job names no ETag of its manifest")
    spec = (job.manifest or {}).get("Spec")
    fields = spec.get("Fields") if isinstance(spec, dict) else None
    return NamedManifest(
        bucket=place.bucket,
        key=place.key,
        etag=etag.strip('"'),
        version=version if isinstance(version, str) else "",
        format=_manifest_format(job) or "",
        fields=tuple(map(str, fields)) if isinstance(fields, list) else (),
    )


def _manifest(job: Job) -> Mapping[str, Fact[str | bool]]:
    if gap := _both(job):
        return dict.fromkeys(("format", "bucket", "key", "version", "generated", "stored"), gap)
    generated = job.manifest is None and job.manifest_generator is not None
    stored = _generator(job).get("EnableManifestOutput") if generated else True
    reported = {"generated": generated, "stored": stored if isinstance(stored, bool) else None}
    gap = _not_generated(job)
    if gap is not None:
        return {"format": _manifest_format(job) or gap, "bucket": gap, "key": gap, "version": gap, **reported}
    place = manifest_place(job)
    version = (manifest_location(job) or {}).get("ObjectVersionId")
    return {
        "format": _manifest_format(job),
        "bucket": place if isinstance(place, Gap) else place.bucket,
        "key": place if isinstance(place, Gap) else place.key or Gap(Result.UNMEASURABLE, "an ARN without a key"),
        "version": version if isinstance(version, str) else None,
        **reported,
    }


def _manifest_format(job: Job) -> str | None:
    spec = (job.manifest or {}).get("Spec")
    form = spec.get("Format") if isinstance(spec, dict) else (job.generated_manifest or {}).get("Format")
    return form if isinstance(form, str) else None


def _destination_buckets(job: Job) -> frozenset[str | Gap] | Gap:
    """Where a copy goes; every other known operation but replication has no destination."""
    match job.operation:
        case "S3PutObjectCopy":
            return frozenset({_bucket(job.parameters.get("TargetResource"))})
        case "S3ReplicateObject":
            return Gap(Result.UNMEASURABLE, "set by the replication rules, not by the job")
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


def _report(job: Job) -> Mapping[str, Fact[str | bool]] | None:
    if job.report is None:
        return None
    enabled, bucket = job.report.get("Enabled"), job.report.get("Bucket")
    texts = {name: job.report.get(member) for name, member in _REPORT_TEXTS.items()}
    return {
        "enabled": enabled if isinstance(enabled, bool) else None,
        "bucket": None if bucket is None else _bucket(bucket),
        **{name: text if isinstance(text, str) else None for name, text in texts.items()},
    }


_REPORT_TEXTS: Mapping[str, str] = {
    "scope": "ReportScope",
    "prefix": "Prefix",
    "format": "Format",
    "expected_bucket_owner": "ExpectedBucketOwner",
}


def _bucket(text: Json) -> str | Gap:
    """A bucket by its name, also where S3 reports an ARN."""
    name = bucket_name(text)
    return _none_of_ours(name) if isinstance(name, NoBucket) else name


def _none_of_ours(found: NoBucket) -> Gap:
    return Gap(Result.UNMEASURABLE, found.what)
