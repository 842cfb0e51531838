"""What the documents say of settings and permissions is what the stack has."""

import json
import re
from itertools import chain
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
    deployments = (EVERYTHING, Settings(policy_owner="repository"))
    found = [synthesize(each).find_resources("AWS::IAM::Policy").values() for each in deployments]
    for policy in chain.from_iterable(found):
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            granted |= {actions} if isinstance(actions, str) else set(actions)
    documented = set(re.findall(r"`([a-z0-9]+:[A-Za-z]+)`", rows(CHECKOUT / "docs" / "permissions.md", 0)))
    assert documented == granted


def test_what_it_costs_counts_the_alarms_and_adds_up() -> None:
    """In README's table: by default, and for a Region that hardly sees a job; each alarm has one metric."""
    table = (CHECKOUT / "README.md").read_text().split("### What it costs")[1].split("\n\n")[2]
    parts = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    for column, settings in ((2, Settings()), (3, Settings(idle=True))):
        *amounts, total = [each[column] for each in parts if "per trail" not in each[column]]
        dollars = [float(each.removeprefix("$")) for each in amounts if each != "none"]
        assert f"**${sum(dollars):.2f}**" == total
        alarms = synthesize(settings).find_resources("AWS::CloudWatch::Alarm").values()
        assert all("MetricName" in each["Properties"] for each in alarms)
        [priced] = [each for each in parts if each[0] == "alarms"]
        assert priced[column] == f"${len(alarms) / 10:.2f}"
        assert re.search(rf"\b{len(alarms)}\b", priced[1])
