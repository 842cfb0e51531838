"""The control API under `/_emulator/`, for tests in another process than the server.

JSON in, JSON out. It accepts requests from the loopback interface with the token of the emulator: docs/reference.md.
"""

import ipaddress
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeAlias

from s3batch_emulator.clock import SteppedClock
from s3batch_emulator.emulator import Emulator
from s3batch_emulator.errors import EmulatorError
from s3batch_emulator.exchange import HttpResponse
from s3batch_emulator.faults import Effect, Fault
from s3batch_emulator.switches import Pace
from s3batch_emulator.wire import timestamp_text

PREFIX = "/_emulator/"

Json: TypeAlias = dict[str, Any]
_Answer: TypeAlias = Callable[[Emulator, Json], Json]


def is_loopback(host: str | None) -> bool:
    """Whether a client's address is a loopback address."""
    try:
        return host is not None and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def answer(emulator: Emulator, method: str, path: str, body: bytes, *, admitted: bool) -> HttpResponse:
    """Execute one control request.

    Args:
        emulator: The emulator to control.
        method: GET, POST or DELETE.
        path: Beginning with `/_emulator/`.
        body: A JSON object, or empty.
        admitted: The request is from this machine and has the token.
    """
    if not admitted:
        return _json(403, {"error": "expected Authorization: Bearer TOKEN, with the token that the emulator was given"})
    chosen = _ROUTES.get((method, path.removeprefix(PREFIX)))
    if chosen is None:
        return _json(404, {"error": f"there is no {method} {path}", "routes": sorted(" ".join(key) for key in _ROUTES)})
    try:
        body_object = json.loads(body) if body else {}
        if not isinstance(body_object, dict):
            return _json(400, {"error": "the body must be a JSON object"})
        return _json(200, chosen(emulator, body_object))
    except (EmulatorError, ValueError, TypeError, KeyError, OverflowError) as error:
        return _json(400, {"error": f"{type(error).__name__}: {error}"})


def _json(status: int, document: Mapping[str, object]) -> HttpResponse:
    return HttpResponse(status, json.dumps(document).encode(), {"Content-Type": "application/json"})


def _describe(emulator: Emulator, _: Json) -> Json:
    return {
        "now": timestamp_text(emulator.clock.now()),
        "stepped": isinstance(emulator.clock, SteppedClock),
        "jobs": len(emulator.jobs()),
    }


def _advance(emulator: Emulator, body_object: Json) -> Json:
    if not isinstance(emulator.clock, SteppedClock):
        raise EmulatorError("the clock is real; serve with --stepped to advance it")
    emulator.clock.advance(timedelta(seconds=float(body_object["advance_seconds"])))
    return _describe(emulator, body_object)


def _jobs(emulator: Emulator, _: Json) -> Json:
    return {
        "jobs": [
            {
                "job_arn": job.job_arn,
                "job_id": job.job_id,
                "status": job.status.value,
                "reason": job.reason,
                "priority": job.priority,
                "total_tasks": job.total_tasks,
                "tags": job.tags,
                "history": [[timestamp_text(at), status.value] for at, status in job.history],
            }
            for job in emulator.jobs()
        ]
    }


def _calls(emulator: Emulator, _: Json) -> Json:
    return {
        "calls": [
            {
                "at": timestamp_text(call.at),
                "operation": call.operation,
                "account_id": call.scope.account_id,
                "region": call.scope.region,
                "job_id": call.parameters.get("JobId"),
                "code": call.code,
                "ending": call.ending.value,
            }
            for call in emulator.calls
        ]
    }


def _add_fault(emulator: Emulator, body_object: Json) -> Json:
    emulator.faults.add(Fault(**{**body_object, "effect": Effect(body_object["effect"])}))
    return _faults(emulator, body_object)


def _faults(emulator: Emulator, _: Json) -> Json:
    return {
        "faults": [
            {name: getattr(fault, name) for name in Fault.__slots__} | {"effect": fault.effect.value}
            for fault in emulator.faults.waiting
        ]
    }


def _clear_faults(emulator: Emulator, body_object: Json) -> Json:
    emulator.faults.clear()
    return _faults(emulator, body_object)


def _pace(emulator: Emulator, body_object: Json) -> Json:
    pace = Pace(float(body_object.get("tasks_per_second", 100.0)), float(body_object.get("failing_share", 0.0)))
    emulator.set_pace(str(body_object["job_id"]), pace)
    return {
        "job_id": body_object["job_id"],
        "tasks_per_second": pace.tasks_per_second,
        "failing_share": pace.failing_share,
    }


def _reset(emulator: Emulator, body_object: Json) -> Json:
    emulator.reset()
    return _describe(emulator, body_object)


_ROUTES: dict[tuple[str, str], _Answer] = {
    ("GET", ""): _describe,
    ("POST", "clock"): _advance,
    ("GET", "jobs"): _jobs,
    ("GET", "calls"): _calls,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "pace"): _pace,
    ("POST", "reset"): _reset,
}
