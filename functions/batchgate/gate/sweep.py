"""The sweep: finds every open job that is due, or that no event announced, whatever was lost."""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from batchgate.errors import (
    JobsApiError,
    ListingUnclearError,
    OutOfTimeError,
    PolicyUnavailableError,
    UnreadableItemError,
)
from batchgate.gate.digest import needs_a_person
from batchgate.gate.ports import FoundJob, ListedJob, Ports, Review
from batchgate.gate.review import TIME_FOR_ONE_REVIEW, review_job
from batchgate.gate.state import LEASE_AT_MOST, Action, Block, Phase, State
from batchgate.jobs.model import JobRef, JobStatus
from batchgate.policy.wording import logged

_PERHAPS_UNGATED: Final = (
    JobStatus.NEW,
    JobStatus.PREPARING,
    JobStatus.READY,
    JobStatus.ACTIVE,
    JobStatus.PAUSING,
    JobStatus.PAUSED,
)
"""The statuses of jobs that may not ask for confirmation; S3's listing does not say whether a job does."""

_CALLS_A_REVIEW = 2
"""DescribeJob and GetJobTagging: what reviewing a hold again costs."""

_DUE_BEFORE_A_NEW_ONE = 3
_FOR_WHAT_IS_DUE = 3 / 4
"""The share of the rate for holds; the rest is for new jobs."""

_ERRORS_KEPT = 20

_REPORT_TAKES_AT_MOST = timedelta(seconds=10)
"""The time that a sweep reserves for its report and its notices."""

_FOUND: Final = frozenset({Action.APPROVED, Action.CANCELLED, Action.HELD})
"""What the review of a Suspended job comes to that the ledger did not know."""

_LOOKS_AT_THE_CLOCK_EVERY = 0.5
"""Seconds between two checks of the deadline while reviews run."""


DUE_WITHIN = timedelta(days=31)
"""No review makes an item due later: S3 fails a job that is Suspended for 30 days."""


class Plan(Struct, frozen=True):
    """How a deployment sweeps.

    Attributes:
        partition: Whose jobs are swept, as the next two.
        workers: How many reviews run at once.
        calls_per_second: What S3 Control is asked at most.
    """

    partition: str
    region: str
    account_id: str
    workers: int
    calls_per_second: float


class Memory(Struct):
    """What one instance remembers from sweep to sweep to save calls. Losing it costs calls and nothing else.

    Attributes:
        waiting: Jobs that S3 still prepares and that are waited for: reviewed again when they are Suspended, or run.
        failed: Jobs whose last review failed or was cut off. The next sweep reviews them last, so that they never
            keep it from the others.
    """

    waiting: set[JobRef] = field(default_factory=set)
    failed: set[JobRef] = field(default_factory=set)


class SweepReport(Struct):
    """What one sweep found and did.

    Attributes:
        ran: False where another sweep was running.
        listed: Suspended jobs that S3 listed.
        due: Open items that were due, or that the listing no longer showed.
        new: Jobs that the ledger did not know as open.
        did: How many reviews came to which action.
        errors: Jobs whose review failed or whose item in the ledger can't be read, or S3's listing, and how; not
            more than some.
        failed: How many errors there were.
        left: Work that there was no time for; the next sweep begins with it.
        cut_off: Reviews that were not done when the time was up; among `failed`.
        held: Jobs that are held now.
        oldest_held: Since when the oldest of them is held; a hold in shadow, or for adoption, begins anew when it ends.
        oldest_suspended: Since when the oldest of them waits for confirmation: S3 fails it 30 days later.
        lag: How long the latest of the reviews had been due when it began.
        paused: Whether the gate is paused.
        waiting: The holds that need a person, as they were when the sweep began.
        policy_version: The policies in force; None where they could not be loaded.
        policy_problem: Why not; "" where they could.
        found: Suspended jobs that the ledger did not know, and now does.
    """

    at: datetime
    ran: bool = True
    listed: int = 0
    due: int = 0
    new: int = 0
    did: Counter[str] = field(default_factory=Counter)
    errors: list[tuple[str, Exception]] = field(default_factory=list)
    failed: int = 0
    left: int = 0
    cut_off: int = 0
    held: int = 0
    oldest_held: datetime | None = None
    oldest_suspended: datetime | None = None
    lag: timedelta = timedelta(0)
    paused: bool = False
    waiting: list[State] = field(default_factory=list)
    policy_version: str | None = None
    policy_problem: str = ""
    found: list[FoundJob] = field(default_factory=list)

    def note_error(self, what: str, error: Exception) -> None:
        """Keep an error for the log."""
        self.failed += 1
        if len(self.errors) < _ERRORS_KEPT:
            self.errors.append((what, error))


class _Work(Struct, frozen=True, order=True):
    """One job to review.

    Attributes:
        failed: Whether its last review did.
        since: When it was due; of a new job when it was created, for the order alone.
    """

    failed: bool
    since: datetime
    ref: JobRef
    is_new: bool


def sweep_jobs(
    ports: Ports,
    plan: Plan,
    memory: Memory,
    *,
    owner: str,
    afterwards: Callable[[SweepReport], object] | None = None,
) -> SweepReport:
    """Review what is due and what is new, as far as time and rate allow; one sweep runs at a time.

    Args:
        ports: The ports; `deadline` is the sweep's own.
        plan: How to sweep.
        memory: Of this instance.
        owner: Names this sweep. While another sweep's lease is live, this one does nothing.
        afterwards: Called with the report while the lease is still this sweep's.

    Raises:
        GateError: The ledger can't be read: nothing was done.
    """
    report = SweepReport(at=ports.clock.now())
    if not ports.ledger.begin_sweep(owner, ports.deadline):
        report.ran = False
        return report
    try:
        due, new, listed = _find_work(ports, plan, memory, report)
        patience = timedelta(seconds=report.held * _CALLS_A_REVIEW / (plan.calls_per_second * _FOR_WHAT_IS_DUE))
        patient = replace(ports, review_again_after=max(ports.review_again_after, patience), listed=listed)
        _work_off(_in_turn(due, new), patient, plan, memory, report)
        if afterwards is not None:
            afterwards(report)
        return report
    finally:
        ports.ledger.end_sweep(owner)


def _find_work(
    ports: Ports, plan: Plan, memory: Memory, report: SweepReport
) -> tuple[deque[_Work], deque[_Work], frozenset[JobRef] | None]:
    """What is due, and what is new, each with the longest due first; and all that S3 listed."""
    now = report.at
    report.policy_version = version = _version(ports, report)
    report.paused = _is_paused(ports, report)
    items, unreadable = _open_items(ports, report)
    held = [item for item in items.values() if item.phase is Phase.HELD]
    report.held = len(held)
    report.waiting = [item for item in held if needs_a_person(item)]
    report.oldest_held = min((item.first_held_at for item in held if item.first_held_at), default=None)
    waits_since = [item.suspended_at or item.first_held_at for item in held]
    report.oldest_suspended = min((each for each in waits_since if each), default=None)
    listed, others = _list(ports, plan, report, expects_jobs=any(not item.ungated for item in held))
    all_listed = None if listed is None or others is None else frozenset(listed.keys() | others.keys())
    others = others or {}
    due: list[_Work] = []
    for item in items.values():
        has_moved = listed is not None and item.ref not in listed and not item.lease_is_live(now)
        since = _due_since(item, now, version, paused=report.paused) or (now if has_moved else None)
        too_late = _too_far_ahead(item, now)
        if too_late:
            report.note_error(item.ref.arn, UnreadableItemError(f"STATE {item.ref}: {too_late}; it is due now"))
            since = since or now
        if version is None and item.phase is not Phase.SETTLED and not has_moved:
            continue  # it would be evaluated, and there are no policies
        if since is not None:
            due.append(_Work(item.ref in memory.failed, since, item.ref, is_new=False))
    listed = listed or {}
    memory.waiting &= {ref for ref, row in others.items() if row.status.before_suspended} - listed.keys()
    rows = {**others, **listed}
    unknown = [ref for ref in rows if ref not in items and ref not in memory.waiting and ref not in unreadable]
    # A job that is settled and listed as Suspended: the listing is old, or S3 contradicts the end. A review finds out.
    known = ports.ledger.ended([ref for ref in unknown if ref not in listed])
    new = [
        _Work(ref in memory.failed, rows[ref].creation_time or now, ref, is_new=True)
        for ref in unknown
        if ref not in known and version is not None
    ]
    memory.failed &= {each.ref for each in (*due, *new)}
    report.listed, report.due, report.new = len(listed), len(due), len(new)
    return deque(sorted(due)), deque(sorted(new)), all_listed


def _is_paused(ports: Ports, report: SweepReport) -> bool:
    """Whether claims are refused. An item that can't be read refuses them, too."""
    try:
        return ports.ledger.pause() is not None
    except UnreadableItemError as error:
        report.note_error("pause", error)
        return True


def _open_items(ports: Ports, report: SweepReport) -> tuple[dict[JobRef, State], set[JobRef]]:
    """The open items, and the jobs whose items can't be read: these are reported, so that people fix them."""
    items: dict[JobRef, State] = {}
    unreadable: set[JobRef] = set()
    for item in ports.ledger.open_items():
        if isinstance(item, State):
            items[item.ref] = item
            continue
        report.note_error(item.ref.arn if item.ref else "ledger", item.error)
        if item.ref is not None:
            unreadable.add(item.ref)
    return items, unreadable


def _version(ports: Ports, report: SweepReport) -> str | None:
    """The version of the policies in force; None where there are none: then only decisions of others are settled."""
    try:
        return ports.policies.current().version
    except PolicyUnavailableError as error:
        report.note_error("policies", error)
        report.policy_problem = logged(error)
        return None


def _due_since(item: State, now: datetime, version: str | None, *, paused: bool) -> datetime | None:
    """Since when an open item is due; None where it is not yet."""
    if item.lease_is_live(now):
        return None
    if item.due_at is None or item.due_at <= now:
        return item.due_at or now
    if item.phase is Phase.HELD and not item.maybe_sent:
        resumed = item.block is Block.PAUSED and not paused
        if resumed or (version and item.policy_version and item.policy_version != version):
            return now
    return None


def _too_far_ahead(item: State, now: datetime) -> str:
    """The instant of an open item that is too late for any review to have written it; "" for none."""
    if item.due_at is not None and item.due_at - now > DUE_WITHIN:
        return f"due_at is {item.due_at:%Y-%m-%d %H:%M} UTC"
    if item.phase is Phase.CLAIMED and item.lease_until is not None and item.lease_until - now > LEASE_AT_MOST:
        return f"lease_until is {item.lease_until:%Y-%m-%d %H:%M} UTC"
    return ""


_Listed: TypeAlias = Mapping[JobRef, ListedJob]


def _list(
    ports: Ports, plan: Plan, report: SweepReport, *, expects_jobs: bool
) -> tuple[_Listed | None, _Listed | None]:
    """What S3 lists as Suspended, and what may run without having asked; each None where that can't be known.

    Whether S3 leaves an empty list out has not been recorded: such an answer ends nothing, and is reported only where
    the ledger has holds that it should list.
    """
    is_unclear = False
    suspended: dict[JobRef, ListedJob] = {}
    others: dict[JobRef, ListedJob] = {}
    try:
        for row in ports.jobs.list_jobs(plan.account_id, (JobStatus.SUSPENDED,)):
            suspended[row.ref] = row
    except ListingUnclearError as error:
        is_unclear = True
        if expects_jobs:
            report.note_error("ListJobs Suspended", error)
    except JobsApiError as error:
        report.note_error("ListJobs Suspended", error)
        return None, None
    try:
        for row in ports.jobs.list_jobs(plan.account_id, _PERHAPS_UNGATED):
            others[row.ref] = row
    except ListingUnclearError:
        return None if is_unclear else suspended, None
    except JobsApiError as error:
        report.note_error("ListJobs New to Paused", error)
        return None if is_unclear else suspended, None
    return None if is_unclear else suspended, others


def _in_turn(due: deque[_Work], new: deque[_Work]) -> Iterator[_Work]:
    """Three jobs that are due, then a new one; when one kind is used up, the other alone."""
    while due or new:
        for _ in range(_DUE_BEFORE_A_NEW_ONE):
            if due:
                yield due.popleft()
        if new:
            yield new.popleft()


def _work_off(work: Iterator[_Work], ports: Ports, plan: Plan, memory: Memory, report: SweepReport) -> None:
    """Review as many at once as there are workers, until the time is up.

    Reviews that are still running then are reported and abandoned: the protocol survives whatever they do too late,
    and the report must be written. A single worker is the sweep's own thread, and can't be cut off.
    """
    if plan.workers == 1:
        for each in work:
            if _out_of_time(ports):
                report.left += 1
            else:
                _note(each, memory, report, _review(each, ports, report))
        return
    pool = ThreadPoolExecutor(plan.workers, "sweep")
    running: dict[Future[Review | Exception], _Work] = {}
    try:
        for each in work:
            if _out_of_time(ports):
                report.left += 1
                continue
            running[pool.submit(_review, each, ports, report)] = each
            if len(running) >= plan.workers:
                _collect(running, ports, memory, report, at_least=1)
        _collect(running, ports, memory, report, at_least=len(running))
        for late in running.values():
            report.cut_off += 1
            _note(late, memory, report, OutOfTimeError(f"{late.ref}: the review was not done when the sweep ended"))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _out_of_time(ports: Ports) -> bool:
    return ports.clock.now() + TIME_FOR_ONE_REVIEW >= ports.deadline


def _collect(
    running: dict[Future[Review | Exception], _Work],
    ports: Ports,
    memory: Memory,
    report: SweepReport,
    *,
    at_least: int,
) -> None:
    """Note reviews as they end, until enough have, or only the time for the report is left."""
    while at_least > 0 and running:
        done, _ = wait(running, _LOOKS_AT_THE_CLOCK_EVERY, FIRST_COMPLETED)
        if not done and ports.clock.now() + _REPORT_TAKES_AT_MOST >= ports.deadline:
            return
        for future in done:
            _note(running.pop(future), memory, report, future.result())
        at_least -= len(done)


def _review(work: _Work, ports: Ports, report: SweepReport) -> Review | Exception:
    if not work.is_new:
        report.lag = max(report.lag, ports.clock.now() - work.since)
    try:
        return review_job(work.ref, ports)
    except Exception as error:  # noqa: BLE001 - one job's failure must not keep the others from their review
        return error


def _note(work: _Work, memory: Memory, report: SweepReport, came_to: Review | Exception) -> None:
    if isinstance(came_to, Exception):
        report.note_error(work.ref.arn, came_to)
        memory.failed.add(work.ref)
        return
    memory.failed.discard(work.ref)
    report.did[came_to.action] += 1
    if came_to.action is Action.WAITING:
        memory.waiting.add(work.ref)
    if work.is_new and came_to.status is JobStatus.SUSPENDED and came_to.action in _FOUND:
        report.found.append(FoundJob(work.ref.job_id, created_at=work.since, found_at=came_to.at))
