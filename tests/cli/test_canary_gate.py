"""`batchgate doctor --canary` where a gate decides: it follows the decision, and confirms nothing by itself."""

from collections.abc import Iterator
from typing import Any

import pytest

from batchgate_cli.local.services import LocalServices, running_services
from batchgate_cli.operating.canary import CanaryOptions
from batchgate_cli.operating.canary_facts import findings
from tests.cli.canary_stage import CanaryStage, canary_stage, facts_of
from tests.flow.stage import APPROVE_ALL, CANCEL_ALL, HOLD_ALL

NEEDS_TAG = """
version: 1
cancel_grace: 0s
policies:
  - name: tagged
    match: [{operation: S3PutObjectTagging}]
    require: [{tags: {team: lake}}]
    on_violation: cancel
"""


@pytest.fixture(scope="module")
def services() -> Iterator[LocalServices]:
    """The local AWS; each canary has an emulator and a gate of its own."""
    with running_services() as running:
        yield running


def updates_by_the_canary(stage: CanaryStage) -> list[str]:
    """The statuses that it asked S3 for itself, beside the gate's claims."""
    calls = [call.parameters for call in stage.emulator.calls if call.operation == "UpdateJobStatus"]
    return [
        str(each["RequestedJobStatus"])
        for each in calls
        if not str(each.get("StatusUpdateReason")).startswith("batchgate: ")
    ]


def test_it_follows_the_gates_approval_to_the_end(services: LocalServices) -> None:
    """Decision and record of the gate, and what S3 does with a job that was confirmed."""
    with canary_stage(services) as stage:
        stage.deploy_gate(APPROVE_ALL)
        outcome = stage.observe(CanaryOptions())
        assert (outcome.exit_code, outcome.left, stage.left()) == (0, [], [])
        assert updates_by_the_canary(stage) == []
    facts = facts_of(outcome)
    assert (facts["gate_decision"], facts["gate_record"]) == ("approved", True)
    assert 0 <= facts["gate_seconds"] < 5
    assert (facts["suspended_date_survives"], facts["reason_survives"]) == (True, True)
    why = {each.name: each.why_not for each in findings(outcome.seen)}
    assert why["ready_in_preparing"] == "it would confirm a job around the gate"


def test_a_cancelled_job_shows_nothing_of_a_confirmed_one(services: LocalServices) -> None:
    """A SuspendedDate on it says nothing of the jobs that run."""
    with canary_stage(services) as stage:
        stage.deploy_gate(CANCEL_ALL)
        outcome = stage.observe(CanaryOptions())
        assert (outcome.exit_code, outcome.left, stage.left()) == (0, [], [])
        assert updates_by_the_canary(stage) == []
    facts = facts_of(outcome)
    assert facts["gate_decision"] == "cancelled"
    assert not {"suspended_date_survives", "reason_survives"} & facts.keys()
    assert facts["total_at_suspended_csv"] == "known"


def test_tags_let_the_jobs_through_policies_that_require_them(services: LocalServices) -> None:
    """And what an untagged job's answer is like is asked once they are deleted."""
    with canary_stage(services) as stage:
        stage.deploy_gate(NEEDS_TAG)
        facts = facts_of(stage.observe(CanaryOptions(tags=("team=lake",))))
    assert (facts["gate_decision"], facts["untagged_answer_lacks_tags"]) == ("approved", False)


@pytest.mark.parametrize("minutes", [2, 6])
def test_it_waits_for_a_hold_no_longer_than_told_and_then_cancels_by_the_gate(
    services: LocalServices, minutes: int
) -> None:
    """With the command that lets the job run; the ledger has who cancelled it."""
    with canary_stage(services) as stage:
        live = stage.deploy_gate(HOLD_ALL)
        began = stage.clock.now()
        outcome = stage.observe(CanaryOptions(minutes=minutes))
        assert (outcome.exit_code, outcome.timed_out, outcome.left, stage.left()) == (1, True, [], [])
        assert updates_by_the_canary(stage) == []
        assert minutes * 60 <= (stage.clock.now() - began).total_seconds() < minutes * 60 + 70
        waiting = [line for line in stage.said if line.startswith("waiting, until")]
        assert minutes - 1 <= len(waiting) <= minutes
        for job in outcome.seen.jobs:
            assert any(f"batchgate jobs approve {job.job_id}" in line for line in stage.said)
            state = live.ledger.read(stage.ref(job.job_id))
            assert state is not None
            assert (state.decided_by, state.outcome) == (live.who, "applied")
    assert facts_of(outcome)["gate_decision"] == "held"


def test_it_goes_on_when_a_person_approves_what_is_held(services: LocalServices) -> None:
    """While it waits."""
    with canary_stage(services) as stage:
        stage.deploy_gate(HOLD_ALL)

        def approve(line: str) -> None:
            if "batchgate jobs approve" in line:
                stage.approve(line.split("batchgate jobs approve ")[1].split(maxsplit=1)[0])

        stage.at = approve
        outcome = stage.observe(CanaryOptions())
        assert (outcome.exit_code, stage.left()) == (0, [])
    assert facts_of(outcome)["gate_decision"] == "approved"


def test_it_does_not_wait_for_a_dead_gate_for_ever(services: LocalServices) -> None:
    """Nobody decides; the canary cancels its jobs by the gate's own protocol."""
    with canary_stage(services) as stage:
        stage.deploy_gate(APPROVE_ALL, works=False)
        outcome = stage.observe(CanaryOptions(minutes=3))
        assert (outcome.exit_code, outcome.left, stage.left()) == (1, [], [])
        assert any("has not written anything" in line for line in stage.said)
    shown: dict[str, Any] = facts_of(outcome)
    assert not {"gate_decision", "gate_record"} & shown.keys()
    assert shown["total_at_suspended_csv"] == "known"


def test_ctrl_c_before_the_jobs_are_suspended_cancels_them_once_they_are(services: LocalServices) -> None:
    """The gate decides Suspended jobs only."""
    with canary_stage(services) as stage:
        stage.deploy_gate(HOLD_ALL)

        def interrupt(line: str) -> None:
            if line.endswith("job is New"):
                stage.at = lambda _line: None
                raise KeyboardInterrupt

        stage.at = interrupt
        outcome = stage.observe(CanaryOptions())
        assert (outcome.exit_code, outcome.left, stage.left()) == (130, [], [])
        assert updates_by_the_canary(stage) == []
