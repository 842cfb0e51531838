"""`batchgate budgets` against an API in memory, held to docs/openapi.yaml: what people see, and what is sent."""

import csv
import io
import json
from typing import Any
from urllib.parse import unquote

import pytest

from batchgate_cli.exits import Exit
from tests.cli.api_double import POLICY, GateDouble, batchgate, front, gate
from tests.cli.api_front import Answer, Front

__all__ = ["front", "gate"]

HOSTILE = "nightly\n\u009b31m\u202e[bold]"


def account(name: str, used: int = 41, *, start: str = "2026-11-01T00:00:00+00:00", **changes: Any) -> dict[str, Any]:
    """One account of a team's month."""
    return {
        "budget": "team-month",
        "each": "tag team",
        "account": name,
        "per": "month",
        "timezone": "UTC",
        "period_start": start,
        "period_end": f"{start[:5]}{int(start[5:7]) + 1:02}{start[7:]}",
        "limits": {"jobs": 300, "cost": "5000"},
        "used": {"jobs": used, "objects": 20_500_000, "object_bytes": 0, "cost": "211.759"},
        "reserved": {"jobs": 1, "objects": 40_000, "object_bytes": 0, "cost": "0.4"},
        "left": {"jobs": max(0, 299 - used), "cost": "4787.841"},
        **changes,
    }


def one_for_all(**changes: Any) -> dict[str, Any]:
    """The account of a budget that has one."""
    numbers = {"limits": {"object_bytes": 10**12}, "left": {"object_bytes": 10**12}}
    none = {"jobs": 0, "objects": 0, "object_bytes": 0, "cost": "0"}
    return (
        account("")
        | {"budget": "daily", "each": None, "per": "day", "used": none, "reserved": none}
        | numbers
        | changes
    )


def test_budgets_are_shown_by_account_and_limit(gate: GateDouble, front: Front) -> None:
    """One block a budget, with its period; the account is named once."""
    gate.budgets = [one_for_all(), account("lake"), account("shop", 299)]
    result = batchgate(front, "budgets")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "  account                used  reserved               left              limit",
        "daily  per day in UTC: 2026-11-01 00:00 to 2026-12-01 00:00 UTC",
        "  (all jobs)  bytes         0         0  1,000,000,000,000  1,000,000,000,000",
        "team-month  each tag team, per month in UTC: 2026-11-01 00:00 to 2026-12-01 00:00 UTC",
        "  lake        jobs         41         1                258                300",
        "              cost   $211.759     $0.40         $4,787.841          $5,000.00",
        "  shop        jobs        299         1                  0                300",
        "              cost   $211.759     $0.40         $4,787.841          $5,000.00",
    ]


def test_nothing_to_show_is_said_with_why(gate: GateDouble, front: Front) -> None:
    """And is an empty list for programs."""
    result = batchgate(front, "budgets")
    assert (result.exit_code, result.stdout) == (0, "the policies in force have no budget\n")
    result = batchgate(front, "budgets", "--output", "json")
    assert json.loads(result.stdout) == {"budgets": [], "names": [], "policy_version": POLICY}
    gate.budgets = [one_for_all(), account("lake")]
    assert batchgate(front, "budgets", "--budget", "team").stdout == (
        "no budget in force matches team; there are: daily, team-month\n"
    )
    assert batchgate(front, "budgets", "--budget", "team-*", "--account", "shop").stdout == (
        "nothing that was asked for is used or reserved in this period; the budgets in force: daily, team-month\n"
    )


def test_every_page_is_read_and_printed_for_programs(gate: GateDouble, front: Front) -> None:
    """JSON as the API has it; CSV with a column for each amount."""
    gate.page = 2
    gate.budgets = [account(f"team {number}", number) for number in range(5)]
    shown = json.loads(batchgate(front, "budgets", "--output", "json").stdout)
    assert shown == {"budgets": gate.budgets, "names": ["team-month"], "policy_version": POLICY}
    rows = [*csv.DictReader(io.StringIO(batchgate(front, "budgets", "--output", "csv").stdout))]
    assert [(row["account"], row["used_jobs"], row["left_cost"]) for row in rows] == [
        (f"team {number}", str(number), "4787.841") for number in range(5)
    ]
    assert rows[0]["limit_jobs"] == "300"
    table = batchgate(front, "budgets", "--output", "table").stdout
    assert "team 4" in table
    names = batchgate(front, "budgets", "--query", "budgets[].account")
    assert json.loads(names.stdout) == [f"team {number}" for number in range(5)]


def test_the_filters_are_the_api_s(gate: GateDouble, front: Front) -> None:
    """By budget, account and instant; a day is its first instant."""
    old = account("lake", start="2026-10-01T00:00:00+00:00")
    gate.budgets = [one_for_all(), account("lake"), account("shop"), old]

    def shown(*arguments: str) -> list[Any]:
        found: list[Any] = json.loads(batchgate(front, "budgets", "--output", "json", *arguments).stdout)["budgets"]
        return found

    assert shown("--budget", "team-*", "--at", "2026-11-03") == [account("lake"), account("shop")]
    assert shown("--account", "lake", "--at", "2026-10-31") == [old]
    assert unquote(front.requests[-1].query["at"][0]) == "2026-10-31T00:00:00+00:00"
    assert batchgate(front, "budgets", "--at", "yesterday").exit_code == Exit.USAGE


def test_names_that_requesters_chose_move_no_cursor(gate: GateDouble, front: Front) -> None:
    """An account is a tag's value."""
    gate.budgets = [account(HOSTILE)]
    text = batchgate(front, "budgets").stdout
    assert all(character.isprintable() for character in text.replace("\n", "")), ascii(text)
    assert "nightly" in text


@pytest.mark.parametrize("status", [403, 503])
def test_an_api_that_refuses_is_an_error(front: Front, status: int) -> None:
    """With what it says."""
    front.spoil = lambda _: Answer(status, {"message": "Forbidden"})
    result = batchgate(front, "budgets")
    assert result.exit_code not in {0, Exit.USAGE}
    assert result.stdout == ""
