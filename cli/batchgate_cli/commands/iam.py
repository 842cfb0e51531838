"""`batchgate guardrails`: policies to hand out, written for the gate that is deployed."""

import json
from typing import Annotated, Final

import boto3
import msgspec
import typer
from botocore.exceptions import ClientError

from batchgate.contract import GATE_PARAMETER, DeployedGate
from batchgate.text import shorten
from batchgate_cli.exits import PLAIN_EXIT_CODES_HELP, reported_errors
from batchgate_cli.operating.iam_policies import (
    Document,
    GateResources,
    GuardrailsError,
    operators_policy,
    service_control_policy,
)
from batchgate_cli.operating.live_gate import GateAccessError, ProfileOption, RegionOption, aws_troubles

app = typer.Typer(
    help="Print the AWS policies that restrict who else may decide jobs, for the deployed gate.",
    no_args_is_help=True,
    epilog=PLAIN_EXIT_CODES_HELP,
)

_DECIDING: Final = ("job_event", "sweep")


RolesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        metavar="ARN",
        help="A role of the gate's; can be given several times. Looked up in the SSM parameter "
        f"{GATE_PARAMETER} if not given.",
        show_default=False,
    ),
]


@app.command(epilog=PLAIN_EXIT_CODES_HELP)
def scp(
    operators: Annotated[
        list[str] | None,
        typer.Option(
            "--operators",
            metavar="ARN",
            help="The role of the people who decide held jobs; can be given several times, * stands for what varies.",
            show_default=False,
        ),
    ] = None,
    protect_tags: Annotated[
        bool, typer.Option("--protect-tags", help="Also deny changing the tags of jobs; policies may rest on them.")
    ] = False,
    taggers: Annotated[
        list[str] | None,
        typer.Option(
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
            raise typer.BadParameter("says nothing without --protect-tags", param_hint="--tagger")
        if not operators:
            typer.echo(
                "batchgate: no --operators is named: under this policy nobody but the gate decides waiting jobs, "
                "`batchgate jobs approve` and `cancel` included",
                err=True,
            )
        gate = _gate(profile, region, roles)
        _print(service_control_policy(gate, operators or (), protect_tags=protect_tags, taggers=taggers or ()))


@app.command(epilog=PLAIN_EXIT_CODES_HELP)
def operators(profile: ProfileOption = None, region: RegionOption = None) -> None:
    """Print the IAM policy with which people can use `batchgate jobs`, `pause`, `resume` and `redrive`."""
    with reported_errors():
        _print(operators_policy(_gate(profile, region, None)))


def _print(document: Document) -> None:
    typer.echo(json.dumps(document, indent=2))


def _gate(profile: str | None, region: str | None, roles: list[str] | None) -> GateResources:
    """What is deployed; with roles, only where they are, which their ARNs and the Region say."""
    with aws_troubles():
        session = boto3.session.Session(profile_name=profile, region_name=region)
        if roles:
            if session.region_name is None:
                raise GateAccessError("no Region; --region or AWS_REGION says where the gate is")
            return _named_by_roles(roles, session.region_name)
        client = session.client("ssm")
        try:
            text = str(client.get_parameter(Name=GATE_PARAMETER)["Parameter"]["Value"])
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ParameterNotFound":
                raise
            raise GateAccessError(
                f"no gate is deployed in {client.meta.region_name} (there is no SSM parameter {GATE_PARAMETER}); "
                "--region and --profile say where to look, --role names the gate's roles without looking"
            ) from error
    try:
        said = DeployedGate.decode(text)
        deciding = tuple(said.roles[each] for each in _DECIDING)
        functions = tuple(said.functions[each] for each in _DECIDING)
    except (msgspec.MsgspecError, KeyError) as error:
        raise GateAccessError(f"SSM parameter {GATE_PARAMETER}: not what a stack writes: {error}") from error
    if not (said.queue_url and said.unreviewed_url and said.undelivered_url):
        raise GateAccessError(f"SSM parameter {GATE_PARAMETER} names no queues: deploy the stack again")
    where = _named_by_roles(list(deciding), client.meta.region_name)
    return GateResources(
        partition=where.partition,
        region=where.region,
        account_id=where.account_id,
        roles=where.roles,
        ledger_table=said.ledger_table,
        queue=_queue_name(said.queue_url),
        dead_letters=(_queue_name(said.unreviewed_url), _queue_name(said.undelivered_url)),
        functions=functions,
        application=said.appconfig.application if said.appconfig else "",
        profile=said.appconfig.profile if said.appconfig else "",
        key_arn=said.key_arn or "",
        manifest_buckets=said.manifest_buckets,
    )


def _queue_name(url: str) -> str:
    return url.rpartition("/")[2]


def _named_by_roles(roles: list[str], region: str) -> GateResources:
    """Partition and account from the roles' ARNs, `arn:PARTITION:iam::ACCOUNT:role/NAME`."""
    places = {tuple(arn.split(":")[1:5:3]) for arn in roles}
    if len(places) != 1 or len(next(iter(places))) != 2:  # noqa: PLR2004 - partition and account
        raise GuardrailsError(
            f"expected ARNs of roles in one account, got {shorten(', '.join(roles), 200, sentence=True)!r}"
        )
    partition, account_id = places.pop()
    return GateResources(partition=partition, region=region, account_id=account_id, roles=tuple(roles))
