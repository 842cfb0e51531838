"""The AWS around the gate on one loopback port: ministack, and the emulator of S3 Batch Operations."""

import json
import logging
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import urllib3
from botocore.config import Config

from batchgate_cli.local.ministack import MinistackError, running_ministack
from batchgate_cli.local.ministack_server import TOKEN_VARIABLE
from s3batch_emulator import (
    Caller,
    Delays,
    Emulator,
    Identity,
    RealClock,
    S3Objects,
    application,
    over_http,
    running_server,
)
from s3batch_emulator.events import Event, discard

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3control.client import S3ControlClient

ACCOUNT = "123456789012"
REGION = "us-east-1"
CONTROL_URL = f"http://s3-control.{REGION}.amazonaws.com"
"""S3 Control's endpoint in clients' configuration; the account goes before the host, and the way there is a proxy."""

_SECRET = "local"  # noqa: S105 - of the account's own key, in the local AWS alone
PASSING = timedelta(milliseconds=150)
_ANSWERS_WITHIN_SECONDS = 30.0
_WITHOUT_FILES: dict[str, tuple[Any, Any, Any, Any]] = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
"""Where botocore finds settings: name in the file, environment variable, default, conversion."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LocalServices:
    """Where the local AWS answers.

    Attributes:
        url: The endpoint of every service; S3 Control's clients reach it as an HTTP proxy.
        batch: The emulator of S3 Batch Operations itself.
        token: What its control paths take; no function and no browser has it.
    """

    url: str
    batch: Emulator
    token: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        """What a process must have in its environment to speak to these services, by any AWS SDK."""
        return environment(self.url)

    def enforce_roles(self, *, enforced: bool = True) -> None:
        """From now on let every caller do what IAM allows them, and nothing else; or all, as at first.

        The account's own credentials, which `environment` has, may do everything.
        """
        _ask_gateway(self.url, self.token, "roles", {"enforced": enforced})

    def put_event(self, event: Mapping[str, Any]) -> None:
        """Put an event on the default bus of its account and Region, as AWS services do: whatever its source."""
        _ask_gateway(self.url, self.token, "events", event)

    def s3(self) -> "S3Client":
        """A client of the local S3."""
        return session().client("s3", endpoint_url=self.url)

    def events(self) -> "EventBridgeClient":
        """A client of the local EventBridge."""
        return session().client("events", endpoint_url=self.url)

    def dynamodb(self) -> "DynamoDBClient":
        """A client of the local DynamoDB."""
        return session().client("dynamodb", endpoint_url=self.url)

    def s3control(self) -> "S3ControlClient":
        """A client of the emulator, by the real host name through the proxy."""
        return session().client("s3control", endpoint_url=CONTROL_URL, config=over_http(self.url))


def environment(url: str) -> dict[str, str]:
    """What a process must have in its environment to speak to the local AWS at a URL, by any AWS SDK."""
    return {
        "AWS_ACCESS_KEY_ID": ACCOUNT,  # the local AWS takes the account from it
        "AWS_SECRET_ACCESS_KEY": _SECRET,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_S3_CONTROL": CONTROL_URL,
        "HTTP_PROXY": url,
        "http_proxy": url,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def session() -> boto3.session.Session:
    """The account's own credentials, to which nothing is refused; no profile, file or proxy of this machine counts."""
    own = botocore.session.Session(session_vars=_WITHOUT_FILES)
    own.set_default_client_config(Config(proxies={}))
    return boto3.session.Session(
        region_name=REGION, aws_access_key_id=ACCOUNT, aws_secret_access_key=_SECRET, botocore_session=own
    )


@contextmanager
def running_services(watch: Callable[[Event], None] = discard, *, port: int = 0) -> Iterator[LocalServices]:
    """Serve the local AWS on 127.0.0.1 for as long as the context lasts.

    Every event of S3 Batch Operations goes to the local EventBridge's default bus, from where rules carry it on.

    Args:
        watch: Is handed every event too, once EventBridge has it, on a thread of the emulator.
        port: The port; 0 takes a free one.

    Raises:
        MinistackError: The local AWS isn't installed, or didn't start.
    """
    token = secrets.token_urlsafe()
    variables = {
        "AWS_ENDPOINT_URL_S3_CONTROL": CONTROL_URL,
        "AWS_SECRET_ACCESS_KEY": _SECRET,  # the account's own, by which its requests of the gate's API are verified
        TOKEN_VARIABLE: token,
    }
    with running_ministack(port, environment=variables) as url:

        def announce(event: Event) -> None:
            try:
                _ask_gateway(url, token, "events", event)
            except MinistackError as error:  # best effort, as on AWS
                _LOG.warning("event %s was lost: %s", event["id"], error)
            watch(event)

        def allowed(caller: Caller, action: str, resource: str) -> bool:
            asked = {"account_id": ACCOUNT, "region": REGION, "access_key_id": caller.access_key_id or ""}
            return bool(_ask_gateway(url, token, "may", {**asked, "action": action, "resource": resource})["may"])

        batch = Emulator(
            RealClock(),
            S3Objects.at(url, access_key_id=ACCOUNT, secret_access_key=_SECRET),
            announce,
            region=REGION,
            delays=Delays.every(PASSING),
            identity=Identity(authorizer=allowed),
        )
        with running_server(application(batch)) as batch_url:
            _ask_gateway(url, token, "batch", {"url": batch_url})
            yield LocalServices(url, batch, token)


def _ask_gateway(url: str, token: str, what: str, body: object) -> dict[str, Any]:
    """Ask for what ministack itself has no API for; see ministack_server.py."""
    try:
        answer = urllib3.request(
            "PUT",
            f"{url}/_batchgate/{what}",
            headers={"Authorization": f"Bearer {token}", "Connection": "close"},
            body=json.dumps(body),
            timeout=_ANSWERS_WITHIN_SECONDS,
            retries=False,
        )
    except urllib3.exceptions.HTTPError as error:
        raise MinistackError(f"{url} does not answer: {error}") from error
    if answer.status != HTTPStatus.OK:
        raise MinistackError(f"{url} answers {answer.status} when asked for {what}")
    found: dict[str, Any] = answer.json()
    return found
