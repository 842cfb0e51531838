"""`pip install -r requirements.txt` and the cdk command are enough, and every Python makes the same asset."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.gate_asset import CHECKOUT, asset_hash
from infra.settings import PROCESSOR
from tests.infra.test_gate_asset import content

NOT_IN_A_CLONE = (".git", ".venv*", "node_modules", "cdk.out", "build", "__pycache__", ".*_cache", ".hypothesis")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The checkout as git clones it, and the cdk command."""
    made = tmp_path / "clone"
    shutil.copytree(CHECKOUT, made, ignore=shutil.ignore_patterns(*NOT_IN_A_CLONE))
    (made / "node_modules").symlink_to(CHECKOUT / "node_modules")
    return made


def environment(**changed: str) -> dict[str, str]:
    """This process's, without the environment that the tests run in."""
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    own = str(Path(sys.executable).parent)
    path = os.pathsep.join(each for each in os.environ["PATH"].split(os.pathsep) if each != own)
    return {**kept, "PATH": path, **changed}


def python_of(version: str) -> str:
    """A Python of this version; without one the test is skipped."""
    found = subprocess.run(
        [sys.executable, "-m", "uv", "python", "find", "--no-python-downloads", "--system", version],
        capture_output=True,
        text=True,
        check=False,
    )
    managed = sorted(
        Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv").glob(f"versions/{version}.*/bin/python")
    )
    if found.returncode and not managed:
        pytest.skip(f"this machine has no Python {version}")
    return found.stdout.strip() or str(managed[-1])


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_requirements_and_the_cdk_command_are_enough_and_every_python_makes_the_same_asset(
    version: str, clone: Path, asset: Path, tmp_path: Path
) -> None:
    """In an activated environment of one's own, without make; file for file, and so by the hash that CDK compares."""
    uv, venv = [sys.executable, "-m", "uv"], tmp_path / "own"
    subprocess.run([*uv, "venv", "-q", "--python", python_of(version), str(venv)], check=True)
    install = ["pip", "install", "-q", "--python", str(venv / "bin" / "python"), "-r", str(clone / "requirements.txt")]
    subprocess.run([*uv, *install], check=True)
    settings = json.dumps({"architecture": PROCESSOR})
    done = subprocess.run(
        ["node_modules/.bin/cdk", "synth", "--quiet", "--output", str(tmp_path / "out"), "-c", f"batchgate={settings}"],
        cwd=clone,
        # test_checked_template.py validates the template; which Python makes it does not matter for that.
        env=environment(VIRTUAL_ENV=str(venv), CDK_DISABLE_VERSION_CHECK="true", CDK_VALIDATION="false"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [built] = (tmp_path / "out").glob("asset.*")
    assert content(built) == content(asset)
    assert asset_hash(built) == asset_hash(asset)


def test_the_asset_is_known_by_everything_but_the_bytes_of_its_bytecode(tmp_path: Path) -> None:
    """Another patch release of Python 3.13 compiles other bytes; that there is bytecode at all does count."""
    (tmp_path / "gate.py").write_text("decides = True")
    without = asset_hash(tmp_path)
    (tmp_path / "gate.pyc").write_text("one")
    once = asset_hash(tmp_path)
    (tmp_path / "gate.pyc").write_text("other")
    assert asset_hash(tmp_path) == once != without
    (tmp_path / "gate.py").write_text("decides = False")
    changed = asset_hash(tmp_path)
    (tmp_path / "gate.py").rename(tmp_path / "gates.py")
    assert len({without, once, changed, asset_hash(tmp_path)}) == 4


def test_without_a_python_that_can_it_says_what_to_do(clone: Path, tmp_path: Path) -> None:
    """Which were tried, what each lacks, and both ways to get one."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "tail"):
        (tools / name).symlink_to(str(shutil.which(name)))

    def synthesize(**changed: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(tools / "sh"), "infra/synth.sh"],
            cwd=clone,
            env={"PATH": str(tools), **changed},
            capture_output=True,
            text=True,
            check=False,
        )

    nothing = synthesize()
    assert nothing.returncode == 1
    assert "There is neither .venv/bin/python nor" in nothing.stderr
    assert "pip install -r requirements.txt" in nothing.stderr
    assert "make setup" in nothing.stderr

    own = tmp_path / "own"
    subprocess.run([sys.executable, "-m", "uv", "venv", "-q", "--python", sys.executable, str(own)], check=True)
    lacking = synthesize(VIRTUAL_ENV=str(own))
    assert lacking.returncode == 1
    assert f"{own}/bin/python: lacks aws_cdk, cdk_nag, msgspec, botocore, ruamel, uv" in lacking.stderr


def test_git_writes_line_ends_that_sh_can_read_on_every_system(tmp_path: Path) -> None:
    """Git for Windows converts them unless it is told not to; and other bytes would be another asset."""

    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), "-c", "core.autocrlf=true", *arguments], check=True)

    for name in (".gitattributes", "synth.sh", "contract.py"):
        [source] = [
            each for each in (CHECKOUT, CHECKOUT / "infra", CHECKOUT / "functions/batchgate") if (each / name).exists()
        ]
        shutil.copy(source / name, tmp_path)
    git("init", "-q")
    git("add", ".")
    for name in ("synth.sh", "contract.py"):
        (tmp_path / name).unlink()
        git("checkout", "--", name)
        assert b"\r" not in (tmp_path / name).read_bytes()
