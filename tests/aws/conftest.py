"""What the tests of the ports hold on to: the same as those of the flow."""

from tests.flow.conftest import served, stage

__all__ = ["served", "stage"]
