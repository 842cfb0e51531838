"""What is evaluated by, and what was decided, stays as it was made."""

from types import ModuleType
from typing import Any

import pytest
from msgspec import Struct

from batchgate.policy import calendars, checks, evaluate


def values(*modules: ModuleType) -> list[type]:
    """Every class of those modules whose instances hold something."""
    return [
        each
        for module in modules
        for each in vars(module).values()
        if isinstance(each, type) and _fields(each) and each.__module__ == module.__name__
    ]


def _fields(of: type) -> tuple[str, ...]:
    return of.__struct_fields__ if issubclass(of, Struct) else tuple(getattr(of, "__dataclass_fields__", ()))


@pytest.mark.parametrize("value", values(calendars, checks, evaluate), ids=lambda value: value.__name__)
def test_a_value_cannot_be_changed(value: Any) -> None:
    """Warm functions keep policies from job to job: no evaluation may leave a trace in them, or in a decision."""
    config = getattr(value, "__struct_config__", None) or getattr(value, "__dataclass_params__")  # noqa: B009
    assert config.frozen
