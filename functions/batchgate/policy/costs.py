"""What a job will cost, estimated by the prices that a document gives: exact, in units of 10**-10 US dollars."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import reduce
from typing import Final

from msgspec import Struct

from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.policy.amounts import COST_UNITS
from batchgate.policy.facts import Gap, JobFacts, Result

OPERATION_WITH_TIERS: Final = "S3InitiateRestoreObject"
"""The one operation whose price by size may depend on a tier. Source: S3InitiateRestoreObjectOperation."""

TIER: Final = "GlacierJobTier"

_MILLION = 10**6
_GIBIBYTE = 1 << 30
_DECIMALS_OF_UNITS = 10
_DECIMALS_AT_LEAST = 2
_LARGEST_WRITTEN = 10**39


class Price(Struct, frozen=True, order=True):
    """One price.

    Attributes:
        of: The operation, or OPERATION.TIER.
        units: For one job, a million objects or requests, or a gibibyte.
    """

    of: str
    units: int


class Prices(Struct, frozen=True):
    """The prices of a document; None, and what is not in a sequence, is not known.

    Attributes:
        job: For one job.
        million_objects: For a million objects.
        million_requests: For a million requests, by operation.
        gibibyte: For a gibibyte of the objects' own sizes, by operation or OPERATION.TIER.
    """

    job: int | None = None
    million_objects: int | None = None
    million_requests: tuple[Price, ...] = ()
    gibibyte: tuple[Price, ...] = ()

    def prices_by_size(self, operation: str) -> Sequence[Price]:
        """The prices of a gibibyte for an operation; none where it is not priced by size."""
        return [price for price in self.gibibyte if price.of.partition(".")[0] == operation]


class Cost(Struct, frozen=True):
    """An estimate.

    Attributes:
        parts: What it is for, with how much; in one fixed order.
    """

    parts: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """All parts added up."""
        return sum(amount for _, amount in self.parts)

    def __str__(self) -> str:
        """The total, and the parts that are not free."""
        parts = " + ".join(f"{dollars(amount)} {name}" for name, amount in self.parts if amount)
        return f"{dollars(self.total)} ({parts})" if parts else dollars(0)


def cost_of(prices: Prices, facts: JobFacts) -> Cost | Gap:
    """Estimate a job's cost; a gap where any price, count or size that it needs is not known.

    One request for each object. Of an operation that is priced by size the objects' own sizes count; a fraction of a
    unit is rounded up.
    """
    operation = facts.operation
    if isinstance(operation, Gap):
        return operation
    parts = tuple(_parts(prices, operation, facts))
    gaps = [amount for _, amount in parts if isinstance(amount, Gap)]
    if gaps:
        return reduce(_more_binding, gaps)
    return Cost(tuple((name, amount) for name, amount in parts if isinstance(amount, int)))


def units(amount: Decimal) -> int:
    """An amount of dollars in units; one with up to four decimals is exact."""
    return int(amount * COST_UNITS)


def dollars(amount: int) -> str:
    """An amount as text, exact: at least two decimals."""
    if abs(amount) >= _LARGEST_WRITTEN:
        return "a very large amount"
    whole, rest = divmod(amount, COST_UNITS)
    decimals = f"{rest:0{_DECIMALS_OF_UNITS}}".rstrip("0")
    return f"${whole}.{decimals:0<{_DECIMALS_AT_LEAST}}"


def _parts(prices: Prices, operation: str, facts: JobFacts) -> Iterator[tuple[str, int | Gap]]:
    yield "job", _known(prices.job, "job")
    yield "objects", _times(facts.total_tasks, _known(prices.million_objects, "million_objects"), _MILLION)
    requests = {price.of: price.units for price in prices.million_requests}.get(operation)
    of = f".{operation}" if operation in KNOWN_OPERATIONS else " of an operation that this version does not know"
    yield "requests", _times(facts.total_tasks, _known(requests, f"million_requests{of}"), _MILLION)
    by_size = {price.of: price.units for price in prices.prices_by_size(operation)}
    if by_size:
        yield "bytes", _bytes(by_size, operation, facts)


def _bytes(by_size: dict[str, int], operation: str, facts: JobFacts) -> int | Gap:
    return _times(facts.object_bytes, _price_by_size(by_size, operation, facts), _GIBIBYTE)


def _price_by_size(by_size: dict[str, int], operation: str, facts: JobFacts) -> int | Gap:
    if operation in by_size:
        return by_size[operation]
    tier = facts.parameters.get(TIER)
    if not isinstance(tier, str):
        return Gap(Result.UNMEASURABLE, f"the job says no {TIER}")
    missing = Gap(Result.UNMEASURABLE, f"prices.gibibyte has no price of the job's {TIER}")
    return by_size.get(f"{operation}.{tier}", missing)


def _times(count: int | Gap, price: int | Gap, of: int) -> int | Gap:
    """The price of so many, rounded up; a count that is not known yet before a price that never will be."""
    if isinstance(price, Gap):
        return _more_binding(count, price) if isinstance(count, Gap) else price
    return count if isinstance(count, Gap) else -(-count * price // of)


def _known(price: int | None, name: str) -> int | Gap:
    return Gap(Result.UNMEASURABLE, f"no prices.{name}") if price is None else price


def _more_binding(one: Gap, other: Gap) -> Gap:
    return other if other.result > one.result else one
