"""Many random histories, each checked by the oracle: `make soak HISTORIES=1000 SEED=0 WORKERS=2`."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import subprocess
import sys
import time
import zoneinfo
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from typing import Any

from tests.verification.soak.flood import flood
from tests.verification.soak.history import History, random_history
from tests.verification.soak.oracle import Violation, violations
from tests.verification.soak.world import World, on_stage

CHUNK = 50
MAX_FAILURES = 5

Ledger = Callable[[Any, Any], Any]


@dataclass(slots=True)
class Tally:
    """What some histories came to.

    Attributes:
        failures: Seeds, with what was broken.
    """

    histories: int = 0
    steps: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, list[str]]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take in what others came to."""
        self.histories += other.histories
        self.steps += other.steps
        self.counts.update(other.counts)
        self.failures += other.failures


def play(history: History, ledger: Ledger | None = None) -> tuple[list[Violation], Counter[str]]:
    """One history from its beginning to its rest; what it broke, and what happened in it."""
    world = World(history.setting, history.seed, ledger)
    with on_stage(world):
        world.run(history)
        world.come_to_rest()
    found = violations(world.evidence())
    world.counts["jobs"] += len(world.refs)
    world.counts["calls of S3"] += len(world.emulator.calls)
    return found, world.counts


def play_seeds(seeds: Sequence[int]) -> Tally:
    """The histories of some seeds."""
    zoneinfo.reset_tzpath(())
    gc.freeze()  # collections would take a sixth of the time
    gc.set_threshold(20_000)
    tally = Tally()
    for seed in seeds:
        history = random_history(seed)
        found, counts = play(history)
        tally.histories += 1
        tally.steps += len(history.steps)
        tally.counts.update(counts)
        if found:
            tally.failures.append((seed, [str(each) for each in found]))
    return tally


def minimise(history: History, rules: set[str]) -> History:
    """The history without every step that the failure does not need; the same rule is still broken."""

    def still(steps: Sequence[Any]) -> bool:
        try:
            found, _ = play(replace(history, steps=tuple(steps)))
        except Exception:  # noqa: BLE001 - a failure of another kind
            return False
        return bool(rules & {each.rule for each in found})

    steps = list(history.steps)
    size = max(1, len(steps) // 2)
    while size:
        position = 0
        while position < len(steps):
            fewer = steps[:position] + steps[position + size :]
            if still(fewer):
                steps = fewer
            else:
                position += size
        size //= 2
    return replace(history, steps=tuple(steps))


def kept(history: History, keep: str) -> History:
    """Only the steps with these numbers, such as 0,3,5; all where nothing is said."""
    if not keep:
        return history
    return replace(history, steps=tuple(history.steps[int(number)] for number in keep.split(",")))


def explain(seed: int, keep: str, out: Callable[[str], object], *, slow: bool = False) -> bool:
    """Play one history again, minimise it if it fails, and say how to reproduce it; whether it kept every promise."""
    history = kept(random_history(seed), keep)
    with _ledgers(slow=slow) as ledger:
        found, _ = play(history, ledger)
    if not found:
        out(f"seed {seed}: every promise kept")
        return True
    smallest = history if slow else minimise(history, {each.rule for each in found})
    numbers = _numbers(random_history(seed), smallest)
    out(f"seed {seed}: broken:")
    for violation in (found if slow else play(smallest)[0])[:10]:
        out(f"  {violation}")
    out(f"  setting: {smallest.setting}")
    for number, step in zip(numbers, smallest.steps, strict=True):
        out(f"  step {number}: {step}")
    out(f"reproduce: make soak HISTORIES=1 SEED={seed} KEEP={','.join(map(str, numbers))}{' SLOW=1' if slow else ''}")
    return False


def _numbers(whole: History, part: History) -> list[int]:
    """Where the steps of a part stand in the whole."""
    numbers: list[int] = []
    for step in part.steps:
        numbers.append(whole.steps.index(step, numbers[-1] + 1 if numbers else 0))
    return numbers


@contextlib.contextmanager
def _ledgers(*, slow: bool) -> Iterator[Ledger | None]:
    """How a history's ledger is made: in memory, or, slow, on the local AWS's DynamoDB over HTTP."""
    if not slow:
        yield None
        return
    from tests.verification.soak.over_http import over_http  # a server is started only where one is wanted

    with over_http() as ledger:
        yield ledger


def run(histories: int, first: int, workers: int, out: Callable[[str], object]) -> Tally:
    """Play histories in several processes; progress now and then."""
    total = Tally()
    chunks = [range(begin, min(begin + CHUNK, first + histories)) for begin in range(first, first + histories, CHUNK)]
    begun = told = time.monotonic()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(play_seeds, chunk) for chunk in chunks}
        for done in as_completed(waiting):
            part = done.result()
            total.add(part)
            for seed, broken in part.failures:
                out(f"seed {seed}: {broken[0]}")
            if time.monotonic() - told > 10:
                told = time.monotonic()
                out(_progress(total, told - begun))
            if len(total.failures) >= MAX_FAILURES:
                pool.shutdown(cancel_futures=True)
                break
    out(_progress(total, time.monotonic() - begun))
    return total


def run_slowly(histories: int, first: int, out: Callable[[str], object]) -> Tally:
    """The same over real HTTP: emulator and DynamoDB each behind a server."""
    total = Tally()
    begun = told = time.monotonic()
    with _ledgers(slow=True) as ledger:
        for seed in range(first, first + histories):
            history = random_history(seed)
            found, counts = play(history, ledger)
            failures = [(seed, [str(each) for each in found])] if found else []
            total.add(Tally(1, len(history.steps), counts, failures))
            if time.monotonic() - told > 10:
                told = time.monotonic()
                out(_progress(total, told - begun))
            if len(total.failures) >= MAX_FAILURES:
                break
    out(_progress(total, time.monotonic() - begun))
    return total


def _progress(total: Tally, seconds: float) -> str:
    rate = total.histories / seconds if seconds else 0.0
    return f"{total.histories:,} histories, {len(total.failures)} failed, {seconds:,.0f} s, {rate:.1f} histories/s"


def table(total: Tally) -> str:
    """What was exercised, how often."""
    kinds: dict[str, Counter[str]] = {}
    ports: Counter[str] = Counter()
    for name, count in sorted(total.counts.items()):
        head, colon, rest = name.partition(": ")
        if colon and head not in _GROUPS:
            ports[head] += count
            head = "trouble of a kind"
        kinds.setdefault(head if rest else "in all", Counter())[rest or head] += count
    kinds["trouble at a call"] = ports
    lines = [f"{total.histories:,} histories of {total.steps:,} steps"]
    for kind, counts in kinds.items():
        said = ", ".join(f"{name} {count:,}" for name, count in counts.most_common())
        lines.append(f"{kind}: {said}")
    return "\n".join(lines)


def fuzz(events: int) -> int:
    """Send so many fuzzed events to the gate function; return the exit code of the test."""
    environment = {**os.environ, "FUZZED_EVENTS": str(events)}
    test = "tests/flow/test_fuzzed_events.py"
    return subprocess.run([sys.executable, "-m", "pytest", "-q", test], env=environment, check=False).returncode


_GROUPS = frozenset({"announced", "came late", "invoked", "people", "sent Cancelled", "sent Ready", "step", "written"})


def main() -> int:
    """Run, tell, minimise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the first history; each next one has the next")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", default="", help="numbers of the steps to keep, for one history")
    parser.add_argument("--part", choices=["histories", "flood", "events"], default="histories", help="what to play")
    parser.add_argument("--slow", action="store_true", help="over HTTP, with the local AWS's DynamoDB")
    asked = parser.parse_args()

    def out(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    zoneinfo.reset_tzpath(())
    if asked.part == "flood":
        came_to = flood(asked.histories)
        out(str(came_to))
        return 1 if came_to.wrong else 0
    if asked.part == "events":
        return fuzz(asked.histories)
    if asked.histories == 1:
        return 0 if explain(asked.seed, asked.keep, out, slow=asked.slow) else 1
    out(f"seeds {asked.seed} to {asked.seed + asked.histories - 1}")
    if asked.slow:
        total = run_slowly(asked.histories, asked.seed, out)
    else:
        total = run(asked.histories, asked.seed, asked.workers, out)
    out(table(total))
    for seed, _ in total.failures:
        explain(seed, "", out, slow=asked.slow)
    return 1 if total.failures else 0


if __name__ == "__main__":
    sys.exit(main())
