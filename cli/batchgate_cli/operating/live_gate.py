"""The deployed gate by its own resources: for the canary and redrive, which work around the API, and for the checks."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import boto3
import msgspec
from botocore.exceptions import ClientError

from batchgate.aws import appconfig as appconfigs
from batchgate.aws import ledger as ledgers
from batchgate.aws.answers import only_answers
from batchgate.aws.manifests import StoredManifests
from batchgate.aws.s3control import CONFIG, S3Control
from batchgate.aws.wiring import SystemClock
from batchgate.contract import GATE_PARAMETER, DeployedGate
from batchgate.errors import PolicyUnavailableError
from batchgate.gate.manifest_reading import read_here
from batchgate.gate.ports import CircuitBreaker, Clock, JobsApi, Pause, PolicySource, Ports, Review
from batchgate.jobs.manifest_contents import ManifestContents
from batchgate.jobs.model import DateSurvives, Job
from batchgate.policy.compiled import PolicySet
from batchgate.policy.facts import Gap, named_manifest
from batchgate_cli.operating.aws_errors import aws_errors
from batchgate_cli.operating.aws_session import open_session
from batchgate_cli.operating.options import GateAccessError, GateOptions, NoGateError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

A_COMMAND_TAKES_AT_MOST: Final = timedelta(seconds=60)
"""The deadline of a person's decision, as Lambda's is a function's."""

_NOT_COUNTED = CircuitBreaker(cancellations=1, within=timedelta(minutes=10))
"""Asked for by the gate, and by nothing that a person does: people are counted, and never stopped_by_breaker."""


@dataclass(frozen=True, slots=True)
class LiveGate:
    """The gate of one account and Region, and who asks.

    Attributes:
        who: The caller's ARN.
        home: Partition, Region and account.
        found: Where the gate keeps what.
    """

    session: boto3.session.Session
    who: str
    home: tuple[str, str, str]
    found: DeployedGate
    ledger: ledgers.DynamoLedger
    jobs: JobsApi
    policies: PolicySource
    clock: Clock

    @property
    def place(self) -> str:
        """Account and Region for people."""
        _, region, account_id = self.home
        return f"account {account_id} in {region}"

    def gate(self) -> Ports:
        """The ports of a person's decision that begins now."""
        return Ports(
            jobs=self.jobs,
            manifests=_Manifests(self.session),
            policies=self.policies,
            ledger=self.ledger,
            announcer=_LeftToTheSweep(),
            clock=self.clock,
            new_claim_id=lambda: secrets.token_hex(4),
            deadline=self.clock.now() + A_COMMAND_TAKES_AT_MOST,
            breaker=_NOT_COUNTED,
            suspended_date_survives=DateSurvives(self.found.suspended_date_survives),
        )

    def sqs(self) -> "SQSClient":
        """A client of the gate's queues."""
        return self.session.client("sqs", config=CONFIG)


def find_gate(options: GateOptions) -> LiveGate:
    """The gate of the caller's account in a Region.

    Raises:
        GateAccessError: No credentials, no Region, no gate there, or AWS refused.
    """
    clock = SystemClock()
    with aws_errors():
        session = open_session(options.profile, options.region)
        only_answers(session.events)
        caller = session.client("sts", config=CONFIG).get_caller_identity()
        client = session.client("s3control", config=CONFIG)
        dynamodb = session.client("dynamodb", config=ledgers.CONFIG)
        home = (client.meta.partition, client.meta.region_name, str(caller["Account"]))
        found = look_up(session, home)
        policies = _policies(session, found, clock)
    return LiveGate(
        session=session,
        who=str(caller["Arn"]),
        home=home,
        found=found,
        ledger=ledgers.DynamoLedger(dynamodb, found.ledger_table, home, clock),
        jobs=S3Control(client, clock, untagged_lacks_tags=found.untagged_answer_lacks_tags == "true"),
        policies=policies,
        clock=clock,
    )


def _policies(session: boto3.session.Session, found: DeployedGate, clock: Clock) -> PolicySource:
    """Those in force."""
    if found.appconfig is None:
        return NoPolicies()
    client = session.client("appconfigdata", config=appconfigs.CONFIG)
    return appconfigs.AppConfigPolicy(client, found.appconfig, clock, lambda _error: None)


def look_up(session: boto3.session.Session, home: tuple[str, str, str]) -> DeployedGate:
    """What the stack wrote about itself.

    Raises:
        NoGateError: There is no stack.
        GateAccessError: The parameter is not what one writes.
        ClientError: AWS refused.
    """
    _, region, account_id = home
    try:
        answer = session.client("ssm", config=CONFIG).get_parameter(Name=GATE_PARAMETER)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ParameterNotFound":
            raise
        raise NoGateError(
            f"no gate is deployed for account {account_id} in {region} (there is no SSM parameter {GATE_PARAMETER}); "
            "`make deploy` deploys one; --region and --profile choose where to look"
        ) from error
    try:
        return DeployedGate.decode(str(answer["Parameter"]["Value"]))
    except msgspec.MsgspecError as error:
        raise GateAccessError(f"SSM parameter {GATE_PARAMETER}: not what a stack writes: {error}") from error


# --- The ports ----------------------------------------------------------------------------------------


class _LeftToTheSweep:
    """Announces nothing: the sweep announces what is settled within a minute.

    So a person's decision is announced in the same way, by the same role, as all others.
    """

    def announce(self, review: Review) -> bool:  # noqa: ARG002 - whatever it is
        """Leave it."""
        return False


class NoPolicies:
    """For a gate whose parameter names none."""

    def current(self) -> PolicySet:
        """Nothing to evaluate by."""
        raise PolicyUnavailableError(f"SSM parameter {GATE_PARAMETER} names no policies")


@dataclass(frozen=True, slots=True)
class _Manifests:
    """Few policies ask for a manifest's size, so only they make a client of S3."""

    session: boto3.session.Session

    def size(self, job: Job) -> int | Gap:
        """As `StoredManifests`."""
        return self._stored.size(job)

    def contents(self, job: Job) -> ManifestContents | Gap:
        """All of it, read here and now."""
        manifest = named_manifest(job)
        return manifest if isinstance(manifest, Gap) else read_here(manifest, self._stored)

    @property
    def _stored(self) -> StoredManifests:
        return StoredManifests(self.session.client("s3", config=CONFIG))


def paused_in_words(pause: Pause) -> str:
    """Who paused the gate, since when, and why."""
    return f"the gate is paused since {pause.at:%Y-%m-%d %H:%M} UTC by {pause.by}: {pause.reason}"
