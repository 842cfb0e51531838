"""What the canary's observations say about S3: answers to questions that no document settles. Pure.

An answer is a yes, a no, a number, or a word of AWS. Nothing in a report names an account, a job, a bucket or a person.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias
from xml.etree import ElementTree as ET

from batchgate import __version__
from batchgate.gate.state import Outcome, Phase, State

Answer: TypeAlias = bool | float | str | list[str]
Description: TypeAlias = Mapping[str, Any]

OBJECTS: Final = 3
"""Of the canary's bucket; every manifest lists them all."""

ACCEPTED: Final = "accepted"
ENDED: Final = frozenset({"Complete", "Cancelled", "Failed"})
_BEFORE: Final = ("New", "Preparing")
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z_]{0,63}", re.ASCII)
_MEMBER: Final = re.compile(r"[A-Za-z][A-Za-z_-]{0,63}", re.ASCII)
_RECORD_DEPTH: Final = 4

QUESTIONS: Final = {
    "suspended_event": "Is an event delivered when a job becomes Suspended?",
    "suspended_event_seconds": "How many seconds after SuspendedDate does it arrive, at the latest?",
    "event_statuses": "Which statuses are announced by events?",
    "suspended_date_survives": "Does a job keep its SuspendedDate after it is confirmed?",
    "suspended_cause": "How does DescribeJob spell SuspendedCause?",
    "suspended_cause_in_iam": "How does IAM spell s3:JobSuspendedCause?",
    "total_at_suspended_csv": "TotalNumberOfTasks at Suspended, CSV manifest",
    "total_at_suspended_generated": "TotalNumberOfTasks at Suspended, generated manifest",
    "total_at_suspended_inventory": "TotalNumberOfTasks at Suspended, inventory manifest",
    "total_while_preparing": "TotalNumberOfTasks in New and Preparing",
    "reason_survives": "Does a confirmed job keep its StatusUpdateReason to its end?",
    "ready_in_preparing": "What does UpdateJobStatus return for Ready in Preparing?",
    "confirmation_required_shown": "Does DescribeJob return ConfirmationRequired?",
    "omitted_confirmation_waits": "Does a job wait for confirmation if CreateJob omits ConfirmationRequired?",
    "omitted_confirmation_shown": "Does DescribeJob return ConfirmationRequired for that job?",
    "untagged_answer_lacks_tags": "Does GetJobTagging omit Tags for a job without tags?",
    "termination_listed": "Does ListJobs return TerminationDate?",
    "timers_listed": "Does ListJobs return ProgressSummary.Timers?",
    "newest_first": "Does ListJobs begin with the newest job?",
    "missing_job_error": "Error code for a job that does not exist",
    "bad_request_error": "Error code for an invalid request",
    "error_document": "Root element of an error",
    "error_namespace": "Does an error have S3 Control's namespace?",
    "create_job_record": "Members of CreateJob's record in CloudTrail",
    "create_job_record_names_job": "Does that record name the job?",
    "create_job_record_seconds": "Seconds after CreateJob until LookupEvents returned the record",
    "gate_decision": "What did the gate do with the CSV job?",
    "gate_seconds": "How many seconds after SuspendedDate did the gate decide it?",
    "gate_record": "Is the decision recorded in the ledger and announced?",
}
"""Every line of a report, in its order. The names of settings are those of cdk.json."""

SETTINGS: Final = ("suspended_date_survives", "untagged_answer_lacks_tags")
"""The answers that are settings of a deployment, of the same names."""


class Manifest(StrEnum):
    """How a job of the canary's gets the list of its objects."""

    CSV = "csv"
    GENERATED = "generated"
    INVENTORY = "inventory"


@dataclass(slots=True)
class WatchedJob:
    """One job, as it was seen.

    Attributes:
        created_at: By the canary's clock.
        seen: The first description in each status, oldest first.
        last: The latest description; empty before the first.
        ready_in_preparing: What Ready was answered in Preparing: an error code, or `ACCEPTED`; "" if it was not sent.
        state: The gate's item of it; None if there is none.
    """

    manifest: Manifest
    job_id: str
    created_at: datetime
    seen: dict[str, Description] = field(default_factory=dict)
    last: Description = field(default_factory=dict)
    ready_in_preparing: str = ""
    state: State | None = None

    @property
    def status(self) -> str:
        """The latest status; "" before the first description."""
        return str(self.last.get("Status") or "")

    @property
    def has_ended(self) -> bool:
        """Whether its status is final."""
        return self.status in ENDED

    @property
    def suspended_at(self) -> datetime | None:
        """Its SuspendedDate, if it ever had one."""
        return next((each["SuspendedDate"] for each in self.seen.values() if "SuspendedDate" in each), None)


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """One event about a job of the canary's.

    Attributes:
        arrived_at: When SQS received it.
    """

    job_id: str
    status: str
    arrived_at: datetime


@dataclass(frozen=True, slots=True)
class SeenRecord:
    """CreateJob's record in CloudTrail.

    Attributes:
        content: The record.
        seconds: From CreateJob until LookupEvents returned it, by the canary's clock.
    """

    content: Mapping[str, Any]
    job_id: str
    seconds: float


@dataclass(slots=True)
class Observations:
    """What the canary saw.

    Attributes:
        with_gate: A gate decides the jobs.
        jobs: In order of creation.
        untagged_answer: The body of GetJobTagging's response for a job without tags.
        missing_job_error: The body of the error for a job that does not exist.
        bad_request_error: The body of the error for an invalid request.
        listing: Pages of ListJobs, after the jobs have ended.
    """

    with_gate: bool
    jobs: list[WatchedJob] = field(default_factory=list)
    events: list[SeenEvent] = field(default_factory=list)
    untagged_answer: bytes = b""
    missing_job_error: bytes = b""
    bad_request_error: bytes = b""
    listing: list[Description] = field(default_factory=list)
    record: SeenRecord | None = None

    def job(self, manifest: Manifest) -> WatchedJob | None:
        """The job with a kind of manifest."""
        return next((each for each in self.jobs if each.manifest is manifest), None)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        name: A key of `QUESTIONS`.
        answer: None if it was not shown.
        why_not: Why not; fixed words, S3's statuses and error codes only.
    """

    name: str
    answer: Answer | None = None
    why_not: str = ""


def findings(seen: Observations) -> list[Finding]:
    """The report's lines, in the order of `QUESTIONS`; the gate's are left out if there is none."""
    found = {each.name: each for each in _all(seen)}
    return [found[name] for name in QUESTIONS if name in found]


def settings_of(found: Sequence[Finding]) -> dict[str, str]:
    """The settings that the answers give, as cdk.json takes them."""
    return {each.name: str(each.answer).lower() for each in found if each.name in SETTINGS and each.answer is not None}


def report(found: Sequence[Finding], *, on: date, region: str, service: str, with_gate: bool) -> dict[str, Any]:
    """The JSON document that people can send in; docs/observed.md describes it."""
    return {
        "format": 1,
        "batchgate": __version__,
        "date": on.isoformat(),
        "service": service,
        "region": region,
        "gate": with_gate,
        "facts": {each.name: each.answer for each in found if each.answer is not None},
        "not_shown": {each.name: each.why_not for each in found if each.answer is None},
        "settings": settings_of(found),
    }


# --- The answers ----------------------------------------------------------------------------------------


def _all(seen: Observations) -> Iterator[Finding]:
    yield from _events(seen)
    yield from _confirmed(seen)
    yield from _totals(seen)
    yield from _confirmation(seen)
    yield from _listing(seen)
    yield from _documents(seen)
    yield from _record(seen)
    yield Finding(
        "suspended_cause_in_iam",
        why_not="IAM returns it nowhere; the documents of `batchgate iam scp` do not rest on it",
    )
    if seen.with_gate:
        yield from _gate(seen)


def _events(seen: Observations) -> Iterator[Finding]:
    waited = {job.job_id: job for job in seen.jobs if job.suspended_at is not None or "Suspended" in job.seen}
    arrived = [event for event in seen.events if event.status == "Suspended"]
    later = [event for event in seen.events if event.job_id in waited and event.status not in (*_BEFORE, "Suspended")]
    if arrived:
        yield Finding("suspended_event", answer=True)
    elif later:
        yield Finding("suspended_event", answer=False)
    else:
        why = "no event of a later status arrived either: is there a trail that logs?" if waited else "no job waited"
        yield Finding("suspended_event", why_not=why)
    late = [
        (event.arrived_at - since).total_seconds()
        for event in arrived
        if event.job_id in waited and (since := waited[event.job_id].suspended_at) is not None
    ]
    if late:
        yield Finding("suspended_event_seconds", answer=round(max(0.0, *late), 1))
    else:
        yield Finding("suspended_event_seconds", why_not="no such event arrived")
    statuses = sorted({word for event in seen.events if (word := _word(event.status))})
    if statuses:
        yield Finding("event_statuses", answer=statuses)
    else:
        yield Finding("event_statuses", why_not="no event of the jobs arrived: is there a trail that logs?")


def _confirmed(seen: Observations) -> Iterator[Finding]:
    """What is left of the wait, on a job that was confirmed."""
    job = next((job for job in seen.jobs if _was_confirmed(job)), None)
    if job is not None:
        yield Finding("suspended_date_survives", answer="SuspendedDate" in job.last)
        yield Finding("reason_survives", answer="StatusUpdateReason" in job.last)
    else:
        why = "no job was confirmed after it was Suspended, and ended" + _how_they_ended(seen)
        yield Finding("suspended_date_survives", why_not=why)
        yield Finding("reason_survives", why_not=why)
    causes = (text for job in seen.jobs for each in job.seen.values() if (text := each.get("SuspendedCause")))
    cause = next(causes, None)
    if cause is not None:
        yield Finding("suspended_cause", answer=_word(cause) or "unreadable")
    else:
        yield Finding("suspended_cause", why_not="no description had one" + _how_they_ended(seen))


def _was_confirmed(job: WatchedJob) -> bool:
    """Whether it was Suspended, then confirmed, and has ended. A cancelled job says nothing of a confirmed one."""
    return job.suspended_at is not None and job.status in {"Complete", "Failed"} and _ran(job)


def _ran(job: WatchedJob) -> bool:
    return any(status in job.seen for status in ("Ready", "Active", "Completing", "Complete"))


def _totals(seen: Observations) -> Iterator[Finding]:
    for manifest in Manifest:
        name = f"total_at_suspended_{manifest}"
        job = seen.job(manifest)
        if job is None:
            asked = "; --inventory adds it for $0.25" if manifest is Manifest.INVENTORY else ""
            yield Finding(name, why_not=f"no job had such a manifest{asked}")
        elif "Suspended" in job.seen:
            yield Finding(name, answer=_total(job.seen["Suspended"]))
        else:
            yield Finding(name, why_not=f"the job was not seen Suspended{_how_it_ended(job)}")
    early = [job.seen[status] for job in seen.jobs for status in _BEFORE if status in job.seen]
    if early:
        yield Finding("total_while_preparing", answer="/".join(sorted({_total(each) for each in early})))
    else:
        yield Finding("total_while_preparing", why_not="no job was seen in New or Preparing")


def _total(description: Description) -> str:
    match (description.get("ProgressSummary") or {}).get("TotalNumberOfTasks"):
        case None:
            return "absent"
        case 0:
            return "zero"
        case total:
            return "known" if total == OBJECTS else "another number"


def _confirmation(seen: Observations) -> Iterator[Finding]:
    asked, omitted = seen.job(Manifest.CSV), seen.job(Manifest.GENERATED)
    yield _shown("confirmation_required_shown", asked)
    yield _shown("omitted_confirmation_shown", omitted)
    yield _omitted_waits(seen, omitted)
    tried = omitted.ready_in_preparing if omitted is not None else ""
    if not tried:
        why = "it would confirm a job around the gate" if seen.with_gate else "the job was not seen in Preparing"
        yield Finding("ready_in_preparing", why_not=why)
    elif tried == ACCEPTED and omitted is not None and omitted.suspended_at is not None:
        yield Finding("ready_in_preparing", why_not="it was accepted, but the job may have been Suspended by then")
    else:
        yield Finding("ready_in_preparing", answer=_word(tried) or "unreadable")


def _shown(name: str, job: WatchedJob | None) -> Finding:
    if job is None or not job.seen:
        return Finding(name, why_not="no such job was described")
    return Finding(name, answer=any("ConfirmationRequired" in each for each in job.seen.values()))


def _omitted_waits(seen: Observations, job: WatchedJob | None) -> Finding:
    name = "omitted_confirmation_waits"
    if job is None:
        return Finding(name, why_not="no such job was created")
    if job.suspended_at is not None or "Suspended" in job.seen:
        return Finding(name, answer=True)
    if job.ready_in_preparing == ACCEPTED:
        return Finding(name, why_not="the job was confirmed in Preparing")
    if seen.with_gate:
        return Finding(name, why_not="the job was not seen Suspended; the gate may have confirmed it before")
    return (
        Finding(name, answer=False) if _ran(job) else Finding(name, why_not="the job did not run" + _how_it_ended(job))
    )


def _listing(seen: Observations) -> Iterator[Finding]:
    own = {job.job_id: job for job in seen.jobs}
    listed = [row for row in seen.listing if row.get("JobId") in own]
    ended = [row for row in listed if row.get("Status") in ENDED]
    if ended:
        yield Finding("termination_listed", answer=any("TerminationDate" in row for row in ended))
    else:
        yield Finding("termination_listed", why_not="no job of the canary's was listed that had ended")
    if listed:
        yield Finding("timers_listed", answer=any("Timers" in (row.get("ProgressSummary") or {}) for row in listed))
    else:
        yield Finding("timers_listed", why_not="no job of the canary's was listed")
    if len(listed) > 1:
        first, second = (seen.jobs.index(own[row["JobId"]]) for row in listed[:2])
        yield Finding("newest_first", answer=first > second)
    else:
        yield Finding("newest_first", why_not="fewer than two jobs of the canary's were listed")


def _documents(seen: Observations) -> Iterator[Finding]:
    name = "untagged_answer_lacks_tags"
    root = _root(seen.untagged_answer)
    if root is None:
        yield Finding(name, why_not="GetJobTagging returned no document")
    else:
        yield Finding(name, answer=all(_local(each) != "Tags" for each in root))
    missing, bad = _root(seen.missing_job_error), _root(seen.bad_request_error)
    for name, error in (("missing_job_error", missing), ("bad_request_error", bad)):
        codes = [] if error is None else [each.text for each in error.iter() if _local(each) == "Code"]
        code = _word(codes[0]) if codes else ""
        yield Finding(name, answer=code) if code else Finding(name, why_not="no error document with a code")
    if missing is None:
        yield Finding("error_document", why_not="no error document")
        yield Finding("error_namespace", why_not="no error document")
    else:
        yield Finding("error_document", answer=_word(_local(missing)) or "unreadable")
        yield Finding("error_namespace", answer=missing.tag.startswith("{"))


def _record(seen: Observations) -> Iterator[Finding]:
    if seen.record is None:
        for name in ("create_job_record", "create_job_record_names_job", "create_job_record_seconds"):
            yield Finding(name, why_not="LookupEvents returned no record of CreateJob that names a job of the canary's")
        return
    content = seen.record.content
    yield Finding("create_job_record", answer=sorted(set(_members(content))))
    yield Finding("create_job_record_names_job", answer=seen.record.job_id in str(content))
    yield Finding("create_job_record_seconds", answer=round(seen.record.seconds))


def _members(value: Mapping[str, Any], path: str = "", depth: int = 1) -> Iterator[str]:
    """The dotted paths of a record's members. Values are left out, and so are names that are not like a member's."""
    for name, inner in value.items():
        if not _MEMBER.fullmatch(name):
            continue
        here = f"{path}.{name}" if path else name
        if isinstance(inner, Mapping) and inner and depth < _RECORD_DEPTH:
            yield from _members(inner, here, depth + 1)
        else:
            yield here


def _gate(seen: Observations) -> Iterator[Finding]:
    job = seen.job(Manifest.CSV)
    state = job.state if job is not None else None
    if state is None or job is None:
        for name in ("gate_decision", "gate_seconds", "gate_record"):
            yield Finding(name, why_not="the gate wrote nothing about the job: `batchgate doctor`, `batchgate status`")
        return
    decided = state.phase is Phase.SETTLED
    applied = state.outcome is Outcome.APPLIED and state.requested_action is not None
    word = (
        state.requested_action.done if applied and state.requested_action is not None else state.outcome or state.phase
    )
    yield Finding("gate_decision", answer=str(word))
    if decided and state.decided_at is not None and job.suspended_at is not None:
        yield Finding("gate_seconds", answer=round((state.decided_at - job.suspended_at).total_seconds(), 1))
    else:
        yield Finding("gate_seconds", why_not="the gate did not decide the job")
    yield Finding("gate_record", answer=decided and state.announced_at is not None)


# --- Words ------------------------------------------------------------------------------------------------


def _word(text: object) -> str:
    """A word of AWS's; "" for anything else, which could name something."""
    return text if isinstance(text, str) and _WORD.fullmatch(text) else ""


def _how_it_ended(job: WatchedJob) -> str:
    """S3's status of a job and why it failed, in S3's codes."""
    codes = [word for why in job.last.get("FailureReasons") or () if (word := _word(why.get("FailureCode")))]
    if not job.status:
        return ""
    return f"; it is {_word(job.status) or 'in no known status'}" + (f" ({', '.join(codes)})" if codes else "")


def _how_they_ended(seen: Observations) -> str:
    return "".join(f"; {job.manifest}{_how_it_ended(job).removeprefix('; it')}" for job in seen.jobs if job.status)


def _root(body: bytes) -> ET.Element | None:
    try:
        return ET.fromstring(body) if body else None  # noqa: S314 - S3's own response
    except ET.ParseError:
        return None


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
