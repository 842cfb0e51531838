"""Whether a deployed gate is working, and since when: what an operator looks at first."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from batchgate.errors import PolicyError
from batchgate.gate.ports import Unreadable
from batchgate.gate.state import Block, Phase, State
from batchgate.jobs.model import Json
from batchgate.policy.compiled import PolicySet
from batchgate.text import shorten
from batchgate_cli.operating import gate_checks
from batchgate_cli.operating.checks import Aws, Check, Level, Line, NotCheckedError, lines_of
from batchgate_cli.operating.gate_checks import Deployed, policies_in_force
from batchgate_cli.operating.job_view import SOON_FAILED, age
from batchgate_cli.operating.last_seen import last_seen
from batchgate_cli.operating.live_gate import LiveGate, paused_in_words
from batchgate_cli.output import printable_line

SWEEPS_LATE_AFTER: Final = timedelta(minutes=3)
SWEEPS_DEAD_AFTER: Final = timedelta(minutes=10)
"""As the alarm no-sweep. A sweep is started every minute, and one that has much to do takes up to five."""

_READ_LOG: Final = "read the log of the function `sweep` (docs/operations.md, Alarms), and run `batchgate doctor`"


def sweep(deployed: Deployed) -> Iterator[Line]:
    """When a sweep last ended: without sweeps the gate is dead, whatever else works."""
    now, seen = deployed.live.clock.now(), last_seen(deployed.live).sweep
    facts: dict[str, Json] = {"last_sweep": iso(seen)}
    if seen is None:
        opened_at = deployed.live.ledger.opened_at()
        if now - opened_at < SWEEPS_DEAD_AFTER:
            found = f"none yet; the gate was deployed {age(now - opened_at)} ago"
            yield Line("last sweep", Level.WARN, found, "wait some minutes, then run this again", facts)
        else:
            found = f"none has ever ended; the gate was deployed {age(now - opened_at)} ago"
            yield Line("last sweep", Level.FAIL, found, _READ_LOG, facts)
        return
    ago = now - seen
    if ago > SWEEPS_DEAD_AFTER:
        found = (
            f"none has ended since {minute(seen)}, for {age(ago)}: held jobs, and jobs without events, are not decided"
        )
        yield Line("last sweep", Level.FAIL, found, _READ_LOG, facts)
    else:
        level = Level.WARN if ago > SWEEPS_LATE_AFTER else Level.PASS
        yield Line("last sweep", level, f"{minute(seen)}, {age(ago)} ago", _READ_LOG if level != "pass" else "", facts)


def event(deployed: Deployed) -> Iterator[Line]:
    """When a job event last came; none may have come because nobody created a job."""
    now, seen = deployed.live.clock.now(), last_seen(deployed.live).event
    found = f"{minute(seen)}, {age(now - seen)} ago" if seen else "none yet"
    yield Line("last event", Level.PASS, found, facts={"last_event": iso(seen)})


# --- Policies -----------------------------------------------------------------------------------------


def loadable(deployed: Deployed) -> Iterator[Line]:
    """Whether there are policies that may decide: without them every job waits."""
    try:
        policies = policies_in_force(deployed)
    except PolicyError as error:
        yield Line("policies", Level.FAIL, f"none that load are in force: every job waits: {error}", _LOAD)
        return
    yield Line("policies", Level.PASS, policies.version)


_LOAD: Final = "docs/operations.md, When no policy can be loaded"


def policies(deployed: Deployed) -> Iterator[Line]:
    """Which policies are in force, since when, and whether they are the deployed ones."""
    try:
        in_force = policies_in_force(deployed)
    except PolicyError:
        yield from loadable(deployed)
        return
    try:
        since, rolled_back = _deployment(deployed)
    except NotCheckedError:
        yield _policies_line(deployed, in_force, None, rolled_back=False)
        raise
    yield _policies_line(deployed, in_force, since, rolled_back=rolled_back)


def _policies_line(deployed: Deployed, in_force: PolicySet, since: datetime | None, *, rolled_back: bool) -> Line:
    facts: dict[str, Json] = {
        "policy_version": in_force.version,
        "policy_since": iso(since),
        "policy_version_deployed": deployed.found.policy_version or None,
        "shadow": in_force.shadow,
    }
    mode = "shadow mode: nothing is decided" if in_force.shadow else "enforced"
    found = f"version {in_force.version}, {mode}" + (f", in force since {minute(since)}" if since else "")
    if deployed.found.policy_version and in_force.version != deployed.found.policy_version:
        how = "it was rolled back" if rolled_back else "somebody deployed another one"
        found += f"; the stack deployed {deployed.found.policy_version}: {how}"
        return Line("policies", Level.WARN, found, "docs/operations.md, Changing policies", facts)
    return Line("policies", Level.PASS, found, facts=facts)


def _deployment(deployed: Deployed) -> tuple[datetime | None, bool]:
    """Since when the policies in force are, by AppConfig's newest deployment; and whether that was rolled back."""
    at = deployed.found.appconfig
    if at is None:
        return None, False
    newest = deployed.aws.ask(
        "appconfig", "ListDeployments", ApplicationId=at.application, EnvironmentId=at.environment, MaxResults=1
    )["Items"][0]
    rolled_back = newest["State"] in ("ROLLED_BACK", "ROLLING_BACK", "REVERTED")
    since: datetime | None = (newest.get("CompletedAt") if rolled_back else None) or newest.get("StartedAt")
    return since, rolled_back


def policy_files(deployed: Deployed) -> Iterator[Line]:
    """Whether the policies in force are those of the checkout's files."""
    if deployed.checkout is None:
        yield Line("policy files", Level.HINT, "not compared: this directory is in no checkout of batchgate")
        return
    try:
        files = deployed.checkout.policies()
    except (PolicyError, OSError) as error:
        yield Line("policy files", Level.WARN, f"can't be read: {error}", "`batchgate policy check` your files")
        return
    in_force = policies_in_force(deployed)
    if files.version == in_force.version:
        yield Line("policy files", Level.PASS, f"are the policies in force, {files.version}")
    else:
        found = f"have version {files.version}, and {in_force.version} is in force"
        yield Line("policy files", Level.WARN, found, "`make deploy` puts the files in force")


# --- What waits and what rings ------------------------------------------------------------------------


def pause(deployed: Deployed) -> Iterator[Line]:
    """Whether a person paused the gate."""
    paused = deployed.live.ledger.pause()
    if paused is None:
        yield Line("paused", Level.PASS, "no", facts={"paused": None})
        return
    facts: dict[str, Json] = {"paused": {"by": paused.by, "reason": paused.reason, "at": paused.at.isoformat()}}
    found = paused_in_words(paused).removeprefix("the gate is paused ")
    yield Line("paused", Level.WARN, found, "`batchgate resume` ends it", facts)


def held(deployed: Deployed) -> Iterator[Line]:
    """How many jobs are held, since when, and how many of them by the circuit breaker."""
    now, items = deployed.live.clock.now(), list(deployed.live.ledger.open_items())
    jobs = [item for item in items if isinstance(item, State) and item.phase is Phase.HELD]
    since = [item.suspended_at or item.first_held_at for item in jobs]
    oldest = min((each for each in since if each is not None), default=None)
    by_breaker = sum(item.block is Block.CIRCUIT_BREAKER for item in jobs)
    facts: dict[str, Json] = {"held": len(jobs), "oldest_held_since": iso(oldest)}
    if oldest is None:
        yield Line("held", Level.PASS, f"{len(jobs)} jobs", facts=facts)
    else:
        found = f"{len(jobs)} jobs, the oldest waits since {minute(oldest)}, for {age(now - oldest)}"
        late = now - oldest >= SOON_FAILED
        do = "decide it: S3 fails a job 30 days after it was suspended" if late else ""
        yield Line("held", Level.WARN if late else Level.PASS, found, do, facts)
    breaker: dict[str, Json] = {"held_by_circuit_breaker": by_breaker}
    if by_breaker:
        found = f"{by_breaker} jobs are held, because policies would have cancelled too many"
        yield Line("circuit breaker", Level.WARN, found, "docs/operations.md, the alarm circuit-breaker", breaker)
    else:
        yield Line("circuit breaker", Level.PASS, "holds no job", facts=breaker)
    broken = [str(item.error) for item in items if isinstance(item, Unreadable)]
    if broken:
        found = f"{len(broken)} items of the ledger can't be read; the first: {broken[0]}"
        yield Line("held", Level.WARN, found, "docs/operations.md, the alarm gate-errors", {"unreadable": len(broken)})


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
    ringing = [each for each in found if each["StateValue"] == "ALARM"]
    facts: dict[str, Json] = {"alarms": [str(each["AlarmName"]) for each in ringing]}
    if not ringing:
        yield Line("alarms", Level.PASS, f"none of {len(found)} is active", facts=facts)
    for each in ringing:
        name = str(each["AlarmName"]).removeprefix(prefix)
        yield Line("alarms", Level.WARN, f"{name} is active", str(each.get("AlarmDescription") or ""), facts)
    silent = [str(each["AlarmName"]) for each in found if not each["ActionsEnabled"]]
    if silent:
        do = f"`aws cloudwatch enable-alarm-actions --alarm-names {' '.join(silent)}`"
        yield Line("alarms", Level.WARN, f"the actions of {len(silent)} are disabled: they notify nobody", do)


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
    Check("settings", gate_checks.settings),
)

VERDICTS: Final = {
    Level.PASS: ("is working", "bold green"),
    Level.HINT: ("is working", "bold green"),
    Level.WARN: ("needs attention", "bold yellow"),
    Level.FAIL: ("is not working", "bold red"),
}

_SIGNS_OF_DEATH: Final = (Check("last sweep", sweep), Check("policies", loadable))


def warnings_of(live: LiveGate) -> list[str]:
    """Why a gate is not working, in one line each, or what of it could not be checked; none for one that works.

    For commands that show jobs: a gate that decides nothing must not look as if it had nothing to do.
    """
    deployed = Deployed(live, Aws(live.session))
    checks = _SIGNS_OF_DEATH if live.found.appconfig is not None else _SIGNS_OF_DEATH[:1]
    lines = [line for check in checks for line in lines_of(check, deployed) if line.level in (Level.WARN, Level.FAIL)]
    return [_in_short(line) for line in lines]


def _in_short(line: Line) -> str:
    word = "the gate is not working" if line.level is Level.FAIL else "the gate may not be working"
    return printable_line(f"{word}: {line.check}: {shorten(line.found, 300)}; see `batchgate status`")


def minute(instant: datetime) -> str:
    """An instant for people."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def iso(instant: datetime | None) -> str | None:
    """An instant for programs."""
    return instant.astimezone(UTC).isoformat() if instant else None
