"""People's approvals of one job, and which callers are one person."""

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


_SESSION: Final = "assumed-role/"
_IDENTITY_CENTER: Final = "AWSReservedSSO_"


def person_of(arn: str, *, trust_session_names: bool) -> str:
    """Whom a caller's ARN stands for: two callers are one person if this is the same.

    Whoever assumes a role chooses the session's name, so all sessions of one role are one person. AWS itself sets the
    name of IAM Identity Center's sessions, where it is the user, in whichever of these roles.

    Args:
        arn: The caller's ARN as STS names it.
        trust_session_names: The set's `session_names: trusted`: the roles' trust policies demand them.
    """
    head, separator, session = arn.partition(f":{_SESSION}")
    role, slash, name = session.partition("/")
    if not separator or not slash:
        return arn
    if role.startswith(_IDENTITY_CENTER):
        return f"{_IDENTITY_CENTER}/{name}"
    return arn if trust_session_names else f"{head}:{_SESSION}{role}"
