"""The `Notices` port on SNS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from batchgate.aws.answers import only_answers
from batchgate.aws.calls import CallError, make_call
from batchgate.errors import AnnounceError
from batchgate.text import shorten

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

SUBJECT_AT_MOST = 99
"""Characters of an e-mail's subject: fewer than 100. *Source*: SNS API, Publish."""


class TopicNotices(Struct, frozen=True):
    """The `Notices` port on SNS."""

    client: SNSClient
    topic_arn: str

    def __post_init__(self) -> None:
        only_answers(self.client.meta.events)

    def send(self, subject: str, message: str) -> None:
        """Publish."""
        try:
            answer = make_call(
                lambda: self.client.publish(
                    TopicArn=self.topic_arn, Subject=shorten(subject, SUBJECT_AT_MOST), Message=message
                )
            )
        except CallError as error:
            raise AnnounceError(f"Publish to {self.topic_arn}: {error}") from error
        if not answer.get("MessageId"):
            raise AnnounceError(f"Publish to {self.topic_arn}: the answer names no message")
