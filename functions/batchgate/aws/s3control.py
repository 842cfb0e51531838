"""The `JobsApi` port on S3 Control."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from msgspec import Struct, field

from batchgate.aws.answers import UNKNOWN_MEMBERS, only_answers
from batchgate.aws.calls import CallError, Failure, make_call, never_retry
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
    from mypy_boto3_s3control import S3ControlClient

AT_ONCE = 32
"""Connections: a sweep's workers, and the call for tags beside each."""

CONFIG = Config(
    connect_timeout=1,
    read_timeout=4,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=AT_ONCE,
)
"""One attempt takes at most `transitions.UPDATE_TAKES_AT_MOST`. botocore retries all calls but
UpdateJobStatus, with its backoff and jitter."""

_CALLS_BESIDE = 20
"""One is needed; the others are for calls that are still running after their review was abandoned."""

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
        beside: Runs GetJobTagging in parallel to DescribeJob.
        pace: Delays every call except updates, whose facts would age meanwhile; an update is counted afterwards.
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
        never_retry(self.client.meta.events, "s3-control.UpdateJobStatus")

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

    def snapshot(self, ref: JobRef, *, with_tags: bool) -> JobSnapshot:
        """DescribeJob and GetJobTagging in parallel. Waiting for the pace does not age the facts."""
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
        except JobNotFoundError:  # of the tags; whether the job exists DescribeJob says
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
        """UpdateJobStatus, once. A result that is neither surely refused nor surely done is unclear."""
        self.pace.owe()
        try:
            answer: Mapping[str, Any] = make_call(
                lambda: self.client.update_job_status(
                    AccountId=ref.account_id,
                    JobId=ref.job_id,
                    RequestedJobStatus=status.value,
                    StatusUpdateReason=reason,
                )
            )
        except CallError as error:
            raise _update_error(ref, error) from error
        if answer.get("JobId") != ref.job_id:
            raise UpdateUnclearError(f"UpdateJobStatus {ref}: the answer is not about this job")
        if answer.get("Status") not in _DONE[status]:
            raise UpdateUnclearError(f"UpdateJobStatus {ref}: the answer is that the job is {answer.get('Status')}")


_REFUSALS = 400
_REQUEST_TIMEOUT = 408
_DONE = {
    RequestedStatus.READY: frozenset({"Ready"}),
    RequestedStatus.CANCELLED: frozenset({"Cancelled", "Cancelling"}),
}
"""The statuses in the response to an accepted update. *Source*: AWS CLI reference, update-job-status, examples."""


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
        check: Receives the response about the job: its description, or that S3 knows no such job.
    """
    try:
        answer = make_call(call)
    except CallError as error:
        known = _error(ref, error, otherwise=JobsApiError)
        if isinstance(known, JobNotFoundError):
            check(error.response)
        raise known from error
    check(answer)
    return answer


def _unknown_members(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths, within the job, of what the SDK dropped from the structures that describe what the job does."""
    wanted = tuple(f"Job.{name}." for name in STRUCTURES)
    return tuple(path.removeprefix("Job.") for path in answer.get(UNKNOWN_MEMBERS, ()) if path.startswith(wanted))


def _check_clock(ref: JobRef, answer: Mapping[str, Any], asked_at: datetime, answered_at: datetime) -> None:
    """Compare the clock with S3's.

    Raises:
        ClockError: They are too far apart, or the response has no Date; nothing may be decided.
    """
    header = str(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date") or "")
    try:
        date = parsedate_to_datetime(header)
        apart = clocks_apart(date, asked_at, answered_at) if date.tzinfo is not None else None
    except (ValueError, TypeError, ArithmeticError):
        apart = None
    if apart is None:
        raise ClockError(f"DescribeJob {ref}: no Date in the answer to compare with, got {shorten(header, 60)!r}")
    if abs(apart) > CLOCKS_APART_AT_MOST:
        way = "ahead of" if apart > timedelta(0) else "behind"
        raise ClockError(
            f"DescribeJob {ref}: this function's clock is {abs(apart).total_seconds():.0f} s {way} S3's ({header}); "
            f"beyond {CLOCKS_APART_AT_MOST.total_seconds():.0f} s nothing is decided"
        )


def _update_error(ref: JobRef, error: CallError) -> JobsApiError:
    """What a failed UpdateJobStatus says of its effect: none for sure, or it is not known."""
    if error.failure in (Failure.INVALID, Failure.NO_CREDENTIALS):
        return UpdateRefusedError(f"UpdateJobStatus {ref}: never sent: {error}")
    known = _error(ref, error, otherwise=UpdateRefusedError)
    if _is_refusal(error) or isinstance(known, JobsApiThrottledError):
        return known
    return UpdateUnclearError(str(known))


def _is_refusal(error: CallError) -> bool:
    """Whether S3 itself says that it has not done what it was asked."""
    if not error.is_from_aws or error.code in _MAY_HAVE_ARRIVED:
        return False
    return _REFUSALS <= error.status < _SERVER_ERRORS and error.status != _REQUEST_TIMEOUT


def _error(ref: JobRef, error: CallError, otherwise: type[JobsApiError]) -> JobsApiError:
    """A failed call in the port's terms; what is not S3's own response says nothing of the job."""
    kind: type[JobsApiError] = otherwise
    if error.is_from_aws:
        if error.code in _NOT_FOUND:
            kind = JobNotFoundError
        elif error.code in _THROTTLED:
            kind = JobsApiThrottledError
        elif error.code.startswith("AccessDenied") or error.status == _DENIED_STATUS:
            kind = JobsApiDeniedError
    return kind(f"{error.operation} {ref}: {error}".lstrip())
