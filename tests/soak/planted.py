"""Deliberate bugs, one at a time: each breaks one rule of the protocol in the gate's own code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from batchgate import carry_out, protocol, review, sweep
from batchgate.adapters import s3control
from batchgate.adapters.s3control import S3Control
from batchgate.errors import BatchgateError, LedgerError
from batchgate.held_time import HeldTime
from batchgate.jobs.model import JobStatus
from batchgate.policy.decide import Decision
from batchgate.policy.evidence import evidence_of
from batchgate.policy.facts import JobFacts, Result
from batchgate.policy.policy_set import Verdict
from batchgate.protocol import Settle, Step
from batchgate.state import Block, Direction, Outcome, Phase, State
from tests.integration.memory_ledger import MemoryLedger

Plant = Callable[[pytest.MonkeyPatch], None]
PLANTS: dict[str, Plant] = {}


def plant(bug: Plant) -> Plant:
    """Keep a bug by its name."""
    PLANTS[bug.__name__] = bug
    return bug


class Forged:
    """A ledger that takes no claim, and says that it did."""

    def __init__(self, ledger: Any) -> None:
        """Stand before the real one."""
        self.ledger = ledger

    def __getattr__(self, name: str) -> Any:
        """As the real one."""
        return getattr(self.ledger, name)

    def claim(self, state: State, *, replacing: State | None, **_: Any) -> State:
        """Nothing is written."""
        return replace(state, rev=replacing.rev if replacing else 0)


def _with_ledger(gate: Any, ledger: Any) -> Any:
    return replace(gate, ledger=ledger)


# --- Claims -----------------------------------------------------------------------------------------


@plant
def send_without_a_claim(patch: pytest.MonkeyPatch) -> None:
    """The claim is made up."""
    claim: Any = carry_out._claim
    patch.setattr(
        carry_out,
        "_claim",
        lambda state, intent, job, gate: claim(state, intent, job, _with_ledger(gate, Forged(gate.ledger))),
    )


@plant
def send_though_the_claim_failed(patch: pytest.MonkeyPatch) -> None:
    """A claim that could not be written counts as one that was."""
    claim: Any = carry_out._claim

    def bold(state: Any, intent: Any, job: Any, gate: Any) -> Any:
        try:
            return claim(state, intent, job, gate)
        except LedgerError:
            return claim(state, intent, job, _with_ledger(gate, Forged(gate.ledger)))

    patch.setattr(carry_out, "_claim", bold)


@plant
def finish_an_expired_approve_without_judging(patch: pytest.MonkeyPatch) -> None:
    """What was claimed once is sent again, whatever has changed since."""
    judge: Any = review._judge

    def finish(state: Any, look: Any, policies: Any, gate: Any) -> Any:
        if state is None or state.phase is not Phase.CLAIMED or state.direction is not Direction.APPROVE:
            return judge(state, look, policies, gate)
        gate.jobs.update_status(state.ref, state.direction.requested_status, state.reason)
        end = Settle(Outcome.APPLIED, state.direction)
        return carry_out.finish(end, state, carry_out.Seen.of(look.job), gate)

    patch.setattr(review, "_judge", finish)


@plant
def judge_again_under_a_live_lease(patch: pytest.MonkeyPatch) -> None:
    """No lease is respected."""
    patch.setattr(State, "lease_is_live", lambda self, now: False)


@plant
def forget_that_a_claim_may_have_been_sent(patch: pytest.MonkeyPatch) -> None:
    """Who takes a claim over takes it for unsent."""

    def forgetful(item: Any, **changes: Any) -> Any:
        if "maybe_sent" in changes:
            changes["maybe_sent"] = False
        return replace(item, **changes)

    patch.setattr(carry_out, "replace", forgetful)


@plant
def the_gate_s_hand_moves_both_ways(patch: pytest.MonkeyPatch) -> None:
    """An earlier update the other way is no reason to hold."""
    block: Any = review._block

    def careless(*args: Any) -> Block | None:
        found: Block | None = block(*args)
        return None if found is Block.OTHER_HAND else found

    patch.setattr(review, "_block", careless)


@plant
def a_new_claim_id_each_time(patch: pytest.MonkeyPatch) -> None:
    """An earlier claim's late effect is not recognised."""
    claim: Any = carry_out._claim

    def anew(state: Any, intent: Any, job: Any, gate: Any) -> Any:
        return claim(replace(state, claim_id=None) if state else None, intent, job, gate)

    patch.setattr(carry_out, "_claim", anew)


@plant
def write_over_what_others_wrote(patch: pytest.MonkeyPatch) -> None:
    """The ledger takes every write."""

    def write(self: Any, state: State, replacing: Any, review: Any, check: Any) -> State:
        check()
        written = replace(state, rev=(replacing.rev if replacing else 0) + 1)
        self.states[state.ref] = written
        return written

    patch.setattr(MemoryLedger, "_write", write)


# --- Sending ----------------------------------------------------------------------------------------


@plant
def skip_the_five_seconds(patch: pytest.MonkeyPatch) -> None:
    """Old facts are good enough."""
    patch.setattr(carry_out, "FACTS_STAY_FRESH", timedelta(hours=1))


@plant
def skip_the_end_of_the_window(patch: pytest.MonkeyPatch) -> None:
    """It was open when it was judged."""
    may_send: Any = carry_out._may_send
    patch.setattr(
        carry_out,
        "_may_send",
        lambda claim, intent, look, gate: may_send(claim, replace(intent, valid_until=None), look, gate),
    )


@plant
def send_whatever_the_clock_says(patch: pytest.MonkeyPatch) -> None:
    """No look at lease, window or facts between claim and update."""
    patch.setattr(carry_out, "_may_send", lambda claim, intent, look, gate: True)


@plant
def retry_an_unclear_update(patch: pytest.MonkeyPatch) -> None:
    """As an SDK would."""
    unclear: Any = carry_out._after_unclear

    def retry(claim: Any, told: Any, gate: Any) -> Any:
        try:
            gate.jobs.update_status(claim.ref, claim.direction.requested_status, claim.reason)
        except BatchgateError:
            return unclear(claim, told, gate)
        return carry_out._settle(claim, Settle(Outcome.APPLIED, claim.direction), told, gate, claim.reason)

    patch.setattr(carry_out, "_after_unclear", retry)


@plant
def withdraw_after_an_unclear_answer(patch: pytest.MonkeyPatch) -> None:
    """Still Suspended, so it did not arrive."""
    patch.setattr(
        carry_out, "_after_unclear", lambda claim, told, gate: carry_out._withdraw(claim, told, gate, "no answer")
    )


@plant
def take_a_server_error_for_a_refusal(patch: pytest.MonkeyPatch) -> None:
    """It said that it failed."""
    patch.setattr(s3control, "_SERVER_ERRORS", 600)
    patch.setattr(s3control, "_MAY_HAVE_ARRIVED", frozenset())


@plant
def settle_an_unclear_update_as_applied(patch: pytest.MonkeyPatch) -> None:
    """It will have arrived."""
    patch.setattr(carry_out, "conclude_unclear", lambda state, job: Settle(Outcome.APPLIED, state.direction))


@plant
def settle_before_a_late_cancel_can_have_arrived(patch: pytest.MonkeyPatch) -> None:
    """It runs, so somebody else decided."""
    patch.setattr(protocol, "SIGNATURE_LIVES", timedelta(0))


@plant
def do_not_look_for_the_claim_id(patch: pytest.MonkeyPatch) -> None:
    """Whatever moved, it was somebody else."""
    patch.setattr(protocol, "is_ours", lambda state, job: False)


# --- Judging ----------------------------------------------------------------------------------------


@plant
def approve_on_unknown(patch: pytest.MonkeyPatch) -> None:
    """What can't be read forbids nothing."""
    direction: Any = review._direction

    def trusting(decision: Decision, job: Any) -> Direction | None:
        if decision.verdict is Verdict.HOLD and Result.VIOLATED not in decision.results:
            return Direction.APPROVE
        found: Direction | None = direction(decision, job)
        return found

    patch.setattr(review, "_direction", trusting)


@plant
def confirm_before_suspended(patch: pytest.MonkeyPatch) -> None:
    """A New job is as good as a Suspended one."""
    patch.setattr(JobStatus, "before_suspended", property(lambda self: False))
    step: Any = protocol.next_step

    def eager(state: Any, job: Any, now: Any, **named: Any) -> Any:
        return Step.JUDGE if state is None and job.status in ("New", "Preparing") else step(state, job, now, **named)

    patch.setattr(review, "next_step", eager)


@plant
def decide_by_the_event_alone(patch: pytest.MonkeyPatch) -> None:
    """What the first event found is what is there."""
    look: Any = S3Control.look
    known: dict[Any, Any] = {}

    def remembered(self: Any, ref: Any, *, with_tags: bool) -> Any:
        if ref not in known:
            known[ref] = look(self, ref, with_tags=with_tags)
        found = known[ref]
        job = replace(found.job, status=JobStatus.SUSPENDED)
        return replace(found, job=job, read_at=self.clock.now())

    patch.setattr(S3Control, "look", remembered)


@plant
def remember_tags(patch: pytest.MonkeyPatch) -> None:
    """Tags are read once a job."""
    tags: Any = S3Control._tags
    known: dict[Any, Any] = {}

    def remembered(self: Any, ref: Any) -> Any:
        if ref not in known:
            known[ref] = tags(self, ref)
        return known[ref]

    patch.setattr(S3Control, "_tags", remembered)


@plant
def record_facts_of_another_time(patch: pytest.MonkeyPatch) -> None:
    """The history keeps what the first review saw."""
    evidence: Any = evidence_of
    first: dict[Any, Any] = {}
    patch.setattr(carry_out, "evidence_of", lambda decision: first.setdefault(decision.facts.ref, evidence(decision)))


@plant
def claim_in_shadow(patch: pytest.MonkeyPatch) -> None:
    """What would be done is done."""
    decide: Any = review._decide

    def earnest(*args: Any) -> Decision:
        decision: Decision = decide(*args)
        return replace(decision, verdict=decision.if_enforced or decision.verdict)

    patch.setattr(review, "_decide", earnest)


@plant
def expire_an_unmeasurable_hold(patch: pytest.MonkeyPatch) -> None:
    """Every hold ends some time."""
    patch.setattr(Decision, "may_expire", property(lambda self: True))


@plant
def expire_at_once(patch: pytest.MonkeyPatch) -> None:
    """A hold that may expire has expired."""
    patch.setattr(HeldTime, "at", _held(lambda held: replace(held, counted=timedelta(days=99), may_end=held.counts_on)))


@plant
def count_what_was_not_known(patch: pytest.MonkeyPatch) -> None:
    """A hold is a hold: in shadow, paused, with tags that are denied."""
    patch.setattr(
        HeldTime,
        "at",
        lambda now, before, **_: HeldTime(
            (before.held_for_known + (now - (before.known_at or now))) if before else timedelta(0),
            counts_on=True,
            owes_chance=False,
            may_end=before is not None,
        ),
    )


@plant
def cancel_for_age_on_resume(patch: pytest.MonkeyPatch) -> None:
    """The first review after an outage ends what was held for long before it."""
    patch.setattr(HeldTime, "at", _held(lambda held: replace(held, may_end=True)))


def _held(changed: Callable[[HeldTime], HeldTime]) -> Callable[..., HeldTime]:
    at: Any = HeldTime.at
    return lambda *args, **named: changed(at(*args, **named))


@plant
def cancel_in_the_grace(patch: pytest.MonkeyPatch) -> None:
    """Who violates is cancelled at once."""
    patch.setattr(JobFacts, "is_over", lambda self, grace: True)


@plant
def cancel_unconfirmed_jobs_for_no_violation(patch: pytest.MonkeyPatch) -> None:
    """No policy matches it, so it goes."""
    patch.setattr(Decision, "by_violation", property(lambda self: True))


# --- What stops the hand ----------------------------------------------------------------------------


@plant
def ignore_the_pause(patch: pytest.MonkeyPatch) -> None:
    """The claim's transaction does not look at it."""
    claim: Any = MemoryLedger.claim

    def deaf(self: Any, *args: Any, **named: Any) -> State:
        pause, self.paused = self.paused, None
        try:
            written: State = claim(self, *args, **named)
        finally:
            self.paused = pause
        return written

    patch.setattr(MemoryLedger, "claim", deaf)


@plant
def no_brake(patch: pytest.MonkeyPatch) -> None:
    """Cancellations are not counted."""
    by_policy: Any = carry_out.by_policy
    patch.setattr(review, "by_policy", lambda *args, **named: replace(by_policy(*args, **named), brake=None))


@plant
def adopt_existing(patch: pytest.MonkeyPatch) -> None:
    """Older jobs are decided, too."""
    block: Any = review._block

    def greedy(*args: Any) -> Block | None:
        found: Block | None = block(*args)
        return None if found is Block.ADOPTION else found

    patch.setattr(review, "_block", greedy)


# --- What is left over ------------------------------------------------------------------------------


@plant
def swallow_a_page_of_list_jobs(patch: pytest.MonkeyPatch) -> None:
    """One page is all there is."""

    def first_page(self: Any, account_id: str, statuses: Any) -> Iterator[Any]:
        rows = listed(self, account_id, statuses)
        for _, row in zip(range(s3control.JOBS_A_PAGE), rows, strict=False):
            yield row

    listed: Any = S3Control.list_jobs
    patch.setattr(S3Control, "list_jobs", first_page)


@plant
def forget_to_announce(patch: pytest.MonkeyPatch) -> None:
    """Marked as announced, and told to nobody."""

    def silent(settled: Any, told: Any, gate: Any) -> Any:
        gate.ledger.write(replace(settled, announced_at=gate.clock.now(), due_at=None), replacing=settled)
        return told

    patch.setattr(carry_out, "_announce", silent)


@plant
def announce_only_once_tried(patch: pytest.MonkeyPatch) -> None:
    """An announcement that failed is not tried again."""
    announce: Any = carry_out._announce

    def careless(settled: Any, told: Any, gate: Any) -> Any:
        try:
            return announce(settled, told, gate)
        except BatchgateError:
            gate.ledger.write(replace(settled, announced_at=gate.clock.now(), due_at=None), replacing=settled)
            raise

    patch.setattr(carry_out, "_announce", careless)


@plant
def hold_for_ever(patch: pytest.MonkeyPatch) -> None:
    """A hold is never due again."""
    patch.setattr(carry_out, "_due_at", lambda *_: None)


@plant
def look_only_at_what_is_new(patch: pytest.MonkeyPatch) -> None:
    """The sweep forgets what is due."""
    patch.setattr(sweep, "_due_since", lambda *_, **__: None)


@plant
def do_not_look_for_what_vanished(patch: pytest.MonkeyPatch) -> None:
    """The sweep takes what is claimed for settled."""
    due_since: Any = sweep._due_since
    patch.setattr(
        sweep,
        "_due_since",
        lambda item, now, version, **named: (
            due_since(item, now, version, **named) if item.phase is Phase.HELD else None
        ),
    )


@plant
def a_reason_without_end(patch: pytest.MonkeyPatch) -> None:
    """What a person says is passed on as it is."""
    patch.setattr(
        review,
        "personal_reason",
        lambda did, who, why, version, claim_id: f"batchgate: {did} by {who}: {why} [claim {claim_id}]",
    )
