"""The delivery of S3's job events to the gate, and the dead letters of those that do not arrive."""

from typing import Final

from aws_cdk import Acknowledgment, Duration, Validations
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from batchgate.contract import JOB_EVENT_PATTERN
from infra.encryption import GateKey
from infra.settings import Settings

VISIBILITY_TIMEOUTS: Final = 6
"""How many function timeouts a received event stays invisible; with fewer, it would be received again during a retry.

*Source*: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS".
"""


class JobEvents(Construct):
    """Rule -> queue, with dead letters at both ends.

    There are two dead-letter queues: one for events that EventBridge could not deliver to the queue, one for events
    that the function failed to review.

    Attributes:
        queue: Job events that wait to be reviewed.
        unreviewed: Events that the gate failed to review after every retry; can be redriven to `queue`.
        undelivered: Events that EventBridge could not deliver to `queue`.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, key: GateKey | None) -> None:
        super().__init__(scope, construct_id)
        kept = Duration.days(settings.dead_letter_days)
        self.unreviewed = _queue(self, "Unreviewed", key, retention_period=kept)
        self.undelivered = _queue(self, "Undelivered", key, retention_period=kept)
        self.queue = _queue(
            self,
            "Queue",
            key,
            visibility_timeout=Duration.seconds(VISIBILITY_TIMEOUTS * settings.timeout_seconds),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.unreviewed, max_receive_count=settings.max_receive_count),
        )
        rule = events.Rule(
            self,
            "Rule",
            description="S3 Batch Operations jobs that were created or changed status",
            event_pattern=events.EventPattern(
                source=JOB_EVENT_PATTERN["source"],
                detail_type=JOB_EVENT_PATTERN["detail-type"],
                detail=JOB_EVENT_PATTERN["detail"],
            ),
        )
        rule.add_target(targets.SqsQueue(self.queue, dead_letter_queue=self.undelivered))
        for queue in (self.unreviewed, self.undelivered):
            Validations.of(queue).acknowledge(
                Acknowledgment(id="AwsSolutions-SQS3", reason="It is a dead-letter queue itself; people empty it.")
            )


def _queue(
    scope: Construct,
    construct_id: str,
    key: GateKey | None,
    *,
    retention_period: Duration | None = None,
    visibility_timeout: Duration | None = None,
    dead_letter_queue: sqs.DeadLetterQueue | None = None,
) -> sqs.Queue:
    """A queue that requires TLS, encrypted with SQS's own key or the customer's, not with `alias/aws/sqs`.

    *Source*: EventBridge can't use that one; EventBridge User Guide, event bus targets, encrypted queues.
    """
    return sqs.Queue(
        scope,
        construct_id,
        encryption=sqs.QueueEncryption.KMS if key else sqs.QueueEncryption.SQS_MANAGED,
        encryption_master_key=key.key if key else None,
        enforce_ssl=True,
        retention_period=retention_period,
        visibility_timeout=visibility_timeout,
        dead_letter_queue=dead_letter_queue,
    )
