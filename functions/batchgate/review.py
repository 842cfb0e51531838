"""One job, start to end."""

from collections.abc import Callable
from datetime import timedelta

from batchgate.carry_out import Intent, Seen, act, by_policy, finish, hold, review_of
from batchgate.errors import (
    BrakeError,
    GatePausedError,
    JobNotFoundError,
    LedgerConflictError,
    PolicyUnavailableError,
    RefusedError,
)
from batchgate.held_time import HeldTime
from batchgate.jobs.model import Job, JobRef, JobStatus
from batchgate.policy.decide import Decision, decide
from batchgate.policy.evidence import digest_of, evidence_of
from batchgate.policy.facts import NOT_READ, Gap, gather_facts
from batchgate.policy.policy_set import PolicySet, Verdict
from batchgate.policy.reason import personal_reason
from batchgate.ports import Gate, JobLook, Review
from batchgate.protocol import NextStep, Step, contradiction, leave_unconfirmed, next_step, settle_gone
from batchgate.state import Block, Direction, Outcome, Phase, State

TRIES_ON_CONFLICT = 3

OLD_ENOUGH_TO_LOOK_AGAIN = timedelta(seconds=1)
"""Asking for the manifest may take long; describe and tags then come once more, and last."""

ONE_REVIEW_TAKES_AT_MOST = timedelta(seconds=15)
"""With less time left none is begun; one that takes longer is cut off, which the protocol survives."""


def review_job(ref: JobRef, gate: Gate) -> Review:
    """Review one job as the protocol says, and tell what came of it.

    Raises:
        JobNotFoundError: S3 knows no such job; it may be too new.
        BatchgateError: Own trouble; nothing was decided by it.
        LedgerConflictError: Others wrote about this job all the while.
    """
    return _until_nobody_else_writes(lambda: _review_once(ref, gate))


def _until_nobody_else_writes(review: Callable[[], Review]) -> Review:
    for _ in range(TRIES_ON_CONFLICT - 1):
        try:
            return review()
        except LedgerConflictError:
            continue  # the loser starts again from what the winner wrote
    return review()


def _review_once(ref: JobRef, gate: Gate) -> Review:
    state = gate.ledger.read(ref)
    policies, trouble = _policies(gate)
    try:
        look, size = _look(ref, state, policies, gate)
    except JobNotFoundError:
        step = settle_gone(state, gate.clock.now())
        if state is None or step is Step.LEAVE:
            raise
        return finish(step, state, Seen(ref, JobStatus.UNRECOGNISED), gate)
    step = _step(state, look, policies)
    if policies is None:
        is_settled = state is not None and state.phase is Phase.SETTLED
        if step is Step.JUDGE or not (look.job.asks_for_confirmation or is_settled):
            raise trouble
    elif step is Step.JUDGE:
        return _judge(state, look, size, policies, gate)
    return finish(step, state, Seen.of(look.job), gate, alarm=contradiction(state, look.job))


def _policies(gate: Gate) -> tuple[PolicySet | None, PolicyUnavailableError]:
    """What may decide, or None and why not: what somebody else has decided is settled and told all the same."""
    try:
        return gate.policies.current(), PolicyUnavailableError()
    except PolicyUnavailableError as error:
        return None, error


def _look(ref: JobRef, state: State | None, policies: PolicySet | None, gate: Gate) -> tuple[JobLook, int | Gap]:
    """The job, and the size of its manifest where the policies ask for it; what is slow is never the last."""
    with_tags = policies is not None and policies.asks_for("tags")
    look = gate.jobs.look(ref, with_tags=with_tags)
    if policies is None or not policies.asks_for("manifest.bytes") or _step(state, look, policies) is not Step.JUDGE:
        return look, NOT_READ
    size = gate.manifests.size(look.job)
    if gate.clock.now() - look.read_at > OLD_ENOUGH_TO_LOOK_AGAIN:
        look = gate.jobs.look(ref, with_tags=with_tags)
    return look, size


def _step(state: State | None, look: JobLook, policies: PolicySet | None) -> NextStep:
    cancels = policies is not None and policies.cancel_unconfirmed
    return next_step(state, look.job, look.read_at, cancel_unconfirmed=cancels)


# --- Judging ----------------------------------------------------------------------------------------


def _judge(state: State | None, look: JobLook, size: int | Gap, policies: PolicySet, gate: Gate) -> Review:
    job = look.job
    decision = _decide(policies, look, size, gate)
    held = _held_time(state, decision)
    expires_after = policies.cancel_held_after if job.asks_for_confirmation else None
    expired = expires_after is not None and held.may_end and held.counted >= expires_after
    direction = Direction.CANCEL if expired else _direction(decision, job)
    block = _block(state, direction, job, gate)
    if not job.asks_for_confirmation and (direction is None or block in (Block.ADOPTION, Block.OTHER_HAND)):
        return finish(leave_unconfirmed(state, job, look.read_at), state, Seen.of(job), gate)
    if decision.verdict is Verdict.WAIT:
        return review_of(decision, job, gate, "waiting")
    if direction is not None and block is None:
        intent = by_policy(decision, direction, job, gate, expired=policies.cancel_held_after if expired else None)
        try:
            return act(state, intent, look, gate)
        except GatePausedError:
            block = Block.PAUSED
        except BrakeError:
            block = Block.BRAKE
    return hold(state, decision, job, gate, held=held, ends_after=expires_after, block=block)


def _decide(policies: PolicySet, look: JobLook, size: int | Gap, gate: Gate) -> Decision:
    return decide(policies, gather_facts(look.job, gate.clock.now(), tags=look.tags, manifest_bytes=size))


def _direction(decision: Decision, job: Job) -> Direction | None:
    """What the verdict asks S3 for; a job that did not ask for confirmation can only be cancelled."""
    match decision.verdict:
        case Verdict.APPROVE if job.asks_for_confirmation:
            return Direction.APPROVE
        case Verdict.CANCEL if job.asks_for_confirmation or decision.by_violation:
            return Direction.CANCEL
        case _:
            return None


def _held_time(state: State | None, decision: Decision) -> HeldTime:
    """For how long the job was held for known reasons; what was held in shadow, or left to people, was not."""
    is_known = decision.verdict is Verdict.HOLD and decision.may_expire
    return HeldTime.at(decision.facts.now, state, is_known=is_known, until=decision.until)


def _block(state: State | None, direction: Direction | None, job: Job, gate: Gate) -> Block | None:
    """What keeps the gate from a direction, or from ever having one."""
    if direction is not None and state is not None and state.possibly_sent not in (None, direction):
        return Block.OTHER_HAND
    if gate.adopt_existing:
        return None
    older = job.creation_time is None or job.creation_time < gate.ledger.opened_at()
    return Block.ADOPTION if older else None


# --- A person ---------------------------------------------------------------------------------------


def decide_by_hand(ref: JobRef, direction: Direction, who: str, why: str, gate: Gate) -> Review:
    """Do what a person decided, by the same claim as everybody's; the policies' objections go on record.

    Args:
        ref: The job.
        direction: Approve or cancel.
        who: The caller's ARN.
        why: The reason given.
        gate: The ports; the deadline is this command's own. Policies that can't be had stop nobody.

    Returns:
        The review; its action says what came of it. `left` means that nobody can say yet.

    Raises:
        RefusedError: It can't be done, and why.
        BatchgateError: AWS's trouble; nothing is known to be done.
    """
    return _until_nobody_else_writes(lambda: _decide_by_hand_once(ref, direction, who, why, gate))


def _decide_by_hand_once(ref: JobRef, direction: Direction, who: str, why: str, gate: Gate) -> Review:
    state = gate.ledger.read(ref)
    policies, _ = _policies(gate)
    look, size = _look(ref, state, policies, gate)
    step = next_step(state, look.job, look.read_at, cancel_unconfirmed=direction is Direction.CANCEL)
    refusal = _refusal(state, step, direction, look.job)
    if refusal:
        raise RefusedError(f"{ref.job_id}: {refusal}")
    decision = _decide(policies, look, size, gate) if policies is not None else None
    try:
        return act(state, _by_hand(decision, direction, who, why, look, gate), look, gate)
    except GatePausedError as paused:
        raise RefusedError(f"{ref.job_id}: {paused}; `batchgate resume` ends that") from paused


def _by_hand(decision: Decision | None, direction: Direction, who: str, why: str, look: JobLook, gate: Gate) -> Intent:
    job, version = look.job, decision.policy_version if decision else ""
    review = Review(
        ref=job.ref,
        at=gate.clock.now(),
        action=direction.done,
        status=job.status,
        verdict=str(direction),
        decided_by=who,
        policy_version=version,
        governing=decision.governing_names if decision else (),
        operation=job.operation or "",
        total_tasks=job.total_tasks,
        suspended_at=job.suspended_date,
        evidence={"person": who, "why": why, "overridden": evidence_of(decision) if decision else None},
    )
    return Intent(
        direction=direction,
        verdict=str(direction),
        decided_by=who,
        policy_version=version,
        judged=digest_of(decision) if decision else "",
        valid_until=None,
        reason=lambda claim_id: personal_reason(direction.done, who, why, version, claim_id),
        review=review,
        brake=None,
    )


def _how_it_ended(state: State) -> str:
    at = f" at {state.decided_at:%Y-%m-%d %H:%M} UTC" if state.decided_at else ""
    match state.outcome, state.direction:
        case Outcome.APPLIED, Direction() as direction:
            by_policy = state.decided_by == state.policy_version
            by = f"by policy {state.decided_by}" if by_policy else f"by {state.decided_by or 'somebody'}"
            return f"this job was {direction.done} already{at}, {by}"
        case Outcome.LAPSED, _:
            return f"this job ended without a decision{at}"
        case _:
            return f"somebody decided this job already outside the gate{at}"


def _refusal(state: State | None, step: NextStep, direction: Direction, job: Job) -> str:
    """Why a person's decision can't be carried out; "" where it can."""
    if state is not None and state.phase is Phase.SETTLED:
        return _how_it_ended(state)
    if step is Step.LEAVE and state is not None:
        return f"a review has claimed it until {state.lease_until:%H:%M:%S} UTC; see then what came of it"
    if step is not Step.JUDGE:
        return f"S3 says {job.status}; only a Suspended job can be decided"
    if direction is Direction.APPROVE and not job.asks_for_confirmation:
        return "this job did not ask for confirmation: it runs by itself"
    if state is not None and state.possibly_sent not in (None, direction):
        return (
            f"an earlier {state.possibly_sent} may have been sent and may still take effect; "
            f"`batchgate jobs {state.possibly_sent}` can repeat it, the other way is S3's console's"
        )
    return ""
