"""What the documents show is what happens: every transcript is run, every policy is checked."""

import os
import shutil
from io import StringIO
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.cli.live import batchgate
from tests.docs.transcripts import Block, blocks, commands, differences

CHECKOUT = Path(__file__).resolve().parents[2]
DOCUMENTS = [path for path in [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))] if path.exists()]
MADE = ("node_modules", ".venv", ".venv-awscli", ".venv-ministack")


def policies(document: Path) -> list[Block]:
    """The YAML blocks that are whole policy documents: mappings with the key `policies`."""
    found = []
    for block in blocks(document.read_text(), "yaml"):
        content = YAML(typ="safe").load(StringIO(block.text))
        if isinstance(content, dict) and "policies" in content:
            found.append(block)
    return found


@pytest.fixture
def copied_checkout(tmp_path: Path) -> Path:
    """The checkout as a reader has it after `make setup`; what commands write there is thrown away."""
    copy = tmp_path / "batchgate"
    left_out = shutil.ignore_patterns(".git", ".venv*", "node_modules", "cdk.out", "build", "__pycache__", ".*_cache")
    shutil.copytree(CHECKOUT, copy, ignore=left_out)
    for name in MADE:
        if (CHECKOUT / name).exists():
            (copy / name).symlink_to(CHECKOUT / name)
    return copy


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A reader's shell: the commands of the checkout, nobody's credentials, no colours."""
    home = tmp_path / "home"
    home.mkdir()
    programs = [CHECKOUT / ".venv" / "bin", CHECKOUT / ".venv-awscli" / "bin"]
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SECRET_ACCESS_KEY": "test",
        "COLUMNS": "100",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "PATH": os.pathsep.join([*map(str, programs), os.environ["PATH"]]),
        "TERM": "dumb",
    }


@pytest.mark.parametrize(
    "document",
    [path for path in DOCUMENTS if commands(path.read_text())],
    ids=lambda path: str(path.relative_to(CHECKOUT)),
)
def test_its_transcripts_come_out_as_shown(document: Path, copied_checkout: Path, environment: dict[str, str]) -> None:
    """In a fresh copy of the checkout, in order, in one shell."""
    wrong = differences(document.read_text(), copied_checkout, environment)
    assert not wrong, "\n".join(f"{document.name}, {difference}" for difference in wrong)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_its_policies_are_accepted_as_shown(document: Path, tmp_path: Path) -> None:
    """`batchgate policy check` accepts each, and refuses those whose fence says `yaml refused`."""
    for block in policies(document):
        file = tmp_path / f"line-{block.line}.yaml"
        file.write_text(block.text)
        checked = batchgate("policy", "check", str(file))
        refused = checked.exit_code != 0
        assert refused == (block.remark == "refused"), f"{document.name}, line {block.line}: {checked.output}"
