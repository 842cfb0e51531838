"""What changed between two policy documents, and the example jobs: the cases that a reviewer meets."""

from datetime import UTC, datetime
from itertools import islice, permutations
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from batchgate.policy import model, patterns
from batchgate.policy.amounts import COST_UNITS
from batchgate.policy.checks import Check, Simple
from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import Verdict
from batchgate.policy.costs import Cost, cost_of
from batchgate.policy.operands import prices_of
from batchgate.policy.patterns import Glob, Pattern
from batchgate.policy.validation import read_document
from batchgate_cli.authoring import policy_file
from batchgate_cli.authoring.check_descriptions import CHECKS
from batchgate_cli.authoring.comparison.changes import Detail, TextChange, as_text, changes_between
from batchgate_cli.authoring.comparison.compare import DIRECTIONS, Change, Comparison, compare
from batchgate_cli.authoring.comparison.search import Outcome
from batchgate_cli.authoring.comparison.text_regions import text_regions
from batchgate_cli.authoring.lint.pattern_sets import ANYTHING, shape
from tests.verification.oracle import pools
from tests.verification.oracle.random_documents import random_document

NOW = datetime(2026, 11, 29, tzinfo=UTC)
APPROVE, HOLD, CANCEL = Verdict.APPROVE, Verdict.HOLD, Verdict.CANCEL


def policy(*require: Any, **more: Any) -> dict[str, Any]:
    """One policy for tagging."""
    return {"name": "tagging", "match": [{"operation": "S3PutObjectTagging"}], "require": list(require), **more}


def document(*policies: Any, **more: Any) -> dict[str, Any]:
    """A document of these policies."""
    return {"version": 1, "policies": list(policies), **more}


def read(written: dict[str, Any]) -> model.PolicyDocument:
    """A document."""
    return read_document(written)


def compared(old: dict[str, Any], new: dict[str, Any]) -> Comparison:
    """The comparison of two documents."""
    return compare(compile_policies(old), compile_policies(new), NOW)


def outcomes(comparison: Comparison) -> dict[tuple[Verdict, Verdict], Outcome]:
    """How each search ended."""
    return {(change.before, change.after): change.outcome for change in comparison.changes}


def only_change(old: dict[str, Any], new: dict[str, Any]) -> Change:
    """The one change of the verdict; all others surely do not happen."""
    comparison = compared(old, new)
    found = [change for change in comparison.changes if change.outcome is Outcome.FOUND]
    assert {change.outcome for change in comparison.changes} == {Outcome.FOUND, Outcome.NONE}, comparison.gaps
    assert len(found) == 1
    return found[0]


def fact(change: Change, name: str) -> object:
    """A fact of the example."""
    assert change.example is not None
    return getattr(change.example.gathered, name)


LIMIT, HIGHER = {"total_tasks": {"at_most": 1000}}, {"total_tasks": {"at_most": 2000}}


def test_a_higher_limit_approves_what_was_held_and_nothing_else_changes() -> None:
    """The example lies between the two limits."""
    change = only_change(document(policy(LIMIT)), document(policy(HIGHER)))
    assert (change.before, change.after) == (HOLD, APPROVE)
    assert change.is_more_permissive
    tasks = fact(change, "total_tasks")
    assert isinstance(tasks, int)
    assert 1000 < tasks <= 2000


def test_a_requirement_that_another_implies_changes_no_verdict() -> None:
    """The text changes, the search shows that no job notices."""
    old, new = document(policy(LIMIT, HIGHER)), document(policy(LIMIT))
    assert set(outcomes(compared(old, new)).values()) == {Outcome.NONE}
    assert len(changes_between(read(old), read(new))) == 1


@pytest.mark.parametrize(
    ("narrow", "wide", "member"),
    [
        ({"tags": {"team": "lake-*"}}, {"tags": {"team": "*"}}, "tags"),
        ({"tags": {"team": {"not": "*"}}}, {"tags": {"team": {"not": "a*b"}}}, "tags"),
        ({"description": "nightly*"}, {"description": ["nightly*", "*copy"]}, "description"),
        ({"role": "*/batch"}, {"role": ["*/batch", {"glob": "*/admin[0-9]"}]}, "role"),
        ({"priority": {"at_least": 11}}, {"priority": {"at_least": 10}}, "priority"),
        ({"report": {"bucket": "audit-${account}"}}, {"report": {"bucket": "audit-*"}}, "report"),
        ({"manifest": {"key": "a/*"}}, {"manifest": {"key": ["a/*", "b/?"]}}, "manifest"),
        ({"manifest": {"format": "S3BatchOperations*"}}, {"manifest": {"format": "*"}}, "manifest"),
        ({"source_buckets": {"only": "a*"}}, {"source_buckets": {"any": "a*"}}, "source_buckets"),
        ({"object_bytes": {"at_most": 5}}, {"object_bytes": {"at_most": 6}}, "object_bytes"),
        ({"manifest": {"rows": {"at_most": 5}}}, {"manifest": {"rows": {"at_most": 6}}}, "manifest_rows"),
        (
            {"manifest": {"rows_without_version": {"at_most": 0}}},
            {"manifest": {"rows_without_version": {"at_most": 1}}},
            "rows_without_version",
        ),
        (
            {
                "all": [
                    {"total_tasks": {"at_most": 5}},
                    {"object_bytes": {"at_least": 9}},
                    {"source_buckets": {"any": "aaa"}},
                ]
            },
            {"all": [{"object_bytes": {"at_least": 9}}, {"source_buckets": {"any": "aaa"}}]},
            "total_tasks",
        ),
        (
            {"operation_parameters": {"S3PutObjectTagging.TagSet": {"none": {"Key": "a*"}}}},
            {"operation_parameters": {"S3PutObjectTagging.TagSet": {"none": {"Key": "a?"}}}},
            "parameters",
        ),
        (
            {"manifest_generator": {"Filter.KeyNameConstraint.MatchAnyPrefix": {"only": "logs/*"}}},
            {"manifest_generator": {"Filter.KeyNameConstraint.MatchAnyPrefix": {"any": "logs/*"}}},
            "generator",
        ),
        ({"account": "1*"}, {"account": ["1*", "2*"]}, "ref"),
        ({"region": "eu-*"}, {"region": {"not": "us-*"}}, "ref"),
    ],
    ids=lambda each: str(next(iter(each))) if isinstance(each, dict) else None,
)
def test_a_weaker_check_of_any_kind_has_an_example(narrow: Any, wide: Any, member: str) -> None:
    """Of a job that is held before and approved after; and from the weaker to the stricter the same the other way."""
    laxer, stricter = (compared(document(policy(a)), document(policy(b))) for a, b in ((narrow, wide), (wide, narrow)))
    assert outcomes(laxer)[HOLD, APPROVE] is Outcome.FOUND
    assert outcomes(stricter)[APPROVE, HOLD] is Outcome.FOUND
    [example] = [change for change in laxer.changes if (change.before, change.after) == (HOLD, APPROVE)]
    assert fact(example, member) is not None


AROUND: dict[str, Any] = {
    "budgets": [{"name": "team-month", "per": "month", "jobs": 5}],
    "calendars": {name: {"timezone": "UTC", "open": [{"days": ["mon"]}]} for name in ("nights", "freeze")},
    "lists": {"sandboxes": ["111111111111"]},
}
"""What the examples of checks name."""


@pytest.mark.parametrize("check", CHECKS)
def test_a_requirement_of_any_check_changes_verdicts_or_is_not_decided(check: str) -> None:
    """No check of the language is overlooked: whether it is required is never said to change no verdict."""
    condition, _ = policy_file.read_plain(CHECKS[check].example.encode(), check)
    around = {**AROUND, "prices": PRICES}
    old, new = (document({"name": "p", "require": require}, **around) for require in ([condition], []))
    assert outcomes(compared(old, new))[HOLD, APPROVE] is not Outcome.NONE
    assert outcomes(compared(new, old))[APPROVE, HOLD] is not Outcome.NONE


def test_a_check_whose_values_are_not_searched_is_not_decided() -> None:
    """As a new check is, until somebody adds its values to the search; what does not depend on it is decided."""
    old, new = (
        replace(policies, checks=tuple(map(_unsearched, policies.checks)))
        for policies in (
            compile_policies(document(policy(*each))) for each in ([{"description": "a*"}, LIMIT], [LIMIT])
        )
    )
    comparison = compare(old, new, NOW)
    assert comparison.gaps == ("phase_of_the_moon, whose values are not searched",)
    assert outcomes(comparison) == {
        direction: Outcome.UNDECIDED if direction == (HOLD, APPROVE) else Outcome.NONE for direction in DIRECTIONS
    }


def _unsearched(check: Check) -> Check:
    """The check, of another measure if it is one of the description."""
    return replace(check, measure=Simple("phase_of_the_moon")) if check.measure == Simple("description") else check


PRICES: dict[str, Any] = {
    "job": 0.25,
    "million_objects": 1,
    "million_requests": {"S3PutObjectTagging": 5, "S3InitiateRestoreObject": 50},
    "gibibyte": {"S3InitiateRestoreObject.BULK": 0.0025, "S3InitiateRestoreObject.STANDARD": 0.01},
}


@pytest.mark.parametrize("operation", PRICES["million_requests"])
def test_a_higher_cost_has_an_example_between_the_two(operation: str) -> None:
    """By objects, or by bytes; and no job is decided differently."""
    parts = [{"operation": operation}], [{"cost": {"at_most": 100}}], [{"cost": {"at_most": 100.0001}}]
    old, new = (
        document({"name": "p", "match": parts[0], "require": each}, prices=PRICES) for each in (parts[1], parts[2])
    )
    change = only_change(old, new)
    assert (change.before, change.after) == (HOLD, APPROVE)
    assert change.example is not None
    cost = cost_of(prices_of(read_document(old).prices), change.example.gathered)
    assert isinstance(cost, Cost)
    assert 100 * COST_UNITS < cost.total <= 100.0001 * COST_UNITS


def test_a_cost_by_the_tier_of_a_restore_and_the_tier_itself_are_one() -> None:
    """No job of a tier is dearer than that tier's price makes it: the search does not mix the two."""
    require = [{"operation_parameters": {"S3InitiateRestoreObject.GlacierJobTier": "BULK"}}]
    dear = {**PRICES, "gibibyte": {**PRICES["gibibyte"], "S3InitiateRestoreObject.STANDARD": 1}}
    written = {
        "name": "p",
        "match": [{"operation": "S3InitiateRestoreObject"}],
        "require": [*require, {"cost": {"at_most": 9}}],
    }
    comparison = compared(document(written, prices=PRICES), document(written, prices=dear))
    found = {change.outcome for change in comparison.changes}
    assert found <= {Outcome.NONE, Outcome.UNDECIDED}
    assert comparison.mistaken == 0


def test_changed_prices_are_named_one_by_one() -> None:
    """Such as what a document says of them."""
    old, new = (
        read_document(document(policy(LIMIT), prices={"job": 5.00, "gibibyte": {"S3PutObjectCopy": each}}))
        for each in (0.01, 0.02)
    )
    [change] = changes_between(old, new)
    assert (change.name, change.details) == (
        "prices.gibibyte.S3PutObjectCopy",
        (Detail("gibibyte.S3PutObjectCopy", 0.01, 0.02),),
    )


def test_a_window_that_opens_for_longer_has_an_instant_for_example() -> None:
    """In the year that is considered, which the answer names."""
    hours = {"timezone": "Europe/Berlin", "open": [{"days": ["mon"], "from": "08:00", "to": "10:00"}]}
    longer = {**hours, "open": [{"days": ["mon"], "from": "08:00", "to": "11:00"}]}
    old, new = (document(policy({"window": "hours"}), calendars={"hours": each}) for each in (hours, longer))
    change = only_change(old, new)
    assert change.example is not None
    assert change.example.at.astimezone(UTC) == datetime(2026, 11, 30, 9, tzinfo=UTC)
    assert compared(old, new).first == NOW


def test_a_shorter_grace_cancels_what_is_still_held() -> None:
    """The example is suspended for a time between the two."""
    asked = {**LIMIT, "on_violation": "cancel"}
    change = only_change(document(policy(asked), cancel_grace="2h"), document(policy(asked), cancel_grace="1h"))
    assert (change.before, change.after) == (HOLD, CANCEL)
    assert not change.is_more_permissive


def test_leaving_shadow_approves_and_cancels_what_is_held() -> None:
    """Everything was held before."""
    asked = {**LIMIT, "on_violation": "cancel"}
    found = outcomes(compared(document(policy(asked), mode="shadow"), document(policy(asked))))
    assert {direction for direction, outcome in found.items() if outcome is Outcome.FOUND} == {
        (HOLD, APPROVE),
        (HOLD, CANCEL),
    }


def test_two_sets_in_shadow_are_compared_as_if_enforced() -> None:
    """Otherwise nothing would ever change, and the answer says that it did so."""
    comparison = compared(document(policy(LIMIT), mode="shadow"), document(policy(HIGHER), mode="shadow"))
    assert comparison.as_if_enforced
    assert outcomes(comparison)[HOLD, APPROVE] is Outcome.FOUND


def test_a_removed_guardrail_and_unmatched_are_seen() -> None:
    """Rules of the whole set change verdicts, too."""
    guardrail = {"name": "small", "require": [{**LIMIT, "on_violation": "cancel"}]}
    found = outcomes(compared(document(policy(), guardrails=[guardrail]), document(policy())))
    assert found[CANCEL, APPROVE] is Outcome.FOUND
    assert found[HOLD, APPROVE] is Outcome.FOUND  # within the grace
    found = outcomes(compared(document(policy()), document(policy(), unmatched="cancel")))
    assert [direction for direction, outcome in found.items() if outcome is Outcome.FOUND] == [(HOLD, CANCEL)]


def test_rules_about_people_are_tried_with_approvals() -> None:
    """Nobody's approval is a search's matter; with one approval instead of two the job is approved."""
    old, new = (
        document(policy({"manual_approval": {"at_least": count, "by": "*:assumed-role/owner/*"}})) for count in (2, 1)
    )
    comparison = compared(old, new)
    assert set(outcomes(comparison).values()) == {Outcome.NONE}
    [change] = comparison.with_approvals
    assert (change.before, change.after) == (HOLD, APPROVE)
    assert change.example is not None
    assert change.example.approvals


def test_what_is_not_decided_says_why() -> None:
    """A pattern with the job's account that another one may coincide with: which account decides."""
    old = document(policy({"tags": {"team": ["${account}", "1*"]}}))
    comparison = compared(old, document(policy({"tags": {"team": ["${account}", "1*", "2*"]}})))
    assert comparison.gaps == ("patterns with ${...} that overlap with others",)
    assert outcomes(comparison)[HOLD, APPROVE] is Outcome.FOUND
    assert outcomes(comparison)[APPROVE, HOLD] is Outcome.UNDECIDED
    assert outcomes(comparison)[APPROVE, CANCEL] is Outcome.NONE  # whatever the account is


def test_a_search_that_is_cut_short_does_not_say_none() -> None:
    """What was not tried may be it; generated jobs are tried then."""
    old, new = (compile_policies(document(policy(each))) for each in (LIMIT, HIGHER))
    comparison = compare(old, new, NOW, steps=0)
    assert outcomes(comparison)[HOLD, APPROVE] is Outcome.FOUND
    assert outcomes(comparison)[APPROVE, HOLD] is Outcome.UNDECIDED
    assert all(change.tried for change in comparison.changes if change.outcome is Outcome.UNDECIDED)


def test_a_large_set_with_a_small_change_is_decided() -> None:
    """What both have in common costs nothing."""
    rng = Random(5)
    many = [{**each, "name": f"{number}-{each['name']}"} for number in range(60) for each in _plain_policies(rng)]
    old = document(*many, policy(LIMIT))
    new = document(*many, policy(HIGHER))
    comparison = compared(old, new)
    assert outcomes(comparison)[CANCEL, APPROVE] is Outcome.NONE
    assert outcomes(comparison)[APPROVE, HOLD] is Outcome.NONE


def _plain_policies(rng: Random) -> list[Any]:
    """Policies without names of calendars, lists and budgets, and without prices."""
    written: Any = random_document(rng).get("policies", [])
    return [
        each
        for each in written
        if not any(name in repr(each) for name in ("'window'", "'list'", "${", "'budget'", "'cost'"))
    ]


# --- texts ----------------------------------------------------------------------------------------------


def test_a_text_is_found_for_each_combination_of_patterns() -> None:
    """Each text passes exactly the tests that it stands for, and random texts pass no other combination."""
    rng = Random(11)
    pool: list[Pattern] = [
        "a*",
        "*b",
        "a*b*c",
        "??",
        "b*",
        "*a*",
        "ab",
        "",
        Glob("[a]"),
        Glob("[!a]*"),
        Glob("*[a-b]?"),
    ]
    pool += [each for each in pools.TAG_PATTERNS if isinstance(each, str) and "${" not in each]
    for _ in range(60):
        tests = [frozenset(rng.sample(pool, rng.randint(1, 3))) for _ in range(rng.randint(1, 4))]
        found = text_regions([[shape(each) for each in some] for some in tests], [(ANYTHING,)])
        assert found.complete
        matchers = [patterns.matcher(some) for some in tests]
        for vector, text in found.texts.items():
            assert tuple(matches(text) for matches in matchers) == vector
        for _ in range(300):
            text = "".join(
                rng.choice(["a", "b", "c", "CHG-1", "INC-", "lake", "[", "1", "*", "x"])
                for _ in range(rng.randint(0, 5))
            )
            assert tuple(matches(text) for matches in matchers) in found.texts


def budgeted(**limits: Any) -> dict[str, Any]:
    """A policy that requires a budget."""
    budgets = [{"name": "b", "per": "month", **limits}]
    return {**document(policy({"operation": "S3PutObjectTagging"}, require=[{"budget": "b"}])), "budgets": budgets}


@pytest.mark.parametrize(
    ("old", "new", "directions"),
    [
        ({"jobs": 300}, {"jobs": 250}, {(APPROVE, HOLD)}),
        ({"jobs": 300}, {"jobs": 301}, {(HOLD, APPROVE)}),
        ({"jobs": 5, "each": "account"}, {"jobs": 0, "each": "account"}, {(APPROVE, HOLD)}),
    ],
)
def test_another_limit_of_jobs_is_decided(
    old: dict[str, Any], new: dict[str, Any], directions: set[tuple[Verdict, Verdict]]
) -> None:
    """By an example with as many jobs as the two limits tell apart; no job is decided in any other way."""
    found = outcomes(compared(budgeted(**old), budgeted(**new)))
    assert {direction for direction, outcome in found.items() if outcome is Outcome.FOUND} == directions
    assert Outcome.UNDECIDED not in found.values()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"objects": 5_000_000}, {"objects": 4_999_999}),
        ({"jobs": 5, "each": {"tag": "team"}}, {"jobs": 4, "each": {"tag": "team"}}),
        ({"object_bytes": 10**12}, {"object_bytes": 10**11}),
        ({"jobs": 5}, {"jobs": 5, "objects": 10_000}),
    ],
)
def test_another_limit_has_an_example_and_no_proof(old: dict[str, Any], new: dict[str, Any]) -> None:
    """What is used is found; that nothing else changes depends on what jobs take, and is not claimed."""
    found = outcomes(compared(budgeted(**old), budgeted(**new)))
    assert found[APPROVE, HOLD] is Outcome.FOUND
    assert found[HOLD, APPROVE] is not Outcome.FOUND


def test_a_list_of_thousands_of_names_is_decided() -> None:
    """One name of a list stands for all that pass the same tests."""
    names = [f"lake-team-{number:04}-data" for number in range(3000)]
    old, new = (
        {**document(policy({"tags": {"team": {"list": "names"}}})), "lists": {"names": each}}
        for each in (names, [*names[1:], "lake-new"])
    )
    found = outcomes(compared(old, new))
    assert {direction for direction, outcome in found.items() if outcome is Outcome.FOUND} == {
        (HOLD, APPROVE),
        (APPROVE, HOLD),
    }
    assert Outcome.UNDECIDED not in found.values()


def test_patterns_that_take_too_long_are_not_called_complete() -> None:
    """Many stars make many states, and more combinations than are looked for."""
    orders = list(islice(permutations("abcd"), 14))
    some = [[shape("*" + "*".join(f"{letter}?{letter}" for letter in letters))] for letters in orders]
    assert not text_regions(some, [(ANYTHING,)]).complete


# --- documents ------------------------------------------------------------------------------------------


def test_budgets_are_named_with_what_changed() -> None:
    """Another limit, period, zone or account."""
    old = budgeted(jobs=300, each="role")
    assert changes_between(read(old), read(budgeted(jobs=300, each="role", timezone="UTC"))) == []
    change = only(old, budgeted(jobs=250, cost=12.5, each={"tag": "team"}))
    assert (change.kind, change.name, change.what) == ("budget", "b", "changed")
    assert {(each.part, as_text(each.old), as_text(each.new)) for each in change.details} == {
        ("each", "role", "tag: team"),
        ("jobs", "300", "250"),
        ("cost", "null", "12.5"),
    }


def only(old: dict[str, Any], new: dict[str, Any]) -> TextChange:
    """The one change of the documents."""
    [change] = changes_between(read(old), read(new))
    return change


def test_notation_is_no_change() -> None:
    """Order, lists of one, named lists, durations, defaults, and where `on_violation` is written."""
    old = document(
        policy(LIMIT, {"tags": {"team": {"list": "teams"}}}, on_violation="cancel", mode="enforce"),
        lists={"teams": ["b", "a"]},
        cancel_grace="300s",
        unmatched="hold",
    )
    new = document(
        policy(
            {"tags": {"team": ["a", "b"]}, "on_violation": "cancel"},
            {"all": [LIMIT], "on_violation": "cancel"},
        )
    )
    new["policies"][0]["match"] = [{"all": new["policies"][0]["match"]}]
    new["policies"][0]["require"][1] = {**LIMIT, "on_violation": "cancel"}
    assert changes_between(read(old), read(new)) == []


def test_a_changed_limit_is_one_change_from_old_to_new() -> None:
    """Not a removal and an addition."""
    [detail] = only(document(policy(LIMIT)), document(policy(HIGHER))).details
    assert detail.part == "require"
    assert (as_text(detail.old), as_text(detail.new)) == (
        "total_tasks: {at_most: 1000}",
        "total_tasks: {at_most: 2000}",
    )


def test_what_stands_beside_a_condition_is_named_alone() -> None:
    """A message, a grace, an `unless`, an `on_violation`."""
    old = policy({**LIMIT, "message": "ask the lake team"})
    new = policy({**LIMIT, "message": "ask us", "on_violation": "cancel", "grace": "60m"})
    details = only(document(old), document(new)).details
    named = "require total_tasks: {at_most: 1000}"
    assert [(each.part, each.old, each.new) for each in details] == [
        (f"{named}: on_violation", "hold", "cancel"),
        (f"{named}: grace", None, "1h"),
        (f"{named}: message", "ask the lake team", "ask us"),
    ]


def test_statements_exceptions_calendars_and_settings_are_named() -> None:
    """Added, removed and changed."""
    night = {"timezone": "UTC", "open": [{"days": ["mon"]}]}
    exception = {
        "name": "once", "lifts": ["tagging"], "match": [{"priority": {"at_least": 1}}], "expires": "2027-01-01",
        "because": "CHG-1",
    }  # fmt: skip
    old = document(policy({"window": "night"}), calendars={"night": night}, exceptions=[exception])
    new = document(
        {**policy(), "name": "other"},
        policy({"window": "night"}),
        calendars={"night": {**night, "open": [{"days": ["mon", "tue"]}], "closed": ["2026-12-24"]}},
        exceptions=[{**exception, "expires": "2027-02-01"}],
        guardrails=[{"name": "small", "require": [LIMIT]}],
        unmatched="cancel",
    )
    found = [(each.kind, each.name, each.what) for each in changes_between(read(old), read(new))]
    assert found == [
        ("setting", "unmatched", "changed"),
        ("policy", "other", "added"),
        ("guardrail", "small", "added"),
        ("exception", "once", "changed"),
        ("calendar", "night", "changed"),
    ]
    back = {(each.kind, each.what) for each in changes_between(read(new), read(old))}
    assert ("guardrail", "removed") in back
