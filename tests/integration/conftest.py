"""What the tests of the flow hold on to."""

import pytest

from tests.integration.stage import Stage


@pytest.fixture
def stage() -> Stage:
    """A gate that approves up to three tasks and cancels beyond, before an S3 without jobs."""
    return Stage()
