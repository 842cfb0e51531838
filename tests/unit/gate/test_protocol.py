"""The protocol's table, cell by cell, and what holds for every cell."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from batchgate.gate.protocol import (
    CONTRADICTED_FOR,
    GONE_AFTER,
    MISSING_FOR,
    SIGNATURE_LIVES,
    Missing,
    NextStep,
    Settle,
    Step,
    conclude_refused,
    conclude_unclear,
    find_missing,
    is_open_again,
    may_reopen,
    maybe_approved,
    next_step,
    reopened,
    step_of_ungated,
)
from batchgate.gate.state import LEASE_AT_MOST, Outcome, Phase, RequestedAction, State
from batchgate.jobs.model import Job, JobRef, JobStatus, RequestedStatus

NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
REF = JobRef("aws", "eu-central-1", "111122223333", "00e123a4-c0d8-41f4-a0eb-b46f9ba5b07c")
CLAIM = "5f3a91c2"
OURS = f"batchgate: approved by nightly, 1 requirement met [policy 7c41f09be2aa claim {CLAIM}]"
ANOTHER_JOBS = "batchgate: approved by nightly, 1 requirement met [policy 7c41f09be2aa claim 0badcafe]"
A_PERSONS = "looked at it myself"
REASONS = (None, OURS, ANOTHER_JOBS, A_PERSONS)

APPLIED, SUPERSEDED, LAPSED = Outcome.APPLIED, Outcome.SUPERSEDED, Outcome.LAPSED
APPROVE, CANCEL = RequestedAction.APPROVE, RequestedAction.CANCEL
HELD, CLAIMED, SETTLED = Phase.HELD, Phase.CLAIMED, Phase.SETTLED
S = JobStatus

BEFORE = (S.NEW, S.PREPARING)
RUNS = (S.READY, S.ACTIVE, S.PAUSING, S.PAUSED)
FINISHES = (S.COMPLETING, S.COMPLETE)
IS_CANCELLED = (S.CANCELLING, S.CANCELLED)
FAILS = (S.FAILING, S.FAILED)
COLUMNS = {
    "New, Preparing": BEFORE,
    "Suspended": (S.SUSPENDED,),
    "Ready ... Complete": RUNS + FINISHES,
    "Cancelling, Cancelled": IS_CANCELLED,
    "Failing, Failed": FAILS,
}


def job(status: JobStatus, reason: str | None = None, *, confirmation_required: bool | None = True) -> Job:
    """Describe a job that was created an hour ago, and was Suspended soon if it asks for confirmation."""
    was_suspended = status is S.SUSPENDED or (status not in BEFORE and confirmation_required is not False)
    return Job(
        ref=REF,
        status=status,
        operation="S3PutObjectTagging",
        parameters={},
        confirmation_required=confirmation_required,
        total_tasks=None if status in BEFORE else 3,
        tasks_ended=0,
        role=None,
        priority=1,
        description=None,
        report=None,
        manifest=None,
        manifest_generator=None,
        generated_manifest=None,
        status_update_reason=reason,
        suspended_date=NOW - timedelta(minutes=50) if was_suspended else None,
        creation_time=NOW - timedelta(hours=1),
    )


def held(requested_action: RequestedAction | None = None) -> State:
    """Hold a job; with an action, after a claim that may have been sent and whose lease ran out a minute ago."""
    return State(
        ref=REF,
        rev=3,
        phase=HELD,
        verdict="hold",
        reason="batchgate: held",
        decided_by="7c41f09be2aa",
        policy_version="7c41f09be2aa",
        due_at=NOW,
        first_held_at=NOW - timedelta(minutes=30),
        claim_id=CLAIM if requested_action else None,
        attempt=1 if requested_action else 0,
        requested_action=requested_action,
        maybe_sent=requested_action is not None,
        lease_until=NOW - timedelta(minutes=1) if requested_action else None,
    )


def claimed(requested_action: RequestedAction, lease_left: timedelta) -> State:
    """Claim a job, for the first time."""
    lease_until = NOW + lease_left
    first = replace(
        held(requested_action), maybe_sent=False, first_held_at=None, verdict=requested_action.value, reason=OURS
    )
    return replace(first, phase=CLAIMED, lease_until=lease_until, due_at=lease_until)


def settled(outcome: Outcome, requested_action: RequestedAction | None, *, announced: bool) -> State:
    """Settle a job."""
    return replace(
        held(requested_action),
        phase=SETTLED,
        outcome=outcome,
        verdict="",
        announced_at=NOW if announced else None,
        due_at=NOW,
    )


def ungated(state: State) -> State:
    """The same of a job that did not ask for confirmation."""
    return replace(state, ungated=True)


OVER, LIVE = timedelta(minutes=-1), timedelta(minutes=1)

ROWS: dict[str, list[State | None]] = {
    "none": [None],
    "held": [held()],
    "held after approve": [held(APPROVE)],
    "held after cancel": [held(CANCEL)],
    "claimed, lease live": [claimed(APPROVE, LIVE), claimed(CANCEL, LIVE)],
    "claimed approve, lease over": [claimed(APPROVE, OVER)],
    "claimed cancel, lease over": [claimed(CANCEL, OVER)],
    "settled": [settled(APPLIED, APPROVE, announced=False), settled(SUPERSEDED, None, announced=False)],
    "settled, announced": [settled(APPLIED, CANCEL, announced=True), settled(LAPSED, None, announced=True)],
}

WAIT, EVALUATE, CLAIMED_BY_ANOTHER, NOTHING, ANNOUNCE = (
    Step.WAIT,
    Step.EVALUATE,
    Step.CLAIMED,
    Step.NOTHING,
    Step.ANNOUNCE,
)
NOT_SHOWN = Step.NOT_SHOWN
LATER = Step.REVIEW_LATER
superseded, lapsed = Settle(SUPERSEDED), Settle(LAPSED)
ran, ran_or_confirmed = Settle(Outcome.UNGATED), Settle(Outcome.UNGATED_OR_CONFIRMED_ELSEWHERE)

# Once for a reason of somebody else's on the job, once for our own claim in it.
TABLE: dict[str, tuple[tuple[NextStep, ...], tuple[NextStep, ...]]] = {
    # STATE: (New Preparing, Suspended, Ready ... Complete, Cancelling Cancelled, Failing Failed)
    "none": (
        (WAIT, EVALUATE, superseded, NOTHING, NOTHING),
        (WAIT, EVALUATE, superseded, NOTHING, NOTHING),
    ),
    "held": (
        (WAIT, EVALUATE, superseded, superseded, lapsed),
        (WAIT, EVALUATE, superseded, superseded, lapsed),
    ),
    "held after approve": (
        (WAIT, EVALUATE, superseded, superseded, lapsed),
        (WAIT, EVALUATE) + (Settle(APPLIED, APPROVE, after_hold=True),) * 3,
    ),
    "held after cancel": (
        (WAIT, EVALUATE, LATER, superseded, lapsed),  # Ready ... Paused; what has finished is settled, see below
        (WAIT, EVALUATE) + (Settle(APPLIED, CANCEL, after_hold=True),) * 3,
    ),
    "claimed, lease live": ((CLAIMED_BY_ANOTHER,) * 5, (CLAIMED_BY_ANOTHER,) * 5),
    "claimed approve, lease over": (
        (WAIT, EVALUATE, superseded, superseded, lapsed),
        (WAIT, EVALUATE) + (Settle(APPLIED, APPROVE),) * 3,
    ),
    "claimed cancel, lease over": (
        (WAIT, EVALUATE, LATER, superseded, lapsed),
        (WAIT, EVALUATE) + (Settle(APPLIED, CANCEL),) * 3,
    ),
    "settled": ((ANNOUNCE,) * 5, (ANNOUNCE,) * 5),
    "settled, announced": ((NOTHING,) * 5, (NOTHING,) * 5),
}

CELLS = [
    pytest.param(state, status, reason, TABLE[row][side][column], id=f"{row}-{number}-{status}-{word}")
    for row, states in ROWS.items()
    for number, state in enumerate(states)
    for side, (word, reasons) in enumerate({"others": (A_PERSONS, ANOTHER_JOBS), "ours": (OURS,)}.items())
    for reason in reasons
    for column, statuses in enumerate(COLUMNS.values())
    for status in statuses
    # A late Cancel can't reach a job that has come to its end, so nobody waits for it there.
    if not (TABLE[row][side][column] is LATER and "cancel" in row and status in FINISHES)
]


@pytest.mark.parametrize("cancel_ungated", [False, True])
@pytest.mark.parametrize("confirmation_required", [True, None])
@pytest.mark.parametrize(("state", "status", "reason", "expected"), CELLS)
def test_every_cell_of_the_table_is_as_written(
    state: State | None,
    status: JobStatus,
    reason: str | None,
    expected: NextStep,
    confirmation_required: bool | None,
    cancel_ungated: bool,
) -> None:
    """A job that asks for confirmation, or does not say, is treated by the table whatever the setting."""
    seen = job(status, reason, confirmation_required=confirmation_required)
    assert _end(next_step(state, seen, NOW, cancel_ungated=cancel_ungated)) == expected


def _end(step: NextStep) -> NextStep:
    """The step without what only budgets ask for."""
    return replace(step, maybe_approved=False) if isinstance(step, Settle) else step


def test_the_table_has_every_status_that_s3_documents() -> None:
    """A status in no column would be tested by nobody."""
    assert {status for column in COLUMNS.values() for status in column} | {S.UNRECOGNIZED} == set(JobStatus)
    assert ROWS.keys() == TABLE.keys()


@pytest.mark.parametrize("state", [None, held(), held(APPROVE), held(CANCEL), claimed(APPROVE, OVER)])
@pytest.mark.parametrize("confirmation_required", [True, None, False])
def test_a_status_that_we_do_not_know_is_waited_out(state: State | None, confirmation_required: bool | None) -> None:
    """S3 may add statuses; nothing is decided on one, and nothing settled."""
    seen = job(S.UNRECOGNIZED, OURS, confirmation_required=confirmation_required)
    step = next_step(state, seen, NOW, cancel_ungated=True)
    assert step is (NOTHING if confirmation_required is False and state is None else WAIT)


# --- Ready ... Paused while a cancel of ours may have been sent -------------------------------------


@pytest.mark.parametrize(
    "state", [held(CANCEL), claimed(CANCEL, OVER), replace(claimed(CANCEL, OVER), maybe_sent=True)]
)
@pytest.mark.parametrize("status", RUNS)
@pytest.mark.parametrize("reason", [None, A_PERSONS, ANOTHER_JOBS])
def test_a_running_job_is_superseded_only_15_minutes_after_the_last_lease_of_a_cancel(
    state: State, status: JobStatus, reason: str | None
) -> None:
    """Until then our late Cancel could kill it: to the very instant."""
    assert state.lease_until is not None
    safe = state.lease_until + SIGNATURE_LIVES
    just_before = safe - timedelta(microseconds=1)
    assert timedelta(minutes=15) == SIGNATURE_LIVES
    assert next_step(state, job(status, reason), just_before, cancel_ungated=False) is LATER
    assert next_step(state, job(status, reason), safe, cancel_ungated=False) == superseded


@pytest.mark.parametrize("state", [held(CANCEL), claimed(CANCEL, OVER)])
@pytest.mark.parametrize("status", FINISHES)
def test_a_finished_job_is_superseded_at_once_although_a_cancel_may_have_been_sent(
    state: State, status: JobStatus
) -> None:
    """Completing and Complete are beyond the reach of a late Cancel."""
    assert next_step(state, job(status, A_PERSONS), NOW, cancel_ungated=False) == superseded


@pytest.mark.parametrize("status", RUNS)
def test_a_cancel_that_was_surely_not_sent_delays_nothing(status: JobStatus) -> None:
    """Its owner's withdrawal forgot the requested action."""
    withdrawn = replace(held(), claim_id=CLAIM, attempt=1, lease_until=NOW - timedelta(minutes=1))
    assert next_step(withdrawn, job(status, A_PERSONS), NOW, cancel_ungated=False) == superseded


# --- Unattributed -----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [held(APPROVE), claimed(APPROVE, OVER)])
@pytest.mark.parametrize("status", RUNS + FINISHES)
def test_an_approved_job_without_a_reason_is_ours_but_unattributed(state: State, status: JobStatus) -> None:
    """S3 may forget the reason in later statuses; it may have been a person too."""
    expected = Settle(APPLIED, APPROVE, unattributed=True)
    assert next_step(state, job(status), NOW, cancel_ungated=False) == expected


@pytest.mark.parametrize("state", [held(CANCEL), claimed(CANCEL, OVER)])
@pytest.mark.parametrize("status", IS_CANCELLED)
def test_a_cancelled_job_without_a_reason_is_ours_but_unattributed(state: State, status: JobStatus) -> None:
    """As for an approval."""
    expected = Settle(APPLIED, CANCEL, unattributed=True)
    assert next_step(state, job(status), NOW, cancel_ungated=False) == expected


@pytest.mark.parametrize(
    ("state", "statuses", "expected"),
    [
        (held(), RUNS + FINISHES + IS_CANCELLED, superseded),
        (held(APPROVE), IS_CANCELLED, superseded),
        (held(CANCEL), FINISHES, superseded),
        (held(APPROVE), FAILS, lapsed),
        (claimed(APPROVE, OVER), IS_CANCELLED, superseded),
        (claimed(CANCEL, OVER), FINISHES, superseded),
        (claimed(CANCEL, OVER), FAILS, lapsed),
    ],
)
def test_without_a_reason_only_a_matching_requested_action_is_ours(
    state: State, statuses: tuple[JobStatus, ...], expected: NextStep
) -> None:
    """What went the other way was somebody else, or nobody."""
    steps = [next_step(state, job(status), NOW, cancel_ungated=False) for status in statuses]
    assert [*map(_end, steps)] == [expected] * len(statuses)


@pytest.mark.parametrize("reason", [None, A_PERSONS, ANOTHER_JOBS])
@pytest.mark.parametrize("status", FINISHES + RUNS + IS_CANCELLED + FAILS)
def test_what_has_ended_otherwise_may_have_been_approved_before_unless_it_shows_who_confirmed_it(
    status: JobStatus, reason: str | None
) -> None:
    """A job that runs was confirmed by whoever the reason names; a cancelled or failed one may have run by ours.

    An owner knows of a refused update that it had no effect; an earlier one may have had one.
    """
    shows_who = status in RUNS + FINISHES
    for state in (held(APPROVE), claimed(APPROVE, OVER)):
        step = next_step(state, job(status, reason), NOW, cancel_ungated=False)
        assert isinstance(step, Settle)
        assert step.maybe_approved is (step.outcome is not APPLIED and not shows_who)
    owned = claimed(APPROVE, LIVE)
    unclear, refused, again = (
        conclude_unclear(owned, job(status, reason)),
        conclude_refused(owned, job(status, reason)),
        conclude_refused(replace(owned, maybe_sent=True), job(status, reason)),
    )
    for step, sent in ((unclear, True), (refused, False), (again, True)):
        assert isinstance(step, Settle)
        assert step.maybe_approved is (step.outcome is not APPLIED and sent and not shows_who)


@pytest.mark.parametrize("status", FINISHES + IS_CANCELLED + FAILS)
@pytest.mark.parametrize("state", [None, held(), held(CANCEL), claimed(CANCEL, OVER)])
def test_without_an_approval_that_may_have_been_sent_nothing_was_approved(
    state: State | None, status: JobStatus
) -> None:
    """Cancellations, holds and jobs that the ledger does not have take nothing of budgets."""
    step = next_step(state, job(status, A_PERSONS), NOW, cancel_ungated=False)
    assert not (isinstance(step, Settle) and step.maybe_approved)
    assert not (state is not None and maybe_approved(state))


def test_a_job_that_is_gone_may_have_been_approved_before() -> None:
    """S3 shows nothing of it."""
    assert maybe_approved(held(APPROVE))
    assert maybe_approved(claimed(APPROVE, OVER))


def test_an_empty_reason_is_no_reason() -> None:
    """An XML element that is there and empty says as little as none."""
    expected = Settle(APPLIED, APPROVE, unattributed=True)
    assert next_step(claimed(APPROVE, OVER), job(S.ACTIVE, ""), NOW, cancel_ungated=False) == expected


@pytest.mark.parametrize("foreign", [CLAIM[:-1], f"{CLAIM}0", CLAIM.upper(), CLAIM.replace("5", "6")])
def test_only_the_whole_claim_id_makes_a_reason_ours(foreign: str) -> None:
    """Neither a part of it nor a longer one."""
    reason = OURS.replace(CLAIM, foreign)
    assert next_step(claimed(APPROVE, OVER), job(S.READY, reason), NOW, cancel_ungated=False) == superseded


# --- Jobs that did not ask for confirmation ---------------------------------------------------------


@pytest.mark.parametrize("state", [None, ungated(held()), ungated(held(CANCEL)), ungated(claimed(CANCEL, OVER))])
@pytest.mark.parametrize("status", [*BEFORE, S.SUSPENDED, *RUNS])
def test_an_ungated_job_is_evaluated_from_new_to_paused_where_it_may_be_cancelled(
    state: State | None, status: JobStatus
) -> None:
    """Each of these statuses is read as Suspended."""
    seen = job(status, confirmation_required=False)
    assert next_step(state, seen, NOW, cancel_ungated=True) is EVALUATE


@pytest.mark.parametrize(
    ("status", "expected"),
    [(S.NEW, NOTHING), (S.PREPARING, NOTHING), (S.READY, ran), (S.PAUSED, ran), (S.COMPLETE, ran)],
)
def test_an_ungated_job_is_only_reported_where_it_may_not_be_cancelled(status: JobStatus, expected: NextStep) -> None:
    """The setting `report` leaves the table as it is."""
    seen = job(status, confirmation_required=False)
    assert next_step(None, seen, NOW, cancel_ungated=False) == expected


@pytest.mark.parametrize(
    ("state", "status", "expected"),
    [
        (None, S.NEW, NOTHING),
        (None, S.PREPARING, NOTHING),
        (None, S.ACTIVE, ran),
        (held(CANCEL), S.PREPARING, NOTHING),
        (held(CANCEL), S.ACTIVE, LATER),
        (claimed(CANCEL, OVER), S.READY, LATER),
        (held(), S.READY, ran),
    ],
)
def test_an_ungated_job_that_nothing_forbids_goes_its_way(
    state: State | None, status: JobStatus, expected: NextStep
) -> None:
    """Nothing is written before it runs; once it does, it is reported, unless our Cancel may still come."""
    seen = job(status, confirmation_required=False)
    assert step_of_ungated(ungated(state) if state else None, seen, NOW) == expected


def test_a_live_lease_and_a_settled_end_stand_before_the_exception_for_ungated_jobs() -> None:
    """The exception changes how the status is read, and no more."""
    seen = job(S.ACTIVE, confirmation_required=False)
    assert next_step(claimed(CANCEL, LIVE), seen, NOW, cancel_ungated=True) is CLAIMED_BY_ANOTHER
    end = settled(SUPERSEDED, None, announced=True)
    assert next_step(end, seen, NOW, cancel_ungated=True) is NOTHING


# --- Gone -------------------------------------------------------------------------------------------


def test_a_job_that_nobody_ever_heard_of_is_waited_for() -> None:
    """It may be too new for S3 to know."""
    assert find_missing(None, NOW) is NOT_SHOWN


@pytest.mark.parametrize("state", [held(), held(APPROVE), held(CANCEL)])
def test_a_held_job_may_be_gone_more_than_a_day_after_it_was_known(state: State) -> None:
    """Not to the instant of the day, but after it; and the first such answer decides nothing."""
    known = state.first_held_at
    assert known is not None
    later = known + GONE_AFTER + timedelta(microseconds=1)
    assert find_missing(state, known + GONE_AFTER) is NOT_SHOWN
    assert find_missing(state, later) == Missing(later, listing_decides=False)


def test_a_claimed_job_may_be_gone_more_than_a_day_after_its_lease() -> None:
    """Where no hold says since when it was known."""
    state = claimed(APPROVE, OVER)
    assert state.lease_until is not None
    later = state.lease_until + timedelta(hours=25)
    assert find_missing(state, state.lease_until + timedelta(hours=23)) is NOT_SHOWN
    assert find_missing(state, later) == Missing(later, listing_decides=False)


@pytest.mark.parametrize("known_for", [timedelta(minutes=30), timedelta(days=40)])
@pytest.mark.parametrize("missing_for", [timedelta(0), MISSING_FOR - timedelta(microseconds=1), MISSING_FOR])
def test_the_listing_decides_when_s3_has_not_known_a_job_for_minutes(
    known_for: timedelta, missing_for: timedelta
) -> None:
    """And the job is more than a day old."""
    state = replace(held(), first_held_at=NOW - known_for, missing_since=NOW - missing_for)
    step = find_missing(state, NOW)
    if known_for < GONE_AFTER:
        assert step is NOT_SHOWN
    else:
        assert step == Missing(NOW - missing_for, listing_decides=missing_for >= MISSING_FOR)


def test_a_gone_job_is_left_to_the_owner_of_a_live_lease() -> None:
    """As everywhere."""
    state = replace(claimed(APPROVE, LIVE), first_held_at=NOW - timedelta(days=40))
    assert find_missing(state, NOW) is CLAIMED_BY_ANOTHER


def test_a_gone_job_that_is_settled_is_at_most_announced() -> None:
    """Settled is final."""
    assert find_missing(settled(APPLIED, APPROVE, announced=False), NOW + timedelta(days=99)) is ANNOUNCE
    assert find_missing(settled(APPLIED, APPROVE, announced=True), NOW + timedelta(days=99)) is NOTHING


# --- A settled end that S3 contradicts --------------------------------------------------------------

WITHOUT_US = [outcome for outcome in Outcome if outcome is not APPLIED]


def ended(outcome: Outcome, **changes: object) -> State:
    """Settle a job that was held and never claimed, and announce it; long ago."""
    end = settled(outcome, None, announced=True)
    return replace(end, decided_at=NOW - CONTRADICTED_FOR, due_at=None, **changes)


@pytest.mark.parametrize("outcome", WITHOUT_US)
def test_an_end_without_us_that_s3_contradicts_for_minutes_is_open_again(outcome: Outcome) -> None:
    """To the instant; a person need not wait."""
    end, seen = ended(outcome), job(S.SUSPENDED)
    assert is_open_again(end, seen, NOW)
    assert not is_open_again(end, seen, NOW - timedelta(microseconds=1))
    assert may_reopen(end, seen)


@pytest.mark.parametrize(
    "end",
    [
        ended(APPLIED, requested_action=APPROVE),
        ended(APPLIED, requested_action=CANCEL),
        ended(APPLIED, requested_action=APPROVE, unattributed=True),
        *[ended(outcome, maybe_sent=True) for outcome in WITHOUT_US],
        *[ended(outcome, announced_at=None) for outcome in WITHOUT_US],
        held(),
        held(CANCEL),
        claimed(APPROVE, OVER),
    ],
)
def test_what_was_applied_or_maybe_sent_or_never_told_is_not_opened_again(end: State) -> None:
    """The gate decides once; and what is not settled is open already."""
    assert not is_open_again(end, job(S.SUSPENDED), NOW + timedelta(days=9))
    assert not may_reopen(end, job(S.SUSPENDED))


@pytest.mark.parametrize("status", [status for status in S if status is not S.SUSPENDED])
@pytest.mark.parametrize("outcome", WITHOUT_US)
def test_only_suspended_contradicts_an_end(outcome: Outcome, status: JobStatus) -> None:
    """Nothing else can still be decided."""
    assert not is_open_again(ended(outcome), job(status), NOW + timedelta(days=9))
    assert not may_reopen(ended(outcome), job(status))


@pytest.mark.parametrize("outcome", WITHOUT_US)
def test_a_job_that_is_open_again_is_evaluated_and_its_hold_begins_anew(outcome: Outcome) -> None:
    """Nothing of the end is left; what the ledger counts goes on."""
    end = ended(outcome, claim_id=CLAIM, attempt=2, ungated=True)
    again = reopened(end)
    assert next_step(again, job(S.SUSPENDED), NOW, cancel_ungated=False) is EVALUATE
    assert (again.phase, again.outcome, again.decided_at, again.announced_at, again.first_held_at) == (HELD,) + (
        None,
    ) * 4
    assert (again.rev, again.claim_id, again.attempt, again.ungated) == (end.rev, CLAIM, 2, False)


# --- What the owner of a claim concludes ------------------------------------------------------------

UNCLEAR: dict[RequestedAction, dict[str, tuple[JobStatus, ...]]] = {
    APPROVE: {"pending": (*BEFORE, S.SUSPENDED), "superseded": RUNS + FINISHES + IS_CANCELLED, "lapsed": FAILS},
    CANCEL: {"pending": (*BEFORE, S.SUSPENDED, *RUNS), "superseded": FINISHES + IS_CANCELLED, "lapsed": FAILS},
}


@pytest.mark.parametrize(
    ("requested_action", "word", "status"),
    [
        (requested_action, word, status)
        for requested_action, ends in UNCLEAR.items()
        for word, statuses in ends.items()
        for status in statuses
    ],
)
@pytest.mark.parametrize("reason", [A_PERSONS, ANOTHER_JOBS])
def test_after_an_unclear_update_only_certainty_is_settled(
    requested_action: RequestedAction, word: str, status: JobStatus, reason: str
) -> None:
    """An end, or a Ready where we approved, can't be changed by our update any more; else the claim stays."""
    expected = {"pending": Step.KEEP_CLAIM, "superseded": superseded, "lapsed": lapsed}[word]
    assert _end(conclude_unclear(claimed(requested_action, LIVE), job(status, reason))) == expected


@pytest.mark.parametrize("requested_action", RequestedAction)
@pytest.mark.parametrize("status", RUNS + FINISHES + IS_CANCELLED + FAILS)
def test_after_an_unclear_update_our_reason_on_the_job_is_certainty(
    requested_action: RequestedAction, status: JobStatus
) -> None:
    """Whatever has become of the job since."""
    assert conclude_unclear(claimed(requested_action, LIVE), job(status, OURS)) == Settle(APPLIED, requested_action)


def test_after_an_unclear_update_a_status_that_we_do_not_know_is_left_to_the_lease() -> None:
    """Nobody can say what it means."""
    assert conclude_unclear(claimed(APPROVE, LIVE), job(S.UNRECOGNIZED, A_PERSONS)) is Step.KEEP_CLAIM


@pytest.mark.parametrize(
    ("requested_action", "status"), [(APPROVE, S.READY), (APPROVE, S.COMPLETE), (CANCEL, S.CANCELLED)]
)
def test_after_an_unclear_update_a_matching_end_without_a_reason_is_ours_but_unattributed(
    requested_action: RequestedAction, status: JobStatus
) -> None:
    """We asked for exactly this a moment ago, and S3 does not say who did it."""
    expected = Settle(APPLIED, requested_action, unattributed=True)
    assert conclude_unclear(claimed(requested_action, LIVE), job(status)) == expected


@pytest.mark.parametrize("requested_action", RequestedAction)
@pytest.mark.parametrize("maybe_sent", [False, True])
@pytest.mark.parametrize("status", [*BEFORE, S.SUSPENDED])
def test_after_a_refusal_a_job_that_still_waits_is_to_be_decided_again(
    requested_action: RequestedAction, maybe_sent: bool, status: JobStatus
) -> None:
    """The claim is withdrawn."""
    state = replace(claimed(requested_action, LIVE), maybe_sent=maybe_sent)
    assert conclude_refused(state, job(status)) is Step.WITHDRAW


@pytest.mark.parametrize("requested_action", RequestedAction)
@pytest.mark.parametrize(
    ("statuses", "expected"), [(FINISHES + IS_CANCELLED, superseded), (FAILS, lapsed)], ids=["decided", "failed"]
)
def test_after_a_refusal_of_a_first_claim_whatever_moved_the_job_was_not_us(
    requested_action: RequestedAction, statuses: tuple[JobStatus, ...], expected: NextStep
) -> None:
    """Also where S3 gives no reason: our only update surely had no effect."""
    state = claimed(requested_action, LIVE)
    for reason in (None, A_PERSONS, ANOTHER_JOBS):
        assert [_end(conclude_refused(state, job(status, reason))) for status in statuses] == [expected] * len(statuses)


@pytest.mark.parametrize("status", RUNS)
def test_after_a_refused_approval_a_running_job_was_confirmed_by_somebody_else(status: JobStatus) -> None:
    """A first approval that S3 refused has nothing under way."""
    assert conclude_refused(claimed(APPROVE, LIVE), job(status, A_PERSONS)) == superseded


@pytest.mark.parametrize("requested_action", RequestedAction)
def test_after_a_refusal_an_earlier_update_may_be_why(requested_action: RequestedAction) -> None:
    """A claim that was taken over may have been carried out: by its reason, or unattributed without one."""
    state = replace(claimed(requested_action, LIVE), maybe_sent=True)
    status = S.READY if requested_action is APPROVE else S.CANCELLED
    assert conclude_refused(state, job(status, OURS)) == Settle(APPLIED, requested_action)
    assert conclude_refused(state, job(status)) == Settle(APPLIED, requested_action, unattributed=True)
    assert _end(conclude_refused(state, job(status, A_PERSONS))) == superseded


def test_a_refused_cancel_does_not_settle_a_running_job_while_an_earlier_cancel_may_still_arrive() -> None:
    """The 15 minutes hold for the owner as for everybody: our late Cancel would kill a job settled as superseded."""
    state = replace(claimed(CANCEL, LIVE), maybe_sent=True)
    assert not isinstance(conclude_refused(state, job(S.ACTIVE, A_PERSONS)), Settle)


@pytest.mark.parametrize("requested_action", RequestedAction)
def test_after_a_refusal_a_status_that_we_do_not_know_settles_nothing(requested_action: RequestedAction) -> None:
    """Settled is final, and nobody can say what the status means."""
    assert not isinstance(conclude_refused(claimed(requested_action, LIVE), job(S.UNRECOGNIZED)), Settle)


@pytest.mark.parametrize("status", RUNS)
def test_a_refused_cancel_of_an_ungated_job_leaves_it_to_be_decided(status: JobStatus) -> None:
    """From New to Paused it is read as Suspended in every row; a denied update must not end the gate's care."""
    seen = job(status, confirmation_required=False)
    assert conclude_refused(ungated(claimed(CANCEL, LIVE)), seen) is Step.WITHDRAW


# --- What holds for every cell ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything that the table looks at."""

    state: State | None
    job: Job
    now: datetime
    cancel_ungated: bool

    @property
    def step(self) -> NextStep:
        """What the table says."""
        return next_step(self.state, self.job, self.now, cancel_ungated=self.cancel_ungated)


instants = st.integers(-3000, 3000).map(lambda seconds: NOW + timedelta(seconds=seconds))


@st.composite
def states(draw: st.DrawFn) -> State:
    """Draw any state that the ledger may keep."""
    phase = draw(st.sampled_from(Phase))
    requested_action = draw(
        st.sampled_from(RequestedAction) if phase is CLAIMED else st.none() | st.sampled_from(RequestedAction)
    )
    ever_claimed = phase is CLAIMED or requested_action is not None or draw(st.booleans())
    outcome = draw(st.sampled_from(Outcome)) if phase is SETTLED else None
    return State(
        ref=REF,
        rev=draw(st.integers(1, 9)),
        phase=phase,
        verdict=draw(st.sampled_from(["approve", "cancel", "hold", ""])),
        reason=draw(st.sampled_from([OURS, "batchgate: held"])),
        decided_by="7c41f09be2aa",
        policy_version="7c41f09be2aa",
        due_at=draw(instants),
        first_held_at=draw(st.none() | instants) if phase is CLAIMED else draw(instants),
        claim_id=CLAIM if ever_claimed else None,
        attempt=draw(st.integers(1, 5)) if ever_claimed else 0,
        requested_action=requested_action,
        maybe_sent=requested_action is not None and (phase is HELD or draw(st.booleans())),
        lease_until=draw(instants) if ever_claimed else None,
        outcome=outcome,
        announced_at=draw(st.none() | instants) if phase is SETTLED else None,
    )


@st.composite
def sights(draw: st.DrawFn) -> Sight:
    """Draw a state, or none, and an answer of S3's."""
    return Sight(
        state=draw(st.none() | states()),
        job=job(
            draw(st.sampled_from(JobStatus)),
            draw(st.sampled_from(REASONS)),
            confirmation_required=draw(st.sampled_from([True, None, False])),
        ),
        now=draw(instants),
        cancel_ungated=draw(st.booleans()),
    )


@given(sights())
def test_a_live_lease_is_always_left_alone(sight: Sight) -> None:
    """Its owner acts, and nobody else, until the lease is over; one of more than an hour is none."""
    state = sight.state
    if state is None or state.phase is not CLAIMED or state.lease_until is None:
        return
    live = timedelta(0) < state.lease_until - sight.now <= LEASE_AT_MOST
    assert state.lease_is_live(sight.now) == live
    if live:
        assert sight.step is CLAIMED_BY_ANOTHER
        assert find_missing(state, sight.now) is CLAIMED_BY_ANOTHER


@given(sights())
def test_settled_never_changes(sight: Sight) -> None:
    """Whatever S3 says later: it is announced, or nothing is done."""
    if sight.state is None or sight.state.phase is not SETTLED:
        return
    expected = ANNOUNCE if sight.state.announced_at is None else NOTHING
    assert sight.step is expected
    assert find_missing(sight.state, sight.now) is expected


@given(sights())
def test_only_a_suspended_job_is_evaluated_but_for_the_one_exception(sight: Sight) -> None:
    """S3 itself says Suspended, or the job asked for no confirmation and may be cancelled."""
    if sight.step is not EVALUATE:
        return
    excepted = sight.cancel_ungated and sight.job.confirmation_required is False
    assert sight.job.status is S.SUSPENDED or (excepted and sight.job.status in BEFORE + RUNS)


@given(sights())
def test_nothing_is_claimed_as_ours_that_was_not_asked_for(sight: Sight) -> None:
    """Applied rests on our claim in the reason, or on a matching action that may have been sent and no reason."""
    step, state = sight.step, sight.state
    if not isinstance(step, Settle) or step.outcome is not APPLIED:
        return
    assert state is not None
    assert step.requested_action is state.requested_action is not None
    assert step.after_hold == (state.phase is HELD and sight.job.status_update_reason == OURS)
    if step.unattributed:
        moved = IS_CANCELLED if step.requested_action is CANCEL else RUNS + FINISHES
        assert sight.job.status_update_reason is None
        assert sight.job.status in moved
        assert state.possibly_sent is step.requested_action
    else:
        assert sight.job.status_update_reason == OURS


@given(sights())
def test_no_running_job_is_given_up_while_our_cancel_may_still_arrive(sight: Sight) -> None:
    """Given up in Ready to Paused: no cancel was sent, or its signature is too old."""
    step, state = sight.step, sight.state
    if state is None or sight.job.status not in RUNS or step not in (superseded, ran, ran_or_confirmed):
        return
    if state.possibly_sent is CANCEL:
        assert state.lease_until is not None
        assert sight.now - state.lease_until >= timedelta(minutes=15)


@given(sights())
def test_what_was_never_written_about_is_never_applied_or_lapsed(sight: Sight) -> None:
    """Without a state there is only: wait, evaluate, nothing, and the reports of what others did."""
    if sight.state is None:
        assert sight.step in (WAIT, EVALUATE, NOTHING, superseded, ran, ran_or_confirmed)


@given(states(), st.sampled_from(JobStatus), st.sampled_from(REASONS))
def test_an_open_state_finds_its_end_in_time(state: State, status: JobStatus, reason: str | None) -> None:
    """No job that S3 has moved on stays open for ever: an hour later every lease and signature is over."""
    if state.phase is SETTLED or status in (*BEFORE, S.SUSPENDED, S.UNRECOGNIZED):
        return
    late = NOW + timedelta(hours=2)
    assert isinstance(next_step(state, job(status, reason), late, cancel_ungated=False), Settle)


@pytest.mark.parametrize(
    ("requested_action", "requested"), [(APPROVE, RequestedStatus.READY), (CANCEL, RequestedStatus.CANCELLED)]
)
def test_each_requested_action_asks_for_its_own_status(
    requested_action: RequestedAction, requested: RequestedStatus
) -> None:
    """To approve is Ready, to cancel is Cancelled."""
    assert requested_action.requested_status is requested
