"""People and reviews at once, and crashes and lost answers between: one decision, the right record, the loser told."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from msgspec.structs import replace

from batchgate.errors import GateError, LedgerError, RefusedError
from batchgate.gate.people import record_approval
from batchgate.gate.ports import Pause, Review
from batchgate.gate.state import Outcome, Phase, RequestedAction, State
from batchgate.jobs.model import JobRef
from batchgate.policy.approvals import Approval
from s3batch_emulator import Effect, Fault
from tests.flow.stage import ACCOUNT, APPROVE_ALL, CANCEL_ALL, HOLD_ALL, KIM, Stage, raising

ANA, BEN = (f"arn:aws:iam::{ACCOUNT}:user/{name}" for name in ("ana", "ben"))
APPROVE, CANCEL = RequestedAction.APPROVE, RequestedAction.CANCEL
STATUS = {APPROVE: "Ready", CANCEL: "Cancelled"}
TWO = """
version: 1
approvals: {at_least: 2}
policies:
  - name: nothing-at-all
    match: [{operation: S3PutObjectTagging}]
    require: [{total_tasks: {at_most: 0}}]
"""
EFFECTS = 10
"""More than any approval or review has."""


def attempt(call: Callable[[], Review]) -> Review | GateError:
    """What a caller is told."""
    try:
        return call()
    except GateError as error:
        return error


def sent(stage: Stage) -> list[str]:
    """The statuses that S3 was asked for, but for what it throttled."""
    return [status for status in stage.updates if status in STATUS.values()]


def let_it_end(stage: Stage) -> None:
    """Sweep until every lease and every wait is over; what was to happen and did not happens no more."""
    stage.script.forget()
    for _ in range(4):
        stage.advance(minutes=6)
        stage.sweep()


def assert_decided_once(stage: Stage, ref: JobRef, requested_action: RequestedAction) -> State:
    """One end, of which S3, the ledger and all announcements agree."""
    state = stage.state(ref)
    assert (state.phase, state.outcome, state.requested_action) == (Phase.SETTLED, Outcome.APPLIED, requested_action)
    assert state.announced_at is not None
    assert set(sent(stage)) == {STATUS[requested_action]}
    ends = {(told.id, told.action) for told in stage.told.reviews if told.action in ("approved", "cancelled")}
    assert [action for _, action in ends] == [requested_action.done]
    return state


def assert_heard(told: Review | GateError, who: str, state: State) -> None:
    """Whoever was not refused is on record."""
    kept = [each.who for each in state.approvals]
    assert kept.count(who) == (0 if isinstance(told, RefusedError) else 1)


# --- Starts -----------------------------------------------------------------------------------------


def never_seen(stage: Stage, ref: JobRef) -> None:
    """No review has seen it."""


def held(stage: Stage, ref: JobRef) -> None:
    """A review holds it."""
    stage.review(ref)


def reopened(stage: Stage, ref: JobRef) -> None:
    """It was settled as superseded, and S3 shows it as Suspended again."""
    stage.review(ref)
    ledger = stage.ledger.ledger
    settled = stage.state(ref)
    ledger.states[ref] = replace(
        settled,
        phase=Phase.SETTLED,
        outcome=Outcome.SUPERSEDED,
        decided_at=stage.clock.now(),
        announced_at=stage.clock.now(),
        due_at=None,
    )


def given_back(stage: Stage, ref: JobRef) -> None:
    """An approval was claimed, and S3 was throttling."""
    stage.emulator.faults.add(Fault(Effect.ERROR, "SlowDown", operation="UpdateJobStatus"))
    with pytest.raises(GateError):
        stage.decide(ref, APPROVE, who=KIM)
    assert stage.state(ref).phase is Phase.HELD
    stage.ledger.ledger.states[ref] = replace(stage.state(ref), approvals=())


STARTS = [never_seen, held, reopened, given_back]


# --- Two people -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(EFFECTS))
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("text", [HOLD_ALL, TWO], ids=["one wanted", "two wanted"])
def test_two_approvals_at_once_approve_a_job_once(
    stage: Stage, text: str, start: Callable[[Stage, JobRef], None], number: int
) -> None:
    """Wherever the second comes between two effects of the first."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    start(stage, ref)
    stage.enforce(text)
    told: dict[str, Review | GateError] = {}

    def second() -> None:
        told[BEN] = attempt(lambda: stage.decide(ref, APPROVE, who=BEN))

    stage.script.before_number(number, second)
    told[ANA] = attempt(lambda: stage.decide(ref, APPROVE, who=ANA))
    stage.script.forget()
    if BEN not in told:
        second()
    let_it_end(stage)
    state = assert_decided_once(stage, ref, APPROVE)
    for who, what in told.items():
        assert_heard(what, who, state)
        assert isinstance(what, RefusedError) or (
            isinstance(what, Review) and what.action in ("approved", "pending", "held")
        )
    wanted = 2 if text == TWO else 1
    assert len(state.people) >= wanted
    assert set(state.people) <= {each.who for each in state.approvals}
    assert state.decided_by == ", ".join([state.policy_version, *state.people])
    assert sent(stage) == ["Ready"]


@pytest.mark.parametrize("number", range(EFFECTS))
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("first", RequestedAction)
def test_an_approval_and_a_cancellation_at_once_decide_a_job_once(
    stage: Stage, first: RequestedAction, start: Callable[[Stage, JobRef], None], number: int
) -> None:
    """By whoever claims first; the other one is told what came of it."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    start(stage, ref)
    other = CANCEL if first is APPROVE else APPROVE
    told: dict[RequestedAction, Review | GateError] = {}

    def second() -> None:
        told[other] = attempt(lambda: stage.decide(ref, other, who=BEN))

    stage.script.before_number(number, second)
    told[first] = attempt(lambda: stage.decide(ref, first, who=ANA))
    stage.script.forget()
    if other not in told:
        second()
    let_it_end(stage)
    [won] = {each for each in RequestedAction if STATUS[each] in sent(stage)}
    state = assert_decided_once(stage, ref, won)
    winner = told[won]
    assert isinstance(winner, Review)
    assert winner.action == won.done
    assert state.people == ((ANA,) if won is first else (BEN,))
    loser = told[CANCEL if won is APPROVE else APPROVE]
    assert isinstance(loser, RefusedError) or (isinstance(loser, Review) and loser.action in (won.done, "pending"))
    assert_heard(told[APPROVE], ANA if first is APPROVE else BEN, state)


# --- A person and a review --------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(EFFECTS))
@pytest.mark.parametrize(
    ("text", "requested_action"), [(APPROVE_ALL, APPROVE), (CANCEL_ALL, CANCEL), (HOLD_ALL, APPROVE)], ids=str
)
def test_an_approval_while_a_review_runs_loses_nothing(
    stage: Stage, text: str, requested_action: RequestedAction, number: int
) -> None:
    """Wherever it comes: the owner of a claim keeps it, and no outcome is lost by it."""
    stage.enforce(text)
    ref = stage.create()
    told: list[Review | GateError] = []
    stage.script.before_number(number, lambda: told.append(attempt(lambda: stage.decide(ref, APPROVE, who=ANA))))
    review = stage.review(ref)
    stage.script.forget()
    if not told:
        told.append(attempt(lambda: stage.decide(ref, APPROVE, who=ANA)))
    assert review.action in (requested_action.done, "held", "nothing")
    let_it_end(stage)
    state = assert_decided_once(stage, ref, requested_action)
    assert_heard(told[0], ANA, state)
    assert sent(stage) == [STATUS[requested_action]]


@pytest.mark.parametrize("requested_action", RequestedAction)
@pytest.mark.parametrize("attempts", [0, 5])
def test_an_approval_of_a_claim_that_is_withdrawn_is_counted_at_once(
    stage: Stage, requested_action: RequestedAction, attempts: int
) -> None:
    """However often the claim was tried before, and whatever it was to do."""
    stage.enforce(APPROVE_ALL if requested_action is APPROVE else CANCEL_ALL)
    ref = stage.create()

    def throttled() -> None:
        stage.emulator.faults.add(Fault(Effect.ERROR, "SlowDown", operation="UpdateJobStatus"))

    for _ in range(attempts):
        throttled()
        attempt(lambda: stage.review(ref))
    throttled()
    told: list[Review | GateError] = []
    stage.script.before("update_status", lambda: told.append(attempt(lambda: stage.decide(ref, APPROVE, who=ANA))))
    attempt(lambda: stage.review(ref))
    assert [each.action for each in told if isinstance(each, Review)] == ["pending"]
    state = stage.state(ref)
    assert (state.phase, state.due_at) == (Phase.HELD, stage.clock.now())
    assert [each.who for each in state.approvals] == [ANA]
    stage.enforce(HOLD_ALL)
    stage.sweep()
    assert assert_decided_once(stage, ref, APPROVE).people == (ANA,)


def test_an_owner_s_claim_that_another_review_took_over_is_a_conflict_all_the_same(stage: Stage) -> None:
    """Approvals are kept only where nothing else was written."""
    stage.enforce(APPROVE_ALL)
    ref = stage.create()

    def taken_over() -> None:
        claim = stage.state(ref)
        approval = Approval(ANA, stage.clock.now(), "looked at it", stage.digest(ref))
        stage.ledger.ledger.states[ref] = replace(claim, phase=Phase.HELD, rev=claim.rev + 1, approvals=(approval,))

    stage.script.before("write settled", taken_over)
    review = stage.review(ref)
    assert (review.action, review.alarm) == ("approved", "an update took effect after the gate had decided to hold")
    assert [each.who for each in stage.state(ref).approvals] == [ANA]


# --- Pauses and changes -----------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(EFFECTS))
def test_an_approval_while_the_gate_is_paused_waits_for_its_end(stage: Stage, number: int) -> None:
    """Whenever the pause begins: what was not claimed before is held, and approved by a review after it."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    pause = Pause(KIM, "doubtful", stage.clock.now())
    stage.script.before_number(number, lambda: stage.ledger.ledger.set_pause(pause, replacing=None))
    review = stage.decide(ref, APPROVE, who=ANA)
    stage.script.forget()
    claimed = stage.script.effects.index("claim") < number
    assert review.action == ("approved" if claimed else "held")
    assert sent(stage) == (["Ready"] if claimed else [])
    if not claimed:
        assert "the gate is paused" in review.reason
        let_it_end(stage)
        assert sent(stage) == []
        stage.ledger.ledger.set_pause(None, replacing=pause)
    let_it_end(stage)
    assert assert_decided_once(stage, ref, APPROVE).people == (ANA,)


@pytest.mark.parametrize("number", range(EFFECTS))
def test_an_approval_of_a_job_that_changes_does_not_count_for_what_it_became(stage: Stage, number: int) -> None:
    """It is approved only as it was shown: what the review read last is what was shown."""
    stage.enforce(HOLD_ALL)
    ref = stage.create(tags={"team": "lake"})
    retag = {"AccountId": ACCOUNT, "JobId": ref.job_id, "Tags": [{"Key": "team", "Value": "web"}]}
    stage.script.before_number(number, lambda: stage.person.put_job_tagging(**retag))
    told = attempt(lambda: stage.decide(ref, APPROVE, who=ANA))
    stage.script.forget()
    read = [position for position, effect in enumerate(stage.script.effects) if effect == "snapshot"]
    if number <= read[0]:
        assert isinstance(told, RefusedError)
        assert stage.ledger.read(ref) is None
    elif number <= read[-1]:
        assert isinstance(told, Review)
        assert told.action == "held"
        let_it_end(stage)
        assert sent(stage) == []
        assert stage.decide(ref, APPROVE, who=ANA).action == "approved"
    else:
        assert sent(stage) == ["Ready"]


# --- Crashes and lost answers -----------------------------------------------------------------------


@pytest.mark.parametrize("number", range(EFFECTS))
@pytest.mark.parametrize("start", STARTS)
def test_a_crash_at_any_effect_of_an_approval_leaves_it_whole_or_not_begun(
    stage: Stage, start: Callable[[Stage, JobRef], None], number: int
) -> None:
    """Once it is on record the sweep counts it; before, nothing was done, and it can be given again."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    start(stage, ref)

    def crash() -> None:
        raise KeyboardInterrupt

    stage.script.before_number(number, crash)
    digest = stage.digest(ref)
    with suppress(KeyboardInterrupt):
        record_approval(ref, ANA, "looked at it", digest, stage.gate)
    stage.script.forget()
    state = stage.ledger.ledger.read(ref)
    if state is None or not state.approvals:
        let_it_end(stage)
        assert sent(stage) == []
        assert record_approval(ref, ANA, "looked at it", digest, stage.gate).action == "approved"
    let_it_end(stage)
    assert [each.who for each in assert_decided_once(stage, ref, APPROVE).approvals] == [ANA]
    assert sent(stage) == ["Ready"]


@pytest.mark.parametrize("fails", ["crash", "lost answer"])
@pytest.mark.parametrize("number", range(EFFECTS))
@pytest.mark.parametrize("start", STARTS)
def test_a_failure_at_any_effect_of_a_cancellation_approves_nothing_and_is_repaired(
    stage: Stage, start: Callable[[Stage, JobRef], None], number: int, fails: str
) -> None:
    """The sweep finds out what came of it; if that is nothing, the job can be cancelled again, and not approved."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    start(stage, ref)

    def crash() -> None:
        raise KeyboardInterrupt

    if fails == "crash":
        stage.script.before_number(number, crash)
    else:
        stage.script.lose_answer(number)
    with suppress(KeyboardInterrupt, LedgerError):
        stage.decide(ref, CANCEL, who=ANA)
    let_it_end(stage)
    if stage.status(ref) == "Suspended":
        if (state := stage.ledger.read(ref)) is not None and state.possibly_sent:
            with pytest.raises(RefusedError, match="an earlier cancel may have been sent"):
                stage.decide(ref, APPROVE, who=BEN)
        assert stage.decide(ref, CANCEL, who=ANA).action == "cancelled"
        let_it_end(stage)
    assert assert_decided_once(stage, ref, CANCEL).people == (ANA,)


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("number", range(EFFECTS))
@pytest.mark.parametrize("start", STARTS)
def test_a_lost_answer_of_any_write_of_an_approval_is_repaired(
    stage: Stage, start: Callable[[Stage, JobRef], None], number: int, again: bool
) -> None:
    """By the sweep, and by whoever approves again."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    start(stage, ref)
    stage.script.lose_answer(number)
    told = attempt(lambda: stage.decide(ref, APPROVE, who=ANA))
    stage.script.forget()
    assert isinstance(told, LedgerError) or (isinstance(told, Review) and told.action == "approved")
    if again:
        told = attempt(lambda: stage.decide(ref, APPROVE, who=ANA))
        assert isinstance(told, RefusedError) or (isinstance(told, Review) and told.action in ("approved", "pending"))
    let_it_end(stage)
    assert [each.who for each in assert_decided_once(stage, ref, APPROVE).approvals] == [ANA]


def test_an_approval_whose_review_fails_is_on_record_and_counted_by_the_sweep(stage: Stage) -> None:
    """S3 could not be asked a second time."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    stage.script.before("snapshot", lambda: None, raising(LedgerError("no")))
    with pytest.raises(LedgerError):
        stage.decide(ref, APPROVE, who=ANA)
    assert (stage.state(ref).phase, stage.state(ref).due_at) == (Phase.HELD, stage.clock.now())
    stage.sweep()
    assert_decided_once(stage, ref, APPROVE)
