"""The unmodified AWS SDK for JavaScript against `s3batch-emulator serve`, over real HTTP.

It has its own serializer, parser, signer and error classes, and its own reading of the service model.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from botocore.config import Config

from .aws_commands import missing
from .job_requests import ACCOUNT, ANY_CREDENTIALS, BUCKET, CONTROL_TOKEN, KEY, TAGGING, manifest
from .served import serving

pytestmark = pytest.mark.slow

DRIVER = Path(__file__).with_name("s3_control_client.mjs")
SDK = Path(__file__).resolve().parents[2] / "node_modules" / "@aws-sdk" / "client-s3-control"
REGION = "eu-west-1"
NO_JOB = "8d9a18fe-c303-4d39-8ccc-860d372da386"


@dataclass(frozen=True, slots=True)
class Sdk:
    """The SDK in its process, and the emulator in its own.

    Attributes:
        process: Takes a line, answers a line.
        url: Where the emulator is served.
        etag: Of the manifest in moto's S3.
    """

    process: subprocess.Popen[str]
    url: str
    etag: str

    def ask(self, **request: Any) -> Any:
        """The driver's answer to one line; the driver documents the form."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{json.dumps(request)}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def send(self, command: str, **members: Any) -> Any:
        """What a command of the account answers."""
        answer = self.ask(send=command, input={"AccountId": ACCOUNT, **members})
        assert "output" in answer, answer
        return answer["output"]

    def refused(self, command: str, **members: Any) -> dict[str, Any]:
        """How the SDK throws what the emulator refuses."""
        answer = self.ask(send=command, input={"AccountId": ACCOUNT, **members})
        assert "error" in answer, answer
        return dict(answer["error"])

    def control(self, path: str, **body: Any) -> None:
        """Ask the control API for something."""
        headers = {"Authorization": f"Bearer {CONTROL_TOKEN}"}
        assert urllib3.request("POST", f"{self.url}/_emulator/{path}", json=body, headers=headers).status == 200

    def job_input(self, **changes: Any) -> dict[str, Any]:
        """A CreateJob input over the manifest in moto's S3."""
        return {
            "Operation": TAGGING,
            "Report": {"Enabled": False},
            "Priority": 42,
            "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/S3BatchJobRole",
            "ClientRequestToken": "one",
            "Manifest": manifest(self.etag),
            **changes,
        }


@pytest.fixture(scope="module")
def served(moto_s3: str) -> Iterator[Sdk]:
    """Both processes; the clock stands still until a test moves it."""
    if not SDK.exists():
        missing(SDK)
    s3 = boto3.client(
        "s3",
        endpoint_url=moto_s3,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(proxies={}),
    )
    s3.create_bucket(Bucket=BUCKET)
    rows = b"".join(b"employee-records,key-%d\n" % row for row in range(300))
    etag = s3.put_object(Bucket=BUCKET, Key=KEY, Body=rows)["ETag"].strip('"')
    with (
        serving("--stepped", "--no-events", "--s3-endpoint", moto_s3, environment=ANY_CREDENTIALS) as (url, _),
        subprocess.Popen(
            ["node", str(DRIVER), url, REGION],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED": "true"},
        ) as process,
    ):
        try:
            yield Sdk(process, url, etag)
        finally:
            process.kill()


@pytest.fixture
def sdk(served: Sdk) -> Sdk:
    """The SDK before an emulator without jobs."""
    served.control("reset")
    return served


@pytest.fixture
def waiting(sdk: Sdk) -> str:
    """A job that awaits confirmation."""
    job_id = str(sdk.send("CreateJob", **sdk.job_input())["JobId"])
    sdk.control("clock", advance_seconds=60)
    return job_id


def test_a_job_is_created_and_described_as_it_was_asked_for(sdk: Sdk) -> None:
    """Every member comes back in its type: numbers, booleans, lists, dates."""
    asked = sdk.job_input(
        Description="für Ärger <&> \U0001f9ea",
        ConfirmationRequired=True,
        Tags=[{"Key": "team", "Value": "See / Meer: ü"}],
        Report={
            "Enabled": True,
            "Bucket": f"arn:aws:s3:::{BUCKET}",
            "Format": "Report_CSV_20180820",
            "Prefix": "reports",
            "ReportScope": "FailedTasksOnly",
        },
    )
    job_id = sdk.send("CreateJob", **asked)["JobId"]
    new = sdk.send("DescribeJob", JobId=job_id)["Job"]
    assert new["Status"] == "New"
    sdk.control("clock", advance_seconds=60)
    job = sdk.send("DescribeJob", JobId=job_id)["Job"]
    created, suspended = job.pop("CreationTime"), job.pop("SuspendedDate")
    assert created == new["CreationTime"]
    assert suspended["date"] > created["date"]
    for name in ("ClientRequestToken", "Tags", "ConfirmationRequired"):
        del asked[name]
    assert job == asked | {
        "JobId": job_id,
        "JobArn": f"arn:aws:s3:{REGION}:{ACCOUNT}:job/{job_id}",
        "Status": "Suspended",
        "SuspendedCause": "AwaitingConfirmation",
        "FailureReasons": [],
        "ProgressSummary": {
            "TotalNumberOfTasks": 300,
            "NumberOfTasksSucceeded": 0,
            "NumberOfTasksFailed": 0,
            "Timers": {"ElapsedTimeInActiveSeconds": 0},
        },
    }


@pytest.mark.parametrize(
    "operation",
    [
        {"LambdaInvoke": {"FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f", "UserArguments": {"a": "1"}}},
        {"S3PutObjectCopy": {"TargetResource": "arn:aws:s3:::target", "NewObjectTagging": [{"Key": "k", "Value": ""}]}},
        {"S3InitiateRestoreObject": {"ExpirationInDays": 3, "GlacierJobTier": "BULK"}},
        {"S3PutObjectRetention": {"BypassGovernanceRetention": True, "Retention": {"Mode": "GOVERNANCE"}}},
        {"S3DeleteObjectTagging": {}},
        {"S3ReplicateObject": {}},
    ],
    ids=lambda operation: next(iter(operation)),
)
def test_every_shape_of_operation_survives_the_way_there_and_back(sdk: Sdk, operation: dict[str, Any]) -> None:
    """Maps, lists, empty structures, booleans and whole numbers."""
    job_id = sdk.send("CreateJob", **sdk.job_input(Operation=operation))["JobId"]
    assert sdk.send("DescribeJob", JobId=job_id)["Job"]["Operation"] == operation


def test_the_sdk_makes_up_a_token_and_a_given_one_creates_once(sdk: Sdk) -> None:
    """ClientRequestToken is the service model's idempotency token."""
    asked = sdk.job_input()
    first = sdk.send("CreateJob", **asked)["JobId"]
    assert sdk.send("CreateJob", **asked)["JobId"] == first
    del asked["ClientRequestToken"]
    assert sdk.send("CreateJob", **asked)["JobId"] != first


def test_2500_jobs_are_listed_to_the_end(sdk: Sdk) -> None:
    """By NextToken by hand, and by the SDK's own paginator: each job once, in the same order."""
    asked = {"AccountId": ACCOUNT, **sdk.job_input()}
    del asked["ClientRequestToken"]
    made = {job["JobId"] for job in sdk.ask(send="CreateJob", input=asked, times=2500)["output"]}
    assert len(made) == 2500

    by_hand, sizes = [], []
    token: dict[str, str] = {}
    while True:
        page = sdk.send("ListJobs", MaxResults=999, **token)
        sizes.append(len(page["Jobs"]))
        by_hand += page["Jobs"]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert sizes == [999, 999, 502]
    assert len(by_hand) == 2500
    assert {job["JobId"] for job in by_hand} == made

    pages = sdk.ask(paginate="ListJobs", input={"AccountId": ACCOUNT}, page_size=1000)["output"]
    assert [len(page["Jobs"]) for page in pages] == [1000, 1000, 500]
    assert [job for page in pages for job in page["Jobs"]] == by_hand


def test_listing_filters_by_status(sdk: Sdk, waiting: str) -> None:
    """A list in the query; nothing found is an empty list."""
    (job,) = sdk.send("ListJobs", JobStatuses=["New", "Suspended"])["Jobs"]
    assert (job["JobId"], job["Status"], job["Operation"], job["Priority"]) == (
        waiting,
        "Suspended",
        "S3PutObjectTagging",
        42,
    )
    assert sdk.send("ListJobs", JobStatuses=["Active", "Failed"])["Jobs"] == []


def test_a_job_is_confirmed_and_gets_on(sdk: Sdk, waiting: str) -> None:
    """Ready with a reason of any characters, then Complete."""
    reason = "approved: 100% ok? a+b=c & <ü> /#\U0001f9ea"
    answer = sdk.send("UpdateJobStatus", JobId=waiting, RequestedJobStatus="Ready", StatusUpdateReason=reason)
    assert answer == {"JobId": waiting, "Status": "Ready", "StatusUpdateReason": reason}
    sdk.control("clock", advance_seconds=60)
    job = sdk.send("DescribeJob", JobId=waiting)["Job"]
    assert (job["Status"], job["StatusUpdateReason"]) == ("Complete", reason)
    assert job["ProgressSummary"]["NumberOfTasksSucceeded"] == 300
    assert "date" in job["TerminationDate"]


def test_a_waiting_job_is_cancelled(sdk: Sdk, waiting: str) -> None:
    """The response has Cancelled at once."""
    answer = sdk.send("UpdateJobStatus", JobId=waiting, RequestedJobStatus="Cancelled")
    assert answer == {"JobId": waiting, "Status": "Cancelled"}


def test_a_priority_is_changed(sdk: Sdk, waiting: str) -> None:
    """And described so; 0 is a priority too."""
    assert sdk.send("UpdateJobPriority", JobId=waiting, Priority=0) == {"JobId": waiting, "Priority": 0}
    assert sdk.send("DescribeJob", JobId=waiting)["Job"]["Priority"] == 0


def test_tags_are_put_read_and_deleted(sdk: Sdk, waiting: str) -> None:
    """Putting replaces all of them; a job without tags has an empty list."""
    tags = [{"Key": "a/b", "Value": ""}, {"Key": "team", "Value": "See / Meer: ü"}]
    assert sdk.send("GetJobTagging", JobId=waiting) == {"Tags": []}
    sdk.send("PutJobTagging", JobId=waiting, Tags=[{"Key": "old", "Value": "x"}])
    assert sdk.send("PutJobTagging", JobId=waiting, Tags=tags) == {}
    assert sdk.send("GetJobTagging", JobId=waiting) == {"Tags": tags}
    assert sdk.send("DeleteJobTagging", JobId=waiting) == {}
    assert sdk.send("GetJobTagging", JobId=waiting) == {"Tags": []}


TYPED: dict[str, tuple[str, dict[str, Any]]] = {
    "NotFoundException": ("DescribeJob", {"JobId": NO_JOB}),
    "InvalidNextTokenException": ("ListJobs", {"NextToken": "nonsense"}),
    "InvalidRequestException": ("ListJobs", {"MaxResults": 1001}),
    "BadRequestException": ("DescribeJob", {"JobId": "a.b.c"}),
    "TooManyTagsException": (
        "PutJobTagging",
        {"Tags": [{"Key": f"k{number}", "Value": "v"} for number in range(51)]},
    ),
    "JobStatusException": ("UpdateJobStatus", {"RequestedJobStatus": "Ready"}),
    "IdempotencyException": ("CreateJob", {"Priority": 43}),
}


@pytest.mark.parametrize("name", TYPED)
def test_a_refusal_is_the_exception_class_of_its_name(sdk: Sdk, waiting: str, name: str) -> None:
    """An instance of the SDK's own class, with message, status and request id, tried once."""
    command, members = TYPED[name]
    if command == "CreateJob":
        members = sdk.job_input() | members
    elif command != "ListJobs":
        members = {"JobId": waiting} | members
    if name == "JobStatusException":
        sdk.send("UpdateJobStatus", JobId=waiting, RequestedJobStatus="Cancelled")
    error = sdk.refused(command, **members)
    assert error.pop("message")
    assert error.pop("request_id")
    assert error == {
        "name": name,
        "status": 400,
        "attempts": 1,
        "fault": "client",
        "is_service_exception": True,
        "is_typed": True,
    }


def test_a_code_outside_of_the_model_is_a_service_exception_of_that_name(sdk: Sdk) -> None:
    """NoSuchJobException is the User Guide's word; the SDK has no class for it."""
    sdk.control("faults", effect="error", code="NoSuchJobException", times=1)
    error = sdk.refused("DescribeJob", JobId=NO_JOB)
    assert (error["name"], error["is_service_exception"], error["is_typed"]) == ("NoSuchJobException", True, False)


@pytest.mark.parametrize("code", ["SlowDown", "TooManyRequestsException", "InternalServiceException"])
def test_the_sdk_tries_again_where_it_should(sdk: Sdk, waiting: str, code: str) -> None:
    """One throttled or broken answer is not seen by the caller; two are."""
    sdk.control("faults", effect="error", code=code, times=1)
    assert sdk.send("DescribeJob", JobId=waiting)["Job"]["JobId"] == waiting
    sdk.control("faults", effect="error", code=code, times=2)
    error = sdk.refused("DescribeJob", JobId=waiting)
    assert (error["name"], error["attempts"]) == (code, 2)


def test_a_broken_connection_is_tried_again(sdk: Sdk, waiting: str) -> None:
    """A reset before the change, then the answer."""
    sdk.control("faults", effect="reset", times=1)
    assert sdk.send("UpdateJobStatus", JobId=waiting, RequestedJobStatus="Ready")["Status"] == "Ready"
