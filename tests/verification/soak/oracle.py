"""What may never be, and what must be in the end: written from the protocol's description alone.

Nothing of the gate that reviews, carries out or sweeps is imported here. Verdicts are those of the
independent evaluator of the policy language, on S3's answers as boto3 gave them to the gate.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from tests.verification.oracle.checks import KNOWN_OPERATIONS, operation_name
from tests.verification.oracle.language_oracle import SECONDS, OracleResult, evaluate
from tests.verification.oracle.plain import Result
from tests.verification.soak import records
from tests.verification.soak.budgets import Budgets
from tests.verification.soak.records import Evidence

FRESH = timedelta(seconds=5)
UPDATE_TAKES = timedelta(seconds=5)
CIRCUIT_BREAKER_WITHIN = timedelta(minutes=10)
REVIEW_TAKES = timedelta(minutes=1)
LATEST_DUE = timedelta(minutes=15)
MINUTES = timedelta(minutes=5)
"""The least that counts as minutes."""

CHANGES = frozenset(
    {"JobArn", "JobId", "Status", "StatusUpdateReason", "FailureReasons", "ProgressSummary"}
    | {"CreationTime", "TerminationDate", "SuspendedDate", "SuspendedCause"}
)
"""What changes of a job without its becoming another."""

APPROVALS_AT_MOST = 50
REFUSED = frozenset({"/problems/job-changed", "/problems/may-not-approve", "/problems/not-decidable"})

ASKED_FOR = {"approve": "Ready", "cancel": "Cancelled"}
WAITS = frozenset({"New", "Preparing", "Suspended"})
RUNS = frozenset({"Ready", "Active", "Pausing", "Paused"})
READY_AND_BEYOND = RUNS | {"Completing", "Complete"}
TOLD_AS = {
    ("applied", "approve"): {"approved"},
    ("applied", "cancel"): {"cancelled"},
    ("superseded", None): {"superseded"},
    ("ungated", None): {"ungated"},
    ("ungated_or_confirmed_elsewhere", None): {"ungated_or_confirmed_elsewhere"},
    ("lapsed", None): {"lapsed"},
}


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken."""

    rule: str
    job_id: str
    at: datetime
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what} (job {self.job_id} at {self.at:%Y-%m-%d %H:%M:%S.%f})"


@dataclass(slots=True)
class _Seen:
    """What one invocation was told of one job."""

    looked: records.Looked | None = None
    not_found: datetime | None = None
    tags: Mapping[str, str] | None = None
    size: int | None = None
    requester: str | None = None

    @property
    def named(self) -> str:
        """The job as people know it: all that S3 said but its status, dates and progress."""
        said = _plain(self.looked.job) if self.looked is not None else {}
        total = said.get("ProgressSummary", {}).get("TotalNumberOfTasks") or None
        return json.dumps([{key: said[key] for key in said.keys() - CHANGES}, total, self.tags], sort_keys=True)


@dataclass(slots=True)
class _Job:
    """One job as the log has gone so far.

    Attributes:
        item: What the ledger says.
        claimer: Whose claim it is, if it is claimed.
        sends: Of the present claim.
        hands: Actions that the gate asked for and that were not surely refused.
        effects: What changed S3's status by request: when, which way, and whether by the gate.
        seen_waiting: The ledger had a hold or claim of it that was made while S3 said Suspended, and has.
        not_found: When S3 said first that there is no such job, and has shown it to no review since that wrote.
        known_for: How long it was held for reasons that were all known.
        known_at: The last hold for such reasons; None where the time since does not count.
        needs_review_before_expiry: The gate has had no chance to approve it since something else held it.
        chance_by: Whose review was that chance, if the last one was; such a review never ends a hold for its age.
        hold: The last hold.
        counted: The approvals that the review could count that wrote the last claim.
        must_reserve: The budgets that were reserved when an approval was sent that was not surely refused.
    """

    job: records.Job
    item: Any = None
    claimer: int = 0
    sends: list[records.Sent] = field(default_factory=list)
    hands: set[str] = field(default_factory=set)
    effects: list[tuple[datetime, str, bool]] = field(default_factory=list)
    seen_waiting: bool = False
    not_found: datetime | None = None
    known_for: timedelta = timedelta(0)
    known_at: datetime | None = None
    needs_review_before_expiry: bool = False
    chance_by: int = 0
    hold: Any = None
    counted: tuple[Any, ...] = ()
    told: list[records.Announced] = field(default_factory=list)
    appended: list[tuple[int, Any]] = field(default_factory=list)
    settled_rev: int = 0
    must_reserve: set[str] = field(default_factory=set)

    @property
    def asks(self) -> bool:
        """Whether it asks for confirmation; one that was confirmed before it was Suspended runs as if it had not."""
        statuses = [status for _, status in self.job.history]
        return self.job.asks and ("Suspended" in statuses or RUNS.isdisjoint(statuses))

    def begin_anew(self) -> None:
        """Forget how it was held, and that it ended: it is open again."""
        self.settled_rev, self.hold = 0, None
        self.known_for, self.known_at, self.needs_review_before_expiry = timedelta(0), None, False


class Oracle:
    """Goes through a log once, and keeps what it finds wrong."""

    def __init__(self, evidence: Evidence) -> None:
        """Look at everything."""
        self.evidence = evidence
        self.violations: list[Violation] = []
        self.jobs = {job.ref.job_id: _Job(job) for job in evidence.jobs}
        self.seen: dict[tuple[int, str], _Seen] = defaultdict(_Seen)
        self.given: dict[int, records.Given] = {}
        self.listed: dict[int, frozenset[str]] = {}
        self.cancels: list[datetime] = []
        self.paused = False
        self.swept: records.Swept | None = None
        self.clocks_off: set[int] = set()
        self.names: dict[str, str] = {}
        self.asked: dict[int, records.Asked] = {}
        self.given_by: set[tuple[str, str, str]] = set()
        self.budgets = Budgets()
        for record in evidence.log:
            self._read(record)
        self._look_at_the_end()

    def _wrong(self, rule: str, job_id: str, at: datetime, what: str) -> None:
        self.violations.append(Violation(rule, job_id, at, what))

    def _read(self, record: records.Record) -> None:  # noqa: C901, PLR0912 - one case a record
        match record:
            case records.Given():
                self.given[record.by] = record
            case records.ClockIsOff():
                self.clocks_off.add(record.by)
            case records.Looked():
                self.seen[record.by, record.job_id].looked = record
                self.seen[record.by, record.job_id].not_found = None
            case records.NotFound():
                self.seen[record.by, record.job_id].looked = None
                self.seen[record.by, record.job_id].not_found = record.at
                job = self.jobs[record.job_id]
                if record.by not in self.clocks_off:
                    job.not_found = job.not_found or record.at
            case records.Listed():
                self.listed[record.by] = self.listed.get(record.by, frozenset()) | record.job_ids
            case records.TagsRead():
                self.seen[record.by, record.job_id].tags = record.tags
            case records.SizeRead():
                self.seen[record.by, record.job_id].size = record.size
            case records.RequesterRead():
                self.seen[record.by, record.job_id].requester = record.who
            case records.UseRead():
                self.budgets.read[record.by, record.job_id] = record.counts
            case records.Shown():
                self._shown(record)
            case records.Asked():
                self.asked[record.by] = record
            case records.Answered():
                self._answered(record)
            case records.Written():
                self._written(record)
            case records.Sent():
                self._sent(record)
            case records.CameLate() if record.moved:
                self._effect(record.job_id, record.at, record.status, by_gate=True)
            case records.ByConsole() if record.moved:
                self._effect(record.job_id, record.at, record.status, by_gate=False)
            case records.Announced():
                self.jobs[record.review.ref.job_id].told.append(record)
                self._check_text(record.review.reason, record.review.ref.job_id, record.at, "an announced reason")
            case records.Paused():
                self.paused = record.paused
            case records.Swept():
                self.swept = record
            case records.Crashed():
                self._wrong("no crash", "", record.at, record.what)
            case _:
                pass

    def _effect(self, job_id: str, at: datetime, status: str, *, by_gate: bool) -> None:
        requested_action = "approve" if status == "Ready" else "cancel"
        job = self.jobs[job_id]
        job.effects.append((at, requested_action, by_gate))
        self._covered(job, at)
        item = job.item
        if by_gate and item is not None and item.phase == "settled" and item.requested_action != requested_action:
            self._wrong("2: settled is final", job_id, at, f"{requested_action} took effect, settled as {item.outcome}")
        if len({each for _, each, ours in job.effects if ours}) > 1:
            self._wrong("2: one decision", job_id, at, "both approved and cancelled by the gate")

    # --- People -------------------------------------------------------------------------------------

    def _shown(self, record: records.Shown) -> None:
        """Whether a digest names one job, as it is."""
        named = self.seen[record.by, record.job_id].named
        if self.names.setdefault(record.digest, named) != named:
            self._wrong("people: as shown", record.job_id, record.at, f"{record.digest} names two different jobs")

    def _answered(self, record: records.Answered) -> None:
        """Whether what a person was told is so."""
        job, asked = self.jobs[record.job_id], self.asked[record.by]
        is_kept = (record.job_id, asked.who, asked.digest) in self.given_by
        item = job.item
        if record.told in REFUSED and any(by == record.by for by, *_ in job.appended):
            self._wrong("people: told", record.job_id, record.at, f"{record.told}, and the approval is on record")
        if asked.action == "approve" and not record.told.startswith("/") and not is_kept:
            self._wrong("people: told", record.job_id, record.at, f"{record.told}, and the approval is not on record")
        for told, requested_action in (("approved", "approve"), ("cancelled", "cancel")):
            is_so = item is not None and item.phase == "settled" and item.requested_action == requested_action
            if record.told == told and not is_so:
                self._wrong("people: told", record.job_id, record.at, f"{told}, and the ledger says {item}")

    def _approvals(self, job: _Job, w: records.Written) -> Iterator[tuple[str, str]]:
        """Whether none is lost, and each is its caller's own, of the job as it was shown."""
        before, after = _approvals_in(job.item), w.after.approvals
        job_id = w.after.ref.job_id
        if not set(before) <= set(after) and len(after) < APPROVALS_AT_MOST:
            yield "people: kept", f"{set(before) - set(after)} lost by a write of {w.after.phase}"
        asked, seen = self.asked.get(w.by), self.seen[w.by, job_id]
        for each in set(after) - set(before):
            job.appended.append((w.by, each))
            if asked is None or (asked.job_id, asked.action) != (job_id, "approve"):
                yield "people: who", f"an approval of {each.who} that nobody gave"
                continue
            self.given_by.add((job_id, asked.who, asked.digest))
            if (each.who, each.digest) != (asked.who, asked.digest):
                yield "people: who", f"{asked.who} approved {asked.digest}, on record is {each}"
            if self.names.get(each.digest) != seen.named:
                yield "people: as shown", f"approved what was {self.names.get(each.digest)}, and is {seen.named}"
            if seen.looked is None or seen.looked.job["Status"] != "Suspended":
                yield "people: as shown", "an approval of a job that was not Suspended"
            if w.after.due_at is None or w.after.due_at > w.at:
                yield "3: due", f"approved, and due at {w.after.due_at}"

    def _fresh(self, by: int, job_id: str, approvals: Any) -> list[str]:
        """Who truly gave those of the approvals that are of the job as this invocation saw it."""
        named = self.seen[by, job_id].named
        return [
            each.who
            for each in approvals
            if self.names.get(each.digest) == named and (job_id, each.who, each.digest) in self.given_by
        ]

    def _are_enough(self, by: int, looked: records.Looked, document: Mapping[str, Any], at: datetime) -> bool:
        """Whether the approvals are as many as the policies want of people in any case."""
        alone = {"version": 1, **{key: document[key] for key in ("approvals",) if key in document}}
        return self._evaluate(by, looked, alone, at).verdict == "approve"

    # --- The ledger ---------------------------------------------------------------------------------

    def _written(self, w: records.Written) -> None:  # noqa: C901 - one write, step by step
        job_id = w.after.ref.job_id
        job = self.jobs[job_id]
        before, after = job.item, w.after
        if (before.rev if before else 0) + 1 != after.rev:
            self._wrong("ledger", job_id, w.at, f"rev {after.rev} after {before.rev if before else None}")
        if w.by in self.clocks_off:
            self._wrong("1: clock", job_id, w.at, f"wrote {after.phase} by a clock that is far from S3's")
        if self.seen[w.by, job_id].looked is not None:
            job.not_found = None
        is_appended = w.after.phase == "held" and _only_approved(before, after)
        for rule, what in (*self._approvals(job, w), *self._wrongly_written(job, w), *self._reserved(job, w)):
            self._wrong(rule, job_id, w.at, what)
        if after.phase == "claimed" and w.is_claim:
            job.claimer, job.sends, job.counted = w.by, [], after.approvals
            if after.requested_action == "cancel":
                self.cancels.append(w.at)
        if after.phase != "settled":
            if before is not None and before.phase == "settled":
                before = None
                job.begin_anew()
            looked = self.seen[w.by, job_id].looked
            job.seen_waiting |= looked is not None and looked.job["Status"] == "Suspended"
        if after.phase == "held":
            if not _shown_again(before, after) and not is_appended:
                self._count_known_time(job, before, w)
            job.hold = after
        if after.phase == "settled" and not job.settled_rev:
            job.settled_rev = after.rev
        job.item = after
        self._covered(job, w.at)

    def _reserved(self, job: _Job, w: records.Written) -> Iterator[tuple[str, str]]:
        """Whether what is reserved of budgets is what was applied, or may have been sent."""
        before, after, job_id = job.item, w.after, w.after.ref.job_id
        seen, given = self.seen[w.by, job_id], self.given.get(w.by)
        if after.phase == "claimed" and w.is_claim:
            if seen.looked is None or given is None or given.document is None:
                yield from self.budgets.written(w, keeps=bool(before and before.maybe_sent))
                return
            alone = self._evaluate(w.by, seen.looked, given.document, _evaluated_at(w), approvals=())
            limited = alone.verdict == "approve" or not _lifted(w)
            yield from self.budgets.claimed(w, seen.looked, given.document, seen.tags, limited=limited)
            return
        yield from self.budgets.written(w, keeps=self._keeps_reservations(job, w))

    def _keeps_reservations(self, job: _Job, w: records.Written) -> bool:
        """Whether an approval was applied, or may be or have been."""
        before, after = job.item, w.after
        if after.phase == "claimed" or before is None:
            return before is not None
        if after.phase == "held":
            return bool(after.maybe_sent and after.requested_action == "approve")
        if before.phase == "settled" or after.outcome == "applied":
            return True
        refused = w.by == job.claimer and job.sends != [] and all(send.answer == "refused" for send in job.sends)
        sent = before.requested_action == "approve" and (
            before.maybe_sent or (before.phase == "claimed" and not refused)
        )
        looked = self.seen[w.by, after.ref.job_id].looked
        return sent and not (looked is not None and looked.job["Status"] in READY_AND_BEYOND)

    def _covered(self, job: _Job, at: datetime) -> None:
        """Whether an approval of the gate's that took effect is still counted in full."""
        if any(way == "approve" and ours for _, way, ours in job.effects):
            job_id = job.job.ref.job_id
            recorded = {each.account.budget for each in job.item.reservations} if job.item is not None else set()
            if job.must_reserve - recorded:
                self._wrong("budget: covered", job_id, at, f"approved, and of {job.must_reserve} only {recorded} left")

    def _count_known_time(self, job: _Job, before: Any, w: records.Written) -> None:
        """Only between two holds for known reasons, and after anything else not before the gate had its chance."""
        after = w.after
        if after.shadow or after.block is not None or not after.evaluated or not self._is_known(job, w):
            job.needs_review_before_expiry, job.known_at = True, None
            return
        if job.known_at is not None and before is not None and before.phase == "held":
            job.known_for += (job.hold.due_at if self._was_left_alone(job, w.at) else w.at) - job.known_at
        lost = before is not None and (
            job.needs_review_before_expiry
            or before.phase != "held"
            or self._was_left_alone(job, w.at)
            or _passed(before.until, w.at)
        )
        job.needs_review_before_expiry = lost and after.until is not None
        job.chance_by = w.by if lost else 0
        job.known_at = None if job.needs_review_before_expiry else w.at

    def _was_left_alone(self, job: _Job, at: datetime) -> bool:
        due: datetime | None = job.hold.due_at if job.hold is not None else None
        return due is not None and at - due > MINUTES

    def _is_known(self, job: _Job, w: records.Written) -> bool:
        """Whether all that stood in the way at this hold was known, and it was the policies that held."""
        looked, given = self.seen[w.by, job.job.ref.job_id].looked, self.given.get(w.by)
        if looked is None or given is None or given.document is None:
            return False
        if self.paused or given.document.get("cancel_held_after") is None:
            return False
        evaluated = self._evaluate(w.by, looked, given.document, looked.at)
        return evaluated.verdict == "hold" and _all_known(evaluated, looked)

    def _wrongly_written(self, job: _Job, w: records.Written) -> Iterator[tuple[str, str]]:  # noqa: C901 - rule by rule
        before, after = job.item, w.after
        if before is not None and _but_when(before) == _but_when(after) and after.due_at is not None:
            return  # to be looked at again, and nothing else
        if before is not None and before.phase == "settled":
            if after.phase != "settled":
                yield from self._opened_again(job, w)
                if after.phase == "claimed":
                    yield from self._claimed(job, w)
                return
            if _end(before) != _end(after):
                yield "2: settled is final", f"{_end(before)} became {_end(after)}"
            if after.announced_at is not None and not self._is_told(job):
                yield "5: announced", "marked as announced, and was not"
            return
        if before is not None and before.phase == "claimed":
            yield from self._after_a_claim(job, w)
        if before is not None and before.maybe_sent and after.phase != "settled" and not after.maybe_sent:
            yield "memory", "forgot that a claim may have been sent"
        if before is not None and before.claim_id and after.claim_id != before.claim_id:
            yield "memory", f"another claim id: {before.claim_id}, {after.claim_id}"
        if after.due_at is None:
            yield "3: due", "an open item that is never due"
        if after.phase == "settled":
            yield from self._settled(job, w)
            return
        yield from self._bad_text(after.reason, f"the reason of a {after.phase} item")
        if after.phase == "claimed":
            yield from self._claimed(job, w)

    def _opened_again(self, job: _Job, w: records.Written) -> Iterator[tuple[str, str]]:
        """Whether a settled end may be doubted."""
        before, rule = job.item, "2: settled is final"
        looked = self.seen[w.by, job.job.ref.job_id].looked
        if looked is None or looked.job["Status"] != "Suspended":
            yield rule, f"{before.outcome} became {w.after.phase}, and S3 did not say Suspended"
        if before.outcome == "applied" or job.hands:
            yield rule, f"{before.outcome} became {w.after.phase} after {job.hands} that may have arrived"
        if before.announced_at is None:
            yield "5: announced", f"{before.outcome} became {w.after.phase} and was never announced"
        by_person = _by_person(w.after) or len(w.after.approvals) > len(before.approvals)
        if not by_person and (looked is None or looked.at - before.decided_at < MINUTES):
            yield rule, f"{before.outcome} became {w.after.phase} at once"

    def _after_a_claim(self, job: _Job, w: records.Written) -> Iterator[tuple[str, str]]:
        before, after = job.item, w.after
        own = w.by == job.claimer
        if not own and w.at < before.lease_until:
            yield "lease", f"written by {w.by} under the live lease of {job.claimer}"
        if after.phase == "settled":
            return
        if not own and not (after.maybe_sent and after.requested_action == before.requested_action):
            yield (
                "memory",
                f"took over a claim as maybe_sent {after.maybe_sent}, requested_action {after.requested_action}",
            )
        if own and any(send.answer != "refused" for send in job.sends):
            yield "unclear", f"{after.phase} by its owner after an update that may have arrived"

    def _claimed(self, job: _Job, w: records.Written) -> Iterator[tuple[str, str]]:  # noqa: C901, PLR0912 - rule by rule
        before, after = job.item, w.after
        if not w.is_claim or after.lease_until is None or not after.claim_id:
            yield "claim", f"not a claim: by transaction {w.is_claim}, lease until {after.lease_until}"
        if self.paused:
            yield "pause", "claimed while the gate was paused"
        if before is not None and before.maybe_sent and before.requested_action != after.requested_action:
            yield (
                "2: one hand",
                f"claims to {after.requested_action} after a {before.requested_action} that may have been sent",
            )
        if after.attempt != (before.attempt if before else 0) + 1:
            yield "claim", f"attempt {after.attempt}"
        if w.review is None or w.review.evidence is None or w.review.claim_id != after.claim_id:
            yield "1: recorded", "a claim without its review"
        if _by_person(after):
            if after.requested_action == "approve":
                yield "people: who", f"{after.decided_by} alone claims to approve"
            return
        if after.requested_action == "cancel":
            recent = [each for each in self.cancels if each > w.at - CIRCUIT_BREAKER_WITHIN]
            if w.breaker is None or len(recent) >= w.breaker:
                yield "circuit breaker", f"the {len(recent) + 1}th cancellation in ten minutes, {w.breaker} are allowed"
        given, looked = self.given.get(w.by), self.seen[w.by, job.job.ref.job_id].looked
        by_people = (
            after.requested_action == "approve"
            and looked is not None
            and given is not None
            and given.document is not None
            and self._are_enough(w.by, looked, given.document, w.at)
        )
        if job.job.created < self.evidence.opened and not self.evidence.adopts and not by_people:
            yield "adoption", "the policies claimed a job that is older than the gate"
        if given is None or given.document is None:
            yield "policies", "claimed without policies"
        elif given.document.get("mode") == "shadow" and not by_people:
            yield "shadow", "claimed in shadow mode"
        elif after.policy_version != given.version:
            yield "policies", f"claimed by {after.policy_version}, given was {given.version}"
        if w.review is not None and w.review.evidence is not None:
            yield from self._recorded(w, w.review.evidence)

    def _recorded(self, w: records.Written, evidence: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Whether what is on record is what S3 had said to this invocation, and what the policies objected to."""
        seen = self.seen[w.by, w.after.ref.job_id]
        if seen.looked is None:
            yield "1: recorded", "claimed without having asked S3"
            return
        facts: Any = evidence["facts"]
        said = seen.looked.job
        if evidence["policy_version"] != w.after.policy_version or facts["status"] != said["Status"]:
            yield "1: recorded", f"recorded {evidence['policy_version']} and {facts['status']}"
        if not seen.looked.at <= datetime.fromisoformat(facts["now"]) <= w.at:
            yield "1: recorded", f"evaluated at {facts['now']}, looked at {seen.looked.at}"
        total = said.get("ProgressSummary", {}).get("TotalNumberOfTasks") or None
        for name, value, known in (("total_tasks", total, True), ("tags", seen.tags, seen.tags is not None)):
            gap = isinstance(facts[name], dict) and "why" in facts[name]
            if known and not gap and facts[name] != value:
                yield "1: recorded", f"recorded {name} {facts[name]}, S3 said {value}"
        objections: Any = [each for each in evidence["objections"] if each["enforced"]]
        yield from self._recorded_people(w, evidence)
        is_lifted = bool(evidence["lifted"])
        if w.after.requested_action == "approve" and (
            (objections and not is_lifted) or evidence["verdict"] != "approve"
        ):
            yield "1: recorded", f"approves with {evidence['verdict']} and {objections} on record"
        if w.after.requested_action == "cancel" and not objections and "unmatched" not in evidence["rules"]:
            yield "1: recorded", "cancels with no objection on record"

    def _recorded_people(self, w: records.Written, evidence: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Whether those are on record whose approvals are fresh, and that they decided."""
        facts: Any = evidence["facts"]
        fresh = self._fresh(w.by, w.after.ref.job_id, w.after.approvals)
        counted: Any = facts["approvals"]
        if isinstance(counted, list) and sorted(each["who"] for each in counted) != sorted(fresh):
            yield "people: fresh", f"recorded approvals of {counted}, fresh are those of {fresh}"
        people = w.after.people
        if not set(people) <= set(fresh) or w.after.decided_by != ", ".join((w.after.policy_version, *people)):
            yield "people: who", f"decided by {w.after.decided_by}, for {people}, with approvals of {fresh}"
        if w.after.requested_action == "approve" and evidence["lifted"] and not people:
            yield "people: who", f"{evidence['lifted']} lifted by nobody"

    def _settled(self, job: _Job, w: records.Written) -> Iterator[tuple[str, str]]:
        after = w.after
        rule = "2: S3 agrees"
        seen = self.seen.get((w.by, job.job.ref.job_id))
        known = [seen.looked.at] if seen is not None and seen.looked is not None else []
        known += [send.at + UPDATE_TAKES for send in job.sends if send.by == w.by and send.answer == "done"]
        if not known:
            yield from self._gone(job, w)
            return
        until = min(max(known), w.at)
        status = next((status for at, status in reversed(job.job.history) if at <= until), "")
        effects = [effect for effect in job.effects if effect[0] <= until]
        if after.outcome == "applied":
            by_gate = [True] if not after.unattributed else [True, False]
            if not any(
                requested_action == after.requested_action and ours in by_gate for _, requested_action, ours in effects
            ):
                yield rule, f"settled as applied {after.requested_action}, which never took effect; S3 says {status}"
            return
        if status in WAITS and not (status != "Suspended" and not job.job.asks):
            yield rule, f"settled as {after.outcome} while S3 says {status}"
        if seen is not None and seen.looked is not None:
            asks = self._asks(job, seen.looked.job)
            called = {"no": {"ungated"}, "unknown": {"ungated_or_confirmed_elsewhere"}}.get(asks)
            if after.outcome not in (called or {"superseded", "lapsed"}):
                yield "6: ungated", f"settled as {after.outcome}, whether it asks is {asks}"
        if after.outcome == "ungated" and job.asks:
            yield "6: ungated", "called ungated, and it asked"
        if effects and effects[-1][2] and (after.outcome == "superseded" or self.evidence.reason_survives):
            yield rule, f"settled as {after.outcome} though the gate's {effects[-1][1]} took effect"
        if after.outcome == "lapsed" and status not in ("Failing", "Failed"):
            yield rule, f"settled as lapsed while S3 says {status}"

    def _asks(self, job: _Job, said: Mapping[str, Any]) -> str:
        """Whether a job asks for confirmation, as far as S3 and the ledger said to the gate."""
        if said["Status"] == "Suspended" or "SuspendedDate" in said or said.get("ConfirmationRequired") is True:
            return "yes"
        if job.seen_waiting and job.item is not None and job.item.phase in ("held", "claimed"):
            return "yes"
        progress = said.get("ProgressSummary", {})
        done = progress.get("NumberOfTasksSucceeded", 0) + progress.get("NumberOfTasksFailed", 0)
        ran = said["Status"] in READY_AND_BEYOND or done > 0
        known_by_date = self.evidence.survives and ran
        return "no" if said.get("ConfirmationRequired") is False or known_by_date else "unknown"

    def _gone(self, job: _Job, w: records.Written) -> Iterator[tuple[str, str]]:
        """Whether a job may be taken for gone that S3 did not show to this invocation."""
        rule, seen = "2: gone", self.seen[w.by, job.job.ref.job_id]
        if w.after.outcome != "lapsed" or seen.not_found is None or job.not_found is None:
            yield "2: S3 agrees", f"settled as {w.after.outcome} without having asked S3"
            return
        if seen.not_found - job.not_found < MINUTES:
            yield rule, f"taken for gone {seen.not_found - job.not_found} after S3 first said so"
        listed = self.listed.get(w.by)
        if listed is None or job.job.ref.job_id in listed:
            yield rule, "taken for gone without a look at the listing, or against it"

    def _is_told(self, job: _Job) -> bool:
        wanted = TOLD_AS.get((str(job.item.outcome), job.item.requested_action), set())
        decision = f"{job.job.ref.job_id}.{job.settled_rev}"
        return any(each.review.action in wanted and each.review.id == decision for each in job.told)

    # --- UpdateJobStatus ----------------------------------------------------------------------------

    def _sent(self, s: records.Sent) -> None:
        job = self.jobs[s.job_id]
        for rule, what in self._wrongly_sent(job, s):
            self._wrong(rule, s.job_id, s.at, what)
        requested_action = "approve" if s.status == "Ready" else "cancel"
        if s.answer != "refused":
            job.hands.add(requested_action)
            if requested_action == "approve" and job.item is not None:
                job.must_reserve |= {each.account.budget for each in job.item.reservations}
        job.sends.append(s)
        if s.moved:
            self._effect(s.job_id, s.at, s.status, by_gate=True)

    def _wrongly_sent(self, job: _Job, s: records.Sent) -> Iterator[tuple[str, str]]:
        item = job.item
        requested_action = "approve" if s.status == "Ready" else "cancel"
        yield from self._bad_text(s.reason, "a reason")
        if item is None or item.phase != "claimed" or job.claimer != s.by:
            yield "5: claim before", f"sent {s.status} without a claim"
            return
        if item.reason != s.reason or f"claim {item.claim_id}]" not in s.reason:
            yield "5: claim before", f"sent with another reason than the claim's: {s.reason!r}"
        if item.requested_action != requested_action:
            yield "5: claim before", f"sent {s.status} with a claim to {item.requested_action}"
        if s.at + UPDATE_TAKES >= item.lease_until:
            yield "lease", f"sent at {s.at} with a lease until {item.lease_until}"
        if any(send.answer != "refused" for send in job.sends):
            yield "unclear", "sent again under the same claim"
        if job.hands - {requested_action}:
            yield "2: one hand", f"sent {s.status} after {job.hands} that may have arrived"
        looked = self.seen[s.by, s.job_id].looked
        if looked is None or s.at - looked.at > FRESH:
            yield "1: fresh", f"sent {s.status} on facts of {looked.at if looked else None}"
            return
        if requested_action == "approve" and looked.job["Status"] != "Suspended":
            yield "1: Suspended", f"confirmed a job that was {looked.job['Status']}"
        if not _by_person(item):
            yield from self._unjust(job, s, looked, requested_action)

    def _unjust(
        self, job: _Job, s: records.Sent, looked: records.Looked, requested_action: str
    ) -> Iterator[tuple[str, str]]:
        """Whether the verdict is what was sent, now and when it can have arrived at the latest."""
        given = self.given.get(s.by)
        if given is None or given.document is None:
            yield "1: policies", f"sent {s.status} without policies"
            return
        for at in (s.at, s.at + UPDATE_TAKES):
            evaluated = self._evaluate(s.by, looked, given.document, at, approvals=job.counted)
            asks = self._asks(job, looked.job)
            if requested_action == "cancel" and looked.job["Status"] != "Suspended" and (asks != "no" or job.asks):
                yield "4: ungated", f"cancelled a job that is {looked.job['Status']}, whether it asks is {asks}"
            if requested_action == "approve":
                if evaluated.verdict != "approve":
                    yield (
                        "1: met",
                        f"confirmed though the verdict at {at} is {evaluated.verdict} by {evaluated.deciding}",
                    )
                continue
            if evaluated.verdict == "cancel":
                if not job.job.asks and given.document.get("ungated_jobs") != "cancel":
                    yield "4: ungated", "cancelled a job that did not ask, which the policies leave alone"
                if not job.job.asks and evaluated.deciding == ("(unmatched)",):
                    yield "4: ungated", "cancelled a job that did not ask for being unmatched"
                continue
            if not self._is_expired(job, s.by, given.document, evaluated, looked, s.at, REVIEW_TAKES):
                yield (
                    "4: cancelled",
                    f"cancelled though the verdict at {at} is {evaluated.verdict} by {evaluated.deciding}",
                )

    def _evaluate(
        self,
        by: int,
        looked: records.Looked,
        document: Mapping[str, Any],
        at: datetime,
        *,
        with_until: bool = False,
        approvals: Any = None,
    ) -> OracleResult:
        seen = self.seen[by, looked.job_id]
        size = seen.size
        item = self.jobs[looked.job_id].item
        requester = (item.requester if item is not None else "") or seen.requester
        said = _plain(looked.job)
        if self._asks(self.jobs[looked.job_id], looked.job) == "no":
            said["ConfirmationRequired"] = False  # also where only the missing date and the setting say so
        return evaluate(
            document,
            said,
            "unmeasurable" if seen.tags is None else seen.tags,
            at,
            approvals=self._fresh(by, looked.job_id, _approvals_in(item) if approvals is None else approvals),
            requester=requester or "unmeasurable",
            manifest_bytes="unmeasurable" if size is None else size,
            budgets_used=self.budgets.used(by, looked, document, seen.tags),
            with_until=with_until,
        )

    def _is_expired(
        self,
        job: _Job,
        by: int,
        document: Mapping[str, Any],
        evaluated: OracleResult,
        looked: records.Looked,
        at: datetime,
        slack: timedelta = timedelta(0),
    ) -> bool:
        """Whether a hold may end in a cancellation: long enough, and all that is in its way is known.

        What is known here is when a hold was written; a slack is for the time that a review takes up to there.
        """
        age = document.get("cancel_held_after")
        if age is None or document.get("mode") == "shadow" or evaluated.verdict != "hold" or not job.job.asks:
            return False
        hold = job.hold
        if hold is None or job.needs_review_before_expiry or job.known_at is None or not _all_known(evaluated, looked):
            return False
        if self._was_left_alone(job, at) or _passed(hold.until, at):
            return False
        longest = timedelta(seconds=int(str(age)[:-1]) * SECONDS[str(age)[-1]])
        if job.known_for + (at - job.known_at) < longest - slack:
            return False
        return not self._is_cancelled_later(by, document, looked, at)

    def _is_cancelled_later(self, by: int, document: Mapping[str, Any], looked: records.Looked, at: datetime) -> bool:
        """Whether a grace runs, or the verdict turns into a cancellation at an instant to come."""
        if self._evaluate(by, looked, _without_graces(document), at).verdict == "cancel":
            return True
        return self._evaluate(by, looked, document, at, with_until=True).cancels_at is not None

    # --- The end ------------------------------------------------------------------------------------

    def _look_at_the_end(self) -> None:
        for what in self.budgets.at_rest(self.evidence.counts):
            self._wrong("budget: at rest", "", self.evidence.end, what)
        for job_id, job in self.jobs.items():
            item = self.evidence.items.get(job.job.ref)
            if item != job.item:
                self._wrong("ledger", job_id, self.evidence.end, f"the ledger says {item}, written was {job.item}")
            for rule, what in self._left_open(job):
                self._wrong(rule, job_id, self.evidence.end, what)

    def _left_open(self, job: _Job) -> Iterator[tuple[str, str]]:  # noqa: C901 - rule by rule
        item, status = job.item, job.job.status
        rule = "3: at rest"
        if item is not None and item.phase == "settled":
            told_just_now = self.swept is not None and item.announced_at and item.announced_at >= self.swept.at
            if status == "Suspended" and not job.hands and not item.maybe_sent and not told_just_now:
                yield "2: S3 agrees", f"settled as {item.outcome}, and S3 says Suspended"
            if item.announced_at is None or item.due_at is not None or not self._is_told(job):
                yield "5: announced", f"settled as {item.outcome}, and never announced"
            return
        if self.swept is None:
            return
        if status == "Suspended":
            if item is None or item.phase != "held":
                yield rule, f"Suspended, and {item.phase if item else 'not known'}"
                return
            if item.due_at is None or item.due_at > self.evidence.end + LATEST_DUE:
                yield "3: due", f"held, and due at {item.due_at}"
            yield from self._should_be_decided(job)
        elif item is not None and not job.job.asks and status in RUNS and item.block in ("paused", "circuit breaker"):
            return
        elif item is not None and status not in WAITS:
            yield rule, f"S3 says {status}, and the ledger {item.phase}"
        elif item is None and status in RUNS:
            yield rule, f"a job that is {status} was not noticed"

    def _should_be_decided(self, job: _Job) -> Iterator[tuple[str, str]]:
        """Whether the last sweep left a job undecided for no reason."""
        assert self.swept is not None
        looked = self.seen[self.swept.by, job.job.ref.job_id].looked
        given = self.given[self.swept.by]
        if looked is None or given.document is None:
            yield "3: at rest", "not looked at by the last sweep"
            return
        now, later = (self._evaluate(self.swept.by, looked, given.document, looked.at + each) for each in (
            timedelta(0), UPDATE_TAKES * 2,
        ))  # fmt: skip
        if now.verdict != later.verdict:
            return
        requested_action: str | None = {"approve": "approve", "cancel": "cancel"}.get(now.verdict)
        is_expired = self._is_expired(job, self.swept.by, given.document, now, looked, looked.at)
        if job.chance_by != self.swept.by and is_expired:
            requested_action = "cancel"
        if requested_action is None or self.paused:
            return
        by_people = requested_action == "approve" and self._are_enough(self.swept.by, looked, given.document, looked.at)
        if job.job.created < self.evidence.opened and not self.evidence.adopts and not by_people:
            return
        item = job.item
        if item.maybe_sent and item.requested_action not in (None, requested_action):
            return
        if requested_action == "cancel" and item.block == "circuit breaker":
            return
        yield "3: at rest", f"held though the verdict is {now.verdict} ({requested_action}): {item.reason}"

    # --- Texts --------------------------------------------------------------------------------------

    def _check_text(self, text: str, job_id: str, at: datetime, what: str) -> None:
        if text:
            for rule, said in self._bad_text(text, what):
                self._wrong(rule, job_id, at, said)

    def _bad_text(self, text: str, what: str) -> Iterator[tuple[str, str]]:
        if not 1 <= len(text) <= 256 or not text.isascii() or not text.isprintable():
            yield "5: reason", f"{what}: {text!r}"


def _without_graces(written: Any) -> Any:
    """A document under which every violation that cancels does so at once."""
    if isinstance(written, list):
        return [_without_graces(each) for each in written]
    if not isinstance(written, dict):
        return written
    inner = {key: _without_graces(each) for key, each in written.items() if key not in ("grace", "cancel_grace")}
    return {**inner, "cancel_grace": "0s"} if "version" in written else inner


def _all_known(evaluated: OracleResult, looked: records.Looked) -> bool:
    known = {Result.MET, Result.VIOLATED}
    if "(unknown member)" in evaluated.deciding:
        return False
    return operation_name(_plain(looked.job)) in KNOWN_OPERATIONS and all(
        statement.match in known and all(result in known for result in statement.requirements)
        for statement in evaluated.statements
    )


def _lifted(w: records.Written) -> bool:
    """Whether people lifted what the policies objected to; it is wrong elsewhere if they did not."""
    return bool(w.review is not None and w.review.evidence is not None and w.review.evidence.get("lifted"))


def _evaluated_at(w: records.Written) -> datetime:
    evidence = w.review.evidence if w.review is not None else None
    facts: Any = evidence["facts"] if evidence is not None and "facts" in evidence else None
    return datetime.fromisoformat(facts["now"]) if facts is not None else w.at


def _passed(until: datetime | None, at: datetime) -> bool:
    return until is not None and until <= at


def _by_person(item: Any) -> bool:
    return bool(item.decided_by.startswith("arn:"))


def _but_when(item: Any) -> Any:
    return replace(
        item, rev=0, due_at=None, missing_since=None, known_at=None, needs_review_before_expiry=False, approvals=()
    )


def _approvals_in(item: Any) -> tuple[Any, ...]:
    return item.approvals if item is not None else ()


def _only_approved(before: Any, after: Any) -> bool:
    """Whether all that was written is that a person approves an item that is there."""
    return before is not None and before.phase != "settled" and len(after.approvals) > len(before.approvals)


def _shown_again(before: Any, after: Any) -> bool:
    """Whether all that was written is that S3 shows a job that it had not shown."""
    if before is None or before.missing_since is None or after.missing_since is not None:
        return False
    return bool(_but_when(before) == _but_when(after))


def _end(item: Any) -> tuple[Any, ...]:
    return (
        item.outcome,
        item.requested_action,
        item.verdict,
        item.reason,
        item.decided_by,
        item.claim_id,
        item.decided_at,
    )


def _plain(value: Any) -> Any:
    """As `aws s3control describe-job` prints it."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if name != "ResponseMetadata"}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, datetime) else value


def violations(evidence: Evidence) -> list[Violation]:
    """Every promise that this history broke."""
    return Oracle(evidence).violations
