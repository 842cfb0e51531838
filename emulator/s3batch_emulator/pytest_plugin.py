"""Fixtures for other people's tests: `pytest_plugins = ["s3batch_emulator.pytest_plugin"]`."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from s3batch_emulator.clock import SteppedClock
from s3batch_emulator.connect import connect
from s3batch_emulator.emulator import Emulator
from s3batch_emulator.events import Event
from s3batch_emulator.objects import MemoryObjects

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class EmulatedBatch:
    """An emulator in memory, with everything that a test holds on to.

    Attributes:
        clock: Stands at the first of January 2026, UTC, until advanced.
        objects: Where manifests are put.
        events: What was emitted so far, oldest first.
        emulator: With seed 0, so that ids repeat from run to run.
    """

    clock: SteppedClock = field(default_factory=lambda: SteppedClock(START))
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    events: list[Event] = field(default_factory=list)
    emulator: Emulator = field(init=False)

    def __post_init__(self) -> None:
        """Make the emulator from the rest."""
        self.emulator = Emulator(self.clock, self.objects, self.events.append, seed=0)

    def advance(self, **units: float) -> None:
        """Advance the clock, by `seconds=`, `minutes=`, `days=` as for timedelta."""
        self.clock.advance(timedelta(**units))


@pytest.fixture
def s3batch() -> EmulatedBatch:
    """A fresh emulator with a stepped clock and objects in memory."""
    return EmulatedBatch()


@pytest.fixture
def s3batch_client(s3batch: EmulatedBatch) -> Any:  # noqa: ANN401 -- boto3 makes clients' types at run time
    """A real boto3 `s3control` client in us-east-1, connected to `s3batch`."""
    client = boto3.client(
        "s3control",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 -- the emulator takes any
    )
    return connect(client, s3batch.emulator)
