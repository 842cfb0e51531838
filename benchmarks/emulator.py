"""How many requests a second a served emulator answers with 10,000 jobs stored; below 500 it fails.

    python benchmarks/emulator.py [--jobs 10000] [--seconds 5] [--clients 4] [--output table|json]

The server is a process of its own. Requests go over kept-alive connections, unsigned, in the
mix of a gate: seven DescribeJob and two GetJobTagging to one UpdateJobStatus, and every
hundredth a page of ListJobs over Suspended jobs.
"""

import argparse
import http.client
import json
import multiprocessing
import statistics
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection

import boto3

from s3batch_emulator import Emulator, MemoryObjects, RealClock, SteppedClock, application, connect, running_server

ACCOUNT = "123456789012"
LEAST_PER_SECOND = 500
HEADERS = {"x-amz-account-id": ACCOUNT}


def serve(jobs: int, channel: Connection) -> None:
    """Store jobs, wait until they are Suspended, serve them until told to end."""
    objects, clock = MemoryObjects(), SteppedClock(datetime(2026, 1, 1, tzinfo=UTC))
    emulator = Emulator(clock, objects, seed=0)
    emulator.dates = RealClock()  # as those of the functions that are measured
    client = boto3.client("s3control", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    s3control = connect(client, emulator)
    etag = objects.put("manifests", "m.csv", b"bucket,key\n")
    for number in range(jobs):
        s3control.create_job(
            ClientRequestToken=f"token-{number}",
            AccountId=ACCOUNT,
            Operation={"S3PutObjectTagging": {"TagSet": [{"Key": "k", "Value": "v"}]}},
            Report={"Enabled": False},
            Priority=1,
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/r",
            Manifest={
                "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
                "Location": {"ObjectArn": "arn:aws:s3:::manifests/m.csv", "ETag": etag},
            },
        )
    clock.advance(timedelta(seconds=10))
    with running_server(application(emulator)) as url:
        channel.send((url.removeprefix("http://"), [job.job_id for job in emulator.jobs()]))
        channel.recv()


def load(host: str, job_ids: list[str], until: float, latencies: list[float]) -> None:
    """Send the mix over one connection until the time is up."""
    connection = http.client.HTTPConnection(host, timeout=10)
    number = 0
    while (begin := time.perf_counter()) < until:
        job_id = job_ids[number % len(job_ids)]
        number += 1
        if number % 100 == 0:
            method, path = "GET", "/v20180820/jobs?jobStatuses=Suspended&maxResults=100"
        elif number % 10 == 0:
            method, path = "POST", f"/v20180820/jobs/{job_id}/status?requestedJobStatus=Cancelled"
        elif number % 10 in {3, 6}:
            method, path = "GET", f"/v20180820/jobs/{job_id}/tagging"
        else:
            method, path = "GET", f"/v20180820/jobs/{job_id}"
        connection.request(method, path, headers=HEADERS)
        answer = connection.getresponse()
        answer.read()
        # Cancelling a job twice is refused with 400, and is a request all the same.
        assert answer.status in {200, 400}, answer.status
        latencies.append(time.perf_counter() - begin)


def table(found: dict[str, float]) -> str:
    """What was measured, and whether the goal is met, for people."""
    met = "met" if found["requests_per_second"] >= LEAST_PER_SECOND else "MISSED"
    return (
        f"The emulator with {found['jobs']:,} jobs, asked by {found['clients']} clients\n"
        f"  {found['requests_per_second']:,} requests a second; goal: at least {LEAST_PER_SECOND}: {met}\n"
        f"  {found['latency_ms_median']} ms in the middle, {found['latency_ms_p99']} ms at the 99th percentile"
    )


def main() -> int:
    """Measure, print, and tell by the exit code whether it was fast enough."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--jobs", type=int, default=10_000)
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--clients", type=int, default=4)
    options.add_argument("--output", choices=["table", "json"], default="table")
    chosen = options.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(chosen.jobs, theirs))
    server.start()
    try:
        host, job_ids = ours.recv()
        latencies: list[list[float]] = [[] for _ in range(chosen.clients)]
        begin = time.perf_counter()
        threads = [
            threading.Thread(
                target=load, args=(host, job_ids[number :: chosen.clients], begin + chosen.seconds, latencies[number])
            )
            for number in range(chosen.clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - begin
    finally:
        ours.send(None)
        server.join(10)
    every = sorted(latency for of_one in latencies for latency in of_one)
    per_second = len(every) / took
    found = {
        "jobs": chosen.jobs,
        "clients": chosen.clients,
        "requests_per_second": round(per_second),
        "latency_ms_median": round(statistics.median(every) * 1000, 2),
        "latency_ms_p99": round(every[int(len(every) * 0.99)] * 1000, 2),
    }
    print(json.dumps(found) if chosen.output == "json" else table(found))
    return 0 if per_second >= LEAST_PER_SECOND else 1


if __name__ == "__main__":
    sys.exit(main())
