"""Every item, event, message and log line fits where it goes, whatever policies, requesters and people write."""

import io
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import boto3
import pytest
from aws_lambda_powertools import Logger
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from batchgate.aws import ledger as ledgers
from batchgate.aws.announcements import Announcements
from batchgate.aws.ledger import DynamoLedger
from batchgate.aws.notices import TopicNotices
from batchgate.contract import create_table_arguments
from batchgate.errors import PROBLEMS_LISTED, PolicyError
from batchgate.gate.digest import digest
from batchgate.gate.people import cancel_for, record_approval, show_job
from batchgate.gate.ports import CircuitBreaker, JobSnapshot, ListedJob, Ports
from batchgate.gate.review import review_job
from batchgate.gate.state import RequestedAction, State
from batchgate.jobs.manifest_contents import BUCKETS_AT_MOST, ManifestContents
from batchgate.jobs.model import Job, JobRef, JobStatus, Json, RequestedStatus
from batchgate.policy.canonical import DOCUMENT_BYTES_AT_MOST, canonical_json
from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import PolicySet
from batchgate.policy.facts import Gap
from batchgate.policy.validation import read_document
from batchgate.policy.wording import NAMES_AT_MOST, first_of
from s3batch_emulator import SteppedClock

ITEM_BYTES = 400 * 1024
TRANSACTION_BYTES = 4 * 1024 * 1024
"""Source: DynamoDB developer guide, quotas."""
ENTRY_BYTES = 256 * 1024
"""Source: EventBridge user guide, "Calculating PutEvents event entry size"."""
MESSAGE_BYTES = 256 * 1024
SUBJECT_CHARACTERS = 100
"""Source: SNS API, Publish."""
LINE_BYTES = 256 * 1024
"""Source: CloudWatch Logs quotas, as they were before they grew to 1 MB."""

NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
HOME = ("aws", "us-east-1", "123456789012")
WIDE = "\N{CJK UNIFIED IDEOGRAPH-20000}"
"""A character of four bytes in UTF-8, and of twelve in canonical JSON."""

Written = dict[str, Any]


# --- What a document and a job may hold at most -----------------------------------------------------------


def filled(statement: Mapping[str, Any], kind: str, character: str, require: list[Any]) -> Written:
    """As many statements as a document may hold, each with a name as long as may be."""
    one = {**statement, "name": "n", "require": require}
    each = len(json.dumps(one)) + 64 * (len(json.dumps(character)) - 2) + 2
    count = (DOCUMENT_BYTES_AT_MOST - 200) // each
    statements = [{**one, "name": f"{number:06}".ljust(64, character)} for number in range(count)]
    approving: Written = {"name": "approves", "require": []}
    return {
        "version": 1,
        "policies": [approving],
        kind: [*statements, *([approving] if kind == "policies" else [])],
    }


DOCUMENTS: Mapping[str, Written] = {
    "names that govern": filled({}, "policies", "n", []),
    "wide names that govern": filled({}, "policies", WIDE, []),
    "names that object": filled({}, "guardrails", "n", [{"priority": {"at_least": 11}}]),
    "wide names that cancel": filled({"on_violation": "cancel"}, "guardrails", WIDE, [{"priority": {"at_least": 11}}]),
    "long keys and values of tags": filled(
        {}, "guardrails", "n", [{"tags": {f"{number}".ljust(128, WIDE): WIDE * 256 for number in range(9)}}]
    ),
    "one endless pattern": {
        "version": 1,
        "guardrails": [{"name": "g", "require": [{"description": "x" * (DOCUMENT_BYTES_AT_MOST - 200)}]}],
    },
    "one endless path": {
        "version": 1,
        "guardrails": [
            {
                "name": "g",
                "require": [
                    {"operation_parameters": {f"S3New.{'x' * (DOCUMENT_BYTES_AT_MOST - 300)}": {"present": True}}}
                ],
            }
        ],
    },
}
MANY: Json = [{"Key": f"{number}".ljust(128, WIDE), "Value": WIDE * 256} for number in range(2_000)]
HUGE: Mapping[str, Json] = {
    "JobArn": f"arn:aws:s3:us-east-1:123456789012:job/{'j' * 36}",
    "Status": "Suspended",
    "Priority": 10,
    "RoleArn": f"arn:aws:iam::123456789012:role/{'r' * 2_000}",
    "Description": WIDE * 256,
    "Operation": {"S3PutObjectTagging": {"TagSet": MANY}},
    "ProgressSummary": {"TotalNumberOfTasks": 10},
    "Manifest": {
        "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
        "Location": {
            "ObjectArn": f"arn:aws:s3:::lake/{WIDE * 1_900}",
            "ETag": "e" * 1_024,
            "ObjectVersionId": "v" * 2_000,
        },
    },
    "Report": {"Enabled": True, "Bucket": f"arn:aws:s3:::{'b' * 115}", "Prefix": WIDE * 512},
    "SuspendedDate": NOW.isoformat(),
    "CreationTime": NOW.isoformat(),
}
TAGS: Mapping[str, str] = {f"{number}".ljust(128, WIDE): WIDE * 256 for number in range(50)}


def with_operation(name: str, parameters: Json) -> dict[str, Json]:
    """The same job of another operation."""
    return {**HUGE, "Operation": {name: parameters}}


JOBS: Mapping[str, Mapping[str, Json]] = {
    "tagging": HUGE,
    "a function with arguments": with_operation(
        "LambdaInvoke", {"UserArguments": {WIDE * n: WIDE * 1_000 for n in range(1, 90)}}
    ),
    "an operation to come": with_operation(f"S3{'N' * 100_000}", {"x" * 300_000: "y" * 300_000}),
}


# --- The gate before them ---------------------------------------------------------------------------------


@dataclass
class OneJob:
    """The `JobsApi` port on one job that S3 describes; every update is taken."""

    job: Job

    def describe(self, _ref: JobRef) -> Job:
        """The job."""
        return self.job

    def snapshot(self, _ref: JobRef, *, with_tags: bool) -> JobSnapshot:
        """The job, and its tags whether they were asked for or not."""
        assert with_tags in (True, False)
        return JobSnapshot(self.job, TAGS, NOW)

    def list_jobs(self, _account_id: str, _statuses: tuple[JobStatus, ...]) -> Iterator[ListedJob]:
        """Nothing."""
        yield from ()

    def update_status(self, _ref: JobRef, _status: RequestedStatus, reason: str) -> None:
        """As S3 would take it."""
        assert 1 <= len(reason) <= 256

    def size(self, _job: Job) -> int | Gap:
        """The `ManifestsApi` port, too."""
        return 1

    def contents(self, _job: Job) -> ManifestContents | Gap:
        """As many buckets as are counted one by one."""
        buckets = {f"{number:063}": 10**9 for number in range(BUCKETS_AT_MOST)}
        return ManifestContents(10**12, 10**12, buckets, 10**18)

    def now(self) -> datetime:
        """And the clock."""
        return NOW


@dataclass
class Sent:
    """What went out.

    Attributes:
        items: Each item that was written.
        transactions: The items of each transaction.
        entries: Each event.
        lines: The log.
    """

    items: list[dict[str, Any]] = field(default_factory=list)
    transactions: list[list[dict[str, Any]]] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)
    lines: io.StringIO = field(default_factory=io.StringIO)

    def note_write(self, params: dict[str, Any], **_: Any) -> None:
        """Note what DynamoDB is asked for."""
        asked = json.loads(params["body"])
        if "TransactItems" in asked:
            items = [put["Put"]["Item"] for put in asked["TransactItems"] if "Put" in put]
            self.transactions.append(items)
            self.items += items
        elif "Item" in asked:
            self.items.append(asked["Item"])

    def note_event(self, params: dict[str, Any], **_: Any) -> None:
        """Note what EventBridge is asked for."""
        self.entries += json.loads(params["body"])["Entries"]

    def must_fit(self) -> None:
        """All of it."""
        assert self.items
        assert max(map(item_bytes, self.items)) <= ITEM_BYTES
        assert all(sum(map(item_bytes, items)) <= TRANSACTION_BYTES for items in self.transactions)
        assert max(map(entry_bytes, self.entries), default=0) <= ENTRY_BYTES
        lines = self.lines.getvalue().splitlines()
        assert lines
        assert max(len(line.encode()) for line in lines) <= LINE_BYTES


def item_bytes(item: Mapping[str, Any]) -> int:
    """As DynamoDB counts. Source: DynamoDB developer guide, item sizes and formats."""
    return sum(len(name.encode()) + value_bytes(value) for name, value in item.items())


def value_bytes(value: Mapping[str, Any]) -> int:
    """As DynamoDB counts one attribute's value."""
    [(kind, said)] = value.items()
    if kind == "L":
        return 3 + sum(1 + value_bytes(each) for each in said)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + value_bytes(each) for name, each in said.items())
    return 1 if kind == "BOOL" else len(said.encode())


def entry_bytes(entry: Mapping[str, Any]) -> int:
    """As EventBridge counts."""
    texts = (entry["Source"], entry["DetailType"], entry["Detail"], *entry["Resources"])
    return 14 + sum(len(text.encode()) for text in texts)


@dataclass
class World:
    """Local AWS with a table and a bus, and what was sent to it."""

    ledger: DynamoLedger
    announcements: Announcements
    sent: Sent

    def gate(self, document: Written, described: Mapping[str, Json]) -> tuple[JobRef, Ports]:
        """A gate with these policies before this job, which is new."""
        arn = f"arn:aws:s3:us-east-1:123456789012:job/{uuid4()}"
        ports = OneJob(Job.from_description({**described, "JobArn": arn}))
        policies = compile_policies(document)

        class Policies:
            def current(self) -> PolicySet:
                return policies

        return ports.job.ref, Ports(
            jobs=ports,
            manifests=ports,
            policies=Policies(),
            ledger=self.ledger,
            announcer=self.announcements,
            clock=ports,
            new_claim_id=lambda: "5f3a91c2",
            deadline=NOW + timedelta(minutes=5),
            breaker=CircuitBreaker(1_000, timedelta(days=1)),
            adopt_existing=True,
        )


@pytest.fixture(scope="module")
def clients(local_s3: str) -> dict[str, Any]:
    """Real clients of the local AWS."""
    names = ("dynamodb", "events", "sns")
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return {
        name: boto3.client(name, endpoint_url=local_s3, region_name="us-east-1", **keys)  # type: ignore[call-overload]
        for name in names
    }


@pytest.fixture
def world(clients: dict[str, Any]) -> Iterator[World]:
    """A gate's surroundings that note what they are sent."""
    sent = Sent()
    dynamodb, events = clients["dynamodb"], clients["events"]
    table = f"ledger-{uuid4().hex[:12]}"
    dynamodb.create_table(**create_table_arguments(table))
    hooks = ((dynamodb, "before-call.dynamodb", sent.note_write), (events, "before-call.events", sent.note_event))
    for client, name, hook in hooks:
        client.meta.events.register(name, hook)
    logger = Logger(service=f"test-{uuid4().hex}", logger_handler=logging.StreamHandler(sent.lines))
    yield World(DynamoLedger(dynamodb, table, HOME, SteppedClock(NOW)), Announcements(logger, "default", events), sent)
    for client, name, hook in hooks:
        client.meta.events.unregister(name, hook)


# --- The tests --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_of_the_documents_is_nearly_as_large_as_may_be(document: str) -> None:
    """Or they would show nothing."""
    size = len(canonical_json(read_document(DOCUMENTS[document])))
    assert DOCUMENT_BYTES_AT_MOST * 0.75 < size <= DOCUMENT_BYTES_AT_MOST


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_review_writes_and_sends_fits(world: World, document: str, job: str) -> None:
    """The state, the history, the transaction of both, the event and the log line."""
    ref, gate = world.gate(DOCUMENTS[document], JOBS[job])
    review = review_job(ref, gate)
    world.sent.must_fit()
    assert world.sent.entries
    state = world.ledger.read(ref)
    assert state is not None
    assert len(state.governing) <= NAMES_AT_MOST
    [*_, last] = json.loads(world.sent.entries[-1]["Detail"])["policies"] or [""]
    assert len(review.governing) < NAMES_AT_MOST or last.endswith(" more")


@pytest.mark.parametrize("requested_action", RequestedAction)
def test_what_a_person_writes_and_sends_fits(world: World, requested_action: RequestedAction) -> None:
    """However much they say, and however long their names are."""
    ref, gate = world.gate(DOCUMENTS["wide names that cancel"], HUGE)
    arn = f"arn:aws:sts::123456789012:assumed-role/{'r' * 64}/{'s' * 64}"
    decide = record_approval if requested_action is RequestedAction.APPROVE else cancel_for
    review = decide(ref, arn, WIDE * 500_000, show_job(ref, gate).digest, gate)
    assert review.action == (
        "held" if requested_action is RequestedAction.APPROVE else "cancelled"
    )  # policies cancel it
    world.sent.must_fit()


def test_a_day_of_cancellations_by_people_fits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The circuit breaker counts them all, and only the last thousands have to be known."""
    monkeypatch.setattr(ledgers, "_CANCELLATIONS_KEPT", 5)
    for _ in range(7):
        ref, gate = world.gate(DOCUMENTS["wide names that cancel"], HUGE)
        cancel_for(ref, "arn:aws:iam::123456789012:user/ana", "clean", show_job(ref, gate).digest, gate)
    [breaker] = [item for item in world.sent.transactions[-1] if item["sk"]["S"] == "CIRCUIT_BREAKER"]
    assert len(breaker["times"]["L"]) == 5


def test_as_many_cancellations_as_are_kept_fit() -> None:
    """Five thousand times of 27 characters."""
    item = {"pk": {"S": ":".join(HOME)}, "sk": {"S": "CIRCUIT_BREAKER"}, "times": {"L": [{"S": "t" * 27}] * 5_000}}
    assert ledgers._CANCELLATIONS_KEPT == 5_000
    assert item_bytes(item) <= ITEM_BYTES


def test_a_digest_fits(world: World, clients: dict[str, Any]) -> None:
    """Of hundreds of jobs with the longest texts that the ledger holds."""
    ref, gate = world.gate(DOCUMENTS["wide names that govern"], JOBS["an operation to come"])
    review_job(ref, gate)
    [held] = [item for item in world.ledger.open_items() if isinstance(item, State) and item.ref == ref]
    waiting = [held] * 500
    notice = replace(digest(waiting, [held], waiting, "123456789012", "us-east-1", NOW), subject="s" * 500)
    sent: list[dict[str, str]] = []
    clients["sns"].meta.events.register("before-call.sns", lambda params, **_: sent.append(params["body"]))
    topic = clients["sns"].create_topic(Name=f"t-{uuid4().hex[:8]}")["TopicArn"]
    for chat in (False, True):
        TopicNotices(clients["sns"], topic, SteppedClock(NOW), chat=chat).send(notice)
        assert len(sent[-1]["Message"].encode()) <= MESSAGE_BYTES
        assert len(sent[-1]["Subject"]) <= SUBJECT_CHARACTERS
        assert "..." in sent[-1]["Subject"]


def test_ten_thousand_problems_make_a_short_message() -> None:
    """AppConfig, and whoever reads the log, gets the first of them and how many more there are."""
    data = {
        "version": 1,
        "policies": [{"name": f"{n}", "require": [{"total_tusks": "x" * 500}]} for n in range(10_000)],
    }
    with pytest.raises(PolicyError) as refused:
        compile_policies(data)
    assert len(refused.value.problems) >= 10_000
    assert len(str(refused.value)) <= LINE_BYTES
    assert str(refused.value).endswith(f"+{len(refused.value.problems) - PROBLEMS_LISTED} more")
    assert first_of(["x"] * 1_000)[-1] == f"+{1_000 - NAMES_AT_MOST + 1} more"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=64), min_size=1, max_size=300, unique=True),
    st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1, max_size=128), st.just(WIDE * 256), max_size=9),
    st.sampled_from(["hold", "cancel"]),
    st.sampled_from(sorted(JOBS)),
)
def test_names_and_tags_of_any_characters_fit(
    world: World, names: list[str], tags: dict[str, str], on_violation: str, job: str
) -> None:
    """Control characters, quotes and astral planes take more room in JSON than they have characters."""
    requirements: list[Any] = [{"tags": {key: value}} for key, value in tags.items()]
    statements = [
        {"name": name, "require": [*requirements, {"priority": {"at_least": 11}}], "on_violation": on_violation}
        for name in names
    ]
    ref, gate = world.gate({"version": 1, "guardrails": statements}, JOBS[job])
    review_job(ref, gate)
    world.sent.must_fit()
