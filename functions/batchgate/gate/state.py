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
    """The result of a review."""

    APPROVED = "approved"
    CANCELLED = "cancelled"
    HELD = "held"
    WAITING = "waiting"
    """S3 still prepares the job, or a value that the policies need is not available yet."""
    SUPERSEDED = "superseded"
    UNGATED = "ungated"
    UNGATED_OR_CONFIRMED_ELSEWHERE = "ungated_or_confirmed_elsewhere"
    LAPSED = "lapsed"
    PENDING = "pending"
    """Another review has claimed the job, or too little is known to go on. The job is due again later."""
    NOTHING = "nothing"


class RequestedAction(StrEnum):
    """What the gate asks S3 to do with a job. All claims of one job ask for the same."""

    APPROVE = "approve"
    CANCEL = "cancel"

    @property
    def requested_status(self) -> RequestedStatus:
        """The value for UpdateJobStatus."""
        return RequestedStatus.READY if self is RequestedAction.APPROVE else RequestedStatus.CANCELLED

    @property
    def done(self) -> Action:
        """The result of the review once S3 has applied the update."""
        return Action.APPROVED if self is RequestedAction.APPROVE else Action.CANCELLED


class Block(StrEnum):
    """What keeps the gate from deciding, whatever the policies' verdict is."""

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
        rev: The number of writes. Every write is conditional on the one before.
        phase: held, claimed or settled.
        verdict: The last review's verdict.
        reason: The last review's reason.
        decided_by: The policy version, followed by the ARNs of those whose approvals it counted; or the ARN of the
            person who decided alone.
        people: The ARNs of those whose decision or approvals the last claim applied.
        policy_version: The version of the policies in the last evaluation.
        first_held_at: The first hold; kept through claims.
        held_for_known: How long the job was held for reasons that are all known, up to the last review.
        known_at: The last review, if it found the job held for such reasons, so that the time since then counts; else
            None.
        needs_review_before_expiry: No time counts until a review could have approved the job: set after an outage of
            the gate.
        due_at: When the job must be reviewed again. For a claim, when its lease ends; for a settled job, at once until
            it is announced, then None.
        claim_id: The job's one claim id, which every reason contains; None before its first claim.
        attempt: How many claims there were.
        requested_action: The action of the claims, the same for all; None if no claim may have been sent.
        maybe_sent: A claim's lease ended before it was known whether its update was applied. Kept when the job is
            settled.
        lease_until: Until when only the owner of the last claim may act.
        outcome: How the job ended for the gate; None while it is open.
        unattributed: The job ended as the claim asked for, but its reason on the job does not show who decided.
        decided_at: When the outcome was settled; None while open.
        announced_at: When the outcome was announced; None before.
        until: When a hold's window opens, as of the last review; None if none will.
        cancels_at: When a held job will be cancelled unless it is fixed, as of the last review; None if it will not.
        block: Why the last review held the job whatever the policies' verdict was; None if the policies held it.
        changed_at: When a hold last differed from the one before.
        shadow: The last review evaluated in shadow mode.
        evaluated: Digest of the last evaluation: policy version, verdict, and the result of every check.
        governing: The names of the policies and guardrails that governed the job in that evaluation.
        operation: The job's operation, for people; "" if S3 did not report it.
        total_tasks: The number of its objects, for people; None if S3 did not report it.
        created_at: When the job was created; None if S3 did not report it.
        suspended_at: Since when the job waits for confirmation; None if S3 did not report it.
        ungated: The job that is held or claimed did not ask for confirmation.
        missing_since: When S3 first returned NoSuchJob; None once S3 has shown the job again.
        approvals: People's approvals of this job, the earliest first, whether they count or not.
        awaiting: Which approvals the last review still lacked, in words; "" if none are needed or none would help.
        requester: Who created the job, according to CloudTrail; "" if that is not known.
        reservations: What an approval that was applied, or may have been sent, uses of budgets: one reservation for
            each budget, that of the first claim.
        tags: The job's tags in the review of the last hold, for people; None if no policy asked for them.
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
    needs_review_before_expiry: bool = False
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
    changed_at: Instant | None = None
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
        """Whether only the claim's owner may act. No gate writes a lease over `LEASE_AT_MOST`: it counts as over."""
        if self.phase is not Phase.CLAIMED or self.lease_until is None:
            return False
        return timedelta(0) < self.lease_until - now <= LEASE_AT_MOST

    @property
    def missing_approvals(self) -> str:
        """`awaiting` of a hold that somebody has approved; "" if the reason has it already."""
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
