"""`batchgate pause`, `resume` and `redrive`: running the deployed gate."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from batchgate.contract import GATE_PARAMETER
from batchgate.errors import LedgerConflictError, UnreadableItemError
from batchgate.gate.ports import Pause
from batchgate.gate.state import Phase, State
from batchgate.jobs.model import JobRef, Json
from batchgate.text import shorten
from batchgate_cli.commands.jobs import YesOption
from batchgate_cli.commands.policy import Output, OutputOption, text_console
from batchgate_cli.exits import printable_line, reported_errors, show_notes
from batchgate_cli.operating.confirm import confirm
from batchgate_cli.operating.dead_letters import SHOWN_AT_MOST, DeadLetter, DeadLetterQueue, with_failures
from batchgate_cli.operating.job_view import age, ended_in_words, obstacle
from batchgate_cli.operating.live_gate import (
    GateAccessError,
    GateOptions,
    LiveGate,
    ProfileOption,
    RegionOption,
    TableOption,
    aws_troubles,
    find_gate,
)


def pause(
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why; shown to everybody who asks.", show_default=False)
    ] = None,
    status: Annotated[bool, typer.Option("--status", help="Only say whether the gate is paused.")] = False,
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
        raise typer.BadParameter("expected why the gate is paused, got nothing", param_hint="--reason")
    with reported_errors():
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


def resume(
    region: RegionOption = None,
    profile: ProfileOption = None,
    table: TableOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Resume a paused gate: the jobs that the pause held are evaluated again within a minute.

    Only the pause that it shows ends: if somebody has paused the gate again meanwhile, it stays paused.
    """
    with reported_errors():
        live = find_gate(GateOptions(profile, region, table=table))
        paused = live.ledger.pause()
        if paused is not None:
            _end_pause(live, paused)
        if output is Output.JSON:
            print(json.dumps({"paused": False, "was": _pause_as_json(paused)}, indent=2))
        elif paused is None:
            print(f"the gate of {live.place} was not paused")
        else:
            text_console().print(Text(f"resumed the gate of {live.place}; it was {_pause_in_words(paused)}"))


def _end_pause(live: LiveGate, paused: Pause) -> None:
    """End one pause.

    Raises:
        GateAccessError: Another one is there by now.
    """
    try:
        live.ledger.set_pause(None, replacing=paused)
    except LedgerConflictError as error:
        another = live.ledger.pause()
        if another is None:
            return  # somebody else was first; the gate is not paused
        raise GateAccessError(
            f"not resumed: somebody paused the gate anew; it is {_pause_in_words(another)}"
        ) from error


def _show_pause(live: LiveGate, paused: Pause | None, output: Output, *, already: bool) -> None:
    if output is Output.JSON:
        print(json.dumps({"paused": paused is not None, **(_pause_as_json(paused) or {})}, indent=2))
    elif paused is None:
        print(f"the gate of {live.place} is not paused")
    else:
        word = "was paused already" if already else "is paused"
        since = _pause_in_words(paused).removeprefix("paused ")
        text_console().print(Text(f"the gate of {live.place} {word}, {since}"))


def _pause_in_words(paused: Pause) -> str:
    return (
        f"paused since {paused.at:%Y-%m-%d %H:%M} UTC by {printable_line(paused.by)}: {printable_line(paused.reason)}"
    )


def _pause_as_json(paused: Pause | None) -> dict[str, Json] | None:
    return {"by": paused.by, "reason": paused.reason, "at": paused.at.isoformat()} if paused else None


# --- Dead letters -------------------------------------------------------------------------------------

_States: TypeAlias = Mapping[JobRef, State | UnreadableItemError | None]


def redrive(
    show: Annotated[bool, typer.Option("--show", help="Only show the dead letters.")] = False,
    yes: YesOption = False,
    region: RegionOption = None,
    profile: ProfileOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show the job events that never got their review, and why; then move them back to the queue.

    There are two dead-letter queues: `unreviewed` (the gate failed repeatedly) and `undelivered` (EventBridge could not
    put the event into the queue). Fix the cause first. No job depends on this: the sweep finds every job that waits.
    """
    with reported_errors(), aws_troubles():
        live = find_gate(GateOptions(profile, region))
        queues = _queues(live)
        letters = [letter for queue in queues for letter in queue.look()]
        letters, unknown = with_failures(letters, live.session, live.found.functions.get("job_event", ""))
        more = sum(queue.count() for queue in queues) - len(letters)
        states = _states(live, letters)
        if output is Output.JSON:
            print(json.dumps([_letter_as_json(letter, states) for letter in letters], indent=2))
        else:
            _show_letters(text_console(), letters, states, live.clock.now(), more)
            if unknown:
                show_notes([unknown])
        if show or not letters:
            return
        confirm(f"move {len(letters)} back to the queue?", yes=yes)
        for queue in queues:
            moved = queue.move_to(live.found.queue_url, sum(letter.queue == queue.name for letter in letters))
            if output is Output.TEXT:
                print(f"moved {moved} {queue.name} back to the queue")


def _queues(live: LiveGate) -> tuple[DeadLetterQueue, ...]:
    found = live.found
    if not (found.queue_url and found.unreviewed_url and found.undelivered_url):
        raise GateAccessError(f"SSM parameter {GATE_PARAMETER} names no queues: deploy the stack anew")
    sqs = live.sqs()
    return (
        DeadLetterQueue(sqs, "unreviewed", found.unreviewed_url),
        DeadLetterQueue(sqs, "undelivered", found.undelivered_url),
    )


def _states(live: LiveGate, letters: Sequence[DeadLetter]) -> _States:
    """What became of the jobs all the same; where the ledger's item can't be read, that."""
    states: dict[JobRef, State | UnreadableItemError | None] = {}
    for ref in {letter.ref for letter in letters if letter.ref is not None}:
        try:
            states[ref] = live.ledger.read(ref)
        except UnreadableItemError as error:
            states[ref] = error
    return states


def _became(letter: DeadLetter, states: _States) -> str:
    state = states.get(letter.ref) if letter.ref else None
    if isinstance(state, UnreadableItemError):
        return printable_line(str(state))
    if state is None:
        return "the gate knows nothing of the job yet" if letter.ref else "the gate drops it"
    if state.phase is Phase.SETTLED:
        return f"the job is settled: {ended_in_words(state)}"
    if state.phase is Phase.CLAIMED:
        return "the job is being decided"
    return f"the job is held: {obstacle(state.reason)}"


def _letter_as_json(letter: DeadLetter, states: _States) -> dict[str, Json]:
    return {
        "queue": letter.queue,
        "message_id": letter.message_id,
        "job_arn": letter.ref.arn if letter.ref else None,
        "event": letter.event or None,
        "received": letter.received,
        "sent_at": letter.sent_at.isoformat(),
        "why": letter.why or letter.no_event or None,
        "became": _became(letter, states),
    }


def _show_letters(
    console: Console,
    letters: Sequence[DeadLetter],
    states: _States,
    now: datetime,
    more: int,
) -> None:
    if not letters:
        console.print("no dead letters")
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for letter in letters:
        table.add_row(*_row(letter, states, now))
    console.print(table)
    if more > 0:
        console.print(f"and about {more} more; {SHOWN_AT_MOST} of each queue at a time")


def _row(letter: DeadLetter, states: _States, now: datetime) -> tuple[Text, Text]:
    job = letter.ref.job_id if letter.ref else "no job event"
    left = Text.assemble((job, "bold"), f"\n{printable_line(letter.event)}")
    said: list[Any] = [(letter.queue, "yellow"), f", {age(now - letter.sent_at)} old"]
    if letter.received:
        said.append(f", received {letter.received} times")
    if letter.why or letter.no_event:
        said.append(f"\n{printable_line(letter.why or letter.no_event)}")
    return left, Text.assemble(*said, f"\n{_became(letter, states)}")
