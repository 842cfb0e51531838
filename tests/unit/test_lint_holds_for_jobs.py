"""What lint says of all jobs is true of random jobs, and what it says of patterns of all texts."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgate.policy import patterns
from batchgate.policy.checks import InWindow
from batchgate.policy.evaluate import evaluate_job
from batchgate.policy.facts import Gap, JobFacts, Result
from batchgate.policy.policy_set import Kind, PolicySet
from batchgate.policy.trace import StatementTrace
from batchgate_cli.authoring.lint import Finding, lint
from batchgate_cli.authoring.lint.finding import Path
from batchgate_cli.authoring.lint.pattern_sets import all_within, any_meet
from tests.unit.examples import Written
from tests.unit.strategies import RICH_DIALECT, random_facts, randoms
from tests.verification.oracle.random_documents import random_document

TODAY = date(2026, 3, 27)


def test_what_lint_says_of_every_job_holds_for_random_jobs() -> None:
    """No random job ever meets what none can meet, or fails what all meet."""
    held: Counter[str] = Counter()
    rng = Random(7)
    for _ in range(600):
        document = random_document(rng, RICH_DIALECT)
        policies = PolicySet.from_data(document)
        found = [finding for finding in lint(policies, TODAY) if finding.lint in SAYINGS]
        for job in (random_facts(rng, document) for _ in range(6 if found else 0)):
            # Lint counts on what every real job has.
            if job.role is None or job.source_buckets == frozenset() or isinstance(job.operation, Gap):
                continue
            traces = {(trace.kind, trace.name): trace for trace in evaluate_job(policies, job).trace}
            for finding in found:
                trace = trace_at(finding.path, document, traces)
                if trace is not None:
                    SAYINGS[finding.lint](finding, trace, job, held)
    assert set(held) == set(SAYINGS), held
    assert min(held.values()) > 10, held


def trace_at(path: Path, document: Written, traces: dict[tuple[Kind, str], StatementTrace]) -> StatementTrace | None:
    """The trace of the statement that a path leads into."""
    kind = {"policies": Kind.POLICY, "guardrails": Kind.GUARDRAIL}.get(str(path[0]))
    return traces[kind, document[str(path[0])][path[1]]["name"]] if kind else None


def says_nothing_meets(finding: Finding, trace: StatementTrace, job: JobFacts, held: Counter[str]) -> None:
    """What stands in match never governs; what is required is never met."""
    if finding.path[2] == "match":
        assert trace.governs is not True, (finding, job)
    elif trace.governs and "alternative" not in finding.why:
        requirement = trace.requirements[int(finding.path[3])]
        condition = requirement.lifts[0].condition if "unless" in finding.path else requirement.own
        assert condition.result is not Result.MET, (finding, job)
    held[finding.lint] += bool(trace.governs) or finding.path[2] == "match"


def says_all_meet(finding: Finding, trace: StatementTrace, job: JobFacts, held: Counter[str]) -> None:
    """What is required is met by every job that is governed."""
    if trace.governs:
        requirement = trace.requirements[int(finding.path[3])]
        condition = requirement.lifts[0].condition if "unless" in finding.path else requirement.own
        assert condition.result is Result.MET, (finding, job)
        held[finding.lint] += 1


def says_not_all_are_met(finding: Finding, trace: StatementTrace, job: JobFacts, held: Counter[str]) -> None:
    """Some requirement of the statement is never met."""
    assert any(requirement.own.result is not Result.MET for requirement in trace.requirements), (finding, job)
    held[finding.lint] += 1


def says_nothing_objects(finding: Finding, trace: StatementTrace, job: JobFacts, held: Counter[str]) -> None:
    """The policy governs whatever could be read, and nothing in it is violated."""
    assert trace.governs is not False, (finding, job)
    assert all(requirement.result is not Result.VIOLATED for requirement in trace.requirements), (finding, job)
    held[finding.lint] += 1


SAYINGS = {
    "matches-nothing": says_nothing_meets,
    "contradicts-match": says_nothing_meets,
    "repeats-match": says_all_meet,
    "contradicts-requirement": says_not_all_are_met,
    "approves-everything": says_nothing_objects,
}
"""What each lint about all jobs claims of one."""


@given(randoms(), st.integers(0, 9 * 365 * 24 * 60))
def test_a_calendar_that_never_opens_is_shut_at_any_instant(rng: Random, minutes: int) -> None:
    """The lint on calendars agrees with the calendars."""
    policies = PolicySet.from_data(random_document(rng))
    shut = {finding.path[1] for finding in lint(policies, TODAY) if finding.lint == "window-never-opens"}
    instant = datetime(2026, 3, 27, tzinfo=UTC) + timedelta(minutes=minutes)
    for check in policies.checks:
        if isinstance(check.test, InWindow):
            for name, calendar in zip(sorted(check.test.names), check.test.calendars, strict=True):
                assert name not in shut or not calendar.is_open(instant)
                assert name in shut or calendar.next_opening(datetime(2026, 3, 27, tzinfo=UTC), 9)


# --- patterns ---------------------------------------------------------------------------------------------

ALPHABET = "abc~"  # the last is in no range of the globs below
TEXTS = [""]
for _ in range(5):
    TEXTS += [text + letter for text in TEXTS if len(text) == len(TEXTS[-1]) for letter in ALPHABET]
small_globs = st.lists(st.sampled_from([*"ab*?", "[a]", "[!a]", "[ab]", "[!ab]", "[a-b]", "[!b-z]"]), max_size=3).map(
    lambda parts: patterns.Glob("".join(parts))
)
small_patterns = st.lists(st.text("ab*?", max_size=3) | small_globs, min_size=1, max_size=3).map(frozenset)


@given(small_patterns, small_patterns)
def test_patterns_meet_exactly_where_a_text_matches_both(
    one: frozenset[patterns.Pattern], other: frozenset[patterns.Pattern]
) -> None:
    """Patterns of three characters each that meet at all meet in a text of five letters at most."""
    in_one, in_other = patterns.matcher(one), patterns.matcher(other)
    assert any_meet(one, other) is any(in_one(text) and in_other(text) for text in TEXTS)


@given(small_patterns, small_patterns)
def test_patterns_within_others_match_nothing_else(
    narrow: frozenset[patterns.Pattern], wide: frozenset[patterns.Pattern]
) -> None:
    """What matches the narrow ones matches a wide one too."""
    in_narrow, in_wide = patterns.matcher(narrow), patterns.matcher(wide)
    if all_within(narrow, wide):
        assert all(in_wide(text) for text in TEXTS if in_narrow(text))


@pytest.mark.parametrize(
    ("narrow", "wide", "expected"),
    [
        ("lake-prod-*", "lake-*", True),
        ("lake-*", "lake-prod-*", False),
        ("a*b*c", "a*c", True),
        ("audit-${account}-*", "audit-*", True),
        ("audit-${account}", "audit-${account}", True),
        ("x-audit-${account}", "*-audit-${account}", True),
        ("audit-111111111111", "audit-${account}", False),
        ("audit-${account}", "audit-${region}", False),
        ("audit-${account}", "audit-????????????", False),
        ("?", "*", True),
        ("*", "?*", False),
        ("[a]", "[a]*", True),
    ],
)
def test_a_pattern_within_another_is_recognised(narrow: str, wide: str, expected: bool) -> None:
    """The usual shapes, placeholders among them, are recognised; in doubt the answer is no."""
    assert all_within(frozenset({narrow}), frozenset({wide})) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("audit-${account}", "audit-1*", True),
        ("audit-${account}", "audit-x", False),
        ("${region}", "eu-central-1", True),
        ("${region}", "EU", False),
        ("${partition}:a", "${account}:b", False),
    ],
)
def test_a_placeholder_meets_what_it_may_stand_for(one: str, other: str, expected: bool) -> None:
    """An account is digits, a Region lower-case words."""
    assert any_meet(frozenset({one}), frozenset({other})) is expected
    assert any_meet(frozenset({other}), frozenset({one})) is expected


def test_patterns_too_long_to_compare_are_taken_to_be_fine() -> None:
    """Thousands of wildcards neither hang nor are found wrong."""
    one, other = frozenset({"a*" * 3000}), frozenset({"b*" * 3000})
    assert any_meet(one, other)
    assert not all_within(one, other)
