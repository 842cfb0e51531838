"""One job, start to end: read, judge, claim, send, settle, announce.

The order of effects is what makes it safe: the claim is written before the update is sent, the
settlement after S3 answered, and whoever finds a claim whose owner is gone judges afresh.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from batchgate.errors import (
    JobNotFoundError,
    JobsApiDeniedError,
    JobsApiThrottledError,
    LedgerConflictError,
    UpdateRefusedError,
    UpdateUnclearError,
)
from batchgate.jobs.model import Job, JobRef, JobStatus
from batchgate.policy.decide import SUSPENDED_FOR_AT_MOST, Decision, decide
from batchgate.policy.facts import gather_facts
from batchgate.policy.policy_set import PolicySet, Verdict
from batchgate.policy.reason import status_update_reason
from batchgate.ports import (
    Announcer,
    Clock,
    DecisionLedger,
    JobLook,
    JobsApi,
    NewId,
    PolicySource,
    Review,
)
from batchgate.protocol import (
    NextStep,
    Settle,
    Step,
    conclude_refused,
    conclude_unclear,
    leave_unconfirmed,
    next_step,
    settle_gone,
)
from batchgate.state import Direction, Outcome, Phase, State

FACTS_STAY_FRESH = timedelta(seconds=5)
"""How old the facts may be when the update they justify is sent."""

UPDATE_TAKES_AT_MOST = timedelta(seconds=5)
"""The longest that one UpdateJobStatus is waited for."""

LEASE_MARGIN = timedelta(seconds=30)
LOOK_AGAIN_AFTER = timedelta(minutes=15)
TRIES_ON_CONFLICT = 3


@dataclass(frozen=True, slots=True)
class Gate:
    """The ports of one invocation.

    Attributes:
        deadline: When this invocation is ended at the latest, finished or not.
    """

    jobs: JobsApi
    policies: PolicySource
    ledger: DecisionLedger
    announcer: Announcer
    clock: Clock
    new_claim_id: NewId
    deadline: datetime


def review_job(ref: JobRef, gate: Gate) -> Review:
    """Review one job as the protocol says, and tell what came of it.

    Raises:
        JobNotFoundError: S3 knows no such job; it may be too new.
        BatchgateError: Own trouble; nothing was decided by it.
        LedgerConflictError: Others wrote about this job all the while.
    """
    for _ in range(TRIES_ON_CONFLICT - 1):
        try:
            return _review_once(ref, gate)
        except LedgerConflictError:
            continue  # the loser starts again from what the winner wrote
    return _review_once(ref, gate)


def _review_once(ref: JobRef, gate: Gate) -> Review:
    state = gate.ledger.read(ref)
    policies = gate.policies.current()
    try:
        look = gate.jobs.look(ref, with_tags=policies.asks_for("tags"))
    except JobNotFoundError:
        step = settle_gone(state, gate.clock.now())
        if state is None or step is Step.LEAVE:
            raise
        return _finish(step, state, _Seen(ref, JobStatus.UNRECOGNISED), gate)
    job = look.job
    step = next_step(state, job, gate.clock.now(), cancel_unconfirmed=policies.cancel_unconfirmed)
    if step is Step.JUDGE:
        return _judge(state, look, policies, gate)
    return _finish(step, state, _Seen(ref, job.status, job.operation or "", job.total_tasks), gate)


# --- Judging ----------------------------------------------------------------------------------------


def _judge(state: State | None, look: JobLook, policies: PolicySet, gate: Gate) -> Review:
    decision = decide(policies, gather_facts(look.job, gate.clock.now(), tags=look.tags))
    direction = _direction(decision, look.job)
    if direction is None:
        if not look.job.asks_for_confirmation:
            return _leave_unconfirmed(state, look.job, gate)
        if decision.verdict is Verdict.WAIT:
            return _review_of(decision, look.job, gate, "waiting")
        return _hold(state, decision, look.job, gate)
    if state is not None and state.possibly_sent not in (None, direction):
        opposite = f"the verdict is now {decision.verdict}, but an earlier {state.direction} may have been sent"
        return _hold(state, decision, look.job, gate, alarm=opposite)
    return _act(state, decision, direction, look, gate)


def _direction(decision: Decision, job: Job) -> Direction | None:
    """What the verdict asks S3 for; a job that did not ask for confirmation can only be cancelled."""
    match decision.verdict:
        case Verdict.APPROVE if job.asks_for_confirmation:
            return Direction.APPROVE
        case Verdict.CANCEL if job.asks_for_confirmation or decision.by_violation:
            return Direction.CANCEL
        case _:
            return None


def _leave_unconfirmed(state: State | None, job: Job, gate: Gate) -> Review:
    """A job that runs without asking, and that nothing is known to forbid."""
    seen = _Seen(job.ref, job.status, job.operation or "", job.total_tasks)
    return _finish(leave_unconfirmed(state, job, gate.clock.now()), state, seen, gate)


def _hold(state: State | None, decision: Decision, job: Job, gate: Gate, *, alarm: str = "") -> Review:
    now = gate.clock.now()
    reason = status_update_reason(decision)
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
    review = _review_of(decision, job, gate, "held", alarm=alarm, reason=reason)
    if state is None or (state.phase, state.reason) != (Phase.HELD, reason):
        gate.ledger.record_review(review)
    gate.announcer.announce(review)
    return review


# --- Acting -----------------------------------------------------------------------------------------


def _act(state: State | None, decision: Decision, direction: Direction, look: JobLook, gate: Gate) -> Review:
    claim = _claim(state, decision, direction, look.job, gate)
    review = _review_of(decision, look.job, gate, _DONE[direction], reason=claim.reason, claim=claim)
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
    return _settle(claim, Settle(Outcome.APPLIED, direction), review, gate)


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
    step = conclude_refused(claim, gate.jobs.describe(claim.ref))
    if isinstance(step, Settle):
        return _settle(claim, step, review, gate)
    _withdraw(claim, review, gate, "S3 refused the update")
    raise refusal


def _after_unclear(claim: State, review: Review, gate: Gate) -> Review:
    """Only certainty is settled; otherwise the claim stays to its lease and is judged afresh then."""
    step = conclude_unclear(claim, gate.jobs.describe(claim.ref))
    if isinstance(step, Settle):
        return _settle(claim, step, review, gate)
    left = replace(review, at=gate.clock.now(), action="left", reason=claim.reason)
    gate.announcer.announce(left)
    return left


# --- Ends -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seen:
    """What little of a job an end needs."""

    ref: JobRef
    status: JobStatus
    operation: str = ""
    total_tasks: int | None = None


_QUIET = {Step.WAIT: "waiting", Step.LEAVE: "left", Step.NOTHING: "nothing"}


def _finish(step: NextStep, state: State | None, seen: _Seen, gate: Gate) -> Review:
    """Carry out a step of the table that needs no judging."""
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
        return _settle(state, step, review, gate)
    if step is Step.ANNOUNCE and state is not None:
        return _announce(state, replace(review, action=_action(state)), gate)
    return replace(review, action=_QUIET.get(step, "nothing"))


def _settle(state: State | None, end: Settle, review: Review, gate: Gate) -> Review:
    """Write the end; settled is final."""
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


def _review_of(
    decision: Decision,
    job: Job,
    gate: Gate,
    action: str,
    *,
    reason: str = "",
    alarm: str = "",
    claim: State | None = None,
) -> Review:
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
