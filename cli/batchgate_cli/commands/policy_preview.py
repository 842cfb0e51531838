"""`batchgate policy preview`: what a policy set would do with the jobs that are Suspended now."""

import json
from typing import Annotated

import click

from batchgate_cli.commands.replay import FailOn, fails
from batchgate_cli.exits import Exit, reported_errors
from batchgate_cli.groups import PolicyPaths, option
from batchgate_cli.operating.options import GateOptions, ProfileOption, RegionOption
from batchgate_cli.output import Output, OutputOption

EPILOG = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 invalid policy, 8 a job would be decided as --fail-on names."


def preview(
    paths: PolicyPaths,
    fail_on: Annotated[
        FailOn | None,
        option(
            metavar="WORD",
            help="Exit with code 8 if the set changes any decision (change), or would approve (approve) or cancel"
            " (cancel) a job that the policies in force do not.",
            show_default=False,
        ),
    ] = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what would happen now to every Suspended job if this policy set went live.

    The gate's own functions evaluate each job twice: with the policies in force, and with these. The jobs are those in
    the gate's ledger, with approvals and the time that they were held, and other Suspended jobs that S3 lists. The
    contents of manifests are not read: a job whose verdict depends on them is counted as not known. What is used of the
    budgets in force counts. A budget that is not in force yet counts as unused. Nothing is changed.

    The command needs a viewer's permissions (`batchgate iam operators viewer`) and s3:ListJobs; `batchgate iam pusher`
    has both.
    """
    with reported_errors():
        from batchgate_cli.authoring import policy_file
        from batchgate_cli.replay.preview_view import preview_as_json, show_preview
        from batchgate_cli.replay.previewing import preview_of

        policies = policy_file.load(paths).policies
        seen = preview_of(GateOptions(profile, region), policies)
        if output is Output.JSON:
            print(json.dumps(preview_as_json(seen.found, policies, seen.gate, seen.notes), indent=2))
        else:
            show_preview(seen.found, policies, seen.gate, seen.notes)
        if fail_on is not None and fails(seen.found, fail_on):
            raise click.exceptions.Exit(Exit.CHECK_FAILED)
