"""The served emulator with the S3 servers that people have: it reads manifests with the credentials of its user."""

import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from botocore.config import Config
from werkzeug.serving import make_server

from s3batch_emulator import MemoryObjects
from s3batch_emulator.guard import refusal

from .aws_commands import without_settings
from .job_requests import ACCOUNT, ANY_CREDENTIALS, CONTROL_TOKEN, client, job_request, manifest
from .served import COMMAND, serving

OTHER_ACCOUNT = "210987654321"
OWNER = {"AWS_ACCESS_KEY_ID": OTHER_ACCOUNT, "AWS_SECRET_ACCESS_KEY": "a-secret"}
ROWS = b"".join(b"data,key-%d\n" % row for row in range(30))


@pytest.fixture(scope="module")
def moto_s3() -> Iterator[str]:
    """Moto's server; to no browser, as any server that is started here."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    moto = DomainDispatcherApplication(create_backend_app)

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        headers = [
            (name.removeprefix("HTTP_").replace("_", "-").encode(), str(value).encode("latin-1"))
            for name, value in environ.items()
            if name.startswith("HTTP_")
        ]
        if refusal(environ["REQUEST_METHOD"], headers) is not None:
            start_response("403 Forbidden", [])
            return []
        answered: Iterable[bytes] = moto(environ, start_response)
        return answered

    server = make_server("127.0.0.1", 0, guarded, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def stored(url: str, credentials: dict[str, str], bucket: str) -> dict[str, Any]:
    """A manifest in a new bucket of whom the credentials belong to, as CreateJob names it."""
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
    """A job from its creation to its end, confirmed where it asks for it."""
    s3control = client(base_url=url)

    def later() -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {CONTROL_TOKEN}"}
        urllib3.request("POST", f"{url}/_emulator/clock", json={"advance_seconds": 60}, headers=headers)
        return dict(s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"])

    job_id = s3control.create_job(**job_request(MemoryObjects(), Manifest=named))["JobId"]
    job = later()
    if job["Status"] == "Suspended":
        s3control.update_job_status(AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus="Ready")
        job = later()
    return job


def serve(url: str, environment: dict[str, str]) -> Any:
    """The command with an S3 and an environment."""
    return serving("--stepped", "--no-events", "--s3-endpoint", url, environment=environment)


@pytest.fixture(params=["ministack", "moto"])
def s3_url(request: pytest.FixtureRequest) -> str:
    """Each S3 server."""
    return str(request.getfixturevalue("local_s3" if request.param == "ministack" else "moto_s3"))


def test_a_job_gets_from_creation_to_complete(s3_url: str) -> None:
    """With the manifest counted, by the credentials that it was stored with."""
    named = stored(s3_url, OWNER, "servers-complete")
    with serve(s3_url, OWNER) as (url, _):
        job = settled(url, named)
    assert (job["Status"], job["ProgressSummary"]["TotalNumberOfTasks"]) == ("Complete", 30)


def test_credentials_are_found_as_any_aws_tool_finds_them(local_s3: str, tmp_path: Path) -> None:
    """In a profile, where the environment names one."""
    named = stored(local_s3, OWNER, "servers-profile")
    profiles = tmp_path / "credentials"
    profiles.write_text(
        "[team]\n" + "".join(f"{name.lower()} = {value}\n" for name, value in OWNER.items()), encoding="utf-8"
    )
    environment = {"AWS_SHARED_CREDENTIALS_FILE": str(profiles), "AWS_PROFILE": "team"}
    with serve(local_s3, environment) as (url, _):
        assert settled(url, named)["Status"] == "Complete"


def test_credentials_of_another_account_are_refused_with_the_documented_reason(local_s3: str) -> None:
    """By an S3 that scopes by account."""
    named = stored(local_s3, OWNER, "servers-scoped")
    with serve(local_s3, ANY_CREDENTIALS) as (url, _):
        job = settled(url, named)
    assert job["Status"] == "Failed"
    assert [each["FailureReason"] for each in job["FailureReasons"]] == [
        "Reading the manifest is forbidden: AccessDenied"
    ]


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "Unable to locate credentials"),
        ({"AWS_PROFILE": "gone"}, "gone"),
        ({"AWS_ACCESS_KEY_ID": "test"}, "AWS_SECRET_ACCESS_KEY"),
    ],
    ids=str,
)
def test_without_credentials_it_does_not_start(environment: dict[str, str], says: str) -> None:
    """It says what to export; exit code 2, no traceback."""
    done = subprocess.run(
        [*COMMAND, "--s3-endpoint", "http://127.0.0.1:9"],
        env=without_settings() | {"COLUMNS": "200"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert says in done.stderr
    assert "export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "environment"),
    [(["--stepped"], {}), ([], {"S3BATCH_CONTROL_TOKEN": "short"}), ([], {"S3BATCH_CONTROL_TOKEN": ""})],
    ids=str,
)
def test_a_token_is_asked_for_and_not_short(options: list[str], environment: dict[str, str]) -> None:
    """A clock that nobody can advance, and a token that a guess finds, are refused."""
    done = subprocess.run(
        [*COMMAND, *options],
        env=without_settings() | {"COLUMNS": "200"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "S3BATCH_CONTROL_TOKEN" in done.stderr
