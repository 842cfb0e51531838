"""Progress is a function of pace and time; its shortcuts are checked against counting one by one."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from s3batch_emulator import Cause, Pace, Tally
from s3batch_emulator.progress import FAILURE_WATCH_TASKS, Work, finish, tally_after


@st.composite
def starts(draw: st.DrawFn) -> Tally:
    """What has ended before, with any number of failures."""
    done = draw(st.integers(0, 1500))
    return Tally(done, draw(st.integers(0, done)))


SHARES = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 0.501, 0.51, 2 / 3, 1.0]))


@given(starts(), st.integers(0, 4000), SHARES)
def test_a_job_fails_at_the_first_task_that_breaks_the_rule(start: Tally, more: int, share: float) -> None:
    """As if every task were looked at: at least 1,000 ended, more than half of them failed."""
    total, pace = start.done + more, Pace(1.0, share)
    expected = Cause.TASKS_DONE, total
    for done in range(max(FAILURE_WATCH_TASKS, start.done), total + 1):
        if 2 * (start.failed + int((done - start.done) * share)) > done:
            expected = Cause.TOO_MANY_FAILED, done
            break
    end = finish(start, Work(total), pace)
    assert end is not None
    assert (end.cause, end.tally.done) == expected


@given(starts(), st.integers(0, 4000), st.builds(Pace, st.floats(0.01, 1e6), SHARES), st.lists(st.floats(0, 1e5)))
def test_progress_only_grows_and_never_passes_the_total(
    start: Tally, more: int, pace: Pace, moments: list[float]
) -> None:
    """Neither ended nor failed tasks are ever taken back."""
    total = start.done + more
    seen = [tally_after(start, Work(total), pace, timedelta(seconds=moment)) for moment in sorted(moments)]
    for before, after in zip([start, *seen], seen, strict=False):
        assert before.done <= after.done <= total
        assert before.failed <= after.failed <= after.done
        assert after.succeeded == after.done - after.failed


def test_a_job_without_pace_never_ends_unless_nothing_is_left() -> None:
    """Nothing to do is done at once."""
    assert finish(Tally(), Work(1), Pace(0.0)) is None
    end = finish(Tally(5, 0), Work(5), Pace(0.0))
    assert end is not None
    assert (end.after, end.cause) == (timedelta(0), Cause.TASKS_DONE)


@given(st.integers(1, 5000), st.data(), SHARES, st.lists(st.floats(0, 6000), max_size=5))
def test_tasks_that_can_only_fail_do_so_over_any_number_of_pauses(
    total: int, data: st.DataObject, share: float, moments: list[float]
) -> None:
    """At the end exactly those have failed where nothing else does, and never fewer."""
    work = Work(total, data.draw(st.integers(0, total)))
    tally = Tally()
    for before, moment in zip([0.0, *sorted(moments)], sorted(moments), strict=False):
        after = tally_after(tally, work, Pace(1.0, share), timedelta(seconds=moment - before))
        assert tally.done <= after.done <= total
        assert tally.failed <= after.failed <= after.done
        tally = after
    ended = tally_after(tally, work, Pace(1.0, share), timedelta(seconds=total))
    assert ended.done == total
    assert ended.failed >= work.failing
    if share == 0:
        assert ended.failed == work.failing
