"""`batchgate doctor`: what an account lacks before the first deployment, and what a deployed gate lacks after it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from batchgate_cli.exits import CHECKS_EXIT_CODES_HELP, reported_errors
from batchgate_cli.groups import command_group, option
from batchgate_cli.operating.options import GateAccessError, GateOptions, ProfileOption, RegionOption
from batchgate_cli.output import Output, OutputOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batchgate_cli.operating.checks import Line

app = command_group()


@app.add(epilog=CHECKS_EXIT_CODES_HELP)
def doctor(
    preflight: Annotated[
        bool, option("--preflight", help="Check the account before the first deployment; no gate is needed.")
    ] = False,
    region: RegionOption = None,
    profile: ProfileOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Check an account before the first deployment (--preflight), and the deployed gate after it.

    Each line passes, hints, warns or fails, and says what to do. It reads and changes nothing. What can't be read is a
    warning that names the missing permission, and never a pass. In a checkout it also compares the policy files with
    the policies in force.
    """
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
    from batchgate_cli.operating.checkout import find_checkout
    from batchgate_cli.operating.checks import Aws, line_of_no_access, run_checks
    from batchgate_cli.operating.gate_checks import Deployed
    from batchgate_cli.operating.gate_status import DOCTOR_CHECKS
    from batchgate_cli.operating.live_gate import find_gate

    try:
        live = find_gate(options)
    except GateAccessError as error:
        return [line_of_no_access("gate", error, "`batchgate doctor --preflight` checks the account")]
    return run_checks(DOCTOR_CHECKS, Deployed(live, Aws(live.session), find_checkout(Path.cwd())))
