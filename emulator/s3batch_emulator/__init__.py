"""The S3 Batch Operations job API, for tests and demonstrations.

It follows the documentation of S3. Where the documentation is silent, a switch selects the behavior.

    emulator = Emulator(SteppedClock(datetime(2026, 1, 1, tzinfo=UTC)), MemoryObjects(), print)
    s3control = connect(boto3.client("s3control", region_name="us-east-1"), emulator)
    emulator.clock.advance(timedelta(minutes=1))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s3batch_emulator.api import *  # noqa: F403 -- the list is `api.__all__`


def __getattr__(name: str) -> Any:  # noqa: ANN401 -- any public name
    """Load the public names on first use: pytest imports this package in every run, and most runs use none."""
    if name.startswith("_"):
        raise AttributeError(name)
    return getattr(import_module("s3batch_emulator.api"), name)
