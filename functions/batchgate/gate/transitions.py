"""What each step writes to the ledger and reports: a hold, a claim, a withdrawn claim, a settlement, an announcement.

Pure: state and facts in, state and review out. `execution.py` has the effects and their order.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from batchgate.gate.budget_use import percents
from batchgate.gate.held_time import HeldTime
from batchgate.gate.ports import CircuitBreaker, Review
from batchgate.gate.protocol import MISSING_FOR, Settle, arrives_until
from batchgate.gate.state import Action, Block, Outcome, Phase, RequestedAction, State
from batchgate.jobs.model import AsksForConfirmation, Job, JobRef, JobStatus
from batchgate.policy.amounts import BudgetUse, Reservation
from batchgate.policy.approvals import Approval
from batchgate.policy.budgets import reservations_of
from batchgate.policy.compiled import Verdict
from batchgate.policy.evaluate import SUSPENDED_FOR_AT_MOST, Decision
from batchgate.policy.evidence import digest_of, evidence_of
from batchgate.policy.facts import Gap, RowsDiffer
from batchgate.policy.reason import status_update_reason

FACTS_STAY_FRESH = timedelta(seconds=5)
"""How old the facts may be when the update that they justify is sent."""

UPDATE_TAKES_AT_MOST = timedelta(seconds=5)
"""The timeout of one UpdateJobStatus."""

ATTEMPTS_AT_ONCE = 2
"""After this many claims in a row without effect, the next claim is delayed.

Each claim to cancel counts for the circuit breaker, so retries without a delay would use up its limit.
"""

_DOUBLINGS_AT_MOST = 8
"""How often the delay before the next claim doubles at most; `review_again_after` limits the delay, too."""

CIRCUIT_BREAKER_HOLDS_FOR_AT_MOST = timedelta(minutes=10)
"""A job that the circuit breaker holds is reviewed again within this time."""

APPROVALS_AT_MOST = 50
"""How many approvals of one job are kept, so that its item fits into DynamoDB.

The lint `too-many-approvals` reports policies that ask for more.
"""

APPROVAL_REASON_AT_MOST = 500
"""The maximum length of an approval's reason, in characters, so that the job's item fits into DynamoDB."""

RESERVATIONS_AT_MOST = 90
"""The maximum number of one job's reservations.

One transaction writes all their counts, the state, its review, the pause and the circuit breaker.

*Source*: DynamoDB API, TransactWriteItems: at most 100 actions.
"""

_BLOCK_REASONS = {
    Block.PAUSED: "the gate is paused",
    Block.CIRCUIT_BREAKER: (
        "there were too many cancellations in a short time; this job waits until there are fewer, or for a person"
    ),
    Block.BUDGET: "other jobs used up its budget while it was reviewed",
    Block.ADOPTION: "the job is older than the gate, and the setting adopt_existing leaves such jobs to people",
}
_ALARMING = frozenset({Block.CIRCUIT_BREAKER, Block.CONFLICTING_UPDATE})


class Transition(Struct, frozen=True):
    """What one step writes.

    Attributes:
        state: The job's state. Writing it increments `rev`.
        review: The record for the history and the announcement.
        is_recorded: False for a hold that repeats the previous one. Its review is then neither written to the history
            nor announced.
    """

    state: State
    review: Review
    is_recorded: bool = True


class UpdateRequest(Struct, frozen=True):
    """The status update that the policies or a person ask for, and why.

    Attributes:
        requested_action: Approve or cancel.
        verdict: The policies' verdict; for a person's decision, approve or cancel.
        decided_by: The policy version, with the ARNs of those whose approvals it counted; or the ARN of the person who
            decides alone.
        policy_version: The policies in force; "" if a person decides while there are none to read.
        ungated: Whether the job runs without having asked for confirmation.
        evaluated: The digest of what was evaluated.
        valid_until: When a window closes that the decision depends on; None if it depends on none.
        reason: Returns the status update reason for a claim id.
        review: The record for the history and the announcement, still without the claim.
        breaker: The limit on cancellations; None for a person's decision.
        reservations: What an approval takes of budgets.
    """

    requested_action: RequestedAction
    verdict: str
    decided_by: str
    policy_version: str
    ungated: bool
    evaluated: str
    valid_until: datetime | None
    reason: Callable[[str], str]
    review: Review
    breaker: CircuitBreaker | None
    reservations: tuple[Reservation, ...] = ()


# --- Holds --------------------------------------------------------------------------------------------


def hold(
    state: State | None,
    decision: Decision,
    job: Job,
    *,
    now: datetime,
    held_time: HeldTime,
    review_again_after: timedelta,
    hold_limit: timedelta | None = None,
    block: Block | None = None,
) -> Transition:
    """A hold, due when the job is reviewed again.

    Args:
        state: The job's state before.
        decision: The policies' decision.
        job: S3's description of the job.
        now: The present instant.
        held_time: How long the job has been held.
        review_again_after: The longest time until the next review.
        hold_limit: How long the job may be held for known reasons; None if this hold has no such limit.
        block: Why the job is held whatever the policies decide; None if the policies hold it.
    """
    why = _why_blocked(block, state, decision)
    reason = f"batchgate: held, {why} [policy {decision.policy_version}]" if why else status_update_reason(decision)
    if block is not None:
        held_time = HeldTime.at(now, state, is_known=False, until=None)
    until, cancels_at = (None, None) if block else (decision.until, decision.cancels_at)
    remaining = hold_limit - held_time.counted if hold_limit is not None and held_time.counts_on else None
    # None also if S3 fails the job before the limit is reached.
    expires_at = now + remaining if remaining is not None and remaining <= SUSPENDED_FOR_AT_MOST else None
    review_in = review_again_after
    if block is Block.CIRCUIT_BREAKER:
        review_in = min(review_in, CIRCUIT_BREAKER_HOLDS_FOR_AT_MOST)
    awaiting = decision.awaiting
    if block is Block.ADOPTION and decision.verdict is Verdict.APPROVE:
        awaiting = decision.policies.approvals.missing(decision.facts)
    maybe_sent = _maybe_sent(state)
    written = replace(
        _described(
            state,
            job,
            ungated=decision.facts.asks_for_confirmation is AsksForConfirmation.NO,
            requester=_requester(decision),
        ),
        phase=Phase.HELD,
        verdict=str(Verdict.HOLD),
        reason=reason,
        decided_by=state.decided_by if state and maybe_sent else decision.policy_version,
        people=state.people if state and maybe_sent else (),
        policy_version=decision.policy_version,
        due_at=_due_at(
            now, review_in, job, (until, cancels_at, decision.searched_until, expires_at, *_periods_end(decision))
        ),
        first_held_at=(state.first_held_at if state else None) or now,
        held_for_known=held_time.counted,
        known_at=now if held_time.counts_on else None,
        needs_review_before_expiry=held_time.needs_review_before_expiry,
        maybe_sent=maybe_sent,
        until=until,
        cancels_at=cancels_at,
        block=block,
        shadow=decision.policies.shadow,
        tags=None if isinstance(decision.facts.tags, Gap) else decision.facts.tags,
        evaluated=digest_of(decision),
        governing=decision.governing_names,
        awaiting=awaiting,
    )
    is_recorded = state is None or _compared(state) != _compared(written)
    review = replace(
        review_of(decision, job, Action.HELD, now),
        id=_next_id(written),
        reason=reason,
        claim_id=written.claim_id or "",
        attempt=written.attempt,
        until=until,
        cancels_at=cancels_at,
        awaiting=awaiting,
        alarm=why if block in _ALARMING else "",
        block=block or "",
    )
    return Transition(replace(written, changed_at=now) if is_recorded else written, review, is_recorded)


def _why_blocked(block: Block | None, state: State | None, decision: Decision) -> str:
    """Why the policies' verdict is not applied, in words; "" if it is."""
    if block is Block.CONFLICTING_UPDATE and state is not None:
        return f"the verdict is now {decision.verdict}, but an earlier {state.requested_action} may have been sent"
    return _BLOCK_REASONS[block] if block is not None else ""


def _due_at(now: datetime, review_in: timedelta, job: Job, changes: Iterable[datetime | None]) -> datetime:
    """The next review: after `review_in`, or earlier if something is known to change, or when S3 fails the job."""
    fails = job.suspended_date + SUSPENDED_FOR_AT_MOST if job.suspended_date else None
    return min([now + review_in, *(each for each in (*changes, fails) if each is not None and each > now)])


def _periods_end(decision: Decision) -> list[datetime]:
    """When the periods end of the budgets that were read."""
    return [use.period_end for use in decision.facts.budgets.values() if isinstance(use, BudgetUse)]


def _compared(state: State) -> tuple[object, ...]:
    """The parts of a hold of which at least one must have changed for the hold to be recorded in the history."""
    return state.phase, state.evaluated, state.block, state.shadow, state.awaiting


# --- Approvals ----------------------------------------------------------------------------------------


def append_approval(state: State | None, approval: Approval, job: Job, now: datetime) -> State:
    """The state with one more approval, due now: the review that follows counts it.

    The state's phase does not change, even if a review has claimed the job. If the ledger does not have the job, the
    state is a new hold. Of more than `APPROVALS_AT_MOST` approvals the oldest are dropped; those of another digest than
    this approval's, which no longer count, before all others.
    """
    before = state or replace(
        _described(None, job, ungated=False),
        verdict=str(Verdict.HOLD),
        reason=f"batchgate: held, approved by {approval.who}; to be reviewed",
        first_held_at=now,
        needs_review_before_expiry=True,
    )
    approvals = (*before.approvals, approval)
    excess = len(approvals) - APPROVALS_AT_MOST
    dropped = sorted(approvals, key=lambda each: each.digest == approval.digest)[:excess] if excess > 0 else ()
    return replace(
        before,
        approvals=tuple(each for each in approvals if each not in dropped),
        due_at=min(before.due_at or now, now),  # not later: time held is counted up to an overdue review
        missing_since=None,
    )


def only_approvals_were_added(claim: State, found: State) -> bool:
    """Whether nothing but approvals was written since a claim; the review that made the claim may then still write."""
    is_same = replace(found, rev=claim.rev, approvals=claim.approvals, due_at=claim.due_at) == claim
    return claim.phase is Phase.CLAIMED and is_same and found.approvals != claim.approvals


# --- Claims -------------------------------------------------------------------------------------------


def update_by_policy(
    decision: Decision,
    requested_action: RequestedAction,
    job: Job,
    *,
    now: datetime,
    breaker: CircuitBreaker,
    exceeded_limit: timedelta | None = None,
) -> UpdateRequest:
    """The update that the policies ask for.

    Args:
        decision: The policies' decision.
        requested_action: The update that its verdict asks for.
        job: S3's description of the job.
        now: The present instant.
        breaker: The limit on cancellations.
        exceeded_limit: The time for which a job may be held, if this one is cancelled because it was held for longer.
    """
    people = decision.approvers if requested_action is RequestedAction.APPROVE else ()
    decided_by = ", ".join([decision.policy_version, *people])
    reservations = reservations_of(decision) if requested_action is RequestedAction.APPROVE else ()
    lifted = dict.fromkeys(str(vote.statement.name if vote.statement else vote.rule) for vote in decision.lifted)
    return UpdateRequest(
        requested_action=requested_action,
        verdict=str(requested_action) if exceeded_limit else str(decision.verdict),
        decided_by=decided_by,
        policy_version=decision.policy_version,
        ungated=decision.facts.asks_for_confirmation is AsksForConfirmation.NO,
        evaluated=digest_of(decision),
        valid_until=decision.until if exceeded_limit else decision.valid_until,
        reason=lambda claim_id: status_update_reason(decision, claim_id, exceeded_limit=exceeded_limit),
        review=replace(
            review_of(decision, job, requested_action.done, now),
            decided_by=decided_by,
            people=people,
            lifted=tuple(lifted) if people else (),
            budgets=percents(decision.budgets, decision.facts.budgets, reservations),
        ),
        breaker=breaker,
        reservations=reservations,
    )


def claim(state: State | None, request: UpdateRequest, job: Job, *, claim_id: str, lease_until: datetime) -> Transition:
    """The claim that must be written before the update may be sent."""
    claimed = replace(
        _described(state, job, ungated=request.ungated, requester=request.review.requester),
        phase=Phase.CLAIMED,
        verdict=request.verdict,
        reason=request.reason(claim_id),
        decided_by=request.decided_by,
        people=request.review.people,
        policy_version=request.policy_version,
        due_at=lease_until,
        claim_id=claim_id,
        attempt=(state.attempt if state else 0) + 1,
        requested_action=request.requested_action,
        maybe_sent=_maybe_sent(state),
        lease_until=lease_until,
        until=None,
        cancels_at=None,
        block=None,
        shadow=False,
        evaluated=request.evaluated,
        governing=request.review.governing,
        awaiting="",
        reservations=_reservations(state.reservations if state else (), request.reservations),
    )
    review = replace(request.review, reason=claimed.reason, claim_id=claim_id, attempt=claimed.attempt)
    return Transition(claimed, review)


def _reservations(kept: tuple[Reservation, ...], wanted: tuple[Reservation, ...]) -> tuple[Reservation, ...]:
    """The reservations that a claim writes: those of earlier claims that may have been sent, and new ones.

    Args:
        kept: Those of earlier claims. One that was made without a limit (for people's approvals), within other limits
            or for other amounts is replaced by the wanted one, which the policies found to fit. They counted an amount
            that was not known, or not limited, as zero.
        wanted: Those of this claim; each counts if no earlier claim reserved anything of its budget.
    """
    limited = {each.account: each for each in wanted if each.limits.named}
    budgets = {each.account.budget for each in kept}
    return (
        *(_limited(each, limited.get(each.account)) for each in kept),
        *(each for each in wanted if each.account.budget not in budgets),
    )


def _limited(before: Reservation, now: Reservation | None) -> Reservation:
    return before if now is None or before.fits(now.amounts, now.limits) else now


def may_send(claim: State, request: UpdateRequest, read_at: datetime, now: datetime) -> bool:
    """Whether the facts are fresh, and the lease and the window last until the update has certainly arrived."""
    ends_at = min(each for each in (claim.lease_until, request.valid_until) if each is not None)
    return now - read_at <= FACTS_STAY_FRESH and now + UPDATE_TAKES_AT_MOST < ends_at


def withdraw(claim: State, review: Review, why: str, *, now: datetime, review_again_after: timedelta) -> Transition:
    """The hold that replaces a claim whose update certainly had no effect.

    It is due at once. After `ATTEMPTS_AT_ONCE` claims it is delayed, twice as long each time, unless people approved
    the job in the meantime.
    """
    got_approvals = claim.due_at != claim.lease_until  # `append_approval` makes a claim due at once
    delay = min(review_again_after, timedelta(minutes=1) * 2 ** min(claim.attempt, _DOUBLINGS_AT_MOST))
    reason = f"batchgate: held, {why}; to be tried again"
    withdrawn = replace(
        claim,
        phase=Phase.HELD,
        verdict=str(Verdict.HOLD),
        reason=reason,
        first_held_at=claim.first_held_at or now,
        known_at=None,
        needs_review_before_expiry=True,
        due_at=now if claim.attempt <= ATTEMPTS_AT_ONCE or got_approvals else now + delay,
        requested_action=claim.requested_action if claim.maybe_sent else None,
        reservations=claim.reservations if claim.maybe_sent else (),
        evaluated="",
    )
    hold_review = replace(review, at=now, action=Action.HELD, alarm="", reason=reason, id=_next_id(withdrawn))
    return Transition(withdrawn, hold_review)


def keep_claim(claim: State, review: Review, now: datetime) -> Review:
    """The review of a claim that stays until its lease ends, because the effect of its update is not known."""
    return replace(review, at=now, action=Action.PENDING, reason=claim.reason, id=_id(claim))


# --- Settlements --------------------------------------------------------------------------------------


def settle(
    state: State | None, settlement: Settle, review: Review, *, now: datetime, reason_on_job: str | None
) -> Transition:
    """The final state of a job.

    Args:
        state: The job's state before.
        settlement: How the job ended for the gate.
        review: The review that found it.
        now: The present instant.
        reason_on_job: The status update reason that S3 reports; None if it reports none.
    """
    before = state or replace(
        _new(review.ref),
        policy_version=review.policy_version,
        due_at=now,
        operation=review.operation,
        total_tasks=review.total_tasks,
    )
    applied = settlement.outcome is Outcome.APPLIED
    # A state has one reason: that of an earlier claim is lost.
    claimed_reason = before.reason if before.phase is Phase.CLAIMED else ""
    settled = replace(
        before,
        phase=Phase.SETTLED,
        outcome=settlement.outcome,
        verdict=str(settlement.requested_action or ""),
        reason=reason_on_job or (claimed_reason if applied else ""),
        decided_by=before.decided_by if applied else "",
        people=before.people if applied else (),
        requested_action=settlement.requested_action,
        maybe_sent=before.possibly_sent is not None,
        reservations=before.reservations if applied or settlement.maybe_approved else (),
        unattributed=settlement.unattributed,
        missing_since=None,
        decided_at=now,
        due_at=now,
        until=None,
        cancels_at=None,
        block=None,
        awaiting="",
    )
    ended = replace(
        review,
        action=settled_action(settled),
        verdict=settled.verdict,
        reason=settled.reason,
        decided_by=settled.decided_by,
        people=settled.people,
        requester=settled.requester,
        alarm="an update took effect after the gate had decided to hold" if settlement.after_hold else "",
    )
    return Transition(settled, ended)


def announcement_of(settled: State, review: Review, now: datetime) -> Review:
    """The announcement of a final state. Its `id` is the same each time it is sent."""
    return replace(review, id=_id(settled), at=now, unattributed=settled.unattributed, attempt=settled.attempt)


def mark_announced(settled: State, at: datetime) -> State:
    """The final state after its announcement, with nothing due."""
    return replace(settled, announced_at=at, due_at=None)


def settled_action(settled: State) -> Action:
    """How a settled job ended."""
    match settled.outcome:
        case Outcome.APPLIED:
            return settled.requested_action.done if settled.requested_action else Action.NOTHING
        case None:
            return Action.NOTHING
        case outcome:
            return Action(outcome)


# --- Jobs without a decision for now ---------------------------------------------------------------


def review_later(state: State, now: datetime) -> State:
    """The state of a running job whose cancellation may still take effect, due when that is no longer possible."""
    return replace(state, due_at=arrives_until(state, now))


def mark_missing(state: State, since: datetime, now: datetime) -> State:
    """The state of a job that S3 does not show, due when that may be final.

    While a job is missing, no time counts as held for known reasons.
    """
    due = min(state.due_at or now, now + MISSING_FOR)
    return replace(state, missing_since=since, due_at=due, known_at=None, needs_review_before_expiry=True)


def mark_shown(state: State) -> State:
    """The state of a job that S3 shows again. If the job goes missing later, `MISSING_FOR` starts from zero."""
    return replace(state, missing_since=None)


# --- Reviews ------------------------------------------------------------------------------------------


def review_of(decision: Decision, job: Job, action: Action, now: datetime) -> Review:
    """The review of a job for which the policies were evaluated."""
    return Review(
        ref=job.ref,
        at=now,
        action=action,
        status=job.status,
        verdict=str(decision.verdict),
        until=decision.until,
        cancels_at=decision.cancels_at,
        reason=status_update_reason(decision),
        decided_by=decision.policy_version,
        policy_version=decision.policy_version,
        awaiting=decision.awaiting,
        requester=_requester(decision),
        governing=decision.governing_names,
        operation=job.operation or "",
        total_tasks=job.total_tasks,
        suspended_at=job.suspended_date,
        shadow=decision.policies.shadow,
        budgets=percents(decision.budgets, decision.facts.budgets),
        rows_differ=isinstance(decision.facts.manifest_rows, RowsDiffer),
        evidence=evidence_of(decision),
    )


def review_of_state(state: State | None, seen: Job | JobRef, now: datetime) -> Review:
    """The review of a job for which no policy was evaluated: what the ledger has about it.

    Args:
        state: The job's state.
        seen: S3's description; the reference alone where S3 does not show the job.
        now: The present instant.
    """
    ref, job = (seen.ref, seen) if isinstance(seen, Job) else (seen, None)
    review = Review(ref=ref, at=now, action=Action.NOTHING, status=JobStatus.UNRECOGNIZED)
    if job is not None:
        review = replace(
            review,
            status=job.status,
            operation=job.operation or "",
            total_tasks=job.total_tasks,
            suspended_at=job.suspended_date,
        )
    if state is None:
        return review
    return replace(
        review,
        verdict=state.verdict,
        reason=state.reason,
        decided_by=state.decided_by,
        people=state.people,
        awaiting=state.awaiting,
        requester=state.requester,
        policy_version=state.policy_version,
        governing=state.governing,
        claim_id=state.claim_id or "",
        attempt=state.attempt,
    )


# --- States -------------------------------------------------------------------------------------------


def _new(ref: JobRef) -> State:
    """The state of a job that the ledger does not have."""
    return State(ref, rev=0, phase=Phase.HELD, verdict="", reason="", decided_by="", policy_version="", due_at=None)


def _described(state: State | None, job: Job, *, ungated: bool, requester: str = "") -> State:
    """The state before, or a new one, with S3's present description of the job, and who created it where known."""
    return replace(
        state or _new(job.ref),
        operation=job.operation or "",
        total_tasks=job.total_tasks,
        created_at=job.creation_time,
        suspended_at=job.suspended_date,
        ungated=ungated,
        requester=requester or (state.requester if state else ""),
    )


def _requester(decision: Decision) -> str:
    found = decision.facts.requester
    return found if isinstance(found, str) else ""


def _maybe_sent(state: State | None) -> bool:
    """Whether the update of an earlier claim may have been sent, without a known effect.

    Every claim counts: a state is replaced by a hold or another claim only after its lease.
    """
    return state is not None and (state.maybe_sent or state.phase is Phase.CLAIMED)


def _id(state: State) -> str:
    """The id of a state as the ledger has it."""
    return f"{state.ref.job_id}.{state.rev}"


def _next_id(state: State) -> str:
    """The id of a state that is about to be written."""
    return f"{state.ref.job_id}.{state.rev + 1}"
