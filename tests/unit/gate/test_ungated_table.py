"""Whether a job asks for confirmation, and what follows: every combination, against a table written by itself."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from batchgate.gate.protocol import (
    Settle,
    asks_for_confirmation,
    conclude_refused,
    conclude_unclear,
    next_step,
    step_of_ungated,
)
from batchgate.gate.state import Outcome, Phase, RequestedAction, State
from batchgate.jobs.model import AsksForConfirmation, DateSurvives, Job, JobRef, Json
from batchgate.policy.compile import compile_policies
from batchgate.policy.evaluate import evaluate_job
from batchgate.policy.facts import gather_facts

NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
ARN = "arn:aws:s3:eu-central-1:111122223333:job/00000000-1111-2222-3333-444444444444"

COLUMNS = {
    "before": ("New", "Preparing"),
    "suspended": ("Suspended",),
    "runs": ("Ready", "Active", "Pausing", "Paused"),
    "complete": ("Completing", "Complete"),
    "cancelled": ("Cancelling", "Cancelled"),
    "failed": ("Failing", "Failed"),
}
COLUMN_OF = {status: column for column, statuses in COLUMNS.items() for status in statuses}
TASKS_ENDED = (0, 1)
FIELDS = (None, True, False)
SETTINGS = ("unknown", "true", "false")
UNGATED_JOBS = ("report", "cancel")
ROWS = ("none", "held", "claimed", "held, ungated", "claimed, ungated", "settled")

# For reasons of other people's on the job; claims are to cancel, and their leases are over for longer than 15 minutes.
# The columns are those above; where two words stand, the second is for a job of which tasks have ended.
TABLE = {
    ("none", "yes"): ("wait", "evaluate", "superseded", "superseded", "nothing", "nothing"),
    ("none", "no, report"): ("nothing", "-", "ungated", "ungated", "nothing/ungated", "nothing/ungated"),
    ("none", "no, cancel"): ("evaluate", "-", "evaluate", "ungated", "nothing/ungated", "nothing/ungated"),
    ("none", "unknown"): ("wait", "-", "either", "either", "nothing/either", "nothing/either"),
    ("open", "yes"): ("wait", "evaluate", "superseded", "superseded", "superseded", "lapsed"),
    ("open", "no, report"): ("nothing", "-", "ungated", "ungated", "ungated", "ungated"),
    ("open", "no, cancel"): ("evaluate", "-", "evaluate", "ungated", "ungated", "ungated"),
    ("open", "unknown"): ("wait", "-", "either", "either", "either", "either"),
}
OUTCOMES = {
    "superseded": Outcome.SUPERSEDED,
    "lapsed": Outcome.LAPSED,
    "ungated": Outcome.UNGATED,
    "either": Outcome.UNGATED_OR_CONFIRMED_ELSEWHERE,
}


def state_of(row: str) -> State | None:
    """What the ledger has, from half an hour ago."""
    if row == "none":
        return None
    phase = Phase.SETTLED if row == "settled" else Phase(row.split(",", maxsplit=1)[0])
    is_claimed = phase is Phase.CLAIMED
    return State(
        ref=JobRef.from_arn(ARN),
        rev=2,
        phase=phase,
        verdict="hold",
        reason="batchgate: held",
        decided_by="7c41f09be2aa",
        policy_version="7c41f09be2aa",
        due_at=NOW,
        first_held_at=NOW - timedelta(hours=1),
        claim_id="5f3a91c2" if is_claimed else None,
        requested_action=RequestedAction.CANCEL if is_claimed else None,
        lease_until=NOW - timedelta(minutes=30) if is_claimed else None,
        outcome=Outcome.SUPERSEDED if phase is Phase.SETTLED else None,
        announced_at=NOW if phase is Phase.SETTLED else None,
        ungated="ungated" in row,
    )


def job_of(status: str, *, date: bool, field: bool | None, tasks_ended: int) -> Job:
    """As boto3 reads it from S3."""
    said: dict[str, Json] = {
        "JobArn": ARN,
        "Status": status,
        "Operation": {"S3PutObjectTagging": {}},
        "ProgressSummary": {"TotalNumberOfTasks": 9, "NumberOfTasksSucceeded": 0, "NumberOfTasksFailed": tasks_ended},
        "StatusUpdateReason": "looked at it myself",
        "ConfirmationRequired": field,
        "SuspendedDate": "2026-03-27T11:00:00Z" if date else None,
    }
    return Job.from_description({name: value for name, value in said.items() if value is not None})


def asks_by_the_page(row: str, status: str, *, date: bool, field: bool | None, setting: str, tasks_ended: int) -> str:
    """The three sentences of the protocol."""
    if status == "Suspended" or date or field is True or row in ("held", "claimed"):
        return "yes"
    ran = COLUMN_OF[status] in ("runs", "complete") or tasks_ended > 0
    if field is False or (ran and setting == "true"):
        return "no"
    return "unknown"


EVERYTHING = list(product(ROWS, COLUMN_OF, (False, True), FIELDS, SETTINGS, UNGATED_JOBS, TASKS_ENDED))


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("status", COLUMN_OF)
def test_every_combination_is_as_the_table_says(row: str, status: str) -> None:
    """State, status, SuspendedDate, the field, the setting, ungated_jobs, and whether tasks have ended."""
    for each in EVERYTHING:
        if each[:2] != (row, status):
            continue
        _, _, date, field, setting, ungated_jobs, tasks_ended = each
        asks = asks_by_the_page(row, status, date=date, field=field, setting=setting, tasks_ended=tasks_ended)
        job, state = job_of(status, date=date, field=field, tasks_ended=tasks_ended), state_of(row)
        survives = DateSurvives(setting)
        if row != "settled":
            assert asks_for_confirmation(state, job, survives).value == asks, each
        found = next_step(state, job, NOW, cancel_ungated=ungated_jobs == "cancel", survives=survives)
        said = str(found.outcome) if isinstance(found, Settle) else found.name.lower()
        if row == "settled":
            assert said == "nothing", each
            continue
        words = TABLE["none" if row == "none" else "open", asks if asks != "no" else f"no, {ungated_jobs}"]
        word = words[list(COLUMNS).index(COLUMN_OF[status])]
        wanted = word.split("/")[min(tasks_ended, word.count("/"))]
        assert said == str(OUTCOMES.get(wanted, wanted)), each


def test_a_job_of_unknown_gating_is_never_evaluated_nor_said_to_be_decided_by_somebody_else() -> None:
    """Whatever else is true of it."""
    for row, status, date, field, setting, ungated_jobs, tasks_ended in EVERYTHING:
        job, state = job_of(status, date=date, field=field, tasks_ended=tasks_ended), state_of(row)
        survives = DateSurvives(setting)
        if row == "settled" or asks_for_confirmation(state, job, survives) is not AsksForConfirmation.UNKNOWN:
            continue
        step = next_step(state, job, NOW, cancel_ungated=ungated_jobs == "cancel", survives=survives)
        assert not isinstance(step, Settle) or step.outcome is Outcome.UNGATED_OR_CONFIRMED_ELSEWHERE
        assert isinstance(step, Settle) or step.name in ("WAIT", "NOTHING")


def test_whatever_ends_an_ungated_job_is_called_the_same_by_everybody() -> None:
    """The table, the owner of a claim after an unclear or refused cancel, and what the policies let go."""
    claim = state_of("claimed, ungated")
    assert claim is not None
    for column in ("complete", "cancelled", "failed"):
        for status in COLUMNS[column]:
            for field, setting in ((False, "unknown"), (None, "true")):
                job, survives = job_of(status, date=False, field=field, tasks_ended=1), DateSurvives(setting)
                ends = {
                    next_step(claim, job, NOW, cancel_ungated=True, survives=survives),
                    conclude_unclear(claim, job, survives),
                    conclude_refused(claim, job, survives),
                    step_of_ungated(claim, job, NOW),
                }
                assert ends == {Settle(Outcome.UNGATED)}


@pytest.mark.parametrize("asks", AsksForConfirmation)
@pytest.mark.parametrize("status", ["New", "Preparing"])
def test_before_suspended_only_a_job_that_surely_does_not_ask_is_not_waited_for(
    status: str, asks: AsksForConfirmation
) -> None:
    """Unknown waits like yes."""
    requirement = {"priority": {"at_least": 1}, "on_violation": "cancel"}
    policies = compile_policies({"version": 1, "policies": [{"name": "p", "require": [requirement]}]})
    job = job_of(status, date=False, field=None, tasks_ended=0)
    decision = evaluate_job(policies, gather_facts(job, NOW, asks=asks))
    assert str(decision.verdict) == ("cancel" if asks is AsksForConfirmation.NO else "wait")
