"""Jobs that are older than the gate are people's, unless the gate was told to decide them."""

from datetime import timedelta

import pytest

from batchgate.gate.state import Block, Outcome, Phase, RequestedAction
from batchgate.jobs.model import DateSurvives
from s3batch_emulator import Effect, Fault
from tests.flow.stage import ACCOUNT, APPROVE_ALL, CANCEL_ALL, HOLD_ALL, KIM, Stage


@pytest.fixture
def old(stage: Stage) -> Stage:
    """A gate that was opened an hour after the jobs of the test are created."""
    stage.ledger.ledger.opened = stage.clock.now() + timedelta(hours=1)
    return stage


@pytest.mark.parametrize("text", [APPROVE_ALL, CANCEL_ALL, HOLD_ALL])
def test_an_older_job_is_reported_and_not_decided(old: Stage, text: str) -> None:
    """Whatever the verdict: held, with the reason, and nothing claimed."""
    old.enforce(text)
    ref = old.create()
    review = old.review(ref)
    assert (review.action, old.state(ref).block) == ("held", Block.ADOPTION)
    assert "older than the gate" in review.reason
    old.advance(hours=2)
    old.sweep()
    assert old.updates == []
    assert old.state(ref).phase is Phase.HELD


@pytest.mark.parametrize(("text", "status"), [(APPROVE_ALL, "Ready"), (CANCEL_ALL, "Cancelled")])
def test_a_gate_that_was_told_so_decides_older_jobs(old: Stage, text: str, status: str) -> None:
    """`adopt_existing: evaluate`."""
    old.enforce(text)
    old.adopt_existing = True
    ref = old.create()
    old.review(ref)
    assert old.status(ref) == status


def test_a_gate_that_is_told_so_later_decides_what_it_only_reported(old: Stage) -> None:
    """As soon as the hold is due again."""
    ref = old.create()
    old.review(ref)
    old.adopt_existing = True
    old.advance(minutes=15)
    old.sweep()
    assert old.updates == ["Ready"]


def test_a_job_as_old_as_the_gate_is_the_gates(stage: Stage) -> None:
    """To the very instant."""
    ref = stage.create()
    stage.ledger.ledger.opened = stage.job(ref).history[0][0]
    assert stage.review(ref).action == "approved"
    other = stage.create()
    stage.ledger.ledger.opened = stage.job(other).history[0][0] + timedelta(microseconds=1)
    assert stage.review(other).action == "held"


@pytest.mark.parametrize("requested_action", RequestedAction)
def test_a_person_decides_older_jobs(old: Stage, requested_action: RequestedAction) -> None:
    """By command, as any other."""
    ref = old.create()
    old.review(ref)
    old.decide(ref, requested_action)
    assert old.updates == [requested_action.requested_status]
    assert old.state(ref).outcome is Outcome.APPLIED


TWO = """
version: 1
approvals: {at_least: 2}
policies:
  - name: anything
    match: [{operation: S3PutObjectTagging}]
    require: []
"""


def test_an_older_job_that_the_policies_would_approve_waits_for_as_many_people_as_they_want(old: Stage) -> None:
    """And says how many are missing; those that were enough are on record, though nothing else held it."""
    old.enforce(TWO)
    ref = old.create()
    old.review(ref)
    assert old.state(ref).awaiting == "no approval yet, 2 needed"
    assert old.decide(ref, RequestedAction.APPROVE).awaiting == "1 of 2 approvals, 1 more needed"
    assert (old.state(ref).block, old.updates) == (Block.ADOPTION, [])
    ben = f"arn:aws:iam::{ACCOUNT}:user/ben"
    old.advance(minutes=1)
    assert old.decide(ref, RequestedAction.APPROVE, who=ben).people == (KIM, ben)
    assert old.updates == ["Ready"]


def test_an_approval_of_an_older_job_does_not_let_the_policies_cancel_it(old: Stage) -> None:
    """A cancellation is nobody's approval."""
    old.enforce(CANCEL_ALL)
    ref = old.create()
    assert old.decide(ref, RequestedAction.APPROVE).action == "held"
    assert (old.state(ref).block, old.state(ref).awaiting, old.updates) == (Block.ADOPTION, "", [])


def test_an_older_job_that_somebody_confirms_in_the_console_is_superseded(old: Stage) -> None:
    """It leaves what is held."""
    ref = old.create()
    old.review(ref)
    old.update_as_a_person(ref, "Ready")
    old.sweep()
    assert old.state(ref).outcome is Outcome.SUPERSEDED


def test_an_older_job_that_did_not_ask_is_not_cancelled(old: Stage) -> None:
    """`ungated_jobs: cancel` is for the jobs since."""
    old.enforce(CANCEL_ALL.replace("version: 1", "version: 1\nungated_jobs: cancel"))
    old.suspended_date_survives = DateSurvives.TRUE
    ref = old.create(ConfirmationRequired=False, until="Ready")
    assert old.review(ref).action == "ungated"
    assert old.updates == []


def test_what_a_person_began_on_an_older_job_does_not_hand_it_to_the_policies(old: Stage) -> None:
    """A person's claim that S3 refused leaves the job theirs."""
    old.enforce(CANCEL_ALL)
    ref = old.create()
    old.review(ref)
    old.emulator.faults.add(Fault(Effect.ERROR, "SlowDown", operation="UpdateJobStatus"))
    with pytest.raises(Exception, match="SlowDown"):
        old.decide(ref, RequestedAction.CANCEL)
    old.advance(minutes=15)
    old.sweep()
    assert old.status(ref) == "Suspended"
    assert old.state(ref).block is Block.ADOPTION
