"""Deliberate bugs, one at a time: each breaks one rule of the protocol in the gate's own code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from batchgate.aws import answers, ledger, s3control
from batchgate.aws.s3control import S3Control
from batchgate.errors import GateError, LedgerError
from batchgate.gate import (
    execution,
    held_time,
    observation,
    people,
    protocol,
    review,
    sweep,
    transitions,
)
from batchgate.gate.budget_use import CountChange, count_changes, uses
from batchgate.gate.held_time import HeldTime
from batchgate.gate.protocol import Settle, Step
from batchgate.gate.state import Block, Outcome, Phase, RequestedAction, State
from batchgate.handlers import api
from batchgate.jobs.model import AsksForConfirmation, DateSurvives, JobStatus
from batchgate.policy import evaluate
from batchgate.policy.amounts import BudgetUse, Limits, Reservation
from batchgate.policy.budgets import reservations_of
from batchgate.policy.checks import ManualApproval
from batchgate.policy.compiled import Verdict
from batchgate.policy.evaluate import Decision
from batchgate.policy.evidence import evidence_of
from batchgate.policy.facts import JobFacts, Result
from batchgate_cli.local import memory_ledger
from batchgate_cli.local.memory_ledger import MemoryLedger
from tests.verification.soak.people import FORGED_HEADER

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
    claim: Any = execution._claim
    patch.setattr(
        execution,
        "_claim",
        lambda state, intent, job, gate: claim(state, intent, job, _with_ledger(gate, Forged(gate.ledger))),
    )


@plant
def send_though_the_claim_failed(patch: pytest.MonkeyPatch) -> None:
    """A claim that could not be written counts as one that was."""
    claim: Any = execution._claim

    def bold(state: Any, intent: Any, job: Any, gate: Any) -> Any:
        try:
            return claim(state, intent, job, gate)
        except LedgerError:
            return claim(state, intent, job, _with_ledger(gate, Forged(gate.ledger)))

    patch.setattr(execution, "_claim", bold)


@plant
def finish_an_expired_approve_without_evaluating(patch: pytest.MonkeyPatch) -> None:
    """What was claimed once is sent again, whatever has changed since."""
    decide: Any = review._decide

    def finish(state: Any, snapshot: Any, policies: Any, ports: Any) -> Any:
        if state is None or state.phase is not Phase.CLAIMED or state.requested_action is not RequestedAction.APPROVE:
            return decide(state, snapshot, policies, ports)
        ports.jobs.update_status(state.ref, state.requested_action.requested_status, state.reason)
        end = Settle(Outcome.APPLIED, state.requested_action)
        return execution.finish(end, state, snapshot.job, ports)

    patch.setattr(review, "_decide", finish)


@plant
def evaluate_again_under_a_live_lease(patch: pytest.MonkeyPatch) -> None:
    """No lease is respected."""
    patch.setattr(State, "lease_is_live", lambda self, now: False)


@plant
def forget_that_a_claim_may_have_been_sent(patch: pytest.MonkeyPatch) -> None:
    """Who takes a claim over takes it for unsent."""

    def forgetful(item: Any, **changes: Any) -> Any:
        if "maybe_sent" in changes:
            changes["maybe_sent"] = False
        return replace(item, **changes)

    patch.setattr(transitions, "replace", forgetful)


@plant
def ask_for_one_action_after_the_other(patch: pytest.MonkeyPatch) -> None:
    """An earlier update the other way is no reason to hold."""
    block: Any = review._block

    def careless(*args: Any) -> Block | None:
        found: Block | None = block(*args)
        return None if found is Block.CONFLICTING_UPDATE else found

    patch.setattr(review, "_block", careless)


@plant
def a_new_claim_id_each_time(patch: pytest.MonkeyPatch) -> None:
    """An earlier claim's late effect is not recognized."""
    claim: Any = execution._claim

    def anew(state: Any, intent: Any, job: Any, gate: Any) -> Any:
        return claim(replace(state, claim_id=None) if state else None, intent, job, gate)

    patch.setattr(execution, "_claim", anew)


@plant
def write_over_what_others_wrote(patch: pytest.MonkeyPatch) -> None:
    """The ledger takes every write."""

    def write(self: Any, state: State, replacing: Any, review: Any, check: Any) -> State:
        check()
        written = replace(state, rev=(replacing.rev if replacing else 0) + 1)
        self.states[state.ref] = written
        return written

    patch.setattr(MemoryLedger, "_write", write)


# --- What S3 said -----------------------------------------------------------------------------------


@plant
def look_at_no_clock_but_ones_own(patch: pytest.MonkeyPatch) -> None:
    """S3's Date is not read."""
    patch.setattr(s3control, "_check_clock", lambda *_: None)


@plant
def pass_over_what_the_sdk_does_not_know(patch: pytest.MonkeyPatch) -> None:
    """As it was dropped, it is not there."""
    patch.setattr(s3control, "_unknown_members", lambda answer: ())


@plant
def take_any_answer_for_one(patch: pytest.MonkeyPatch) -> None:
    """Whatever comes with 200 is read, as botocore reads it; what has no tags has none."""
    patch.setattr(answers, "_unknown_members", lambda *_: set())
    patch.setattr(answers, "_check_headers", lambda *_: None)
    tags: Any = S3Control._tags
    patch.setattr(S3Control, "_tags", lambda self, ref: tags(replace(self, untagged_lacks_tags=True), ref))


# --- Sending ----------------------------------------------------------------------------------------


@plant
def skip_the_five_seconds(patch: pytest.MonkeyPatch) -> None:
    """Old facts are good enough."""
    patch.setattr(transitions, "FACTS_STAY_FRESH", timedelta(hours=1))


@plant
def skip_the_end_of_the_window(patch: pytest.MonkeyPatch) -> None:
    """It was open when it was evaluated."""
    may_send: Any = transitions.may_send
    patch.setattr(
        transitions,
        "may_send",
        lambda claim, request, read_at, now: may_send(claim, replace(request, valid_until=None), read_at, now),
    )


@plant
def send_whatever_the_clock_says(patch: pytest.MonkeyPatch) -> None:
    """No look at lease, window or facts between claim and update."""
    patch.setattr(transitions, "may_send", lambda *_: True)


@plant
def retry_an_unclear_update(patch: pytest.MonkeyPatch) -> None:
    """As an SDK would."""
    unclear: Any = execution._after_unclear

    def retry(claim: Any, told: Any, gate: Any) -> Any:
        try:
            gate.jobs.update_status(claim.ref, claim.requested_action.requested_status, claim.reason)
        except GateError:
            return unclear(claim, told, gate)
        return execution._settle(claim, Settle(Outcome.APPLIED, claim.requested_action), told, gate, claim.reason)

    patch.setattr(execution, "_after_unclear", retry)


@plant
def withdraw_after_an_unclear_answer(patch: pytest.MonkeyPatch) -> None:
    """Still Suspended, so it did not arrive."""
    patch.setattr(
        execution, "_after_unclear", lambda claim, told, gate: execution._withdraw(claim, told, gate, "no answer")
    )


@plant
def take_a_server_error_for_a_refusal(patch: pytest.MonkeyPatch) -> None:
    """It said that it failed."""
    patch.setattr(s3control, "_SERVER_ERRORS", 600)
    patch.setattr(s3control, "_MAY_HAVE_ARRIVED", frozenset())


@plant
def settle_an_unclear_update_as_applied(patch: pytest.MonkeyPatch) -> None:
    """It will have arrived."""
    patch.setattr(execution, "conclude_unclear", lambda state, *_: Settle(Outcome.APPLIED, state.requested_action))


@plant
def settle_before_a_late_cancel_can_have_arrived(patch: pytest.MonkeyPatch) -> None:
    """It runs, so somebody else decided."""
    patch.setattr(protocol, "SIGNATURE_LIVES", timedelta(0))


@plant
def do_not_look_for_the_claim_id(patch: pytest.MonkeyPatch) -> None:
    """Whatever moved, it was somebody else."""
    patch.setattr(protocol, "is_ours", lambda state, job: False)


# --- Evaluating ----------------------------------------------------------------------------------------


@plant
def approve_on_unknown(patch: pytest.MonkeyPatch) -> None:
    """What can't be read forbids nothing."""
    requested_action: Any = review.requested_action

    def trusting(decision: Decision) -> RequestedAction | None:
        if decision.verdict is Verdict.HOLD and Result.VIOLATED not in decision.results:
            return RequestedAction.APPROVE
        found: RequestedAction | None = requested_action(decision)
        return found

    patch.setattr(review, "requested_action", trusting)


@plant
def confirm_before_suspended(patch: pytest.MonkeyPatch) -> None:
    """A New job is as good as a Suspended one."""
    patch.setattr(JobStatus, "before_suspended", property(lambda self: False))
    step: Any = protocol.next_step

    def eager(state: Any, job: Any, now: Any, **named: Any) -> Any:
        return Step.EVALUATE if state is None and job.status in ("New", "Preparing") else step(state, job, now, **named)

    patch.setattr(observation, "next_step", eager)


@plant
def decide_by_the_event_alone(patch: pytest.MonkeyPatch) -> None:
    """What the first event found is what is there."""
    look: Any = S3Control.snapshot
    known: dict[Any, Any] = {}

    def remembered(self: Any, ref: Any, *, with_tags: bool) -> Any:
        if ref not in known:
            known[ref] = look(self, ref, with_tags=with_tags)
        found = known[ref]
        job = replace(found.job, status=JobStatus.SUSPENDED)
        return replace(found, job=job, read_at=self.clock.now())

    patch.setattr(S3Control, "snapshot", remembered)


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
    patch.setattr(transitions, "evidence_of", lambda decision: first.setdefault(decision.facts.ref, evidence(decision)))


@plant
def claim_in_shadow(patch: pytest.MonkeyPatch) -> None:
    """What would be done is done."""
    evaluate: Any = observation.evaluate

    def earnest(*args: Any) -> Decision:
        decision: Decision = evaluate(*args)
        return replace(decision, verdict=decision.if_enforced or decision.verdict)

    patch.setattr(review, "evaluate", earnest)


@plant
def expire_an_unmeasurable_hold(patch: pytest.MonkeyPatch) -> None:
    """Every hold ends some time, however late its reviews are."""
    patch.setattr(Decision, "may_expire", property(lambda self: True))
    patch.setattr(held_time, "OVERDUE_AFTER", timedelta(days=99))


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
            needs_review_before_expiry=False,
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
def cancel_ungated_jobs_for_no_violation(patch: pytest.MonkeyPatch) -> None:
    """No policy matches it, so it goes."""
    patch.setattr(Decision, "by_violation", property(lambda self: True))


def _take_for_ungated(patch: pytest.MonkeyPatch, asks: Callable[..., AsksForConfirmation]) -> None:
    for module in (protocol, review, observation, people):
        patch.setattr(module, "asks_for_confirmation", asks)


@plant
def cancel_what_may_have_been_confirmed_elsewhere(patch: pytest.MonkeyPatch) -> None:
    """Who does not say that it asked did not ask."""
    asks: Any = protocol.asks_for_confirmation

    def sure(state: Any, job: Any, survives: Any) -> AsksForConfirmation:
        found: AsksForConfirmation = asks(state, job, survives)
        return AsksForConfirmation.NO if found is AsksForConfirmation.UNKNOWN else found

    _take_for_ungated(patch, sure)


@plant
def take_a_missing_date_for_no_whatever_the_setting_says(patch: pytest.MonkeyPatch) -> None:
    """SuspendedDate is not there, so it never was."""
    asks: Any = protocol.asks_for_confirmation
    _take_for_ungated(patch, lambda state, job, survives: asks(state, job, DateSurvives.TRUE))


@plant
def call_it_somebody_else_s_decision(patch: pytest.MonkeyPatch) -> None:
    """It runs, and the gate did not do it."""
    without_us: Any = protocol._without_us
    known = AsksForConfirmation.UNKNOWN
    patch.setattr(
        protocol,
        "_without_us",
        lambda job, asks: Outcome.SUPERSEDED if asks is known else without_us(job, asks),
    )


@plant
def forget_who_was_seen_waiting(patch: pytest.MonkeyPatch) -> None:
    """What the ledger holds says nothing of the job."""
    patch.setattr(State, "is_of_one_that_asks", property(lambda self: False))


@plant
def take_an_ungated_job_s_claim_for_one_of_a_job_that_waits(patch: pytest.MonkeyPatch) -> None:
    """A claim is a claim."""
    patch.setattr(State, "is_of_one_that_asks", property(lambda self: self.phase is not Phase.SETTLED))


@plant
def look_for_ungated_jobs_only_before_they_run(patch: pytest.MonkeyPatch) -> None:
    """The sweep lists New and Preparing."""
    patch.setattr(sweep, "_PERHAPS_UNGATED", (JobStatus.NEW, JobStatus.PREPARING))


# --- Jobs that S3 does not show ---------------------------------------------------------------------


@plant
def one_no_such_job_is_final(patch: pytest.MonkeyPatch) -> None:
    """S3 said so."""
    patch.setattr(protocol, "MISSING_FOR", timedelta(0))


@plant
def take_a_job_for_gone_that_is_listed(patch: pytest.MonkeyPatch) -> None:
    """DescribeJob is the truth."""
    missing: Any = review._review_missing
    patch.setattr(
        review,
        "_review_missing",
        lambda ref, state, ports, error: missing(ref, state, replace(ports, listed=frozenset()), error),
    )


@plant
def count_from_the_first_time_that_a_job_was_not_found(patch: pytest.MonkeyPatch) -> None:
    """Whether S3 has shown it since or not."""
    for module in (review, people):
        patch.setattr(module, "note_shown", lambda state, ports: state)

    def keep(item: Any, **changes: Any) -> Any:
        if "phase" in changes and changes["phase"] is Phase.HELD and isinstance(item, State):
            changes["missing_since"] = item.missing_since
        return replace(item, **changes)

    patch.setattr(transitions, "replace", keep)


@plant
def never_open_a_settled_job_again(patch: pytest.MonkeyPatch) -> None:
    """Settled is settled."""
    patch.setattr(observation, "is_open_again", lambda state, job, now: False)


@plant
def open_again_what_may_have_been_sent(patch: pytest.MonkeyPatch) -> None:
    """S3 says Suspended, so nothing of ours arrived."""

    def may_reopen(state: State, job: Any) -> bool:
        is_over = state.phase is Phase.SETTLED and state.announced_at is not None
        return is_over and state.outcome is not Outcome.APPLIED and job.status is JobStatus.SUSPENDED

    patch.setattr(protocol, "may_reopen", may_reopen)
    patch.setattr(people, "may_reopen", may_reopen)


@plant
def open_a_settled_job_again_at_once(patch: pytest.MonkeyPatch) -> None:
    """The last answer is the true one."""
    patch.setattr(protocol, "CONTRADICTED_FOR", timedelta(0))


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
def no_circuit_breaker(patch: pytest.MonkeyPatch) -> None:
    """Cancellations are not counted."""
    by_policy: Any = transitions.update_by_policy
    patch.setattr(review, "update_by_policy", lambda *args, **named: replace(by_policy(*args, **named), breaker=None))


@plant
def adopt_existing(patch: pytest.MonkeyPatch) -> None:
    """Older jobs are decided, too."""
    block: Any = review._block

    def greedy(*args: Any) -> Block | None:
        found: Block | None = block(*args)
        return None if found is Block.ADOPTION else found

    patch.setattr(review, "_block", greedy)


# --- People -----------------------------------------------------------------------------------------


@plant
def count_a_stale_approval(patch: pytest.MonkeyPatch) -> None:
    """Who approved it once approves it as it is."""
    patch.setattr(observation, "current_approvals", lambda state, _: state.approvals if state is not None else ())


@plant
def count_one_person_twice(patch: pytest.MonkeyPatch) -> None:
    """Two sessions are two people."""
    patch.setattr(ManualApproval, "person", lambda self, arn: arn)


@plant
def count_whoever_calls(patch: pytest.MonkeyPatch) -> None:
    """Who may call the API may approve."""
    why_not: Any = ManualApproval._why_not
    patch.setattr(ManualApproval, "_why_not", lambda self, arn, facts, _: why_not(self, arn, facts, lambda *_: True))


@plant
def count_the_requester(patch: pytest.MonkeyPatch) -> None:
    """Who created the job is as good as others."""
    why_not: Any = ManualApproval._why_not
    patch.setattr(ManualApproval, "_why_not", lambda self, *args: why_not(replace(self, not_requester=False), *args))


@plant
def count_while_nobody_knows_the_requester(patch: pytest.MonkeyPatch) -> None:
    """It will have been somebody else."""
    patch.setattr(ManualApproval, "requester_unknown", lambda self, facts: "")


@plant
def believe_who_the_caller_says_that_calls(patch: pytest.MonkeyPatch) -> None:
    """A header names the caller."""
    patch.setattr(api, "caller_of", lambda event, account_id: event["headers"][FORGED_HEADER])


@plant
def approve_what_was_never_shown(patch: pytest.MonkeyPatch) -> None:
    """The digest that the caller sends is not looked at."""
    append: Any = people._append_approval
    patch.setattr(
        people,
        "_append_approval",
        lambda ref, who, reason, _, ports: append(ref, who, reason, people.show_job(ref, ports).digest, ports),
    )


@plant
def approve_what_has_changed(patch: pytest.MonkeyPatch) -> None:
    """The digest that the caller sends is kept, and not compared."""
    check: Any = people._check
    patch.setattr(people, "_check", lambda shown, action, _, ports: check(shown, action, shown.digest, ports))


@plant
def lose_an_approval_of_the_time_of_a_lease(patch: pytest.MonkeyPatch) -> None:
    """The claim's owner writes what it knows over what is there."""
    end_claim: Any = execution._end_claim

    def forgetful(claim: Any, end: Any, ports: Any) -> Any:
        def ended(found: Any) -> Any:
            made = end(found)
            return replace(made, state=replace(made.state, approvals=claim.approvals))

        return end_claim(claim, ended, ports)

    patch.setattr(execution, "_end_claim", forgetful)


@plant
def lose_approvals_by_a_hold(patch: pytest.MonkeyPatch) -> None:
    """A hold begins anew."""
    hold: Any = transitions.hold

    def anew(*args: Any, **named: Any) -> Any:
        made = hold(*args, **named)
        return replace(made, state=replace(made.state, approvals=()))

    patch.setattr(transitions, "hold", anew)


@plant
def end_a_lease_by_an_approval(patch: pytest.MonkeyPatch) -> None:
    """What is approved is held until it is reviewed."""
    approve: Any = transitions.append_approval
    patch.setattr(transitions, "append_approval", lambda *args: replace(approve(*args), phase=Phase.HELD))


@plant
def let_an_approval_wait_for_the_next_review(patch: pytest.MonkeyPatch) -> None:
    """It is due when it was due."""
    approve: Any = transitions.append_approval
    later = timedelta(minutes=10)
    patch.setattr(
        transitions,
        "append_approval",
        lambda state, approval, job, now: replace(
            approve(state, approval, job, now), due_at=state.due_at if state is not None else now + later
        ),
    )


@plant
def lift_a_cancellation(patch: pytest.MonkeyPatch) -> None:
    """Enough people approve whatever the policies say."""
    patch.setattr(evaluate, "_is_lifted_by_people", lambda vote: True)


@plant
def lift_a_cancellation_in_its_grace(patch: pytest.MonkeyPatch) -> None:
    """It is a hold, as long as it is."""
    patch.setattr(evaluate, "_is_lifted_by_people", lambda vote: vote.verdict is Verdict.HOLD)


@plant
def never_lift_what_shadow_holds(patch: pytest.MonkeyPatch) -> None:
    """In shadow nobody decides."""
    requested_action: Any = review.requested_action
    patch.setattr(
        review, "requested_action", lambda decision: None if decision.policies.shadow else requested_action(decision)
    )


@plant
def leave_the_people_out_of_the_record(patch: pytest.MonkeyPatch) -> None:
    """The policies decided."""
    patch.setattr(Decision, "approvers", property(lambda self: ()))


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

    patch.setattr(execution, "_announce", silent)


@plant
def announce_only_once_tried(patch: pytest.MonkeyPatch) -> None:
    """An announcement that failed is not tried again."""
    announce: Any = execution._announce

    def careless(settled: Any, told: Any, gate: Any) -> Any:
        try:
            return announce(settled, told, gate)
        except GateError:
            gate.ledger.write(replace(settled, announced_at=gate.clock.now(), due_at=None), replacing=settled)
            raise

    patch.setattr(execution, "_announce", careless)


@plant
def hold_for_ever(patch: pytest.MonkeyPatch) -> None:
    """A hold is never due again."""
    patch.setattr(transitions, "_due_at", lambda *_: None)


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
        people,
        "personal_reason",
        lambda did, who, why, version, claim_id: f"batchgate: {did} by {who}: {why} [claim {claim_id}]",
    )


# --- Budgets ----------------------------------------------------------------------------------------


def _counting(patch: pytest.MonkeyPatch, changed: Callable[[State | None, State], tuple[CountChange, ...]]) -> None:
    for module in (memory_ledger, ledger):
        patch.setattr(module, "count_changes", changed)


@plant
def give_nothing_back(patch: pytest.MonkeyPatch) -> None:
    """What was counted stays counted."""

    def changed(before: State | None, after: State) -> tuple[CountChange, ...]:
        return tuple(each for each in count_changes(before, after) if each.amounts.jobs >= 0)

    _counting(patch, changed)


@plant
def reserve_with_each_claim(patch: pytest.MonkeyPatch) -> None:
    """A claim is a claim."""
    _counting(
        patch,
        lambda before, after: count_changes(before if after.phase is not Phase.CLAIMED else None, after),
    )


@plant
def give_back_what_may_have_been_sent(patch: pytest.MonkeyPatch) -> None:
    """A withdrawn claim takes nothing."""
    withdraw: Any = transitions.withdraw

    def freely(*args: Any, **named: Any) -> Any:
        made = withdraw(*args, **named)
        return replace(made, state=replace(made.state, reservations=()))

    patch.setattr(transitions, "withdraw", freely)


@plant
def give_back_by_a_hold(patch: pytest.MonkeyPatch) -> None:
    """A job that is held takes nothing."""
    hold: Any = transitions.hold

    def anew(*args: Any, **named: Any) -> Any:
        made = hold(*args, **named)
        return replace(made, state=replace(made.state, reservations=()))

    patch.setattr(transitions, "hold", anew)


@plant
def give_back_what_may_have_been_approved(patch: pytest.MonkeyPatch) -> None:
    """Nothing of ours shows, so nothing was."""
    for module in (protocol, review):
        patch.setattr(module, "maybe_approved", lambda *_, **__: False)


@plant
def count_in_the_period_of_the_settlement(patch: pytest.MonkeyPatch) -> None:
    """It is approved when it is settled."""
    settle: Any = transitions.settle

    def late(state: Any, end: Any, told: Any, *, now: Any, reason_on_job: Any) -> Any:
        made = settle(state, end, told, now=now, reason_on_job=reason_on_job)
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        moved = [
            replace(each, account=replace(each.account, period_start=max(each.account.period_start, today)))
            for each in made.state.reservations
        ]
        return replace(made, state=replace(made.state, reservations=tuple(moved)))

    patch.setattr(transitions, "settle", late)


@plant
def check_no_limit_in_the_claim(patch: pytest.MonkeyPatch) -> None:
    """There was room when it was evaluated."""
    _counting(
        patch, lambda before, after: tuple(replace(each, limits=Limits()) for each in count_changes(before, after))
    )


@plant
def limit_people(patch: pytest.MonkeyPatch) -> None:
    """A limit is a limit."""
    reservations: Any = reservations_of

    def strict(decision: Decision) -> tuple[Reservation, ...]:
        limits = {each.name: each.limits for each in decision.budgets}
        return tuple(replace(each, limits=limits[each.account.budget]) for each in reservations(decision))

    patch.setattr(transitions, "reservations_of", strict)


@plant
def count_nothing_of_people(patch: pytest.MonkeyPatch) -> None:
    """Budgets are the policies'."""
    reservations: Any = reservations_of
    patch.setattr(transitions, "reservations_of", lambda decision: () if decision.approvers else reservations(decision))


@plant
def take_what_people_approved_for_what_fits(patch: pytest.MonkeyPatch) -> None:
    """It is reserved already."""
    patch.setattr(transitions, "_limited", lambda before, now: before)
    told: Any = uses

    def own(*args: Any) -> Any:
        *_, state = args
        mine = {each.account.budget for each in state.reservations} if state else set()
        return {
            name: replace(use, own=True) if name in mine and isinstance(use, BudgetUse) else use
            for name, use in told(*args).items()
        }

    patch.setattr(observation, "uses", own)
