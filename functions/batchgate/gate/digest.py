"""The digest: one message about all holds that wait for a person."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from batchgate.gate.ports import Ports
from batchgate.gate.state import Block, Phase, State
from batchgate.jobs.model import JobRef
from batchgate.policy.reason import REASON_AT_MOST
from batchgate.policy.wording import printable
from batchgate.text import shorten

EVERY = timedelta(minutes=15)
"""The shortest time between two digests."""

SEEN_AFTER = timedelta(minutes=1)
"""How long after its write a hold is surely in the index."""

_LISTED = 40
_OPERATION_AT_MOST = 64


def needs_a_person(item: State) -> bool:
    """Whether a hold needs a person: it has no window, and does not end with a pause or with the circuit breaker."""
    opens_itself = item.until is not None or item.block in (Block.PAUSED, Block.CIRCUIT_BREAKER)
    return item.phase is Phase.HELD and not item.shadow and not opens_itself


def notify_people(waiting: Sequence[State], account_id: str, region: str, ports: Ports) -> bool:
    """Send a digest if there are new holds and the last digest is long enough ago.

    Args:
        waiting: The holds that need a person.
        account_id: Whose jobs they are.
        region: Where.
        ports: The ports.

    Returns:
        Whether one was sent.

    Raises:
        AnnounceError: It could not be sent; the next sweep tries again.
        LedgerError: It can't be read which holds the last digest covered, or it can't be recorded that this one was
            sent: it may come twice.
    """
    if ports.notices is None or not waiting:
        return False
    now = ports.clock.now()
    notified_until = ports.ledger.notified_until()
    sure = now - SEEN_AFTER
    new = [
        item
        for item in waiting
        if _news_at(item) <= sure and (notified_until is None or _news_at(item) > notified_until)
    ]
    if not new or (notified_until is not None and sure - notified_until < EVERY):
        return False
    subject = f"batchgate: {len(waiting)} S3 Batch job{'s wait' if len(waiting) > 1 else ' waits'} for a decision"
    ports.notices.send(subject, digest(waiting, {item.ref for item in new}, account_id, region, now))
    ports.ledger.set_notified_until(sure)
    return True


def _news_at(item: State) -> datetime:
    return item.news_at or item.first_held_at or datetime.min.replace(tzinfo=UTC)


def digest(waiting: Sequence[State], new: Iterable[JobRef], account_id: str, region: str, now: datetime) -> str:
    """The message: each job, what it waits for, and the commands that decide it; printable ASCII."""
    fresh = set(new)
    ordered = sorted(waiting, key=lambda item: (item.ref not in fresh, item.first_held_at or now, item.ref))
    lines = [
        f"batchgate holds {len(ordered)} jobs of account {account_id} in {region} for a person, {len(fresh)} new.",
        "S3 fails a job that is not confirmed within 30 days.",
    ]
    for item in ordered[:_LISTED]:
        since = f"{item.first_held_at:%Y-%m-%d %H:%M} UTC" if item.first_held_at else "unknown"
        tasks = f"{item.total_tasks:,} objects" if item.total_tasks else "unknown size"
        what = shorten(printable(item.operation), _OPERATION_AT_MOST) or "unknown operation"
        lines += [
            "",
            f"{'NEW ' if item.ref in fresh else ''}{item.ref.job_id}  {what}, {tasks}, held since {since}",
            f"  {shorten(printable(item.reason), REASON_AT_MOST).removeprefix('batchgate: ')}",
            f'  batchgate jobs approve {item.ref.job_id} --region {region} --reason "..."',
        ]
    if len(ordered) > _LISTED:
        lines += ["", f"and {len(ordered) - _LISTED} more: batchgate jobs held --region {region}"]
    lines += ["", "`batchgate jobs show JOB` says why; `batchgate jobs cancel JOB` cancels instead."]
    return "\n".join(lines) + "\n"
