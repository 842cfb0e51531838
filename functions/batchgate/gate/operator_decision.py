"""A person's decision: by the same claim as every decision, with the policies' objections on record."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

import msgspec
from msgspec import Struct

from batchgate.errors import ChangedError, GatePausedError, RefusedError
from batchgate.gate.execution import apply_update, retry_on_conflict
from batchgate.gate.observation import evaluate, note_shown, policies_in_force, take_snapshot
from batchgate.gate.ports import JobSnapshot, Ports, Review
from batchgate.gate.protocol import NextStep, Step, asks_for_confirmation, may_reopen, next_step, reopened
from batchgate.gate.state import Outcome, Phase, RequestedAction, State
from batchgate.gate.transitions import UpdateRequest
from batchgate.jobs.model import AsksForConfirmation, Job, JobRef, Json
from batchgate.policy.compiled import PolicySet
from batchgate.policy.evaluate import Decision
from batchgate.policy.evidence import digest_of, evidence_of, job_as_shown
from batchgate.policy.reason import personal_reason
from batchgate.text import shorten


class Proposal(Struct, frozen=True):
    """A person's decision before it is applied, and everything that it depends on.

    Attributes:
        state: The job's state in the ledger.
        snapshot: The job as S3 shows it.
        request: The update, and what goes on record with it.
        shown: The job as plain data, without what changes by itself.
    """

    state: State | None
    snapshot: JobSnapshot
    request: UpdateRequest
    shown: Mapping[str, Json]

    @property
    def digest(self) -> str:
        """The same as long as the job and the policies' evaluation of it are: 64 hex digits."""
        content = msgspec.json.encode([self.shown, self.request.evaluated], order="deterministic")
        return hashlib.sha256(content).hexdigest()


def decide_for_operator(
    ref: JobRef, action: RequestedAction, who: str, why: str, ports: Ports, *, shown: str | None = None
) -> Review:
    """Apply a person's decision. It is claimed like every decision; the policies' objections go on record.

    Args:
        ref: The job.
        action: Approve or cancel.
        who: The caller's ARN.
        why: The reason given.
        ports: The ports; the deadline is this command's own. Missing policies do not stop a person's decision.
        shown: The digest of the proposal that the person agreed to; None where nothing was shown.

    Returns:
        The review; its action says what came of it. `left` means that it is not known yet.

    Raises:
        RefusedError: It can't be done; the message says why.
        ChangedError: The job, or the policies' evaluation of it, has changed since it was shown.
        GateError: The gate or a service failed; nothing is known to be done.
    """
    return retry_on_conflict(lambda: _decide_once(ref, action, who, why, ports, shown))


def _decide_once(ref: JobRef, action: RequestedAction, who: str, why: str, ports: Ports, shown: str | None) -> Review:
    proposal = propose_for_operator(ref, action, who, why, ports)
    if shown not in (None, proposal.digest):
        raise ChangedError(
            f"{ref.job_id}: the job, or what the policies say of it, has changed since it was shown; nothing was done. "
            "Run the command again to see it as it is now"
        )
    try:
        return apply_update(note_shown(proposal.state, ports), proposal.request, proposal.snapshot, ports)
    except GatePausedError as paused:
        raise RefusedError(f"{ref.job_id}: {paused}; `batchgate resume` ends that") from paused


def propose_for_operator(ref: JobRef, action: RequestedAction, who: str, why: str, ports: Ports) -> Proposal:
    """What `decide_for_operator` would do now; nothing is written.

    Raises:
        RefusedError: It can't be done; the message says why.
        GateError: The gate or a service failed.
    """
    state = ports.ledger.read(ref)
    policies = policies_in_force(ports)
    snapshot = take_snapshot(ref, state, policies, ports, with_tags=True)
    job, survives = snapshot.job, ports.suspended_date_survives
    if state is not None and may_reopen(state, job):
        state = reopened(state)
    asks = asks_for_confirmation(state, job, survives)
    cancels = action is RequestedAction.CANCEL
    step = next_step(state, job, snapshot.read_at, cancel_ungated=cancels, survives=survives)
    refusal = _refusal(state, step, action, job, asks)
    if refusal:
        raise RefusedError(f"{ref.job_id}: {refusal}")
    decision = evaluate(policies, state, snapshot, ports) if isinstance(policies, PolicySet) else None
    request = _request(decision, action, who, why, ports.clock.now(), job, ungated=asks is AsksForConfirmation.NO)
    return Proposal(state, snapshot, request, job_as_shown(job, snapshot.tags))


def _request(
    decision: Decision | None, action: RequestedAction, who: str, why: str, now: datetime, job: Job, *, ungated: bool
) -> UpdateRequest:
    """The update that a person asks for; `decision` is what the policies say, None where there are none."""
    version = decision.policy_version if decision else ""
    evidence = {
        "person": shorten(who),
        "why": shorten(why),
        "overridden": evidence_of(decision) if decision else None,
    }
    review = Review(
        ref=job.ref,
        at=now,
        action=action.done,
        status=job.status,
        verdict=str(action),
        decided_by=who,
        policy_version=version,
        governing=decision.governing_names if decision else (),
        operation=job.operation or "",
        total_tasks=job.total_tasks,
        suspended_at=job.suspended_date,
        evidence=evidence,
    )
    return UpdateRequest(
        direction=action,
        verdict=str(action),
        decided_by=who,
        policy_version=version,
        ungated=ungated,
        evaluated=digest_of(decision) if decision else "",
        valid_until=None,
        reason=lambda claim_id: personal_reason(action.done, who, why, version, claim_id),
        review=review,
        breaker=None,
    )


def _how_it_ended(state: State) -> str:
    at = f" at {state.decided_at:%Y-%m-%d %H:%M} UTC" if state.decided_at else ""
    match state.outcome, state.direction:
        case Outcome.APPLIED, RequestedAction() as action:
            by_policy = state.decided_by == state.policy_version
            by = (
                f"by policy {state.decided_by}"
                if by_policy
                else f"by {state.decided_by or 'a caller that is not on record'}"
            )
            return f"this job was {action.done} already{at}, {by}"
        case Outcome.LAPSED, _:
            return f"this job ended without a decision{at}"
        case Outcome.UNGATED, _:
            return f"this job did not ask for confirmation: it runs by itself, as was seen{at}"
        case Outcome.UNGATED_OR_CONFIRMED_ELSEWHERE, _:
            return f"this job is ungated, or was confirmed outside the gate: it ran when it was seen{at}"
        case _:
            return f"this job was decided outside the gate already{at}"


def _refusal(state: State | None, step: NextStep, action: RequestedAction, job: Job, asks: AsksForConfirmation) -> str:
    """Why a person's decision can't be applied; "" where it can."""
    if state is not None and state.phase is Phase.SETTLED:
        return _how_it_ended(state)
    if step is Step.LEAVE and state is not None:
        return f"a review has claimed it until {state.lease_until:%H:%M:%S} UTC; see then what came of it"
    if action is RequestedAction.APPROVE and asks is AsksForConfirmation.NO:
        return "this job did not ask for confirmation: it runs by itself"
    if step is not Step.EVALUATE:
        unknown = asks is AsksForConfirmation.UNKNOWN and job.has_run
        why = ", and not whether this job is ungated or was confirmed elsewhere" if unknown else ""
        return f"S3 says {job.status}{why}; only a Suspended job can be decided"
    if state is not None and state.possibly_sent not in (None, action):
        return (
            f"an earlier {state.possibly_sent} may have been sent and may still take effect; "
            f"`batchgate jobs {state.possibly_sent}` can repeat it, the other way is S3's console's"
        )
    return ""
