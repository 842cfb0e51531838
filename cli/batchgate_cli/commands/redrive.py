"""`batchgate redrive`: job events that were never reviewed, moved back to the queue."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from batchgate.contract import GATE_PARAMETER
from batchgate.errors import GateError
from batchgate.jobs.model import JobRef, Json
from batchgate_cli.exits import PLAIN_EXIT_CODES_HELP, reported_errors, show_notes
from batchgate_cli.groups import command_group, option
from batchgate_cli.operating.confirm import confirm
from batchgate_cli.operating.options import (
    ApiOptions,
    GateAccessError,
    GateOptions,
    ProfileOption,
    RegionOption,
    YesOption,
)
from batchgate_cli.output import Output, OutputOption, printable_line, text_console

if TYPE_CHECKING:
    from rich.text import Text

    from batchgate_cli.operating.api_documents import OpenJob
    from batchgate_cli.operating.dead_letters import DeadLetter, DeadLetterQueue
    from batchgate_cli.operating.live_gate import LiveGate

app = command_group()

_States: TypeAlias = "Mapping[JobRef, OpenJob | GateError | None]"


@app.add(epilog=PLAIN_EXIT_CODES_HELP)
def redrive(
    show: Annotated[bool, option("--show", help="Only show the dead letters.")] = False,
    yes: YesOption = False,
    region: RegionOption = None,
    profile: ProfileOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show the job events that were never reviewed, and why; then move them back to the queue.

    There are two dead-letter queues: `unreviewed` (the gate failed repeatedly) and `undelivered` (EventBridge could not
    put the event into the queue). Fix the cause first. No job depends on this: the sweep finds every job that waits.
    """
    from batchgate_cli.operating.aws_errors import aws_errors
    from batchgate_cli.operating.dead_letters import with_failures
    from batchgate_cli.operating.live_gate import find_gate

    with reported_errors(), aws_errors():
        live = find_gate(GateOptions(profile, region))
        queues = _queues(live)
        letters = [letter for queue in queues for letter in queue.letters()]
        letters, unknown = with_failures(letters, live.session, live.found.functions.get("job_event", ""))
        more = sum(queue.count() for queue in queues) - len(letters)
        states = _states(GateOptions(profile, region), live, letters)
        if output is Output.JSON:
            print(json.dumps([_letter_as_json(letter, states) for letter in letters], indent=2))
        else:
            _show_letters(letters, states, live.clock.now(), more)
            if unknown:
                show_notes([unknown])
        if show or not letters:
            return
        confirm(f"move {len(letters)} back to the queue?", yes=yes)
        for queue in queues:
            moved = queue.move_to(live.found.queue_url, sum(letter.queue == queue.name for letter in letters))
            if output is Output.TEXT:
                print(f"moved {moved} {queue.name} back to the queue")


def _queues(live: "LiveGate") -> "tuple[DeadLetterQueue, ...]":
    found = live.found
    if not (found.queue_url and found.unreviewed_url and found.undelivered_url):
        raise GateAccessError(f"SSM parameter {GATE_PARAMETER} names no queues; deploy the stack again")
    from batchgate_cli.operating.dead_letters import DeadLetterQueue

    sqs = live.sqs()
    return (
        DeadLetterQueue(sqs, "unreviewed", found.unreviewed_url),
        DeadLetterQueue(sqs, "undelivered", found.undelivered_url),
    )


def _states(options: GateOptions, live: "LiveGate", letters: "Sequence[DeadLetter]") -> _States:
    """What the gate says became of each job anyway; the error where it can't say."""
    from batchgate_cli.operating.api_client import ProblemError, at_once, find_api
    from batchgate_cli.operating.deciding import read_job

    refs = [*dict.fromkeys(letter.ref for letter in letters if letter.ref is not None)]
    if not refs:
        return {}
    api = find_api(ApiOptions(region=options.region, profile=options.profile, endpoint_url=live.found.api_url or None))

    def state_of(ref: JobRef) -> "OpenJob | GateError | None":
        try:
            document, _ = read_job(api, ref.arn, None)
        except ProblemError as error:
            return None if error.kind == "/problems/not-found" else error
        except GateError as error:
            return error
        return document.state

    return dict(zip(refs, at_once(state_of, refs), strict=True))


def _became(letter: "DeadLetter", states: _States) -> str:
    from batchgate_cli.operating.job_view import ended_in_words
    from batchgate_cli.operating.wording import obstacle

    state = states.get(letter.ref) if letter.ref else None
    if isinstance(state, GateError):
        return f"what became of the job is not known: {printable_line(str(state))}"
    if state is None:
        return "the gate has no record of the job yet" if letter.ref else "the gate drops it"
    if state.phase == "settled":
        return f"the job is settled: {ended_in_words(state)}"
    if state.phase == "claimed":
        return "the job is being decided"
    return f"the job is held: {obstacle(state.reason)}"


def _letter_as_json(letter: "DeadLetter", states: _States) -> dict[str, Json]:
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
    letters: "Sequence[DeadLetter]",
    states: _States,
    now: datetime,
    more: int,
) -> None:
    if not letters:
        print("no dead letters")
        return
    from rich.table import Table

    from batchgate_cli.operating.dead_letters import SHOWN_AT_MOST

    console = text_console()
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for letter in letters:
        table.add_row(*_row(letter, states, now))
    console.print(table)
    if more > 0:
        console.print(f"and about {more} more; {SHOWN_AT_MOST} of each queue at a time")


def _row(letter: "DeadLetter", states: _States, now: datetime) -> "tuple[Text, Text]":
    from rich.text import Text

    from batchgate_cli.operating.wording import age

    job = letter.ref.job_id if letter.ref else "no job event"
    left = Text.assemble((job, "bold"), f"\n{printable_line(letter.event)}")
    details: list[Any] = [(letter.queue, "yellow"), f", {age(now - letter.sent_at)} old"]
    if letter.received:
        details.append(f", received {letter.received} times")
    if letter.why or letter.no_event:
        details.append(f"\n{printable_line(letter.why or letter.no_event)}")
    return left, Text.assemble(*details, f"\n{_became(letter, states)}")
