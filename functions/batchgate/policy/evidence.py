"""What a decision rested on, as plain data that the ledger keeps: enough to judge the job again."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from batchgate.jobs.model import JobRef, Json
from batchgate.policy.decide import Decision
from batchgate.policy.facts import Gap
from batchgate.policy.trace import StatementTrace

OBJECTIONS_KEPT: Final = 50
CHARACTERS_KEPT: Final = 500
FACT_CHARACTERS_KEPT: Final = 10_000
"""DynamoDB takes 400 KB an item, and a job must be held or cancelled whatever its policies and its requester wrote."""


def evidence_of(decision: Decision) -> dict[str, Json]:
    """The facts as they were, who governed, and every requirement that was not met, with actual and wanted."""
    facts = decision.facts
    objections = [objection for statement in decision.trace for objection in _objections(statement)]
    return {
        "verdict": str(decision.verdict),
        "if_enforced": str(decision.if_enforced) if decision.if_enforced is not None else None,
        "policy_version": decision.policy_version,
        "cancels_at": decision.cancels_at.isoformat() if decision.cancels_at else None,
        "searched_until": decision.searched_until.isoformat() if decision.searched_until else None,
        "governing": [statement.name for statement in decision.governing],
        "objections": [*objections[:OBJECTIONS_KEPT]],
        "objections_left_out": max(0, len(objections) - OBJECTIONS_KEPT),
        "rules": [*sorted(str(vote.rule) for vote in decision.votes if vote.rule is not None)],
        "facts": {name: _kept(_plain(getattr(facts, name))) for name in facts.__struct_fields__},
    }


def digest_of(decision: Decision) -> str:
    """The same as long as version, verdict and every check's result are: 16 hex digits."""
    said = f"{decision.policy_version} {decision.verdict} ".encode() + bytes(decision.results)
    return hashlib.sha256(said).hexdigest()[:16]


def _objections(statement: StatementTrace) -> list[Json]:
    if statement.vote is None or statement.governs is False:
        return []
    return [
        {
            "statement": _shortened(statement.name),
            "enforced": statement.enforced,
            "requirement": requirement.position,
            "kind": requirement.own.kind,
            "subject": requirement.own.subject,
            "result": str(requirement.result),
            "actual": _shortened(requirement.actual),
            "wanted": _shortened(requirement.expected),
            "vote": str(requirement.vote),
            "cancels_from": requirement.cancels_from.isoformat() if requirement.cancels_from else None,
        }
        for requirement in statement.requirements
        if requirement.vote is not None
    ]


def _shortened(text: str) -> str:
    return text if len(text) <= CHARACTERS_KEPT else f"{text[:CHARACTERS_KEPT]}..."


def _kept(fact: Json) -> Json:
    """A fact; of one that would take up the whole record its beginning, as text."""
    text = json.dumps(fact)
    return fact if len(text) <= FACT_CHARACTERS_KEPT else {"too_long": text[:CHARACTERS_KEPT]}


def _plain(value: object) -> Json:
    match value:
        case Gap(result=result, why=why):
            return {"result": str(result), "why": why}
        case JobRef():
            return value.arn
        case datetime():
            return value.isoformat()
        case frozenset():
            return sorted(value)
        case Mapping():
            return {str(name): _plain(each) for name, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case str():
            return str(value)
        case bool() | int() | float() | None:
            return value
        case _:
            message = f"a fact of the type {type(value).__name__} can't be written down"
            raise TypeError(message)
