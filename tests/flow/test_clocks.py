"""A review that finds its clock far from S3's decides nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgate.errors import ClockError, JobNotFoundError
from batchgate.gate.protocol import CLOCKS_APART_AT_MOST, clocks_apart
from batchgate.gate.state import Phase, RequestedAction
from batchgate.jobs.model import JobRef
from s3batch_emulator import Effect, Fault, SteppedClock
from tests.flow.stage import ACCOUNT, APPROVE_ALL, CANCEL_ALL, HOLD_ALL, REGION, Stage

NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
MOMENTS = st.floats(0, 3600).map(lambda seconds: timedelta(seconds=seconds))


def skew(stage: Stage, seconds: float) -> None:
    """Have S3's clock be so far ahead of the gate's."""
    stage.emulator.dates = SteppedClock(stage.clock.now() + timedelta(seconds=seconds))


@pytest.mark.parametrize("text", [APPROVE_ALL, CANCEL_ALL, HOLD_ALL])
@pytest.mark.parametrize("seconds", [-86_400, -32, 32, 86_400, 86_400 * 400])
def test_a_review_whose_clock_is_far_from_s3s_writes_and_sends_nothing(text: str, seconds: float) -> None:
    """Whatever the verdict would be; the message says by how much, and which way."""
    stage = Stage(text)
    ref = stage.create()
    skew(stage, seconds)
    said = f"is {seconds:.0f} s behind" if seconds > 0 else f"is {-seconds - 1:.0f} s ahead"
    with pytest.raises(ClockError, match=said):
        stage.review(ref)
    assert (stage.updates, stage.ledger.read(ref)) == ([], None)


@pytest.mark.parametrize("seconds", [-30, -1, 0, 1, 30])
def test_a_clock_that_is_near_decides(seconds: float) -> None:
    """Within the lease's margin."""
    stage = Stage(APPROVE_ALL)
    ref = stage.create()
    skew(stage, seconds)
    assert stage.review(ref).action == "approved"


def test_a_clock_that_is_ahead_does_not_take_a_live_lease_for_over() -> None:
    """Its owner is about to send: nobody may hold or claim the job meanwhile."""
    stage = Stage(APPROVE_ALL)
    ref = stage.create()
    stage.emulator.faults.add(Fault(Effect.RESET, operation="UpdateJobStatus"))
    assert stage.review(ref).action == "pending"
    claim = stage.state(ref)
    s3s = stage.clock.now()
    stage.outlive_the_lease(ref)
    stage.emulator.dates = SteppedClock(s3s)
    with pytest.raises(ClockError):
        stage.review(ref)
    assert (stage.state(ref), claim.phase) == (claim, Phase.CLAIMED)


def test_a_person_is_told_of_the_clock_too() -> None:
    """Their machine's is as good or bad as a function's."""
    stage = Stage(HOLD_ALL)
    ref = stage.create()
    skew(stage, 60)
    with pytest.raises(ClockError, match="60 s behind"):
        stage.decide(ref, RequestedAction.APPROVE)
    assert stage.updates == []


def test_a_job_that_s3_does_not_know_is_no_end_by_a_wrong_clock() -> None:
    """That it is gone is told by the time since it was known."""
    stage = Stage(HOLD_ALL)
    ref = stage.create()
    stage.review(ref)
    held = stage.state(ref)
    s3s = SteppedClock(stage.clock.now())
    stage.emulator.faults.add(Fault(Effect.ERROR, "NoSuchJobException", operation="DescribeJob", times=None))
    stage.emulator.dates = s3s
    stage.clock.advance(timedelta(hours=30))
    with pytest.raises(ClockError):
        stage.review(ref)
    assert stage.state(ref) == held
    with pytest.raises(ClockError):
        stage.s3control.snapshot(JobRef("aws", REGION, ACCOUNT, "no-such-job"), with_tags=False)
    stage.emulator.dates = stage.clock
    with pytest.raises(JobNotFoundError):
        stage.s3control.snapshot(JobRef("aws", REGION, ACCOUNT, "no-such-job"), with_tags=False)


def test_one_sweep_with_a_wrong_clock_is_troubles_and_no_decisions() -> None:
    """An alarm rings by them."""
    stage = Stage(APPROVE_ALL)
    stage.create()
    stage.create()
    skew(stage, -120)
    report = stage.sweep()
    assert (report.failed, {type(error) for _, error in report.errors}) == (2, {ClockError})
    assert (stage.updates, report.did) == ([], {})


@given(MOMENTS, MOMENTS, st.floats(-86_400, 86_400).map(lambda seconds: timedelta(seconds=seconds)))
def test_the_difference_is_never_more_than_it_is(before: timedelta, after: timedelta, ahead: timedelta) -> None:
    """However long the call took, and though a Date says whole seconds; and a call hides no more than its length."""
    told_at = NOW + before
    date = told_at.replace(microsecond=0)
    apart = clocks_apart(date, NOW + ahead, NOW + before + after + ahead)
    assert abs(apart) <= abs(ahead)
    assert apart == timedelta(0) or (apart > timedelta(0)) is (ahead > timedelta(0))
    assert abs(apart) >= abs(ahead) - before - after - timedelta(seconds=1)


def test_a_slow_answer_is_no_difference() -> None:
    """Half a minute until S3 answers is half a minute on both clocks."""
    asked_at = NOW
    for seconds in (0, 10, 59):
        assert clocks_apart(
            asked_at + timedelta(seconds=seconds), asked_at, asked_at + timedelta(seconds=60)
        ) == timedelta(0)
    assert timedelta(seconds=30) == CLOCKS_APART_AT_MOST
