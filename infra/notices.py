"""Notices to people: jobs that wait for them, cancellations, alarms."""

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from batchgate.contract import DECISION_DETAIL_TYPE, SERVICE
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
        self._announce_cancellations()
        if settings.notify_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(settings.notify_email))

    def _announce_cancellations(self) -> None:
        """Send one message per cancelled job; the circuit breaker limits how many there can be.

        A role publishes them. In the topic's policy, EventBridge would have to be allowed for everybody's rules.
        """
        fields = {
            name: events.EventField.from_path(f"$.detail.{name}") for name in ("job_id", "account", "region", "reason")
        }
        rule = events.Rule(
            self,
            "Cancellations",
            description="Notifies people of S3 Batch Operations jobs that batchgate cancelled",
            event_pattern=events.EventPattern(
                source=[SERVICE], detail_type=[DECISION_DETAIL_TYPE], detail={"action": ["cancelled"]}
            ),
        )
        text = (
            "batchgate cancelled the job {job_id} of account {account} in {region}. {reason} - Details: "
            "batchgate jobs show {job_id} --region {region}"
        )
        publisher = iam.Role(
            self,
            "CancellationsRole",
            assumed_by=iam.ServicePrincipal("events.amazonaws.com"),
            description="Lets EventBridge notify people of jobs that batchgate cancelled",
        )
        self.grant_publishing(publisher)
        rule.add_target(
            targets.SnsTopic(
                self.topic,
                role=publisher.without_policy_updates(),  # CDK would grant more than publishing takes
                message=events.RuleTargetInput.from_text(text.format(**fields)),
            )
        )

    def grant_publishing(self, function: iam.IGrantable) -> None:
        """Grant publishing."""
        function.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(sid="TellPeople", actions=["sns:Publish"], resources=[self.topic.topic_arn])
        )
        if self._key:
            self._key.grant_use_for_topic(function)
