"""The topic of notices to people: of jobs that wait for them and cancellations, by the sweep, and of alarms."""

from aws_cdk import Annotations, ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.encryption import GateKey
from infra.settings import Settings


class Notices(Construct):
    """One topic for all notices; it requires TLS.

    Encrypted with the customer's key or not at all: CloudWatch can't publish through `alias/aws/sns`.
    *Source*: CloudWatch User Guide, "Alarm actions"; SNS Developer Guide, "Encryption at rest".

    Attributes:
        topic: What people subscribe to, by email, chat or anything that SNS supports.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, key: GateKey | None) -> None:
        super().__init__(scope, construct_id)
        self._key = key
        self.topic = sns.Topic(
            self,
            "Topic",
            display_name=settings.stack_name[:100],
            master_key=key.key if key else None,
            enforce_ssl=True,
        )
        stack = Stack.of(self)
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={
                    "ArnLike": {
                        "aws:SourceArn": stack.format_arn(
                            service="cloudwatch",
                            resource="alarm",
                            resource_name="*",
                            arn_format=ArnFormat.COLON_RESOURCE_NAME,
                        )
                    }
                },
            )
        )
        if settings.notify_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(settings.notify_email))
        else:
            Annotations.of(self).add_warning_v2(
                "batchgate:nobody-is-notified",
                "The setting notify_email is not set: held jobs, cancellations and alarms notify no one until "
                "an address is subscribed to the topic (the output NoticesTopic) and the subscription is confirmed.",
            )

    def grant_publishing(self, function: iam.IGrantable) -> None:
        """Grant publishing, and counting the subscriptions."""
        function.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(
                sid="NotifyPeople",
                actions=["sns:GetTopicAttributes", "sns:Publish"],
                resources=[self.topic.topic_arn],
            )
        )
        if self._key:
            self._key.grant_use_for_topic(function)
