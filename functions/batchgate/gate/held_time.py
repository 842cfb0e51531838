"""How long a job has been held for reasons that are all known: what `cancel_held_after` counts."""

from datetime import datetime, timedelta
from typing import Self

from msgspec import Struct

from batchgate.gate.state import Phase, State

OVERDUE_AFTER = timedelta(minutes=5)
"""The usual maximum delay of a sweep, which runs every minute. If a hold is reviewed later than this after it was due,
the gate was not working: only the time up to `due_at` counts."""


class HeldTime(Struct, frozen=True):
    """What one review adds to the time that a job was held for known reasons.

    Attributes:
        counted: So long, up to this review.
        counts_on: Whether the time from this review to the next will count.
        needs_review_before_expiry: Time was lost to an outage of the gate, or to facts that could not be read, and
            no review since then could have approved the job. Until one could, nothing counts.
        may_end: Whether `counted` may end the hold now. The review that finds an outage over never ends one.
    """

    counted: timedelta
    counts_on: bool
    needs_review_before_expiry: bool
    may_end: bool

    @classmethod
    def at(cls, now: datetime, before: State | None, *, is_known: bool, until: datetime | None) -> Self:
        """Count the time since the review before.

        Args:
            now: Of this review.
            before: The job's state; None at its first review.
            is_known: Whether this review holds the job, and all that stands in the way is known.
            until: When this review expects to approve the job; None for never.
        """
        counted = before.held_for_known if before else timedelta(0)
        if not is_known:
            return cls(counted, counts_on=False, needs_review_before_expiry=True, may_end=False)
        if before is None:
            return cls(counted, counts_on=True, needs_review_before_expiry=False, may_end=False)
        due = before.due_at or now
        overdue = now - due > OVERDUE_AFTER
        if before.known_at is not None and before.phase is Phase.HELD:
            counted += max((due if overdue else now) - before.known_at, timedelta(0))
        missed = before.until is not None and before.until <= now
        if before.needs_review_before_expiry or missed or overdue or before.phase is not Phase.HELD:
            return cls(counted, counts_on=until is None, needs_review_before_expiry=until is not None, may_end=False)
        return cls(counted, counts_on=True, needs_review_before_expiry=False, may_end=True)
