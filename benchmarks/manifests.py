"""Reading manifests: over HTTP on loopback beside reading without counting, compressed beside zlib, and beside peers.

    python benchmarks/manifests.py [--mib 1024] [--runs 5] [--peers .venv-peers/bin/python] [--output table|json]

The server is a process of its own that sends prepared bytes. The gate's reader asks it as it asks S3: a real client,
every range on condition of the ETag. Ratios are medians of neighbouring measurements,
of wall time, and of this process's processor time, which other programs on a busy machine disturb less.
"""

import argparse
import hashlib
import http.client
import json
import multiprocessing
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, BinaryIO, Final, TypeAlias
from unittest import mock

import botocore.session
from botocore.config import Config

from batchgate.aws.manifests import StoredManifests
from batchgate.manifest.count import BLOCK_BYTES, count
from batchgate.manifest.counts import PartCounts, combine
from batchgate.manifest.plan import RANGE_BYTES, Columns, CsvRange, InventoryFile, Plan, Source, plan_csv

MIB: Final = 1024 * 1024
GOAL_OF_READ: Final = 0.31
GOAL_OF_ZLIB: Final = 1.57
BUCKETS: Final = tuple(f"lake-prod-eu-west-{number}" for number in range(10))
TWO: Final = Columns(2, 0, 1)
THREE: Final = Columns(3, 0, 1, 2)
INVENTORY: Final = Columns(12, 0, 1, 2, 5)


def key(random: Random, number: int) -> str:
    """Of an object in a lake."""
    return f"events/year=2026/month=03/part-{number:05}-{random.getrandbits(128):032x}.c000.parquet"


def csv_rows(kind: str, number: int) -> bytes:
    """Rows of a manifest: one bucket in a long run, with versions, or every row another bucket than the last."""
    random = Random(1)
    rows = []
    for at in range(number):
        bucket = BUCKETS[at % len(BUCKETS) if kind == "interleaved" else 0]
        version = f",{random.getrandbits(128):032x}" if kind == "versions" else ""
        rows.append(f"{bucket},{key(random, at)}{version}\n")
    return "".join(rows).encode()


def inventory_rows(number: int) -> bytes:
    """Rows as S3 Inventory writes them."""
    random = Random(1)
    rows = []
    for at in range(number):
        fields = [BUCKETS[0], key(random, at), f"{random.getrandbits(128):032x}", "true", "false"]
        fields += [str(random.getrandbits(28)), "2026-03-01T00:00:00.000Z", f"{random.getrandbits(128):032x}"]
        fields += ["STANDARD", "false", "COMPLETED", "SSE-S3"]
        rows.append(",".join(f'"{field}"' for field in fields) + "\n")
    return "".join(rows).encode()


@dataclass(frozen=True)
class Repeated:
    """An object whose bytes are a block's, again and again."""

    block: bytes
    size: int

    def pieces(self, start: int, end: int) -> Iterator[bytes]:
        """Its bytes from one place to another."""
        while start < end:
            first = start % len(self.block)
            piece = self.block[first : first + end - start] if first or end - start < len(self.block) else self.block
            yield piece
            start += len(piece)


def repeated(rows: bytes, size: int) -> Repeated:
    """About that many bytes of whole rows."""
    block = rows * max(1, 8 * MIB // len(rows))
    return Repeated(block, max(1, size // len(block)) * len(block))


def serve(objects: dict[str, Repeated], ports: Any) -> None:
    """Answer GetObject for these objects until the process ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    ports.put(listener.getsockname()[1])
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_answer, args=(connection, objects), daemon=True).start()


def _line(lines: BinaryIO) -> bytes:
    try:
        return lines.readline()
    except ConnectionResetError:  # the client closed with bytes unread
        return b""


def _answer(connection: socket.socket, objects: dict[str, Repeated]) -> None:
    with connection, connection.makefile("rb") as lines:
        while request := _line(lines):
            asked = objects[request.split()[1].decode().rpartition("/")[2].partition("?")[0]]
            headers = http.client.parse_headers(lines)
            start, end, status, more = 0, asked.size, b"200 OK", b""
            if wanted := headers.get("Range"):
                start, end = (int(each) for each in wanted.removeprefix("bytes=").split("-"))
                end, status = end + 1, b"206 Partial Content"
                more = b"Content-Range: bytes %d-%d/%d\r\n" % (start, end - 1, asked.size)
            head = b'HTTP/1.1 %b\r\nETag: "e"\r\nx-amz-request-id: 1\r\n%bContent-Length: %d\r\n\r\n'
            try:
                connection.sendall(head % (status, more, end - start))
                for piece in asked.pieces(start, end):
                    connection.sendall(piece)
            except OSError:
                return  # the client has what it needs


class Site:
    """The server, and the gate's client of it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.manifests = StoredManifests(
            botocore.session.get_session().create_client(
                "s3",
                region_name="us-east-1",
                endpoint_url=f"http://127.0.0.1:{port}",
                aws_access_key_id="a",
                aws_secret_access_key="b",
                config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
            )
        )

    def plan(self, name: str, columns: Columns, size: int, range_bytes: int) -> Plan:
        """Of an object on the server."""
        return Plan(Source("bench", columns, name, "e"), plan_csv(size, range_bytes))

    def count(self, plan: Plan) -> int:
        """Count all ranges as the gate does; returns the rows."""
        counts = [self.manifests.count(plan, part) for part in plan.parts]
        contents = combine(plan, (each for each in counts if isinstance(each, PartCounts)))
        return contents.rows  # type: ignore[union-attr] # an error ends the benchmark

    def read(self, name: str) -> int:
        """Read without counting, by the standard library's client; returns the bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", f"/bench/{name}")
        response = connection.getresponse()
        size = 0
        while data := response.read(MIB):
            size += len(data)
        return size


@dataclass(frozen=True)
class Rates:
    """Gigabytes a second, run by run: of wall time and of processor time."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def of(self, other: "Rates") -> dict[str, float]:
        """The ratios to others, measured in turns with these."""
        return {"wall": _ratio(self.wall, other.wall), "processor": _ratio(self.processor, other.processor)}

    @property
    def median(self) -> dict[str, float]:
        """One run's, as it usually is."""
        return {"wall": _median(self.wall), "processor": _median(self.processor)}


Calls: TypeAlias = dict[str, tuple[int, Callable[[], object]]]


def rates(calls: Calls, runs: int) -> dict[str, Rates]:
    """The rates of each call, in turns."""
    found = {name: Rates() for name in calls}
    for _ in range(runs):
        for name, (size, call) in calls.items():
            begin, begin_processor = time.perf_counter(), time.process_time()
            call()
            found[name].wall.append(size / (time.perf_counter() - begin) / 1e9)
            found[name].processor.append(size / (time.process_time() - begin_processor) / 1e9)
    return found


def _peak_of(port: int, plan: Plan, peaks: Any) -> None:
    Site(port).count(plan)
    status = Path("/proc/self/status").read_text()  # getrusage would count the process that started this one, too
    peaks.put(int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def peak(site: Site, plan: Plan) -> float:
    """MB of a fresh process that counts."""
    context = multiprocessing.get_context("spawn")
    peaks = context.Queue()
    process = context.Process(target=_peak_of, args=(site.port, plan, peaks))
    process.start()
    found: float = peaks.get()
    process.join()
    return found


def decompress(data: bytes) -> None:
    """By zlib alone, in blocks as the gate's."""
    member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    for at in range(0, len(data), BLOCK_BYTES):
        rest = data[at : at + BLOCK_BYTES]
        while rest:
            member.decompress(rest, BLOCK_BYTES)
            rest = member.unconsumed_tail


def count_file(part: InventoryFile, data: bytes, columns: Columns, *, isal: bool = True) -> None:
    """As the gate counts a data file that an inventory names, with ISA-L or without it."""
    chunks = (data[at : at + BLOCK_BYTES] for at in range(0, len(data), BLOCK_BYTES))
    with nullcontext() if isal else mock.patch.dict(sys.modules, {"isal": None}):
        assert not count(part, columns, chunks).why


def compressed(rows: bytes) -> bytes:
    """As S3 Inventory compresses them."""
    writer = zlib.compressobj(6, wbits=16 + zlib.MAX_WBITS)
    return writer.compress(rows) + writer.flush()


PEERS: Final = {
    "DuckDB": """
import duckdb
duckdb.execute("SET threads = THREADS")
duckdb.execute("SET enable_progress_bar = false")
duckdb.execute("SELECT 1").fetchall()
def run():
    columns = "{'bucket': 'VARCHAR', 'key': 'VARCHAR'}"
    rows = f"read_csv(?, header = false, auto_detect = false, columns = {columns})"
    return duckdb.execute(f"SELECT bucket, count(*) FROM {rows} GROUP BY 1", [path]).fetchall()
""",
    "Polars": """
import os
os.environ["POLARS_MAX_THREADS"] = "THREADS"
import polars
def run():
    rows = polars.scan_csv(path, has_header=False, new_columns=["bucket", "key"])
    return rows.group_by("bucket").len().collect(engine="streaming").rows()
""",
}
TIMED: Final = """
import sys, time
path = sys.argv[1]
SETUP
begin = time.perf_counter()
found = run()
print(time.perf_counter() - begin, sum(rows for _, rows in found))
"""


def peer(python: str, name: str, threads: int, path: Path) -> tuple[float, int]:
    """Seconds that a peer takes for rows by bucket, and how many rows it counts."""
    program = TIMED.replace("SETUP", PEERS[name].replace("THREADS", str(threads)))
    ran = subprocess.run([python, "-c", program, str(path)], check=True, capture_output=True, text=True)
    took, rows = ran.stdout.split()
    return float(took), int(rows)


def count_here(path: Path) -> int:
    """Rows of a file by bucket, as the gate counts them."""
    size = path.stat().st_size
    with path.open("rb", buffering=0) as file:
        chunks: Iterator[bytes] = iter(lambda: file.read(BLOCK_BYTES), b"")
        counts = count(CsvRange(0, size, size), TWO, chunks)
    assert not counts.why
    return counts.rows


def measure_http(mib: int, runs: int) -> dict[str, Any]:
    """Over HTTP: rates, and memory at its most."""
    rows = {kind: csv_rows(kind, 100_000) for kind in ("one-bucket", "versions", "interleaved")}
    objects = {kind: repeated(each, mib * MIB) for kind, each in rows.items()}
    one_row, _, _ = rows["one-bucket"].partition(b"\n")
    objects["row"] = Repeated(one_row, len(one_row))
    objects["small"] = repeated(rows["one-bucket"], 56 * MIB)
    ports: Any = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(objects, ports), daemon=True)
    server.start()
    site = Site(ports.get())

    def planned(kind: str, range_bytes: int = 1 << 62) -> Plan:
        return site.plan(kind, THREE if kind == "versions" else TWO, objects[kind].size, range_bytes)

    size = objects["one-bucket"].size
    calls: Calls = {"not counted": (size, lambda: site.read("one-bucket"))}
    calls |= {kind: (objects[kind].size, partial(site.count, planned(kind))) for kind in rows}
    found = rates(calls, runs)
    peaks = {
        "one row": planned("row"),
        f"{objects['small'].size // MIB} MiB": planned("small"),
        f"{size // MIB} MiB": planned("one-bucket"),
        f"{size // MIB} MiB by ranges": planned("one-bucket", RANGE_BYTES),
        f"{size // MIB} MiB, interleaved": planned("interleaved"),
    }
    peak_mb = {name: round(peak(site, plan), 1) for name, plan in peaks.items()}
    server.terminate()
    return {
        "over_http": {name: each.median for name, each in found.items()},
        "of_not_counted": {kind: found[kind].of(found["not counted"]) for kind in rows},
        "peak_mb": peak_mb,
    }


def measure_gz(runs: int) -> dict[str, Any]:
    """Compressed data files, from memory."""
    files = {"two columns": (csv_rows("one-bucket", 300_000), TWO), "inventory": (inventory_rows(120_000), INVENTORY)}
    calls: Calls = {}
    for kind, (rows, columns) in files.items():
        data = compressed(rows)
        part = InventoryFile("f", len(data), hashlib.md5(data).hexdigest())  # noqa: S324 - S3's
        calls[f"{kind}, zlib alone"] = (len(rows), partial(decompress, data))
        calls[f"{kind}, counted with zlib"] = (len(rows), partial(count_file, part, data, columns, isal=False))
        calls[f"{kind}, counted"] = (len(rows), partial(count_file, part, data, columns))
    found = rates(calls, runs)
    return {
        "gz": {name: each.median for name, each in found.items()},
        "of_zlib": {kind: found[f"{kind}, counted"].of(found[f"{kind}, counted with zlib"]) for kind in files},
        "of_zlib_alone": {kind: found[f"{kind}, counted"].of(found[f"{kind}, zlib alone"]) for kind in files},
    }


def measure_file(python: str | None, mib: int, runs: int) -> dict[str, float]:
    """Gigabytes a second of wall time for the same file, in this process and in each peer's."""
    if python is None:
        return {}
    rows = repeated(csv_rows("one-bucket", 100_000), mib * MIB)
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "manifest.csv")
        with path.open("wb") as file:
            file.writelines(rows.pieces(0, rows.size))
        expected = count_here(path)
        for _ in range(runs):
            begin = time.perf_counter()
            count_here(path)
            found.setdefault("batchgate", []).append(rows.size / (time.perf_counter() - begin) / 1e9)
            for name in PEERS:
                for threads in (1, 2):
                    took, counted = peer(python, name, threads, path)
                    assert counted == expected, (name, counted, expected)
                    found.setdefault(f"{name}, threads: {threads}", []).append(rows.size / took / 1e9)
    return {name: _median(each) for name, each in found.items()}


def _median(measured: Sequence[float]) -> float:
    return round(statistics.median(measured), 2)


def _ratio(measured: Sequence[float], beside: Sequence[float]) -> float:
    return _median([each / other for each, other in zip(measured, beside, strict=True)])


def table(found: dict[str, Any]) -> str:
    """For people."""
    lines = [f"{'Reading manifests, GB/s':46}{'wall':>10}{'processor':>11}"]
    for group in ("over_http", "gz"):
        for name, rate in found[group].items():
            lines.append(f"  {group.replace('_', ' ') + ': ' + name:44}{rate['wall']:>10}{rate['processor']:>11}")
    lines += [f"  {'the same file: ' + name:44}{rate:>10}" for name, rate in found["peers"].items()]
    lines.append("Ratios")
    for group in ("of_not_counted", "of_zlib", "of_zlib_alone"):
        for name, of in found[group].items():
            lines.append(f"  {name + ' ' + group.replace('_', ' '):44}{of['wall']:>10}{of['processor']:>11}")
    lines.append("Memory at its most, MB")
    lines += [f"  {name:44}{megabytes:>10}" for name, megabytes in found["peak_mb"].items()]
    for name, of, goal in found["goals"]:
        lines.append(f"  {name}: {of}, goal at least {goal}: {'met' if of >= goal else 'MISSED'}")
    return "\n".join(lines)


def main() -> int:
    """Measure, print, and tell by the exit code whether the goals are met."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--mib", type=int, default=1024)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--peers", help="a Python with duckdb and polars; without it they are not measured")
    options.add_argument("--output", choices=["table", "json"], default="table")
    chosen = options.parse_args()
    found = measure_http(chosen.mib, chosen.runs) | measure_gz(chosen.runs)
    found["peers"] = measure_file(chosen.peers, chosen.mib, chosen.runs)
    found["goals"] = [
        ("one bucket, of reading without counting", found["of_not_counted"]["one-bucket"]["wall"], GOAL_OF_READ),
        ("compressed, of the same with zlib", found["of_zlib"]["two columns"]["wall"], GOAL_OF_ZLIB),
    ]
    print(json.dumps(found) if chosen.output == "json" else table(found))
    return 0 if all(of >= goal for _, of, goal in found["goals"]) else 1


if __name__ == "__main__":
    sys.exit(main())
