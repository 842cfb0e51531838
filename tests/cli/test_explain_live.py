"""`policy explain --job-id`: a live job, with what its manifest's rows say."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from rich.progress import Progress

from batchgate.aws.manifests import StoredManifests
from batchgate.aws.s3control import CONFIG
from batchgate.gate.manifest_reading import read_here
from batchgate.jobs.manifest_contents import ManifestContents
from batchgate.policy.facts import Gap, named_manifest
from batchgate_cli.operating.live_job import WatchedManifests
from s3batch_emulator import MemoryObjects, RealClock
from tests.cli.live import batchgate
from tests.flow.deployed import Served
from tests.flow.stage import ACCOUNT, HOLD_ALL, REGION, Stage

OURS = """
version: 1
policies:
  - name: ours
    match: [{operation: S3PutObjectTagging}]
    require:
      - source_buckets: {only: lake-*}
      - manifest: {rows: {at_least: 3}, rows_without_version: {at_most: 3}}
"""


class _S3(BaseHTTPRequestHandler):
    """HeadObject and GetObject of objects in memory, path-style."""

    def __init__(self, objects: MemoryObjects, asked: list[str], *arguments: Any) -> None:
        self.objects, self.asked = objects, asked
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """The object, or nothing of it."""
        _, bucket, key = self.path.partition("?")[0].split("/", 2)
        opened = self.objects.open(bucket, key)
        body = opened.body.read()
        self.asked.append(f"{self.command} {bucket}/{key}")
        self.send_response(200)
        self.send_header("ETag", f'"{opened.etag}"')
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amz-request-id", "0A49CE4060975EAC")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - as http.server calls it

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def s3(objects: MemoryObjects, environment: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Serve objects; what is asked of them."""
    asked: list[str] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_S3, objects, asked)) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        environment.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_port}")
        environment.setenv("NO_PROXY", "127.0.0.1")
        environment.setenv("AWS_CONFIG_FILE", os.devnull)
        yield asked
        server.shutdown()


def served_now(served: Served) -> Stage:
    """A stage whose S3 has the clock of the command."""
    stage = Stage(HOLD_ALL)
    served.serve(stage)
    stage.emulator.dates = RealClock()
    return stage


def job_with(stage: Stage, body: bytes, **changes: Any) -> str:
    """A job whose manifest is this."""
    etag = stage.objects.put("manifests", "m.csv", body)
    manifest = {
        "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
        "Location": {"ObjectArn": "arn:aws:s3:::manifests/m.csv", "ETag": etag},
    }
    return stage.create(3, Manifest=manifest, **changes).job_id


def explained(policy: str, job_id: str, tmp_path: Path, *more: str) -> Any:
    """Explain a live job."""
    file = tmp_path / "policy.yaml"
    file.write_text(policy)
    return batchgate(
        "policy", "explain", str(file), "--job-id", job_id, "--account-id", ACCOUNT, "--region", REGION, *more
    )


def test_the_rows_of_a_live_job_are_read(served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A foreign bucket is named; nothing is read that nothing asks for, and nothing printed of it where it is piped."""
    stage = served_now(served)
    job_id = job_with(stage, b"lake-raw,a\nother-team,b\nlake-raw,c\n")
    with s3(stage.objects, monkeypatch) as asked:
        found = explained(OURS, job_id, tmp_path)
        assert found.exit_code == 0, found.output
        assert "reason: batchgate: held by ours: source bucket other-team, want only lake-*" in found.stdout
        assert found.stderr == ""
        assert asked == ["HEAD manifests/m.csv", "GET manifests/m.csv"]
        asked.clear()
        assert explained(HOLD_ALL, job_id, tmp_path).exit_code == 0
        assert asked == []
    assert {call.operation for call in stage.emulator.calls if call.operation.startswith("Update")} == set()


def test_a_live_job_whose_rows_are_ours_is_approved(
    served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And one whose manifest has changed since is not."""
    stage = served_now(served)
    job_id = job_with(stage, b"lake-raw,a\nlake-b,b\nlake-raw,c\n")
    with s3(stage.objects, monkeypatch):
        decision = json.loads(explained(OURS, job_id, tmp_path, "-o", "json").stdout)
        assert decision["verdict"] == "approve"
        stage.objects.put("manifests", "m.csv", b"lake-raw,a\n")
        decision = json.loads(explained(OURS, job_id, tmp_path, "-o", "json").stdout)
        assert decision["verdict"] == "hold"
        assert "the manifest is another by now" in decision["reason"]


def test_the_bar_goes_as_far_as_the_manifest(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """To its end, by the bytes of each part."""
    stage = Stage(HOLD_ALL)
    ref = stage.create(9)
    named = named_manifest(stage.s3control.snapshot(ref, with_tags=False).job)
    assert not isinstance(named, Gap)
    progress = Progress(disable=True)
    with s3(stage.objects, monkeypatch):
        client = boto3.Session().client("s3", config=CONFIG)
        contents = read_here(named, WatchedManifests(StoredManifests(client), progress))
    assert isinstance(contents, ManifestContents)
    assert contents.rows == 9
    size = len(stage.objects.open("manifests", "9.csv").body.read())
    assert [(task.completed, task.total) for task in progress.tasks] == [(size, size)]
