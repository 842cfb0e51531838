"""Settings in, ports on AWS out; everything is made when it is first needed, and then kept."""

import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Self

import boto3
from aws_lambda_powertools import Logger

from batchgate.adapters import announce, notices
from batchgate.adapters import ledger as ledgers
from batchgate.adapters.manifests import StoredManifests
from batchgate.adapters.pace import Evenly, Pace, Unhurried
from batchgate.adapters.policy_source import PackagedPolicy
from batchgate.adapters.s3control import READING, UPDATING, S3Control
from batchgate.errors import BatchgateError
from batchgate.jobs.model import Job
from batchgate.policy.facts import Gap
from batchgate.ports import Announcer, Brake, DecisionLedger, Gate, JobsApi, ManifestsApi, Notices, PolicySource
from batchgate.sweep import Plan

PACKAGED_POLICY = Path(__file__).with_name("policy.json")
SWEEP_WORKERS = 16

logger = Logger(service="batchgate")


class SettingError(BatchgateError):
    """The function's environment lacks something, or says what can't be."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Home:
    """Where this function lives, and whose jobs it decides: the partition, Region and account of its own ARN."""

    partition: str
    region: str
    account_id: str

    @classmethod
    def of_function(cls, arn: str) -> Self:
        """Read `arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME`."""
        _, partition, _, region, account_id, *_ = arn.split(":")
        return cls(partition, region, account_id)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says.

    Attributes:
        policy_file: BATCHGATE_POLICY_FILE: canonical policy JSON; the packaged one if not said.
        ledger_table: BATCHGATE_LEDGER_TABLE: the table of decisions.
        adopt_existing: BATCHGATE_ADOPT_EXISTING: `judge`, or `report` if not said.
        brake: BATCHGATE_BRAKE: cancellations/minutes; 20/10 if not said.
        event_bus: BATCHGATE_EVENT_BUS: the bus that hears of decisions; none if not said.
        topic_arn: BATCHGATE_TOPIC_ARN: the topic that hears of holds; none if not said.
        sweep_calls_per_second: BATCHGATE_SWEEP_CALLS_PER_SECOND; 20 if not said.
    """

    policy_file: Path
    ledger_table: str
    adopt_existing: bool
    brake: Brake
    event_bus: str
    topic_arn: str
    sweep_calls_per_second: float

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
        adopt = said.get("BATCHGATE_ADOPT_EXISTING") or "report"
        if adopt not in ("report", "judge"):
            raise SettingError(f"BATCHGATE_ADOPT_EXISTING: expected report or judge, got {adopt[:40]!r}")
        brake = said.get("BATCHGATE_BRAKE") or "20/10"
        rate = said.get("BATCHGATE_SWEEP_CALLS_PER_SECOND") or "20"
        try:
            cancellations, minutes = map(int, brake.split("/"))
            calls_per_second = float(rate)
        except ValueError as error:
            raise SettingError(
                f"expected whole numbers in BATCHGATE_BRAKE (cancellations/minutes), got {brake[:40]!r}, and a number "
                f"in BATCHGATE_SWEEP_CALLS_PER_SECOND, got {rate[:40]!r}"
            ) from error
        if min(cancellations, minutes, calls_per_second) <= 0:
            raise SettingError(f"BATCHGATE_BRAKE {brake} and BATCHGATE_SWEEP_CALLS_PER_SECOND {rate}: expected above 0")
        return cls(
            policy_file=Path(said.get("BATCHGATE_POLICY_FILE") or PACKAGED_POLICY),
            ledger_table=table,
            adopt_existing=adopt == "judge",
            brake=Brake(cancellations, timedelta(minutes=minutes)),
            event_bus=said.get("BATCHGATE_EVENT_BUS") or "",
            topic_arn=said.get("BATCHGATE_TOPIC_ARN") or "",
            sweep_calls_per_second=calls_per_second,
        )


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
    return Gate(
        jobs=_jobs(paced=paced),
        manifests=_LazyManifests(),
        policies=_policies(),
        ledger=_ledger(home),
        announcer=_announcer(),
        clock=clock,
        new_claim_id=lambda: secrets.token_hex(4),
        deadline=clock.now() + time_left,
        brake=settings.brake,
        notices=_notices(),
        adopt_existing=settings.adopt_existing,
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


@cache
def _settings() -> Settings:
    return Settings.from_environment()


@cache
def _jobs(*, paced: bool) -> JobsApi:
    session = boto3.session.Session()
    pace: Pace = Evenly(_settings().sweep_calls_per_second) if paced else Unhurried()
    return S3Control(
        reading=session.client("s3control", config=READING),
        updating=session.client("s3control", config=UPDATING),
        clock=SystemClock(),
        pace=pace,
    )


class _LazyManifests:
    """Few teams ask for a manifest's size, so only their functions make a client of S3."""

    def size(self, job: Job) -> int | Gap:
        """As `StoredManifests`."""
        return _manifests().size(job)


@cache
def _manifests() -> ManifestsApi:
    return StoredManifests(boto3.session.Session().client("s3", config=READING))


@cache
def _policies() -> PolicySource:
    return PackagedPolicy(_settings().policy_file)


def open_ledger(home: Home) -> DecisionLedger:
    """The ledger alone, for who only looks at it."""
    return _ledger(home)


@cache
def _ledger(home: Home) -> DecisionLedger:
    client = boto3.session.Session().client("dynamodb", config=ledgers.CONFIG)
    whose = (home.partition, home.region, home.account_id)
    return ledgers.DynamoLedger(client, _settings().ledger_table, whose, SystemClock())


@cache
def _announcer() -> Announcer:
    bus = _settings().event_bus
    if not bus:
        return announce.Announcements(logger)
    client = boto3.session.Session().client("events", config=announce.CONFIG)
    return announce.Announcements(logger, bus, client)


@cache
def _notices() -> Notices | None:
    topic_arn = _settings().topic_arn
    if not topic_arn:
        return None
    return notices.TopicNotices(boto3.session.Session().client("sns", config=announce.CONFIG), topic_arn)
