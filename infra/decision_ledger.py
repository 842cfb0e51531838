"""The table of decisions: one item per job with its state, and the history of its reviews."""

from collections.abc import Sequence
from typing import Final, cast

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from batchgate.contract import DAY_INDEX, EXPIRES_AT, INDICES, MANIFESTS, OPEN_INDEX, PARTITION_KEY, SORT_KEY
from infra.encryption import GateKey
from infra.settings import Settings

_READ: Final = ("dynamodb:GetItem",)
_REVIEW: Final = (
    *_READ,
    "dynamodb:BatchGetItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:DescribeTable",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
)
_SWEEP: Final = (*_REVIEW, "dynamodb:DeleteItem")
"""The permissions of the calls in batchgate.aws.ledger; a transaction needs those of its parts."""


class DecisionLedger(Construct):
    """The table: on demand, encrypted, with point-in-time recovery, and by default kept when the stack is destroyed.

    Without DynamoDB's deletion protection: CloudFormation could not remove a protected table when the stack's creation
    fails. Of a table with point-in-time recovery that somebody deletes, DynamoDB keeps a backup for 35 days.
    *Source*: DynamoDB Developer Guide, "Delete a table with PITR enabled".

    Attributes:
        table: CloudFormation names it, so that a new stack can be deployed beside a table that was kept.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, key: GateKey | None) -> None:
        super().__init__(scope, construct_id)
        self._key = key
        self.table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=_text(PARTITION_KEY),
            sort_key=_text(SORT_KEY),
            billing=dynamodb.Billing.on_demand(),
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute=EXPIRES_AT,
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if settings.keep_ledger else RemovalPolicy.DESTROY,
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=name,
                    partition_key=_text(index["partition"]),
                    sort_key=_text(index["sort"]),
                    projection_type=dynamodb.ProjectionType.ALL,
                )
                for name, index in INDICES.items()
            ],
        )
        if key:
            self._encrypt_with(key)

    def _encrypt_with(self, key: GateKey) -> None:
        """Write what CDK's own setting would, which CDK rejects in a stack without a Region."""
        table = cast("dynamodb.CfnGlobalTable", self.table.node.default_child)
        table.add_property_override("SSESpecification", {"SSEEnabled": True, "SSEType": "KMS"})
        table.add_property_override("Replicas.0.SSESpecification", {"KMSMasterKeyId": key.key.key_arn})

    def grant_reviewing(self, function: iam.IGrantable) -> None:
        """Grant what the review of a job needs."""
        self._grant("ReviewJobs", _REVIEW, (self.table.table_arn,), function)
        self._grant_key(function, writing=True)

    def grant_sweeping(self, function: iam.IGrantable) -> None:
        """Grant what a review needs, and finding what is open and what was cancelled."""
        self._grant("ReviewJobs", _SWEEP, (self.table.table_arn,), function)
        indices = (self._open_index, f"{self.table.table_arn}/index/{DAY_INDEX}")
        self._grant("FindWhatIsOpenOrCancelled", ("dynamodb:Query",), indices, function)
        self._grant_key(function, writing=True)

    def grant_people(self, function: iam.IGrantable) -> None:
        """Grant what a review needs, and reading histories, what is open and what was decided."""
        self._grant("ReviewJobs", _REVIEW, (self.table.table_arn,), function)
        indices = (self._open_index, f"{self.table.table_arn}/index/{DAY_INDEX}")
        self._grant("ShowJobs", ("dynamodb:Query",), (self.table.table_arn, *indices), function)
        self._grant_key(function, writing=True)

    def grant_listing(self, function: iam.IGrantable) -> None:
        """Grant reading what is open, and whether the gate is paused."""
        self._grant("SeePause", _READ, (self.table.table_arn,), function)
        self._grant("FindWhatIsOpen", ("dynamodb:Query",), (self._open_index,), function)
        self._grant_key(function, writing=False)

    def grant_reading_manifests(self, function: iam.IGrantable) -> None:
        """Grant what the steps of a reading need, on the items of manifests alone: their bytes are other people's."""
        stack = Stack.of(self)
        items = f"{stack.partition}:{stack.region}:{stack.account}:{MANIFESTS}:*"
        function.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(
                sid="KeepWhatIsInManifests",
                actions=["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"],
                resources=[self.table.table_arn],
                conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [items]}},
            )
        )
        self._grant_key(function, writing=True)

    @property
    def _open_index(self) -> str:
        return f"{self.table.table_arn}/index/{OPEN_INDEX}"

    def _grant(self, sid: str, actions: Sequence[str], resources: Sequence[str], function: iam.IGrantable) -> None:
        function.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(sid=sid, actions=list(actions), resources=list(resources))
        )

    def _grant_key(self, function: iam.IGrantable, *, writing: bool) -> None:
        if self._key:
            self._key.grant_use_for_table(function, writing=writing)


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
