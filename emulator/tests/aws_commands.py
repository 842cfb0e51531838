"""The unmodified AWS CLIs, and an environment without settings of AWS clients."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
        python: The interpreter that it runs on.
    """

    path: Path
    package: Path
    python: Path

    @contextmanager
    def fork_server(self) -> Iterator["AwsForkServer"]:
        """Start a process that imports the CLI once, because that takes longest, and forks for each command."""
        with subprocess.Popen(
            [self.python, "-s", "-c", _FORK_SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=without_settings() | {"PYTHONPATH": str(self.package.parent)},
        ) as process:
            yield AwsForkServer(process)
            process.communicate()


_FORK_SERVER = """
import json, os, signal, sys
import awscli.clidriver

for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if not child:
        signal.alarm(60)  # ends a command that hangs
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(asked["output"], os.O_WRONLY), 1)
        os.dup2(os.open(asked["errors"], os.O_WRONLY), 2)
        os.environ.update(asked["environment"])
        sys.argv = ["aws", *asked["arguments"]]
        sys.exit(awscli.clidriver.main())
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass(frozen=True, slots=True)
class AwsForkServer:
    """A process that has imported the AWS CLI, and forks one for each command.

    Attributes:
        process: Reads a command as one line of JSON, and writes its exit code.
    """

    process: "subprocess.Popen[str]"

    def run(self, *arguments: str, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
        """Run `aws` with these arguments; `environment` is added to that of `without_settings`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with tempfile.NamedTemporaryFile("r") as output, tempfile.NamedTemporaryFile("r") as errors:
            asked = {"arguments": arguments, "environment": {**environment}}
            asked |= {"output": output.name, "errors": errors.name}
            self.process.stdin.write(f"{json.dumps(asked)}\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
            assert line, "the fork server ended; stderr says why"
            return subprocess.CompletedProcess(["aws", *arguments], int(line), output.read(), errors.read())


def version_1(path: str) -> AwsCommand:
    """PyPI's, from its own virtual environment."""
    (package,) = Path(path).parents[1].glob("lib/python3*/site-packages/awscli")
    return AwsCommand(Path(path), package, Path(path).with_name("python"))


def version_2() -> AwsCommand:
    """Debian's; skips where it can't be had, for the reason that setup has left."""
    directory = CHECKOUT / ".venv-awscli2"
    if (reason := directory / "missing").exists():
        pytest.skip(f"no AWS CLI version 2: {reason.read_text().strip()}")
    if not (directory / ".made").exists():
        missing(directory)
    package = directory / "usr" / "lib" / "python3" / "dist-packages" / "awscli"
    return AwsCommand(directory / "aws", package, Path("/usr/bin/python3"))


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
