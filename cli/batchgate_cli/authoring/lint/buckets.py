"""Lints on buckets' names, which are global: whoever is first may own a name that a pattern leaves open."""

import re
from collections.abc import Iterator

from batchgate.policy.checks import Elements, Simple
from batchgate.policy.patterns import Glob
from batchgate.text import shorten
from batchgate_cli.authoring.lint.finding import Finding
from batchgate_cli.authoring.lint.implications import is_always
from batchgate_cli.authoring.lint.located import Leaf, Located, leaves, texts

_OF_ONE_ACCOUNT = re.compile(r".*-(?:\$\{account\}|[0-9]{12})-(?:\$\{region\}|[a-z0-9-]+)-an", re.DOTALL)
"""Names that only the account itself can create. Source: S3 User Guide, "Namespaces for general purpose buckets"."""


def lint_wide_buckets(located: Located) -> Iterator[Finding]:
    """`only` with a pattern that another customer's bucket may match; a guardrail's match admits nothing by it."""
    for statement in located.statements:
        if statement.is_policy:
            yield from _wide(leaves(statement.match), located)
        for requirement in statement.requirements:
            yield from _wide(leaves(requirement.own), located)
            if requirement.unless:
                yield from _wide(leaves(requirement.unless), located)
    for exception in located.exceptions:
        if exception.match:
            yield from _wide(leaves(exception.match), located)


def _wide(found: Iterator[Leaf], located: Located) -> Iterator[Finding]:
    for leaf in found:
        test = leaf.check.test
        of_buckets = isinstance(leaf.check.measure, Simple)  # of the job's, not of a parameter's values
        if not of_buckets or not isinstance(test, Elements) or test.word != "only" or is_always(leaf.check):
            continue
        for path, pattern in texts(leaf, located.document.lists):
            is_wide = isinstance(pattern, Glob) or any(wildcard in pattern for wildcard in "*?")
            if is_wide and not _OF_ONE_ACCOUNT.fullmatch(str(pattern)):
                yield Finding(
                    "only-in-wide-pattern",
                    path,
                    f'bucket names are global, so "{shorten(str(pattern), 60)}" may match another AWS customer\'s '
                    "bucket",
                    "list the buckets, or end the pattern in -${account}-${region}-an, which only that account can"
                    " create",
                )
