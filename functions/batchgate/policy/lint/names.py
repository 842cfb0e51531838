"""Lints on names: those that leave no room on the job, and those that nothing uses."""

from collections.abc import Iterator

from msgspec import UNSET

from batchgate.policy import model
from batchgate.policy.lint.finding import Finding, Path
from batchgate.policy.lint.located import Located, named_lists
from batchgate.policy.wording import printable

_ROOM = 60
"""Characters of a name that the reason on the job shows."""


def lint_names(located: Located) -> Iterator[Finding]:
    """Names of statements and calendars, which people read in the reason on the job."""
    named: list[tuple[Path, str]] = [((*each.path, "name"), each.name) for each in located.statements]
    named += [(("calendars", name), name) for name in located.document.calendars]
    for path, name in named:
        if len(name) > _ROOM:
            why = f"this name has {len(name)} characters, of which the reason on the job has room for {_ROOM}"
            yield Finding("name-without-room", path, why, "write a short name, and what it is for into description")
        elif printable(name) != name:
            why = f"the reason on the job takes printable ASCII only, so this name reads {printable(name)} there"
            yield Finding("name-without-room", path, why, "write the name in ASCII")


def lint_unused(located: Located) -> Iterator[Finding]:
    """Lists and calendars that no condition names."""
    document = located.document
    statements = (document.guardrails or (), document.policies or (), document.exceptions or ())
    lists = set(named_lists(statements))
    for name in document.lists:
        if name not in lists:
            yield Finding("unused-list", ("lists", name), f"nothing names the list {name}", _UNUSED)
    windows = {name for part in statements for form in part for name in _windows(form, located)}
    for name in document.calendars:
        if name not in windows:
            yield Finding("unused-calendar", ("calendars", name), f"nothing names the calendar {name}", _UNUSED)


_UNUSED = "remove it, or name it where it was meant"


def _windows(form: object, located: Located) -> Iterator[str]:
    """The calendars that a part of a document names."""
    match form:
        case tuple():
            for part in form:
                yield from _windows(part, located)
        case model.Statement() | model.Exemption():
            yield from _windows(form.match, located)
            yield from _windows(getattr(form, "require", ()), located)
        case model.Condition():
            for part in (form.any, form.all, getattr(form, "unless", UNSET)):
                yield from _windows(part, located)
            if form.window is not UNSET:
                yield from _named(form.window, located)
        case _:
            pass


def _named(words: object, located: Located) -> Iterator[str]:
    match words:
        case str():
            yield words
        case tuple():
            yield from words
        case model.PlainTextTerm():
            if words.list is not UNSET:
                yield from located.document.lists[words.list]
            yield from _named(getattr(words, "not_", UNSET), located)
        case _:
            pass
