"""When the gate was last seen at work."""

from dataclasses import dataclass
from datetime import datetime

from batchgate_cli.operating.checks import NotCheckedError
from batchgate_cli.operating.live_gate import LiveGate


@dataclass(frozen=True, slots=True)
class LastSeen:
    """What the sweep last wrote about itself.

    Attributes:
        sweep: When the last sweep ended that did its work; None before the first.
        event: When the last job event was reviewed; None before the first.
    """

    sweep: datetime | None
    event: datetime | None


def last_seen(live: LiveGate) -> LastSeen:
    """Read it from the ledger.

    Raises:
        GateError: The ledger could not be read.
    """
    raise NotCheckedError(f"the ledger {live.ledger.table} does not record it")
