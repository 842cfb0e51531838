"""What several tests deploy is synthesized once; each worker that needs it gets a local AWS with the gate deployed."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from batchgate_cli.local.deployment import Deployment
from batchgate_cli.local.services import ACCOUNT, REGION, LocalServices, running_services
from tests.e2e.deployed_gate import BUCKET, DeployedGate, client_of

POLICY = Path(__file__).with_name("policy.yaml")
SETTINGS = {
    "policy_files": [str(POLICY)],
    "max_concurrency": 2,
    "circuit_breaker_cancellations": 1000,  # all tests share the gate, and one lets a person cancel 200 jobs
}
DECISIONS = f"arn:aws:sqs:{REGION}:{ACCOUNT}:decisions"

OWNED_BY_REPOSITORY = {"policy_owner": "repository"}


def synthesized(shared: Path, settings: Mapping[str, Any] = SETTINGS) -> Path:
    """Synthesize the app with these settings, once in a run; workers that need it meanwhile wait."""
    here = shared / f"e2e-{hashlib.sha256(repr(settings).encode()).hexdigest()[:8]}"
    here.mkdir(exist_ok=True)
    assembly, made = here / "cdk.out", here / "made"
    with (here / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            Deployment("http://127.0.0.1:9", assembly, settings).synthesize()
            made.touch()
    return assembly


def deployed(services: LocalServices, shared: Path, settings: Mapping[str, Any] = SETTINGS) -> dict[str, str]:
    """Deploy the app with these settings; the stack's outputs by their names."""
    return Deployment(services.url, synthesized(shared, settings)).deploy_synthesized()


@pytest.fixture(scope="session")
def shared_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all workers of a run."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def assembly(shared_directory: Path) -> Path:
    """The template and the asset that `make deploy` would deploy, with the policies of these tests."""
    return synthesized(shared_directory)


@pytest.fixture(scope="session")
def gate(shared_directory: Path, aws_cli: str) -> Iterator[DeployedGate]:
    """The gate, deployed by the real cdk command; callers may then do what IAM allows them, and nothing else."""
    with running_services() as services:
        outputs = deployed(services, shared_directory)
        client_of(services, "s3").create_bucket(Bucket=BUCKET)
        decisions_url = _listen_for_decisions(services)
        roles = {
            name: _credentials(services, outputs[name]) for name in ("JobEventFunction", "SweepFunction", "ApiFunction")
        }
        services.enforce_roles()
        yield DeployedGate(services, outputs, aws_cli, roles, decisions_url)


def _listen_for_decisions(services: LocalServices) -> str:
    """As a team does that wants to hear of decisions: a rule of its own, and a queue."""
    may = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may | {"Resource": DECISIONS}]})
    made = client_of(services, "sqs").create_queue(QueueName="decisions", Attributes={"Policy": policy})
    events = client_of(services, "events")
    pattern = {"source": ["batchgate"], "detail-type": ["S3 Batch Job Decision"]}
    events.put_rule(Name="decisions", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="decisions", Targets=[{"Id": "queue", "Arn": DECISIONS}])
    return str(made["QueueUrl"])


def _credentials(services: LocalServices, function: str) -> dict[str, str]:
    """Of a function's role; only before roles count, for nobody but Lambda is trusted with it."""
    role = client_of(services, "lambda").get_function(FunctionName=function)["Configuration"]["Role"]
    return dict(client_of(services, "sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"])
