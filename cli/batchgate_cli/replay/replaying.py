"""Replaying jobs: each evaluated by one policy set or two, and compared."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from batchgate.jobs.model import AsksForConfirmation, DateSurvives, Job
from batchgate.policy.compile import compile_document
from batchgate.policy.compiled import PolicySet
from batchgate.policy.evaluate import Decision
from batchgate.policy.facts import Gap, JobFacts, Result, gather_facts
from batchgate_cli.authoring.policy_file import LoadedPolicy
from batchgate_cli.replay.comparison import (
    CHANGED,
    Change,
    Replay,
    Row,
    as_it_was,
    as_replayed,
    compare_with_replay,
    compare_with_what_happened,
    held_for_people,
    is_of_people,
    not_replayed,
    trace_of,
)
from batchgate_cli.replay.course import Fate, follow
from batchgate_cli.replay.happened import Happened, happened, start_of, waited
from batchgate_cli.replay.reasons import DecidedBy, read_reason
from batchgate_cli.replay.recording import TAGS_NOT_RECORDED, RecordedJob
from batchgate_cli.replay.usage import Usage

MANIFEST_NOT_RECORDED = Gap(Result.UNMEASURABLE, "the manifest's size is not in the recording")
_NO_CLAIM = "replayed"


class PastJob(Struct, frozen=True):
    """A job of the past, wherever it is known from.

    Attributes:
        job: As S3 described it while it waited.
        known: Its facts, in the order of time; none where it can't be evaluated.
        ends: When S3 fails it, or until when something is known of it.
        happened: Its real end.
        since_is_exact: Whether the first facts are from when it began to wait.
        claim_id: Of its real decision; "" for none.
        missing: The gaps in its facts that are only there because nobody recorded more.
        why_not: Why it can't be evaluated; "" where it can.
        redacted: Whether its names were replaced.
    """

    job: Job
    known: tuple[JobFacts, ...]
    ends: datetime | None
    happened: Happened
    since_is_exact: bool = True
    claim_id: str = ""
    missing: tuple[Gap, ...] = ()
    why_not: str = ""
    redacted: bool = False


def past_job(recorded: RecordedJob, survives: DateSurvives, now: datetime) -> PastJob:
    """A job of a recording.

    Args:
        recorded: The job.
        survives: Whether a job that was confirmed still has its SuspendedDate.
        now: The present instant: until when a job that still waits is followed, where the recording does not say when
            it was made.
    """
    job = recorded.job
    asks = waited(job, survives)
    what = happened(recorded, asks)
    start = start_of(job, asks)
    if job.status.before_suspended:
        return PastJob(job, (), None, what, why_not="S3 was still preparing it", redacted=recorded.redacted)
    if start is None or asks is AsksForConfirmation.UNKNOWN:
        why = what.why_unknown or "S3 reports no date of it"
        return PastJob(job, (), None, what, since_is_exact=False, why_not=why, redacted=recorded.redacted)
    facts = gather_facts(start.job, start.at, asks=asks, tags=recorded.tags, manifest_bytes=MANIFEST_NOT_RECORDED)
    reason = read_reason(job.status_update_reason)
    still_waits = job.status.value == "Suspended"
    return PastJob(
        job=start.job,
        known=(facts,),
        ends=(recorded.recorded_at or now) if still_waits else None,
        happened=what,
        since_is_exact=start.is_exact,
        claim_id=reason.claim_id if reason else "",
        missing=(MANIFEST_NOT_RECORDED, TAGS_NOT_RECORDED),
        redacted=recorded.redacted,
    )


def recorded_jobs(recording: Iterable[RecordedJob], survives: DateSurvives, now: datetime) -> Iterator[PastJob]:
    """The jobs of a recording, one after the other."""
    return (past_job(each, survives, now) for each in recording)


def replay(jobs: Iterable[PastJob], loaded: LoadedPolicy, against: LoadedPolicy | None, source: str) -> Replay:
    """Evaluate jobs by a policy set and compare with what happened, or with another set.

    Args:
        jobs: The jobs; each is let go of before the next is asked for.
        loaded: The policy set; one in shadow mode is replayed as if enforced.
        against: The set to compare with; None for what happened.
        source: Where the jobs are from, for people.
    """
    policies = _enforced(loaded)
    other = _enforced(against) if against is not None else None
    result = Replay(
        source=source,
        policies=loaded.policies.version,
        usage=Usage(policies),
        against=against.policies.version if against is not None else "",
        was_shadow=loaded.policies.shadow or (against is not None and against.policies.shadow),
    )
    for job in jobs:
        result.redacted |= job.redacted
        result.rows.append(_row(job, policies, other, result.usage))
    return result


def _enforced(loaded: LoadedPolicy) -> PolicySet:
    if not loaded.policies.shadow:
        return loaded.policies
    return compile_document(replace(loaded.document, mode="enforce"))


def _row(past: PastJob, policies: PolicySet, against: PolicySet | None, usage: Usage) -> Row:
    job = past.job
    fate: Fate | None = None
    if past.known:
        seen: list[Decision] = []
        fate = _follow(past, policies, seen)
        usage.count(seen)
        after = as_replayed(fate, past.missing)
    else:
        after = not_replayed(past.why_not)
    if against is None:
        before = as_it_was(past.happened)
        change = compare_with_what_happened(before, after, past.known[0].now if past.known else None)
        if change is Change.SAME and is_of_people(before) and after.by is not DecidedBy.PEOPLE:
            after = held_for_people(after, fate)
    else:
        before = as_replayed(_follow(past, against, []), past.missing) if past.known else after
        change = compare_with_replay(before, after)
    return Row(
        job_id=job.ref.job_id,
        account=job.ref.account_id,
        region=job.ref.region,
        operation=job.operation or "",
        total_tasks=job.total_tasks,
        since=past.known[0].now if past.known else job.creation_time,
        since_is_exact=past.since_is_exact,
        before=before,
        after=after,
        change=change,
        trace=trace_of(fate) if fate is not None and change in CHANGED else None,
    )


def _follow(past: PastJob, policies: PolicySet, seen: list[Decision]) -> Fate:
    return follow(policies, past.job, past.known, end=past.ends, claim_id=past.claim_id or _NO_CLAIM, watch=seen.append)
