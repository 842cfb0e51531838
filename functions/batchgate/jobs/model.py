"""Jobs as S3 describes them."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final, Self, TypeAlias

from msgspec import Meta, Struct

from batchgate.errors import JobDescriptionError
from batchgate.text import shorten

Json: TypeAlias = "bool | int | float | str | datetime | list[Json] | dict[str, Json] | None"
"""What a JSON document, or botocore's reading of an XML one, is made of."""

Instant: TypeAlias = Annotated[datetime, Meta(tz=True)]
"""An aware instant."""

KNOWN_OPERATIONS = frozenset(
    {
        "LambdaInvoke",
        "S3ComputeObjectChecksum",
        "S3DeleteObjectTagging",
        "S3InitiateRestoreObject",
        "S3PutObjectAcl",
        "S3PutObjectCopy",
        "S3PutObjectLegalHold",
        "S3PutObjectRetention",
        "S3PutObjectTagging",
        "S3ReplicateObject",
        "S3UpdateObjectEncryption",
    },
)
"""The operations whose effects this version understands. Source: S3 Control API, JobOperation."""

STRUCTURES: Final = ("Manifest", "ManifestGenerator", "Operation", "Report")
"""The structures that say what a job does."""

_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]{0,30}):s3:(?P<region>[a-z0-9-]{1,40}):(?P<account_id>\d{12}):job/(?P<job_id>[a-zA-Z0-9_-]{5,36})",
    re.ASCII,
)


class JobStatus(StrEnum):
    """Where a job is in its life. Source: S3 Control API, JobStatus."""

    NEW = "New"
    PREPARING = "Preparing"
    SUSPENDED = "Suspended"
    READY = "Ready"
    ACTIVE = "Active"
    PAUSING = "Pausing"
    PAUSED = "Paused"
    COMPLETING = "Completing"
    COMPLETE = "Complete"
    CANCELLING = "Cancelling"
    CANCELLED = "Cancelled"
    FAILING = "Failing"
    FAILED = "Failed"
    UNRECOGNIZED = "?"
    """A status that S3 added after this version; nothing is ever done to such a job."""

    @classmethod
    def _missing_(cls, value: object) -> "JobStatus":  # noqa: ARG003 - whatever it is
        return cls.UNRECOGNIZED

    @property
    def before_suspended(self) -> bool:
        """S3 is still reading the manifest: the size is not known and tags may still be set."""
        return self in (JobStatus.NEW, JobStatus.PREPARING)


_HAS_RUN = frozenset(
    {JobStatus.READY, JobStatus.ACTIVE, JobStatus.PAUSING, JobStatus.PAUSED, JobStatus.COMPLETING, JobStatus.COMPLETE},
)


class AsksForConfirmation(StrEnum):
    """Whether S3 stops at Suspended until the job is confirmed, as far as it can be known."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class DateSurvives(StrEnum):
    """Whether SuspendedDate stays on a job that was confirmed; AWS documents neither (*unverified*)."""

    UNKNOWN = "unknown"
    TRUE = "true"
    FALSE = "false"


class RequestedStatus(StrEnum):
    """What UpdateJobStatus can ask for. Source: S3 Control API, RequestedJobStatus."""

    READY = "Ready"
    CANCELLED = "Cancelled"


class JobRef(Struct, frozen=True, order=True):
    """Which job, in the whole world of AWS.

    Attributes:
        partition: `aws`, `aws-cn`, `aws-us-gov` or a later one.
        region: The Region that the job lives in.
        account_id: Twelve digits.
        job_id: 5 to 36 of `[a-zA-Z0-9_-]`. Source: S3 Control API, JobId.
    """

    partition: str
    region: str
    account_id: str
    job_id: str

    @classmethod
    def from_arn(cls, arn: str) -> Self:
        """Read a job's ARN.

        Raises:
            JobDescriptionError: It is not the ARN of an S3 Batch Operations job.
        """
        match = _ARN.fullmatch(arn)
        if match is None:
            message = f"expected arn:PARTITION:s3:REGION:ACCOUNT:job/ID, got {shorten(arn, 200)!r}"
            raise JobDescriptionError(message)
        return cls(**match.groupdict())

    @property
    def arn(self) -> str:
        """The job's ARN. Source: Service Authorization Reference, S3 resource type `job`."""
        return f"arn:{self.partition}:s3:{self.region}:{self.account_id}:job/{self.job_id}"

    def __str__(self) -> str:
        return self.arn


class Job(Struct, frozen=True):
    """One answer of DescribeJob.

    Attributes:
        status: Where the job is in its life.
        operation: The operation's name; None when S3 names several, or one that the SDK could not tell (an
            operation newer than its service model is dropped from the answer).
        parameters: The operation's own parameters, as S3 reports them; without its name the whole of Operation.
        confirmation_required: What the requester asked for; None when not said. The service has said it in no
            recorded answer (tests/recorded/README.md), though its model has the member.
        total_tasks: Objects in the manifest (a count, not bytes); None when S3 does not report it.
        tasks_ended: How many tasks succeeded or failed; 0 when S3 does not report it.
        status_update_reason: What the last UpdateJobStatus wrote, if anything.
        suspended_date: Since when the job has been Suspended; None when it never was, perhaps when it was confirmed.
        creation_time: When it was created.
        manifest, manifest_generator, generated_manifest, report: The structures of the same names;
            None when S3 did not answer them.
        unknown_members: The dotted paths of what this version does not know in operation, generator, manifest and
            report: `Operation.S3PutObjectCopy.NewMember`, or a value outside its closed set:
            `Operation.S3InitiateRestoreObject.GlacierJobTier="FASTEST"`. This version does not know what it means.

    Source: S3 Control API, JobDescriptor.
    """

    ref: JobRef
    status: JobStatus
    operation: str | None
    parameters: Mapping[str, Json]
    confirmation_required: bool | None
    total_tasks: int | None
    tasks_ended: int
    role: str | None
    priority: int | None
    description: str | None
    report: Mapping[str, Json] | None
    manifest: Mapping[str, Json] | None
    manifest_generator: Mapping[str, Json] | None
    generated_manifest: Mapping[str, Json] | None
    status_update_reason: str | None
    suspended_date: datetime | None
    creation_time: datetime | None
    unknown_members: tuple[str, ...] = ()

    @property
    def has_run(self) -> bool:
        """The job became Ready. One that failed or was cancelled did surely, if tasks of it ended."""
        return self.status in _HAS_RUN or self.tasks_ended > 0

    def asks_for_confirmation(
        self, *, known_to_ask: bool = False, date_survives: DateSurvives = DateSurvives.UNKNOWN
    ) -> AsksForConfirmation:
        """Whether the job asks for confirmation, derived from its course: S3 does not return what was requested.

        Args:
            known_to_ask: The ledger has a hold or claim of this job, made while it waited for confirmation.
            date_survives: Whether a job that was confirmed still has its SuspendedDate.
        """
        was_suspended = self.status is JobStatus.SUSPENDED or self.suspended_date is not None
        if was_suspended or self.confirmation_required or known_to_ask:
            return AsksForConfirmation.YES
        if self.confirmation_required is False or (self.has_run and date_survives is DateSurvives.TRUE):
            return AsksForConfirmation.NO
        return AsksForConfirmation.UNKNOWN

    @classmethod
    def from_description(cls, description: Mapping[str, Json], unknown_members: tuple[str, ...] | None = None) -> Self:
        """Read the `Job` member of a DescribeJob answer, by an SDK or printed by the AWS CLI.

        Args:
            description: Its dates may be aware datetimes or ISO 8601 strings.
            unknown_members: What the SDK dropped or does not know; None for a description that has everything, where
                what this version does not know is looked for.

        Raises:
            JobDescriptionError: JobArn or Status is missing, or a member has another type than S3's.
        """
        read = _Members(description)
        operations = read.structure("Operation") or {}
        unknown = _unknown_members(read) if unknown_members is None else unknown_members
        is_alone = len(operations) == 1 and not any(_BESIDE_AN_OPERATION.fullmatch(path) for path in unknown)
        name = next(iter(operations)) if is_alone else None
        progress = _Members(read.structure("ProgressSummary") or {}, "ProgressSummary.")
        return cls(
            ref=read.ref(),
            status=JobStatus(read.required_text("Status")),
            operation=name,
            parameters=_Members(operations, "Operation.").structure(name) or {} if name else operations,
            confirmation_required=read.flag("ConfirmationRequired"),
            total_tasks=progress.whole_number("TotalNumberOfTasks"),
            tasks_ended=sum(
                progress.whole_number(name) or 0 for name in ("NumberOfTasksSucceeded", "NumberOfTasksFailed")
            ),
            role=read.text("RoleArn"),
            priority=read.whole_number("Priority"),
            description=read.text("Description"),
            report=read.structure("Report"),
            manifest=read.structure("Manifest"),
            manifest_generator=read.structure("ManifestGenerator"),
            generated_manifest=read.structure("GeneratedManifestDescriptor"),
            status_update_reason=read.text("StatusUpdateReason"),
            suspended_date=read.instant("SuspendedDate"),
            creation_time=read.instant("CreationTime"),
            unknown_members=unknown,
        )


_BESIDE_AN_OPERATION = re.compile(r"Operation\.[^.]+")


def _unknown_members(read: "_Members") -> tuple[str, ...]:
    """What S3's request model lacks; an operation that stands alone may be new, and is then a matter of policy."""
    from batchgate.jobs.request_model import unknown_members

    operations = read.structure("Operation") or {}
    is_new = len(operations) == 1 and not KNOWN_OPERATIONS.intersection(operations)
    return tuple(
        f"{name}.{path}"
        for name in STRUCTURES
        if not (name == "Operation" and is_new)
        for path in unknown_members(name, {**(read.structure(name) or {})})
    )


def job_from_printed(description: Mapping[str, Json]) -> Job:
    """A job from what `aws s3control describe-job` prints: {"Job": {...}} or the inner structure.

    Raises:
        JobDescriptionError: It is no job's description.
    """
    job = description.get("Job", description)
    if not isinstance(job, dict):
        message = f"Job: expected a JSON object, got {in_words(job)}"
        raise JobDescriptionError(message)
    return Job.from_description(job)


_TEXT_AT_MOST: Final = 60


def in_words(value: "Json | Mapping[str, Json]") -> str:
    """A value of a JSON document as a message shows it: text and numbers, and what else it is."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {shorten(str(value), _TEXT_AT_MOST)}"
        case str():
            return f'"{shorten(value, _TEXT_AT_MOST)}"' if value else "an empty text"
        case list():
            return f"a list of {len(value)}" if value else "an empty list"
        case Mapping():
            names = shorten(", ".join(value), _TEXT_AT_MOST, sentence=True)
            return f"an object with {names}" if value else "an empty object"
        case _:
            return f"the instant {value.isoformat()}"


class _Members(Struct, frozen=True):
    """Typed reading of a structure whose members may be missing."""

    members: Mapping[str, Json]
    prefix: str = ""

    def _wrong(self, name: str, expected: str) -> JobDescriptionError:
        got = in_words(self.members[name]) if name in self.members else "nothing"
        return JobDescriptionError(f"{self.prefix}{name}: expected {expected}, got {got}")

    def ref(self) -> JobRef:
        arn = self.required_text("JobArn")
        try:
            return JobRef.from_arn(arn)
        except JobDescriptionError as error:
            raise JobDescriptionError(f"JobArn: {error}") from error

    def text(self, name: str) -> str | None:
        value = self.members.get(name)
        if value is None or isinstance(value, str):
            return value
        raise self._wrong(name, "text")

    def required_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise self._wrong(name, "text")
        return value

    def flag(self, name: str) -> bool | None:
        value = self.members.get(name)
        if value is None or isinstance(value, bool):
            return value
        raise self._wrong(name, "true or false")

    def whole_number(self, name: str) -> int | None:
        value = self.members.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise self._wrong(name, "a whole number")

    def structure(self, name: str) -> Mapping[str, Json] | None:
        value = self.members.get(name)
        if value is None or isinstance(value, dict):
            return value
        raise self._wrong(name, "an object")

    def instant(self, name: str) -> datetime | None:
        value = self.members.get(name)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                raise self._wrong(name, "an ISO 8601 instant") from None
        if not isinstance(value, datetime):
            raise self._wrong(name, "an ISO 8601 instant")
        try:
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        except OverflowError:
            raise self._wrong(name, "an instant between the years 1 and 9999") from None
