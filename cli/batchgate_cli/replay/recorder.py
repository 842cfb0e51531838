"""Recording the jobs that S3 still has, at a pace, so that an interrupted recording goes on where it stopped."""

from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from batchgate.aws.answers import UNKNOWN_MEMBERS, only_answers
from batchgate.aws.calls import CallError, make_call
from batchgate.aws.pace import Evenly, Pace
from batchgate.aws.s3control import CONFIG, S3Control
from batchgate.aws.wiring import SystemClock
from batchgate.jobs.model import STRUCTURES, JobRef, JobStatus
from batchgate_cli.operating.aws_errors import aws_errors
from batchgate_cli.operating.aws_session import account_of, open_session
from batchgate_cli.operating.options import AwsOptions
from batchgate_cli.replay.recording import RecordingError, document_of, line_of, read_documents
from batchgate_cli.replay.redaction import Redaction

if TYPE_CHECKING:
    from mypy_boto3_s3control import S3ControlClient

_AT_ONCE: Final = 8
"""Jobs that are asked about at the same time, so that the pace is kept whatever S3's latency."""

_GONE: Final = frozenset({"NotFoundException", "NoSuchJobException", "NoSuchJob", "NotFound"})
_STATUSES: Final = tuple(each for each in JobStatus if each is not JobStatus.UNRECOGNIZED)


class Source(Struct, frozen=True):
    """The jobs of one account and Region, and how they are asked for.

    Attributes:
        now: The clock.
    """

    client: "S3ControlClient"
    account_id: str
    pace: Pace
    now: Callable[[], datetime]

    def listed(self) -> list[JobRef]:
        """All jobs that S3 still has, the newest first."""
        jobs = S3Control(self.client, SystemClock(), self.pace)
        return [each.ref for each in jobs.list_jobs(self.account_id, _STATUSES)]

    def document(self, ref: JobRef) -> dict[str, object] | None:
        """A job and its tags as a recording has them; None where S3 has it no more.

        Raises:
            RecordingError: S3 refused, or could not be asked.
        """
        self.pace.take()
        try:
            answer: Mapping[str, Any] = make_call(
                lambda: self.client.describe_job(AccountId=ref.account_id, JobId=ref.job_id)
            )
        except CallError as error:
            if error.is_from_aws and error.code in _GONE:
                return None
            raise RecordingError(f"DescribeJob {ref}: {error}") from error
        recorded_at = self.now()
        wanted = tuple(f"Job.{name}." for name in STRUCTURES)
        unknown = [each.removeprefix("Job.") for each in answer.get(UNKNOWN_MEMBERS, ()) if each.startswith(wanted)]
        return document_of(answer["Job"], self._tags(ref), unknown, recorded_at)

    def _tags(self, ref: JobRef) -> list[Mapping[str, str]] | None:
        """The tags; None where S3 does not say them, or the caller may not read them."""
        self.pace.take()
        try:
            answer: Mapping[str, Any] = make_call(
                lambda: self.client.get_job_tagging(AccountId=ref.account_id, JobId=ref.job_id)
            )
        except CallError as error:
            if error.is_from_aws and (error.code in _GONE or error.code.startswith("AccessDenied")):
                return None
            raise RecordingError(f"GetJobTagging {ref}: {error}") from error
        return None if answer.get(UNKNOWN_MEMBERS) else answer.get("Tags")

    def documents(self, refs: list[JobRef]) -> Generator[dict[str, object] | None]:
        """The documents of jobs in their order, some asked for at the same time."""
        waiting = iter(refs)
        with ThreadPoolExecutor(_AT_ONCE, "record") as pool:
            running = [pool.submit(self.document, ref) for ref in islice(waiting, _AT_ONCE)]
            try:
                while running:
                    yield running.pop(0).result()
                    running += [pool.submit(self.document, ref) for ref in islice(waiting, 1)]
            finally:
                pool.shutdown(cancel_futures=True)


def jobs_of(options: AwsOptions, calls_per_second: float) -> Source:
    """The jobs of the caller's account in a Region.

    Raises:
        GateAccessError: There are no credentials or no Region, or AWS can't be reached or refuses.
    """
    with aws_errors("--region and --endpoint-url"):
        session = open_session(options.profile, options.region)
        account_id = account_of(session, options)
        client = session.client("s3control", endpoint_url=options.endpoint_url, config=CONFIG)
    only_answers(client.meta.events)
    return Source(client, account_id, Evenly(calls_per_second), SystemClock().now)


class Progress(Struct, frozen=True):
    """How far a recording is.

    Attributes:
        done: Jobs that are in the file, also from before.
        of: Jobs that S3 has.
        gone: Jobs that S3 listed and had no more when it was asked for them.
    """

    done: int
    of: int
    gone: int = 0


def unfinished(file: Path) -> Path:
    """Where a recording is written until it is complete."""
    return file.with_name(f"{file.name}.part")


def check_new(file: Path) -> None:
    """Reject a file that exists: a recording is never overwritten.

    Raises:
        RecordingError: It does.
    """
    if file.exists():
        raise RecordingError(f"{file} exists already; choose another name, or remove it to record again")


def record(source: Source, file: Path, *, redact: bool, watch: Callable[[Progress], None]) -> Progress:
    """Record all jobs, those first that an interrupted recording lacks.

    Args:
        source: Whose jobs.
        file: Written when all jobs are recorded; until then they are kept beside it, in `unfinished(file)`.
        redact: Replace the names in the file.
        watch: Called after each job.

    Raises:
        RecordingError: The file is there already, or the unfinished one is of other jobs.
        GateError: S3 refused, or could not be asked. What was recorded is kept.
    """
    check_new(file)
    part = unfinished(file)
    known = _known(part, source)
    listed = source.listed()
    missing = [ref for ref in listed if ref.arn not in known]
    progress = Progress(len(listed) - len(missing), len(listed))
    watch(progress)
    gone = 0
    with part.open("a", encoding="utf-8") as lines, closing(source.documents(missing)) as documents:
        part.chmod(0o600)
        for number, document in enumerate(documents, 1):
            gone += document is None
            if document is not None:
                lines.write(line_of(document))
                lines.flush()
            progress = Progress(len(listed) - len(missing) + number - gone, len(listed), gone)
            watch(progress)
    if not redact:
        part.replace(file)
        return progress
    redacted = file.with_name(f"{file.name}.redacted")
    answer: Any = source.client.meta.service_model.operation_model("DescribeJob").output_shape
    redaction = Redaction(answer.members["Job"])
    with redacted.open("w", encoding="utf-8") as lines:
        for _, kept in read_documents(part):
            lines.write(line_of(redaction.redact(kept)))
    redacted.replace(file)
    part.unlink()
    return progress


def _known(part: Path, source: Source) -> set[str]:
    """The ARNs of the jobs that an interrupted recording has; a line that was cut off is taken away.

    Raises:
        RecordingError: They are of another account or Region.
    """
    if not part.exists():
        return set()
    content = part.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        part.write_bytes(whole)
    home = f":s3:{source.client.meta.region_name}:{source.account_id}:job/"
    known: set[str] = set()
    for number, document in read_documents(part):
        job = document.get("Job")
        arn = str(job.get("JobArn")) if isinstance(job, dict) else ""
        if home not in arn:
            raise RecordingError(
                f"{part}:{number}: a recording of other jobs ({arn}); move the file, or choose another name"
            )
        known.add(arn)
    return known
