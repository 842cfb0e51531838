"""What botocore raises, as errors of commands. In one place; imports no boto3."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError, NoRegionError
from botocore.exceptions import ConnectionError as AwsConnectionError
from botocore.parsers import ResponseParserError

from batchgate.text import shorten
from batchgate_cli.operating.options import GateAccessError


@contextmanager
def aws_errors() -> Iterator[None]:
    """Turn what botocore raises into a message with what to do."""
    try:
        yield
    except NoCredentialsError as error:
        raise GateAccessError("no AWS credentials; pass --profile, set AWS_PROFILE or run `aws configure`") from error
    except NoRegionError as error:
        raise GateAccessError("no Region; pass --region or set AWS_DEFAULT_REGION") from error
    except ClientError as error:
        details: Any = error.response.get("Error", {})
        message = f"{error.operation_name}: {details.get('Code')}: {shorten(str(details.get('Message') or ''), 300)}"
        raise GateAccessError(message) from error
    except (AwsConnectionError, HTTPClientError) as error:
        raise GateAccessError(f"{error}; check the network, --region and AWS_ENDPOINT_URL") from error
    except (BotoCoreError, ResponseParserError) as error:
        raise GateAccessError(str(error)) from error
