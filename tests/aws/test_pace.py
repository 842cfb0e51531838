"""Calls are spread evenly, and nothing is saved up for later."""

from threading import Thread

from hypothesis import given
from hypothesis import strategies as st

from batchgate.aws.pace import Evenly, Unhurried


class Seconds:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        """Begin somewhere."""
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """The seconds so far."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let them pass."""
        self.slept.append(seconds)
        self.now += seconds


def test_the_first_call_is_made_at_once_and_the_others_one_by_one() -> None:
    """Twenty a second are fifty milliseconds apart."""
    seconds = Seconds()
    pace = Evenly(20, seconds.monotonic, seconds.sleep)
    made = []
    for _ in range(4):
        pace.take()
        made.append(round(seconds.now - 1000, 9))
    assert made == [0, 0.05, 0.1, 0.15]


def test_what_was_not_used_is_not_saved_up() -> None:
    """After a quiet minute there is no burst."""
    seconds = Seconds()
    pace = Evenly(10, seconds.monotonic, seconds.sleep)
    pace.take()
    seconds.now += 60
    for _ in range(3):
        pace.take()
    assert [round(each, 9) for each in seconds.slept] == [0.1, 0.1]


def test_who_would_wait_too_long_takes_no_turn() -> None:
    """A turn that is not taken is the next one's."""
    seconds = Seconds()
    pace = Evenly(1, seconds.monotonic, seconds.sleep)
    pace.take()
    assert not pace.take_within(0.9)
    assert seconds.slept == []
    assert pace.take_within(1.0)
    assert seconds.slept == [1.0]


def test_a_call_that_can_not_wait_is_made_up_for_by_those_after_it() -> None:
    """An update goes out at once; the next call waits for both."""
    seconds = Seconds()
    pace = Evenly(10, seconds.monotonic, seconds.sleep)
    pace.take()
    pace.owe()
    pace.owe()
    assert seconds.slept == []
    pace.take()
    assert round(seconds.now - 1000, 9) == 0.3


@given(
    per_second=st.integers(1, 100),
    steps=st.lists(st.sampled_from(["take", "owe", "idle"]), min_size=1, max_size=60),
)
def test_no_stretch_of_time_has_more_calls_than_the_rate_allows(per_second: int, steps: list[str]) -> None:
    """Calls that waited, in any second: never more than the rate and the one that begins it."""
    seconds = Seconds()
    pace = Evenly(per_second, seconds.monotonic, seconds.sleep)
    taken: list[float] = []
    for step in steps:
        if step == "take":
            pace.take()
            taken.append(seconds.now)
        elif step == "owe":
            pace.owe()
        else:
            seconds.now += 0.37
    for position, begin in enumerate(taken):
        within = [each for each in taken[position:] if each < begin + 1 - 1e-6]
        assert len(within) <= per_second


def test_many_threads_share_one_pace() -> None:
    """Each gets a moment of its own, whoever comes first."""
    waits: list[float] = []
    pace = Evenly(10, lambda: 0.0, waits.append)
    threads = [Thread(target=pace.take) for _ in range(30)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(round(each, 9) for each in waits) == [round(0.1 * number, 9) for number in range(1, 30)]


def test_without_a_rate_nobody_waits() -> None:
    """S3's own limit is the only one."""
    pace = Unhurried()
    pace.take()
    pace.owe()
