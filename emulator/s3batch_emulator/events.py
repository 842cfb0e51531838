"""The events that S3 emits about jobs, in the documented shape.

Source: S3 User Guide, "Tracking an S3 Batch Operations job in Amazon EventBridge through
AWS CloudTrail" (batch-ops-examples-event-bridge-cloud-trail), wrapped in EventBridge's
envelope for "AWS Service Event via CloudTrail".
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from s3batch_emulator.address import JobScope
from s3batch_emulator.lifecycle import JobStatus

Event: TypeAlias = dict[str, Any]
EventSink: TypeAlias = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class EventIds:
    """The three ids of one event."""

    envelope: str
    record: str
    job_event: str


def discard(event: Event) -> None:
    """A sink that ignores all events."""
    del event


def job_event(
    name: str,
    scope: JobScope,
    job_id: str,
    status: JobStatus,
    at: datetime,
    ids: EventIds,
    *,
    failure_codes: tuple[str, ...] = (),
    reason: str | None = None,
) -> Event:
    """One event as EventBridge delivers it.

    Args:
        name: `JobCreated` or `JobStatusChanged`.
        scope: Partition, Region and account of the job.
        job_id: The job.
        status: Its new status.
        at: When it changed; the event has seconds.
        ids: The event's own ids.
        failure_codes: Codes of a failed job.
        reason: The reason in the UpdateJobStatus request, if one caused the change. That S3 repeats it in
            `statusChangeReason` is *inferred* from the name; the documented example is empty.
    """
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    detail = {
        "eventVersion": "1.05",
        "userIdentity": {"accountId": scope.account_id, "invokedBy": "s3.amazonaws.com"},
        "eventTime": moment,
        "eventSource": "s3.amazonaws.com",
        "eventName": name,
        "awsRegion": scope.region,
        "sourceIPAddress": "s3.amazonaws.com",
        "userAgent": "s3.amazonaws.com",
        "requestParameters": None,
        "responseElements": None,
        "eventID": ids.record,
        "readOnly": False,
        "eventType": "AwsServiceEvent",
        "recipientAccountId": scope.account_id,
        "serviceEventDetails": {
            "jobId": job_id,
            "jobArn": scope.job_arn(job_id),
            "status": status.value,
            "jobEventId": ids.job_event,
            "failureCodes": list(failure_codes),
            "statusChangeReason": [reason] if reason else [],
        },
    }
    return {
        "version": "0",
        "id": ids.envelope,
        "detail-type": "AWS Service Event via CloudTrail",
        "source": "aws.s3",
        "account": scope.account_id,
        "time": moment,
        "region": scope.region,
        "resources": [],
        "detail": detail,
    }
