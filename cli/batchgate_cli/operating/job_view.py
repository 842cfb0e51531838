"""Jobs as the gate's ledger has them, for people and for programs."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from msgspec import to_builtins
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from batchgate.gate.people import ShownJob
from batchgate.gate.ports import Review
from batchgate.gate.state import Block, Outcome, Phase, RequestedAction, State
from batchgate.jobs.model import AsksForConfirmation, Job, Json
from batchgate.policy.evidence import digest_of, evidence_of, job_as_shown
from batchgate.policy.wording import TRACED_AT_MOST
from batchgate.text import shorten
from batchgate_cli.output import printable_line

WIDE: Final = 150
"""Columns from which a held job is one row."""

SOON_FAILED: Final = timedelta(days=21)
"""Held for so long, little is left of the 30 days after which S3 fails a job."""

_HELD_BY = re.compile(r"batchgate: held(?:, | by |: )")
_SAID_BY = re.compile(r"batchgate: (?:held|approved|cancelled)(?:, | by |: )")
_VERSIONS = re.compile(r" \[[^\[\]]*\]$")
_MARKS: Final = {
    Block.PAUSED: "paused",
    Block.CIRCUIT_BREAKER: "circuit breaker",
    Block.ADOPTION: "adoption",
    Block.CONFLICTING_UPDATE: "conflicting update",
}
_WIDTH_OF_NAMES = 12
_FIRST_OBJECTIONS: Final = 10
"""So many stand above the question, and the question stays in sight."""


# --- What is held -------------------------------------------------------------------------------------


def oldest_first(items: Sequence[State]) -> list[State]:
    """Held jobs by age."""
    return sorted(items, key=lambda item: (item.first_held_at or datetime.max.replace(tzinfo=UTC), item.ref))


def held_as_json(items: Sequence[State]) -> list[Json]:
    """The stable JSON form: keys may be added, none change their meaning."""
    return [
        {
            "job_id": item.ref.job_id,
            "job_arn": item.ref.arn,
            "operation": item.operation or None,
            "total_tasks": item.total_tasks,
            "held_since": _iso(item.first_held_at),
            "suspended_at": _iso(item.suspended_at),
            "until": _iso(item.until),
            "cancels_at": _iso(item.cancels_at),
            "awaiting": item.awaiting,
            "due_at": _iso(item.due_at),
            "created_at": _iso(item.created_at),
            "shadow": item.shadow,
            "block": str(item.block) if item.block else None,
            "reason": item.reason,
        }
        for item in items
    ]


def show_held(console: Console, items: Sequence[State], now: datetime) -> None:
    """A table, oldest first; narrow terminals get several lines a job."""
    if not items:
        console.print("no job is held")
        return
    wide = console.width >= WIDE
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, leading=0 if wide else 1)
    for name in _WIDE_COLUMNS if wide else ("job", "what stands in the way"):
        table.add_column(
            name, justify="right" if name == "objects" else "left", no_wrap=name in _WHOLE, overflow="fold"
        )
    for item in items:
        _add_wide(table, item, now) if wide else _add_narrow(table, item, now)
    console.print(table)
    oldest = items[0].first_held_at
    since = f", the oldest for {age(now - oldest)}" if oldest else ""
    console.print(f"\n{len(items)} held{since}; `batchgate jobs show JOB` says why, `approve` and `cancel` decide")


_WIDE_COLUMNS: Final = ("job", "operation", "objects", "held since", "until", "what stands in the way")
_WHOLE: Final = frozenset({"job", "operation", "objects", "held since", "until"})


def _add_wide(table: Table, item: State, now: datetime) -> None:
    table.add_row(
        Text(item.ref.job_id, "bold"),
        _operation(item),
        f"{item.total_tasks:,}" if item.total_tasks else "unknown",
        Text(f"{_minute(item.first_held_at)}  {_age_of(item, now)}", _urgency(item, now)),
        _until(item),
        _marked(item),
    )


def _add_narrow(table: Table, item: State, now: datetime) -> None:
    objects = f"{item.total_tasks:,} objects" if item.total_tasks else "unknown size"
    left = Text("\n").join([Text(item.ref.job_id, "bold"), Text(_operation(item)), Text(objects)])
    held = Text(f"held {_age_of(item, now)}, since {_minute(item.first_held_at)}", _urgency(item, now))
    right = Text("\n").join([_marked(item), held, Text(f"until {_until(item)}")])
    table.add_row(left, right)


def _marked(item: State) -> Text:
    """What stands in the way, with what but the policies makes it a hold."""
    marks = ["shadow"] if item.shadow else []
    if item.block is not None:
        marks.append(_MARKS[item.block])
    marked = Text()
    for mark in marks:
        marked.append(f"[{mark}] ", "magenta")
    return marked.append(obstacle(item.reason))


def obstacle(reason: str) -> str:
    """A hold's reason without what every hold's begins and ends with."""
    return _VERSIONS.sub("", _HELD_BY.sub("", printable_line(reason), count=1))


def _operation(item: State) -> str:
    return printable_line(item.operation) or "unknown operation"


def _until(item: State) -> str:
    if item.until is not None:
        return _minute(item.until)
    if item.cancels_at is not None:
        return f"{_minute(item.cancels_at)}, then it will be cancelled"
    return "the gate is resumed" if item.block is Block.PAUSED else "a person decides"


def _urgency(item: State, now: datetime) -> str:
    """S3's 30 days run from the suspension, however long the gate has held the job."""
    since = item.suspended_at or item.first_held_at
    return "bold red" if since is not None and now - since >= SOON_FAILED else ""


def _age_of(item: State, now: datetime) -> str:
    return age(now - item.first_held_at) if item.first_held_at else "?"


def age(passed: timedelta) -> str:
    """A span of time in its two largest units."""
    minutes = max(0, int(passed.total_seconds()) // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


# --- One job ------------------------------------------------------------------------------------------


def job_as_json(
    job: Job | None, state: State | None, history: Sequence[Mapping[str, Any]], error: str
) -> dict[str, Json]:
    """What S3 says, what the ledger says, and every review."""
    return {
        "job": _facts_as_json(job) if job else None,
        "error": error or None,
        "state": _state_as_json(state) if state else None,
        "history": [dict(review) for review in history],
    }


def _facts_as_json(job: Job) -> dict[str, Json]:
    return {
        "job_id": job.ref.job_id,
        "job_arn": job.ref.arn,
        "status": str(job.status),
        "operation": job.operation,
        "total_tasks": job.total_tasks,
        "confirmation_required": job.confirmation_required,
        "description": job.description,
        "priority": job.priority,
        "role": job.role,
        "created_at": _iso(job.creation_time),
        "suspended_at": _iso(job.suspended_date),
        "status_update_reason": job.status_update_reason,
    }


def _state_as_json(state: State) -> dict[str, Json]:
    facts: dict[str, Json] = {}
    for name in state.__struct_fields__:
        value = getattr(state, name)
        if name == "ref":
            continue
        if isinstance(value, datetime):
            facts[name] = value.isoformat()
        elif isinstance(value, timedelta):
            facts[f"{name}_seconds"] = value.total_seconds()
        else:
            facts[name] = to_builtins(value)
    return facts


def show_job(
    console: Console, job: Job | None, state: State | None, history: Sequence[Mapping[str, Any]], error: str
) -> None:
    """What S3 says, what the ledger says, and how it came to that."""
    _heading(console, "S3 says")
    if job is None:
        _line(console, "nothing", error)
    else:
        _show_facts(console, job)
    _heading(console, "the gate says")
    if state is None:
        _line(console, "nothing", "it has not held or decided this job")
    else:
        _show_state(console, state)
    if history:
        _heading(console, "how it came to that (UTC)")
    for review in history:
        _show_review(console, review)


def _show_facts(console: Console, job: Job) -> None:
    since = (
        f", since {_minute(job.suspended_date)} UTC" if job.suspended_date and str(job.status) == "Suspended" else ""
    )
    _line(console, "status", f"{job.status}{since}", "bold")
    tasks = f"{job.total_tasks:,} objects" if job.total_tasks else "unknown size"
    _line(console, "operation", f"{job.operation or 'unknown'}, {tasks}")
    if job.description:
        _line(console, "description", job.description)
    _line(console, "created", f"{_minute(job.creation_time)} UTC")
    if job.asks_for_confirmation() is AsksForConfirmation.NO:
        _line(console, "confirmation", "not asked for: the job runs by itself")
    if job.role:
        _line(console, "role", job.role)
    if job.status_update_reason:
        _line(console, "reason", job.status_update_reason)


def _show_state(console: Console, state: State) -> None:
    if state.phase is Phase.SETTLED:
        _line(console, "settled", f"{_minute(state.decided_at)} UTC, {ended_in_words(state)}", "bold")
    elif state.phase is Phase.CLAIMED:
        until = f"{state.lease_until:%Y-%m-%d %H:%M:%S} UTC" if state.lease_until else "unknown"
        _line(console, "claimed", f"to {state.direction} it, by {state.decided_by}, until {until}", "bold")
    else:
        _line(console, "held", f"since {_minute(state.first_held_at)} UTC, until {_until(state)}", "bold")
        _line(console, "because", _marked(state).plain)
        if state.missing_approvals:
            _line(console, "awaiting", state.missing_approvals)
        _line(console, "next review", f"{_minute(state.due_at)} UTC at the latest")
    for approval in state.approvals:
        _line(console, "approval", f"{_minute(approval.at)} UTC by {approval.who}: {approval.reason}")
    if state.reason and state.phase is not Phase.HELD:
        _line(console, "reason", state.reason)
    if state.claim_id and state.phase is not Phase.SETTLED:
        sent = f"; to {state.direction} it may have been sent" if state.possibly_sent else ""
        _line(console, "claim", f"{state.claim_id}, attempt {state.attempt}{sent}")
    if state.phase is Phase.SETTLED and state.announced_at is None:
        _line(console, "announced", "not yet; the sweep does it")


def ended_in_words(state: State) -> str:
    """How a settled job ended."""
    if state.outcome is Outcome.APPLIED and state.direction is not None:
        by = "; the job does not show by whom" if state.unattributed else f" by {state.decided_by}"
        return f"{DONE[state.direction]}{by}"
    return _ENDS[state.outcome] if state.outcome else "ended"


DONE: Final = {RequestedAction.APPROVE: "approved", RequestedAction.CANCEL: "cancelled"}
_ENDS: Final = {
    Outcome.APPLIED: "decided",
    Outcome.SUPERSEDED: "superseded: it was decided elsewhere, not by the gate",
    Outcome.UNGATED: "ungated: it ran without asking for confirmation",
    Outcome.UNGATED_OR_CONFIRMED_ELSEWHERE: "ungated or confirmed elsewhere: it ran, and S3 does not say which",
    Outcome.LAPSED: "lapsed: it ended without a decision",
}


def _show_review(console: Console, review: Mapping[str, Any]) -> None:
    at = str(review.get("at", ""))[:16].replace("T", " ")
    shadow = " (shadow)" if review.get("shadow") else ""
    action = printable_line(f"{review.get('action')}{shadow}")
    why = _VERSIONS.sub("", _SAID_BY.sub("", printable_line(str(review.get("reason", ""))), count=1))
    _hanging(console, f"  {printable_line(at)}  ", Text.assemble((action, "bold"), f"  {why}"))
    evidence = review.get("evidence") or {}
    if evidence.get("person"):
        _bullet(console, f"by {evidence['person']}: {evidence.get('why', '')}")
    for objection in objections_of(evidence):
        _bullet(console, objection)
    if left_out_of(evidence):
        _bullet(console, f"and {left_out_of(evidence)} more, which do not fit in the record")


def objections_of(evidence: Mapping[str, Any]) -> list[str]:
    """Every requirement that was not met, and every rule of the whole set, as the history keeps them, in words.

    What decides comes first. That a person has to look at the job is no objection to what a person decides.
    """
    evaluated = _evaluated(evidence)
    met_by_it = "manual_approval" if "person" in evidence else ""
    kept = [each for each in evaluated.get("objections", ()) if each.get("kind") != met_by_it]
    rules = [_RULES.get(rule, str(rule)) for rule in evaluated.get("rules", ())]
    decides = [_objection(each) for each in kept if _decides(each, evaluated)]
    return decides + rules + [_objection(each) for each in kept if not _decides(each, evaluated)]


def left_out_of(evidence: Mapping[str, Any]) -> int:
    """How many objections more there were than the history keeps."""
    return int(_evaluated(evidence).get("objections_left_out", 0))


def _evaluated(evidence: Mapping[str, Any]) -> Mapping[str, Any]:
    return (evidence.get("overridden") if "person" in evidence else evidence) or {}


def _decides(entry: Mapping[str, Any], evaluated: Mapping[str, Any]) -> bool:
    """Whether it asks for the verdict; in shadow mode, for what the verdict would be."""
    return bool(entry.get("enforced", True)) and entry.get("vote") == (
        evaluated.get("if_enforced") or evaluated.get("verdict")
    )


_RULES: Final = {
    "unmatched": "no policy matches the job",
    "unknown-operation": "this version does not know the operation",
    "unknown-member": "this version does not know all members or values of the job's description",
    "not-suspended": "S3 had not suspended the job yet",
    "shadow": "the policies are in shadow mode",
}


def _objection(entry: Mapping[str, Any]) -> str:
    subject = f"{entry['subject']} is " if entry.get("subject") else ""
    would = "" if entry.get("enforced", True) else " (shadow: would)"
    requirement = f"{subject}{entry.get('actual')}, want {entry.get('wanted')}"
    if entry.get("kind") == "manual_approval":
        requirement = f"manual approval required, {entry.get('actual')}"
    return f"{entry.get('statement')}: {requirement}{would} -> {entry.get('vote')}"


def _heading(console: Console, text: str) -> None:
    console.print(Text(text, "dim"))


def _line(console: Console, name: str, text: str, style: str = "") -> None:
    _hanging(console, f"  {name:{_WIDTH_OF_NAMES}}  ", Text(printable_line(text), style))


def _bullet(console: Console, text: str) -> None:
    _hanging(console, "      - ", Text(printable_line(text)))


def _hanging(console: Console, start: str, text: Text) -> None:
    """Text whose further lines begin where its first does."""
    table = Table.grid()
    table.add_column(no_wrap=True, width=len(start))
    table.add_column(overflow="fold")
    table.add_row(Text(start), text)
    console.print(table)


# --- A person's decision ------------------------------------------------------------------------------


def show_plan(console: Console, proposal: ShownJob, direction: RequestedAction, who: str, why: str, place: str) -> None:
    """What is about to be done to a job, and what the policies say against it.

    Args:
        console: Where to.
        proposal: The job.
        direction: What is about to be done.
        who: The caller's ARN.
        why: The reason given.
        place: Account and Region.
    """
    job, held, decision = proposal.snapshot.job, proposal.state, proposal.decision
    shown = job_as_shown(job, proposal.snapshot.tags)
    console.print(Text.assemble((f"{direction} ", "bold"), (job.ref.job_id, "bold"), f"  {place}"))
    tasks = f"{job.total_tasks:,} objects" if job.total_tasks else "unknown size"
    _line(console, "operation", f"{job.operation or 'unknown'}, {tasks}")
    for name in ("parameters", "description", "role", "tags"):
        if shown[name]:
            _line(console, name, _in_short(shown[name]))
    _line(console, "S3 says", f"{job.status}, since {_minute(job.suspended_date)} UTC")
    if held is not None and held.phase is Phase.HELD:
        _line(console, "held", _marked(held).plain)
    _line(console, "as", who)
    _line(console, "reason", why)
    if decision is None:
        _line(console, "overridden", f"not known, the policies can't be read: {proposal.policies}", "yellow")
        return
    verdict = str(decision.verdict)
    _line(console, "policies say", f"{verdict} [policy {decision.policy_version}]")
    evidence = {"person": who, "overridden": evidence_of(decision)}
    objections = objections_of(evidence)
    if direction is RequestedAction.APPROVE and objections:
        _line(console, "overridden", "what the policies say against it:", "bold yellow")
        is_on_record = held is not None and held.evaluated == digest_of(decision)
        _show_first(console, objections, left_out_of(evidence), job.ref.job_id, is_on_record=is_on_record)
    elif direction is RequestedAction.CANCEL and verdict == "approve":
        _line(console, "overridden", "the policies would approve this job", "bold yellow")


def _show_first(console: Console, objections: Sequence[str], left_out: int, job_id: str, *, is_on_record: bool) -> None:
    """The first objections, how many more there are, and the command that lists them."""
    for objection in objections[:_FIRST_OBJECTIONS]:
        _bullet(console, objection)
    more = len(objections[_FIRST_OBJECTIONS:]) + left_out
    if more:
        show = f"batchgate jobs show {job_id}"
        explain = f"batchgate policy explain POLICY --job-id {job_id}"
        _bullet(console, f"and {more} more; `{show if is_on_record and not left_out else explain}` lists all")


def show_changes(console: Console, before: ShownJob, now: ShownJob) -> None:
    """What is not any more as it was shown."""
    console.print()
    _line(console, "changed", "since it was shown:", "bold yellow")
    was = job_as_shown(before.snapshot.job, before.snapshot.tags)
    for name, value in job_as_shown(now.snapshot.job, now.snapshot.tags).items():
        if value != was[name]:
            _bullet(console, f"{name}: {_in_short(was[name])} -> {_in_short(value)}")
    console.print()


def _in_short(value: Json) -> str:
    return shorten(value if isinstance(value, str) else json.dumps(value), TRACED_AT_MOST)


def decided_as_json(review: Review) -> dict[str, Json]:
    """What came of a person's decision."""
    evidence = review.evidence or {}
    return {
        "job_id": review.ref.job_id,
        "job_arn": review.ref.arn,
        "action": review.action,
        "reason": review.reason,
        "decided_by": review.decided_by,
        "claim_id": review.claim_id or None,
        "awaiting": review.awaiting,
        "people": [*review.people],
        "overridden": [*objections_of(evidence)],
        "overridden_left_out": left_out_of(evidence),
    }


def _minute(instant: datetime | None) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}" if instant else "unknown"


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
