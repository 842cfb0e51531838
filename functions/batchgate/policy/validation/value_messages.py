"""What is wrong with a value, and what to write instead: loaded only where there is something wrong."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import get_args

from msgspec import inspect

from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.policy import calendars, model, suggestions
from batchgate.policy.as_written import NUMBER_AT_MOST, show
from batchgate.policy.validation.kinds import plain
from batchgate.policy.validation.notes import Path
from batchgate.text import shorten

_KEYS_NAMED = 6
_BRACKETED_AT_MOST = 40
_LENGTH_OF_DATE = len("2026-03-27")


def wrong_type(kind: inspect.Type, value: object, key: object = "") -> str:
    """A value of another type than the model's."""
    return expected(_describe(kind), value) + _other_form(value, kind, key)


def wrong_union(kinds: Sequence[inspect.Type], value: object, key: object) -> str:
    """A value of none of several types."""
    hints = filter(None, (_other_form(value, kind, key) for kind in kinds))
    return expected(_describe_any(kinds), value) + next(hints, "")


def wrong_form(form: str, value: object) -> str:
    """A value that is no text where the text has a form, such as a date."""
    return expected(form, value) + _FORMS[form](value)


def wrong_list(value: object, kind: inspect.VarTupleType, key: object, *, is_required: bool) -> str:
    """A value where a list is expected."""
    hint = _as_items(value, kind.item_type) if isinstance(value, dict) else ""
    means_all = key == "match" and isinstance(value, str | bool) and str(value).lower() in _EVERY
    if not value or means_all:
        hint = f"; {instead_of_nothing(kind, key, is_required=is_required)}"
    elif isinstance(value, str | int) and not isinstance(plain(kind.item_type), inspect.StructType):
        item = plain(kind.item_type)
        choices = suggestions.in_order(item.values) if isinstance(item, inspect.LiteralType) else ()
        bracketed = (choices and suggestions.value_meant(str(value), choices)) or as_yaml(value)
        hint = f"; put it in brackets: [{bracketed}]" if len(bracketed) <= _BRACKETED_AT_MOST else ""
    return expected(_describe(kind), value) + hint


def empty_list(kind: inspect.VarTupleType, key: object, *, is_required: bool) -> str:
    """A list without an item where one is expected."""
    then = instead_of_nothing(kind, key, is_required=is_required)
    return f"expected at least one item, got an empty list; {then}"


def instead_of_nothing(kind: inspect.VarTupleType, key: object, *, is_required: bool) -> str:
    """What to do about nothing where a list is expected."""
    if key == "require" and not kind.min_length:
        return "write require: [] if the match is enough"
    if key == "require":
        return "add a requirement, or remove the guardrail"
    if key == "match":
        without = "" if is_required else ", or remove match: without it the statement governs every job"
        return f"add a condition{without}"
    return "add one" if is_required else f"add one, or remove the {'item' if isinstance(key, int) else 'key'}"


_EVERY = ("all", "any", "*", "always", "true")
"""How people write that a statement governs every job."""


def wrong_mapping(value: object, kind: inspect.DictType, path: Path) -> str:
    """A value where a mapping is expected."""
    return expected(_describe(kind), value) + _as_mapping(value, path)


def wrong_tags(key: str) -> str:
    """Tags that are written as AWS's APIs do."""
    return f"tags are written {{{as_yaml(key)}: VALUE}}, without TagSet, Key and Value"


def wrong_choice(value: object, kind: inspect.LiteralType) -> str:
    """A value outside a closed set of the language."""
    meant = suggestions.value_meant(str(value), suggestions.in_order(kind.values))
    hint = f"; write {meant}" if meant and "," in meant else f"; did you mean {meant}?" if meant else ""
    if set(kind.values) == set(get_args(model.Each)) and not hint:
        key = re.sub(r"\Atags?\.(?=.)", "", str(value))
        hint = f"; for each value of a tag write {{tag: {as_yaml(shorten(key, _BRACKETED_AT_MOST))}}}"
    return expected(_describe(kind), value) + (hint or _other_form(value, kind))


def wrong_number(value: object, kind: inspect.IntType) -> str:
    """A number below the least."""
    return expected(_describe(kind), value)


def too_large(value: int, kind: inspect.IntType) -> str:
    """A number beyond those that a document may hold."""
    lowest = f"from -{NUMBER_AT_MOST}" if kind.ge is None else f">= {kind.ge}"
    between = "to" if kind.ge is None else "and at most"
    return expected(f"a whole number {lowest} {between} {NUMBER_AT_MOST}", value)


def wrong_text(value: str, kind: inspect.StrType, key: object) -> str:
    """A text that is not of the form that its type wants."""
    return expected(_describe(kind), value) + (_other_text(kind) or _other_form(value, kind, key))


def wrong_moment(text: str) -> str:
    """What is wrong with an instant: of one that begins with a date, which part of it."""
    date = text[:_LENGTH_OF_DATE]
    if suggestions.date_meant(date) == date:
        try:
            calendars.parse_date(date)
        except calendars.CalendarValueError as error:
            return str(error)
    what = "a date such as 2026-03-27 or an instant with its offset such as 2026-03-27T06:00:00Z"
    return expected(what, text) + date_instead(text)


def date_instead(value: object) -> str:
    """The date that is meant, where it is clear and something else; of a date that does not exist, why."""
    return _dates_instead(suggestions.date_meant(value), value)


def dates_instead(value: object) -> str:
    """The same where a range of dates may be written, too."""
    return _dates_instead(suggestions.dates_meant(value), value)


def _dates_instead(meant: str, value: object) -> str:
    if not meant or meant == value:
        return ""
    try:
        calendars.parse_dates(meant)
    except calendars.CalendarValueError as error:
        return f"; read as a date: {error}"
    return _instead(meant, value)


def time_instead(text: str) -> str:
    """The time that is meant, or the two of a range, likewise."""
    ends = [*map(suggestions.time_meant, text.split("-"))]
    both = f'from: "{ends[0]}", to: "{ends[-1]}"' if len(ends) == 2 and all(ends) else ""  # noqa: PLR2004 the two ends
    return _instead(both or suggestions.time_meant(text), text)


def _one_time_instead(value: object) -> str:
    return _instead(suggestions.time_meant(value), value)


_FORMS: Mapping[str, Callable[[object], str]] = {
    str(model.DATE["form"]): date_instead,
    str(model.TIME["form"]): _one_time_instead,
}


def expected(what: str, value: object) -> str:
    """What was expected, and what was found."""
    return f"expected {what}, got {show(value)}"


def wrong_length(kind: inspect.StrType, text: str, where_empty: str) -> str:
    """A text that is too short, where another advice follows, or too long."""
    got = f"{len(text)} of them; shorten it" if text else f"{show(text)}; {where_empty}"
    return f"expected {_describe_text(kind)}, got {got}"


def instead_of_empty(path: Path, *, is_required: bool) -> str:
    """What to do about an empty text."""
    what = "item" if isinstance(path[-1], int) else "key"
    return "write it" if is_required else f"write it, or remove the {what}"


def _describe(kind: inspect.Type) -> str:
    """A type as a sentence names it."""
    kind = plain(kind)
    match kind:
        case inspect.StructType(cls=model.GlobTerm):
            return "{glob: PATTERN}"
        case inspect.StructType(fields=fields):
            names = [member.encode_name for member in fields]
            return f"a mapping with {', '.join(names[:_KEYS_NAMED])}{', ...' if len(names) > _KEYS_NAMED else ''}"
        case inspect.DictType():
            return "a mapping"
        case inspect.VarTupleType(item_type=item):
            return f"a list of items, each {_describe(item)}"
        case inspect.UnionType(types=types):
            return " or ".join(_describe(member) for member in types)
        case inspect.LiteralType(values=values):
            return suggestions.one_of(suggestions.in_order(values))
        case inspect.StrType():
            return f"{'text of ' if kind.max_length is not None else ''}{_describe_text(kind)}"
        case inspect.DecimalType():
            return f"US dollars from 0 to {model.MONEY_AT_MOST}, with at most {model.MONEY_DECIMALS} decimals"
        case inspect.IntType(ge=lowest):
            return "a whole number" if lowest is None else f"a whole number >= {lowest}"
        case _:
            return "true or false"


def _describe_any(kinds: Sequence[inspect.Type]) -> str:
    """Several types, a list of the others after them."""
    lists = any(isinstance(plain(kind), inspect.VarTupleType) for kind in kinds)
    words = [_describe(kind) for kind in kinds if not isinstance(plain(kind), inspect.VarTupleType)]
    return suggestions.one_of([*words[:-1], "a list", words[-1]] if lists else words)


def _describe_text(kind: inspect.StrType) -> str:
    if kind.max_length is not None:
        return f"1 to {kind.max_length} {'printable ASCII ' if kind.pattern else ''}characters"
    if kind.pattern is not None:
        return f"a duration such as {'0s' if kind.pattern.startswith('^(0|') else '21d'}, 5m, 2h or 1d"
    return "text that is not empty" if kind.min_length else "text"


_PLAIN = re.compile(r"(?!(?:true|false|null|yes|no|on|off)$)[A-Za-z][A-Za-z0-9_./*-]*", re.IGNORECASE)


def as_yaml(value: object) -> str:
    """A text as YAML reads it as text: in quotes where it needs them."""
    text = str(value)
    return text if isinstance(value, str) and _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _as_mapping(value: object, path: Path) -> str:
    """What to do about a list or a text where a mapping of tags is expected."""
    if path[-1] != "tags":
        return ""
    pairs = [_pair(each) for each in value] if isinstance(value, list | tuple) else []
    if pairs and all(pairs):
        written = f"{{{', '.join(f'{as_yaml(key)}: {as_yaml(test)}' for key, test in filter(None, pairs))}}}"
        return f"; write {written if len(written) <= _BRACKETED_AT_MOST else '{KEY: VALUE}'}"
    texts = value if isinstance(value, list | tuple) and len(value) == 2 else ()  # noqa: PLR2004 a key and a value
    key, test = map(as_yaml, texts) if texts and all(isinstance(each, str) for each in texts) else ("KEY", "VALUE")
    return f"; write {{{key}: {test}}}" if len(key) + len(test) <= _BRACKETED_AT_MOST else "; write {KEY: VALUE}"


def _pair(tag: object) -> tuple[str, str] | None:
    """The key and the value of a tag that is written as AWS's APIs do; None for anything else."""
    match tag:
        case {"Key": str(key), "Value": str(value), **more} if not more:
            return key, value
        case _:
            return None


def _as_items(value: Mapping[str, object], item: inspect.Type) -> str:
    """What to do about a mapping where a list of mappings is expected."""
    form = plain(item)
    named = {key: content for key, content in value.items() if isinstance(content, dict)}
    has_name = isinstance(form, inspect.StructType) and any(member.encode_name == "name" for member in form.fields)
    if value and len(named) == len(value) and has_name:
        name = shorten(str(next(iter(named))), _BRACKETED_AT_MOST)
        return f"; make each an item that begins with its name: `- name: {name}`"
    return "; put `- ` before it"


_UNIT_OF: Mapping[object, str] = {"cancel_grace": "m", "grace": "m"}
"""The unit of a setting's default, where it is not days: what a number without a unit means."""


def _other_form(value: object, kind: inspect.Type, key: object = "") -> str:
    """How to write a value of another type so that it is of this one; "" where that is not clear."""
    match plain(kind):
        case inspect.StrType(pattern=None) if isinstance(value, bool):
            return f'; write it in quotes: "{str(value).lower()}"'
        case inspect.StrType(pattern=None) if isinstance(value, int | float):
            return _number_as_text(value, key)
        case inspect.StrType(pattern=str(), max_length=None):
            return _instead(suggestions.duration_meant(value, _UNIT_OF.get(key, "d")), value)
        case inspect.BoolType():
            return _unquoted(suggestions.boolean_meant(value), value)
        case inspect.IntType() | inspect.LiteralType(values=(int(),)):
            duration = suggestions.duration_meant(value, "") if isinstance(value, str) and value[-1:].isalpha() else ""
            meant = _unquoted(suggestions.number_meant(value), value)
            return meant or (f"; only a time takes a duration, such as {{within: {duration}}}" if duration else "")
        case inspect.DecimalType():
            return _unquoted(suggestions.money_meant(value), value) if isinstance(value, str) else ""
        case inspect.StructType(cls=form):
            return _other_mapping(value, form, key)
        case inspect.LiteralType(values=(str(only),)):
            return f"; write {(only == 'required' and _approvers_instead(value)) or only}"
        case _:
            return ""


def _number_as_text(value: float, key: object) -> str:
    """How to write a number where text is expected."""
    if key in ("before", "after"):
        since = suggestions.instant_meant(value)
        instead = f"; seconds since 1970 are not read; write {since}" if since else date_instead(value)
        if instead:
            return instead
    return f'; write it in quotes: "{value}"' if abs(value) <= NUMBER_AT_MOST else "; write it in quotes"


def _other_mapping(value: object, form: type, key: object) -> str:
    """How to write a value that should be a mapping of one form; "" where that is not clear."""
    if issubclass(form, model.PlainRange):
        meant = suggestions.range_meant(value)
        return f"; write {meant or '{at_least: N}, {at_most: N} or both'}"
    if issubclass(form, model.PlainMoneyRange):
        amount = suggestions.money_meant(value)
        return f"; write {{at_most: {amount or 'N'}}}"
    if issubclass(form, model.PlainBuckets):
        names = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else []
        shown = f"[{', '.join(map(as_yaml, names))}]"
        shown = shown if names and len(shown) <= _BRACKETED_AT_MOST else "..."
        return f"; write {{any: {shown}}}, {{only: {shown}}} or {{none: {shown}}}"
    if issubclass(form, model.Approvals):
        meant = _approvers_instead(value).replace("required", "{at_least: 1}")
        return f"; write {meant}" if meant else ""
    if issubclass(form, model.PlainReport) and isinstance(value, bool):
        return f"; write {{enabled: {str(value).lower()}}}"
    if issubclass(form, model.PlainTextTerm) and value is None and key not in _OF_EVERY_JOB:
        return "; write {present: true} or {present: false}"
    return _other_condition(value) if issubclass(form, model.Condition) and isinstance(value, str) else ""


def _approvers_instead(value: object) -> str:
    """How to write people, or their number; "" where a value means neither."""
    if isinstance(value, list | tuple) or (isinstance(value, str) and any(sign in value for sign in ":*/")):
        names = ", ".join(map(as_yaml, value if isinstance(value, list | tuple) else [value]))
        return f"{{by: [{names if 0 < len(names) <= _CALLERS_AT_MOST else '...'}]}}"
    count = suggestions.approvals_meant(value)
    return f"{{at_least: {count}}}" if count > 1 else "required" if count else ""


_CALLERS_AT_MOST = 80
_OF_EVERY_JOB = ("operation", "role", "account", "region")


def _other_condition(text: str) -> str:
    """How to write a text that should be a condition."""
    check, colon, _ = text.partition(":")
    if colon and check in model.Condition.__struct_encode_fields__:
        return f"; a space is missing after the colon: {check}: ..."
    return f"; write operation: {text}" if text in KNOWN_OPERATIONS else ""


def _other_text(kind: inspect.StrType) -> str:
    """What to do about a text that is short enough and has a character too many."""
    return "" if kind.max_length is None else "; write it in one line of ASCII"


def _instead(meant: str, value: object) -> str:
    """What to write instead of a value, where that is known and something else."""
    return f"; write {meant}" if meant and meant != value else ""


def _unquoted(meant: str, value: object) -> str:
    """The same for what is no text."""
    if isinstance(value, str) and meant and value == meant.replace("_", ""):
        return f"; write it without quotes: {value}"
    return _instead(meant, value)
