"""What a comparison of two policy sets says of jobs is true of random jobs.

COMPARED_PAIRS=5000 compares as many pairs, from COMPARED_FROM on; each with JOBS_EACH random jobs.
"""

import json
import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from batchgate.errors import PolicyError
from batchgate.jobs.model import job_from_printed
from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import PolicySet, Verdict
from batchgate.policy.evaluate import Decision
from batchgate_cli.authoring.comparison.compare import DIRECTIONS, Comparison, compare
from batchgate_cli.authoring.comparison.draft import Example
from batchgate_cli.authoring.comparison.search import Outcome
from tests.verification.oracle.plain import Plain
from tests.verification.oracle.random_cases import Case, random_case
from tests.verification.oracle.random_documents import Written, random_document

PAIRS = int(os.environ.get("COMPARED_PAIRS", "40"))
FIRST = int(os.environ.get("COMPARED_FROM", "0"))
JOBS_EACH = 70

pytestmark = [pytest.mark.slow, *([pytest.mark.timeout(0)] if "COMPARED_PAIRS" in os.environ else [])]


def test_examples_are_decided_as_said_and_where_none_is_said_to_exist_none_is_found(
    record_property: Callable[[str, object], None],
) -> None:
    """By the evaluation itself, on pairs that have nothing in common and on pairs that differ a little."""
    outcomes: Counter[Outcome] = Counter()
    hunted = 0
    for seed in range(FIRST, FIRST + PAIRS):
        rng = Random(seed)
        old, new = pair(rng)
        sets = compile_policies(old), compile_policies(new)
        cases = [case for case in (random_case(rng, rng.choice([old, new])) for _ in range(JOBS_EACH)) if fits(case)]
        start = min((case.now for case in cases), default=datetime(2026, 3, 27, tzinfo=UTC)).replace(microsecond=0)
        comparison = compare(*sets, start)
        assert comparison.mistaken == 0, seed
        assert [(change.before, change.after) for change in comparison.changes] == list(DIRECTIONS)
        assert_examples(comparison, *sets)
        outcomes.update(change.outcome for change in comparison.changes)
        impossible = {(change.before, change.after) for change in comparison.changes if change.outcome is Outcome.NONE}
        for case in cases:
            if comparison.last is None or start <= case.now < comparison.last:
                hunted += 1
                verdicts = both_verdicts(as_example(case), comparison, *sets)
                assert verdicts not in impossible, (seed, case)
    record_property("outcomes", f"{PAIRS} pairs: {dict(outcomes)}; {hunted} jobs")
    assert {Outcome.FOUND, Outcome.NONE} <= set(outcomes)
    assert outcomes[Outcome.UNDECIDED] < outcomes[Outcome.NONE] / 2
    assert hunted > 10 * PAIRS


def pair(rng: Random) -> tuple[Written, Written]:
    """Two documents: every second time the new one is the old one with a few statements changed."""
    old = random_document(rng)
    if rng.random() < 0.5:
        return old, random_document(rng)
    new: Any = json.loads(json.dumps(old))
    other: Any = random_document(rng)
    change_statements(rng, new, other)
    for key in ("unmatched", "cancel_grace", "mode"):
        if rng.random() < 0.2 and key in other:
            new[key] = other[key]
    budgets = {each["name"]: each for each in [*other.get("budgets", []), *new.get("budgets", [])]}
    if budgets:
        new["budgets"] = list(budgets.values())
    for key in ("lists", "calendars"):
        if named := {**other.get(key, {}), **new.get(key, {})}:
            new[key] = named
    try:
        compile_policies(new)
    except PolicyError:
        return old, other
    return old, new


def change_statements(rng: Random, new: Any, other: Any) -> None:
    """Give statements a match or requirements of another document, or take some away."""
    for key in ("policies", "guardrails"):
        for one, another in zip(new.get(key, []), other.get(key, []), strict=False):
            if rng.random() < 0.5:
                one["require"] = one["require"] + another["require"]
            elif rng.random() < 0.5:
                one["match"] = another.get("match", one.get("match")) or [{"operation": "*"}]
            else:
                one["require"] = one["require"][1:] or another["require"]


def fits(case: Case) -> bool:
    """Whether a comparison is about such jobs: Suspended, described as S3 does, nothing in it unknown."""
    job = case.job
    operations = job["Operation"]
    return (
        job["Status"] == "Suspended"
        and isinstance(operations, dict)
        and len(operations) == 1
        and ("Manifest" in job) is not ("ManifestGenerator" in job)
        and not job_from_printed(job).unknown_members  # type: ignore[arg-type]
    )


def as_example(case: Case) -> Example:
    """The same job, that nobody has approved."""
    read: dict[str, Plain] = {
        "manifest_bytes": case.facts["manifest_bytes"],
        "source_buckets": case.facts["source_buckets"],
        "object_bytes": case.facts["object_bytes"],
        "manifest_rows": case.facts["manifest_rows"],
        "rows_without_version": case.facts["rows_without_version"],
        "budgets": case.facts["budgets_used"],
    }
    facts: Any = {name: value for name, value in read.items() if not isinstance(value, str)}
    job: Any = case.job
    return Example({"Job": job}, None if isinstance(case.tags, str) else dict(case.tags), case.now, facts)


def both_verdicts(example: Example, comparison: Comparison, old: PolicySet, new: PolicySet) -> tuple[Verdict, Verdict]:
    """How both sets decide a job."""
    return (
        verdict(example.decided_by(old), comparison),
        verdict(example.decided_by(new), comparison),
    )


def verdict(decision: Decision, comparison: Comparison) -> Verdict:
    """The verdict that is compared."""
    enforced = decision.if_enforced if comparison.as_if_enforced else None
    return decision.verdict if enforced is None else enforced


def assert_examples(comparison: Comparison, old: PolicySet, new: PolicySet) -> None:
    """Every example is of a job that S3 could describe, and decided as it says."""
    for change in (*comparison.changes, *comparison.with_approvals):
        assert (change.example is not None) is (change.outcome is Outcome.FOUND)
        if change.example is not None:
            assert json.loads(json.dumps(change.example.job)) == change.example.job
            assert not change.example.gathered.unknown_members
            assert both_verdicts(change.example, comparison, old, new) == (change.before, change.after)


def test_a_set_changes_nothing_for_itself() -> None:
    """Whatever the set is, no search is needed."""
    rng = Random(3)
    for _ in range(30):
        policies = compile_policies(random_document(rng))
        comparison = compare(policies, policies, datetime(2026, 3, 27, tzinfo=UTC))
        assert {change.outcome for change in comparison.changes} == {Outcome.NONE}
        assert comparison.with_approvals == ()
