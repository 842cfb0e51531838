"""The protocol's table: the next step, from a job's state and S3's description of the job.

Pure, so that every row is tested by itself.
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
"""How far a review's clock may be from S3's: the margin of a lease."""

_DATE_IS_EXACT_TO = timedelta(seconds=1)
"""*Source*: RFC 9110, Date."""

GONE_AFTER = timedelta(days=1)
"""A job that S3 still does not know this long after it was first seen may be gone."""

MISSING_FOR = timedelta(minutes=10)
"""For how long S3 must return NoSuchJob before that can be final."""

CONTRADICTED_FOR = timedelta(minutes=5)
"""How long after a job was settled S3 must still report Suspended before the settlement is doubted.

No response is that old.
"""

_RUNS = frozenset({JobStatus.READY, JobStatus.ACTIVE, JobStatus.PAUSING, JobStatus.PAUSED})
_FINISHES = frozenset({JobStatus.COMPLETING, JobStatus.COMPLETE})
_IS_CANCELLED = frozenset({JobStatus.CANCELLING, JobStatus.CANCELLED})
_FAILS = frozenset({JobStatus.FAILING, JobStatus.FAILED})


class Step(Enum):
    """What a review, or the owner of a claim, does next if it does not settle the job."""

    WAIT = auto()
    """S3 is not ready for a decision. Nothing is written."""
    EVALUATE = auto()
    """The policies decide."""
    CLAIMED = auto()
    """Another review has claimed the job. Nothing is written."""
    NOT_SHOWN = auto()
    """S3 does not show the job now; it may later."""
    REVIEW_LATER = auto()
    """The job runs, and a cancellation by the gate may still take effect: review it when that is no longer possible."""
    NOTHING = auto()
    """There is nothing to do, now or later."""
    ANNOUNCE = auto()
    """The job is settled and not announced yet."""
    WITHDRAW = auto()
    """The owner's update certainly had no effect, and the job can still be decided: the claim becomes a hold."""
    KEEP_CLAIM = auto()
    """It is not known whether the owner's update had an effect: the claim is kept until its lease ends."""


class Missing(Struct, frozen=True):
    """S3 does not show the job: describe it again later, and check whether S3 lists it.

    Attributes:
        since: When S3 first returned NoSuchJob.
        listing_decides: S3 has returned it for long enough: the job is gone unless S3 lists it.
    """

    since: datetime
    listing_decides: bool


class Settle(Struct, frozen=True):
    """The job is decided or has ended, and the ledger does not have that yet.

    Attributes:
        requested_action: The gate's update that was applied; None for none.
        after_hold: An update took effect after the gate had decided to hold: an alarm.
        maybe_approved: An approval by the gate may have been applied, although S3's description does not show it. What
            it uses of budgets stays reserved.
    """

    outcome: Outcome
    requested_action: RequestedAction | None = None
    unattributed: bool = False
    after_hold: bool = False
    maybe_approved: bool = False


NextStep: TypeAlias = Step | Settle


def asks_for_confirmation(state: State | None, job: Job, survives: DateSurvives) -> AsksForConfirmation:
    """Whether a job asks for confirmation, according to S3's description and the ledger."""
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
        state: The job's state; None if the ledger has none.
        job: S3's description.
        now: Aware instant, not after S3 was asked: an update that can no longer arrive then shows in S3's response.
        cancel_ungated: Whether a job that certainly does not ask for confirmation may be cancelled.
        survives: Whether a job that was confirmed still has its SuspendedDate.
    """
    if state is not None and state.phase is Phase.SETTLED:
        return Step.ANNOUNCE if state.announced_at is None else Step.NOTHING
    if state is not None and state.lease_is_live(now):
        return Step.CLAIMED
    status, asks = job.status, asks_for_confirmation(state, job, survives)
    is_ungated = asks is AsksForConfirmation.NO
    if is_ungated and cancel_ungated and (status.before_suspended or status in _RUNS):
        return Step.EVALUATE
    if status is JobStatus.SUSPENDED:
        return Step.EVALUATE
    if status.before_suspended or status is JobStatus.UNRECOGNIZED:
        return Step.NOTHING if is_ungated else Step.WAIT
    return _moved_on(state, job, now, asks)


def step_of_ungated(state: State | None, job: Job, now: datetime) -> NextStep:
    """The step for a job that does not ask for confirmation and that no policy cancels."""
    return Step.NOTHING if job.status.before_suspended else _moved_on(state, job, now, AsksForConfirmation.NO)


def is_open_again(state: State, job: Job, now: datetime) -> bool:
    """Whether a settled end is doubted, because S3 has said Suspended for a while after it.

    Only an announced end is opened again, and only where no update of the gate's was applied or may have been sent:
    whatever is decided now is the first decision.
    """
    return may_reopen(state, job) and state.decided_at is not None and now - state.decided_at >= CONTRADICTED_FOR


def may_reopen(state: State, job: Job) -> bool:
    """The same for a person's decision, which need not wait."""
    return (
        state.phase is Phase.SETTLED
        and job.status is JobStatus.SUSPENDED
        and state.announced_at is not None
        and state.outcome is not Outcome.APPLIED
        and not state.maybe_sent
    )


def reopened(state: State) -> State:
    """A settled job as one that is still to be decided. The time that it was held before does not count."""
    return replace(
        state,
        phase=Phase.HELD,
        outcome=None,
        requested_action=None,
        unattributed=False,
        decided_at=None,
        announced_at=None,
        first_held_at=None,
        held_for_known=timedelta(0),
        known_at=None,
        needs_review_before_expiry=False,
        evaluated="",
        ungated=False,
    )


def _moved_on(state: State | None, job: Job, now: datetime, asks: AsksForConfirmation) -> NextStep:
    """The step for a job that has left Suspended, or that never was Suspended."""
    if state is not None:
        return _end(state, job, now, asks)
    if asks is AsksForConfirmation.YES:
        return Settle(Outcome.SUPERSEDED) if job.status in _RUNS or job.status in _FINISHES else Step.NOTHING
    return Settle(_without_us(job, asks)) if job.has_run else Step.NOTHING


def _end(state: State, job: Job, now: datetime, asks: AsksForConfirmation) -> NextStep:
    """The step for a job that the gate held or claimed, and that has left Suspended."""
    if is_ours(state, job):
        return Settle(Outcome.APPLIED, state.requested_action, after_hold=state.phase is Phase.HELD)
    if not job.status_update_reason and _moved_as(job.status) is state.possibly_sent is not None:
        return Settle(Outcome.APPLIED, state.requested_action, unattributed=True)
    if job.status in _RUNS and state.possibly_sent is RequestedAction.CANCEL and now < arrives_until(state, now):
        return Step.REVIEW_LATER
    return Settle(_without_us(job, asks), maybe_approved=maybe_approved(state, job))


def _without_us(job: Job, asks: AsksForConfirmation) -> Outcome:
    """The end of a job to which no update of the gate's was applied."""
    match asks:
        case AsksForConfirmation.NO:
            return Outcome.UNGATED
        case AsksForConfirmation.UNKNOWN:
            return Outcome.UNGATED_OR_CONFIRMED_ELSEWHERE
        case _:
            return Outcome.LAPSED if job.status in _FAILS else Outcome.SUPERSEDED


def maybe_approved(state: State, job: Job | None = None, *, sent: bool = True) -> bool:
    """Whether an approval of the gate's may have been applied to a job that has ended otherwise.

    It was not if the job runs or has finished: S3 confirms a job once, and the reason is that of whoever did. A job
    that was cancelled, failed or is gone may have run before.

    Args:
        state: The job's state.
        job: S3's description; None where S3 does not know the job.
        sent: Whether any update may have had an effect.
    """
    shows_who = job is not None and job.status in _RUNS | _FINISHES
    return sent and state.possibly_sent is RequestedAction.APPROVE and not shows_who


def is_ours(state: State, job: Job) -> bool:
    """Whether the reason on the job carries this job's claim."""
    return state.requested_action is not None and _carries_claim(state, job)


def _carries_claim(state: State, job: Job) -> bool:
    return state.claim_id is not None and f"claim {state.claim_id}]" in (job.status_update_reason or "")


def contradiction(state: State | None, job: Job) -> str:
    """How S3 contradicts a settled end, for an alarm; "" where it does not."""
    if state is None or state.phase is not Phase.SETTLED:
        return ""
    if job.status is JobStatus.SUSPENDED:
        return f"settled as {state.outcome}, and S3 says Suspended"
    cancelled_by_us = job.status in _IS_CANCELLED and _carries_claim(state, job)
    if cancelled_by_us and (state.outcome, state.requested_action) != (Outcome.APPLIED, RequestedAction.CANCEL):
        return f"settled as {state.outcome}, and a cancellation of the gate took effect later"
    return ""


def _moved_as(status: JobStatus) -> RequestedAction | None:
    if status in _RUNS or status in _FINISHES:
        return RequestedAction.APPROVE
    return RequestedAction.CANCEL if status in _IS_CANCELLED else None


def arrives_until(state: State, now: datetime) -> datetime:
    """Until when an update that may have been sent can still take effect; from now on where no lease is known."""
    is_known = state.lease_until is not None and state.lease_until - now <= LEASE_AT_MOST
    return (state.lease_until if is_known and state.lease_until else now) + SIGNATURE_LIVES


def clocks_apart(date: datetime, asked_at: datetime, answered_at: datetime) -> timedelta:
    """How far the gate's clock is ahead of S3's, at least; negative where it is behind.

    S3 wrote `date` between the two instants, somewhere within its second, so the time that the call took is no
    difference.

    Args:
        date: Of S3's response.
        asked_at: By the gate's clock, before S3 was asked.
        answered_at: By the same clock, when the response was there.
    """
    ahead, behind = asked_at - (date + _DATE_IS_EXACT_TO), answered_at - date
    return ahead if ahead > timedelta(0) else min(behind, timedelta(0))


def find_missing(state: State | None, now: datetime) -> Step | Missing:
    """The step for a job that S3 does not know: it is too new, not shown for a while, or gone.

    S3 knew a job once that is in the ledger. The job is gone when S3 has not known it for `MISSING_FOR`, a day after
    it was first seen, and does not list it either.
    """
    if state is None:
        return Step.NOT_SHOWN
    if state.phase is Phase.SETTLED:
        return Step.ANNOUNCE if state.announced_at is None else Step.NOTHING
    if state.lease_is_live(now):
        return Step.CLAIMED
    known_since = state.created_at or state.first_held_at or state.lease_until
    if known_since is None or now - known_since <= GONE_AFTER:
        return Step.NOT_SHOWN
    since = state.missing_since or now
    return Missing(since, listing_decides=now - since >= MISSING_FOR)


def conclude_unclear(state: State, job: Job, survives: DateSurvives = DateSurvives.UNKNOWN) -> NextStep:
    """The step of a live claim's owner after an update whose effect is not known, by S3's description of the job.

    Only what is certain is settled. Otherwise the claim is left to its lease.
    """
    ended = job.status in _FINISHES | _IS_CANCELLED | _FAILS
    refused_for_good = job.status in _RUNS and state.requested_action is RequestedAction.APPROVE
    if is_ours(state, job) or ended or refused_for_good:
        return _end_for_owner(state, job, asks_for_confirmation(state, job, survives), sent=True)
    return Step.KEEP_CLAIM


def conclude_refused(state: State, job: Job, survives: DateSurvives = DateSurvives.UNKNOWN) -> NextStep:
    """The step of a live claim's owner after an update that surely had no effect, by S3's description of the job.

    The claim is also withdrawn while the job runs and an earlier cancellation may still take effect, and where it
    runs without having asked for confirmation and is still to be cancelled.
    """
    asks = asks_for_confirmation(state, job, survives)
    if is_ours(state, job) or job.status in _FINISHES | _IS_CANCELLED | _FAILS:
        return _end_for_owner(state, job, asks, sent=state.maybe_sent)
    may_come = state.maybe_sent and state.requested_action is RequestedAction.CANCEL
    if job.status in _RUNS and asks is not AsksForConfirmation.NO and not may_come:
        return _end_for_owner(state, job, asks, sent=state.maybe_sent)
    return Step.WITHDRAW


def _end_for_owner(state: State, job: Job, asks: AsksForConfirmation, *, sent: bool) -> Settle:
    if is_ours(state, job):
        return Settle(Outcome.APPLIED, state.requested_action)
    if sent and not job.status_update_reason and _moved_as(job.status) is state.requested_action:
        return Settle(Outcome.APPLIED, state.requested_action, unattributed=True)
    return Settle(_without_us(job, asks), maybe_approved=maybe_approved(state, job, sent=sent))
