"""Lints on checks that the gate can't measure, so that every job which they govern is held for a person."""

from collections.abc import Collection, Iterator

from batchgate.policy.checks import Equals, Measure, Member, Simple
from batchgate_cli.authoring.lint.finding import Finding
from batchgate_cli.authoring.lint.located import Leaf, Located, LocatedStatement, Node, joined, leaves

OBJECT_BYTES = Simple("object_bytes")
SOURCE_BUCKETS = Simple("source_buckets")
MANIFEST_BYTES = Member("manifest", "bytes")
_GENERATED = Member("manifest", "generated")

_INSTEAD_OF_SIZES = "limit total_tasks until then, or require manual_approval, which has the same effect"


def lint_unmeasured(located: Located, manifest_buckets: Collection[str] | None) -> Iterator[Finding]:
    """Each use of what this version never reads, or what the deployment is not set up to read.

    Args:
        located: The policy set.
        manifest_buckets: The deployment's setting of that name; None where no deployment is known.
    """
    for statement in located.statements:
        from_generator = any(_is_generated(part) for part in joined(statement.match))
        for leaf in _leaves(statement):
            yield from _unmeasured(leaf, statement.name, manifest_buckets, from_generator=from_generator)
    for exception in located.exceptions:
        for leaf in leaves(exception.match) if exception.match else ():
            yield from _unmeasured(leaf, exception.form.name, manifest_buckets)


def _leaves(statement: LocatedStatement) -> Iterator[Leaf]:
    yield from leaves(statement.match)
    for requirement in statement.requirements:
        yield from leaves(requirement.own)
        if requirement.unless:
            yield from leaves(requirement.unless)


def _is_generated(node: Node) -> bool:
    return isinstance(node, Leaf) and node.check.measure == _GENERATED and node.check.test == Equals(value=True)


def _unmeasured(
    leaf: Leaf, name: str, manifest_buckets: Collection[str] | None, *, from_generator: bool = False
) -> Iterator[Finding]:
    measure: Measure = leaf.check.measure
    if measure == OBJECT_BYTES:
        why = (
            f"this version does not read objects' sizes, so where {name} checks them, every job is held for a manual"
            " decision"
        )
        yield Finding("not-measured-yet", leaf.path, why, _INSTEAD_OF_SIZES)
    elif measure == SOURCE_BUCKETS and not from_generator:
        why = (
            "this version does not read a manifest's rows: the source buckets are known only of a job whose manifest S3"
            f" generates; where {name} checks them of other jobs, those are held for a manual decision"
        )
        instead = "also match manifest: {generated: true}, or silence this with the reason why such holds are intended"
        yield Finding("not-measured-yet", leaf.path, why, instead)
    elif measure == MANIFEST_BYTES and manifest_buckets is not None and not manifest_buckets:
        why = (
            "the setting manifest_buckets names no bucket, so the gate has no permission to read a manifest's size:"
            f" where {name} checks it, every job is held for a manual decision"
        )
        yield Finding(
            "setting-off", leaf.path, why, "name the manifests' buckets in manifest_buckets, or limit total_tasks"
        )
