"""The operations page on a deployed gate: its commands are run, and it leaves no alarm and no exit code out."""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from batchgate_cli.exits import Exit
from tests.cli.api_front import Front
from tests.cli.api_function import serving_function
from tests.cli.live import LiveStage, deploy_function, deployed_gate, deployed_policies, log, point_commands
from tests.docs.transcripts import differences
from tests.flow.deployed import Served, job_event, serving

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = (CHECKOUT / "docs" / "operations.md").read_text()
ERRORS = (CHECKOUT / "docs" / "errors.md").read_text()
STACK = json.loads((CHECKOUT / "tests" / "infra" / "template.json").read_text())["Resources"].values()
NEEDS_A_GATE = re.compile(r"^```console not run: needs a deployed gate(?:, (exits \d))?$", re.MULTILINE)
SMALL_JOBS = """
version: 1
policies:
  - name: small-jobs
    match: [{operation: S3PutObjectTagging}]
    require: [{total_tasks: {at_most: 1000}}]
"""


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A server for emulators, and an environment that leads clients there."""
    with serving() as made:
        yield made


@pytest.fixture
def live(served: Served, local_s3: str, monkeypatch: pytest.MonkeyPatch) -> LiveStage:
    """A deployed gate with jobs to come, and an environment that leads commands to it."""
    point_commands(monkeypatch, local_s3)
    made = deployed_gate(served, local_s3)
    made.stage.enforce(SMALL_JOBS)
    return made


@pytest.fixture
def front(live: LiveStage, tmp_path: Path) -> Iterator[Front]:
    """Its API, on the real function."""
    with serving_function(live, SMALL_JOBS, tmp_path) as served:
        yield served


@pytest.mark.usefixtures("front")
def test_its_commands_come_out_as_shown(live: LiveStage, tmp_path: Path) -> None:
    """One after the other, in one shell, with three held jobs and a dead letter."""
    page, count = NEEDS_A_GATE.subn(lambda found: f"```console {found[1] or ''}".rstrip(), PAGE)
    assert count > 5
    live.held(2500, Description="nightly tags of the lake")
    other = live.held(1200)
    live.held(1100)
    name = live.ledger.table
    deploy_function(live, name)
    live.deploy(functions={"job_event": name}, appconfig=deployed_policies(live, SMALL_JOBS))
    sent = live.client("sqs").send_message(
        QueueUrl=live.queues["unreviewed"], MessageBody=json.dumps(job_event(other.job_id))
    )
    log(live, name, sent["MessageId"], "GetItem: ThrottlingException: Rate exceeded")
    shell = {
        **{name: value for name, value in os.environ.items() if name.startswith(("AWS_", "HTTP_", "NO_"))},
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "TERM": "dumb",
    }
    here = tmp_path / "here"
    here.mkdir()
    wrong = differences(page, here, shell)
    assert not wrong, "\n".join(wrong)


WITH_MANIFEST_BUCKETS = {"manifest-not-read", "manifest-not-read-in-time", "manifest-rows-differ"}
"""Not in the template of the default settings; tests/infra/test_alarms.py has all."""


def alarms() -> set[str]:
    """The stack's alarms, without its name."""
    named: list[Any] = [each for each in STACK if each["Type"] == "AWS::CloudWatch::Alarm"]
    return {each["Properties"]["AlarmName"].removeprefix("batchgate-") for each in named} | WITH_MANIFEST_BUCKETS


def sections() -> dict[str, str]:
    """What the page says about each alarm."""
    _, *parts = re.split(r"^### ", PAGE.split("\n## Alarms\n")[1].split("\n## ")[0], flags=re.MULTILINE)
    return {name: text for name, _, text in (part.partition("\n") for part in parts)}


def test_it_has_a_section_for_every_alarm() -> None:
    """And for none that there isn't; alarms' descriptions lead to these headings."""
    assert sorted(sections()) == sorted(alarms())


@pytest.mark.parametrize("name", sorted(alarms()))
def test_it_says_what_an_alarm_means_how_to_see_why_what_to_do_and_when_it_is_over(name: str) -> None:
    """In this order, with a command that shows the cause."""
    text = sections()[name]
    parts = ("**What it means.**", "**See why.**", "```console", "**Do.**", "**It is over**")
    places = [text.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places == sorted(places)


OF_THE_CLI = {"query", "output", "region", "profile", "notification-endpoint"}
"""Options that are no parameters; the last is the CLI's name for the Endpoint of `sns subscribe`."""


def aws_commands() -> list[tuple[str, str, tuple[str, ...]]]:
    """The page's calls of the AWS CLI: service, command and options."""
    text = re.sub(r"\\\n> *", "", PAGE)
    calls = re.findall(r"\baws ([a-z]+) ([a-z-]+)((?: +(?:--[a-z-]+|\"[^\"]*\"|'[^']*'|[^\s`|<>)]+))*)", text)
    return [(service, command, tuple(re.findall(r"--([a-z-]+)", rest))) for service, command, rest in calls]


def test_its_calls_of_aws_exist() -> None:
    """With their options, in the models of the SDK; some are drilled in the deployed gate."""
    known = botocore.session.get_session()
    assert len(aws_commands()) > 20
    for service, command, options in aws_commands():
        model = known.get_service_model(service)
        operations = {xform_name(name, "-"): model.operation_model(name) for name in model.operation_names}
        shape = operations[command].input_shape
        members = {xform_name(name, "-") for name in shape.members} if shape else set()
        flags = {name.removeprefix("no-") for name in options} - OF_THE_CLI
        assert flags <= members, (service, command, flags - members)


def test_the_alarms_that_errors_raise_exist() -> None:
    """The table of errors names the stack's."""
    assert set(re.findall(r"`([a-z0-9-]+)`", ERRORS.split("## In a review")[1])) <= alarms()


def test_it_explains_every_exit_code_of_a_decision() -> None:
    """But those of other commands."""
    told = {int(code) for code in re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)}
    assert told == {*Exit} - {Exit.INVALID_POLICY, Exit.CASE_FAILED, Exit.INTERRUPTED, Exit.PIPE_CLOSED}
