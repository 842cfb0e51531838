"""The gate function: EventBridge's job events, from the queue or handed over directly."""

import json
from datetime import timedelta
from functools import partial

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from batchgate.adapters.announce import count_trouble
from batchgate.errors import BatchgateError, EventError, JobNotFoundError, OutOfTimeError
from batchgate.jobs.events import parse_job_event
from batchgate.jobs.model import Json
from batchgate.policy.wording import printable
from batchgate.review import ONE_REVIEW_TAKES_AT_MOST, review_job
from batchgate.wiring import Home, gate, logger

TRIES_FOR_AN_UNKNOWN_JOB = 3
"""S3 may not know a job just after its creation; after so many deliveries it is not there."""

_processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@logger.inject_lambda_context
def handler(event: dict[str, Json], context: LambdaContext) -> PartialItemFailureResponse:
    """Review each job that the queue hands over; report the ones to hand over again.

    An EventBridge event that is handed over directly is reviewed the same way; its trouble is raised.
    """
    if "Records" not in event:
        review_event(event, context)
        return {"batchItemFailures": []}
    return process_partial_response(event, partial(_review_record, context=context), _processor, context)


def _review_record(record: SQSRecord, context: LambdaContext) -> None:
    with logger.append_context_keys(message_id=printable(record.message_id)):
        try:
            event = json.loads(record.body)
        except (ValueError, RecursionError):
            logger.error("event dropped: not JSON")
            return
        try:
            review_event(event, context)
        except JobNotFoundError as error:
            last = int(record.attributes.approximate_receive_count) >= TRIES_FOR_AN_UNKNOWN_JOB
            said = "event dropped" if last else "to be delivered again"
            logger.warning(f"{said}: S3 knows no such job", extra={"error": printable(str(error))})
            if not last:
                raise
        except BatchgateError as error:
            logger.error("to be delivered again: own trouble", extra={"error": printable(str(error))})
            count_trouble(error)
            raise


def review_event(event: Json, context: LambdaContext) -> None:
    """Review the job that one event speaks of; an event that speaks of none here is dropped, and logged.

    Raises:
        BatchgateError: Own trouble: the event is worth another delivery.
    """
    try:
        ref = parse_job_event(event)
    except EventError as error:
        logger.error("event dropped: not a job event", extra={"error": printable(str(error))})
        return
    home = Home.of_function(context.invoked_function_arn)
    if (ref.partition, ref.region, ref.account_id) != (home.partition, home.region, home.account_id):
        logger.error("event dropped: the job is not in this account and Region", extra={"job_arn": ref.arn})
        return
    time_left = timedelta(milliseconds=context.get_remaining_time_in_millis())
    if time_left < ONE_REVIEW_TAKES_AT_MOST:
        raise OutOfTimeError(f"{ref}: not begun with {time_left.total_seconds():.0f} s left of the invocation")
    review_job(ref, gate(home, time_left))
