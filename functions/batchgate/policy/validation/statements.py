"""The rules of documents, statements, exceptions and conditions."""

from collections.abc import Mapping

from batchgate.policy import model
from batchgate.policy.as_written import keys as keys_of
from batchgate.policy.validation.notes import Notes, Path
from batchgate.policy.validation.operands import check_tags, check_window
from batchgate.policy.validation.times import check_expiry, check_zone

_CONDITION_KEYS = frozenset(model.Condition.__struct_encode_fields__)
_REQUIREMENT_KEYS = frozenset(model.Requirement.__struct_encode_fields__)


def check_document(notes: Notes, value: Mapping[str, object], _path: Path) -> None:
    """Note the named lists and calendars, and their number, and that of budgets; an approval is wanted of somebody."""
    budgets, most = value.get("budgets"), model.BUDGETS_AT_MOST
    if isinstance(budgets, list | tuple) and len(budgets) > most:
        notes.wrong(("budgets",), f"expected at most {most} budgets, got {len(budgets)}; combine some of them")
    if value.get("approvals") == {}:
        notes.wrong(("approvals",), "expected at least one of by, at_least, not_requester and session_names; got none")
    for key in ("lists", "calendars"):
        named = value.get(key)
        if isinstance(named, dict):
            names = {str(name): content for name, content in named.items()}
            if key == "lists":
                notes.lists = names
            else:
                notes.calendars = set(names)
                most = model.CALENDARS_AT_MOST
                if len(names) > most:
                    notes.wrong((key,), f"expected at most {most} calendars, got {len(names)}; combine some of them")


def check_budget(notes: Notes, value: Mapping[str, object], path: Path) -> None:
    """Note the name; something is limited, and periods begin by the clock of a zone."""
    name = value.get("name")
    if isinstance(name, str):
        notes.names.append(((*path, "name"), name))
        notes.budgets.add(name)
    if not any(limit in value for limit in model.LIMITS):
        notes.wrong(
            path, f"expected at least one limit of {', '.join(model.LIMITS)}; got none; write one, as jobs: 300"
        )
    check_zone(notes, value, path)


def check_statement(notes: Notes, value: Mapping[str, object], path: Path) -> None:
    """Note the name; a grace stands only beside a cancellation."""
    name = value.get("name")
    if isinstance(name, str):
        notes.names.append(((*path, "name"), name))
        notes.liftable.add(name)
    asked = value.get("require")
    for index, requirement in enumerate(asked if isinstance(asked, list | tuple) else ()):
        if isinstance(requirement, dict) and "grace" in requirement:
            nearest = requirement.get("on_violation", value.get("on_violation", "hold"))
            if nearest != "cancel" or "manual_approval" in requirement:
                notes.wrong(
                    (*path, "require", index, "grace"),
                    "grace is allowed only beside on_violation: cancel; a held job is not cancelled",
                )


def check_exception(notes: Notes, value: Mapping[str, object], path: Path) -> None:
    """Note the name and what it lifts; its end is a day in a zone."""
    name, lifts = value.get("name"), value.get("lifts")
    if isinstance(name, str):
        notes.names.append(((*path, "name"), name))
    for index, lifted in enumerate(lifts if isinstance(lifts, list | tuple) else ()):
        if isinstance(lifted, str):
            notes.lifted.append(((*path, "lifts", index), lifted))
    check_expiry(notes, value, path)
    check_zone(notes, value, path)


def check_condition(notes: Notes, value: Mapping[str, object], path: Path) -> None:
    """Exactly one check, any or all, and each where it is allowed."""
    keys = [key for key in value if key in _CONDITION_KEYS]
    if not keys and not any(key not in _REQUIREMENT_KEYS for key in value):
        then = "add the check, such as total_tasks"
        if value and path[-2:-1] == ("require",) and path[-1] != 0:
            then = f"remove the dash: {next(iter(value))} belongs beside the check of the item above"
        notes.wrong(path, f"expected one check, any or all; got {keys_of(value)}; {then}")
    elif len(keys) > 1:
        notes.wrong(path, f"expected one check per item, got {', '.join(keys)}; make each a separate item (`- `)")
    for key in ("any", "all"):
        if key in value and notes.nesting >= model.MAX_NESTING:
            notes.wrong(
                (*path, key),
                f"any and all may be nested at most {model.MAX_NESTING} deep; split this into several items"
                " or statements",
            )
    if "manual_approval" in value:
        _check_approval(notes, value["manual_approval"], (*path, "manual_approval"))
    if "budget" in value:
        _check_budget_use(notes, value["budget"], (*path, "budget"))
    if "tags" in value:
        check_tags(notes, value["tags"], (*path, "tags"))
    if "window" in value:
        check_window(notes, value["window"], (*path, "window"))


def _check_approval(notes: Notes, value: object, path: Path) -> None:
    if not notes.asking:
        notes.wrong(path, "allowed only in require, not in match, unless or exceptions; move it to require")
    elif notes.in_any:
        notes.wrong(
            path, "allowed only outside any; make it a requirement of its own, or write the alternative as its unless"
        )
    if value == {}:
        notes.wrong(path, "expected by, at_least or not_requester; got none; write manual_approval: required")


def _check_budget_use(notes: Notes, value: object, path: Path) -> None:
    if isinstance(value, str):
        notes.budget_uses.append((path, value))
    if not notes.asking:
        notes.wrong(path, "allowed only in require, not in match, unless or exceptions; move it to require")
    elif notes.in_any:
        notes.wrong(
            path, "not allowed in any: a budget can't be replaced by another condition; make it a separate requirement"
        )


def _names_budget(condition: object, deeper: int = model.MAX_NESTING) -> bool:
    """Whether a budget stands in a condition, or in an `all` of it as deep as one may stand."""
    if not isinstance(condition, dict):
        return False
    parts = condition.get("all") if deeper else ()
    found = parts if isinstance(parts, list | tuple) else ()
    return "budget" in condition or any(_names_budget(part, deeper - 1) for part in found)


def check_requirement(notes: Notes, value: Mapping[str, object], path: Path) -> None:
    """A condition; an approval has no violation."""
    check_condition(notes, value, path)
    if "unless" in value and _names_budget(value):
        notes.wrong(
            (*path, "unless"),
            "only people's approvals lift a budget; remove unless, or narrow the statement's match",
        )
    if "manual_approval" in value and "on_violation" in value:
        notes.wrong(
            (*path, "on_violation"), "manual_approval is never violated, the job waits for it; remove on_violation"
        )
