"""Messages to people through the stack's topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from msgspec import Struct

from batchgate.aws.answers import UNREADABLE, only_answers
from batchgate.errors import AnnounceError
from batchgate.text import shorten

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

SUBJECT_AT_MOST = 100
"""Characters of an e-mail's subject. *Source*: SNS API, Publish."""


class TopicNotices(Struct, frozen=True):
    """The `Notices` port on SNS."""

    client: SNSClient
    topic_arn: str

    def __post_init__(self) -> None:
        only_answers(self.client.meta.events)

    def send(self, subject: str, message: str) -> None:
        """Publish."""
        try:
            answer = self.client.publish(
                TopicArn=self.topic_arn, Subject=shorten(subject, SUBJECT_AT_MOST), Message=message
            )
        except (ClientError, *UNREADABLE) as error:
            raise AnnounceError(f"Publish to {self.topic_arn}: {error}") from error
        if not answer.get("MessageId"):
            raise AnnounceError(f"Publish to {self.topic_arn}: the answer names no message")
