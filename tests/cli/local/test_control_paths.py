"""What only the starting process may ask of the local AWS: S3's events, its roles, and ministack's own switches."""

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import urllib3

from batchgate_cli.local.ministack import running_ministack
from batchgate_cli.local.ministack_server import TOKEN_VARIABLE
from batchgate_cli.local.services import ACCOUNT, LocalServices, running_services
from tests.cli.local.function_code import zipped
from tests.e2e.deployed_gate import client_of

PATHS = (
    ("PUT", "/_batchgate/batch"),
    ("PUT", "/_batchgate/roles"),
    ("PUT", "/_batchgate/events"),
    ("PUT", "/_batchgate/may"),
    ("PUT", "/_batchgate/nothing"),
    ("POST", "/_batchgate/roles"),
    ("POST", "/_ministack/reset"),
    ("POST", "/_ministack/config"),
    ("GET", "/_ministack/sqs/messages"),
    ("GET", "/_ministack/lambda-code/f"),
    ("GET", "/_localstack/info"),
    ("POST", "/%5Fministack/reset"),
    ("POST", "//_ministack/reset"),
    ("POST", "/_ministack/health/../reset"),
)


@pytest.fixture(scope="module")
def services() -> Iterator[LocalServices]:
    """A local AWS of these tests."""
    with running_services() as started:
        yield started


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer None"}, {"Authorization": "Bearer "}], ids=str)
@pytest.mark.parametrize(("method", "path"), PATHS)
def test_control_paths_take_the_token(services: LocalServices, method: str, path: str, headers: dict[str, str]) -> None:
    """However they are written."""
    answer = urllib3.request(
        method, services.url + path, body="{}", headers={"Connection": "close", **headers}, retries=False
    )
    assert answer.status == 403


@pytest.mark.parametrize("path", ["/_ministack/reset", "/_batchgate/roles", "/_ministack/health"])
def test_a_connection_serves_the_next_request(services: LocalServices, path: str) -> None:
    """Also after a response for which the body was not needed, which came later."""
    address = urlsplit(services.url)
    host = f"HTTP/1.1\r\nHost: {address.netloc}\r\n".encode()
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=30) as connection:
        connection.sendall(b"POST " + path.encode() + b" " + host + b"Content-Length: 2\r\n\r\n")
        assert urllib3.request("GET", f"{services.url}/_ministack/health").status == 200  # the headers were served
        connection.sendall(b"{}" + b"GET /_ministack/health " + host + b"Connection: close\r\n\r\n")
        answers = b""
        while received := connection.recv(65536):
            answers += received
    assert answers.count(b"HTTP/1.1 ") == 2
    assert answers.rpartition(b"HTTP/1.1 ")[2].startswith(b"200 ")


def test_a_request_that_breaks_off_has_no_effect(services: LocalServices) -> None:
    """The job API gets whole requests alone."""
    address = urlsplit(services.url)
    before = len(services.batch.calls)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=30) as connection:
        head = f"POST /v20180820/jobs HTTP/1.1\r\nHost: {address.netloc}\r\nx-amz-account-id: {ACCOUNT}\r\n"
        connection.sendall(f"{head}Content-Length: 20\r\n\r\n<CreateJobRequest>".encode())
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    assert len(services.batch.calls) == before


def test_the_starting_process_has_it_and_no_function(services: LocalServices) -> None:
    """A function that prints its environment shows no token; the token opens ministack's own paths too."""
    client = client_of(services, "lambda")
    client.create_function(
        FunctionName="environment",
        Runtime="python3.13",
        Handler="index.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/any",
        Code={"ZipFile": zipped("import os\ndef handler(*_): return dict(os.environ)")},
    )
    environment = json.loads(client.invoke(FunctionName="environment")["Payload"].read())
    assert "AWS_ENDPOINT_URL" in environment or "AWS_REGION" in environment
    assert TOKEN_VARIABLE not in environment
    assert services.token not in environment.values()
    assert services.token not in repr(services)
    headers = {"Authorization": f"Bearer {services.token}"}
    assert urllib3.request("GET", f"{services.url}/_ministack/sqs/messages", headers=headers).status != 403


def test_without_a_token_they_are_closed() -> None:
    """As where ministack is started by itself."""
    with running_ministack() as url:
        for sent in ("", "None", "null"):
            headers = {"Authorization": f"Bearer {sent}"}
            assert urllib3.request("PUT", f"{url}/_batchgate/roles", body="{}", headers=headers).status == 403
