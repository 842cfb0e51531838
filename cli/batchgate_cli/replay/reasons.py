"""Status update reasons, parsed: who decided a job, as far as the reason shows it."""

import re
from enum import StrEnum
from typing import Final

from msgspec import Struct


class DecidedBy(StrEnum):
    """Who decided a job."""

    POLICY = "policy"
    """The gate, by its policies."""
    PEOPLE = "people"
    """The gate, by people's approvals or by one person's decision."""
    OTHERS = "others"
    """Somebody outside the gate: its reason is not on the job."""
    S3 = "S3"
    """Nobody: S3 failed the job."""
    UNKNOWN = "unknown"


class Reason(Struct, frozen=True):
    """The parts of a reason that the gate wrote.

    Attributes:
        approved: True for approved, False for cancelled.
        by: POLICY or PEOPLE.
        said: What stands between the verdict and the versions.
        policy_version: The policies' version; "" where there is none.
        claim_id: The claim.
    """

    approved: bool
    by: DecidedBy
    said: str
    policy_version: str
    claim_id: str

    @property
    def expired(self) -> bool:
        """Whether the job was cancelled because it was held for too long."""
        return not self.approved and self.said.startswith(_EXPIRED)


_EXPIRED: Final = ", held for more than "

_GATE: Final = re.compile(
    r"batchgate: (?P<did>approved|cancelled)(?P<said>[ ,:].*?) "
    r"\[(?:policy (?P<version>[0-9a-f]{12}) )?claim (?P<claim>[0-9a-zA-Z]{8})\]"
)
_ONE_PERSON: Final = re.compile(r" by arn:[^ ]*: ")
_APPROVALS: Final = re.compile(
    r" by .*(?:, lifting [0-9]+ holds?(?::|$)| met(?:, [0-9]+ lifted by .*)?, approvals? of )"
)


def read_reason(text: str | None) -> Reason | None:
    """The gate's reason; None where the text is none of the gate's."""
    found = _GATE.fullmatch(text or "")
    if found is None:
        return None
    approved, said = found["did"] == "approved", found["said"]
    people = _ONE_PERSON.match(said) or (approved and _APPROVALS.match(said))
    by = DecidedBy.PEOPLE if people else DecidedBy.POLICY
    return Reason(approved, by, said, found["version"] or "", found["claim"])
