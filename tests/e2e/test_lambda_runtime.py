"""The asset alone, under Lambda's own runtime: what it lacks, nobody lends it."""

import http.client
import json
import os
import platform
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from batchgate.contract import create_table_arguments
from batchgate_cli.authoring import policy_file
from batchgate_cli.local.ministack import CHECKOUT
from batchgate_cli.local.services import LocalServices, running_services
from tests.e2e.conftest import POLICY
from tests.e2e.deployed_gate import BUCKET, PATIENCE_SECONDS, DeployedGate, client_of, job_event, wait_for

RIE = CHECKOUT / ".venv-rie"
RUNTIME = ("awslambdaric", "runtime_client*.so", "simplejson*", "snapshot_restore_py.py")
"""What Lambda's Python runtime consists of, beside Python."""

ACCOUNT = "012345678912"
"""The emulator says that every function is this account's."""

TABLE = "ledger"


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with Lambda's Python runtime, and nothing else of the environment that it is installed in."""
    if (RIE / "missing").exists():
        pytest.skip(f"Lambda's runtime is not here: {(RIE / 'missing').read_text().strip()}")
    if not (RIE / ".made").exists():
        pytest.fail(f"{RIE} is missing: run `make setup`", pytrace=False)
    directory = tmp_path_factory.mktemp("runtime")
    (installed,) = RIE.glob("lib/python3*/site-packages")
    for pattern in RUNTIME:
        for path in installed.glob(pattern):
            (directory / path.name).symlink_to(path)
    return directory


@pytest.fixture(scope="module")
def asset(assembly: Path) -> Path:
    """What `cdk deploy` uploads for the functions."""
    (found,) = {path.parents[2] for path in assembly.glob("asset.*/batchgate/handlers/job_event.py")}
    return found


@pytest.fixture(scope="module")
def services() -> Iterator[LocalServices]:
    """An account without the stack: a ledger's table, policies in AppConfig, and buckets."""
    with running_services() as services:
        client_of(services, "s3").create_bucket(Bucket=BUCKET)
        client_of(services, "dynamodb", ACCOUNT).create_table(**create_table_arguments(TABLE))
        yield services


def policies_in_appconfig(services: LocalServices) -> str:
    """Where AppConfig has the policies, as the function is told it."""
    appconfig = client_of(services, "appconfig", ACCOUNT)
    application = appconfig.create_application(Name="batchgate")["Id"]
    environment = appconfig.create_environment(ApplicationId=application, Name="enforced")["Id"]
    profile = appconfig.create_configuration_profile(
        ApplicationId=application, Name="policies", LocationUri="hosted", Type="AWS.Freeform"
    )["Id"]
    version = appconfig.create_hosted_configuration_version(
        ApplicationId=application,
        ConfigurationProfileId=profile,
        Content=policy_file.load([POLICY]).canonical_json,
        ContentType="application/json",
    )["VersionNumber"]
    strategy = appconfig.create_deployment_strategy(
        Name="at-once", DeploymentDurationInMinutes=0, GrowthFactor=100, FinalBakeTimeInMinutes=0, ReplicateTo="NONE"
    )["Id"]
    appconfig.start_deployment(
        ApplicationId=application,
        EnvironmentId=environment,
        ConfigurationProfileId=profile,
        ConfigurationVersion=str(version),
        DeploymentStrategyId=strategy,
    )
    return f"{application}/{environment}/{profile}"


def free_address() -> tuple[str, int]:
    """A loopback address and a port that nobody listens on.

    AWS's emulator answers whoever asks, web pages too, so it listens where no page will find it.
    """
    host = ".".join(["127", *(str(secrets.randbelow(254) + 1) for _ in range(3))])
    with socket.create_server((host, 0)) as taken:
        return host, int(taken.getsockname()[1])


class Function:
    """The function under the Runtime Interface Emulator."""

    def __init__(self, process: "subprocess.Popen[bytes]", address: tuple[str, int], log: Path) -> None:
        self._process = process
        self._address = address
        self._log = log

    @property
    def log(self) -> str:
        """What the runtime and the function have printed."""
        return self._log.read_text()

    def invoke(self, event: object) -> Any:
        """Its answer; the emulator says 200 of errors too, so they are looked for in the body."""
        wait_for("the runtime listens", self._listens)
        with closing(http.client.HTTPConnection(*self._address, timeout=PATIENCE_SECONDS)) as connection:
            connection.request("POST", "/2015-03-31/functions/function/invocations", json.dumps(event))
            said = json.loads(connection.getresponse().read())
        assert "errorType" not in said, f"{said}\n{self.log}"
        return said

    def _listens(self) -> bool:
        assert self._process.poll() is None, self.log
        with closing(socket.socket()) as trying:
            return trying.connect_ex(self._address) == 0


@pytest.fixture
def function(runtime: Path, asset: Path, services: LocalServices, tmp_path: Path) -> Iterator[Function]:
    """The gate function: Python without its site-packages, Lambda's runtime, the asset, and an empty environment."""
    machine = "arm64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"
    (program,) = RIE.glob(f"lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}")
    address = free_address()
    handler = "batchgate.handlers.job_event.handler"
    emulator = [str(program), "--runtime-interface-emulator-address", "{}:{}".format(*address)]
    emulator += ["--runtime-api-address", "{}:{}".format(*free_address())]
    log = tmp_path / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*emulator, sys.executable, "-S", "-s", "-m", "awslambdaric", handler],
            cwd=asset,
            env=services.environment()
            | {
                "PYTHONPATH": os.pathsep.join([str(runtime), str(asset)]),
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONTZPATH": "",
                "LAMBDA_TASK_ROOT": str(asset),
                "AWS_ACCESS_KEY_ID": ACCOUNT,
                "AWS_LAMBDA_FUNCTION_NAME": "gate",
                "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
                "BATCHGATE_LEDGER_TABLE": TABLE,
                "BATCHGATE_APPCONFIG": policies_in_appconfig(services),
                "BATCHGATE_EVENT_BUS": "default",
                "PATH": os.defpath,
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Function(process, address, log)
        finally:
            os.killpg(process.pid, 9)


def test_the_asset_alone_decides_a_job(function: Function, services: LocalServices) -> None:
    """An event from the queue, the whole way: AppConfig, S3 Control, DynamoDB, EventBridge; nothing is given back."""
    s3control = services.s3control()
    request = DeployedGate(services, {}, "", {}, "").job_request("S3PutObjectTagging", 2)
    job = {"AccountId": ACCOUNT, "JobId": s3control.create_job(**request | {"AccountId": ACCOUNT})["JobId"]}
    wait_for("the job is suspended", lambda: s3control.describe_job(**job)["Job"]["Status"] == "Suspended")
    record = {
        "messageId": "m-1",
        "receiptHandle": "r-1",
        "body": json.dumps(job_event(job["JobId"], ACCOUNT)),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:{ACCOUNT}:job-events",
        "awsRegion": "us-east-1",
    }
    assert function.invoke({"Records": [record]}) == {"batchItemFailures": []}
    decided = s3control.describe_job(**job)["Job"]
    assert decided["Status"] == "Cancelled", function.log
    assert decided["StatusUpdateReason"].startswith("batchgate: cancelled by small-tagging: tag team is absent")
    key = {"pk": {"S": f"aws:us-east-1:{ACCOUNT}:{job['JobId']}"}, "sk": {"S": "STATE"}}
    state = client_of(services, "dynamodb", ACCOUNT).get_item(TableName=TABLE, Key=key)["Item"]
    assert (state["phase"], state["outcome"]) == ({"S": "settled"}, {"S": "applied"})
    assert "announced_at" in state
