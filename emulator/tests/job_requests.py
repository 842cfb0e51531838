"""CreateJob inputs and clients that the emulator's tests share."""

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from s3batch_emulator import MemoryObjects

ACCOUNT = "123456789012"
BUCKET = "employee-records-logs"
KEY = "inv-report/7a6a9be4-072c-407e-85a2-ec3e982f773e.csv"
TAGGING = {"S3PutObjectTagging": {"TagSet": [{"Key": "confidential", "Value": "true"}]}}
CSV_FIELDS = ["Bucket", "Key"]
ANY_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
CONTROL_TOKEN = "a-token-of-these-tests"


def manifest(
    etag: str, *, key: str = KEY, fields: list[str] | None = None, version: str | None = None
) -> dict[str, Any]:
    """A Manifest member for a CSV object in `BUCKET`."""
    location = {"ObjectArn": f"arn:aws:s3:::{BUCKET}/{key}", "ETag": etag}
    if version is not None:
        location["ObjectVersionId"] = version
    return {
        "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": fields or CSV_FIELDS},
        "Location": location,
    }


def job_request(
    objects: MemoryObjects | None, body: bytes = b"employee-records,one\n", **changes: Any
) -> dict[str, Any]:
    """A CreateJob input whose manifest has just been put; a change of None leaves a member out."""
    asked = {
        "AccountId": ACCOUNT,
        "Operation": TAGGING,
        "Report": {"Enabled": False},
        "Priority": 42,
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/S3BatchJobRole",
        **({"Manifest": manifest(objects.put(BUCKET, KEY, body))} if objects and "Manifest" not in changes else {}),
        **changes,
    }
    return {name: value for name, value in asked.items() if value is not None}


def client(region: str = "us-east-1", *, base_url: str | None = None, **config: Any) -> Any:
    """A real boto3 client; over HTTP when a base URL is given."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return boto3.client(
        "s3control",
        region_name=region,
        endpoint_url=f"http://s3-control.{region}.{suffix}" if base_url else None,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        config=Config(retries={"total_max_attempts": 1}, proxies={"http": base_url} if base_url else {}, **config),
    )


def code(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    """The code and the HTTP status of a refusal."""
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]
