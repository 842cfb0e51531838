"""What the API says of the gate itself, and its pause."""

import re
from datetime import timedelta
from typing import Final

from batchgate import __version__
from batchgate.aws.wiring import Home, SystemClock, open_deployed
from batchgate.contract import DeployedGate
from batchgate.errors import DeploymentError, LedgerConflictError, PolicyUnavailableError
from batchgate.gate.heartbeat import warning_of
from batchgate.gate.ports import Pause, PeoplesLedger, Ports
from batchgate.gate.state import Block, Phase, State
from batchgate.handlers import api_views as views
from batchgate.handlers.api_problems import ProblemError, Type
from batchgate.jobs.model import Json
from batchgate.policy.compiled import PolicySet

_ETAG: Final = re.compile('"[0-9a-f]{16}"')


def show_pause(ledger: PeoplesLedger) -> dict[str, Json]:
    """Whether the gate is paused."""
    return views.pause(ledger.pause())


def pause_gate(who: str, reason: str, ledger: PeoplesLedger) -> dict[str, Json]:
    """Pause it; where it is paused already, that pause stays."""
    found = ledger.pause()
    if found is None:
        wanted = Pause(by=who, reason=reason, at=SystemClock().now())
        try:
            ledger.set_pause(wanted, replacing=None)
        except LedgerConflictError:
            found = ledger.pause()
            if found is None:
                raise
        else:
            return views.pause(wanted)
    return views.pause(found, already=True)


def resume_gate(named: str | None, ledger: PeoplesLedger) -> dict[str, Json]:
    """End the pause that was named by its etag.

    Raises:
        ProblemError: None was named, or what is none, or the gate is paused by another one.
    """
    if not named:
        detail = "expected the header If-Match with the etag that GET /pause answers"
        raise ProblemError(Type.NO_PAUSE_NAMED, detail)
    if not _ETAG.fullmatch(named):
        raise ProblemError(Type.INVALID, "header If-Match: expected an etag in quotes, as GET /pause answers it")
    found = ledger.pause()
    if found is None:
        return views.pause(None, already=True)
    if named != views.etag(found):
        raise _another()
    try:
        ledger.set_pause(None, replacing=found)
    except LedgerConflictError as error:
        raise _another() from error
    return views.pause(None)


def _another() -> ProblemError:
    detail = "the gate was paused or resumed by another call since; GET /pause shows how it is now"
    return ProblemError(Type.ANOTHER_PAUSE, detail)


def warning(ledger: PeoplesLedger, deployed: DeployedGate | None = None) -> str | None:
    """Why the gate is not working, or may not be."""
    every = timedelta(minutes=deployed.sweep_minutes if deployed else 5)
    return warning_of(ledger.heartbeat(), ledger.opened_at(), SystemClock().now(), every)


def status(home: Home, ports: Ports, ledger: PeoplesLedger) -> dict[str, Json]:
    """Whether the gate works, and what it has to do."""
    deployed, unknown = _deployed()
    policies = _policies(ports)
    heartbeat, items = ledger.heartbeat(), [*ledger.open_items()]
    held = [item for item in items if isinstance(item, State) and item.phase is Phase.HELD]
    waits = [since for item in held if (since := item.suspended_at or item.first_held_at) is not None]
    version = policies.version if isinstance(policies, PolicySet) else None
    is_seen = heartbeat is not None and heartbeat.policy_version == version
    return {
        "version": __version__,
        "place": {"partition": home.partition, "region": home.region, "account_id": home.account_id},
        "policy_version": version,
        "policy_since": views.iso(heartbeat.policy_since if heartbeat and is_seen else None),
        "policy_expected": (deployed.policy_version or None) if deployed else None,
        "shadow": policies.shadow if isinstance(policies, PolicySet) else None,
        "paused": ledger.pause() is not None,
        "sweep_minutes": deployed.sweep_minutes if deployed else None,
        "since": views.iso(heartbeat.since if heartbeat else None),
        "last_sweep": views.iso(heartbeat.swept_at if heartbeat else None),
        "last_sweep_errors": heartbeat.failed if heartbeat else 0,
        "last_sweep_left": heartbeat.left if heartbeat else 0,
        "last_event": views.iso(ledger.last_event_at()),
        "held": len(held),
        "oldest_held": views.iso(min(waits, default=None)),
        "held_by_circuit_breaker": sum(item.block is Block.CIRCUIT_BREAKER for item in held),
        "unreadable": sum(not isinstance(item, State) for item in items),
        "problem": str(policies) if isinstance(policies, PolicyUnavailableError) else None,
        "problem_since": views.iso(heartbeat.problem_since if heartbeat else None),
        "warning": warning(ledger, deployed) or unknown,
    }


def _deployed() -> tuple[DeployedGate | None, str | None]:
    """What is deployed; or why that is not known."""
    found = open_deployed()
    if found is None:
        return None, None
    try:
        return found.gate(), None
    except DeploymentError as error:
        return None, str(error)


def _policies(ports: Ports) -> PolicySet | PolicyUnavailableError:
    try:
        return ports.policies.current()
    except PolicyUnavailableError as error:
        return error
