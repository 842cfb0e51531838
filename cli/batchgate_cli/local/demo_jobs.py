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
from batchgate_cli.local.ministack import CHECKOUT
from batchgate_cli.local.services import ACCOUNT, LocalServices

BUCKET = "demo-manifests"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/batch-operations"
AWS_VARIABLE = "BATCHGATE_AWS_CLI"


class AwsCliError(GateError):
    """The `aws` command isn't installed beside the checkout, or refused."""


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
    DemoJob("untag for nobody", {"S3DeleteObjectTagging": {}}, 5),
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


def create_demo_job(number: int, job: DemoJob, services: LocalServices) -> str:
    """Upload the manifest, create the job as its kind says, and give its id.

    Raises:
        AwsCliError: The `aws` command isn't there, or refused.
    """
    rows = "".join(f"demo-data,objects/{row:05}.bin\n" for row in range(job.tasks))
    put = services.s3().put_object(Bucket=BUCKET, Key=manifest_key(number), Body=rows.encode())
    request = job.request(number, put["ETag"].strip('"'))
    if job.by_cli:
        parameters = json.dumps({"AccountId": ACCOUNT, **request})
        created = aws(["s3control", "create-job", "--cli-input-json", parameters], services)
        return str(json.loads(created)["JobId"])
    return services.s3control().create_job(AccountId=ACCOUNT, **request)["JobId"]


def aws(arguments: list[str], services: LocalServices) -> str:
    """Run the unmodified `aws` command against the local services, and give what it prints.

    Raises:
        AwsCliError: It isn't there, or refused; the message has what it said.
    """
    executable = os.environ.get(AWS_VARIABLE) or str(CHECKOUT / ".venv-awscli" / "bin" / "aws")
    if not Path(executable).exists():
        raise AwsCliError(f"{executable} is missing: run `make setup`, or set {AWS_VARIABLE}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [executable, *arguments],
        env=environment | services.environment() | {"AWS_CONFIG_FILE": os.devnull, "AWS_PAGER": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        raise AwsCliError(f"aws {' '.join(arguments[:2])}: {shorten(done.stderr.strip(), 500)}")
    return done.stdout
