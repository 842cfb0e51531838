"""Each command on the gate's real API function: text, table, JSON and CSV; what was asked for is on record."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchgate.gate.state import Outcome, Phase
from batchgate_cli.exits import Exit
from tests.cli.api_front import Front, Request
from tests.cli.api_function import serving_function
from tests.cli.live import PERSON, LiveStage, batchgate, make_unreadable, on_a_terminal
from tests.flow.stage import ACCOUNT, REGION

ANA = f"arn:aws:sts::{ACCOUNT}:assumed-role/prod-owner/ana"
POLICY = """
version: 1
approvals: {at_least: 2}
policies:
  - name: small
    match: [{operation: S3PutObjectTagging}]
    require: [{total_tasks: {at_most: 3}}, {tags: {team: {present: true}}}]
guardrails:
  - name: never-huge
    match: [{operation: S3PutObjectTagging}]
    on_violation: cancel
    require: [{total_tasks: {at_most: 30}}]
"""


@pytest.fixture
def front(live: LiveStage, tmp_path: Path) -> Iterator[Front]:
    """The function, behind a gateway that knows two callers."""
    with serving_function(live, POLICY, tmp_path) as served:
        served.callers["ANA"] = ANA
        yield served


def as_json(*arguments: str) -> Any:
    """What a command prints for programs."""
    result = batchgate(*arguments, "--output", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.usefixtures("front")
@pytest.mark.parametrize("form", [[], ["-o", "json"], ["-o", "text"], ["-o", "table"], ["-o", "csv"]])
def test_each_command_prints_each_form(live: LiveStage, form: list[str]) -> None:
    """With the job in each; and finds it by the beginning of its id."""
    ref = live.held(5, tags={"team": "lake"})
    short = ref.job_id[:13]
    for command in (
        ["jobs", "held"],
        ["jobs", "show", short],
        ["jobs", "approve", short, "--reason", "agreed", "--yes"],
        ["jobs", "cancel", short, "--reason", "not needed any more", "--yes"],
        ["jobs", "history"],
    ):
        result = batchgate(*command, *form)
        assert result.exit_code == 0, result.output
        assert ref.job_id in result.stdout, command
    for command in (["pause", "--reason", "x"], ["pause", "--status"], ["resume"]):
        assert batchgate(*command, *form).exit_code == 0


def test_two_people_approve_a_job(live: LiveStage, front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is told that one more is wanted; who looks is shown who has approved; the second decides."""
    ref = live.held(5, tags={"team": "lake"})
    first = batchgate("jobs", "approve", ref.job_id, "--reason", "agreed", "--yes")
    assert first.exit_code == 0
    assert "your approval is recorded, and the job is held: 1 of 2 approvals" in first.stdout
    [listed] = as_json("jobs", "held")["jobs"]
    assert listed["awaiting"].startswith("1 of 2 approvals")
    shown = batchgate("jobs", "show", ref.job_id).stdout
    assert f"{PERSON}: agreed (counts)" in shown
    assert live.stage.status(ref) == "Suspended"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ANA")
    elsewhere = ("--endpoint-url", front.url)  # the local SSM takes an access key for an account
    second = batchgate("jobs", "approve", ref.job_id, "--reason", "so do I", "--yes", *elsewhere)
    assert "approved; the next sweep reports it (decision event, metrics)" in second.stdout
    assert live.stage.status(ref) == "Ready"
    decided = batchgate("jobs", "show", ref.job_id, *elsewhere).stdout.split("how it came to that")[1]
    assert re.search(r"- awaiting 1 of 2 approvals", decided)
    assert f"- by {PERSON}" in decided
    assert f"- by {ANA}" in decided
    assert f"+ approval of {ANA}: so do I" in decided
    assert "approvals: [" not in decided
    assert {each.who for each in live.state(ref).approvals} == {PERSON, ANA}
    [row] = as_json("jobs", "history", "--person", "*/ana", *elsewhere)["decisions"]
    assert row["people"] == [PERSON, ANA]


def test_a_person_cancels_a_job(live: LiveStage, front: Front) -> None:
    """The ARN and the reason stand on the job and in the ledger."""
    ref = live.held(5, tags={"team": "lake"})
    result = batchgate("jobs", "cancel", ref.job_id, "--reason", "wrong prefix", "--yes")
    assert result.exit_code == 0, result.output
    state = live.state(ref)
    assert live.stage.status(ref) == "Cancelled"
    assert (state.phase, state.outcome) == (Phase.SETTLED, Outcome.APPLIED)
    assert live.stage.job(ref).reason == f"batchgate: cancelled by {PERSON}: wrong prefix [{_versions(state)}]"
    again = batchgate("jobs", "cancel", ref.job_id, "--reason", "once more", "--yes")
    assert again.exit_code == Exit.REFUSED
    assert re.search(r"this job was settled at .* UTC: cancelled by", again.stderr)


def _versions(state: Any) -> str:
    return f"policy {state.policy_version} claim {state.claim_id}"


@pytest.mark.usefixtures("front")
def test_what_a_pause_hides_is_shown(live: LiveStage) -> None:
    """The guardrail that would cancel the job once the gate is resumed; an approval is recorded meanwhile."""
    batchgate("pause", "--reason", "an incident")
    ref = live.held(40, tags={"team": "lake"})
    shown = batchgate("jobs", "show", ref.job_id).stdout
    assert "the policies say now  CANCEL" in shown
    assert "never-huge  governs  cancel" in shown
    assert "[paused] the gate is paused" in shown
    assert "[paused] the gate is paused (1 job)" in batchgate("jobs", "held").stdout


def test_tags_that_change_while_somebody_is_asked_are_shown_and_asked_about_again(
    live: LiveStage, front: Front
) -> None:
    """What was shown is what is decided: a yes to other tags decides nothing."""
    ref = live.held(5, tags={"team": "lake"})

    def retag(team: str) -> None:
        live.stage.person.put_job_tagging(AccountId=ACCOUNT, JobId=ref.job_id, Tags=[{"Key": "team", "Value": team}])

    with on_a_terminal("jobs", "cancel", ref.job_id, "--reason", "agreed") as terminal:
        assert "team=lake" in terminal.read_until("cancel this job? [y/N]")
        retag("web")
        terminal.answer("y")
        said = terminal.read_until("cancel this job as it is now? [y/N]")
        assert 'tags: {"team": "lake"} -> {"team": "web"}' in said
        assert live.stage.status(ref) == "Suspended"
        terminal.answer("y")
        assert terminal.end() == 0
    assert live.stage.status(ref) == "Cancelled"


def test_a_change_after_a_script_read_the_job_is_refused(live: LiveStage, front: Front) -> None:
    """With --yes nobody can be asked again."""
    ref = live.held(5, tags={"team": "lake"})

    def retag(request: Request) -> None:
        if request.method == "POST":
            live.stage.person.put_job_tagging(AccountId=ACCOUNT, JobId=ref.job_id, Tags=[{"Key": "a", "Value": "b"}])

    front.spoil = retag
    result = batchgate("jobs", "approve", ref.job_id, "--reason", "agreed", "--yes")
    assert result.exit_code == Exit.REFUSED
    assert "has changed since it was shown; nothing was done" in result.stderr
    assert live.stage.status(ref) == "Suspended"


@pytest.mark.usefixtures("front")
def test_a_job_whose_item_can_not_be_read_is_told_and_the_others_are_listed(live: LiveStage) -> None:
    """On the other stream, so that programs read the list all the same."""
    good, broken = live.held(), live.held()
    make_unreadable(live, broken)
    result = batchgate("jobs", "held", "-o", "json")
    assert [each["job_id"] for each in json.loads(result.stdout)["jobs"]] == [good.job_id]
    shown = batchgate("jobs", "held")
    assert "not listed: " in shown.stderr
    assert good.job_id in shown.stdout


@pytest.mark.usefixtures("front")
def test_a_job_that_nobody_knows_is_said_to_be_unknown(live: LiveStage) -> None:
    """With account and Region, for it may be another's."""
    result = batchgate("jobs", "show", "00000000-dead-beef-0000-000000000000")
    assert result.exit_code == 1
    assert ACCOUNT in result.stderr
    assert REGION in result.stderr


@pytest.mark.usefixtures("front")
def test_a_job_that_the_gate_has_not_seen_is_shown_and_can_be_decided(live: LiveStage) -> None:
    """Suspended is enough."""
    ref = live.stage.create(5, tags={"team": "lake"})
    assert "it has not held or decided this job" in batchgate("jobs", "show", ref.job_id).stdout
    assert batchgate("jobs", "cancel", ref.job_id, "--reason", "in a hurry", "--yes").exit_code == 0
    assert live.stage.status(ref) == "Cancelled"


@pytest.mark.usefixtures("front")
def test_many_are_cancelled_at_once(live: LiveStage) -> None:
    """From a list; each is on record."""
    refs = [live.held(5, tags={"team": "lake"}) for _ in range(12)]
    listed = batchgate("jobs", "held", "--query", "jobs[].job_id", "--output", "text").stdout
    assert sorted(listed.split()) == sorted(ref.job_id for ref in refs)
    done = batchgate("jobs", "cancel", *listed.split(), "--reason", "no", "--yes")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "12 cancelled"
    assert {live.stage.status(ref) for ref in refs} == {"Cancelled"}
    assert {live.state(ref).outcome for ref in refs} == {Outcome.APPLIED}
