"""AWS for one job after another, over TLS on loopback: a proxy that answers for whatever host it is asked to reach."""

import re
import socketserver
import ssl
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any, Self

ACCOUNT = "123456789012"
REGION = "us-east-1"
HOSTS = (
    f"{ACCOUNT}.s3-control.{REGION}.amazonaws.com",
    f"appconfigdata.{REGION}.amazonaws.com",
    f"dynamodb.{REGION}.amazonaws.com",
    f"events.{REGION}.amazonaws.com",
)
WARM_CALLS = (
    "GetItem",
    "DescribeJob",
    "GetJobTagging",
    "TransactWriteItems",
    "UpdateJobStatus",
    "PutItem",
    "PutEvents",
    "PutItem",
)
"""Of every decision."""
COLD_CALLS = (*WARM_CALLS, "StartConfigurationSession", "GetLatestConfiguration", "DescribeTable", "PutItem")
"""Of the first one: the policies are polled for, the age of the table is asked once, and the last event's time is
written at most once a minute."""

_JOB = f"""<DescribeJobResult><Job><JobId>%s</JobId><ConfirmationRequired>true</ConfirmationRequired>
<JobArn>arn:aws:s3:{REGION}:{ACCOUNT}:job/%s</JobArn><Status>Suspended</Status><Manifest><Spec>
<Format>S3BatchOperations_CSV_20180820</Format><Fields><member>Bucket</member><member>Key</member></Fields></Spec>
<Location><ObjectArn>arn:aws:s3:::manifests/m.csv</ObjectArn><ETag>60e460c9d1046e73f7dde5043ac3ae85</ETag></Location>
</Manifest><Operation><S3PutObjectTagging><TagSet><member><Key>k</Key><Value>v</Value></member></TagSet>
</S3PutObjectTagging></Operation><Priority>10</Priority><RoleArn>arn:aws:iam::{ACCOUNT}:role/batch</RoleArn>
<Report><Enabled>false</Enabled></Report><ProgressSummary><TotalNumberOfTasks>7</TotalNumberOfTasks>
<NumberOfTasksSucceeded>0</NumberOfTasksSucceeded><NumberOfTasksFailed>0</NumberOfTasksFailed></ProgressSummary>
<CreationTime>2026-01-01T00:00:00Z</CreationTime><SuspendedDate>2026-01-01T00:00:03Z</SuspendedDate>
<SuspendedCause>AWAITING_CONFIRMATION</SuspendedCause></Job></DescribeJobResult>"""
_TAGS = "<GetJobTaggingResult><Tags><member><Key>team</Key><Value>lake</Value></member></Tags></GetJobTaggingResult>"
_UPDATED = "<UpdateJobStatusResult><JobId>%s</JobId><Status>Ready</Status></UpdateJobStatusResult>"
_TABLE = b'{"Table": {"TableName": "ledger", "CreationDateTime": 1.0}}'


class Network:
    """The proxy; it runs from `with` to the end of it.

    Attributes:
        latency: Seconds from the arrival of a request to its answer; connecting costs nothing more.
        policy: What AppConfig has: a policy document as JSON.
    """

    def __init__(self, certificate: Path, key: Path, policy: bytes) -> None:
        self.latency = 0.0
        self.policy = policy
        self._asked: list[str] = []
        self._connections = 0
        self._lock = threading.Lock()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        self._server = _Server(("127.0.0.1", 0), lambda *of_socketserver: _Connection(self, context, *of_socketserver))

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """For HTTPS_PROXY."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def heard(self) -> tuple[list[str], int]:
        """The operations that were asked for since this was last called, and over how many new connections."""
        with self._lock:
            asked, self._asked = self._asked, []
            connections, self._connections = self._connections, 0
        return asked, connections

    def connected(self) -> None:
        """Count a connection."""
        with self._lock:
            self._connections += 1

    def answer(self, line: str, headers: dict[str, str]) -> tuple[dict[str, str], bytes]:
        """Headers and body."""
        operation = _operation(line, headers)
        with self._lock:
            self._asked.append(operation)
        return self._answer(operation, line)

    def _answer(self, operation: str, line: str) -> tuple[dict[str, str], bytes]:
        job = re.search(r"/jobs/([^/? ]+)", line)
        job_id = job[1] if job else ""
        xml, as_json = {"content-type": "application/xml"}, {"content-type": "application/x-amz-json-1.0"}
        match operation:
            case "DescribeJob":
                return xml, (_JOB % (job_id, job_id)).encode()
            case "GetJobTagging":
                return xml, _TAGS.encode()
            case "UpdateJobStatus":
                return xml, (_UPDATED % job_id).encode()
            case "StartConfigurationSession":
                return as_json, b'{"InitialConfigurationToken": "first"}'
            case "GetLatestConfiguration":
                polling = {"next-poll-configuration-token": "next", "next-poll-interval-in-seconds": "600"}
                return {"content-type": "application/json", **polling}, self.policy
            case "DescribeTable":
                return as_json, _TABLE
            case "PutEvents":
                return as_json, b'{"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}'
            case _:
                return as_json, b"{}"


def _operation(line: str, headers: dict[str, str]) -> str:
    """What a request asks for: by its target in the JSON protocols, by its path in the others."""
    if "x-amz-target" in headers:
        return headers["x-amz-target"].rpartition(".")[2]
    method, path, _ = line.split(" ", 2)
    for ends, operation in (
        ("/configurationsessions", "StartConfigurationSession"),
        ("/configuration", "GetLatestConfiguration"),
        ("/tagging", "GetJobTagging"),
        ("/status", "UpdateJobStatus"),
    ):
        if path.partition("?")[0].endswith(ends):
            return operation
    return "DescribeJob" if method == "GET" and "/jobs/" in path else f"{method} {path}"


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    disable_nagle_algorithm = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A process that ends closes its connections as it likes."""


class _Connection(socketserver.StreamRequestHandler):
    """CONNECT, TLS whatever the host, then requests until the client goes."""

    disable_nagle_algorithm = True

    def __init__(self, network: Network, context: ssl.SSLContext, *of_socketserver: Any) -> None:
        self.network = network
        self.context = context
        super().__init__(*of_socketserver)

    def handle(self) -> None:
        """One connection to its end."""
        self.network.connected()
        self.rfile.readline()
        _headers(self.rfile.readline)
        self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with self.context.wrap_socket(self.request, server_side=True) as secured:
            reader = secured.makefile("rb")
            while line := reader.readline().decode("latin-1"):
                answer_at = time.perf_counter() + self.network.latency
                headers = _headers(reader.readline)
                reader.read(int(headers.get("content-length", "0")))
                said, body = self.network.answer(line, headers)
                said |= {"content-length": str(len(body)), "x-amzn-requestid": "bench", "x-amz-request-id": "bench"}
                said["date"] = formatdate(usegmt=True)  # the gate compares its clock with S3's
                lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
                time.sleep(max(0.0, answer_at - time.perf_counter()))
                secured.sendall(f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + body)


def _headers(read_line: Callable[[], bytes]) -> dict[str, str]:
    """Up to the empty line, with names in small letters."""
    headers: dict[str, str] = {}
    while said := read_line().strip().decode("latin-1"):
        name, _, value = said.partition(":")
        headers[name.lower()] = value.strip()
    return headers
