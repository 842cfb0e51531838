"""Lint on time zones at a fixed offset, whose names suggest another clock."""

import re
from collections.abc import Iterator

from batchgate.policy.suggestions import CITY_OF_FIXED_ZONE
from batchgate_cli.authoring.lint.finding import Finding, Path
from batchgate_cli.authoring.lint.located import Located

_OFFSET = re.compile(r"(?:Etc/)?GMT(?P<sign>[+-])(?P<hours>[1-9][0-9]?)")
_HOURS = {"EST": -5, "MST": -7, "HST": -10}
"""Offset from UTC. Source: tz database, file northamerica."""


def lint_zones(located: Located) -> Iterator[Finding]:
    """Zones of calendars, exceptions and budgets at a fixed offset other than UTC."""
    document = located.document
    zones: list[tuple[Path, str]] = [
        (("calendars", name, "timezone"), form.timezone) for name, form in document.calendars.items()
    ]
    zones += [
        (("exceptions", index, "timezone"), each.timezone)
        for index, each in enumerate(document.exceptions or ())
        if each.timezone
    ]
    zones += [
        (("budgets", index, "timezone"), each.timezone)
        for index, each in enumerate(document.budgets or ())
        if each.timezone
    ]
    for path, zone in zones:
        offset = _OFFSET.fullmatch(zone)
        if offset:
            reverse = "-" if offset["sign"] == "+" else "+"
            why = f"{zone} is UTC{reverse}{offset['hours']}: its sign is reversed, and it has no summer time"
            yield Finding("fixed-zone", path, why, f"write {_CITY} Europe/Berlin; or UTC, and times in UTC")
        elif zone in _HOURS:
            why = f"{zone} is UTC{_HOURS[zone]} all year, without summer time"
            yield Finding("fixed-zone", path, why, f"write {_CITY} {CITY_OF_FIXED_ZONE[zone]}")


_CITY = "the zone of a city, such as"
