"""`batchgate jobs`: what the deployed gate holds and decided, and a person's own decisions."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click

from batchgate.gate.state import RequestedAction
from batchgate.jobs.model import Json, in_words
from batchgate_cli.commands import record
from batchgate_cli.exits import (
    DECIDING_EXIT_CODES_HELP,
    JOBS_EXIT_CODES_HELP,
    LISTING_EXIT_CODES_HELP,
    PLAIN_EXIT_CODES_HELP,
    Exit,
    os_error_in_words,
    reported_errors,
    show_error,
)
from batchgate_cli.files import STANDARD_INPUT, InputError, JsonError, name_of, parse_json, read_json, read_text
from batchgate_cli.groups import argument, command_group, option
from batchgate_cli.operating.held_view import Sort
from batchgate_cli.operating.history_view import GroupBy
from batchgate_cli.operating.job_names import is_name
from batchgate_cli.operating.options import ACCOUNT_ID, PATTERN, REASON, ApiOptions, YesOption, instant_of
from batchgate_cli.option_types import Span, Tag, Whole, shown
from batchgate_cli.output import print_line, printable_line, screen_width

if TYPE_CHECKING:
    from batchgate_cli.operating.api_client import GateApi
    from batchgate_cli.operating.api_documents import OpenJob

app = command_group(
    "List the jobs that the deployed gate holds, and why; approve or cancel them.", JOBS_EXIT_CODES_HELP
)

_PAGE = 500
_WATCHED_EVERY = 5

AccountOption = Annotated[
    str | None,
    option(
        "--account-id",
        "--account",
        metavar="ID",
        help="Only jobs of this account.",
        type=ACCOUNT_ID,
        show_default=False,
    ),
]
PolicyOption = Annotated[
    str | None,
    option(
        metavar="PATTERN",
        help="Only jobs that a policy or guardrail of this name governs.",
        type=PATTERN,
        show_default=False,
    ),
]
JobIdOption = Annotated[str | None, option("--job-id", metavar="JOB", help="The same as JOB.", show_default=False)]
JobArgument = Annotated[str | None, argument(metavar="[JOB]", help="The job's id, the beginning of it, or its ARN.")]
JobsArgument = Annotated[
    list[str] | None, argument(metavar="[JOB]...", help="Job ids, unique beginnings of them, or ARNs.")
]
ReasonOption = Annotated[
    str | None,
    option(
        "--reason",
        "--status-update-reason",
        metavar="TEXT",
        help="Why, in at most 1000 characters; kept in the job's history, and for `cancel` also shown on the job. "
        "Required.",
        type=REASON,
        show_default=False,
    ),
]
FromOption = Annotated[
    Path | None,
    option(
        "--from",
        metavar="FILE",
        help="Also the jobs that this file lists by whole ids or ARNs: one or more on each line, or in the first "
        "column of CSV. - reads standard input.",
        show_default=False,
    ),
]
CliInputOption = Annotated[
    str | None,
    option(
        "--cli-input-json",
        metavar="JSON",
        help="Arguments in the form of `aws s3control update-job-status`; file://PATH reads them from a file.",
        show_default=False,
    ),
]
SkeletonOption = Annotated[
    str | None,
    option(
        "--generate-cli-skeleton",
        metavar="[KIND]",
        is_flag=False,
        flag_value="input",
        type=click.Choice(["input", "output"]),
        help="Only print JSON to fill in for --cli-input-json (input), or an example of the output (output).",
        show_default=False,
    ),
]


# --- held ---------------------------------------------------------------------------------------------


@app.add(epilog=LISTING_EXIT_CODES_HELP)
def held(  # noqa: PLR0913, PLR0917 - a command has the options that it has
    api: ApiOptions,
    operation: Annotated[
        str | None, option(metavar="PATTERN", help="Only these operations: S3Put*.", type=PATTERN, show_default=False)
    ] = None,
    policy: PolicyOption = None,
    tag: Annotated[
        list[str] | None,
        option("--tag", metavar="KEY=VALUE", help="Only jobs with this tag. Can be given several times.", type=Tag()),
    ] = None,
    account_id: AccountOption = None,
    older_than: Annotated[
        timedelta | None,
        option(metavar="TIME", help="Only jobs held for longer: 3d, 12h, 30min.", type=Span(), show_default=False),
    ] = None,
    sort: Annotated[Sort, option(metavar="BY", help="held, fails, objects, operation or job.")] = Sort.HELD,
    details: Annotated[bool, option("--details", "-d", help="Print all that is known of each job.")] = False,
    watch: Annotated[
        int | None,
        option(
            "--watch",
            metavar="[SECONDS]",
            is_flag=False,
            flag_value=_WATCHED_EVERY,
            type=Whole(1, 86_400),
            help=f"Refresh the list at this interval ({_WATCHED_EVERY} if not given), until Ctrl-C.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """List the held jobs, grouped by the cause of the hold: how long they have been held, and when S3 fails them.

    A mark shows a reason for the hold other than the policies: [shadow] mode, [paused], [circuit breaker]
    (too many cancellations in a short time), [adoption] (the job is older than the gate), [budget]
    (other jobs used it up while this one was reviewed), [conflicting update] (an opposite decision may still be taking
    effect). A gate that is paused or not working says so above the list.

    On a narrow terminal only the beginning of each id is shown; all commands accept it.
    """
    with reported_errors():
        from batchgate_cli.operating.api_client import decoded, find_api
        from batchgate_cli.operating.api_documents import PauseFacts
        from batchgate_cli.operating.aws_output import printer
        from batchgate_cli.operating.held_view import held_lines, in_order

        output = printer(api)
        if watch is not None and not (output.is_for_people and sys.stdout.isatty()):
            raise click.BadParameter("it needs a terminal, and no --output or --query", param_hint="--watch")
        gate = find_api(api)
        query = {"operation": operation, "policy": policy, "tag": tuple(tag or ())}
        while True:
            answer, jobs = _held(gate, query)
            now = datetime.now(UTC)
            jobs = [
                each
                for each in jobs
                if (not account_id or each.account_id == account_id)
                and (older_than is None or (each.held_since is not None and now - each.held_since > older_than))
            ]
            jobs = in_order(jobs, sort, now)
            if not output.is_for_people:
                raw = {each["job_id"]: each for each in answer["jobs"]}
                rows = [raw[each.job_id] for each in jobs]
                output.print("held", {**answer, "jobs": rows}, rows)
                _show_beside(answer)
                break
            pause = decoded(answer["pause"], PauseFacts) if answer["pause"] else None
            is_filtered = any((operation, policy, tag, account_id, older_than is not None))
            others = _count_of_all(gate) if is_filtered and not jobs else 0
            lines = held_lines(jobs, now, screen_width(), details=details, pause=pause, others=others)
            if watch is None:
                _show_beside(answer)
                for line in lines:
                    print_line(*line)
                break
            _show_screen(answer, lines, now)
            _wait(watch)
    _end_listing(answer)


def _held(gate: "GateApi", query: dict[str, Any]) -> "tuple[dict[str, Any], list[OpenJob]]":
    """All pages as one answer, and its jobs."""
    from batchgate_cli.operating.api_client import decoded
    from batchgate_cli.operating.api_documents import OpenJob

    answer: dict[str, Any] = {}
    for page in gate.pages("/jobs", "jobs", **query, limit=_PAGE):
        if not answer:
            answer = {"warning": page.get("warning"), "pause": page.get("pause"), "jobs": [], "not_listed": []}
        answer["jobs"] += page["jobs"]
        answer["not_listed"] += page.get("not_listed", [])
    return answer, [decoded(each, OpenJob) for each in answer["jobs"]]


def _count_of_all(gate: "GateApi") -> int:
    """How many jobs are held: where none matches, a mistyped filter must not look as if there were none."""
    return sum(len(page["jobs"]) for page in gate.pages("/jobs", "jobs", limit=_PAGE))


def _show_beside(answer: dict[str, Any]) -> None:
    """On standard error, beside the output and not in it: a gate that is not working, jobs that can't be listed."""
    show_warning(answer.get("warning"))
    for each in answer.get("not_listed", []):
        show_error(f"not listed: {each.get('error')}")


def _end_listing(answer: dict[str, Any]) -> None:
    """With another exit code where jobs are missing from the list."""
    if answer["not_listed"]:
        raise click.exceptions.Exit(Exit.WARNED)


def show_warning(warning: str | None) -> None:
    """That the gate is not working, above what it holds: a gate that decides nothing must not look idle."""
    if warning:
        print_line(("warning: ", "bold yellow"), printable_line(warning), err=True)


def _show_screen(answer: dict[str, Any], lines: list[Any], now: datetime) -> None:
    """As much as the terminal has lines, from its top."""
    import shutil

    room = shutil.get_terminal_size().lines - 2
    sys.stdout.write("\x1b[H\x1b[2J")
    print_line((f"{now:%H:%M:%S} UTC; Ctrl-C ends this", "dim"))
    _show_beside(answer)
    shown = lines if len(lines) <= room else [*lines[: room - 1], [(f"{len(lines) - room + 1} more lines", "dim")]]
    for line in shown:
        print_line(*line)
    sys.stdout.flush()


def _wait(seconds: int) -> None:
    import time

    time.sleep(seconds)


# --- show ---------------------------------------------------------------------------------------------


@app.add(epilog=PLAIN_EXIT_CODES_HELP)
def show(
    api: ApiOptions,
    job: JobArgument = None,
    job_id: JobIdOption = None,
    account_id: AccountOption = None,
) -> None:
    """Show one job: S3's description, what the policies say of it now, approvals so far, and its history.

    The policies are evaluated as if nothing blocked them: a pause or the circuit breaker does not hide what would
    cancel the job.
    """
    [name] = _named_jobs([job] if job else [], job_id, None, only=True)
    with reported_errors():
        from batchgate_cli.operating.api_client import find_api
        from batchgate_cli.operating.aws_output import printer
        from batchgate_cli.operating.deciding import read_job
        from batchgate_cli.operating.job_view import show_job

        output = printer(api)
        document, raw = read_job(find_api(api), name, account_id)
        if not output.is_for_people:
            output.print("show", raw)
            return
        show_warning(document.warning)
        show_job(document, datetime.now(UTC))


# --- approve and cancel -------------------------------------------------------------------------------


@app.add(epilog=DECIDING_EXIT_CODES_HELP)
def approve(  # noqa: PLR0913, PLR0917 - a command has the options that it has
    api: ApiOptions,
    jobs: JobsArgument = None,
    reason: ReasonOption = None,
    yes: YesOption = False,
    from_: FromOption = None,
    job_id: JobIdOption = None,
    account_id: AccountOption = None,
    cli_input_json: CliInputOption = None,
    generate_cli_skeleton: SkeletonOption = None,
) -> None:
    """Approve held jobs, as they are shown; your identity and reason are recorded.

    The policies say whose approvals count, and how many are needed. Shows what will be done and asks once.
    A job that changes before you confirm is shown again and asked about again; with --yes its approval is refused.
    """
    _decide(
        RequestedAction.APPROVE,
        api,
        jobs,
        reason,
        yes,
        from_,
        job_id,
        account_id,
        cli_input_json,
        generate_cli_skeleton,
    )


@app.add(epilog=DECIDING_EXIT_CODES_HELP)
def cancel(  # noqa: PLR0913, PLR0917 - a command has the options that it has
    api: ApiOptions,
    jobs: JobsArgument = None,
    reason: ReasonOption = None,
    yes: YesOption = False,
    from_: FromOption = None,
    job_id: JobIdOption = None,
    account_id: AccountOption = None,
    cli_input_json: CliInputOption = None,
    generate_cli_skeleton: SkeletonOption = None,
) -> None:
    """Cancel held jobs whatever the policies decide; it can't be undone. Your identity and reason are recorded.

    Shows what will be done and asks once. A job that changes before you confirm is shown again and asked about again;
    with --yes its cancellation is refused. Ctrl-C sends nothing more, and lists what was done and what was not.
    """
    _decide(
        RequestedAction.CANCEL, api, jobs, reason, yes, from_, job_id, account_id, cli_input_json, generate_cli_skeleton
    )


def _decide(  # noqa: PLR0913, PLR0917 - the options of the two commands
    requested_action: RequestedAction,
    api: ApiOptions,
    jobs: list[str] | None,
    reason: str | None,
    yes: bool,
    from_: Path | None,
    job_id: str | None,
    account_id: str | None,
    cli_input_json: str | None,
    skeleton: str | None,
) -> None:
    if skeleton:
        _print_skeleton(requested_action, skeleton)
        return
    given = _input(cli_input_json, requested_action)
    names = _named_jobs(jobs or [], job_id, from_, only=False, otherwise=given.get("JobId"))
    why = reason if reason is not None else given.get("StatusUpdateReason", "")
    if not why.strip():
        raise click.UsageError(f"--reason is required: say why you {requested_action} the job")
    with reported_errors():
        from batchgate_cli.operating.api_client import find_api
        from batchgate_cli.operating.aws_output import printer
        from batchgate_cli.operating.deciding import Request, decide

        output = printer(api)
        account, is_piped = account_id or given.get("AccountId"), from_ == STANDARD_INPUT
        request = Request(requested_action, why, account, yes, stdin_is_read=is_piped)
        code = decide(find_api(api), names, request, output, lambda: datetime.now(UTC))
    raise click.exceptions.Exit(code)


def _named_jobs(
    jobs: list[str], job_id: str | None, from_: Path | None, *, only: bool, otherwise: str | None = None
) -> list[str]:
    """The jobs of all ways to name them.

    Raises:
        click.UsageError: There are none, or several where one is wanted.
    """
    names = [*jobs, *([job_id] if job_id else [])]
    if from_ is not None:
        import csv

        from batchgate_cli.operating.deciding import listed_jobs

        try:
            names += listed_jobs(read_text(from_, "a list of jobs"))
        except OSError as error:
            raise click.BadParameter(os_error_in_words(error), param_hint="--from") from error
        except InputError as error:
            raise click.BadParameter(str(error), param_hint="--from") from error
        except csv.Error as error:
            raise click.BadParameter(f"{name_of(from_)}, {error}", param_hint="--from") from error
        if not names:
            raise click.UsageError(f"nothing to do: {name_of(from_)} lists no job")
    names = names or ([otherwise] if otherwise else [])
    if not names:
        raise click.UsageError("expected a job: its id, the beginning of it, or its ARN")
    if only and len({*names}) > 1:
        raise click.UsageError(f"expected one job, got {len(names)}")
    if wrong := [each for each in names if not is_name(each)]:
        raise click.UsageError(f"expected a job's id, the beginning of one, or an ARN, got {shown(wrong[0])}")
    return names


# --- As the AWS CLI has it ----------------------------------------------------------------------------

_MEMBERS = ("AccountId", "JobId", "RequestedJobStatus", "StatusUpdateReason")
"""Of UpdateJobStatus. *Source*: S3 Control's model."""


def _input(text: str | None, requested_action: RequestedAction) -> dict[str, str]:
    """What --cli-input-json gives; what is given beside it comes first.

    Raises:
        click.BadParameter: It is not what UpdateJobStatus takes, or asks for the opposite.
    """
    if text is None:
        return {}
    hint, expected = "--cli-input-json", f"a JSON object of texts with {', '.join(_MEMBERS)}"
    file, start = text.removeprefix("file://"), ""
    try:
        if file != text:
            start = f"{file}: "
            found = read_json(Path(file), expected)
        else:
            found = parse_json(text)
    except OSError as error:
        raise click.BadParameter(os_error_in_words(error), param_hint=hint) from error
    except InputError as error:
        raise click.BadParameter(str(error), param_hint=hint) from error
    except JsonError as error:
        raise click.BadParameter(f"expected {expected}, got {error}", param_hint=hint) from error
    if not isinstance(found, dict):
        raise click.BadParameter(f"{start}expected {expected}, got {in_words(found)}", param_hint=hint)
    given = {name: value for name, value in found.items() if isinstance(value, str)}
    if wrong := [name for name in found if name not in _MEMBERS or name not in given]:
        got = f"{wrong[0]}: {in_words(found[wrong[0]])}"
        raise click.BadParameter(f"{start}expected {expected}, got {got}", param_hint=hint)
    status = requested_action.requested_status
    if given.get("RequestedJobStatus", status) != status:
        raise click.BadParameter(
            f"RequestedJobStatus: expected {status} of `{requested_action}`, got {given['RequestedJobStatus']!r}",
            param_hint=hint,
        )
    _check_member("AccountId", ACCOUNT_ID, given)
    _check_member("StatusUpdateReason", REASON, given)
    return given


def _check_member(name: str, kind: click.ParamType[str], given: Mapping[str, str]) -> None:
    """Check it like the option; one that is empty counts as not given."""
    try:
        if given.get(name):
            kind.convert(given[name], None, None)
    except click.BadParameter as error:
        raise click.BadParameter(f"{name}: {error.message}", param_hint="--cli-input-json") from error


def _print_skeleton(requested_action: RequestedAction, kind: str) -> None:
    import json

    sample: Json
    if kind == "output":
        job: dict[str, Json] = {
            "job_id": "",
            "job_arn": "",
            "action": str(requested_action.done),
            "reason": "",
            "exit_code": 0,
            "error": None,
        }
        sample = {"jobs": [job], "counts": {str(requested_action.done): 1}}
    else:
        sample = {
            "AccountId": "",
            "JobId": "",
            "RequestedJobStatus": str(requested_action.requested_status),
            "StatusUpdateReason": "",
        }
    print(json.dumps(sample, indent=4))


# --- history ------------------------------------------------------------------------------------------


class EndedAs(StrEnum):
    """How a job ended for the gate. *Source*: docs/openapi.yaml, GET /decisions."""

    APPROVED = "approved"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    UNGATED = "ungated"
    UNGATED_OR_CONFIRMED_ELSEWHERE = "ungated_or_confirmed_elsewhere"
    LAPSED = "lapsed"


@app.add(epilog=LISTING_EXIT_CODES_HELP)
def history(
    api: ApiOptions,
    from_: Annotated[
        str | None,
        option(
            "--from", metavar="DAY", help="The first day, or instant; a week back if not given.", show_default=False
        ),
    ] = None,
    to: Annotated[
        str | None, option(metavar="DAY", help="The last day, or the instant to end at.", show_default=False)
    ] = None,
    policy: PolicyOption = None,
    verdict: Annotated[
        EndedAs | None,
        option(
            metavar="END",
            help="Only jobs that ended so: approved, cancelled, superseded, ungated, "
            "ungated_or_confirmed_elsewhere or lapsed.",
            show_default=False,
        ),
    ] = None,
    person: Annotated[
        str | None,
        option(
            metavar="PATTERN",
            help="Only jobs decided by people whose ARNs match: */ana.",
            type=PATTERN,
            show_default=False,
        ),
    ] = None,
    by: Annotated[GroupBy, option(metavar="GROUP", help="Group by day, policy, verdict or person.")] = GroupBy.DAY,
) -> None:
    """List what was decided, the latest first: by day, policy, verdict or person. All instants are UTC."""
    begin = instant_of(from_, "--from", last=False) if from_ is not None else None
    end = instant_of(to, "--to", last=True) if to is not None else None
    if begin is not None and end is not None and begin >= end:
        raise click.UsageError(f"expected --from before --to, got --from {from_} and --to {to}")
    with reported_errors():
        from batchgate_cli.operating.api_client import decoded, find_api
        from batchgate_cli.operating.api_documents import PastDecision
        from batchgate_cli.operating.aws_output import printer
        from batchgate_cli.operating.history_view import history_lines

        output = printer(api)
        query = {"policy": policy, "verdict": verdict, "person": person, "limit": _PAGE}
        period = {"from": begin.isoformat() if begin else None, "to": end.isoformat() if end else None}
        rows: list[Any] = []
        not_listed: list[Any] = []
        for page in find_api(api).pages("/decisions", "decisions", **period, **query):
            rows += page["decisions"]
            not_listed += page.get("not_listed", [])
        if output.is_for_people:
            for line in history_lines([decoded(each, PastDecision) for each in rows], by, screen_width()):
                print_line(*line)
        else:
            output.print("history", {"decisions": rows, "not_listed": not_listed}, rows)
        answer = {"not_listed": not_listed}
        _show_beside(answer)
    _end_listing(answer)


app.add("record", epilog=record.EPILOG)(record.record)
