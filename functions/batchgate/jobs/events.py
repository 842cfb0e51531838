"""EventBridge's word that something happened to a job: a hint, never a fact."""

from batchgate.contract import JOB_EVENT_NAMES, JOB_EVENT_SOURCE
from batchgate.errors import EventError, JobDescriptionError
from batchgate.jobs.model import JobRef, Json
from batchgate.text import shorten


def parse_job_event(event: Json) -> JobRef:
    """Say which job an S3 Batch Operations event speaks of, and nothing else.

    The status that the event carries is not read: events come late, twice and out of order, and
    DescribeJob has the truth. Account and Region come from the job's ARN.

    Args:
        event: The EventBridge event, any JSON value. Unknown members are passed over.

    Raises:
        EventError: It is not a JobCreated or JobStatusChanged event with a job's ARN in it.

    Source: S3 User Guide, "Tracking an S3 Batch Operations job in Amazon EventBridge through AWS CloudTrail".
    """
    source = _member(event, "source")
    name = _member(event, "detail", "eventName")
    if source != JOB_EVENT_SOURCE or name not in JOB_EVENT_NAMES:
        message = f"expected an aws.s3 event JobCreated or JobStatusChanged, got {_short(source)} {_short(name)}"
        raise EventError(message)
    arn = _member(event, "detail", "serviceEventDetails", "jobArn")
    if not isinstance(arn, str):
        message = f"detail.serviceEventDetails.jobArn: expected a job's ARN, got {_short(arn)}"
        raise EventError(message)
    try:
        return JobRef.from_arn(arn)
    except JobDescriptionError as error:
        message = f"detail.serviceEventDetails.jobArn: {error}"
        raise EventError(message) from error


def _member(value: Json, *path: str) -> Json:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _short(value: Json) -> str:
    return shorten(ascii(value), 80)
