"""A gate whose every call can be made to fail: both handlers before the emulator and the local AWS."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as replaced
from datetime import timedelta
from functools import cache
from typing import Any, cast
from uuid import uuid4

import boto3
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from msgspec.structs import replace

from batchgate.aws import wiring
from batchgate.aws.announcements import Announcements
from batchgate.aws.cloudtrail import CloudTrailRequesters
from batchgate.aws.deployed import GateParameter
from batchgate.aws.ledger import DynamoLedger
from batchgate.aws.ledger_items import SCHEMA_VERSION
from batchgate.aws.manifest_ledger import DynamoManifestLedger
from batchgate.aws.manifests import StoredManifests
from batchgate.aws.notices import TopicNotices
from batchgate.aws.pace import Evenly
from batchgate.contract import GATE_PARAMETER, MANIFEST_BYTES_AT_MOST, create_table_arguments
from batchgate.errors import UnreadableItemError
from batchgate.gate.manifest_reading import ManifestReadings
from batchgate.gate.ports import Ports
from batchgate.gate.state import Phase, State
from batchgate.gate.sweep import Memory, Plan
from batchgate.handlers import job_event as job_event_handler
from batchgate.handlers import sweep as sweep_handler
from batchgate.jobs.model import JobRef
from s3batch_emulator import Effect, Fault
from tests.flow.deployed import Context, job_event, sqs_record
from tests.flow.stage import ACCOUNT, REGION, UP_TO_THREE, Stage, policies

ONCE = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 1})
"""Without botocore's own retries: a call that fails here has failed for good."""

_BUCKET = "manifests"
_AGAIN_AFTER = timedelta(minutes=20)
"""Longer than any claim's lease, any hold is left alone, and any update may be under way."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One way in which a call through boto3 fails.

    Attributes:
        code: AWS's error code; "" where there is no answer of AWS's.
        status: The HTTP status with it.
        lost: The call is carried out, and its answer is lost.
        body: What comes instead of an answer; None where nothing does.
    """

    code: str = ""
    status: int = 400
    lost: bool = False
    body: bytes | None = None


DENIED = Trouble("AccessDeniedException")
THROTTLED = Trouble("ThrottlingException")
BROKEN = Trouble("InternalServerError", 500)
RESET = Trouble()
LOST = Trouble(lost=True)
GARBLED = Trouble(body=b"<html>", status=200)


class World:
    """A gate with real adapters, on a stepped clock.

    Attributes:
        stage: The emulated S3 Control, the policies, the clock.
        ledger: On a table of its own.
        requester: The ARN of who created all jobs, as CloudTrail lists them; "" where it does not list them.
    """

    def __init__(self, endpoint_url: str, patch: pytest.MonkeyPatch) -> None:
        self.stage = Stage(UP_TO_THREE)
        self.stage.adopt_existing = True
        self._unreadable: dict[str, Any] = {}
        self._troubles: list[tuple[str, str, Trouble]] = []
        self._before: list[tuple[str, Callable[[], object]]] = []
        self.ledger = DynamoLedger(
            _client("dynamodb", endpoint_url), f"errors-{uuid4().hex[:12]}", ("aws", REGION, ACCOUNT), self.stage.clock
        )
        self.ledger.client.create_table(**create_table_arguments(self.ledger.table))
        self.manifest_ledger = DynamoManifestLedger(
            self.ledger.client, self.ledger.table, self.ledger.home, self.stage.clock
        )
        self._s3 = _client("s3", endpoint_url)
        self._s3.create_bucket(Bucket=_BUCKET)
        self._announcer = Announcements(wiring.logger, "default", _client("events", endpoint_url))
        sns = _client("sns", endpoint_url)
        self._notices = TopicNotices(sns, sns.create_topic(Name="errors")["TopicArn"], self.stage.clock)
        ssm = _client("ssm", endpoint_url)
        ssm.put_parameter(Name=GATE_PARAMETER, Type="String", Overwrite=True, Value='{"ledger_table": "errors"}')
        self._deployed = GateParameter(ssm, self.stage.clock, lambda: _client("appconfig", endpoint_url))
        self.requester = f"arn:aws:iam::{ACCOUNT}:user/ana"
        self._created: list[JobRef] = []
        cloudtrail = _client("cloudtrail", endpoint_url)
        self._requesters = CloudTrailRequesters(cloudtrail, self.stage.clock, Evenly(1000))
        for service in ("dynamodb", "s3", "events", "sns", "ssm", "cloudtrail"):
            self._lay_in_wait(_client(service, endpoint_url))
        cloudtrail.meta.events.unregister("before-send", unique_id="trail")
        cloudtrail.meta.events.register("before-send", self._list_requesters, unique_id="trail")
        self._context = Context()
        patch.setattr(job_event_handler, "open_ports", lambda home, time_left: self.gate)
        patch.setattr(sweep_handler, "open_ports", lambda home, time_left, paced: self.gate)
        patch.setattr(sweep_handler, "sweep_plan", lambda home: Plan("aws", REGION, ACCOUNT, 1, 1000))
        patch.setattr(sweep_handler, "_memory", Memory())

    @property
    def gate(self) -> Ports:
        """The ports of one invocation that begins now."""
        return replace(
            self.stage.gate,
            ledger=self.ledger,
            manifests=ManifestReadings(
                StoredManifests(self._s3), self.manifest_ledger, self.stage.clock, MANIFEST_BYTES_AT_MOST
            ),
            announcer=self._announcer,
            notices=self._notices,
            deployed=self._deployed,
            requesters=self._requesters,
        )

    # --- what goes wrong ------------------------------------------------------------------------------

    def s3control(self, operation: str, effect: Effect, code: str = "InternalServiceException", **changes: Any) -> None:
        """Have the next call of S3 Control fail."""
        self.stage.emulator.faults.add(Fault(effect, code, operation=operation, **changes))

    def aws(self, operation: str, trouble: Trouble, *, containing: str = "") -> None:
        """Have the next call of DynamoDB, S3, EventBridge, SNS, SSM or CloudTrail fail whose request has this text."""
        self._troubles.append((operation, containing, trouble))

    def write_item_of_another_version(self, ref: JobRef) -> None:
        """Have the ledger say something of a job that this version can't read."""
        item = {
            "pk": {"S": f"{ref.partition}:{ref.region}:{ref.account_id}:{ref.job_id}"},
            "sk": {"S": "STATE"},
            "schema_version": {"N": str(SCHEMA_VERSION + 1)},
            "open": {"S": "open"},
            "due_at": {"S": "2026-01-01T00:00:00.000000Z"},
        }
        self.ledger.client.put_item(TableName=self.ledger.table, Item=item)
        self._unreadable = {"pk": item["pk"], "sk": item["sk"]}

    def before(self, operation: str, action: Callable[[], object]) -> None:
        """Have something happen just before the next call of DynamoDB, S3, EventBridge or SNS."""
        self._before.append((operation, action))

    def little_time(self) -> None:
        """Have Lambda say that the invocation is at its end."""
        self._context = _Ending()

    def mended(self) -> None:
        """No trouble any more."""
        self._troubles.clear()
        self._before.clear()
        self.stage.emulator.faults.clear()
        self.stage.emulator.dates = self.stage.clock
        if self._unreadable:
            self.ledger.client.delete_item(TableName=self.ledger.table, Key=self._unreadable)
        self.stage.source.enforced = self.stage.source.enforced or policies(UP_TO_THREE)
        self.ledger.set_pause(None, replacing=self.ledger.pause())
        self._context = Context()

    def _lay_in_wait(self, client: Any) -> None:
        def intercept(request: Any, event_name: str, **_: object) -> AWSResponse | None:
            operation = event_name.rpartition(".")[2]
            for position, (awaited, action) in enumerate(self._before):
                if awaited == operation:
                    del self._before[position]
                    action()
                    break
            for position, (awaited, containing, trouble) in enumerate(self._troubles):
                if awaited == operation and containing in str(request.body):
                    del self._troubles[position]
                    return _fail(client, request, trouble)
            return None

        client.meta.events.unregister("before-send", unique_id="troubled")
        client.meta.events.register_first("before-send", intercept, unique_id="troubled")

    def _list_requesters(self, request: Any, **_: object) -> AWSResponse:
        """CloudTrail's answer, as it lists all jobs that were made here."""
        events = [
            {
                "eventName": "CreateJob",
                "eventSource": "s3.amazonaws.com",
                "awsRegion": ref.region,
                "recipientAccountId": ref.account_id,
                "responseElements": {"jobId": ref.job_id},
                "userIdentity": {"arn": self.requester},
            }
            for ref in (self._created if self.requester else ())
        ]
        answer = {"Events": [{"CloudTrailEvent": json.dumps(each)} for each in events]}
        return _answered(request, Trouble(status=200, body=json.dumps(answer).encode()))

    # --- what is done ---------------------------------------------------------------------------------

    def job(self, rows: int = 2, **changes: Any) -> JobRef:
        """A Suspended job whose manifest lies in the local S3 too."""
        body = "".join(f"data,key{row}\n" for row in range(rows)).encode()
        self._s3.put_object(Bucket=_BUCKET, Key=f"{rows}.csv", Body=body)
        self._created.append(self.stage.create(rows, **changes))
        return self._created[-1]

    def deliver(self, ref: JobRef, *, deliveries: int = 1, body: str | None = None) -> bool:
        """Hand an event of a job to the gate function; whether the message is to come again."""
        record = sqs_record(body or job_event(ref.job_id), deliveries=deliveries)
        answer = job_event_handler.handler({"Records": [record]}, cast("LambdaContext", self._context))
        return bool(answer["batchItemFailures"])

    def sweep(self) -> dict[str, Any]:
        """Call the sweep function."""
        return dict(sweep_handler.handler({}, cast("LambdaContext", self._context)))

    def pass_time(self) -> None:
        """Until whatever was begun is due again."""
        self.stage.clock.advance(_AGAIN_AFTER)

    # --- what came of it ------------------------------------------------------------------------------

    def state(self, ref: JobRef) -> State | None:
        """The gate's truth; None where it wrote nothing."""
        return self.ledger.read(ref)

    def phase(self, ref: JobRef) -> str:
        """The ledger in a word, as the table has it."""
        try:
            state = self.state(ref)
        except UnreadableItemError:
            return "unreadable"
        if state is None:
            return "nothing"
        if state.phase is not Phase.SETTLED:
            return str(state.phase)
        told = "" if state.announced_at else ", not announced"
        return f"settled {state.outcome}{told}"

    def came_to(self, ref: JobRef) -> str:
        """What S3 has of a job, in the table's word; approved jobs go their way."""
        status = self.stage.status(ref)
        return {"Suspended": "held", "Cancelled": "cancelled"}.get(status, "approved")


@dataclass(frozen=True, slots=True)
class _Ending(Context):
    """An invocation at its end."""

    def get_remaining_time_in_millis(self) -> int:
        """Less than a review may take."""
        return 5_000


@cache
def _client(service: str, endpoint_url: str) -> Any:
    """One for all rows; each world lays its own troubles in wait."""
    session: Any = boto3.session.Session(region_name=REGION, aws_access_key_id=ACCOUNT, aws_secret_access_key="test")
    return session.client(service, endpoint_url=endpoint_url, config=ONCE)


def _fail(client: Any, request: Any, trouble: Trouble) -> AWSResponse:
    """What botocore gets instead of an answer."""
    if trouble.lost:
        client._endpoint.http_session.send(request)
        raise ReadTimeoutError(endpoint_url=request.url, error="the answer was lost")
    if trouble.body is None and not trouble.code:
        raise ConnectionClosedError(endpoint_url=request.url, error="the connection broke")
    body = trouble.body if trouble.body is not None else json.dumps({"__type": trouble.code, "message": "no"}).encode()
    if client.meta.service_model.service_name == "s3":
        body = b""  # to HEAD there is no other answer
    return _answered(request, replaced(trouble, body=body))


def _answered(request: Any, answer: Trouble) -> AWSResponse:
    headers = HTTPHeaders()
    headers["x-amzn-ErrorType"] = answer.code
    headers["x-amz-request-id"] = headers["x-amzn-RequestId"] = "1"
    return AWSResponse(request.url, answer.status, headers, _Raw(answer.body or b""))


@dataclass(slots=True)
class _Raw:
    """An answer's bytes, as urllib3 gives them."""

    body: bytes

    def stream(self, **_: object) -> Any:
        """All at once."""
        yield self.body
