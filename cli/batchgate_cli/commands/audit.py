"""`batchgate audit`: the record of decisions as files, and the check that nothing of it was changed or left out."""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import click

from batchgate_cli.exits import Exit, reported_errors, show_notes
from batchgate_cli.files import check_output_directory
from batchgate_cli.groups import argument, command_group, option
from batchgate_cli.operating.audit import Form
from batchgate_cli.operating.options import ApiOptions, GateAccessError, instant_of
from batchgate_cli.operating.wording import counted
from batchgate_cli.output import Output, OutputOption, print_line, printable_line

if TYPE_CHECKING:
    from batchgate_cli.operating.api_client import GateApi
    from batchgate_cli.operating.audit import Export

_EXPORT_EXIT_CODES: Final = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 7 done, and the gate could not give all of it (the notes say what), "
    "130 interrupted (the same command continues)."
)
_VERIFY_EXIT_CODES: Final = "Exit codes: 0 nothing is wrong, 1 there is no export, 2 wrong usage, 8 something is wrong."

_NOT_FOUND: Final = "/problems/not-found"

app = command_group("Export the record of decisions for auditors, and check an export.")


@app.add(epilog=_EXPORT_EXIT_CODES)
def export(
    api: ApiOptions,
    from_: Annotated[
        str, option("--from", metavar="DAY", help="The first day, or the instant to begin at.", show_default=False)
    ],
    to: Annotated[
        str | None,
        option(
            metavar="DAY",
            help="The last day, or an instant that has passed; yesterday if not given.",
            show_default=False,
        ),
    ] = None,
    output_dir: Annotated[
        Path | None,
        option(
            metavar="DIR",
            help="The directory to write; it must not exist yet. batchgate-audit-FROM-TO if not given.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[
        Form, option("--format", metavar="FORMAT", help="The format of the decisions: ndjson or csv.")
    ] = Form.NDJSON,
) -> None:
    """Export all decisions of a period with their history, and the policies that they name.

    The directory has a file for each day (UTC) with decisions, one for each version of the policies that a decision
    names, and a manifest with the number of decisions of each day and the SHA-256 of each file. It appears when all of
    it is written. An export that was interrupted continues where it was if the same command is run again.
    """
    begin, end = instant_of(from_, "--from", last=False), _end(to)
    now = datetime.now(UTC)
    if not begin < end <= now:
        ends = "is empty" if end <= begin else "is not over yet"
        raise click.BadParameter(
            f"{begin.isoformat()} to {end.isoformat()} {ends}; to export today's decisions, too, end at an "
            f"instant that has passed: --to {now:%Y-%m-%dT%H:%M}Z",
            param_hint="--from, --to",
        )
    last_day = (end - timedelta.resolution).date()
    directory = output_dir or Path(f"batchgate-audit-{from_}-{to or last_day}".replace(":", ""))
    with reported_errors():
        from batchgate_cli.operating.api_client import find_api
        from batchgate_cli.operating.audit import Period, check_new, export_record
        from batchgate_cli.operating.aws_output import printer

        check_new(directory)
        check_output_directory(directory, "--output-dir")
        output = printer(api)
        record = _ApiRecord(find_api(api))
        try:
            done = export_record(
                record, Period(begin, end), form, directory, now=lambda: datetime.now(UTC), note=_show_progress
            )
        except KeyboardInterrupt:
            _show_progress("")
            show_notes([f"nothing is in {directory}; the same command continues where this one was"])
            raise
        _show_progress("")
        if output.is_for_people:
            print_line(f"{directory}: ", (_counts(done), "bold"))
            print_line(f"The SHA-256 of its SHA256SUMS is {done.sums_hash}")
            print_line("Keep it elsewhere: with it, `batchgate audit verify DIR --sha256 HASH` notices any change.")
        else:
            output.print("export", _export_as_json(done))
        show_notes(done.gaps)
    if done.gaps:
        raise click.exceptions.Exit(Exit.WARNED)


@app.add(epilog=_VERIFY_EXIT_CODES)
def verify(
    directory: Annotated[Path, argument(metavar="DIR", help="The export.")],
    sha256: Annotated[
        str | None,
        option(metavar="HASH", help="The SHA-256 of its SHA256SUMS, as `audit export` printed it.", show_default=False),
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Check that an export is as it was written, and that nothing is left out of it.

    Every file has its hash, none is missing or added, every day from the first to the last has as many decisions as
    the manifest says, each in its day, and the policies of each version that a decision names are there and have that
    version. It asks no gate. Whoever can write all files can make them agree: only --sha256 notices that.
    """
    with reported_errors():
        from batchgate_cli.operating.audit import gaps_of, verify_export

        manifest, problems = verify_export(directory, sha256)
        gaps = gaps_of(manifest)
        if output is Output.JSON:
            facts = {name: manifest[name] for name in ("gate", "from", "to", "decisions", "exported_at")}
            print(json.dumps({"problems": problems, "gaps": gaps, **facts}, indent=2))
        else:
            for problem in problems:
                print_line(("wrong  ", "bold red"), printable_line(problem))
            count = counted(manifest["decisions"], "decision")
            where = f"{manifest['gate']}, {manifest['from']} to {manifest['to']}: {count}"
            print_line(printable_line(f"{where}, {len(problems) or 'nothing'} wrong"))
            show_notes([f"when it was written, the gate could not give {gap}" for gap in gaps])
    if problems:
        raise click.exceptions.Exit(Exit.CHECK_FAILED)


def _end(to: str | None) -> datetime:
    if to is None:
        return datetime.combine(datetime.now(UTC).date(), time(), UTC)
    return instant_of(to, "--to", last=True)


class _ApiRecord:
    """The record as the gate's API gives it."""

    def __init__(self, api: "GateApi") -> None:
        self._api = api
        place = api.get("/status").get("place")
        if not isinstance(place, dict):
            raise GateAccessError("GET /status: expected the gate's place, got none")
        self.place = f"account {place.get('account_id')} in {place.get('region')}"

    def decisions(self, begin: datetime, end: datetime, token: str | None) -> Mapping[str, Any]:
        """One page."""
        from batchgate_cli.operating.audit import PAGE

        period = {"from": begin.isoformat(), "to": end.isoformat()}
        page = self._api.get("/decisions", **period, detail="full", limit=PAGE, next=token)
        if not isinstance(page.get("decisions"), list) or "next" not in page:
            raise GateAccessError("GET /decisions: expected a page of decisions, got another document")
        return page

    def policies(self, version: str) -> Mapping[str, Any] | None:
        """The document of one version; None where the gate itself says that there is none."""
        from batchgate_cli.operating.api_client import ProblemError

        try:
            found = self._api.get(f"/policies/{version}")
        except ProblemError as error:
            if error.kind != _NOT_FOUND:
                raise
            return None
        if found.get("version") != version or not isinstance(found.get("document"), dict):
            raise GateAccessError(f"GET /policies/{version}: expected this version, got another document")
        return found


def _show_progress(line: str) -> None:
    """One line on a terminal, written over by the next one; "" takes it away."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{line}", nl=False, err=True)


def _counts(done: "Export") -> str:
    return f"{counted(done.decisions, 'decision')}, {counted(done.policies, 'policy version')}"


def _export_as_json(done: "Export") -> dict[str, Any]:
    return {
        "directory": str(done.directory),
        "decisions": done.decisions,
        "policies": done.policies,
        "gaps": [*done.gaps],
        "sha256": done.sums_hash,
    }
