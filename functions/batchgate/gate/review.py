"""One job, start to end."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import timedelta

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from batchgate.errors import (
    ChangedError,
    CircuitBreakerError,
    GatePausedError,
    JobNotFoundError,
    LedgerConflictError,
    ManifestsApiError,
    PolicyUnavailableError,
    RefusedError,
    UnreadableItemError,
)
from batchgate.gate.execution import Seen, UpdateRequest, act, by_policy, finish, hold, review_of
from batchgate.gate.held_time import HeldTime
from batchgate.gate.ports import Gate, JobSnapshot, Review
from batchgate.gate.protocol import (
    MISSING_FOR,
    NextStep,
    Settle,
    Step,
    asks_for_confirmation,
    contradiction,
    find_missing,
    is_open_again,
    leave_ungated,
    may_reopen,
    next_step,
    reopened,
)
from batchgate.gate.state import Block, Outcome, Phase, RequestedAction, State
from batchgate.jobs.model import AsksForConfirmation, Job, JobRef, JobStatus, Json
from batchgate.policy.compiled import PolicySet, Verdict
from batchgate.policy.evaluate import Decision, evaluate_job
from batchgate.policy.evidence import digest_of, evidence_of, job_as_shown
from batchgate.policy.facts import NOT_READ, Gap, gather_facts
from batchgate.policy.reason import personal_reason
from batchgate.text import shorten

TRIES_ON_CONFLICT = 3

OLD_ENOUGH_TO_LOOK_AGAIN = timedelta(seconds=1)
"""Asking for the manifest may take long; describe and tags then come once more, and last."""

ONE_REVIEW_TAKES_AT_MOST = timedelta(seconds=15)
"""With less time left none is begun; one that takes longer is cut off, which the protocol survives."""


def review_job(ref: JobRef, gate: Gate) -> Review:
    """Review one job as the protocol says, and tell what came of it.

    Raises:
        JobNotFoundError: S3 knows no such job; it may be too new.
        GateError: Own trouble; nothing was decided by it.
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
    found = gate.ledger.read(ref)
    policies, trouble = _policies(gate)
    try:
        look, size = _look(ref, found, policies, gate)
    except JobNotFoundError:
        left = _not_found(ref, found, gate)
        if left is None:
            raise
        return left
    except ManifestsApiError:
        _shown_again(found, gate)  # S3 has described the job before it was asked for the manifest
        raise
    job, alarm = look.job, contradiction(found, look.job)
    state = _as_it_stands(found, look)
    step = _step(state, look, policies, gate)
    if policies is None:
        is_settled = state is not None and state.phase is Phase.SETTLED
        is_ungated = asks_for_confirmation(state, job, gate.suspended_date_survives) is AsksForConfirmation.NO
        if step is Step.EVALUATE or (is_ungated and not is_settled):
            _shown_again(found, gate)
            raise trouble
    elif step is Step.EVALUATE:
        if alarm:
            finish(Step.NOTHING, found, Seen.of(job), gate, alarm=f"{alarm}; it is evaluated again")
        return _evaluate(_shown_again(state, gate), look, size, policies, gate)
    return finish(step, _shown_again(state, gate), Seen.of(job), gate, alarm=alarm)


def _not_found(ref: JobRef, state: State | None, gate: Gate) -> Review | None:
    """What S3's answer that there is no such job comes to; None where nothing can be made of it."""
    now = gate.clock.now()
    step = find_missing(state, now)
    if state is None or step is Step.LEAVE:
        return None
    seen = Seen(ref, JobStatus.UNRECOGNISED)
    if isinstance(step, Step):
        return finish(step, state, seen, gate)
    since = step.since
    if step.listing_decides and gate.listed is not None:
        if ref not in gate.listed:
            return finish(Settle(Outcome.LAPSED), state, seen, gate)
        since = now
    if since != state.missing_since:
        due = min(state.due_at or now, now + MISSING_FOR)
        # Whether anything else stands in the way is not known while S3 does not show the job.
        missing = replace(state, missing_since=since, due_at=due, known_at=None, owes_chance=True)
        state = gate.ledger.write(missing, replacing=state)
    return finish(Step.LEAVE, state, seen, gate)


def _shown_again(state: State | None, gate: Gate) -> State | None:
    """The state of a job that S3 does show: whether it is gone is asked from the beginning if it does not, later."""
    if state is None or state.missing_since is None:
        return state
    return gate.ledger.write(replace(state, missing_since=None), replacing=state)


def _as_it_stands(state: State | None, look: JobSnapshot) -> State | None:
    """The state, open again where S3 contradicts the end that was settled."""
    is_open = state is not None and is_open_again(state, look.job, look.read_at)
    return reopened(state) if state is not None and is_open else state


def _policies(gate: Gate) -> tuple[PolicySet | None, PolicyUnavailableError]:
    """What may evaluate_job, or None and why not: what somebody else has decided is settled and told all the same."""
    try:
        return gate.policies.current(), PolicyUnavailableError()
    except PolicyUnavailableError as error:
        return None, error


def _look(
    ref: JobRef, state: State | None, policies: PolicySet | None, gate: Gate, *, always_with_tags: bool = False
) -> tuple[JobSnapshot, int | Gap]:
    """The job, and the size of its manifest where the policies ask for it; what is slow is never the last."""
    with_tags = always_with_tags or (policies is not None and policies.asks_for("tags"))
    look = gate.jobs.look(ref, with_tags=with_tags)
    if policies is None or not policies.asks_for("manifest.bytes"):
        return look, NOT_READ
    if _step(_as_it_stands(state, look), look, policies, gate) is not Step.EVALUATE:
        return look, NOT_READ
    size = gate.manifests.size(look.job)
    if gate.clock.now() - look.read_at > OLD_ENOUGH_TO_LOOK_AGAIN:
        look = gate.jobs.look(ref, with_tags=with_tags)
    return look, size


def _step(state: State | None, look: JobSnapshot, policies: PolicySet | None, gate: Gate) -> NextStep:
    cancels = policies is not None and policies.cancel_ungated
    survives = gate.suspended_date_survives
    return next_step(state, look.job, look.read_at, cancel_ungated=cancels, survives=survives)


# --- Evaluating ----------------------------------------------------------------------------------------


def _evaluate(state: State | None, look: JobSnapshot, size: int | Gap, policies: PolicySet, gate: Gate) -> Review:
    job = look.job
    asks = asks_for_confirmation(state, job, gate.suspended_date_survives)
    decision = _decide(policies, look, size, asks, gate)
    expires_after = policies.cancel_held_after if asks is AsksForConfirmation.YES else None
    held = _held_time(state, decision, gate, may_end=expires_after is not None)
    if _cancels_later(decision):
        expires_after = None
    expired = expires_after is not None and held.may_end and held.counted >= expires_after
    direction = RequestedAction.CANCEL if expired else direction_of(decision)
    block = _block(state, direction, job, gate)
    if asks is AsksForConfirmation.NO and (direction is None or block in (Block.ADOPTION, Block.CONFLICTING_UPDATE)):
        return finish(leave_ungated(state, job, look.read_at), state, Seen.of(job), gate)
    if decision.verdict is Verdict.WAIT:
        return review_of(decision, job, gate, "waiting")
    if direction is not None and block is None:
        intent = by_policy(decision, direction, job, gate, expired=policies.cancel_held_after if expired else None)
        try:
            return act(state, intent, look, gate)
        except GatePausedError:
            block = Block.PAUSED
        except CircuitBreakerError:
            block = Block.CIRCUIT_BREAKER
    return hold(state, decision, job, gate, held=held, ends_after=expires_after, block=block)


def _decide(policies: PolicySet, look: JobSnapshot, size: int | Gap, asks: AsksForConfirmation, gate: Gate) -> Decision:
    return evaluate_job(
        policies, gather_facts(look.job, gate.clock.now(), asks=asks, tags=look.tags, manifest_bytes=size)
    )


def direction_of(decision: Decision) -> RequestedAction | None:
    """What the verdict asks S3 for; a job that does not ask for confirmation can only be cancelled."""
    asks = decision.facts.asks_for_confirmation is AsksForConfirmation.YES
    match decision.verdict:
        case Verdict.APPROVE if asks:
            return RequestedAction.APPROVE
        case Verdict.CANCEL if asks or decision.by_violation:
            return RequestedAction.CANCEL
        case _:
            return None


def _cancels_later(decision: Decision) -> bool:
    """Whether the policies cancel the job at an instant to come: `cancel_held_after` never cancels it before."""
    return decision.cancels_at is not None or any(vote.grace is not None for vote in decision.votes)


def _is_paused(gate: Gate) -> bool:
    """Whether the gate is paused. A hold tries no claim, so it would not find out otherwise."""
    try:
        return gate.ledger.pause() is not None
    except UnreadableItemError:
        return True


def _held_time(state: State | None, decision: Decision, gate: Gate, *, may_end: bool) -> HeldTime:
    """For how long the job was held for known reasons; not in shadow, left to people, or while the gate is paused.

    Nothing counts under policies without `cancel_held_after` either: nobody asks then whether the gate is paused.
    """
    is_known = may_end and decision.verdict is Verdict.HOLD and decision.may_expire and not _is_paused(gate)
    return HeldTime.at(decision.facts.now, state, is_known=is_known, until=decision.until)


def _block(state: State | None, direction: RequestedAction | None, job: Job, gate: Gate) -> Block | None:
    """What keeps the gate from a direction, or from ever having one."""
    if direction is not None and state is not None and state.possibly_sent not in (None, direction):
        return Block.CONFLICTING_UPDATE
    if gate.adopt_existing:
        return None
    older = job.creation_time is None or job.creation_time < gate.ledger.opened_at()
    return Block.ADOPTION if older else None


# --- A person ---------------------------------------------------------------------------------------


class Proposal(Struct, frozen=True):
    """What a person is about to evaluate_job, and all that it rests on.

    Attributes:
        state: The gate's truth so far.
        look: What S3 says.
        intent: What is to be done, and what goes on record with it.
        seen: The job as plain data, but for what moves by itself.
    """

    state: State | None
    look: JobSnapshot
    intent: UpdateRequest
    seen: Mapping[str, Json]

    @property
    def digest(self) -> str:
        """The same as long as the job and what the policies say of it are: 64 hex digits."""
        said = msgspec.json.encode([self.seen, self.intent.evaluated], order="deterministic")
        return hashlib.sha256(said).hexdigest()


def decide_by_hand(
    ref: JobRef, direction: RequestedAction, who: str, why: str, gate: Gate, *, shown: str | None = None
) -> Review:
    """Do what a person decided, by the same claim as everybody's; the policies' objections go on record.

    Args:
        ref: The job.
        direction: Approve or cancel.
        who: The caller's ARN.
        why: The reason given.
        gate: The ports; the deadline is this command's own. Policies that can't be had stop nobody.
        shown: The digest of the proposal that the person agreed to; None where nothing was shown.

    Returns:
        The review; its action says what came of it. `left` means that nobody can say yet.

    Raises:
        RefusedError: It can't be done, and why.
        ChangedError: The job, or what the policies say of it, is not what was shown.
        GateError: AWS's trouble; nothing is known to be done.
    """
    return _until_nobody_else_writes(lambda: _decide_by_hand_once(ref, direction, who, why, gate, shown))


def _decide_by_hand_once(
    ref: JobRef, direction: RequestedAction, who: str, why: str, gate: Gate, shown: str | None
) -> Review:
    proposal = propose_by_hand(ref, direction, who, why, gate)
    if shown not in (None, proposal.digest):
        raise ChangedError(
            f"{ref.job_id}: the job, or what the policies say of it, has changed since it was shown; nothing was done. "
            "Run the command again to see it as it is now"
        )
    try:
        return act(_shown_again(proposal.state, gate), proposal.intent, proposal.look, gate)
    except GatePausedError as paused:
        raise RefusedError(f"{ref.job_id}: {paused}; `batchgate resume` ends that") from paused


def propose_by_hand(ref: JobRef, direction: RequestedAction, who: str, why: str, gate: Gate) -> Proposal:
    """What `decide_by_hand` would do now; nothing is written.

    Raises:
        RefusedError: It can't be done, and why.
        GateError: AWS's trouble.
    """
    state = gate.ledger.read(ref)
    policies, _ = _policies(gate)
    look, size = _look(ref, state, policies, gate, always_with_tags=True)
    if state is not None and may_reopen(state, look.job):
        state = reopened(state)
    asks = asks_for_confirmation(state, look.job, gate.suspended_date_survives)
    cancels, survives = direction is RequestedAction.CANCEL, gate.suspended_date_survives
    step = next_step(state, look.job, look.read_at, cancel_ungated=cancels, survives=survives)
    refusal = _refusal(state, step, direction, look.job, asks)
    if refusal:
        raise RefusedError(f"{ref.job_id}: {refusal}")
    decision = _decide(policies, look, size, asks, gate) if policies is not None else None
    intent = _by_hand(decision, direction, who, why, look, gate)
    return Proposal(state, look, intent, job_as_shown(look.job, look.tags))


def _by_hand(
    decision: Decision | None, direction: RequestedAction, who: str, why: str, look: JobSnapshot, gate: Gate
) -> UpdateRequest:
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
        evidence={
            "person": shorten(who),
            "why": shorten(why),
            "overridden": evidence_of(decision) if decision else None,
        },
    )
    return UpdateRequest(
        direction=direction,
        verdict=str(direction),
        decided_by=who,
        policy_version=version,
        evaluated=digest_of(decision) if decision else "",
        valid_until=None,
        reason=lambda claim_id: personal_reason(direction.done, who, why, version, claim_id),
        review=review,
        breaker=None,
    )


def _how_it_ended(state: State) -> str:
    at = f" at {state.decided_at:%Y-%m-%d %H:%M} UTC" if state.decided_at else ""
    match state.outcome, state.direction:
        case Outcome.APPLIED, RequestedAction() as direction:
            by_policy = state.decided_by == state.policy_version
            by = f"by policy {state.decided_by}" if by_policy else f"by {state.decided_by or 'somebody'}"
            return f"this job was {direction.done} already{at}, {by}"
        case Outcome.LAPSED, _:
            return f"this job ended without a decision{at}"
        case Outcome.UNGATED, _:
            return f"this job did not ask for confirmation: it runs by itself, as was seen{at}"
        case Outcome.UNGATED_OR_CONFIRMED_ELSEWHERE, _:
            return f"this job is ungated, or was confirmed outside the gate: it ran when it was seen{at}"
        case _:
            return f"somebody decided this job already outside the gate{at}"


def _refusal(
    state: State | None, step: NextStep, direction: RequestedAction, job: Job, asks: AsksForConfirmation
) -> str:
    """Why a person's decision can't be carried out; "" where it can."""
    if state is not None and state.phase is Phase.SETTLED:
        return _how_it_ended(state)
    if step is Step.LEAVE and state is not None:
        return f"a review has claimed it until {state.lease_until:%H:%M:%S} UTC; see then what came of it"
    if direction is RequestedAction.APPROVE and asks is AsksForConfirmation.NO:
        return "this job did not ask for confirmation: it runs by itself"
    if step is not Step.EVALUATE:
        unknown = asks is AsksForConfirmation.UNKNOWN and job.has_run
        why = ", and not whether this job is ungated or was confirmed elsewhere" if unknown else ""
        return f"S3 says {job.status}{why}; only a Suspended job can be decided"
    if state is not None and state.possibly_sent not in (None, direction):
        return (
            f"an earlier {state.possibly_sent} may have been sent and may still take effect; "
            f"`batchgate jobs {state.possibly_sent}` can repeat it, the other way is S3's console's"
        )
    return ""
