"""The gate's flow on a stage: the real review and the real boto3 clients before an emulator in this process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import chain, count
from typing import Any

import boto3
from botocore.config import Config

from batchgate.aws.s3control import CONFIG, S3Control
from batchgate.contract import MANIFEST_BYTES_AT_MOST
from batchgate.errors import LedgerError, PolicyUnavailableError
from batchgate.gate.manifest_reading import ManifestReadings, ReadingSteps
from batchgate.gate.people import cancel_for, record_approval
from batchgate.gate.ports import (
    CircuitBreaker,
    Heartbeat,
    JobSnapshot,
    ListedJob,
    NoRequesters,
    Notified,
    Pause,
    Ports,
    Requesters,
    Review,
    Unreadable,
)
from batchgate.gate.review import review_job
from batchgate.gate.state import RequestedAction, State
from batchgate.gate.sweep import Memory, Plan, SweepReport, sweep_jobs
from batchgate.jobs.events import parse_job_event
from batchgate.jobs.manifest_contents import ManifestContents
from batchgate.jobs.model import DateSurvives, Job, JobRef, JobStatus, RequestedStatus
from batchgate.manifest.plan import RANGE_BYTES
from batchgate.policy.amounts import Amounts, BudgetAccount
from batchgate.policy.compiled import PolicySet
from batchgate.policy.evidence import digest_of_job
from batchgate.policy.facts import Gap
from batchgate_cli.authoring import policy_file
from batchgate_cli.local.memory_ledger import MemoryLedger
from batchgate_cli.local.memory_manifests import MemoryMachine, MemoryManifestLedger, MemoryManifestReader
from s3batch_emulator import Delays, Emulator, Event, MemoryObjects, SteppedClock, Switches, connect
from s3batch_emulator import JobSnapshot as EmulatedJob
from s3batch_emulator.testing import START

ACCOUNT = "123456789012"
REGION = "us-east-1"
KIM = f"arn:aws:iam::{ACCOUNT}:user/kim"
CLAIM_IDS = ("5f3a91c2", "0badcafe", "cafebabe", "00000001")

ONCE = CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
"""As `CONFIG`, without its retries and the waits between them."""

BY_A_PERSON = Config(retries={"total_max_attempts": 1})

APPROVE_ALL = """
version: 1
policies:
  - name: anything
    match: [{operation: S3PutObjectTagging}]
    require: []
"""
CANCEL_ALL = """
version: 1
cancel_grace: 0s
policies:
  - name: nothing-at-all
    match: [{operation: S3PutObjectTagging}]
    require: [{total_tasks: {at_most: 0}}]
    on_violation: cancel
"""
HOLD_ALL = """
version: 1
policies:
  - name: by-hand
    match: [{operation: S3PutObjectTagging}]
    require: [{manual_approval: required}]
"""
UP_TO_THREE = """
version: 1
cancel_grace: 0s
policies:
  - name: small
    match: [{operation: S3PutObjectTagging}]
    require: [{total_tasks: {at_most: 3}}]
    on_violation: cancel
"""


@cache
def policies(text: str) -> PolicySet:
    """Read policies as a team writes them; each text once."""
    return policy_file.load_text(text).policies


@cache
def s3control_client(config: Config) -> Any:
    """A real boto3 client, made once for each configuration; `connect` takes it over for each test."""
    return boto3.client(
        "s3control",
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=config,
    )


@dataclass(slots=True)
class Script:
    """What happened in which order, and what is to happen in between.

    Attributes:
        effects: The names of the ports' calls, oldest first.
    """

    effects: list[str] = field(default_factory=list)
    _cues: list[tuple[str, Callable[[], object]]] = field(default_factory=list)
    _numbered: dict[int, Callable[[], object]] = field(default_factory=dict)
    _lost: set[int] = field(default_factory=set)

    def before(self, effect: str, *actions: Callable[[], object]) -> None:
        """Have actions happen just before the next calls of a port, one a call; what they raise, the port raises."""
        self._cues += [(effect, action) for action in actions]

    def before_number(self, number: int, action: Callable[[], object]) -> None:
        """Have an action happen just before the effect of this number, counted from now on and from 0."""
        self._numbered[len(self.effects) + number] = action

    def forget(self) -> None:
        """Drop what was to happen and did not."""
        self._numbered.clear()
        self._lost.clear()

    def lose_answer(self, number: int) -> None:
        """Have the answer of the write with this number be lost: it is made, and the writer gets an error."""
        self._lost.add(len(self.effects) + number)

    def reached(self, effect: str) -> None:
        """Note an effect and let what is cued for it happen."""
        self.effects.append(effect)
        numbered = self._numbered.pop(len(self.effects) - 1, None)
        if numbered is not None:
            numbered()
        for position, (cued, action) in enumerate(self._cues):
            if cued == effect:
                del self._cues[position]
                action()
                return

    @contextmanager
    def write(self, effect: str) -> Iterator[None]:
        """Note a write, whose answer may be lost."""
        number = len(self.effects)
        self.reached(effect)
        yield
        if number in self._lost:
            self._lost.discard(number)
            raise LedgerError("the answer was lost")


def raising(error: Exception) -> Callable[[], None]:
    """An action that fails."""

    def fail() -> None:
        raise error

    return fail


@dataclass(slots=True)
class RecordedLedger:
    """The `DecisionLedger` port: a real ledger that the script may interrupt."""

    script: Script
    ledger: MemoryLedger

    def read(self, ref: JobRef) -> State | None:
        """As the ledger."""
        self.script.reached("read")
        return self.ledger.read(ref)

    def write(self, state: State, *, replacing: State | None, review: Review | None = None) -> State:
        """As the ledger; noted by the phase that is written."""
        with self.script.write(f"write {state.phase}"):
            return self.ledger.write(state, replacing=replacing, review=review)

    def claim(self, state: State, *, replacing: State | None, review: Review, breaker: CircuitBreaker | None) -> State:
        """As the ledger."""
        with self.script.write("claim"):
            return self.ledger.claim(state, replacing=replacing, review=review, breaker=breaker)

    def used(self, accounts: Sequence[BudgetAccount]) -> Mapping[BudgetAccount, Amounts]:
        """As the ledger."""
        self.script.reached("used")
        return self.ledger.used(accounts)

    def opened_at(self) -> datetime:
        """As the ledger."""
        return self.ledger.opened_at()

    def pause(self) -> Pause | None:
        """As the ledger."""
        self.script.reached("pause")
        return self.ledger.pause()

    def open_items(self) -> Iterator[State | Unreadable]:
        """As the ledger."""
        self.script.reached("open_items")
        return self.ledger.open_items()

    def ended(self, refs: Sequence[JobRef]) -> frozenset[JobRef]:
        """As the ledger."""
        self.script.reached("ended")
        return self.ledger.ended(refs)

    def cancelled(self, after: datetime, until: datetime) -> list[State | Unreadable]:
        """As the ledger."""
        self.script.reached("cancelled")
        return self.ledger.cancelled(after, until)

    def notified(self) -> Notified:
        """As the ledger."""
        self.script.reached("notified")
        return self.ledger.notified()

    def set_notified(self, cancelled_until: datetime, holds_until: datetime | None) -> None:
        """As the ledger."""
        self.script.reached("set_notified")
        self.ledger.set_notified(cancelled_until, holds_until)

    def heartbeat(self) -> Heartbeat | None:
        """As the ledger."""
        self.script.reached("heartbeat")
        return self.ledger.heartbeat()

    def set_heartbeat(self, heartbeat: Heartbeat) -> None:
        """As the ledger."""
        self.script.reached("set_heartbeat")
        self.ledger.set_heartbeat(heartbeat)

    def last_event_at(self) -> datetime | None:
        """As the ledger."""
        self.script.reached("last_event_at")
        return self.ledger.last_event_at()

    def note_event(self, instant: datetime) -> None:
        """As the ledger."""
        self.script.reached("note_event")
        self.ledger.note_event(instant)

    def begin_sweep(self, owner: str, until: datetime) -> bool:
        """As the ledger."""
        self.script.reached("begin_sweep")
        return self.ledger.begin_sweep(owner, until)

    def end_sweep(self, owner: str) -> None:
        """As the ledger."""
        self.script.reached("end_sweep")
        self.ledger.end_sweep(owner)


@dataclass(slots=True)
class RecordedJobs:
    """The `JobsApi` port: the real adapter, that the script may interrupt."""

    script: Script
    jobs: S3Control

    def describe(self, ref: JobRef) -> Job:
        """As the adapter."""
        self.script.reached("describe")
        return self.jobs.describe(ref)

    def snapshot(self, ref: JobRef, *, with_tags: bool) -> JobSnapshot:
        """As the adapter."""
        self.script.reached("snapshot")
        return self.jobs.snapshot(ref, with_tags=with_tags)

    def list_jobs(self, account_id: str, statuses: tuple[JobStatus, ...]) -> Iterator[ListedJob]:
        """As the adapter."""
        self.script.reached("list_jobs")
        return self.jobs.list_jobs(account_id, statuses)

    def update_status(self, ref: JobRef, status: RequestedStatus, reason: str) -> None:
        """As the adapter."""
        self.script.reached("update_status")
        self.jobs.update_status(ref, status, reason)


@dataclass(slots=True)
class RecordedManifests:
    """The `ManifestsApi` port: the real readings of the objects of this process."""

    script: Script
    readings: ManifestReadings

    def size(self, job: Job) -> int | Gap:
        """The size of the object whose ETag the job names."""
        self.script.reached("size")
        return self.readings.size(job)

    def contents(self, job: Job) -> ManifestContents | Gap:
        """What is in it."""
        self.script.reached("contents")
        return self.readings.contents(job)


@dataclass(slots=True)
class EnforcedPolicies:
    """The `PolicySource` port: what a test enforces at the moment; None where nothing can be had."""

    enforced: PolicySet | None

    def current(self) -> PolicySet:
        """What is enforced."""
        if self.enforced is None:
            raise PolicyUnavailableError("the test took the policies away")
        return self.enforced


@dataclass(slots=True)
class Told:
    """The `Announcer` port: keeps what is announced."""

    script: Script
    reviews: list[Review] = field(default_factory=list)

    def announce(self, review: Review) -> bool:
        """Keep it."""
        self.script.reached("announce")
        self.reviews.append(review)
        return True


class Stage:
    """One gate and one emulated S3, on one stepped clock."""

    def __init__(
        self,
        text: str = UP_TO_THREE,
        *,
        switches: Switches | None = None,
        delays: Delays | None = None,
        running_slots: int | None = None,
        range_bytes: int = RANGE_BYTES,
        bytes_at_most: int = MANIFEST_BYTES_AT_MOST,
    ) -> None:
        """Enforce policies before an S3 without jobs."""
        self.clock = SteppedClock(START)
        self.objects = MemoryObjects()
        self.events: list[Event] = []
        self.emulator = Emulator(
            self.clock,
            self.objects,
            self.events.append,
            switches,
            region=REGION,
            delays=delays,
            running_slots=running_slots,
            seed=0,
        )
        self.script = Script()
        self.ledger = RecordedLedger(self.script, MemoryLedger(self.clock))
        self.source = EnforcedPolicies(policies(text))
        self.told = Told(self.script)
        self.person = connect(s3control_client(BY_A_PERSON), self.emulator)
        self.s3control = S3Control(
            client=connect(s3control_client(ONCE), self.emulator),
            clock=self.clock,
        )
        self.jobs = RecordedJobs(self.script, self.s3control)
        reader, kept = MemoryManifestReader(self.objects, range_bytes), MemoryManifestLedger()
        self.machine = MemoryMachine()
        self.reading_steps = ReadingSteps(reader, kept, self.clock)
        self.manifests = RecordedManifests(
            self.script, ManifestReadings(reader, kept, self.clock, bytes_at_most, self.machine)
        )
        self.time_left = timedelta(seconds=60)
        self.breaker = CircuitBreaker(20, timedelta(minutes=10))
        self.requesters: Requesters = NoRequesters()
        self.adopt_existing = False
        self.suspended_date_survives = DateSurvives.UNKNOWN
        self.memory = Memory()
        self._claim_ids = chain(CLAIM_IDS, map("{:08x}".format, count(2)))  # no generator: many threads ask

    # --- what happens in the world -----------------------------------------------------------------

    def create(
        self, rows: int = 2, *, until: str = "Suspended", tags: Mapping[str, str] | None = None, **changes: Any
    ) -> JobRef:
        """Create a job that tags the objects of a manifest, and let it get to a status."""
        body = "".join(f"data,key{row}\n" for row in range(rows)).encode()
        etag = self.objects.put("manifests", f"{rows}.csv", body)
        asked = {
            "AccountId": ACCOUNT,
            "Operation": {"S3PutObjectTagging": {"TagSet": []}},
            "Report": {"Enabled": False},
            "Priority": 1,
            "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/batch",
            "Tags": [{"Key": key, "Value": value} for key, value in (tags or {}).items()],
            "Manifest": {
                "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
                "Location": {"ObjectArn": f"arn:aws:s3:::manifests/{rows}.csv", "ETag": etag},
            },
            **changes,
        }
        job_id = str(self.person.create_job(**asked)["JobId"])
        self.emulator.settle_until(job_id, until)
        return JobRef("aws", REGION, ACCOUNT, job_id)

    def enforce(self, text: str) -> None:
        """Put other policies in force."""
        self.source.enforced = policies(text)

    def update_as_a_person(self, ref: JobRef, status: str, reason: str = "looked at it myself") -> None:
        """Confirm or cancel a job in the console."""
        self.person.update_job_status(
            AccountId=ACCOUNT, JobId=ref.job_id, RequestedJobStatus=status, StatusUpdateReason=reason
        )

    def advance(self, **units: float) -> None:
        """Advance the clock, by `seconds=`, `minutes=`, `days=` as for timedelta."""
        self.clock.advance(timedelta(**units))

    # --- what the gate does ------------------------------------------------------------------------

    @property
    def gate(self) -> Ports:
        """The ports of one invocation that begins now."""
        return Ports(
            jobs=self.jobs,
            manifests=self.manifests,
            policies=self.source,
            ledger=self.ledger,
            announcer=self.told,
            clock=self.clock,
            new_claim_id=lambda: next(self._claim_ids),
            deadline=self.clock.now() + self.time_left,
            breaker=self.breaker,
            requesters=self.requesters,
            adopt_existing=self.adopt_existing,
            suspended_date_survives=self.suspended_date_survives,
        )

    def review(self, ref: JobRef) -> Review:
        """Review a job."""
        return review_job(ref, self.gate)

    def review_event(self, event: Event) -> Review:
        """Review the job of an event."""
        return self.review(parse_job_event(event))

    def decide(
        self, ref: JobRef, requested_action: RequestedAction, why: str = "looked at it myself", *, who: str = KIM
    ) -> Review:
        """Approve or cancel a job as it is."""
        decide = record_approval if requested_action is RequestedAction.APPROVE else cancel_for
        return decide(ref, who, why, self.digest(ref), self.gate)

    def digest(self, ref: JobRef) -> str:
        """What names the job as a person sees it now."""
        snapshot = self.s3control.snapshot(ref, with_tags=True)
        return digest_of_job(snapshot.job, snapshot.tags)

    def sweep(
        self,
        *,
        workers: int = 1,
        calls_per_second: float = 1000,
        owner: str = "this sweep",
        afterwards: Callable[[SweepReport], object] | None = None,
    ) -> SweepReport:
        """Sweep once."""
        plan = Plan("aws", REGION, ACCOUNT, workers, calls_per_second)
        return sweep_jobs(self.gate, plan, self.memory, owner=owner, afterwards=afterwards)

    def outlive_the_lease(self, ref: JobRef) -> None:
        """Advance the clock to the end of a claim's lease."""
        state = self.state(ref)
        assert state.lease_until is not None
        self.clock.advance(state.lease_until - self.clock.now())

    # --- what came of it ---------------------------------------------------------------------------

    def state(self, ref: JobRef) -> State:
        """The gate's truth about a job that it wrote about."""
        state = self.ledger.ledger.read(ref)
        assert state is not None
        return state

    @property
    def recorded(self) -> list[Review]:
        """The ledger's history."""
        return self.ledger.ledger.reviews

    def job(self, ref: JobRef) -> EmulatedJob:
        """A job as S3 has it."""
        return self.emulator.job(ref.job_id)

    def status(self, ref: JobRef) -> str:
        """A job's status as S3 has it."""
        return self.job(ref).status.value

    @property
    def updates(self) -> list[str]:
        """The statuses that S3 was asked for by the gate, oldest first."""
        return [
            str(call.parameters.get("RequestedJobStatus"))
            for call in self.emulator.calls
            if call.operation == "UpdateJobStatus"
            and call.parameters.get("StatusUpdateReason") != "looked at it myself"
        ]

    def count(self, operation: str) -> int:
        """How often S3 was asked for an operation."""
        return sum(call.operation == operation for call in self.emulator.calls)
