"""A hold that lasts too long is a cancellation where the policies say so, and only where it is known what is wrong."""

import dataclasses
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from batchgate.errors import GateError, JobsApiThrottledError, UnreadableItemError
from batchgate.gate.ports import CircuitBreaker, Pause
from batchgate.gate.state import Block, Outcome, Phase, RequestedAction
from batchgate.jobs.model import DateSurvives, JobRef
from batchgate_cli.authoring.lint import lint
from batchgate_cli.authoring.policy_file import load_text
from s3batch_emulator import Effect, Fault, Switches, connect
from s3batch_emulator.exchange import HttpRequest, HttpResponse
from tests.flow.stage import APPROVE_ALL, ONCE, UP_TO_THREE, RecordedJobs, Stage, raising, s3control_client

QUARTER = timedelta(minutes=15)
BY_TWO = """
version: 1
cancel_held_after: 2d
approvals: {at_least: 2}
policies:
  - name: small
    match: [{operation: S3PutObjectTagging}]
    require: [{total_tasks: {at_most: 3}}]
"""

TWO_DAYS = """
version: 1
cancel_held_after: 2d
policies:
  - name: small
    match: [{operation: S3PutObjectTagging}]
    require: [{total_tasks: {at_most: 3}}]
"""
NOBODY_S = "version: 1\ncancel_held_after: 2d\n"
MID_JANUARY = """
version: 1
cancel_held_after: 2d
calendars:
  mid-january:
    timezone: UTC
    open: [{dates: [2026-01-15..2026-01-16]}]
policies:
  - name: in-mid-january
    match: [{operation: S3PutObjectTagging}]
    require: [{window: mid-january}]
"""
BY_HAND = TWO_DAYS.replace("{total_tasks: {at_most: 3}}", "{manual_approval: required}")
TAGGED = TWO_DAYS.replace("{total_tasks: {at_most: 3}}", "{tags: {ticket: CHG-*}}")
SHADOW = TWO_DAYS.replace("version: 1", "version: 1\nmode: shadow")
FOREVER = TWO_DAYS.replace("cancel_held_after: 2d\n", "")


TWO_HOURS = TWO_DAYS.replace("2d", "2h")
A_DAYS_GRACE = TWO_HOURS + "    on_violation: cancel\ncancel_grace: 1d\n"
NOBODY_S_GRACE = "version: 1\ncancel_held_after: 2h\nunmatched: cancel\ncancel_grace: 1d\n"
BESIDE_A_GRACE = (
    TWO_HOURS
    + """
guardrails:
  - name: one
    require: [{total_tasks: {at_most: 1}, on_violation: cancel, grace: 1d}]
"""
)
CLOSES = (
    TWO_HOURS
    + """
guardrails:
  - name: today
    require: [{window: today, on_violation: cancel, grace: 0s}]
calendars:
  today:
    timezone: UTC
    open: [{dates: [2026-01-01..2026-01-01]}]
"""
)
NIGHTS = """
version: 1
cancel_held_after: 12h
calendars:
  nights:
    timezone: UTC
    open: [{days: [mon, tue, wed, thu, fri, sat, sun], from: "22:00", to: "23:00"}]
policies:
  - name: at-night
    match: [{operation: S3PutObjectTagging}]
    require: [{window: nights}, {tags: {ticket: CHG-*}}]
"""
TICKET = {"ticket": "CHG-1"}


def keep(stage: Stage, ref: JobRef, **units: float) -> str:
    """Let time pass and look at the job whenever it is due, as the sweep does; what the last review did."""
    end = stage.clock.now() + timedelta(**units)
    action = ""
    while stage.clock.now() < end and stage.status(ref) == "Suspended":
        stage.advance(seconds=min(end - stage.clock.now(), QUARTER).total_seconds())
        action = stage.review(ref).action
    return action


@pytest.mark.parametrize("text", [TWO_DAYS, NOBODY_S, MID_JANUARY], ids=["violated", "unmatched", "closed window"])
def test_a_hold_for_a_known_reason_ends_in_a_cancellation(stage: Stage, text: str) -> None:
    """To the instant, counted from the first hold."""
    stage.enforce(text)
    ref = stage.create(5)
    stage.review(ref)
    assert keep(stage, ref, days=2, microseconds=-1) == "held"
    stage.advance(microseconds=1)
    review = stage.review(ref)
    assert (review.action, stage.status(ref)) == ("cancelled", "Cancelled")
    assert review.reason.startswith("batchgate: cancelled, held for more than 2 days")
    assert stage.state(ref).outcome is Outcome.APPLIED


def test_the_sweep_looks_at_the_very_end_of_the_hold(stage: Stage) -> None:
    """It is due then, sooner than it would be otherwise."""
    stage.enforce(TWO_DAYS)
    ref = stage.create(5)
    stage.review(ref)
    keep(stage, ref, days=1, hours=23, minutes=55)
    assert stage.state(ref).due_at == stage.clock.now() + timedelta(minutes=5)
    stage.advance(minutes=5)
    stage.sweep()
    assert stage.status(ref) == "Cancelled"


@pytest.mark.parametrize("text", [BY_HAND, FOREVER], ids=["a person is wanted", "no end said"])
def test_a_hold_that_waits_for_a_person_never_expires(stage: Stage, text: str) -> None:
    """Thirty days."""
    stage.enforce(text)
    ref = stage.create(5)
    for _ in range(29):
        stage.review(ref)
        stage.advance(days=1)
    assert (stage.updates, stage.status(ref)) == ([], "Suspended")


def test_what_could_not_be_read_never_expires(stage: Stage) -> None:
    """Tags that the gate may not read: once it may, the whole time begins."""
    stage.enforce(TAGGED)
    ref = stage.create(5)
    stage.emulator.faults.add(Fault(Effect.ERROR, "AccessDenied", operation="GetJobTagging", times=None))
    for _ in range(20):
        assert stage.review(ref).action == "held"
        stage.advance(days=1)
    stage.emulator.faults.clear()
    assert stage.review(ref).action == "held"
    assert keep(stage, ref, days=2, microseconds=-1) == "held"
    assert keep(stage, ref, microseconds=1) == "cancelled"


def test_a_size_that_s3_does_not_say_never_expires() -> None:
    """Though it is Suspended."""
    stage = Stage(TWO_DAYS, switches=Switches(total_known_at_suspended=frozenset()))
    ref = stage.create(5)
    for _ in range(20):
        assert stage.review(ref).action == "held"
        stage.advance(days=1)


def test_a_hold_that_would_be_approved_now_is_approved(stage: Stage) -> None:
    """However long it lasted."""
    stage.enforce(TAGGED)
    ref = stage.create(5)
    stage.review(ref)
    stage.advance(days=10)
    stage.person.put_job_tagging(AccountId=ref.account_id, JobId=ref.job_id, Tags=[{"Key": "ticket", "Value": "CHG-1"}])
    assert stage.review(ref).action == "approved"


def test_a_hold_is_not_cancelled_for_a_window_that_is_about_to_open(stage: Stage) -> None:
    """The update could arrive after it."""
    stage.enforce(MID_JANUARY)
    ref = stage.create(5)
    stage.review(ref)
    opens = stage.state(ref).until
    assert opens is not None
    stage.advance(seconds=(opens - stage.clock.now()).total_seconds() - 4)
    assert stage.review(ref).action == "held"
    assert stage.updates == []
    stage.advance(seconds=4)
    assert stage.review(ref).action == "approved"


# --- What does not count ----------------------------------------------------------------------------


def test_what_was_held_in_shadow_was_not_held(stage: Stage) -> None:
    """The day that shadow ends nothing is cancelled for its age."""
    stage.enforce(SHADOW)
    ref = stage.create(5)
    stage.review(ref)
    keep(stage, ref, days=3)
    stage.enforce(TWO_DAYS)
    assert stage.review(ref).action == "held"
    assert keep(stage, ref, days=2, microseconds=-1) == "held"
    assert keep(stage, ref, microseconds=1) == "cancelled"


def test_a_claim_that_came_to_nothing_does_not_make_a_hold_in_shadow_count(stage: Stage) -> None:
    """Held in shadow, then claimed and given back: the hold in force begins after it."""
    stage.enforce(SHADOW)
    ref = stage.create(5)
    stage.review(ref)
    stage.advance(days=10)
    stage.enforce(APPROVE_ALL)
    stage.emulator.faults.add(Fault(Effect.ERROR, "SlowDown", operation="UpdateJobStatus"))
    with pytest.raises(JobsApiThrottledError):
        stage.review(ref)
    stage.enforce(TWO_DAYS)
    assert stage.review(ref).action == "held"
    assert keep(stage, ref, days=2, microseconds=-1) == "held"
    assert keep(stage, ref, microseconds=1) == "cancelled"


def test_what_was_left_to_people_was_not_held(stage: Stage) -> None:
    """Adopted later, an older job has the whole time before it."""
    stage.enforce(TWO_DAYS)
    stage.ledger.ledger.opened = stage.clock.now() + timedelta(hours=1)
    ref = stage.create(5)
    stage.review(ref)
    keep(stage, ref, days=3)
    stage.adopt_existing = True
    assert stage.review(ref).action == "held"
    assert keep(stage, ref, days=2, microseconds=-1) == "held"
    assert keep(stage, ref, microseconds=1) == "cancelled"


def test_a_pause_and_the_circuit_breaker_stop_an_expiry_too(stage: Stage) -> None:
    """It is a cancellation like any other, and once more is looked at before it comes."""
    stage.enforce(TWO_DAYS)
    ref = stage.create(5)
    stage.review(ref)
    keep(stage, ref, days=1, hours=23, minutes=59)
    stage.ledger.ledger.set_pause(Pause("kim", "an incident", stage.clock.now()), replacing=None)
    stage.advance(minutes=1)
    assert stage.review(ref).action == "held"
    assert stage.updates == []
    stage.ledger.ledger.set_pause(None, replacing=stage.ledger.ledger.pause())
    assert stage.review(ref).action == "held"
    stage.breaker = CircuitBreaker(0, timedelta(minutes=10))
    stage.advance(minutes=1)
    assert stage.review(ref).action == "held"
    assert stage.state(ref).block is Block.CIRCUIT_BREAKER
    stage.breaker = CircuitBreaker(1, timedelta(minutes=10))
    assert stage.review(ref).action == "held"
    assert keep(stage, ref, minutes=2) == "cancelled"


def test_a_pause_that_begins_during_the_review_stops_an_expiry(stage: Stage) -> None:
    """After the review asked for it: the claim finds it."""
    stage.enforce(TWO_DAYS)
    ref = stage.create(5)
    stage.review(ref)
    keep(stage, ref, days=1, hours=23, minutes=59)
    stage.advance(minutes=1)
    stage.script.before("claim", lambda: pause(stage))
    assert stage.review(ref).action == "held"
    assert (stage.state(ref).block, stage.updates) == (Block.PAUSED, [])


def test_the_time_of_a_pause_does_not_count(stage: Stage) -> None:
    """Of a job that no verdict would have claimed meanwhile: two hours without the pause, to the instant."""
    stage.enforce(TWO_HOURS)
    ref = stage.create(5)
    stage.review(ref)
    keep(stage, ref, minutes=15)
    pause(stage)
    assert keep(stage, ref, minutes=100) == "held"
    resume(stage)
    assert stage.review(ref).action == "held"
    assert stage.state(ref).held_for_known == timedelta(minutes=15)
    assert keep(stage, ref, minutes=105, microseconds=-1) == "held"
    assert keep(stage, ref, microseconds=1) == "cancelled"


def test_a_pause_that_can_not_be_read_counts_as_one(stage: Stage) -> None:
    """As in the sweep."""
    stage.enforce(TWO_HOURS)
    ref = stage.create(5)
    stage.review(ref)
    for _ in range(10):
        stage.advance(minutes=15)
        stage.script.before("pause", raising(UnreadableItemError("GATE: of another version")))
        assert stage.review(ref).action == "held"
    assert stage.state(ref).held_for_known == timedelta(0)


def test_what_was_held_under_policies_without_an_end_does_not_count(stage: Stage) -> None:
    """A pause in that time would have gone unnoticed."""
    stage.enforce(FOREVER)
    ref = stage.create(5)
    stage.review(ref)
    pause(stage)
    keep(stage, ref, days=3)
    resume(stage)
    stage.enforce(TWO_DAYS)
    assert stage.review(ref).action == "held"
    assert keep(stage, ref, days=2, microseconds=-1) == "held"
    assert keep(stage, ref, microseconds=1) == "cancelled"


def test_a_job_that_did_not_ask_does_not_expire(stage: Stage) -> None:
    """It runs; nobody holds it."""
    stage.enforce(TWO_DAYS.replace("version: 1", "version: 1\nungated_jobs: cancel"))
    stage.suspended_date_survives = DateSurvives.TRUE
    ref = stage.create(5, ConfirmationRequired=False, until="Ready")
    assert stage.review(ref).action == "ungated"
    assert stage.updates == []
    assert stage.state(ref).phase is Phase.SETTLED


# --- Graces -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", [A_DAYS_GRACE, NOBODY_S_GRACE, BESIDE_A_GRACE], ids=["violated", "unmatched", "beside"]
)
def test_a_hold_does_not_expire_before_a_grace_is_over(stage: Stage, text: str) -> None:
    """Held for longer than `cancel_held_after`, it is cancelled at the instant that was announced."""
    stage.enforce(text)
    ref = stage.create(5)
    ends = stage.clock.now() + timedelta(days=1)
    assert stage.review(ref).cancels_at == ends
    left = ends - stage.clock.now()
    assert keep(stage, ref, seconds=left.total_seconds(), microseconds=-1) == "held"
    assert stage.state(ref).cancels_at == ends
    assert keep(stage, ref, microseconds=1) == "cancelled"
    assert "held for more than" not in stage.told.reviews[-1].reason


def test_a_hold_does_not_expire_before_an_announced_cancellation(stage: Stage) -> None:
    """Of a window that is still open, and that cancels when it closes."""
    stage.enforce(CLOSES)
    ref = stage.create(5)
    closes = stage.review(ref).cancels_at
    assert closes is not None
    assert closes - stage.clock.now() > timedelta(hours=12)
    seconds = (closes - stage.clock.now()).total_seconds()
    assert keep(stage, ref, seconds=seconds, microseconds=-1) == "held"
    assert keep(stage, ref, microseconds=1) == "cancelled"


@pytest.mark.parametrize("date", ["1970-01-01T00:00:00Z", "2025-12-31T23:59:58Z"])
def test_a_grace_is_not_over_by_a_date_before_the_job_was_created(stage: Stage, date: str) -> None:
    """Such a SuspendedDate says nothing, so the job is held."""
    stage.enforce(A_DAYS_GRACE)
    ref = stage.create(5)
    dated: Any = Dated(stage, date)
    stage.s3control = replace(stage.s3control, client=connect(s3control_client(ONCE), dated))
    stage.jobs = RecordedJobs(stage.script, stage.s3control)
    review = stage.review(ref)
    assert (review.action, review.cancels_at) == ("held", None)
    stage.advance(days=3)
    assert stage.review(ref).action == "held"


class Dated:
    """An emulator whose answers say another SuspendedDate."""

    def __init__(self, stage: Stage, date: str) -> None:
        """Of the jobs of a stage."""
        self.emulator, self.date = stage.emulator, f"<SuspendedDate>{date}</SuspendedDate>".encode()

    def __getattr__(self, name: str) -> Any:
        """As the emulator, otherwise."""
        return getattr(self.emulator, name)

    def exchange(self, request: HttpRequest) -> HttpResponse:
        """As the emulator, but for the date."""
        answer = self.emulator.exchange(request)
        body = re.sub(rb"<SuspendedDate>[^<]*</SuspendedDate>", self.date, answer.body)
        return dataclasses.replace(answer, body=body)


# --- The gate's own outages -------------------------------------------------------------------------


def pause(stage: Stage) -> None:
    """Somebody pauses the gate."""
    stage.ledger.ledger.set_pause(Pause("kim", "an incident", stage.clock.now()), replacing=None)


def resume(stage: Stage) -> None:
    """And lets it go on."""
    stage.ledger.ledger.set_pause(None, replacing=stage.ledger.ledger.pause())


def deny_tags(stage: Stage) -> None:
    """Somebody takes a permission away."""
    stage.emulator.faults.add(Fault(Effect.ERROR, "AccessDenied", operation="GetJobTagging", times=None))


def deny_jobs(stage: Stage) -> None:
    """Somebody takes all of them away."""
    stage.emulator.faults.add(Fault(Effect.ERROR, "AccessDenied", operation="DescribeJob", times=None))


def throttle(stage: Stage) -> None:
    """S3 takes no update."""
    stage.emulator.faults.add(Fault(Effect.ERROR, "SlowDown", operation="UpdateJobStatus", times=None))


def clear(stage: Stage) -> None:
    """All is well again."""
    stage.emulator.faults.clear()


def take_policies(stage: Stage) -> None:
    """Nothing can be had from where the policies come."""
    stage.source.enforced = None


def give_policies(stage: Stage) -> None:
    """They are back."""
    stage.enforce(NIGHTS)


def shadow(stage: Stage) -> None:
    """Somebody tries the policies out."""
    stage.enforce(NIGHTS.replace("version: 1", "version: 1\nmode: shadow"))


OUTAGES = {
    "paused": (pause, resume),
    "tags denied": (deny_tags, clear),
    "jobs denied": (deny_jobs, clear),
    "updates throttled": (throttle, clear),
    "no policies": (take_policies, give_policies),
    "in shadow": (shadow, give_policies),
}


@pytest.mark.parametrize(("begin", "end"), OUTAGES.values(), ids=OUTAGES)
@pytest.mark.parametrize("looks", [True, False], ids=["with the sweep", "without the sweep"])
def test_a_job_that_an_outage_kept_from_its_window_is_approved_in_the_next_one(
    stage: Stage, begin: Callable[[Stage], None], end: Callable[[Stage], None], *, looks: bool
) -> None:
    """The window opened at 22:00 and the gate could not: held longer than it may be, it has the next night."""
    stage.enforce(NIGHTS)
    ref = stage.create(5, tags=TICKET)
    stage.advance(hours=20)
    assert stage.review(ref).action == "held"
    begin(stage)
    for _ in range(24):
        stage.advance(hours=1)
        if looks:
            with suppress(GateError):
                stage.review(ref)
    end(stage)
    assert stage.review(ref).action == "held"
    assert keep(stage, ref, hours=2, seconds=30) == "approved"


@pytest.mark.parametrize(("begin", "end"), OUTAGES.values(), ids=OUTAGES)
def test_what_is_not_the_gates_fault_goes_on_counting_after_an_outage(
    stage: Stage, begin: Callable[[Stage], None], end: Callable[[Stage], None]
) -> None:
    """A job without its ticket has no chance in any night: one more review, and its time runs on to its end."""
    stage.enforce(NIGHTS)
    ref = stage.create(5)
    stage.review(ref)
    assert keep(stage, ref, hours=6) == "held"
    counted = stage.state(ref).held_for_known
    assert counted == timedelta(hours=6)
    begin(stage)
    for _ in range(5):
        stage.advance(hours=24)
        with suppress(GateError):
            stage.review(ref)
    end(stage)
    assert stage.review(ref).action == "held"
    assert stage.status(ref) == "Suspended"
    assert keep(stage, ref, hours=12) == "cancelled"


def test_a_sweep_that_did_not_run_is_an_outage(stage: Stage) -> None:
    """Nobody looked for three days: what counts ends where somebody had to, and one look comes before the end."""
    stage.enforce(TWO_DAYS)
    ref = stage.create(5)
    stage.review(ref)
    due = stage.state(ref).due_at
    assert due is not None
    first = stage.clock.now()
    stage.advance(days=3)
    assert stage.review(ref).action == "held"
    assert stage.state(ref).held_for_known == due - first
    assert keep(stage, ref, days=2) == "cancelled"


def test_a_review_that_is_late_by_more_than_a_sweep_counts_up_to_when_it_was_due(stage: Stage) -> None:
    """An outage of less than an hour is one too."""
    stage.enforce(TWO_HOURS)
    ref = stage.create(5)
    stage.review(ref)
    for _ in range(4):
        stage.advance(minutes=15 + 50)
        assert stage.review(ref).action == "held"
    assert stage.state(ref).held_for_known == timedelta(hours=1)
    stage.advance(minutes=15 + 5)
    stage.review(ref)
    assert stage.state(ref).held_for_known == timedelta(hours=1, minutes=20)


def test_the_circuit_breaker_is_an_outage(stage: Stage) -> None:
    """A job that the circuit breaker held for days, and whose policies changed meanwhile, is not cancelled for them."""
    stage.enforce(UP_TO_THREE)
    stage.breaker = CircuitBreaker(0, timedelta(minutes=10))
    ref = stage.create(5)
    keep(stage, ref, days=3)
    assert stage.state(ref).block is Block.CIRCUIT_BREAKER
    stage.enforce(TWO_DAYS)
    stage.breaker = CircuitBreaker(9, timedelta(minutes=10))
    assert stage.review(ref).action == "held"
    assert keep(stage, ref, days=2, microseconds=-1) == "held"
    assert keep(stage, ref, microseconds=1) == "cancelled"


def until_cancelled(stage: Stage, tasks: int) -> timedelta:
    """How long a job of so many tasks stays Suspended under what is enforced."""
    ref = stage.create(tasks)
    begin = stage.clock.now()
    stage.review(ref)
    keep(stage, ref, days=3)
    assert stage.status(ref) == "Cancelled"
    return stage.clock.now() - begin


@pytest.mark.parametrize(("held", "grace"), [("2h", "1d"), ("1h", "2h"), ("2h", "2h"), ("1d", "2h")])
def test_lint_finds_where_what_only_holds_is_cancelled_before_what_cancels(stage: Stage, held: str, grace: str) -> None:
    """And nowhere else: the one waits for `cancel_held_after`, the other for its grace, whichever is longer."""
    text = BESIDE_A_GRACE.replace("{at_most: 1}", "{at_most: 6}").replace("grace: 1d", f"grace: {grace}")
    text = text.replace("cancel_held_after: 2h", f"cancel_held_after: {held}")
    stage.enforce(text)
    loaded = load_text(text, "policy.yaml")
    found = lint(loaded.document, loaded.policies, stage.clock.now().date())
    only_held, cancelled = until_cancelled(stage, 5), until_cancelled(stage, 7)
    assert ("cancel-before-grace" in {finding.lint for finding in found}) is (only_held < cancelled)


@pytest.mark.parametrize("seen_before", [False, True])
def test_an_approval_after_an_outage_does_not_make_its_time_count(seen_before: bool) -> None:
    """It makes the job due now; that the last review is long overdue is known all the same."""
    stage = Stage(BY_TWO)
    ref = stage.create(5)
    if seen_before:
        stage.review(ref)
    stage.advance(days=3)
    assert stage.decide(ref, RequestedAction.APPROVE).action == "held"
    assert stage.state(ref).held_for_known <= QUARTER
    stage.sweep()
    assert stage.updates == []


def test_a_hold_that_somebody_approved_expires_like_any_other() -> None:
    """Too few approvals stop nothing."""
    stage = Stage(BY_TWO)
    ref = stage.create(5)
    stage.review(ref)
    stage.decide(ref, RequestedAction.APPROVE)
    for _ in range(2 * 24 * 4 + 2):
        stage.clock.advance(QUARTER)
        stage.sweep()
    state = stage.state(ref)
    assert (state.outcome, state.requested_action, state.people) == (Outcome.APPLIED, RequestedAction.CANCEL, ())
