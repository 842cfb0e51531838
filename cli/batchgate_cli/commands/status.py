"""`batchgate status`: whether the deployed gate is working, on one screen."""

import json

import click

from batchgate_cli.exits import STATUS_EXIT_CODES_HELP, reported_errors
from batchgate_cli.groups import command_group
from batchgate_cli.operating.options import ApiOptions, GateOptions, ProfileOption, RegionOption
from batchgate_cli.output import Output, OutputOption, print_line

app = command_group()


@app.add(epilog=STATUS_EXIT_CODES_HELP)
def status(
    region: RegionOption = None,
    profile: ProfileOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show whether the deployed gate is working.

    It shows the last sweep and the last event, the policies in force, holds, dead letters and alarms. It reads and
    changes nothing. `batchgate doctor` checks more.
    """
    with reported_errors():
        from batchgate_cli.operating.api_client import find_api
        from batchgate_cli.operating.check_view import lines_as_json, show_lines
        from batchgate_cli.operating.checks import EXITS, Aws, run_checks, worst
        from batchgate_cli.operating.gate_checks import Deployed
        from batchgate_cli.operating.gate_status import STATUS_CHECKS, VERDICTS
        from batchgate_cli.operating.live_gate import find_gate

        live = find_gate(GateOptions(profile, region))
        api = find_api(ApiOptions(region=region, profile=profile, endpoint_url=live.found.api_url or None))
        lines = run_checks(STATUS_CHECKS, Deployed(live, Aws(live.session), api))
        word, sentence, style = VERDICTS[worst(lines)]
        if output is Output.JSON:
            facts = {name: value for line in lines for name, value in line.facts.items()}
            partition, region_name, account_id = live.home
            where = {"partition": partition, "region": region_name, "account": account_id, "stack": live.found.stack}
            print(json.dumps({"status": word, **where, **facts, "checks": lines_as_json(lines)}, indent=2))
        else:
            print_line(f"the gate of {live.place} ", (sentence, style))
            show_lines(lines)
    raise click.exceptions.Exit(EXITS[worst(lines)])
