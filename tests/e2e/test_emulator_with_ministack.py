"""The emulator beside ministack, and its browser check in front of all local services."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from batchgate_cli.local.services import running_services
from emulator.tests.job_requests import ANY_CREDENTIALS
from emulator.tests.served import OWNER, serve, settled, stored
from emulator.tests.test_guard import LET_IN, REFUSED, exchanged, status_of_nodes_fetch
from emulator.tests.test_manifests import check_manifests_are_read_from
from s3batch_emulator import EventBridgeSink


def test_a_job_gets_from_creation_to_complete(local_s3: str) -> None:
    """With the manifest counted, by the credentials that it was stored with."""
    named = stored(local_s3, OWNER, "servers-complete")
    with serve(local_s3, OWNER) as (url, _):
        job = settled(url, named)
    assert (job["Status"], job["ProgressSummary"]["TotalNumberOfTasks"]) == ("Complete", 30)


def test_manifests_are_read_from_ministack(local_s3: str) -> None:
    """By a real S3 client, path-style."""
    check_manifests_are_read_from(local_s3)


def test_credentials_are_found_as_any_aws_tool_finds_them(local_s3: str, tmp_path: Path) -> None:
    """In a profile, where the environment names one."""
    named = stored(local_s3, OWNER, "servers-profile")
    profiles = tmp_path / "credentials"
    profiles.write_text(
        "[team]\n" + "".join(f"{name.lower()} = {value}\n" for name, value in OWNER.items()), encoding="utf-8"
    )
    environment = {"AWS_SHARED_CREDENTIALS_FILE": str(profiles), "AWS_PROFILE": "team"}
    with serve(local_s3, environment) as (url, _):
        assert settled(url, named)["Status"] == "Complete"


def test_credentials_of_another_account_are_refused_with_the_documented_reason(local_s3: str) -> None:
    """By an S3 that scopes by account."""
    named = stored(local_s3, OWNER, "servers-scoped")
    with serve(local_s3, ANY_CREDENTIALS) as (url, _):
        job = settled(url, named)
    assert job["Status"] == "Failed"
    assert [each["FailureReason"] for each in job["FailureReasons"]] == [
        "Reading the manifest is forbidden: AccessDenied"
    ]


def test_events_are_put_on_a_bus(local_s3: str, caplog: pytest.LogCaptureFixture) -> None:
    """A local EventBridge takes them under another source, since aws.* is kept for AWS."""
    events = boto3.client(
        "events", endpoint_url=local_s3, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    event = {
        "id": "e",
        "detail-type": "AWS Service Event via CloudTrail",
        "detail": {"eventName": "JobCreated"},
        "resources": [],
    }
    EventBridgeSink(events)(event)
    assert caplog.messages == []
    EventBridgeSink(events, source="aws.s3")(event)
    assert caplog.messages[0].startswith("event e was lost")


@pytest.fixture(scope="module")
def local_aws() -> Iterator[str]:
    """What `batchgate local up` and the demo serve."""
    with running_services() as services:
        yield services.url


@pytest.mark.parametrize("name", REFUSED)
def test_the_local_services_refuse(local_aws: str, name: str) -> None:
    """On the wire: 403, or 400 for what is not HTTP."""
    answer = exchanged(local_aws, REFUSED[name])
    assert answer.split(b" ", 2)[1] in {b"403", b"400"}, answer
    assert b"access-control" not in answer.lower()


@pytest.mark.parametrize("name", LET_IN)
def test_the_local_services_let_clients_in(local_aws: str, name: str) -> None:
    """The same requests, without what makes them a browser's."""
    assert exchanged(local_aws, LET_IN[name]).split(b" ", 2)[1] == b"200"


def test_nodes_own_fetch_is_let_in(local_aws: str) -> None:
    """It sends Sec-Fetch-Mode by itself, as browsers do."""
    assert status_of_nodes_fetch(local_aws) == "200"
