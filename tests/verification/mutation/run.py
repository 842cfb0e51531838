"""Evaluate the mutants that mutants.py wrote: killed by a test, or explained as no change at all, or neither.

Each mutant runs in a forked process that takes the mutated text for the module's, so that no file
is ever changed. Processor time is limited, not time on the clock: a busy machine gives the same
result. Exit status 1 where a mutant survives unexplained, or where an explanation is out of date.
"""

import argparse
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import signal
import sys
import tomllib
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import msgspec

CHECKOUT = Path(__file__).resolve().parents[3]
EXPLAINED = Path(__file__).parent / "explained.toml"

STAGES = {
    "evaluate": (
        ("test_evaluate", "test_values_stay"),
        ("test_approvals", "test_budgets", "test_until"),
        ("test_unknown_members", "test_trace", "test_evaluate_laws", "test_language_agrees_with_oracle"),
    ),
    "checks": (
        ("test_checks", "test_checks_in_words", "test_values_stay"),
        ("test_evaluate", "test_costs", "test_budgets", "test_unknown_members"),
        ("test_approvals", "test_trace", "test_language_agrees_with_oracle"),
    ),
    "calendars": (("test_calendars", "test_values_stay"), ("test_calendars_oracle",), ("test_until",)),
}
"""The unit tests that evaluate a module, the likeliest to notice first; where one stage fails, the next is not run."""

# Left out: tests that evaluate wrongly on purpose, which fail whatever the module does; and where one test runs for
# forty zones or a whole year, all but the zones that are unlike any other.
_SELECTED = (
    "not test_a_wrong_evaluator_breaks and not test_an_evaluation_that_is_a_second_off"
    " and not whole_year and not every_packaged_zone"
    " and (not (every_change_of_clocks or every_minute) or Lord_Howe or Apia)"
)
_MEMORY_BYTES = 2 << 30
_SECONDS = 5.0
_TIMES = 3.0
"""A stage may take three times the processor time that it takes of the unchanged module, and five seconds."""

KILLED, TIMED_OUT, EXPLAINED_AWAY, UNEXPLAINED = "killed", "timed out", "explained", "unexplained"


class Mutant(msgspec.Struct, frozen=True):
    """One line of what mutants.py writes. `nth`: of those with the same text in the same place."""

    module: str
    line: int
    operator: str
    where: str
    was: str
    becomes: str
    nth: int
    code: str

    def __str__(self) -> str:
        """As a difference."""
        nth = f" (number {self.nth} of its kind)" if self.nth > 1 else ""
        lines = [f"- {line}" for line in self.was.splitlines()] + [f"+ {line}" for line in self.becomes.splitlines()]
        return "\n".join([f"{self.module}.py:{self.line} {self.where}{nth}", *lines])


class Explanation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why no test can tell some mutants of one place from the module.

    Attributes:
        where: The definition they are in; empty for all of the module.
        nth: Which of those with the same text there; None for all of them.
    """

    module: str
    was: str
    becomes: list[str]
    why: str
    where: str = ""
    nth: int | None = None

    def covers(self, mutant: Mutant, becomes: str) -> bool:
        """Whether this mutant is meant."""
        return (
            (self.module, self.was, becomes) == (mutant.module, mutant.was, mutant.becomes)
            and self.where in ("", mutant.where)
            and self.nth in (None, mutant.nth)
        )


class _MutatedModule(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module of the policy package from another text."""

    def __init__(self, mutant: Mutant) -> None:
        self._name = f"batchgate.policy.{mutant.module}"
        self._path = str(CHECKOUT / "functions" / "batchgate" / "policy" / f"{mutant.module}.py")
        self._code = mutant.code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The mutated module, and nothing else."""
        return importlib.util.spec_from_loader(fullname, self, origin=self._path) if fullname == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the mutated text."""
        exec(compile(self._code, self._path, "exec"), module.__dict__)  # noqa: S102 the mutants are this repository's code


def _warm() -> None:
    """Import once what every mutant's process needs; name the profile that has neither luck nor shrinking."""
    for name in ("dateutil.rrule", "dateutil.zoneinfo", "recurring_ical_events"):
        importlib.import_module(name)
    from hypothesis import HealthCheck, Phase, settings

    settings.register_profile(
        "mutate",
        deadline=None,
        derandomize=True,
        database=None,
        max_examples=25,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    os.environ |= {"HYPOTHESIS_PROFILE": "mutate", "ORACLE_DOCUMENTS": "25"}
    if os.environ.get("PYTHONHASHSEED") != "0":
        raise SystemExit("mutation testing needs PYTHONHASHSEED=0, or the order of sets differs from run to run")
    # pytest, its plugins and conftest.py: most of the time that a killed mutant takes.
    _pytest("--collect-only", "-qq", str(CHECKOUT / "conftest.py"))
    loaded = [name for name in sys.modules if name.startswith("batchgate.policy")]
    if loaded:
        raise SystemExit(f"loaded before any mutant is: {', '.join(loaded)}")


def _pytest(*arguments: str) -> int:
    import pytest

    without = [f"no:{name}" for name in ("cacheprovider", "xdist", "benchmark", "faulthandler")]
    plugins = [part for name in without for part in ("-p", name)]
    return int(pytest.main(["--assert=plain", *plugins, *arguments]))


def _run_stage(stage: Sequence[str]) -> int:
    files = [str(CHECKOUT / "tests" / "unit" / "policy" / f"{name}.py") for name in stage]
    return _pytest("-x", "-q", "--tb=no", "-k", _SELECTED, *files)


def _evaluate_and_exit(mutant: Mutant, limits: Sequence[float], report: int | None) -> NoReturn:
    """In a process of its own: 0 where the mutant survives, 1 where it does not, 3 where this file is mistaken."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    errors = os.dup(2)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    exit_status = 3
    try:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        sys.meta_path.insert(0, _MutatedModule(mutant))
        status, took = _run_stages(mutant.module, limits)
        if report is not None:
            os.write(report, json.dumps([status, took]).encode())
        # 1: a test failed; 2: the module could not even be imported; 3: pytest itself failed, as without memory.
        exit_status = {0: 0, 1: 1, 2: 1, 3: 1}.get(status, 3)
    except BaseException:  # noqa: BLE001 whatever it is, this process ends here
        os.write(errors, traceback.format_exc().encode())
    os._exit(exit_status)


def _run_stages(module: str, limits: Sequence[float]) -> tuple[int, list[float]]:
    """Pytest's exit status of the first stage that fails, or of the last; the processor seconds of each that ran."""
    status, took = 0, list[float]()
    for number, stage in enumerate(STAGES[module]):
        before = _processor_seconds()
        if limits:
            soft = int(before + limits[number]) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
            signal.alarm(20 * soft)
        status = _run_stage(stage)
        took.append(_processor_seconds() - before)
        if status:
            break
    return status, took


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _limits(module: str) -> list[float]:
    """Processor seconds for each stage, from a run of the unchanged module, which must pass."""
    code = (CHECKOUT / "functions" / "batchgate" / "policy" / f"{module}.py").read_text(encoding="utf-8")
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _evaluate_and_exit(Mutant(module, 0, "", "", "", "", 1, code), (), writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    status, took = json.loads(said) if said else (None, [])
    if status != 0:
        raise SystemExit(f"the tests of {module}.py fail although nothing is changed (pytest's exit status {status})")
    return [_TIMES * seconds + _SECONDS for seconds in took]


def evaluate(mutants: Sequence[Mutant], limits: Mapping[str, Sequence[float]], workers: int) -> list[str | None]:
    """What became of each mutant: killed, timed out, or None where it survives."""
    outcomes: dict[int, str | None] = {}
    running: dict[int, int] = {}
    waiting = iter(range(len(mutants)))
    while True:
        while len(running) < workers and (number := next(waiting, None)) is not None:
            pid = os.fork()
            if pid == 0:
                _evaluate_and_exit(mutants[number], limits[mutants[number].module], None)
            running[pid] = number
        if not running:
            return [outcomes[number] for number in range(len(mutants))]
        pid, status = os.wait()
        number = running.pop(pid)
        outcomes[number] = _outcome(mutants[number], status)
        if outcomes[number] is None:
            sys.stderr.write(f"\rsurvives: {mutants[number]}\n")
        _show_progress(len(outcomes), len(mutants), outcomes.values())


def _outcome(mutant: Mutant, status: int) -> str | None:
    if os.WIFSIGNALED(status):
        return TIMED_OUT if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGALRM) else KILLED
    exit_status = os.WEXITSTATUS(status)
    if exit_status not in (0, 1):
        raise SystemExit(f"a process that evaluated a mutant ended with status {exit_status}:\n{mutant}")
    return KILLED if exit_status else None


def _show_progress(done: int, total: int, outcomes: Iterable[str | None]) -> None:
    at_terminal = sys.stderr.isatty()
    if at_terminal or done % 50 == 0 or done == total:
        count = Counter(outcomes)
        text = f"{done} of {total}: {count[KILLED]} killed, {count[TIMED_OUT]} timed out, {count[None]} survive"
        sys.stderr.write(f"\r{text}" if at_terminal and done < total else f"\r{text}\n" if at_terminal else f"{text}\n")
        sys.stderr.flush()


def explain(
    mutants: Sequence[Mutant], outcomes: Sequence[str | None], explanations: Sequence[Explanation]
) -> tuple[list[str], list[str]]:
    """Every mutant's outcome with the survivors told apart, and every explanation that no survivor needs."""
    survivors = [mutant for mutant, outcome in zip(mutants, outcomes, strict=True) if outcome is None]
    pairs = [(explanation, becomes) for explanation in explanations for becomes in explanation.becomes]
    explained = {id(mutant) for mutant in survivors for pair in pairs if pair[0].covers(mutant, pair[1])}
    stale = [
        f"{explanation.module}.py {explanation.where}\n- {explanation.was}\n+ {becomes}"
        for explanation, becomes in pairs
        if not any(explanation.covers(mutant, becomes) for mutant in survivors)
    ]
    told = [
        outcome or (EXPLAINED_AWAY if id(mutant) in explained else UNEXPLAINED)
        for mutant, outcome in zip(mutants, outcomes, strict=True)
    ]
    return told, stale


def table(mutants: Sequence[Mutant], outcomes: Sequence[str]) -> str:
    """One row for each module, and one for all."""
    columns = (KILLED, TIMED_OUT, EXPLAINED_AWAY, UNEXPLAINED)
    rows: list[tuple[str, ...]] = [("module", "mutants", *columns)]
    for module in [*dict.fromkeys(mutant.module for mutant in mutants), "all"]:
        count = Counter(
            outcome for mutant, outcome in zip(mutants, outcomes, strict=True) if module in ("all", mutant.module)
        )
        rows.append((module, str(count.total()), *(str(count[column]) for column in columns)))
    return "\n".join("".join(f"{cell:>12}" if at else f"{cell:<10}" for at, cell in enumerate(row)) for row in rows)


def main() -> int:
    """Evaluate, show, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mutants", type=Path, nargs="+", help="what mutants.py wrote")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="how many mutants at once")
    arguments = parser.parse_args()
    lines = [line for file in arguments.mutants for line in file.read_bytes().splitlines()]
    mutants = [msgspec.json.decode(line, type=Mutant) for line in lines]
    modules = list(dict.fromkeys(mutant.module for mutant in mutants))
    listed = msgspec.convert(tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))["mutants"], list[Explanation])
    _warm()
    limits = {module: _limits(module) for module in modules}
    survived_or_not = evaluate(mutants, limits, arguments.workers)
    outcomes, stale = explain(mutants, survived_or_not, [each for each in listed if each.module in modules])
    for mutant, outcome in zip(mutants, outcomes, strict=True):
        if outcome == UNEXPLAINED:
            sys.stdout.write(f"\nsurvives, and {EXPLAINED.name} does not say why: {mutant}\n")
    for text in stale:
        sys.stdout.write(f"\nexplained in {EXPLAINED.name}, but killed or gone: {text}\n")
    sys.stdout.write(f"\n{table(mutants, outcomes)}\n")
    return 1 if stale or UNEXPLAINED in outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
