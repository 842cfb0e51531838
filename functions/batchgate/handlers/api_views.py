"""What the API answers, as docs/openapi.yaml describes it: keys may be added, none change their meaning."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from batchgate.gate.budget_use import minus
from batchgate.gate.ports import JobSnapshot, Pause, Review, Unreadable
from batchgate.gate.state import Outcome, State
from batchgate.jobs.model import Json
from batchgate.policy.amounts import COST_UNITS, Amounts, BudgetAccount
from batchgate.policy.approvals import Approval
from batchgate.policy.budgets import Budget
from batchgate.policy.evaluate import SUSPENDED_FOR_AT_MOST
from batchgate.policy.facts import Gap

BYTES_AT_MOST: Final = 4_000_000
"""Of a response's histories. Lambda's response may have 6 MB; text that is not ASCII takes more of it."""


def summary(state: State) -> dict[str, Json]:
    """An open job, as its last review left it."""
    fails_at = state.suspended_at + SUSPENDED_FOR_AT_MOST if state.suspended_at else None
    return {
        "job_id": state.ref.job_id,
        "job_arn": state.ref.arn,
        "account_id": state.ref.account_id,
        "phase": str(state.phase),
        "operation": state.operation or None,
        "total_tasks": state.total_tasks,
        "held_since": iso(state.first_held_at),
        "suspended_at": iso(state.suspended_at),
        "fails_at": iso(fails_at),
        "until": iso(state.until),
        "cancels_at": iso(state.cancels_at),
        "due_at": iso(state.due_at),
        "created_at": iso(state.created_at),
        "shadow": state.shadow,
        "block": str(state.block) if state.block else None,
        "reason": state.reason,
        "governing": [*state.governing],
        "policy_version": state.policy_version,
        "awaiting": state.awaiting,
        "approvals": [approval(each) for each in state.approvals],
        "requester": state.requester or None,
        "tags": None if state.tags is None else {**state.tags},
    }


def full_state(state: State) -> dict[str, Json]:
    """The gate's record of a job."""
    return summary(state) | {
        "verdict": state.verdict,
        "decided_by": state.decided_by,
        "outcome": str(state.outcome) if state.outcome else None,
        "requested_action": str(state.requested_action) if state.requested_action else None,
        "decided_at": iso(state.decided_at),
        "announced_at": iso(state.announced_at),
        "claim_id": state.claim_id,
        "attempt": state.attempt,
        "lease_until": iso(state.lease_until),
        "maybe_sent": state.maybe_sent,
        "unattributed": state.unattributed,
        "held_for_known_seconds": state.held_for_known.total_seconds(),
        "known_at": iso(state.known_at),
        "needs_review_before_expiry": state.needs_review_before_expiry,
    }


def approval(given: Approval) -> dict[str, Json]:
    """One approval; its digest is no matter of people's."""
    return {"who": given.who, "at": given.at.isoformat(), "reason": given.reason}


def job_facts(snapshot: JobSnapshot) -> dict[str, Json]:
    """A job as S3 shows it."""
    job = snapshot.job
    tags: Json = {"error": _gap(snapshot.tags)} if isinstance(snapshot.tags, Gap) else {**snapshot.tags}
    return {
        "job_id": job.ref.job_id,
        "job_arn": job.ref.arn,
        "status": str(job.status),
        "operation": job.operation,
        "parameters": _plain(job.parameters),
        "tags": tags,
        "manifest": _plain(job.manifest),
        "generator": _plain(job.manifest_generator),
        "generated_manifest": _plain(job.generated_manifest),
        "report": _plain(job.report),
        "priority": job.priority,
        "role": job.role,
        "description": job.description,
        "total_tasks": job.total_tasks,
        "confirmation_required": job.confirmation_required,
        "created_at": iso(job.creation_time),
        "suspended_at": iso(job.suspended_date),
        "status_update_reason": job.status_update_reason,
        "unknown_members": [*job.unknown_members],
    }


def _gap(gap: Gap) -> Json:
    return {"result": str(gap.result), "why": gap.why}


def _plain(structure: Mapping[str, Json] | None) -> Json:
    """S3's structure with its dates as text."""
    found: Json = msgspec.to_builtins(structure)
    return found


def decision(state: State) -> dict[str, Json]:
    """A job that was decided, or that ended without a decision."""
    return {
        "job_id": state.ref.job_id,
        "job_arn": state.ref.arn,
        "account_id": state.ref.account_id,
        "action": end_of(state),
        "decided_at": iso(state.decided_at),
        "reason": state.reason,
        "decided_by": state.decided_by,
        "people": [*state.people],
        "policy_version": state.policy_version,
        "operation": state.operation or None,
        "total_tasks": state.total_tasks,
        "governing": [*state.governing],
        "requester": state.requester or None,
        "shadow": state.shadow,
        "claim_id": state.claim_id,
        "unattributed": state.unattributed,
        "created_at": iso(state.created_at),
        "suspended_at": iso(state.suspended_at),
    }


def end_of(state: State) -> str:
    """How a settled job ended."""
    if state.outcome is Outcome.APPLIED and state.requested_action is not None:
        return str(state.requested_action.done)
    return str(state.outcome or Outcome.SUPERSEDED)


def budget_account(
    budget: Budget, account: BudgetAccount, end: datetime, counted: Amounts, reserved: Amounts
) -> dict[str, Json]:
    """What is used of one account in one period.

    The counts and the open jobs are not read at one instant: what is used is never shown as less than nothing.
    """
    limits = {name: getattr(budget.limits, name) for name in budget.limits.named}
    used = {name: max(0, each) for name, each in _amounts(minus(counted, reserved)).items()}
    left = {name: max(0, limit - getattr(counted, name)) for name, limit in limits.items()}
    return {
        "budget": budget.name,
        "each": f"tag {budget.tag}" if budget.tag else budget.each or None,
        "account": account.account,
        "per": str(budget.per),
        "timezone": budget.zone,
        "period_start": iso(account.period_start),
        "period_end": iso(end),
        "limits": _in_dollars(limits),
        "used": _in_dollars(used),
        "reserved": _in_dollars(_amounts(reserved)),
        "left": _in_dollars(left),
    }


def _amounts(amounts: Amounts) -> dict[str, int]:
    return {name: getattr(amounts, name) for name in Amounts.__struct_fields__}


def _in_dollars(amounts: Mapping[str, int]) -> dict[str, Json]:
    """Costs are decimal text: exact, whatever reads it."""
    return {name: _dollars(each) if name == "cost" else each for name, each in amounts.items()}


def _dollars(amount: int) -> str:
    whole, rest = divmod(amount, COST_UNITS)
    return f"{whole}.{rest:010}".rstrip("0").rstrip(".")


def unreadable(item: Unreadable) -> dict[str, Json]:
    """An item of the ledger that can't be read."""
    return {"job_arn": item.ref.arn if item.ref else None, "error": str(item.error)}


def decided(review: Review, state: State | None) -> dict[str, Json]:
    """What came of a person's decision: of the review, and of the job's state afterwards."""
    return {
        "job_id": review.ref.job_id,
        "job_arn": review.ref.arn,
        "action": str(review.action),
        "reason": review.reason,
        "awaiting": review.awaiting,
        "approvals": [approval(each) for each in state.approvals] if state else [],
        "decided_by": review.decided_by,
        "claim_id": review.claim_id or None,
    }


def pause(found: Pause | None, *, already: bool = False) -> dict[str, Json]:
    """Whether the gate is paused."""
    if found is None:
        return {"paused": False, "already": already}
    return {"paused": True, **pause_facts(found), "etag": etag(found), "already": already}


def pause_facts(found: Pause) -> dict[str, Json]:
    """Who paused the gate, why and when."""
    return {"by": found.by, "reason": found.reason, "at": found.at.isoformat()}


def etag(found: Pause) -> str:
    """Names one pause, in HTTP's quotes."""
    content = msgspec.json.encode([found.by, found.reason, found.at])
    return f'"{hashlib.sha256(content).hexdigest()[:16]}"'


def latest(records: Sequence[Mapping[str, Any]], room: int = BYTES_AT_MOST) -> tuple[list[Json], int, int]:
    """The latest records of a history that fit, how many are left out, and the bytes of the others."""
    taken = 0
    for number, record in enumerate(reversed(records)):
        size = len(msgspec.json.encode(record))
        if taken + size > room:
            return [dict(each) for each in records[len(records) - number :]], len(records) - number, taken
        taken += size
    return [dict(each) for each in records], 0, taken


def iso(instant: datetime | None) -> str | None:
    """An instant as everywhere in the API."""
    return instant.isoformat() if instant else None
