"""A record of what was asked of the emulator, for a test's assertions."""

from dataclasses import dataclass, field
from datetime import datetime

from s3batch_emulator.address import JobScope
from s3batch_emulator.exchange import Ending
from s3batch_emulator.values import Structure


@dataclass(frozen=True, slots=True)
class Call:
    """One request that reached an operation, and how it was answered.

    Attributes:
        at: By the emulator's clock.
        operation: Its API name, such as UpdateJobStatus.
        scope: Partition, Region and account that the request meant.
        asked: The input structure; empty where it could not be read.
        code: The error code of the answer; None for success.
        ending: How the exchange ended; other than WHOLE the caller never saw the answer.
    """

    at: datetime
    operation: str
    scope: JobScope
    asked: Structure = field(default_factory=dict)
    code: str | None = None
    ending: Ending = Ending.WHOLE
