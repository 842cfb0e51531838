"""What each step writes and reports, as values: no ledger, no clock, no S3."""

from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from msgspec.structs import replace

from batchgate.gate.held_time import HeldTime
from batchgate.gate.ports import CircuitBreaker
from batchgate.gate.protocol import MISSING_FOR, SIGNATURE_LIVES, Settle
from batchgate.gate.state import Action, Block, Outcome, Phase, RequestedAction, State
from batchgate.gate.transitions import (
    APPROVALS_AT_MOST,
    ATTEMPTS_AT_ONCE,
    CIRCUIT_BREAKER_HOLDS_FOR_AT_MOST,
    FACTS_STAY_FRESH,
    UPDATE_TAKES_AT_MOST,
    UpdateRequest,
    announcement_of,
    append_approval,
    claim,
    hold,
    keep_claim,
    mark_announced,
    mark_missing,
    mark_shown,
    may_send,
    only_approvals_were_added,
    review_later,
    review_of_state,
    settle,
    settled_action,
    update_by_policy,
    withdraw,
)
from batchgate.jobs.model import AsksForConfirmation, Job, JobRef, JobStatus
from batchgate.policy.approvals import Approval
from batchgate.policy.compile import compile_policies
from batchgate.policy.evaluate import SUSPENDED_FOR_AT_MOST, Decision, evaluate_job
from batchgate.policy.facts import gather_facts

NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
REF = JobRef("aws", "eu-central-1", "111122223333", "00e123a4-c0d8-41f4-a0eb-b46f9ba5b07c")
AGAIN = timedelta(minutes=15)
BREAKER = CircuitBreaker(20, timedelta(minutes=10))
NOT_COUNTING = HeldTime(timedelta(0), counts_on=False, needs_review_before_expiry=True, may_end=False)
APPROVE, CANCEL = RequestedAction.APPROVE, RequestedAction.CANCEL


def job(**changes: Any) -> Job:
    """A Suspended job of five tasks."""
    described = Job.from_description(
        {"JobArn": REF.arn, "Status": "Suspended", "ProgressSummary": {"TotalNumberOfTasks": 5}}
    )
    return replace(described, **{"suspended_date": NOW - timedelta(minutes=1), **changes})


def decision(at_most: int = 9, on_violation: str = "hold", **changes: Any) -> Decision:
    """What a policy on the number of tasks says of it; up to 9 are approved."""
    requirement = {"total_tasks": {"at_most": at_most}, "on_violation": on_violation}
    document = {"version": 1, "cancel_grace": "0s", "policies": [{"name": "small", "require": [requirement]}]}
    facts = gather_facts(job(**changes), NOW, asks=AsksForConfirmation.YES)
    return evaluate_job(compile_policies(document), facts)


def request(requested_action: RequestedAction = APPROVE) -> UpdateRequest:
    """The update that the policies ask for."""
    return update_by_policy(decision(), requested_action, job(), now=NOW, breaker=BREAKER)


def claimed(state: State | None = None, requested_action: RequestedAction = APPROVE) -> State:
    """A claim as the ledger has it."""
    made = claim(state, request(requested_action), job(), claim_id="5f3a91c2", lease_until=NOW + timedelta(minutes=1))
    return replace(made.state, rev=made.state.rev + 1)


def held(state: State | None = None, **changes: Any) -> State:
    """A hold as the ledger has it."""
    made = hold(state, decision(at_most=3), job(), now=NOW, held_time=NOT_COUNTING, review_again_after=AGAIN, **changes)
    return replace(made.state, rev=made.state.rev + 1)


# --- Approvals ----------------------------------------------------------------------------------------


def approval(who: str = "arn:aws:iam::111122223333:user/ana", digest: str = "d1") -> Approval:
    """One person's."""
    return Approval(who, NOW, "looked at it", digest)


@pytest.mark.parametrize("state", [held(), claimed(), replace(held(), due_at=None), replace(held(), missing_since=NOW)])
def test_an_approval_changes_nothing_but_that_the_job_is_due_now(state: State) -> None:
    """And that S3 shows it; the phase, the lease and all else stay."""
    made = append_approval(state, approval(), job(), NOW)
    assert made == replace(state, approvals=(approval(),), due_at=NOW, missing_since=None)


def test_an_approval_leaves_a_review_overdue_that_is() -> None:
    """The time of an outage must not count because somebody approved after it."""
    overdue = replace(held(), due_at=NOW - timedelta(days=1))
    assert append_approval(overdue, approval(), job(), NOW).due_at == overdue.due_at


def test_an_approval_of_a_job_that_the_ledger_does_not_have_is_a_hold() -> None:
    """Due now, and no time counts before a review could have approved it."""
    made = append_approval(None, approval(), job(), NOW)
    assert (made.phase, made.rev, made.due_at, made.first_held_at) == (Phase.HELD, 0, NOW, NOW)
    assert (made.total_tasks, made.suspended_at, made.needs_review_before_expiry) == (
        5,
        NOW - timedelta(minutes=1),
        True,
    )
    assert made.approvals == (approval(),)


def test_of_too_many_approvals_the_oldest_of_the_job_as_it_was_go_first() -> None:
    """Then the oldest of all."""
    state, people = held(), [f"arn:aws:iam::111122223333:user/{number:03}" for number in range(80)]
    for who in people[:20]:
        state = append_approval(state, approval(who, "before"), job(), NOW)
    for who in people[20:65]:
        state = append_approval(state, approval(who), job(), NOW)
    assert [each.who for each in state.approvals] == people[15:65]
    for who in people[65:]:
        state = append_approval(state, approval(who), job(), NOW)
    assert [each.who for each in state.approvals] == people[30:]
    assert len(state.approvals) == APPROVALS_AT_MOST


def test_a_claim_is_its_owner_s_while_nothing_but_approvals_was_written() -> None:
    """Any other difference is another review's."""
    claim = claimed()
    found = replace(append_approval(claim, approval(), job(), NOW), rev=claim.rev + 1)
    assert only_approvals_were_added(claim, found)
    assert only_approvals_were_added(
        claim, replace(append_approval(found, approval("arn:b"), job(), NOW), rev=claim.rev + 2)
    )
    assert not only_approvals_were_added(claim, replace(found, approvals=claim.approvals))
    assert not only_approvals_were_added(replace(claim, phase=Phase.HELD), replace(found, phase=Phase.HELD))
    others = {
        "phase": Phase.HELD,
        "attempt": claim.attempt + 1,
        "claim_id": "0badcafe",
        "requested_action": CANCEL,
        "maybe_sent": True,
        "lease_until": NOW,
        "missing_since": NOW,
        "verdict": "another",
        "people": ("arn:b",),
    }
    for name, value in others.items():
        assert not only_approvals_were_added(claim, replace(found, **{name: value}))


def test_a_withdrawn_claim_that_was_approved_meanwhile_is_due_at_once() -> None:
    """However many tries there were."""
    state = append_approval(replace(claimed(), attempt=9), approval(), job(), NOW)
    made = withdraw(state, request().review, "", now=NOW, review_again_after=AGAIN)
    assert (made.state.due_at, made.state.approvals) == (NOW, (approval(),))


def test_a_hold_that_waits_for_other_approvals_than_before_is_news() -> None:
    """An approval that is not enough is in the history."""
    before = replace(held(), awaiting="2 of 3 approvals, 1 more needed")
    made = hold(before, decision(at_most=3), job(), now=NOW, held_time=NOT_COUNTING, review_again_after=AGAIN)
    assert made.is_recorded
    assert made.state.awaiting == made.review.awaiting != before.awaiting


# --- Holds --------------------------------------------------------------------------------------------


def test_a_hold_is_reviewed_again_within_its_time_and_by_what_is_known_to_change() -> None:
    """The earliest of: the time given, the window, S3's own limit; never an instant that has passed."""
    assert held().due_at == NOW + AGAIN
    soon = job(suspended_date=NOW - SUSPENDED_FOR_AT_MOST + timedelta(minutes=2))
    made = hold(None, decision(at_most=3), soon, now=NOW, held_time=NOT_COUNTING, review_again_after=AGAIN)
    assert made.state.due_at == NOW + timedelta(minutes=2)
    late = job(suspended_date=NOW - SUSPENDED_FOR_AT_MOST)
    made = hold(None, decision(at_most=3), late, now=NOW, held_time=NOT_COUNTING, review_again_after=AGAIN)
    assert made.state.due_at == NOW + AGAIN


@pytest.mark.parametrize("block", Block)
def test_a_blocked_hold_expires_and_opens_by_nothing_that_the_policies_say(block: Block) -> None:
    """Its time does not count, and only what a person must look into is an alarm."""
    counting = HeldTime(timedelta(hours=1), counts_on=True, needs_review_before_expiry=False, may_end=True)
    made = hold(
        claimed(), decision(), job(), now=NOW, held_time=counting, review_again_after=timedelta(hours=1), block=block
    )
    assert (made.state.until, made.state.cancels_at, made.state.known_at) == (None, None, None)
    assert made.state.needs_review_before_expiry
    assert bool(made.review.alarm) == (block in (Block.CIRCUIT_BREAKER, Block.CONFLICTING_UPDATE))
    limit = CIRCUIT_BREAKER_HOLDS_FOR_AT_MOST if block is Block.CIRCUIT_BREAKER else timedelta(hours=1)
    assert made.state.due_at == NOW + limit


def test_a_hold_that_repeats_the_one_before_is_no_news() -> None:
    """The history has one record, and people hear of it once; another block or verdict is news."""
    first = held()
    again = hold(first, decision(at_most=3), job(), now=NOW + AGAIN, held_time=NOT_COUNTING, review_again_after=AGAIN)
    assert not again.is_recorded
    assert again.state.changed_at == first.changed_at == NOW
    assert again.state.first_held_at == NOW
    for other, block in ((decision(at_most=4), None), (decision(at_most=3), Block.PAUSED)):
        assert hold(
            first, other, job(), now=NOW, held_time=NOT_COUNTING, review_again_after=AGAIN, block=block
        ).is_recorded


def test_a_hold_after_a_claim_keeps_that_it_may_have_been_sent() -> None:
    """With whose decision that was: S3 may still apply it."""
    kept = held(replace(claimed(), decided_by="arn:aws:iam::111122223333:user/kim"))
    assert (kept.maybe_sent, kept.requested_action, kept.claim_id) == (True, APPROVE, "5f3a91c2")
    assert kept.decided_by == "arn:aws:iam::111122223333:user/kim"
    assert not held().maybe_sent


# --- Claims -------------------------------------------------------------------------------------------


def test_a_claim_says_what_is_tried_until_when_and_in_which_words() -> None:
    """Due when its lease is over; the reason on the job carries the claim."""
    made = claimed()
    assert (made.phase, made.requested_action, made.attempt, made.maybe_sent) == (Phase.CLAIMED, APPROVE, 1, False)
    assert made.due_at == made.lease_until == NOW + timedelta(minutes=1)
    assert "claim 5f3a91c2]" in made.reason


def test_a_claim_over_another_one_may_have_been_sent_before() -> None:
    """Its lease ran out; nobody knows what became of it."""
    again = claimed(claimed())
    assert (again.maybe_sent, again.attempt, again.rev) == (True, 2, 2)


@given(st.integers(0, 20), st.integers(-20, 20), st.integers(-20, 20), st.none() | st.integers(-20, 20))
def test_nothing_is_sent_on_old_facts_nor_where_it_could_arrive_after_lease_or_window(
    age: int, now: int, lease: int, window: int | None
) -> None:
    """Each bound by itself."""
    instant = NOW + timedelta(seconds=now)
    closes = NOW + timedelta(seconds=window) if window is not None else None
    sent = may_send(
        replace(claimed(), lease_until=NOW + timedelta(seconds=lease)),
        replace(request(), valid_until=closes),
        instant - timedelta(seconds=age),
        instant,
    )
    arrives = now + UPDATE_TAKES_AT_MOST.total_seconds()
    assert sent == (
        age <= FACTS_STAY_FRESH.total_seconds() and arrives < lease and (window is None or arrives < window)
    )


@pytest.mark.parametrize("maybe_sent", [False, True])
def test_a_withdrawn_claim_is_a_hold_that_forgets_its_action_unless_an_earlier_one_may_have_been_sent(
    maybe_sent: bool,
) -> None:
    """It counts no time, and the policies are evaluated again."""
    made = withdraw(
        replace(claimed(), maybe_sent=maybe_sent),
        request().review,
        "S3 is throttling",
        now=NOW,
        review_again_after=AGAIN,
    )
    assert (made.state.phase, made.state.requested_action) == (Phase.HELD, APPROVE if maybe_sent else None)
    assert (made.state.known_at, made.state.needs_review_before_expiry, made.state.evaluated) == (None, True, "")
    assert made.review.action is Action.HELD
    assert made.review.id == f"{REF.job_id}.{made.state.rev + 1}"


def test_a_withdrawn_claim_is_due_at_once_and_after_some_tries_later_each_time() -> None:
    """Never later than any hold."""
    waits = []
    for attempt in range(1, 20):
        made = withdraw(replace(claimed(), attempt=attempt), request().review, "", now=NOW, review_again_after=AGAIN)
        assert made.state.due_at is not None
        waits.append(made.state.due_at - NOW)
    assert waits[:ATTEMPTS_AT_ONCE] == [timedelta(0)] * ATTEMPTS_AT_ONCE
    assert waits == sorted(waits)
    assert timedelta(0) < waits[ATTEMPTS_AT_ONCE] <= waits[-1] == AGAIN


def test_a_claim_that_is_left_to_its_lease_is_reported_as_it_stands() -> None:
    """Nothing is written."""
    left = keep_claim(claimed(), request().review, NOW)
    assert (left.action, left.reason, left.id) == (Action.PENDING, claimed().reason, f"{REF.job_id}.1")


# --- Ends ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("requested_action", RequestedAction)
@pytest.mark.parametrize("on_job", [None, "looked at it myself"])
def test_an_applied_end_has_the_reason_on_the_job_or_else_the_claim_s(
    requested_action: RequestedAction, on_job: str | None
) -> None:
    """And whose decision it was."""
    before = claimed(requested_action=requested_action)
    made = settle(before, Settle(Outcome.APPLIED, requested_action), request().review, now=NOW, reason_on_job=on_job)
    assert made.state.reason == (on_job or before.reason)
    assert made.state.decided_by == before.decided_by
    assert (made.state.phase, made.state.verdict, made.state.decided_at) == (Phase.SETTLED, str(requested_action), NOW)
    assert made.review.action is requested_action.done


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.APPLIED])
@pytest.mark.parametrize("state", [None, held(), claimed(), held(claimed())])
def test_an_end_that_is_not_the_gate_s_names_no_decision_of_the_gate_s(state: State | None, outcome: Outcome) -> None:
    """It keeps whether something may have been sent: then it is never opened again."""
    state = replace(state, people=("arn:aws:iam::111122223333:user/ana",)) if state else None
    made = settle(state, Settle(outcome), review_of_state(state, job(), NOW), now=NOW, reason_on_job=None)
    assert made.state.people == made.review.people == ()
    assert (made.state.reason, made.state.decided_by, made.state.requested_action, made.state.verdict) == (
        "",
        "",
        None,
        "",
    )
    assert made.state.maybe_sent == (state is not None and state.possibly_sent is not None)
    assert made.review.action.value == outcome.value
    assert made.state.due_at == NOW


def test_an_update_that_took_effect_after_a_hold_is_an_alarm() -> None:
    """Of an earlier claim's reason nothing is known."""
    end = Settle(Outcome.APPLIED, APPROVE, after_hold=True)
    made = settle(held(claimed()), end, request().review, now=NOW, reason_on_job=None)
    assert made.review.alarm
    assert made.state.reason == ""


def test_an_announcement_has_the_same_id_each_time_and_then_nothing_is_due() -> None:
    """Whoever announces it, and however often."""
    end = replace(
        settle(claimed(), Settle(Outcome.APPLIED, APPROVE), request().review, now=NOW, reason_on_job=None).state, rev=2
    )
    first = announcement_of(end, request().review, NOW)
    later = announcement_of(end, review_of_state(end, job(), NOW), NOW + AGAIN)
    assert first.id == later.id == f"{REF.job_id}.2"
    assert (mark_announced(end, NOW).announced_at, mark_announced(end, NOW).due_at) == (NOW, None)


def test_what_became_of_a_settled_job_is_an_action() -> None:
    """Of an item without its requested action, nothing."""
    end = settle(claimed(), Settle(Outcome.APPLIED, CANCEL), request().review, now=NOW, reason_on_job=None).state
    assert settled_action(end) is Action.CANCELLED
    assert settled_action(replace(end, requested_action=None)) is Action.NOTHING
    assert settled_action(held()) is Action.NOTHING


# --- Jobs that nothing is decided about ---------------------------------------------------------------


def test_a_running_job_is_due_when_a_cancellation_can_no_longer_arrive() -> None:
    """A signature's life after the lease."""
    state = claimed(requested_action=CANCEL)
    assert state.lease_until is not None
    assert review_later(state, NOW).due_at == state.lease_until + SIGNATURE_LIVES


@given(st.integers(-60, 60))
def test_a_job_that_s3_does_not_show_is_due_when_that_may_be_final_and_counts_no_time(minutes: int) -> None:
    """Or earlier, if it was due before; shown again, it begins anew."""
    state = replace(held(), due_at=NOW + timedelta(minutes=minutes), known_at=NOW)
    gone = mark_missing(state, NOW, NOW)
    assert gone.due_at == NOW + min(timedelta(minutes=minutes), MISSING_FOR)
    assert (gone.missing_since, gone.known_at, gone.needs_review_before_expiry) == (NOW, None, True)
    assert mark_shown(gone).missing_since is None


@pytest.mark.parametrize("state", [None, held(), claimed()])
@pytest.mark.parametrize("seen", [REF, job()])
def test_a_review_without_an_evaluation_has_what_the_ledger_has(state: State | None, seen: Job | JobRef) -> None:
    """And of S3's description what people read."""
    review = review_of_state(state, seen, NOW)
    assert (review.ref, review.action) == (REF, Action.NOTHING)
    assert review.status is (seen.status if isinstance(seen, Job) else JobStatus.UNRECOGNIZED)
    assert review.reason == (state.reason if state else "")
    assert review.total_tasks == (5 if isinstance(seen, Job) else None)
