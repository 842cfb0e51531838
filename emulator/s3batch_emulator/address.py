"""The account, Region and partition of a request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from botocore.loaders import Loader

_HOST = re.compile(
    r"(?:(?P<account>[^.]+)\.)?s3-control(?:-fips)?(?:\.dualstack)?\.(?P<region>[a-z0-9-]+)\.(?P<suffix>[a-z0-9.-]+)"
)
_LOOPBACK_HOST = re.compile(r"(?P<account>\d{12})\.(?:localhost|127\.0\.0\.1)")
_CREDENTIAL_SCOPE = re.compile(r"Credential=[^/,\s]+/\d{8}/(?P<region>[a-z0-9-]+)/s3/aws4_request")


@dataclass(frozen=True, slots=True)
class JobScope:
    """The partition, Region and account of jobs. Jobs are never visible from another account or Region.

    Attributes:
        partition: `aws`, `aws-cn`, `aws-us-gov` or another that botocore knows.
        region: A Region's code, such as `us-east-1`.
        account_id: Twelve digits.
    """

    partition: str
    region: str
    account_id: str

    def job_arn(self, job_id: str) -> str:
        """The ARN of a job."""
        return f"arn:{self.partition}:s3:{self.region}:{self.account_id}:job/{job_id}"


@cache
def _partitions() -> tuple[tuple[str, re.Pattern[str]], ...]:
    described = Loader().load_data("partitions")["partitions"]
    return tuple((str(entry["id"]), re.compile(str(entry["regionRegex"]))) for entry in described)


def partition_of(region: str, default: str) -> str:
    """The partition that a Region belongs to, from botocore's own table."""
    return next((name for name, pattern in _partitions() if pattern.fullmatch(region)), default)


def host_account(host: str) -> str | None:
    """The account id before the endpoint in a Host header, or None."""
    name = _without_port(host)
    found = _HOST.fullmatch(name) or _LOOPBACK_HOST.fullmatch(name)
    return found["account"] if found else None


def region_of(headers: Mapping[str, str], default: str) -> str:
    """The Region of a request: that of its Host, else of its signature, else the default.

    Args:
        headers: Header values by lower-case names.
        default: The Region of an unsigned request to a loopback host.
    """
    return host_region(headers) or signed_region(headers) or default


def host_region(headers: Mapping[str, str]) -> str | None:
    """The Region in a request's Host header; None if the host has none, such as a loopback host."""
    named = _HOST.fullmatch(_without_port(headers.get("host", "")))
    return named["region"] if named else None


def signed_region(headers: Mapping[str, str]) -> str | None:
    """The Region that a request was signed for; None for an unsigned one."""
    signed = _CREDENTIAL_SCOPE.search(headers.get("authorization", ""))
    return signed["region"] if signed else None


def _without_port(host: str) -> str:
    return re.sub(r":\d+$", "", host.lower())
