"""The options of commands that ask AWS. Imports no AWS SDK, so that their help is shown at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from batchgate.contract import GATE_PARAMETER
from batchgate.errors import GateError
from batchgate_cli.groups import option


class GateAccessError(GateError):
    """The deployed gate can't be found or reached; the message has what to do."""


class NoGateError(GateAccessError):
    """No gate is deployed in the account and Region."""


@dataclass(frozen=True, slots=True)
class GateOptions:
    """How a command finds the gate; None, or empty, where not given.

    Attributes:
        endpoint_url: S3 Control's endpoint.
        table: The ledger's table, where it is not to be looked up.
        policies: Policy files to evaluate by, where the deployed ones are not to be asked.
    """

    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    table: str | None = None
    policies: tuple[Path, ...] = ()


CANARY_MINUTES: Final = 20
"""How long `doctor --canary` may take, if not told otherwise."""

ProfileOption = Annotated[str | None, option(metavar="NAME", help="The AWS profile.")]
RegionOption = Annotated[str | None, option(metavar="REGION", help="The gate's Region.")]
EndpointOption = Annotated[str | None, option(metavar="URL", help="S3 Control's endpoint.")]
TableOption = Annotated[
    str | None,
    option(metavar="NAME", help=f"The ledger's table; looked up in the SSM parameter {GATE_PARAMETER} if not given."),
]
YesOption = Annotated[bool, option("--yes", "-y", help="Do not ask; for scripts.")]
PoliciesOption = Annotated[
    list[Path] | None,
    option(
        "--policy",
        metavar="PATH",
        help="Show objections by these policy files; by those in force if not given. Can be given several times.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class AwsOptions:
    """The AWS CLI's options of the same names, None where not given; and the deployment's setting of its name."""

    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    account_id: str | None = None
    untagged_answer_lacks_tags: bool = False
