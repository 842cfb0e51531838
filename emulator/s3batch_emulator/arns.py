"""Parses the ARNs of a job from the left, so that no part of one is mistaken for a bucket.

*Source*: Service Authorization Reference, resource types of Amazon S3 and of Amazon S3 Express; S3 User Guide,
"Referencing access points" (access-points-alias).
"""

import re
from dataclasses import dataclass

_FIELDS = 6
_TYPED = re.compile("([a-z]+)[/:]")
_NAME = re.compile("[A-Za-z0-9._-]+")
"""The characters in names of access points and buckets, including capitals and underscores in old bucket names."""
_DIRECTORY_BUCKET = "--x-s3"


@dataclass(frozen=True, slots=True)
class ArnResource:
    """The resource that an ARN of S3 names.

    Attributes:
        bucket: What the S3 API takes as the bucket: a bucket's name, or an access point's ARN.
        key: The part after the bucket; "" if there is none.
        is_directory: Whether it is a directory bucket, or an access point of one.
    """

    bucket: str
    key: str
    is_directory: bool = False


def parse_arn(arn: str) -> ArnResource | None:
    """Parse `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`; None for any other ARN, or text that is not an ARN."""
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
    """The bucket, or access point, that an ARN names; "" if it names none, or names an object in one."""
    named = parse_arn(arn)
    return named.bucket if named is not None and not named.key and not arn.endswith("/") else ""
