"""`batchgate policy push`: deploy a policy set from any repository."""

import json
from typing import TYPE_CHECKING, Annotated

import click

from batchgate.errors import GateError
from batchgate.jobs.model import Json
from batchgate_cli.exits import Exit, reported_errors, show_notes
from batchgate_cli.groups import PolicyPaths, option
from batchgate_cli.operating.confirm import confirm
from batchgate_cli.operating.options import GateAccessError, GateOptions, ProfileOption, RegionOption, YesOption
from batchgate_cli.output import Output, OutputOption, print_line, printable_line

if TYPE_CHECKING:
    from batchgate_cli.authoring.policy_file import LoadedPolicy
    from batchgate_cli.operating.pushing import Deployment, Target

EPILOG = (
    "Exit codes: 0 in force (with --no-wait: started), 1 failed (nothing was deployed), 2 wrong usage, 3 invalid "
    "policy, 5 the gate's validator refused it, 6 the outcome is not known yet, 8 rolled back, 130 interrupted."
)


def push(
    paths: PolicyPaths,
    yes: YesOption = False,
    no_wait: Annotated[
        bool, option("--no-wait", help="Return when the deployment has started, without waiting for the bake time.")
    ] = False,
    no_preview: Annotated[
        bool, option("--no-preview", help="Do not show what would happen to the Suspended jobs.")
    ] = False,
    region: RegionOption = None,
    profile: ProfileOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Deploy a policy set to the gate, from any repository.

    Use it for a gate whose stack leaves the policies to a team (setting policy_owner "repository"). The command
    validates the set, shows what would happen now (`batchgate policy preview`), and asks once. Then AppConfig calls the
    gate's own validator and deploys the set, which is in force at once. During the bake time AppConfig watches alarms;
    if one becomes active, AppConfig rolls the policies back. While the command waits, the key r rolls them back. Ctrl-C
    ends only the command: the deployment continues, and running the command again shows its progress.

    `batchgate iam pusher` prints the IAM policy that the command needs.
    """
    with reported_errors():
        from batchgate_cli.authoring import policy_file
        from batchgate_cli.operating.pushing import find_target

        loaded = policy_file.load(paths)
        version = loaded.policies.version
        options = GateOptions(profile, region)
        target = find_target(options)
        newest = target.newest()
        shown: dict[str, Json] = {"policy_version": version, "preview": None}
        if newest is not None and newest.state.goes_on and newest.version != version:
            raise GateAccessError(_in_the_way(target, newest))
        if newest is None or newest.version != version or newest.state.has_failed:
            if not no_preview:
                shown["preview"] = _preview(options, loaded, output)
            _note_findings(loaded)
            confirm(f"deploy policy version {version} to {target.place}?", yes=yes)
            newest = _deploy(target, loaded, newest)
        elif not newest.state.goes_on:
            _say(output, f"policy version {version} was deployed already and is in force; nothing was pushed")
        if newest.state.goes_on and not no_wait:
            from batchgate_cli.operating.push_watch import Watch

            newest = Watch(target).until_end(newest)
        _report(target, newest, shown, output)


def _say(output: Output, line: str) -> None:
    """For people, beside JSON on standard error."""
    print_line(printable_line(line), err=output is Output.JSON)


def _in_the_way(target: "Target", newest: "Deployment") -> str:
    whose = f"of policy version {newest.version}" if newest.version else "that was not pushed by this command"
    return (
        f"deployment {newest.number} {whose} is {newest.state}: AppConfig runs one at a time. Nothing was deployed. "
        f"Wait until it ends, or roll it back: `{target.stop_command(newest.number)}`"
    )


def _preview(options: GateOptions, loaded: "LoadedPolicy", output: Output) -> dict[str, Json]:
    from batchgate_cli.replay.preview_view import preview_as_json, show_preview
    from batchgate_cli.replay.previewing import preview_of

    try:
        seen = preview_of(options, loaded.policies)
    except GateError as error:
        raise GateAccessError(
            f"what would happen could not be shown: {error}. Nothing was deployed; --no-preview deploys without it"
        ) from error
    if output is Output.TEXT:
        show_preview(seen.found, loaded.policies, seen.gate, seen.notes)
        print_line()
    return preview_as_json(seen.found, loaded.policies, seen.gate, seen.notes)


def _note_findings(loaded: "LoadedPolicy") -> None:
    from datetime import UTC, datetime

    from batchgate_cli.authoring.lint_file import located_findings

    found = located_findings(loaded, datetime.now(UTC).date(), None)
    if found:
        count = f"{len(found)} finding{'' if len(found) == 1 else 's'}"
        show_notes([f"{count}: valid, but probably a mistake; `batchgate policy check` shows them"])


def _deploy(target: "Target", loaded: "LoadedPolicy", newest: "Deployment | None") -> "Deployment":
    version = loaded.policies.version
    stored = target.store(loaded)
    try:
        return target.start(stored, version, newest)
    except KeyboardInterrupt:
        print_line(
            f"\nthe deployment of policy version {version} may have been started; the same command shows its progress",
            err=True,
        )
        raise


def _report(target: "Target", ended: "Deployment", shown: dict[str, Json], output: Output) -> None:
    from batchgate_cli.operating.push_watch import goes_on
    from batchgate_cli.operating.pushing import Progress

    if output is Output.JSON:
        print(json.dumps({**shown, **ended.as_json()}, indent=2))
    begins = f"deployment {ended.number}: policy version {ended.version}"
    if ended.state is Progress.COMPLETE:
        _say(output, f"{begins} is in force in {target.place}")
    elif ended.state.goes_on:
        _say(output, f"{begins} is {ended.state}; {goes_on(target, ended)}")
    else:
        why = f": {ended.why}" if ended.why else ""
        by = "as you asked" if ended.by_person else "by AppConfig"
        _say(output, f"{begins} was rolled back {by}{why}")
        if not ended.by_person:
            _say(output, _AFTER_A_ROLLBACK)
        raise click.exceptions.Exit(Exit.CHECK_FAILED)


_AFTER_A_ROLLBACK = (
    "the previous policies are in force again, and the alarm unexpected-policy becomes active; push the previous "
    "policies, or corrected ones (docs/operations.md#a-policy-was-rolled-back)"
)
