"""The status update reason: a decision in the 1 to 256 characters that S3 keeps on the job."""

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from msgspec import Struct

from batchgate.policy.approvals import short_name
from batchgate.policy.compiled import Kind, Requirement, Verdict
from batchgate.policy.evaluate import Decision, Rule, Vote
from batchgate.policy.facts import Result
from batchgate.policy.formulas import evaluate
from batchgate.policy.trace import ConditionTrace, trace_condition
from batchgate.policy.wording import QUOTED_AT_MOST, instant, length, printable
from batchgate.text import MARK, shorten

_PATH_AT_MOST = 80
"""Characters of the path of a member or value that this version does not know; a longer one is cut at its start."""

REASON_AT_MOST = 256
"""Characters of a status update reason. Source: S3 Control API, UpdateJobStatus statusUpdateReason."""

NAME_AT_MOST: Final = 64
"""Characters of a statement's name in a reason; fewer where a message needs the room."""

NAME_ALWAYS_WHOLE: Final = 38
"""A name of at most so many characters is never shortened, however long the message and the rest are."""

_OBJECTION_AT_LEAST: Final = 24
"""Characters of the first objection that are always kept, however long the name and the message are."""

_PERSON_AT_MOST = 100
_PERSON_NAMED_AT_MOST = 48
_PEOPLE_AT_MOST = 72
_MISSING_AT_MOST = 80
"""Characters of the approvals that a hold waits for."""
_HEADS = {
    Verdict.APPROVE: "approved",
    Verdict.CANCEL: "cancelled",
    Verdict.HOLD: "held",
    Verdict.WAIT: "waiting",
}
_WAITING = f"batchgate: {_HEADS[Verdict.WAIT]}"
_QUOTED = re.compile(r'"([^"]*)"')


class _Room(Struct, frozen=True):
    """How many characters each value of an objection may take.

    Attributes:
        wanted: For what a check wants; None for no limit.
        subject: For what it looks at; None for no limit.
        actual: For each text that the job has.
    """

    wanted: int | None = None
    subject: int | None = None
    actual: int = QUOTED_AT_MOST


_ROOMS_TO_TRY: Final = (
    *[_Room(wanted) for wanted in (120, 80, 60, 48, 40, 32, 24, 16)],
    *[_Room(16, subject) for subject in (64, 48, 32)],
    *[_Room(len(MARK), 32, actual) for actual in (40, 36, 32, 28, 24)],
    *[_Room(len(MARK), 16, actual) for actual in (40, 36, 32, 28, 24, 20)],
)
"""Tried in this order for a first objection that does not fit: what is wanted is cut first, what the job has last."""


class _Objection(Struct, frozen=True, order=True):
    """One objection to a job. Sorted as a reason lists them: by rank, then those with a message first.

    Attributes:
        rank: 0 for a member that this version does not know, because no other fix ends that hold; 1 for a statement;
            2 for the other rules of the policy set.
        name: The statement's; "" for a rule of the whole policy set.
        message: The policy author's; "" if there is none.
    """

    rank: int
    has_no_message: bool
    name: str
    phrase: str
    message: str


def status_update_reason(
    decision: Decision, claim_id: str | None = None, *, exceeded_limit: timedelta | None = None
) -> str:
    """Describe a decision and its reasons: deterministic, printable ASCII, always with the first objection.

    The message of the first objection is never shortened. Further objections that do not fit beside it and the
    versions are left out whole and counted. If the first objection alone does not fit, its values are shortened.

    Args:
        decision: The decision to describe.
        claim_id: The job's claim in the ledger, eight characters; None where nothing is claimed
            (a hold, an explanation).
        exceeded_limit: The longest time for a hold, if the job is cancelled because it was held for longer.

    Returns:
        For example `batchgate: cancelled by restores: total_tasks is 12, want at most 5 [policy
        7c41f09be2aa claim 5f3a91c2]`.
    """
    versions = f" [policy {decision.policy_version}{f' claim {printable(claim_id)}' if claim_id else ''}]"
    verdict, head = decision.verdict, f"batchgate: {_HEADS[decision.verdict]}"
    if exceeded_limit is not None:
        head = f"batchgate: cancelled, held for more than {length(exceeded_limit)}"
    elif decision.if_enforced is not None and verdict is Verdict.HOLD:
        verdict = decision.if_enforced
        head = f"batchgate: held, policies in shadow mode: would be {_HEADS[verdict]}"
    heads = [head]
    if decision.cancels_at is not None and exceeded_limit is None:
        at = instant(decision.cancels_at)
        heads = [f"{head}, will be cancelled at {at} unless fixed,", f"{head}, to be cancelled at {at},"]
    room = REASON_AT_MOST - len(versions)
    if decision.verdict is Verdict.APPROVE and decision.lifted:
        return _approval_by_people(decision, head, room) + versions
    if verdict is Verdict.APPROVE:
        return _approval(decision, head, room) + versions
    return _refusal(decision, verdict, heads, room) + versions


def _refusal(decision: Decision, verdict: Verdict, heads: Sequence[str], room: int) -> str:
    """The reason with the first head that leaves room for the whole first objection, or else with the last head."""
    by_objection = {_objection(vote, decision): vote for vote in _objecting(decision, verdict)}
    objections = sorted(by_objection)
    first, *others = objections
    message = f" | {first.message}" if first.message else ""
    more = f"; +{len(others)} more" if others else ""
    missing = _missing_approvals(decision)
    room -= len(missing) + len(message)
    message = missing + message
    parts = [first.phrase] + [
        each.phrase if each.name in ("", first.name) else f"by {shorten(each.name, NAME_AT_MOST)}: {each.phrase}"
        for each in others
    ]
    starts = [_start(head, first.name, room - len(more)) for head in heads]
    for start in starts:
        text = _fitted(start, parts, len(parts), room)
        if text:
            return text + message
    start = starts[-1]
    return start + _shortened(by_objection[first], decision, room - len(start) - len(more)) + more + message


def _objecting(decision: Decision, verdict: Verdict) -> list[Vote]:
    """The votes for a verdict; if the job will be cancelled, those that cancel it at that instant.

    Those have to be fixed in time. If no grace ends at that instant (a window closes, for example), all votes that
    have a grace.
    """
    votes = [vote for vote in decision.votes if vote.verdict is verdict and vote.rule is not Rule.SHADOW]
    if decision.cancels_at is None:
        return votes
    cancelling = [vote for vote in votes if vote.grace is not None]
    first = [vote for vote in cancelling if vote.grace and decision.facts.ends(vote.grace) == decision.cancels_at]
    return first or cancelling or votes


def _start(head: str, name: str, room: int) -> str:
    """What comes before the first objection."""
    if not name:
        return f"{head.removesuffix(',')}: "
    by = "because of" if head == _WAITING else "by"
    left = room - len(f"{head} {by} : ") - _OBJECTION_AT_LEAST
    return f"{head} {by} {shorten(name, max(len(MARK), min(NAME_AT_MOST, left)))}: "


def _missing_approvals(decision: Decision) -> str:
    """Which approvals a hold waits for, where policies ask for them or some were given; else ""."""
    if not (decision.policies.asks_for_approvals or decision.facts.approvals):
        return ""
    missing = decision.awaiting
    return f"; {shorten(printable(missing), _MISSING_AT_MOST, sentence=True)}" if missing else ""


def _approval_by_people(decision: Decision, head: str, room: int) -> str:
    names = _people(decision)
    count = len(decision.lifted)
    start = f"{head} by {names}, lifting {count} hold{'' if count == 1 else 's'}"
    objections = sorted({_objection(vote, decision) for vote in decision.lifted})
    parts = [f"{shorten(each.name, NAME_AT_MOST)}: {each.phrase}" if each.name else each.phrase for each in objections]
    return _fitted(f"{start}: ", parts, len(parts), room) or start


def _people(decision: Decision) -> str:
    """Whose approvals a decision rests on: a role and a session's name each, as many as fit."""
    names = [shorten(printable(short_name(who)), _PERSON_NAMED_AT_MOST) for who in decision.approvers]
    listed = _fitted("", names, len(names), _PEOPLE_AT_MOST, ", ")
    return listed if len(names) == 1 else f"{len(names)} people ({listed})"


def _approval(decision: Decision, head: str, room: int) -> str:
    governing = decision.governing
    policies = [statement.name for statement in governing if statement.kind is Kind.POLICY]
    lifted: list[str] = []
    if decision.policies.exemptions:
        asked = (each for statement in governing for each in statement.requirements)
        lifted = list(filter(None, (_exception_for(each, decision.results) for each in asked)))
    count = sum([len(statement.requirements) for statement in governing]) - len(lifted)
    met = f", {count} requirement{'' if count == 1 else 's'} met"
    if lifted:
        first, *others = sorted({shorten(printable(name), NAME_AT_MOST) for name in lifted})
        met += f", {len(lifted)} lifted by {first}" + (f" and {len(others)} more" if others else "")
    if decision.verdict is Verdict.APPROVE and decision.approvers:
        met += f", approval{'' if len(decision.approvers) == 1 else 's'} of {_people(decision)}"
    names = (shorten(printable(name), NAME_AT_MOST) for name in policies)  # of many, only those that fit
    return _fitted(f"{head} by ", names, len(policies), room - len(met), ", ") + met


def _exception_for(requirement: Requirement, results: Sequence[Result]) -> str | None:
    """The exception, the first by name, that lifts a requirement not met otherwise; None if none is needed."""
    if requirement.exemption is None:
        return None
    own = [requirement.own, *([requirement.unless.condition] if requirement.unless else [])]
    if any(evaluate(each, results) is Result.MET for each in own):
        return None
    return min(
        (
            str(lift.exception)
            for lift in requirement.exemption.lifts
            if evaluate(lift.condition, results) is Result.MET
        ),
        default=None,
    )


def _objection(vote: Vote, decision: Decision) -> _Objection:
    message = printable(vote.requirement.message or "") if vote.requirement else ""
    return _Objection(
        rank=0 if vote.rule is Rule.UNKNOWN_MEMBER else 1 if vote.statement else 2,
        has_no_message=not message,
        name=printable(vote.statement.name) if vote.statement else "",
        phrase=_phrase(vote, decision, _Room()),
        message=message,
    )


def _phrase(vote: Vote, decision: Decision, room: _Room) -> str:
    if vote.statement is None:
        return _rule(vote.rule, decision)
    if vote.requirement is None:
        return f"cannot evaluate its match: {_unmet(trace_condition(vote.statement.match, decision.rows), room)}"
    unless = (
        trace_condition(lift.condition, decision.rows) for lift in vote.requirement.lifts if lift.exception is None
    )
    own = trace_condition(vote.requirement.own, decision.rows)
    return _unmet(own, room) + "".join(f" (unless {_not_lifted(condition, room)})" for condition in unless)


def _rule(rule: Rule | None, decision: Decision) -> str:
    match rule:
        case Rule.NOT_SUSPENDED:
            return f"S3 has not suspended the job yet, its status is {decision.facts.status}"
        case Rule.UNKNOWN_MEMBER:
            first, *more = decision.facts.unknown_members
            named = shorten(
                f"{MARK}{printable(first)}" if len(first) > _PATH_AT_MOST else printable(first), _PATH_AT_MOST
            )
            return f"this version does not know {named}" + (f" and {len(more)} more members" if more else "")
        case Rule.SHADOW:
            return "policies in shadow mode"
        case Rule.UNKNOWN_OPERATION:
            return "this version does not know the operation, and no policy names it"
        case _:
            return "no policy matches the job"


def _unmet(trace: ConditionTrace, room: _Room) -> str:
    """The part of a condition that is not met: of `all` each such part, of `any` its alternatives."""
    if trace.kind == "manual_approval":
        return "needs manual approval"
    if not trace.joined:
        if trace.named_window:
            return f"{shorten(trace.named_window, room.wanted or NAME_AT_MOST)} is {trace.brief}, want closed"
        wanted = f"want {_wanted(trace, room)}" if room.wanted != len(MARK) else MARK
        if trace.violating:
            return f"{_cut_quoted(trace.violating, room)}, {wanted}"
        return f"{_subject(trace, room)} is {_actual(trace, room)}, {wanted}"
    parts = [part for part in trace.parts if part.result is not Result.MET]
    if len(parts) == 1:
        return _unmet(parts[0], room)
    if trace.joined == "any":
        return "want " + " or ".join(sorted(_alternative(part, room) for part in parts))
    most = max((part.result for part in parts), default=Result.VIOLATED)
    phrases = [(part, _unmet(part, room)) for part in parts if part.result is most]
    several = len(phrases) > 1
    return ", and ".join(sorted(f"({each})" if several and part.joined else each for part, each in phrases))


def _alternative(trace: ConditionTrace, room: _Room) -> str:
    """What one alternative of `any` asks for, and what the job has instead."""
    if not trace.joined:
        return f"{_asked(trace, room)} (is {_actual(trace, room)})"
    parts = sorted(_alternative(part, room) for part in trace.parts if part.result is not Result.MET)
    return f"({_between(trace).join(parts)})" if len(parts) > 1 else "".join(parts)


def _not_lifted(unless: ConditionTrace, room: _Room) -> str:
    if not unless.joined:
        return f"{_asked(unless, room)}: {_actual(unless, room)}"
    parts = [(part, _not_lifted(part, room)) for part in unless.parts]
    return _between(unless).join(
        sorted(f"({each})" if len(part.parts) > 1 and len(parts) > 1 else each for part, each in parts)
    )


def _asked(trace: ConditionTrace, room: _Room) -> str:
    """What a check asks for, as one phrase: `tag team=lake`, `tag team present`, `total_tasks at most 5`."""
    wanted = _wanted(trace, room)
    is_pattern = trace.kind == "tags" and not wanted.startswith(("present", "absent", "not ", "neither "))
    return f"{_subject(trace, room)}{'=' if is_pattern else ' '}{wanted}"


def _between(trace: ConditionTrace) -> str:
    return " and " if trace.joined == "all" else " or "


def _actual(trace: ConditionTrace, room: _Room) -> str:
    """What the job has. Only the requester's text is quoted; a cost that does not fit is without its parts."""
    is_short = trace.kind == "cost" and room != _Room()
    return _cut_quoted(trace.brief.partition(" (")[0] if is_short and trace.brief[:1] == "$" else trace.brief, room)


def _cut_quoted(text: str, room: _Room) -> str:
    if room.actual >= QUOTED_AT_MOST:
        return text
    return _QUOTED.sub(lambda found: f'"{shorten(found[1], room.actual)}"', text)


def _subject(trace: ConditionTrace, room: _Room) -> str:
    return trace.subject if room.subject is None else shorten(trace.subject, room.subject)


def _wanted(trace: ConditionTrace, room: _Room) -> str:
    """What the check wants; of alternatives that do not all fit, those that do and the number of the others."""
    text = trace.expected
    if room.wanted is None or len(text) <= room.wanted:
        return text
    between = " nor " if text.startswith("neither ") else " or "
    alternatives = text.split(between)
    if len(alternatives) == 1 or room.wanted == len(MARK):
        return shorten(text, room.wanted)
    more = f"{between}+{len(alternatives) - 1} more"
    first = shorten(alternatives[0], max(len(MARK), room.wanted - len(more)))
    return _fitted("", alternatives, len(alternatives), room.wanted, between) or first + more


def _shortened(vote: Vote, decision: Decision, room: int) -> str:
    """A first objection that does not fit: with shortened values or, if that is not enough, cut at the end."""
    phrase = ""
    for each in _ROOMS_TO_TRY:
        phrase = _phrase(vote, decision, each)
        if len(phrase) <= room:
            return phrase
    kept = shorten(phrase, room - 1, sentence=True)
    return f'{kept}"' if kept.count('"') % 2 else kept  # otherwise what follows would read as the requester's text


def _fitted(head: str, parts: Iterable[str], total: int, room: int, between: str = "; ") -> str:
    """As many whole parts as fit, and the number of the others; "" if not even one fits."""
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
    """The status update reason of a person's decision: who decided, and their reason, cut if it is too long.

    Args:
        did: approved or cancelled.
        who: The caller's ARN.
        why: The reason that the person gave.
        policy_version: The policies that were overridden; "" if they could not be read.
        claim_id: The job's claim.
    """
    policy = f"policy {policy_version} " if policy_version else ""
    versions = f" [{policy}claim {printable(claim_id)}]"
    text = f"batchgate: {did} by {shorten(printable(who), _PERSON_AT_MOST)}: {printable(why)}"
    return shorten(text, REASON_AT_MOST - len(versions), sentence=True) + versions
