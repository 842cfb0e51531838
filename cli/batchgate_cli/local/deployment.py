"""The real template, put into the local AWS by the real cdk command of the checkout."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchgate.errors import GateError
from batchgate_cli.local.ministack import CHECKOUT
from batchgate_cli.local.services import ACCOUNT, REGION, environment, session

STACK = "batchgate"
QUALIFIER = "hnb659fds"
BOOTSTRAP_VERSION = 30
"""The names that every bootstrap has that is not told otherwise, and a version that any cdk takes."""

LINES_OF_A_FAILURE = 30
_PROXIES = {"HTTP_PROXY", "http_proxy"}


class DeploymentError(GateError):
    """The cdk command is missing, or failed; the message ends with its output."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The gate's stack in one local AWS.

    Attributes:
        url: The local AWS.
        assembly: The directory of what is synthesized, cdk's "cloud assembly"; may not exist yet.
        settings: What is chosen otherwise than cdk.json does, as its key `batchgate` has it.
        checkout: Whose app and cdk command.
        show: Is handed each line that cdk prints.
    """

    url: str
    assembly: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    checkout: Path = CHECKOUT
    show: Callable[[str], None] = lambda _line: None

    def synthesize(self) -> None:
        """Make the template and the asset, as for any account.

        Raises:
            DeploymentError: It failed.
        """
        self._cdk("synth", "--quiet", *self._synthesis())

    def deploy(self) -> dict[str, str]:
        """Synthesize and deploy; the stack's outputs by their names.

        Raises:
            DeploymentError: It failed; wrong settings are reported so.
        """
        return self._deploy(*self._synthesis())

    def deploy_synthesized(self) -> dict[str, str]:
        """Deploy what was synthesized before; the stack's outputs by their names.

        Raises:
            DeploymentError: It failed.
        """
        return self._deploy("--app", str(self.assembly))

    def _synthesis(self) -> list[str]:
        return ["--output", str(self.assembly), "-c", f"batchgate={json.dumps({**self.settings})}"]

    def _deploy(self, *source: str) -> dict[str, str]:
        self._bootstrap()
        with tempfile.TemporaryDirectory(prefix="batchgate-") as directory:
            outputs = Path(directory, "outputs.json")
            self._cdk("deploy", STACK, *source, "--require-approval", "never", "--outputs-file", str(outputs))
            deployed: dict[str, dict[str, str]] = json.loads(outputs.read_bytes())
        return deployed[STACK]

    def _bootstrap(self) -> None:
        """Make what cdk wants to find in every account: the bucket for its assets, and the version of all that.

        `cdk bootstrap` also makes roles, which a local AWS does not need, and takes longer than all the rest.
        *Source*: CDK Developer Guide, customizing bootstrapping.
        """
        own = session()
        own.client("s3", endpoint_url=self.url).create_bucket(Bucket=f"cdk-{QUALIFIER}-assets-{ACCOUNT}-{REGION}")
        version = {"Name": f"/cdk-bootstrap/{QUALIFIER}/version", "Value": str(BOOTSTRAP_VERSION), "Type": "String"}
        own.client("ssm", endpoint_url=self.url).put_parameter(**version, Overwrite=True)

    def destroy(self) -> None:
        """Remove the stack, except what its settings keep.

        Raises:
            DeploymentError: It failed.
        """
        self._cdk("destroy", STACK, "--app", str(self.assembly), "--force")

    def _cdk(self, *arguments: str, directory: Path | None = None) -> None:
        command = self.checkout / "node_modules" / ".bin" / "cdk"
        if not command.exists():
            raise DeploymentError(
                f"{command} is missing: to deploy takes a checkout of batchgate, and `make setup` in it"
            )
        with subprocess.Popen(
            [str(command), *arguments, "--ci"],
            cwd=directory or self.checkout,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is for us; we end it with all that it started
        ) as process:
            assert process.stdout is not None  # noqa: S101 - it was asked for with PIPE
            last: deque[str] = deque(maxlen=LINES_OF_A_FAILURE)
            try:
                for line in process.stdout:
                    last.append(line)
                    self.show(line.rstrip())
            except BaseException:
                os.killpg(process.pid, signal.SIGTERM)
                for _ in process.stdout:  # until the last of the group has ended: none may write when we clean up
                    pass
                raise
        if process.returncode:
            raise DeploymentError(f"cdk {arguments[0]} failed. Its output ends:\n{''.join(last).strip()}")

    def _environment(self) -> dict[str, str]:
        """No account but the local one, and no telemetry or version check."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        # cdk speaks to the local AWS alone, and the packages of the asset may lie behind a proxy of the user's.
        local = {name: value for name, value in environment(self.url).items() if name not in _PROXIES}
        return (
            kept
            | local
            | {
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "CDK_DISABLE_CLI_TELEMETRY": "true",
                "CDK_DISABLE_VERSION_CHECK": "true",
                "FORCE_COLOR": "0",
                "NODE_NO_WARNINGS": "1",
                "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
                "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            }
        )
