"""Progress is a function of pace and time; its shortcuts are checked against counting one by one."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from s3batch_emulator import Cause, Pace, Tally
from s3batch_emulator.progress import FAILURE_WATCH_TASKS, finish, tally_after


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
    end = finish(start, total, pace)
    assert end is not None
    assert (end.cause, end.tally.done) == expected


@given(starts(), st.integers(0, 4000), st.builds(Pace, st.floats(0.01, 1e6), SHARES), st.lists(st.floats(0, 1e5)))
def test_progress_only_grows_and_never_passes_the_total(
    start: Tally, more: int, pace: Pace, moments: list[float]
) -> None:
    """Neither ended nor failed tasks are ever taken back."""
    total = start.done + more
    seen = [tally_after(start, total, pace, timedelta(seconds=moment)) for moment in sorted(moments)]
    for before, after in zip([start, *seen], seen, strict=False):
        assert before.done <= after.done <= total
        assert before.failed <= after.failed <= after.done
        assert after.succeeded == after.done - after.failed


def test_a_job_without_pace_never_ends_unless_nothing_is_left() -> None:
    """Nothing to do is done at once."""
    assert finish(Tally(), 1, Pace(0.0)) is None
    end = finish(Tally(5, 0), 5, Pace(0.0))
    assert end is not None
    assert (end.after, end.cause) == (timedelta(0), Cause.TASKS_DONE)
