"""The emulator, as tests and transports use it."""

import random
import threading
from collections.abc import Callable
from datetime import timedelta

from s3batch_emulator.address import JobScope
from s3batch_emulator.calls import Call
from s3batch_emulator.clock import Clock, SteppedClock
from s3batch_emulator.errors import EmulatorError
from s3batch_emulator.events import Event, EventSink, discard
from s3batch_emulator.exchange import HttpRequest, HttpResponse
from s3batch_emulator.faults import FaultPlan, RateLimit, RateLimiter
from s3batch_emulator.identity import Identity
from s3batch_emulator.jobs import Job, JobSnapshot
from s3batch_emulator.lifecycle import JobStatus
from s3batch_emulator.objects import ObjectSource
from s3batch_emulator.operations import JobOperations
from s3batch_emulator.request_handler import RequestHandler
from s3batch_emulator.service import JobService
from s3batch_emulator.switches import Delays, Pace, Switches


class Emulator:
    """The S3 Batch Operations job API. This object holds all of its state.

    Attributes:
        clock: The only clock that jobs follow.
        dates: The clock of the Date header: the same, unless a test assigns another.
        control_token: The token that requests to the control API must have; None refuses them all.
        faults: The injected faults.
    """

    def __init__(  # noqa: PLR0913 -- each is a choice of its own, and all but two have defaults
        self,
        clock: Clock,
        objects: ObjectSource | Callable[[JobScope], ObjectSource],
        event_sink: EventSink = discard,
        switches: Switches | None = None,
        *,
        partition: str = "aws",
        region: str = "us-east-1",
        delays: Delays | None = None,
        pace: Pace | None = None,
        running_slots: int | None = None,
        identity: Identity | None = None,
        rate_limit: RateLimit | None = None,
        seed: int | None = None,
        control_token: str | None = None,
    ) -> None:
        """Create an emulator without jobs.

        Args:
            clock: RealClock or SteppedClock.
            objects: Where manifests are read; or a function that returns it for a job's account and Region.
            event_sink: Called with every event, in order, after the change is complete; it may call back.
            switches: The behavior that the documentation leaves open.
            partition: The partition of Regions that botocore does not know.
            region: The Region of requests that name none: unsigned ones to a loopback host.
            delays: How long the statuses last that a job leaves by itself.
            pace: How fast the tasks of running jobs end; `set_pace` changes it for one job.
            running_slots: How many jobs of an account and Region can run at once; None for any number.
            identity: What callers must prove; nothing by default.
            rate_limit: Requests beyond it are throttled; None for no limit.
            seed: Makes ids and random faults repeatable.
            control_token: The token that requests to the control API must have; None refuses them all.
        """
        chosen = switches or Switches()
        self.clock = clock
        self.control_token = control_token
        self.dates: Clock = clock
        self._sink = event_sink
        self._delivering = threading.Lock()
        self._service = JobService(
            clock=clock,
            objects=objects if callable(objects) else lambda _: objects,
            switches=chosen,
            delays=delays or Delays(),
            pace=pace or Pace(),
            running_slots=running_slots,
            rng=random.Random(seed),  # noqa: S311 -- ids, not secrets
            announce=self.deliver,
        )
        self.faults = FaultPlan(random.Random(seed))  # noqa: S311 -- for repeatable tests, not secrets
        self._handler = RequestHandler(
            perform=JobOperations(self._service).table(),
            rng=self._service.rng,
            vocabulary=chosen.vocabulary,
            bare_errors=chosen.bare_errors,
            error_namespace=chosen.error_namespace,
            region=region,
            partition=partition,
            faults=self.faults,
            identity=identity or Identity(),
            limiter=RateLimiter(rate_limit) if rate_limit else None,
        )

    # --- for tests -------------------------------------------------------------------------

    def settle(self) -> None:
        """Run all timers that are due by now, and deliver their events."""
        self.clock.run_due()
        self.deliver()

    def settle_until(self, job_id: str, status: JobStatus | str, *, within: timedelta = timedelta(days=1)) -> None:
        """Advance a stepped clock from timer to timer until a job has a status.

        Raises:
            EmulatorError: The clock is not a SteppedClock, or the job does not reach the status `within` that time.
        """
        wanted = JobStatus(status)
        if not isinstance(self.clock, SteppedClock):
            raise EmulatorError("settle_until needs a SteppedClock")
        with self.clock.held():
            self.settle()
            limit = self.clock.now() + within
            while self.job(job_id).status is not wanted:
                due = self.clock.next_due()
                if due is None or due > limit:
                    raise EmulatorError(
                        f"job {job_id} is {self.job(job_id).status.value} and not {wanted.value} within {within}"
                    )
                self.clock.advance(max(due - self.clock.now(), timedelta(0)))

    def job(self, job_id: str) -> JobSnapshot:
        """The present state of a job, in any account and Region.

        Raises:
            EmulatorError: There is no such job.
        """
        with self._service.lock:
            return self._known(job_id).snapshot(self.clock.now())

    def jobs(self) -> list[JobSnapshot]:
        """Every job, in order of creation within its account and Region."""
        with self._service.lock:
            return [job.snapshot(self.clock.now()) for job in self._service.store.everything()]

    def set_pace(self, job_id: str, pace: Pace) -> None:
        """Change the pace of one job from now on."""
        with self._service.lock:
            self._service.set_pace(self._known(job_id), pace, self.clock.now())

    def add_member(self, job_id: str, path: tuple[str, ...], text: str) -> None:
        """Add a member to DescribeJob that the service model does not have, as a newer S3 may.

        Args:
            job_id: Which job.
            path: Member names from the job on; the last one is not the model's: ("Operation", "LambdaInvoke", "New").
            text: The member's text.
        """
        with self._service.lock:
            self._known(job_id).unmodelled[path] = text

    @property
    def calls(self) -> list[Call]:
        """The latest 10,000 requests that reached an operation, oldest first."""
        return list(self._handler.calls)

    def reset(self) -> None:
        """Forget every job, call and fault; the clock stays."""
        with self._service.lock:
            self._service.store.clear()
            self._service.outbox.clear()
            self._handler.calls.clear()
            self.faults.clear()

    def _known(self, job_id: str) -> Job:
        for job in self._service.store.everything():
            if job.job_id == job_id:
                return job
        raise EmulatorError(f"there is no job {job_id}")

    # --- for transports ----------------------------------------------------------------------

    def exchange(self, request: HttpRequest) -> HttpResponse:
        """Respond to a client in this process: due timers run before the request, events are delivered after it."""
        self.settle()
        response = self.respond(request)
        self.deliver()
        return response

    def respond(self, request: HttpRequest) -> HttpResponse:
        """Respond to one request, as S3 would. Never raises.

        Events that it causes wait for `deliver`.
        """
        with self._service.lock:
            return self._handler.handle(request, self.clock.now(), self.dates.now())

    def deliver(self) -> None:
        """Pass the events of finished changes to the sink, in order, one at a time."""
        while self._service.outbox and self._delivering.acquire(blocking=False):
            try:
                while event := self._next_event():
                    self._sink(event)
            finally:
                self._delivering.release()

    @property
    def has_events(self) -> bool:
        """Whether events wait for `deliver`."""
        return bool(self._service.outbox)

    def _next_event(self) -> Event | None:
        with self._service.lock:
            return self._service.outbox.pop(0) if self._service.outbox else None
