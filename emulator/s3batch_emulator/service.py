"""The jobs over time: what S3 does to them by itself, on timers, and the changes that requests cause."""

import random
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from s3batch_emulator.address import JobScope
from s3batch_emulator.clock import Clock
from s3batch_emulator.events import Event, EventIds, job_event
from s3batch_emulator.jobs import Failure, Job, JobStore
from s3batch_emulator.lifecycle import NEXT, OCCUPYING, TERMINAL, Cause, JobStatus
from s3batch_emulator.manifests import ManifestError
from s3batch_emulator.objects import ObjectSource
from s3batch_emulator.preparation import Prepared, prepare
from s3batch_emulator.progress import finish
from s3batch_emulator.switches import Delays, Pace, Switches
from s3batch_emulator.values import Structure, flag, number, structures, text

UNCONFIRMED_FOR = timedelta(days=30)
"""How long a job can stay Suspended. Source: UG, Suspended."""

REMEMBERED_FOR = timedelta(days=90)
"""How long a job is kept after its end. Source: UG, Listing jobs."""

_Step: TypeAlias = Callable[[Job, datetime], None]


@dataclass(slots=True)
class JobService:
    """All jobs, and the timers that change them.

    Callers hold `lock`, except the clock: its actions take the lock themselves. Manifests are
    read without the lock, because the object source can be behind the same server.
    """

    clock: Clock
    objects: Callable[[JobScope], ObjectSource]
    switches: Switches
    delays: Delays
    pace: Pace
    running_slots: int | None
    rng: random.Random
    announce: Callable[[], None]
    lock: threading.RLock = field(default_factory=threading.RLock)
    store: JobStore = field(default_factory=JobStore)
    outbox: list[Event] = field(default_factory=list)

    def new_id(self) -> str:
        """A UUID from the emulator's own generator."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def create(self, scope: JobScope, request: Structure, at: datetime) -> Job:
        """Create a job in the status New."""
        job = Job(
            scope=scope,
            job_id=self.new_id(),
            order=self.store.next_order(),
            request=request,
            created=at,
            priority=number(request, "Priority") or 0,
            pace=self.pace,
            tags={text(tag, "Key") or "": text(tag, "Value") or "" for tag in structures(request, "Tags")},
        )
        self.store.add(job)
        self._set_status(job, JobStatus.NEW, at, "JobCreated")
        return job

    def apply(self, job: Job, cause: Cause, at: datetime, reason: str | None = None) -> bool:
        """Change the status of a job for a cause; False if the life cycle has no such change."""
        after = NEXT.get((job.status, cause))
        if after is None:
            return False
        requested = cause in {Cause.CONFIRMED, Cause.CANCEL_REQUESTED}
        if requested or not self.switches.reason_survives:
            job.reason = reason
        self._set_status(job, after, at, "JobStatusChanged", reason)
        return True

    def reprioritize(self, job: Job, priority: int, at: datetime) -> None:
        """Change the priority of a job, with immediate effect."""
        job.priority = priority
        if self.running_slots is not None:
            self._assign_slots(job.scope, self.running_slots, at)

    def set_pace(self, job: Job, pace: Pace, at: datetime) -> None:
        """Change the pace of a job from now on."""
        if job.active_since is not None:
            self._stop_counting(job, at)
            job.pace = pace
            self._run(job, at)
        job.pace = pace

    def _set_status(self, job: Job, status: JobStatus, at: datetime, event: str, reason: str | None = None) -> None:
        left = job.status
        if job.active_since is not None:
            self._stop_counting(job, at)
        job.status = status
        job.epoch += 1
        job.waits = False
        job.history.append((at, status))
        if status is JobStatus.SUSPENDED:
            job.suspended = at
        elif left is JobStatus.SUSPENDED and not self.switches.suspension_remembered:
            job.suspended = None
        if status in TERMINAL:
            job.terminated = at
        if status in {JobStatus.READY, JobStatus.ACTIVE}:
            job.total_shown = True
        if status is not JobStatus.SUSPENDED or self.switches.suspended_event:
            self._emit(event, job, at, reason)
        self._schedule_next(job, at)
        if self.running_slots is not None and left in OCCUPYING and status not in OCCUPYING:
            self._assign_slots(job.scope, self.running_slots, at)

    def _emit(self, name: str, job: Job, at: datetime, reason: str | None) -> None:
        ids = EventIds(self.new_id(), self.new_id(), f"{self.rng.getrandbits(128):032x}")
        codes = tuple(failure.code for failure in job.failures)
        self.outbox.append(
            job_event(name, job.scope, job.job_id, job.status, at, ids, failure_codes=codes, reason=reason)
        )

    def _schedule_next(self, job: Job, at: datetime) -> None:
        """Set the timer that ends the job's new status, if it ends by itself."""
        match job.status:
            case JobStatus.NEW:
                self._later(job, at + self.delays.new, self._change_for(Cause.READING_STARTED))
            case JobStatus.PREPARING:
                due, epoch = at + self.delays.preparing, job.epoch
                self.clock.schedule(due, lambda then: self._read_manifest(job, epoch, then))
            case JobStatus.SUSPENDED:
                self._later(job, at + UNCONFIRMED_FOR, self._confirmation_timed_out)
            case JobStatus.READY:
                self._later(job, at + self.delays.ready, self._queue)
            case JobStatus.ACTIVE:
                self._run(job, at)
            case JobStatus.PAUSED:
                job.waits = True
            case passing if passing not in TERMINAL:
                self._later(job, at + self.delays.stopping(passing), self._change_for(Cause.DELAY_PASSED))
            case _:
                self._later(job, at + REMEMBERED_FOR, lambda ended, _then: self.store.forget(ended))

    def _later(self, job: Job, due: datetime, step: _Step) -> None:
        """Run a step at a time, unless the job's status has changed by then or the job was removed."""
        epoch = job.epoch

        def act(then: datetime) -> None:
            with self.lock:
                if self._is_current(job, epoch):
                    step(job, then)
            self.announce()

        self.clock.schedule(due, act)

    def _is_current(self, job: Job, epoch: int) -> bool:
        return job.epoch == epoch and self.store.find(job.scope, job.job_id) is job

    def _change_for(self, cause: Cause) -> _Step:
        def step(job: Job, at: datetime) -> None:
            self.apply(job, cause, at)

        return step

    def _confirmation_timed_out(self, job: Job, at: datetime) -> None:
        # Which code S3 gives is not documented.
        job.failures = (Failure("ConfirmationTimeout", "The job was not confirmed within 30 days."),)
        self.apply(job, Cause.CONFIRMATION_TIMED_OUT, at)

    def _read_manifest(self, job: Job, epoch: int, at: datetime) -> None:
        with self.lock:
            if not self._is_current(job, epoch):
                return
        outcome: Prepared | ManifestError
        try:
            outcome = prepare(job, self.objects(job.scope), at)
        except ManifestError as error:
            outcome = error
        with self.lock:
            if self._is_current(job, epoch):
                self._manifest_was_read(job, outcome, at)
        self.announce()

    def _manifest_was_read(self, job: Job, outcome: Prepared | ManifestError, at: datetime) -> None:
        if isinstance(outcome, ManifestError):
            job.failures = (Failure(outcome.code, str(outcome)[:256]),)
            self.apply(job, Cause.MANIFEST_UNREADABLE, at)
            return
        job.total_tasks, job.failing_tasks, job.generated = (
            outcome.total_tasks,
            outcome.failing_tasks,
            outcome.generated,
        )
        job.total_shown = job.manifest_kind in self.switches.total_known_at_suspended
        asked = flag(job.request, "ConfirmationRequired")
        confirm = (self.switches.omitted_confirmation_waits if asked is None else asked) and not job.confirmed_early
        self.apply(job, Cause.CONFIRMATION_NEEDED if confirm else Cause.PREPARED, at, job.reason)

    def _run(self, job: Job, at: datetime) -> None:
        job.active_since = at
        job.total_tasks = job.total_tasks or 0
        end = finish(job.base, job.work, job.pace)
        if end is None:
            return
        pace = job.pace

        def stop(ended: Job, then: datetime) -> None:
            if ended.active_since != at or ended.pace is not pace:
                return
            self._stop_counting(ended, then)
            ended.base = end.tally
            if end.cause is Cause.TOO_MANY_FAILED:
                # Which code S3 gives is not documented.
                ended.failures = (Failure("TooManyFailedTasks", "More than 50% of the tasks failed."),)
            self.apply(ended, end.cause, then)

        self._later(job, at + end.after, stop)

    def _stop_counting(self, job: Job, at: datetime) -> None:
        job.base = job.tally(at)
        if job.active_since is not None:
            job.active_before += at - job.active_since
        job.active_since = None

    def _queue(self, job: Job, at: datetime) -> None:
        job.waits = True
        if self.running_slots is None:
            self.apply(job, Cause.STARTED, at)
        else:
            self._assign_slots(job.scope, self.running_slots, at)

    def _assign_slots(self, scope: JobScope, slots: int, at: datetime) -> None:
        """Start waiting jobs by priority and then by age, and preempt jobs of lower priority."""
        jobs = list(self.store.newest_first(scope))
        waiting = sorted((job for job in jobs if job.waits), key=lambda job: (-job.priority, job.order))
        if not waiting:
            return
        running = [job for job in jobs if job.status in OCCUPYING]
        free = max(slots - len(running), 0)
        for job in waiting[:free]:
            self.apply(job, Cause.RESUMED if job.status is JobStatus.PAUSED else Cause.STARTED, at)
        stopping = sum(job.status is not JobStatus.ACTIVE for job in running)
        active = sorted((job for job in running if job.status is JobStatus.ACTIVE), key=lambda job: job.priority)
        for job, weakest in zip(waiting[free + stopping :], active, strict=False):
            if weakest.priority < job.priority:
                self.apply(weakest, Cause.PREEMPTED, at)
