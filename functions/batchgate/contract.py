"""The names that the functions, the stack and the commands share. Each is written here once."""

from enum import StrEnum
from typing import Any, Final, Literal, Self, TypeAlias, TypedDict

import msgspec
from msgspec import UNSET, Struct, UnsetType

from batchgate.text import shorten

SERVICE: Final = "batchgate"
"""The service of logs and metrics, and the source of the gate's own events."""

# --- Where the gate keeps what ------------------------------------------------------------------------

GATE_PARAMETER: Final = "/batchgate/gate"
"""The SSM parameter that describes the deployed gate; a second gate in an account and Region fails on this name."""

ROLE_PATH: Final = "/batchgate/"
"""The path of all roles of a gate, before the Region: `/batchgate/eu-central-1/`. Guard rails name the roles by it."""

API_STAGE: Final = "$default"
"""The only stage of the API that people decide through: its URL has no path of its own."""

API_ROUTES: Final = (
    ("GET", "/jobs"),
    ("GET", "/jobs/{id}"),
    ("POST", "/jobs/{id}/approvals"),
    ("POST", "/jobs/{id}/cancellation"),
    ("GET", "/decisions"),
    ("GET", "/policies/{version}"),
    ("GET", "/budgets"),
    ("GET", "/pause"),
    ("PUT", "/pause"),
    ("DELETE", "/pause"),
    ("GET", "/status"),
)
"""Method and path of each of its routes, which docs/openapi.yaml describes. Each is a permission of its own."""

Unverified: TypeAlias = Literal["unknown", "true", "false"]
"""A setting about something that AWS does not document: `unknown` until it was tried in an account."""


PolicyOwner: TypeAlias = Literal["stack", "repository"]
"""Who deploys the policies: the stack, from its checkout's files; or a team, by `batchgate policy push`."""

PUSHED: Final = "batchgate policy push, version "
"""How the description of a pushed deployment begins; the policies' version follows."""


class Strategies(Struct, frozen=True):
    """The ids of AppConfig's deployment strategies: of the first policies of a gate, and of all later ones."""

    first: str
    later: str


class ProfileLocation(Struct, frozen=True):
    """An AppConfig configuration; each part is an id or a name."""

    application: str
    environment: str
    profile: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read APPLICATION/ENVIRONMENT/PROFILE.

        Raises:
            ValueError: It is not of this form.
        """
        parts = text.split("/")
        if len(parts) != len(cls.__struct_fields__) or not all(parts):
            raise ValueError(f"expected APPLICATION/ENVIRONMENT/PROFILE of AppConfig, got {shorten(text, 80)!r}")
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.application}/{self.environment}/{self.profile}"


class DeployedGate(Struct, frozen=True, kw_only=True):
    """The value of the SSM parameter. The stack always writes every member except `key_arn`.

    Attributes:
        stack: The CloudFormation stack's name.
        version: The version of batchgate that was deployed.
        suspended_date_survives: The deployment's setting.
        untagged_answer_lacks_tags: The deployment's setting.
        sweep_minutes: How often a sweep is started.
        api_url: The API that people decide through, without a slash at the end.
        ledger_table: The ledger's table.
        queue_url: Job events that wait for their review.
        unreviewed_url: Dead letters: events that the gate failed on.
        undelivered_url: Dead letters: events that EventBridge could not deliver.
        functions: The functions' names, by what they are for.
        roles: The ARNs of the roles that decide jobs, by function.
        appconfig: The policies in force; None where they are not to be looked up.
        policy_version: The version of the policies that the deployment put in force, as decisions name it; "" where
            that is not known, and where a team's own repository owns the policies.
        policy_owner: The deployment's setting.
        strategies: How policies are deployed; None where they are not to be.
        topic_arn: The topic that notices are published to.
        manifest_buckets: The buckets whose manifests the gate may read.
        key_arn: The customer's KMS key; missing where AWS's own keys encrypt.
    """

    stack: str = ""
    version: str = ""
    suspended_date_survives: Unverified = "unknown"
    untagged_answer_lacks_tags: Unverified = "unknown"
    sweep_minutes: int = 1
    api_url: str = ""
    ledger_table: str
    queue_url: str = ""
    unreviewed_url: str = ""
    undelivered_url: str = ""
    functions: dict[str, str] = {}
    roles: dict[str, str] = {}
    appconfig: ProfileLocation | None = None
    policy_version: str = ""
    policy_owner: PolicyOwner = "stack"
    strategies: Strategies | None = None
    topic_arn: str = ""
    manifest_buckets: tuple[str, ...] = ()
    key_arn: str | UnsetType = UNSET

    @staticmethod
    def decode(text: str) -> "DeployedGate":
        """Read the parameter's value.

        Raises:
            msgspec.MsgspecError: It is not what a stack of batchgate writes.
        """
        return _GATES.decode(text)

    def encode(self) -> dict[str, Any]:
        """The value as a JSON object, for a stack whose members CloudFormation knows only when it deploys."""
        return msgspec.json.decode(msgspec.json.encode(self), type=dict[str, Any])


_GATES: Final = msgspec.json.Decoder(DeployedGate)


class Variable(StrEnum):
    """The functions' environment variables; `aws/settings.py` says what each holds."""

    ADOPT_EXISTING = "BATCHGATE_ADOPT_EXISTING"
    APPCONFIG = "BATCHGATE_APPCONFIG"
    CHAT = "BATCHGATE_CHAT"
    CIRCUIT_BREAKER = "BATCHGATE_CIRCUIT_BREAKER"
    EVENT_BUS = "BATCHGATE_EVENT_BUS"
    LEDGER_RETENTION_DAYS = "BATCHGATE_LEDGER_RETENTION_DAYS"
    LEDGER_TABLE = "BATCHGATE_LEDGER_TABLE"
    MANIFEST_BYTES_AT_MOST = "BATCHGATE_MANIFEST_BYTES_AT_MOST"
    MANIFEST_MACHINE = "BATCHGATE_MANIFEST_MACHINE"
    POLICY_FILE = "BATCHGATE_POLICY_FILE"
    QUEUE_URL = "BATCHGATE_QUEUE_URL"
    SUSPENDED_DATE_SURVIVES = "BATCHGATE_SUSPENDED_DATE_SURVIVES"
    SWEEP_CALLS_PER_SECOND = "BATCHGATE_SWEEP_CALLS_PER_SECOND"
    TOPIC_ARN = "BATCHGATE_TOPIC_ARN"
    UNTAGGED_ANSWER_LACKS_TAGS = "BATCHGATE_UNTAGGED_ANSWER_LACKS_TAGS"


MANIFEST_BYTES_AT_MOST: Final = 100 * 1024**3
"""How many bytes of one manifest are read, unless a deployment says otherwise."""

MANIFEST_READING_SECONDS: Final = 6 * 3600
"""How long the reading of one manifest may take."""

MANIFEST_READ_DETAIL_TYPE: Final = "S3 Batch Job Manifest Read"
"""Of the message, as `SERVICE`, by which the end of a reading has its job reviewed."""


# --- Events and metrics -------------------------------------------------------------------------------

EventPattern = TypedDict(
    "EventPattern", {"source": list[str], "detail-type": list[str], "detail": dict[str, list[str]]}
)
"""As an EventBridge rule takes it: every leaf is the list of values that match."""

JOB_EVENT_SOURCE: Final = "aws.s3"
JOB_EVENT_NAMES: Final = ("JobCreated", "JobStatusChanged")

JOB_EVENT_PATTERN: Final[EventPattern] = {
    "source": [JOB_EVENT_SOURCE],
    "detail-type": ["AWS Service Event via CloudTrail"],
    "detail": {
        "eventSource": ["s3.amazonaws.com"],
        "eventType": ["AwsServiceEvent"],
        "eventName": [*JOB_EVENT_NAMES],
    },
}
"""Every job event of S3, whatever its status.

That S3 announces Suspended is documented nowhere, so the gate relies on DescribeJob.
*Source*: S3 User Guide, batch-ops-examples-event-bridge-cloud-trail.
"""

DECISION_DETAIL_TYPE: Final = "S3 Batch Job Decision"
"""Of the gate's own events, whose source is `SERVICE`; docs/decisions.md."""

METRIC_NAMESPACE: Final = "batchgate"
"""The gate's metrics have one dimension: `service`, which is `SERVICE`. `BudgetUsed` has the budget's name, too."""

BUDGET_DIMENSION: Final = "budget"


class Metric(StrEnum):
    """Every metric; docs/decisions.md says what each counts."""

    APPROVED = "Approved"
    CANCELLED = "Cancelled"
    HELD = "Held"
    UNGATED = "Ungated"
    UNGATED_OR_CONFIRMED_ELSEWHERE = "UngatedOrConfirmedElsewhere"
    SUPERSEDED = "Superseded"
    LAPSED = "Lapsed"
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    SECONDS_TO_DECISION = "SecondsToDecision"
    CIRCUIT_BREAKER_HOLDS = "CircuitBreakerHolds"
    CONTRADICTIONS = "Contradictions"
    ERRORS = "Errors"
    POLICY_LOAD_ERRORS = "PolicyLoadErrors"
    THROTTLED = "Throttled"
    UNEXPECTED_ERRORS = "UnexpectedErrors"
    SWEEPS = "Sweeps"
    HELD_NOW = "HeldNow"
    OLDEST_HELD_SECONDS = "OldestHeldSeconds"
    OLDEST_SUSPENDED_SECONDS = "OldestSuspendedSeconds"
    SWEEP_LAG_SECONDS = "SweepLagSeconds"
    SWEEP_ERRORS = "SweepErrors"
    LEFT_OVER = "LeftOver"
    PAUSED = "Paused"
    EVENTS_DROPPED = "EventsDropped"
    EVENTS_RETRIED = "EventsRetried"
    FOUND_BY_SWEEP = "FoundBySweep"
    NOTICES_FAILED = "NoticesFailed"
    SUBSCRIBERS = "Subscribers"
    BUDGET_USED = "BudgetUsed"
    UNEXPECTED_POLICY = "UnexpectedPolicy"
    MANIFEST_ROWS_DIFFER = "ManifestRowsDiffer"


# --- The ledger's table -------------------------------------------------------------------------------

PARTITION_KEY: Final = "pk"
SORT_KEY: Final = "sk"
EXPIRES_AT: Final = "expires_at"
"""The time-to-live attribute, epoch seconds; never set on an open item."""

MANIFESTS: Final = "manifest"
"""In the partition keys of what is known of manifests: `PARTITION:REGION:ACCOUNT:manifest:ID`. No job's id has a colon,
so no item of a job is among them."""

OPEN_INDEX: Final = "open"
"""Sparse: what is not settled and announced. Its partition key is the attribute of the same name."""

DAY_INDEX: Final = "day"
"""What was settled, by UTC date."""


class IndexKeys(TypedDict):
    """One global secondary index; all keys are strings, and it carries every attribute.

    DynamoDB projects at most twenty named attributes, and a projection can't be changed once there is data.
    """

    partition: str
    sort: str


INDICES: Final[dict[str, IndexKeys]] = {
    OPEN_INDEX: {"partition": "open", "sort": "due_at"},
    DAY_INDEX: {"partition": "day", "sort": "decided_at"},
}


def create_table_arguments(name: str) -> dict[str, Any]:
    """The table for DynamoDB's CreateTable, as boto3 takes it, where no stack makes it."""
    keys = {PARTITION_KEY, SORT_KEY} | {
        each for index in INDICES.values() for each in (index["partition"], index["sort"])
    }
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _key_schema(PARTITION_KEY, SORT_KEY),
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in sorted(keys)],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index_name,
                "KeySchema": _key_schema(index["partition"], index["sort"]),
                "Projection": {"ProjectionType": "ALL"},
            }
            for index_name, index in INDICES.items()
        ],
    }


def _key_schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
