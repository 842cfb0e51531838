"""What a decision depends on: the policies in force, the job as S3 shows it, and the facts made of it."""

from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from batchgate.errors import PolicyUnavailableError
from batchgate.gate import transitions
from batchgate.gate.budget_use import accounts_asked, uses
from batchgate.gate.ports import JobSnapshot, Ports
from batchgate.gate.protocol import NextStep, Step, asks_for_confirmation, is_open_again, next_step, reopened
from batchgate.gate.state import State
from batchgate.jobs.model import Job, JobRef
from batchgate.policy.amounts import BudgetAccount
from batchgate.policy.approvals import Approval, fresh
from batchgate.policy.compiled import PolicySet
from batchgate.policy.evaluate import Decision, evaluate_job
from batchgate.policy.evidence import digest_of_job
from batchgate.policy.facts import NOT_READ, Gap, JobFacts, Result, gather_facts

SNAPSHOT_STAYS_FRESH = timedelta(seconds=1)
"""Asking for the manifest may take long. After this time the job is described again, so that its status is the last
thing that was read."""


def policies_in_force(ports: Ports) -> PolicySet | PolicyUnavailableError:
    """The policies that may decide, or why none may: what others have decided is settled and announced all the same."""
    try:
        return ports.policies.current()
    except PolicyUnavailableError as error:
        return error


def take_snapshot(
    ref: JobRef,
    state: State | None,
    policies: PolicySet | PolicyUnavailableError,
    ports: Ports,
    *,
    with_tags: bool = False,
) -> JobSnapshot:
    """The job, with its tags, its manifest's size and contents, and its requester, where the policies ask for them.

    People approve a job with its tags, so they are read for a job that has approvals, too.

    Args:
        ref: The job.
        state: The job's state in the ledger.
        policies: Those in force.
        ports: The ports.
        with_tags: Read the tags whether the policies ask for them or not.

    Raises:
        JobNotFoundError: S3 knows no such job.
        ManifestsApiError: The job was described, and S3 could not be asked for its manifest.
        GateError: Nothing is known.
    """
    is_approved = state is not None and state.approvals != ()
    with_tags = with_tags or is_approved or (isinstance(policies, PolicySet) and policies.asks_for("tags"))
    snapshot = ports.jobs.snapshot(ref, with_tags=with_tags)
    if not isinstance(policies, PolicySet) or not any(map(policies.asks_for, _ASKED_FOR)):
        return snapshot
    if step_of(reopen_contradicted(state, snapshot), snapshot, policies, ports) is not Step.EVALUATE:
        known = state.requester if state is not None and policies.asks_for("requester") else ""
        return replace(snapshot, requester=known) if known else snapshot
    manifest_bytes = ports.manifests.size(snapshot.job) if policies.asks_for("manifest.bytes") else NOT_READ
    contents = ports.manifests.contents(snapshot.job) if policies.asks_for("manifest.contents") else NOT_READ
    requester = _requester(state, snapshot.job, ports) if policies.asks_for("requester") else NOT_READ
    if ports.clock.now() - snapshot.read_at > SNAPSHOT_STAYS_FRESH:
        snapshot = ports.jobs.snapshot(ref, with_tags=with_tags)
    return replace(snapshot, manifest_bytes=manifest_bytes, contents=contents, requester=requester)


_ASKED_FOR: Final = ("manifest.bytes", "manifest.contents", "requester")


def _requester(state: State | None, job: Job, ports: Ports) -> str | Gap:
    """Who created the job, as the ledger has it, or as CloudTrail has it now."""
    if state is not None and state.requester:
        return state.requester
    if job.creation_time is None:
        return Gap(Result.UNMEASURABLE, "S3 does not report when the job was created")
    return ports.requesters.find(job.ref, job.creation_time)


def reopen_contradicted(state: State | None, snapshot: JobSnapshot) -> State | None:
    """The state; open again where S3 contradicts the end that was settled."""
    if state is not None and is_open_again(state, snapshot.job, snapshot.read_at):
        return reopened(state)
    return state


def step_of(
    state: State | None, snapshot: JobSnapshot, policies: PolicySet | PolicyUnavailableError, ports: Ports
) -> NextStep:
    """What the protocol's table calls for."""
    return next_step(
        state,
        snapshot.job,
        snapshot.read_at,
        cancel_ungated=isinstance(policies, PolicySet) and policies.cancel_ungated,
        survives=ports.suspended_date_survives,
    )


def evaluate(policies: PolicySet, state: State | None, snapshot: JobSnapshot, ports: Ports) -> Decision:
    """Gather the facts about a job and evaluate the policies."""
    facts = gather_facts(
        snapshot.job,
        ports.clock.now(),
        asks=asks_for_confirmation(state, snapshot.job, ports.suspended_date_survives),
        tags=snapshot.tags,
        manifest_bytes=snapshot.manifest_bytes,
        contents=snapshot.contents,
        approvals=current_approvals(state, snapshot),
        requester=snapshot.requester,
    )
    return evaluate_job(policies, _with_budgets(facts, policies, state, ports))


def _with_budgets(facts: JobFacts, policies: PolicySet, state: State | None, ports: Ports) -> JobFacts:
    """The facts, with what is used of the budgets that the policies ask for, read as late as possible."""
    if not policies.budgets:
        return facts
    accounts = accounts_asked(policies.budgets, facts, state)
    used = ports.ledger.used([each for each in accounts.values() if isinstance(each, BudgetAccount)])
    return replace(facts, budgets=uses(policies.budgets, accounts, used, facts, state))


def current_approvals(state: State | None, snapshot: JobSnapshot) -> tuple[Approval, ...]:
    """People's approvals of the job as it is; those of the job as it was before count for nothing."""
    if state is None or not state.approvals:
        return ()
    return fresh(state.approvals, digest_of_job(snapshot.job, snapshot.tags))


def note_shown(state: State | None, ports: Ports) -> State | None:
    """Record that S3 shows a job that it did not show before."""
    if state is None or state.missing_since is None:
        return state
    return ports.ledger.write(transitions.mark_shown(state), replacing=state)
