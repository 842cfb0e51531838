"""What is kept of a decision, for people and for judging again."""

import json

from batchgate.jobs.model import Json
from batchgate.policy.decide import decide
from batchgate.policy.evidence import CHARACTERS_KEPT, OBJECTIONS_KEPT, evidence_of
from batchgate.policy.policy_set import PolicySet
from tests.unit.examples import facts

DYNAMODB_TAKES = 400 * 1024


def test_it_fits_into_the_ledger_whatever_is_said() -> None:
    """A job whose evidence DynamoDB refuses could be neither held nor cancelled."""
    require = [{"description": f"{'long ' * 300}{number}"} for number in range(100)]
    data = {"version": 1, "policies": [{"name": "many", "require": require}]}
    parameters: Json = {"S3PutObjectTagging": {"TagSet": [{"Key": "k" * 128, "Value": "v" * 256}] * 5000}}
    evidence = evidence_of(decide(PolicySet.from_data(data), facts(Operation=parameters, Description="d" * 256)))
    assert len(json.dumps(evidence)) < DYNAMODB_TAKES // 2
    objections = evidence["objections"]
    assert isinstance(objections, list)
    assert len(objections) == OBJECTIONS_KEPT
    assert evidence["objections_left_out"] == len(require) - OBJECTIONS_KEPT
    [first, *_] = objections
    assert isinstance(first, dict)
    assert len(str(first["wanted"])) <= CHARACTERS_KEPT + 3
