"""Reading EventBridge's events: which job, and nothing else.

tests/events holds events in the shape that the S3 User Guide documents ("Tracking an S3 Batch Operations
job in Amazon EventBridge through AWS CloudTrail") in EventBridge's envelope ("AWS service events delivered via
CloudTrail"), with made-up accounts and ids.
"""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgate.errors import EventError
from batchgate.jobs.events import is_own_request, parse_job_event
from batchgate.jobs.model import JobRef, Json
from tests.unit.examples import ARN, JOB_ID
from tests.unit.strategies import any_text, json_values

EVENTS = Path(__file__).resolve().parents[2] / "recorded" / "events"
RECORDED = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(EVENTS.glob("job_*.json"))}


def event() -> Any:
    """Give a fresh JobStatusChanged event."""
    return copy.deepcopy(RECORDED["job_suspended"])


@pytest.mark.parametrize("name", RECORDED)
def test_every_recorded_event_names_its_job(name: str) -> None:
    """JobCreated and JobStatusChanged of any status and partition lead to the job of `jobArn`."""
    details = RECORDED[name]["detail"]["serviceEventDetails"]
    assert parse_job_event(RECORDED[name]).arn == details["jobArn"]
    assert parse_job_event(RECORDED[name]).job_id == details["jobId"]


def test_the_recorded_events_are_of_both_names_and_several_states() -> None:
    """The documents cover what the guide describes."""
    details = [document["detail"] for document in RECORDED.values()]
    assert {detail["eventName"] for detail in details} == {"JobCreated", "JobStatusChanged"}
    assert {detail["serviceEventDetails"]["status"] for detail in details} >= {"New", "Suspended", "Ready", "Failed"}


def test_an_event_that_comes_twice_names_the_same_job_twice() -> None:
    """Reading keeps nothing and changes nothing."""
    once = event()
    assert parse_job_event(once) == parse_job_event(once) == JobRef.from_arn(ARN)
    assert once == event()


@given(json_values)
def test_the_status_in_the_event_is_not_looked_at(status: Json) -> None:
    """Events come late and out of order; only DescribeJob says what a job's status is."""
    late = event()
    late["detail"]["serviceEventDetails"]["status"] = status
    assert parse_job_event(late) == JobRef.from_arn(ARN)


def test_account_and_region_come_from_the_arn() -> None:
    """The envelope's account is where the event was recorded, not always where the job is."""
    other = event()
    other |= {"account": "999999999999", "region": "us-east-1"}
    other["detail"] |= {"awsRegion": "us-east-1", "recipientAccountId": "999999999999"}
    assert parse_job_event(other) == JobRef("aws", "eu-central-1", "111111111111", JOB_ID)


@given(
    st.dictionaries(any_text, json_values, max_size=3),
    st.sampled_from([(), ("detail",), ("detail", "serviceEventDetails")]),
)
def test_unknown_members_are_passed_over(more: dict[str, Json], where: tuple[str, ...]) -> None:
    """What AWS adds to an event later changes nothing."""
    grown = event()
    inner = grown
    for step in where:
        inner = inner[step]
    inner.update({name: value for name, value in more.items() if name not in inner})
    assert parse_job_event(grown) == JobRef.from_arn(ARN)


def without(*path: str) -> Callable[[Any], Json]:
    """Make a change that takes a member away."""

    def take(changed: Any) -> Json:
        inner = changed
        for step in path[:-1]:
            inner = inner[step]
        del inner[path[-1]]
        whole: Json = changed
        return whole

    return take


def with_value(value: Json, *path: str) -> Callable[[Any], Json]:
    """Make a change that puts another value in."""

    def put(changed: Any) -> Json:
        inner = changed
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value
        whole: Json = changed
        return whole

    return put


DETAILS = ("detail", "serviceEventDetails")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_value("aws.ec2", "source"), "expected an aws.s3 event"),
        (with_value("AWS.S3", "source"), "expected an aws.s3 event"),
        (with_value(["aws.s3"], "source"), "expected an aws.s3 event"),
        (without("source"), "expected an aws.s3 event"),
        (with_value("PutObject", "detail", "eventName"), "JobCreated or JobStatusChanged"),
        (with_value("jobcreated", "detail", "eventName"), "JobCreated or JobStatusChanged"),
        (with_value({"a": 1}, "detail", "eventName"), "JobCreated or JobStatusChanged"),
        (without("detail", "eventName"), "JobCreated or JobStatusChanged"),
        (without("detail"), "JobCreated or JobStatusChanged"),
        (with_value("text", "detail"), "JobCreated or JobStatusChanged"),
        (with_value(None, *DETAILS), r"detail\.serviceEventDetails\.jobArn: expected a job's ARN, got None"),
        (with_value([ARN], *DETAILS), r"detail\.serviceEventDetails\.jobArn: expected a job's ARN"),
        (without(*DETAILS), r"detail\.serviceEventDetails\.jobArn: expected a job's ARN"),
        (without(*DETAILS, "jobArn"), r"detail\.serviceEventDetails\.jobArn: expected a job's ARN"),
        (with_value(5, *DETAILS, "jobArn"), r"detail\.serviceEventDetails\.jobArn: expected a job's ARN, got 5"),
        (with_value(JOB_ID, *DETAILS, "jobArn"), r"detail\.serviceEventDetails\.jobArn: expected arn:PARTITION"),
        (with_value("arn:aws:s3:::lake", *DETAILS, "jobArn"), r"serviceEventDetails\.jobArn: expected arn:PARTITION"),
    ],
)
def test_what_is_no_job_event_is_refused(change: Callable[[Any], Json], message: str) -> None:
    """Another source, another event, a job's ARN missing or malformed: said so, with what came instead."""
    with pytest.raises(EventError, match=message):
        parse_job_event(change(event()))


@given(json_values)
def test_any_json_is_read_or_refused(document: Json) -> None:
    """A message can hold anything; nothing but EventError comes of it, in printable ASCII."""
    with pytest.raises(EventError) as refused:
        parse_job_event(document)
    assert str(refused.value).isascii()
    assert str(refused.value).isprintable()


@given(json_values, st.sampled_from([("source",), ("detail",), ("detail", "eventName"), DETAILS, (*DETAILS, "jobArn")]))
def test_an_event_with_any_json_in_it_is_read_or_refused(value: Json, path: tuple[str, ...]) -> None:
    """The same where only one member is spoiled."""
    with pytest.raises(EventError) as refused:
        parse_job_event(with_value(value, *path)(event()))
    assert len(str(refused.value)) < 1000


def test_the_gate_asks_for_a_review_itself_by_the_jobs_arn() -> None:
    """Once the manifest is read. It is no event of S3's: that none arrives would go unnoticed."""
    request: dict[str, Json] = {
        "source": "batchgate",
        "detail-type": "S3 Batch Job Manifest Read",
        "detail": {"job_arn": ARN},
    }
    assert parse_job_event(request) == JobRef.from_arn(ARN)
    assert is_own_request(request)
    assert not is_own_request(event())
    wrong: dict[str, list[Json]] = {
        "source": ["aws.s3"],
        "detail-type": ["S3 Batch Job Decision"],
        "detail": [{}, None],
    }
    for name, values in wrong.items():
        for value in values:
            with pytest.raises(EventError):
                parse_job_event({**request, name: value})
