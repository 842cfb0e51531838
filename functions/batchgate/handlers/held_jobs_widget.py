"""The dashboard's widget of held jobs: what is held, since when, why, and the command that decides it. Read-only."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from batchgate.aws.wiring import Home, SystemClock, logger, open_ledger
from batchgate.errors import UnreadableItemError
from batchgate.gate.ports import DecisionLedger, Unreadable
from batchgate.gate.state import Block, Phase, State
from batchgate.handlers import collecting_after_first_response
from batchgate.policy.wording import printable

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from batchgate.jobs.model import Json

SHOWN: Final = 100
"""Rows; nobody reads more of them. Lambda's response may have 6 MiB."""

_DESCRIPTION: Final = """## Held jobs
The S3 Batch Operations jobs that batchgate holds, the longest first. Takes no parameters.
"""

_COLUMNS: Final = ("Job", "Operation", "Objects", "Held since", "Until", "Why", "Decide")

_NOTES: Final = {
    Block.PAUSED: "the gate is paused",
    Block.CIRCUIT_BREAKER: "the circuit breaker holds",
    Block.ADOPTION: "older than the gate",
    Block.BUDGET: "other jobs were faster",
    Block.CONFLICTING_UPDATE: "look into it",
}


@collecting_after_first_response
@logger.inject_lambda_context
def handler(event: dict[str, Json], context: LambdaContext) -> str | dict[str, str]:
    """Return HTML, or the documentation that CloudWatch asks for with `describe`.

    *Source*: CloudWatch User Guide, custom widgets: `{"describe": true}` asks for Markdown; HTML is put into the
    dashboard without scripts.
    """
    if event.get("describe"):
        return {"markdown": _DESCRIPTION}
    home = Home.of_function(context.invoked_function_arn)
    now = SystemClock().now()
    ledger = open_ledger(home)
    items = list(ledger.open_items())
    held = [item for item in items if isinstance(item, State) and item.phase is Phase.HELD]
    rows = sorted(held, key=lambda item: (item.first_held_at or now, item.ref))
    banner = _pause_in_words(ledger) + "".join(
        f"<p><strong>Not shown</strong>: the ledger's item can't be read: {_text(str(item.error))}</p>"
        for item in items
        if isinstance(item, Unreadable)
    )
    if not rows:
        return f"{banner}<p>No job is held.</p>"
    more = f"<p>and {len(rows) - SHOWN} more: <code>batchgate jobs held</code></p>" if len(rows) > SHOWN else ""
    head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
    body = "".join(_row(item, home) for item in rows[:SHOWN])
    return f"{banner}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _pause_in_words(ledger: DecisionLedger) -> str:
    try:
        pause = ledger.pause()
    except UnreadableItemError as error:
        return f"<p><strong>The gate is paused</strong>; since when can't be read: {_text(str(error))}</p>"
    if pause is None:
        return ""
    return (
        f"<p><strong>The gate is paused</strong> since {pause.at:%Y-%m-%d %H:%M} UTC by {_text(pause.by)}: "
        f"{_text(pause.reason)}. <code>batchgate resume</code> ends that.</p>"
    )


def _row(item: State, home: Home) -> str:
    since = f"{item.first_held_at:%Y-%m-%d %H:%M} UTC" if item.first_held_at else ""
    note = "shadow: nothing will be done" if item.shadow else _NOTES.get(item.block) if item.block else None
    until = f"{item.until:%Y-%m-%d %H:%M} UTC" if item.until else note or "a person decides"
    if item.cancels_at is not None:
        until = f"{item.cancels_at:%Y-%m-%d %H:%M} UTC, then it will be cancelled"
    command = f"batchgate jobs approve {item.ref.job_id} --region {home.region} --reason '...'"
    cells = (
        f"<code>{_text(item.ref.job_id)}</code>",
        _text(item.operation) or "unknown",
        f"{item.total_tasks:,}" if item.total_tasks is not None else "unknown",
        since,
        _text(until),
        _text("; ".join(filter(None, [item.reason.removeprefix("batchgate: "), item.missing_approvals]))),
        f"<code>{_text(command)}</code>",
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _text(text: str) -> str:
    """Any text as text: nothing in it is HTML or moves the cursor."""
    return escape(printable(text))
