"""A person decides by command: by the same claim as everybody, with the policies' objections on record."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from batchgate.errors import (
    ChangedError,
    JobNotFoundError,
    JobsApiDeniedError,
    JobsApiThrottledError,
    OutOfTimeError,
    RefusedError,
)
from batchgate.gate.operator_decision import decide_for_operator, propose_for_operator
from batchgate.gate.state import Outcome, Phase, RequestedAction
from batchgate.jobs.model import DateSurvives, JobRef
from s3batch_emulator import Effect, Fault, Pace
from tests.flow.stage import ACCOUNT, APPROVE_ALL, CANCEL_ALL, HOLD_ALL, REGION, Stage, raising

KIM = f"arn:aws:iam::{ACCOUNT}:user/kim"
APPROVE, CANCEL = RequestedAction.APPROVE, RequestedAction.CANCEL
STATUS = {APPROVE: "Ready", CANCEL: "Cancelled"}


@pytest.mark.parametrize("direction", RequestedAction)
@pytest.mark.parametrize("text", [APPROVE_ALL, CANCEL_ALL, HOLD_ALL])
@pytest.mark.parametrize("held_before", [False, True])
def test_a_person_decides_whatever_the_policies_say(
    stage: Stage, direction: RequestedAction, text: str, held_before: bool
) -> None:
    """By their own name; what they overrode is on record."""
    ref = stage.create(5)
    if held_before:
        stage.enforce(HOLD_ALL)
        stage.review(ref)
    stage.enforce(text)
    review = stage.decide(ref, direction, "CHG-7 says so")
    state = stage.state(ref)
    assert stage.status(ref) == STATUS[direction]
    assert (state.phase, state.outcome, state.direction) == (Phase.SETTLED, Outcome.APPLIED, direction)
    assert (state.decided_by, review.decided_by) == (KIM, KIM)
    assert stage.job(ref).reason == state.reason == review.reason
    assert f"by {KIM}: CHG-7 says so [policy " in review.reason
    evidence: Any = stage.recorded[-1].evidence
    assert (evidence["person"], evidence["why"]) == (KIM, "CHG-7 says so")
    assert bool(evidence["overridden"]["objections"]) is (text != APPROVE_ALL)


def test_a_person_decides_without_policies_too(stage: Stage) -> None:
    """Ones that can't be had stop nobody."""
    ref = stage.create()
    stage.source.enforced = None
    assert stage.decide(ref, APPROVE).action == "approved"
    evidence: Any = stage.recorded[-1].evidence
    assert evidence["overridden"] is None
    assert "policy" not in stage.job(ref).reason.partition("[")[2]  # type: ignore[union-attr]


@pytest.mark.parametrize("direction", RequestedAction)
@pytest.mark.parametrize("why", ["x" * 5000, "<b>\x00\n\r\t\x1b[2J", "näh 🙂", "", '"] claim 00000000]'])
def test_what_a_person_says_fits_and_is_clean(stage: Stage, direction: RequestedAction, why: str) -> None:
    """1 to 256 printable ASCII characters, the claim at the end."""
    ref = stage.create()
    stage.decide(ref, direction, why)
    reason = stage.job(ref).reason
    assert reason is not None
    assert 1 <= len(reason) <= 256
    assert reason.isascii()
    assert reason.isprintable()
    assert reason.endswith(f" claim {stage.state(ref).claim_id}]")


# --- Refused ----------------------------------------------------------------------------------------


def settled(stage: Stage, ref: JobRef) -> None:
    """Decided by the policies."""
    stage.enforce(APPROVE_ALL)
    stage.review(ref)


def claimed(stage: Stage, ref: JobRef) -> None:
    """A review has it."""
    stage.emulator.faults.add(Fault(Effect.RESET, operation="UpdateJobStatus"))
    assert stage.review(ref).action == "left"


def running(stage: Stage, ref: JobRef) -> None:
    """The console's."""
    stage.update_as_a_person(ref, "Ready")


@pytest.mark.parametrize("direction", RequestedAction)
@pytest.mark.parametrize(
    ("before", "said"),
    [
        (settled, "this job was approved already at "),
        (claimed, "a review has claimed it until"),
        (running, "S3 says Ready; only a Suspended job can be decided"),
    ],
)
def test_a_person_is_refused_where_it_can_not_be(
    stage: Stage, direction: RequestedAction, before: Callable[[Stage, JobRef], None], said: str
) -> None:
    """With the reason; nothing is written or sent."""
    ref = stage.create()
    before(stage, ref)
    there, sent = stage.ledger.read(ref), stage.count("UpdateJobStatus")
    with pytest.raises(RefusedError, match=said):
        stage.decide(ref, direction)
    assert (stage.ledger.read(ref), stage.count("UpdateJobStatus")) == (there, sent)


@pytest.mark.parametrize("status", ["New", "Preparing"])
def test_a_job_that_is_not_suspended_yet_is_refused(stage: Stage, status: str) -> None:
    """Its size is not known."""
    ref = stage.create(until=status)
    with pytest.raises(RefusedError, match=f"S3 says {status}"):
        stage.decide(ref, APPROVE)


def test_a_running_job_that_did_not_ask_can_be_cancelled_and_not_approved(stage: Stage) -> None:
    """It needs no approval."""
    stage.suspended_date_survives = DateSurvives.TRUE
    ref = stage.create(ConfirmationRequired=False, until="Active")
    stage.emulator.set_pace(ref.job_id, Pace(tasks_per_second=0.0001))
    with pytest.raises(RefusedError, match="did not ask for confirmation"):
        stage.decide(ref, APPROVE)
    assert stage.decide(ref, CANCEL).action == "cancelled"
    assert stage.status(ref) == "Cancelling"


@pytest.mark.parametrize("direction", RequestedAction)
def test_a_running_job_that_may_have_been_confirmed_elsewhere_is_not_decided(
    stage: Stage, direction: RequestedAction
) -> None:
    """Nobody knows whether it ever asked; it is said so, and the console is left."""
    ref = stage.create(ConfirmationRequired=False, until="Active")
    stage.emulator.set_pace(ref.job_id, Pace(tasks_per_second=0.0001))
    with pytest.raises(RefusedError, match="S3 says Active, and not whether this job is ungated or was confirmed"):
        stage.decide(ref, direction)
    assert stage.review(ref).action == "ungated_or_confirmed_elsewhere"
    with pytest.raises(RefusedError, match="is ungated, or was confirmed outside the gate"):
        stage.decide(ref, direction)
    assert stage.updates == []


@pytest.mark.parametrize("direction", RequestedAction)
def test_the_other_way_is_refused_once_an_update_may_have_been_sent(stage: Stage, direction: RequestedAction) -> None:
    """The same way can be repeated."""
    stage.enforce(APPROVE_ALL if direction is APPROVE else CANCEL_ALL)
    ref = stage.create()
    claimed(stage, ref)
    stage.outlive_the_lease(ref)
    other = CANCEL if direction is APPROVE else APPROVE
    with pytest.raises(RefusedError, match=f"an earlier {direction} may have been sent"):
        stage.decide(ref, other)
    assert stage.decide(ref, direction).action == ("approved" if direction is APPROVE else "cancelled")


def test_an_unknown_job_is_not_found(stage: Stage) -> None:
    """And nothing is written."""
    unknown = JobRef("aws", REGION, ACCOUNT, "00000000-dead-beef-0000-000000000000")
    with pytest.raises(JobNotFoundError):
        stage.decide(unknown, APPROVE)
    assert stage.ledger.read(unknown) is None


# --- S3's answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "error"), [("AccessDenied", JobsApiDeniedError), ("SlowDown", JobsApiThrottledError)])
def test_what_s3_refuses_gives_the_claim_back(stage: Stage, code: str, error: type[Exception]) -> None:
    """The person hears of it, and may try again, either way."""
    ref = stage.create()
    stage.emulator.faults.add(Fault(Effect.ERROR, code, operation="UpdateJobStatus"))
    with pytest.raises(error):
        stage.decide(ref, APPROVE)
    state = stage.state(ref)
    assert (state.phase, state.direction, state.maybe_sent) == (Phase.HELD, None, False)
    assert stage.decide(ref, CANCEL).action == "cancelled"


@pytest.mark.parametrize("after_change", [False, True])
def test_an_unclear_answer_is_settled_if_certain_and_left_otherwise(stage: Stage, after_change: bool) -> None:
    """`left` says that nobody knows yet; the next review finds out."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    stage.emulator.faults.add(Fault(Effect.RESET, operation="UpdateJobStatus", after_change=after_change))
    assert stage.decide(ref, APPROVE).action == ("approved" if after_change else "left")
    stage.advance(minutes=5)
    stage.sweep()
    state = stage.state(ref)
    assert state.phase is (Phase.SETTLED if after_change else Phase.HELD)
    assert state.possibly_sent is (None if after_change else APPROVE) or after_change
    assert state.decided_by == KIM


def test_a_person_s_update_that_comes_late_is_the_person_s(stage: Stage) -> None:
    """It is applied in their name, with an alarm, though the policies held the job since."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    stage.emulator.faults.add(Fault(Effect.RESET, operation="UpdateJobStatus"))
    stage.decide(ref, APPROVE)
    reason = stage.state(ref).reason
    stage.outlive_the_lease(ref)
    stage.review(ref)
    stage.update_as_a_person(ref, "Ready", reason)  # as if it had been under way all the time
    review = stage.review(ref)
    assert (review.action, review.decided_by, stage.state(ref).outcome) == ("approved", KIM, Outcome.APPLIED)
    assert "after the gate had decided to hold" in review.alarm


def test_a_command_with_too_little_time_claims_nothing(stage: Stage) -> None:
    """It must be able to end what it begins."""
    ref = stage.create()
    stage.time_left = stage.time_left * 0
    with pytest.raises(OutOfTimeError):
        stage.decide(ref, APPROVE)
    assert stage.ledger.read(ref) is None


@pytest.mark.parametrize("effect", ["snapshot", "claim"])
def test_a_command_that_meets_a_review_does_not_decide_a_second_time(stage: Stage, effect: str) -> None:
    """Whoever claims first."""
    ref = stage.create()
    stage.script.before(effect, lambda: stage.review(ref))
    with pytest.raises(RefusedError, match=r"this job was approved already|S3 says Ready"):
        stage.decide(ref, CANCEL)
    assert stage.updates == ["Ready"]


def test_a_command_that_leaves_the_telling_to_the_gate_is_told_of_by_the_sweep(stage: Stage) -> None:
    """An end that the command's announcer did not take stays open until the sweep announces it."""
    ref = stage.create()

    class Silent:
        """Tells nobody."""

        def announce(self, review: object) -> bool:
            """Leave it."""
            return False

    gate = replace(stage.gate, announcer=Silent())
    decide_for_operator(ref, APPROVE, KIM, "looked at it", gate)
    assert stage.state(ref).announced_at is None
    stage.script.before("announce", raising(JobsApiDeniedError("not this time")))
    stage.sweep()
    assert stage.told.reviews == []
    stage.sweep()
    assert [(told.action, told.decided_by) for told in stage.told.reviews] == [("approved", KIM)]


# --- What was shown is what is decided -------------------------------------------------------------------

BY_TEAM = """
version: 1
policies:
  - name: teams
    match: [{operation: S3PutObjectTagging}]
    require: [{tags: {team: lake}}]
"""


def retagged(stage: Stage, ref: JobRef) -> None:
    """The requester wrote other tags."""
    tags = [{"Key": "team", "Value": "web"}]
    stage.person.put_job_tagging(AccountId=ACCOUNT, JobId=ref.job_id, Tags=tags)


def reprioritized(stage: Stage, ref: JobRef) -> None:
    """Somebody changed what DescribeJob answers of the job itself."""
    stage.person.update_job_priority(AccountId=ACCOUNT, JobId=ref.job_id, Priority=7)


def reruled(stage: Stage, ref: JobRef) -> None:
    """Other policies are in force."""
    stage.enforce(CANCEL_ALL)


def without_policies(stage: Stage, ref: JobRef) -> None:
    """They can't be read any more."""
    stage.source.enforced = None


@pytest.mark.parametrize("text", [BY_TEAM, HOLD_ALL], ids=["looks at tags", "looks at none"])
@pytest.mark.parametrize("direction", RequestedAction)
@pytest.mark.parametrize("change", [retagged, reprioritized, reruled, without_policies])
def test_a_job_that_changed_since_it_was_shown_is_not_decided(
    stage: Stage, text: str, direction: RequestedAction, change: Callable[[Stage, JobRef], None]
) -> None:
    """Whatever of it changed, and whether the policies look at that or not: nothing is written and nothing sent."""
    stage.enforce(text)
    ref = stage.create(tags={"team": "lake"})
    shown = propose_for_operator(ref, direction, KIM, "looked at it", stage.gate)
    change(stage, ref)
    with pytest.raises(ChangedError, match="has changed since it was shown; nothing was done"):
        decide_for_operator(ref, direction, KIM, "looked at it", stage.gate, shown=shown.digest)
    assert stage.ledger.read(ref) is None
    assert stage.updates == []
    again = propose_for_operator(ref, direction, KIM, "looked at it", stage.gate)
    assert decide_for_operator(ref, direction, KIM, "so be it", stage.gate, shown=again.digest).action == direction.done


def test_a_job_that_only_waited_is_decided_as_it_was_shown(stage: Stage) -> None:
    """Time, and what the gate did meanwhile, change nothing of the job."""
    stage.enforce(BY_TEAM)
    ref = stage.create(tags={"team": "web"})
    shown = propose_for_operator(ref, APPROVE, KIM, "looked at it", stage.gate)
    assert stage.ledger.read(ref) is None
    stage.advance(hours=3)
    stage.review(ref)
    assert decide_for_operator(ref, APPROVE, KIM, "looked at it", stage.gate, shown=shown.digest).action == "approved"


def test_a_running_job_that_makes_progress_is_cancelled_as_it_was_shown(stage: Stage) -> None:
    """Tasks end while a person reads; how many is no change of the job."""
    stage.suspended_date_survives = DateSurvives.TRUE
    ref = stage.create(1000, ConfirmationRequired=False, until="Active")
    stage.emulator.set_pace(ref.job_id, Pace(tasks_per_second=1))
    shown = propose_for_operator(ref, CANCEL, KIM, "looked at it", stage.gate)
    before = stage.s3control.describe(ref).tasks_ended
    stage.advance(seconds=30)
    assert stage.s3control.describe(ref).tasks_ended > before
    assert decide_for_operator(ref, CANCEL, KIM, "looked at it", stage.gate, shown=shown.digest).action == "cancelled"


def test_a_change_between_two_tries_of_a_command_is_seen(stage: Stage) -> None:
    """Another one's write begins the command anew, and what it then finds is what counts."""
    stage.enforce(BY_TEAM)
    ref = stage.create(tags={"team": "web"})
    shown = propose_for_operator(ref, APPROVE, KIM, "looked at it", stage.gate)

    def meanwhile() -> None:
        stage.review(ref)
        reprioritized(stage, ref)

    stage.script.before("claim", meanwhile)
    with pytest.raises(ChangedError):
        decide_for_operator(ref, APPROVE, KIM, "looked at it", stage.gate, shown=shown.digest)
    assert stage.updates == []
