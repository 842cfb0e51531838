"""People's approvals on DynamoDB: several at once, and answers that are lost at each call."""

from collections.abc import Callable, Iterator
from threading import Barrier, Thread
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError
from msgspec.structs import replace

from batchgate.aws import ledger as ledgers
from batchgate.aws.ledger import DynamoLedger
from batchgate.contract import create_table_arguments
from batchgate.errors import LedgerConflictError, RefusedError
from batchgate.gate.people import cancel_for, record_approval
from batchgate.gate.ports import Ports, Review
from batchgate.gate.review import review_job
from batchgate.gate.state import Outcome, Phase, State
from batchgate.jobs.model import JobRef
from tests.flow.stage import ACCOUNT, HOLD_ALL, REGION, Stage

PEOPLE = [f"arn:aws:iam::{ACCOUNT}:user/{name}" for name in ("ana", "ben", "cho", "dee")]
CALLS = 9
"""More calls of DynamoDB than an approval and its review make."""


@pytest.fixture(scope="module")
def dynamodb(local_s3: str) -> Any:
    """A real client of the local AWS."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
    return boto3.client("dynamodb", endpoint_url=local_s3, config=ledgers.CONFIG, **keys)  # type: ignore[call-overload]


class Gate:
    """A stage whose ledger is on DynamoDB."""

    def __init__(self, client: Any) -> None:
        self.stage = Stage(HOLD_ALL)
        name = f"people-{uuid4().hex[:12]}"
        client.create_table(**create_table_arguments(name))
        self.stage.adopt_existing = True
        self.ledger = DynamoLedger(client, name, ("aws", REGION, ACCOUNT), self.stage.clock)

    @property
    def ports(self) -> Ports:
        """Of one invocation."""
        return replace(self.stage.gate, ledger=self.ledger)

    def approve(self, ref: JobRef, who: str) -> Review:
        """Approve the job as it is."""
        return record_approval(ref, who, "looked at it", self.stage.digest(ref), self.ports)

    def state(self, ref: JobRef) -> State:
        """The truth of it."""
        state = self.ledger.read(ref)
        assert state is not None
        return state


@pytest.fixture
def gate(dynamodb: Any) -> Gate:
    """One that holds everything."""
    return Gate(dynamodb)


@pytest.fixture
def lose(dynamodb: Any) -> Iterator[Callable[..., None]]:
    """Have the answer of one of the next requests be lost, and something happen before botocore sends it again."""
    planned: list[tuple[int, Callable[[], object]]] = []
    sent = [0]

    def intercept(request: Any, **_: Any) -> None:
        sent[0] += 1
        if planned and sent[0] == planned[0][0]:
            meanwhile = planned.pop()[1]
            dynamodb._endpoint.http_session.send(request)
            meanwhile()
            raise ConnectionClosedError(endpoint_url="the local AWS")

    def plan(number: int, meanwhile: Callable[[], object] = lambda: None) -> None:
        planned.append((sent[0] + number, meanwhile))

    dynamodb.meta.events.register("before-send.dynamodb", intercept)
    yield plan
    dynamodb.meta.events.unregister("before-send.dynamodb", intercept)


@pytest.mark.parametrize("number", range(1, CALLS))
@pytest.mark.parametrize("held", [False, True])
def test_an_approval_any_of_whose_answers_is_lost_is_made_once(
    gate: Gate, lose: Callable[..., None], held: bool, number: int
) -> None:
    """Botocore sends the call again, and the write is found done."""
    ref = gate.stage.create()
    if held:
        review_job(ref, gate.ports)
    lose(number)
    assert gate.approve(ref, PEOPLE[0]).action == "approved"
    state = gate.state(ref)
    assert (state.outcome, state.people, len(state.approvals)) == (Outcome.APPLIED, (PEOPLE[0],), 1)
    assert gate.stage.updates == ["Ready"]


@pytest.mark.parametrize("number", range(1, CALLS))
def test_another_approval_between_a_lost_answer_and_the_second_try_loses_nothing(
    gate: Gate, lose: Callable[..., None], number: int
) -> None:
    """The second try fails on its condition; it is found on record, written once, and returns what came of it."""
    gate.stage.enforce(HOLD_ALL.replace("required", "{at_least: 2}"))
    ref = gate.stage.create()
    told: list[Review | RefusedError] = []

    def meanwhile() -> None:
        try:
            told.append(gate.approve(ref, PEOPLE[1]))
        except RefusedError as error:
            told.append(error)

    lose(number, meanwhile)
    first = gate.approve(ref, PEOPLE[0])
    if not told:
        told.append(gate.approve(ref, PEOPLE[1]))
    state = gate.state(ref)
    assert sorted(each.who for each in state.approvals) == PEOPLE[:2]
    assert first.action in ("approved", "held", "pending")
    if state.phase is Phase.CLAIMED:  # the claim's own answer was lost, and its owner could not know it for its own
        gate.stage.advance(minutes=5)
        review_job(ref, gate.ports)
        state = gate.state(ref)
    assert (state.outcome, sorted(state.people)) == (Outcome.APPLIED, PEOPLE[:2])
    assert gate.stage.updates == ["Ready"]


def test_of_four_people_at_once_all_are_counted_and_the_job_is_approved_once(gate: Gate) -> None:
    """Whoever's review loses against the others' finds its approval on record all the same."""
    gate.stage.enforce(HOLD_ALL.replace("required", "{at_least: 4}"))
    ref, barrier = gate.stage.create(), Barrier(len(PEOPLE))
    digest = gate.stage.digest(ref)
    failed: list[BaseException] = []

    def approve(who: str) -> None:
        ports = gate.ports
        barrier.wait()
        try:
            record_approval(ref, who, "looked at it", digest, ports)
        except LedgerConflictError:
            pass  # its review; the approval is on record
        except Exception as error:  # noqa: BLE001 - of another thread
            failed.append(error)

    _run([Thread(target=approve, args=(who,)) for who in PEOPLE])
    assert failed == []
    assert sorted(each.who for each in gate.state(ref).approvals) == PEOPLE
    gate.stage.advance(minutes=5)
    review_job(ref, gate.ports)
    state = gate.state(ref)
    assert (state.outcome, sorted(state.people)) == (Outcome.APPLIED, PEOPLE)
    assert gate.stage.updates == ["Ready"]


@pytest.mark.parametrize("_", range(8))
def test_of_an_approval_and_a_cancellation_at_once_one_decides(gate: Gate, _: int) -> None:
    """By threads: S3, the ledger and whoever won agree."""
    ref, barrier = gate.stage.create(), Barrier(2)
    digest = gate.stage.digest(ref)
    told: dict[str, Any] = {}

    def decide(how: Callable[..., Review], who: str) -> None:
        ports = gate.ports
        barrier.wait()
        try:
            told[who] = how(ref, who, "looked at it", digest, ports).action
        except (RefusedError, LedgerConflictError) as error:
            told[who] = error

    _run([Thread(target=decide, args=each) for each in ((record_approval, PEOPLE[0]), (cancel_for, PEOPLE[1]))])
    gate.stage.advance(minutes=5)
    review_job(ref, gate.ports)
    state = gate.state(ref)
    assert (state.phase, state.outcome) == (Phase.SETTLED, Outcome.APPLIED)
    assert state.requested_action is not None
    winner = PEOPLE[1] if gate.stage.status(ref) == "Cancelled" else PEOPLE[0]
    assert state.people == (winner,)
    assert told[winner] == state.requested_action.done
    assert len(gate.stage.updates) == 1


def _run(threads: list[Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
