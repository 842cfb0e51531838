"""`batchgate doctor`: what an account lacks before the first deployment, and what a deployed gate lacks after it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from batchgate_cli.exits import CHECKS_EXIT_CODES_HELP, reported_errors
from batchgate_cli.groups import command_group, option
from batchgate_cli.operating.options import (
    CANARY_MINUTES,
    ApiOptions,
    GateAccessError,
    GateOptions,
    NoGateError,
    ProfileOption,
    RegionOption,
)
from batchgate_cli.option_types import Tag, Whole
from batchgate_cli.output import Output, OutputOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batchgate_cli.operating.checks import Line

app = command_group()


@app.add(epilog=CHECKS_EXIT_CODES_HELP)
def doctor(  # noqa: PLR0913, PLR0917 - a command has the options that it has
    preflight: Annotated[
        bool, option("--preflight", help="Check the account before the first deployment; no gate is needed.")
    ] = False,
    canary: Annotated[
        bool,
        option("--canary", help="Create real jobs, and report what they show of S3; asks first, costs $0.50."),
    ] = False,
    inventory: Annotated[
        bool, option("--inventory", help="With --canary: a third job, with an inventory manifest, for $0.25 more.")
    ] = False,
    tag: Annotated[
        list[str] | None,
        option(
            "--tag",
            metavar="KEY=VALUE",
            help="With --canary: a tag of its jobs, if the policies require one. Can be given several times.",
            type=Tag(),
            show_default=False,
        ),
    ] = None,
    without_gate: Annotated[
        bool,
        option("--without-gate", help="With --canary, where no gate is deployed: the canary confirms a job itself."),
    ] = False,
    role_arn: Annotated[
        str | None,
        option(
            "--role-arn",
            metavar="ARN",
            help="With --canary: the role for the jobs; a role is made and removed if not given.",
            show_default=False,
        ),
    ] = None,
    timeout: Annotated[
        int | None,
        option(
            metavar="MINUTES",
            help=f"With --canary: how long everything may take; {CANARY_MINUTES} if not given.",
            type=Whole(1, 1440),
            show_default=False,
        ),
    ] = None,
    yes: Annotated[bool, option("--yes", "-y", help="With --canary: do not ask; for scripts.")] = False,
    region: RegionOption = None,
    profile: ProfileOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Check an account before the first deployment (--preflight), and the deployed gate after it.

    Each line passes, hints, warns or fails, and says what to do. It reads and changes nothing. What can't be read is a
    warning that names the missing permission, and never a pass. In a checkout it also compares the policy files with
    the policies in force.

    With --canary it makes something: S3 Batch Operations jobs that tag three small objects, a bucket, a role, a rule
    and a queue. It follows the jobs through their events, the gate's decision and its record, removes everything, also
    after Ctrl-C and errors, and prints what no document of AWS's says. The deployed gate decides the jobs. Its exit
    code is 1 if something failed, is left behind or took too long, and 130 after Ctrl-C.
    """
    of_canary = {
        "--inventory": inventory,
        "--tag": tag,
        "--without-gate": without_gate,
        "--role-arn": role_arn,
        "--timeout": timeout,
        "--yes": yes,
    }
    astray = [name for name, given in (of_canary if not canary else {"--preflight": preflight}).items() if given]
    if astray:
        raise click.UsageError(f"{astray[0]} {'does not go' if canary else 'goes'} with --canary")
    if canary:
        with reported_errors():
            from batchgate_cli.operating.canary import CanaryOptions, run_canary

            minutes = timeout or CANARY_MINUTES
            tags = tuple(tag or ())
            run_canary(CanaryOptions(profile, region, role_arn, without_gate, inventory, tags, minutes, yes, output))
        return
    with reported_errors():
        from batchgate_cli.operating.check_view import lines_as_json, show_lines, summary
        from batchgate_cli.operating.checks import EXITS, worst

        options = GateOptions(profile, region)
        lines = _before_deployment(options) if preflight else _of_deployment(options)
        if output is Output.JSON:
            print(json.dumps({"worst": str(worst(lines)), "checks": lines_as_json(lines)}, indent=2))
        else:
            show_lines(lines)
            print(f"\n{summary(lines)}")
    raise click.exceptions.Exit(EXITS[worst(lines)])


def _before_deployment(options: GateOptions) -> "Sequence[Line]":
    from batchgate_cli.operating.checkout import find_checkout
    from batchgate_cli.operating.checks import line_of_no_access, run_checks
    from batchgate_cli.operating.preflight import PREFLIGHT_CHECKS, open_account

    try:
        account = open_account(options, find_checkout(Path.cwd()))
    except GateAccessError as error:
        return [line_of_no_access("credentials", error, "")]
    return run_checks(PREFLIGHT_CHECKS, account)


def _of_deployment(options: GateOptions) -> "Sequence[Line]":
    from batchgate_cli.operating.api_client import find_api
    from batchgate_cli.operating.checkout import find_checkout
    from batchgate_cli.operating.checks import Aws, line_of_no_access, run_checks
    from batchgate_cli.operating.gate_checks import Deployed
    from batchgate_cli.operating.gate_status import DOCTOR_CHECKS
    from batchgate_cli.operating.live_gate import find_gate

    try:
        live = find_gate(options)
        api = find_api(
            ApiOptions(region=options.region, profile=options.profile, endpoint_url=live.found.api_url or None)
        )
    except GateAccessError as error:
        do = "`batchgate doctor --preflight` checks the account" if isinstance(error, NoGateError) else ""
        return [line_of_no_access("gate", error, do)]
    return run_checks(DOCTOR_CHECKS, Deployed(live, Aws(live.session), api, find_checkout(Path.cwd())))
