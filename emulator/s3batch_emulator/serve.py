"""The emulator as a server process: what `s3batch-emulator serve` runs until Ctrl-C."""

import asyncio
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError

from s3batch_emulator.clock import RealClock, SteppedClock
from s3batch_emulator.emulator import Emulator
from s3batch_emulator.events import Event, discard
from s3batch_emulator.objects import MemoryObjects, ObjectSource, S3Objects
from s3batch_emulator.server import application, bound_socket, uvicorn_server
from s3batch_emulator.switches import Delays

TOKEN_VARIABLE = "S3BATCH_CONTROL_TOKEN"  # noqa: S105 -- the name of the variable
TOKEN_LENGTH = 16
DELAY_MS_AT_MOST = 86_400_000
"""A day."""

_REGION = re.compile(r"[a-z]{2,8}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}")

_READY = """\
S3 Batch Operations job API on {url}

S3 Control puts the account id before every host, so the emulator stands in as the proxy. In another shell:

  export HTTP_PROXY={url} NO_PROXY=127.0.0.1,localhost
  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION={region} AWS_DEFAULT_REGION={region}
  aws s3control list-jobs --account-id 123456789012 --endpoint-url http://s3-control.{region}.amazonaws.com

boto3:

  boto3.client("s3control", region_name="{region}", endpoint_url="http://s3-control.{region}.amazonaws.com",
               config=botocore.config.Config(proxies={{"http": "{url}"}}))

Ctrl-C ends it.
"""

_NO_CREDENTIALS = """\
The manifests in --s3-endpoint can't be read: {error}

The emulator reads them with your AWS credentials, found as any AWS tool finds them. Most local S3 servers accept any:

  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"""


class OptionError(Exception):
    """An option, or the environment variable of the token, has a value that can't be used.

    Attributes:
        option: Its name, such as `--port`.
    """

    def __init__(self, option: str, message: str) -> None:
        """Name the option and say what was expected."""
        super().__init__(message)
        self.option = option


class ServeError(Exception):
    """The server can't start, for a reason outside of its options.

    Attributes:
        exit_code: What a command exits with.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        """Say why, for the person at the terminal."""
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `serve`.

    Attributes:
        port: On 127.0.0.1; 0 takes any free one.
        s3_endpoint: URL of the S3 server that holds the manifests; None for no manifests.
        region: The Region of requests that name none.
        delay_ms: How long a job stays in a passing status, in milliseconds; `DELAY_MS_AT_MOST` at most.
        stepped: The clock moves only by requests of the control API.
        events: Print a line for every event.
    """

    port: int = 0
    s3_endpoint: str | None = None
    region: str = "us-east-1"
    delay_ms: int = 50
    stepped: bool = False
    events: bool = True


def serve(options: Options) -> None:
    """Serve the job API on the loopback interface until Ctrl-C.

    Raises:
        OptionError: An option, or the control token in the environment, can't be used.
        ServeError: There are no credentials for `s3_endpoint` (exit code 2), or the port is taken (exit code 1).
    """
    _check_values(options)
    emulator = Emulator(
        SteppedClock(datetime.now(UTC)) if options.stepped else RealClock(),
        _objects(options),
        _print_event if options.events else discard,
        region=options.region,
        delays=Delays.every(timedelta(milliseconds=options.delay_ms)),
        control_token=_control_token(options),
    )
    emulator.dates = RealClock()  # clients compare the Date header with their own clock, whatever the jobs' time is
    try:
        listening = bound_socket(options.port)
    except OSError as error:
        raise ServeError(f"can't listen on 127.0.0.1:{options.port}: {error.strerror}", 1) from error
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    print(_READY.format(url=url, region=options.region), end="", flush=True)
    try:
        asyncio.run(uvicorn_server(application(emulator)).serve(sockets=[listening]))
    except KeyboardInterrupt:
        # uvicorn raises the signal again once it has shut down.
        pass
    finally:
        listening.close()
    print("ended", flush=True)


def _check_values(options: Options) -> None:
    if not 0 <= options.delay_ms <= DELAY_MS_AT_MOST:
        raise OptionError("--delay-ms", f"expected a number from 0 to {DELAY_MS_AT_MOST}, got {options.delay_ms}")
    if not _REGION.fullmatch(options.region):
        raise OptionError("--region", f"expected a Region such as eu-west-1, got {options.region!r}")


def _control_token(options: Options) -> str | None:
    token = os.environ.get(TOKEN_VARIABLE)
    if token is not None and len(token) < TOKEN_LENGTH:
        raise OptionError(TOKEN_VARIABLE, f"expected at least {TOKEN_LENGTH} characters")
    if options.stepped and token is None:
        raise OptionError(
            "--stepped",
            f"expected a token in the environment variable {TOKEN_VARIABLE}: it is needed to advance the clock",
        )
    return token


def _objects(options: Options) -> ObjectSource:
    """The S3 that holds the manifests, with the credentials that any AWS tool would use here."""
    if options.s3_endpoint is None:
        return MemoryObjects()
    if not options.s3_endpoint.startswith(("http://", "https://")):
        raise OptionError("--s3-endpoint", f"expected http://HOST:PORT, got {options.s3_endpoint!r}")
    try:
        return S3Objects.at(options.s3_endpoint, region=options.region)
    except (BotoCoreError, ValueError) as error:
        raise ServeError(_NO_CREDENTIALS.format(error=error), 2) from error


def _print_event(event: Event) -> None:
    detail = event["detail"]["serviceEventDetails"]
    print(f"{event['time']} {event['detail']['eventName']} {detail['jobId']} {detail['status']}", flush=True)
