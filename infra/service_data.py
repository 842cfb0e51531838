"""The part of botocore's API descriptions that ships: the calls that the gate makes, of some 400 services' thousands.

Reading the descriptions is most of the cost of making a client. Cutting them changes neither requests nor parsed
responses; tests/infra/test_service_data.py compares every call of the gate with the full data.
"""

import gzip
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from batchgate.errors import GateError

OPERATIONS: Final[Mapping[str, frozenset[str]]] = {
    "appconfig": frozenset(
        {"GetDeployment", "GetHostedConfigurationVersion", "ListDeployments", "ListHostedConfigurationVersions"}
    ),
    "appconfigdata": frozenset({"GetLatestConfiguration", "StartConfigurationSession"}),
    "cloudtrail": frozenset({"LookupEvents"}),
    "dynamodb": frozenset(
        {"BatchGetItem", "DeleteItem", "DescribeTable", "GetItem", "PutItem", "Query", "TransactWriteItems"}
    ),
    "events": frozenset({"PutEvents"}),
    "s3": frozenset(
        {"GetObject", "HeadObject", "HeadBucket"}
    ),  # botocore's own HeadBucket finds the Region of a bucket elsewhere
    "s3control": frozenset({"DescribeJob", "GetJobTagging", "ListJobs", "UpdateJobStatus"}),
    "sns": frozenset({"GetTopicAttributes", "Publish"}),
    "sqs": frozenset({"SendMessage"}),
    "ssm": frozenset({"GetParameter"}),
    "stepfunctions": frozenset({"StartExecution"}),
}
"""Every call of the gate, by botocore's name of the service."""

_MODEL: Final = "service-2"
_RULES: Final = "endpoint-rule-set-1"
_EXTRAS: Final = "service-2.sdk-extras"
_ENDPOINTS: Final = "endpoints.json"


class ServiceDataError(GateError):
    """botocore's data has another layout than expected; the message says what is missing."""


def cut_service_data(data: Path) -> None:
    """Remove from a copy of botocore's `data` directory what no call of the gate reads.

    Raises:
        ServiceDataError: It lacks a service or an operation that the gate calls.
    """
    prefixes = set()
    for service, operations in OPERATIONS.items():
        model = _cut_service(data / service, operations)
        prefixes.add(model["metadata"]["endpointPrefix"])
    for path in data.iterdir():
        if path.is_dir() and path.name not in OPERATIONS:
            shutil.rmtree(path)
    endpoints = _read(data / _ENDPOINTS)
    for partition in endpoints["partitions"]:
        partition["services"] = {name: said for name, said in partition["services"].items() if name in prefixes}
    _write(data / _ENDPOINTS, endpoints)


def _cut_service(directory: Path, operations: frozenset[str]) -> dict[str, Any]:
    """Keep the newest model of some operations and its endpoint rules; returns the model."""
    found = sorted(path.parent for path in directory.glob(f"*/{_MODEL}.json.gz"))
    if not found:
        raise ServiceDataError(f"botocore has no {_MODEL} of {directory.name}")
    newest = found[-1]
    model, rules = _read(newest / f"{_MODEL}.json.gz"), _read(newest / f"{_RULES}.json.gz")
    extras = _read(newest / f"{_EXTRAS}.json") if (newest / f"{_EXTRAS}.json").exists() else None
    missing = sorted(operations - model["operations"].keys())
    if missing:
        raise ServiceDataError(f"botocore's {directory.name} has no {', '.join(missing)}")
    shutil.rmtree(directory)
    newest.mkdir(parents=True)
    cut = _cut_model(model, operations)
    _write(newest / f"{_MODEL}.json", cut)
    _write(newest / f"{_RULES}.json", rules)
    if extras is not None:
        _write(newest / f"{_EXTRAS}.json", extras)
    return cut


def _cut_model(model: dict[str, Any], operations: frozenset[str]) -> dict[str, Any]:
    """The operations, every shape that they lead to, and every error: a service may answer any of its own."""
    kept = {name: each for name, each in model["operations"].items() if name in operations}
    shapes = model["shapes"]
    reached: set[str] = set()
    waiting = [*_shapes_in(kept), *(name for name, shape in shapes.items() if shape.get("exception"))]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += _shapes_in(shapes[name])
    wanted = {name: shape for name, shape in shapes.items() if name in reached}
    return model | {"operations": _without_words(kept), "shapes": _without_words(wanted)}


def _shapes_in(value: object) -> Iterator[str]:
    """The names of the shapes that a part of a model refers to."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key == "shape" and isinstance(each, str):
                yield each
            else:
                yield from _shapes_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from _shapes_in(each)


def _without_words(value: Any) -> Any:  # noqa: ANN401 - JSON of any depth
    """A part of a model without what is written for people; a member may be called documentation, and is no text."""
    if isinstance(value, dict):
        return {
            key: _without_words(each)
            for key, each in value.items()
            if not (key == "documentation" and isinstance(each, str))
        }
    return [_without_words(each) for each in value] if isinstance(value, list) else value


def _read(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    read: dict[str, Any] = json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)
    return read


def _write(path: Path, content: dict[str, Any]) -> None:
    """Plain: the zip of the asset packs it once, and unpacks it once."""
    path.write_text(json.dumps(content, separators=(",", ":")), "utf-8")
