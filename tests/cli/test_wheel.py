"""What `pip install` gets."""

import subprocess
import sys
import zipfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def test_the_wheel_holds_every_module_that_the_command_may_import(tmp_path: Path) -> None:
    """All of functions/ and tools/, under the names that they are imported by; nothing of tests or infra's stack."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")}
    sources = {
        str(path.relative_to(root))
        for root in (CHECKOUT / "functions", CHECKOUT / "tools")
        for path in root.rglob("*.py")
    }
    of_a_checkout = {"request_model.py", "policy_messages.py", "policy_message_inputs.py"}  # `make reference` runs them
    assert inside == sources - of_a_checkout


def test_the_installed_command_runs_from_the_wheel_alone(tmp_path: Path) -> None:
    """With the packages of this environment, and nothing of the checkout on the path."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    script = (
        "import sys; sys.path[:] = [sys.argv[1]] + [p for p in sys.path if 'site-packages' in p or 'lib/python' in p];"
        "import batchgate_cli.app as m; assert m.__file__.startswith(sys.argv[1]);"
        "import policy_file; assert policy_file.__file__.startswith(sys.argv[1]);"
        "m.app(['policy', 'check', sys.argv[2]])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "site"), str(CHECKOUT / "policies" / "approval.yaml")],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("valid: ")
