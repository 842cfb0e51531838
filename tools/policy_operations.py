"""The operations of S3 Batch Operations and their parameters, as the AWS SDK describes them."""

from collections.abc import Iterator
from dataclasses import dataclass

from botocore.model import Shape, StructureShape
from botocore.session import Session

from batchgate.jobs.model import KNOWN_OPERATIONS

_KINDS = {
    "boolean": "`true` or `false`",
    "integer": "whole number",
    "list": "list",
    "long": "whole number",
    "map": "structure",
    "string": "text",
    "structure": "structure",
    "timestamp": "time",
}


@dataclass(frozen=True, slots=True)
class OperationParameter:
    """One parameter of an operation.

    Attributes:
        path: As `operation_parameters` writes it, the operation's name first.
        kind: Of which kind its values are, in words.
        values: All values that S3 takes; empty where any of the kind will do.
    """

    path: str
    kind: str
    values: tuple[str, ...]


def operation_parameters() -> list[OperationParameter]:
    """List the parameters of all known operations, in S3's order.

    *Source*: S3 Control API, JobOperation.
    """
    operations = Session().get_service_model("s3control").shape_for("JobOperation")
    return [parameter for parameter in _below(operations, "") if parameter.path.split(".")[0] in KNOWN_OPERATIONS]


def _below(shape: Shape, path: str) -> Iterator[OperationParameter]:
    if not isinstance(shape, StructureShape):
        return
    for name, member in shape.members.items():
        inner = f"{path}.{name}" if path else name
        if path:
            values = tuple(getattr(member, "enum", ()))
            yield OperationParameter(inner, _KINDS[member.type_name], values)
        yield from _below(member, inner)
