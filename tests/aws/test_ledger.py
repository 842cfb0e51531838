"""The ledger's promises, kept by the one on DynamoDB and by its double alike."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from threading import Barrier, Thread
from typing import Any, cast
from uuid import uuid4

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from batchgate.aws import ledger as ledgers
from batchgate.aws.ledger import DynamoLedger
from batchgate.aws.ledger_items import count_key, item_of
from batchgate.contract import create_table_arguments
from batchgate.errors import (
    BudgetExceededError,
    CircuitBreakerError,
    GatePausedError,
    LedgerConflictError,
    LedgerError,
    UnreadableItemError,
)
from batchgate.gate.ports import (
    CircuitBreaker,
    FoundJob,
    Heartbeat,
    Notified,
    Pause,
    PeoplesLedger,
    Review,
    Unreadable,
)
from batchgate.gate.state import Action, Block, Outcome, Phase, RequestedAction, State
from batchgate.jobs.model import JobRef, JobStatus
from batchgate.policy.amounts import Amounts, BudgetAccount, Limits, Reservation
from batchgate.policy.approvals import Approval
from batchgate_cli.local.memory_ledger import MemoryLedger
from s3batch_emulator import SteppedClock

NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
HOME = ("aws", "us-east-1", "123456789012")
CIRCUIT_BREAKER = CircuitBreaker(2, timedelta(minutes=10))
numbers = count(1)


@pytest.fixture(scope="module")
def dynamodb(local_s3: str) -> Any:
    """A real client of the local AWS."""
    return boto3.client(
        "dynamodb",
        endpoint_url=local_s3,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=ledgers.CONFIG,
    )


@pytest.fixture
def clock() -> SteppedClock:
    """A clock that stands still."""
    return SteppedClock(NOW)


@pytest.fixture
def on_dynamodb(dynamodb: Any, clock: SteppedClock) -> DynamoLedger:
    """A ledger on a table of its own, made as the stack makes it."""
    name = f"ledger-{uuid4().hex[:12]}"
    dynamodb.create_table(**create_table_arguments(name))
    return DynamoLedger(dynamodb, name, HOME, clock)


@pytest.fixture(params=["on DynamoDB", "in memory"])
def ledger(request: pytest.FixtureRequest, clock: SteppedClock) -> PeoplesLedger:
    """One and the other."""
    if request.param == "in memory":
        return MemoryLedger(clock)
    made: DynamoLedger = request.getfixturevalue("on_dynamodb")
    return made


def new_job() -> JobRef:
    """A job that no ledger knows."""
    return JobRef(*HOME, f"00000000-0000-4000-8000-{next(numbers):012}")


def held(ref: JobRef, **changes: Any) -> State:
    """A job that is held and due in a quarter of an hour."""
    state = State(
        ref=ref,
        rev=0,
        phase=Phase.HELD,
        verdict="hold",
        reason="batchgate: held by by-hand: needs manual approval [policy 7c41f09be2aa]",
        decided_by="7c41f09be2aa",
        policy_version="7c41f09be2aa",
        due_at=NOW + timedelta(minutes=15),
        first_held_at=NOW,
    )
    return replace(state, **changes)


def claimed(ref: JobRef, requested_action: RequestedAction = RequestedAction.APPROVE) -> State:
    """A claim that lives a minute."""
    return held(
        ref,
        phase=Phase.CLAIMED,
        claim_id="5f3a91c2",
        attempt=1,
        requested_action=requested_action,
        lease_until=NOW + timedelta(minutes=1),
        due_at=NOW + timedelta(minutes=1),
    )


def cancelled(ref: JobRef, at: datetime) -> State:
    """A job whose cancellation was settled and announced."""
    return replace(
        claimed(ref, RequestedAction.CANCEL),
        phase=Phase.SETTLED,
        outcome=Outcome.APPLIED,
        decided_at=at,
        announced_at=at,
        due_at=None,
    )


def review(ref: JobRef) -> Review:
    """Some review."""
    return Review(ref, NOW, Action.APPROVED, JobStatus.SUSPENDED, evidence={"facts": {"tags": {"ü": "\x00<b>"}}})


# --- Reading and writing ----------------------------------------------------------------------------


def test_what_was_never_written_is_not_there(ledger: PeoplesLedger) -> None:
    """None, and not an error."""
    assert ledger.read(new_job()) is None
    assert list(ledger.open_items()) == []


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=60)
instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
states = st.builds(
    State,
    ref=st.builds(new_job),
    rev=st.just(0),
    phase=st.sampled_from(Phase),
    verdict=texts,
    reason=texts,
    decided_by=texts,
    policy_version=texts,
    due_at=st.none() | instants,
    held_for_known=st.timedeltas(timedelta(0), timedelta(days=40)),
    known_at=st.none() | instants,
    needs_review_before_expiry=st.booleans(),
    cancels_at=st.none() | instants,
    first_held_at=st.none() | instants,
    claim_id=st.none() | texts,
    attempt=st.integers(0, 10**6),
    requested_action=st.none() | st.sampled_from(RequestedAction),
    maybe_sent=st.booleans(),
    lease_until=st.none() | instants,
    outcome=st.none() | st.sampled_from(Outcome),
    unattributed=st.booleans(),
    decided_at=st.none() | instants,
    announced_at=st.none() | instants,
    until=st.none() | instants,
    block=st.none() | st.sampled_from(Block),
    changed_at=st.none() | instants,
    shadow=st.booleans(),
    evaluated=texts,
    governing=st.lists(texts).map(tuple),
    operation=texts,
    total_tasks=st.none() | st.integers(0, 2**63),
    created_at=st.none() | instants,
    suspended_at=st.none() | instants,
    ungated=st.booleans(),
    missing_since=st.none() | instants,
    approvals=st.lists(st.builds(Approval, who=texts, at=instants, reason=texts, digest=texts), max_size=3).map(tuple),
    awaiting=texts,
    tags=st.none() | st.dictionaries(texts, texts, max_size=3),
    people=st.lists(texts, max_size=3).map(tuple),
    requester=texts,
    reservations=st.lists(
        st.builds(
            Reservation,
            account=st.builds(BudgetAccount, budget=texts, account=texts, period_start=instants),
            amounts=st.builds(Amounts, *[st.integers(0, 2**63)] * 4),
            limits=st.just(Limits()),
        ),
        max_size=3,
        unique_by=lambda each: each.account,
    ).map(tuple),
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(state=states)
def test_every_state_is_read_as_it_was_written(on_dynamodb: DynamoLedger, state: State) -> None:
    """To the microsecond, whatever the texts are."""
    written = on_dynamodb.write(state, replacing=None)
    assert written == replace(state, rev=1)
    assert on_dynamodb.read(state.ref) == written


def test_every_field_of_a_state_is_generated() -> None:
    """A new field that nobody stores fails here first."""
    generated = set(states.wrapped_strategy.kwargs)  # type: ignore[attr-defined]
    assert generated == set(State.__struct_fields__)


def test_a_write_replaces_only_what_was_read(ledger: PeoplesLedger) -> None:
    """Whoever read before somebody else wrote is told so, and nothing is lost."""
    ref = new_job()
    first = ledger.write(held(ref), replacing=None)
    with pytest.raises(LedgerConflictError):
        ledger.write(held(ref, verdict="another"), replacing=None)
    second = ledger.write(replace(first, verdict="second"), replacing=first)
    assert (first.rev, second.rev) == (1, 2)
    with pytest.raises(LedgerConflictError):
        ledger.write(replace(first, verdict="third"), replacing=first)
    with pytest.raises(LedgerConflictError):
        ledger.claim(claimed(ref), replacing=first, review=review(ref), breaker=CIRCUIT_BREAKER)
    assert ledger.read(ref) == second


def test_of_many_at_once_one_writes(ledger: PeoplesLedger) -> None:
    """Eight threads claim the same job: seven conflicts."""
    ref, barrier = new_job(), Barrier(8)
    outcomes: list[str] = []

    def claim() -> None:
        barrier.wait()
        try:
            ledger.claim(claimed(ref), replacing=None, review=review(ref), breaker=CIRCUIT_BREAKER)
        except LedgerError as error:
            outcomes.append(type(error).__name__)
        else:
            outcomes.append("claimed")

    threads = [Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["LedgerConflictError"] * 7 + ["claimed"]


# --- Answers that are lost --------------------------------------------------------------------------


@pytest.fixture
def lose_answers(dynamodb: Any) -> Iterator[Callable[[int], None]]:
    """Have the next requests take effect and their answers be lost."""
    left = [0]

    def lose(request: Any, **_: Any) -> None:
        if left[0]:
            left[0] -= 1
            dynamodb._endpoint.http_session.send(request)
            raise ConnectionClosedError(endpoint_url="the local AWS")

    dynamodb.meta.events.register("before-send.dynamodb", lose)
    yield lambda number: left.__setitem__(0, number)
    dynamodb.meta.events.unregister("before-send.dynamodb", lose)


def test_a_write_whose_answer_was_lost_is_found_done(
    on_dynamodb: DynamoLedger, lose_answers: Callable[[int], None]
) -> None:
    """The second try fails on its condition, and the item that is there is its own."""
    ref = new_job()
    lose_answers(1)
    first = on_dynamodb.write(held(ref), replacing=None)
    lose_answers(2)
    second = on_dynamodb.write(replace(first, verdict="second"), replacing=first)
    assert on_dynamodb.read(ref) == second


def test_a_claim_whose_answer_was_lost_is_found_done_and_counts_once(
    on_dynamodb: DynamoLedger, lose_answers: Callable[[int], None]
) -> None:
    """One claim, one review, one cancellation for the circuit breaker."""
    ref = new_job()
    lose_answers(2)  # the circuit breaker's reading, and the transaction
    claim = on_dynamodb.claim(
        claimed(ref, RequestedAction.CANCEL), replacing=None, review=review(ref), breaker=CIRCUIT_BREAKER
    )
    assert on_dynamodb.read(ref) == claim
    assert len(on_dynamodb.history(ref)) == 1
    lose_answers(1)
    settled = on_dynamodb.write(replace(claim, phase=Phase.SETTLED), replacing=claim, review=review(ref))
    assert on_dynamodb.read(ref) == settled
    on_dynamodb.claim(
        claimed(new_job(), RequestedAction.CANCEL), replacing=None, review=review(ref), breaker=CIRCUIT_BREAKER
    )


class Page:
    """A body, as urllib3 hands it over."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        """All of it at once."""
        yield self.body


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"", b"{}", b'{"Item": {"pk"'])
def test_a_page_of_somebody_else_is_no_answer(on_dynamodb: DynamoLedger, dynamodb: Any, body: bytes) -> None:
    """Botocore takes any 200 for one: a claim would be taken for written."""
    ref = new_job()

    def answer(request: Any, **_: Any) -> AWSResponse:
        return AWSResponse(request.url, 200, cast("Any", {}), cast("Any", Page(body)))

    dynamodb.meta.events.register("before-send.dynamodb", answer)
    try:
        with pytest.raises(LedgerError):
            on_dynamodb.claim(claimed(ref), replacing=None, review=review(ref), breaker=CIRCUIT_BREAKER)
        with pytest.raises(LedgerError):
            on_dynamodb.write(held(ref), replacing=None)
        with pytest.raises(LedgerError):
            on_dynamodb.read(ref)
    finally:
        dynamodb.meta.events.unregister("before-send.dynamodb", answer)
    assert on_dynamodb.read(ref) is None


def test_a_table_that_is_away_is_the_ledgers_error(on_dynamodb: DynamoLedger) -> None:
    """Of every call."""
    gone = replace(on_dynamodb, table="not-there")
    ref = new_job()
    calls: list[Callable[[], object]] = [
        lambda: gone.read(ref),
        lambda: gone.write(held(ref), replacing=None),
        lambda: gone.write(held(ref), replacing=None, review=review(ref)),
        lambda: gone.claim(
            claimed(ref, RequestedAction.CANCEL), replacing=None, review=review(ref), breaker=CIRCUIT_BREAKER
        ),
        gone.opened_at,
        gone.pause,
        lambda: list(gone.open_items()),
        lambda: gone.ended([ref]),
        lambda: gone.used([BudgetAccount("daily", "", NOW)]),
        lambda: gone.counts("daily", NOW, after=None, at_most=3),
        lambda: gone.cancelled(NOW - timedelta(days=1), NOW),
        gone.notified,
        lambda: gone.set_notified(NOW, NOW),
        gone.heartbeat,
        lambda: gone.set_heartbeat(HEARTBEAT),
        gone.last_event_at,
        lambda: gone.note_event(NOW),
        lambda: gone.begin_sweep("a", NOW),
        lambda: gone.end_sweep("a"),
    ]
    for call in calls:
        with pytest.raises(LedgerError):
            call()


# --- Pause and breaker --------------------------------------------------------------------------------


def test_a_paused_gate_claims_nothing(ledger: PeoplesLedger) -> None:
    """Holds and settlements are written all the same."""
    ref = new_job()
    pause = Pause(by="arn:aws:iam::123456789012:user/kim", reason="a doubtful policy", at=NOW)
    assert ledger.pause() is None
    ledger.set_pause(pause, replacing=None)
    assert ledger.pause() == pause
    with pytest.raises(GatePausedError):
        ledger.claim(claimed(ref), replacing=None, review=review(ref), breaker=CIRCUIT_BREAKER)
    assert ledger.read(ref) is None
    first = ledger.write(held(ref), replacing=None)
    ledger.set_pause(None, replacing=pause)
    assert ledger.pause() is None
    assert ledger.claim(claimed(ref), replacing=first, review=review(ref), breaker=CIRCUIT_BREAKER).rev == 2


def test_the_circuit_breaker_refuses_one_cancellation_too_many_in_any_stretch_of_time(
    ledger: PeoplesLedger, clock: SteppedClock
) -> None:
    """Two in ten minutes: the third waits until the first is ten minutes old, not until some clock strikes."""

    def cancel(*, breaker: CircuitBreaker | None = CIRCUIT_BREAKER) -> State:
        ref = new_job()
        return ledger.claim(claimed(ref, RequestedAction.CANCEL), replacing=None, review=review(ref), breaker=breaker)

    cancel()
    clock.advance(timedelta(minutes=4))
    cancel()
    for _ in range(3):
        with pytest.raises(CircuitBreakerError):
            cancel()
    ref = new_job()
    assert (
        ledger.claim(claimed(ref), replacing=None, review=review(ref), breaker=CIRCUIT_BREAKER).rev == 1
    )  # an approval
    clock.advance(timedelta(minutes=6) - timedelta(microseconds=1))
    with pytest.raises(CircuitBreakerError):
        cancel()
    clock.advance(timedelta(microseconds=1))
    cancel()
    with pytest.raises(CircuitBreakerError):
        cancel()
    cancel(breaker=None)  # a person's, which counts
    clock.advance(timedelta(minutes=4))
    with pytest.raises(CircuitBreakerError):
        cancel()


def test_a_persons_cancellation_does_not_make_a_slow_circuit_breaker_forget(
    ledger: PeoplesLedger, clock: SteppedClock
) -> None:
    """Whatever stretch of time the circuit breaker looks back over."""
    slow = CircuitBreaker(3, timedelta(minutes=60))
    for breaker in (slow, slow, None):
        ref = new_job()
        ledger.claim(claimed(ref, RequestedAction.CANCEL), replacing=None, review=review(ref), breaker=breaker)
        clock.advance(timedelta(minutes=15))
    ref = new_job()
    with pytest.raises(CircuitBreakerError):
        ledger.claim(claimed(ref, RequestedAction.CANCEL), replacing=None, review=review(ref), breaker=slow)


def test_a_refused_cancellation_does_not_count(ledger: PeoplesLedger) -> None:
    """A claim that lost against another one leaves the circuit breaker as it was."""
    ref = new_job()
    ledger.write(held(ref), replacing=None)
    for _ in range(5):
        with pytest.raises(LedgerConflictError):
            ledger.claim(
                claimed(ref, RequestedAction.CANCEL), replacing=None, review=review(ref), breaker=CIRCUIT_BREAKER
            )
    for _ in range(2):
        other = new_job()
        ledger.claim(
            claimed(other, RequestedAction.CANCEL), replacing=None, review=review(other), breaker=CIRCUIT_BREAKER
        )


# --- Budgets ----------------------------------------------------------------------------------------

TEN = Limits(jobs=10, objects=100)


def new_account(name: str = "", start: datetime = NOW) -> BudgetAccount:
    """An account that no other test takes from."""
    return BudgetAccount(f"budget-{next(numbers)}", name, start)


def reserving(ref: JobRef, account: BudgetAccount, objects: int, limits: Limits = TEN) -> State:
    """A claim that takes so many objects of an account."""
    amounts = Amounts(jobs=1, objects=objects, object_bytes=7, cost=2**80)
    return replace(claimed(ref), reservations=(Reservation(account, amounts, limits),))


def claim(ledger: PeoplesLedger, state: State, replacing: State | None = None) -> State:
    """Claim a job."""
    return ledger.claim(state, replacing=replacing, review=review(state.ref), breaker=CIRCUIT_BREAKER)


def used(ledger: PeoplesLedger, account: BudgetAccount) -> tuple[int, int]:
    """The jobs and objects of an account."""
    found = ledger.used([account, new_account()])[account]
    return found.jobs, found.objects


def test_claims_reserve_of_a_budget_up_to_its_limit_and_not_beyond(ledger: PeoplesLedger) -> None:
    """A claim that does not fit writes nothing and counts nothing; one that fits exactly is made."""
    account = new_account("team lake")
    assert ledger.used([account]) == {account: Amounts()}
    claim(ledger, reserving(new_job(), account, 60))
    refused = new_job()
    for _ in range(2):
        with pytest.raises(BudgetExceededError):
            claim(ledger, reserving(refused, account, 41))
    assert ledger.read(refused) is None
    assert ledger.history(refused) == []
    claim(ledger, reserving(refused, account, 40))
    assert ledger.used([account]) == {account: Amounts(2, 100, 14, 2**81)}
    with pytest.raises(BudgetExceededError):
        claim(ledger, reserving(new_job(), account, 101))


def test_one_claim_reserves_of_every_budget_or_of_none(ledger: PeoplesLedger) -> None:
    """One transaction."""
    roomy, full = new_account(), new_account()
    claim(ledger, reserving(new_job(), full, 100))
    ref = new_job()
    both = (*reserving(ref, roomy, 1).reservations, *reserving(ref, full, 1).reservations)
    with pytest.raises(BudgetExceededError):
        claim(ledger, replace(claimed(ref), reservations=both))
    assert (used(ledger, roomy), used(ledger, full)) == ((0, 0), (1, 100))


def test_accounts_and_periods_count_by_themselves(ledger: PeoplesLedger) -> None:
    """Also those of names that are longer than a key, or that contain what separates its parts."""
    one = new_account()
    names = ["", "#", "ä" * 256, "ä" * 255 + "b", "\U0001f600" * 256]
    others = [BudgetAccount(one.budget, name, start) for name in names for start in (NOW, NOW + timedelta(days=1))]
    for number, account in enumerate(others, start=1):
        claim(ledger, reserving(new_job(), account, number))
    assert [ledger.used(others)[each].objects for each in others] == [*range(1, len(others) + 1)]


def test_a_job_reserves_once_however_many_claims_it_makes(ledger: PeoplesLedger) -> None:
    """What is in its state is counted, so nothing of it is counted again, nor has to fit again."""
    account, ref = new_account(), new_job()
    first = claim(ledger, reserving(ref, account, 100))
    again = claim(ledger, replace(first, attempt=2), first)
    held_again = ledger.write(replace(again, phase=Phase.HELD, maybe_sent=True), replacing=again)
    claim(ledger, replace(held_again, phase=Phase.CLAIMED), held_again)
    assert used(ledger, account) == (1, 100)


@pytest.mark.parametrize("with_review", [True, False])
def test_what_a_state_does_not_reserve_any_more_is_given_back_with_its_write(
    ledger: PeoplesLedger, with_review: bool
) -> None:
    """And by nobody whose write comes too late."""
    account, ref = new_account(), new_job()
    first = claim(ledger, reserving(ref, account, 60))
    back = replace(first, phase=Phase.HELD, reservations=())
    written = ledger.write(back, replacing=first, review=review(ref) if with_review else None)
    assert used(ledger, account) == (0, 0)
    for late in (first, replace(first, rev=7)):
        with pytest.raises(LedgerConflictError):
            ledger.write(back, replacing=late)
    claim(ledger, reserving(ref, account, 100), written)
    assert used(ledger, account) == (1, 100)


def test_the_accounts_of_a_period_are_listed_in_one_order_part_by_part(ledger: PeoplesLedger) -> None:
    """Each once; those of other periods and budgets, also of one whose name begins so, are not."""
    one = new_account()
    names = ["", "#", "lake", "shop", "ä" * 256]
    claims = [replace(one, account=name) for name in names]
    others = [replace(one, period_start=NOW + timedelta(days=1)), replace(one, budget=f"{one.budget}#")]
    for account in (*claims, *others):
        claim(ledger, reserving(new_job(), account, 5))
    found: list[BudgetAccount] = []
    while True:
        part = ledger.counts(one.budget, NOW, after=found[-1].account if found else None, at_most=2)
        assert len(part) <= 2
        assert {amounts.objects for _, amounts in part} <= {5}
        found += [account for account, _ in part]
        if not part:
            break
    assert sorted(account.account for account in found) == sorted(names)
    assert [account for account, _ in ledger.counts(one.budget, NOW, after=None, at_most=99)] == found


def test_what_people_approve_counts_and_is_not_limited(ledger: PeoplesLedger) -> None:
    """By policy nothing is approved beyond it; nor the same job, unless it fits then."""
    account, ref = new_account(), new_job()
    other = claim(ledger, reserving(new_job(), account, 60))
    persons = claim(ledger, reserving(ref, account, 41, Limits()))
    assert used(ledger, account) == (2, 101)
    by_policy = replace(persons, reservations=reserving(ref, account, 41).reservations)
    with pytest.raises(BudgetExceededError):
        claim(ledger, by_policy, persons)
    ledger.write(replace(other, phase=Phase.HELD, reservations=()), replacing=other)
    claim(ledger, by_policy, persons)
    assert used(ledger, account) == (1, 41)


def test_of_many_jobs_at_once_as_many_are_claimed_as_fit(ledger: PeoplesLedger) -> None:
    """Eight threads with a job each, and room for three."""
    account, barrier = new_account(), Barrier(8)
    outcomes: list[str] = []

    def claim_one() -> None:
        barrier.wait()
        try:
            claim(ledger, reserving(new_job(), account, 30))
        except LedgerError as error:
            outcomes.append(type(error).__name__)
        else:
            outcomes.append("claimed")

    threads = [Thread(target=claim_one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["BudgetExceededError"] * 5 + ["claimed"] * 3
    assert used(ledger, account) == (3, 90)


def test_a_reservation_whose_answer_was_lost_counts_once(
    on_dynamodb: DynamoLedger, lose_answers: Callable[[int], None]
) -> None:
    """Also where nothing would fit any more, and what is given back is given back once."""
    account, ref = new_account(), new_job()
    lose_answers(2)
    first = claim(on_dynamodb, reserving(ref, account, 100))
    assert used(on_dynamodb, account) == (1, 100)
    claim(on_dynamodb, reserving(new_job(), account, 1, Limits()))
    lose_answers(2)
    on_dynamodb.write(replace(first, phase=Phase.HELD, reservations=()), replacing=first)
    assert used(on_dynamodb, account) == (1, 1)


@pytest.fixture
def conflict(dynamodb: Any) -> Iterator[Callable[..., None]]:
    """Have DynamoDB cancel the next transactions for other ones that write the same items."""
    left: list[bytes] = []

    def cancel(request: Any, **_: Any) -> AWSResponse | None:
        if not left or b"TransactWriteItems" not in bytes(request.headers["X-Amz-Target"]):
            return None
        return AWSResponse(request.url, 400, cast("Any", {}), cast("Any", Page(left.pop())))

    def cue(times: int, *codes: str) -> None:
        reasons = [{"Code": code} for code in codes]
        name = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
        left[:] = [json.dumps({"__type": name, "CancellationReasons": reasons, "Message": "busy"}).encode()] * times

    dynamodb.meta.events.register("before-send.dynamodb", cancel)
    yield cue
    dynamodb.meta.events.unregister("before-send.dynamodb", cancel)


def test_a_transaction_that_conflicts_with_another_is_tried_again_for_a_while(
    on_dynamodb: DynamoLedger, conflict: Callable[..., None]
) -> None:
    """A busy budget; then it is the ledger's error, as any other, and nothing was written."""
    slept: list[float] = []
    ledger = replace(on_dynamodb, sleep=slept.append)
    account, ref = new_account(), new_job()
    codes = ("None", "TransactionConflict", "None", "None")
    conflict(4, *codes)
    claim(ledger, reserving(ref, account, 1))
    assert len(slept) == 4
    assert all(0 <= wait <= 0.4 for wait in slept)
    conflict(5, *codes)
    with pytest.raises(LedgerError, match="same time") as failed:
        claim(ledger, reserving(new_job(), account, 1))
    assert not isinstance(failed.value, BudgetExceededError | LedgerConflictError)
    conflict(1, "None", "ThrottlingError", "None", "None")
    with pytest.raises(LedgerError, match="ThrottlingError"):
        claim(ledger, reserving(new_job(), account, 1))
    assert used(ledger, account) == (1, 1)


@pytest.mark.parametrize(
    ("codes", "error"),
    [
        (("ConditionalCheckFailed",) * 4, LedgerConflictError),
        (("None", *("ConditionalCheckFailed",) * 3), GatePausedError),
        (("None", "ConditionalCheckFailed", "None", "TransactionConflict"), BudgetExceededError),
    ],
)
def test_of_several_conditions_that_do_not_hold_the_job_s_own_is_reported_first(
    on_dynamodb: DynamoLedger, conflict: Callable[..., None], codes: tuple[str, ...], error: type[Exception]
) -> None:
    """Whoever reviewed another state of the job starts over."""
    conflict(1, *codes)
    with pytest.raises(error):
        claim(on_dynamodb, reserving(new_job(), new_account(), 1))


def test_counts_that_dynamodb_leaves_out_are_asked_for_again(on_dynamodb: DynamoLedger, dynamodb: Any) -> None:
    """A count that was not read is not none; after some tries it is an error."""
    account = new_account()
    claim(on_dynamodb, reserving(new_job(), account, 5))
    left = [0]
    ledger = replace(on_dynamodb, sleep=lambda _: None)

    def leave_out(parsed: Any, **_: Any) -> None:
        if left[0]:
            left[0] -= 1
            keys = [{name: item[name] for name in ("pk", "sk")} for item in parsed["Responses"].pop(ledger.table)]
            parsed["UnprocessedKeys"] = {ledger.table: {"Keys": keys, "ConsistentRead": True}}

    dynamodb.meta.events.register("after-call.dynamodb.BatchGetItem", leave_out)
    try:
        left[0] = 4
        assert ledger.used([account])[account].objects == 5
        left[0] = 5
        with pytest.raises(LedgerError, match="did not process"):
            ledger.used([account])
    finally:
        dynamodb.meta.events.unregister("after-call.dynamodb.BatchGetItem", leave_out)


def test_a_count_that_can_not_be_read_is_never_taken_for_none(on_dynamodb: DynamoLedger, dynamodb: Any) -> None:
    """Whatever is wrong with it."""
    account = new_account()
    claim(on_dynamodb, reserving(new_job(), account, 5))
    key = count_key(HOME, account)
    dynamodb.update_item(
        TableName=on_dynamodb.table,
        Key=key,
        UpdateExpression="REMOVE #name",
        ExpressionAttributeNames={"#name": "objects"},
    )
    with pytest.raises(UnreadableItemError, match="BUDGET"):
        on_dynamodb.used([account])


def test_a_count_expires_long_after_its_period(on_dynamodb: DynamoLedger, dynamodb: Any) -> None:
    """Not before any job that took of it can have ended, however short the record is kept."""
    account = new_account()
    claim(replace(on_dynamodb, kept=timedelta(days=1)), reserving(new_job(), account, 5))
    item = dynamodb.get_item(TableName=on_dynamodb.table, Key=count_key(HOME, account))["Item"]
    assert int(item["expires_at"]["N"]) == int((NOW + timedelta(days=32 + 60 + 1)).timestamp())


# --- What is open -----------------------------------------------------------------------------------


def test_what_is_open_comes_by_its_due_time_until_it_is_announced(ledger: PeoplesLedger) -> None:
    """Held, claimed and settled alike."""
    late = ledger.write(held(new_job(), due_at=NOW + timedelta(hours=1)), replacing=None)
    claim = ledger.write(claimed(new_job()), replacing=None)
    end = ledger.write(held(new_job(), phase=Phase.SETTLED, due_at=NOW), replacing=None)
    assert [item.ref for item in ledger.open_items()] == [end.ref, claim.ref, late.ref]
    assert ledger.ended([late.ref, claim.ref, end.ref, new_job()]) == frozenset()
    ledger.write(replace(end, due_at=None, announced_at=NOW), replacing=end)
    assert [item.ref for item in ledger.open_items()] == [claim.ref, late.ref]
    assert ledger.ended([late.ref, claim.ref, end.ref, new_job()]) == {end.ref}


def test_the_index_carries_what_the_sweep_and_people_look_at(ledger: PeoplesLedger) -> None:
    """The hint says of a hold what the truth says."""
    state = ledger.write(
        held(
            new_job(),
            until=NOW,
            block=Block.PAUSED,
            operation="S3PutObjectTagging",
            total_tasks=7,
            created_at=NOW,
            suspended_at=NOW,
        ),
        replacing=None,
    )
    [item] = ledger.open_items()
    assert isinstance(item, State)
    assert replace(item, decided_by=state.decided_by, evaluated=state.evaluated) == state


def test_all_pages_of_the_index_are_read(on_dynamodb: DynamoLedger, dynamodb: Any) -> None:
    """Whatever DynamoDB takes for a page."""
    refs = {on_dynamodb.write(held(new_job()), replacing=None).ref for _ in range(25)}

    def small_pages(params: Any, **_: Any) -> None:
        params["Limit"] = 4

    dynamodb.meta.events.register("before-parameter-build.dynamodb.Query", small_pages)
    try:
        assert {item.ref for item in on_dynamodb.open_items()} == refs
    finally:
        dynamodb.meta.events.unregister("before-parameter-build.dynamodb.Query", small_pages)
    assert on_dynamodb.ended([new_job() for _ in range(230)]) == frozenset()


def test_open_items_never_expire_and_ended_ones_do(on_dynamodb: DynamoLedger, dynamodb: Any) -> None:
    """400 days after the end was announced."""

    def expiry(state: State) -> int | None:
        key = {"pk": {"S": ":".join((*HOME, state.ref.job_id))}, "sk": {"S": "STATE"}}
        item = dynamodb.get_item(TableName=on_dynamodb.table, Key=key)["Item"]
        assert ("open" in item) is (state.due_at is not None)
        return int(item["expires_at"]["N"]) if "expires_at" in item else None

    state = on_dynamodb.write(held(new_job()), replacing=None)
    assert expiry(state) is None
    state = on_dynamodb.write(replace(state, phase=Phase.SETTLED, decided_at=NOW, due_at=NOW), replacing=state)
    assert expiry(state) is None
    state = on_dynamodb.write(replace(state, announced_at=NOW, due_at=None), replacing=state)
    assert expiry(state) == (NOW + timedelta(days=400)).timestamp()


def test_how_long_the_record_is_kept_is_a_choice(on_dynamodb: DynamoLedger, dynamodb: Any) -> None:
    """Of states once their end is announced, and of reviews, of which each counts from when it was made."""
    ledger = replace(on_dynamodb, kept=timedelta(days=3653))
    ref = new_job()
    state = ledger.write(held(ref), replacing=None, review=review(ref))
    ended = replace(state, phase=Phase.SETTLED, decided_at=NOW, announced_at=NOW, due_at=None)
    ledger.write(ended, replacing=state)
    found = dynamodb.query(
        TableName=ledger.table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": ":".join((*HOME, ref.job_id))}},
    )["Items"]
    assert {item["sk"]["S"].partition("#")[0]: int(item["expires_at"]["N"]) for item in found} == {
        "STATE": (NOW + timedelta(days=3653)).timestamp(),
        "REVIEW": (review(ref).at + timedelta(days=3653)).timestamp(),
    }


def test_an_item_of_a_newer_version_is_not_guessed_at(on_dynamodb: DynamoLedger, dynamodb: Any) -> None:
    """A rolled-back gate leaves it alone."""
    ref = new_job()
    key = {"pk": {"S": ":".join((*HOME, ref.job_id))}, "sk": {"S": "STATE"}}
    dynamodb.put_item(TableName=on_dynamodb.table, Item={**key, "schema_version": {"N": "2"}})
    with pytest.raises(LedgerError, match="newer version"):
        on_dynamodb.read(ref)


def test_the_history_keeps_every_review_in_order(on_dynamodb: DynamoLedger) -> None:
    """With what it rested on, as it was."""
    ref = new_job()
    first = on_dynamodb.write(held(ref), replacing=None, review=replace(review(ref), action=Action.HELD))
    later = replace(review(ref), at=NOW + timedelta(seconds=1))
    on_dynamodb.claim(replace(claimed(ref), rev=first.rev), replacing=first, review=later, breaker=CIRCUIT_BREAKER)
    history = on_dynamodb.history(ref)
    assert [each["action"] for each in history] == ["held", "approved"]
    assert history[0]["evidence"] == {"facts": {"tags": {"ü": "\x00<b>"}}}


def test_the_table_knows_since_when_the_gate_is(on_dynamodb: DynamoLedger, dynamodb: Any) -> None:
    """Asked once."""
    made = dynamodb.describe_table(TableName=on_dynamodb.table)["Table"]["CreationDateTime"]
    assert on_dynamodb.opened_at() == made
    dynamodb.delete_table(TableName=on_dynamodb.table)
    assert on_dynamodb.opened_at() == made


# --- One sweep at a time ----------------------------------------------------------------------------


def test_one_sweep_runs_at_a_time(ledger: PeoplesLedger, clock: SteppedClock) -> None:
    """Until it gives the lease back, or is out of time."""
    until = NOW + timedelta(minutes=5)
    assert ledger.begin_sweep("first", until)
    assert not ledger.begin_sweep("second", until)
    assert ledger.begin_sweep("first", until)
    ledger.end_sweep("second")
    assert not ledger.begin_sweep("second", until)
    ledger.end_sweep("first")
    ledger.end_sweep("first")
    assert ledger.begin_sweep("second", until)
    clock.advance(timedelta(minutes=5))
    assert ledger.begin_sweep("third", until + timedelta(minutes=5))


def test_a_sweeps_lease_that_nobody_can_have_is_none(on_dynamodb: DynamoLedger, dynamodb: Any) -> None:
    """Of another type, no instant, or further ahead than any sweep may take: else none would run any more."""
    until = NOW + timedelta(minutes=5)
    far = (NOW + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    for lease in ({"N": "5"}, {"S": "whenever"}, {"S": ""}, {"NULL": True}, {"S": far}):
        put_item(on_dynamodb, dynamodb, "SWEEP", owner={"S": "somebody"}, lease_until=lease)
        assert on_dynamodb.begin_sweep("me", until), lease
        on_dynamodb.end_sweep("me")
    put_item(on_dynamodb, dynamodb, "SWEEP", owner={"S": "somebody"})
    assert on_dynamodb.begin_sweep("me", until)
    assert not on_dynamodb.begin_sweep("another", until)


# --- Items that can't be read, and writes that overtake one another ---------------------------------


def put_item(ledger: DynamoLedger, dynamodb: Any, kind: str, **attributes: Any) -> None:
    """Write one of the gate's own items as nobody here would."""
    dynamodb.put_item(TableName=ledger.table, Item={"pk": {"S": ":".join(HOME)}, "sk": {"S": kind}, **attributes})


def put_state(ledger: DynamoLedger, dynamodb: Any, ref: JobRef, **attributes: Any) -> None:
    """Write a job's item with other attributes; None leaves one out."""
    item = {**item_of(held(ref, rev=1), "abcd"), **attributes}
    dynamodb.put_item(TableName=ledger.table, Item={name: each for name, each in item.items() if each is not None})


UNREADABLE: list[dict[str, Any]] = [
    {"schema_version": {"N": "2"}},
    {"schema_version": {"S": "1"}},
    {"schema_version": None},
    {"phase": {"S": "paused"}},
    {"phase": None},
    {"phase": {"N": "1"}},
    {"rev": None},
    {"rev": {"S": "1"}},
    {"rev": {"N": "1.5"}},
    {"requested_action": {"S": "both"}},
    {"block": {"S": "tired"}},
    {"first_held_at": {"S": "yesterday"}},
    {"first_held_at": {"S": "2026-03-27T12:00:00"}},
    {"lease_until": {"N": "1e30"}},
    {"maybe_sent": {"S": "true"}},
    {"total_tasks": {"NULL": True}},
]


@pytest.mark.parametrize("attributes", UNREADABLE, ids=str)
def test_an_item_that_can_not_be_read_costs_the_others_nothing(
    on_dynamodb: DynamoLedger, dynamodb: Any, attributes: dict[str, Any]
) -> None:
    """An error for who reads it; what is open comes all the same, with what is wrong beside it."""
    first, broken, last = new_job(), new_job(), new_job()
    on_dynamodb.write(held(first), replacing=None)
    put_state(on_dynamodb, dynamodb, broken, **attributes)
    on_dynamodb.write(held(last), replacing=None)
    with pytest.raises(UnreadableItemError, match=broken.job_id):
        on_dynamodb.read(broken)
    found = list(on_dynamodb.open_items())
    assert {item.ref for item in found if isinstance(item, State)} == {first, last}
    [unreadable] = [item for item in found if isinstance(item, Unreadable)]
    assert unreadable.ref == broken
    assert broken.job_id in str(unreadable.error)


@pytest.mark.parametrize(
    "attributes",
    [
        {"governing": {"S": "small"}},
        {"governing": {"L": [{"N": "1"}]}},
        {"outcome": {"S": "lost"}},
        {"held_for_known": {"S": "long"}},
    ],
    ids=str,
)
def test_what_the_index_does_not_carry_is_unreadable_to_who_reads_it(
    on_dynamodb: DynamoLedger, dynamodb: Any, attributes: dict[str, Any]
) -> None:
    """The sweep finds the job, and its review is an error of that job."""
    ref = new_job()
    put_state(on_dynamodb, dynamodb, ref, **attributes)
    assert [item.ref for item in on_dynamodb.open_items()] == [ref]
    with pytest.raises(UnreadableItemError):
        on_dynamodb.read(ref)


def test_a_key_that_names_no_job_is_unreadable_too(on_dynamodb: DynamoLedger, dynamodb: Any) -> None:
    """Whose it is nobody can say."""
    put_state(on_dynamodb, dynamodb, new_job(), pk={"S": "nobody"})
    [item] = on_dynamodb.open_items()
    assert isinstance(item, Unreadable)
    assert item.ref is None


def test_a_record_that_can_not_be_read_is_left_out_of_the_history(on_dynamodb: DynamoLedger, dynamodb: Any) -> None:
    """The others are shown."""
    ref = new_job()
    on_dynamodb.write(held(ref), replacing=None, review=review(ref))
    for number, said in enumerate(({"S": "{"}, {"S": "[]"}, {"N": "5"})):
        key = {"pk": {"S": ":".join((*HOME, ref.job_id))}, "sk": {"S": f"REVIEW#{number}"}}
        dynamodb.put_item(TableName=on_dynamodb.table, Item={**key, "review": said})
    assert [each["action"] for each in on_dynamodb.history(ref)] == ["approved"]


def test_a_pause_that_can_not_be_read_stays_a_pause(on_dynamodb: DynamoLedger, dynamodb: Any) -> None:
    """It is an error for who asks; no claim is written, and nobody ends it unseen."""
    put_item(on_dynamodb, dynamodb, "GATE", paused_at={"S": "yesterday"})
    with pytest.raises(UnreadableItemError):
        on_dynamodb.pause()
    with pytest.raises(UnreadableItemError):
        on_dynamodb.set_pause(None, replacing=None)
    ref = new_job()
    with pytest.raises(GatePausedError):
        on_dynamodb.claim(claimed(ref), replacing=None, review=review(ref), breaker=CIRCUIT_BREAKER)
    put_item(on_dynamodb, dynamodb, "GATE", paused_at={"S": "2026-03-27T12:00:00.000000Z"}, paused_by={"N": "5"})
    assert on_dynamodb.pause() == Pause(by="?", reason="?", at=NOW)


def test_a_circuit_breaker_that_can_not_be_read_cancels_nothing(on_dynamodb: DynamoLedger, dynamodb: Any) -> None:
    """It is the ledger's error; approvals go on."""
    for times in ({"L": [{"S": "yesterday"}]}, {"L": [{"N": "5"}]}, {"S": "x"}):
        put_item(on_dynamodb, dynamodb, "CIRCUIT_BREAKER", rev={"N": "1"}, times=times)
        ref = new_job()
        with pytest.raises(LedgerError):
            on_dynamodb.claim(
                claimed(ref, RequestedAction.CANCEL), replacing=None, review=review(ref), breaker=CIRCUIT_BREAKER
            )
        assert on_dynamodb.claim(claimed(ref), replacing=None, review=review(ref), breaker=CIRCUIT_BREAKER).rev == 1


def test_what_people_were_told_goes_forward_and_mends_itself(on_dynamodb: DynamoLedger, dynamodb: Any) -> None:
    """An older sweep's late write changes nothing; what no clock can have written is written anew."""
    earlier, later = NOW - timedelta(minutes=5), NOW + timedelta(minutes=1)
    assert on_dynamodb.notified() == Notified()
    on_dynamodb.set_notified(NOW, None)
    assert on_dynamodb.notified() == Notified(None, NOW)
    on_dynamodb.set_notified(later, NOW)
    on_dynamodb.set_notified(earlier, earlier)
    assert on_dynamodb.notified() == Notified(NOW, later)
    far = (NOW + timedelta(days=400)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    for told in ({"N": "5"}, {"S": "yesterday"}, {"S": far}):
        put_item(on_dynamodb, dynamodb, "DIGEST", notified_until=told, cancelled_until=told)
        assert on_dynamodb.notified() == Notified()
        on_dynamodb.set_notified(NOW, earlier)
        assert on_dynamodb.notified() == Notified(earlier, NOW)


def test_what_was_cancelled_in_a_time_is_found(ledger: PeoplesLedger) -> None:
    """By the gate, across days, from just after its beginning to its very end, oldest first; and nothing else."""
    begins, ends = NOW, NOW + timedelta(days=2)
    inside = [begins + timedelta(microseconds=1), begins + timedelta(hours=23), ends - timedelta(days=1), ends]
    outside = [begins, begins - timedelta(hours=13), ends + timedelta(microseconds=1), ends + timedelta(days=1)]
    expected = []
    for at in (*reversed(inside), *outside):
        state = ledger.write(cancelled(new_job(), at), replacing=None)
        expected += [state] * (at in inside)
        for changes in (
            {"requested_action": RequestedAction.APPROVE},
            {"outcome": Outcome.SUPERSEDED, "requested_action": None},
            {"outcome": Outcome.SUPERSEDED},
        ):
            ledger.write(replace(cancelled(new_job(), at), **changes), replacing=None)
    assert ledger.cancelled(begins, ends) == expected[::-1]
    for after in (ends, begins, begins + timedelta(seconds=1)):
        assert ledger.cancelled(after, begins) == []


def test_what_was_settled_in_a_time_is_found_the_latest_first(ledger: PeoplesLedger) -> None:
    """However it ended, across days, from its very beginning to just before its end; and nothing that is open."""
    begins, ends = NOW, NOW + timedelta(days=3)
    inside = [begins, begins + timedelta(hours=23), ends - timedelta(days=1), ends - timedelta(microseconds=1)]
    outside = [begins - timedelta(microseconds=1), ends, ends + timedelta(days=1)]
    ended: tuple[dict[str, Any], ...] = (
        {},
        {"requested_action": RequestedAction.APPROVE},
        {"outcome": Outcome.LAPSED, "requested_action": None},
    )
    expected = set()
    for at in (*inside, *outside):
        for changes in ended:
            state = ledger.write(replace(cancelled(new_job(), at), **changes), replacing=None)
            expected |= {state.ref} if at in inside else set()
    ledger.write(held(new_job()), replacing=None)
    found = [each for each in ledger.settled(begins, ends) if isinstance(each, State)]
    assert {each.ref for each in found} == expected
    assert [each.decided_at for each in found] == [at for at in reversed(inside) for _ in ended]
    for before in (begins, begins - timedelta(days=1)):
        assert list(ledger.settled(begins, before)) == []
    east = timezone(timedelta(hours=14))
    assert len(list(ledger.settled(begins.astimezone(east), ends.astimezone(east)))) == len(found)


def test_every_page_of_what_was_cancelled_is_read(on_dynamodb: DynamoLedger) -> None:
    """Two a page, as if they were large; an item of another version is reported, and hides none."""
    refs = [new_job() for _ in range(5)]
    for ref in refs:
        on_dynamodb.write(cancelled(ref, NOW), replacing=None)
    on_dynamodb.client.meta.events.register(
        "before-parameter-build.dynamodb.Query", lambda params, **_: params.setdefault("Limit", 2), unique_id="two"
    )
    try:
        newer = {**item_of(cancelled(new_job(), NOW), "w"), "schema_version": {"N": "99"}}
        on_dynamodb.client.put_item(TableName=on_dynamodb.table, Item=newer)
        found = on_dynamodb.cancelled(NOW - timedelta(hours=1), NOW)
        settled = list(on_dynamodb.settled(NOW - timedelta(hours=1), NOW + timedelta(hours=1)))
    finally:
        on_dynamodb.client.meta.events.unregister("before-parameter-build.dynamodb.Query", unique_id="two")
    for each in (found, settled):
        assert {item.ref for item in each if isinstance(item, State)} == set(refs)
        assert sum(isinstance(item, Unreadable) for item in each) == 1


def test_the_last_event_is_recorded_to_the_minute_and_goes_forward(
    on_dynamodb: DynamoLedger, dynamodb: Any, clock: SteppedClock
) -> None:
    """One write a minute for each instance, however many events come; one from the future is replaced."""
    assert on_dynamodb.last_event_at() is None
    for seconds, noted in ((0, 0), (1, 0), (59, 0), (60, 60), (61, 60), (119, 60), (185, 185)):
        on_dynamodb.note_event(NOW + timedelta(seconds=seconds))
        assert on_dynamodb.last_event_at() == NOW + timedelta(seconds=noted)
    another = replace(on_dynamodb, _event_noted_at=None)
    another.note_event(NOW)
    assert on_dynamodb.last_event_at() == NOW + timedelta(seconds=185)
    put_item(on_dynamodb, dynamodb, "EVENTS", received_at={"S": "9999-01-01T00:00:00.000000Z"})
    assert on_dynamodb.last_event_at() is None
    clock.advance(timedelta(hours=1))
    another.note_event(clock.now())
    assert on_dynamodb.last_event_at() == clock.now()


HEARTBEAT = Heartbeat(
    swept_at=NOW,
    since=NOW - timedelta(days=3),
    policy_version="7c41f09be2aa",
    policy_since=NOW - timedelta(days=2),
    problem="invalid policy document: \u2028",
    problem_since=NOW,
    failed=3,
    left=2,
    found=(FoundJob("job-1", NOW - timedelta(hours=1), NOW),),
)


def test_a_heartbeat_is_read_as_it_was_written(ledger: PeoplesLedger) -> None:
    """All of it; and the next one replaces it."""
    assert ledger.heartbeat() is None
    ledger.set_heartbeat(HEARTBEAT)
    assert ledger.heartbeat() == HEARTBEAT
    ledger.set_heartbeat(Heartbeat(swept_at=NOW, since=NOW))
    assert ledger.heartbeat() == Heartbeat(swept_at=NOW, since=NOW)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"swept_at": "2026-03-27T12:00:00", "since": "2026-03-27T12:00:00"}']
)
def test_a_heartbeat_that_can_not_be_read_is_none(on_dynamodb: DynamoLedger, dynamodb: Any, text: str) -> None:
    """The next sweep's replaces it; an instant without its offset could not be compared."""
    put_item(on_dynamodb, dynamodb, "HEARTBEAT", heartbeat={"S": text})
    assert on_dynamodb.heartbeat() is None
    on_dynamodb.set_heartbeat(HEARTBEAT)
    assert on_dynamodb.heartbeat() == HEARTBEAT


PAUSE = Pause(by="arn:aws:iam::123456789012:user/kim", reason="a doubtful policy", at=NOW)
ANOTHER = Pause(by="arn:aws:iam::123456789012:user/ana", reason="an incident", at=NOW + timedelta(seconds=5))


def test_a_pause_is_ended_only_by_who_saw_it(ledger: PeoplesLedger) -> None:
    """And begun only where there is none: who paused first has paused."""
    with pytest.raises(LedgerConflictError):
        ledger.set_pause(None, replacing=PAUSE)
    ledger.set_pause(PAUSE, replacing=None)
    with pytest.raises(LedgerConflictError):
        ledger.set_pause(ANOTHER, replacing=None)
    ledger.set_pause(None, replacing=PAUSE)
    ledger.set_pause(ANOTHER, replacing=None)
    with pytest.raises(LedgerConflictError):
        ledger.set_pause(None, replacing=PAUSE)
    assert ledger.pause() == ANOTHER


@pytest.mark.parametrize("ends", [False, True])
def test_a_repeated_write_of_a_pause_undoes_nothing_of_others(
    on_dynamodb: DynamoLedger, dynamodb: Any, ends: bool
) -> None:
    """The first answer is lost, somebody else acts, and botocore sends the same again."""
    if ends:
        on_dynamodb.set_pause(PAUSE, replacing=None)
    others = replace(on_dynamodb, client=fresh_dynamodb(dynamodb))
    lost = [True]

    def lose(request: Any, **_: Any) -> None:
        if lost.pop() if lost else False:
            dynamodb._endpoint.http_session.send(request)
            if ends:
                others.set_pause(ANOTHER, replacing=None)
            else:
                others.set_pause(None, replacing=PAUSE)
            raise ConnectionClosedError(endpoint_url="the local AWS")

    dynamodb.meta.events.register("before-send.dynamodb.PutItem", lose)
    try:
        with pytest.raises(LedgerConflictError):
            on_dynamodb.set_pause(None if ends else PAUSE, replacing=PAUSE if ends else None)
    finally:
        dynamodb.meta.events.unregister("before-send.dynamodb.PutItem", lose)
    assert on_dynamodb.pause() == (ANOTHER if ends else None)


def test_a_write_of_a_pause_whose_answer_was_lost_is_found_done(
    on_dynamodb: DynamoLedger, lose_answers: Callable[[int], None]
) -> None:
    """The item that is there is its own."""
    lose_answers(2)  # the reading, and the write
    on_dynamodb.set_pause(PAUSE, replacing=None)
    assert on_dynamodb.pause() == PAUSE
    lose_answers(2)
    on_dynamodb.set_pause(None, replacing=PAUSE)
    assert on_dynamodb.pause() is None


def fresh_dynamodb(like: Any) -> Any:
    """Another client of the same local AWS."""
    session: Any = boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test")
    url = like.meta.endpoint_url
    return session.client("dynamodb", endpoint_url=url, region_name="us-east-1", config=ledgers.CONFIG)
