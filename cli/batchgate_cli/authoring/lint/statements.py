"""Lints on what a statement says as a whole: nothing, everything, or the same twice."""

from collections.abc import Iterator

from batchgate.policy.checks import Matches, Measure, Member, Simple, WithinBudget
from batchgate.text import shorten
from batchgate_cli.authoring.lint.finding import Finding
from batchgate_cli.authoring.lint.implications import (
    OPERATION,
    exclude,
    first_exclusion,
    implies,
    is_always,
    is_impossible,
    meets_always,
)
from batchgate_cli.authoring.lint.located import (
    Group,
    Leaf,
    Located,
    LocatedRequirement,
    LocatedStatement,
    Node,
    as_written,
    in_words,
    joined,
    leaves,
)
from batchgate_cli.authoring.lint.operation_names import operation_meant

_COMPARISONS_AT_MOST = 10_000
"""Conditions with more pairs of checks than this are not compared; policies people write have fewer."""


def lint_statements(located: Located) -> Iterator[Finding]:
    """What no job or every job can meet."""
    for statement in located.statements:
        yield from _lint_match(statement)
        yield from _lint_requirements(statement)
        if statement.is_policy and all(map(meets_always, statement.asked)):
            yield Finding(
                "approves-everything",
                statement.path,
                f"{statement.name} matches every job and requires nothing: what no guardrail stops is approved",
                "match the operations, accounts or roles that it is for, or require what makes a job safe",
            )
    yield from _lint_exceptions(located)


# --- match --------------------------------------------------------------------------------------------


def _lint_match(statement: LocatedStatement) -> Iterator[Finding]:
    yield from _nothing_meets(statement.match, f"no job can meet this, so {statement.name} never governs")


def _nothing_meets(conditions: Group, why: str) -> Iterator[Finding]:
    """Conditions that must all hold and can't."""
    parts = list(joined(conditions))
    impossible = [part for part in parts if is_impossible(part)]
    for part in impossible:
        yield Finding("matches-nothing", part.path, why, "remove it, or write a condition that jobs can meet")
    pair = None if impossible else first_exclusion(parts)
    if pair:
        yield Finding("matches-nothing", pair[1].path, f"{why}: it excludes {in_words(pair[0])}", _joined_as_any(pair))


def _joined_as_any(pair: tuple[Node, Node]) -> str:
    """The usual mistake is to list alternatives as if a list meant "or"."""
    tests = [node.check.test for node in pair if isinstance(node, Leaf)]
    values = sorted({as_written(value) for test in tests if isinstance(test, Matches) for value in test.patterns})
    if _measure(pair[0]) == OPERATION:
        values = sorted({operation_meant(value) for value in values})
    if _measure(pair[0]) == _measure(pair[1]) and all(isinstance(test, Matches) for test in tests) and values:
        one = f"[{shorten(', '.join(values), 80)}]"
        return f"all conditions of a list must be met; to accept any of them, write one with {one}"
    return "all conditions of a list must be met; to accept any of them, put them under `any:`"


def _measure(node: Node) -> Measure | None:
    return node.check.measure if isinstance(node, Leaf) else None


# --- require ------------------------------------------------------------------------------------------


def _lint_requirements(statement: LocatedStatement) -> Iterator[Finding]:
    match_can_hold = not is_impossible(statement.match)
    may_approve_all = statement.is_policy and all(map(meets_always, statement.asked))
    for requirement in statement.requirements:
        if is_impossible(requirement.own):
            if not requirement.lifted:
                why = f"no job can meet this, so {statement.name} {_consequence(statement)} every job that it governs"
                instead = "require something that jobs can meet"
                if isinstance(measure := _measure(requirement.own), WithinBudget):
                    instead = f"raise the limits of 0 in the budget {measure.budget.name}, or require something else"
                yield Finding("matches-nothing", requirement.own.path, why, instead)
        elif match_can_hold and not may_approve_all:
            yield from _beside_match(requirement, statement)
        if requirement.unless:
            yield from _lint_unless(requirement.unless, statement)
    strict = [
        requirement.own
        for requirement in statement.requirements
        if not requirement.lifted and not is_impossible(requirement.own)
    ]
    pair = first_exclusion(strict)
    if pair:
        yield Finding(
            "contradicts-requirement",
            pair[1].path,
            f"no job can meet this and {in_words(pair[0])}, so {statement.name} {_consequence(statement)} every job"
            " that it governs",
            "put the two under `any:` in one requirement, or into statements that match different jobs",
        )


def _consequence(statement: LocatedStatement) -> str:
    return "approves nothing and objects to" if statement.is_policy else "objects to"


def _beside_match(requirement: LocatedRequirement, statement: LocatedStatement) -> Iterator[Finding]:
    own, match = requirement.own, statement.match
    if _are_too_many(match, own):
        return
    if exclude(match, own):
        if not requirement.lifted:
            yield Finding(
                "contradicts-match",
                own.path,
                f"no job that {statement.name} matches can meet this",
                "to refuse these jobs, remove the condition from match; otherwise change match or this requirement",
            )
    elif implies(match, own):
        every = "every job" if implies(Group((), ()), own) else f"every job that {statement.name} matches"
        yield Finding(
            "repeats-match", own.path, f"{every} meets this already", "remove the requirement, or require more"
        )
    elif isinstance(own, Group) and own.any_of:
        for part in own.parts:
            if exclude(match, part):
                why = f"no job that {statement.name} matches can meet this alternative"
                yield Finding("matches-nothing", part.path, why, "remove the alternative, or match other jobs")


def _lint_unless(unless: Group, statement: LocatedStatement) -> Iterator[Finding]:
    never = "no job can meet this `unless`, so the requirement always applies"
    found = list(_nothing_meets(unless, never))
    yield from found
    if found or _are_too_many(statement.match, unless):
        return
    if exclude(statement.match, unless):
        yield Finding(
            "matches-nothing",
            unless.path,
            f"no job that {statement.name} matches can meet this `unless`, so the requirement always applies",
            "remove the `unless`, or match other jobs",
        )
    elif implies(statement.match, unless):
        yield Finding(
            "repeats-match",
            unless.path,
            f"every job that {statement.name} matches meets this `unless`, so the requirement never applies",
            "remove the requirement, or narrow the `unless` to the jobs that are exempt",
        )


def _are_too_many(one: Node, other: Node) -> bool:
    return sum(1 for _ in leaves(one)) * sum(1 for _ in leaves(other)) > _COMPARISONS_AT_MOST


# --- exceptions ---------------------------------------------------------------------------------------


def _lint_exceptions(located: Located) -> Iterator[Finding]:
    statements = {statement.name: statement for statement in located.statements}
    for exception in located.exceptions:
        name, match = exception.form.name, exception.match
        found = list(_nothing_meets(match, f"no job can meet this, so {name} lifts nothing")) if match else []
        yield from found
        for index, lifted in enumerate(exception.form.lifts):
            statement = statements[lifted]
            path = (*exception.path, "lifts", index)
            if not any(_can_be_lifted(each.own) for each in statement.requirements):
                why = f"{lifted} has no requirement to lift, and an exception never approves a job"
                if statement.requirements:
                    why = f"{lifted} requires budgets only, and no exception lifts a budget"
                yield Finding("lifts-nothing", path, why, "lift the statement that objects, or remove the exception")
            elif match and not found and not _are_too_many(match, statement.match) and exclude(match, statement.match):
                why = f"no job that {lifted} matches can meet the match of {name}"
                yield Finding("lifts-nothing", path, why, f"remove {lifted} here, or match jobs that it governs")


def _can_be_lifted(own: Node) -> bool:
    return not any(isinstance(leaf.check.measure, WithinBudget) for leaf in leaves(own))


# --- what has to be read ------------------------------------------------------------------------------


def lint_unreadable_manifests(located: Located) -> Iterator[Finding]:
    """Statements that look into the manifest of every job there is."""
    for statement in located.statements:
        parts = list(joined(statement.match))
        if any(not _in_manifest(part) and not _is_trivial(part) for part in parts):
            continue
        required = (part for each in statement.requirements if not each.unless for part in joined(each.own))
        for part in [part for part in (*parts, *required) if _in_manifest(part)][:1]:
            yield Finding(
                "unreadable-manifest-holds",
                part.path,
                f"if the manifest can't be read, this is unmeasurable, and {statement.name} matches every job: it holds"
                " all such jobs, whatever other policies decide",
                "also match the operation, account or region that it is for, so that only those jobs are held",
            )


def _in_manifest(node: Node) -> bool:
    """Whether the condition can't hold without something being read from the manifest."""
    if isinstance(node, Leaf):
        return node.check.measure in _FROM_MANIFEST
    return (all if node.any_of else any)(map(_in_manifest, node.parts))


def _is_trivial(node: Node) -> bool:
    return isinstance(node, Leaf) and is_always(node.check)


_FROM_MANIFEST: frozenset[Measure] = frozenset(
    {
        *(Simple(name) for name in ("source_buckets", "object_bytes")),
        *(Member("manifest", name) for name in ("bytes", "rows", "rows_without_version")),
    }
)
