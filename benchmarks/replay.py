"""A replay of 10,000 recorded jobs by 100 policies, beside Cloud Custodian's filters over the same jobs.

    python benchmarks/replay.py [--jobs 10000] [--policies 100] [--output table|json]

The jobs are those of docs/examples/replay/quarter.ndjson.gz, again and again under other ids, in the Region and with
the tags that the policies ask about; the policies are those of the realistic workload of `evaluation.py`, and a window
that closes at night, so that jobs are held and followed. The report is written, too. Memory is what a replay of a tenth
of the jobs takes beside one of all, a job. Custodian has all but the window, which it can't express
(`replay_custodian.py`); its filters answer for one instant, where a replay follows each job over its hold.

Exit status: 0 if every goal is reached, 1 if one is not, or the two give different answers.
"""

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

CHECKOUT = Path(__file__).resolve().parents[1]
RECORDING = CHECKOUT / "docs" / "examples" / "replay" / "quarter.ndjson.gz"
GOAL_SECONDS = 20.0
"""Of the processor: by the clock it takes as long where nothing else runs."""

GOAL_BYTES_A_JOB = 16_000
"""A row, and a trace where the job changed; no description of a job is kept."""
NOW = datetime(2026, 10, 1, tzinfo=UTC)


def recording(jobs: int, folder: Path) -> Path:
    """So many jobs."""
    from benchmarks.evaluation_workloads import realistic

    asked_about = realistic(1).job
    lines = gzip.decompress(RECORDING.read_bytes()).decode().splitlines()
    file = folder / "jobs.ndjson"
    with file.open("w", encoding="utf-8") as written:
        for number, line in enumerate(islice(cycle(lines), jobs)):
            document = json.loads(line)
            job = document["Job"]
            job["JobId"] = f"00000000-0000-4000-8000-{number:012}"
            job["JobArn"] = f"arn:aws:s3:{asked_about.region}:123456789012:job/{job['JobId']}"
            tags = {**asked_about.tags, **{each["Key"]: each["Value"] for each in document.get("Tags", ())}}
            document["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
            written.write(json.dumps(document) + "\n")
    return file


def policies(size: int, folder: Path) -> Path:
    """As a team writes them."""
    from benchmarks.evaluation_workloads import realistic

    statements = [
        {
            "name": each.name,
            "match": [{"operation": list(each.operations)}, {"region": list(each.regions)}],
            "require": [{"tags": {each.tag[0]: each.tag[1]}}, {"total_tasks": {"at_most": each.at_most}}],
        }
        for each in realistic(size - 1).policies
    ]
    working_days = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "20:00", "to": "06:00"}
    nights = {"timezone": "Europe/Berlin", "open": [working_days]}
    at_night = {"name": "at-night", "match": [{"total_tasks": {"at_least": 1}}], "require": [{"window": "nights"}]}
    file = folder / "policies.yaml"
    document = {"version": 1, "calendars": {"nights": nights}, "policies": [*statements, at_night]}
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def measure(jobs: int, size: int) -> dict[str, float]:
    """One replay in a process of its own: seconds of the clock and of the processor, and the most memory in bytes."""
    arguments = [sys.executable, __file__, "--once", "--jobs", str(jobs), "--policies", str(size)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, cwd=CHECKOUT)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def once(jobs: int, size: int) -> dict[str, float]:
    """Replay in this process."""
    from batchgate.jobs.model import DateSurvives
    from batchgate_cli.authoring import policy_file
    from batchgate_cli.replay.recording import read_recording
    from batchgate_cli.replay.replaying import recorded_jobs, replay
    from batchgate_cli.replay.report import page

    with TemporaryDirectory() as name:
        folder = Path(name)
        file, loaded = recording(jobs, folder), policy_file.load([policies(size, folder)])
        begun, worked = time.perf_counter(), time.process_time()
        past = recorded_jobs(read_recording(file), DateSurvives.UNKNOWN, NOW)
        result = replay(past, loaded, None, "benchmark")
        replayed = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        (folder / "report.html").write_text(page(result, NOW), encoding="utf-8")
    return {
        "jobs": jobs,
        "seconds": time.perf_counter() - begun,
        "processor_seconds": time.process_time() - worked,
        "bytes": replayed,
    }


def measure_peers(jobs: int, size: int) -> dict[str, dict[str, float]]:
    """Custodian's filters and batchgate's verdicts and reasons over the same jobs, in a process of their own.

    Raises:
        SystemExit: They could not be compared; why is printed.
    """
    with TemporaryDirectory() as name:
        python = CHECKOUT / ".venv-peers" / "bin" / "python"
        command = [str(python), "-m", "benchmarks.replay_custodian", str(recording(jobs, Path(name))), str(size)]
        path = {"PYTHONPATH": str(CHECKOUT / "functions")}
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False, cwd=CHECKOUT, env={**os.environ, **path})
    if done.returncode:
        sys.exit(1)
    found: dict[str, dict[str, float]] = json.loads(done.stdout)
    return found


def main() -> int:
    """Measure, and compare with the goals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--policies", type=int, default=100)
    parser.add_argument("--output", choices=("table", "json"), default="table")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.once:
        print(json.dumps(once(asked.jobs, asked.policies)))
        return 0
    few, all_jobs = measure(asked.jobs // 10, asked.policies), measure(asked.jobs, asked.policies)
    peers = measure_peers(asked.jobs, asked.policies - 1)
    custodian = peers["custodian"]["processor_seconds"]
    a_job = (all_jobs["bytes"] - few["bytes"]) / (all_jobs["jobs"] - few["jobs"])
    met = {"processor_seconds": all_jobs["processor_seconds"] <= GOAL_SECONDS, "bytes_a_job": a_job <= GOAL_BYTES_A_JOB}
    if asked.output == "json":
        print(json.dumps({**all_jobs, **peers, "policies": asked.policies, "bytes_a_job": a_job, "met": met}))
    else:
        print(f"replay of {asked.jobs:,} jobs by {asked.policies} policies, with its report")
        seconds, worked = all_jobs["seconds"], all_jobs["processor_seconds"]
        print(f"  {worked:.1f} s of one processor (goal {GOAL_SECONDS:.0f} s), {seconds:.1f} s by the clock")
        print(f"  {all_jobs['bytes'] / 1e6:.0f} MB at most, {a_job:,.0f} bytes a job (goal {GOAL_BYTES_A_JOB:,})")
        decisions = peers["decisions"]["processor_seconds"]
        print(f"  {worked / custodian:.2f} of the {custodian:.1f} s of Cloud Custodian's filters over the same jobs")
        print(f"  batchgate's verdicts and reasons alone: {decisions / custodian:.2f} of them ({decisions:.1f} s)")
    return 0 if all(met.values()) else 1


if __name__ == "__main__":
    sys.path.insert(0, str(CHECKOUT))
    sys.exit(main())
