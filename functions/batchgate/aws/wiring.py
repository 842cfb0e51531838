"""Settings in, ports on AWS out; everything is made when it is first needed, and then kept."""

import os
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Self

import botocore
import botocore.session
from aws_lambda_powertools import Logger
from botocore.config import Config
from msgspec import Struct

from batchgate import __version__
from batchgate.aws import announcements, appconfig, notices, s3control
from batchgate.aws import ledger as ledgers
from batchgate.aws.appconfig import AppConfigPolicy, PackagedPolicy
from batchgate.aws.manifests import StoredManifests
from batchgate.aws.pace import Evenly, Pace, Unhurried
from batchgate.aws.s3control import S3Control
from batchgate.contract import SERVICE, ProfileLocation
from batchgate.errors import GateError
from batchgate.gate.ports import (
    Announcer,
    CircuitBreaker,
    DecisionLedger,
    Gate,
    JobsApi,
    ManifestsApi,
    Notices,
    PolicySource,
)
from batchgate.gate.sweep import Plan
from batchgate.jobs.model import DateSurvives, Job
from batchgate.policy.facts import Gap
from batchgate.policy.wording import printable
from batchgate.text import shorten

SWEEP_WORKERS = 16
_CALLS_BESIDE = SWEEP_WORKERS + 4
"""One a review, and some that hang on from a review that was given up."""

UNVERIFIED = ("unknown", "true", "false")
"""What a setting says of something that nobody outside AWS knows; found out on an account."""

USER_AGENT = f"batchgate/{__version__} botocore/{botocore.__version__}"

logger = Logger(service=SERVICE)


class SettingError(GateError):
    """The function's environment lacks something, or says what can't be."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, UTC."""
        return datetime.now(UTC)


class Home(Struct, frozen=True):
    """Where this function lives, and whose jobs it decides: the partition, Region and account of its own ARN."""

    partition: str
    region: str
    account_id: str

    @classmethod
    def of_function(cls, arn: str) -> Self:
        """Read `arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME`."""
        _, partition, _, region, account_id, *_ = arn.split(":")
        return cls(partition, region, account_id)


class Settings(Struct, frozen=True):
    """What the environment says.

    Attributes:
        policies: BATCHGATE_APPCONFIG, APPLICATION/ENVIRONMENT/PROFILE; or BATCHGATE_POLICY_FILE, a file of policy JSON
            for where there is no AppConfig.
        ledger_table: BATCHGATE_LEDGER_TABLE: the table of decisions.
        adopt_existing: BATCHGATE_ADOPT_EXISTING: `evaluate`, or `report` if not said.
        suspended_date_survives: BATCHGATE_SUSPENDED_DATE_SURVIVES: `true`, `false`, or `unknown` if not said.
        breaker: BATCHGATE_CIRCUIT_BREAKER: cancellations/minutes; 20/10 if not said.
        event_bus: BATCHGATE_EVENT_BUS: the bus that hears of decisions; none if not said.
        topic_arn: BATCHGATE_TOPIC_ARN: the topic that hears of holds; none if not said.
        sweep_calls_per_second: BATCHGATE_SWEEP_CALLS_PER_SECOND; 20 if not said.
        untagged_lacks_tags: BATCHGATE_UNTAGGED_ANSWER_LACKS_TAGS: `true`; anything but that is not known, or not so.
    """

    policies: ProfileLocation | Path
    ledger_table: str
    adopt_existing: bool
    suspended_date_survives: DateSurvives
    breaker: CircuitBreaker
    event_bus: str
    topic_arn: str
    sweep_calls_per_second: float
    untagged_lacks_tags: bool

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment now.

        Raises:
            SettingError: Something is missing, or is not what was expected.
        """
        said = os.environ
        table = said.get("BATCHGATE_LEDGER_TABLE")
        if not table:
            raise SettingError("BATCHGATE_LEDGER_TABLE: expected the name of the decision ledger's table, got nothing")
        adopt = _choice(said, "BATCHGATE_ADOPT_EXISTING", "report", "evaluate")
        survives = DateSurvives(_choice(said, "BATCHGATE_SUSPENDED_DATE_SURVIVES", *DateSurvives))
        breaker = said.get("BATCHGATE_CIRCUIT_BREAKER") or "20/10"
        rate = said.get("BATCHGATE_SWEEP_CALLS_PER_SECOND") or "20"
        try:
            cancellations, minutes = map(int, breaker.split("/"))
            calls_per_second = float(rate)
        except ValueError as error:
            raise SettingError(
                f"expected whole numbers in BATCHGATE_CIRCUIT_BREAKER (cancellations/minutes), got "
                f"{shorten(breaker, 40)!r}, and a number in BATCHGATE_SWEEP_CALLS_PER_SECOND, got {shorten(rate, 40)!r}"
            ) from error
        if min(cancellations, minutes, calls_per_second) <= 0:
            raise SettingError(
                f"BATCHGATE_CIRCUIT_BREAKER {breaker} and BATCHGATE_SWEEP_CALLS_PER_SECOND {rate}: expected above 0"
            )
        return cls(
            policies=_where_policies_are(said.get("BATCHGATE_APPCONFIG"), said.get("BATCHGATE_POLICY_FILE")),
            ledger_table=table,
            adopt_existing=adopt == "evaluate",
            suspended_date_survives=survives,
            breaker=CircuitBreaker(cancellations, timedelta(minutes=minutes)),
            event_bus=said.get("BATCHGATE_EVENT_BUS") or "",
            topic_arn=said.get("BATCHGATE_TOPIC_ARN") or "",
            sweep_calls_per_second=calls_per_second,
            untagged_lacks_tags=_choice(said, "BATCHGATE_UNTAGGED_ANSWER_LACKS_TAGS", *UNVERIFIED) == "true",
        )


def _choice(said: Mapping[str, str], name: str, *choices: str) -> str:
    """One of a few words; the first if not said."""
    chosen = said.get(name) or choices[0]
    if chosen not in choices:
        raise SettingError(f"{name}: expected {' or '.join(choices)}, got {shorten(chosen, 40)!r}")
    return chosen


def _where_policies_are(appconfig: str | None, file: str | None) -> ProfileLocation | Path:
    if bool(appconfig) == bool(file):
        raise SettingError(
            "expected either BATCHGATE_APPCONFIG, APPLICATION/ENVIRONMENT/PROFILE, or BATCHGATE_POLICY_FILE, "
            f"got {'both' if file else 'neither'}"
        )
    if file:
        return Path(file)
    try:
        return ProfileLocation.parse(appconfig or "")
    except ValueError as error:
        raise SettingError(f"BATCHGATE_APPCONFIG: {error}") from error


def gate(home: Home, time_left: timedelta, *, paced: bool = False) -> Gate:
    """The ports of one invocation.

    Args:
        home: Whose jobs are decided.
        time_left: How long Lambda lets this invocation run.
        paced: Whether S3 Control's calls keep to the sweep's rate.

    Raises:
        SettingError: The environment is incomplete.
    """
    clock = SystemClock()
    settings = _settings()
    policies = _policies()
    _beside().submit(policies.current)  # asked for while the ledger is; who wants them waits for this answer
    return Gate(
        jobs=_jobs(paced=paced),
        manifests=_LazyManifests(),
        policies=policies,
        ledger=_ledger(home),
        announcer=_announcer(),
        clock=clock,
        new_claim_id=lambda: secrets.token_hex(4),
        deadline=clock.now() + time_left,
        breaker=settings.breaker,
        notices=_notices(),
        adopt_existing=settings.adopt_existing,
        suspended_date_survives=settings.suspended_date_survives,
    )


def sweep_plan(home: Home) -> Plan:
    """How this deployment sweeps."""
    return Plan(
        partition=home.partition,
        region=home.region,
        account_id=home.account_id,
        workers=SWEEP_WORKERS,
        calls_per_second=_settings().sweep_calls_per_second,
    )


_making_clients = Lock()
"""A session is for one thread at a time, clients are for all."""


def _client(service: str, config: Config) -> Any:  # noqa: ANN401 - typed where it is used
    """A client of botocore's own: boto3 would add resources, which nothing here uses.

    It names itself, so that CloudTrail tells the gate's calls from a person's.
    """
    with _making_clients:
        return _session().create_client(service, config=config.merge(Config(user_agent=USER_AGENT)))


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


@cache
def _settings() -> Settings:
    return Settings.from_environment()


@cache
def _beside() -> ThreadPoolExecutor:
    """For calls that go on beside a review's own."""
    return ThreadPoolExecutor(_CALLS_BESIDE, "beside")


@cache
def _jobs(*, paced: bool) -> JobsApi:
    pace: Pace = Evenly(_settings().sweep_calls_per_second) if paced else Unhurried()
    return S3Control(
        client=_client("s3control", s3control.CONFIG),
        clock=SystemClock(),
        pace=pace,
        beside=_beside(),
        untagged_lacks_tags=_settings().untagged_lacks_tags,
    )


class _LazyManifests:
    """Few teams ask for a manifest's size, so only their functions make a client of S3."""

    def size(self, job: Job) -> int | Gap:
        """As `StoredManifests`."""
        return _manifests().size(job)


@cache
def _manifests() -> ManifestsApi:
    return StoredManifests(_client("s3", s3control.CONFIG))


@cache
def _policies() -> PolicySource:
    where = _settings().policies
    if isinstance(where, Path):
        return PackagedPolicy(where)
    return AppConfigPolicy(_client("appconfigdata", appconfig.CONFIG), where, SystemClock(), _warn_of_policies)


def _warn_of_policies(trouble: str) -> None:
    logger.warning("policies: own trouble", extra={"error": printable(trouble)})


def open_ledger(home: Home) -> DecisionLedger:
    """The ledger alone, for who only looks at it."""
    return _ledger(home)


@cache
def _ledger(home: Home) -> DecisionLedger:
    client = _client("dynamodb", ledgers.CONFIG)
    whose = (home.partition, home.region, home.account_id)
    return ledgers.DynamoLedger(client, _settings().ledger_table, whose, SystemClock())


@cache
def _announcer() -> Announcer:
    bus = _settings().event_bus
    if not bus:
        return announcements.Announcements(logger)
    return announcements.Announcements(logger, bus, _client("events", announcements.CONFIG))


@cache
def _notices() -> Notices | None:
    topic_arn = _settings().topic_arn
    if not topic_arn:
        return None
    return notices.TopicNotices(_client("sns", announcements.CONFIG), topic_arn)
