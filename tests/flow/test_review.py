"""One review after another of one job: waiting, holding, claiming, sending."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchgate.errors import JobNotFoundError, OutOfTimeError
from batchgate.gate.ports import Pause, Review
from batchgate.gate.state import Block, Outcome, Phase, RequestedAction
from batchgate.jobs.model import JobRef
from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import PolicySet
from s3batch_emulator import Effect, Event, Fault, Switches
from s3batch_emulator.testing import START
from tests.flow.stage import ACCOUNT, APPROVE_ALL, CANCEL_ALL, HOLD_ALL, REGION, UP_TO_THREE, Stage

FROM_ONE_TO_TWO = """
version: 1
calendars:
  nights:
    timezone: UTC
    open: [{days: [mon, tue, wed, thu, fri, sat, sun], from: "01:00", to: "02:00"}]
policies:
  - name: at-night
    match: [{operation: S3PutObjectTagging}]
    require: [{window: nights}]
"""
CANCEL_FROM_ONE_TO_TWO = """
version: 1
calendars:
  nights:
    timezone: UTC
    open: [{days: [mon, tue, wed, thu, fri, sat, sun], from: "01:00", to: "02:00"}]
policies:
  - name: never-at-night
    match: [{operation: S3PutObjectTagging}]
    require: [{window: {not: nights}}]
    on_violation: cancel
"""


def name_of(event: Event) -> str:
    """What an event says that happened."""
    return str(event["detail"]["eventName"])


# --- Waiting for Suspended --------------------------------------------------------------------------


@pytest.mark.parametrize("text", [APPROVE_ALL, CANCEL_ALL, HOLD_ALL])
@pytest.mark.parametrize("ready_while_preparing", [False, True])
@pytest.mark.parametrize("status", ["New", "Preparing"])
def test_a_job_that_s3_is_still_preparing_is_not_decided(text: str, ready_while_preparing: bool, status: str) -> None:
    """Whatever the verdict would be, and even if S3 took a Ready so early: nothing is sent, nothing written."""
    stage = Stage(text, switches=Switches(ready_while_preparing=ready_while_preparing))
    ref = stage.create(until=status)
    review = stage.review_event(stage.events[-1])
    assert (review.action, stage.status(ref)) == ("waiting", status)
    assert stage.script.effects == ["read", "snapshot"]
    assert stage.count("UpdateJobStatus") == 0


@pytest.mark.parametrize(("rows", "action", "status"), [(2, "approved", "Ready"), (5, "cancelled", "Cancelled")])
def test_a_job_is_decided_by_the_one_event_that_finds_it_suspended(
    stage: Stage, rows: int, action: str, status: str
) -> None:
    """JobCreated finds it New; the very event of Suspended decides it."""
    ref = stage.create(rows, until="New")
    created = stage.events[-1]
    assert name_of(created) == "JobCreated"
    assert stage.review_event(created).action == "waiting"
    stage.emulator.settle_until(ref.job_id, "Suspended")
    assert stage.review_event(stage.events[-1]).action == action
    assert stage.status(ref) == status
    assert stage.updates == [status]


def test_an_old_event_decides_a_job_that_is_suspended_by_now(stage: Stage) -> None:
    """Events are hints: JobCreated that comes late is as good as any."""
    ref = stage.create()
    created = stage.events[0]
    assert name_of(created) == "JobCreated"
    assert stage.review_event(created).action == "approved"
    assert stage.status(ref) == "Ready"


@pytest.mark.parametrize("status", ["Ready", "Active", "Completing", "Complete"])
def test_an_event_of_a_job_that_somebody_else_confirmed_settles_it_as_superseded(stage: Stage, status: str) -> None:
    """Nothing is asked of S3; whatever the policies would say."""
    stage.enforce(CANCEL_ALL)
    ref = stage.create()
    suspended = stage.events[-1]
    stage.update_as_a_person(ref, "Ready")
    stage.emulator.settle_until(ref.job_id, status)
    review = stage.review_event(suspended)
    assert (review.action, stage.state(ref).outcome) == ("superseded", Outcome.SUPERSEDED)
    assert stage.updates == []


@pytest.mark.parametrize("status", ["Cancelled", "Failed"])
def test_an_event_of_an_ended_job_that_was_never_seen_writes_nothing(stage: Stage, status: str) -> None:
    """There is nothing to decide and nothing to tell."""
    ref = stage.create()
    if status == "Cancelled":
        stage.update_as_a_person(ref, "Cancelled")
    else:
        stage.advance(days=31)
    assert stage.status(ref) == status
    assert stage.review(ref).action == "nothing"
    assert stage.ledger.read(ref) is None
    assert stage.told.reviews == []


# --- Events twice, out of order, of jobs unknown ----------------------------------------------------


@pytest.mark.parametrize("rows", [2, 5])
def test_an_event_twice_decides_once(stage: Stage, rows: int) -> None:
    """The second finds the job settled: nothing is sent, written or told."""
    ref = stage.create(rows)
    stage.review_event(stage.events[-1])
    before = (stage.state(ref), len(stage.recorded), len(stage.told.reviews))
    assert stage.review_event(stage.events[-1]).action == "nothing"
    assert (stage.state(ref), len(stage.recorded), len(stage.told.reviews)) == before
    assert len(stage.updates) == 1


@given(rows=st.sampled_from([2, 5]), steps=st.lists(st.integers(0, 9) | st.just(-1), min_size=1, max_size=20))
def test_whatever_order_events_come_in_there_is_one_decision_and_the_right_one(rows: int, steps: list[int]) -> None:
    """Any event of the past, any number of times, between any two steps of S3's own."""
    stage = Stage()
    ref = stage.create(rows, until="New")
    for step in steps:
        if step < 0:
            stage.advance(seconds=1)
        else:
            before = stage.status(ref)
            stage.review_event(stage.events[step % len(stage.events)])
            assert stage.status(ref) == before or before == "Suspended"
    assert stage.updates in ([], ["Ready" if rows == 2 else "Cancelled"])
    stage.emulator.settle()
    assert stage.status(ref) != ("Cancelled" if rows == 2 else "Ready")


def test_an_event_of_an_unknown_job_is_not_found_and_nothing_is_written(stage: Stage) -> None:
    """The job may be too new: the caller decides how often to ask again."""
    unknown = JobRef("aws", REGION, ACCOUNT, "00000000-dead-beef-0000-000000000000")
    with pytest.raises(JobNotFoundError):
        stage.review(unknown)
    assert stage.ledger.read(unknown) is None
    assert stage.told.reviews == []


# --- Holding ----------------------------------------------------------------------------------------


def test_a_hold_is_written_told_and_due_again(stage: Stage) -> None:
    """Held since now, due in a quarter of an hour; S3 is not touched."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    now = stage.clock.now()
    review = stage.review(ref)
    state = stage.state(ref)
    assert (state.phase, state.verdict, state.first_held_at) == (Phase.HELD, "hold", now)
    assert state.due_at == now + timedelta(minutes=15)
    assert (state.claim_id, state.requested_action, state.attempt, state.maybe_sent) == (None, None, 0, False)
    assert state.reason.startswith("batchgate: held by by-hand")
    assert state.policy_version == state.decided_by == held_policies(stage).version
    assert (review.action, review.alarm, review.reason) == ("held", "", state.reason)
    assert stage.told.reviews == stage.recorded == [review]
    assert stage.status(ref) == "Suspended"
    assert stage.count("UpdateJobStatus") == 0


def held_policies(stage: Stage) -> PolicySet:
    """The policies in force."""
    assert stage.source.enforced is not None
    return stage.source.enforced


def test_a_hold_that_goes_on_keeps_its_beginning_and_makes_no_new_history(stage: Stage) -> None:
    """Only the next look moves; a changed reason is news, the same is not."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    first_held_at = stage.clock.now()
    for quarter in range(4):
        stage.review(ref)
        assert stage.state(ref).due_at == first_held_at + timedelta(minutes=15 * (quarter + 1))
        stage.advance(minutes=15)
    assert len(stage.recorded) == 1
    stage.enforce(UP_TO_THREE.replace("at_most: 3", "at_most: 1").replace("on_violation: cancel", ""))
    stage.review(ref)
    assert len(stage.recorded) == 2
    assert stage.recorded[0].reason != stage.recorded[1].reason
    assert stage.state(ref).first_held_at == first_held_at


def test_a_hold_for_a_window_keeps_no_new_history_at_every_look(stage: Stage) -> None:
    """Neither verdict nor trace nor version changes while the window stays closed."""
    stage.enforce(FROM_ONE_TO_TWO)
    ref = stage.create()
    for _ in range(3):
        assert stage.review(ref).action == "held"
        stage.advance(minutes=15)
    assert len(stage.recorded) == 1


@pytest.mark.parametrize(("minutes_before", "due_in_minutes"), [(10, 10), (15, 15), (40, 15)])
def test_a_hold_is_due_when_its_window_opens_if_that_is_soon(
    stage: Stage, minutes_before: int, due_in_minutes: int
) -> None:
    """The earlier of the opening and a quarter of an hour."""
    stage.enforce(FROM_ONE_TO_TWO)
    ref = stage.create()
    opens = START + timedelta(hours=1)
    stage.clock.advance(opens - timedelta(minutes=minutes_before) - stage.clock.now())
    now = stage.clock.now()
    review = stage.review(ref)
    assert review.until == opens
    assert stage.state(ref).due_at == now + timedelta(minutes=due_in_minutes)


def test_a_hold_is_due_at_the_latest_when_s3_fails_the_job(stage: Stage) -> None:
    """Thirty days after it was suspended."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    ends = stage.clock.now() + timedelta(days=30)
    stage.advance(days=29, hours=23, minutes=55)
    stage.review(ref)
    assert stage.state(ref).due_at == ends


def test_a_held_job_is_approved_when_its_window_has_opened(stage: Stage) -> None:
    """And the beginning of the hold is kept through the claim."""
    stage.enforce(FROM_ONE_TO_TWO)
    ref = stage.create()
    held_at = stage.clock.now()
    stage.review(ref)
    stage.clock.advance(START + timedelta(hours=1) - stage.clock.now())
    assert stage.review(ref).action == "approved"
    assert (stage.status(ref), stage.state(ref).first_held_at) == ("Ready", held_at)


def test_shadow_holds_and_never_claims(stage: Stage) -> None:
    """Whether the policies would approve or cancel."""
    for text in (APPROVE_ALL, CANCEL_ALL):
        stage.enforce(f"{text}\nmode: shadow\n")
        ref = stage.create()
        review = stage.review(ref)
        assert review.action == "held"
        assert "shadow" in review.reason
        assert stage.status(ref) == "Suspended"
    assert "claim" not in stage.script.effects


# --- Claiming, sending, settling, announcing --------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "action", "status", "requested_action"),
    [(2, "approved", "Ready", RequestedAction.APPROVE), (5, "cancelled", "Cancelled", RequestedAction.CANCEL)],
)
def test_a_decision_is_claimed_before_it_is_sent_and_settled_before_it_is_told(
    stage: Stage, rows: int, action: str, status: str, requested_action: RequestedAction
) -> None:
    """The order of effects is what makes it safe."""
    ref = stage.create(rows)
    now = stage.clock.now()

    def look_at_the_ledger() -> None:
        claim = stage.state(ref)
        assert (claim.phase, claim.requested_action, claim.attempt, claim.claim_id) == (
            Phase.CLAIMED,
            requested_action,
            1,
            "5f3a91c2",
        )
        assert claim.lease_until == claim.due_at == now + stage.time_left + timedelta(seconds=5 + 30)
        assert (claim.verdict, claim.maybe_sent) == (requested_action.value, False)
        assert stage.status(ref) == "Suspended"

    stage.script.before("update_status", look_at_the_ledger)
    review = stage.review(ref)
    assert stage.script.effects == [
        "read",
        "snapshot",
        "claim",
        "update_status",
        "write settled",
        "announce",
        "write settled",
    ]
    state = stage.state(ref)
    assert (state.phase, state.outcome, state.requested_action) == (Phase.SETTLED, Outcome.APPLIED, requested_action)
    assert (state.due_at, state.announced_at, state.unattributed) == (None, now, False)
    assert state.decided_by == held_policies(stage).version
    assert (review.action, review.reason, review.claim_id) == (action, state.reason, "5f3a91c2")
    assert stage.told.reviews == [review]
    assert (stage.status(ref), stage.job(ref).reason) == (status, state.reason)
    assert state.reason.endswith(f"[policy {state.policy_version} claim 5f3a91c2]")


def test_the_gates_own_events_lead_to_nothing(stage: Stage) -> None:
    """Its update causes JobStatusChanged events; reviewing them asks S3 for nothing and tells nothing."""
    ref = stage.create()
    stage.review(ref)
    stage.emulator.settle_until(ref.job_id, "Complete")
    told = list(stage.told.reviews)
    for event in list(stage.events):
        assert stage.review_event(event).action == "nothing"
    assert stage.told.reviews == told
    assert len(stage.updates) == 1


def test_a_settled_job_is_announced_again_if_nobody_knows_that_it_was(stage: Stage) -> None:
    """At least once: what was settled and not marked as announced is told by the next review."""
    ref = stage.create()

    def crash() -> None:
        raise KeyboardInterrupt

    stage.script.before("announce", crash)
    with pytest.raises(KeyboardInterrupt):
        stage.review(ref)
    settled = stage.state(ref)
    assert (settled.phase, settled.announced_at) == (Phase.SETTLED, None)
    assert settled.due_at is not None
    review = stage.review(ref)
    assert [each.action for each in stage.told.reviews] == ["approved"] == [review.action]
    assert (review.reason, review.claim_id, review.attempt) == (settled.reason, "5f3a91c2", 1)
    assert (review.governing, review.id) == (("small",), f"{ref.job_id}.{settled.rev}")
    assert stage.state(ref).announced_at == stage.clock.now()
    assert len(stage.updates) == 1


@pytest.mark.parametrize("effect", ["claim", "update_status", "write settled", "announce"])
@pytest.mark.parametrize("rows", [2, 5])
def test_a_crash_between_any_two_effects_leaves_a_job_that_is_decided_once(
    stage: Stage, rows: int, effect: str
) -> None:
    """Within the lease it is left alone, after it the next review finishes: one update in all, the right one."""
    ref = stage.create(rows)

    def crash() -> None:
        raise KeyboardInterrupt

    stage.script.before(effect, crash)
    with pytest.raises(KeyboardInterrupt):
        stage.review(ref)
    if effect in ("update_status", "write settled"):
        assert stage.review(ref).action == "pending"
        stage.outlive_the_lease(ref)
    review = stage.review(ref)
    assert review.action == ("approved" if rows == 2 else "cancelled")
    assert stage.updates == ["Ready" if rows == 2 else "Cancelled"]
    assert (stage.state(ref).outcome, stage.state(ref).unattributed) == (Outcome.APPLIED, False)
    assert stage.review(ref).action == "nothing"


# --- The bounds within which is sent ----------------------------------------------------------------


def assert_withdrawn(stage: Stage, ref: JobRef, review: Review) -> None:
    """The claim was given back unsent: held, due now, and free to go either way."""
    state = stage.state(ref)
    assert review.action == "held"
    assert stage.count("UpdateJobStatus") == 0
    assert stage.status(ref) == "Suspended"
    assert (state.phase, state.due_at, state.requested_action, state.maybe_sent) == (
        Phase.HELD,
        stage.clock.now(),
        None,
        False,
    )
    assert state.first_held_at is not None
    assert state.claim_id == "5f3a91c2"


@pytest.mark.parametrize(("seconds", "sent"), [(5, True), (5.000001, False), (60, False)])
@pytest.mark.parametrize("rows", [2, 5])
def test_facts_older_than_five_seconds_decide_nothing(stage: Stage, rows: int, seconds: float, sent: bool) -> None:
    """A claim that took too long is withdrawn; the next review, with fresh facts, decides."""
    ref = stage.create(rows)
    stage.script.before("claim", lambda: stage.advance(seconds=seconds))
    review = stage.review(ref)
    if not sent:
        assert_withdrawn(stage, ref, review)
        review = stage.review(ref)
        assert (stage.state(ref).attempt, stage.state(ref).claim_id) == (2, "5f3a91c2")
    assert review.action == ("approved" if rows == 2 else "cancelled")
    assert len(stage.updates) == 1


@pytest.mark.parametrize(("seconds_left", "sent"), [(5.000001, True), (5, False), (0.000001, False)])
@pytest.mark.parametrize(("text", "action"), [(FROM_ONE_TO_TWO, "approved"), (CANCEL_FROM_ONE_TO_TWO, "cancelled")])
def test_nothing_is_sent_that_could_arrive_after_its_window_has_closed(
    stage: Stage, text: str, action: str, seconds_left: float, sent: bool
) -> None:
    """The update takes five seconds at most; the closing bounds an approval and a cancellation alike."""
    stage.enforce(text)
    ref = stage.create()
    closes = START + timedelta(hours=2)
    stage.clock.advance(closes - timedelta(seconds=seconds_left) - stage.clock.now())
    review = stage.review(ref)
    if sent:
        assert review.action == action
        return
    assert_withdrawn(stage, ref, review)
    stage.clock.advance(closes - stage.clock.now())
    # Closed: what was approved within the window is held, what was cancelled within it is approved.
    assert stage.review(ref).action == ("held" if action == "approved" else "approved")
    assert stage.status(ref) == ("Suspended" if action == "approved" else "Ready")


@pytest.mark.parametrize(("time_left_seconds", "sent"), [(5.000001, True), (5, False), (-60, False)])
def test_nothing_is_claimed_that_could_not_be_sent_in_time(stage: Stage, time_left_seconds: float, sent: bool) -> None:
    """Lambda ends the invocation at its deadline, whatever it is doing."""
    stage.time_left = timedelta(seconds=time_left_seconds)
    ref = stage.create()
    if sent:
        assert stage.review(ref).action == "approved"
    else:
        with pytest.raises(OutOfTimeError, match="too little"):
            stage.review(ref)
        assert stage.ledger.read(ref) is None
        assert stage.count("UpdateJobStatus") == 0


# --- The reason on the job --------------------------------------------------------------------------

hostile_names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=80) | (
    st.sampled_from(
        ["a&statusUpdateReason=b", "x%00%0a", "<script>", "\u202eevil", "a b+c", "line\nbreak", "=cmd", "#;?/\\"]
    )
)
messages = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=100)
tag_values = st.text(st.characters(categories=["L", "N", "Zs"], include_characters="_.:/=+-@"), max_size=200)


@settings(max_examples=60)
@given(name=hostile_names, message=messages, value=tag_values, cancels=st.booleans())
def test_the_reason_on_the_job_is_the_ledgers_character_by_character(
    name: str, message: str, value: str, cancels: bool
) -> None:
    """Printable, 1 to 256 characters, through the URL and back, whatever names and tags contain."""
    stage = Stage()
    require = [{"tags": {"ticket": "CHG-?"}, "message": message}] if cancels else []
    document = {
        "version": 1,
        "cancel_grace": "0s",
        "policies": [
            {
                "name": name,
                "match": [{"operation": "S3PutObjectTagging"}],
                "require": require,
                **({"on_violation": "cancel"} if cancels else {}),
            }
        ],
    }
    stage.source.enforced = compile_policies(document)
    ref = stage.create(tags={"ticket": value})
    assert stage.review(ref).action in ("approved", "cancelled")
    reason = stage.state(ref).reason
    assert 1 <= len(reason) <= 256
    assert reason.isascii()
    assert reason.isprintable()
    assert stage.job(ref).reason == reason == stage.s3control.describe(ref).status_update_reason
    assert reason.endswith("claim 5f3a91c2]")


# --- Grace ------------------------------------------------------------------------------------------

TEAM_IN_TEN_MINUTES = """
version: 1
cancel_grace: 10m
policies:
  - name: teams
    match: [{operation: S3PutObjectTagging}]
    require:
      - tags: {team: {present: true}}
        on_violation: cancel
        message: every job names its team
"""


def test_a_job_that_is_tagged_after_it_was_suspended_is_approved(stage: Stage) -> None:
    """As AWS's own examples do it: created, Suspended, reviewed, and only then tagged."""
    stage.enforce(TEAM_IN_TEN_MINUTES)
    ref = stage.create()
    assert stage.review(ref).action == "held"
    stage.person.put_job_tagging(AccountId=ACCOUNT, JobId=ref.job_id, Tags=[{"Key": "team", "Value": "lake"}])
    assert stage.review(ref).action == "approved"


def test_a_violation_is_cancelled_when_its_grace_is_over(stage: Stage) -> None:
    """Held and told until then, due at that very instant, and cancelled by the sweep that comes with it."""
    stage.enforce(TEAM_IN_TEN_MINUTES)
    ref = stage.create()
    stage.advance(seconds=4)
    review = stage.review(ref)
    since = stage.state(ref).suspended_at
    assert since is not None
    ends = since + timedelta(minutes=10)
    assert (review.action, review.cancels_at, review.until) == ("held", ends, None)
    assert f"will be cancelled at {ends:%Y-%m-%dT%H:%M:%SZ} unless fixed, by teams: tag team is absent" in review.reason
    state = stage.state(ref)
    assert (state.phase, state.due_at, state.cancels_at) == (Phase.HELD, ends, ends)
    stage.advance(seconds=(ends - stage.clock.now()).total_seconds() - 0.001)
    stage.sweep()
    assert stage.status(ref) == "Suspended"
    stage.advance(seconds=0.001)
    stage.sweep()
    assert (stage.status(ref), stage.state(ref).cancels_at) == ("Cancelled", None)


def test_the_end_of_a_grace_is_no_reason_to_cancel_what_can_not_be_read(stage: Stage) -> None:
    """Tags are denied when it ends: held, and nothing is said of a cancellation."""
    stage.enforce(TEAM_IN_TEN_MINUTES)
    ref = stage.create()
    stage.review(ref)
    stage.advance(minutes=10)
    stage.emulator.faults.add(Fault(Effect.ERROR, "AccessDenied", operation="GetJobTagging", times=None))
    review = stage.review(ref)
    assert (review.action, review.cancels_at, stage.updates) == ("held", None, [])


def test_a_pause_at_the_end_of_a_grace_holds(stage: Stage) -> None:
    """It is a cancellation like any other, and nothing says that it will come."""
    stage.enforce(TEAM_IN_TEN_MINUTES)
    ref = stage.create()
    stage.review(ref)
    stage.advance(minutes=10)
    stage.ledger.ledger.set_pause(Pause("kim", "an incident", stage.clock.now()), replacing=None)
    review = stage.review(ref)
    assert (review.action, review.cancels_at, stage.state(ref).block) == ("held", None, Block.PAUSED)
