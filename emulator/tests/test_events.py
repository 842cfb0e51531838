"""Events: what S3 emits about jobs, when, and who may hear it."""

from datetime import timedelta
from typing import Any

import pytest

from s3batch_emulator import (
    Delays,
    Emulator,
    Event,
    MemoryObjects,
    RealClock,
    SteppedClock,
    Switches,
    application,
    connect,
    running_server,
)
from s3batch_emulator.testing import START, EmulatedBatch

from .conftest import NewJob
from .job_requests import ACCOUNT, client, job_request


def test_events_have_the_documented_shape(batch: EmulatedBatch, s3control: Any, new_job: NewJob) -> None:
    """Field for field the example of the User Guide, in EventBridge's envelope."""
    job_id = new_job("Suspended")
    s3control.update_job_status(
        AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus="Cancelled", StatusUpdateReason="no"
    )
    details = [event["detail"]["serviceEventDetails"] for event in batch.events]
    assert [detail["status"] for detail in details] == ["New", "Preparing", "Suspended", "Cancelled"]
    event = batch.events[-1]
    detail: Any = event.pop("detail")
    identifiers = {event.pop("id"), detail.pop("eventID"), detail["serviceEventDetails"].pop("jobEventId")}
    assert len(identifiers) == 3
    assert event == {
        "version": "0",
        "detail-type": "AWS Service Event via CloudTrail",
        "source": "aws.s3",
        "account": ACCOUNT,
        "time": "2026-01-01T00:00:03Z",
        "region": "us-east-1",
        "resources": [],
    }
    assert detail == {
        "eventVersion": "1.05",
        "userIdentity": {"accountId": ACCOUNT, "invokedBy": "s3.amazonaws.com"},
        "eventTime": "2026-01-01T00:00:03Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "JobStatusChanged",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "s3.amazonaws.com",
        "userAgent": "s3.amazonaws.com",
        "requestParameters": None,
        "responseElements": None,
        "readOnly": False,
        "eventType": "AwsServiceEvent",
        "recipientAccountId": ACCOUNT,
        "serviceEventDetails": {
            "jobId": job_id,
            "jobArn": f"arn:aws:s3:us-east-1:{ACCOUNT}:job/{job_id}",
            "status": "Cancelled",
            "failureCodes": [],
            "statusChangeReason": ["no"],
        },
    }


def test_whether_suspended_is_announced_is_a_switch() -> None:
    """Then a gate that waits for the event waits for ever."""
    clock, objects = SteppedClock(START), MemoryObjects()
    events: list[Event] = []
    emulator = Emulator(clock, objects, events.append, Switches(suspended_event=False), seed=0)
    s3control = connect(client(), emulator)
    emulator.settle_until(s3control.create_job(**job_request(objects))["JobId"], "Suspended")
    assert [event["detail"]["serviceEventDetails"]["status"] for event in events] == ["New", "Preparing"]


def test_events_that_a_sink_causes_come_in_order(batch: EmulatedBatch) -> None:
    """Two jobs that are created while a third is announced are announced next, the first one first."""
    told: list[str] = []
    created: list[str] = []

    def create(event: Event) -> None:
        told.append(event["detail"]["serviceEventDetails"]["jobId"])
        while len(created) < 3:
            created.append(s3control.create_job(**job_request(batch.objects))["JobId"])

    emulator = Emulator(batch.clock, batch.objects, create, seed=0)
    s3control = connect(client(), emulator)
    first = s3control.create_job(**job_request(batch.objects))["JobId"]
    assert told == [first, *created]


def test_a_sink_that_fails_does_not_stop_the_jobs_of_a_server(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the job goes on by itself."""
    objects, reached = MemoryObjects(), "New"

    def fail(event: Event) -> None:
        raise LookupError(event["id"])

    emulator = Emulator(RealClock(), objects, fail, delays=Delays.every(timedelta(milliseconds=5)))
    with running_server(application(emulator)) as url:
        s3control = client(base_url=url)
        job_id = s3control.create_job(**job_request(objects))["JobId"]
        for _ in range(1000):
            reached = s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]["Status"]
            if reached == "Suspended":
                break
    assert reached == "Suspended"
    assert "an event sink failed" in caplog.messages


def test_a_sink_may_call_back(batch: EmulatedBatch) -> None:
    """An event is delivered after its change is complete, so its job can be described and confirmed at once."""
    seen: list[str] = []

    def confirm(event: Any) -> None:
        said = event["detail"]["serviceEventDetails"]
        seen.append(s3control.describe_job(AccountId=ACCOUNT, JobId=said["jobId"])["Job"]["Status"])
        if said["status"] == "Suspended":
            s3control.update_job_status(AccountId=ACCOUNT, JobId=said["jobId"], RequestedJobStatus="Ready")

    emulator = Emulator(batch.clock, batch.objects, confirm, seed=0)
    s3control = connect(client(), emulator)
    job_id = s3control.create_job(**job_request(batch.objects))["JobId"]
    emulator.settle_until(job_id, "Complete")
    assert seen == ["New", "Preparing", "Suspended", "Ready", "Active", "Completing", "Complete"]


def test_a_served_emulator_moves_jobs_by_itself() -> None:
    """With a real clock and short delays a job is soon Suspended, without any request."""
    objects, reached = MemoryObjects(), "New"
    events: list[Event] = []
    emulator = Emulator(RealClock(), objects, events.append, delays=Delays.every(timedelta(milliseconds=10)))
    with running_server(application(emulator)) as url:
        s3control = client(base_url=url)
        job_id = s3control.create_job(**job_request(objects))["JobId"]
        for _ in range(1000):
            reached = s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]["Status"]
            if reached == "Suspended":
                break
    assert reached == "Suspended"
    assert [event["detail"]["serviceEventDetails"]["status"] for event in events][:2] == ["New", "Preparing"]
