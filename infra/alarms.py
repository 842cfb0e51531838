"""The alarms: what each of them watches, what it means, and what to do about it."""

from dataclasses import dataclass
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs

from batchgate.contract import Metric
from infra.gate_functions import GateFunctions
from infra.job_events import JobEvents
from infra.metrics import FIVE_MINUTES, HOUR_SECONDS, MINUTE, gate_metric

_DAY_SECONDS: Final = 86_400

_AT_LEAST: Final = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
_BELOW: Final = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
_QUIET: Final = cloudwatch.TreatMissingData.NOT_BREACHING
_UNCHANGED: Final = cloudwatch.TreatMissingData.IGNORE
"""For metrics that only a successful sweep reports: while sweeps fail, the alarm keeps its state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSpec:
    """One alarm.

    Attributes:
        name: The alarm's name after the stack's name.
        means: What has happened.
        do: What to do about it.
        of: How many periods must reach the threshold...
        out_of: ...out of how many.
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


def policy_errors() -> AlarmSpec:
    """The alarm by which AppConfig rolls a new policy back.

    On the gate's own metrics alone, whose dimension is known before any function exists.
    """
    return AlarmSpec(
        name="policy-errors",
        means="The gate can't load its policies. AppConfig rolls a new policy back if this happens within its bake "
        "time.",
        do="Look for 'policies:' errors in the functions' logs, check what AppConfig has deployed, and deploy a policy "
        "that `batchgate policy check` accepts. While this alarm is active AppConfig rolls that back, too. Disable the "
        "alarm's actions first (`aws cloudwatch disable-alarm-actions`), and enable them afterwards.",
        metric=gate_metric(Metric.POLICY_LOAD_ERRORS).with_(period=MINUTE),
        of=2,
        out_of=3,
    )


def alarms_of_events(job_events: JobEvents) -> tuple[AlarmSpec, ...]:
    """Events that wait, or that were not delivered or not reviewed."""

    def waiting(queue: sqs.Queue) -> cloudwatch.Metric:
        return queue.metric_approximate_number_of_messages_visible(statistic="Maximum", period=MINUTE)

    return (
        AlarmSpec(
            name="unreviewed-events",
            means="The gate failed to review some events, after every retry. The sweep still finds their jobs.",
            do="`batchgate redrive` shows why and, once that is fixed, redelivers them.",
            metric=waiting(job_events.unreviewed),
        ),
        AlarmSpec(
            name="undelivered-events",
            means="EventBridge could not deliver events to the queue: the queue's policy or its key denies it.",
            do="Deploy again, which restores both; then run `batchgate redrive`.",
            metric=waiting(job_events.undelivered),
        ),
        AlarmSpec(
            name="events-wait",
            means="Events have waited for 15 minutes: they arrive faster than they are reviewed, or reviews fail.",
            do="Check the function's errors and throttles, and the gate's errors: an event whose review fails waits, "
            "too. If there are none, raise the setting max_concurrency.",
            metric=job_events.queue.metric_approximate_age_of_oldest_message(statistic="Maximum", period=MINUTE),
            threshold=15 * 60,
            of=5,
            out_of=5,
        ),
    )


def alarms_of_functions(functions: GateFunctions) -> tuple[AlarmSpec, ...]:
    """Functions that fail, do not run, or are throttled."""
    throttled = {
        f"m{number}": each.metric_throttles(period=FIVE_MINUTES) for number, each in enumerate(functions.deciding)
    }
    return (
        AlarmSpec(
            name="job-event-fails",
            means="The function that reviews jobs by their events crashed or ran out of time.",
            do="Read its log. Its events are retried, and the sweep finds their jobs.",
            metric=functions.job_event.metric_errors(period=FIVE_MINUTES),
            of=2,
            out_of=2,
        ),
        AlarmSpec(
            name="sweep-fails",
            means="The sweep has failed for five minutes in a row.",
            do="Read its log: denied, throttled, no policy, no table? Every minute another sweep starts.",
            metric=functions.sweep.metric_errors(period=MINUTE),
            of=5,
            out_of=5,
        ),
        AlarmSpec(
            name="no-sweep",
            means="No sweep has succeeded for 10 minutes: held jobs and jobs without events are not reviewed.",
            do="Check that the rule is enabled and the function runs, and read its log. This alarm also becomes active "
            "once after the first deployment.",
            metric=gate_metric(Metric.SWEEPS).with_(period=Duration.minutes(10)),
            comparison=_BELOW,
            missing=cloudwatch.TreatMissingData.BREACHING,
        ),
        AlarmSpec(
            name="throttled-functions",
            means="Lambda throttled invocations: the account's concurrency is used up.",
            do="Raise the account's quota, or reduce what else uses it. Nothing is lost in the meantime.",
            metric=cloudwatch.MathExpression(
                expression=" + ".join(f"FILL({name}, 0)" for name in throttled),
                using_metrics=throttled,
                period=FIVE_MINUTES,
                label="throttled invocations",
            ),
            of=2,
            out_of=3,
        ),
        AlarmSpec(
            name="throttled-by-s3",
            means="S3 Control throttles the gate's calls.",
            do="Lower the settings max_concurrency and sweep_calls_per_second, or find out who else calls it.",
            metric=gate_metric(Metric.THROTTLED),
            threshold=10,
            of=2,
            out_of=3,
        ),
    )


def alarms_of_decisions(held_alarm_hours: int) -> tuple[AlarmSpec, ...]:
    """Reviews that fail, decisions that need a person, and jobs that wait for too long."""
    oldest, suspended = (
        gate_metric(Metric.OLDEST_HELD_SECONDS, "Maximum"),
        gate_metric(Metric.OLDEST_SUSPENDED_SECONDS, "Maximum"),
    )
    decide = "`batchgate jobs held` shows why; `batchgate jobs approve` or `cancel` decides."
    return (
        AlarmSpec(
            name="gate-errors",
            means="Reviews keep failing: denied, throttled, or an error of AWS. Their jobs stay Suspended.",
            do="Run the saved query 'what went wrong, by message'.",
            metric=gate_metric(Metric.ERRORS),
            threshold=5,
            of=3,
            out_of=3,
        ),
        AlarmSpec(
            name="policy-not-loadable",
            means="The gate has no policy that it can decide by: every job waits.",
            do="Look for 'policies:' errors in the functions' logs, and do what the alarm policy-errors says.",
            metric=gate_metric(Metric.POLICY_LOAD_ERRORS),
            of=2,
            out_of=2,
        ),
        AlarmSpec(
            name="paused",
            missing=_UNCHANGED,
            means="The gate is paused: it evaluates jobs and decides none.",
            do="`batchgate pause --status` shows who paused it and why; `batchgate resume` ends the pause.",
            metric=gate_metric(Metric.PAUSED, "Maximum"),
        ),
        AlarmSpec(
            name="circuit-breaker",
            means="Policies would have cancelled more jobs than the circuit breaker allows; further ones are held.",
            do="`batchgate jobs held` shows them. If a policy cancels what it should not, fix the policy; otherwise "
            "`batchgate jobs cancel` them.",
            metric=gate_metric(Metric.CIRCUIT_BREAKER_HOLDS),
        ),
        AlarmSpec(
            name="contradiction",
            means="A job is not in the status that the gate gave it, or an update took effect after it was given up.",
            do="Find the job by 'alarm' in the decision lines of the logs; `batchgate jobs show` it.",
            metric=gate_metric(Metric.CONTRADICTIONS),
        ),
        AlarmSpec(
            name="sweep-errors",
            means="For 15 minutes the sweep could not review some jobs.",
            do="Run the saved query 'what went wrong, by message'.",
            metric=gate_metric(Metric.SWEEP_ERRORS),
            of=3,
            out_of=3,
        ),
        AlarmSpec(
            name="sweep-lags",
            missing=_UNCHANGED,
            means="Reviews start 15 minutes late: there are more jobs than the call rate allows.",
            do="Raise the setting sweep_calls_per_second as long as S3 does not throttle, and decide held jobs.",
            metric=gate_metric(Metric.SWEEP_LAG_SECONDS, "Maximum"),
            threshold=15 * 60,
            of=3,
            out_of=3,
        ),
        AlarmSpec(
            name="held-long",
            missing=_UNCHANGED,
            means=f"A job has been held for {held_alarm_hours} hours.",
            do=decide,
            metric=oldest,
            threshold=held_alarm_hours * HOUR_SECONDS,
        ),
        AlarmSpec(
            name="held-21-days",
            missing=_UNCHANGED,
            means="A job has been suspended for 21 days; S3 fails it after 30.",
            do=decide,
            metric=suspended,
            threshold=21 * _DAY_SECONDS,
        ),
        AlarmSpec(
            name="held-27-days",
            missing=_UNCHANGED,
            means="A job has been suspended for 27 days; S3 fails it in three days or less.",
            do=decide,
            metric=suspended,
            threshold=27 * _DAY_SECONDS,
        ),
    )
