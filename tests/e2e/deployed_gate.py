"""The gate's stack in a local AWS, as its users have it: the AWS CLI, the SDK, queues, logs and the ledger."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import count
from threading import Event, Thread
from typing import Any, TypeVar

from batchgate_cli.local.services import ACCOUNT, REGION, LocalServices, session

PATIENCE_SECONDS = 90
_LOOK_EVERY_SECONDS = 0.1
_SWEEP_EVERY_SECONDS = 2
BUCKET = "manifests"
BATCH_ROLE = f"arn:aws:iam::{ACCOUNT}:role/batch-operations"

Found = TypeVar("Found")


def wait_for(what: str, look: Callable[[], Found | None]) -> Found:
    """What `look` finds, once it finds something true; fails when it does not for long.

    Raises:
        AssertionError: It found nothing; the message says `what`.
    """
    ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > ends:
            raise AssertionError(f"not within {PATIENCE_SECONDS} s: {what}")
        time.sleep(_LOOK_EVERY_SECONDS)


def client_of(services: LocalServices, service: str, account: str = ACCOUNT) -> Any:
    """A client of an account's owner, to whom nothing is refused."""
    return _client(services.url, service, account)


@cache
def _client(url: str, service: str, account: str) -> Any:
    owner = {"aws_access_key_id": account, "aws_secret_access_key": "local"}
    return session().client(service, endpoint_url=url, **owner)  # type: ignore[call-overload]


@dataclass
class DeployedGate:
    """One deployment, and its services.

    Attributes:
        outputs: The stack's, by name.
        aws_command: The unmodified AWS CLI.
        role_credentials: The functions' roles' credentials, by the outputs that name the functions.
        decisions_url: A queue that a rule fills with the gate's decision events.
    """

    services: LocalServices
    outputs: Mapping[str, str]
    aws_command: str
    role_credentials: Mapping[str, Mapping[str, str]]
    decisions_url: str
    _numbers: "count[int]" = field(default_factory=count)
    _decisions: list[dict[str, Any]] = field(default_factory=list)

    def client(self, service: str) -> Any:
        """A client of the account's owner, to whom nothing is refused."""
        return client_of(self.services, service)

    @cached_property
    def s3control(self) -> Any:
        """The job API, by the real host name."""
        return self.services.s3control()

    def aws(self, *arguments: str) -> Any:
        """Run the AWS CLI, and read what it prints."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        done = subprocess.run(
            [self.aws_command, *arguments, "--output", "json"],
            env=kept | self.services.environment() | {"AWS_CONFIG_FILE": os.devnull, "AWS_PAGER": ""},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    # --- Jobs --------------------------------------------------------------------------------------------

    def job_request(self, operation: str, tasks: int, **tags: str) -> dict[str, Any]:
        """CreateJob's parameters for a job with a manifest of so many rows, which this writes."""
        number = next(self._numbers)
        rows = "".join(f"data,{row}\n" for row in range(tasks))
        put = self.client("s3").put_object(Bucket=BUCKET, Key=f"{number}.csv", Body=rows.encode())
        parameters = {
            "S3PutObjectTagging": {"TagSet": [{"Key": "tier", "Value": "cold"}]},
            "S3PutObjectLegalHold": {"LegalHold": {"Status": "ON"}},
        }
        return {
            "AccountId": ACCOUNT,
            "ConfirmationRequired": True,
            "Operation": {operation: parameters.get(operation, {})},
            "Report": {"Enabled": False},
            "ClientRequestToken": f"e2e-{number}",
            "Manifest": {
                "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
                "Location": {
                    "ObjectArn": f"arn:aws:s3:::{BUCKET}/{number}.csv",
                    "ETag": put["ETag"].strip('"'),
                },
            },
            "Priority": 10,
            "RoleArn": BATCH_ROLE,
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        }

    def create_job(self, operation: str, tasks: int, **tags: str) -> str:
        """A job made by the SDK; its id."""
        return str(self.s3control.create_job(**self.job_request(operation, tasks, **tags))["JobId"])

    def create_job_by_cli(self, operation: str, tasks: int, **tags: str) -> str:
        """A job made by the AWS CLI; its id."""
        request = json.dumps(self.job_request(operation, tasks, **tags))
        return str(self.aws("s3control", "create-job", "--cli-input-json", request)["JobId"])

    def describe(self, job_id: str) -> dict[str, Any]:
        """The job as S3 has it."""
        return dict(self.s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"])

    def is_suspended(self, job_id: str) -> bool:
        """Whether the job waits for confirmation."""
        return bool(self.describe(job_id)["Status"] == "Suspended")

    # --- What the gate did -------------------------------------------------------------------------------

    def state(self, job_id: str) -> dict[str, Any] | None:
        """The ledger's one item of truth of a job, as plain values."""
        key = {"pk": {"S": f"aws:{REGION}:{ACCOUNT}:{job_id}"}, "sk": {"S": "STATE"}}
        table = self.outputs["LedgerTable"]
        item = self.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
        return {name: next(iter(value.values())) for name, value in item.items()} if item else None

    def decided(self, job_id: str) -> dict[str, Any]:
        """The ledger's item of a job, once it is held, or settled and announced."""

        def look() -> dict[str, Any] | None:
            found = self.state(job_id)
            return found if found and (found["phase"] == "held" or found.get("announced_at")) else None

        return wait_for(f"job {job_id} is decided", look)

    def log_of(self, job_id: str) -> list[dict[str, Any]]:
        """The lines of all functions that tell of a decision about a job, once there is one."""

        def look() -> list[dict[str, Any]]:
            lines = (line for line in self.log_lines() if isinstance(line.get("decision"), dict))
            return [line for line in lines if job_id in line["decision"]["job_arn"]]

        return wait_for(f"a log line tells of job {job_id}", look)

    def log_lines(self) -> list[dict[str, Any]]:
        """Everything that the functions logged as JSON."""
        logs = self.client("logs")
        found = []
        for group in logs.describe_log_groups()["logGroups"]:
            for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]:
                found += [json.loads(line) for line in event["message"].splitlines() if line.startswith("{")]
        return found

    def decision_events(self, job_id: str) -> list[dict[str, Any]]:
        """The decision events about a job that the test's own rule has caught, once there is one."""

        def look() -> list[dict[str, Any]]:
            self._decisions += [json.loads(body) for body in self.take(self.decisions_url)]
            return [event for event in self._decisions if event["detail"]["job_id"] == job_id]

        return wait_for(f"an event tells of the decision of job {job_id}", look)

    # --- Events and queues -------------------------------------------------------------------------------

    def put_event(self, event: Mapping[str, Any]) -> None:
        """Put an event on the default bus, whatever its source."""
        self.services.put_event(event)

    def take(self, queue_url: str) -> list[str]:
        """Receive and delete what is in a queue now; the bodies."""
        sqs = self.client("sqs")
        bodies: list[str] = []
        while True:
            messages = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages", [])
            if not messages:
                return bodies
            for message in messages:
                bodies.append(message["Body"])
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])

    def invoke(self, output: str, payload: object = None) -> Any:
        """Invoke the function that an output of the stack names; its answer.

        Raises:
            AssertionError: The function failed; the message has its error.
        """
        answer = self.client("lambda").invoke(
            FunctionName=self.outputs[output], Payload=json.dumps(payload or {}).encode()
        )
        said = json.loads(answer["Payload"].read() or b"null")
        assert "FunctionError" not in answer, said
        return said

    @contextmanager
    def sweeping(self) -> Iterator[None]:
        """Sweep all the time meanwhile, and not only every minute."""
        is_over = Event()

        def sweep() -> None:
            while not is_over.wait(_SWEEP_EVERY_SECONDS):
                with suppress(AssertionError):  # the rule's own sweep may be at it
                    self.invoke("SweepFunction")

        sweeper = Thread(target=sweep)
        sweeper.start()
        try:
            yield
        finally:
            is_over.set()
            sweeper.join()

    def queue_mapping(self) -> str:
        """The id of the event source mapping that hands events to the gate function."""
        (mapping,) = self.client("lambda").list_event_source_mappings(FunctionName=self.outputs["JobEventFunction"])[
            "EventSourceMappings"
        ]
        return str(mapping["UUID"])

    def rule_of_job_events(self) -> dict[str, Any]:
        """The deployed rule that has an event pattern and is not the test's own."""
        rules = self.client("events").list_rules()["Rules"]
        (rule,) = [rule for rule in rules if "EventPattern" in rule and "aws.s3" in rule["EventPattern"]]
        return dict(rule)


def job_event(job_id: str, account: str = ACCOUNT, **changed: object) -> dict[str, Any]:
    """An event of S3's about a job that has changed its status; `changed` members of the envelope and its detail."""
    event: dict[str, Any] = {
        "version": "0",
        "id": "6f1f0a52-5f0e-4a36-8ee1-2b5b2b3f0a02",
        "detail-type": "AWS Service Event via CloudTrail",
        "source": "aws.s3",
        "account": account,
        "time": "2026-03-27T06:03:40Z",
        "region": REGION,
        "resources": [],
        "detail": {
            "eventSource": "s3.amazonaws.com",
            "eventName": "JobStatusChanged",
            "eventType": "AwsServiceEvent",
            "serviceEventDetails": {
                "jobId": job_id,
                "jobArn": f"arn:aws:s3:{REGION}:{account}:job/{job_id}",
                "status": "Suspended",
                "jobEventId": "b268784cf0a66749f1a05bce259804f5",
                "failureCodes": [],
                "statusChangeReason": [],
            },
        },
    }
    for name, value in changed.items():
        (event if name in event else event["detail"])[name] = value
    return event
