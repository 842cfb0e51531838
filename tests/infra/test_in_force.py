"""Policies that were rolled back get another description, and are deployed again; those in force keep theirs."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest

from batchgate.contract import GATE_PARAMETER, DeployedGate, ProfileLocation
from batchgate_cli.local.ministack import running_ministack
from batchgate_cli.local.services import ACCOUNT, REGION, environment
from infra.in_force import DESCRIPTION, UnknownInForceError, deployment_description

OLD, NEW = b'{"version":1,"policies":[]}', b'{"version":1}'
FOUND = {"CDK_DEFAULT_ACCOUNT": ACCOUNT, "CDK_DEFAULT_REGION": REGION}


class Profile:
    """One profile of one environment in a local AppConfig, and the parameter that names both.

    The clients are of sessions of their own: the default one may keep the credentials of an earlier test.
    """

    def __init__(self) -> None:
        self.appconfig: Any = boto3.session.Session().client("appconfig")
        application = self.appconfig.create_application(Name="gate")["Id"]
        made = self.appconfig.create_environment(ApplicationId=application, Name="enforced")["Id"]
        profile = self.appconfig.create_configuration_profile(
            ApplicationId=application, Name="policies", LocationUri="hosted"
        )["Id"]
        self.environment = {"ApplicationId": application, "EnvironmentId": made}
        self.profile = {"ApplicationId": application, "ConfigurationProfileId": profile}
        gate = DeployedGate(
            stack="batchgate", ledger_table="any", appconfig=ProfileLocation(application, made, profile)
        )
        boto3.session.Session().client("ssm").put_parameter(
            Name=GATE_PARAMETER, Value=json.dumps(gate.encode()), Type="String", Overwrite=True
        )

    def deploy(self, content: bytes, description: str, *, bakes: bool = False) -> int:
        """Deploy a document all at once; the number of the deployment."""
        version = self.appconfig.create_hosted_configuration_version(
            **self.profile, Content=content, ContentType="application/json"
        )["VersionNumber"]
        strategy = self.appconfig.create_deployment_strategy(
            Name=description[-60:],
            DeploymentDurationInMinutes=0,
            GrowthFactor=100,
            FinalBakeTimeInMinutes=10 if bakes else 0,
            ReplicateTo="NONE",
        )["Id"]
        started = self.appconfig.start_deployment(
            **self.environment,
            ConfigurationProfileId=self.profile["ConfigurationProfileId"],
            ConfigurationVersion=str(version),
            DeploymentStrategyId=strategy,
            Description=description,
        )
        return int(started["DeploymentNumber"])

    def roll_back(self, number: int) -> str:
        """What a person does; the state of the deployment then."""
        stopped = self.appconfig.stop_deployment(**self.environment, DeploymentNumber=number, AllowRevert=True)
        return str(stopped["State"])


@pytest.fixture(scope="module")
def local_aws() -> Iterator[str]:
    """A local AWS in which nothing is deployed."""
    with running_ministack() as url:
        yield url


@pytest.fixture
def profile(local_aws: str, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """A profile without a version; clients of this process go to its AWS."""
    for name, value in environment(local_aws).items():
        monkeypatch.setenv(name, value)
    return Profile()


def described(policy: bytes) -> str:
    """What the app asks for when the cdk command has found credentials."""
    return deployment_description("batchgate", policy, FOUND)


def test_what_is_in_force_keeps_its_description(profile: Profile) -> None:
    """So that a second deployment of the same files finds no changes, whatever came before."""
    profile.deploy(OLD, DESCRIPTION)
    assert described(OLD) == DESCRIPTION
    second = described(NEW)
    assert second == f"{DESCRIPTION}, after deployment 1"
    profile.deploy(NEW, second)
    assert described(NEW) == second
    assert described(OLD) == f"{DESCRIPTION}, after deployment 2"


@pytest.mark.parametrize(("bakes", "state"), [(False, "REVERTED"), (True, "ROLLED_BACK")])
def test_what_was_rolled_back_gets_a_description_that_no_version_had(profile: Profile, bakes: bool, state: str) -> None:
    """While it baked or after; and so each time it happens."""
    seen = [DESCRIPTION]
    profile.deploy(OLD, DESCRIPTION)
    for _ in range(3):
        seen.append(described(NEW))
        number = profile.deploy(NEW, seen[-1], bakes=bakes)
        assert described(NEW) == seen[-1]
        assert profile.roll_back(number) == state
    assert described(NEW) not in seen
    assert len(set(seen)) == len(seen)
    assert described(OLD) == DESCRIPTION


def test_what_others_put_in_force_is_replaced(profile: Profile) -> None:
    """A document that a person deployed at the console; the same document needs no deployment's name."""
    profile.deploy(OLD, DESCRIPTION)
    profile.deploy(NEW, "tried at the console")
    assert described(OLD) == f"{DESCRIPTION}, after deployment 2"
    assert described(NEW) == DESCRIPTION


def test_a_version_that_is_in_force_and_was_deleted_is_replaced(profile: Profile) -> None:
    """As after an update that failed once the policies were deployed: whichever files come next are deployed."""
    profile.deploy(OLD, DESCRIPTION)
    profile.deploy(NEW, described(NEW))
    profile.appconfig.delete_hosted_configuration_version(**profile.profile, VersionNumber=2)
    assert described(OLD) == described(NEW) == f"{DESCRIPTION}, after deployment 2"


def test_nothing_is_asked_without_credentials_or_a_deployed_gate(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first deployment, another stack's gate, and a synthesis without an account."""
    profile.deploy(OLD, DESCRIPTION)
    assert deployment_description("another", NEW, FOUND) == DESCRIPTION
    boto3.session.Session().client("ssm").delete_parameter(Name=GATE_PARAMETER)
    assert described(NEW) == DESCRIPTION
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert deployment_description("batchgate", NEW, {}) == DESCRIPTION


def test_what_can_not_be_asked_is_an_error_that_says_why(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of another account than the cdk command's, and an AWS that does not answer."""
    with pytest.raises(UnknownInForceError, match=f"account 111122223333, .* account {ACCOUNT}"):
        deployment_description("batchgate", NEW, {**FOUND, "CDK_DEFAULT_ACCOUNT": "111122223333"})
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(UnknownInForceError, match="Could not connect"):
        described(NEW)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>\x1b[2Jsign in</html>",
        b"",
        b"<GetCallerIdentityResponse/>",
        b"<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>",
        b"{}",
    ],
)
def test_what_is_no_answer_of_aws_is_an_error_too(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    """A proxy's page, in one line that is safe on a terminal."""

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Proxy)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    try:
        with pytest.raises(UnknownInForceError) as error:
            described(NEW)
    finally:
        server.shutdown()
        server.server_close()
    assert str(error.value).isprintable()


@pytest.mark.parametrize("value", ["{}", "null", "[]", "no JSON", '{"ledger_table": "t", "appconfig": {}}'])
def test_a_parameter_that_no_stack_wrote_is_an_error(profile: Profile, value: str) -> None:
    """It is a warning of the synthesis, not its end."""
    boto3.session.Session().client("ssm").put_parameter(Name=GATE_PARAMETER, Value=value, Type="String", Overwrite=True)
    with pytest.raises(UnknownInForceError):
        described(NEW)


def test_a_profile_with_a_code_device_is_not_asked(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The cdk command has asked the person for a code; a second question would wait for ever, or refuse the code."""
    config = tmp_path / "config"
    config.write_text(
        "[profile base]\naws_access_key_id = a\naws_secret_access_key = b\n[profile admin]\nsource_profile = base\n"
        f"role_arn = arn:aws:iam::{ACCOUNT}:role/admin\nmfa_serial = arn:aws:iam::{ACCOUNT}:mfa/kim\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "admin")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(UnknownInForceError, match="MFA"):
        described(NEW)
