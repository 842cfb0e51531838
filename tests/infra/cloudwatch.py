"""CloudWatch's evaluation of alarms, on metrics that come late, incomplete, or not at all.

Neither moto nor the local AWS evaluates M of N or missing data. What AWS does not document is a parameter: how many
points more than N are looked at. Everything is by the minute, as standard metrics are kept and their alarms evaluated.

*Source*: CloudWatch User Guide, "Alarm evaluation", "Configuring how CloudWatch alarms treat missing data" and "Alarm
evaluation windows" (a window slides with each evaluation unless it is set to the wall clock).
"""

import json
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal, Self, cast

Missing = Literal["breaching", "notBreaching", "ignore", "missing"]

MINUTE: Final = 60

_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_STATISTIC: Final[dict[str, Callable[[Sequence[float]], float]]] = {"Sum": sum, "Maximum": max, "Minimum": min}


class State(StrEnum):
    """Of an alarm."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one metric; instants in seconds.

    Attributes:
        at: When it was measured.
        arrives: When CloudWatch has it.
    """

    at: float
    value: float
    arrives: float


def evaluate(breaching: Sequence[bool | None], *, of: int, out_of: int, missing: Missing, current: State) -> State:
    """The state after one evaluation.

    Args:
        breaching: The points of the evaluation range, the oldest first; None where there is no data.
        of: M.
        out_of: N.
        missing: How missing points are treated, which matters if fewer than N exist.
        current: The state so far.
    """
    exist = [each for each in breaching if each is not None]
    bad = sum(exist[-out_of:])
    if bad >= of:
        return State.ALARM
    if len(exist) >= out_of or missing == "notBreaching":
        return State.OK
    if missing == "breaching":
        return State.ALARM if bad + out_of - len(exist) >= of else State.OK
    if not all(exist):
        return State.OK
    if missing == "ignore":
        return current
    long_ago = any(breaching[: len(breaching) - of + 1])
    return State.ALARM if long_ago else State.INSUFFICIENT_DATA


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An alarm on one metric, as its definition in the template says."""

    metric: tuple[str, str, str]
    statistic: str
    period: int
    threshold: float
    comparison: str
    of: int
    out_of: int
    missing: Missing

    @classmethod
    def of_template(cls, properties: Mapping[str, Any]) -> Self:
        """Read `AWS::CloudWatch::Alarm`; a KeyError for one on metric math, which none of the stack's is."""
        out_of = int(properties["EvaluationPeriods"])
        return cls(
            metric=metric(properties),
            statistic=properties["Statistic"],
            period=int(properties["Period"]),
            threshold=float(properties["Threshold"]),
            comparison=properties["ComparisonOperator"],
            of=int(properties.get("DatapointsToAlarm", out_of)),
            out_of=out_of,
            missing=cast("Missing", properties.get("TreatMissingData", "missing")),
        )

    def states(
        self, samples: Iterable[Sample], *, minutes: int, extra: int, begin: State = State.INSUFFICIENT_DATA
    ) -> list[State]:
        """The state after each minute.

        Args:
            samples: All that is ever measured of the alarm's metric.
            minutes: How long it is watched.
            extra: How many points more than N the evaluation range has.
            begin: The state before.
        """
        by_minute: dict[int, list[Sample]] = {}
        for each in samples:
            by_minute.setdefault(int(each.at // MINUTE), []).append(each)
        states, state = [], begin
        for now in range(1, minutes + 1):
            state = evaluate(
                [self._breaches(by_minute, now, back) for back in range(self.out_of + extra, 0, -1)],
                of=self.of,
                out_of=self.out_of,
                missing=self.missing,
                current=state,
            )
            states.append(state)
        return states

    def _breaches(self, by_minute: Mapping[int, Sequence[Sample]], now: int, back: int) -> bool | None:
        """Of the window that began `back` periods ago, by what has arrived; None without data."""
        length = self.period // MINUTE
        begin = now - back * length
        values = [
            each.value
            for minute in range(begin, begin + length)
            for each in by_minute.get(minute, ())
            if each.arrives <= now * MINUTE
        ]
        if not values:
            return None
        return _COMPARE[self.comparison](_STATISTIC[self.statistic](values), self.threshold)


def metric(properties: Mapping[str, Any]) -> tuple[str, str, str]:
    """Namespace, name, and dimensions as JSON."""
    dimensions = {each["Name"]: each["Value"] for each in properties.get("Dimensions", [])}
    return properties["Namespace"], properties["MetricName"], json.dumps(dimensions, sort_keys=True)


def alarms_of(template: Mapping[str, Any], stack: str = "batchgate") -> dict[str, Alarm]:
    """All alarms of a template, by their names without the stack's."""
    return {
        each["Properties"]["AlarmName"].removeprefix(f"{stack}-"): Alarm.of_template(each["Properties"])
        for each in template["Resources"].values()
        if each["Type"] == "AWS::CloudWatch::Alarm"
    }
