"""Requests on the wire: limits, tags, tokens and errors; in process and over HTTP."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from s3batch_emulator import (
    Emulator,
    MemoryObjects,
    SteppedClock,
    Switches,
    Vocabulary,
    connect,
)
from s3batch_emulator.exchange import HttpRequest
from s3batch_emulator.testing import START, EmulatedBatch

from .conftest import NewJob
from .job_requests import ACCOUNT, TAGGING, client, code, job_request

OTHER_ACCOUNT = "210987654321"


BAD_UPDATES: dict[str, tuple[dict[str, Any], str]] = {
    "a job that does not exist": ({"JobId": "8d9a18fe-c303-4d39-8ccc-860d372da386"}, "NotFoundException"),
    "a job id of 4 characters": ({"JobId": "abcd"}, "BadRequestException"),
    "a job id of 37 characters": ({"JobId": "a" * 37}, "BadRequestException"),
    "a job id with a dot": ({"JobId": "8d9a18fe.c303"}, "BadRequestException"),
    "a job id with a slash": ({"JobId": "8d9a18fe/c303"}, "BadRequestException"),
    "an account that is no number": ({"AccountId": "12345678901a"}, "BadRequestException"),
    "an account of 11 digits": ({"AccountId": "12345678901"}, "BadRequestException"),
    "a status that can't be asked for": ({"RequestedJobStatus": "Active"}, "BadRequestException"),
    "a status in lower case": ({"RequestedJobStatus": "ready"}, "BadRequestException"),
    "an empty reason": ({"StatusUpdateReason": ""}, "BadRequestException"),
    "a reason of 257 characters": ({"StatusUpdateReason": "x" * 257}, "BadRequestException"),
    "a reason of 257 wide characters": ({"StatusUpdateReason": "ü" * 257}, "BadRequestException"),
    "a reason that XML can't carry": ({"StatusUpdateReason": "bell \a"}, "BadRequestException"),
    "no status": ({"RequestedJobStatus": None}, "BadRequestException"),
}


@pytest.mark.parametrize(("changes", "expected"), BAD_UPDATES.values(), ids=BAD_UPDATES.keys())
def test_a_bad_update_is_refused_and_changes_nothing(
    batch: EmulatedBatch, new_job: NewJob, unchecked: Any, changes: dict[str, Any], expected: str
) -> None:
    """The documented error with status 400, and the waiting job as it was."""
    job_id = new_job("Suspended")
    before = batch.emulator.job(job_id)
    asked = {"AccountId": ACCOUNT, "JobId": job_id, "RequestedJobStatus": "Cancelled"} | changes
    with pytest.raises(ClientError) as error:
        unchecked.update_job_status(**{name: value for name, value in asked.items() if value is not None})
    assert code(error) == (expected, 400)
    assert error.value.response["ResponseMetadata"]["RequestId"]
    assert batch.emulator.job(job_id) == before


@pytest.mark.parametrize(
    "reason", ["x", "y" * 256, "ü" * 256, "😀" * 256, "a\r\nb\r", "a+b c%20d&e=f;g#h?/\\\"'<>\t\n"]
)
def test_every_allowed_reason_survives_the_way(new_job: NewJob, unchecked: Any, reason: str) -> None:
    """As a query parameter there, and in XML back, twice."""
    job_id = new_job("Suspended")
    answer = unchecked.update_job_status(
        AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus="Ready", StatusUpdateReason=reason
    )
    assert answer["StatusUpdateReason"] == reason
    assert unchecked.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]["StatusUpdateReason"] == reason


BAD_JOBS: dict[str, dict[str, Any]] = {
    "no role": {"RoleArn": None},
    "a role that is no ARN": {"RoleArn": "S3BatchJobRole"},
    "no operation": {"Operation": {}},
    "two operations": {"Operation": {**TAGGING, "S3DeleteObjectTagging": {}}},
    "a negative priority": {"Priority": -1},
    "a priority beyond 31 bits": {"Priority": 2**31},
    "an empty description": {"Description": ""},
    "a description of 257 characters": {"Description": "x" * 257},
    "a token of 65 characters": {"ClientRequestToken": "x" * 65},
    "neither manifest nor generator": {"Manifest": None},
    "a manifest without ETag": {"Manifest": {"Spec": {"Format": "S3BatchOperations_CSV_20180820"}, "Location": {}}},
    "51 tags": {"Tags": [{"Key": f"key-{number}", "Value": ""} for number in range(51)]},
    "two tags of one key": {"Tags": [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]},
    "a tag key of 129 characters": {"Tags": [{"Key": "k" * 129, "Value": ""}]},
    "a tag value with an exclamation mark": {"Tags": [{"Key": "k", "Value": "no!"}]},
    "a report that does not say whether": {"Report": {}},
}


@pytest.mark.parametrize("changes", BAD_JOBS.values(), ids=BAD_JOBS.keys())
def test_a_bad_job_is_refused_and_not_created(batch: EmulatedBatch, unchecked: Any, changes: dict[str, Any]) -> None:
    """The model's limits and the API reference's rules."""
    with pytest.raises(ClientError) as error:
        unchecked.create_job(**job_request(batch.objects, **changes))
    assert code(error) == ("BadRequestException", 400)
    assert batch.emulator.jobs() == []
    assert batch.events == []


def test_manifest_and_generator_exclude_each_other(batch: EmulatedBatch, unchecked: Any) -> None:
    """Exactly one."""
    generator = {"S3JobManifestGenerator": {"SourceBucket": "arn:aws:s3:::source", "EnableManifestOutput": False}}
    with pytest.raises(ClientError, match="Exactly one of Manifest and ManifestGenerator"):
        unchecked.create_job(**job_request(batch.objects), ManifestGenerator=generator)


def test_what_was_created_is_described_whole(batch: EmulatedBatch, unchecked: Any) -> None:
    """Nested structures, maps, timestamps, tags' Unicode: nothing is lost or changed."""
    moment = datetime(2026, 7, 1, 12, 30, 0, 250000, tzinfo=UTC)
    asked = job_request(
        batch.objects,
        Description="Copy <all> & sundry",
        ConfirmationRequired=True,
        Report={
            "Enabled": True,
            "Bucket": "arn:aws:s3:::employee-records-logs",
            "Format": "Report_CSV_20180820",
            "Prefix": "reports",
            "ReportScope": "FailedTasksOnly",
        },
        Operation={
            "S3PutObjectCopy": {
                "TargetResource": "arn:aws:s3:::target",
                "NewObjectMetadata": {"UserMetadata": {"a": "1", "b": ""}, "HttpExpiresDate": moment},
                "NewObjectTagging": [{"Key": "größe", "Value": "ja bitte"}],
                "AccessControlGrants": [
                    {"Grantee": {"TypeIdentifier": "id", "Identifier": "x"}, "Permission": "READ"},
                    {"Grantee": {"TypeIdentifier": "uri", "Identifier": "y"}, "Permission": "WRITE"},
                ],
            }
        },
    )
    job = unchecked.describe_job(AccountId=ACCOUNT, JobId=unchecked.create_job(**asked)["JobId"])["Job"]
    for name in ("Description", "Report", "Manifest", "RoleArn", "Priority"):
        assert job[name] == asked[name]
    assert job["Operation"] == asked["Operation"]


def test_one_token_makes_one_job(batch: EmulatedBatch, unchecked: Any) -> None:
    """The same request again names the same job; another with the token is an IdempotencyException."""
    asked = job_request(batch.objects, ClientRequestToken="token-1")
    first = unchecked.create_job(**asked)["JobId"]
    assert unchecked.create_job(**asked)["JobId"] == first
    with pytest.raises(ClientError) as error:
        unchecked.create_job(**{**asked, "Priority": 43})
    assert code(error) == ("IdempotencyException", 400)
    assert len(batch.emulator.jobs()) == 1


def test_tags_are_replaced_read_and_deleted(unchecked: Any, new_job: NewJob) -> None:
    """DescribeJob does not show them; case matters."""
    job_id = new_job(Tags=[{"Key": "team", "Value": "a"}])
    assert unchecked.get_job_tagging(AccountId=ACCOUNT, JobId=job_id)["Tags"] == [{"Key": "team", "Value": "a"}]
    tags = [{"Key": "Team", "Value": ""}, {"Key": "team", "Value": "ü b"}]
    unchecked.put_job_tagging(AccountId=ACCOUNT, JobId=job_id, Tags=tags)
    assert unchecked.get_job_tagging(AccountId=ACCOUNT, JobId=job_id)["Tags"] == tags
    assert "Tags" not in unchecked.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]
    unchecked.delete_job_tagging(AccountId=ACCOUNT, JobId=job_id)
    assert unchecked.get_job_tagging(AccountId=ACCOUNT, JobId=job_id)["Tags"] == []


def test_the_fifty_first_tag_is_too_many(unchecked: Any, new_job: NewJob) -> None:
    """Fifty are not."""
    job_id = new_job()
    tags = [{"Key": f"key-{number}", "Value": "v" * 256} for number in range(51)]
    unchecked.put_job_tagging(AccountId=ACCOUNT, JobId=job_id, Tags=tags[:50])
    with pytest.raises(ClientError) as error:
        unchecked.put_job_tagging(AccountId=ACCOUNT, JobId=job_id, Tags=tags)
    assert code(error) == ("TooManyTagsException", 400)
    assert len(unchecked.get_job_tagging(AccountId=ACCOUNT, JobId=job_id)["Tags"]) == 50


def test_the_user_guides_vocabulary_is_a_switch() -> None:
    """NoSuchJobException in the place of NotFoundException."""
    emulator = Emulator(SteppedClock(START), MemoryObjects(), switches=Switches(vocabulary=Vocabulary.GUIDE))
    with pytest.raises(ClientError) as error:
        connect(client(), emulator).describe_job(AccountId=ACCOUNT, JobId="8d9a18fe-c303-4d39-8ccc-860d372da386")
    assert code(error) == ("NoSuchJobException", 400)


def test_every_call_is_recorded(batch: EmulatedBatch, new_job: NewJob, s3control: Any) -> None:
    """With what was asked and how it was answered."""
    job_id = new_job()
    with pytest.raises(ClientError):
        s3control.update_job_status(AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus="Ready")
    call = batch.emulator.calls[-1]
    assert (call.operation, call.code) == ("UpdateJobStatus", "JobStatusException")
    assert call.parameters == {"AccountId": ACCOUNT, "JobId": job_id, "RequestedJobStatus": "Ready"}


RAW: dict[str, tuple[str, str, bytes, int, bytes]] = {
    "another operation of S3 Control": (
        "GET",
        "/v20180820/configuration/publicAccessBlock",
        b"",
        501,
        b"NotImplemented",
    ),
    "a path of nobody": ("GET", "/favicon.ico", b"", 400, b"InvalidURI"),
    "a method of nobody": ("PATCH", "/v20180820/jobs", b"", 405, b"MethodNotAllowed"),
    "no XML": ("POST", "/v20180820/jobs", b"{}", 400, b"BadRequestException"),
    "XML of another operation": ("POST", "/v20180820/jobs", b"<PutJobTaggingRequest/>", 400, b"BadRequestException"),
    "a document type": ("POST", "/v20180820/jobs", b"<!DOCTYPE x []><x/>", 400, b"must not have a document type"),
    "a member twice": (
        "POST",
        "/v20180820/jobs",
        b"<CreateJobRequest><Priority>1</Priority><Priority>2</Priority></CreateJobRequest>",
        400,
        b"has Priority twice",
    ),
    "an unknown member": ("POST", "/v20180820/jobs", b"<CreateJobRequest><X/></CreateJobRequest>", 400, b"no member X"),
    "a path that is not UTF-8": ("GET", "/v20180820/jobs/abcde%FF", b"", 400, b"BadRequestException"),
    "a query that is not UTF-8": ("GET", "/v20180820/jobs?nextToken=%FF", b"", 400, b"InvalidRequestException"),
}


@pytest.mark.parametrize(("method", "target", "body", "status", "said"), RAW.values(), ids=RAW.keys())
def test_whatever_is_sent_is_answered_as_s3_would(
    batch: EmulatedBatch, method: str, target: str, body: bytes, status: int, said: bytes
) -> None:
    """With an error document that names code, message and request."""
    parts = urlsplit(target)
    answer = batch.emulator.respond(
        HttpRequest(method, parts.path, parts.query, {"x-amz-account-id": ACCOUNT, "host": "127.0.0.1"}, body)
    )
    assert (answer.status, said in answer.body) == (status, True)
    assert answer.body.count(b"<Code>") == answer.body.count(b"<Message>") == answer.body.count(b"<RequestId>") == 1
