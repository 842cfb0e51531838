"""A decision in the 1 to 256 characters that S3 keeps on the job."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from batchgate.policy.decide import Decision, Rule, Vote
from batchgate.policy.facts import Result
from batchgate.policy.policy_set import Kind, Verdict
from batchgate.policy.trace import ConditionTrace, trace_condition
from batchgate.policy.wording import instant, length, printable

REASON_AT_MOST = 256
"""Characters of a status update reason. Source: S3 Control API, UpdateJobStatus statusUpdateReason."""

_NAME_AT_MOST = 60
_SHORTENED_AT_LEAST = 40
"""Characters that a shortened objection keeps, whatever the message would like to have."""

_PERSON_AT_MOST = 100
_HEADS = {
    Verdict.APPROVE: "approved",
    Verdict.CANCEL: "cancelled",
    Verdict.HOLD: "held",
    Verdict.WAIT: "waiting",
}


def status_update_reason(decision: Decision, claim_id: str | None = None, *, expired: timedelta | None = None) -> str:
    """Say what was decided and why: deterministic, printable ASCII, the first objection always named.

    What does not fit is left out as a whole; only a first objection that is too long by itself is
    shortened.

    Args:
        decision: What was decided.
        claim_id: The job's claim in the ledger, at most 64 characters; None where nothing is claimed
            (a hold, an explanation).
        expired: For how long a hold may last at most, where the job is cancelled because it lasted longer.

    Returns:
        For example `batchgate: cancelled by restores: total_tasks is 12, want at most 5 [policy
        7c41f09be2aa claim 5f3a91c2]`.
    """
    versions = f" [policy {decision.policy_version}{f' claim {printable(claim_id)}' if claim_id else ''}]"
    head = f"batchgate: {_HEADS[decision.verdict]}"
    if expired is not None:
        head = f"batchgate: cancelled, held for more than {length(expired)}"
    if decision.cancels_at is not None:
        head += f", will be cancelled at {instant(decision.cancels_at)} unless fixed,"
    room = REASON_AT_MOST - len(versions)
    if decision.verdict is Verdict.APPROVE:
        return _approval(decision, head, room) + versions
    names, parts = _objections(decision)
    start = f"{head} by {names}: " if names else f"{head}: "
    text = _fitted(start, parts, len(parts), room)
    if not text:
        return _shortened(start, parts, _messages(decision), room) + versions
    message = next((each for each in _messages(decision) if len(text) + len(each) <= room), "")
    return text + message + versions


def _approval(decision: Decision, head: str, room: int) -> str:
    policies = [statement.name for statement in decision.governing if statement.kind is Kind.POLICY]
    count = sum([len(statement.requirements) for statement in decision.governing])
    met = f", {count} requirement{'' if count == 1 else 's'} met"
    return _fitted(f"{head} by ", map(_name, policies), len(policies), room - len(met), ", ") + met


def _objections(decision: Decision) -> tuple[str, list[str]]:
    """Who objects, and each objection in words; sorted, so that no order of writing matters."""
    objecting = decision.deciding
    if decision.cancels_at is not None:  # of a job that will be cancelled, what cancels it is what has to be fixed
        objecting = tuple(vote for vote in objecting if vote.grace is not None) or objecting
    deciding = [(_name(vote.statement.name) if vote.statement else "", vote) for vote in objecting]
    phrased = sorted({(name, _phrase(vote, decision)) for name, vote in deciding})
    names = sorted({name for name, _ in phrased if name})
    if len(names) <= 1:
        return (names[0] if names else ""), [phrase for _, phrase in phrased]
    return names[0], [phrase if name in ("", names[0]) else f"by {name}: {phrase}" for name, phrase in phrased]


def _phrase(vote: Vote, decision: Decision) -> str:
    if vote.statement is None:
        return _rule(vote.rule, decision)
    if vote.requirement is None:
        return f"whether it governs is not known: {_wrong(trace_condition(vote.statement.match, decision.rows))}"
    unless = (
        trace_condition(lift.condition, decision.rows) for lift in vote.requirement.lifts if lift.exception is None
    )
    own = trace_condition(vote.requirement.own, decision.rows)
    return _wrong(own) + "".join(f" ({_not_lifted(condition)})" for condition in unless)


def _rule(rule: Rule | None, decision: Decision) -> str:
    match rule:
        case Rule.NOT_SUSPENDED:
            return f"S3 has not suspended the job yet, it is {decision.facts.status}"
        case Rule.SHADOW:
            return f"the policies are in shadow mode; enforced they would {decision.if_enforced}"
        case Rule.UNKNOWN_OPERATION:
            return "this version does not know the operation, and no policy names it"
        case _:
            return "no policy matches the job"


def _wrong(trace: ConditionTrace) -> str:
    """What of a condition is not met."""
    if trace.kind == "manual_approval":
        return "manual approval is not given"
    if not trace.joined:
        return f"{trace.subject} is {trace.actual}, want {trace.expected}"
    parts = [part for part in trace.parts if part.result is not Result.MET]
    most = max((part.result for part in parts), default=Result.VIOLATED)
    if trace.joined == "all":
        return " and ".join(sorted(_wrong(part) for part in parts if part.result is most))
    return "neither " + " nor ".join(sorted(_wrong(part) for part in parts)) if len(parts) > 1 else _wrong(parts[0])


def _not_lifted(unless: ConditionTrace) -> str:
    return "unless " + " and ".join(sorted(_unmet_exception(part) for part in _leaves(unless)))


def _leaves(trace: ConditionTrace) -> Iterator[ConditionTrace]:
    if not trace.joined:
        yield trace
    for part in trace.parts:
        yield from _leaves(part)


def _unmet_exception(part: ConditionTrace) -> str:
    between = "=" if part.kind == "tags" else " "
    return f"{part.subject}{between}{part.expected}: {part.actual}"


def _messages(decision: Decision) -> Iterable[str]:
    found = {vote.requirement.message for vote in decision.deciding if vote.requirement and vote.requirement.message}
    return sorted(f" | {printable(message)}" for message in found)


def _name(name: str) -> str:
    text = printable(name)
    return text if len(text) <= _NAME_AT_MOST else f"{text[: _NAME_AT_MOST - 3]}..."


def _shortened(start: str, parts: Sequence[str], messages: Iterable[str], room: int) -> str:
    """The beginning of the first objection, for none fits whole, and the message if it leaves enough of that."""
    more = f"; +{len(parts) - 1} more" if len(parts) > 1 else ""
    left = room - len(start) - len(more)
    message = next((each for each in messages if left - len(each) >= _SHORTENED_AT_LEAST), "")
    kept = parts[0][: left - len(message) - len('..."')]
    closed = '..."' if kept.count('"') % 2 else "..."  # or what follows would read as the requester's text
    return start + kept + closed + more + message


def _fitted(head: str, parts: Iterable[str], total: int, room: int, between: str = "; ") -> str:
    """As many whole parts as fit, and how many more there are; nothing if not even one fits."""
    texts: list[str] = []
    text = head
    for part in parts:
        text += part
        if len(text) > room:
            break
        texts.append(text)
        text += between
    for count in range(len(texts), 0, -1):
        left = total - count
        text = texts[count - 1] + (f"{between}+{left} more" if left else "")
        if len(text) <= room:
            return text
    return ""


def personal_reason(did: str, who: str, why: str, policy_version: str, claim_id: str) -> str:
    """A person's decision in the same form: who, and the reason given, cut where it is too long.

    Args:
        did: approved or cancelled.
        who: The caller's ARN.
        why: What the person said.
        policy_version: The policies that were set aside; "" where they could not be read.
        claim_id: The job's claim.
    """
    policy = f"policy {policy_version} " if policy_version else ""
    versions = f" [{policy}claim {printable(claim_id)}]"
    text = f"batchgate: {did} by {_cut(printable(who), _PERSON_AT_MOST)}: {printable(why)}"
    return _cut(text, REASON_AT_MOST - len(versions)) + versions


def _cut(text: str, at_most: int) -> str:
    return text if len(text) <= at_most else f"{text[: at_most - 3]}..."
