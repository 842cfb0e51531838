"""`batchgate policy`: write policies, check them, ask why."""

import json
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import policy_file
from batchgate.errors import BatchgateError, JobDescriptionError, PolicyError, Problem
from batchgate.jobs.model import Json
from batchgate.policy.decide import decide
from batchgate.policy.facts import Gap, Result, facts_from_description
from batchgate_cli.exits import EXIT_CODES_HELP, Exit, told_errors
from batchgate_cli.explain_view import decision_as_json, decision_as_tree

app = typer.Typer(
    help="Check policies and ask why a job would be decided how.", no_args_is_help=True, epilog=EXIT_CODES_HELP
)


_WIDTH_OF_FILES = 1000
"""Columns of output that nobody's terminal has to fit; long lines stay whole there."""


class Output(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"


class InputError(BatchgateError):
    """A file given on the command line is not what it should be."""


PolicyPaths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH...",
        help="Policy files, or directories of them; together they are one policy set.",
        show_default=False,
    ),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="For people, or for programs.")]


@app.command()
def check(paths: PolicyPaths, output: OutputOption = Output.TEXT) -> None:
    """Validate policy files: every problem at once, with file, line and what was expected."""
    with told_errors():
        try:
            loaded = policy_file.load(paths)
        except PolicyError as error:
            if output is Output.TEXT:
                raise
            print(
                json.dumps({"valid": False, "problems": [_problem_as_json(each) for each in error.problems]}, indent=2)
            )
            raise typer.Exit(Exit.INVALID_POLICY) from error
    document = loaded.policies.document
    counts = {
        "policies": len(document.policies or ()),
        "guardrails": len(document.guardrails or ()),
        "exceptions": len(document.exceptions or ()),
    }
    if output is Output.JSON:
        print(
            json.dumps(
                {"valid": True, "policy_version": loaded.policies.version, "mode": document.mode, **counts}, indent=2
            )
        )
        return
    said = ", ".join(f"{count} {name if count != 1 else _SINGULAR[name]}" for name, count in counts.items() if count)
    said = said or "no statements, every job is held"
    print(f"valid: {said}; mode {document.mode}, policy version {loaded.policies.version}")


_SINGULAR = {"policies": "policy", "guardrails": "guardrail", "exceptions": "exception"}


@app.command()
def explain(
    paths: PolicyPaths,
    job: Annotated[
        str,
        typer.Option(
            metavar="FILE|-",
            help="The job, as `aws s3control describe-job` prints it; - reads standard input.",
            show_default=False,
        ),
    ],
    tags: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Its tags, as `aws s3control get-job-tagging` prints them.", show_default=False
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="ISO 8601, such as 2026-11-22T22:30:00+01:00; now if not given."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also every check of statements that do not govern.")
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what the policies say of one job, and why: each statement, each requirement, the reason.

    Nothing is changed and no AWS call is made.
    """
    with told_errors():
        policies = policy_file.load(paths).policies
        facts = facts_from_description(_read_job(job), _instant(at), tags=_read_tags(tags))
        decision = decide(policies, facts)
    if output is Output.JSON:
        print(json.dumps(decision_as_json(decision), indent=2))
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH_OF_FILES
    console.print(decision_as_tree(decision, everything=everything))
    console.print(f"reason: {decision_as_json(decision)['reason']}", markup=False)


def _problem_as_json(problem: Problem) -> Json:
    return {
        "file": problem.place.file if problem.place else None,
        "line": problem.place.line if problem.place else None,
        "column": problem.place.column if problem.place else None,
        "path": problem.where,
        "message": problem.message,
    }


def _read_json(source: Path | str, what: str) -> dict[str, Json]:
    text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"{source}: expected JSON as {what} prints it: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{source}: expected a JSON object as {what} prints it")
    return value


def _read_job(source: str) -> dict[str, Json]:
    description = _read_json(source, "`aws s3control describe-job`")
    if "Job" not in description and "JobArn" not in description:
        raise JobDescriptionError(f'{source}: expected {{"Job": {{...}}}} as `aws s3control describe-job` prints it')
    return description


def _read_tags(source: Path | None) -> dict[str, str] | Gap:
    if source is None:
        return Gap(Result.UNMEASURABLE, "no tags were given, see --tags")
    listed = _read_json(source, "`aws s3control get-job-tagging`").get("Tags")
    tags: dict[str, str] = {}
    for tag in listed if isinstance(listed, list) else [None]:
        key, value = (tag.get("Key"), tag.get("Value")) if isinstance(tag, dict) else (None, None)
        if not isinstance(key, str) or not isinstance(value, str):
            raise InputError(f'{source}: expected {{"Tags": [{{"Key": ..., "Value": ...}}]}}')
        tags[key] = value
    return tags


def _instant(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"expected an ISO 8601 instant such as 2026-11-22T22:30:00Z, got {text!r}", param_hint="--at"
        ) from error
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
