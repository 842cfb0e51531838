"""The random documents and cases reach what they are there to reach, and repeat from their seed.

A new check of the language changes what every seed gives. So what is rare is looked for in as many cases as it takes,
up to several times as many as it needs on average.
"""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings

from tests.verification.oracle.checks import Situation, condition_holds
from tests.verification.oracle.language_oracle import evaluate
from tests.verification.oracle.plain import Document, Plain, Result, listed, mapping
from tests.verification.oracle.random_cases import Case, Facts, random_case
from tests.verification.oracle.random_documents import CHECKS, DEEPEST, Dialect, Written, random_document
from tests.verification.oracle.strategies import documents_with_cases

EVERYTHING = Dialect(not_around_structures=True, present_anywhere=True)
CASES = 2_000
CASES_AT_MOST = 12 * CASES
RARELY = 3
"""How often what is rare is reached at least."""


def random_questions(seed: int, count: int, dialect: Dialect | None = None) -> list[tuple[Written, Case]]:
    """Make documents, each with one case."""
    rng = Random(seed)
    documents = (random_document(rng, dialect or Dialect()) for _ in range(count))
    return [(document, random_case(rng, document)) for document in documents]


@pytest.mark.slow
def test_every_verdict_and_every_result_of_matches_and_requirements_is_common() -> None:
    """No verdict is rarer than one case in twenty-five, no result rarer than one in a hundred cases."""
    verdicts: Counter[str] = Counter()
    results: Counter[Result] = Counter()
    for document, case in random_questions(20260327, CASES):
        evaluated = evaluate(document, case.job, case.tags, case.now, **case.facts, with_until=False)
        verdicts[evaluated.verdict] += 1
        for statement in evaluated.statements:
            results.update([statement.match, *statement.requirements])
    assert min(verdicts[verdict] for verdict in ("approve", "hold", "cancel", "wait")) > CASES // 25
    assert min(results[result] for result in Result) > CASES // 100


@pytest.mark.slow
def test_a_verdict_that_changes_with_time_alone_is_reached() -> None:
    """Three times at least."""
    untils = 0
    for document, case in random_questions(20260327, CASES):
        untils += evaluate(document, case.job, case.tags, case.now, **case.facts).until is not None
        if untils == RARELY:
            return  # it takes long to compute
    pytest.fail(f"in {untils} of {CASES} cases")


def many_questions() -> Iterator[tuple[Written, Case]]:
    """As many as are looked through for what is rare."""
    for seed in range(0, CASES_AT_MOST, 1_000):
        yield from random_questions(7007 + seed, 1_000)


def verdict(document: Document, case: Case, **changed: Any) -> str:
    """Decide a case with other facts."""
    facts: Any = {**case.facts, **changed}
    return evaluate(document, case.job, case.tags, case.now, **facts, with_until=False).verdict


@pytest.mark.slow
def test_approvals_decide_in_every_way_that_they_can() -> None:
    """What the verdict depends on: each of these in one case of five hundred at least, or else three times."""
    reached: Counter[str] = Counter()
    rare = ("lifts shadow", "session_names", "a requirement")
    for number, (document, case) in enumerate(many_questions()):
        if number >= CASES and all(reached[way] >= RARELY for way in rare):
            break
        asked = mapping(document.get("approvals"))
        before, after = verdict(document, case, approvals=[]), verdict(document, case)
        reached["given"] += bool(case.facts["approvals"])
        reached["lifts or meets"] += before != after
        reached["lifts shadow"] += before != after and document.get("mode") == "shadow"
        reached["is not enough"] += after == "hold" and bool(case.facts["approvals"])
        for word in ("by", "at_least", "not_requester", "session_names"):
            without = {key: value for key, value in asked.items() if key != word}
            changed = {**document, "approvals": without} if without else {**document, "approvals": {"at_least": 1}}
            reached[word] += word in asked and verdict(changed, case) != after
        reached["the requester"] += verdict(document, case, requester="unmeasurable") != after
        reached["a requirement"] += (
            before != "approve" and verdict({**document, "approvals": {"at_least": 99}}, case) == "approve"
        )
    assert all(count >= (RARELY if way in rare else CASES // 500) for way, count in reached.items()), reached


@pytest.mark.slow
def test_approvals_change_until_when_a_job_is_held() -> None:
    """Three times at least: something else holds the job, and how long depends on the clock."""
    changed = 0
    for document, case in many_questions():
        by_clock = any(word in repr(document) for word in ("window", "expires", "cancel_held_after"))
        if not by_clock or not case.facts["approvals"] or verdict(document, case) != "hold":
            continue
        unapproved: Facts = {**case.facts, "approvals": []}
        evaluated = [
            evaluate(document, case.job, case.tags, case.now, **facts, with_until=False)
            for facts in (case.facts, unapproved)
        ]
        if evaluated[0] == evaluated[1]:
            continue  # and so is until, which takes much longer to compute
        with_approvals, without = (
            evaluate(document, case.job, case.tags, case.now, **facts) for facts in (case.facts, unapproved)
        )
        changed += (with_approvals.until, with_approvals.cancels_at) != (without.until, without.cancels_at)
        if changed == RARELY:
            return
    pytest.fail(f"in {changed} of {CASES_AT_MOST} cases")


@pytest.mark.parametrize("check", [*CHECKS, "window", "manual_approval", "budget"])
def test_every_check_comes_to_every_result_that_it_can(check: str) -> None:
    """Each check is met and violated somewhere, and unmeasurable or unknown where it can be."""
    results = {result for name, result in results_of_checks() if name == check}
    can_be = {
        "operation": {Result.MET, Result.VIOLATED, Result.UNMEASURABLE},
        "total_tasks": set(Result),
        "manifest": set(Result),
        "object_bytes": set(Result),
        "cost": set(Result),
        "source_buckets": set(Result),
        "destination_buckets": {Result.MET, Result.VIOLATED, Result.UNMEASURABLE},
        "report": {Result.MET, Result.VIOLATED, Result.UNMEASURABLE},
        "operation_parameters": {Result.MET, Result.VIOLATED, Result.UNMEASURABLE},
        "manifest_generator": {Result.MET, Result.VIOLATED, Result.UNMEASURABLE},
        "tags": {Result.MET, Result.VIOLATED, Result.UNMEASURABLE},
        "manual_approval": {Result.MET, Result.UNMEASURABLE},
        "budget": set(Result),
    }
    assert results == can_be.get(check, {Result.MET, Result.VIOLATED})


def checks_within(written: Plain, depth: int = 0) -> list[tuple[str, Plain]]:
    """Give every check within conditions, and see that they are not nested too deep."""
    assert depth <= DEEPEST
    found: list[tuple[str, Plain]] = []
    for condition in map(mapping, listed(written)):
        for word, operand in condition.items():
            if word in {"any", "all"}:
                found += checks_within(operand, depth + 1)
            elif word == "unless":
                found += checks_within(operand)
            elif word not in {"on_violation", "grace", "message"}:
                found.append((word, operand))
    return found


def conditions_of(document: Document) -> list[Plain]:
    """Give every list of conditions and requirements of a document."""
    kinds = ("policies", "guardrails", "exceptions")
    statements = [mapping(statement) for kind in kinds for statement in listed(document.get(kind))]
    return [statement.get(part) for statement in statements for part in ("match", "require")]


@cache
def results_of_checks() -> list[tuple[str, Result]]:
    """Evaluate every check of many random documents by itself."""
    found = []
    for document, case in random_questions(4411, 2 * CASES, EVERYTHING):
        situation = Situation(
            job=case.job,
            tags=case.tags,
            manifest_bytes=case.facts["manifest_bytes"],
            manifest_rows=case.facts["manifest_rows"],
            rows_without_version=case.facts["rows_without_version"],
            row_buckets=case.facts["source_buckets"],
            object_bytes=case.facts["object_bytes"],
            approvals=case.facts["approvals"],
            requester=case.facts["requester"],
            approvals_asked=mapping(document.get("approvals")),
            prices=mapping(document.get("prices")),
            lists=mapping(document.get("lists")),
            calendars=mapping(document.get("calendars")),
            now=case.now,
            budgets=document.get("budgets"),
            used=case.facts["budgets_used"],
            read_at=case.now,
        )
        for conditions in conditions_of(document):
            for check, operand in checks_within(conditions):
                found.append((check, condition_holds({check: operand}, situation)))
    return found


def test_the_same_seed_gives_the_same_questions() -> None:
    """A failing seed can be run again."""
    assert random_questions(7, 50) == random_questions(7, 50)
    assert random_questions(7, 50) != random_questions(8, 50)


def test_statements_keep_to_the_rules_that_make_them_valid() -> None:
    """Names are unique, exceptions lift what exists, only a policy's `require` may be empty."""
    for document, _ in random_questions(31, CASES, EVERYTHING):
        kinds = ("policies", "guardrails", "exceptions")
        statements = [mapping(statement) for kind in kinds for statement in listed(document.get(kind))]
        names = [statement["name"] for statement in statements]
        assert len(names) == len(set(names))
        for exception in map(mapping, listed(document.get("exceptions"))):
            assert set(listed(exception["lifts"])) <= set(names)
        assert all("require" in mapping(statement) for statement in listed(document.get("policies")))
        assert all(mapping(statement)["require"] for statement in listed(document.get("guardrails")))


def test_calendars_keep_to_the_rules_that_make_them_valid() -> None:
    """A row has days or dates, both times or none, and they differ."""
    for document, _ in random_questions(32, CASES, EVERYTHING):
        for calendar in mapping(document.get("calendars")).values():
            for row in map(mapping, listed(mapping(calendar)["open"])):
                assert ("days" in row) != ("dates" in row)
                assert ("from" in row) == ("to" in row)
                assert "from" not in row or row["from"] != row["to"]


def test_checks_name_only_calendars_and_lists_that_exist() -> None:
    """Whatever a check refers to stands in its document."""
    for document, _ in random_questions(33, CASES, EVERYTHING):
        for conditions in conditions_of(document):
            for check, operand in checks_within(conditions):
                assert set(named_lists(operand)) <= set(mapping(document.get("lists")))
                if check == "window":
                    windows = operand["not"] if isinstance(operand, dict) else operand
                    assert set(listed(windows)) <= set(mapping(document["calendars"]))


def named_lists(operand: Plain) -> list[str]:
    """Give the names of the lists that an operand refers to."""
    if isinstance(operand, dict):
        here = [str(operand["list"])] if set(operand) == {"list"} else []
        return here + [name for inner in operand.values() for name in named_lists(inner)]
    return [name for inner in operand for name in named_lists(inner)] if isinstance(operand, list) else []


@settings(max_examples=50, deadline=None)
@given(documents_with_cases(EVERYTHING))
def test_hypothesis_draws_from_the_same_grammar(question: tuple[Written, Case]) -> None:
    """Whatever Hypothesis draws can be evaluated, and the order of statements does not matter to the verdict."""
    document, case = question
    kinds = ("policies", "guardrails", "exceptions")
    turned = {key: listed(value)[::-1] if key in kinds else value for key, value in document.items()}
    verdicts = {evaluate(one, case.job, case.tags, case.now, **case.facts).verdict for one in (document, turned)}
    assert len(verdicts) == 1
