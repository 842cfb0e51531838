"""Every error that batchgate raises on purpose, as one tree.

The tables in docs/errors.md list what happens to the message, the job and the ledger; tests run them.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from batchgate.text import shorten

PROBLEMS_LISTED: Final = 100
"""How many problems the message of a `PolicyError` lists. AppConfig and logs take a message of that length whole."""


class GateError(Exception):
    """The root of all errors that batchgate raises on purpose."""


class EventError(GateError):
    """A message is not an S3 Batch Operations job event that can be read."""


class JobDescriptionError(GateError):
    """A job's description lacks a member that every job has, or has it in another shape."""


class Place(Struct, frozen=True, order=True):
    """A place in a file.

    Attributes:
        file: The file's name as it was given.
        line: Counted from 1.
        column: Counted from 1.
    """

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problem(Struct, frozen=True):
    """One thing that is wrong with a policy document.

    Attributes:
        path: The keys and indices that lead to it; empty for the document itself.
        message: What was expected and what is there instead.
        place: Where it is, if the document came from a file.
        related: The path of what it contradicts; None if that is nothing.
    """

    path: tuple[str | int, ...]
    message: str
    place: Place | None = None
    related: tuple[str | int, ...] | None = None

    @property
    def where(self) -> str:
        """The path as people write it: policies[2].require[0].total_tasks."""
        text = ""
        for step in self.path:
            if isinstance(step, int):
                text += f"[{step}]"
            else:
                name = shorten(step, 80)
                text += f".{name}" if text else name
        return text

    def __str__(self) -> str:
        return ": ".join(part for part in (str(self.place or ""), self.where, self.message) if part)


class PolicyError(GateError):
    """A policy document is invalid.

    `problems` lists every problem in document order, for example
    policies[2].require[0].total_tasks.at_most: expected a whole number >= 0, got "1e6"

    The message has the first `PROBLEMS_LISTED`, and how many more there are.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        shown = [str(problem) for problem in problems[:PROBLEMS_LISTED]]
        more = len(problems) - len(shown)
        super().__init__("\n".join([*shown, f"+{more} more"] if more else shown))
        self.problems = tuple(problems)


class PolicyUnavailableError(GateError):
    """The policies can't be loaded, so nothing is decided."""


class NoPolicyDeployedError(PolicyUnavailableError):
    """No policy document is deployed, as in a new gate to which the team has not pushed policies yet."""


class JobsApiError(GateError):
    """A call of S3 Control failed. The subclasses say what is then known about the job."""


class ListingUnclearError(JobsApiError):
    """S3 returned a page of jobs without a list, not even an empty one. Whether there are jobs is not known."""


class JobNotFoundError(JobsApiError):
    """S3 returned NoSuchJob: the job is not registered yet, is gone, or is in another account or Region."""


class JobsApiThrottledError(JobsApiError):
    """S3 throttled the call, which certainly had no effect."""


class JobsApiDeniedError(JobsApiError):
    """The caller lacks the permission; the call certainly had no effect."""


class UpdateRefusedError(JobsApiError):
    """S3 refused the status update, which certainly had no effect."""


class UpdateUnclearError(JobsApiError):
    """It is not known whether the status update took effect, or still will."""


class ClockError(GateError):
    """The function's clock and S3's differ too much, or S3's response has no time. Nothing is decided."""


class ManifestsApiError(GateError):
    """S3 could not return a manifest or its description; a later call may succeed."""


class LedgerError(GateError):
    """The ledger could not be read or written."""


class UnreadableItemError(LedgerError):
    """One item of the ledger is not one that this version writes. Other items are not affected."""


class LedgerConflictError(LedgerError):
    """Another writer was first. Read again and start over."""


class AnnounceError(GateError):
    """A decision was made, but could not be announced everywhere."""


class DeploymentError(GateError):
    """What the deployment put in force could not be read."""


class GatePausedError(LedgerError):
    """The gate is paused, so nothing was claimed."""


class CircuitBreakerError(LedgerError):
    """There were too many cancellations within the circuit breaker's period, so nothing was claimed."""


class BudgetExceededError(LedgerError):
    """Other jobs have used up a budget since it was read, so nothing was claimed."""


class OutOfTimeError(GateError):
    """The invocation has too little time left for the next step."""


class RefusedError(GateError):
    """A person's request is refused. The message has the reason and what to do instead."""


class ChangedError(RefusedError):
    """The job has changed since the person saw it, so nothing was done."""


class NotAllowedError(RefusedError):
    """This person's approval of the job would not count. The message has the reason."""
