"""Jobs as the emulator keeps them, and as tests see them."""

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from s3batch_emulator.address import JobScope
from s3batch_emulator.lifecycle import JobStatus
from s3batch_emulator.progress import Tally, Work, tally_after
from s3batch_emulator.switches import ManifestKind, Pace
from s3batch_emulator.values import Structure, flag, member, text


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed. Source: API reference, JobFailure."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """A job at one moment, for a test's assertions.

    Attributes:
        scope: Partition, Region and account.
        history: Every status so far with the instant it began, the present one last.
        reason: The StatusUpdateReason that DescribeJob shows; None when it shows none.
        total_tasks: What the manifest holds, shown or not; None until it was read.
        tags: By their keys.
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
    """A job. Only the emulator's own rooms touch it.

    Attributes:
        order: Counts creations; later is higher.
        request: The CreateJob input as it was accepted.
        epoch: Counts changes of status, so that a timer can tell that it is stale.
        confirmed_early: Ready was accepted before the job was Suspended.
        waits: Ready or Paused, and only the others' priority keeps it from running.
        failing_tasks: Those that can only fail.
        base: What had ended when the present stretch of being Active began.
        active_since: When that was; None while not Active.
        active_before: Time spent Active in earlier stretches.
        generated: What was generated in the place of a manifest, for DescribeJob.
        unmodelled: Members that the service model lacks, for DescribeJob: where, and their texts.
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
    def needs_confirmation(self) -> bool:
        """Somebody has to confirm: unless ConfirmationRequired is explicitly false.

        Source: User Guide, Updating the job status: without `--no-confirmation-required`
        the job remains suspended until confirmed.
        """
        return flag(self.request, "ConfirmationRequired") is not False

    @property
    def manifest_kind(self) -> ManifestKind:
        """How the job learns its objects."""
        stated = text(self.request, "Manifest", "Spec", "Format")
        return ManifestKind(stated) if stated else ManifestKind.GENERATED

    @property
    def operation_name(self) -> str:
        """The one member of Operation, such as LambdaInvoke."""
        operation = member(self.request, "Operation")
        return next(iter(operation)) if isinstance(operation, dict) else ""

    def tally(self, now: datetime) -> Tally:
        """What has ended by now."""
        if self.active_since is None or self.total_tasks is None:
            return self.base
        return tally_after(self.base, self.work, self.pace, now - self.active_since)

    @property
    def work(self) -> Work:
        """What there is to do, as far as it is known."""
        return Work(self.total_tasks or 0, self.failing_tasks)

    def active_seconds(self, now: datetime) -> int:
        """Whole seconds spent Active."""
        present = now - self.active_since if self.active_since else timedelta(0)
        return int((self.active_before + present).total_seconds())

    def snapshot(self, now: datetime) -> JobSnapshot:
        """The job as it stands."""
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
class _Shelf:
    """The jobs of one place: by id, in order of creation, and by their request tokens."""

    by_id: dict[str, Job] = field(default_factory=dict)
    in_order: list[Job] = field(default_factory=list)
    by_token: dict[str, Job] = field(default_factory=dict)


@dataclass(slots=True)
class JobStore:
    """All jobs, each seen only in its own account and Region."""

    _shelves: dict[JobScope, _Shelf] = field(default_factory=dict)
    _created: int = 0

    def next_order(self) -> int:
        """The order of the next job to be created."""
        self._created += 1
        return self._created

    def add(self, job: Job) -> None:
        """Keep a new job."""
        shelf = self._shelves.setdefault(job.scope, _Shelf())
        shelf.by_id[job.job_id] = job
        shelf.in_order.append(job)
        token = text(job.request, "ClientRequestToken")
        if token is not None:
            shelf.by_token[token] = job

    def find(self, scope: JobScope, job_id: str) -> Job | None:
        """A job of a scope, or None."""
        return self._shelf(scope).by_id.get(job_id)

    def created_with(self, scope: JobScope, token: str) -> Job | None:
        """The job that a ClientRequestToken made, or None."""
        return self._shelf(scope).by_token.get(token)

    def newest_first(self, scope: JobScope, before: int | None = None) -> Iterator[Job]:
        """The jobs of a scope, latest creation first; only those ordered before `before`."""
        jobs = self._shelf(scope).in_order
        end = len(jobs) if before is None else bisect.bisect_left(jobs, before, key=lambda job: job.order)
        return (jobs[position] for position in range(end - 1, -1, -1))

    def oldest_first(self, scope: JobScope, after: int | None = None) -> Iterator[Job]:
        """The jobs of a scope, first creation first; only those ordered after `after`."""
        jobs = self._shelf(scope).in_order
        begin = 0 if after is None else bisect.bisect_right(jobs, after, key=lambda job: job.order)
        return (jobs[position] for position in range(begin, len(jobs)))

    def forget(self, job: Job) -> None:
        """Drop a job, as S3 does long after its end."""
        shelf = self._shelf(job.scope)
        shelf.by_id.pop(job.job_id, None)
        position = bisect.bisect_left(shelf.in_order, job.order, key=lambda kept: kept.order)
        del shelf.in_order[position]
        token = text(job.request, "ClientRequestToken")
        if token is not None:
            shelf.by_token.pop(token, None)

    def everything(self) -> Iterator[Job]:
        """Every job of every scope, in order of creation within each."""
        for shelf in self._shelves.values():
            yield from shelf.in_order

    def clear(self) -> None:
        """Drop every job. The order of creation goes on."""
        self._shelves.clear()

    def _shelf(self, scope: JobScope) -> _Shelf:
        return self._shelves.get(scope) or _Shelf()
