"""The table of all decisions: one item of truth a job, and the history of its reviews."""

from typing import Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.ledger_table import EXPIRES_AT, INDICES, PARTITION_KEY, SORT_KEY
from infra.settings import Settings

_USES: Final = (
    "dynamodb:BatchGetItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:DescribeTable",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
)


class DecisionLedger(Construct):
    """On demand, encrypted, recoverable to any point in time, and kept when the stack is destroyed.

    Attributes:
        table: Its name is CloudFormation's to give, so that a new stack can be deployed beside what was kept.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
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
            deletion_protection=settings.keep_ledger,
            removal_policy=RemovalPolicy.RETAIN if settings.keep_ledger else RemovalPolicy.DESTROY,
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=name,
                    partition_key=_text(index["partition"]),
                    sort_key=_text(index["sort"]),
                    projection_type=dynamodb.ProjectionType.ALL
                    if index["projected"] is None
                    else dynamodb.ProjectionType.INCLUDE,
                    non_key_attributes=None if index["projected"] is None else list(index["projected"]),
                )
                for name, index in INDICES.items()
            ],
        )

    def let_keep(self, function: iam.IGrantable) -> None:
        """Grant what reviewing and sweeping take."""
        function.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(sid="KeepLedger", actions=list(_USES), resources=[self.table.table_arn])
        )
        function.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(
                sid="ReadWhatIsOpen", actions=["dynamodb:Query"], resources=[f"{self.table.table_arn}/index/open"]
            )
        )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
