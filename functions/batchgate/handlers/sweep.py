"""The sweep function: reviews jobs that are due, or that no event announced. A rule calls it every minute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from batchgate.aws.announcements import count, count_error, count_sweep
from batchgate.aws.wiring import Home, logger, open_ports, sweep_plan
from batchgate.contract import Metric
from batchgate.errors import GateError, NoPolicyDeployedError
from batchgate.gate.digest import notify_people
from batchgate.gate.heartbeat import beat
from batchgate.gate.sweep import Memory, SweepReport, sweep_jobs
from batchgate.handlers import collecting_after_first_response
from batchgate.policy.wording import logged

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from batchgate.gate.ports import Ports
    from batchgate.jobs.model import Json

_memory = Memory()


@collecting_after_first_response
@logger.inject_lambda_context
def handler(event: dict[str, Json], context: LambdaContext) -> dict[str, Json]:
    """Sweep once and return a report.

    Raises:
        GateError: Nothing could be done. The next minute's sweep tries again; an alarm fires if this continues.
    """
    home = Home.of_function(context.invoked_function_arn)
    time_left = timedelta(milliseconds=context.get_remaining_time_in_millis())
    try:
        ports = open_ports(home, time_left, paced=True)
        report = sweep_jobs(
            ports,
            sweep_plan(home),
            _memory,
            owner=context.aws_request_id,
            afterwards=lambda report: _report(report, home, ports),
        )
    except GateError as error:
        count_error(error)
        raise
    if not report.ran:
        logger.warning("another sweep is running", extra={"sweep": report_fields(report)})
    return report_fields(report)


def _report(report: SweepReport, home: Home, ports: Ports) -> None:
    """Log and count what a sweep did, and notify people. What fails here the next sweep does."""
    for subject, failure in report.errors:
        logger.error("sweep: error of the gate", extra={"job": subject, "error": logged(failure)})
        count_error(failure)
    count_sweep(report)
    logger.info("swept", extra={"sweep": report_fields(report)})
    with _counting_errors("heartbeat not written"):  # before what may take until Lambda ends the sweep
        count(Metric.FOUND_BY_SWEEP, beat(report, ports))
    with _counting_errors("notice not sent", Metric.NOTICES_FAILED):
        notify_people(report.waiting, home.account_id, home.region, ports, read_at=report.at)
    with _counting_errors("the expected policy version is not known"):
        _compare_policies(report, ports)
    with _counting_errors("the topic's subscriptions are not known"):
        if ports.notices is not None:
            count(Metric.SUBSCRIBERS, ports.notices.subscribers())


def _compare_policies(report: SweepReport, ports: Ports) -> None:
    """Count whether other policies are in force than should be, or none; nothing where either is not known."""
    if any(isinstance(failure, NoPolicyDeployedError) for _, failure in report.errors):
        count(Metric.UNEXPECTED_POLICY)
        return
    in_force = report.policy_version
    is_expected = ports.deployed.is_version(in_force) if ports.deployed is not None and in_force else None
    if is_expected is None:
        return
    if not is_expected:
        logger.warning("the policies in force are not the deployment's", extra={"policy_version": in_force})
    count(Metric.UNEXPECTED_POLICY, not is_expected)


@contextmanager
def _counting_errors(what: str, counted: Metric | None = None) -> Iterator[None]:
    try:
        yield
    except GateError as error:
        logger.error(what, extra={"error": logged(error)})
        count_error(error)
        if counted is not None:
            count(counted)


def report_fields(report: SweepReport) -> dict[str, Json]:
    """A report as flat fields."""
    oldest, suspended = report.oldest_held, report.oldest_suspended
    return {
        "ran": report.ran,
        "listed": report.listed,
        "due": report.due,
        "new": report.new,
        "did": {**report.did},
        "failed": report.failed,
        "left": report.left,
        "cut_off": report.cut_off,
        "held": report.held,
        "waiting_for_people": len(report.waiting),
        "paused": report.paused,
        "oldest_held_seconds": (report.at - oldest).total_seconds() if oldest else 0,
        "oldest_suspended_seconds": (report.at - suspended).total_seconds() if suspended else 0,
        "lag_seconds": report.lag.total_seconds(),
    }
