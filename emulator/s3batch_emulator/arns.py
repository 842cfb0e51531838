"""Where the ARNs of a job lead: read from the left, so that no piece of one is taken for a bucket.

*Source*: Service Authorization Reference, resource types of Amazon S3 and of Amazon S3 Express; S3 User Guide,
"Referencing access points" (access-points-alias).
"""

import re
from dataclasses import dataclass

_FIELDS = 6
_TYPED = re.compile("([a-z]+)[/:]")
_NAME = re.compile("[A-Za-z0-9._-]+")
"""The characters of names of buckets, old ones with capitals and underscores too, and of access points."""
_DIRECTORY_BUCKET = "--x-s3"


@dataclass(frozen=True, slots=True)
class ArnResource:
    """What an ARN of S3 names.

    Attributes:
        bucket: As the S3 API takes it in resource_named of a bucket: a bucket's name, or an access point's ARN.
        key: What stands behind it; "" for nothing.
        is_directory: Whether it is a directory bucket, or an access point of one.
    """

    bucket: str
    key: str
    is_directory: bool = False


def parse_arn(arn: str) -> ArnResource | None:
    """Read `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`; None for an ARN of anything else, or no ARN."""
    fields = arn.split(":", _FIELDS - 1)
    if len(fields) < _FIELDS or fields[0] != "arn":
        return None
    *_, service, region, account, resource = fields
    typed = _TYPED.match(resource) if account else None
    kind, rest = (typed[1], resource[typed.end() :]) if typed else ("", resource)
    name, _, key = rest.partition("/")
    if not _NAME.fullmatch(name):
        return None
    match service, kind:
        case "s3", "" if not region and not account:
            return ArnResource(name, key, is_directory=name.endswith(_DIRECTORY_BUCKET))
        case "s3", "accesspoint":
            return ArnResource(f"{':'.join(fields[:-1])}:accesspoint/{name}", key.removeprefix("object/"))
        case "s3express", "bucket" | "accesspoint":
            return ArnResource(name, key, is_directory=True)
        case _:
            return None


def bucket_of(arn: str) -> str:
    """What stands for a bucket where one is asked for; "" where the ARN names none, or something behind one."""
    resource_named = parse_arn(arn)
    return (
        resource_named.bucket if resource_named is not None and not resource_named.key and not arn.endswith("/") else ""
    )
