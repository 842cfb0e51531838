"""The options of commands that ask AWS. Imports no AWS SDK, so that their help is shown at once."""

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Final

import click

from batchgate.contract import GATE_PARAMETER
from batchgate.errors import GateError
from batchgate_cli.groups import option
from batchgate_cli.option_types import AccountId, Rate, Text, Url, Whole, shown
from batchgate_cli.output import Color


class GateAccessError(GateError):
    """The deployed gate can't be found or reached; the message has what to do."""


class NoGateError(GateAccessError):
    """No gate is deployed in the account and Region."""


ProfileOption = Annotated[str | None, option(metavar="NAME", help="The AWS profile.")]
RegionOption = Annotated[
    str | None, option(metavar="REGION", help="The gate's Region, or else that of AWS_REGION or the profile.")
]
YesOption = Annotated[bool, option("--yes", "-y", help="Do not ask; for scripts.")]


_SECONDS: Final = Whole(0, 86_400)

CALLS_PER_SECOND: Final = 10.0
"""Of S3, where not given otherwise."""

PACE: Final = Rate(0.01, 1000)
"""Calls of S3 per second."""

ACCOUNT_ID: Final = AccountId()
URL: Final = Url()
REASON: Final = Text(1000)
"""Why people decide something. *Source*: docs/openapi.yaml, as the following."""

PATTERN: Final = Text(256, 1)
ACCOUNT_NAME: Final = Text(256)

_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Between these the gate's API accepts instants. *Source*: docs/openapi.yaml."""


class Format(StrEnum):
    """How the answers of the gate's API are printed."""

    JSON = "json"
    TEXT = "text"
    TABLE = "table"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """Options of the AWS CLI, with the same meaning.

    They say how a command finds and reaches the gate's API, and how it prints the answer; None where not given.
    """

    output: Annotated[
        Format | None,
        option(
            "--output",
            "-o",
            metavar="FORMAT",
            help="json, text (tab-separated) or table, as the AWS CLI prints them; or csv. For people if not given.",
        ),
    ] = None
    query: Annotated[
        str | None,
        option(metavar="EXPRESSION", help="Print what this JMESPath expression finds in the JSON output."),
    ] = None
    region: RegionOption = None
    profile: ProfileOption = None
    endpoint_url: Annotated[
        str | None,
        option(
            metavar="URL",
            help=f"The gate's API; looked up in the SSM parameter {GATE_PARAMETER} if not given.",
            type=URL,
        ),
    ] = None
    no_verify_ssl: Annotated[bool, option("--no-verify-ssl", help="Do not verify TLS certificates.")] = False
    ca_bundle: Annotated[str | None, option(metavar="PATH", help="The CA certificates to verify by.")] = None
    cli_read_timeout: Annotated[
        int, option(metavar="SECONDS", help="How long to wait for an answer; 0 for no limit.", type=_SECONDS)
    ] = 35
    cli_connect_timeout: Annotated[
        int, option(metavar="SECONDS", help="How long to wait for a connection; 0 for no limit.", type=_SECONDS)
    ] = 5
    no_sign_request: Annotated[
        bool, option("--no-sign-request", help="Do not sign requests; no credentials are loaded.")
    ] = False
    debug: Annotated[bool, option("--debug", help="Log what is sent and received to standard error.")] = False
    color: Annotated[Color, option(metavar="WHEN", help="Colors: on, off, or auto.")] = Color.AUTO


@dataclass(frozen=True, slots=True)
class GateOptions:
    """How a command that asks AWS itself finds the gate; None where not given."""

    profile: str | None = None
    region: str | None = None


def instant_of(text: str, name: str, *, last: bool) -> datetime:
    """A day's beginning, or of the last day its end; or an instant.

    Args:
        text: What was given.
        name: The option.
        last: Whether a day is the last one.

    Raises:
        click.BadParameter: It is neither.
    """
    try:
        instant = _read(text, last=last)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(
            f"expected a day like 2026-11-29 or an instant, got {shown(text)}", param_hint=name
        ) from error
    if instant is None or not _FIRST <= instant <= _LAST:
        raise click.BadParameter(
            f"expected a day or an instant of the years 2000 to 8999, got {shown(text)}", param_hint=name
        )
    return instant


def _read(text: str, *, last: bool) -> datetime | None:
    """The instant; None if it is too early or late for Python."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        instant = datetime.fromisoformat(text)
    else:
        instant = datetime.combine(day, time(), UTC)
        if last:
            return None if day == date.max else instant + timedelta(days=1)
    try:
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except OverflowError:
        return None


def region_of(given: str | None) -> str | None:
    """The Region of --region or of AWS_REGION; None where neither is set, so that botocore's own settings count.

    *Source*: AWS CLI User Guide, environment variables: AWS_REGION overrides AWS_DEFAULT_REGION and the profile. The
    AWS SDKs read it, too, other than boto3.
    """
    return given or os.environ.get("AWS_REGION") or None


CANARY_MINUTES: Final = 20
"""How long `doctor --canary` may take, if not told otherwise."""


@dataclass(frozen=True, slots=True)
class AwsOptions:
    """The AWS CLI's options of the same names, None where not given; and the deployment's setting of its name."""

    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    account_id: str | None = None
    untagged_answer_lacks_tags: bool = False
