"""Updates that are refused, throttled, lost or late, and what the reviews after them make of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from batchgate.errors import (
    JobNotFoundError,
    JobsApiDeniedError,
    JobsApiError,
    JobsApiThrottledError,
    UpdateRefusedError,
)
from batchgate.gate.state import Outcome, Phase, RequestedAction
from batchgate.jobs.model import DateSurvives, JobRef, RequestedStatus
from s3batch_emulator import Effect, Fault, Pace, Switches
from tests.flow.stage import ACCOUNT, APPROVE_ALL, CANCEL_ALL, HOLD_ALL, Stage

LOST_BEFORE = [
    Fault(Effect.ERROR, "InternalServiceException"),
    Fault(Effect.ERROR, "ServiceUnavailable"),
    Fault(Effect.RESET),
    Fault(Effect.HANG),
]
LOST_AFTER = [
    Fault(Effect.ERROR, "InternalError", after_change=True),
    Fault(Effect.ERROR, "ServiceUnavailable", after_change=True),
    Fault(Effect.RESET, after_change=True),
    Fault(Effect.HANG, after_change=True),
    Fault(Effect.HALF_ANSWER),
    Fault(Effect.WRONG_XML),
]
SLOW = Pace(tasks_per_second=0.0001)
"""Keeps a job running for hours."""
BOTH_WAYS = [(2, "approved", "Ready"), (5, "cancelled", "Cancelled")]


def in_words(fault: Fault) -> str:
    """A fault as a test's id."""
    return f"{fault.effect.value} {fault.code}"


def lose(stage: Stage, fault: Fault, operation: str = "UpdateJobStatus") -> None:
    """Have the next request of an operation suffer a fault."""
    stage.emulator.faults.add(replace(fault, operation=operation))


def lost_claim(stage: Stage, rows: int) -> JobRef:
    """A job with a claim of ours whose update vanished without a trace, and whose lease is just over."""
    ref = stage.create(rows)
    lose(stage, Fault(Effect.HANG))
    assert stage.review(ref).action == "pending"
    stage.outlive_the_lease(ref)
    assert stage.status(ref) == "Suspended"
    return ref


def arrive_late(stage: Stage, ref: JobRef, requested_action: RequestedAction, reason: str) -> None:
    """Have the update that was lost take its effect now."""
    stage.s3control.update_status(ref, requested_action.requested_status, reason)


# --- Unclear ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", LOST_AFTER, ids=in_words)
@pytest.mark.parametrize(("rows", "action", "status"), BOTH_WAYS)
def test_an_update_whose_answer_was_lost_is_settled_by_our_reason_on_the_job(
    stage: Stage, fault: Fault, rows: int, action: str, status: str
) -> None:
    """Describing tells: the reason is ours."""
    ref = stage.create(rows)
    lose(stage, fault)
    review = stage.review(ref)
    state = stage.state(ref)
    assert (review.action, stage.status(ref)) == (action, status)
    assert (state.phase, state.outcome, state.unattributed) == (Phase.SETTLED, Outcome.APPLIED, False)
    assert stage.count("UpdateJobStatus") == 1


@pytest.mark.parametrize("fault", LOST_BEFORE, ids=in_words)
@pytest.mark.parametrize(("rows", "action", "status"), BOTH_WAYS)
def test_an_update_that_did_not_arrive_keeps_its_claim_to_the_end_of_the_lease(
    stage: Stage, fault: Fault, rows: int, action: str, status: str
) -> None:
    """It may still come: nobody touches the job before; after it, it is evaluated afresh under the same claim id."""
    ref = stage.create(rows)
    lose(stage, fault)
    assert stage.review(ref).action == "pending"
    claim = stage.state(ref)
    assert (claim.phase, claim.maybe_sent) == (Phase.CLAIMED, False)
    assert claim.lease_until is not None
    stage.clock.advance(claim.lease_until - stage.clock.now() - timedelta(microseconds=1))
    assert stage.review(ref).action == "pending"
    assert stage.state(ref) == claim
    assert stage.count("UpdateJobStatus") == 1
    stage.advance(microseconds=1)
    assert stage.review(ref).action == action
    after = stage.state(ref)
    assert (after.attempt, after.claim_id, after.maybe_sent) == (2, claim.claim_id, True)
    assert (stage.status(ref), stage.count("UpdateJobStatus")) == (status, 2)


@pytest.mark.parametrize("fault", [LOST_BEFORE[3], LOST_AFTER[3]], ids=["not happened", "happened"])
@pytest.mark.parametrize("blindness", ["AccessDenied", "SlowDown", "InternalServiceException", "NotFoundException"])
@pytest.mark.parametrize(("rows", "action", "status"), BOTH_WAYS)
def test_an_unclear_update_that_can_not_be_looked_after_keeps_its_claim(
    stage: Stage, fault: Fault, blindness: str, rows: int, action: str, status: str
) -> None:
    """Nothing is known, so nothing is settled and nothing withdrawn; it is found out when the lease is over."""
    ref = stage.create(rows)
    lose(stage, fault)
    stage.script.before("describe", lambda: lose(stage, Fault(Effect.ERROR, blindness), operation="DescribeJob"))
    with pytest.raises(JobsApiError):
        stage.review(ref)
    claim = stage.state(ref)
    assert (claim.phase, claim.outcome) == (Phase.CLAIMED, None)
    assert stage.review(ref).action == "pending"
    stage.outlive_the_lease(ref)
    assert stage.review(ref).action == action
    assert stage.status(ref) in (status, "Complete")
    assert stage.state(ref).outcome is Outcome.APPLIED
    assert stage.count("UpdateJobStatus") == (1 if fault.after_change else 2)


def test_an_unclear_approval_of_a_job_that_somebody_confirmed_is_superseded_at_once(stage: Stage) -> None:
    """Nothing of ours can come any more: S3 refuses Ready for a job that is Ready."""
    ref = stage.create()
    lose(stage, Fault(Effect.RESET))
    stage.script.before("describe", lambda: stage.update_as_a_person(ref, "Ready"))
    assert stage.review(ref).action == "superseded"
    assert stage.state(ref).outcome is Outcome.SUPERSEDED


@pytest.mark.parametrize("rows", [2, 5])
def test_an_unclear_update_of_a_job_that_somebody_cancelled_is_superseded_at_once(stage: Stage, rows: int) -> None:
    """Cancelled is an end, whatever we asked for."""
    ref = stage.create(rows)
    lose(stage, Fault(Effect.RESET))
    stage.script.before("describe", lambda: stage.update_as_a_person(ref, "Cancelled"))
    assert stage.review(ref).action == "superseded"


def test_an_unclear_cancellation_of_a_job_that_somebody_confirmed_is_watched_for_15_minutes(stage: Stage) -> None:
    """Our late Cancel could kill the running job; only then it is theirs for good."""
    stage.enforce(CANCEL_ALL)
    ref = stage.create()
    stage.emulator.set_pace(ref.job_id, SLOW)
    lose(stage, Fault(Effect.RESET))
    stage.script.before("describe", lambda: stage.update_as_a_person(ref, "Ready"))
    assert stage.review(ref).action == "pending"
    stage.outlive_the_lease(ref)
    assert stage.status(ref) == "Active"
    assert stage.review(ref).action == "pending"
    stage.advance(minutes=14, seconds=59)
    assert stage.review(ref).action == "pending"
    assert stage.state(ref).phase is Phase.CLAIMED
    stage.advance(seconds=1)
    assert stage.review(ref).action == "superseded"
    assert stage.count("UpdateJobStatus") == 2


def test_a_late_cancel_within_the_15_minutes_is_recognised_as_ours(stage: Stage) -> None:
    """Somebody confirmed, our Cancel came after all: applied, not superseded."""
    stage.enforce(CANCEL_ALL)
    ref = lost_claim(stage, 2)
    stage.emulator.set_pace(ref.job_id, SLOW)
    stage.update_as_a_person(ref, "Ready")
    assert stage.review(ref).action == "pending"
    arrive_late(stage, ref, RequestedAction.CANCEL, stage.state(ref).reason)
    assert stage.review(ref).action == "cancelled"
    assert stage.state(ref).outcome is Outcome.APPLIED


# --- Updates one way only ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "requested_action"),
    [(APPROVE_ALL, CANCEL_ALL, RequestedAction.APPROVE), (CANCEL_ALL, APPROVE_ALL, RequestedAction.CANCEL)],
)
def test_a_verdict_against_an_update_that_may_have_been_sent_is_a_hold_and_an_alarm(
    stage: Stage, first: str, second: str, requested_action: RequestedAction
) -> None:
    """Else a late Ready and a newer Cancel, both ours, would meet. It stays so, review after review."""
    stage.enforce(first)
    ref = lost_claim(stage, 2)
    stage.enforce(second)
    for _ in range(2):
        review = stage.review(ref)
        state = stage.state(ref)
        assert review.action == "held"
        assert f"an earlier {requested_action} may have been sent" in review.alarm
        assert (state.phase, state.requested_action, state.maybe_sent) == (Phase.HELD, requested_action, True)
        assert (state.claim_id, state.attempt) == ("5f3a91c2", 1)
        assert stage.status(ref) == "Suspended"
        stage.advance(minutes=15)
    assert stage.count("UpdateJobStatus") == 1
    assert stage.told.reviews[-1].alarm


def test_the_hand_moves_one_way_for_ever(stage: Stage) -> None:
    """Days later too: nobody can prove that an update without an answer never arrives."""
    stage.enforce(APPROVE_ALL)
    ref = lost_claim(stage, 2)
    stage.enforce(CANCEL_ALL)
    stage.advance(days=20)
    assert stage.review(ref).alarm
    assert stage.count("UpdateJobStatus") == 1


@pytest.mark.parametrize(
    ("text", "action", "status"), [(APPROVE_ALL, "approved", "Ready"), (CANCEL_ALL, "cancelled", "Cancelled")]
)
def test_a_verdict_for_the_same_action_again_is_carried_out(stage: Stage, text: str, action: str, status: str) -> None:
    """After a hold in between, under the same claim id, as the next attempt."""
    stage.enforce(text)
    ref = lost_claim(stage, 2)
    stage.enforce(HOLD_ALL)
    held = stage.review(ref)
    assert (held.action, held.alarm) == ("held", "")
    stage.enforce(text)
    assert stage.review(ref).action == action
    state = stage.state(ref)
    assert (state.attempt, state.claim_id, stage.status(ref)) == (2, "5f3a91c2", status)


# --- Late effects -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "requested_action", "action"),
    [(APPROVE_ALL, RequestedAction.APPROVE, "approved"), (CANCEL_ALL, RequestedAction.CANCEL, "cancelled")],
)
def test_a_late_effect_after_a_hold_is_applied_with_an_alarm(
    stage: Stage, text: str, requested_action: RequestedAction, action: str
) -> None:
    """Recognised by the claim id in the reason; the verdict is the claims' and not the hold's."""
    stage.enforce(text)
    ref = lost_claim(stage, 2)
    sent = stage.state(ref).reason
    stage.enforce(HOLD_ALL)
    assert stage.review(ref).action == "held"
    arrive_late(stage, ref, requested_action, sent)
    review = stage.review(ref)
    state = stage.state(ref)
    assert (review.action, state.outcome, state.verdict, state.requested_action) == (
        action,
        Outcome.APPLIED,
        requested_action.value,
        requested_action,
    )
    assert "after the gate had decided to hold" in review.alarm
    assert stage.review(ref).action == "nothing"


def test_a_late_effect_tells_the_reason_that_is_on_the_job(stage: Stage) -> None:
    """What is announced as approved gives the approval's reason, not that of the hold it overtook."""
    stage.enforce(APPROVE_ALL)
    ref = lost_claim(stage, 2)
    sent = stage.state(ref).reason
    stage.enforce(HOLD_ALL)
    stage.review(ref)
    arrive_late(stage, ref, RequestedAction.APPROVE, sent)
    assert stage.review(ref).reason == stage.job(ref).reason


@pytest.mark.parametrize(("rows", "action", "status"), BOTH_WAYS)
def test_a_late_effect_without_a_hold_between_is_applied_without_an_alarm(
    stage: Stage, rows: int, action: str, status: str
) -> None:
    """It is what the gate wanted."""
    ref = lost_claim(stage, rows)
    claim = stage.state(ref)
    assert claim.requested_action is not None
    arrive_late(stage, ref, claim.requested_action, claim.reason)
    review = stage.review(ref)
    assert (review.action, review.alarm, stage.state(ref).unattributed) == (action, "", False)


@pytest.mark.parametrize(("rows", "action", "status"), BOTH_WAYS)
def test_a_late_effect_between_our_describe_and_our_second_update_is_one_decision(
    stage: Stage, rows: int, action: str, status: str
) -> None:
    """The second update is refused with JobStatusException; the reason on the job carries the same claim id."""
    ref = lost_claim(stage, rows)
    claim = stage.state(ref)
    requested_action = claim.requested_action
    assert requested_action is not None
    stage.script.before("update_status", lambda: arrive_late(stage, ref, requested_action, claim.reason))
    review = stage.review(ref)
    state = stage.state(ref)
    assert (review.action, state.outcome, state.unattributed) == (action, Outcome.APPLIED, False)
    assert stage.status(ref) == status


@pytest.mark.parametrize("late_status", ["Active", "Complete"])
def test_a_lost_approval_whose_reason_s3_forgot_is_unattributed(late_status: str) -> None:
    """It may have been ours, or a person's: applied, and said so."""
    stage = Stage(APPROVE_ALL, switches=Switches(reason_survives=False))
    ref = stage.create()
    lose(stage, Fault(Effect.HANG, after_change=True))
    stage.script.before("describe", lambda: lose(stage, Fault(Effect.ERROR, "SlowDown"), operation="DescribeJob"))
    stage.emulator.set_pace(ref.job_id, SLOW if late_status == "Active" else Pace())
    with pytest.raises(JobsApiThrottledError):
        stage.review(ref)
    stage.outlive_the_lease(ref)
    assert (stage.status(ref), stage.job(ref).reason) == (late_status, None)
    review = stage.review(ref)
    assert (review.action, review.unattributed, review.alarm) == ("approved", True, "")
    assert (stage.state(ref).outcome, stage.state(ref).unattributed) == (Outcome.APPLIED, True)


# --- Refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("JobStatusException", UpdateRefusedError),
        ("BadRequestException", UpdateRefusedError),
        ("AccessDenied", JobsApiDeniedError),
        ("NotFoundException", JobNotFoundError),
    ],
)
@pytest.mark.parametrize(
    ("first", "second", "action"), [(APPROVE_ALL, CANCEL_ALL, "cancelled"), (CANCEL_ALL, APPROVE_ALL, "approved")]
)
def test_a_refused_update_gives_the_claim_back_and_forgets_its_requested_action(
    stage: Stage, code: str, error: type[JobsApiError], first: str, second: str, action: str
) -> None:
    """It surely had no effect: trouble is raised, the job is due at once, and may go either way."""
    stage.enforce(first)
    ref = stage.create()
    lose(stage, Fault(Effect.ERROR, code))
    with pytest.raises(error):
        stage.review(ref)
    state = stage.state(ref)
    assert (state.phase, state.due_at, state.requested_action, state.maybe_sent) == (
        Phase.HELD,
        stage.clock.now(),
        None,
        False,
    )
    assert stage.status(ref) == "Suspended"
    stage.enforce(second)
    review = stage.review(ref)
    assert (review.action, review.alarm) == (action, "")
    assert stage.state(ref).claim_id == "5f3a91c2"


def test_a_refused_update_after_one_that_may_have_been_sent_remembers_the_requested_action(stage: Stage) -> None:
    """Only the second was surely refused."""
    stage.enforce(APPROVE_ALL)
    ref = lost_claim(stage, 2)
    lose(stage, Fault(Effect.ERROR, "JobStatusException"))
    with pytest.raises(UpdateRefusedError):
        stage.review(ref)
    state = stage.state(ref)
    assert (state.phase, state.requested_action, state.maybe_sent) == (Phase.HELD, RequestedAction.APPROVE, True)
    stage.enforce(CANCEL_ALL)
    assert stage.review(ref).alarm
    assert stage.count("UpdateJobStatus") == 2


@pytest.mark.parametrize(
    ("text", "theirs"), [(APPROVE_ALL, "Ready"), (APPROVE_ALL, "Cancelled"), (CANCEL_ALL, "Cancelled")]
)
def test_an_update_that_came_second_to_a_persons_is_superseded(stage: Stage, text: str, theirs: str) -> None:
    """JobStatusException is no reason to try again: describe, and go by the table."""
    stage.enforce(text)
    ref = stage.create()
    stage.script.before("update_status", lambda: stage.update_as_a_person(ref, theirs))
    review = stage.review(ref)
    assert (review.action, stage.state(ref).outcome) == ("superseded", Outcome.SUPERSEDED)
    assert (stage.status(ref), stage.job(ref).reason) == (theirs, "looked at it myself")
    assert stage.count("UpdateJobStatus") == 2


def test_what_somebody_else_decided_is_not_told_with_our_reason(stage: Stage) -> None:
    """A superseded job's line must not read as if the gate had approved it."""
    ref = stage.create()
    stage.script.before("update_status", lambda: stage.update_as_a_person(ref, "Cancelled"))
    told = stage.review(ref)
    assert told.action == "superseded"
    assert not told.reason.startswith("batchgate: approved")


def test_a_refusal_that_can_not_be_looked_after_keeps_its_claim(stage: Stage) -> None:
    """Own trouble decides nothing; the lease ends, and the job is evaluated afresh."""
    ref = stage.create()
    lose(stage, Fault(Effect.ERROR, "JobStatusException"))
    stage.script.before("describe", lambda: lose(stage, Fault(Effect.RESET), operation="DescribeJob"))
    with pytest.raises(JobsApiError):
        stage.review(ref)
    assert stage.state(ref).phase is Phase.CLAIMED
    stage.outlive_the_lease(ref)
    assert stage.review(ref).action == "approved"


@pytest.mark.parametrize("code", ["AccessDenied", "NotFoundException", "BadRequestException"])
def test_a_denied_cancel_of_an_ungated_job_does_not_end_the_gates_care(stage: Stage, code: str) -> None:
    """Own trouble settles nothing: the next review cancels the running job."""
    stage.enforce(f"{CANCEL_ALL}\nungated_jobs: cancel\n")
    stage.suspended_date_survives = DateSurvives.TRUE
    ref = stage.create(until="Active", ConfirmationRequired=False)
    stage.emulator.set_pace(ref.job_id, SLOW)
    lose(stage, Fault(Effect.ERROR, code))
    with pytest.raises(JobsApiError):
        stage.review(ref)
    assert stage.state(ref).phase is Phase.HELD
    assert stage.review(ref).action == "cancelled"


@pytest.mark.parametrize("code", ["SlowDown", "TooManyRequestsException"])
@pytest.mark.parametrize(
    ("first", "second", "action"), [(APPROVE_ALL, CANCEL_ALL, "cancelled"), (CANCEL_ALL, APPROVE_ALL, "approved")]
)
def test_a_throttled_update_gives_the_claim_back(stage: Stage, code: str, first: str, second: str, action: str) -> None:
    """Surely not applied, by either name; nothing is described for it, and the next review may go either way."""
    stage.enforce(first)
    ref = stage.create()
    lose(stage, Fault(Effect.ERROR, code))
    with pytest.raises(JobsApiThrottledError):
        stage.review(ref)
    state = stage.state(ref)
    assert (state.phase, state.due_at, state.requested_action) == (Phase.HELD, stage.clock.now(), None)
    assert stage.count("DescribeJob") == 1
    assert stage.count("UpdateJobStatus") == 1
    stage.enforce(second)
    assert stage.review(ref).action == action


# --- Ends that nobody decided -----------------------------------------------------------------------


def test_a_held_job_that_s3_failed_has_lapsed(stage: Stage) -> None:
    """Thirty days without a decision."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    stage.review(ref)
    stage.advance(days=30)
    assert stage.status(ref) == "Failed"
    review = stage.review(ref)
    assert (review.action, stage.state(ref).outcome) == ("lapsed", Outcome.LAPSED)


def test_a_held_job_that_a_person_decides_is_superseded(stage: Stage) -> None:
    """In the console, without a claim."""
    stage.enforce(HOLD_ALL)
    for status in ("Ready", "Cancelled"):
        ref = stage.create()
        stage.review(ref)
        stage.update_as_a_person(ref, status)
        assert stage.review(ref).action == "superseded"


# --- What can't be and what can't be helped, once settled -------------------------------------------


def test_a_late_cancel_of_ours_after_the_end_rings_an_alarm_and_settles_nothing_anew(stage: Stage) -> None:
    """A Cancel later than the 15 minutes kills a job that is settled as somebody else's: stated, and told."""
    stage.enforce(CANCEL_ALL)
    ref = lost_claim(stage, 2)
    sent = stage.state(ref).reason
    stage.emulator.set_pace(ref.job_id, SLOW)
    stage.update_as_a_person(ref, "Ready")
    stage.advance(minutes=15)
    assert stage.review(ref).action == "superseded"
    stage.s3control.update_status(ref, RequestedStatus.CANCELLED, sent)
    review = stage.review(ref)
    assert stage.state(ref).outcome is Outcome.SUPERSEDED
    assert review.alarm
    assert stage.told.reviews[-1].alarm


@pytest.mark.parametrize("text", [APPROVE_ALL, CANCEL_ALL])
def test_a_settled_job_that_s3_calls_suspended_rings_an_alarm_and_is_left_alone(stage: Stage, text: str) -> None:
    """That can't be; nothing is sent on the strength of it."""
    stage.enforce(text)
    ref = stage.create()
    stage.review(ref)
    job = stage.emulator._known(ref.job_id)
    job.status = type(job.status)("Suspended")
    review = stage.review(ref)
    assert stage.count("UpdateJobStatus") == 1
    assert stage.state(ref).outcome is Outcome.APPLIED
    assert review.alarm


def test_a_persons_tag_between_two_reviews_counts(stage: Stage) -> None:
    """Tags are read at every review, last."""
    stage.enforce(APPROVE_ALL.replace("require: []", "require: [{tags: {ticket: 'CHG-*'}}]"))
    ref = stage.create()
    assert stage.review(ref).action == "held"
    stage.person.put_job_tagging(AccountId=ACCOUNT, JobId=ref.job_id, Tags=[{"Key": "ticket", "Value": "CHG-7"}])
    assert stage.review(ref).action == "approved"
