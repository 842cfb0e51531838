"""Lints on approvals: asked for twice, of too few people, or of names that anybody may choose."""

import re
from collections.abc import Iterable, Iterator
from itertools import combinations, product
from typing import Final

from msgspec import UNSET

from batchgate.policy.approvals import APPROVALS_AT_MOST, person_of
from batchgate.policy.checks import ANYBODY, ManualApproval
from batchgate.policy.compiled import PolicySet
from batchgate.policy.patterns import Pattern, has_placeholder
from batchgate_cli.authoring.lint.finding import Finding, Path
from batchgate_cli.authoring.lint.implications import implies
from batchgate_cli.authoring.lint.located import Leaf, Located, LocatedStatement, joined

_STATEMENTS_COMPARED_AT_MOST = 100


def lint_approvals(located: Located, policies: PolicySet) -> Iterator[Finding]:
    """Each manual_approval that another one makes superfluous, and each that too few people can meet.

    Statements that share only some of their jobs are left alone: each may need its approval for the others.
    """
    yield from _lint_settings(located, policies)
    for leaf in located.leaves:
        if isinstance(leaf.check.measure, ManualApproval):
            yield from _lint_number(leaf.check.measure, leaf.path)
    asking = [(statement, list(_approvals(statement))) for statement in located.statements]
    for statement, asked in asking:
        for leaf in _superfluous(combinations(asked, 2)):
            yield _finding(leaf, f"{statement.name} requires this approval twice")
    enforced = [(statement, asked) for statement, asked in asking if statement.enforced and asked]
    for (one, first), (other, second) in combinations(enforced[:_STATEMENTS_COMPARED_AT_MOST], 2):
        if implies(one.match, other.match) and implies(other.match, one.match):
            for leaf in _superfluous(product(first, second)):
                yield _finding(leaf, f"{one.name if leaf in second else other.name} requires it for the same jobs, too")


def _lint_settings(located: Located, policies: PolicySet) -> Iterator[Finding]:
    written, approvals = located.document.approvals, policies.approvals
    if written is UNSET:
        return
    yield from _lint_number(approvals, ("approvals",))
    if approvals.trust_session_names and any(str(pattern).strip("*") == "" for pattern in approvals.by):
        why = (
            "session_names is trusted, but by names no role: anybody who may assume a role chooses the session's name,"
            " and so can count as many people"
        )
        instead = "name in by the roles whose trust policies set the session's name, or remove session_names"
        yield Finding("trusted-names-of-any-role", ("approvals", "session_names"), why, instead)


def _approvals(statement: LocatedStatement) -> Iterator[Leaf]:
    """The approvals without which the statement lets no job through."""
    for requirement in statement.requirements:
        for part in joined(requirement.own) if not requirement.unless else ():
            if isinstance(part, Leaf) and isinstance(part.check.measure, ManualApproval):
                yield part


def _superfluous(pairs: Iterable[tuple[Leaf, Leaf]]) -> Iterator[Leaf]:
    """Which of two approvals is met whenever the other is; of equals the second."""
    for one, other in pairs:
        if _meets(one.check.measure, other.check.measure):
            yield other
        elif _meets(other.check.measure, one.check.measure):
            yield one


def _meets(one: object, other: object) -> bool:
    """Whether approvals that meet one certainly meet the other."""
    return (
        isinstance(one, ManualApproval)
        and isinstance(other, ManualApproval)
        and one.at_least >= other.at_least
        and (other.by == ANYBODY or one.by <= other.by)
        and (one.not_requester or not other.not_requester)
    )


def _finding(leaf: Leaf, where: str) -> Finding:
    return Finding(
        "one-approval-for-both",
        leaf.path,
        f"{where}, and the approvals that meet one requirement meet both",
        "remove one of the two; to require more people, write at_least, or a different by in each",
    )


def _lint_number(asked: ManualApproval, path: Path) -> Iterator[Finding]:
    """More approvals than people can be named, or than are kept."""
    if asked.at_least > APPROVALS_AT_MOST:
        why = f"{asked.at_least} approvals are required, but the gate keeps {APPROVALS_AT_MOST} for a job"
        yield Finding("too-many-approvals", path, why, f"write at_least: {APPROVALS_AT_MOST} or less")
        return
    people = [_person_named(pattern, asked) for pattern in asked.by]
    count = len({person for person in people if person})
    if None in people or count >= asked.at_least:
        return
    who = "1 person" if count == 1 else f"{count} people"
    why = f"{asked.at_least} approvals are required, but by can match {who}: all sessions of one role are one person"
    if asked.trust_session_names:
        why = f"{asked.at_least} approvals are required, but by can match {who}"
    instead = (
        "name more roles or users, or IAM Identity Center's roles, whose users are each one person; or write"
        " session_names: trusted in approvals if the roles' trust policies set the session's name"
    )
    yield Finding("too-many-approvals", path, why, instead)


_ONE_ROLE: Final = re.compile(r".*:assumed-role/(?P<role>[^/*?:]+)/(?P<name>[^/:]+)")
_ONE_USER: Final = re.compile(r".*:(?P<user>user/(?:[^*?:]*/)?[^/*?:]+|root)")


def _person_named(pattern: Pattern, asked: ManualApproval) -> str | None:
    """The one person that a pattern names, in the gate's own account, where callers are; None where it may name more.

    "" for a caller whose approval never counts.
    """
    if not isinstance(pattern, str) or has_placeholder(pattern.rpartition(":")[2]):
        return None
    session, user = _ONE_ROLE.fullmatch(pattern), _ONE_USER.fullmatch(pattern)
    if session is None and user is None:
        return None
    named = pattern.rpartition(":")[2]
    if session is None:
        return person_of(f"arn:aws:iam::{_ACCOUNT}:{named}", trust_session_names=asked.trust_session_names)
    names = ("one", "two") if any(sign in session["name"] for sign in "*?") else (session["name"],)
    people = {
        person_of(
            f"arn:aws:sts::{_ACCOUNT}:assumed-role/{session['role']}/{name}",
            trust_session_names=asked.trust_session_names,
        )
        for name in names
    }
    return people.pop() if len(people) == 1 else None


_ACCOUNT: Final = "0" * 12
