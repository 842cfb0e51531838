"""`batchgate policy simulate`: when the windows of a policy set are open."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import click

from batchgate_cli.exits import reported_errors, show_notes
from batchgate_cli.files import check_output
from batchgate_cli.groups import PolicyPaths, option
from batchgate_cli.option_types import Whole
from batchgate_cli.output import Output, OutputOption, print_line

_FIRST_YEAR, _LAST_YEAR = 1900, 9900


def simulate(
    paths: PolicyPaths,
    from_: Annotated[
        str | None,
        option(
            "--from",
            metavar="DATE",
            help="Show the week of this date, such as 2026-10-25, and the openings from then on; now if not given.",
            show_default=False,
        ),
    ] = None,
    openings: Annotated[
        int,
        option(metavar="N", help="How many of the next openings to show for each calendar.", type=Whole(0, 1000)),
    ] = 3,
    svg: Annotated[
        Path | None,
        option(metavar="FILE", help="Also write the week as an SVG picture, for light and dark pages."),
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show when windows are open: a week of each calendar in its own time zone, and its next openings.

    Only calendars that a condition names are shown. Times are those of the calendar's zone. In a week in which clocks
    change, the time that does not exist, or occurs twice, is marked. The date of the next change is shown; pass it to
    --from to see that week.

    A window that is open approves nothing by itself: `batchgate policy explain --at INSTANT` shows how a job would be
    decided at an instant.
    """
    start = parse_from(from_)
    from batchgate_cli.authoring import policy_file
    from batchgate_cli.authoring.week import weeks_of
    from batchgate_cli.authoring.week_view import show_weeks, weeks_as_json

    with reported_errors():
        if svg is not None:
            check_output(svg, "--svg", policy_file.files_of(paths))
        policies = policy_file.load(paths).policies
        weeks = weeks_of(policies, start or datetime.now(UTC), openings)
        if svg is not None:
            from batchgate_cli.authoring.week_svg import weeks_as_svg

            svg.write_text(weeks_as_svg(weeks), encoding="utf-8")
            show_notes([f"wrote {svg}"])
        if output is Output.JSON:
            print(json.dumps({"policy_version": policies.version, "calendars": weeks_as_json(weeks)}, indent=2))
        elif weeks:
            show_weeks(weeks)
        else:
            print_line("no condition of this policy set names a calendar, so no verdict depends on a window")


def parse_from(text: str | None) -> date | None:
    """The date of an option --from."""
    if text is None:
        return None
    from batchgate.policy.calendars import CalendarValueError, parse_date

    try:
        day = parse_date(text)
    except CalendarValueError as error:
        raise click.BadParameter(str(error), param_hint="--from") from error
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        message = f"expected a year from {_FIRST_YEAR} to {_LAST_YEAR}, got {day.year}"
        raise click.BadParameter(message, param_hint="--from")
    return day
