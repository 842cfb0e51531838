"""`batchgate iam`: AWS policies around the gate, filled in for the gate that is deployed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import click
import msgspec

from batchgate.contract import GATE_PARAMETER, DeployedGate
from batchgate_cli.exits import PLAIN_EXIT_CODES_HELP, reported_errors
from batchgate_cli.files import read_text
from batchgate_cli.groups import argument, command_group, option
from batchgate_cli.operating.iam_policies import (
    SCP_CHARACTERS_AT_MOST,
    IamPolicyError,
    People,
    compact,
    peoples_policy,
    pushers_policy,
    roles,
    service_control_policy,
)
from batchgate_cli.operating.options import GateAccessError, ProfileOption, RegionOption

app = command_group(
    "Print IAM policies for the deployed gate: what people need to use it, and who else may decide jobs.",
    PLAIN_EXIT_CODES_HELP,
)


@app.add(epilog=PLAIN_EXIT_CODES_HELP)
def scp(  # noqa: PLR0913, PLR0917 - a command has the options that it has
    operators: Annotated[
        list[str] | None,
        option(
            "--operators",
            metavar="ARN",
            help="The role of the people who redrive dead letters; can be given several times, * stands for what "
            "varies.",
            show_default=False,
        ),
    ] = None,
    deployers: Annotated[
        list[str] | None,
        option(
            "--deployer-role",
            metavar="ARN",
            help="A role that deploys the stack; can be given several times. Without it, those that `cdk bootstrap` "
            "makes for the account and Region: cdk-hnb659fds-cfn-exec-role-* and cdk-hnb659fds-deploy-role-*.",
            show_default=False,
        ),
    ] = None,
    cancellers: Annotated[
        list[str] | None,
        option(
            "--canceller",
            metavar="ARN",
            help="A role that may also cancel jobs that run; can be given several times. IAM can't distinguish "
            "cancelling from confirming, so only the condition key s3:JobSuspendedCause keeps such a role from waiting "
            "jobs: if S3 does not send that key for a waiting job, the role can confirm it.",
            show_default=False,
        ),
    ] = None,
    protect_tags: Annotated[
        bool,
        option(
            "--protect-tags",
            help="Also deny changing the tags of jobs; policies may rest on them. Creating a job with tags takes "
            "s3:PutJobTagging, too, so only the roles named by --tagger can do that then.",
        ),
    ] = False,
    taggers: Annotated[
        list[str] | None,
        option(
            "--tagger",
            metavar="ARN",
            help="With --protect-tags: a role that may set tags all the same, such as whoever creates jobs with tags.",
            show_default=False,
        ),
    ] = None,
    pushers: Annotated[
        list[str] | None,
        option(
            "--pusher",
            metavar="ARN",
            help="A role that deploys policies by `batchgate policy push`; can be given several times.",
            show_default=False,
        ),
    ] = None,
    parameter: Annotated[
        Path | None,
        option(
            "--parameter",
            metavar="FILE",
            help=f"A file with the value of the SSM parameter {GATE_PARAMETER}, for whoever can't read it in the "
            "gate's account. Looked up if not given.",
            show_default=False,
        ),
    ] = None,
    profile: ProfileOption = None,
    region: RegionOption = None,
) -> None:
    """Print the service control policy that lets only the gate decide jobs.

    People decide through the gate's API, so they need no permission to update jobs.

    It also keeps everybody but the roles that deploy the stack from changing what makes the gate decide: its policies,
    functions, roles, rules, queues, alarms and records. It covers the account and Region of the gate, and it holds for
    every update of the stack. Nothing is changed: attach it with AWS Organizations.
    """
    with reported_errors():
        if taggers and not protect_tags:
            raise click.BadParameter("has no effect without --protect-tags", param_hint="--tagger")
        if parameter and (profile or region):
            raise click.BadParameter("nothing is looked up with --profile or --region then", param_hint="--parameter")
        _check_roles(
            {
                "--operators": operators,
                "--deployer-role": deployers,
                "--canceller": cancellers,
                "--tagger": taggers,
                "--pusher": pushers,
            }
        )
        gate = _read(parameter) if parameter else _look_up(profile, region)
        policy = service_control_policy(
            gate,
            operators=operators or (),
            deployers=deployers or (),
            cancellers=cancellers or (),
            protect_tags=protect_tags,
            taggers=taggers or (),
            pushers=pushers or (),
        )
        if not operators:
            click.echo(
                "batchgate: no --operators given: under this policy nobody can take dead letters from the queues, so "
                "`batchgate redrive` is denied",
                err=True,
            )
        if protect_tags and not taggers:
            click.echo(
                "batchgate: no --tagger given: creating a job with tags takes s3:PutJobTagging, so under this policy "
                "nobody can; name the roles that create jobs with tags",
                err=True,
            )
        forms = (json.dumps(policy, indent=2), json.dumps(policy, indent=1), compact(policy))
        click.echo(next(form for form in forms if len(form) <= SCP_CHARACTERS_AT_MOST))  # white space counts


@app.add(epilog=PLAIN_EXIT_CODES_HELP)
def operators(
    people: Annotated[
        People,
        argument(
            metavar="viewer|approver|operator",
            help="viewer: see jobs, decisions and policies; approver: a viewer who approves and cancels jobs; "
            "operator: a viewer who pauses the gate, redrives dead letters, and runs `batchgate status` and `doctor`.",
        ),
    ],
    profile: ProfileOption = None,
    region: RegionOption = None,
) -> None:
    """Print the IAM policy that people need to work with the gate.

    Each route of the gate's API is a permission. No policy has permissions for S3 or the ledger.
    """
    with reported_errors():
        click.echo(json.dumps(peoples_policy(_look_up(profile, region), people), indent=2))


@app.add(epilog=PLAIN_EXIT_CODES_HELP)
def pusher(profile: ProfileOption = None, region: RegionOption = None) -> None:
    """Print the IAM policy that `batchgate policy push` and `policy preview` need.

    It deploys policies to this gate and rolls them back, sees what a viewer sees, lists jobs, and does nothing else.
    Give it to the role of the pipeline of the repository that owns the policies (setting policy_owner).
    """
    with reported_errors():
        click.echo(json.dumps(pushers_policy(_look_up(profile, region)), indent=2))


def _check_roles(given: Mapping[str, list[str] | None]) -> None:
    """Reject what is no role, by the option that names it, before anything is looked up."""
    for name, arns in given.items():
        try:
            roles(arns or ())
        except IamPolicyError as error:
            raise click.BadParameter(str(error), param_hint=name) from error


def _read(parameter: Path) -> DeployedGate:
    text = read_text(parameter, f"the value of the SSM parameter {GATE_PARAMETER}")
    try:
        return DeployedGate.decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise GateAccessError(
            f"{parameter}: expected the value of the SSM parameter {GATE_PARAMETER}, as `aws ssm get-parameter --name "
            f"{GATE_PARAMETER} --query Parameter.Value --output text` prints it: {error}"
        ) from error


def _look_up(profile: str | None, region: str | None) -> DeployedGate:
    from botocore.exceptions import ClientError

    from batchgate.aws.s3control import CONFIG
    from batchgate_cli.operating.aws_errors import aws_errors
    from batchgate_cli.operating.aws_session import open_session

    with aws_errors():
        client = open_session(profile, region).client("ssm", config=CONFIG)
        try:
            text = str(client.get_parameter(Name=GATE_PARAMETER)["Parameter"]["Value"])
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ParameterNotFound":
                raise
            raise GateAccessError(
                f"no gate is deployed in {client.meta.region_name} (there is no SSM parameter {GATE_PARAMETER}); "
                "to look elsewhere pass --region or --profile"
            ) from error
    try:
        return DeployedGate.decode(text)
    except msgspec.MsgspecError as error:
        raise GateAccessError(f"SSM parameter {GATE_PARAMETER}: not what a stack writes: {error}") from error
