"""The gate function: EventBridge's job events, from the queue or handed over directly."""

from __future__ import annotations

import json
from datetime import timedelta
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, TypedDict

from batchgate.aws.announcements import count_trouble
from batchgate.aws.wiring import Home, gate, logger
from batchgate.errors import EventError, GateError, JobNotFoundError, OutOfTimeError
from batchgate.gate.review import ONE_REVIEW_TAKES_AT_MOST, review_job
from batchgate.handlers import collecting_after_the_first_answer
from batchgate.jobs.events import parse_job_event
from batchgate.policy.wording import logged, printable
from batchgate.text import shorten

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from batchgate.jobs.model import Json

TRIES_FOR_AN_UNKNOWN_JOB = 3
"""S3 may not know a job just after its creation; after so many deliveries it is not there."""


class Failure(TypedDict):
    """One message that is to come again."""

    itemIdentifier: str


class PartialFailure(TypedDict):
    """What Lambda's event source mapping takes for an answer: the messages that are to come again.

    *Source*: Lambda developer guide, "Implementing partial batch responses" with Amazon SQS.
    """

    batchItemFailures: list[Failure]


@collecting_after_the_first_answer
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialFailure:
    """Review each job that the queue hands over; report the ones to hand over again.

    An EventBridge event that is handed over directly is reviewed the same way; its trouble is raised.
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
    """Review one message's job; whatever befalls it is told, and costs its neighbours nothing.

    Powertools' batch processor would do the same, and takes as long to load as everything that evaluates.
    """
    with logger.append_context_keys(message_id=printable(record["messageId"])):
        try:
            _review_record(record, context)
        except GateError as error:
            if not isinstance(error, JobNotFoundError):  # own trouble; that S3 knows no job yet is none
                logger.error("to be delivered again: own trouble", extra={"error": logged(error)})
                count_trouble(error)
            return False
        except Exception as error:  # noqa: BLE001 - the outermost boundary of a record
            said = {
                "error": shorten(printable(repr(error))),
                "at": [f"{each.filename}:{each.lineno} {each.name}" for each in extract_tb(error.__traceback__)],
            }
            logger.error("to be delivered again: a surprise", extra=said)
            count_trouble(error)
            return False
        return True


def _review_record(record: dict[str, Any], context: LambdaContext) -> None:
    try:
        event = json.loads(record["body"])
    except (ValueError, RecursionError):
        logger.error("event dropped: not JSON")
        return
    try:
        review_event(event, context)
    except JobNotFoundError as error:
        last = int(record["attributes"]["ApproximateReceiveCount"]) >= TRIES_FOR_AN_UNKNOWN_JOB
        said = "event dropped" if last else "to be delivered again"
        logger.warning(f"{said}: S3 knows no such job", extra={"error": logged(error)})
        if not last:
            raise


def review_event(event: Json, context: LambdaContext) -> None:
    """Review the job that one event speaks of; an event that speaks of none here is dropped, and logged.

    Raises:
        GateError: Own trouble: the event is worth another delivery.
    """
    try:
        ref = parse_job_event(event)
    except EventError as error:
        logger.error("event dropped: not a job event", extra={"error": logged(error)})
        return
    home = Home.of_function(context.invoked_function_arn)
    if (ref.partition, ref.region, ref.account_id) != (home.partition, home.region, home.account_id):
        logger.error("event dropped: the job is not in this account and Region", extra={"job_arn": ref.arn})
        return
    time_left = timedelta(milliseconds=context.get_remaining_time_in_millis())
    if time_left < ONE_REVIEW_TAKES_AT_MOST:
        raise OutOfTimeError(f"{ref}: not begun with {time_left.total_seconds():.0f} s left of the invocation")
    review_job(ref, gate(home, time_left))
