"""`batchgate policy preview`: what policies would do with the jobs that wait now, held against what the gate does."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from batchgate.aws.wiring import SystemClock
from batchgate.gate.ports import Pause
from batchgate.gate.state import Phase, RequestedAction
from batchgate.jobs.model import JobRef
from batchgate_cli.exits import Exit
from tests.cli.api_front import Front
from tests.cli.api_function import serving_function
from tests.cli.live import LiveStage, batchgate, make_unreadable
from tests.flow.stage import APPROVE_ALL, CANCEL_ALL, HOLD_ALL, UP_TO_THREE

SHADOW = UP_TO_THREE.replace("version: 1", "version: 1\nmode: shadow")
BY_BYTES = """
version: 1
policies:
  - name: small-manifests
    match: [{operation: S3PutObjectTagging}]
    require: [{manifest: {bytes: {at_most: 10_000_000}}}]
"""
BY_BUCKET = """
version: 1
policies:
  - name: lake
    match: [{operation: S3PutObjectTagging}]
    require: [{source_buckets: {only: lake}}]
"""
BY_BUDGET = """
version: 1
budgets: [{name: monthly, per: month, timezone: UTC, objects: 5, cost: 0.90}]
prices: {job: 0.25, million_objects: 0, million_requests: {S3PutObjectTagging: 0}}
policies:
  - name: within-budget
    match: [{operation: S3PutObjectTagging}]
    require: [{budget: monthly}]
"""
BY_TWO = HOLD_ALL.replace("manual_approval: required", "manual_approval: {at_least: 2}")
NOT_BY_THE_REQUESTER = HOLD_ALL.replace(
    "manual_approval: required", "manual_approval: {at_least: 1, not_requester: true}"
)
WITH_A_LIMIT = """
version: 1
cancel_held_after: 3d
policies:
  - {name: small, match: [{operation: S3PutObjectTagging}], require: [{total_tasks: {at_most: 1}}]}
"""


@pytest.fixture
def front(live: LiveStage, tmp_path: Path) -> Iterator[Front]:
    """The gate's API, on policies that hold every job."""
    with serving_function(live, HOLD_ALL, tmp_path) as served:
        yield served


def policy(tmp_path: Path, text: str) -> str:
    """A policy file."""
    file = tmp_path / "new.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def previewed(tmp_path: Path, text: str, *arguments: str, code: int = 0) -> Any:
    """What the command prints for programs."""
    result = batchgate("policy", "preview", policy(tmp_path, text), *arguments, "--output", "json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def ends(found: Any) -> dict[str, tuple[str, str]]:
    """How each job ends, before and after."""
    return {each["job_id"]: (each["before"]["end"], each["after"]["end"]) for each in found["jobs"]}


@pytest.mark.usefixtures("front")
@pytest.mark.parametrize(
    ("text", "end", "status"),
    [
        (APPROVE_ALL, "approved", "Ready"),
        (CANCEL_ALL, "cancelled", "Cancelled"),
        (HOLD_ALL, "held", "Suspended"),
        (SHADOW, "held", "Suspended"),
    ],
)
def test_the_gate_does_what_the_preview_says(live: LiveStage, tmp_path: Path, text: str, end: str, status: str) -> None:
    """A job that is held and one that no review has seen; then the policies go live, and both are reviewed."""
    live.beat(since=SystemClock().now() - timedelta(days=2))
    refs = [live.held(2), live.stage.create(2)]
    assert ends(previewed(tmp_path, text)) == {ref.job_id: ("held", end) for ref in refs}
    live.stage.enforce(text)
    for ref in refs:
        live.review(ref)
        assert live.stage.status(ref) == status


@pytest.mark.usefixtures("front")
def test_the_deciding_check_and_the_totals_are_shown(live: LiveStage, tmp_path: Path) -> None:
    """In a table, those first that change; nothing is changed."""
    large, small = live.held(9), live.held(2)
    text = UP_TO_THREE.replace("on_violation: cancel", "on_violation: hold")
    result = batchgate("policy", "preview", policy(tmp_path, text))
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "1 of 2 waiting jobs would be decided differently"
    rows = {job: line for line in lines for job in (large.job_id, small.job_id) if line.startswith(job)}
    assert [*rows] == [small.job_id, large.job_id]
    assert "held for people" in rows[small.job_id]
    assert "approved by policy" in rows[small.job_id]
    assert "total_tasks is 9, want at most 3" in rows[large.job_id]
    assert "approved: 1, before 0" in lines
    assert "held: 1, before 2" in lines
    assert "once in force, within a minute it approves 1 and cancels 0 of them" in lines[-1]
    assert [live.stage.status(each) for each in (large, small)] == ["Suspended"] * 2
    assert live.state(small).phase is Phase.HELD


def test_leaving_shadow_mode_is_warned_of(live: LiveStage, tmp_path: Path) -> None:
    """Everything that is held is acted on; and a set in shadow mode acts on nothing."""
    with serving_function(live, SHADOW, tmp_path):
        ref = live.held(2)
        found = previewed(tmp_path, APPROVE_ALL)
        assert ends(found) == {ref.job_id: ("held", "approved")}
        assert found["jobs"][0]["before"]["check"] == "shadow mode; enforced it would approve"
        assert found["warning"].startswith("this leaves shadow mode: the gate then acts on every job that it holds")
        assert found["in_force"]["mode"] == "shadow"
        other = SHADOW.replace("at_most: 3", "at_most: 4")
        assert previewed(tmp_path, other)["warning"] is None
        shown = batchgate("policy", "preview", policy(tmp_path, other)).stdout
        assert "held for people  shadow mode; enforced it would approve" in shown


@pytest.mark.usefixtures("front")
@pytest.mark.parametrize(
    ("word", "fails_on"),
    [("change", {APPROVE_ALL, CANCEL_ALL}), ("approve", {APPROVE_ALL}), ("cancel", {CANCEL_ALL})],
)
def test_it_fails_on_what_it_is_told_to(live: LiveStage, tmp_path: Path, word: str, fails_on: set[str]) -> None:
    """As a replay does."""
    live.held(2)
    for text in (APPROVE_ALL, CANCEL_ALL, HOLD_ALL):
        code = Exit.CHECK_FAILED if text in fails_on else Exit.DONE
        previewed(tmp_path, text, "--fail-on", word, code=code)


@pytest.mark.usefixtures("front")
def test_what_can_not_be_known_is_counted_as_such(live: LiveStage, tmp_path: Path) -> None:
    """An item that this version can't read, and a fact that nobody in force asked for; not what rests on neither."""
    etag = live.stage.objects.put("not-in-this-account", "m.csv", b"data,key\n")
    manifest = {
        "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
        "Location": {"ObjectArn": "arn:aws:s3:::not-in-this-account/m.csv", "ETag": etag},
    }
    unreadable, ref = live.held(2), live.held(1, Manifest=manifest)
    make_unreadable(live, unreadable)
    found = previewed(tmp_path, BY_BYTES)
    assert ends(found) == {unreadable.job_id: ("unknown", "unknown"), ref.job_id: ("held", "unknown")}
    why = {each["job_id"]: each["after"]["why_unknown"] for each in found["jobs"]}
    assert "its item in the ledger can't be read" in why[unreadable.job_id]
    assert why[ref.job_id] == "it depends on what is not known here: manifest.bytes"
    assert found["summary"] == "0 of 2 waiting jobs would be decided differently; 2 can't be known"
    assert ends(previewed(tmp_path, APPROVE_ALL))[ref.job_id] == ("held", "approved")


@pytest.mark.usefixtures("front")
@pytest.mark.parametrize(
    ("text", "subject"),
    [
        (BY_BUCKET, "source_buckets"),
        (BY_BUCKET.replace("source_buckets: {only: lake}", "manifest: {rows: {at_most: 5}}"), "manifest.rows"),
        (BY_BUCKET.replace("source_buckets: {only: lake}", "object_bytes: {at_most: 5}"), "object_bytes"),
    ],
)
def test_what_is_in_a_manifest_is_not_known_here(live: LiveStage, tmp_path: Path, text: str, subject: str) -> None:
    """The gate reads it, so nothing is said of what it will do."""
    ref = live.held(2)
    [row] = previewed(tmp_path, text)["jobs"]
    assert (row["job_id"], row["after"]["end"]) == (ref.job_id, "unknown")
    assert row["after"]["why_unknown"] == f"it depends on what is not known here: {subject}"


@pytest.mark.parametrize(
    ("text", "approved"),
    [
        (BY_BUDGET, 1),
        (BY_BUDGET.replace("objects: 5", "objects: 6"), 2),
        (BY_BUDGET.replace("objects: 5", "objects: 6").replace("0.90", "0.60"), 1),
        (BY_BUDGET.replace("objects: 5", "objects: 3"), 0),
    ],
)
def test_what_is_used_of_a_budget_counts_and_what_is_approved_first(
    live: LiveStage, tmp_path: Path, text: str, approved: int
) -> None:
    """One job was approved; of two that wait, as many as fit beside it; the gate approves as many."""
    live.beat(since=SystemClock().now() - timedelta(days=2))
    with serving_function(live, BY_BUDGET, tmp_path):
        assert live.review(live.stage.create(2)).action == "approved"
        refs = [live.stage.create(2), live.stage.create(2)]
        found = previewed(tmp_path, text)
        assert sorted(each["after"]["end"] for each in found["jobs"]) == ["approved"] * approved + ["held"] * (
            2 - approved
        )
        assert sorted(each["before"]["end"] for each in found["jobs"]) == ["approved", "held"]
        live.stage.enforce(text)
        assert sum(live.review(each).action == "approved" for each in refs) == approved


def test_a_budget_that_is_not_in_force_yet_counts_as_unused_and_is_named(live: LiveStage, tmp_path: Path) -> None:
    """Also one of other periods, or accounts, of the same name."""
    live.beat(since=SystemClock().now() - timedelta(days=2))
    with serving_function(live, BY_BUDGET, tmp_path):
        live.stage.create(2)
        for text in (BY_BUDGET.replace("monthly", "other"), BY_BUDGET.replace("per: month", "per: week")):
            found = previewed(tmp_path, text)
            assert [each["after"]["end"] for each in found["jobs"]] == ["approved"]
            assert any("is not known and counts as zero" in note for note in found["notes"])
        assert not any("counts as zero" in note for note in previewed(tmp_path, BY_BUDGET)["notes"])


def test_what_a_job_may_have_reserved_itself_is_not_guessed(live: LiveStage, tmp_path: Path) -> None:
    """Its approval may have been sent: it counts already, or does not."""
    live.stage.enforce(HOLD_ALL)
    ref = live.held(2)
    state = live.state(ref)
    sent = replace(state, maybe_sent=True, requested_action=RequestedAction.APPROVE)
    live.ledger.write(sent, replacing=state)
    with serving_function(live, BY_BUDGET, tmp_path):
        [row] = previewed(tmp_path, BY_BUDGET)["jobs"]
        assert row["after"]["why_unknown"] == "it depends on what is not known here: budget monthly"


@pytest.mark.usefixtures("front")
def test_whether_an_approval_is_the_requesters_is_not_guessed(live: LiveStage, tmp_path: Path) -> None:
    """Where no policy in force asks who created the job; without an approval nothing rests on it."""
    approved, other = live.held(2), live.held(2)
    with serving_function(live, BY_TWO, tmp_path):
        assert batchgate("jobs", "approve", approved.job_id, "--reason", "seen", "--yes").exit_code == 0
        found = ends(previewed(tmp_path, NOT_BY_THE_REQUESTER))
        assert found == {approved.job_id: ("held", "unknown"), other.job_id: ("held", "held")}
        assert ends(previewed(tmp_path, HOLD_ALL))[approved.job_id] == ("held", "approved")


@pytest.mark.usefixtures("front")
def test_a_pause_is_taken_into_account(live: LiveStage, tmp_path: Path) -> None:
    """Nothing is decided before it ends."""
    ref = live.held(2)
    live.ledger.set_pause(Pause(by="ops", reason="an incident", at=SystemClock().now()), replacing=None)
    found = previewed(tmp_path, APPROVE_ALL)
    assert ends(found) == {ref.job_id: ("held", "held")}
    assert found["jobs"][0]["after"]["check"] == "the gate is paused"


@pytest.mark.usefixtures("front")
def test_jobs_that_are_left_to_people_stay_so(live: LiveStage, tmp_path: Path) -> None:
    """Of a gate that does not adopt what is older than it."""
    live.stage.adopt_existing = False
    ref = live.held(2)
    found = previewed(tmp_path, APPROVE_ALL)
    assert ends(found) == {ref.job_id: ("held", "held")}
    assert found["jobs"][0]["after"]["check"] == "the job is older than the gate, so people decide it"
    live.stage.enforce(APPROVE_ALL)
    assert live.review(ref).action == "held"
    unseen = live.stage.create(2)
    [row] = [each for each in previewed(tmp_path, APPROVE_ALL)["jobs"] if each["job_id"] == unseen.job_id]
    assert "adopt_existing decides" in row["after"]["why_unknown"]


def held_for_days(live: LiveStage, days: int) -> JobRef:
    """A job whose hold counts for so long."""
    ref = live.held(2)
    state = live.state(ref)
    live.ledger.write(replace(state, rev=state.rev + 1, held_for_known=timedelta(days=days)), replacing=state)
    return ref


def test_the_time_that_a_job_was_held_counts(live: LiveStage, tmp_path: Path) -> None:
    """A limit that is over when the policies go live cancels at once."""
    with serving_function(live, WITH_A_LIMIT.replace("3d", "20d"), tmp_path):
        long, short = held_for_days(live, 4), live.held(2)
        found = previewed(tmp_path, WITH_A_LIMIT)
        assert ends(found) == {long.job_id: ("held", "expired"), short.job_id: ("held", "held")}
        previewed(tmp_path, WITH_A_LIMIT, "--fail-on", "cancel", code=Exit.CHECK_FAILED)
        live.stage.enforce(WITH_A_LIMIT)
        assert [live.review(each).action for each in (long, short)] == ["cancelled", "held"]


@pytest.mark.usefixtures("front")
def test_a_set_that_changes_nothing_and_no_jobs_are_said_to_be_so(live: LiveStage, tmp_path: Path) -> None:
    """Without a table."""
    result = batchgate("policy", "preview", policy(tmp_path, HOLD_ALL))
    assert result.stdout.splitlines()[0] == "no job waits now, so none would be decided differently"
    assert "this policy set is in force already" in result.stdout
    live.held(2)
    assert previewed(tmp_path, HOLD_ALL, "--fail-on", "change")["summary"].startswith("0 of 1 waiting job would be")


def test_without_a_gate_it_says_so(live: LiveStage, tmp_path: Path) -> None:
    """With what to do."""
    live.client("ssm").delete_parameter(Name="/batchgate/gate")
    result = batchgate("policy", "preview", policy(tmp_path, HOLD_ALL))
    assert result.exit_code == 1
    assert "no gate is deployed" in result.stderr
