"""The version that the gate names itself by."""

import tomllib
from pathlib import Path

import botocore
from botocore.config import Config

from batchgate import __version__
from batchgate.aws import wiring

CHECKOUT = Path(__file__).resolve().parents[2]


def test_the_gate_has_the_packages_version() -> None:
    """It is written twice: for packaging, and for the functions, which have no metadata of the package."""
    assert tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]["version"] == __version__


def test_every_call_names_the_gate() -> None:
    """CloudTrail's userAgent then tells the gate's calls from a person's."""
    client = wiring._client("s3control", Config(region_name="eu-central-1"))
    assert client.meta.config.user_agent == f"batchgate/{__version__} botocore/{botocore.__version__}"
