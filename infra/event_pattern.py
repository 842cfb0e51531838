"""Which EventBridge events reach the gate. Data alone, so that whoever plays EventBridge locally matches by it too."""

from typing import Final, TypedDict

EventPattern = TypedDict(
    "EventPattern", {"source": list[str], "detail-type": list[str], "detail": dict[str, list[str]]}
)
"""As an EventBridge rule takes it: every leaf is the list of values that match."""

EVENT_PATTERN: Final[EventPattern] = {
    "source": ["aws.s3"],
    "detail-type": ["AWS Service Event via CloudTrail"],
    "detail": {
        "eventSource": ["s3.amazonaws.com"],
        "eventType": ["AwsServiceEvent"],
        "eventName": ["JobCreated", "JobStatusChanged"],
    },
}
"""Every job event of S3, whatever its status.

That S3 announces Suspended is documented nowhere, and the gate goes by DescribeJob.
*Source*: S3 User Guide, batch-ops-examples-event-bridge-cloud-trail.
"""
