"""A state machine: the emulator against a second, simpler account of what happens to a job.

The model knows no table of transitions. It keeps for each job a plan, the statuses it will
have and when, written down at creation from the User Guide's prose; a request cuts the plan
short and writes a new end.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from s3batch_emulator import connect
from s3batch_emulator.testing import EmulatedBatch

from .job_requests import ACCOUNT, BUCKET, client, job_request, manifest

GONE = "gone"
ENDS = {"Complete", "Cancelled", "Failed"}
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


@dataclass
class Planned:
    """What should happen to a job."""

    plan: list[tuple[datetime, str]]
    total: int | None
    runs_for: timedelta
    reason: str | None = None
    priority: int = 42
    tags: dict[str, str] = field(default_factory=dict)

    def status(self, now: datetime) -> str:
        """Where the plan is by now."""
        return [status for at, status in self.plan if at <= now][-1]

    def history(self, now: datetime) -> list[tuple[datetime, str]]:
        """What of the plan has happened."""
        return [(at, status) for at, status in self.plan if at <= now and status != GONE]

    def replan(self, now: datetime, *end: tuple[timedelta, str]) -> None:
        """Forget what has not happened yet; go on like this instead."""
        self.plan = [step for step in self.plan if step[0] <= now]
        at = now
        for wait, status in end:
            at += wait
            self.plan.append((at, status))
        self.plan.append((at + 90 * DAY, GONE))

    @property
    def run(self) -> list[tuple[timedelta, str]]:
        """From Ready to the end."""
        return [(SECOND, "Active"), (self.runs_for, "Completing"), (SECOND, "Complete")]


class JobsAgainstTheirPlans(RuleBasedStateMachine):
    """Create, confirm, cancel, tag, wait, in any order; every job stays on its plan."""

    jobs = Bundle("jobs")

    @initialize()
    def begin(self) -> None:
        """An emulator and a client."""
        self.batch = EmulatedBatch()
        self.s3control = connect(client(), self.batch.emulator)
        self.planned: dict[str, Planned] = {}

    @property
    def now(self) -> datetime:
        """The clock's present."""
        return self.batch.clock.now()

    @rule(
        target=jobs,
        confirmation=st.sampled_from([None, True, False]),
        tasks=st.integers(0, 500),
        broken=st.booleans(),
    )
    def create(self, confirmation: bool | None, tasks: int, broken: bool) -> Any:
        """A job whose manifest is readable or not."""
        body = b"b,k,too,many\n" if broken else b"b,k\n" * tasks
        # A key of its own: a manifest that is overwritten while its job is Preparing fails that job.
        key = f"{len(self.planned)}.csv"
        asked = job_request(
            self.batch.objects,
            ConfirmationRequired=confirmation,
            Manifest=manifest(self.batch.objects.put(BUCKET, key, body), key=key),
        )
        job_id = str(self.s3control.create_job(**asked)["JobId"])
        planned = Planned([(self.now, "New")], None if broken else tasks, timedelta(seconds=tasks / 100))
        start = [(SECOND, "Preparing")]
        if broken:
            planned.replan(self.now, *start, (2 * SECOND, "Failing"), (SECOND, "Failed"))
        elif confirmation is False:
            planned.replan(self.now, *start, (2 * SECOND, "Ready"), *planned.run)
        else:
            planned.replan(self.now, *start, (2 * SECOND, "Suspended"), (30 * DAY, "Failed"))
        self.planned[job_id] = planned
        return job_id

    @rule(seconds=st.one_of(st.floats(0, 10), st.sampled_from([1.0, 2.0, 86400.0 * 30, 86400.0 * 90])))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.batch.advance(seconds=seconds)

    @rule(job=jobs, reason=st.one_of(st.none(), st.text("abc ü", min_size=1)))
    def confirm(self, job: str, reason: str | None) -> None:
        """Ready is for Suspended jobs."""
        planned = self.planned[job]
        allowed = planned.status(self.now) == "Suspended"
        if self._update(job, "Ready", reason, "Ready" if allowed else None):
            planned.replan(self.now, (timedelta(0), "Ready"), *planned.run)

    @rule(job=jobs, reason=st.one_of(st.none(), st.text("abc ü", min_size=1)))
    def cancel(self, job: str, reason: str | None) -> None:
        """Cancelled is for jobs that have not ended and are not ending."""
        planned = self.planned[job]
        status = planned.status(self.now)
        if status == "Active":
            if self._update(job, "Cancelled", reason, "Cancelling"):
                planned.replan(self.now, (timedelta(0), "Cancelling"), (SECOND, "Cancelled"))
        elif self._update(
            job, "Cancelled", reason, "Cancelled" if status in {"New", "Preparing", "Suspended", "Ready"} else None
        ):
            planned.replan(self.now, (timedelta(0), "Cancelled"))

    def _update(self, job: str, requested: str, reason: str | None, expected: str | None) -> bool:
        said = {"StatusUpdateReason": reason} if reason is not None else {}
        gone = self.planned[job].status(self.now) == GONE
        ask = partial(
            self.s3control.update_job_status, AccountId=ACCOUNT, JobId=job, RequestedJobStatus=requested, **said
        )
        if expected is None:
            with pytest.raises(ClientError, match="NotFoundException" if gone else "JobStatusException"):
                ask()
            return False
        assert ask()["Status"] == expected
        self.planned[job].reason = reason
        return True

    @rule(job=jobs, priority=st.integers(0, 2**31 - 1))
    def prioritize(self, job: str, priority: int) -> None:
        """A priority can be changed until the end."""
        ended = self.planned[job].status(self.now) in {*ENDS, GONE}
        ask = partial(self.s3control.update_job_priority, AccountId=ACCOUNT, JobId=job, Priority=priority)
        if ended:
            with pytest.raises(ClientError):
                ask()
            return
        assert ask()["Priority"] == priority
        self.planned[job].priority = priority

    @rule(job=jobs, tags=st.dictionaries(st.text("abü", min_size=1, max_size=3), st.text("xy ", max_size=3)))
    def tag(self, job: str, tags: dict[str, str]) -> None:
        """Tags can be changed as long as the job is known."""
        if self.planned[job].status(self.now) != GONE:
            sent = [{"Key": key, "Value": value} for key, value in tags.items()]
            self.s3control.put_job_tagging(AccountId=ACCOUNT, JobId=job, Tags=sent)
            self.planned[job].tags = tags

    @rule(job=jobs)
    def look_closely(self, job: str) -> None:
        """Whole history, tags, size and reason of one job."""
        planned = self.planned[job]
        if planned.status(self.now) == GONE:
            return
        history = self.batch.emulator.job(job).history
        assert [(at, status.value) for at, status in history] == planned.history(self.now)
        described = self.s3control.describe_job(AccountId=ACCOUNT, JobId=job)["Job"]
        assert described.get("StatusUpdateReason") == planned.reason
        assert described["Priority"] == planned.priority
        shown = described["ProgressSummary"].get("TotalNumberOfTasks")
        was_read = any(status in {"Suspended", "Ready"} for _, status in history_names(history))
        unknown = 0 if planned.status(self.now) == "Failed" else None
        assert shown == (planned.total if was_read else unknown)
        tags = self.s3control.get_job_tagging(AccountId=ACCOUNT, JobId=job)["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in tags} == planned.tags

    @invariant()
    def every_job_is_on_its_plan(self) -> None:
        """ListJobs shows every job that is not gone, in the status of its plan."""
        listed = self.s3control.list_jobs(AccountId=ACCOUNT)["Jobs"]
        expected = {job: planned.status(self.now) for job, planned in self.planned.items()}
        assert {job["JobId"]: job["Status"] for job in listed} == {
            job: status for job, status in expected.items() if status != GONE
        }

    @invariant()
    def every_change_was_announced_once(self) -> None:
        """The events of a job are its history, in order."""
        announced: dict[str, list[str]] = {job: [] for job in self.planned}
        for event in self.batch.events:
            said = event["detail"]["serviceEventDetails"]
            announced[said["jobId"]].append(said["status"])
        assert announced == {
            job: [status for _, status in planned.history(self.now)] for job, planned in self.planned.items()
        }


def history_names(history: Any) -> list[tuple[datetime, str]]:
    """A history with S3's words."""
    return [(at, status.value) for at, status in history]


JobsAgainstTheirPlans.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestJobsAgainstTheirPlans = JobsAgainstTheirPlans.TestCase
