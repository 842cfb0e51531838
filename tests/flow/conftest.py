"""What the tests of the flow hold on to."""

from collections.abc import Iterator

import pytest

from tests.flow.deployed import Served, serving
from tests.flow.stage import Stage


@pytest.fixture
def stage() -> Stage:
    """A gate that approves up to three tasks and cancels beyond, before an S3 without jobs."""
    return Stage()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A server for emulators, and an environment that leads the gate function there."""
    with serving() as made:
        yield made
