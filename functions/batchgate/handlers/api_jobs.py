"""What the API says of jobs: those that are open, one of them in full, and those that were decided."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

from batchgate.aws.wiring import SystemClock
from batchgate.errors import ClockError, JobNotFoundError, JobsApiError, ManifestsApiError, UnreadableItemError
from batchgate.gate.people import ShownJob, show_job, why_approval_not_counted
from batchgate.gate.ports import PeoplesLedger, Ports, Unreadable
from batchgate.gate.protocol import Step, next_step
from batchgate.gate.state import Block, Phase, State
from batchgate.handlers import api_gate
from batchgate.handlers import api_views as views
from batchgate.handlers.api_problems import ProblemError, Type
from batchgate.handlers.api_requests import ListDecisions, ListJobs, cursor, instant_in, parts_of
from batchgate.jobs.model import JobRef, Json
from batchgate.policy.approvals import Approval
from batchgate.policy.evaluate import Decision, why_not_counted
from batchgate.policy.explanation import decision_as_json
from batchgate.policy.facts import NOT_READ, Result
from batchgate.policy.patterns import matcher

_AMBIGUOUS_SHOWN: Final = 20
_DAYS_A_PAGE: Final = 62
_JOBS_A_PAGE: Final = 5_000
"""So many are read for one page, whatever is asked for: a few seconds, of the 30 that API Gateway waits."""

_DAYS_BY_DEFAULT: Final = timedelta(days=7)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_SHORTEST_ID: Final = 5


# --- What is open ---------------------------------------------------------------------------------------


def list_jobs(query: ListJobs, ledger: PeoplesLedger) -> dict[str, Json]:
    """One page of the open jobs that were asked for, the longest held first.

    The whole index is read for each page: what is due first changes with every review, and pages must not.
    """
    after = parts_of(query.next, 2) if query.next else None
    items = [*ledger.open_items()]
    wanted = _wanted(query)
    found = sorted((_age(item), item) for item in items if isinstance(item, State) and wanted(item))
    if after is not None:
        instant_in(after[0])
        found = [each for each in found if each[0] > after]
    page = found[: query.limit]
    broken: list[Json] = [views.unreadable(item) for item in items if isinstance(item, Unreadable)]
    return {
        "jobs": [views.summary(state) for _, state in page],
        "next": cursor(*page[-1][0]) if len(found) > len(page) else None,
        "not_listed": broken if after is None else [],
        "pause": views.pause_facts(pause) if (pause := ledger.pause()) is not None else None,
        "warning": api_gate.warning(ledger),
    }


def _age(state: State) -> tuple[str, str]:
    """What pages are sorted by."""
    since = state.first_held_at or _NEVER.replace(year=8999)
    return since.astimezone(UTC).isoformat(timespec="microseconds"), state.ref.job_id


def _wanted(query: ListJobs) -> Callable[[State], bool]:
    phases = (Phase.HELD,) if query.status == "held" else (Phase.HELD, Phase.CLAIMED)
    operation, policy = _matches(query.operation), _matches_any(query.policy)
    tags = [each.partition("=")[::2] for each in query.tag]

    def is_wanted(state: State) -> bool:
        if state.phase not in phases or not operation(state.operation) or not policy(state.governing):
            return False
        if query.since is not None and (state.first_held_at is None or state.first_held_at < query.since):
            return False
        if query.job is not None and not state.ref.job_id.startswith(query.job):
            return False
        return all((state.tags or {}).get(key) == value for key, value in tags)

    return is_wanted


def _matches(pattern: str | None) -> Callable[[str], bool]:
    return matcher([pattern]) if pattern is not None else lambda _: True


def _matches_any(pattern: str | None) -> Callable[[Iterable[str]], bool]:
    matches = _matches(pattern)
    return (lambda names: any(map(matches, names))) if pattern is not None else lambda _: True


# --- One job --------------------------------------------------------------------------------------------


def find_job(named: JobRef, ledger: PeoplesLedger) -> JobRef:
    """The job with this id; or the open job whose id alone begins so.

    Raises:
        ProblemError: No job can have this id, or several open ones have ids that begin so.
    """
    job_id = named.job_id
    if not _ID.fullmatch(job_id):
        raise ProblemError(Type.INVALID, "path: expected a job's id, or its beginning: A-Z, a-z, 0-9, - and _")
    if len(job_id) == len(_UUID) or (len(job_id) >= _SHORTEST_ID and _is_recorded(named, ledger)):
        return named
    items = ledger.open_items()
    begin_so = sorted({item.ref for item in items if item.ref and item.ref.job_id.startswith(job_id)})
    if len(begin_so) > 1:
        detail = f"{len(begin_so)} open jobs have ids that begin with {job_id}"
        ids: list[Json] = [ref.job_id for ref in begin_so[:_AMBIGUOUS_SHOWN]]
        raise ProblemError(Type.AMBIGUOUS, detail, {"jobs": ids})
    if not begin_so and len(job_id) < _SHORTEST_ID:
        raise ProblemError(Type.NOT_FOUND, f"{_NO_OPEN_JOB} {job_id}; {_WHOLE_ID}")
    return begin_so[0] if begin_so else named


_NO_OPEN_JOB: Final = "no job that the gate holds has an id that begins with"
_WHOLE_ID: Final = "name a job that it has not reviewed yet, or that is decided, by its whole id"

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,36}")
"""An id or its beginning. *Source*: S3 Control API, JobId."""

_UUID: Final = "00000000-0000-0000-0000-000000000000"
"""As S3 makes ids, which may have fewer characters. *Source*: S3 Control API, JobId."""


def _is_recorded(ref: JobRef, ledger: PeoplesLedger) -> bool:
    try:
        return ledger.read(ref) is not None
    except UnreadableItemError:
        return True


def job_document(ref: JobRef, who: str, ports: Ports, ledger: PeoplesLedger) -> dict[str, Json]:
    """All that an approver needs. Where S3 can't show a job that the gate knows, the gate's record alone.

    Args:
        ref: The job.
        who: The caller's ARN.
        ports: The ports.
        ledger: The ledger.

    Raises:
        JobNotFoundError: Neither S3 nor the gate knows it.
        ProblemError: The same, and the id may be the beginning of one.
        GateError: The gate or a service failed.
    """
    recorded = ledger.read(ref)
    shown, error = None, ""
    try:
        shown = show_job(ref, ports)
    except (JobsApiError, ManifestsApiError, ClockError) as failure:
        if recorded is None:
            if isinstance(failure, JobNotFoundError) and len(ref.job_id) < len(_UUID):
                raise ProblemError(Type.NOT_FOUND, f"{_NO_OPEN_JOB} {ref.job_id}; {_WHOLE_ID}") from failure
            raise
        error = "S3 does not know this job any more" if isinstance(failure, JobNotFoundError) else str(failure)
    history, left_out, _ = views.latest(ledger.history(ref))
    return {
        "job": views.job_facts(shown.snapshot) if shown else None,
        "error": error or _why_not_evaluated(shown) or None,
        "state": views.full_state(recorded) if recorded else None,
        "digest": shown.digest if shown else None,
        **_evaluated(shown, recorded, ports),
        "your_approval": _approval_by(who, shown, ports),
        "history": history,
        "history_left_out": left_out,
        "warning": api_gate.warning(ledger),
    }


def _why_not_evaluated(shown: ShownJob | None) -> str:
    return str(shown.policies) if shown and isinstance(shown.policies, Exception) else ""


def _evaluated(shown: ShownJob | None, recorded: State | None, ports: Ports) -> dict[str, Json]:
    """What the policies say of the job now, and what its approvals are worth."""
    state = shown.state if shown else recorded
    decision = shown.decision if shown and _is_open(shown, ports) else None
    blocks = [str(state.block)] if state and state.block not in (None, Block.PAUSED) else []
    if ports.ledger.pause() is not None:
        blocks.append(str(Block.PAUSED))
    if decision is not None and decision.policies.shadow:
        blocks.append("shadow")
    if state is not None and state.lease_is_live(ports.clock.now()):
        blocks.append("claimed")
    return {
        "requester": _requester(shown, recorded),
        "approvals": [
            views.approval(each) | _counts(each, shown, decision) for each in (state.approvals if state else ())
        ],
        "awaiting": decision.awaiting if decision else "",
        "evaluation": decision_as_json(decision) if decision else None,
        "blocks": [*blocks],
        "would": str(decision.verdict if decision.if_enforced is None else decision.if_enforced) if decision else None,
    }


def _is_open(shown: ShownJob, ports: Ports) -> bool:
    """Whether the policies have a say: the job waits, or S3 still prepares it."""
    if shown.decision is None:
        return False
    job, survives = shown.snapshot.job, ports.suspended_date_survives
    cancels = shown.decision.policies.cancel_ungated
    step = next_step(shown.state, job, shown.snapshot.read_at, cancel_ungated=cancels, survives=survives)
    return step in (Step.EVALUATE, Step.CLAIMED, Step.WAIT)


def _counts(given: Approval, shown: ShownJob | None, decision: Decision | None) -> dict[str, Json]:
    """Whether an approval counts now."""
    if shown is None:
        why_not = "S3 does not show the job"
    elif given.digest != shown.digest:
        why_not = "the job has changed since"
    elif decision is None:
        why_not = "no policies decide this job now"
    else:
        why_not = why_not_counted(decision, given.who)
    is_current = shown is not None and given.digest == shown.digest
    return {"counts": not why_not, "why_not": why_not, "is_current": is_current}


def _approval_by(who: str, shown: ShownJob | None, ports: Ports) -> Json:
    """Whether an approval that the caller gives now would count."""
    why_not = why_approval_not_counted(shown, who, ports) if shown else "S3 does not show the job"
    return {"counts": not why_not, "why_not": why_not}


_KNOWN: Final = {Result.UNKNOWN: "not_yet", Result.UNMEASURABLE: "no"}


def _requester(shown: ShownJob | None, recorded: State | None) -> Json:
    found = shown.snapshot.requester if shown else NOT_READ
    if isinstance(found, str) or (recorded is not None and recorded.requester):
        arn = found if isinstance(found, str) else recorded.requester if recorded else ""
        return {"arn": arn, "known": "yes", "why": "CloudTrail names the caller who created the job"}
    if found == NOT_READ:
        return {"arn": None, "known": "not_asked", "why": "no policy in force asks who created the job"}
    return {"arn": None, "known": _KNOWN.get(found.result, "no"), "why": found.why}


# --- What was decided -----------------------------------------------------------------------------------


def list_decisions(query: ListDecisions, ledger: PeoplesLedger) -> dict[str, Json]:
    """One page of the jobs that ended in this time, the latest first.

    A page ends where its limit is reached, its histories get too large, or enough days or jobs were searched.
    """
    before = query.to or SystemClock().now()
    since = query.from_ or before - _DAYS_BY_DEFAULT
    after = parts_of(query.next, 2) if query.next else None
    if after is not None:
        before = min(before, instant_in(after[0]) + timedelta(microseconds=1))
    first = max(since, before - timedelta(days=_DAYS_A_PAGE))
    page, broken, ended_at = _page(query, ledger, first, before, after)
    if ended_at is None and first > since:
        ended_at = first.astimezone(UTC).isoformat(timespec="microseconds"), _BEFORE_ALL
    return {"decisions": page, "next": cursor(*ended_at) if ended_at else None, "not_listed": broken}


_BEFORE_ALL: Final = ""
"""Sorts before every job's id: of this instant everything was returned."""


def _page(
    query: ListDecisions, ledger: PeoplesLedger, first: datetime, before: datetime, after: tuple[str, ...] | None
) -> tuple[list[Json], list[Json], tuple[str, str] | None]:
    """The decisions of a page, what of it can't be read, and the key of the last job of it where there are more."""
    page: list[Json] = []
    broken: list[Json] = []
    room, last, read = views.BYTES_AT_MOST, ("", ""), 0
    wanted = _wanted_decision(query)
    for item in _latest_first(ledger.settled(first, before)):
        if isinstance(item, Unreadable):
            broken.append(views.unreadable(item))
            continue
        key = _end_key(item)
        if after is not None and key >= after:
            continue
        if read == _JOBS_A_PAGE:
            return page, broken, last
        read += 1
        if not wanted(item):
            last = key
            continue
        shown = views.decision(item)
        if query.detail == "full":
            history, left_out, taken = views.latest(ledger.history(item.ref), views.BYTES_AT_MOST)
            shown |= {"history": history, "history_left_out": left_out}
            if page and taken > room:
                return page, broken, last
            room -= taken
        if len(page) == query.limit:
            return page, broken, last
        page.append(shown)
        last = key
    return page, broken, None


def _latest_first(items: Iterator[State | Unreadable]) -> Iterator[State | Unreadable]:
    """In one order, also of jobs that ended at one instant."""
    for _, same in groupby(items, lambda item: item.decided_at if isinstance(item, State) else None):
        together = [*same]
        states = [item for item in together if isinstance(item, State)]
        yield from (item for item in together if isinstance(item, Unreadable))
        yield from sorted(states, key=_end_key, reverse=True)


def _end_key(state: State) -> tuple[str, str]:
    decided_at = state.decided_at or _NEVER
    return decided_at.astimezone(UTC).isoformat(timespec="microseconds"), state.ref.job_id


def _wanted_decision(query: ListDecisions) -> Callable[[State], bool]:
    policy, person = _matches_any(query.policy), _matches_any(query.person)

    def is_wanted(state: State) -> bool:
        if query.verdict is not None and views.end_of(state) != query.verdict:
            return False
        return policy(state.governing) and person(state.people)

    return is_wanted
