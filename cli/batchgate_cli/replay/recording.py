"""Recordings of jobs: what S3 reported of each, one JSON document a job, as a file that people keep and share."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from msgspec import Struct

from batchgate.errors import GateError, JobDescriptionError
from batchgate.jobs.model import Job, Json, in_words
from batchgate.policy.facts import Gap, Result
from batchgate.text import shorten
from batchgate_cli.files import JsonError, name_of, opened_text, parse_json
from batchgate_cli.replay.instants import of_job

TAGS_NOT_RECORDED: Final = Gap(Result.UNMEASURABLE, "the tags are not in the recording")

_DOCUMENT_AT_MOST: Final = 4_000_000
"""Characters of one job's document: far more than S3 reports of one."""


class RecordingError(GateError):
    """A recording can't be read or written; the message has the file, the line and what to do."""


class RecordedJob(Struct, frozen=True):
    """One job of a recording.

    Attributes:
        job: As S3 described it when it was recorded.
        tags: Its tags then, or why they are not known.
        recorded_at: When; None where the document does not say, as what the AWS CLI prints.
        ended: When S3 ended the job. Source: DescribeJob TerminationDate.
        active_seconds: For how long it was Active. Source: ProgressSummary.Timers.ElapsedTimeInActiveSeconds.
        redacted: Whether its names were replaced.
    """

    job: Job
    tags: Mapping[str, str] | Gap
    recorded_at: datetime | None
    ended: datetime | None
    active_seconds: int | None
    redacted: bool = False


def document_of(
    job: Mapping[str, object],
    tags: Iterable[Mapping[str, str]] | None,
    unknown_members: Iterable[str],
    recorded_at: datetime,
) -> dict[str, object]:
    """One job as a recording has it: S3's answers, and when they were given.

    Args:
        job: DescribeJob's `Job`.
        tags: GetJobTagging's `Tags`; None where they are not known.
        unknown_members: What the AWS SDK does not know of the answer.
        recorded_at: When S3 was asked.
    """
    known_tags = {} if tags is None else {"Tags": [*tags]}
    return {
        "Job": job,
        **known_tags,
        "UnknownMembers": [*unknown_members],
        "RecordedAt": recorded_at.astimezone(UTC).isoformat(),
    }


def line_of(document: Mapping[str, object]) -> str:
    """A document as one line."""
    return json.dumps(document, default=_instant_as_text, separators=(",", ":")) + "\n"


def _instant_as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    message = f"a value of the type {type(value).__name__} can't be recorded"
    raise TypeError(message)


# --- Reading ------------------------------------------------------------------------------------------


def read_recording(path: Path) -> Iterator[RecordedJob]:
    """The jobs of a recording, one after the other.

    A document may take several lines, as the AWS CLI prints it. A file whose name ends in .gz is decompressed; the
    name - is standard input.

    Raises:
        RecordingError: What is there is no recording, or has a job twice.
        OSError: It can't be read.
    """
    lines_of: dict[str, int] = {}
    for number, document in read_documents(path):
        try:
            recorded = recorded_from(document)
        except (JobDescriptionError, ValueError) as error:
            raise RecordingError(f"{name_of(path)}:{number}: {error}; {_EXPECTED}") from error
        arn = recorded.job.ref.arn
        if arn in lines_of:
            message = f"{name_of(path)}:{number}: {arn} is in line {lines_of[arn]}, too; keep one of them"
            raise RecordingError(message)
        lines_of[arn] = number
        yield recorded
    if not lines_of:
        raise RecordingError(f"{name_of(path)}: no job in it; {_EXPECTED}. Did the command that wrote it fail?")


_EXPECTED: Final = (
    "expected jobs as `batchgate jobs record` writes them or `aws s3control describe-job` prints them, one after the"
    " other"
)


def read_documents(path: Path) -> Iterator[tuple[int, dict[str, Json]]]:
    """The documents of a recording, each with its first line.

    Raises:
        InputError: The file is not text, or is compressed otherwise than its name says.
        RecordingError: A document is not a JSON object.
        OSError: The file can't be read.
    """
    with opened_text(path, _EXPECTED.removeprefix("expected ")) as lines:
        begun, text = 0, ""
        for number, line in enumerate(lines, 1):
            if not text and not line.strip():
                continue
            begun, text = (begun, text + line) if text else (number, line)
            if not line.rstrip().endswith("}") or (begun != number and line[0] != "}"):
                if len(text) > _DOCUMENT_AT_MOST:
                    break
                continue  # the AWS CLI ends a document with a line that begins with its brace
            yield begun, _document(path, begun, text)
            text = ""
        if text:
            yield begun, _document(path, begun, text)


def _document(path: Path, number: int, text: str) -> dict[str, Json]:
    try:
        document = parse_json(text)
    except JsonError as error:
        place = f"{number + error.line - 1}:{error.column}" if error.line else str(number)
        raise RecordingError(f"{name_of(path)}:{place}: got {error}; {_EXPECTED}") from error
    if not isinstance(document, dict):
        raise RecordingError(f"{name_of(path)}:{number}: expected a JSON object, got {in_words(document)}; {_EXPECTED}")
    return document


def recorded_from(document: Mapping[str, Json]) -> RecordedJob:
    """One job.

    Raises:
        JobDescriptionError, ValueError: The document is none.
    """
    members = document.get("Job", document)
    if not isinstance(members, dict):
        raise JobDescriptionError(f"Job: expected a JSON object, got {in_words(members)}")
    unknown = document.get("UnknownMembers")
    known = tuple(map(str, unknown)) if isinstance(unknown, list) else None
    progress = members.get("ProgressSummary")
    timers = progress.get("Timers") if isinstance(progress, dict) else None
    active = timers.get("ElapsedTimeInActiveSeconds") if isinstance(timers, dict) else None
    return RecordedJob(
        job=Job.from_description(of_job(members), known),
        tags=_tags(document.get("Tags")),
        recorded_at=_instant(document, "RecordedAt"),
        ended=_instant(members, "TerminationDate"),
        active_seconds=active if isinstance(active, int) else None,
        redacted=document.get("Redacted") is True,
    )


def _tags(listed: Json) -> Mapping[str, str] | Gap:
    if listed is None:
        return TAGS_NOT_RECORDED
    if not isinstance(listed, list):
        raise JobDescriptionError(f"Tags: expected a list, got {in_words(listed)}")
    tags: dict[str, str] = {}
    for tag in listed:
        key, value = (tag.get("Key"), tag.get("Value")) if isinstance(tag, dict) else (None, None)
        if not isinstance(key, str) or not isinstance(value, str) or key in tags:
            raise JobDescriptionError("Tags: expected structures of Key and Value, each key once")
        tags[key] = value
    return tags


def _instant(members: Mapping[str, Json], name: str) -> datetime | None:
    value = members.get(name)
    if value is None:
        return None
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        instant = None
    if instant is None:
        raise JobDescriptionError(f"{name}: expected an ISO 8601 instant, got {shorten(str(value), 40)!r}")
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
