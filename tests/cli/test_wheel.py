"""What an installation gets from a wheel that was built from the sdist, in an environment and a folder of its own."""

import http.client
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from batchgate import __version__
from batchgate_cli.app import COMMANDS

CHECKOUT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BATCHGATE_", "PYTHON"))
}
JOB = CHECKOUT / "docs" / "examples" / "job.json"


def run(command: Sequence[str | Path], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command with nothing of the checkout in its environment."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**ENVIRONMENT, "XDG_STATE_HOME": str(folder)},  # or it finds a local AWS that runs here
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def output(command: Sequence[str | Path], folder: Path) -> str:
    """What a command prints that succeeds."""
    done = run(command, folder)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with both wheels, that of batchgate from its sdist."""
    folder = tmp_path_factory.mktemp("built")
    output(("make", "wheels", f"DIST={folder}"), CHECKOUT)
    return folder


@pytest.fixture(scope="module")
def environment(built: Path) -> Path:
    """An environment with that wheel and what it needs, in the versions of requirements/cli.txt."""
    made = built / "environment"
    output([UV, "venv", "-q", "--python", sys.executable, made], built)
    wheel = built / f"batchgate-{__version__}-py3-none-any.whl"
    constraints = CHECKOUT / "requirements" / "cli.txt"
    output([UV, "pip", "install", "-q", "--python", made, "--find-links", built, "-c", constraints, wheel], built)
    return made


@pytest.fixture
def batchgate(environment: Path) -> Path:
    """The installed command."""
    return environment / "bin" / "batchgate"


def test_site_packages_hold_two_packages_and_the_emulators(environment: Path) -> None:
    """Nothing else of this repository stands at the top, and what is typed says so."""
    [site] = environment.glob("lib/python*/site-packages")
    here = {path.name for path in CHECKOUT.iterdir()} | {"batchgate", "batchgate_cli", "s3batch_emulator"}
    assert here & {path.name for path in site.iterdir()} == {"batchgate", "batchgate_cli", "s3batch_emulator"}
    assert (site / "batchgate" / "py.typed").exists()
    assert (site / "batchgate_cli" / "py.typed").exists()


def test_the_wheel_of_the_sdist_has_every_module_and_names_no_directory(built: Path) -> None:
    """As a wheel from the checkout; and the emulator is needed by name and version."""
    [wheel] = built.glob("batchgate-*.whl")
    with zipfile.ZipFile(wheel) as packed:
        inside = {name for name in packed.namelist() if name.endswith(".py")}
        [metadata] = [packed.read(name).decode() for name in packed.namelist() if name.endswith("/METADATA")]
    sources = {
        str(path.relative_to(root))
        for root in (CHECKOUT / "functions", CHECKOUT / "cli")
        for path in root.rglob("*.py")
    }
    assert inside == sources
    assert "Requires-Dist: s3batch-emulator==" in metadata
    assert "file:" not in metadata


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_help(batchgate: Path, tmp_path: Path, command: str) -> None:
    """In an empty folder."""
    assert output([batchgate, command, "--help"], tmp_path).startswith(f"Usage: batchgate {command} ")


def test_the_version_is_that_of_the_package(batchgate: Path, tmp_path: Path) -> None:
    """Written in one place."""
    assert output([batchgate, "--version"], tmp_path) == f"batchgate {__version__}\n"


def test_policies_are_written_checked_tested_and_explained(batchgate: Path, tmp_path: Path) -> None:
    """From nothing."""
    output([batchgate, "policy", "new", "first.yaml"], tmp_path)
    assert output([batchgate, "policy", "check", "first.yaml"], tmp_path).startswith("valid: ")
    assert output([batchgate, "policy", "test", "cases"], tmp_path).endswith(" passed, 0 failed\n")
    assert "reason: batchgate: " in output([batchgate, "policy", "explain", "first.yaml", "--job", JOB], tmp_path)
    assert json.loads(output([batchgate, "policy", "schema"], tmp_path))["title"]
    replayed = output([batchgate, "policy", "replay", "first.yaml", "--jobs", JOB, "--html", "report.html"], tmp_path)
    assert "of 1 job would be decided differently" in replayed
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_demo_runs_by_its_own_policy(batchgate: Path, tmp_path: Path) -> None:
    """Without the AWS CLI, ministack and the checkout; what it names to copy is there."""
    shown = output([batchgate, "demo"], tmp_path)
    assert '"Status": "Cancelled"' in shown
    assert "aws CLI" not in shown
    [copied] = [line.split()[1] for line in shown.splitlines() if line.startswith("  cp ")]
    assert Path(copied).read_bytes() == (CHECKOUT / "policies" / "demo.yaml").read_bytes()


def test_the_emulator_serves(batchgate: Path, tmp_path: Path) -> None:
    """Until it is ended."""
    with subprocess.Popen(
        [str(batchgate), "emulator", "serve"], cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    ) as served:
        assert served.stdout is not None
        host = served.stdout.readline().split()[-1].removeprefix("http://")
        asked = http.client.HTTPConnection(host, timeout=10)
        asked.request("GET", "/v20180820/jobs", headers={"Host": "123456789012.s3-control.us-east-1.amazonaws.com"})
        assert asked.getresponse().getheader("x-amz-request-id")
        asked.close()
        served.terminate()
        served.stdout.read()


def test_the_local_aws_needs_a_checkout_and_says_so_in_one_line(batchgate: Path, tmp_path: Path) -> None:
    """Exit code 1."""
    done = run([batchgate, "local", "up"], tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert "checkout" in line
