"""The widgets of the dashboard."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_

from batchgate.contract import BUDGET_DIMENSION, METRIC_NAMESPACE, Metric
from infra.gate_functions import GateFunctions
from infra.job_events import JobEvents
from infra.metrics import FIVE_MINUTES, HOUR_SECONDS, gate_metric
from infra.people_api import PeopleApi

_COLOURS_OF_DECISIONS: Final = {
    Metric.APPROVED: cloudwatch.Color.GREEN,
    Metric.CANCELLED: cloudwatch.Color.RED,
    Metric.HELD: cloudwatch.Color.ORANGE,
    Metric.SUPERSEDED: cloudwatch.Color.GREY,
    Metric.UNGATED: cloudwatch.Color.PURPLE,
    Metric.UNGATED_OR_CONFIRMED_ELSEWHERE: cloudwatch.Color.PINK,
    Metric.LAPSED: cloudwatch.Color.BROWN,
}
_ERRORS: Final = (
    Metric.ERRORS,
    Metric.POLICY_LOAD_ERRORS,
    Metric.THROTTLED,
    Metric.CONTRADICTIONS,
    Metric.UNEXPECTED_POLICY,
    Metric.NOTICES_FAILED,
)
_EVENTS: Final = (Metric.FOUND_BY_SWEEP, Metric.EVENTS_DROPPED, Metric.EVENTS_RETRIED)


def rows_of_widgets(
    alarms: list[cloudwatch.IAlarm], job_events: JobEvents, functions: GateFunctions, people_api: PeopleApi
) -> list[list[cloudwatch.IWidget]]:
    """The dashboard from top to bottom: is it working, what did it decide, what waits, what goes wrong."""
    decisions = [gate_metric(name).with_(color=colour) for name, colour in _COLOURS_OF_DECISIONS.items()]
    seconds = [
        gate_metric(Metric.SECONDS_TO_DECISION, statistic, label=statistic).with_(period=FIVE_MINUTES)
        for statistic in ("p50", "p90", "p99")
    ]
    return [
        [cloudwatch.AlarmStatusWidget(title="Is the gate working?", alarms=alarms, width=24, height=4)],
        [
            _graph("What did it decide?", decisions, units=("decisions", ""), stacked=True),
            _graph("Time from Suspended to decision, including holds", seconds, units=("seconds", "")),
            _graph(
                "What is waiting?",
                [gate_metric(Metric.HELD_NOW, "Maximum", label="held jobs")],
                [_hours(gate_metric(Metric.OLDEST_HELD_SECONDS, "Maximum"), label="oldest, hours")],
                units=("jobs", "hours"),
            ),
        ],
        [
            cloudwatch.CustomWidget(
                title="Held jobs and their reasons",
                function_arn=functions.held_jobs_widget.function_arn,
                width=24,
                height=8,
                update_on_refresh=True,
            )
        ],
        [
            cloudwatch.LogQueryWidget(
                title="Decisions by policy",
                log_group_names=[each.log_group.log_group_name for each in functions.deciding],
                query_lines=[
                    'filter decision.action in ["approved", "cancelled", "held"]',
                    "fields jsonParse(@message) as line",
                    "unnest line.decision.policies into policy",
                    "stats count_distinct(decision.id) as decisions by policy, decision.action",
                    "sort decisions desc",
                ],
                width=12,
                height=6,
            ),
            _graph(
                "Errors and throttling",
                [
                    *(gate_metric(name) for name in _ERRORS),
                    *(each.metric_errors(label=f"{name} failed") for name, each in _named(functions)),
                    *(each.metric_throttles(label=f"{name} throttled") for name, each in _named(functions)),
                ],
                width=12,
            ),
        ],
        [
            _graph(
                "How full is each budget? The fullest of the budget accounts that jobs used",
                [
                    cloudwatch.MathExpression(
                        expression=(
                            f"SEARCH('{{{METRIC_NAMESPACE},service,{BUDGET_DIMENSION}}}"
                            f" MetricName=\"{Metric.BUDGET_USED}\"', 'Maximum', {FIVE_MINUTES.to_seconds()})"
                        ),
                        using_metrics={},
                        label="",
                        period=FIVE_MINUTES,
                    )
                ],
                units=("percent", ""),
                width=12,
            ),
            _graph(
                "What people ask for: requests to the API",
                [
                    people_api.api.metric_count(label="requests", statistic="Sum"),
                    people_api.api.metric_client_error(label="refused", statistic="Sum"),
                    people_api.api.metric_server_error(label="failed", statistic="Sum"),
                ],
                [people_api.api.metric_latency(label="p90", statistic="p90")],
                units=("requests", "milliseconds"),
                width=12,
            ),
        ],
        [
            _graph(
                "Events",
                [
                    job_events.queue.metric_approximate_number_of_messages_visible(label="waiting"),
                    *(gate_metric(name) for name in _EVENTS),
                ],
                [job_events.queue.metric_approximate_age_of_oldest_message(label="age of oldest, seconds")],
                units=("events", "seconds"),
            ),
            _graph(
                "Sweep",
                [
                    gate_metric(Metric.SWEEPS),
                    gate_metric(Metric.LEFT_OVER, "Maximum"),
                    gate_metric(Metric.SUBSCRIBERS, "Minimum", label="subscribers of the topic"),
                ],
                [gate_metric(Metric.SWEEP_LAG_SECONDS, "Maximum")],
                units=("sweeps, jobs, subscribers", "seconds"),
            ),
            _graph(
                "Cost: duration and number of invocations",
                [each.metric_duration(statistic="Sum", label=name) for name, each in _named(functions)],
                [each.metric_invocations(label=f"{name} invocations") for name, each in _named(functions)],
                units=("milliseconds", "invocations"),
            ),
        ],
    ]


def _named(functions: GateFunctions) -> tuple[tuple[str, lambda_.Function], ...]:
    """The functions that decide, with their names on the dashboard."""
    return ("events", functions.job_event), ("sweep", functions.sweep), ("people", functions.api)


def _hours(seconds: cloudwatch.IMetric, *, label: str) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(
        expression=f"seconds / {HOUR_SECONDS}", using_metrics={"seconds": seconds}, period=FIVE_MINUTES, label=label
    )


def _graph(
    title: str,
    left: Sequence[cloudwatch.IMetric],
    right: Sequence[cloudwatch.IMetric] = (),
    *,
    units: tuple[str, str] = ("", ""),
    stacked: bool = False,
    width: int = 8,
) -> cloudwatch.GraphWidget:
    """One graph; `units` label the left axis and the right one."""
    axes = [cloudwatch.YAxisProps(label=words, min=0, show_units=False) if words else None for words in units]
    return cloudwatch.GraphWidget(
        title=title,
        left=[*left],
        right=[*right],
        left_y_axis=axes[0],
        right_y_axis=axes[1],
        stacked=stacked,
        width=width,
        height=6,
    )
