"""`batchgate demo`: real requests, the real handler, and a table to watch."""

import io
import json
import logging
import os
import queue
import shlex
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from batchgate.contract import JOB_EVENT_PATTERN, Variable, create_table_arguments
from batchgate.errors import GateError
from batchgate_cli.authoring import policy_file
from batchgate_cli.exits import printable_line, reported_errors
from batchgate_cli.local.demo_jobs import BUCKET, DEMO_JOBS, aws, create_demo_job
from batchgate_cli.local.services import ACCOUNT, REGION, LocalServices, running_services
from s3batch_emulator.events import Event

LEDGER_TABLE = "batchgate-demo"
DEFAULT_POLICY = Path("policies/demo.yaml")
EVALUATED_WITHIN_SECONDS = 60
WIDE = 118
"""Columns that one line a job takes."""

_ACTION_STYLES = {
    "approved": "bold green",
    "cancelled": "bold red",
    "held": "bold yellow",
}


class DemoError(GateError):
    """The demo did not come to an end."""


@dataclass(slots=True)
class _Row:
    """One job in the table."""

    title: str
    made_by: str
    tasks: int
    job_id: str = ""
    status: str = ""
    action: str = ""
    reason: str = ""
    until: str = ""

    @property
    def is_done(self) -> bool:
        return bool(self.action)


def demo(
    policy: Annotated[
        Path, typer.Option(metavar="FILE", help="The policy file, or a directory of them.")
    ] = DEFAULT_POLICY,
) -> None:
    """Evaluate nine real jobs on this machine: no AWS account, nothing leaves the loopback interface.

    A local S3 holds the manifests, an emulator plays S3 Batch Operations, the AWS SDK and the
    AWS CLI create the jobs, and the Lambda handler that you would deploy decides them.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDE)  # whoever reads it later is not bound to 80 columns
    with reported_errors():
        loaded = policy_file.load([policy])
        console.print(f"Evaluating by {policy} (policy version {loaded.policies.version}); starting a local S3 ...")
        _run(console, policy, loaded.canonical_json)


def _run(console: Console, policy: Path, canonical: bytes) -> None:
    events: queue.Queue[Event] = queue.Queue()
    rows = {
        number: _Row(job.title, "aws CLI" if job.by_cli else "boto3", job.tasks) for number, job in enumerate(DEMO_JOBS)
    }
    with running_services(events.put) as services, _handler_environment(services, canonical):
        services.s3().create_bucket(Bucket=BUCKET)
        services.dynamodb().create_table(**create_table_arguments(LEDGER_TABLE))
        gate = _LocalGate(services)
        maker = threading.Thread(target=_create_jobs, args=(rows, services, gate.failures), daemon=True)
        with Live(_table(rows, console.width), console=console, refresh_per_second=8) as live:
            maker.start()
            ends = time.monotonic() + EVALUATED_WITHIN_SECONDS
            while not all(row.is_done for row in rows.values()):
                if gate.failures:
                    raise gate.failures[0]
                if time.monotonic() > ends:
                    raise DemoError(f"not all jobs were evaluated within {EVALUATED_WITHIN_SECONDS} s")
                try:
                    event = events.get(timeout=0.2)
                except queue.Empty:
                    continue
                gate.take(event)
                gate.show_in(rows)
                live.update(_table(rows, console.width))
        _show_one(console, rows, services)
    copied = f"cp {policy} my.yaml, change a limit, and: make demo POLICY=my.yaml"
    change = copied if policy == DEFAULT_POLICY else f"change a limit in {policy}, and the same command again"
    console.print(_NEXT.format(change=change), markup=False, soft_wrap=True)


_NEXT = """
What to try next
  {change}
  .venv/bin/batchgate policy check my.yaml         what is wrong in it, with line and column
  .venv/bin/batchgate policy explain --help        how a job would be decided, and why
  make local                                       the same services, for your own `aws` commands
"""


def _create_jobs(rows: Mapping[int, _Row], services: LocalServices, failures: list[GateError]) -> None:
    for number, job in enumerate(DEMO_JOBS):
        try:
            rows[number].job_id = create_demo_job(number, job, services)
        except GateError as error:
            failures.append(error)
            return


@contextmanager
def _handler_environment(services: LocalServices, canonical: bytes) -> Iterator[None]:
    """The environment of a deployed function, pointing at the local services."""
    with tempfile.TemporaryDirectory(prefix="batchgate-demo-") as folder:
        packaged = Path(folder, "policy.json")
        packaged.write_bytes(canonical)
        before = dict(os.environ)
        os.environ.update(
            services.environment()
            | {
                Variable.POLICY_FILE: str(packaged),
                Variable.LEDGER_TABLE: LEDGER_TABLE,
                Variable.EVENT_BUS: "default",
                "AWS_CONFIG_FILE": os.devnull,
                "POWERTOOLS_METRICS_DISABLED": "true",
                "POWERTOOLS_TRACE_DISABLED": "1",
            }
        )
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


@dataclass(frozen=True, slots=True)
class _Context:
    """What Lambda tells an invocation."""

    function_name: str = "batchgate-demo"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:batchgate-demo"
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@dataclass(slots=True)
class _LocalGate:
    """EventBridge, the queue and Lambda in one: match the event, wrap it, call the handler, read its log."""

    services: LocalServices
    failures: list[GateError] = field(default_factory=list)
    decisions: dict[str, dict[str, str]] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    deliveries: int = 0

    def take(self, event: Event) -> None:
        """One event on its way from S3 to a decision."""
        matched = self.services.events().test_event_pattern(
            EventPattern=json.dumps(JOB_EVENT_PATTERN), Event=json.dumps({**event, "version": "0"})
        )
        if not matched["Result"]:
            return
        self.deliveries += 1
        record = {
            "messageId": f"message-{self.deliveries}",
            "receiptHandle": "demo",
            "body": json.dumps(event),
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:batchgate-demo",
            "awsRegion": REGION,
        }
        for line in _logged({"Records": [record]}):
            decision = line.get("decision")
            if isinstance(decision, dict):
                self.decisions[decision["job_id"]] = decision

    def show_in(self, rows: Mapping[int, _Row]) -> None:
        """Bring the table up to what is decided."""
        for row in rows.values():
            decision = self.decisions.get(row.job_id)
            if row.job_id:
                row.status = self.services.batch.job(row.job_id).status.value
            if decision is not None:
                row.action, row.reason = decision["action"], decision["reason"]
                row.until = decision["until"] or ""
            elif row.status == "Failed":
                row.action, row.reason = "failed", "S3 could not read the manifest"


def _logged(event: dict[str, object]) -> Iterator[dict[str, dict[str, str]]]:
    """Invoke the handler that is deployed, and read what it logs."""
    # Read its environment when imported, as in Lambda; so only here.
    from batchgate.aws.wiring import logger
    from batchgate.handlers.job_event import handler

    stream = io.StringIO()
    logger.handlers[0] = _at(stream, logger.handlers[0])
    handler(event, _Context())  # type: ignore[arg-type]
    for line in stream.getvalue().splitlines():
        yield json.loads(line)


def _at(stream: io.StringIO, like: logging.Handler) -> logging.Handler:
    """A log handler of the same format that writes to `stream`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(like.formatter)
    return handler


def _table(rows: Mapping[int, _Row], width: int) -> Table:
    """One line a job; on a narrow terminal several, for the reason is what people look for."""
    table = Table(title="S3 Batch Operations jobs", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    if width < WIDE:
        table.add_column("job", overflow="fold", ratio=2)
        table.add_column("what came of it", overflow="fold", ratio=3)
        for row in rows.values():
            job = f"{row.title}\n{row.tasks:,} tasks, by {row.made_by}"
            said = Text(row.action or "...", _ACTION_STYLES.get(row.action, "dim"))
            table.add_row(job, said.append(f"; S3 says {row.status or '...'}\n{_reason(row)}", "default"))
        return table
    table.add_column("job", min_width=10)
    table.add_column("tasks", justify="right")
    table.add_column("made by", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("S3 says", no_wrap=True)
    table.add_column("reason on the job", overflow="fold", min_width=24)
    for row in rows.values():
        table.add_row(
            row.title,
            f"{row.tasks:,}",
            row.made_by,
            Text(row.action or "...", _ACTION_STYLES.get(row.action, "dim")),
            row.status,
            Text(_reason(row)),
        )
    return table


def _reason(row: _Row) -> str:
    return row.reason.removeprefix("batchgate: ") + (f" (until {row.until})" if row.until else "")


def _show_one(console: Console, rows: Mapping[int, _Row], services: LocalServices) -> None:
    """Ask the AWS CLI about one job; a decided one if there is any."""
    row = next((row for row in rows.values() if row.action == "cancelled"), rows[0])
    query = "Job.{JobId:JobId,Description:Description,Status:Status,StatusUpdateReason:StatusUpdateReason}"
    command = ["s3control", "describe-job", "--account-id", ACCOUNT, "--job-id", row.job_id, "--query", query]
    console.print(f"\n$ aws {shlex.join(command)}", markup=False, soft_wrap=True)
    console.print(printable_lines(aws(command, services)), markup=False, end="", soft_wrap=True)


def printable_lines(text: str) -> str:
    """What a command printed, line by line without anything that moves the cursor."""
    return "".join(f"{printable_line(line)}\n" for line in text.splitlines())
