"""AppConfig as botocore's stub plays it: the calls that are to come, in order; and a clock that the test steps."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
from botocore.response import StreamingBody
from botocore.stub import Stubber

from batchgate.aws.appconfig import CONFIG, POLL_SECONDS, AppConfigPolicy
from batchgate.contract import ProfileLocation
from batchgate.policy.checks import Between

MIDNIGHT = datetime(2026, 3, 27, tzinfo=UTC)
LOCATION = ProfileLocation("app1234", "enforced", "prof123")


def document(at_most: int) -> bytes:
    """A policy document that differs by one number."""
    return json.dumps(
        {"version": 1, "policies": [{"name": "small", "require": [{"total_tasks": {"at_most": at_most}}]}]}
    ).encode()


def limit(source: AppConfigPolicy) -> int:
    """That number, of the policies in force."""
    [check] = source.current().checks
    assert isinstance(check.test, Between)
    assert check.test.at_most is not None
    return check.test.at_most


@dataclass(slots=True)
class SteppedClock:
    """Stands still until it is stepped."""

    instant: datetime = MIDNIGHT

    def now(self) -> datetime:
        """The present instant."""
        return self.instant

    def step(self, **how: float) -> None:
        """Go on, by what timedelta takes."""
        self.instant += timedelta(**how)


@dataclass(slots=True)
class Stubbed:
    """A source before a stub of AppConfig that knows which calls are to come."""

    stub: Stubber
    source: AppConfigPolicy
    clock: SteppedClock
    warnings: list[str] = field(default_factory=list)

    def begins(self, token: str) -> None:
        """A session begins, and its first token is this."""
        self.stub.add_response(
            "start_configuration_session",
            {"InitialConfigurationToken": token},
            {
                "ApplicationIdentifier": LOCATION.application,
                "EnvironmentIdentifier": LOCATION.environment,
                "ConfigurationProfileIdentifier": LOCATION.profile,
                "RequiredMinimumPollIntervalInSeconds": POLL_SECONDS,
            },
        )

    def answers(self, token: str, content: bytes, following: str, *, interval: int = POLL_SECONDS) -> None:
        """This token is answered with this content and the token that follows it."""
        self.answers_with(token, StreamingBody(io.BytesIO(content), len(content)), following, interval=interval)

    def answers_with(self, token: str, body: Any, following: str, *, interval: int = POLL_SECONDS) -> None:
        """The same with a body that may break."""
        self.stub.add_response(
            "get_latest_configuration",
            {
                "Configuration": body,
                "NextPollConfigurationToken": following,
                "NextPollIntervalInSeconds": interval,
                "ContentType": "application/json",
            },
            {"ConfigurationToken": token},
        )

    def refuses(self, token: str, code: str, status: int = 400) -> None:
        """This token is answered with an error."""
        self.stub.add_client_error(
            "get_latest_configuration", code, "so it says", status, expected_params={"ConfigurationToken": token}
        )

    def refuses_to_begin(self, code: str, status: int = 400) -> None:
        """No session begins."""
        self.stub.add_client_error("start_configuration_session", code, "so it says", status)

    @property
    def limit(self) -> int:
        """The one number of the policies in force."""
        return limit(self.source)


@contextmanager
def stubbed() -> Iterator[Stubbed]:
    """A new source; at the end every call that was to come has come, and no other."""
    client = botocore.session.Session().create_client(
        "appconfigdata",
        region_name="eu-central-1",
        config=CONFIG,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    with Stubber(client) as stub:
        clock = SteppedClock()
        warnings: list[str] = []
        source = AppConfigPolicy(client, LOCATION, clock, warnings.append)  # type: ignore[arg-type]
        yield Stubbed(stub, source, clock, warnings)
        stub.assert_no_pending_responses()
