"""The life cycle of a job, as one table: a status and a cause give the next status.

Nothing that is not in the table happens. UpdateJobStatus uses it too: a request that
is not in it returns JobStatusException.

Sources: **UG** is the S3 User Guide, "Tracking job status and completion reports"
(batch-ops-job-status); **CLI** is the AWS CLI reference, `s3control update-job-status`,
examples. `inferred` lines follow from these, but are not documented.
"""

from dataclasses import dataclass
from enum import Enum


class JobStatus(Enum):
    """The statuses of a job. Source: API reference, JobDescriptor, Status."""

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

    READING_STARTED = "S3 starts to read the manifest"
    PREPARED = "the manifest is read, and no confirmation is required"
    CONFIRMATION_NEEDED = "the manifest is read, and confirmation is required"
    MANIFEST_UNREADABLE = "S3 can't read the manifest"
    CONFIRMED = "UpdateJobStatus requested Ready"
    CANCEL_REQUESTED = "UpdateJobStatus requested Cancelled"
    CONFIRMATION_TIMED_OUT = "the job was not confirmed for 30 days"
    STARTED = "S3 starts to run tasks"
    PREEMPTED = "a job of higher priority is waiting"
    RESUMED = "no job of higher priority needs its slot"
    TASKS_DONE = "all tasks have ended"
    TOO_MANY_FAILED = "more than half of at least 1,000 tasks failed"
    DELAY_PASSED = "the delay of the status has passed"


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of the life cycle.

    Attributes:
        before: The status of the job before.
        cause: Why it changes.
        after: The status of the job after.
        source: Where this is documented, or what it is inferred from.
        inferred: It is not documented.
    """

    before: JobStatus
    cause: Cause
    after: JobStatus
    source: str
    inferred: bool = False


_S = JobStatus
_C = Cause

TRANSITIONS: tuple[Transition, ...] = (
    Transition(_S.NEW, _C.READING_STARTED, _S.PREPARING, "UG, New"),
    Transition(_S.PREPARING, _C.PREPARED, _S.READY, "UG, Preparing"),
    Transition(_S.PREPARING, _C.CONFIRMATION_NEEDED, _S.SUSPENDED, "UG, Preparing"),
    Transition(_S.PREPARING, _C.MANIFEST_UNREADABLE, _S.FAILING, "UG, Tracking job failures"),
    Transition(_S.SUSPENDED, _C.CONFIRMED, _S.READY, "UG, Suspended; CLI"),
    Transition(_S.SUSPENDED, _C.CANCEL_REQUESTED, _S.CANCELLED, "CLI"),
    Transition(_S.SUSPENDED, _C.CONFIRMATION_TIMED_OUT, _S.FAILED, "UG, Suspended: fails after 30 days"),
    Transition(_S.READY, _C.STARTED, _S.ACTIVE, "UG, Ready"),
    Transition(_S.ACTIVE, _C.PREEMPTED, _S.PAUSING, "UG, Pausing and Paused"),
    Transition(_S.ACTIVE, _C.TASKS_DONE, _S.COMPLETING, "UG, Active and Completing"),
    Transition(_S.ACTIVE, _C.TOO_MANY_FAILED, _S.FAILING, "UG, Tracking job failures"),
    Transition(_S.ACTIVE, _C.CANCEL_REQUESTED, _S.CANCELLING, "CLI"),
    Transition(_S.PAUSING, _C.DELAY_PASSED, _S.PAUSED, "UG, Pausing"),
    Transition(_S.PAUSED, _C.RESUMED, _S.ACTIVE, "UG, Paused"),
    Transition(_S.COMPLETING, _C.DELAY_PASSED, _S.COMPLETE, "UG, Completing"),
    Transition(_S.CANCELLING, _C.DELAY_PASSED, _S.CANCELLED, "UG, Cancelling"),
    Transition(_S.FAILING, _C.DELAY_PASSED, _S.FAILED, "UG, Failing"),
    Transition(_S.NEW, _C.CANCEL_REQUESTED, _S.CANCELLED, "no task is running that would have to stop", inferred=True),
    Transition(
        _S.PREPARING, _C.CANCEL_REQUESTED, _S.CANCELLED, "no task is running that would have to stop", inferred=True
    ),
    Transition(
        _S.READY, _C.CANCEL_REQUESTED, _S.CANCELLED, "no task is running that would have to stop", inferred=True
    ),
    Transition(
        _S.PAUSED, _C.CANCEL_REQUESTED, _S.CANCELLED, "no task is running that would have to stop", inferred=True
    ),
    Transition(_S.PAUSING, _C.CANCEL_REQUESTED, _S.CANCELLING, "tasks may still run, as when Active", inferred=True),
)
"""Every change of status that can happen."""

NEXT: dict[tuple[JobStatus, Cause], JobStatus] = {(line.before, line.cause): line.after for line in TRANSITIONS}
"""The same table, as a mapping."""

TERMINAL = frozenset({JobStatus.COMPLETE, JobStatus.CANCELLED, JobStatus.FAILED})
"""The statuses that a job never leaves. Source: UG, Complete, Cancelled and Failed."""

OCCUPYING = frozenset(
    {JobStatus.ACTIVE, JobStatus.PAUSING, JobStatus.COMPLETING, JobStatus.CANCELLING, JobStatus.FAILING}
)
"""The statuses in which a job occupies one of the running slots."""
