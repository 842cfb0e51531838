"""The heartbeat: what a sweep leaves in the ledger, and the jobs that no event announced."""

from datetime import UTC, datetime, timedelta
from typing import Final

from batchgate.gate.ports import Heartbeat, Ports
from batchgate.gate.protocol import CLOCKS_APART_AT_MOST
from batchgate.gate.sweep import SweepReport

ANNOUNCED_WITHIN: Final = timedelta(minutes=15)
"""How late an event may come. CloudTrail publishes no bound; this is what it used to state for its log files."""

SWEEP_LATE: Final = timedelta(minutes=6)
SWEEP_DEAD: Final = timedelta(minutes=14)
"""How late a sweep is, after which people should look; the latter as the alarm no-sweep.

A sweep that has much to do takes five minutes by default. It reports when it ends, and no other runs meanwhile.
"""

_NOTED_LATE: Final = timedelta(minutes=2)
"""The last event is recorded to the minute, by a clock of another function."""

_FOUND_AT_MOST: Final = 200
"""Jobs that are remembered at once: of a flood without events the first ones suffice."""


def beat(report: SweepReport, ports: Ports) -> int:
    """Write the heartbeat of a sweep; return how many jobs only sweeps found, although an event should have come.

    A job counts once, 15 minutes after a sweep was the first to review it, if the gate has received no event of any job
    since the job was created. Jobs that are older than the first sweep do not count.

    Raises:
        LedgerError: The ledger could not be read or written: nothing counts, and the next sweep tries again.
    """
    before = ports.ledger.heartbeat()
    since = min(before.since, report.at) if before else report.at  # one in the future would exempt every job
    now_at_most = report.at + CLOCKS_APART_AT_MOST
    known = {each.job_id: each for each in before.found if each.found_at <= now_at_most} if before else {}
    new = (each for each in report.found if each.created_at >= since and each.job_id not in known)
    ripe = [each for each in known.values() if report.at - each.found_at >= ANNOUNCED_WITHIN]
    last_event_at = ports.ledger.last_event_at() if ripe else None
    policy_version, policy_since = _policies(before, report)
    ports.ledger.set_heartbeat(
        Heartbeat(
            swept_at=report.at,
            since=since,
            policy_version=policy_version,
            policy_since=policy_since,
            problem=report.policy_problem,
            problem_since=((before and before.problem_since) or report.at) if report.policy_problem else None,
            failed=report.failed,
            left=report.left,
            found=(*(each for each in known.values() if each not in ripe), *new)[:_FOUND_AT_MOST],
        )
    )
    return sum(last_event_at is None or last_event_at < each.created_at - _NOTED_LATE for each in ripe)


def _policies(before: Heartbeat | None, report: SweepReport) -> tuple[str, datetime | None]:
    """The version in force, and since when; the last one that is known where none can be loaded."""
    if before is not None and report.policy_version in (None, before.policy_version):
        return before.policy_version, before.policy_since
    return report.policy_version or "", report.at if report.policy_version else None


def warning_of(found: Heartbeat | None, opened_at: datetime, now: datetime, every: timedelta) -> str | None:
    """Why a gate is not working, or may not be, in one line; None for one that works.

    A gate that decides nothing must not look as if it had nothing to do.

    Args:
        found: The last heartbeat.
        opened_at: Since when the gate has been deployed.
        now: The present instant.
        every: How often a sweep is started.
    """
    if found is None:
        return None if now - opened_at < every + SWEEP_DEAD else "the gate is not working: no sweep is recorded"
    at = f"{found.swept_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if found.problem:
        return f"the gate is not working: the last sweep, at {at}, could load no policies: {found.problem}"
    passed = now - found.swept_at
    if passed > every + SWEEP_DEAD:
        return f"the gate is not working: no sweep has succeeded since {at}"
    if passed > every + SWEEP_LATE:
        return f"the gate may not be working: the last sweep that succeeded began at {at}"
    return None
