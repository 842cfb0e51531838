"""What S3's own description of a job may contain, read from the AWS SDK's service model; nothing of the product's."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.session import get_session

from tests.verification.oracle.plain import Job, Plain

LOOKED_AT = ("Operation", "ManifestGenerator", "Manifest", "Report")


def says_more_than_is_known(job: Job) -> bool:
    """Say whether the description has a member, or a value of a closed set, that the model lacks.

    Only where it says what the job does.

    An operation that stands alone and is new is no such member: the page has a rule of its own for it, and its
    parameters may be any.
    """
    return any(strangers(model().members[name], job[name], name) for name in LOOKED_AT if name in job)


@cache
def model() -> Any:
    """The structure JobDescriptor. Source: S3 Control API."""
    return get_session().get_service_model("s3control").shape_for("JobDescriptor")


def strangers(shape: Any, value: Plain, name: str) -> bool:
    """Say whether there is a stranger in a value, at any depth."""
    if name == "Operation" and isinstance(value, dict) and len(value) == 1 and not set(value) & set(shape.members):
        return False
    return any(_strange(shape, value))


def _strange(shape: Any, value: Plain) -> Iterator[bool]:
    match shape.type_name, value:
        case "structure", dict():
            for key, inner in value.items():
                if key not in shape.members:
                    yield True
                else:
                    yield from _strange(shape.members[key], inner)
        case "list", list():
            for inner in value:
                yield from _strange(shape.member, inner)
        case "map", dict():
            for inner in value.values():
                yield from _strange(shape.value, inner)
        case "string", str() if shape.enum:
            yield value not in shape.enum
        case _:
            yield isinstance(value, dict | list)
