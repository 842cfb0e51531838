"""`batchgate policy`: write policies, check them, ask why."""

import json
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from batchgate.errors import GateError, JobDescriptionError, PolicyError, Problem
from batchgate.jobs.model import DateSurvives, Json, job_from_printed
from batchgate.policy.evaluate import evaluate_job
from batchgate.policy.facts import NOT_READ, Gap, Result, gather_facts
from batchgate.policy.moments import parse_moment
from batchgate.policy.reason import status_update_reason
from batchgate_cli.authoring import policy_file
from batchgate_cli.authoring.case_view import gaps_as_json, outcome_as_json, part_as_json, show_coverage, show_outcome
from batchgate_cli.authoring.cases import Coverage, Outcome, load_cases, run
from batchgate_cli.authoring.explain_view import INSTEAD_IN_WORDS, decision_as_json, decision_as_tree, done_instead
from batchgate_cli.authoring.lint_file import LocatedFinding, located_findings
from batchgate_cli.authoring.starter import STARTER_CASES, STARTER_POLICY
from batchgate_cli.exits import (
    POLICY_EXIT_CODES_HELP,
    TEST_EXIT_CODES_HELP,
    Exit,
    notes_of,
    printable_line,
    reported_errors,
    show_notes,
)
from batchgate_cli.operating.live_job import AwsOptions, look_at_live_job

app = typer.Typer(
    help="Check policies, and show how a job would be decided, and why.",
    no_args_is_help=True,
    epilog=TEST_EXIT_CODES_HELP,
)


DEPLOYMENT = Path("cdk.json")
_WIDTH_OF_FILES = 1000
"""Columns of output that nobody's terminal has to fit; long lines stay whole there."""


class Output(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"


class InputError(GateError):
    """A file given on the command line is not what it should be."""


PolicyPaths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH...",
        help="Policy files, or directories of them; together they are one policy set.",
        show_default=False,
    ),
]
OutputOption = Annotated[
    Output, typer.Option("--output", "-o", metavar="FORMAT", help="text for people, json for programs.")
]


@app.command(epilog=POLICY_EXIT_CODES_HELP)
def check(
    paths: PolicyPaths,
    strict: Annotated[bool, typer.Option("--strict", help="Findings fail too, with exit code 3.")] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Validate and lint policy files: every problem at once, with file, line and what was expected.

    A problem makes a policy invalid. A finding is valid but probably a mistake. If it is intended, add a
    comment: `# batchgate: allow(NAME) because REASON`. If the working directory has a deployment's cdk.json, its
    settings are used.
    """
    with reported_errors():
        try:
            loaded = policy_file.load(paths)
        except PolicyError as error:
            if any(problem.path for problem in error.problems):
                error.add_note("findings are reported when there are no more problems")
            if output is Output.TEXT:
                raise
            said = {"valid": False, "problems": _problems_as_json(error), "notes": notes_of(error), "findings": []}
            print(json.dumps(said, indent=2))
            raise typer.Exit(Exit.INVALID_POLICY) from error
        findings = located_findings(loaded, datetime.now(UTC).date(), _manifest_buckets())
        if output is Output.JSON:
            print(json.dumps(_checked_as_json(loaded, findings), indent=2))
        else:
            show_notes(_not_read(loaded))
            _show_checked(loaded, findings)
        if strict and findings:
            raise typer.Exit(Exit.INVALID_POLICY)


def _manifest_buckets() -> list[str] | None:
    """The setting of the deployment whose cdk.json lies in the working directory; None where there is none."""
    try:
        context = json.loads(DEPLOYMENT.read_text(encoding="utf-8"))["context"]["batchgate"]
        return [str(bucket) for bucket in context.get("manifest_buckets", [])]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _counts(loaded: policy_file.LoadedPolicy) -> dict[str, int]:
    document = loaded.policies.document
    return {
        "policies": len(document.policies or ()),
        "guardrails": len(document.guardrails or ()),
        "exceptions": len(document.exceptions or ()),
    }


def _not_read(loaded: policy_file.LoadedPolicy) -> list[str]:
    return [
        f"not read: {path}; only files directly in a directory belong to its policy set; name it too if it belongs"
        for path in loaded.not_read
    ]


def _checked_as_json(loaded: policy_file.LoadedPolicy, findings: list[LocatedFinding]) -> Json:
    return {
        "valid": True,
        "policy_version": loaded.policies.version,
        "mode": loaded.policies.document.mode,
        **_counts(loaded),
        "problems": [],
        "notes": [*_not_read(loaded)],
        "findings": [_finding_as_json(each) for each in findings],
    }


def _show_checked(loaded: policy_file.LoadedPolicy, findings: list[LocatedFinding]) -> None:
    console = text_console()
    for finding in findings:
        found = finding.finding
        console.print(
            Text.assemble((f"{finding.place}: ", "bold"), (f"{found.lint}: ", "yellow"), printable_line(found.why))
        )
        console.print(Text(f"    instead: {printable_line(found.instead)}"))
    counts = _counts(loaded)
    said = ", ".join(f"{count} {name if count != 1 else _SINGULAR[name]}" for name, count in counts.items() if count)
    if said and not loaded.policies.document.policies:
        said += " (no policy: nothing is approved)"
    said = said or "no statements, every job is held"
    found_said = f"; {len(findings)} finding{'' if len(findings) == 1 else 's'}" if findings else ""
    mode, version = loaded.policies.document.mode, loaded.policies.version
    console.print(f"valid: {said}; mode {mode}, policy version {version}{found_said}")


_SINGULAR = {"policies": "policy", "guardrails": "guardrail", "exceptions": "exception"}


@app.command(epilog=POLICY_EXIT_CODES_HELP)
def explain(  # noqa: PLR0913, PLR0917 - a command has the options that it has
    paths: PolicyPaths,
    job: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-",
            help="The job, as `aws s3control describe-job` prints it; - reads standard input.",
            show_default=False,
        ),
    ] = None,
    tags: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The job's tags, as `aws s3control get-job-tagging` prints them.", show_default=False
        ),
    ] = None,
    job_id: Annotated[
        str | None, typer.Option(metavar="ID", help="A live job instead, read from AWS.", show_default=False)
    ] = None,
    account_id: Annotated[
        str | None, typer.Option(metavar="ID", help="With --job-id: its account; the caller's own if not given.")
    ] = None,
    region: Annotated[str | None, typer.Option(metavar="REGION", help="With --job-id: its Region.")] = None,
    profile: Annotated[str | None, typer.Option(metavar="NAME", help="With --job-id: the AWS profile.")] = None,
    endpoint_url: Annotated[
        str | None, typer.Option(metavar="URL", help="With --job-id: S3 Control's endpoint.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT",
            help="Evaluate at this instant instead of now: ISO 8601 with an offset, such as 2026-11-22T22:30Z",
        ),
    ] = None,
    suspended_date_survives: Annotated[
        DateSurvives,
        typer.Option(
            metavar="WORD",
            help="unknown, true or false: the deployment's setting of this name; it matters for a job that was never"
            " seen Suspended.",
        ),
    ] = DateSurvives.UNKNOWN,
    untagged_answer_lacks_tags: Annotated[
        bool,
        typer.Option(
            "--untagged-answer-lacks-tags",
            help="With --job-id: the deployment's setting of this name is true, so an answer without tags means none.",
        ),
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Also show every check of statements that do not match the job.")
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show how the policies decide one job, and why: each statement, each requirement, the reason.

    The job comes from a file (--job) or from AWS (--job-id); it is only read, never changed.
    """
    if (job is None) == (job_id is None):
        raise typer.BadParameter("expected either --job or --job-id", param_hint="--job")
    aws = AwsOptions(profile, region, endpoint_url, account_id, untagged_answer_lacks_tags)
    if job is not None and aws != AwsOptions():
        raise typer.BadParameter("the AWS options go with --job-id", param_hint="--job")
    if job_id is not None and tags is not None:
        raise typer.BadParameter("a live job's tags are read from AWS", param_hint="--tags")
    instant = _instant(at)
    with reported_errors():
        policies = policy_file.load(paths).policies
        size: int | Gap = NOT_READ
        if job_id is not None:
            look, size = look_at_live_job(job_id, policies, aws)
            seen, job_tags = look.job, look.tags
        else:
            seen, job_tags = job_from_printed(_read_job(str(job))), _read_tags(tags)
        asks = seen.asks_for_confirmation(date_survives=suspended_date_survives)
        now = instant or datetime.now(UTC)
        decision = evaluate_job(policies, gather_facts(seen, now, asks=asks, tags=job_tags, manifest_bytes=size))
        instead = done_instead(seen, decision, suspended_date_survives)
        if output is Output.JSON:
            print(json.dumps(decision_as_json(decision, instead), indent=2))
            return
        console = text_console()
        console.print(decision_as_tree(decision, instead, everything=everything))
        if instead:
            console.print(Text(f"the gate, unless it has decided this job: {INSTEAD_IN_WORDS[instead]}"))
        else:
            console.print(Text(f"reason: {status_update_reason(decision)}"))


DEFAULT_CASES = Path("policies/cases")


@app.command("test", epilog=TEST_EXIT_CODES_HELP)
def run_cases(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH...]", help="Case files, or directories of them; policies/cases if not given."),
    ] = None,
    require_coverage: Annotated[
        bool,
        typer.Option("--require-coverage", help="Also fail (exit code 4) if something is not exercised by any case."),
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Run test cases against policies: jobs and the verdicts expected of them.

    Each file names the policies it tries. A policy set in shadow mode is tried as if enforced.
    """
    with reported_errors():
        coverage = Coverage()
        try:
            tried = load_cases(_case_files(paths or [DEFAULT_CASES]), coverage)
        except PolicyError as error:
            if output is Output.TEXT:
                raise
            print(json.dumps({"problems": _problems_as_json(error), "notes": notes_of(error), "cases": []}, indent=2))
            raise typer.Exit(Exit.INVALID_POLICY) from error
        outcomes: list[Outcome] = []
        console = text_console()
        for each in tried:
            if output is Output.TEXT:
                console.print(Text(str(each.file), "bold"))
            for outcome in run(each):
                outcomes.append(outcome)
                if output is Output.TEXT:
                    show_outcome(console, outcome)
        parts = list(coverage.parts())
        gaps = [gap for part in parts for gap in gaps_as_json(part)]
        failed = sum(1 for outcome in outcomes if outcome.failures)
        if output is Output.JSON:
            said = {
                "problems": [],
                "cases": [outcome_as_json(outcome) for outcome in outcomes],
                "coverage": [part_as_json(part) for part in parts],
                "unexercised": gaps,
            }
            print(json.dumps(said, indent=2))
        else:
            show_coverage(console, parts)
            console.print(f"{len(outcomes) - failed} passed, {failed} failed")
        if failed or (require_coverage and gaps):
            raise typer.Exit(Exit.CASE_FAILED)


def _case_files(paths: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        inside = (
            sorted(each for each in path.iterdir() if each.suffix in (".yaml", ".yml")) if path.is_dir() else [path]
        )
        if not inside:
            raise InputError(f"{path}: expected case files (*.yaml), got an empty directory")
        found += inside
    return found


@app.command()
def schema() -> None:
    """Print the JSON Schema of policy files, for editors."""
    from batchgate_cli.authoring.schema import policy_schema

    with reported_errors():
        print(json.dumps(policy_schema(), indent=2), flush=True)


@app.command()
def new(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The policy file to write; never overwritten.")],
) -> None:
    """Write a commented first policy in shadow mode, and cases for it that pass."""
    from batchgate_cli.authoring.schema import policy_schema

    with reported_errors():
        cases = path.parent / "cases" / path.name
        schema_file = path.parent / "policy.schema.json"
        for file in (path, cases):
            if file.exists():
                raise InputError(f"{file} exists already; choose another name")
        cases.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(STARTER_POLICY.format(schema=schema_file.name), encoding="utf-8")
        cases.write_text(STARTER_CASES.format(policy=path.name, cases=cases), encoding="utf-8")
        schema_file.write_text(json.dumps(policy_schema(), indent=2) + "\n", encoding="utf-8")
    print(f"wrote {path}, {cases} and {schema_file}")
    print(f"next: batchgate policy check {path} && batchgate policy test {cases}")


def text_console() -> Console:
    """Standard output; as wide as anything if it is no terminal, so that long lines stay whole."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH_OF_FILES
    return console


def _finding_as_json(located: LocatedFinding) -> Json:
    place, found = located.place, located.finding
    return {
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "lint": found.lint,
        "why": found.why,
        "instead": found.instead,
    }


def _problems_as_json(error: PolicyError) -> list[Json]:
    return [_problem_as_json(problem) for problem in error.problems]


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
        is_yaml = str(source).endswith((".yaml", ".yml"))
        got = "a YAML file; call aws with --output json" if is_yaml else str(error)
        raise InputError(f"{source}: expected JSON as {what} prints it, got {got}") from error
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


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_moment(text)
    except ValueError as error:
        message = f"expected a date or an instant with its offset such as 2026-11-22T22:30:00Z, got {text!r}"
        raise typer.BadParameter(message, param_hint="--at") from error
