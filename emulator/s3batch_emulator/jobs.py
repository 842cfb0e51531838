"""The jobs of the emulator, and their snapshots for tests."""

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from s3batch_emulator.address import JobScope
from s3batch_emulator.lifecycle import JobStatus
from s3batch_emulator.progress import Tally, Work, tally_after
from s3batch_emulator.switches import ManifestKind, Pace
from s3batch_emulator.values import Structure, member, text


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed. Source: API reference, JobFailure."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """A job at one moment, for assertions in tests.

    Attributes:
        scope: Partition, Region and account.
        history: Every status so far with the time when it began, the present one last.
        reason: The StatusUpdateReason that DescribeJob returns; None if it returns none.
        total_tasks: Number of tasks in the manifest, whether DescribeJob returns it or not; None until it was read.
        tags: Values by keys.
        failures: Empty unless the job failed.
    """

    scope: JobScope
    job_id: str
    job_arn: str
    status: JobStatus
    reason: str | None
    priority: int
    history: tuple[tuple[datetime, JobStatus], ...]
    total_tasks: int | None
    tally: Tally
    tags: dict[str, str]
    failures: tuple[Failure, ...]


@dataclass(slots=True, eq=False)
class Job:
    """A job, as the emulator's own modules change it.

    Attributes:
        order: Number of the job in the order of creation.
        request: The CreateJob input as it was accepted.
        epoch: Number of status changes, by which a timer detects that it is stale.
        confirmed_early: Ready was accepted before the job was Suspended.
        waits: Ready or Paused, and waiting only for a slot.
        failing_tasks: Number of tasks that always fail.
        base: Tasks that had ended when the job last became Active.
        active_since: When the job last became Active; None if it is not Active.
        active_before: Time spent Active before that.
        generated: Descriptor of the generated manifest, for DescribeJob.
        unmodelled: Members that the service model lacks, for DescribeJob: texts by their paths.
    """

    scope: JobScope
    job_id: str
    order: int
    request: Structure
    created: datetime
    priority: int
    pace: Pace
    status: JobStatus = JobStatus.NEW
    epoch: int = 0
    tags: dict[str, str] = field(default_factory=dict)
    reason: str | None = None
    confirmed_early: bool = False
    waits: bool = False
    total_tasks: int | None = None
    failing_tasks: int = 0
    total_shown: bool = False
    base: Tally = field(default_factory=Tally)
    active_since: datetime | None = None
    active_before: timedelta = timedelta(0)
    suspended: datetime | None = None
    terminated: datetime | None = None
    failures: tuple[Failure, ...] = ()
    generated: Structure | None = None
    unmodelled: dict[tuple[str, ...], str] = field(default_factory=dict)
    history: list[tuple[datetime, JobStatus]] = field(default_factory=list)

    @property
    def manifest_kind(self) -> ManifestKind:
        """How the job gets the list of its objects."""
        stated = text(self.request, "Manifest", "Spec", "Format")
        return ManifestKind(stated) if stated else ManifestKind.GENERATED

    @property
    def operation_name(self) -> str:
        """The one member of Operation, such as LambdaInvoke."""
        operation = member(self.request, "Operation")
        return next(iter(operation)) if isinstance(operation, dict) else ""

    def tally(self, now: datetime) -> Tally:
        """Tasks that have ended by now."""
        if self.active_since is None or self.total_tasks is None:
            return self.base
        return tally_after(self.base, self.work, self.pace, now - self.active_since)

    @property
    def work(self) -> Work:
        """The tasks of the job, as far as they are known."""
        return Work(self.total_tasks or 0, self.failing_tasks)

    def active_seconds(self, now: datetime) -> int:
        """Whole seconds spent Active."""
        present = now - self.active_since if self.active_since else timedelta(0)
        return int((self.active_before + present).total_seconds())

    def snapshot(self, now: datetime) -> JobSnapshot:
        """The present state of the job."""
        return JobSnapshot(
            scope=self.scope,
            job_id=self.job_id,
            job_arn=self.scope.job_arn(self.job_id),
            status=self.status,
            reason=self.reason,
            priority=self.priority,
            history=tuple(self.history),
            total_tasks=self.total_tasks,
            tally=self.tally(now),
            tags=dict(self.tags),
            failures=self.failures,
        )


@dataclass(slots=True)
class _ScopedJobs:
    """The jobs of one account and Region: by id, in order of creation, and by their request tokens."""

    by_id: dict[str, Job] = field(default_factory=dict)
    in_order: list[Job] = field(default_factory=list)
    by_token: dict[str, Job] = field(default_factory=dict)


@dataclass(slots=True)
class JobStore:
    """All jobs, each visible only in its own account and Region."""

    _by_scope: dict[JobScope, _ScopedJobs] = field(default_factory=dict)
    _created: int = 0

    def next_order(self) -> int:
        """The number of the next job in the order of creation."""
        self._created += 1
        return self._created

    def add(self, job: Job) -> None:
        """Add a new job."""
        jobs = self._by_scope.setdefault(job.scope, _ScopedJobs())
        jobs.by_id[job.job_id] = job
        jobs.in_order.append(job)
        token = text(job.request, "ClientRequestToken")
        if token is not None:
            jobs.by_token[token] = job

    def find(self, scope: JobScope, job_id: str) -> Job | None:
        """A job of an account and Region, or None."""
        return self._in_scope(scope).by_id.get(job_id)

    def created_with(self, scope: JobScope, token: str) -> Job | None:
        """The job that was created with a ClientRequestToken, or None."""
        return self._in_scope(scope).by_token.get(token)

    def newest_first(self, scope: JobScope, before: int | None = None) -> Iterator[Job]:
        """The jobs of an account and Region, newest first; only those ordered before `before`."""
        jobs = self._in_scope(scope).in_order
        end = len(jobs) if before is None else bisect.bisect_left(jobs, before, key=lambda job: job.order)
        return (jobs[position] for position in range(end - 1, -1, -1))

    def oldest_first(self, scope: JobScope, after: int | None = None) -> Iterator[Job]:
        """The jobs of an account and Region, oldest first; only those ordered after `after`."""
        jobs = self._in_scope(scope).in_order
        begin = 0 if after is None else bisect.bisect_right(jobs, after, key=lambda job: job.order)
        return (jobs[position] for position in range(begin, len(jobs)))

    def forget(self, job: Job) -> None:
        """Remove a job, as S3 does long after its end."""
        jobs = self._in_scope(job.scope)
        jobs.by_id.pop(job.job_id, None)
        position = bisect.bisect_left(jobs.in_order, job.order, key=lambda kept: kept.order)
        del jobs.in_order[position]
        token = text(job.request, "ClientRequestToken")
        if token is not None:
            jobs.by_token.pop(token, None)

    def everything(self) -> Iterator[Job]:
        """All jobs, in order of creation within each account and Region."""
        for jobs in self._by_scope.values():
            yield from jobs.in_order

    def clear(self) -> None:
        """Remove all jobs. The order of creation continues."""
        self._by_scope.clear()

    def _in_scope(self, scope: JobScope) -> _ScopedJobs:
        return self._by_scope.get(scope) or _ScopedJobs()
