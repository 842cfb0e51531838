"""A gate whose policies a team pushes from a repository of its own, by a role with the policy that is printed."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchgate.contract import GATE_PARAMETER, PUSHED
from batchgate.contract import DeployedGate as Parameter
from batchgate_cli.authoring import policy_file
from batchgate_cli.exits import Exit
from batchgate_cli.local.deployment import Deployment
from batchgate_cli.local.services import running_services
from batchgate_cli.operating.iam_policies import People, peoples_policy, pushers_policy
from infra.gate_asset import CHECKOUT
from tests.cli.live import on_a_terminal
from tests.docs.transcripts import differences
from tests.e2e.conftest import OWNED_BY_REPOSITORY, deployed, synthesized
from tests.e2e.deployed_gate import BUCKET, DeployedGate, client_of, wait_for
from tests.e2e.signed import OWNER, Person, member_of
from tests.e2e.test_stack_life import Policies

BATCHGATE = str(Path(sys.executable).with_name("batchgate"))
SMALL = """
version: 1
policies:
  - name: small-checksums
    match: [{operation: S3ComputeObjectChecksum}]
    require: [{total_tasks: {at_most: 3}}]
"""
LARGER = SMALL.replace("at_most: 3", "at_most: 9")
LARGEST = SMALL.replace("at_most: 3", "at_most: 99")
TOO_LARGE = 5


@pytest.fixture(scope="module")
def pushed(shared_directory: Path, aws_cli: str) -> Iterator[DeployedGate]:
    """A new gate, into which nobody has pushed policies; callers may do what IAM allows them."""
    with running_services() as services:
        outputs = deployed(services, shared_directory, OWNED_BY_REPOSITORY)
        client_of(services, "s3").create_bucket(Bucket=BUCKET)
        services.enforce_roles()
        gate = DeployedGate(services, outputs, aws_cli, {}, "")
        with gate.sweeping():
            yield gate


PAGE = CHECKOUT / "docs" / "policies-in-your-repository.md"


REVIEWED = "$ until batchgate policy preview policies 2>&1 | grep -q '^approved: 1'; do sleep 3; done\n"
"""A line of shell that waits until a sweep has reviewed the job by the policies that were pushed, within a minute."""


@pytest.mark.alone
def test_the_page_comes_out_as_shown(tmp_path: Path, shared_directory: Path, aws_cli: str) -> None:
    """From the first file to production, on a gate of its own into which nobody has pushed yet."""
    with running_services() as services:
        outputs = deployed(services, shared_directory, OWNED_BY_REPOSITORY)
        gate = DeployedGate(services, outputs, aws_cli, {}, "")
        client_of(services, "s3").create_bucket(Bucket=BUCKET)
        job = gate.create_job("S3PutObjectTagging", 2)
        wait_for("it is suspended", lambda: gate.is_suspended(job) or None)
        here = tmp_path / "here"
        here.mkdir()
        (here / "docs").symlink_to(CHECKOUT / "docs")
        text, count = re.subn(
            r"(?m)^```console not run: needs a gate (?:without|with) policies.*$", "```console", PAGE.read_text()
        )
        assert count == 3
        preview = "$ batchgate policy preview policies\n"
        assert text.count(preview) == 1
        text = text.replace(preview, f"{REVIEWED}{preview}")
        owner = Person(gate.outputs["ApiUrl"], OWNER)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GIT_"))}
        programs = os.pathsep.join([str(Path(BATCHGATE).parent), kept["PATH"]])
        plain = {
            "AWS_CONFIG_FILE": os.devnull,
            "NO_COLOR": "1",
            "LC_ALL": "C.UTF-8",
            "HOME": str(tmp_path),
            "COLUMNS": "200",
        }
        with gate.sweeping():
            wait_for("a sweep", lambda: owner.ask("GET", "/status")[1]["last_sweep"])
            wrong = differences(text, here, kept | services.environment() | plain | {"PATH": programs})
            assert not wrong, "\n".join(wrong)
            wait_for("the job is approved", lambda: not gate.is_suspended(job) or None)


def member(gate: DeployedGate, role: str, policy: Any) -> dict[str, str]:
    """The environment of a session of a role that has one policy."""
    given = member_of(gate, role, policy, "session").credentials
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **kept,
        **gate.services.environment(),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_ACCESS_KEY_ID": given.access_key,
        "AWS_SECRET_ACCESS_KEY": given.secret_key,
        "AWS_SESSION_TOKEN": given.token or "",
    }


def parameter(gate: DeployedGate) -> Parameter:
    """What the stack wrote about itself."""
    return Parameter.decode(gate.client("ssm").get_parameter(Name=GATE_PARAMETER)["Parameter"]["Value"])


@pytest.fixture(scope="module")
def pipeline(pushed: DeployedGate) -> dict[str, str]:
    """Who may push, and nothing else."""
    return member(pushed, "lake-policies", pushers_policy(parameter(pushed)))


@pytest.fixture(scope="module")
def operator(pushed: DeployedGate) -> dict[str, str]:
    """Who may run doctor."""
    return member(pushed, "lake-operators", peoples_policy(parameter(pushed), People.OPERATOR))


def run(who: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The installed command."""
    return subprocess.run([BATCHGATE, *arguments], env=who, capture_output=True, text=True, check=False, timeout=180)


def written(tmp_path: Path, text: str) -> str:
    """A policy file of a repository of its own."""
    file = tmp_path / "policies.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def version_of(text: str) -> str:
    """Of a policy set."""
    return policy_file.load_text(text).policies.version


def deployments(gate: DeployedGate) -> list[tuple[str, str]]:
    """The version and state of each, from the first to the last."""
    at = parameter(gate).appconfig
    assert at is not None
    here = {"ApplicationId": at.application, "EnvironmentId": at.environment}
    client = gate.client("appconfig")
    found = [
        client.get_deployment(**here, DeploymentNumber=each["DeploymentNumber"])
        for each in client.list_deployments(**here)["Items"]
    ]
    return [(each["Description"].removeprefix(PUSHED), each["State"]) for each in found]


def policy_lines(who: dict[str, str]) -> list[dict[str, Any]]:
    """What doctor says of the policies."""
    lines = json.loads(run(who, "doctor", "--output", "json").stdout)["checks"]
    return [each for each in lines if each["check"] in {"policies", "policy files"}]


def test_a_team_pushes_its_first_policies(
    pushed: DeployedGate, pipeline: dict[str, str], operator: dict[str, str], tmp_path: Path
) -> None:
    """Before, every job waits and doctor says what to do; then one is approved, and nothing rings."""
    small, large = (pushed.create_job("S3ComputeObjectChecksum", tasks) for tasks in (2, TOO_LARGE))
    [before] = [each for each in policy_lines(operator) if each["check"] == "policies" and each["level"] == "fail"][:1]
    assert "AppConfig has no policies deployed" in before["found"]
    assert "batchgate policy push PATH" in before["do"]
    assert pushed.is_suspended(small)
    denied = run(operator, "policy", "push", written(tmp_path, SMALL), "--yes")
    assert denied.returncode == Exit.FAILED
    assert "`batchgate iam pusher` prints the policy" in denied.stderr
    assert deployments(pushed) == []

    done = run(pipeline, "policy", "push", written(tmp_path, SMALL), "--yes")
    assert done.returncode == Exit.DONE, done.stderr
    assert "No policies are in force, so no job is decided" in done.stdout
    assert f"policy version {version_of(SMALL)} is in force in account" in done.stdout
    assert deployments(pushed) == [(version_of(SMALL), "COMPLETE")]

    def is_running() -> bool | None:
        return not pushed.is_suspended(small) or None

    wait_for("the small job is approved", is_running)
    assert pushed.is_suspended(large)

    def without_failures() -> list[dict[str, Any]] | None:
        lines = policy_lines(operator)
        return lines if [each["level"] for each in lines] == ["pass", "hint"] else None

    after = wait_for("every function has loaded the policies", without_failures)
    assert version_of(SMALL) in after[0]["found"]
    again = run(pipeline, "policy", "push", written(tmp_path, SMALL), "--yes")
    assert again.returncode == Exit.DONE
    assert "nothing was pushed" in again.stdout
    assert len(deployments(pushed)) == 1


def test_what_would_happen_is_shown_and_asked_first(
    pushed: DeployedGate, pipeline: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A no deploys nothing; without a terminal nothing is assumed. Then r rolls back while the policies bake."""
    before = deployments(pushed)
    held = pushed.create_job("S3ComputeObjectChecksum", TOO_LARGE)
    wait_for("it is held", lambda: pushed.decided(held))
    file = written(tmp_path, LARGER)
    unasked = run(pipeline, "policy", "push", file)
    assert unasked.returncode == Exit.USAGE
    assert "stdin is not a terminal; nothing was changed" in unasked.stderr
    for name, value in pipeline.items():
        monkeypatch.setenv(name, value)
    with on_a_terminal("policy", "push", file, columns=200) as terminal:
        shown = terminal.read_until("[y/N]")
        assert "waiting jobs would be decided differently" in shown
        assert f"deploy policy version {version_of(LARGER)} to account" in shown
        terminal.answer("n")
        assert terminal.end() == Exit.FAILED
    assert deployments(pushed) == before
    with on_a_terminal("policy", "push", file, columns=200) as terminal:
        terminal.read_until("[y/N]")
        terminal.answer("y")
        terminal.read_until("r rolls it back")
        os.write(terminal.screen, b"r")
        assert terminal.end() == Exit.CHECK_FAILED
        assert "was rolled back as you asked" in terminal.said
    assert deployments(pushed) == [*before, (version_of(LARGER), "ROLLED_BACK")]


def expected(gate: DeployedGate) -> tuple[str, str]:
    """The version in force and the one that should be, as the gate's API says."""
    status, found = Person(gate.outputs["ApiUrl"], OWNER).ask("GET", "/status")
    assert status == 200
    return found["policy_version"], found["policy_expected"]


def test_ctrl_c_explains_what_goes_on_and_the_same_command_shows_it_again(
    pushed: DeployedGate, pipeline: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another deployment is refused meanwhile; the AWS CLI's command that is shown rolls back."""
    file = written(tmp_path, LARGEST)
    for name, value in pipeline.items():
        monkeypatch.setenv(name, value)
    with on_a_terminal("policy", "push", file, "--yes", columns=200) as terminal:
        terminal.read_until("Ctrl-C leaves it to AppConfig")
        os.write(terminal.screen, b"\x03")
        assert terminal.end() == Exit.INTERRUPTED
    assert "goes on without this command" in terminal.said
    number = len(deployments(pushed))
    assert deployments(pushed)[-1] == (version_of(LARGEST), "BAKING")
    shown = run(pipeline, "policy", "push", file, "--yes", "--no-wait", "--output", "json")
    assert shown.returncode == Exit.DONE, shown.stderr
    found = json.loads(shown.stdout)
    assert (found["deployment_number"], found["state"], found["in_force"]) == (number, "BAKING", True)
    assert len(deployments(pushed)) == number
    other = run(pipeline, "policy", "push", written(tmp_path, LARGER), "--yes")
    assert other.returncode == Exit.FAILED
    assert "AppConfig runs one at a time. Nothing was deployed" in other.stderr
    [command] = re.findall(r"`(aws appconfig stop-deployment .*)`", shown.stderr)
    pushed.aws(*command.split()[1:])
    assert deployments(pushed)[-1] == (version_of(LARGEST), "ROLLED_BACK")


def test_an_alarm_rolls_back_and_that_is_an_error(
    pushed: DeployedGate, pipeline: dict[str, str], operator: dict[str, str], tmp_path: Path
) -> None:
    """The policies in force are not those that should be, until others are pushed. A person's rollback is no error."""
    number = len(deployments(pushed))
    assert expected(pushed) == (version_of(SMALL), version_of(SMALL))
    file = written(tmp_path, LARGER)
    with subprocess.Popen(
        [BATCHGATE, "policy", "push", file, "--yes", "--no-preview"],
        env=pipeline,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as push:
        wait_for("it bakes", lambda: deployments(pushed)[number:] == [(version_of(LARGER), "BAKING")] or None)
        pushed.client("cloudwatch").set_alarm_state(
            AlarmName="batchgate-circuit-breaker", StateValue="ALARM", StateReason="a test"
        )
        said, _ = push.communicate(timeout=90)
    assert push.returncode == Exit.CHECK_FAILED, said
    assert re.search(r"was rolled back by AppConfig: .*batchgate-circuit-breaker", said)
    assert expected(pushed) == (version_of(SMALL), version_of(LARGER))
    [line, _] = policy_lines(operator)
    assert line["level"] == "warn"
    assert f"the last push was of {version_of(LARGER)}, which was rolled back" in line["found"]
    pushed.client("cloudwatch").set_alarm_state(
        AlarmName="batchgate-circuit-breaker", StateValue="OK", StateReason="a test"
    )
    done = run(pipeline, "policy", "push", written(tmp_path, SMALL), "--yes", "--no-wait")
    assert done.returncode == Exit.DONE, done.stderr
    assert expected(pushed) == (version_of(SMALL), version_of(SMALL))


def test_the_pusher_may_do_nothing_else(pushed: DeployedGate, pipeline: dict[str, str]) -> None:
    """Neither decide a job, nor pause the gate, nor change what AppConfig watches."""
    job = pushed.create_job("S3PutObjectLegalHold", 1)
    wait_for("it is held", lambda: pushed.decided(job))
    for arguments in (["jobs", "approve", job, "--reason", "x", "--yes"], ["pause", "--reason", "x"]):
        refused = run(pipeline, *arguments)
        assert refused.returncode == Exit.FAILED
        assert "execute-api:Invoke" in refused.stderr
    assert pushed.is_suspended(job)
    at = parameter(pushed).appconfig
    assert at is not None
    for arguments in (
        ["appconfig", "update-environment", "--environment-id", at.environment, "--monitors", "[]"],
        ["appconfig", "delete-configuration-profile", "--configuration-profile-id", at.profile],
    ):
        done = subprocess.run(
            [pushed.aws_command, *arguments, "--application-id", at.application],
            env=pipeline,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0
        assert "AccessDenied" in done.stderr


@pytest.mark.alone
def test_a_change_of_the_owner_changes_no_policy(tmp_path: Path, shared_directory: Path) -> None:
    """From the stack to a team: its policies stay in force until the first push; and back: those of the files again."""
    files = {"policy_files": [written(tmp_path, SMALL)], "policy_findings": "ignore"}
    with running_services() as services:
        stack = Deployment(services.url, tmp_path / "stack", files)
        stack.deploy()
        policies, small = Policies(services), policy_file.load_text(SMALL).canonical_json
        assert policies.in_force() == small

        said: list[str] = []
        assembly = synthesized(shared_directory, OWNED_BY_REPOSITORY)
        team = Deployment(services.url, assembly, OWNED_BY_REPOSITORY)
        outputs = team.deploy_synthesized()
        assert policies.in_force() == small
        assert len(policies.deployments()) == 1
        owner = Person(outputs["ApiUrl"], OWNER)
        assert owner.ask("GET", "/status")[1]["policy_expected"] is None

        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        who = kept | services.environment() | {"AWS_CONFIG_FILE": os.devnull}
        (tmp_path / "own").mkdir()
        push = ("policy", "push", written(tmp_path / "own", LARGER), "--yes", "--no-wait", "--no-preview")
        done = run(who, *push)
        assert done.returncode == Exit.DONE, done.stderr
        assert policies.in_force() == policy_file.load_text(LARGER).canonical_json
        again = Deployment(services.url, tmp_path / "again", OWNED_BY_REPOSITORY, show=said.append)
        assert again.deploy() == outputs
        assert any("(no changes)" in line for line in said), said
        assert policies.in_force() == policy_file.load_text(LARGER).canonical_json

        [command] = re.findall(r"`aws appconfig stop-deployment .* --deployment-number (\d+) .*`", done.stdout)
        at = parameter(DeployedGate(services, outputs, "", {}, "")).appconfig
        assert at is not None
        client_of(services, "appconfig").stop_deployment(
            ApplicationId=at.application,
            EnvironmentId=at.environment,
            DeploymentNumber=int(command),
            AllowRevert=True,
        )
        stack.deploy_synthesized()
        assert policies.in_force() == small
        refused = run(who, *push)
        assert refused.returncode == Exit.FAILED
        assert "owns the policies" in refused.stderr
