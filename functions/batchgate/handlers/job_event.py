"""The gate function: reviews the jobs of EventBridge's events, delivered by the queue or passed directly."""

from __future__ import annotations

import json
from datetime import timedelta
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, TypedDict

from batchgate.aws.announcements import count, count_error
from batchgate.aws.wiring import Home, logger, open_ports
from batchgate.contract import Metric
from batchgate.errors import EventError, GateError, JobNotFoundError, OutOfTimeError
from batchgate.gate.review import TIME_FOR_ONE_REVIEW, review_job
from batchgate.handlers import collecting_after_first_response
from batchgate.jobs.events import is_own_request, parse_job_event
from batchgate.policy.wording import logged, printable
from batchgate.text import shorten

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from batchgate.gate.ports import Ports
    from batchgate.jobs.model import Json

TRIES_FOR_AN_UNKNOWN_JOB = 3
"""S3 may not know a job just after its creation. After this many deliveries the event is dropped."""

TRIES_THAT_SQS_COUNTS = 3
"""Events that were received more often are not in SQS's metric of the oldest message's age.

*Source*: SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS", ApproximateAgeOfOldestMessage.
"""


class Failure(TypedDict):
    """One message to deliver again."""

    itemIdentifier: str


class PartialFailure(TypedDict):
    """The response that Lambda's event source mapping expects: the messages to deliver again.

    *Source*: Lambda developer guide, "Implementing partial batch responses" with Amazon SQS.
    """

    batchItemFailures: list[Failure]


@collecting_after_first_response
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialFailure:
    """Review the job of each message; return the messages to deliver again.

    An EventBridge event that is passed directly is reviewed the same way, and its error is raised.
    """
    if "Records" not in event:
        review_event(event, context)
        return {"batchItemFailures": []}
    return {
        "batchItemFailures": [
            {"itemIdentifier": record["messageId"]} for record in event["Records"] if not _is_done(record, context)
        ]
    }


def _is_done(record: dict[str, Any], context: LambdaContext) -> bool:
    """Review one message's job. A failure is logged and counted, and does not affect the batch's other messages.

    Powertools' batch processor would do the same, but takes as long to load as all of the evaluation code.
    """
    with logger.append_context_keys(message_id=printable(record["messageId"])):
        try:
            _review_record(record, context)
        except GateError as error:
            if not isinstance(error, JobNotFoundError):  # a job that S3 does not know yet is no error of the gate
                logger.error("to be delivered again: error of the gate", extra={"error": logged(error)})
                count_error(error)
            return False
        except Exception as error:  # noqa: BLE001 - the outermost boundary of a record
            details = {
                "error": shorten(printable(repr(error))),
                "at": [f"{each.filename}:{each.lineno} {each.name}" for each in extract_tb(error.__traceback__)],
            }
            logger.error("to be delivered again: unexpected error", extra=details)
            count_error(error)
            return False
        return True


def _review_record(record: dict[str, Any], context: LambdaContext) -> None:
    if int(record["attributes"]["ApproximateReceiveCount"]) > TRIES_THAT_SQS_COUNTS:
        count(Metric.EVENTS_RETRIED)
    try:
        event = json.loads(record["body"])
    except (ValueError, RecursionError):
        _drop("not JSON")
        return
    try:
        review_event(event, context)
    except JobNotFoundError as error:
        if int(record["attributes"]["ApproximateReceiveCount"]) < TRIES_FOR_AN_UNKNOWN_JOB:
            logger.warning("to be delivered again: S3 knows no such job", extra={"error": logged(error)})
            raise
        _drop("S3 knows no such job", error=logged(error))


def review_event(event: Json, context: LambdaContext) -> None:
    """Review the job of one event. An event that names no job of this account and Region is logged and dropped.

    Raises:
        GateError: The gate or a service failed: the event should be delivered again.
    """
    try:
        ref = parse_job_event(event)
    except EventError as error:
        _drop("not a job event", error=logged(error))
        return
    home = Home.of_function(context.invoked_function_arn)
    if (ref.partition, ref.region, ref.account_id) != (home.partition, home.region, home.account_id):
        _drop("the job is not in this account and Region", job_arn=ref.arn)
        return
    time_left = timedelta(milliseconds=context.get_remaining_time_in_millis())
    if time_left < TIME_FOR_ONE_REVIEW:
        raise OutOfTimeError(f"{ref}: not started with {time_left.total_seconds():.0f} s left of the invocation")
    ports = open_ports(home, time_left)
    try:
        review_job(ref, ports)
    finally:
        if not is_own_request(event):
            _note_event(ports)


def _drop(why: str, **details: str) -> None:
    """Log and count an event that is not delivered again: it would be dropped each time."""
    logger.error(f"event dropped: {why}", extra={"dropped": why, **details})
    count(Metric.EVENTS_DROPPED)


def _note_event(ports: Ports) -> None:
    """Record that events arrive: after the review, which must not wait for it or fail because of it."""
    try:
        ports.ledger.note_event(ports.clock.now())
    except GateError as error:
        logger.error("the time of the last event was not recorded", extra={"error": logged(error)})
        count_error(error)
