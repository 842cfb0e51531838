"""Lint on requirements of different statements that govern the same jobs, and that no job can meet together."""

from collections.abc import Iterator
from itertools import combinations

from batchgate.policy.checks import Measure
from batchgate_cli.authoring.lint.finding import Finding
from batchgate_cli.authoring.lint.implications import exclude, implies, is_impossible
from batchgate_cli.authoring.lint.located import Leaf, Located, LocatedStatement, in_words, joined

_COMPARED_AT_MOST = 100
"""Requirements about one fact that are compared with one another."""


def lint_contradictions(located: Located) -> Iterator[Finding]:
    """The first such pair of any two statements, at the later one."""
    by_measure: dict[Measure, list[tuple[LocatedStatement, Leaf]]] = {}
    for statement in located.statements:
        if statement.enforced and not is_impossible(statement.match):
            for leaf in _required(statement):
                by_measure.setdefault(leaf.check.measure, []).append((statement, leaf))
    seen: set[tuple[str, str]] = set()
    for required in by_measure.values():
        for (one, first), (other, second) in combinations(required[:_COMPARED_AT_MOST], 2):
            names = (one.name, other.name)
            if one is other or names in seen or not exclude(first, second):
                continue
            governed = _governed_by_both(one, other)
            if governed:
                seen.add(names)
                yield Finding(
                    "contradicts-statement",
                    second.path,
                    f"no job can meet this and {one.name}, which requires {in_words(first)}; {governed}, so those are"
                    " never approved",
                    "a job must meet all statements that govern it: let their matches exclude each other, or put both"
                    " requirements under `any:` in one statement",
                )


def _required(statement: LocatedStatement) -> Iterator[Leaf]:
    """The checks that every governed job must meet, except those that the match contradicts: another lint has them."""
    for requirement in statement.requirements:
        if not requirement.lifted:
            for part in joined(requirement.own):
                if isinstance(part, Leaf) and not is_impossible(part) and not exclude(statement.match, part):
                    yield part


def _governed_by_both(one: LocatedStatement, other: LocatedStatement) -> str:
    """Which jobs are certainly governed by both; "" where none certainly is."""
    ahead, back = implies(one.match, other.match), implies(other.match, one.match)
    if ahead and back:
        return f"{one.name} and {other.name} govern the same jobs"
    if ahead or back:
        inner, outer = (one, other) if ahead else (other, one)
        return f"{outer.name} governs every job that {inner.name} governs"
    return ""
