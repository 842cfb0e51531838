"""One row among ten million names another bucket: it is found, and named in the reason."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from batchgate.jobs.manifest_contents import ManifestContents
from batchgate.jobs.model import Job
from batchgate.manifest.count import BLOCK_BYTES, bytes_of, count
from batchgate.manifest.counts import combine
from batchgate.manifest.plan import Columns, Plan, Source, plan_csv
from batchgate.policy.evaluate import evaluate_job
from batchgate.policy.facts import gather_facts
from batchgate.policy.reason import status_update_reason
from batchgate_cli.authoring import policy_file
from tests.unit.examples import description

ROWS = 10_000_000
ROW = b"lake-prod,key-123456\n"
FOREIGN = b"lake-test,key-123456\n"
POLICY = """
version: 1
policies:
  - name: only-ours
    match: [{operation: S3ComputeObjectChecksum}]
    require: [{source_buckets: {only: lake-prod}}]
"""


def manifest(start: int, end: int, foreign: int) -> Iterator[bytes]:
    """Bytes of the manifest whose row of that number is foreign."""
    block = ROW * (BLOCK_BYTES // len(ROW))
    at = foreign * len(ROW)
    while start < end:
        first = start % len(block)
        piece = bytearray(block[first : first + end - start])
        for place in range(max(start, at), min(start + len(piece), at + len(ROW))):
            piece[place - start] = FOREIGN[place - at]
        yield bytes(piece)
        start += len(piece)


@pytest.mark.parametrize("foreign", [3_195_660, ROWS - 1])
def test_it_is_found_and_named(foreign: int) -> None:
    """Where two ranges meet, and at the end."""
    size = ROWS * len(ROW)
    plan = Plan(Source("manifests", Columns(2, 0, 1)), plan_csv(size))
    assert len(plan.parts) == 4
    counts = [count(part, Columns(2, 0, 1), manifest(*bytes_of(part), foreign)) for part in plan_csv(size)]
    contents = combine(plan, counts)
    assert contents == ManifestContents(ROWS, ROWS, {"lake-prod": ROWS - 1, "lake-test": 1}, None)
    job = Job.from_description(description(ProgressSummary={"TotalNumberOfTasks": ROWS}))
    facts = gather_facts(job, datetime(2026, 3, 1, tzinfo=UTC), contents=contents)
    decision = evaluate_job(policy_file.load_text(POLICY).policies, facts)
    assert decision.verdict.name != "APPROVE"
    assert "lake-test" in status_update_reason(decision)
