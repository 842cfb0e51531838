"""What approvals use of budgets: counts follow the jobs' states, and percentages the limit that is reached first."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from batchgate.gate.budget_use import count_changes, minus, percents, uses
from batchgate.gate.state import Phase, State
from batchgate.jobs.model import JobRef
from batchgate.policy.amounts import Amounts, BudgetAccount, BudgetUse, Limits, Reservation
from batchgate.policy.budgets import Budget, Per
from batchgate.policy.facts import Gap, Result
from tests.unit.examples import facts

NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
TODAY = datetime(2026, 3, 27, tzinfo=UTC)
STATE = State(JobRef("aws", "eu-central-1", "111122223333", "5d0e4b1c"), 0, Phase.HELD, "", "", "", "", None)
DAILY = Budget("daily", Per.DAY, "UTC", Limits(jobs=4, objects=100))
ACCOUNT = BudgetAccount("daily", "", TODAY)
UNLIMITED = Limits()

amounts = st.builds(Amounts, *[st.integers(0, 100)] * 4)
accounts = st.builds(BudgetAccount, st.sampled_from(["a", "b"]), st.sampled_from(["", "x"]), st.just(TODAY))
reservations = st.lists(
    st.builds(Reservation, accounts, amounts, st.sampled_from([UNLIMITED, Limits(jobs=7)])),
    unique_by=lambda each: each.account,
    max_size=4,
).map(tuple)


@given(st.lists(reservations, min_size=1, max_size=6))
def test_what_is_counted_is_what_the_last_state_reserves(history: list[tuple[Reservation, ...]]) -> None:
    """Whatever the states before reserved, and however often the same was written again."""
    counted: dict[BudgetAccount, Amounts] = {}
    before: State | None = None
    for each in history:
        after = replace(STATE, reservations=each)
        for change in count_changes(before, after):
            counted[change.account] = counted.get(change.account, Amounts()) + change.amounts
        assert count_changes(after, after) == ()
        before = after
    wanted = {each.account: each.amounts for each in history[-1]}
    assert {account: each for account, each in counted.items() if each != Amounts()} == {
        account: each for account, each in wanted.items() if each != Amounts()
    }


@pytest.mark.parametrize(
    ("before", "after", "limits"),
    [
        (None, Limits(jobs=1), Limits(jobs=1)),
        (Limits(jobs=1), None, UNLIMITED),
        (UNLIMITED, Limits(jobs=1), Limits(jobs=1)),
        (Limits(jobs=2), Limits(jobs=1), Limits(jobs=1)),
        (None, UNLIMITED, UNLIMITED),
    ],
)
def test_only_what_is_newly_limited_must_fit(before: Limits | None, after: Limits | None, limits: Limits) -> None:
    """What is given back need not, nor what people approve; what they approved must once the policies do."""
    had, has = (() if each is None else (Reservation(ACCOUNT, Amounts(jobs=1), each),) for each in (before, after))
    [change] = count_changes(replace(STATE, reservations=had), replace(STATE, reservations=has))
    assert change.limits == limits
    assert change.amounts == minus(Amounts(jobs=int(after is not None)), Amounts(jobs=int(before is not None)))


@pytest.mark.parametrize(
    ("limits", "objects", "own", "used"),
    [
        (replace(DAILY.limits, jobs=4), 100, True, 3),
        (replace(DAILY.limits, jobs=3), 100, False, 2),
        (replace(DAILY.limits, jobs=5), 100, False, 2),
        (replace(DAILY.limits, jobs=4), 49, False, 2),
        (replace(DAILY.limits, jobs=4), 0, False, 2),
        (Limits(object_bytes=9), 100, False, 2),
        (UNLIMITED, 100, False, 2),
        (None, 0, False, 3),
    ],
)
def test_a_reservation_within_these_limits_for_these_amounts_is_the_job_s_own(
    limits: Limits | None, objects: int, own: bool, used: int
) -> None:
    """Any other counts as not made, so that the job must fit to be approved by policy."""
    made = Amounts(jobs=1, objects=objects)
    mine = () if limits is None else (Reservation(ACCOUNT, made, limits),)
    state = replace(STATE, reservations=mine)
    found = uses([DAILY], {"daily": ACCOUNT}, {ACCOUNT: Amounts(jobs=3, objects=objects)}, facts(), state)
    counted = Amounts(jobs=used, objects=objects if own else 0)
    end = TODAY + timedelta(days=1)
    assert found == {"daily": BudgetUse(ACCOUNT, end, counted, own=own, reserved=limits is not None)}


def test_without_an_account_there_is_no_use() -> None:
    """It says why."""
    gap = Gap(Result.UNMEASURABLE, "the job has no tag team")
    assert uses([DAILY], {"daily": gap}, {}, facts(), None) == {"daily": gap}


@pytest.mark.parametrize(
    ("used", "reserved", "own", "percent"),
    [
        (Amounts(jobs=1, objects=90), Amounts(), False, 90.0),
        (Amounts(jobs=3, objects=10), Amounts(jobs=1, objects=5), False, 100.0),
        (Amounts(jobs=3, objects=10), Amounts(jobs=1, objects=5), True, 75.0),
        (Amounts(jobs=8), Amounts(), False, 200.0),
    ],
)
def test_the_limit_that_is_reached_first_is_the_percentage(
    used: Amounts, reserved: Amounts, own: bool, percent: float
) -> None:
    """With what is reserved now, unless it is part of what is used already."""
    use = BudgetUse(ACCOUNT, NOW, used, own=own)
    made = (Reservation(ACCOUNT, reserved, UNLIMITED),)
    assert percents([DAILY], {"daily": use}, made) == {"daily": percent}


def test_a_limit_of_nothing_is_always_reached_and_what_is_not_known_has_no_percentage() -> None:
    """Nothing is divided by 0."""
    use = BudgetUse(ACCOUNT, NOW, Amounts())
    assert percents([replace_limits(Limits(jobs=0))], {"daily": use}) == {"daily": 100.0}
    assert percents([DAILY], {"daily": Gap(Result.UNKNOWN, "not yet")}) == {}


def replace_limits(limits: Limits) -> Budget:
    """The budget with other limits."""
    return replace(DAILY, limits=limits)
