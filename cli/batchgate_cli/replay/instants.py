"""Instants in what a job does: JSON has them as text, and the gate reads them as instants."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeVar

from batchgate.jobs.model import Json
from batchgate.jobs.request_model import Kind, Shape, request_shape

JsonT = TypeVar("JsonT")


def of_job(members: Mapping[str, Json]) -> dict[str, Json]:
    """A job's description whose operation and generator have instants."""
    shapes = {"Operation": request_shape("Operation"), "ManifestGenerator": request_shape("ManifestGenerator")}
    return {name: _value(shapes[name], value) if name in shapes else value for name, value in members.items()}


def of_parameters(operation: object, parameters: JsonT) -> JsonT:
    """An operation's parameters, below its name."""
    shape = request_shape("Operation").members.get(str(operation))
    return parameters if shape is None else _value(shape, parameters)


def of_generator(generator: JsonT) -> JsonT:
    """The members of the generator that lists the objects."""
    return _value(request_shape("ManifestGenerator").members["S3JobManifestGenerator"], generator)


def _value(shape: Shape, value: JsonT) -> JsonT:
    """The value with an instant wherever S3's model has one; what is no instant stays as it is."""
    found: object = value
    if isinstance(value, dict):
        inner = {name: shape.members.get(name, shape.element) for name in value}
        found = {name: _value(kind, each) if (kind := inner[name]) else each for name, each in value.items()}
    elif isinstance(value, list) and shape.element is not None:
        found = [_value(shape.element, each) for each in value]
    elif isinstance(value, str) and shape.kind is Kind.TIMESTAMP:
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            return value
        found = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
    return found  # type: ignore[return-value] # of the type that came, but for the instants in it
