"""The policies in force, from AppConfig or from a file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from botocore.config import Config
from msgspec import Struct, field

from batchgate.aws.answers import only_answers
from batchgate.aws.calls import CallError, make_call
from batchgate.contract import ProfileLocation
from batchgate.errors import NoPolicyDeployedError, PolicyError, PolicyUnavailableError
from batchgate.gate.ports import Clock
from batchgate.policy.compiled import PolicySet
from batchgate.policy.deployed import load_deployed
from batchgate.text import shorten

if TYPE_CHECKING:
    from mypy_boto3_appconfigdata import AppConfigDataClient

CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
"""A token is good for one call: when an answer is lost, botocore's retry is refused, and a new session begins."""

POLL_SECONDS: Final = 15
"""The shortest time between two polls; AppConfig allows no shorter one.

*Source*: AppConfig Data API, StartConfigurationSession, RequiredMinimumPollIntervalInSeconds.
"""

TRY_AGAIN_AFTER: Final = timedelta(seconds=5)
"""After a failure, with a new session, to which no interval applies."""

TRY_AGAIN_WITH_POLICIES_AFTER: Final = timedelta(seconds=30)
"""The same while there are policies that may decide: a poll may take seconds, and the review waits for it."""

CONFIRMED_FOR: Final = timedelta(minutes=15)
"""For how long policies decide when AppConfig can't be asked whether they are still in force."""

_PROBLEMS_LISTED = 2000


class AppConfigPolicy(Struct):
    """The `PolicySource` port on AppConfig: polled when policies are needed, no more often than AppConfig allows.

    An empty answer within a session means that nothing has changed. A document that does not load decides nothing, and
    neither does the one before it. When AppConfig can't be asked, the last document decides for `CONFIRMED_FOR`.
    *Source*: AppConfig Data API, GetLatestConfiguration: tokens are good for one call and 24 hours.

    Attributes:
        client: A client made with `CONFIG`.
        warn: Receives a message about every failure to get or to load a document.
    """

    client: AppConfigDataClient
    location: ProfileLocation
    clock: Clock
    warn: Callable[[str], None]
    _lock: Lock = field(default_factory=Lock)
    _policies: PolicySet | None = None
    _confirmed_at: datetime | None = None
    _problem: str = ""
    _none_deployed: bool = False
    _token: str = ""
    _polled_at: datetime | None = None
    _interval: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        only_answers(self.client.meta.events)

    def current(self) -> PolicySet:
        """The document that is in force, or was within the last 15 minutes.

        Raises:
            NoPolicyDeployedError: AppConfig has none.
            PolicyUnavailableError: It can't be had, is invalid, or could not be confirmed for too long.
        """
        with self._lock:
            now = self.clock.now()
            if self._is_due(now):
                self._poll(now)
            if self._policies is None or self._confirmed_at is None:
                raise (NoPolicyDeployedError if self._none_deployed else PolicyUnavailableError)(self._problem)
            if not self._may_decide(self.clock.now()):
                raise PolicyUnavailableError(
                    f"AppConfig has not confirmed since {self._confirmed_at:%Y-%m-%dT%H:%M:%SZ} that policy "
                    f"{self._policies.version} is still in force: {self._problem}"
                )
            return self._policies

    def _may_decide(self, now: datetime) -> bool:
        """Whether there is a document that was confirmed not long ago."""
        if self._policies is None or self._confirmed_at is None:
            return False
        return timedelta(0) <= now - self._confirmed_at <= CONFIRMED_FOR

    def _is_due(self, now: datetime) -> bool:
        """Whether to poll; a clock that was set back counts as due."""
        after_failure = TRY_AGAIN_WITH_POLICIES_AFTER if self._may_decide(now) else TRY_AGAIN_AFTER
        wait = self._interval if self._token else after_failure
        return self._polled_at is None or not self._polled_at <= now < self._polled_at + wait

    def _poll(self, now: datetime) -> None:
        """Poll once. The token is kept only if the whole response was read, because AppConfig repeats nothing."""
        token, self._token = self._token, ""
        try:
            self._token = self._ask_and_take_in(token, now)
        finally:
            # From the end of the poll: a review that waited for a failed poll need not make the next one.
            self._polled_at = now if self._token else self.clock.now()

    def _ask_and_take_in(self, token: str, now: datetime) -> str:
        """The next token; "" where asking failed."""
        try:
            begun, content, next_token, self._interval = make_call(lambda: self._ask(token))
        except CallError as error:
            self._problem = f"AppConfig {self.location}: {shorten(str(error), _PROBLEMS_LISTED)}"
            self._none_deployed = _is_of_no_deployment(error)
            self.warn(self._problem)
            return ""
        if content or begun:
            self._take_in(content)
        if self._policies is not None:
            self._confirmed_at, self._problem = now, ""
        return next_token

    def _ask(self, token: str) -> tuple[bool, bytes, str, timedelta]:
        """Whether a new session began, the configuration, the next token, and when it may be used.

        A new session begins when the token is refused.
        """
        begun, answer = self._latest(token)
        interval = min(timedelta(seconds=answer["NextPollIntervalInSeconds"]), CONFIRMED_FOR)
        return begun, answer["Configuration"].read(), str(answer["NextPollConfigurationToken"]), interval

    def _latest(self, token: str) -> tuple[bool, Any]:
        if token:
            try:
                return False, make_call(lambda: self.client.get_latest_configuration(ConfigurationToken=token))
            except CallError as error:
                if error.code != "BadRequestException":
                    raise
        started = self.client.start_configuration_session(
            ApplicationIdentifier=self.location.application,
            EnvironmentIdentifier=self.location.environment,
            ConfigurationProfileIdentifier=self.location.profile,
            RequiredMinimumPollIntervalInSeconds=POLL_SECONDS,
        )
        return True, self.client.get_latest_configuration(ConfigurationToken=started["InitialConfigurationToken"])

    def _take_in(self, content: bytes) -> None:
        """Load a document. Even if that fails, the document before it decides nothing any more."""
        self._policies = None
        self._none_deployed = not content and self._confirmed_at is None
        if self._none_deployed:
            self._problem = f"AppConfig {self.location}: no policies are deployed"
            self.warn(self._problem)
            return
        self._problem = f"AppConfig {self.location}: the document could not be read"
        try:
            self._policies = load_deployed(content)
        except PolicyError as error:
            problems = shorten(str(error), _PROBLEMS_LISTED)
            self._problem = f"AppConfig {self.location}: invalid policy document: {problems}"
            self.warn(self._problem)


def _is_of_no_deployment(error: CallError) -> bool:
    """Whether what AppConfig does not find is a deployment. *Source*: AppConfig Data API, ResourceNotFoundException.

    Not verified on AWS: an environment without a deployment may answer otherwise, as the local one does. What is not
    recognized counts as policies that could not be loaded.
    """
    return error.code == "ResourceNotFoundException" and error.response.get("ResourceType") == "Deployment"


class PackagedPolicy(Struct):
    """A policy document in a file, for where there is no AppConfig; it does not change while the code runs."""

    path: Path
    _read: PolicySet | None = field(default=None)

    def current(self) -> PolicySet:
        """The file's policies, read once.

        Raises:
            PolicyUnavailableError: The file is missing, or is no policy document.
        """
        if self._read is None:
            self._read = self._load()
        return self._read

    def _load(self) -> PolicySet:
        try:
            return load_deployed(self.path.read_bytes())
        except (OSError, PolicyError) as error:
            raise PolicyUnavailableError(f"{self.path}: {error}") from error
