"""`batchgate policy diff`: what changes from one policy set to another, and for which jobs."""

import json
from datetime import UTC, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from batchgate.jobs.model import Json
from batchgate_cli.commands.policy_simulate import parse_from
from batchgate_cli.exits import Exit, reported_errors, show_notes
from batchgate_cli.files import check_output_directory
from batchgate_cli.groups import argument, option
from batchgate_cli.output import Output, OutputOption, print_line

if TYPE_CHECKING:
    from batchgate_cli.authoring.comparison.compare import Change, Comparison

EXIT_CODES_HELP = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 invalid policy, 7 it could not be decided whether there is what"
    " --fail-on names, 8 there is."
)


class FailOn(StrEnum):
    """What makes the command fail."""

    MORE_PERMISSIVE = "more-permissive"
    CHANGE = "change"


def diff(
    old: Annotated[Path, argument(metavar="OLD", help="The policy set as it was: a file, or a directory.")],
    new: Annotated[Path, argument(metavar="NEW", help="The policy set as it will be: a file, or a directory.")],
    from_: Annotated[
        str | None,
        option(
            "--from",
            metavar="DATE",
            help="Consider the year that begins on this date; now if not given. It matters if windows or exceptions are"
            " used.",
            show_default=False,
        ),
    ] = None,
    examples: Annotated[
        Path | None,
        option(
            metavar="DIR",
            help="Write the examples there, as files for `batchgate policy explain`.",
            show_default=False,
        ),
    ] = None,
    fail_on: Annotated[
        FailOn | None,
        option(
            metavar="WORD",
            help="more-permissive: exit with code 8 if any job is decided less cautiously. change: if any job is"
            " decided differently. Exit with code 7 if that could not be decided.",
            show_default=False,
        ),
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what changes in meaning from one policy set to another, and for which jobs.

    First the text is compared: settings, statements, exceptions, budgets and calendars that were added, removed or
    changed. Order, comments, files and named lists do not count as changes.

    Then the verdicts are compared. Policies can distinguish only finitely many kinds of jobs, so all of them can be
    searched. For each way in which a verdict can change, such as held to approved, the output has an example of such a
    job, with both decisions, or states that there is no such job. More permissive changes come first. If a search
    can't decide, the output gives the reason, and generated jobs are tried instead.

    "No job" covers Suspended jobs that nobody has approved, with one operation, with a manifest or a generator, and
    with nothing in them that this version does not know.

    To compare with what is committed: `git show main:policies/approval.yaml > old.yaml`
    """
    start = parse_from(from_)
    from batchgate_cli.authoring import policy_file
    from batchgate_cli.authoring.comparison.changes import changes_between
    from batchgate_cli.authoring.comparison.compare import compare
    from batchgate_cli.authoring.comparison.view import comparison_as_json, show_changes, show_comparison

    with reported_errors():
        if examples is not None:
            check_output_directory(examples, "--examples")
        before, after = policy_file.load([old]), policy_file.load([new])
        changes = changes_between(before.document, after.document)
        begin = datetime.combine(start, time(), UTC) if start else datetime.now(UTC)
        comparison = compare(before.policies, after.policies, begin)
        if output is Output.JSON:
            versions = {"old_version": before.policies.version, "new_version": after.policies.version}
            print(json.dumps({**versions, **comparison_as_json(comparison, changes)}, indent=2))
        else:
            print_line((f"policy version {before.policies.version} -> {after.policies.version}", "bold"))
            show_changes(changes)
            print_line()
            show_comparison(comparison)
        if examples is not None:
            _write_examples(comparison, examples, [old, new])
        code = _exit_code(comparison, fail_on)
        if code:
            raise click.exceptions.Exit(code)


def _exit_code(comparison: "Comparison", fail_on: FailOn | None) -> int:
    from batchgate_cli.authoring.comparison.search import Outcome

    asked = [
        change.outcome
        for change in (*comparison.changes, *comparison.with_approvals)
        if fail_on is FailOn.CHANGE or (fail_on is FailOn.MORE_PERMISSIVE and change.is_more_permissive)
    ]
    if Outcome.FOUND in asked:
        return Exit.CHECK_FAILED
    return Exit.WARNED if Outcome.UNDECIDED in asked else Exit.DONE


def _write_examples(comparison: "Comparison", folder: Path, sets: list[Path]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    notes: list[str] = []
    for change in comparison.changes:
        if change.example is not None:
            notes += _written(change, folder, sets)
    show_notes(notes or ["no example to write"])


def _written(change: "Change", folder: Path, sets: list[Path]) -> list[str]:
    from batchgate_cli.authoring.comparison.view import name_of, tags_as_printed

    example, name = change.example, name_of(change)
    if example is None:
        return []
    job, tags = folder / f"{name}.job.json", folder / f"{name}.tags.json"
    job.write_text(json.dumps(example.job, indent=2) + "\n", encoding="utf-8")
    command = f"--job {job}"
    if example.tags is not None:
        tags.write_text(json.dumps({"Tags": tags_as_printed(example)}, indent=2) + "\n", encoding="utf-8")
        command += f" --tags {tags}"
    command += f" --at {example.at.isoformat().replace('+00:00', 'Z')}"
    decisions = [decision for decision in (change.old, change.new) if decision is not None]
    budgets: dict[str, Json] = {each.name: {} for decision in decisions for each in decision.policies.budgets}
    budgets |= example.used_as_written
    stated = {**example.facts, **({"budgets": budgets} if budgets else {})}
    if stated:
        facts = folder / f"{name}.facts.json"
        facts.write_text(json.dumps(stated, indent=2) + "\n", encoding="utf-8")
        command += f" --facts {facts}"
    return [f"batchgate policy explain {each} {command}" for each in sets]
