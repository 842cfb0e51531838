"""`batchgate doctor --canary`: real jobs in a bucket of their own, and what they show of S3 and of the gate."""

import json
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import click
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from batchgate.aws.s3control import CONFIG
from batchgate.aws.wiring import SystemClock
from batchgate.errors import GateError
from batchgate.gate.ports import Clock
from batchgate_cli.exits import Exit, show_error
from batchgate_cli.operating.aws_errors import aws_errors
from batchgate_cli.operating.aws_session import open_session
from batchgate_cli.operating.canary_belongings import (
    Belonging,
    Belongings,
    Place,
    make_bucket,
    make_queue_and_rule,
    make_role,
)
from batchgate_cli.operating.canary_facts import (
    QUESTIONS,
    Answer,
    Finding,
    Manifest,
    Observations,
    findings,
    report,
    settings_of,
)
from batchgate_cli.operating.canary_jobs import Aws, Patience, Watch
from batchgate_cli.operating.confirm import confirm
from batchgate_cli.operating.live_gate import LiveGate, find_gate, paused_in_words
from batchgate_cli.operating.options import CANARY_MINUTES, GateAccessError, GateOptions, NoGateError
from batchgate_cli.output import Output, print_line, printable_line, text_console

CENTS_A_JOB: Final = 25
"""*Source*: S3 pricing, Batch Operations; a job is billed even if it is cancelled."""

PREFIX: Final = "canary-of-batchgate-"
"""Of everything that is made. Not the stack's: service control policies protect what begins with `batchgate-`."""

_UNVALIDATED: Final = CONFIG.merge(Config(parameter_validation=False))
"""For one request that is invalid on purpose."""

_LOCAL: Final = {"settling": timedelta(0), "events": timedelta(seconds=10), "record": timedelta(0)}
"""A local AWS acts at once, and keeps no records of CreateJob."""


@dataclass(frozen=True, slots=True)
class CanaryOptions:
    """What the command was asked for.

    Attributes:
        role_arn: The role for the jobs; None for one that the canary makes and removes.
        without_gate: There is no gate: the canary confirms its jobs itself.
        inventory: A third job, with an inventory manifest.
        tags: Of the jobs, as KEY=VALUE.
        minutes: How long everything may take.
        yes: Do not ask.
    """

    profile: str | None = None
    region: str | None = None
    role_arn: str | None = None
    without_gate: bool = False
    inventory: bool = False
    tags: tuple[str, ...] = ()
    minutes: int = CANARY_MINUTES
    yes: bool = False
    output: Output = Output.TEXT

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """Of the jobs, in the order of their creation."""
        return (Manifest.CSV, Manifest.GENERATED, *([Manifest.INVENTORY] if self.inventory else []))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The account that the canary runs in; boto3 makes its clients' types at run time.

    Attributes:
        gate: The deployed gate; None if there is none.
        is_aws: It is AWS, and no local stand-in.
    """

    place: Place
    aws: Aws
    s3: Any
    iam: Any
    events: Any
    gate: LiveGate | None
    is_aws: bool
    clock: Clock
    sleep: Callable[[float], None] = time.sleep

    def patience(self, minutes: int) -> Patience:
        """How long to wait for what."""
        return Patience(timedelta(minutes=minutes), **({} if self.is_aws else _LOCAL))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a canary ended.

    Attributes:
        seen: What it saw.
        left: What it could not remove.
        error: Why it ended early; "" if it did not.
        interrupted: By Ctrl-C, SIGTERM or SIGHUP.
    """

    seen: Observations
    left: list[Belonging]
    error: str
    interrupted: bool
    timed_out: bool

    @property
    def exit_code(self) -> Exit:
        """Of the command."""
        if self.interrupted:
            return Exit.INTERRUPTED
        return Exit.FAILED if self.left or self.error or self.timed_out else Exit.DONE


def run_canary(options: CanaryOptions) -> None:
    """Ask, run the canary, print its report.

    Raises:
        click.exceptions.Exit: Something is left, failed, timed out or was interrupted.
        GateAccessError: It was not begun, and why; nothing was made.
    """
    with aws_errors():
        surroundings = _surroundings(options)
    _check_gate(surroundings.gate, options, surroundings.place)
    for line in plan(surroundings, options):
        print_line(line, err=True)
    confirm("create these jobs?", yes=options.yes)
    with _ending_on_signals():
        outcome = observe(surroundings, options, _say_with_time(surroundings.clock))
    found = findings(outcome.seen)
    document = report(
        found,
        on=surroundings.clock.now().date(),
        region=surroundings.place.region,
        service="aws" if surroundings.is_aws else "local",
        with_gate=surroundings.gate is not None,
    )
    if outcome.seen.jobs:
        show_report(found, document, options.output)
    _show_left(outcome)
    if outcome.exit_code:
        raise click.exceptions.Exit(outcome.exit_code)


def observe(surroundings: Surroundings, options: CanaryOptions, say: Callable[[str], None]) -> Outcome:
    """Make what the jobs need, create and follow them, and remove everything, whatever happens."""
    seen = Observations(with_gate=surroundings.gate is not None)
    belongings = Belongings(say)
    error, interrupted, timed_out = "", False, False
    try:
        watch = _prepared(surroundings, options, seen, belongings, say)
        etags = make_bucket(surroundings.s3, surroundings.place, belongings)
        if watch.patience.settling:
            say(f"waiting {watch.patience.settling.seconds} s until the rule and the role are in effect")
            watch.sleep(watch.patience.settling.total_seconds())
        for manifest in options.manifests:
            watch.create(manifest, etags, belongings)
        watch.follow()
        timed_out = watch.timed_out
        watch.ask_the_rest()
        watch.wait_for_record()
    except KeyboardInterrupt:
        interrupted = True
        say("interrupted: ending the jobs and removing everything; Ctrl-C again skips what is being removed")
    except (ClientError, BotoCoreError, GateError) as problem:
        error = str(problem)
    finally:
        while belongings.noted:
            try:
                belongings.remove_all()
            except KeyboardInterrupt:
                interrupted = True
    return Outcome(seen, belongings.left, error, interrupted, timed_out)


def _prepared(
    surroundings: Surroundings,
    options: CanaryOptions,
    seen: Observations,
    belongings: Belongings,
    say: Callable[[str], None],
) -> Watch:
    place = surroundings.place
    started = surroundings.clock.now()
    queue_url = make_queue_and_rule(surroundings.aws.sqs, surroundings.events, place, belongings)
    if options.role_arn is None:
        make_role(surroundings.iam, place, belongings)
    return Watch(
        aws=surroundings.aws,
        place=place,
        role_arn=options.role_arn or place.role_arn,
        queue_url=queue_url,
        gate=surroundings.gate,
        patience=surroundings.patience(options.minutes),
        clock=surroundings.clock,
        sleep=surroundings.sleep,
        say=say,
        seen=seen,
        started=started,
        tags=dict(each.split("=", 1) for each in options.tags),
    )


def plan(surroundings: Surroundings, options: CanaryOptions) -> Iterator[str]:
    """What will be made and what it costs, before anything is."""
    place, count = surroundings.place, len(options.manifests)
    yield f"in account {place.account_id}, {place.region}, the canary makes, and removes again:"
    yield f"  {count} S3 Batch Operations jobs ({', '.join(options.manifests)}) that tag three small objects"
    role = "" if options.role_arn else ", a role"
    yield f"  a bucket{role}, an EventBridge rule and an SQS queue, each named {place.name}"
    yield f"cost: ${count * CENTS_A_JOB / 100:.2f} ($0.25 a job, even if cancelled), and less than a cent for requests"
    if surroundings.gate is not None:
        yield "the deployed gate decides the jobs by the policies in force; the canary confirms none"
    else:
        yield "no gate is deployed: the canary confirms one of its jobs itself and cancels the others"
    yield f"it takes a few minutes, and up to {options.minutes} for CloudTrail's record; Ctrl-C removes everything too"


def show_report(found: list[Finding], document: dict[str, Any], output: Output) -> None:
    """Print the answers: as a table, as settings, and as JSON to send in; or the JSON alone."""
    if output is Output.JSON:
        print(json.dumps(document, indent=2))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in found:
        answer = Text(_in_words(each.answer)) if each.answer is not None else Text(f"not shown: {each.why_not}", "dim")
        table.add_row(Text(each.name, "bold"), Text.assemble(_as_asked(each.name), " ", answer))
    text_console().print(table)
    settings = settings_of(found)
    if settings:
        print('\nsettings for cdk.json, under "batchgate":')
        if document["service"] == "local":
            print("(of the emulator, not of AWS: leave them out of cdk.json for an account)")
        print(json.dumps(settings, indent=2))
    print("\nto send in (docs/observed.md); it names no account, job or person:")
    print(json.dumps(document, indent=2))


def _as_asked(name: str) -> str:
    """The question of a line, such that the answer can follow it."""
    asked = QUESTIONS[name]
    return asked if asked.endswith("?") else f"{asked}:"


def _in_words(answer: Answer) -> str:
    match answer:
        case bool():
            return "yes" if answer else "no"
        case list():
            return ", ".join(answer)
        case _:
            return str(answer)


def _show_left(outcome: Outcome) -> None:
    if outcome.error:
        show_error(f"the canary ended early: {printable_line(outcome.error)}")
    if outcome.timed_out:
        show_error("the jobs had not ended in time; --timeout gives them longer")
    for thing in outcome.left:
        show_error(f"left behind: {thing.what}; to remove it: {thing.command}")


# --- The surroundings ---------------------------------------------------------------------------------


def _surroundings(options: CanaryOptions) -> Surroundings:
    try:
        gate = find_gate(GateOptions(options.profile, options.region))
    except NoGateError:
        gate = None
    session = open_session(options.profile, options.region)
    s3control = session.client("s3control", config=_UNVALIDATED)
    account_id = str(session.client("sts", config=CONFIG).get_caller_identity()["Account"])
    meta = s3control.meta
    place = Place(f"{PREFIX}{secrets.token_hex(6)}", meta.partition, meta.region_name, account_id)
    return Surroundings(
        place=place,
        aws=Aws(
            s3control=s3control,
            sqs=session.client("sqs", config=CONFIG),
            cloudtrail=session.client("cloudtrail", config=CONFIG),
        ),
        s3=session.client("s3", config=CONFIG),
        iam=session.client("iam", config=CONFIG),
        events=session.client("events", config=CONFIG),
        gate=gate,
        is_aws=meta.endpoint_url.startswith("https://"),
        clock=SystemClock(),
    )


def _check_gate(gate: LiveGate | None, options: CanaryOptions, place: Place) -> None:
    """Refuse what would confirm jobs around a gate, or wait for a gate that decides nothing."""
    where = f"account {place.account_id} in {place.region}"
    if gate is None:
        if not options.without_gate:
            raise GateAccessError(
                f"no gate is deployed for {where}, so the canary's jobs would not be decided; deploy it first, or pass "
                "--without-gate, and the canary confirms its jobs itself. Nothing was made"
            )
        return
    if options.without_gate:
        raise GateAccessError(
            f"a gate is deployed for {where}, and the canary confirms no job around it; run it without --without-gate. "
            "Nothing was made"
        )
    pause = gate.ledger.pause()
    if pause is not None:
        raise GateAccessError(
            f"{paused_in_words(pause)}. It would hold the canary's jobs; `batchgate resume` ends that. Nothing was made"
        )


def _say_with_time(clock: Clock) -> Callable[[str], None]:
    def say(line: str) -> None:
        with suppress(OSError):  # nobody reads it any more: that must not keep anything from being removed
            print_line((f"{clock.now():%H:%M:%S}  ", "dim"), printable_line(line), err=True)

    return say


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """Treat SIGTERM, and SIGHUP of a closed terminal, as Ctrl-C; one that is ignored, as by nohup, stays so."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    numbers = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
