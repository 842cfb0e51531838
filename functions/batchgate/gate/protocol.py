"""The protocol's table: what the gate's truth and S3's answer together call for.

Pure: no effect is here, and every row can be tested by itself.
"""

from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from batchgate.gate.state import LEASE_AT_MOST, Outcome, Phase, RequestedAction, State
from batchgate.jobs.model import AsksForConfirmation, DateSurvives, Job, JobStatus

SIGNATURE_LIVES = timedelta(minutes=15)
"""S3 refuses a request whose signature is older, so a lost update takes effect within this or never.

Source: AWS Signature Version 4, request expiration (*inferred* for this call).
"""

CLOCKS_APART_AT_MOST = timedelta(seconds=30)
"""How far a review's clock may be from S3's: as far as a lease's margin allows for."""

_DATE_IS_EXACT_TO = timedelta(seconds=1)
"""*Source*: RFC 9110, Date."""

GONE_AFTER = timedelta(days=1)
"""A job that S3 does not know so long after it was heard of may be gone."""

MISSING_FOR = timedelta(minutes=10)
"""How long S3 must have said that it does not know a job before that can be final."""

CONTRADICTED_FOR = timedelta(minutes=5)
"""How long after a job's end was settled S3 must say Suspended before that end is doubted: no answer is so old."""

_RUNS = frozenset({JobStatus.READY, JobStatus.ACTIVE, JobStatus.PAUSING, JobStatus.PAUSED})
_FINISHES = frozenset({JobStatus.COMPLETING, JobStatus.COMPLETE})
_IS_CANCELLED = frozenset({JobStatus.CANCELLING, JobStatus.CANCELLED})
_FAILS = frozenset({JobStatus.FAILING, JobStatus.FAILED})


class Step(Enum):
    """What a review does, where it is not the settling of an end."""

    WAIT = auto()
    """S3 is not ready for a decision; nothing is written."""
    EVALUATE = auto()
    """The policies decide."""
    LEAVE = auto()
    """Another review owns the job, or S3 does not know it just now."""
    LOOK_AGAIN = auto()
    """The job runs, and a cancel of ours may still arrive: look again when it no longer can."""
    NOTHING = auto()
    """There is nothing to do, now or later."""
    ANNOUNCE = auto()
    """The end is settled and was not announced yet."""


class Missing(Struct, frozen=True):
    """S3 does not know the job: ask again, and see whether it lists it.

    Attributes:
        since: When it said so first.
        listing_decides: It has said so for long enough: the job is gone unless S3 lists it.
    """

    since: datetime
    listing_decides: bool


class Settle(Struct, frozen=True):
    """The job has come to an end that the ledger does not know yet.

    Attributes:
        direction: What was applied; None where nothing of ours was.
        after_hold: An update took effect after the gate had decided to hold: an alarm.
    """

    outcome: Outcome
    direction: RequestedAction | None = None
    unattributed: bool = False
    after_hold: bool = False


NextStep: TypeAlias = Step | Settle


def asks_for_confirmation(state: State | None, job: Job, survives: DateSurvives) -> AsksForConfirmation:
    """Whether a job asks for confirmation, by all that S3 and the ledger say of it."""
    return job.asks_for_confirmation(
        known_to_ask=state is not None and state.is_of_one_that_asks, date_survives=survives
    )


def next_step(
    state: State | None,
    job: Job,
    now: datetime,
    *,
    cancel_ungated: bool,
    survives: DateSurvives = DateSurvives.UNKNOWN,
) -> NextStep:
    """Read the table.

    Args:
        state: The gate's truth; None where it never wrote about the job.
        job: S3's answer.
        now: Aware instant, not after S3 was asked: what can no longer arrive then is seen in the answer.
        cancel_ungated: Whether a job that surely does not ask for confirmation may be cancelled.
        survives: Whether a job that was confirmed still has its SuspendedDate.
    """
    if state is not None and state.phase is Phase.SETTLED:
        return Step.ANNOUNCE if state.announced_at is None else Step.NOTHING
    if state is not None and state.lease_is_live(now):
        return Step.LEAVE
    status, asks = job.status, asks_for_confirmation(state, job, survives)
    is_ungated = asks is AsksForConfirmation.NO
    if is_ungated and cancel_ungated and (status.before_suspended or status in _RUNS):
        return Step.EVALUATE
    if status is JobStatus.SUSPENDED:
        return Step.EVALUATE
    if status.before_suspended or status is JobStatus.UNRECOGNISED:
        return Step.NOTHING if is_ungated else Step.WAIT
    return _moved_on(state, job, now, asks)


def leave_ungated(state: State | None, job: Job, now: datetime) -> NextStep:
    """What to do about a job that does not ask for confirmation, and that nothing forbids."""
    return Step.NOTHING if job.status.before_suspended else _moved_on(state, job, now, AsksForConfirmation.NO)


def is_open_again(state: State, job: Job, now: datetime) -> bool:
    """Whether a settled end is doubted, because S3 says Suspended all the same, and has for a while.

    Only an end that was announced, and in which nothing of the gate's was applied or may have been sent: whatever
    is decided now is the first decision.
    """
    return may_reopen(state, job) and state.decided_at is not None and now - state.decided_at >= CONTRADICTED_FOR


def may_reopen(state: State, job: Job) -> bool:
    """The same for a person, who need not wait."""
    return (
        state.phase is Phase.SETTLED
        and job.status is JobStatus.SUSPENDED
        and state.announced_at is not None
        and state.outcome is not Outcome.APPLIED
        and not state.maybe_sent
    )


def reopened(state: State) -> State:
    """A settled job as one that is still to be decided; how long it was held before counts no more."""
    return replace(
        state,
        phase=Phase.HELD,
        outcome=None,
        direction=None,
        unattributed=False,
        decided_at=None,
        announced_at=None,
        first_held_at=None,
        held_for_known=timedelta(0),
        known_at=None,
        owes_chance=False,
        evaluated="",
        ungated=False,
    )


def _moved_on(state: State | None, job: Job, now: datetime, asks: AsksForConfirmation) -> NextStep:
    """What to do about a job that S3 has moved beyond Suspended, or that never came there."""
    if state is not None:
        return _end(state, job, now, asks)
    if asks is AsksForConfirmation.YES:
        return Settle(Outcome.SUPERSEDED) if job.status in _RUNS or job.status in _FINISHES else Step.NOTHING
    return Settle(_without_us(job, asks)) if job.has_run else Step.NOTHING


def _end(state: State, job: Job, now: datetime, asks: AsksForConfirmation) -> NextStep:
    """What has become of a job that the gate held or claimed, and that S3 has moved on."""
    if is_ours(state, job):
        return Settle(Outcome.APPLIED, state.direction, after_hold=state.phase is Phase.HELD)
    if not job.status_update_reason and _moved_as(job.status) is state.possibly_sent is not None:
        return Settle(Outcome.APPLIED, state.direction, unattributed=True)
    if job.status in _RUNS and state.possibly_sent is RequestedAction.CANCEL and now < arrives_until(state, now):
        return Step.LOOK_AGAIN
    return Settle(_without_us(job, asks))


def _without_us(job: Job, asks: AsksForConfirmation) -> Outcome:
    """The end of a job to which nothing of the gate's was applied."""
    match asks:
        case AsksForConfirmation.NO:
            return Outcome.UNGATED
        case AsksForConfirmation.UNKNOWN:
            return Outcome.UNGATED_OR_CONFIRMED_ELSEWHERE
        case _:
            return Outcome.LAPSED if job.status in _FAILS else Outcome.SUPERSEDED


def is_ours(state: State, job: Job) -> bool:
    """Whether the reason on the job carries this job's claim."""
    return state.direction is not None and _carries_claim(state, job)


def _carries_claim(state: State, job: Job) -> bool:
    return state.claim_id is not None and f"claim {state.claim_id}]" in (job.status_update_reason or "")


def contradiction(state: State | None, job: Job) -> str:
    """What S3 says against a settled end, for an alarm; "" where it does not."""
    if state is None or state.phase is not Phase.SETTLED:
        return ""
    if job.status is JobStatus.SUSPENDED:
        return f"settled as {state.outcome}, and S3 says Suspended"
    cancelled_by_us = job.status in _IS_CANCELLED and _carries_claim(state, job)
    if cancelled_by_us and (state.outcome, state.direction) != (Outcome.APPLIED, RequestedAction.CANCEL):
        return f"settled as {state.outcome}, and a cancellation of the gate took effect later"
    return ""


def _moved_as(status: JobStatus) -> RequestedAction | None:
    if status in _RUNS or status in _FINISHES:
        return RequestedAction.APPROVE
    return RequestedAction.CANCEL if status in _IS_CANCELLED else None


def arrives_until(state: State, now: datetime) -> datetime:
    """Until when an update that may have been sent can still take effect; a while yet where no lease is known."""
    is_known = state.lease_until is not None and state.lease_until - now <= LEASE_AT_MOST
    return (state.lease_until if is_known and state.lease_until else now) + SIGNATURE_LIVES


def clocks_apart(date: datetime, asked_at: datetime, answered_at: datetime) -> timedelta:
    """How far one's clock is ahead of S3's at least; negative where it is behind.

    S3 wrote `date` between the two instants, somewhere within its second: how long the call took is no difference.

    Args:
        date: Of S3's answer.
        asked_at: By one's own clock, before S3 was asked.
        answered_at: By the same, when the answer was there.
    """
    ahead, behind = asked_at - (date + _DATE_IS_EXACT_TO), answered_at - date
    return ahead if ahead > timedelta(0) else min(behind, timedelta(0))


def find_missing(state: State | None, now: datetime) -> Step | Missing:
    """What to do about a job that S3 does not know: too new, hidden for a while, or gone.

    A job that the gate wrote about was known once. It is gone when S3 has not known it for minutes, a day after it was
    heard of, and does not list it either.
    """
    if state is None:
        return Step.WAIT
    if state.phase is Phase.SETTLED:
        return Step.ANNOUNCE if state.announced_at is None else Step.NOTHING
    if state.lease_is_live(now):
        return Step.LEAVE
    known_since = state.created_at or state.first_held_at or state.lease_until
    if known_since is None or now - known_since <= GONE_AFTER:
        return Step.LEAVE
    since = state.missing_since or now
    return Missing(since, listing_decides=now - since >= MISSING_FOR)


def conclude_unclear(state: State, job: Job, survives: DateSurvives = DateSurvives.UNKNOWN) -> NextStep:
    """What the owner of a live claim makes of S3's answer after an update of unknown effect.

    Only what is certain is settled; everything else is left to the lease.
    """
    ended = job.status in _FINISHES | _IS_CANCELLED | _FAILS
    refused_for_good = job.status in _RUNS and state.direction is RequestedAction.APPROVE
    if is_ours(state, job) or ended or refused_for_good:
        return _end_for_owner(state, job, asks_for_confirmation(state, job, survives), sent=True)
    return Step.LEAVE


def conclude_refused(state: State, job: Job, survives: DateSurvives = DateSurvives.UNKNOWN) -> NextStep:
    """What the owner makes of S3's answer after an update that surely had no effect.

    Step.EVALUATE stands for: not at its end yet, withdraw the claim. So does a job that runs while an
    earlier cancel may still arrive, and one that runs unasked and that is still to be cancelled.
    """
    asks = asks_for_confirmation(state, job, survives)
    if is_ours(state, job) or job.status in _FINISHES | _IS_CANCELLED | _FAILS:
        return _end_for_owner(state, job, asks, sent=state.maybe_sent)
    may_come = state.maybe_sent and state.direction is RequestedAction.CANCEL
    if job.status in _RUNS and asks is not AsksForConfirmation.NO and not may_come:
        return _end_for_owner(state, job, asks, sent=state.maybe_sent)
    return Step.EVALUATE


def _end_for_owner(state: State, job: Job, asks: AsksForConfirmation, *, sent: bool) -> Settle:
    if is_ours(state, job):
        return Settle(Outcome.APPLIED, state.direction)
    if sent and not job.status_update_reason and _moved_as(job.status) is state.direction:
        return Settle(Outcome.APPLIED, state.direction, unattributed=True)
    return Settle(_without_us(job, asks))
