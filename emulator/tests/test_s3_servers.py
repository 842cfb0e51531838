"""The served emulator beside an S3 server: it reads manifests with the credentials of its user."""

import subprocess

import pytest

from .aws_commands import without_settings
from .served import COMMAND, OWNER, serve, settled, stored


def test_a_job_gets_from_creation_to_complete(moto_s3: str) -> None:
    """With the manifest counted, read with the credentials that it was stored with."""
    named = stored(moto_s3, OWNER, "servers-complete")
    with serve(moto_s3, OWNER) as (url, _):
        job = settled(url, named)
    assert (job["Status"], job["ProgressSummary"]["TotalNumberOfTasks"]) == ("Complete", 30)


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
    """It prints what to export; exit code 2, no traceback."""
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
    """A clock that can't be advanced and a token that can be guessed are refused."""
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
