"""Budgets in the gate: what fits is approved, what does not waits, and what is reserved is what was approved."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from batchgate.errors import GateError
from batchgate.gate.state import Action, Block, Outcome, Phase, RequestedAction, State
from batchgate.gate.transitions import RESERVATIONS_AT_MOST
from batchgate.jobs.model import JobRef
from batchgate.policy.amounts import COST_UNITS, Amounts, BudgetAccount
from s3batch_emulator import Effect, Fault
from s3batch_emulator.testing import START
from tests.flow.stage import Stage

TODAY = BudgetAccount("daily", "", START)
TOMORROW = BudgetAccount("daily", "", START + timedelta(days=1))
POLICY = """
version: 1
cancel_grace: 0s
budgets:
  - {name: daily, per: day, timezone: UTC, objects: 3}
policies:
  - name: within-budget
    match: [{operation: S3PutObjectTagging}]
    require: [{budget: daily}]
"""
EFFECTS = 10
"""More than any review has."""

THROTTLED = Fault(Effect.ERROR, "SlowDown", operation="UpdateJobStatus")
LOST_BEFORE = Fault(Effect.RESET, operation="UpdateJobStatus")
LOST_AFTER = Fault(Effect.RESET, after_change=True, operation="UpdateJobStatus")


@pytest.fixture
def stage(stage: Stage) -> Stage:
    """With a budget in which one job of two objects fits, and two don't."""
    stage.enforce(POLICY)
    return stage


def used(stage: Stage, account: BudgetAccount = TODAY) -> int:
    """The objects that are reserved."""
    return stage.ledger.ledger.counted.get(account, Amounts()).objects


def reserved(stage: Stage) -> int:
    """What the jobs' states reserve, of all accounts."""
    states = stage.ledger.ledger.states.values()
    return sum(each.amounts.objects for state in states for each in state.reservations)


def let_it_end(stage: Stage) -> None:
    """Sweep until every lease and every wait is over; what was to happen and did not happens no more."""
    stage.script.forget()
    for _ in range(4):
        stage.advance(minutes=6)
        stage.sweep()


def advance_to(stage: Stage, instant: datetime) -> None:
    """Advance the clock to an instant."""
    stage.clock.advance(instant - stage.clock.now())


def is_approved(state: State) -> bool:
    """Whether it was."""
    return (state.phase, state.outcome, state.requested_action) == (
        Phase.SETTLED,
        Outcome.APPLIED,
        RequestedAction.APPROVE,
    )


def assert_one_is_approved(stage: Stage, refs: list[JobRef]) -> None:
    """And the other is held by the policies' own reason until tomorrow; reserved is what was approved."""
    states = [stage.state(ref) for ref in refs]
    approved, other = sorted(states, key=lambda state: not is_approved(state))
    assert is_approved(approved)
    assert other.phase is Phase.HELD
    assert (other.until, other.block) == (TOMORROW.period_start, None)
    assert "daily" in other.reason
    assert other.due_at is not None
    assert other.due_at <= stage.clock.now() + timedelta(minutes=15)
    assert used(stage) == reserved(stage) == 2
    assert [stage.status(ref) for ref in refs].count("Suspended") == 1


# --- Two jobs ---------------------------------------------------------------------------------------


def test_of_two_jobs_that_fit_one_by_one_and_not_together_one_is_approved(stage: Stage) -> None:
    """The other one in the next period."""
    refs = [stage.create(), stage.create()]
    assert [stage.review(ref).action for ref in refs] == [Action.APPROVED, Action.HELD]
    assert_one_is_approved(stage, refs)
    advance_to(stage, TOMORROW.period_start - timedelta(minutes=1))
    stage.sweep()
    due = stage.state(refs[1]).due_at
    assert due == TOMORROW.period_start
    stage.advance(minutes=1)
    stage.sweep()
    assert is_approved(stage.state(refs[1]))
    assert (used(stage), used(stage, TOMORROW)) == (2, 2)


@pytest.mark.parametrize("number", range(EFFECTS))
def test_of_two_reviews_at_once_one_approves_wherever_the_second_comes(stage: Stage, number: int) -> None:
    """Between any two effects of the first; the one that loses is held, and nobody gets an error."""
    refs = [stage.create(), stage.create()]
    told = []
    stage.script.before_number(number, lambda: told.append(stage.review(refs[1])))
    told.append(stage.review(refs[0]))
    stage.script.forget()
    if len(told) == 1:
        told.append(stage.review(refs[1]))
    assert sorted(review.action for review in told) == ["approved", "held"]
    assert_one_is_approved(stage, refs)


@pytest.mark.parametrize("fails", ["crash", "lost answer"])
@pytest.mark.parametrize("number", range(EFFECTS))
def test_a_failure_at_any_effect_of_a_review_loses_and_invents_no_reservation(
    stage: Stage, number: int, fails: str
) -> None:
    """Once everything is at rest, one job is approved, and what is reserved is what it takes."""
    refs = [stage.create(), stage.create()]

    def crash() -> None:
        raise KeyboardInterrupt

    if fails == "crash":
        stage.script.before_number(number, crash)
    else:
        stage.script.lose_answer(number)
    with suppress(KeyboardInterrupt, GateError):
        stage.review(refs[0])
    assert used(stage) == reserved(stage) <= 2
    let_it_end(stage)
    assert_one_is_approved(stage, refs)


@pytest.mark.parametrize("fault", [THROTTLED, LOST_BEFORE, LOST_AFTER, Fault(Effect.HANG, operation="UpdateJobStatus")])
@pytest.mark.parametrize("first", [0, 1, 2, 3, 4, 5, 6, 7])
def test_a_failed_update_with_another_job_in_between(stage: Stage, fault: Fault, first: int) -> None:
    """Whichever job takes the budget, the other waits for the next period."""
    refs = [stage.create(), stage.create()]
    stage.emulator.faults.add(fault)
    stage.script.before_number(first, lambda: stage.review(refs[1]))
    with suppress(GateError):
        stage.review(refs[0])
    let_it_end(stage)
    assert_one_is_approved(stage, refs)


def test_the_room_that_is_left_goes_to_a_job_that_fits(stage: Stage) -> None:
    """A job that is too large for what is left does not stop a smaller one."""
    large, small = stage.create(rows=3), stage.create(rows=1)
    stage.review(stage.create())
    assert stage.review(large).action == "held"
    assert stage.review(small).action == "approved"
    assert used(stage) == 3


def test_a_job_that_is_too_large_for_any_period_waits_for_a_person(stage: Stage) -> None:
    """And says so: no period is named."""
    review = stage.review(stage.create(rows=4))
    assert (review.action, review.until) == (Action.HELD, None)
    assert used(stage) == 0


@pytest.mark.parametrize("lost", [1, 2])
def test_a_job_that_loses_a_race_is_evaluated_again_with_what_is_left_then(stage: Stage, lost: int) -> None:
    """It is approved if there is room again, and held by the policies' reason if there is none."""
    ref = stage.create()
    counts = stage.ledger.ledger.counted

    def others_take(objects: int) -> Callable[[], object]:
        return lambda: counts.__setitem__(TODAY, Amounts(objects=objects))

    stage.script.before("claim", *[others_take(2)] * lost)
    stage.script.before("used", others_take(0), *[others_take(0)] * lost)
    assert stage.review(ref).action == "approved"
    assert stage.script.effects.count("claim") == lost + 1
    stage.script.before("claim", others_take(2))
    stage.script.before("used", others_take(0))
    review = stage.review(stage.create())
    assert (review.action, review.until, review.block) == (Action.HELD, TOMORROW.period_start, "")


def test_a_job_that_loses_every_race_is_held_and_never_an_error(stage: Stage) -> None:
    """It is reviewed again soon."""
    ref = stage.create()
    counts = stage.ledger.ledger.counted
    stage.script.before("claim", *[lambda: counts.__setitem__(TODAY, Amounts(objects=2))] * 3)
    stage.script.before("used", *[lambda: counts.pop(TODAY, None)] * 3)
    review = stage.review(ref)
    state = stage.state(ref)
    assert (review.action, review.block, state.block) == (Action.HELD, "budget", Block.BUDGET)
    assert "other jobs used up its budget" in review.reason
    assert state.due_at == stage.clock.now() + timedelta(minutes=15)
    assert stage.updates == []
    stage.ledger.ledger.counted.clear()
    stage.advance(minutes=15)
    stage.sweep()
    assert is_approved(stage.state(ref))


def test_a_hold_is_due_when_the_period_ends_at_the_latest(stage: Stage) -> None:
    """Whatever else holds the job."""
    text = POLICY.replace("[{budget: daily}]", "[{budget: daily}, {total_tasks: {at_most: 1}}]")
    stage.enforce(text)
    advance_to(stage, TOMORROW.period_start - timedelta(minutes=5))
    ref = stage.create()
    stage.review(ref)
    assert stage.state(ref).due_at == TOMORROW.period_start


# --- Given back -------------------------------------------------------------------------------------


def confirm(stage: Stage, ref: JobRef) -> None:
    """Confirm it in the console, with a reason."""
    stage.update_as_a_person(ref, "Ready")


def cancel(stage: Stage, ref: JobRef) -> None:
    """Cancel it in the console."""
    stage.update_as_a_person(ref, "Cancelled")


def test_an_update_that_was_surely_not_sent_gives_back(stage: Stage) -> None:
    """S3 was throttling: the claim is withdrawn, and another job takes the budget."""
    refs = [stage.create(), stage.create()]
    stage.emulator.faults.add(THROTTLED)
    with pytest.raises(GateError):
        stage.review(refs[0])
    assert (stage.state(refs[0]).phase, stage.state(refs[0]).reservations, used(stage)) == (Phase.HELD, (), 0)
    stage.review(refs[1])
    assert stage.review(refs[0]).action == "held"
    assert_one_is_approved(stage, refs)


@pytest.mark.parametrize("decide", [confirm, cancel])
def test_an_end_without_us_gives_back(stage: Stage, decide: Callable[[Stage, JobRef], None]) -> None:
    """A person was faster in the console: S3 refused our update."""
    ref = stage.create()
    stage.script.before("update_status", lambda: decide(stage, ref))
    stage.review(ref)
    assert stage.state(ref).outcome is Outcome.SUPERSEDED
    assert (used(stage), reserved(stage)) == (0, 0)


@pytest.mark.parametrize(("decide", "left"), [(confirm, 0), (cancel, 2)])
def test_an_update_that_may_have_been_applied_gives_back_only_if_s3_shows_that_it_was_not(
    stage: Stage, decide: Callable[[Stage, JobRef], None], left: int
) -> None:
    """A job that runs shows who confirmed it; a cancelled one may have run before."""
    ref = stage.create()
    stage.emulator.faults.add(LOST_BEFORE)
    assert stage.review(ref).action == "pending"
    assert used(stage) == 2
    decide(stage, ref)
    let_it_end(stage)
    assert stage.state(ref).outcome is Outcome.SUPERSEDED
    assert used(stage) == reserved(stage) == left


def test_a_claim_that_may_have_been_sent_keeps_its_reservation_through_holds_and_withdrawals(stage: Stage) -> None:
    """And a job never reserves twice."""
    ref = stage.create()
    stage.emulator.faults.add(LOST_BEFORE)
    stage.review(ref)
    stage.advance(minutes=6)
    stage.emulator.faults.add(THROTTLED)
    with pytest.raises(GateError):
        stage.review(ref)
    assert (stage.state(ref).phase, stage.state(ref).maybe_sent, used(stage)) == (Phase.HELD, True, 2)
    stage.enforce(POLICY.replace("[{budget: daily}]", "[{budget: daily}, {total_tasks: {at_most: 1}}]"))
    assert stage.review(ref).action == "held"
    assert used(stage) == reserved(stage) == 2
    stage.enforce(POLICY)
    assert stage.review(ref).action == "approved"
    assert used(stage) == reserved(stage) == 2


def test_what_a_job_reserves_fits_into_one_transaction_whatever_budgets_the_policies_name(stage: Stage) -> None:
    """Those of earlier policies stay reserved while an approval may have been sent; another one too many is a hold."""

    def enforce(begins: str, count: int) -> None:
        names = [f"{begins}{number}" for number in range(count)]
        budgets = ", ".join(f"{{name: {each}, per: day, jobs: 9}}" for each in names)
        requirements = ", ".join(f"{{budget: {each}}}" for each in names)
        text = POLICY.replace("  - {name: daily, per: day, timezone: UTC, objects: 3}", f"  [{budgets}]")
        stage.enforce(text.replace("[{budget: daily}]", f"[{requirements}]"))

    ref = stage.create()
    for begins, count in (("a", 45), ("b", RESERVATIONS_AT_MOST - 46)):
        enforce(begins, count)
        stage.emulator.faults.add(LOST_BEFORE)
        stage.review(ref)
        stage.advance(minutes=6)
    assert len(stage.state(ref).reservations) == RESERVATIONS_AT_MOST - 1
    enforce("c", 2)
    review = stage.review(ref)
    assert (review.action, review.block) == ("held", "budget")
    assert len(stage.state(ref).reservations) == RESERVATIONS_AT_MOST - 1
    stage.enforce(POLICY.replace("[{budget: daily}]", "[]").replace("budgets:", "#").replace("  - {name: daily", "#"))
    assert stage.review(ref).action == "approved"


def test_a_job_counts_in_the_period_of_its_first_claim_that_may_have_been_sent(stage: Stage) -> None:
    """Not in that of the second claim, nor of its settlement."""
    advance_to(stage, TOMORROW.period_start - timedelta(minutes=1))
    ref = stage.create()
    stage.emulator.faults.add(LOST_BEFORE)
    stage.review(ref)
    stage.advance(minutes=6)
    stage.sweep()
    assert is_approved(stage.state(ref))
    assert (used(stage), used(stage, TOMORROW)) == (2, 0)


def test_a_job_that_is_settled_after_its_period_counts_in_that_of_its_claim(stage: Stage) -> None:
    """Its approval was applied in time, and its response lost."""
    advance_to(stage, TOMORROW.period_start - timedelta(minutes=1))
    ref = stage.create()
    stage.script.before("write settled", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with suppress(KeyboardInterrupt):
        stage.review(ref)
    stage.advance(minutes=6)
    stage.sweep()
    assert is_approved(stage.state(ref))
    assert (used(stage), used(stage, TOMORROW)) == (2, 0)


def test_a_cancellation_reserves_nothing(stage: Stage) -> None:
    """By policy or by a person."""
    stage.enforce(POLICY + "    on_violation: cancel\n")
    refs = [stage.create(), stage.create(rows=4)]
    stage.decide(refs[0], RequestedAction.CANCEL)
    assert stage.review(refs[1]).action == "cancelled"
    assert (used(stage), reserved(stage)) == (0, 0)


# --- People -----------------------------------------------------------------------------------------


def test_what_people_approve_counts_and_is_not_limited(stage: Stage) -> None:
    """Two jobs by people and none by policy any more."""
    refs = [stage.create(), stage.create(), stage.create(rows=1)]
    stage.review(refs[0])
    assert stage.decide(refs[1], RequestedAction.APPROVE).action == "approved"
    assert used(stage) == reserved(stage) == 4
    assert stage.review(refs[2]).action == "held"


def test_what_people_approved_must_fit_before_policies_approve_it_alone(stage: Stage) -> None:
    """The response was lost, and the job has changed since: their approval counts for nothing any more."""
    refs = [stage.create(), stage.create()]
    stage.review(refs[0])
    stage.emulator.faults.add(LOST_BEFORE)
    assert stage.decide(refs[1], RequestedAction.APPROVE).action == "pending"
    assert used(stage) == 4
    stage.person.update_job_priority(AccountId=refs[1].account_id, JobId=refs[1].job_id, Priority=7)
    stage.advance(minutes=6)
    assert stage.review(refs[1]).action == "held"
    assert (used(stage), reserved(stage)) == (4, 4)
    stage.enforce(POLICY.replace("objects: 3", "objects: 4"))
    assert stage.review(refs[1]).action == "approved"
    assert (used(stage), reserved(stage)) == (4, 4)
    assert stage.state(refs[1]).reservations[0].limits.objects == 4


WITH_COSTS = POLICY.replace("objects: 3", "cost: 0.40").replace("version: 1", "version: 1\nprices: {job: 0.25}")
FREE = "million_objects: 0, million_requests: {S3PutObjectTagging: 0}"


@pytest.mark.parametrize("by_people", [False, True])
def test_what_counted_as_none_at_the_first_claim_counts_once_it_is_known_and_limited(
    stage: Stage, by_people: bool
) -> None:
    """The first claim's update may have been sent, and reserved no cost: none was limited, or people approved it."""
    refs = [stage.create(), stage.create()]
    if by_people:
        stage.enforce(WITH_COSTS)  # without all prices the cost is unmeasurable
    stage.emulator.faults.add(LOST_BEFORE)
    first = stage.decide(refs[0], RequestedAction.APPROVE) if by_people else stage.review(refs[0])
    assert first.action == "pending"
    stage.person.update_job_priority(AccountId=refs[0].account_id, JobId=refs[0].job_id, Priority=7)
    stage.advance(minutes=6)
    stage.enforce(WITH_COSTS.replace("job: 0.25", f"job: 0.25, {FREE}"))
    assert [stage.review(each).action for each in refs] == ["approved", "held"]
    assert stage.ledger.ledger.counted[TODAY] == Amounts(1, 2, 0, COST_UNITS // 4)
    [reservation] = stage.state(refs[0]).reservations
    assert reservation.amounts == stage.ledger.ledger.counted[TODAY]
    stage.enforce(WITH_COSTS.replace("job: 0.25", f"job: 0.25, {FREE}").replace("0.40", "0.50"))
    assert stage.review(refs[1]).action == "approved"


OF_ONE_JOB = """
version: 1
prices: {{job: {price}, million_objects: 0, million_requests: {{S3PutObjectTagging: 0}}}}
budgets:
  - {{name: daily, per: day, timezone: UTC, {limits}}}
policies:
  - name: within-budget
    match: [{{operation: S3PutObjectTagging}}]
    require: [{{budget: daily}}]
"""


@pytest.mark.parametrize("day", [0, 1, 3], ids=["same day", "next day", "days later"])
@pytest.mark.parametrize(
    ("before", "after", "fits"),
    [
        ("objects: 3", "objects: 3", True),
        ("objects: 3", "objects: 2", True),
        ("objects: 3", "objects: 1", False),
        ("objects: 3", "objects: 0", False),
        ("objects: 3", "objects: 9", True),
        ("objects: 3", "objects: 3, jobs: 1", True),
        ("objects: 3", "objects: 3, jobs: 0", False),
        ("jobs: 1", "jobs: 1, objects: 2", True),
        ("jobs: 1", "objects: 1", False),
        ("cost: 1 at 0.25", "cost: 1 at 0.25", True),
        ("cost: 1 at 0.25", "cost: 1 at 1", True),
        ("cost: 1 at 0.25", "cost: 1 at 500", False),
    ],
)
def test_a_job_whose_approval_was_lost_must_fit_what_is_in_force_then(
    stage: Stage, before: str, after: str, fits: bool, day: int
) -> None:
    """By its reservation where nothing has changed, else anew; it counts in the first period, and once."""

    def enforce(written: str) -> None:
        limits, _, price = written.partition(" at ")
        stage.enforce(OF_ONE_JOB.format(limits=limits, price=price or "0.25"))

    enforce(before)
    ref = stage.create(rows=2)
    stage.emulator.faults.add(LOST_BEFORE)
    assert stage.review(ref).action is Action.PENDING
    enforce(after)
    stage.advance(days=day, minutes=10)
    stage.sweep()
    state = stage.state(ref)
    assert is_approved(state) == fits, state.reason
    assert {each.account for each in state.reservations} == {TODAY}
    assert stage.ledger.ledger.counted == {TODAY: state.reservations[0].amounts}
    if fits:
        limits = state.reservations[0].limits
        assert limits.admit(state.reservations[0].amounts)
    else:
        assert state.until is None
        assert "in the period that began 2026-01-01T00:00:00Z" in state.reason
        assert stage.status(ref) == "Suspended"


def test_in_shadow_mode_nothing_is_reserved(stage: Stage) -> None:
    """Whoever approves."""
    stage.enforce(POLICY.replace("version: 1", "version: 1\nmode: shadow"))
    ref = stage.create()
    assert stage.review(ref).action == "held"
    assert stage.decide(ref, RequestedAction.APPROVE).action == "approved"
    assert (used(stage), reserved(stage)) == (0, 0)


# --- Accounts ---------------------------------------------------------------------------------------


def test_each_team_has_an_account_of_its_own(stage: Stage) -> None:
    """What is taken stays taken of one: a job that is of another team by now is not approved by policy again."""
    stage.enforce(POLICY.replace("per: day", "each: {tag: team}, per: day"))
    lake, shop = (stage.create(tags={"team": team}) for team in ("lake", "shop"))
    stage.emulator.faults.add(LOST_BEFORE)
    stage.review(lake)
    assert stage.review(shop).action == "approved"

    def tag_as(team: str) -> None:
        tags = [{"Key": "team", "Value": team}]
        stage.person.put_job_tagging(AccountId=lake.account_id, JobId=lake.job_id, Tags=tags)
        stage.advance(minutes=6)

    tag_as("shop")
    assert stage.review(lake).action == "held"
    tag_as("lake")
    assert stage.review(lake).action == "approved"
    accounts = [replace(TODAY, account=name) for name in ("lake", "shop")]
    assert [used(stage, account) for account in accounts] == [2, 2]


def test_a_job_without_the_tag_is_held(stage: Stage) -> None:
    """It takes of no account."""
    stage.enforce(POLICY.replace("per: day", "each: {tag: team}, per: day"))
    assert stage.review(stage.create()).action == "held"
    assert reserved(stage) == 0


def test_a_ledger_that_does_not_say_what_is_used_decides_nothing(stage: Stage) -> None:
    """An error of the gate's, and the next review decides."""
    ref = stage.create()
    stage.script.before("used", lambda: (_ for _ in ()).throw(GateError("no")))
    with pytest.raises(GateError):
        stage.review(ref)
    assert stage.updates == []
    assert stage.review(ref).action == "approved"


def test_nothing_is_read_where_no_policy_asks(stage: Stage) -> None:
    """Budgets cost nothing then."""
    stage.enforce(POLICY.replace("{budget: daily}", ""))
    stage.review(stage.create())
    assert "used" not in stage.script.effects
