"""What the deployed sweep notifies people of, and what it leaves for whoever asks whether the gate works."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from batchgate.aws.ledger_items import instant_as_text
from batchgate.policy.deployed import load_deployed
from batchgate_cli.authoring import policy_file
from batchgate_cli.local.services import ACCOUNT, REGION
from tests.e2e.conftest import POLICY
from tests.e2e.deployed_gate import DeployedGate, wait_for

SWEPT_EVERY_SECONDS = 3


def _item(gate: DeployedGate, kind: str) -> dict[str, Any]:
    key = {"pk": {"S": f"aws:{REGION}:{ACCOUNT}"}, "sk": {"S": kind}}
    table = gate.outputs["LedgerTable"]
    return dict(gate.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True).get("Item") or {})


@contextmanager
def _subscribed(gate: DeployedGate) -> Iterator[str]:
    """A queue that receives what the topic gets, by its URL; afterwards nobody is subscribed, as before."""
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:notices"
    may = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may | {"Resource": arn}]})
    sqs, sns = gate.client("sqs"), gate.client("sns")
    url = sqs.create_queue(QueueName="notices", Attributes={"Policy": policy})["QueueUrl"]
    asked = {"Protocol": "sqs", "Endpoint": arn, "ReturnSubscriptionArn": True}
    subscription = sns.subscribe(TopicArn=gate.outputs["NoticesTopic"], **asked)["SubscriptionArn"]
    try:
        yield url
    finally:
        sns.unsubscribe(SubscriptionArn=subscription)
        sqs.delete_queue(QueueUrl=url)


def _date_back(gate: DeployedGate, job_id: str) -> None:
    """Move a decision half a day back: a digest names the oldest first, and only ten of many jobs."""
    earlier = datetime.now(UTC) - timedelta(hours=12)
    gate.client("dynamodb").update_item(
        TableName=gate.outputs["LedgerTable"],
        Key={"pk": {"S": f"aws:{REGION}:{ACCOUNT}:{job_id}"}, "sk": {"S": "STATE"}},
        UpdateExpression="SET decided_at = :at, #day = :day",
        ExpressionAttributeNames={"#day": "day"},
        ExpressionAttributeValues={":at": {"S": instant_as_text(earlier)}, ":day": {"S": f"{earlier:%Y-%m-%d}"}},
    )


def test_a_cancellation_is_received_with_its_reason_as_it_is(gate: DeployedGate) -> None:
    """Quotes and backslashes included, by the sweep under its own role, once the decision is a minute old."""
    with _subscribed(gate) as url:
        job_id = gate.create_job("S3PutObjectTagging", 2)
        reason = gate.decided(job_id)["reason"]
        _date_back(gate, job_id)
        assert 'every job names its "team", as C:\\jobs says' in reason
        key = {name: value for name, value in _item(gate, "DIGEST").items() if name in ("pk", "sk")}
        if key:  # another test's digest was sent a moment ago
            gate.client("dynamodb").delete_item(TableName=gate.outputs["LedgerTable"], Key=key)

        def received() -> str | None:
            time.sleep(SWEPT_EVERY_SECONDS)
            gate.invoke("SweepFunction")
            texts = [json.loads(body)["Message"] for body in gate.take(url)]
            return next((text for text in texts if job_id in text), None)

        message = wait_for("the digest is received", received)
        assert f"  {reason.removeprefix('batchgate: ')}\n" in message
        assert "cancelled_until" in _item(gate, "DIGEST")


def test_a_sweep_leaves_its_heartbeat_and_its_gauges(gate: DeployedGate) -> None:
    """The policies of the deployment are in force, an event was received, and somebody could be notified."""
    gate.decided(gate.create_job("S3PutObjectTagging", 2, team="lake"))
    version = load_deployed(policy_file.load([str(POLICY)]).canonical_json).version

    def beats() -> bool:
        """Other tests deploy other policies, and the sweep asks for changes once in a while."""
        gate.invoke("SweepFunction")
        found = _item(gate, "HEARTBEAT").get("heartbeat")
        heartbeat = json.loads(found["S"]) if found else {}
        return (heartbeat.get("policy_version"), heartbeat.get("problem")) == (version, "")

    wait_for("a sweep has left its heartbeat", beats)
    assert wait_for("an event was noted", lambda: _item(gate, "EVENTS").get("received_at"))

    def gauges() -> dict[str, Any] | None:
        found: dict[str, Any] = {}
        for line in gate.log_lines():
            found |= {name: line[name] for name in ("UnexpectedPolicy", "Subscribers", "FoundBySweep") if name in line}
        return found if len(found) == 3 else None

    assert wait_for("the gauges are logged", gauges)["UnexpectedPolicy"] == [0.0]
