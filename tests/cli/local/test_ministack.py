"""The local AWS comes up empty, answers a real client, and never outlives whoever started it."""

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import zipfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest

from batchgate_cli.local import ministack
from batchgate_cli.local.ministack import PYTHON_VARIABLE, MinistackError, running_ministack
from batchgate_cli.local.ministack_server import _UnpackedOnce
from batchgate_cli.local.services import session

PATIENCE_SECONDS = 20


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_whoever_started_it(how: signal.Signals) -> None:
    """Killed, terminated or interrupted: a connection to it breaks, and the port is free again."""
    with subprocess.Popen(
        [sys.executable, "-m", "batchgate_cli.local.ministack"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        # Whoever runs the tests in the background has told everything below to ignore interrupts.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    ) as starter:
        assert starter.stdout is not None
        port = urlsplit(starter.stdout.readline()).port
        assert port is not None
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
            starter.send_signal(how)
            starter.wait(PATIENCE_SECONDS)
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass


def test_code_is_unpacked_once_and_other_code_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever unpacks the same archive again finds the same files; nothing of another archive is among them."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    places = []
    for number, text in enumerate(("one", "one", "other")):
        archive, place = tmp_path / f"{number}.zip", tmp_path / str(number)
        with zipfile.ZipFile(archive, "w") as made:
            made.writestr(zipfile.ZipInfo("gate/handler.py"), text)  # without the time, which is part of the archive
        place.mkdir()
        with _UnpackedOnce(archive) as code:
            code.extractall(place)
        assert (place / "gate" / "handler.py").read_text() == text
        places.append(place.resolve())
    assert places[0] == places[1] != places[2]
    (tmp_path / "worker").mkdir()
    (tmp_path / "0").rename(tmp_path / "worker" / "code")
    shutil.rmtree(tmp_path / "worker")  # as ministack does when a process ends
    assert (tmp_path / "1" / "gate" / "handler.py").read_text() == "one"


def test_it_keeps_what_the_real_client_stores(local_s3: str) -> None:
    """An object put with boto3 is read back with its ETag."""
    s3 = boto3.client(
        "s3",
        endpoint_url=local_s3,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    s3.create_bucket(Bucket="kept")
    put = s3.put_object(Bucket="kept", Key="a/b.csv", Body=b"bucket,key\n")
    got = s3.get_object(Bucket="kept", Key="a/b.csv")
    assert got["Body"].read() == b"bucket,key\n"
    assert got["ETag"] == put["ETag"]


def test_two_of_them_share_nothing() -> None:
    """Each has a port of its own and starts without buckets."""
    with running_ministack() as first, running_ministack() as second:
        assert first != second
        s3, other = (
            boto3.client(
                "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
            )
            for url in (first, second)
        )
        s3.create_bucket(Bucket="mine")
        assert other.list_buckets()["Buckets"] == []


@pytest.mark.parametrize("profile", ["", "of-another-account", "none-of-this-name"])
def test_nothing_that_this_machine_says_of_aws_reaches_it(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own client takes neither settings of a profile nor a proxy."""
    config = tmp_path / "config"
    elsewhere = "region = eu-west-1\nendpoint_url = http://127.0.0.1:9\ns3 =\n  addressing_style = virtual\n"
    config.write_text(f"[default]\n{elsewhere}[profile of-another-account]\n{elsewhere}")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    if profile:
        monkeypatch.setenv("AWS_PROFILE", profile)
    with running_ministack() as url:
        s3 = session().client("s3", endpoint_url=url)
        s3.create_bucket(Bucket="mine")
        s3.put_object(Bucket="mine", Key="key", Body=b"")
        assert [each["Name"] for each in s3.list_buckets()["Buckets"]] == ["mine"]


def test_without_an_installation_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The message names what is missing and what installs it, which a directory of pip's packages can't."""
    monkeypatch.setenv(PYTHON_VARIABLE, str(tmp_path / "python"))
    with pytest.raises(MinistackError, match=rf"{PYTHON_VARIABLE}: expected a Python .*python"), running_ministack():
        pass
    monkeypatch.delenv(PYTHON_VARIABLE)
    monkeypatch.setattr(ministack, "CHECKOUT", tmp_path)
    with pytest.raises(MinistackError, match=r"installed by pip, .*in a checkout"), running_ministack():
        pass
    (tmp_path / "Makefile").touch()
    with pytest.raises(MinistackError, match="`make setup` in"), running_ministack():
        pass


def test_a_taken_port_is_reported_with_what_ministack_said() -> None:
    """A port that somebody else listens on is an error, not a hang."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MinistackError, match="did not start"), running_ministack(port):
            pass
