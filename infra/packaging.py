"""The code and the policies of a deployment, as the stack takes them."""

import os
from datetime import date
from pathlib import Path

from aws_cdk import Annotations
from aws_cdk import aws_lambda as lambda_
from constructs import IConstruct

from batchgate.errors import GateError, PolicyError
from batchgate_cli.authoring import cases, policy_file
from batchgate_cli.authoring.case_file import read_case_file
from batchgate_cli.authoring.lint_file import located_findings
from batchgate_cli.authoring.policy_file import LoadedPolicy
from infra.gate_asset import CHECKOUT, PythonVersion, asset_hash, built_asset
from infra.settings import Settings, SettingsError


class PolicyCheckError(GateError):
    """The policies are valid, but have findings or failing test cases that the settings say not to deploy."""


def gate_code(scope: IConstruct, settings: Settings, python: PythonVersion) -> lambda_.Code:
    """Build the code that every function of the gate runs.

    Args:
        scope: Where warnings about the asset are added.
        settings: Their architecture is built for.
        python: The Python that runs the functions.

    Raises:
        AssetError: The asset can't be built on this machine.
    """
    asset = built_asset(architecture=settings.architecture, version=python)
    if not any(asset.rglob("*.pyc")):
        Annotations.of(scope).add_warning_v2(
            "batchgate:no-bytecode",
            f"Python {python[0]}.{python[1]} is not installed, so the functions are deployed without bytecode: they "
            "work, but cold starts take more than twice as long. "
            f"`uv python install {python[0]}.{python[1]}` installs it",
        )
    return lambda_.Code.from_asset(str(asset), asset_hash=asset_hash(asset))


def load_policies(settings: Settings) -> LoadedPolicy:
    """Read the policies of the settings.

    Raises:
        PolicyError: A policy file is invalid; the message has file, line and reason.
        SettingsError: A policy file can't be read.
    """
    try:
        return policy_file.load(_paths(settings))
    except OSError as error:
        message = f"setting policy_files: {error.filename}: {error.strerror}"
        raise SettingsError(message) from error


def check_policies(scope: IConstruct, settings: Settings, loaded: LoadedPolicy, today: date) -> None:
    """Lint the policies and run their test cases, as `batchgate policy check` and `policy test` do.

    Args:
        scope: Where the cdk command's warnings are added.
        settings: How hard each of the two is.
        loaded: The policies of the settings.
        today: The date, in UTC, from which on windows, closed dates and exceptions count.

    Raises:
        PolicyCheckError: There are findings, or cases that failed, and the settings say that these fail.
    """
    found = {
        "policy_findings": []
        if settings.policy_findings == "ignore"
        else [(each.finding.lint, str(each)) for each in located_findings(loaded, today, settings.manifest_buckets)],
        "policy_cases": [] if settings.policy_cases == "ignore" else _run_cases(scope, settings),
    }
    failing = {name: each for name, each in found.items() if each and getattr(settings, name) == "fail"}
    for each in (each for name, each in found.items() if name not in failing):
        for what, line in each:
            Annotations.of(scope).add_warning_v2(f"batchgate:{what}:{line.partition(': ')[0]}", line)
    if failing:
        lines = "\n  ".join(line for each in failing.values() for _, line in each)
        instead = " and ".join(f'{name} to "warn"' for name in failing)
        message = f"the policies were not deployed:\n  {lines}\nFix these, or set {instead} to deploy nevertheless"
        raise PolicyCheckError(message)


def _paths(settings: Settings) -> list[Path]:
    return [Path(os.path.relpath(CHECKOUT / name)) for name in settings.policy_files]  # short in messages


def _run_cases(scope: IConstruct, settings: Settings) -> list[tuple[str, str]]:
    """Run the files of cases in `cases/` beside the policy files that try one of them; returns what failed."""
    directories = dict.fromkeys(path if path.is_dir() else path.parent for path in _paths(settings))
    written = [file for each in directories for file in sorted((each / "cases").glob("*.y*ml"))]
    try:
        tried = cases.load_cases([file for file in written if _tries_one_of(file, settings)], cases.Coverage())
    except PolicyError as error:
        return [("case", str(problem)) for problem in error.problems]
    except OSError as error:
        return [("case", f"{error.filename}: {error.strerror}")]
    outcomes = [outcome for each in tried for outcome in cases.run(each)]
    if outcomes:
        Annotations.of(scope).add_info(f"{len(outcomes)} test cases of the policies were run")
    for warning in (warning for outcome in outcomes for warning in outcome.warnings):
        Annotations.of(scope).add_warning_v2(f"batchgate:case:{warning.place}", str(warning))
    return [
        ("case", f"{outcome.place or outcome.file}: {outcome.case.name!r}: {each.what}: {_compared(each)}")
        for outcome in outcomes
        for each in outcome.failures
    ]


def _compared(failure: cases.Failure) -> str:
    return f"expected {failure.expected}, got {failure.actual}"


def _tries_one_of(file: Path, settings: Settings) -> bool:
    """Whether a file of cases is about the policies of the settings; one that does not say so may be."""
    policy = read_case_file(file).policy
    named = (policy,) if isinstance(policy, str) else policy
    deployed = [os.path.realpath(path) for path in _paths(settings)]
    tried = [os.path.realpath(file.parent / name) for name in named or ()]
    return named is None or any({path, str(Path(path).parent)} & {*deployed} for path in tried)
