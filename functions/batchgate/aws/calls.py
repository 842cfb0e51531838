"""Calls of AWS through botocore. Whatever botocore raises becomes a `CallError` here, and nowhere else."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError

from batchgate.errors import GateError
from batchgate.text import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.awsrequest import AWSResponse
    from botocore.hooks import BaseEventHooks
    from botocore.model import OperationModel

T = TypeVar("T")

_UNREADABLE = (
    BotoCoreError,
    ResponseParserError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    OSError,
)
"""What botocore raises for a connection that failed, and for a response that is not AWS's.

Its parsers guard against broken documents, not against well-formed ones of another shape.
"""

_NO_SUCCESS = 300


class Failure(Enum):
    """How a call failed."""

    INVALID = auto()
    """botocore refused the parameters. Nothing was sent."""
    NO_CREDENTIALS = auto()
    """The request could not be signed. Nothing was sent."""
    REFUSED = auto()
    """The response is an error."""
    NO_RESPONSE = auto()
    """No response came, or one that can't be read. The call may have had its effect."""


class CallError(GateError):
    """A call of AWS failed.

    Attributes:
        failure: How.
        operation: The operation; "" unless there was an error response.
        code: AWS's error code, likewise.
        status: The HTTP status; 0 likewise.
        response: The error response as botocore parsed it; empty likewise.
    """

    def __init__(self, failure: Failure, message: str, response: Mapping[str, Any], operation: str = "") -> None:
        super().__init__(message)
        self.failure = failure
        self.operation = operation
        self.response = response
        self.code = str(response.get("Error", {}).get("Code") or "")
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        self.status = status if isinstance(status, int) else 0

    @property
    def is_from_aws(self) -> bool:
        """Whether the response names its request, as all of AWS's do; one of a proxy says nothing of what AWS did."""
        return bool(self.response.get("ResponseMetadata", {}).get("RequestId"))


def make_call(call: Callable[[], T]) -> T:
    """Make a call, or read a streamed response.

    Raises:
        CallError: It failed.
    """
    try:
        return call()
    except ClientError as error:
        response: Mapping[str, Any] = error.response
        details = response.get("Error", {})
        message = f"{details.get('Code') or ''}: {shorten(str(details.get('Message') or ''), 200)}"
        raise CallError(Failure.REFUSED, message, response, error.operation_name) from error
    except ParamValidationError as error:
        raise CallError(Failure.INVALID, _named(error), {}) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise CallError(Failure.NO_CREDENTIALS, _named(error), {}) from error
    except _UNREADABLE as error:
        raise CallError(Failure.NO_RESPONSE, _named(error), {}) from error


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def never_retry(events: BaseEventHooks, operation: str) -> None:
    """Have botocore make one attempt of an operation, however it fails.

    Args:
        events: Of the client; a second time changes nothing.
        operation: SERVICE.OPERATION, as botocore's events name it.
    """
    events.register_first(f"needs-retry.{operation}", _fail_at_once, unique_id="batchgate-one-attempt")


def _fail_at_once(
    response: tuple[AWSResponse, Any] | None, caught_exception: Exception | None, operation: OperationModel, **_: object
) -> None:
    """Raise what went wrong before botocore's own retries are asked.

    *Source*: botocore, Endpoint, the event `needs-retry`; its answers say how long to wait, and a retry follows.
    """
    if caught_exception is not None:
        raise caught_exception
    if response is not None and response[0].status_code >= _NO_SUCCESS:
        raise ClientError(response[1], operation.name)
