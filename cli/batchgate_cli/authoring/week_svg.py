"""A policy set's windows as one SVG picture, readable on light and dark pages, without anything from a network."""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from typing import Final

from batchgate_cli.authoring.week import DAY_SECONDS, CalendarWeek, Day, OpenPart
from batchgate_cli.authoring.week_view import clock_lines, open_time, open_times, opening_text, used_by

_WIDTH: Final = 860
_LEFT, _RIGHT = 104, 20
_ROW, _GAP = 20, 3
_HOUR: Final = (_WIDTH - _LEFT - _RIGHT) / 24

_STYLE: Final = """
svg { --page: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #d1d9e0; --shut: #f2f4f7; --open: #1a7f37;
      --change: #9a6700; --gap: #d4a72c; font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; }
@media (prefers-color-scheme: dark) {
  svg { --page: #0d1117; --ink: #f0f6fc; --soft: #9198a1; --line: #3d444d; --shut: #1b212a; --open: #3fb950;
        --change: #d29922; --gap: #9e6a03; }
}
.page { fill: var(--page); } text { fill: var(--ink); } .soft { fill: var(--soft); font-size: 12px; }
.zone { font-size: 17px; font-weight: 600; } .name { font-size: 14px; font-weight: 600; }
.change { fill: var(--change); font-size: 12px; } .changed { fill: var(--change); font-weight: 600; }
.shut { fill: var(--shut); } .open { fill: var(--open); } .gap { fill: url(#gap); }
.line { stroke: var(--line); stroke-width: 1; } .hatch { stroke: var(--gap); stroke-width: 2; }
""".strip()


def weeks_as_svg(weeks: Sequence[CalendarWeek]) -> str:
    """The picture: zone by zone, each calendar's week by local time, weeks in which clocks change marked."""
    drawing = _Drawing()
    for key, of_zone in groupby(weeks, key=lambda week: week.zone.key):
        calendars = list(of_zone)
        drawing.text(f"{key}, week of {calendars[0].days[0].day:%a %Y-%m-%d}", "zone", down=30)
        for line in clock_lines(calendars[0]):
            drawing.text(line.partition(";")[0], "change" if calendars[0].has_change else "soft", down=18)
        for week in calendars:
            drawing.calendar(week)
        drawing.y += 10
    if not weeks:
        drawing.text("No condition of this policy set names a calendar.", "soft", down=30)
    height = round(drawing.y + 20)
    described = " ".join(escape(line) for line in _in_words(weeks))
    drawn = "\n".join(drawing.parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" \
viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="title description">
<title id="title">When the windows of the policy set are open</title>
<desc id="description">{described}</desc>
<style>{_STYLE}</style>
<defs>
<pattern id="gap" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<line class="hatch" x1="0" y1="0" x2="0" y2="6"/>
</pattern>
</defs>
<rect class="page" width="{_WIDTH}" height="{height}"/>
{drawn}
</svg>
"""


def _in_words(weeks: Sequence[CalendarWeek]) -> Iterator[str]:
    """All of it for those who do not see it."""
    for week in weeks:
        days = "; ".join(f"{day.day:%A}: {open_times(day) or 'closed'}" for day in week.days)
        yield f"{week.name} ({week.zone.key}): {days}."


class _Drawing:
    """The elements so far, and how far down they reach."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.y = 4.0

    def text(self, text: str, style: str, *, down: float, x: float = 20) -> None:
        """A line of text below everything so far."""
        self.y += down
        self.parts.append(_text(x, self.y, text, style))

    def calendar(self, week: CalendarWeek) -> None:
        """One calendar: its days below each other, the next openings below them."""
        self.text(week.name, "name", down=28)
        self.text(_shortened(used_by(week)), "soft", down=16)
        self.y += 20
        for hour in range(0, 25, 3):
            self.parts.append(_text(_LEFT + hour * _HOUR, self.y, f"{hour:02}", "soft", anchor="middle"))
        self.y += 6
        top = self.y
        for day in week.days:
            self.parts += _day(day, self.y)
            self.y += _ROW + _GAP
        self.parts += [
            f'<line class="line" x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{self.y - _GAP}"/>'
            for x in (_LEFT + hour * _HOUR for hour in range(0, 25, 3))
        ]
        openings = [opening_text(each, week.zone) for each in week.openings]
        for number, line in enumerate(openings or ["does not open in the years ahead"]):
            self.text(f"{'Next openings: ' if openings and not number else ''}{line}", "soft", down=16, x=_LEFT)


def _day(day: Day, y: float) -> Iterator[str]:
    middle = y + _ROW / 2 + 4
    yield _text(20, middle, f"{day.day:%a %m-%d}", "changed" if day.has_change else "soft")
    yield _rect("shut", 0, DAY_SECONDS, y, _ROW)
    for first, last in day.skipped:
        yield _rect("gap", first, last, y, _ROW, "the clock skips this time")
    for first, last in day.repeated:
        yield _rect("gap", first, last, y, _ROW, "the clock shows this time twice: the first above, the second below")
    for part in day.open:
        top, height = _lane(part, y)
        yield _rect("open", part.first, part.last, top, height, f"{day.day:%a} {open_time(part)}")


def _lane(part: OpenPart, y: float) -> tuple[float, float]:
    """Where the clock shows a time twice, the first is the upper half and the second the lower."""
    if not part.turn:
        return y, _ROW
    return y + (part.turn - 1) * _ROW / 2, _ROW / 2


def _rect(style: str, first: int, last: int, y: float, height: float, title: str = "") -> str:
    x, width = _LEFT + first / 3600 * _HOUR, (last - first) / 3600 * _HOUR
    inside = f"<title>{escape(title)}</title>" if title else ""
    return f'<rect class="{style}" x="{x:.2f}" y="{y:.1f}" width="{width:.2f}" height="{height:.1f}">{inside}</rect>'


def _text(x: float, y: float, text: str, style: str, *, anchor: str = "start") -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _shortened(text: str) -> str:
    from batchgate.text import shorten

    return shorten(text, 120)
