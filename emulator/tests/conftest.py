"""Hypothesis profiles and the fixtures of the emulator's tests."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from werkzeug.serving import make_server

from s3batch_emulator import application, connect, running_server
from s3batch_emulator.guard import refusal
from s3batch_emulator.testing import EmulatedBatch

from .aws_commands import CHECKOUT, missing
from .job_requests import CONTROL_TOKEN, client, job_request

NewJob = Callable[..., str]

# As the root's conftest.py has them: this suite also runs without it.
settings.register_profile("dev", deadline=None)
settings.register_profile(
    "ci",
    deadline=None,
    max_examples=30,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "soak", deadline=None, max_examples=5000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


@pytest.fixture(scope="session")
def aws_cli() -> str:
    """The path of the unmodified `aws` command, version 1."""
    path = CHECKOUT / ".venv-awscli" / "bin" / "aws"
    if not path.exists():
        missing(path)
    return str(path)


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
    """A client that signs requests but does not validate their parameters."""
    if request.param == "in process":
        yield connect(client(parameter_validation=False), batch.emulator)
        return
    with running_server(application(batch.emulator)) as url:
        yield client(base_url=url, parameter_validation=False)


@pytest.fixture(scope="session")
def moto_s3() -> Iterator[str]:
    """Moto's server; to no browser, as any server that is started here."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    moto = DomainDispatcherApplication(create_backend_app)

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        headers = [
            (name.removeprefix("HTTP_").replace("_", "-").encode(), str(value).encode("latin-1"))
            for name, value in environ.items()
            if name.startswith("HTTP_")
        ]
        if refusal(environ["REQUEST_METHOD"], headers) is not None:
            start_response("403 Forbidden", [])
            return []
        answered: Iterable[bytes] = moto(environ, start_response)
        return answered

    server = make_server("127.0.0.1", 0, guarded, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
