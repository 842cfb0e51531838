"""The life cycle of a job, as one table: a status and a cause give the next status.

What is not in the table does not happen. UpdateJobStatus looks here too: a request
without a line answers JobStatusException.

Sources: **UG** is the S3 User Guide, "Tracking job status and completion reports"
(batch-ops-job-status); **CLI** is the AWS CLI reference, `s3control update-job-status`,
examples. `inferred` lines follow from these but are written nowhere.
"""

from dataclasses import dataclass
from enum import Enum


class JobStatus(Enum):
    """S3's words for where a job is. Source: API reference, JobDescriptor, Status."""

    ACTIVE = "Active"
    CANCELLED = "Cancelled"
    CANCELLING = "Cancelling"
    COMPLETE = "Complete"
    COMPLETING = "Completing"
    FAILED = "Failed"
    FAILING = "Failing"
    NEW = "New"
    PAUSED = "Paused"
    PAUSING = "Pausing"
    PREPARING = "Preparing"
    READY = "Ready"
    SUSPENDED = "Suspended"


class Cause(Enum):
    """Why a job changes its status."""

    MANIFEST_TAKEN_UP = "S3 begins with the manifest"
    PREPARED = "S3 is done with the manifest and nobody has to confirm"
    CONFIRMATION_NEEDED = "S3 is done with the manifest and somebody has to confirm"
    MANIFEST_UNREADABLE = "S3 can't read the manifest"
    CONFIRMED = "UpdateJobStatus asked for Ready"
    CANCEL_ASKED = "UpdateJobStatus asked for Cancelled"
    CONFIRMATION_LATE = "nobody confirmed for 30 days"
    STARTED = "S3 begins with the tasks"
    PRIORITY_TAKEN = "a job of higher priority came"
    PRIORITY_FREE = "no job of higher priority is in the way any more"
    TASKS_DONE = "every task has ended"
    TOO_MANY_FAILED = "more than half of at least 1,000 tasks failed"
    STOPPED = "the passing status is over"


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of the life cycle.

    Attributes:
        before: The status that a job must have.
        cause: What happens to it.
        after: The status that it then has.
        source: Where this is written, or what it is inferred from.
        inferred: It is written nowhere.
    """

    before: JobStatus
    cause: Cause
    after: JobStatus
    source: str
    inferred: bool = False


_S = JobStatus
_C = Cause

TRANSITIONS: tuple[Transition, ...] = (
    Transition(_S.NEW, _C.MANIFEST_TAKEN_UP, _S.PREPARING, "UG, New"),
    Transition(_S.PREPARING, _C.PREPARED, _S.READY, "UG, Preparing"),
    Transition(_S.PREPARING, _C.CONFIRMATION_NEEDED, _S.SUSPENDED, "UG, Preparing"),
    Transition(_S.PREPARING, _C.MANIFEST_UNREADABLE, _S.FAILING, "UG, Tracking job failures"),
    Transition(_S.SUSPENDED, _C.CONFIRMED, _S.READY, "UG, Suspended; CLI"),
    Transition(_S.SUSPENDED, _C.CANCEL_ASKED, _S.CANCELLED, "CLI"),
    Transition(_S.SUSPENDED, _C.CONFIRMATION_LATE, _S.FAILED, "UG, Suspended: fails after 30 days"),
    Transition(_S.READY, _C.STARTED, _S.ACTIVE, "UG, Ready"),
    Transition(_S.ACTIVE, _C.PRIORITY_TAKEN, _S.PAUSING, "UG, Pausing and Paused"),
    Transition(_S.ACTIVE, _C.TASKS_DONE, _S.COMPLETING, "UG, Active and Completing"),
    Transition(_S.ACTIVE, _C.TOO_MANY_FAILED, _S.FAILING, "UG, Tracking job failures"),
    Transition(_S.ACTIVE, _C.CANCEL_ASKED, _S.CANCELLING, "CLI"),
    Transition(_S.PAUSING, _C.STOPPED, _S.PAUSED, "UG, Pausing"),
    Transition(_S.PAUSED, _C.PRIORITY_FREE, _S.ACTIVE, "UG, Paused"),
    Transition(_S.COMPLETING, _C.STOPPED, _S.COMPLETE, "UG, Completing"),
    Transition(_S.CANCELLING, _C.STOPPED, _S.CANCELLED, "UG, Cancelling"),
    Transition(_S.FAILING, _C.STOPPED, _S.FAILED, "UG, Failing"),
    Transition(_S.NEW, _C.CANCEL_ASKED, _S.CANCELLED, "nothing runs that would have to stop", inferred=True),
    Transition(_S.PREPARING, _C.CANCEL_ASKED, _S.CANCELLED, "nothing runs that would have to stop", inferred=True),
    Transition(_S.READY, _C.CANCEL_ASKED, _S.CANCELLED, "nothing runs that would have to stop", inferred=True),
    Transition(_S.PAUSED, _C.CANCEL_ASKED, _S.CANCELLED, "nothing runs that would have to stop", inferred=True),
    Transition(_S.PAUSING, _C.CANCEL_ASKED, _S.CANCELLING, "tasks may still run, as when Active", inferred=True),
)
"""Every change of status that can happen."""

NEXT: dict[tuple[JobStatus, Cause], JobStatus] = {(line.before, line.cause): line.after for line in TRANSITIONS}
"""The same table, for looking up."""

TERMINAL = frozenset({JobStatus.COMPLETE, JobStatus.CANCELLED, JobStatus.FAILED})
"""The statuses that a job never leaves. Source: UG, Complete, Cancelled and Failed."""

OCCUPYING = frozenset(
    {JobStatus.ACTIVE, JobStatus.PAUSING, JobStatus.COMPLETING, JobStatus.CANCELLING, JobStatus.FAILING}
)
"""The statuses in which a job that has begun keeps its place among the running ones."""
