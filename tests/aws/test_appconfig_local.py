"""The adapter against a local AppConfig, by the real client: sessions, tokens, deployments."""

import time
from itertools import count
from typing import Any

import boto3
import pytest

from batchgate.aws.appconfig import CONFIG, AppConfigPolicy
from batchgate.contract import ProfileLocation
from batchgate.errors import PolicyUnavailableError
from tests.aws.stubbed import SteppedClock, document, limit

_numbers = count()


class Deployed:
    """An application of its own with one environment and one profile."""

    def __init__(self, endpoint_url: str) -> None:
        def client(service: str) -> Any:
            return boto3.client(  # type: ignore[call-overload]
                service,
                endpoint_url=endpoint_url,
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=CONFIG,
            )

        self.appconfig = client("appconfig")
        name = f"policies-{next(_numbers)}-{time.monotonic_ns()}"
        self.application = self.appconfig.create_application(Name=name)["Id"]
        self.environment = self.appconfig.create_environment(ApplicationId=self.application, Name="enforced")["Id"]
        self.profile = self.appconfig.create_configuration_profile(
            ApplicationId=self.application, Name="policies", LocationUri="hosted", Type="AWS.Freeform"
        )["Id"]
        self.strategy = self.appconfig.create_deployment_strategy(
            Name=name, DeploymentDurationInMinutes=0, GrowthFactor=100, FinalBakeTimeInMinutes=0, ReplicateTo="NONE"
        )["Id"]
        self.data = client("appconfigdata")
        self.clock = SteppedClock()
        self.warnings: list[str] = []

    def put_in_force(self, content: bytes) -> None:
        """A new hosted version, deployed."""
        version = self.appconfig.create_hosted_configuration_version(
            ApplicationId=self.application,
            ConfigurationProfileId=self.profile,
            Content=content,
            ContentType="application/json",
        )["VersionNumber"]
        self.appconfig.start_deployment(
            ApplicationId=self.application,
            EnvironmentId=self.environment,
            ConfigurationProfileId=self.profile,
            ConfigurationVersion=str(version),
            DeploymentStrategyId=self.strategy,
        )

    def source(self) -> AppConfigPolicy:
        """A source as the function makes it: the environment by its name."""
        location = ProfileLocation.parse(f"{self.application}/enforced/{self.profile}")
        return AppConfigPolicy(self.data, location, self.clock, self.warnings.append)


@pytest.fixture
def deployed(local_s3: str) -> Deployed:
    """Nothing is in force yet."""
    return Deployed(local_s3)


def test_what_is_deployed_is_in_force_after_the_interval(deployed: Deployed) -> None:
    """Changed, unchanged, changed."""
    deployed.put_in_force(document(1))
    source = deployed.source()
    assert limit(source) == 1
    deployed.clock.step(seconds=15)
    assert limit(source) == 1
    deployed.put_in_force(document(2))
    assert limit(source) == 1
    deployed.clock.step(seconds=15)
    assert limit(source) == 2
    assert deployed.warnings == []


def test_a_token_that_somebody_used_up_is_replaced(deployed: Deployed) -> None:
    """AppConfig refuses it, and the source begins anew in the same breath."""
    deployed.put_in_force(document(1))
    source = deployed.source()
    assert limit(source) == 1
    deployed.data.get_latest_configuration(ConfigurationToken=source._token)
    deployed.put_in_force(document(2))
    deployed.clock.step(seconds=15)
    assert limit(source) == 2
    assert deployed.warnings == []


def test_nothing_deployed_is_no_policy(deployed: Deployed) -> None:
    """The local AppConfig answers an empty configuration then; AWS may refuse. Neither is a policy."""
    with pytest.raises(PolicyUnavailableError):
        deployed.source().current()
    assert len(deployed.warnings) == 1


def test_a_profile_that_is_not_there_is_told(deployed: Deployed) -> None:
    """By its location and AppConfig's own words."""
    source = deployed.source()
    source.location = ProfileLocation(deployed.application, "enforced", "abcdefg")
    with pytest.raises(PolicyUnavailableError, match=r"abcdefg.*ResourceNotFoundException"):
        source.current()
