"""The heartbeat: what a sweep leaves for people, and the jobs that no event announced."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgate.errors import JobsApiError, LedgerError
from batchgate.gate.heartbeat import ANNOUNCED_WITHIN, beat
from batchgate.gate.ports import FoundJob, Heartbeat
from batchgate.gate.state import Outcome
from s3batch_emulator import Delays, Switches
from tests.flow.stage import CANCEL_ALL, HOLD_ALL, UP_TO_THREE, Stage, raising

RIPE = {"minutes": ANNOUNCED_WITHIN.total_seconds() / 60}


class Pulse(Stage):
    """A stage whose sweep leaves its heartbeat."""

    def swept(self) -> int:
        """Sweep as the function does; the jobs that no event announced."""
        found: list[int] = []
        self.sweep(afterwards=lambda report: found.append(beat(report, self.gate)))
        return sum(found)

    def announced(self) -> None:
        """An event of any job arrives."""
        self.ledger.note_event(self.clock.now())

    @property
    def left(self) -> Heartbeat:
        """What the last sweep left."""
        heartbeat = self.ledger.heartbeat()
        assert heartbeat is not None
        return heartbeat


@pytest.fixture
def pulse() -> Pulse:
    """A gate that has swept once, and some time ago."""
    stage = Pulse()
    stage.swept()
    stage.advance(hours=1)
    return stage


# --- Jobs that only the sweep found -------------------------------------------------------------------


@pytest.mark.parametrize("policies", [UP_TO_THREE, HOLD_ALL])
@pytest.mark.parametrize("rows", [2, 5])
def test_a_job_without_any_event_counts_once_a_quarter_of_an_hour_later(pulse: Pulse, policies: str, rows: int) -> None:
    """Whatever is decided about it, and however often it is swept before and after."""
    pulse.enforce(policies)
    pulse.create(rows)
    assert pulse.swept() == 0
    for _ in range(14):
        pulse.advance(minutes=1)
        assert pulse.swept() == 0
    pulse.advance(minutes=1)
    assert pulse.swept() == 1
    for _ in range(20):
        pulse.advance(minutes=1)
        assert pulse.swept() == 0


@pytest.mark.parametrize("minutes", [-1.5, 0, 0.5, 14.9])
def test_a_job_that_the_sweep_found_before_its_event_does_not_count(pulse: Pulse, minutes: float) -> None:
    """Events come late; and their arrival is recorded to the minute only, so it may seem older than the job."""
    pulse.announced() if minutes < 0 else None
    pulse.advance(minutes=max(0, -minutes))
    pulse.create()
    assert pulse.swept() == 0
    if minutes >= 0:
        pulse.advance(minutes=minutes)
        pulse.announced()
    pulse.advance(**RIPE)
    assert pulse.swept() == 0
    assert pulse.left.found == ()


def test_a_job_that_an_event_brought_never_counts(pulse: Pulse) -> None:
    """The ledger knows it when the sweep comes, also where recording the event failed."""
    pulse.enforce(HOLD_ALL)
    pulse.review(pulse.create())
    assert pulse.swept() == 0
    assert pulse.left.found == ()


def test_jobs_that_are_older_than_the_first_sweep_do_not_count() -> None:
    """Nothing could have announced them to a gate that was not there."""
    stage = Pulse()
    stage.create()
    stage.advance(minutes=1)
    stage.swept()
    stage.advance(**RIPE)
    assert stage.swept() == 0


def test_a_job_that_was_announced_long_before_it_was_suspended_does_not_count() -> None:
    """S3 prepared it for hours; whether it announces Suspended is documented nowhere."""
    slow = Pulse(delays=Delays(preparing=timedelta(hours=3)))
    slow.swept()
    slow.advance(hours=1)
    ref = slow.create(until="Preparing")
    assert slow.swept() == 0
    slow.announced()
    slow.emulator.settle_until(ref.job_id, "Suspended")
    slow.swept()
    slow.advance(**RIPE)
    assert slow.swept() == 0


def test_a_job_counts_although_sweeps_are_rare(pulse: Pulse) -> None:
    """What was found is in the ledger, not in an instance that may be gone."""
    pulse.create()
    pulse.swept()
    pulse.memory = type(pulse.memory)()
    pulse.advance(hours=5)
    assert pulse.swept() == 1


def test_a_job_whose_review_fails_counts_when_one_has_succeeded(pulse: Pulse) -> None:
    """Once, however often it failed."""
    pulse.create()
    for _ in range(40):
        pulse.script.before("snapshot", raising(JobsApiError("S3 is away")))
        assert pulse.swept() == 0
        pulse.advance(minutes=1)
    pulse.swept()
    pulse.advance(**RIPE)
    assert pulse.swept() == 1


def test_a_running_job_that_did_not_ask_does_not_count(pulse: Pulse) -> None:
    """It is reported as ungated, and nothing waits for it."""
    pulse.create(ConfirmationRequired=False, until="Active")
    pulse.swept()
    pulse.advance(**RIPE)
    assert pulse.swept() == 0


def test_a_running_job_that_the_sweep_cancels_does_not_count() -> None:
    """It did not wait for anything."""
    stage = Pulse(f"{CANCEL_ALL}ungated_jobs: cancel\n", switches=Switches(confirmation_shown=True))
    stage.swept()
    stage.advance(hours=1)
    ref = stage.create(ConfirmationRequired=False, until="Active")
    stage.swept()
    assert stage.state(ref).outcome is Outcome.APPLIED
    assert stage.left.found == ()


@pytest.mark.parametrize("effect", ["heartbeat", "last_event_at", "set_heartbeat"])
def test_what_the_ledger_does_not_take_counts_with_the_next_sweep(pulse: Pulse, effect: str) -> None:
    """Once, and not twice."""
    pulse.create()
    pulse.swept()
    pulse.advance(**RIPE)
    pulse.script.before(effect, raising(LedgerError("the table is away")))
    with pytest.raises(LedgerError):
        pulse.swept()
    assert (pulse.swept(), pulse.swept()) == (1, 0)


@given(st.lists(st.sampled_from(["job", "event", "minute", "hour", "forget"]), max_size=40))
def test_a_job_counts_once_if_no_event_came_since_and_else_never(steps: list[str]) -> None:
    """Any order of jobs, events and sweeps: never more counts than jobs, and none while events come."""
    stage = Pulse()
    stage.swept()
    stage.advance(hours=1)
    jobs, counted, quiet = 0, 0, True
    for step in steps:
        if step == "job":
            stage.create()
            jobs += 1
        elif step == "event":
            stage.announced()
            quiet = False
        elif step == "forget":
            stage.memory = type(stage.memory)()
        else:
            stage.advance(**{f"{step}s": 1})
        counted += stage.swept()
    for _ in range(2):
        stage.advance(**RIPE)
        counted += stage.swept()
    assert counted <= jobs
    if quiet:
        assert counted == jobs


@pytest.mark.parametrize("ahead", [timedelta(days=400), timedelta(minutes=20)])
def test_a_heartbeat_of_a_wrong_clock_silences_nothing(pulse: Pulse, ahead: timedelta) -> None:
    """Its first sweep is in the future, and so is what it found: jobs count as after the first sweep of a right one."""
    later = pulse.clock.now() + ahead
    found = tuple(FoundJob(f"job-{number}", created_at=later, found_at=later) for number in range(300))
    pulse.ledger.set_heartbeat(Heartbeat(swept_at=later, since=later, found=found))
    pulse.swept()
    pulse.advance(minutes=1)
    pulse.create()
    pulse.swept()
    pulse.advance(**RIPE)
    assert pulse.swept() == 1


# --- What people read ---------------------------------------------------------------------------------


def test_a_heartbeat_says_when_the_last_and_the_first_sweep_were(pulse: Pulse) -> None:
    """And what the last one could not do."""
    first = pulse.left.swept_at
    pulse.script.before("snapshot", raising(JobsApiError("S3 is away")))
    pulse.create()
    pulse.swept()
    assert (pulse.left.swept_at, pulse.left.since) == (pulse.clock.now(), first)
    assert (pulse.left.failed, pulse.left.left) == (1, 0)


def test_a_heartbeat_says_since_when_its_policies_are_in_force(pulse: Pulse) -> None:
    """Also while they can't be loaded, and which those were."""
    begun = pulse.left.policy_since
    version = pulse.left.policy_version
    pulse.swept()
    assert (pulse.left.policy_version, pulse.left.policy_since) == (version, begun)
    enforced, pulse.source.enforced = pulse.source.enforced, None
    gone_since = pulse.clock.now()
    pulse.swept()
    pulse.advance(minutes=7)
    pulse.swept()
    assert (pulse.left.policy_version, pulse.left.policy_since) == (version, begun)
    assert (pulse.left.problem, pulse.left.problem_since) == ("the test took the policies away", gone_since)
    pulse.source.enforced = enforced
    pulse.swept()
    assert (pulse.left.policy_since, pulse.left.problem, pulse.left.problem_since) == (begun, "", None)
    pulse.enforce(HOLD_ALL)
    pulse.swept()
    assert (pulse.left.policy_version != version, pulse.left.policy_since) == (True, pulse.clock.now())


def test_a_gate_that_never_had_policies_says_so() -> None:
    """Nothing is in force, and since the first sweep nothing was."""
    stage = Pulse()
    stage.source.enforced = None
    stage.swept()
    assert (stage.left.policy_version, stage.left.policy_since) == ("", None)
    assert stage.left.problem_since == stage.left.since


def test_a_sweep_that_found_another_leaves_nothing(pulse: Pulse) -> None:
    """The other one will."""
    before = pulse.left
    pulse.ledger.ledger.begin_sweep("another", pulse.clock.now() + timedelta(minutes=5))
    pulse.swept()
    assert pulse.left == before
