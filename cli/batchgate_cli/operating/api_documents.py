"""The API's documents (docs/openapi.yaml) as values with types. What no view needs is in the raw document only."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from batchgate.jobs.model import Json


class GivenApproval(Struct, frozen=True, kw_only=True):
    """An approval that a person gave; whether it counts, and is of the job as it is, is known of one job only."""

    who: str
    at: datetime
    reason: str = ""
    counts: bool = True
    why_not: str = ""
    is_current: bool = True


class YourApproval(Struct, frozen=True, kw_only=True):
    """Whether an approval that the caller gives now would count."""

    counts: bool = True
    why_not: str = ""


class OpenJob(Struct, frozen=True, kw_only=True):
    """What the ledger has of a job."""

    job_id: str
    job_arn: str
    account_id: str = ""
    phase: str = "held"
    operation: str | None = None
    total_tasks: int | None = None
    held_since: datetime | None = None
    suspended_at: datetime | None = None
    fails_at: datetime | None = None
    until: datetime | None = None
    cancels_at: datetime | None = None
    due_at: datetime | None = None
    created_at: datetime | None = None
    shadow: bool = False
    block: str | None = None
    reason: str = ""
    governing: tuple[str, ...] = ()
    policy_version: str | None = None
    awaiting: str | None = None
    approvals: tuple[GivenApproval, ...] = ()
    requester: str | None = None
    tags: dict[str, str] | None = None
    verdict: str | None = None
    decided_by: str | None = None
    outcome: str | None = None
    decided_at: datetime | None = None
    claim_id: str | None = None
    attempt: int = 0
    requested_action: str | None = None
    lease_until: datetime | None = None
    maybe_sent: bool = False
    unattributed: bool = False
    announced_at: datetime | None = None
    held_for_known_seconds: float = 0.0
    known_at: datetime | None = None
    needs_review_before_expiry: bool = False


class BudgetAccount(Struct, frozen=True, kw_only=True):
    """What is used of one account of a budget in one period; costs are US dollars as decimal text."""

    budget: str
    each: str | None = None
    account: str = ""
    per: str
    timezone: str
    period_start: datetime
    period_end: datetime
    limits: dict[str, int | str]
    used: dict[str, int | str]
    reserved: dict[str, int | str]
    left: dict[str, int | str]


class JobRequester(Struct, frozen=True, kw_only=True):
    """Who created a job, and whether that is known: yes, not_yet, no or not_asked."""

    arn: str | None = None
    known: str = "not_asked"
    why: str | None = None


class JobDocument(Struct, frozen=True, kw_only=True):
    """One job: S3's description, the ledger's state, the evaluation now, and the history."""

    job: dict[str, Any] | None
    error: str | None
    state: OpenJob | None
    digest: str | None
    requester: JobRequester = JobRequester()
    approvals: tuple[GivenApproval, ...] = ()
    your_approval: YourApproval = YourApproval()
    awaiting: str | None = None
    evaluation: dict[str, Any] | None
    blocks: tuple[str, ...]
    would: str | None
    history: tuple[dict[str, Any], ...]
    history_left_out: int = 0
    warning: str | None = None

    @property
    def job_id(self) -> str:
        """The whole id."""
        return self.state.job_id if self.state else str((self.job or {}).get("job_id") or "")

    @property
    def job_arn(self) -> str:
        """The job's ARN."""
        return self.state.job_arn if self.state else str((self.job or {}).get("job_arn") or "")

    @property
    def operation(self) -> str | None:
        """S3's operation; None where nobody said."""
        return (self.job or {}).get("operation") or (self.state.operation if self.state else None)

    @property
    def total_tasks(self) -> int | None:
        """How many objects; None where that is not known."""
        return (self.job or {}).get("total_tasks") or (self.state.total_tasks if self.state else None)

    @property
    def shown(self) -> Mapping[str, Json]:
        """What the digest is of: all that S3 reports of the job except what changes by itself."""
        return {name: value for name, value in (self.job or {}).items() if name not in _CHANGES_BY_ITSELF}


_CHANGES_BY_ITSELF = frozenset(
    {
        "status",
        "status_update_reason",
        "suspended_at",
        "created_at",
        "tasks_ended",
        "tasks_succeeded",
        "tasks_failed",
        "job_id",
        "job_arn",
    }
)


class PastDecision(Struct, frozen=True, kw_only=True):
    """One decision of the record."""

    job_id: str
    job_arn: str
    action: str
    decided_at: datetime
    reason: str = ""
    decided_by: str | None = None
    people: tuple[str, ...] = ()
    policy_version: str | None = None
    operation: str | None = None
    total_tasks: int | None = None
    governing: tuple[str, ...] = ()
    requester: str | None = None


class PauseFacts(Struct, frozen=True, kw_only=True):
    """By whom, why and since when the gate is paused."""

    by: str
    reason: str
    at: datetime


class ApiPause(Struct, frozen=True, kw_only=True):
    """Whether the gate is paused; `already` where a pause was there before."""

    paused: bool
    by: str = ""
    reason: str = ""
    at: datetime | None = None
    etag: str | None = None
    already: bool = False


class GateStatus(Struct, frozen=True, kw_only=True):
    """The gate as its last sweep left it; None where that is not known."""

    policy_version: str | None
    policy_since: datetime | None
    policy_expected: str | None
    shadow: bool | None
    sweep_minutes: int | None
    since: datetime | None
    last_sweep: datetime | None
    last_sweep_errors: int
    last_event: datetime | None
    held: int
    oldest_held: datetime | None
    held_by_circuit_breaker: int
    unreadable: int
    problem: str | None
    problem_since: datetime | None
    warning: str | None
