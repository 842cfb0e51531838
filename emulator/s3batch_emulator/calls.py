"""A record of the requests to the emulator, for assertions in tests."""

from dataclasses import dataclass, field
from datetime import datetime

from s3batch_emulator.address import JobScope
from s3batch_emulator.exchange import Ending
from s3batch_emulator.values import Structure


@dataclass(frozen=True, slots=True)
class Call:
    """One request that reached an operation, and its response.

    Attributes:
        at: Time of the emulator's clock.
        operation: Its API name, such as UpdateJobStatus.
        scope: Partition, Region and account of the request.
        parameters: The input structure; empty if it could not be parsed.
        code: The error code of the response; None for success.
        ending: How the exchange ended. Unless it is WHOLE, the caller did not get the response.
    """

    at: datetime
    operation: str
    scope: JobScope
    parameters: Structure = field(default_factory=dict)
    code: str | None = None
    ending: Ending = Ending.WHOLE
