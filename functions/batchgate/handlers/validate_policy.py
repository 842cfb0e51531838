"""What AppConfig asks before a document goes live: whether the gate could decide by it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from batchgate.errors import PolicyError
from batchgate.handlers import collecting_after_the_first_answer
from batchgate.policy.deployed import load_deployed
from batchgate.policy.wording import first_of, printable
from batchgate.text import shorten

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="batchgate")

_LOGGED = 100
"""Problems of one document that are logged; all are in the error."""


@collecting_after_the_first_answer
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Read the document with the code that the gate reads it with.

    *Source* of the event's shape: AppConfig User Guide, "Understanding validators".

    Raises:
        PolicyError: It is refused; whatever is raised keeps AppConfig from deploying it, and this message says why.
    """
    said = {
        name: shorten(printable(str(event.get(name, ""))))
        for name in ("configurationProfileId", "configurationVersion")
    }
    try:
        policies = load_deployed(base64.b64decode(event["content"], validate=True))
    except PolicyError as error:
        problems = first_of([shorten(printable(str(problem))) for problem in error.problems])
        logger.warning("policy refused", extra={**said, "problems": problems})
        raise
    logger.info("policy may go live", extra={**said, "policy_version": policies.version, "shadow": policies.shadow})
