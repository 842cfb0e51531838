"""A replay of recorded jobs comes to what the gate came to: verdict, reason and instant."""

import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from batchgate.aws.ledger_items import record_of, review_item
from batchgate.aws.pace import Unhurried
from batchgate.errors import RefusedError
from batchgate.gate.ports import Unreadable
from batchgate.gate.review import review_job
from batchgate.gate.state import Outcome, Phase, RequestedAction, State
from batchgate.jobs.model import DateSurvives, JobRef
from batchgate_cli.authoring import policy_file
from batchgate_cli.replay.comparison import Change, Row
from batchgate_cli.replay.course import End, Fate, course_of_job, follow
from batchgate_cli.replay.ledger_jobs import ledger_jobs
from batchgate_cli.replay.reasons import DecidedBy
from batchgate_cli.replay.recorder import Source, record
from batchgate_cli.replay.recording import read_recording
from batchgate_cli.replay.replaying import PastJob, recorded_jobs, replay
from s3batch_emulator import Delays, Switches
from s3batch_emulator.testing import START
from tests.flow.stage import ACCOUNT, Stage

pytestmark = pytest.mark.slow

AT_ONCE = Delays.every(timedelta(0))
"""The gate reviews a job the instant that it is Suspended, so that its instants are those of S3's dates."""

SETS = (
    """
version: 1
cancel_grace: {grace}
{held_after}
calendars:
  nights: {{timezone: Europe/Berlin, open: [{{days: [mon, tue, wed, thu, fri], from: "22:00", to: "06:00"}}]}}
  weekends: {{timezone: America/New_York, open: [{{days: [sat, sun]}}]}}
guardrails:
  - name: teams
    require:
      - tags: {{team: {{present: true}}}}
        on_violation: cancel
        message: every job names its team
  - name: retention
    match: [{{operation: S3PutObjectRetention}}]
    require:
      - operation_parameters: {{S3PutObjectRetention.Retention.RetainUntilDate: {{within: 900d}}}}
  - name: not-on-weekends
    match: [{{total_tasks: {{at_least: 5}}}}]
    require: [{{window: {{not: weekends}}}}]
policies:
  - name: small
    match: [{{operation: S3PutObjectTagging}}]
    require: [{{total_tasks: {{at_most: 3}}}}]
  - name: large
    match: [{{total_tasks: {{at_least: 3}}}}]
    require: [{{window: nights}}, {{priority: {{at_most: 5}}}}]
  - name: by-hand
    match: [{{tags: {{stage: prod}}}}]
    require: [{{manual_approval: required}}]
""",
    """
version: 1
unmatched: {unmatched}
cancel_grace: {grace}
{held_after}
calendars:
  mornings: {{timezone: Asia/Tokyo, open: [{{days: [mon, wed], from: "06:00", to: "11:30"}}]}}
policies:
  - name: mornings
    match: [{{tags: {{team: [ops, data]}}}}, {{window: mornings}}]
    require: [{{total_tasks: {{at_most: 4}}}}]
    on_violation: cancel
  - name: ops
    match: [{{tags: {{team: ops}}}}]
    require:
      - priority: {{at_least: 2}}
        on_violation: cancel
        grace: 2d
      - description: "CHG-*"
        unless: [{{priority: {{at_least: 7}}}}]
exceptions:
  - name: this-month
    lifts: [ops]
    match: [{{total_tasks: {{at_most: 2}}}}]
    expires: 2026-12-03
    because: CHG-1
""",
)


BUDGETED = """
version: 1
budgets:
  - {name: team-week, each: {tag: team}, per: week, timezone: Europe/Berlin, jobs: 1, objects: 7}
  - {name: all-month, per: month, timezone: America/New_York, objects: 15}
guardrails:
  - name: everything
    require: [{budget: all-month}]
policies:
  - name: teams
    match: [{operation: S3PutObjectTagging}]
    require: [{budget: team-week}, {total_tasks: {at_most: 6}}]
"""


def policies_of(choose: random.Random) -> str:
    """A policy set with some limits of time."""
    return choose.choice(SETS).format(
        grace=choose.choice(["0s", "5m", "36h", "20d"]),
        held_after=choose.choice(["", "cancel_held_after: 3d", "cancel_held_after: 21d"]),
        unmatched=choose.choice(["hold", "cancel"]),
    )


def create(stage: Stage, choose: random.Random) -> JobRef:
    """A job of any size, priority and tags."""
    tags = {"team": choose.choice(["ops", "data"])} if choose.random() < 0.8 else {}
    tags |= {"stage": "prod"} if choose.random() < 0.2 else {}
    more: dict[str, Any] = {"Description": choose.choice(["CHG-12", "nightly"])} if choose.random() < 0.5 else {}
    if choose.random() < 0.3:
        until = f"20{choose.randint(27, 30)}-01-01T00:00:00Z"
        more["Operation"] = {"S3PutObjectRetention": {"Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": until}}}
    return stage.create(choose.randint(1, 7), tags=tags, Priority=choose.randint(1, 9), **more)


class History(NamedTuple):
    """Some weeks of a gate.

    Attributes:
        by_people: When people first decided some of the jobs, by the gate or outside.
        again: How often the gate looked at its holds.
        remembered: Whether S3 remembers that a job was Suspended.
    """

    stage: Stage
    refs: list[JobRef]
    by_people: dict[JobRef, datetime]
    again: timedelta
    remembered: bool


def history(choose: random.Random, text: str = "") -> History:
    """The gate reviews each job when it is Suspended and whenever it is due; people decide some."""
    remembered = choose.random() < 0.5
    stage = Stage(text or policies_of(choose), delays=AT_ONCE, switches=Switches(suspension_remembered=remembered))
    stage.breaker = replace(stage.breaker, cancellations=1000)
    again = choose.choice([timedelta(hours=31), timedelta(days=31)])
    refs: list[JobRef] = []
    by_people: dict[JobRef, datetime] = {}

    def review(ref: JobRef) -> None:
        review_job(ref, replace(stage.gate, review_again_after=again))

    def held() -> list[tuple[Any, JobRef]]:
        states = [stage.state(ref) for ref in refs]
        return sorted((each.due_at, each.ref) for each in states if each.phase is Phase.HELD and each.due_at)

    for _ in range(choose.randint(2, 6)):
        refs.append(create(stage, choose))
        review(refs[-1])
        until = stage.clock.now() + timedelta(minutes=choose.randint(1, 60 * 24 * 12))
        while (due := held()) and due[0][0] <= until:
            stage.clock.advance(due[0][0] - stage.clock.now())
            review(due[0][1])
        stage.clock.advance(until - stage.clock.now())
        if due and choose.random() < 0.3:
            ref = choose.choice(due)[1]
            approves = choose.random() < 0.6
            by_people.setdefault(ref, stage.clock.now())
            if choose.random() < 0.5:
                stage.update_as_a_person(ref, "Ready" if approves else "Cancelled")
                review(ref)
            else:
                with suppress(RefusedError):  # where it is cancelled in the end, whoever approves it
                    stage.decide(ref, RequestedAction.APPROVE if approves else RequestedAction.CANCEL)
    return History(stage, refs, by_people, again, remembered)


def recorded(stage: Stage, folder: Path) -> list[PastJob]:
    """The stage's jobs, recorded and read again."""
    file = folder / "jobs.ndjson"
    record(Source(stage.person, ACCOUNT, Unhurried(), stage.clock.now), file, redact=False, watch=lambda _: None)
    return [*recorded_jobs(read_recording(file), DateSurvives.UNKNOWN, stage.clock.now())]


def steps_of(fate: Fate) -> list[tuple[Any, ...]]:
    """What a replay found, in the words of the ledger."""
    ends = {End.EXPIRED: "cancelled"}
    return [
        (each.at, ends.get(each.end, str(each.end)), each.reason, each.until, each.cancels_at) for each in fate.steps
    ]


def reviews_of(stage: Stage, ref: JobRef) -> list[tuple[Any, ...]]:
    """What the gate kept of its reviews."""
    kept = [each for each in stage.recorded if each.ref == ref and each.verdict]
    return [
        (
            each.at,
            str(each.action),
            each.reason,
            *((each.until, each.cancels_at) if each.action == "held" else (None, None)),
        )
        for each in kept
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_a_replay_comes_to_what_the_gate_came_to(seed: int) -> None:
    """Every hold that was news and every decision, at the same instant, with the same reason.

    Of what people decided the part before. A job that ended unconfirmed is not known to have waited if S3 forgets it.
    """
    stage, refs, by_people, again, remembered = history(random.Random(seed))
    policies = stage.source.enforced
    assert policies is not None
    with TemporaryDirectory() as folder:
        past = {each.job.ref: each for each in recorded(stage, Path(folder))}
    assert past.keys() == {*refs}
    for ref in refs:
        job = past[ref]
        if not job.known:
            assert not remembered
            assert stage.status(ref) in ("Cancelled", "Failed")
            continue
        fate = follow(
            course_of_job(policies, job.job, job.known, end=job.ends, claim_id=job.claim_id, review_again_after=again)
        )
        real, replayed = reviews_of(stage, ref), steps_of(fate)
        if ref in by_people:
            before = [each for each in real if each[0] < by_people[ref]]
            assert before
            assert replayed[: len(before)] == before
        else:
            assert replayed == real
        seldom = follow(course_of_job(policies, job.job, job.known, end=job.ends, claim_id=job.claim_id))
        assert (seldom.end.end, seldom.steps[0]) == (fate.end.end, fate.steps[0])
        assert seldom.end.end is End.HELD or seldom.end == fate.end


def rows_of(stage: Stage, text: str) -> Sequence[Row]:
    """A replay of the stage's jobs by these policies."""
    with TemporaryDirectory() as folder:
        return replay(recorded(stage, Path(folder)), policy_file.load_text(text), None, "test").rows


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_the_same_policies_change_nothing(seed: int) -> None:
    """Whatever happened is what a replay with the same policies says; people's decisions are theirs."""
    stage, refs, _, _, remembered = history(random.Random(seed))
    rows = rows_of(stage, _text_of(stage))
    assert len(rows) == len(refs)
    allowed = {Change.SAME} if remembered else {Change.SAME, Change.UNKNOWN}
    assert {row.change for row in rows} <= allowed


class KeptLedger(NamedTuple):
    """What the table would have of a stage's ledger."""

    stage: Stage

    def open_items(self) -> Iterator[State]:
        """What is not settled."""
        return (each for each in self.stage.ledger.ledger.states.values() if each.phase is not Phase.SETTLED)

    def settled(self, since: datetime, before: datetime) -> Iterator[State | Unreadable]:
        """What is."""
        states = self.stage.ledger.ledger.states.values()
        return (each for each in states if each.decided_at is not None and since <= each.decided_at < before)

    def history(self, ref: JobRef) -> list[dict[str, Any]]:
        """The reviews as they are written to the table and read again."""
        kept = [each for each in self.stage.recorded if each.ref == ref]
        return [record for each in kept if (record := record_of(review_item(each, 1))) is not None]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_the_ledger_is_replayed_exactly(seed: int) -> None:
    """By policy and by people's approvals: the same end, reason and instant as the gate's own decision."""
    stage, refs, _, _, _ = history(random.Random(seed))
    now = stage.clock.now()
    loaded = policy_file.load_text(_text_of(stage))
    rows = replay(ledger_jobs(KeptLedger(stage), START, now + timedelta(seconds=1), []), loaded, None, "test").rows
    assert {row.job_id for row in rows} == {ref.job_id for ref in refs}
    for row in rows:
        state = stage.state(next(ref for ref in refs if ref.job_id == row.job_id))
        outside = state.outcome is Outcome.SUPERSEDED
        assert row.change is (Change.UNKNOWN if outside else Change.SAME)
        by_policies = state.outcome is Outcome.APPLIED and state.decided_by.startswith(state.policy_version)
        if by_policies:
            assert (row.after.reason, row.after.at) == (state.reason, row.before.at)
            assert row.after.by is (DecidedBy.PEOPLE if state.people else DecidedBy.POLICY)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
@example(seed=274101198)  # two jobs of one account, reviewed at one instant
def test_budgets_are_summed_up_as_the_gate_did(seed: int) -> None:
    """From the ledger exactly: each end, reason and instant, whatever others decided in between."""
    stage, refs, _, _, _ = history(random.Random(seed), BUDGETED)
    loaded, now = policy_file.load_text(BUDGETED), stage.clock.now()
    rows = replay(ledger_jobs(KeptLedger(stage), START, now + timedelta(seconds=1), []), loaded, None, "test").rows
    assert {row.job_id for row in rows} == {ref.job_id for ref in refs}
    for row in rows:
        state = stage.state(next(ref for ref in refs if ref.job_id == row.job_id))
        outside = state.outcome is Outcome.SUPERSEDED
        assert row.change is (Change.UNKNOWN if outside else Change.SAME)
        if state.outcome is Outcome.APPLIED and state.decided_by.startswith(state.policy_version):
            assert (row.after.reason, row.after.at) == (state.reason, row.before.at)


def _text_of(stage: Stage) -> str:
    """The policies of a history as they were written."""
    assert stage.source.enforced is not None
    version = stage.source.enforced.version
    return next(each for each in _every_set() if policy_file.load_text(each).policies.version == version)


def _every_set() -> list[str]:
    return [
        each.format(grace=grace, held_after=held_after, unmatched=unmatched)
        for each in SETS
        for grace in ("0s", "5m", "36h", "20d")
        for held_after in ("", "cancel_held_after: 3d", "cancel_held_after: 21d")
        for unmatched in ("hold", "cancel")
    ]


NIGHTS = """
version: 1
calendars:
  nights: {timezone: UTC, open: [{days: [mon, tue, wed, thu, fri, sat, sun], from: "22:00", to: "06:00"}]}
policies:
  - name: at-night
    match: [{operation: S3PutObjectTagging}]
    require: [{window: nights}]
"""


@pytest.mark.parametrize(("seconds_left", "approved_at"), [(60, "05:59"), (6, "05:59"), (5, "22:00"), (2, "22:00")])
def test_a_window_that_closes_before_the_update_would_arrive_is_not_used(seconds_left: int, approved_at: str) -> None:
    """The gate withdraws its claim then, and waits for the next window."""
    stage = Stage(NIGHTS, delays=AT_ONCE)
    stage.clock.advance(START.replace(hour=6, minute=0) + timedelta(days=1, seconds=-seconds_left) - stage.clock.now())
    ref = stage.create(2)
    stage.review(ref)
    while (state := stage.state(ref)).phase is Phase.HELD and state.due_at is not None:
        stage.clock.advance(max(state.due_at - stage.clock.now(), timedelta(seconds=1)))
        stage.review(ref)
    with TemporaryDirectory() as folder:
        [job] = recorded(stage, Path(folder))
    assert stage.source.enforced is not None
    fate = follow(course_of_job(stage.source.enforced, job.job, job.known, end=job.ends, claim_id=job.claim_id))
    assert f"{fate.end.at:%H:%M}" == approved_at
    assert steps_of(fate)[-1] == reviews_of(stage, ref)[-1]
