"""The life cycle of a job, as a boto3 client sees it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from s3batch_emulator import (
    TRANSITIONS,
    Delays,
    Emulator,
    JobStatus,
    MemoryObjects,
    Pace,
    RealClock,
    SteppedClock,
    Switches,
    connect,
)
from s3batch_emulator.lifecycle import NEXT, TERMINAL, Cause
from s3batch_emulator.testing import START, EmulatedBatch

from .conftest import NewJob
from .job_requests import ACCOUNT, client, job_request

STATUSES = [status.value for status in JobStatus]
ROWS = b"".join(b"employee-records,key-%d\n" % row for row in range(300))


def refused(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    """The code and the HTTP status of a refusal."""
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def statuses(batch: EmulatedBatch, job_id: str) -> list[str]:
    """The statuses that a job has had, in order."""
    return [status.value for _, status in batch.emulator.job(job_id).history]


def reach(batch: EmulatedBatch, s3control: Any, new_job: NewJob, status: str) -> str:
    """A job in any status."""
    match status:
        case "New" | "Preparing" | "Suspended":
            return new_job(status)
        case "Failing" | "Failed":
            return new_job(status, body=b"a,b,c\n")
        case "Ready" | "Active" | "Completing" | "Complete":
            return new_job(status, body=ROWS, ConfirmationRequired=False)
        case "Cancelling" | "Cancelled":
            job_id = new_job("Active", body=ROWS, ConfirmationRequired=False)
            s3control.update_job_status(AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus="Cancelled")
            batch.emulator.settle_until(job_id, status)
            return job_id
    raise AssertionError(status)


def test_a_job_that_must_be_confirmed_waits_suspended(batch: EmulatedBatch, new_job: NewJob) -> None:
    """New, Preparing, Suspended, and no further without a person."""
    job_id = new_job("Suspended", ConfirmationRequired=True)
    batch.advance(days=29)
    assert statuses(batch, job_id) == ["New", "Preparing", "Suspended"]


def test_a_job_created_without_saying_must_be_confirmed(batch: EmulatedBatch, s3control: Any, new_job: NewJob) -> None:
    """ConfirmationRequired omitted asks; DescribeJob leaves it out, as it always does."""
    job_id = new_job("Suspended")
    assert "ConfirmationRequired" not in s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]


def test_a_job_created_with_explicit_false_runs_by_itself(batch: EmulatedBatch, new_job: NewJob) -> None:
    """It is never Suspended."""
    job_id = new_job("Complete", ConfirmationRequired=False)
    assert statuses(batch, job_id) == ["New", "Preparing", "Ready", "Active", "Completing", "Complete"]


def test_confirming_lets_a_job_run_and_it_is_never_suspended_again(
    batch: EmulatedBatch, s3control: Any, new_job: NewJob
) -> None:
    """The response has Ready and the reason; the job then completes."""
    job_id = new_job("Suspended")
    answer = s3control.update_job_status(
        AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus="Ready", StatusUpdateReason="50 % & <ü>"
    )
    assert (answer["Status"], answer["StatusUpdateReason"]) == ("Ready", "50 % & <ü>")
    batch.emulator.settle_until(job_id, "Complete")
    assert statuses(batch, job_id).count("Suspended") == 1


def test_a_suspended_job_says_since_when_why_and_how_large(s3control: Any, new_job: NewJob) -> None:
    """SuspendedDate, SuspendedCause and TotalNumberOfTasks are there once it waits."""
    job = s3control.describe_job(AccountId=ACCOUNT, JobId=new_job("Suspended", body=ROWS))["Job"]
    assert job["SuspendedCause"] == "AwaitingConfirmation"
    assert job["SuspendedDate"] == START + timedelta(seconds=3)
    assert job["ProgressSummary"]["TotalNumberOfTasks"] == 300


@pytest.mark.parametrize("status", ["New", "Preparing"])
def test_the_size_is_absent_while_s3_has_not_read_the_manifest(s3control: Any, new_job: NewJob, status: str) -> None:
    """Absent, not 0: unknown is not small."""
    job = s3control.describe_job(AccountId=ACCOUNT, JobId=new_job(status, body=ROWS))["Job"]
    assert "TotalNumberOfTasks" not in job["ProgressSummary"]


def test_a_job_that_nobody_confirms_fails_after_thirty_days(batch: EmulatedBatch, new_job: NewJob) -> None:
    """Not a moment earlier."""
    job_id = new_job("Suspended")
    batch.advance(days=30, microseconds=-1)
    assert statuses(batch, job_id)[-1] == "Suspended"
    batch.advance(microseconds=1)
    assert statuses(batch, job_id)[-1] == "Failed"


def test_a_job_vanishes_ninety_days_after_its_end(batch: EmulatedBatch, s3control: Any, new_job: NewJob) -> None:
    """DescribeJob and ListJobs know it until then."""
    job_id = new_job("Complete", ConfirmationRequired=False)
    batch.advance(days=90, microseconds=-1)
    assert s3control.list_jobs(AccountId=ACCOUNT)["Jobs"][0]["JobId"] == job_id
    batch.advance(microseconds=1)
    with pytest.raises(ClientError) as error:
        s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)
    assert refused(error) == ("NotFoundException", 400)
    assert s3control.list_jobs(AccountId=ACCOUNT)["Jobs"] == []


ANSWERS = {
    ("New", "Cancelled"): "Cancelled",
    ("Preparing", "Cancelled"): "Cancelled",
    ("Suspended", "Cancelled"): "Cancelled",
    ("Suspended", "Ready"): "Ready",
    ("Ready", "Cancelled"): "Cancelled",
    ("Active", "Cancelled"): "Cancelling",
}


@pytest.mark.parametrize("requested", ["Ready", "Cancelled"])
@pytest.mark.parametrize("status", [status for status in STATUSES if status not in {"Pausing", "Paused"}])
def test_update_job_status_answers_as_the_life_cycle_says(
    batch: EmulatedBatch, s3control: Any, new_job: NewJob, status: str, requested: str
) -> None:
    """What the table does not allow is a JobStatusException that changes nothing."""
    job_id = reach(batch, s3control, new_job, status)
    before = batch.emulator.job(job_id)

    def ask() -> str:
        return str(s3control.update_job_status(AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus=requested)["Status"])

    if (status, requested) in ANSWERS:
        assert ask() == ANSWERS[status, requested]
        return
    with pytest.raises(s3control.exceptions.JobStatusException) as error:
        ask()
    assert refused(error) == ("JobStatusException", 400)
    assert batch.emulator.job(job_id) == before


def test_a_running_job_takes_time_to_cancel(batch: EmulatedBatch, s3control: Any, new_job: NewJob) -> None:
    """Cancelling first; what was done stays done."""
    job_id = new_job("Active", body=ROWS, ConfirmationRequired=False)
    batch.advance(seconds=1)
    s3control.update_job_status(AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus="Cancelled")
    assert statuses(batch, job_id)[-1] == "Cancelling"
    batch.advance(seconds=1)
    assert statuses(batch, job_id)[-1] == "Cancelled"
    assert batch.emulator.job(job_id).tally.done == 100


def test_a_running_job_shows_its_progress(batch: EmulatedBatch, s3control: Any, new_job: NewJob) -> None:
    """Succeeded and failed tasks add up at the pace that the test set."""
    job_id = new_job("Active", body=ROWS, ConfirmationRequired=False)
    batch.emulator.set_pace(job_id, Pace(tasks_per_second=50, failing_share=0.2))
    batch.advance(seconds=2)
    summary = s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]["ProgressSummary"]
    assert summary == {
        "TotalNumberOfTasks": 300,
        "NumberOfTasksSucceeded": 80,
        "NumberOfTasksFailed": 20,
        "Timers": {"ElapsedTimeInActiveSeconds": 2},
    }


def test_complete_does_not_mean_that_every_task_succeeded(batch: EmulatedBatch, new_job: NewJob) -> None:
    """Below 1,000 tasks even a job of nothing but failures completes."""
    job_id = new_job("Active", body=ROWS, ConfirmationRequired=False)
    batch.emulator.set_pace(job_id, Pace(failing_share=1.0))
    batch.emulator.settle_until(job_id, "Complete")
    assert (batch.emulator.job(job_id).tally.failed, batch.emulator.job(job_id).tally.done) == (300, 300)


@pytest.mark.parametrize(("share", "end"), [(0.5, "Complete"), (0.6, "Failed")])
def test_a_job_fails_when_more_than_half_of_a_thousand_tasks_fail(
    batch: EmulatedBatch, new_job: NewJob, share: float, end: str
) -> None:
    """Exactly half is not more than half; the judgement is made at the thousandth task."""
    job_id = new_job("Active", body=ROWS * 4, ConfirmationRequired=False)
    batch.emulator.set_pace(job_id, Pace(failing_share=share))
    batch.emulator.settle_until(job_id, end)
    assert batch.emulator.job(job_id).tally.done == (1200 if end == "Complete" else 1000)


class Crowd:
    """An account whose jobs share few slots; each job runs for 300 seconds once it may."""

    def __init__(self, slots: int) -> None:
        self.batch = EmulatedBatch()
        self.batch.emulator = Emulator(
            self.batch.clock, self.batch.objects, running_slots=slots, pace=Pace(tasks_per_second=1), seed=0
        )
        self.s3control = connect(client(), self.batch.emulator)

    def create(self, priority: int) -> str:
        """A job that needs no confirmation."""
        asked = job_request(self.batch.objects, ROWS, Priority=priority, ConfirmationRequired=False)
        return str(self.s3control.create_job(**asked)["JobId"])

    def status(self, job_id: str) -> str:
        """The present one."""
        return self.batch.emulator.job(job_id).status.value


def test_a_higher_priority_pauses_a_lower_one_and_lets_it_go_on() -> None:
    """With one slot: Active, Pausing, Paused, and Active again once the other has ended; nothing is done twice."""
    crowd = Crowd(slots=1)
    low = crowd.create(1)
    crowd.batch.advance(seconds=104)
    high, same = crowd.create(2), crowd.create(1)
    crowd.batch.emulator.settle_until(high, "Active")
    assert (crowd.status(low), crowd.status(same)) == ("Paused", "Ready")
    for job_id in (low, same):
        crowd.batch.emulator.settle_until(job_id, "Complete")
    assert statuses(crowd.batch, low)[3:] == ["Active", "Pausing", "Paused", "Active", "Completing", "Complete"]
    assert "Paused" not in statuses(crowd.batch, high) + statuses(crowd.batch, same)
    assert crowd.batch.emulator.job(low).tally.done == 300


def test_the_same_priority_waits_for_its_turn() -> None:
    """The older job is not disturbed; of those that wait the highest priority goes first, then the oldest."""
    crowd = Crowd(slots=1)
    first = crowd.create(5)
    crowd.batch.emulator.settle_until(first, "Active")
    second, third, low = crowd.create(5), crowd.create(5), crowd.create(1)
    crowd.batch.advance(seconds=60)
    assert [crowd.status(job_id) for job_id in (first, second, third, low)] == ["Active", "Ready", "Ready", "Ready"]
    crowd.batch.emulator.settle_until(second, "Complete")
    assert [crowd.status(job_id) for job_id in (third, low)] == ["Active", "Ready"]
    assert "Paused" not in statuses(crowd.batch, first) + statuses(crowd.batch, second)


def test_one_job_gives_way_to_one() -> None:
    """A job that is already stopping is counted, so that no second one has to stop as well."""
    crowd = Crowd(slots=2)
    lows = [crowd.create(1), crowd.create(2)]
    crowd.batch.emulator.settle_until(lows[1], "Active")
    high = crowd.create(9)
    crowd.batch.emulator.settle_until(lows[0], "Pausing")
    crowd.s3control.update_job_priority(AccountId=ACCOUNT, JobId=high, Priority=10)
    assert [crowd.status(job_id) for job_id in lows] == ["Pausing", "Active"]
    crowd.batch.emulator.settle_until(high, "Active")
    assert [crowd.status(job_id) for job_id in lows] == ["Paused", "Active"]


def test_raising_a_priority_takes_effect_on_waiting_jobs() -> None:
    """UpdateJobPriority of a Ready job makes a running one give way."""
    crowd = Crowd(slots=1)
    first, second = crowd.create(5), crowd.create(5)
    crowd.batch.advance(seconds=60)
    assert [crowd.status(job_id) for job_id in (first, second)] == ["Active", "Ready"]
    assert crowd.s3control.update_job_priority(AccountId=ACCOUNT, JobId=second, Priority=6)["Priority"] == 6
    assert crowd.status(first) == "Pausing"


@pytest.mark.parametrize(("status", "answer", "lasts"), [("Pausing", "Cancelling", 1.0), ("Paused", "Cancelled", 0.0)])
def test_a_job_that_gave_way_can_be_cancelled(status: str, answer: str, lasts: float) -> None:
    """While Pausing its tasks still have to stop, and that takes its whole time; once Paused nothing runs."""
    crowd = Crowd(slots=1)
    low = crowd.create(1)
    crowd.batch.emulator.settle_until(low, "Active")
    crowd.create(2)
    crowd.batch.emulator.settle_until(low, status)
    crowd.batch.advance(seconds=0.5)
    asked = crowd.s3control.update_job_status(AccountId=ACCOUNT, JobId=low, RequestedJobStatus="Cancelled")
    assert asked["Status"] == answer
    begun = crowd.batch.clock.now()
    crowd.batch.emulator.settle_until(low, "Cancelled")
    assert crowd.batch.clock.now() - begun == timedelta(seconds=lasts)


def test_a_manifest_is_not_read_for_a_job_that_was_cancelled(
    batch: EmulatedBatch, s3control: Any, new_job: NewJob
) -> None:
    """It can't fail any more."""
    job_id = new_job("Preparing", body=b"broken,manifest,here\n")
    s3control.update_job_status(AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus="Cancelled")
    batch.advance(days=1)
    assert statuses(batch, job_id) == ["New", "Preparing", "Cancelled"]
    assert batch.emulator.job(job_id).failures == ()


def test_a_fresh_job_can_be_unknown_for_a_while() -> None:
    """Until it is registered every call but ListJobs answers that there is no such job."""
    clock, objects = SteppedClock(START), MemoryObjects()
    emulator = Emulator(clock, objects, delays=Delays(registered=timedelta(seconds=2)), seed=0)
    s3control = connect(client(), emulator)
    job_id = s3control.create_job(**job_request(objects))["JobId"]
    with pytest.raises(s3control.exceptions.NotFoundException):
        s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)
    clock.advance(timedelta(seconds=2))
    assert s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]["JobId"] == job_id


def test_a_seed_makes_every_id_repeatable() -> None:
    """Two emulators of one seed agree, of two seeds they don't."""

    def first_id(seed: int) -> str:
        objects = MemoryObjects()
        s3control = connect(client(), Emulator(SteppedClock(START), objects, seed=seed))
        return str(s3control.create_job(**job_request(objects, ClientRequestToken="t"))["JobId"])

    assert first_id(7) == first_id(7) != first_id(8)


def test_the_table_has_one_line_for_a_status_and_a_cause_and_none_leaves_an_end() -> None:
    """The life cycle is a function, and its ends are ends."""
    assert len(NEXT) == len(TRANSITIONS)
    assert not [line for line in TRANSITIONS if line.before in TERMINAL]
    assert {line.before for line in TRANSITIONS} | TERMINAL == set(JobStatus)
    assert {line.cause for line in TRANSITIONS} == set(Cause)


def test_a_stepped_clock_stops_at_every_timer_on_the_way() -> None:
    """A great leap gives the same instants as small steps."""

    def history(*steps: float) -> list[tuple[datetime, str]]:
        clock, objects = SteppedClock(START), MemoryObjects()
        emulator = Emulator(clock, objects, seed=0)
        s3control = connect(client(), emulator)
        job_id = s3control.create_job(**job_request(objects, ROWS, ConfirmationRequired=False))["JobId"]
        for step in steps:
            clock.advance(timedelta(seconds=step))
        return [(at, status.value) for at, status in emulator.job(job_id).history]

    assert history(3600) == history(*[0.25] * 14400)
    assert history(3600)[-1] == (datetime(2026, 1, 1, 0, 0, 8, tzinfo=UTC), "Complete")


def test_the_clock_shows_the_instant_of_each_timer_while_it_acts() -> None:
    """However far the clock is advanced at once, a sink that reads it gets the time of the event."""
    batch, seen = EmulatedBatch(), []
    emulator = Emulator(batch.clock, batch.objects, lambda event: seen.append(batch.clock.now()), seed=0)
    s3control = connect(client(), emulator)
    job_id = s3control.create_job(**job_request(batch.objects, ConfirmationRequired=False))["JobId"]
    batch.advance(days=1)
    assert seen == [at for at, _ in emulator.job(job_id).history]


def test_a_late_timer_is_reckoned_from_its_due_instant() -> None:
    """A real clock that was not driven for an hour loses no timer."""
    clock = RealClock()
    ran: list[datetime] = []

    def go_on(at: datetime) -> None:
        ran.append(at)
        clock.schedule(at + timedelta(seconds=1), ran.append)

    due = clock.now() - timedelta(hours=1)
    clock.schedule(due + timedelta(minutes=1), ran.append)
    clock.schedule(due, go_on)
    clock.run_due()
    assert ran == [due, due + timedelta(seconds=1), due + timedelta(minutes=1)]
    assert clock.next_due() is None


def test_without_delays_a_job_waits_by_the_next_request() -> None:
    """What is due now happens before a request is answered."""
    batch = EmulatedBatch()
    s3control = connect(client(), Emulator(batch.clock, batch.objects, delays=Delays.every(timedelta(0)), seed=0))
    job_id = s3control.create_job(**job_request(batch.objects))["JobId"]
    assert s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]["Status"] == "Suspended"


@pytest.mark.parametrize("survives", [True, False])
def test_whether_the_reason_survives_is_a_switch(survives: bool) -> None:
    """The reason is there when it was just set, and later only with the switch."""
    clock, objects = SteppedClock(START), MemoryObjects()
    emulator = Emulator(clock, objects, switches=Switches(reason_survives=survives), seed=0)
    s3control = connect(client(), emulator)
    job_id = s3control.create_job(**job_request(objects, ROWS))["JobId"]
    emulator.settle_until(job_id, "Suspended")
    s3control.update_job_status(AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus="Ready", StatusUpdateReason="why")
    assert emulator.job(job_id).reason == "why"
    emulator.settle_until(job_id, "Active")
    assert emulator.job(job_id).reason == ("why" if survives else None)


@pytest.mark.parametrize("status", ["New", "Preparing"])
def test_whether_ready_is_taken_in_advance_is_a_switch(status: str) -> None:
    """Then the job is never Suspended."""
    clock, objects = SteppedClock(START), MemoryObjects()
    emulator = Emulator(clock, objects, switches=Switches(ready_while_preparing=True), seed=0)
    s3control = connect(client(), emulator)
    job_id = s3control.create_job(**job_request(objects))["JobId"]
    emulator.settle_until(job_id, status)
    answer = s3control.update_job_status(AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus="Ready")
    assert answer["Status"] == status
    emulator.settle_until(job_id, "Complete")
    assert JobStatus.SUSPENDED not in [status for _, status in emulator.job(job_id).history]


@pytest.mark.parametrize("waits", [True, False])
def test_whether_an_omitted_confirmation_waits_is_a_switch(waits: bool) -> None:
    """What was asked for is not: true waits, and false runs, either way."""
    for asked, suspended in ((None, waits), (True, True), (False, False)):
        objects = MemoryObjects()
        emulator = Emulator(SteppedClock(START), objects, switches=Switches(omitted_confirmation_waits=waits), seed=0)
        given = {} if asked is None else {"ConfirmationRequired": asked}
        request = {name: value for name, value in job_request(objects).items() if name != "ConfirmationRequired"}
        job_id = connect(client(), emulator).create_job(**request, **given)["JobId"]
        emulator.settle_until(job_id, "Suspended" if suspended else "Complete")
        assert (JobStatus.SUSPENDED in [status for _, status in emulator.job(job_id).history]) is suspended
