"""How far a running job is, as a pure function of its pace and of time."""

import math
from dataclasses import dataclass
from datetime import timedelta

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


def tally_after(start: Tally, total: int, pace: Pace, active: timedelta) -> Tally:
    """What has ended after a time of being Active at one pace."""
    return _tally_at(start, min(total, start.done + int(active.total_seconds() * pace.tasks_per_second)), pace)


def finish(start: Tally, total: int, pace: Pace) -> Finish | None:
    """When and why a job will stop running by itself; None when it never will.

    A job fails as soon as at least 1,000 tasks have ended and more than half of them failed.
    """
    breaking = _breaking_point(start, pace)
    cause, done = Cause.TASKS_DONE, total
    if breaking is not None and breaking <= total:
        cause, done = Cause.TOO_MANY_FAILED, breaking
    if done > start.done and pace.tasks_per_second <= 0:
        return None
    seconds = (done - start.done) / pace.tasks_per_second if done > start.done else 0.0
    return Finish(timedelta(seconds=seconds), cause, _tally_at(start, done, pace))


def _tally_at(start: Tally, done: int, pace: Pace) -> Tally:
    return Tally(done, start.failed + math.floor((done - start.done) * pace.failing_share))


def _breaking_point(start: Tally, pace: Pace) -> int | None:
    """The number of ended tasks at which more than half of them will have failed."""
    first = max(FAILURE_WATCH_TASKS, start.done)

    def broken(done: int) -> bool:
        return 2 * _tally_at(start, done, pace).failed > done

    if broken(first):
        return first
    if 2 * pace.failing_share <= 1:
        return None
    lead = start.done * pace.failing_share - start.failed
    point = max(first, math.floor(lead / (pace.failing_share - 0.5)))
    while not broken(point):
        point += 1
    return point
