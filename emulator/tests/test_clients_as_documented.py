"""docs/reference.md, "Over HTTP": what a reader copies from it works, client by client."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from s3batch_emulator import MemoryObjects

from .aws_commands import CHECKOUT, AwsCommand, missing, version_1, version_2, without_settings
from .job_requests import CONTROL_TOKEN, client, job_request
from .served import serving

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "reference.md").read_text()
PORT = "8010"
CREDENTIALS = "export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"


def block(language: str, beginning: str, title: str = "Over HTTP") -> str:
    """The one block of a section in a language that begins so."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    blocks = re.findall(rf"^```{language}\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    (found,) = (text for text in blocks if text.startswith(beginning))
    assert isinstance(found, str)
    return found


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """The emulator as the page starts it on a clean machine, but on a free port."""
    exports, started = block("sh", f"{CREDENTIALS}\n").splitlines()
    environment = dict(each.split("=") for each in shlex.split(exports)[1:])
    typed = shlex.split(started)
    assert typed[:2] == ["s3batch-emulator", "serve"]
    options = ["0" if option == PORT else option for option in typed[2:]]
    with serving(*options, "--stepped", environment=environment) as (url, _):
        yield url


@pytest.fixture
def job_id(served: str) -> str:
    """A job in us-east-1 for the clients to find."""
    return str(client(base_url=served).create_job(**job_request(MemoryObjects()))["JobId"])


def run(command: list[str], directory: Path, **environment: str) -> str:
    """What a command prints when it succeeds in an environment without settings."""
    done = subprocess.run(
        command,
        cwd=directory,
        env=without_settings() | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def at(url: str, text: str) -> str:
    """The block with the port that is served."""
    assert PORT in text
    return text.replace(PORT, url.rpartition(":")[2])


@pytest.fixture(params=["version 1", "version 2"])
def command(request: pytest.FixtureRequest) -> AwsCommand:
    """Each of the AWS CLIs."""
    return version_2() if request.param == "version 2" else version_1(request.getfixturevalue("aws_cli"))


def test_the_aws_cli(served: str, job_id: str, command: AwsCommand, tmp_path: Path) -> None:
    """In a shell that has no settings of its own."""
    script = at(served, block("sh", f"{CREDENTIALS} AWS_DEFAULT_REGION"))
    printed = run(["sh", "-ec", script], tmp_path, PATH=f"{command.path.parent}:/usr/bin:/bin")
    assert job_id in printed


def test_boto3(served: str, job_id: str, tmp_path: Path) -> None:
    """As a program of its own."""
    assert f"{job_id} New\n" in run([sys.executable, "-c", at(served, block("python", "import boto3"))], tmp_path)


def test_javascript(served: str, job_id: str, tmp_path: Path) -> None:
    """In a directory where the SDK is installed; the program ends by itself."""
    if not (CHECKOUT / "node_modules").exists():
        missing(CHECKOUT / "node_modules")
    (tmp_path / "node_modules").symlink_to(CHECKOUT / "node_modules")
    (tmp_path / "list-jobs.mjs").write_text(at(served, block("js", "import ")))
    assert f"{job_id} New\n" in run(["node", "list-jobs.mjs"], tmp_path)


def test_curl_and_the_control_api(served: str, tmp_path: Path) -> None:
    """With the token that the emulator was started with."""
    if shutil.which("curl") is None:
        pytest.skip("no curl is here")
    *_, asks = block("sh", "export S3BATCH_CONTROL_TOKEN=", "The control API").splitlines()
    printed = run(["sh", "-ec", at(served, asks)], tmp_path, S3BATCH_CONTROL_TOKEN=CONTROL_TOKEN)
    assert json.loads(printed)["stepped"]
