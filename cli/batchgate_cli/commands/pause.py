"""`batchgate pause` and `resume`: all jobs held, whatever the policies decide."""

from typing import TYPE_CHECKING, Annotated, Any

import click

from batchgate_cli.exits import PAUSE_EXIT_CODES_HELP, reported_errors
from batchgate_cli.groups import command_group, option
from batchgate_cli.operating.options import REASON, ApiOptions
from batchgate_cli.output import print_line, printable_line

if TYPE_CHECKING:
    from batchgate_cli.operating.api_documents import ApiPause

app = command_group()


@app.add(epilog=PAUSE_EXIT_CODES_HELP)
def pause(
    api: ApiOptions,
    reason: Annotated[
        str | None,
        option(
            metavar="TEXT",
            help="Why, in at most 1000 characters; shown by `batchgate pause --status`.",
            type=REASON,
            show_default=False,
        ),
    ] = None,
    status: Annotated[bool, option("--status", help="Only print whether the gate is paused.")] = False,
) -> None:
    """Pause the deployed gate: it still evaluates jobs but holds all of them; an alarm is active until you resume.

    A decision that was claimed before the pause may still be sent for about five seconds. If S3's response to an update
    was lost, that update may take effect later, up to 15 minutes after the claim's lease.

    If the gate is already paused, the first pause stays on record.
    """
    if not status and not (reason or "").strip():
        raise click.BadParameter("expected why the gate is paused, got nothing", param_hint="--reason")
    with reported_errors():
        from batchgate_cli.operating.api_client import decoded, find_api
        from batchgate_cli.operating.api_documents import ApiPause
        from batchgate_cli.operating.aws_output import printer

        output = printer(api)
        gate = find_api(api)
        answer = gate.get("/pause") if status else gate.send("PUT", "/pause", {"reason": reason})
        paused = decoded(answer, ApiPause)
        if not output.is_for_people:
            output.print("pause", answer)
        elif not paused.paused:
            print(f"the gate of {gate.region} is not paused")
        else:
            word = "was already paused" if paused.already else "is paused"
            print_line(f"the gate of {gate.region} {word}, {_since(paused)}")


@app.add(epilog=PAUSE_EXIT_CODES_HELP)
def resume(api: ApiOptions) -> None:
    """Resume a paused gate: the jobs that the pause held are evaluated again by the next sweep.

    Only the pause that it shows ends: if the gate was paused again meanwhile, it stays paused.
    """
    with reported_errors():
        from batchgate_cli.operating.api_client import decoded, find_api
        from batchgate_cli.operating.api_documents import ApiPause
        from batchgate_cli.operating.aws_output import printer

        output = printer(api)
        gate = find_api(api)
        was: dict[str, Any] = gate.get("/pause")
        paused = decoded(was, ApiPause)
        if paused.paused:
            gate.send("DELETE", "/pause", headers={"If-Match": paused.etag or ""})
        if not output.is_for_people:
            output.print("resume", {"paused": False, "was": was if paused.paused else None})
        elif not paused.paused:
            print(f"the gate of {gate.region} was not paused")
        else:
            print_line(f"resumed the gate of {gate.region}; it had been paused {_since(paused)}")
            print("the next sweep reviews the jobs that the pause held")


def _since(paused: "ApiPause") -> str:
    return f"since {paused.at:%Y-%m-%d %H:%M} UTC by {printable_line(paused.by)}: {printable_line(paused.reason)}"
