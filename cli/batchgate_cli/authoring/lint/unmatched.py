"""Lint on what no policy matches outside of a window, where that is cancelled."""

from collections.abc import Iterator

from batchgate.policy.checks import Check, Clock
from batchgate_cli.authoring.lint.finding import Finding
from batchgate_cli.authoring.lint.implications import exclude
from batchgate_cli.authoring.lint.located import Leaf, Located, LocatedStatement, joined


def lint_unmatched(located: Located) -> Iterator[Finding]:
    """Windows in a match under `unmatched: cancel`, where no other policy may match the same jobs at another time."""
    if located.document.unmatched != "cancel":
        return
    policies = [each for each in located.statements if each.is_policy and each.enforced]
    for policy in policies[:_COMPARED_AT_MOST]:
        windows = list(_windows(policy))
        for leaf in windows[:1]:
            asked = {each.check for each in windows}
            if not any(_may_match_otherwise(other, policy, asked) for other in policies if other is not policy):
                yield Finding(
                    "cancelled-outside-window",
                    leaf.path,
                    f"where this is not met, {policy.name} does not match its jobs, and unmatched: cancel cancels them"
                    " unless another policy matches",
                    "move the window to require, where a job is held until it opens",
                )


_COMPARED_AT_MOST = 200


def _windows(policy: LocatedStatement) -> Iterator[Leaf]:
    for part in joined(policy.match):
        if isinstance(part, Leaf) and isinstance(part.check.measure, Clock):
            yield part


def _may_match_otherwise(other: LocatedStatement, policy: LocatedStatement, asked: set[Check]) -> bool:
    """Whether another policy may match a job of this one while its window is closed."""
    if any(leaf.check in asked for leaf in _windows(other)):
        return False
    return not any(exclude(part, other.match) for part in joined(policy.match) if part not in list(_windows(policy)))
