"""What changed from one policy document to another, in meaning: order, notation and comments are no change."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final, TypeAlias

from msgspec import Struct

from batchgate.policy import model
from batchgate.policy.canonical import canonical_json
from batchgate.policy.moments import parse_duration

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"
Written: TypeAlias = dict[str, Plain]

DEFAULTS: Final[Mapping[str, Plain]] = {
    "mode": "enforce",
    "unmatched": "hold",
    "ungated_jobs": "report",
    "cancel_grace": "5m",
    "cancel_held_after": "never",
    "approvals": "of whoever may call the gate's API",
}
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_BESIDE: Final = ("unless", "on_violation", "grace", "message")


class Detail(Struct, frozen=True):
    """One part that changed; None for what is not there.

    Attributes:
        part: Such as `require`, or `require total_tasks: {at_most: 1000}` where only what stands beside it changed.
    """

    part: str
    old: Plain
    new: Plain


class TextChange(Struct, frozen=True):
    """What changed in one setting, statement, exception, budget or calendar.

    Attributes:
        kind: `setting`, `policy`, `guardrail`, `exception`, `budget` or `calendar`.
        what: `added`, `removed` or `changed`.
    """

    kind: str
    name: str
    what: str
    details: tuple[Detail, ...]


def changes_between(old: model.PolicyDocument, new: model.PolicyDocument) -> list[TextChange]:
    """All changes: settings, then statements, exceptions, budgets and calendars, each in the order of names."""
    before, after = _plain(old), _plain(new)
    return [
        *_settings(before, after),
        *_prices(_mapping(before.get("prices")), _mapping(after.get("prices"))),
        *_named("policy", _by_name(before, "policies"), _by_name(after, "policies"), _of_statement),
        *_named("guardrail", _by_name(before, "guardrails"), _by_name(after, "guardrails"), _of_statement),
        *_named("exception", _by_name(before, "exceptions"), _by_name(after, "exceptions"), _of_exception),
        *_named("budget", _by_name(before, "budgets"), _by_name(after, "budgets"), _of_budget),
        *_named("calendar", _mapping(before.get("calendars")), _mapping(after.get("calendars")), _of_calendar),
    ]


def _plain(document: model.PolicyDocument) -> Written:
    whole: Written = json.loads(canonical_json(document))
    for calendar in _mapping(whole.get("calendars")).values():
        for row in _list(_mapping(calendar).get("open")):
            days = _mapping(row).get("days")
            if isinstance(days, list):
                days.sort(key=lambda day: _WEEKDAYS.index(str(day)))
    for name in ("cancel_grace", "cancel_held_after"):
        if name in whole:
            whole[name] = _duration(str(whole[name]))
    return whole


def _mapping(value: Plain) -> Written:
    return value if isinstance(value, dict) else {}


def _list(value: Plain) -> list[Plain]:
    return value if isinstance(value, list) else []


def _by_name(document: Written, section: str) -> Written:
    return {str(_mapping(each)["name"]): each for each in _list(document.get(section))}


def _duration(text: str) -> str:
    """The same length of time in its largest unit."""
    length = parse_duration(text)
    units = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)))
    for unit, one in units:
        if length and not length % one:
            return f"{length // one}{unit}"
    return f"{length // timedelta(seconds=1)}s"


def _settings(old: Written, new: Written) -> Iterator[TextChange]:
    for name, default in DEFAULTS.items():
        before, after = old.get(name, default), new.get(name, default)
        if before != after:
            yield TextChange("setting", name, "changed", (Detail(name, before, after),))


def _prices(old: Written, new: Written) -> Iterator[TextChange]:
    """What costs are estimated by."""
    before, after = _flat(old), _flat(new)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            detail = Detail(name, before.get(name), after.get(name))
            yield TextChange("setting", f"prices.{name}", "changed", (detail,))


def _flat(prices: Written) -> Written:
    """Each price by its path."""
    found: Written = {}
    for name, price in prices.items():
        inner = price.items() if isinstance(price, dict) else ()
        found.update({f"{name}.{of}": each for of, each in inner} if inner else {name: price})
    return found


_Details: TypeAlias = Callable[[Written, Written], Iterator[Detail]]


def _named(kind: str, old: Written, new: Written, details: _Details) -> Iterator[TextChange]:
    for name in sorted(old.keys() | new.keys()):
        what = "changed" if name in old and name in new else "added" if name in new else "removed"
        found = tuple(details(_mapping(old.get(name)), _mapping(new.get(name))))
        if found or what != "changed":
            yield TextChange(kind, name, what, found)


def _of_statement(old: Written, new: Written) -> Iterator[Detail]:
    for part, default in (("mode", "enforce"), ("description", None)):
        before, after = old.get(part, default if old else None), new.get(part, default if new else None)
        if before != after and not (part == "mode" and "enforce" in (before, after) and None in (before, after)):
            yield Detail(part, before, after)
    yield from _of_sets("match", _flattened(old.get("match")), _flattened(new.get("match")))
    yield from _of_requirements(_requirements(old), _requirements(new))


def _of_exception(old: Written, new: Written) -> Iterator[Detail]:
    yield from _of_sets("lifts", _list(old.get("lifts")), _list(new.get("lifts")))
    yield from _of_sets("match", _flattened(old.get("match")), _flattened(new.get("match")))
    for part, default in (("expires", None), ("timezone", "UTC"), ("because", None)):
        before, after = old.get(part, default if old else None), new.get(part, default if new else None)
        if before != after and not (part == "timezone" and default in (before, after) and None in (before, after)):
            yield Detail(part, before, after)


def _of_budget(old: Written, new: Written) -> Iterator[Detail]:
    for part in ("each", "per", "timezone", *model.LIMITS):
        default = "UTC" if part == "timezone" else None
        before, after = old.get(part, default if old else None), new.get(part, default if new else None)
        if before != after and not (part == "timezone" and default in (before, after) and None in (before, after)):
            yield Detail(part, before, after)


def _of_calendar(old: Written, new: Written) -> Iterator[Detail]:
    if old.get("timezone") != new.get("timezone"):
        yield Detail("timezone", old.get("timezone"), new.get("timezone"))
    for part in ("open", "closed"):
        yield from _of_sets(part, _list(old.get(part)), _list(new.get(part)))


def _of_sets(part: str, old: Sequence[Plain], new: Sequence[Plain]) -> Iterator[Detail]:
    """What is only in one of two lists; two of the same form are one change."""
    gone = [each for each in old if each not in new]
    come = [each for each in new if each not in old]
    for each in gone:
        same = next((other for other in come if _form(other) == _form(each)), None)
        if same is not None:
            come.remove(same)
        yield Detail(part, each, same)
    for each in come:
        yield Detail(part, None, each)


def _form(value: Plain) -> object:
    """What a condition looks at, without what it is compared with."""
    if not isinstance(value, dict):
        return None
    inner = ("operation_parameters", "manifest_generator", "tags", "report", "manifest")
    return {
        name: sorted(_mapping(operand)) if name in inner else None
        for name, operand in value.items()
        if name not in _BESIDE
    }


def _of_requirements(old: list[Written], new: list[Written]) -> Iterator[Detail]:
    gone = [each for each in old if each not in new]
    come = [each for each in new if each not in old]
    for each in [*gone]:  # the same condition, with something else beside it
        same = next((other for other in come if _condition(other) == _condition(each)), None)
        if same is not None:
            gone.remove(each)
            come.remove(same)
            named = f"require {as_text(_condition(each))}"
            for word in _BESIDE:
                default = "hold" if word == "on_violation" else None
                if each.get(word, default) != same.get(word, default):
                    yield Detail(f"{named}: {word}", each.get(word, default), same.get(word, default))
    yield from _of_sets("require", gone, come)


def _condition(requirement: Written) -> Written:
    return {name: value for name, value in requirement.items() if name not in _BESIDE}


def _requirements(statement: Written) -> list[Written]:
    """Each with what a violation leads to written at it, whether it was said there or of the whole statement."""
    found: list[Written] = []
    for each in _list(statement.get("require")):
        requirement = {**_mapping(each)}
        on_violation = requirement.pop("on_violation", statement.get("on_violation", "hold"))
        if on_violation != "hold" and "manual_approval" not in requirement:
            requirement["on_violation"] = on_violation
        if "unless" in requirement:
            requirement["unless"] = _flattened(requirement["unless"])
        if "grace" in requirement:
            requirement["grace"] = _duration(str(requirement["grace"]))
        found.append(requirement)
    return found


def _flattened(conditions: Plain) -> list[Plain]:
    """A list of conditions with those of an `all` in the place of it."""
    found: list[Plain] = []
    for each in _list(conditions):
        inner = _mapping(each).get("all")
        for one in _flattened(inner) if isinstance(inner, list) else [each]:
            if one not in found:
                found.append(one)
    return found


_BARE: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_./-]*|[0-9]+[smhd]")
_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off"})


def as_text(value: Plain) -> str:
    """A part of a document as YAML on one line; a mapping's own braces, and a list's of one, are left out."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_inside(inner)}" for name, inner in value.items())
    return _inside(value)


def _inside(value: Plain) -> str:
    if isinstance(value, dict):
        return "{" + as_text(value) + "}"
    if isinstance(value, list):
        return _inside(value[0]) if len(value) == 1 else "[" + ", ".join(map(_inside, value)) + "]"
    if isinstance(value, str) and _BARE.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value)
