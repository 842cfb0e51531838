"""Which bucket a text of S3's names, if it names a general-purpose bucket at all.

A bucket stands in a job as an ARN (the manifest, the generator, the report, a copy's target) or, in a manifest's rows,
as a name. Access points, their aliases and directory buckets stand in the same places. Only general-purpose buckets
have names that a policy can mean, so everything else is recognized here, and nowhere else.

ARNs are read from the left: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`, of which the resource, an object's key in
it included, may hold colons and slashes.

*Source*: Amazon S3 User Guide, "General purpose bucket naming rules" (bucketnamingrules), "Referencing access points"
(access-points-alias), "Directory bucket naming rules" (directory-bucket-naming-rules), "Referencing access points for
directory buckets" (access-points-directory-buckets-naming); Amazon S3 on Outposts User Guide, "Using a bucket-style
alias" (s3-outposts-access-points-alias); Service Authorization Reference, resource types of Amazon S3, S3 Object
Lambda, S3 on Outposts, S3 Express and S3 Tables.
"""

import re
from collections.abc import Mapping

from msgspec import Struct

from batchgate.jobs.model import Json


class NoBucket(Struct, frozen=True):
    """What a text names instead of a general-purpose bucket.

    Attributes:
        what: A few words for people, with their article, ours alone: nothing of the text.
    """

    what: str


class ObjectPlace(Struct, frozen=True):
    """Where an object lies.

    Attributes:
        bucket: A general-purpose bucket's name.
        key: The object's key, as it is; "" where the ARN has none.
    """

    bucket: str
    key: str


MALFORMED = NoBucket("a malformed ARN")
IMPOSSIBLE_NAME = NoBucket("a name that no bucket can have")
PATH = NoBucket("a path behind a bucket")

_ALIASES: Mapping[str, NoBucket] = {
    "-s3alias": NoBucket("an access point alias"),
    "--ol-s3": NoBucket("an Object Lambda access point alias"),
    "--op-s3": NoBucket("an Outposts access point alias"),
    ".mrap": NoBucket("a Multi-Region Access Point"),
    "--x-s3": NoBucket("a directory bucket"),
    "--xa-s3": NoBucket("an access point of a directory bucket"),
    "--table-s3": NoBucket("a table bucket"),
}
"""By the suffix that AWS reserves. *Source*: as above; of `--op-s3` also botocore's endpoint rules of S3."""

RESERVED_SUFFIXES = tuple(_ALIASES)
"""How no general-purpose bucket's name ends."""

_OTHER_SERVICES: Mapping[tuple[str, str], NoBucket] = {
    ("s3", "accesspoint"): NoBucket("an access point"),
    ("s3express", "bucket"): _ALIASES["--x-s3"],
    ("s3express", "accesspoint"): _ALIASES["--xa-s3"],
    ("s3-object-lambda", "accesspoint"): NoBucket("an Object Lambda access point"),
    ("s3-outposts", "outpost"): NoBucket("a bucket or access point on an Outpost"),
    ("s3tables", "bucket"): _ALIASES["--table-s3"],
}
"""By service and type of resource."""

_PARTITION = re.compile(r"aws(?:-[a-z]+)*")
_FIELDS = 6
_TYPE = re.compile(r"/?([a-z]+)[/:]")
_NAME = re.compile(
    r"(?!(?:\d{1,3}\.){3}\d{1,3}\Z|.*\.\.|xn--|sthree-|amzn-s3-demo-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII
)


def bucket_name(text: Json) -> str | NoBucket:
    """Read a bucket's ARN, or a bare name as it stands in a manifest's row.

    Returns:
        The name of a general-purpose bucket, which may exist or not; else what the text names.
    """
    if not isinstance(text, str):
        return MALFORMED
    if not text.startswith("arn:"):
        return _named(text)
    place = object_place(text)
    if isinstance(place, NoBucket):
        return place
    return PATH if "/" in text.split(":", _FIELDS - 1)[-1] else place.bucket


def object_place(arn: Json) -> ObjectPlace | NoBucket:
    """Read an object's ARN, or a bucket's.

    Returns:
        The object's place in a general-purpose bucket; else what the ARN names.
    """
    fields = arn.split(":", _FIELDS - 1) if isinstance(arn, str) else []
    if len(fields) < _FIELDS or fields[0] != "arn" or not _PARTITION.fullmatch(fields[1]):
        return MALFORMED
    _, _, service, region, account, resource = fields
    if service == "s3" and not region and not account:
        bucket, _, key = resource.partition("/")
        name = _named(bucket)
        return name if isinstance(name, NoBucket) else ObjectPlace(name, key)
    kind = _TYPE.match(resource)
    return _OTHER_SERVICES.get((service, kind[1]), MALFORMED) if kind else MALFORMED


def _named(name: str) -> str | NoBucket:
    for suffix, alias in _ALIASES.items():
        if name.endswith(suffix):
            return alias
    return name if _NAME.fullmatch(name) else IMPOSSIBLE_NAME
