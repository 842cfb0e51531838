"""The unmodified AWS CLIs, and an environment without settings of AWS clients."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


def missing(path: Path) -> NoReturn:
    """Report a tool that `make setup` installs in a checkout: an error there, a reason to skip anywhere else."""
    if (CHECKOUT / "Makefile").exists():
        pytest.fail(f"{path} is missing: run `make setup`", pytrace=False)
    pytest.skip(f"{path} is part of a checkout")


@dataclass(frozen=True, slots=True)
class AwsCommand:
    """An `aws` command of this checkout.

    Attributes:
        path: Of the command.
        package: Where its Python package `awscli` lies, the examples of its documentation inside.
    """

    path: Path
    package: Path


def version_1(path: str) -> AwsCommand:
    """PyPI's, from its own virtual environment."""
    (package,) = Path(path).parents[1].glob("lib/python3*/site-packages/awscli")
    return AwsCommand(Path(path), package)


def version_2() -> AwsCommand:
    """Debian's; skips where it can't be had, for the reason that setup has left."""
    directory = CHECKOUT / ".venv-awscli2"
    if (reason := directory / "missing").exists():
        pytest.skip(f"no AWS CLI version 2: {reason.read_text().strip()}")
    if not (directory / ".made").exists():
        missing(directory)
    return AwsCommand(directory / "aws", directory / "usr" / "lib" / "python3" / "dist-packages" / "awscli")


def without_settings() -> dict[str, str]:
    """This environment without proxies, and without anything that tells a client of AWS where or who it is."""
    kept = {
        name: value for name, value in os.environ.items() if "proxy" not in name.lower() and not name.startswith("AWS_")
    }
    return kept | {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED": "true",
    }
