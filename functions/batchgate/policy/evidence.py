"""What a decision rested on, as plain data that the ledger keeps: enough to evaluate the job again."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import Final

from msgspec import to_builtins
from msgspec.json import encode as json_bytes

from batchgate.jobs.model import Job, JobRef, Json
from batchgate.policy.amounts import Amounts, BudgetAccount, BudgetUse
from batchgate.policy.approvals import Approval
from batchgate.policy.evaluate import Decision, Vote
from batchgate.policy.facts import Gap
from batchgate.policy.trace import StatementTrace
from batchgate.policy.wording import NAMES_AT_MOST, TRACED_AT_MOST
from batchgate.text import shorten

OBJECTIONS_CHARACTERS_KEPT: Final = 150_000
FACT_CHARACTERS_KEPT: Final = 10_000
"""DynamoDB takes 400 KB an item, and a job must be held or cancelled whatever its policies and its requester wrote."""

BUCKETS_CHARACTERS_KEPT: Final = 70_000
"""As many buckets as are counted one by one, with the longest names."""


def evidence_of(decision: Decision) -> dict[str, Json]:
    """The facts as they were, who governed, and every requirement that was not met, with actual and wanted.

    The objections come in the order of their weight: what is enforced first, the most cautious vote first. Of more than
    a record takes the first are kept, and the others counted. What is long is cut, and marked.
    """
    facts = decision.facts
    ranked = sorted(_objections(decision.trace), key=itemgetter(0))  # which keeps the document's order among equals
    objections = [objection for _, objection in ranked]
    kept = _how_many_fit(objections)
    return {
        "verdict": str(decision.verdict),
        "if_enforced": str(decision.if_enforced) if decision.if_enforced is not None else None,
        "policy_version": decision.policy_version,
        "cancels_at": decision.cancels_at.isoformat() if decision.cancels_at else None,
        "searched_until": decision.searched_until.isoformat() if decision.searched_until else None,
        "governing": [*decision.governing_names],
        "objections": [*objections[:kept]],
        "objections_left_out": len(objections) - kept,
        "lifted": [*map(_vote_as_json, decision.lifted[:NAMES_AT_MOST])],
        "approvers": [*decision.approvers],
        "awaiting": decision.awaiting,
        "rules": [*sorted(str(vote.rule) for vote in decision.votes if vote.rule is not None)],
        "facts": {name: _kept(name, _plain(getattr(facts, name))) for name in facts.__struct_fields__},
    }


def job_as_shown(job: Job, tags: Mapping[str, str] | Gap) -> dict[str, Json]:
    """A job as plain data: all that S3 reports except status, dates and progress, which change by themselves.

    Why its tags can't be read stands apart from them: no tags that somebody writes are the same.
    """
    members = {name: getattr(job, name) for name in job.__struct_fields__ if name not in _CHANGES_BY_ITSELF}
    name = "tags_not_read" if isinstance(tags, Gap) else "tags"
    shown: dict[str, Json] = to_builtins({**members, name: _plain(tags)})
    return shown


_CHANGES_BY_ITSELF: Final = frozenset(
    {"ref", "status", "status_update_reason", "suspended_date", "creation_time", "tasks_ended"}
)


def digest_of_job(job: Job, tags: Mapping[str, str] | Gap) -> str:
    """The same as long as the job is what it was when it was shown: 64 hex digits."""
    content = json_bytes(job_as_shown(job, tags), order="deterministic")
    return hashlib.sha256(content).hexdigest()


def digest_of(decision: Decision) -> str:
    """The same as long as version, verdict and every check's result are: 16 hex digits."""
    seen = f"{decision.policy_version} {decision.verdict} ".encode() + bytes(decision.results)
    return hashlib.sha256(seen).hexdigest()[:16]


def _vote_as_json(vote: Vote) -> Json:
    return {
        "statement": shorten(vote.statement.name, TRACED_AT_MOST) if vote.statement else None,
        "requirement": vote.requirement.position if vote.requirement else None,
        "rule": str(vote.rule) if vote.rule else None,
    }


def _objections(trace: Sequence[StatementTrace]) -> Iterator[tuple[tuple[bool, int], dict[str, Json]]]:
    """Each with what it is sorted by."""
    for statement in trace:
        if statement.vote is None or statement.governs is False:
            continue
        for requirement in statement.requirements:
            if requirement.vote is None:
                continue
            objection: dict[str, Json] = {
                "statement": shorten(statement.name, TRACED_AT_MOST),
                "enforced": statement.enforced,
                "requirement": requirement.position,
                "kind": requirement.own.kind,
                "subject": shorten(requirement.own.subject, TRACED_AT_MOST),
                "result": str(requirement.result),
                "actual": shorten(requirement.actual, TRACED_AT_MOST),
                "wanted": shorten(requirement.expected, TRACED_AT_MOST),
                "vote": str(requirement.vote),
                "cancels_from": requirement.cancels_from.isoformat() if requirement.cancels_from else None,
            }
            yield (not statement.enforced, -requirement.vote), objection


def _how_many_fit(objections: Sequence[Json]) -> int:
    length = 0
    for number, objection in enumerate(objections):
        length += len(json.dumps(objection))
        if length > OBJECTIONS_CHARACTERS_KEPT:
            return number
    return len(objections)


def _kept(name: str, fact: Json) -> Json:
    """A fact; of one that would take up the whole record its two ends, as text."""
    if not isinstance(fact, str | list | dict):
        return fact
    text = json.dumps(fact)
    most = BUCKETS_CHARACTERS_KEPT if name == "source_buckets" else FACT_CHARACTERS_KEPT
    return fact if len(text) <= most else {"too_long": shorten(text, TRACED_AT_MOST)}


def _gaps(buckets: frozenset[str | Gap]) -> list[Gap]:
    return sorted((each for each in buckets if isinstance(each, Gap)), key=attrgetter("why"))


def _plain(value: object) -> Json:
    match value:
        case None | bool() | int() | float():  # first, because most facts are such values
            return value
        case str():
            return str(value)
        case Gap(result=result, why=why):
            return {"result": str(result), "why": why}
        case JobRef():
            return value.arn
        case Approval() | BudgetUse() | BudgetAccount() | Amounts():
            return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
        case datetime():
            return value.isoformat()
        case frozenset():
            return [*sorted(each for each in value if isinstance(each, str)), *map(_plain, _gaps(value))]
        case Mapping():
            return {str(name): _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            message = f"a fact of the type {type(value).__name__} can't be recorded"
            raise TypeError(message)
