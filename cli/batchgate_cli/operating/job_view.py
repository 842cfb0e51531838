"""One job for the person who decides it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from batchgate.gate.state import Outcome, RequestedAction, who_decided
from batchgate.jobs.model import Json
from batchgate.policy.wording import TRACED_AT_MOST
from batchgate.text import shorten
from batchgate_cli.operating.api_documents import GivenApproval, JobDocument, OpenJob
from batchgate_cli.operating.evaluation_view import VERDICT_STYLES, evaluation_tree
from batchgate_cli.operating.held_view import mark_of, until
from batchgate_cli.operating.wording import age, bare, manual_approval, minute, objects, obstacle, person
from batchgate_cli.output import Styled, hanging, print_line, print_tree, printable_line, screen_width

_WIDTH_OF_NAMES: Final = 12
_BLOCKS: Final = {
    "paused": "the gate is paused; `batchgate resume` ends that",
    "circuit breaker": "the circuit breaker holds what policies cancel",
    "adoption": "the job is older than the gate, and waits for a person",
    "budget": "other jobs used up its budget while it was reviewed; it is reviewed again soon",
    "conflicting update": "an earlier update the other way may still take effect",
    "shadow": "the policies are in shadow mode",
    "claimed": "a review is deciding the job at this moment",
}
DONE: Final = {RequestedAction.APPROVE: "approved", RequestedAction.CANCEL: "cancelled"}


def show_job(document: JobDocument, now: datetime) -> None:
    """Print all that an approver needs."""
    print_line((document.job_arn, "bold"))
    _print(_job_lines(document, now))
    _print(_state_lines(document))
    _show_evaluation(document)
    _print(_approval_lines(document))
    _print(_history_lines(document.history, document.history_left_out))


def _print(lines: Iterator[list[Styled]]) -> None:
    for line in lines:
        print_line(*line)


def _named(name: str, text: str, style: str = "") -> list[list[Styled]]:
    return hanging(f"  {name:{_WIDTH_OF_NAMES}}  ", text, screen_width(), style)


def _bullet(text: str, sign: str = "-") -> list[list[Styled]]:
    return hanging(f"      {sign} ", text, screen_width())


# --- The job ------------------------------------------------------------------------------------------


def _job_lines(document: JobDocument, now: datetime) -> Iterator[list[Styled]]:
    yield [("S3 says", "dim")]
    job = document.job
    if job is None:
        yield from _named("nothing", document.error or "")
        return
    yield from _named("status", _status(job, document.state, now), "bold")
    yield from _named("operation", f"{job.get('operation') or 'unknown'}, {objects(job.get('total_tasks'))}")
    for name in ("parameters", "tags", "description", "manifest", "generator", "report"):
        if job.get(name) or (name == "tags" and job.get(name) == {}):
            yield from _named(name, value_in_words(job[name]) if job[name] else "none")
    yield from _not_known(job)
    if job.get("priority") is not None:
        yield from _named("priority", str(job["priority"]))
    if job.get("role"):
        yield from _named("role", str(job["role"]))
    yield from _named("requester", _requester(document))
    yield from _named("created", f"{_minute_of(job.get('created_at'))} UTC")
    if job.get("confirmation_required") is False:
        yield from _named("confirmation", "not asked for: the job runs by itself")
    if job.get("status_update_reason"):
        yield from _named("reason", str(job["status_update_reason"]))


def _not_known(job: Mapping[str, Any]) -> list[list[Styled]]:
    """What S3 says of the job that this version can't show."""
    members = job.get("unknown_members")
    return _named("not known", ", ".join(map(str, members)), "bold yellow") if members else []


def _status(job: Mapping[str, Any], state: OpenJob | None, now: datetime) -> str:
    status = str(job.get("status"))
    if status != "Suspended" or not job.get("suspended_at"):
        return status
    since = datetime.fromisoformat(job["suspended_at"])
    text = f"{status} since {minute(since)} UTC, for {age(now - since)}"
    if state is not None and state.fails_at is not None:
        text += f"; S3 fails it in {age(state.fails_at - now)}"
    return text


def _requester(document: JobDocument) -> str:
    requester = document.requester
    if requester.arn:
        return requester.arn
    word = {"not_yet": "not known yet", "no": "not found"}.get(requester.known, "not known")
    why = requester.why or ("no policy asks who it is" if requester.known == "not_asked" else "")
    return f"{word}: {why}" if why else word


def value_in_words(value: Json) -> str:
    """A value of S3's on one line: `Name=value, Other.Name=value`; what can't be read says why."""
    pairs = [*_pairs(value, "")]
    return ", ".join(f"{name}={text}" if name else text for name, text in pairs)


def _pairs(value: Json, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from _pairs(each, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value and not any(isinstance(each, dict | list) for each in value):
        yield path, "/".join(map(str, value))
    elif isinstance(value, list) and value:
        for number, each in enumerate(value):
            yield from _pairs(each, f"{path}[{number}]")
    elif value is not None:
        yield path, value if isinstance(value, str) else json.dumps(value)


# --- The gate -----------------------------------------------------------------------------------------


def _state_lines(document: JobDocument) -> Iterator[list[Styled]]:
    yield [("the gate says", "dim")]
    state = document.state
    if state is None:
        yield from _named("nothing", "it has not held or decided this job")
        return
    if state.phase == "settled":
        yield from _named("settled", f"{minute(state.decided_at)} UTC, {ended_in_words(state)}", "bold")
    elif state.phase == "claimed":
        lease = f"{state.lease_until:%Y-%m-%d %H:%M:%S} UTC" if state.lease_until else "unknown"
        yield from _named("claimed", f"to {state.requested_action} it, by {_who_decided(state)}, until {lease}", "bold")
    else:
        yield from _named("held", f"since {minute(state.held_since)} UTC, until {until(state)}", "bold")
        yield from _named("because", f"{mark_of(state)}{obstacle(state.reason)}")
        yield from _named("next review", f"{minute(state.due_at)} UTC at the latest")
    if state.reason and state.phase != "held":
        yield from _named("reason", state.reason)
    if state.claim_id and state.phase != "settled":
        may = state.maybe_sent or state.phase == "claimed"
        sent = f"; to {state.requested_action} it may have been sent" if may and state.requested_action else ""
        yield from _named("claim", f"{state.claim_id}, attempt {state.attempt}{sent}")
    if state.phase == "settled" and state.announced_at is None:
        yield from _named("announced", "not yet; the sweep does it")


def ended_in_words(state: OpenJob) -> str:
    """How a settled job ended."""
    if state.outcome == Outcome.APPLIED and state.requested_action in DONE:
        by = "; the job does not show by whom" if state.unattributed else f" by {_who_decided(state)}"
        return f"{DONE[RequestedAction(state.requested_action)]}{by}"
    return _ENDS.get(str(state.outcome), "ended")


def _who_decided(state: OpenJob) -> str:
    return who_decided(state.decided_by or "", state.policy_version)


_ENDS: Final[Mapping[str, str]] = {
    Outcome.APPLIED: "decided",
    Outcome.SUPERSEDED: "superseded: it was decided elsewhere, not by the gate",
    Outcome.UNGATED: "ungated: it ran without asking for confirmation",
    Outcome.UNGATED_OR_CONFIRMED_ELSEWHERE: "ungated or confirmed elsewhere: it ran, and S3 does not say which",
    Outcome.LAPSED: "lapsed: it ended without a decision",
}


def _show_evaluation(document: JobDocument) -> None:
    evaluation = document.evaluation
    if evaluation is None:
        if document.job is not None and document.error:
            print_line(("not evaluated", "dim"))
            _print(iter(_bullet(document.error)))
        return
    would = document.would or str(evaluation.get("verdict"))
    label: list[Styled] = [
        ("the policies say now  ", "dim"),
        (would.upper(), VERDICT_STYLES.get(would, "")),
        f"  [policy {evaluation.get('policy_version')}]",
    ]
    for name in ("until", "cancels_at"):
        if evaluation.get(name):
            word = "until" if name == "until" else "will be cancelled at"
            label.append(f"  {word} {_minute_of(evaluation[name])} UTC")
    print_tree(evaluation_tree(label, evaluation))
    for block in document.blocks:
        _print(iter(hanging("  but  ", f"[{block}] {_BLOCKS.get(block, '')}".rstrip(), screen_width(), "magenta")))


# --- Approvals and history ----------------------------------------------------------------------------


def _approval_lines(document: JobDocument) -> Iterator[list[Styled]]:
    if not document.approvals and not document.awaiting:
        return
    yield [("approvals", "dim")]
    for each in document.approvals:
        text = f"{each.who}: {each.reason}"
        if document.evaluation is not None:  # else the policies have no say any more, and so nothing counts now
            text += " (counts)" if each.counts else f" (does not count: {each.why_not})"
        yield from hanging(f"  {minute(each.at)}  ", text, screen_width())
    if document.awaiting:
        yield from _named("awaiting", document.awaiting, "bold yellow")


def _history_lines(history: Sequence[Mapping[str, Any]], left_out: int) -> Iterator[list[Styled]]:
    if not history:
        return
    yield [("how it came to that (UTC)", "dim")]
    if left_out:
        yield [f"  {left_out} older records are left out"]
    before: Mapping[str, Any] | None = None
    for record in history:
        shadow = " (shadow)" if record.get("shadow") else ""
        head = f"  {_minute_of(record.get('at'))}  "
        text = f"{record.get('action')}{shadow}  {bare(str(record.get('reason', '')))}"
        yield from hanging(head, text, screen_width())
        evidence = record.get("evidence") or {}
        if evidence.get("person"):
            yield from _bullet(f"by {evidence['person']}: {evidence.get('why', '')}")
        else:
            yield from _people_lines(record, before)
        if before is None:
            for objection in objections_of(evidence):
                yield from _bullet(objection)
        else:
            yield from _changed_lines(before, record)
        if left_out_of(evidence):
            yield from _bullet(f"and {left_out_of(evidence)} more, which do not fit in the record")
        before = record if _evaluated(evidence) else before


def _people_lines(record: Mapping[str, Any], before: Mapping[str, Any] | None) -> Iterator[list[Styled]]:
    """Whose approvals decided, and which a hold waits for, where that is news."""
    for who in record.get("people", ()):
        yield from _bullet(f"by {who}")
    awaiting = record.get("awaiting")
    if awaiting and (before is None or before.get("awaiting") != awaiting):
        yield from _bullet(f"awaiting {awaiting}")


def _changed_lines(before: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[list[Styled]]:
    """What is not as in the review before: the policies, the job's facts, the objections, the approvals."""
    was, now = before.get("evidence") or {}, record.get("evidence") or {}
    if not _evaluated(now):
        return
    if before.get("policy_version") != record.get("policy_version"):
        yield from _bullet(f"policy: {before.get('policy_version')} -> {record.get('policy_version')}", "*")
    yield from _changed_facts(_evaluated(was).get("facts") or {}, _evaluated(now).get("facts") or {})
    objections_before, objections = objections_of(was), objections_of(now)
    for each in objections:
        if each not in objections_before:
            yield from _bullet(each, "+")
    for each in objections_before:
        if each not in objections:
            yield from _bullet(f"no longer: {each}", "-")


def _changed_facts(before: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[list[Styled]]:
    for name, value in facts.items():
        if name not in _CHANGE_BY_THEMSELVES and before.get(name) != value:
            yield from _bullet(f"{name}: {in_short(before.get(name))} -> {in_short(value)}", "*")
    for each in facts.get("approvals") or ():
        if each not in (before.get("approvals") or ()):
            yield from _bullet(f"approval of {each.get('who')}: {each.get('reason')}", "+")


_CHANGE_BY_THEMSELVES: Final = frozenset({"now", "ref", "status", "read_at", "approvals", "budgets"})
"""Or are shown in another way."""


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
        requirement = manual_approval(entry.get("actual"), entry.get("wanted"))
    return f"{entry.get('statement')}: {requirement}{would} -> {entry.get('vote')}"


# --- Before a decision --------------------------------------------------------------------------------


def plan_lines(
    document: JobDocument, requested_action: RequestedAction, reason: str, now: datetime
) -> Iterator[list[Styled]]:
    """What is about to be done to one job, and what the policies say of it."""
    job = document.job or {}
    _, _, _, region, account_id, *_ = [*document.job_arn.split(":"), *[""] * 5]
    yield [(f"{requested_action} {document.job_id}", "bold"), f"  account {account_id} in {region}"]
    yield from _named("status", _status(job, document.state, now))
    yield from _named("operation", f"{document.operation or 'unknown'}, {objects(document.total_tasks)}")
    for name in ("parameters", "tags", "description", "manifest", "generator", "report", "role"):
        if job.get(name):
            yield from _named(name, value_in_words(job[name]))
    yield from _not_known(job)
    yield from _named("requester", _requester(document))
    state = document.state
    if state is not None and state.phase == "held":
        yield from _named("held", f"{mark_of(state)}{obstacle(state.reason)}")
    for block in document.blocks:
        yield from _named("blocked", f"[{block}] {_BLOCKS.get(block, '')}".rstrip(), "magenta")
    if document.approvals:
        given = "; ".join(_given(each) for each in document.approvals)
        yield from _named("approvals", given)
    if document.awaiting:
        yield from _named("awaiting", document.awaiting)
    if requested_action is RequestedAction.APPROVE and not document.your_approval.counts:
        yield from _named(
            "as approver", f"your approval would not count: {document.your_approval.why_not}", "bold yellow"
        )
    yield from _named("reason", reason)
    yield from _objection_lines(document, requested_action)


def _objection_lines(document: JobDocument, requested_action: RequestedAction) -> Iterator[list[Styled]]:
    """What the policies say of a decision."""
    if document.evaluation is None:
        yield from _named(
            "policies", f"not known what they say: {document.error or 'no policies are in force'}", "yellow"
        )
        return
    yield from _named("policies say", f"{document.would} [policy {document.evaluation.get('policy_version')}]")
    if requested_action is RequestedAction.CANCEL and document.would == "approve":
        yield from _named("overridden", "the policies would approve this job", "bold yellow")
    unmet = [*objections_now(document.evaluation)] if requested_action is RequestedAction.APPROVE else []
    for each in unmet[:_FIRST_OBJECTIONS]:
        yield from _bullet(each)
    if len(unmet) > _FIRST_OBJECTIONS:
        more = len(unmet) - _FIRST_OBJECTIONS
        yield from _bullet(f"and {more} more; `batchgate jobs show {document.job_id}` lists all")


_FIRST_OBJECTIONS: Final = 10
"""So many stand above the question, and the question stays in sight."""


def _given(approval: GivenApproval) -> str:
    return person(approval.who) + ("" if approval.counts else f" (does not count: {approval.why_not})")


def objections_now(evaluation: Mapping[str, Any]) -> list[str]:
    """Every requirement of what governs that asks for more caution than to approve; what decides comes first."""
    found: list[tuple[bool, str]] = []
    for statement in evaluation.get("statements", []):
        if statement.get("governs") is False:
            continue
        for each in statement.get("requirements", []):
            if each.get("vote") in {None, "approve"}:
                continue
            own = each.get("condition", {})
            subject = f"{own['subject']} is " if own.get("subject") else ""
            text = f"{subject}{each.get('actual')}, want {each.get('expected')}"
            if own.get("check") == "manual_approval":
                text = manual_approval(each.get("actual"), each.get("expected"))
            decides = statement.get("mode") != "shadow" and each["vote"] == evaluation.get("verdict")
            would = " (shadow: would)" if statement.get("mode") == "shadow" else ""
            found.append((not decides, f"{statement.get('name')}: {text}{would} -> {each['vote']}"))
    rules = {str(each["rule"]) for each in evaluation.get("deciding", []) if each.get("rule")} - {"shadow"}
    ordered = sorted(found, key=lambda each: each[0])
    return [*sorted(_RULES.get(rule, rule) for rule in rules), *(text for _, text in ordered)]


def changed_lines(before: JobDocument, now: JobDocument) -> Iterator[list[Styled]]:
    """What of a job is not any more as it was shown."""
    yield from _named("changed", f"{now.job_id} since it was shown:", "bold yellow")
    for name in dict.fromkeys([*before.shown, *now.shown]):
        was, value = before.shown.get(name), now.shown.get(name)
        if was != value:
            yield from _bullet(f"{name}: {in_short(was)} -> {in_short(value)}")
    if before.would != now.would:
        yield from _bullet(f"what the policies say: {before.would} -> {now.would}")


def in_short(value: Json) -> str:
    """A value for people, cut where it is long."""
    return shorten(value if isinstance(value, str) else json.dumps(value), TRACED_AT_MOST)


def _minute_of(instant: object) -> str:
    """An instant of a raw document."""
    try:
        return minute(datetime.fromisoformat(str(instant)))
    except ValueError:
        return printable_line(str(instant or "unknown"))
