"""Manifests of several ranges, read by the deployed state machine under its own roles, whatever happens meanwhile."""

import http.client
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from batchgate_cli.local.deployment import Deployment
from batchgate_cli.local.services import ACCOUNT, LocalServices, running_services
from tests.e2e.deployed_gate import BATCH_ROLE, DeployedGate, client_of, wait_for

BUCKET = "large-manifests"
RANGE = 64 * 1024 * 1024
KEY = "k" * 1000
POLICY = """
version: 1
cancel_grace: 0s
policies:
  - name: only-the-lake
    match: [{operation: S3PutObjectTagging}]
    require:
      - source_buckets: {only: [lake-*]}
        on_violation: cancel
"""

SLOW_SECONDS = 0.1
"""A mebibyte, of a range that is slow."""


@dataclass
class S3Between:
    """S3 as the function that reads manifests has it: the local one, with what happens to the ranges that it reads.

    Attributes:
        url: Where it answers.
        happens: What happens once before the bytes of a range are passed on, by the first byte: called with the port
            of who asks. A BrokenError ends the connection.
        slow: The ranges that are slow.
        refused: The ranges of which nothing is passed on.
        ranges: The first byte of each range that was asked for, in order.
    """

    url: str = ""
    happens: dict[int, Callable[[int], object]] = field(default_factory=dict)
    slow: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    ranges: list[int] = field(default_factory=list)

    def reached(self, start: int, port: int) -> None:
        """Note that a range is asked for, and let happen what is to happen.

        Raises:
            BrokenError: Nothing is passed on.
        """
        self.ranges.append(start)
        happens = self.happens.pop(start, None)
        if happens is not None:
            happens(port)
        if start in self.refused:
            raise BrokenError


class BrokenError(Exception):
    """The connection ends."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    s3: str
    between: S3Between


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        """Pass it on."""
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked else None
        between = self.server.between
        connection = http.client.HTTPConnection(self.server.s3, timeout=60)
        try:
            connection.request(self.command, self.path, headers=dict(self.headers.items()))
            answer = connection.getresponse()
            if start is not None:
                between.reached(start, self.client_address[1])
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                self.send_header(name, value)
            self.end_headers()
            while self.command == "GET" and (chunk := answer.read(1 << 20)):
                time.sleep(SLOW_SECONDS if start in between.slow else 0)
                self.wfile.write(chunk)
        except (BrokenError, BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            connection.close()

    do_HEAD = do_GET  # noqa: N815 - as http.server calls it

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def s3_between(services: LocalServices) -> Iterator[S3Between]:
    """Serve it on 127.0.0.1."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.s3 = urlsplit(services.url).netloc
        server.between = S3Between(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server.between
        finally:
            server.shutdown()
            thread.join()


def kill_who_asks(port: int) -> None:
    """End the process at the other end of a connection of this machine, as a machine that dies would."""
    local = f"{port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    [inode] = [row[9] for row in rows if row[1].endswith(f":{local}") and row[9] != "0"]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            targets = [str(each.readlink()) for each in (process / "fd").iterdir()]
        except OSError:
            continue
        if f"socket:[{inode}]" in targets:
            os.kill(int(process.name), signal.SIGKILL)
            raise BrokenError
    raise AssertionError("nobody is there")


@dataclass
class Large:
    """The deployed gate, and what it reads through."""

    gate: DeployedGate
    s3: S3Between

    @property
    def machine(self) -> str:
        """The state machine's ARN."""
        [found] = self.gate.client("stepfunctions").list_state_machines()["stateMachines"]
        return str(found["stateMachineArn"])

    def put(self, key: str, rows: Sequence[tuple[int, str]]) -> str:
        """Write a manifest of so many rows of each bucket; its ETag."""
        body = b"".join(f"{bucket},{KEY}\n".encode() * count for count, bucket in rows)
        return str(self.gate.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)["ETag"])

    def job(self, key: str, etag: str) -> str:
        """A job with this manifest; its id."""
        request = self.gate.job_request("S3PutObjectTagging", 1)
        spec = request["Manifest"]["Spec"]
        location = {"ObjectArn": f"arn:aws:s3:::{BUCKET}/{key}", "ETag": etag.strip('"')}
        request |= {"Manifest": {"Spec": spec, "Location": location}, "RoleArn": BATCH_ROLE, "AccountId": ACCOUNT}
        return str(self.gate.s3control.create_job(**request)["JobId"])

    def executions(self) -> list[dict[str, Any]]:
        """Those of the state machine, the latest first."""
        listed = self.gate.client("stepfunctions").list_executions(stateMachineArn=self.machine)["executions"]
        return sorted(listed, key=lambda each: str(each["startDate"]), reverse=True)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, aws_cli: str) -> Iterator[Large]:
    """A gate that reads the manifests of one bucket, deployed by the real cdk command; roles count."""
    directory = tmp_path_factory.mktemp("large")
    policy = directory / "policy.yaml"
    policy.write_text(POLICY)
    settings = {"policy_files": [str(policy)], "manifest_buckets": [BUCKET], "adopt_existing": "evaluate"}
    patch = pytest.MonkeyPatch()
    patch.setenv("SFN_WAIT_SCALE", "0.05")  # Step Functions' waits before it tries again
    with patch.context(), running_services() as services, s3_between(services) as s3:
        deployment = Deployment(services.url, directory / "cdk.out", settings)
        outputs = deployment.deploy()
        client_of(services, "s3").create_bucket(Bucket=BUCKET)
        client_of(services, "s3").create_bucket(Bucket="manifests")
        functions = client_of(services, "lambda")
        [reader] = [
            each
            for each in functions.list_functions()["Functions"]
            if each["Handler"].endswith("read_manifest.handler")
        ]
        variables = reader["Environment"]["Variables"] | {"AWS_ENDPOINT_URL_S3": s3.url}
        functions.update_function_configuration(
            FunctionName=reader["FunctionName"], Environment={"Variables": variables}
        )
        services.enforce_roles()
        yield Large(DeployedGate(services, outputs, aws_cli, {}, ""), s3)
    patch.undo()


def test_one_foreign_bucket_in_the_last_range_is_found(large: Large) -> None:
    """A worker dies once and a range is slow; the job waits, and is then cancelled for what is in its third range."""
    rows = 150_000
    large.s3.happens[RANGE - 1] = kill_who_asks
    large.s3.slow.add(0)
    etag = large.put("foreign.csv", [(rows - 1, "lake-prod"), (1, "prod-payments")])
    job_id = large.job("foreign.csv", etag)
    wait_for("the execution has started", large.executions)
    assert large.gate.is_suspended(job_id)
    assert large.gate.state(job_id) is None
    state = large.gate.decided(job_id)
    assert (state["phase"], state.get("requested_action")) == ("settled", "cancel"), state["reason"]
    assert "prod-payments" in state["reason"]
    [execution] = large.executions()
    assert execution["status"] == "SUCCEEDED"
    assert set(large.s3.ranges) == {0, RANGE - 1, 2 * RANGE - 1}
    assert large.s3.ranges.count(RANGE - 1) > 1
    read = len(large.s3.ranges)
    again = large.gate.decided(large.job("foreign.csv", etag))
    assert "prod-payments" in again["reason"]
    assert (len(large.s3.ranges), len(large.executions())) == (read, 1)


def test_a_manifest_that_is_replaced_meanwhile_is_not_decided_by_its_rows(large: Large) -> None:
    """Whether its parts were read before or after: the job is held, and says why."""
    etag = large.put("replaced.csv", [(70_000, "lake-prod")])
    large.s3.happens[0] = lambda _port: large.put("replaced.csv", [(1, "lake-prod")])
    state = large.gate.decided(large.job("replaced.csv", etag))
    assert state["phase"] == "held"
    assert "the manifest is another by now" in state["reason"]


def test_a_range_that_can_not_be_read_is_given_up(large: Large) -> None:
    """After every retry: the execution fails, which rings, and the job is held."""
    large.s3.refused.add(RANGE - 1)
    try:
        before = len(large.executions())
        job_id = large.job("refused.csv", large.put("refused.csv", [(70_000, "lake-test")]))
        wait_for("the execution has started", lambda: len(large.executions()) > before)
        wait_for("the execution has failed", lambda: large.executions()[0]["status"] == "FAILED")
        state = large.gate.decided(job_id)
    finally:
        large.s3.refused.clear()
    assert state["phase"] == "held"
    assert "reading its manifest failed (" in state["reason"]


def test_rows_of_our_buckets_alone_are_approved(large: Large) -> None:
    """As many as S3 counts."""
    etag = large.put("ours.csv", [(40_000, "lake-prod"), (40_000, "lake-test")])
    state = large.gate.decided(large.job("ours.csv", etag))
    assert (state["phase"], state.get("requested_action")) == ("settled", "approve"), state["reason"]
