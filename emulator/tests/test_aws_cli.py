"""The unmodified AWS CLI, versions 1 and 2, against the emulator: documented examples, errors as people see them.

They are two code bases: version 2 carries a botocore and an HTTP stack of its own.
"""

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from s3batch_emulator import connect
from s3batch_emulator.testing import EmulatedBatch

from .aws_commands import AwsCommand, AwsForkServer, version_1, version_2, without_settings
from .job_requests import ACCOUNT, KEY, client, job_request

pytestmark = pytest.mark.slow

REGION = "us-west-2"
ENDPOINT = f"http://s3-control.{REGION}.amazonaws.com"
ROWS = b"".join(b"employee-records,key-%d\n" % row for row in range(300))


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left."""

    code: int
    out: str
    err: str
    answer: Any = field(default=None)


Aws = Callable[..., Ran]


@pytest.fixture(scope="module", params=["version 1", "version 2"])
def command(request: pytest.FixtureRequest) -> AwsCommand:
    """Each of the two."""
    if request.param == "version 2":
        return version_2()
    return version_1(request.getfixturevalue("aws_cli"))


@pytest.fixture(scope="module")
def fork_server(command: AwsCommand) -> Iterator[AwsForkServer]:
    """Shared by all tests of a version, because importing the CLI takes most of a command's time."""
    with command.fork_server() as process:
        yield process


@pytest.fixture
def aws(fork_server: AwsForkServer, base_url: str) -> Aws:
    """Run `aws s3control` against the emulator, in a fork of a process that has imported the unmodified CLI."""
    environment = without_settings() | {
        "HTTP_PROXY": base_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }

    def run(*arguments: str) -> Ran:
        done = fork_server.run("s3control", "--endpoint-url", ENDPOINT, *arguments, environment=environment)
        code, out = done.returncode, done.stdout
        return Ran(code, out, done.stderr.strip(), json.loads(out) if code == 0 and out.strip() else None)

    return run


@pytest.fixture
def waiting(batch: EmulatedBatch) -> str:
    """A job that awaits confirmation, created without the CLI because that is faster."""
    s3control = connect(client(REGION), batch.emulator)
    job_id = str(s3control.create_job(**job_request(batch.objects, ROWS))["JobId"])
    batch.emulator.settle_until(job_id, "Suspended")
    return job_id


def update(aws: Aws, job_id: str, status: str, *options: str) -> Ran:
    """`aws s3control update-job-status`, as its examples write it."""
    return aws(
        "update-job-status", "--account-id", ACCOUNT, "--job-id", job_id, "--requested-job-status", status, *options
    )


def test_a_reason_is_answered_and_kept(aws: Aws, waiting: str) -> None:
    """As the User Guide's example "No longer needed"."""
    ran = update(aws, waiting, "Cancelled", "--status-update-reason", "No longer needed")
    assert ran.answer == {"Status": "Cancelled", "JobId": waiting, "StatusUpdateReason": "No longer needed"}
    described = aws("describe-job", "--account-id", ACCOUNT, "--job-id", waiting).answer["Job"]
    assert described["StatusUpdateReason"] == "No longer needed"


def test_the_version_is_the_one_it_is_said_to_be(request: pytest.FixtureRequest, command: AwsCommand) -> None:
    """By its own word: two versions, and not one of them twice."""
    said = subprocess.run([command.path, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    asked = request.node.callspec.params["command"].removeprefix("version ")
    assert said.startswith(f"aws-cli/{asked}.")


EXAMPLES = {
    "create-job": 1,
    "describe-job": 1,
    "list-jobs": 1,
    "update-job-priority": 1,
    "update-job-status": 3,
}
"""How many examples the CLI's documentation has of each command about jobs."""
MADE_UP = {"CreationTime", "TerminationDate", "ETag"}
"""What no two runs have in common."""


@dataclass(frozen=True, slots=True)
class Example:
    """One command of the CLI's documentation with its output, for a job of ours in the place of theirs."""

    command: str
    output: Any

    def of_job(self, job_id: str) -> "Example":
        """The same about another job."""
        ours = re.sub(r"(?<=--job-id )\S+", job_id, self.command)
        return Example(ours, self.output | ({"JobId": job_id} if "JobId" in self.output else {}))


def examples(command: AwsCommand, name: str) -> list[Example]:
    """The examples of a page of documentation, as the CLI's package ships it."""
    page = (command.package / "examples" / "s3control" / f"{name}.rst").read_text().replace("\\\n", " ")
    typed = re.findall(r"^ +aws s3control (.+)$", page, flags=re.MULTILINE)
    shown = re.findall(r"^ *Output::\s*(\{.*?^ *\})\s*(?=The following|\Z)", page, flags=re.MULTILINE | re.DOTALL)
    # One of the outputs has a comma too many.
    outputs = [json.loads(re.sub(r",(\s*[\]}])", r"\1", text)) for text in shown]
    return [Example(typed_one, output) for typed_one, output in zip(typed, outputs, strict=True)]


def as_shown(answer: Any, shown: Any) -> Any:
    """The answer without members that the example does not show, and with its made-up values where ours differ."""
    if isinstance(shown, dict) and isinstance(answer, dict):
        return {
            name: shown[name] if name in MADE_UP and isinstance(value, str) else as_shown(value, shown[name])
            for name, value in answer.items()
            if name in shown
        }
    if isinstance(shown, list) and isinstance(answer, list):
        return [as_shown(*pair) for pair in zip(answer, shown, strict=True)]
    return answer


def test_every_example_about_jobs_in_the_documentation_that_it_ships_with(
    batch: EmulatedBatch, aws: Aws, command: AwsCommand
) -> None:
    """As typed there, but for job ids and the manifest's ETag, each gives the output shown there."""
    pages = {path.stem for path in (command.package / "examples" / "s3control").glob("*job*.rst")}
    assert pages == set(EXAMPLES)
    assert {name: len(examples(command, name)) for name in pages} == EXAMPLES

    def run(example: Example, *options: str) -> Any:
        ran = aws(*shlex.split(example.command), *options)
        assert ran.code == 0, ran.err
        return ran.answer

    s3control = connect(client(REGION), batch.emulator)
    failed = str(s3control.create_job(**job_request(batch.objects, b"broken\n"))["JobId"])
    batch.emulator.settle_until(failed, "Failed")

    (creates,) = examples(command, "create-job")
    etag = batch.objects.put("employee-records-logs", KEY, b"employee-records,k\n" * 8)
    ours = Example(re.sub(r'(?<="ETag":")\w+', etag, creates.command), creates.output)
    answer = run(ours, "--no-confirmation-required")
    done = str(answer["JobId"])
    assert answer == {"JobId": done}
    assert set(creates.output) == {"JobId"}
    batch.emulator.settle_until(done, "Complete")

    (describes,) = examples(command, "describe-job")
    describes.output["Job"] |= {"JobId": done, "JobArn": f"arn:aws:s3:{REGION}:{ACCOUNT}:job/{done}"}
    described = run(describes.of_job(done))
    assert as_shown(described, describes.output) == describes.output
    assert set(described["Job"]) == set(describes.output["Job"])
    assert described["Job"]["Manifest"]["Location"]["ETag"] == etag
    assert described["Job"]["CreationTime"].startswith("2026-01-01T00:00:0")
    assert described["Job"]["TerminationDate"].startswith("2026-01-01T00:00:0")

    (lists,) = examples(command, "list-jobs")
    for shown, job_id in zip(lists.output["Jobs"], (done, failed), strict=True):
        shown["JobId"] = job_id
        shown.pop("TerminationDate", None)  # the documentation shows it, and no recorded answer has it
    assert as_shown(run(lists), lists.output) == lists.output

    waiting, other = (str(s3control.create_job(**job_request(batch.objects, ROWS))["JobId"]) for _ in range(2))
    for job_id in (waiting, other):
        batch.emulator.settle_until(job_id, "Suspended")
    (gives_priority,) = examples(command, "update-job-priority")
    cancels_waiting, confirms, cancels_running = examples(command, "update-job-status")
    assert run(gives_priority.of_job(waiting)) == gives_priority.of_job(waiting).output
    assert run(cancels_waiting.of_job(other)) == cancels_waiting.of_job(other).output
    assert run(confirms.of_job(waiting)) == confirms.of_job(waiting).output
    batch.emulator.settle_until(waiting, "Active")
    assert run(cancels_running.of_job(waiting)) == cancels_running.of_job(waiting).output


def test_tags_by_command(aws: Aws, waiting: str) -> None:
    """Put, get and delete, as a person would."""
    at = ("--account-id", ACCOUNT, "--job-id", waiting)
    assert aws("put-job-tagging", *at, "--tags", "Key=team,Value=storage").code == 0
    assert aws("get-job-tagging", *at).answer == {"Tags": [{"Key": "team", "Value": "storage"}]}
    assert aws("delete-job-tagging", *at).code == 0
    assert aws("get-job-tagging", *at).answer == {"Tags": []}


SERVER_SAYS: dict[str, tuple[dict[str, str], str]] = {
    "a missing job": (
        {"--job-id": "8d9a18fe-c303-4d39-8ccc-860d372da386"},
        "(NotFoundException) when calling the UpdateJobStatus operation: The specified job does not exist",
    ),
    "a job id of 37 characters": (
        {"--job-id": "a" * 37},
        "(BadRequestException) when calling the UpdateJobStatus operation: JobId must have at most 36 characters",
    ),
    "a job id with a dot": (
        {"--job-id": "8d9a18fe.c303"},
        "(BadRequestException) when calling the UpdateJobStatus operation: JobId must match",
    ),
    "a bad status": (
        {"--requested-job-status": "Active"},
        "(BadRequestException) when calling the UpdateJobStatus operation: RequestedJobStatus must be one of",
    ),
    "a reason of 257 characters": (
        {"--status-update-reason": "x" * 257},
        "(BadRequestException) when calling the UpdateJobStatus operation: StatusUpdateReason must have at most 256",
    ),
    "a bad account": (
        {"--account-id": "12345678901"},
        "(BadRequestException) when calling the UpdateJobStatus operation: AccountId must match",
    ),
}
CLI_SAYS: dict[str, tuple[dict[str, str | None], str]] = {
    "a job id of 4 characters": (
        {"--job-id": "abcd"},
        "Invalid length for parameter JobId, value: 4, valid min length: 5",
    ),
    "an empty reason": (
        {"--status-update-reason": ""},
        "Invalid length for parameter StatusUpdateReason, value: 0, valid min length: 1",
    ),
    "an account that is no host label": (
        {"--account-id": "no account"},
        "AccountId must only contain a-z, A-Z, 0-9 and `-`.",
    ),
    "no job id": ({"--job-id": None}, "the following arguments are required: --job-id"),
    "no account": ({"--account-id": None}, "the following arguments are required: --account-id"),
    "no status": ({"--requested-job-status": None}, "the following arguments are required: --requested-job-status"),
}


def refused(aws: Aws, batch: EmulatedBatch, job_id: str, changes: dict[str, Any]) -> Ran:
    """Run an update that must fail and leave the waiting job as it was."""
    before = batch.emulator.job(job_id)
    options = {"--account-id": ACCOUNT, "--job-id": job_id, "--requested-job-status": "Cancelled", **changes}
    ran = aws("update-job-status", *[part for pair in options.items() if pair[1] is not None for part in pair])
    assert batch.emulator.job(job_id) == before
    return ran


@pytest.mark.parametrize(("changes", "said"), SERVER_SAYS.values(), ids=SERVER_SAYS.keys())
def test_the_cli_shows_what_the_server_refuses(
    batch: EmulatedBatch, aws: Aws, waiting: str, changes: dict[str, str], said: str
) -> None:
    """Exit code 254 or 255 and the documented error code; nothing has changed."""
    ran = refused(aws, batch, waiting, changes)
    assert f"An error occurred {said}" in ran.err
    assert ran.code in {254, 255}
    assert batch.emulator.calls[-1].operation == "UpdateJobStatus"


@pytest.mark.parametrize("command", ["version 1"], indirect=True)  # another wording in another version is no matter
@pytest.mark.parametrize(("changes", "said"), CLI_SAYS.values(), ids=CLI_SAYS.keys())
def test_the_cli_refuses_by_itself(
    batch: EmulatedBatch, aws: Aws, waiting: str, changes: dict[str, str | None], said: str
) -> None:
    """Least lengths and missing parameters never reach the server."""
    calls = len(batch.emulator.calls)
    ran = refused(aws, batch, waiting, changes)
    assert said in ran.err
    assert ran.code not in {0, None}
    assert len(batch.emulator.calls) == calls
