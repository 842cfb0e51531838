"""The `Requesters` port on CloudTrail's event history, which needs no trail."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
from botocore.config import Config
from msgspec import MsgspecError, Struct

from batchgate.aws.answers import only_answers
from batchgate.aws.calls import CallError, make_call
from batchgate.policy.facts import Gap, Result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from batchgate.aws.pace import Evenly
    from batchgate.gate.ports import Clock
    from batchgate.jobs.model import JobRef

CONFIG: Final = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 1})
"""One attempt: what CloudTrail refuses now is asked for again by the next review."""

CALLS_PER_SECOND: Final = 1.0
"""Of one function. *Source*: CloudTrail API, LookupEvents: two a second for each account and Region, whoever asks."""

LISTED_WITHIN: Final = timedelta(minutes=20)
"""After this time a record that is not there is not expected any more.

*Source*: CloudTrail User Guide: events are available about 5 minutes after a call, on average, and this is not
guaranteed.
"""

AROUND: Final = timedelta(minutes=2)
"""How far the instants of the record and of the job may be apart. Both are AWS's, and written nowhere to be equal."""

PAGES_AT_MOST: Final = 10
"""Of 50 records. Other services have a CreateJob too, and CloudTrail filters by one attribute alone."""

WAITS_AT_MOST: Final = 2.0
"""Seconds for the turn of one call. A review that would wait longer asks another time."""

_PAGE: Final = 50
_NOT_ALLOWED: Final = frozenset(
    {"AccessDeniedException", "AccessDenied", "OperationNotPermittedException", "UnsupportedOperationException"}
)
_OF_THE_CALLER: Final = frozenset({"requestParameters", "userIdentity", "userAgent", "sourceIPAddress", "tlsDetails"})
"""Members of a record whose text the caller chooses: a job's id in them proves nothing."""

NOT_YET: Final = Gap(Result.UNKNOWN, "CloudTrail does not list the CreateJob yet")
NOT_ASKED: Final = Gap(Result.UNKNOWN, "CloudTrail could not be asked now who created the job")
NOT_LISTED: Final = Gap(Result.UNMEASURABLE, "CloudTrail does not list the CreateJob")
DENIED: Final = Gap(Result.UNMEASURABLE, "the gate may not look up in CloudTrail who created the job")
TOO_MANY: Final = Gap(Result.UNMEASURABLE, "CloudTrail lists too many calls of CreateJob at that time")
SEVERAL: Final = Gap(Result.UNMEASURABLE, "CloudTrail lists several callers who created the job")
NO_ARN: Final = Gap(Result.UNMEASURABLE, "CloudTrail lists the CreateJob without its caller's ARN")


class CloudTrailRequesters(Struct, frozen=True):
    """The `Requesters` port on LookupEvents.

    Attributes:
        client: A client made with `CONFIG`, of the account and Region whose jobs are decided.
        pace: The turns of all lookups of this function.
    """

    client: Any
    clock: Clock
    pace: Evenly

    def __post_init__(self) -> None:
        only_answers(self.client.meta.events)

    def find(self, ref: JobRef, created_at: datetime) -> str | Gap:
        """Look up the calls of CreateJob around that instant; who made the one that S3 answered with this job?

        A client that repeats a CreateJob with its token gets the same job: that is one requester only if the ARN is
        the same.
        """
        callers: set[str] = set()
        token = ""
        for _ in range(PAGES_AT_MOST):
            if not self.pace.take_within(WAITS_AT_MOST):
                return NOT_ASKED
            try:
                records, token = self._look_up(created_at, token)
            except CallError as error:
                return DENIED if error.code in _NOT_ALLOWED else NOT_ASKED
            callers |= {caller for record in records if (caller := _requester(record, ref)) is not None}
            if not token:
                return self._one_of(callers, created_at)
        return TOO_MANY

    def _look_up(self, created_at: datetime, token: str) -> tuple[list[str], str]:
        """The records of one page, and the next page's token; "" after the last.

        An answer without its list is none, and so is an event without its record: it may be of the requester.
        """
        following = {"NextToken": token} if token else {}

        def page() -> tuple[list[str], str]:
            answer = self.client.lookup_events(
                LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateJob"}],
                StartTime=created_at - AROUND,
                EndTime=created_at + AROUND,
                MaxResults=_PAGE,
                **following,
            )
            return [event["CloudTrailEvent"] for event in answer["Events"]], answer.get("NextToken", "")

        return make_call(page)

    def _one_of(self, callers: set[str], created_at: datetime) -> str | Gap:
        if len(callers) > 1:
            return SEVERAL
        if callers:
            return callers.pop() or NO_ARN
        return NOT_YET if self.clock.now() < created_at + LISTED_WITHIN else NOT_LISTED


def _requester(record: str, ref: JobRef) -> str | None:
    """The ARN of whoever created the job, "" where the record does not tell; None for the record of something else.

    S3's answer is what counts: the job's id, or its ARN, in any member of the record that the caller does not write.
    """
    if ref.job_id not in record:
        return None
    try:
        said = msgspec.json.decode(record, type=dict[str, Any])
    except (MsgspecError, RecursionError):
        return ""
    here = {"eventName": "CreateJob", "eventSource": "s3.amazonaws.com"}
    here |= {"awsRegion": ref.region, "recipientAccountId": ref.account_id}
    if any(said.get(name) != value for name, value in here.items()) or said.get("errorCode"):
        return None
    answered = {name: value for name, value in said.items() if name not in _OF_THE_CALLER}
    if not any(text in (ref.job_id, ref.arn) for text in _strings(answered)):
        return None
    identity = said.get("userIdentity")
    arn = identity.get("arn") if isinstance(identity, dict) else None
    return arn if isinstance(arn, str) and arn.startswith(f"arn:{ref.partition}:") else ""


def _strings(value: object) -> Iterator[str]:
    """Every string in a JSON value but the names of members."""
    values = [value]
    while values:
        match values.pop():
            case str() as text:
                yield text
            case list() as items:
                values += items
            case dict() as members:
                values += members.values()
