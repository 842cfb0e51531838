"""Lints on checks that can't be measured, so that jobs which they govern are held for a person."""

from collections.abc import Collection, Iterator, Sequence

from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.policy.checks import CostOf, Equals, Measure, Member, Simple, WithinBudget
from batchgate.policy.costs import Prices
from batchgate.policy.validation.prices import tiers
from batchgate_cli.authoring.lint.finding import Finding
from batchgate_cli.authoring.lint.implications import exclude, operation_is
from batchgate_cli.authoring.lint.located import Group, Leaf, Located, Node, joined, leaves

SOURCE_BUCKETS = Simple("source_buckets")
MANIFEST_BYTES = Member("manifest", "bytes")
_GENERATED = Member("manifest", "generated")


def lint_unmeasured(located: Located, manifest_buckets: Collection[str] | None) -> Iterator[Finding]:
    """Each use of what the deployment is not set up to read.

    Args:
        located: The policy set.
        manifest_buckets: The deployment's setting of that name; None where no deployment is known.
    """
    for statement in located.statements:
        from_generator = any(_is_generated(part) for part in joined(statement.match))
        for leaf in statement.leaves:
            yield from _unmeasured(leaf, statement.name, manifest_buckets, from_generator=from_generator)
    for exception in located.exceptions:
        for leaf in leaves(exception.match) if exception.match else ():
            yield from _unmeasured(leaf, exception.form.name, manifest_buckets)


def _is_generated(node: Node) -> bool:
    return isinstance(node, Leaf) and node.check.measure == _GENERATED and node.check.test == Equals(value=True)


def _unmeasured(
    leaf: Leaf, name: str, manifest_buckets: Collection[str] | None, *, from_generator: bool = False
) -> Iterator[Finding]:
    if manifest_buckets is None or manifest_buckets:
        return
    measure: Measure = leaf.check.measure
    if measure == MANIFEST_BYTES:
        what, whose, instead = "a manifest's size", "every job is", "limit total_tasks"
    elif measure == SOURCE_BUCKETS and not from_generator:
        what, whose = "a manifest's rows", "every job whose manifest S3 does not generate is"
        instead = "also match manifest: {generated: true}"
    elif measure.of_rows and measure != SOURCE_BUCKETS:
        what, instead = "a manifest's rows", "limit total_tasks"
        whose = "every job of an operation priced by size is" if isinstance(measure, CostOf) else "every job is"
    else:
        return
    why = (
        f"the setting manifest_buckets names no bucket, so the gate has no permission to read {what}:"
        f" where {name} checks it, {whose} held for a manual decision"
    )
    yield Finding("setting-off", leaf.path, why, f"name the manifests' buckets in manifest_buckets, or {instead}")


def lint_prices(located: Located) -> Iterator[Finding]:
    """Each check of the cost that lacks a price for jobs which its statement matches."""
    for statement in located.statements:
        for leaf in statement.leaves:
            if (prices := _prices(leaf.check.measure)) is not None:
                missing = _missing(prices, statement.match)
                yield from _missing_price(leaf, statement.name, missing)
    for exception in located.exceptions:
        for leaf in leaves(exception.match) if exception.match else ():
            if exception.match and (prices := _prices(leaf.check.measure)) is not None:
                missing = _missing(prices, exception.match)
                yield from _missing_price(leaf, exception.form.name, missing)


def _prices(measure: Measure) -> Prices | None:
    """The prices by which a check estimates a job's cost; None where it does not."""
    if isinstance(measure, WithinBudget):
        return measure.budget.prices if measure.budget.limits.cost is not None else None
    return measure.prices if isinstance(measure, CostOf) else None


def _missing_price(leaf: Leaf, name: str, missing: Sequence[str]) -> Iterator[Finding]:
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        why = (
            f"prices has no {', '.join(missing[:_NAMED])}{more}: the cost of jobs that need it is not known, so"
            f" {name} holds them for a manual decision"
        )
        yield Finding("missing-price", leaf.path, why, _TO_PRICE)


_NAMED = 3
_TO_PRICE = (
    "add what is missing (0 for what is free; `batchgate policy prices` prints all prices to fill in), or match only"
    " operations that have a price"
)


def _missing(prices: Prices, match: Group) -> list[str]:
    """The prices that jobs of a match need and that are not there."""
    missing = [name for name in ("job", "million_objects") if getattr(prices, name) is None]
    requests = {price.of for price in prices.million_requests}
    for operation in sorted(KNOWN_OPERATIONS):
        if exclude(match, operation_is(operation)):
            continue
        if operation not in requests:
            missing.append(f"million_requests.{operation}")
        by_size = {price.of for price in prices.prices_by_size(operation)}
        if by_size and operation not in by_size:
            missing += [f"gibibyte.{each}" for each in tiers(operation) if each not in by_size]
    return missing
