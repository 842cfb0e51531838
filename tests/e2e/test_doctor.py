"""`batchgate doctor` and `status` on the deployed stack, by its owner and with the operators' policy alone."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.deployed_gate import DeployedGate, wait_for

BATCHGATE = Path(sys.executable).with_name("batchgate")
NOT_IN_THE_LOCAL_AWS = {"trail", "subscribers", "policy files", "settings"}
"""It has no trail, nobody subscribed to the topic, and the command runs in no checkout, with settings at defaults."""
LEFT_BY_OTHER_TESTS = {"dead letters", "held"}


def run(gate: DeployedGate, where: Path, *arguments: str, credentials: dict[str, str]) -> tuple[int, Any]:
    """The installed command's exit code, and what it prints for programs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [str(BATCHGATE), *arguments],
        cwd=where,
        env=kept | gate.services.environment() | {"AWS_CONFIG_FILE": os.devnull} | credentials,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout.startswith("{"), f"exit code {done.returncode}: {done.stderr}"
    return done.returncode, json.loads(done.stdout)


def operators_credentials(gate: DeployedGate, where: Path) -> dict[str, str]:
    """Of a new user who has the policy that `batchgate iam operators` prints, and nothing else."""
    _, policy = run(gate, where, "iam", "operators", "operator", credentials={})
    iam = gate.client("iam")
    iam.create_user(UserName="operator")
    iam.put_user_policy(UserName="operator", PolicyName="operators", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="operator")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def test_operators_see_that_the_gate_works(gate: DeployedGate, tmp_path: Path) -> None:
    """Status says so, and nothing that the doctor looks at needs another permission."""
    gate.decided(gate.create_job("S3PutObjectTagging", 2, team="lake"))  # by its event
    gate.invoke("SweepFunction")
    operator = operators_credentials(gate, tmp_path)

    def works() -> Any:
        code, status = run(gate, tmp_path, "status", "--output", "json", credentials=operator)
        failed = [each for each in status["checks"] if each["level"] == "fail" or "not checked" in each["found"]]
        return (code, status) if status["last_event"] and not failed else None

    _, status = wait_for("the gate works", works)
    assert status["last_sweep"] is not None
    code, doctor = run(gate, tmp_path, "doctor", "--output", "json", credentials=operator)
    # The local IAM allows SimulatePrincipalPolicy on all resources or none, and the operators' policy names some roles.
    simulated = {"requester", "roles"}
    assert {each["check"] for each in doctor["checks"] if "not checked" in each["found"]} == simulated
    assert wrong(doctor) <= NOT_IN_THE_LOCAL_AWS | simulated | LEFT_BY_OTHER_TESTS, doctor
    assert code == 7
    _, doctor = run(gate, tmp_path, "doctor", "--output", "json", credentials={})
    assert {each["found"] for each in doctor["checks"] if each["check"] == "roles" and each["level"] != "pass"} == set()
    assert wrong(doctor) <= NOT_IN_THE_LOCAL_AWS | LEFT_BY_OTHER_TESTS, doctor


def wrong(doctor: Any) -> set[str]:
    """The checks that warned or failed."""
    return {each["check"] for each in doctor["checks"] if each["level"] not in ("pass", "hint")}


def test_without_permissions_nothing_passes_that_was_not_read(gate: DeployedGate, tmp_path: Path) -> None:
    """A user who may find the gate, and nothing else: each line that asks AWS names what is missing."""
    iam = gate.client("iam")
    finding = {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [finding]})
    iam.create_user(UserName="stranger")
    iam.put_user_policy(UserName="stranger", PolicyName="finding", PolicyDocument=policy)
    key = iam.create_access_key(UserName="stranger")["AccessKey"]
    stranger = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    code, doctor = run(gate, tmp_path, "doctor", "--output", "json", credentials=stranger)
    assert code == 7
    passed = {each["check"] for each in doctor["checks"] if each["level"] == "pass"}
    assert passed <= {"credentials", "clock", "policies", "settings"}, doctor
    assert [each["do"] for each in doctor["checks"] if each["check"] == "stack"] == [
        "allow cloudformation:DescribeStacks, then run this again"
    ]
