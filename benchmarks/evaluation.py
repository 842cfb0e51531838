"""How long evaluating takes beside peers, in one run: `make bench`.

Only ratios within a run count. Every engine evaluates the same jobs by the same policies in the same interpreter;
rounds are interleaved, so that whatever else the machine does hits all of them; figures are medians over the rounds.
The garbage collector is off while samples are taken, for everybody. Before anything is measured, all engines must name
the same satisfied policies, for the measured job and for jobs that fail some checks.

Exit status: 0 if the goals on the realistic workload are met, 1 if one is missed or the engines disagree, 2 for a
wrong command line.
"""

import argparse
import gc
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.evaluation_engines import (
    Batchgate,
    BatchgateTraced,
    CommonExpressionLanguage,
    Custodian,
    CustodianFilters,
    Engine,
)
from benchmarks.evaluation_workloads import WORKLOADS, Workload

SIZES = (1, 10, 100, 1000)
ROUNDS = 21
SAMPLE_SECONDS = 0.002
"""How long a sample at least takes, so that the clock's steps don't show."""

OURS, TRACED, CEL, CUSTODIAN, FILTERS = "batchgate", "batchgate_traced", "cel", "custodian", "custodian_filters"
ENGINES: Mapping[str, Callable[[Workload], Engine]] = {
    OURS: Batchgate,
    TRACED: BatchgateTraced,
    CEL: CommonExpressionLanguage,
    CUSTODIAN: Custodian,
    FILTERS: CustodianFilters,
}
PEERS = {"cel": "common-expression-language", "custodian": "c7n"}


class DisagreementError(Exception):
    """Two engines give different answers, so their times can't be compared."""


@dataclass(slots=True)
class Stopwatch:
    """One engine's samples on one workload of one size.

    Attributes:
        decisions: How many decisions make a sample.
        seconds: What one decision took, sample by sample.
    """

    decide: Callable[[], object]
    decisions: int = 1
    seconds: list[float] = field(default_factory=list)

    def calibrate(self) -> None:
        """Choose how many decisions make a sample."""
        while (taken := self._run()) < SAMPLE_SECONDS:
            self.decisions = max(self.decisions + 1, int(1.1 * self.decisions * SAMPLE_SECONDS / taken))

    def sample(self) -> None:
        """Take one sample, after one decision that brings everything near."""
        self.decide()
        self.seconds.append(self._run() / self.decisions)

    def _run(self) -> float:
        decide = self.decide
        begin = time.perf_counter()
        for _ in range(self.decisions):
            decide()
        return time.perf_counter() - begin

    @property
    def microseconds(self) -> float:
        """The median of one decision."""
        return statistics.median(self.seconds) * 1e6


@dataclass(frozen=True, slots=True)
class Contest:
    """All engines on one workload of one size.

    Attributes:
        name: The workload's short name.
        stopwatches: By engine.
    """

    name: str
    workload: Workload
    stopwatches: Mapping[str, Stopwatch]

    @property
    def policies(self) -> int:
        """How many there are."""
        return len(self.workload.policies)

    def microseconds(self, engine: str) -> float:
        """The median of one decision."""
        return self.stopwatches[engine].microseconds

    def ratio(self, engine: str, to: str) -> float:
        """How long one engine takes to another."""
        return self.microseconds(engine) / self.microseconds(to)


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio that is not to be exceeded."""

    name: str
    ratio: float
    at_most: float

    @property
    def met(self) -> bool:
        """Whether it is not exceeded."""
        return self.ratio <= self.at_most


def prepare(name: str, size: int) -> Contest:
    """Make all engines ready, and sure that they answer alike.

    Raises:
        DisagreementError: They do not.
    """
    workload = WORKLOADS[name](size)
    engines = {engine: make(workload) for engine, make in ENGINES.items()}
    for job in (workload.job, *workload.others):
        answers = {engine: made.satisfied_by(job) for engine, made in engines.items()}
        if any(answer != answers[OURS] for answer in answers.values()):
            counts = {engine: len(answer) for engine, answer in answers.items()}
            raise DisagreementError(f"{workload.title}, {size} policies, {job}: satisfied policies are {counts}")
    stopwatches = {engine: Stopwatch(made.decision_on(workload.job)) for engine, made in engines.items()}
    return Contest(name, workload, stopwatches)


def measure(contests: Iterable[Contest], rounds: int) -> None:
    """Take a sample of every engine in every contest, round by round."""
    stopwatches = [stopwatch for contest in contests for stopwatch in contest.stopwatches.values()]
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for stopwatch in stopwatches:
            stopwatch.calibrate()
        for _ in range(rounds):
            for stopwatch in stopwatches:
                gc.collect()
                stopwatch.sample()
    finally:
        gc.enable()
        gc.unfreeze()


def goals(contests: Sequence[Contest]) -> list[Goal]:
    """What evaluating is to reach, on the realistic workload."""
    by_size = {contest.policies: contest for contest in contests if contest.name == "realistic"}
    hundred, thousand = by_size[100], by_size[1000]
    return [
        Goal("100 policies: verdict and reason, to CEL", hundred.ratio(OURS, CEL), 0.3),
        Goal("100 policies: verdict and reason, to Custodian", hundred.ratio(OURS, CUSTODIAN), 0.03),
        Goal("100 policies: with the whole trace read, to CEL", hundred.ratio(TRACED, CEL), 1.0),
        *(
            Goal(f"1,000 policies to 100: {title}", thousand.microseconds(engine) / hundred.microseconds(engine), 12.0)
            for engine, title in ((OURS, "verdict and reason"), (TRACED, "with the whole trace read"))
        ),
    ]


# --- output ---------------------------------------------------------------------------------------


def surroundings(rounds: int) -> dict[str, str | int]:
    """What a reader has to know to compare two runs."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "rounds": rounds,
        **{name: version(package) for name, package in PEERS.items()},
    }


def as_json(contests: Sequence[Contest], reached: Sequence[Goal], rounds: int) -> str:
    """Everything that was measured; times in microseconds a decision."""
    return json.dumps(
        {
            "surroundings": surroundings(rounds),
            "measurements": [
                {
                    "workload": contest.name,
                    "policies": contest.policies,
                    "distinct_checks": contest.workload.distinct_checks,
                    "microseconds": {engine: round(contest.microseconds(engine), 2) for engine in ENGINES},
                }
                for contest in contests
            ],
            "goals": [
                {"name": goal.name, "ratio": round(goal.ratio, 4), "at_most": goal.at_most, "met": goal.met}
                for goal in reached
            ],
        },
        indent=2,
    )


def show(contests: Sequence[Contest], reached: Sequence[Goal], rounds: int, console: Console) -> None:
    """The same for people."""
    for name in WORKLOADS:
        console.print(_table([contest for contest in contests if contest.name == name]))
    about = surroundings(rounds)
    console.print(
        f"Microseconds a decision, medians of {rounds} rounds, Python {about['python']} on {about['machine']}.\n"
        f"CEL is common-expression-language {about['cel']}, Custodian is c7n {about['custodian']} as it runs, "
        "filters are Custodian's called one by one.\n"
        "trace: verdict, reason and the whole trace. The peers give no reason.\n",
        highlight=False,
    )
    for goal in reached:
        mark, style = ("met", "green") if goal.met else ("missed", "bold red")
        console.print(f"[{style}]{mark:>6}[/]  {goal.ratio:6.3f} of at most {goal.at_most:<4g}  {goal.name}")


def _table(contests: Sequence[Contest]) -> Table:
    """One workload, a row for each size."""
    table = Table(title=contests[0].workload.title, box=SIMPLE_HEAD, padding=0, title_justify="left")
    for heading in (
        "policies",
        "distinct\nchecks",
        "verdict,\nreason",
        "trace",
        "CEL",
        "Custo-\ndian",
        "filters",
        "reason\n/ CEL",
        "trace\n/ CEL",
        "reason\n/ Cust",
    ):
        table.add_column(heading, justify="right", no_wrap=True, min_width=6)
    for contest in contests:
        table.add_row(
            f"{contest.policies}",
            f"{contest.workload.distinct_checks}",
            *(_written(contest.microseconds(engine)) for engine in ENGINES),
            *(f"{contest.ratio(engine, to):.3f}" for engine, to in ((OURS, CEL), (TRACED, CEL), (OURS, CUSTODIAN))),
        )
    return table


def _written(microseconds: float) -> str:
    return f"{microseconds:.1f}" if microseconds < 1000 else f"{microseconds:,.0f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluation", description="Evaluating beside its peers.")
    parser.add_argument("--output", choices=("table", "json"), default="table", help="what to print (default: table)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"samples of each figure (default: {ROUNDS})")
    chosen = parser.parse_args(arguments)
    if chosen.rounds < 1:
        parser.error(f"--rounds: expected at least 1, got {chosen.rounds}")
    errors = Console(stderr=True)
    try:
        with errors.status("Making the engines ready and comparing their answers"):
            contests = [prepare(name, size) for name in WORKLOADS for size in SIZES]
    except DisagreementError as disagreement:
        errors.print(f"The engines disagree: {disagreement}", markup=False)
        return 1
    with errors.status("Measuring"):
        measure(contests, chosen.rounds)
    reached = goals(contests)
    if chosen.output == "json":
        print(as_json(contests, reached, chosen.rounds))
    else:
        show(contests, reached, chosen.rounds, Console())
    return 0 if all(goal.met for goal in reached) else 1


if __name__ == "__main__":
    sys.exit(main())
