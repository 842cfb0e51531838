"""The rules of prices: what each is of."""

from collections.abc import Iterator, Mapping, Sequence

from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.jobs.request_model import request_shape
from batchgate.policy.as_written import show
from batchgate.policy.costs import OPERATION_WITH_TIERS, TIER
from batchgate.policy.validation.notes import Notes, Path


def check_prices(notes: Notes, value: Mapping[str, object], path: Path) -> None:
    """Prices are of operations that S3 has; one by size is of an operation, or of each of its tiers."""
    if not value:
        notes.wrong(path, "expected at least one price, got none; add one, or remove prices")
    for key in ("million_requests", "gibibyte"):
        prices = value.get(key)
        of = [each for each in prices if isinstance(each, str)] if isinstance(prices, dict) else []
        for each in of:
            for message in _mistakes(each, of, by_size=key == "gibibyte"):
                notes.wrong((*path, key, each), message)


def _mistakes(of: str, others: list[str], *, by_size: bool) -> Iterator[str]:
    operation, dot, tier = of.partition(".")
    if operation not in KNOWN_OPERATIONS:
        yield _no_operation(operation)
    elif dot and not by_size:
        yield f"expected an operation, got {show(of)}; requests have one price for each operation: write {operation}"
    elif dot and operation != OPERATION_WITH_TIERS:
        yield f"{operation} has no tiers; write {operation}"
    elif dot and tier not in _tiers():
        from batchgate.policy.suggestions import nearest, one_of

        near = nearest(tier, _tiers())
        known = one_of(tiers(operation))
        yield f"expected {known}, got {show(of)}" + (f"; did you mean {operation}.{near}?" if near else "")
    elif dot and operation in others:
        yield f"{operation} has one price, or one for each {TIER}, not both; remove one of the two"


def priced_by_size() -> frozenset[str]:
    """All that `gibibyte` may price."""
    return KNOWN_OPERATIONS | frozenset(tiers(OPERATION_WITH_TIERS))


def tiers(operation: str) -> Sequence[str]:
    """OPERATION.TIER for each tier of an operation."""
    return [f"{operation}.{tier}" for tier in _tiers()] if operation == OPERATION_WITH_TIERS else ()


def _tiers() -> tuple[str, ...]:
    """Source: S3 Control API, S3GlacierJobTier."""
    return request_shape("Operation").members[OPERATION_WITH_TIERS].members[TIER].values


def _no_operation(name: str) -> str:
    from batchgate.policy.suggestions import most_alike, nearest, sharing_a_word

    known = sorted(KNOWN_OPERATIONS)
    near = nearest(name, known) or sharing_a_word(name, known)
    hint = f"did you mean {near}?" if near else f"the nearest are {', '.join(most_alike(name, known))}"
    return f"no operation known to this version is named {show(name)}; {hint}"
