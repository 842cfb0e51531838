"""A deployed gate for people's commands: table, queues and parameter in the local AWS, jobs in an emulator."""

import fcntl
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import boto3
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from batchgate.aws import ledger as ledgers
from batchgate.aws.ledger import DynamoLedger
from batchgate.aws.wiring import SystemClock
from batchgate.contract import GATE_PARAMETER, create_table_arguments
from batchgate.gate.ports import Heartbeat, Ports, Review
from batchgate.gate.review import review_job
from batchgate.gate.state import State
from batchgate.jobs.model import JobRef
from batchgate_cli.app import app
from batchgate_cli.authoring import policy_file
from s3batch_emulator import RealClock
from tests.flow.deployed import Served
from tests.flow.stage import ACCOUNT, HOLD_ALL, REGION, Stage

HOME = ("aws", REGION, ACCOUNT)
PERSON = f"arn:aws:iam::{ACCOUNT}:root"
"""Whose credentials these are, says the local STS."""

SECONDS_TO_SAY_SOMETHING = 60


@dataclass(slots=True)
class LiveStage:
    """A gate in one account and Region, and the jobs that it holds.

    Attributes:
        stage: The emulated S3 Control, on a clock that was set to this machine's.
        ledger: The gate's table.
        queues: The URLs of `queue`, `unreviewed` and `undelivered`.
        api_url: The API's; "" where there is none.
    """

    stage: Stage
    endpoint_url: str
    ledger: DynamoLedger
    queues: dict[str, str]
    told: list[Review] = field(default_factory=list)
    api_url: str = ""

    def client(self, service: str) -> Any:
        """A real client of the local AWS."""
        return client(service, self.endpoint_url)

    def deploy(self, **said: Any) -> None:
        """Write the parameter that commands find the gate by."""
        value = {
            "ledger_table": self.ledger.table,
            "stack": "batchgate",
            "api_url": self.api_url,
            **{f"{name}_url": url for name, url in self.queues.items()},
            **said,
        }
        self.client("ssm").put_parameter(Name=GATE_PARAMETER, Value=json.dumps(value), Type="String", Overwrite=True)

    def beat(self, ago: timedelta = timedelta(0), **changes: Any) -> None:
        """Leave what a sweep leaves in the ledger."""
        now = SystemClock().now()
        self.ledger.set_heartbeat(replace(Heartbeat(swept_at=now - ago, since=now - ago), **changes))

    def announce(self, review: Review) -> bool:
        """The functions' announcer: keeps what it is told."""
        self.told.append(review)
        return True

    @property
    def gate(self) -> Ports:
        """The functions' ports on this gate's ledger, by this machine's clock."""
        clock = SystemClock()
        jobs = replace(self.stage.s3control, clock=clock)
        deadline = clock.now() + timedelta(seconds=30)
        return replace(
            self.stage.gate,
            jobs=jobs,
            ledger=self.ledger,
            announcer=self,
            clock=clock,
            deadline=deadline,
            adopt_existing=self.stage.adopt_existing,
        )

    def review(self, ref: JobRef) -> Review:
        """Have the functions review a job."""
        return review_job(ref, self.gate)

    def held(self, rows: int = 2, **changes: Any) -> JobRef:
        """A job that the gate holds."""
        ref = self.stage.create(rows, **changes)
        assert self.review(ref).action == "held"
        return ref

    def state(self, ref: JobRef) -> State:
        """The gate's truth about a job that it wrote about."""
        state = self.ledger.read(ref)
        assert state is not None
        return state


def make_unreadable(live: LiveStage, ref: JobRef) -> None:
    """Have another version of the gate write a job's item."""
    live.client("dynamodb").update_item(
        TableName=live.ledger.table,
        Key={"pk": {"S": f"{ref.partition}:{ref.region}:{ref.account_id}:{ref.job_id}"}, "sk": {"S": "STATE"}},
        UpdateExpression="SET schema_version = :newer",
        ExpressionAttributeValues={":newer": {"N": "99"}},
    )


def client(service: str, endpoint_url: str) -> Any:
    """A real client of the local AWS; nobody's proxy."""
    return _session().client(service, endpoint_url=endpoint_url, config=ledgers.CONFIG)


@cache
def _session() -> Any:
    """One, because each reads the services' models anew."""
    return boto3.session.Session(region_name=REGION, aws_access_key_id=ACCOUNT, aws_secret_access_key="test")


def deployed_gate(served: Served, endpoint_url: str) -> LiveStage:
    """A new gate that holds every job and has just swept, with queues and a ledger of its own, in place of the last."""
    stage = Stage(HOLD_ALL)
    stage.clock.advance(SystemClock().now() - timedelta(hours=1) - stage.clock.now())
    stage.emulator.dates = RealClock()  # as that of people's commands is
    stage.adopt_existing = True
    served.serve(stage)
    name = f"gate-{uuid4().hex[:12]}"
    dynamodb = client("dynamodb", endpoint_url)
    dynamodb.create_table(**create_table_arguments(name))
    sqs = client("sqs", endpoint_url)
    queues = {
        each: str(sqs.create_queue(QueueName=f"{name}-{each}")["QueueUrl"])
        for each in ("queue", "unreviewed", "undelivered")
    }
    ledger = DynamoLedger(dynamodb, name, HOME, SystemClock())
    live = LiveStage(stage, endpoint_url, ledger, queues)
    live.deploy()
    live.beat()
    return live


def deployed_policies(live: LiveStage, text: str) -> dict[str, str]:
    """Have the local AWS's AppConfig deploy policies; where they are, as the parameter says it."""
    appconfig = live.client("appconfig")
    application = appconfig.create_application(Name=live.ledger.table)["Id"]
    environment = appconfig.create_environment(ApplicationId=application, Name="gate")["Id"]
    profile = appconfig.create_configuration_profile(ApplicationId=application, Name="policies", LocationUri="hosted")[
        "Id"
    ]
    version = appconfig.create_hosted_configuration_version(
        ApplicationId=application,
        ConfigurationProfileId=profile,
        Content=policy_file.load_text(text).canonical_json,
        ContentType="application/json",
    )["VersionNumber"]
    strategy = appconfig.create_deployment_strategy(
        Name=live.ledger.table, DeploymentDurationInMinutes=0, GrowthFactor=100, ReplicateTo="NONE"
    )["Id"]
    appconfig.start_deployment(
        ApplicationId=application,
        EnvironmentId=environment,
        ConfigurationProfileId=profile,
        ConfigurationVersion=str(version),
        DeploymentStrategyId=strategy,
    )
    return {"application": application, "environment": environment, "profile": profile}


def deploy_function(live: LiveStage, name: str) -> None:
    """A function with a log group of its own."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("nothing.py", "def handler(event, context): pass")
    live.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=f"arn:aws:iam::{ACCOUNT}:role/gate",
        Handler="nothing.handler",
        Code={"ZipFile": zipped.getvalue()},
        LoggingConfig={"LogGroup": f"/{name}"},
    )
    logs = live.client("logs")
    logs.create_log_group(logGroupName=f"/{name}")
    logs.create_log_stream(logGroupName=f"/{name}", logStreamName="one")


def log(live: LiveStage, name: str, message_id: str, error: str) -> None:
    """A line of the function's log."""
    line = json.dumps({"level": "ERROR", "message": "own trouble", "message_id": message_id, "error": error})
    live.client("logs").put_log_events(
        logGroupName=f"/{name}",
        logStreamName="one",
        logEvents=[{"timestamp": int(SystemClock().now().timestamp() * 1000) + 1, "message": line}],
    )


def point_commands(environment: pytest.MonkeyPatch, endpoint_url: str) -> None:
    """An environment that leads a person's commands to the local AWS, and past it to the emulator."""
    environment.setenv("AWS_ENDPOINT_URL", endpoint_url)
    environment.setenv("AWS_ACCESS_KEY_ID", ACCOUNT)
    environment.setenv("AWS_CONFIG_FILE", os.devnull)
    environment.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
    environment.setenv("NO_PROXY", "127.0.0.1,localhost")


def batchgate(*arguments: str, stdin: str | None = None) -> Result:
    """Run the command in this process, as a script does: no terminal."""
    return CliRunner().invoke(app, list(arguments), input=stdin)


@dataclass(slots=True)
class Terminal:
    """A command that runs on a terminal of 80 columns.

    Attributes:
        said: What it printed so far, as a terminal gets it.
    """

    process: "subprocess.Popen[bytes]"
    screen: int
    said: str = ""

    def read_until(self, text: str, *, times: int = 1) -> str:
        """Wait until it has printed a text, so many times in all."""
        while self.said.count(text) < times:
            assert self._read(), f"it ended without {text!r}: {self.said}"
        return self.said

    def _read(self) -> bool:
        ready, _, _ = select.select([self.screen], [], [], SECONDS_TO_SAY_SOMETHING)
        assert ready, f"it says nothing more: {self.said}"
        try:
            got = os.read(self.screen, 65536)
        except OSError:  # how Linux tells that nobody has the other end open any more
            return False
        self.said += got.decode(errors="replace").replace("\r\n", "\n")
        return bool(got)

    def answer(self, text: str) -> None:
        """Type a line."""
        os.write(self.screen, f"{text}\n".encode())

    def end(self) -> int:
        """Wait for its exit code."""
        while self._read():
            pass
        return self.process.wait(SECONDS_TO_SAY_SOMETHING)


def _begin(terminal: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def on_a_terminal(
    *arguments: str, columns: int = 80, stdin: str | None = None, stderr: IO[str] | None = None, **variables: str
) -> Iterator[Terminal]:
    """Run the command with a terminal of 80 columns, without colours; with other standard input or errors, if given.

    Signals end it as where a person types, also when whatever runs the tests (nohup, a job in the background) ignores
    some of them.
    """
    screen, terminal = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "dumb", **variables}
    command = [str(Path(sys.executable).with_name("batchgate")), *arguments]
    with subprocess.Popen(
        command,
        stdin=terminal if stdin is None else subprocess.PIPE,
        stdout=terminal,
        stderr=stderr or terminal,
        env=environment,
        start_new_session=True,
        preexec_fn=lambda: _begin(terminal),  # noqa: PLW1509 nothing in it can lock
    ) as process:
        os.close(terminal)
        if stdin is not None and process.stdin is not None:
            process.stdin.write(stdin.encode())
            process.stdin.close()
        try:
            yield Terminal(process, screen)
        finally:
            os.close(screen)
            if process.poll() is None:
                process.kill()
