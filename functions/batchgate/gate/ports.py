"""What a review needs from the world, as the review sees it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from msgspec import Struct

from batchgate.errors import UnreadableItemError
from batchgate.gate.state import State
from batchgate.jobs.model import DateSurvives, Job, JobRef, JobStatus, Json, RequestedStatus
from batchgate.policy.compiled import PolicySet
from batchgate.policy.facts import Gap


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        ...


class ListedJob(Struct, frozen=True):
    """One row of ListJobs: a hint that is worth a review."""

    ref: JobRef
    status: JobStatus
    creation_time: datetime | None


class JobSnapshot(Struct, frozen=True):
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

    def look(self, ref: JobRef, *, with_tags: bool) -> JobSnapshot:
        """DescribeJob, and GetJobTagging beside it where asked.

        Tags that may not be read, or that S3 does not speak of, are a gap; every other trouble is raised as by
        `describe`.

        Raises:
            ClockError: The clock is too far from S3's, whether S3 knows the job or not.
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


class CircuitBreaker(Struct, frozen=True):
    """How many claims to cancel there may be within how long, before further ones become holds."""

    cancellations: int
    within: timedelta


class Pause(Struct, frozen=True):
    """Somebody told the gate to claim nothing.

    Attributes:
        by: The caller's ARN.
    """

    by: str
    reason: str
    at: datetime


class Unreadable(Struct, frozen=True):
    """An item of the ledger that this version can't read; nothing is done about its job until somebody mends it.

    Attributes:
        ref: The job; None where not even that can be read.
        error: Which item it is, and what is wrong with it.
    """

    ref: JobRef | None
    error: UnreadableItemError


class DecisionLedger(Protocol):
    """The one truth about each job. Reads of it are strongly consistent, writes conditional."""

    def read(self, ref: JobRef) -> State | None:
        """The job's state; None where nothing was ever written.

        Raises:
            UnreadableItemError: It is not what this version writes: another one's, or broken.
            LedgerError: It could not be read.
        """
        ...

    def write(self, state: State, *, replacing: State | None, review: "Review | None" = None) -> State:
        """Write `state` if nobody wrote since `replacing` was read; the answer has the new `rev`.

        A write whose answer was lost and that is found done is a success.

        Args:
            state: What is to be true from now on.
            replacing: What was read; None where nothing was.
            review: Appended to the job's history with it, both or neither.

        Raises:
            LedgerConflictError: Somebody else wrote since.
            LedgerError: It could not be written, as far as can be known.
        """
        ...

    def claim(
        self, state: State, *, replacing: State | None, review: "Review", breaker: CircuitBreaker | None
    ) -> State:
        """`write` of a claim, the right to try; its transaction checks the pause and counts for the circuit breaker.

        Args:
            state: The claim.
            replacing: What was read.
            review: Why, for the history.
            breaker: Refuses a cancellation that would be one too many; None counts it and refuses none.

        Raises:
            GatePausedError: The gate is paused.
            CircuitBreakerError: There were as many cancellations as the circuit breaker allows.
            LedgerConflictError, LedgerError: As `write`.
        """
        ...

    def opened_at(self) -> datetime:
        """Since when this ledger is kept: jobs that were created before are older than the gate."""
        ...

    def pause(self) -> Pause | None:
        """Whether claims are refused, and why."""
        ...

    def open_items(self) -> Iterator[State | Unreadable]:
        """What is not settled and announced yet, by `due_at`; a hint: it may be older than what `read` answers.

        Of each only what the sweep and people look at is there; nothing may be written from it. An item that can't be
        read costs the others nothing.
        """
        ...

    def ended(self, refs: Sequence[JobRef]) -> frozenset[JobRef]:
        """Which of these jobs are settled and announced."""
        ...

    def told_until(self) -> datetime | None:
        """Up to when people were told of holds; None before the first digest, and where nobody can read it."""
        ...

    def tell_until(self, instant: datetime) -> None:
        """Remember up to when people were told, unless somebody told them later."""
        ...

    def begin_sweep(self, owner: str, until: datetime) -> bool:
        """Take the lease that lets one sweep run at a time; False while another's is live."""
        ...

    def end_sweep(self, owner: str) -> None:
        """Give the lease back, if it is still this owner's."""
        ...


class Review(Struct, frozen=True):
    """What one review came to; the answer of `review_job`, what is announced, and the history's record.

    Attributes:
        id: Of the decision: the same for the same end of the same job, however often it is announced.
        action: approved, cancelled, held, waiting, superseded, ungated, ungated_or_confirmed_elsewhere, lapsed,
            left, or nothing.
        verdict: The policies' verdict; "" where they were not asked.
        until: When a hold's window opens; None where it does not, or nothing is held.
        cancels_at: When a held job will be cancelled unless it is fixed; None likewise.
        decided_by: The policy version, or a person's ARN; "" where nothing was decided.
        governing: The names of the policies and guardrails that govern the job.
        total_tasks: For the log; None where unknown.
        suspended_at: Since when the job waits; None where it never did, or S3 does not say.
        shadow: The policies are in shadow mode: nothing was or will be done by them.
        alarm: What a person must hear of; "" for nothing.
        block: What but the policies makes it a hold; "" where they do.
        evidence: What the verdict rested on, as plain data; None where nothing was evaluated.
    """

    ref: JobRef
    at: datetime
    action: str
    status: JobStatus
    id: str = ""
    verdict: str = ""
    until: datetime | None = None
    cancels_at: datetime | None = None
    reason: str = ""
    decided_by: str = ""
    policy_version: str = ""
    governing: tuple[str, ...] = ()
    claim_id: str = ""
    attempt: int = 0
    operation: str = ""
    total_tasks: int | None = None
    suspended_at: datetime | None = None
    unattributed: bool = False
    shadow: bool = False
    alarm: str = ""
    block: str = ""
    evidence: Mapping[str, Json] | None = None


class Announcer(Protocol):
    """Tells the world what reviews came to; at least once for every settled end."""

    def announce(self, review: Review) -> bool:
        """Tell of one review; False leaves it to the gate's next review of the job.

        Raises:
            AnnounceError: It could not be told, or not all of it; it is told again.
        """
        ...


class Notices(Protocol):
    """Messages to the people who decide what the gate holds."""

    def send(self, subject: str, message: str) -> None:
        """Send one message, printable ASCII and line ends.

        Raises:
            AnnounceError: It was not sent, as far as can be known.
        """
        ...


class NewId(Protocol):
    """Makes claim ids."""

    def __call__(self) -> str:
        """Eight hex digits, different each time."""
        ...


class Gate(Struct, frozen=True):
    """The ports of one invocation, and what the deployment chose.

    Attributes:
        deadline: When this invocation is ended at the latest, finished or not.
        breaker: On cancellations by policy.
        notices: To people; None where nobody wants any.
        adopt_existing: Whether jobs that are older than the gate are decided.
        suspended_date_survives: Whether a job that was confirmed still has its SuspendedDate.
        listed: What S3 listed just now, before this review, as waiting or running; None where it was not asked (the
            sweep asks, and nobody else may), or did not answer.
        look_again_after: How long a hold is left alone at most.
    """

    jobs: JobsApi
    manifests: ManifestsApi
    policies: PolicySource
    ledger: DecisionLedger
    announcer: Announcer
    clock: Clock
    new_claim_id: NewId
    deadline: datetime
    breaker: CircuitBreaker
    notices: Notices | None = None
    adopt_existing: bool = False
    suspended_date_survives: DateSurvives = DateSurvives.UNKNOWN
    listed: frozenset[JobRef] | None = None
    look_again_after: timedelta = timedelta(minutes=15)
