"""What every suite may ask for: Hypothesis profiles, the AWS CLI, a local S3."""

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
settings.register_profile(
    "soak", deadline=None, max_examples=5000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


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
