"""`batchgate policy replay`: what policies would have done with jobs of the past."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from batchgate.aws.pace import Unhurried
from batchgate.gate.people import record_approval
from batchgate.gate.state import RequestedAction
from batchgate.jobs.manifest_contents import BUCKETS_AT_MOST, ManifestContents
from batchgate.jobs.model import DateSurvives, Job
from batchgate.policy.compile import compile_policies
from batchgate.policy.evaluate import evaluate_job
from batchgate.policy.evidence import digest_of_job, evidence_of
from batchgate.policy.facts import Gap, Result, gather_facts
from batchgate_cli.authoring.policy_file import load
from batchgate_cli.replay.ledger_jobs import facts_of
from batchgate_cli.replay.reasons import DecidedBy, read_reason
from batchgate_cli.replay.recorder import Source, record
from batchgate_cli.replay.recording import TAGS_NOT_RECORDED
from batchgate_cli.replay.replay_view import headline
from batchgate_cli.replay.replaying import MANIFEST_NOT_RECORDED, ROWS_NOT_RECORDED, replay
from batchgate_cli.replay.report import page
from s3batch_emulator import Delays, Switches
from tests.cli.live import PERSON, LiveStage, batchgate, on_a_terminal
from tests.flow.deployed import Served
from tests.flow.stage import ACCOUNT, APPROVE_ALL, CANCEL_ALL, HOLD_ALL, REGION, UP_TO_THREE, Stage
from tests.unit.examples import NOW, description

CHECKOUT = Path(__file__).resolve().parents[2]
NIGHTS = """
version: 1
calendars:
  nights: {timezone: UTC, open: [{days: [mon, tue, wed, thu, fri, sat, sun], from: "22:00", to: "06:00"}]}
policies:
  - name: at-night
    match: [{operation: S3PutObjectTagging}]
    require: [{window: nights}]
"""
BY_BYTES = """
version: 1
policies:
  - name: small-manifests
    match: [{operation: S3PutObjectTagging}]
    require: [{manifest: {bytes: {at_most: 10_000_000}}}]
"""
BY_TAGS = """
version: 1
policies:
  - name: ours
    match: [{tags: {team: ops}}]
    require: []
"""


BY_TEAM = """
version: 1
unmatched: cancel
cancel_grace: 0s
policies:
  - {name: ops, match: [{tags: {team: ops}}], require: []}
  - {name: prod, match: [{tags: {team: prod}}], require: [{manual_approval: required}]}
"""


class Replayed:
    """A recording in a folder, and the command on it."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        """Record a stage's jobs."""
        self.folder = folder
        self.file = folder / f"jobs-{len([*folder.iterdir()])}.ndjson"
        record(
            Source(stage.person, ACCOUNT, Unhurried(), stage.clock.now), self.file, redact=False, watch=lambda _: None
        )

    def policies(self, text: str) -> str:
        """Policies as a file."""
        file = self.folder / f"policies-{len([*self.folder.iterdir()])}.yaml"
        file.write_text(text)
        return str(file)

    def run(self, text: str, *options: str) -> Any:
        """Replay and return what programs get."""
        found = batchgate("policy", "replay", self.policies(text), "--jobs", str(self.file), "-o", "json", *options)
        assert found.exit_code == 0, found.output
        return json.loads(found.stdout)

    def text(self, text: str, *options: str) -> str:
        """Replay and return what people get."""
        found = batchgate("policy", "replay", self.policies(text), "--jobs", str(self.file), *options)
        assert found.exit_code == 0, found.output
        return found.stdout


@pytest.fixture
def stage() -> Stage:
    """A gate that approves up to three objects and cancels the rest, the instant that a job is Suspended."""
    return Stage(UP_TO_THREE, delays=Delays.every(timedelta(0)))


def changes(found: Any) -> dict[str, str]:
    """How each job changed, by its id."""
    return {each["job_id"]: each["change"] for each in found["jobs"]}


# --- what changes -------------------------------------------------------------------------------------


def test_the_policies_that_decided_change_nothing(stage: Stage, tmp_path: Path) -> None:
    """And the answer says so."""
    for rows in (2, 9):
        stage.review(stage.create(rows))
    replayed = Replayed(stage, tmp_path)
    found = replayed.run(UP_TO_THREE)
    assert {*changes(found).values()} == {"same"}
    assert found["summary"] == "0 of 2 jobs would be decided differently"
    assert replayed.text(UP_TO_THREE).startswith("0 of 2 jobs would be decided differently\n")


def test_other_policies_change_what_they_decide_otherwise(stage: Stage, tmp_path: Path) -> None:
    """The job, its end before and after, the statement and the check that decide."""
    small, large = stage.create(2), stage.create(9)
    for ref in (small, large):
        stage.review(ref)
    found = Replayed(stage, tmp_path).run(UP_TO_THREE.replace("at_most: 3", "at_most: 1"))
    assert changes(found) == {small.job_id: "otherwise", large.job_id: "same"}
    row = next(each for each in found["jobs"] if each["job_id"] == small.job_id)
    assert (row["before"]["end"], row["before"]["by"]) == ("approved", "policy")
    assert (row["after"]["end"], row["after"]["by"]) == ("cancelled", "policy")
    assert (row["after"]["statements"], row["after"]["check"]) == (["small"], "total_tasks is 2, want at most 1")
    assert row["trace"]["objections"][0]["actual"] == "2"
    assert found["totals"] == {"before": {"approved": 1, "cancelled": 1}, "after": {"cancelled": 2}}


def test_a_window_makes_jobs_wait(stage: Stage, tmp_path: Path) -> None:
    """Against other policies both times are known, so the hours are."""
    stage.advance(hours=12)
    stage.review(stage.create(2))
    replayed = Replayed(stage, tmp_path)
    against = replayed.policies(APPROVE_ALL)
    found = replayed.run(NIGHTS, "--against", against)
    [row] = found["jobs"]
    assert row["change"] == "later"
    since, at = (datetime.fromisoformat(each) for each in (row["since"], row["after"]["at"]))
    assert at == since.replace(hour=22, minute=0, second=0, microsecond=0)
    assert [each["end"] for each in row["trace"]["steps"]] == ["held", "approved"]
    assert found["waiting"] == {
        "jobs": 1,
        "seconds_before": 0,
        "seconds_after": (at - since).total_seconds(),
        "unknown": 0,
    }
    assert "10.0 h more" in replayed.text(NIGHTS, "--against", against)


# --- people -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("approved", [True, False])
@pytest.mark.parametrize("outside", [True, False])
def test_what_people_decide_stays_theirs(tmp_path: Path, approved: bool, outside: bool) -> None:
    """A hold leaves a job to people, whatever they do then; a decision by policy at once is a change."""
    stage = Stage(HOLD_ALL, delays=Delays.every(timedelta(0)))
    ref = stage.create(2)
    stage.review(ref)
    stage.advance(hours=3)
    if outside:
        stage.update_as_a_person(ref, "Ready" if approved else "Cancelled")
    else:
        stage.decide(ref, RequestedAction.APPROVE if approved else RequestedAction.CANCEL)
    replayed = Replayed(stage, tmp_path)
    [held] = replayed.run(HOLD_ALL)["jobs"]
    assert held["change"] == "same"
    assert held["before"]["by"] == ("others" if outside else "people")
    assert changes(replayed.run(APPROVE_ALL)) == {ref.job_id: "without people" if approved else "otherwise"}
    assert changes(replayed.run(CANCEL_ALL)) == {ref.job_id: "otherwise" if approved else "without people"}


def test_who_came_first_may_not_be_known(tmp_path: Path) -> None:
    """S3 does not keep when a job was confirmed: a window that opened before the job ran may have been first."""
    stage = Stage(HOLD_ALL, delays=Delays.every(timedelta(0)))
    stage.advance(hours=12)
    ref = stage.create(2)
    stage.review(ref)
    stage.advance(hours=30)
    stage.update_as_a_person(ref, "Ready")
    replayed = Replayed(stage, tmp_path)
    assert changes(replayed.run(NIGHTS)) == {ref.job_id: "unknown"}
    assert "people may have decided before the policies would have" in replayed.text(NIGHTS)


VERSIONS = " [policy 0123456789ab claim 5f3a91c2]"


@pytest.mark.parametrize(
    ("text", "approved", "by"),
    [
        ("approved by small, 1 requirement met", True, DecidedBy.POLICY),
        ("cancelled: no policy matches the job", False, DecidedBy.POLICY),
        ("cancelled, held for more than 3 days: x", False, DecidedBy.POLICY),
        ("cancelled by a: tag b is c, lifting 2 holds", False, DecidedBy.POLICY),
        ("approved by lake/ana, lifting 1 hold: x", True, DecidedBy.PEOPLE),
        ("approved by 2 people (lake/ana, lake/bo), lifting 2 holds", True, DecidedBy.PEOPLE),
        ("approved by a, b, 2 requirements met, approval of lake/ana", True, DecidedBy.PEOPLE),
        ("approved by a, 1 requirement met, 1 lifted by x, approvals of 2 people (a, b)", True, DecidedBy.PEOPLE),
        ("cancelled by arn:aws:iam::1:user/kim: why", False, DecidedBy.PEOPLE),
    ],
)
@pytest.mark.parametrize("versions", [VERSIONS, " [claim 5f3a91c2]"])
def test_a_reason_says_who_decided(text: str, approved: bool, by: DecidedBy, versions: str) -> None:
    """The gate's reasons are read back."""
    found = read_reason(f"batchgate: {text}{versions}")
    assert found is not None
    assert (found.approved, found.by, found.claim_id) == (approved, by, "5f3a91c2")


@pytest.mark.parametrize(
    "reason", [None, "", "CHG-12", "batchgate: held by a: b [policy 0123456789ab]", "batchgate: approved"]
)
def test_other_reasons_are_not_the_gates(reason: str | None) -> None:
    """Nobody is said to have decided."""
    assert read_reason(reason) is None


# --- what can't be known ------------------------------------------------------------------------------


def test_what_was_not_recorded_is_not_known(stage: Stage, tmp_path: Path) -> None:
    """Neither a change nor none: the gate would have read the manifest's size."""
    stage.review(stage.create(2))
    replayed = Replayed(stage, tmp_path)
    found = replayed.run(BY_BYTES)
    assert {*changes(found).values()} == {"unknown"}
    assert found["jobs"][0]["after"]["why_unknown"] == "it depends on what is not known here: manifest.bytes"


def test_tags_that_are_not_there_are_not_known(stage: Stage, tmp_path: Path) -> None:
    """What the AWS CLI prints of a job has no tags; a policy that asks for none is not concerned."""
    stage.review(stage.create(2, tags={"team": "ops"}))
    replayed = Replayed(stage, tmp_path)
    documents = [json.loads(line) for line in replayed.file.read_text().splitlines()]
    replayed.file.write_text("".join(json.dumps({"Job": each["Job"]}) + "\n" for each in documents))
    assert {*changes(replayed.run(BY_TAGS)).values()} == {"unknown"}
    assert {*changes(replayed.run(UP_TO_THREE)).values()} == {"same"}


@pytest.mark.parametrize(
    ("survives", "change"),
    [(DateSurvives.UNKNOWN, "unknown"), (DateSurvives.TRUE, "same"), (DateSurvives.FALSE, "unknown")],
)
def test_whether_a_job_waited_may_not_be_known(tmp_path: Path, survives: DateSurvives, change: str) -> None:
    """A job without SuspendedDate that ran, and that nobody gave a reason, may not have asked for confirmation."""
    stage = Stage(UP_TO_THREE)
    ref = stage.create(2, until="Complete", ConfirmationRequired=False)
    found = Replayed(stage, tmp_path).run(CANCEL_ALL, "--suspended-date-survives", survives.value)
    assert changes(found) == {ref.job_id: change}
    if change == "same":
        assert found["jobs"][0]["after"]["end"] == "ungated"
        cancels = CANCEL_ALL.replace("cancel_grace", "ungated_jobs: cancel\ncancel_grace")
        found = Replayed(stage, tmp_path).run(cancels, "--suspended-date-survives", survives.value)
        assert (changes(found), found["jobs"][0]["after"]["end"]) == ({ref.job_id: "otherwise"}, "cancelled")


def test_a_job_is_evaluated_at_its_creation_where_nothing_else_is_known(tmp_path: Path) -> None:
    """It was confirmed, so it waited; since when S3 has forgotten. The job is marked."""
    stage = Stage(UP_TO_THREE, switches=Switches(suspension_remembered=False))
    ref = stage.create(2)
    stage.review(ref)
    stage.emulator.settle_until(ref.job_id, "Complete")
    replayed = Replayed(stage, tmp_path)
    [row] = replayed.run(UP_TO_THREE)["jobs"]
    assert (row["change"], row["since_is_exact"]) == ("same", False)
    assert "when they began to wait: 1 job\n" in replayed.text(UP_TO_THREE)


# --- the command --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "codes"),
    [
        (UP_TO_THREE, {"change": 0, "approve": 0, "cancel": 0}),
        (APPROVE_ALL, {"change": 8, "approve": 8, "cancel": 0}),
        (CANCEL_ALL, {"change": 8, "approve": 0, "cancel": 8}),
        (HOLD_ALL, {"change": 8, "approve": 0, "cancel": 0}),
    ],
)
def test_changes_can_fail_the_command(stage: Stage, tmp_path: Path, after: str, codes: Mapping[str, int]) -> None:
    """Any, or those only that approve or cancel a job that was not."""
    for rows in (2, 9):
        stage.review(stage.create(rows))
    replayed = Replayed(stage, tmp_path)
    for word, code in codes.items():
        found = batchgate("policy", "replay", replayed.policies(after), "--jobs", str(replayed.file), "--fail-on", word)
        assert (word, found.exit_code) == (word, code)


@pytest.mark.parametrize(
    ("options", "got"),
    [((), "none of them"), (("--ledger", "--live"), "--ledger and --live"), (("--jobs", "x", "--live"), "--jobs and")],
)
def test_one_source_is_expected(tmp_path: Path, options: tuple[str, ...], got: str) -> None:
    """None or two are wrong usage."""
    found = batchgate("policy", "replay", str(tmp_path), *options)
    assert found.exit_code == 2
    assert f"expected one of --jobs FILE, --ledger and --live, got {got}" in found.stderr


@pytest.mark.parametrize(
    ("source", "option"),
    [
        *((("--jobs", "x"), (f"--{name}", "x")) for name in ("region", "profile")),
        *((("--jobs", "x"), each) for each in (("--days", "5"), ("--calls-per-second", "5"))),
        (("--jobs", "x"), ("--endpoint-url", "http://x")),
        (("--ledger",), ("--account-id", ACCOUNT)),
        (("--ledger",), ("--suspended-date-survives", "true")),
        (("--live",), ("--days", "90")),
    ],
)
def test_an_option_of_another_source_is_refused(
    tmp_path: Path, source: tuple[str, ...], option: tuple[str, str]
) -> None:
    """It would have no effect, and whoever gave it would believe that it had."""
    found = batchgate("policy", "replay", str(tmp_path), *source, *option)
    assert found.exit_code == 2
    assert f"{option[0]}: for " in found.stderr
    assert f"only, got {source[0]}; remove {option[0]}" in found.stderr


def test_shadow_is_replayed_as_if_enforced(stage: Stage, tmp_path: Path) -> None:
    """And the notes say so."""
    stage.review(stage.create(2))
    replayed = Replayed(stage, tmp_path)
    found = replayed.run(f"mode: shadow\n{UP_TO_THREE}")
    assert {*changes(found).values()} == {"same"}
    assert "a policy set in shadow mode is replayed as if enforced" in found["notes"]


def test_what_was_never_used_is_said(stage: Stage, tmp_path: Path) -> None:
    """A policy that governs no job, and a requirement that no job failed."""
    stage.review(stage.create(2))
    text = UP_TO_THREE + "  - name: restores\n    match: [{operation: S3InitiateRestoreObject}]\n    require: []\n"
    said = Replayed(stage, tmp_path).text(text)
    assert "never used: restores\n" in said
    assert "never decided: small: total_tasks at most 3\n" in said


# --- the ledger ---------------------------------------------------------------------------------------


def of_ledger(live: LiveStage, folder: Path, text: str) -> Any:
    """Replay what a deployed gate reviewed."""
    file = folder / "policies.yaml"
    file.write_text(text)
    found = batchgate("policy", "replay", str(file), "--ledger", "-o", "json")
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def test_the_ledger_has_the_facts_as_evaluated(live: LiveStage, tmp_path: Path) -> None:
    """What was decided by policy, what people approved, and what is still held; with their tags and instants."""
    live.stage.enforce(BY_TEAM)
    approved = live.stage.create(2, tags={"team": "ops"})
    cancelled = live.stage.create(2)
    by_people, held = (live.stage.create(2, tags={"team": "prod"}) for _ in range(2))
    for ref in (approved, cancelled, by_people, held):
        live.review(ref)
    shown = live.gate.jobs.snapshot(by_people, with_tags=True)
    record_approval(by_people, PERSON, "looked at it", digest_of_job(shown.job, shown.tags), live.gate)
    found = of_ledger(live, tmp_path, BY_TEAM)
    rows = {each["job_id"]: each for each in found["jobs"]}
    assert {name: row["change"] for name, row in rows.items()} == dict.fromkeys(
        (each.job_id for each in (approved, cancelled, by_people, held)), "same"
    )
    assert (rows[by_people.job_id]["after"]["end"], rows[by_people.job_id]["after"]["by"]) == ("approved", "people")
    for ref in (approved, cancelled):
        row, reviews = rows[ref.job_id], live.ledger.history(ref)
        assert row["after"]["reason"] == live.state(ref).reason
        instants = [row["before"]["at"], reviews[-1]["at"], row["after"]["at"], reviews[-1]["evidence"]["facts"]["now"]]
        claimed, recorded, replayed, evaluated = map(datetime.fromisoformat, instants)
        assert (claimed, replayed) == (recorded, evaluated)
    stricter = of_ledger(live, tmp_path, BY_TEAM.replace("team: ops", "team: data"))
    assert changes(stricter) == changes(found) | {approved.job_id: "otherwise"}


def test_facts_are_read_back_as_they_were() -> None:
    """Whatever a job has, the ledger's facts evaluate as the job's own."""
    stage = Stage(HOLD_ALL)
    retention = {"Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": "2030-01-01T00:00:00Z"}}
    for ref in (
        stage.create(2, tags={"a": "b"}),
        stage.create(9, Description="text"),
        stage.create(2, Operation={"S3PutObjectRetention": retention}),
    ):
        review = stage.review(ref)
        assert review.evidence is not None
        kept = review.evidence["facts"]
        assert isinstance(kept, dict)
        facts = facts_of(json.loads(json.dumps(kept)))
        snapshot = stage.s3control.snapshot(ref, with_tags=False)
        expected = gather_facts(
            snapshot.job,
            facts.now,
            tags=TAGS_NOT_RECORDED,
            manifest_bytes=MANIFEST_NOT_RECORDED,
            contents=ROWS_NOT_RECORDED,
        )
        assert facts == expected


@pytest.mark.parametrize(
    "contents",
    [
        ManifestContents(100, 7, {"lake": 99, "x-s3alias": 1}, 10**15),
        ManifestContents(100, 0, {f"{number:063}": 1 for number in range(BUCKETS_AT_MOST)}, None),
        ManifestContents(100, 100, None, 0),
        ManifestContents(99, 0, {}, 0),
        Gap(Result.UNKNOWN, "it is being read"),
    ],
)
def test_what_was_counted_in_the_rows_is_read_back_as_it_was(contents: ManifestContents | Gap) -> None:
    """So that a replay of the ledger evaluates the same rows, also of as many buckets as are counted."""
    facts = gather_facts(Job.from_description(description()), NOW, contents=contents, tags={}, manifest_bytes=5)
    policies = compile_policies({"version": 1})
    kept = json.loads(json.dumps(evidence_of(evaluate_job(policies, facts))["facts"]))
    again = facts_of(kept)
    assert evidence_of(evaluate_job(policies, again))["facts"] == kept
    for name in ("manifest_rows", "rows_without_version", "source_buckets", "object_bytes"):
        was, now = getattr(facts, name), getattr(again, name)
        assert (now.result, now.why) == (was.result, was.why) if isinstance(was, Gap) else now == was


def test_facts_that_were_cut_are_not_known(live: LiveStage, tmp_path: Path) -> None:
    """A fact that was too long for the ledger can't be evaluated again."""
    function = {"LambdaInvoke": {"FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:f:1"}}
    function["LambdaInvoke"]["UserArguments"] = {f"key{number}": "v" * 1000 for number in range(10)}  # type: ignore[assignment]
    function["LambdaInvoke"]["InvocationSchemaVersion"] = "2.0"
    ref = live.held(2, Operation=function)
    [row] = of_ledger(live, tmp_path, HOLD_ALL)["jobs"]
    assert (row["job_id"], row["change"]) == (ref.job_id, "unknown")
    assert "parameters was too long to be kept" in row["after"]["why_unknown"]


def test_live_jobs_are_replayed(served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As a recording of them would be, without a file."""
    stage = Stage(UP_TO_THREE)
    served.serve(stage)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    refs = [stage.create(rows) for rows in (2, 9)]
    for ref in refs:
        stage.review(ref)
    file = tmp_path / "policies.yaml"
    file.write_text(HOLD_ALL)
    asked = ("--live", "--account-id", ACCOUNT, "--region", REGION, "--calls-per-second", "1000")
    found = batchgate("policy", "replay", str(file), *asked, "-o", "json")
    assert found.exit_code == 0, found.output
    assert changes(json.loads(found.stdout)) == {each.job_id: "otherwise" for each in refs}
    assert {call.operation for call in stage.emulator.calls if call.operation.startswith("Update")} == {
        "UpdateJobStatus"
    }


# --- the report ---------------------------------------------------------------------------------------


def test_a_report_is_written_beside_the_answer(stage: Stage, tmp_path: Path) -> None:
    """With the same summary; nothing in it comes from elsewhere. tests/e2e/browser shows it in a browser."""
    stage.review(stage.create(2))
    replayed = Replayed(stage, tmp_path)
    report = tmp_path / "report.html"
    said = replayed.text(CANCEL_ALL, "--html", str(report))
    page = report.read_text()
    assert "1 of 1 job would be decided differently" in said
    assert '<p class="answer">1 of 1 job would be decided differently</p>' in page
    assert "default-src 'none'" in page
    assert [word for word in ("http://", "https://", "@import", "url(") if word in page] == []


def test_a_report_that_can_not_be_written_costs_no_answer(stage: Stage, tmp_path: Path) -> None:
    """It is printed first, where the disk is full: any other reason is found before the work."""
    stage.review(stage.create(2))
    replayed = Replayed(stage, tmp_path)
    asked = (
        replayed.policies(CANCEL_ALL),
        "--jobs",
        str(replayed.file),
        "--html",
    )
    found = batchgate("policy", "replay", *asked, "/dev/full")
    assert (found.exit_code, found.stderr) == (1, "batchgate: No space left on device\n")
    assert found.stdout.startswith("1 of 1 job would be decided differently")
    refused = batchgate("policy", "replay", *asked, str(tmp_path / "no" / "report.html"))
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert f"expected a directory that exists for {tmp_path}/no/report.html" in refused.stderr


def test_a_report_of_no_jobs_is_one(tmp_path: Path) -> None:
    """The ledger of a new gate has none."""
    policies = tmp_path / "policies.yaml"
    policies.write_text(APPROVE_ALL)
    result = replay((), load([policies]), None, "the gate's ledger")
    assert headline(result) == "0 of 0 jobs would be decided differently"
    assert "0 of 0 jobs" in page(result, NOW)


@pytest.mark.parametrize("source", ["-", "jobs.ndjson", "jobs.ndjson.gz"])
@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_recording_without_a_job_is_an_error(tmp_path: Path, source: str, content: str) -> None:
    """It is what a command that failed leaves: nothing must pass because of it."""
    replayed = Replayed(Stage(), tmp_path)
    opened = gzip.open if source.endswith(".gz") else open
    file = tmp_path / source
    with opened(file, "wt") as lines:
        lines.write(content)
    name, stdin = ("-", content) if source == "-" else (str(file), None)
    asked = ("policy", "replay", replayed.policies(APPROVE_ALL), "--fail-on", "change", "--jobs", name)
    found = batchgate(*asked, stdin=stdin)
    assert (found.exit_code, found.stdout) == (1, "")
    assert "no job in it" in found.stderr
    assert found.stderr.startswith(f"batchgate: {'standard input' if source == '-' else file}: ")


def test_a_narrow_terminal_gets_two_lines_a_job(tmp_path: Path) -> None:
    """The beginning of its id, what changes, and the check that decides: nothing is broken into columns of words."""
    policy, recording = tmp_path / "p.yaml", CHECKOUT / "docs" / "examples" / "replay" / "quarter.ndjson.gz"
    stricter = recording.with_name("stricter.yaml").read_text()
    policy.write_text(stricter)
    with on_a_terminal("policy", "replay", str(policy), "--jobs", str(recording), columns=80) as terminal:
        assert terminal.end() == 0
    lines = terminal.said.splitlines()
    start = lines.index("429817c5  07-01 07:02  S3PutObjectTagging: approved by policy -> held until it expired")
    assert lines[start + 1] == "          small-jobs: total_tasks is 4600, want at most 1000"


def test_a_report_is_written_whoever_reads_the_rest(tmp_path: Path) -> None:
    """As `| head` does, which ends before all is printed."""
    report, replays = tmp_path / "report.html", CHECKOUT / "docs" / "examples" / "replay"
    arguments = [str(replays / "stricter.yaml"), "--jobs", str(replays / "quarter.ndjson.gz"), "--html", str(report)]
    command = [str(Path(sys.executable).with_name("batchgate")), "policy", "replay", *arguments, "--output", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as replaying:
        assert replaying.stdout is not None
        replaying.stdout.read(10)
        replaying.stdout.close()
    assert report.read_text().rstrip().endswith("</html>")
