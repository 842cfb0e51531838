"""A command answers at once because it imports what it needs and nothing else. Seen in sys.modules, not on a clock."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
POLICY = str(CHECKOUT / "policies" / "examples" / "small-jobs.yaml")
CASES = str(CHECKOUT / "policies" / "examples" / "cases" / "small-jobs.yaml")
JOB = str(CHECKOUT / "docs" / "examples" / "job.json")

IMPORTS_OF = """
import contextlib, io, json, sys

from batchgate_cli.main import main

sys.argv = ["batchgate", *sys.argv[1:]]
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""

OF_AWS_AND_SERVERS = {"aws_lambda_powertools", "boto3", "botocore", "s3batch_emulator", "uvicorn"}
OF_ITS_OWN = {"rich", "ruamel"}


def imports_of(*arguments: str, folder: Path = CHECKOUT) -> set[str]:
    """The top-level packages that one call of the command imports."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS_OF, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "arguments",
    [
        ("policy", "check", POLICY),
        ("policy", "explain", POLICY, "--job", JOB),
        ("policy", "test", CASES),
        ("policy", "simulate", POLICY),
        ("policy", "compile", POLICY),
        ("policy", "diff", POLICY, POLICY),
        ("policy", "schema"),
        ("policy", "--help"),
        ("jobs", "held", "--help"),
        ("jobs", "record", "--help"),
        ("redrive", "--help"),
        ("doctor", "--help"),
        ("status", "--help"),
        ("iam", "scp", "--help"),
        ("emulator", "serve", "--help"),
        ("local", "up", "--help"),
        ("demo", "--help"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_what_needs_no_aws_imports_none(arguments: tuple[str, ...]) -> None:
    """Nor the emulator, nor Rich, nor what only some inputs or outputs need."""
    assert imports_of(*arguments) & (OF_AWS_AND_SERVERS | {"gzip", "pydantic", "rich", "xml"}) == set()


@pytest.mark.parametrize(
    "arguments",
    [("jobs", "held"), ("jobs", "show", "5d0e4b1c"), ("jobs", "history"), ("pause", "--status"), ("resume",)],
    ids=" ".join,
)
def test_clients_of_the_api_import_botocore_alone(arguments: tuple[str, ...]) -> None:
    """Neither boto3, nor what draws tables, reads YAML or runs on Lambda; also where the request fails."""
    unreachable = ("--endpoint-url", "http://127.0.0.1:9", "--region", "us-east-1", "--no-sign-request")
    found = imports_of(*arguments, *unreachable)
    assert "botocore" in found
    assert found & ((OF_AWS_AND_SERVERS | OF_ITS_OWN) - {"botocore"}) == set()


def test_a_new_policy_imports_no_aws(tmp_path: Path) -> None:
    """Although it writes the schema too."""
    assert imports_of("policy", "new", "first.yaml", folder=tmp_path) & (OF_AWS_AND_SERVERS | {"rich"}) == set()
    assert (tmp_path / "first.yaml").exists()


def test_the_version_needs_no_parser() -> None:
    """Nothing of ours but its number either."""
    assert imports_of("--version") & (OF_AWS_AND_SERVERS | OF_ITS_OWN | {"click", "msgspec"}) == set()


def test_the_first_help_reads_no_policy() -> None:
    """No module of a command is imported for it."""
    assert imports_of("--help") & (OF_AWS_AND_SERVERS | {"pydantic", "rich", "ruamel"}) == set()


def test_the_entry_point_imports_nothing_slow() -> None:
    """Whatever the command is."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys, batchgate_cli.main; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) & (OF_AWS_AND_SERVERS | OF_ITS_OWN | {"click", "msgspec"}) == set()
