"""Lints on operations: unknown ones, functions that LambdaInvoke may call, parameters of other operations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.policy import patterns
from batchgate.policy.checks import Dated, ManualApproval, Matches, Measure, Not, OneOf, Parameter, Test
from batchgate.policy.patterns import Glob, Pattern
from batchgate_cli.authoring.lint.finding import Finding, Path
from batchgate_cli.authoring.lint.implications import OPERATION, exclude, implies, is_positive, operation_is
from batchgate_cli.authoring.lint.located import (
    Group,
    Leaf,
    Lists,
    Located,
    LocatedStatement,
    Node,
    joined,
    leaves,
    texts,
)
from batchgate_cli.authoring.lint.operation_names import what_to_write
from batchgate_cli.authoring.lint.pattern_sets import DIGIT, meet, shape, some_but, some_of, within

_LAMBDA = operation_is("LambdaInvoke")
_FUNCTION = Parameter("LambdaInvoke.FunctionArn")
_ARN_OF_ANY_FUNCTION = "arn:aws:lambda:xx-none-0:000000000000:function:-no-name-"

_WORD = some_but(":")
_ARN = (*shape("arn:"), *_WORD, *shape(":lambda:"), *_WORD, *shape(":"), *[DIGIT] * 12, *shape(":function:"), *_WORD)
_UNQUALIFIED = (_ARN, _WORD)
_LATEST = tuple((*name, *shape(":$LATEST")) for name in _UNQUALIFIED)
_ALL_LATEST = shape("*:$LATEST")


# --- names --------------------------------------------------------------------------------------------


def lint_operation_names(located: Located) -> Iterator[Finding]:
    """Operations that this version does not know: misspelled ones, and newer ones."""
    for leaf in located.leaves:
        if isinstance(leaf.check.measure, Parameter):
            name = leaf.check.measure.path.split(".", 1)[0]
            if name not in KNOWN_OPERATIONS:
                yield _unknown(leaf.path, name)
        elif leaf.check.measure == OPERATION:
            for path, pattern in texts(leaf, located.document.lists):
                if not _is_known(pattern):
                    yield _unknown(path, pattern)


def is_operation(measure: Measure, pattern: Pattern) -> bool:
    """Whether a pattern of an operation's name matches a known operation; true for every other measure."""
    return measure != OPERATION or _is_known(pattern)


@lru_cache(maxsize=1024)
def _is_known(pattern: Pattern) -> bool:
    return pattern in KNOWN_OPERATIONS or any(meet(shape(pattern), shape(known)) for known in KNOWN_OPERATIONS)


def _unknown(path: Path, name: Pattern) -> Finding:
    what = "is not an operation" if patterns.is_literal(name) else "matches no operation"
    return Finding(
        "unknown-operation",
        path,
        f"{name} {what} that this version knows",
        what_to_write(str(name), "; if the operation is newer than this version, silence this with that reason"),
    )


# --- LambdaInvoke -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Functions:
    """Which functions a condition lets jobs of LambdaInvoke call.

    Attributes:
        named_by: The checks that name functions; empty if any function meets the condition.
        by_person: Whether each job needs manual approval.
        is_pinned: Whether none of the functions named can be $LATEST.
    """

    named_by: tuple[Leaf, ...] = ()
    by_person: bool = False
    is_pinned: bool = False

    @property
    def are_named(self) -> bool:
        """Whether each job calls a named function or needs manual approval."""
        return self.by_person or bool(self.named_by)


def lint_functions(located: Located) -> Iterator[Finding]:
    """Policies that approve calling a function that no statement names, or whose code may change afterwards.

    Requirements of other statements that govern all jobs of the policy count too: all of them must be met.
    """
    guards = [_Guard.of(each) for each in located.statements if each.enforced and _restricts_functions(each)]
    everywhere = [guard for guard in guards if not guard.beside]
    elsewhere = [guard for guard in guards if guard.beside][:_GUARDS_COMPARED_AT_MOST]
    for policy in located.statements:
        if not policy.is_policy or not _admits_functions(policy):
            continue
        yield from _aliases(policy)
        if _is_safe(list(policy.asked)):
            continue
        over = [guard.statement for guard in (*everywhere, *elsewhere) if guard.governs_all_of(policy)]
        if all(_admits_functions(guard) for guard in over):
            asked = [node for statement in (policy, *over) for node in statement.asked]
            yield from _lint_functions(policy, asked, located.document.lists)


_GUARDS_COMPARED_AT_MOST = 100
"""At most so many statements that restrict functions for some jobs are compared with every policy."""


@dataclass(frozen=True, slots=True)
class _Guard:
    """A statement that restricts which functions are called.

    Attributes:
        beside: The conditions of its match other than the operation.
    """

    statement: LocatedStatement
    beside: tuple[Node, ...]

    @classmethod
    def of(cls, statement: LocatedStatement) -> "_Guard":
        return cls(statement, tuple(part for part in statement.match.parts if not implies(_LAMBDA, part)))

    def governs_all_of(self, policy: LocatedStatement) -> bool:
        """Whether it is not the policy itself, and governs every LambdaInvoke job that the policy matches."""
        return self.statement is not policy and all(implies(policy.match, part) for part in self.beside)


def _is_safe(asked: Sequence[Node]) -> bool:
    """Whether jobs that meet all these conditions call only named functions whose code can't change."""
    excluded = _excluding(asked)
    found = [_functions(node, excluded) for node in asked]
    return any(each.are_named for each in found) and any(each.by_person or each.is_pinned for each in found)


def _excluding(asked: Sequence[Node]) -> list[Leaf]:
    """Those checks that exclude functions, of conditions that must all be met."""
    return [part for node in asked for part in joined(node) if isinstance(part, Leaf) and _excludes_functions(part)]


def _lint_functions(policy: LocatedStatement, asked: Sequence[Node], lists: Lists) -> Iterator[Finding]:
    excluded = _excluding(asked)
    found = [_functions(node, excluded) for node in asked]
    if not any(each.are_named for each in found):
        partly = next(filter(None, (_unnamed_beside_named(node, lists) for node in policy.asked)), None)
        if partly is not None:
            path, what = partly
            yield Finding(
                "lambda-without-function",
                path,
                f"{what} names no function, so {policy.name} may approve calling functions that it does not name",
                'name it, as in "arn:*:lambda:*:*:function:NAME:VERSION", or remove it',
            )
            return
        only = implies(policy.match, _LAMBDA)
        yield Finding(
            "lambda-without-function",
            _place_of_lambda(policy),
            f"{policy.name} may approve LambdaInvoke without naming the function, and a function can do anything",
            "require operation_parameters: {LambdaInvoke.FunctionArn: ...} with the functions' versions"
            if only
            else "also match operation: {not: LambdaInvoke}, or add a guardrail that matches operation:"
            " LambdaInvoke and requires LambdaInvoke.FunctionArn",
        )
    elif not any(each.by_person or each.is_pinned for each in found):
        for leaf in (leaf for each in found for leaf in each.named_by if not _is_pinned(leaf.check.test, excluded)):
            admitted = filter(lambda each: _admits_latest(each, excluded), _patterns(leaf.check.test))
            pattern = min(map(str, admitted))
            yield Finding(
                "lambda-latest",
                leaf.path,
                f"{pattern} admits $LATEST, whose code can change between the approval and the job",
                _pinned_instead(pattern),
            )


def _aliases(policy: LocatedStatement) -> Iterator[Finding]:
    """Values that name an alias: they name the function, but not which code the job runs."""
    found = [_functions(node, ()) for node in policy.asked]
    for leaf in () if any(each.by_person for each in found) else (leaf for each in found for leaf in each.named_by):
        for pattern in sorted(map(str, filter(_is_alias, _patterns(leaf.check.test))))[:1]:
            yield Finding(
                "lambda-alias",
                leaf.path,
                f"{pattern} names an alias, which can be moved to other code between the approval and the job",
                f"name a version: {pattern.rpartition(':')[0]}:VERSION; or silence this if every move of the alias is"
                " reviewed",
            )


def _is_alias(pattern: Pattern) -> bool:
    """Whether the qualifier after the function's name is an alias, not a version. Source: Lambda API, FunctionArn."""
    qualifier = str(pattern).partition(":function:")[2].partition(":")[2]
    return qualifier not in ("", "$LATEST") and isinstance(pattern, str) and not meet(shape(qualifier), _VERSION)


_VERSION = (DIGIT, *some_of("0123456789")[1:])


def _unnamed_beside_named(node: Node, lists: Lists) -> tuple[Path, str] | None:
    """The first value or alternative that names no function although another one does: its path and its text."""
    if isinstance(node, Leaf):
        if node.check.measure != _FUNCTION or not any(map(_names_function, _patterns(node.check.test))):
            return None
        unnamed = (each for each in texts(node, lists) if not _names_function(each[1]))
        return next(((path, f'"{pattern}"') for path, pattern in unnamed), None)
    if not node.any_of:
        return next(filter(None, (_unnamed_beside_named(part, lists) for part in node.parts)), None)
    parts = [part for part in node.parts if not exclude(part, _LAMBDA)]
    named = [_functions(part, ()).are_named for part in parts]
    if any(named) and not all(named):
        part = parts[named.index(False)]
        return _unnamed_beside_named(part, lists) or (part.path, "this alternative")
    return next(filter(None, (_unnamed_beside_named(part, lists) for part in parts)), None)


def _pinned_instead(pattern: str) -> str:
    if pattern.endswith(":$LATEST"):
        return f"name a version: {pattern.removesuffix('$LATEST')}VERSION"
    if pattern.endswith((":*", ":$*")):
        return "name the version instead of the last *"
    return f"name a version: {pattern.rstrip('*')}:VERSION; an ARN without one means $LATEST"


def _place_of_lambda(policy: LocatedStatement) -> Path:
    for leaf in leaves(policy.match):
        if leaf.check.measure == OPERATION and implies(_LAMBDA, leaf):
            return leaf.path
    return policy.path


def _restricts_functions(statement: LocatedStatement) -> bool:
    return any(
        leaf.check.measure in (_FUNCTION, OPERATION) or isinstance(leaf.check.measure, ManualApproval)
        for requirement in statement.requirements
        for leaf in leaves(requirement.own)
    )


def _admits_functions(statement: LocatedStatement) -> bool:
    return not exclude(statement.match, _LAMBDA) and not any(
        exclude(requirement.own, _LAMBDA) for requirement in statement.requirements if not requirement.lifted
    )


def _functions(node: Node, excluded: Sequence[Leaf]) -> _Functions:
    if isinstance(node, Leaf):
        if isinstance(node.check.measure, ManualApproval):
            return _Functions(by_person=True)
        if node.check.measure == _FUNCTION and _names_functions(node.check.test):
            return _Functions((node,), is_pinned=_is_pinned(node.check.test, excluded))
        return _Functions()
    parts = [_functions(part, excluded) for part in node.parts if not (node.any_of and exclude(part, _LAMBDA))]
    named_by = tuple(leaf for part in parts for leaf in part.named_by)
    if not node.any_of:
        return _Functions(named_by, any(part.by_person for part in parts), any(part.is_pinned for part in parts))
    if not parts or not all(part.are_named for part in parts):
        return _Functions()
    return _Functions(
        named_by,
        by_person=all(part.by_person for part in parts),
        is_pinned=all(part.by_person or part.is_pinned for part in parts),
    )


def _patterns(test: Test) -> frozenset[Pattern]:
    if isinstance(test, OneOf):
        return frozenset().union(*map(_patterns, test.tests))
    return test.patterns if isinstance(test, Matches) else frozenset()


def _names_functions(test: Test) -> bool:
    found = _patterns(test)
    return bool(found) and all(map(_names_function, found))


def _names_function(pattern: Pattern) -> bool:
    if isinstance(pattern, Glob):  # a character class names a function no more than ? does
        pattern = "".join(piece if isinstance(piece, str) else "?" for piece in patterns.pieces(pattern))
    _, arn, function = pattern.partition(":function:")
    if arn:
        return bool(function.split(":")[0].strip("*?"))
    return not pattern.startswith("arn:") and not patterns.matcher([pattern])(_ARN_OF_ANY_FUNCTION)


def _excludes_functions(leaf: Leaf) -> bool:
    return leaf.check.measure == _FUNCTION and isinstance(leaf.check.test, Not)


def _is_pinned(test: Test, excluded: Sequence[Leaf]) -> bool:
    return not any(_admits_latest(pattern, excluded) for pattern in _patterns(test))


def _admits_latest(pattern: Pattern, excluded: Sequence[Leaf]) -> bool:
    """Whether the pattern matches a function's $LATEST, written as such or as an ARN without a version."""
    admitted = shape(pattern)
    denied = [
        shape(each) for leaf in excluded if isinstance(leaf.check.test, Not) for each in _patterns(leaf.check.test.test)
    ]
    if any(within(admitted, each) for each in denied):
        return False
    by_name = any(meet(admitted, each) for each in _LATEST) and not any(within(_ALL_LATEST, each) for each in denied)
    return by_name or any(meet(admitted, name) for name in _UNQUALIFIED)


# --- parameters ---------------------------------------------------------------------------------------


def lint_parameters(located: Located) -> Iterator[Finding]:
    """Requirements that jobs violate because they are of another operation."""
    for statement in located.statements:
        asked = Group((), tuple(statement.asked))
        seen: set[str] = set()
        for requirement in statement.requirements:
            for leaf in joined(requirement.own) if not requirement.unless else ():
                if not isinstance(leaf, Leaf) or not isinstance(leaf.check.measure, Parameter):
                    continue
                name = leaf.check.measure.path.split(".", 1)[0]
                if name in seen or name not in KNOWN_OPERATIONS or not is_positive(leaf.check.test):
                    continue
                seen.add(name)
                if not _is_about(statement, asked, name) and not exclude(statement.match, operation_is(name)):
                    yield Finding(
                        "parameter-of-other-operation",
                        leaf.path,
                        f"{statement.name} governs jobs of other operations too; they have no"
                        f" {leaf.check.measure.path}, so they violate this",
                        f"match operation: {name}, or "
                        + (
                            "accept its absence by an any with {present: false}"
                            if isinstance(leaf.check.test, Dated)
                            else "exclude the wrong values with {not: ...}"
                        ),
                    )


def _is_about(statement: LocatedStatement, asked: Group, name: str) -> bool:
    """Whether the statement asks for this operation by name."""
    if implies(statement.match, operation_is(name)):
        return True
    return any(
        leaf.check.measure == OPERATION and implies(leaf, operation_is(name))
        for node in asked.parts
        for leaf in joined(node)
        if isinstance(leaf, Leaf)
    )
