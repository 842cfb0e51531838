"""`batchgate policy`: write, check and test policies, and explain decisions."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
from msgspec import UnsetType

from batchgate.errors import JobDescriptionError, PolicyError
from batchgate.jobs.model import DateSurvives, Job, Json, in_words, job_from_printed
from batchgate.policy.approvals import Approval
from batchgate.policy.facts import NOT_READ, Gap, JobFacts, Result, gather_facts
from batchgate.policy.moments import parse_moment
from batchgate_cli.commands import policy_compile, policy_diff, policy_preview, policy_push, policy_simulate, replay
from batchgate_cli.exits import (
    ALL_EXIT_CODES_HELP,
    PLAIN_EXIT_CODES_HELP,
    POLICY_EXIT_CODES_HELP,
    TEST_EXIT_CODES_HELP,
    Exit,
    notes_of,
    problems_as_json,
    reported_errors,
    show_notes,
)
from batchgate_cli.files import InputError, name_of, read_json
from batchgate_cli.groups import PolicyPaths, argument, command_group, option
from batchgate_cli.operating.options import ACCOUNT_ID, URL, AwsOptions
from batchgate_cli.option_types import shown
from batchgate_cli.output import (
    Output,
    OutputOption,
    ReviewOutput,
    ReviewOutputOption,
    print_line,
    printable_line,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batchgate.policy.compiled import PolicySet
    from batchgate_cli.authoring.case_file import CaseFacts
    from batchgate_cli.authoring.cases import Outcome
    from batchgate_cli.authoring.coverage import Part
    from batchgate_cli.authoring.lint_file import LocatedFinding
    from batchgate_cli.authoring.policy_file import LoadedPolicy
    from batchgate_cli.authoring.review_formats import Checked, Remark

_JOB_ID = "00e123a4-c0d8-41f4-a0eb-b46f9ba5b07c"
"""As long as every one. *Source*: S3 Control API, JobId; S3 User Guide, examples of jobs."""

app = command_group(
    "Write, check, test and compare policies, and show how and why they decide a job.", ALL_EXIT_CODES_HELP
)

DEPLOYMENT = Path("cdk.json")


@app.add(epilog=POLICY_EXIT_CODES_HELP)
def check(
    paths: PolicyPaths,
    strict: Annotated[bool, option("--strict", help="Also exit with code 3 if there are findings.")] = False,
    output: ReviewOutputOption = ReviewOutput.TEXT,
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
                error.add_note("findings are reported only for a valid policy set; fix these problems first")
            if output is ReviewOutput.TEXT:
                raise
            if output is not ReviewOutput.JSON:
                _show_review(output, paths, error=error)
                raise click.exceptions.Exit(Exit.INVALID_POLICY) from error
            result = {"valid": False, "problems": problems_as_json(error), "notes": notes_of(error), "findings": []}
            print(json.dumps(result, indent=2))
            raise click.exceptions.Exit(Exit.INVALID_POLICY) from error
        findings = located_findings(loaded, datetime.now(UTC).date(), _manifest_buckets())
        if output is ReviewOutput.JSON:
            print(json.dumps(_checked_as_json(loaded, findings), indent=2))
        elif output is not ReviewOutput.TEXT:
            _show_review(output, paths, findings=findings, strict=strict)
        else:
            show_notes(_not_read(loaded))
            _show_checked(loaded, findings)
        if strict and findings:
            raise click.exceptions.Exit(Exit.INVALID_POLICY)


def _show_review(
    output: ReviewOutput,
    paths: list[Path],
    *,
    error: PolicyError | None = None,
    findings: "Sequence[LocatedFinding]" = (),
    strict: bool = False,
) -> None:
    from batchgate_cli.authoring import review_formats as formats

    remarks = formats.of_problems(error.problems) if error else formats.of_findings(findings, strict=strict)
    _print_review(output, remarks, formats.checked_files(map(str, paths), remarks))


def _print_review(output: ReviewOutput, remarks: "list[Remark]", tests: "list[Checked]") -> None:
    from batchgate_cli.authoring import review_formats as formats

    match output:
        case ReviewOutput.SARIF:
            print(json.dumps(formats.sarif(remarks), indent=2))
        case ReviewOutput.JUNIT:
            print(formats.junit(tests))
        case _:
            for line in formats.annotations(remarks):
                print(line)


def _manifest_buckets() -> list[str] | None:
    """The setting of the deployment whose cdk.json lies in the working directory; None where there is none."""
    try:
        settings: Any = read_json(DEPLOYMENT, "CDK's settings")
        return [str(bucket) for bucket in settings["context"]["batchgate"].get("manifest_buckets", [])]
    except (OSError, InputError, LookupError, TypeError, AttributeError):
        return None


def _counts(loaded: "LoadedPolicy") -> dict[str, int]:
    document = loaded.document
    return {
        "policies": len(document.policies or ()),
        "guardrails": len(document.guardrails or ()),
        "exceptions": len(document.exceptions or ()),
        "budgets": len(document.budgets or ()),
    }


def _not_read(loaded: "LoadedPolicy") -> list[str]:
    return [
        f"not read: {path}; only files directly in a directory belong to its policy set; name it, too, if it belongs"
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


_SINGULAR = {"policies": "policy", "guardrails": "guardrail", "exceptions": "exception", "budgets": "budget"}


@app.add(epilog=POLICY_EXIT_CODES_HELP)
def explain(  # noqa: PLR0913, PLR0917 - a command has the options that it has
    paths: PolicyPaths,
    job: Annotated[
        Path | None,
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
    facts: Annotated[
        Path | None,
        option(
            metavar="FILE",
            help="What the gate would read of the manifest, and how much is used of budgets, written like facts in a"
            " test case; with --job-id only budgets. A budget that is not stated holds the job.",
            show_default=False,
        ),
    ] = None,
    job_id: Annotated[
        str | None, option(metavar="ID", help="A live job instead, read from AWS.", show_default=False)
    ] = None,
    account_id: Annotated[
        str | None,
        option(metavar="ID", help="With --job-id: its account; the caller's own if not given.", type=ACCOUNT_ID),
    ] = None,
    region: Annotated[str | None, option(metavar="REGION", help="With --job-id: its Region.")] = None,
    profile: Annotated[str | None, option(metavar="NAME", help="With --job-id: the AWS profile.")] = None,
    endpoint_url: Annotated[
        str | None, option(metavar="URL", help="With --job-id: S3 Control's endpoint.", type=URL)
    ] = None,
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

    The job comes from a file (--job) or from AWS (--job-id); it is only read, never changed. If the policies test what
    is in the manifest of a live job, the whole manifest is read, with your credentials. With --job, state the
    contents of the manifest and what is used of budgets with --facts.
    """
    aws = AwsOptions(profile, region, endpoint_url, account_id, untagged_answer_lacks_tags)
    _check_source(job, job_id, tags, aws)
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
    from batchgate_cli.authoring.stated_facts import with_used

    with reported_errors():
        policies = policy_file.load(paths).policies
        stated = _read_facts(facts, policies, only_budgets=job_id is not None)
        now = instant or datetime.now(UTC)
        known: dict[str, Any] = {
            "approvals": [Approval(who, now, "", digest="") for who in approved_by or ()],
            "requester": requester or Gap(Result.UNMEASURABLE, _NOT_GIVEN["--requester"]),
        }
        if job_id is not None:
            from batchgate_cli.operating.live_job import read_live_job

            snapshot = read_live_job(job_id, policies, aws)
            seen = snapshot.job
            asks = seen.asks_for_confirmation(date_survives=suspended_date_survives)
            gathered = gather_facts(
                seen,
                now,
                asks=asks,
                tags=snapshot.tags,
                manifest_bytes=snapshot.manifest_bytes,
                contents=snapshot.contents,
                **known,
            )
        else:
            seen = _read_job(Path(str(job)))
            asks = seen.asks_for_confirmation(date_survives=suspended_date_survives)
            gathered = _gather_given(seen, now, stated, asks=asks, tags=_read_tags(tags), **known)
        not_stated = Gap(Result.UNMEASURABLE, _NOT_GIVEN["--facts"])
        decision = evaluate_job(policies, with_used(gathered, policies.budgets, stated.budgets, not_stated))
        instead = done_instead(seen, decision, suspended_date_survives)
        reason = status_update_reason(decision)
        missing = [name for name, gap in _NOT_GIVEN.items() if gap in reason]
        if missing and not instead:
            options = " and ".join(missing)
            show_notes([f"the gate's reason will differ, because the gate reads what is missing here; pass {options}"])
        if output is Output.JSON:
            print(json.dumps(decision_as_json(decision, instead), indent=2))
            return
        show_tree(decision, instead, everything=everything)
        if instead:
            print_line(f"the gate, unless it has decided this job: {INSTEAD_IN_WORDS[instead]}")
        else:
            print_line(f"reason: {reason}")


_NOT_GIVEN = {
    "--tags": "no tags were given, see --tags",
    "--requester": "--requester is not given",
    "--facts": "what is used is not known, see --facts",
}
"""What this command does not know without an option, and the gate does."""


def _check_source(job: Path | None, job_id: str | None, tags: Path | None, aws: AwsOptions) -> None:
    """Reject options that exclude each other: a job is in a file or in AWS."""
    if (job is None) == (job_id is None):
        got = "neither" if job is None else "both"
        raise click.UsageError(f"expected either --job FILE or --job-id ID, got {got}")
    if job is not None and aws != AwsOptions():
        given = " and ".join(f"--{name.replace('_', '-')}" for name, value in asdict(aws).items() if value)
        raise click.UsageError(f"{given}: for --job-id only, got --job; remove {given}, or replace --job by --job-id")
    if job_id is not None and len(job_id) != len(_JOB_ID):
        raise click.UsageError(f"--job-id: expected a whole job id, such as {_JOB_ID}, got {shown(job_id)}")
    if job_id is not None and tags is not None:
        raise click.UsageError("--tags: for --job only; with --job-id the tags are read from AWS, remove --tags")


def _read_facts(file: Path | None, policies: "PolicySet", *, only_budgets: bool) -> "CaseFacts":
    from batchgate_cli.authoring.case_file import CaseFacts, read_facts

    stated = CaseFacts() if file is None else read_facts(file)
    if only_budgets and stated != CaseFacts(budgets=stated.budgets):
        raise InputError(f"{file}: with --job-id only budgets can be stated: the manifest is read from AWS")
    named = [budget.name for budget in policies.budgets]
    known = ", ".join(named) or "none"
    show_notes(
        [
            f"{file}: no statement names the budget {each}; known: {known}"
            for each in stated.budgets
            if each not in named
        ]
    )
    return stated


def _gather_given(job: Job, now: datetime, stated: "CaseFacts", **known: Any) -> JobFacts:  # noqa: ANN401 - of gather_facts
    """The facts of a job from a file, with those of its manifest that another file states."""
    from batchgate_cli.authoring.stated_facts import gather_stated

    size = NOT_READ if isinstance(stated.manifest_bytes, UnsetType) else stated.manifest_bytes
    return gather_stated(job, now, stated.contents, manifest_bytes=size, **known)


@app.add(epilog=PLAIN_EXIT_CODES_HELP)
def prices() -> None:
    """Print all prices that `cost` and budgets may need, to fill in, and where AWS publishes each.

    Paste the output into a policy file. batchgate has no prices of its own: they differ by Region and contract, and
    change.
    """
    from batchgate_cli.authoring.price_list import price_list

    print(price_list(), end="")


DEFAULT_CASES = Path("policies/cases")


@app.add("test", epilog=TEST_EXIT_CODES_HELP)
def run_cases(
    paths: Annotated[
        list[Path] | None,
        argument(metavar="[PATH...]", help="Case files, or directories of them; policies/cases if not given."),
    ] = None,
    require_coverage: Annotated[
        bool,
        option("--require-coverage", help="Also exit with code 4 if no case exercises a statement or requirement."),
    ] = False,
    output: ReviewOutputOption = ReviewOutput.TEXT,
) -> None:
    """Run test cases against policies: jobs and the verdicts expected for them.

    Each file names the policies that it tests. A policy set in shadow mode is tested as if enforced.
    """
    if not paths and not DEFAULT_CASES.exists():
        raise click.UsageError(
            f"expected case files: no PATH is given, and there is no {DEFAULT_CASES}; name them, such as"
            " `batchgate policy test cases`"
        )
    from batchgate_cli.authoring.case_view import show_outcome
    from batchgate_cli.authoring.cases import Coverage, load_cases, run

    with reported_errors():
        coverage = Coverage()
        try:
            tried = load_cases(_case_files(paths or [DEFAULT_CASES]), coverage)
        except PolicyError as error:
            if output is ReviewOutput.TEXT:
                raise
            _show_invalid_cases(output, error)
            raise click.exceptions.Exit(Exit.INVALID_POLICY) from error
        outcomes: list[Outcome] = []
        for each in tried:
            if output is ReviewOutput.TEXT:
                print_line((str(each.file), "bold"))
            for outcome in run(each):
                outcomes.append(outcome)
                if output is ReviewOutput.TEXT:
                    show_outcome(outcome)
        parts = list(coverage.parts())
        failed = sum(1 for outcome in outcomes if outcome.failures)
        _show_tested(output, outcomes, parts, failed, require_coverage=require_coverage)
        if failed or (require_coverage and any(part.missing for part in parts)):
            raise click.exceptions.Exit(Exit.CASE_FAILED)


def _show_invalid_cases(output: ReviewOutput, error: PolicyError) -> None:
    from batchgate_cli.authoring import review_formats as formats

    if output is ReviewOutput.JSON:
        print(json.dumps({"problems": problems_as_json(error), "notes": notes_of(error), "cases": []}, indent=2))
        return
    remarks = formats.of_problems(error.problems)
    _print_review(output, remarks, formats.tested_cases([], remarks))


def _show_tested(
    output: ReviewOutput,
    outcomes: "Sequence[Outcome]",
    parts: "Sequence[Part]",
    failed: int,
    *,
    require_coverage: bool,
) -> None:
    from batchgate_cli.authoring.case_view import gaps_as_json, outcome_as_json, part_as_json, show_coverage

    match output:
        case ReviewOutput.TEXT:
            show_coverage(parts)
            print_line(f"{len(outcomes) - failed} passed, {failed} failed")
        case ReviewOutput.JSON:
            result = {
                "problems": [],
                "cases": [outcome_as_json(outcome) for outcome in outcomes],
                "coverage": [part_as_json(part) for part in parts],
                "unexercised": [gap for part in parts for gap in gaps_as_json(part)],
            }
            print(json.dumps(result, indent=2))
        case _:
            from batchgate_cli.authoring import review_formats as formats

            found = [*formats.of_outcomes(outcomes), *formats.of_coverage(parts, required=require_coverage)]
            _print_review(output, found, formats.tested_cases(outcomes, found))


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


@app.add(epilog=PLAIN_EXIT_CODES_HELP)
def schema() -> None:
    """Print the JSON Schema of policy files, for editors."""
    from batchgate_cli.authoring.schema import policy_schema

    with reported_errors():
        print(json.dumps(policy_schema(), indent=2), flush=True)


@app.add(epilog=PLAIN_EXIT_CODES_HELP)
def new(
    path: Annotated[Path, argument(metavar="FILE", help="The policy file to write; never overwritten.")],
) -> None:
    """Write a commented first policy in shadow mode, and cases for it that pass."""
    from batchgate_cli.authoring.schema import policy_schema
    from batchgate_cli.authoring.starter import STARTER_CASES, STARTER_POLICY

    if path.suffix not in {".yaml", ".yml"}:
        raise click.BadParameter(f"{path}: expected a name that ends in .yaml or .yml", param_hint="FILE")
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


def _read_object(source: Path, command: str) -> dict[str, Json]:
    """The object that a command of the AWS CLI printed."""
    printed = f"as `aws s3control {command} --output json` prints it"
    value = read_json(source, f"JSON {printed}")
    if not isinstance(value, dict):
        raise InputError(f"{name_of(source)}: expected a JSON object {printed}, got {in_words(value)}")
    return value


def _read_job(source: Path) -> Job:
    description = _read_object(source, "describe-job")
    if "Job" not in description and "JobArn" not in description:
        expected = 'expected {"Job": {...}} as `aws s3control describe-job --output json` prints it'
        raise JobDescriptionError(f"{name_of(source)}: {expected}, got {in_words(description)}")
    try:
        return job_from_printed(description)
    except JobDescriptionError as error:
        raise JobDescriptionError(f"{name_of(source)}: {error}") from error


def _read_tags(source: Path | None) -> dict[str, str] | Gap:
    if source is None:
        return Gap(Result.UNMEASURABLE, _NOT_GIVEN["--tags"])
    printed = _read_object(source, "get-job-tagging")
    listed = printed.get("Tags")
    tags: dict[str, str] = {}
    for tag in listed if isinstance(listed, list) else [None]:
        key, value = (tag.get("Key"), tag.get("Value")) if isinstance(tag, dict) else (None, None)
        if not isinstance(key, str) or not isinstance(value, str):
            got = in_words(tag if isinstance(listed, list) else listed if "Tags" in printed else printed)
            raise InputError(f'{name_of(source)}: expected {{"Tags": [{{"Key": ..., "Value": ...}}]}}, got {got}')
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
app.add(epilog=policy_preview.EPILOG)(policy_preview.preview)
app.add(epilog=policy_push.EPILOG)(policy_push.push)
app.commands = {
    name: app.commands[name]
    for name in (
        *("new", "check", "test", "explain", "simulate", "diff", "replay", "preview", "compile", "push"),
        *("prices", "schema"),
    )
}
"""In the order in which people need them."""
