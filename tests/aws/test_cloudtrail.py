"""Who created a job: what S3 answered counts, whatever callers write into their requests; in doubt nobody is named."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from hypothesis import given
from hypothesis import strategies as st

from batchgate.aws.cloudtrail import (
    DENIED,
    LISTED_WITHIN,
    NO_ARN,
    NOT_ASKED,
    NOT_LISTED,
    NOT_YET,
    PAGES_AT_MOST,
    SEVERAL,
    TOO_MANY,
    CloudTrailRequesters,
)
from batchgate.aws.pace import Evenly
from batchgate.jobs.model import JobRef
from batchgate.policy.facts import Gap, Result
from s3batch_emulator import SteppedClock

CREATED = datetime(2026, 3, 27, 12, tzinfo=UTC)
REF = JobRef("aws", "eu-central-1", "111122223333", "8f6a9d3e-0b5c-4a53-8e5a-93f0a4c7d210")
ANA = "arn:aws:sts::111122223333:assumed-role/pipeline/ana"
BEN = "arn:aws:iam::111122223333:user/ben"


NESTED = json.loads(f'{"[" * 400}"{REF.job_id}"{"]" * 400}')


def record(caller: object = ANA, **members: object) -> dict[str, Any]:
    """CloudTrail's record of the CreateJob, some members replaced; None leaves one out.

    *Source* of its members: CloudTrail User Guide, cloudtrail-event-reference-record-contents. What S3 writes into
    responseElements is not documented.
    """
    said: dict[str, object] = {
        "eventVersion": "1.11",
        "userIdentity": {"type": "AssumedRole", "arn": caller, "accountId": REF.account_id},
        "eventTime": "2026-03-27T12:00:00Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "CreateJob",
        "awsRegion": REF.region,
        "sourceIPAddress": "192.0.2.1",
        "userAgent": "aws-cli/2",
        "requestParameters": {"x-amz-account-id": REF.account_id},
        "responseElements": {"jobId": REF.job_id},
        "eventType": "AwsApiCall",
        "recipientAccountId": REF.account_id,
    }
    return {name: value for name, value in (said | members).items() if value is not None}


class Trail:
    """CloudTrail as botocore's stub plays it: the pages that are to come, in order."""

    def __init__(self, *, age: timedelta = timedelta(minutes=3)) -> None:
        self.client: Any = boto3.client(
            "cloudtrail", region_name=REF.region, aws_access_key_id="test", aws_secret_access_key="test"
        )
        self.stub = Stubber(self.client)
        self.clock = SteppedClock(CREATED + age)
        self.slept: list[float] = []
        self.pace = Evenly(1000, lambda: 0.0, self.slept.append)

    def answers(self, *records: dict[str, Any] | str, token: str = "", following: str = "") -> None:
        """One page."""
        texts = [each if isinstance(each, str) else json.dumps(each) for each in records]
        asked: dict[str, Any] = {
            "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "CreateJob"}],
            "StartTime": ANY,
            "EndTime": ANY,
            "MaxResults": 50,
        }
        self.stub.add_response(
            "lookup_events",
            {
                "Events": [{"CloudTrailEvent": text} for text in texts],
                **({"NextToken": following} if following else {}),
            },
            asked | ({"NextToken": token} if token else {}),
        )

    def refuses(self, code: str, status: int = 400) -> None:
        """An error instead."""
        self.stub.add_client_error("lookup_events", code, "so it says", status)

    def find(self) -> str | Gap:
        """Who created the job; every page that was to come was asked for."""
        requesters = CloudTrailRequesters(self.client, self.clock, self.pace)
        with self.stub:
            found = requesters.find(REF, CREATED)
            self.stub.assert_no_pending_responses()
        return found


def found(*records: dict[str, Any] | str, age: timedelta = timedelta(minutes=3)) -> str | Gap:
    """Who created the job, by these records."""
    trail = Trail(age=age)
    trail.answers(*records)
    return trail.find()


@pytest.mark.parametrize(
    "answered",
    [
        {"responseElements": {"jobId": REF.job_id}},
        {"responseElements": {"createJobResult": [{"JobId": REF.job_id}]}},
        {"responseElements": None, "additionalEventData": {"jobId": REF.job_id}},
        {"responseElements": None, "resources": [{"type": "AWS::S3::Job", "ARN": REF.arn}]},
        {"responseElements": None, "aMemberToCome": {"deep": [[REF.arn]]}},
        {"responseElements": NESTED},
    ],
)
def test_the_job_is_found_wherever_s3_names_it(answered: dict[str, object]) -> None:
    """Where S3 writes the job's id into a record is documented nowhere."""
    assert found(record(BEN, responseElements={"jobId": "another"}), record(**answered)) == ANA


@pytest.mark.parametrize("name", ["requestParameters", "userIdentity", "userAgent", "sourceIPAddress", "tlsDetails"])
def test_what_a_caller_writes_does_not_make_them_the_requester(name: str) -> None:
    """Somebody names this job in the description of another one, in a tag, a session name or a user agent."""
    identity = {"type": "AssumedRole", "arn": BEN, "sessionContext": {"sourceIdentity": REF.job_id}}
    forged = record(BEN, responseElements={"jobId": "another"}) | {
        name: identity if name == "userIdentity" else {"description": REF.job_id, "x": [REF.arn]}
    }
    assert found(forged) == NOT_YET
    assert found(record(), forged) == ANA


@pytest.mark.parametrize(
    "members",
    [
        {"eventSource": "mediaconvert.amazonaws.com"},
        {"eventName": "JobCreated"},
        {"awsRegion": "us-east-1"},
        {"recipientAccountId": "999988887777"},
        {"errorCode": "AccessDenied"},
        {"responseElements": {"jobId": f"{REF.job_id}0"}},
        {"responseElements": {"note": f"see {REF.job_id}"}},
        {"responseElements": {"key": f"arn:aws:s3:::bucket/job/{REF.job_id}"}},
        {"responseElements": {REF.job_id: "a name of a member"}},
    ],
)
def test_the_record_of_another_call_names_nobody(members: dict[str, object]) -> None:
    """Other services have a CreateJob too; a call that failed created nothing; a longer text is not the id."""
    assert found(record(**members)) == NOT_YET


@pytest.mark.parametrize(
    "arn", [ANA, BEN, "arn:aws:iam::111122223333:root", "arn:aws:sts::444455556666:assumed-role/a/b"]
)
def test_the_caller_is_named_as_in_the_record(arn: str) -> None:
    """A session of a role, a user, the root, and whoever a service acted for."""
    assert found(record(arn)) == arn
    assert (
        found(record(userIdentity={"type": "AssumedRole", "arn": arn, "invokedBy": "cloudformation.amazonaws.com"}))
        == arn
    )


@pytest.mark.parametrize(
    "identity",
    [
        None,
        "ana",
        {},
        {"type": "AWSService", "invokedBy": "datasync.amazonaws.com"},
        {"type": "AWSAccount", "accountId": "444455556666", "principalId": "AIDA"},
        {"type": "IAMUser", "arn": 7},
        {"type": "IAMUser", "arn": ""},
        {"type": "IAMUser", "arn": "ana"},
        {"type": "IAMUser", "arn": "arn:aws-cn:iam::111122223333:user/ana"},
    ],
)
def test_a_record_without_an_arn_is_unmeasurable(identity: object) -> None:
    """Nobody is made out of a name, a principal's id or a service's."""
    assert found(record(userIdentity=identity)) == NO_ARN


def test_a_repeated_call_is_one_requester_only_if_it_is_the_same() -> None:
    """A repeated CreateJob with the same token gets the same job; another caller's makes the requester unknown."""
    assert found(record(), record()) == ANA
    assert found(record(), record(BEN)) == SEVERAL
    assert found(record(), record(userIdentity={"type": "AWSService"})) == SEVERAL


def test_a_damaged_record_that_names_the_job_counts_as_a_caller() -> None:
    """It may be of the real requester."""
    damaged = f'{{"responseElements": {{"jobId": "{REF.job_id}"'
    assert found(damaged) == NO_ARN
    assert found(damaged, record()) == SEVERAL
    assert found(f'{"[" * 100_000}"{REF.job_id}"') == NO_ARN
    assert found(f'["{REF.job_id}"]') == NO_ARN


def test_a_damaged_record_of_something_else_is_passed_over() -> None:
    """It does not have the job's id."""
    assert found("", "{", "null", record()) == ANA


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30)))
def test_what_is_not_listed_may_still_come_for_twenty_minutes(age: timedelta) -> None:
    """Then nothing is expected any more, and the gap is one that stays."""
    gap = found(record(responseElements={"jobId": "another"}), age=age)
    assert gap == (NOT_YET if age < LISTED_WITHIN else NOT_LISTED)
    assert isinstance(gap, Gap)
    assert gap.result is (Result.UNKNOWN if age < LISTED_WITHIN else Result.UNMEASURABLE)


def test_all_pages_are_read() -> None:
    """The requester is named only when no other caller can stand on a page that was not read."""
    trail = Trail()
    trail.answers(record(), following="2")
    trail.answers(token="2", following="3")
    trail.answers(record(BEN), token="3")
    assert trail.find() == SEVERAL


def test_pages_have_an_end() -> None:
    """Whoever makes many calls of CreateJob keeps nobody's review busy, and does not hide another requester."""
    trail = Trail()
    trail.answers(record(), following="1")
    for page in range(1, PAGES_AT_MOST):
        trail.answers(token=str(page), following=str(page + 1))
    assert trail.find() == TOO_MANY


def test_only_the_minutes_around_the_creation_are_looked_up() -> None:
    """What is created with the same token days later is not this job's creation."""
    trail = Trail()
    asked: list[dict[str, Any]] = []
    trail.client.meta.events.register(
        "provide-client-params.cloudtrail.LookupEvents", lambda params, **_: asked.append(params)
    )
    trail.answers(record())
    assert trail.find() == ANA
    [only] = asked
    assert CREATED - only["StartTime"] == only["EndTime"] - CREATED == timedelta(minutes=2)


@pytest.mark.parametrize(
    ("code", "status", "gap"),
    [
        ("AccessDeniedException", 400, DENIED),
        ("AccessDenied", 403, DENIED),
        ("OperationNotPermittedException", 400, DENIED),
        ("UnsupportedOperationException", 400, DENIED),
        ("ThrottlingException", 400, NOT_ASKED),
        ("InvalidTimeRangeException", 400, NOT_ASKED),
        ("InternalFailure", 500, NOT_ASKED),
        ("ServiceUnavailable", 503, NOT_ASKED),
    ],
)
@pytest.mark.parametrize("age", [timedelta(minutes=3), timedelta(days=3)])
def test_a_refusal_is_a_gap(code: str, status: int, gap: Gap, age: timedelta) -> None:
    """Throttling and errors pass, however old the job is; a permission that is missing does not pass by itself."""
    trail = Trail(age=age)
    trail.refuses(code, status)
    assert trail.find() == gap


def test_a_refused_page_leaves_nobody_known() -> None:
    """What the first page says is not the answer."""
    trail = Trail()
    trail.answers(record(), following="2")
    trail.refuses("ThrottlingException")
    assert trail.find() == NOT_ASKED


@pytest.mark.parametrize("answer", [{}, {"NextToken": "2"}, {"Events": [{"EventName": "CreateJob"}]}])
def test_an_answer_without_its_list_or_its_records_is_not_an_empty_one(answer: dict[str, Any]) -> None:
    """Whoever is not in it may have created the job."""
    trail = Trail(age=timedelta(days=1))
    trail.stub.add_response("lookup_events", answer)
    assert trail.find() == NOT_ASKED


def test_who_would_wait_long_for_their_turn_asks_another_time() -> None:
    """Two lookups a second are for the whole account and Region: reviews do not queue for them."""
    trail = Trail()
    trail.pace = Evenly(1 / 60, lambda: 0.0, trail.slept.append)
    trail.answers(record(), following="2")
    assert trail.find() == NOT_ASKED
    assert trail.slept == []
