"""A replay for people and for programs."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from msgspec import to_builtins

from batchgate.jobs.model import Json
from batchgate_cli.output import print_line, printable_line, text_console
from batchgate_cli.replay.comparison import Change, Ending, Replay, Row
from batchgate_cli.replay.course import End
from batchgate_cli.replay.reasons import DecidedBy

ROWS_SHOWN: Final = 40
"""Jobs in the terminal's table; the JSON and the report have all."""

_HOUR: Final = timedelta(hours=1)
_STYLES: Final = {End.APPROVED: "green", End.CANCELLED: "red", End.HELD: "yellow", End.EXPIRED: "yellow"}


def show(replay: Replay) -> None:
    """Print what changed, and the totals."""
    print_line((headline(replay), "bold"))
    for line in notes(replay):
        print_line(printable_line(line))
    if replay.changed:
        _show_changed(replay)
    _show_totals(replay)
    _show_use(replay)


def jobs(count: int) -> str:
    """A number of jobs in words."""
    return f"{count} job{'' if count == 1 else 's'}"


def headline(replay: Replay) -> str:
    """The answer in one line."""
    counts = replay.changes()
    otherwise = counts[Change.OTHERWISE]
    of = f"{otherwise} of {jobs(len(replay.rows))} would be decided otherwise"
    more = [
        f"{counts[change]} {words}"
        for change, words in (
            (Change.WITHOUT_PEOPLE, "the same way, but without people"),
            (Change.SOONER, "sooner"),
            (Change.LATER, "later"),
            (Change.UNKNOWN, "can't be known"),
        )
        if counts[change]
    ]
    return "; ".join([of, *more])


def notes(replay: Replay) -> list[str]:
    """What to know before the numbers are believed."""
    compared = f"policy version {replay.against}" if replay.against else "what happened"
    lines = [f"{replay.source}, by policy version {replay.policies}, compared with {compared}"]
    inexact = sum(not row.since_is_exact and row.after.end is not End.UNKNOWN for row in replay.rows)
    if inexact:
        lines.append(f"evaluated at their creation, as S3 does not report since when they waited: {jobs(inexact)}")
    if replay.was_shadow:
        lines.append("a policy set in shadow mode is replayed as if enforced")
    if replay.redacted:
        lines.append("names in the recording are replaced: checks of names see the replacements")
    reasons = Counter(why_unknown(row) for row in replay.rows if row.change is Change.UNKNOWN)
    lines += [f"{jobs(count)} can't be known: {why}" for why, count in reasons.most_common()]
    return lines


def why_unknown(row: Row) -> str:
    """Why a change can't be known."""
    return row.after.why_unknown or row.before.why_unknown or "people may have decided before the policies would have"


def in_words(ending: Ending) -> str:
    """How a job ended, and who decided it."""
    match ending.end, ending.by:
        case End.HELD, DecidedBy.S3:
            return "held until S3 failed it"
        case End.HELD, DecidedBy.UNKNOWN:
            return "held for people"
        case End.EXPIRED, _:
            return "held until it expired"
        case End.HELD | End.UNGATED | End.UNKNOWN | End.PREPARING, _:
            return str(ending.end)
        case _, DecidedBy.POLICY:
            return f"{ending.end} by policy"
        case _, DecidedBy.PEOPLE:
            return f"{ending.end} by people"
        case _, DecidedBy.OTHERS:
            return f"{ending.end} outside the gate"
        case _:
            return str(ending.end)


def decided_in_words(row: Row) -> str:
    """By which statement, and the check that objects."""
    names = ", ".join(row.after.statements)
    return f"{names}: {row.after.check}" if row.after.check else names


def length(span: timedelta) -> str:
    """Hours, or minutes of less than one."""
    hours = span / _HOUR
    return f"{hours:,.1f} h" if abs(hours) >= 1 else f"{hours * 60:.0f} min"


def waiting_in_words(replay: Replay) -> str:
    """Hours of waiting added or saved."""
    total = replay.waiting()
    if not total.jobs:
        return f"waiting: not known of any of {jobs(total.unknown)}"
    change = total.after - total.before
    way = f"{length(abs(change))} {'more' if change > timedelta(0) else 'less'}" if change else "no change"
    unknown = f"; not known of {jobs(total.unknown)}" if total.unknown else ""
    return f"waiting: {length(total.after)} instead of {length(total.before)} over {jobs(total.jobs)} ({way}){unknown}"


def _show_changed(replay: Replay) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("job", "waited since", "operation", "before", "after", "decided by"):
        table.add_column(name, overflow="fold")
    for row in replay.changed[:ROWS_SHOWN]:
        table.add_row(
            *(
                Text(printable_line(text), style)
                for text, style in (
                    (row.job_id, ""),
                    (_instant(row.since), ""),
                    (row.operation, ""),
                    (in_words(row.before), _STYLES.get(row.before.end, "")),
                    (f"{in_words(row.after)}{_when(row)}", _STYLES.get(row.after.end, "")),
                    (decided_in_words(row), ""),
                )
            )
        )
    print_line()
    text_console().print(table)
    left = len(replay.changed) - ROWS_SHOWN
    if left > 0:
        print_line(f"... and {left} more; --output json and --html have all")
    print_line()


def _when(row: Row) -> str:
    """How much sooner or later."""
    if row.change not in (Change.SOONER, Change.LATER) or row.before.at is None or row.after.at is None:
        return ""
    return f", {length(abs(row.after.at - row.before.at))} {row.change}"


def _instant(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M}" if when else "?"


def _show_totals(replay: Replay) -> None:
    before, after = totals(row.before for row in replay.rows), totals(row.after for row in replay.rows)
    for end in End:
        if before[end] or after[end]:
            print_line((f"{end}", _STYLES.get(end, "")), f": {after[end]}, before {before[end]}")
    print_line(waiting_in_words(replay))


def totals(endings: Iterable[Ending]) -> Counter[End]:
    """How many jobs ended how."""
    return Counter(each.end for each in endings)


def _show_use(replay: Replay) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("statement")
    for name in ("governed", "approved", "held", "cancelled"):
        table.add_column(name, justify="right")
    for each in replay.usage.statements.values():
        if each.governed:
            counts = (each.governed, each.approved, each.held, each.cancelled)
            table.add_row(printable_line(each.name), *map(str, counts))
    print_line()
    text_console().print(table)
    for rule, count in sorted(replay.usage.rules.items()):
        print_line(f"the rule {rule}: {jobs(count)}")
    if unused := [each.name for each in replay.usage.never_used]:
        print_line(printable_line(f"never used: {', '.join(unused)}"))
    for statement, requirement in replay.usage.never_decided:
        print_line(printable_line(f"never decided: {statement.name}: {requirement.text}"))


def as_json(replay: Replay) -> dict[str, Json]:
    """The whole replay for programs."""
    waiting = replay.waiting()
    whole: dict[str, Json] = to_builtins(
        {
            "summary": headline(replay),
            "notes": notes(replay),
            "source": replay.source,
            "policy_version": replay.policies,
            "against": replay.against or None,
            "changes": {str(change): count for change, count in replay.changes().items()},
            "totals": {
                "before": {str(end): count for end, count in totals(row.before for row in replay.rows).items()},
                "after": {str(end): count for end, count in totals(row.after for row in replay.rows).items()},
            },
            "waiting": {
                "jobs": waiting.jobs,
                "seconds_before": waiting.before.total_seconds(),
                "seconds_after": waiting.after.total_seconds(),
                "unknown": waiting.unknown,
            },
            "statements": [*replay.usage.statements.values()],
            "rules": dict(replay.usage.rules),
            "jobs": replay.rows,
        }
    )
    return whole
