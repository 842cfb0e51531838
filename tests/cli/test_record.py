"""`batchgate jobs record`: what S3 says of its jobs, as a file that can be read again, shared and gone on with."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batchgate.aws.pace import Unhurried
from batchgate.jobs.model import JobRef
from batchgate.policy.facts import Gap
from batchgate_cli.replay.recorder import Progress, Source, record, unfinished
from batchgate_cli.replay.recording import TAGS_NOT_RECORDED, RecordingError, read_recording
from s3batch_emulator import Effect, Fault
from tests.cli.live import batchgate
from tests.flow.deployed import Served
from tests.flow.stage import ACCOUNT, REGION, UP_TO_THREE, Stage

COPY = {
    "S3PutObjectCopy": {
        "TargetResource": "arn:aws:s3:::lake-prod-archive",
        "TargetKeyPrefix": "secret/prefix",
        "StorageClass": "GLACIER",
        "NewObjectTagging": [{"Key": "project", "Value": "apollo"}],
        "SSEAwsKmsKeyId": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/6f0c",
    }
}
RETENTION = {"S3PutObjectRetention": {"Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": "2030-01-01T00:00:00Z"}}}
NAMES = ("lake-prod-archive", "secret", "apollo", "project", "6f0c", ACCOUNT, "manifests", "nightly", "crew", "ops")


def source(stage: Stage) -> Source:
    """The jobs of a stage, asked for without a pace."""
    return Source(stage.person, ACCOUNT, Unhurried(), stage.clock.now)


def unwatched(_: Progress) -> None:
    """Nobody looks."""


def some_jobs(stage: Stage) -> list[JobRef]:
    """A job for each way of ending."""
    approved = stage.create(2, tags={"crew": "ops"})
    cancelled = stage.create(9, Description="nightly copy", Operation=COPY)
    waiting = stage.create(3, Operation=RETENTION)
    stage.review(approved)
    stage.review(cancelled)
    stage.emulator.settle_until(approved.job_id, "Complete")
    return [approved, cancelled, waiting]


def test_a_recording_is_what_s3_says(tmp_path: Path) -> None:
    """Every job with its tags, as the gate itself reads them, and the instant at which S3 was asked."""
    stage = Stage()
    refs = some_jobs(stage)
    file = tmp_path / "jobs.ndjson"
    assert record(source(stage), file, redact=False, watch=unwatched) == Progress(3, 3)
    found = {each.job.ref: each for each in read_recording(file)}
    assert found.keys() == set(refs)
    for ref in refs:
        snapshot = stage.s3control.snapshot(ref, with_tags=True)
        assert (found[ref].job, found[ref].tags) == (snapshot.job, snapshot.tags)
        assert found[ref].recorded_at == stage.clock.now()
    assert found[refs[0]].ended is not None
    assert found[refs[2]].ended is None
    assert not unfinished(file).exists()


def test_an_interrupted_recording_goes_on(tmp_path: Path) -> None:
    """Nothing that was recorded is asked for again, and a line that was cut off is."""
    stage = Stage()
    for _ in range(5):
        stage.create(2)
    file = tmp_path / "jobs.ndjson"

    def stop(progress: Progress) -> None:
        if progress.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(source(stage), file, redact=False, watch=stop)
    assert not file.exists()
    part = unfinished(file)
    assert len([*read_recording(part)]) == 3
    with part.open("a") as lines:
        lines.write('{"Job": {"JobArn": "arn:')
    before = stage.count("DescribeJob")
    seen: list[Progress] = []
    record(source(stage), file, redact=False, watch=seen.append)
    assert stage.count("DescribeJob") - before == 2
    assert [each.done for each in seen] == [3, 4, 5]
    assert len({each.job.ref for each in read_recording(file)}) == 5


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Neither a recording nor the unfinished one of another account."""
    stage = Stage()
    some_jobs(stage)
    file = tmp_path / "jobs.ndjson"
    record(source(stage), file, redact=False, watch=unwatched)
    before = file.read_bytes()
    with pytest.raises(RecordingError, match="exists already"):
        record(source(stage), file, redact=False, watch=unwatched)
    assert file.read_bytes() == before
    other = tmp_path / "other.ndjson"
    unfinished(other).write_text(file.read_text().replace(ACCOUNT, "999999999999"))
    with pytest.raises(RecordingError, match="recording of other jobs"):
        record(source(stage), other, redact=False, watch=unwatched)


@pytest.mark.parametrize(
    ("operation", "code", "counts", "tags_known"),
    [
        ("DescribeJob", "NotFoundException", Progress(2, 3, gone=1), True),
        ("GetJobTagging", "NotFoundException", Progress(3, 3), False),
        ("GetJobTagging", "AccessDenied", Progress(3, 3), False),
    ],
)
def test_what_is_not_to_be_had_is_left_out(
    tmp_path: Path, operation: str, code: str, counts: Progress, tags_known: bool
) -> None:
    """A job that S3 has deleted meanwhile, and tags that may not be read."""
    stage = Stage()
    some_jobs(stage)
    stage.emulator.faults.add(Fault(Effect.ERROR, code=code, operation=operation))
    file = tmp_path / "jobs.ndjson"
    assert record(source(stage), file, redact=False, watch=unwatched) == counts
    unknown = [each for each in read_recording(file) if isinstance(each.tags, Gap)]
    assert [each.tags for each in unknown] == ([] if tags_known else [TAGS_NOT_RECORDED])


def test_the_pace_is_asked_before_each_call(tmp_path: Path) -> None:
    """One listing, and two calls a job."""
    stage = Stage()
    some_jobs(stage)
    taken: list[str] = []

    class Counted:
        def take(self) -> None:
            taken.append("call")

        def owe(self) -> None:
            raise AssertionError

    asked = Source(stage.person, ACCOUNT, Counted(), stage.clock.now)
    record(asked, tmp_path / "jobs.ndjson", redact=False, watch=unwatched)
    assert len(taken) == 1 + 2 * 3


# --- names --------------------------------------------------------------------------------------------


def test_a_redacted_recording_has_no_names(tmp_path: Path) -> None:
    """And is a recording of the same jobs: their operations, sizes, settings, dates, and who decided."""
    stage = Stage()
    some_jobs(stage)
    plain, redacted = tmp_path / "plain.ndjson", tmp_path / "redacted.ndjson"
    record(source(stage), plain, redact=False, watch=unwatched)
    record(source(stage), redacted, redact=True, watch=unwatched)
    text = redacted.read_text()
    assert [name for name in NAMES if name in plain.read_text()] == [*NAMES]
    assert [name for name in NAMES if name in text] == []
    assert not unfinished(redacted).exists()
    for before, after in zip(read_recording(plain), read_recording(redacted), strict=True):
        one, other = before.job, after.job
        kept = ("status", "operation", "total_tasks", "priority", "suspended_date", "creation_time", "tasks_ended")
        assert [getattr(one, each) for each in kept] == [getattr(other, each) for each in kept]
        assert not isinstance(before.tags, Gap)
        assert not isinstance(after.tags, Gap)
        assert len(before.tags) == len(after.tags)
        assert after.redacted
        if one.status_update_reason:
            assert other.status_update_reason is not None
            assert one.status_update_reason[-36:] == other.status_update_reason[-36:], "policy version and claim"
    copy = next(each.job for each in read_recording(redacted) if each.job.operation == "S3PutObjectCopy")
    assert copy.parameters["StorageClass"] == "GLACIER"


def test_one_name_has_one_replacement(tmp_path: Path) -> None:
    """Wherever it stands, so that the same bucket is still the same bucket."""
    stage = Stage()
    for bucket in ("one", "two", "one"):
        stage.create(2, Operation={"S3PutObjectCopy": {"TargetResource": f"arn:aws:s3:::bucket-{bucket}"}})
    file = tmp_path / "jobs.ndjson"
    record(source(stage), file, redact=True, watch=unwatched)
    targets = [each.job.parameters["TargetResource"] for each in read_recording(file)]
    assert targets[0] == targets[2] != targets[1]
    assert all(re.fullmatch(r"arn:aws:s3:::bucket-\d{4}", str(each)) for each in targets)


# --- reading ------------------------------------------------------------------------------------------


def printed(stage: Stage, ref: JobRef) -> dict[str, Any]:
    """What the AWS CLI prints of a job, without its metadata."""
    answer = stage.person.describe_job(AccountId=ACCOUNT, JobId=ref.job_id)
    return json.loads(json.dumps({"Job": answer["Job"]}, default=lambda instant: instant.isoformat()))  # type: ignore[no-any-return]


@pytest.mark.parametrize("indent", [None, 4])
@pytest.mark.parametrize("compress", [False, True])
def test_what_the_aws_cli_prints_is_read(tmp_path: Path, indent: int | None, compress: bool) -> None:
    """One document after the other, on one line or on many, compressed or not, with a byte order mark or none."""
    stage = Stage()
    refs = some_jobs(stage)
    text = "\n".join(f"{json.dumps(printed(stage, ref), indent=indent)}\n" for ref in refs)
    file = tmp_path / ("jobs.json.gz" if compress else "jobs.json")
    content = b"\xef\xbb\xbf" * (indent is None) + text.encode()
    file.write_bytes(gzip.compress(content) if compress else content)
    found = [*read_recording(file)]
    assert [each.job for each in found] == [stage.s3control.describe(ref) for ref in refs]
    assert {each.recorded_at for each in found} == {None}
    assert [each.tags for each in found] == [TAGS_NOT_RECORDED] * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense\n", "jobs:1:1: got text that is not JSON (Expecting value)"),
        ("[1]\n", "jobs:1: expected a JSON object, got a list of 1"),
        ("{}\n", "jobs:1: JobArn: expected text"),
        ('\n{"Job": {\n  "JobArn": 1\n  }\n}\n', "jobs:2: JobArn: expected text, got the number 1"),
        ('\n{"Job": {\n  "JobArn" 1\n}\n}\n', "jobs:3:12: got text that is not JSON"),
        ('{"Job": ' + "[" * 100_000 + "}\n", "jobs:1: got JSON that is nested more than 100 levels deep"),
        ('{"Job": ' + "9" * 5_000 + "}\n", "jobs:1: got JSON with a number that is too long"),
        ('{"Job": 5}\n', "jobs:1: Job: expected a JSON object, got the number 5"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    """And what was expected."""
    file = tmp_path / "jobs"
    file.write_text(text)
    with pytest.raises(RecordingError, match=re.escape(message)) as error:
        [*read_recording(file)]
    assert "aws s3control describe-job" in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Tags": "none"}, "Tags: expected a list"),
        ({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}, "each key once"),
        ({"RecordedAt": "yesterday"}, "RecordedAt: expected an ISO 8601 instant"),
    ],
)
def test_a_document_with_something_wrong_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    """Never read as if it said something else."""
    stage = Stage()
    file = tmp_path / "jobs"
    file.write_text(json.dumps(printed(stage, stage.create(2)) | change) + "\n")
    with pytest.raises(RecordingError, match=re.escape(message)):
        [*read_recording(file)]


def test_a_job_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """Nobody knows which of the two counts."""
    stage = Stage()
    line = json.dumps(printed(stage, stage.create(2))) + "\n"
    file = tmp_path / "jobs"
    file.write_text(line * 2)
    with pytest.raises(RecordingError, match=r"jobs:2: arn:.* is in line 1, too"):
        [*read_recording(file)]


# --- the command --------------------------------------------------------------------------------------


@pytest.fixture
def stage(served: Served, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Jobs that commands reach."""
    made = Stage()
    served.serve(made)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return made


ASKED = ("--account-id", ACCOUNT, "--region", REGION, "--calls-per-second", "1000")


def test_the_command_records(stage: Stage, tmp_path: Path) -> None:
    """And says how many jobs, where."""
    some_jobs(stage)
    file = tmp_path / "jobs.ndjson"
    result = batchgate("jobs", "record", str(file), *ASKED)
    assert (result.exit_code, result.stdout) == (0, f"recorded 3 jobs in {file}\n")
    assert len([*read_recording(file)]) == 3


def test_the_command_replaces_names(stage: Stage, tmp_path: Path) -> None:
    """And a replay of such a recording says that checks of names see replacements."""
    some_jobs(stage)
    file = tmp_path / "jobs.ndjson"
    assert batchgate("jobs", "record", str(file), "--redact", *ASKED).exit_code == 0
    assert [name for name in NAMES if name in file.read_text()] == []
    policy = tmp_path / "policy.yaml"
    policy.write_text(UP_TO_THREE)
    replayed = batchgate("policy", "replay", str(policy), "--jobs", str(file))
    assert "names in the recording are replaced: checks of names are evaluated on the replacements\n" in replayed.stdout
    assert replayed.stdout.startswith("0 of 3 jobs would be decided differently")


def test_a_failure_keeps_what_was_recorded(stage: Stage, tmp_path: Path) -> None:
    """The message says where it is and that the same command goes on; then it does."""
    *_, oldest = reversed([stage.create(2) for _ in range(4)])
    file = tmp_path / "jobs.ndjson"
    fault = Fault(Effect.ERROR, code="AccessDenied", operation="DescribeJob", job_id=oldest.job_id)
    stage.emulator.faults.add(fault)
    result = batchgate("jobs", "record", str(file), *ASKED)
    assert result.exit_code == 1
    assert "DescribeJob" in result.stderr
    assert "AccessDenied" in result.stderr
    assert f"kept in {unfinished(file)}; run the same command again" in result.stderr
    assert batchgate("jobs", "record", str(file), *ASKED).exit_code == 0
    assert len([*read_recording(file)]) == 4


def test_ctrl_c_keeps_what_was_recorded(stage: Stage, tmp_path: Path) -> None:
    """Interrupted after the first job."""
    for _ in range(9):
        stage.create(2)
    file = tmp_path / "jobs.ndjson"
    slow = (*ASKED[:-1], "2")
    main = "from batchgate_cli.main import main; main()"
    command = [sys.executable, "-c", main, "jobs", "record", str(file), *slow]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        while not (unfinished(file).exists() and unfinished(file).read_text().count("\n")):
            with pytest.raises(subprocess.TimeoutExpired):  # it goes on, and this process, which serves it, has time
                process.wait(timeout=0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "run the same command again to go on" in said
    assert not file.exists()
    assert 1 <= len([*read_recording(unfinished(file))]) < 9


def test_a_file_that_can_not_be_written_is_refused_before_aws_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the name that was given; there are no credentials here."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    there, nowhere = tmp_path / "there.ndjson", tmp_path / "no" / "x.ndjson"
    there.touch()
    for file, why in ((there, "exists already"), (nowhere, f"got {nowhere.parent}; create it first")):
        result = batchgate("jobs", "record", str(file))
        assert (result.exit_code, why in result.stderr) == (1, True), result.stderr


def test_an_endpoint_that_does_not_answer_is_named_with_what_to_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the request's query nor the name of a class; and how to do without STS."""
    file, nowhere = str(tmp_path / "x"), ("--endpoint-url", "http://127.0.0.1:9", "--region", REGION)
    for name, value in (("ACCESS_KEY_ID", "A"), ("SECRET_ACCESS_KEY", "B"), ("ENDPOINT_URL_STS", nowhere[1])):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("NO_PROXY", "*")
    asked = batchgate("jobs", "record", file, "--account-id", ACCOUNT, *nowhere)
    assert asked.exit_code == 1
    assert asked.stderr.splitlines()[-1].endswith('jobs"; check the network, --region and --endpoint-url')
    assert "Error" not in asked.stderr
    sts = batchgate("jobs", "record", file, *nowhere)
    assert sts.stderr.endswith("; --account-id makes this call of STS unnecessary\n")
