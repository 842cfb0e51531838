"""Settings in, ports on AWS out; everything is made when it is first needed, and then kept."""

import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import boto3
from aws_lambda_powertools import Logger

from batchgate.adapters.announce import LogAnnouncer
from batchgate.adapters.ledger import MemoryLedger
from batchgate.adapters.manifests import StoredManifests
from batchgate.adapters.policy_source import PackagedPolicy
from batchgate.adapters.s3control import READING, UPDATING, S3Control
from batchgate.jobs.model import Job
from batchgate.policy.facts import Gap
from batchgate.ports import DecisionLedger, Gate, JobsApi, ManifestsApi, PolicySource

PACKAGED_POLICY = Path(__file__).with_name("policy.json")

logger = Logger(service="batchgate")


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says.

    Attributes:
        policy_file: BATCHGATE_POLICY_FILE: canonical policy JSON; the packaged one if not said.
    """

    policy_file: Path

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read the environment now."""
        return cls(policy_file=Path(os.environ.get("BATCHGATE_POLICY_FILE") or PACKAGED_POLICY))


def gate(time_left: timedelta) -> Gate:
    """The ports of one invocation.

    Args:
        time_left: How long Lambda lets this invocation run.
    """
    clock = SystemClock()
    return Gate(
        jobs=_jobs(),
        manifests=_LazyManifests(),
        policies=_policies(),
        ledger=_ledger(),
        announcer=LogAnnouncer(logger),
        clock=clock,
        new_claim_id=lambda: secrets.token_hex(4),
        deadline=clock.now() + time_left,
    )


@cache
def _jobs() -> JobsApi:
    session = boto3.session.Session()
    return S3Control(
        reading=session.client("s3control", config=READING),
        updating=session.client("s3control", config=UPDATING),
        clock=SystemClock(),
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
    return PackagedPolicy(Settings.from_environment().policy_file)


@cache
def _ledger() -> DecisionLedger:
    return MemoryLedger()
