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

from botocore.exceptions import BotoCoreError, ClientError

from batchgate.errors import GateError
from batchgate_cli.local.ministack import CHECKOUT
from batchgate_cli.local.services import ACCOUNT, REGION, environment, session

STACK = "batchgate"
DEFAULT_QUALIFIER = "hnb659fds"
"""Part of the names of all that bootstrapping creates. *Source*: CDK Developer Guide, customizing bootstrapping."""

LOCAL_BOOTSTRAP_VERSION = 30
"""What cdk reads as the version of the local bootstrap; the template asks for at least 6."""

LINES_OF_A_FAILURE = 30
_PROXIES = {"HTTP_PROXY", "http_proxy"}


class DeploymentError(GateError):
    """The cdk command is missing or failed, or the local AWS did not take what it needs; the message says which."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The gate's stack in one local AWS.

    Attributes:
        url: The local AWS.
        assembly: The directory of what is synthesized, cdk's "cloud assembly"; may not exist yet.
        settings: What is chosen otherwise than cdk.json does, as its key `batchgate` has it. The stack is called
            `STACK`, also if cdk.json names it otherwise.
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
            DeploymentError: Synthesis, which also reports invalid settings, or the deployment failed.
        """
        return self._deploy(*self._synthesis())

    def deploy_synthesized(self) -> dict[str, str]:
        """Deploy what was synthesized before; the stack's outputs by their names.

        Raises:
            DeploymentError: It failed.
        """
        return self._deploy("--app", str(self.assembly))

    def _synthesis(self) -> list[str]:
        settings = {"stack_name": STACK, **self.settings}
        return ["--output", str(self.assembly), "-c", f"batchgate={json.dumps(settings)}"]

    def _deploy(self, *source: str) -> dict[str, str]:
        self._find_cdk()
        self._bootstrap()
        with tempfile.TemporaryDirectory(prefix="batchgate-") as directory:
            outputs = Path(directory, "outputs.json")
            self._cdk("deploy", STACK, *source, "--require-approval", "never", "--outputs-file", str(outputs))
            deployed: dict[str, dict[str, str]] = json.loads(outputs.read_bytes())
        return deployed[STACK]

    def _bootstrap(self) -> None:
        """Create what a deployment needs of a bootstrapped account: the bucket for assets and the version parameter.

        Safe to repeat. `cdk bootstrap` would also create roles, which the local AWS does not need, and takes seconds.
        *Source*: CDK Developer Guide, customizing bootstrapping.
        """
        own = session()
        name, version = f"/cdk-bootstrap/{DEFAULT_QUALIFIER}/version", str(LOCAL_BOOTSTRAP_VERSION)
        try:
            s3, ssm = own.client("s3", endpoint_url=self.url), own.client("ssm", endpoint_url=self.url)
            s3.create_bucket(Bucket=f"cdk-{DEFAULT_QUALIFIER}-assets-{ACCOUNT}-{REGION}")
            ssm.put_parameter(Name=name, Value=version, Type="String", Overwrite=True)
        except (BotoCoreError, ClientError) as error:
            raise DeploymentError(f"the local AWS on {self.url} can't be prepared for a deployment: {error}") from error

    def destroy(self) -> None:
        """Remove the stack, except what its settings keep.

        Raises:
            DeploymentError: It failed.
        """
        self._cdk("destroy", STACK, "--app", str(self.assembly), "--force")

    def _find_cdk(self) -> Path:
        command = self.checkout / "node_modules" / ".bin" / "cdk"
        if not command.exists():
            raise DeploymentError(
                f"{command} is missing: to deploy takes a checkout of batchgate, and `make setup` in it"
            )
        return command

    def _cdk(self, *arguments: str) -> None:
        with (
            # jsii leaves its own directories behind when it is interrupted.
            tempfile.TemporaryDirectory(prefix="batchgate-cdk-", ignore_cleanup_errors=True) as temporary,
            subprocess.Popen(
                [str(self._find_cdk()), *arguments, "--ci"],
                cwd=self.checkout,
                env=self._environment() | {"TMPDIR": temporary},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C is for us; we end it with all that it started
            ) as process,
        ):
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
            how = f"was ended by signal {-process.returncode}" if process.returncode < 0 else "failed"
            raise DeploymentError(f"cdk {arguments[0]} {how}. Its output ends:\n{''.join(last).strip() or '(nothing)'}")

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
