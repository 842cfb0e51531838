"""Replaying jobs: each evaluated by one policy set or two, and compared."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from msgspec import Struct, field
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
from batchgate_cli.replay.course import End, Fate, course_of_job
from batchgate_cli.replay.happened import Happened, happened, start_of, waited
from batchgate_cli.replay.reasons import DecidedBy, read_reason
from batchgate_cli.replay.recording import TAGS_NOT_RECORDED, RecordedJob
from batchgate_cli.replay.sums import Followed, follow_together, used_before
from batchgate_cli.replay.usage import Usage

MANIFEST_NOT_RECORDED = Gap(Result.UNMEASURABLE, "the manifest's size is not in the recording")
ROWS_NOT_RECORDED = Gap(Result.UNMEASURABLE, "the manifest's rows are not in the recording")
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
        why = what.why_unknown or "S3 reports no date for it"
        return PastJob(job, (), None, what, since_is_exact=False, why_not=why, redacted=recorded.redacted)
    facts = gather_facts(
        start.job,
        start.at,
        asks=asks,
        tags=recorded.tags,
        manifest_bytes=MANIFEST_NOT_RECORDED,
        contents=ROWS_NOT_RECORDED,
    )
    reason = read_reason(job.status_update_reason)
    still_waits = job.status.value == "Suspended"
    return PastJob(
        job=start.job,
        known=(facts,),
        ends=(recorded.recorded_at or now) if still_waits else None,
        happened=what,
        since_is_exact=start.is_exact,
        claim_id=reason.claim_id if reason else "",
        missing=(MANIFEST_NOT_RECORDED, ROWS_NOT_RECORDED, TAGS_NOT_RECORDED),
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
    for job, one, another in _courses(jobs, policies, other):
        result.redacted |= job.redacted
        result.usage.count(one.seen)
        result.rows.append(_row(job, one.fate, None if another is None else another.fate, compares=against is not None))
    return result


class _Course(Struct):
    """What a policy set does with a job.

    Attributes:
        fate: Its course; None where it can't be evaluated.
        seen: Every decision on it.
    """

    fate: Fate | None = None
    seen: list[Decision] = field(default_factory=list)


def _courses(
    jobs: Iterable[PastJob], policies: PolicySet, against: PolicySet | None
) -> Iterator[tuple[PastJob, _Course, _Course | None]]:
    """Each job with its course by one set and, where there is one, by the other.

    Budgets join jobs, so where there are any all jobs are followed at once.
    """
    if policies.budgets or (against is not None and against.budgets):
        jobs = list(jobs)
        ones = _followed(jobs, policies)
        others = _followed(jobs, against) if against is not None else [None] * len(jobs)
        yield from zip(jobs, ones, others, strict=True)
        return
    for job in jobs:
        [one] = _followed([job], policies)
        yield job, one, None if against is None else _followed([job], against)[0]


def _followed(jobs: Sequence[PastJob], policies: PolicySet) -> list[_Course]:
    courses = [_Course() for _ in jobs]
    followed: list[tuple[_Course, Followed]] = []
    for past, course in zip(jobs, courses, strict=True):
        if past.known:
            claim, watch = past.claim_id or _NO_CLAIM, course.seen.append
            run = course_of_job(policies, past.job, past.known, end=past.ends, claim_id=claim, watch=watch)
            what = past.happened
            is_of_others = what.by in (DecidedBy.PEOPLE, DecidedBy.OTHERS)
            left_at = (what.at or what.at_latest) if is_of_others else None
            by_people = what.by is DecidedBy.PEOPLE and what.end is End.APPROVED
            followed.append((course, Followed(run, left_at, by_people, next(run))))
    known = [facts for past in jobs for facts in past.known]
    follow_together(policies, [each for _, each in followed], used_before(known))
    for course, each in followed:
        course.fate = each.fate
    return courses


def _enforced(loaded: LoadedPolicy) -> PolicySet:
    if not loaded.policies.shadow:
        return loaded.policies
    return compile_document(replace(loaded.document, mode="enforce"))


def _row(past: PastJob, fate: Fate | None, other: Fate | None, *, compares: bool) -> Row:
    """What a set does with a job, beside what another does or, without, what happened."""
    job = past.job
    after = not_replayed(past.why_not) if fate is None else as_replayed(fate, past.missing)
    if not compares:
        before = as_it_was(past.happened)
        change = compare_with_what_happened(before, after, past.known[0].now if past.known else None)
        if change is Change.SAME and is_of_people(before) and after.by is not DecidedBy.PEOPLE:
            after = held_for_people(after, fate)
    else:
        before = after if other is None else as_replayed(other, past.missing)
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
