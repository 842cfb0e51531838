"""Who created a job, asked of the deployed gate: their own approval does not count, and the export has it all."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from batchgate.contract import GATE_PARAMETER
from batchgate.contract import DeployedGate as Parameter
from batchgate_cli.local.services import ACCOUNT, CONTROL_URL, REGION
from batchgate_cli.operating.iam_policies import People, peoples_policy
from s3batch_emulator import over_http
from tests.e2e.deployed_gate import DeployedGate, wait_for
from tests.e2e.signed import Person, member_of

ANA = f"arn:aws:sts::{ACCOUNT}:assumed-role/pipeline/ana"
BEN = f"arn:aws:sts::{ACCOUNT}:assumed-role/data-owner/ben"


@pytest.fixture(scope="module")
def ana(gate: DeployedGate) -> Person:
    """Who creates jobs, and may approve."""
    policy = peoples_policy(parameter(gate), People.APPROVER)
    create = {"Effect": "Allow", "Action": "s3:CreateJob", "Resource": "*"}
    return member_of(gate, "pipeline", policy | {"Statement": [*policy["Statement"], create]}, "ana")


@pytest.fixture(scope="module")
def ben(gate: DeployedGate) -> Person:
    """Another approver."""
    return member_of(gate, "data-owner", peoples_policy(parameter(gate), People.APPROVER), "ben")


def parameter(gate: DeployedGate) -> Parameter:
    """What the stack has written for people's commands."""
    return Parameter.decode(gate.client("ssm").get_parameter(Name=GATE_PARAMETER)["Parameter"]["Value"])


def created_by(person: Person, gate: DeployedGate) -> str:
    """A job that this person created; its id."""
    keys: dict[str, Any] = {
        "aws_access_key_id": person.credentials.access_key,
        "aws_secret_access_key": person.credentials.secret_key,
        "aws_session_token": person.credentials.token,
    }
    control = boto3.client(
        "s3control", region_name=REGION, endpoint_url=CONTROL_URL, config=over_http(gate.services.url), **keys
    )
    retention = {"Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": datetime(2030, 1, 1, tzinfo=UTC)}}
    request = gate.job_request("S3PutObjectRetention", 2) | {"Operation": {"S3PutObjectRetention": retention}}
    del request["Tags"]
    return str(control.create_job(**request)["JobId"])


def approve(person: Person, job_id: str) -> tuple[int, Any]:
    """Approve a job as it is now."""
    _, shown = person.ask("GET", f"/jobs/{job_id}")
    return person.ask("POST", f"/jobs/{job_id}/approvals", {"reason": "looked at it", "digest": shown["digest"]})


def test_whoever_created_a_job_can_not_approve_it(gate: DeployedGate, ana: Person, ben: Person) -> None:
    """Both may approve by the policy; what tells them apart is CloudTrail's record, under the functions' own roles."""
    job_id = created_by(ana, gate)
    assert gate.decided(job_id)["phase"] == "held"
    _, shown = ben.ask("GET", f"/jobs/{job_id}")
    assert (shown["requester"]["arn"], shown["requester"]["known"]) == (ANA, "yes")
    status, refused = approve(ana, job_id)
    assert (status, refused["type"]) == (403, "/problems/may-not-approve")
    assert "created the job" in refused["detail"]
    status, decided = approve(ben, job_id)
    assert (status, decided["action"]) == (200, "approved")
    state = wait_for(
        "the approval is announced", lambda: (found := gate.state(job_id)) and found.get("announced_at") and found
    )
    assert (state["requester"], BEN in state["decided_by"]) == (ANA, True)


def batchgate(gate: DeployedGate, person: Person, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command with a person's credentials."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    keys = {
        "AWS_ACCESS_KEY_ID": person.credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": person.credentials.secret_key,
        "AWS_SESSION_TOKEN": person.credentials.token or "",
    }
    return subprocess.run(
        [str(Path(sys.executable).with_name("batchgate")), *arguments],
        env=kept | gate.services.environment() | keys,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_record_is_exported_with_decision_people_and_policies(
    gate: DeployedGate, ana: Person, ben: Person, tmp_path: Path
) -> None:
    """Through the deployed API, by a viewer's permissions; the export is found whole by itself."""
    begun = datetime.now(UTC)
    job_id = created_by(ana, gate)
    assert gate.decided(job_id)["phase"] == "held"
    assert approve(ben, job_id)[0] == 200
    viewer = member_of(gate, "auditor", peoples_policy(parameter(gate), People.VIEWER), "eve")
    time.sleep(1)
    directory = tmp_path / "audit"
    period = ("--from", begun.isoformat(), "--to", datetime.now(UTC).isoformat())
    done = batchgate(gate, viewer, "audit", "export", *period, "--output-dir", str(directory), "-o", "json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    lines = [json.loads(line) for file in (directory / "decisions").iterdir() for line in file.read_text().splitlines()]
    [decision] = [each for each in lines if each["job_id"] == job_id]
    assert (decision["action"], decision["people"], decision["requester"]) == ("approved", [BEN], ANA)
    assert decision["history"][0]["evidence"]
    assert (directory / f"policies/{decision['policy_version']}.json").exists()
    checked = batchgate(gate, viewer, "audit", "verify", str(directory), "--sha256", said["sha256"])
    assert (checked.returncode, checked.stderr) == (0, "")
