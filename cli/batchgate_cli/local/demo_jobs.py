"""The jobs of the demo: different kinds, made by the AWS SDK and by the AWS CLI."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchgate.errors import GateError
from batchgate.text import shorten
from batchgate_cli.local.demo_gate import DemoS3
from batchgate_cli.local.ministack import CHECKOUT
from batchgate_cli.local.services import ACCOUNT

BUCKET = "demo-manifests"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/batch-operations"
AWS_VARIABLE = "BATCHGATE_AWS_CLI"


class AwsCliError(GateError):
    """The `aws` command is not installed, or failed."""


@dataclass(frozen=True, slots=True)
class DemoJob:
    """One job to create.

    Attributes:
        title: What the table calls it.
        operation: The Operation structure of CreateJob.
        tasks: Objects in its manifest.
        by_cli: Made with the `aws` command instead of the SDK.
        asks: Whether S3 waits for confirmation.
    """

    title: str
    operation: Mapping[str, Any]
    tasks: int
    tags: Mapping[str, str] = field(default_factory=dict)
    by_cli: bool = False
    asks: bool = True

    def request(self, number: int, etag: str) -> dict[str, Any]:
        """CreateJob's parameters, the account aside."""
        return {
            "ConfirmationRequired": self.asks,
            "Operation": dict(self.operation),
            "Report": {"Enabled": False},
            "ClientRequestToken": f"demo-{number}",
            "Manifest": {
                "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
                "Location": {"ObjectArn": f"arn:aws:s3:::{BUCKET}/{manifest_key(number)}", "ETag": etag},
            },
            "Description": self.title,
            "Priority": 10,
            "RoleArn": ROLE,
            "Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()],
        }


_TEAM = {"team": "lake"}
_RESTORE = {"ExpirationInDays": 7}

DEMO_JOBS = (
    DemoJob("checksums of three objects", {"S3ComputeObjectChecksum": {}}, 3),
    DemoJob(
        "tag 40 objects", {"S3PutObjectTagging": {"TagSet": [{"Key": "tier", "Value": "cold"}]}}, 40, _TEAM, by_cli=True
    ),
    DemoJob("untag 2,500 objects", {"S3DeleteObjectTagging": {}}, 2500, _TEAM),
    DemoJob("untag without a team", {"S3DeleteObjectTagging": {}}, 5),
    DemoJob(
        "restore, standard tier", {"S3InitiateRestoreObject": {**_RESTORE, "GlacierJobTier": "STANDARD"}}, 20, _TEAM
    ),
    DemoJob(
        "restore, bulk tier",
        {"S3InitiateRestoreObject": {**_RESTORE, "GlacierJobTier": "BULK"}},
        20,
        _TEAM,
        by_cli=True,
    ),
    DemoJob(
        "retention on 10 objects",
        {"S3PutObjectRetention": {"Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": "2035-01-01T00:00:00Z"}}},
        10,
        _TEAM,
    ),
    DemoJob("copy 300 objects", {"S3PutObjectCopy": {"TargetResource": "arn:aws:s3:::demo-target"}}, 300, by_cli=True),
    DemoJob(
        "call a function on 12 objects",
        {"LambdaInvoke": {"FunctionArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:rewrite:7"}},
        12,
    ),
)


def manifest_key(number: int) -> str:
    """Where the manifest of a demo job lies."""
    return f"manifests/{number}.csv"


def create_demo_job(number: int, job: DemoJob, s3: DemoS3) -> str:
    """Write the manifest, create the job, and return its id.

    Raises:
        AwsCliError: The `aws` command failed.
    """
    rows = "".join(f"demo-data,objects/{row:05}.bin\n" for row in range(job.tasks))
    request = job.request(number, s3.objects.put(BUCKET, manifest_key(number), rows.encode()))
    if job.by_cli and aws_cli() is not None:
        parameters = json.dumps({"AccountId": ACCOUNT, **request})
        created = aws(["s3control", "create-job", "--cli-input-json", parameters], s3)
        return str(json.loads(created)["JobId"])
    return s3.s3control().create_job(AccountId=ACCOUNT, **request)["JobId"]


def aws_cli() -> Path | None:
    """The `aws` command that the demo uses beside the SDK: the checkout's, or the one that the environment names.

    None where there is neither: the SDK then creates all jobs.
    """
    executable = Path(os.environ.get(AWS_VARIABLE) or CHECKOUT / ".venv-awscli" / "bin" / "aws")
    return executable if executable.exists() else None


def aws(arguments: list[str], s3: DemoS3) -> str:
    """Run the unmodified `aws` command against the emulator and return what it prints.

    Raises:
        AwsCliError: It is not installed, or it failed; the message has its output.
    """
    executable = aws_cli()
    if executable is None:
        raise AwsCliError(f"no `aws` command: run `make setup` in a checkout, or set {AWS_VARIABLE}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [str(executable), *arguments],
        env=environment | s3.environment() | {"AWS_CONFIG_FILE": os.devnull, "AWS_PAGER": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        raise AwsCliError(f"aws {' '.join(arguments[:2])}: {shorten(done.stderr.strip(), 500)}")
    return done.stdout
