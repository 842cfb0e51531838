"""The unmodified AWS CLI against the emulator: its documented examples, and its errors as a person sees them."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from s3batch_emulator import connect
from s3batch_emulator.pytest_plugin import EmulatedBatch
from tests.emulator.conftest import NewJob
from tests.emulator.job_requests import ACCOUNT, KEY, client, job_request, manifest

REGION = "us-west-2"
ENDPOINT = f"http://s3-control.{REGION}.amazonaws.com"
ROWS = b"".join(b"employee-records,key-%d\n" % row for row in range(300))


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left."""

    code: int
    out: str
    err: str
    answer: Any = field(default=None)


Aws = Callable[..., Ran]


@pytest.fixture
def aws(aws_cli: str, base_url: str) -> Aws:
    """Run `aws s3control` against the emulator."""
    environment = {
        name: value for name, value in os.environ.items() if "proxy" not in name.lower() and "AWS" not in name
    }
    environment |= {
        "HTTP_PROXY": base_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL_S3_CONTROL": ENDPOINT,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }

    def run(command: str, *options: str) -> Ran:
        done = subprocess.run(
            [aws_cli, "s3control", command, *options],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        answer = json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else None
        return Ran(done.returncode, done.stdout, done.stderr.strip(), answer)

    return run


@pytest.fixture
def new_job(batch: EmulatedBatch, aws: Aws) -> NewJob:
    """Create a job with the CLI's documented create-job example; `status` settles it there."""

    def create(status: str = "New", body: bytes = ROWS, *options: str) -> str:
        asked = manifest(batch.objects.put("employee-records-logs", KEY, body))
        report = {
            "Bucket": "arn:aws:s3:::employee-records-logs",
            "Prefix": "batch-op-create-job",
            "Format": "Report_CSV_20180820",
            "Enabled": True,
            "ReportScope": "AllTasks",
        }
        ran = aws(
            "create-job",
            *("--account-id", ACCOUNT),
            *("--operation", '{"S3PutObjectTagging": { "TagSet": [{"Key":"confidential", "Value":"true"}] }}'),
            *("--report", json.dumps(report)),
            *("--manifest", json.dumps(asked)),
            *("--priority", "42"),
            *("--role-arn", f"arn:aws:iam::{ACCOUNT}:role/S3BatchJobRole"),
            *options,
        )
        assert ran.code == 0, ran.err
        job_id = str(ran.answer["JobId"])
        batch.emulator.settle_until(job_id, status)
        return job_id

    return create


@pytest.fixture
def waiting(batch: EmulatedBatch) -> str:
    """A job that awaits confirmation, created without the CLI because that is faster."""
    s3control = connect(client(REGION), batch.emulator)
    job_id = str(s3control.create_job(**job_request(batch.objects, ROWS))["JobId"])
    batch.emulator.settle_until(job_id, "Suspended")
    return job_id


def update(aws: Aws, job_id: str, status: str, *options: str) -> Ran:
    """`aws s3control update-job-status`, as its examples write it."""
    return aws(
        "update-job-status", "--account-id", ACCOUNT, "--job-id", job_id, "--requested-job-status", status, *options
    )


def test_the_documented_example_cancels_a_job_that_awaits_approval(aws: Aws, waiting: str) -> None:
    """The answer holds exactly Status and JobId."""
    assert update(aws, waiting, "Cancelled").answer == {"Status": "Cancelled", "JobId": waiting}


def test_the_documented_examples_confirm_a_job_and_cancel_it_while_it_runs(
    batch: EmulatedBatch, aws: Aws, waiting: str
) -> None:
    """Ready first; once Active, Cancelling."""
    assert update(aws, waiting, "Ready").answer == {"Status": "Ready", "JobId": waiting}
    batch.emulator.settle_until(waiting, "Active")
    assert update(aws, waiting, "Cancelled").answer == {"Status": "Cancelling", "JobId": waiting}


def test_a_reason_is_answered_and_kept(aws: Aws, waiting: str) -> None:
    """As the User Guide's example "No longer needed"."""
    ran = update(aws, waiting, "Cancelled", "--status-update-reason", "No longer needed")
    assert ran.answer == {"Status": "Cancelled", "JobId": waiting, "StatusUpdateReason": "No longer needed"}
    described = aws("describe-job", "--account-id", ACCOUNT, "--job-id", waiting).answer["Job"]
    assert described["StatusUpdateReason"] == "No longer needed"


def test_the_documented_example_describes_a_job(batch: EmulatedBatch, aws: Aws, new_job: NewJob) -> None:
    """Every member of the documented output, with the values of the documented create-job."""
    job_id = new_job("Complete", b"employee-records,k\n" * 8, "--no-confirmation-required")
    job = aws("describe-job", "--account-id", ACCOUNT, "--job-id", job_id).answer["Job"]
    # What the emulator shows beside the example: it did not exist, or was not given, when that was written.
    for name in ("ConfirmationRequired",):
        del job[name]
    assert job.pop("CreationTime").startswith("2026-01-01T00:00:00")
    assert job.pop("TerminationDate").startswith("2026-01-01T00:00:05")
    assert job["ProgressSummary"].pop("Timers") == {"ElapsedTimeInActiveSeconds": 0}
    etag = job["Manifest"]["Location"].pop("ETag")
    assert etag == batch.objects.open("employee-records-logs", KEY).etag
    assert job == {
        "JobId": job_id,
        "FailureReasons": [],
        "Manifest": {
            "Spec": {"Fields": ["Bucket", "Key"], "Format": "S3BatchOperations_CSV_20180820"},
            "Location": {"ObjectArn": f"arn:aws:s3:::employee-records-logs/{KEY}"},
        },
        "Operation": {"S3PutObjectTagging": {"TagSet": [{"Value": "true", "Key": "confidential"}]}},
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/S3BatchJobRole",
        "ProgressSummary": {"TotalNumberOfTasks": 8, "NumberOfTasksFailed": 0, "NumberOfTasksSucceeded": 8},
        "Priority": 42,
        "Report": {
            "ReportScope": "AllTasks",
            "Format": "Report_CSV_20180820",
            "Enabled": True,
            "Prefix": "batch-op-create-job",
            "Bucket": "arn:aws:s3:::employee-records-logs",
        },
        "JobArn": f"arn:aws:s3:{REGION}:{ACCOUNT}:job/{job_id}",
        "Status": "Complete",
    }


def test_the_documented_example_lists_jobs(aws: Aws, new_job: NewJob) -> None:
    """The newest job first, with the documented members."""
    done, failed = new_job("Complete", b"b,k\n", "--no-confirmation-required"), new_job("Failed", b"broken\n")
    jobs = aws("list-jobs", "--account-id", ACCOUNT).answer["Jobs"]
    assert [(job["JobId"], job["Status"], job["Operation"], job["Priority"]) for job in jobs] == [
        (failed, "Failed", "S3PutObjectTagging", 42),
        (done, "Complete", "S3PutObjectTagging", 42),
    ]


def test_the_documented_example_changes_a_priority(aws: Aws, waiting: str) -> None:
    """The answer holds JobId and Priority."""
    ran = aws("update-job-priority", "--account-id", ACCOUNT, "--job-id", waiting, "--priority", "52")
    assert ran.answer == {"JobId": waiting, "Priority": 52}


def test_tags_by_command(aws: Aws, waiting: str) -> None:
    """Put, get and delete, as a person would."""
    at = ("--account-id", ACCOUNT, "--job-id", waiting)
    assert aws("put-job-tagging", *at, "--tags", "Key=team,Value=storage").code == 0
    assert aws("get-job-tagging", *at).answer == {"Tags": [{"Key": "team", "Value": "storage"}]}
    assert aws("delete-job-tagging", *at).code == 0
    assert aws("get-job-tagging", *at).answer == {"Tags": []}


SERVER_SAYS: dict[str, tuple[dict[str, str], str]] = {
    "a missing job": (
        {"--job-id": "8d9a18fe-c303-4d39-8ccc-860d372da386"},
        "(NotFoundException) when calling the UpdateJobStatus operation: The specified job does not exist",
    ),
    "a job id of 37 characters": (
        {"--job-id": "a" * 37},
        "(BadRequestException) when calling the UpdateJobStatus operation: JobId must have at most 36 characters",
    ),
    "a job id with a dot": (
        {"--job-id": "8d9a18fe.c303"},
        "(BadRequestException) when calling the UpdateJobStatus operation: JobId must match",
    ),
    "a bad status": (
        {"--requested-job-status": "Active"},
        "(BadRequestException) when calling the UpdateJobStatus operation: RequestedJobStatus must be one of",
    ),
    "a reason of 257 characters": (
        {"--status-update-reason": "x" * 257},
        "(BadRequestException) when calling the UpdateJobStatus operation: StatusUpdateReason must have at most 256",
    ),
    "a bad account": (
        {"--account-id": "12345678901"},
        "(BadRequestException) when calling the UpdateJobStatus operation: AccountId must match",
    ),
}
CLI_SAYS: dict[str, tuple[dict[str, str | None], str]] = {
    "a job id of 4 characters": (
        {"--job-id": "abcd"},
        "Invalid length for parameter JobId, value: 4, valid min length: 5",
    ),
    "an empty reason": (
        {"--status-update-reason": ""},
        "Invalid length for parameter StatusUpdateReason, value: 0, valid min length: 1",
    ),
    "an account that is no host label": (
        {"--account-id": "no account"},
        "AccountId must only contain a-z, A-Z, 0-9 and `-`.",
    ),
    "no job id": ({"--job-id": None}, "the following arguments are required: --job-id"),
    "no account": ({"--account-id": None}, "the following arguments are required: --account-id"),
    "no status": ({"--requested-job-status": None}, "the following arguments are required: --requested-job-status"),
}


def refused(aws: Aws, batch: EmulatedBatch, job_id: str, changes: dict[str, Any]) -> Ran:
    """Run an update that must fail and leave the waiting job as it was."""
    before = batch.emulator.job(job_id)
    options = {"--account-id": ACCOUNT, "--job-id": job_id, "--requested-job-status": "Cancelled", **changes}
    ran = aws("update-job-status", *[part for pair in options.items() if pair[1] is not None for part in pair])
    assert batch.emulator.job(job_id) == before
    return ran


@pytest.mark.parametrize(("changes", "said"), SERVER_SAYS.values(), ids=SERVER_SAYS.keys())
def test_the_cli_shows_what_the_server_refuses(
    batch: EmulatedBatch, aws: Aws, waiting: str, changes: dict[str, str], said: str
) -> None:
    """Exit code 254 or 255 and the documented error code; nothing has changed."""
    ran = refused(aws, batch, waiting, changes)
    assert f"An error occurred {said}" in ran.err
    assert ran.code in {254, 255}
    assert batch.emulator.calls[-1].operation == "UpdateJobStatus"


@pytest.mark.parametrize(("changes", "said"), CLI_SAYS.values(), ids=CLI_SAYS.keys())
def test_the_cli_refuses_by_itself(
    batch: EmulatedBatch, aws: Aws, waiting: str, changes: dict[str, str | None], said: str
) -> None:
    """Least lengths and missing parameters never reach the server."""
    calls = len(batch.emulator.calls)
    ran = refused(aws, batch, waiting, changes)
    assert said in ran.err
    assert ran.code not in {0, None}
    assert len(batch.emulator.calls) == calls
