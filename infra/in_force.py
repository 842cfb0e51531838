"""What is in force where a deployment goes to, so that policies that were rolled back are deployed again.

CloudFormation deploys what differs from its last template. It does not learn that AppConfig, or a person, put other
policies in force since, and finds "no changes" in the same files. So the description of the policies' version and of
its deployment differs then, which makes another version of them and deploys it.
"""

import os
from collections.abc import Mapping
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from batchgate.contract import GATE_PARAMETER, DeployedGate, ProfileLocation
from batchgate.policy.wording import printable
from batchgate.text import shorten

DESCRIPTION: Final = "From the policy files of the deployment"
"""In a first deployment, and wherever nothing else is known."""

_IN_FORCE: Final = frozenset({"VALIDATING", "DEPLOYING", "BAKING", "COMPLETE"})
"""States of deployments whose version is in force, or about to be; the others were rolled back or reverted."""

_CONFIG: Final = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})


class UnknownInForceError(Exception):
    """AWS did not say what is in force; the message says why."""


def deployment_description(stack_name: str, policy: bytes, environment: Mapping[str, str] = os.environ) -> str:
    """How to describe the deployment of a policy document.

    As now if that document is in force, so that nothing is deployed; otherwise as none was.

    Args:
        stack_name: Another stack's gate is not looked at.
        policy: In canonical JSON, as it is deployed.
        environment: Where the cdk command says what account and Region it found credentials for. Without, nothing is
            asked.

    Raises:
        UnknownInForceError: AWS can't be asked, or denies it.
    """
    account, region = environment.get("CDK_DEFAULT_ACCOUNT"), environment.get("CDK_DEFAULT_REGION")
    if not account or not region:
        return DESCRIPTION
    session = botocore.session.get_session()

    def client(service: str) -> Any:  # noqa: ANN401 - botocore makes its clients' classes when it runs
        return session.create_client(service, region_name=region, config=_CONFIG)

    try:
        if "mfa_serial" in session.get_scoped_config() and "AWS_ACCESS_KEY_ID" not in os.environ:
            # botocore would ask for a code, after the cdk command has: a device's code is good for one of them
            raise UnknownInForceError("the profile asks for an MFA code")
        own = client("sts").get_caller_identity()["Account"]
        if own != account:
            message = f"the cdk command deploys to account {account}, and AWS_PROFILE or its like is of account {own}"
            raise UnknownInForceError(message)
        gate = _deployed_gate(client("ssm"))
        if gate is None or gate.stack != stack_name or gate.appconfig is None:
            return DESCRIPTION
        return _description(client("appconfig"), gate.appconfig, policy)
    except (BotoCoreError, ClientError, ResponseParserError, ValueError, LookupError, TypeError) as error:
        raise UnknownInForceError(shorten(printable(f"{type(error).__name__}: {error}"), 300)) from error


def _deployed_gate(ssm: Any) -> DeployedGate | None:  # noqa: ANN401
    try:
        return DeployedGate.decode(ssm.get_parameter(Name=GATE_PARAMETER)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        return None


def _description(appconfig: Any, where: ProfileLocation, policy: bytes) -> str:  # noqa: ANN401
    """Of the newest fifty deployments, which AppConfig lists at once."""
    listed = appconfig.list_deployments(ApplicationId=where.application, EnvironmentId=where.environment)["Items"]
    numbers = {each["DeploymentNumber"]: each for each in listed}
    served = [number for number, each in numbers.items() if each["State"] in _IN_FORCE]
    if served:
        version = str(numbers[max(served)]["ConfigurationVersion"])
        if version.isdigit() and _content(appconfig, where, int(version)) == policy:
            said = appconfig.get_deployment(
                ApplicationId=where.application, EnvironmentId=where.environment, DeploymentNumber=max(served)
            ).get("Description", "")
            return said if said.startswith(DESCRIPTION) else DESCRIPTION
    return f"{DESCRIPTION}, after deployment {max(numbers, default=0)}"


def _content(appconfig: Any, where: ProfileLocation, version: int) -> bytes | None:  # noqa: ANN401
    """Of a version; None if it was deleted, as CloudFormation does when an update fails after the deployment."""
    try:
        found = appconfig.get_hosted_configuration_version(
            ApplicationId=where.application, ConfigurationProfileId=where.profile, VersionNumber=version
        )
    except appconfig.exceptions.ResourceNotFoundException:
        return None
    content: bytes = found["Content"].read()
    return content
