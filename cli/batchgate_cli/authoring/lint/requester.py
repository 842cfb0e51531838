"""Lints on what requesters say of a job themselves: tags, the description, and sizes in an inventory of their own.

Whoever creates a job writes tags and the description as they like, or leaves them off. A guardrail that looks at them
can be dodged; what lifts or approves by them can be claimed. A role or an account beside them says who may claim, and
IAM holds people to that. Nothing compares the sizes in an inventory with the objects: they can be relied on only if
requesters can't write to the bucket where it is stored.

Source: S3 Control API, CreateJob Tags and Description; PutJobTagging. S3 Inventory, the field Size.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.policy.checks import (
    CostOf,
    Equals,
    FromArn,
    GeneratorMember,
    Matches,
    Member,
    Not,
    Simple,
    Tag,
    WithinBudget,
)
from batchgate.policy.costs import Prices
from batchgate.policy.patterns import Pattern
from batchgate_cli.authoring.lint.finding import Finding
from batchgate_cli.authoring.lint.implications import exclude, implies, is_positive, operation_is, plain
from batchgate_cli.authoring.lint.located import Group, Leaf, Located, LocatedStatement, Node, in_words, joined, leaves
from batchgate_cli.authoring.lint.values import takes_every

_DESCRIPTION = Simple("description")
_OBJECT_BYTES = Simple("object_bytes")
_WHO = (FromArn("account"), Simple("role"))
_IN_EVERY_ARN = re.compile(r"\$\{\w+\}|\b(arn|aws(-[a-z]+)*|iam|role)\b")
_MANIFEST_BUCKET = Member("manifest", "bucket")
_MANIFEST_GENERATED = Member("manifest", "generated")


def lint_requesters_words(located: Located) -> Iterator[Finding]:
    """What a requester can dodge or claim."""
    for statement in located.statements:
        name = statement.name
        if statement.is_policy:
            yield from _claims(statement.match, f"{name} may approve the job")
        else:
            yield from _dodges(statement)
        for requirement in statement.requirements:
            for alternatives in _claimed_alternatives(requirement.own):
                yield from _claims(alternatives, f"{name} requires no other alternative")
            if requirement.unless and not all(map(_is_word, leaves(requirement.own))):
                yield from _claims(requirement.unless, f"{name} does not require {in_words(requirement.own)}")
        yield from _negated_tags(statement)
    for exception in located.exceptions:
        if exception.match:
            yield from _claims(exception.match, f"{exception.form.name} lifts its requirements")


def _claims(node: Node, so_that: str) -> Iterator[Finding]:
    for leaf in _claimed_by(node):
        yield Finding(
            "claimed-by-requester",
            leaf.path,
            f"anyone who may create the job can {_doing(leaf, met=True)}, and then {so_that}",
            "add a role or an account to the condition, or require manual_approval; or let IAM restrict who may"
            " set it (aws:RequestTag on s3:CreateJob and s3:PutJobTagging) and silence this with that reason"
            if isinstance(leaf.check.measure, Tag)
            else "add a role or an account to the condition, or require manual_approval",
        )


def _claimed_by(node: Node) -> list[Leaf]:
    """The words by which a requester makes the condition true, if nothing in it says who that may be."""
    if isinstance(node, Leaf):
        return [node] if _is_word(node) else []
    if not node.any_of and any(map(_says_who, node.parts)):
        return []
    return [leaf for part in node.parts for leaf in _claimed_by(part)]


def _claimed_alternatives(node: Node) -> Iterator[Group]:
    """Where the requester's words are one way to meet a requirement and something else is another.

    That is an `unless` in other words. Where every alternative asks for words, they are what is wanted.
    """
    for part in joined(node):
        if isinstance(part, Group):
            claimed = [bool(_claimed_by(each)) for each in part.parts]
            if any(claimed) and not all(claimed):
                yield part


def _says_who(node: Node) -> bool:
    if isinstance(node, Leaf):
        test = node.check.test
        return node.check.measure in _WHO and isinstance(test, Matches) and all(map(_names_somebody, test.patterns))
    return (all if node.any_of else any)(map(_says_who, node.parts))


def _names_somebody(pattern: Pattern) -> bool:
    """Whether anything of a role's or an account's pattern is not in every ARN of a role."""
    return any(map(str.isalnum, _IN_EVERY_ARN.sub("", str(pattern))))


def _dodges(statement: LocatedStatement) -> Iterator[Finding]:
    for leaf in _dodged_by(statement.match):
        yield Finding(
            "dodged-by-requester",
            leaf.path,
            f"whoever creates the job can {_doing(leaf, met=False)}, and then {statement.name} does not govern the job",
            "match what the job does (operation, account, role, buckets), or move this from match to require",
        )


def _dodged_by(node: Node) -> list[Leaf]:
    """The words by which a requester makes the condition false."""
    if isinstance(node, Leaf):
        return [node] if _is_word(node) else []
    found = [_dodged_by(part) for part in node.parts]
    return [] if node.any_of and not all(found) else [leaf for each in found for leaf in each]


def _is_word(leaf: Leaf) -> bool:
    return isinstance(leaf.check.measure, Tag) or leaf.check.measure == _DESCRIPTION


def _doing(leaf: Leaf, *, met: bool) -> str:
    """What a requester does to meet a check, or not to."""
    if is_positive(leaf.check.test) is met:
        return f"set the {leaf.check.measure.subject}"
    return f"omit the {leaf.check.measure.subject}"


def _negated_tags(statement: LocatedStatement) -> Iterator[Finding]:
    asked = {leaf.check.measure for node in statement.asked for leaf in _required_tags(node)}
    for requirement in statement.requirements:
        for leaf in leaves(requirement.own):
            measure, test = leaf.check.measure, plain(leaf.check.test)
            if not isinstance(measure, Tag) or not isinstance(test, Not) or measure in asked:
                continue
            yield Finding(
                "not-on-tag",
                leaf.path,
                f"a job without the tag {measure.key} meets this too, so a requester can omit the tag to avoid it",
                f"list the allowed values, or also require tags: {{{measure.key}: {{present: true}}}}",
            )


def _required_tags(node: Node) -> Iterator[Leaf]:
    for part in joined(node):
        if isinstance(part, Leaf) and isinstance(part.check.measure, Tag) and is_positive(part.check.test):
            yield part


def lint_requesters_sizes(located: Located) -> Iterator[Finding]:
    """The first check of each statement and exception whose sizes may be from a requester's own inventory.

    An exception that lifts the requirement of a bucket is ignored: it has a reason and an end.
    """
    origins = _Origins.of(located)
    for statement in located.statements:
        if not (statement.is_policy and _is_origin(statement.match)):
            own = tuple(_required_origins(statement))
            yield from _relied_on(statement.name, statement.match, _with_others(statement), origins, own)
    for exception in located.exceptions:
        if exception.match:
            match = exception.match
            yield from _relied_on(exception.form.name, match, [(match, match)], origins)


def _with_others(statement: LocatedStatement) -> Iterator[tuple[Node, Group]]:
    """Each condition of a statement, with all that must be met for it to matter."""
    match = statement.match
    required = (each.own for each in statement.requirements if each.unless is None)
    together = Group((), (*match.parts, *required))
    yield match, match
    for requirement in statement.requirements:
        yield requirement.own, together
        if requirement.unless:
            yield requirement.unless, match


@dataclass(frozen=True, slots=True)
class _RequiredOrigin:
    """A requirement that manifests have a known origin.

    Attributes:
        match: Which jobs it is required of.
        unless: Whose jobs need none.
    """

    match: Group
    unless: Group | None

    def is_required_of(self, jobs: Group) -> bool:
        return implies(jobs, self.match) and not (self.unless and implies(jobs, self.unless))


@dataclass(frozen=True, slots=True)
class _Origins:
    """Which jobs have a manifest of a known origin if they are approved.

    Attributes:
        required: Where it is required.
        known: The matches of the policies whose jobs have one.
        unknown: The matches of the other policies.
    """

    required: tuple[_RequiredOrigin, ...]
    known: tuple[Group, ...]
    unknown: tuple[Group, ...]

    @classmethod
    def of(cls, located: Located) -> Self:
        enforced = [statement for statement in located.statements if statement.enforced]
        required = tuple(each for statement in enforced for each in _required_origins(statement))
        policies = [
            (match, _is_origin(match) or any(each.is_required_of(match) for each in required))
            for match in (statement.match for statement in enforced if statement.is_policy)
        ]
        return cls(
            required=required,
            known=tuple(match for match, is_known in policies if is_known),
            unknown=tuple(match for match, is_known in policies if not is_known),
        )

    def are_known(self, jobs: Group, own: tuple[_RequiredOrigin, ...]) -> bool:
        """Whether each of these jobs has a manifest of a known origin if it is approved."""
        return any(each.is_required_of(jobs) for each in (*own, *self.required)) or (
            bool(self.known) and all(exclude(jobs, match) for match in self.unknown)
        )


def _relied_on(
    name: str,
    match: Group,
    conditions: Iterable[tuple[Node, Group]],
    origins: _Origins,
    own: tuple[_RequiredOrigin, ...] = (),
) -> Iterator[Finding]:
    sizes = [leaf for node, met in conditions for leaf in _apart_from_origin(node) if _counts_sizes(leaf, met)]
    if not sizes:
        return
    others = (part for part in match.parts if not any(_counts_sizes(leaf, match) for leaf in leaves(part)))
    if not origins.are_known(Group(match.path, tuple(others)), own):
        yield Finding(
            "sizes-written-by-requester",
            sizes[0].path,
            f"{name} relies on the sizes in the inventory, and whoever creates the job can use their own inventory with"
            " any sizes",
            "require manifest: {bucket: NAME}, of a bucket that requesters can't write to, here or in a guardrail for"
            " every job",
        )


def _required_origins(statement: LocatedStatement) -> Iterator[_RequiredOrigin]:
    """What a statement requires of manifests, if nothing lifts it but another origin, or a role or an account."""
    for requirement in statement.requirements:
        unless = requirement.unless
        if _is_origin(requirement.own) and (unless is None or _is_origin_or_says_who(unless)):
            yield _RequiredOrigin(statement.match, unless)


def _is_origin_or_says_who(node: Node) -> bool:
    if isinstance(node, Leaf):
        return _is_origin(node) or _says_who(node)
    return (all if node.any_of else any)(map(_is_origin_or_says_who, node.parts))


def _is_origin(node: Node) -> bool:
    """Whether a condition names the manifest's bucket, or is met only by manifests that S3 generated."""
    if isinstance(node, Group):
        return (all if node.any_of else any)(map(_is_origin, node.parts))
    measure, test = node.check.measure, plain(node.check.test)
    if measure == _MANIFEST_BUCKET:
        return isinstance(test, Matches) and not takes_every(measure, test.patterns)
    if measure == _MANIFEST_GENERATED:
        return test in (Equals(value=True), Not(Equals(value=False)))
    return isinstance(measure, GeneratorMember) and is_positive(test)


def _apart_from_origin(node: Node) -> Iterator[Leaf]:
    """The checks that a manifest of unknown origin can meet."""
    if isinstance(node, Leaf):
        yield node
    elif node.any_of or not _is_origin(node):
        for part in node.parts:
            yield from _apart_from_origin(part)


def _counts_sizes(leaf: Leaf, met: Group) -> bool:
    measure = leaf.check.measure
    if isinstance(measure, WithinBudget):
        limits, prices = measure.budget.limits, measure.budget.prices
        return limits.object_bytes is not None or (limits.cost is not None and _is_by_size(prices, met))
    if isinstance(measure, CostOf):
        return _is_by_size(measure.prices, met)
    return measure == _OBJECT_BYTES


def _is_by_size(prices: Prices, met: Group) -> bool:
    """Whether the size of any job that meets these conditions has a price."""
    return any(
        any(price.units for price in prices.prices_by_size(operation)) and not exclude(met, operation_is(operation))
        for operation in KNOWN_OPERATIONS
    )
