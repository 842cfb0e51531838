"""The sweep: what is due, what is new, and what no event told of."""

from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from msgspec.structs import replace

from batchgate.aws import s3control
from batchgate.errors import (
    AnnounceError,
    JobsApiError,
    LedgerError,
    ListingUnclearError,
    OutOfTimeError,
    PolicyUnavailableError,
    UnreadableItemError,
)
from batchgate.gate.review import TIME_FOR_ONE_REVIEW
from batchgate.gate.state import Outcome, Phase, RequestedAction
from batchgate.jobs.model import JobRef
from s3batch_emulator import Delays, Effect, Fault, Pace, Switches
from tests.flow.stage import APPROVE_ALL, CANCEL_ALL, HOLD_ALL, UP_TO_THREE, Stage, raising

CANCEL_UNGATED = CANCEL_ALL.replace("version: 1", "version: 1\nungated_jobs: cancel")


@pytest.fixture
def says_so() -> Stage:
    """A stage whose S3 shows what the requester asked for."""
    return Stage(switches=Switches(confirmation_shown=True))


def described(stage: Stage, since: int = 0) -> list[str]:
    """The ids of the jobs that S3 was asked about, in order."""
    return [str(call.parameters["JobId"]) for call in stage.emulator.calls[since:] if call.operation == "DescribeJob"]


def ids(*refs: JobRef) -> list[str]:
    """Their ids."""
    return [ref.job_id for ref in refs]


# --- What is found ----------------------------------------------------------------------------------


def test_a_job_that_no_event_told_of_is_decided(stage: Stage) -> None:
    """All events lost: the listing has it."""
    small, large = stage.create(2), stage.create(5)
    report = stage.sweep()
    assert (stage.status(small), stage.status(large)) == ("Ready", "Cancelled")
    assert (report.listed, report.new, report.due, dict(report.did)) == (2, 2, 0, {"approved": 1, "cancelled": 1})


def test_every_page_of_the_listing_is_read(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever S3 takes for a page."""
    monkeypatch.setattr(s3control, "JOBS_A_PAGE", 2)
    refs = [stage.create(2) for _ in range(7)]
    assert stage.sweep().listed == 7
    assert {stage.status(ref) for ref in refs} == {"Ready"}


def test_a_hold_is_left_alone_until_it_is_due(stage: Stage) -> None:
    """Fifteen minutes, to the instant."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    stage.sweep()
    due = stage.state(ref).due_at
    assert due == stage.clock.now() + timedelta(minutes=15)
    asked = stage.count("DescribeJob")
    stage.advance(minutes=15, microseconds=-1)
    assert stage.sweep().due == 0
    assert stage.count("DescribeJob") == asked
    stage.advance(microseconds=1)
    report = stage.sweep()
    assert (report.due, report.new, report.held) == (1, 0, 1)
    assert stage.count("DescribeJob") == asked + 1


@pytest.mark.parametrize("status", ["Ready", "Cancelled"])
def test_an_open_item_that_is_not_listed_any_more_is_looked_at_at_once(stage: Stage, status: str) -> None:
    """Somebody decided in the console; the hold was not due."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    stage.sweep()
    stage.update_as_a_person(ref, status)
    report = stage.sweep()
    assert (report.listed, report.due) == (0, 1)
    assert stage.state(ref).outcome is Outcome.SUPERSEDED
    assert stage.state(ref).announced_at is not None


def test_a_job_that_failed_while_it_was_held_has_lapsed(stage: Stage) -> None:
    """After S3's thirty days."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    stage.sweep()
    stage.advance(days=31)
    stage.sweep()
    assert (stage.status(ref), stage.state(ref).outcome) == ("Failed", Outcome.LAPSED)


def test_a_live_lease_is_left_to_its_owner(stage: Stage) -> None:
    """Also of a job that is not listed any more; when it is over the item is due."""
    ref = stage.create()
    stage.emulator.faults.add(Fault(Effect.RESET, operation="UpdateJobStatus"))
    assert stage.review(ref).action == "pending"
    assert stage.sweep().due == 0
    stage.outlive_the_lease(ref)
    assert stage.sweep().due == 1
    assert stage.state(ref).outcome is Outcome.APPLIED


def test_an_end_that_was_not_announced_is_announced(stage: Stage) -> None:
    """By the next sweep, with the same id."""
    ref = stage.create()
    stage.script.before("announce", raising(LedgerError("the bus is away")))
    with pytest.raises(LedgerError):
        stage.review(ref)
    assert stage.state(ref).announced_at is None
    settled = stage.state(ref)
    report = stage.sweep()
    assert (report.due, [told.action for told in stage.told.reviews]) == (1, ["approved"])
    assert stage.told.reviews[0].id == f"{ref.job_id}.{settled.rev}"
    assert stage.state(ref).announced_at is not None
    assert stage.sweep().due == 0


def test_what_is_settled_is_not_asked_about_again(stage: Stage) -> None:
    """One look at a job's end, then never."""
    stage.create()
    stage.sweep()
    asked = stage.count("DescribeJob")
    for _ in range(3):
        stage.advance(minutes=1)
        report = stage.sweep()
        assert (report.due, report.new) == (0, 0)
    assert stage.count("DescribeJob") == asked


# --- Jobs that did not ask --------------------------------------------------------------------------


def test_a_job_that_did_not_ask_is_seen_once(stage: Stage) -> None:
    """Recorded as running, told once, and never asked about again."""
    ref = stage.create(ConfirmationRequired=False, until="Ready")
    stage.emulator.set_pace(ref.job_id, Pace(tasks_per_second=0.0001))
    stage.sweep()
    assert stage.state(ref).outcome is Outcome.UNGATED_OR_CONFIRMED_ELSEWHERE
    assert [told.action for told in stage.told.reviews] == ["ungated_or_confirmed_elsewhere"]
    asked = stage.count("DescribeJob")
    stage.advance(minutes=1)
    assert (stage.status(ref), stage.sweep().new) == ("Active", 0)
    assert (stage.count("DescribeJob"), len(stage.told.reviews)) == (asked, 1)


@pytest.mark.parametrize("status", ["Pausing", "Paused"])
def test_a_job_that_gave_way_to_another_is_found_too(status: str) -> None:
    """It may stay Paused for days, and never be seen Active."""
    stage = Stage(delays=Delays(pausing=timedelta(minutes=5)), running_slots=1)
    ref = stage.create(ConfirmationRequired=False, until="Active")
    stage.emulator.set_pace(ref.job_id, Pace(tasks_per_second=0.0001))
    stage.create(ConfirmationRequired=False, until="Ready", Priority=9)
    stage.emulator.settle_until(ref.job_id, status)
    stage.sweep()
    assert stage.status(ref) == status
    assert stage.state(ref).outcome is Outcome.UNGATED_OR_CONFIRMED_ELSEWHERE


@pytest.mark.parametrize("status", ["New", "Preparing", "Ready", "Active"])
def test_a_job_that_did_not_ask_is_cancelled_where_the_policies_say_so(says_so: Stage, status: str) -> None:
    """Wherever it is found; what S3 has not said is no violation."""
    stage = says_so
    stage.enforce(CANCEL_UNGATED.replace("{total_tasks: {at_most: 0}}", "{priority: {at_least: 100}}"))
    ref = stage.create(ConfirmationRequired=False, until=status)
    stage.emulator.set_pace(ref.job_id, Pace(tasks_per_second=0.0001))
    stage.sweep()
    stage.advance(seconds=2)
    assert stage.status(ref) == "Cancelled"
    assert stage.state(ref).outcome is Outcome.APPLIED


def test_a_job_that_waited_and_runs_is_looked_at_again(stage: Stage) -> None:
    """It was no job that asks: what was waited for is forgotten with its status."""
    ref = stage.create(ConfirmationRequired=False, until="New")
    stage.emulator.set_pace(ref.job_id, Pace(tasks_per_second=0.0001))
    assert dict(stage.sweep().did) == {"waiting": 1}
    stage.emulator.settle_until(ref.job_id, "Ready")
    assert dict(stage.sweep().did) == {"ungated_or_confirmed_elsewhere": 1}


def test_a_job_before_suspended_is_looked_at_once(stage: Stage) -> None:
    """What one instance waits for, it leaves alone till then."""
    ref = stage.create(until="New")
    report = stage.sweep()
    assert (report.new, dict(report.did)) == (1, {"waiting": 1})
    assert stage.sweep().new == 0
    stage.emulator.settle_until(ref.job_id, "Suspended")
    assert stage.sweep().new == 1
    assert stage.status(ref) == "Ready"


# --- Order and time ---------------------------------------------------------------------------------


def test_three_that_are_due_come_before_a_new_one(stage: Stage) -> None:
    """The longest due first; where one sort ends the other goes on."""
    stage.enforce(HOLD_ALL)
    due = []
    for _ in range(7):
        due.append(stage.create())
        stage.review(due[-1])
        stage.advance(seconds=1)
    stage.advance(minutes=16)
    new = [stage.create() for _ in range(4)]
    before = len(stage.emulator.calls)
    report = stage.sweep()
    assert (report.due, report.new) == (7, 4)
    assert described(stage, before) == ids(*due[:3], new[0], *due[3:6], new[1], due[6], new[2], new[3])


def test_work_that_there_is_no_time_for_is_what_the_next_sweep_begins_with(stage: Stage) -> None:
    """No review is begun that might not end in time."""
    stage.enforce(HOLD_ALL)
    refs = []
    for _ in range(5):
        refs.append(stage.create())
        stage.review(refs[-1])
    stage.advance(minutes=16)
    stage.script.before("snapshot", *[lambda: stage.advance(seconds=20)] * 3)
    before = len(stage.emulator.calls)
    report = stage.sweep()
    assert (report.left, sum(report.did.values())) == (2, 3)
    assert described(stage, before) == ids(*refs[:3])
    before = len(stage.emulator.calls)
    assert stage.sweep().left == 0
    assert described(stage, before) == ids(*refs[3:])


def test_the_lag_is_how_long_the_latest_had_been_due(stage: Stage) -> None:
    """New jobs have none."""
    stage.enforce(HOLD_ALL)
    stage.create()
    assert stage.sweep().lag == timedelta(0)
    stage.advance(minutes=15, seconds=42)
    assert stage.sweep().lag == timedelta(seconds=42)


@pytest.mark.slow
def test_more_holds_than_the_rate_allows_are_looked_at_more_rarely(stage: Stage) -> None:
    """At a call a second and a quarter for new jobs, sixty holds take minutes; they are due accordingly."""
    stage.enforce(HOLD_ALL)
    refs = [stage.create() for _ in range(600)]
    stage.sweep()
    stage.advance(minutes=16)
    stage.sweep(calls_per_second=1)
    due = stage.state(refs[0]).due_at
    assert due is not None
    assert due - stage.clock.now() == timedelta(seconds=600 * 2 / 0.75)


@pytest.mark.parametrize("workers", [1, 4])
def test_one_job_s_trouble_is_not_another_s(stage: Stage, workers: int) -> None:
    """All others get their review, and the trouble is told."""
    refs = [stage.create() for _ in range(10)]
    stage.emulator.faults.add(
        Fault(Effect.ERROR, "InternalServiceException", operation="DescribeJob", job_id=refs[4].job_id)
    )
    report = stage.sweep(workers=workers)
    assert [ref for ref in refs if stage.status(ref) == "Suspended"] == [refs[4]]
    assert (report.failed, [what for what, _ in report.errors]) == (1, [refs[4].arn])
    assert stage.sweep().new == 1
    assert stage.status(refs[4]) == "Ready"


# --- Trouble of its own -----------------------------------------------------------------------------


def test_without_a_listing_what_is_due_is_reviewed_all_the_same(stage: Stage) -> None:
    """And nothing is taken for vanished."""
    stage.enforce(HOLD_ALL)
    due, later = stage.create(), stage.create()
    stage.review(due)
    stage.advance(minutes=14)
    stage.review(later)
    stage.advance(minutes=1)
    stage.emulator.faults.add(Fault(Effect.ERROR, "SlowDown", operation="ListJobs"))
    before = len(stage.emulator.calls)
    report = stage.sweep()
    assert described(stage, before) == ids(due)
    assert [what for what, _ in report.errors] == ["ListJobs Suspended"]


def test_an_answer_without_a_list_of_jobs_ends_nothing(stage: Stage) -> None:
    """Of a job that S3 does not show for days; once there is a list, and the job is not in it, it is gone."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    stage.review(ref)
    stage.emulator.faults.add(Fault(Effect.ERROR, "NotFoundException", operation="DescribeJob", times=None))
    unclear = raising(ListingUnclearError("ListJobs: the answer has no list of jobs"))
    for _ in range(4):
        stage.advance(days=1)
        stage.script.before("list_jobs", unclear, unclear)
        report = stage.sweep()
        assert [what for what, _ in report.errors] == ["ListJobs Suspended"]
        assert stage.state(ref).outcome is None


@pytest.mark.parametrize("moved", [False, True], ids=["Suspended", "New to Paused"])
def test_one_answer_without_a_list_of_jobs_ends_nothing(stage: Stage, *, moved: bool) -> None:
    """Of a job that would be in that list, while the other answer is an empty list."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    stage.review(ref)
    if moved:
        stage.update_as_a_person(ref, "Ready")
    stage.emulator.faults.add(Fault(Effect.ERROR, "NotFoundException", operation="DescribeJob", times=None))
    unclear = raising(ListingUnclearError("ListJobs: the answer has no list of jobs"))
    for _ in range(4):
        stage.advance(days=1)
        stage.script.before("list_jobs", *((lambda: None, unclear) if moved else (unclear,)))
        stage.sweep()
        assert stage.state(ref).outcome is None


@pytest.mark.parametrize(
    "other",
    [None, ListingUnclearError("ListJobs: the answer has no list of jobs"), JobsApiError("ListJobs: try later")],
    ids=["listed", "unclear", "failed"],
)
def test_without_a_list_of_suspended_jobs_no_hold_has_moved(stage: Stage, other: JobsApiError | None) -> None:
    """Whatever S3 answers to the other listing, a hold is not due before its time."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    stage.review(ref)
    unclear = raising(ListingUnclearError("ListJobs: the answer has no list of jobs"))
    stage.script.before("list_jobs", unclear, *([raising(other)] if other else []))
    report = stage.sweep()
    assert (report.due, "ListJobs Suspended" in dict(report.errors)) == (0, True)


def test_an_answer_without_a_list_of_jobs_is_no_trouble_where_none_is_expected(stage: Stage) -> None:
    """Whether S3 leaves an empty list out has not been recorded."""
    unclear = raising(ListingUnclearError("ListJobs: the answer has no list of jobs"))
    stage.script.before("list_jobs", unclear, unclear)
    report = stage.sweep()
    assert (report.failed, report.listed) == (0, 0)


# --- Instants that no review writes -----------------------------------------------------------------


TEN_YEARS = timedelta(days=3650)


@pytest.mark.parametrize(
    ("ahead", "reported"),
    [(timedelta(days=31), False), (timedelta(days=31, microseconds=1), True), (TEN_YEARS, True)],
)
def test_a_hold_that_is_due_later_than_any_review_writes_is_due_now_and_reported(
    stage: Stage, ahead: timedelta, *, reported: bool
) -> None:
    """S3 would have failed the job before."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    stage.review(ref)
    held = stage.state(ref)
    due_at = stage.clock.now() + ahead
    stage.ledger.ledger.write(replace(held, due_at=due_at), replacing=held)
    report = stage.sweep()
    assert (report.due, report.did["held"]) == (reported, reported)
    assert [(what, type(error)) for what, error in report.errors] == [(ref.arn, UnreadableItemError)] * reported
    assert all(f"due_at is {due_at:%Y-%m-%d}" in str(error) for _, error in report.errors)
    assert stage.state(ref).due_at == (stage.clock.now() + timedelta(minutes=15) if reported else due_at)
    assert stage.sweep().failed == 0


@pytest.mark.parametrize("takes", [timedelta(hours=1, microseconds=1), TEN_YEARS])
def test_a_lease_that_is_longer_than_any_invocation_is_nobody_s(stage: Stage, takes: timedelta) -> None:
    """The claim is taken over, as one whose owner is gone, and reported."""
    ref = stage.create()
    stage.emulator.faults.add(Fault(Effect.RESET, operation="UpdateJobStatus"))
    assert stage.review(ref).action == "pending"
    claim, ends = stage.state(ref), stage.clock.now() + takes
    stage.ledger.ledger.write(replace(claim, lease_until=ends, due_at=ends), replacing=claim)
    report = stage.sweep()
    assert (report.due, report.failed, stage.state(ref).outcome) == (1, 1, Outcome.APPLIED)
    assert stage.status(ref) == "Ready"


def test_a_job_that_runs_under_such_a_lease_to_cancel_is_looked_at_again_soon(stage: Stage) -> None:
    """Not in ten years."""
    stage.enforce(CANCEL_ALL)
    ref = stage.create()
    stage.emulator.faults.add(Fault(Effect.RESET, operation="UpdateJobStatus"))
    assert stage.review(ref).action == "pending"
    stage.update_as_a_person(ref, "Ready")
    stage.emulator.set_pace(ref.job_id, Pace(tasks_per_second=0.0001))
    claim, ends = stage.state(ref), stage.clock.now() + TEN_YEARS
    stage.ledger.ledger.write(replace(claim, lease_until=ends, due_at=ends), replacing=claim)
    stage.sweep()
    assert stage.state(ref).due_at == stage.clock.now() + timedelta(minutes=15)


def test_without_the_second_listing_the_first_counts(stage: Stage) -> None:
    """Only ungated jobs wait for the next sweep."""
    stage.create()
    stage.script.before("list_jobs", lambda: None, lambda: stage.emulator.faults.add(broken))
    broken = Fault(Effect.RESET, operation="ListJobs")
    report = stage.sweep()
    assert (report.listed, dict(report.did)) == (1, {"approved": 1})
    assert report.failed == 1


@pytest.mark.parametrize("effect", ["pause", "open_items", "ended"])
def test_a_sweep_without_a_ledger_does_nothing_and_gives_its_lease_back(stage: Stage, effect: str) -> None:
    """The next one may begin at once."""
    stage.create(until="New")
    stage.script.before(effect, raising(LedgerError("the table is away")))
    with pytest.raises(LedgerError):
        stage.sweep()
    assert stage.updates == []
    assert stage.sweep(owner="another").ran


def test_a_sweep_without_policies_decides_nothing(stage: Stage) -> None:
    """And says so, once."""
    stage.enforce(HOLD_ALL)
    stage.create()
    held = stage.create(4)
    stage.review(held)
    stage.advance(hours=1)
    stage.source.enforced = None
    report = stage.sweep()
    [(what, trouble)] = report.errors
    assert (what, type(trouble)) == ("policies", PolicyUnavailableError)
    assert (report.due, report.new, report.held) == (0, 0, 1)
    assert stage.updates == []


def test_what_people_decide_is_settled_and_told_while_there_are_no_policies(stage: Stage) -> None:
    """A cancellation and what they do in the console: nothing of it needs evaluating."""
    stage.enforce(HOLD_ALL)
    by_hand, in_console = stage.create(4), stage.create(4)
    for ref in (by_hand, in_console):
        stage.review(ref)
    stage.source.enforced = None
    stage.script.before("announce", raising(AnnounceError("not this time")))
    with pytest.raises(AnnounceError):
        stage.decide(by_hand, RequestedAction.CANCEL)
    stage.update_as_a_person(in_console, "Cancelled")
    stage.sweep()
    assert stage.state(by_hand).announced_at is not None
    assert stage.state(in_console).outcome is Outcome.SUPERSEDED
    assert {review.ref: review.action for review in stage.told.reviews[-2:]} == {
        by_hand: "cancelled",
        in_console: "superseded",
    }


def test_the_end_of_an_ungated_job_is_told_while_there_are_no_policies(says_so: Stage) -> None:
    """It is settled already; one that is not could still have to be cancelled, and waits."""
    stage = says_so
    stage.enforce(CANCEL_UNGATED.replace("{total_tasks: {at_most: 0}}", "{priority: {at_least: 100}}"))
    ref, other = (stage.create(ConfirmationRequired=False, until="New") for _ in range(2))
    stage.script.before("announce", raising(AnnounceError("not this time")))
    with pytest.raises(AnnounceError):
        stage.review(ref)
    stage.source.enforced = None
    assert stage.review(ref).action == "cancelled"
    assert stage.state(ref).announced_at is not None
    with pytest.raises(PolicyUnavailableError):
        stage.review(other)


def test_how_long_a_job_is_suspended_is_counted_from_s3s_own_date(stage: Stage) -> None:
    """S3 fails it after 30 days, whether the gate held it, was in shadow, or was not there yet."""
    stage.enforce(HOLD_ALL.replace("version: 1", "version: 1\nmode: shadow"))
    ref = stage.create()
    stage.advance(days=20)
    stage.review(ref)
    stage.advance(days=6)
    stage.enforce(HOLD_ALL)
    stage.review(ref)
    stage.advance(days=2)
    report = stage.sweep()
    assert report.oldest_held is not None
    assert report.oldest_suspended is not None
    assert (stage.clock.now() - report.oldest_held).days < 27
    assert (stage.clock.now() - report.oldest_suspended).days >= 27


def test_one_sweep_runs_at_a_time(stage: Stage) -> None:
    """Another one's lease ends it at once; out of time it counts no more."""
    stage.create()
    stage.ledger.ledger.begin_sweep("another", stage.clock.now() + timedelta(minutes=5))
    report = stage.sweep()
    assert not report.ran
    assert stage.emulator.calls[-1].operation == "CreateJob"
    stage.advance(minutes=5)
    assert stage.sweep().ran
    assert stage.updates == ["Ready"]


# --- What makes holds due ---------------------------------------------------------------------------


def test_other_policies_make_every_hold_due(stage: Stage) -> None:
    """Once: evaluated by the new ones they are due as ever."""
    stage.enforce(HOLD_ALL)
    small, large = stage.create(2), stage.create(5)
    stage.sweep()
    stage.advance(minutes=1)
    stage.enforce(UP_TO_THREE.replace("    on_violation: cancel\n", ""))
    assert stage.sweep().due == 2
    assert (stage.status(small), stage.state(large).phase) == ("Ready", Phase.HELD)
    assert stage.sweep().due == 0


def test_the_same_policies_written_otherwise_make_nothing_due(stage: Stage) -> None:
    """It is their meaning that counts."""
    stage.enforce(HOLD_ALL)
    stage.create()
    stage.sweep()
    stage.enforce("# a remark\n" + HOLD_ALL)
    assert stage.sweep().due == 0


def test_a_job_in_the_console_s_hands_between_listing_and_review_is_seen_as_it_is(stage: Stage) -> None:
    """A listing is a hint."""
    stage.enforce(APPROVE_ALL)
    ref = stage.create()
    stage.script.before("snapshot", lambda: stage.update_as_a_person(ref, "Cancelled"))
    report = stage.sweep()
    assert (dict(report.did), stage.updates) == ({"nothing": 1}, [])


def test_many_workers_decide_each_job_once(stage: Stage) -> None:
    """As one would."""
    refs: list[Any] = [stage.create(2 if number % 2 else 5) for number in range(30)]
    stage.breaker = type(stage.breaker)(100, timedelta(minutes=10))
    report = stage.sweep(workers=8)
    assert dict(report.did) == {"approved": 15, "cancelled": 15}
    assert len(stage.updates) == 30
    assert all(stage.state(ref).outcome is Outcome.APPLIED for ref in refs)


# --- Items that can't be read -----------------------------------------------------------------------


def test_an_item_that_can_not_be_read_is_reported_and_the_others_are_swept(stage: Stage) -> None:
    """Once a sweep each, as a trouble, so that an alarm rings; its job is left alone, new or due as it may be."""
    good, broken = stage.create(), stage.create()
    stage.ledger.ledger.unreadable |= {broken, None}
    report = stage.sweep()
    assert (stage.status(good), stage.status(broken)) == ("Ready", "Suspended")
    assert {(what, type(error)) for what, error in report.errors} == {
        (broken.arn, UnreadableItemError),
        ("ledger", UnreadableItemError),
    }
    assert (report.failed, dict(report.did)) == (2, {"approved": 1})


def test_a_review_of_a_job_whose_item_can_not_be_read_decides_nothing(stage: Stage) -> None:
    """Nor does a person."""
    broken = stage.create()
    stage.ledger.ledger.unreadable.add(broken)
    with pytest.raises(UnreadableItemError):
        stage.review(broken)
    with pytest.raises(UnreadableItemError):
        stage.decide(broken, RequestedAction.APPROVE)
    assert stage.updates == []


def test_a_pause_that_can_not_be_read_counts_as_one(stage: Stage) -> None:
    """The claims are refused by what is there, whatever it says; the sweep goes on."""
    stage.enforce(HOLD_ALL)
    ref = stage.create()
    stage.script.before("pause", raising(UnreadableItemError("GATE: can't be read")))
    report = stage.sweep()
    assert (report.paused, report.failed, dict(report.did)) == (True, 1, {"held": 1})
    assert stage.state(ref).phase is Phase.HELD


def test_the_digest_tells_of_what_can_be_read(stage: Stage) -> None:
    """People hear of the other holds."""
    stage.enforce(HOLD_ALL)
    good, broken = stage.create(), stage.create()
    stage.review(good)
    stage.ledger.ledger.unreadable.add(broken)
    report = stage.sweep()
    assert [item.ref for item in report.waiting] == [good]


# --- Reviews that do not end ------------------------------------------------------------------------


@dataclass
class Stuck:
    """Reviews that wait for something outside, while the sweep's time goes by."""

    stage: Stage
    released: Event = field(default_factory=Event)

    def wait(self) -> None:
        """Let nearly all of the sweep's time go by, and then wait."""
        self.stage.advance(seconds=(self.stage.time_left - timedelta(seconds=2)).total_seconds() / WORKERS)
        self.released.wait(60)


WORKERS = 4


def test_reviews_that_do_not_end_keep_no_sweep_from_writing_what_it_did(stage: Stage) -> None:
    """It ends in time, says which reviews it cut off and how many it did not come to, and gives its lease back."""
    stage.enforce(HOLD_ALL)
    stage.time_left = timedelta(seconds=60)
    refs = [stage.create(1) for _ in range(16)]
    stuck = Stuck(stage)
    stage.script.before("snapshot", *[stuck.wait] * WORKERS)
    report = stage.sweep(workers=WORKERS)
    stuck.released.set()
    assert (report.cut_off, report.failed, report.left) == (WORKERS, WORKERS, len(refs) - WORKERS)
    assert all(isinstance(trouble, OutOfTimeError) for _, trouble in report.errors)
    assert "end_sweep" in stage.script.effects
    assert stage.ledger.ledger.sweep is None


def test_what_was_cut_off_or_failed_comes_last_the_next_time(stage: Stage) -> None:
    """Sixteen jobs that fail each time, all due the longest: the seventeenth is decided all the same."""
    stage.enforce(APPROVE_ALL)
    stage.time_left = TIME_FOR_ONE_REVIEW + timedelta(seconds=16)
    refs = [stage.create(1) for _ in range(17)]
    bad = set(refs[:16])

    def fail() -> None:
        stage.advance(seconds=1)
        raise JobsApiError("S3 does not answer")

    stage.script.before("snapshot", *[fail] * 16)
    first = stage.sweep()
    assert (first.failed, first.left) == (16, 1)
    assert stage.memory.failed == bad
    assert all(stage.status(ref) == "Suspended" for ref in refs)
    stage.script.before("snapshot", lambda: None, *[fail] * 16)
    second = stage.sweep()
    assert stage.status(refs[16]) != "Suspended"
    assert second.did["approved"] == 1
    stage.sweep()
    assert {ref for ref in refs if stage.status(ref) == "Suspended"} <= stage.memory.failed
