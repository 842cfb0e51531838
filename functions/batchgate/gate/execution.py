"""Carrying a decision out: hold, claim, send, settle, announce.

The order of effects is what makes it safe: the claim is written before the update is sent, the
settlement after S3 answered, and whoever finds a claim whose owner is gone evaluates afresh.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from batchgate.errors import (
    JobNotFoundError,
    JobsApiDeniedError,
    JobsApiThrottledError,
    OutOfTimeError,
    UpdateRefusedError,
    UpdateUnclearError,
)
from batchgate.gate.held_time import HeldTime
from batchgate.gate.ports import CircuitBreaker, Gate, JobSnapshot, Review
from batchgate.gate.protocol import (
    NextStep,
    Settle,
    Step,
    arrives_until,
    asks_for_confirmation,
    conclude_refused,
    conclude_unclear,
)
from batchgate.gate.state import Block, Outcome, Phase, RequestedAction, State
from batchgate.jobs.model import AsksForConfirmation, Job, JobRef, JobStatus
from batchgate.policy.compiled import Verdict
from batchgate.policy.evaluate import SUSPENDED_FOR_AT_MOST, Decision
from batchgate.policy.evidence import digest_of, evidence_of
from batchgate.policy.reason import status_update_reason

FACTS_STAY_FRESH = timedelta(seconds=5)
"""How old the facts may be when the update they justify is sent."""

UPDATE_TAKES_AT_MOST = timedelta(seconds=5)
"""The longest that one UpdateJobStatus is waited for."""

LEASE_MARGIN = timedelta(seconds=30)

ATTEMPTS_AT_ONCE = 2
"""After this many claims without effect a job waits: each claim to cancel counts for the circuit breaker."""

_ATTEMPTS_THAT_COUNT = 8

CIRCUIT_BREAKER_HOLDS_FOR_AT_MOST = timedelta(minutes=10)
"""How soon a job that the circuit breaker held is looked at again at the latest."""

_WORDS = {
    Block.PAUSED: "the gate is paused",
    Block.CIRCUIT_BREAKER: "too many cancellations in a short time; held until somebody decides, or there are fewer",
    Block.ADOPTION: "the job is older than the gate, which is configured to hold such jobs for people",
}
_ALARMING = frozenset({Block.CIRCUIT_BREAKER, Block.CONFLICTING_UPDATE})


def hold(
    state: State | None,
    decision: Decision,
    job: Job,
    gate: Gate,
    *,
    held: HeldTime,
    ends_after: timedelta | None = None,
    block: Block | None = None,
) -> Review:
    """Write a hold with when to look again; tell of it, and keep it in the history, if it is news.

    Args:
        state: The gate's truth so far.
        decision: What the policies say.
        job: S3's answer.
        gate: The ports.
        held: How long the job was held so far.
        ends_after: How long it may be held for known reasons; None where that does not end this hold.
        block: What makes it a hold whatever the policies say.
    """
    now = gate.clock.now()
    why = _why(block, state, decision)
    reason = f"batchgate: held, {why} [policy {decision.policy_version}]" if why else status_update_reason(decision)
    if block is not None:
        held = HeldTime.at(now, state, is_known=False, until=None)
    until, cancels_at = (None, None) if block else (decision.until, decision.cancels_at)
    left = ends_after - held.counted if ends_after is not None and held.counts_on else None
    ends = now + left if left is not None and left <= SUSPENDED_FOR_AT_MOST else None  # S3 fails the job before
    maybe_sent = state is not None and (state.maybe_sent or state.phase is Phase.CLAIMED)
    written = replace(
        _state_of(state, job, gate),
        phase=Phase.HELD,
        verdict=str(Verdict.HOLD),
        reason=reason,
        decided_by=state.decided_by if state and maybe_sent else decision.policy_version,
        policy_version=decision.policy_version,
        due_at=_due_at(now, gate, job, block, (until, cancels_at, decision.searched_until, ends)),
        first_held_at=(state.first_held_at if state else None) or now,
        held_for_known=held.counted,
        known_at=now if held.counts_on else None,
        owes_chance=held.owes_chance,
        maybe_sent=maybe_sent,
        until=until,
        cancels_at=cancels_at,
        block=block,
        shadow=decision.policies.shadow,
        evaluated=digest_of(decision),
        governing=decision.governing_names,
    )
    is_news = state is None or _gist(state) != _gist(written)
    written = replace(written, news_at=now if is_news else written.news_at)
    review = review_of(decision, job, gate, "held", reason=reason, state=written)
    review = replace(
        review,
        id=f"{job.ref.job_id}.{written.rev + 1}",  # as the write will make it
        until=until,
        cancels_at=cancels_at,
        alarm=why if block in _ALARMING else "",
        block=block or "",
    )
    gate.ledger.write(written, replacing=state, review=review if is_news else None)
    if is_news:
        gate.announcer.announce(review)
    return review


def _why(block: Block | None, state: State | None, decision: Decision) -> str:
    """Why the policies' own verdict is not what happens; "" where it is."""
    if block is Block.CONFLICTING_UPDATE and state is not None:
        return f"the verdict is now {decision.verdict}, but an earlier {state.direction} may have been sent"
    return _WORDS[block] if block is not None else ""


def _due_at(now: datetime, gate: Gate, job: Job, block: Block | None, others: Iterable[datetime | None]) -> datetime:
    """When to look again: soon enough anyway, and when something is known to change, S3 failing the job included."""
    again = (
        min(gate.look_again_after, CIRCUIT_BREAKER_HOLDS_FOR_AT_MOST)
        if block is Block.CIRCUIT_BREAKER
        else gate.look_again_after
    )
    fails = job.suspended_date + SUSPENDED_FOR_AT_MOST if job.suspended_date else None
    return min([now + again, *(each for each in (*others, fails) if each is not None and each > now)])


def _gist(state: State) -> tuple[object, ...]:
    """What makes a hold another one, worth a line in the history."""
    return state.phase, state.evaluated, state.block, state.shadow


# --- Acting -----------------------------------------------------------------------------------------


class UpdateRequest(Struct, frozen=True):
    """What somebody wants done to a job, and why.

    Attributes:
        direction: What to ask S3 for.
        verdict: Of the policies; a person's own direction where a person decides.
        decided_by: The policy version, or the person's ARN.
        policy_version: The policies in force; "" where a person decides without.
        evaluated: The digest of what was evaluated.
        valid_until: When a window closes that this rests on; None where none does.
        reason: The text for the job, made from its claim id.
        review: What the history and the announcement will say, but for the claim.
        breaker: On cancellations; None where a person decides.
    """

    direction: RequestedAction
    verdict: str
    decided_by: str
    policy_version: str
    evaluated: str
    valid_until: datetime | None
    reason: Callable[[str], str]
    review: Review
    breaker: CircuitBreaker | None


def by_policy(
    decision: Decision, direction: RequestedAction, job: Job, gate: Gate, *, expired: timedelta | None = None
) -> UpdateRequest:
    """What the policies want.

    Args:
        decision: The verdict.
        direction: What it asks S3 for.
        job: S3's answer.
        gate: The ports.
        expired: Where the job is cancelled because it was held for longer than this.
    """
    return UpdateRequest(
        direction=direction,
        verdict=str(direction) if expired else str(decision.verdict),
        decided_by=decision.policy_version,
        policy_version=decision.policy_version,
        evaluated=digest_of(decision),
        valid_until=decision.until if expired else decision.valid_until,
        reason=lambda claim_id: status_update_reason(decision, claim_id, expired=expired),
        review=review_of(decision, job, gate, direction.done),
        breaker=gate.breaker,
    )


def act(state: State | None, intent: UpdateRequest, look: JobSnapshot, gate: Gate) -> Review:
    """Claim the job, ask S3 for what is intended, and settle what S3 is known to have done.

    Raises:
        OutOfTimeError: Too little time is left; nothing was claimed.
        GatePausedError, CircuitBreakerError: Nothing was claimed.
        JobsApiError: The update surely had no effect and the claim was given back, or nothing is
            known and the claim is left to its lease.
        LedgerConflictError: Somebody else wrote first; nothing was sent.
    """
    if gate.clock.now() + UPDATE_TAKES_AT_MOST >= gate.deadline:
        raise OutOfTimeError(f"{look.job.ref}: too little of this invocation's time is left to decide a job")
    claim, review = _claim(state, intent, look.job, gate)
    try:
        if not _may_send(claim, intent, look, gate):
            return _withdraw(claim, review, gate, "the facts or the lease grew too old before the update was sent")
        gate.jobs.update_status(look.job.ref, intent.direction.requested_status, claim.reason)
    except JobsApiThrottledError:
        _withdraw(claim, review, gate, "S3 is throttling")
        raise
    except (UpdateRefusedError, JobsApiDeniedError, JobNotFoundError) as refusal:
        return _after_refusal(claim, review, gate, refusal)
    except UpdateUnclearError:
        return _after_unclear(claim, review, gate)
    return _settle(claim, Settle(Outcome.APPLIED, intent.direction), review, gate, claim.reason)


def _claim(state: State | None, intent: UpdateRequest, job: Job, gate: Gate) -> tuple[State, Review]:
    claim_id = (state.claim_id if state else None) or gate.new_claim_id()
    lease_until = gate.deadline + UPDATE_TAKES_AT_MOST + LEASE_MARGIN
    claim = replace(
        _state_of(state, job, gate),
        phase=Phase.CLAIMED,
        verdict=intent.verdict,
        reason=intent.reason(claim_id),
        decided_by=intent.decided_by,
        policy_version=intent.policy_version,
        due_at=lease_until,
        claim_id=claim_id,
        attempt=(state.attempt if state else 0) + 1,
        direction=intent.direction,
        maybe_sent=state is not None and (state.maybe_sent or state.phase is Phase.CLAIMED),
        lease_until=lease_until,
        until=None,
        cancels_at=None,
        block=None,
        shadow=False,
        evaluated=intent.evaluated,
        governing=intent.review.governing,
    )
    review = replace(intent.review, reason=claim.reason, claim_id=claim_id, attempt=claim.attempt)
    return gate.ledger.claim(claim, replacing=state, review=review, breaker=intent.breaker), review


def _may_send(claim: State, intent: UpdateRequest, look: JobSnapshot, gate: Gate) -> bool:
    """Facts, lease and window still hold when the update can have arrived at the latest."""
    now = gate.clock.now()
    ends = min(each for each in (claim.lease_until, intent.valid_until) if each is not None)
    return now - look.read_at <= FACTS_STAY_FRESH and now + UPDATE_TAKES_AT_MOST < ends


def _withdraw(claim: State, review: Review, gate: Gate, why: str) -> Review:
    """Give the claim back: it was surely not carried out. Due at once, and ever later where that happens again."""
    now = gate.clock.now()
    patience = min(gate.look_again_after, timedelta(minutes=1) * 2 ** min(claim.attempt, _ATTEMPTS_THAT_COUNT))
    reason = f"batchgate: held, {why}; to be tried again"
    withdrawn = replace(
        claim,
        phase=Phase.HELD,
        verdict=str(Verdict.HOLD),
        reason=reason,
        first_held_at=claim.first_held_at or now,
        known_at=None,
        owes_chance=True,
        due_at=now if claim.attempt <= ATTEMPTS_AT_ONCE else now + patience,
        direction=claim.direction if claim.maybe_sent else None,
        evaluated="",
    )
    written = gate.ledger.write(withdrawn, replacing=claim)
    held = replace(review, at=now, action="held", alarm="", reason=reason, id=_decision_id(written))
    gate.announcer.announce(held)
    return held


def _after_refusal(claim: State, review: Review, gate: Gate, refusal: Exception) -> Review:
    job = gate.jobs.describe(claim.ref)
    step = conclude_refused(claim, job, gate.suspended_date_survives)
    if isinstance(step, Settle):
        return _settle(claim, step, replace(review, status=job.status), gate, job.status_update_reason)
    _withdraw(claim, review, gate, "S3 refused the update")
    raise refusal


def _after_unclear(claim: State, review: Review, gate: Gate) -> Review:
    """Only certainty is settled; otherwise the claim stays to its lease and is evaluated afresh then."""
    job = gate.jobs.describe(claim.ref)
    step = conclude_unclear(claim, job, gate.suspended_date_survives)
    if isinstance(step, Settle):
        return _settle(claim, step, replace(review, status=job.status), gate, job.status_update_reason)
    left = replace(review, at=gate.clock.now(), action="left", reason=claim.reason, id=_decision_id(claim))
    gate.announcer.announce(left)
    return left


# --- Ends -------------------------------------------------------------------------------------------


class Seen(Struct, frozen=True):
    """What little of a job an end needs."""

    ref: JobRef
    status: JobStatus
    operation: str = ""
    total_tasks: int | None = None
    reason_on_job: str | None = None
    suspended_at: datetime | None = None

    @classmethod
    def of(cls, job: Job) -> Self:
        """What DescribeJob answered."""
        return cls(
            ref=job.ref,
            status=job.status,
            operation=job.operation or "",
            total_tasks=job.total_tasks,
            reason_on_job=job.status_update_reason,
            suspended_at=job.suspended_date,
        )


_QUIET = {Step.LOOK_AGAIN: "left", Step.WAIT: "waiting", Step.LEAVE: "left", Step.NOTHING: "nothing"}


def finish(step: NextStep, state: State | None, seen: Seen, gate: Gate, *, alarm: str = "") -> Review:
    """Carry out a step of the table that needs no evaluating.

    Args:
        step: Anything but Step.EVALUATE.
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
        suspended_at=seen.suspended_at,
        verdict=state.verdict if state else "",
        reason=state.reason if state else "",
        decided_by=state.decided_by if state else "",
        policy_version=state.policy_version if state else "",
        governing=state.governing if state else (),
        claim_id=(state.claim_id or "") if state else "",
        attempt=state.attempt if state else 0,
    )
    if isinstance(step, Settle):
        return _settle(state, step, review, gate, seen.reason_on_job)
    if step is Step.ANNOUNCE and state is not None:
        return _announce(state, replace(review, action=_action(state), alarm=alarm), gate)
    if step is Step.LOOK_AGAIN and state is not None:
        gate.ledger.write(replace(state, due_at=arrives_until(state, review.at)), replacing=state)
    review = replace(review, action=_QUIET.get(step, "nothing"), alarm=alarm)
    if alarm:
        gate.announcer.announce(review)
    return review


def _settle(
    state: State | None,
    end: Settle,
    review: Review,
    gate: Gate,
    reason_on_job: str | None,
) -> Review:
    """Write the end, which is final, and tell of it with the reason that is on the job."""
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
        operation=review.operation,
        total_tasks=review.total_tasks,
    )
    applied = end.outcome is Outcome.APPLIED
    settled = replace(
        before,
        phase=Phase.SETTLED,
        outcome=end.outcome,
        verdict=str(end.direction or ""),
        reason=(reason_on_job or _claimed_reason(before)) if applied else (reason_on_job or ""),
        decided_by=before.decided_by if applied else "",
        direction=end.direction,
        maybe_sent=before.possibly_sent is not None,
        unattributed=end.unattributed,
        missing_since=None,
        decided_at=now,
        due_at=now,
        until=None,
        cancels_at=None,
        block=None,
    )
    settled = gate.ledger.write(settled, replacing=state)
    alarm = "an update took effect after the gate had decided to hold" if end.after_hold else ""
    told = replace(
        review,
        action=_action(settled),
        verdict=settled.verdict,
        reason=settled.reason,
        decided_by=settled.decided_by,
        alarm=alarm,
    )
    return _announce(settled, told, gate)


def _claimed_reason(state: State) -> str:
    """What the claim asked S3 to write; of a claim that a hold followed, nothing is known."""
    return state.reason if state.phase is Phase.CLAIMED else ""


def _announce(settled: State, review: Review, gate: Gate) -> Review:
    told = replace(
        review,
        id=_decision_id(settled),
        at=gate.clock.now(),
        unattributed=settled.unattributed,
        attempt=settled.attempt,
    )
    if gate.announcer.announce(told):
        gate.ledger.write(replace(settled, announced_at=told.at, due_at=None), replacing=settled)
    return told


def _action(settled: State) -> str:
    if settled.outcome is Outcome.APPLIED and settled.direction is not None:
        return settled.direction.done
    return str(settled.outcome or "nothing")


def _decision_id(state: State) -> str:
    """One for each thing that the ledger came to hold of a job."""
    return f"{state.ref.job_id}.{state.rev}"


def _state_of(state: State | None, job: Job, gate: Gate) -> State:
    """The state so far, or a beginning, with what S3 now says of the job for people."""
    before = state or State(
        ref=job.ref,
        rev=0,
        phase=Phase.HELD,
        verdict="",
        reason="",
        decided_by="",
        policy_version="",
        due_at=None,
    )
    return replace(
        before,
        operation=job.operation or "",
        total_tasks=job.total_tasks,
        created_at=job.creation_time,
        suspended_at=job.suspended_date,
        ungated=asks_for_confirmation(state, job, gate.suspended_date_survives) is AsksForConfirmation.NO,
    )


def review_of(
    decision: Decision,
    job: Job,
    gate: Gate,
    action: str,
    *,
    reason: str = "",
    state: State | None = None,
) -> Review:
    """A decision as the review that is recorded and told of."""
    return Review(
        ref=job.ref,
        at=gate.clock.now(),
        action=action,
        status=job.status,
        verdict=str(decision.verdict),
        until=decision.until,
        cancels_at=decision.cancels_at,
        reason=reason or status_update_reason(decision),
        decided_by=decision.policy_version,
        policy_version=decision.policy_version,
        governing=decision.governing_names,
        claim_id=(state.claim_id or "") if state else "",
        attempt=state.attempt if state else 0,
        operation=job.operation or "",
        total_tasks=job.total_tasks,
        suspended_at=job.suspended_date,
        shadow=decision.policies.shadow,
        evidence=evidence_of(decision),
    )
