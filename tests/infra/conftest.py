"""What the tests of the stack share."""

import platform
from pathlib import Path

import pytest

from infra.gate_asset import build_asset
from infra.settings import Architecture

HERE = Architecture.ARM64 if platform.machine() in {"aarch64", "arm64"} else Architecture.X86_64


@pytest.fixture(scope="session")
def asset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The asset, built for the processor of this machine."""
    output = tmp_path_factory.mktemp("asset")
    build_asset(output, architecture=HERE)
    return output
