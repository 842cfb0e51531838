"""What a test asks for, in words, and the clock's tests one by one: what traces, reasons and `explain` show."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from batchgate.policy import checks
from batchgate.policy.calendars import Calendar
from batchgate.policy.costs import units
from tests.unit.examples import facts
from tests.unit.policy.test_calendars import calendar, row

A, B = (checks.Matches(frozenset({text})) for text in "ab")
BOTH = checks.Every(frozenset({A, B}))
MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
OPEN, CLOSED = calendar("UTC", row("thu")), calendar("UTC", row("fri"))
"""On the day of MIDNIGHT, a Thursday."""


def within(**duration: float) -> checks.Test:
    """At most so long after the job's creation."""
    return checks.Dated(None, None, timedelta(**duration))


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (checks.Not(A), "not a"),
        (checks.Not(checks.Matches(frozenset({"a", "b"}))), "neither a nor b"),
        (checks.Not(checks.Matches(frozenset({"a", "b", "c"}))), "neither a nor b nor c"),
        (checks.Not(BOTH), "not (a and b)"),
        (checks.Not(checks.InWindow(frozenset({"y", "x"}), ())), "x and y closed"),
        (checks.Elements("any", A), "at least one a"),
        (checks.Elements("none", A), "none of a"),
        (checks.Elements("any", checks.Below("Key", A)), "at least one with Key a"),
        (checks.Elements("none", checks.Below("Key", A)), "none with Key a"),
        (checks.Elements("only", BOTH), "only with (a and b)"),
        (within(days=1), "within 1d of the job's creation"),
        (within(days=365), "within 365d of the job's creation"),
        (within(hours=36), "within 129600s of the job's creation"),
        (within(seconds=1), "within 1s of the job's creation"),
        (within(seconds=0), "within 0d of the job's creation"),
        (checks.Costs(None, units(Decimal(5))), "at most $5"),
        (checks.Costs(units(Decimal("0.5")), None), "at least $0.50"),
        (checks.Costs(units(Decimal(5)), units(Decimal("7.25"))), "$5 to $7.25"),
        (
            checks.Dated(MIDNIGHT + timedelta(days=1), MIDNIGHT, timedelta(days=2)),
            "after 2026-01-01T00:00:00Z and before 2026-01-02T00:00:00Z and within 2d of the job's creation",
        ),
    ],
)
def test_a_test_says_what_it_asks_for(test: checks.Test, words: str) -> None:
    """Singular and plural, brackets around what belongs together, durations in the largest whole unit."""
    assert test.wanted == words


@pytest.mark.parametrize("several", [[A], [B]])
def test_one_test_of_several_is_that_test(several: list[checks.Test]) -> None:
    """It gets no brackets in what is shown."""
    assert checks.every(several) is several[0]
    assert checks.every([A, B]) == BOTH


@pytest.mark.parametrize(
    ("calendars", "is_open"), [((), False), ((OPEN,), True), ((CLOSED,), False), ((CLOSED, OPEN), True)]
)
def test_a_window_is_open_when_any_of_its_calendars_is(calendars: tuple[Calendar, ...], is_open: bool) -> None:
    """An instant is in it or not; what is no instant never is."""
    holds = checks.InWindow(frozenset(), calendars).predicate()
    assert holds(checks.Clock("window").read(facts(now=MIDNIGHT)), facts()) is is_open
    assert holds("2026-01-01T00:00:00Z", facts()) is False


def test_an_exception_ends_with_its_last_day() -> None:
    """The first instant of the next day is after it."""
    holds = checks.Through(date(2025, 12, 31), "UTC").predicate()
    assert holds(MIDNIGHT - timedelta(microseconds=1), facts()) is True
    assert holds(MIDNIGHT, facts()) is False
    assert holds(None, facts()) is False


@pytest.mark.parametrize("measure", [checks.Parameter, checks.GeneratorMember])
def test_a_parameter_is_compared_with_the_creation_only_where_asked(
    measure: type[checks.Parameter | checks.GeneratorMember],
) -> None:
    """Of a job whose creation is not known every other question about it has its answer."""
    of = facts(CreationTime=None, Operation={"S3PutObjectTagging": {"a": "b"}})
    assert measure("S3PutObjectTagging.a") == measure("S3PutObjectTagging.a", since_creation=False)
    assert measure("S3PutObjectTagging.a", since_creation=True) != measure("S3PutObjectTagging.a")
    assert checks.Parameter("S3PutObjectTagging.a").read(of) == "b"
