"""A description with a member that S3's model lacks: held by policy, whatever else is said."""

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from batchgate.jobs.model import STRUCTURES, Job, Json
from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import Verdict
from batchgate.policy.evaluate import Rule, evaluate_job
from batchgate.policy.facts import Gap, gather_facts
from batchgate.policy.reason import REASON_AT_MOST, status_update_reason
from tests.unit.examples import NOW, description, facts, outcome
from tests.unit.strategies import facts_of
from tests.verification.oracle.random_cases import random_case
from tests.verification.oracle.random_documents import random_document

RICH: dict[str, Json] = description(
    Operation={
        "S3PutObjectCopy": {
            "TargetResource": "arn:aws:s3:::target",
            "NewObjectMetadata": {"UserMetadata": {"a": "b"}, "CacheControl": "no"},
            "AccessControlGrants": [{"Grantee": {"TypeIdentifier": "id", "Identifier": "x"}, "Permission": "READ"}],
        }
    },
    ManifestGenerator={
        "S3JobManifestGenerator": {
            "SourceBucket": "arn:aws:s3:::lake",
            "EnableManifestOutput": True,
            "Filter": {"KeyNameConstraint": {"MatchAnyPrefix": ["logs/"]}},
        }
    },
    Report={"Enabled": True, "Bucket": "arn:aws:s3:::reports", "ReportScope": "AllTasks"},
)


def structures(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every structure of a description with its path; what a map holds are no members."""
    if isinstance(value, dict) and not path.endswith("UserMetadata"):
        yield path, value
        for name, inside in value.items():
            yield from structures(inside, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inside in value:
            yield from structures(inside, path)


PLACES = [path for path, _ in structures(RICH) if path.partition(".")[0] in STRUCTURES]


def with_new_member(path: str, name: str = "NewMember", said: Json = True) -> dict[str, Json]:
    """The description with one more member in the structure at a path."""
    described = copy.deepcopy(RICH)
    dict(structures(described))[path][name] = said
    return described


def test_a_description_that_the_model_knows_has_none() -> None:
    """Recorded and made-up ones alike."""
    assert Job.from_description(RICH).unknown_members == ()


@pytest.mark.parametrize("path", PLACES)
def test_each_is_named_by_its_path(path: str) -> None:
    """As an explanation shows it, at any depth, in lists too."""
    job = Job.from_description(with_new_member(path))
    assert job.unknown_members == (f"{path}.NewMember",)
    assert job.operation == (None if path == "Operation" else "S3PutObjectCopy")


@given(st.integers(0, 10_000), st.sampled_from(PLACES))
def test_no_policies_at_all_approve_or_cancel_such_a_job(seed: int, path: str) -> None:
    """Held, or waited for as it would be; and the reason names the member."""
    rng = Random(seed)
    document = random_document(rng)
    case = random_case(rng, document)
    known = replace(facts_of(case, document), approvals=())  # people may approve it
    new = replace(known, unknown_members=(f"{path}.NewMember",))
    policies = compile_policies(document)
    decision, before = evaluate_job(policies, new), evaluate_job(policies, known)
    assert decision.verdict in (Verdict.HOLD, Verdict.WAIT)
    assert decision.until is None
    assert not decision.may_expire
    if before.verdict in (Verdict.HOLD, Verdict.WAIT):
        assert decision.verdict is before.verdict
    reason = status_update_reason(decision)
    assert len(reason) <= REASON_AT_MOST
    assert reason.isascii()
    if decision.verdict is Verdict.HOLD and not policies.shadow:
        assert Rule.UNKNOWN_MEMBER in {vote.rule for vote in decision.deciding}


@pytest.mark.parametrize("kind", ["unmatched", "forbidden", "allowed"])
def test_the_reason_begins_with_the_member(kind: str) -> None:
    """Whatever else is to be said; of several the first is named, of a long one the end."""
    written: dict[str, Any] = {
        "unmatched": {
            "version": 1,
            "unmatched": "cancel",
            "policies": [{"name": "p", "match": [{"region": "x"}], "require": []}],
        },
        "forbidden": {
            "version": 1,
            "policies": [{"name": "p", "require": [{"total_tasks": {"at_most": 1}}], "on_violation": "cancel"}],
        },
        "allowed": {"version": 1, "policies": [{"name": "p", "require": []}]},
    }[kind]
    long = "Operation.S3PutObjectCopy." + "x" * 200 + "End"
    decision = outcome(written, replace(facts(), unknown_members=(long, "b", "c")))
    reason = status_update_reason(decision)
    assert decision.verdict is Verdict.HOLD
    assert "this version does not know ..." in reason
    assert "xxxEnd and 2 more members" in reason


@pytest.mark.parametrize(
    "operation",
    [
        {"S3PutObjectCopy": {}, "S3PutObjectTagging": {}},
        {"S3PutObjectCopy": {}, "S3NewOperation": {}},
        {"S3NewOperation": {}, "S3NewerOperation": {}},
        {},
    ],
)
def test_an_operation_beside_another_is_none(operation: Json) -> None:
    """Which of the two S3 carries out nobody says: the operation and its parameters are unmeasurable."""
    gathered = gather_facts(Job.from_description(description(Operation=operation)), NOW)
    assert isinstance(gathered.operation, Gap)
    assert isinstance(gathered.destination_buckets, Gap)
    cancels = {
        "version": 1,
        "policies": [
            {
                "name": "p",
                "require": [{"operation_parameters": {"S3PutObjectCopy.TargetResource": "x"}}, {"operation": "S3Put*"}],
                "on_violation": "cancel",
            }
        ],
    }
    assert outcome(cancels, gathered).verdict is Verdict.HOLD


def test_a_new_operation_by_itself_is_a_matter_of_policy() -> None:
    """Who names it, and has read what it does, may approve it; on the wire the SDK drops it, and it is held."""
    described = description(Operation={"S3NewOperation": {"Anything": {"Deep": 1}}})
    assert Job.from_description(described).unknown_members == ()
    dropped = Job.from_description(description(Operation={}), ("Operation.S3NewOperation",))
    assert (dropped.operation, dropped.unknown_members) == (None, ("Operation.S3NewOperation",))
