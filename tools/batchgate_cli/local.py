"""`batchgate local`: the services that the gate works with, on this machine."""

import signal
import threading
from contextlib import suppress
from typing import Annotated

import typer
from rich.console import Console

from batchgate_cli.exits import told_errors
from local_aws.services import ACCOUNT, LocalServices, running_services
from s3batch_emulator.events import Event

app = typer.Typer(help="Run S3 Batch Operations and S3 on this machine.", no_args_is_help=True)


@app.callback()
def local() -> None:
    """Run S3 Batch Operations and S3 on this machine."""


@app.command()
def up(
    port: Annotated[
        int, typer.Option(help="Port of the job API on 127.0.0.1; 0 takes any free one.", min=0, max=65535)
    ] = 0,
) -> None:
    """Serve the job API and a local S3 on the loopback interface until Ctrl-C."""
    console = Console(highlight=False, soft_wrap=True)

    def show(event: Event) -> None:
        said = event["detail"]["serviceEventDetails"]
        console.print(f"{event['detail']['eventName']} {said['jobId']} {said['status']}", markup=False)

    with told_errors(), running_services(show, port=port) as services:
        console.print(_settings(services), markup=False)
        stopped = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stopped.set())
        with suppress(KeyboardInterrupt):
            stopped.wait()
    console.print("ended")


def _settings(services: LocalServices) -> str:
    exports = "\n".join(f"  export {name}={value}" for name, value in services.environment().items())
    return f"""S3 Batch Operations on {services.batch_url}, S3 and the rest on {services.s3_url}. In another shell:

{exports}
  aws s3 mb s3://manifests
  aws s3control list-jobs --account-id {ACCOUNT}

Ctrl-C ends it, and everything in it is gone."""
