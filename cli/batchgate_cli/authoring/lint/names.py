"""Lints on names: those that leave no room on the job, and those that nothing uses."""

from collections.abc import Collection, Iterator

from msgspec import UNSET

from batchgate.policy import model
from batchgate.policy.checks import InWindow, Not
from batchgate.policy.reason import NAME_ALWAYS_WHOLE
from batchgate.policy.wording import printable
from batchgate_cli.authoring.lint.finding import Finding, Path
from batchgate_cli.authoring.lint.located import Leaf, Located, lists_in_use


def lint_names(located: Located) -> Iterator[Finding]:
    """Names of statements, calendars and budgets, which people read in the reason on the job."""
    named: list[tuple[Path, str]] = [((*each.path, "name"), each.name) for each in located.statements]
    named += [(("calendars", name), name) for name in located.document.calendars]
    budgets = () if located.document.budgets is UNSET else located.document.budgets
    named += [(("budgets", number, "name"), each.name) for number, each in enumerate(budgets)]
    for path, name in named:
        if len(name) > NAME_ALWAYS_WHOLE:
            why = (
                f"this name has {len(name)} characters; the reason on the job always has room for {NAME_ALWAYS_WHOLE}, "
                "and a longer name leaves less room for what is wrong"
            )
            yield Finding("name-without-room", path, why, "write a short name, and move what it is for to description")
        elif printable(name) != name:
            why = f"the reason on the job contains printable ASCII only, so this name appears as {printable(name)}"
            yield Finding("name-without-room", path, why, "write the name in ASCII")


def lint_unused(located: Located, meant: Collection[str]) -> Iterator[Finding]:
    """Lists and calendars that no condition names, but for the lists that are meant by a text."""
    document = located.document
    apart = [exception.form.match for exception in located.exceptions if exception.match is None]
    lists = lists_in_use(located)
    for name in document.lists:
        if name not in lists and name not in meant:
            yield Finding("unused-list", ("lists", name), f"nothing uses the list {name}", _UNUSED)
    windows = {name for leaf in located.leaves for name in _calendars(leaf)}
    windows.update(name for match in apart for name in _windows(match, document))
    for name in document.calendars:
        if name not in windows:
            yield Finding("unused-calendar", ("calendars", name), f"nothing uses the calendar {name}", _UNUSED)


_UNUSED = "remove it, or use it where it was meant"


def _calendars(leaf: Leaf) -> frozenset[str]:
    test = leaf.check.test.test if isinstance(leaf.check.test, Not) else leaf.check.test
    return test.names if isinstance(test, InWindow) else frozenset()


def _windows(form: object, document: model.PolicyDocument) -> Iterator[str]:
    """The calendars that conditions, or the words of a window, name."""
    match form:
        case str():
            yield form
        case tuple():
            for part in form:
                yield from _windows(part, document)
        case model.Condition():
            for part in (form.any, form.all, form.window):
                yield from _windows(part, document)
        case model.PlainTextTerm():
            if form.list is not UNSET:
                yield from map(str, document.lists[form.list])
            yield from _windows(getattr(form, "not_", UNSET), document)
        case _:
            pass
