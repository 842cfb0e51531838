"""What the deployed functions may do to jobs, and what they may not."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local_aws.services import ACCOUNT, CONTROL_URL, REGION
from s3batch_emulator import over_http
from tests.e2e.deployed_gate import DeployedGate


@pytest.fixture(params=["JobEventFunction", "SweepFunction"])
def s3control_of_a_function(gate: DeployedGate, request: pytest.FixtureRequest) -> Any:
    """The job API, with the credentials of a deployed function's role."""
    given = gate.role_credentials[request.param]
    return boto3.client(
        "s3control",
        region_name=REGION,
        endpoint_url=CONTROL_URL,
        config=over_http(gate.services.url),
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def test_a_function_creates_and_changes_no_job(gate: DeployedGate, s3control_of_a_function: Any) -> None:
    """It may describe a job, and every operation but the three that decide takes is denied."""
    job_id = gate.create_job("S3PutObjectTagging", 4, team="lake")
    job = {"AccountId": ACCOUNT, "JobId": job_id}
    assert s3control_of_a_function.describe_job(**job)["Job"]["JobId"] == job_id
    assert s3control_of_a_function.get_job_tagging(**job)["Tags"] == [{"Key": "team", "Value": "lake"}]
    denied = {
        "create_job": gate.job_request("S3PutObjectTagging", 1),
        "update_job_priority": job | {"Priority": 99},
        "put_job_tagging": job | {"Tags": [{"Key": "team", "Value": "mine"}]},
        "delete_job_tagging": job,
    }
    for operation, parameters in denied.items():
        with pytest.raises(ClientError) as refused:
            getattr(s3control_of_a_function, operation)(**parameters)
        assert refused.value.response["Error"]["Code"] == "AccessDenied", operation
