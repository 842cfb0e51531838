"""How people see that the gate works: alarms that say what to do, a dashboard, saved queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from batchgate.contract import METRIC_NAMESPACE, SERVICE, Metric
from infra.gate_functions import GateFunctions
from infra.job_events import JobEvents
from infra.settings import Settings

_MINUTE: Final = Duration.minutes(1)
_FIVE_MINUTES: Final = Duration.minutes(5)
_TEN_MINUTES: Final = Duration.minutes(10)
_COLOURS_OF_DECISIONS: Final = {
    Metric.APPROVED: cloudwatch.Color.GREEN,
    Metric.CANCELLED: cloudwatch.Color.RED,
    Metric.HELD: cloudwatch.Color.ORANGE,
    Metric.SUPERSEDED: cloudwatch.Color.GREY,
    Metric.UNGATED: cloudwatch.Color.PURPLE,
    Metric.UNGATED_OR_CONFIRMED_ELSEWHERE: cloudwatch.Color.PINK,
    Metric.LAPSED: cloudwatch.Color.BROWN,
}
_WHAT_GOES_WRONG: Final = (Metric.ERRORS, Metric.POLICY_LOAD_ERRORS, Metric.THROTTLED, Metric.CONTRADICTIONS)
_HOUR_SECONDS: Final = 3600
_DAY_SECONDS: Final = 86_400

_AT_LEAST: Final = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
_BELOW: Final = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
_QUIET: Final = cloudwatch.TreatMissingData.NOT_BREACHING
_AS_IT_WAS: Final = cloudwatch.TreatMissingData.IGNORE
"""For what only a sweep that ended well tells: when sweeps fail nothing of it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watch:
    """One alarm.

    Attributes:
        name: Follows the stack's name.
        means: What has happened.
        do: What to do about it.
        of: In how many periods one after the other...
        out_of: ...of how many the threshold is reached.
    """

    name: str
    means: str
    do: str
    metric: cloudwatch.IMetric
    threshold: float = 1
    of: int = 1
    out_of: int = 1
    comparison: cloudwatch.ComparisonOperator = _AT_LEAST
    missing: cloudwatch.TreatMissingData = _QUIET


class Monitoring(Construct):
    """Alarms to the topic, one dashboard, and the queries that answer what people ask of the logs.

    Attributes:
        policy_trouble: By this AppConfig takes a new policy back. Without data it is quiet, for AppConfig takes back
            on INSUFFICIENT_DATA too.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        job_events: JobEvents,
        functions: GateFunctions,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._action = actions.SnsAction(topic)
        self.policy_trouble = self._alarm(_policy_trouble(functions))
        alarms = [
            self._alarm(each)
            for each in (
                *_alarms_of_events(job_events),
                *_alarms_of_functions(functions),
                *_alarms_of_decisions(settings.held_alarm_hours),
            )
        ]
        self._dashboard([self.policy_trouble, *alarms], job_events, functions)
        self._queries(functions)

    def _alarm(self, watch: _Watch) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            "".join(word.capitalize() for word in watch.name.split("-")),
            alarm_name=f"{self._settings.stack_name}-{watch.name}",
            alarm_description=f"{watch.means} {watch.do}",
            metric=watch.metric,
            threshold=watch.threshold,
            comparison_operator=watch.comparison,
            evaluation_periods=watch.out_of,
            datapoints_to_alarm=watch.of,
            treat_missing_data=watch.missing,
        )
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)
        return alarm

    def _dashboard(
        self, alarms: list[cloudwatch.Alarm], job_events: JobEvents, functions: GateFunctions
    ) -> cloudwatch.Dashboard:
        decisions = [_gate(name).with_(color=colour) for name, colour in _COLOURS_OF_DECISIONS.items()]
        seconds = [
            _gate(Metric.SECONDS_TO_DECISION, statistic, label=statistic).with_(period=_FIVE_MINUTES)
            for statistic in ("p50", "p90", "p99")
        ]
        return cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=self._settings.stack_name,
            default_interval=Duration.days(1),
            widgets=[
                [cloudwatch.AlarmStatusWidget(title="Is the gate working?", alarms=alarms, width=24, height=4)],
                [
                    _graph("What did it decide?", decisions, units=("decisions", ""), stacked=True),
                    _graph("From Suspended to decision, the time held included", seconds, units=("seconds", "")),
                    _graph(
                        "What is waiting?",
                        [_gate(Metric.HELD_NOW, "Maximum", label="held jobs")],
                        [_hours(_gate(Metric.OLDEST_HELD_SECONDS, "Maximum"), label="the oldest, hours")],
                        units=("jobs", "hours"),
                    ),
                ],
                [
                    cloudwatch.CustomWidget(
                        title="Held jobs, and what stands in their way",
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
                        "Does anything go wrong?",
                        [
                            *(_gate(name) for name in _WHAT_GOES_WRONG),
                            *(each.metric_errors(label=f"{name} failed") for name, each in _named(functions)),
                            *(each.metric_throttles(label=f"{name} throttled") for name, each in _named(functions)),
                        ],
                        width=12,
                    ),
                ],
                [
                    _graph(
                        "Events",
                        [job_events.queue.metric_approximate_number_of_messages_visible(label="waiting")],
                        [job_events.queue.metric_approximate_age_of_oldest_message(label="age of the oldest, s")],
                        units=("events", "seconds"),
                    ),
                    _graph(
                        "Sweep",
                        [_gate(Metric.SWEEPS), _gate(Metric.LEFT_OVER, "Maximum")],
                        [_gate(Metric.SWEEP_LAG_SECONDS, "Maximum")],
                        units=("sweeps, jobs left over", "seconds"),
                    ),
                    _graph(
                        "What it costs: milliseconds of functions, calls",
                        [each.metric_duration(statistic="Sum", label=name) for name, each in _named(functions)],
                        [each.metric_invocations(label=f"{name} calls") for name, each in _named(functions)],
                        units=("milliseconds", "calls"),
                    ),
                ],
            ],
        )

    def _queries(self, functions: GateFunctions) -> None:
        groups = [each.log_group for each in functions.deciding]
        columns = ("@timestamp", "decision.job_id", "decision.action", "decision.reason", "decision.policy_version")
        for construct_id, name, lines in (
            (
                "WhyJob",
                "why was job X decided so",
                {
                    "fields": [*columns, "decision.decided_by", "decision.claim_id", "decision.status"],
                    "filter_statements": ['decision.job_id = "put the job id here"'],
                    "sort": "@timestamp asc",
                },
            ),
            (
                "CancelledByPolicy",
                "what did policy Y cancel this week",
                {
                    "fields": [*columns, "decision.operation", "decision.total_tasks"],
                    "filter_statements": [
                        'decision.action = "cancelled"',
                        "decision.decided_by = decision.policy_version",
                        'decision.reason like "cancelled by put the policy name here"',
                    ],
                    "sort": "@timestamp desc",
                },
            ),
            (
                "Slowest",
                "slowest decisions",
                {
                    "fields": [*columns, "decision.seconds_to_decision"],
                    "filter_statements": ["ispresent(decision.seconds_to_decision)"],
                    "sort": "decision.seconds_to_decision desc",
                },
            ),
            (
                "OwnTrouble",
                "what went wrong, by message",
                {
                    "fields": ["@timestamp", "level", "message", "error", "job"],
                    "filter_statements": ['level in ["WARNING", "ERROR", "CRITICAL"]'],
                    "sort": "@timestamp desc",
                },
            ),
        ):
            logs.QueryDefinition(
                self,
                f"{construct_id}Query",
                query_definition_name=f"{self._settings.stack_name}/{name}",
                query_string=logs.QueryString(limit=200, **lines),  # type: ignore[arg-type]
                log_groups=groups,
            )


def _named(functions: GateFunctions) -> tuple[tuple[str, lambda_.Function], ...]:
    return ("events", functions.job_event), ("sweep", functions.sweep)


def _gate(name: Metric, statistic: str = "Sum", *, label: str | None = None) -> cloudwatch.Metric:
    """One of the gate's own metrics, of five minutes."""
    return cloudwatch.Metric(
        namespace=METRIC_NAMESPACE,
        metric_name=name.value,
        dimensions_map={"service": SERVICE},
        statistic=statistic,
        period=_FIVE_MINUTES,
        label=label,
    )


def _hours(seconds: cloudwatch.IMetric, *, label: str) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(
        expression=f"seconds / {_HOUR_SECONDS}", using_metrics={"seconds": seconds}, period=_FIVE_MINUTES, label=label
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
    """One graph; `units` are the words at the left axis and at the right one."""
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


def _policy_trouble(functions: GateFunctions) -> _Watch:
    failed = {
        f"m{number}": metric.with_(period=_MINUTE)
        for number, metric in enumerate(
            [_gate(Metric.POLICY_LOAD_ERRORS), functions.job_event.metric_errors(), functions.sweep.metric_errors()]
        )
    }
    return _Watch(
        name="policy-trouble",
        means="The gate can't load its policies, or its functions fail. Within the bake time of a new policy AppConfig "
        "takes that policy back.",
        do="Look for 'policies unavailable' in the functions' logs; see what AppConfig has deployed; deploy a policy "
        "that `batchgate policy check` accepts. While this rings AppConfig takes that back too: `aws cloudwatch "
        "disable-alarm-actions` for this alarm first, and enable them afterwards.",
        metric=cloudwatch.MathExpression(
            expression=" + ".join(f"FILL({name}, 0)" for name in failed),
            using_metrics=failed,
            period=_MINUTE,
            label="policy load errors and failed invocations",
        ),
        of=2,
        out_of=3,
    )


def _alarms_of_events(job_events: JobEvents) -> tuple[_Watch, ...]:
    def waiting(queue: sqs.Queue) -> cloudwatch.Metric:
        return queue.metric_approximate_number_of_messages_visible(statistic="Maximum", period=_MINUTE)

    return (
        _Watch(
            name="unreviewed-events",
            means="The gate failed on events as often as it tries. Their jobs are still found by the sweep.",
            do="`batchgate redrive` shows why and, when that is mended, hands them over again.",
            metric=waiting(job_events.unreviewed),
        ),
        _Watch(
            name="undelivered-events",
            means="EventBridge could not put events into the queue: the queue's policy or its key keeps them out.",
            do="Mend that (deploying again restores both), then `batchgate redrive`.",
            metric=waiting(job_events.undelivered),
        ),
        _Watch(
            name="events-wait",
            means="Events have waited for 15 minutes: more come than are evaluated, or evaluating fails.",
            do="Look at the function's errors and throttles, and at the gate's own: an event that fails each time also "
            "waits. Raise the setting max_concurrency if there are none.",
            metric=job_events.queue.metric_approximate_age_of_oldest_message(statistic="Maximum", period=_MINUTE),
            threshold=15 * 60,
            of=5,
            out_of=5,
        ),
    )


def _alarms_of_functions(functions: GateFunctions) -> tuple[_Watch, ...]:
    throttled = {
        f"m{number}": each.metric_throttles(period=_FIVE_MINUTES) for number, each in enumerate(functions.deciding)
    }
    return (
        _Watch(
            name="job-event-fails",
            means="The function that reviews jobs by their events crashed or ran out of time.",
            do="Read its log; its events are tried again, and the sweep finds their jobs.",
            metric=functions.job_event.metric_errors(period=_FIVE_MINUTES),
            of=2,
            out_of=2,
        ),
        _Watch(
            name="sweep-fails",
            means="The sweep failed in five minutes one after the other.",
            do="Read its log: denied, throttled, no policy, no table? The next minute's sweep tries again.",
            metric=functions.sweep.metric_errors(period=_MINUTE),
            of=5,
            out_of=5,
        ),
        _Watch(
            name="no-sweep",
            means="No sweep has ended well for 10 minutes: held jobs and jobs without events are not looked at.",
            do="See whether the rule is enabled and the function runs; read its log. Rings once after the first "
            "deployment too.",
            metric=_gate(Metric.SWEEPS).with_(period=_TEN_MINUTES),
            comparison=_BELOW,
            missing=cloudwatch.TreatMissingData.BREACHING,
        ),
        _Watch(
            name="throttled-functions",
            means="Lambda refused invocations for the account's concurrency.",
            do="Raise the account's quota, or what else uses it up; nothing is lost meanwhile.",
            metric=cloudwatch.MathExpression(
                expression=" + ".join(f"FILL({name}, 0)" for name in throttled),
                using_metrics=throttled,
                period=_FIVE_MINUTES,
                label="throttled invocations",
            ),
            of=2,
            out_of=3,
        ),
        _Watch(
            name="throttled-by-s3",
            means="S3 Control refuses calls for their rate.",
            do="Lower the settings max_concurrency and sweep_calls_per_second, or look who else calls it.",
            metric=_gate(Metric.THROTTLED),
            threshold=10,
            of=2,
            out_of=3,
        ),
    )


def _alarms_of_decisions(held_alarm_hours: int) -> tuple[_Watch, ...]:
    oldest, suspended = _gate(Metric.OLDEST_HELD_SECONDS, "Maximum"), _gate(Metric.OLDEST_SUSPENDED_SECONDS, "Maximum")
    decide = "`batchgate jobs held` shows what stands in the way; `batchgate jobs approve` or `cancel` decides."
    return (
        _Watch(
            name="own-trouble",
            means="Reviews keep failing: denied, throttled, or AWS has trouble. Such jobs stay Suspended.",
            do="Run the saved query 'what went wrong, by message'.",
            metric=_gate(Metric.ERRORS),
            threshold=5,
            of=3,
            out_of=3,
        ),
        _Watch(
            name="policy-not-loadable",
            means="There is no policy that may decide: every job waits.",
            do="Look for 'policies unavailable' in the functions' logs; mend it as the alarm policy-trouble says.",
            metric=_gate(Metric.POLICY_LOAD_ERRORS),
            of=2,
            out_of=2,
        ),
        _Watch(
            name="paused",
            missing=_AS_IT_WAS,
            means="Somebody has paused the gate: it goes on evaluating and decides nothing.",
            do="`batchgate pause --status` says who and why; `batchgate resume` ends it.",
            metric=_gate(Metric.PAUSED, "Maximum"),
        ),
        _Watch(
            name="circuit breaker",
            means="More jobs were to be cancelled than the circuit breaker allows: further cancellations became holds.",
            do="See whether a policy cancels what it should not; `batchgate jobs held` shows which it were.",
            metric=_gate(Metric.CIRCUIT_BREAKER_HOLDS),
        ),
        _Watch(
            name="contradiction",
            means="A job is not as the gate left it, or an update of the gate took effect after it was given up.",
            do="Find the job by 'alarm' in the decision lines of the logs, and `batchgate jobs show` it.",
            metric=_gate(Metric.CONTRADICTIONS),
        ),
        _Watch(
            name="sweep-troubles",
            means="In each of three times five minutes the sweep could not review some jobs.",
            do="Run the saved query 'what went wrong, by message'.",
            metric=_gate(Metric.SWEEP_TROUBLES),
            of=3,
            out_of=3,
        ),
        _Watch(
            name="sweep-lags",
            missing=_AS_IT_WAS,
            means="Reviews begin 15 minutes late: there is more to look at than the rate allows.",
            do="Raise the setting sweep_calls_per_second as long as S3 does not throttle; decide held jobs.",
            metric=_gate(Metric.SWEEP_LAG_SECONDS, "Maximum"),
            threshold=15 * 60,
            of=3,
            out_of=3,
        ),
        _Watch(
            name="held-long",
            missing=_AS_IT_WAS,
            means=f"A job has been held for {held_alarm_hours} hours.",
            do=decide,
            metric=oldest,
            threshold=held_alarm_hours * _HOUR_SECONDS,
        ),
        _Watch(
            name="held-21-days",
            missing=_AS_IT_WAS,
            means="A job has been suspended for 21 days; S3 fails it after 30.",
            do=decide,
            metric=suspended,
            threshold=21 * _DAY_SECONDS,
        ),
        _Watch(
            name="held-27-days",
            missing=_AS_IT_WAS,
            means="A job has been suspended for 27 days: in three days or less S3 fails it.",
            do=decide,
            metric=suspended,
            threshold=27 * _DAY_SECONDS,
        ),
    )
