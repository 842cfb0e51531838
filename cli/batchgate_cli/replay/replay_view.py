"""A replay for people and for programs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import to_builtins

from batchgate.jobs.model import Json
from batchgate_cli.operating.held_view import beginnings
from batchgate_cli.output import hanging, print_line, printable_line, screen_width, text_console
from batchgate_cli.replay.comparison import Change, Ending, Replay, Row
from batchgate_cli.replay.course import End
from batchgate_cli.replay.reasons import DecidedBy

ROWS_SHOWN: Final = 40
"""Jobs in the terminal's table; the JSON and the report have all."""

_TABLE_AT_LEAST: Final = 140
"""Columns of a terminal: ids, operations and checks in one line each."""

_HOUR: Final = timedelta(hours=1)
_STYLES: Final = {End.APPROVED: "green", End.CANCELLED: "red", End.HELD: "yellow", End.EXPIRED: "yellow"}


def show(replay: Replay) -> None:
    """Print what changed, and the totals."""
    print_line((headline(replay), "bold"))
    for line in notes(replay):
        print_line(printable_line(line))
    if replay.changed:
        print_line()
        show_rows(replay.changed, "--output json and --html have all")
        print_line()
    show_totals(replay)
    print_line(waiting_in_words(replay))
    _show_use(replay)


def jobs(count: int) -> str:
    """A number of jobs in words."""
    return f"{count} job{'' if count == 1 else 's'}"


def headline(replay: Replay) -> str:
    """The answer in one line."""
    counts = replay.changes()
    otherwise = counts[Change.OTHERWISE]
    of = f"{otherwise} of {jobs(len(replay.rows))} would be decided differently"
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
        lines.append(f"evaluated at their creation, as S3 does not report when they began to wait: {jobs(inexact)}")
    if replay.was_shadow:
        lines.append("a policy set in shadow mode is replayed as if enforced")
    if replay.redacted:
        lines.append("names in the recording are replaced: checks of names are evaluated on the replacements")
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
            return _held(ending)
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


def _held(ending: Ending) -> str:
    until, cancels = ending.until, ending.cancels_at
    if cancels is not None and (until is None or cancels < until):
        return f"held, cancelled at {_instant(cancels)} UTC"
    return f"held until {_instant(until)} UTC" if until is not None else "held for people"


def decided_in_words(row: Row) -> str:
    """By which statement, and the check that objects."""
    return ": ".join(filter(None, (", ".join(row.after.statements), row.after.check)))


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
    way = f"{length(abs(change))} {'more' if change > timedelta(0) else 'less'}"
    way = way if abs(change) >= timedelta(minutes=1) else "no change"
    unknown = f"; not known of {jobs(total.unknown)}" if total.unknown else ""
    return f"waiting: {length(total.after)} instead of {length(total.before)} over {jobs(total.jobs)} ({way}){unknown}"


def show_rows(rows: Sequence[Row], whole: str) -> None:
    """Print jobs as a table; where a terminal has no room for one, two lines a job, with the beginnings of their ids.

    Args:
        rows: The jobs.
        whole: What has those for which there is no room.
    """
    width = screen_width()
    if width is None or width >= _TABLE_AT_LEAST:
        _show_table(rows[:ROWS_SHOWN])
    else:
        _show_lines(rows[:ROWS_SHOWN], width)
    if len(rows) > ROWS_SHOWN:
        print_line(f"... and {len(rows) - ROWS_SHOWN} more; {whole}")


def _show_lines(rows: Sequence[Row], width: int) -> None:
    short = beginnings([row.job_id for row in rows])
    for row in rows:
        job = short[row.job_id]
        since = f"{row.since:%m-%d %H:%M}" if row.since else "?"
        print_line(
            printable_line(f"{job}  {since}  {row.operation}: "),
            (in_words(row.before), _STYLES.get(row.before.end, "")),
            " -> ",
            (f"{in_words(row.after)}{_when(row)}", _STYLES.get(row.after.end, "")),
        )
        if why := decided_in_words(row):
            for line in hanging(" " * (len(job) + 2), why, width, "dim"):
                print_line(*line)


def _show_table(rows: Sequence[Row]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("job", "waited since", "operation", "before", "after", "decided by"):
        table.add_column(name, overflow="fold")
    for row in rows:
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
    text_console().print(table)


def _when(row: Row) -> str:
    """How much sooner or later."""
    if row.change not in (Change.SOONER, Change.LATER) or row.before.at is None or row.after.at is None:
        return ""
    return f", {length(abs(row.after.at - row.before.at))} {row.change}"


def _instant(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M}" if when else "?"


def show_totals(replay: Replay) -> None:
    """Print how many jobs end how, and before."""
    before, after = totals(row.before for row in replay.rows), totals(row.after for row in replay.rows)
    for end in End:
        if before[end] or after[end]:
            print_line((f"{end}", _STYLES.get(end, "")), f": {after[end]}, before {before[end]}")


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
