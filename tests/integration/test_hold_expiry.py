"""A hold that lasts too long is a cancellation where the policies say so, and only where it is known what is wrong."""

from datetime import timedelta

import pytest

from batchgate.errors import JobsApiThrottledError
from batchgate.jobs.model import DateSurvives
from batchgate.ports import Brake, Pause
from batchgate.state import Block, Outcome, Phase
from s3batch_emulator import Effect, Fault, Switches
from tests.integration.stage import APPROVE_ALL, Stage

TWO_DAYS = """
version: 1
cancel_held_after: 2d
policies:
  - name: small
    match: [{operation: S3PutObjectTagging}]
    require: [{total_tasks: {at_most: 3}}]
"""
NOBODY_S = "version: 1\ncancel_held_after: 2d\n"
MID_JANUARY = """
version: 1
cancel_held_after: 2d
calendars:
  mid-january:
    timezone: UTC
    open: [{dates: [2026-01-15..2026-01-16]}]
policies:
  - name: in-mid-january
    match: [{operation: S3PutObjectTagging}]
    require: [{window: mid-january}]
"""
BY_HAND = TWO_DAYS.replace("{total_tasks: {at_most: 3}}", "{manual_approval: required}")
TAGGED = TWO_DAYS.replace("{total_tasks: {at_most: 3}}", "{tags: {ticket: CHG-*}}")
SHADOW = TWO_DAYS.replace("version: 1", "version: 1\nmode: shadow")
FOREVER = TWO_DAYS.replace("cancel_held_after: 2d\n", "")


@pytest.mark.parametrize("text", [TWO_DAYS, NOBODY_S, MID_JANUARY], ids=["violated", "unmatched", "closed window"])
def test_a_hold_for_a_known_reason_ends_in_a_cancellation(stage: Stage, text: str) -> None:
    """To the instant, counted from the first hold."""
    stage.enforce(text)
    ref = stage.create(5)
    stage.review(ref)
    stage.advance(days=2, microseconds=-1)
    assert stage.review(ref).action == "held"
    stage.advance(microseconds=1)
    review = stage.review(ref)
    assert (review.action, stage.status(ref)) == ("cancelled", "Cancelled")
    assert review.reason.startswith("batchgate: cancelled, held for more than 2 days")
    assert stage.state(ref).outcome is Outcome.APPLIED


def test_the_sweep_looks_at_the_very_end_of_the_hold(stage: Stage) -> None:
    """It is due then, sooner than it would be otherwise."""
    stage.enforce(TWO_DAYS)
    ref = stage.create(5)
    stage.review(ref)
    stage.advance(days=1, hours=23, minutes=55)
    stage.review(ref)
    assert stage.state(ref).due_at == stage.clock.now() + timedelta(minutes=5)
    stage.advance(minutes=5)
    stage.sweep()
    assert stage.status(ref) == "Cancelled"


@pytest.mark.parametrize("text", [BY_HAND, FOREVER], ids=["a person is wanted", "no end said"])
def test_a_hold_that_waits_for_a_person_never_expires(stage: Stage, text: str) -> None:
    """Thirty days."""
    stage.enforce(text)
    ref = stage.create(5)
    for _ in range(29):
        stage.review(ref)
        stage.advance(days=1)
    assert (stage.updates, stage.status(ref)) == ([], "Suspended")


def test_what_could_not_be_read_never_expires(stage: Stage) -> None:
    """Tags that the gate may not read."""
    stage.enforce(TAGGED)
    ref = stage.create(5)
    stage.emulator.faults.add(Fault(Effect.ERROR, "AccessDenied", operation="GetJobTagging", times=None))
    for _ in range(20):
        assert stage.review(ref).action == "held"
        stage.advance(days=1)
    stage.emulator.faults.clear()
    assert stage.review(ref).action == "cancelled"  # known at last, and long since held


def test_a_size_that_s3_does_not_say_never_expires() -> None:
    """Though it is Suspended."""
    stage = Stage(TWO_DAYS, switches=Switches(total_known_at_suspended=frozenset()))
    ref = stage.create(5)
    for _ in range(20):
        assert stage.review(ref).action == "held"
        stage.advance(days=1)


def test_a_hold_that_would_be_approved_now_is_approved(stage: Stage) -> None:
    """However long it lasted."""
    stage.enforce(TAGGED)
    ref = stage.create(5)
    stage.review(ref)
    stage.advance(days=10)
    stage.person.put_job_tagging(AccountId=ref.account_id, JobId=ref.job_id, Tags=[{"Key": "ticket", "Value": "CHG-1"}])
    assert stage.review(ref).action == "approved"


def test_a_hold_is_not_cancelled_for_a_window_that_is_about_to_open(stage: Stage) -> None:
    """The update could arrive after it."""
    stage.enforce(MID_JANUARY)
    ref = stage.create(5)
    stage.review(ref)
    opens = stage.state(ref).until
    assert opens is not None
    stage.advance(seconds=(opens - stage.clock.now()).total_seconds() - 4)
    assert stage.review(ref).action == "held"
    assert stage.updates == []
    stage.advance(seconds=4)
    assert stage.review(ref).action == "approved"


# --- What does not count ----------------------------------------------------------------------------


def test_what_was_held_in_shadow_was_not_held(stage: Stage) -> None:
    """The day that shadow ends nothing is cancelled for its age."""
    stage.enforce(SHADOW)
    ref = stage.create(5)
    stage.review(ref)
    stage.advance(days=10)
    stage.enforce(TWO_DAYS)
    assert stage.review(ref).action == "held"
    stage.advance(days=2)
    assert stage.review(ref).action == "cancelled"


def test_a_claim_that_came_to_nothing_does_not_make_a_hold_in_shadow_count(stage: Stage) -> None:
    """Held in shadow, then claimed and given back: the hold in force begins there."""
    stage.enforce(SHADOW)
    ref = stage.create(5)
    stage.review(ref)
    stage.advance(days=10)
    stage.enforce(APPROVE_ALL)
    stage.emulator.faults.add(Fault(Effect.ERROR, "SlowDown", operation="UpdateJobStatus"))
    with pytest.raises(JobsApiThrottledError):
        stage.review(ref)
    stage.enforce(TWO_DAYS)
    assert stage.review(ref).action == "held"
    stage.advance(days=2)
    assert stage.review(ref).action == "cancelled"


def test_what_was_left_to_people_was_not_held(stage: Stage) -> None:
    """Adopted later, an older job has the whole time before it."""
    stage.enforce(TWO_DAYS)
    stage.ledger.ledger.opened = stage.clock.now() + timedelta(hours=1)
    ref = stage.create(5)
    stage.review(ref)
    stage.advance(days=10)
    assert stage.review(ref).action == "held"
    stage.adopt_existing = True
    assert stage.review(ref).action == "held"
    stage.advance(days=2)
    assert stage.review(ref).action == "cancelled"


def test_a_pause_and_the_brake_stop_an_expiry_too(stage: Stage) -> None:
    """It is a cancellation like any other."""
    stage.enforce(TWO_DAYS)
    ref = stage.create(5)
    stage.review(ref)
    stage.advance(days=3)
    stage.ledger.ledger.set_pause(Pause("kim", "an incident", stage.clock.now()), replacing=None)
    assert stage.review(ref).action == "held"
    assert stage.state(ref).block is Block.PAUSED
    stage.ledger.ledger.set_pause(None, replacing=stage.ledger.ledger.pause())
    stage.brake = Brake(1, timedelta(minutes=10))
    other = stage.create(5)
    stage.review(other)
    stage.advance(days=3)
    assert sorted([stage.review(ref).action, stage.review(other).action]) == ["cancelled", "held"]


def test_a_job_that_did_not_ask_does_not_expire(stage: Stage) -> None:
    """It runs; nobody holds it."""
    stage.enforce(TWO_DAYS.replace("version: 1", "version: 1\nungated_jobs: cancel"))
    stage.suspended_date_survives = DateSurvives.TRUE
    ref = stage.create(5, ConfirmationRequired=False, until="Ready")
    assert stage.review(ref).action == "ungated"
    assert stage.updates == []
    assert stage.state(ref).phase is Phase.SETTLED
