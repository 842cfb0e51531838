"""Lints on what the requester says of a job himself: tags and the description.

Whoever creates a job writes both as he likes, or leaves them off. A guardrail that looks at them can
be dodged; what lifts or approves by them can be claimed. A role or an account beside them says who
may claim, and IAM holds people to that.

Source: S3 Control API, CreateJob Tags and Description; PutJobTagging.
"""

from collections.abc import Iterator

from batchgate.policy.checks import FromArn, Not, Simple, Tag
from batchgate_cli.authoring.lint.finding import Finding
from batchgate_cli.authoring.lint.implications import is_always, is_positive, plain
from batchgate_cli.authoring.lint.located import Group, Leaf, Located, LocatedStatement, Node, in_words, joined, leaves

_DESCRIPTION = Simple("description")
_WHO = (FromArn("account"), Simple("role"))


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
        return node.check.measure in _WHO and is_positive(node.check.test) and not is_always(node.check)
    return (all if node.any_of else any)(map(_says_who, node.parts))


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
