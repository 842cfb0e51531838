"""Lint on approvals that are asked for twice: one decision of one person meets all of them."""

from collections.abc import Iterator
from itertools import combinations

from batchgate.policy.checks import ManualApproval
from batchgate_cli.authoring.lint.finding import Finding
from batchgate_cli.authoring.lint.implications import implies
from batchgate_cli.authoring.lint.located import Leaf, Located, LocatedStatement, joined

_STATEMENTS_COMPARED_AT_MOST = 100


def lint_approvals(located: Located) -> Iterator[Finding]:
    """Each further manual_approval of one statement, and of another one that governs the very same jobs.

    Statements that share only some of their jobs are left alone: each may need its approval for the others.
    """
    asking: list[tuple[LocatedStatement, Leaf]] = []
    for statement in located.statements:
        asked = list(_approvals(statement))
        for leaf in asked[1:]:
            yield _finding(leaf, f"{statement.name} asks for it twice")
        if asked and statement.enforced:
            asking.append((statement, asked[0]))
    found: set[str] = set()
    for (one, _), (other, leaf) in combinations(asking[:_STATEMENTS_COMPARED_AT_MOST], 2):
        if other.name not in found and implies(one.match, other.match) and implies(other.match, one.match):
            found.add(other.name)
            yield _finding(leaf, f"{one.name} asks for it, too, of the same jobs")


def _approvals(statement: LocatedStatement) -> Iterator[Leaf]:
    """The approvals without which the statement lets no job through."""
    for requirement in statement.requirements:
        for part in joined(requirement.own) if not requirement.unless else ():
            if isinstance(part, Leaf) and isinstance(part.check.measure, ManualApproval):
                yield part


def _finding(leaf: Leaf, where: str) -> Finding:
    return Finding(
        "one-approval-for-both",
        leaf.path,
        f"{where}, and one person's approval meets both",
        "take one of the two away; two approvers can't be asked for yet",
    )
