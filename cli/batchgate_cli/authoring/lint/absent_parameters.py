"""Lints on tests of optional parameters that a job without the parameter fails, where S3's default would pass.

A positive test is violated by an absent value. Where S3 then does what the test asks for, that is certainly not meant.
Parameters without a default that is documented are left alone, and so is RetainUntilDate: a job of S3PutObjectRetention
without it removes the retention, and whoever limits the date does not want to let that through.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from msgspec import UNSET

from batchgate.policy import model, patterns
from batchgate.policy.checks import Dated, Equals, Matches, OneOf, Parameter, Present, Test
from batchgate_cli.authoring.lint.finding import Finding
from batchgate_cli.authoring.lint.implications import is_positive
from batchgate_cli.authoring.lint.located import Group, Leaf, Located, LocatedStatement, Node, joined

DEFAULTS: Mapping[str, bool | str] = {
    "S3PutObjectRetention.BypassGovernanceRetention": False,
    "S3PutObjectCopy.RequesterPays": False,
    "S3PutObjectCopy.AnnotationDirective": "COPY",
    "S3PutObjectCopy.MetadataDirective": "COPY",
    "S3PutObjectCopy.StorageClass": "STANDARD",
    "S3PutObjectCopy.CannedAccessControlList": "private",
    "S3PutObjectCopy.ObjectLockLegalHoldStatus": "OFF",
    "S3UpdateObjectEncryption.ObjectEncryption.SSEKMS.BucketKeyEnabled": False,
}
"""What S3 does where a job does not say the parameter. Source: S3 Control API, S3CopyObjectOperation and
S3UpdateObjectEncryptionSSEKMS; S3 API, CopyObject and PutObjectRetention, which the operations call."""

LIMITED_DATES = frozenset(
    {"S3PutObjectCopy.ObjectLockRetainUntilDate", "S3PutObjectCopy.NewObjectMetadata.HttpExpiresDate"}
)
"""Dates that a job sets on objects; where it says none it sets none, which is no later than any limit."""

_WRITTEN_AT_MOST = 40


def lint_absent(located: Located) -> Iterator[Finding]:
    """Each test that S3's own default would pass, and a job that leaves the default to S3 fails."""
    for statement in located.statements:
        yield from _lint_statement(statement)
    for exception in located.exceptions:
        if exception.match:
            yield from _lint(exception.match, _asked_to_be_there(exception.match.parts))


def _lint_statement(statement: LocatedStatement) -> Iterator[Finding]:
    said = _asked_to_be_there(statement.asked)
    yield from _lint(statement.match, said)
    matched = said | {_path(leaf) for leaf in _leaves_of(statement.match.parts) if is_positive(leaf.check.test)}
    for requirement in statement.requirements:
        yield from _lint(requirement.own, matched)
        if requirement.unless:
            yield from _lint(requirement.unless, matched | _asked_to_be_there(requirement.unless.parts))


def _lint(node: Node, said: AbstractSet[str | None]) -> Iterator[Finding]:
    """Look at a condition.

    Args:
        node: The condition.
        said: The parameters that a job without them fails anyway, or passes by an alternative.
    """
    if isinstance(node, Group):
        if node.any_of:
            said = said | {_path(leaf) for leaf in _leaves_of(node.parts) if not is_positive(leaf.check.test)}
        else:
            said = said | _asked_to_be_there(node.parts)
        for part in node.parts:
            yield from _lint(part, said)
        return
    path = _path(node)
    if path is None or path in said:
        return
    default = DEFAULTS.get(path)
    if default is not None and _asks_for(node.check.test, value=default):
        then = f"although S3's default is {str(default).lower() if isinstance(default, bool) else default}"
    elif path in LIMITED_DATES and isinstance(node.check.test, Dated) and node.check.test.after is None:
        then = "although it sets no such date"
    else:
        return
    why = f"a job without {path} fails this, {then}"
    yield Finding("absent-fails", node.path, why, _instead(path, node))


def _instead(path: str, leaf: Leaf) -> str:
    if DEFAULTS.get(path) is False:
        return "write {not: true}"
    test = _written(leaf.operand)
    either = (
        f"any: [{{operation_parameters: {{{path}: {{present: false}}}}}}, {{operation_parameters: {{{path}: {test}}}}}]"
    )
    return f"write {either}, or also require {{present: true}}"


def _written(operand: object) -> str:
    """A test as the document has it, where it is short."""
    match operand:
        case str():
            text = operand
        case tuple() if all(isinstance(each, str) for each in operand):
            text = f"[{', '.join(operand)}]"
        case model.PlainElementTerm():
            words = ("list", "before", "within")
            said = [f"{word}: {value}" for word in words if (value := getattr(operand, word)) is not UNSET]
            text = f"{{{', '.join(said)}}}" if said else "..."
        case _:
            text = "..."
    return text if len(text) <= _WRITTEN_AT_MOST else "..."


def _asks_for(test: Test, *, value: bool | str) -> bool:
    """Whether a test lets this value through, and not just any."""
    match test:
        case Equals(value=wanted):
            return wanted is value
        case Matches(patterns=wanted):
            fixed = [each for each in wanted if not patterns.has_placeholder(each)]
            return (
                isinstance(value, str)
                and all(str(each).strip("*") for each in fixed)
                and patterns.matcher(fixed)(value)
            )
        case OneOf(tests=tests):
            return any(_asks_for(each, value=value) for each in tests) and Equals(value=True) not in tests
        case _:
            return False


def _asked_to_be_there(nodes: Iterable[Node]) -> set[str | None]:
    """The parameters of which a condition asks `present: true`."""
    return {_path(leaf) for leaf in _leaves_of(nodes) if leaf.check.test == Present(wanted_present=True)}


def _leaves_of(nodes: Iterable[Node]) -> Iterator[Leaf]:
    for node in nodes:
        yield from (part for part in joined(node) if isinstance(part, Leaf))


def _path(leaf: Leaf) -> str | None:
    measure = leaf.check.measure
    return measure.path if isinstance(measure, Parameter) else None
