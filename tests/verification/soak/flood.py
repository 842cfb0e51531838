"""Thousands of jobs at once, no event of any of them, and a sweep that keeps to its rate; in the clock's own time."""

from __future__ import annotations

import resource
import sys
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from math import ceil

from msgspec.structs import replace

from batchgate.aws.pace import Evenly
from batchgate.gate.ports import CircuitBreaker
from batchgate.gate.state import Phase, State
from batchgate.jobs.model import JobRef
from s3batch_emulator import Pace
from tests.flow.stage import ACCOUNT, RecordedJobs, Stage

CALLS_PER_SECOND = 20
EVERY = timedelta(minutes=1)
SWEEP_LASTS = timedelta(minutes=5)
SWEEPS_AT_MOST = 200

POLICY = """
version: 1
cancel_grace: 0s
policies:
  - name: small
    match: [{operation: S3PutObjectTagging}]
    require:
      - total_tasks: {at_most: 3}
      - total_tasks: {at_most: 5}
        on_violation: cancel
"""
WANTED = {1: "approve", 2: "approve", 3: "approve", 4: "hold", 5: "hold", 6: "cancel"}


@dataclass(slots=True)
class Flooded:
    """What a flood came to.

    Attributes:
        wrong: What should not be; empty if all is well.
        sweeps: Until every job was decided or held.
        seconds: How long that took by the clock.
        calls_per_second: S3 Control's calls a second, in the busiest ten seconds.
        waited: Seconds from Suspended to the first decision or hold: half, 99 of a hundred, and the longest.
        lag: The longest that a hold was overdue, seconds.
        megabytes: What the process grew by while sweeping, the emulator and the ledger with it.
    """

    jobs: int
    wrong: list[str] = field(default_factory=list)
    sweeps: int = 0
    seconds: float = 0.0
    calls_per_second: float = 0.0
    waited: tuple[float, float, float] = (0.0, 0.0, 0.0)
    lag: float = 0.0
    megabytes: float = 0.0
    ends: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        half, most, longest = self.waited
        said = ", ".join(f"{name} {count:,}" for name, count in sorted(self.ends.items()))
        return (
            f"{self.jobs:,} jobs: {said}; decided or held after {self.seconds:,.0f} s and {self.sweeps} sweeps, "
            f"at most {self.calls_per_second:.1f} calls/s; half waited {half:,.0f} s, 99 % {most:,.0f} s, all "
            f"{longest:,.0f} s; longest lag of a hold {self.lag:,.0f} s; grew by {self.megabytes:.0f} MB"
            + "".join(f"\n  wrong: {each}" for each in self.wrong)
        )


def flood(jobs: int) -> Flooded:
    """Let so many jobs wait at once, and sweep until each is decided or held, and every hold was looked at again."""
    stage = Stage(POLICY)
    stage.emulator._service.pace = Pace(tasks_per_second=1e-6)
    stage.breaker = CircuitBreaker(jobs, timedelta(minutes=10))
    stage.time_left = SWEEP_LASTS
    asked: list[datetime] = []

    def sleep(seconds: float) -> None:
        stage.clock.advance(timedelta(seconds=seconds))

    class Counted(Evenly):
        """Notes when calls are made."""

        def take(self) -> None:
            """As the pace."""
            super().take()
            asked.append(stage.clock.now())

        def owe(self) -> None:
            """As the pace."""
            super().owe()
            asked.append(stage.clock.now())

    pace = Counted(CALLS_PER_SECOND, lambda: stage.clock.now().timestamp(), sleep)
    stage.jobs = RecordedJobs(stage.script, replace(stage.s3control, pace=pace))
    rows = _create(stage, jobs)
    begun, came_to, grown = stage.clock.now(), Flooded(jobs), _megabytes()
    first: dict[JobRef, datetime] = {}
    again: set[JobRef] = set()
    seen = 0
    while len(first) < jobs or any(state.phase is Phase.HELD and state.rev == 1 for state in _states(stage)):
        if came_to.sweeps >= SWEEPS_AT_MOST:
            came_to.wrong.append(f"not at rest after {SWEEPS_AT_MOST} sweeps")
            break
        minute = stage.clock.now() + EVERY
        report = stage.sweep(calls_per_second=CALLS_PER_SECOND)
        came_to.sweeps += 1
        came_to.lag = max(came_to.lag, report.lag.total_seconds())
        if report.failed:
            came_to.wrong.append(f"sweep {came_to.sweeps}: {report.errors[:3]}")
        for review in stage.told.reviews[seen:]:
            if review.ref not in first:
                first[review.ref] = review.at
            else:
                again.add(review.ref)
        seen = len(stage.told.reviews)
        if len(first) == jobs and not came_to.seconds:
            came_to.seconds = (stage.clock.now() - begun).total_seconds()
        stage.clock.advance(max(timedelta(0), minute - stage.clock.now()))
    came_to.megabytes = _megabytes() - grown
    came_to.calls_per_second = _busiest(asked)
    waited = sorted((at - begun).total_seconds() for at in first.values())
    came_to.waited = (waited[len(waited) // 2], waited[ceil(len(waited) * 0.99) - 1], waited[-1])
    _check(stage, rows, came_to, again)
    return came_to


def _create(stage: Stage, jobs: int) -> dict[str, int]:
    """So many jobs, all of them Suspended in the end."""
    etags = {count: stage.objects.put("manifests", f"{count}.csv", b"data,key\n" * count) for count in range(1, 7)}
    create = partial(
        stage.person.create_job,
        AccountId=ACCOUNT,
        Operation={"S3PutObjectTagging": {"TagSet": []}},
        Report={"Enabled": False},
        Priority=1,
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/batch",
    )
    rows: dict[str, int] = {}
    for number in range(jobs):
        count = number % 6 + 1
        location = {"ObjectArn": f"arn:aws:s3:::manifests/{count}.csv", "ETag": etags[count]}
        spec = {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]}
        rows[str(create(Manifest={"Spec": spec, "Location": location})["JobId"])] = count
    stage.advance(minutes=1)
    return rows


def _states(stage: Stage) -> list[State]:
    return list(stage.ledger.ledger.states.values())


def _busiest(asked: list[datetime]) -> float:
    """Calls a second in the busiest ten seconds."""
    within: deque[datetime] = deque()
    most = 0
    for at in asked:
        within.append(at)
        while within[0] <= at - timedelta(seconds=10):
            within.popleft()
        most = max(most, len(within))
    return most / 10


def _megabytes() -> float:
    """The most memory that this process ever had."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _check(stage: Stage, rows: dict[str, int], came_to: Flooded, again: set[JobRef]) -> None:
    """Each job once, and rightly; at the rate."""
    states = {ref.job_id: state for ref, state in stage.ledger.ledger.states.items()}
    for job in stage.emulator.jobs():
        wanted = WANTED[rows[job.job_id]]
        moves = [status.value for _, status in job.history if status.value in ("Ready", "Cancelled")]
        state = states.get(job.job_id)
        expected = {"approve": ["Ready"], "cancel": ["Cancelled"], "hold": []}[wanted]
        settled = state is not None and state.phase is Phase.SETTLED and state.announced_at is not None
        if moves != expected or settled is (wanted == "hold") or state is None or state.attempt > 1:
            came_to.wrong.append(f"{job.job_id}: {wanted}, S3 moved it {moves}, the ledger says {state}")
        came_to.ends[f"{state.phase} {state.requested_action or ''}".rstrip() if state else "unknown"] += 1
    if again:
        came_to.wrong.append(f"{len(again)} jobs were told of twice")
    if came_to.calls_per_second > CALLS_PER_SECOND * 1.1:
        came_to.wrong.append(f"{came_to.calls_per_second} calls a second")
