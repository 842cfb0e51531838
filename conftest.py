"""What every suite uses: Hypothesis profiles, the order and grouping of tests, the AWS CLI, a local S3."""

import os
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from batchgate_cli.local.ministack import running_ministack

# The gate decides by the time-zone data of its own asset; so do the tests, whatever this machine has.
zoneinfo.reset_tzpath(())

CHECKOUT = Path(__file__).resolve().parent

# No deadline: how long one example takes says more about the machine's other work than about the code.
settings.register_profile("dev", deadline=None)
# The same examples every time, so that a red build means a change and not luck; luck is for `dev` and `soak`.
settings.register_profile(
    "ci", deadline=None, derandomize=True, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
# For `make quick`: enough to notice what is plainly wrong.
settings.register_profile(
    "quick", deadline=None, max_examples=10, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "soak", deadline=None, max_examples=5000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


PURE = ("tests/unit", "tests/verification")
"""Directories whose tests share no fixtures worth sharing."""

IN_PROCESS = (*PURE, "tests/flow", "tests/aws", "emulator/tests")
"""Directories whose tests need no other program, unless a fixture says so."""

OTHER_PROGRAMS = {"aws_cli", "local_s3"}
MADE_ONCE = {"asset", "gate"}
"""Fixtures that take tens of seconds: all tests of a directory that use one run on one worker."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file on one worker, so that what they share is made once; slow ones start first."""
    for item in items:
        file = item.location[0]
        fixtures: set[str] = set(getattr(item, "fixturenames", ()))
        if not file.startswith(IN_PROCESS) or OTHER_PROGRAMS & fixtures:
            item.add_marker("slow")
        slow = item.get_closest_marker("slow") is not None
        if item.get_closest_marker("xdist_group") is None:
            group = file
            if shared := MADE_ONCE & fixtures:
                group = f"{item.path.parent.name}: {min(shared)}"
            elif slow and file.startswith(PURE) and not OTHER_PROGRAMS & fixtures:
                group = item.nodeid
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def aws_cli() -> str:
    """The path of the unmodified `aws` command."""
    path = CHECKOUT / ".venv-awscli" / "bin" / "aws"
    if not path.exists():
        pytest.fail(f"{path} is missing: run `make setup`", pytrace=False)
    return str(path)


@pytest.fixture(scope="session")
def local_s3() -> Iterator[str]:
    """The endpoint URL of a local S3 (and SQS, EventBridge, ...) that starts empty and ends with the session."""
    with running_ministack() as endpoint_url:
        yield endpoint_url
