"""Jobs that S3 says it does not know: not final at once, and evaluated again where S3 shows them after all."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from batchgate.errors import JobNotFoundError, PolicyUnavailableError, RefusedError
from batchgate.gate.protocol import CONTRADICTED_FOR, MISSING_FOR
from batchgate.gate.state import Outcome, Phase, RequestedAction
from batchgate.jobs.model import JobRef
from s3batch_emulator import Effect, Fault
from tests.flow.stage import APPROVE_ALL, CANCEL_ALL, HOLD_ALL, Stage

WITHOUT_US = [outcome for outcome in Outcome if outcome is not Outcome.APPLIED]


@pytest.fixture
def held() -> Stage:
    """A gate that holds what there is."""
    return Stage(HOLD_ALL)


def hold_for_a_day(stage: Stage) -> JobRef:
    """Hold a job for longer than it takes until it may be gone."""
    ref = stage.create()
    stage.review(ref)
    stage.advance(days=1, seconds=10)
    return ref


def hide(stage: Stage, *refs: JobRef) -> None:
    """Have DescribeJob say that there is no such job, until it is told otherwise."""
    for ref in refs:
        stage.emulator.faults.add(
            Fault(Effect.ERROR, "NotFoundException", operation="DescribeJob", job_id=ref.job_id, times=10**6)
        )


def hide_from_the_listing(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    """Have ListJobs list nothing."""
    listed: Any = type(stage.jobs).list_jobs

    def nothing(self: Any, account_id: str, statuses: Any) -> Iterator[Any]:
        for _ in listed(self, account_id, statuses):
            pass
        yield from ()

    patch.setattr(type(stage.jobs), "list_jobs", nothing)


def lapse(stage: Stage, ref: JobRef) -> None:
    """Take a job for gone."""
    with pytest.MonkeyPatch.context() as patch:
        hide(stage, ref)
        hide_from_the_listing(stage, patch)
        stage.review(ref)
        stage.clock.advance(MISSING_FOR)
        assert dict(stage.sweep().did) == {"lapsed": 1}
    stage.emulator.faults.clear()


# --- Not final at once ------------------------------------------------------------------------------


def test_one_answer_that_there_is_no_such_job_is_not_final(held: Stage) -> None:
    """It is kept for later, and due by then; shown again, the job is decided as if nothing had been."""
    ref = hold_for_a_day(held)
    hide(held, ref)
    assert held.review(ref).action == "pending"
    state = held.state(ref)
    assert (state.phase, state.missing_since) == (Phase.HELD, held.clock.now())
    assert state.due_at is not None
    assert state.due_at <= held.clock.now() + MISSING_FOR
    held.emulator.faults.clear()
    held.enforce(APPROVE_ALL)
    assert held.review(ref).action == "approved"


def test_a_job_that_is_really_gone_has_lapsed_minutes_after_s3_said_so_first(held: Stage) -> None:
    """To the instant, and told once; nothing is written in between."""
    ref = hold_for_a_day(held)
    held.emulator.reset()
    first = held.clock.now()
    for minute in range(10):
        held.clock.advance(first + timedelta(minutes=minute) - held.clock.now())
        assert dict(held.sweep().did) == {"pending": 1}
        assert held.state(ref).missing_since == first
    assert held.script.effects.count("write held") == 2
    held.clock.advance(first + MISSING_FOR - held.clock.now())
    assert dict(held.sweep().did) == {"lapsed": 1}
    assert held.state(ref).missing_since is None
    assert held.review(ref).action == "nothing"


def test_a_job_younger_than_a_day_is_not_found_and_that_is_an_error(held: Stage) -> None:
    """S3 may not have registered it yet; it is counted from its creation."""
    ref = held.create()
    created = held.job(ref).history[0][0]
    held.review(ref)
    held.emulator.reset()
    held.clock.advance(created + timedelta(days=1) - held.clock.now())
    with pytest.raises(JobNotFoundError):
        held.review(ref)
    assert held.state(ref).missing_since is None
    held.advance(seconds=1)
    assert held.review(ref).action == "pending"


def test_a_job_that_is_listed_is_not_gone_however_long_it_is_not_found(held: Stage) -> None:
    """The minutes are counted anew."""
    ref = hold_for_a_day(held)
    hide(held, ref)
    held.review(ref)
    for _ in range(5):
        held.clock.advance(MISSING_FOR)
        assert dict(held.sweep().did) == {"pending": 1}
        assert held.state(ref).missing_since == held.clock.now()


def test_only_the_sweep_takes_a_job_for_gone(held: Stage) -> None:
    """Nobody else may list jobs; an event's review leaves it to the next sweep."""
    ref = hold_for_a_day(held)
    held.emulator.reset()
    for _ in range(3):
        assert held.review(ref).action == "pending"
        held.clock.advance(MISSING_FOR)
    assert held.count("ListJobs") == 0
    assert dict(held.sweep().did) == {"lapsed": 1}


@pytest.mark.parametrize("failing", [1, 2])
def test_a_listing_that_can_t_be_had_ends_nothing(held: Stage, failing: int) -> None:
    """Whether that of Suspended jobs or that of the others: nobody knows then, and the next sweep asks again."""
    ref = hold_for_a_day(held)
    held.emulator.reset()
    held.review(ref)
    held.clock.advance(MISSING_FOR)
    held.advance(minutes=15)
    broken = Fault(Effect.ERROR, "AccessDenied", operation="ListJobs")
    held.script.before("list_jobs", *[lambda: None] * (failing - 1), lambda: held.emulator.faults.add(broken))
    assert dict(held.sweep().did) == {"pending": 1}
    assert held.state(ref).phase is Phase.HELD
    assert dict(held.sweep().did) == {"lapsed": 1}


def test_a_job_that_was_shown_in_between_is_asked_about_from_the_beginning(held: Stage) -> None:
    """Two answers an hour apart, and one with the job between them, are two first answers."""
    ref = hold_for_a_day(held)
    for _ in range(3):
        hide(held, ref)
        assert held.review(ref).action == "pending"
        held.emulator.faults.clear()
        held.advance(minutes=30)
        assert held.review(ref).action == "held"
        assert held.state(ref).missing_since is None
        held.advance(minutes=30)


def test_a_person_s_command_forgets_that_a_job_was_missing(held: Stage) -> None:
    """S3 shows it: it is decided like any other."""
    ref = hold_for_a_day(held)
    hide(held, ref)
    held.review(ref)
    held.emulator.faults.clear()
    assert held.decide(ref, RequestedAction.APPROVE).action == "approved"


def test_a_claim_whose_job_is_missing_is_left_and_then_gone(held: Stage) -> None:
    """The same for every open item."""
    held.enforce(APPROVE_ALL)
    ref = held.create()
    held.emulator.faults.add(Fault(Effect.RESET, operation="UpdateJobStatus"))
    held.review(ref)
    assert held.state(ref).phase is Phase.CLAIMED
    held.advance(days=1, seconds=10)
    held.emulator.reset()
    assert held.review(ref).action == "pending"
    held.clock.advance(MISSING_FOR)
    assert dict(held.sweep().did) == {"lapsed": 1}
    assert held.state(ref).maybe_sent


def test_the_sweep_alone_finds_that_a_job_is_gone(held: Stage) -> None:
    """No event tells of it; the sweeps go on until it is settled, and no longer."""
    ref = hold_for_a_day(held)
    held.emulator.reset()
    for _ in range(12):
        held.sweep()
        held.advance(minutes=1)
    assert held.state(ref).outcome is Outcome.LAPSED
    assert held.sweep().due == 0


# --- Contradicted -----------------------------------------------------------------------------------


def test_a_job_that_was_taken_for_gone_is_evaluated_again_when_s3_shows_it(held: Stage) -> None:
    """With an alarm; approved by policies that approve, and its hold begins anew."""
    ref = hold_for_a_day(held)
    lapse(held, ref)
    held.clock.advance(CONTRADICTED_FOR)
    assert held.review(ref).action == "held"
    alarms = [told.alarm for told in held.told.reviews if told.alarm]
    assert alarms == ["settled as lapsed, and S3 says Suspended; the job is evaluated again"]
    state = held.state(ref)
    assert (state.phase, state.outcome, state.first_held_at) == (Phase.HELD, None, held.clock.now())
    held.enforce(APPROVE_ALL)
    assert held.review(ref).action == "approved"
    assert (held.updates, held.status(ref)) == (["Ready"], "Ready")


def test_for_some_minutes_the_contradiction_is_only_an_alarm(held: Stage) -> None:
    """An answer of S3's may be older than the one that was believed."""
    ref = hold_for_a_day(held)
    lapse(held, ref)
    held.clock.advance(CONTRADICTED_FOR - timedelta(microseconds=1))
    review = held.review(ref)
    assert (review.action, review.alarm) == ("nothing", "settled as lapsed, and S3 says Suspended")
    assert held.state(ref).phase is Phase.SETTLED


def test_the_sweep_finds_a_job_that_is_open_again(held: Stage) -> None:
    """S3 lists it."""
    ref = hold_for_a_day(held)
    lapse(held, ref)
    held.clock.advance(CONTRADICTED_FOR)
    assert dict(held.sweep().did) == {"held": 1}
    assert held.state(ref).phase is Phase.HELD


@pytest.mark.parametrize("requested_action", RequestedAction)
def test_a_person_may_decide_a_job_that_was_taken_for_gone_at_once(
    held: Stage, requested_action: RequestedAction
) -> None:
    """S3 says Suspended: nobody is told that it ended."""
    ref = hold_for_a_day(held)
    lapse(held, ref)
    assert held.decide(ref, requested_action).action == requested_action.done
    assert held.state(ref).outcome is Outcome.APPLIED


@pytest.mark.parametrize("outcome", WITHOUT_US)
def test_every_end_without_the_gate_s_doing_is_evaluated_again(held: Stage, outcome: Outcome) -> None:
    """Whatever S3 had said that made it one."""
    ref = hold_for_a_day(held)
    lapse(held, ref)
    states = held.ledger.ledger.states
    states[ref] = replace(states[ref], outcome=outcome)
    held.clock.advance(CONTRADICTED_FOR)
    held.enforce(CANCEL_ALL)
    assert held.review(ref).action == "cancelled"
    assert held.state(ref).outcome is Outcome.APPLIED


@pytest.mark.parametrize("text", [APPROVE_ALL, CANCEL_ALL])
def test_an_end_after_an_update_that_may_have_been_sent_is_never_opened_again(held: Stage, text: str) -> None:
    """The gate does not decide twice: an alarm, and people's commands are refused, too."""
    held.enforce(text)
    ref = held.create()
    held.emulator.faults.add(Fault(Effect.RESET, operation="UpdateJobStatus"))
    held.review(ref)
    held.advance(days=1, seconds=10)
    lapse(held, ref)
    held.clock.advance(CONTRADICTED_FOR)
    before = len(held.updates)
    review = held.review(ref)
    assert (review.action, review.alarm) == ("nothing", "settled as lapsed, and S3 says Suspended")
    for requested_action in RequestedAction:
        with pytest.raises(RefusedError, match="ended without a decision"):
            held.decide(ref, requested_action)
    assert len(held.updates) == before


def test_a_review_that_can_not_evaluate_a_job_remembers_that_s3_shows_it(held: Stage) -> None:
    """Without policies nothing is decided; what S3 said before of a missing job does not count any more."""
    ref = hold_for_a_day(held)
    hide(held, ref)
    held.review(ref)
    assert held.state(ref).missing_since is not None
    held.emulator.faults.clear()
    held.source.enforced = None
    with pytest.raises(PolicyUnavailableError):
        held.review(ref)
    assert held.state(ref).missing_since is None
