"""Sinks that deliver events, reliably or not.

S3 delivers events on a best-effort basis: they can arrive late, twice, out of order, or not
at all. Source: Amazon EventBridge User Guide, events from AWS services.
"""

import json
import logging
import random
from dataclasses import dataclass, field
from datetime import timedelta

import urllib3
from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError

from s3batch_emulator.clock import Clock
from s3batch_emulator.events import Event, EventSink

_FIRST_ERROR_STATUS = 400
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unreliability:
    """How unreliable the delivery is. Shares are from 0 to 1, and drawn for each event.

    Attributes:
        drop: Share of events that never arrive.
        repeat: Share of events that arrive twice, each time with a delay of its own.
        swap: Share of events that are held back until another event has been delivered.
        delay: The longest delay; each is drawn evenly between 0 and this.
    """

    drop: float = 0.0
    repeat: float = 0.0
    swap: float = 0.0
    delay: timedelta = timedelta(0)


@dataclass(slots=True)
class UnreliableSink:
    """A sink that passes events to another one unreliably, in the same way for the same seed.

    Attributes:
        sink: Gets the events that arrive.
        clock: The clock of the delays; usually the emulator's.
        how: How unreliable it is.
        dropped: The events that never arrived, for assertions in tests.
    """

    sink: EventSink
    clock: Clock
    how: Unreliability
    seed: int
    dropped: list[Event] = field(default_factory=list)
    _held: list[Event] = field(default_factory=list)
    _rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        """Seed the generator."""
        self._rng = random.Random(self.seed)  # noqa: S311 -- for repeatable tests, not secrets

    def __call__(self, event: Event) -> None:
        """Deliver an event: now, later, twice, or never."""
        if self._rng.random() < self.how.drop:
            self.dropped.append(event)
            return
        copies = 2 if self._rng.random() < self.how.repeat else 1
        if self._rng.random() < self.how.swap:
            self._held += [event] * copies
            return
        for _ in range(copies):
            self._send(event)
        self.flush()

    def flush(self) -> None:
        """Deliver the events that are held back."""
        held, self._held = self._held, []
        for event in held:
            self._send(event)

    def _send(self, event: Event) -> None:
        delay = self.how.delay * self._rng.random()
        if delay:
            self.clock.schedule(self.clock.now() + delay, lambda _: self.sink(event))
        else:
            self.sink(event)


@dataclass(slots=True)
class HttpSink:
    """Posts each event as JSON to a URL. An event that can't be delivered is logged and lost."""

    url: str

    def __call__(self, event: Event) -> None:
        """Post one event."""
        try:
            # A kept connection could be closed by the receiver just when the next event is sent.
            alone = {"Connection": "close"}
            answer = urllib3.request("POST", self.url, json=event, headers=alone, timeout=5.0, retries=False)
        except urllib3.exceptions.HTTPError as error:
            _LOG.warning("event %s was lost: %s", event["id"], error)
            return
        if answer.status >= _FIRST_ERROR_STATUS:
            _LOG.warning("event %s was lost: %s answered %s", event["id"], self.url, answer.status)


@dataclass(slots=True)
class EventBridgeSink:
    """Puts each event on an event bus. An event that can't be delivered is logged and lost.

    Attributes:
        client: A boto3 `events` client.
        source: The source of the events instead of `aws.s3`, which PutEvents reserves for AWS.
    """

    client: BaseClient
    source: str = "s3batch.emulator"
    bus: str = "default"

    def __call__(self, event: Event) -> None:
        """Put one event."""
        try:
            answer = self.client.put_events(  # type: ignore[attr-defined]
                Entries=[
                    {
                        "Source": self.source,
                        "DetailType": event["detail-type"],
                        "Detail": json.dumps(event["detail"]),
                        "Resources": event["resources"],
                        "EventBusName": self.bus,
                    }
                ]
            )
        except (ClientError, BotoCoreError) as error:
            _LOG.warning("event %s was lost: %s", event["id"], error)
            return
        if answer["FailedEntryCount"]:
            _LOG.warning("event %s was lost: %s", event["id"], answer["Entries"])
