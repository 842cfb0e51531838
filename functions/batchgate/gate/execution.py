"""The effects of a review, in the order that makes them safe.

A claim is written before its update is sent, and the outcome after S3 has answered. A review that finds a claim whose
lease has ended evaluates the job again. `transitions.py` computes what is written.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from msgspec.structs import replace

from batchgate.errors import (
    BudgetExceededError,
    JobNotFoundError,
    JobsApiDeniedError,
    JobsApiThrottledError,
    LedgerConflictError,
    OutOfTimeError,
    UpdateRefusedError,
    UpdateUnclearError,
)
from batchgate.gate import transitions
from batchgate.gate.held_time import HeldTime
from batchgate.gate.ports import JobSnapshot, Ports, Review
from batchgate.gate.protocol import NextStep, Settle, Step, conclude_refused, conclude_unclear
from batchgate.gate.state import Action, Block, Outcome, State
from batchgate.gate.transitions import UPDATE_TAKES_AT_MOST, Transition, UpdateRequest
from batchgate.jobs.model import Job, JobRef
from batchgate.policy.evaluate import Decision

LEASE_MARGIN = timedelta(seconds=30)
"""How much longer a lease lasts than an update that is sent as late as possible can take."""

TRIES_ON_CONFLICT = 3

T = TypeVar("T")


def retry_on_conflict(review: Callable[[], T], tries: int = TRIES_ON_CONFLICT) -> T:
    """Review or approve a job, and again if another call wrote first; it then starts from what the other one wrote.

    Raises:
        LedgerConflictError: Other calls wrote first each time.
    """
    for _ in range(tries - 1):
        try:
            return review()
        except LedgerConflictError:
            continue
    return review()


# --- Holding ------------------------------------------------------------------------------------------


def hold(
    state: State | None,
    decision: Decision,
    job: Job,
    ports: Ports,
    *,
    held_time: HeldTime,
    hold_limit: timedelta | None = None,
    block: Block | None = None,
) -> Review:
    """Write a hold; if it differs from the previous one, record and announce it. Arguments as `transitions.hold`."""
    held_job = transitions.hold(
        state,
        decision,
        job,
        now=ports.clock.now(),
        held_time=held_time,
        review_again_after=ports.review_again_after,
        hold_limit=hold_limit,
        block=block,
    )
    ports.ledger.write(held_job.state, replacing=state, review=held_job.review if held_job.is_recorded else None)
    if held_job.is_recorded:
        ports.announcer.announce(held_job.review)
    return held_job.review


# --- Updating -----------------------------------------------------------------------------------------


def apply_update(state: State | None, request: UpdateRequest, snapshot: JobSnapshot, ports: Ports) -> Review:
    """Claim the job, ask S3 for the update, and settle what S3 is known to have done.

    Raises:
        OutOfTimeError: Too little time is left; nothing was claimed.
        GatePausedError, CircuitBreakerError, BudgetExceededError: Nothing was claimed.
        JobsApiError: Either the update certainly had no effect and the claim was withdrawn, or its effect is not known
            and the claim stays until its lease ends.
        LedgerConflictError: Another review wrote first; nothing was sent.
    """
    if ports.clock.now() + UPDATE_TAKES_AT_MOST >= ports.deadline:
        raise OutOfTimeError(f"{snapshot.job.ref}: too little time is left in this invocation to decide the job")
    claim, review = _claim(state, request, snapshot.job, ports)
    try:
        if not transitions.may_send(claim, request, snapshot.read_at, ports.clock.now()):
            return _withdraw(claim, review, ports, "the facts or the lease grew too old before the update was sent")
        ports.jobs.update_status(claim.ref, request.requested_action.requested_status, claim.reason)
    except JobsApiThrottledError:
        _withdraw(claim, review, ports, "S3 is throttling")
        raise
    except (UpdateRefusedError, JobsApiDeniedError, JobNotFoundError) as refusal:
        return _after_refusal(claim, review, ports, refusal)
    except UpdateUnclearError:
        return _after_unclear(claim, review, ports)
    return _settle_own(claim, Settle(Outcome.APPLIED, request.requested_action), review, ports, claim.reason)


def _claim(state: State | None, request: UpdateRequest, job: Job, ports: Ports) -> tuple[State, Review]:
    claimed = transitions.claim(
        state,
        request,
        job,
        claim_id=(state.claim_id if state else None) or ports.new_claim_id(),
        lease_until=ports.deadline + UPDATE_TAKES_AT_MOST + LEASE_MARGIN,
    )
    if len(claimed.state.reservations) > transitions.RESERVATIONS_AT_MOST:
        raise BudgetExceededError(f"{job.ref}: it would reserve of {len(claimed.state.reservations)} budgets")
    claim = ports.ledger.claim(claimed.state, replacing=state, review=claimed.review, breaker=request.breaker)
    return claim, claimed.review


def _withdraw(claim: State, review: Review, ports: Ports, why: str) -> Review:
    def withdraw(claim: State) -> Transition:
        return transitions.withdraw(
            claim, review, why, now=ports.clock.now(), review_again_after=ports.review_again_after
        )

    _, withdrawn = _end_claim(claim, withdraw, ports)
    ports.announcer.announce(withdrawn)
    return withdrawn


def _end_claim(claim: State, end: Callable[[State], Transition], ports: Ports) -> tuple[State, Review]:
    """Write what ends a claim. People's approvals that were appended to it meanwhile are no conflict; they are kept.

    Raises:
        LedgerConflictError: Another review wrote first.
    """
    while True:
        ended = end(claim)
        try:
            return ports.ledger.write(ended.state, replacing=claim), ended.review
        except LedgerConflictError:
            found = ports.ledger.read(claim.ref)
            if found is None or not transitions.only_approvals_were_added(claim, found):
                raise
            claim = found


def _after_refusal(claim: State, review: Review, ports: Ports, refusal: Exception) -> Review:
    """Settle the job as S3 describes it; if it can still be decided, withdraw the claim."""
    job = ports.jobs.describe(claim.ref)
    step = conclude_refused(claim, job, ports.suspended_date_survives)
    if isinstance(step, Settle):
        return _settle_own(claim, step, replace(review, status=job.status), ports, job.status_update_reason)
    _withdraw(claim, review, ports, "S3 refused the update")
    raise refusal


def _after_unclear(claim: State, review: Review, ports: Ports) -> Review:
    """Settle the job if the outcome is certain. Otherwise it is evaluated again once the claim's lease has ended."""
    job = ports.jobs.describe(claim.ref)
    step = conclude_unclear(claim, job, ports.suspended_date_survives)
    if isinstance(step, Settle):
        return _settle_own(claim, step, replace(review, status=job.status), ports, job.status_update_reason)
    left = transitions.keep_claim(claim, review, ports.clock.now())
    ports.announcer.announce(left)
    return left


# --- Ends ---------------------------------------------------------------------------------------------

_ACTIONS = {
    Step.WAIT: Action.WAITING,
    Step.CLAIMED: Action.PENDING,
    Step.NOT_SHOWN: Action.PENDING,
    Step.REVIEW_LATER: Action.PENDING,
}


def finish(step: NextStep, state: State | None, seen: Job | JobRef, ports: Ports, *, alarm: str = "") -> Review:
    """Apply a step of the protocol's table that needs no evaluation.

    Args:
        step: Anything but Step.EVALUATE.
        state: The job's state; None if the ledger has none.
        seen: S3's description of the job; only its reference if S3 does not show it.
        ports: The ports.
        alarm: What to notify people of, whatever the step is; "" for nothing.
    """
    review = transitions.review_of_state(state, seen, ports.clock.now())
    if isinstance(step, Settle):
        return _settle(state, step, review, ports, seen.status_update_reason if isinstance(seen, Job) else None)
    if step is Step.ANNOUNCE and state is not None:
        return _announce(state, replace(review, action=transitions.settled_action(state), alarm=alarm), ports)
    if step is Step.REVIEW_LATER and state is not None:
        ports.ledger.write(transitions.review_later(state, review.at), replacing=state)
    review = replace(review, action=_ACTIONS.get(step, Action.NOTHING), alarm=alarm)
    if alarm:
        ports.announcer.announce(review)
    return review


def _settle(state: State | None, end: Settle, review: Review, ports: Ports, reason_on_job: str | None) -> Review:
    ended = transitions.settle(state, end, review, now=ports.clock.now(), reason_on_job=reason_on_job)
    return _announce(ports.ledger.write(ended.state, replacing=state), ended.review, ports)


def _settle_own(claim: State, end: Settle, review: Review, ports: Ports, reason_on_job: str | None) -> Review:
    """Settle a claim of this review's own."""

    def settle(claim: State) -> Transition:
        return transitions.settle(claim, end, review, now=ports.clock.now(), reason_on_job=reason_on_job)

    settled, ended = _end_claim(claim, settle, ports)
    return _announce(settled, ended, ports)


def _announce(settled: State, review: Review, ports: Ports) -> Review:
    announcement = transitions.announcement_of(settled, review, ports.clock.now())
    if ports.announcer.announce(announcement):
        ports.ledger.write(transitions.mark_announced(settled, announcement.at), replacing=settled)
    return announcement
