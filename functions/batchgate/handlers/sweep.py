"""The sweep function: what is due, and what no event announced. A rule calls it every minute."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from batchgate.aws.announcements import count_sweep, count_trouble
from batchgate.aws.wiring import Home, gate, logger, sweep_plan
from batchgate.errors import GateError
from batchgate.gate.digest import tell_people
from batchgate.gate.sweep import Memory, SweepReport, sweep_jobs
from batchgate.handlers import collecting_after_the_first_answer
from batchgate.policy.wording import logged

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from batchgate.jobs.model import Json

_memory = Memory()


@collecting_after_the_first_answer
@logger.inject_lambda_context
def handler(event: dict[str, Json], context: LambdaContext) -> dict[str, Json]:
    """Sweep once; the answer says what was found and done.

    Raises:
        GateError: Nothing could be done; the next minute's sweep tries again, and an alarm rings.
    """
    home = Home.of_function(context.invoked_function_arn)
    time_left = timedelta(milliseconds=context.get_remaining_time_in_millis())
    try:
        ports = gate(home, time_left, paced=True)
        report = sweep_jobs(ports, sweep_plan(home), _memory, owner=context.aws_request_id)
    except GateError as error:
        count_trouble(error)
        raise
    said = report_fields(report)
    for what, trouble in report.troubles:
        logger.error("sweep: own trouble", extra={"job": what, "error": logged(trouble)})
        count_trouble(trouble)
    count_sweep(report)
    if report.ran:
        logger.info("swept", extra={"sweep": said})
    else:
        logger.warning("another sweep is at it", extra={"sweep": said})
    try:
        tell_people(report.waiting, home.account_id, home.region, ports)
    except GateError as error:  # the sweep went well all the same, and the next one tells
        logger.error("digest: own trouble", extra={"error": logged(error)})
        count_trouble(error)
    return said


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
