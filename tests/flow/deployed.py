"""The gate function as Lambda has it: its handler, its environment, its context, its log."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from logging import StreamHandler
from pathlib import Path
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from batchgate.aws import wiring
from batchgate.errors import LedgerError
from batchgate.handlers.job_event import handler
from batchgate.jobs.model import Json
from batchgate_cli.authoring import policy_file
from batchgate_cli.local.memory_ledger import MemoryLedger
from s3batch_emulator import RealClock, application, running_server
from s3batch_emulator.guard import Application
from tests.flow.stage import ACCOUNT, REGION, Stage


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda hands to a handler beside the event, as far as anybody looks."""

    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:batchgate-gate"
    function_name: str = "batchgate-gate"
    memory_limit_in_mb: int = 256
    aws_request_id: str = "8f507cfc-xmpl-4697-b07a-ac58fc914c95"

    def get_remaining_time_in_millis(self) -> int:
        """As long as the function's timeout."""
        return 30_000


def sqs_record(body: Json, *, message_id: str = "m-1", deliveries: int = 1) -> dict[str, Any]:
    """A message as Lambda's event source mapping hands it over; a body that is no text is written as JSON.

    Source: Lambda developer guide, "Using Lambda with Amazon SQS", example event.
    """
    return {
        "messageId": message_id,
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {
            "ApproximateReceiveCount": str(deliveries),
            "SentTimestamp": "1545082649183",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1545082649185",
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:batchgate-job-events",
        "awsRegion": REGION,
    }


def job_event(job_id: str, *, status: str = "Suspended", arn: str | None = None) -> dict[str, Any]:
    """An event that says of a job of this account that its status has changed."""
    return {
        "version": "0",
        "id": "6f1f0a52-5f0e-4a36-8ee1-2b5b2b3f0a02",
        "detail-type": "AWS Service Event via CloudTrail",
        "source": "aws.s3",
        "account": ACCOUNT,
        "time": "2026-03-27T06:03:40Z",
        "region": REGION,
        "resources": [],
        "detail": {
            "eventSource": "s3.amazonaws.com",
            "eventName": "JobStatusChanged",
            "eventType": "AwsServiceEvent",
            "serviceEventDetails": {
                "jobId": job_id,
                "jobArn": arn or f"arn:aws:s3:{REGION}:{ACCOUNT}:job/{job_id}",
                "status": status,
                "jobEventId": "b268784cf0a66749f1a05bce259804f5",
                "failureCodes": [],
                "statusChangeReason": [],
            },
        },
    }


@dataclass
class SwitchedLedger(MemoryLedger):
    """A ledger that may refuse to record that an event was received."""

    notes_events: bool = True

    def note_event(self, instant: datetime) -> None:
        """As a ledger, or not at all."""
        if not self.notes_events:
            raise LedgerError("PutItem: AccessDeniedException")
        super().note_event(instant)


@dataclass(slots=True)
class Deployed:
    """The function, deployed with policies, before an emulated S3."""

    stage: Stage
    ledger: "SwitchedLedger"
    log: io.StringIO = field(default_factory=io.StringIO)
    context: Context = field(default_factory=Context)

    def invoke(self, event: Mapping[str, Json]) -> dict[str, Any]:
        """Invoke the function as Lambda does, with a parsed event."""
        return dict(handler(dict(event), cast("LambdaContext", self.context)))

    def receive(self, *records: Mapping[str, Json]) -> list[str]:
        """Hand over messages; answers the ids of those that are to come again."""
        answer = self.invoke({"Records": cast("Json", list(records))})
        assert answer.keys() == {"batchItemFailures"}
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    @property
    def lines(self) -> Sequence[dict[str, Any]]:
        """What was logged, line by line; every line is one JSON object in printable ASCII."""
        text = self.log.getvalue()
        assert text.isascii()
        lines = text.split("\n")
        assert lines.pop() == ""
        assert all(line.isprintable() for line in lines)
        return [json.loads(line) for line in lines]

    @property
    def messages(self) -> list[str]:
        """What the lines say."""
        return [str(line["message"]) for line in self.lines]


class Served:
    """One server for many emulators, so that one instance of the function can stay warm for many tests.

    Attributes:
        stage: The stage that is served at the moment.
        application: The ASGI application of its emulator.
    """

    stage: Stage
    application: Application

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on; there is nothing to do at the server's start and end."""
        if scope["type"] != "lifespan":
            await self.application(scope, receive, send)
            return
        for word in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{word}.complete"})

    def serve(self, stage: Stage) -> None:
        """Answer requests by this stage's emulator from now on."""
        self.stage, self.application = stage, application(stage.emulator)

    @contextmanager
    def deployed(self, stage: Stage, tmp_path: Path, policy: str) -> Iterator[Deployed]:
        """Deploy policies for the block, with an empty ledger, and keep the log."""
        self.serve(stage)
        stage.emulator.dates = RealClock()  # as the function's own clock is
        packaged = tmp_path / "policy.json"
        packaged.write_bytes(policy_file.load_text(policy).canonical_json)
        ledger = SwitchedLedger(wiring.SystemClock())
        function = Deployed(stage, ledger)
        log = cast("StreamHandler[Any]", wiring.logger.registered_handler)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("BATCHGATE_POLICY_FILE", str(packaged))
            environment.setenv("BATCHGATE_LEDGER_TABLE", "not-asked-for")
            environment.setattr(wiring, "_ledger", lambda home: ledger)
            for made in (wiring._settings, wiring._policies, wiring._announcer):
                made.cache_clear()
            stdout = log.setStream(function.log)
            try:
                yield function
            finally:
                if stdout is not None:
                    log.setStream(stdout)
                for made in (wiring._settings, wiring._policies, wiring._announcer):
                    made.cache_clear()


@contextmanager
def serving() -> Iterator[Served]:
    """Serve emulators on a port of this machine's, with an environment that leads the function's clients there."""
    served = Served()

    async def asgi(scope: Any, receive: Any, send: Any) -> None:  # uvicorn tells ASGI 3 by a plain function
        await served.asgi(scope, receive, send)

    with running_server(asgi) as url, pytest.MonkeyPatch.context() as environment:
        for name in ("http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "NO_PROXY", "no_proxy", "AWS_PROFILE"):
            environment.delenv(name, raising=False)
        environment.setenv("HTTP_PROXY", url)
        environment.setenv("AWS_ENDPOINT_URL_S3_CONTROL", f"http://s3-control.{REGION}.amazonaws.com")
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.setenv("AWS_REGION", REGION)
        environment.setenv("AWS_DEFAULT_REGION", REGION)
        wiring._jobs.cache_clear()
        try:
            yield served
        finally:
            wiring._jobs.cache_clear()
