"""What is judged by, and what was decided, stays as it was made."""

from dataclasses import FrozenInstanceError, fields, is_dataclass
from types import ModuleType
from typing import Any

import pytest

from batchgate.policy import calendars, checks, decide


def values(*modules: ModuleType) -> list[type]:
    """Every class of those modules whose instances hold something."""
    return [
        each
        for module in modules
        for each in vars(module).values()
        if isinstance(each, type) and is_dataclass(each) and fields(each) and each.__module__ == module.__name__
    ]


@pytest.mark.parametrize("value", values(calendars, checks, decide), ids=lambda value: value.__name__)
def test_a_value_cannot_be_changed(value: Any) -> None:
    """Warm functions keep policies from job to job: no judgement may leave a trace in them, or in a decision."""
    made = object.__new__(value)
    for field in fields(value):
        with pytest.raises(FrozenInstanceError):
            setattr(made, field.name, None)
