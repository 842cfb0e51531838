"""The state of one job: the ledger's item `STATE`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from batchgate.jobs.model import Instant, JobRef, RequestedStatus
from batchgate.policy.amounts import Reservation
from batchgate.policy.approvals import Approval
from batchgate.policy.wording import printable


class Phase(StrEnum):
    """How far a job's decision is."""

    HELD = "held"
    CLAIMED = "claimed"
    SETTLED = "settled"


class Action(StrEnum):
    """What came of a review."""

    APPROVED = "approved"
    CANCELLED = "cancelled"
    HELD = "held"
    WAITING = "waiting"
    """S3 still prepares the job, or has not said yet what the policies ask about."""
    SUPERSEDED = "superseded"
    UNGATED = "ungated"
    UNGATED_OR_CONFIRMED_ELSEWHERE = "ungated_or_confirmed_elsewhere"
    LAPSED = "lapsed"
    LEFT = "left"
    """Another review owns the job, or what is known is not enough to go on; the job is due again later."""
    NOTHING = "nothing"


class RequestedAction(StrEnum):
    """What the gate asks S3 to do with a job. All claims of one job ask for the same."""

    APPROVE = "approve"
    CANCEL = "cancel"

    @property
    def requested_status(self) -> RequestedStatus:
        """What UpdateJobStatus is asked for."""
        return RequestedStatus.READY if self is RequestedAction.APPROVE else RequestedStatus.CANCELLED

    @property
    def done(self) -> Action:
        """What came of the review once S3 has applied it."""
        return Action.APPROVED if self is RequestedAction.APPROVE else Action.CANCELLED


class Block(StrEnum):
    """What keeps the gate from deciding, whatever the policies say."""

    PAUSED = "paused"
    """The gate is paused."""
    CIRCUIT_BREAKER = "circuit breaker"
    """Too many cancellations within the circuit breaker's time."""
    ADOPTION = "adoption"
    """The job is older than the gate, and the setting `adopt_existing` leaves such jobs to people."""
    BUDGET = "budget"
    """Other jobs used up a budget each time that this one was about to be approved."""
    CONFLICTING_UPDATE = "conflicting update"
    """An earlier update with the other action may have been sent, and may still take effect."""


class Outcome(StrEnum):
    """How a job ended for the gate."""

    APPLIED = "applied"
    """S3 applied the gate's update."""
    SUPERSEDED = "superseded"
    """The job was decided outside the gate."""
    UNGATED = "ungated"
    """The job did not ask for confirmation, and ran."""
    UNGATED_OR_CONFIRMED_ELSEWHERE = "ungated_or_confirmed_elsewhere"
    """The job ran, and whether it ever waited for confirmation is not known."""
    LAPSED = "lapsed"
    """The job ended without a decision."""


LEASE_AT_MOST = timedelta(hours=1)
"""Longer than any invocation: no gate writes a lease that ends later."""


class State(Struct, frozen=True):
    """The state of one job.

    Attributes:
        rev: Counts the writes; every write is conditional on the one before.
        phase: held, claimed or settled.
        verdict: The last review's verdict.
        reason: The last review's reason.
        decided_by: The policy version, followed by the ARNs of those whose approvals it counted; or the ARN of the
            person who decided alone.
        people: Whose decision, or approvals, the last claim was made on: their ARNs.
        policy_version: The policies that evaluated last.
        first_held_at: The first hold; kept through claims.
        held_for_known: How long it was held for reasons that are all known, up to the last review.
        known_at: When the last review found it held for such reasons, from which on more time counts; None where the
            time since then does not.
        owes_chance: Nothing counts until a review could have approved it: after an outage of the gate's.
        due_at: When the job must be reviewed again; of a claim when its lease ends, of an end at once; None only when
            the end is settled and announced.
        claim_id: The job's own, made with its first claim and kept ever after; part of every
            reason; None before.
        attempt: How many claims there were.
        requested_action: The claims' own; None where no claim may have been sent.
        maybe_sent: A claim's lease ended before it was known whether its update was applied. Kept when the job is
            settled.
        lease_until: Until when only the last claim's owner acts.
        outcome: How it ended; None while open.
        unattributed: It ended as the claim asked for, and no reason on the job says who decided.
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
        missing_since: When S3 first said that it does not know the job; None once S3 has shown it again.
        approvals: People's approvals of this job, the earliest first, whether they count or not.
        awaiting: Which approvals the last review still waited for, in words; "" where none would help or are wanted.
        requester: Who created the job, as CloudTrail has it; "" where that is not known.
        reservations: What an approval that was applied, or may have been sent, takes of budgets: one of each budget,
            that of the first claim.
        tags: The job's tags as the last hold's review read them, for people; None where no policy asked for them.
    """

    ref: JobRef
    rev: int
    phase: Phase
    verdict: str
    reason: str
    decided_by: str
    policy_version: str
    due_at: Instant | None
    first_held_at: Instant | None = None
    held_for_known: timedelta = timedelta(0)
    known_at: Instant | None = None
    owes_chance: bool = False
    claim_id: str | None = None
    attempt: int = 0
    requested_action: RequestedAction | None = None
    maybe_sent: bool = False
    lease_until: Instant | None = None
    outcome: Outcome | None = None
    unattributed: bool = False
    decided_at: Instant | None = None
    announced_at: Instant | None = None
    until: Instant | None = None
    cancels_at: Instant | None = None
    block: Block | None = None
    news_at: Instant | None = None
    shadow: bool = False
    evaluated: str = ""
    governing: tuple[str, ...] = ()
    operation: str = ""
    total_tasks: int | None = None
    created_at: Instant | None = None
    suspended_at: Instant | None = None
    ungated: bool = False
    missing_since: Instant | None = None
    people: tuple[str, ...] = ()
    approvals: tuple[Approval, ...] = ()
    awaiting: str = ""
    requester: str = ""
    reservations: tuple[Reservation, ...] = ()
    tags: Mapping[str, str] | None = None

    def lease_is_live(self, now: datetime) -> bool:
        """Whether only the claim's owner may act. A lease that ends too far ahead was written by no gate."""
        if self.phase is not Phase.CLAIMED or self.lease_until is None:
            return False
        return timedelta(0) < self.lease_until - now <= LEASE_AT_MOST

    @property
    def missing_approvals(self) -> str:
        """`awaiting` of a hold that somebody has approved; "" where the reason says it."""
        return self.awaiting if self.approvals and printable(self.awaiting) not in self.reason else ""

    @property
    def is_of_one_that_asks(self) -> bool:
        """Whether this is a hold or claim of a job that was seen waiting for confirmation."""
        return self.phase is not Phase.SETTLED and not self.ungated

    @property
    def possibly_sent(self) -> RequestedAction | None:
        """The action of an update that may have been sent and may still take effect; None if there is none."""
        return self.requested_action if self.maybe_sent or self.phase is Phase.CLAIMED else None


def who_decided(decided_by: str, policy_version: str | None) -> str:
    """A state's `decided_by` in words: `policy 7c41f09be2aa, with approvals of ARN, ARN`; a person's ARN as it is."""
    version, between, people = decided_by.partition(", ")
    if not version or version != policy_version:
        return decided_by
    return f"policy {version}" + (f", with approvals of {people}" if between else "")
