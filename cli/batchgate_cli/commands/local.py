"""`batchgate local`: the gate's own stack in a local AWS, on this machine."""

import contextlib
import json
import os
import shlex
import signal
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from batchgate.text import shorten
from batchgate_cli.exits import PLAIN_EXIT_CODES_HELP, POLICY_EXIT_CODES_HELP, Exit, reported_errors
from batchgate_cli.groups import command_group, option
from batchgate_cli.local.running_local import NotAnsweringError, Running, end, only_one, running
from batchgate_cli.option_types import Whole
from batchgate_cli.output import Output, OutputOption, printable_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from batchgate_cli.local.services import LocalServices
    from s3batch_emulator.events import Event

app = command_group("Run the gate's own stack in a local AWS, on this machine.", POLICY_EXIT_CODES_HELP)


@app.add(epilog=POLICY_EXIT_CODES_HELP)
def up(
    port: Annotated[
        int, option(help="Port on 127.0.0.1; 0 takes any free one.", type=Whole(0, 65535), metavar="NUMBER")
    ] = 0,
    policy: Annotated[
        list[Path] | None,
        option(
            "--policy",
            metavar="PATH",
            help="Policy file or directory to enforce; those of cdk.json if not given. Can be given several times.",
            show_default=False,
        ),
    ] = None,
    deploy: Annotated[
        bool, option("--deploy/--no-deploy", help="Deploy the gate, or start the services without it.")
    ] = True,
    events: Annotated[bool, option("--events/--no-events", help="Print a line for every job event.")] = True,
) -> None:
    """Start a local AWS, deploy the gate into it with the real cdk command, and serve both until Ctrl-C.

    One port answers every service: S3 Batch Operations by the emulator, all others by ministack. Web browsers are
    refused, because a function of this local AWS is a process that runs as you. The template is that
    of `make deploy`: job events pass the deployed rule and queue to the deployed function, and the sweep runs every
    minute. Deploying needs a checkout of batchgate, and `make setup` in it.

    When it stops, the jobs and everything else in it are deleted.
    """
    from rich.console import Console

    from batchgate_cli.authoring import policy_file
    from batchgate_cli.local.deployment import STACK
    from batchgate_cli.local.services import running_services

    console = Console(highlight=False, soft_wrap=True)
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, _interrupt)

    def show(event: "Event") -> None:
        details = event["detail"]["serviceEventDetails"]
        if events:
            console.print(f"{event['detail']['eventName']} {details['jobId']} {details['status']}", markup=False)

    with reported_errors():
        if policy:
            policy_file.load(policy)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        with only_one() as publish:
            publish(Running(os.getpid(), since))
            with running_services(show, port=port) as services:
                publish(Running(os.getpid(), since, services.url, deploying=deploy))
                if deploy:
                    _deploy(services, policy or [], console)
                    publish(Running(os.getpid(), since, services.url, STACK))
                console.print(_what_next(services.url, deployed=deploy), markup=False)
                with contextlib.suppress(KeyboardInterrupt):
                    while True:  # Ctrl-C just before a wait without a limit would have no effect
                        time.sleep(0.5)
    console.print("ended")


@app.add(epilog="Exit codes: 0 a local AWS is running, 1 none is running, or failed, 2 wrong usage.")
def status(
    exports: Annotated[
        bool, option("--exports", help='Print the shell settings alone: eval "$(batchgate local status --exports)".')
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show whether a local AWS is running on this machine, on which port, and which jobs it has."""
    found = running()
    if exports and found is not None and found.url:
        click.echo(_exports(found.url))
        return
    with reported_errors():
        jobs = _jobs(found.url) if found and found.url else {}
    if output is Output.JSON:
        result = {"running": found is not None, "jobs": jobs}
        if found is not None:
            stack = {"stack": found.stack or None, "deploying": found.deploying}
            result |= {"url": found.url, "pid": found.pid, "since": found.since, **stack}
        click.echo(json.dumps(result, indent=2))
    elif found is None:
        click.echo("no local AWS runs; `batchgate local up` starts one", err=exports)
        if exports:
            click.echo("false")  # a script that evals this must not continue with another account's settings
    else:
        click.echo(f"local AWS: {found.url or 'starting'}, since {found.since}, process {found.pid}", err=exports)
        click.echo(f"stack:     {found.stack_in_words}", err=exports)
        click.echo(f"jobs:      {', '.join(f'{count} {name}' for name, count in jobs.items()) or 'none'}", err=exports)
    if found is None or (exports and not found.url):
        raise click.exceptions.Exit(Exit.FAILED)


@app.add(epilog=PLAIN_EXIT_CODES_HELP)
def down() -> None:
    """Stop the local AWS that runs on this machine; everything in it is deleted."""
    with reported_errors():
        ended = end()
    click.echo(f"ended: {ended.url or 'it was starting'}")


def _deploy(services: "LocalServices", policies: list[Path], console: "Console") -> None:
    """Synthesize and deploy; on a terminal, cdk's last line is shown."""
    from batchgate_cli.local.deployment import STACK, Deployment

    settings = {"policy_files": [os.path.realpath(path) for path in policies]} if policies else {}
    with tempfile.TemporaryDirectory(prefix="batchgate-cdk-") as directory, console.status("") as waiting:

        def show(line: str) -> None:
            if line.strip():
                waiting.update(progress_of(line, console.width))

        deployment = Deployment(services.url, Path(directory, "cdk.out"), settings=settings, show=show)
        console.print("synthesizing and deploying ...")
        outputs = deployment.deploy()
    evaluated_by = ", ".join(map(str, policies)) or "those of cdk.json"
    console.print(f"deployed the stack {STACK}, policies: {evaluated_by}", markup=False)
    for name, value in sorted(outputs.items()):
        console.print(f"  {name:<20} {value}", markup=False)


def progress_of(line: str, width: int) -> "Text":
    """A line of cdk as it is shown while it works, in a terminal of that many columns; brackets in it are no markup."""
    from rich.text import Text

    return Text(shorten(printable_line(" ".join(line.split())), max(20, width - 4)))


def _jobs(url: str) -> dict[str, int]:
    """How many jobs there are of each status.

    Raises:
        NotAnsweringError: The local AWS does not answer: it is ending, or stopped.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from batchgate_cli.local.services import ACCOUNT, CONTROL_URL, session
    from s3batch_emulator import over_http

    client = session().client("s3control", endpoint_url=CONTROL_URL, config=over_http(url))
    found: Counter[str] = Counter()
    more = {"AccountId": ACCOUNT, "MaxResults": 1000}
    while True:
        try:
            page = client.list_jobs(**more)  # type: ignore[arg-type]
        except (BotoCoreError, ClientError) as error:
            raise NotAnsweringError(f"the local AWS on {url} does not answer; it may be ending: try again") from error
        found.update(str(job["Status"]) for job in page.get("Jobs", []))
        if not page.get("NextToken"):
            return dict(sorted(found.items()))
        more["NextToken"] = page["NextToken"]


def _exports(url: str) -> str:
    """Shell settings: these commands, this local AWS, and no real credentials."""
    from batchgate_cli.local.ministack import CHECKOUT
    from batchgate_cli.local.services import environment

    commands = shlex.quote(str(Path(sys.executable).parent))
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environment(url).items()]
    aws = CHECKOUT / ".venv-awscli" / "bin"  # after the path's own
    last = f":{shlex.quote(str(aws))}" if aws.is_dir() else ""
    return "\n".join(["unset AWS_PROFILE AWS_SESSION_TOKEN", *exports, f'export PATH={commands}:"$PATH"{last}'])


def _what_next(url: str, *, deployed: bool) -> str:
    from batchgate_cli.local.services import ACCOUNT

    exports = "\n".join(f"  {line}" for line in _exports(url).splitlines())
    command = shlex.quote(str(Path(sys.executable).with_name("batchgate")))  # not in the path before the exports
    gate = (
        """
  batchgate jobs held                              what the gate holds, and why; `jobs show JOB`, `jobs approve JOB`
  aws logs describe-log-groups                     where its functions log"""
        if deployed
        else ""
    )
    return f"""
A local AWS is on {url}. In another shell, whose AWS commands then reach only this one:

{exports}

(the same: eval "$({command} local status --exports)"). Then, for example:

  cd "$(mktemp -d)" && seq -f 'data,key%g' 2500 > many.csv && aws s3 mb s3://manifests
  ETAG=$(aws s3api put-object --bucket manifests --key many.csv --body many.csv --query ETag --output text)
  aws s3control create-job --account-id {ACCOUNT} --priority 10 --report Enabled=false \\
    --role-arn arn:aws:iam::{ACCOUNT}:role/any --confirmation-required --operation S3DeleteObjectTagging={{}} \\
    --tags Key=team,Value=lake --description 'untag the lake' \\
    --manifest "Spec={{Format=S3BatchOperations_CSV_20180820,Fields=[Bucket,Key]}},\\
Location={{ObjectArn=arn:aws:s3:::manifests/many.csv,ETag=$ETAG}}"
  aws s3control list-jobs --account-id {ACCOUNT}{gate}

`batchgate local status` shows what is there. Ctrl-C or `batchgate local down` ends it and deletes everything in it."""


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
