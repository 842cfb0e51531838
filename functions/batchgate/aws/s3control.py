"""S3 Control's job calls through boto3."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError, NoCredentialsError, ParamValidationError, PartialCredentialsError
from msgspec import Struct, field

from batchgate.aws.answers import UNKNOWN_MEMBERS, UNREADABLE, only_answers, request_is_named
from batchgate.aws.pace import Pace, Unhurried
from batchgate.errors import (
    ClockError,
    GateError,
    JobDescriptionError,
    JobNotFoundError,
    JobsApiDeniedError,
    JobsApiError,
    JobsApiThrottledError,
    ListingUnclearError,
    UpdateRefusedError,
    UpdateUnclearError,
)
from batchgate.gate.ports import Clock, JobSnapshot, ListedJob
from batchgate.gate.protocol import CLOCKS_APART_AT_MOST, clocks_apart
from batchgate.jobs.model import STRUCTURES, Job, JobRef, JobStatus, RequestedStatus
from batchgate.policy.facts import NOT_READ, Gap, Result
from batchgate.text import shorten

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from botocore.model import OperationModel
    from mypy_boto3_s3control import S3ControlClient

AT_ONCE = 32
"""Connections: a sweep's workers, and the call for tags beside each."""

CONFIG = Config(
    connect_timeout=1,
    read_timeout=4,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=AT_ONCE,
)
"""One attempt within `execution.UPDATE_TAKES_AT_MOST`; botocore's own retries, with its backoff and jitter, for all but
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
        untagged_lacks_tags: Whether S3 is known to leave `Tags` out of its answer for a job without tags. Where that
            is not known, an answer without them says nothing of the job's tags.
    """

    client: S3ControlClient
    clock: Clock
    pace: Pace = field(default_factory=Unhurried)
    beside: Executor = field(default_factory=lambda: ThreadPoolExecutor(_CALLS_BESIDE, "tags"))
    untagged_lacks_tags: bool = False

    def __post_init__(self) -> None:
        only_answers(self.client.meta.events)
        self.client.meta.events.register_first(
            "needs-retry.s3-control.UpdateJobStatus", _fail_at_once, unique_id="batchgate-one-attempt"
        )

    def describe(self, ref: JobRef) -> Job:
        """DescribeJob."""
        self.pace.take()
        return self._describe(ref, lambda _: None)

    def _describe(self, ref: JobRef, check: Callable[[Mapping[str, Any]], None]) -> Job:
        answer = _translated(
            ref, lambda: self.client.describe_job(AccountId=ref.account_id, JobId=ref.job_id), check=check
        )
        try:
            job = Job.from_description(answer.get("Job") or {}, _unknown_members(answer))
        except JobDescriptionError as error:
            raise JobsApiError(f"DescribeJob {ref}: {error}") from error
        if job.ref != ref or answer["Job"].get("JobId") not in (None, ref.job_id):
            raise JobsApiError(f"DescribeJob {ref}: the answer is about another job")
        return job

    def look(self, ref: JobRef, *, with_tags: bool) -> JobSnapshot:
        """DescribeJob, and GetJobTagging at the same time; the time that the pace takes does not age the facts."""
        for _ in range(2 if with_tags else 1):
            self.pace.take()
        read_at = self.clock.now()

        def check(answer: Mapping[str, Any]) -> None:
            _check_clock(ref, answer, read_at, self.clock.now())

        if not with_tags:
            return JobSnapshot(self._describe(ref, check), NOT_READ, read_at)
        tags = self.beside.submit(self._tags, ref)
        try:
            job = self._describe(ref, check)
        except GateError:
            tags.cancel()
            raise
        return JobSnapshot(job, tags.result(), read_at)

    def _tags(self, ref: JobRef) -> Mapping[str, str] | Gap:
        try:
            answer = _translated(ref, lambda: self.client.get_job_tagging(AccountId=ref.account_id, JobId=ref.job_id))
        except JobsApiDeniedError:
            return Gap(Result.UNMEASURABLE, "the gate may not read job tags")
        except JobNotFoundError:  # of the tags: whether there is such a job DescribeJob says
            return Gap(Result.UNMEASURABLE, "S3 found no tags of this job")
        if answer.get(UNKNOWN_MEMBERS):
            return Gap(Result.UNMEASURABLE, "S3's list of tags may not be complete")
        if "Tags" not in answer:
            return {} if self.untagged_lacks_tags else Gap(Result.UNMEASURABLE, "S3 answered no list of tags")
        tags = {tag["Key"]: tag["Value"] for tag in answer["Tags"]}
        if len(tags) != len(answer["Tags"]):
            raise JobsApiError(f"GetJobTagging {ref}: a key is there twice")
        return tags

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
            if "Jobs" not in page:
                raise ListingUnclearError(f"ListJobs of {account_id}: the answer has no list of jobs")
            for row in page["Jobs"]:
                if not row.get("JobId") or not row.get("Status"):
                    raise JobsApiError(f"ListJobs of {account_id}: a row without a job's id or status")
                ref = JobRef(partition, region, account_id, row["JobId"])
                yield ListedJob(ref, JobStatus(row["Status"]), row.get("CreationTime"))
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
            if _is_refusal(error) or isinstance(known, JobsApiThrottledError):
                raise known from error
            raise UpdateUnclearError(str(known)) from error
        except (ParamValidationError, NoCredentialsError, PartialCredentialsError) as error:
            raise UpdateRefusedError(f"UpdateJobStatus {ref}: never sent: {error}") from error
        except UNREADABLE as error:
            raise UpdateUnclearError(f"UpdateJobStatus {ref}: {error}") from error
        if answer.get("JobId") != ref.job_id:
            raise UpdateUnclearError(f"UpdateJobStatus {ref}: the answer is not about this job")
        if answer.get("Status") not in _DONE[status]:
            raise UpdateUnclearError(f"UpdateJobStatus {ref}: the answer is that the job is {answer.get('Status')}")


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
_REQUEST_TIMEOUT = 408
_DONE = {
    RequestedStatus.READY: frozenset({"Ready"}),
    RequestedStatus.CANCELLED: frozenset({"Cancelled", "Cancelling"}),
}
"""What S3 says of an update that it has taken. *Source*: AWS CLI reference, update-job-status, examples."""


def _translated(
    ref: JobRef,
    call: Callable[[], Mapping[str, Any]],
    *,
    check: Callable[[Mapping[str, Any]], None] = lambda _: None,
) -> Mapping[str, Any]:
    """Make a call that changes nothing.

    Args:
        ref: For the message.
        call: The call.
        check: Is shown the answer that says what S3 knows of the job: a description, or that it knows none.
    """
    try:
        answer = call()
    except ClientError as error:
        known = _translation(ref, error, otherwise=JobsApiError)
        if isinstance(known, JobNotFoundError):
            check(error.response)
        raise known from error
    except UNREADABLE as error:
        raise JobsApiError(f"{ref}: {type(error).__name__}: {error}") from error
    check(answer)
    return answer


def _unknown_members(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """What the SDK dropped of the structures that say what the job does, by paths within the job."""
    wanted = tuple(f"Job.{name}." for name in STRUCTURES)
    return tuple(path.removeprefix("Job.") for path in answer.get(UNKNOWN_MEMBERS, ()) if path.startswith(wanted))


def _check_clock(ref: JobRef, answer: Mapping[str, Any], asked_at: datetime, answered_at: datetime) -> None:
    """Compare the clock with S3's.

    Raises:
        ClockError: They are too far apart, or S3 does not say what time it is; nothing may be decided.
    """
    said = str(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date") or "")
    try:
        date = parsedate_to_datetime(said)
        apart = clocks_apart(date, asked_at, answered_at) if date.tzinfo is not None else None
    except (ValueError, TypeError, ArithmeticError):
        apart = None
    if apart is None:
        raise ClockError(f"DescribeJob {ref}: no Date in the answer to compare with, got {shorten(said, 60)!r}")
    if abs(apart) > CLOCKS_APART_AT_MOST:
        way = "ahead of" if apart > timedelta(0) else "behind"
        raise ClockError(
            f"DescribeJob {ref}: this function's clock is {abs(apart).total_seconds():.0f} s {way} S3's ({said}); "
            f"more than {CLOCKS_APART_AT_MOST.total_seconds():.0f} s decides nothing"
        )


def _is_refusal(error: ClientError) -> bool:
    """Whether S3 itself says that it has not done what it was asked; what somebody between says proves nothing."""
    if not request_is_named(error.response) or _code(error) in _MAY_HAVE_ARRIVED:
        return False
    return _REFUSALS <= _http_status(error) < _SERVER_ERRORS and _http_status(error) != _REQUEST_TIMEOUT


def _translation(ref: JobRef, error: ClientError, otherwise: type[JobsApiError]) -> JobsApiError:
    code = _code(error)
    kind: type[JobsApiError] = otherwise
    if not request_is_named(error.response):
        pass  # what somebody between says of a job proves nothing
    elif code in _NOT_FOUND:
        kind = JobNotFoundError
    elif code in _THROTTLED:
        kind = JobsApiThrottledError
    elif code.startswith("AccessDenied") or _http_status(error) == _DENIED_STATUS:
        kind = JobsApiDeniedError
    message = shorten(str(error.response.get("Error", {}).get("Message") or ""), 200)
    return kind(f"{error.operation_name} {ref}: {code}: {message}")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code") or "")


def _http_status(error: ClientError) -> int:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status if isinstance(status, int) else 0
