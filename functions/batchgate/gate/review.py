"""The review of one job, from its event to its announcement."""

from collections.abc import Callable
from datetime import timedelta

from msgspec import Struct

from batchgate.errors import (
    BudgetExceededError,
    CircuitBreakerError,
    GatePausedError,
    JobNotFoundError,
    ManifestsApiError,
    PolicyUnavailableError,
    UnreadableItemError,
)
from batchgate.gate import transitions
from batchgate.gate.execution import apply_update, finish, hold, retry_on_conflict
from batchgate.gate.held_time import HeldTime
from batchgate.gate.observation import (
    evaluate,
    note_shown,
    policies_in_force,
    reopen_contradicted,
    step_of,
    take_snapshot,
)
from batchgate.gate.ports import JobSnapshot, Ports, Review
from batchgate.gate.protocol import (
    NextStep,
    Settle,
    Step,
    asks_for_confirmation,
    contradiction,
    find_missing,
    maybe_approved,
    step_of_ungated,
)
from batchgate.gate.state import Action, Block, Outcome, Phase, RequestedAction, State
from batchgate.gate.transitions import update_by_policy
from batchgate.jobs.model import AsksForConfirmation, Job, JobRef
from batchgate.policy.compiled import PolicySet, Verdict
from batchgate.policy.evaluate import Decision

TIME_FOR_ONE_REVIEW = timedelta(seconds=15)
"""No review begins with less time left. A longer one may be interrupted anywhere; the protocol allows that."""

TRIES_FOR_A_BUDGET = 3
"""How often one review evaluates the policies if other jobs use up a budget in between."""


def review_job(ref: JobRef, ports: Ports) -> Review:
    """Evaluate one job if it is to be decided, apply the result, and return what was done. docs/protocol has the steps.

    Raises:
        JobNotFoundError: S3 knows no such job; it may be too new.
        GateError: The gate or a service failed; such an error never decides a job.
        LedgerConflictError: Other reviews of this job wrote first each time.
    """
    return retry_on_conflict(lambda: _review_once(ref, ports))


def _review_once(ref: JobRef, ports: Ports) -> Review:
    recorded = ports.ledger.read(ref)
    policies = policies_in_force(ports)
    try:
        snapshot = take_snapshot(ref, recorded, policies, ports)
    except JobNotFoundError as error:
        return _review_missing(ref, recorded, ports, error)
    except ManifestsApiError:
        note_shown(recorded, ports)  # S3 described the job; only its manifest could not be read
        raise
    state = reopen_contradicted(recorded, snapshot)
    step = step_of(state, snapshot, policies, ports)
    alarm = contradiction(recorded, snapshot.job)
    if isinstance(policies, PolicyUnavailableError):
        if _needs_policies(step, state, snapshot.job, ports):
            note_shown(recorded, ports)
            raise policies
    elif step is Step.EVALUATE:
        if alarm:
            # Announces the alarm only: the review goes on.
            finish(Step.NOTHING, recorded, snapshot.job, ports, alarm=f"{alarm}; the job is evaluated again")
        return _decide(note_shown(state, ports), snapshot, policies, ports)
    return finish(step, note_shown(state, ports), snapshot.job, ports, alarm=alarm)


def _decide(
    state: State | None, snapshot: JobSnapshot, policies: PolicySet, ports: Ports, *, tries: int = TRIES_FOR_A_BUDGET
) -> Review:
    """Evaluate the policies; then cancel, approve, hold or wait.

    If another job uses up a budget first, the policies are evaluated again with what remains of it.
    """
    job = snapshot.job
    decision = evaluate(policies, state, snapshot, ports)
    asked = consequence_of(state, decision, is_paused=lambda: _is_paused(ports))
    action = asked.action
    block = _block(state, action, decision, job, ports)
    is_ungated = decision.facts.asks_for_confirmation is AsksForConfirmation.NO
    if is_ungated and (action is None or block in (Block.ADOPTION, Block.CONFLICTING_UPDATE)):
        return finish(step_of_ungated(state, job, snapshot.read_at), state, job, ports)
    if decision.verdict is Verdict.WAIT:
        return transitions.review_of(decision, job, Action.WAITING, ports.clock.now())
    if action is not None and block is None:
        now, limit = ports.clock.now(), asked.exceeded_limit
        request = update_by_policy(decision, action, job, now=now, breaker=ports.breaker, exceeded_limit=limit)
        try:
            return apply_update(state, request, snapshot, ports)
        except GatePausedError:
            block = Block.PAUSED
        except CircuitBreakerError:
            block = Block.CIRCUIT_BREAKER
        except BudgetExceededError:
            if tries > 1:
                return _decide(state, snapshot, policies, ports, tries=tries - 1)
            block = Block.BUDGET
    return hold(state, decision, job, ports, held_time=asked.held_time, hold_limit=asked.hold_limit, block=block)


def _needs_policies(step: NextStep, state: State | None, job: Job, ports: Ports) -> bool:
    """Whether a step needs the policies: an open job is evaluated, or may have to be cancelled as ungated."""
    is_settled = state is not None and state.phase is Phase.SETTLED
    asks = asks_for_confirmation(state, job, ports.suspended_date_survives)
    return step is Step.EVALUATE or (asks is AsksForConfirmation.NO and not is_settled)


def _review_missing(ref: JobRef, state: State | None, ports: Ports, error: JobNotFoundError) -> Review:
    """Review a job that S3 reports as unknown.

    Raises:
        JobNotFoundError: It is too early to conclude that the job is gone, the ledger does not have it, or another
            review has claimed it.
    """
    now = ports.clock.now()
    step = find_missing(state, now)
    if state is None or step in (Step.CLAIMED, Step.NOT_SHOWN):
        raise error
    if isinstance(step, Step):
        return finish(step, state, ref, ports)
    since = step.since
    if step.listing_decides and ports.listed is not None:
        if ref not in ports.listed:
            return finish(Settle(Outcome.LAPSED, maybe_approved=maybe_approved(state)), state, ref, ports)
        since = now
    if since != state.missing_since:
        state = ports.ledger.write(transitions.mark_missing(state, since, now), replacing=state)
    return finish(Step.NOT_SHOWN, state, ref, ports)


# --- What a decision leads to -------------------------------------------------------------------------


class Consequence(Struct, frozen=True):
    """What a decision leads to, unless something blocks the gate.

    Attributes:
        action: The update to request; None for a hold, or while the verdict is wait.
        held_time: How long the job has been held for known reasons.
        hold_limit: After how much of that time the job is cancelled; None for never, or if the policies will cancel it.
        exceeded_limit: The hold limit, if the job has been held for that long and is therefore cancelled now.
    """

    action: RequestedAction | None
    held_time: HeldTime
    hold_limit: timedelta | None
    exceeded_limit: timedelta | None


def consequence_of(state: State | None, decision: Decision, *, is_paused: Callable[[], bool]) -> Consequence:
    """What a decision leads to, given how long the job was held before.

    Args:
        state: The job's state before this review.
        decision: The policies' decision.
        is_paused: Whether the gate is paused; called only if the answer matters.
    """
    held_time = _held_time(state, decision, is_paused)
    limit = _hold_limit(decision)
    exceeded = limit if limit is not None and held_time.may_end and held_time.counted >= limit else None
    action = RequestedAction.CANCEL if exceeded is not None else requested_action(decision)
    return Consequence(action, held_time, limit, exceeded)


def requested_action(decision: Decision) -> RequestedAction | None:
    """The update that the verdict asks for; a job that does not ask for confirmation can only be cancelled."""
    asks = decision.facts.asks_for_confirmation is AsksForConfirmation.YES
    match decision.verdict:
        case Verdict.APPROVE if asks:
            return RequestedAction.APPROVE
        case Verdict.CANCEL if asks or decision.by_violation:
            return RequestedAction.CANCEL
        case _:
            return None


def _cancel_held_after(decision: Decision) -> timedelta | None:
    """The policies' `cancel_held_after`, which ends the holds of jobs that ask for confirmation."""
    asks = decision.facts.asks_for_confirmation is AsksForConfirmation.YES
    return decision.policies.cancel_held_after if asks else None


def _hold_limit(decision: Decision) -> timedelta | None:
    """`cancel_held_after`; None if the policies will cancel the job later, which it must not do earlier."""
    cancels_later = decision.cancels_at is not None or any(vote.grace is not None for vote in decision.votes)
    return None if cancels_later else _cancel_held_after(decision)


def _held_time(state: State | None, decision: Decision, is_paused: Callable[[], bool]) -> HeldTime:
    """How long the job has been held for known reasons.

    Time in shadow mode, time in which something is unknown or people have to approve, and time while the gate is paused
    do not count. Without a limit nothing counts, and the pause is not read.
    """
    may_count = _cancel_held_after(decision) is not None and decision.verdict is Verdict.HOLD and decision.may_expire
    is_known = may_count and not is_paused()
    return HeldTime.at(decision.facts.now, state, is_known=is_known, until=decision.until)


def _is_paused(ports: Ports) -> bool:
    """Whether the gate is paused; True also if that can't be read.

    The transaction of a claim checks the pause itself; a hold makes no claim.
    """
    try:
        return ports.ledger.pause() is not None
    except UnreadableItemError:
        return True


def _block(
    state: State | None, action: RequestedAction | None, decision: Decision, job: Job, ports: Ports
) -> Block | None:
    """Why the gate must not apply this action, or must not decide this job at all; None if nothing prevents it."""
    if action is not None and state is not None and state.possibly_sent not in (None, action):
        return Block.CONFLICTING_UPDATE
    if ports.adopt_existing or (action is RequestedAction.APPROVE and decision.has_all_approvals):
        return None
    is_older = job.creation_time is None or job.creation_time < ports.ledger.opened_at()
    return Block.ADOPTION if is_older else None
