"""S3's request model of a job: every member that a job may have, with its type and its closed set.

The table itself is generated (`request_shapes`, by `make reference`) and is loaded when it is first asked for.

*Source*: botocore's `s3control` model, 2018-08-20; a test compares the table with it.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from batchgate.jobs.model import Json
from batchgate.text import shorten

VALUE_AT_MOST: Final = 40
"""Characters of a value outside its closed set."""

Structure: TypeAlias = Literal["Operation", "ManifestGenerator", "Manifest", "Report", "GeneratedManifestDescriptor"]
"""A structure of the job whose members the table knows, by the name that DescribeJob gives it."""


class Kind(StrEnum):
    """The types of S3's model."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    LONG = "long"
    STRING = "string"
    TIMESTAMP = "timestamp"
    LIST = "list"
    MAP = "map"
    STRUCTURE = "structure"


class Shape(Struct, frozen=True, kw_only=True):
    """The type of one member.

    Attributes:
        members: A structure's members by name; empty for everything else, and for a structure without members.
        element: What each element of a list, or each value of a map, is; None for everything else.
        values: The closed set of a string; empty where any text will do.
        wire_names: What the XML of an answer calls members whose name there is another one.
        element_name: What the XML of an answer calls an element of a list.
    """

    kind: Kind
    members: Mapping[str, "Shape"] = {}
    element: "Shape | None" = None
    values: tuple[str, ...] = ()
    wire_names: Mapping[str, str] = {}
    element_name: str = "member"


@cache
def request_shape(structure: Structure) -> Shape:
    """The members of one structure of a job."""
    from batchgate.jobs import request_shapes

    return request_shapes.STRUCTURES[structure]


def unknown_members(structure: Structure, value: Json) -> tuple[str, ...]:
    """Which members of a job's structure, and which values of closed sets, the table does not have, at any depth.

    Args:
        structure: Which structure `value` is.
        value: The structure as JSON or botocore gives it, under the members' own names (not those of the XML).

    Returns:
        Dotted paths below the structure, sorted, each once however many elements of a list have it:
        `S3PutObjectAcl.AccessControlPolicy.AccessControlList.Grants.NewMember`. A structure or a list where the table
        has neither counts as unknown; a map's keys never do. A value outside its closed set stands behind its path:
        `S3InitiateRestoreObject.GlacierJobTier="FASTEST"`. Source of the names: DescribeJob.
    """
    return tuple(sorted(set(_unknown(request_shape(structure), value, ""))))


def _unknown(shape: Shape, value: Json, path: str) -> Iterator[str]:
    if isinstance(value, list):
        if shape.kind is not Kind.LIST or shape.element is None:
            yield path
            return
        for element in value:
            yield from _unknown(shape.element, element, path)
    elif isinstance(value, Mapping):
        for name, content in value.items():
            inner = f"{path}.{name}" if path else name
            if shape.kind is Kind.MAP and shape.element is not None:
                yield from _unknown(shape.element, content, inner)
            elif name in shape.members:
                yield from _unknown(shape.members[name], content, inner)
            else:
                yield inner
    elif shape.values and value is not None and value not in shape.values:
        yield unknown_value(path, value)


def unknown_value(path: str, value: Json) -> str:
    """A value outside its closed set, behind its path, quoted and shortened."""
    text = str(value).replace('"', "'")
    return f'{path}="{shorten(text, VALUE_AT_MOST)}"'
