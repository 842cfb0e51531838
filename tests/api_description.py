"""docs/openapi.yaml as the tests read it: whether an answer of the API is one that it describes."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

PATH = Path(__file__).parents[1] / "docs" / "openapi.yaml"


@cache
def description() -> dict[str, Any]:
    """The whole document."""
    found: dict[str, Any] = YAML(typ="safe").load(PATH)
    return found


def _resolved(part: Any) -> Any:
    while "$ref" in part:
        found: Any = description()
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


@cache
def _validator(method: str, path: str, status: int, kind: str) -> Draft202012Validator:
    responses = description()["paths"][path][method.lower()]["responses"]
    assert str(status) in responses, f"{method} {path} answers {status}, which is not described"
    content = _resolved(responses[str(status)])["content"]
    assert kind in content, f"{method} {path} answers {status} as {kind}, which is not described"
    schema = {"components": description()["components"], **content[kind]["schema"]}
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(schema, format_checker=checker)


def path_of(target: str) -> str | None:
    """The described path that a request's path is one of; None for none."""
    for path in description()["paths"]:
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), target):
            return str(path)
    return None


def _undescribed(value: Any, schema: Any, where: str) -> Iterator[str]:
    """Members that are answered and that nobody who reads the description learns of."""
    schemas = [*_alternatives(schema)]
    if isinstance(value, list):
        items = [each["items"] for each in schemas if "items" in each]
        for number, each in enumerate(value):
            yield from _undescribed(each, {"anyOf": items}, f"{where}[{number}]")
    described: dict[str, list[Any]] = {}
    for each in schemas:
        for name, member in each.get("properties", {}).items():
            described.setdefault(name, []).append(member)
    is_open = not described or any("additionalProperties" in each for each in schemas)
    for name, each in value.items() if isinstance(value, dict) else ():
        if name in described:
            yield from _undescribed(each, {"anyOf": described[name]}, f"{where}.{name}")
        elif not is_open:
            yield f"{where}.{name}"


def _alternatives(schema: Any) -> Iterator[Any]:
    """A schema, and those that it is made of."""
    schema = _resolved(schema)
    yield schema
    for keyword in ("allOf", "anyOf", "oneOf"):
        for each in schema.get(keyword, ()):
            yield from _alternatives(each)


def check(method: str, target: str, status: int, content_type: str, body: str) -> Any:
    """The document that was answered; fails where it is not as described."""
    path = path_of(target)
    document = json.loads(body)
    kind = content_type.partition(";")[0]
    if path is None or method.lower() not in description()["paths"][path]:
        assert (status, kind) in ((404, "application/problem+json"), (405, "application/problem+json"))
        return document
    validator = _validator(method, path, status, kind)
    validator.validate(document)
    unknown = [*_undescribed(document, validator.schema, "")]
    assert not unknown, f"{method} {path} answers what is not described: {unknown}"
    if kind == "application/problem+json":
        assert document["status"] == status
    return document
