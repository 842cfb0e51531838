"""The canary in an account with the deployed gate: events by the deployed rule, decisions by the deployed functions."""

import json
import os

import pytest

from tests.cli.live import batchgate
from tests.e2e.deployed_gate import DeployedGate


def test_the_deployed_gate_decides_the_canarys_jobs(gate: DeployedGate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its policies want a team on every job; nothing of the canary's is left, and its decision is on record."""
    for name, value in gate.services.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    done = batchgate("doctor", "--canary", "--yes", "--tag", "team=lake", "--output", "json", "--timeout", "3")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert (document["gate"], document["facts"]["gate_decision"]) == (True, "approved")
    assert 0 <= document["facts"]["gate_seconds"] < 60
    assert document["facts"]["gate_record"] is True
    assert document["facts"]["suspended_event"] is True
    assert document["settings"]["suspended_date_survives"] == "true"
    assert "canary" not in str(gate.client("s3").list_buckets()["Buckets"])
    assert "canary" not in str(gate.client("events").list_rules()["Rules"])
