"""Which policies should be in force: as the stack says, or as AppConfig's deployments do where a team pushes them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber

from batchgate.aws.deployed import READ_EVERY, GateParameter
from batchgate.contract import PUSHED
from batchgate.errors import DeploymentError
from tests.aws.stubbed import SteppedClock

HERE = {"ApplicationId": "app1234", "EnvironmentId": "env1234"}
OLD, NEW = "0123456789ab", "ba9876543210"
BY_ALARM = [{"EventType": "ROLLBACK_STARTED", "TriggeredBy": "CLOUDWATCH_ALARM"}]
BY_PERSON = [{"EventType": "ROLLBACK_COMPLETED", "TriggeredBy": "USER"}]
REVERTED = [{"EventType": "REVERT_COMPLETED", "TriggeredBy": "USER"}]
STARTED = [{"EventType": "DEPLOYMENT_STARTED", "TriggeredBy": "USER"}]


@dataclass(slots=True)
class Answers:
    """AppConfig and SSM as botocore's stubs play them.

    Attributes:
        deployments: Description and events of each, from the first to the last.
    """

    ssm: Stubber
    appconfig: Stubber
    clock: SteppedClock = field(default_factory=SteppedClock)

    def parameter(self, **changes: Any) -> None:
        """The parameter is asked for."""
        value = {
            "ledger_table": "t",
            "policy_owner": "repository",
            "appconfig": {"application": "app1234", "environment": "env1234", "profile": "prof123"},
        } | changes
        answer = {"Parameter": {"Name": "/batchgate/gate", "Value": json.dumps(value)}}
        self.ssm.add_response("get_parameter", answer, {"Name": "/batchgate/gate"})

    def deployments(self, found: Sequence[tuple[str, list[dict[str, str]]]], asked: int) -> None:
        """They are listed, and so many of the newest are looked at."""
        numbers = [*range(1, len(found) + 1)]
        items = [{"DeploymentNumber": number} for number in numbers]
        self.appconfig.add_response("list_deployments", {"Items": items}, HERE)
        for number in reversed(numbers[len(numbers) - asked :]):
            description, events = found[number - 1]
            answer = {"DeploymentNumber": number, "Description": description, "EventLog": events}
            self.appconfig.add_response("get_deployment", answer, HERE | {"DeploymentNumber": number})

    @property
    def gate(self) -> GateParameter:
        """Knows nothing yet."""
        return GateParameter(self.ssm.client, self.clock, lambda: self.appconfig.client)


@pytest.fixture
def answers() -> Iterator[Answers]:
    """Stubs; at the end each call that was to come has come."""
    session = botocore.session.Session()

    def client(service: str) -> Any:
        return session.create_client(
            service, region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test"
        )

    with Stubber(client("ssm")) as ssm, Stubber(client("appconfig")) as appconfig:
        yield Answers(ssm, appconfig)
        ssm.assert_no_pending_responses()
        appconfig.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("found", "asked", "expected"),
    [
        ([(f"{PUSHED}{NEW}", STARTED)], 1, NEW),
        ([(f"{PUSHED}{OLD}", STARTED), (f"{PUSHED}{NEW}", STARTED + BY_ALARM)], 1, NEW),
        ([(f"{PUSHED}{OLD}", STARTED), (f"{PUSHED}{NEW}", STARTED + BY_PERSON)], 2, OLD),
        ([(f"{PUSHED}{OLD}", STARTED), (f"{PUSHED}{NEW}", STARTED + REVERTED)], 2, OLD),
        ([(f"{PUSHED}{OLD}", STARTED), ("by hand", STARTED)], 2, OLD),
        ([("From the policy files of the deployment", STARTED), ("", STARTED)], 2, ""),
        ([], 0, ""),
    ],
)
def test_the_last_push_that_no_person_rolled_back_should_be_in_force(
    answers: Answers, found: list[tuple[str, list[dict[str, str]]]], asked: int, expected: str
) -> None:
    """An alarm's rollback, and what somebody deploys by hand, are a difference; a person's rollback is none."""
    answers.parameter()
    answers.deployments(found, asked)
    assert answers.gate.gate().policy_version == expected


def test_another_version_is_compared_with_what_was_pushed_since(answers: Answers) -> None:
    """Once it is the expected one, AppConfig is left alone for as long as the parameter."""
    gate = answers.gate
    answers.parameter()
    answers.deployments([(f"{PUSHED}{OLD}", STARTED)], 1)
    assert gate.is_version(OLD) is True
    assert gate.is_version(OLD) is True
    answers.parameter()
    answers.deployments([(f"{PUSHED}{OLD}", STARTED), (f"{PUSHED}{NEW}", STARTED)], 1)
    assert gate.is_version(NEW) is True
    answers.clock.step(seconds=READ_EVERY.total_seconds())
    answers.parameter()
    answers.deployments([(f"{PUSHED}{NEW}", STARTED + BY_ALARM)], 1)
    assert gate.is_version(NEW) is True


def test_where_nothing_was_pushed_nothing_is_expected(answers: Answers) -> None:
    """As after a change of the owner; and it is not asked for with every sweep."""
    gate = answers.gate
    answers.parameter()
    answers.deployments([("From the policy files of the deployment", STARTED)], 1)
    assert [gate.is_version(each) for each in (OLD, NEW)] == [None, None]


def test_a_stack_that_owns_the_policies_names_them_itself(answers: Answers) -> None:
    """AppConfig is not asked, whatever was pushed before."""
    answers.parameter(policy_owner="stack", policy_version=OLD)
    assert answers.gate.is_version(OLD) is True


def test_what_appconfig_refuses_is_an_error_of_the_gate(answers: Answers) -> None:
    """And says neither that the version is the expected one, nor that it is not."""
    answers.parameter()
    answers.appconfig.add_client_error("list_deployments", "AccessDeniedException", "so it says", 403)
    with pytest.raises(DeploymentError, match="AppConfig's deployments of app1234/env1234/prof123"):
        answers.gate.is_version(OLD)
