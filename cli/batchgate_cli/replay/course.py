"""What policies would have done with a job: evaluated when it began to wait, and followed over its hold.

The gate's own functions decide each step; only the clock and what S3 would have answered are replayed.
"""

from collections.abc import Callable, Generator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from batchgate.gate.review import consequence_of
from batchgate.gate.state import RequestedAction, State
from batchgate.gate.transitions import UPDATE_TAKES_AT_MOST, hold
from batchgate.jobs.model import AsksForConfirmation, Job
from batchgate.policy.compiled import PolicySet, Verdict
from batchgate.policy.evaluate import SUSPENDED_FOR_AT_MOST, Decision, evaluate_job
from batchgate.policy.facts import JobFacts
from batchgate.policy.reason import status_update_reason

_LONGER_THAN_ANY_HOLD: Final = SUSPENDED_FOR_AT_MOST + timedelta(days=1)
"""A hold is reviewed again when it may end; nothing ends it in between, so nothing is reviewed then."""


class End(StrEnum):
    """How far a job came."""

    APPROVED = "approved"
    CANCELLED = "cancelled"
    HELD = "held"
    """Held until S3 failed it, or for as long as it is known: it is for people to decide."""
    EXPIRED = "expired"
    """Held, and cancelled when the longest time for a hold was over: people had not decided it."""
    UNGATED = "ungated"
    """It did not ask for confirmation, and ran."""
    PREPARING = "preparing"
    """S3 was still preparing it."""
    UNKNOWN = "unknown"


class Step(Struct, frozen=True):
    """One review that came to something new.

    Attributes:
        at: When.
        end: What it came to.
        reason: The status update reason, or a hold's.
        until: Beside a hold: when the job would be approved.
        cancels_at: Beside a hold: when it would be cancelled.
    """

    at: datetime
    end: End
    reason: str
    until: datetime | None = None
    cancels_at: datetime | None = None


class Fate(Struct, frozen=True):
    """A job's whole course.

    Attributes:
        steps: What was new, in order; the last is the end.
        decision: The last one.
        first: The first one.
    """

    steps: tuple[Step, ...]
    decision: Decision
    first: Decision

    @property
    def end(self) -> Step:
        """How it ended."""
        return self.steps[-1]


Course: TypeAlias = Generator[JobFacts, JobFacts, Fate]
"""Yields a job's facts at each of its reviews, and is sent those that it is evaluated by."""


def follow(course: Course) -> Fate:
    """The end of a job that is alone: nothing else changes what it is evaluated by."""
    facts = next(course)
    while True:
        try:
            facts = course.send(facts)
        except StopIteration as ended:
            fate: Fate = ended.value
            return fate


def course_of_job(
    policies: PolicySet,
    job: Job,
    known: Sequence[JobFacts],
    *,
    end: datetime | None,
    claim_id: str,
    state: State | None = None,
    watch: Callable[[Decision], object] = lambda _: None,
    review_again_after: timedelta = _LONGER_THAN_ANY_HOLD,
) -> Course:
    """Evaluate a job and follow it until it is decided, or until `end`: yields its facts at each of its reviews.

    What is sent is what it is evaluated by: the same facts, with what is used of budgets then.

    Args:
        policies: The policies.
        job: As S3 described it while it waited.
        known: Its facts, at least once; each counts from its own `now` on, so they are in the order of time.
        end: When S3 fails it, or until when something is known of it; None for 30 days after the first facts.
        claim_id: What the reason of a final decision names as the claim.
        state: The job's state before; None where no review was before.
        watch: Called with every decision.
        review_again_after: How long a hold lasts at most until it is looked at again. A gate looks often, and then
            knows other reasons for the same hold; how the hold ends is the same.
    """
    end = end or known[0].now + SUSPENDED_FOR_AT_MOST
    now, later = known[0].now, list(known[1:])
    facts, first = known[0], None
    steps: list[Step] = []
    while True:
        while later and later[0].now <= now:
            facts = later.pop(0)
        decision = evaluate_job(policies, (yield replace(facts, now=now)))
        watch(decision)
        first = first or decision
        asked = consequence_of(state, decision, is_paused=_never)
        is_ungated = facts.asks_for_confirmation is AsksForConfirmation.NO
        if is_ungated and (asked.action is None or not policies.cancel_ungated):
            steps.append(Step(now, End.UNGATED, ""))
            break
        valid_until = decision.until if asked.exceeded_limit else decision.valid_until
        if asked.action is not None and (valid_until is None or now + UPDATE_TAKES_AT_MOST < valid_until):
            ending = End.APPROVED if asked.action is RequestedAction.APPROVE else End.CANCELLED
            reason = status_update_reason(decision, claim_id, exceeded_limit=asked.exceeded_limit)
            steps.append(Step(now, End.EXPIRED if asked.exceeded_limit else ending, reason))
            break
        if asked.action is not None:  # the window closes before the update would arrive: the gate tries again
            changes = valid_until
        elif decision.verdict is Verdict.WAIT:
            steps = steps or [Step(now, End.PREPARING, status_update_reason(decision))]
            changes = None
        else:
            transition = hold(
                state,
                decision,
                job,
                now=now,
                held_time=asked.held_time,
                review_again_after=review_again_after,
                hold_limit=asked.hold_limit,
            )
            state = transition.state
            if transition.is_recorded or not steps:
                steps.append(Step(now, End.HELD, state.reason, state.until, state.cancels_at))
            changes = state.due_at
        coming = [each for each in (changes, later[0].now if later else None) if each is not None]
        if not coming or min(coming) >= end:
            break
        now = min(coming)
    return Fate(tuple(steps) or (Step(now, End.HELD, status_update_reason(decision)),), decision, first)


def _never() -> bool:
    """A replayed gate is not paused."""
    return False
