"""Jobs as they were decided, and as other policies would have decided them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from batchgate.jobs.model import Json
from batchgate.policy.compiled import Kind, Verdict
from batchgate.policy.evaluate import Decision
from batchgate.policy.evidence import evidence_of
from batchgate.policy.facts import Gap, Result
from batchgate.policy.formulas import evaluate
from batchgate_cli.replay.course import End, Fate
from batchgate_cli.replay.happened import Happened
from batchgate_cli.replay.reasons import DecidedBy
from batchgate_cli.replay.usage import Usage

SAME_TIME: Final = timedelta(minutes=5)
"""What really happened is known later than it was decided: an event's delivery, a sweep, S3's own steps."""

_OBJECTIONS_SHOWN: Final = 12


class Change(StrEnum):
    """How a replayed job compares."""

    SAME = "same"
    OTHERWISE = "otherwise"
    """Another end."""
    WITHOUT_PEOPLE = "without people"
    """The same end by policy, where people decided."""
    SOONER = "sooner"
    LATER = "later"
    UNKNOWN = "unknown"
    """What is recorded does not say."""


CHANGED: Final = frozenset({Change.OTHERWISE, Change.WITHOUT_PEOPLE, Change.SOONER, Change.LATER})


class Ending(Struct, frozen=True):
    """How one job ended, really or by policies.

    Attributes:
        at: When it was decided; None where nobody did, or where that is not known.
        at_latest: Where only that is known: when it certainly was decided.
        reason: The status update reason, or the hold's.
        statements: By policies: who decides.
        check: By policies: the first check that objects, as `total_tasks is 12, want at most 5`.
        until: Of a hold that goes on: when it would be approved, as far as is known.
        cancels_at: Likewise: when it would be cancelled.
        why_unknown: Why the end is not known; "" where it is.
    """

    end: End
    by: DecidedBy
    at: datetime | None = None
    at_latest: datetime | None = None
    reason: str = ""
    statements: tuple[str, ...] = ()
    check: str = ""
    until: datetime | None = None
    cancels_at: datetime | None = None
    why_unknown: str = ""


class Row(Struct, frozen=True):
    """One job of a replay.

    Attributes:
        since: When it began to wait.
        since_is_exact: False where that is its creation, as nothing else is known.
        trace: Of a job that changed: what the policies found, step by step; else nothing.
    """

    job_id: str
    account: str
    region: str
    operation: str
    total_tasks: int | None
    since: datetime | None
    since_is_exact: bool
    before: Ending
    after: Ending
    change: Change
    trace: Mapping[str, Json] | None = None

    def waited(self, ending: Ending) -> timedelta | None:
        """For how long the job waited for its decision; None where that is not known, or people decide."""
        if self.since is None or ending.at is None or ending.end not in _DECIDED:
            return None
        return max(ending.at - self.since, timedelta(0))


_DECIDED: Final = (End.APPROVED, End.CANCELLED)


# --- Endings ------------------------------------------------------------------------------------------


def as_it_was(what: Happened) -> Ending:
    """A real end."""
    return Ending(what.end, what.by, what.at, what.at_latest, what.reason, why_unknown=what.why_unknown)


def as_replayed(fate: Fate, missing: Sequence[Gap] = ()) -> Ending:
    """A replayed end; unknown where it rests on facts that are missing only because nobody recorded them."""
    end, decision = fate.end, fate.decision
    if subjects := _rests_on(decision, missing):
        why = f"it depends on what is not known here: {', '.join(subjects)}"
        return Ending(End.UNKNOWN, DecidedBy.UNKNOWN, reason=end.reason, why_unknown=why)
    by = DecidedBy.UNKNOWN
    if end.end in (*_DECIDED, End.EXPIRED):
        by = DecidedBy.PEOPLE if decision.approvers else DecidedBy.POLICY
    return Ending(
        end.end,
        by,
        end.at if by is not DecidedBy.UNKNOWN else None,
        reason=end.reason,
        statements=_deciding(decision),
        check=_check(decision),
    )


def held_for_people(after: Ending, fate: Fate | None) -> Ending:
    """The end of a job that people decided before policies would have: until then these held it."""
    held = [step.reason for step in fate.steps if step.end is End.HELD] if fate else []
    return replace(after, end=End.HELD, by=DecidedBy.UNKNOWN, at=None, reason=held[-1] if held else after.reason)


def not_replayed(why: str) -> Ending:
    """The end of a job that can't be evaluated."""
    return Ending(End.UNKNOWN, DecidedBy.UNKNOWN, why_unknown=why)


def _deciding(decision: Decision) -> tuple[str, ...]:
    """Who decides: the policies that approve, or the statements and rules that ask for the verdict."""
    if decision.verdict is Verdict.APPROVE:
        return tuple(each.name for each in decision.governing if each.kind is Kind.POLICY)
    names = [str(vote.statement.name if vote.statement else vote.rule) for vote in decision.deciding]
    return tuple(dict.fromkeys(names))


def _check(decision: Decision) -> str:
    """The first check that objects, in words."""
    for vote in decision.deciding:
        if vote.statement is None or vote.requirement is None:
            continue
        trace = next(each for each in decision.trace if each.name == vote.statement.name)
        found = next(each for each in trace.requirements if each.position == vote.requirement.position)
        subject = f"{found.own.subject} is " if found.own.subject else ""
        return f"{subject}{found.actual}, want {found.expected}"
    return ""


def _rests_on(decision: Decision, missing: Sequence[Gap]) -> list[str]:
    """What a hold or a wait depends on of the facts that are missing.

    Whatever else objects must do so whatever the time, else the end of the hold is not known either.
    """
    if decision.verdict not in (Verdict.HOLD, Verdict.WAIT) or not missing:
        return []
    policies, results = decision.policies, decision.results
    absent = {
        number: question.subject
        for question in policies.questions
        for number, _ in question.tests
        if results[number] is Result.UNMEASURABLE and question.measure.read(decision.facts) in missing
    }
    if not absent:
        return []
    subjects: dict[str, None] = {}
    others = False
    for vote in decision.votes:
        statement, requirement = vote.statement, vote.requirement
        if statement is None:
            others = True
            continue
        asked = requirement.whole if requirement is not None else statement.match
        if evaluate(asked, results) is Result.UNMEASURABLE and not statement.checks.isdisjoint(absent):
            subjects |= dict.fromkeys(absent[each] for each in sorted(statement.checks & absent.keys()))
        else:
            others |= not statement.depends_on_time and vote.grace is None
    return [] if others and policies.cancel_held_after is None else [*subjects]


# --- Changes ------------------------------------------------------------------------------------------


def compare_with_what_happened(before: Ending, after: Ending, since: datetime | None) -> Change:
    """How a replay compares with what happened: a hold leaves a job to people, so what they did stays the same.

    Where the policies would have decided later than `since`, and S3 does not keep when people decided, it is not known
    who would have come first.
    """
    if End.UNKNOWN in (before.end, after.end) or before.end is End.PREPARING:
        return Change.UNKNOWN
    if is_of_people(before):
        if is_left_to_people(before, after):
            return Change.SAME
        if before.at is None and after.at != since:
            return Change.UNKNOWN
        return Change.WITHOUT_PEOPLE if before.end is after.end else Change.OTHERWISE
    return _compare(before, after, SAME_TIME)


def is_of_people(before: Ending) -> bool:
    """Whether others than the policies decided it."""
    return before.end in _DECIDED and before.by in (DecidedBy.PEOPLE, DecidedBy.OTHERS, DecidedBy.UNKNOWN)


def is_left_to_people(before: Ending, after: Ending) -> bool:
    """Whether policies hold a job for as long as people took to decide it."""
    latest = before.at or before.at_latest
    if after.end in (End.HELD, End.EXPIRED) or after.by is DecidedBy.PEOPLE:
        return True
    return latest is not None and after.at is not None and latest <= after.at


def compare_with_replay(before: Ending, after: Ending) -> Change:
    """How two replays compare."""
    if End.UNKNOWN in (before.end, after.end):
        return Change.UNKNOWN
    return _compare(before, after, timedelta(0))


def _compare(before: Ending, after: Ending, tolerance: timedelta) -> Change:
    if before.end is not after.end:
        return Change.OTHERWISE
    if before.at is None or after.at is None or abs(after.at - before.at) <= tolerance:
        return Change.SAME
    return Change.SOONER if after.at < before.at else Change.LATER


# --- The whole ----------------------------------------------------------------------------------------


class Replay(Struct):
    """A replay of many jobs.

    Attributes:
        source: Where the jobs are from, for people.
        policies: The set's version.
        against: What it is compared with: "" for what happened, else the other set's version.
        was_shadow: The set is in shadow mode, and was replayed as if enforced.
        redacted: The jobs' names were replaced.
    """

    source: str
    policies: str
    usage: Usage
    against: str = ""
    was_shadow: bool = False
    redacted: bool = False
    rows: list[Row] = field(default_factory=list)

    def changes(self) -> Counter[Change]:
        """How many jobs changed how."""
        return Counter(row.change for row in self.rows)

    @property
    def changed(self) -> list[Row]:
        """The jobs that are decided differently, or at another time; other ends first."""
        order = [*Change]
        found = [row for row in self.rows if row.change in CHANGED]
        return sorted(found, key=lambda row: (order.index(row.change), row.since is not None, row.since))

    def waiting(self) -> "Waiting":
        """What the change means for whoever waits."""
        total = Waiting()
        for row in self.rows:
            before, after = row.waited(row.before), row.waited(row.after)
            if before is not None and after is not None:
                total.jobs += 1
                total.before += before
                total.after += after
            elif row.change is not Change.UNKNOWN:
                total.unknown += 1
        return total


class Waiting(Struct):
    """How long jobs waited for their decision.

    Attributes:
        jobs: Those of which both times are known.
        unknown: Those of which one is not: S3 does not keep when a job was approved, and people decide when they do.
    """

    jobs: int = 0
    before: timedelta = timedelta(0)
    after: timedelta = timedelta(0)
    unknown: int = 0


def trace_of(fate: Fate) -> dict[str, Json]:
    """A replayed job's course, and what the policies found at its end."""
    evidence = evidence_of(fate.decision)
    objections = evidence["objections"]
    return {
        "steps": [
            {
                "at": step.at.isoformat(),
                "end": str(step.end),
                "reason": step.reason,
                "until": step.until.isoformat() if step.until else None,
                "cancels_at": step.cancels_at.isoformat() if step.cancels_at else None,
            }
            for step in fate.steps
        ],
        "governing": evidence["governing"],
        "objections": objections[:_OBJECTIONS_SHOWN] if isinstance(objections, list) else [],
    }
