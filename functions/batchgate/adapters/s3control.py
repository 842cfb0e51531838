"""S3 Control's job calls through boto3."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError
from msgspec import Struct, field

from batchgate.adapters.pace import Pace, Unhurried
from batchgate.errors import (
    JobDescriptionError,
    JobNotFoundError,
    JobsApiDeniedError,
    JobsApiError,
    JobsApiThrottledError,
    UpdateRefusedError,
    UpdateUnclearError,
)
from batchgate.jobs.model import Job, JobRef, JobStatus, RequestedStatus
from batchgate.policy.facts import NOT_READ, Gap, Result
from batchgate.ports import Clock, JobLook, ListedJob

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from botocore.model import OperationModel
    from mypy_boto3_s3control import S3ControlClient

T = TypeVar("T")

AT_ONCE = 32
"""Connections: a sweep's workers, and the call for tags beside each."""

CONFIG = Config(
    connect_timeout=1,
    read_timeout=4,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=AT_ONCE,
)
"""One attempt within `carry_out.UPDATE_TAKES_AT_MOST`; botocore's own retries, with its backoff and jitter, for all but
UpdateJobStatus."""

_CALLS_BESIDE = 20
"""One is needed; the others are for calls that hang on from a review that was given up."""

JOBS_A_PAGE = 1000
"""Source: S3 Control API, ListJobs MaxResults."""

# S3 Control's model and the User Guide's troubleshooting page name the same errors differently.
_NOT_FOUND = frozenset({"NotFoundException", "NoSuchJobException", "NoSuchJob", "NotFound"})
_THROTTLED = frozenset(
    {"TooManyRequestsException", "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded"}
)
_DENIED_STATUS = 403
_SERVER_ERRORS = 500
_MAY_HAVE_ARRIVED = frozenset(
    {"RequestTimeout", "RequestTimeoutException", "InternalServiceException", "InternalError"}
)


class S3Control(Struct, frozen=True):
    """The `JobsApi` port on S3 Control.

    Attributes:
        client: A client made with `CONFIG`. One for all calls: UpdateJobStatus then goes over the connection that
            DescribeJob has just opened, or used.
        beside: Where the call for tags goes on beside DescribeJob.
        pace: Asked before every call; an update is not kept waiting, or its facts would age, and counts afterwards.
    """

    client: S3ControlClient
    clock: Clock
    pace: Pace = field(default_factory=Unhurried)
    beside: Executor = field(default_factory=lambda: ThreadPoolExecutor(_CALLS_BESIDE, "tags"))

    def __post_init__(self) -> None:
        self.client.meta.events.register_first(
            "needs-retry.s3-control.UpdateJobStatus", _fail_at_once, unique_id="batchgate-one-attempt"
        )

    def describe(self, ref: JobRef) -> Job:
        """DescribeJob."""
        self.pace.take()
        answer = _translated(ref, lambda: self.client.describe_job(AccountId=ref.account_id, JobId=ref.job_id))
        description: Mapping[str, Any] = answer.get("Job") or {}
        try:
            return Job.from_description(description)
        except JobDescriptionError as error:
            raise JobsApiError(f"DescribeJob {ref}: {error}") from error

    def look(self, ref: JobRef, *, with_tags: bool) -> JobLook:
        """DescribeJob, and GetJobTagging at the same time."""
        read_at = self.clock.now()
        if not with_tags:
            return JobLook(self.describe(ref), NOT_READ, read_at)
        tags = self.beside.submit(self._tags, ref)
        try:
            job = self.describe(ref)
        except JobsApiError:
            tags.cancel()
            raise
        return JobLook(job, tags.result(), read_at)

    def _tags(self, ref: JobRef) -> Mapping[str, str] | Gap:
        self.pace.take()
        try:
            answer = _translated(ref, lambda: self.client.get_job_tagging(AccountId=ref.account_id, JobId=ref.job_id))
        except JobsApiDeniedError:
            return Gap(Result.UNMEASURABLE, "the gate may not read job tags")
        return {tag["Key"]: tag["Value"] for tag in answer.get("Tags", [])}

    def list_jobs(self, account_id: str, statuses: tuple[JobStatus, ...]) -> Iterator[ListedJob]:
        """ListJobs; botocore has no paginator for it, so NextToken is followed here."""
        region, partition = self.client.meta.region_name, self.client.meta.partition
        home = JobRef(partition, region, account_id, "list")
        wanted: list[Any] = [each.value for each in statuses]
        token: dict[str, str] = {}
        while True:
            self.pace.take()
            page: Mapping[str, Any] = _translated(
                home,
                lambda token=token: self.client.list_jobs(  # type: ignore[misc]
                    AccountId=account_id, JobStatuses=wanted, MaxResults=JOBS_A_PAGE, **token
                ),
            )
            for row in page.get("Jobs") or ():
                ref = JobRef(partition, region, account_id, row["JobId"])
                yield ListedJob(ref, JobStatus(row.get("Status", "")), row.get("CreationTime"))
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}

    def update_status(self, ref: JobRef, status: RequestedStatus, reason: str) -> None:
        """UpdateJobStatus, once: what is not surely refused, and not surely done, is unclear."""
        self.pace.owe()
        try:
            answer: Mapping[str, Any] = self.client.update_job_status(
                AccountId=ref.account_id,
                JobId=ref.job_id,
                RequestedJobStatus=status.value,
                StatusUpdateReason=reason,
            )
        except ClientError as error:
            known = _translation(ref, error, otherwise=UpdateRefusedError)
            surely_refused = _REFUSALS <= _http_status(error) < _SERVER_ERRORS and _code(error) not in _MAY_HAVE_ARRIVED
            if surely_refused or isinstance(known, JobsApiThrottledError):
                raise known from error
            raise UpdateUnclearError(str(known)) from error
        except (ParamValidationError, NoCredentialsError, PartialCredentialsError) as error:
            raise UpdateRefusedError(f"UpdateJobStatus {ref}: never sent: {error}") from error
        except _UNREADABLE as error:
            raise UpdateUnclearError(f"UpdateJobStatus {ref}: {error}") from error
        if answer.get("JobId") != ref.job_id:
            raise UpdateUnclearError(f"UpdateJobStatus {ref}: the answer is not about this job")


def _fail_at_once(
    response: tuple[AWSResponse, Any] | None, caught_exception: Exception | None, operation: OperationModel, **_: object
) -> None:
    """Asked by botocore before its retries are: what went wrong is raised, so that nothing tries it again.

    *Source*: botocore, Endpoint, the event `needs-retry`; its answers say how long to wait, and a retry follows.
    """
    if caught_exception is not None:
        raise caught_exception
    if response is not None and response[0].status_code >= _NOT_DONE:
        raise ClientError(response[1], operation.name)


_NOT_DONE = 300
_REFUSALS = 400
_UNREADABLE = (BotoCoreError, ResponseParserError, ValueError, LookupError, TypeError, AttributeError)
"""What botocore raises for a connection that failed, and for an answer that is not S3's.

Its parsers guard against broken XML, not against well-formed XML of another shape.
"""


def _translated(ref: JobRef, call: Callable[[], T]) -> T:
    try:
        return call()
    except ClientError as error:
        raise _translation(ref, error, otherwise=JobsApiError) from error
    except _UNREADABLE as error:
        raise JobsApiError(f"{ref}: {type(error).__name__}: {error}") from error


def _translation(ref: JobRef, error: ClientError, otherwise: type[JobsApiError]) -> JobsApiError:
    code = _code(error)
    kind: type[JobsApiError] = otherwise
    if code in _NOT_FOUND:
        kind = JobNotFoundError
    elif code in _THROTTLED:
        kind = JobsApiThrottledError
    elif code.startswith("AccessDenied") or _http_status(error) == _DENIED_STATUS:
        kind = JobsApiDeniedError
    message = str(error.response.get("Error", {}).get("Message") or "")[:200]
    return kind(f"{error.operation_name} {ref}: {code}: {message}")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code") or "")


def _http_status(error: ClientError) -> int:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status if isinstance(status, int) else 0
