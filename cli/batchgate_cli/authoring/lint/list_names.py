"""Lint on the name of a list where a value is compared: the text stands for itself."""

from collections.abc import Iterator, Mapping

from batchgate.policy.checks import Clock
from batchgate.policy.patterns import Pattern
from batchgate_cli.authoring.lint.finding import Finding, Path
from batchgate_cli.authoring.lint.located import Leaf, Located, lists_in_use, texts
from batchgate_cli.authoring.lint.operations import is_operation
from batchgate_cli.authoring.lint.values import can_be


def names_as_text(located: Located) -> Mapping[Path, str]:
    """Where a text is a list's name and the list is certainly meant, and which.

    That is where the text can't be a value, or where nothing else names the list: a bucket may be called as a list is.
    """
    lists = located.document.lists
    used = lists_in_use(located) if lists else set()
    return {
        path: pattern
        for leaf in (located.leaves if lists else ())
        if not isinstance(leaf.check.measure, Clock)  # a window compares calendars' names
        for path, pattern in texts(leaf, lists)
        if isinstance(pattern, str) and pattern in lists and (pattern not in used or _is_impossible(leaf, pattern))
    }


def lint_list_names(names: Mapping[Path, str]) -> Iterator[Finding]:
    """Each text that means a list."""
    for path, name in names.items():
        in_list = path[0] == "lists"
        yield Finding(
            "list-name-as-text",
            path,
            f"{name} is compared as text, although a list has this name",
            "write its values out: a list can't name another list" if in_list else f"write {{list: {name}}}",
        )


def _is_impossible(leaf: Leaf, pattern: Pattern) -> bool:
    return not can_be(leaf.check.measure, pattern) or not is_operation(leaf.check.measure, pattern)
