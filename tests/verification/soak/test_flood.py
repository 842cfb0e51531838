"""More jobs at once than one sweep has time for."""

from tests.verification.soak.flood import flood


def test_five_hundred_jobs_at_once_are_each_decided_or_held_once_within_the_rate() -> None:
    """Twenty calls a second; `make soak PART=flood HISTORIES=10000` does the same with more."""
    came_to = flood(500)
    assert came_to.wrong == []
    assert came_to.ends == {"settled approve": 251, "settled cancel": 83, "held": 166}
    assert came_to.waited[2] <= 500 * 2 / 20 + 60
    assert came_to.lag <= 120
