"""People's commands on the deployed stack, by roles with the policies that `batchgate iam operators` prints."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jmespath
import pytest

from batchgate.aws.ledger_items import item_of
from batchgate.contract import GATE_PARAMETER
from batchgate.contract import DeployedGate as Parameter
from batchgate.jobs.model import JobRef
from batchgate_cli.exits import Exit
from batchgate_cli.local.services import ACCOUNT, REGION
from batchgate_cli.operating.iam_policies import People, peoples_policy
from tests.cli.live import on_a_terminal
from tests.e2e.deployed_gate import DeployedGate, client_of, wait_for
from tests.e2e.signed import Person, member_of
from tests.flow.test_api import a_hold

BATCHGATE = str(Path(sys.executable).with_name("batchgate"))


def people(gate: DeployedGate, role: str, policy: People, name: str) -> dict[str, str]:
    """The environment of somebody with one of the policies, and nothing else."""
    value = gate.client("ssm").get_parameter(Name=GATE_PARAMETER)["Parameter"]["Value"]
    person: Person = member_of(gate, role, peoples_policy(Parameter.decode(value), policy), name)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    given = person.credentials
    return {
        **kept,
        **gate.services.environment(),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_ACCESS_KEY_ID": given.access_key,
        "AWS_SECRET_ACCESS_KEY": given.secret_key,
        "AWS_SESSION_TOKEN": given.token or "",
    }


@pytest.fixture(scope="module")
def ana(gate: DeployedGate) -> dict[str, str]:
    """An approver."""
    return people(gate, "prod-owner", People.APPROVER, "ana")


@pytest.fixture(scope="module")
def ben(gate: DeployedGate) -> dict[str, str]:
    """Another one, by another role."""
    return people(gate, "lake-owner", People.APPROVER, "ben")


def run(who: dict[str, str], *arguments: str, code: int = 0) -> str:
    """What the installed command prints."""
    done = subprocess.run([BATCHGATE, *arguments], env=who, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stderr
    return done.stdout if code in {Exit.DONE, Exit.WARNED} else done.stderr


@pytest.fixture
def held(gate: DeployedGate) -> Iterator[str]:
    """A job that two people of two roles must approve."""
    job_id = gate.create_job("S3PutObjectLegalHold", 2)
    assert gate.decided(job_id)["phase"] == "held"
    yield job_id
    if gate.is_suspended(job_id):
        gate.s3control.update_job_status(AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus="Cancelled")


def test_each_command_prints_each_form(gate: DeployedGate, ana: dict[str, str], held: str) -> None:
    """For people, as JSON, text, a table and CSV; a query finds what it finds in the JSON."""
    for command in (["jobs", "held"], ["jobs", "show", held[:13]], ["jobs", "history"], ["pause", "--status"]):
        answer = json.loads(run(ana, *command, "-o", "json"))
        for form in ([], ["-o", "text"], ["-o", "table"], ["-o", "csv"]):
            printed = run(ana, *command, *form)
            assert command[1] not in {"held", "show"} or held in printed, (command, form)
    expression = "jobs[?operation=='S3PutObjectLegalHold'].[job_id, total_tasks]"
    answer = json.loads(run(ana, "jobs", "held", "-o", "json"))
    found = jmespath.search(expression, answer)
    assert [held, 2] in found
    assert json.loads(run(ana, "jobs", "held", "--query", expression)) == found
    text = run(ana, "jobs", "held", "--query", expression, "-o", "text")
    assert [line.split("\t") for line in text.splitlines()] == [[job, str(tasks)] for job, tasks in found]
    rows = [*csv.DictReader(io.StringIO(run(ana, "jobs", "held", "-o", "csv")))]
    assert held in {row["job_id"] for row in rows}


def test_two_people_approve_a_job(gate: DeployedGate, ana: dict[str, str], ben: dict[str, str], held: str) -> None:
    """One after the other; what is missing is told, and the second decides."""
    first = run(ana, "jobs", "approve", held, "--reason", "planned", "--yes")
    assert "your approval is recorded, and the job is held: 1 of 2 approvals" in first
    assert re.search(r"assumed-role/prod-owner/ana: planned \(counts\)", run(ben, "jobs", "show", held))
    assert "approved; the next sweep reports it (decision event, metrics)" in run(
        ben, "jobs", "approve", held, "--reason", "ok", "--yes"
    )
    assert not gate.is_suspended(held)
    refused = run(ana, "jobs", "cancel", held, "--reason", "not needed any more", "--yes", code=Exit.REFUSED)
    assert "this job was settled at" in refused


def test_a_viewer_sees_and_does_not_decide(gate: DeployedGate, held: str) -> None:
    """The gateway refuses the route, and the message names the permission."""
    viewer = people(gate, "reader", People.VIEWER, "eve")
    assert held in run(viewer, "jobs", "held")
    refused = run(viewer, "jobs", "approve", held, "--reason", "me, too", "--yes", code=1)
    assert "these credentials need execute-api:Invoke on POST /jobs/*/approvals" in refused
    assert gate.is_suspended(held)


def test_an_operator_pauses_and_resumes(gate: DeployedGate, ana: dict[str, str]) -> None:
    """An approver does not."""
    operator = people(gate, "gate-operator", People.OPERATOR, "ops")
    assert "is paused, since" in run(operator, "pause", "--reason", "an incident")
    refused = run(ana, "resume", code=1)
    assert "execute-api:Invoke on DELETE /pause" in refused
    assert "resumed the gate" in run(operator, "resume")


def test_500_held_jobs_are_all_listed(gate: DeployedGate, ana: dict[str, str]) -> None:
    """By one command."""
    dynamodb, table = client_of(gate.services, "dynamodb"), gate.outputs["LedgerTable"]
    now = datetime.now(UTC)
    refs = [JobRef("aws", REGION, ACCOUNT, f"{number:08x}-0000-4000-8000-{0:012}") for number in range(500)]
    items = [item_of(a_hold(ref, due_at=now + timedelta(days=20), first_held_at=now), "w") for ref in refs]
    for start in range(0, len(items), 25):
        dynamodb.batch_write_item(
            RequestItems={table: [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]}
        )
    try:
        listed = run(ana, "jobs", "held", "--policy", "by-hand")
        assert all(ref.job_id in listed for ref in refs)
    finally:
        for start in range(0, len(items), 25):
            keys = [{"pk": item["pk"], "sk": item["sk"]} for item in items[start : start + 25]]
            dynamodb.batch_write_item(RequestItems={table: [{"DeleteRequest": {"Key": key}} for key in keys]})


def test_ctrl_c_leaves_nothing_half_done_of_200(
    gate: DeployedGate, ana: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is listed as cancelled is so for S3, what is listed as not sent still waits, and can be cancelled later."""
    jobs = [gate.create_job("S3PutObjectLegalHold", 1) for _ in range(200)]
    wait_for("all are suspended", lambda: all(map(gate.is_suspended, jobs)) or None)
    for name, value in ana.items():
        monkeypatch.setenv(name, value)
    arguments = ["jobs", "cancel", "--from", "-", "--reason", "no", "--yes"]
    with on_a_terminal(*arguments, stdin="\n".join(jobs), columns=200) as terminal:
        terminal.read_until("[ 20/")
        os.write(terminal.screen, b"\x03")
        assert terminal.end() == Exit.INTERRUPTED
    listed = set(re.findall(r"/\d+\]  cancelled  (\S+)", terminal.said))
    # Where the local services failed, the line says so, and the job may be cancelled or not, or the summary does.
    failed = set(re.findall(r"/\d+\]  (?!cancelled  )[a-z ]+?  (\S+)", terminal.said))
    failed |= set(re.findall(r"^  ([0-9a-f-]{36})  \S", terminal.said, re.MULTILINE))
    unsent = set(re.findall(r"^  (\S+)$", terminal.said.split("not sent:")[1], re.MULTILINE))
    wait_for("all that are listed are cancelled", lambda: not any(map(gate.is_suspended, listed)))
    assert listed <= {job for job in jobs if not gate.is_suspended(job)} <= listed | failed
    assert unsent == {*jobs} - listed - failed
    assert len(unsent) > 100
    assert len(listed) > 10
    still_suspended = sorted(job for job in unsent | failed if gate.is_suspended(job))
    some, others = still_suspended[:20], still_suspended[20:]
    for _ in range(5):  # where the local services fail, it is sent again, as the message says
        subprocess.run(
            [BATCHGATE, "jobs", "cancel", *some, "--reason", "no", "--yes"], env=ana, check=False, timeout=300
        )
        some = [job for job in some if gate.is_suspended(job)]
        if not some:
            break
    assert not some
    for job in others:  # a minute less than by the command; the other tests' gate holds none of them
        gate.s3control.update_job_status(AccountId=ACCOUNT, JobId=job, RequestedJobStatus="Cancelled")
