"""The function that reads large manifests: each step of the state machine's executions invokes it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct

from batchgate.aws.announcements import count_error
from batchgate.aws.wiring import Home, logger, open_job_event_queue, open_reading_steps
from batchgate.errors import GateError
from batchgate.gate.manifest_reading import ReadingRequest
from batchgate.handlers import collecting_after_first_response
from batchgate.policy.wording import logged

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from batchgate.jobs.model import Json


class StepInput(Struct, frozen=True):
    """What the state machine passes to a step.

    Attributes:
        request: The execution's input.
        part: Of the step `count`: the number of the part.
        error: Of the step `give_up`: the name of the error, as Step Functions has it.
    """

    step: Literal["plan", "count", "combine", "give_up"]
    request: ReadingRequest
    part: int = 0
    error: str = ""


_INPUTS: Final = msgspec.json.Decoder(StepInput)


@collecting_after_first_response
@logger.inject_lambda_context
def handler(event: dict[str, Json], context: LambdaContext) -> dict[str, Json]:
    """Make one step. The planning step answers with the numbers of the parts, the others with nothing.

    Raises:
        GateError: The step failed. Step Functions tries it again, and then gives up.
    """
    given = _INPUTS.decode(msgspec.json.encode(event))
    steps = open_reading_steps(Home.of_function(context.invoked_function_arn))
    details = {"manifest": given.request.manifest.id, "job": given.request.job_arn}
    with logger.append_context_keys(**details):
        try:
            match given.step:
                case "plan":
                    return {"parts": list(range(steps.plan(given.request)))}
                case "count":
                    steps.count(given.request, given.part)
                case "combine":
                    steps.combine(given.request)
                    _have_reviewed(given.request)
                case "give_up":
                    error = _name(given.error)
                    if steps.give_up(given.request, error):
                        logger.error("a manifest could not be read", extra={"error": error})
                    _have_reviewed(given.request)
        except GateError as error:
            logger.error(f"step {given.step}: error of the gate", extra={"part": given.part, "error": logged(error)})
            count_error(error)
            raise
        return {}


def _have_reviewed(request: ReadingRequest) -> None:
    open_job_event_queue().send(request.job_arn)


def _name(error: str) -> str:
    """The name of an error, of which a reason on a job may consist; what it says is in the log."""
    return error if re.fullmatch(r"[A-Za-z.]{1,60}", error) else "an unexpected error"
