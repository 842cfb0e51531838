"""What botocore raises, as errors of commands. In one place; imports no boto3."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)
from botocore.exceptions import ConnectionError as AwsConnectionError
from botocore.parsers import ResponseParserError

from batchgate.errors import GateError, RefusedError
from batchgate.text import shorten
from batchgate_cli.exits import OutcomeUnknownError
from batchgate_cli.operating.options import GateAccessError

_QUERY: Final = re.compile(r'\?[^"\s]*')
"""Of a URL in botocore's message."""


@contextmanager
def aws_errors(where: str = "--region and AWS_ENDPOINT_URL") -> Iterator[None]:
    """Turn what botocore raises into a message with what to do.

    Args:
        where: What says which endpoint is called.
    """
    try:
        yield
    except NoCredentialsError as error:
        raise GateAccessError("no AWS credentials; pass --profile, set AWS_PROFILE or run `aws configure`") from error
    except NoRegionError as error:
        raise GateAccessError("no Region; pass --region or set AWS_REGION") from error
    except ProfileNotFound as error:
        raise GateAccessError(f"{error}; `aws configure list-profiles` lists the profiles") from error
    except ClientError as error:
        details: Any = error.response.get("Error", {})
        message = f"{error.operation_name}: {details.get('Code')}: {shorten(str(details.get('Message') or ''), 300)}"
        raise GateAccessError(message) from error
    except (AwsConnectionError, HTTPClientError) as error:
        raise _not_reached(error, where) from error
    except (BotoCoreError, ResponseParserError) as error:
        raise GateAccessError(str(error)) from error
    except GateError as error:
        if (cause := _connection_error_behind(error)) is None:
            raise
        raise _not_reached(cause, where) from error


def _not_reached(error: BaseException, where: str) -> GateAccessError:
    return GateAccessError(f"{_QUERY.sub('', str(error))}; check the network, {where}")


def _connection_error_behind(error: GateError) -> BaseException | None:
    """What botocore raised because AWS could not be reached; None where that is not why."""
    if isinstance(error, (GateAccessError, OutcomeUnknownError, RefusedError)):
        return None
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, (AwsConnectionError, HTTPClientError)):
        cause = cause.__cause__
    return cause
