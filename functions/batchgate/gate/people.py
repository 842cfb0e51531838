"""What people do about one job: they approve it, which a review counts, or cancel it, which is claimed at once."""

from functools import cached_property
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from batchgate.errors import ChangedError, GatePausedError, NotAllowedError, PolicyUnavailableError, RefusedError
from batchgate.gate import transitions
from batchgate.gate.execution import apply_update, retry_on_conflict
from batchgate.gate.observation import evaluate, note_shown, policies_in_force, take_snapshot
from batchgate.gate.ports import JobSnapshot, Ports, Review
from batchgate.gate.protocol import Step, asks_for_confirmation, may_reopen, next_step, reopened
from batchgate.gate.review import review_job
from batchgate.gate.state import Action, Outcome, Phase, RequestedAction, State, who_decided
from batchgate.gate.transitions import APPROVAL_REASON_AT_MOST, UpdateRequest
from batchgate.jobs.model import AsksForConfirmation, JobRef, JobStatus
from batchgate.policy.approvals import Approval
from batchgate.policy.compiled import PolicySet
from batchgate.policy.evaluate import Decision, who_may_approve
from batchgate.policy.evidence import digest_of, digest_of_job, evidence_of
from batchgate.policy.reason import personal_reason
from batchgate.text import shorten

APPEND_TRIES: Final = 10
"""More than a review has, as each of several people who approve at once makes a review."""


class ShownJob(Struct, frozen=True, dict=True):
    """One job as a person sees it before they decide it.

    Attributes:
        state: The job's state in the ledger, open again if its end is doubted; None where the ledger has none.
        snapshot: The job as S3 shows it, with its tags.
        policies: The policies in force, or why there are none.
        decision: What they say of the job now; None where there are none.
    """

    state: State | None
    snapshot: JobSnapshot
    policies: PolicySet | PolicyUnavailableError
    decision: Decision | None

    @cached_property
    def digest(self) -> str:
        """The same as long as the job is, whatever its status, dates and progress: 64 hex digits."""
        return digest_of_job(self.snapshot.job, self.snapshot.tags)


def show_job(ref: JobRef, ports: Ports) -> ShownJob:
    """The job as it is now, with all that a person may want to know; nothing is written.

    Raises:
        JobNotFoundError: S3 knows no such job.
        GateError: The gate or a service failed.
    """
    state = ports.ledger.read(ref)
    policies = policies_in_force(ports)
    snapshot = take_snapshot(ref, state, policies, ports, with_tags=True)
    if state is not None and may_reopen(state, snapshot.job):
        state = reopened(state)
    decision = evaluate(policies, state, snapshot, ports) if isinstance(policies, PolicySet) else None
    return ShownJob(state, snapshot, policies, decision)


def refusal(shown: ShownJob, action: RequestedAction, ports: Ports) -> str:
    """Why nobody can approve, or cancel, this job now; "" where people can."""
    state, job, survives = shown.state, shown.snapshot.job, ports.suspended_date_survives
    if state is not None and state.phase is Phase.SETTLED:
        return _how_it_ended(state)
    approves = action is RequestedAction.APPROVE
    asks = asks_for_confirmation(state, job, survives)
    step = next_step(state, job, shown.snapshot.read_at, cancel_ungated=not approves, survives=survives)
    if step is Step.CLAIMED and state is not None and not approves:
        return f"a review has claimed it until {state.lease_until:%H:%M:%S} UTC; see then what came of it"
    if approves and asks is AsksForConfirmation.NO:
        return "this job did not ask for confirmation: it runs by itself"
    if step is not Step.EVALUATE and not (step is Step.CLAIMED and job.status is JobStatus.SUSPENDED):
        unknown = asks is AsksForConfirmation.UNKNOWN and job.has_run
        why = ", and not whether this job is ungated or was confirmed elsewhere" if unknown else ""
        return f"S3 says {job.status}{why}; only a Suspended job can be decided"
    if state is not None and step is Step.EVALUATE and state.possibly_sent not in (None, action):
        return (
            f"an earlier {state.possibly_sent} may have been sent and may still take effect; "
            f"`batchgate jobs {state.possibly_sent}` can repeat it, the other way is S3's console's"
        )
    return ""


def why_approval_not_counted(shown: ShownJob, who: str, ports: Ports) -> str:
    """Why an approval that this caller gives now would be refused; "" where it would count."""
    if why := refusal(shown, RequestedAction.APPROVE, ports):
        return why
    if isinstance(shown.policies, PolicyUnavailableError):
        return str(shown.policies)
    return who_may_approve(shown.decision, shorten(who)) if shown.decision is not None else ""


def _how_it_ended(state: State) -> str:
    at = f" at {state.decided_at:%Y-%m-%d %H:%M} UTC" if state.decided_at else ""
    match state.outcome, state.requested_action:
        case Outcome.APPLIED, RequestedAction() as action:
            by = who_decided(state.decided_by, state.policy_version) or "a caller that is not on record"
            return f"this job was {action.done} already{at}, by {by}"
        case Outcome.LAPSED, _:
            return f"this job ended without a decision{at}"
        case Outcome.UNGATED, _:
            return f"this job did not ask for confirmation: it runs by itself, as was seen{at}"
        case Outcome.UNGATED_OR_CONFIRMED_ELSEWHERE, _:
            return f"this job is ungated, or was confirmed outside the gate: it ran when it was seen{at}"
        case _:
            return f"this job was decided outside the gate already{at}"


def _check(shown: ShownJob, action: RequestedAction, digest: str, ports: Ports) -> None:
    """Raise why the job can't be decided as it was shown."""
    job_id = shown.snapshot.job.ref.job_id
    if why := refusal(shown, action, ports):
        raise RefusedError(f"{job_id}: {why}")
    if digest != shown.digest:
        raise ChangedError(f"{job_id}: the job has changed since it was shown; nothing was done. See it as it is now")


# --- Approvals ----------------------------------------------------------------------------------------


def record_approval(ref: JobRef, who: str, reason: str, digest: str, ports: Ports) -> Review:
    """Put a person's approval on record, and review the job at once.

    Once it is on record the job is due: if this review fails, the next sweep makes another one. The same approval again
    is recorded once, and returns what came of it.

    Args:
        ref: The job.
        who: The caller's ARN.
        reason: Why.
        digest: Of the job as it was shown to that person.
        ports: The ports.

    Returns:
        The review. Its action says what came of it: the job may be held still, because more approvals are wanted, and
        `left` to another review that has claimed it, or because S3's response was lost.

    Raises:
        RefusedError: Nobody can approve the job now; the message says why.
        ChangedError: The job has changed since it was shown.
        NotAllowedError: This person's approval would not count; the message says why.
        PolicyUnavailableError: There are no policies by which approvals count.
        GateError: The gate or a service failed. The approval may be on record.
    """
    retry_on_conflict(lambda: _append_approval(ref, shorten(who), reason, digest, ports), APPEND_TRIES)
    review = review_job(ref, ports)
    if review.action is not Action.NOTHING:
        return review
    state = ports.ledger.read(ref)  # another review was faster
    return replace(review, action=transitions.settled_action(state)) if state is not None else review


def _append_approval(ref: JobRef, who: str, reason: str, digest: str, ports: Ports) -> None:
    shown = show_job(ref, ports)
    state, now = shown.state, ports.clock.now()
    recorded = [(each.who, each.digest) for each in state.approvals] if state else []
    if digest == shown.digest and (who, digest) in recorded:
        return
    _check(shown, RequestedAction.APPROVE, digest, ports)
    if isinstance(shown.policies, PolicyUnavailableError):
        raise shown.policies
    if shown.decision is not None and (why := who_may_approve(shown.decision, who)):
        raise NotAllowedError(f"{ref.job_id}: {why}")
    approval = Approval(who, now, shorten(reason, APPROVAL_REASON_AT_MOST), digest)
    ports.ledger.write(transitions.append_approval(state, approval, shown.snapshot.job, now), replacing=state)


# --- Cancellations ------------------------------------------------------------------------------------


def cancel_for(ref: JobRef, who: str, reason: str, digest: str, ports: Ports) -> Review:
    """Apply a person's cancellation. It is claimed like every decision; what the policies say goes on record.

    Args:
        ref: The job.
        who: The caller's ARN.
        reason: Why.
        digest: Of the job as it was shown to that person.
        ports: The ports. Missing policies do not stop a cancellation.

    Returns:
        The review; its action says what came of it. `left` means that it is not known yet.

    Raises:
        RefusedError: Nobody can cancel the job now; the message says why.
        ChangedError: The job has changed since it was shown.
        GateError: The gate or a service failed; nothing is known to be done.
    """
    return retry_on_conflict(lambda: _cancel(ref, who, reason, digest, ports))


def _cancel(ref: JobRef, who: str, reason: str, digest: str, ports: Ports) -> Review:
    shown = show_job(ref, ports)
    _check(shown, RequestedAction.CANCEL, digest, ports)
    request = _cancellation(shown, who, reason, ports)
    try:
        return apply_update(note_shown(shown.state, ports), request, shown.snapshot, ports)
    except GatePausedError as paused:
        raise RefusedError(f"{ref.job_id}: {paused}; `batchgate resume` ends that") from paused


def _cancellation(shown: ShownJob, who: str, why: str, ports: Ports) -> UpdateRequest:
    action, decision = RequestedAction.CANCEL, shown.decision
    job, requester = shown.snapshot.job, shown.snapshot.requester
    version = decision.policy_version if decision else ""
    review = Review(
        ref=job.ref,
        at=ports.clock.now(),
        action=action.done,
        status=job.status,
        verdict=str(action),
        decided_by=who,
        people=(who,),
        requester=requester if isinstance(requester, str) else "",
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
    asks = asks_for_confirmation(shown.state, job, ports.suspended_date_survives)
    return UpdateRequest(
        requested_action=action,
        verdict=str(action),
        decided_by=who,
        policy_version=version,
        ungated=asks is AsksForConfirmation.NO,
        evaluated=digest_of(decision) if decision else "",
        valid_until=None,
        reason=lambda claim_id: personal_reason(action.done, who, why, version, claim_id),
        review=review,
        breaker=None,
    )
