"""Run the model of the decision protocol through spin: every configuration, then every rule taken out.

`make model` runs it all, `make model QUICK=1` a part of it in a minute or two. Standard library only. Needs spin (from
the path; else Debian's package, fetched without root into .spin/) and a C compiler.

Exit status: 0 when every configuration holds and every rule that is taken out breaks a promise, 1 when not, 2 when the
tools are missing.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
GATE, BUDGET = "gate.pml", "budget.pml"
KEPT_IN = HERE.parents[1] / ".spin"
COMPILERS = ("cc", "gcc", "clang")
SAFETY = ("-O2", "-w", "-DSAFETY", "-DNOFAIR")
LONGEST_PATH = 3_000_000
"""How deep a run may go, in steps; a run that reaches it shows nothing and counts as failed. 50 bytes each."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is in one exhaustive run, as the model's own switches."""

    name: str
    has: str
    switches: str = ""
    quick: bool = False
    model: str = GATE


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the protocol, and the configuration in which its absence shows.

    Attributes:
        name: The model's word for it.
        says: The rule in a sentence.
        switches: The smallest configuration with the hole in it.
    """

    name: str
    says: str
    switches: str = ""
    model: str = GATE


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run came to.

    Attributes:
        states: How many different states were visited.
        depth: The longest path, in steps.
        megabytes: What it took in memory at most.
        broken: The promise that does not hold, with its number; "" where all hold.
        trace: What happened until then, a line a step.
        trouble: Why the run shows nothing (memory, depth, a compiler's words); "" where it does.
    """

    states: int
    depth: int
    megabytes: float
    seconds: float
    broken: str = ""
    trace: tuple[str, ...] = ()
    trouble: str = ""


CORE = "-DMARKS=0 -DBARS=0 -DPERSON=0"
ALONE = f"-DREVIEWS=1 {CORE}"
APPROVED = f"-DAPPROVALS=1 -DCONSOLE=0 -DENDS=0 {CORE}"
POLICIES_ALONE = "-DPEOPLE=0 -DHIDES=0"
TWO_CALLERS = f"-DREVIEWS=1 -DCONSOLE=0 -DENDS=0 {CORE} -DAPPROVALS=2"

CONFIGURATIONS = (
    Configuration(
        "sweep alone",
        "the sweep comes to an end by itself",
        "-DREVIEWS=1 -DPERSON=0 -DSWEEP_ALONE=1 -DEXPIRY=1",
        quick=True,
    ),
    Configuration("one review", "everything, one review at a time", "-DREVIEWS=1 -DEXPIRY=1", quick=True),
    Configuration("two reviews, the core", "no person, pause, breaker, shadow", f"{CORE}", quick=True),
    Configuration("two reviews", "people, console, pause, breaker, shadow, adoption"),
    Configuration("cancel_held_after", "two reviews", "-DEXPIRY=1 -DPERSON=0"),
    Configuration("grace", "a violation cancels later", f"-DGRACE=1 {CORE}", quick=True),
    Configuration("reasons forgotten", "S3 drops the reason in later statuses", "-DREASONS_KEPT=0 -DBARS=0 -DMARKS=0"),
    Configuration("ungated jobs", "S3 says ConfirmationRequired false", "-DGATING=1", quick=True),
    Configuration(
        "S3 does not say", "it may be ungated, or confirmed elsewhere, one review at a time", "-DGATING=2 -DREVIEWS=1"
    ),
    Configuration("NoSuchJob now and then", "DescribeJob says so of a job that is there", f"-DHIDES=1 {CORE}"),
    Configuration("NoSuchJob for a moment", "nor does the listing, one review at a time", "-DHIDES=2 -DREVIEWS=1"),
    Configuration(
        "NoSuchJob for long", "and then S3 shows it again, one review at a time", "-DHIDES=3 -DREVIEWS=1", quick=True
    ),
    Configuration("approvals", "one person approves; two reviews, the core without console", APPROVED),
    Configuration("who may approve", "two callers of every kind, one review at a time", TWO_CALLERS, quick=True),
    Configuration(
        "approvals with the rest",
        "one person approves; cancellations by people, console, pause, breaker, shadow, adoption, one review at a time",
        "-DREVIEWS=1 -DAPPROVALS=1",
    ),
    Configuration(
        "approvals, sweep alone",
        "the sweep counts them, and ends",
        f"-DSWEEP_ALONE=1 -DAPPROVALS=1 {ALONE}",
        quick=True,
    ),
    Configuration("no late effects", "and then no alarm", f"-DON_TIME=1 {CORE}"),
    Configuration("effects after 15 minutes", "the settled row's alarm", f"-DTOO_LATE=1 {CORE}"),
    Configuration(
        "a budget, policies alone", "two jobs, one budget; one job in full", POLICIES_ALONE, quick=True, model=BUDGET
    ),
    Configuration("a budget, people", "people approve, too; no console", "-DHIDES=0 -DCONSOLE=0", model=BUDGET),
    Configuration(
        "a budget, job not shown",
        "S3 does not show one job for long; no console",
        "-DPEOPLE=0 -DCONSOLE=0",
        model=BUDGET,
    ),
    Configuration(
        "a budget, two reviews",
        "of one job at once; no console",
        f"{POLICIES_ALONE} -DREVIEWS=2 -DCONSOLE=0",
        model=BUDGET,
    ),
)


def _budget(name: str, says: str, switches: str = POLICIES_ALONE) -> Rule:
    return Rule(name, says, switches, BUDGET)


RULES = (
    Rule("CLAIM_FIRST", "A claim is written before anything is sent", CORE),
    Rule("ON_REV", "Every write is conditional on rev", CORE),
    Rule("OWN_ID", "A failed condition is a success only if it returns one's own id", CORE),
    Rule("FINAL", "Settled is final", ALONE),
    Rule("LEASE", "While a lease is live, everybody but its owner leaves the job alone", CORE),
    Rule("LEASE_EVERYWHERE", "... whatever S3 shows", CORE),
    Rule("CLOCKS", "A review whose clock is far from S3's decides nothing", CORE),
    Rule("SEND_IN_LEASE", "Nothing is sent after one's lease", CORE),
    Rule("EVALUATE_AGAIN", "An expired claim is evaluated afresh, never simply finished", ALONE),
    Rule("MAYBE_SENT", "Whoever takes over an expired claim sets maybe_sent", ALONE),
    Rule("ONE_WAY", "A verdict against the requested action of a claim that may have been sent is a hold", ALONE),
    Rule("ONE_WAY_PEOPLE", "... for people's cancellations too", "-DREVIEWS=1 -DMARKS=0 -DBARS=0"),
    Rule(
        "KEEP_REQUESTED_ACTION",
        "A withdrawal keeps the requested action while an earlier claim may have been sent",
        ALONE,
    ),
    Rule("LEFT_TO_LEASE", "After an unclear answer the claim is left to its lease, not withdrawn", ALONE),
    Rule("CERTAIN_ONLY", "After an unclear cancel, a running job is not settled by the owner", ALONE),
    Rule("WAIT_AS_OWNER", "After a refusal, a running job is not settled while an earlier cancel may come", ALONE),
    Rule("HELD_REASON", "The held row looks at the reason on the job", ALONE),
    Rule("BY_REQUESTED_ACTION", "Applied takes its verdict from the requested action, not from the last review", ALONE),
    Rule(
        "UNATTRIBUTED",
        "The matching requested action without a reason is applied, unattributed",
        f"-DREASONS_KEPT=0 {ALONE}",
    ),
    Rule("WAIT_15", "A running job is superseded only 15 minutes after the last lease of a cancel", ALONE),
    Rule("CLOCK_FIRST", "... by a clock that was read before the job was described", ALONE),
    Rule("S3_SAYS", "Only a job that S3 says is Suspended is evaluated", ALONE),
    Rule("FRESH", "Nothing is sent on facts older than 5 seconds", ALONE),
    Rule("VALID_UNTIL", "Nothing is sent after the verdict's window has closed", ALONE),
    Rule("ANNOUNCE_SETTLED", "Announced is what was settled, and only then", CORE),
    Rule(
        "ANNOUNCE_AGAIN",
        "A settled end that is not announced is announced by whoever finds it",
        f"-DSWEEP_ALONE=1 {ALONE}",
    ),
    Rule("DUE_HOLD", "Every hold has a due_at", ALONE),
    Rule("DUE_CLAIM", "Every claim has a due_at", ALONE),
    Rule("DUE_END", "Every end has a due_at until it is announced", ALONE),
    Rule("GONE_CLOSES", "A job that S3 no longer knows closes its open item", f"-DSWEEP_ALONE=1 {ALONE}"),
    Rule("RUNNING_EVALUATED", "An ungated job is evaluated in every row while it runs", f"-DGATING=1 {ALONE}"),
    Rule("UNKNOWN_LEFT", "A job that may have been confirmed elsewhere is never cancelled", f"-DGATING=2 {ALONE}"),
    Rule("UNKNOWN_NAMED", "... nor reported as decided by somebody else", f"-DGATING=2 {ALONE}"),
    Rule("DATE_BY_SETTING", "A missing SuspendedDate says no only where the setting says so", f"-DGATING=2 {ALONE}"),
    Rule("ASKED_AGAIN", "NoSuchJob is final only when S3 says it again minutes later", f"-DHIDES=2 {ALONE}"),
    Rule("LISTING_FIRST", "... and the listing does not show the job either", f"-DHIDES=1 {ALONE}"),
    Rule("REOPENED", "A settled end that S3 contradicts by Suspended is evaluated anew ...", f"-DHIDES=3 {ALONE}"),
    Rule("REOPENED_UNSENT", "... only where nothing of ours was applied or maybe sent", f"-DHIDES=3 {ALONE}"),
    Rule("ALARM_SETTLED", "What contradicts a settled end rings an alarm", f"-DTOO_LATE=1 {ALONE}"),
    Rule("PAUSE_IN_CLAIM", "The pause is checked in the claim's transaction", "-DREVIEWS=1"),
    Rule(
        "CIRCUIT_BREAKER_IN_CLAIM",
        "The circuit breaker is checked and counted in the claim's transaction",
        "-DREVIEWS=1",
    ),
    Rule("SHADOW_HOLDS", "Shadow never claims", "-DREVIEWS=1"),
    Rule("ADOPTED_HELD", "A job created before the deploy is never decided", "-DREVIEWS=1"),
    Rule("EXPIRY_KNOWN", "What is unknown never expires into a cancellation", f"-DEXPIRY=1 {ALONE}"),
    Rule("EXPIRY_FRESH", "A hold expires only if a fresh review still holds", f"-DEXPIRY=1 {ALONE}"),
    Rule("VALID_EXPIRY", "... and, for a window, only until that window opens", f"-DEXPIRY=1 {ALONE}"),
    Rule("KNOWN_TIME", "Time counts only while all that stands in the way is known", f"-DEXPIRY=1 {ALONE}"),
    Rule("ONE_CHANCE", "After an outage one review comes before a cancellation for age", f"-DEXPIRY=1 {ALONE}"),
    Rule("GRACE_FIRST", "A violation cancels only when its grace is over", f"-DGRACE=1 {ALONE}"),
    Rule("APPENDED_ON_REV", "An approval is appended on rev, too ...", f"-DREVIEWS=1 {APPROVED}"),
    Rule("CLAIM_UNTOUCHED", "... and leaves a claim as it is", f"-DREVIEWS=1 {APPROVED}"),
    Rule("APPROVAL_DUE", "With an approval, due_at becomes now", f"-DREVIEWS=1 {APPROVED}"),
    Rule("APPROVALS_KEPT", "A hold keeps the approvals ...", f"-DREVIEWS=1 {APPROVED}"),
    Rule(
        "KEPT_BY_OWNER",
        "... and so does the owner of a claim, of approvals during its lease",
        f"-DREVIEWS=1 {APPROVED}",
    ),
    Rule(
        "OWNER_AGAIN",
        "The owner of a claim to which an approval was appended writes again ...",
        f"-DREVIEWS=1 {APPROVED}",
    ),
    Rule("OWN_CLAIM_ONLY", "... only over its own claim", APPROVED),
    Rule("BY_DIGEST", "An approval counts only for the job that it names by its digest ...", f"-DREVIEWS=1 {APPROVED}"),
    Rule("OWN_SNAPSHOT", "... which is that of the review's own snapshot", f"-DREVIEWS=1 {APPROVED}"),
    Rule("AS_SHOWN", "An approval has the digest of the job as it was shown", f"-DREVIEWS=1 {APPROVED}"),
    Rule("ONE_PERSON", "One person counts once, whatever the session", TWO_CALLERS),
    Rule("WHO_MAY", "Whoever may not approve does not count", TWO_CALLERS),
    Rule("NOT_REQUESTER", "The requester does not count where the policies say so ...", TWO_CALLERS),
    Rule("REQUESTER_KNOWN", "... and nobody does until it is known who that is", TWO_CALLERS),
    Rule("HOLDS_ONLY", "Approvals lift holds, and no cancellation", f"-DREVIEWS=1 {APPROVED}"),
    _budget("RESERVED_IN_CLAIM", "A budget is reserved in the claim's transaction ..."),
    _budget("LIMIT_IN_CLAIM", "... on condition that it stays within its limit"),
    _budget("ONCE", "A job reserves once, however many claims it makes ..."),
    _budget("FIRST_PERIOD", "... in the period of its first claim that may have been sent ..."),
    _budget("CLAIMS_PERIOD", "... and not in that of its settlement"),
    _budget("OWN_USE", "What a job has reserved does not stand in its own way"),
    _budget("BACK_WITHDRAWN", "A withdrawal gives back ..."),
    _budget("KEPT_MAYBE_SENT", "... unless an earlier claim may have been sent"),
    _budget("KEPT_BY_HOLD", "A hold keeps what a claim that may have been sent reserved"),
    _budget("BACK_SETTLED", "An end in which nothing of ours was applied gives back ..."),
    _budget("KEPT_UNSURE", "... if that is sure"),
    _budget("BACK_IN_WRITE", "It is given back in the transaction of that write ..."),
    _budget("BACK_ON_REV", "... and on its condition", f"{POLICIES_ALONE} -DREVIEWS=2"),
    _budget("PEOPLE_UNLIMITED", "What people approve is not limited ...", "-DHIDES=0"),
    _budget("PEOPLE_COUNT", "... and counts", "-DHIDES=0"),
    _budget("LIMITED_AGAIN", "What people approved must fit before policies alone approve it", "-DHIDES=0"),
)
QUICK_RULES = (
    "CLAIM_FIRST",
    "MAYBE_SENT",
    "ONE_WAY",
    "WAIT_15",
    "DUE_CLAIM",
    "PAUSE_IN_CLAIM",
    "BY_DIGEST",
    "KEPT_BY_OWNER",
    "LIMIT_IN_CLAIM",
    "KEPT_MAYBE_SENT",
    "BACK_IN_WRITE",
)


class ToolMissingError(Exception):
    """Something that the run needs is not on this machine, and could not be fetched."""


def find_spin() -> str:
    """Spin from the path, or Debian's package laid out in .spin/.

    Raises:
        ToolMissingError: There is neither.
    """
    found = shutil.which("spin")
    if found:
        return found
    unpacked = KEPT_IN / "usr" / "bin" / "spin"
    if not unpacked.exists():
        KEPT_IN.mkdir(exist_ok=True)
        try:
            subprocess.run(
                [_path_of("apt-get"), "download", "-q", "spin"], cwd=KEPT_IN, check=True, capture_output=True
            )
            package = next(KEPT_IN.glob("spin_*.deb"))
            subprocess.run([_path_of("dpkg-deb"), "-x", package, KEPT_IN], check=True, capture_output=True)
            package.unlink()
        except (OSError, subprocess.CalledProcessError, StopIteration):
            message = (
                "spin is not in the path, and Debian's package of it could not be fetched; see https://spinroot.com"
            )
            raise ToolMissingError(message) from None
    return str(unpacked)


def _path_of(command: str) -> str:
    return shutil.which(command) or command


def find_compiler() -> str:
    """The first C compiler in the path.

    Raises:
        ToolMissingError: There is none.
    """
    for name in COMPILERS:
        found = shutil.which(name)
        if found:
            return found
    message = f"no C compiler in the path (tried {', '.join(COMPILERS)}); on Debian: apt-get install gcc libc6-dev"
    raise ToolMissingError(message)


@dataclass(frozen=True, slots=True)
class Checker:
    """The tools, and what one run may take.

    Attributes:
        memory: The most that one run may use, in megabytes.
    """

    spin: str
    compiler: str
    memory: int

    def exhaust(self, configuration: Configuration) -> Outcome:
        """Visit every state that the configuration can reach; of a failure, find the shortest way to it."""
        outcome = self._run(configuration.model, configuration.switches, ("-DCOLLAPSE",))
        if outcome.broken:
            return self._run(configuration.model, configuration.switches, ("-DBFS", "-DCOLLAPSE"))
        return outcome

    def without(self, rule: Rule) -> Outcome:
        """Look for the shortest way into the hole that the rule closes, breadth first."""
        return self._run(rule.model, f"{rule.switches} -DWITHOUT={rule.name}", ("-DBFS",))

    def _run(self, model: str, switches: str, search: Sequence[str]) -> Outcome:
        KEPT_IN.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="run-", dir=KEPT_IN) as place:
            return self._run_in(Path(place), [*switches.split(), model], search)

    def _run_in(self, place: Path, model: Sequence[str], search: Sequence[str]) -> Outcome:
        shutil.copy(HERE / model[-1], place)
        began = time.monotonic()
        for command in (
            [self.spin, "-a", *model],
            [self.compiler, *SAFETY, *search, f"-DMEMLIM={self.memory}", "-o", "pan", "pan.c"],
        ):
            made = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
            if made.returncode:
                return Outcome(0, 0, 0, 0, trouble=(made.stdout + made.stderr).strip()[-300:])
        run = subprocess.run(
            ["./pan", f"-m{LONGEST_PATH if '-DBFS' not in search else 10_000}", "-n", "-E", "-w22"],
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
        )
        said = run.stdout + run.stderr
        trace = self._replay(place, model) if list(place.glob("*.trail")) else ()
        return Outcome(
            states=int(_number(r"(\S+) states, stored", said)),
            depth=int(_number(r"depth reached (\d+)", said)),
            megabytes=_number(r"(\S+)\s+total actual memory", said),
            seconds=time.monotonic() - began,
            broken=next((line.removeprefix("BROKEN ") for line in trace if line.startswith("BROKEN")), ""),
            trace=tuple(line for line in trace if not line.startswith("BROKEN")),
            trouble=_trouble(said, replayed=bool(trace)),
        )

    def _replay(self, place: Path, model: Sequence[str]) -> tuple[str, ...]:
        told = subprocess.run(
            [self.spin, "-t", "-T", *model], cwd=place, capture_output=True, text=True, check=False
        ).stdout
        lines = [line.strip().replace("_", " ") for line in told.splitlines() if line.strip()]
        end = next((at for at, line in enumerate(lines) if line.startswith("BROKEN")), len(lines) - 1)
        return tuple(lines[: end + 1])


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0


def _trouble(said: str, *, replayed: bool) -> str:
    if "errors:" not in said:
        return "the run ended without a result"
    if "errors: 0" not in said and not replayed:
        return "an error that could not be replayed"
    for sign in ("max search depth too small", "out of memory", "MEMLIM", "Search not completed"):
        if sign in said and "errors: 0" in said:
            return sign
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what is asked for, and print it as tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="a part of it, in a minute or two")
    parser.add_argument("--memory", type=int, default=9000, help="megabytes that one run may take (default: 9000)")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="runs at once (default: 2)")
    parser.add_argument("--only", default="", help="configurations and rules whose names contain this")
    parser.add_argument("--traces", action="store_true", help="print how each missing rule breaks a promise")
    asked = parser.parse_args(arguments)
    try:
        checker = Checker(find_spin(), find_compiler(), asked.memory)
    except ToolMissingError as missing:
        print(f"model: {missing}", file=sys.stderr)
        return 2
    rule_of = re.compile(r"^#define ([A-Z0-9_]+) +\d+$", re.MULTILINE)
    named = {(name, model) for model in (GATE, BUDGET) for name in rule_of.findall((HERE / model).read_text())}
    unchecked = {name for name, _ in named ^ {(rule.name, rule.model) for rule in RULES}} - {"WITHOUT"}
    if unchecked:
        print(f"model: {', '.join(sorted(unchecked))}: named in one of a model and check.py only", file=sys.stderr)
        return 1
    os.nice(15)
    configurations = [each for each in CONFIGURATIONS if asked.only in each.name and (each.quick or not asked.quick)]
    rules = [each for each in RULES if asked.only in each.name and (each.name in QUICK_RULES or not asked.quick)]
    with ThreadPoolExecutor(asked.jobs) as pool:
        failures = _show_configurations(configurations, pool.map(checker.exhaust, configurations))
        failures += _show_rules(rules, pool.map(checker.without, rules), traces=asked.traces)
    return 1 if failures else 0


def _show_configurations(configurations: Sequence[Configuration], outcomes: Iterable[Outcome]) -> int:
    print(f"| {'configuration':26} | {'states':>12} | {'depth':>9} | {'MB':>6} | {'seconds':>7} | result")
    print("|---|---|---|---|---|---")
    failures = 0
    for configuration, outcome in zip(configurations, outcomes, strict=True):
        result = outcome.trouble or (f"BROKEN {outcome.broken or '?'}" if outcome.trace else "holds")
        failures += result != "holds"
        print(
            f"| {configuration.name:26} | {outcome.states:>12,} | {outcome.depth:>9,} | {outcome.megabytes:>6,.0f}"
            f" | {outcome.seconds:>7.0f} | {result}",
            flush=True,
        )
        if outcome.trace:
            print(*(f"      {line}" for line in outcome.trace), sep="\n")
    return failures


def _show_rules(rules: Sequence[Rule], outcomes: Iterable[Outcome], *, traces: bool) -> int:
    print(f"\n| {'without the rule':82} | steps | what breaks")
    print("|---|---|---")
    survivors = 0
    for rule, outcome in zip(rules, outcomes, strict=True):
        broken = outcome.broken and f"promise {outcome.broken}"
        result = broken or f"NOTHING BREAKS ({outcome.states:,} states){outcome.trouble and ': ' + outcome.trouble}"
        survivors += not broken
        print(f"| {rule.says:82} | {len(outcome.trace):>5} | {result}", flush=True)
        if traces:
            print(*(f"      {line}" for line in outcome.trace), sep="\n")
    return survivors


if __name__ == "__main__":
    sys.exit(main())
