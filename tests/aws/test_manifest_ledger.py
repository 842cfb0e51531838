"""What is known of manifests, kept alike on DynamoDB and in memory; and how readings start and end."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.stub import Stubber
from msgspec.structs import replace

from batchgate.aws import ledger as ledgers
from batchgate.aws.manifest_ledger import DynamoManifestLedger
from batchgate.aws.reading_machine import JobEventQueue, StateMachine
from batchgate.contract import create_table_arguments
from batchgate.errors import LedgerConflictError, LedgerError, ManifestsApiError, UnreadableItemError
from batchgate.gate.manifest_reading import ManifestLedger, Reading, ReadingRequest
from batchgate.jobs.events import is_own_request, parse_job_event
from batchgate.jobs.manifest_contents import BUCKETS_AT_MOST, ManifestContents
from batchgate.jobs.model import JobRef
from batchgate.jobs.named_manifest import NamedManifest
from batchgate.manifest.counts import PartCounts
from batchgate_cli.local.memory_manifests import MemoryManifestLedger
from s3batch_emulator import SteppedClock

NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
HOME = ("aws", "us-east-1", "123456789012")
JOB = JobRef(*HOME, "00000000-0000-4000-8000-000000000001")
MANY = {f"{number:063}": 10**9 for number in range(BUCKETS_AT_MOST)}
ids = (f"{number:064x}" for number in count(1))


def client(service: str, endpoint_url: str) -> Any:
    """A real client of the local AWS."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=ledgers.CONFIG,
    )


@pytest.fixture
def on_dynamodb(local_s3: str) -> DynamoManifestLedger:
    """On a table of its own, made as the stack makes it."""
    dynamodb, name = client("dynamodb", local_s3), f"ledger-{uuid4().hex[:12]}"
    dynamodb.create_table(**create_table_arguments(name))
    return DynamoManifestLedger(dynamodb, name, HOME, SteppedClock(NOW), timedelta(days=400))


@pytest.fixture(params=["on DynamoDB", "in memory"])
def ledger(request: pytest.FixtureRequest) -> ManifestLedger:
    """One and the other."""
    if request.param == "in memory":
        return MemoryManifestLedger()
    made: DynamoManifestLedger = request.getfixturevalue("on_dynamodb")
    return made


def begun(**changes: Any) -> Reading:
    """A reading that has begun."""
    return replace(Reading(attempt=1, began_at=NOW, ends_at=NOW + timedelta(hours=6)), **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"parts": 64, "contents": ManifestContents(10**12, 7, MANY, None)},
        {"parts": 64, "contents": ManifestContents(10**12, 7, None, 10**18)},
        {"attempt": 9, "why": "the manifest is another by now", "again_at": NOW + timedelta(days=1)},
    ],
)
def test_a_reading_is_read_as_it_was_written(ledger: ManifestLedger, changes: dict[str, Any]) -> None:
    """Each as a whole, under its own id."""
    one, other = next(ids), next(ids)
    assert ledger.reading(one) is None
    written = ledger.write_reading(one, begun(**changes), replacing=None)
    assert written == begun(**changes, rev=1) == ledger.reading(one)
    assert ledger.reading(other) is None


def test_of_two_writers_one_is_first(ledger: ManifestLedger) -> None:
    """Whether there was something before or not; the other changes nothing."""
    one = next(ids)
    first = ledger.write_reading(one, begun(), replacing=None)
    with pytest.raises(LedgerConflictError):
        ledger.write_reading(one, begun(parts=7), replacing=None)
    second = ledger.write_reading(one, begun(parts=8), replacing=first)
    with pytest.raises(LedgerConflictError):
        ledger.write_reading(one, begun(parts=9), replacing=first)
    assert ledger.reading(one) == second == begun(parts=8, rev=2)


def test_parts_come_in_their_order_and_each_once(ledger: ManifestLedger) -> None:
    """However often and in which order they are written; those of other manifests are not among them."""
    one, other = next(ids), next(ids)
    numbers = [32_767, 0, 9, 10, 100, 10]
    for number in numbers:
        ledger.write_part(one, number, PartCounts(rows=number, buckets={"lake": number}))
    ledger.write_part(other, 1, PartCounts(rows=1))
    ledger.write_reading(one, begun(), replacing=None)
    assert [(number, counts.rows) for number, counts in ledger.parts(one)] == [
        (each, each) for each in sorted({*numbers})
    ]
    assert ledger.parts_read(one) == 5
    assert [ledger.has_part(one, number) for number in (9, 11)] == [True, False]
    assert list(ledger.parts(next(ids))) == []


def test_many_parts_are_read_page_by_page(on_dynamodb: DynamoManifestLedger) -> None:
    """DynamoDB answers at most 1 MB at once: what is kept of 40 parts with a thousand buckets each is more."""
    one = next(ids)
    for number in range(40):
        on_dynamodb.write_part(one, number, PartCounts(rows=number, buckets=MANY))
    assert [number for number, _ in on_dynamodb.parts(one)] == [*range(40)]
    assert on_dynamodb.parts_read(one) is None


def test_they_expire_as_other_records_do(on_dynamodb: DynamoManifestLedger) -> None:
    """What was counted as late as decided jobs, its parts after a week."""
    one = next(ids)
    on_dynamodb.write_reading(one, begun(), replacing=None)
    on_dynamodb.write_part(one, 0, PartCounts())
    items = on_dynamodb.client.scan(TableName=on_dynamodb.table)["Items"]
    kept = {item["sk"]["S"]: datetime.fromtimestamp(int(item["expires_at"]["N"]), UTC) - NOW for item in items}
    assert kept == {"READING": timedelta(days=400), "PART#00000": timedelta(days=7)}
    assert {item["pk"]["S"] for item in items} == {f"aws:us-east-1:123456789012:manifest:{one}"}
    assert not any("open" in item or "day" in item for item in items)


def test_a_write_whose_answer_was_lost_is_a_success(on_dynamodb: DynamoManifestLedger) -> None:
    """The client sends it again, and finds its own."""
    one = next(ids)
    lost: list[Any] = []
    dynamodb: Any = on_dynamodb.client

    def lose(request: Any, **_: object) -> AWSResponse | None:
        if lost:
            return None
        lost.append(dynamodb._endpoint.http_session.send(request))
        headers: Any = {}
        return AWSResponse(request.url, 500, headers, lost[0].raw)

    dynamodb.meta.events.register_first("before-send.dynamodb.PutItem", lose)
    assert on_dynamodb.write_reading(one, begun(), replacing=None).rev == 1
    assert lost
    assert on_dynamodb.reading(one) == begun(rev=1)


def test_an_item_that_can_not_be_read_says_which(on_dynamodb: DynamoManifestLedger) -> None:
    """Nothing is counted from it."""
    one = next(ids)
    key = {"pk": {"S": f"aws:us-east-1:123456789012:manifest:{one}"}}
    for kind, item in (
        ("READING", {"reading": {"S": "{}"}, "rev": {"N": "1"}}),
        ("PART#00000", {"counts": {"N": "1"}}),
    ):
        whole: Any = {**key, "sk": {"S": kind}, **item}
        on_dynamodb.client.put_item(TableName=on_dynamodb.table, Item=whole)
    with pytest.raises(UnreadableItemError, match=one):
        on_dynamodb.reading(one)
    with pytest.raises(UnreadableItemError, match=one):
        list(on_dynamodb.parts(one))


def test_a_table_that_fails_is_an_error_of_the_ledger(on_dynamodb: DynamoManifestLedger) -> None:
    """Of every call."""
    away = DynamoManifestLedger(on_dynamodb.client, "not-there", HOME, SteppedClock(NOW))
    one = next(ids)
    for call in (
        lambda: away.reading(one),
        lambda: away.write_reading(one, begun(), replacing=None),
        lambda: away.write_part(one, 0, PartCounts()),
        lambda: away.has_part(one, 0),
        lambda: list(away.parts(one)),
        lambda: away.parts_read(one),
    ):
        with pytest.raises(LedgerError):
            call()


# --- Step Functions and the queue -----------------------------------------------------------------------

REQUEST = ReadingRequest(NamedManifest("b", "k", "e"), 3, JOB.arn)
PASS = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}


def test_an_execution_is_started_once_whatever_its_input(local_s3: str) -> None:
    """While it runs, after it ended, and for another job."""
    states = client("stepfunctions", local_s3)
    role = "arn:aws:iam::123456789012:role/states"
    made = states.create_state_machine(name=f"m-{uuid4().hex[:8]}", definition=json.dumps(PASS), roleArn=role)
    machine = StateMachine(states, made["stateMachineArn"])
    for job in ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"):
        for _ in range(2):
            machine.start(ReadingRequest(REQUEST.manifest, 3, JobRef(*HOME, job).arn))
    [execution] = states.list_executions(stateMachineArn=machine.arn)["executions"]
    assert execution["name"] == REQUEST.name == f"{REQUEST.manifest.id}-3"
    started = states.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(started["input"])["request"]["job_arn"] == JOB.arn


def test_an_execution_that_can_not_be_started_is_an_error(local_s3: str) -> None:
    """The reading has begun, and the next review starts it."""
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:not-there"
    with pytest.raises(ManifestsApiError, match="StartExecution"):
        StateMachine(client("stepfunctions", local_s3), arn).start(REQUEST)


def test_the_queue_gets_what_its_function_reads(local_s3: str) -> None:
    """A request of the gate's own, for the job."""
    sqs = client("sqs", local_s3)
    url = sqs.create_queue(QueueName=f"q-{uuid4().hex[:8]}")["QueueUrl"]
    JobEventQueue(sqs, url).send(JOB.arn)
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert is_own_request(json.loads(message["Body"]))
    assert parse_job_event(json.loads(message["Body"])) == JOB


def test_a_queue_that_refuses_is_an_error(local_s3: str) -> None:
    """The sweep reviews the job."""
    sqs = client("sqs", local_s3)
    stub = Stubber(sqs)
    stub.add_client_error("send_message", "AccessDenied", http_status_code=403)
    with stub, pytest.raises(ManifestsApiError, match="SendMessage"):
        JobEventQueue(sqs, "http://127.0.0.1/q").send(JOB.arn)
