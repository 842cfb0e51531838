"""What the pytest fixtures return."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from s3batch_emulator.clock import SteppedClock
from s3batch_emulator.emulator import Emulator
from s3batch_emulator.events import Event
from s3batch_emulator.objects import MemoryObjects

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class EmulatedBatch:
    """An emulator in memory, with a stepped clock.

    Attributes:
        clock: Starts at 2026-01-01T00:00:00Z and moves only when it is advanced.
        objects: The objects that jobs read. Put manifests here.
        events: All events so far, oldest first.
        emulator: Uses seed 0, so ids are the same in every run.
    """

    clock: SteppedClock = field(default_factory=lambda: SteppedClock(START))
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    events: list[Event] = field(default_factory=list)
    emulator: Emulator = field(init=False)

    def __post_init__(self) -> None:
        """Create the emulator from the other attributes."""
        self.emulator = Emulator(self.clock, self.objects, self.events.append, seed=0)

    def advance(self, **units: float) -> None:
        """Advance the clock, for example by `seconds=30`; the keywords are those of timedelta."""
        self.clock.advance(timedelta(**units))
