"""What is in a job's manifest: a small one is read at once, others by an execution beside the reviews, each once.

A reading is an item of the ledger, which every step replaces on condition: the review begins it and starts the
execution, whose steps plan it, count its parts, and end it. A reading that failed is unmeasurable until another attempt
may begin.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from batchgate.contract import MANIFEST_READING_SECONDS
from batchgate.errors import LedgerConflictError, ManifestsApiError
from batchgate.gate.ports import Clock
from batchgate.jobs.manifest_contents import ManifestContents, Uncountable
from batchgate.jobs.model import Instant, Job, JobRef
from batchgate.jobs.named_manifest import NamedManifest
from batchgate.manifest.counts import PartCounts, combine
from batchgate.manifest.plan import DEFLATE_AT_MOST, CsvRange, Part, Plan
from batchgate.policy.facts import Gap, Result, named_manifest

PARTS_AT_MOST: Final = 32_768
"""2 TiB of a CSV. The plan's numbers, and the answers to them, have to fit into 256 KiB.

*Source*: Step Functions Developer Guide, "Step Functions service quotas", maximum input or output size.
"""

AT_ONCE_AT_MOST: Final = 16 * 1024 * 1024
"""How many bytes a review counts by itself. Rows of a few bytes, quoted and not, take the longest: 4 s of a processor,
of which a function has a third or less."""

JSON_AT_MOST: Final = 300_000
"""Bytes of an item: a thousand buckets' names and counts need a quarter of it. *Source*: DynamoDB, items of 400 KB."""

_FILES_AT_ONCE: Final = 4
_TRIES_TO_END: Final = 5
_ENDS_WITHIN: Final = timedelta(seconds=MANIFEST_READING_SECONDS) + timedelta(minutes=5)
_AGAIN_AFTER: Final = timedelta(hours=1)
_AGAIN_AFTER_AT_MOST: Final = timedelta(days=1)


class Reading(Struct, frozen=True, omit_defaults=True):
    """The reading of one manifest, as far as it is.

    Attributes:
        attempt: Counted from 1.
        began_at: When this attempt began.
        ends_at: From when on no step of it runs any more, whatever became of it.
        parts: How many parts there are; 0 until that is known.
        contents: What was counted; None until it ended well.
        why: Why nothing could be counted, in words of ours; "" unless it ended so.
        again_at: When another attempt may begin; None where none would find anything else.
        rev: How often the item was written.
    """

    attempt: int
    began_at: Instant
    ends_at: Instant
    parts: int = 0
    contents: ManifestContents | None = None
    why: str = ""
    again_at: Instant | None = None
    rev: int = 0

    @property
    def is_running(self) -> bool:
        """Whether it has not ended, as far as is written."""
        return self.contents is None and not self.why


class ReadingRequest(Struct, frozen=True):
    """The input of an execution.

    Attributes:
        manifest: What is to be read.
        attempt: Which attempt this is.
        job_arn: The job that is reviewed again at the end; others that name the same manifest wait for the sweep.
    """

    manifest: NamedManifest
    attempt: int
    job_arn: str

    @property
    def name(self) -> str:
        """Of the execution: at most 80 letters, digits and hyphens, the same for the same attempt.

        *Source*: Step Functions API, StartExecution, `name`.
        """
        return f"{self.manifest.id}-{self.attempt}"


class ManifestReader(Protocol):
    """The objects of manifests."""

    def size(self, job: Job) -> int | Gap:
        """As `ManifestsApi`."""
        ...

    def plan(self, manifest: NamedManifest) -> Plan | Uncountable | Gap:
        """In which parts it is read, if it is still the object that the job names.

        Raises:
            ManifestsApiError: S3 or the network failed; nothing is known.
        """
        ...

    def count(self, plan: Plan, part: Part) -> PartCounts | Gap:
        """Read one part.

        Raises:
            ManifestsApiError: As `plan`.
        """
        ...


class ManifestLedger(Protocol):
    """What is known of manifests, by their ids. Reads are strongly consistent, writes of readings conditional."""

    def reading(self, manifest_id: str) -> Reading | None:
        """The reading; None where there is none.

        Raises:
            UnreadableItemError: It is broken.
            LedgerError: It could not be read.
        """
        ...

    def write_reading(self, manifest_id: str, reading: Reading, *, replacing: Reading | None) -> Reading:
        """Write it if nothing was written since `replacing` was read; return it with its new `rev`.

        Raises:
            LedgerConflictError: Another writer was first.
            LedgerError: As far as is known, it was not written.
        """
        ...

    def write_part(self, manifest_id: str, number: int, counts: PartCounts) -> None:
        """Keep what was counted in a part. The same part has the same counts, whoever writes them."""
        ...

    def has_part(self, manifest_id: str, number: int) -> bool:
        """Whether a part's counts are kept."""
        ...

    def parts(self, manifest_id: str) -> Iterator[tuple[int, PartCounts]]:
        """The parts whose counts are kept, by their numbers."""
        ...

    def parts_read(self, manifest_id: str) -> int | None:
        """How many parts' counts are kept; None where finding out would take more than one call."""
        ...


class ReadingMachine(Protocol):
    """What reads large manifests beside the reviews."""

    def start(self, request: ReadingRequest) -> None:
        """Start the execution of this name; nothing where one was ever started.

        Raises:
            ManifestsApiError: As far as is known, it was not started.
        """
        ...


class ManifestReadings(Struct, frozen=True):
    """The `ManifestsApi` port: what is kept of a manifest, or else its reading.

    Attributes:
        machine: None where nothing is deployed that reads more than a review does.
        bytes_at_most: How many bytes of one manifest are read.
        counts_parts: Whether the gap of a manifest that is being read says how many of its parts are: for people.
    """

    reader: ManifestReader
    ledger: ManifestLedger
    clock: Clock
    bytes_at_most: int
    machine: ReadingMachine | None = None
    counts_parts: bool = False

    def size(self, job: Job) -> int | Gap:
        """As the reader."""
        return self.reader.size(job)

    def contents(self, job: Job) -> ManifestContents | Gap:
        """What is in the job's manifest. A gap that is unknown is filled once the manifest is read.

        Raises:
            ManifestsApiError: S3, Step Functions or the network failed; nothing is known.
            LedgerError: The ledger failed.
        """
        manifest = named_manifest(job)
        if isinstance(manifest, Gap):
            return manifest
        now = self.clock.now()
        reading = self.ledger.reading(manifest.id)
        if reading is None or (reading.again_at is not None and reading.again_at <= now):
            return self._begin(manifest, reading, job.ref)
        if reading.is_running and reading.ends_at <= now:
            ended = failed(reading, "reading its manifest did not end in time", now)
            reading = _write(self.ledger, manifest.id, ended, reading)
        elif reading.is_running and self.machine is not None:
            # Whoever began it may have been cut off before this call. It does nothing where it was made.
            self.machine.start(ReadingRequest(manifest, reading.attempt, job.ref.arn))
        if reading.is_running and reading.parts and self.counts_parts:
            read = self.ledger.parts_read(manifest.id)
            return found_in(reading, progress=f": {'many' if read is None else read} of {reading.parts} parts,")
        return found_in(reading)

    def _begin(self, manifest: NamedManifest, before: Reading | None, ref: JobRef) -> ManifestContents | Gap:
        now = self.clock.now()
        plan = plan_of(manifest, self.reader)
        if isinstance(plan, Gap):
            return plan
        begun = Reading((before.attempt if before else 0) + 1, now, now + _ENDS_WITHIN)
        if isinstance(plan, Uncountable):
            return found_in(_write(self.ledger, manifest.id, replace(begun, why=plan.why), before))
        if is_read_at_once(plan):
            counted = _count_all(self.reader, plan)
            if isinstance(counted, Gap):
                return counted
            return found_in(_write(self.ledger, manifest.id, _combined(begun, plan, iter(counted)), before))
        size = size_of(plan)
        if size > self.bytes_at_most:
            return Gap(
                Result.UNMEASURABLE, f"its manifest has {size} bytes, more than the {self.bytes_at_most} that are read"
            )
        if self.machine is None:
            return Gap(
                Result.UNMEASURABLE,
                "its manifest is larger than a review reads, and nothing is deployed that reads more",
            )
        reading = _write(self.ledger, manifest.id, begun, before)
        if reading.is_running:
            self.machine.start(ReadingRequest(manifest, reading.attempt, ref.arn))
        return found_in(reading)


class ReadingSteps(Struct, frozen=True):
    """What the execution does, step by step. Each step may be made twice, and in parallel with itself."""

    reader: ManifestReader
    ledger: ManifestLedger
    clock: Clock

    def plan(self, request: ReadingRequest) -> int:
        """Plan the parts; return how many there are to read, none where the reading ends here."""
        reading = self._running(request)
        if reading is None:
            return 0
        plan = self._plan(request, reading)
        if plan is None:
            return 0
        _write(self.ledger, request.manifest.id, replace(reading, parts=len(plan.parts)), reading)
        return len(plan.parts)

    def count(self, request: ReadingRequest, number: int) -> None:
        """Read one part, unless that was done, or another part has ended the reading."""
        reading = self._running(request)
        if reading is None or self.ledger.has_part(request.manifest.id, number):
            return
        plan = self._plan(request, reading)
        if plan is None:
            return
        counts = self.reader.count(plan, plan.parts[number])
        if isinstance(counts, Gap):
            self._end(request, failed(reading, counts.why, self.clock.now()), reading)
        else:
            self.ledger.write_part(request.manifest.id, number, _that_fits(counts))

    def combine(self, request: ReadingRequest) -> None:
        """End the reading with what all parts come to.

        Raises:
            ManifestsApiError: Not every part was read.
        """
        reading = self._running(request)
        if reading is None:
            return
        plan = self._plan(request, reading)
        if plan is not None:
            self._end(request, _combined(reading, plan, self._all_parts(request, len(plan.parts))), reading)

    def _all_parts(self, request: ReadingRequest, parts: int) -> Iterator[PartCounts]:
        expected = 0
        for number, counts in self.ledger.parts(request.manifest.id):
            if number != expected:
                break
            yield counts
            expected += 1
        if expected < parts:
            raise ManifestsApiError(f"{request.name}: part {expected} of {parts} was not read")

    def give_up(self, request: ReadingRequest, error: str) -> bool:
        """End the reading because a step failed for good; return whether this call did.

        Args:
            request: The execution's input.
            error: What kind of error it was.
        """
        reading = self._running(request)
        if reading is None:
            return False
        self._end(request, failed(reading, f"reading its manifest failed ({error})", self.clock.now()), reading)
        return True

    def _running(self, request: ReadingRequest) -> Reading | None:
        reading = self.ledger.reading(request.manifest.id)
        return reading if reading and reading.is_running and reading.attempt == request.attempt else None

    def _plan(self, request: ReadingRequest, reading: Reading) -> Plan | None:
        """The plan; None where the reading ends because there is none."""
        plan = plan_of(request.manifest, self.reader)
        match plan:
            case Gap():
                self._end(request, failed(reading, plan.why, self.clock.now()), reading)
                return None
            case Uncountable():
                self._end(request, replace(reading, why=plan.why), reading)
                return None
        return plan

    def _end(self, request: ReadingRequest, ended: Reading, replacing: Reading) -> None:
        """Write the end, unless the reading has one. A step that is made twice may write in between."""
        for _ in range(_TRIES_TO_END):
            found = _write(self.ledger, request.manifest.id, ended, replacing)
            if not found.is_running or found.attempt != request.attempt:
                return
            replacing = found
        raise LedgerConflictError(f"the reading of {request.name}: other writers were first")


def read_here(manifest: NamedManifest, reader: ManifestReader) -> ManifestContents | Gap:
    """Read all of a manifest, part after part.

    Raises:
        ManifestsApiError: S3 or the network failed; nothing is known.
    """
    plan = reader.plan(manifest)
    if isinstance(plan, Gap):
        return plan
    if isinstance(plan, Uncountable):
        return Gap(Result.UNMEASURABLE, plan.why)
    counted = _count_all(reader, plan)
    if isinstance(counted, Gap):
        return counted
    found = combine(plan, counted)
    return Gap(Result.UNMEASURABLE, found.why) if isinstance(found, Uncountable) else found


def _count_all(reader: ManifestReader, plan: Plan) -> list[PartCounts] | Gap:
    counted: list[PartCounts] = []
    for part in plan.parts:
        counts = reader.count(plan, part)
        if isinstance(counts, Gap):
            return counts
        counted.append(counts)
    return counted


# --- Pure ---------------------------------------------------------------------------------------------


def failed(reading: Reading, why: str, now: datetime) -> Reading:
    """A reading that ended without contents; another attempt may begin after one hour, two, four, at most a day."""
    wait = min(_AGAIN_AFTER * 2 ** min(reading.attempt - 1, 10), _AGAIN_AFTER_AT_MOST)
    return replace(reading, why=why, again_at=now + wait)


def found_in(reading: Reading, *, progress: str = "") -> ManifestContents | Gap:
    """What a reading says of its manifest."""
    if reading.contents is not None:
        return reading.contents
    if reading.why:
        return Gap(Result.UNMEASURABLE, reading.why)
    return Gap(Result.UNKNOWN, f"its manifest is being read{progress} since {reading.began_at:%Y-%m-%d %H:%M} UTC")


def is_read_at_once(plan: Plan) -> bool:
    """Whether a review reads it: few bytes, which compressed files hold however well they are compressed."""
    if any(isinstance(part, CsvRange) for part in plan.parts):
        return len(plan.parts) == 1 and size_of(plan) <= AT_ONCE_AT_MOST
    return len(plan.parts) <= _FILES_AT_ONCE and size_of(plan) * DEFLATE_AT_MOST <= AT_ONCE_AT_MOST


def size_of(plan: Plan) -> int:
    """How many bytes are read."""
    return sum(part.end - part.start if isinstance(part, CsvRange) else part.size for part in plan.parts)


def plan_of(manifest: NamedManifest, reader: ManifestReader) -> Plan | Uncountable | Gap:
    """The plan, unless it has too many parts."""
    plan = reader.plan(manifest)
    if isinstance(plan, Plan) and len(plan.parts) > PARTS_AT_MOST:
        return Uncountable(f"its manifest has more than {PARTS_AT_MOST} parts")
    return plan


def _combined(reading: Reading, plan: Plan, counts: Iterator[PartCounts]) -> Reading:
    found = combine(plan, counts)
    if isinstance(found, ManifestContents) and len(msgspec.json.encode(found)) > JSON_AT_MOST:
        found = _TOO_LONG
    if isinstance(found, Uncountable):
        return replace(reading, parts=len(plan.parts), why=found.why)
    return replace(reading, parts=len(plan.parts), contents=found)


_TOO_LONG: Final = Uncountable("the names of its buckets are too long")


def _that_fits(counts: PartCounts) -> PartCounts:
    if len(msgspec.json.encode(counts)) <= JSON_AT_MOST:
        return counts
    return PartCounts(begins=counts.begins, ends=counts.ends, why=_TOO_LONG.why)


def _write(ledger: ManifestLedger, manifest_id: str, reading: Reading, replacing: Reading | None) -> Reading:
    """Write a reading, or return the one that another writer wrote in between.

    Raises:
        LedgerError: It was not written, or what was written instead can't be read.
    """
    try:
        return ledger.write_reading(manifest_id, reading, replacing=replacing)
    except LedgerConflictError:
        found = ledger.reading(manifest_id)
        if found is None:
            raise
        return found
