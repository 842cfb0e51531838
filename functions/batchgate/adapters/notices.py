"""Messages to people through the stack's topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from msgspec import Struct

from batchgate.errors import AnnounceError
from batchgate.policy.wording import shortened

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

SUBJECT_AT_MOST = 100
"""Characters of an e-mail's subject. *Source*: SNS API, Publish."""


class TopicNotices(Struct, frozen=True):
    """The `Notices` port on SNS."""

    client: SNSClient
    topic_arn: str

    def send(self, subject: str, message: str) -> None:
        """Publish."""
        try:
            self.client.publish(TopicArn=self.topic_arn, Subject=shortened(subject, SUBJECT_AT_MOST), Message=message)
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            raise AnnounceError(f"Publish to {self.topic_arn}: {error}") from error
