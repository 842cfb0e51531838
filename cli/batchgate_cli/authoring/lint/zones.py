"""Lint on time zones whose clock is not the one that their name suggests."""

import re
from collections.abc import Iterator

from batchgate_cli.authoring.lint.finding import Finding, Path
from batchgate_cli.authoring.lint.located import Located

_OFFSET = re.compile(r"(?:Etc/)?GMT(?P<sign>[+-])(?P<hours>[1-9][0-9]?)")
_ABBREVIATIONS = {"EST": (-5, "America/New_York"), "MST": (-7, "America/Denver"), "HST": (-10, "Pacific/Honolulu")}
"""Zones of the tz database without summer time, all year at one offset. Source: tz database, file northamerica."""


def lint_zones(located: Located) -> Iterator[Finding]:
    """Zones of calendars and exceptions."""
    document = located.document
    zones: list[tuple[Path, str]] = [
        (("calendars", name, "timezone"), form.timezone) for name, form in document.calendars.items()
    ]
    zones += [
        (("exceptions", index, "timezone"), each.timezone)
        for index, each in enumerate(document.exceptions or ())
        if each.timezone
    ]
    for path, zone in zones:
        offset = _OFFSET.fullmatch(zone)
        if offset:
            reverse = "-" if offset["sign"] == "+" else "+"
            why = f"{zone} is UTC{reverse}{offset['hours']}: its sign is reversed, and it has no summer time"
            yield Finding("fixed-zone", path, why, "write a place's zone, such as Europe/Berlin")
        elif zone in _ABBREVIATIONS:
            hours, place = _ABBREVIATIONS[zone]
            why = f"{zone} is UTC{hours} all year, without summer time"
            yield Finding("fixed-zone", path, why, f"write a place's zone, such as {place}")
