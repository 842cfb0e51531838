"""A decision for programs: what was asked, what was found, and what it came to, as JSON."""

from collections.abc import Iterable
from datetime import datetime

from batchgate.jobs.model import Json
from batchgate.policy.evaluate import Decision, Vote
from batchgate.policy.reason import status_update_reason
from batchgate.policy.trace import ConditionTrace, RequirementTrace, StatementTrace
from batchgate.policy.wording import TRACED_AT_MOST, printable
from batchgate.text import shorten


def decision_as_json(decision: Decision, instead: str = "") -> dict[str, Json]:
    """The stable JSON form: keys may be added, none change their meaning.

    Args:
        decision: What the policies say.
        instead: What the gate does instead of what the verdict says; "" where it does that.
    """
    return {
        "job_arn": decision.facts.ref.arn,
        "status": str(decision.facts.status),
        "at": decision.facts.now.isoformat(),
        "verdict": str(decision.verdict),
        "instead": instead or None,
        "until": _iso(decision.until),
        "cancels_at": _iso(decision.cancels_at),
        "searched_until": _iso(decision.searched_until),
        "reason": None if instead else status_update_reason(decision),
        "policy_version": decision.policy_version,
        "mode": "shadow" if decision.policies.shadow else "enforce",
        "if_enforced": None if decision.if_enforced is None else str(decision.if_enforced),
        "deciding": _votes(decision.deciding),
        "lifted": _votes(decision.lifted),
        "approvers": [*decision.approvers],
        "awaiting": decision.awaiting,
        "unknown_members": [shorten(printable(path), TRACED_AT_MOST) for path in decision.facts.unknown_members],
        "statements": [_statement_as_json(statement) for statement in decision.trace],
    }


def _iso(when: datetime | None) -> str | None:
    return when.isoformat() if when else None


def _votes(votes: Iterable[Vote]) -> list[Json]:
    return [
        {
            "statement": vote.statement.name if vote.statement else None,
            "requirement": vote.requirement.position if vote.requirement else None,
            "rule": None if vote.rule is None else str(vote.rule),
        }
        for vote in votes
    ]


def _statement_as_json(statement: StatementTrace) -> Json:
    return {
        "name": statement.name,
        "kind": str(statement.kind),
        "mode": "enforce" if statement.enforced else "shadow",
        "governs": statement.governs,
        "vote": None if statement.vote is None else str(statement.vote),
        "match": _condition_as_json(statement.match),
        "requirements": [_requirement_as_json(requirement) for requirement in statement.requirements],
    }


def _requirement_as_json(requirement: RequirementTrace) -> Json:
    return {
        "position": requirement.position,
        "result": str(requirement.result),
        "actual": requirement.actual,
        "expected": requirement.expected,
        "on_violation": str(requirement.on_violation),
        "vote": None if requirement.vote is None else str(requirement.vote),
        "grace": requirement.grace,
        "cancels_from": _iso(requirement.cancels_from),
        "message": requirement.message,
        "condition": _condition_as_json(requirement.own),
        "lifts": [
            {
                "kind": "unless" if lift.exception is None else "exception",
                "name": lift.exception,
                "because": lift.because,
                "condition": _condition_as_json(lift.condition),
            }
            for lift in requirement.lifts
        ],
    }


def _condition_as_json(condition: ConditionTrace) -> dict[str, Json]:
    common: dict[str, Json] = {"result": str(condition.result)}
    if condition.joined:
        return {**common, condition.joined: [_condition_as_json(part) for part in condition.parts]}
    return {
        **common,
        "check": condition.kind,
        "subject": condition.subject,
        "actual": condition.actual,
        "expected": condition.expected,
    }
