"""The way of events: what fires, what does not, and what becomes of an event that nobody can review."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from s3batch_emulator import Effect, Fault
from tests.e2e.deployed_gate import DeployedGate, job_event, wait_for


@contextmanager
def nobody_takes_from_the_queue(gate: DeployedGate) -> Iterator[None]:
    """Events pile up in the deployed queue for as long as the context lasts."""
    functions, mapping = gate.client("lambda"), gate.queue_mapping()
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    try:
        yield
    finally:
        functions.update_event_source_mapping(UUID=mapping, Enabled=True)


@pytest.mark.parametrize(
    "changed",
    [
        {"source": "batchgate.tests"},
        {"detail-type": "AWS API Call via CloudTrail"},
        {"eventName": "CreateJob"},
        {"eventType": "AwsApiCall"},
        {"eventSource": "s3express.amazonaws.com"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_an_event_of_another_kind_does_not_fire(gate: DeployedGate, changed: dict[str, str]) -> None:
    """It never gets into the deployed queue, and the same event unchanged does."""
    name = f"not-a-job-{next(iter(changed))}"
    with nobody_takes_from_the_queue(gate):
        gate.put_event(job_event(name, **changed))
        gate.put_event(job_event(name))
        waiting = [body for body in gate.take(gate.outputs["JobEventQueue"]) if name in body]
    assert [json.loads(body)["detail"]["eventName"] for body in waiting] == ["JobStatusChanged"]
    assert json.loads(waiting[0])["source"] == "aws.s3"


def test_a_poison_message_ends_in_the_dead_letters_while_its_neighbours_are_decided(gate: DeployedGate) -> None:
    """S3 fails on one job for good: its event is tried as often as the template says; the job beside it is approved."""
    queue_url = gate.outputs["JobEventQueue"]
    sqs = gate.client("sqs")
    visibility = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    with nobody_takes_from_the_queue(gate):
        poisonous, healthy = (gate.create_job("S3PutObjectTagging", 2, team="lake") for _ in range(2))
        for job_id in (poisonous, healthy):
            wait_for("the job is suspended", partial(gate.is_suspended, job_id))
        gate.take(queue_url)
        gate.services.batch.faults.add(Fault(Effect.ERROR, operation="DescribeJob", job_id=poisonous, times=None))
        for job_id in (poisonous, healthy):
            gate.put_event(job_event(job_id))
        # Else five tries take five times as long as the function's timeout allows.
        sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"VisibilityTimeout": "1"})
    try:
        assert gate.decided(healthy)["outcome"] == "applied"

        def dead_letters() -> list[str]:
            return [body for body in gate.take(gate.outputs["UnreviewedEvents"]) if poisonous in body]

        assert len(wait_for("the event is a dead letter", dead_letters)) == 1
        assert gate.state(poisonous) is None
    finally:
        sqs.set_queue_attributes(QueueUrl=queue_url, Attributes=visibility)
        gate.services.batch.faults.clear()
    assert gate.is_suspended(poisonous)
