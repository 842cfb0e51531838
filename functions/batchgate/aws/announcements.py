"""The announcement of a review: one log line, metrics, one event on the bus."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from aws_lambda_powertools.metrics.functions import is_metrics_disabled
from botocore.config import Config
from msgspec import Struct

from batchgate.aws.answers import only_answers
from batchgate.aws.calls import CallError, make_call
from batchgate.contract import BUDGET_DIMENSION, DECISION_DETAIL_TYPE, METRIC_NAMESPACE, SERVICE, Metric
from batchgate.errors import (
    AnnounceError,
    GateError,
    JobsApiThrottledError,
    NoPolicyDeployedError,
    PolicyUnavailableError,
)
from batchgate.gate.state import Block
from batchgate.policy.wording import first_of, logged, printable
from batchgate.text import shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_lambda_powertools import Logger
    from mypy_boto3_events import EventBridgeClient

    from batchgate.gate.ports import Review
    from batchgate.gate.sweep import SweepReport

CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})

_ENDS: Final = frozenset({"approved", "cancelled", "superseded", "ungated", "ungated_or_confirmed_elsewhere", "lapsed"})
_COUNTED: Final = {
    "approved": Metric.APPROVED,
    "cancelled": Metric.CANCELLED,
    "held": Metric.HELD,
    "ungated": Metric.UNGATED,
    "ungated_or_confirmed_elsewhere": Metric.UNGATED_OR_CONFIRMED_ELSEWHERE,
    "superseded": Metric.SUPERSEDED,
    "lapsed": Metric.LAPSED,
    "pending": Metric.OUTCOME_UNKNOWN,
}


class DecisionEvent(msgspec.Struct, frozen=True):
    """The detail of the event "S3 Batch Job Decision". It is delivered at least once; `id` is the same each time.

    Attributes:
        id: Of this decision.
        job_arn: The job.
        job_id: Its id.
        account: Its account.
        region: Its Region.
        action: approved, cancelled, held, superseded, ungated, ungated_or_confirmed_elsewhere or lapsed.
        verdict: What the policies, or the person, wanted.
        reason: As it stands on the job, or why it is held; printable ASCII.
        decided_by: The policy version, followed by the ARNs of those whose approvals it counted; the person's ARN where
            a person cancelled; "" where neither decided.
        people: The ARNs of the people whose approvals, or whose cancellation, decided the job.
        lifted: The policies, guardrails and rules of the set whose holds people's approvals lifted; as `policies`.
        awaiting: Which approvals a held job waits for; "" where none would help.
        requester: The ARN of whoever created the job; "" where no policy asks for it, or it is not known.
        policies: The policies and guardrails that govern the job; of more than 100 the first 99, and "+N more".
        policy_version: Of the policies in force; "" where they could not be read.
        status: The job's status when it was last described.
        operation: The job's operation; "" where S3 did not say.
        total_tasks: Objects of the job; null where unknown.
        suspended_at: Since when the job waited; null where it did not.
        at: When this was decided.
        seconds_to_decision: From Suspended to an approval or a cancellation; null for anything else.
        until: When the window opens that a hold waits for; null where none will.
        cancels_at: When a held job will be cancelled unless it is fixed; null where it will not.
        claim_id: The job's claim in the ledger, part of the reason; "" where nothing was claimed.
        attempt: Which of the job's claims it was; 0 where nothing was claimed.
        shadow: The policies are in shadow mode: this is what was seen, nothing was done.
        unattributed: Nothing on the job says that it was the gate; it may have been a person in the console.
        alarm: What a person should look into; "" for nothing.
    """

    id: str
    job_arn: str
    job_id: str
    account: str
    region: str
    action: str
    verdict: str
    reason: str
    decided_by: str
    people: list[str]
    lifted: list[str]
    awaiting: str
    requester: str
    policies: list[str]
    policy_version: str
    status: str
    operation: str
    total_tasks: int | None
    suspended_at: str | None
    at: str
    seconds_to_decision: float | None
    until: str | None
    cancels_at: str | None
    claim_id: str
    attempt: int
    shadow: bool
    unattributed: bool
    alarm: str

    @classmethod
    def of(cls, review: Review) -> DecisionEvent:
        """A review as flat fields of printable ASCII; long texts are cut to what EventBridge accepts."""
        return cls(
            id=review.id,
            job_arn=review.ref.arn,
            job_id=review.ref.job_id,
            account=review.ref.account_id,
            region=review.ref.region,
            action=review.action,
            verdict=review.verdict,
            reason=shorten(printable(review.reason)),
            decided_by=shorten(printable(review.decided_by)),
            people=_names(review.people),
            lifted=_names(review.lifted),
            awaiting=shorten(printable(review.awaiting)),
            requester=shorten(printable(review.requester)),
            policies=_names(review.governing),
            policy_version=review.policy_version,
            status=str(review.status),
            operation=shorten(printable(review.operation)),
            total_tasks=review.total_tasks,
            suspended_at=review.suspended_at.isoformat() if review.suspended_at else None,
            at=review.at.isoformat(),
            seconds_to_decision=_seconds_to_decision(review),
            until=review.until.isoformat() if review.until else None,
            cancels_at=review.cancels_at.isoformat() if review.cancels_at else None,
            claim_id=review.claim_id,
            attempt=review.attempt,
            shadow=review.shadow,
            unattributed=review.unattributed,
            alarm=shorten(printable(review.alarm)),
        )


def _names(names: Sequence[str]) -> list[str]:
    return [shorten(printable(name)) for name in first_of(names)]


class Announcements(Struct):
    """The `Announcer` port: the log, CloudWatch's metrics by way of the log, and the bus.

    Attributes:
        bus: The event bus; None for the log and the metrics alone.
        events: A client made with `CONFIG`; None without a bus.
    """

    logger: Logger
    bus: str | None = None
    events: EventBridgeClient | None = None

    def __post_init__(self) -> None:
        if self.events is not None:
            only_answers(self.events.meta.events)

    def announce(self, review: Review) -> bool:
        """Put the event, then log and count: where the event fails nothing is counted, so nothing is counted twice.

        An end is announced again then. A hold is not: it is written, and the sweep finds it.
        """
        event = DecisionEvent.of(review)
        try:
            self._put(event)
        except AnnounceError as error:
            if review.action in _ENDS:
                raise
            self.logger.warning("the event of a hold was not sent", extra={"error": logged(error)})
        write = self.logger.warning if review.alarm else self.logger.info
        write(f"job {review.action}", extra={"decision": msgspec.to_builtins(event)})
        _count_review(review)
        _measure_budgets(review)
        return True

    def _put(self, event: DecisionEvent) -> None:
        events = self.events
        if events is None or not self.bus or (event.action not in _ENDS and event.action != "held"):
            return
        entry: Any = {
            "Source": SERVICE,
            "DetailType": DECISION_DETAIL_TYPE,
            "Detail": msgspec.json.encode(event).decode(),
            "EventBusName": self.bus,
            "Resources": [event.job_arn],
        }
        try:
            answer = make_call(lambda: events.put_events(Entries=[entry]))
        except CallError as error:
            raise AnnounceError(f"PutEvents for {event.job_arn}: {error}") from error
        put = answer.get("Entries") or [{}]
        if len(put) != 1 or not put[0].get("EventId") or answer.get("FailedEntryCount"):
            problem = f"{put[0].get('ErrorCode')} {put[0].get('ErrorMessage')}"
            raise AnnounceError(f"PutEvents for {event.job_arn}: the event has no id: {shorten(problem, 200)}")


# --- Metrics ------------------------------------------------------------------------------------------


def _count_review(review: Review) -> None:
    counted = {_COUNTED[review.action]: 1.0} if review.action in _COUNTED else {}
    if review.alarm:
        counted[Metric.CIRCUIT_BREAKER_HOLDS if review.block == Block.CIRCUIT_BREAKER else Metric.CONTRADICTIONS] = 1.0
    if review.rows_differ:
        counted[Metric.MANIFEST_ROWS_DIFFER] = 1.0
    metrics = _metrics(counted)
    waited = _seconds_to_decision(review)
    if waited is not None:
        metrics.add_metric(name=Metric.SECONDS_TO_DECISION, unit=MetricUnit.Seconds, value=waited)
    elif not counted:
        return
    _write(metrics)


def _measure_budgets(review: Review) -> None:
    """Write how much is used of each budget that the job takes of; whatever accounts it has, as one metric."""
    if review.action not in ("approved", "held"):
        return
    for name, percent in review.budgets.items():
        metrics = _metrics({})
        metrics.add_dimension(name=BUDGET_DIMENSION, value=printable(name))
        metrics.add_metric(name=Metric.BUDGET_USED, unit=MetricUnit.Percent, value=percent)
        _write(metrics)


def _seconds_to_decision(review: Review) -> float | None:
    if review.action not in ("approved", "cancelled") or review.suspended_at is None:
        return None
    return max(0.0, (review.at - review.suspended_at).total_seconds())


def count_error(error: Exception) -> None:
    """Count an error of the gate in the metrics that the alarms use.

    That no policies are deployed yet is no error in loading them: it would roll back the first ones.
    """
    counted = {Metric.ERRORS: 1.0}
    if isinstance(error, PolicyUnavailableError) and not isinstance(error, NoPolicyDeployedError):
        counted[Metric.POLICY_LOAD_ERRORS] = 1.0
    if isinstance(error, JobsApiThrottledError):
        counted[Metric.THROTTLED] = 1.0
    if not isinstance(error, GateError):
        counted[Metric.UNEXPECTED_ERRORS] = 1.0
    _write(_metrics(counted))


def count_sweep(report: SweepReport) -> None:
    """Write the gauges of one sweep; nothing where another sweep was running."""
    if not report.ran:
        return
    metrics = _metrics(
        {
            Metric.SWEEPS: 1.0,
            Metric.HELD_NOW: float(report.held),
            Metric.SWEEP_ERRORS: float(report.failed),
            Metric.LEFT_OVER: float(report.left),
            Metric.PAUSED: float(report.paused),
        }
    )
    for name, since in (
        (Metric.OLDEST_HELD_SECONDS, report.oldest_held),
        (Metric.OLDEST_SUSPENDED_SECONDS, report.oldest_suspended),
    ):
        metrics.add_metric(
            name=name, unit=MetricUnit.Seconds, value=(report.at - since).total_seconds() if since else 0.0
        )
    metrics.add_metric(name=Metric.SWEEP_LAG_SECONDS, unit=MetricUnit.Seconds, value=report.lag.total_seconds())
    _write(metrics)


def count(metric: Metric, value: float = 1) -> None:
    """Write one count; 0 gives an alarm data."""
    _write(_metrics({metric: float(value)}))


def _write(metrics: EphemeralMetrics) -> None:
    """Write one line by one call. A sweep's workers write at once, and print writes the line's end separately."""
    if is_metrics_disabled():
        return
    sys.stdout.write(f"{json.dumps(metrics.serialize_metric_set(), separators=(',', ':'))}\n")
    metrics.clear_metrics()


def _metrics(counts: dict[Metric, float]) -> EphemeralMetrics:
    """One line of the embedded metric format, with one dimension: `service`."""
    metrics = EphemeralMetrics(namespace=METRIC_NAMESPACE, service=SERVICE)
    for name, value in counts.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    return metrics
