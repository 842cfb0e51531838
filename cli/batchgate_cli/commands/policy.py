"""`batchgate policy`: write, check and test policies, and explain decisions."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from batchgate.errors import GateError, JobDescriptionError, PolicyError
from batchgate.jobs.model import DateSurvives, Json, job_from_printed
from batchgate.policy.approvals import Approval
from batchgate.policy.facts import NOT_READ, Gap, Result, gather_facts
from batchgate.policy.moments import parse_moment
from batchgate_cli.commands import policy_compile, policy_diff, policy_simulate, replay
from batchgate_cli.exits import (
    POLICY_EXIT_CODES_HELP,
    TEST_EXIT_CODES_HELP,
    Exit,
    notes_of,
    problems_as_json,
    reported_errors,
    show_notes,
)
from batchgate_cli.groups import argument, command_group, option
from batchgate_cli.operating.options import AwsOptions
from batchgate_cli.output import Output, OutputOption, print_line, printable_line

if TYPE_CHECKING:
    from batchgate_cli.authoring.cases import Outcome
    from batchgate_cli.authoring.lint_file import LocatedFinding
    from batchgate_cli.authoring.policy_file import LoadedPolicy

app = command_group(
    "Write, check, test and compare policies, and show how and why they decide a job.", TEST_EXIT_CODES_HELP
)

DEPLOYMENT = Path("cdk.json")


class InputError(GateError):
    """A file named on the command line is missing or of another kind."""


PolicyPaths = Annotated[
    list[Path],
    argument(
        metavar="PATH...",
        help="Policy files, or directories of them; together they are one policy set.",
    ),
]


@app.add(epilog=POLICY_EXIT_CODES_HELP)
def check(
    paths: PolicyPaths,
    strict: Annotated[bool, option("--strict", help="Exit with code 3 if there are findings, too.")] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Validate and lint policy files: report all problems at once, with file, line and what was expected.

    A problem makes a policy invalid. A finding is valid but probably a mistake. If it is intended, add a
    comment: `# batchgate: allow(NAME) because REASON`. If the working directory has a deployment's cdk.json, its
    settings are used.
    """
    from batchgate_cli.authoring import policy_file
    from batchgate_cli.authoring.lint_file import located_findings

    with reported_errors():
        try:
            loaded = policy_file.load(paths)
        except PolicyError as error:
            if any(problem.path for problem in error.problems):
                error.add_note("findings are reported when there are no more problems")
            if output is Output.TEXT:
                raise
            result = {"valid": False, "problems": problems_as_json(error), "notes": notes_of(error), "findings": []}
            print(json.dumps(result, indent=2))
            raise click.exceptions.Exit(Exit.INVALID_POLICY) from error
        findings = located_findings(loaded, datetime.now(UTC).date(), _manifest_buckets())
        if output is Output.JSON:
            print(json.dumps(_checked_as_json(loaded, findings), indent=2))
        else:
            show_notes(_not_read(loaded))
            _show_checked(loaded, findings)
        if strict and findings:
            raise click.exceptions.Exit(Exit.INVALID_POLICY)


def _manifest_buckets() -> list[str] | None:
    """The setting of the deployment whose cdk.json lies in the working directory; None where there is none."""
    try:
        context = json.loads(DEPLOYMENT.read_text(encoding="utf-8"))["context"]["batchgate"]
        return [str(bucket) for bucket in context.get("manifest_buckets", [])]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _counts(loaded: "LoadedPolicy") -> dict[str, int]:
    document = loaded.document
    return {
        "policies": len(document.policies or ()),
        "guardrails": len(document.guardrails or ()),
        "exceptions": len(document.exceptions or ()),
    }


def _not_read(loaded: "LoadedPolicy") -> list[str]:
    return [
        f"not read: {path}; only files directly in a directory belong to its policy set; name it too if it belongs"
        for path in loaded.not_read
    ]


def _checked_as_json(loaded: "LoadedPolicy", findings: "list[LocatedFinding]") -> Json:
    return {
        "valid": True,
        "policy_version": loaded.policies.version,
        "mode": loaded.document.mode,
        **_counts(loaded),
        "problems": [],
        "notes": [*_not_read(loaded)],
        "findings": [_finding_as_json(each) for each in findings],
    }


def _show_checked(loaded: "LoadedPolicy", findings: "list[LocatedFinding]") -> None:
    for finding in findings:
        found = finding.finding
        print_line((f"{finding.place}: ", "bold"), (f"{found.lint}: ", "yellow"), printable_line(found.why))
        print_line(f"    instead: {printable_line(found.instead)}")
    counts = _counts(loaded)
    summary = ", ".join(f"{count} {name if count != 1 else _SINGULAR[name]}" for name, count in counts.items() if count)
    if summary and not loaded.document.policies:
        summary += " (no policy: nothing is approved)"
    summary = summary or "no statements, every job is held"
    listed = f"; {len(findings)} finding{'' if len(findings) == 1 else 's'}" if findings else ""
    mode, version = loaded.document.mode, loaded.policies.version
    print_line(f"valid: {summary}; mode {mode}, policy version {version}{listed}")


_SINGULAR = {"policies": "policy", "guardrails": "guardrail", "exceptions": "exception"}


@app.add(epilog=POLICY_EXIT_CODES_HELP)
def explain(  # noqa: PLR0913, PLR0917 - a command has the options that it has
    paths: PolicyPaths,
    job: Annotated[
        str | None,
        option(
            metavar="FILE|-",
            help="The job, as `aws s3control describe-job` prints it; - reads standard input.",
            show_default=False,
        ),
    ] = None,
    tags: Annotated[
        Path | None,
        option(
            metavar="FILE", help="The job's tags, as `aws s3control get-job-tagging` prints them.", show_default=False
        ),
    ] = None,
    job_id: Annotated[
        str | None, option(metavar="ID", help="A live job instead, read from AWS.", show_default=False)
    ] = None,
    account_id: Annotated[
        str | None, option(metavar="ID", help="With --job-id: its account; the caller's own if not given.")
    ] = None,
    region: Annotated[str | None, option(metavar="REGION", help="With --job-id: its Region.")] = None,
    profile: Annotated[str | None, option(metavar="NAME", help="With --job-id: the AWS profile.")] = None,
    endpoint_url: Annotated[str | None, option(metavar="URL", help="With --job-id: S3 Control's endpoint.")] = None,
    at: Annotated[
        str | None,
        option(
            metavar="INSTANT",
            help="Evaluate at this instant instead of now: a date, or ISO 8601 with an offset, such as"
            " 2026-11-22T22:30Z.",
        ),
    ] = None,
    approved_by: Annotated[
        list[str] | None,
        option(
            metavar="ARN",
            help="Somebody who approved the job as it is, such as"
            " arn:aws:sts::111122223333:assumed-role/lake-oncall/ana; repeat it for several.",
            show_default=False,
        ),
    ] = None,
    requester: Annotated[
        str | None,
        option(metavar="ARN", help="Who created the job; not known if not given.", show_default=False),
    ] = None,
    suspended_date_survives: Annotated[
        DateSurvives,
        option(
            metavar="WORD",
            help="unknown, true or false: the deployment's setting of this name; it matters for a job that was never"
            " seen Suspended.",
        ),
    ] = DateSurvives.UNKNOWN,
    untagged_answer_lacks_tags: Annotated[
        bool,
        option(
            "--untagged-answer-lacks-tags",
            help="With --job-id: set it if the deployment's setting of this name is true; an answer without tags then"
            " means that the job has none.",
        ),
    ] = False,
    everything: Annotated[
        bool, option("--all", help="Also show every check of statements that do not match the job.")
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show how the policies decide one job and why: each statement, each requirement, the reason on the job.

    The job comes from a file (--job) or from AWS (--job-id); it is only read, never changed.
    """
    if (job is None) == (job_id is None):
        got = "neither" if job is None else "both"
        raise click.UsageError(f"expected either --job FILE or --job-id ID, got {got}")
    aws = AwsOptions(profile, region, endpoint_url, account_id, untagged_answer_lacks_tags)
    if job is not None and aws != AwsOptions():
        raise click.UsageError("the AWS options apply to --job-id only; remove them, or replace --job by --job-id")
    if job_id is not None and tags is not None:
        raise click.UsageError("--tags applies to --job only: with --job-id the tags are read from AWS")
    for name, arn in [*(("--approved-by", each) for each in approved_by or ()), ("--requester", requester)]:
        if arn is not None and not arn.startswith("arn:"):
            example = "arn:aws:sts::111122223333:assumed-role/lake-oncall/ana"
            raise click.UsageError(f"{name}: expected an ARN such as {example}, got {arn}")
    instant = _instant(at)
    from batchgate.policy.evaluate import evaluate_job
    from batchgate.policy.explanation import decision_as_json
    from batchgate.policy.reason import status_update_reason
    from batchgate_cli.authoring import policy_file
    from batchgate_cli.authoring.explain_view import INSTEAD_IN_WORDS, done_instead, show_tree

    with reported_errors():
        policies = policy_file.load(paths).policies
        size: int | Gap = NOT_READ
        if job_id is not None:
            from batchgate_cli.operating.live_job import read_live_job

            snapshot, size = read_live_job(job_id, policies, aws)
            seen, job_tags = snapshot.job, snapshot.tags
        else:
            seen, job_tags = job_from_printed(_read_job(str(job))), _read_tags(tags)
        asks = seen.asks_for_confirmation(date_survives=suspended_date_survives)
        now = instant or datetime.now(UTC)
        facts = gather_facts(
            seen,
            now,
            asks=asks,
            tags=job_tags,
            manifest_bytes=size,
            approvals=[Approval(who, now, "", digest="") for who in approved_by or ()],
            requester=requester or Gap(Result.UNMEASURABLE, "--requester is not given"),
        )
        decision = evaluate_job(policies, facts)
        instead = done_instead(seen, decision, suspended_date_survives)
        if output is Output.JSON:
            print(json.dumps(decision_as_json(decision, instead), indent=2))
            return
        show_tree(decision, instead, everything=everything)
        if instead:
            print_line(f"the gate, unless it has decided this job: {INSTEAD_IN_WORDS[instead]}")
        else:
            print_line(f"reason: {status_update_reason(decision)}")


DEFAULT_CASES = Path("policies/cases")


@app.add("test", epilog=TEST_EXIT_CODES_HELP)
def run_cases(
    paths: Annotated[
        list[Path] | None,
        argument(metavar="[PATH...]", help="Case files, or directories of them; policies/cases if not given."),
    ] = None,
    require_coverage: Annotated[
        bool,
        option("--require-coverage", help="Exit with code 4 if no case exercises a statement or requirement, too."),
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Run test cases against policies: jobs and the verdicts expected of them.

    Each file names the policies it tries. A policy set in shadow mode is tried as if enforced.
    """
    from batchgate_cli.authoring.case_view import (
        gaps_as_json,
        outcome_as_json,
        part_as_json,
        show_coverage,
        show_outcome,
    )
    from batchgate_cli.authoring.cases import Coverage, load_cases, run

    with reported_errors():
        coverage = Coverage()
        try:
            tried = load_cases(_case_files(paths or [DEFAULT_CASES]), coverage)
        except PolicyError as error:
            if output is Output.TEXT:
                raise
            print(json.dumps({"problems": problems_as_json(error), "notes": notes_of(error), "cases": []}, indent=2))
            raise click.exceptions.Exit(Exit.INVALID_POLICY) from error
        outcomes: list[Outcome] = []
        for each in tried:
            if output is Output.TEXT:
                print_line((str(each.file), "bold"))
            for outcome in run(each):
                outcomes.append(outcome)
                if output is Output.TEXT:
                    show_outcome(outcome)
        parts = list(coverage.parts())
        gaps = [gap for part in parts for gap in gaps_as_json(part)]
        failed = sum(1 for outcome in outcomes if outcome.failures)
        if output is Output.JSON:
            result = {
                "problems": [],
                "cases": [outcome_as_json(outcome) for outcome in outcomes],
                "coverage": [part_as_json(part) for part in parts],
                "unexercised": gaps,
            }
            print(json.dumps(result, indent=2))
        else:
            show_coverage(parts)
            print_line(f"{len(outcomes) - failed} passed, {failed} failed")
        if failed or (require_coverage and gaps):
            raise click.exceptions.Exit(Exit.CASE_FAILED)


def _case_files(paths: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        inside = (
            sorted(each for each in path.iterdir() if each.suffix in (".yaml", ".yml")) if path.is_dir() else [path]
        )
        if not inside:
            raise InputError(f"{path}: expected case files (*.yaml), found none{_beside(path)}")
        found += inside
    return found


def _beside(path: Path) -> str:
    cases = path / "cases"
    return f"; name {cases}" if cases.is_dir() else ""


app.add("replay", epilog=replay.EPILOG)(replay.replay)


@app.add()
def schema() -> None:
    """Print the JSON Schema of policy files, for editors."""
    from batchgate_cli.authoring.schema import policy_schema

    with reported_errors():
        print(json.dumps(policy_schema(), indent=2), flush=True)


@app.add()
def new(
    path: Annotated[Path, argument(metavar="FILE", help="The policy file to write; never overwritten.")],
) -> None:
    """Write a commented first policy in shadow mode, and cases for it that pass."""
    from batchgate_cli.authoring.schema import policy_schema
    from batchgate_cli.authoring.starter import STARTER_CASES, STARTER_POLICY

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


def _finding_as_json(located: "LocatedFinding") -> Json:
    place, found = located.place, located.finding
    return {
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "lint": found.lint,
        "why": found.why,
        "instead": found.instead,
    }


def _read_json(source: Path | str, what: str) -> dict[str, Json]:
    text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    try:
        value = json.loads(text)
    except ValueError as error:
        is_yaml = str(source).endswith((".yaml", ".yml"))
        got = "a YAML file; call aws with --output json" if is_yaml else f"something else ({error})"
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
        message = f'expected a date or an instant with its offset such as 2026-11-22T22:30:00Z, got "{text}"'
        raise click.BadParameter(message, param_hint="--at") from error


app.add(epilog=POLICY_EXIT_CODES_HELP)(policy_simulate.simulate)
app.add("compile", epilog=POLICY_EXIT_CODES_HELP)(policy_compile.compile_)
app.add(epilog=policy_diff.EXIT_CODES_HELP)(policy_diff.diff)
app.add("replay", epilog=replay.EPILOG)(replay.replay)
