"""Job events that were never reviewed: read, shown, and moved back to the queue."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from batchgate.aws.s3control import CONFIG
from batchgate.errors import EventError, GateError
from batchgate.jobs.events import parse_job_event
from batchgate.jobs.model import JobRef

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SHOWN_AT_MOST: Final = 100
"""Letters of each queue that are shown and moved at a time."""

_A_BATCH: Final = 10
"""Source: SQS API, ReceiveMessage MaxNumberOfMessages, SendMessageBatch."""

_LOOKED_UP_AT_MOST: Final = 20
_PAGES_AT_MOST: Final = 5
"""Of the log, for each letter: a page may be empty, and more may follow."""

_HIDDEN_SECONDS: Final = 120
_WAIT_SECONDS: Final = 1
"""Long polling: without it SQS asks only some of its servers, and may say that a queue is empty which is not."""


class RedriveError(GateError):
    """Not all dead letters were moved; the others stay in their queue."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One event that was never reviewed.

    Attributes:
        queue: unreviewed (the gate failed on it again and again) or undelivered (EventBridge could not queue it).
        ref: The job; None where the event names none.
        event: The event's name; "" where it has none.
        received: How often it was received, not counting this read.
        sent_at: When it was first put into a queue.
        why: What EventBridge says, or the gate's log; "" where neither says.
        no_event: What is wrong with it as an event; "" where it is one.
    """

    queue: str
    message_id: str
    ref: JobRef | None
    event: str
    received: int
    sent_at: datetime
    why: str
    no_event: str


@dataclass(frozen=True, slots=True)
class DeadLetterQueue:
    """One of the two queues.

    Attributes:
        name: unreviewed or undelivered.
    """

    sqs: "SQSClient"
    name: str
    url: str

    def letters(self) -> list[DeadLetter]:
        """What is in it, up to a bound, and visible again at once: nothing is removed."""
        with self._received(SHOWN_AT_MOST) as messages:
            return [_letter(self.name, message) for message in messages]

    def count(self) -> int:
        """About how many there are."""
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def move_to(self, queue_url: str, at_most: int) -> int:
        """Send what is in it to another queue, each deleted here once it is there; a duplicate does no harm.

        Returns:
            How many were moved.

        Raises:
            RedriveError: The other queue refused some; they stay here.
        """
        moved = 0
        while moved < at_most:
            messages = self._receive(min(_A_BATCH, at_most - moved))
            if not messages:
                break
            moved += self._move(messages, queue_url)
        return moved

    def _move(self, messages: Sequence[Any], queue_url: str) -> int:
        entries: Any = [{"Id": str(number), "MessageBody": each["Body"]} for number, each in enumerate(messages)]
        answer = self.sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
        sent = [messages[int(each["Id"])] for each in answer.get("Successful", [])]
        if sent:
            gone: Any = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(sent)]
            self.sqs.delete_message_batch(QueueUrl=self.url, Entries=gone)
        failed = answer.get("Failed", [])
        if failed:
            self._show_again([messages[int(each["Id"])] for each in failed])
            first = failed[0]
            raise RedriveError(
                f"{len(failed)} of the {self.name} events were refused by the queue and were not moved: "
                f"{first.get('Code')}: {first.get('Message')}"
            )
        return len(sent)

    @contextmanager
    def _received(self, at_most: int) -> Iterator[list[Any]]:
        found: list[Any] = []
        seen: set[str] = set()
        try:
            while len(found) < at_most:
                messages = self._receive(min(_A_BATCH, at_most - len(found)))
                new = [each for each in messages if each["MessageId"] not in seen]
                if not new:
                    break
                seen |= {each["MessageId"] for each in new}
                found += new
            yield found
        finally:
            self._show_again(found)

    def _receive(self, at_most: int) -> Sequence[Any]:
        answer = self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=at_most,
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=_WAIT_SECONDS,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
            MessageAttributeNames=["All"],
        )
        return answer.get("Messages", [])

    def _show_again(self, messages: Sequence[Any]) -> None:
        for first in range(0, len(messages), _A_BATCH):
            entries: Any = [
                {"Id": str(number), "ReceiptHandle": each["ReceiptHandle"], "VisibilityTimeout": 0}
                for number, each in enumerate(messages[first : first + _A_BATCH])
            ]
            self.sqs.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)


def with_failures(
    letters: Sequence[DeadLetter], session: boto3.session.Session, function: str
) -> tuple[list[DeadLetter], str]:
    """The same with what the function's log has about those that it failed on; and why that is not all.

    Args:
        letters: Of both queues.
        session: The caller's.
        function: The name of the function that reviews events.
    """
    wanted = [letter for letter in letters if letter.queue == "unreviewed"][:_LOOKED_UP_AT_MOST]
    if not wanted:
        return [*letters], ""
    if not function:
        return [*letters], "why the gate failed on them is not known: the SSM parameter names no function"
    try:
        functions = session.client("lambda", config=CONFIG)
        group = functions.get_function_configuration(FunctionName=function)["LoggingConfig"]["LogGroup"]
        logs = session.client("logs", config=CONFIG.merge(Config(read_timeout=20)))  # it searches first
        found = {letter.message_id: _failure(logs, group, letter) for letter in wanted}
    except (BotoCoreError, ClientError, KeyError) as error:
        return [*letters], f"why the gate failed on them is not known, its log can't be read: {error}"
    left = sum(letter.queue == "unreviewed" for letter in letters) - len(wanted)
    note = f"the log was searched for {len(wanted)} of them only; why the gate failed on {left} more is not shown"
    return [replace(letter, why=found.get(letter.message_id) or letter.why) for letter in letters], note if left else ""


def _failure(logs: Any, group: str, letter: DeadLetter) -> str:  # noqa: ANN401 - boto3 makes clients' types at run time
    """The last error that was logged with the message's id."""
    asked = {
        "logGroupName": group,
        "startTime": int(letter.sent_at.timestamp() * 1000),
        "filterPattern": f'"{letter.message_id}"',
    }
    last = ""
    token: dict[str, str] = {}
    for _ in range(_PAGES_AT_MOST):
        page = logs.filter_log_events(**asked, **token)
        for event in page.get("events", []):
            last = _error_of(event["message"]) or last
        if not page.get("nextToken"):
            break
        token = {"nextToken": page["nextToken"]}
    return last


def _error_of(line: str) -> str:
    try:
        logged = json.loads(line)
    except ValueError:
        return ""
    return str(logged.get("error") or "") if isinstance(logged, dict) else ""


def _letter(queue: str, message: Mapping[str, Any]) -> DeadLetter:
    ref, event, no_event = _read(str(message.get("Body") or ""))
    attributes = message.get("Attributes") or {}
    return DeadLetter(
        queue=queue,
        message_id=str(message["MessageId"]),
        ref=ref,
        event=event,
        received=max(0, int(attributes.get("ApproximateReceiveCount") or 1) - 1),
        sent_at=datetime.fromtimestamp(int(attributes.get("SentTimestamp") or 0) / 1000, UTC),
        why=_why(message.get("MessageAttributes") or {}),
        no_event=no_event,
    )


def _read(body: str) -> tuple[JobRef | None, str, str]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return None, "", "not JSON"
    try:
        ref = parse_job_event(event)
    except EventError as error:
        return None, "", str(error)
    detail: Any = event["detail"]
    status = detail["serviceEventDetails"].get("status")
    return ref, f"{detail['eventName']} {status if isinstance(status, str) else ''}".rstrip(), ""


def _why(attributes: Mapping[str, Any]) -> str:
    """EventBridge's own words; *source*: EventBridge User Guide, eb-rule-dlq, the message's attributes."""
    texts = {name: str(value.get("StringValue") or "") for name, value in attributes.items()}
    parts = [texts.get(name, "") for name in ("ERROR_CODE", "ERROR_MESSAGE", "EXHAUSTED_RETRY_CONDITION")]
    return ", ".join(part for part in parts if part)
