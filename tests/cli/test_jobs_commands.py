"""`batchgate jobs`: what a person sees of a deployed gate, and what a person's decision does."""

import dataclasses
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from msgspec.structs import replace
from rich.console import Console

from batchgate.aws.wiring import SystemClock
from batchgate.contract import GATE_PARAMETER
from batchgate.errors import JobsApiError
from batchgate.gate.ports import Pause
from batchgate.gate.state import Block, Outcome, Phase, RequestedAction, State
from batchgate.gate.sweep import Memory, Plan, sweep_jobs
from batchgate.jobs.model import JobRef
from batchgate.policy.facts import Gap, Result
from batchgate_cli.commands.jobs import _decide_as_shown
from batchgate_cli.exits import Exit
from batchgate_cli.operating.job_view import age, obstacle, show_held
from batchgate_cli.operating.live_gate import find_gate
from batchgate_cli.operating.options import GateOptions
from s3batch_emulator import Effect, Fault, RealClock, Switches
from tests.cli.live import PERSON, LiveStage, batchgate, deployed_policies, make_unreadable, on_a_terminal
from tests.flow.deployed import Served
from tests.flow.stage import (
    ACCOUNT,
    APPROVE_ALL,
    HOLD_ALL,
    REGION,
    RecordedJobs,
    Script,
    Stage,
    raising,
)

UNKNOWN = "00000000-dead-beef-0000-000000000000"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOSTILE = "nightly\n\u009b31m\u202e\u2028[bold]tags[/bold]"
GUARDED = """
version: 1
policies:
  - name: by-hand
    match: [{operation: S3PutObjectTagging}]
    require: [{manual_approval: required}, {total_tasks: {at_most: 3}}]
guardrails:
  - name: teams
    match: [{operation: S3PutObjectTagging}]
    require: [{tags: {team: {present: true}}}]
"""


@pytest.fixture
def by_hand(tmp_path: Path) -> tuple[str, str]:
    """The option by which a command finds policies, which approvals are counted by."""
    policy = tmp_path / "by-hand.yaml"
    policy.write_text(HOLD_ALL)
    return "--policy", str(policy)


def as_json(*arguments: str) -> Any:
    """What a command prints for programs."""
    result = batchgate(*arguments, "--output", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def assert_nothing_moves_the_cursor(text: str) -> None:
    """Printable characters and line ends."""
    assert all(character.isprintable() for character in text.replace("\n", "")), ascii(text)


# --- held ---------------------------------------------------------------------------------------------


def test_nothing_held_is_said(live: LiveStage) -> None:
    """And is an empty list for programs."""
    result = batchgate("jobs", "held")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "no job is held\n", "")
    assert as_json("jobs", "held") == {"warning": None, "jobs": []}


def test_what_is_held_is_listed_by_age_with_what_stands_in_the_way(live: LiveStage) -> None:
    """One line a job where no terminal limits it; what is decided is not held any more."""
    first, second, decided = live.held(2), live.held(40), live.held(3)
    live.stage.enforce(APPROVE_ALL)
    live.review(decided)
    rows = [line for line in batchgate("jobs", "held").stdout.splitlines() if "S3PutObjectTagging" in line]
    assert [row.split()[0] for row in rows] == [first.job_id, second.job_id]
    assert re.search(r" 40  .* 0 min .* a person decides .* by-hand: needs manual approval", rows[1])
    said = as_json("jobs", "held")["jobs"]
    assert [(each["job_id"], each["total_tasks"], each["block"]) for each in said] == [
        (first.job_id, 2, None),
        (second.job_id, 40, None),
    ]
    assert said[0]["reason"] == live.state(first).reason
    assert datetime.fromisoformat(said[0]["held_since"]) == live.state(first).first_held_at


def test_a_job_whose_item_can_not_be_read_is_told_and_the_others_are_listed(live: LiveStage) -> None:
    """On the other stream, so that programs read the list all the same."""
    good, broken = live.held(), live.held()
    make_unreadable(live, broken)
    result = batchgate("jobs", "held", "-o", "json")
    assert [each["job_id"] for each in json.loads(result.stdout)["jobs"]] == [good.job_id]
    assert "not listed: STATE" in result.stderr
    assert broken.job_id in result.stderr
    shown = batchgate("jobs", "show", broken.job_id)
    assert shown.exit_code != 0
    assert "written by a newer version of batchgate" in shown.stderr


@pytest.mark.parametrize(
    ("ago", "changes", "why"),
    [
        (timedelta(hours=2), {}, "last sweep: none has succeeded since "),
        (
            timedelta(0),
            {"problem": "AppConfig: AccessDenied", "problem_since": NOW},
            "policies: none could be loaded, since 2026-11-22 12:00 UTC",
        ),
    ],
    ids=["no sweep", "no policies"],
)
def test_a_gate_that_does_not_work_never_looks_idle(
    live: LiveStage, ago: timedelta, changes: dict[str, Any], why: str
) -> None:
    """A list that is empty, and a job that is held, have a warning beside them; both still are shown."""
    live.beat(ago, **changes)
    empty = batchgate("jobs", "held")
    ref = live.held()
    shown = batchgate("jobs", "show", ref.job_id)
    assert (empty.exit_code, empty.stdout) == (0, "no job is held\n")
    assert ref.arn in shown.stdout
    for result in (empty, shown):
        assert result.stderr.startswith(f"warning: the gate is not working: {why}")
        assert result.stderr.count("\n") == 1
    for arguments in (("jobs", "held"), ("jobs", "show", ref.job_id)):
        assert as_json(*arguments)["warning"].startswith(f"the gate is not working: {why}")


def test_holds_that_the_policies_did_not_make_are_marked(live: LiveStage) -> None:
    """Shadow mode, a paused gate, jobs older than the gate."""
    live.stage.enforce(HOLD_ALL.replace("version: 1", "version: 1\nmode: shadow"))
    live.held()
    live.stage.enforce(APPROVE_ALL)
    live.ledger.set_pause(Pause(PERSON, "an incident", SystemClock().now()), replacing=None)
    live.held()
    live.ledger.set_pause(None, replacing=live.ledger.pause())
    live.stage.adopt_existing = False
    live.held()
    said = batchgate("jobs", "held").stdout
    assert re.findall(r"\[(\w+)\] ", said) == ["shadow", "paused", "adoption"]
    assert [(each["shadow"], each["block"]) for each in as_json("jobs", "held")["jobs"]] == [
        (True, None),
        (False, "paused"),
        (False, "adoption"),
    ]


def test_a_terminal_of_80_columns_gets_whole_job_ids(live: LiveStage) -> None:
    """To be copied; nothing is wider than the terminal."""
    refs = [live.held(), live.held(40_000)]
    with on_a_terminal("jobs", "held") as terminal:
        assert terminal.end() == 0
    assert all(len(line) <= 80 for line in terminal.said.splitlines())
    assert all(ref.job_id in terminal.said for ref in refs)
    assert "40,000 objects" in terminal.said


def held(number: int, days: int, **changes: Any) -> State:
    """A held job."""
    state = State(
        ref=JobRef("aws", REGION, ACCOUNT, f"00000000-0000-4000-8000-{number:012}"),
        rev=1,
        phase=Phase.HELD,
        verdict="hold",
        reason="batchgate: held by small: total_tasks is 4200000, want at most 1000000 [policy 7c41f09be2aa]",
        decided_by="7c41f09be2aa",
        policy_version="7c41f09be2aa",
        due_at=NOW,
        first_held_at=NOW - timedelta(days=days),
        operation="S3InitiateRestoreObject",
        total_tasks=4_200_000,
    )
    return replace(state, **changes)


def drawn(items: list[State], width: int) -> str:
    """The table as a terminal of so many columns gets it."""
    console = Console(width=width, force_terminal=True, color_system=None, highlight=False, record=True)
    with console.capture() as capture:
        show_held(console, items, NOW)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def test_the_table_fits_any_terminal() -> None:
    """At 80 columns several lines a job, at 160 one; a window's opening, and how long a job is held."""
    items = [held(1, 26), held(2, 3, until=NOW + timedelta(hours=10)), held(3, 0, block=Block.CIRCUIT_BREAKER)]
    narrow = drawn(items, 80)
    assert max(map(len, narrow.splitlines())) <= 80
    assert "held 26 d 0 h, since 2026-10-27 12:00" in narrow
    assert "until 2026-11-22 22:00" in narrow
    assert "3 held, the oldest for 26 d 0 h" in narrow
    wide = drawn(items, 160)
    assert max(map(len, wide.splitlines())) <= 160
    [row] = [line for line in wide.splitlines() if items[2].ref.job_id in line]
    assert "[circuit breaker] small:" in row


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (
            "batchgate: held by a: total_tasks is 5, want at most 3 [policy 7c41f09be2aa]",
            "a: total_tasks is 5, want at most 3",
        ),
        ("batchgate: held, the gate is paused [policy 7c41f09be2aa]", "the gate is paused"),
        ("batchgate: held: no policy matches the job [policy 7c41f09be2aa]", "no policy matches the job"),
        ("something else\x1b[31m", "something else?[31m"),
    ],
)
def test_what_stands_in_the_way_is_the_reason_without_its_frame(reason: str, shown: str) -> None:
    """And without anything that moves the cursor."""
    assert obstacle(reason) == shown


@pytest.mark.parametrize(
    ("passed", "shown"),
    [
        (timedelta(seconds=-5), "0 min"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(minutes=60), "1 h 0 min"),
        (timedelta(hours=25), "1 d 1 h"),
    ],
)
def test_an_age_is_told_in_its_two_largest_units(passed: timedelta, shown: str) -> None:
    """A clock that is behind makes nothing negative."""
    assert age(passed) == shown


# --- show ---------------------------------------------------------------------------------------------


def test_a_job_is_shown_with_what_s3_and_the_ledger_say_and_its_history(
    live: LiveStage, by_hand: tuple[str, str]
) -> None:
    """The objections of each review; then what a person did."""
    live.stage.enforce(GUARDED)
    ref = live.held(5)
    said = batchgate("jobs", "show", ref.job_id).stdout
    assert re.search(r"status +Suspended, since \d{4}-", said)
    assert "5 objects" in said
    assert re.search(r"held +since .*, until a person decides", said)
    assert "by-hand: total_tasks is 5, want at most 3 -> hold" in said
    assert "teams: tag team is absent, want present -> hold" in said
    result = batchgate("jobs", "approve", ref.job_id, "--reason", "agreed with lake", "--yes", *by_hand)
    assert result.exit_code == 0, result.output
    said = " ".join(batchgate("jobs", "show", ref.arn).stdout.split())
    assert re.search(r"settled .* approved by [0-9a-f]{12}, " + re.escape(PERSON), said)
    assert f"by {PERSON}: agreed with lake" in said
    assert re.search(r"reason batchgate: approved by ", said)
    [approval] = as_json("jobs", "show", ref.job_id)["state"]["approvals"]
    assert (approval["who"], approval["reason"]) == (PERSON, "agreed with lake")


def test_a_job_as_json_is_all_that_is_known(live: LiveStage) -> None:
    """S3's answer, STATE, the history."""
    ref = live.held()
    said = as_json("jobs", "show", ref.job_id)
    assert said["job"]["status"] == "Suspended"
    assert (said["state"]["phase"], said["state"]["rev"]) == ("held", 1)
    [review] = said["history"]
    assert (review["action"], review["evidence"]["governing"]) == ("held", ["by-hand"])
    assert said["error"] is None


def test_a_job_that_nobody_knows_is_said_to_be_unknown(live: LiveStage) -> None:
    """With account and Region, for it may be another's."""
    result = batchgate("jobs", "show", UNKNOWN)
    assert result.exit_code == 1
    assert f"{UNKNOWN}: S3 and the gate know no such job of account {ACCOUNT} in {REGION}" in result.stderr


def test_what_the_ledger_has_is_shown_when_s3_has_nothing(live: LiveStage) -> None:
    """A job vanishes 90 days after its end; a person may not describe jobs."""
    ref = live.held()
    live.stage.emulator.faults.add(Fault(Effect.ERROR, "NoSuchJobException", operation="DescribeJob"))
    gone = batchgate("jobs", "show", ref.job_id)
    live.stage.emulator.faults.add(Fault(Effect.ERROR, "AccessDenied", operation="DescribeJob"))
    denied = batchgate("jobs", "show", ref.job_id)
    assert (gone.exit_code, denied.exit_code) == (0, 0)
    assert "it knows no such job (any more)" in gone.stdout
    assert "AccessDenied" in denied.stdout
    assert "needs manual approval" in gone.stdout
    assert "needs manual approval" in denied.stdout


def test_a_job_that_only_s3_knows_is_shown(live: LiveStage) -> None:
    """The gate has not come to it yet."""
    ref = live.stage.create()
    said = batchgate("jobs", "show", ref.job_id)
    assert said.exit_code == 0
    assert "it has not held or decided this job" in said.stdout
    assert as_json("jobs", "show", ref.job_id)["state"] is None


def test_a_requesters_text_does_not_move_the_cursor(live: LiveStage) -> None:
    """Nor is it markup; the JSON escapes it."""
    ref = live.held(Description=HOSTILE)
    said = batchgate("jobs", "show", ref.job_id).stdout
    assert_nothing_moves_the_cursor(said)
    assert "[bold]tags[/bold]" in said
    live.stage.update_as_a_person(ref, "Cancelled", HOSTILE)
    live.review(ref)
    assert_nothing_moves_the_cursor(batchgate("jobs", "show", ref.job_id).stdout)
    raw = batchgate("jobs", "show", ref.job_id, "-o", "json").stdout
    assert raw.isascii()
    assert json.loads(raw)["job"]["status_update_reason"] == HOSTILE


# --- approve and cancel -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "action", "status"), [("approve", "approved", "Ready"), ("cancel", "cancelled", "Cancelled")]
)
def test_a_person_decides_a_held_job(
    live: LiveStage, by_hand: tuple[str, str], command: str, action: str, status: str
) -> None:
    """By a claim like anybody's; the caller's ARN stands on the job and in the ledger."""
    ref = live.held()
    result = batchgate("jobs", command, ref.job_id, "--reason", "agreed with lake", "--yes", *by_hand)
    assert result.exit_code == 0, result.output
    assert f"{action}; the next sweep announces it" in result.stdout
    job, state = live.stage.job(ref), live.state(ref)
    assert job.status.value == status
    assert job.reason is not None
    assert job.reason.startswith(f"batchgate: {action} by ")
    assert (state.phase, state.outcome, state.people) == (Phase.SETTLED, Outcome.APPLIED, (PERSON,))
    assert state.attempt == 1


def test_an_approval_that_is_not_enough_is_recorded_and_the_command_says_what_is_missing(
    live: LiveStage, tmp_path: Path
) -> None:
    """It did what was asked of it; the job waits for others."""
    two = tmp_path / "two.yaml"
    two.write_text("approvals: {at_least: 2}\n" + HOLD_ALL.strip())
    ref = live.held()
    result = batchgate("jobs", "approve", ref.job_id, "--reason", "agreed", "--yes", "--policy", str(two))
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    assert "approval recorded; the job is held still" in said
    assert "1 of 2 approvals, 1 more" in said
    assert "1 of 2 approvals, 1 more" in " ".join(batchgate("jobs", "show", ref.job_id).stdout.split())
    assert live.stage.status(ref) == "Suspended"


def test_the_sweep_announces_what_a_person_decided(live: LiveStage) -> None:
    """Once, with who and why; whoever listens hears of it as of every other decision."""
    ref = live.held()
    live.told.clear()
    batchgate("jobs", "cancel", ref.job_id, "--reason", "agreed with lake", "--yes")
    assert (live.state(ref).announced_at, live.told) == (None, [])
    for _ in range(2):
        sweep_jobs(live.gate, Plan("aws", REGION, ACCOUNT, 1, 1000), Memory(), owner="a sweep")
    [told] = live.told
    assert (told.ref, told.action, told.decided_by) == (ref, "cancelled", PERSON)
    assert live.state(ref).announced_at is not None


def test_a_job_that_the_gate_has_not_seen_can_be_decided(live: LiveStage, by_hand: tuple[str, str]) -> None:
    """Suspended is enough."""
    ref = live.stage.create()
    assert batchgate("jobs", "approve", ref.job_id, "--reason", "in a hurry", "--yes", *by_hand).exit_code == 0
    assert live.stage.status(ref) == "Ready"


def test_what_will_be_done_is_shown_and_without_an_answer_not_done(live: LiveStage, tmp_path: Path) -> None:
    """Job, operation, size, who, and each objection that is set aside; a script is told about --yes."""
    live.stage.enforce(GUARDED)
    ref = live.held(5)
    policy = tmp_path / "policy.yaml"
    policy.write_text(GUARDED)
    result = batchgate("jobs", "approve", ref.job_id, "--reason", "agreed", "--policy", str(policy))
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    for said in (
        f"approve {ref.job_id}  account {ACCOUNT} in {REGION}",
        "S3PutObjectTagging, 5 objects",
        PERSON,
        "policies say  hold [policy ",
        "by-hand: total_tasks is 5, want at most 3 -> hold",
        "teams: tag team is absent, want present -> hold",
    ):
        assert said in result.stdout
    assert "manual_approval" not in result.stdout  # which is what this is
    assert live.stage.status(ref) == "Suspended"
    assert live.state(ref).phase is Phase.HELD


def test_what_is_overridden_is_on_record(live: LiveStage, tmp_path: Path) -> None:
    """In the ledger and in the answer for programs."""
    live.stage.enforce(GUARDED)
    ref = live.held(5)
    policy = tmp_path / "policy.yaml"
    policy.write_text(GUARDED)
    arguments = ("jobs", "cancel", ref.job_id, "--reason", "agreed", "--policy", str(policy), "--yes")
    said = as_json(*arguments)
    assert said["action"] == "cancelled"
    assert len(said["overridden"]) == 2
    evidence = live.ledger.history(ref)[-1]["evidence"]
    assert (evidence["person"], evidence["why"]) == (PERSON, "agreed")
    assert [each["statement"] for each in evidence["overridden"]["objections"]] == ["by-hand", "by-hand", "teams"]


def test_a_cancellation_of_what_the_policies_would_approve_says_so(live: LiveStage, tmp_path: Path) -> None:
    """A person may know better; not without being told."""
    ref = live.stage.create()
    policy = tmp_path / "policy.yaml"
    policy.write_text(APPROVE_ALL)
    result = batchgate("jobs", "cancel", ref.job_id, "--reason", "wrong bucket", "--policy", str(policy), "--yes")
    assert "the policies would approve this job" in result.stdout
    assert live.stage.status(ref) == "Cancelled"


def test_policies_that_can_not_be_read_stop_approvals_and_no_cancellation(live: LiveStage) -> None:
    """The plan says that it is not known what is overridden, and why."""
    ref = live.held()
    live.deploy(appconfig={"application": "a", "environment": "b", "profile": "c"})
    for command, code in (("approve", 1), ("cancel", 0)):
        result = batchgate("jobs", command, ref.job_id, "--reason", "agreed", "--yes")
        assert result.exit_code == code
        assert re.search(r"overridden +not known, the policies can't be read: AppConfig a/b/c", result.stdout)


def test_objections_are_by_the_policies_in_force(live: LiveStage) -> None:
    """As AppConfig has them deployed."""
    live.deploy(appconfig=deployed_policies(live, "version: 1"))
    ref = live.held()
    result = batchgate("jobs", "approve", ref.job_id, "--reason", "agreed")
    assert "policies say  hold [policy " in result.stdout
    assert "no policy matches the job" in result.stdout


def test_a_no_on_the_terminal_does_nothing_and_a_yes_does_it(live: LiveStage, by_hand: tuple[str, str]) -> None:
    """Asked after the plan was shown."""
    ref = live.held()
    with on_a_terminal("jobs", "approve", ref.job_id, "--reason", "agreed", *by_hand) as terminal:
        assert ref.job_id in terminal.read_until("approve this job? [y/N]")
        terminal.answer("n")
        assert terminal.end() == 1
    assert live.stage.status(ref) == "Suspended"
    with on_a_terminal("jobs", "approve", ref.job_id, "--reason", "agreed", *by_hand) as terminal:
        terminal.read_until("approve this job? [y/N]")
        terminal.answer("y")
        assert terminal.end() == 0
    assert live.stage.status(ref) == "Ready"


def test_tags_that_change_while_somebody_is_asked_are_shown_and_asked_about_again(
    live: LiveStage, by_hand: tuple[str, str]
) -> None:
    """What was shown is what is decided: a yes to other tags decides nothing."""
    ref = live.held(tags={"team": "lake"})

    def retag(team: str) -> None:
        live.stage.person.put_job_tagging(AccountId=ACCOUNT, JobId=ref.job_id, Tags=[{"Key": "team", "Value": team}])

    with on_a_terminal("jobs", "approve", ref.job_id, "--reason", "agreed", *by_hand) as terminal:
        assert re.search(r'tags +\{"team": "lake"\}', terminal.read_until("approve this job? [y/N]"))
        retag("web")
        terminal.answer("y")
        said = terminal.read_until("approve this job as it is now? [y/N]")
        assert 'tags: {"team": "lake"} -> {"team": "web"}' in said
        assert live.stage.status(ref) == "Suspended"
        assert live.state(ref).phase is Phase.HELD
        retag("sea")
        terminal.answer("y")
        terminal.read_until('tags: {"team": "web"} -> {"team": "sea"}')
        terminal.answer("y")
        assert terminal.end() == 0
    assert live.stage.status(ref) == "Ready"


def test_a_change_after_a_script_evaluated_the_job_is_refused(live: LiveStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --yes nobody can be asked again: what the command evaluated is what it decides, or nothing."""
    ref = live.held(tags={"team": "lake"})

    class SlowConsole(Console):
        """Takes so long to show the plan that the requester has time for other tags."""

        def print(self, *said: Any, **how: Any) -> None:
            """Print, and let the requester act."""
            super().print(*said, **how)
            live.stage.person.put_job_tagging(AccountId=ACCOUNT, JobId=ref.job_id, Tags=[{"Key": "a", "Value": "b"}])

    monkeypatch.setattr("batchgate_cli.commands.jobs.text_console", SlowConsole)
    result = batchgate("jobs", "approve", ref.job_id, "--reason", "agreed", "--yes")
    assert result.exit_code == Exit.REFUSED
    assert "has changed since it was shown; nothing was done" in result.stderr
    assert live.stage.status(ref) == "Suspended"
    assert live.state(ref).phase is Phase.HELD


MANY = {
    "version": 1,
    "policies": [
        {"name": "many", "require": [{"tags": {f"k{number:03}": {"present": True}}} for number in range(86)]},
    ],
    "guardrails": [{"name": "last", "on_violation": "cancel", "require": [{"total_tasks": {"at_most": 3}}]}],
}


def test_the_plan_shows_what_decides_first_and_counts_the_rest(live: LiveStage, tmp_path: Path) -> None:
    """A guardrail that cancels is never behind 86 requirements that hold; what is not shown is listed by a command."""
    live.stage.enforce(json.dumps(MANY))
    ref = live.stage.create(5)
    policy = tmp_path / "policy.yaml"
    policy.write_text(json.dumps(MANY))
    arguments = ("jobs", "approve", ref.job_id, "--reason", "agreed", "--policy", str(policy))
    said = batchgate(*arguments).stdout
    first, *others = re.findall(r"^ +- (.*)$", said, re.MULTILINE)
    assert first == "last: total_tasks is 5, want at most 3 -> cancel"
    assert others[:2] == [f"many: tag k{number:03} is absent, want present -> hold" for number in range(2)]
    assert others[-1] == f"and 77 more; `batchgate policy explain POLICY --job-id {ref.job_id}` lists all"
    hold = json.dumps(MANY).replace('"cancel"', '"hold"')
    live.stage.enforce(hold)
    policy.write_text(hold)
    live.review(ref)
    said = batchgate(*arguments).stdout
    assert f"and 77 more; `batchgate jobs show {ref.job_id}` lists all" in said.replace("\n", " ")
    shown = batchgate("jobs", "show", ref.job_id).stdout
    assert len(re.findall(r"-> hold", shown)) == 87


def test_what_the_record_has_no_room_for_is_counted(live: LiveStage) -> None:
    """The first objections of thousands are kept; the rest is not hidden."""
    many = [{"tags": {f"k{number:05}": {"present": True}}} for number in range(3000)]
    live.stage.enforce(json.dumps({"version": 1, "policies": [{"name": "many", "require": many}]}))
    ref = live.held()
    [review] = live.ledger.history(ref)
    kept, left_out = len(review["evidence"]["objections"]), review["evidence"]["objections_left_out"]
    assert kept + left_out == 3000
    assert kept > 500
    said = batchgate("jobs", "show", ref.job_id).stdout
    assert f"and {left_out} more, which do not fit in the record" in said


# --- Refused, not done, not known ---------------------------------------------------------------------


def paused(live: LiveStage, ref: JobRef) -> None:
    """Somebody paused the gate."""
    live.ledger.set_pause(Pause(PERSON, "an incident", SystemClock().now()), replacing=None)


def decided(live: LiveStage, ref: JobRef) -> None:
    """The policies approved it since."""
    live.stage.enforce(APPROVE_ALL)
    live.review(ref)


def confirmed(live: LiveStage, ref: JobRef) -> None:
    """Somebody confirmed it in the console."""
    live.stage.update_as_a_person(ref, "Ready")


def claimed(live: LiveStage, ref: JobRef) -> None:
    """A review is at it."""
    until = SystemClock().now() + timedelta(minutes=2)
    state = live.state(ref)
    claim = replace(
        state,
        phase=Phase.CLAIMED,
        claim_id="5f3a91c2",
        attempt=1,
        direction=RequestedAction.APPROVE,
        lease_until=until,
        due_at=until,
    )
    live.ledger.write(claim, replacing=state)


def perhaps_approved(live: LiveStage, ref: JobRef) -> None:
    """An approval of the gate's may still be under way."""
    state = live.state(ref)
    live.ledger.write(
        replace(state, claim_id="5f3a91c2", attempt=1, direction=RequestedAction.APPROVE, maybe_sent=True),
        replacing=state,
    )


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (paused, rf"the gate is paused since .* UTC by {re.escape(PERSON)}: an incident; `batchgate resume` ends that"),
        (decided, r"this job was approved already at .* UTC, by policy [0-9a-f]{12}"),
        (confirmed, r"S3 says Ready; only a Suspended job can be decided"),
        (claimed, r"a review has claimed it until \d\d:\d\d:\d\d UTC"),
        (perhaps_approved, r"an earlier approve may have been sent and may still take effect"),
    ],
)
def test_what_can_not_be_decided_is_refused_with_the_reason(
    live: LiveStage, happens: Callable[[LiveStage, JobRef], None], why: str
) -> None:
    """Exit code 5, before anybody is asked; nothing is written and nothing sent."""
    ref = live.held()
    happens(live, ref)
    state, updates = live.state(ref), live.stage.count("UpdateJobStatus")
    result = batchgate("jobs", "cancel", ref.job_id, "--reason", "agreed", "--yes")
    assert result.exit_code == 5, result.output
    assert re.search(why, result.stderr)
    assert ref.job_id in result.stderr
    assert (live.state(ref), live.stage.count("UpdateJobStatus")) == (state, updates)


def test_a_gate_that_is_paused_while_somebody_is_asked_refuses(live: LiveStage) -> None:
    """The claim itself checks it."""
    ref = live.held()
    with on_a_terminal("jobs", "cancel", ref.job_id, "--reason", "agreed") as terminal:
        terminal.read_until("[y/N]")
        paused(live, ref)
        terminal.answer("y")
        assert terminal.end() == 5
    assert live.stage.status(ref) == "Suspended"
    assert live.state(ref).phase is Phase.HELD


def test_a_permission_that_is_missing_leaves_the_job_as_it_was(live: LiveStage) -> None:
    """The claim is given back at once, for others to decide; exit code 1."""
    ref = live.held()
    live.stage.emulator.faults.add(Fault(Effect.ERROR, "AccessDenied", operation="UpdateJobStatus"))
    result = batchgate("jobs", "cancel", ref.job_id, "--reason", "agreed", "--yes")
    assert result.exit_code == 1
    assert "AccessDenied" in result.stderr
    assert live.state(ref).phase is Phase.HELD
    assert batchgate("jobs", "cancel", ref.job_id, "--reason", "agreed", "--yes").exit_code == 0


@pytest.mark.parametrize("after_change", [False, True])
def test_an_answer_that_is_lost_is_looked_after(live: LiveStage, after_change: bool) -> None:
    """Where S3 shows the effect it is done; else nobody can say yet, exit code 6, and what follows is told."""
    ref = live.held()
    live.stage.emulator.faults.add(Fault(Effect.RESET, operation="UpdateJobStatus", after_change=after_change))
    result = batchgate("jobs", "cancel", ref.job_id, "--reason", "agreed", "--yes")
    if after_change:
        assert (result.exit_code, live.state(ref).outcome) == (0, Outcome.APPLIED)
        return
    assert result.exit_code == 6
    assert "S3's response was lost" in result.stderr
    assert f"batchgate jobs show {ref.job_id}" in result.stderr
    assert live.state(ref).phase is Phase.CLAIMED
    said = batchgate("jobs", "show", ref.job_id).stdout
    assert re.search(rf"claimed +to cancel it, by {re.escape(PERSON)}, until", said)
    assert "to cancel it may have been sent" in said


def test_trouble_after_the_update_was_sent_is_not_taken_for_nothing_done(
    live: LiveStage, capsys: pytest.CaptureFixture[str]
) -> None:
    """S3 did it, its answer was lost, and it could not be asked what it did."""
    ref = live.held()
    live.stage.emulator.faults.add(Fault(Effect.RESET, operation="UpdateJobStatus", after_change=True))
    script = Script()
    script.before("describe", raising(JobsApiError("DescribeJob: SlowDown")))
    gate = find_gate(GateOptions())
    shown = gate.show(ref, RequestedAction.CANCEL).digest
    gate = dataclasses.replace(gate, jobs=RecordedJobs(script, replace(live.stage.s3control, clock=gate.clock)))
    with pytest.raises(click.exceptions.Exit) as ended:
        _decide_as_shown(gate, ref, RequestedAction.CANCEL, "agreed", shown)
    assert ended.value.exit_code == Exit.NOT_KNOWN_YET
    assert "SlowDown; S3's response was lost" in " ".join(capsys.readouterr().err.split())
    assert live.stage.status(ref) == "Cancelled"
    assert live.state(ref).phase is Phase.CLAIMED


# --- Finding the gate ---------------------------------------------------------------------------------


def test_where_no_gate_is_deployed_that_is_said(live: LiveStage) -> None:
    """With account, Region and what to try; a table that is named needs no looking up."""
    live.client("ssm").delete_parameter(Name=GATE_PARAMETER)
    result = batchgate("jobs", "held")
    assert result.exit_code == 1
    assert f"no gate is deployed for account {ACCOUNT} in {REGION}" in result.stderr
    assert "--region" in result.stderr
    assert batchgate("jobs", "held", "--table", live.ledger.table).exit_code == 0
    elsewhere = batchgate("jobs", "held", "--region", "eu-central-1")
    assert "in eu-central-1" in elsewhere.stderr


def test_a_parameter_that_is_not_ours_is_told_from_none(live: LiveStage) -> None:
    """It names what is wrong."""
    live.client("ssm").put_parameter(Name=GATE_PARAMETER, Value="{}", Type="String", Overwrite=True)
    result = batchgate("jobs", "held")
    assert result.exit_code == 1
    assert "not what a stack writes" in result.stderr


def test_without_credentials_or_region_that_is_said(live: LiveStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """And how to give them."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    result = batchgate("jobs", "held")
    assert (result.exit_code, "no Region; pass --region" in result.stderr) == (1, True), result.stderr
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    result = batchgate("jobs", "held", "--region", REGION)
    assert (result.exit_code, "no AWS credentials" in result.stderr) == (1, True), result.stderr
    result = batchgate("jobs", "held", "--region", REGION, "--profile", "nobody")
    assert (result.exit_code, "nobody" in result.stderr) == (1, True), result.stderr


@pytest.mark.parametrize(
    ("job", "why"),
    [
        ("arn:aws:s3:eu-central-1:123456789012:job/abcdef", f"not a job of account {ACCOUNT} in {REGION}"),
        ("arn:aws:s3:::bucket", "expected arn:PARTITION:s3:REGION:ACCOUNT:job/ID"),
        ("x", "expected a job's id or ARN"),
    ],
)
def test_what_is_no_job_here_is_said(live: LiveStage, job: str, why: str) -> None:
    """Before S3 is asked."""
    result = batchgate("jobs", "approve", job, "--reason", "agreed", "--yes")
    assert result.exit_code == 1
    assert why in result.stderr
    assert live.stage.count("DescribeJob") == 0


def test_a_decision_needs_a_reason(live: LiveStage) -> None:
    """Blanks are none."""
    ref = live.held()
    for reason in ((), ("--reason", "  ")):
        assert batchgate("jobs", "cancel", ref.job_id, *reason, "--yes").exit_code == 2
    assert live.stage.status(ref) == "Suspended"


@pytest.mark.parametrize("said", [None, "unknown", "false", "true"])
def test_commands_read_an_answer_without_tags_as_the_functions_do(
    live: LiveStage, served: Served, tmp_path: Path, said: str | None
) -> None:
    """The deployment's setting reaches them by the parameter, and `policy explain` by its option."""
    served.serve(Stage(HOLD_ALL, switches=Switches(untagged_lacks_tags=True)))
    served.stage.emulator.dates = RealClock()
    ref = served.stage.create()
    live.deploy(**({"untagged_answer_lacks_tags": said} if said else {}))
    tags = find_gate(GateOptions()).jobs.snapshot(ref, with_tags=True).tags
    assert tags == ({} if said == "true" else Gap(Result.UNMEASURABLE, "S3 answered no list of tags"))
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\npolicies: [{name: p, require: [{tags: {frozen: {present: false}}}]}]\n")
    option = ("--untagged-answer-lacks-tags",) if said == "true" else ()
    shown = batchgate("policy", "explain", str(policy), "--job-id", ref.job_id, "-o", "json", *option)
    assert json.loads(shown.stdout)["verdict"] == ("approve" if said == "true" else "hold")
