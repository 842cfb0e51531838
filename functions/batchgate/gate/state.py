"""What the ledger keeps of one job: one item of truth, `STATE`."""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from batchgate.jobs.model import JobRef, RequestedStatus


class Phase(StrEnum):
    """How far the gate has come with a job."""

    HELD = "held"
    CLAIMED = "claimed"
    SETTLED = "settled"


class RequestedAction(StrEnum):
    """What the job's claims try to do; the gate's hand moves one way a job."""

    APPROVE = "approve"
    CANCEL = "cancel"

    @property
    def requested_status(self) -> RequestedStatus:
        """What UpdateJobStatus is asked for."""
        return RequestedStatus.READY if self is RequestedAction.APPROVE else RequestedStatus.CANCELLED

    @property
    def done(self) -> str:
        """What was done once S3 has done it: approved or cancelled."""
        return "approved" if self is RequestedAction.APPROVE else "cancelled"


class Block(StrEnum):
    """What keeps the gate from deciding, whatever the policies say."""

    PAUSED = "paused"
    """Somebody paused the gate."""
    CIRCUIT_BREAKER = "circuit breaker"
    """Too many cancellations in too short a time."""
    ADOPTION = "adoption"
    """The job is older than the gate, which was not told to decide such jobs."""
    CONFLICTING_UPDATE = "conflicting update"
    """An update the other way may have been sent; the gate's hand moves one way a job."""


class Outcome(StrEnum):
    """How a job ended for the gate."""

    APPLIED = "applied"
    """S3 did what the gate asked."""
    SUPERSEDED = "superseded"
    """Somebody else decided."""
    UNGATED = "ungated"
    """It did not ask for confirmation, and ran."""
    UNGATED_OR_CONFIRMED_ELSEWHERE = "ungated_or_confirmed_elsewhere"
    """It ran, and nothing says whether it ever waited for confirmation."""
    LAPSED = "lapsed"
    """The job ended without a decision."""


LEASE_AT_MOST = timedelta(hours=1)
"""Longer than any invocation: a lease that ends later was not written by one."""


class State(Struct, frozen=True):
    """The gate's truth about one job.

    Attributes:
        rev: Counts the writes; every write is conditional on the one before.
        phase: held, claimed or settled.
        verdict: The last review's verdict, in its own word.
        reason: The last review's reason.
        decided_by: The policy version, or a person's ARN.
        policy_version: The policies that evaluated last.
        first_held_at: The first hold; kept through claims.
        held_for_known: How long it was held for reasons that are all known, up to the last review.
        known_at: When the last review found it held for such reasons, from which on more time counts; None where the
            time since then does not.
        owes_chance: Nothing counts until a review could have approved it: after an outage of the gate's.
        due_at: When somebody has to look again; the lease's end of a claim, at once for the end,
            None only when settled and announced.
        claim_id: The job's own, made with its first claim and kept ever after; part of every
            reason; None before.
        attempt: How many claims there were.
        direction: The claims' own; None where no claim may have been sent.
        maybe_sent: A claim's lease ran out before it was known what became of it; kept when the job is settled.
        lease_until: Until when the last claim's owner, and nobody else, acts.
        outcome: How it ended; None while open.
        unattributed: It ended in the claim's direction, and no reason on the job says by whom.
        decided_at: When the end was settled; None while open.
        announced_at: When the end was announced; None before.
        until: When a hold's window opens, as the last review saw it; None where none will.
        cancels_at: When a held job will be cancelled unless it is fixed, likewise.
        block: What but the policies made the last review a hold; None where they did.
        news_at: When the hold last became another one.
        shadow: The last review evaluated in shadow mode.
        evaluated: Digest of what the last evaluating review saw: policy version, verdict, every check's result.
        governing: The names of the policies and guardrails that governed the job then.
        operation: The job's operation, for people; "" where S3 did not say.
        total_tasks: Its objects, for people; None where S3 did not say.
        created_at: When the job was created; None where S3 did not say.
        suspended_at: Since when the job waits for confirmation; None where S3 did not say.
        ungated: What is held or claimed here did not ask for confirmation.
        missing_since: When S3 first said that it does not know the job, and has not shown it since; None where it has.
    """

    ref: JobRef
    rev: int
    phase: Phase
    verdict: str
    reason: str
    decided_by: str
    policy_version: str
    due_at: datetime | None
    first_held_at: datetime | None = None
    held_for_known: timedelta = timedelta(0)
    known_at: datetime | None = None
    owes_chance: bool = False
    claim_id: str | None = None
    attempt: int = 0
    direction: RequestedAction | None = None
    maybe_sent: bool = False
    lease_until: datetime | None = None
    outcome: Outcome | None = None
    unattributed: bool = False
    decided_at: datetime | None = None
    announced_at: datetime | None = None
    until: datetime | None = None
    cancels_at: datetime | None = None
    block: Block | None = None
    news_at: datetime | None = None
    shadow: bool = False
    evaluated: str = ""
    governing: tuple[str, ...] = ()
    operation: str = ""
    total_tasks: int | None = None
    created_at: datetime | None = None
    suspended_at: datetime | None = None
    ungated: bool = False
    missing_since: datetime | None = None

    def lease_is_live(self, now: datetime) -> bool:
        """Whether the owner of a claim still acts, and everybody else leaves; a lease too far ahead is nobody's."""
        if self.phase is not Phase.CLAIMED or self.lease_until is None:
            return False
        return timedelta(0) < self.lease_until - now <= LEASE_AT_MOST

    @property
    def is_of_one_that_asks(self) -> bool:
        """A hold or claim of a job that was seen to wait for confirmation."""
        return self.phase is not Phase.SETTLED and not self.ungated

    @property
    def possibly_sent(self) -> RequestedAction | None:
        """The direction of an update that may have been sent, or may still arrive; None if none may."""
        return self.direction if self.maybe_sent or self.phase is Phase.CLAIMED else None
