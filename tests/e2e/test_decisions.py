"""Jobs of the AWS CLI, decided by the deployed stack under its own roles."""

import pytest

from tests.e2e.deployed_gate import DeployedGate, wait_for


@pytest.mark.parametrize(
    ("tasks", "tags", "action", "statuses", "reason"),
    [
        (2, {"team": "lake"}, "approved", {"Ready", "Active", "Completing", "Complete"}, "approved by small-tagging"),
        (
            2,
            {},
            "cancelled",
            {"Cancelling", "Cancelled"},
            "cancelled by small-tagging: tag team is absent, want present",
        ),
        (4, {"team": "lake"}, "held", {"Suspended"}, "held by small-tagging: total_tasks is 4, want at most 3"),
    ],
    ids=["approved", "cancelled", "held"],
)
def test_a_job_of_the_aws_cli_is_decided(
    gate: DeployedGate, tasks: int, tags: dict[str, str], action: str, statuses: set[str], reason: str
) -> None:
    """Status and reason on the job, the ledger's item, the log line and the decision event all say the same."""
    job_id = gate.create_job_by_cli("S3PutObjectTagging", tasks, **tags)
    state = gate.decided(job_id)
    job = gate.aws("s3control", "describe-job", "--account-id", "123456789012", "--job-id", job_id)["Job"]
    assert job["Status"] in statuses
    assert state["reason"].startswith(f"batchgate: {reason}")
    if action == "held":
        assert "StatusUpdateReason" not in job
        assert state["phase"] == "held"
    else:
        assert job["StatusUpdateReason"] == state["reason"]
        assert (state["phase"], state["outcome"]) == ("settled", "applied")
    (line,) = {line["decision"]["id"]: line["decision"] for line in gate.log_of(job_id)}.values()  # told at least once
    assert (line["action"], line["reason"]) == (action, state["reason"])
    (event,) = {told["detail"]["id"]: told["detail"] for told in gate.decision_events(job_id)}.values()
    assert (event["action"], event["reason"]) == (action, state["reason"])


def test_the_sweep_decides_a_job_whose_events_were_lost(gate: DeployedGate) -> None:
    """With the rule off nothing tells of the job; the sweep finds it among the suspended ones."""
    events = gate.client("events")
    rule = gate.rule_of_job_events()["Name"]
    events.disable_rule(Name=rule)
    try:
        job_id = gate.create_job("S3PutObjectTagging", 2, team="lake")
        wait_for("the job is suspended", lambda: gate.is_suspended(job_id))

        def swept() -> bool:
            gate.invoke("SweepFunction")  # another sweep, called by the minute rule, may be at it
            return not gate.is_suspended(job_id)

        wait_for("the sweep has decided the job", swept)
    finally:
        events.enable_rule(Name=rule)
    state = gate.decided(job_id)
    assert state["reason"].startswith("batchgate: approved by small-tagging")
    assert gate.outputs["SweepFunction"] in {line["function_name"] for line in gate.log_of(job_id)}
