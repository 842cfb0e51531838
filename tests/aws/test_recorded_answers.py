"""What S3 was recorded to answer: the gate reads it, and the emulator answers the same members."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from batchgate.aws.s3control import S3Control
from batchgate.errors import JobsApiError, UpdateRefusedError
from batchgate.jobs.model import AsksForConfirmation, DateSurvives, JobRef, JobStatus, RequestedStatus
from batchgate.policy.facts import gather_facts
from s3batch_emulator import Emulator, MemoryObjects, SteppedClock, Switches
from s3batch_emulator.exchange import HttpRequest
from s3batch_emulator.model import NAMESPACE
from s3batch_emulator.testing import START
from s3batch_emulator.wire import write_answer
from tests.aws.test_s3control import answering
from tests.flow.stage import ACCOUNT, REGION, Stage

RECORDED = Path("tests/recorded")
OF_A_JOB = ("describe_job_suspended.json", "describe_job_complete.json")


def recorded(name: str) -> dict[str, Any]:
    """A recorded document."""
    said: dict[str, Any] = json.loads((RECORDED / name).read_text())
    return said


def members(value: Any, at: str = "") -> set[str]:
    """The paths of all members of an answer; of a list those of its first element."""
    if isinstance(value, Mapping):
        inside = {path for name, each in value.items() for path in members(each, f"{at}.{name}" if at else name)}
        return inside | {at}
    return {at} | (members(value[0], f"{at}[]") if isinstance(value, list) and value else set())


def client_that_hears(status: int, body: bytes, region: str = REGION) -> Any:
    """A real client that gets one recorded answer, whatever it asks."""
    config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    client = boto3.client("s3control", region_name=region, config=config)
    return answering(client, status, body, of_s3=True)


def on_the_wire(operation: str, said: dict[str, Any]) -> bytes:
    """A recorded answer as the XML that it came as."""
    client = boto3.client("s3control", region_name=REGION, config=Config(signature_version=UNSIGNED))
    return write_answer(client.meta.service_model.operation_model(operation), said)


def refusal(switches: Switches) -> bytes:
    """How the emulator says that there is no such job."""
    emulator = Emulator(SteppedClock(START), MemoryObjects(), switches=switches, region=REGION)
    request = HttpRequest(
        "GET",
        "/v20180820/jobs/00000000-dead-beef",
        headers={"host": f"{ACCOUNT}.s3-control.{REGION}.amazonaws.com", "x-amz-account-id": ACCOUNT},
    )
    return emulator.respond(request).body


def _form(document: bytes) -> Any:
    def form(element: ET.Element) -> Any:
        return element.tag, [form(child) for child in element]

    return form(ET.fromstring(document))  # noqa: S314 - our own documents


def _job(name: str) -> Any:
    said = recorded(name)["Job"]
    ref = JobRef.from_arn(said["JobArn"])
    body = on_the_wire("DescribeJob", {"Job": said})
    return S3Control(client_that_hears(200, body, ref.region), SteppedClock(START)).describe(ref)


# --- The gate ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OF_A_JOB)
def test_the_gate_reads_a_recorded_job(name: str) -> None:
    """Every member that a policy may look at, from the wire as from what the CLI prints."""
    said = recorded(name)["Job"]
    ref = JobRef.from_arn(said["JobArn"])
    adapter = S3Control(
        client_that_hears(200, on_the_wire("DescribeJob", {"Job": said}), ref.region), SteppedClock(START)
    )
    job = adapter.describe(ref)
    assert (job.ref, job.status.value, job.role) == (ref, said["Status"], said["RoleArn"])
    assert (job.operation,) == tuple(said["Operation"])
    assert job.total_tasks == said["ProgressSummary"]["TotalNumberOfTasks"]
    assert job.report == said["Report"]
    assert (job.confirmation_required, job.creation_time is None) == (None, False)
    facts = gather_facts(job, START)
    assert (facts.manifest["bucket"], facts.total_tasks) == ("my-bucket", job.total_tasks)


@pytest.mark.parametrize("survives", DateSurvives)
def test_whether_a_recorded_job_asks_is_told_by_its_course(survives: DateSurvives) -> None:
    """S3 did not say of either job what its requester had asked for."""
    asks = {name: _job(name).asks_for_confirmation(date_survives=survives) for name in OF_A_JOB}
    known = AsksForConfirmation.NO if survives is DateSurvives.TRUE else AsksForConfirmation.UNKNOWN
    assert asks == {OF_A_JOB[0]: AsksForConfirmation.YES, OF_A_JOB[1]: known}


def test_the_gate_reads_a_recorded_listing() -> None:
    """Each job with its status and its creation."""
    said = recorded("list_jobs.json")["Jobs"]
    adapter = S3Control(client_that_hears(200, on_the_wire("ListJobs", {"Jobs": said})), SteppedClock(START))
    rows = list(adapter.list_jobs(ACCOUNT, tuple(JobStatus)[:-1]))
    assert [(row.ref.job_id, row.status.value) for row in rows] == [(each["JobId"], each["Status"]) for each in said]
    assert all(row.creation_time is not None for row in rows)


def test_a_recorded_refusal_is_one() -> None:
    """Of reads an error of S3's, of an update that it surely had no effect."""
    ref = JobRef("aws", REGION, ACCOUNT, "00000000-1111-2222-3333-444444444444")
    adapter = S3Control(client_that_hears(400, (RECORDED / "error.xml").read_bytes()), SteppedClock(START))
    with pytest.raises(JobsApiError, match="InvalidRequest: Request invalid"):
        adapter.describe(ref)
    with pytest.raises(UpdateRefusedError, match="InvalidRequest: Request invalid"):
        adapter.update_status(ref, RequestedStatus.READY, "why")


# --- The emulator -----------------------------------------------------------------------------------


def test_the_emulator_describes_a_suspended_job_by_the_recorded_members() -> None:
    """All of them and no other, and the same SuspendedCause."""
    said = recorded("describe_job_suspended.json")["Job"]
    stage = Stage()
    ref = stage.create(
        ConfirmationRequired=True,
        Description=said["Description"],
        Operation=said["Operation"],
        Report=said["Report"],
        Priority=said["Priority"],
    )
    described = stage.person.describe_job(AccountId=ACCOUNT, JobId=ref.job_id)["Job"]
    assert members(described) == members(said)
    assert described["SuspendedCause"] == said["SuspendedCause"]


@pytest.mark.parametrize("asked", [True, False])
def test_the_emulator_says_of_no_job_what_its_requester_asked_for(asked: bool) -> None:
    """In whatever status."""
    stage = Stage()
    for status in ("New", "Preparing", "Suspended" if asked else "Ready"):
        ref = stage.create(until=status, ConfirmationRequired=asked)
        assert "ConfirmationRequired" not in stage.person.describe_job(AccountId=ACCOUNT, JobId=ref.job_id)["Job"]


def test_the_emulator_lists_jobs_by_the_recorded_members() -> None:
    """Newest first; of jobs that ended, too; nothing is counted of one that S3 could not prepare."""
    said = recorded("list_jobs.json")["Jobs"]
    stage = Stage()
    bad = {
        "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
        "Location": {"ObjectArn": "arn:aws:s3:::manifests/2.csv", "ETag": "0" * 32},
    }
    created = [
        stage.create(until="Failed", Description="copy 1", Manifest=bad),
        stage.create(until="Complete", Description="copy 2", ConfirmationRequired=False),
        stage.create(until="Active", Description="copy 3", ConfirmationRequired=False),
    ]
    listed = stage.person.list_jobs(AccountId=ACCOUNT)["Jobs"]
    assert [each["JobId"] for each in listed] == [ref.job_id for ref in reversed(created)]
    assert {frozenset(members(each)) for each in listed} == {frozenset(members(each)) for each in said}
    assert [each["CreationTime"] for each in said] == sorted((each["CreationTime"] for each in said), reverse=True)
    failed = [each["ProgressSummary"]["TotalNumberOfTasks"] for each in (*said, *listed) if each["Status"] == "Failed"]
    assert failed == [0, 0]


def test_the_emulator_refuses_in_the_recorded_form() -> None:
    """Element for element, without a namespace."""
    assert _form(refusal(Switches())) == _form((RECORDED / "error.xml").read_bytes())


# --- Each difference is a switch --------------------------------------------------------------------


def test_every_difference_from_what_was_recorded_is_a_switch() -> None:
    """Each by itself."""

    def described(switches: Switches) -> dict[str, Any]:
        stage = Stage(switches=switches)
        ref = stage.create(ConfirmationRequired=True)
        answer: dict[str, Any] = stage.person.describe_job(AccountId=ACCOUNT, JobId=ref.job_id)["Job"]
        return answer

    def listed(switches: Switches) -> list[dict[str, Any]]:
        stage = Stage(switches=switches)
        for _ in range(2):
            stage.create(until="Complete", ConfirmationRequired=False)
            stage.advance(minutes=1)
        answer: list[dict[str, Any]] = stage.person.list_jobs(AccountId=ACCOUNT, MaxResults=1)["Jobs"]
        return answer

    assert described(Switches(confirmation_shown=True))["ConfirmationRequired"] is True
    assert described(Switches(cause_in_capitals=True))["SuspendedCause"] == "AWAITING_CONFIRMATION"
    assert "TerminationDate" in listed(Switches(termination_listed=True))[0]
    assert "Timers" in listed(Switches(timers_listed=True))[0]["ProgressSummary"]
    newest, oldest = (listed(Switches(newest_first=each))[0]["CreationTime"] for each in (True, False))
    assert newest > oldest


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("page", [1, 2, 3, 7, 8])
def test_a_listing_goes_page_by_page_in_either_order(newest_first: bool, page: int) -> None:
    """Each job once."""
    stage = Stage(switches=Switches(newest_first=newest_first))
    created = [stage.create().job_id for _ in range(7)]
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = stage.person.list_jobs(AccountId=ACCOUNT, MaxResults=page, **token)
        found += [each["JobId"] for each in answer["Jobs"]]
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert found == (created[::-1] if newest_first else created)


@pytest.mark.parametrize("survives", [True, False])
def test_whether_suspended_date_survives_is_a_switch(survives: bool) -> None:
    """After a confirmation, and to the end."""
    stage = Stage(switches=Switches(suspension_remembered=survives))
    ref = stage.create()
    stage.update_as_a_person(ref, "Ready")
    for status in ("Ready", "Active", "Complete"):
        stage.emulator.settle_until(ref.job_id, status)
        described = stage.person.describe_job(AccountId=ACCOUNT, JobId=ref.job_id)["Job"]
        assert ("SuspendedDate" in described, "SuspendedCause" in described) == (survives, survives)


def test_the_namespace_of_a_refusal_is_a_switch() -> None:
    """S3 Control's own, where it has one."""
    assert NAMESPACE in refusal(Switches(error_namespace=True)).decode()
