"""The digest: one message about all holds that wait for a person, and all cancellations since the one before."""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Final

from batchgate.gate.ports import Notice, Ports, Unreadable
from batchgate.gate.state import Block, Phase, State
from batchgate.jobs.model import JobRef
from batchgate.policy.reason import REASON_AT_MOST
from batchgate.policy.wording import printable
from batchgate.text import shorten

EVERY: Final = timedelta(minutes=15)
"""The shortest time between two digests."""

SEEN_AFTER: Final = timedelta(minutes=1)
"""How long after its write an item is surely in the indices."""

LOOKS_BACK: Final = timedelta(days=1)
"""For cancellations, where it is not known up to when people know of them: before the first sweep there are none."""

LOOKS_BACK_AT_MOST: Final = timedelta(days=100)
"""Each day is a query. The longest time without sweeps whose cancellations people are still notified of."""

_LISTED: Final = 40
_IDS_LISTED: Final = 1000
_ID_AT_MOST: Final = 64
_OPERATION_AT_MOST: Final = 64
_CHAT_AT_MOST: Final = 2_500
"""Characters: Slack takes 3,000 in one block of text. No limit of Amazon Q Developer's own is known."""

_STEPS: Final = 5
_AS_IN_CHAT: Final = str.maketrans({"<": "\u2039", ">": "\u203a", "&": "+", "`": "'"})

_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What SNS can't deliver to every kind of subscriber. *Source*: SQS API, SendMessage; XML 1.0, Char."""


def needs_a_person(item: State) -> bool:
    """Whether a hold needs a person: it has no window, and does not end with a pause or with the circuit breaker."""
    opens_itself = item.until is not None or item.block in (Block.PAUSED, Block.CIRCUIT_BREAKER)
    return item.phase is Phase.HELD and not item.shadow and not opens_itself


def notify_people(waiting: Sequence[State], account_id: str, region: str, ports: Ports, *, read_at: datetime) -> bool:
    """Send a digest if there are new holds or cancellations, and the last digest is long enough ago.

    What was not sent, or not recorded as sent, is in the next one.

    Args:
        waiting: The holds that need a person.
        account_id: Whose jobs they are.
        region: Where.
        ports: The ports.
        read_at: When it was begun to read which holds wait. A hold that is newer is in the next digest, however long
            the sweep took since.

    Returns:
        Whether one was sent.

    Raises:
        AnnounceError: It could not be sent; the next sweep tries again.
        LedgerError: It can't be read what is new, or it can't be recorded that the digest was sent: it may come twice.
    """
    if ports.notices is None:
        return False
    sure = read_at - SEEN_AFTER
    told = ports.ledger.notified()
    if told.holds_until is not None and sure - told.holds_until < EVERY:
        return False
    new = [
        item
        for item in waiting
        if _news_at(item) <= sure and (told.holds_until is None or _news_at(item) > told.holds_until)
    ]
    since = max(told.cancelled_until or sure - LOOKS_BACK, sure - LOOKS_BACK_AT_MOST)
    cancelled = ports.ledger.cancelled(since, sure)
    if new or cancelled:
        ports.notices.send(digest(waiting if new else (), new, cancelled, account_id, region, read_at))
        ports.ledger.set_notified(max(since, sure), sure)  # an earlier instant than the recorded one is not written
        return True
    if sure - since >= EVERY:  # so that nobody reads the same days each minute
        ports.ledger.set_notified(sure, told.holds_until)
    return False


def _news_at(item: State) -> datetime:
    return item.changed_at or item.first_held_at or datetime.min.replace(tzinfo=UTC)


def digest(
    waiting: Sequence[State],
    new: Sequence[State],
    cancelled: Sequence[State | Unreadable],
    account_id: str,
    region: str,
    now: datetime,
) -> Notice:
    """The message; its subject is printable ASCII.

    Args:
        waiting: The holds that need a person; none if none of them is new.
        new: Those of them that are.
        cancelled: The jobs that were cancelled.
        account_id: Whose jobs they are.
        region: Where.
        now: The present instant.
    """
    fresh = {item.ref for item in new}
    holds = sorted(waiting, key=lambda item: (item.ref not in fresh, item.first_held_at or now, item.ref))
    subjects, sections = [], []
    if holds:
        subjects.append(f"{_jobs(holds, 'S3 Batch ')} wait{'' if len(holds) > 1 else 's'} for a decision")
        sections.append(_of_holds(holds, fresh, account_id, region))
    if cancelled:
        subjects.append(f"{_jobs(cancelled, 'S3 Batch ')} cancelled")
        sections.append(_of_cancellations(cancelled, account_id, region))
    sections.append(["`batchgate jobs show JOB` says why."])
    text = "\n\n".join("\n".join(lines) for lines in sections) + "\n"
    summary, next_steps = _for_chat(holds, fresh, cancelled, account_id, region)
    return Notice(f"batchgate: {', '.join(subjects)}", text, summary, next_steps)


def _of_holds(holds: Sequence[State], fresh: AbstractSet[JobRef], account_id: str, region: str) -> list[str]:
    """Each job, what it waits for, and the commands that decide it."""
    lines = [
        f"batchgate holds {_jobs(holds)} of account {account_id} in {region} for a person, {len(fresh)} new.",
        "S3 fails a job that is not confirmed within 30 days. `batchgate jobs cancel JOB` cancels it instead.",
    ]
    for item in holds[:_LISTED]:
        lines += [
            "",
            f"{'NEW ' if item.ref in fresh else ''}{_job(item)}, held since {_minute(item.first_held_at)}",
            _reason(item),
            *(
                [f"  Missing: {shorten(printable(item.missing_approvals), REASON_AT_MOST)}"]
                if item.missing_approvals
                else []
            ),
            f"  {_approve(item, region)}",
        ]
    if len(holds) > _LISTED:
        lines += ["", f"and {len(holds) - _LISTED} more: batchgate jobs held --region {region}"]
    return lines


def _for_chat(
    holds: Sequence[State],
    fresh: AbstractSet[JobRef],
    cancelled: Sequence[State | Unreadable],
    account_id: str,
    region: str,
) -> tuple[str, tuple[str, ...]]:
    """What fits of it into a chat, and the commands for the first jobs. What comes of a job stands in code spans."""
    lines = [f"Account {account_id}, {region}"]
    listed = [
        *(f"{'*NEW* ' if item.ref in fresh else ''}{_code(_job(item))}\n{_code(_missing(item))}" for item in holds),
        *(f"cancelled {_code(_id(item.ref))}\n{_code(_why(item))}" for item in cancelled),
    ]
    room = _CHAT_AT_MOST - len(lines[0])
    for position, each in enumerate(listed):
        room -= len(each) + 1
        if room < 0:
            lines.append(f"and {len(listed) - position} more")
            break
        lines.append(each)
    decide = [_code(_approve(item, region)) for item in holds[:_STEPS]]
    look = "held" if holds else "show JOB"
    return "\n".join(lines), (*decide, _code(f"batchgate jobs {look} --region {region}"))


def _approve(item: State, region: str) -> str:
    return f"batchgate jobs approve {_id(item.ref)} --region {region} --reason '...'"


def _missing(item: State) -> str:
    """Which approvals a hold waits for; why it is held, where none are asked for."""
    return printable(shorten(item.awaiting, REASON_AT_MOST)) or _why(item)


def _why(item: State | Unreadable) -> str:
    if isinstance(item, Unreadable):
        return printable(str(item.error))
    return printable(shorten(item.reason, REASON_AT_MOST)).removeprefix("batchgate: ") or "no reason on the job"


def _code(text: str) -> str:
    """Any text as a code span of a chat's Markdown: it mentions nobody, links to nothing and ends no span.

    *Source*: Slack, "Formatting text for app surfaces": `<`, `>` and `&` are its only control characters, also in code.
    """
    return f"`{text.translate(_AS_IN_CHAT)}`"


def _of_cancellations(cancelled: Sequence[State | Unreadable], account_id: str, region: str) -> list[str]:
    """Each job and its reason; of many the ids of the others."""
    lines = [f"batchgate cancelled {_jobs(cancelled)} of account {account_id} in {region}."]
    for item in cancelled[:_LISTED]:
        lines.append("")
        if isinstance(item, Unreadable):
            lines += [_id(item.ref), f"  {printable(str(item.error))}"]
        else:
            lines += [f"{_job(item)}, cancelled {_minute(item.decided_at)}", _reason(item)]
    others = [_id(item.ref) for item in cancelled[_LISTED:]]
    if others:
        more = f" and {len(others) - _IDS_LISTED} more" if len(others) > _IDS_LISTED else ""
        named = ", ".join(others[:_IDS_LISTED])
        lines += ["", f"and {named}{more}"]
    return lines


def _jobs(items: Sequence[object], kind: str = "") -> str:
    return f"{len(items)} {kind}job{'' if len(items) == 1 else 's'}"


def _job(item: State) -> str:
    tasks = f"{item.total_tasks:,} objects" if item.total_tasks else "unknown size"
    what = shorten(printable(item.operation), _OPERATION_AT_MOST) or "unknown operation"
    return f"{_id(item.ref)}  {what}, {tasks}"


def _id(ref: JobRef | None) -> str:
    """A job's id, of an item's key: one that no gate wrote must not keep the message from being sent."""
    return shorten(printable(ref.job_id), _ID_AT_MOST) if ref else "unknown job"


def _minute(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC" if instant else "unknown"


def _reason(item: State) -> str:
    """The reason as it is, indented: no line of it can be taken for one of the message's own."""
    reason = shorten(item.reason, REASON_AT_MOST).removeprefix("batchgate: ")
    return "  " + _NOT_IN_XML.sub("?", reason or "There is no reason on the job.").replace("\n", "\n  ")
