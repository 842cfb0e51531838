"""How far a running job is, as a pure function of its pace and of time."""

import math
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from s3batch_emulator.lifecycle import Cause
from s3batch_emulator.switches import Pace

FAILURE_WATCH_TASKS = 1000
"""From this many tasks on S3 watches the share of failures. Source: UG, Tracking job failures."""


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
    """How an undisturbed job will stop running.

    Attributes:
        after: From when it became Active with this tally.
        cause: TASKS_DONE or TOO_MANY_FAILED.
        tally: What has ended by then.
    """

    after: timedelta
    cause: Cause
    tally: Tally


@dataclass(frozen=True, slots=True)
class Work:
    """What a job has to do.

    Attributes:
        total: All tasks.
        failing: Those that fail whatever the pace says; they are spread evenly over the job.
    """

    total: int
    failing: int = 0

    def failing_within(self, done: int) -> int:
        """How many of the first tasks are of those that fail."""
        return done * self.failing // self.total if self.total else 0


def tally_after(start: Tally, work: Work, pace: Pace, active: timedelta) -> Tally:
    """What has ended after a time of being Active at one pace."""
    done = min(work.total, start.done + int(active.total_seconds() * pace.tasks_per_second))
    return _tally_at(start, done, work, pace)


def finish(start: Tally, work: Work, pace: Pace) -> Finish | None:
    """When and why a job will stop running by itself; None when it never will.

    A job fails as soon as at least 1,000 tasks have ended and more than half of them failed.
    """
    breaking = _breaking_point(start, work, pace)
    cause, done = Cause.TASKS_DONE, work.total
    if breaking is not None and breaking <= work.total:
        cause, done = Cause.TOO_MANY_FAILED, breaking
    if done > start.done and pace.tasks_per_second <= 0:
        return None
    seconds = (done - start.done) / pace.tasks_per_second if done > start.done else 0.0
    return Finish(timedelta(seconds=seconds), cause, _tally_at(start, done, work, pace))


def _tally_at(start: Tally, done: int, work: Work, pace: Pace) -> Tally:
    sure = work.failing_within(done) - work.failing_within(start.done)
    return Tally(done, start.failed + sure + math.floor((done - start.done - sure) * pace.failing_share))


def _breaking_point(start: Tally, work: Work, pace: Pace) -> int | None:
    """The number of ended tasks at which more than half of them will have failed."""
    first = max(FAILURE_WATCH_TASKS, start.done)

    def broken(done: int) -> bool:
        return 2 * _tally_at(start, done, work, pace).failed > done

    if broken(first):
        return first
    sure = Fraction(work.failing, work.total or 1)
    share = float(sure) + pace.failing_share * float(1 - sure)
    if 2 * share <= 1:
        return None
    lead = start.done * share - start.failed
    point = max(first, math.floor((lead - 1) / (share - 0.5)))
    while not broken(point):
        point += 1
    return point
