"""S3 Batch Operations and the S3 that holds the manifests, together on this machine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import boto3

from local_aws.ministack import running_ministack
from s3batch_emulator import Delays, Emulator, RealClock, S3Objects, over_http, running_server
from s3batch_emulator.events import Event

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3control.client import S3ControlClient

ACCOUNT = "123456789012"
REGION = "us-east-1"
_SECRET = "local"  # noqa: S105 - what the local AWS takes for one
_PASSING = timedelta(milliseconds=150)


@dataclass(frozen=True, slots=True)
class LocalServices:
    """Where the local services answer.

    Attributes:
        s3_url: The S3 endpoint; EventBridge and the rest of the local AWS answer there too.
        batch_url: The emulator of S3 Batch Operations; clients reach it as an HTTP proxy.
        batch: The emulator itself.
    """

    s3_url: str
    batch_url: str
    batch: Emulator

    @property
    def control_url(self) -> str:
        """S3 Control's endpoint as clients are told it; the account goes before the host."""
        return f"http://s3-control.{REGION}.amazonaws.com"

    def environment(self) -> dict[str, str]:
        """What a process must have in its environment to speak to these services, by any AWS SDK."""
        return {
            "AWS_ACCESS_KEY_ID": ACCOUNT,  # the local AWS takes the account from it
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.s3_url,
            "AWS_ENDPOINT_URL_S3_CONTROL": self.control_url,
            "HTTP_PROXY": self.batch_url,
            "http_proxy": self.batch_url,
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def s3(self) -> "S3Client":
        """A client of the local S3."""
        return _session().client("s3", endpoint_url=self.s3_url)

    def events(self) -> "EventBridgeClient":
        """A client of the local EventBridge."""
        return _session().client("events", endpoint_url=self.s3_url)

    def dynamodb(self) -> "DynamoDBClient":
        """A client of the local DynamoDB."""
        return _session().client("dynamodb", endpoint_url=self.s3_url)

    def s3control(self) -> "S3ControlClient":
        """A client of the emulator, by the real host name through the proxy."""
        return _session().client("s3control", endpoint_url=self.control_url, config=over_http(self.batch_url))


def _session() -> boto3.session.Session:
    return boto3.session.Session(region_name=REGION, aws_access_key_id=ACCOUNT, aws_secret_access_key=_SECRET)


@contextmanager
def running_services(event_sink: Callable[[Event], None], *, port: int = 0) -> Iterator[LocalServices]:
    """Serve both on 127.0.0.1 for as long as the context lasts.

    Args:
        event_sink: Is handed every event of S3 Batch Operations, on a thread of the emulator.
        port: The emulator's port; 0 takes a free one.

    Raises:
        MinistackError: The local S3 isn't installed, or didn't start.
    """
    with running_ministack() as s3_url:
        batch = Emulator(
            RealClock(),
            S3Objects(s3_url, access_key_id=ACCOUNT, secret_access_key=_SECRET),
            event_sink,
            region=REGION,
            delays=Delays.every(_PASSING),
        )
        with running_server(batch.asgi, port) as batch_url:
            yield LocalServices(s3_url, batch_url, batch)
