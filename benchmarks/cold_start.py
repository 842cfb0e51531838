"""The built asset's cold start and warm decision beside a bare boto3 function that makes the same calls.

    python benchmarks/cold_start.py [--runs 15] [--latency 20] [--output table|json]

Every start is a fresh process of Lambda's Python that sees the standard library, Lambda's runtime client and one side:
the asset as it is deployed, or boto3 with all its data, bytecode and one file. Calls go over TLS to this process.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from cold_start_network import ACCOUNT, COLD_CALLS, HOSTS, REGION, WARM_CALLS, Network

from batchgate_cli.authoring import policy_file
from infra.gate_asset import CHECKOUT, LAMBDA_PYTHON, build_asset, compile_bytecode, find_python
from infra.settings import Architecture

HERE = Path(__file__).resolve().parent
COLD_GOAL = 0.85
WARM_GOAL = 1.15
WARM_DECISIONS = 10
SIDES = {"gate": "batchgate.handlers.job_event.handler", "bare": "cold_start_bare.handler"}
RUNTIME_PACKAGES = frozenset({"awslambdaric", "simplejson", "snapshot-restore-py"})
BARE_PACKAGES = frozenset({"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"})
ROUND_TRIPS = len(WARM_CALLS) - 1
"""On the critical path of a warm decision: describe and tags are asked for at once."""

POLICY = """
version: 1
calendars:
  nights: {timezone: Europe/Berlin, open: [{days: [mon, tue, wed, thu, fri], from: "22:00", to: "06:00"}]}
guardrails:
  - name: restores
    match: [{operation: S3InitiateRestoreObject}]
    require: [{operation_parameters: {S3InitiateRestoreObject.GlacierJobTier: BULK}, on_violation: cancel}]
  - name: retention
    match: [{operation: [S3PutObjectRetention, S3PutObjectLegalHold]}]
    require: [{manual_approval: required}]
policies:
  - name: small
    match: [{operation: S3PutObjectTagging}]
    require: [{total_tasks: {at_most: 1_000}}, {tags: {team: {present: true}}, message: every job names its team}]
  - {name: checksums, match: [{operation: S3ComputeObjectChecksum}], require: []}
  - {name: copies, match: [{operation: S3PutObjectCopy}], require: [{window: nights}]}
  - {name: removal, match: [{operation: S3DeleteObjectTagging}], require: [{total_tasks: {at_most: 100}}]}
  - {name: access, match: [{operation: S3PutObjectAcl}], require: [{manual_approval: required}]}
  - {name: replication, match: [{operation: S3ReplicateObject}], require: [{priority: {at_most: 100}}]}
  - {name: encryption, match: [{operation: S3UpdateObjectEncryption}], require: [{window: nights}]}
  - {name: restoring, match: [{operation: S3InitiateRestoreObject}], require: [{total_tasks: {at_most: 10_000}}]}
"""
"""Ten, of which one governs the job."""


@dataclass
class Samples:
    """What one side's processes said.

    Attributes:
        cold_ms: From the import of the handler's module to the end of the first decision.
        processor_ms: The processor's time for the same.
        warm_ms: Each later decision.
        warm_processor_ms: The processor's time for the same.
        peak_mb: The most memory that was resident in each process.
        connections: That each process opened.
    """

    cold_ms: list[float] = field(default_factory=list)
    processor_ms: list[float] = field(default_factory=list)
    warm_ms: list[float] = field(default_factory=list)
    warm_processor_ms: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    connections: list[int] = field(default_factory=list)


@dataclass
class Bench:
    """The two sides, made ready in one directory."""

    root: Path
    python: str
    network: Network

    def run(self, side: str, decisions: int) -> dict[str, Any]:
        """One fresh process; every call that it should make was made, and it loaded nothing from elsewhere."""
        self.network.heard()
        command = [self.python, "-I", "-S", str(HERE / "cold_start_process.py"), str(self.root / "runtime")]
        done = subprocess.run(
            [*command, str(self.root / side), SIDES[side], str(decisions)],
            input=event(),
            capture_output=True,
            text=True,
            check=False,
            env=self._environment(),
            cwd=self.root,
        )
        if done.returncode:
            raise SystemExit(f"{side}: the process failed\n{done.stdout}\n{done.stderr}")
        asked, connections = self.network.heard()
        calls = Counter(asked)
        expected = Counter(COLD_CALLS) + Counter(WARM_CALLS * (decisions - 1))
        if calls != expected:
            raise SystemExit(
                f"{side}: other calls than expected: {calls - expected}, {expected - calls}\n{done.stdout}"
            )
        said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        modules = [Path(each) for each in said.pop("modules") if each]
        strange = [each for each in modules if not each.is_relative_to(self.root) and "site-packages" in each.parts]
        if strange:
            raise SystemExit(f"{side}: loaded from elsewhere: {strange}")
        return said | {"connections": connections}

    def _environment(self) -> dict[str, str]:
        """Lambda's, and the gate's settings."""
        return {
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "token" * 100,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_FUNCTION_NAME": "gate",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
            "LAMBDA_TASK_ROOT": "/var/task",
            "HOME": str(self.root / "home"),
            "LANG": "en_US.UTF-8",
            "PATH": os.defpath,
            "TZ": ":UTC",
            "AWS_CA_BUNDLE": str(self.root / "bundle.pem"),
            "HTTPS_PROXY": self.network.url,
            "BATCHGATE_APPCONFIG": "gate/live/policies",
            "BATCHGATE_EVENT_BUS": "default",
            "BATCHGATE_LEDGER_TABLE": "ledger",
            "POWERTOOLS_METRICS_NAMESPACE": "batchgate",
            "POWERTOOLS_SERVICE_NAME": "batchgate",
        }


def event() -> str:
    """One record of the queue, about JOB_ID."""
    said = json.loads((CHECKOUT / "tests" / "recorded" / "events" / "job_suspended.json").read_text("utf-8"))
    said["detail"]["serviceEventDetails"] |= {"jobId": "JOB_ID", "jobArn": f"arn:aws:s3:{REGION}:{ACCOUNT}:job/JOB_ID"}
    record = {
        "messageId": "m",
        "receiptHandle": "r",
        "body": json.dumps(said),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1767225600000"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs",
        "awsRegion": REGION,
    }
    return json.dumps({"Records": [record]})


# --- Making both sides ready ------------------------------------------------------------------------


def prepare(root: Path, python: str) -> None:
    """Fill `root`: the asset in gate/, boto3 and its one file in bare/, Lambda's in runtime/, certificates."""
    gate, packages = root / "gate", root / "packages"
    gate.mkdir()
    build_asset(gate, architecture=Architecture.ARM64 if platform.machine() == "aarch64" else Architecture.X86_64)
    requirements = CHECKOUT / "requirements" / "cold-start.txt"
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--system-certs", "--link-mode", "copy"]
    install += ["--target", str(packages), "--python-version", ".".join(map(str, LAMBDA_PYTHON)), "--require-hashes"]
    subprocess.run([*install, "--only-binary", ":all:", "--requirement", str(requirements)], check=True)
    _move(packages, RUNTIME_PACKAGES, root / "runtime")
    _move(packages, BARE_PACKAGES, root / "bare")
    shutil.copy(HERE / "cold_start_bare.py", root / "bare")
    for made in ("runtime", "bare"):
        compile_bytecode(root / made, python)
    subprocess.run(
        [python, "-m", "trustme", "--quiet", "--dir", str(root), "--identities", *HOSTS],
        env={"PYTHONPATH": str(packages)},
        check=True,
    )
    every_root = (root / "bare" / "botocore" / "cacert.pem").read_text("ascii")
    (root / "bundle.pem").write_text(every_root + (root / "client.pem").read_text("ascii"), "ascii")


def _move(packages: Path, names: frozenset[str], to: Path) -> None:
    """Put distributions into a directory of their own."""
    to.mkdir()
    found = [each for each in distributions(path=[str(packages)]) if each.name in names]
    assert {each.name for each in found} == names, sorted(each.name for each in found)
    for top in {Path(str(path)).parts[0] for each in found for path in each.files or ()} - {"..", "bin", "__pycache__"}:
        shutil.move(packages / top, to / top)


def sizes(directory: Path) -> tuple[float, float]:
    """Megabytes of an asset zipped, as Lambda takes it, and unzipped."""
    files = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    zipped = directory.parent / f"{directory.name}.zip"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(directory))
    return zipped.stat().st_size / 1e6, sum(path.stat().st_size for path in files) / 1e6


# --- Measuring --------------------------------------------------------------------------------------


def measure(bench: Bench, runs: int, latency_ms: float, decisions: int) -> dict[str, Samples]:
    """Both sides in turn, each first every other time; the first start of each is not counted."""
    bench.network.latency = latency_ms / 1000
    found = {side: Samples() for side in SIDES}
    for side in SIDES:
        bench.run(side, decisions)
    for number in range(runs):
        for side in sorted(SIDES, reverse=bool(number % 2)):
            said = bench.run(side, decisions)
            samples = found[side]
            samples.cold_ms.append(said["cold_ms"])
            samples.processor_ms.append(said["processor_ms"])
            samples.warm_ms += said["warm_ms"]
            samples.warm_processor_ms += said["warm_processor_ms"]
            samples.peak_mb.append(said["peak_mb"])
            samples.connections.append(said["connections"])
    return found


def ratio(gate: Iterable[float], bare: Iterable[float]) -> float:
    """The middle one of the ratios of neighbours."""
    return round(statistics.median(a / b for a, b in zip(gate, bare, strict=True)), 3)


def report(bench: Bench, runs: int, latency_ms: float) -> dict[str, Any]:
    """Everything that was measured, in milliseconds and megabytes."""
    near = measure(bench, runs, 0, 1)
    far = measure(bench, runs, latency_ms, 1 + WARM_DECISIONS)
    critical_path_ms = ROUND_TRIPS * latency_ms
    found: dict[str, Any] = {"runs": runs, "latency_ms": latency_ms}
    for side in SIDES:
        zipped, unzipped = sizes(bench.root / side)
        found[side] = {
            "cold_ms": round(statistics.median(near[side].cold_ms), 1),
            "cold_processor_ms": round(statistics.median(near[side].processor_ms), 1),
            "cold_with_latency_ms": round(statistics.median(far[side].cold_ms), 1),
            "warm_ms": round(statistics.median(far[side].warm_ms), 1),
            "warm_processor_ms": round(statistics.median(far[side].warm_processor_ms), 1),
            "connections": max(near[side].connections),
            "peak_mb": round(max(near[side].peak_mb + far[side].peak_mb), 1),
            "zipped_mb": round(zipped, 2),
            "unzipped_mb": round(unzipped, 1),
        }
    gate, bare = near["gate"], near["bare"]
    found["cold_ratio"] = ratio(gate.cold_ms, bare.cold_ms)
    found["cold_processor_ratio"] = ratio(gate.processor_ms, bare.processor_ms)
    found["cold_with_latency_ratio"] = ratio(far["gate"].cold_ms, far["bare"].cold_ms)
    found["critical_path_ms"] = critical_path_ms
    found["warm_ratio"] = round(statistics.median(far["gate"].warm_ms) / critical_path_ms, 3)
    bare_path_ms = len(WARM_CALLS) * latency_ms
    found["warm_ratio_of_bare"] = round(statistics.median(far["bare"].warm_ms) / bare_path_ms, 3)
    found["cold_goal"], found["warm_goal"] = COLD_GOAL, WARM_GOAL
    found["met"] = found["cold_ratio"] <= COLD_GOAL and found["warm_ratio"] <= WARM_GOAL
    return found


def table(found: dict[str, Any]) -> str:
    """The same for people."""
    latency = f"{found['latency_ms']:g} ms a call"
    rows = [
        ("import to the end of the first decision, ms", "cold_ms", "cold_ratio"),
        ("  the processor's time in it, ms", "cold_processor_ms", "cold_processor_ratio"),
        (f"  the same at {latency}, ms", "cold_with_latency_ms", "cold_with_latency_ratio"),
        (f"a later decision at {latency}, ms", "warm_ms", ""),
        ("  the processor's time in it, ms", "warm_processor_ms", ""),
        ("TLS connections of the first decision", "connections", ""),
        ("memory at its most, MB", "peak_mb", ""),
        ("asset zipped, MB", "zipped_mb", ""),
        ("asset unzipped, MB", "unzipped_mb", ""),
    ]
    lines = [
        f"The asset beside a bare boto3 function that makes the same calls; {found['runs']} runs, medians",
        f"  {'':44}{'batchgate':>10}{'boto3':>10}{'ratio':>8}",
    ]
    for words, name, of in rows:
        gate, bare = found["gate"][name], found["bare"][name]
        lines.append(f"  {words:44}{gate:>10}{bare:>10}{found[of] if of else '':>8}")
    cold, warm = found["cold_ratio"], found["warm_ratio"]
    path = f"{found['critical_path_ms']:g} ms of {ROUND_TRIPS} round trips"
    lines.append(f"  cold start: ratio {cold}, goal at most {COLD_GOAL}: {_met(cold <= COLD_GOAL)}")
    lines.append(f"  later decisions: {warm} of the {path}, goal at most {WARM_GOAL}: {_met(warm <= WARM_GOAL)}")
    lines.append(f"  the bare function's: {found['warm_ratio_of_bare']} of its own {len(WARM_CALLS)} round trips")
    return "\n".join(lines)


def _met(yes: bool) -> str:  # noqa: FBT001 - one word for another
    return "met" if yes else "MISSED"


def main() -> int:
    """Measure, print, and tell by the exit code whether the goals are met."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=15)
    options.add_argument("--latency", type=float, default=20, help="milliseconds a call")
    options.add_argument("--output", choices=["table", "json"], default="table")
    options.add_argument("--keep", type=Path, help="measure what is in this directory; made ready there if nothing is")
    chosen = options.parse_args()
    python = find_python(LAMBDA_PYTHON)
    if sys.platform != "linux" or python is None:
        print("The cold start is measured on Linux with Python 3.13, as Lambda has them.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as directory:
        root = chosen.keep or Path(directory)
        root.mkdir(parents=True, exist_ok=True)
        if not (root / "bundle.pem").exists():
            prepare(root, python)
        policy = policy_file.load_text(POLICY).canonical_json
        with Network(root / "server.pem", root / "server.key", policy) as network:
            found = report(Bench(root, python, network), chosen.runs, chosen.latency)
    print(json.dumps(found) if chosen.output == "json" else table(found))
    return 0 if found["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
