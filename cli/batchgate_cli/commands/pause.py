"""`batchgate pause` and `resume`: all jobs held, whatever the policies decide."""

import json
from typing import TYPE_CHECKING, Annotated

import click

from batchgate.errors import LedgerConflictError
from batchgate.gate.ports import Pause
from batchgate.jobs.model import Json
from batchgate.text import shorten
from batchgate_cli.exits import reported_errors
from batchgate_cli.groups import command_group, option
from batchgate_cli.operating.options import (
    GateAccessError,
    GateOptions,
    ProfileOption,
    RegionOption,
    TableOption,
)
from batchgate_cli.output import Output, OutputOption, print_line, printable_line

if TYPE_CHECKING:
    from batchgate_cli.operating.live_gate import LiveGate

app = command_group()


@app.add()
def pause(
    reason: Annotated[
        str | None, option(metavar="TEXT", help="Why; shown by `batchgate pause --status`.", show_default=False)
    ] = None,
    status: Annotated[bool, option("--status", help="Only print whether the gate is paused.")] = False,
    region: RegionOption = None,
    profile: ProfileOption = None,
    table: TableOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Pause the deployed gate: it still evaluates jobs but holds all of them; an alarm is active until you resume.

    Decisions already in progress may still take effect for five seconds. If the gate is already paused, the first pause
    stays on record.
    """
    if not status and not (reason or "").strip():
        raise click.BadParameter("expected why the gate is paused, got nothing", param_hint="--reason")
    with reported_errors():
        from batchgate_cli.operating.live_gate import find_gate

        live = find_gate(GateOptions(profile, region, table=table))
        paused = live.ledger.pause()
        if status or paused is not None:
            _show_pause(live, paused, output, already=not status)
            return
        paused = Pause(by=live.who, reason=shorten(str(reason)), at=live.clock.now())
        try:
            live.ledger.set_pause(paused, replacing=None)
        except LedgerConflictError:
            first = live.ledger.pause()
            if first is None:
                raise
            _show_pause(live, first, output, already=True)
            return
        _show_pause(live, paused, output, already=False)


@app.add()
def resume(
    region: RegionOption = None,
    profile: ProfileOption = None,
    table: TableOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Resume a paused gate: the jobs that the pause held are evaluated again by the next sweep.

    Only the pause that it shows ends: if the gate was paused again meanwhile, it stays paused.
    """
    with reported_errors():
        from batchgate_cli.operating.live_gate import find_gate

        live = find_gate(GateOptions(profile, region, table=table))
        paused = live.ledger.pause()
        if paused is not None:
            _end_pause(live, paused)
        if output is Output.JSON:
            print(json.dumps({"paused": False, "was": _pause_as_json(paused)}, indent=2))
        elif paused is None:
            print(f"the gate of {live.place} was not paused")
        else:
            print_line(f"resumed the gate of {live.place}; it was {_pause_in_words(paused)}")


def _end_pause(live: "LiveGate", paused: Pause) -> None:
    """End one pause.

    Raises:
        GateAccessError: Another one is there by now.
    """
    try:
        live.ledger.set_pause(None, replacing=paused)
    except LedgerConflictError as error:
        another = live.ledger.pause()
        if another is None:
            return  # another person resumed it first
        raise GateAccessError(
            f"not resumed: the gate was paused again meanwhile; it is {_pause_in_words(another)}"
        ) from error


def _show_pause(live: "LiveGate", paused: Pause | None, output: Output, *, already: bool) -> None:
    if output is Output.JSON:
        print(json.dumps({"paused": paused is not None, **(_pause_as_json(paused) or {})}, indent=2))
    elif paused is None:
        print(f"the gate of {live.place} is not paused")
    else:
        word = "was paused already" if already else "is paused"
        since = _pause_in_words(paused).removeprefix("paused ")
        print_line(f"the gate of {live.place} {word}, {since}")


def _pause_in_words(paused: Pause) -> str:
    return (
        f"paused since {paused.at:%Y-%m-%d %H:%M} UTC by {printable_line(paused.by)}: {printable_line(paused.reason)}"
    )


def _pause_as_json(paused: Pause | None) -> dict[str, Json] | None:
    return {"by": paused.by, "reason": paused.reason, "at": paused.at.isoformat()} if paused else None
