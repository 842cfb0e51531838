"""EventBridge's word that something happened to a job: a hint, never a fact. The gate asks itself in the same way."""

from batchgate.contract import JOB_EVENT_NAMES, JOB_EVENT_SOURCE, MANIFEST_READ_DETAIL_TYPE, SERVICE
from batchgate.errors import EventError, JobDescriptionError
from batchgate.jobs.model import JobRef, Json
from batchgate.text import shorten


def parse_job_event(event: Json) -> JobRef:
    """Say which job an S3 Batch Operations event speaks of, and nothing else.

    The status that the event carries is not read: events come late, twice and out of order, and
    DescribeJob has the truth. Account and Region come from the job's ARN.

    Args:
        event: The EventBridge event, or a request of the gate's own; any JSON value. Unknown members are passed over.

    Raises:
        EventError: It is neither that request nor a JobCreated or JobStatusChanged event, with a job's ARN in it.

    Source: S3 User Guide, "Tracking an S3 Batch Operations job in Amazon EventBridge through AWS CloudTrail".
    """
    if is_own_request(event):
        return _read_arn("detail.job_arn", _member(event, "detail", "job_arn"))
    source = _member(event, "source")
    name = _member(event, "detail", "eventName")
    if source != JOB_EVENT_SOURCE or name not in JOB_EVENT_NAMES:
        message = f"expected an aws.s3 event JobCreated or JobStatusChanged, got {_short(source)} {_short(name)}"
        raise EventError(message)
    return _read_arn("detail.serviceEventDetails.jobArn", _member(event, "detail", "serviceEventDetails", "jobArn"))


def _read_arn(where: str, arn: Json) -> JobRef:
    if not isinstance(arn, str):
        message = f"{where}: expected a job's ARN, got {_short(arn)}"
        raise EventError(message)
    try:
        return JobRef.from_arn(arn)
    except JobDescriptionError as error:
        raise EventError(f"{where}: {error}") from error


def is_own_request(message: Json) -> bool:
    """Whether the gate itself asks for the review of a job, because its manifest was read; else S3 has to say so."""
    return _member(message, "source") == SERVICE and _member(message, "detail-type") == MANIFEST_READ_DETAIL_TYPE


def _member(value: Json, *path: str) -> Json:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _short(value: Json) -> str:
    return shorten(ascii(value), 80)
