"""The whole gate before an emulated S3, on one clock, with everything that may go wrong."""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache, lru_cache
from random import Random
from threading import local
from typing import Any, TypeVar, cast

import boto3
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.utils import parse_timestamp
from msgspec import structs

from batchgate.aws import s3control, wiring
from batchgate.aws.s3control import CONFIG, S3Control
from batchgate.errors import (
    AnnounceError,
    BudgetExceededError,
    DeploymentError,
    GateError,
    JobsApiThrottledError,
    LedgerError,
    ManifestsApiError,
    PolicyUnavailableError,
)
from batchgate.gate.ports import CircuitBreaker, JobSnapshot, ListedJob, Notice, Pause, Ports, Review, Unreadable
from batchgate.gate.state import State
from batchgate.gate.sweep import Memory, Plan
from batchgate.handlers import api, job_event
from batchgate.handlers import sweep as sweep_handler
from batchgate.jobs.manifest_contents import ManifestContents
from batchgate.jobs.model import Job, JobRef, JobStatus, RequestedStatus
from batchgate.policy.amounts import Amounts, BudgetAccount
from batchgate.policy.compiled import PolicySet
from batchgate.policy.facts import NOT_READ, Gap, Result
from batchgate_cli.local.memory_ledger import MemoryLedger
from s3batch_emulator import (
    Effect,
    Emulator,
    Event,
    Fault,
    MemoryObjects,
    Pace,
    SteppedClock,
    application,
    connect,
    point_at,
)
from s3batch_emulator.exchange import Ending
from s3batch_emulator.values import with_member
from tests.flow.stage import ACCOUNT, REGION
from tests.verification.soak import records
from tests.verification.soak.actors import Turns
from tests.verification.soak.history import Do, History, Invoke, Setting, Step, Together, Trouble
from tests.verification.soak.people import CALLERS, KIM, request
from tests.verification.soak.policy_pool import document, policy_set

T = TypeVar("T")

ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1}, user_agent="soak")
EVENT_LIFETIME = timedelta(seconds=60)
SWEEP_LIFETIME = timedelta(seconds=300)
API_LIFETIME = timedelta(seconds=29)
TRIES = 3
"""Deliveries of a message until it is a dead letter."""

TROUBLES_AT_MOST = 2
"""That wait for calls of one port."""

UPDATE_IN_FLIGHT_AT_MOST = 4.9
UPDATE_TAKES_AT_MOST = 5
"""Seconds between the gate's last look at the clock and S3; a process that is frozen there for longer never wakes."""

SIGNATURE_LIVES = 900
"""Seconds."""

LEASES_ARE_OVER = timedelta(minutes=25)
"""After the last invocation: no lease of any is live, and no update of any is under way."""

SAID = ("CHG-7", ".", "<b>\x00\n\x1b[2J {'_aws': {}}", "ä" * 300)
HOSTILE = 'no"thing\n<script>alert(1)</script>{"_aws":{"Timestamp":0}}'

READ_FAULTS = (
    Fault(Effect.ERROR, "AccessDenied"),
    Fault(Effect.ERROR, "SlowDown"),
    Fault(Effect.ERROR, "TooManyRequestsException"),
    Fault(Effect.ERROR, "InternalServiceException"),
    Fault(Effect.RESET),
    Fault(Effect.HANG),
    Fault(Effect.HALF_ANSWER),
    Fault(Effect.WRONG_XML),
    Fault(Effect.EMPTY_ANSWER),
    Fault(Effect.ERROR_IN_200),
    Fault(Effect.OTHER_DOCUMENT),
)
REFUSALS = (
    Fault(Effect.ERROR, "AccessDenied"),
    Fault(Effect.ERROR, "SlowDown"),
    Fault(Effect.ERROR, "SlowDown"),
    Fault(Effect.ERROR, "JobStatusException"),
    Fault(Effect.ERROR, "BadRequestException"),
)
LOST_BEFORE = (Fault(Effect.RESET), Fault(Effect.HANG), Fault(Effect.ERROR, "InternalServiceException"))
LOST_AFTER = (
    Fault(Effect.RESET, after_change=True),
    Fault(Effect.HANG, after_change=True),
    Fault(Effect.ERROR, "InternalServiceException", after_change=True),
    Fault(Effect.HALF_ANSWER),
    Fault(Effect.WRONG_XML),
    Fault(Effect.EMPTY_ANSWER),
    Fault(Effect.ERROR_IN_200),
    Fault(Effect.OTHER_DOCUMENT),
)
NO_TAGS = (
    Fault(Effect.WRONG_XML),
    Fault(Effect.EMPTY_ANSWER),
    Fault(Effect.ERROR_IN_200),
    Fault(Effect.OTHER_DOCUMENT),
)
NEW_MEMBERS = (
    ("Operation", "NewOperation"),
    ("Operation", "S3PutObjectTagging", "NewMember"),
    ("Report", "NewMember"),
)


_NOT_FOUND = ("NotFoundException", "NoSuchJobException")


class KilledError(BaseException):
    """The process is gone: nothing of this invocation happens any more."""


class Inline:
    """An executor that does at once what it is given, so that a history depends on its seed alone."""

    def submit(self, call: Callable[..., T], *args: Any) -> Future[T]:
        """Do it."""
        future: Future[T] = Future()
        try:
            future.set_result(call(*args))
        except Exception as error:  # noqa: BLE001 - as an executor does
            future.set_exception(error)
        return future


# --- What a process keeps ---------------------------------------------------------------------------

_here = local()


def _invocation() -> Invocation:
    made: Invocation = _here.invocation
    return made


class Router:
    """Where the clients' requests go: the emulator of the world that is at it."""

    world: World

    def exchange(self, request: Any) -> Any:
        """As the emulator."""
        return self.world.emulator.exchange(request)


@dataclass(slots=True)
class Process:
    """What every history of a process shares: clients, threads, manifests.

    Attributes:
        over_http: The clients go to a server; there nobody waits for what hangs.
    """

    router: Router = field(default_factory=Router)
    turns: Turns = field(default_factory=Turns)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    etags: dict[int, str] = field(default_factory=dict)
    client: Any = None
    console: Any = None
    over_http: bool = False

    def __post_init__(self) -> None:
        """Make the clients, and write the manifests."""
        self.client = _client(CONFIG.merge(ONCE))
        self.console = _client(ONCE)
        self.reach()
        events = self.client.meta.events
        events.register("before-parameter-build.s3-control", _note_job)
        events.register("after-call.s3-control", self._note_answer)
        for rows in range(1, 7):
            body = "".join(f"data,key{row}\n" for row in range(rows)).encode()
            self.etags[rows] = self.objects.put("manifests", f"{rows}.csv", body)
            for row in range(rows):
                self.objects.put(f"source-{rows}", f"key{row}", b"x")

    def reach(self, url: str | None = None) -> None:
        """Lead the clients to the emulator: in process, or where it is served."""
        self.over_http = url is not None
        for client in (self.client, self.console):
            if url is None:
                connect(client, cast("Emulator", self.router))
            else:
                point_at(client, url)

    def _note_answer(self, parsed: Any, http_response: Any, context: Any, model: Any, **_: Any) -> None:
        job_id = context.get("soak_job")
        self.router.world.note_answer(parsed, http_response.status_code, job_id, model.name)


def _note_job(params: Any, context: Any, **_: Any) -> None:
    context["soak_job"] = params.get("JobId")


def _client(config: Config) -> Any:
    """A real client that saves what time it can: nobody looks at its signature, and instants repeat."""
    core = botocore.session.get_session()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_instant)
    unsigned = config.merge(Config(signature_version=UNSIGNED))
    return boto3.Session(botocore_session=core).client("s3control", region_name=REGION, config=unsigned)


@lru_cache(maxsize=4096)
def _instant(text: str) -> datetime:
    return parse_timestamp(text)


@cache
def process() -> Process:
    """The clients and threads of this process."""
    return Process()


# --- One invocation ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Invocation:
    """One run of the gate, from its beginning to its end or its death."""

    world: World
    number: int
    kind: str
    deadline: datetime
    rng: Random
    dead: bool = False
    skew: timedelta = timedelta(0)

    def now(self) -> datetime:
        """The present by this function's own clock."""
        return self.world.clock.now() + self.skew

    def perform(self, port: str, effect: Callable[[], T], fail: Callable[[Trouble, Callable[[], T]], T]) -> T:
        """Make one call. Its faults happen here."""
        if self.dead:
            raise KilledError
        world = self.world
        begun = world.clock.now()
        world.turns.take()
        trouble = world.trouble_at(port)
        kind = trouble.kind if trouble else ""
        if trouble is not None:
            world.counts[f"{port}: {kind}"] += 1
        self.pass_time(0.03 * self.rng.random())
        if trouble is not None and kind == "slow before":
            self.pass_time(_slowness(port, trouble))
        frozen = port == "update_status" and (world.clock.now() - begun).total_seconds() > UPDATE_TAKES_AT_MOST
        self._die_if(kind == "killed before" or frozen)
        if trouble is None or kind not in ("fails before", "fails after", "goes astray", "refused"):
            answer = effect()
        else:
            answer = fail(trouble, effect)
        self._die_if(kind == "killed after")
        if trouble is not None and kind == "slow after":
            self.pass_time(_slowness("", trouble))
            self._die_if(False)
        return answer

    def pass_time(self, seconds: float) -> None:
        """Let time go by."""
        self.world.clock.advance(timedelta(seconds=seconds))

    def _die_if(self, killed: bool) -> None:
        late = self.world.clock.now() >= self.deadline
        if killed or late:
            self.world.counts["killed at its deadline" if late else "killed"] += 1
            self.dead = True
            raise KilledError


def _slowness(port: str, trouble: Trouble) -> float:
    most = (
        UPDATE_IN_FLIGHT_AT_MOST
        if port == "update_status"
        else 1
        if trouble.how < 0.3
        else 8
        if trouble.how < 0.8
        else 70
    )
    return most * (trouble.how * 7 % 1)


def _pick(options: tuple[T, ...], how: float) -> T:
    return options[int(how * 997) % len(options)]


# --- The ports --------------------------------------------------------------------------------------


@dataclass(slots=True)
class JobsPort:
    """The real adapter before the emulator."""

    invocation: Invocation
    adapter: S3Control

    def describe(self, ref: JobRef) -> Job:
        """As the adapter."""
        effect = self._if_shown(ref, lambda: self.adapter.describe(ref))
        return self.invocation.perform("describe", effect, self._failing("DescribeJob"))

    def snapshot(self, ref: JobRef, *, with_tags: bool) -> JobSnapshot:
        """As the adapter."""

        def fail(trouble: Trouble, effect: Callable[[], JobSnapshot]) -> JobSnapshot:
            if with_tags and trouble.how * 31 % 1 < 0.5:
                by_somebody_else = trouble.how * 61 % 1 < 0.4
                fault = _pick(NO_TAGS, trouble.how * 17 % 1) if by_somebody_else else _pick(READ_FAULTS, trouble.how)
                return self._with(fault, "GetJobTagging", effect)
            return self._with(_pick(READ_FAULTS, trouble.how), "DescribeJob", effect)

        effect = self._if_shown(ref, lambda: self.adapter.snapshot(ref, with_tags=with_tags))
        return self.invocation.perform("snapshot", effect, fail)

    def list_jobs(self, account_id: str, statuses: tuple[JobStatus, ...]) -> Iterator[ListedJob]:
        """As the adapter; a page after the first may fail, too."""
        cut: list[int] = []

        def fail(trouble: Trouble, effect: Callable[[], list[ListedJob]]) -> list[ListedJob]:
            if trouble.kind == "fails after":
                cut.append(int(trouble.how * 4))
                return effect()
            return self._with(_pick(READ_FAULTS, trouble.how), "ListJobs", effect)

        rows = self.invocation.perform("list_jobs", lambda: list(self.adapter.list_jobs(account_id, statuses)), fail)
        world = self.invocation.world
        rows = [row for row in rows if world.hidden.get(row.ref.job_id) != "listing"]
        if cut:
            yield from rows[: cut[0]]
            raise JobsApiThrottledError("SlowDown on a later page")
        ids = frozenset(row.ref.job_id for row in rows)
        world.log.append(records.Listed(world.clock.now(), self.invocation.number, ids))
        yield from rows

    def _if_shown(self, ref: JobRef, effect: Callable[[], T]) -> Callable[[], T]:
        """A call about a job that S3 may not show just now."""
        if ref.job_id not in self.invocation.world.hidden:
            return effect
        return lambda: self._with(Fault(Effect.ERROR, "NotFoundException"), "DescribeJob", effect)

    def update_status(self, ref: JobRef, status: RequestedStatus, reason: str) -> None:
        """As the adapter; the request may also go astray, and arrive when nobody waits for it any more."""
        world = self.invocation.world
        begun = world.clock.now()
        truth: list[str] = []

        def effect() -> None:
            world.emulator.settle()
            before, asked = world.passed(ref.job_id), len(world.emulator.calls)
            try:
                if not truth and ref.job_id in world.hidden:
                    hidden = Fault(Effect.ERROR, "NotFoundException")
                    self._with(hidden, "UpdateJobStatus", lambda: self.adapter.update_status(ref, status, reason))
                else:
                    self.adapter.update_status(ref, status, reason)
            finally:
                calls = world.emulator.calls[asked:]
                if not truth:  # no fault: S3's own answer arrived
                    truth.append("refused" if not calls or calls[-1].code else "done")
                elif truth == ["lost"]:  # unless S3 refused it: then there was no change after which to fail
                    refused = bool(calls) and calls[-1].code == "JobStatusException"
                    truth[0] = "refused" if refused and calls[-1].ending is Ending.WHOLE else "unclear"
                moved = world.passed(ref.job_id) > before
                sent = records.Sent(begun, self.invocation.number, ref.job_id, str(status), reason, truth[0], moved)
                world.log.append(sent)
                world.counts[f"sent {status}: {truth[0]}{', moved' if moved else ''}"] += 1

        def fail(trouble: Trouble, effect: Callable[[], None]) -> None:
            truth.append({"refused": "refused", "fails after": "lost"}.get(trouble.kind, "unclear"))
            if trouble.kind == "refused":
                self._with(_pick(REFUSALS, trouble.how), "UpdateJobStatus", effect)
            elif trouble.kind == "fails after":
                self._with(_pick(LOST_AFTER, trouble.how), "UpdateJobStatus", effect)
            else:
                if trouble.kind == "goes astray":
                    world.send_late(ref.job_id, str(status), reason, trouble.how)
                self._with(_pick(LOST_BEFORE, trouble.how), "UpdateJobStatus", effect)

        self.invocation.perform("update_status", effect, fail)

    def _failing(self, operation: str) -> Callable[[Trouble, Callable[[], T]], T]:
        return lambda trouble, effect: self._with(_pick(READ_FAULTS, trouble.how), operation, effect)

    def _with(self, fault: Fault, operation: str, effect: Callable[[], T]) -> T:
        """Make a call while a fault waits for it."""
        emulator = self.invocation.world.emulator
        hangs = fault.effect is Effect.HANG
        effect_there = Effect.RESET if hangs and self.invocation.world.process.over_http else fault.effect
        emulator.faults.add(replace(fault, operation=operation, effect=effect_there))
        try:
            return effect()
        finally:
            emulator.faults.clear()
            if hangs:
                self.invocation.pass_time(4)


@dataclass(slots=True)
class LedgerPort:
    """The ledger; every call may fail before or after it took effect, and the index may be behind."""

    invocation: Invocation
    ledger: Any
    job_id: str = ""

    def read(self, ref: JobRef) -> State | None:
        """As the ledger."""
        self.job_id = ref.job_id
        state: State | None = self.invocation.perform("read", lambda: self.ledger.read(ref), _ledger_fails)
        return state

    def used(self, accounts: Sequence[BudgetAccount]) -> Mapping[BudgetAccount, Amounts]:
        """As the ledger."""

        def effect() -> Mapping[BudgetAccount, Amounts]:
            counts: Mapping[BudgetAccount, Amounts] = self.ledger.used(accounts)
            world = self.invocation.world
            world.log.append(records.UseRead(world.clock.now(), self.invocation.number, self.job_id, counts))
            world.counts["budgets: read"] += 1
            return counts

        return self.invocation.perform("used", effect, _ledger_fails)

    def write(self, state: State, *, replacing: State | None, review: Review | None = None) -> State:
        """As the ledger."""

        def effect() -> State:
            written: State = self.ledger.write(state, replacing=replacing, review=review)
            self._note(replacing, written, review, is_claim=False, breaker=None)
            return written

        return self.invocation.perform(f"write {state.phase}", effect, _ledger_fails)

    def claim(self, state: State, *, replacing: State | None, review: Review, breaker: CircuitBreaker | None) -> State:
        """As the ledger."""

        def effect() -> State:
            try:
                written: State = self.ledger.claim(state, replacing=replacing, review=review, breaker=breaker)
            except BudgetExceededError:
                self.invocation.world.counts["budgets: used up by a faster job"] += 1
                raise
            self._note(replacing, written, review, is_claim=True, breaker=breaker.cancellations if breaker else None)
            return written

        return self.invocation.perform("claim", effect, _ledger_fails)

    def open_items(self) -> Iterator[State | Unreadable]:
        """As the ledger; the index may lack what was written last."""

        def fail(trouble: Trouble, effect: Callable[[], list[State | Unreadable]]) -> list[State | Unreadable]:
            if trouble.kind != "fails before":
                return [item for item in effect() if self.invocation.rng.random() < trouble.how]
            raise LedgerError("the index is away")

        items: list[State | Unreadable] = self.invocation.perform(
            "open_items", lambda: list(self.ledger.open_items()), fail
        )
        return iter(items)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Every other call, as the ledger."""
        call = getattr(self.ledger, name)
        return lambda *args: self.invocation.perform(name, lambda: call(*args), _ledger_fails)

    def _note(
        self, before: State | None, after: State, review: Review | None, *, is_claim: bool, breaker: int | None
    ) -> None:
        world = self.invocation.world
        reservations = (*(before.reservations if before else ()), *after.reservations)
        counts = self.ledger.used(tuple({each.account for each in reservations})) if reservations else {}
        world.accounts |= counts.keys()
        if is_claim:
            world.counts["budgets: reserved"] += bool(after.reservations)
        elif before is not None and before.reservations and not after.reservations:
            world.counts["budgets: given back"] += 1
        world.log.append(
            records.Written(world.clock.now(), self.invocation.number, before, after, review, is_claim, breaker, counts)
        )
        world.counts[f"written: {after.phase}{f' {after.outcome}' if after.outcome else ''}"] += 1
        if after.phase == "settled":
            world.ended.add(after.ref)
        elif after.ref in world.ended:
            world.ended.discard(after.ref)
            world.counts["opened again"] += 1


def _ledger_fails(trouble: Trouble, effect: Callable[[], T]) -> T:
    if trouble.kind in ("fails after", "goes astray"):
        effect()
        raise LedgerError("the answer was lost")
    raise LedgerError("the table is away")


@dataclass(slots=True)
class ManifestsPort:
    """What HeadObject says of the manifest."""

    invocation: Invocation

    def size(self, job: Job) -> int | Gap:
        """Its size; a job with a generated manifest has none stored."""
        world = self.invocation.world

        def effect() -> int | Gap:
            size = world.sizes.get(job.ref.job_id)
            world.log.append(records.SizeRead(world.clock.now(), self.invocation.number, job.ref.job_id, size))
            return Gap(Result.UNMEASURABLE, "no manifest is stored") if size is None else size

        def fail(trouble: Trouble, effect: Callable[[], int | Gap]) -> int | Gap:
            if trouble.kind != "refused":
                raise ManifestsApiError("HeadObject: SlowDown")
            world.log.append(records.SizeRead(world.clock.now(), self.invocation.number, job.ref.job_id, None))
            return Gap(Result.UNMEASURABLE, "the gate may not read the manifest")

        return self.invocation.perform("size", effect, fail)

    def contents(self, job: Job) -> ManifestContents | Gap:
        """Not read: the soak's policies ask for nothing of it."""
        return NOT_READ


@dataclass(slots=True)
class RequestersPort:
    """What CloudTrail has of who created jobs: after a while, or never."""

    invocation: Invocation

    def find(self, ref: JobRef, created_at: datetime) -> str | Gap:
        """Who created it, if that is on record by now."""
        world = self.invocation.world

        def found(who: str | None) -> str | Gap:
            world.log.append(records.RequesterRead(world.clock.now(), self.invocation.number, ref.job_id, who))
            world.counts[f"people: requester {'found' if who else 'not known'}"] += 1
            return Gap(Result.UNKNOWN, "nothing is recorded yet") if who is None else who

        def effect() -> str | Gap:
            who, recorded_at = world.requesters[ref.job_id]
            return found(who if world.clock.now() >= recorded_at else None)

        return self.invocation.perform("requester", effect, lambda *_: found(None))


@dataclass(slots=True)
class PoliciesPort:
    """What is enforced at the moment."""

    invocation: Invocation

    def current(self) -> PolicySet:
        """The policies."""
        world = self.invocation.world

        def effect() -> PolicySet:
            name = world.policy
            if name is None:
                world.log.append(records.Given(world.clock.now(), self.invocation.number, None, ""))
                raise PolicyUnavailableError("what is enforced can't be read")
            found = policy_set(name)
            world.log.append(records.Given(world.clock.now(), self.invocation.number, document(name), found.version))
            return found

        def fail(_: Trouble, __: Callable[[], PolicySet]) -> PolicySet:
            world.log.append(records.Given(world.clock.now(), self.invocation.number, None, ""))
            raise PolicyUnavailableError("the configuration service is away")

        return self.invocation.perform("policies", effect, fail)


@dataclass(slots=True)
class AnnouncerPort:
    """Keeps what is told."""

    invocation: Invocation

    def announce(self, review: Review) -> bool:
        """Tell it, or leave it."""
        world = self.invocation.world

        def effect() -> bool:
            world.log.append(records.Announced(world.clock.now(), self.invocation.number, review))
            world.counts[f"announced: {review.action}"] += 1
            if review.alarm:
                world.counts["announced: with an alarm"] += 1
            return True

        def fail(trouble: Trouble, effect: Callable[[], bool]) -> bool:
            if trouble.kind in ("fails after", "goes astray"):
                effect()
            raise AnnounceError("the bus is away")

        return self.invocation.perform("announce", effect, fail)


@dataclass(slots=True)
class NoticesPort:
    """Mails to people."""

    invocation: Invocation

    def send(self, notice: Notice) -> None:
        """Send it."""
        world = self.invocation.world

        def effect() -> None:
            world.check_printable(notice.subject)
            for line in notice.text.splitlines():
                world.check_printable(line)

        def fail(_: Trouble, __: Callable[[], None]) -> None:
            raise AnnounceError("the topic is away")

        self.invocation.perform("notice", effect, fail)

    def subscribers(self) -> int:
        """One."""

        def fail(_: Trouble, __: Callable[[], int]) -> int:
            raise AnnounceError("the topic is away")

        return self.invocation.perform("subscribers", lambda: 1, fail)


@dataclass(slots=True)
class DeployedPort:
    """What the deployment put in force: what is enforced now, or was last."""

    invocation: Invocation

    def is_version(self, version: str) -> bool | None:
        """Whether it is that."""

        def fail(_: Trouble, __: Callable[[], bool | None]) -> bool | None:
            raise DeploymentError("the parameter is away")

        last = self.invocation.world.last_policy
        return self.invocation.perform("deployed", lambda: policy_set(last).version == version if last else None, fail)


# --- The world --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Context:
    """What Lambda hands over beside the event."""

    invocation: Invocation
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:batchgate-gate"
    function_name: str = "batchgate-gate"
    memory_limit_in_mb: int = 256

    @property
    def aws_request_id(self) -> str:
        """Another one each time."""
        return f"request-{self.invocation.number}"

    def get_remaining_time_in_millis(self) -> int:
        """Until the deadline."""
        left = self.invocation.deadline - self.invocation.world.clock.now()
        return max(0, int(left.total_seconds() * 1000))


class Printed:
    """Where log lines and metrics go: kept until somebody looks."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.text: list[str] = []

    def write(self, text: str) -> int:
        """Keep it."""
        self.text.append(text)
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""


class World:
    """One history's S3, gate, queue and people."""

    def __init__(
        self, setting: Setting, seed: int, ledger: Callable[[SteppedClock, datetime], Any] | None = None
    ) -> None:
        """Begin, with nothing in it."""
        self.process = process()
        self.process.router.world = self
        self.turns = self.process.turns
        self.setting = setting
        self.clock = SteppedClock(setting.start)
        self.log: list[records.Record] = []
        self.counts: Counter[str] = Counter()
        self.queue: list[tuple[Event, int]] = []
        self.emulator = Emulator(
            self.clock,
            self.process.objects,
            self._on_event,
            setting.switches,
            region=REGION,
            delays=setting.delays,
            pace=Pace(tasks_per_second=1e-6 if setting.slow_tasks else 100.0),
            seed=seed,
        )
        self.application = application(self.emulator)
        self.opened = setting.start + setting.opened_after
        self.ledger = ledger(self.clock, self.opened) if ledger else MemoryLedger(self.clock, self.opened)
        self.policy: str | None = setting.policy
        self.last_policy = setting.policy
        self.refs: list[JobRef] = []
        self.asks: dict[str, bool] = {}
        self.requesters: dict[str, tuple[str, datetime]] = {}
        self.shown: dict[str, list[str]] = {}
        self.hidden: dict[str, str] = {}
        self.ended: set[JobRef] = set()
        self.sizes: dict[str, int] = {}
        self.accounts: set[BudgetAccount] = set()
        self.printed = Printed()
        self.troubles: dict[str, list[list[Any]]] = {}
        self.adapter = S3Control(
            self.process.client,
            self.clock,
            beside=cast("Any", Inline()),
            untagged_lacks_tags=setting.untagged_known and setting.switches.untagged_lacks_tags,
        )
        self._seed = seed
        self.newer: dict[str, list[tuple[str, ...]]] = {}
        self._invocations = 0
        self._claim_ids = 0
        self._plan = Plan("aws", REGION, ACCOUNT, 1, 20)
        sweep_handler._memory = Memory()

    # --- watching -------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        self.queue.append((event, 0))

    def note_answer(self, parsed: Mapping[str, Any], status: int, job_id: str | None, operation: str) -> None:
        """Keep what S3 said to the gate; what somebody else said of tags says nothing of them."""
        invocation: Invocation | None = getattr(_here, "invocation", None)
        if invocation is None or job_id is None:
            return
        now, by = self.clock.now(), invocation.number
        if status == 403:
            self.log.append(records.TagsRead(now, by, job_id, None))
        elif status == 200 and "Job" in parsed:
            job = parsed["Job"]
            for path in self.newer.get(job_id, ()):
                job = with_member(job, path, "new")
            self.log.append(records.Looked(now, by, job_id, job))
        elif status == 200 and "Tags" in parsed:
            self.log.append(records.TagsRead(now, by, job_id, {tag["Key"]: tag["Value"] for tag in parsed["Tags"]}))
        elif status == 200 and operation == "GetJobTagging":
            self.log.append(records.TagsRead(now, by, job_id, {} if self.setting.untagged_known else None))
        elif operation == "DescribeJob" and parsed.get("Error", {}).get("Code") in _NOT_FOUND:
            self.log.append(records.NotFound(now, by, job_id))

    def trouble_at(self, port: str) -> Trouble | None:
        """The trouble that befalls this call, if one does."""
        waiting = self.troubles.get(port)
        if not waiting:
            return None
        waiting[0][0] -= 1
        return cast("Trouble", waiting.pop(0)[1]) if waiting[0][0] < 0 else None

    def crashed(self, by: int, what: str) -> None:
        """Note what may not be."""
        self.log.append(records.Crashed(self.clock.now(), by, what))

    def check_printable(self, line: str) -> None:
        """Note a text that is not what people's terminals should get."""
        if not line.isascii() or not line.isprintable():
            self.crashed(0, f"not printable ASCII: {line!r}")

    def passed(self, job_id: str) -> int:
        """How many changes of status a job has seen."""
        return len(self.emulator.job(job_id).history)

    # --- steps ----------------------------------------------------------------------------------

    def run(self, history: History) -> None:
        """Take every step."""
        for step in history.steps:
            self.take(step)

    def take(self, step: Step) -> None:
        """Take one step."""
        match step:
            case Do():
                self.do(step)
            case Invoke():
                self.invoke(step)
            case Together(parts=parts, seed=seed):
                self.counts["interleaved"] += len(parts)
                self.turns.together([self._task(part) for part in parts], Random(seed))

    def _task(self, part: Invoke | Do) -> Callable[[], None]:
        if isinstance(part, Invoke):
            return lambda: self.invoke(part)

        def do() -> None:
            for _ in range(part.number % 7):
                self.turns.take()
            self.do(part)

        return do

    def do(self, step: Do) -> None:  # noqa: C901, PLR0912 - one case a step
        """Let something happen."""
        self.counts[f"step: {step.what}"] += 1
        match step.what:
            case "create":
                self._create(step)
            case "tick":
                seconds = step.seconds
                if step.text == "edge":
                    seconds = max(0.0, 1800 - self.clock.now().timestamp() % 1800 - seconds)
                self.clock.advance(timedelta(seconds=seconds))
                self.emulator.deliver()
            case "console" if self.refs:
                self._console(self.refs[step.number % len(self.refs)].job_id, step.text)
            case "tag" if self.refs:
                self._tag(self.refs[step.number % len(self.refs)].job_id, step.text)
            case "priority" if self.refs:
                self._set_priority(self.refs[step.number % len(self.refs)].job_id, int(step.text))
            case "newer" if self.refs:
                job_id = self.refs[step.number % len(self.refs)].job_id
                path = NEW_MEMBERS[step.number % len(NEW_MEMBERS)]
                self.emulator.add_member(job_id, path, "new")
                self.newer.setdefault(job_id, []).append(path)
            case "enforce":
                self.policy = step.text or None
                self.last_policy = step.text or self.last_policy
            case "pause" | "resume":
                pause = Pause(KIM, "an incident", self.clock.now()) if step.what == "pause" else None
                self.ledger.set_pause(pause, replacing=self.ledger.pause())
                self.log.append(records.Paused(self.clock.now(), pause is not None))
            case "drop" if self.queue:
                del self.queue[step.number % len(self.queue)]
            case "repeat" if self.queue:
                self.queue.append(self.queue[step.number % len(self.queue)])
            case "forget":
                sweep_handler._memory = Memory()
            case "hide" if self.refs:
                self.hidden[self.refs[step.number % len(self.refs)].job_id] = step.text
            case "show":
                self.hidden.clear()
            case _:
                pass

    def _create(self, step: Do) -> None:
        asked, kind, operation, priority, tag = f"{step.text} ".split(" ")[:5]
        rows = step.number
        key, _, value = tag.partition("=")
        request: dict[str, Any] = {
            "AccountId": ACCOUNT,
            "Operation": {operation: {"TagSet": []} if operation == "S3PutObjectTagging" else {}},
            "Report": {"Enabled": False},
            "Priority": int(priority),
            "Description": HOSTILE,
            "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/batch",
            "ClientRequestToken": f"token-{len(self.refs)}",
        }
        if tag:
            request["Tags"] = [{"Key": key, "Value": value}]
        if asked != "omitted":
            request["ConfirmationRequired"] = asked == "true"
        if kind == "generated":
            request["ManifestGenerator"] = {
                "S3JobManifestGenerator": {
                    "SourceBucket": f"arn:aws:s3:::source-{rows}",
                    "EnableManifestOutput": False,
                }
            }
        else:
            request["Manifest"] = {
                "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
                "Location": {
                    "ObjectArn": f"arn:aws:s3:::manifests/{rows}.csv",
                    "ETag": self.process.etags[rows] if kind == "csv" else "0" * 32,
                },
            }
        job_id = str(self.process.console.create_job(**request)["JobId"])
        self.refs.append(JobRef("aws", REGION, ACCOUNT, job_id))
        self.asks[job_id] = asked != "false"
        rng = Random(f"requester of {len(self.refs)} in {self._seed}")
        recorded_after = timedelta(seconds=rng.choice([0, 0, 0, 60, 600, 900, 86_400 * 99]))
        self.requesters[job_id] = rng.choice(CALLERS), self.clock.now() + recorded_after
        if kind == "csv":
            self.sizes[job_id] = rows * len("data,key0\n")

    def _console(self, job_id: str, status: str) -> None:
        self.emulator.settle()
        before = self.passed(job_id)
        with contextlib.suppress(self.process.console.exceptions.ClientError):
            self.process.console.update_job_status(
                AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus=status, StatusUpdateReason="by hand"
            )
        self.log.append(records.ByConsole(self.clock.now(), job_id, status, self.passed(job_id) > before))

    def _tag(self, job_id: str, tag: str) -> None:
        key, _, value = tag.partition("=")
        with contextlib.suppress(self.process.console.exceptions.ClientError):
            self.process.console.put_job_tagging(
                AccountId=ACCOUNT, JobId=job_id, Tags=[{"Key": key, "Value": value}] if tag else []
            )

    def _set_priority(self, job_id: str, priority: int) -> None:
        with contextlib.suppress(self.process.console.exceptions.ClientError):
            self.process.console.update_job_priority(AccountId=ACCOUNT, JobId=job_id, Priority=priority)

    def send_late(self, job_id: str, status: str, reason: str, how: float) -> None:
        """Have a request arrive some time within the life of its signature."""

        def arrive(_: datetime) -> None:
            before = self.passed(job_id)
            with contextlib.suppress(self.process.console.exceptions.ClientError):
                self.process.console.update_job_status(
                    AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus=status, StatusUpdateReason=reason
                )
            moved = self.passed(job_id) > before
            self.counts[f"came late: {status}{', moved' if moved else ''}"] += 1
            self.log.append(records.CameLate(self.clock.now(), job_id, status, reason, moved))

        delay = (how * 13 % 1) * (60 if how < 0.4 else SIGNATURE_LIVES)
        self.clock.schedule(self.clock.now() + timedelta(seconds=delay), arrive)

    # --- invocations ----------------------------------------------------------------------------

    def invoke(self, step: Invoke) -> None:
        """Run the gate once; for a person who looks at a job first, twice."""
        for trouble in step.troubles:
            waiting = self.troubles.setdefault(trouble.port, [])
            if len(waiting) < TROUBLES_AT_MOST:
                waiting.append([trouble.skip, trouble])
        match step.what:
            case "event":
                with self._invocation(step, EVENT_LIFETIME) as invocation:
                    self._deliver(step, invocation)
            case "sweep":
                with self._invocation(step, SWEEP_LIFETIME) as invocation:
                    self._sweep(invocation)
            case _ if self.refs:
                self._decide(step)
            case _:
                pass

    @contextlib.contextmanager
    def _invocation(self, step: Invoke, lifetime: timedelta) -> Iterator[Invocation]:
        self._invocations += 1
        invocation = Invocation(
            self,
            self._invocations,
            step.what,
            self.clock.now() + lifetime,
            Random(step.seed),
            skew=timedelta(seconds=step.skew),
        )
        if step.skew:
            self.log.append(records.ClockIsOff(self.clock.now(), invocation.number, step.skew))
        self.counts[f"invoked: {step.what}"] += 1
        outer = getattr(_here, "invocation", None)
        _here.invocation = invocation
        try:
            yield invocation
        finally:
            _here.invocation = outer

    def _deliver(self, step: Invoke, invocation: Invocation) -> None:
        messages = [self.queue.pop(pick % len(self.queue)) for pick in step.picks if self.queue]
        if not messages:
            return
        batch = {
            "Records": [_record(str(position), event, tries + 1) for position, (event, tries) in enumerate(messages)]
        }
        failed = [str(position) for position in range(len(messages))]
        try:
            answer = job_event.handler(cast("Any", batch), cast("Any", Context(invocation)))
            failed = [str(failure["itemIdentifier"]) for failure in answer["batchItemFailures"]]
        except KilledError:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the gate's fault
            self.crashed(invocation.number, f"job_event.handler: {error!r}")
        for position, (event, tries) in enumerate(messages):
            if str(position) in failed and tries + 1 < TRIES:
                self.queue.append((event, tries + 1))

    def _sweep(self, invocation: Invocation) -> None:
        try:
            sweep_handler.handler({}, cast("Any", Context(invocation)))
        except (KilledError, GateError):
            pass
        except Exception as error:  # noqa: BLE001
            self.crashed(invocation.number, f"sweep.handler: {error!r}")

    def _decide(self, step: Invoke) -> None:
        """A person looks at a job, and decides it as it was shown; or as somebody was shown it before."""
        job_id = self.refs[step.picks[0] % len(self.refs)].job_id
        who, pretends = (CALLERS[(step.who + shift) % len(CALLERS)] for shift in (0, 1))
        shown = self.shown.setdefault(job_id, [])
        if step.as_before and shown:
            digest = shown[step.seed % len(shown)]
        else:
            with self._invocation(step, API_LIFETIME) as invocation:
                answer = self._call_api(invocation, request("GET", f"/jobs/{job_id}", who, pretends))
                if answer is None or answer.get("digest") is None:
                    return
                digest = str(answer["digest"])
                self.log.append(records.Shown(self.clock.now(), invocation.number, job_id, digest))
                shown.append(digest)
        path = f"/jobs/{job_id}/{'approvals' if step.requested_action == 'approve' else 'cancellation'}"
        body = {"reason": SAID[step.seed % len(SAID)], "digest": digest}
        with self._invocation(step, API_LIFETIME) as invocation:
            self.log.append(
                records.Asked(self.clock.now(), invocation.number, job_id, who, step.requested_action, digest)
            )
            answer = self._call_api(invocation, request("POST", path, who, pretends, body))
            if answer is not None:
                told = str(answer.get("type") or answer["action"])
                self.counts[f"people: {step.requested_action}, {told}"] += 1
                self.log.append(records.Answered(self.clock.now(), invocation.number, job_id, told))

    def _call_api(self, invocation: Invocation, event: Mapping[str, Any]) -> dict[str, Any] | None:
        """The document that comes back; None where the function was killed before."""
        try:
            answer = api.handler(cast("Any", event), cast("Any", Context(invocation)))
        except KilledError:
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the gate's fault
            self.crashed(invocation.number, f"api.handler: {error!r}")
            return None
        document: dict[str, Any] = json.loads(answer["body"])
        if document.get("type") in ("/problems/no-caller", "/problems/invalid"):
            self.crashed(invocation.number, f"api.handler: {document}")
        return document

    def gate(self, invocation: Invocation) -> Ports:
        """The ports of one invocation."""
        adapter = structs.replace(self.adapter, clock=invocation) if invocation.skew else self.adapter
        ports: dict[str, Any] = {
            "jobs": JobsPort(invocation, adapter),
            "manifests": ManifestsPort(invocation),
            "requesters": RequestersPort(invocation),
            "policies": PoliciesPort(invocation),
            "ledger": LedgerPort(invocation, self.ledger),
            "announcer": AnnouncerPort(invocation),
            "notices": NoticesPort(invocation),
            "deployed": DeployedPort(invocation),
            "clock": invocation,
            "new_claim_id": self._new_claim_id,
            "deadline": invocation.deadline + invocation.skew,
            "breaker": CircuitBreaker(self.setting.breaker, timedelta(minutes=10)),
            "adopt_existing": self.setting.adopts,
            "suspended_date_survives": self.setting.survives,
        }
        return Ports(**ports)

    def plan(self) -> Plan:
        """How it sweeps."""
        return self._plan

    def _new_claim_id(self) -> str:
        self._claim_ids += 1
        return f"{self._claim_ids:08x}"

    # --- the end --------------------------------------------------------------------------------

    def come_to_rest(self) -> None:
        """No fault is left, every lease runs out, nothing is under way any more; then one sweep."""
        self.troubles.clear()
        self.hidden.clear()
        if not self.setting.ends_paused:
            self.do(Do("resume"))
        self.policy = self.policy or self.last_policy
        self.clock.advance(LEASES_ARE_OVER)
        self.emulator.deliver()
        self.log.append(records.Swept(self.clock.now(), self._invocations + 1))
        self.invoke(Invoke("sweep"))
        for line in "".join(self.printed.text).split("\n"):
            self._check_line(line)

    def _check_line(self, line: str) -> None:
        """One JSON object in printable ASCII."""
        if not line:
            return
        self.check_printable(line)
        try:
            said = json.loads(line)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            self.crashed(0, f"not a JSON object in the log: {line!r}")
        elif "_aws" in said and "decision" in said:
            self.crashed(0, f"a log line that is a metric: {line!r}")
        elif "unexpected error" in str(said.get("message")):
            self.crashed(0, f"an error of no known kind: {line!r}")

    def evidence(self) -> records.Evidence:
        """Everything for the oracle."""
        jobs = [
            records.Job(
                ref,
                self.asks[ref.job_id],
                self.requesters[ref.job_id][0],
                job.status.value,
                job.reason,
                tuple((at, status.value) for at, status in job.history),
                job.history[0][0],
            )
            for ref in self.refs
            for job in [self.emulator.job(ref.job_id)]
        ]
        items = {ref: item for ref in self.refs if (item := self.ledger.read(ref)) is not None}
        opened = self.ledger.opened_at()
        return records.Evidence(
            log=self.log,
            jobs=jobs,
            items=items,
            counts=self.ledger.used(tuple(self.accounts)),
            opened=opened,
            adopts=self.setting.adopts,
            survives=self.setting.survives == "true",
            reason_survives=self.setting.switches.reason_survives,
            end=self.clock.now(),
        )


def _record(message_id: str, event: Event, deliveries: int) -> dict[str, Any]:
    return {
        "messageId": message_id,
        "receiptHandle": "handle",
        "body": json.dumps(event),
        "attributes": {"ApproximateReceiveCount": str(deliveries)},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:batchgate-job-events",
        "awsRegion": REGION,
    }


@contextlib.contextmanager
def on_stage(world: World) -> Iterator[World]:
    """Have the handlers of this process work in a world, and keep what they print."""
    events, sweeps, adapter = cast("Any", job_event), cast("Any", sweep_handler), cast("Any", s3control)
    people = cast("Any", api)
    before = events.open_ports, sweeps.open_ports, sweeps.sweep_plan, adapter.JOBS_A_PAGE
    before_people = people.open_ports, people.open_ledger
    events.open_ports = sweeps.open_ports = people.open_ports = lambda home, time_left, **_: world.gate(_invocation())
    people.open_ledger = lambda home: LedgerPort(_invocation(), world.ledger)
    sweeps.sweep_plan = lambda home: world.plan()
    adapter.JOBS_A_PAGE = world.setting.page
    log = cast("Any", wiring.logger.registered_handler)
    stream, stdout = log.setStream(world.printed), sys.stdout
    sys.stdout = cast("Any", world.printed)
    try:
        yield world
    finally:
        sys.stdout = stdout
        if stream is not None:
            log.setStream(stream)
        events.open_ports, sweeps.open_ports, sweeps.sweep_plan, adapter.JOBS_A_PAGE = before
        people.open_ports, people.open_ledger = before_people
