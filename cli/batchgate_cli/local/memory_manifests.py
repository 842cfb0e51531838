"""Manifests in this process's memory: their objects, what is known of them, and what reads large ones."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock

from msgspec.structs import replace

from batchgate.errors import LedgerConflictError
from batchgate.gate.manifest_reading import Reading, ReadingRequest, ReadingSteps
from batchgate.jobs.manifest_contents import Uncountable
from batchgate.jobs.model import Job
from batchgate.jobs.named_manifest import NamedManifest
from batchgate.manifest.count import BLOCK_BYTES, bytes_of, count
from batchgate.manifest.counts import PartCounts
from batchgate.manifest.plan import (
    CSV_FORMAT,
    RANGE_BYTES,
    CsvRange,
    Part,
    Plan,
    Source,
    csv_columns,
    plan_csv,
    plan_inventory,
)
from batchgate.policy.facts import Gap, Result, named_manifest
from s3batch_emulator.objects import ObjectSource, ObjectUnreadableError


@dataclass(frozen=True, slots=True)
class MemoryManifestReader:
    """The `ManifestReader` port before an emulator's objects.

    Attributes:
        range_bytes: How much of a CSV is one part.
    """

    objects: ObjectSource
    range_bytes: int = RANGE_BYTES

    def size(self, job: Job) -> int | Gap:
        """The size of the object whose ETag the job names."""
        manifest = named_manifest(job)
        body = manifest if isinstance(manifest, Gap) else self._body(manifest)
        return body if isinstance(body, Gap) else len(body)

    def plan(self, manifest: NamedManifest) -> Plan | Uncountable | Gap:
        """Of the object whose ETag the job names."""
        body = self._body(manifest)
        if isinstance(body, Gap):
            return body
        if manifest.format != CSV_FORMAT:
            return plan_inventory(body)
        columns = csv_columns(manifest.fields)
        if isinstance(columns, Uncountable):
            return columns
        source = Source(manifest.bucket, columns, manifest.key, manifest.etag, manifest.version or None)
        return Plan(source, plan_csv(len(body), self.range_bytes))

    def count(self, plan: Plan, part: Part) -> PartCounts | Gap:
        """Of the bytes of a range or a file."""
        source = plan.source
        named = NamedManifest(source.bucket, source.key, source.etag, source.version or "")
        body = self._body(named if isinstance(part, CsvRange) else NamedManifest(source.bucket, part.key, ""))
        if isinstance(body, Gap):
            return body
        first, end = bytes_of(part) if isinstance(part, CsvRange) else (0, len(body))
        chunks = (body[at : min(at + BLOCK_BYTES, end)] for at in range(first, end, BLOCK_BYTES))
        return count(part, source.columns, chunks)

    def _body(self, manifest: NamedManifest) -> bytes | Gap:
        try:
            opened = self.objects.open(manifest.bucket, manifest.key, manifest.version or None)
        except ObjectUnreadableError:
            return Gap(Result.UNMEASURABLE, "the manifest is not there")
        with opened.body:
            if manifest.etag and opened.etag != manifest.etag:
                return Gap(Result.UNMEASURABLE, "the manifest is another by now")
            return opened.body.read()


@dataclass(slots=True)
class MemoryManifestLedger:
    """The `ManifestLedger` port without a table."""

    readings: dict[str, Reading] = field(default_factory=dict)
    counts: dict[str, dict[int, PartCounts]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def reading(self, manifest_id: str) -> Reading | None:
        """The reading."""
        return self.readings.get(manifest_id)

    def write_reading(self, manifest_id: str, reading: Reading, *, replacing: Reading | None) -> Reading:
        """Write, unless another call wrote since."""
        with self._lock:
            here = self.readings.get(manifest_id)
            if (here.rev if here else None) != (replacing.rev if replacing else None):
                raise LedgerConflictError(f"manifest {manifest_id}: another call wrote first")
            written = replace(reading, rev=(here.rev if here else 0) + 1)
            self.readings[manifest_id] = written
            return written

    def write_part(self, manifest_id: str, number: int, counts: PartCounts) -> None:
        """Keep it."""
        self.counts.setdefault(manifest_id, {})[number] = counts

    def has_part(self, manifest_id: str, number: int) -> bool:
        """Whether it is kept."""
        return number in self.counts.get(manifest_id, {})

    def parts(self, manifest_id: str) -> Iterator[tuple[int, PartCounts]]:
        """By their numbers."""
        yield from sorted(self.counts.get(manifest_id, {}).items(), key=lambda each: each[0])

    def parts_read(self, manifest_id: str) -> int | None:
        """How many there are."""
        return len(self.counts.get(manifest_id, {}))


@dataclass(slots=True)
class MemoryMachine:
    """The `ReadingMachine` port: keeps what was started, each name once, until `run`."""

    started: dict[str, ReadingRequest] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)

    def start(self, request: ReadingRequest) -> None:
        """Keep it, unless one of its name was ever started."""
        self.started.setdefault(request.name, request)

    def run(self, steps: ReadingSteps) -> list[ReadingRequest]:
        """Run what was started and not run yet, step by step as the state machine does; return what was run."""
        waiting = [each for name, each in self.started.items() if name not in self._done]
        for request in waiting:
            self._done.add(request.name)
            for number in range(steps.plan(request)):
                steps.count(request, number)
            steps.combine(request)
        return waiting
