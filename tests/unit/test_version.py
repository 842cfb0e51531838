"""The version that the gate names itself by."""

import tomllib
from pathlib import Path

import botocore
from botocore.config import Config

from batchgate import __version__
from batchgate.aws import wiring

CHECKOUT = Path(__file__).resolve().parents[2]


def test_the_package_has_the_gates_version() -> None:
    """It is written once, in the package that ships to Lambda, which has no metadata of the distribution."""
    configured = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    assert "version" in configured["project"]["dynamic"]
    path = configured["tool"]["hatch"]["version"]["path"]
    assert f'__version__ = "{__version__}"' in (CHECKOUT / path).read_text("utf-8")


def test_every_call_names_the_gate() -> None:
    """CloudTrail's userAgent then tells the gate's calls from a person's."""
    client = wiring._client("s3control", Config(region_name="eu-central-1"))
    assert client.meta.config.user_agent == f"batchgate/{__version__} botocore/{botocore.__version__}"
