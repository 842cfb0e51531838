"""How the tests are spread over the workers of a run."""

import os

import pytest


def test_the_tests_of_a_file_run_on_one_worker(request: pytest.FixtureRequest) -> None:
    """Otherwise each worker makes anew what the tests of a file share, and nothing says so."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("there is one process")
    assert request.node.nodeid.endswith(f"@{request.node.location[0]}")
