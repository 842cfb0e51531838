"""What a review needs from the world, as the review sees it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from batchgate.jobs.model import Job, JobRef, JobStatus, RequestedStatus
from batchgate.policy.facts import Gap
from batchgate.policy.policy_set import PolicySet
from batchgate.state import State


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        ...


@dataclass(frozen=True, slots=True)
class ListedJob:
    """One row of ListJobs: a hint that is worth a review."""

    ref: JobRef
    status: JobStatus
    creation_time: datetime | None


@dataclass(frozen=True, slots=True)
class JobLook:
    """One job as S3 showed it at one time.

    Attributes:
        tags: The job's tags; a gap where they were not asked for or may not be read.
        read_at: Before the first of the calls: the facts are at least this fresh.
    """

    job: Job
    tags: Mapping[str, str] | Gap
    read_at: datetime


class JobsApi(Protocol):
    """S3 Control's job calls. Every error is one of `batchgate.errors`."""

    def describe(self, ref: JobRef) -> Job:
        """DescribeJob.

        Raises:
            JobNotFoundError: S3 knows no such job.
            JobsApiError: Denied, throttled or broken; nothing is known.
        """
        ...

    def look(self, ref: JobRef, *, with_tags: bool) -> JobLook:
        """DescribeJob, and GetJobTagging beside it where asked.

        Tags that may not be read are a gap; every other trouble is raised as by `describe`.
        """
        ...

    def list_jobs(self, account_id: str, statuses: tuple[JobStatus, ...]) -> Iterator[ListedJob]:
        """ListJobs, all pages, in S3's order.

        Raises:
            JobsApiError: Denied, throttled or broken; what was listed so far has been given out.
        """
        ...

    def update_status(self, ref: JobRef, status: RequestedStatus, reason: str) -> None:
        """UpdateJobStatus, one attempt.

        Raises:
            JobsApiThrottledError: Refused for the rate; surely no effect.
            UpdateRefusedError, JobsApiDeniedError, JobNotFoundError: Refused; surely no effect.
            UpdateUnclearError: It may have had, or may still have, its effect.
        """
        ...


class ManifestsApi(Protocol):
    """What S3 says of the object that is a job's manifest."""

    def size(self, job: Job) -> int | Gap:
        """Its size in bytes, of the version and with the ETag that the job names; else why it can't be had.

        Raises:
            ManifestsApiError: S3's own trouble, or the network's; nothing is known.
        """
        ...


class PolicySource(Protocol):
    """Where the policies in force come from."""

    def current(self) -> PolicySet:
        """The policies that may decide now.

        Raises:
            PolicyUnavailableError: There are none that may.
        """
        ...


class DecisionLedger(Protocol):
    """The one truth about each job. Reads are strongly consistent, writes conditional."""

    def read(self, ref: JobRef) -> State | None:
        """The job's state; None where nothing was ever written.

        Raises:
            LedgerError: It could not be read.
        """
        ...

    def write(self, state: State, *, replacing: State | None) -> State:
        """Write `state` if nobody wrote since `replacing` was read; the answer has the new `rev`.

        A write whose answer was lost and that is found done is a success.

        Raises:
            LedgerConflictError: Somebody else wrote since.
            LedgerError: It could not be written, as far as can be known.
        """
        ...

    def claim(self, state: State, *, replacing: State | None) -> State:
        """`write` of a claim: the right to try. Pause and brake are checked in the same transaction."""
        ...

    def record_review(self, review: "Review") -> None:
        """Append a review to the job's history."""
        ...


@dataclass(frozen=True, slots=True)
class Review:
    """What one review came to; the answer of `review_job` and what is announced.

    Attributes:
        action: approved, cancelled, held, waiting, superseded, lapsed, left, or nothing.
        verdict: The policies' verdict; "" where they were not asked.
        until: When a hold's window opens; None where it does not, or nothing is held.
        decided_by: The policy version, or a person's ARN; "" where nothing was decided.
        total_tasks: For the log; None where unknown.
        alarm: What a person must hear of; "" for nothing.
    """

    ref: JobRef
    at: datetime
    action: str
    status: JobStatus
    verdict: str = ""
    until: datetime | None = None
    reason: str = ""
    decided_by: str = ""
    policy_version: str = ""
    claim_id: str = ""
    attempt: int = 0
    operation: str = ""
    total_tasks: int | None = None
    unattributed: bool = False
    alarm: str = ""


class Announcer(Protocol):
    """Tells the world what reviews came to; at least once for every settled end."""

    def announce(self, review: Review) -> None:
        """Tell of one review."""
        ...


class NewId(Protocol):
    """Makes claim ids."""

    def __call__(self) -> str:
        """Eight hex digits, different each time."""
        ...


@dataclass(frozen=True, slots=True)
class Gate:
    """The ports of one invocation.

    Attributes:
        deadline: When this invocation is ended at the latest, finished or not.
    """

    jobs: JobsApi
    manifests: ManifestsApi
    policies: PolicySource
    ledger: DecisionLedger
    announcer: Announcer
    clock: Clock
    new_claim_id: NewId
    deadline: datetime
