"""What the documents say of settings and permissions is what the stack has."""

import json
import re
from pathlib import Path

import msgspec

from infra.gate_asset import CHECKOUT
from infra.settings import Settings
from tests.infra.conftest import EVERYTHING
from tests.infra.snapshot import synthesize

ROW = re.compile(r"^\| `([a-z_]+)` \| (.*?) \|", re.MULTILINE)


def rows(document: Path, column: int) -> str:
    """One column of the tables in a document."""
    lines = [line for line in document.read_text().splitlines() if line.startswith("| `")]
    return "\n".join(line.split(" | ")[column] for line in lines)


def test_every_setting_is_documented_with_its_default() -> None:
    """And none that is not there."""
    said = dict(ROW.findall((CHECKOUT / "docs" / "settings.md").read_text()))
    wanted = {
        name: "none" if value is None else f"`{json.dumps(value)}`"
        for name, value in msgspec.to_builtins(Settings()).items()
    }
    wanted["stack_name"] = "`batchgate`"
    assert said == wanted


def test_every_permission_is_documented() -> None:
    """And none that nobody has, with every optional part deployed."""
    granted: set[str] = set()
    for policy in synthesize(EVERYTHING).find_resources("AWS::IAM::Policy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            granted |= {actions} if isinstance(actions, str) else set(actions)
    documented = set(re.findall(r"`([a-z0-9]+:[A-Za-z]+)`", rows(CHECKOUT / "docs" / "permissions.md", 0)))
    assert documented == granted
