"""`batchgate policy push` where AppConfig answers what the local one does not: refusals, lost answers, others' pushes.

tests/e2e/test_push.py has the rest, on a deployed gate.
"""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from batchgate.contract import PUSHED, ProfileLocation, Strategies
from batchgate_cli.authoring import policy_file
from batchgate_cli.exits import Exit, OutcomeUnknownError, reported_as
from batchgate_cli.operating.options import GateAccessError
from batchgate_cli.operating.push_watch import Watch, in_words
from batchgate_cli.operating.pushing import (
    Deployment,
    Progress,
    PushError,
    RefusedByValidatorError,
    Target,
)
from tests.cli.live import LiveStage, batchgate
from tests.flow.stage import APPROVE_ALL, REGION

HERE = {"ApplicationId": "app1234", "EnvironmentId": "env1234"}
LOADED = policy_file.load_text(APPROVE_ALL)
VERSION = LOADED.policies.version
STARTING: dict[str, Any] = {
    **HERE,
    "ConfigurationProfileId": "prof123",
    "ConfigurationVersion": "7",
    "DeploymentStrategyId": "later12",
    "Description": f"{PUSHED}{VERSION}",
}


class AppConfig(Stubber):
    """AppConfig as botocore's stub plays it."""

    def listed(self, *states: str) -> None:
        """ListDeployments, with the states from the first deployment to the last."""
        items = [{"DeploymentNumber": number, "State": state} for number, state in enumerate(states, 1)]
        self.add_response("list_deployments", {"Items": items}, HERE)

    def deployment(self, number: int, state: str = "BAKING", stored: str = "7", **more: Any) -> None:
        """GetDeployment."""
        self.add_response(
            "get_deployment", answered(number, state, stored, **more), HERE | {"DeploymentNumber": number}
        )

    def refuses(self, operation: str, code: str, **fields: Any) -> None:
        """An error, with the members that its model has."""
        self.add_client_error(operation, code, fields.pop("message", "so it says"), 400, modeled_fields=fields)


def answered(number: int, state: str = "BAKING", stored: str = "7", **more: Any) -> dict[str, Any]:
    """A deployment of ours."""
    return {
        "DeploymentNumber": number,
        "State": state,
        "Description": f"{PUSHED}{VERSION}",
        "ConfigurationVersion": stored,
        "FinalBakeTimeInMinutes": 10,
        **more,
    }


@pytest.fixture
def appconfig() -> Iterator[AppConfig]:
    """At the end each call that was to come has come."""
    client = boto3.client("appconfig", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")
    with AppConfig(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def target(appconfig: AppConfig) -> Target:
    """Where it is deployed to."""
    where = ProfileLocation("app1234", "env1234", "prof123")
    return Target(appconfig.client, where, Strategies("first12", "later12"), "account 1 in x")


def before(number: int = 1) -> Deployment:
    """The deployment that the person saw."""
    return Deployment.read(answered(number, "COMPLETE", "6"))


CONSTRAINT = {"Constraint": "", "Location": "", "Type": "LAMBDA", "Value": ""}


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (
            "Error",
            {
                "Reason": "InvalidConfiguration",
                "Details": {"InvalidConfiguration": [CONSTRAINT | {"Reason": "policies[0].x: unknown key"}]},
            },
        ),
        ("Validation failed\npolicies[0].x: unknown key", {}),
        ("policies[0].x: unknown key", {"Reason": "InvalidConfiguration"}),
    ],
)
@pytest.mark.parametrize("operation", ["create_hosted_configuration_version", "start_deployment"])
def test_what_the_validator_refuses_is_said_in_its_words(
    appconfig: AppConfig, operation: str, message: str, fields: dict[str, Any]
) -> None:
    """Whichever call it answers, and however AppConfig passes that on; nothing was deployed."""
    if operation == "start_deployment":
        appconfig.listed("COMPLETE")
    appconfig.refuses(operation, "BadRequestException", message=message, **fields)
    at = target(appconfig)
    call = partial(at.store, LOADED) if operation.startswith("create") else partial(at.start, 7, VERSION, before())
    with pytest.raises(RefusedByValidatorError) as raised:
        call()
    assert "policies[0].x: unknown key" in str(raised.value).splitlines()
    assert "the policies in force stay so" in str(raised.value)
    assert reported_as(raised.value) is Exit.REFUSED


def test_another_bad_request_is_no_answer_of_the_validator(appconfig: AppConfig) -> None:
    """It is an error like any other."""
    appconfig.listed("COMPLETE")
    appconfig.refuses("start_deployment", "BadRequestException", message="Strategy is wrong")
    with pytest.raises(GateAccessError, match="Strategy is wrong"):
        target(appconfig).start(7, VERSION, before())


def test_the_first_policies_are_not_watched_and_later_ones_are(appconfig: AppConfig) -> None:
    """The first have no others to be rolled back to."""
    for states, strategy in ((), "first12"), (("ROLLED_BACK",), "first12"), (("COMPLETE", "ROLLED_BACK"), "later12"):
        appconfig.listed(*states)
        asked = STARTING | {"DeploymentStrategyId": strategy}
        newest = before(len(states)) if states else None
        asked = asked | ({"LatestDeploymentNumber": newest.number} if newest else {})
        appconfig.add_response("start_deployment", answered(len(states) + 1, "DEPLOYING"), asked)
        assert target(appconfig).start(7, VERSION, newest).state is Progress.DEPLOYING


def test_a_deployment_since_the_preview_is_a_conflict(appconfig: AppConfig) -> None:
    """Nothing is deployed over what somebody else deployed meanwhile."""
    appconfig.listed("COMPLETE", "BAKING")
    appconfig.refuses("start_deployment", "ConflictException")
    appconfig.listed("COMPLETE", "BAKING")
    appconfig.deployment(2, stored="99")
    with pytest.raises(PushError, match="another deployment since the preview"):
        target(appconfig).start(7, VERSION, before())


class Losing:
    """A client whose StartDeployment does what it is asked, and whose answer is lost."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def start_deployment(self, **_: Any) -> Any:
        """As botocore has it."""
        raise ReadTimeoutError(endpoint_url="https://appconfig")


@pytest.mark.parametrize("stored", ["7", "99"])
def test_a_lost_answer_is_looked_up(appconfig: AppConfig, stored: str) -> None:
    """By the document that the newest deployment has, whose number is ours alone."""
    losing = Target(Losing(appconfig.client), target(appconfig).where, target(appconfig).strategies, "account 1 in x")
    appconfig.listed("COMPLETE")
    appconfig.listed("COMPLETE", "BAKING")
    appconfig.deployment(2, stored=stored)
    if stored == "7":
        assert losing.start(7, VERSION, before()).number == 2
    else:
        with pytest.raises(GateAccessError, match="StartDeployment: ReadTimeoutError"):
            losing.start(7, VERSION, before())


def test_where_a_lost_answer_can_not_be_looked_up_the_outcome_is_not_known(appconfig: AppConfig) -> None:
    """With what to do."""
    losing = Target(Losing(appconfig.client), target(appconfig).where, target(appconfig).strategies, "account 1 in x")
    appconfig.listed("COMPLETE")
    appconfig.refuses("list_deployments", "InternalServerException")
    with pytest.raises(OutcomeUnknownError, match="Run the same command again"):
        losing.start(7, VERSION, before())


def test_a_deployment_is_followed_through_failures_of_the_network(
    appconfig: AppConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each state is a line where there is no terminal; for a minute it asks again."""
    appconfig.refuses("get_deployment", "InternalServerException")
    appconfig.deployment(2)
    appconfig.deployment(2, "COMPLETE")
    begun = Deployment.read(answered(2, "DEPLOYING"))
    assert Watch(target(appconfig), seconds=0.01).until_end(begun).state is Progress.COMPLETE
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if line.startswith("deployment 2")] == [
        f"deployment 2: policy version {VERSION} is being put in force",
        f"deployment 2: policy version {VERSION} is in force, watched by alarms for 10 min",
    ]
    assert "trying again" in said[1]


def test_after_a_minute_of_failures_the_outcome_is_not_known(appconfig: AppConfig) -> None:
    """The deployment goes on, and how to roll it back is said."""
    for _ in range(20):
        appconfig.refuses("get_deployment", "ExpiredTokenException")
    with pytest.raises(OutcomeUnknownError, match=r"goes on without this command.*aws appconfig stop-deployment"):
        Watch(target(appconfig), seconds=0.0).until_end(Deployment.read(answered(2)))


def test_a_state_that_is_not_known_goes_on(appconfig: AppConfig) -> None:
    """AWS may add one."""
    appconfig.deployment(2, "ROLLED_BACK")
    begun = Deployment.read(answered(2, "PAUSED"))
    assert begun.state.goes_on
    assert "is UNKNOWN" in in_words(begun, None)
    assert Watch(target(appconfig), seconds=0.0).until_end(begun).state.has_failed


def test_policies_that_the_stack_owns_are_not_pushed(live: LiveStage, tmp_path: Any) -> None:
    """Its next deployment would replace them."""
    file = tmp_path / "p.yaml"
    file.write_text(APPROVE_ALL)
    live.deploy(policy_version="0123456789ab")
    result = batchgate("policy", "push", str(file), "--yes", "--output", "json")
    assert result.exit_code == Exit.FAILED
    assert 'setting policy_owner "repository"' in json.loads(result.stderr)["error"]["message"]
    file.write_text("version: 2")
    assert batchgate("policy", "push", str(file), "--yes").exit_code == Exit.INVALID_POLICY
