"""The evaluator of alarms against the tables of CloudWatch's documentation."""

from typing import get_args

import pytest

from tests.infra.cloudwatch import Alarm, Missing, Sample, State, evaluate

OK, ALARM, UNKNOWN = State.OK, State.ALARM, State.INSUFFICIENT_DATA

TABLES = [
    # of, out of, points, then: missing, ignore (None: retains the state), breaching, notBreaching
    (3, 3, "0 - X - X", OK, OK, OK, OK),
    (3, 3, "0 - - - -", OK, OK, OK, OK),
    (3, 3, "- - - - 0", OK, OK, OK, OK),
    (3, 3, "- - - - -", UNKNOWN, None, ALARM, OK),
    (3, 3, "0 X X - X", ALARM, ALARM, ALARM, ALARM),
    (3, 3, "- - - - X", UNKNOWN, None, ALARM, OK),
    (3, 3, "X - - - -", ALARM, None, ALARM, OK),
    (3, 3, "- - X - -", ALARM, None, ALARM, OK),
    (2, 3, "0 - X - X", ALARM, ALARM, ALARM, ALARM),
    (2, 3, "0 0 X 0 X", ALARM, ALARM, ALARM, ALARM),
    (2, 3, "0 - X - -", OK, OK, ALARM, OK),
    (2, 3, "- - - - 0", OK, OK, ALARM, OK),
    (2, 3, "- - - - X", UNKNOWN, None, ALARM, OK),
    (2, 3, "- - - X -", ALARM, None, ALARM, OK),
]
"""Both editions of the page (the repository of 2018 and the present one), each with five points retrieved.

*Source*: CloudWatch User Guide, "How alarm state is evaluated when data is missing".
"""


@pytest.mark.parametrize("current", [OK, ALARM])
@pytest.mark.parametrize(
    ("of", "out_of", "points", "missing", "ignore", "breaching", "not_breaching"),
    TABLES,
    ids=[f"{of} of {out_of} {points}" for of, out_of, points, *_ in TABLES],
)
def test_the_tables_of_the_documentation(
    of: int,
    out_of: int,
    points: str,
    missing: State,
    ignore: State | None,
    breaching: State,
    not_breaching: State,
    current: State,
) -> None:
    """Every row, with every treatment, from either state."""
    marks = [{"X": True, "0": False, "-": None}[mark] for mark in points.split()]
    expected: dict[Missing, State] = {
        "missing": missing,
        "ignore": current if ignore is None else ignore,
        "breaching": breaching,
        "notBreaching": not_breaching,
    }
    assert {*expected} == {*get_args(Missing)}
    for treatment, state in expected.items():
        assert evaluate(marks, of=of, out_of=out_of, missing=treatment, current=current) == state, treatment


def alarm(**changed: object) -> Alarm:
    """Any: two of three periods of five minutes whose sum is three or more."""
    properties = {
        "Namespace": "n",
        "MetricName": "m",
        "Statistic": "Sum",
        "Period": 300,
        "Threshold": 3,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "DatapointsToAlarm": 2,
        "EvaluationPeriods": 3,
        "TreatMissingData": "notBreaching",
    }
    return Alarm.of_template(properties | changed)


def every_minute(minutes: range, late: float = 0) -> list[Sample]:
    """One, each minute."""
    return [Sample(at=60 * minute + 30, value=1, arrives=60 * minute + 30 + late) for minute in minutes]


def test_windows_slide_by_the_minute() -> None:
    """Ten samples are two windows of five; the alarm begins once the second holds three."""
    states = alarm().states(every_minute(range(10, 30)), minutes=25, extra=2)
    assert states.index(ALARM) + 1 == 18
    assert set(states[:17]) == {OK}


def test_what_comes_late_counts_once_it_is_there() -> None:
    """The same, three minutes later."""
    first = alarm(Threshold=1, DatapointsToAlarm=1, EvaluationPeriods=1)
    on_time = first.states(every_minute(range(10, 30)), minutes=30, extra=2)
    late = first.states(every_minute(range(10, 30), late=180), minutes=30, extra=2)
    assert late.index(ALARM) - on_time.index(ALARM) == 3


def test_one_point_that_exists_outweighs_missing_ones_as_long_as_the_range_goes() -> None:
    """Why the absence of something is watched by many short periods, and not by one long one."""
    absent = alarm(
        Statistic="Sum",
        Threshold=1,
        ComparisonOperator="LessThanThreshold",
        DatapointsToAlarm=1,
        EvaluationPeriods=1,
        TreatMissingData="breaching",
    )
    states = absent.states(every_minute(range(60)), minutes=120, extra=2)
    assert states.index(ALARM) + 1 == 60 + 3 * 5


@pytest.mark.parametrize(("statistic", "breaches"), [("Maximum", True), ("Minimum", False), ("Sum", True)])
def test_statistics(statistic: str, breaches: bool) -> None:
    """Of two values in one window."""
    samples = [Sample(0, 0, 0), Sample(1, 4, 1)]
    made = alarm(Statistic=statistic, DatapointsToAlarm=1, EvaluationPeriods=1)
    assert (made.states(samples, minutes=1, extra=1) == [ALARM]) is breaches


def test_metric_math_is_refused() -> None:
    """Which would be evaluated in ways that this does not know."""
    with pytest.raises(KeyError):
        Alarm.of_template({"Metrics": [], "EvaluationPeriods": 1})
