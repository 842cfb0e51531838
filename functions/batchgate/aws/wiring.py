"""The ports on AWS, made from the settings when they are first needed, and then kept."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

import botocore
import botocore.session
from aws_lambda_powertools import Logger
from botocore.config import Config
from msgspec import Struct

from batchgate import __version__
from batchgate.aws import announcements, appconfig, cloudtrail, notices, policy_versions, s3control
from batchgate.aws import ledger as ledgers
from batchgate.aws.appconfig import AppConfigPolicy, PackagedPolicy
from batchgate.aws.deployed import GateParameter
from batchgate.aws.pace import Evenly, Pace, Unhurried
from batchgate.aws.s3control import S3Control
from batchgate.aws.settings import Settings
from batchgate.contract import SERVICE, ProfileLocation
from batchgate.gate.ports import (
    Announcer,
    JobsApi,
    ManifestsApi,
    Notices,
    PeoplesLedger,
    PolicySource,
    Ports,
    Requesters,
)
from batchgate.gate.sweep import Plan
from batchgate.jobs.model import Job, JobRef
from batchgate.policy.facts import Gap
from batchgate.policy.wording import printable

if TYPE_CHECKING:
    from batchgate.aws.manifests import StoredManifests
    from batchgate.aws.reading_machine import JobEventQueue
    from batchgate.gate.manifest_reading import ManifestLedger, ReadingSteps
    from batchgate.jobs.manifest_contents import ManifestContents

SWEEP_WORKERS = 16
_CALLS_BESIDE = SWEEP_WORKERS + 4
"""One for each review, and some for calls that are still running after their review was abandoned."""

USER_AGENT = f"batchgate/{__version__} botocore/{botocore.__version__}"

logger = Logger(service=SERVICE)


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, UTC."""
        return datetime.now(UTC)


class Home(Struct, frozen=True):
    """The partition, Region and account of the function's own ARN. It decides their jobs."""

    partition: str
    region: str
    account_id: str

    @classmethod
    def of_function(cls, arn: str) -> Self:
        """Read `arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME`."""
        _, partition, _, region, account_id, *_ = arn.split(":")
        return cls(partition, region, account_id)


def open_ports(home: Home, time_left: timedelta, *, paced: bool = False, for_people: bool = False) -> Ports:
    """The ports of one invocation.

    Args:
        home: Whose jobs are decided.
        time_left: How long Lambda lets this invocation run.
        paced: For the sweep: S3 Control's calls keep to its rate.
        for_people: For the API: what is unknown is told with its progress.

    Raises:
        SettingError: The environment is incomplete.
    """
    clock = SystemClock()
    settings = _settings()
    policies = _policies()
    _beside().submit(policies.current)  # polled while the ledger is read; the review waits for this poll
    return Ports(
        jobs=_jobs(paced=paced),
        manifests=_LazyManifests(home, for_people),
        policies=policies,
        ledger=_ledger(home),
        announcer=_announcer(),
        clock=clock,
        new_claim_id=lambda: secrets.token_hex(4),
        deadline=clock.now() + time_left,
        breaker=settings.breaker,
        requesters=_LazyRequesters(),
        notices=_notices(),
        deployed=_deployed() if paced else None,
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
    """A client of botocore; boto3 would only add resources, which nothing here uses.

    Its user agent distinguishes the gate's calls in CloudTrail from a person's.
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
    """Runs calls in parallel to a review's own."""
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


class _LazyManifests(Struct, frozen=True):
    """Loads what reads manifests, and makes its clients, when one is asked for: few policies do."""

    home: Home
    for_people: bool

    def size(self, job: Job) -> int | Gap:
        """As `StoredManifests`."""
        return _stored_manifests().size(job)

    def contents(self, job: Job) -> "ManifestContents | Gap":
        """As `ManifestReadings`."""
        return _manifests(self.home, for_people=self.for_people).contents(job)


@cache
def _manifests(home: Home, *, for_people: bool) -> ManifestsApi:
    from batchgate.aws import reading_machine
    from batchgate.gate.manifest_reading import ManifestReadings

    arn = _settings().manifest_machine
    machine = reading_machine.StateMachine(_client("stepfunctions", reading_machine.CONFIG), arn) if arn else None
    return ManifestReadings(
        _stored_manifests(),
        _manifest_ledger(home),
        SystemClock(),
        _settings().manifest_bytes_at_most,
        machine,
        counts_parts=for_people,
    )


def open_reading_steps(home: Home) -> "ReadingSteps":
    """What the executions of the state machine do."""
    from batchgate.gate.manifest_reading import ReadingSteps

    return ReadingSteps(_stored_manifests(), _manifest_ledger(home), SystemClock())


@cache
def open_job_event_queue() -> "JobEventQueue":
    """The queue that has jobs reviewed."""
    from batchgate.aws import reading_machine

    return reading_machine.JobEventQueue(_client("sqs", reading_machine.CONFIG), _settings().queue_url)


@cache
def _stored_manifests() -> "StoredManifests":
    from batchgate.aws.manifests import StoredManifests

    return StoredManifests(_client("s3", s3control.CONFIG))


@cache
def _manifest_ledger(home: Home) -> "ManifestLedger":
    from batchgate.aws.manifest_ledger import DynamoManifestLedger

    whose = (home.partition, home.region, home.account_id)
    return DynamoManifestLedger(_dynamodb(), _settings().ledger_table, whose, SystemClock(), _settings().ledger_kept)


class _LazyRequesters:
    """Makes the client of CloudTrail when a requester is asked for: few policies need it."""

    def find(self, ref: JobRef, created_at: datetime) -> str | Gap:
        """As `CloudTrailRequesters`."""
        return _requesters().find(ref, created_at)


@cache
def _requesters() -> Requesters:
    client = _client("cloudtrail", cloudtrail.CONFIG)
    return cloudtrail.CloudTrailRequesters(client, SystemClock(), Evenly(cloudtrail.CALLS_PER_SECOND))


@cache
def _policies() -> PolicySource:
    where = _settings().policies
    if isinstance(where, Path):
        return PackagedPolicy(where)
    return AppConfigPolicy(_client("appconfigdata", appconfig.CONFIG), where, SystemClock(), _warn_of_policies)


def find_policies(version: str) -> dict[str, Any] | None:
    """The policy document of a version that a decision names; None where it is not kept.

    Raises:
        PolicyUnavailableError: AppConfig could not be asked.
    """
    where = _settings().policies
    if isinstance(where, Path):
        return policy_versions.documents_of(where.read_bytes()).get(version)
    return _hosted_policies(where).find(version)


@cache
def _hosted_policies(where: ProfileLocation) -> policy_versions.HostedPolicies:
    return policy_versions.HostedPolicies(_client("appconfig", policy_versions.CONFIG), where)


def _warn_of_policies(problem: str) -> None:
    logger.warning("policies unavailable", extra={"error": printable(problem)})


def open_ledger(home: Home) -> PeoplesLedger:
    """The ledger alone, with what only people ask of it."""
    return _ledger(home)


def open_deployed() -> GateParameter | None:
    """What is deployed; None where no stack has written it."""
    return _deployed()


@cache
def _ledger(home: Home) -> PeoplesLedger:
    whose = (home.partition, home.region, home.account_id)
    return ledgers.DynamoLedger(_dynamodb(), _settings().ledger_table, whose, SystemClock(), _settings().ledger_kept)


@cache
def _dynamodb() -> Any:  # noqa: ANN401 - as `_client`
    return _client("dynamodb", ledgers.CONFIG)


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
    return notices.TopicNotices(_client("sns", announcements.CONFIG), topic_arn, SystemClock(), chat=_settings().chat)


@cache
def _deployments() -> Any:  # noqa: ANN401 - botocore makes its clients' classes when it runs
    return _client("appconfig", policy_versions.CONFIG)


@cache
def _deployed() -> GateParameter | None:
    """The parameter that a stack has written, where the policies come from the stack's AppConfig profile."""
    if isinstance(_settings().policies, Path):
        return None
    return GateParameter(_client("ssm", announcements.CONFIG), SystemClock(), _deployments)
