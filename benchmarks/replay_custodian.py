"""What `replay.py` compares a replay with: Cloud Custodian's filters, and bare decisions, over the same recorded jobs.

    PYTHONPATH=functions .venv-peers/bin/python -m benchmarks.replay_custodian RECORDING POLICIES

Custodian gets the policies of the realistic workload of `evaluation.py`, in their fastest form: the filter objects
alone. It answers which policies each job satisfies; it knows no windows, follows no job over its hold, and writes no
report. Its answers on the first jobs must be batchgate's. Prints one JSON document.
"""

import json
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from benchmarks.evaluation_engines import Batchgate, CustodianFilters, Engine
from benchmarks.evaluation_workloads import BenchedJob, realistic

COMPARED = 500


def recorded_jobs(file: Path) -> Iterator[BenchedJob]:
    """The jobs of a recording, as far as the policies look at them."""
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            document = json.loads(line)
            job = document["Job"]
            [operation] = job["Operation"]
            region = job["JobArn"].split(":")[3]
            tags = {each["Key"]: each["Value"] for each in document["Tags"]}
            yield BenchedJob(operation, region, tags, job["ProgressSummary"]["TotalNumberOfTasks"])


def timed(engine: Engine, file: Path) -> dict[str, float]:
    """Seconds of the clock and of the processor for all jobs, with the reading of the file."""
    begun, worked = time.perf_counter(), time.process_time()
    for job in recorded_jobs(file):
        engine.decision_on(job)()
    return {"seconds": time.perf_counter() - begun, "processor_seconds": time.process_time() - worked}


def main(file: Path, size: int) -> int:
    """Measure; exit status 1 where the two disagree, and their times can't be compared."""
    workload = realistic(size)
    custodian, batchgate = CustodianFilters(workload), Batchgate(workload)
    for job in islice(recorded_jobs(file), COMPARED):
        if custodian.satisfied_by(job) != batchgate.satisfied_by(job):
            print(f"replay: Custodian and batchgate disagree on {job}", file=sys.stderr)
            return 1
    measured = {"custodian": timed(custodian, file), "decisions": timed(batchgate, file)}
    print(json.dumps(measured))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
