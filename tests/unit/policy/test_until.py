"""`until`, `cancels_at` and `valid_until`: the first instants at which the clock alone changes the verdict."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from batchgate.jobs.model import AsksForConfirmation
from batchgate.policy.budgets import Amounts, BudgetUse, period
from batchgate.policy.calendars import Calendar
from batchgate.policy.clock import ClockChecks, Timeline
from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import PolicySet, Verdict
from batchgate.policy.evaluate import SUSPENDED_FOR_AT_MOST, Decision, evaluate_job
from batchgate.policy.facts import Gap, JobFacts, Result
from batchgate.policy.moments import parse_duration
from tests.unit.examples import APPROVAL, NOW, SUSPENDED, Written, document, facts, outcome
from tests.unit.strategies import random_facts, randoms, written_with_all_lists
from tests.verification.oracle import pools
from tests.verification.oracle.random_documents import random_calendar
from tests.verification.oracle.windows import change_instants

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
GRACES = ("0s", "5m", "3h", "2d", "25d", "99999d")
Evaluate: TypeAlias = Callable[[PolicySet, JobFacts], Decision]


# --- random documents that are about the clock --------------------------------------------------------


def clock_document(rng: Random) -> Written:
    """Write a document whose policies differ by calendars and ends of exceptions."""
    names = pools.CALENDARS[: rng.randint(1, 3)]
    written: Written = {
        "version": 1,
        "cancel_grace": rng.choice(GRACES),
        "unmatched": rng.choice(["hold", "cancel"]),
        "calendars": {name: random_calendar(rng) for name in names},
        "policies": [
            {
                "name": f"p{number}",
                **({"match": [clock_condition(rng, names)]} if rng.random() < 0.3 else {}),
                "require": [clock_requirement(rng, names) for _ in range(rng.randint(0, 2))],
            }
            for number in range(rng.randint(1, 2))
        ],
        "guardrails": [
            {
                "name": "g",
                **({"match": [clock_condition(rng, names)]} if rng.random() < 0.5 else {}),
                "require": [clock_requirement(rng, names)],
            }
        ],
    }
    if rng.random() < 0.6:
        zone = rng.choice(list(pools.ZONES))
        written["exceptions"] = [
            {
                "name": "e",
                "lifts": [rng.choice(["p0", "g"])],
                "match": [clock_condition(rng, names)],
                "expires": (rng.choice(pools.ZONES[zone]) + rng.choice([0, 1, 12]) * DAY).isoformat(),
                "because": "x",
            }
        ]
    return written


def clock_requirement(rng: Random, names: tuple[str, ...]) -> Written:
    """Write a requirement, sometimes with a way out and a cancellation."""
    requirement = dict(clock_condition(rng, names))
    if rng.random() < 0.3:
        requirement["unless"] = [clock_condition(rng, names)]
    if rng.random() < 0.3:
        requirement["on_violation"] = "cancel"
        if rng.random() < 0.3:
            requirement["grace"] = rng.choice(GRACES)
    return requirement


def clock_condition(rng: Random, names: tuple[str, ...], depth: int = 0) -> Written:
    """Write a condition, mostly windows, joined and denied."""
    if depth < 2 and rng.random() < 0.35:
        parts = [clock_condition(rng, names, depth + 1) for _ in range(rng.randint(1, 2))]
        return {rng.choice(["any", "all"]): parts}
    if rng.random() < 0.1:
        return rng.choice(
            [{"region": "eu-*"}, {"region": "us-*"}, {"tags": {"a": "b"}}, {"object_bytes": {"at_most": 5}}]
        )
    test: Any = rng.choice([rng.choice(names), list(names)])
    return {"window": {"not": test} if rng.random() < 0.3 else test}


def clock_case(rng: Random) -> tuple[Written, JobFacts]:
    """Write a document and a job that is held, or will be, around interesting dates."""
    written = clock_document(rng)
    calendar = rng.choice(list(written["calendars"].values()))
    day = rng.choice(pools.ZONES[calendar["timezone"]])
    now = datetime(day.year, day.month, day.day, rng.randrange(24), rng.choice([0, 30]), tzinfo=UTC)
    now += rng.choice([0, -1, -3, 2]) * DAY
    suspended = now - rng.choice([HOUR, 3 * DAY, 20 * DAY, 29 * DAY, 30 * DAY - SECOND, 30 * DAY, 40 * DAY])
    sizes: list[int | Gap] = [1, 9, Gap(Result.UNMEASURABLE, "x"), Gap(Result.UNKNOWN, "x")]
    about = facts(now=now, SuspendedDate=suspended, tags={"a": rng.choice("bc")}, object_bytes=rng.choice(sizes))
    return written, about


# --- what is promised ---------------------------------------------------------------------------------


def boundaries(written: Written, about: JobFacts, after: datetime, before: datetime) -> set[datetime]:
    """Give every instant at which anything of a document can change, by the independent reading of calendars."""
    found = {about.suspended_date + parse_duration(each) for each in GRACES[:-1]} if about.suspended_date else set()
    for calendar in written.get("calendars", {}).values():
        found |= change_instants(calendar, after, before)
    for exception in written.get("exceptions", []):
        end = date.fromisoformat(exception["expires"]) + DAY
        found.add(datetime(end.year, end.month, end.day, tzinfo=UTC))
    return {each.astimezone(UTC) for each in found}


def at(policies: PolicySet, about: JobFacts, instant: datetime) -> JobFacts:
    """The same job at another instant; in a budget's next period nothing is used yet."""
    budgets: dict[str, BudgetUse | Gap] = {}
    for budget in policies.budgets:
        use = about.budgets[budget.name]
        if isinstance(use, BudgetUse) and instant >= use.period_end:
            begins, ends = period(budget, instant)
            use = BudgetUse(replace(use.account, period_start=begins), ends, Amounts())
        budgets[budget.name] = use
    return replace(about, now=instant, budgets=budgets)


def samples(written: Written, about: JobFacts, after: datetime, before: datetime) -> Iterator[datetime]:
    """Give instants strictly between: at, just before and just after every boundary, and every eleven hours."""
    if after >= before:
        return
    wanted = {
        boundary + shift
        for boundary in boundaries(written, about, after, before)
        for shift in (timedelta(0), timedelta(microseconds=-1), timedelta(microseconds=1), SECOND)
    }
    wanted |= {after + timedelta(microseconds=1), before - timedelta(microseconds=1)}
    instant = after
    while instant < before:
        wanted.add(instant)
        instant += 11 * HOUR
    yield from sorted(each for each in wanted if after < each < before)


def a_hold_ends_with_the_first_approval_or_cancellation(decide_: Evaluate, written: Written, about: JobFacts) -> None:
    """At `until` the verdict is approve, at `cancels_at` cancel, before either it is neither; S3 has not failed it."""
    policies = compile_policies(written)
    decision = decide_(policies, about)
    end = (about.suspended_since or about.now) + SUSPENDED_FOR_AT_MOST

    def verdict_at(instant: datetime) -> Verdict:
        return evaluate_job(policies, at(policies, about, instant)).verdict

    decided = (Verdict.APPROVE, Verdict.CANCEL)
    assert decision.searched_until is None
    assert decision.until is None or decision.cancels_at is None
    ends = decision.until or decision.cancels_at
    if ends is None:
        if decision.verdict is Verdict.HOLD and not policies.shadow and about.suspended_since is not None:
            assert all(verdict_at(each) not in decided for each in samples(written, about, about.now, end))
        return
    assert decision.verdict is Verdict.HOLD
    assert about.now < ends < end
    assert verdict_at(ends) is (Verdict.APPROVE if decision.until else Verdict.CANCEL)
    assert ends.tzinfo is UTC
    assert all(verdict_at(each) not in decided for each in samples(written, about, about.now, ends))


def valid_until_is_the_first_change(decide_: Evaluate, written: Written, about: JobFacts) -> None:
    """Before `valid_until` the verdict stays; at it, it is another; without one it stays for a day."""
    policies = compile_policies(written)
    decision = decide_(policies, about)

    def verdict_at(instant: datetime) -> Verdict:
        return evaluate_job(policies, at(policies, about, instant)).verdict

    if decision.verdict not in (Verdict.APPROVE, Verdict.CANCEL):
        assert decision.valid_until is None
        return
    end = decision.valid_until or about.now + DAY
    assert about.now < end <= about.now + DAY
    assert all(verdict_at(each) is decision.verdict for each in samples(written, about, about.now, end))
    assert decision.valid_until is None or verdict_at(decision.valid_until) is not decision.verdict


def moved(by: timedelta) -> Evaluate:
    """Make a evaluate whose instants are a little off."""

    def wrong(policies: PolicySet, about: JobFacts) -> Decision:
        decision = evaluate_job(policies, about)
        return replace(
            decision,
            until=decision.until and decision.until + by,
            cancels_at=decision.cancels_at and decision.cancels_at + by,
            valid_until=decision.valid_until and decision.valid_until + by,
        )

    return wrong


def without_until(policies: PolicySet, about: JobFacts) -> Decision:
    """Evaluate without looking ahead."""
    return replace(evaluate_job(policies, about), until=None, cancels_at=None, valid_until=None)


def past_a_cancellation(policies: PolicySet, about: JobFacts) -> Decision:
    """Evaluate as if a job that is cancelled at night could be approved in the morning."""
    decision = evaluate_job(policies, about)
    lenient = replace(policies, cancel_grace=timedelta(days=999))
    return replace(decision, until=evaluate_job(lenient, about).until, cancels_at=None)


def the_first_opening(policies: PolicySet, about: JobFacts) -> Decision:
    """Evaluate as if any change of a calendar were the end of a hold."""
    decision = evaluate_job(policies, about)
    end = (about.suspended_since or about.now) + SUSPENDED_FOR_AT_MOST
    changes = sorted(each for one in policies.clock.calendars.values() for each in one.changes(about.now, end))
    return replace(decision, until=changes[0] if changes and decision.verdict is Verdict.HOLD else None)


PROMISES = [a_hold_ends_with_the_first_approval_or_cancellation, valid_until_is_the_first_change]
CASES = 100


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_the_evaluate_keeps(promise: Callable[[Evaluate, Written, JobFacts], None]) -> None:
    """On documents that are about the clock, around changes of clocks, with windows joined, denied and lifted."""
    rng = Random(11)
    for _ in range(CASES):
        promise(evaluate_job, *clock_case(rng))


@pytest.mark.parametrize(
    ("promise", "wrong"),
    [
        *(
            (promise, wrong)
            for promise in PROMISES
            for wrong in (moved(SECOND), moved(-SECOND), moved(HOUR), without_until)
        ),
        (a_hold_ends_with_the_first_approval_or_cancellation, the_first_opening),
        (a_hold_ends_with_the_first_approval_or_cancellation, past_a_cancellation),
    ],
)
def test_an_evaluation_that_is_a_second_off_does_not(
    promise: Callable[[Evaluate, Written, JobFacts], None], wrong: Evaluate
) -> None:
    """The promises can be broken: earlier, later, not at all, or at the first change of any calendar."""
    rng = Random(11)

    def keeps() -> None:
        for _ in range(CASES):
            promise(wrong, *clock_case(rng))

    with pytest.raises(AssertionError):
        keeps()


@given(randoms())
@settings(max_examples=60)
def test_random_documents_keep_both_promises(rng: Random) -> None:
    """The same over the whole language."""
    rng = Random(rng.getrandbits(64))
    written = written_with_all_lists(rng)
    about = random_facts(rng, written)
    for promise in PROMISES:
        promise(evaluate_job, written, about)


def test_the_cases_reach_every_ending() -> None:
    """Among the cases are holds with and without an end, approvals and cancellations that will not last."""
    rng = Random(11)
    decisions = [outcome(*clock_case(rng)) for _ in range(CASES)]
    assert sum(decision.until is not None for decision in decisions) > CASES // 10
    assert sum(decision.cancels_at is not None for decision in decisions) > 2
    assert sum(decision.verdict is Verdict.HOLD and decision.until is None for decision in decisions) > CASES // 10
    for verdict in (Verdict.APPROVE, Verdict.CANCEL):
        assert sum(decision.verdict is verdict and decision.valid_until is not None for decision in decisions) > 2


# --- by example ---------------------------------------------------------------------------------------

NIGHTS: Written = {
    "timezone": "UTC",
    "open": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "22:00", "to": "06:00"}],
}
WEEKEND: Written = {"timezone": "UTC", "open": [{"days": ["sat", "sun"]}]}
NEVER: Written = {"timezone": "UTC", "open": [{"dates": ["2020-01-01"]}]}
CALENDARS = {"nights": NIGHTS, "weekend": WEEKEND, "never": NEVER}
TONIGHT = datetime(2026, 3, 27, 22, tzinfo=UTC)
SATURDAY = datetime(2026, 3, 28, tzinfo=UTC)


def until(*require: Written, about: JobFacts | None = None, **parts: Any) -> datetime | None:
    """Give `until` of a document that requires this, on Friday noon."""
    return outcome(document(*require, calendars=CALENDARS, **parts), about or facts()).until


@pytest.mark.parametrize(
    ("require", "expected"),
    [
        ([{"window": "nights"}], TONIGHT),
        ([{"window": "weekend"}], SATURDAY),
        ([{"window": ["weekend", "nights"]}], TONIGHT),
        ([{"window": "nights"}, {"window": "weekend"}], SATURDAY),
        ([{"any": [{"window": "weekend"}, {"window": "nights"}]}], TONIGHT),
        ([{"window": "weekend"}, {"window": {"not": "nights"}}], SATURDAY + 6 * HOUR),
        ([{"window": "never"}], None),
        ([{"window": "nights"}, {"window": {"not": "nights"}}], None),
        ([{"window": "nights"}, {"region": "us-*"}], None),
        ([{"any": [{"window": "nights"}, {"region": "us-*"}]}], TONIGHT),
        ([{"region": "us-*", "unless": [{"window": "weekend"}]}], SATURDAY),
        ([{"window": "nights"}, {"manual_approval": "required"}], None),
        ([{"manual_approval": "required", "unless": [{"window": "nights"}]}], TONIGHT),
        ([{"manual_approval": "required"}], None),
        ([{"region": "us-*"}], None),
        ([{"window": "nights", "on_violation": "cancel"}], None),
        ([{"window": "nights"}, {"window": {"not": "weekend"}, "on_violation": "cancel"}], TONIGHT),
    ],
)
def test_until_is_the_first_instant_that_would_approve(require: list[Written], expected: datetime | None) -> None:
    """Windows are joined by any, all and not; null where no instant would do or a person is needed."""
    assert until(*require) == expected


def test_until_is_null_where_no_policy_matches() -> None:
    """Time brings no policy, but where the match itself is about the clock."""
    unmatched = document({"window": "nights"}, calendars=CALENDARS)
    unmatched["policies"][0]["match"] = [{"region": "us-*"}]
    assert outcome(unmatched, facts()).until is None
    unmatched["policies"][0]["match"] = [{"window": "nights"}]
    unmatched["policies"][0]["require"] = []
    assert outcome(unmatched, facts()).until == TONIGHT


def test_until_is_null_in_shadow() -> None:
    """Nothing would be approved at any time."""
    assert until({"window": "nights"}, mode="shadow") is None


def test_until_is_null_beside_a_wait() -> None:
    """What S3 has not said yet may change at any time."""
    about = facts(Status="Preparing", ProgressSummary={})
    assert until({"window": "nights"}, about=about) is None
    assert (
        until(
            {"window": "nights"},
            {"total_tasks": {"at_most": 5}},
            about=replace(about, asks_for_confirmation=AsksForConfirmation.NO),
        )
        is None
    )


def test_until_is_null_where_s3_says_no_date() -> None:
    """Without SuspendedDate and CreationTime nobody knows how long the job will wait."""
    assert until({"window": "nights"}, about=facts(SuspendedDate=None, CreationTime=None)) is None


def test_until_counts_from_the_creation_where_s3_does_not_say_since_when() -> None:
    """The creation is earlier than any suspension: the cautious of the two."""
    month_ago = NOW - 30 * DAY
    about = facts(SuspendedDate=None, CreationTime=month_ago + 11 * HOUR)
    assert until({"window": "nights"}, about=about) == TONIGHT
    assert until({"window": "nights"}, about=facts(SuspendedDate=None, CreationTime=month_ago)) is None


def test_until_counts_from_the_creation_where_s3_says_an_earlier_suspension() -> None:
    """No job is suspended before it is created, so 1970 says nothing of when S3 fails it."""
    about = facts(SuspendedDate=datetime(1970, 1, 1, tzinfo=UTC), CreationTime=NOW - HOUR)
    assert until({"window": "nights"}, about=about) == TONIGHT


@pytest.mark.parametrize(
    ("waited", "expected"),
    [
        (TONIGHT - NOW, TONIGHT),
        (30 * DAY - (TONIGHT - NOW) - timedelta(microseconds=1), TONIGHT),
        (30 * DAY - (TONIGHT - NOW), None),
        (30 * DAY, None),
        (40 * DAY, None),
    ],
)
def test_until_is_strictly_before_s3_fails_the_job(waited: timedelta, expected: datetime | None) -> None:
    """Thirty days after SuspendedDate is too late, to the microsecond."""
    assert until({"window": "nights"}, about=facts(SuspendedDate=NOW - waited)) == expected


@pytest.mark.parametrize(("opens", "expected"), [("11:59", True), ("12:00", False)])
def test_a_suspension_far_ahead_of_the_clock_counts_as_thirty_days_ahead(opens: str, *, expected: bool) -> None:
    """S3's clock and ours may differ, but not by a year: nobody waits for an instant sixty days from now."""
    sixty_days_ahead = {"dates": [f"{NOW + 60 * DAY:%Y-%m-%d}"], "from": opens, "to": "13:00"}
    later = {"later": {"timezone": "UTC", "open": [sixty_days_ahead]}}
    found = outcome(document({"window": "later"}, calendars=later), facts(SuspendedDate=NOW + 365 * DAY))
    assert (found.until is not None) == expected
    assert found.searched_until is None  # nor is anything left to search


@pytest.mark.parametrize("order", [(7, 8, 9), (9, 8, 7), (8, 7, 9)])
def test_a_job_is_cancelled_when_the_shortest_grace_of_its_violations_ends(order: tuple[int, ...]) -> None:
    """Also where no check asks for the time."""
    violated: list[Written] = [{"region": "us-*"}, {"priority": {"at_least": 50}}, {"total_tasks": {"at_most": 5}}]
    require = [
        {**each, "on_violation": "cancel", "grace": f"{hours}h"} for each, hours in zip(violated, order, strict=True)
    ]
    assert outcome(document(*require), facts()).cancels_at == NOW + HOUR  # suspended six hours ago


@pytest.mark.parametrize("doubt", [Result.UNKNOWN, Result.UNMEASURABLE])
def test_a_match_in_doubt_is_not_taken_for_one_that_is_violated(doubt: Result) -> None:
    """While its window is open a statement may govern, so nothing is approved then."""
    written = document({"window": "nights"}, calendars=CALENDARS)
    match = [{"object_bytes": {"at_most": 5}}, {"window": "nights"}]
    written["guardrails"] = [{"name": "g", "match": match, "require": [{"region": "us-*"}]}]
    assert outcome(written, facts(object_bytes=Gap(doubt, "x"))).until is None
    assert outcome(written, facts(object_bytes=9)).until == TONIGHT


@pytest.mark.parametrize(
    ("in_doubt", "expected"), [("policies", None), ("guardrails", NOW + HOUR)], ids=["a policy", "a guardrail"]
)
def test_a_policy_whose_match_is_in_doubt_saves_from_unmatched_and_a_guardrail_does_not(
    in_doubt: str, expected: datetime | None
) -> None:
    """While a policy may match, the job will not be cancelled for having none, also when the grace ends."""
    statement = {"name": "doubtful", "match": [{"object_bytes": {"at_most": 5}}], "require": [{"region": "eu-*"}]}
    policies = [{"name": "elsewhere", "match": [{"region": "us-*"}], "require": []}]
    written = {"version": 1, "policies": policies, "unmatched": "cancel", "cancel_grace": "7h"}
    written[in_doubt] = [*(policies if in_doubt == "policies" else []), statement]
    decision = outcome(written, facts(object_bytes=Gap(Result.UNMEASURABLE, "x")))  # suspended six hours ago
    assert (decision.verdict, decision.cancels_at) == (Verdict.HOLD, expected)


@pytest.mark.parametrize(("named", "expected"), [("S3NewOperation", TONIGHT), ("S3PutObjectCopy", None)])
def test_an_unknown_operation_is_expected_to_be_approved_only_where_a_policy_names_it(
    named: str, expected: datetime | None
) -> None:
    """Whichever statement the window is in."""
    policies = [{"name": "named", "match": [{"any": [{"operation": named}, {"region": "eu-*"}]}], "require": []}]
    guardrails = [{"name": "at-night", "require": [{"window": "nights"}]}]
    written = {"version": 1, "policies": policies, "guardrails": guardrails, "calendars": CALENDARS}
    assert outcome(written, facts(Operation={"S3NewOperation": {}})).until == expected


def test_an_exception_that_expires_is_part_of_the_clock() -> None:
    """What is lifted until an exception's last day is over can only be approved before."""
    exception = {
        "name": "e",
        "lifts": ["p"],
        "match": [{"window": "nights"}],
        "expires": "2026-03-27",
        "because": "x",
    }
    assert until({"region": "us-*"}, exceptions=[exception]) == TONIGHT
    assert until({"region": "us-*"}, exceptions=[{**exception, "expires": "2026-03-26"}]) is None
    assert until({"region": "us-*"}, exceptions=[{**exception, "match": [{"window": "weekend"}]}]) is None
    last = outcome(
        document({"region": "us-*"}, calendars=CALENDARS, exceptions=[{**exception, "match": [{"region": "eu-*"}]}]),
        facts(),
    )
    assert (last.verdict, last.valid_until) == (Verdict.APPROVE, SATURDAY)


@pytest.mark.parametrize("now", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
@pytest.mark.parametrize("suspended", [datetime.min.replace(tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), None])
def test_the_ends_of_time_are_evaluated_too(now: datetime, suspended: datetime | None) -> None:
    """The first and the last instant that there are."""
    if suspended is not None and suspended > now:
        suspended = now
    about = replace(facts(), now=now, suspended_since=suspended)
    for require in ({"window": "nights"}, {"window": {"not": "nights"}}):
        decision = outcome(document(require, calendars=CALENDARS), about)
        assert decision.verdict in (Verdict.HOLD, Verdict.APPROVE)
    exception = {"name": "e", "lifts": ["p"], "match": [{"region": "*"}], "expires": "9999-12-31", "because": "x"}
    assert outcome(document({"region": "us-*"}, exceptions=[exception]), about).verdict is Verdict.APPROVE


# --- the work that a search takes ---------------------------------------------------------------------


def crowded(calendars: int, requirements: int) -> Written:
    """Write a document of calendars that open each minute, and requirements that are met at one hour of each day."""
    rows = [
        *({"days": ["sat"], "from": f"{n // 30:02}:{2 * n % 60:02}", "to": f"{n // 30:02}:{2 * n % 60 + 1:02}"}
          for n in range(600)),
        {"dates": ["04-20"], "from": "23:00", "to": "24:00"},
    ]  # fmt: skip
    names = [f"c{number}" for number in range(calendars)]
    require = [{"window": [names[number % calendars]]} for number in range(requirements)]
    return document(*require, calendars={name: {"timezone": "Europe/Berlin", "open": rows} for name in names})


def test_a_search_that_is_cut_short_reports_until_when_it_searched() -> None:
    """Beside the same document with fewer calendars, which is searched to its end: both before S3 fails the job."""
    found = outcome(crowded(1, 1), facts())
    assert (found.verdict, found.searched_until) == (Verdict.HOLD, None)
    assert found.until == datetime(2026, 3, 27, 23, tzinfo=UTC)
    never = {"c0": {"timezone": "UTC", "open": [{"dates": ["01-01"]}]}}
    short = crowded(12, 12)
    short["calendars"] |= never
    cut = outcome(short, facts())
    assert (cut.verdict, cut.until, cut.cancels_at) == (Verdict.HOLD, None, None)
    assert cut.searched_until == NOW + DAY
    few = crowded(1, 1)
    few["calendars"] |= never
    assert outcome(few, facts()).searched_until is None


def in_segments(policies: PolicySet, segments: int) -> PolicySet:
    """Give the same policies, followed for so many segments of the clock only."""
    return replace(policies, clock=replace(policies.clock, segments=segments))


@pytest.mark.parametrize("segments", [1, 2, 3, 5, 8])
def test_a_search_cut_anywhere_finds_the_same_or_says_where_it_ended(segments: int) -> None:
    """Before `searched_until` there is no end of the hold; without it, whatever was found or not is what there is."""
    rng = Random(11)
    cut_short = 0
    for _ in range(CASES):
        written, about = clock_case(rng)
        policies = compile_policies(written)
        whole, cut = evaluate_job(policies, about), evaluate_job(in_segments(policies, segments), about)
        if cut.searched_until is None:
            assert (cut.until, cut.cancels_at) == (whole.until, whole.cancels_at)
        else:
            cut_short += 1
            assert (cut.until, cut.cancels_at) == (None, None)
            ends = whole.until or whole.cancels_at
            assert about.now < cut.searched_until
            assert ends is None or cut.searched_until <= ends
    assert cut_short > 2


def test_of_many_graces_the_next_to_end_are_followed() -> None:
    """Those that are over count no more; one that ends beyond those that are followed ends the search."""
    at_weekends = {"window": {"not": "weekend"}, "on_violation": "cancel"}
    graces = [{**at_weekends, "grace": f"{hours}h"} for hours in range(1, 40)]
    policies = compile_policies(document({"window": "never"}, *graces, calendars=CALENDARS))
    assert evaluate_job(policies, facts()).cancels_at == SATURDAY
    for segments in range(1, 9):  # suspended six hours ago
        assert evaluate_job(in_segments(policies, segments), facts()).searched_until == NOW + (segments + 1) * HOUR


@pytest.mark.parametrize(("calendars", "requirements"), [(2, 10), (20, 10), (2, 1_000)])
def test_the_work_of_a_search_grows_with_the_document_only(
    calendars: int, requirements: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each calendar is worked out twice at most, for a day and for the rest, however many requirements ask for it."""
    policies = compile_policies(crowded(calendars, requirements))
    computed: list[int] = []
    flips = Calendar._flips

    def noted(self: Calendar, begin: int, end: int) -> list[int]:
        computed.append(end - begin)
        return flips(self, begin, end)

    monkeypatch.setattr(Calendar, "_flips", noted)
    assert evaluate_job(policies, facts()).verdict is Verdict.HOLD
    assert len(policies.clock.calendars) <= len(computed) <= 2 * len(policies.clock.calendars)
    computed.clear()
    evaluate_job(policies, facts())
    assert computed == []


def test_no_calendar_is_followed_for_a_job_with_another_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no outcome of the clock approves, its timeline is not drawn."""
    drawn: list[JobFacts] = []
    timeline = ClockChecks.timeline

    def noted(self: ClockChecks, now: datetime, end: datetime, others: Any) -> Timeline:
        drawn.append(about)
        return timeline(self, now, end, others)

    monkeypatch.setattr(ClockChecks, "timeline", noted)
    about = facts()
    assert outcome(document({"window": "nights"}, {"region": "us-*"}, calendars=CALENDARS), about).until is None
    assert drawn == []
    assert outcome(document({"window": "nights"}, calendars=CALENDARS), about).until == TONIGHT
    assert drawn == [about]


LARGE: Written = {"total_tasks": {"at_most": 5}}
OF_OWNERS: Written = {"manual_approval": {"by": "*:assumed-role/prod-owner/*"}}
LATER: Written = {"on_violation": "cancel", "grace": "48h"}


@pytest.mark.parametrize(
    ("require", "until_when", "cancels_at"),
    [
        ([LARGE], TONIGHT, None),
        ([OF_OWNERS], None, None),
        ([LARGE, OF_OWNERS], None, None),
        ([{**LARGE, **LATER}], None, SUSPENDED + timedelta(hours=48)),
        ([{**LARGE, **LATER}, OF_OWNERS], None, SUSPENDED + timedelta(hours=48)),
    ],
)
def test_an_approval_counts_once_a_window_makes_another_needless(
    require: list[Written], until_when: datetime | None, cancels_at: datetime | None
) -> None:
    """If it lifts all that no time changes, and nothing of that wants an approval that is not given."""
    timed = {"name": "timed", "require": [{**OF_OWNERS, "unless": [{"window": "nights"}]}]}
    policies = [timed, {"name": "untimed", "require": require}]
    decision = outcome({"version": 1, "calendars": CALENDARS, "policies": policies}, facts(approvals=[APPROVAL]))
    assert (decision.verdict, decision.until, decision.cancels_at) == (Verdict.HOLD, until_when, cancels_at)
