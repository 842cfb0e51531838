"""The jobs that are Suspended now, as the gate's API shows them: S3's description, and the ledger's item of each."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from msgspec import Struct

from batchgate.errors import GateError, JobDescriptionError
from batchgate.gate.state import Block, Phase, RequestedAction, State
from batchgate.jobs.model import AsksForConfirmation, Job, JobRef, JobStatus, Json
from batchgate.policy.approvals import Approval
from batchgate.policy.facts import Gap, JobFacts, Result, gather_facts
from batchgate_cli.operating.api_client import GateApi, ProblemError, at_once, decoded
from batchgate_cli.operating.api_documents import JobDocument, JobRequester, OpenJob
from batchgate_cli.replay.instants import of_job

REQUESTER_NOT_ASKED: Final = Gap(
    Result.UNMEASURABLE, "no policy in force asks who created the job, so the gate did not look it up"
)
MANIFEST_NOT_READ: Final = Gap(Result.UNMEASURABLE, "the manifest's size could not be read here")

_PAGE: Final = 500
_NOT_FOUND: Final = 404

Size = Callable[[Job], int | Gap]
"""Asks S3 for the size of a job's manifest."""


class WaitingJob(Struct, frozen=True):
    """One job that waits for its confirmation, or whose item in the ledger can't be read.

    Attributes:
        facts: What policies may ask about; None where that can't be known.
        state: What the ledger has of it; None where no review held it yet.
        blocks: What keeps the gate from deciding it, whatever the verdict is.
        why_not: Why it can't be evaluated; "" where it can.
    """

    job_id: str
    account: str
    region: str
    job: Job | None = None
    facts: JobFacts | None = None
    state: State | None = None
    blocks: frozenset[str] = frozenset()
    why_not: str = ""


def waiting_jobs(
    api: GateApi, listed: Iterable[JobRef], now: Callable[[], datetime], size: Size | None
) -> Iterator[WaitingJob]:
    """The open jobs of the ledger, and other jobs that S3 lists; only those that S3 shows as Suspended.

    Args:
        api: The gate's API.
        listed: The Suspended jobs that S3 lists.
        now: The clock.
        size: Reads the size of a manifest; None where no policy asks for it.

    Raises:
        GateError: The API can't be reached, or refuses.
    """
    found = {ref.job_id: ref for ref in listed}
    for page in api.pages("/jobs", "jobs", status="open", limit=_PAGE):
        for each in page["jobs"]:
            ref = JobRef.from_arn(decoded(each, OpenJob).job_arn)
            found[ref.job_id] = ref
        for each in page.get("not_listed") or ():
            ref = JobRef.from_arn(arn) if (arn := each.get("job_arn")) else JobRef("", "", "", "?")
            found.pop(ref.job_id, None)
            yield _unread(ref, f"its item in the ledger can't be read: {each.get('error')}")
    yield from filter(None, at_once(partial(_waiting, api, now, size), found.values()))


def _unread(ref: JobRef, why: str) -> WaitingJob:
    return WaitingJob(ref.job_id, ref.account_id, ref.region, why_not=why)


def _waiting(api: GateApi, now: Callable[[], datetime], size: Size | None, ref: JobRef) -> WaitingJob | None:
    """One job; None where it is no longer Suspended."""
    try:
        document = decoded(api.get(f"/jobs/{ref.job_id}"), JobDocument)
    except ProblemError as error:
        return None if error.status == _NOT_FOUND else _unread(ref, str(error))
    if document.job is None:
        return _unread(ref, document.error or "S3 does not show it")
    if document.job.get("status") != JobStatus.SUSPENDED:
        return None
    try:
        job = _job(document.job)
        facts = _facts(job, document, now(), size)
    except (JobDescriptionError, ValueError, LookupError, TypeError, AttributeError) as error:
        return _unread(ref, f"the API's answer can't be read: {error}")
    state = _state(ref, document.state) if document.state is not None else None
    return WaitingJob(ref.job_id, ref.account_id, ref.region, job, facts, state, frozenset(document.blocks))


def _job(shown: Mapping[str, Any]) -> Job:
    """The job as DescribeJob answers it, of the API's members."""
    operation, parameters = shown["operation"], shown["parameters"]
    total = shown["total_tasks"]
    description: dict[str, Json] = {
        "JobArn": shown["job_arn"],
        "Status": shown["status"],
        "Operation": {operation: parameters} if operation is not None else parameters,
        "ConfirmationRequired": shown["confirmation_required"],
        "ProgressSummary": {} if total is None else {"TotalNumberOfTasks": total},
        "RoleArn": shown["role"],
        "Priority": shown["priority"],
        "Description": shown["description"],
        "Report": shown["report"],
        "Manifest": shown["manifest"],
        "ManifestGenerator": shown["generator"],
        "GeneratedManifestDescriptor": shown["generated_manifest"],
        "StatusUpdateReason": shown["status_update_reason"],
        "SuspendedDate": shown["suspended_at"],
        "CreationTime": shown["created_at"],
    }
    given = {name: value for name, value in description.items() if value is not None}
    return Job.from_description(of_job(given), tuple(map(str, shown["unknown_members"])))


def _facts(job: Job, document: JobDocument, now: datetime, size: Size | None) -> JobFacts:
    tags = (document.job or {})["tags"]
    gap = tags.get("error")
    return gather_facts(
        job,
        now,
        asks=AsksForConfirmation.YES,
        tags=Gap(Result[gap["result"].upper()], gap["why"]) if isinstance(gap, dict) else tags,
        manifest_bytes=_size(job, size),
        approvals=[
            Approval(each.who, each.at, each.reason, digest=document.digest or "")
            for each in document.approvals
            if each.is_current
        ],
        requester=_requester(document.requester),
    )


def _size(job: Job, size: Size | None) -> int | Gap:
    """The size; not known if it can't be read here, because the gate may be able to read it."""
    try:
        found = size(job) if size else MANIFEST_NOT_READ
    except GateError:
        return MANIFEST_NOT_READ
    return MANIFEST_NOT_READ if isinstance(found, Gap) else found


def _requester(requester: JobRequester) -> str | Gap:
    match requester.known:
        case "yes":
            return requester.arn or ""
        case "not_asked":
            return REQUESTER_NOT_ASKED
        case known:
            return Gap(Result.UNKNOWN if known == "not_yet" else Result.UNMEASURABLE, requester.why or "")


def _state(ref: JobRef, kept: OpenJob) -> State:
    """As much of the ledger's item as a review looks at."""
    return State(
        ref,
        rev=0,
        phase=Phase(kept.phase),
        verdict=kept.verdict or "",
        reason=kept.reason,
        decided_by=kept.decided_by or "",
        policy_version=kept.policy_version or "",
        due_at=kept.due_at,
        first_held_at=kept.held_since,
        held_for_known=timedelta(seconds=kept.held_for_known_seconds),
        known_at=kept.known_at,
        needs_review_before_expiry=kept.needs_review_before_expiry,
        requested_action=RequestedAction(kept.requested_action) if kept.requested_action else None,
        maybe_sent=kept.maybe_sent,
        lease_until=kept.lease_until,
        until=kept.until,
        cancels_at=kept.cancels_at,
        block=next((each for each in Block if each == kept.block), None),
        suspended_at=kept.suspended_at,
        created_at=kept.created_at,
    )
