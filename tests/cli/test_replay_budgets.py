"""A replay sums up what is approved, as the gate reserves it: in the order of time, over all jobs."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgate.jobs.model import Job
from batchgate.policy.amounts import Amounts
from batchgate.policy.approvals import Approval
from batchgate.policy.compile import compile_document
from batchgate.policy.evaluate import evaluate_job
from batchgate.policy.evidence import evidence_of
from batchgate.policy.facts import JobFacts, gather_facts
from batchgate.policy.validation import read_document
from batchgate_cli.authoring.policy_file import LoadedPolicy
from batchgate_cli.replay.comparison import Replay
from batchgate_cli.replay.course import End
from batchgate_cli.replay.happened import Happened
from batchgate_cli.replay.ledger_jobs import facts_of
from batchgate_cli.replay.reasons import DecidedBy
from batchgate_cli.replay.replaying import PastJob, replay
from tests.unit.examples import Written, description, document, used

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
HELD = Happened(End.HELD)


def loaded(written: Written) -> LoadedPolicy:
    """A policy set, as if from a file."""
    form = read_document(written)
    return LoadedPolicy(form, compile_document(form), {}, ())


def limited(*, jobs: int, require: tuple[Written, ...] = (), **parts: Any) -> LoadedPolicy:
    """A policy that requires a budget of so many jobs a month."""
    budget = {"name": "b", "per": "month", "jobs": jobs, **parts}
    return loaded(document({"budget": "b"}, *require, budgets=[budget]))


def past(
    number: int, at: datetime, *, happened: Happened = HELD, known: Mapping[str, Any] | None = None, tasks: int = 100
) -> PastJob:
    """A job that was suspended at an instant."""
    job_id = f"{number:08}-0000-4000-8000-000000000000"
    job = Job.from_description(
        description(
            JobId=job_id,
            JobArn=f"arn:aws:s3:eu-central-1:111111111111:job/{job_id}",
            SuspendedDate=at,
            CreationTime=at,
            ProgressSummary={"TotalNumberOfTasks": tasks},
        )
    )
    facts: JobFacts = gather_facts(job, at, tags={}, **(known or {}))
    return PastJob(job, (facts,), at + timedelta(days=30), happened)


def ends(found: Replay) -> dict[str, tuple[End, datetime | None]]:
    """How each job ended, by the last digit of its number."""
    return {row.job_id[7]: (row.after.end, row.after.at) for row in found.rows}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_first_in_time_are_approved(order: tuple[int, ...]) -> None:
    """Whatever the order of the recording; what does not fit waits for the next month."""
    jobs = [past(number, START + timedelta(hours=number)) for number in order]
    assert ends(replay(jobs, limited(jobs=2), None, "x")) == {
        "0": (End.APPROVED, START),
        "1": (End.APPROVED, START + timedelta(hours=1)),
        "2": (End.APPROVED, APRIL),
    }


def test_at_the_beginning_of_a_month_only_as_many_are_approved_as_fit() -> None:
    """Three wait for it; the third waits on, until S3 fails it."""
    jobs = [past(number, START + timedelta(hours=number)) for number in range(4)]
    found = ends(replay(jobs, limited(jobs=1), None, "x"))
    assert [found[number][0] for number in "0123"] == [End.APPROVED, End.APPROVED, End.HELD, End.HELD]
    assert [found[number][1] for number in "01"] == [START, APRIL]


def test_two_sets_sum_up_each_for_itself() -> None:
    """A smaller budget is compared with the larger one."""
    jobs = [past(number, START + timedelta(hours=number)) for number in range(3)]
    found = replay(jobs, limited(jobs=1), limited(jobs=3), "x")
    assert [row.before.at for row in found.rows] == [START + timedelta(hours=number) for number in range(3)]
    assert [row.after.at for row in found.rows][1] == APRIL


def test_what_people_approved_counts_and_is_not_limited() -> None:
    """From the instant of their approval on."""
    approved = Happened(End.APPROVED, DecidedBy.PEOPLE, at=START + timedelta(hours=1))
    large = past(0, START, happened=approved, tasks=1_000_000)
    written = document(
        {"budget": "b"},
        {"total_tasks": {"at_most": 1_000}},
        budgets=[{"name": "b", "per": "month", "objects": 1_000_000, "jobs": 10}],
    )
    early, late = past(1, START + timedelta(minutes=59)), past(2, START + timedelta(minutes=61))
    found = ends(replay([large, early, late], loaded(written), None, "x"))
    assert found["1"] == (End.APPROVED, START + timedelta(minutes=59))
    assert found["2"] == (End.APPROVED, APRIL)


def test_approvals_that_the_ledger_has_count_once() -> None:
    """A job that its approvals approve in the replay is not added a second time for what happened."""
    approval = Approval("arn:aws:sts::111111111111:assumed-role/lake-oncall/ana", START, "x", "")
    approved = Happened(End.APPROVED, DecidedBy.PEOPLE, at=START)
    first = past(0, START, happened=approved, known={"approvals": [approval]}, tasks=5_000)
    policies = limited(jobs=2, require=({"total_tasks": {"at_most": 1_000}},))
    found = ends(replay([first, past(1, START + timedelta(hours=1))], policies, None, "x"))
    assert found == {"0": (End.APPROVED, START), "1": (End.APPROVED, START + timedelta(hours=1))}


def test_what_others_had_used_is_taken_from_the_first_review_that_has_it() -> None:
    """Jobs before the recording count, too; what the reviews saw later are these jobs themselves."""
    jobs = [
        past(0, START, known={"budgets": used("b", jobs=3)}),
        past(1, START + timedelta(hours=1), known={"budgets": used("b", jobs=4)}),
        past(2, START + timedelta(hours=2), known={"budgets": used("b", jobs=5)}),
    ]
    assert [end for end, _ in ends(replay(jobs, limited(jobs=6), None, "x")).values()] == [End.APPROVED] * 3
    assert ends(replay(jobs, limited(jobs=5), None, "x"))["2"] == (End.APPROVED, APRIL)
    assert ends(replay(jobs, limited(jobs=3), None, "x"))["0"] == (End.APPROVED, APRIL)


@given(st.lists(st.tuples(st.integers(0, 30 * 24), st.integers(1, 400)), max_size=25), st.integers(0, 6))
def test_the_sum_of_what_a_replay_approves_is_within_the_budget(jobs: list[tuple[int, int]], most: int) -> None:
    """In each month, of jobs and of objects."""
    written = document({"budget": "b"}, budgets=[{"name": "b", "per": "month", "jobs": most, "objects": 1_000}])
    pasts = [past(number, START + timedelta(hours=hours), tasks=tasks) for number, (hours, tasks) in enumerate(jobs)]
    found = replay(pasts, loaded(written), None, "x")
    sums: dict[tuple[int, int], Amounts] = {}
    for row in found.rows:
        if row.after.end is End.APPROVED and row.after.at is not None:
            month = row.after.at.year, row.after.at.month
            sums[month] = sums.get(month, Amounts()) + Amounts(1, row.total_tasks or 0)
    assert all(each.jobs <= most and each.objects <= 1_000 for each in sums.values())
    assert not (jobs and most) or any(row.after.end is End.APPROVED for row in found.rows)


def test_budgets_are_read_back_as_they_were() -> None:
    """The ledger's facts are those that were evaluated, gaps and own reservations among them."""
    policies = limited(jobs=5).policies
    for own in (False, True):
        [facts] = past(0, START, known={"budgets": used("b", jobs=3, cost=7, own=own)}).known
        kept = evidence_of(evaluate_job(policies, facts))["facts"]
        assert isinstance(kept, dict)
        assert facts_of(kept).budgets == facts.budgets
