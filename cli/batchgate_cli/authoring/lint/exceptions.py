"""Lints on exceptions that lift too much, or for too long."""

from collections.abc import Iterator
from datetime import date, timedelta

from batchgate.text import shorten
from batchgate_cli.authoring.lint.finding import Finding
from batchgate_cli.authoring.lint.implications import implies, is_impossible, meets_always
from batchgate_cli.authoring.lint.located import Group, Located, LocatedException, LocatedStatement

_DAYS_AT_MOST = timedelta(days=2 * 366)
"""Two years; what lasts longer is a rule and no exception."""


def lint_exceptions(located: Located, today: date) -> Iterator[Finding]:
    """Exceptions that every job meets, and those that end in more than two years."""
    statements = {statement.name: statement for statement in located.statements}
    for exception in located.exceptions:
        if exception.match is not None:
            yield from _for_every_job(exception, exception.match, statements)
        expires = date.fromisoformat(exception.form.expires)
        if expires - today > _DAYS_AT_MOST:
            yield Finding(
                "distant-expiry",
                (*exception.path, "expires"),
                f"{exception.form.name} lifts its requirements until {expires}, more than two years from now",
                "write an earlier date; if it is meant to last, write it as `unless` in the statement",
            )


def _for_every_job(
    exception: LocatedException, match: Group, statements: dict[str, LocatedStatement]
) -> Iterator[Finding]:
    name, expires = exception.form.name, exception.form.expires
    if meets_always(match):
        yield Finding(
            "lifts-for-every-job",
            (*exception.path, "match"),
            f"every job meets this, so {name} lifts {shorten(' and '.join(exception.form.lifts), 200)} "
            f"for every job until {expires}",
            "match the jobs that are exempt, for example by their role",
        )
        return
    for index, lifted in enumerate(exception.form.lifts):
        governed = statements[lifted]
        if _is_lifted_whole(governed) and not is_impossible(governed.match) and implies(governed.match, match):
            yield Finding(
                "lifts-for-every-job",
                (*exception.path, "lifts", index),
                f"every job that {lifted} governs meets the match of {name}, so {lifted} requires nothing until"
                f" {expires}",
                f"match fewer jobs; to disable {lifted}, write mode: shadow in it",
            )


def _is_lifted_whole(statement: LocatedStatement) -> bool:
    """Whether nothing of a statement remains required, as a budget does."""
    return bool(statement.requirements) and all(each.lifted for each in statement.requirements)
