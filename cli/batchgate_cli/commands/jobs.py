"""`batchgate jobs`: what the deployed gate holds and decided, and a person's own decisions."""

import json
from typing import TYPE_CHECKING, Annotated

import click

from batchgate.errors import (
    ChangedError,
    GateError,
    JobNotFoundError,
    JobsApiError,
    LedgerError,
    RefusedError,
)
from batchgate.gate.people import approve_for, cancel_for
from batchgate.gate.ports import Review
from batchgate.gate.state import Phase, RequestedAction, State
from batchgate_cli.exits import DECIDING_EXIT_CODES_HELP, GATE_EXIT_CODES_HELP, Exit, reported_errors, show_error
from batchgate_cli.groups import argument, command_group, option
from batchgate_cli.operating.confirm import confirm
from batchgate_cli.operating.options import (
    EndpointOption,
    GateAccessError,
    GateOptions,
    PoliciesOption,
    ProfileOption,
    RegionOption,
    TableOption,
    YesOption,
)
from batchgate_cli.output import Output, OutputOption, errors_console, print_line, printable_line, text_console

if TYPE_CHECKING:
    from rich.console import Console

    from batchgate.gate.ports import Review
    from batchgate.jobs.model import JobRef
    from batchgate_cli.operating.live_gate import LiveGate

app = command_group(
    "List the jobs that the deployed gate holds, and why; approve or cancel them.", GATE_EXIT_CODES_HELP
)

JobArgument = Annotated[str, argument(metavar="JOB", help="The job's id or ARN.")]
ReasonOption = Annotated[
    str,
    option(metavar="TEXT", help="Why; shown on the job and kept in its history.", show_default=False),
]


@app.add()
def held(
    region: RegionOption = None,
    profile: ProfileOption = None,
    table: TableOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """List the held jobs, the oldest first: since when, until when, and why.

    A mark shows a reason for the hold other than the policies: [shadow] mode, [paused], [circuit breaker]
    (too many cancellations in a short time), [adoption] (the job is older than the gate), [conflicting update] (an
    opposite decision may still be taking effect). A gate that is not working is a warning above the list.
    """
    with reported_errors():
        from batchgate.gate.ports import Unreadable
        from batchgate_cli.operating.gate_status import warning_of
        from batchgate_cli.operating.job_view import held_as_json, oldest_first, show_held
        from batchgate_cli.operating.live_gate import find_gate

        live = find_gate(GateOptions(profile, region, table=table))
        warning = warning_of(live)
        found = list(live.ledger.open_items())
        items = oldest_first([item for item in found if isinstance(item, State) and item.phase is Phase.HELD])
        for item in found:
            if isinstance(item, Unreadable):
                show_error(f"not listed: {item.error}")
        if output is Output.JSON:
            print(json.dumps({"warning": warning, "jobs": held_as_json(items)}, indent=2))
        else:
            _show_warning(warning)
            show_held(text_console(), items, live.clock.now())


@app.add()
def show(
    job: JobArgument,
    region: RegionOption = None,
    profile: ProfileOption = None,
    table: TableOption = None,
    endpoint_url: EndpointOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show one job: what S3 says now, what the gate holds or decided, and every review with its objections."""
    with reported_errors():
        from batchgate_cli.operating.gate_status import warning_of
        from batchgate_cli.operating.job_view import job_as_json, show_job
        from batchgate_cli.operating.live_gate import find_gate

        live = find_gate(GateOptions(profile, region, endpoint_url, table))
        ref = live.ref(job)
        state, history = live.ledger.read(ref), live.ledger.history(ref)
        warning = warning_of(live)
        problem = ""
        try:
            described = live.jobs.describe(ref)
        except JobsApiError as error:
            if state is None and isinstance(error, JobNotFoundError):
                raise GateAccessError(f"{ref.job_id}: S3 and the gate know no such job of {live.place}") from error
            described = None
            gone = isinstance(error, JobNotFoundError)
            problem = "it knows no such job (any more)" if gone else printable_line(str(error))
        if output is Output.JSON:
            print(json.dumps({"warning": warning, **job_as_json(described, state, history, problem)}, indent=2))
        else:
            _show_warning(warning)
            print_line((ref.arn, "bold"))
            show_job(text_console(), described, state, history, problem)


def _show_warning(warning: str | None) -> None:
    """That the gate is not working, above what it holds: on standard error, beside the output and not in it."""
    if warning is not None:
        print_line(("warning: ", "bold yellow"), printable_line(warning), err=True)


@app.add(epilog=DECIDING_EXIT_CODES_HELP)
def approve(  # noqa: PLR0913, PLR0917 - a command has the options that it has
    job: JobArgument,
    reason: ReasonOption,
    yes: YesOption = False,
    policy: PoliciesOption = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    table: TableOption = None,
    endpoint_url: EndpointOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Approve a held job. It runs when enough people have approved it; your identity is recorded.

    Shows what will be done and asks first. If the job changes before you confirm, it asks again; with --yes it
    refuses. Refused while the gate is paused, and where a cancellation by the gate may still take effect.
    """
    options = GateOptions(profile, region, endpoint_url, table, tuple(policy or ()))
    _decide(RequestedAction.APPROVE, job, reason, options, yes=yes, output=output)


@app.add(epilog=DECIDING_EXIT_CODES_HELP)
def cancel(  # noqa: PLR0913, PLR0917 - a command has the options that it has
    job: JobArgument,
    reason: ReasonOption,
    yes: YesOption = False,
    policy: PoliciesOption = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    table: TableOption = None,
    endpoint_url: EndpointOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Cancel a held job whatever the policies decide; it can't be undone. Your identity and reason are recorded.

    Shows what will be done and asks first. If the job changes before you confirm, it asks again; with --yes it
    refuses. Refused while a review has claimed the job, while the gate is paused, and where an approval by the gate may
    still take effect.
    """
    options = GateOptions(profile, region, endpoint_url, table, tuple(policy or ()))
    _decide(RequestedAction.CANCEL, job, reason, options, yes=yes, output=output)


def _decide(
    direction: RequestedAction, job: str, reason: str, options: GateOptions, *, yes: bool, output: Output
) -> None:
    if not reason.strip():
        raise click.BadParameter("expected why, got nothing", param_hint="--reason")
    if any("\ud800" <= character <= "\udfff" for character in reason):
        raise click.BadParameter("expected text in UTF-8, got other bytes", param_hint="--reason")
    with reported_errors():
        from batchgate_cli.operating.job_view import decided_as_json, show_changes, show_plan
        from batchgate_cli.operating.live_gate import find_gate

        live = find_gate(options)
        ref = live.ref(job)
        plan = text_console() if output is Output.TEXT else errors_console()
        shown = live.show(ref, direction)
        show_plan(plan, shown, direction, live.who, reason, live.place)
        confirm(f"{direction} this job?", yes=yes)
        review = None
        while review is None:
            try:
                review = _decide_as_shown(live, ref, direction, reason, shown.digest)
            except ChangedError:
                if yes:
                    raise
                before, shown = shown, live.show(ref, direction)
                show_changes(plan, before, shown)
                show_plan(plan, shown, direction, live.who, reason, live.place)
                confirm(f"{direction} this job as it is now?", yes=yes)
        if output is Output.JSON:
            print(json.dumps(decided_as_json(review), indent=2))
        _conclude(review, direction, plan)


def _decide_as_shown(live: "LiveGate", ref: "JobRef", direction: RequestedAction, reason: str, shown: str) -> "Review":
    """Decide the job as it was shown. An error after the claim was written leaves open what S3 did.

    Raises:
        click.exceptions.Exit: It is not known yet.
        ChangedError: It is not any more as it was shown.
        GateError: It was not done, and why.
    """
    decide = approve_for if direction is RequestedAction.APPROVE else cancel_for
    try:
        return decide(ref, live.who, reason, shown, live.gate())
    except RefusedError:
        raise
    except GateError as error:
        if _is_open(live, ref):
            _show_open(ref, f"{error}; ")
            raise click.exceptions.Exit(Exit.NOT_KNOWN_YET) from error
        raise


def _is_open(live: "LiveGate", ref: "JobRef") -> bool:
    """Whether a claim of this caller's stands, or the ledger can't say."""
    try:
        state = live.ledger.read(ref)
    except LedgerError:
        return True
    return state is not None and live.who in state.people and state.phase is not Phase.HELD


def _show_open(ref: "JobRef", error: str = "") -> None:
    show_error(
        f"{ref.job_id}: {printable_line(error)}S3's response was lost; the update may still apply. No one else can "
        "decide the job for two minutes. Then the gate asks S3 again, and evaluates the job by the policies if it is "
        f"still Suspended. To see the outcome: batchgate jobs show {ref.job_id}"
    )


def _conclude(review: "Review", direction: RequestedAction, console: "Console") -> None:
    """Print the outcome.

    Raises:
        click.exceptions.Exit: It is not known yet, or the job was not decided.
        RefusedError: The job was decided outside the gate first.
    """
    from batchgate_cli.operating.job_view import DONE

    if review.action == DONE[direction]:
        console.print(f"[bold]{review.action}; the next sweep announces it")
        return
    if review.action == "left":
        _show_open(review.ref)
        raise click.exceptions.Exit(Exit.NOT_KNOWN_YET)
    if review.action == "held":
        why = printable_line(review.reason).removeprefix("batchgate: held, ")
        if direction is RequestedAction.APPROVE:
            missing = printable_line(review.awaiting)
            more = "" if missing in why else f"; {missing}"
            console.print(f"approval recorded; the job is held still: {why}{more}", markup=False, style="bold")
            return
        show_error(f"{review.ref.job_id}: nothing was done: {why}")
        raise click.exceptions.Exit(Exit.FAILED)
    raise RefusedError(
        f"{review.ref.job_id}: {review.action}: S3 reports {review.status}, so it was decided outside the gate first"
    )
