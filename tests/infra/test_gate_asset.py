"""What ships to Lambda: all that the gate imports, nothing else, and the same bytes every time."""

import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from infra import gate_asset, service_data
from infra.gate_asset import FUNCTIONS, LAMBDA_PYTHON, AssetError, build_asset, built_asset, find_python
from infra.service_data import OPERATIONS
from infra.settings import PROCESSOR, Architecture

MEGABYTES_AT_MOST = 6
BOTOCORE_FOR_ANY_SERVICE = {"_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json"}


def content(asset: Path) -> dict[str, str]:
    """Every file of the asset with the hash of its bytes."""
    return {
        str(path.relative_to(asset)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(asset.rglob("*"))
        if path.is_file()
    }


def test_it_holds_the_gate_and_its_packages(asset: Path) -> None:
    """The package directories at the top are exactly those of the pinned requirements."""
    top = {path.name for path in asset.iterdir() if not path.name.endswith(".dist-info")} - {"__pycache__"}
    assert top == {
        "aws_lambda_powertools",
        "batchgate",
        "botocore",
        "dateutil",
        "isal",
        "jmespath",
        "msgspec",
        "six.py",
        "typing_extensions.py",
        "tzdata",
        "urllib3",
    }


def test_of_botocores_services_only_those_that_are_called_are_in_it(asset: Path) -> None:
    """Four hundred others would make up three quarters of it."""
    assert {
        path.name for path in (asset / "botocore" / "data").iterdir()
    } == OPERATIONS.keys() | BOTOCORE_FOR_ANY_SERVICE


def test_it_holds_nothing_but_code_and_what_code_reads(asset: Path) -> None:
    """By kind of file; a new kind fails the test. Scripts and styles are of Powertools' OpenAPI page, notes of isal."""
    kinds = {path.suffix for path in asset.rglob("*") if path.is_file() and "tzdata" not in path.parts}
    kinds -= {path.suffix for path in asset.glob("*.dist-info/**/*")}
    bytecode = {".pyc"} if find_python(LAMBDA_PYTHON) else set()
    assert kinds == {".css", ".js", ".json", ".md", ".pem", ".py", ".pyi", ".so", ".typed"} | bytecode


def test_it_is_small_when_zipped(asset: Path) -> None:
    """As Lambda loads it at a cold start."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(asset.rglob("*")):
            archive.write(path, path.relative_to(asset))
    assert len(zipped.getvalue()) <= MEGABYTES_AT_MOST * 1_000_000


def test_the_gate_is_in_it_file_by_file(asset: Path) -> None:
    """Every source of functions/batchgate, unchanged, and beside them only bytecode."""
    sources = {
        path.relative_to(FUNCTIONS): path.read_bytes()
        for path in (FUNCTIONS / "batchgate").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    shipped = {
        path.relative_to(asset): path.read_bytes()
        for path in (asset / "batchgate").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shipped == sources


def test_every_module_of_the_gate_can_be_imported_from_it_alone(asset: Path) -> None:
    """In a Python that sees nothing but the standard library and the asset."""
    if sys.version_info[:2] != LAMBDA_PYTHON:
        pytest.skip("compiled extensions in the asset are for Lambda's Python")
    modules = [
        ".".join(path.relative_to(FUNCTIONS).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((FUNCTIONS / "batchgate").rglob("*.py"))
    ]
    assert "batchgate.errors" in modules
    modules += ["botocore.session", "isal.isal_zlib", "msgspec", "aws_lambda_powertools"]
    program = f"import sys; sys.path.insert(0, {str(asset)!r})\nimport importlib, zoneinfo\n" + "\n".join(
        f"importlib.import_module({name!r})" for name in modules
    )
    imported = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={"AWS_DEFAULT_REGION": "us-east-1", "PYTHONTZPATH": ""},
        cwd=asset,
    )
    assert imported.returncode == 0, imported.stderr


def test_all_of_it_is_compiled_for_lambda(asset: Path) -> None:
    """Each source has bytecode of Lambda's version that is never checked against the source's time."""
    if sys.version_info[:2] != LAMBDA_PYTHON:
        pytest.skip("bytecode is compiled by Lambda's Python")
    sources = list(asset.rglob("*.py"))
    assert len(sources) > 100
    for source in sources:
        compiled = source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"
        flags = int.from_bytes(compiled.read_bytes()[4:8], "little")
        assert flags == 0b01, f"{compiled} is checked or timed"


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A checkout of a few files; the list gets the directories that an asset is built in."""
    for name in ("functions/batchgate/gate.py", "functions/requirements.txt", "infra/gate_asset.py", "infra/data.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    built: list[Path] = []

    def build(output: Path, **_: object) -> bool:
        built.append(output)
        (output / "gate.py").write_bytes((tmp_path / "functions/batchgate/gate.py").read_bytes())
        return True

    monkeypatch.setattr(gate_asset, "CHECKOUT", tmp_path)
    monkeypatch.setattr(gate_asset, "FUNCTIONS", tmp_path / "functions")
    monkeypatch.setattr(gate_asset, "BUILT", tmp_path / "build")
    monkeypatch.setattr(gate_asset, "__file__", str(tmp_path / "infra/gate_asset.py"))
    monkeypatch.setattr(service_data, "__file__", str(tmp_path / "infra/data.py"))
    monkeypatch.setattr(gate_asset, "build_asset", build)
    return built


@pytest.mark.parametrize(
    "changed",
    [
        "functions/batchgate/gate.py",
        "functions/batchgate/other/new.py",
        "functions/requirements.txt",
        "infra/gate_asset.py",
        "infra/data.py",
    ],
)
def test_it_is_built_anew_only_if_something_of_it_has_changed(
    sources: list[Path], tmp_path: Path, changed: str
) -> None:
    """One is kept for each processor and Python; bytecode that importing leaves is none of it."""
    first = built_asset(architecture=PROCESSOR)
    (tmp_path / "functions/batchgate/__pycache__").mkdir()
    (tmp_path / "functions/batchgate/__pycache__/gate.pyc").touch()
    assert built_asset(architecture=PROCESSOR) == first
    assert len(sources) == 1
    (tmp_path / changed).parent.mkdir(exist_ok=True)
    (tmp_path / changed).write_text("changed")
    other = next(each for each in Architecture if each != PROCESSOR)
    of_other = built_asset(architecture=other)
    second = built_asset(architecture=PROCESSOR)
    assert len({first, second, of_other}) == len(sources) == 3
    assert sorted((tmp_path / "build").iterdir()) == sorted([second, of_other])
    assert "." not in second.name


def test_one_that_was_not_finished_is_not_kept(
    sources: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C, or packages that can't be had."""
    assert sources == []

    def fail(output: Path, **_: object) -> bool:
        (output / "half.py").touch()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(gate_asset, "build_asset", fail)
        with pytest.raises(KeyboardInterrupt):
            built_asset(architecture=PROCESSOR)
    assert [*(tmp_path / "build").iterdir()] == []
    assert content(built_asset(architecture=PROCESSOR)).keys() == {"gate.py"}


def test_two_processes_may_build_it_at_once(
    sources: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one's is kept, and is both's."""
    build = gate_asset.build_asset
    places: list[Path] = []

    def build_twice(output: Path, **named: Any) -> bool:
        with monkeypatch.context() as patch:
            patch.setattr(gate_asset, "build_asset", build)
            places.append(built_asset(architecture=PROCESSOR))
        return build(output, **named)

    monkeypatch.setattr(gate_asset, "build_asset", build_twice)
    places.append(built_asset(architecture=PROCESSOR))
    assert len(sources) == 2
    assert len({*places}) == 1
    assert [*(tmp_path / "build").iterdir()] == [places[0]]


def test_a_checkout_that_can_not_be_written_is_told(sources: list[Path], tmp_path: Path) -> None:
    """With the place."""
    (tmp_path / "build").touch()
    with pytest.raises(AssetError, match=r"can't be kept in .*/build: "):
        built_asset(architecture=PROCESSOR)
    assert sources == []


def test_two_builds_are_the_same_bytes(asset: Path, tmp_path: Path) -> None:
    """So an unchanged gate is not deployed again, whatever directory or hash seed it was built with."""
    again = tmp_path / "somewhere-else"
    again.mkdir()
    build_asset(again, architecture=PROCESSOR)
    assert content(again) == content(asset)


def test_it_names_no_place_of_the_machine_that_built_it(asset: Path) -> None:
    """Tracebacks show Lambda's paths, and builds on two machines agree."""
    place = os.fsencode(str(asset))
    assert [str(path) for path in asset.rglob("*") if path.is_file() and place in path.read_bytes()] == []


def test_the_other_processor_gets_its_own_binaries(asset: Path, tmp_path: Path) -> None:
    """The extension module of msgspec is there for the processor that was asked for."""
    other = Architecture.X86_64 if PROCESSOR is Architecture.ARM64 else Architecture.ARM64
    build_asset(tmp_path, architecture=other)
    machine = {Architecture.ARM64: "aarch64", Architecture.X86_64: "x86_64"}
    for built, architecture in ((asset, PROCESSOR), (tmp_path, other)):
        names = [path.name for path in (built / "msgspec").glob("*.so")]
        assert names
        assert all(f"cpython-313-{machine[architecture]}" in name for name in names)
