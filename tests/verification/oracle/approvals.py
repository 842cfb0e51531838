"""Whether enough people have approved a job: who is one person, and whom the document wants."""

from collections.abc import Iterable

from tests.verification.oracle.checks import Situation, fact_holds
from tests.verification.oracle.plain import Document, Plain, Result, listed, mapping

SUFFIX_DIGITS = 16
"""How many hexadecimal digits end the name of a role that IAM Identity Center made."""


def enough(asked: Plain, situation: Situation) -> bool:
    """Say whether the approvals that were given are those that a mapping (or `required`) asks for."""
    own = mapping(asked) if isinstance(asked, dict) else {}
    usual = situation.approvals_asked
    trusted = usual.get("session_names") == "trusted"
    allowed = own.get("by", usual.get("by", "*"))
    people = {
        person(who, trusted)
        for who in situation.approvals
        if fact_holds(allowed, who, situation) is Result.MET and person(who, trusted) is not None
    }
    if own.get("not_requester", usual.get("not_requester", False)):
        requester = None if situation.requester == "unmeasurable" else person(situation.requester, trusted)
        people = set() if requester is None else people - {requester}
    wanted = own.get("at_least", 1)
    assert isinstance(wanted, int)
    return len(people) >= wanted


def person(caller: str, trusted: bool) -> tuple[str, ...] | None:
    """Give whom a caller's ARN stands for; None where that can't be told."""
    parts = caller.lower().split(":")
    if len(parts) != 6 or parts[0] != "arn" or parts[3] != "" or len(parts[4]) != 12 or not parts[4].isdigit():
        return None
    _, partition, service, _, account, named = parts
    steps = named.split("/")
    if service == "iam" and named == "root":
        return ("root", partition, account)
    if any(step.endswith("assumed-role") for step in steps[1:-1]):
        return None
    if service == "iam" and steps[0] == "user" and len(steps) > 1:
        return ("name", steps[-1]) if trusted else ("user", partition, account, steps[-1])
    if service != "sts" or steps[0] != "assumed-role" or len(steps) != 3:
        return None
    role, session = caller.split("/")[1], steps[2]
    if trusted:
        return ("name", session)
    if of_identity_center(role):
        return ("identity center", session)
    return ("role", partition, account, role.lower())


def of_identity_center(role: str) -> bool:
    """Say whether a role has the name that IAM Identity Center gives: prefix, permission set, suffix."""
    start, _, rest = role.partition("_")
    permission_set, _, suffix = rest.rpartition("_")
    is_suffix = len(suffix) == SUFFIX_DIGITS and set(suffix) <= set("0123456789abcdef")
    return start == "AWSReservedSSO" and permission_set != "" and is_suffix


def wanted_in(condition: Document) -> Iterable[Plain]:
    """Give what the `manual_approval` of a requirement's own condition ask for, at any depth."""
    for word, operand in condition.items():
        if word == "manual_approval":
            yield operand
        if word == "all":
            for inner in listed(operand):
                yield from wanted_in(mapping(inner))
