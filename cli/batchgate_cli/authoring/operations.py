"""The parameters that a policy may ask about, as S3's request model has them."""

from collections.abc import Iterator
from dataclasses import dataclass

from batchgate.jobs.request_model import Kind, Shape, request_shape

_KINDS = {
    Kind.BOOLEAN: "`true` or `false`",
    Kind.INTEGER: "whole number",
    Kind.LONG: "whole number",
    Kind.LIST: "list",
    Kind.MAP: "map",
    Kind.STRING: "text",
    Kind.STRUCTURE: "structure",
    Kind.TIMESTAMP: "time",
}


@dataclass(frozen=True, slots=True)
class RequestParameter:
    """One parameter of an operation, or one member of a manifest generator.

    Attributes:
        path: As `operation_parameters` or `manifest_generator` writes it.
        shape: Its type.
    """

    path: str
    shape: Shape

    @property
    def kind(self) -> str:
        """Of which kind its values are, in words."""
        element = self.shape.element
        if self.shape.kind is Kind.LIST and element is not None:
            return f"list of {'structures' if element.kind is Kind.STRUCTURE else 'texts'}"
        return _KINDS[self.shape.kind]

    @property
    def values(self) -> tuple[str, ...]:
        """All values that S3 takes, a list for its elements; empty where any of the kind will do."""
        element = self.shape.element
        return self.shape.values or (element.values if element is not None else ())


def operation_parameters() -> list[RequestParameter]:
    """List the parameters of all known operations, in S3's order; the operations themselves are none."""
    return [each for each in _below(request_shape("Operation"), "") if "." in each.path]


def generator_members() -> list[RequestParameter]:
    """List the members of a manifest generator, in S3's order."""
    return list(_below(request_shape("ManifestGenerator").members["S3JobManifestGenerator"], ""))


def element_members(element: Shape) -> list[RequestParameter]:
    """List what an element of a list of structures has."""
    return list(_below(element, ""))


def _below(shape: Shape, path: str) -> Iterator[RequestParameter]:
    for name, member in shape.members.items():
        inner = f"{path}.{name}" if path else name
        yield RequestParameter(inner, member)
        yield from _below(member, inner)
