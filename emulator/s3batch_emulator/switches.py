"""One switch for each question about S3 that its documentation leaves open, and how long things take.

A test suite that passes under every setting does not depend on a guess.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from s3batch_emulator.errors import Vocabulary
from s3batch_emulator.lifecycle import JobStatus


class ManifestKind(Enum):
    """How a job gets the list of its objects."""

    CSV = "S3BatchOperations_CSV_20180820"
    INVENTORY = "S3InventoryReport_CSV_20161130"
    GENERATED = "ManifestGenerator"


@dataclass(frozen=True, slots=True)
class Switches:
    """The behavior that the documentation leaves open. Defaults are as recorded, otherwise the more likely reading.

    Attributes:
        suspended_event: A JobStatusChanged event is emitted when a job becomes Suspended.
        total_known_at_suspended: The kinds of manifests whose TotalNumberOfTasks is filled when
            the job is Suspended. For the others it is filled when they become Ready.
        unknown_total_as_zero: TotalNumberOfTasks is 0 rather than absent while it is unknown.
        reason_survives: StatusUpdateReason stays on the job through later statuses.
        ready_while_preparing: Ready is accepted in New and Preparing, as a confirmation given
            in advance, rather than refused with JobStatusException.
        suspension_remembered: SuspendedDate and SuspendedCause stay after the job has left Suspended.
            So a running job with a SuspendedDate has been confirmed.
        omitted_confirmation_waits: A job that was created without ConfirmationRequired waits for confirmation, as
            aws-sdk-go-v2 #1814 and #1822 report; the User Guide says that only jobs of the console do.
        confirmation_shown: DescribeJob returns ConfirmationRequired as it was in the CreateJob request.
            No recorded response has it.
        omitted_confirmation_shown: DescribeJob returns ConfirmationRequired true for a job created
            without it.
        untagged_lacks_tags: GetJobTagging of a job without tags returns no `Tags` at all, rather than an empty list.
        cause_in_capitals: SuspendedCause is AWAITING_CONFIRMATION, as IAM's condition key is
            documented, rather than AwaitingConfirmation, as recorded.
        termination_listed: ListJobs returns the TerminationDate of jobs that have ended. Not recorded.
        timers_listed: ListJobs returns ProgressSummary.Timers. Not recorded.
        newest_first: ListJobs begins with the latest job, as recorded; else with the oldest.
        vocabulary: Whether a missing job is a NotFoundException or a NoSuchJobException, throttling
            a TooManyRequestsException or SlowDown, and a bad request a BadRequestException or
            InvalidRequest.
        error_namespace: The XML document of an error has S3 Control's namespace. Not recorded.
        bare_errors: The document of an error is an Error, rather than an ErrorResponse with an Error inside.
    """

    suspended_event: bool = True
    total_known_at_suspended: frozenset[ManifestKind] = frozenset(ManifestKind)
    unknown_total_as_zero: bool = False
    reason_survives: bool = True
    ready_while_preparing: bool = False
    suspension_remembered: bool = True
    omitted_confirmation_waits: bool = True
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
    """How long a job stays in each status that it leaves by itself.

    Attributes:
        registered: How long after CreateJob the job is not found (User Guide,
            Troubleshooting: "before the job is fully registered").
        new: Before S3 starts to read the manifest.
        preparing: While S3 reads the manifest.
        ready: Before the first task, if a slot is free.
        pausing: Until a preempted job has stopped.
        completing: Until the report of a finished job is written.
        cancelling: Until a cancelled job that was running has stopped.
        failing: Until a job that can't continue has stopped.
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
        """The delay of a status between Active and the end, or Paused."""
        return {
            JobStatus.PAUSING: self.pausing,
            JobStatus.COMPLETING: self.completing,
            JobStatus.CANCELLING: self.cancelling,
            JobStatus.FAILING: self.failing,
        }[passing]

    @classmethod
    def every(cls, delay: timedelta) -> "Delays":
        """The same delay for every status, and immediate registration."""
        return cls(timedelta(0), *[delay] * 7)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the tasks of a running job end, and how many of them fail.

    Attributes:
        tasks_per_second: Tasks that end in one second of the clock.
        failing_share: The share of these tasks that fail, from 0 to 1.
    """

    tasks_per_second: float = 100.0
    failing_share: float = 0.0
