"""Whether a deployed gate is working: what an operator looks at first."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from batchgate.errors import PolicyError
from batchgate.gate.protocol import CLOCKS_APART_AT_MOST
from batchgate.jobs.model import Json
from batchgate_cli.exits import os_error_in_words
from batchgate_cli.operating import gate_checks
from batchgate_cli.operating.api_client import decoded
from batchgate_cli.operating.api_documents import ApiPause
from batchgate_cli.operating.checks import Check, Level, Line
from batchgate_cli.operating.gate_checks import Deployed, policies_in_force, policies_to_compare
from batchgate_cli.operating.wording import SOON_FAILED, age

_SWEEP_LATE: Final = timedelta(minutes=6)
_SWEEP_DEAD: Final = timedelta(minutes=14)
"""How late a sweep is, after which people should look; the latter as the alarm no-sweep.

A sweep that has much to do takes five minutes by default. It reports when it ends, and no other runs meanwhile.
"""

_SECONDS_SHOWN: Final = 120
_READ_LOG: Final = "see docs/operations.md#no-sweep; `batchgate doctor` checks what may be the cause"


def sweep(deployed: Deployed) -> Iterator[Line]:
    """When the last sweep began that did its work: without sweeps the gate is dead, whatever else works."""
    now, status = deployed.live.clock.now(), deployed.status()
    every = timedelta(minutes=status.sweep_minutes or deployed.found.sweep_minutes)
    if status.last_sweep is None:
        level = Level.FAIL if status.warning else Level.WARN
        do = _READ_LOG if status.warning else "if the gate was deployed just now, wait some minutes and run this again"
        yield Line("last sweep", level, "none is recorded", do, {"last_sweep": None})
        return
    facts: dict[str, Json] = {"last_sweep": iso(status.last_sweep), "last_sweep_errors": status.last_sweep_errors}
    passed = now - status.last_sweep
    found = f"{minute(status.last_sweep)}, {ago(passed)}"
    if passed < -CLOCKS_APART_AT_MOST:
        found = f"{minute(status.last_sweep)}, which is in the future by this machine's clock: its age is not known"
        yield Line("last sweep", Level.WARN, found, "synchronize the clock of this machine (NTP)", facts)
    elif passed > every + _SWEEP_DEAD:
        found = f"none has succeeded since {found}: held jobs, and jobs without events, are not decided"
        yield Line("last sweep", Level.FAIL, found, _READ_LOG, facts)
    elif passed > every + _SWEEP_LATE:
        yield Line("last sweep", Level.WARN, f"{found}, though one is started every {age(every)}", _READ_LOG, facts)
    elif status.last_sweep_errors:
        found += f", with errors ({status.last_sweep_errors}): the jobs that had errors were not changed"
        yield Line("last sweep", Level.WARN, found, "see docs/operations.md#sweep-errors", facts)
    else:
        yield Line("last sweep", Level.PASS, found, facts=facts)


def event(deployed: Deployed) -> Iterator[Line]:
    """When a job event last came. There may be none because nobody created a job, so none is no error."""
    seen = deployed.status().last_event
    found = f"{minute(seen)}, {ago(deployed.live.clock.now() - seen)}" if seen else "none is recorded"
    yield Line("last event", Level.PASS, found, facts={"last_event": iso(seen)})


# --- Policies -----------------------------------------------------------------------------------------


def loaded(deployed: Deployed) -> Iterator[Line]:
    """Whether the last sweep could load the policies: without them no job is decided."""
    status = deployed.status()
    if status.problem:
        found = f"none could be loaded{_since(status.problem_since)}, so no job is decided: {status.problem}"
        yield Line("policies", Level.FAIL, found, _LOAD, {"no_policies_since": iso(status.problem_since)})


def _since(instant: datetime | None) -> str:
    return f", since {minute(instant)}" if instant else ""


_PUSH: Final = "`batchgate policy push PATH` puts policies in force"
_LOAD: Final = "see docs/operations.md#policy-not-loadable"


def policies(deployed: Deployed) -> Iterator[Line]:
    """Which policies are in force, since when, and whether they are the deployed ones."""
    status = deployed.status()
    try:
        in_force = policies_in_force(deployed)
    except PolicyError as error:
        since = status.problem_since
        found = f"none that can be loaded are in force{_since(since)}, so no job is decided: {error}"
        facts: dict[str, Json] = {"policy_version": None, "no_policies_since": iso(since)}
        are_pushed = deployed.found.policy_owner == "repository"
        yield Line("policies", Level.FAIL, found, _PUSH if are_pushed else _LOAD, facts)
        return
    since = status.policy_since if status.policy_version == in_force.version else None
    expected = status.policy_expected
    facts = {
        "policy_version": in_force.version,
        "policy_since": iso(since),
        "policy_version_deployed": expected,
        "policy_owner": deployed.found.policy_owner,
        "shadow": in_force.shadow,
    }
    mode = "in shadow mode: nothing is decided" if in_force.shadow else "enforced"
    found = f"{in_force.version}, {mode}{_since(since)}"
    if expected and in_force.version != expected:
        by = "the stack deployed" if deployed.found.policy_owner == "stack" else "the last push was of"
        found += f"; {by} {expected}, which was rolled back or replaced by hand"
        yield Line("policies", Level.WARN, found, "see docs/operations.md#unexpected-policy", facts)
    else:
        yield Line("policies", Level.PASS, found, facts=facts)
    yield from loaded(deployed)


def policy_files(deployed: Deployed) -> Iterator[Line]:
    """Whether the policies in force are those of the checkout's files, where the stack deploys these."""
    if deployed.found.policy_owner == "repository":
        yield Line("policy files", Level.HINT, "not compared: policies are pushed from a team's own repository")
        return
    if deployed.checkout is None:
        yield Line("policy files", Level.HINT, "not compared: this directory is in no checkout of batchgate")
        return
    try:
        files = deployed.checkout.policies()
    except (PolicyError, OSError) as error:
        why = os_error_in_words(error) if isinstance(error, OSError) else str(error)
        yield Line("policy files", Level.WARN, f"can't be read: {why}", "`batchgate policy check` your files")
        return
    in_force = policies_to_compare(deployed)
    if files.version == in_force.version:
        yield Line("policy files", Level.PASS, f"are the policies in force, {files.version}")
    else:
        found = f"have version {files.version}, and {in_force.version} is in force"
        yield Line("policy files", Level.WARN, found, "`make deploy` puts the files in force")


# --- What is held, and which alarms are active --------------------------------------------------------


def pause(deployed: Deployed) -> Iterator[Line]:
    """Whether a person paused the gate."""
    paused = decoded(deployed.api.get("/pause"), ApiPause)
    if not paused.paused:
        yield Line("paused", Level.PASS, "no", facts={"paused": None})
        return
    facts: dict[str, Json] = {"paused": {"by": paused.by, "reason": paused.reason, "at": iso(paused.at)}}
    since = f"since {minute(paused.at)} " if paused.at else ""
    yield Line("paused", Level.WARN, f"{since}by {paused.by}: {paused.reason}", "`batchgate resume` ends it", facts)


def held(deployed: Deployed) -> Iterator[Line]:
    """How many jobs are held, since when, and how many of them by the circuit breaker."""
    now, status = deployed.live.clock.now(), deployed.status()
    oldest, by_breaker = status.oldest_held, status.held_by_circuit_breaker
    facts: dict[str, Json] = {"held": status.held, "oldest_held_since": iso(oldest)}
    if oldest is None:
        yield Line("held", Level.PASS, f"{status.held} jobs", facts=facts)
    else:
        count = "1 job, which" if status.held == 1 else f"{status.held} jobs, the oldest"
        found = f"{count} has been held since {minute(oldest)} ({age(now - oldest)})"
        late = now - oldest >= SOON_FAILED
        do = "decide it: S3 fails a job 30 days after it was suspended" if late else ""
        yield Line("held", Level.WARN if late else Level.PASS, found, do, facts)
    breaker: dict[str, Json] = {"held_by_circuit_breaker": by_breaker}
    if by_breaker:
        count = "1 job is" if by_breaker == 1 else f"{by_breaker} jobs are"
        found = f"{count} held, because policies would have cancelled too many"
        yield Line("circuit breaker", Level.WARN, found, "see docs/operations.md#circuit-breaker", breaker)
    else:
        yield Line("circuit breaker", Level.PASS, "holds no job", facts=breaker)
    if status.unreadable:
        found = f"{status.unreadable} items of the ledger can't be read; `batchgate jobs held` names them"
        do = "see docs/operations.md#gate-errors"
        yield Line("held", Level.WARN, found, do, {"unreadable": status.unreadable})


def dead_letters(deployed: Deployed) -> Iterator[Line]:
    """How many events were never reviewed."""
    counts = {}
    for name, url in (("unreviewed", deployed.found.unreviewed_url), ("undelivered", deployed.found.undelivered_url)):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = deployed.aws.ask("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=names)["Attributes"]
        counts[name] = sum(int(attributes[each]) for each in names)
    facts: dict[str, Json] = {"dead_letters": {**counts}}
    if any(counts.values()):
        found = ", ".join(f"{count} {name}" for name, count in counts.items())
        yield Line("dead letters", Level.WARN, found, "`batchgate redrive --show` says why", facts)
    else:
        yield Line("dead letters", Level.PASS, "none", facts=facts)


def alarms(deployed: Deployed) -> Iterator[Line]:
    """Which of the stack's alarms are active, and which notify nobody."""
    prefix = f"{deployed.found.stack}-"
    found = [
        each
        for each in deployed.aws.ask_all("cloudwatch", "DescribeAlarms", "MetricAlarms", AlarmNamePrefix=prefix)
        if deployed.found.topic_arn in each.get("AlarmActions", [])
    ]
    if not found:
        do = "deploy the stack again (`make deploy`)"
        yield Line("alarms", Level.FAIL, f"no alarm {prefix}* notifies the topic", do, {"alarms": []})
        return
    active = [each for each in found if each["StateValue"] == "ALARM"]
    facts: dict[str, Json] = {"alarms": [str(each["AlarmName"]) for each in active]}
    if not active:
        yield Line("alarms", Level.PASS, f"none of {len(found)} is active", facts=facts)
    for each in active:
        name = str(each["AlarmName"]).removeprefix(prefix)
        yield Line("alarms", Level.WARN, f"{name} is active", str(each.get("AlarmDescription") or ""), facts)
    silent = [str(each["AlarmName"]) for each in found if not each["ActionsEnabled"]]
    if silent:
        do = f"`aws cloudwatch enable-alarm-actions --alarm-names {' '.join(silent)}`"
        yield Line("alarms", Level.WARN, f"the actions of {len(silent)} are disabled: they send no notification", do)


# --- All of it ----------------------------------------------------------------------------------------

STATUS_CHECKS: Final = (
    Check("last sweep", sweep),
    Check("last event", event),
    Check("policies", policies),
    Check("paused", pause),
    Check("held", held),
    Check("dead letters", dead_letters),
    Check("alarms", alarms),
)

DOCTOR_CHECKS: Final = (
    Check("credentials", gate_checks.credentials),
    Check("clock", gate_checks.clock),
    Check("stack", gate_checks.stack),
    Check("functions", gate_checks.functions),
    Check("rules", gate_checks.rules),
    Check("trail", gate_checks.trail),
    Check("roles", gate_checks.roles),
    Check("subscribers", gate_checks.subscribers),
    *STATUS_CHECKS,
    Check("policy files", policy_files),
    Check("requester", gate_checks.requester),
    Check("settings", gate_checks.settings),
)

VERDICTS: Final[dict[Level, tuple[str, str, str]]] = {
    Level.PASS: ("working", "is working", "bold green"),
    Level.HINT: ("working", "is working", "bold green"),
    Level.WARN: ("attention", "needs attention", "bold yellow"),
    Level.FAIL: ("not working", "is not working", "bold red"),
}
"""By the worst line: for programs, for people, and its style."""


def minute(instant: datetime) -> str:
    """An instant for people."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def ago(passed: timedelta) -> str:
    """A span of time before now, to the second where it is short."""
    seconds = max(0, int(passed.total_seconds()))
    return f"{seconds} s ago" if seconds < _SECONDS_SHOWN else f"{age(passed)} ago"


def iso(instant: datetime | None) -> str | None:
    """An instant for programs."""
    return instant.astimezone(UTC).isoformat() if instant else None
