"""The alarms: what each of them watches, what it means, and what to do about it.

Each alarm is one metric: arithmetic on metrics that come late or not at all counts what is missing as 0. Where one data
point may be late or incomplete, an alarm needs M of N. CloudWatch evaluates the latest N points *that exist* in a range
that is longer than N periods, by an unknown number; tests/infra/test_alarms.py shows each alarm within any.
*Source*: CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data".
"""

from dataclasses import dataclass
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs

from batchgate.contract import Metric
from infra.gate_functions import GateFunctions
from infra.job_events import JobEvents
from infra.manifest_reading import ManifestReading
from infra.metrics import FIVE_MINUTES, HOUR_SECONDS, MINUTE, gate_metric
from infra.people_api import PeopleApi

_DAY_SECONDS: Final = 86_400
_NO_SWEEP_MINUTES: Final = 15
"""Longer than the longest sweep, the minute until the next one, and the time that a metric takes to arrive."""

_AT_LEAST: Final = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
_BELOW: Final = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
_QUIET: Final = cloudwatch.TreatMissingData.NOT_BREACHING
_UNCHANGED: Final = cloudwatch.TreatMissingData.IGNORE
"""For metrics that stop while they would still be bad: what only a successful sweep reports, and dead letters, which
SQS stops reporting some hours after the last call. The alarm keeps its state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSpec:
    """One alarm.

    Attributes:
        name: The alarm's name after the stack's name, and its heading in docs/operations.md.
        means: What has happened.
        do: What to do about it.
        metric: On the dimension `service` alone, if the alarm rolls policies back.
        of: How many periods must reach the threshold...
        out_of: ...out of how many.
        rolls_back: Whether AppConfig rolls new policies back when this alarm becomes active within the bake time.
        when_idle: Whether a Region that hardly sees a job needs it. Where not, another alarm covers the same, later.
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
    rolls_back: bool = False
    when_idle: bool = True


def alarms_of_policies() -> tuple[AlarmSpec, ...]:
    """Policies that do harm, for which AppConfig rolls a new version back, and a version that nobody deployed.

    A policy can't keep a function from starting, so none of them watches a function.
    """
    return (
        AlarmSpec(
            name="policy-not-loadable",
            rolls_back=True,
            means="The gate has no policies that it can decide by, so no job is decided.",
            do="Look for 'policies:' errors in the functions' logs, check what AppConfig has deployed, and deploy "
            "files that `batchgate policy check` accepts.",
            metric=gate_metric(Metric.POLICY_LOAD_ERRORS).with_(period=MINUTE),
            of=2,
            out_of=15,
        ),
        AlarmSpec(
            name="circuit-breaker",
            rolls_back=True,
            means="Policies would have cancelled more jobs than the circuit breaker allows; further jobs are held.",
            do="`batchgate jobs held` shows them. If a policy cancels what it should not, fix the policy; otherwise "
            "`batchgate jobs cancel` them.",
            metric=gate_metric(Metric.CIRCUIT_BREAKER_HOLDS),
        ),
        AlarmSpec(
            name="contradiction",
            rolls_back=True,
            means="The status of a settled job is not what the gate settled, or an update took effect after the gate "
            "had assumed that it would not.",
            do="Find the job by 'alarm' in the decision lines of the logs; `batchgate jobs show` it.",
            metric=gate_metric(Metric.CONTRADICTIONS),
        ),
        AlarmSpec(
            name="unexpected-policy",
            missing=_UNCHANGED,
            means="The policies in force are not those that were deployed last: AppConfig rolled them back, or a "
            "person changed them. Or none were deployed yet, so no job is decided.",
            do="Look at AppConfig's deployments. If an alarm rolled the policies back, fix them; then deploy again, or "
            "`batchgate policy push` them.",
            metric=gate_metric(Metric.UNEXPECTED_POLICY, "Minimum"),
            of=2,
            out_of=3,
        ),
    )


def alarms_of_events(job_events: JobEvents) -> tuple[AlarmSpec, ...]:
    """Events that are absent, dropped, wait, or were not delivered or not reviewed."""

    def waiting(queue: sqs.Queue) -> cloudwatch.Metric:
        return queue.metric_approximate_number_of_messages_visible(statistic="Maximum", period=MINUTE)

    return (
        AlarmSpec(
            name="events-dropped",
            means="The gate dropped an event: it can't read it, the job is of another account or Region, or S3 does "
            "not know the job.",
            do="Look for 'event dropped' in the log of the function that reviews events. The sweep finds "
            "Suspended jobs.",
            metric=gate_metric(Metric.EVENTS_DROPPED),
        ),
        AlarmSpec(
            name="found-by-sweep",
            means="The sweep found a Suspended job that no event announced. S3 may lose a single event; if this "
            "repeats, probably no event arrives, and every decision is late by up to one sweep interval.",
            do="Check that a CloudTrail trail logs in this Region, and that the rule of job events is enabled.",
            metric=gate_metric(Metric.FOUND_BY_SWEEP).with_(period=Duration.hours(1)),
        ),
        AlarmSpec(
            name="unreviewed-events",
            missing=_UNCHANGED,
            means="The gate failed to review some events, after every retry. The sweep still finds their jobs.",
            do="`batchgate redrive` shows why and, once that is fixed, redelivers them.",
            metric=waiting(job_events.unreviewed),
        ),
        AlarmSpec(
            name="undelivered-events",
            missing=_UNCHANGED,
            means="EventBridge could not deliver events to the queue: the queue's policy or its key denies it.",
            do="Deploy again, which restores both; then run `batchgate redrive`.",
            metric=waiting(job_events.undelivered),
        ),
        AlarmSpec(
            name="events-wait",
            when_idle=False,
            means="Events have waited for 15 minutes: they arrive faster than they are reviewed, or none is reviewed.",
            do="Check the function's errors and throttles, and that its event source mapping is enabled. If there are "
            "none and it is, raise the setting max_concurrency.",
            metric=job_events.queue.metric_approximate_age_of_oldest_message(statistic="Maximum", period=MINUTE),
            threshold=15 * 60,
            of=3,
            out_of=5,
        ),
        AlarmSpec(
            name="events-retried",
            when_idle=False,
            means="The review of an event has failed three times. SQS no longer counts it among the events that wait.",
            do="Look for 'to be delivered again' in the log of the function that reviews events. After the last retry "
            "the event becomes a dead letter; the sweep finds its job.",
            metric=gate_metric(Metric.EVENTS_RETRIED),
        ),
    )


def alarms_of_functions(functions: GateFunctions) -> tuple[AlarmSpec, ...]:
    """Functions that fail, do not run, or are throttled."""
    return (
        AlarmSpec(
            name="job-event-fails",
            when_idle=False,
            means="The function that reviews events crashed or ran out of time.",
            do="Read its log. The events are redelivered, and the sweep finds their jobs.",
            metric=functions.job_event.metric_errors(period=FIVE_MINUTES),
            of=2,
            out_of=3,
        ),
        AlarmSpec(
            name="sweep-fails",
            when_idle=False,
            means="Sweeps fail or run out of time.",
            do="Read the sweep's log: was a call denied or throttled, are there no policies, is there no table? "
            "Another sweep starts every minute.",
            metric=functions.sweep.metric_errors(period=FIVE_MINUTES),
            of=2,
            out_of=3,
        ),
        AlarmSpec(
            name="no-sweep",
            means=f"No sweep has succeeded for {_NO_SWEEP_MINUTES} minutes: held jobs and jobs without events are not "
            "reviewed, and nothing that only a sweep reports is known.",
            do="Check that the rule is enabled and the function runs, and read its log. After the first deployment "
            "this alarm is active until the first sweep has succeeded.",
            metric=gate_metric(Metric.SWEEPS).with_(period=MINUTE),
            comparison=_BELOW,
            of=_NO_SWEEP_MINUTES,
            out_of=_NO_SWEEP_MINUTES,
            missing=cloudwatch.TreatMissingData.BREACHING,
        ),
        AlarmSpec(
            name="throttled-functions",
            when_idle=False,
            means="Lambda throttles the sweep: the account's concurrency is used up.",
            do="Raise the account's quota, or reduce what else uses it. Nothing is lost in the meantime.",
            metric=functions.sweep.metric_throttles(period=FIVE_MINUTES),
            of=2,
            out_of=3,
        ),
        AlarmSpec(
            name="throttled-by-s3",
            when_idle=False,
            means="S3 Control throttles the gate's calls.",
            do="Lower the settings max_concurrency and sweep_calls_per_second, or find out who else calls it.",
            metric=gate_metric(Metric.THROTTLED),
            threshold=10,
            of=2,
            out_of=3,
        ),
    )


def alarms_of_api(people_api: PeopleApi) -> tuple[AlarmSpec, ...]:
    """The API that people decide through: its function fails, or can't be invoked."""
    return (
        AlarmSpec(
            name="api-fails",
            means="The API that people decide through keeps failing: its function crashes, runs out of time, is "
            "throttled, or a service that it needs does not answer. What policies decide is not affected.",
            do="Read the function's log and the API's access log. People can repeat their requests.",
            metric=people_api.api.metric_server_error(period=FIVE_MINUTES, statistic="Sum"),
            of=2,
            out_of=3,
        ),
    )


def alarms_of_manifests(reading: ManifestReading | None) -> tuple[AlarmSpec, ...]:
    """Manifests that can't be read, or whose rows S3 counts otherwise; none if no manifest may be read."""
    if reading is None:
        return ()
    do = (
        "Look for 'error of the gate' in the log of the function that reads manifests. Another attempt begins by "
        "itself after an hour, later ones after up to a day. Until then people can decide the job."
    )
    return (
        AlarmSpec(
            name="manifest-not-read",
            means="A large manifest could not be read after every retry. Checks on its rows are unmeasurable.",
            do=do,
            metric=reading.machine.metric_failed(period=FIVE_MINUTES),
        ),
        AlarmSpec(
            name="manifest-not-read-in-time",
            means="Reading a large manifest took longer than six hours, and Step Functions stopped it.",
            do=do,
            metric=reading.machine.metric_timed_out(period=FIVE_MINUTES),
        ),
        AlarmSpec(
            name="manifest-rows-differ",
            means="The gate's number of rows in a manifest differs from S3's number of tasks, so one of the two counts "
            "is wrong. Checks on its rows are unmeasurable.",
            do="The job's reason has both numbers. Count the rows yourself, decide the job, and report it as a bug.",
            metric=gate_metric(Metric.MANIFEST_ROWS_DIFFER),
        ),
    )


def alarms_of_decisions(held_alarm_hours: int, *, idle: bool) -> tuple[AlarmSpec, ...]:
    """Reviews that fail, decisions that need a person, people who do not hear of them, and jobs that wait too long.

    An idle gate sweeps once in five minutes: what fails in each sweep is one error in a period, and not five.
    """
    oldest, suspended = (
        gate_metric(Metric.OLDEST_HELD_SECONDS, "Maximum"),
        gate_metric(Metric.OLDEST_SUSPENDED_SECONDS, "Maximum"),
    )
    decide = "`batchgate jobs held` shows why; `batchgate jobs approve` or `cancel` decides."
    return (
        AlarmSpec(
            name="gate-errors",
            means="Reviews keep failing: calls are denied or throttled, or AWS returns errors. Their jobs stay "
            "Suspended.",
            do="Run the saved query 'warnings and errors'.",
            metric=gate_metric(Metric.ERRORS),
            threshold=1 if idle else 3,
            of=3,
            out_of=4,
        ),
        AlarmSpec(
            name="paused",
            missing=_UNCHANGED,
            means="The gate is paused: it evaluates jobs and decides none.",
            do="`batchgate pause --status` shows who paused it and why; `batchgate resume` ends the pause.",
            metric=gate_metric(Metric.PAUSED, "Maximum"),
        ),
        AlarmSpec(
            name="sweep-errors",
            means="For more than ten minutes the sweep could not review some jobs, or list them.",
            do="Run the saved query 'warnings and errors'.",
            metric=gate_metric(Metric.SWEEP_ERRORS),
            of=3,
            out_of=4,
        ),
        AlarmSpec(
            name="sweep-lags",
            missing=_UNCHANGED,
            when_idle=False,
            means="Reviews of held jobs begin 15 minutes or more after they were due, because there are more held jobs "
            "than the call rate allows.",
            do="Raise the setting sweep_calls_per_second as long as S3 does not throttle, and decide held jobs.",
            metric=gate_metric(Metric.SWEEP_LAG_SECONDS, "Maximum"),
            threshold=15 * 60,
            of=3,
            out_of=4,
        ),
        AlarmSpec(
            name="no-subscriber",
            missing=_UNCHANGED,
            means="Nobody receives notices: the topic has no confirmed subscription.",
            do="Confirm the subscription by the link in AWS's e-mail, which expires after two days, or subscribe "
            "somebody to the topic.",
            metric=gate_metric(Metric.SUBSCRIBERS, "Maximum"),
            comparison=_BELOW,
            of=3,
            out_of=3,
        ),
        AlarmSpec(
            name="notices-failed",
            means="A notice of holds or cancellations could not be published.",
            do="Look for 'notice not sent' in the log of the sweep: may it publish to the topic and use the topic's "
            "key? `batchgate jobs held` lists the held jobs.",
            metric=gate_metric(Metric.NOTICES_FAILED),
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
