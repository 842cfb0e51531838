"""The gate's own trouble decides nothing: nothing of it approves, and nothing of it cancels."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import structs

from batchgate.aws.appconfig import PackagedPolicy
from batchgate.errors import (
    GateError,
    JobsApiDeniedError,
    JobsApiError,
    JobsApiThrottledError,
    LedgerConflictError,
    LedgerError,
    PolicyUnavailableError,
)
from batchgate.gate.review import review_job
from batchgate.gate.state import Outcome, Phase, RequestedAction, State
from batchgate.jobs.model import JobRef
from s3batch_emulator import Effect, Fault
from tests.flow.stage import APPROVE_ALL, CANCEL_ALL, HOLD_ALL, UP_TO_THREE, Stage, policies, raising

DECIDING = [APPROVE_ALL, CANCEL_ALL, UP_TO_THREE]
TAGS_WANTED = """
version: 1
cancel_grace: 0s
policies:
  - name: ticketed
    match: [{operation: S3PutObjectTagging}]
    require: [{tags: {ticket: "CHG-*"}}]
    on_violation: cancel
"""
TAGS_UNWANTED = TAGS_WANTED.replace('{ticket: "CHG-*"}', "{frozen: {present: false}}")
TAGS_MATCHED = """
version: 1
cancel_grace: 0s
unmatched: cancel
policies:
  - name: ticketed
    match: [{tags: {ticket: "CHG-*"}}]
    require: []
"""


def assert_untouched(stage: Stage, ref: JobRef) -> None:
    """S3 was asked for nothing, and the job waits."""
    assert stage.count("UpdateJobStatus") == 0
    assert stage.status(ref) == "Suspended"


# --- Policies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [2, 5])
def test_without_policies_nothing_is_decided(stage: Stage, rows: int) -> None:
    """Not even a hold; what is missing forbids nothing and allows nothing."""
    ref = stage.create(rows)
    stage.source.enforced = None
    with pytest.raises(PolicyUnavailableError):
        stage.review(ref)
    assert_untouched(stage, ref)
    assert stage.ledger.read(ref) is None


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"{}",
        b"null",
        b"[]",
        b"not json",
        b'{"version": 1, "policies": [',
        b'{"version": 2}',
        b"\xff\xfe",
        b'{"version": 1, "polices": []}',
        b"[" * 100_000,
    ],
    ids=["missing", "empty", "{}", "null", "[]", "no JSON", "cut", "version 2", "no UTF-8", "misspelt", "deep"],
)
def test_a_policy_file_that_is_none_is_unavailable(tmp_path: Path, content: bytes | None) -> None:
    """An empty file is not an empty policy."""
    path = tmp_path / "policy.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PolicyUnavailableError, match=r"policy\.json"):
        PackagedPolicy(path).current()


def test_a_policy_file_is_read_again_after_trouble_and_once_after_success(tmp_path: Path) -> None:
    """A failure is not kept; a success is."""
    path = tmp_path / "policy.json"
    source = PackagedPolicy(path)
    with pytest.raises(PolicyUnavailableError):
        source.current()
    path.write_text(json.dumps({"version": 1}))
    first = source.current()
    path.write_text("broken")
    assert source.current() is first


def test_a_policy_set_without_policies_approves_nothing(stage: Stage) -> None:
    """It is valid, and holds what it does not match."""
    stage.enforce("version: 1")
    ref = stage.create()
    assert stage.review(ref).action == "held"
    assert_untouched(stage, ref)


# --- S3 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", DECIDING)
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(Effect.ERROR, "AccessDenied"), JobsApiDeniedError),
        (Fault(Effect.ERROR, "SlowDown"), JobsApiThrottledError),
        (Fault(Effect.ERROR, "InternalServiceException"), JobsApiError),
        (Fault(Effect.RESET), JobsApiError),
        (Fault(Effect.HANG), JobsApiError),
        (Fault(Effect.HALF_ANSWER), JobsApiError),
        (Fault(Effect.WRONG_XML), JobsApiError),
    ],
    ids=lambda value: f"{value.effect.value} {value.code}" if isinstance(value, Fault) else "",
)
def test_a_job_that_can_not_be_described_is_not_decided(
    stage: Stage, text: str, fault: Fault, error: type[JobsApiError]
) -> None:
    """Denied, throttled, broken: raised, nothing written, nothing sent."""
    stage.enforce(text)
    ref = stage.create()
    stage.emulator.faults.add(replace(fault, operation="DescribeJob"))
    with pytest.raises(error):
        stage.review(ref)
    assert_untouched(stage, ref)
    assert stage.ledger.read(ref) is None


@pytest.mark.parametrize("text", [TAGS_WANTED, TAGS_UNWANTED, TAGS_MATCHED], ids=["wanted", "unwanted", "matched"])
@pytest.mark.parametrize("tags", [{}, {"ticket": "CHG-1"}, {"frozen": "yes"}])
def test_tags_that_may_not_be_read_hold_a_job(stage: Stage, text: str, tags: dict[str, str]) -> None:
    """Whatever they are: not approved, not cancelled, and the reason says why."""
    stage.enforce(text)
    ref = stage.create(tags=tags)
    stage.emulator.faults.add(Fault(Effect.ERROR, "AccessDenied", operation="GetJobTagging"))
    review = stage.review(ref)
    assert review.action == "held"
    assert "may not read job tags" in review.reason
    assert_untouched(stage, ref)


@pytest.mark.parametrize("code", ["SlowDown", "InternalServiceException"])
@pytest.mark.parametrize("text", [TAGS_WANTED, TAGS_UNWANTED, TAGS_MATCHED], ids=["wanted", "unwanted", "matched"])
def test_tags_that_could_not_be_read_decide_nothing(stage: Stage, text: str, code: str) -> None:
    """Trouble is raised: the message is worth another try."""
    stage.enforce(text)
    ref = stage.create()
    stage.emulator.faults.add(Fault(Effect.ERROR, code, operation="GetJobTagging"))
    with pytest.raises(JobsApiError):
        stage.review(ref)
    assert_untouched(stage, ref)
    assert stage.ledger.read(ref) is None


def test_tags_are_read_only_where_a_policy_asks(stage: Stage) -> None:
    """Without such a check a gate that may not read tags decides all the same."""
    stage.emulator.faults.add(Fault(Effect.ERROR, "AccessDenied", operation="GetJobTagging", times=None))
    assert stage.review(stage.create()).action == "approved"
    assert stage.count("GetJobTagging") == 0


# --- The ledger -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [APPROVE_ALL, CANCEL_ALL])
@pytest.mark.parametrize("effect", ["read", "claim"])
def test_nothing_is_sent_that_the_ledger_does_not_know(stage: Stage, text: str, effect: str) -> None:
    """A ledger that fails before the update is sent stops it."""
    stage.enforce(text)
    ref = stage.create()
    stage.script.before(effect, raising(LedgerError("the table is away")))
    with pytest.raises(LedgerError):
        stage.review(ref)
    assert_untouched(stage, ref)


@pytest.mark.parametrize(("text", "status"), [(APPROVE_ALL, "Ready"), (CANCEL_ALL, "Cancelled")])
def test_a_settlement_that_could_not_be_written_is_written_by_the_next_review(
    stage: Stage, text: str, status: str
) -> None:
    """The job is decided, the ledger does not know: after the lease it is applied, by the reason on the job."""
    stage.enforce(text)
    ref = stage.create()
    stage.script.before("write settled", raising(LedgerError("the table is away")))
    with pytest.raises(LedgerError):
        stage.review(ref)
    assert (stage.status(ref), stage.state(ref).phase) == (status, Phase.CLAIMED)
    assert stage.review(ref).action == "pending"
    stage.outlive_the_lease(ref)
    review = stage.review(ref)
    assert (stage.state(ref).outcome, review.alarm) == (Outcome.APPLIED, "")
    assert stage.count("UpdateJobStatus") == 1


def test_a_hold_that_could_not_be_written_is_raised(stage: Stage) -> None:
    """And written by the next review."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    stage.script.before("write held", raising(LedgerError("the table is away")))
    with pytest.raises(LedgerError):
        stage.review(ref)
    assert stage.told.reviews == []
    assert stage.review(ref).action == "held"


@pytest.mark.parametrize("effect", ["read", "claim", "write settled", "announce"])
@pytest.mark.parametrize("rows", [2, 5])
def test_trouble_anywhere_is_an_error_of_ours_and_the_job_is_decided_in_the_end(
    stage: Stage, effect: str, rows: int
) -> None:
    """Once, and rightly."""
    ref = stage.create(rows)
    stage.script.before(effect, raising(LedgerError("the table is away")))
    with pytest.raises(GateError):
        stage.review(ref)
    stage.advance(minutes=5)
    stage.review(ref)
    assert stage.updates == ["Ready" if rows == 2 else "Cancelled"]
    assert stage.state(ref).outcome is Outcome.APPLIED


# --- Others at work on the same job -----------------------------------------------------------------


def another_review(stage: Stage, ref: JobRef, text: str = UP_TO_THREE) -> Callable[[], None]:
    """A review by another invocation, from its reading to its end, evaluating by its own policies."""

    def review() -> None:
        other = structs.replace(stage.gate, policies=type(stage.source)(policies(text)), ledger=stage.ledger.ledger)
        review_job(ref, other)

    return review


@pytest.mark.parametrize("rows", [2, 5])
@pytest.mark.parametrize("effect", ["snapshot", "claim"])
def test_two_reviews_of_one_job_decide_it_once(stage: Stage, rows: int, effect: str) -> None:
    """The loser of the race begins again and finds it settled."""
    ref = stage.create(rows)
    stage.script.before(effect, another_review(stage, ref))
    assert stage.review(ref).action == "nothing"
    assert stage.updates == ["Ready" if rows == 2 else "Cancelled"]
    assert len(stage.told.reviews) == 1


@pytest.mark.parametrize(
    ("mine", "theirs", "status"), [(APPROVE_ALL, CANCEL_ALL, "Cancelled"), (CANCEL_ALL, APPROVE_ALL, "Ready")]
)
@pytest.mark.parametrize("effect", ["snapshot", "claim", "update_status"])
def test_two_reviews_by_different_policies_decide_one_job_once(
    stage: Stage, effect: str, mine: str, theirs: str, status: str
) -> None:
    """While a new policy goes live: whoever claims first decides, the other sends nothing."""
    stage.enforce(mine)
    ref = stage.create()
    stage.script.before(effect, another_review(stage, ref, theirs))
    review = stage.review(ref)
    if effect == "update_status":  # the other came while our lease was live, and left the job to us
        assert review.action == ("approved" if mine == APPROVE_ALL else "cancelled")
    else:
        assert (review.action, stage.status(ref)) == ("nothing", status)
    assert len(stage.updates) == 1


@pytest.mark.parametrize("text", [APPROVE_ALL, HOLD_ALL])
def test_a_lost_race_is_begun_again_from_what_the_winner_wrote(stage: Stage, text: str) -> None:
    """A new look, a new verdict; here the winner held the job."""
    stage.enforce(text)
    ref = stage.create()
    stage.script.before("claim" if text == APPROVE_ALL else "write held", another_review(stage, ref, HOLD_ALL))
    assert stage.review(ref).action == ("approved" if text == APPROVE_ALL else "held")
    assert stage.count("DescribeJob") == 3
    assert len(stage.updates) == (1 if text == APPROVE_ALL else 0)


def test_a_race_that_is_lost_again_and_again_is_given_up(stage: Stage) -> None:
    """Three times; then it is trouble, and nothing was sent."""
    ref = stage.create()

    def nudge() -> None:
        here = stage.ledger.ledger.read(ref)
        held = here or State(ref, 0, Phase.HELD, "hold", "batchgate: held", "x", "x", stage.clock.now())
        stage.ledger.ledger.write(held, replacing=here)

    stage.script.before("claim", *[nudge] * 9)
    with pytest.raises(LedgerConflictError):
        stage.review(ref)
    assert stage.script.effects.count("claim") == 3
    assert_untouched(stage, ref)


def test_a_claim_of_another_gate_without_a_reason_of_ours_is_not_taken_for_ours(stage: Stage) -> None:
    """Another job's claim id on this job, as if pasted: superseded."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    stage.review(ref)
    stage.update_as_a_person(ref, "Ready", "batchgate: approved by hand [policy 7c41f09be2aa claim ffffffff]")
    assert stage.review(ref).action == "superseded"


def test_the_lease_of_another_invocation_is_left_alone_whatever_happens_to_the_job(stage: Stage) -> None:
    """Its owner acts: nothing is written by anybody else, also when S3 says that the job has moved on."""
    ref = stage.create()
    now = stage.clock.now()
    claim = State(
        ref=ref,
        rev=0,
        phase=Phase.CLAIMED,
        verdict="approve",
        reason="batchgate: approved [policy 7c41f09be2aa claim 0badcafe]",
        decided_by="7c41f09be2aa",
        policy_version="7c41f09be2aa",
        due_at=now + timedelta(minutes=1),
        claim_id="0badcafe",
        attempt=1,
        requested_action=RequestedAction.APPROVE,
        lease_until=now + timedelta(minutes=1),
    )
    written = stage.ledger.ledger.write(claim, replacing=None)
    assert stage.review(ref).action == "pending"
    stage.update_as_a_person(ref, "Cancelled")
    assert stage.review(ref).action == "pending"
    assert stage.state(ref) == written
    stage.outlive_the_lease(ref)
    assert stage.review(ref).action == "superseded"
