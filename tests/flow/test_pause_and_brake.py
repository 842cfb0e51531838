"""What stops the gate from deciding: a pause, and too many cancellations."""

from datetime import timedelta

import pytest

from batchgate.errors import RefusedError
from batchgate.gate.ports import CircuitBreaker, Pause
from batchgate.gate.state import Block, Outcome, Phase, RequestedAction
from s3batch_emulator import Effect, Fault
from tests.flow.stage import APPROVE_ALL, CANCEL_ALL, Stage


def pause(stage: Stage) -> None:
    """Pause the gate now."""
    at = stage.clock.now()
    stage.ledger.ledger.set_pause(Pause("arn:aws:iam::123456789012:user/kim", "an incident", at), replacing=None)


# --- Pause ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [APPROVE_ALL, CANCEL_ALL])
def test_a_paused_gate_holds_whatever_the_verdict_is(stage: Stage, text: str) -> None:
    """Nothing is claimed or sent, and the hold says why."""
    stage.enforce(text)
    pause(stage)
    ref = stage.create()
    review = stage.review(ref)
    assert (review.action, stage.state(ref).block, stage.state(ref).attempt) == ("held", Block.PAUSED, 0)
    assert "the gate is paused" in review.reason
    assert stage.updates == []


def test_what_was_held_by_the_pause_is_decided_by_the_next_sweep_after_it(stage: Stage) -> None:
    """Though it was not due yet."""
    pause(stage)
    ref = stage.create()
    stage.review(ref)
    stage.advance(minutes=1)
    assert stage.sweep().due == 0
    stage.ledger.ledger.set_pause(None, replacing=stage.ledger.ledger.pause())
    assert stage.sweep().due == 1
    assert (stage.updates, stage.state(ref).outcome) == (["Ready"], Outcome.APPLIED)


def test_a_person_s_cancellation_is_refused_while_the_gate_is_paused(stage: Stage) -> None:
    """With the reason, and nothing is written."""
    ref = stage.create()
    pause(stage)
    with pytest.raises(RefusedError, match="paused"):
        stage.decide(ref, RequestedAction.CANCEL)
    assert stage.ledger.read(ref) is None
    assert stage.updates == []


def test_a_pause_that_comes_between_review_and_claim_stops_the_claim(stage: Stage) -> None:
    """It is checked in the claim's own transaction."""
    ref = stage.create()
    stage.script.before("claim", lambda: pause(stage))
    assert stage.review(ref).action == "held"
    assert stage.updates == []
    assert stage.state(ref).block is Block.PAUSED


def test_a_claim_made_before_the_pause_is_still_sent(stage: Stage) -> None:
    """Within the five seconds that its facts are fresh."""
    ref = stage.create()
    stage.script.before("update_status", lambda: pause(stage))
    assert stage.review(ref).action == "approved"


def test_a_paused_gate_still_sees_what_others_do(stage: Stage) -> None:
    """Ends are settled and announced."""
    pause(stage)
    ref = stage.create()
    stage.review(ref)
    stage.update_as_a_person(ref, "Ready")
    stage.sweep()
    assert stage.state(ref).outcome is Outcome.SUPERSEDED
    assert stage.told.reviews[-1].action == "superseded"


# --- CircuitBreaker ------------------------------------------------------------------------------------------


@pytest.fixture
def stopped_by_breaker(stage: Stage) -> Stage:
    """A gate that cancels everything, and two jobs in ten minutes at most."""
    stage.enforce(CANCEL_ALL)
    stage.breaker = CircuitBreaker(2, timedelta(minutes=10))
    return stage


def test_one_cancellation_too_many_becomes_a_hold_with_an_alarm(stopped_by_breaker: Stage) -> None:
    """And its reason says so."""
    reviews = [stopped_by_breaker.review(stopped_by_breaker.create()) for _ in range(4)]
    assert [review.action for review in reviews] == ["cancelled", "cancelled", "held", "held"]
    assert all("too many cancellations" in review.reason and review.alarm for review in reviews[2:])
    assert len(stopped_by_breaker.updates) == 2
    assert stopped_by_breaker.state(reviews[2].ref).block is Block.CIRCUIT_BREAKER


def test_what_the_circuit_breaker_held_is_cancelled_in_calmer_times(stopped_by_breaker: Stage) -> None:
    """Ten minutes after the first at the earliest, and by the circuit breaker's own count again."""
    refs = [stopped_by_breaker.create() for _ in range(5)]
    begun = stopped_by_breaker.clock.now()
    for ref in refs:
        stopped_by_breaker.review(ref)
    for _ in range(30):
        stopped_by_breaker.advance(minutes=1)
        stopped_by_breaker.sweep()
    assert len(stopped_by_breaker.updates) == 5
    ended = sorted(stopped_by_breaker.state(ref).decided_at or begun for ref in refs)
    for first, third in zip(ended, ended[2:], strict=False):
        assert third - first >= timedelta(minutes=10)


def test_approvals_know_no_circuit_breaker(stopped_by_breaker: Stage) -> None:
    """However many."""
    stopped_by_breaker.enforce(APPROVE_ALL)
    assert [stopped_by_breaker.review(stopped_by_breaker.create()).action for _ in range(4)] == ["approved"] * 4


def test_a_person_is_not_held_by_the_circuit_breaker_and_counts(stopped_by_breaker: Stage) -> None:
    """Theirs is the calm that the circuit breaker waits for."""
    for _ in range(2):
        stopped_by_breaker.decide(stopped_by_breaker.create(), RequestedAction.CANCEL)
    assert stopped_by_breaker.review(stopped_by_breaker.create()).action == "held"
    assert stopped_by_breaker.decide(stopped_by_breaker.create(), RequestedAction.CANCEL).action == "cancelled"


def test_a_hold_by_the_circuit_breaker_is_looked_at_again_within_its_time(stopped_by_breaker: Stage) -> None:
    """Sooner than another hold."""
    for _ in range(2):
        stopped_by_breaker.review(stopped_by_breaker.create())
    ref = stopped_by_breaker.create()
    stopped_by_breaker.review(ref)
    due = stopped_by_breaker.state(ref).due_at
    assert due is not None
    assert due - stopped_by_breaker.clock.now() <= timedelta(minutes=10)


def test_a_cancellation_that_s3_denies_does_not_use_up_the_circuit_breaker_for_others(stage: Stage) -> None:
    """It is tried ever more rarely."""
    stage.enforce(CANCEL_ALL)
    stage.breaker = CircuitBreaker(10, timedelta(minutes=10))
    denied = stage.create()
    stage.emulator.faults.add(
        Fault(Effect.ERROR, "AccessDenied", operation="UpdateJobStatus", job_id=denied.job_id, times=None)
    )
    for _ in range(60):
        stage.advance(minutes=1)
        stage.sweep()
    assert stage.state(denied).phase is Phase.HELD
    assert stage.state(denied).attempt <= 10
    assert stage.review(stage.create()).action == "cancelled"
