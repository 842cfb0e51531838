"""`batchgate policy replay`: what a policy set would have done with past jobs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import click

from batchgate.jobs.model import DateSurvives
from batchgate_cli.exits import Exit, reported_errors, show_notes
from batchgate_cli.files import check_output
from batchgate_cli.groups import PolicyPaths, option
from batchgate_cli.operating.options import ACCOUNT_ID, CALLS_PER_SECOND, PACE, URL, AwsOptions, GateOptions
from batchgate_cli.option_types import Whole
from batchgate_cli.output import Output, OutputOption

if TYPE_CHECKING:
    from batchgate_cli.replay.comparison import Replay
    from batchgate_cli.replay.replaying import PastJob

EPILOG = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 invalid policy, 8 a job would be decided as --fail-on names."

_DAYS: Final = 90
_DAYS_AT_MOST: Final = 3650


class FailOn(StrEnum):
    """What makes the command fail."""

    CHANGE = "change"
    APPROVE = "approve"
    CANCEL = "cancel"


def replay(  # noqa: PLR0913, PLR0917 - a command has the options that it has
    paths: PolicyPaths,
    jobs: Annotated[
        Path | None,
        option(
            metavar="FILE|-",
            help="The jobs of a recording (`batchgate jobs record`), or as `aws s3control describe-job` prints them;"
            " - reads standard input.",
            show_default=False,
        ),
    ] = None,
    ledger: Annotated[
        bool, option("--ledger", help="The jobs that the deployed gate reviewed, with the facts as it evaluated them.")
    ] = False,
    live: Annotated[
        bool, option("--live", help="The jobs that S3 has now, read as `batchgate jobs record` does.")
    ] = False,
    against: Annotated[
        list[Path] | None,
        option(
            metavar="PATH",
            help="Compare with these policies instead of with what happened. Can be given several times.",
            show_default=False,
        ),
    ] = None,
    html: Annotated[
        Path | None, option(metavar="FILE", help="Also write a report, one page that needs no network.")
    ] = None,
    fail_on: Annotated[
        FailOn | None,
        option(
            metavar="WORD",
            help="Exit with code 8 if the set changes any decision or its time (change), or would approve (approve) or"
            " cancel (cancel) a job that was not approved or cancelled.",
        ),
    ] = None,
    days: Annotated[
        int | None,
        option(
            metavar="NUMBER",
            help=f"With --ledger: how many days back to read settled jobs, 1 to {_DAYS_AT_MOST}; {_DAYS} if not given.",
            type=Whole(1, _DAYS_AT_MOST),
        ),
    ] = None,
    suspended_date_survives: Annotated[
        DateSurvives | None,
        option(
            metavar="WORD",
            help="With --jobs or --live: unknown, true or false, the deployment's setting of this name; unknown if not"
            " given.",
        ),
    ] = None,
    calls_per_second: Annotated[
        float | None,
        option(
            metavar="NUMBER",
            help=f"With --live: the maximum number of calls to S3 per second; {CALLS_PER_SECOND:g} if not given.",
            type=PACE,
        ),
    ] = None,
    account_id: Annotated[
        str | None, option(metavar="ID", help="With --live: the account of the jobs.", type=ACCOUNT_ID)
    ] = None,
    region: Annotated[str | None, option(metavar="REGION", help="With --ledger or --live: the Region.")] = None,
    profile: Annotated[str | None, option(metavar="NAME", help="With --ledger or --live: the AWS profile.")] = None,
    endpoint_url: Annotated[
        str | None, option(metavar="URL", help="With --live: S3 Control's endpoint.", type=URL)
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what policies would have done with past jobs, and which of them they would decide differently.

    The gate's own functions evaluate each job at the instant at which it began to wait, and again until its window
    opens, its grace period or its hold ends, or S3 fails it. The result is compared with what happened, or with other
    policies (--against). What a recording does not contain is counted as not known. A policy set in shadow mode is
    replayed as if enforced.
    """
    sources = {"--jobs": jobs is not None, "--ledger": ledger, "--live": live}
    _check_options(
        [name for name, given in sources.items() if given],
        {
            "--days": (days, ("--ledger",)),
            "--suspended-date-survives": (suspended_date_survives, ("--jobs", "--live")),
            "--calls-per-second": (calls_per_second, ("--live",)),
            "--account-id": (account_id, ("--live",)),
            "--region": (region, ("--ledger", "--live")),
            "--profile": (profile, ("--ledger", "--live")),
            "--endpoint-url": (endpoint_url, ("--live",)),
        },
    )
    survives = suspended_date_survives or DateSurvives.UNKNOWN
    with reported_errors():
        from batchgate_cli.authoring import policy_file
        from batchgate_cli.replay import replaying
        from batchgate_cli.replay.replay_view import as_json, show

        if html is not None:
            read = [*policy_file.files_of([*paths, *(against or [])]), *([jobs] if jobs is not None else [])]
            check_output(html, "--html", read)
        loaded = policy_file.load(paths)
        other = policy_file.load(against) if against else None
        now = datetime.now(UTC)
        unread: list[str] = []
        found: Iterator[PastJob]
        if jobs is not None:
            from batchgate_cli.replay.recording import read_recording

            source = "standard input" if str(jobs) == "-" else jobs.name
            found = replaying.recorded_jobs(read_recording(jobs), survives, now)
        elif ledger:
            back = timedelta(days=days or _DAYS)
            source = f"the gate's ledger of the last {'day' if back.days == 1 else f'{back.days} days'}"
            found = _of_ledger(GateOptions(profile, region), back, now, unread)
        else:
            source = "the jobs that S3 has"
            aws = AwsOptions(profile, region, endpoint_url, account_id)
            found = _of_s3(aws, calls_per_second or CALLS_PER_SECOND, survives, now)
        result = replaying.replay(found, loaded, other, source)
        show_notes([f"not replayed: {each}" for each in unread])
        # Before anything is printed, of which a pager may take the beginning only.
        failure = _write_report(result, html, now) if html is not None else None
        if output is Output.JSON:
            print(json.dumps(as_json(result), indent=2))
        else:
            show(result)
        if failure is not None:
            raise failure
        if fail_on is not None and fails(result, fail_on):
            raise click.exceptions.Exit(Exit.CHECK_FAILED)


def _check_options(sources: Sequence[str], options: Mapping[str, tuple[object, Sequence[str]]]) -> None:
    """Reject several sources or none, and options that the source does not have.

    Args:
        sources: The sources that are given.
        options: Of some sources only: the value, and which sources.

    Raises:
        click.UsageError: The first such option.
    """
    if len(sources) != 1:
        got = " and ".join(sources) or "none of them"
        raise click.UsageError(f"expected one of --jobs FILE, --ledger and --live, got {got}")
    [source] = sources
    for name, (value, of) in options.items():
        if value is not None and source not in of:
            raise click.UsageError(f"{name}: for {' and '.join(of)} only, got {source}; remove {name}")


def _write_report(result: "Replay", html: Path, now: datetime) -> OSError | None:
    """Write it; or why it could not be written, which costs nobody the answer."""
    from batchgate_cli.replay.report import page

    try:
        html.write_text(page(result, now), encoding="utf-8")
    except OSError as error:
        return error
    return None


def _of_ledger(options: GateOptions, back: timedelta, now: datetime, unread: list[str]) -> "Iterator[PastJob]":
    from batchgate_cli.operating.live_gate import find_gate
    from batchgate_cli.replay.ledger_jobs import ledger_jobs

    return ledger_jobs(find_gate(options).ledger, now - back, now, unread)


def _of_s3(options: AwsOptions, pace: float, survives: DateSurvives, now: datetime) -> "Iterator[PastJob]":
    from batchgate_cli.operating.aws_errors import aws_errors
    from batchgate_cli.replay.recorder import jobs_of
    from batchgate_cli.replay.recording import line_of, recorded_from
    from batchgate_cli.replay.replaying import recorded_jobs

    asked = jobs_of(options, pace)
    with aws_errors("--region and --endpoint-url"):
        documents = asked.documents(asked.listed())
        recorded = (recorded_from(json.loads(line_of(each))) for each in documents if each is not None)
        yield from recorded_jobs(recorded, survives, now)


def fails(result: "Replay", fail_on: FailOn) -> bool:
    """Whether a decision of the kind is among the changes; one at another time only is none to approve or cancel."""
    from batchgate_cli.replay.comparison import Change
    from batchgate_cli.replay.course import End

    if fail_on is FailOn.CHANGE:
        return bool(result.changed)
    ends = (End.APPROVED,) if fail_on is FailOn.APPROVE else (End.CANCELLED, End.EXPIRED)
    others = (Change.OTHERWISE, Change.WITHOUT_PEOPLE)
    return any(row.change in others and row.after.end in ends for row in result.changed)
