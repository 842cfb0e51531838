"""GET /budgets: what is used of each account, reserved and left."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from batchgate.aws.appconfig import PackagedPolicy
from batchgate.errors import PolicyUnavailableError
from batchgate.gate.state import Phase
from batchgate.policy.amounts import Amounts, BudgetAccount, Limits, Reservation
from tests.flow.deployed import Served
from tests.flow.stage import Stage
from tests.flow.test_api import Api

POLICY = """
version: 1
cancel_grace: 0s
budgets:
  - {name: daily, per: day, timezone: UTC, objects: 3, jobs: 5}
  - {name: team-month, each: {tag: team}, per: month, timezone: Europe/Berlin, objects: 100, cost: 10.5}
  - {name: weekly, per: week, timezone: UTC, jobs: 7}
prices: {job: 0.25, million_objects: 1, million_requests: {S3PutObjectTagging: 5}}
policies:
  - name: within-budgets
    match: [{operation: S3PutObjectTagging}]
    require: [{budget: daily}, {budget: team-month}]
guardrails:
  - name: per-week
    require: [{budget: weekly}]
"""
NOVEMBER = datetime(2026, 10, 31, 23, tzinfo=UTC)
AT = "2026-11-15T12:00:00Z"


@pytest.fixture
def api(served: Served, stage: Stage, tmp_path: Path) -> Iterator[Api]:
    """A gate with budgets."""
    with served.deployed(stage, tmp_path, POLICY) as made:
        yield Api(made)


def count(api: Api, account: str, objects: int, start: datetime = NOVEMBER, budget: str = "team-month") -> None:
    """Have so much counted."""
    api.ledger.counted[BudgetAccount(budget, account, start)] = Amounts(1, objects, 7, 25 * 10**8)


def accounts(page: Any) -> list[tuple[str, str]]:
    """What is listed."""
    return [(each["budget"], each["account"]) for each in page["budgets"]]


def test_what_a_review_reserved_is_shown(api: Api) -> None:
    """By the budgets in force, each with the limits that it has; one of a tag only with the accounts that are used."""
    assert accounts(api.get("/budgets")) == [("daily", ""), ("weekly", "")]
    api.held_job(tags={"team": "lake"})
    found = api.get("/budgets")
    daily, team, weekly = found["budgets"]
    assert accounts(found) == [("daily", ""), ("team-month", "lake"), ("weekly", "")]
    assert (daily["limits"], daily["used"]["objects"], daily["left"]) == (
        {"jobs": 5, "objects": 3},
        2,
        {"jobs": 4, "objects": 1},
    )
    assert (team["each"], team["per"], team["timezone"]) == ("tag team", "month", "Europe/Berlin")
    assert (team["limits"]["cost"], team["used"]["cost"], team["left"]["cost"]) == ("10.5", "0.250012", "10.249988")
    assert weekly["used"]["jobs"] == 1
    assert weekly["each"] is None
    assert all(set(each["reserved"].values()) == {0, "0"} for each in found["budgets"])
    assert found["next"] is None


def test_what_is_not_known_to_be_applied_is_reserved(api: Api) -> None:
    """A claim, or a hold after one that may have been sent; what is used is without it, and what is left, too."""
    ref = api.held_job(rows=5, tags={"team": "other"})
    account = BudgetAccount("team-month", "lake", NOVEMBER)
    count(api, "lake", 90)
    mine = Reservation(account, Amounts(1, 20, 7, 10**8), Limits(objects=100))
    held = replace(api.ledger.states[ref], reservations=(mine,))
    api.ledger.states[held.ref] = held
    [found] = api.get("/budgets", budget="team-*", at=AT)["budgets"]
    assert (found["used"]["objects"], found["reserved"]["objects"], found["left"]["objects"]) == (70, 20, 10)
    api.ledger.states[held.ref] = replace(held, phase=Phase.SETTLED)
    [found] = api.get("/budgets", budget="team-*", at=AT)["budgets"]
    assert (found["used"]["objects"], found["reserved"]["objects"]) == (90, 0)


def test_people_may_have_approved_more_than_there_was(api: Api) -> None:
    """Then nothing is left, and no less."""
    count(api, "lake", 150)
    [found] = api.get("/budgets", budget="team-month", at=AT)["budgets"]
    assert (found["used"]["objects"], found["left"]["objects"]) == (150, 0)


def test_the_period_is_that_of_an_instant(api: Api) -> None:
    """In the budget's own calendar."""
    count(api, "lake", 1)
    count(api, "shop", 2, datetime(2026, 9, 30, 22, tzinfo=UTC))
    assert accounts(api.get("/budgets", budget="team-month", at=AT)) == [("team-month", "lake")]
    for at in ("2026-10-31T22:59:59Z", "2026-10-01T00:00:00+02:00"):
        [found] = api.get("/budgets", budget="team-month", at=at)["budgets"]
        assert found["account"] == "shop"
        assert found["period_start"] == "2026-09-30T22:00:00+00:00"
        assert found["period_end"] == "2026-10-31T23:00:00+00:00"


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 25, 26, 27, 500])
def test_every_account_is_listed_once_over_pages(api: Api, limit: int) -> None:
    """However long its name is."""
    names = [*map(str, range(20)), "", "ä" * 256, "\U0001f600" * 256, "a#b"]
    for number, name in enumerate(names):
        count(api, name, number)
    query: dict[str, object] = {"limit": limit, "at": AT}
    found: list[tuple[str, str]] = []
    while True:
        page = api.get("/budgets", **query)
        assert len(page["budgets"]) <= limit
        found += accounts(page)
        if page["next"] is None:
            break
        query["next"] = page["next"]
    wanted = [("daily", ""), *(("team-month", name) for name in names), ("weekly", "")]
    assert sorted(found) == sorted(wanted)
    assert [budget for budget, _ in found] == sorted(budget for budget, _ in found)


def test_one_account_is_found_by_its_name(api: Api) -> None:
    """Also where nothing is counted of it; budgets with one account for all have none of that name."""
    count(api, "lake", 4)
    count(api, "shop", 5)
    assert accounts(api.get("/budgets", account="shop", at=AT)) == [("team-month", "shop")]
    [found] = api.get("/budgets", account="new", at=AT)["budgets"]
    assert (found["account"], found["used"]["objects"], found["left"]["objects"]) == ("new", 0, 100)
    page = api.get("/budgets", account="", at=AT, limit=1)
    assert accounts(page) == [("daily", "")]
    pages = accounts(api.get("/budgets", account="", at=AT, limit=2, next=page["next"]))
    assert pages == [("team-month", ""), ("weekly", "")]


@pytest.mark.parametrize(
    "query", ["limit=0", "at=now", "at=2026-11-15T12:00:00", "budget=", "next=x", "account=" + "a" * 257, "team=lake"]
)
def test_a_query_that_says_something_else_is_refused(api: Api, query: str) -> None:
    """As everywhere in the API."""
    assert api.ask("GET", f"/budgets?{query}")[0] == 422


def test_without_policies_there_are_no_budgets_to_show(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the caller learns why."""

    def fail(_: object) -> None:
        raise PolicyUnavailableError("the policies can't be read")

    monkeypatch.setattr(PackagedPolicy, "current", fail)
    status, problem = api.ask("GET", "/budgets")
    assert (status, "can't be read" in problem["detail"]) == (503, True)
