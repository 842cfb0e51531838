"""Each alarm's own definition, evaluated: it becomes active for its cause, and for nothing else.

However late metrics come, whatever CloudWatch's evaluation range is, and where points are missing.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from random import Random
from typing import Final, TypeAlias

import pytest

from infra.settings import Settings
from tests.docs.pictures.day import play
from tests.infra.cloudwatch import MINUTE, Alarm, Sample, State, alarms_of
from tests.infra.snapshot import synthesize

EXTRA: Final = (1, 2, 3, 5)
"""How many points more than N CloudWatch may look at; its documentation has examples of 2."""

LATE_SECONDS: Final = 240
"""How late a metric may come."""

BEFORE: Final = 60
"""Minutes in which all is well, before the cause."""

Series: TypeAlias = Callable[[int], float | None]
"""The value that is measured in a minute, counted from the cause's begin; None for nothing."""


def none(_: int) -> float | None:
    """Nothing: of errors, and of events, there usually are none."""
    return None


def always(value: float) -> Series:
    """The same value every minute, as a gauge or a count of a sweep."""
    return lambda _: value


def every(minutes: int, value: float = 1, otherwise: float | None = None) -> Series:
    """A value every so many minutes, beginning at once."""
    return lambda minute: otherwise if minute % minutes else value


def first(minutes: int, value: float, then: float | None = None) -> Series:
    """A value in each of the first minutes."""
    return lambda minute: value if minute < minutes else then


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What an alarm's metric does.

    Attributes:
        cause: From the moment that it is wrong.
        usual: While all is well.
        quiet: The worst that is no reason for the alarm.
        within: Minutes from the cause to the alarm at most, if nothing comes late.
        over: Minutes from the cause's end until the alarm is over at most.
        moment: Whether the cause is a single event, so that the alarm ends by itself.
        gauge: Whether each value says all that the one before said, so that the alarm must stand a missing one.
    """

    cause: Series
    usual: Series = none
    quiet: Series = none
    within: int
    over: int = 35
    gauge: bool = False
    moment: bool = False


LASTS: Final = 90
"""Minutes that a cause lasts."""

ONCE: Final = first(1, 1)

STORIES: Final = {
    "policy-not-loadable": Story(cause=always(1), quiet=every(30), within=2, over=20),
    "circuit-breaker": Story(cause=first(1, 4), moment=True, within=1),
    "contradiction": Story(cause=ONCE, moment=True, within=1),
    "unexpected-policy": Story(
        usual=always(0), cause=always(1), quiet=first(8, 1, then=0), within=10, over=16, gauge=True
    ),
    "manifest-not-read": Story(cause=ONCE, moment=True, within=1),
    "manifest-not-read-in-time": Story(cause=ONCE, moment=True, within=1),
    "manifest-rows-differ": Story(cause=ONCE, moment=True, within=1),
    "events-dropped": Story(cause=ONCE, moment=True, within=1),
    "found-by-sweep": Story(usual=always(0), cause=first(1, 1, then=0), moment=True, within=1, over=60),
    "unreviewed-events": Story(usual=always(0), cause=always(2), quiet=always(0), within=1, over=6, gauge=True),
    "undelivered-events": Story(usual=always(0), cause=always(2), quiet=always(0), within=1, over=6, gauge=True),
    "events-wait": Story(
        usual=always(30),
        cause=lambda minute: 60.0 * (minute + 1),
        quiet=lambda minute: max(0, 840 - 60 * abs(minute - 14)),
        within=17,
        over=11,
        gauge=True,
    ),
    "events-retried": Story(cause=ONCE, moment=True, within=1),
    "job-event-fails": Story(usual=every(7, 0), cause=every(6), quiet=first(1, 1, then=0), within=7, over=20),
    "api-fails": Story(usual=every(7, 0), cause=every(6), quiet=first(1, 1, then=0), within=7, over=20),
    "sweep-fails": Story(usual=always(0), cause=every(5), quiet=first(1, 1, then=0), within=6, over=15),
    "no-sweep": Story(usual=always(1), cause=none, quiet=every(10), within=20, over=1),
    "throttled-functions": Story(usual=always(0), cause=always(1), quiet=first(1, 1, then=0), within=6, over=15),
    "throttled-by-s3": Story(cause=always(4), quiet=first(1, 50), within=8, over=40),
    "gate-errors": Story(cause=always(1), quiet=every(6), within=16),
    "paused": Story(usual=always(0), cause=always(1), quiet=always(0), within=1, over=6, gauge=True),
    "sweep-errors": Story(usual=always(0), cause=always(1), quiet=first(6, 1, then=0), within=11, over=20, gauge=True),
    "sweep-lags": Story(
        usual=always(0), cause=always(1000), quiet=first(1, 1000, then=0), within=11, over=20, gauge=True
    ),
    "no-subscriber": Story(usual=always(1), cause=always(0), quiet=first(8, 0, then=1), within=15, over=1, gauge=True),
    "notices-failed": Story(cause=ONCE, moment=True, within=1),
    "held-long": Story(
        usual=always(3600),
        cause=lambda minute: 72 * 3600 + 60.0 * minute,
        quiet=always(71 * 3600),
        within=1,
        over=6,
        gauge=True,
    ),
    "held-21-days": Story(
        usual=always(0),
        cause=lambda minute: 21 * 86_400 + 60.0 * minute,
        quiet=always(20 * 86_400),
        within=1,
        over=6,
        gauge=True,
    ),
    "held-27-days": Story(
        usual=always(0),
        cause=lambda minute: 27 * 86_400 + 60.0 * minute,
        quiet=always(26 * 86_400),
        within=1,
        over=6,
        gauge=True,
    ),
}


@cache
def alarms() -> dict[str, Alarm]:
    """Of the stack with every alarm; made when a test asks, and not in every process that lists the tests."""
    return alarms_of(synthesize(Settings(manifest_buckets=("manifests",))).to_json())


@cache
def idle_alarms() -> dict[str, Alarm]:
    """Of the stack with `idle`."""
    return alarms_of(synthesize(Settings(idle=True)).to_json())


def test_every_alarm_has_a_story_and_no_other() -> None:
    """One more in the template must be shown here, too."""
    assert STORIES.keys() == alarms().keys() > idle_alarms().keys() > {*BY_SWEEPS}


def samples(series: Series, minutes: range, delivery: str, begin: int) -> Iterator[Sample]:
    """What is measured in some minutes, counted from `begin`, as it is delivered."""
    random = Random(f"{delivery} {begin}")
    for number, minute in enumerate(minutes):
        value = series(minute - begin)
        if value is None or (delivery == "one in five missing" and number % 5 == 4):
            continue
        at = MINUTE * minute + 30.0
        yield Sample(at, value, at + (random.uniform(0, LATE_SECONDS) if delivery == "late" else 0))


def deliveries(story: Story) -> tuple[str, ...]:
    """A count that is missing is no count: only gauges may miss some."""
    return ("on time", "late", "one in five missing") if story.gauge else ("on time", "late")


CASES: Final = [
    pytest.param(name, delivery, extra, id=f"{name}, {delivery}, {extra} more points")
    for name, story in STORIES.items()
    for delivery in deliveries(story)
    for extra in EXTRA
]


@pytest.mark.parametrize(("name", "delivery", "extra"), CASES)
def test_it_rings_for_its_cause_and_not_before_and_until_that_is_over(name: str, delivery: str, extra: int) -> None:
    """Within its time, from then on without going back and forth, and once it is over, no longer."""
    alarm, story = alarms()[name], STORIES[name]
    ends = BEFORE + LASTS
    last = ends + story.over + 30
    measured = [
        *samples(story.usual, range(BEFORE), delivery, 0),
        *samples(story.cause, range(BEFORE, ends), delivery, BEFORE),
        *samples(story.usual, range(ends, last), delivery, ends),
    ]
    states = alarm.states(measured, minutes=last, extra=extra)
    late = -(-LATE_SECONDS // MINUTE) if delivery == "late" else 1 if delivery == "one in five missing" else 0
    warmed_up = alarm.out_of * alarm.period // MINUTE + extra
    assert State.ALARM not in states[warmed_up:BEFORE]
    settled = BEFORE + story.within + late
    assert State.ALARM in states[BEFORE:settled]
    ends = settled if story.moment else ends
    assert set(states[settled - 1 : ends]) == {State.ALARM}
    assert set(states[ends + story.over + late :]) == {State.OK}
    assert [after for before, after in pairwise(states[ends - 1 :]) if after != before] == [State.OK]


@pytest.mark.parametrize(("name", "delivery", "extra"), CASES)
def test_it_is_quiet_otherwise(name: str, delivery: str, extra: int) -> None:
    """On quiet days, and for the worst that is no reason."""
    alarm, story = alarms()[name], STORIES[name]
    measured = [
        *samples(story.usual, range(BEFORE), delivery, 0),
        *samples(story.quiet, range(BEFORE, BEFORE + LASTS), delivery, BEFORE),
    ]
    states = alarm.states(measured, minutes=BEFORE + LASTS, extra=extra)
    warmed_up = alarm.out_of * alarm.period // MINUTE + extra
    assert State.ALARM not in states[warmed_up:]


BY_SWEEPS: Final = (
    "policy-not-loadable",
    "unexpected-policy",
    "no-sweep",
    "gate-errors",
    "paused",
    "sweep-errors",
    "no-subscriber",
    "held-long",
    "held-21-days",
    "held-27-days",
)
"""The alarms on what each sweep reports, but for those that an idle Region does without."""


@pytest.mark.parametrize("extra", EXTRA)
@pytest.mark.parametrize("name", BY_SWEEPS)
def test_it_does_so_too_where_the_gate_sweeps_every_five_minutes(name: str, extra: int) -> None:
    """As with the setting `idle`: a sweep or two later."""
    alarm, story = idle_alarms()[name], STORIES[name]

    def seldom(series: Series) -> Series:
        return lambda minute: series(minute) if minute % 5 == 0 else None

    ends, last = BEFORE + LASTS, BEFORE + LASTS + 60
    measured = [
        *samples(seldom(story.usual), range(BEFORE), "late", 0),
        *samples(seldom(story.cause), range(BEFORE, ends), "late", BEFORE),
        *samples(seldom(story.usual), range(ends, last), "late", ends),
    ]
    states = alarm.states(measured, minutes=last, extra=extra)
    assert State.ALARM not in states[alarm.out_of * alarm.period // MINUTE + extra : BEFORE]
    assert set(states[BEFORE + story.within + 12 : ends]) == {State.ALARM}
    assert states[-1] is State.OK


@pytest.mark.parametrize("name", sorted(STORIES))
def test_what_it_says_while_there_is_no_data_at_all(name: str) -> None:
    """Only the absence of sweeps is an alarm. What AppConfig watches is OK: INSUFFICIENT_DATA rolls back, too."""
    [state] = {*alarms()[name].states([], minutes=60, extra=2)}
    assert (state is State.ALARM) is (name == "no-sweep")
    if name in rolling_back():
        assert state is State.OK


@pytest.mark.parametrize(
    "name", [name for name, story in STORIES.items() if story.gauge and name not in ("events-wait", "sweep-errors")]
)
def test_it_stays_as_it_was_while_its_metric_is_missing(name: str) -> None:
    """While sweeps fail nobody knows better; and SQS stops to report a queue that nobody asks for."""
    alarm, story = alarms()[name], STORIES[name]
    before = alarm.states(samples(story.cause, range(60), "on time", 0), minutes=60, extra=2)
    assert before[-1] is State.ALARM
    assert {*alarm.states([], minutes=24 * 60, extra=2, begin=State.ALARM)} == {State.ALARM}
    assert {*alarm.states([], minutes=24 * 60, extra=2, begin=State.OK)} == {State.OK}


def rolling_back() -> set[str]:
    """The alarms that AppConfig watches."""
    resources = synthesize(Settings()).to_json()["Resources"]
    [environment] = [each for each in resources.values() if each["Type"] == "AWS::AppConfig::Environment"]
    ids = [each["AlarmArn"]["Fn::GetAtt"][0] for each in environment["Properties"]["Monitors"]]
    return {resources[each]["Properties"]["AlarmName"].removeprefix("batchgate-") for each in ids}


def test_a_harmful_policy_is_noticed_within_the_bake_time() -> None:
    """By alarms on the dimension `service` alone, however late metrics come; AppConfig takes five."""
    watched = rolling_back()
    assert watched == {"policy-not-loadable", "circuit-breaker", "contradiction"}
    for name in watched:
        assert alarms()[name].metric[0::2] == ("batchgate", '{"service": "batchgate"}')
        assert STORIES[name].within + LATE_SECONDS / MINUTE < Settings().policy_bake_minutes


def test_no_alarm_calculates() -> None:
    """FILL makes an alarm stick, and without it what is missing counts as 0."""
    text = json.dumps(synthesize(Settings()).to_json()["Resources"])
    assert "FILL(" not in text


def test_all_alarms_are_quiet_on_a_day_of_the_gate() -> None:
    """By the lines that its own code printed; one job in five lost its event, which one alarm is for."""
    day = play(240)
    for name, alarm in alarms().items():
        namespace, metric, _ = alarm.metric
        measured = [
            Sample(at, values[metric], at)
            for when, values in day.metrics
            if namespace == "batchgate" and metric in values
            for at in [(when - day.begin).total_seconds()]
        ]
        states = alarm.states(measured, minutes=240, extra=2)
        if namespace == "batchgate" and name != "found-by-sweep":
            assert State.ALARM not in states[20:], name
            assert measured or name in SPARSE, name


SPARSE: Final = {name for name, story in STORIES.items() if story.usual is none} | {
    "unexpected-policy",
    "found-by-sweep",
    "no-subscriber",
}


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("no-sweep", {"period": 600, "of": 1, "out_of": 1}),
        ("gate-errors", {"of": 3, "out_of": 3, "threshold": 5.0}),
        ("unreviewed-events", {"missing": "notBreaching"}),
        ("policy-not-loadable", {"period": 300, "of": 2, "out_of": 2}),
        ("unexpected-policy", {"statistic": "Maximum"}),
    ],
)
def test_definitions_that_were_tried_before_are_found_wanting(
    name: str, changed: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So these stories can fail."""
    alarm, story = alarms()[name], STORIES[name]
    members = {each: getattr(alarm, each) for each in Alarm.__dataclass_fields__}
    monkeypatch.setitem(alarms(), name, Alarm(**{**members, **changed}))

    def tell() -> None:
        for delivery in deliveries(story):
            for extra in EXTRA:
                test_it_rings_for_its_cause_and_not_before_and_until_that_is_over(name, delivery, extra)
                test_it_is_quiet_otherwise(name, delivery, extra)
        if story.gauge:
            test_it_stays_as_it_was_while_its_metric_is_missing(name)

    with pytest.raises(AssertionError):
        tell()
