"""The members of the jobs that test cases describe, held against S3's own request model."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache

from msgspec import Struct

from batchgate.jobs.request_model import Kind, Shape, request_shape
from batchgate.policy import suggestions
from batchgate.text import shorten
from batchgate_cli.authoring.policy_file import DocumentPath, Plain

_NAMED_AT_MOST = 12
_LONG = Shape(kind=Kind.LONG)
_STRING = Shape(kind=Kind.STRING)


class Mistake(Struct, frozen=True):
    """One thing that S3 does not have, or would refuse.

    Attributes:
        path: What leads to it, from the structure on.
    """

    path: DocumentPath
    message: str


@cache
def case_shapes() -> Mapping[str, Shape]:
    """The structures of a job, by DescribeJob's names. Source: S3 Control API, JobDescriptor."""
    failure = Shape(kind=Kind.STRUCTURE, members={"FailureCode": _STRING, "FailureReason": _STRING})
    counts = dict.fromkeys(("TotalNumberOfTasks", "NumberOfTasksSucceeded", "NumberOfTasksFailed"), _LONG)
    timers = Shape(kind=Kind.STRUCTURE, members={"ElapsedTimeInActiveSeconds": _LONG})
    return {
        "Operation": request_shape("Operation"),
        "Manifest": request_shape("Manifest"),
        "ManifestGenerator": request_shape("ManifestGenerator"),
        "GeneratedManifestDescriptor": request_shape("GeneratedManifestDescriptor"),
        "Report": request_shape("Report"),
        "ProgressSummary": Shape(kind=Kind.STRUCTURE, members={**counts, "Timers": timers}),
        "FailureReasons": Shape(kind=Kind.LIST, element=failure),
    }


def mistakes(shape: Shape, value: Plain, path: DocumentPath = ()) -> Iterator[Mistake]:
    """All that S3 does not have in a value of this shape; null anywhere means that it is not there."""
    if value is None:
        return
    parts = _parts(shape, value)
    if parts is None:
        message = _wrong_value(shape, value)
        if message:
            yield Mistake(path, message)
        return
    for step, inner, content in parts:
        if inner is None:
            yield Mistake((*path, step), f"S3 has no such member; {_meant(str(step), shape)}")
        else:
            yield from mistakes(inner, content, (*path, step))


def _parts(shape: Shape, value: Plain) -> list[tuple[str | int, Shape | None, Plain]] | None:
    """What a value is made of, each with its shape (None where S3 has no such member); None for a single value."""
    match shape.kind, value:
        case Kind.STRUCTURE, dict():
            return [(name, shape.members.get(name), content) for name, content in value.items()]
        case Kind.MAP, dict():
            return [(name, shape.element, content) for name, content in value.items()]
        case Kind.LIST, list():
            return [(index, shape.element, content) for index, content in enumerate(value)]
        case _:
            return None


def _meant(name: str, shape: Shape) -> str:
    near = suggestions.nearest(name, shape.members) or suggestions.sharing_a_word(name, shape.members)
    if near:
        return f"did you mean {near}?"
    names = list(shape.members)
    more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
    return f"it has {', '.join(names[:_NAMED_AT_MOST])}{more} here" if names else "no member is allowed here"


_WANTED: Mapping[Kind, str] = {
    Kind.BOOLEAN: "true or false",
    Kind.INTEGER: "a whole number",
    Kind.LONG: "a whole number",
    Kind.STRING: "text",
    Kind.TIMESTAMP: "an instant such as 2026-11-20T12:00:00Z",
    Kind.LIST: "a list",
    Kind.MAP: "a mapping",
    Kind.STRUCTURE: "a mapping",
}


def _wrong_value(shape: Shape, value: Plain) -> str:
    """What is wrong with a single value; "" for nothing."""
    wanted, hint = _WANTED[shape.kind], ""
    match shape.kind:
        case Kind.BOOLEAN:
            if isinstance(value, bool):
                return ""
            hint = suggestions.boolean_meant(value)
        case Kind.INTEGER | Kind.LONG:
            if isinstance(value, int) and not isinstance(value, bool):
                return ""
            hint = suggestions.number_meant(value)
        case Kind.STRING if isinstance(value, str):
            if not shape.values or value in shape.values:
                return ""
            near = suggestions.nearest(value, shape.values)
            return f"expected {suggestions.one_of(shape.values)}, got {_show(value)}" + (
                f"; did you mean {near}?" if near else ""
            )
        case Kind.STRING if isinstance(value, bool | int | float):
            hint = f'"{str(value).lower()}"'
        case Kind.TIMESTAMP if isinstance(value, str) and _is_instant(value):
            return ""
        case _:
            pass
    return f"expected {wanted}, got {_show(value)}" + (f"; write {hint}" if hint else "")


def _is_instant(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _show(value: Plain) -> str:
    if isinstance(value, dict | list):
        return f"a {'mapping' if isinstance(value, dict) else 'list'} of {len(value)}"
    if isinstance(value, bool):
        return str(value).lower()
    return (
        f"the number {value}"
        if isinstance(value, int | float)
        else f'"{shorten(re.sub(r"[^ -~]", "?", str(value)), 60)}"'
    )
