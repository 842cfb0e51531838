"""`batchgate policy prices`: every price with the place where AWS publishes it, and none that is made up."""

import re
from datetime import date

import pytest

from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate_cli.authoring.lint import lint
from batchgate_cli.authoring.policy_file import load_text
from tests.cli.test_policy_commands import batchgate

_PRICE = re.compile(r"^  # ((?:  )?[A-Za-z0-9_.]+:)$", re.MULTILINE)
COST = "version: 1\npolicies:\n  - name: p\n    match: [{operation: S3*}]\n    require: [{cost: {at_most: 5}}]\n"


def filled_in(text: str) -> str:
    """The block with each price filled in, as its first lines tell people to do."""
    return _PRICE.sub(lambda found: f"  {found[1]}" + ("" if _has_below(found[1]) else " 0.25"), text)


def _has_below(key: str) -> bool:
    return key in ("million_requests:", "gibibyte:")


def test_what_is_printed_is_a_block_that_only_has_to_be_filled_in() -> None:
    """Each price once; as it stands no price is there, and with all of them no cost lacks one."""
    printed = batchgate("policy", "prices").stdout
    lines = [line for line in printed.splitlines() if line and not line.lstrip().startswith("#")]
    assert lines == ["prices:"]
    loaded = load_text(COST + filled_in(printed))
    assert loaded.document.prices
    assert set(loaded.document.prices.million_requests or ()) == KNOWN_OPERATIONS
    found = lint(loaded.document, loaded.policies, date(2026, 11, 20))
    assert "missing-price" not in {each.lint for each in found}


@pytest.mark.parametrize("key", [f"{name}:" for name in sorted(KNOWN_OPERATIONS)])
def test_each_price_says_where_aws_publishes_it(key: str) -> None:
    """The line before it."""
    lines = batchgate("policy", "prices").stdout.splitlines()
    before = lines[lines.index(f"  #   {key}") - 1]
    assert before.startswith("  #   # ")


def test_the_only_amounts_are_those_of_the_user_guide_with_their_date() -> None:
    """No guess is presented as a price."""
    text = " ".join(batchgate("policy", "prices").stdout.split())
    assert sorted(re.findall(r"[0-9]+\.[0-9]{2}", text)) == ["0.25", "1.00"]
    assert "named 0.25 per job and 1.00 per million objects in # November 2026" in text
