"""What nobody outside AWS knows for sure about S3, one switch each, and how long things take.

A test suite that passes under every setting does not rest on a guess.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from s3batch_emulator.errors import Vocabulary
from s3batch_emulator.lifecycle import JobStatus


class ManifestKind(Enum):
    """How a job learns its objects."""

    CSV = "S3BatchOperations_CSV_20180820"
    INVENTORY = "S3InventoryReport_CSV_20161130"
    GENERATED = "ManifestGenerator"


@dataclass(frozen=True, slots=True)
class Switches:
    """The facts that documentation leaves open; the defaults are as recorded, else the likelier reading.

    Attributes:
        suspended_event: A JobStatusChanged event is emitted when a job becomes Suspended.
        total_known_at_suspended: The kinds of manifests whose TotalNumberOfTasks is filled once
            the job is Suspended. The others learn it when they become Ready.
        unknown_total_as_zero: TotalNumberOfTasks is 0 rather than absent while it is unknown.
        reason_survives: StatusUpdateReason stays on the job through later statuses.
        ready_while_preparing: Ready is accepted in New and Preparing, as a confirmation given
            in advance, rather than refused with JobStatusException.
        suspension_remembered: SuspendedDate and SuspendedCause stay after the job has left Suspended.
            So SuspendedDate says of a job that runs that it was confirmed.
        confirmation_shown: DescribeJob says ConfirmationRequired as CreateJob was asked. Not so in
            any recorded answer.
        omitted_confirmation_shown: DescribeJob says ConfirmationRequired true for a job created
            without it.
        untagged_lacks_tags: GetJobTagging of a job without tags answers no `Tags` at all, rather than an empty list.
        cause_in_capitals: SuspendedCause is AWAITING_CONFIRMATION, as IAM's condition key is
            documented, rather than AwaitingConfirmation, as recorded.
        termination_listed: ListJobs says TerminationDate of jobs that have ended. Not recorded.
        timers_listed: ListJobs says ProgressSummary.Timers. Not recorded.
        newest_first: ListJobs begins with the latest job, as recorded; else with the oldest.
        vocabulary: Whether a missing job is a NotFoundException or a NoSuchJobException, throttling
            a TooManyRequestsException or SlowDown, and a bad request a BadRequestException or
            InvalidRequest.
        error_namespace: The XML document of a refusal has S3 Control's namespace. Not recorded.
        bare_errors: The document of a refusal is an Error, rather than an ErrorResponse with one inside.
    """

    suspended_event: bool = True
    total_known_at_suspended: frozenset[ManifestKind] = frozenset(ManifestKind)
    unknown_total_as_zero: bool = False
    reason_survives: bool = True
    ready_while_preparing: bool = False
    suspension_remembered: bool = True
    confirmation_shown: bool = False
    omitted_confirmation_shown: bool = False
    untagged_lacks_tags: bool = False
    cause_in_capitals: bool = False
    termination_listed: bool = False
    timers_listed: bool = False
    newest_first: bool = True
    vocabulary: Vocabulary = Vocabulary.MODEL
    error_namespace: bool = False
    bare_errors: bool = False


@dataclass(frozen=True, slots=True)
class Delays:
    """How long a job stays in the statuses that it leaves by itself.

    Attributes:
        registered: After CreateJob the job answers "no such job" this long (User Guide,
            Troubleshooting: "before the job is fully registered").
        new: Before S3 begins with the manifest.
        preparing: While S3 reads the manifest.
        ready: Before the first task, when no job of higher priority is in the way.
        pausing: Until a job that gave way has stopped.
        completing: Until the report of a job that ran is written.
        cancelling: Until a running job that was cancelled has stopped.
        failing: Until a job that can't go on has stopped.
    """

    registered: timedelta = timedelta(0)
    new: timedelta = timedelta(seconds=1)
    preparing: timedelta = timedelta(seconds=2)
    ready: timedelta = timedelta(seconds=1)
    pausing: timedelta = timedelta(seconds=1)
    completing: timedelta = timedelta(seconds=1)
    cancelling: timedelta = timedelta(seconds=1)
    failing: timedelta = timedelta(seconds=1)

    def stopping(self, passing: JobStatus) -> timedelta:
        """How long a status lasts that a running job passes through before it stops."""
        return {
            JobStatus.PAUSING: self.pausing,
            JobStatus.COMPLETING: self.completing,
            JobStatus.CANCELLING: self.cancelling,
            JobStatus.FAILING: self.failing,
        }[passing]

    @classmethod
    def every(cls, delay: timedelta) -> "Delays":
        """The same short delay for every status; registration at once."""
        return cls(timedelta(0), *[delay] * 7)


@dataclass(frozen=True, slots=True)
class Pace:
    """How a running job gets on.

    Attributes:
        tasks_per_second: Tasks that end in a second of the clock.
        failing_share: The share of them that fail, from 0 to 1.
    """

    tasks_per_second: float = 100.0
    failing_share: float = 0.0
