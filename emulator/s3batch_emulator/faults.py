"""Injected faults, and the rate limit."""

import random
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from s3batch_emulator.address import JobScope
from s3batch_emulator.errors import STATUS_BY_CODE, EmulatorError


class Effect(Enum):
    """What a fault does to a request or its response."""

    ERROR = "error"
    RESET = "reset"
    HANG = "hang"
    HALF_ANSWER = "half_answer"
    WRONG_XML = "wrong_xml"
    EMPTY_ANSWER = "empty_answer"
    ERROR_IN_200 = "error_in_200"
    OTHER_DOCUMENT = "other_document"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, and the requests that it applies to.

    Attributes:
        effect: What happens.
        code: For ERROR: any of `errors.STATUS_BY_CODE`, in any vocabulary.
        after_change: The operation is executed, and only its response is affected. That is always so
            for a half answer, wrong XML, an empty answer, an error with status 200 and another document;
            the last three have S3's own headers.
        operation: Only this API operation; None for all.
        account_id: Only this account; None for all.
        job_id: Only requests that name this job; None for all.
        times: How many requests it applies to; None for any number.
        rate: The share of the matching requests that it applies to, from 0 to 1.
    """

    effect: Effect
    code: str = "InternalServiceException"
    after_change: bool = False
    operation: str | None = None
    account_id: str | None = None
    job_id: str | None = None
    times: int | None = 1
    rate: float = 1.0

    def __post_init__(self) -> None:
        """Reject a code that S3 does not have, and a rate that is not a share."""
        if self.code not in STATUS_BY_CODE:
            raise EmulatorError(f"Fault: code must be one of {', '.join(STATUS_BY_CODE)}, is {self.code}")
        if not 0 <= self.rate <= 1:
            raise EmulatorError(f"Fault: rate must be from 0 to 1, is {self.rate}")

    def matches(self, operation: str, scope: JobScope, job_id: str | None) -> bool:
        """Whether the fault can apply to a request."""
        return (
            self.operation in {None, operation}
            and self.account_id in {None, scope.account_id}
            and self.job_id in {None, job_id}
        )


@dataclass(slots=True)
class FaultPlan:
    """The faults that can still apply. The first one added that matches a request applies to it."""

    rng: random.Random
    _waiting: list[tuple[Fault, int | None]] = field(default_factory=list)

    def add(self, *faults: Fault) -> None:
        """Add faults."""
        self._waiting += [(fault, fault.times) for fault in faults]

    def clear(self) -> None:
        """Remove all faults."""
        self._waiting.clear()

    @property
    def waiting(self) -> list[Fault]:
        """The faults that can still apply to a request."""
        return [fault for fault, _ in self._waiting]

    def pick(self, operation: str, scope: JobScope, job_id: str | None) -> Fault | None:
        """The fault that applies to a request, counted as used; None if there is none."""
        for position, (fault, left) in enumerate(self._waiting):
            if fault.matches(operation, scope, job_id) and (fault.rate == 1 or self.rng.random() < fault.rate):
                if left is not None:
                    self._waiting[position : position + 1] = [(fault, left - 1)] if left > 1 else []
                return fault
        return None


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A token bucket for each account and Region.

    Attributes:
        per_second: Tokens that are added in a second.
        burst: Tokens that it holds at most, and at first.
    """

    per_second: float
    burst: float


@dataclass(slots=True)
class RateLimiter:
    """Counts requests against a limit, by the emulator's clock."""

    limit: RateLimit
    _buckets: dict[JobScope, tuple[float, datetime]] = field(default_factory=dict)

    def admits(self, scope: JobScope, at: datetime) -> bool:
        """Whether one more request is within the limit; counts it if so."""
        level, since = self._buckets.get(scope, (self.limit.burst, at))
        level = min(self.limit.burst, level + (at - since).total_seconds() * self.limit.per_second)
        admitted = level >= 1
        self._buckets[scope] = (level - 1 if admitted else level, at)
        return admitted
