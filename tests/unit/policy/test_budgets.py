"""Budgets: in which period an instant is, of which account a job takes, how much, and what an approval reserves."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from batchgate.policy.budgets import (
    Amounts,
    Budget,
    BudgetAccount,
    BudgetUse,
    Limits,
    Per,
    Reservation,
    account_of,
    amounts_of,
    period,
    reservations_of,
)
from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import PolicySet, Verdict
from batchgate.policy.evaluate import Decision, evaluate_job
from batchgate.policy.facts import Gap, JobFacts, Result
from batchgate.policy.reason import status_update_reason
from tests.unit.examples import (
    ACCOUNT,
    APPROVAL,
    MONTH,
    NOW,
    REGION,
    SUSPENDED,
    Written,
    document,
    facts,
    outcome,
    used,
    verdict,
)
from tests.verification.oracle.pools import ZONES

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)

near_changes = st.sampled_from([(zone, day) for zone, days in ZONES.items() for day in days]).flatmap(
    lambda pair: st.tuples(
        st.just(pair[0]),
        st.integers(-3_000, 3_000).map(lambda minutes: _midnight(pair[1]) + minutes * MINUTE),
    )
)
any_time = st.tuples(
    st.sampled_from(sorted(ZONES)),
    st.integers(0, 57 * 366 * 24 * 60).map(lambda minutes: datetime(1980, 1, 1, tzinfo=UTC) + minutes * MINUTE),
)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@cache
def first_shown(zone: str, day: date) -> datetime:
    """The first minute at which the zone's clock shows that date or a later one, found by looking at each."""
    clock, minute = ZoneInfo(zone), _midnight(day) - 50 * HOUR
    while minute.astimezone(clock).date() < day:
        minute += MINUTE
    return minute


def first_dates(per: Per, around: date) -> list[date]:
    """The dates around one on which periods begin, counted on the calendar alone."""
    days = [around + timedelta(days=days) for days in range(-70, 71)]
    return [
        day
        for day in days
        if per is Per.DAY or (per is Per.WEEK and day.isoweekday() == 1) or (per is Per.MONTH and day.day == 1)
    ]


@given(near_changes | any_time, st.sampled_from(Per))
def test_a_period_is_from_the_first_midnight_of_its_first_date_to_that_of_the_next(
    zone_and_instant: tuple[str, datetime], per: Per
) -> None:
    """By a walk along the minutes of the zone's clock, whatever it skips and repeats."""
    zone, instant = zone_and_instant
    around = first_dates(per, instant.date())
    first = max(day for day in around if first_shown(zone, day) <= instant)
    following = min(day for day in around if first_shown(zone, day) > instant)
    expected = first_shown(zone, first), first_shown(zone, following)
    assert period(Budget("b", per, zone, Limits(jobs=1)), instant) == expected


@given(st.datetimes(timezones=st.just(UTC)), st.sampled_from(Per), st.sampled_from(sorted(ZONES)))
def test_every_instant_is_in_one_period(instant: datetime, per: Per, zone: str) -> None:
    """To the ends of time; the next period begins where one ends."""
    budget = Budget("b", per, zone, Limits(jobs=1))
    start, end = period(budget, instant)
    assert start <= instant or instant.year == 1
    assert instant < end or instant.year == 9999
    if end.year < 9999 and start.year > 1:
        assert period(budget, start) == (start, end)
        assert period(budget, end)[0] == end
        assert period(budget, end - timedelta(microseconds=1)) == (start, end)


@pytest.mark.parametrize(
    ("per", "zone", "instant", "start", "end"),
    [
        (Per.DAY, "UTC", NOW, (2026, 3, 27), (2026, 3, 28)),
        (Per.WEEK, "UTC", NOW, (2026, 3, 23), (2026, 3, 30)),
        (Per.MONTH, "UTC", NOW, (2026, 3, 1), (2026, 4, 1)),
        (Per.MONTH, "Europe/Berlin", NOW, (2026, 2, 28, 23), (2026, 3, 31, 22)),
        (Per.MONTH, "Europe/Berlin", datetime(2026, 3, 31, 22, tzinfo=UTC), (2026, 3, 31, 22), (2026, 4, 30, 22)),
        (Per.DAY, "America/Sao_Paulo", datetime(2018, 11, 4, 4, tzinfo=UTC), (2018, 11, 4, 3), (2018, 11, 5, 2)),
        (Per.DAY, "America/Havana", datetime(2025, 11, 2, 5, 30, tzinfo=UTC), (2025, 11, 2, 4), (2025, 11, 3, 5)),
        (Per.DAY, "Pacific/Apia", datetime(2011, 12, 30, 9, 59, tzinfo=UTC), (2011, 12, 29, 10), (2011, 12, 30, 10)),
        (Per.DAY, "Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC), (2011, 12, 30, 10), (2011, 12, 31, 10)),
        (Per.MONTH, "UTC", datetime(2026, 12, 31, 23, 59, tzinfo=UTC), (2026, 12, 1), (2027, 1, 1)),
    ],
)
def test_periods_go_by_the_wall_clock_of_the_zone(
    per: Per, zone: str, instant: datetime, start: tuple[int, ...], end: tuple[int, ...]
) -> None:
    """Weeks begin on Monday; a midnight that is skipped is the gap's end, of two it is the first."""
    expected = tuple(datetime(*parts, tzinfo=UTC) for parts in (start, end))  # type: ignore[arg-type, misc]
    assert period(Budget("b", per, zone, Limits(jobs=1)), instant) == expected


MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("each", "tag", "account"),
    [
        ("", "", ""),
        ("tag", "team", "ads"),
        ("account", "", ACCOUNT),
        ("region", "", REGION),
        ("role", "", f"arn:aws:iam::{ACCOUNT}:role/batch"),
        ("operation", "", "S3ComputeObjectChecksum"),
    ],
)
def test_there_is_one_account_for_each_value(each: str, tag: str, account: str) -> None:
    """Or one for all."""
    budget = Budget("b", Per.MONTH, "UTC", Limits(jobs=1), each, tag)
    assert account_of(budget, facts(tags={"team": "ads"})) == BudgetAccount("b", account, MARCH)


@pytest.mark.parametrize(
    ("each", "members", "result"),
    [
        ("tag", {}, Result.UNMEASURABLE),
        ("tag", {"tags": Gap(Result.UNMEASURABLE, "access denied")}, Result.UNMEASURABLE),
        ("role", {"RoleArn": None}, Result.UNMEASURABLE),
        ("operation", {"Operation": {"S3NewOperation": {}, "S3Other": {}}}, Result.UNMEASURABLE),
    ],
)
def test_a_job_without_a_value_has_no_account(each: str, members: dict[str, Any], result: Result) -> None:
    """Nothing is counted under a value that the job does not have."""
    found = account_of(Budget("b", Per.DAY, "UTC", Limits(jobs=1), each, "team"), facts(**members))
    assert isinstance(found, Gap)
    assert found.result is result


def test_an_empty_tag_is_a_value() -> None:
    """S3 takes tags without a value."""
    found = account_of(Budget("b", Per.DAY, "UTC", Limits(jobs=1), "tag", "team"), facts(tags={"team": ""}))
    assert isinstance(found, BudgetAccount)
    assert found.account == ""


def test_a_job_takes_what_it_has() -> None:
    """What is not limited is counted as far as it is known; what is limited and not known makes nothing known."""
    unknown = Gap(Result.UNMEASURABLE, "access denied")
    assert amounts_of(_limited(Limits(jobs=5)), facts()) == Amounts(1, 100, 1_000_000, 0)
    assert amounts_of(_limited(Limits(jobs=5)), facts(object_bytes=unknown)) == Amounts(1, 100, 0, 0)
    assert amounts_of(_limited(Limits(object_bytes=5)), facts(object_bytes=unknown)) == unknown
    counting = facts(object_bytes=unknown, Status="Preparing", ProgressSummary=None)
    found = amounts_of(_limited(Limits(objects=5, object_bytes=5)), counting)
    assert isinstance(found, Gap)
    assert found.result is Result.UNKNOWN


def _limited(limits: Limits) -> Budget:
    return Budget("b", Per.DAY, "UTC", limits)


def test_limits_take_both_ends() -> None:
    """As much as the limit is within it."""
    limits = Limits(jobs=3, objects=10)
    assert limits.admit(Amounts(jobs=3, objects=10, object_bytes=99))
    assert limits.exceeded(Amounts(jobs=3, objects=11)) == ("objects",)
    assert limits.exceeded(Amounts(jobs=4, objects=11)) == ("jobs", "objects")
    assert Limits().admit(Amounts(10**30, 10**30, 10**30, 10**30))


BY_SIZE: Written = {"job": 0.25, "gibibyte": {"S3InitiateRestoreObject": 0.01}}


@pytest.mark.parametrize(
    ("budget", "prices", "tags", "contents"),
    [
        ({"jobs": 5}, {}, False, False),
        ({"objects": 5, "each": "role"}, {}, False, False),
        ({"jobs": 5, "each": {"tag": "team"}}, {}, True, False),
        ({"object_bytes": 5}, {}, False, True),
        ({"cost": 5}, {"prices": {"job": 0.25}}, False, False),
        ({"cost": 5}, {"prices": BY_SIZE}, False, True),
        ({"jobs": 5}, {"prices": BY_SIZE}, False, False),
    ],
)
def test_a_set_asks_for_what_its_budgets_need(budget: Written, prices: Written, tags: bool, contents: bool) -> None:
    """Tags where a value of one has an account, a manifest's rows where sizes count."""
    budgets = [{"name": "b", "per": "month", **budget}]
    policies = compile_policies(document({"budget": "b"}, budgets=budgets, **prices))
    assert [budget.name for budget in policies.budgets] == ["b"]
    assert policies.asks_for("budget")
    assert (policies.asks_for("tags"), policies.asks_for("manifest.contents")) == (tags, contents)


def test_costs_are_counted_where_they_are_limited() -> None:
    """By the document's prices, rounded up to the smallest unit."""
    prices = {"job": 0.25, "million_objects": 1, "million_requests": {"S3ComputeObjectChecksum": 5}}
    budgets = [{"name": "b", "per": "month", "cost": 12.5}]
    written = document({"budget": "b"}, budgets=budgets, prices=prices)
    [budget] = compile_policies(written).budgets
    taken = amounts_of(budget, facts())
    assert taken == Amounts(1, 100, 1_000_000, 2_506_000_000)  # $0.25 and 100 millionths of $6
    left = 125_000_000_000 - 2_506_000_000
    assert verdict(written, facts(budgets=used("b", cost=left))) == "approve"
    assert verdict(written, facts(budgets=used("b", cost=left + 1))) == "hold"
    [without] = compile_policies({**written, "prices": {"job": 0.25}}).budgets
    gap = amounts_of(without, facts())
    assert isinstance(gap, Gap)
    assert gap.why == "no prices.million_objects"


# --- what a hold by a budget ends with -------------------------------------------------------------------------------

APRIL = MONTH[1]
EXCEEDED: Mapping[str, Any] = {"budgets": used("b", jobs=5)}
WEEKDAYS: Written = {"timezone": "UTC", "open": [{"days": ["thu"], "from": "10:00", "to": "12:00"}]}


def budgeted(*require: Written, **parts: Any) -> Written:
    """A document whose policy requires the budget b of five jobs a month, or whatever is given."""
    budget = {"name": "b", "per": "month", "jobs": 5, **parts.pop("budget", {})}
    return document(*(require or ({"budget": "b"},)), budgets=[budget], calendars={"thursdays": WEEKDAYS}, **parts)


def test_a_hold_ends_when_the_next_period_begins() -> None:
    """Nothing is used of it yet; all other facts are as they are."""
    decision = outcome(budgeted(), facts(**EXCEEDED))
    assert decision.verdict is Verdict.HOLD
    assert decision.until == APRIL
    assert outcome(budgeted(), facts(now=APRIL, budgets={"b": _april()})).verdict is Verdict.APPROVE


def _april() -> BudgetUse:
    return BudgetUse(BudgetAccount("b", "", APRIL), datetime(2026, 5, 1, tzinfo=UTC), Amounts())


@pytest.mark.parametrize(
    ("written", "about"),
    [
        (budgeted(budget={"objects": 99}), EXCEEDED),
        (budgeted({"budget": "b"}, {"priority": {"at_most": 5}}), EXCEEDED),
        (budgeted(), {"budgets": {"b": Gap(Result.UNMEASURABLE, "the ledger can't be read")}}),
        (budgeted(), {**EXCEEDED, "SuspendedDate": SUSPENDED - timedelta(days=26)}),
        (budgeted({"budget": "b", "on_violation": "cancel", "grace": "1d"}), EXCEEDED),
    ],
    ids=["it never fits", "something else objects", "what is used is not known", "S3 fails it before", "cancelled"],
)
def test_no_period_ends_other_holds(written: Written, about: dict[str, Any]) -> None:
    """A job that is too large for the whole budget, one that S3 fails before, or one that is cancelled before."""
    decision = outcome(written, facts(**about))
    assert decision.verdict is Verdict.HOLD
    assert decision.until is None


def test_windows_and_periods_are_joined() -> None:
    """The first Thursday morning of the next month."""
    written = budgeted({"budget": "b"}, {"window": "thursdays"})
    assert outcome(written, facts(**EXCEEDED)).until == datetime(2026, 4, 2, 10, tzinfo=UTC)
    assert outcome(written, facts(budgets=used("b"))).until == datetime(2026, 4, 2, 10, tzinfo=UTC)
    either = budgeted({"budget": "b"}, {"any": [{"window": "thursdays"}, {"priority": {"at_most": 50}}]})
    assert outcome(either, facts(**EXCEEDED)).until == APRIL


def test_a_cancellation_by_a_budget_waits_for_its_grace_and_ends_with_the_period() -> None:
    """A next period that begins before the grace is over approves the job; one that is exceeded cancels it after."""
    written = budgeted({"budget": "b", "on_violation": "cancel", "grace": "10d"})
    held = outcome(written, facts(**EXCEEDED))
    assert (held.verdict, held.until, held.cancels_at) == (Verdict.HOLD, APRIL, None)
    soon = budgeted({"budget": "b", "on_violation": "cancel", "grace": "1d"})
    announced = outcome(soon, facts(**EXCEEDED))
    assert (announced.until, announced.cancels_at) == (None, SUSPENDED + timedelta(days=1))
    late = APRIL - timedelta(hours=2)
    cancelled = outcome(soon, facts(now=late, **EXCEEDED))
    assert (cancelled.verdict, cancelled.valid_until) == (Verdict.CANCEL, APRIL)


def test_a_violation_beside_a_budget_that_fits_cancels_after_its_grace() -> None:
    """What is used of a budget may change; that other violations will cancel does not."""
    too_high = {"priority": {"at_most": 5}, "on_violation": "cancel", "grace": "10d"}
    written = budgeted({"budget": "b"}, too_high)
    held = outcome(written, facts(budgets=used("b")))
    assert (held.verdict, held.until, held.cancels_at) == (Verdict.HOLD, None, SUSPENDED + timedelta(days=10))


def test_the_reason_says_whose_budget_is_used_up_and_until_when() -> None:
    """The value of a tag is the requester's text: it is quoted, and cut in the middle."""
    written = budgeted(budget={"each": {"tag": "team"}})
    team = "a" * 60
    reason = status_update_reason(outcome(written, facts(tags={"team": team}, budgets=used("b", team, jobs=5))))
    assert reason.startswith('batchgate: held by p: budget b is at 5 of 5 jobs, with this job 6, for tag team="aaaa')
    assert "...aaa" in reason
    assert "want at most 5 jobs until 2026-04-01T00:00:00Z" in reason
    none = status_update_reason(outcome(written, facts()))
    assert "budget b is unmeasurable (the job has no tag team), want at most 5 jobs until 2026-04-01T00:00:00Z" in none


# --- what an approval reserves ---------------------------------------------------------------------------------------

ONE = Amounts(jobs=1, objects=100, object_bytes=1_000_000)


def test_an_approval_reserves_each_budget_of_a_governing_requirement_once() -> None:
    """Not those that nobody names, nor those of statements that do not govern or are in shadow."""
    budgets = [{"name": name, "per": "month", "jobs": 5} for name in ("a", "b", "c", "d", "e")]
    guardrails = [
        {"name": "g", "require": [{"budget": "b"}, {"all": [{"budget": "a"}, {"priority": {"at_most": 50}}]}]},
        {"name": "h", "match": [{"region": "us-*"}], "require": [{"budget": "c"}]},
        {"name": "i", "mode": "shadow", "require": [{"budget": "d"}]},
    ]
    written = document({"budget": "b"}, budgets=budgets, guardrails=guardrails)
    decision = outcome(written, facts(budgets={**used("a"), **used("b")}))
    assert decision.verdict is Verdict.APPROVE
    assert reservations_of(decision) == tuple(
        Reservation(BudgetAccount(name, "", MONTH[0]), ONE, Limits(jobs=5)) for name in ("a", "b")
    )
    assert reservations_of(outcome({**written, "mode": "shadow"}, facts())) == ()


def test_what_people_approve_is_reserved_without_a_limit() -> None:
    """What is not known of it counts as none; a job without an account takes of none."""
    about: dict[str, Any] = {"approvals": [APPROVAL], "object_bytes": Gap(Result.UNMEASURABLE, "access denied")}
    written = budgeted(budget={"object_bytes": 5})
    for budgets in (used("b", jobs=5), {}):
        decision = outcome(written, facts(budgets=budgets, **about))
        assert decision.verdict is Verdict.APPROVE
        account = BudgetAccount("b", "", MONTH[0])
        assert reservations_of(decision) == (Reservation(account, Amounts(1, 100), Limits()),)
    assert reservations_of(outcome(budgeted(budget={"each": {"tag": "x"}}), facts(**about))) == ()


def test_an_approval_that_lifts_nothing_leaves_the_limits() -> None:
    """A budget that is met needs nobody."""
    written = budgeted({"budget": "b"}, {"manual_approval": "required"})
    [reservation] = reservations_of(outcome(written, facts(approvals=[APPROVAL], budgets=used("b"))))
    assert reservation.limits == Limits(jobs=5)


def test_a_job_that_has_its_reservation_keeps_it() -> None:
    """Also in the next period: it counts in that in which it was claimed."""
    about = facts(now=APRIL, budgets=used("b", jobs=9, own=True))
    decision = outcome(budgeted(), about)
    assert decision.verdict is Verdict.APPROVE
    [reservation] = reservations_of(decision)
    assert reservation.account.period_start == MONTH[0]


@pytest.mark.parametrize("own", [False, True])
def test_what_was_read_of_another_account_counts_for_nothing(own: bool) -> None:
    """A tag that was changed in between is no way to another team's budget."""
    written = budgeted(budget={"each": {"tag": "team"}})
    decision = outcome(written, facts(tags={"team": "ads"}, budgets=used("b", "lake", own=own)))
    assert decision.verdict is Verdict.HOLD
    assert "read of another account or period" in status_update_reason(decision)


def test_no_exception_lifts_a_requirement_that_names_a_budget() -> None:
    """It lifts the statement's other requirements, also where the budget comes first."""
    exception = {"name": "e", "lifts": ["p"], "match": [{"region": "eu-*"}], "expires": "2026-12-31", "because": "x"}
    small: Written = {"priority": {"at_most": 5}}
    for require in (({"budget": "b"}, small), (small, {"budget": "b"})):
        written = budgeted(*require, exceptions=[exception])
        assert verdict(written, facts(budgets=used("b"))) == "approve"
        assert verdict(written, facts(**EXCEEDED)) == "hold"
    both = budgeted({"all": [{"budget": "b"}, small]}, exceptions=[exception])
    assert verdict(both, facts(budgets=used("b"))) == "hold"


# --- laws ------------------------------------------------------------------------------------------------------------

limits = st.fixed_dictionaries({}, optional={"jobs": st.integers(0, 6), "objects": st.integers(0, 400)}).filter(bool)
budget_forms = st.builds(
    lambda per, zone, each, limited: {"per": per, "timezone": zone, **({"each": each} if each else {}), **limited},
    st.sampled_from(["day", "week", "month"]),
    st.sampled_from(sorted(ZONES)),
    st.sampled_from([None, "account", "role", "operation", {"tag": "team"}]),
    limits,
)
jobs = st.tuples(
    st.integers(0, 40 * 60).map(lambda minutes: minutes * MINUTE),
    st.sampled_from(["ads", "lake", None]),
    st.integers(1, 250),
    st.booleans(),
)


def _facts(policies: PolicySet, ledger: Mapping[BudgetAccount, Amounts], about: JobFacts) -> JobFacts:
    """The facts with what a ledger has of each budget, as the gate gathers them."""
    uses: dict[str, BudgetUse] = {}
    for budget in policies.budgets:
        account = account_of(budget, about)
        if isinstance(account, BudgetAccount):
            end = period(budget, about.now)[1]
            uses[budget.name] = BudgetUse(account, end, ledger.get(account, Amounts()))
    return replace(about, budgets=uses)


@given(st.lists(budget_forms, min_size=1, max_size=3), st.lists(jobs, max_size=25), st.booleans())
def test_what_is_approved_by_policy_never_exceeds_a_budget(
    forms: list[Written],
    sequence: list[tuple[timedelta, str | None, int, bool]],
    approved_by_people: bool,
) -> None:
    """Whatever jobs come in whatever order: each approval's reservations are all that the next job sees."""
    named = [{"name": f"b{number}", **form} for number, form in enumerate(forms)]
    policies = compile_policies(document(*({"budget": each["name"]} for each in named), budgets=named))
    ledger: dict[BudgetAccount, Amounts] = {}
    by_policy: dict[BudgetAccount, Amounts] = {}
    limits_of = {budget.name: budget.limits for budget in policies.budgets}
    now = NOW
    for step, team, tasks, has_approval in sequence:
        now += step
        decision = _decided(policies, ledger, now, team, tasks, by_people=has_approval and approved_by_people)
        if decision.verdict is not Verdict.APPROVE:
            continue
        for each in reservations_of(decision):
            ledger[each.account] = ledger.get(each.account, Amounts()) + each.amounts
            if not decision.lifted:
                by_policy[each.account] = by_policy.get(each.account, Amounts()) + each.amounts
                assert each.limits.admit(ledger[each.account])
    assert all(limits_of[account.budget].admit(amounts) for account, amounts in by_policy.items())


def _decided(
    policies: PolicySet,
    ledger: Mapping[BudgetAccount, Amounts],
    now: datetime,
    team: str | None,
    tasks: int,
    *,
    by_people: bool,
) -> Decision:
    about = facts(
        now=now,
        tags={} if team is None else {"team": team},
        approvals=[APPROVAL] if by_people else [],
        ProgressSummary={"TotalNumberOfTasks": tasks},
    )
    return evaluate_job(policies, _facts(policies, ledger, about))


@given(budget_forms, limits, st.integers(0, 7), st.integers(0, 500), st.integers(1, 250), st.booleans())
def test_a_smaller_budget_never_lowers_caution(
    form: Written,
    smaller: dict[str, int],
    jobs_used: int,
    objects_used: int,
    tasks: int,
    cancels: bool,
) -> None:
    """A limit that is lowered, or one more limit."""
    both = {name: min(form.get(name, limit), limit) for name, limit in smaller.items()}
    verdicts = []
    for limited in (form, {**form, **both}):
        requirement = {"budget": "b", **({"on_violation": "cancel"} if cancels else {})}
        policies = compile_policies(document(requirement, budgets=[{"name": "b", **limited}]))
        about = facts(tags={"team": "ads"}, ProgressSummary={"TotalNumberOfTasks": tasks})
        account = account_of(policies.budgets[0], about)
        assert isinstance(account, BudgetAccount)
        ledger = {account: Amounts(jobs_used, objects_used)}
        verdicts.append(evaluate_job(policies, _facts(policies, ledger, about)).verdict)
    assert verdicts[0] <= verdicts[1]
