"""What happened to a recorded job, as far as S3's last description of it shows."""

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from batchgate.jobs.model import AsksForConfirmation, DateSurvives, Job, JobStatus
from batchgate.policy.evaluate import SUSPENDED_FOR_AT_MOST
from batchgate_cli.replay.course import End
from batchgate_cli.replay.reasons import DecidedBy, read_reason
from batchgate_cli.replay.recording import RecordedJob

_FAILED_BY_WAITING: Final = SUSPENDED_FOR_AT_MOST - timedelta(hours=12)
"""S3 fails a job after 30 days of waiting; how exactly it counts them is not documented."""


class Happened(Struct, frozen=True):
    """A job's real end.

    Attributes:
        end: How far it came.
        by: Who decided it, by the reason on the job; UNKNOWN where that is not known, or nobody has.
        at: When it was decided; None where S3 does not keep that.
        at_latest: If `at` is not known: an instant at which it certainly had been; None if that is not known either.
        reason: The reason on the job; the ledger's, where that is what is known.
        why_unknown: Why the end is not known; "" where it is.
    """

    end: End
    by: DecidedBy = DecidedBy.UNKNOWN
    at: datetime | None = None
    at_latest: datetime | None = None
    reason: str = ""
    why_unknown: str = ""


class Start(Struct, frozen=True):
    """Where a replay of a recorded job begins.

    Attributes:
        job: As S3 described it when it began to wait, as far as that is known.
        at: When that was.
        is_exact: Whether S3 says since when it waited; else it is its creation, before which it did not.
    """

    job: Job
    at: datetime
    is_exact: bool


def waited(job: Job, survives: DateSurvives) -> AsksForConfirmation:
    """Whether a recorded job waited for confirmation: its description says it, or a reason that came with the update.

    A job that has run, and has a reason, was confirmed: running jobs are updated only to cancel them.
    """
    asks = job.asks_for_confirmation(date_survives=survives)
    confirmed = job.has_run and bool(job.status_update_reason) and job.status not in _CANCELLED
    return AsksForConfirmation.YES if confirmed and asks is AsksForConfirmation.UNKNOWN else asks


def start_of(job: Job, asks: AsksForConfirmation) -> Start | None:
    """The job when it began to wait; of one that did not wait, when it was created. None where no date is known."""
    created, suspended = job.creation_time, job.suspended_date
    if suspended is not None and created is not None and created - suspended >= timedelta(seconds=1):
        suspended = None  # as 1970
    at = suspended or created
    if at is None:
        return None
    waits = asks is AsksForConfirmation.YES
    shown = replace(
        job,
        status=JobStatus.SUSPENDED if waits else JobStatus.READY,
        status_update_reason=None,
        tasks_ended=0,
        suspended_date=at if waits else None,
    )
    return Start(shown, at, suspended is not None)


_CANCELLED: Final = (JobStatus.CANCELLING, JobStatus.CANCELLED)
_FAILED: Final = (JobStatus.FAILING, JobStatus.FAILED)


def happened(recorded: RecordedJob, asks: AsksForConfirmation) -> Happened:
    """How a recorded job ended.

    Args:
        recorded: The job.
        asks: Whether it waited for confirmation.
    """
    job = recorded.job
    reason = job.status_update_reason or ""
    if job.status.before_suspended:
        return Happened(End.PREPARING)
    if job.status is JobStatus.UNRECOGNIZED:
        return Happened(End.UNKNOWN, why_unknown="it has a status that this version does not know")
    if asks is AsksForConfirmation.UNKNOWN:
        why = "S3 does not report whether the job waited for confirmation"
        return Happened(End.UNKNOWN, reason=reason, why_unknown=why)
    if asks is AsksForConfirmation.NO:
        return Happened(End.UNGATED, reason=reason)
    if job.status is JobStatus.SUSPENDED:
        return Happened(End.HELD)
    gates = read_reason(reason)
    by = gates.by if gates else DecidedBy.OTHERS
    if job.has_run or (gates is not None and gates.approved):
        is_own = gates is not None and gates.approved
        overwritten = job.status in _CANCELLED and not is_own
        return Happened(
            End.APPROVED,
            DecidedBy.UNKNOWN if overwritten else by,
            at_latest=_began(recorded),
            reason=reason,
        )
    if job.status in _CANCELLED:
        return Happened(
            End.EXPIRED if gates is not None and gates.expired else End.CANCELLED, by, at=recorded.ended, reason=reason
        )
    if job.status in _FAILED and not reason and _waited_too_long(recorded):
        return Happened(End.HELD, DecidedBy.S3, at=recorded.ended)
    return Happened(End.UNKNOWN, reason=reason, why_unknown="it failed, and S3 does not report whether it was approved")


def _began(recorded: RecordedJob) -> datetime | None:
    """When it began to run at the latest: it was Active for so long before it ended."""
    if recorded.ended is None or recorded.active_seconds is None:
        return recorded.ended or recorded.recorded_at
    return recorded.ended - timedelta(seconds=recorded.active_seconds)


def _waited_too_long(recorded: RecordedJob) -> bool:
    since = recorded.job.suspended_date
    return since is not None and recorded.ended is not None and recorded.ended - since >= _FAILED_BY_WAITING
