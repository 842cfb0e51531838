"""What the tests of the commands hold on to."""

from collections.abc import Iterator

import pytest

from tests.cli.live import LiveStage, deployed_gate, point_commands
from tests.flow.deployed import Served, serving


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A server for emulators, and an environment that leads clients there."""
    with serving() as made:
        yield made


@pytest.fixture
def live(served: Served, local_s3: str, monkeypatch: pytest.MonkeyPatch) -> LiveStage:
    """A deployed gate that holds every job, and an environment that leads commands to it."""
    point_commands(monkeypatch, local_s3)
    return deployed_gate(served, local_s3)
