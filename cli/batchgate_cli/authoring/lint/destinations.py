"""Lint on rules about destinations, which jobs without a destination meet."""

from collections.abc import Iterator

from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.policy.checks import Elements, Simple
from batchgate_cli.authoring.lint.finding import Finding
from batchgate_cli.authoring.lint.implications import exclude, operation_is, plain
from batchgate_cli.authoring.lint.located import Group, Leaf, Located, joined

_DESTINATION = Simple("destination_buckets")
WITHOUT_DESTINATION = tuple(sorted(KNOWN_OPERATIONS - {"S3PutObjectCopy", "S3ReplicateObject"}))
"""Operations that write into the buckets of their objects, or into none; the targets of a replication are unknown."""


def lint_destinations(located: Located) -> Iterator[Finding]:
    """Requirements of what destinations must be, in guardrails that govern operations without one."""
    for statement in located.statements:
        if statement.is_policy:
            continue  # a policy chooses its jobs, so what it does not require of them is meant
        asked = Group((), tuple(statement.asked))
        for requirement in statement.requirements:
            for leaf in joined(requirement.own):
                if not isinstance(leaf, Leaf) or not _is_met_without(leaf):
                    continue
                others = [name for name in WITHOUT_DESTINATION if not exclude(asked, operation_is(name))]
                if others:
                    yield Finding(
                        "met-without-destination",
                        leaf.path,
                        f"only copies have a destination: jobs of other operations that {statement.name} governs, as"
                        f" {others[-1]}, change objects in their source buckets and meet this",
                        "match operation: S3PutObjectCopy, and restrict source_buckets or operation for the others; or"
                        " silence this if other statements do",
                    )


def _is_met_without(leaf: Leaf) -> bool:
    test = plain(leaf.check.test)
    return leaf.check.measure == _DESTINATION and isinstance(test, Elements) and test.word != "any"
