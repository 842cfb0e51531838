"""Every call that the gate makes, and every way in which its answer can be damaged: an error, or a gap, or the truth.

The real client reads what a stub of the connection gives it. Two properties: no damage ever surfaces as an exception
that is not the port's own, and none ever as a fact that S3 did not state.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from io import StringIO
from typing import Any

import boto3
import msgspec
import pytest
from aws_lambda_powertools import Logger
from botocore.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchgate.aws import announcements, cloudtrail, notices
from batchgate.aws.appconfig import AppConfigPolicy
from batchgate.aws.deployed import GateParameter, PushedPolicies
from batchgate.aws.ledger import DynamoLedger
from batchgate.aws.ledger_items import item_of
from batchgate.aws.manifest_ledger import DynamoManifestLedger
from batchgate.aws.manifests import StoredManifests
from batchgate.aws.pace import Evenly
from batchgate.aws.policy_versions import HostedPolicies
from batchgate.aws.reading_machine import JobEventQueue, StateMachine
from batchgate.aws.s3control import S3Control
from batchgate.contract import PUSHED, ProfileLocation
from batchgate.errors import (
    AnnounceError,
    ClockError,
    DeploymentError,
    GateError,
    JobsApiError,
    LedgerConflictError,
    LedgerError,
    ManifestsApiError,
    PolicyUnavailableError,
    UpdateUnclearError,
)
from batchgate.gate.manifest_reading import Reading, ReadingRequest
from batchgate.gate.ports import CircuitBreaker, Notice, Pause, Review, Unreadable
from batchgate.gate.state import Action, Phase, RequestedAction, State
from batchgate.jobs.model import STRUCTURES, Job, JobRef, JobStatus, RequestedStatus
from batchgate.jobs.named_manifest import NamedManifest
from batchgate.manifest.counts import PartCounts
from batchgate.manifest.plan import Columns, CsvRange, Plan, Source
from batchgate.policy.facts import Gap
from infra.service_data import OPERATIONS
from s3batch_emulator import SteppedClock
from tests.flow import damage
from tests.flow.damage import Answer, answering
from tests.flow.stage import ACCOUNT, REGION, Stage

ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1})
HEADERS = {"x-amz-request-id": "1", "x-amzn-RequestId": "1", "Date": "Fri, 02 Jan 2026 00:00:00 GMT"}
NOW = datetime(2026, 1, 2, tzinfo=UTC)
REF = JobRef("aws", REGION, ACCOUNT, "00e123a4-c0d8-41f4-a0eb-b46f9ba5b07c")

MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@cache
def client(service: str) -> Any:
    """A real client that nothing is sent by."""
    session: Any = boto3.session.Session()
    return session.client(
        service, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test", config=ONCE
    )


# --- S3 Control ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Read:
    """One call of S3 Control's.

    Attributes:
        ask: Makes it, through the adapter.
        body: What S3 answers.
        truth: What the adapter makes of that.
        errors: What it may raise.
    """

    ask: Callable[[], Any]
    body: bytes
    truth: Any
    errors: type[GateError]


@cache
def reads() -> dict[str, Read]:
    """Every call, with a job that has all that a job can have."""
    stage = Stage()
    ref = stage.create(
        tags={"team": "lake", "stage": "prod"},
        Description="a job",
        Operation={
            "S3PutObjectCopy": {
                "TargetResource": "arn:aws:s3:::target",
                "AccessControlGrants": [
                    {"Grantee": {"TypeIdentifier": "id", "Identifier": "x" * 8}, "Permission": "READ"},
                    {"Grantee": {"TypeIdentifier": "id", "Identifier": "y" * 8}, "Permission": "WRITE"},
                ],
                "NewObjectMetadata": {"UserMetadata": {"a": "b", "c": "d"}, "ContentLength": 5},
                "NewObjectTagging": [{"Key": "k", "Value": "v"}],
                "ModifiedSinceConstraint": datetime(2026, 1, 1, tzinfo=UTC),
                "ObjectLockRetainUntilDate": datetime(2027, 1, 1, tzinfo=UTC),
                "BucketKeyEnabled": True,
            }
        },
        Report={
            "Enabled": True,
            "Bucket": "arn:aws:s3:::reports",
            "Format": "Report_CSV_20180820",
            "ReportScope": "AllTasks",
        },
    )
    stage.create()
    bodies: dict[str, bytes] = {}

    def keep(response_dict: Any, operation_model: Any, **_: object) -> None:
        bodies[operation_model.name] = response_dict["body"]

    adapter = stage.s3control
    adapter.client.meta.events.register_first("before-parse", keep, unique_id="keep")
    job = adapter.describe(ref)
    tags = adapter.snapshot(ref, with_tags=True).tags
    listed = list(adapter.list_jobs(ACCOUNT, (JobStatus.SUSPENDED,)))
    adapter.update_status(ref, RequestedStatus.READY, "why")
    adapter.client.meta.events.unregister("before-parse", unique_id="keep")
    damaged = S3Control(client("s3control"), SteppedClock(NOW))
    return {
        "DescribeJob": Read(lambda: damaged.describe(ref), bodies["DescribeJob"], job, JobsApiError),
        "GetJobTagging": Read(lambda: damaged._tags(ref), bodies["GetJobTagging"], tags, JobsApiError),
        "ListJobs": Read(
            lambda: list(damaged.list_jobs(ACCOUNT, (JobStatus.SUSPENDED,))), bodies["ListJobs"], listed, JobsApiError
        ),
        "UpdateJobStatus": Read(
            lambda: damaged.update_status(ref, RequestedStatus.READY, "why"),
            bodies["UpdateJobStatus"],
            None,
            UpdateUnclearError,
        ),
    }


CALLS = ("DescribeJob", "GetJobTagging", "ListJobs", "UpdateJobStatus")
ASIDE = frozenset({"NextToken"})


def outcome(call: str, body: bytes, *, status: int = 200, headers: Mapping[str, str] = HEADERS) -> Any:
    """What the adapter makes of an answer: a fact, or an error of the port's own; anything else is raised."""
    read = reads()[call]
    answering(client("s3control"), lambda operation: (status, {**headers}, body))
    try:
        return read.ask()
    except read.errors as error:
        return error


def kind_of(text: str) -> str:
    """What a scalar of a good answer is."""
    if text in ("true", "false"):
        return "flag"
    if text.isdigit() and len(text) < 12:
        return "number"
    return "instant" if text[:3] == "202" and "T" in text else ""


@pytest.mark.parametrize("call", CALLS)
def test_an_answer_that_is_whole_is_believed(call: str) -> None:
    """Otherwise nothing here would say anything."""
    assert outcome(call, reads()[call].body) == reads()[call].truth


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", damage.BODIES)
def test_something_else_than_the_document_is_no_answer(call: str, name: str) -> None:
    """With status 200 and S3's own headers: no tags, no jobs and no update come of it."""
    came = outcome(call, damage.BODIES[name](reads()[call].body))
    assert isinstance(came, reads()[call].errors)


@pytest.mark.parametrize("call", CALLS)
def test_an_answer_that_does_not_name_its_request_is_none(call: str) -> None:
    """All of S3's do."""
    came = outcome(call, reads()[call].body, headers={"Date": HEADERS["Date"]})
    assert isinstance(came, reads()[call].errors)


@MANY
@given(st.sampled_from(CALLS), st.data())
def test_damage_to_any_element_is_an_error(call: str, data: st.DataObject) -> None:
    """Twice, of another namespace, with text or elements where none belong: whichever element it is."""
    body = reads()[call].body
    place = data.draw(st.sampled_from(damage.places(body)))
    kinds = dict(damage.NEVER_TRUE)
    if damage.is_scalar_at(body, place):
        kinds |= damage.NEVER_TRUE_OF_A_SCALAR
    if damage.name_at(body, place) not in ("member", "entry"):
        kinds |= damage.NEVER_TRUE_OF_A_MEMBER
    name = data.draw(st.sampled_from(sorted(kinds)))
    assert isinstance(outcome(call, damage.with_damage(body, place, kinds[name])), reads()[call].errors)


@MANY
@given(st.sampled_from(CALLS), st.data())
def test_a_value_of_another_type_is_an_error(call: str, data: st.DataObject) -> None:
    """Botocore reads `yes` as false, `1_000` as a thousand, and an empty text as one."""
    body = reads()[call].body
    root = damage.parsed(body)
    typed = [place for place in damage.places(body) if kind_of(damage.at(root, place)[1].text or "")]
    if not typed:
        return
    place = data.draw(st.sampled_from(typed))
    wrong = data.draw(st.sampled_from(damage.NOT_OF_ITS_TYPE[kind_of(damage.at(root, place)[1].text or "")]))
    assert isinstance(outcome(call, damage.with_damage(body, place, damage.saying(wrong))), reads()[call].errors)


REQUIRED = {"Job", "JobArn", "Status", "JobId", "Key", "Value", "Spec", "Location", "ObjectArn", "ETag", "Enabled"}


@MANY
@given(st.sampled_from(CALLS), st.data())
def test_a_member_that_is_missing_is_nothing_else(call: str, data: st.DataObject) -> None:
    """What must be there is an error; tags that are missing are a gap; and whatever else is, the rest is the truth."""
    body, truth = reads()[call].body, reads()[call].truth
    place = data.draw(st.sampled_from(damage.places(body)))
    name = damage.name_at(body, place)
    came = outcome(call, damage.with_damage(body, place, damage.gone))
    if call == "GetJobTagging":
        assert isinstance(came, (JobsApiError, Gap)) if name != "member" else came.items() < truth.items()
    elif call == "UpdateJobStatus":
        assert isinstance(came, UpdateUnclearError) or (name == "StatusUpdateReason" and came is None)
    elif isinstance(came, Job):
        left_out = [each for each in came.__struct_fields__ if getattr(came, each) != getattr(truth, each)]
        assert len(left_out) <= 1 or name in ("Operation", "S3PutObjectCopy")
        assert came.unknown_members == ()
    elif call == "ListJobs" and not isinstance(came, JobsApiError):
        assert len(came) < len(truth) or name not in REQUIRED


@MANY
@given(st.data())
def test_a_member_of_another_name_holds_the_job_or_is_an_error(data: st.DataObject) -> None:
    """At any depth of what says what the job does; elsewhere it changes nothing but what it stood for."""
    body = reads()["DescribeJob"].body
    place = data.draw(st.sampled_from(damage.places(body)))
    root = damage.parsed(body)
    above = [damage.at(root, place[:depth])[1].tag.rpartition("}")[2] for depth in range(2, len(place))]
    came = outcome("DescribeJob", damage.with_damage(body, place, damage.renamed("NewMember")))
    if above and above[0] in STRUCTURES and isinstance(came, Job):
        assert came.unknown_members
        assert all(path.endswith("NewMember") for path in came.unknown_members)
    else:
        assert isinstance(came, (Job, JobsApiError))


@MANY
@given(
    st.sampled_from(CALLS),
    st.sampled_from(
        [200, 201, 202, 204, 206, 299, 300, 301, 302, 304, 307, 400, 403, 404, 408, 409, 429, 500, 502, 503]
    ),
    st.sampled_from(sorted(damage.BODIES)),
    st.sampled_from([HEADERS, {}, {"x-amz-request-id": "1", "Date": "nonsense"}]),
)
def test_no_status_with_no_body_is_an_exception_of_somebody_else_s(
    call: str, status: int, name: str, headers: Mapping[str, str]
) -> None:
    """An error of the port's own for each; and what does not name its request is never a refusal or a missing job."""
    body = damage.BODIES[name](reads()[call].body)
    came = (
        outcome(call, body, status=status, headers=headers)
        if call != "UpdateJobStatus"
        else _update(body, status, headers)
    )
    assert isinstance(came, (JobsApiError, Gap))
    if not headers and b"RequestId" not in body:
        assert type(came) in (JobsApiError, UpdateUnclearError)


def _update(body: bytes, status: int, headers: Mapping[str, str]) -> Any:
    answering(client("s3control"), lambda operation: (status, {**headers}, body))
    try:
        return reads()["UpdateJobStatus"].ask()
    except JobsApiError as error:  # refusals too
        return error


@MANY
@given(st.sampled_from(CALLS), st.binary(max_size=200))
def test_any_bytes_are_an_error(call: str, body: bytes) -> None:
    """Nothing is made of noise."""
    assert isinstance(outcome(call, body), reads()[call].errors)


# --- The clock ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("date", ["", "nonsense", "1e30", "Fri, 02 Jan 2026", "Fri, 02 Jan 99999 00:00:00 GMT", "\x00"])
def test_a_date_that_says_nothing_decides_nothing(date: str) -> None:
    """S3 always says its time; an answer that does not can't be compared with."""
    read = reads()["DescribeJob"]
    headers = {**HEADERS, "Date": date} if date else {"x-amz-request-id": "1"}
    answering(client("s3control"), lambda operation: (200, headers, read.body))
    with pytest.raises(ClockError, match="no Date"):
        S3Control(client("s3control"), SteppedClock(NOW)).snapshot(read.truth.ref, with_tags=False)


# --- The others' documents ----------------------------------------------------------------------------

STATE = State(
    ref=REF,
    rev=3,
    phase=Phase.CLAIMED,
    verdict="approve",
    reason="batchgate: approved by small [policy 7c41f09be2aa claim 5f3a91c2]",
    decided_by="7c41f09be2aa",
    policy_version="7c41f09be2aa",
    due_at=NOW,
    first_held_at=NOW,
    claim_id="5f3a91c2",
    attempt=1,
    requested_action=RequestedAction.APPROVE,
    maybe_sent=True,
    lease_until=NOW + timedelta(minutes=1),
    governing=("small", "large"),
    operation="S3PutObjectTagging",
    total_tasks=5,
)
ITEM = {**item_of(STATE, "abcd")}
REVIEW = Review(ref=REF, at=NOW, action=Action.APPROVED, status=JobStatus.SUSPENDED)


def ledger() -> DynamoLedger:
    """On a table that is not there."""
    return DynamoLedger(client("dynamodb"), "ledger", ("aws", REGION, ACCOUNT), SteppedClock(NOW))


def manifests() -> DynamoManifestLedger:
    """On the same."""
    return DynamoManifestLedger(client("dynamodb"), "ledger", ("aws", REGION, ACCOUNT), SteppedClock(NOW))


BEGUN = Reading(attempt=1, began_at=NOW, ends_at=NOW)
READING: Any = {"reading": {"S": msgspec.json.encode(BEGUN).decode()}, "rev": {"N": "1"}}
PART: Any = {"sk": {"S": "PART#00000"}, "counts": {"S": "{}"}}


def _announced() -> bool:
    logger = Logger(service="damaged", stream=StringIO())
    return announcements.Announcements(logger, "default", client("events")).announce(REVIEW)


def _policies() -> Any:
    source = AppConfigPolicy(
        client("appconfigdata"), ProfileLocation("a", "e", "p"), SteppedClock(NOW), lambda trouble: None
    )
    return source.current()


@dataclass(frozen=True, slots=True)
class Said:
    """One call of another service's.

    Attributes:
        ask: Makes it, through the adapter.
        said: The good answer.
    """

    service: str
    operation: str
    ask: Callable[[], Any]
    said: dict[str, Any]
    errors: tuple[type[GateError], ...]


def _open() -> list[State]:
    found = list(ledger().open_items())
    for item in found:
        if isinstance(item, Unreadable):
            raise item.error
    return found  # type: ignore[return-value]


GATE = {"paused_at": {"S": "2026-01-01T00:00:00.000000Z"}, "paused_by": {"S": "kim"}, "paused_because": {"S": "why"}}
SAID = (
    Said("dynamodb", "GetItem", lambda: ledger().read(REF), {"Item": ITEM}, (LedgerError,)),
    Said("dynamodb", "GetItem", lambda: ledger().pause(), {"Item": GATE}, (LedgerError,)),
    Said(
        "dynamodb",
        "GetItem",
        lambda: ledger().notified(),
        {"Item": {"notified_until": GATE["paused_at"], "cancelled_until": GATE["paused_at"]}},
        (LedgerError,),
    ),
    Said("dynamodb", "PutItem", lambda: ledger().write(STATE, replacing=STATE), {}, (LedgerError,)),
    Said("dynamodb", "PutItem", lambda: ledger().begin_sweep("me", NOW), {}, (LedgerError,)),
    Said("dynamodb", "PutItem", lambda: ledger().set_notified(NOW, NOW), {}, (LedgerError,)),
    Said(
        "dynamodb",
        "GetItem",
        lambda: ledger().last_event_at(),
        {"Item": {"received_at": GATE["paused_at"]}},
        (LedgerError,),
    ),
    Said("dynamodb", "GetItem", lambda: ledger().heartbeat(), {"Item": {"heartbeat": {"S": "{}"}}}, (LedgerError,)),
    Said("dynamodb", "PutItem", lambda: ledger().note_event(NOW), {}, (LedgerError,)),
    Said("dynamodb", "DeleteItem", lambda: ledger().end_sweep("me"), {}, (LedgerError,)),
    Said(
        "dynamodb",
        "TransactWriteItems",
        lambda: ledger().claim(STATE, replacing=None, review=REVIEW, breaker=CircuitBreaker(2, timedelta(minutes=10))),
        {},
        (LedgerError,),
    ),
    Said(
        "dynamodb",
        "GetItem",
        lambda: ledger()._count(CircuitBreaker(2, timedelta(minutes=10))),
        {"Item": {"rev": {"N": "1"}, "times": {"L": [GATE["paused_at"]]}}},
        (LedgerError,),
    ),
    Said("dynamodb", "Query", _open, {"Items": [ITEM, ITEM], "Count": 2, "ScannedCount": 2}, (LedgerError,)),
    Said(
        "dynamodb",
        "Query",
        lambda: ledger().history(REF),
        {"Items": [{"review": {"S": "{}"}}], "Count": 1},
        (LedgerError,),
    ),
    Said(
        "dynamodb",
        "BatchGetItem",
        lambda: ledger().ended([REF]),
        {"Responses": {"ledger": [{"pk": ITEM["pk"], "announced_at": GATE["paused_at"]}]}, "UnprocessedKeys": {}},
        (LedgerError,),
    ),
    Said(
        "dynamodb",
        "DescribeTable",
        lambda: ledger().opened_at(),
        {"Table": {"TableName": "ledger", "CreationDateTime": 1767312000.0}},
        (LedgerError,),
    ),
    Said("dynamodb", "GetItem", lambda: manifests().reading("m"), {"Item": READING}, (LedgerError,)),
    Said("dynamodb", "Query", lambda: [*manifests().parts("m")], {"Items": [PART], "Count": 1}, (LedgerError,)),
    Said("dynamodb", "Query", lambda: manifests().parts_read("m"), {"Count": 1, "ScannedCount": 1}, (LedgerError,)),
    Said(
        "stepfunctions",
        "StartExecution",
        lambda: StateMachine(client("stepfunctions"), "arn:aws:states:us-east-1:123456789012:stateMachine:m").start(
            ReadingRequest(NamedManifest("b", "k", "e"), 1, REF.arn)
        ),
        {"executionArn": "arn", "startDate": 1767312000.0},
        (ManifestsApiError,),
    ),
    Said(
        "sqs",
        "SendMessage",
        lambda: JobEventQueue(client("sqs"), "https://sqs.us-east-1.amazonaws.com/123456789012/q").send(REF.arn),
        {"MessageId": "m"},
        (ManifestsApiError,),
    ),
    Said("events", "PutEvents", _announced, {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}, (AnnounceError,)),
)


def _name(said: Said) -> str:
    return f"{said.operation} {SAID.index(said)}"


def said_outcome(said: Said, body: bytes, *, status: int = 200, headers: Mapping[str, str] = HEADERS) -> Any:
    """What the adapter makes of an answer; anything but a fact or an error of the port's own is raised."""
    answering(client(said.service), lambda operation: (status, {**headers}, body))
    try:
        return said.ask()
    except said.errors as error:
        return error


@pytest.mark.parametrize("said", SAID, ids=_name)
def test_a_good_answer_of_another_service_is_believed(said: Said) -> None:
    """Otherwise nothing here would say anything."""
    assert not isinstance(said_outcome(said, json.dumps(said.said).encode()), GateError)


@pytest.mark.parametrize("said", SAID, ids=_name)
@pytest.mark.parametrize("name", sorted(damage.BODIES))
def test_something_else_than_the_json_document_is_no_answer(said: Said, name: str) -> None:
    """With status 200 and AWS's own headers: no item, no pause and nothing ended comes of it."""
    body = damage.BODIES[name](json.dumps(said.said).encode())
    if body == json.dumps(said.said).encode():
        return
    assert isinstance(said_outcome(said, body), said.errors)


@pytest.mark.parametrize("said", SAID, ids=_name)
def test_a_json_answer_that_does_not_name_its_request_is_none(said: Said) -> None:
    """All of AWS's do."""
    assert isinstance(said_outcome(said, json.dumps(said.said).encode(), headers={}), said.errors)


@MANY
@given(st.sampled_from(SAID), st.sampled_from(damage.OTHER_VALUES), st.data())
def test_a_json_value_of_another_type_is_an_error_or_none(said: Said, put: object, data: st.DataObject) -> None:
    """Never another exception; and never the value of another type."""
    places = list(damage.json_places(said.said))
    if not places:
        return
    place = data.draw(st.sampled_from(places))
    wrong = damage.json_with(said.said, place, put)
    came = said_outcome(said, json.dumps(wrong).encode())
    here: Any = said.said
    for key in place:
        here = here[key]
    is_open = (isinstance(here, dict) and place[-1] in ("Item", "UnprocessedKeys", "Responses", *ITEM)) or put == {}
    numbers = isinstance(put, (int, float)) and isinstance(here, float)
    if (
        type(put) is not type(here)
        and not numbers
        and not is_open
        and place[-1] not in ("Count", "ScannedCount", "FailedEntryCount")
    ):
        assert isinstance(came, GateError) or came is None


@MANY
@given(st.sampled_from(SAID), st.data())
def test_a_json_member_that_is_missing_or_twice_is_no_other_exception(said: Said, data: st.DataObject) -> None:
    """And one that is there twice is an error: which of the two counts nobody can say."""
    places = list(damage.json_places(said.said))
    if not places:
        return
    place = data.draw(st.sampled_from(places))
    said_outcome(said, json.dumps(damage.json_without(said.said, place)).encode())
    came = said_outcome(said, damage.json_with_a_member_twice(said.said, place))
    assert isinstance(came, said.errors)


@MANY
@given(
    st.sampled_from(SAID), st.sampled_from([204, 300, 301, 400, 403, 500, 503]), st.binary(max_size=80), st.booleans()
)
def test_no_error_of_another_service_is_an_exception_of_somebody_else_s(
    said: Said, status: int, noise: bytes, named: bool
) -> None:
    """Whatever the body is: noise, or an error whose members are of another type."""
    bodies = [
        noise,
        b"",
        b'{"__type": 5, "message": []}',
        b'{"__type": "TransactionCanceledException"}',
        b'{"__type": "TransactionCanceledException", "CancellationReasons": [null]}',
        b'{"__type": "TransactionCanceledException", "CancellationReasons": {"a": 1}}',
        b'{"__type": "TransactionCanceledException", "CancellationReasons": [{"Code": "ConditionalCheckFailed"}]}',
        b'{"__type": "TransactionCanceledException", "CancellationReasons": ["x", "y", "z", "a"]}',
        b'{"__type": "ConditionalCheckFailedException", "Item": []}',
        b'{"__type": "ConditionalCheckFailedException", "Item": {"write_id": 5}}',
    ]
    for body in bodies:
        came = said_outcome(said, body, status=status, headers=HEADERS if named else {})
        if b"ConditionalCheckFailedException" not in body:
            assert isinstance(came, said.errors)
        assert not isinstance(came, State)


# --- Documents of other forms -------------------------------------------------------------------------


PUBLISHED = (
    b'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId>'
    b"</PublishResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PublishResponse>"
)


TOPIC = "arn:aws:sns:us-east-1:123456789012:t"
COUNTED = (
    b'<GetTopicAttributesResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><GetTopicAttributesResult>'
    b"<Attributes><entry><key>TopicArn</key><value>" + TOPIC.encode() + b"</value></entry>"
    b"<entry><key>SubscriptionsConfirmed</key><value>3</value></entry></Attributes></GetTopicAttributesResult>"
    b"<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetTopicAttributesResponse>"
)


def subscribers(body: bytes, *, status: int = 200, headers: Mapping[str, str] = HEADERS) -> Any:
    """What becomes of the number of subscriptions."""
    answering(client("sns"), lambda operation: (status, {**headers}, body))
    try:
        return notices.TopicNotices(client("sns"), TOPIC, SteppedClock(NOW)).subscribers()
    except AnnounceError as error:
        return error


def test_subscriptions_are_counted_by_a_proper_answer_alone() -> None:
    """No answer, another topic's, and one without a number say nothing; they are not none."""
    assert subscribers(COUNTED) == 3
    assert subscribers(COUNTED.replace(b">3<", b">0<")) == 0
    assert isinstance(subscribers(COUNTED, headers={}), AnnounceError)
    assert isinstance(subscribers(COUNTED, status=403), AnnounceError)
    for said in (b"", b"-1", b"three", b"3.0", "\u0663".encode()):
        assert isinstance(subscribers(COUNTED.replace(b">3<", b">" + said + b"<")), AnnounceError), said
    assert isinstance(subscribers(COUNTED.replace(TOPIC.encode(), TOPIC.encode() + b"2")), AnnounceError)
    for name, other in damage.BODIES.items():
        body = other(COUNTED)
        if body != COUNTED:
            assert isinstance(subscribers(body), AnnounceError), name
    for place in damage.places(COUNTED):
        for kind in (damage.gone, *damage.NEVER_TRUE.values()):
            found = subscribers(damage.with_damage(COUNTED, place, kind))
            assert found == 3 or isinstance(found, AnnounceError), (place, kind)


ANA = "arn:aws:sts::123456789012:assumed-role/pipeline/ana"


def requester(body: bytes, *, status: int = 200, headers: Mapping[str, str] = HEADERS) -> Any:
    """What becomes of who created the job, which is a day old."""
    answering(client("cloudtrail"), lambda operation: (status, {**headers}, body))
    look = cloudtrail.CloudTrailRequesters(client("cloudtrail"), SteppedClock(NOW), Evenly(1e9))
    return look.find(REF, NOW - timedelta(days=1))


def test_the_requester_is_known_from_a_proper_answer_alone() -> None:
    """Whatever else comes leaves it open, and never says that there is none."""
    record = {
        "eventSource": "s3.amazonaws.com",
        "eventName": "CreateJob",
        "awsRegion": REF.region,
        "recipientAccountId": REF.account_id,
        "userIdentity": {"arn": ANA},
        "responseElements": {"jobId": REF.job_id},
    }
    good = json.dumps({"Events": [{"EventName": "CreateJob", "CloudTrailEvent": json.dumps(record)}]}).encode()
    assert requester(good) == ANA
    assert requester(b'{"Events": []}') == cloudtrail.NOT_LISTED
    assert requester(good, headers={}) == cloudtrail.NOT_ASKED
    assert requester(good, status=500) == cloudtrail.NOT_ASKED
    for name, other in damage.BODIES.items():
        body = other(good)
        if body != good:
            assert requester(body) == cloudtrail.NOT_ASKED, name


def is_deployed(body: bytes, *, headers: Mapping[str, str] = HEADERS) -> Any:
    """What becomes of the version that should be in force."""
    answering(client("ssm"), lambda operation: (200, {**headers}, body))
    try:
        return GateParameter(client("ssm"), SteppedClock(NOW), lambda: client("appconfig")).is_version("7c41f09be2aa")
    except DeploymentError as error:
        return error


def test_the_expected_version_is_known_from_a_proper_answer_alone() -> None:
    """Whatever else comes says nothing of it: neither that it is in force, nor that it is not."""
    value = json.dumps({"ledger_table": "t", "policy_version": "7c41f09be2aa"})
    said = {"Parameter": {"Name": "/batchgate/gate", "Type": "String", "Value": value, "Version": 3}}
    good = json.dumps(said).encode()
    assert is_deployed(good) is True
    assert is_deployed(good.replace(b"7c41f09be2aa", b"8d52e1acf3bb")) is False
    assert (
        is_deployed(json.dumps({"Parameter": said["Parameter"] | {"Value": '{"ledger_table": "t"}'}}).encode()) is None
    )
    assert isinstance(is_deployed(good, headers={}), DeploymentError)
    for parameter in (
        {},
        {"Name": "/another"},
        {"Value": "{}"},
        {"Value": "no JSON"},
        {"Value": '{"policy_version": 7}'},
    ):
        other = {} if parameter == {} else said["Parameter"] | parameter
        assert isinstance(is_deployed(json.dumps({"Parameter": other}).encode()), DeploymentError), parameter
    for name, other_body in damage.BODIES.items():
        if other_body(good) != good:
            assert isinstance(is_deployed(other_body(good)), DeploymentError), name


def publish(body: bytes, *, status: int = 200, headers: Mapping[str, str] = HEADERS) -> Any:
    """What becomes of a notice."""
    answering(client("sns"), lambda operation: (status, {**headers}, body))
    try:
        return notices.TopicNotices(client("sns"), TOPIC, SteppedClock(NOW)).send(Notice("s", "m", "c", ()))
    except AnnounceError as error:
        return error


def test_a_notice_counts_as_sent_only_if_the_answer_names_the_message() -> None:
    """Else it is sent again."""
    assert publish(PUBLISHED) is None
    assert isinstance(publish(PUBLISHED, headers={}), AnnounceError)
    for name, other in damage.BODIES.items():
        body = other(PUBLISHED)
        if body != PUBLISHED:
            assert isinstance(publish(body), AnnounceError), name
    for place in damage.places(PUBLISHED):
        if damage.name_at(PUBLISHED, place) in ("PublishResult", "MessageId"):
            for kind in (damage.gone, *damage.NEVER_TRUE.values(), *damage.NEVER_TRUE_OF_A_MEMBER.values()):
                assert isinstance(publish(damage.with_damage(PUBLISHED, place, kind)), AnnounceError)


SIZES = {"Content-Length": "18", "ETag": '"e"'}


@pytest.mark.parametrize(
    "changes",
    [{"Content-Length": wrong} for wrong in ("", "x", "-1", "1e3", "1_0", "18, 18", "٣", "9" * 30, " 18")]
    + [{"ETag": ""}, {"x-amz-request-id": "", "x-amzn-RequestId": ""}, {"Last-Modified": "1e30"}],
    ids=str,
)
def test_a_head_that_says_no_size_is_no_answer(changes: dict[str, str]) -> None:
    """HeadObject's answer is its headers."""
    job = Job.from_description(
        {
            "JobArn": REF.arn,
            "Status": "Suspended",
            "Manifest": {
                "Spec": {"Format": "x"},
                "Location": {"ObjectArn": "arn:aws:s3:::lists/m.csv", "ETag": "e"},
            },
        }
    )
    good = {**HEADERS, **SIZES}
    answering(client("s3"), lambda operation: (200, good, b""))
    assert StoredManifests(client("s3")).size(job) == 18
    answering(client("s3"), lambda operation: (200, {**good, **changes}, b""))
    with pytest.raises(ManifestsApiError):
        StoredManifests(client("s3")).size(job)


@pytest.mark.parametrize(
    "headers", [{"x-amz-request-id": "", "x-amzn-RequestId": ""}, {"Content-Length": "x"}], ids=str
)
def test_an_object_that_names_no_request_is_no_answer(headers: dict[str, str]) -> None:
    """A proxy's page is no manifest: not one of its rows is counted."""
    source = Source("b", Columns(2, 0, 1), "k", "e")
    plan = Plan(source, (CsvRange(0, 4, 4),))
    good = {**HEADERS, "Content-Length": "4", "ETag": '"e"'}
    answering(client("s3"), lambda operation: (200, good, b"b,k\n"))
    assert StoredManifests(client("s3")).count(plan, plan.parts[0]) == PartCounts(1, 1, {"b": 1}, None, 0, 4)
    answering(client("s3"), lambda operation: (200, {**good, **headers}, b"b,k\n"))
    with pytest.raises(ManifestsApiError):
        StoredManifests(client("s3")).count(plan, plan.parts[0])


POLICY = b'{"policies":[{"name":"all","match":[{"operation":"S3PutObjectTagging"}],"require":[]}],"version":1}'
TOKENS = {
    "Next-Poll-Configuration-Token": "t2",
    "Next-Poll-Interval-In-Seconds": "60",
    "Content-Type": "application/json",
}


def policies(started: Answer, latest: Answer) -> Any:
    """The policies in force, or why there are none."""
    answers = {"StartConfigurationSession": started, "GetLatestConfiguration": latest}
    answering(client("appconfigdata"), lambda operation: answers[operation])
    try:
        return _policies()
    except PolicyUnavailableError as error:
        return error


def test_policies_come_of_whole_answers_alone() -> None:
    """Nothing decides by what somebody else said, or by half of it."""
    started: Answer = (201, HEADERS, b'{"InitialConfigurationToken": "t1"}')
    latest: Answer = (200, {**HEADERS, **TOKENS}, POLICY)
    assert not isinstance(policies(started, latest), PolicyUnavailableError)
    for name, other in damage.BODIES.items():
        body = other(started[2])
        if body != started[2]:
            assert isinstance(policies((201, HEADERS, body), latest), PolicyUnavailableError), name
        body = other(POLICY)
        if body != POLICY:
            assert isinstance(policies(started, (200, {**HEADERS, **TOKENS}, body)), PolicyUnavailableError), name
    for headers in (
        TOKENS,
        {**HEADERS, "Next-Poll-Configuration-Token": "t2"},
        {**HEADERS, "Next-Poll-Interval-In-Seconds": "60"},
    ):
        assert isinstance(policies(started, (200, headers, POLICY)), PolicyUnavailableError)
    for wrong in damage.NOT_OF_ITS_TYPE["number"]:
        said = {**HEADERS, **TOKENS, "Next-Poll-Interval-In-Seconds": wrong}
        assert isinstance(policies(started, (200, said, POLICY)), PolicyUnavailableError), wrong


def document_of(version: str, listed: Answer, got: Answer) -> Any:
    """The policies of a version, or why they can't be had."""
    answers = {"ListHostedConfigurationVersions": listed, "GetHostedConfigurationVersion": got}
    answering(client("appconfig"), lambda operation: answers[operation])
    try:
        return HostedPolicies(client("appconfig"), ProfileLocation("app", "env", "profile")).find(version)
    except PolicyUnavailableError as error:
        return error


def test_policies_of_the_past_come_of_whole_answers_alone() -> None:
    """A version is not there if AppConfig's list says so, and not if nobody could be asked."""
    version = hashlib.sha256(POLICY).hexdigest()[:12]
    listed: Answer = (200, HEADERS, b'{"Items": [{"VersionNumber": 3}]}')
    got: Answer = (200, {**HEADERS, "Version-Number": "3", "Content-Type": "application/json"}, POLICY)
    assert document_of(version, listed, got) == json.loads(POLICY)
    assert document_of("0" * 12, listed, got) is None
    assert isinstance(document_of(version, listed, (200, {}, POLICY)), PolicyUnavailableError)
    assert isinstance(document_of(version, (200, {}, listed[2]), got), PolicyUnavailableError)
    for name, other in damage.BODIES.items():
        body = other(listed[2])
        if body != listed[2]:
            assert isinstance(document_of(version, (200, HEADERS, body), got), PolicyUnavailableError), name
        body = other(POLICY)
        if body != POLICY:
            assert document_of(version, listed, (got[0], got[1], body)) is None, name


def pushed_of(listed: Answer, got: Answer) -> Any:
    """The version that was pushed last, or why that is not known."""
    answers = {"ListDeployments": listed, "GetDeployment": got}
    answering(client("appconfig"), lambda operation: answers[operation])
    try:
        return PushedPolicies(client("appconfig"), ProfileLocation("app", "env", "profile")).newest()
    except DeploymentError as error:
        return error


def test_what_was_pushed_is_known_from_whole_answers_alone() -> None:
    """A damaged one about the last deployment does not make the one before it the last."""
    listed: Answer = (200, HEADERS, b'{"Items": [{"DeploymentNumber": 3}]}')
    deployment = {"DeploymentNumber": 3, "Description": f"{PUSHED}7c41f09be2aa", "State": "COMPLETE", "EventLog": []}
    got: Answer = (200, HEADERS, json.dumps(deployment).encode())
    assert pushed_of(listed, got) == "7c41f09be2aa"
    assert isinstance(pushed_of(listed, (200, {}, got[2])), DeploymentError)
    assert isinstance(pushed_of((200, {}, listed[2]), got), DeploymentError)
    other = json.dumps(deployment | {"DeploymentNumber": 2}).encode()
    assert isinstance(pushed_of(listed, (200, HEADERS, other)), DeploymentError)
    for name, damaged in damage.BODIES.items():
        for answers in ((listed, (200, HEADERS, damaged(got[2]))), ((200, HEADERS, damaged(listed[2])), got)):
            if answers != (listed, got):
                assert isinstance(pushed_of(*answers), DeploymentError), name


def test_every_call_of_the_gate_is_damaged_here() -> None:
    """As the asset's service data names them; HeadBucket is botocore's own."""
    here = {*CALLS, *(said.operation for said in SAID), "Publish", "HeadObject", "StartConfigurationSession"}
    here |= {"GetObject", "GetTopicAttributes", "GetParameter", "LookupEvents"}
    here |= {"ListHostedConfigurationVersions", "GetHostedConfigurationVersion", "ListDeployments", "GetDeployment"}
    called = {name for names in OPERATIONS.values() for name in names}
    assert called == here | {"GetLatestConfiguration", "HeadBucket"}


def test_a_pause_is_not_ended_by_an_answer_of_nobody_s() -> None:
    """Neither is one begun."""
    said = Said(
        "dynamodb", "GetItem", lambda: ledger().set_pause(None, replacing=Pause("kim", "why", NOW)), {}, (LedgerError,)
    )
    came = said_outcome(said, b'{"Item": {}}')
    assert isinstance(came, LedgerConflictError)
