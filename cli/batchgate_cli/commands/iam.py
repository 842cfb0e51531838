"""`batchgate iam`: AWS policies around the gate, filled in for the gate that is deployed."""

import json
from typing import Annotated, Final

import click
import msgspec

from batchgate.contract import GATE_PARAMETER, DeployedGate
from batchgate.text import shorten
from batchgate_cli.exits import PLAIN_EXIT_CODES_HELP, reported_errors
from batchgate_cli.groups import command_group, option
from batchgate_cli.operating.iam_policies import (
    Document,
    GateResources,
    IamPolicyError,
    operators_policy,
    service_control_policy,
)
from batchgate_cli.operating.options import GateAccessError, ProfileOption, RegionOption

app = command_group(
    "Print the AWS policies that restrict who else may decide jobs, for the deployed gate.", PLAIN_EXIT_CODES_HELP
)

_DECIDING: Final = ("job_event", "sweep")


RolesOption = Annotated[
    list[str] | None,
    option(
        "--role",
        metavar="ARN",
        help="A role of the gate's; can be given several times. Looked up in the SSM parameter "
        f"{GATE_PARAMETER} if not given.",
        show_default=False,
    ),
]


@app.add(epilog=PLAIN_EXIT_CODES_HELP)
def scp(
    operators: Annotated[
        list[str] | None,
        option(
            "--operators",
            metavar="ARN",
            help="The role of the people who decide held jobs; can be given several times, * stands for what varies.",
            show_default=False,
        ),
    ] = None,
    protect_tags: Annotated[
        bool, option("--protect-tags", help="Also deny changing the tags of jobs; policies may rest on them.")
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
    roles: RolesOption = None,
    profile: ProfileOption = None,
    region: RegionOption = None,
) -> None:
    """Print the service control policy under which the gate and the operators alone decide waiting jobs.

    It covers the account and Region of the gate. Nothing is changed: attach it with AWS Organizations.
    """
    with reported_errors():
        if taggers and not protect_tags:
            raise click.BadParameter("has no effect without --protect-tags", param_hint="--tagger")
        if not operators:
            click.echo(
                "batchgate: no --operators given: under this policy only the gate decides waiting jobs, and not "
                "`batchgate jobs approve` and `cancel`",
                err=True,
            )
        gate = _gate(profile, region, roles)
        _print(service_control_policy(gate, operators or (), protect_tags=protect_tags, taggers=taggers or ()))


@app.add(epilog=PLAIN_EXIT_CODES_HELP)
def operators(profile: ProfileOption = None, region: RegionOption = None) -> None:
    """Print the IAM policy that `batchgate jobs`, `pause`, `resume`, `redrive`, `status` and `doctor` need."""
    with reported_errors():
        _print(operators_policy(_gate(profile, region, None)))


def _print(document: Document) -> None:
    click.echo(json.dumps(document, indent=2))


def _gate(profile: str | None, region: str | None, roles: list[str] | None) -> GateResources:
    """What is deployed; with roles, only where they are, which their ARNs and the Region say."""
    import boto3
    from botocore.exceptions import ClientError

    from batchgate_cli.operating.live_gate import aws_errors

    with aws_errors():
        session = boto3.session.Session(profile_name=profile, region_name=region)
        if roles:
            if session.region_name is None:
                raise GateAccessError("no Region; pass --region or set AWS_REGION")
            return _named_by_roles(roles, session.region_name)
        client = session.client("ssm")
        try:
            text = str(client.get_parameter(Name=GATE_PARAMETER)["Parameter"]["Value"])
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ParameterNotFound":
                raise
            raise GateAccessError(
                f"no gate is deployed in {client.meta.region_name} (there is no SSM parameter {GATE_PARAMETER}); "
                "to look elsewhere pass --region or --profile; to skip the lookup pass --role"
            ) from error
    try:
        found = DeployedGate.decode(text)
        deciding = tuple(found.roles[each] for each in _DECIDING)
        functions = tuple(found.functions[each] for each in _DECIDING)
    except (msgspec.MsgspecError, KeyError) as error:
        raise GateAccessError(f"SSM parameter {GATE_PARAMETER}: not what a stack writes: {error}") from error
    if not (found.queue_url and found.unreviewed_url and found.undelivered_url):
        raise GateAccessError(f"SSM parameter {GATE_PARAMETER} names no queues: deploy the stack again")
    where = _named_by_roles(list(deciding), client.meta.region_name)
    return GateResources(
        partition=where.partition,
        region=where.region,
        account_id=where.account_id,
        roles=where.roles,
        ledger_table=found.ledger_table,
        queue=_queue_name(found.queue_url),
        dead_letters=(_queue_name(found.unreviewed_url), _queue_name(found.undelivered_url)),
        functions=functions,
        application=found.appconfig.application if found.appconfig else "",
        profile=found.appconfig.profile if found.appconfig else "",
        key_arn=found.key_arn or "",
        manifest_buckets=found.manifest_buckets,
    )


def _queue_name(url: str) -> str:
    return url.rpartition("/")[2]


def _named_by_roles(roles: list[str], region: str) -> GateResources:
    """Partition and account from the roles' ARNs, `arn:PARTITION:iam::ACCOUNT:role/NAME`."""
    places = {tuple(arn.split(":")[1:5:3]) for arn in roles}
    if len(places) != 1 or len(next(iter(places))) != 2:  # noqa: PLR2004 - partition and account
        raise IamPolicyError(
            f"expected ARNs of roles in one account, got {shorten(', '.join(roles), 200, sentence=True)!r}"
        )
    partition, account_id = places.pop()
    return GateResources(partition=partition, region=region, account_id=account_id, roles=tuple(roles))
