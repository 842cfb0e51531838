"""What is kept of a decision, for people and for evaluating again."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgate.jobs.model import Json
from batchgate.policy.compiled import Verdict
from batchgate.policy.evidence import OBJECTIONS_CHARACTERS_KEPT, evidence_of
from batchgate.policy.facts import NOT_READ
from batchgate.policy.wording import TRACED_AT_MOST
from batchgate.text import MARK
from tests.unit.examples import Written, document, facts, outcome

DYNAMODB_TAKES = 400 * 1024
ORDER = {str(verdict): -verdict for verdict in Verdict}


def kept(data: Written, **members: Any) -> Any:
    """What is kept of a decision by a document as written."""
    return evidence_of(outcome(data, facts(**members)))


@pytest.mark.parametrize(("wanted", "times"), [("long " * 300, 180), ("x" * 20, 600)])
def test_it_fits_into_the_ledger_whatever_is_said(wanted: str, times: int) -> None:
    """A job whose evidence DynamoDB refuses could be neither held nor cancelled."""
    require = [{"description": f"{wanted}{number}"} for number in range(times)]
    parameters: Json = {"S3PutObjectTagging": {"TagSet": [{"Key": "k" * 128, "Value": "v" * 256}] * 5000}}
    evidence = kept(document(*require), Operation=parameters, Description="d" * 256)
    assert len(json.dumps(evidence)) < DYNAMODB_TAKES // 2
    objections = evidence["objections"]
    assert len(json.dumps(objections)) > OBJECTIONS_CHARACTERS_KEPT * 9 // 10
    assert len(objections) + evidence["objections_left_out"] == len(require)
    assert len(objections[0]["wanted"]) <= TRACED_AT_MOST
    assert (MARK in objections[0]["wanted"]) is (len(wanted) > TRACED_AT_MOST)
    assert MARK in evidence["facts"]["parameters"]["too_long"]


def test_values_up_to_1024_characters_are_kept_whole() -> None:
    """The record is not cut where S3 itself takes as much."""
    arn = f"arn:aws:lambda:eu-west-3:111122223333:function:{'f' * 64}:{'1' * 900}"
    require = [{"operation_parameters": {"LambdaInvoke.FunctionArn": "x" * TRACED_AT_MOST}}]
    [objection] = kept(
        {"version": 1, "policies": [{"name": "p", "require": require}]},
        Operation={"LambdaInvoke": {"FunctionArn": arn}},
    )["objections"]
    assert (objection["actual"], objection["wanted"]) == (f'"{arn}"', "x" * TRACED_AT_MOST)


@given(
    st.lists(
        st.tuples(st.sampled_from(["policies", "guardrails"]), st.booleans(), st.sampled_from(["hold", "cancel"])),
        min_size=1,
        max_size=8,
    )
)
def test_what_decides_comes_first(written: list[tuple[str, bool, str]]) -> None:
    """Enforced before shadow, the most cautious vote first; the order of writing only among equals."""
    data: Written = {"version": 1}
    for number, (kind, is_enforced, verdict) in enumerate(written):
        statement = {
            "name": f"s{number}",
            "mode": "enforce" if is_enforced else "shadow",
            "on_violation": verdict,
            "require": [{"object_bytes": {"at_most": 5}}, {"region": "us-*"}],  # one holds, one holds or cancels
        }
        data.setdefault(kind, []).append(statement)
    objections = kept(data, object_bytes=NOT_READ)["objections"]
    ranks = [(not each["enforced"], ORDER[each["vote"]]) for each in objections]
    assert ranks == sorted(ranks)
    assert len(ranks) == 2 * len(written)
