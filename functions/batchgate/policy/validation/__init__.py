"""Validation of a policy document: every problem of it at once, each with its path.

The shape is walked along the structs of `model`; what a shape alone can't say (names, references, times, exactly one
key) is checked on the way. Only a document without a problem is decoded.
"""

from functools import cache
from threading import Lock

import msgspec
from msgspec import inspect

from batchgate.errors import PolicyError, Problem
from batchgate.policy import model
from batchgate.policy.validation.reader import Reader
from batchgate.policy.validation.references import check_references

__all__ = ["find_problems", "find_reference_problems", "read_document"]


def read_document(data: object) -> model.PolicyDocument:
    """Decode one policy document, rejecting everything that the language does not allow.

    Args:
        data: What a YAML or JSON parser made of it.

    Raises:
        PolicyError: With every problem found, each with its path.
    """
    problems = find_problems(data)
    if problems:
        raise PolicyError(problems)
    try:
        return msgspec.convert(data, model.PolicyDocument)
    except msgspec.ValidationError as error:
        raise PolicyError([Problem((), str(error))]) from error


def find_problems(data: object, *, references: bool = True) -> list[Problem]:
    """List every problem of a would-be document, in the order of reading.

    Args:
        data: The document.
        references: Also names used twice and names of nothing; False for one file of several.
    """
    reader = Reader()
    reader.read(data, _document_type(), ())
    if references:
        check_references(reader)
    return reader.problems


def find_reference_problems(data: object) -> list[Problem]:
    """List only names used twice and names of nothing."""
    reader = Reader()
    reader.read(data, _document_type(), ())
    shape = len(reader.problems)
    check_references(reader)
    return reader.problems[shape:]


_building_type = Lock()


def _document_type() -> inspect.Type:
    """The document's type, once msgspec has built its own description of it, which `msgspec.convert` then finds.

    msgspec keeps that description in the class before it is complete: a thread that converts to the type while another
    builds it crashes the process. Building takes too long for a function's start to do it at import, as others do.
    """
    with _building_type:
        return _built_type()


@cache
def _built_type() -> inspect.Type:
    return inspect.type_info(model.PolicyDocument)
