"""A plain, slow evaluator of the policy language, written from its description alone.

It knows nothing of the product's code: where both agree on many thousands of random cases, a
misreading would have had to happen twice. It takes plain data, goes through it the long way,
and finds `until` by evaluating again at every instant at which anything could change.

Readings chosen where the description leaves room (those of calendars stand in `windows`):

1. The before-Suspended rule is applied last and covers everything, a cancel and a shadow set
   included: New or Preparing is wait, unless the job surely does not ask for confirmation, which
   in these statuses takes ConfirmationRequired false and no SuspendedDate.
2. A job that surely does not ask gets the verdict of the votes, in every status; under a
   shadow set that is hold, as it never comes to be before a Suspended.
3. A statement without `match` governs every job, policies as well as guardrails: same shape.
4. A named operation counts as named where a `match` of a governing, enforced policy holds the
   exact string, also through `{list: NAME}`; a pattern that happens to match does not.
5. An unknown operation under `unmatched: cancel` gets hold from it.
6. An expired exception is as if absent, also where its match is unknown.
7. Several tags, parameters, or words of `report` or `manifest` in one check must all hold.
8. `format`, `bucket`, `key` and `bytes` of a generated manifest: unmeasurable where none is
   stored ("no stored manifest"); before the generator has run unknown in New and Preparing,
   unmeasurable after.
9. `object_bytes` needs the stored manifest as well: the same.
10. `{not: ...}` around bucket words or around a whole structure is the complement of their
    conjunction, also where the value is absent ("exact complement").
11. A generated manifest says its source bucket at once, in every status.
12. A copy without TargetResource has an unmeasurable destination: it goes somewhere, and nobody says where.
13. `{present: false}` means absent, as `{not: {present: true}}` does.
14. Paths are known, so none leads into a list or past a value; below an unknown operation one past a value
    finds nothing. A value of another type under `any`, `only` or `none`, one that is no list, violates all three.
15. `until` looks at instants strictly after now. Under a shadow set only an instant at which people's
    approvals lift all holds approves. It is None where neither SuspendedDate nor CreationTime is there.
16. Exceptions have no mode; one that lifts a shadowed statement does nothing.
17. "report": S3's Report without a Bucket has an absent bucket; without a Report all is absent.
18. "A name that can be no bucket's today" is one that breaks any of S3's naming rules for general-purpose
    buckets, a reserved beginning among them; `--op-s3` (S3 on Outposts) is a reserved end, too.
19. The manifest's `version` is known wherever its location is, also in an access point.
20. `ungated_jobs` and `cancel_held_after` are the sweep's business, not the verdict's.
21. An exception's last day ends as a window that closes at "24:00": with the second midnight where there are two, and
    with the gap's end where there is none.
22. "The shell's classes" are those of `fnmatch`: a `]` that comes first is one of the class, a `-` at an end, too.
23. `within` of a value that is there is unmeasurable where S3 does not say when the job was created.
24. A job that S3 describes with neither a manifest nor a generator has a generator that is unmeasurable. Of one with
    both, its source buckets and all of manifest and generator are unmeasurable.
25. A grace ends at SuspendedDate plus its length, that instant included in what comes after it. Without a
    SuspendedDate it never ends, also where it is 0s. One that is a second or more before CreationTime is none.
26. A job without a grace is one that surely does not ask for confirmation: ConfirmationRequired is false, it is not
    Suspended, and it has no SuspendedDate.
27. A cancellation ends the search for `until`, whatever brings it: the end of a grace, a window that closes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

from tests.verification.oracle.approvals import enough, wanted_in
from tests.verification.oracle.budgets import beginnings, names_budget
from tests.verification.oracle.checks import (
    BEFORE_SUSPENDED,
    KNOWN_OPERATIONS,
    Situation,
    all_of,
    any_of,
    condition_holds,
    conditions_hold,
    met_if,
    operation_name,
)
from tests.verification.oracle.members import says_more_than_is_known
from tests.verification.oracle.plain import Document, Job, Plain, Result, Tags, Unavailable, listed, mapping, text
from tests.verification.oracle.windows import change_instants, wall_instant, zone_named

CONFIRMATION_LIFETIME = timedelta(days=30)
"""How long a Suspended job waits for its confirmation. Source: S3 User Guide, batch-ops-job-status."""

BESIDE_A_CONDITION = frozenset({"unless", "on_violation", "grace", "message"})

USUAL_GRACE = "5m"
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Verdict(IntEnum):
    """What to do with the job, by rising caution."""

    APPROVE = 0
    HOLD = 1
    WAIT = 2
    CANCEL = 3


class Statement(NamedTuple):
    """How an enforced policy or guardrail was found: its match, and where that is met its requirements.

    A requirement's result is the one after its `unless` and its exceptions. Policies may
    approve, guardrails may not.
    """

    name: str
    match: Result
    requirements: tuple[Result, ...]
    may_approve: bool
    written: Document


class Vote(NamedTuple):
    """One voice in the verdict, and the name of whose it is."""

    verdict: Verdict
    name: str
    waits_for_grace: bool = False


@dataclass(frozen=True, slots=True)
class OracleResult:
    """The verdict, and what led to it.

    Attributes:
        verdict: approve, hold, wait or cancel.
        until: Beside a hold, the first later instant that would approve, aware UTC; else None.
        cancels_at: Beside a hold, the first later instant that would cancel, where none approves before.
        deciding: Names behind the verdict, sorted: statements, `(unmatched)`, `(unknown operation)`,
            `(unknown member)`, `(before Suspended)`, `(shadow)`.
        if_enforced: The verdict if the whole set were enforced; the same unless it is in shadow.
        statements: Every enforced statement (as if the set were enforced), in document order, guardrails first.
    """

    verdict: str
    until: datetime | None
    cancels_at: datetime | None
    deciding: tuple[str, ...]
    if_enforced: str
    statements: tuple[Statement, ...]


def evaluate(
    document: Document,
    job: Job,
    tags: Tags,
    now: datetime,
    *,
    approvals: Sequence[str] = (),
    requester: str | Unavailable = "unmeasurable",
    manifest_bytes: int | Unavailable = "unmeasurable",
    manifest_rows: int | Unavailable | None = None,
    rows_without_version: int | Unavailable = "unmeasurable",
    source_buckets: Sequence[str] | Unavailable = "unmeasurable",
    object_bytes: int | Unavailable = "unmeasurable",
    budgets_used: Mapping[str, Plain] | None = None,
    with_until: bool = True,
) -> OracleResult:
    """Evaluate one job by one valid document.

    Args:
        document: As parsed from YAML 1.2; `{list: NAME}` not expanded.
        job: The content of "Job" of `describe-job`; dates are ISO strings.
        tags: The job's tags, or "unmeasurable".
        now: Aware instant at which everything is evaluated.
        approvals: The ARNs of those who approved the job as it is.
        requester: The ARN of who created it, or that this is not known.
        manifest_bytes: Size of the manifest object.
        manifest_rows: Rows counted in the manifest; None for as many as S3 counts.
        rows_without_version: Those of them without a version.
        source_buckets: Buckets that the manifest's rows name; used where the job has no generator.
        object_bytes: The objects' own sizes added up.
        budgets_used: How much is used of the job's account of each budget in this period, by name.
        with_until: Whether to search for `until`; it is None otherwise.
    """
    situation = Situation(
        job=job,
        tags=tags,
        manifest_bytes=manifest_bytes,
        manifest_rows=manifest_rows,
        rows_without_version=rows_without_version,
        row_buckets=source_buckets,
        object_bytes=object_bytes,
        approvals=approvals,
        requester=requester,
        approvals_asked=mapping(document.get("approvals")),
        prices=mapping(document.get("prices")),
        lists=mapping(document.get("lists")),
        calendars=mapping(document.get("calendars")),
        now=now,
        budgets=document.get("budgets"),
        used=budgets_used or {},
        read_at=now,
    )
    statements = tuple(found_statements(document, situation))
    enforced, deciding = outcome_of(document, statements, situation)
    verdict = enforced
    if document.get("mode") == "shadow":
        lifted = people_lift_holds(document, statements, situation)
        verdict, deciding = (Verdict.APPROVE, ()) if lifted else (Verdict.HOLD, ("(shadow)",))
    if asks_for_confirmation_later(job):
        verdict, enforced, deciding = Verdict.WAIT, Verdict.WAIT, ("(before Suspended)",)
    until = cancels_at = None
    if with_until and verdict is Verdict.HOLD:
        then, at = what_time_brings(document, situation)
        until, cancels_at = (at if then is each else None for each in (Verdict.APPROVE, Verdict.CANCEL))
    return OracleResult(verdict.name.lower(), until, cancels_at, deciding, enforced.name.lower(), statements)


def outcome_of(document: Document, found: Sequence[Statement], situation: Situation) -> tuple[Verdict, tuple[str, ...]]:
    """Give the verdict on what was found, holds lifted where people approved, and whose it is."""
    votes = list(votes_of(document, found, situation))
    if people_lift_holds(document, found, situation):
        votes = [vote for vote in votes if vote.verdict is not Verdict.HOLD or vote.waits_for_grace]
    return tally(votes) if votes else (Verdict.APPROVE, ())


def people_lift_holds(document: Document, found: Sequence[Statement], situation: Situation) -> bool:
    """Say whether `approvals` is satisfied, and every `manual_approval` that governs, or may, and nothing lifts."""
    wanted = [document.get("approvals", "required")]
    for statement in found:
        if statement.match is not Result.VIOLATED:
            for requirement in map(mapping, listed(statement.written.get("require"))):
                if Result.MET not in ways_around(document, statement.written, requirement, situation):
                    wanted += wanted_in(requirement)
    return all(enough(asked, situation) for asked in wanted)


def tally(votes: Sequence[Vote]) -> tuple[Verdict, tuple[str, ...]]:
    """Give the most cautious of all votes, and whose it is."""
    verdict = max(vote.verdict for vote in votes)
    return verdict, tuple(sorted({vote.name for vote in votes if vote.verdict is verdict}))


def asks_for_confirmation_later(job: Job) -> bool:
    """Say whether the job may be on its way to Suspended; only an explicit false says it is not."""
    return job.get("Status") in BEFORE_SUSPENDED and not surely_does_not_ask(job)


def surely_does_not_ask(job: Job) -> bool:
    """Say whether S3 says that the job does not ask for confirmation, and nothing contradicts it."""
    was_suspended = job.get("Status") == "Suspended" or job.get("SuspendedDate") is not None
    return job.get("ConfirmationRequired") is False and not was_suspended


def found_statements(document: Document, situation: Situation) -> Iterator[Statement]:
    """Give how each statement that is not in shadow by itself was found."""
    for kind in ("guardrails", "policies"):
        for statement in map(mapping, listed(document.get(kind))):
            if statement.get("mode") != "shadow":
                match = conditions_hold(statement.get("match"), situation)
                requirements = map(mapping, listed(statement.get("require"))) if match is Result.MET else []
                yield Statement(
                    text(statement["name"]),
                    match,
                    tuple(requirement_holds(document, statement, one, situation) for one in requirements),
                    kind == "policies",
                    statement,
                )


def votes_of(document: Document, found: Sequence[Statement], situation: Situation) -> Iterator[Vote]:
    """Give every vote on the job; where its description says more than is known, none is to cancel it."""
    if says_more_than_is_known(situation.job):
        yield Vote(Verdict.HOLD, "(unknown member)")
        yield from (
            vote._replace(verdict=min(vote.verdict, Verdict.HOLD), waits_for_grace=False)
            if vote.verdict is Verdict.CANCEL
            else vote._replace(waits_for_grace=False)
            for vote in known_votes(document, found, situation)
        )
    else:
        yield from known_votes(document, found, situation)


def known_votes(document: Document, found: Sequence[Statement], situation: Situation) -> Iterator[Vote]:
    """Give the votes of the statements, and those of `unmatched` and of the unknown operation."""
    for statement in found:
        yield from statement_votes(document, statement, situation)
    operation = operation_name(situation.job)
    known = operation in KNOWN_OPERATIONS
    policies = [statement for statement in found if statement.may_approve]
    if all(policy.match is Result.VIOLATED for policy in policies):
        may_cancel = document.get("unmatched") == "cancel" and known
        cancels = may_cancel and grace_is_over(document, {}, situation)
        yield Vote(Verdict.CANCEL if cancels else Verdict.HOLD, "(unmatched)", may_cancel and not cancels)
    governing = [policy for policy in policies if policy.match is Result.MET]
    if not known and not any(
        names_operation(policy.written.get("match"), operation, situation) for policy in governing
    ):
        yield Vote(Verdict.HOLD, "(unknown operation)")


def statement_votes(document: Document, statement: Statement, situation: Situation) -> Iterator[Vote]:
    """Give the votes of one statement: a policy's approval, and the doubts and violations of either kind."""
    doubts = {Result.UNKNOWN: Verdict.WAIT, Result.UNMEASURABLE: Verdict.HOLD}
    if statement.match in doubts:
        yield Vote(doubts[statement.match], statement.name)
    if statement.match is not Result.MET:
        return
    if statement.may_approve:
        yield Vote(Verdict.APPROVE, statement.name)
    for written, result in zip(listed(statement.written.get("require")), statement.requirements, strict=True):
        if result in doubts:
            yield Vote(doubts[result], statement.name)
        if result is Result.VIOLATED:
            nearest = mapping(written).get("on_violation", statement.written.get("on_violation", "hold"))
            waits = nearest == "cancel" and not grace_is_over(document, mapping(written), situation)
            yield Vote(Verdict.HOLD if waits else Verdict[text(nearest).upper()], statement.name, waits)


def grace_is_over(document: Document, requirement: Document, situation: Situation) -> bool:
    """Say whether a violation of this requirement (or of `unmatched`: an empty one) may cancel by now."""
    job = situation.job
    if surely_does_not_ask(job):
        return True
    ends = end_of_grace(document, requirement, job)
    return ends is not None and situation.now >= ends


def end_of_grace(document: Document, requirement: Document, job: Job) -> datetime | None:
    """Give the first instant after a grace; None where nothing says when it began."""
    suspended = suspended_date(job)
    if suspended is None:
        return None
    written = text(requirement.get("grace", document.get("cancel_grace", USUAL_GRACE)))
    length = timedelta(seconds=int(written[:-1]) * SECONDS[written[-1]])
    return suspended + length


def suspended_date(job: Job) -> datetime | None:
    """Give since when the job is suspended; None where S3 does not say, or says an instant before its creation."""
    said, created = job.get("SuspendedDate"), job.get("CreationTime")
    if said is None:
        return None
    suspended = datetime.fromisoformat(text(said))
    if created is not None and suspended <= datetime.fromisoformat(text(created)) - timedelta(seconds=1):
        return None
    return suspended


def requirement_holds(document: Document, statement: Document, requirement: Document, situation: Situation) -> Result:
    """Evaluate a requirement: its condition, or its `unless`, or any exception that lifts its statement."""
    condition = {word: operand for word, operand in requirement.items() if word not in BESIDE_A_CONDITION}
    return any_of([condition_holds(condition, situation), *ways_around(document, statement, requirement, situation)])


def ways_around(
    document: Document, statement: Document, requirement: Document, situation: Situation
) -> Sequence[Result]:
    """Evaluate what may lift a requirement: its `unless`, and each exception; nothing does where it names a budget."""
    ways: list[Result] = []
    if names_budget(requirement):
        return ways
    if "unless" in requirement:
        ways.append(conditions_hold(requirement["unless"], situation))
    for exception in map(mapping, listed(document.get("exceptions"))):
        if statement["name"] in listed(exception["lifts"]):
            in_time = met_if(situation.now < expiry(exception))
            ways.append(all_of([in_time, conditions_hold(exception["match"], situation)]))
    return ways


def expiry(exception: Document) -> datetime:
    """Give the instant from which an exception no longer counts: the end of its last day in its zone, UTC if none."""
    last_day = date.fromisoformat(text(exception["expires"]))
    zone = zone_named(text(exception.get("timezone", "UTC")))
    return wall_instant(zone, last_day + timedelta(days=1), "00:00", closing=True)


def names_operation(conditions: Plain, operation: str | Result, situation: Situation) -> bool:
    """Say whether conditions name an operation literally: in a list or at any depth, outside `not`."""
    for condition in map(mapping, listed(conditions)):
        for word, operand in condition.items():
            if word in {"any", "all"} and names_operation(operand, operation, situation):
                return True
            if word == "operation" and lists_literally(operand, operation, situation):
                return True
    return False


def lists_literally(operand: Plain, operation: str | Result, situation: Situation) -> bool:
    """Say whether an operand of `operation` is or lists exactly this name."""
    for item in listed(operand):
        if item == operation:
            return True
        named_list = mapping(item).get("list") if not isinstance(item, str) else None
        if named_list is not None and operation in listed(situation.lists[text(named_list)]):
            return True
    return False


def what_time_brings(document: Document, situation: Situation) -> tuple[Verdict, datetime | None]:
    """Give what ends the hold, approve or cancel, and when: before the job's confirmation lapses, or never."""
    suspended, created = suspended_date(situation.job), situation.job.get("CreationTime")
    if suspended is None and created is None:
        return Verdict.HOLD, None
    lapses = (suspended or datetime.fromisoformat(text(created))) + CONFIRMATION_LIFETIME
    instants = {expiry(mapping(exception)) for exception in listed(document.get("exceptions"))}
    for calendar in situation.calendars.values():
        instants |= change_instants(mapping(calendar), situation.now, lapses)
    statements = [*listed(document.get("policies")), *listed(document.get("guardrails"))]
    written = [one for statement in statements for one in listed(mapping(statement).get("require"))]
    for budget in map(mapping, listed(document.get("budgets"))):
        instants |= set(beginnings(budget, situation.now.date(), lapses.date() + timedelta(days=1)))
    graces = (end_of_grace(document, mapping(one), situation.job) for one in ({}, *written))
    instants |= {end for end in graces if end is not None}
    for instant in sorted(instants):
        if situation.now < instant < lapses:
            later = replace(situation, now=instant)
            found = list(found_statements(document, later))
            verdict, _ = outcome_of(document, found, later)
            if document.get("mode") == "shadow":
                verdict = Verdict.APPROVE if people_lift_holds(document, found, later) else Verdict.HOLD
            if verdict in (Verdict.APPROVE, Verdict.CANCEL):
                return verdict, instant.astimezone(UTC)
    return Verdict.HOLD, None
