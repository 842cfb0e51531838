"""`batchgate emulator`: the S3 Batch Operations job API on this machine."""

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import click

from batchgate_cli.exits import PLAIN_EXIT_CODES_HELP, show_error
from batchgate_cli.groups import command_group, option
from batchgate_cli.output import print_line

if TYPE_CHECKING:
    from s3batch_emulator import ObjectSource
    from s3batch_emulator.events import Event

TOKEN_VARIABLE = "S3BATCH_CONTROL_TOKEN"  # noqa: S105 - the name of the variable
TOKEN_LENGTH = 16

app = command_group("Run the S3 Batch Operations job API on this machine.", PLAIN_EXIT_CODES_HELP)

_HINT = """\
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

_NO_S3 = """\
The manifests in --s3-endpoint can't be read: {error}

The emulator reads them with your AWS credentials, found as any AWS tool finds them. Most local S3 servers accept any:

  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"""


@app.add()
def serve(
    port: Annotated[
        int, option(metavar="NUMBER", help="Port on 127.0.0.1; 0 takes any free one.", type=click.IntRange(0, 65535))
    ] = 0,
    s3_endpoint: Annotated[
        str | None, option("--s3-endpoint", metavar="URL", help="S3 with the manifests. Default: none.")
    ] = None,
    region: Annotated[str, option(metavar="REGION", help="Region of requests without one.")] = "us-east-1",
    delay_ms: Annotated[
        int,
        option(
            "--delay-ms", metavar="NUMBER", help="How many ms a job stays in a passing status.", type=click.IntRange(0)
        ),
    ] = 50,
    *,
    stepped: Annotated[
        bool,
        option(
            "--stepped",
            help="Stop the clock: only the control API advances it, with its token.",
        ),
    ] = False,
    events: Annotated[bool, option("--events/--no-events", help="Print a line for every event.")] = True,
) -> None:
    """Serve the job API over HTTP on the loopback interface until Ctrl-C.

    Manifests are read with your AWS credentials: environment variables, a profile, or whatever else AWS tools find.
    The control API under /_emulator/ is open to requests with `Authorization: Bearer TOKEN`, where TOKEN is the value
    of the environment variable S3BATCH_CONTROL_TOKEN, and closed where that is not set. Web browsers are refused.
    """
    import asyncio

    from s3batch_emulator import Delays, Emulator, MemoryObjects, RealClock, SteppedClock
    from s3batch_emulator.server import bound_socket, uvicorn_server

    if s3_endpoint is not None and not s3_endpoint.startswith(("http://", "https://")):
        raise click.BadParameter(f"expected http://HOST:PORT, got {s3_endpoint!r}", param_hint="--s3-endpoint")
    token = os.environ.get(TOKEN_VARIABLE)
    if token is not None and len(token) < TOKEN_LENGTH:
        raise click.BadParameter(f"expected at least {TOKEN_LENGTH} characters", param_hint=TOKEN_VARIABLE)
    if stepped and token is None:
        message = (
            f"expected a token in the environment variable {TOKEN_VARIABLE}: without one the clock can't be advanced"
        )
        raise click.BadParameter(message, param_hint="--stepped")

    def show(event: "Event") -> None:
        if events:
            print_line(_event_line(event))

    batch = Emulator(
        SteppedClock(datetime.now(UTC)) if stepped else RealClock(),
        _objects(s3_endpoint, region) if s3_endpoint else MemoryObjects(),
        show,
        region=region,
        delays=Delays.every(timedelta(milliseconds=delay_ms)),
        control_token=token,
    )
    batch.dates = RealClock()  # as S3's: clients compare it with their own clock, whatever the jobs' time is
    try:
        listening = bound_socket(port)
    except OSError as error:
        show_error(f"can't listen on 127.0.0.1:{port}: {error.strerror}")
        raise click.exceptions.Exit(1) from error
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    print(_HINT.format(url=url, region=region), end="", flush=True)
    try:
        asyncio.run(uvicorn_server(batch.asgi).serve(sockets=[listening]))
    except KeyboardInterrupt:
        # uvicorn raises the signal again once it has shut down.
        pass
    finally:
        listening.close()
    print("ended")


def _objects(endpoint: str, region: str) -> "ObjectSource":
    """The S3 that holds the manifests, with the credentials that any AWS tool would use here."""
    from botocore.exceptions import BotoCoreError

    from s3batch_emulator import S3Objects

    try:
        return S3Objects(endpoint, region=region)
    except (BotoCoreError, ValueError) as error:
        click.echo(_NO_S3.format(error=error), err=True)
        raise click.exceptions.Exit(2) from error


def _event_line(event: "Event") -> str:
    details = event["detail"]["serviceEventDetails"]
    return f"{event['time']} {event['detail']['eventName']} {details['jobId']} {details['status']}"
