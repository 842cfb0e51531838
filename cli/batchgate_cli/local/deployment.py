"""The real template, put into the local AWS by the real cdk command of the checkout."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchgate.errors import GateError
from batchgate_cli.local.ministack import CHECKOUT
from batchgate_cli.local.services import ACCOUNT, REGION, environment

STACK = "batchgate"
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

    def prepare(self) -> None:
        """Synthesize, and meanwhile make what cdk wants to find in every account.

        Raises:
            DeploymentError: Either failed; wrong settings are reported by the former.
        """
        with ThreadPoolExecutor(1) as aside:
            bootstrapped = aside.submit(self.bootstrap)
            self.synthesize()
            bootstrapped.result()

    def bootstrap(self) -> None:
        """Make what cdk wants to find in every account.

        Raises:
            DeploymentError: It failed.
        """
        # In a directory without cdk.json, or it would synthesize for nothing.
        with tempfile.TemporaryDirectory(prefix="batchgate-") as elsewhere:
            self._cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}", directory=Path(elsewhere))

    def synthesize(self) -> None:
        """Make the template and the asset, as for any account.

        Raises:
            DeploymentError: It failed.
        """
        context = f"batchgate={json.dumps({**self.settings})}"
        self._cdk("synth", "--quiet", "--output", str(self.assembly), "-c", context)

    def deploy(self) -> dict[str, str]:
        """Deploy what was synthesized; the stack's outputs by their names.

        Raises:
            DeploymentError: It failed.
        """
        with tempfile.TemporaryDirectory(prefix="batchgate-") as directory:
            outputs = Path(directory, "outputs.json")
            arguments = ["--require-approval", "never", "--outputs-file", str(outputs)]
            self._cdk("deploy", STACK, "--app", str(self.assembly), *arguments)
            deployed: dict[str, dict[str, str]] = json.loads(outputs.read_bytes())
        return deployed[STACK]

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
