"""The sweep of 1,000 Suspended jobs beside a plain boto3 loop of 16 threads that makes the same calls.

    python benchmarks/sweep.py [--jobs 1000] [--latency 20] [--runs 5] [--output table|json]

Both sides run in this process with real clients. Every request is signed, built and parsed; in place of the network
stands a wait of the latency and a prepared answer, so that no server takes part of the processor. The loop is what a
team would write that wants these calls made and nothing decided: no policies, no reasons, no protocol.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from threading import Lock
from typing import Any, cast

import boto3
from botocore.awsrequest import AWSResponse

from batchgate.aws import ledger as ledgers
from batchgate.aws.ledger import DynamoLedger
from batchgate.aws.s3control import CONFIG, S3Control
from batchgate.aws.wiring import SystemClock
from batchgate.gate.ports import CircuitBreaker, Ports, Review
from batchgate.gate.sweep import Memory, Plan, sweep_jobs
from batchgate.jobs.model import Job
from batchgate.policy.compiled import PolicySet
from batchgate.policy.facts import Gap
from batchgate_cli.authoring import policy_file

ACCOUNT = "123456789012"
REGION = "us-east-1"
TABLE = "ledger"
THREADS = 16
GOAL = 1.2
POLICY = """
version: 1
policies:
  - name: small
    match: [{operation: S3PutObjectTagging}]
    require: [{total_tasks: {at_most: 100}}, {tags: {team: {present: true}}}]
"""
CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def job_id(number: int) -> str:
    """Of a job."""
    return f"00000000-0000-4000-8000-{number:012}"


DESCRIPTION = f"""<DescribeJobResult><Job><JobId>%s</JobId><ConfirmationRequired>true</ConfirmationRequired>
<JobArn>arn:aws:s3:{REGION}:{ACCOUNT}:job/%s</JobArn><Status>Suspended</Status><Operation><S3PutObjectTagging>
<TagSet><member><Key>k</Key><Value>v</Value></member></TagSet></S3PutObjectTagging></Operation><Priority>1</Priority>
<ProgressSummary><TotalNumberOfTasks>7</TotalNumberOfTasks></ProgressSummary>
<CreationTime>2026-01-01T00:00:00Z</CreationTime><SuspendedDate>2026-01-01T00:00:03Z</SuspendedDate></Job></DescribeJobResult>"""
TAGS = "<GetJobTaggingResult><Tags><member><Key>team</Key><Value>lake</Value></member></Tags></GetJobTaggingResult>"
UPDATED = "<UpdateJobStatusResult><JobId>%s</JobId><Status>Ready</Status></UpdateJobStatusResult>"


class Raw:
    """The body of an answer, as urllib3 hands it over."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Any:
        """All of it at once."""
        yield self._body


@dataclass
class Network:
    """Waits, and answers; and counts what it was asked."""

    jobs: int
    latency: float
    calls: int = 0
    lock: Lock = field(default_factory=Lock)

    def answer(self, request: Any, event_name: str, **_: Any) -> AWSResponse:
        """In place of the network."""
        with self.lock:
            self.calls += 1
        time.sleep(self.latency)
        *_, operation = event_name.split(".")
        body = self._body(operation, request.url)
        headers = {"x-amzn-requestid": "bench", "date": formatdate(usegmt=True)}
        return AWSResponse(request.url, 200, headers, cast("Any", Raw(body)))

    def _body(self, operation: str, url: str) -> bytes:
        asked = url.partition("/jobs/")[2].partition("/")[0].partition("?")[0]
        match operation:
            case "ListJobs" if "Suspended" in url:
                rows = "".join(
                    f"<member><JobId>{job_id(number)}</JobId><Status>Suspended</Status>"
                    "<CreationTime>2026-01-01T00:00:00Z</CreationTime></member>"
                    for number in range(self.jobs)
                )
                return f"<ListJobsResult><Jobs>{rows}</Jobs></ListJobsResult>".encode()
            case "ListJobs":
                return b"<ListJobsResult><Jobs/></ListJobsResult>"
            case "DescribeJob":
                return (DESCRIPTION % (asked, asked)).encode()
            case "GetJobTagging":
                return TAGS.encode()
            case "UpdateJobStatus":
                return (UPDATED % asked).encode()
            case "Query":
                return b'{"Items": [], "Count": 0}'
            case "DescribeTable":
                return json.dumps({"Table": {"CreationDateTime": 1.0}}).encode()
            case _:
                return b"{}"


def clients(network: Network) -> tuple[Any, Any]:
    """Real clients of the network: S3 Control, and DynamoDB."""
    session = boto3.session.Session(region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")
    made = (
        session.client("s3control", config=CONFIG),
        session.client("dynamodb", config=ledgers.CONFIG),
    )
    for client in made:
        client.meta.events.register("before-send", network.answer)
    return made


class Silent:
    """The `Announcer` port, to nobody."""

    def announce(self, review: Review) -> bool:
        """Nobody hears."""
        return True


class NoManifests:
    """The `ManifestsApi` port, not asked here."""

    def size(self, job: Job) -> int | Gap:
        """Never called."""
        raise NotImplementedError


@dataclass
class Fixed:
    """The `PolicySource` port."""

    policies: PolicySet

    def current(self) -> PolicySet:
        """The same always."""
        return self.policies


def sweep(jobs: int, latency: float) -> tuple[float, int]:
    """Seconds that the gate's sweep takes, and the calls that it made."""
    network = Network(jobs, latency)
    s3control, dynamodb = clients(network)
    clock = SystemClock()
    gate = Ports(
        jobs=S3Control(s3control, clock),
        manifests=NoManifests(),
        policies=Fixed(policy_file.load_text(POLICY).policies),
        ledger=DynamoLedger(dynamodb, TABLE, ("aws", REGION, ACCOUNT), clock),
        announcer=Silent(),
        clock=clock,
        new_claim_id=lambda: "5f3a91c2",
        deadline=clock.now() + timedelta(minutes=10),
        breaker=CircuitBreaker(20, timedelta(minutes=10)),
    )
    begin = time.perf_counter()
    report = sweep_jobs(gate, Plan("aws", REGION, ACCOUNT, THREADS, 100_000), Memory(), owner="bench")
    took = time.perf_counter() - begin
    assert report.did == {"approved": jobs}, (report.did, report.errors)
    return took, network.calls


def loop(jobs: int, latency: float) -> tuple[float, int]:
    """Seconds that a plain loop takes for the same calls."""
    network = Network(jobs, latency)
    s3control, dynamodb = clients(network)
    key = {"pk": {"S": "x"}, "sk": {"S": "y"}}
    item = {**key, "said": {"S": "s" * 1000}}

    def one(listed: str) -> None:
        dynamodb.get_item(TableName=TABLE, Key=key, ConsistentRead=True)
        s3control.describe_job(AccountId=ACCOUNT, JobId=listed)
        s3control.get_job_tagging(AccountId=ACCOUNT, JobId=listed)
        dynamodb.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": TABLE, "Item": item}},
                {"Put": {"TableName": TABLE, "Item": item}},
                {"ConditionCheck": {"TableName": TABLE, "Key": key, "ConditionExpression": "attribute_not_exists(p)"}},
            ]
        )
        s3control.update_job_status(
            AccountId=ACCOUNT, JobId=listed, RequestedJobStatus="Ready", StatusUpdateReason="approved"
        )
        dynamodb.put_item(TableName=TABLE, Item=item)
        dynamodb.put_item(TableName=TABLE, Item=item)

    begin = time.perf_counter()
    answer = s3control.list_jobs(AccountId=ACCOUNT, JobStatuses=["Suspended"], MaxResults=1000)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, [row["JobId"] for row in answer["Jobs"]]))
    return time.perf_counter() - begin, network.calls


def main() -> None:
    """Measure in turn, and say whether the goal is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--latency", type=float, default=20, help="milliseconds a call")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--output", choices=["table", "json"], default="table")
    asked = parser.parse_args()
    seconds: dict[str, list[float]] = {"sweep": [], "loop": []}
    calls: dict[str, int] = {}
    sides: dict[str, Callable[[int, float], tuple[float, int]]] = {"sweep": sweep, "loop": loop}
    for _ in range(asked.runs):
        for name, side in sides.items():
            took, calls[name] = side(asked.jobs, asked.latency / 1000)
            seconds[name].append(took)
    ratio = statistics.median(a / b for a, b in zip(seconds["sweep"], seconds["loop"], strict=True))
    found = {
        "jobs": asked.jobs,
        "latency_ms": asked.latency,
        "sweep_s": round(statistics.median(seconds["sweep"]), 3),
        "loop_s": round(statistics.median(seconds["loop"]), 3),
        "sweep_calls": calls["sweep"],
        "loop_calls": calls["loop"],
        "ratio": round(ratio, 3),
        "goal": GOAL,
        "met": ratio <= GOAL,
    }
    if asked.output == "json":
        print(json.dumps(found))
    else:
        print(
            f"Sweep of {asked.jobs:,} Suspended jobs, {asked.latency:g} ms a call, {THREADS} at once, {asked.runs} runs"
        )
        print(f"  batchgate's sweep    {found['sweep_s']:>8} s   {calls['sweep']:>6,} calls")
        print(f"  a plain boto3 loop   {found['loop_s']:>8} s   {calls['loop']:>6,} calls")
        print(f"  ratio {found['ratio']}, goal at most {GOAL}: {'met' if found['met'] else 'MISSED'}")
    sys.exit(not found["met"])


if __name__ == "__main__":
    main()
