"""What `policy explain` prints of each kind of check, for people: a line that reads as a sentence."""

from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import pytest

from batchgate.policy.facts import Gap, JobFacts, Result
from batchgate_cli.authoring.explain_view import decision_as_tree
from batchgate_cli.output import print_tree
from tests.unit.examples import APPROVAL, Written, document, facts, outcome, used

CALENDARS: Written = {
    "fridays": {"timezone": "UTC", "open": [{"days": ["fri"]}]},
    "weekend": {"timezone": "UTC", "open": [{"days": ["sat", "sun"]}]},
}
BUDGETS = [{"name": "b", "per": "month", "each": {"tag": "team"}, "jobs": 5, "cost": 12.5}]
DENIED = Gap(Result.UNMEASURABLE, "access denied")


def lines(written: Written, about: JobFacts, *, everything: bool = True) -> list[str]:
    """The tree without its guides."""
    with redirect_stdout(StringIO()) as printed:
        print_tree(decision_as_tree(outcome(written, about), everything=everything))
    return [line.lstrip("│├└─ ").rstrip() for line in printed.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("requirement", "about", "expected"),
    [
        ({"manual_approval": "required"}, {}, "! manual approval required, not given yet  -> hold"),
        ({"manual_approval": "required"}, {"approvals": [APPROVAL]}, "✓ manual approval given"),
        ({"window": "fridays"}, {}, "✓ window is open, want fridays open"),
        ({"window": "weekend"}, {}, "✗ window is closed, want weekend open  -> hold"),
        ({"window": {"not": "fridays"}}, {}, "✗ fridays is open, want closed  -> hold"),
        (
            {"window": {"not": ["fridays", "weekend"]}},
            {},
            "✗ window is open, want fridays and weekend closed  -> hold",
        ),
        ({"report": {"present": False}}, {}, "✗ report is present, want absent  -> hold"),
        (
            {"tags": {"stage": {"not": ["prod", "live"]}}},
            {"tags": {"stage": "prod"}},
            '✗ tag stage is "prod", want neither live nor prod  -> hold',
        ),
        (
            {"budget": "b"},
            {"tags": {"team": "ads"}, "budgets": used("b", "ads", jobs=5)},
            (
                '✗ budget b is at 5 of 5 jobs, with this job 6, for tag team="ads",'
                " want at most 5 jobs until 2026-04-01T00:00:00Z  -> hold"
            ),
        ),
        (
            {"budget": "b"},
            {"tags": {"team": "ads"}, "budgets": used("b", "ads", jobs=3)},
            (
                "✓ budget b is at 3 of 5 jobs, with this job 4; at $0.00 of $12.50, with this job $0.25,"
                ' for tag team="ads", want at most 5 jobs and $12.50 until 2026-04-01T00:00:00Z'
            ),
        ),
        ({"source_buckets": {"none": "lake"}}, {}, '✗ source_buckets is "lake", want none of lake  -> hold'),
        (
            {"tags": {"team": {"present": True}}},
            {"tags": DENIED},
            "! tag team is unmeasurable (access denied), want present  -> hold",
        ),
    ],
)
def test_a_check_reads_as_what_is_so_and_what_is_wanted(requirement: Written, about: Any, expected: str) -> None:
    """No check shows the name of a test or of a result where the state has words of its own."""
    prices = {"job": 0.25, "million_objects": 0, "million_requests": {"S3ComputeObjectChecksum": 0}}
    written = document(requirement, calendars=CALENDARS, budgets=BUDGETS, prices=prices)
    assert expected in lines(written, facts(**about))


@pytest.mark.parametrize(("tasks", "why"), [(5, "not needed"), (1000, "does not apply")])
def test_an_exemption_that_is_not_met_is_no_failure(tasks: int, why: str) -> None:
    """No red mark stands on an `unless` or an exception, met or not is the requirement."""
    exception = {"name": "e", "lifts": ["p"], "match": [{"operation": "S3PutObjectCopy"}], "because": "T-1"}
    written = document(
        {"total_tasks": {"at_most": tasks - 1 if tasks > 5 else 500}, "unless": [{"tags": {"incident": "INC-*"}}]},
        exceptions=[{**exception, "expires": "2026-03-27"}],
    )
    shown = lines(written, facts(ProgressSummary={"TotalNumberOfTasks": tasks}))
    assert f"· unless: {why}" in shown
    assert "· tag incident is absent, want INC-*" in shown
    assert f"· exception e: {why} (T-1)" in shown
    assert "✓ valid through 2026-03-27" in shown
    assert [line for line in shown if "✗" in line] == [line for line in shown if "-> hold" in line]


def test_an_exception_that_is_over_says_until_when_it_was_valid() -> None:
    """And neither that something is running nor what it wants."""
    written = document(
        {"total_tasks": {"at_most": 5}},
        exceptions=[
            {"name": "e", "lifts": ["p"], "match": [{"operation": "*"}], "expires": "2026-03-26", "because": "T-1"}
        ],
    )
    assert "· expired, was valid through 2026-03-26" in lines(written, facts())


@pytest.mark.parametrize("tags", [{}, DENIED])
def test_a_statement_that_may_not_govern_asks_for_nothing(tags: Any) -> None:
    """Its requirements show no vote and no failure, since what counts is that it does not or may govern."""
    guardrail = {
        "name": "g",
        "match": [{"tags": {"stage": "prod"}}],
        "require": [{"total_tasks": {"at_most": 5}, "on_violation": "cancel", "message": "split it"}],
    }
    shown = lines(document({"total_tasks": {"at_most": 500}}, guardrails=[guardrail]), facts(tags=tags))
    assert "· total_tasks is 100, want at most 5" in shown
    assert not any("✗" in line or "->" in line or "split it" in line for line in shown)


def test_what_is_violated_and_lifted_has_no_tick() -> None:
    """A comparison that fails is not shown as if it held: its sign says that something lifts it."""
    lifted: Written = {"total_tasks": {"at_most": 5}, "unless": [{"total_tasks": {"at_least": 1}}]}
    shown = lines(document(lifted), facts(ProgressSummary={"TotalNumberOfTasks": 9}))
    assert "~ total_tasks is 9, want at most 5" in shown
    assert "\u2713 unless lifts it" in shown
