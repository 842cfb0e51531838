"""Lint on `any` over what the elements of a list are not: one harmless element is enough to meet it."""

from collections.abc import Iterator

from batchgate.policy.checks import Below, Elements, Every, Not, Test
from batchgate_cli.authoring.lint.finding import Finding
from batchgate_cli.authoring.lint.located import Leaf, Located, Node, leaves


def lint_elements(located: Located) -> Iterator[Finding]:
    """Where jobs are let through by it. A guardrail's match may well ask for any element but a harmless one."""
    for statement in located.statements:
        if statement.is_policy:
            yield from _lint(statement.match)
        for requirement in statement.requirements:
            yield from _lint(requirement.own)
            if requirement.unless:
                yield from _lint(requirement.unless)
    for exception in located.exceptions:
        if exception.match:
            yield from _lint(exception.match)


def _lint(node: Node) -> Iterator[Finding]:
    for leaf in leaves(node):
        for test in _parts(leaf.check.test):
            denied = list(_denied(test.test)) if isinstance(test, Elements) and test.word == "any" else []
            if denied:
                yield _finding(leaf, denied)


def _finding(leaf: Leaf, denied: list[Below]) -> Finding:
    member, wanted = denied[0].path, denied[0].test.wanted.removeprefix("not ")
    what = wanted if wanted.isprintable() and len(wanted) <= _WANTED_AT_MOST else "so"
    none = f"{{none: {{{member}: {'...' if what == 'so' or ' or ' in what else what}}}}}"
    return Finding(
        "any-but",
        (*leaf.path, "any"),
        f"one element whose {member} is not {what} meets this, whatever the others are",
        f"write {none}, if no element may be so; or silence this with the reason why one other element is enough",
    )


_WANTED_AT_MOST = 40


def _parts(test: Test) -> Iterator[Test]:
    if isinstance(test, Every):
        yield from test.tests
    else:
        yield test


def _denied(test: Test) -> Iterator[Below]:
    """The members of an element, where it is asked of each what it is not; nothing where one is asked what it is."""
    parts = sorted((part for part in _parts(test) if isinstance(part, Below)), key=lambda part: part.path)
    if all(isinstance(part.test, Not) for part in parts):
        yield from parts
