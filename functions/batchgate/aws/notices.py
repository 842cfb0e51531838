"""The `Notices` port on SNS."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct, field

from batchgate.aws.answers import only_answers
from batchgate.aws.calls import CallError, make_call
from batchgate.errors import AnnounceError
from batchgate.policy.wording import printable
from batchgate.text import shorten

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

    from batchgate.gate.ports import Clock, Notice

SUBJECT_AT_MOST: Final = 99
"""Characters of an e-mail's subject: fewer than 100. *Source*: SNS API, Publish."""

COUNTED_EVERY: Final = timedelta(minutes=15)
"""While there are subscriptions; while there are none they are counted each time."""


class TopicNotices(Struct):
    """The `Notices` port on SNS.

    Attributes:
        chat: Subscriptions by HTTPS receive the message in the schema of `_for_chat`, all others as text.
    """

    client: SNSClient
    topic_arn: str
    clock: Clock
    chat: bool = False
    _subscribers: int = 0
    _counted_at: datetime | None = field(default=None)

    def __post_init__(self) -> None:
        only_answers(self.client.meta.events)

    def send(self, notice: Notice) -> None:
        """Publish, once for all subscriptions.

        *Source*: SNS API, Publish: with the structure `json` each protocol gets the text under its name, or `default`.
        """
        subject = shorten(printable(notice.subject), SUBJECT_AT_MOST)
        message: Any = {"Message": notice.text}
        if self.chat:
            texts = {"default": notice.text, "https": _for_chat(subject, notice)}
            message = {"Message": msgspec.json.encode(texts).decode(), "MessageStructure": "json"}
        try:
            answer = make_call(lambda: self.client.publish(TopicArn=self.topic_arn, Subject=subject, **message))
        except CallError as error:
            raise AnnounceError(f"Publish to {self.topic_arn}: {error}") from error
        if not answer.get("MessageId"):
            raise AnnounceError(f"Publish to {self.topic_arn}: the answer names no message")

    def subscribers(self) -> int:
        """GetTopicAttributes. An answer counts if it is about this topic and has a number."""
        now = self.clock.now()
        is_fresh = self._counted_at is not None and timedelta(0) <= now - self._counted_at < COUNTED_EVERY
        if not is_fresh or not self._subscribers:
            self._subscribers, self._counted_at = self._count(), now
        return self._subscribers

    def _count(self) -> int:
        try:
            answer = make_call(lambda: self.client.get_topic_attributes(TopicArn=self.topic_arn))
        except CallError as error:
            raise AnnounceError(f"GetTopicAttributes of {self.topic_arn}: {error}") from error
        attributes = answer.get("Attributes") or {}
        confirmed = attributes.get("SubscriptionsConfirmed", "")
        if attributes.get("TopicArn") != self.topic_arn or not (confirmed.isascii() and confirmed.isdecimal()):
            raise AnnounceError(
                f"GetTopicAttributes of {self.topic_arn}: the answer has no number of its subscriptions"
            )
        return int(confirmed)


def _for_chat(title: str, notice: Notice) -> str:
    """The notice as Amazon Q Developer in chat applications shows it; a text in any other form it drops.

    *Source*: Amazon Q Developer in chat applications Administrator Guide, "Custom notifications", event schema.
    """
    content = {"textType": "client-markdown", "title": title, "description": notice.summary}
    steps = {"nextSteps": notice.next_steps} if notice.next_steps else {}
    document = {"version": "1.0", "source": "custom", "content": content | steps, "metadata": {"summary": title}}
    return msgspec.json.encode(document).decode()
