"""`s3batch-emulator serve` as a process of its own, for tests that talk to it over HTTP."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import boto3
import urllib3
from botocore.config import Config

from .aws_commands import without_settings
from .job_requests import ACCOUNT, CONTROL_TOKEN, client, job_request, manifest

COMMAND = [sys.executable, "-u", "-c", "from s3batch_emulator.cli import main; raise SystemExit(main())", "serve"]
OWNER = {"AWS_ACCESS_KEY_ID": "210987654321", "AWS_SECRET_ACCESS_KEY": "a-secret"}
"""Whose manifests are stored. Some S3 servers take an access key id of twelve digits as the account."""
ROWS = b"".join(b"data,key-%d\n" % row for row in range(30))


@contextmanager
def serving(*options: str, environment: dict[str, str] | None = None) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the command until it has printed its URL and its hints; its control API takes `CONTROL_TOKEN`.

    It has no credentials but those in `environment`.
    """
    with subprocess.Popen(
        [*COMMAND, *options],
        env=without_settings() | {"S3BATCH_CONTROL_TOKEN": CONTROL_TOKEN} | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if line.startswith("Ctrl-C"):
                    break
            found = re.search(r"http://127\.0\.0\.1:\d+", said)
            assert found, said + (process.stderr.read() if process.stderr else "")
            assert f"export HTTP_PROXY={found[0]}" in said
            yield found[0], process
        finally:
            process.kill()


def end(process: subprocess.Popen[str], by: signal.Signals) -> tuple[int, str, str]:
    """Signal the process to end; returns its exit code and the rest of its output."""
    process.send_signal(by)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


def stored(url: str, credentials: dict[str, str], bucket: str) -> dict[str, Any]:
    """Store a manifest in a new bucket with these credentials; returns the Manifest member of CreateJob."""
    s3 = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )
    s3.create_bucket(Bucket=bucket)
    etag = s3.put_object(Bucket=bucket, Key="m.csv", Body=ROWS)["ETag"]
    named = manifest(etag.strip('"'))
    named["Location"]["ObjectArn"] = f"arn:aws:s3:::{bucket}/m.csv"
    return named


def settled(url: str, named: dict[str, Any]) -> dict[str, Any]:
    """Create a job and run it to its end, with confirmation if it is required; returns its last description."""
    s3control = client(base_url=url)

    def later() -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {CONTROL_TOKEN}"}
        urllib3.request("POST", f"{url}/_emulator/clock", json={"advance_seconds": 60}, headers=headers)
        return dict(s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"])

    job_id = s3control.create_job(**job_request(None, Manifest=named))["JobId"]
    job = later()
    if job["Status"] == "Suspended":
        s3control.update_job_status(AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus="Ready")
        job = later()
    return job


def serve(url: str, environment: dict[str, str]) -> AbstractContextManager[tuple[str, subprocess.Popen[str]]]:
    """Run the command with an S3 endpoint and an environment."""
    return serving("--stepped", "--no-events", "--s3-endpoint", url, environment=environment)
