"""How long the command takes to answer, beside `aws --version`: whole processes, taken in turns, medians."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
BATCHGATE = str(CHECKOUT / ".venv" / "bin" / "batchgate")
AWS = str(CHECKOUT / ".venv-awscli" / "bin" / "aws")
EXAMPLES = "policies/examples"

GOALS = {
    "--version": 0.15,
    "--help": 0.4,
    f"policy check {EXAMPLES}/small-jobs.yaml": 0.5,
    f"policy explain {EXAMPLES}/small-jobs.yaml --job docs/examples/job.json --tags docs/examples/tags.json": 0.5,
    f"policy test {EXAMPLES}/cases/small-jobs.yaml": 0.5,
}
"""The most that a command may take, as a part of what `aws --version` takes."""


def seconds(command: list[str]) -> float:
    """One whole process, with bytecode kept."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    subprocess.run(command, cwd=CHECKOUT, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def main() -> int:
    """Print a table or JSON; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", choices=["table", "json"], default="table")
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    commands = {"aws --version": [AWS, "--version"], **{each: [BATCHGATE, *each.split()] for each in GOALS}}
    taken: dict[str, list[float]] = {each: [] for each in commands}
    for number in range(options.rounds + 1):
        for each, command in commands.items():
            spent = seconds(command)
            if number:  # the first round fills caches
                taken[each].append(spent)
    medians = {each: statistics.median(found) for each, found in taken.items()}
    ratios = {each: medians[each] / medians["aws --version"] for each in GOALS}
    if options.output == "json":
        print(json.dumps({"seconds": medians, "ratios": ratios, "goals": GOALS}, indent=2))
    else:
        print(f"{'command':<72}{'seconds':>8}{'of aws':>8}{'goal':>8}")
        print(f"{'aws --version':<72}{medians['aws --version']:>8.3f}{1:>8.2f}")
        for each, goal in GOALS.items():
            print(f"{f'batchgate {each}':<72}{medians[each]:>8.3f}{ratios[each]:>8.2f}{goal:>8.2f}")
    return int(any(ratios[each] > goal for each, goal in GOALS.items()))


if __name__ == "__main__":
    sys.exit(main())
