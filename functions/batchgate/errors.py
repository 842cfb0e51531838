"""Every error that batchgate raises on purpose, as one tree.

What becomes of the message, the job and the ledger with each is the table in docs/errors.md, which is run as a test.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from batchgate.text import shorten

PROBLEMS_TOLD: Final = 100
"""In the message of a `PolicyError`, which AppConfig and logs take whole."""


class GateError(Exception):
    """The root: catch it to catch whatever batchgate itself reports."""


class EventError(GateError):
    """A message is not an S3 Batch Operations job event that can be read."""


class JobDescriptionError(GateError):
    """What claims to be a job's description lacks what every job has, or has it in another shape."""


class Place(Struct, frozen=True, order=True):
    """Where in a file something stands.

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
        place: Where it stands, when the document came from a file.
        related: The path of what it collides with, if it does.
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
    """A policy document says something that we refuse to guess at.

    `problems` lists every problem in document order, for example
    policies[2].require[0].total_tasks.at_most: expected a whole number >= 0, got "1e6"

    The message has the first of many, and how many more there are.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        shown = [str(problem) for problem in problems[:PROBLEMS_TOLD]]
        more = len(problems) - len(shown)
        super().__init__("\n".join([*shown, f"+{more} more"] if more else shown))
        self.problems = tuple(problems)


class PolicyUnavailableError(GateError):
    """No policy document could be had that may be decided by: nothing is decided."""


class NoPolicyDeployedError(PolicyUnavailableError):
    """No policy document is deployed, as in a new gate whose policies a team has yet to push."""


class JobsApiError(GateError):
    """S3 Control did not do what it was asked; the subclasses say what is known of the job then."""


class ListingUnclearError(JobsApiError):
    """S3 answered a page of jobs without a list, not even an empty one: whether there are any is not known."""


class JobNotFoundError(JobsApiError):
    """S3 knows no such job: not yet registered, gone, or in another account or Region."""


class JobsApiThrottledError(JobsApiError):
    """S3 refused for the rate alone; the call surely had no effect."""


class JobsApiDeniedError(JobsApiError):
    """The caller may not do this; the call surely had no effect."""


class UpdateRefusedError(JobsApiError):
    """S3 refused the status update; it surely had no effect."""


class UpdateUnclearError(JobsApiError):
    """It is not known whether the status update took effect, or still will."""


class ClockError(GateError):
    """The function's clock and S3's are too far apart, or S3 does not say its time: nothing is decided."""


class ManifestsApiError(GateError):
    """S3 could not say anything about a manifest now; it may later."""


class LedgerError(GateError):
    """The ledger could not be read or written."""


class UnreadableItemError(LedgerError):
    """One item of the ledger is not what this version writes; the others are none the worse for it."""


class LedgerConflictError(LedgerError):
    """Another writer was first: read again and start over."""


class AnnounceError(GateError):
    """The decision stands, and could not be reported everywhere that it should be."""


class DeploymentError(GateError):
    """What the deployment put in force could not be read."""


class GatePausedError(LedgerError):
    """The gate is paused: nothing was claimed."""


class CircuitBreakerError(LedgerError):
    """There were too many cancellations in too short a time: nothing was claimed."""


class BudgetExceededError(LedgerError):
    """Other jobs have used up a budget since it was read: nothing was claimed."""


class OutOfTimeError(GateError):
    """Too little of the invocation's time is left to begin what would have to be finished."""


class RefusedError(GateError):
    """What a person asked for can't be done; the message says why, and what can."""


class ChangedError(RefusedError):
    """The job is not any more what the person was shown: nothing was done."""


class NotAllowedError(RefusedError):
    """This person's approval of the job would not count; the message says why."""
