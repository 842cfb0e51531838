"""What people have recorded of the service and its model does not say: error documents, copies without a target."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from botocore.exceptions import ClientError

from s3batch_emulator import Emulator, MemoryObjects, SteppedClock, Switches, Vocabulary, connect
from s3batch_emulator.exchange import HttpRequest
from s3batch_emulator.testing import START, EmulatedBatch

from .job_requests import ACCOUNT, client, code, job_request

NO_JOB = "8d9a18fe-c303-4d39-8ccc-860d372da386"


def emulator(**switches: Any) -> Emulator:
    """A new one, without jobs."""
    return Emulator(SteppedClock(START), MemoryObjects(), switches=Switches(**switches))


def copy(target: str | None) -> dict[str, Any]:
    """A CreateJob input that copies to a target."""
    operation = {"S3PutObjectCopy": {"StorageClass": "ONEZONE_IA"} | ({"TargetResource": target} if target else {})}
    return job_request(MemoryObjects(), Operation=operation)


@pytest.mark.parametrize("vocabulary", Vocabulary)
@pytest.mark.parametrize(("bare", "path"), [(False, ["ErrorResponse", "Error"]), (True, ["Error"])])
def test_an_error_document_has_no_namespace(bare: bool, path: list[str], vocabulary: Vocabulary) -> None:
    """In either form, as aws-sdk-go-v2 #2384 and aws-sdk-java-v2 #1986 show them; botocore reads both."""
    emulated = emulator(bare_errors=bare, vocabulary=vocabulary)
    asked = HttpRequest("GET", f"/v20180820/jobs/{NO_JOB}", "", {"host": "localhost", "x-amz-account-id": ACCOUNT})
    document = ET.fromstring(emulated.respond(asked).body)  # noqa: S314 -- our own answer
    assert document.tag == path[0]
    assert document.find("RequestId") is not None
    assert document.find("HostId") is not None
    assert [each.tag for each in document.iterfind("/".join([*path[1:], "Code"]))] == ["Code"]
    with pytest.raises(ClientError) as error:
        connect(client(), emulated).describe_job(AccountId=ACCOUNT, JobId=NO_JOB)
    assert code(error) == ("NotFoundException" if vocabulary is Vocabulary.MODEL else "NoSuchJobException", 400)
    assert error.value.response["Error"]["Message"] == "The specified job does not exist"
    assert error.value.response["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize(
    ("vocabulary", "refused", "broken"),
    [
        (Vocabulary.MODEL, "BadRequestException", "InternalServiceException"),
        (Vocabulary.GUIDE, "BadRequestException", "InternalServiceException"),
        (Vocabulary.RECORDED, "InvalidRequest", "InternalError"),
    ],
)
def test_each_vocabulary_has_its_words(vocabulary: Vocabulary, refused: str, broken: str) -> None:
    """A bad request is 400 and an error of S3's own 500 in all of them."""
    s3control = connect(client(), emulator(vocabulary=vocabulary))
    both = job_request(
        MemoryObjects(),
        ManifestGenerator={
            "S3JobManifestGenerator": {"SourceBucket": "arn:aws:s3:::source", "EnableManifestOutput": False}
        },
    )
    for asked, expected in ((both, (refused, 400)), (copy(None), (broken, 500))):
        with pytest.raises(ClientError) as error:
            s3control.create_job(**asked)
        assert code(error) == expected


@pytest.mark.parametrize(
    "target",
    [
        "arn:aws:s3:::destination",
        "arn:aws-us-gov:s3:::dest.ination-1",
        f"arn:aws:s3:eu-west-1:{ACCOUNT}:accesspoint/name",
        f"arn:aws:s3::{ACCOUNT}:accesspoint/mfzwi23gnjvgw.mrap",
        f"arn:aws:s3express:us-west-2:{ACCOUNT}:bucket/base--usw2-az1--x-s3",
    ],
)
def test_a_copy_goes_to_a_bucket(batch: EmulatedBatch, target: str) -> None:
    """Of any kind, or to an access point."""
    assert connect(client(), batch.emulator).create_job(**copy(target))["JobId"]


@pytest.mark.parametrize(
    "target",
    [
        "destination",
        "s3://destination",
        "arn:aws:s3:::",
        "arn:aws:s3:::destination/",
        "arn:aws:s3:::destination/prefix",
        "arn:aws:s3:::destination/*",
        "arn:aws:s3:::*",
        "arn:aws:s3:us-east-1::destination",
        f"arn:aws:s3:us-east-1:{ACCOUNT}:destination",
        f"arn:aws:s3:eu-west-1:{ACCOUNT}:accesspoint/name/object/key",
        f"arn:aws:s3express:us-west-2:{ACCOUNT}:bucket/base--usw2-az1--x-s3/prefix",
        f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f",
        " arn:aws:s3:::destination",
        "arn:aws:s3:::destination\n",
    ],
)
def test_a_copy_to_what_is_no_bucket_is_refused(batch: EmulatedBatch, target: str) -> None:
    """A path behind it, a pattern, or no ARN of a bucket; no job is created."""
    with pytest.raises(ClientError) as error:
        connect(client(), batch.emulator).create_job(**copy(target))
    assert code(error) == ("BadRequestException", 400)
    assert batch.emulator.jobs() == []
