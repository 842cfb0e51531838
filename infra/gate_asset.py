"""The asset of the functions: the gate, its pinned packages for Lambda's platform, and bytecode.

It is built without containers. The same inputs make the same bytes, whichever machine or Python builds them, so that an
unchanged gate is not deployed again, and not built again in the same checkout.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

from batchgate.errors import GateError
from infra import service_data
from infra.settings import Architecture

CHECKOUT: Final = Path(__file__).resolve().parents[1]
FUNCTIONS: Final = CHECKOUT / "functions"
BUILT: Final = CHECKOUT / "build"
LAMBDA_ROOT: Final = "/var/task"
PythonVersion: TypeAlias = tuple[int, int]

LAMBDA_PYTHON: Final[PythonVersion] = (3, 13)
"""The Python of Lambda's runtime that the functions use."""

_UV_PLATFORMS: Final = {Architecture.ARM64: "aarch64-manylinux2014", Architecture.X86_64: "x86_64-manylinux2014"}
_PIP_PLATFORMS: Final = {Architecture.ARM64: "manylinux2014_aarch64", Architecture.X86_64: "manylinux2014_x86_64"}


class AssetError(GateError):
    """The asset can't be built on this machine; the message says why."""


def built_asset(*, architecture: Architecture, version: PythonVersion = LAMBDA_PYTHON) -> Path:
    """The asset, built anew only if something of which it is made has changed since. Nobody may write into it.

    Raises:
        AssetError: It can't be built on this machine, or not be kept in `BUILT`.
        ServiceDataError: As `build_asset`.
    """
    kind = f"asset-{architecture}-python-{'-'.join(map(str, version))}-"  # CDK takes what follows a dot for a suffix
    place = BUILT / f"{kind}{_hash_of_inputs(version)}"
    if place.is_dir():
        return place
    try:
        BUILT.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="building-", dir=BUILT) as directory:
            output = Path(directory, "asset")
            output.mkdir()
            build_asset(output, architecture=architecture, version=version)
            if not place.is_dir():  # or else another process was faster
                output.rename(place)
    except OSError as error:
        if not place.is_dir():
            raise AssetError(f"the asset can't be kept in {BUILT}: {error}") from error
    for old in BUILT.glob(f"{kind}*"):
        if old != place:
            shutil.rmtree(old, ignore_errors=True)
    return place


def _hash_of_inputs(version: PythonVersion) -> str:
    """Of all that `build_asset` reads: the gate's sources, the packages' pins with their hashes, what builds and cuts.

    The interpreter counts by its version: it makes the bytecode.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path in [*_sources(), FUNCTIONS / "requirements.txt", Path(__file__), Path(service_data.__file__)]:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(CHECKOUT)}\0{len(content)}\0".encode() + content)
    python = find_python(version)
    digest.update(_run([python, "-VV"]).stdout.encode() if python else b"")
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    for path in sorted((FUNCTIONS / "batchgate").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def build_asset(output: Path, *, architecture: Architecture, version: PythonVersion = LAMBDA_PYTHON) -> bool:
    """Fill the empty directory `output` with everything that the functions need.

    Args:
        output: The directory.
        architecture: The processor that runs the functions.
        version: The Python that runs them.

    Returns:
        Whether it holds bytecode, which needs a Python of that version on this machine. Without it the gate works,
        but its cold starts take more than twice as long.

    Raises:
        AssetError: The packages can't be installed, or the sources don't compile.
        ServiceDataError: The pinned botocore lacks an operation that the gate calls.
    """
    _install_packages(output, architecture, version)
    shutil.copytree(FUNCTIONS / "batchgate", output / "batchgate", ignore=shutil.ignore_patterns("__pycache__"))
    service_data.cut_service_data(output / "botocore" / "data")
    python = find_python(version)
    if python is None:
        return False
    compile_bytecode(output, python)
    return True


def asset_hash(asset: Path) -> str:
    """What identifies a built asset: every file except bytecode, and whether it has bytecode.

    The bytes of bytecode may differ between two patch releases of Python that behave the same.
    """
    digest = hashlib.sha256()
    files = sorted((path.relative_to(asset).as_posix(), path) for path in asset.rglob("*") if path.is_file())
    for name, path in files:
        if path.suffix != ".pyc":
            digest.update(f"{name}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    digest.update(b"bytecode" if any(name.endswith(".pyc") for name, _ in files) else b"")
    return digest.hexdigest()


def _install_packages(output: Path, architecture: Architecture, version: PythonVersion) -> None:
    common = [
        "--target",
        str(output),
        "--python-version",
        ".".join(map(str, version)),
        "--only-binary",
        ":all:",
        "--require-hashes",
    ]
    common += ["--requirement", str(FUNCTIONS / "requirements.txt")]
    python = sys.executable
    with_uv = [
        python,
        "-m",
        "uv",
        "pip",
        "install",
        "--quiet",
        "--system-certs",
        "--python-platform",
        _UV_PLATFORMS[architecture],
    ]
    with_pip = [python, "-m", "pip", "install", "--quiet", "--platform", _PIP_PLATFORMS[architecture], "--no-deps"]
    with_uv += ["--no-compile-bytecode", "--link-mode", "copy"]
    with_pip += ["--no-compile", "--implementation", "cp", "--no-warn-conflicts"]
    by_uv = _run([*with_uv, *common])
    if by_uv.returncode:
        _clear(output)
        by_pip = _run([*with_pip, *common])
        if by_pip.returncode:
            message = f"the asset's packages can't be installed.\nuv: {by_uv.stderr}\npip: {by_pip.stderr}"
            raise AssetError(message)
    shutil.rmtree(output / "bin", ignore_errors=True)  # commands, which Lambda does not call
    # Records of the installation differ between installers and machines, and nothing reads them.
    for record in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json"):
        for path in output.glob(f"*.dist-info/{record}"):
            path.unlink()
    (output / ".lock").unlink(missing_ok=True)
    for path in (output / "dateutil" / "zoneinfo").glob("*.tar.gz"):  # zones; the gate has tzdata
        path.unlink()


def compile_bytecode(output: Path, python: str) -> None:
    """Compile everything as Lambda imports it: unchecked, because a zip loses the sources' times.

    In one process with a fixed hash seed, because the order of sets and shared constants change the bytes.
    """
    compiled = _run(
        [
            *(python, "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash"),
            *("-s", str(output), "-p", LAMBDA_ROOT, str(output)),
        ],
        environment={"PYTHONHASHSEED": "0"},
    )
    if compiled.returncode:
        message = f"the asset does not compile:\n{compiled.stdout}{compiled.stderr}"
        raise AssetError(message)


def find_python(version: PythonVersion) -> str | None:
    """An interpreter of this version, which compiles bytecode for it; None if this machine has none."""
    if sys.version_info[:2] == version:
        return sys.executable
    name = f"python{version[0]}.{version[1]}"
    for directory in os.get_exec_path():
        candidate = Path(directory, name)
        # A version manager's shim may be there and fail to run.
        if candidate.exists() and not _run([str(candidate), "-c", ""]).returncode:
            return str(candidate)
    found = _run([sys.executable, "-m", "uv", "python", "find", "--no-python-downloads", "--system", name[6:]])
    return None if found.returncode else found.stdout.strip()


def _run(command: list[str], *, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=os.environ | (environment or {}),
    )


def _clear(directory: Path) -> None:
    for path in directory.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
