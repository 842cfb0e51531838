"""`batchgate emulator`: the S3 Batch Operations job API on this machine."""

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Run the S3 Batch Operations job API on this machine.")


@app.callback()
def emulator() -> None:
    """Run the S3 Batch Operations job API on this machine."""


@app.command()
def serve(
    port: Annotated[
        int, typer.Option(metavar="NUMBER", help="Port on 127.0.0.1; 0 takes any free one.", min=0, max=65535)
    ] = 0,
    s3_endpoint: Annotated[
        str | None, typer.Option("--s3-endpoint", metavar="URL", help="S3 that holds the manifests. Without: none.")
    ] = None,
    region: Annotated[str, typer.Option(metavar="REGION", help="Region of requests that name none.")] = "us-east-1",
    delay_ms: Annotated[
        int,
        typer.Option("--delay-ms", metavar="NUMBER", help="How many ms a job stays in a passing status.", min=0),
    ] = 50,
    *,
    stepped: Annotated[
        bool,
        typer.Option(
            "--stepped",
            help="Stop the clock: only the control API advances it, with its token.",
        ),
    ] = False,
    events: Annotated[bool, typer.Option("--events/--no-events", help="Print a line for every event.")] = True,
) -> None:
    """Serve the job API over HTTP on the loopback interface until Ctrl-C.

    Manifests are read with your AWS credentials: environment variables, a profile, or whatever else AWS tools find.
    The control API under /_emulator/ is open to requests with `Authorization: Bearer TOKEN`, where TOKEN is the value
    of the environment variable S3BATCH_CONTROL_TOKEN, and closed if that is not set. Web browsers are refused.
    """
    from s3batch_emulator import serve as server

    try:
        server.serve(server.Options(port, s3_endpoint, region, delay_ms, stepped, events))
    except server.OptionError as error:
        raise typer.BadParameter(str(error), param_hint=error.option) from error
    except server.ServeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.exit_code) from error
