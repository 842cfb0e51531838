"""Plain data, as YAML and JSON give it, narrowed one step at a time."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Literal, TypeAlias

Plain: TypeAlias = "str | int | float | Sequence[Plain] | Mapping[str, Plain] | None"
"""What a parsed document or a DescribeJob answer is made of; None is what is not there."""

Document: TypeAlias = Mapping[str, Plain]
"""A policy document, or a part of one, with the keys of the language."""

Job: TypeAlias = Mapping[str, Plain]
"""The content of "Job" as `aws s3control describe-job` prints it; dates are ISO 8601 strings."""

Unavailable: TypeAlias = Literal["unknown", "unmeasurable"]
"""Why a fact is not there: S3 has not said yet, or it was asked for and is not to be had."""

Tags: TypeAlias = Mapping[str, str] | Literal["unmeasurable"]
"""The job's tags, or that they could not be read."""


class Result(Enum):
    """What a check, a condition or a requirement comes to."""

    MET = "met"
    VIOLATED = "violated"
    UNKNOWN = "unknown"
    UNMEASURABLE = "unmeasurable"


class MalformedDocumentError(ValueError):
    """The oracle was given something that is not a valid document or job.

    It evaluates valid documents only and never guesses at others.
    """


def mapping(value: Plain) -> Mapping[str, Plain]:
    """Promise that the value is a mapping; a missing one is empty."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        message = f"expected a mapping, got {value!r}"
        raise MalformedDocumentError(message)
    return value


def listed(value: Plain) -> list[Plain]:
    """Give the items of a list, a single value as a list of one, a missing one as none."""
    if value is None:
        return []
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(value)
    return [value]


def text(value: Plain) -> str:
    """Promise that the value is a string."""
    if not isinstance(value, str):
        message = f"expected a string, got {value!r}"
        raise MalformedDocumentError(message)
    return value


def number(value: Plain) -> int:
    """Promise that the value is a whole number, which a boolean is not."""
    if not isinstance(value, int) or isinstance(value, bool):
        message = f"expected a whole number, got {value!r}"
        raise MalformedDocumentError(message)
    return value
