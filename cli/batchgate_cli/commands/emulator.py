"""`batchgate emulator`: the S3 Batch Operations job API on this machine."""

from typing import Annotated

import click

from batchgate_cli.exits import PLAIN_EXIT_CODES_HELP, show_error
from batchgate_cli.groups import command_group, option
from batchgate_cli.option_types import Url, Whole

app = command_group("Run the S3 Batch Operations job API on this machine.", PLAIN_EXIT_CODES_HELP)


@app.add(epilog=PLAIN_EXIT_CODES_HELP)
def serve(
    port: Annotated[
        int, option(metavar="NUMBER", help="Port on 127.0.0.1; 0 takes any free one.", type=Whole(0, 65535))
    ] = 0,
    s3_endpoint: Annotated[
        str | None,
        option(
            "--s3-endpoint",
            metavar="URL",
            help="The S3 server with the manifests; none can be read if not given.",
            type=Url(),
        ),
    ] = None,
    region: Annotated[str, option(metavar="REGION", help="Region of requests that name none.")] = "us-east-1",
    delay_ms: Annotated[
        int,
        option(
            "--delay-ms",
            metavar="NUMBER",
            help="Milliseconds that a job stays in a transient status; at most a day.",
            type=Whole(0, 86_400_000),
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
    The control API under /_emulator/ takes requests with `Authorization: Bearer TOKEN`, where TOKEN is the value of
    the environment variable S3BATCH_CONTROL_TOKEN; without that variable it takes none. Web browsers are refused.
    """
    from s3batch_emulator import serve as server

    try:
        server.serve(server.Options(port, s3_endpoint, region, delay_ms, stepped, events))
    except server.OptionError as error:
        raise click.BadParameter(str(error), param_hint=error.option) from error
    except server.ServeError as error:
        show_error(str(error))
        raise click.exceptions.Exit(error.exit_code) from error
