"""What is in a manifest: a small one is read by the review, others by an execution, each once."""

import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from batchgate.errors import LedgerConflictError, ManifestsApiError
from batchgate.gate.manifest_reading import (
    PARTS_AT_MOST,
    ManifestReadings,
    Reading,
    ReadingRequest,
    ReadingSteps,
    read_here,
)
from batchgate.jobs.manifest_contents import ManifestContents
from batchgate.jobs.model import Job, JobRef
from batchgate.jobs.named_manifest import NamedManifest
from batchgate.manifest.counts import PartCounts, combine
from batchgate.manifest.plan import Columns, CsvRange, Part, Plan, Source
from batchgate.policy.facts import Gap, Result, named_manifest
from batchgate_cli.local.memory_manifests import MemoryManifestReader
from tests.flow.stage import Stage

RANGE = 50
"""Bytes: five rows of ten."""


def large(stage: Stage, rows: int = 20) -> JobRef:
    """A job whose manifest takes several ranges."""
    return stage.create(rows=rows)


def job_of(stage: Stage, ref: JobRef) -> Job:
    """The job as S3 describes it."""
    return stage.s3control.describe(ref)


def contents(stage: Stage, ref: JobRef) -> ManifestContents | Gap:
    """What the gate knows now."""
    return stage.manifests.contents(job_of(stage, ref))


def reading(stage: Stage, ref: JobRef) -> Reading:
    """What the ledger knows now."""
    found = stage.reading_steps.ledger.reading(manifest(stage, ref).id)
    assert found is not None
    return found


def manifest(stage: Stage, ref: JobRef) -> NamedManifest:
    """The manifest that a job names."""
    named = named_manifest(job_of(stage, ref))
    assert isinstance(named, NamedManifest)
    return named


@pytest.fixture
def ranged() -> Stage:
    """A gate for which a range is small."""
    return Stage(range_bytes=RANGE)


class Troubled:
    """A reader that fails for some parts as often as it is told."""

    def __init__(self, reader: MemoryManifestReader) -> None:
        """Before another reader."""
        self.reader = reader
        self.fails: dict[int, int] = {}
        self.before: Callable[[int], object] = lambda start: None
        self.read: list[int] = []

    def size(self, job: Job) -> int | Gap:
        """As the reader."""
        return self.reader.size(job)

    def plan(self, named: NamedManifest) -> Any:
        """As the reader."""
        return self.reader.plan(named)

    def count(self, plan: Plan, part: Part) -> PartCounts | Gap:
        """As the reader, or not at all."""
        assert isinstance(part, CsvRange)
        self.before(part.start)
        if self.fails.get(part.start, 0):
            self.fails[part.start] -= 1
            raise ManifestsApiError("GetObject: SlowDown")
        self.read.append(part.start)
        return self.reader.count(plan, part)


def troubled(stage: Stage) -> tuple[Troubled, ReadingSteps]:
    """A reader that can fail, and the steps that read with it."""
    reader = Troubled(MemoryManifestReader(stage.objects, RANGE))
    return reader, ReadingSteps(reader, stage.reading_steps.ledger, stage.clock)


def begun(stage: Stage, ref: JobRef) -> ReadingRequest:
    """Begin the reading of a job's manifest."""
    assert isinstance(contents(stage, ref), Gap)
    return list(stage.machine.started.values())[-1]


def test_one_range_is_read_at_once_and_only_once(stage: Stage) -> None:
    """A second job with the same manifest reads nothing: what is in it is kept."""
    ref = stage.create(rows=3)
    assert contents(stage, ref) == ManifestContents(3, 3, {"data": 3}, None)
    stage.objects.delete("manifests", "3.csv")
    assert contents(stage, ref) == ManifestContents(3, 3, {"data": 3}, None)
    assert stage.machine.started == {}


def test_a_large_manifest_is_unknown_until_it_is_read(ranged: Stage) -> None:
    """The same as if it were read in one piece."""
    ref = large(ranged)
    found = contents(ranged, ref)
    assert isinstance(found, Gap)
    assert (found.result, found.why) == (Result.UNKNOWN, "its manifest is being read since 2026-01-01 00:00 UTC")
    [request] = ranged.machine.run(ranged.reading_steps)
    assert request.job_arn == ref.arn
    whole = read_here(manifest(ranged, ref), MemoryManifestReader(ranged.objects))
    assert contents(ranged, ref) == whole == ManifestContents(20, 20, {"data": 20}, None)
    assert reading(ranged, ref).parts == ranged.reading_steps.ledger.parts_read(manifest(ranged, ref).id)


def test_however_many_reviews_there_are_it_is_read_once(ranged: Stage) -> None:
    """Of one job or of several with the same manifest: the execution has one name, which a name's rules admit."""
    first, second = large(ranged), large(ranged)
    for ref in (first, second, first, second):
        contents(ranged, ref)
    [name] = ranged.machine.started
    assert len(name) <= 80
    assert name.replace("-", "").isalnum()
    assert len(ranged.machine.run(ranged.reading_steps)) == 1
    assert contents(ranged, first) == contents(ranged, second) == ManifestContents(20, 20, {"data": 20}, None)


def test_people_are_told_how_many_parts_are_read(ranged: Stage) -> None:
    """As soon as it is known how many there are; and only they, for it takes a call."""
    ref = large(ranged)
    readings = replace(ranged.manifests.readings, counts_parts=True)
    request = begun(ranged, ref)

    def why() -> str:
        found = readings.contents(job_of(ranged, ref))
        assert isinstance(found, Gap)
        return found.why

    assert why() == "its manifest is being read since 2026-01-01 00:00 UTC"
    parts = ranged.reading_steps.plan(request)
    for number in range(2):
        ranged.reading_steps.count(request, number)
    assert why() == f"its manifest is being read: 2 of {parts} parts, since 2026-01-01 00:00 UTC"
    assert contents(ranged, ref) == Gap(Result.UNKNOWN, "its manifest is being read since 2026-01-01 00:00 UTC")


def test_a_review_that_was_cut_off_before_the_start_is_made_up_for(ranged: Stage) -> None:
    """The reading has begun, nothing reads: the next review starts the same execution."""
    ref = large(ranged)
    contents(ranged, ref)
    ranged.machine.started.clear()
    contents(ranged, ref)
    assert [request.attempt for request in ranged.machine.run(ranged.reading_steps)] == [1]
    assert isinstance(contents(ranged, ref), ManifestContents)


def test_a_step_that_is_made_twice_changes_nothing(ranged: Stage) -> None:
    """Step Functions may invoke a function twice, also late, and the parts in any order."""
    ref = large(ranged)
    request = begun(ranged, ref)
    steps = ranged.reading_steps
    parts = steps.plan(request)
    for number in [*reversed(range(parts)), *range(parts)]:
        steps.count(request, number)
        assert steps.plan(request) == parts
    steps.combine(request)
    ended = reading(ranged, ref)
    steps.combine(request)
    assert steps.plan(request) == 0
    steps.count(request, 0)
    assert not steps.give_up(request, "States.Timeout")
    assert reading(ranged, ref) == ended


def test_a_part_is_read_again_where_it_failed_and_nowhere_else(ranged: Stage) -> None:
    """The step raises, so Step Functions makes it again."""
    request = begun(ranged, large(ranged))
    reader, steps = troubled(ranged)
    reader.fails[RANGE] = 2
    for number in range(steps.plan(request)):
        for _ in range(2 if number == 1 else 0):
            with pytest.raises(ManifestsApiError):
                steps.count(request, number)
        steps.count(request, number)
    assert sorted(reader.read) == sorted(set(reader.read))
    steps.combine(request)
    [kept] = ranged.reading_steps.ledger.readings.values()  # type: ignore[attr-defined]
    assert kept.contents == ManifestContents(20, 20, {"data": 20}, None)


def test_parts_that_are_missing_are_no_contents(ranged: Stage) -> None:
    """Whichever is missing: the step fails, and nothing is kept."""
    ref = large(ranged)
    request = begun(ranged, ref)
    steps = ranged.reading_steps
    parts = steps.plan(request)
    assert parts > 2
    for missing in range(parts):
        steps.ledger.counts.clear()  # type: ignore[attr-defined]
        for number in range(parts):
            if number != missing:
                steps.count(request, number)
        with pytest.raises(ManifestsApiError, match=f"part {missing} of {parts} was not read"):
            steps.combine(request)
        assert reading(ranged, ref).is_running


def test_a_reading_that_failed_is_unmeasurable_until_the_next_attempt(ranged: Stage) -> None:
    """After an hour, two, four, and at most a day; with the parts that were read before."""
    ref = large(ranged)
    reader, steps = troubled(ranged)
    for attempt, hours in enumerate((1, 2, 4, 8, 16, 24, 24), 1):
        request = begun(ranged, ref)
        assert request.attempt == attempt
        steps.plan(request)
        steps.count(request, attempt % 3)
        assert steps.give_up(request, "Sandbox.Timedout")
        gap = Gap(Result.UNMEASURABLE, "reading its manifest failed (Sandbox.Timedout)")
        assert contents(ranged, ref) == gap
        ranged.advance(hours=hours, seconds=-1)
        assert contents(ranged, ref) == gap
        ranged.advance(seconds=1)
    assert len(set(reader.read)) == len(reader.read) == 3
    contents(ranged, ref)
    assert len(set(ranged.machine.started)) == 8


def test_an_execution_that_ended_without_a_word_is_a_failure(ranged: Stage) -> None:
    """It timed out, or its last step could not write: after its time nothing runs any more."""
    ref = large(ranged)
    request = begun(ranged, ref)
    ranged.advance(hours=6, minutes=4)
    assert contents(ranged, ref) == Gap(Result.UNKNOWN, "its manifest is being read since 2026-01-01 00:00 UTC")
    ranged.advance(minutes=1)
    assert contents(ranged, ref) == Gap(Result.UNMEASURABLE, "reading its manifest did not end in time")
    assert ranged.reading_steps.plan(request) == 0
    ranged.advance(hours=1)
    assert begun(ranged, ref).attempt == 2


def test_a_step_of_an_attempt_that_was_given_up_writes_nothing(ranged: Stage) -> None:
    """A worker that comes back from the dead, after another attempt began."""
    ref = large(ranged)
    old = begun(ranged, ref)
    ranged.reading_steps.give_up(old, "States.Timeout")
    ranged.advance(hours=1)
    contents(ranged, ref)
    running = reading(ranged, ref)
    assert running.attempt == 2
    ranged.reading_steps.count(old, 0)
    ranged.reading_steps.combine(old)
    assert not ranged.reading_steps.give_up(old, "States.Timeout")
    assert reading(ranged, ref) == running


@pytest.mark.parametrize("when", ["before the plan", "between two parts", "before they are combined"])
def test_a_manifest_that_is_replaced_meanwhile_is_unmeasurable(ranged: Stage, when: str) -> None:
    """Whenever it happens; and another attempt begins only once it is the job's manifest again."""
    ref = large(ranged)
    request = begun(ranged, ref)
    steps = ranged.reading_steps

    def replace_now(at: str) -> None:
        if when == at:
            ranged.objects.put("manifests", "20.csv", b"other,key\n")

    replace_now("before the plan")
    for number in range(steps.plan(request)):
        if number == 1:
            replace_now("between two parts")
        steps.count(request, number)
    replace_now("before they are combined")
    steps.combine(request)
    another = Gap(Result.UNMEASURABLE, "the manifest is another by now")
    assert contents(ranged, ref) == another
    ranged.advance(hours=1)
    assert contents(ranged, ref) == another
    assert len(ranged.machine.started) == 1


def test_a_part_that_ends_the_reading_spares_the_others(ranged: Stage) -> None:
    """The manifest is another by now: no other part is read."""
    ref = large(ranged)
    request = begun(ranged, ref)
    reader, steps = troubled(ranged)
    parts = steps.plan(request)
    ranged.objects.put("manifests", "20.csv", b"other,key\n")
    for number in range(parts):
        steps.count(request, number)
    assert reader.read == []


def test_a_part_that_can_not_be_had_ends_the_reading(ranged: Stage) -> None:
    """The plan was possible, and the object was deleted just before its bytes were asked for."""
    ref = large(ranged)
    request = begun(ranged, ref)
    reader, steps = troubled(ranged)
    steps.plan(request)
    reader.before = lambda _start: ranged.objects.delete("manifests", "20.csv")
    steps.count(request, 1)
    assert contents(ranged, ref) == Gap(Result.UNMEASURABLE, "the manifest is not there")
    assert reading(ranged, ref).again_at is not None


def test_a_plan_that_is_impossible_ends_the_reading_for_good(ranged: Stage) -> None:
    """As by another version of the function than the one that began it."""
    etag = ranged.objects.put("manifests", "odd.csv", b"data,key\n" * 20)
    odd = NamedManifest("manifests", "odd.csv", etag, "", "S3BatchOperations_CSV_20180820", ("Bucket",))
    ledger, now = ranged.reading_steps.ledger, ranged.clock.now()
    ledger.write_reading(odd.id, Reading(1, now, now + timedelta(hours=6)), replacing=None)
    assert ranged.reading_steps.plan(ReadingRequest(odd, 1, "arn")) == 0
    ended = ledger.reading(odd.id)
    assert ended is not None
    assert not ended.is_running
    assert ended.again_at is None


def test_what_can_not_be_counted_stays_so(stage: Stage) -> None:
    """The bytes are the same in an hour and in a year: no other attempt is made."""
    ref = stage.create(rows=2)
    body = b"data,key\ndata,key,more\n"
    named = NamedManifest("manifests", "odd.csv", stage.objects.put("manifests", "odd.csv", body))
    job = job_of(stage, ref)
    location = {"ObjectArn": "arn:aws:s3:::manifests/odd.csv", "ETag": named.etag}
    odd = Job(
        **{name: getattr(job, name) for name in job.__struct_fields__}
        | {"manifest": {**(job.manifest or {}), "Location": location}}
    )
    found = stage.manifests.contents(odd)
    assert isinstance(found, Gap)
    assert found.result is Result.UNMEASURABLE
    stage.objects.delete("manifests", "odd.csv")
    stage.advance(days=365)
    assert stage.manifests.contents(odd) == found


def test_more_bytes_than_a_team_is_ready_to_read_are_not_read() -> None:
    """The reason has both numbers."""
    stage = Stage(range_bytes=RANGE, bytes_at_most=100)
    ref = large(stage)
    found = contents(stage, ref)
    assert isinstance(found, Gap)
    assert found == Gap(Result.UNMEASURABLE, "its manifest has 210 bytes, more than the 100 that are read")
    assert stage.machine.started == {}


def test_more_parts_than_can_be_passed_on_are_not_read() -> None:
    """Their numbers would not fit into what Step Functions passes on."""
    stage = Stage(range_bytes=1, bytes_at_most=10**9)
    rows = PARTS_AT_MOST // 10 + 1000
    ref = large(stage, rows)
    found = contents(stage, ref)
    assert found == Gap(Result.UNMEASURABLE, f"its manifest has more than {PARTS_AT_MOST} parts")
    assert stage.machine.started == {}


def test_nothing_deployed_reads_large_manifests(ranged: Stage) -> None:
    """As in a gate without manifest buckets."""
    readings = ManifestReadings(
        MemoryManifestReader(ranged.objects, RANGE), ranged.reading_steps.ledger, ranged.clock, 10**9
    )
    found = readings.contents(job_of(ranged, large(ranged)))
    assert found == Gap(
        Result.UNMEASURABLE, "its manifest is larger than a review reads, and nothing is deployed that reads more"
    )


def test_an_end_that_another_step_overtook_is_written_all_the_same(ranged: Stage) -> None:
    """A planning step that is made again writes between the last step's reading and its writing."""
    ref = large(ranged)
    request = begun(ranged, ref)
    reader, steps = troubled(ranged)
    for number in range(steps.plan(request)):
        steps.count(request, number)
    ledger = ranged.reading_steps.ledger
    write = type(ledger).write_reading
    done: list[int] = []

    class Overtaken(type(ledger)):  # type: ignore[misc]
        def write_reading(self, manifest_id: str, reading: Reading, *, replacing: Reading | None) -> Reading:
            if not done and not reading.is_running:
                done.append(ranged.reading_steps.plan(request))
                raise LedgerConflictError("another wrote first")
            return write(ledger, manifest_id, reading, replacing=replacing)

    overtaken = Overtaken(ledger.readings, ledger.counts)  # type: ignore[attr-defined]
    ReadingSteps(reader, overtaken, ranged.clock).combine(request)
    assert done
    assert isinstance(contents(ranged, ref), ManifestContents)


@given(
    rows=st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"").replace(b"\r", b"")), max_size=40),
    range_bytes=st.integers(1, 40),
)
@settings(deadline=timedelta(seconds=2))
def test_any_manifest_is_read_in_parts_as_it_is_read_in_one(rows: list[bytes], range_bytes: int) -> None:
    """Whatever its bytes: the same contents, or unmeasurable; never other contents."""
    stage = Stage(range_bytes=range_bytes)
    body = b"".join(b"data," + row + b"\n" for row in rows)
    etag = stage.objects.put("manifests", "any.csv", body)
    named = NamedManifest("manifests", "any.csv", etag, "", "S3BatchOperations_CSV_20180820", ("Bucket", "Key"))
    whole = read_here(named, MemoryManifestReader(stage.objects))
    in_parts = read_here(named, MemoryManifestReader(stage.objects, range_bytes))
    if isinstance(in_parts, ManifestContents):
        assert in_parts == whole
    else:
        assert in_parts.result is Result.UNMEASURABLE


# --- Decisions by what is in a manifest -----------------------------------------------------------------

ONLY_DATA = """
version: 1
cancel_grace: 0s
policies:
  - name: only-data
    match: [{operation: S3PutObjectTagging}]
    require:
      - source_buckets: {only: [data]}
        on_violation: cancel
"""


def waiting(stage: Stage, rows: int = 20, *foreign: str) -> JobRef:
    """A job with a manifest of several ranges, the last rows of which name other buckets."""
    body = "".join(f"data,key{row}\n" for row in range(rows - len(foreign)))
    body += "".join(f"{bucket},key\n" for bucket in foreign)
    etag = stage.objects.put("manifests", "named.csv", body.encode())
    spec = {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]}
    location = {"ObjectArn": "arn:aws:s3:::manifests/named.csv", "ETag": etag}
    return stage.create(Manifest={"Spec": spec, "Location": location})


@pytest.mark.parametrize("by", ["event", "sweep"])
def test_a_job_waits_for_its_manifest_and_is_then_decided(by: str) -> None:
    """However often it is reviewed meanwhile, nothing is written about it; then its last row counts, too."""
    stage = Stage(ONLY_DATA, range_bytes=RANGE)
    ref = waiting(stage, 21, "payments")

    def review() -> str:
        if by == "event":
            return str(stage.review(ref).action)
        [action] = stage.sweep().did
        return action

    for _ in range(3):
        assert review() == "waiting"
        assert stage.status(ref) == "Suspended"
    assert stage.recorded == []
    assert [request.job_arn for request in stage.machine.run(stage.reading_steps)] == [ref.arn]
    assert review() == "cancelled"
    assert "payments" in (job_of(stage, ref).status_update_reason or "")


def test_a_job_of_our_buckets_alone_is_approved() -> None:
    """Of one range at once, of several once they are read."""
    stage = Stage(ONLY_DATA, range_bytes=RANGE)
    small, large = stage.create(rows=2), waiting(stage)
    assert stage.review(small).action == "approved"
    assert stage.review(large).action == "waiting"
    stage.machine.run(stage.reading_steps)
    assert stage.review(large).action == "approved"


def test_a_job_that_was_held_waits_as_well_and_is_decided_after() -> None:
    """Its manifest could not be read; another attempt reads it, and the sweep decides."""
    stage = Stage(ONLY_DATA, range_bytes=RANGE)
    ref = waiting(stage)
    stage.review(ref)
    [request] = stage.machine.started.values()
    stage.reading_steps.give_up(request, "States.Timeout")
    held = stage.review(ref)
    assert held.action == "held"
    assert "reading its manifest failed (States.Timeout)" in held.reason
    stage.advance(hours=1)
    assert stage.sweep().did == {"waiting": 1}
    stage.machine.run(stage.reading_steps)
    assert stage.sweep().did == {"approved": 1}
    assert stage.status(ref) == "Ready"


def test_other_rows_than_s3_counts_hold_the_job_and_are_reported(stage: Stage) -> None:
    """One of the two counts is wrong: nothing is decided by either."""
    stage.enforce(ONLY_DATA)
    ref = stage.create(rows=3)
    ledger = stage.reading_steps.ledger
    now = stage.clock.now()
    counted = ManifestContents(4, 4, {"data": 4}, None)
    ledger.write_reading(manifest(stage, ref).id, Reading(1, now, now, 1, counted), replacing=None)
    review = stage.review(ref)
    assert (review.action, review.rows_differ) == ("held", True)
    assert "its rows are 4, S3 counts 3 tasks" in review.reason


def test_no_manifest_is_read_unless_a_policy_asks(stage: Stage) -> None:
    """Nor for a job that is past being decided."""
    stage.review(stage.create(rows=2))
    assert "contents" not in stage.script.effects
    stage.enforce(ONLY_DATA)
    ref = stage.create(rows=3)
    stage.review(ref)
    assert stage.script.effects.count("contents") == 1
    stage.review(ref)
    assert stage.script.effects.count("contents") == 1


def test_many_parts_with_the_most_buckets_are_combined_in_little_memory() -> None:
    """Part after part, as the ledger gives them: what is kept of all is what is kept of one."""
    many = 500
    buckets = {f"bucket-{number:04}": 1 for number in range(1000)}
    parts = tuple(CsvRange(number, number + 1, many) for number in range(many))
    plan = Plan(Source("manifests", Columns(2, 0, 1), "k", "e"), parts)
    given = 0

    def counts() -> Iterator[PartCounts]:
        nonlocal given
        for number in range(many):
            given = number
            yield PartCounts(1000, 1000, dict(buckets), None, number, number + 1)

    tracemalloc.start()
    try:
        found = combine(plan, counts())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert given == many - 1
    assert found == ManifestContents(1000 * many, 1000 * many, dict.fromkeys(buckets, many), None)
    assert peak < 1_000_000
