"""A preview for people and for programs."""

from collections import Counter

from batchgate.jobs.model import Json
from batchgate.policy.compiled import PolicySet
from batchgate_cli.output import print_line, printable_line
from batchgate_cli.replay.comparison import Change, Replay
from batchgate_cli.replay.course import End
from batchgate_cli.replay.preview import PAUSED, Gate
from batchgate_cli.replay.replay_view import as_json, jobs, show_rows, show_totals, totals, why_unknown


def show_preview(found: Replay, policies: PolicySet, gate: Gate, notes: list[str]) -> None:
    """Print what would happen: all jobs, those first that change."""
    print_line((summary(found), "bold"))
    for line in [*_compared(found, policies, gate), *notes]:
        print_line(printable_line(line))
    if found.rows:
        others = [row for row in found.rows if row.change is Change.SAME]
        unknown = [row for row in found.rows if row.change is Change.UNKNOWN]
        print_line()
        show_rows([*found.changed, *unknown, *others], "--output json has all")
        print_line()
        show_totals(found)
    if warning := acts_at_once(found, policies, gate):
        print_line((f"warning: {warning}", "bold yellow"))


def summary(found: Replay) -> str:
    """The answer in one line."""
    if not found.rows:
        return "no job waits now, so none would be decided differently"
    counts = found.changes()
    changed = sum(counts.values()) - counts[Change.SAME] - counts[Change.UNKNOWN]
    unknown = f"; {counts[Change.UNKNOWN]} can't be known" if counts[Change.UNKNOWN] else ""
    count = len(found.rows)
    return f"{changed} of {count} waiting {'job' if count == 1 else 'jobs'} would be decided differently{unknown}"


def _compared(found: Replay, policies: PolicySet, gate: Gate) -> list[str]:
    if gate.in_force is None:
        beside = ". No policies are in force, so no job is decided"
    else:
        beside = f", compared with {_set(gate.in_force)}, which is in force"
    lines = [f"{found.source}, by {_set(policies)}{beside}"]
    if gate.in_force is not None and gate.in_force.version == policies.version:
        lines.append("this policy set is in force already")
    if any(row.after.check == PAUSED for row in found.rows):
        lines.append("the gate is paused: nothing is decided before it is resumed")
    reasons = Counter(why_unknown(row) for row in found.rows if row.change is Change.UNKNOWN)
    return lines + [f"{jobs(count)} can't be known: {why}" for why, count in reasons.most_common()]


def _set(policies: PolicySet) -> str:
    return f"policy version {policies.version}{' (shadow mode)' if policies.shadow else ''}"


def acts_at_once(found: Replay, policies: PolicySet, gate: Gate) -> str:
    """What deploying the set does within a minute; "" where it decides nothing."""
    after = totals(row.after for row in found.rows)
    cancelled = after[End.CANCELLED] + after[End.EXPIRED]
    at_once = f"within a minute it approves {after[End.APPROVED]} and cancels {cancelled} of them"
    if policies.shadow or (gate.in_force is not None and gate.in_force.version == policies.version):
        return ""
    if gate.in_force is not None and gate.in_force.shadow:
        return (
            "this leaves shadow mode: the gate then acts on every job that it holds; "
            f"{at_once}. The circuit breaker stops cancellations beyond its setting"
        )
    return f"once in force, {at_once}" if after[End.APPROVED] or cancelled else ""


def preview_as_json(found: Replay, policies: PolicySet, gate: Gate, notes: list[str]) -> dict[str, Json]:
    """The whole preview for programs."""
    whole = as_json(found)
    for name in ("waiting", "against"):
        whole.pop(name)
    in_force = gate.in_force
    return whole | {
        "summary": summary(found),
        "notes": [*_compared(found, policies, gate), *notes],
        "mode": "shadow" if policies.shadow else "enforce",
        "in_force": {"policy_version": in_force.version, "mode": "shadow" if in_force.shadow else "enforce"}
        if in_force
        else None,
        "warning": acts_at_once(found, policies, gate) or None,
    }
