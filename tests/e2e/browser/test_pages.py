"""A real browser on this machine shows a hostile page while the local servers run: nothing is created, read or run.

The page knows the servers' ports, and sends what it can: with and without preflight and Origin, by scripts, elements,
forms and sockets, to 127.0.0.1, to localhost, to a name of its own that resolves to 127.0.0.1, and as that very origin
(the page came from the same name and port, where the server listens a moment later: DNS rebinding).
"""

import base64
import json
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from batchgate_cli.local.services import ACCOUNT, running_services
from emulator.tests.aws_commands import without_settings
from emulator.tests.job_requests import ANY_CREDENTIALS, CONTROL_TOKEN
from emulator.tests.served import serving
from tests.cli.local.function_code import zipped
from tests.e2e.browser.chromium import MISSING, chromium, showing
from tests.e2e.deployed_gate import wait_for

NAME = "evil.example"
SECONDS = 240
SCRIPT = Path(__file__).with_name("attacks.js").read_text()
BATCHGATE = Path(sys.executable).with_name("batchgate")

JOB = f"""<CreateJobRequest xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><Operation><S3DeleteObjectTagging/>
</Operation><Report><Enabled>false</Enabled></Report><ClientRequestToken>t</ClientRequestToken><Manifest><Spec><Format>
S3BatchOperations_CSV_20180820</Format><Fields><member>Bucket</member><member>Key</member></Fields></Spec><Location>
<ObjectArn>arn:aws:s3:::manifests/m.csv</ObjectArn><ETag>0123</ETag></Location></Manifest><Priority>1</Priority>
<RoleArn>arn:aws:iam::{ACCOUNT}:role/any</RoleArn></CreateJobRequest>""".replace("\n", "")

pytestmark = pytest.mark.skipif(chromium() is None, reason=MISSING)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request that a page would like to send.

    Attributes:
        name: Of what it would do.
        headers: Those that take a preflight.
    """

    name: str
    method: str
    path: str
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, url: str, **more: str) -> urllib3.BaseHTTPResponse:
        """Send it as a program of this machine does."""
        headers = {"Connection": "close", **self.headers, **more}
        return urllib3.request(self.method, url + self.path, body=self.body, headers=headers, retries=False, timeout=60)


@dataclass(slots=True)
class Page:
    """The hostile server's work.

    Attributes:
        bases: URLs of the attacked server; empty for the page's own origin.
    """

    attempts: list[Attempt]
    bases: list[str]
    home: str = ""
    go: threading.Event = field(default_factory=threading.Event)
    shown: threading.Event = field(default_factory=threading.Event)
    reports: "queue.Queue[list[dict[str, str]]]" = field(default_factory=queue.Queue)

    def html(self) -> bytes:
        """What the browser is given."""
        work = {"bases": self.bases, "attempts": [asdict(each) for each in self.attempts], "home": self.home}
        return f"<!doctype html><body><script>{SCRIPT}\nattack({json.dumps(work)})</script>".encode()


@contextmanager
def hostile(page: Page, port: int = 0) -> Iterator[int]:
    """Serve the page and take its report; the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/go":
                self.answer(b"go" if page.go.wait(0.2) else b"wait")
            else:
                self.answer(page.html(), "text/html")
                page.shown.set()

        def do_POST(self) -> None:
            page.reports.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(b"")

        def answer(self, body: bytes, kind: str = "text/plain") -> None:
            self.send_response(200)
            for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), ("Connection", "close")):
                self.send_header(name, value)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


@contextmanager
def visited(url: str) -> Iterator[None]:
    """A browser shows the page; its own guards against requests to this machine are off."""
    rules = f"--host-resolver-rules=MAP {NAME} 127.0.0.1"
    with showing(url, rules, "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests"):
        yield


Start = Callable[[int], AbstractContextManager[str]]
"""Starts a server on a port (0: any free one) for a block; its URL."""


def attacked(start: Start, attempts: list[Attempt], check: Callable[[str], None]) -> None:
    """Have pages of another origin, and then of the server's own, send it all attempts; nothing may come of them."""
    page = Page(attempts, [])
    with start(0) as url, hostile(page) as home:
        port = urlsplit(url).port
        page.home = f"http://127.0.0.1:{home}"
        page.bases = [f"http://{name}:{port}" for name in ("127.0.0.1", "localhost", NAME)]
        page.go.set()
        with visited(f"http://{NAME}:{home}/"):
            report = page.reports.get(timeout=SECONDS)
        assert {(each["base"], each["name"]) for each in report} == {
            (base, attempt.name) for base in page.bases for attempt in attempts
        }
        assert [each for each in report if each["said"] not in {"opaque", "failed", "loaded", "no answer"}] == []
        check(url)

    page = Page(attempts, [""])
    with hostile(page) as home, ExitStack() as browser:
        page.home = f"http://127.0.0.1:{home}"
        with hostile(page) as port:
            browser.enter_context(visited(f"http://{NAME}:{port}/"))
            assert page.shown.wait(SECONDS)
        with start(port) as url:
            page.go.set()
            report = page.reports.get(timeout=SECONDS)
            assert {each["said"] for each in report if each["way"] in {"preflighted", "readable"}} == {"403"}
            assert [each for each in report if each["said"] in {"opened", "200"}] == []
            check(url)


@contextmanager
def emulator(port: int) -> Iterator[str]:
    """`batchgate emulator serve`."""
    with serving("--stepped", "--no-events", "--port", str(port), environment=ANY_CREDENTIALS) as (url, _):
        yield url


def asked_emulator(url: str, path: str) -> Any:
    """What the control API says."""
    return urllib3.request(
        "GET", f"{url}/_emulator/{path}", headers={"Authorization": f"Bearer {CONTROL_TOKEN}"}
    ).json()


S3_CONTROL = {"x-amz-account-id": ACCOUNT}
EMULATOR = [
    Attempt("list jobs", "GET", "/v20180820/jobs", headers=S3_CONTROL),
    Attempt("create a job", "POST", "/v20180820/jobs", JOB, S3_CONTROL),
    Attempt("advance the clock", "POST", "/_emulator/clock", '{"advance_seconds": 5}'),
    Attempt("lay a fault", "POST", "/_emulator/faults", '{"effect": "reset"}'),
    Attempt("read jobs", "GET", "/_emulator/jobs"),
]


def test_the_served_emulator() -> None:
    """No operation is reached, no clock moved, no fault laid; the same requests of a program do all of it."""

    def check(url: str) -> None:
        assert asked_emulator(url, "calls") == {"calls": []}
        assert asked_emulator(url, "faults") == {"faults": []}
        assert asked_emulator(url, "")["jobs"] == 0
        before = asked_emulator(url, "")["now"]
        for attempt in EMULATOR:
            answer = attempt.send(url, Authorization=f"Bearer {CONTROL_TOKEN}")
            assert answer.status == 200, (attempt.name, answer.data)
            if attempt.name == "lay a fault":
                urllib3.request(
                    "DELETE", f"{url}/_emulator/faults", headers={"Authorization": f"Bearer {CONTROL_TOKEN}"}
                )
        assert asked_emulator(url, "")["jobs"] == 1
        assert asked_emulator(url, "")["now"] > before

    attacked(emulator, EMULATOR, check)


@contextmanager
def local_up(port: int) -> Iterator[str]:
    """`batchgate local up`, without the gate."""
    # A home of its own: one user runs one local AWS.
    with tempfile.TemporaryDirectory() as home:
        environment = without_settings() | {"XDG_STATE_HOME": home, "COLUMNS": "200"}
        command = [str(BATCHGATE), "local", "up", "--no-deploy", "--port", str(port)]
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stdout is not None
                lines = iter(process.stdout.readline, "")
                url = next(line.split()[5].rstrip(".") for line in lines if line.startswith("A local AWS is on "))
                yield url
            finally:
                process.terminate()


@contextmanager
def demo_services(port: int) -> Iterator[str]:
    """What `batchgate demo` starts."""
    with running_services(port=port) as services:
        yield services.url


def local_aws(marker: Path) -> list[Attempt]:
    """Run code, and whatever else."""
    code = f"def handler(event, context):\n    open({str(marker)!r}, 'w').close()\n"
    function = {
        "FunctionName": "f",
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": f"arn:aws:iam::{ACCOUNT}:role/any",
        "Code": {"ZipFile": base64.b64encode(zipped(code)).decode()},
    }
    return [
        Attempt("create a function", "POST", "/2015-03-31/functions", json.dumps(function)),
        Attempt("run it", "POST", "/2015-03-31/functions/f/invocations", "{}"),
        Attempt("create a queue", "GET", "/?Action=CreateQueue&QueueName=q"),
        Attempt("create a bucket", "PUT", "/page-made-this"),
        Attempt("list buckets", "GET", "/"),
        Attempt("list jobs", "GET", "/v20180820/jobs", headers=S3_CONTROL),
        Attempt("create a job", "POST", "/v20180820/jobs", JOB, S3_CONTROL),
        Attempt("play S3", "PUT", "/_batchgate/roles", '{"enforced": true}'),
        Attempt("forget everything", "POST", "/_ministack/reset"),
    ]


@pytest.mark.parametrize("start", [local_up, demo_services])
def test_the_local_aws(start: Start, tmp_path: Path) -> None:
    """No function runs, nothing is made or forgotten; the same requests of a program run the function."""
    marker = tmp_path / "a page ran this"
    attempts = local_aws(marker)

    def check(url: str) -> None:
        assert not marker.exists()
        listed = urllib3.request("GET", f"{url}/2015-03-31/functions").json()
        assert listed["Functions"] == []
        assert b"page-made-this" not in urllib3.request("GET", url).data
        queues = urllib3.request("GET", f"{url}/?Action=ListQueues").data
        assert b"<QueueUrl>" not in queues
        assert b"<JobId>" not in urllib3.request("GET", f"{url}/v20180820/jobs", headers=S3_CONTROL).data
        for attempt in attempts:
            private = attempt.path.startswith("/_")
            answer = attempt.send(url)
            assert (answer.status == 403) is private, (attempt.name, answer.status, answer.data)
            assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
        wait_for("the function runs", marker.exists)
        marker.unlink()

    attacked(start, attempts, check)
