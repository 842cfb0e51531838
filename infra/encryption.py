"""The customer's key, if a deployment chose one: what it encrypts, and who may use it."""

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.settings import Settings


class GateKey(Construct):
    """One key for the queues, the table, the topic and the logs. AppConfig encrypts with one of its own.

    It is kept when the stack is destroyed, because what is kept is encrypted with it; not when its creation fails.

    The key's policy allows EventBridge and CloudWatch without a condition: with aws:SourceArn or aws:SourceAccount they
    drop messages silently.
    *Source*: EventBridge User Guide, encrypted queues as targets; CloudWatch User Guide, alarms to encrypted topics.

    Attributes:
        key: Rotated every year.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        self.key = kms.Key(
            self,
            "Key",
            description=f"{settings.stack_name}: events, decisions, notices and logs of batchgate",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        for sid, service in (
            ("EventBridgeToQueues", "events.amazonaws.com"),
            ("AlarmsToTopic", "cloudwatch.amazonaws.com"),
        ):
            self.key.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    principals=[iam.ServicePrincipal(service)],
                    actions=["kms:Decrypt", "kms:GenerateDataKey"],
                    resources=["*"],  # in a key's policy: this key
                )
            )
        logs = Stack.of(self).format_arn(
            service="logs", resource="log-group", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="LogsOfThisAccount",
                # With the Region: the documentation of this service alone writes its principal so.
                principals=[iam.ServicePrincipal(f"logs.{Stack.of(self).region}.{Stack.of(self).url_suffix}")],
                actions=["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": logs}},
            )
        )

    def grant_use_for_table(self, function: iam.IGrantable, *, writing: bool) -> None:
        """Grant reading, or reading and writing, an encrypted table, through DynamoDB only.

        *Source*: DynamoDB Developer Guide, "Authorizing use of a customer managed key".
        """
        actions = ["kms:Decrypt", "kms:DescribeKey", *(["kms:Encrypt"] if writing else [])]
        self._grant("KeyForTable", "dynamodb", actions, function)

    def grant_use_for_queue(self, function: iam.IGrantable) -> None:
        """Grant receiving from an encrypted queue, through SQS only.

        *Source*: SQS Developer Guide, "Key management", permissions of a consumer.
        """
        self._grant("KeyForQueue", "sqs", ["kms:Decrypt"], function)

    def grant_sending_to_queue(self, function: iam.IGrantable) -> None:
        """Grant sending to an encrypted queue, through SQS only.

        *Source*: SQS Developer Guide, "Key management", permissions of a producer.
        """
        self._grant("KeyForQueue", "sqs", ["kms:Decrypt", "kms:GenerateDataKey"], function)

    def grant_use_for_topic(self, function: iam.IGrantable) -> None:
        """Grant publishing to an encrypted topic, through SNS only.

        *Source*: SNS Developer Guide, "Managing Amazon SNS encryption keys".
        """
        self._grant("KeyForTopic", "sns", ["kms:Decrypt", "kms:GenerateDataKey"], function)

    def _grant(self, sid: str, service: str, actions: list[str], function: iam.IGrantable) -> None:
        function.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(
                sid=sid,
                actions=actions,
                resources=[self.key.key_arn],
                # Whether AWS writes this with a partition's own suffix is documented nowhere.
                conditions={"StringLike": {"kms:ViaService": f"{service}.{Stack.of(self).region}.amazonaws.com*"}},
            )
        )
