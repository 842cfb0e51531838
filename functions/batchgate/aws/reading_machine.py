"""The state machine that reads large manifests, and the message by which it has a job reviewed afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.config import Config
from msgspec import Struct

from batchgate.aws.answers import only_answers
from batchgate.aws.calls import CallError, make_call
from batchgate.contract import MANIFEST_READ_DETAIL_TYPE, SERVICE
from batchgate.errors import ManifestsApiError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from batchgate.gate.manifest_reading import ReadingRequest

CONFIG = Config(connect_timeout=1, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})


class StateMachine(Struct, frozen=True):
    """The `ReadingMachine` port on Step Functions.

    Attributes:
        client: A client made with `CONFIG`.
        arn: The state machine's.
    """

    client: Any
    arn: str

    def __post_init__(self) -> None:
        only_answers(self.client.meta.events)

    def start(self, request: ReadingRequest) -> None:
        """StartExecution. One of the same name that runs, or that ended within 90 days, is a success.

        *Source*: Step Functions API, StartExecution: idempotent for the same name and input; else
        ExecutionAlreadyExists.
        """
        try:
            make_call(
                lambda: self.client.start_execution(
                    stateMachineArn=self.arn,
                    name=request.name,
                    input=msgspec.json.encode({"request": request}).decode(),
                )
            )
        except CallError as error:
            if error.code != "ExecutionAlreadyExists":
                raise ManifestsApiError(f"StartExecution for {request.job_arn}: {error}") from error


class JobEventQueue(Struct, frozen=True):
    """The queue of job events.

    Attributes:
        client: A client made with `CONFIG`.
    """

    client: SQSClient
    url: str

    def __post_init__(self) -> None:
        only_answers(self.client.meta.events)

    def send(self, job_arn: str) -> None:
        """SendMessage: have a job reviewed.

        Raises:
            ManifestsApiError: As far as is known, it was not sent; the sweep reviews the job.
        """
        event = {"source": SERVICE, "detail-type": MANIFEST_READ_DETAIL_TYPE, "detail": {"job_arn": job_arn}}
        try:
            make_call(lambda: self.client.send_message(QueueUrl=self.url, MessageBody=json.dumps(event)))
        except CallError as error:
            raise ManifestsApiError(f"SendMessage for {job_arn}: {error}") from error
