"""Checks that need no deployed gate: who calls, and whether this machine's clock is AWS's."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from batchgate.gate.protocol import clocks_apart
from batchgate_cli.operating.checks import Aws, Level, Line

WORTH_KNOWING: Final = timedelta(seconds=10)
"""From there the clock is no longer synchronized. AWS refuses requests of one that is five minutes off."""


def clock_lines(aws: Aws, now: Callable[[], datetime]) -> Iterator[Line]:
    """One line: this machine's clock beside AWS's, by the Date of a response."""
    asked_at = now()
    answer = aws.ask("sts", "GetCallerIdentity")
    date = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    apart = clocks_apart(date, asked_at, now())
    seconds = abs(apart) // timedelta(seconds=1)
    where = f"{seconds} s {'ahead of' if apart > timedelta(0) else 'behind'} AWS's"
    do = "synchronize the clock of this machine (NTP)"
    if abs(apart) > WORTH_KNOWING:
        refused = "AWS refuses requests of a clock that is five minutes off"
        yield Line("clock", Level.WARN, f"this machine's clock is {where}; {refused}", do)
    else:
        yield Line("clock", Level.PASS, f"this machine's clock is within {max(1, seconds)} s of AWS's")
