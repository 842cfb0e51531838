"""What policies would do now: every Suspended job, evaluated with them and with those in force."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from batchgate.gate.state import Block, RequestedAction
from batchgate.policy.amounts import Amounts, BudgetAccount
from batchgate.policy.compiled import PolicySet
from batchgate.policy.evaluate import Decision
from batchgate.policy.facts import NOT_READ
from batchgate_cli.replay.comparison import (
    CHANGED,
    Change,
    Ending,
    Replay,
    Row,
    as_replayed,
    compare_with_replay,
    not_replayed,
    trace_of,
)
from batchgate_cli.replay.course import End, Fate, course_of_job, follow
from batchgate_cli.replay.reasons import DecidedBy
from batchgate_cli.replay.sums import Followed, follow_together
from batchgate_cli.replay.usage import Usage
from batchgate_cli.replay.waiting import MANIFEST_NOT_READ, REQUESTER_NOT_ASKED, WaitingJob

_MISSING: Final = (MANIFEST_NOT_READ, NOT_READ)
_NO_CLAIM: Final = "preview"
_CLAIMED: Final = "claimed"
_NEVER: Final = datetime.max.replace(tzinfo=UTC)

PAUSED: Final = "the gate is paused"
NOTHING_IN_FORCE: Final = "no policies are in force"
ADOPTED: Final = "the job is older than the gate, so people decide it"
CONFLICT: Final = "an earlier, opposite update may still take effect"


class Gate(Struct, frozen=True):
    """What of the gate matters beside its jobs.

    Attributes:
        in_force: The policies that it decides by; None where it has none.
        since: When its first sweep began; None where there was none.
        used: What is used of each account of the budgets in force; None where that could not be asked.
    """

    in_force: PolicySet | None
    since: datetime | None
    used: Mapping[BudgetAccount, Amounts] | None = None


def preview(jobs: Iterable[WaitingJob], policies: PolicySet, gate: Gate, source: str) -> Replay:
    """Decide every job by a policy set and by the one in force, at this moment.

    Args:
        jobs: The jobs.
        policies: The set; in shadow mode it decides nothing, as in the gate.
        gate: The gate that decides them now.
        source: Where the jobs are from, for people.
    """
    result = Replay(
        source=source,
        policies=policies.version,
        usage=Usage(policies),
        against=gate.in_force.version if gate.in_force else "",
        was_shadow=policies.shadow,
    )
    jobs = [*jobs]
    fates = _decide(jobs, policies, gate)
    others = _decide(jobs, gate.in_force, gate) if gate.in_force is not None else [None] * len(jobs)
    for job, fate, other in zip(jobs, fates, others, strict=True):
        if fate is not None:
            result.usage.count([fate.decision])
        result.rows.append(_row(job, fate, other, gate))
    return result


def _row(waiting: WaitingJob, fate: Fate | None, other: Fate | None, gate: Gate) -> Row:
    job, facts = waiting.job, waiting.facts
    if fate is None:
        before = after = not_replayed(waiting.why_not)
    else:
        after = _ending(waiting, fate, gate)
        if other is None:
            before = Ending(End.HELD, DecidedBy.UNKNOWN, check=NOTHING_IN_FORCE)
        else:
            before = _ending(waiting, other, gate)
    change = _compare(before, after)
    return Row(
        job_id=waiting.job_id,
        account=waiting.account,
        region=waiting.region,
        operation=(job.operation if job else None) or "",
        total_tasks=job.total_tasks if job else None,
        since=facts.suspended_since if facts else None,
        since_is_exact=facts is not None and facts.suspended_date is not None,
        before=before,
        after=after,
        change=change,
        trace=trace_of(fate) if fate is not None and change in CHANGED else None,
    )


def _decide(jobs: Sequence[WaitingJob], policies: PolicySet, gate: Gate) -> list[Fate | None]:
    """One review of each, now, by the gate's own functions; None where the job can't be evaluated.

    What is approved of one job counts for the next. What a job has reserved itself is not known here, so whether one
    whose approval may have been sent stays within a budget is not known either.
    """
    fates: list[Fate | None] = [None] * len(jobs)
    together: dict[int, Followed] = {}
    for number, each in enumerate(jobs):
        if each.job is None or each.facts is None:
            continue
        facts, state = each.facts, each.state
        may_have_reserved = state is not None and state.possibly_sent is RequestedAction.APPROVE
        if gate.used is None or may_have_reserved:
            fates[number] = follow(
                course_of_job(policies, each.job, [facts], end=facts.now, claim_id=_NO_CLAIM, state=state)
            )
        else:
            course = course_of_job(policies, each.job, [facts], end=facts.now, claim_id=_NO_CLAIM, state=state)
            together[number] = Followed(course, None, by_people=False, facts=next(course))
    follow_together(policies, [*together.values()], gate.used or {})
    for number, followed in together.items():
        fates[number] = followed.fate
    return fates


def _ending(waiting: WaitingJob, fate: Fate, gate: Gate) -> Ending:
    """What a review would come to, with what blocks the gate."""
    found, decision = as_replayed(fate, _MISSING), fate.decision
    if found.end is End.UNKNOWN:
        return found
    if found.end is End.HELD and _rests_on_requester(decision):
        return not_replayed("it is not known whether an approval is the requester's own: no policy in force asks that")
    if _CLAIMED in waiting.blocks:
        return not_replayed("a review is deciding it at this moment")
    if why := _blocked(waiting, found, decision):
        return replace(found, end=End.HELD, by=DecidedBy.UNKNOWN, at=None, check=why, statements=())
    if found.end is not End.HELD:
        if _may_be_adopted(waiting, decision, gate):
            return not_replayed(
                "it is older than the gate and was not reviewed yet: the setting adopt_existing decides"
            )
        return found
    if decision.policies.shadow:
        return replace(found, statements=(), check=f"shadow mode; enforced it would {decision.if_enforced}")
    return replace(found, until=fate.end.until, cancels_at=fate.end.cancels_at)


def _blocked(waiting: WaitingJob, found: Ending, decision: Decision) -> str:
    """What keeps the gate from this end; "" for nothing."""
    action = {
        End.APPROVED: RequestedAction.APPROVE,
        End.CANCELLED: RequestedAction.CANCEL,
        End.EXPIRED: RequestedAction.CANCEL,
    }.get(found.end)
    if action is None:
        return ""
    if Block.PAUSED in waiting.blocks:
        return PAUSED
    if waiting.state is not None and waiting.state.possibly_sent not in (None, action):
        return CONFLICT
    by_people = action is RequestedAction.APPROVE and decision.has_all_approvals
    return ADOPTED if Block.ADOPTION in waiting.blocks and not by_people else ""


def _rests_on_requester(decision: Decision) -> bool:
    """Whether somebody has approved who must not have created the job, and nobody has looked up who did."""
    facts = decision.facts
    return facts.requester == REQUESTER_NOT_ASKED and bool(facts.approvals) and decision.policies.asks_for("requester")


def _may_be_adopted(waiting: WaitingJob, decision: Decision, gate: Gate) -> bool:
    """Whether the job is older than the gate, and no review has said yet what that means here."""
    created = decision.facts.created
    is_older = gate.since is None or created is None or created < gate.since
    return waiting.state is None and is_older and not decision.has_all_approvals


def _compare(before: Ending, after: Ending) -> Change:
    """As two replays; of two holds also when they end by themselves."""
    change = compare_with_replay(before, after)
    if change is not Change.SAME or before.end is not End.HELD:
        return change
    if (before.cancels_at, before.until) == (after.cancels_at, after.until):
        return Change.SAME
    first, then = (min(each.until or _NEVER, each.cancels_at or _NEVER) for each in (before, after))
    return Change.SOONER if then < first else Change.LATER if then > first else Change.OTHERWISE
