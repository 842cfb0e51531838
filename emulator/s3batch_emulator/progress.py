"""The progress of a running job, as a pure function of its pace and of time."""

import math
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from s3batch_emulator.lifecycle import Cause
from s3batch_emulator.switches import Pace

FAILURE_WATCH_TASKS = 1000
"""S3 checks the share of failures from this number of ended tasks on. Source: UG, Tracking job failures."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Tasks that have ended.

    Attributes:
        done: All of them.
        failed: Those that failed.
    """

    done: int = 0
    failed: int = 0

    @property
    def succeeded(self) -> int:
        """Those that succeeded."""
        return self.done - self.failed


@dataclass(frozen=True, slots=True)
class Finish:
    """How a job stops running if nothing intervenes.

    Attributes:
        after: Time from when it became Active with the given tally.
        cause: TASKS_DONE or TOO_MANY_FAILED.
        tally: Tasks that have ended by then.
    """

    after: timedelta
    cause: Cause
    tally: Tally


@dataclass(frozen=True, slots=True)
class Work:
    """The tasks of a job.

    Attributes:
        total: All tasks.
        failing: Tasks that always fail; they are spread evenly over the job.
    """

    total: int
    failing: int = 0

    def failing_within(self, done: int) -> int:
        """How many of the first `done` tasks always fail."""
        return done * self.failing // self.total if self.total else 0


def tally_after(start: Tally, work: Work, pace: Pace, active: timedelta) -> Tally:
    """Tasks that have ended after a time of being Active at one pace."""
    done = min(work.total, start.done + int(active.total_seconds() * pace.tasks_per_second))
    return _tally_at(start, done, work, pace)


def finish(start: Tally, work: Work, pace: Pace) -> Finish | None:
    """When and why a job stops running by itself; None if it never does.

    A job fails as soon as at least 1,000 tasks have ended and more than half of them failed.
    """
    failure = _failure_point(start, work, pace)
    cause, done = Cause.TASKS_DONE, work.total
    if failure is not None and failure <= work.total:
        cause, done = Cause.TOO_MANY_FAILED, failure
    if done > start.done and pace.tasks_per_second <= 0:
        return None
    seconds = (done - start.done) / pace.tasks_per_second if done > start.done else 0.0
    return Finish(timedelta(seconds=seconds), cause, _tally_at(start, done, work, pace))


def _tally_at(start: Tally, done: int, work: Work, pace: Pace) -> Tally:
    sure = work.failing_within(done) - work.failing_within(start.done)
    return Tally(done, start.failed + sure + math.floor((done - start.done - sure) * pace.failing_share))


def _failure_point(start: Tally, work: Work, pace: Pace) -> int | None:
    """The number of ended tasks at which more than half of them have failed; None if that does not happen."""
    first = max(FAILURE_WATCH_TASKS, start.done)

    def failed(done: int) -> bool:
        return 2 * _tally_at(start, done, work, pace).failed > done

    if failed(first):
        return first
    sure = Fraction(work.failing, work.total or 1)
    share = float(sure) + pace.failing_share * float(1 - sure)
    if 2 * share <= 1:
        return None
    lead = start.done * share - start.failed
    point = max(first, math.floor((lead - 1) / (share - 0.5)))
    while not failed(point):
        point += 1
    return point
