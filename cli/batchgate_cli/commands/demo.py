"""`batchgate demo`: real requests, the real gate, and a table to watch."""

import json
import queue
import shlex
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from batchgate.errors import GateError
from batchgate_cli.exits import POLICY_EXIT_CODES_HELP, reported_errors
from batchgate_cli.groups import command_group, option
from batchgate_cli.output import printable_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from batchgate_cli.authoring.policy_file import LoadedPolicy
    from batchgate_cli.local.demo_gate import DemoGate, DemoS3
    from s3batch_emulator.events import Event

app = command_group()

EVALUATED_WITHIN_SECONDS = 60
WIDE = 118
"""Columns that one line a job takes."""

_ACTION_STYLES = {
    "approved": "bold green",
    "cancelled": "bold red",
    "held": "bold yellow",
}


class DemoError(GateError):
    """The demo did not end in time."""


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


@app.add(epilog=POLICY_EXIT_CODES_HELP)
def demo(
    policy: Annotated[
        Path | None,
        option(
            metavar="FILE",
            help="A policy file, or a directory of them; the demo's own if not given.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Decide nine jobs on this machine, without an AWS account; no traffic leaves the machine.

    An emulator stands in for S3 Batch Operations. The AWS SDK creates the jobs, or the AWS CLI some of them if the
    checkout has it. The code that you would deploy evaluates them, with its ledger in memory.
    """
    from rich.console import Console

    from batchgate_cli.authoring import policy_file

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDE)  # a file is read on more than 80 columns
    with reported_errors():
        path = policy or _own_policy()
        loaded = policy_file.load([path])
        console.print(f"Evaluating by {_relative(path)} (policy version {loaded.policies.version})", soft_wrap=True)
        _run(console, loaded)
        console.print(_what_next(path, is_own=path.samefile(_own_policy())), markup=False, soft_wrap=True)


def _own_policy() -> Path:
    """The demo's policy: beside this package in a wheel, in the checkout otherwise."""
    from batchgate_cli.local import demo_jobs
    from batchgate_cli.local.ministack import CHECKOUT

    packaged = Path(demo_jobs.__file__).with_name("demo.yaml")
    return packaged if packaged.exists() else CHECKOUT / "policies" / "demo.yaml"


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _run(console: "Console", loaded: "LoadedPolicy") -> None:
    from rich.live import Live

    from batchgate_cli.local.demo_gate import DemoGate, running_s3
    from batchgate_cli.local.demo_jobs import DEMO_JOBS, aws_cli

    events: queue.Queue[Event] = queue.Queue()
    has_cli = aws_cli() is not None
    rows = {
        number: _Row(job.title, "aws CLI" if job.by_cli and has_cli else "boto3", job.tasks)
        for number, job in enumerate(DEMO_JOBS)
    }
    with running_s3(events.put) as s3:
        gate = DemoGate(s3, loaded.policies)
        with (
            Live(_table(rows, console.width), console=console, refresh_per_second=8) as live,
            _creating_jobs(rows, s3) as creating,
        ):
            ends = time.monotonic() + EVALUATED_WITHIN_SECONDS
            while not all(row.is_done for row in rows.values()):
                if creating.done():
                    creating.result()
                if time.monotonic() > ends:
                    raise DemoError(f"not all jobs were evaluated within {EVALUATED_WITHIN_SECONDS} s")
                try:
                    event = events.get(timeout=0.2)
                except queue.Empty:
                    continue
                gate.review(event)
                _update(rows, gate)
                live.update(_table(rows, console.width))
        _show_one(console, rows, s3)


_COPY = "demo-copy.yaml"
"""The file for one's own changes; not my.yaml, which `batchgate policy new` may have written."""


def _what_next(policy: Path, *, is_own: bool) -> str:
    """Commands to try, as this installation has them."""
    from batchgate_cli.local.ministack import CHECKOUT

    in_checkout = (CHECKOUT / "Makefile").exists()
    command = ".venv/bin/batchgate" if in_checkout else "batchgate"
    again = f"make demo POLICY={_COPY}" if in_checkout else f"batchgate demo --policy {_COPY}"
    shown = shlex.quote(str(_relative(policy)))
    change = (
        f"cp {shown} {_COPY}, change a limit, and: {again}"
        if is_own
        else f"change a limit in {shown}, and run it again"
    )
    checked = f"{command} policy check {_COPY if is_own else shown}"
    whole = """
  make local                                       the whole stack, for your own `aws` commands"""
    return f"""
What to try next
  {change}
  {checked:<48} what is wrong in it, with line and column
  {f"{command} policy explain --help":<48} how a job would be decided, and why{whole if in_checkout else ""}
"""


@contextmanager
def _creating_jobs(rows: Mapping[int, _Row], s3: "DemoS3") -> Iterator["Future[None]"]:
    """Create the jobs on a thread, which has ended after the context: none may run while the interpreter ends."""
    from batchgate_cli.local.demo_jobs import DEMO_JOBS, create_demo_job

    stop = threading.Event()

    def create() -> None:
        for number, job in enumerate(DEMO_JOBS):
            if stop.is_set():
                return
            rows[number].job_id = create_demo_job(number, job, s3)

    with ThreadPoolExecutor(1) as aside:
        try:
            yield aside.submit(create)
        finally:
            stop.set()


def _update(rows: Mapping[int, _Row], gate: "DemoGate") -> None:
    """Bring the table up to what is decided."""
    for row in rows.values():
        review = gate.reviews.get(row.job_id)
        if row.job_id:
            row.status = gate.s3.batch.job(row.job_id).status.value
        if review is not None:
            row.action, row.reason = review.action, review.reason
            row.until = review.until.isoformat() if review.until else ""
        elif row.status == "Failed":
            row.action, row.reason = "failed", "S3 could not read the manifest"


def _table(rows: Mapping[int, _Row], width: int) -> "Table":
    """One line a job; on a narrow terminal several, for the reason is what people look for."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title="S3 Batch Operations jobs", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    if width < WIDE:
        table.add_column("job", overflow="fold", ratio=2)
        table.add_column("outcome", overflow="fold", ratio=3)
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


def _show_one(console: "Console", rows: Mapping[int, _Row], s3: "DemoS3") -> None:
    """Describe one job with the AWS CLI, or the SDK where there is none; a cancelled one if there is any."""
    from batchgate_cli.local.demo_jobs import aws, aws_cli
    from batchgate_cli.local.services import ACCOUNT

    row = next((row for row in rows.values() if row.action == "cancelled"), rows[0])
    shown = ("JobId", "Description", "Status", "StatusUpdateReason")
    if aws_cli() is None:
        described = s3.s3control().describe_job(AccountId=ACCOUNT, JobId=row.job_id)["Job"]
        title = f"boto3: describe_job(AccountId={ACCOUNT!r}, JobId={row.job_id!r})"
        output = json.dumps({name: str(described.get(name)) for name in shown}, indent=4)
    else:
        query = f"Job.{{{','.join(f'{name}:{name}' for name in shown)}}}"
        command = ["s3control", "describe-job", "--account-id", ACCOUNT, "--job-id", row.job_id, "--query", query]
        title, output = f"$ aws {shlex.join(command)}", aws(command, s3)
    console.print(f"\n{title}", markup=False, soft_wrap=True)
    console.print(printable_lines(output), markup=False, end="", soft_wrap=True)


def printable_lines(text: str) -> str:
    """What a command printed, line by line without anything that moves the cursor."""
    return "".join(f"{printable_line(line)}\n" for line in text.splitlines())
