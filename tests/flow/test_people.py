"""People approve jobs, which a review counts, and cancel them, which is claimed as every decision is."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace

from batchgate.aws.ledger_items import record_of, review_item
from batchgate.errors import (
    ChangedError,
    JobNotFoundError,
    JobsApiDeniedError,
    JobsApiThrottledError,
    NotAllowedError,
    OutOfTimeError,
    PolicyUnavailableError,
    RefusedError,
)
from batchgate.gate.people import cancel_for, record_approval, show_job
from batchgate.gate.ports import Review
from batchgate.gate.state import Outcome, Phase, RequestedAction
from batchgate.jobs.model import DateSurvives, JobRef
from batchgate.policy.facts import Gap, Result
from s3batch_emulator import Effect, Fault, Pace
from tests.flow.stage import ACCOUNT, APPROVE_ALL, CANCEL_ALL, HOLD_ALL, KIM, REGION, Stage, raising

APPROVE, CANCEL = RequestedAction.APPROVE, RequestedAction.CANCEL


VIOLATED = """
version: 1
policies:
  - name: small
    match: [{operation: S3PutObjectTagging}]
    require: [{total_tasks: {at_most: 3}}]
"""
UNMATCHED = "version: 1"
SHADOW = APPROVE_ALL.replace("version: 1", "version: 1\nmode: shadow")
SHADOW_CANCEL = CANCEL_ALL.replace("version: 1", "version: 1\nmode: shadow")


# --- Approvals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [HOLD_ALL, VIOLATED, UNMATCHED, SHADOW, SHADOW_CANCEL])
@pytest.mark.parametrize("held_before", [False, True])
def test_an_approval_lifts_what_holds_a_job(stage: Stage, text: str, held_before: bool) -> None:
    """The claim is the policies' and the person's, and both are on record."""
    stage.enforce(text)
    ref = stage.create(5)
    if held_before:
        assert stage.review(ref).action == "held"
    review = stage.decide(ref, APPROVE, "CHG-7 says so")
    state = stage.state(ref)
    assert stage.status(ref) == "Ready"
    assert (state.phase, state.outcome, state.requested_action) == (Phase.SETTLED, Outcome.APPLIED, APPROVE)
    assert state.decided_by == review.decided_by == f"{state.policy_version}, {KIM}"
    assert state.people == review.people == stage.told.reviews[-1].people == (KIM,)
    assert [(each.who, each.reason) for each in state.approvals] == [(KIM, "CHG-7 says so")]
    assert stage.job(ref).reason == state.reason == review.reason
    assert bool(review.lifted) is (text != HOLD_ALL)  # which its own approval meets
    evidence: Any = stage.recorded[-1].evidence
    assert [each["who"] for each in evidence["facts"]["approvals"]] == [KIM]


def test_who_approved_is_in_the_record_of_the_claim(stage: Stage) -> None:
    """As the history keeps it: who, what that lifted, who created the job; a hold says what it waits for."""
    stage.requesters = Recorded(f"arn:aws:iam::{ACCOUNT}:user/ana")
    stage.enforce(NOT_THE_REQUESTER)
    ref = stage.create()
    stage.review(ref)
    stage.decide(ref, APPROVE)
    records = [record_of(review_item(each, 1)) for each in stage.recorded]
    held, claimed = [{name: (each or {}).get(name) for name in _NEW_IN_RECORDS} for each in records]
    requester = f"arn:aws:iam::{ACCOUNT}:user/ana"
    awaiting = "no approval yet, 1 needed, not from the requester"
    assert held == {"people": None, "lifted": None, "awaiting": awaiting, "requester": requester}
    assert claimed == {"people": [KIM], "lifted": ["unmatched"], "awaiting": None, "requester": requester}


_NEW_IN_RECORDS = ("people", "lifted", "awaiting", "requester")


def test_an_approval_does_not_lift_a_cancellation(stage: Stage) -> None:
    """The policies cancel the job; the approver is told so, and the decision is none of theirs."""
    stage.enforce(CANCEL_ALL)
    ref = stage.create()
    review = stage.decide(ref, APPROVE)
    state = stage.state(ref)
    assert (review.action, review.people, state.people, state.decided_by) == ("cancelled", (), (), state.policy_version)
    assert stage.updates == ["Cancelled"]


def test_without_policies_nobody_can_approve(stage: Stage) -> None:
    """Who may is not known; nothing is written."""
    ref = stage.create()
    stage.source.enforced = None
    with pytest.raises(PolicyUnavailableError):
        stage.decide(ref, APPROVE)
    assert stage.ledger.read(ref) is None


# --- Whose approvals count --------------------------------------------------------------------------

ROLES = f"arn:aws:sts::{ACCOUNT}:assumed-role"
TWO_OF_ON_CALL = """
version: 1
approvals: {by: ["*:assumed-role/*on-call*/*"], at_least: 2}
"""
NOT_THE_REQUESTER = """
version: 1
approvals: {not_requester: true}
"""


class Recorded:
    """The `Requesters` port: what is recorded at the moment."""

    def __init__(self, found: str | Gap) -> None:
        self.found, self.asked = found, 0

    def find(self, ref: JobRef, created_at: datetime) -> str | Gap:
        """What is recorded."""
        self.asked += 1
        return self.found


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (f"{ROLES}/reader/ana", "only approvals of .* count"),
        (KIM, "only approvals of .* count"),
        ("arn:aws:iam::999999999999:user/on-call", "only approvals of .* count"),
        (f"{ROLES}/lake-on-call/ben", "has approved this job already"),
        (f"{ROLES}/on-call/ana x", "does not identify a person"),
    ],
)
def test_an_approval_that_would_not_count_is_refused(stage: Stage, who: str, why: str) -> None:
    """Another role, another name of the same person, no person at all: with the reason, and nothing is written."""
    stage.enforce(TWO_OF_ON_CALL)
    ref = stage.create()
    review = stage.decide(ref, APPROVE, who=f"{ROLES}/lake-on-call/ana")
    assert (review.action, "1 of 2 approvals, 1 more needed from" in review.awaiting) == ("held", True)
    before = stage.state(ref)
    with pytest.raises(NotAllowedError, match=why):
        stage.decide(ref, APPROVE, who=who)
    assert stage.state(ref) == before
    assert stage.decide(ref, APPROVE, who=f"{ROLES}/sea-on-call/ana").action == "approved"


def test_the_same_approval_again_is_reviewed_again_and_recorded_once(stage: Stage) -> None:
    """Whoever did not hear what came of it may ask again."""
    stage.enforce(TWO_OF_ON_CALL)
    ref, who = stage.create(), f"{ROLES}/lake-on-call/ana"
    first = stage.decide(ref, APPROVE, who=who)
    again = stage.decide(ref, APPROVE, who=who)
    assert first.awaiting == again.awaiting
    assert again.action == "held"
    assert [each.who for each in stage.state(ref).approvals] == [who]


def test_the_same_approval_after_the_end_returns_what_came_of_it(stage: Stage) -> None:
    """Also where another one's cancellation did; an approval that is not on record is refused."""
    ana = f"arn:aws:iam::{ACCOUNT}:user/ana"
    for text, came in ((HOLD_ALL, "approved"), (TWO_OF_ON_CALL.replace("by: [", "by: ['*:user/*', "), "cancelled")):
        stage.enforce(text)
        ref = stage.create()
        stage.decide(ref, APPROVE)
        if came == "cancelled":
            stage.decide(ref, CANCEL, who=ana)
        assert stage.decide(ref, APPROVE).action == came
        with pytest.raises(RefusedError, match=f"this job was {came} already"):
            stage.decide(ref, APPROVE, who=ana)
        assert len(stage.state(ref).approvals) == 1


def test_an_approval_of_the_job_as_it_was_counts_no_more(stage: Stage) -> None:
    """It stays on record; whoever gave it may approve what the job has become."""
    stage.enforce(TWO_OF_ON_CALL)
    ref = stage.create(tags={"team": "lake"})
    ana, ben = f"{ROLES}/lake-on-call/ana", f"{ROLES}/sea-on-call/ben"
    stage.decide(ref, APPROVE, who=ana)
    retagged(stage, ref)
    review = stage.decide(ref, APPROVE, who=ben)
    assert (review.action, review.awaiting[:18]) == ("held", "1 of 2 approvals, ")
    assert stage.decide(ref, APPROVE, who=ana).action == "approved"
    assert [each.who for each in stage.state(ref).approvals] == [ana, ben, ana]
    assert sorted(stage.state(ref).people) == sorted([ana, ben])


def test_the_requester_is_asked_for_where_a_policy_asks_and_kept(stage: Stage) -> None:
    """Once known it is not asked for again; the requester's approval does not count, others' do."""
    ana = f"arn:aws:iam::{ACCOUNT}:user/ana"
    stage.requesters = recorded = Recorded(KIM)
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    stage.review(ref)
    assert (recorded.asked, stage.state(ref).requester) == (0, "")
    stage.enforce(NOT_THE_REQUESTER)
    assert stage.review(ref).requester == KIM
    assert (recorded.asked, stage.state(ref).requester) == (1, KIM)
    with pytest.raises(NotAllowedError, match="whoever created the job can't approve it"):
        stage.decide(ref, APPROVE, who=KIM)
    review = stage.decide(ref, APPROVE, who=ana)
    assert (review.action, review.people, review.requester, recorded.asked) == ("approved", (ana,), KIM, 1)
    assert stage.state(ref).requester == KIM


def test_while_a_review_has_claimed_the_job_the_requester_is_who_is_on_record(stage: Stage) -> None:
    """Others' approvals are recorded, and the requester's is refused, as at any other time."""
    ana, ben = (f"arn:aws:iam::{ACCOUNT}:user/{name}" for name in ("ana", "ben"))
    stage.requesters = Recorded(KIM)
    stage.enforce(NOT_THE_REQUESTER)
    ref = stage.create()
    stage.emulator.faults.add(Fault(Effect.RESET, operation="UpdateJobStatus"))
    assert stage.decide(ref, APPROVE, who=ana).action == "pending"
    with pytest.raises(NotAllowedError, match="whoever created the job can't approve it"):
        stage.decide(ref, APPROVE, who=KIM)
    assert stage.decide(ref, APPROVE, who=ben).action == "pending"
    assert [each.who for each in stage.state(ref).approvals] == [ana, ben]


def test_the_approval_of_who_turns_out_to_be_the_requester_does_not_count(stage: Stage) -> None:
    """The policies of now count it, not those under which it was given."""
    stage.requesters = Recorded(KIM)
    stage.enforce("version: 1\napprovals: {at_least: 2}")
    ref = stage.create()
    stage.decide(ref, APPROVE, who=KIM)
    stage.enforce(NOT_THE_REQUESTER)
    assert stage.review(ref).action == "held"
    assert stage.updates == []


@pytest.mark.parametrize("result", [Result.UNKNOWN, Result.UNMEASURABLE])
def test_while_the_requester_is_not_known_nobody_s_approval_counts(stage: Stage, result: Result) -> None:
    """The hold says so; it is asked for again at each review, and not kept before it is known."""
    stage.requesters = recorded = Recorded(Gap(result, "CloudTrail has no record"))
    stage.enforce(NOT_THE_REQUESTER)
    ref = stage.create()
    stage.review(ref)
    assert "CloudTrail has no record" in stage.state(ref).awaiting
    with pytest.raises(NotAllowedError, match="CloudTrail has no record"):
        stage.decide(ref, APPROVE)
    assert stage.state(ref).requester == ""
    recorded.found = f"arn:aws:iam::{ACCOUNT}:user/ana"
    assert stage.decide(ref, APPROVE).action == "approved"


def test_a_requester_that_took_long_to_find_makes_no_facts_older(stage: Stage) -> None:
    """The job is described again after it."""
    stage.enforce(NOT_THE_REQUESTER.replace("version: 1", "version: 1\npolicies: [{name: all, require: []}]"))

    class Slow(Recorded):
        """Takes seconds."""

        def find(self, ref: JobRef, created_at: datetime) -> str | Gap:
            """Find it late."""
            stage.advance(seconds=20)
            return super().find(ref, created_at)

    stage.requesters = Slow(KIM)
    ref = stage.create()
    assert stage.review(ref).action == "approved"
    assert stage.script.effects.count("snapshot") == 2


def test_an_approval_of_a_job_that_the_policies_approve_is_not_needed(stage: Stage) -> None:
    """The job is approved all the same."""
    stage.enforce(APPROVE_ALL)
    ref = stage.create()
    assert stage.decide(ref, APPROVE).action == "approved"
    assert len(stage.state(ref).approvals) == 1


# --- Cancellations ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [APPROVE_ALL, CANCEL_ALL, HOLD_ALL])
@pytest.mark.parametrize("held_before", [False, True])
def test_a_person_cancels_whatever_the_policies_say(stage: Stage, text: str, held_before: bool) -> None:
    """By their own name; what they overrode is on record."""
    ref = stage.create(5)
    if held_before:
        stage.enforce(HOLD_ALL)
        stage.review(ref)
    stage.enforce(text)
    review = stage.decide(ref, CANCEL, "CHG-7 says so")
    state = stage.state(ref)
    assert stage.status(ref) == "Cancelled"
    assert (state.phase, state.outcome, state.requested_action) == (Phase.SETTLED, Outcome.APPLIED, CANCEL)
    assert (state.decided_by, review.decided_by) == (KIM, KIM)
    assert state.people == review.people == (KIM,)
    assert stage.job(ref).reason == state.reason == review.reason
    assert f"by {KIM}: CHG-7 says so [policy " in review.reason
    evidence: Any = stage.recorded[-1].evidence
    assert (evidence["person"], evidence["why"]) == (KIM, "CHG-7 says so")
    assert bool(evidence["overridden"]["objections"]) is (text != APPROVE_ALL)


def test_a_person_cancels_without_policies_too(stage: Stage) -> None:
    """Ones that can't be had stop nobody."""
    ref = stage.create()
    stage.source.enforced = None
    assert stage.decide(ref, CANCEL).action == "cancelled"
    evidence: Any = stage.recorded[-1].evidence
    assert evidence["overridden"] is None
    assert "policy" not in stage.job(ref).reason.partition("[")[2]  # type: ignore[union-attr]


@pytest.mark.parametrize("requested_action", RequestedAction)
@pytest.mark.parametrize("why", ["x" * 5000, "<b>\x00\n\r\t\x1b[2J", "näh 🙂", "", '"] claim 00000000]'])
def test_what_a_person_says_fits_and_is_clean(stage: Stage, requested_action: RequestedAction, why: str) -> None:
    """1 to 256 printable ASCII characters, the claim at the end."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    stage.decide(ref, requested_action, why)
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
    assert stage.review(ref).action == "pending"


def running(stage: Stage, ref: JobRef) -> None:
    """The console's."""
    stage.update_as_a_person(ref, "Ready")


@pytest.mark.parametrize(
    ("requested_action", "before", "said"),
    [
        (APPROVE, settled, "this job was approved already at "),
        (CANCEL, settled, "this job was approved already at "),
        (CANCEL, claimed, "a review has claimed it until"),
        (APPROVE, running, "S3 says Ready; only a Suspended job can be decided"),
        (CANCEL, running, "S3 says Ready; only a Suspended job can be decided"),
    ],
)
def test_a_person_is_refused_where_it_can_not_be(
    stage: Stage, requested_action: RequestedAction, before: Callable[[Stage, JobRef], None], said: str
) -> None:
    """With the reason; nothing is written or sent."""
    ref = stage.create()
    before(stage, ref)
    there, sent = stage.ledger.read(ref), stage.count("UpdateJobStatus")
    with pytest.raises(RefusedError, match=said):
        stage.decide(ref, requested_action)
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


@pytest.mark.parametrize("requested_action", RequestedAction)
def test_a_running_job_that_may_have_been_confirmed_elsewhere_is_not_decided(
    stage: Stage, requested_action: RequestedAction
) -> None:
    """Nobody knows whether it ever asked; it is said so, and the console is left."""
    ref = stage.create(ConfirmationRequired=False, until="Active")
    stage.emulator.set_pace(ref.job_id, Pace(tasks_per_second=0.0001))
    with pytest.raises(RefusedError, match="S3 says Active, and not whether this job is ungated or was confirmed"):
        stage.decide(ref, requested_action)
    assert stage.review(ref).action == "ungated_or_confirmed_elsewhere"
    with pytest.raises(RefusedError, match="is ungated, or was confirmed outside the gate"):
        stage.decide(ref, requested_action)
    assert stage.updates == []


@pytest.mark.parametrize("requested_action", RequestedAction)
def test_the_other_way_is_refused_once_an_update_may_have_been_sent(
    stage: Stage, requested_action: RequestedAction
) -> None:
    """The same way can be repeated."""
    stage.enforce(APPROVE_ALL if requested_action is APPROVE else CANCEL_ALL)
    ref = stage.create()
    claimed(stage, ref)
    stage.outlive_the_lease(ref)
    other = CANCEL if requested_action is APPROVE else APPROVE
    with pytest.raises(RefusedError, match=f"an earlier {requested_action} may have been sent"):
        stage.decide(ref, other)
    assert stage.decide(ref, requested_action).action == ("approved" if requested_action is APPROVE else "cancelled")


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
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    stage.emulator.faults.add(Fault(Effect.ERROR, code, operation="UpdateJobStatus"))
    with pytest.raises(error):
        stage.decide(ref, APPROVE)
    state = stage.state(ref)
    assert (state.phase, state.requested_action, state.maybe_sent) == (Phase.HELD, None, False)
    assert stage.decide(ref, CANCEL).action == "cancelled"


@pytest.mark.parametrize("requested_action", RequestedAction)
@pytest.mark.parametrize("after_change", [False, True])
def test_an_unclear_answer_is_settled_if_certain_and_left_otherwise(
    stage: Stage, requested_action: RequestedAction, after_change: bool
) -> None:
    """`left` says that nobody knows yet; the next review finds out."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    stage.emulator.faults.add(Fault(Effect.RESET, operation="UpdateJobStatus", after_change=after_change))
    assert stage.decide(ref, requested_action).action == (requested_action.done if after_change else "pending")
    stage.advance(minutes=5)
    stage.sweep()
    state = stage.state(ref)
    is_settled = after_change or requested_action is APPROVE  # an approval is counted again, a cancellation is not
    assert state.phase is (Phase.SETTLED if is_settled else Phase.HELD)
    assert state.possibly_sent is requested_action or is_settled
    assert state.people == (KIM,)


@pytest.mark.parametrize("requested_action", RequestedAction)
def test_a_person_s_update_that_comes_late_is_the_person_s(stage: Stage, requested_action: RequestedAction) -> None:
    """It is applied in their name, with an alarm, though the job was held since."""
    stage.enforce(HOLD_ALL)
    ref = stage.create(tags={"team": "lake"})
    stage.emulator.faults.add(Fault(Effect.RESET, operation="UpdateJobStatus"))
    stage.decide(ref, requested_action)
    claim = stage.state(ref)
    stage.outlive_the_lease(ref)
    retagged(stage, ref)  # an approval of the job as it was counts no more
    assert stage.review(ref).action == "held"
    stage.update_as_a_person(ref, str(requested_action.requested_status), claim.reason)  # as if it had been under way
    review = stage.review(ref)
    assert (review.action, review.decided_by, review.people) == (requested_action.done, claim.decided_by, (KIM,))
    assert stage.state(ref).outcome is Outcome.APPLIED
    assert "after the gate had decided to hold" in review.alarm


@pytest.mark.parametrize("requested_action", RequestedAction)
def test_a_decision_with_too_little_time_claims_nothing(stage: Stage, requested_action: RequestedAction) -> None:
    """It must be able to end what it begins; an approval is kept, and counted by the next review."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    time_left, stage.time_left = stage.time_left, stage.time_left * 0
    with pytest.raises(OutOfTimeError):
        stage.decide(ref, requested_action)
    assert "claim" not in stage.script.effects
    stage.time_left = time_left
    if requested_action is APPROVE:
        stage.sweep()
        assert stage.status(ref) == "Ready"
    else:
        assert stage.ledger.read(ref) is None


@pytest.mark.parametrize("effect", ["snapshot", "claim"])
def test_a_cancellation_that_meets_a_review_does_not_decide_a_second_time(stage: Stage, effect: str) -> None:
    """Whoever claims first."""
    ref = stage.create()
    stage.script.before(effect, lambda: stage.review(ref))
    with pytest.raises(RefusedError, match=r"this job was approved already|S3 says Ready"):
        stage.decide(ref, CANCEL)
    assert stage.updates == ["Ready"]


def test_a_cancellation_that_leaves_the_announcing_to_the_gate_is_announced_by_the_sweep(stage: Stage) -> None:
    """An end that its announcer did not take stays open until the sweep announces it."""
    ref = stage.create()

    class Silent:
        """Tells nobody."""

        def announce(self, review: object) -> bool:
            """Leave it."""
            return False

    gate = replace(stage.gate, announcer=Silent())
    cancel_for(ref, KIM, "looked at it", stage.digest(ref), gate)
    assert stage.state(ref).announced_at is None
    stage.script.before("announce", raising(JobsApiDeniedError("not this time")))
    stage.sweep()
    assert stage.told.reviews == []
    stage.sweep()
    assert [(told.action, told.decided_by) for told in stage.told.reviews] == [("cancelled", KIM)]


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


def decide(stage: Stage, ref: JobRef, requested_action: RequestedAction, digest: str) -> Review:
    """Decide a job as it was shown."""
    how = record_approval if requested_action is APPROVE else cancel_for
    return how(ref, KIM, "looked at it", digest, stage.gate)


@pytest.mark.parametrize("text", [BY_TEAM, HOLD_ALL], ids=["looks at tags", "looks at none"])
@pytest.mark.parametrize("requested_action", RequestedAction)
@pytest.mark.parametrize("change", [retagged, reprioritized])
def test_a_job_that_changed_since_it_was_shown_is_not_decided(
    stage: Stage, text: str, requested_action: RequestedAction, change: Callable[[Stage, JobRef], None]
) -> None:
    """Whatever of it changed, and whether the policies look at that or not: nothing is written and nothing sent."""
    stage.enforce(text)
    ref = stage.create(tags={"team": "lake"})
    shown = show_job(ref, stage.gate)
    change(stage, ref)
    with pytest.raises(ChangedError, match="has changed since it was shown; nothing was done"):
        decide(stage, ref, requested_action, shown.digest)
    assert stage.ledger.read(ref) is None
    assert stage.updates == []
    assert decide(stage, ref, requested_action, show_job(ref, stage.gate).digest).action == requested_action.done


def test_other_policies_are_no_change_of_the_job(stage: Stage) -> None:
    """A person decides on the job; what the policies say is evaluated when it is decided."""
    ref = stage.create()
    shown = show_job(ref, stage.gate)
    stage.enforce(HOLD_ALL)
    assert decide(stage, ref, CANCEL, shown.digest).action == "cancelled"


@pytest.mark.parametrize("requested_action", RequestedAction)
def test_a_job_that_only_waited_is_decided_as_it_was_shown(stage: Stage, requested_action: RequestedAction) -> None:
    """Time, and what the gate did meanwhile, change nothing of the job."""
    stage.enforce(BY_TEAM)
    ref = stage.create(tags={"team": "web"})
    shown = show_job(ref, stage.gate)
    assert stage.ledger.read(ref) is None
    stage.advance(hours=3)
    stage.review(ref)
    assert decide(stage, ref, requested_action, shown.digest).action == requested_action.done


def test_a_running_job_that_makes_progress_is_cancelled_as_it_was_shown(stage: Stage) -> None:
    """Tasks end while a person reads; how many is no change of the job."""
    stage.suspended_date_survives = DateSurvives.TRUE
    ref = stage.create(1000, ConfirmationRequired=False, until="Active")
    stage.emulator.set_pace(ref.job_id, Pace(tasks_per_second=1))
    shown = show_job(ref, stage.gate)
    before = stage.s3control.describe(ref).tasks_ended
    stage.advance(seconds=30)
    assert stage.s3control.describe(ref).tasks_ended > before
    assert decide(stage, ref, CANCEL, shown.digest).action == "cancelled"


@pytest.mark.parametrize(("requested_action", "effect"), [(APPROVE, "write held"), (CANCEL, "claim")])
def test_a_change_between_two_tries_of_a_decision_is_seen(
    stage: Stage, requested_action: RequestedAction, effect: str
) -> None:
    """Another one's write begins it anew, and what it then finds is what counts."""
    stage.enforce(BY_TEAM)
    ref = stage.create(tags={"team": "web"})
    shown = show_job(ref, stage.gate)

    def meanwhile() -> None:
        stage.review(ref)
        reprioritized(stage, ref)

    stage.script.before(effect, meanwhile)
    with pytest.raises(ChangedError):
        decide(stage, ref, requested_action, shown.digest)
    assert stage.updates == []
    assert stage.state(ref).approvals == ()
