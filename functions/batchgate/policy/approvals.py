"""People's approvals of one job, and which callers are one person."""

import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from batchgate.jobs.model import Instant


class Approval(Struct, frozen=True):
    """One person's approval of a job as it was shown.

    Attributes:
        who: The caller's ARN as AWS gives it: `arn:aws:sts::111122223333:assumed-role/lake-oncall/ana`.
        at: When it was given.
        reason: Why.
        digest: The job as the approver saw it; counts only while the job still has this digest.
    """

    who: str
    at: Instant
    reason: str
    digest: str


APPROVALS_AT_MOST: Final = 50
"""So many approvals of one job are kept."""


def fresh(approvals: Iterable[Approval], digest: str) -> tuple[Approval, ...]:
    """The approvals of the job as it is: those whose digest is the job's."""
    return tuple(each for each in approvals if digest and each.digest == digest)


_ACCOUNT: Final = r"arn:(?P<account>aws[a-z-]{{0,30}}:{service}::[0-9]{{12}})"
_NAME: Final = r"[A-Za-z0-9_+=,.@-]{1,128}"
_SESSION: Final = _ACCOUNT.format(service="sts") + rf":assumed-role/(?P<role>{_NAME})/(?P<name>{_NAME})"
_USER: Final = _ACCOUNT.format(service="iam") + rf":user/(?:(?![^/]*assumed-role/)[!-.0-9;-~]+/)*(?P<name>{_NAME})"
"""IAM takes almost every character in a user's path, which so could pass for another kind of caller:
`user/:assumed-role/owner/` matches a pattern of a role's sessions. Source: IAM API, CreateUser, Path."""
_ROOT: Final = _ACCOUNT.format(service="iam") + ":root"
_IDENTITY_CENTER: Final = r"AWSReservedSSO_[A-Za-z0-9_+=,.@-]{1,32}_[0-9a-f]{16}"
"""A role that IAM Identity Center made for a permission set. Source: IAM Identity Center User Guide, referencing
permission sets in resource policies. Like the others it is compiled where an approval is looked at: not at a start."""


def person_of(arn: str, *, trust_session_names: bool) -> str:
    """Whom a caller's ARN stands for: two callers are one person if this is the same.

    Whoever assumes a role chooses the session's name, so all sessions of one role are one person. AWS itself sets the
    name of IAM Identity Center's sessions, where it is the user, in whichever of these roles and accounts. Names that
    are trusted are people's, in whichever role. Names that differ in case only are one: IAM has no two such.

    Args:
        arn: The caller's ARN as STS names it.
        trust_session_names: The set's `session_names: trusted`: the roles' trust policies demand them.

    Returns:
        "" for a caller that can't be told from others and so never counts: a federated user, whose name whoever asks
        for the session chooses; a user whose path could pass for a role; a service; what is no such ARN.
    """
    folded = arn.lower()
    if session := re.fullmatch(_SESSION, arn):
        name = session["name"].lower()
        if trust_session_names:
            return f"name {name}"
        if re.fullmatch(_IDENTITY_CENTER, session["role"]):
            return f"user {name}"
        return folded[: session.start("name") - 1]
    if user := re.fullmatch(_USER, arn):
        name = user["name"].lower()
        return f"name {name}" if trust_session_names else f"{user['account'].lower()}:user/{name}"
    return folded if re.fullmatch(_ROOT, arn) else ""


def short_name(arn: str) -> str:
    """A caller as a reason names it: `lake-oncall/ana` for a session, `user/ana` for a user."""
    return arn.rsplit(":", 1)[-1].removeprefix("assumed-role/")
