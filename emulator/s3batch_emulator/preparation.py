"""The work of the status Preparing: read the manifest, or generate it, and count its tasks."""

from dataclasses import dataclass
from datetime import datetime

from s3batch_emulator.arns import parse_arn
from s3batch_emulator.generated import generate
from s3batch_emulator.jobs import Job
from s3batch_emulator.manifests import ManifestError, ManifestLocation, count_tasks
from s3batch_emulator.objects import ObjectSource
from s3batch_emulator.switches import ManifestKind
from s3batch_emulator.values import Structure, member, text, texts


@dataclass(frozen=True, slots=True)
class Prepared:
    """A manifest that was read or generated.

    Attributes:
        total_tasks: Number of its tasks.
        failing_tasks: Number of tasks that always fail.
        generated: The GeneratedManifestDescriptor, if a manifest was generated and stored.
    """

    total_tasks: int
    failing_tasks: int = 0
    generated: Structure | None = None


def prepare(job: Job, objects: ObjectSource, at: datetime) -> Prepared:
    """Read a job's manifest, or generate it.

    Raises:
        ManifestError: It can't be read or generated, so the job fails.
    """
    generator = member(job.request, "ManifestGenerator", "S3JobManifestGenerator")
    if isinstance(generator, dict):
        made = generate(generator, objects, job.job_id, job.scope.partition, at)
        return Prepared(made.total_tasks, generated=made.descriptor)
    tasks = count_tasks(_location(job.request), objects)
    return Prepared(tasks.total, tasks.failing)


def _location(request: Structure) -> ManifestLocation:
    bucket, key = bucket_and_key(text(request, "Manifest", "Location", "ObjectArn") or "")
    return ManifestLocation(
        kind=ManifestKind(text(request, "Manifest", "Spec", "Format")),
        fields=tuple(texts(request, "Manifest", "Spec", "Fields")),
        bucket=bucket,
        key=key,
        etag=(text(request, "Manifest", "Location", "ETag") or "").strip('"'),
        version_id=text(request, "Manifest", "Location", "ObjectVersionId"),
    )


def bucket_and_key(object_arn: str) -> tuple[str, str]:
    """The bucket, or the access point, and the key that an object's ARN names.

    Raises:
        ManifestError: It names no key.
    """
    named = parse_arn(object_arn)
    if named is None or not named.key:
        raise ManifestError("ManifestNotFound", f"{object_arn} names no object")
    return named.bucket, named.key
