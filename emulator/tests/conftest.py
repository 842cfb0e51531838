"""What the emulator's tests hold on to."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from s3batch_emulator import application, connect, running_server
from s3batch_emulator.testing import EmulatedBatch

from .job_requests import CONTROL_TOKEN, client, job_request

NewJob = Callable[..., str]


@pytest.fixture
def batch() -> EmulatedBatch:
    """A fresh emulator with a stepped clock and objects in memory."""
    made = EmulatedBatch()
    made.emulator.control_token = CONTROL_TOKEN
    return made


@pytest.fixture
def s3control(batch: EmulatedBatch) -> Any:
    """A boto3 client in us-east-1, in process."""
    return connect(client(), batch.emulator)


@pytest.fixture
def base_url(batch: EmulatedBatch) -> Iterator[str]:
    """Where the emulator is served over HTTP."""
    with running_server(application(batch.emulator)) as url:
        yield url


@pytest.fixture
def new_job(batch: EmulatedBatch, s3control: Any) -> NewJob:
    """Create a job in process; answers its id. Keywords change the CreateJob input; `status` settles it there."""

    def create(status: str = "New", body: bytes = b"employee-records,one\n", **changes: Any) -> str:
        job_id = str(s3control.create_job(**job_request(batch.objects, body, **changes))["JobId"])
        if status == "Active" and "ConfirmationRequired" not in changes:
            batch.emulator.settle_until(job_id, "Suspended")
            s3control.update_job_status(
                AccountId=job_request(batch.objects)["AccountId"], JobId=job_id, RequestedJobStatus="Ready"
            )
        batch.emulator.settle_until(job_id, status)
        return job_id

    return create


@pytest.fixture(params=["in process", "over HTTP"])
def unchecked(request: pytest.FixtureRequest, batch: EmulatedBatch) -> Iterator[Any]:
    """A client that sends whatever it is told: signed, and not validated before."""
    if request.param == "in process":
        yield connect(client(parameter_validation=False), batch.emulator)
        return
    with running_server(application(batch.emulator)) as url:
        yield client(base_url=url, parameter_validation=False)
