"""The ports: what a review needs from AWS and the clock, and the values that pass through them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from msgspec import Struct

from batchgate.errors import UnreadableItemError
from batchgate.gate.state import Action, State
from batchgate.jobs.manifest_contents import ManifestContents
from batchgate.jobs.model import DateSurvives, Instant, Job, JobRef, JobStatus, Json, RequestedStatus
from batchgate.policy.amounts import Amounts, BudgetAccount
from batchgate.policy.compiled import PolicySet
from batchgate.policy.facts import NOT_READ, Gap


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        ...


class ListedJob(Struct, frozen=True):
    """One row of ListJobs: a hint that the job should be reviewed."""

    ref: JobRef
    status: JobStatus
    creation_time: datetime | None


class JobSnapshot(Struct, frozen=True):
    """One job as S3 showed it at one instant.

    Attributes:
        tags: The job's tags; a gap where they were not asked for or may not be read.
        read_at: An instant before the first call: the facts are at least this fresh.
        manifest_bytes: The size of the manifest; a gap where it was not asked for or can't be had.
        contents: What is in the manifest; likewise. A gap that is unknown is filled once the manifest is read.
        requester: Who created the job, as CloudTrail has it; a gap where that was not asked for or is not known.
    """

    job: Job
    tags: Mapping[str, str] | Gap
    read_at: datetime
    manifest_bytes: int | Gap = NOT_READ
    contents: ManifestContents | Gap = NOT_READ
    requester: str | Gap = NOT_READ


class JobsApi(Protocol):
    """S3 Control's job calls. Every error is one of `batchgate.errors`."""

    def describe(self, ref: JobRef) -> Job:
        """DescribeJob.

        Raises:
            JobNotFoundError: S3 knows no such job.
            JobsApiError: Denied, throttled or broken; nothing is known.
        """
        ...

    def snapshot(self, ref: JobRef, *, with_tags: bool) -> JobSnapshot:
        """DescribeJob, and GetJobTagging in parallel where asked.

        Tags that the gate may not read, or that are not in the response, are a gap; other errors are raised as by
        `describe`.

        Raises:
            ClockError: The clock is too far from S3's, whether S3 knows the job or not.
        """
        ...

    def list_jobs(self, account_id: str, statuses: tuple[JobStatus, ...]) -> Iterator[ListedJob]:
        """ListJobs, all pages, in S3's order.

        Raises:
            JobsApiError: Denied, throttled or broken; what was listed before has been returned.
        """
        ...

    def update_status(self, ref: JobRef, status: RequestedStatus, reason: str) -> None:
        """UpdateJobStatus, one attempt.

        Raises:
            JobsApiThrottledError: Refused for its rate; surely no effect.
            UpdateRefusedError, JobsApiDeniedError, JobNotFoundError: Refused; surely no effect.
            UpdateUnclearError: It may have had, or may still have, its effect.
        """
        ...


class ManifestsApi(Protocol):
    """The object that is a job's manifest."""

    def size(self, job: Job) -> int | Gap:
        """Its size in bytes, of the version and with the ETag that the job names; else why it can't be had.

        Raises:
            ManifestsApiError: S3 or the network failed; nothing is known.
        """
        ...

    def contents(self, job: Job) -> ManifestContents | Gap:
        """What is in it, counted over all its rows; a gap that is unknown is filled once it is read.

        Raises:
            ManifestsApiError: As `size`.
            LedgerError: What is kept of it could not be read or written.
        """
        ...


class Requesters(Protocol):
    """Who created jobs."""

    def find(self, ref: JobRef, created_at: datetime) -> str | Gap:
        """The ARN of whoever created the job, as AWS recorded it; never a guess.

        A gap that is unknown may be filled at the next review: nothing is recorded yet, or it could not be asked now.
        An unmeasurable one stays: nothing is recorded, it can't be told from what is, or the gate may not ask.
        """
        ...


class NoRequesters(Struct, frozen=True):
    """The `Requesters` port where there is no record to look in."""

    def find(self, ref: JobRef, created_at: datetime) -> str | Gap:  # noqa: ARG002 - as the port has it
        """Nobody is known."""
        return NOT_READ


class PolicySource(Protocol):
    """Where the policies in force come from."""

    def current(self) -> PolicySet:
        """The policies that may decide now.

        Raises:
            PolicyUnavailableError: There are none.
        """
        ...


class CircuitBreaker(Struct, frozen=True):
    """How many claims to cancel there may be within how long, before further ones become holds."""

    cancellations: int
    within: timedelta


class Pause(Struct, frozen=True):
    """Until the pause ends, the gate claims nothing.

    Attributes:
        by: The caller's ARN.
    """

    by: str
    reason: str
    at: datetime


class Unreadable(Struct, frozen=True):
    """An item of the ledger that this version can't read. Its job is left alone until the item is fixed.

    Attributes:
        ref: The job; None where not even that can be read.
        error: Which item it is, and what is wrong with it.
    """

    ref: JobRef | None
    error: UnreadableItemError


class Notified(Struct, frozen=True):
    """What the notices to people cover.

    Attributes:
        holds_until: Holds up to this time, which is that of the last notice; None before the first one.
        cancelled_until: Cancellations up to this time; None before the first sweep that looked for some.
    """

    holds_until: datetime | None = None
    cancelled_until: datetime | None = None


class FoundJob(Struct, frozen=True):
    """A Suspended job that a sweep reviewed before any event announced it; an event may still be on its way.

    Attributes:
        created_at: When the job was created.
        found_at: When it was reviewed.
    """

    job_id: str
    created_at: Instant
    found_at: Instant


class Heartbeat(Struct, frozen=True):
    """What the last sweep leaves in the ledger for whoever asks whether the gate works.

    Attributes:
        swept_at: When the last sweep began.
        since: When the first sweep began.
        policy_version: The policies in force when they could last be loaded; "" where they never could.
        policy_since: Since when the sweeps have found this version in force; None where there is none.
        problem: Why no policies could be loaded; "" where they could.
        problem_since: Since when; None where they could.
        failed: How many errors the last sweep had.
        left: How much work it left to the next one.
        found: Jobs of which it is not known yet whether an event announces them.
    """

    swept_at: Instant
    since: Instant
    policy_version: str = ""
    policy_since: Instant | None = None
    problem: str = ""
    problem_since: Instant | None = None
    failed: int = 0
    left: int = 0
    found: tuple[FoundJob, ...] = ()


class DecisionLedger(Protocol):
    """The one truth about each job. Reads of it are strongly consistent, writes conditional."""

    def read(self, ref: JobRef) -> State | None:
        """The job's state; None where nothing was ever written.

        Raises:
            UnreadableItemError: Another version wrote it, or it is broken.
            LedgerError: It could not be read.
        """
        ...

    def write(self, state: State, *, replacing: State | None, review: "Review | None" = None) -> State:
        """Write `state` if nothing was written since `replacing` was read; return it with its new `rev`.

        What `replacing` has reserved of budgets and `state` has not is given back in the same transaction.

        A write whose response was lost, and that is found to have been made, is a success.

        Args:
            state: The new state.
            replacing: What was read; None where nothing was.
            review: Appended to the job's history with it, both or neither.

        Raises:
            LedgerConflictError: Another review wrote since.
            LedgerError: As far as is known, it was not written.
        """
        ...

    def claim(
        self, state: State, *, replacing: State | None, review: "Review", breaker: CircuitBreaker | None
    ) -> State:
        """`write` of a claim, the right to try; its transaction checks the pause and counts for the circuit breaker.

        What it reserves of budgets is counted in the same transaction, within the reservations' limits.

        Args:
            state: The claim.
            replacing: What was read.
            review: Why, for the history.
            breaker: Refuses a cancellation that would be one too many; None counts it and refuses none.

        Raises:
            GatePausedError: The gate is paused.
            CircuitBreakerError: There were as many cancellations as the circuit breaker allows.
            BudgetExceededError: A budget has no room for it.
            LedgerConflictError, LedgerError: As `write`.
        """
        ...

    def used(self, accounts: Sequence[BudgetAccount]) -> Mapping[BudgetAccount, Amounts]:
        """How much of each account is reserved by approvals that were applied or may have been sent.

        Raises:
            UnreadableItemError: A count is broken.
            LedgerError: They could not be read.
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

        Each has only the fields that the sweep and people use; nothing may be written from it. An item that can't be
        read does not affect the others.
        """
        ...

    def ended(self, refs: Sequence[JobRef]) -> frozenset[JobRef]:
        """Which of these jobs are settled and announced."""
        ...

    def cancelled(self, after: datetime, until: datetime) -> list[State | Unreadable]:
        """The jobs whose cancellation by the gate was settled in this time, by the time; a hint as `open_items`."""
        ...

    def notified(self) -> Notified:
        """What the notices cover; nothing before the first notice, and where it can't be read."""
        ...

    def set_notified(self, cancelled_until: datetime, holds_until: datetime | None) -> None:
        """Record what the notices cover, as `Notified`, unless they are recorded to cover later cancellations."""
        ...

    def heartbeat(self) -> Heartbeat | None:
        """What the last sweep left; None before the first sweep, and where it can't be read."""
        ...

    def set_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Replace it. Only the sweep that has the lease does."""
        ...

    def last_event_at(self) -> datetime | None:
        """When a job event was last received, to the minute; None where none ever was, or it can't be read."""
        ...

    def note_event(self, instant: datetime) -> None:
        """Record that a job event was received, unless that was recorded within the minute before."""
        ...

    def begin_sweep(self, owner: str, until: datetime) -> bool:
        """Take the lease that lets one sweep run at a time; False while another's is live."""
        ...

    def end_sweep(self, owner: str) -> None:
        """Give the lease back, if it is still this owner's."""
        ...


class PeoplesLedger(DecisionLedger, Protocol):
    """The ledger with what people ask of it through the API."""

    def set_pause(self, pause: Pause | None, *, replacing: Pause | None) -> None:
        """Pause or resume the gate, unless another call did either since.

        Args:
            pause: The pause; None ends it.
            replacing: The pause that was read and shown to the person; None for a gate that was not paused.

        Raises:
            LedgerConflictError: The gate's pause is not, or no longer, `replacing`.
        """
        ...

    def counts(
        self, budget: str, period_start: datetime, *, after: str | None, at_most: int
    ) -> list[tuple[BudgetAccount, Amounts]]:
        """The accounts of a budget in one period of which something is counted, in a fixed order.

        Args:
            budget: The budget's name.
            period_start: When the period began.
            after: Only accounts behind this one; None for the first ones.
            at_most: So many.
        """
        ...

    def history(self, ref: JobRef) -> list[dict[str, Any]]:
        """Every review of a job that is kept and can be read, oldest first, as plain data."""
        ...

    def settled(self, since: datetime, before: datetime) -> Iterator[State | Unreadable]:
        """The jobs whose end was settled in this time, the latest first; a hint as `open_items`."""
        ...


class Review(Struct, frozen=True):
    """The result of one review: what `review_job` returns, what is announced, and what the history keeps.

    Attributes:
        id: Of the decision: the same for the same end of the same job, however often it is announced.
        action: What came of the review.
        verdict: The policies' verdict; "" where they were not evaluated.
        until: When a hold's window opens; None where it does not, or nothing is held.
        cancels_at: When a held job will be cancelled unless it is fixed; None likewise.
        decided_by: The policy version, with the ARNs of those whose approvals it counted after it; a person's ARN where
            that person decided alone; "" where nothing was decided.
        people: Whose decision or approvals led to this: their ARNs.
        lifted: The names of those whose objections their approvals lifted: policies, guardrails, rules of the set.
        awaiting: Which approvals are missing, in words; "" where none would help, or none is asked for.
        requester: Who created the job; "" where that was not asked for or is not known.
        governing: The names of the policies and guardrails that govern the job.
        total_tasks: For the log; None where unknown.
        suspended_at: Since when the job waits; None where it never did, or S3 does not say.
        shadow: The policies are in shadow mode: nothing was or will be done by them.
        alarm: What a person must look into; "" for nothing.
        block: Why it is held whatever the policies say; "" where the policies hold it.
        rows_differ: The manifest's rows were counted, and S3 counts another number of tasks.
        budgets: How much is used of the job's account of each budget, with the job if it is approved, in percent of
            the limit that is reached first; by the budget's name.
        evidence: The facts of the verdict, as plain data; None where nothing was evaluated.
    """

    ref: JobRef
    at: datetime
    action: Action
    status: JobStatus
    id: str = ""
    verdict: str = ""
    until: datetime | None = None
    cancels_at: datetime | None = None
    reason: str = ""
    decided_by: str = ""
    people: tuple[str, ...] = ()
    lifted: tuple[str, ...] = ()
    awaiting: str = ""
    requester: str = ""
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
    rows_differ: bool = False
    budgets: Mapping[str, float] = {}
    evidence: Mapping[str, Json] | None = None


class Announcer(Protocol):
    """Announces reviews; every settled end at least once."""

    def announce(self, review: Review) -> bool:
        """Announce one review; False leaves it to the gate's next review of the job.

        Raises:
            AnnounceError: It was not announced, or not completely; it is announced again.
        """
        ...


class Notice(Struct, frozen=True):
    """One message to people.

    Attributes:
        subject: What it is about, in one line.
        text: All of it, any text.
        summary: What of it fits into a chat, in Markdown that mentions nobody and links to nothing.
        next_steps: What to do, likewise: one line each.
    """

    subject: str
    text: str
    summary: str
    next_steps: tuple[str, ...]


class Notices(Protocol):
    """Messages to people."""

    def send(self, notice: Notice) -> None:
        """Send one message.

        Raises:
            AnnounceError: As far as is known, it was not sent.
        """
        ...

    def subscribers(self) -> int:
        """How many confirmed subscriptions receive the messages; as it was some minutes ago where there are some.

        Raises:
            AnnounceError: It can't be known now.
        """
        ...


class DeployedPolicy(Protocol):
    """The policies that should be in force: those that were deployed last."""

    def is_version(self, version: str) -> bool | None:
        """Whether they are of this version; None where it is not known which should be.

        Raises:
            DeploymentError: It can't be known now.
        """
        ...


class NewId(Protocol):
    """Makes claim ids."""

    def __call__(self) -> str:
        """Eight hex digits, different each time."""
        ...


class Ports(Struct, frozen=True):
    """The ports of one invocation, and what the deployment chose.

    Attributes:
        deadline: When this invocation is ended, finished or not.
        breaker: On cancellations by policy.
        requesters: Who created jobs; asked only when a policy asks.
        notices: Messages to people; None where no topic is set.
        deployed: The policies that should be in force; None where no deployment put them there.
        adopt_existing: Whether jobs that are older than the gate are decided.
        suspended_date_survives: Whether a job that was confirmed still has its SuspendedDate.
        listed: The jobs that S3 listed before this review as waiting or running; None where it was not asked (only
            the sweep asks, and only it may), or did not answer.
        review_again_after: The longest time until a hold is reviewed again.
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
    requesters: Requesters = NoRequesters()
    notices: Notices | None = None
    deployed: DeployedPolicy | None = None
    adopt_existing: bool = False
    suspended_date_survives: DateSurvives = DateSurvives.UNKNOWN
    listed: frozenset[JobRef] | None = None
    review_again_after: timedelta = timedelta(minutes=15)
