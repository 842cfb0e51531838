"""The command `batchgate doctor --canary`, as a person runs it: by the machine's clock, in the local AWS."""

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from batchgate.aws.ledger import DynamoLedger
from batchgate.aws.wiring import SystemClock
from batchgate.contract import GATE_PARAMETER, create_table_arguments
from batchgate.gate.ports import Pause
from batchgate_cli.local.services import ACCOUNT, REGION, LocalServices, running_services, session
from batchgate_cli.operating.canary import PREFIX
from s3batch_emulator.switches import Delays
from tests.cli.live import batchgate, on_a_terminal
from tests.cli.test_canary_facts import NAMING


@pytest.fixture(scope="module")
def services() -> Iterator[LocalServices]:
    """The local AWS, with the emulator behind S3 Control's own name."""
    with running_services() as running:
        yield running


@pytest.fixture(autouse=True)
def _leads_there(services: LocalServices, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in services.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


def client(services: LocalServices, service: str) -> Any:
    """The account's own."""
    return session().client(service, endpoint_url=services.url)  # type: ignore[call-overload]


def what_there_is(services: LocalServices) -> dict[str, Any]:
    """Everything of a canary's that could be left, and the jobs that have not ended."""
    ended = {"Complete", "Cancelled", "Failed"}
    return {
        "buckets": client(services, "s3").list_buckets()["Buckets"],
        "roles": [each for each in client(services, "iam").list_roles()["Roles"] if "canary" in each["RoleName"]],
        "rules": client(services, "events").list_rules()["Rules"],
        "queues": client(services, "sqs").list_queues().get("QueueUrls", []),
        "jobs": [job.job_id for job in services.batch.jobs() if job.status.value not in ended],
    }


NOTHING: dict[str, Any] = {"buckets": [], "roles": [], "rules": [], "queues": [], "jobs": []}


@pytest.fixture
def deployed(services: LocalServices) -> Iterator[DynamoLedger]:
    """A gate's parameter and table; no functions."""
    table = f"gate-{uuid4().hex[:8]}"
    dynamodb = client(services, "dynamodb")
    dynamodb.create_table(**create_table_arguments(table))
    ssm = client(services, "ssm")
    ssm.put_parameter(Name=GATE_PARAMETER, Value=json.dumps({"ledger_table": table}), Type="String", Overwrite=True)
    yield DynamoLedger(dynamodb, table, ("aws", REGION, ACCOUNT), SystemClock())
    ssm.delete_parameter(Name=GATE_PARAMETER)


def test_it_says_what_it_makes_and_what_that_costs_before_it_makes_anything(services: LocalServices) -> None:
    """And makes nothing where nobody can answer, or the answer is no."""
    asked = batchgate("doctor", "--canary", "--without-gate")
    assert asked.exit_code == 2
    assert "2 S3 Batch Operations jobs (csv, generated)" in asked.output
    assert "cost: $0.50" in asked.output
    assert f"account {ACCOUNT}" in asked.output
    assert "Pass --yes" in asked.output
    assert "cost: $0.75" in batchgate("doctor", "--canary", "--without-gate", "--inventory").output
    with on_a_terminal("doctor", "--canary", "--without-gate") as terminal:
        terminal.read_until("[y/N]")
        terminal.answer("n")
        assert terminal.end() == 1
    assert (what_there_is(services), services.batch.jobs()) == (NOTHING, [])


def test_without_a_gate_it_wants_to_be_told_so(services: LocalServices) -> None:
    """A gate that was looked for in the wrong Region is not taken for none."""
    refused = batchgate("doctor", "--canary", "--yes")
    assert refused.exit_code == 1
    assert "no gate is deployed" in refused.output
    assert "--without-gate" in refused.output
    assert what_there_is(services) == NOTHING


def test_it_confirms_nothing_around_a_gate(services: LocalServices, deployed: DynamoLedger) -> None:
    """And begins nothing that a pause would hold."""
    around = batchgate("doctor", "--canary", "--without-gate", "--yes")
    assert (around.exit_code, "confirms no job around it" in around.output) == (1, True)
    deployed.set_pause(Pause(by="ana", reason="an incident", at=datetime.now(UTC)), replacing=None)
    paused = batchgate("doctor", "--canary", "--yes")
    assert (paused.exit_code, "the gate is paused since" in paused.output) == (1, True)
    assert what_there_is(services) == NOTHING


def test_a_whole_canary_in_real_time_gives_a_report_that_names_nobody(services: LocalServices) -> None:
    """Standard output is the JSON alone; progress is beside it."""
    done = batchgate("doctor", "--canary", "--without-gate", "--yes", "--output", "json", "--tag", "team=lake")
    assert (done.exit_code, what_there_is(services)) == (0, NOTHING), done.output
    document = json.loads(done.stdout)
    assert (document["service"], document["region"], document["gate"]) == ("local", REGION, False)
    assert document["facts"]["suspended_event"] is True
    assert 0 <= document["facts"]["suspended_event_seconds"] < 30
    assert document["settings"] == {"suspended_date_survives": "true", "untagged_answer_lacks_tags": "false"}
    assert not NAMING.search(done.stdout)
    assert f"removed: bucket {PREFIX}" in done.stderr
    tags = {key: value for job in services.batch.jobs() for key, value in job.tags.items()}
    assert tags == {"team": "lake"}


def test_ctrl_c_and_other_signals_remove_everything_and_report_what_was_seen(
    services: LocalServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal, in the middle of it: the generated job stays in Preparing."""
    monkeypatch.setattr(services.batch._service, "delays", Delays(preparing=timedelta(hours=1)))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with on_a_terminal("doctor", "--canary", "--without-gate", "--yes") as terminal:
            terminal.read_until("created the generated job")
            os.killpg(terminal.process.pid, number)
            assert terminal.end() == 130
        assert "interrupted: ending the jobs and removing everything" in terminal.said
        assert "to send in (docs/observed.md)" in terminal.said
        assert what_there_is(services) == NOTHING


def test_the_text_has_a_table_the_settings_and_the_json(services: LocalServices) -> None:
    """For people."""
    done = batchgate("doctor", "--canary", "--without-gate", "--yes")
    assert done.exit_code == 0, done.output
    assert "Does a job keep its SuspendedDate after it is confirmed? yes" in done.stdout
    assert "Error code for a job that does not exist: NotFoundException" in done.stdout
    assert "waiting for CloudTrail's record" not in done.output, "a local AWS keeps none: no time to wait until"
    _, _, settings = done.stdout.partition('settings for cdk.json, under "batchgate":\n')
    warning, _, settings = settings.partition("\n")
    assert warning == "(of the emulator, not of AWS: leave them out of cdk.json for an account)"
    assert settings.startswith('{\n  "suspended_date_survives": "true"')
    document = json.loads(done.stdout.partition("person:\n")[2])
    assert document["facts"]["suspended_cause"] == "AwaitingConfirmation"
