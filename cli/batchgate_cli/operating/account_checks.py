"""Checks that need no deployed gate: who calls, and whether this machine's clock is AWS's."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from batchgate.gate.protocol import CLOCKS_APART_AT_MOST, clocks_apart
from batchgate_cli.operating.checks import Aws, Level, Line

WORTH_KNOWING: Final = timedelta(seconds=10)
"""From there the clock is no longer synchronized, and half way to where decisions are refused."""


def clock_lines(aws: Aws, now: Callable[[], datetime]) -> Iterator[Line]:
    """One line: this machine's clock beside AWS's, by the Date of a response."""
    asked_at = now()
    answer = aws.ask("sts", "GetCallerIdentity")
    date = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    apart = clocks_apart(date, asked_at, now())
    seconds = abs(apart) // timedelta(seconds=1)
    where = f"{seconds} s {'ahead of' if apart > timedelta(0) else 'behind'} AWS's"
    do = "synchronize the clock of this machine (NTP)"
    if abs(apart) > CLOCKS_APART_AT_MOST:
        refused = f"`batchgate jobs approve` and `cancel` refuse more than {CLOCKS_APART_AT_MOST.seconds} s"
        yield Line("clock", Level.FAIL, f"this machine's clock is {where}: {refused}", do)
    elif abs(apart) > WORTH_KNOWING:
        yield Line("clock", Level.WARN, f"this machine's clock is {where}", do)
    else:
        yield Line("clock", Level.PASS, f"this machine's clock is within {max(1, seconds)} s of AWS's")
