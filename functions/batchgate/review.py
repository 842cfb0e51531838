"""One job, start to end."""

from batchgate.carry_out import Seen, act, finish, hold, review_of
from batchgate.errors import JobNotFoundError, LedgerConflictError
from batchgate.jobs.model import Job, JobRef, JobStatus
from batchgate.policy.decide import Decision, decide
from batchgate.policy.facts import NOT_READ, gather_facts
from batchgate.policy.policy_set import PolicySet, Verdict
from batchgate.ports import Gate, JobLook, Review
from batchgate.protocol import Step, contradiction, leave_unconfirmed, next_step, settle_gone
from batchgate.state import Direction, State

TRIES_ON_CONFLICT = 3


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
        return finish(step, state, Seen(ref, JobStatus.UNRECOGNISED), gate)
    job = look.job
    step = next_step(state, job, gate.clock.now(), cancel_unconfirmed=policies.cancel_unconfirmed)
    if step is Step.JUDGE:
        return _judge(state, look, policies, gate)
    return finish(step, state, Seen.of(job), gate, alarm=contradiction(state, job))


# --- Judging ----------------------------------------------------------------------------------------


def _judge(state: State | None, look: JobLook, policies: PolicySet, gate: Gate) -> Review:
    size = gate.manifests.size(look.job) if policies.asks_for("manifest.bytes") else NOT_READ
    decision = decide(policies, gather_facts(look.job, gate.clock.now(), tags=look.tags, manifest_bytes=size))
    direction = _direction(decision, look.job)
    if direction is None:
        if not look.job.asks_for_confirmation:
            return _leave_unconfirmed(state, look.job, gate)
        if decision.verdict is Verdict.WAIT:
            return review_of(decision, look.job, gate, "waiting")
        return hold(state, decision, look.job, gate)
    if state is not None and state.possibly_sent not in (None, direction):
        opposite = f"the verdict is now {decision.verdict}, but an earlier {state.direction} may have been sent"
        return hold(state, decision, look.job, gate, alarm=opposite)
    return act(state, decision, direction, look, gate)


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
    seen = Seen.of(job)
    return finish(leave_unconfirmed(state, job, gate.clock.now()), state, seen, gate)
