"""The jobs of the gate's ledger: the facts of every review as they were evaluated."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from msgspec import convert

from batchgate.errors import JobDescriptionError
from batchgate.gate.ports import Unreadable
from batchgate.gate.state import Outcome, Phase, RequestedAction, State
from batchgate.jobs.model import AsksForConfirmation, Job, JobRef, JobStatus
from batchgate.policy.amounts import BudgetUse
from batchgate.policy.approvals import Approval
from batchgate.policy.facts import NOT_READ, Gap, JobFacts, Result
from batchgate_cli.replay.course import End
from batchgate_cli.replay.happened import Happened
from batchgate_cli.replay.instants import of_generator, of_parameters
from batchgate_cli.replay.reasons import DecidedBy, read_reason
from batchgate_cli.replay.recording import TAGS_NOT_RECORDED
from batchgate_cli.replay.replaying import MANIFEST_NOT_RECORDED, ROWS_NOT_RECORDED, PastJob

KEPT: Final = timedelta(days=400)
"""How long the ledger keeps what was settled."""


class History(Protocol):
    """What of the ledger is read."""

    def open_items(self) -> Iterator[State | Unreadable]:
        """What is not settled yet."""
        ...

    def settled(self, since: datetime, before: datetime) -> Iterator[State | Unreadable]:
        """What was settled in this time."""
        ...

    def history(self, ref: JobRef) -> list[dict[str, Any]]:
        """Every review of a job that is kept, oldest first."""
        ...


def ledger_jobs(ledger: History, since: datetime, now: datetime, unread: list[str]) -> Iterator[PastJob]:
    """The jobs that the gate holds, or that were settled since an instant.

    Args:
        ledger: The ledger.
        since: From when on.
        now: The present instant.
        unread: Gets a line for each item that can't be read.
    """
    for state in [*ledger.settled(since, now), *ledger.open_items()]:
        if isinstance(state, Unreadable):
            unread.append(str(state.error))
        else:
            yield _past(state, ledger.history(state.ref), now)


def _past(state: State, history: Iterable[Mapping[str, Any]], now: datetime) -> PastJob:
    known: list[JobFacts] = []
    decided_at: datetime | None = None
    why_not = "the ledger has no review of it"
    for review in history:
        evidence = review.get("evidence")
        if str(review.get("action")) in ("approved", "cancelled"):
            decided_at = datetime.fromisoformat(str(review["at"]))
        if not isinstance(evidence, dict):
            continue
        try:
            facts = facts_of(evidence.get("facts") or {})
        except (ValueError, LookupError, TypeError, AttributeError, JobDescriptionError) as error:
            why_not = f"its facts in the ledger can't be read: {error}"
            continue
        if not facts.status.before_suspended:
            known.append(facts)
    known.sort(key=lambda each: each.now)
    return PastJob(
        job=_job(state, known[0] if known else None),
        known=tuple(known),
        ends=None if state.phase is Phase.SETTLED else now,
        happened=_happened(state, decided_at),
        claim_id=state.claim_id or "",
        missing=(MANIFEST_NOT_RECORDED, ROWS_NOT_RECORDED, TAGS_NOT_RECORDED),
        why_not=why_not,
    )


def _happened(state: State, decided_at: datetime | None) -> Happened:
    people = DecidedBy.PEOPLE if state.people else DecidedBy.POLICY
    match state.phase, state.outcome:
        case Phase.SETTLED, Outcome.APPLIED:
            reason = read_reason(state.reason)
            ended = End.EXPIRED if reason is not None and reason.expired else End.CANCELLED
            end = End.APPROVED if state.requested_action is RequestedAction.APPROVE else ended
            return Happened(end, people, decided_at, at_latest=state.decided_at, reason=state.reason)
        case Phase.SETTLED, Outcome.UNGATED:
            return Happened(End.UNGATED)
        case Phase.SETTLED, Outcome.LAPSED:
            return Happened(End.HELD, DecidedBy.S3, at_latest=state.decided_at)
        case Phase.SETTLED, _:
            why = "it was decided outside the gate, and the ledger does not record how"
            latest = state.decided_at
            return Happened(End.UNKNOWN, DecidedBy.OTHERS, at_latest=latest, reason=state.reason, why_unknown=why)
        case _:
            return Happened(End.HELD, reason=state.reason)


def _job(state: State, facts: JobFacts | None) -> Job:
    """As much of the job's description as a hold is written from."""
    return Job(
        ref=state.ref,
        status=JobStatus.SUSPENDED,
        operation=state.operation or None,
        parameters={},
        confirmation_required=None,
        total_tasks=state.total_tasks,
        tasks_ended=0,
        role=None,
        priority=None,
        description=None,
        report=None,
        manifest=None,
        manifest_generator=None,
        generated_manifest=None,
        status_update_reason=None,
        suspended_date=facts.suspended_date if facts else state.suspended_at,
        creation_time=state.created_at,
    )


# --- Facts --------------------------------------------------------------------------------------------


def facts_of(kept: Mapping[str, Any]) -> JobFacts:
    """A job's facts as `evidence_of` keeps them.

    Raises:
        ValueError, LookupError, TypeError, AttributeError, JobDescriptionError: They are not, or were too long.
    """
    values = {name: _value(name, each) for name, each in kept.items() if name in JobFacts.__struct_fields__}
    values["parameters"] = of_parameters(values.get("operation"), values.get("parameters"))
    values["generator"] = of_generator(values.get("generator"))
    if values.get("tags") == NOT_READ:
        values["tags"] = TAGS_NOT_RECORDED
    if values.get("manifest_bytes") == NOT_READ:
        values["manifest_bytes"] = MANIFEST_NOT_RECORDED
    not_read = [name for name in _OF_ROWS if values.get(name) == NOT_READ]
    values.update(dict.fromkeys(not_read, ROWS_NOT_RECORDED))
    return JobFacts(**values)


_OF_ROWS: Final = ("manifest_rows", "rows_without_version", "source_buckets", "object_bytes")


def _value(name: str, kept: Any) -> Any:  # noqa: ANN401 - of whatever type the fact is
    if isinstance(kept, dict) and kept.keys() == {"too_long"}:
        raise ValueError(f"{name} was too long to be kept")
    gap = _gap(kept)
    if gap is not None or kept is None:
        return gap
    read = _READERS.get(name)
    return read(kept) if read else kept


def _gap(kept: Any) -> Gap | None:  # noqa: ANN401 - of whatever type the fact is
    if not isinstance(kept, dict) or kept.keys() != {"result", "why"}:
        return None
    return Gap(Result[str(kept["result"]).upper()], str(kept["why"]))


def _or_gaps(kept: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _gap(each) or each for key, each in kept.items()}


def _buckets(kept: Iterable[Any]) -> frozenset[str | Gap]:
    return frozenset(_gap(each) or each for each in kept)


def _approvals(kept: Iterable[Mapping[str, Any]]) -> tuple[Approval, ...]:
    return tuple(Approval(**{**each, "at": datetime.fromisoformat(each["at"])}) for each in kept)


def _uses(kept: Mapping[str, Any]) -> dict[str, BudgetUse | Gap]:
    return {name: _gap(each) or convert(each, BudgetUse) for name, each in kept.items()}


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "ref": JobRef.from_arn,
    "status": JobStatus,
    "asks_for_confirmation": AsksForConfirmation,
    "source_buckets": _buckets,
    "destination_buckets": _buckets,
    "manifest": _or_gaps,
    "report": _or_gaps,
    "created": datetime.fromisoformat,
    "suspended_since": datetime.fromisoformat,
    "suspended_date": datetime.fromisoformat,
    "now": datetime.fromisoformat,
    "approvals": _approvals,
    "unknown_members": tuple,
    "budgets": _uses,
}
