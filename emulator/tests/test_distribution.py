"""What `pip install s3batch-emulator` gets: a wheel that is built from the sdist, in a fresh environment."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[1]
TEST_OF_A_USER = """
def test_a_job_waits_for_its_confirmation(s3batch, s3batch_client):
    etag = s3batch.objects.put("manifests", "m.csv", b"lake,one\\n")
    job_id = s3batch_client.create_job(
        AccountId="123456789012",
        Operation={"S3DeleteObjectTagging": {}},
        Report={"Enabled": False},
        Priority=1,
        RoleArn="arn:aws:iam::123456789012:role/batch",
        Manifest={
            "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
            "Location": {"ObjectArn": "arn:aws:s3:::manifests/m.csv", "ETag": etag},
        },
    )["JobId"]
    s3batch.advance(minutes=1)
    assert s3batch.emulator.job(job_id).status.value == "Suspended"


def test_moto_answers_jobs(s3batch_moto):
    import boto3

    assert boto3.client("s3control", "us-east-1").list_jobs(AccountId="123456789012")["Jobs"] == []
"""


def run(*command: str | Path, directory: Path) -> str:
    """The output of a command that succeeds."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COV"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=directory,
        env=kept,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked source distribution."""
    built = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", built, directory=PROJECT)
    (archive,) = built.glob("*.tar.gz")
    # tarfile of Python 3.11.2, which Debian 12 has, knows no filters.
    run("tar", "-xzf", archive, "-C", built, directory=built)
    return next(each for each in built.iterdir() if each.is_dir())


@pytest.fixture(scope="module")
def installed(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of a fresh environment with the wheel of the sdist, and this environment's packages as dependencies."""
    fresh = tmp_path_factory.mktemp("fresh")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", fresh, directory=sdist)
    (wheel,) = fresh.glob("*.whl")
    run(sys.executable, "-m", "venv", "env", directory=fresh)
    programs = fresh / "env" / "bin"
    run(programs / "python", "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel, directory=fresh)
    dependencies = sysconfig.get_path("purelib")
    packages = run(programs / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", directory=fresh)
    Path(packages.strip(), "dependencies.pth").write_text(f"{dependencies}\n")
    return programs


def test_the_sdist_holds_the_package_its_tests_and_its_documents(sdist: Path) -> None:
    """All that git holds of the project."""
    inside = {str(path.relative_to(sdist)) for path in sdist.rglob("*") if path.is_file()}
    sources = {
        str(path.relative_to(PROJECT))
        for folder in ("s3batch_emulator", "tests", "docs")
        for path in (PROJECT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert inside - {"PKG-INFO", ".gitignore"} == sources | {"pyproject.toml", "README.md", "LICENSE"}


def test_the_installed_package_is_typed_and_alone(installed: Path, tmp_path: Path) -> None:
    """`py.typed` is there; nothing else of ours comes with it."""
    shows = (
        "import pathlib, s3batch_emulator as s, importlib.metadata as m; here = pathlib.Path(s.__file__).parent;"
        "print((here / 'py.typed').exists(), {f.parts[0] for f in m.files('s3batch-emulator') if '..' not in f.parts})"
    )
    printed = run(installed / "python", "-c", shows, directory=tmp_path)
    version = run(installed / "s3batch-emulator", "--version", directory=tmp_path).strip()
    assert printed.startswith("True ")
    assert sorted(eval(printed[5:])) == ["s3batch_emulator", f"s3batch_emulator-{version}.dist-info"]  # noqa: S307 -- a set


def test_the_fixtures_are_there_after_installation(installed: Path, tmp_path: Path) -> None:
    """Pytest finds the plugin by its entry point; a user's test names the fixtures and imports nothing."""
    (tmp_path / "test_user.py").write_text(TEST_OF_A_USER)
    assert "2 passed" in run(installed / "python", "-m", "pytest", "-q", "-W", "error", directory=tmp_path)


def test_the_plugin_costs_a_test_run_nothing(installed: Path, tmp_path: Path) -> None:
    """Neither boto3 nor a server nor moto is imported until a fixture is used."""
    (tmp_path / "test_user.py").write_text(
        "import sys\n\n\ndef test_light():\n"
        "    heavy = {'boto3', 'botocore', 'moto', 'uvicorn'} & set(sys.modules)\n"
        "    assert 's3batch_emulator.pytest_plugin' in sys.modules and not heavy\n"
    )
    run(installed / "python", "-m", "pytest", "-q", "-p", "no:hypothesispytest", directory=tmp_path)


def test_the_command_explains_itself(installed: Path, tmp_path: Path) -> None:
    """Without options, and what `serve` takes."""
    assert "--stepped" in run(installed / "s3batch-emulator", "serve", "--help", directory=tmp_path)
