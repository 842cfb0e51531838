"""A policy set's windows in the terminal and as JSON."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from batchgate.jobs.model import Json
from batchgate.policy.calendars import Span
from batchgate_cli.authoring.week import YEARS_AHEAD, CalendarWeek, Day, Opening, OpenPart, Use
from batchgate_cli.output import Styled, print_line, printable_line

_CELL_SECONDS: Final = 30 * 60
_CELLS: Final = 48
_OPEN, _PARTLY, _CLOSED, _NO_TIME = "█", "▒", "·", "-"
_HOURS: Final = "".join(f"{hour:02}".ljust(6) for hour in range(0, 25, 3)).rstrip()
_MARGIN: Final = " " * 13

LEGEND: Final = f"{_OPEN} open  {_PARTLY} partly open  {_CLOSED} closed  {_NO_TIME} the clock skips this time"


def show_weeks(weeks: Sequence[CalendarWeek]) -> None:
    """Print each zone's calendars, with the next openings."""
    for key, of_zone in groupby(weeks, key=lambda week: week.zone.key):
        calendars = list(of_zone)
        days = calendars[0].days
        print_line((f"{key}, week of {_named(days[0].day)}", "bold"))
        for line in clock_lines(calendars[0]):
            print_line("  ", (line, "yellow" if calendars[0].has_change else "dim"))
        for week in calendars:
            print_line()
            print_line("  ", (printable_line(week.name), "bold cyan"), "  ", (printable_line(used_by(week)), "dim"))
            print_line(f"{_MARGIN}{_HOURS}")
            for day in week.days:
                print_line(f"  {day.day:%a %m-%d}  ", *_cells(day), "  ", open_times(day) or ("closed", "dim"))
            _show_openings(week)
        print_line()
    print_line((LEGEND, "dim"))


def clock_lines(week: CalendarWeek) -> Iterator[str]:
    """What clocks do in the week and after it."""
    for day in week.days:
        for first, last in day.skipped:
            yield f"clocks go forward on {_named(day.day)}: {clock_time(first)} to {clock_time(last)} does not exist"
        for first, last in day.repeated:
            yield f"clocks go back on {_named(day.day)}: {clock_time(first)} to {clock_time(last)} occurs twice"
    if week.next_change:
        yield f"next change of clocks: {_named(week.next_change)}; see it with --from {week.next_change}"
    elif not week.has_change:
        yield "clocks do not change in the year ahead"


def used_by(week: CalendarWeek) -> str:
    """Which statements name the calendar."""
    named = ", ".join(f"{use.kind} {use.statement}{' (must be closed)' if use.closed else ''}" for use in week.used_by)
    return f"used by {named}"


def clock_time(seconds: int) -> str:
    """A time of day; with seconds where it has some."""
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours:02}:{minutes:02}" + (f":{left:02}" if left else "")


def open_times(day: Day) -> str:
    """When a day is open, as text: `00:00-06:00, 22:00-24:00`."""
    return ", ".join(
        f"{clock_time(first.first)}{_turn(first.turn)}-{clock_time(last.last)}{_turn(_turn_of_end(last, day))}"
        for first, last in _without_cuts(day)
    )


def open_time(part: OpenPart) -> str:
    """One part of a day; where the clock shows its times twice, which of them."""
    return f"{clock_time(part.first)}-{clock_time(part.last)}{_turn(part.turn)}"


def _turn(turn: int) -> str:
    return ("", " (first time)", " (second time)")[turn]


def _turn_of_end(last: OpenPart, day: Day) -> int:
    """An end that the clock shows once needs no mark."""
    return 0 if last.turn == 2 and any(last.last == end for _, end in day.repeated) else last.turn  # noqa: PLR2004


def _without_cuts(day: Day) -> Iterator[tuple[OpenPart, OpenPart]]:
    """The first and the last part of each stretch for which a day is open without a break."""
    stretches: list[list[OpenPart]] = []
    for part in day.open:
        if stretches and stretches[-1][-1].end == part.begin:
            stretches[-1].append(part)
        else:
            stretches.append([part])
    for parts in stretches:
        yield parts[0], parts[-1]


def _cells(day: Day) -> Iterator[Styled]:
    for text, cells in groupby(_cell(day, cell * _CELL_SECONDS) for cell in range(_CELLS)):
        style = {_OPEN: "green", _PARTLY: "green", _NO_TIME: "yellow"}.get(text, "dim")
        yield "".join(cells), style


def _cell(day: Day, first: int) -> str:
    cell = (first, first + _CELL_SECONDS)
    exists = _CELL_SECONDS + _within(cell, day.repeated) - _within(cell, day.skipped)
    is_open = _within(cell, [(part.first, part.last) for part in day.open])
    if not exists:
        return _NO_TIME
    return _OPEN if is_open == exists else _PARTLY if is_open else _CLOSED


def _within(cell: Span, spans: Sequence[Span]) -> int:
    return sum(max(min(cell[1], last) - max(cell[0], first), 0) for first, last in spans)


def _show_openings(week: CalendarWeek) -> None:
    if not week.openings:
        print_line("  ", (f"does not open within {YEARS_AHEAD} years", "yellow"))
        return
    print_line("  next openings:")
    for opening in week.openings:
        print_line(f"    {opening_text(opening, week.zone)}")


def opening_text(opening: Opening, zone: ZoneInfo) -> str:
    """One opening by the zone's clock, with its length."""
    opens, closes = opening.opens.astimezone(zone), opening.closes.astimezone(zone)
    begun = "already open," if opening.is_open_before else f"{_moment(opens)} {opens:%z}"
    length = _length(opening.closes - opening.opens)
    return f"{begun} to {_moment(closes)} {closes:%z}, {length}"


def _moment(instant: datetime) -> str:
    return f"{instant:%a %Y-%m-%d %H:%M}" + (f":{instant.second:02}" if instant.second else "")


def _length(length: timedelta) -> str:
    minutes = length // timedelta(minutes=1)
    hours, left = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (left, "min")) if count]
    return " ".join(parts) or "less than a minute"


def _named(day: date) -> str:
    return f"{day:%a %Y-%m-%d}"


def weeks_as_json(weeks: Sequence[CalendarWeek]) -> Json:
    """The same for programs; instants by the zone's clock, with their offset."""
    return [
        {
            "calendar": week.name,
            "timezone": week.zone.key,
            "used_by": [_use_as_json(use) for use in week.used_by],
            "week": [_day_as_json(day, week.zone) for day in week.days],
            "clocks_change": week.has_change,
            "next_change_of_clocks": week.next_change.isoformat() if week.next_change else None,
            "openings": [
                {
                    "opens": _local(each.opens, week.zone),
                    "closes": _local(each.closes, week.zone),
                    "open_before": each.is_open_before,
                }
                for each in week.openings
            ],
        }
        for week in weeks
    ]


def _use_as_json(use: Use) -> Json:
    return {"statement": use.statement, "kind": use.kind, "closed": use.closed}


def _day_as_json(day: Day, zone: ZoneInfo) -> Json:
    return {
        "date": day.day.isoformat(),
        "open": [
            {"from": _local(first.begin, zone), "to": _local(last.end, zone)} for first, last in _without_cuts(day)
        ],
        "skipped": [f"{clock_time(first)}-{clock_time(last)}" for first, last in day.skipped],
        "repeated": [f"{clock_time(first)}-{clock_time(last)}" for first, last in day.repeated],
    }


def _local(instant: datetime, zone: ZoneInfo) -> str:
    return instant.astimezone(zone).isoformat()
