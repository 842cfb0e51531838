"""AppConfig's validator: rejects policy documents that the gate can't load."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from batchgate.errors import PolicyError
from batchgate.handlers import collecting_after_first_response
from batchgate.policy.deployed import load_deployed
from batchgate.policy.wording import first_of, printable
from batchgate.text import shorten

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="batchgate")

_LOGGED = 100
"""How many problems of one document are logged; the error has all of them."""


@collecting_after_first_response
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Load the document with the gate's own code.

    *Source* of the event's shape: AppConfig User Guide, "Understanding validators".

    Raises:
        PolicyError: The document is invalid. AppConfig does not deploy it, and shows this message.
    """
    document = {
        name: shorten(printable(str(event.get(name, ""))))
        for name in ("configurationProfileId", "configurationVersion")
    }
    try:
        policies = load_deployed(base64.b64decode(event["content"], validate=True))
    except PolicyError as error:
        problems = first_of([shorten(printable(str(problem))) for problem in error.problems])
        logger.warning("policy refused", extra={**document, "problems": problems})
        raise
    logger.info("policy may go live", extra={**document, "policy_version": policies.version, "shadow": policies.shadow})
