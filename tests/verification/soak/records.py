"""What a history leaves behind: one log of all that the oracle may look at, in the order in which it happened."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from batchgate.gate.ports import Review
from batchgate.gate.state import State
from batchgate.jobs.model import JobRef
from batchgate.policy.amounts import Amounts, BudgetAccount


@dataclass(frozen=True, slots=True)
class Given:
    """The policies that an invocation was given; None where there were none to be had."""

    at: datetime
    by: int
    document: Mapping[str, Any] | None
    version: str


@dataclass(frozen=True, slots=True)
class ClockIsOff:
    """An invocation whose clock is farther from S3's than a review may be."""

    at: datetime
    by: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Looked:
    """An answer of DescribeJob as boto3 gave it, before the gate read it."""

    at: datetime
    by: int
    job_id: str
    job: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NotFound:
    """DescribeJob's answer that there is no such job."""

    at: datetime
    by: int
    job_id: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A whole answer of ListJobs, all pages."""

    at: datetime
    by: int
    job_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class TagsRead:
    """An answer of GetJobTagging; None where it was denied."""

    at: datetime
    by: int
    job_id: str
    tags: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class SizeRead:
    """The manifest's size; None where it is not to be had."""

    at: datetime
    by: int
    job_id: str
    size: int | None


@dataclass(frozen=True, slots=True)
class RequesterRead:
    """Who created the job, as CloudTrail has it; None where it does not, or not yet."""

    at: datetime
    by: int
    job_id: str
    who: str | None


@dataclass(frozen=True, slots=True)
class UseRead:
    """What the ledger counts of budgets' accounts, as a review was told that evaluates a job."""

    at: datetime
    by: int
    job_id: str
    counts: Mapping[BudgetAccount, Amounts]


@dataclass(frozen=True, slots=True)
class Shown:
    """A person was shown a job: it has this digest."""

    at: datetime
    by: int
    job_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A person asks the gate to decide a job.

    Attributes:
        who: The caller, as AWS says.
        action: approve or cancel.
        digest: The job as this person was shown it.
    """

    at: datetime
    by: int
    job_id: str
    who: str
    action: str
    digest: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What the person was told: the action, or the type of a problem."""

    at: datetime
    by: int
    job_id: str
    told: str


@dataclass(frozen=True, slots=True)
class Written:
    """An item of the ledger was written.

    Attributes:
        breaker: Of a claim: how many cancellations by policy there may be; None where it was not asked.
        is_claim: By the transaction that checks pause and breaker.
        counts: What the ledger counts then of the accounts that the item reserves of, or did before.
    """

    at: datetime
    by: int
    before: State | None
    after: State
    review: Review | None
    is_claim: bool
    breaker: int | None
    counts: Mapping[BudgetAccount, Amounts]


@dataclass(frozen=True, slots=True)
class Sent:
    """UpdateJobStatus went out.

    Attributes:
        answer: done, refused or unclear: as much as anybody could learn, whatever the gate made of it.
        moved: It changed the job's status at once.
    """

    at: datetime
    by: int
    job_id: str
    status: str
    reason: str
    answer: str
    moved: bool


@dataclass(frozen=True, slots=True)
class CameLate:
    """An update that had gone astray reached S3.

    Attributes:
        moved: It changed the job's status.
    """

    at: datetime
    job_id: str
    status: str
    reason: str
    moved: bool


@dataclass(frozen=True, slots=True)
class ByConsole:
    """Somebody asked S3 beside the gate."""

    at: datetime
    job_id: str
    status: str
    moved: bool


@dataclass(frozen=True, slots=True)
class Announced:
    """A review was told."""

    at: datetime
    by: int
    review: Review


@dataclass(frozen=True, slots=True)
class Paused:
    """The gate was paused, or went on."""

    at: datetime
    paused: bool


@dataclass(frozen=True, slots=True)
class Swept:
    """The last sweep begins: no fault is left, and every lease is over."""

    at: datetime
    by: int


@dataclass(frozen=True, slots=True)
class Crashed:
    """The gate raised what it may not raise, or wrote what it may not write."""

    at: datetime
    by: int
    what: str


Record: TypeAlias = (
    Given
    | ClockIsOff
    | Looked
    | NotFound
    | Listed
    | TagsRead
    | SizeRead
    | RequesterRead
    | UseRead
    | Shown
    | Asked
    | Answered
    | Written
    | Sent
    | CameLate
    | ByConsole
    | Announced
    | Paused
    | Swept
    | Crashed
)


@dataclass(frozen=True, slots=True)
class Job:
    """A job as S3 has it at the end of the history.

    Attributes:
        asks: ConfirmationRequired was not explicitly false.
        requester: Who created it.
        history: Every status with its beginning.
        created: When it was created.
    """

    ref: JobRef
    asks: bool
    requester: str
    status: str
    reason: str | None
    history: tuple[tuple[datetime, str], ...]
    created: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the oracle is given.

    Attributes:
        log: Everything that happened.
        jobs: As S3 has them in the end.
        items: As the ledger has them in the end.
        counts: What it counts of budgets' accounts, likewise.
        opened: Since when the ledger is kept.
        adopts: Jobs that are older are decided.
        reason_survives: S3 keeps the reason through later statuses.
        end: When the history ended.
    """

    log: list[Record]
    jobs: list[Job]
    items: Mapping[JobRef, State]
    counts: Mapping[BudgetAccount, Amounts]
    opened: datetime
    adopts: bool
    survives: bool
    reason_survives: bool
    end: datetime
