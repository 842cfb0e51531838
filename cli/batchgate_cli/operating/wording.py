"""Instants, ages and reasons as views have them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from batchgate.gate.state import Block
from batchgate_cli.output import printable_line

SOON_FAILED: Final = timedelta(days=21)
"""Held for so long, little is left of the 30 days after which S3 fails a job."""

_HELD_BY = re.compile(r"batchgate: held(?:, | by |: )")
_SAID_BY = re.compile(r"batchgate: (?:held|approved|cancelled|waiting)(?:, | by | because of |: )")
_VERSIONS = re.compile(r" \[[^\[\]]*\]$")

MARKS: Final = {
    Block.PAUSED: "paused",
    Block.CIRCUIT_BREAKER: "circuit breaker",
    Block.ADOPTION: "adoption",
    Block.BUDGET: "budget",
    Block.CONFLICTING_UPDATE: "conflicting update",
}


def obstacle(reason: str) -> str:
    """A hold's reason without what every hold's begins and ends with."""
    return _VERSIONS.sub("", _HELD_BY.sub("", printable_line(reason), count=1))


def bare(reason: str) -> str:
    """Any reason of the gate's without what all of them begin and end with."""
    return _VERSIONS.sub("", _SAID_BY.sub("", printable_line(reason), count=1))


def age(passed: timedelta) -> str:
    """A span of time in its two largest units."""
    minutes = max(0, int(passed.total_seconds()) // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def minute(instant: datetime | None) -> str:
    """An instant in UTC, without its zone."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}" if instant else "unknown"


def objects(count: int | None) -> str:
    """How many objects a job has."""
    if not count:
        return "unknown size"
    return "1 object" if count == 1 else f"{count:,} objects"


def counted(count: int, noun: str) -> str:
    """A number and its noun, which takes an s for all but one."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def manual_approval(actual: object, expected: object) -> str:
    """How many approvals there are, and of whom they are wanted where a policy names people."""
    if actual in {"given", "not given yet"}:
        return f"manual approval {'required, ' if actual != 'given' else ''}{actual}"
    return f"manual approval: {actual}, want {expected}"


def person(arn: str) -> str:
    """A caller's ARN without what is the same for all: `assumed-role/lake-oncall/ana`."""
    return printable_line(arn.rpartition(":")[2] if arn.startswith("arn:") else arn)
