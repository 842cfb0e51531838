"""Carrying a decision out: hold, claim, send, settle, announce.

The order of effects is what makes it safe: the claim is written before the update is sent, the
settlement after S3 answered, and whoever finds a claim whose owner is gone judges afresh.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from batchgate.errors import (
    JobNotFoundError,
    JobsApiDeniedError,
    JobsApiThrottledError,
    UpdateRefusedError,
    UpdateUnclearError,
)
from batchgate.jobs.model import Job, JobRef, JobStatus
from batchgate.policy.decide import SUSPENDED_FOR_AT_MOST, Decision
from batchgate.policy.policy_set import Verdict
from batchgate.policy.reason import status_update_reason
from batchgate.ports import Gate, JobLook, Review
from batchgate.protocol import NextStep, Settle, Step, conclude_refused, conclude_unclear
from batchgate.state import Direction, Outcome, Phase, State

FACTS_STAY_FRESH = timedelta(seconds=5)
"""How old the facts may be when the update they justify is sent."""

UPDATE_TAKES_AT_MOST = timedelta(seconds=5)
"""The longest that one UpdateJobStatus is waited for."""

LEASE_MARGIN = timedelta(seconds=30)
LOOK_AGAIN_AFTER = timedelta(minutes=15)


def hold(state: State | None, decision: Decision, job: Job, gate: Gate, *, alarm: str = "") -> Review:
    """Write a hold with when to look again, tell of it, and keep it in the history if it is news."""
    now = gate.clock.now()
    reason = f"batchgate: held, {alarm} [policy {decision.policy_version}]" if alarm else status_update_reason(decision)
    ends = job.suspended_date + SUSPENDED_FOR_AT_MOST if job.suspended_date else None
    held = State(
        ref=job.ref,
        rev=state.rev if state else 0,
        phase=Phase.HELD,
        verdict=str(Verdict.HOLD),
        reason=reason,
        decided_by=decision.policy_version,
        policy_version=decision.policy_version,
        due_at=min(each for each in (decision.until, now + LOOK_AGAIN_AFTER, ends) if each is not None),
        first_held_at=(state.first_held_at if state else None) or now,
        claim_id=state.claim_id if state else None,
        attempt=state.attempt if state else 0,
        direction=state.direction if state else None,
        maybe_sent=state is not None and (state.maybe_sent or state.phase is Phase.CLAIMED),
        lease_until=state.lease_until if state else None,
    )
    gate.ledger.write(held, replacing=state)
    review = review_of(decision, job, gate, "held", alarm=alarm, reason=reason)
    if state is None or (state.phase, state.reason) != (Phase.HELD, reason):
        gate.ledger.record_review(review)
    gate.announcer.announce(review)
    return review


# --- Acting -----------------------------------------------------------------------------------------


def act(state: State | None, decision: Decision, direction: Direction, look: JobLook, gate: Gate) -> Review:
    """Claim the job, ask S3 for what the verdict asks, and settle what S3 is known to have done.

    Raises:
        JobsApiError: The update surely had no effect and the claim was given back, or nothing is
            known and the claim is left to its lease.
        LedgerConflictError: Somebody else wrote first; nothing was sent.
    """
    claim = _claim(state, decision, direction, look.job, gate)
    review = review_of(decision, look.job, gate, _DONE[direction], reason=claim.reason, claim=claim)
    gate.ledger.record_review(review)
    try:
        if not _may_send(claim, decision, look, gate.clock.now()):
            return _withdraw(claim, review, gate, "the facts or the lease grew too old before the update was sent")
        gate.jobs.update_status(look.job.ref, direction.requested_status, claim.reason)
    except JobsApiThrottledError:
        _withdraw(claim, review, gate, "S3 is throttling")
        raise
    except (UpdateRefusedError, JobsApiDeniedError, JobNotFoundError) as refusal:
        return _after_refusal(claim, review, gate, refusal)
    except UpdateUnclearError:
        return _after_unclear(claim, review, gate)
    return _settle(claim, Settle(Outcome.APPLIED, direction), review, gate, claim.reason)


_DONE = {Direction.APPROVE: "approved", Direction.CANCEL: "cancelled"}


def _claim(state: State | None, decision: Decision, direction: Direction, job: Job, gate: Gate) -> State:
    claim_id = (state.claim_id if state else None) or gate.new_claim_id()
    lease_until = gate.deadline + UPDATE_TAKES_AT_MOST + LEASE_MARGIN
    claim = State(
        ref=job.ref,
        rev=state.rev if state else 0,
        phase=Phase.CLAIMED,
        verdict=str(decision.verdict),
        reason=status_update_reason(decision, claim_id),
        decided_by=decision.policy_version,
        policy_version=decision.policy_version,
        due_at=lease_until,
        first_held_at=state.first_held_at if state else None,
        claim_id=claim_id,
        attempt=(state.attempt if state else 0) + 1,
        direction=direction,
        maybe_sent=state is not None and (state.maybe_sent or state.phase is Phase.CLAIMED),
        lease_until=lease_until,
    )
    return gate.ledger.claim(claim, replacing=state)


def _may_send(claim: State, decision: Decision, look: JobLook, now: datetime) -> bool:
    """Facts, lease and window still hold when the update can have arrived at the latest."""
    ends = min(each for each in (claim.lease_until, decision.valid_until) if each is not None)
    return now - look.read_at <= FACTS_STAY_FRESH and now + UPDATE_TAKES_AT_MOST < ends


def _withdraw(claim: State, review: Review, gate: Gate, why: str) -> Review:
    """Give the claim back: it was surely not carried out. Due at once."""
    now = gate.clock.now()
    withdrawn = replace(
        claim,
        phase=Phase.HELD,
        verdict=str(Verdict.HOLD),
        first_held_at=claim.first_held_at or now,
        due_at=now,
        direction=claim.direction if claim.maybe_sent else None,
    )
    gate.ledger.write(withdrawn, replacing=claim)
    held = replace(review, at=now, action="held", alarm="", reason=f"batchgate: held, {why}; due again at once")
    gate.announcer.announce(held)
    return held


def _after_refusal(claim: State, review: Review, gate: Gate, refusal: Exception) -> Review:
    job = gate.jobs.describe(claim.ref)
    step = conclude_refused(claim, job)
    if isinstance(step, Settle):
        return _settle(claim, step, replace(review, status=job.status), gate, job.status_update_reason)
    _withdraw(claim, review, gate, "S3 refused the update")
    raise refusal


def _after_unclear(claim: State, review: Review, gate: Gate) -> Review:
    """Only certainty is settled; otherwise the claim stays to its lease and is judged afresh then."""
    job = gate.jobs.describe(claim.ref)
    step = conclude_unclear(claim, job)
    if isinstance(step, Settle):
        return _settle(claim, step, replace(review, status=job.status), gate, job.status_update_reason)
    left = replace(review, at=gate.clock.now(), action="left", reason=claim.reason)
    gate.announcer.announce(left)
    return left


# --- Ends -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """What little of a job an end needs."""

    ref: JobRef
    status: JobStatus
    operation: str = ""
    total_tasks: int | None = None
    reason_on_job: str | None = None

    @classmethod
    def of(cls, job: Job) -> Self:
        """What DescribeJob answered."""
        return cls(job.ref, job.status, job.operation or "", job.total_tasks, job.status_update_reason)


_QUIET = {Step.WAIT: "waiting", Step.LEAVE: "left", Step.NOTHING: "nothing"}


def finish(step: NextStep, state: State | None, seen: Seen, gate: Gate, *, alarm: str = "") -> Review:
    """Carry out a step of the table that needs no judging.

    Args:
        step: Anything but Step.JUDGE.
        state: The gate's truth.
        seen: What S3 says.
        gate: The ports.
        alarm: What a person must hear of, whatever the step is.
    """
    review = Review(
        ref=seen.ref,
        at=gate.clock.now(),
        action="nothing",
        status=seen.status,
        operation=seen.operation,
        total_tasks=seen.total_tasks,
        reason=state.reason if state else "",
        decided_by=state.decided_by if state else "",
        policy_version=state.policy_version if state else "",
        claim_id=(state.claim_id or "") if state else "",
    )
    if isinstance(step, Settle):
        return _settle(state, step, review, gate, seen.reason_on_job)
    if step is Step.ANNOUNCE and state is not None:
        return _announce(state, replace(review, action=_action(state), alarm=alarm), gate)
    review = replace(review, action=_QUIET.get(step, "nothing"), alarm=alarm)
    if alarm:
        gate.announcer.announce(review)
    return review


def _settle(state: State | None, end: Settle, review: Review, gate: Gate, reason_on_job: str | None) -> Review:
    """Write the end, which is final, and tell of it with the reason that is on the job."""
    if end.outcome is Outcome.APPLIED:
        review = replace(review, reason=reason_on_job or review.reason)
    else:
        review = replace(review, reason=reason_on_job or "", verdict="", decided_by="")
    now = gate.clock.now()
    before = state or State(
        ref=review.ref,
        rev=0,
        phase=Phase.HELD,
        verdict="",
        reason="",
        decided_by="",
        policy_version=review.policy_version,
        due_at=now,
    )
    settled = replace(
        before,
        phase=Phase.SETTLED,
        outcome=end.outcome,
        verdict=str(end.direction or ""),
        direction=end.direction,
        unattributed=end.unattributed,
        due_at=now,
    )
    settled = gate.ledger.write(settled, replacing=state)
    alarm = "an update took effect after the gate had decided to hold" if end.after_hold else ""
    return _announce(settled, replace(review, action=_action(settled), alarm=alarm), gate)


def _announce(settled: State, review: Review, gate: Gate) -> Review:
    told = replace(review, at=gate.clock.now(), unattributed=settled.unattributed, attempt=settled.attempt)
    gate.announcer.announce(told)
    gate.ledger.write(replace(settled, announced_at=told.at, due_at=None), replacing=settled)
    return told


def _action(settled: State) -> str:
    if settled.outcome is Outcome.APPLIED and settled.direction is not None:
        return _DONE[settled.direction]
    return str(settled.outcome or "nothing")


def review_of(
    decision: Decision,
    job: Job,
    gate: Gate,
    action: str,
    *,
    reason: str = "",
    alarm: str = "",
    claim: State | None = None,
) -> Review:
    """A decision as the review that is told of."""
    return Review(
        ref=job.ref,
        at=gate.clock.now(),
        action=action,
        status=job.status,
        verdict=str(decision.verdict),
        until=decision.until,
        reason=reason or status_update_reason(decision),
        decided_by=decision.policy_version,
        policy_version=decision.policy_version,
        claim_id=(claim.claim_id or "") if claim else "",
        attempt=claim.attempt if claim else 0,
        operation=job.operation or "",
        total_tasks=job.total_tasks,
        alarm=alarm,
    )
