"""Lints on operations: those that nobody knows, what LambdaInvoke may call, whose parameters are asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.policy import patterns
from batchgate.policy.checks import ManualApproval, Matches, Not, OneOf, Parameter, Test
from batchgate.policy.lint.finding import Finding, Path
from batchgate.policy.lint.implications import OPERATION, exclude, implies, is_positive, operation_is
from batchgate.policy.lint.located import Group, Leaf, Located, LocatedStatement, Node, joined, leaves, texts
from batchgate.policy.lint.operation_names import what_to_write
from batchgate.policy.lint.pattern_sets import DIGIT, meet, shape, some_but, within
from batchgate.policy.patterns import Glob, Pattern

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
    """Operations that this version does not know: a misspelling, or newer than it."""
    for leaf in located.leaves:
        if isinstance(leaf.check.measure, Parameter):
            name = leaf.check.measure.path.split(".", 1)[0]
            if name not in KNOWN_OPERATIONS:
                yield _unknown(leaf.path, name)
        elif leaf.check.measure == OPERATION:
            for path, pattern in texts(leaf, located.document.lists):
                if not _is_known(pattern):
                    yield _unknown(path, pattern)


@lru_cache(maxsize=1024)
def _is_known(pattern: Pattern) -> bool:
    return pattern in KNOWN_OPERATIONS or any(meet(shape(pattern), shape(known)) for known in KNOWN_OPERATIONS)


def _unknown(path: Path, name: Pattern) -> Finding:
    what = "is not an operation" if patterns.is_literal(name) else "matches no operation"
    return Finding(
        "unknown-operation",
        path,
        f"{name} {what} that this version knows",
        what_to_write(str(name), "; if this is a newer one, silence this with that reason"),
    )


# --- LambdaInvoke -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Functions:
    """What a condition says of the function, for jobs that invoke one.

    Attributes:
        named_by: The checks that name functions; empty where any function will do.
        by_person: Whether a person looks at each job.
        is_pinned: Whether no function of those named can be a $LATEST.
    """

    named_by: tuple[Leaf, ...] = ()
    by_person: bool = False
    is_pinned: bool = False

    @property
    def are_named(self) -> bool:
        """Whether the condition lets no unnamed function through."""
        return self.by_person or bool(self.named_by)


def lint_functions(located: Located) -> Iterator[Finding]:
    """Policies that approve calling a function which nobody named, or which may change afterwards."""
    guardrails = [statement for statement in located.statements if not statement.is_policy and statement.enforced]
    guards = [guardrail for guardrail in guardrails if _restricts_functions(guardrail)]
    for policy in located.statements:
        if not policy.is_policy or not _admits_functions(policy):
            continue
        over = [guard for guard in guards if _governs_all_of(guard, policy)]
        if all(_admits_functions(guard) for guard in over):
            asked = [node for statement in (policy, *over) for node in statement.asked]
            yield from _lint_functions(policy, asked)


def _lint_functions(policy: LocatedStatement, asked: Sequence[Node]) -> Iterator[Finding]:
    excluded = [leaf for node in asked for leaf in joined(node) if isinstance(leaf, Leaf) and _excludes_functions(leaf)]
    found = [_functions(node, excluded) for node in asked]
    if not any(each.are_named for each in found):
        only = implies(policy.match, _LAMBDA)
        yield Finding(
            "lambda-without-function",
            _place_of_lambda(policy),
            f"{policy.name} may approve LambdaInvoke without naming the function, and a function can do anything",
            "require operation_parameters: {LambdaInvoke.FunctionArn: ...} with the functions' versions or aliases"
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


def _pinned_instead(pattern: str) -> str:
    if pattern.endswith(":$LATEST"):
        return f"name a version or an alias: {pattern.removesuffix('$LATEST')}VERSION"
    if pattern.endswith((":*", ":$*")):
        return 'name the version or alias instead of the last *, or also require {not: "*:$LATEST"}'
    return f"name a version or an alias: {pattern.rstrip('*')}:VERSION; an ARN without one means $LATEST"


def _place_of_lambda(policy: LocatedStatement) -> Path:
    for leaf in leaves(policy.match):
        if leaf.check.measure == OPERATION and implies(_LAMBDA, leaf):
            return leaf.path
    return policy.path


def _restricts_functions(guardrail: LocatedStatement) -> bool:
    return any(
        leaf.check.measure in (_FUNCTION, OPERATION) or isinstance(leaf.check.measure, ManualApproval)
        for requirement in guardrail.requirements
        for leaf in leaves(requirement.own)
    )


def _governs_all_of(guardrail: LocatedStatement, policy: LocatedStatement) -> bool:
    """Whether every LambdaInvoke job that the policy matches is the guardrail's too."""
    return all(implies(_LAMBDA, part) or implies(policy.match, part) for part in guardrail.match.parts)


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
    if isinstance(pattern, Glob):  # a class names no more than ? does
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
    """Whether a function's $LATEST matches, named so or by leaving the version off."""
    admitted = shape(pattern)
    denied = [
        shape(each) for leaf in excluded if isinstance(leaf.check.test, Not) for each in _patterns(leaf.check.test.test)
    ]
    if any(within(admitted, each) for each in denied):
        return False
    said = any(meet(admitted, latest) for latest in _LATEST) and not any(within(_ALL_LATEST, each) for each in denied)
    return said or any(meet(admitted, name) for name in _UNQUALIFIED)


# --- parameters ---------------------------------------------------------------------------------------


def lint_parameters(located: Located) -> Iterator[Finding]:
    """Requirements that jobs violate for being of another operation."""
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
                        f"jobs of other operations have no {leaf.check.measure.path}, so they violate this, and"
                        f" {statement.name} governs them",
                        f"match operation: {name}, or forbid the values that are wrong with {{not: ...}}",
                    )


def _is_about(statement: LocatedStatement, asked: Group, name: str) -> bool:
    """Whether the statement says that it wants this operation only."""
    if implies(statement.match, operation_is(name)):
        return True
    return any(
        leaf.check.measure == OPERATION and implies(leaf, operation_is(name))
        for node in asked.parts
        for leaf in joined(node)
        if isinstance(leaf, Leaf)
    )
