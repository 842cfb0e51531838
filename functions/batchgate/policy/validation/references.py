"""Names used twice, and names of nothing: only the whole document shows them."""

from collections.abc import Iterator, Mapping, Sequence

from batchgate.errors import Problem
from batchgate.policy import patterns
from batchgate.policy.as_written import show
from batchgate.policy.parameters import as_pattern
from batchgate.policy.validation import parameters
from batchgate.policy.validation.notes import Notes, Path
from batchgate.policy.validation.operands import NO_GLOB_IN_WINDOW, check_tags

_NAMES_NAMED = 12
_DEFINED = {
    "list": "lists",
    "calendar": "calendars",
    "budget": "budgets",
    "policy or guardrail": "policies or guardrails",
}


def check_references(notes: Notes) -> None:
    """Note each name that is used twice, and each that names nothing."""
    seen: dict[str, Path] = {}
    for path, name in notes.names:
        if name in seen:
            first = Problem(seen[name], "").where
            message = (
                f"the name {show(name)} is already used by {first}; every statement and budget needs a unique name"
            )
            notes.problems.append(Problem(path, message, related=seen[name]))
        else:
            seen[name] = path
    for path, name in notes.lifted:
        _must_be_known(notes, path, name, notes.liftable, "policy or guardrail")
    for path, name, of_calendars in notes.list_uses:
        if _must_be_known(notes, path, name, notes.lists, "list") and of_calendars:
            _use_in_window(notes, path, notes.lists[name])
    _check_closed_sets(notes)
    for path, name in notes.window_uses:
        _must_be_known(notes, path, name, notes.calendars, "calendar")
    for path, name in notes.budget_uses:
        _must_be_known(notes, path, name, notes.budgets, "budget")
    for name in sorted(notes.tag_lists & notes.lists.keys()):
        check_tags(notes, notes.lists[name], ("lists", name))


def _use_in_window(notes: Notes, path: Path, values: object) -> None:
    for value in values if isinstance(values, list | tuple) else ():
        if isinstance(value, str):
            notes.window_uses.append((path, value))
        elif isinstance(value, dict) and "glob" in value:
            notes.wrong(path, NO_GLOB_IN_WINDOW)


def _check_closed_sets(notes: Notes) -> None:
    """Named lists where S3 chooses from a closed set; each list is looked through once for each set."""
    first = {use[1:]: _first_outside(notes, *use[1:]) for use in notes.closed_uses}
    for path, name, closed in notes.closed_uses:
        value = first[name, closed]
        if value is not None:
            from batchgate.policy.validation.parameter_messages import outside

            notes.wrong(path, f"the list {name}: {outside(value, closed)}")


def _first_outside(notes: Notes, name: str, closed: Sequence[str]) -> patterns.Pattern | None:
    """The first value of a named list that is not of a closed set."""
    return next((value for value in _values_of(notes, name) if not parameters.is_of_closed_set(value, closed)), None)


def _values_of(notes: Notes, name: str) -> Iterator[patterns.Pattern]:
    """The patterns of a named list; of what is none, nothing."""
    values = notes.lists.get(name)
    for value in values if isinstance(values, list | tuple) else ():
        pattern = as_pattern(value)
        if isinstance(pattern, str) or (isinstance(pattern, patterns.Glob) and _is_glob(pattern.text)):
            yield pattern


def _must_be_known(notes: Notes, path: Path, name: str, known: Mapping[str, object] | set[str], what: str) -> bool:
    if name in known:
        return True
    from batchgate.policy.suggestions import nearest

    near = nearest(name, known)
    names = ", ".join(sorted(known)[:_NAMES_NAMED]) + (", ..." if len(known) > _NAMES_NAMED else "")
    hint = f"did you mean {near}?" if near else f"known: {names}" if known else f"define it under {_DEFINED[what]}"
    if what == "policy or guardrail" and name in ("all", "*"):
        hint = f"there is no {name}; name the statements"
    if what == "policy or guardrail" and name in notes.budgets:
        hint = "it is a budget, which no exception lifts"
    if what == "calendar" and name[:1].isdigit():
        hint = "define a calendar with these times under calendars, and write its name here"
    if what == "calendar" and name in notes.lists:
        hint = f"write {{list: {name}}}"
    notes.wrong(path, f"no {what} is named {show(name)}; {hint}")
    return False


def _is_glob(text: str) -> bool:
    try:
        patterns.check_glob(text)
    except patterns.GlobError:
        return False
    return True
